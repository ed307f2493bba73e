/* What crashes and failing calls have brought to light in the file store, one story a test, on the simulated
 * disk. test_store_crash looks for more of them at random. */
#include "store_rig.h"
#include "store/format/hash.h"
#include "store/meta_file.h"

#include <errno.h>

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
