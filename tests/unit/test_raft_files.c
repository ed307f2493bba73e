/* The small files of a raft group: torn, flipped, missing, and cut off at every step of a write. */
#include "raft/files.h"
#include "sim/sim_disk.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#define DIR_NAME "/js/S-R3F-abcdefgh"
#define GROUP    SLICE_LIT("S-R3F-abcdefgh")

static const raft_id A = 0x4141414141414141, B = 0x4242424242424242;
static struct sched *sched;
static struct sim_disk *sim;
static struct disk *disk;

static void disk_begin(uint64_t seed)
{
    sched = sched_new(seed);
    sim = sim_disk_new(sched);
    sim_disk_mkdirs(sim, "/js");
    disk = sim_disk_base(sim);
}

static void disk_end(void)
{
    sim_disk_free(sim);
    sched_free(sched);
}

static struct raft_files open_files(void)
{
    struct raft_files f;
    bool fresh;
    CU_ASSERT_EQUAL_FATAL(raft_files_open(&f, disk, DIR_NAME, GROUP, &fresh), 0);
    return f;
}

static void put_file(const char *name, const void *bytes, size_t len)
{
    char path[200];
    struct disk_file *f;
    snprintf(path, sizeof path, DIR_NAME "/%s", name);
    CU_ASSERT_EQUAL_FATAL(disk_open(disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC, &f), 0);
    if (len > 0)
        CU_ASSERT_EQUAL(disk_pwrite(f, bytes, len, 0), (ssize_t)len);
    disk_close(f);
}

static bool exists(const char *name)
{
    char path[200];
    struct disk_stat st;
    snprintf(path, sizeof path, DIR_NAME "/%s", name);
    return disk_stat(disk, path, &st) == 0;
}

static void flip(const char *name, uint64_t at)
{
    char path[200];
    snprintf(path, sizeof path, DIR_NAME "/%s", name);
    CU_ASSERT_EQUAL(sim_disk_flip(sim, path, at, 0x10), 0);
}

static struct raft_vote_state load_vote(void)
{
    struct raft_files f = open_files();
    struct raft_vote_state v;
    CU_ASSERT_EQUAL(raft_files_load_vote(&f, &v), 0);
    raft_files_close(&f);
    return v;
}

static void save_vote(struct raft_promise p)
{
    struct raft_files f = open_files();
    struct raft_vote_state v;
    CU_ASSERT_EQUAL(raft_files_load_vote(&f, &v), 0);
    CU_ASSERT_EQUAL(raft_files_save_vote(&f, &p), 0);
    raft_files_close(&f);
}

/* ---- term and vote ---- */

/* As the reference reads them; but a vote that was torn off is one that may have been cast. covers: RF-138 */
static void a_torn_vote_is_a_lost_one(void)
{
    uint8_t tav[20] = {7};
    memcpy(tav + 8, &A, 8);
    for (size_t len = 0; len <= 17; len++) {
        disk_begin(1);
        struct raft_files f = open_files();
        raft_files_close(&f);
        put_file("tav.idx", tav, len);
        struct raft_vote_state v = load_vote();
        CU_ASSERT_EQUAL(v.p.term, len < 8 ? 0 : 7);
        CU_ASSERT_EQUAL(v.p.vote, len < 16 ? 0 : A);
        CU_ASSERT_EQUAL(v.vote_lost, len < 8 || (len > 8 && len < 16));
        CU_ASSERT(!v.have_promise);
        disk_end();
    }
}

static void our_own_copy_stands_in_for_a_damaged_one(void)
{
    uint8_t tav[16] = {7};
    memcpy(tav + 8, &A, 8);
    for (size_t len = 0; len <= 16; len++) {
        disk_begin(1);
        save_vote((struct raft_promise){.term = 7, .vote = A, .promise_term = 6, .promise_index = 9});
        put_file("tav.idx", tav, len);
        struct raft_vote_state v = load_vote();
        CU_ASSERT(v.p.term == 7 && v.p.vote == A && !v.vote_lost && v.have_promise);
        CU_ASSERT(v.p.promise_term == 6 && v.p.promise_index == 9 && v.tav_agrees == (len == 16));
        disk_end();
    }
    for (uint64_t at = 0; at < 16; at++) { /* a flipped bit of the term may only raise it, and never far */
        disk_begin(1);
        save_vote((struct raft_promise){.term = 7, .vote = A});
        flip("tav.idx", at);
        struct raft_vote_state v = load_vote();
        CU_ASSERT(v.p.term >= 7 && v.p.term - 7 <= 65536 && !v.vote_lost);
        CU_ASSERT(v.p.term > 7 || v.p.vote == A);
        disk_end();
    }
}

/* The Go server was here in between: it writes tav.idx alone. */
static void a_later_term_of_the_reference_counts(void)
{
    uint8_t tav[16] = {9};
    disk_begin(1);
    save_vote((struct raft_promise){.term = 7, .vote = A, .promise_index = 5, .promise_term = 7});
    memcpy(tav + 8, &B, 8);
    put_file("tav.idx", tav, 16);
    struct raft_vote_state v = load_vote();
    CU_ASSERT(v.p.term == 9 && v.p.vote == B && !v.tav_agrees && v.p.promise_index == 5);
    tav[0] = 6; /* an older one does not */
    put_file("tav.idx", tav, 16);
    v = load_vote();
    CU_ASSERT(v.p.term == 7 && v.p.vote == A);
    disk_end();
}

static void a_flipped_bit_leaves_the_other_copy_of_a_promise(void)
{
    struct raft_promise p = {
        .term = 3, .vote = B, .promise_term = 3, .promise_index = 77, .forgot_log = true};
    for (uint64_t at = 0; at < 72; at++) {
        for (unsigned copy = 0; copy < 2; copy++) {
            disk_begin(1);
            save_vote((struct raft_promise){.term = 2});
            save_vote(p);
            put_file("tav.idx", NULL, 0);
            flip("promise.idx", copy * 512 + at); /* the second write, of generation 2, lies in front */
            struct raft_vote_state v = load_vote();
            CU_ASSERT(v.p.term == 3 && v.p.vote == B && v.p.promise_index == 77 && v.p.forgot_log);
            CU_ASSERT(v.promise_lost && !v.vote_lost); /* lost says: what it promised was forgotten before */
            disk_end();
        }
    }
    disk_begin(1);
    save_vote(p);
    put_file("promise.idx", "garbage", 7);
    struct raft_vote_state v = load_vote();
    CU_ASSERT(v.promise_lost && !v.have_promise && v.p.term == 3 && v.p.vote == B);
    disk_end();
}

/* covers: RF-31 RF-32 */
static void a_power_cut_leaves_the_old_vote_or_the_new(void)
{
    unsigned olds = 0, news = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (uint64_t cut = 1; cut <= 8; cut++) {
            disk_begin(seed);
            save_vote((struct raft_promise){.term = 4, .vote = A, .promise_index = 10, .promise_term = 4});
            struct raft_files f = open_files();
            struct raft_vote_state v;
            struct raft_promise p = {.term = 5, .vote = B, .promise_index = 12, .promise_term = 5};
            CU_ASSERT_EQUAL(raft_files_load_vote(&f, &v), 0);
            sim_disk_cut_at(sim, cut);
            int rc = raft_files_save_vote(&f, &p);
            bool off = sim_disk_is_off(sim);
            CU_ASSERT(off == (rc != 0) || rc == 0);
            raft_files_close(&f);
            if (!off)
                sim_disk_crash(sim);
            sim_disk_start(sim);
            v = load_vote();
            CU_ASSERT(!v.vote_lost && !v.promise_lost);
            bool old = v.p.term == 4 && v.p.vote == A && v.p.promise_index == 10;
            bool new = v.p.term == 5 && v.p.vote == B &&v.p.promise_index == 12;
            CU_ASSERT(old || new);
            CU_ASSERT(rc != 0 || new); /* what was reported written is there */
            olds += old;
            news += new;
            disk_end();
        }
    }
    CU_ASSERT(olds > 0 && news > 0);
}

static void a_folder_of_a_killed_process_is_made_durable(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        disk_begin(seed);
        CU_ASSERT_EQUAL(disk_mkdir(disk, DIR_NAME), 0);
        CU_ASSERT_EQUAL(disk_mkdir(disk, DIR_NAME "/snapshots"), 0);
        sim_disk_kill(sim);
        sim_disk_start(sim);
        save_vote((struct raft_promise){.term = 4, .vote = A, .promise_index = 10, .promise_term = 4});
        sim_disk_crash(sim);
        sim_disk_start(sim);
        struct raft_vote_state v = load_vote();
        CU_ASSERT(v.p.term == 4 && v.p.vote == A && v.p.promise_index == 10);
        disk_end();
    }
}

static void a_failing_disk_is_reported(void)
{
    for (uint64_t after = 0; after < 8; after++) {
        disk_begin(1);
        save_vote((struct raft_promise){.term = 4, .vote = A});
        struct raft_files f = open_files();
        struct raft_promise p = {.term = 5, .vote = B};
        sim_disk_fail(sim, (struct sim_disk_rule){.ops = SIM_CHANGING_OPS, .after = after, .error = -ENOSPC});
        uint64_t faults = sim_disk_counts(sim)->faults;
        int rc = raft_files_save_vote(&f, &p);
        CU_ASSERT_EQUAL(rc != 0, sim_disk_counts(sim)->faults > faults);
        CU_ASSERT(after > 0 || rc == -ENOSPC);
        sim_disk_heal(sim);
        raft_files_close(&f);
        disk_end();
    }
}

/* ---- peers and commit ---- */

static bool peers_are(const raft_id *ids, uint32_t count, uint32_t size)
{
    struct raft_files f = open_files();
    struct raft_peers p;
    raft_id got[RAFT_PEERS_MAX];
    bool found;
    CU_ASSERT_EQUAL(raft_files_load_peers(&f, &p, got, &found), 0);
    raft_files_close(&f);
    return found && p.size == size && p.count == count && memcmp(got, ids, count * sizeof *ids) == 0;
}

/* covers: RF-125 */
static void peers_survive_a_flipped_bit(void)
{
    raft_id ids[] = {A, B}, later[] = {A, B, 0x4343434343434343};
    uint8_t bytes[64];
    struct raft_peers p = {.size = 3, .count = 2, .ids = ids};
    for (uint64_t at = 0; at < 26; at++) {
        disk_begin(1);
        struct raft_files f = open_files();
        CU_ASSERT_EQUAL(raft_files_save_peers(&f, &p), 0);
        raft_files_close(&f);
        flip(at % 2 == 0 ? "peers.idx" : "peers.sum", at);
        CU_ASSERT(peers_are(ids, 2, 3));
        disk_end();
    }
    disk_begin(1); /* the Go server wrote another */
    struct raft_files f = open_files();
    CU_ASSERT_EQUAL(raft_files_save_peers(&f, &p), 0);
    raft_files_close(&f);
    struct raft_peers q = {.size = 3, .count = 3, .ids = later};
    put_file("peers.idx", bytes, raft_peers_encode(&q, bytes));
    CU_ASSERT(peers_are(later, 3, 3));
    put_file("peers.idx", bytes, 7); /* torn */
    CU_ASSERT(peers_are(ids, 2, 3));
    disk_end();
}

/* covers: RF-139 */
static void a_commit_that_does_not_add_up_is_none(void)
{
    uint64_t commit;
    for (uint64_t at = 0; at < 16; at++) {
        disk_begin(1);
        struct raft_files f = open_files();
        CU_ASSERT(raft_files_load_commit(&f, &commit) == 0 && commit == 0);
        CU_ASSERT_EQUAL(raft_files_save_commit(&f, 12345), 0);
        CU_ASSERT(raft_files_load_commit(&f, &commit) == 0 && commit == 12345);
        flip("commit.idx", at);
        CU_ASSERT(raft_files_load_commit(&f, &commit) == -EBADMSG && commit == 0);
        raft_files_close(&f);
        put_file("commit.idx", "123456789012345", at);
        f = open_files();
        CU_ASSERT(raft_files_load_commit(&f, &commit) == (at == 0 ? 0 : -EBADMSG) && commit == 0);
        raft_files_close(&f);
        disk_end();
    }
}

/* ---- snapshots ---- */

static int save_snapshot(struct raft_files *f, uint64_t term, uint64_t index, const char *data)
{
    raft_id ids[] = {A, B};
    struct raft_snapshot_file s = {
        .term = term, .index = index, .peers = {.size = 2, .count = 2, .ids = ids}, .data = slice_str(data)};
    return raft_files_save_snapshot(f, &s);
}

/* 0 and its index, or the error. */
static int newest_snapshot(uint64_t *index, const char *data)
{
    struct raft_files f = open_files();
    struct raft_snapshot_file s;
    raft_id ids[RAFT_PEERS_MAX];
    int rc = raft_files_load_snapshot(&f, &s, ids);
    *index = rc == 0 ? s.index : 0;
    if (rc == 0) {
        CU_ASSERT(slice_eq_str(s.data, data) && s.peers.count == 2);
        free(s.bytes);
    }
    raft_files_close(&f);
    return rc;
}

/* covers: RF-131 RF-157 */
static void no_damaged_snapshot_is_believed(void)
{
    uint64_t index, size = 20 + 26 + 5 + 8;
    for (uint64_t at = 0; at < size; at++) {
        disk_begin(1);
        struct raft_files f = open_files();
        CU_ASSERT_EQUAL(save_snapshot(&f, 2, 30, "state"), 0);
        raft_files_close(&f);
        CU_ASSERT(newest_snapshot(&index, "state") == 0 && index == 30);
        flip("snapshots/snap.2.30", at);
        CU_ASSERT(newest_snapshot(&index, "state") == -EBADMSG);
        put_file("snapshots/snap.2.30", "0123456789012345678901234567", at < 28 ? at : 28);
        CU_ASSERT(newest_snapshot(&index, "state") == -EBADMSG);
        disk_end();
    }
    disk_begin(1); /* another's, under our name */
    struct raft_files f = open_files();
    CU_ASSERT_EQUAL(save_snapshot(&f, 2, 30, "state"), 0);
    CU_ASSERT_EQUAL(disk_rename(disk, DIR_NAME "/snapshots/snap.2.30", DIR_NAME "/snapshots/snap.2.31"), 0);
    raft_files_close(&f);
    CU_ASSERT(newest_snapshot(&index, "state") == -EBADMSG);
    disk_end();
}

/* covers: RF-132 RF-133 */
static void the_newest_snapshot_counts_and_strange_names_go(void)
{
    static const char *const strange[] = {
        "snapshots/snap.2.030", "snapshots/snap.2", "snapshots/snap.2.30.tmp",
        "snapshots/snap.2.30x", "snapshots/other",  "snapshots/snap.0.0",
        "snapshots/snap.-1.3",  "tav.idx.tmp",      "snapshots/snap. 2.30"};
    uint64_t index;
    disk_begin(1);
    struct raft_files f = open_files();
    CU_ASSERT_EQUAL(save_snapshot(&f, 2, 30, "old"), 0);
    CU_ASSERT_EQUAL(save_snapshot(&f, 3, 20, "new"), 0);
    CU_ASSERT_EQUAL(save_snapshot(&f, 2, 99, "old"), 0);
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        put_file(strange[i], "x", 1);
    raft_files_close(&f);
    CU_ASSERT(newest_snapshot(&index, "new") == 0 && index == 20);
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++)
        CU_ASSERT(!exists(strange[i]));
    f = open_files();
    CU_ASSERT_EQUAL(raft_files_drop_snapshots(&f, 3, 20), 0);
    CU_ASSERT(exists("snapshots/snap.3.20") && !exists("snapshots/snap.2.30") &&
              !exists("snapshots/snap.2.99"));
    CU_ASSERT_EQUAL(raft_files_drop_snapshots(&f, 0, 0), 0);
    raft_files_close(&f);
    CU_ASSERT(newest_snapshot(&index, "") == -ENOENT);
    disk_end();
}

static void a_power_cut_leaves_the_old_snapshot_or_the_new(void)
{
    unsigned olds = 0, news = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (uint64_t cut = 1; cut <= 6; cut++) {
            uint64_t index;
            disk_begin(seed);
            struct raft_files f = open_files();
            CU_ASSERT_EQUAL(save_snapshot(&f, 2, 30, "state"), 0);
            sim_disk_cut_at(sim, cut);
            int rc = save_snapshot(&f, 2, 40, "state");
            if (rc == 0)
                raft_files_drop_snapshots(&f, 2, 40);
            raft_files_close(&f);
            if (!sim_disk_is_off(sim))
                sim_disk_crash(sim);
            sim_disk_start(sim);
            CU_ASSERT_EQUAL(newest_snapshot(&index, "state"), 0);
            CU_ASSERT(index == 40 || (index == 30 && rc != 0));
            olds += index == 30;
            news += index == 40;
            disk_end();
        }
    }
    CU_ASSERT(olds > 0 && news > 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_torn_vote_is_a_lost_one),
    UNIT_TEST(our_own_copy_stands_in_for_a_damaged_one),
    UNIT_TEST(a_later_term_of_the_reference_counts),
    UNIT_TEST(a_flipped_bit_leaves_the_other_copy_of_a_promise),
    UNIT_TEST(a_power_cut_leaves_the_old_vote_or_the_new),
    UNIT_TEST(a_folder_of_a_killed_process_is_made_durable),
    UNIT_TEST(a_failing_disk_is_reported),
    UNIT_TEST(peers_survive_a_flipped_bit),
    UNIT_TEST(a_commit_that_does_not_add_up_is_none),
    UNIT_TEST(no_damaged_snapshot_is_believed),
    UNIT_TEST(the_newest_snapshot_counts_and_strange_names_go),
    UNIT_TEST(a_power_cut_leaves_the_old_snapshot_or_the_new),
};
UNIT_MAIN("raft_files", tests)
