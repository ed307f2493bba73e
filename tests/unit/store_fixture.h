/* store_fixture.h: a file store on a scratch folder of the real disk, and comparisons with the golden
 * documents.
 *
 * Everything runs on one thread; the storage works inline. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include "json_lite.h"
#include "unit.h"
#include "base/disk.h"
#include "store/file_store.h"

#include <openssl/sha.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define FIXTURE_NOW 1795500000000000000LL /* a day after the golden data were written */

struct fixture {
    char dir[64];
    struct disk *disk;
    struct storage *storage;
    struct store_host host;
    struct store_hooks hooks;
    char log[16384]; /* lines of warnings and errors */
    uint64_t lost_calls;
    int64_t msgs; /* sums of what `changed` reported */
    int64_t bytes;
};

static inline void fixture_random(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    if (getrandom(buf, len, 0) != (ssize_t)len)
        abort();
}

static inline void fixture_log(void *ctx, int level, const char *line)
{
    struct fixture *f = ctx;
    size_t have = strlen(f->log);
    if (level >= 2 && have + strlen(line) + 2 < sizeof f->log) {
        strcat(f->log, line);
        strcat(f->log, "\n");
    }
}

static inline void fixture_lost(void *ctx, struct store_lost what)
{
    (void)what;
    ((struct fixture *)ctx)->lost_calls++;
}

static inline void fixture_changed(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    struct fixture *f = ctx;
    (void)seq;
    (void)subject;
    f->msgs += msgs;
    f->bytes += bytes;
}

static inline void fixture_shell(const char *fmt, const char *a, const char *b)
{
    char cmd[2048];
    snprintf(cmd, sizeof cmd, fmt, a, b);
    if (system(cmd) != 0)
        json_die(cmd);
}

/* With `from` the folder starts as a copy of that one. */
static inline void fixture_start(struct fixture *f, const char *from)
{
    *f = (struct fixture){.disk = disk_posix()};
    /* In memory where that is possible: what these tests are about does not depend on the disk. */
    snprintf(f->dir, sizeof f->dir, "%s/midge-store-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(f->dir) == NULL)
        json_die("mkdtemp");
    if (from != NULL)
        fixture_shell("cp -r '%s/.' '%s'", from, f->dir);
    struct storage_options so = {.disk = f->disk, .dir = f->dir};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &f->storage), 0);
    f->host = (struct store_host){.disk = f->disk,
                                  .port = storage_port_new(f->storage, NULL, NULL),
                                  .cache = store_cache_new(64 << 20),
                                  .random = fixture_random};
    f->hooks =
        (struct store_hooks){.ctx = f, .log = fixture_log, .lost = fixture_lost, .changed = fixture_changed};
}

static inline void fixture_stop(struct fixture *f)
{
    storage_port_free(f->host.port);
    CU_ASSERT_EQUAL(storage_close(f->storage), 0);
    CU_ASSERT_EQUAL(store_cache_memory(f->host.cache) > 64 << 20, 0);
    store_cache_free(f->host.cache);
    fixture_shell("rm -rf '%s'%s", f->dir, "");
}

/* ---- one plain stream ---- */

/* Options of the stream S in a folder of its own, whose name is put into dir. */
static inline struct file_store_options fixture_plain(struct fixture *f, char *dir, size_t size)
{
    snprintf(dir, size, "%s/S", f->dir);
    return (struct file_store_options){.host = &f->host,
                                       .dir = dir,
                                       .name = SLICE_LIT("S"),
                                       .meta = SLICE_LIT("{\"name\":\"S\"}"),
                                       .hooks = f->hooks,
                                       .block_size = STORE_BLOCK_MAX,
                                       .track_subjects = true,
                                       .now = FIXTURE_NOW};
}

static inline struct store *fixture_open(const struct file_store_options *o)
{
    struct store *s;
    CU_ASSERT_EQUAL_FATAL(file_store_open(o, &s), STORE_OK);
    return s;
}

static inline void fixture_close(struct store *s)
{
    CU_ASSERT_EQUAL(store_close(s, FIXTURE_NOW), STORE_OK);
}

static inline struct store_state fixture_state(struct store *s)
{
    struct store_state st;
    store_state(s, &st);
    return st;
}

/* Step 0: a key. 1: another one of another cipher, which knows the first as the previous. 2: that one alone.
 */
static inline struct store_keys fixture_rekeying(uint64_t step)
{
    return (struct store_keys){.key = step == 0 ? SLICE_LIT("old") : SLICE_LIT("new"),
                               .prev_key = step == 1 ? SLICE_LIT("old") : SLICE_EMPTY,
                               .cipher = step == 0 ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                               .info = SLICE_LIT("$G")};
}

/* ---- configurations ---- */

static inline int64_t fixture_number(const struct json *config, const char *key)
{
    const struct json *v = json_get(config, key);
    return v == NULL || v->type != JSON_NUMBER ? 0 : strtoll(v->text, NULL, 10);
}
static inline bool fixture_flag(const struct json *config, const char *key)
{
    const struct json *v = json_get(config, key);
    return v != NULL && v->truth;
}

/* Options for a stream configuration document. The strings stay the document's. */
static inline struct file_store_options fixture_options(struct fixture *f, const char *dir,
                                                        const struct json *c, const struct store_keys *keys)
{
    struct file_store_options o = {.host = &f->host,
                                   .dir = dir,
                                   .name = slice_str(json_text(json_get(c, "name"))),
                                   .hooks = f->hooks,
                                   .track_subjects = true,
                                   .now = FIXTURE_NOW};
    o.limits.max_msgs = fixture_number(c, "max_msgs");
    o.limits.max_bytes = fixture_number(c, "max_bytes");
    o.limits.max_age_ns = fixture_number(c, "max_age");
    o.limits.max_per_subject = fixture_number(c, "max_msgs_per_subject");
    o.limits.discard =
        strcmp(json_text(json_get(c, "discard")), "new") == 0 ? STORE_DISCARD_NEW : STORE_DISCARD_OLD;
    o.limits.allow_ttl = fixture_flag(c, "allow_msg_ttl");
    o.limits.marker_ttl_ns = fixture_number(c, "subject_delete_marker_ttl");
    o.allow_schedules = fixture_flag(c, "allow_msg_schedules");
    o.compress = strcmp(json_text(json_get(c, "compression")), "s2") == 0;
    o.first_seq = (uint64_t)fixture_number(c, "first_seq");
    if (keys != NULL)
        o.keys = *keys;
    struct file_store_sizing z = {.max_bytes = o.limits.max_bytes,
                                  .max_msgs = o.limits.max_msgs,
                                  .max_per_subject = o.limits.max_per_subject,
                                  .max_payload = fixture_number(c, "max_msg_size"),
                                  .encrypted = o.keys.key.len > 0,
                                  .limits_retention =
                                      strcmp(json_text(json_get(c, "retention")), "limits") == 0};
    o.block_size = file_store_block_size(&z);
    return o;
}

/* ---- comparisons ---- */

/* Nanoseconds of "2026-11-23T06:52:11.876521513Z"; STORE_TIME_NONE for the Go zero time. */
static inline int64_t fixture_time(const char *text)
{
    struct tm tm = {0};
    if (strncmp(text, "0001-", 5) == 0)
        return STORE_TIME_NONE;
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL)
        json_die(text);
    int64_t ns = 0;
    if (*rest == '.') {
        int64_t scale = 100000000;
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
            ns += (*rest - '0') * scale;
    }
    return (int64_t)timegm(&tm) * 1000000000 + ns;
}

static inline void fixture_check_message(struct store *s, const struct json *want)
{
    struct store_msg m;
    uint64_t seq = json_u64(json_get(want, "seq"));
    enum store_rc rc = store_load(s, seq, &m);
    CU_ASSERT_EQUAL(rc, STORE_OK);
    if (rc != STORE_OK)
        return;
    CU_ASSERT_EQUAL(m.seq, seq);
    CU_ASSERT_EQUAL(m.ts, fixture_time(json_text(json_get(want, "time"))));
    CU_ASSERT(slice_eq_str(m.subject, json_text(json_get(want, "subject"))));
    CU_ASSERT(slice_eq_str(m.hdr, json_text(json_get(want, "hdrs"))));
    const struct json *data = json_get(want, "data"), *hex = json_get(want, "data_hex");
    if (data != NULL) {
        CU_ASSERT(slice_eq(m.data, slice_make(data->text, data->len)));
    } else if (hex != NULL) {
        size_t len;
        uint8_t *bytes = json_hex(hex->text, &len);
        CU_ASSERT(slice_eq(m.data, slice_make(bytes, len)));
        free(bytes);
    } else {
        uint8_t digest[SHA256_DIGEST_LENGTH];
        char text[2 * SHA256_DIGEST_LENGTH + 1];
        SHA256(m.data.ptr, m.data.len, digest);
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(text + 2 * i, 3, "%02x", digest[i]);
        CU_ASSERT_EQUAL(m.data.len, json_u64(json_get(want, "data_len")));
        CU_ASSERT_STRING_EQUAL(text, json_text(json_get(want, "data_sha256")));
    }
}

struct fixture_range {
    const struct json *next;
    uint64_t count;
};

static inline bool fixture_check_deleted(void *ctx, uint64_t first, uint64_t last)
{
    struct fixture_range *r = ctx;
    for (uint64_t seq = first; seq <= last; seq++, r->count++) {
        if (r->next == NULL)
            continue;
        CU_ASSERT_EQUAL(json_u64(r->next), seq);
        r->next = r->next->next;
    }
    return true;
}

static inline bool fixture_check_subject(void *ctx, slice subject, const struct store_subject_state *st)
{
    struct fixture_range *r = ctx;
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)subject.len, (const char *)subject.ptr);
    CU_ASSERT_EQUAL(st->msgs, json_u64(json_get(r->next, name)));
    CU_ASSERT(st->first <= st->last);
    r->count++;
    return true;
}

/* The state document of STREAM.INFO with deleted details and subjects. */
static inline void fixture_check_state(struct store *s, const struct json *want)
{
    struct store_state st;
    store_state(s, &st);
    CU_ASSERT_EQUAL(st.msgs, json_u64(json_get(want, "messages")));
    CU_ASSERT_EQUAL(st.bytes, json_u64(json_get(want, "bytes")));
    CU_ASSERT_EQUAL(st.first, json_u64(json_get(want, "first_seq")));
    CU_ASSERT_EQUAL(st.last, json_u64(json_get(want, "last_seq")));
    CU_ASSERT_EQUAL(st.first_ts, fixture_time(json_text(json_get(want, "first_ts"))));
    CU_ASSERT_EQUAL(st.last_ts, fixture_time(json_text(json_get(want, "last_ts"))));
    CU_ASSERT_EQUAL(st.num_subjects, json_u64(json_get(want, "num_subjects")));
    const struct json *deleted = json_get(want, "deleted"), *subjects = json_get(want, "subjects");
    if (st.last > 0 && (deleted == NULL || deleted->type == JSON_ARRAY)) {
        struct fixture_range r = {.next = deleted == NULL ? NULL : deleted->first};
        CU_ASSERT_EQUAL(store_deleted(s, fixture_check_deleted, &r), STORE_OK);
        CU_ASSERT_EQUAL(r.count, json_u64(json_get(want, "num_deleted")));
        CU_ASSERT_EQUAL(st.num_deleted, r.count);
        CU_ASSERT_PTR_NULL(r.next);
    }
    if (subjects != NULL) {
        struct fixture_range r = {.next = subjects};
        uint64_t n = 0;
        for (const struct json *m = subjects->first; m != NULL; m = m->next)
            n++;
        CU_ASSERT_EQUAL(store_subjects(s, SLICE_LIT(">"), fixture_check_subject, &r), STORE_OK);
        CU_ASSERT_EQUAL(r.count, n);
    }
}

#endif
