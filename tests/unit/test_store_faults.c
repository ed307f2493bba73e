/* What crashes and failing calls have brought to light in the file store, one story a test, on the simulated
 * disk. test_store_crash looks for more of them at random. */
#include "unit.h"
#include "sim/sim_disk.h"
#include "store/file_store.h"
#include "store/format/hash.h"
#include "store/meta_file.h"

#include <errno.h>
#include <stdlib.h>

#define NOW   1795500000000000000LL
#define SEEDS 12 /* a power cut comes out differently under each */

/* One store on a disk of its own. Its storage runs when somebody waits, so that operations gather. */
struct rig {
    struct sched *sched;
    struct sim_disk *sim;
    struct disk *disk;
    struct storage *storage;
    struct store_host host;
    struct file_store_options o;
    struct store *s;
    int64_t msgs; /* the sum of what `changed` has reported */
    unsigned failures;
    enum store_rc last_failure;
    uint64_t durable_seq, lost_first, lost_last;
    unsigned losses; /* reported */
};

static void on_wake(void *ctx)
{
    (void)ctx;
}

static void on_help(void *ctx)
{
    storage_run(((struct rig *)ctx)->storage);
}

static void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    struct rig *r = ctx;
    r->durable_seq = p.durable_seq;
    if (rc != STORE_OK) {
        r->failures++;
        r->last_failure = rc;
    }
}

static void on_changed(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    (void)bytes;
    (void)seq;
    (void)subject;
    ((struct rig *)ctx)->msgs += msgs;
}

static void on_lost(void *ctx, struct store_lost what)
{
    struct rig *r = ctx;
    r->lost_first = what.first;
    r->lost_last = what.last;
    r->losses++;
}

static enum store_rc try_up(struct rig *r)
{
    struct storage_options so = {
        .disk = r->disk, .dir = "/js", .journal_above = 1, .wake = on_wake, .wake_ctx = r, .help = on_help};
    r->s = NULL;
    r->storage = NULL;
    if (storage_open(&so, &r->storage) != 0)
        return STORE_IO;
    r->host = (struct store_host){.disk = r->disk,
                                  .port = storage_port_new(r->storage, NULL, NULL),
                                  .cache = store_cache_new(1 << 20),
                                  .random = sched_bytes,
                                  .random_ctx = r->sched};
    enum store_rc rc = file_store_open(&r->o, &r->s);
    r->s = rc == STORE_OK ? r->s : NULL;
    return rc;
}

static void up(struct rig *r)
{
    CU_ASSERT_EQUAL_FATAL(try_up(r), STORE_OK);
}

static void down(struct rig *r)
{
    if (r->storage == NULL)
        return;
    if (r->s != NULL)
        store_close(r->s, NOW);
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
    r->o = (struct file_store_options){
        .host = &r->host,
        .dir = "/js/S",
        .name = SLICE_LIT("S"),
        .meta = SLICE_LIT("{}"),
        .block_size = 300,
        .track_subjects = true,
        .now = NOW,
        .hooks = {.ctx = r, .progress = on_progress, .changed = on_changed, .lost = on_lost}};
}

static void stop(struct rig *r)
{
    down(r);
    sim_disk_free(r->sim);
    sched_free(r->sched);
}

/* The process or the power goes, and both come back. */
static void die(struct rig *r, bool power)
{
    if (!sim_disk_is_off(r->sim)) /* else the power has gone by itself */
        (power ? sim_disk_crash : sim_disk_kill)(r->sim);
    down(r);
    sim_disk_cut_at(r->sim, 0);
    sim_disk_start(r->sim);
    up(r);
}

/* A message of 100 bytes on disk, so that a block takes three. */
static enum store_rc append(struct rig *r, const char *subject)
{
    static const char data[69] = "";
    struct store_append a = {.ts = NOW, .subject = slice_str(subject), .data = slice_make(data, sizeof data)};
    uint64_t seq;
    return store_append(r->s, &a, NOW, &seq);
}

static void put(struct rig *r, const char *subjects)
{
    for (; *subjects != 0; subjects++) {
        char subject[] = {*subjects, 0};
        CU_ASSERT_EQUAL(append(r, subject), STORE_OK);
    }
}

static void drop(struct rig *r, uint64_t seq, enum store_remove_how how)
{
    bool removed;
    CU_ASSERT_EQUAL(store_remove(r->s, seq, how, &removed), STORE_OK);
    CU_ASSERT_TRUE(removed);
}

static bool has(struct rig *r, uint64_t seq)
{
    struct store_msg m;
    return store_load(r->s, seq, &m) == STORE_OK;
}

/* Exactly these sequences are there. */
static void check(struct rig *r, const uint64_t *seqs, size_t count)
{
    struct store_state st;
    store_state(r->s, &st);
    CU_ASSERT_EQUAL(st.msgs, count);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_TRUE(has(r, seqs[i]));
}
#define CHECK(r, ...)                                    \
    do {                                                 \
        static const uint64_t want_[] = {__VA_ARGS__};   \
        check(r, want_, sizeof want_ / sizeof want_[0]); \
    } while (0)

static bool exists(struct rig *r, const char *path)
{
    struct disk_stat st;
    return disk_stat(r->disk, path, &st) == 0;
}

/* However often blocks are tidied and the power goes: the next message gets the sequence `next`. */
static void check_next(struct rig *r, uint64_t next)
{
    struct store_state st;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 20; i++)
            CU_ASSERT_EQUAL(store_maintain(r->s, NOW), STORE_OK);
        CU_ASSERT_EQUAL(store_sync_now(r->s), STORE_OK);
        store_state(r->s, &st);
        CU_ASSERT_EQUAL(st.last + 1, next);
        die(r, true);
        store_state(r->s, &st);
        CU_ASSERT_EQUAL(st.last + 1, next);
    }
}

/* A second store: what both commit together goes through the journal. */
static struct store *open_other(struct rig *r)
{
    struct store *other;
    struct file_store_options o = r->o;
    o.dir = "/js/T";
    o.name = SLICE_LIT("T");
    o.hooks = (struct store_hooks){0};
    CU_ASSERT_EQUAL_FATAL(file_store_open(&o, &other), STORE_OK);
    return other;
}

/* A message in each that is safe in the journal alone. */
static void put_in_journal(struct rig *r, struct store *other, size_t data_len)
{
    static const uint8_t data[100];
    uint64_t seq;
    struct store_append a = {.ts = NOW, .subject = SLICE_LIT("a"), .data = slice_make(data, data_len)};
    CU_ASSERT_EQUAL(store_append(other, &a, NOW, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_commit(other), STORE_OK);
    CU_ASSERT_EQUAL(store_append(r->s, &a, NOW, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_sync_now(r->s), STORE_OK);
}

static struct store *journaled_pair(struct rig *r)
{
    struct store *other = open_other(r);
    put_in_journal(r, other, 69);
    return other;
}

/* ---- crashes ---- */

/* After a kill the blocks are synced once, the last one too when a useless file goes in the same job. */
static void test_all_blocks_synced_after_a_kill(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        struct disk_file *f;
        start(&r, seed);
        r.o.sync = STORE_SYNC_INTERVAL;
        up(&r);
        put(&r, "aa");
        CU_ASSERT_EQUAL(store_commit(r.s), STORE_OK);
        storage_run(r.storage);
        sim_disk_kill(r.sim);
        down(&r);
        sim_disk_start(r.sim);
        CU_ASSERT_EQUAL(disk_open(r.disk, "/js/S/msgs/2.blk", DISK_WRITE | DISK_CREATE, &f), 0);
        CU_ASSERT_EQUAL(disk_close(f), 0);
        up(&r);
        CHECK(&r, 1, 2);
        CU_ASSERT_FALSE(exists(&r, "/js/S/msgs/2.blk"));
        die(&r, true);
        CHECK(&r, 1, 2);
        stop(&r);
    }
}

/* ... and before a file goes that the blocks make useless: or the power takes both. */
static void test_blocks_synced_before_files_go(void)
{
    for (uint64_t n = 1; n <= 30; n++) {
        struct rig r;
        struct store_state st;
        start(&r, n);
        r.o.sync = STORE_SYNC_INTERVAL;
        up(&r);
        put(&r, "aaa");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        put(&r, "a"); /* in a second block, written and not synced */
        CU_ASSERT_EQUAL(store_commit(r.s), STORE_OK);
        storage_run(r.storage);
        sim_disk_kill(r.sim);
        down(&r);
        sim_disk_start(r.sim);
        r.o.limits.max_msgs = 1; /* the first block is useless */
        sim_disk_cut_at(r.sim, n);
        (void)try_up(&r);
        die(&r, true);
        store_state(r.s, &st);
        CU_ASSERT(st.last >= 3);
        stop(&r);
    }
}

/* A compaction leaves out what a limit has removed; an index.db that still counts it must not fit. */
static void test_compaction_outdates_the_index(void)
{
    struct rig r;
    start(&r, 1);
    up(&r);
    put(&r, "aaaaa"); /* 1-3, 4-5 */
    down(&r);         /* writes index.db */
    up(&r);
    drop(&r, 1, STORE_REMOVE_LIMIT);
    drop(&r, 2, STORE_REMOVE_LIMIT);
    for (int i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(store_maintain(r.s, NOW), STORE_OK);
    die(&r, false);
    CHECK(&r, 3, 4, 5);
    stop(&r);
}

/* A block is removed by unlinking it. Younger messages must not be there without that, or a limit takes a
 * message that lives for the one that does not. */
static void test_removal_keeps_its_place(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t n = 1; n <= 8; n++) {
            struct rig r;
            start(&r, seed);
            r.o.limits.max_per_subject = 2;
            r.o.block_size = 100;
            up(&r);
            put(&r, "aab");
            CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
            drop(&r, 2, STORE_REMOVE); /* alone in its block */
            put(&r, "a");
            sim_disk_cut_at(r.sim, n);
            store_sync_now(r.s);
            die(&r, true);
            CU_ASSERT_TRUE(has(&r, 1));
            CU_ASSERT_TRUE(has(&r, 3));
            CU_ASSERT_FALSE(has(&r, 2) && has(&r, 4));
            stop(&r);
        }
    }
}

/* A file waits to go until the tombstone that replaces it is safe; when that one's block goes, too, until the
 * next is. */
static void test_replacement_is_replaced(void)
{
    for (uint64_t n = 1; n <= 8; n++) {
        struct rig r;
        struct store_state st;
        start(&r, n);
        up(&r);
        put(&r, "a");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        drop(&r, 1, STORE_REMOVE); /* the second block remembers it */
        put(&r, "a");
        drop(&r, 2, STORE_REMOVE_LIMIT); /* ... and the third 2 */
        sim_disk_cut_at(r.sim, n);
        store_sync_now(r.s);
        die(&r, true);
        store_state(r.s, &st);
        CU_ASSERT(st.last >= 1);
        stop(&r);
    }
}

/* The same when the tombstone lies in a third block that stays. */
static void test_knowledge_of_the_last_is_replaced(void)
{
    for (uint64_t n = 1; n <= 8; n++) {
        struct rig r;
        struct store_state st;
        start(&r, n);
        r.o.block_size = 230; /* two messages and a mark */
        up(&r);
        put(&r, "aaaa");
        CU_ASSERT_EQUAL(store_skip(r.s, 0, 1, NOW), STORE_OK); /* 5, in the second block */
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        put(&r, "aa");
        CU_ASSERT_EQUAL(store_skip(r.s, 0, 1, NOW), STORE_OK); /* 8, in the third */
        drop(&r, 1, STORE_REMOVE);                             /* begins the fourth */
        drop(&r, 3, STORE_REMOVE);
        drop(&r, 4, STORE_REMOVE); /* the second block goes: the third tells of a later sequence */
        drop(&r, 6, STORE_REMOVE);
        drop(&r, 7, STORE_REMOVE); /* ... which goes, too */
        sim_disk_cut_at(r.sim, n);
        store_sync_now(r.s);
        die(&r, true);
        store_state(r.s, &st);
        CU_ASSERT(st.last >= 5);
        stop(&r);
    }
}

/* A block without messages, which index.db does not list, is kept for a tombstone. What was removed from it
 * stays removed when the blocks with those tombstones go. */
static void test_unlisted_block_keeps_its_tombstones(void)
{
    struct rig r;
    uint64_t purged;
    start(&r, 1);
    up(&r);
    put(&r, "aaaa");           /* 1-3; 4 in the second */
    drop(&r, 2, STORE_REMOVE); /* its tombstone lies with 4 */
    put(&r, "aaa");            /* 5 with them; 6, 7 in the third */
    drop(&r, 4, STORE_REMOVE); /* tombstones in the third */
    drop(&r, 5, STORE_REMOVE); /* ... which leaves the second without a message */
    put(&r, "aaa");            /* 8-10 */
    down(&r);
    up(&r);
    CU_ASSERT_TRUE(exists(&r, "/js/S/msgs/2.blk"));
    CU_ASSERT_EQUAL(store_maintain(r.s, NOW), STORE_OK); /* has a look into it */
    CU_ASSERT_EQUAL(store_compact(r.s, 8, &purged), STORE_OK);
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    die(&r, false);
    CHECK(&r, 8, 9, 10);
    stop(&r);
}

/* The length of a write without its bytes: a block that index.db knows as empty ends in zeros, as the index
 * says. */
static void test_zeros_in_an_empty_block(void)
{
    static const uint8_t zeros[120] = {0};
    struct rig r;
    struct disk_file *f;
    start(&r, 1);
    up(&r);
    down(&r); /* index.db of an empty block */
    CU_ASSERT_EQUAL(disk_open(r.disk, "/js/S/msgs/1.blk", DISK_WRITE, &f), 0);
    CU_ASSERT_EQUAL(disk_pwrite(f, zeros, sizeof zeros, 0), (ssize_t)sizeof zeros);
    CU_ASSERT_EQUAL(disk_close(f), 0);
    up(&r);
    put(&r, "a");
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    die(&r, false);
    CHECK(&r, 1);
    CU_ASSERT_EQUAL(r.lost_first, 0);
    stop(&r);
}

/* What a limit has removed stays removed when a truncation cuts off what it was too many beside. */
static void test_truncate_remembers_limits(void)
{
    struct rig r;
    start(&r, 1);
    r.o.limits.max_per_subject = 1;
    up(&r);
    put(&r, "aba");
    CU_ASSERT_EQUAL(store_truncate(r.s, 2, NOW), STORE_OK);
    CHECK(&r, 2);
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    die(&r, false);
    CHECK(&r, 2);
    stop(&r);
}

/* A truncation uses block numbers for a while and then again: what the journal holds of the first use must
 * not be put into the second. (Under a new key it would not even be recognized.) */
static void test_truncate_voids_the_journal(void)
{
    struct rig r;
    uint64_t seq;
    start(&r, 1);
    r.o.block_size = 600;
    r.o.keys = (struct store_keys){.key = SLICE_LIT("secret"), .info = SLICE_LIT("ACC")};
    up(&r);
    put(&r, "aaa");
    drop(&r, 2, STORE_REMOVE);
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    struct store *other = open_other(&r);
    struct store_append a = {.ts = NOW, .subject = SLICE_LIT("t")};
    CU_ASSERT_EQUAL(store_append(other, &a, NOW, &seq), STORE_OK);
    CU_ASSERT_EQUAL(store_commit(other), STORE_OK); /* waits, so that a group is more than one file */
    CU_ASSERT_EQUAL(store_truncate(r.s, 1, NOW), STORE_OK);
    put(&r, "aaaaaa"); /* 2-6; 7 in the second block */
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    CU_ASSERT_TRUE(exists(&r, "/js/S/msgs/2.blk"));
    sim_disk_kill(r.sim);
    store_close(other, NOW);
    die(&r, false);
    CHECK(&r, 1, 2, 3, 4, 5, 6, 7);
    stop(&r);
}

/* New limits are not safe before the removals that made room for them. */
static void test_update_follows_removals(void)
{
    struct rig r;
    start(&r, 1);
    r.o.limits.max_msgs = 3;
    up(&r);
    put(&r, "aaa");
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    drop(&r, 2, STORE_REMOVE);
    r.o.limits.max_msgs = 2;
    CU_ASSERT_EQUAL(store_update(r.s, &r.o.limits, SLICE_LIT("{}"), NOW), STORE_OK);
    die(&r, true);
    CHECK(&r, 1, 3);
    stop(&r);
}

/* A block goes that was not written yet, and behind whose records another file waits to go: what is younger
 * is not on disk before that file has gone. */
static void test_unwritten_block_keeps_the_order(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t cut = 1; cut <= 16; cut++) {
            struct rig r;
            uint64_t purged;
            start(&r, seed);
            up(&r);
            put(&r, "aaabbbc");
            CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
            for (uint64_t seq = 4; seq <= 6; seq++) /* the third block remembers it */
                drop(&r, seq, STORE_REMOVE);
            put(&r, "cd");
            sim_disk_cut_at(r.sim, cut);
            if (store_purge(r.s, SLICE_LIT("c"), 0, 0, &purged) == STORE_OK)
                store_sync_now(r.s); /* fails where the power has gone */
            die(&r, true);
            CU_ASSERT(has(&r, 1) && has(&r, 2) && has(&r, 3));
            if (has(&r, 9))
                CU_ASSERT(!has(&r, 4) && !has(&r, 5) && !has(&r, 6));
            stop(&r);
        }
    }
}

/* In a mode without syncs: what a block remembers is written again at the end, over two blocks, and both are
 * on disk before its file goes. */
static void test_unsynced_tombstones_before_unlinks(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (uint64_t cut = 1; cut <= 16; cut++) {
            static const uint64_t removed[] = {2, 3, 5, 6, 8, 9, 11, 12};
            struct rig r;
            uint64_t purged;
            start(&r, seed);
            r.o.sync = STORE_SYNC_INTERVAL;
            up(&r);
            put(&r, "abbabbabbabbc");
            for (size_t i = 0; i < sizeof removed / sizeof removed[0];
                 i++) /* the block of c remembers most */
                drop(&r, removed[i], STORE_REMOVE);
            put(&r, "dd");
            CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
            sim_disk_cut_at(r.sim, cut);
            if (store_purge(r.s, SLICE_LIT("c"), 0, 0, &purged) == STORE_OK &&
                store_commit(r.s) == STORE_OK) {
                for (int i = 0; i < 5; i++) {
                    storage_run(r.storage);
                    storage_poll(r.host.port);
                }
            }
            die(&r, true);
            for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
                CU_ASSERT_FALSE(has(&r, removed[i]));
            stop(&r);
        }
    }
}

/* ---- damage ---- */

static void flip(struct rig *r, const char *path, uint64_t at, uint8_t mask)
{
    CU_ASSERT_EQUAL(sim_disk_flip(r->sim, path, at, mask), 0);
}

/* A clean stop, a bit of the block `number` at `at` flips, and the store is opened again. */
static void damage(struct rig *r, unsigned number, uint64_t at, uint8_t mask)
{
    char path[64];
    snprintf(path, sizeof path, "/js/S/msgs/%u.blk", number);
    down(r);
    flip(r, path, at, mask);
    up(r);
}

/* The last message is found damaged while the store runs, and then counted anew: its sequence stays used. */
static void test_damaged_last_is_not_used_again(void)
{
    struct rig r;
    bool removed;
    start(&r, 1);
    up(&r);
    put(&r, "aaa");
    damage(&r, 1, 250, 3); /* in the third one's body, so that index.db fits */
    CU_ASSERT_EQUAL(store_remove(r.s, 3, STORE_REMOVE, &removed), STORE_OK);
    CHECK(&r, 1, 2);
    check_next(&r, 4);
    put(&r, "a");
    CU_ASSERT_TRUE(has(&r, 4));
    stop(&r);
}

/* What was found damaged is counted by the store that found it, not by the next one. */
static void test_damage_is_not_handed_on(void)
{
    struct rig r;
    struct store_state st;
    start(&r, 1);
    up(&r);
    put(&r, "aaab");
    damage(&r, 1, 150, 3);
    store_state(r.s, &st);
    CU_ASSERT_EQUAL(st.msgs, 4);
    CU_ASSERT_FALSE(has(&r, 2));
    CU_ASSERT_EQUAL(r.lost_first, 2);
    down(&r);
    r.lost_first = r.lost_last = 0;
    up(&r);
    CU_ASSERT(r.lost_first == 2 && r.lost_last == 2);
    CHECK(&r, 1, 3, 4);
    for (int i = 0; i < 2; i++) {
        down(&r);
        r.lost_first = 0;
        up(&r);
        CU_ASSERT_EQUAL(r.lost_first, 0);
        CHECK(&r, 1, 3, 4);
    }
    check_next(&r, 5);
    stop(&r);
}

static void read_block(struct rig *r, const char *path, uint8_t out[300])
{
    struct disk_file *f;
    CU_ASSERT_EQUAL_FATAL(disk_open(r->disk, path, DISK_READ, &f), 0);
    CU_ASSERT_EQUAL(disk_pread(f, out, 300, 0), 300);
    disk_close(f);
}

/* A single wrong bit costs nothing, wherever it is (but for the subject's length, which has no checksum), and
 * the file is put right. */
static void test_single_bit_is_mended(void)
{
    for (uint64_t bit = 0; bit < 8 * 200; bit++) {
        uint64_t at = 100 + bit / 8;
        uint8_t before[300], after[300];
        struct rig r;
        if (at % 100 == 20 || at % 100 == 21)
            continue;
        start(&r, bit);
        if (bit % 3 == 0)
            r.o.keys = (struct store_keys){.key = SLICE_LIT("secret"), .info = SLICE_LIT("ACC")};
        up(&r);
        put(&r, "abc");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        if (bit % 2 == 0) /* else the block is the last one, of which index.db tells the end */
            put(&r, "d");
        down(&r);
        if (bit % 5 == 0)
            CU_ASSERT_EQUAL(disk_unlink(r.disk, "/js/S/msgs/index.db"), 0);
        read_block(&r, "/js/S/msgs/1.blk", before);
        flip(&r, "/js/S/msgs/1.blk", at, (uint8_t)(1u << bit % 8));
        up(&r);
        check(&r, (const uint64_t[]){1, 2, 3, 4}, bit % 2 == 0 ? 4 : 3);
        CU_ASSERT_EQUAL(r.losses, 0);
        if (bit % 3 != 0) { /* else the block may have been written anew, under a new key */
            read_block(&r, "/js/S/msgs/1.blk", after);
            CU_ASSERT_EQUAL(memcmp(before, after, sizeof after), 0);
        }
        stop(&r);
    }
}

/* The damaged length of a record leads, by chance, to the place of another one. */
static void test_length_that_leads_too_far(void)
{
    struct rig r;
    start(&r, 1);
    r.o.block_size = 1000;
    up(&r);
    put(&r, "a");
    store_append(r.s,
                 &(struct store_append){.ts = NOW,
                                        .subject = SLICE_LIT("a"),
                                        .data = SLICE_LIT("012345678901234567890123456789")},
                 NOW, &(uint64_t){0}); /* 61 bytes: at 100 */
    for (int i = 0; i < 4; i++)        /* 32 bytes each: at 161, 193, 225, 257 */
        store_append(r.s,
                     &(struct store_append){.ts = NOW, .subject = SLICE_LIT("a"), .data = SLICE_LIT("x")},
                     NOW, &(uint64_t){0});
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    damage(&r, 1, 161, 64); /* 32 becomes 96: the place of the last one */
    CHECK(&r, 1, 2, 3, 4, 5, 6);
    CU_ASSERT_EQUAL(r.lost_first, 0);
    die(&r, true);
    CU_ASSERT_EQUAL(disk_unlink(r.disk, "/js/S/msgs/index.db"), 0);
    die(&r, true);
    CHECK(&r, 1, 2, 3, 4, 5, 6);
    stop(&r);
}

/* The key of the last block is gone when nothing is in the block: the next message goes into another. */
static void test_last_block_without_its_key(void)
{
    struct rig r;
    start(&r, 1);
    r.o.keys = (struct store_keys){.key = SLICE_LIT("secret"), .info = SLICE_LIT("ACC")};
    up(&r);
    down(&r);
    flip(&r, "/js/S/msgs/1.key", 40, 1);
    up(&r);
    put(&r, "a");
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    die(&r, true);
    CHECK(&r, 1);
    stop(&r);
}

/* A damaged header length is no other record: the journal's bytes go over it. */
static void test_replay_over_a_damaged_length(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        uint64_t seq;
        start(&r, seed);
        up(&r);
        struct store *other = journaled_pair(&r);
        struct store_append a = {.ts = NOW,
                                 .subject = SLICE_LIT("a"),
                                 .hdr = SLICE_LIT("NATS/1.0\r\nA: b\r\n\r\n"),
                                 .data = SLICE_LIT("x")};
        CU_ASSERT_EQUAL(store_append(r.s, &a, NOW, &seq), STORE_OK);
        a.hdr = SLICE_EMPTY;
        CU_ASSERT_EQUAL(store_append(other, &a, NOW, &seq), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(other), STORE_OK);
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        sim_disk_kill(r.sim);
        store_close(other, NOW);
        down(&r);
        flip(&r, "/js/S/msgs/1.blk", 100 + 23, 2); /* 18 becomes 16 */
        sim_disk_start(r.sim);
        up(&r);
        CHECK(&r, 1, 2);
        CU_ASSERT_EQUAL(r.lost_first, 0);
        stop(&r);
    }
}

/* The journal's entry that voids the others is damaged: they do not go over what the block has become. */
static void test_replay_over_a_compressed_block(void)
{
    struct rig r;
    struct disk_stat st;
    start(&r, 1);
    r.o.compress = true;
    up(&r);
    struct store *other = journaled_pair(&r);
    put(&r, "aaa"); /* the last one begins a block */
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    CU_ASSERT_EQUAL(store_maintain(r.s, NOW), STORE_OK);
    CU_ASSERT_EQUAL(disk_stat(r.disk, "/js/S/msgs/1.blk", &st), 0);
    CU_ASSERT(st.size < 300);
    CU_ASSERT_EQUAL(disk_stat(r.disk, "/js/midge.journal.1", &st), 0);
    sim_disk_kill(r.sim);
    store_close(other, NOW);
    down(&r);
    flip(&r, "/js/midge.journal.1", st.size - 1, 1);
    sim_disk_start(r.sim);
    up(&r);
    CHECK(&r, 1, 2, 3, 4);
    CU_ASSERT_EQUAL(r.lost_first, 0);
    stop(&r);
}

/* Blocks are written anew, what voids the journal's older entries is damaged, and the stores open again. */
static void lose_the_void(struct rig *r, struct store *other)
{
    struct disk_stat st;
    CU_ASSERT_EQUAL(store_sync_now(r->s), STORE_OK);
    CU_ASSERT_EQUAL(store_maintain(r->s, NOW), STORE_OK);
    CU_ASSERT_EQUAL(disk_stat(r->disk, "/js/S/msgs/1.blk", &st), 0);
    CU_ASSERT(st.size <= 100);
    CU_ASSERT_EQUAL(disk_stat(r->disk, "/js/midge.journal.1", &st), 0);
    sim_disk_kill(r->sim);
    store_close(other, NOW);
    down(r);
    flip(r, "/js/midge.journal.1", st.size - 1, 1);
    sim_disk_start(r->sim);
    up(r);
}

/* Entries that begin behind the end of what the block has become. */
static void test_replay_behind_the_end(void)
{
    struct rig r;
    start(&r, 1);
    up(&r);
    put(&r, "a");
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    struct store *other = journaled_pair(&r);
    put_in_journal(&r, other, 1);
    put(&r, "aa");
    drop(&r, 1, STORE_REMOVE);
    drop(&r, 2, STORE_REMOVE);
    lose_the_void(&r, other);
    CHECK(&r, 3, 4, 5);
    CU_ASSERT_EQUAL(r.lost_first, 0);
    CU_ASSERT_FALSE(exists(&r, "/js/S/msgs/1.blk.damaged"));
    stop(&r);
}

/* Where commits are not synced the power takes what came before an entry; what that remembers of removals
 * counts all the same. */
static void test_replay_behind_a_hole(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        uint64_t seq, purged;
        struct store_append a = {.ts = NOW, .subject = SLICE_LIT("t")};
        start(&r, seed);
        r.o.sync = STORE_SYNC_NEVER;
        up(&r);
        r.o.sync = STORE_SYNC_ALWAYS;
        struct store *other = open_other(&r);
        r.o.sync = STORE_SYNC_NEVER;
        put(&r, "aaabb");
        drop(&r, 2, STORE_REMOVE); /* the second block remembers it */
        put(&r, "a");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        put(&r, "a");
        CU_ASSERT_EQUAL(store_commit(r.s), STORE_OK);
        storage_run(r.storage);
        storage_poll(r.host.port);
        CU_ASSERT_EQUAL(store_purge(r.s, SLICE_LIT("b"), 0, 0, &purged), STORE_OK);
        CU_ASSERT_EQUAL(purged, 2);
        CU_ASSERT_EQUAL(store_append(other, &a, NOW, &seq), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(other), STORE_OK);
        CU_ASSERT_EQUAL(store_commit(r.s), STORE_OK);
        storage_run(r.storage);
        storage_poll(r.host.port);
        CU_ASSERT_FALSE(exists(&r, "/js/S/msgs/2.blk"));
        sim_disk_crash(r.sim);
        store_close(other, NOW);
        die(&r, true);
        CU_ASSERT_TRUE(has(&r, 1) && has(&r, 3) && has(&r, 6));
        CU_ASSERT_FALSE(has(&r, 2));
        stop(&r);
    }
}

/* An entry that is shorter than the record that has taken its place. */
static void test_replay_over_a_longer_record(void)
{
    struct rig r;
    start(&r, 1);
    up(&r);
    struct store *other = open_other(&r);
    put_in_journal(&r, other, 1);
    put(&r, "aaa");
    drop(&r, 1, STORE_REMOVE);
    drop(&r, 2, STORE_REMOVE);
    lose_the_void(&r, other);
    CHECK(&r, 3, 4);
    CU_ASSERT_EQUAL(r.lost_first, 0);
    stop(&r);
}

/* What the journal holds for a block whose key is damaged can not be put there: that is said. */
static void test_replay_without_the_key(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        start(&r, seed);
        r.o.keys = (struct store_keys){.key = SLICE_LIT("secret"), .info = SLICE_LIT("ACC")};
        up(&r);
        down(&r);
        up(&r); /* with an index.db that says that the block is empty, as it may be again */
        struct store *other = journaled_pair(&r);
        sim_disk_crash(r.sim);
        store_close(other, NOW);
        down(&r);
        flip(&r, "/js/S/msgs/1.key", 40, 3);
        sim_disk_start(r.sim);
        up(&r);
        check(&r, NULL, 0);
        CU_ASSERT(r.losses > 0);
        stop(&r);
    }
}

/* ---- failing calls ---- */

static void fail(struct rig *r, unsigned ops, const char *path, uint64_t after, uint64_t times)
{
    sim_disk_fail(r->sim, (struct sim_disk_rule){
                              .ops = ops, .path = path, .after = after, .times = times, .error = -EIO});
}

/* Later writes answer with the error, what is lost is told, reads go on; and all is well when the disk is.
 * covers: ST-153 */
static void test_failed_write(void)
{
    static const enum sim_disk_op ops[] = {SIM_WRITE, SIM_SYNC};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        start(&r, seed);
        up(&r);
        put(&r, "aa");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        fail(&r, SIM_OP(ops[seed % 2]), "*.blk", 0, 0);
        for (unsigned i = 1; i <= 3; i++) {
            if (append(&r, "a") == STORE_OK)
                CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_IO);
            CU_ASSERT_EQUAL(r.last_failure, STORE_IO);
            CU_ASSERT_EQUAL(r.msgs, 2); /* the loss was told */
            CU_ASSERT_EQUAL(r.durable_seq, 2);
        }
        CU_ASSERT(r.failures > 0);
        CHECK(&r, 1, 2);
        sim_disk_heal(r.sim);
        CU_ASSERT_EQUAL(store_maintain(r.s, NOW), STORE_OK);
        CHECK(&r, 1, 2);
        put(&r, "a");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        die(&r, true);
        CHECK(&r, 1, 2, 3);
        stop(&r);
    }
}

/* An erase that is refused has changed nothing: no tombstone is left of it. */
static void test_refused_erase(void)
{
    struct rig r;
    bool removed;
    start(&r, 1);
    up(&r);
    put(&r, "aa");
    fail(&r, SIM_OP(SIM_RENAME), "*.blk.tmp", 0, 0);
    CU_ASSERT_EQUAL(store_remove(r.s, 1, STORE_REMOVE_ERASE, &removed), STORE_IO);
    CU_ASSERT_FALSE(removed);
    CHECK(&r, 1, 2);
    sim_disk_heal(r.sim);
    die(&r, true);
    CHECK(&r, 1, 2);
    stop(&r);
}

/* The last message is erased, and the tombstone that remembers its sequence can not be written: at once, or
 * when it goes to the disk. */
static void test_erased_last_without_tombstone(void)
{
    static const enum sim_disk_op ops[] = {SIM_OPEN, SIM_RESERVE, SIM_WRITE, SIM_SYNC};
    for (size_t op = 0; op < sizeof ops / sizeof ops[0]; op++) {
        for (int others = 0; others < 2; others++) {
            struct rig r;
            start(&r, 1 + op);
            up(&r);
            put(&r, others > 0 ? "aaaa" : "a");
            CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
            fail(&r, SIM_OP(ops[op]), others > 0 ? "*/3.blk" : "*/2.blk", 0, 0);
            drop(&r, others > 0 ? 4 : 1, STORE_REMOVE_ERASE);
            store_sync_now(r.s); /* fails or not */
            sim_disk_heal(r.sim);
            CU_ASSERT_EQUAL(store_maintain(r.s, NOW), STORE_OK);
            CU_ASSERT_FALSE(has(&r, others > 0 ? 4 : 1));
            if (others > 0 && op % 2 == 0) /* the ones before go, too */
                for (uint64_t seq = 1; seq <= 3; seq++)
                    drop(&r, seq, STORE_REMOVE);
            check_next(&r, others > 0 ? 5 : 2);
            stop(&r);
        }
    }
}

/* A removal whose tombstone can not be written changes nothing. */
static void test_refused_removal(void)
{
    static const enum sim_disk_op ops[] = {SIM_OPEN, SIM_RESERVE};
    for (size_t op = 0; op < sizeof ops / sizeof ops[0]; op++) {
        struct rig r;
        bool removed;
        start(&r, 1);
        up(&r);
        put(&r, "aaaa");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        fail(&r, SIM_OP(ops[op]), "*/3.blk", 0, 0);
        CU_ASSERT_EQUAL(store_remove(r.s, 4, STORE_REMOVE, &removed), STORE_IO);
        CU_ASSERT_FALSE(removed);
        CHECK(&r, 1, 2, 3, 4);
        sim_disk_heal(r.sim);
        check_next(&r, 5);
        CHECK(&r, 1, 2, 3, 4);
        drop(&r, 4, STORE_REMOVE);
        check_next(&r, 5);
        CHECK(&r, 1, 2, 3);
        stop(&r);
    }
}

/* An erase that happened, though its folder could not be synced, is one that succeeded. */
static void test_erase_is_done_or_not(void)
{
    for (uint64_t after = 0; after < 6; after++) {
        struct rig r;
        bool removed;
        start(&r, 1);
        up(&r);
        put(&r, "aa");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        fail(&r, SIM_OP(SIM_SYNC_DIR), "/js/S/msgs", after, 1);
        enum store_rc rc = store_remove(r.s, 2, STORE_REMOVE_ERASE, &removed);
        sim_disk_heal(r.sim);
        CU_ASSERT_EQUAL(removed, rc == STORE_OK);
        CU_ASSERT_EQUAL(has(&r, 2), !removed);
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        die(&r, true);
        CU_ASSERT_EQUAL(has(&r, 2), !removed);
        check_next(&r, 3);
        stop(&r);
    }
}

/* A skip is all that tells of the last sequence, in a block that holds nothing else any more. */
static void test_skipped_last_is_kept(void)
{
    for (int reopen = 0; reopen < 2; reopen++) {
        struct rig r;
        start(&r, 1);
        up(&r);
        put(&r, "aaaaaaaaaaaaaaa");
        CU_ASSERT_EQUAL(store_skip(r.s, 0, 2, NOW), STORE_OK);
        for (uint64_t seq = 1; seq <= 15; seq++) /* more tombstones than go into one block */
            drop(&r, seq, STORE_REMOVE);
        if (reopen > 0) { /* then index.db does not list the block */
            down(&r);
            up(&r);
        }
        check_next(&r, 18);
        stop(&r);
    }
}

/* A file is gone, and then its folder is not synced: what was written instead of it stays. */
static void test_failure_behind_a_removal(void)
{
    struct rig r;
    struct store_state st;
    start(&r, 1);
    up(&r);
    put(&r, "a");
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
    drop(&r, 1, STORE_REMOVE); /* the second block remembers it */
    fail(&r, SIM_OP(SIM_SYNC_DIR), "/js/S/msgs", 1, 1);
    CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_IO);
    CU_ASSERT_FALSE(exists(&r, "/js/S/msgs/1.blk"));
    store_state(r.s, &st);
    CU_ASSERT_EQUAL(st.last, 1);
    stop(&r);
}

/* A sync that fails may have dropped the bytes, and the next one says nothing of them: until they are written
 * again the journal keeps them. */
static void test_sync_after_a_failed_one(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        start(&r, seed);
        up(&r);
        struct store *other = journaled_pair(&r);
        fail(&r, SIM_OP(SIM_SYNC), "/js/S/msgs/1.blk", 0, 1);
        CU_ASSERT_EQUAL(store_truncate(r.s, 1, NOW), STORE_IO); /* wants all in the blocks */
        CHECK(&r, 1);
        CU_ASSERT_EQUAL(store_truncate(r.s, 1, NOW), STORE_OK);
        sim_disk_crash(r.sim);
        store_close(other, NOW);
        die(&r, true);
        CHECK(&r, 1);
        stop(&r);
    }
}

/* A cut that is seen is on disk, too, though its own sync has failed: what came back with the power would be
 * a message that was gone already. */
static void test_cut_after_a_failed_sync(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        start(&r, seed);
        r.o.block_size = 600;
        up(&r);
        put(&r, "aab");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        fail(&r, SIM_OP(SIM_SYNC), "/js/S/msgs/1.blk", 0, 1);
        CU_ASSERT_EQUAL(store_truncate(r.s, 2, NOW), STORE_IO);
        CHECK(&r, 1, 2);
        die(&r, true);
        CHECK(&r, 1, 2);
        stop(&r);
    }
}

/* What has come back in a truncation that failed is too much for the limits: it goes with the next
 * maintenance.
 */
static void test_limits_after_a_failed_truncation(void)
{
    for (uint64_t after = 0; after < 12; after++) {
        struct rig r;
        struct store_state st;
        start(&r, 1);
        r.o.limits.max_msgs = 4;
        up(&r);
        put(&r, "aaaaaa");
        fail(&r, SIM_OP(SIM_OPEN), "/js/S/msgs/1.blk", after, 1);
        enum store_rc rc = store_truncate(r.s, 5, NOW);
        CU_ASSERT(rc == STORE_OK || rc == STORE_IO);
        sim_disk_heal(r.sim);
        CU_ASSERT_EQUAL(store_maintain(r.s, NOW), STORE_OK);
        store_state(r.s, &st);
        CU_ASSERT(st.msgs <= 4);
        stop(&r);
    }
}

/* A process was killed before the name of the stream's folder was synced: who finds the folder sees to it. */
static void test_folder_of_a_killed_process(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        start(&r, seed);
        CU_ASSERT_EQUAL(disk_mkdir(r.disk, "/js/S"), 0);
        CU_ASSERT_EQUAL(disk_mkdir(r.disk, "/js/S/msgs"), 0);
        sim_disk_kill(r.sim);
        sim_disk_start(r.sim);
        up(&r);
        put(&r, "a");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        die(&r, true);
        CHECK(&r, 1);
        stop(&r);
    }
}

/* A purge whose last step is seen and may not be on disk: nothing older goes before it is. */
static void test_purge_is_made_durable(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        uint64_t purged;
        struct store_state st;
        start(&r, seed);
        up(&r);
        put(&r, "aaaa");
        CU_ASSERT_EQUAL(store_sync_now(r.s), STORE_OK);
        fail(&r, SIM_OP(SIM_SYNC_DIR), "/js/S/__new_msgs__", 0, 1);
        fail(&r, SIM_OP(SIM_SYNC_DIR), "/js/S/msgs", 1, 9);
        CU_ASSERT_EQUAL(store_purge(r.s, SLICE_EMPTY, 0, 0, &purged), STORE_IO);
        sim_disk_heal(r.sim);
        die(&r, true);
        store_state(r.s, &st);
        CU_ASSERT_EQUAL(st.last, 4);
        stop(&r);
    }
}

/* An update of meta.inf fails, and so does what would undo it: whatever the power leaves of both is one of
 * the two documents. */
static void test_update_that_can_not_be_undone(void)
{
    for (uint64_t seed = 1; seed <= 20 * SEEDS; seed++) {
        struct rig r;
        struct meta_file m;
        struct hash_key sum = hash_key_of(SLICE_LIT("S"));
        start(&r, seed);
        up(&r);
        fail(&r, SIM_OP(SIM_SYNC_DIR), "/js/S", 1, 2);
        CU_ASSERT_EQUAL(store_update(r.s, &r.o.limits, SLICE_LIT("{\"new\":1}"), NOW), STORE_IO);
        down(&r);
        up(&r);
        sim_disk_crash(r.sim);
        down(&r);
        sim_disk_start(r.sim);
        up(&r);
        CU_ASSERT_EQUAL(meta_read(r.disk, "/js/S", &sum, true, &r.o.keys, r.o.name, &m), META_GOOD);
        meta_free(&m);
        stop(&r);
    }
}

/* A message whose time has come and which can not be read just now goes when it can. */
static void test_expiry_is_tried_again(void)
{
    struct rig r;
    start(&r, 1);
    r.o.limits.allow_ttl = true;
    up(&r);
    uint64_t seq;
    int64_t due;
    struct store_append a = {.ts = NOW,
                             .ttl_s = 1,
                             .subject = SLICE_LIT("t"),
                             .hdr = SLICE_LIT("NATS/1.0\r\nNats-TTL: 1\r\n\r\n")};
    CU_ASSERT_EQUAL(store_append(r.s, &a, NOW, &seq), STORE_OK);
    put(&r, "aaaa");
    down(&r);
    up(&r);
    int64_t late = NOW + 2000000000;
    fail(&r, SIM_OP(SIM_OPEN), "/js/S/msgs/1.blk", 0, 1);
    CU_ASSERT_EQUAL(store_expire(r.s, late, SIZE_MAX, &due), STORE_IO);
    CU_ASSERT_EQUAL(due, late + 250000000);
    CHECK(&r, 1, 2, 3, 4, 5);
    CU_ASSERT_EQUAL(store_expire(r.s, due, SIZE_MAX, &due), STORE_OK);
    CU_ASSERT_EQUAL(due, STORE_TIME_NONE);
    CHECK(&r, 2, 3, 4, 5);
    stop(&r);
}

/* What the journal holds for a block is not given up because the block's key can not be read just now. */
static void test_replay_waits_for_the_key(void)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct rig r;
        start(&r, seed);
        r.o.keys = (struct store_keys){.key = SLICE_LIT("secret"), .info = SLICE_LIT("ACC")};
        up(&r);
        struct store *other = journaled_pair(&r);
        sim_disk_crash(r.sim);
        store_close(other, NOW);
        down(&r);
        sim_disk_start(r.sim);
        fail(&r, SIM_OP(SIM_OPEN), "/js/S/msgs/1.key", 0, 1);
        CU_ASSERT_EQUAL(try_up(&r), STORE_IO);
        down(&r);
        up(&r);
        CHECK(&r, 1);
        stop(&r);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_all_blocks_synced_after_a_kill),
    UNIT_TEST(test_blocks_synced_before_files_go),
    UNIT_TEST(test_compaction_outdates_the_index),
    UNIT_TEST(test_removal_keeps_its_place),
    UNIT_TEST(test_replacement_is_replaced),
    UNIT_TEST(test_knowledge_of_the_last_is_replaced),
    UNIT_TEST(test_unlisted_block_keeps_its_tombstones),
    UNIT_TEST(test_zeros_in_an_empty_block),
    UNIT_TEST(test_truncate_remembers_limits),
    UNIT_TEST(test_update_follows_removals),
    UNIT_TEST(test_truncate_voids_the_journal),
    UNIT_TEST(test_unwritten_block_keeps_the_order),
    UNIT_TEST(test_unsynced_tombstones_before_unlinks),
    UNIT_TEST(test_damaged_last_is_not_used_again),
    UNIT_TEST(test_damage_is_not_handed_on),
    UNIT_TEST(test_single_bit_is_mended),
    UNIT_TEST(test_length_that_leads_too_far),
    UNIT_TEST(test_last_block_without_its_key),
    UNIT_TEST(test_replay_over_a_damaged_length),
    UNIT_TEST(test_replay_over_a_compressed_block),
    UNIT_TEST(test_replay_behind_the_end),
    UNIT_TEST(test_replay_behind_a_hole),
    UNIT_TEST(test_replay_over_a_longer_record),
    UNIT_TEST(test_replay_without_the_key),
    UNIT_TEST(test_failed_write),
    UNIT_TEST(test_refused_erase),
    UNIT_TEST(test_erased_last_without_tombstone),
    UNIT_TEST(test_refused_removal),
    UNIT_TEST(test_erase_is_done_or_not),
    UNIT_TEST(test_skipped_last_is_kept),
    UNIT_TEST(test_failure_behind_a_removal),
    UNIT_TEST(test_sync_after_a_failed_one),
    UNIT_TEST(test_cut_after_a_failed_sync),
    UNIT_TEST(test_limits_after_a_failed_truncation),
    UNIT_TEST(test_folder_of_a_killed_process),
    UNIT_TEST(test_purge_is_made_durable),
    UNIT_TEST(test_update_that_can_not_be_undone),
    UNIT_TEST(test_expiry_is_tried_again),
    UNIT_TEST(test_replay_waits_for_the_key),
};
UNIT_MAIN("store faults", tests)
