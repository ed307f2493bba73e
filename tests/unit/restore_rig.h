/* restore_rig.h: backups made by hand, restored on the simulated disk. */
#ifndef TESTS_RESTORE_RIG_H
#define TESTS_RESTORE_RIG_H

#include "unit.h"
#include "sim/sim_disk.h"
#include "base/s2.h"
#include "store/backup_json.h"
#include "store/consumer_store.h"
#include "store/files.h"
#include "store/meta_file.h"

#include <errno.h>
#include <stdlib.h>

#define TAR_BLOCK_SIZE 512
#define NOW            1795500000000000000LL
#define SEEDS          6 /* a power cut comes out differently under each */
#define DIR            "/js/streams/S"
#define STAGING        "/js/snap/1"

struct rig {
    struct sched *sched;
    struct sim_disk *sim;
    struct disk *disk;
    struct storage *storage;
    struct store_host host;
    uint64_t admit_msgs, admit_bytes; /* the last that was asked for */
    uint64_t admit_below;             /* bytes; 0: all */
    char why[256];
};

static inline void up(struct rig *r)
{
    struct storage_options so = {.disk = r->disk, .dir = "/js"};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &r->storage), 0);
    r->host = (struct store_host){.disk = r->disk,
                                  .port = storage_port_new(r->storage, NULL, NULL),
                                  .cache = store_cache_new(1 << 20),
                                  .random = sched_bytes,
                                  .random_ctx = r->sched};
}

static inline void down(struct rig *r)
{
    storage_port_free(r->host.port);
    storage_close(r->storage);
    store_cache_free(r->host.cache);
}

static inline void start(struct rig *r, uint64_t seed)
{
    *r = (struct rig){.sched = sched_new(seed)};
    r->sim = sim_disk_new(r->sched);
    r->disk = sim_disk_base(r->sim);
    sim_disk_mkdirs(r->sim, "/js");
    up(r);
}

static inline void stop(struct rig *r)
{
    down(r);
    sim_disk_free(r->sim);
    sched_free(r->sched);
}

static inline void cut_power(struct rig *r)
{
    sim_disk_crash(r->sim);
    down(r);
    sim_disk_start(r->sim);
    up(r);
}

static inline struct file_store_options options(struct rig *r)
{
    return (struct file_store_options){.host = &r->host,
                                       .dir = DIR,
                                       .name = SLICE_LIT("S"),
                                       .meta = SLICE_LIT("{\"name\":\"S\"}"),
                                       .block_size = STORE_BLOCK_MAX,
                                       .track_subjects = true,
                                       .now = NOW};
}

static inline bool on_admit(void *ctx, uint64_t msgs, uint64_t bytes)
{
    struct rig *r = ctx;
    r->admit_msgs = msgs;
    r->admit_bytes = bytes;
    return r->admit_below == 0 || bytes < r->admit_below;
}

/* The whole of a restore of these archive bytes. */
static inline enum store_rc restore(struct rig *r, const struct byte_buf *plain)
{
    static struct s2_table table;
    uint8_t *packed = malloc(s2_stream_bound(S2_PLAIN, plain->len));
    size_t len = s2_stream_encode(&table, S2_PLAIN, buf_view(plain), packed);
    struct restore_options o = {.store = options(r),
                                .staging = STAGING,
                                .account = SLICE_LIT("$G"),
                                .max_payload = 1 << 20,
                                .admit = on_admit,
                                .ctx = r};
    struct restore *re;
    r->why[0] = 0;
    enum store_rc rc = restore_new(&o, &re);
    if (rc == STORE_OK) {
        rc = restore_feed(re, slice_make(packed, len));
        rc = rc == STORE_OK ? restore_finish(re) : rc;
        snprintf(r->why, sizeof r->why, "%s", restore_why(re));
        CU_ASSERT_EQUAL(rc == STORE_OK, r->why[0] == 0);
        restore_free(re);
    }
    free(packed);
    return rc;
}

static inline bool exists(struct rig *r, const char *path)
{
    struct disk_stat st;
    return disk_stat(r->disk, path, &st) == 0;
}

/* ---- archives ---- */

static inline void entry(struct byte_buf *b, slice name, uint64_t seq, const char *data)
{
    buf_uv(b, name.len);
    buf_sv(b, NOW);
    buf_uv(b, seq);
    buf_uv(b, 0);
    buf_uv(b, strlen(data));
    buf_slice(b, name);
    buf_bytes(b, data, strlen(data));
}

static inline void head(struct byte_buf *b, uint64_t first, uint64_t last)
{
    char json[200];
    buf_bytes(b, "NATSARC1", 8);
    snprintf(json, sizeof json, "{\"messages\":1,\"bytes\":40,\"first_seq\":%llu,\"last_seq\":%llu}",
             (unsigned long long)first, (unsigned long long)last);
    entry(b, SLICE_LIT("state.json"), 0, json);
}

#define CONSUMER "{\"config\":%s,\"state\":{\"delivered\":{\"consumer_seq\":1,\"stream_seq\":1}}}"

/* One consumer, two messages, the end. */
static inline void whole(struct byte_buf *b)
{
    char json[200];
    snprintf(json, sizeof json, CONSUMER, "{\"durable_name\":\"c\"}");
    head(b, 1, 3);
    entry(b, SLICE_LIT("consumers/c"), 0, json);
    entry(b, SLICE_LIT("a"), 1, "one");
    entry(b, SLICE_LIT("b"), 2, "two");
    entry(b, SLICE_EMPTY, 0, "");
}

static inline void tar_head(struct byte_buf *b, const char *name, char type, uint64_t size)
{
    char h[TAR_BLOCK_SIZE] = {0};
    unsigned sum = 0;
    snprintf(h, 100, "%s", name);
    snprintf(h + 124, 12, "%011llo", (unsigned long long)size & 077777777777);
    h[156] = type;
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (uint8_t)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    buf_bytes(b, h, sizeof h);
}

static inline void tar_entry(struct byte_buf *b, const char *name, char type, slice data)
{
    static const char zeros[TAR_BLOCK_SIZE];
    tar_head(b, name, type, data.len);
    buf_slice(b, data);
    buf_bytes(b, zeros, (TAR_BLOCK_SIZE - data.len % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE);
}

static inline void tar_end(struct byte_buf *b)
{
    static const char zeros[2 * TAR_BLOCK_SIZE];
    buf_bytes(b, zeros, sizeof zeros);
}

/* As the Go server wrote them: its times are not whole seconds, so each file has an extended header. */
static inline void pax_entry(struct byte_buf *b, const char *name, slice data)
{
    char records[800], path[400];
    int n = snprintf(path, sizeof path, " path=%s\n", name);
    n += n + 2 < 100 ? 2 : 3;
    snprintf(records, sizeof records, "30 mtime=1795500000.123456789\n%d%s", n,
             strlen(name) > 99 ? path : "");
    if (strlen(name) <= 99)
        records[30] = 0;
    tar_entry(b, "PaxHeaders.0/x", 'x', slice_str(records));
    tar_entry(b, name, '0', data);
}

static inline void pax_meta(struct byte_buf *b, const char *folder, const char *json, struct hash_key key)
{
    char name[320], sum[16];
    snprintf(name, sizeof name, "%smeta.inf", folder);
    pax_entry(b, name, slice_str(json));
    snprintf(name, sizeof name, "%smeta.sum", folder);
    hash_hex(&key, slice_str(json), sum);
    pax_entry(b, name, slice_make(sum, sizeof sum));
}

/* The bytes of the first block of a stream S of two messages. */
static inline void block_of(const char *subject, struct byte_buf *out)
{
    struct rig r;
    struct store *s;
    uint64_t seq;
    start(&r, 1);
    struct file_store_options o = options(&r);
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    for (int i = 0; i < 2; i++) {
        struct store_append a = {.ts = NOW, .subject = slice_str(subject), .data = SLICE_LIT("x")};
        CU_ASSERT_EQUAL(store_append(s, &a, NOW, &seq), STORE_OK);
    }
    CU_ASSERT_EQUAL(store_close(s, NOW), STORE_OK);
    CU_ASSERT_EQUAL(files_read(r.disk, DIR "/msgs/1.blk", 1 << 20, out), STORE_OK);
    stop(&r);
}

/* A stream with two messages and a consumer of this name. */
static inline void old_backup(struct byte_buf *b, const char *subject, const char *consumer)
{
    struct byte_buf block = {0};
    char folder[300], dat[320];
    struct hash_key key = hash_key_of(SLICE_LIT("S"));
    block_of(subject, &block);
    pax_meta(b, "", "{\"name\":\"S\"}", key);
    pax_entry(b, "msgs/1.blk", buf_view(&block));
    snprintf(folder, sizeof folder, "obs/%s/", consumer);
    pax_meta(b, folder, "{\"Name\":\"c\"}", key);
    snprintf(dat, sizeof dat, "%so.dat", folder);
    pax_entry(b, dat, slice_make("\x16\x02\x00\x00\x01\x01\x00\x00", 8));
    tar_end(b);
    buf_free(&block);
}

/* ---- what is there afterwards ---- */

/* The stream with two messages and the consumer that has had one. */
static inline void check_there(struct rig *r, const char *consumer, uint64_t last)
{
    struct file_store_options o = options(r);
    struct store *s;
    struct store_state st;
    struct consumer_store *c;
    char dir[400], why[64];
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, 2);
    CU_ASSERT_EQUAL(st.last, last);
    CU_ASSERT_EQUAL(store_close(s, NOW), STORE_OK);
    snprintf(dir, sizeof dir, DIR "/obs/%s", consumer);
    CU_ASSERT_TRUE(exists(r, dir));
    struct consumer_store_options co = {
        .host = &r->host, .dir = dir, .stream = SLICE_LIT("S"), .name = slice_str(consumer)};
    CU_ASSERT_EQUAL_FATAL(consumer_store_open(&co, &c, why), STORE_OK);
    CU_ASSERT_EQUAL(consumer_store_state(c)->delivered.stream, 1);
    CU_ASSERT_EQUAL(consumer_store_close(c, NOW), STORE_OK);
}

static inline void check_refused(struct rig *r, struct byte_buf *b, const char *why)
{
    CU_ASSERT_NOT_EQUAL(restore(r, b), STORE_OK);
    if (why != NULL)
        CU_ASSERT_STRING_EQUAL(r->why, why);
    CU_ASSERT_FALSE(exists(r, DIR));
    CU_ASSERT_FALSE(exists(r, STAGING));
    CU_ASSERT_EQUAL(sim_disk_counts(r->sim)->crashes, 0);
    buf_free(b);
}

#endif
