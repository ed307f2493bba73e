/* What the file store does when something does not add up or does not work: totals that are wrong, a state
 * too large to be written now and then, files that idle, a disk that fails for a while, keys without blocks.
 */
#include "store_fixture.h"
#include "sim/sim_disk.h"
#include "store/file/fs.h"
#include "store/meta_file.h"

#include <dirent.h>

#define SECOND 1000000000LL

static char stream_dir[128];

static struct file_store_options options(struct fixture *f)
{
    return fixture_plain(f, stream_dir, sizeof stream_dir);
}

static enum store_rc put(struct store *s, const char *subject)
{
    uint64_t seq;
    struct store_append a = {
        .ts = FIXTURE_NOW, .subject = slice_str(subject), .data = SLICE_LIT("0123456789")};
    return store_append(s, &a, FIXTURE_NOW, &seq);
}

static void path_of(const char *name, char path[256])
{
    snprintf(path, 256, "%s/msgs/%s", stream_dir, name);
}

static bool exists(const char *name)
{
    char path[256];
    path_of(name, path);
    return access(path, F_OK) == 0;
}

/* ---- what is too large ---- */

/* Once a second for so long that the index is due. */
static void let_index_be_due(struct store *s, int64_t *now)
{
    for (int64_t end = *now + 160 * SECOND; *now < end; *now += SECOND)
        CU_ASSERT_EQUAL(store_maintain(s, *now), STORE_OK);
}

/* 32,500 deletes inside blocks a round: every second range begins a block and belongs to none. */
static void skip_rounds(struct store *s, int rounds)
{
    for (int i = 0; i < rounds; i++) {
        CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_skip(s, 0, 65000, FIXTURE_NOW), STORE_OK);
    }
    CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
}

/* Above a million deletes index.db is left for the stop. covers: ST-104 */
static void test_large_state(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    int64_t now = FIXTURE_NOW;
    CU_ASSERT_EQUAL(store_maintain(s, now), STORE_OK);
    skip_rounds(s, 30);
    let_index_be_due(s, &now);
    CU_ASSERT_TRUE(exists("index.db"));
    char path[256];
    path_of("index.db", path);
    CU_ASSERT_EQUAL(unlink(path), 0);
    skip_rounds(s, 2);
    let_index_be_due(s, &now);
    CU_ASSERT_FALSE(exists("index.db"));
    struct store_state before = fixture_state(s), after;
    fixture_close(s);
    CU_ASSERT_TRUE(exists("index.db"));
    s = fixture_open(&o);
    after = fixture_state(s);
    CU_ASSERT(memcmp(&before, &after, sizeof after) == 0);
    CU_ASSERT_STRING_EQUAL(f.log, "");
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- what does not add up ---- */

/* Totals that have gone wrong in memory are noticed before they reach index.db. covers: ST-106 */
static void test_wrong_totals(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    for (int field = 0; field < 3; field++) {
        struct store *s = fixture_open(&o);
        f.msgs = (int64_t)fixture_state(s).msgs;
        f.bytes = (int64_t)fixture_state(s).bytes;
        for (int i = 0; i < 3; i++)
            CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_sync_now(s), STORE_OK);
        int64_t msgs = f.msgs, bytes = f.bytes;
        struct file_store *fs = fs_of(s);
        if (field == 0)
            fs->msg_count += 7;
        else if (field == 1)
            fs->byte_count += 7;
        else
            last_block(fs)->msgs--;
        CU_ASSERT_EQUAL(fs_write_index(fs), STORE_OK);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, (uint64_t)msgs);
        CU_ASSERT_EQUAL(fixture_state(s).bytes, (uint64_t)bytes);
        CU_ASSERT_PTR_NOT_NULL(strstr(f.log, "Stream state encountered internal inconsistency on write"));
        f.log[0] = 0;
        fixture_close(s);
        CU_ASSERT_TRUE(exists("index.db"));
        s = fixture_open(&o);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, (uint64_t)msgs);
        CU_ASSERT_EQUAL(fixture_state(s).bytes, (uint64_t)bytes);
        CU_ASSERT_STRING_EQUAL(f.log, ""); /* the index that was written fits */
        fixture_close(s);
    }
    fixture_stop(&f);
}

/* An index.db whose subjects do not add up to its messages is not believed. covers: ST-171 */
static void test_skew(void)
{
    struct fixture f;
    char path[256];
    size_t len = 0;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.limits.max_per_subject = 3;
    struct store *s = fixture_open(&o);
    for (int i = 0; i < 3; i++)
        CU_ASSERT_EQUAL(put(s, "abc"), STORE_OK);
    fixture_close(s);
    path_of("index.db", path);
    uint8_t *file = (uint8_t *)json_read_file(path, &len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    uint8_t *at = memmem(file, len, "\3abc\3", 5); /* length, subject, number of messages */
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    at[4] = 4; /* one more than there are: the limit would take one that lives */
    struct hash_key key = hash_key_of(SLICE_LIT("S"));
    hash_sum(&key, slice_make(file, len - STORE_SUM_SIZE), file + len - STORE_SUM_SIZE);
    CU_ASSERT_EQUAL(files_write(f.disk, path, slice_make(file, len), NULL), STORE_OK);
    free(file);
    s = fixture_open(&o);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(f.log, "Detected skew in subject-based total (4) vs raw total (3), rebuilding"));
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 3);
    CU_ASSERT_EQUAL(fixture_state(s).first, 1);
    struct store_subject_state st;
    CU_ASSERT_EQUAL(store_subject_state(s, SLICE_LIT("abc"), &st), STORE_OK);
    CU_ASSERT(st.msgs == 3 && st.first == 1 && st.last == 3);
    fixture_close(s);
    f.log[0] = 0;
    s = fixture_open(&o); /* what was written after it fits */
    CU_ASSERT_STRING_EQUAL(f.log, "");
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- files ---- */

/* Whether this process has the file open, and how many bytes of the disk it takes. */
static bool is_open(const char *name)
{
    char want[256], link[300], target[512];
    bool found = false;
    path_of(name, want);
    DIR *d = opendir("/proc/self/fd");
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        snprintf(link, sizeof link, "/proc/self/fd/%s", e->d_name);
        ssize_t n = readlink(link, target, sizeof target - 1);
        if (n > 0) {
            target[n] = 0;
            found |= strcmp(target, want) == 0;
        }
    }
    closedir(d);
    return found;
}

/* The last block's file is closed when it was not written for 30 s, and comes back with the next append.
 * covers: ST-152 */
static void test_idle_files(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s = fixture_open(&o);
    struct store_msg m;
    int64_t now = FIXTURE_NOW;
    for (uint64_t round = 1; round <= 3; round++) {
        CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
        CU_ASSERT_TRUE(is_open("1.blk"));
        CU_ASSERT_EQUAL(store_maintain(s, now), STORE_OK); /* sees the write */
        for (int64_t t = 1; t < 30; t++)
            CU_ASSERT_EQUAL(store_maintain(s, now + t * SECOND), STORE_OK);
        CU_ASSERT_TRUE(is_open("1.blk"));
        CU_ASSERT_EQUAL(store_maintain(s, now + 30 * SECOND), STORE_OK);
        CU_ASSERT_FALSE(is_open("1.blk"));
        for (uint64_t seq = 1; seq <= round; seq++)
            CU_ASSERT_EQUAL(store_load(s, seq, &m), STORE_OK);
        now += 31 * SECOND;
    }
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 3);
    fixture_close(s);
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 3);
    CU_ASSERT_STRING_EQUAL(f.log, "");
    fixture_close(s);
    fixture_stop(&f);
}

/* A rebuild removes keys whose blocks are gone, and no others. covers: ST-176 */
static void test_orphan_keys(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.keys = (struct store_keys){.key = SLICE_LIT("secret"), .info = SLICE_LIT("$G")};
    struct store *s = fixture_open(&o);
    CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
    fixture_close(s);
    fixture_shell("cd '%s/msgs' && cp 1.key 7.key && cp 1.key 007.key && cp 1.key x.key && rm index.db%s",
                  stream_dir, "");
    s = fixture_open(&o);
    CU_ASSERT_TRUE(exists("1.key"));
    CU_ASSERT_FALSE(exists("7.key"));
    CU_ASSERT_TRUE(exists("007.key"));
    CU_ASSERT_TRUE(exists("x.key"));
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 1);
    fixture_close(s);
    fixture_stop(&f);
}

/* What was written under the previous key and another cipher opens whole, in all its blocks, and is under the
 * new one from then on. covers: ST-85 ST-86 */
static void test_previous_key(void)
{
    struct fixture f;
    struct store *s;
    struct store_msg m;
    bool removed;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.block_size = 100; /* two messages */
    for (uint64_t i = 0; i < 3; i++) {
        o.keys = fixture_rekeying(i);
        s = fixture_open(&o);
        struct store_state st = fixture_state(s);
        CU_ASSERT_EQUAL(st.last, 6 * i);
        CU_ASSERT_EQUAL(st.msgs, 5 * i);
        for (uint64_t seq = 1; seq <= st.last; seq++)
            CU_ASSERT_EQUAL(store_load(s, seq, &m), seq % 6 == 3 ? STORE_NOT_FOUND : STORE_OK);
        for (int k = 0; k < 6; k++)
            CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_remove(s, 6 * i + 3, STORE_REMOVE, &removed), STORE_OK);
        fixture_close(s);
        CU_ASSERT_EQUAL(f.lost_calls, 0);
    }
    o.keys = fixture_rekeying(0);
    CU_ASSERT_EQUAL(file_store_open(&o, &s), STORE_WRONG_KEY);
    o.keys = fixture_rekeying(2);
    fixture_shell("rm '%s/msgs/index.db'%s", stream_dir, ""); /* every block is read */
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 15);
    CU_ASSERT_EQUAL(f.lost_calls, 0);
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- what is beyond ---- */

/* No sequence is beyond what a record can hold, and a refused call changes nothing. */
static void test_highest_sequence(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    struct store *s;
    uint64_t purged;
    o.first_seq = STORE_SEQUENCE_MAX + 2;
    CU_ASSERT_EQUAL(file_store_open(&o, &s), STORE_INVALID);
    CU_ASSERT_NOT_EQUAL(access(stream_dir, F_OK), 0);
    o.first_seq = 0;
    s = fixture_open(&o);
    CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
    CU_ASSERT_EQUAL(store_compact(s, UINT64_MAX, &purged), STORE_INVALID);
    CU_ASSERT_EQUAL(store_purge(s, SLICE_EMPTY, STORE_SEQUENCE_MAX + 2, 0, &purged), STORE_INVALID);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, 1);
    CU_ASSERT_EQUAL(store_compact(s, STORE_SEQUENCE_MAX + 1, &purged), STORE_OK);
    CU_ASSERT_EQUAL(purged, 1);
    CU_ASSERT_EQUAL(put(s, "a"), STORE_INVALID);
    CU_ASSERT_EQUAL(store_skip(s, 0, 1, FIXTURE_NOW), STORE_INVALID);
    for (int i = 0; i < 2; i++) { /* from index.db, then from the blocks */
        fixture_close(s);
        if (i > 0)
            fixture_shell("rm '%s/msgs/index.db'%s", stream_dir, "");
        s = fixture_open(&o);
        CU_ASSERT_EQUAL(fixture_state(s).last, STORE_SEQUENCE_MAX);
    }
    fixture_close(s);
    fixture_stop(&f);
}

/* A TTL or an age that ends beyond all time does not end at once. */
static void test_endless_ttl(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.limits.allow_ttl = true;
    o.limits.max_age_ns = INT64_MAX;
    struct store *s = fixture_open(&o);
    uint64_t seq;
    int64_t due;
    struct store_append a = {.ts = FIXTURE_NOW,
                             .ttl_s = 9223372036,
                             .subject = SLICE_LIT("a"),
                             .hdr = SLICE_LIT("NATS/1.0\r\nNats-TTL: 9223372036\r\n\r\n")};
    CU_ASSERT_EQUAL(store_append(s, &a, FIXTURE_NOW, &seq), STORE_OK);
    for (int i = 0; i < 2; i++) {
        CU_ASSERT_EQUAL(store_expire(s, FIXTURE_NOW + SECOND, 9, &due), STORE_OK);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, 1);
        fixture_close(s);
        fixture_shell("rm '%s/msgs/thw.db'%s", stream_dir, ""); /* the headers are read again */
        s = fixture_open(&o);
    }
    fixture_close(s);
    fixture_stop(&f);
}

/* Of messages that were handed up and then removed, one by one or with their block, nothing is kept. */
static void test_handed_up_is_forgotten(void)
{
    struct fixture f;
    fixture_start(&f, NULL);
    struct file_store_options o = options(&f);
    o.limits = (struct store_limits){.max_age_ns = SECOND, .marker_ttl_ns = SECOND};
    o.block_size = 100; /* two messages */
    struct store *s = fixture_open(&o);
    bool removed;
    int64_t due;
    uint64_t purged;
    for (int i = 0; i < 5; i++)
        CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
    CU_ASSERT_EQUAL(store_expire(s, FIXTURE_NOW + 5 * SECOND, 9, &due), STORE_OK);
    CU_ASSERT_EQUAL(fs_of(s)->handed_up.count, 5);
    CU_ASSERT_EQUAL(store_expire(s, FIXTURE_NOW + 6 * SECOND, 9, &due), STORE_OK); /* asked too early */
    CU_ASSERT_EQUAL(due, FIXTURE_NOW + 7 * SECOND);
    CU_ASSERT_EQUAL(store_remove(s, 1, STORE_REMOVE, &removed), STORE_OK);
    CU_ASSERT_EQUAL(fs_of(s)->handed_up.count, 4);
    CU_ASSERT_EQUAL(store_compact(s, 5, &purged), STORE_OK);
    CU_ASSERT_EQUAL(fs_of(s)->handed_up.count, 1);
    CU_ASSERT_EQUAL(store_compact(s, 0, &purged), STORE_OK);
    CU_ASSERT_EQUAL(fs_of(s)->handed_up.count, 0);
    fixture_close(s);
    fixture_stop(&f);
}

/* ---- a disk that fails for a while ---- */

struct failing {
    struct fixture f;
    struct sched *sched;
    struct sim_disk *disk;
    enum store_rc told; /* by the progress hook, the last error */
};

static void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    (void)p;
    if (rc != STORE_OK)
        ((struct failing *)ctx)->told = rc;
}

static struct store *start_failing(struct failing *x, struct file_store_options *o)
{
    struct store *s;
    *x = (struct failing){.sched = sched_new(1)};
    x->disk = sim_disk_new(x->sched);
    sim_disk_mkdirs(x->disk, "/store");
    x->f = (struct fixture){.disk = sim_disk_base(x->disk), .dir = "/store"};
    struct storage_options so = {.disk = x->f.disk, .dir = x->f.dir};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &x->f.storage), 0);
    x->f.host = (struct store_host){.disk = x->f.disk,
                                    .port = storage_port_new(x->f.storage, NULL, NULL),
                                    .cache = store_cache_new(1 << 20),
                                    .random = fixture_random};
    *o = options(&x->f);
    o->hooks = (struct store_hooks){.ctx = x, .progress = on_progress};
    CU_ASSERT_EQUAL_FATAL(file_store_open(o, &s), STORE_OK);
    return s;
}

static void stop_failing(struct failing *x)
{
    storage_port_free(x->f.host.port);
    CU_ASSERT_EQUAL(storage_close(x->f.storage), 0);
    store_cache_free(x->f.host.cache);
    sim_disk_free(x->disk);
    sched_free(x->sched);
}

static void check_reads(struct store *s, uint64_t last)
{
    struct store_msg m;
    CU_ASSERT_EQUAL(fixture_state(s).last, last);
    CU_ASSERT_EQUAL(fixture_state(s).msgs, last);
    for (uint64_t seq = 1; seq <= last; seq++)
        CU_ASSERT_EQUAL(store_load(s, seq, &m), STORE_OK);
    CU_ASSERT_EQUAL(store_load(s, last + 1, &m), STORE_EOF);
}

/* A write or a sync fails: what was not durable is refused with that error, reads of the rest go on, and
 * while the disk fails every append gets the error. When it works again so does the store. covers: ST-153 */
static void test_failed_writes(void)
{
    static const struct {
        unsigned op;
        int error;
        enum store_rc rc;
    } cases[] = {{SIM_OP(SIM_WRITE), -5, STORE_IO},
                 {SIM_OP(SIM_SYNC), -5, STORE_IO},
                 {SIM_OP(SIM_WRITE) | SIM_OP(SIM_SYNC), -28, STORE_NO_SPACE},
                 /* the file system has become read-only */
                 {SIM_CHANGING_OPS & ~SIM_OP(SIM_OPEN), -30, STORE_IO}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct failing x;
        struct file_store_options o;
        struct store *s = start_failing(&x, &o);
        for (int k = 0; k < 3; k++)
            CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
        sim_disk_fail(x.disk, (struct sim_disk_rule){.ops = cases[i].op, .error = cases[i].error});
        CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(s), cases[i].rc);
        CU_ASSERT_EQUAL(x.told, cases[i].rc);
        for (int k = 0; k < 2; k++) {
            enum store_rc rc = put(s, "a");
            CU_ASSERT_EQUAL(rc == STORE_OK ? store_commit(s) : rc, cases[i].rc);
            check_reads(s, 3);
        }
        sim_disk_heal(x.disk);
        CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(s), STORE_OK);
        check_reads(s, 4);
        fixture_close(s);
        s = fixture_open(&o);
        check_reads(s, 4);
        fixture_close(s);
        stop_failing(&x);
    }
}

/* A document that cannot be written: the old limits and the old document stay. covers: ST-28 */
static void test_failed_update(void)
{
    static const unsigned ops[] = {SIM_OP(SIM_OPEN), SIM_OP(SIM_WRITE), SIM_OP(SIM_SYNC), SIM_OP(SIM_RENAME)};
    static const char fresh[] = "{\"name\":\"S\",\"max_msgs\":2}";
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        struct failing x;
        struct file_store_options o;
        struct store *s = start_failing(&x, &o);
        for (int k = 0; k < 3; k++)
            CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        struct store_limits l = o.limits;
        l.max_msgs = 2;
        sim_disk_fail(x.disk, (struct sim_disk_rule){.ops = ops[i], .path = "*meta.*", .error = -5});
        CU_ASSERT_EQUAL(store_update(s, &l, slice_str(fresh), FIXTURE_NOW), STORE_IO);
        sim_disk_heal(x.disk);
        CU_ASSERT_EQUAL(put(s, "a"), STORE_OK);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, 4);
        struct meta_file m;
        struct hash_key key = hash_key_of(SLICE_LIT("S"));
        CU_ASSERT_EQUAL(meta_read(x.f.disk, stream_dir, &key, true, &o.keys, o.name, &m), META_GOOD);
        CU_ASSERT(slice_eq_str(buf_view(&m.json), "{\"name\":\"S\"}"));
        meta_free(&m);
        CU_ASSERT_EQUAL(store_update(s, &l, slice_str(fresh), FIXTURE_NOW), STORE_OK);
        CU_ASSERT_EQUAL(fixture_state(s).msgs, 2);
        CU_ASSERT_EQUAL(meta_read(x.f.disk, stream_dir, &key, true, &o.keys, o.name, &m), META_GOOD);
        CU_ASSERT(slice_eq_str(buf_view(&m.json), fresh));
        meta_free(&m);
        fixture_close(s);
        stop_failing(&x);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_large_state),      UNIT_TEST(test_wrong_totals),  UNIT_TEST(test_skew),
    UNIT_TEST(test_idle_files),       UNIT_TEST(test_orphan_keys),   UNIT_TEST(test_previous_key),
    UNIT_TEST(test_highest_sequence), UNIT_TEST(test_endless_ttl),   UNIT_TEST(test_handed_up_is_forgotten),
    UNIT_TEST(test_failed_writes),    UNIT_TEST(test_failed_update),
};

UNIT_MAIN("store guards", tests)
