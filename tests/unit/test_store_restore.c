/* Restores that must not go well, and disks that fail meanwhile: backups made by hand, on the simulated disk.
 */
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

static void on_random(void *ctx, void *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = (uint8_t)sched_rand(ctx);
}

static void up(struct rig *r)
{
    struct storage_options so = {.disk = r->disk, .dir = "/js"};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &r->storage), 0);
    r->host = (struct store_host){.disk = r->disk,
                                  .port = storage_port_new(r->storage, NULL, NULL),
                                  .cache = store_cache_new(1 << 20),
                                  .random = on_random,
                                  .random_ctx = r->sched};
}

static void down(struct rig *r)
{
    storage_port_free(r->host.port);
    storage_close(r->storage);
    store_cache_free(r->host.cache);
}

static void start(struct rig *r, uint64_t seed)
{
    *r = (struct rig){.sched = sched_new(seed)};
    r->sim = sim_disk_new(r->sched);
    r->disk = sim_disk_base(r->sim);
    sim_disk_mkdirs(r->sim, "/js");
    up(r);
}

static void stop(struct rig *r)
{
    down(r);
    sim_disk_free(r->sim);
    sched_free(r->sched);
}

static void cut_power(struct rig *r)
{
    sim_disk_crash(r->sim);
    down(r);
    sim_disk_start(r->sim);
    up(r);
}

static struct file_store_options options(struct rig *r)
{
    return (struct file_store_options){.host = &r->host,
                                       .dir = DIR,
                                       .name = SLICE_LIT("S"),
                                       .meta = SLICE_LIT("{\"name\":\"S\"}"),
                                       .block_size = STORE_BLOCK_MAX,
                                       .track_subjects = true,
                                       .now = NOW};
}

static bool on_admit(void *ctx, uint64_t msgs, uint64_t bytes)
{
    struct rig *r = ctx;
    r->admit_msgs = msgs;
    r->admit_bytes = bytes;
    return r->admit_below == 0 || bytes < r->admit_below;
}

/* The whole of a restore of these archive bytes. */
static enum store_rc restore(struct rig *r, const struct byte_buf *plain)
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

static bool exists(struct rig *r, const char *path)
{
    struct disk_stat st;
    return disk_stat(r->disk, path, &st) == 0;
}

/* ---- archives ---- */

static void entry(struct byte_buf *b, slice name, uint64_t seq, const char *data)
{
    buf_uv(b, name.len);
    buf_sv(b, NOW);
    buf_uv(b, seq);
    buf_uv(b, 0);
    buf_uv(b, strlen(data));
    buf_slice(b, name);
    buf_bytes(b, data, strlen(data));
}

static void head(struct byte_buf *b, uint64_t first, uint64_t last)
{
    char json[200];
    buf_bytes(b, "NATSARC1", 8);
    snprintf(json, sizeof json, "{\"messages\":1,\"bytes\":40,\"first_seq\":%llu,\"last_seq\":%llu}",
             (unsigned long long)first, (unsigned long long)last);
    entry(b, SLICE_LIT("state.json"), 0, json);
}

#define CONSUMER "{\"config\":%s,\"state\":{\"delivered\":{\"consumer_seq\":1,\"stream_seq\":1}}}"

/* One consumer, two messages, the end. */
static void whole(struct byte_buf *b)
{
    char json[200];
    snprintf(json, sizeof json, CONSUMER, "{\"durable_name\":\"c\"}");
    head(b, 1, 3);
    entry(b, SLICE_LIT("consumers/c"), 0, json);
    entry(b, SLICE_LIT("a"), 1, "one");
    entry(b, SLICE_LIT("b"), 2, "two");
    entry(b, SLICE_EMPTY, 0, "");
}

static void tar_head(struct byte_buf *b, const char *name, char type, uint64_t size)
{
    char h[TAR_BLOCK_SIZE] = {0};
    unsigned sum = 0;
    snprintf(h, 100, "%s", name);
    snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
    h[156] = type;
    memset(h + 148, ' ', 8);
    for (size_t i = 0; i < sizeof h; i++)
        sum += (uint8_t)h[i];
    snprintf(h + 148, 8, "%06o", sum);
    buf_bytes(b, h, sizeof h);
}

static void tar_entry(struct byte_buf *b, const char *name, char type, slice data)
{
    static const char zeros[TAR_BLOCK_SIZE];
    tar_head(b, name, type, data.len);
    buf_slice(b, data);
    buf_bytes(b, zeros, (TAR_BLOCK_SIZE - data.len % TAR_BLOCK_SIZE) % TAR_BLOCK_SIZE);
}

static void tar_end(struct byte_buf *b)
{
    static const char zeros[2 * TAR_BLOCK_SIZE];
    buf_bytes(b, zeros, sizeof zeros);
}

/* As the Go server wrote them: its times are not whole seconds, so each file has an extended header. */
static void pax_entry(struct byte_buf *b, const char *name, slice data)
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

static void pax_meta(struct byte_buf *b, const char *folder, const char *json, struct hash_key key)
{
    char name[300], sum[16];
    snprintf(name, sizeof name, "%smeta.inf", folder);
    pax_entry(b, name, slice_str(json));
    snprintf(name, sizeof name, "%smeta.sum", folder);
    hash_hex(&key, slice_str(json), sum);
    pax_entry(b, name, slice_make(sum, sizeof sum));
}

/* The bytes of the first block of a stream S of two messages. */
static void block_of(const char *subject, struct byte_buf *out)
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
static void old_backup(struct byte_buf *b, const char *subject, const char *consumer)
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
static void check_there(struct rig *r, const char *consumer, uint64_t last)
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

static void check_refused(struct rig *r, struct byte_buf *b, const char *why)
{
    CU_ASSERT_NOT_EQUAL(restore(r, b), STORE_OK);
    if (why != NULL)
        CU_ASSERT_STRING_EQUAL(r->why, why);
    CU_ASSERT_FALSE(exists(r, DIR));
    CU_ASSERT_FALSE(exists(r, STAGING));
    CU_ASSERT_EQUAL(sim_disk_counts(r->sim)->crashes, 0);
    buf_free(b);
}

/* ---- tests ---- */

/* covers: ST-234 */
static void test_extended_headers(void)
{
    struct rig r;
    char name[201];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const char *names[] = {"c", "caf\xc3\xa9", name};
    for (size_t i = 0; i < 3; i++) {
        struct byte_buf b = {0};
        start(&r, 1);
        old_backup(&b, "a", names[i]);
        CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
        if (r.why[0] != 0)
            printf("%s\n", r.why);
        else
            check_there(&r, names[i], 2);
        buf_free(&b);
        stop(&r);
    }
}

/* covers: ST-235 */
static void test_bad_extended_headers(void)
{
    static const struct {
        const char *records, *why;
    } cases[] = {
        {"13 path=../x\n", "unexpected content (account=$G)"},
        {"16 path=/etc/ab\n", "unexpected content (account=$G)"},
        {"24 path=obs/c/../../../\n", "unexpected content (account=$G)"},
        {"5 p=\n", NULL}, /* known to nobody: passed over, and the end is missing */
        {"4 p=\n", "archive/tar: invalid tar header"},
        {"99 path=x\n", "archive/tar: invalid tar header"},
        {"8 path=x\n", "archive/tar: invalid tar header"},
        {"10 path=xy", "archive/tar: invalid tar header"},
        {"10 path.x\n", "archive/tar: invalid tar header"},
        {"path=x\n", "archive/tar: invalid tar header"},
        {"18446744073709551626 path=x\n", "archive/tar: invalid tar header"},
        {"0 path=x\n", "archive/tar: invalid tar header"},
        {"28 size=9223372036854775808\n", "archive/tar: invalid tar header"},
        {"11 size=-1\n", "archive/tar: invalid tar header"},
        {"22 GNU.sparse.major=1\n", "archive/tar: invalid tar header"},
        {"22 GNU.sparse.major=1\n22 GNU.sparse.major=1\n", "archive/tar: invalid tar header"},
    };
    struct rig r;
    start(&r, 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct byte_buf b = {0};
        tar_entry(&b, "x", 'x', slice_str(cases[i].records));
        tar_entry(&b, "meta.inf", '0', SLICE_LIT("{}"));
        check_refused(&r, &b, cases[i].why);
    }
    struct byte_buf b = {0}; /* two in a row; one of no file; one too large */
    tar_entry(&b, "x", 'x', SLICE_LIT("10 path=x\n"));
    tar_entry(&b, "x", 'x', SLICE_LIT("10 path=x\n"));
    check_refused(&r, &b, "archive/tar: invalid tar header");
    tar_entry(&b, "x", 'x', SLICE_LIT("10 path=x\n"));
    tar_end(&b);
    check_refused(&r, &b, "archive/tar: invalid tar header");
    tar_head(&b, "x", 'x', 1 << 21);
    check_refused(&r, &b, "archive/tar: invalid tar header");
    tar_entry(&b, "g", 'g', SLICE_LIT("10 path=x\n"));
    check_refused(&r, &b, "unexpected content (account=$G)");
    stop(&r);
}

/* A backup may state less than it holds: what is there counts. */
static void test_sizes_that_lie(void)
{
    struct rig r;
    struct byte_buf b = {0};
    start(&r, 1);
    whole(&b); /* states 40 bytes */
    CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
    CU_ASSERT_EQUAL(r.admit_bytes, 2 * (30 + 1 + 3));
    CU_ASSERT_EQUAL(r.admit_msgs, 2);
    CU_ASSERT_EQUAL(files_remove_tree(r.disk, DIR), STORE_OK);
    r.admit_below = 60;
    check_refused(&r, &b, "insufficient storage resources available");
    /* Of an old one nothing tells the size but its members. */
    tar_entry(&b, "meta.inf", '0', SLICE_LIT("{}"));
    tar_head(&b, "msgs/1.blk", '0', 1000);
    check_refused(&r, &b, "insufficient storage resources available");
    CU_ASSERT_EQUAL(r.admit_bytes, 1002);
    r.admit_below = 0;
    tar_entry(&b, "x", 'x', SLICE_LIT("28 size=9000000000000000000\n"));
    tar_head(&b, "msgs/1.blk", '0', 1);
    tar_end(&b);
    check_refused(&r, &b, "unexpected EOF");
    stop(&r);
}

/* A subject goes into protocol lines as it is. */
static void test_subjects_that_cannot_be(void)
{
    static const char *const subjects[] = {"", "a b", "a\r\nMSG x 1 0\r\n", "a\tb", "a\n"};
    struct rig r;
    start(&r, 1);
    for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++) {
        struct byte_buf b = {0};
        head(&b, 1, 1);
        entry(&b, slice_str(subjects[i]), 1, "x");
        entry(&b, SLICE_EMPTY, 0, "");
        check_refused(&r, &b, "archive: invalid archive stream");
        old_backup(&b, subjects[i], "c");
        check_refused(&r, &b, NULL);
    }
    stop(&r);
}

/* Sequences that are far away take neither time nor room. */
static void test_far_sequences(void)
{
    struct rig r;
    struct store *s;
    struct store_state st;
    struct byte_buf b = {0};
    start(&r, 1);
    head(&b, 1, STORE_SEQUENCE_MAX);
    entry(&b, SLICE_LIT("a"), 1, "x");
    entry(&b, SLICE_LIT("a"), UINT64_C(1) << 61, "x");
    entry(&b, SLICE_EMPTY, 0, "");
    CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
    struct file_store_options o = options(&r);
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, 2);
    CU_ASSERT_EQUAL(st.last, STORE_SEQUENCE_MAX);
    CU_ASSERT_EQUAL(store_destroy(s), STORE_OK);
    buf_free(&b);
    head(&b, 1, STORE_SEQUENCE_MAX + 1);
    entry(&b, SLICE_LIT("a"), 1, "x");
    entry(&b, SLICE_EMPTY, 0, "");
    check_refused(&r, &b, NULL);
    stop(&r);
}

static void check_meta(const char *config, const char *want)
{
    struct byte_buf b = {0};
    backup_put_consumer_meta(&b, SLICE_LIT("c"), slice_str(config), 0);
    CU_ASSERT(slice_eq_str(buf_view(&b), want));
    if (!slice_eq_str(buf_view(&b), want))
        printf("%s: %.*s\n", config, (int)b.len, (char *)b.ptr);
    buf_free(&b);
}

/* The name is that of the entry, whatever the configuration says. */
static void test_names_in_a_configuration(void)
{
#define MADE "{\"Created\":\"1970-01-01T00:00:00Z\",\"Name\":\"c\""
    check_meta("{}", MADE "}");
    check_meta("{ }", MADE "}");
    check_meta("{\"name\":\"x\"}", MADE ",\"name\":\"x\"}");
    check_meta("{\"Name\":\"x\"}", MADE "}");
    check_meta("{\"\\u004eame\":\"x\",\"a\":1}", MADE ",\"a\":1}");
}

/* As in the Go server a consumer comes with both its parts. */
static void test_parts_of_a_consumer(void)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{\"config\":{}}",
        "{\"config\":{},\"state\":null}",
        "{\"state\":{}}",
        "{\"config\":[],\"state\":{}}",
        "{\"config\":{},\"state\":{}} x",
        "{\"config\":{},\"state\":{\"pending\":{\"0\":{}}}}",
        "{\"config\":{},\"state\":{\"pending\":{\"1\":{}}}}", /* behind what was delivered */
        "{\"config\":{},\"state\":{\"redelivered\":{\"18446744073709551616\":1}}}",
        "{\"config\":{},\"state\":{\"ack_floor\":{\"stream_seq\":1}}}",
        "{\"config\":{},\"state\":{\"ack_floor\":{\"consumer_seq\":-1}}}",
    };
    struct rig r;
    start(&r, 1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct byte_buf b = {0};
        head(&b, 1, 1);
        entry(&b, SLICE_LIT("consumers/c"), 0, bad[i]);
        entry(&b, SLICE_LIT("a"), 1, "x");
        entry(&b, SLICE_EMPTY, 0, "");
        check_refused(&r, &b, NULL);
    }
    stop(&r);
}

/* A stream that is there stays, even when the disk cannot say so. */
static void test_a_stream_is_not_taken_for_leftovers(void)
{
    struct rig r;
    struct byte_buf b = {0};
    start(&r, 1);
    whole(&b);
    CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
    sim_disk_fail(r.sim,
                  (struct sim_disk_rule){.ops = SIM_OP(SIM_STAT), .path = DIR "/meta.inf", .error = -EIO});
    CU_ASSERT_EQUAL(restore(&r, &b), STORE_IO);
    sim_disk_heal(r.sim);
    check_there(&r, "c", 3);
    buf_free(&b);
    stop(&r);
}

/* What was said to be restored is, after a power cut, too. */
static void test_restored_for_good(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (int old = 0; old < 2; old++) {
            struct rig r;
            struct byte_buf b = {0};
            start(&r, seed);
            old ? old_backup(&b, "a", "c") : whole(&b);
            CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
            cut_power(&r);
            check_there(&r, "c", old ? 2 : 3);
            buf_free(&b);
            stop(&r);
        }
    }
}

/* Each call fails in turn: it is told, nothing is there, and the next try goes well. */
static void test_each_call_fails(void)
{
    for (int old = 0; old < 2; old++) {
        struct byte_buf b = {0};
        bool failed = true;
        old ? old_backup(&b, "a", "c") : whole(&b);
        uint64_t n = 0;
        for (; failed && n < 2000; n++) {
            struct rig r;
            start(&r, n);
            sim_disk_fail(r.sim,
                          (struct sim_disk_rule){
                              .ops = SIM_ALL_OPS, .path = "/js/s*", .after = n, .times = 1, .error = -EIO});
            enum store_rc rc = restore(&r, &b);
            failed = sim_disk_counts(r.sim)->faults > 0;
            sim_disk_heal(r.sim);
            if (rc == STORE_OK) {
                cut_power(&r);
            } else {
                CU_ASSERT_FALSE(exists(&r, DIR));
                CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
            }
            check_there(&r, "c", old ? 2 : 3);
            stop(&r);
        }
        CU_ASSERT(n > 50 && n < 2000);
        buf_free(&b);
    }
}

/* The power goes in each call: afterwards the whole stream is there, or none. */
static void test_power_goes_in_each_call(void)
{
    for (int old = 0; old < 2; old++) {
        struct byte_buf b = {0};
        bool cut = true;
        old ? old_backup(&b, "a", "c") : whole(&b);
        for (uint64_t n = 1; cut && n < 2000; n++) {
            struct rig r;
            start(&r, n);
            sim_disk_cut_at(r.sim, n);
            enum store_rc rc = restore(&r, &b);
            cut = sim_disk_is_off(r.sim);
            CU_ASSERT_NOT_EQUAL(rc == STORE_OK, cut);
            sim_disk_cut_at(r.sim, 0);
            cut_power(&r);
            if (!cut || exists(&r, DIR "/meta.inf"))
                check_there(&r, "c", old ? 2 : 3);
            else
                CU_ASSERT_EQUAL(restore(&r, &b), STORE_OK);
            stop(&r);
        }
        buf_free(&b);
    }
}

/* The backup of a stream of several blocks that are not in memory, as far as it goes. */
static enum store_rc back_up(struct rig *r, struct byte_buf *out)
{
    struct file_store_options o = options(r);
    struct store *s;
    struct backup *b;
    o.block_size = 300;
    enum store_rc rc = file_store_open(&o, &s);
    if (rc != STORE_OK)
        return rc;
    rc = backup_new(s, NULL, 0, NOW, &b);
    for (bool end = false; rc == STORE_OK && !end;)
        rc = backup_next(b, out, &end);
    backup_free(b);
    (void)store_close(s, NOW); /* on a disk that fails */
    return rc;
}

/* A read that fails is told: there is no backup that merely lacks messages. */
static void test_backup_of_a_failing_disk(void)
{
    struct byte_buf sound = {0};
    bool failed = true;
    for (uint64_t n = 0; failed; n++) {
        struct rig r;
        struct store *s;
        struct byte_buf out = {0};
        uint64_t seq;
        start(&r, 1);
        struct file_store_options o = options(&r);
        o.block_size = 300;
        CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &s), STORE_OK);
        for (int i = 0; i < 30; i++) {
            struct store_append a = {.ts = NOW, .subject = SLICE_LIT("a"), .data = SLICE_LIT("some bytes")};
            CU_ASSERT_EQUAL(store_append(s, &a, NOW, &seq), STORE_OK);
        }
        CU_ASSERT_EQUAL(store_close(s, NOW), STORE_OK);
        down(&r);
        up(&r);
        if (sound.len == 0)
            CU_ASSERT_EQUAL(back_up(&r, &sound), STORE_OK);
        sim_disk_fail(r.sim, (struct sim_disk_rule){.ops = SIM_OP(SIM_READ) | SIM_OP(SIM_OPEN),
                                                    .path = "*.blk",
                                                    .after = n,
                                                    .times = 1,
                                                    .error = -EIO});
        enum store_rc rc = back_up(&r, &out);
        failed = sim_disk_counts(r.sim)->faults > 0;
        CU_ASSERT(failed || rc == STORE_OK);
        if (rc == STORE_OK)
            CU_ASSERT(slice_eq(buf_view(&out), buf_view(&sound)));
        CU_ASSERT_FATAL(n < 500);
        buf_free(&out);
        sim_disk_heal(r.sim);
        stop(&r);
    }
    buf_free(&sound);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_extended_headers),        UNIT_TEST(test_bad_extended_headers),
    UNIT_TEST(test_sizes_that_lie),          UNIT_TEST(test_subjects_that_cannot_be),
    UNIT_TEST(test_far_sequences),           UNIT_TEST(test_names_in_a_configuration),
    UNIT_TEST(test_parts_of_a_consumer),     UNIT_TEST(test_a_stream_is_not_taken_for_leftovers),
    UNIT_TEST(test_restored_for_good),       UNIT_TEST(test_each_call_fails),
    UNIT_TEST(test_power_goes_in_each_call), UNIT_TEST(test_backup_of_a_failing_disk),
};

UNIT_MAIN("store restore", tests)
