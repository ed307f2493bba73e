/* Group commit: what was reported durable is there after a crash, whether a file's own sync or the shared
 * journal holds it. A crash is played by taking the bytes away from the block files that only the page cache
 * had. */
#include "store_fixture.h"
#include "store/format/record.h"
#include "store/journal.h"

#include <dirent.h>

#define STREAMS 20

/* A storage with a thread of its own, played by this one: jobs wait until the test lets them run. */
struct manual {
    struct fixture f;
    bool woken;
    struct store *stores[STREAMS];
    uint64_t durable[STREAMS];
    unsigned failures;
};

struct hook {
    struct manual *m;
    size_t i;
};
static struct hook hooks[STREAMS];

static void on_wake(void *ctx)
{
    ((struct manual *)ctx)->woken = true;
}

static void on_help(void *ctx)
{
    struct manual *m = ctx;
    storage_run(m->f.storage);
}

static void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    struct hook *h = ctx;
    if (rc == STORE_OK)
        h->m->durable[h->i] = p.durable_seq;
    else
        h->m->failures++;
}

static void restart_storage(struct manual *m, unsigned journal_above)
{
    struct storage_options so = {.disk = m->f.disk,
                                 .dir = m->f.dir,
                                 .journal_above = journal_above,
                                 .wake = on_wake,
                                 .wake_ctx = m,
                                 .help = on_help};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &m->f.storage), 0);
    m->f.host.port = storage_port_new(m->f.storage, NULL, NULL);
}

static void start(struct manual *m, unsigned journal_above)
{
    *m = (struct manual){0};
    fixture_start(&m->f, NULL);
    storage_port_free(m->f.host.port);
    CU_ASSERT_EQUAL(storage_close(m->f.storage), 0);
    restart_storage(m, journal_above);
}

static void open_one(struct manual *m, size_t i, const char *key)
{
    static char dir[512];
    hooks[i] = (struct hook){m, i};
    snprintf(dir, sizeof dir, "%s/jetstream/$G/streams/S%zu", m->f.dir, i);
    struct file_store_options o = {.host = &m->f.host,
                                   .dir = dir,
                                   .name = SLICE_LIT("S"),
                                   .meta = SLICE_LIT("{}"),
                                   .block_size = 32000,
                                   .track_subjects = true,
                                   .hooks = {.ctx = &hooks[i], .progress = on_progress}};
    o.keys = (struct store_keys){.key = slice_str(key), .info = SLICE_LIT("$G")};
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &m->stores[i]), STORE_OK);
}

static void open_all(struct manual *m, const char *key)
{
    for (size_t i = 0; i < STREAMS; i++)
        open_one(m, i, key);
}

static void close_all(struct manual *m)
{
    for (size_t i = 0; i < STREAMS; i++)
        CU_ASSERT_EQUAL(store_close(m->stores[i], 1), STORE_OK);
    storage_port_free(m->f.host.port);
    CU_ASSERT_EQUAL(storage_close(m->f.storage), 0);
}

/* The folder and what is left of the fixture; the stores are closed. */
static void sweep(struct manual *m)
{
    store_cache_free(m->f.host.cache);
    fixture_shell("rm -rf '%s'%s", m->f.dir, "");
}

static void append(struct manual *m, size_t i, const char *text)
{
    struct store_append a = {.ts = 7, .subject = SLICE_LIT("a.b"), .data = slice_str(text)};
    uint64_t seq;
    CU_ASSERT_EQUAL(store_append(m->stores[i], &a, 7, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_commit(m->stores[i]), STORE_OK);
}

static void let_run(struct manual *m)
{
    while (storage_run(m->f.storage)) {
    }
    storage_poll(m->f.host.port);
}

static size_t journal_files(const struct manual *m)
{
    size_t n = 0;
    DIR *d = opendir(m->f.dir);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += strncmp(e->d_name, JOURNAL_PREFIX, strlen(JOURNAL_PREFIX)) == 0;
    closedir(d);
    return n;
}

/* The process dies here: another folder with what was on disk then goes on. Block files lose what came after
 * `keep` bytes (-1: nothing), as if it had only been in the page cache. */
static void crash_to(struct manual *m, struct manual *after, long keep)
{
    char cmd[1024];
    *after = (struct manual){0};
    fixture_start(&after->f, NULL);
    storage_port_free(after->f.host.port);
    CU_ASSERT_EQUAL(storage_close(after->f.storage), 0);
    fixture_shell("cp -r '%s/.' '%s'", m->f.dir, after->f.dir);
    if (keep >= 0) {
        snprintf(cmd, sizeof cmd, "find '%s' -name '*.blk' -size +%ldc -exec truncate -s %ld {} +",
                 after->f.dir, keep, keep);
        fixture_shell("%s%s", cmd, "");
    }
    restart_storage(after, 2);
}

static void check_texts(struct manual *m, size_t i, size_t count)
{
    struct store_state st;
    store_state(m->stores[i], &st);
    CU_ASSERT_EQUAL(st.msgs, count);
    CU_ASSERT_EQUAL(st.last, count);
    for (size_t k = 1; k <= count; k++) {
        struct store_msg msg;
        char want[32];
        snprintf(want, sizeof want, "text %zu of %zu", k, i);
        CU_ASSERT_EQUAL_FATAL(store_load(m->stores[i], k, &msg), STORE_OK);
        CU_ASSERT(slice_eq_str(msg.data, want));
    }
}

static void append_round(struct manual *m, size_t k)
{
    for (size_t i = 0; i < STREAMS; i++) {
        char text[32];
        snprintf(text, sizeof text, "text %zu of %zu", k, i);
        append(m, i, text);
    }
}

/* One group, one sync for all: nothing is durable before it ran, everything is after. covers: ST-147 */
static void test_marks(void)
{
    struct manual m;
    start(&m, 2);
    open_all(&m, NULL);
    append_round(&m, 1);
    for (size_t i = 0; i < STREAMS; i++) {
        CU_ASSERT_EQUAL(m.durable[i], 0);
        struct store_msg msg;
        CU_ASSERT_EQUAL(store_load(m.stores[i], 1, &msg), STORE_OK); /* the owner sees its own */
    }
    CU_ASSERT(m.woken);
    let_run(&m);
    for (size_t i = 0; i < STREAMS; i++)
        CU_ASSERT_EQUAL(m.durable[i], 1);
    CU_ASSERT(journal_files(&m) > 0);
    close_all(&m);
    CU_ASSERT_EQUAL(journal_files(&m), 0); /* a clean stop empties it */
    sweep(&m);
}

static void journal_saves(const char *key)
{
    struct manual m, after;
    start(&m, 2);
    open_all(&m, key);
    for (size_t k = 1; k <= 5; k++) {
        append_round(&m, k);
        let_run(&m);
    }
    for (long keep = -1; keep < 120; keep += 17) { /* blocks that lost everything, a part, or nothing */
        crash_to(&m, &after, keep);
        open_all(&after, key);
        for (size_t i = 0; i < STREAMS; i++)
            check_texts(&after, i, 5);
        close_all(&after);
        CU_ASSERT_EQUAL(journal_files(&after), 0);
        /* And once more, now from the blocks alone. */
        restart_storage(&after, 2);
        open_all(&after, key);
        check_texts(&after, 3, 5);
        close_all(&after);
        sweep(&after);
    }
    close_all(&m);
    sweep(&m);
}

static void test_journal_saves(void)
{
    journal_saves(NULL);
    journal_saves("secret");
}

/* Streams that are not opened after the crash keep their claims, through clean stops, and others get nothing
 * twice. */
static void test_claims_wait(void)
{
    struct manual m, after;
    start(&m, 2);
    open_all(&m, NULL);
    append_round(&m, 1);
    let_run(&m);
    crash_to(&m, &after, 0);
    for (int round = 0; round < 3; round++) {
        open_one(&after, 4, NULL);
        bool removed;
        if (round == 0) {
            check_texts(&after, 4, 1);
            CU_ASSERT_EQUAL(store_remove(after.stores[4], 1, STORE_REMOVE, &removed), STORE_OK);
        }
        struct store_state st;
        store_state(after.stores[4], &st);
        CU_ASSERT(st.msgs == 0 && st.last == 1);
        CU_ASSERT_EQUAL(store_close(after.stores[4], 1), STORE_OK);
        storage_port_free(after.f.host.port);
        CU_ASSERT_EQUAL(storage_close(after.f.storage), 0);
        CU_ASSERT_EQUAL(journal_files(&after), 1);
        restart_storage(&after, 2);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        open_one(&after, i, NULL);
        if (i != 4)
            check_texts(&after, i, 1);
    }
    close_all(&after);
    CU_ASSERT_EQUAL(journal_files(&after), 0);
    close_all(&m);
    sweep(&m);
    sweep(&after);
}

/* The Go server went on with a stream after midge had crashed: its messages win. */
static void test_other_writer(void)
{
    struct manual m, after;
    start(&m, 2);
    open_all(&m, NULL);
    append_round(&m, 1);
    let_run(&m);
    crash_to(&m, &after, 0);
    char path[512];
    uint8_t rec[128];
    struct hash_key key = hash_key_block(SLICE_LIT("S"), 1);
    size_t len = record_encode_message(rec, &key, 1, 9, SLICE_LIT("a.b"), SLICE_EMPTY, SLICE_LIT("another"));
    snprintf(path, sizeof path, "%s/jetstream/$G/streams/S7/msgs/1.blk", after.f.dir);
    FILE *f = fopen(path, "wb");
    CU_ASSERT_EQUAL(fwrite(rec, 1, len, f), len);
    fclose(f);
    open_all(&after, NULL);
    struct store_msg msg;
    CU_ASSERT_EQUAL(store_load(after.stores[7], 1, &msg), STORE_OK);
    CU_ASSERT(slice_eq_str(msg.data, "another"));
    check_texts(&after, 8, 1);
    close_all(&after);
    close_all(&m);
    sweep(&m);
    sweep(&after);
}

/* Rewriting a block voids what the journal holds for it: a crash after it brings nothing back. covers: ST-57
 */
static void test_void(void)
{
    struct manual m, after;
    bool removed;
    uint64_t purged;
    start(&m, 2);
    open_all(&m, NULL);
    append_round(&m, 1);
    append_round(&m, 2);
    let_run(&m);
    CU_ASSERT_EQUAL(store_remove(m.stores[0], 1, STORE_REMOVE_ERASE, &removed), STORE_OK);
    CU_ASSERT_EQUAL(store_truncate(m.stores[1], 1, 7), STORE_OK);
    CU_ASSERT_EQUAL(store_purge(m.stores[2], SLICE_EMPTY, 0, 0, &purged), STORE_OK);
    CU_ASSERT_EQUAL(store_destroy(m.stores[3]), STORE_OK);
    crash_to(&m, &after, -1);
    open_all(&after, NULL);
    struct store_state st;
    struct store_msg msg;
    CU_ASSERT_EQUAL(store_load(after.stores[0], 1, &msg), STORE_NOT_FOUND);
    CU_ASSERT_EQUAL(store_load(after.stores[0], 2, &msg), STORE_OK);
    store_state(after.stores[1], &st);
    CU_ASSERT(st.last == 1 && st.msgs == 1);
    store_state(after.stores[2], &st);
    CU_ASSERT(st.last == 2 && st.msgs == 0);
    store_state(after.stores[3], &st);
    CU_ASSERT(st.last == 0 && st.msgs == 0);
    check_texts(&after, 4, 2);
    close_all(&after);
    open_one(&m, 3, NULL);
    close_all(&m);
    sweep(&m);
    sweep(&after);
}

/* Segments are retired behind the syncs of their files: the journal does not grow for ever. */
static void test_segments(void)
{
    struct manual m;
    start(&m, 2);
    storage_port_free(m.f.host.port);
    CU_ASSERT_EQUAL(storage_close(m.f.storage), 0);
    struct storage_options so = {.disk = m.f.disk,
                                 .dir = m.f.dir,
                                 .journal_above = 2,
                                 .journal_bytes = 20000,
                                 .wake = on_wake,
                                 .wake_ctx = &m,
                                 .help = on_help};
    CU_ASSERT_EQUAL_FATAL(storage_open(&so, &m.f.storage), 0);
    m.f.host.port = storage_port_new(m.f.storage, NULL, NULL);
    open_all(&m, NULL);
    for (size_t k = 1; k <= 200; k++) {
        append_round(&m, k);
        let_run(&m);
        CU_ASSERT(journal_files(&m) <= 4);
    }
    for (size_t i = 0; i < STREAMS; i++)
        check_texts(&m, i, 200);
    struct manual after;
    crash_to(&m, &after, -1);
    open_all(&after, NULL);
    for (size_t i = 0; i < STREAMS; i++)
        check_texts(&after, i, 200);
    close_all(&after);
    close_all(&m);
    sweep(&m);
    sweep(&after);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_marks),        UNIT_TEST(test_journal_saves), UNIT_TEST(test_claims_wait),
    UNIT_TEST(test_other_writer), UNIT_TEST(test_void),          UNIT_TEST(test_segments),
};

UNIT_MAIN("store storage", tests)
