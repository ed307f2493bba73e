/* What flipped bits have brought to light in the file store and in the replay of its journal, one story a
 * test, on the simulated disk. test_store_crash looks for more of them at random. */
#include "store_rig.h"

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_damaged_last_is_not_used_again), UNIT_TEST(test_damage_is_not_handed_on),
    UNIT_TEST(test_single_bit_is_mended),           UNIT_TEST(test_length_that_leads_too_far),
    UNIT_TEST(test_last_block_without_its_key),     UNIT_TEST(test_replay_over_a_damaged_length),
    UNIT_TEST(test_replay_over_a_compressed_block), UNIT_TEST(test_replay_behind_the_end),
    UNIT_TEST(test_replay_behind_a_hole),           UNIT_TEST(test_replay_over_a_longer_record),
    UNIT_TEST(test_replay_without_the_key),
};
UNIT_MAIN("store damage", tests)
