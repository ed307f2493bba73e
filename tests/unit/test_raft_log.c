/* The raft log in files: a model of it in memory, power cuts, damage, and the same under encryption. */
#include "raft/log.h"
#include "sim/sim_disk.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#define DIR_NAME "/js/group"
#define BLOCK    2000u

static struct sched *sched;
static struct sim_disk *sim;

static void key_bytes(void *ctx, void *buf, size_t len)
{
    uint8_t *p = buf;
    (void)ctx;
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)sched_rand(sched);
}

static const struct raft_log_keys keys = {.key = {(const uint8_t *)"a key", 5}, .random = key_bytes};

static void begin(uint64_t seed)
{
    sched = sched_new(seed);
    sim = sim_disk_new(sched);
    sim_disk_mkdirs(sim, DIR_NAME);
}

static void end(void)
{
    sim_disk_free(sim);
    sched_free(sched);
}

static struct raft_log *open_at(uint64_t base, bool encrypted, bool *damaged)
{
    struct raft_log_files c = {.disk = sim_disk_base(sim),
                               .dir = DIR_NAME,
                               .group = SLICE_LIT("group"),
                               .block_size = BLOCK,
                               .base = base,
                               .keys = encrypted ? &keys : NULL};
    struct raft_log *l;
    CU_ASSERT_EQUAL_FATAL(raft_log_open_files(&c, &l, damaged), 0);
    return l;
}

/* What an entry holds: told by its index and by which attempt wrote it. */
static slice body_of(uint64_t index, unsigned attempt)
{
    static uint8_t bytes[400];
    size_t len = 20 + (index * 37 + attempt * 11) % 300;
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(index * 7 + attempt * 13 + i);
    return slice_make(bytes, len);
}

static int sync_log(struct raft_log *l)
{
    raft_log_sync_begin(l);
    return raft_log_sync_run(l);
}

/* A disk that does not answer is no damage: nothing is cut off. */
static void a_log_that_cannot_be_read_is_left_alone(void)
{
    bool damaged;
    begin(1);
    struct raft_log *l = open_at(0, false, &damaged);
    for (uint64_t i = 1; i <= 40; i++)
        CU_ASSERT_EQUAL(raft_log_append(l, body_of(i, 1), 0), 0);
    CU_ASSERT_EQUAL(sync_log(l), 0);
    raft_log_close(l);
    uint64_t before = sim_disk_digest(sim), call = 0;
    struct raft_log_files c = {
        .disk = sim_disk_base(sim), .dir = DIR_NAME, .group = SLICE_LIT("group"), .block_size = BLOCK};
    struct sim_disk_rule rule = {.ops = SIM_OP(SIM_READ) | SIM_OP(SIM_STAT) | SIM_OP(SIM_LIST),
                                 .error = -EIO};
    for (;; call++) {
        rule.after = call;
        sim_disk_fail(sim, rule);
        int rc = raft_log_open_files(&c, &l, &damaged);
        sim_disk_heal(sim);
        if (rc == 0)
            break;
        CU_ASSERT_EQUAL(rc, -EIO);
        CU_ASSERT(!damaged && sim_disk_digest(sim) == before);
    }
    CU_ASSERT(call > 8); /* a list, and two calls for each block */
    CU_ASSERT(!damaged && l->last == 40);
    raft_log_close(l);
    end();
}

/* ---- against a model ---- */

struct model {
    uint64_t first, last;
    unsigned attempt[4000]; /* who wrote entry i */
};

static bool same(struct raft_log *l, const struct model *m)
{
    slice body;
    if (l->first != m->first || l->last != m->last)
        return false;
    for (uint64_t i = m->first; i <= m->last; i++) {
        if (raft_log_read(l, i, &body) != 0 || !slice_eq(body, body_of(i, m->attempt[i])))
            return false;
    }
    return raft_log_read(l, m->first - 1, &body) == -ENOENT &&
           raft_log_read(l, m->last + 1, &body) == -ENOENT;
}

static int change(struct raft_log *l, struct model *m, unsigned attempt)
{
    uint64_t to;
    switch (sched_between(sched, 0, 19)) {
    case 0:
        to = (uint64_t)sched_between(sched, (int64_t)m->first - 1, (int64_t)m->last);
        m->last = to;
        return raft_log_truncate(l, to);
    case 1:
        to = (uint64_t)sched_between(sched, (int64_t)m->first - 1, (int64_t)m->last);
        m->first = to + 1;
        return raft_log_compact(l, to);
    case 2:
        if (sched_between(sched, 0, 9) > 0)
            return 0;
        to = m->last + (uint64_t)sched_between(sched, 0, 9);
        m->first = to + 1;
        m->last = to;
        return raft_log_reset(l, to);
    case 3:
        return sync_log(l);
    default:
        m->last++;
        m->attempt[m->last] = attempt;
        return raft_log_append(l, body_of(m->last, attempt), 1);
    }
}

static void in_memory_too(void)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        begin(seed);
        struct model m = {.first = 1};
        struct raft_log *l;
        CU_ASSERT_EQUAL_FATAL(raft_log_open_memory(0, &l), 0);
        for (unsigned step = 1; step < 400; step++) {
            CU_ASSERT_EQUAL_FATAL(change(l, &m, step), 0);
            if (step % 10 == 0)
                CU_ASSERT_FATAL(same(l, &m));
        }
        raft_log_close(l);
        CU_ASSERT_EQUAL_FATAL(raft_log_open_memory(5, &l), 0);
        CU_ASSERT(l->first == 6 && l->last == 5);
        raft_log_close(l);
        end();
    }
}

static void it_does_what_a_list_does(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bool damaged, encrypted = seed % 2 == 0;
        begin(seed);
        struct model m = {.first = 1};
        struct raft_log *l = open_at(0, encrypted, &damaged);
        for (unsigned step = 1; step < 400; step++) {
            CU_ASSERT_EQUAL_FATAL(change(l, &m, step), 0);
            if (step % 40 != 0)
                continue;
            CU_ASSERT_FATAL(same(l, &m));
            raft_log_close(l);
            l = open_at(m.first - 1, encrypted, &damaged);
            CU_ASSERT(!damaged);
            CU_ASSERT_FATAL(same(l, &m));
        }
        raft_log_close(l);
        end();
    }
}

/* What was synced is there after a power cut at any step, in order and whole; what was cut off before a sync
 * does not come back behind it. covers: RF-154 */
static void a_synced_entry_survives_a_power_cut(void)
{
    unsigned cuts = 0, lost = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bool damaged, encrypted = seed % 2 == 0;
        begin(seed);
        struct model m = {.first = 1}, safe = m;
        struct raft_log *l = open_at(0, encrypted, &damaged);
        CU_ASSERT_EQUAL(sync_log(l), 0);
        sim_disk_cut_at(sim, (uint64_t)sched_between(sched, 1, 150));
        int rc = 0;
        for (unsigned step = 1; step < 300 && rc == 0; step++) {
            uint64_t before = m.last;
            rc = change(l, &m, step);
            if (rc == 0 && step % 5 == 0 && (rc = sync_log(l)) == 0)
                safe = m;
            /* A truncation or a compaction may have reached the disk by itself. */
            if (m.last < safe.last && m.last < before)
                safe.last = m.last;
            if (m.first > safe.first)
                safe.first = m.first;
        }
        cuts += rc != 0;
        raft_log_close(l);
        if (!sim_disk_is_off(sim))
            sim_disk_crash(sim);
        sim_disk_start(sim);
        l = open_at(safe.first - 1, encrypted, &damaged);
        CU_ASSERT(l->last >= safe.last || safe.last < safe.first);
        for (uint64_t i = safe.first; i <= safe.last && i <= l->last; i++) {
            slice body;
            CU_ASSERT_EQUAL_FATAL(raft_log_read(l, i, &body), 0);
            CU_ASSERT(slice_eq(body, body_of(i, safe.attempt[i])));
        }
        lost += l->last < m.last;
        CU_ASSERT_EQUAL(raft_log_append(l, body_of(l->last + 1, 999), 1), 0);
        CU_ASSERT_EQUAL(sync_log(l), 0);
        raft_log_close(l);
        end();
    }
    CU_ASSERT(cuts > 50 && lost > 10);
}

static void a_folder_of_a_killed_process_is_made_durable(void)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        bool damaged;
        begin(seed);
        CU_ASSERT_EQUAL(disk_mkdir(sim_disk_base(sim), DIR_NAME "/msgs"), 0);
        sim_disk_kill(sim);
        sim_disk_start(sim);
        struct raft_log *l = open_at(0, false, &damaged);
        CU_ASSERT_EQUAL(raft_log_append(l, body_of(1, 1), 1), 0);
        CU_ASSERT_EQUAL(sync_log(l), 0);
        raft_log_close(l);
        sim_disk_crash(sim);
        sim_disk_start(sim);
        l = open_at(0, false, &damaged);
        CU_ASSERT_EQUAL(l->last, 1);
        raft_log_close(l);
        end();
    }
}

/* ---- damage ---- */

/* A flipped bit is found when the log is opened, which ends before it, and when the entry is read. covers:
 * RF-141 */
static void a_flipped_bit_ends_the_log_before_it(void)
{
    for (uint64_t at = 0; at < 1500; at += 7) {
        bool damaged, encrypted = at % 2 == 0;
        slice body;
        begin(at + 1);
        struct raft_log *l = open_at(0, encrypted, &damaged);
        for (uint64_t i = 1; i <= 30; i++)
            CU_ASSERT_EQUAL(raft_log_append(l, body_of(i, 1), 1), 0);
        CU_ASSERT_EQUAL(sync_log(l), 0);
        CU_ASSERT_EQUAL_FATAL(sim_disk_flip(sim, DIR_NAME "/msgs/1.blk", at, 0x04), 0);
        unsigned bad = 0;
        for (uint64_t i = 1; i <= 30; i++) {
            int rc = raft_log_read(l, i, &body);
            CU_ASSERT(rc == 0 ? slice_eq(body, body_of(i, 1)) : rc == -EBADMSG);
            bad += rc != 0;
        }
        CU_ASSERT_EQUAL(bad, 1);
        raft_log_close(l);
        l = open_at(0, encrypted, &damaged);
        CU_ASSERT(damaged && l->last < 30);
        for (uint64_t i = 1; i <= l->last; i++)
            CU_ASSERT(raft_log_read(l, i, &body) == 0 && slice_eq(body, body_of(i, 1)));
        uint64_t next = l->last + 1; /* what is fetched again goes where it was */
        CU_ASSERT_EQUAL(raft_log_append(l, body_of(next, 2), 1), 0);
        CU_ASSERT(raft_log_read(l, next, &body) == 0 && slice_eq(body, body_of(next, 2)));
        raft_log_close(l);
        l = open_at(0, encrypted, &damaged);
        CU_ASSERT(!damaged && l->last == next);
        raft_log_close(l);
        end();
    }
}

/* What lies encrypted on the disk is not the entry, and is never written over under the same key. */
static void nothing_is_in_the_clear(void)
{
    bool damaged;
    uint8_t bytes[BLOCK];
    begin(1);
    struct raft_log *l = open_at(0, true, &damaged);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("a secret sentence"), 1), 0);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("another"), 1), 0);
    CU_ASSERT_EQUAL(raft_log_truncate(l, 1), 0);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("a third"), 1), 0);
    struct disk_file *f;
    struct disk_stat st;
    CU_ASSERT_EQUAL_FATAL(disk_open(sim_disk_base(sim), DIR_NAME "/msgs/1.blk", DISK_READ, &f), 0);
    ssize_t n = disk_pread(f, bytes, sizeof bytes, 0);
    CU_ASSERT(n > 17 && memmem(bytes, (size_t)n, "secret", 6) == NULL);
    disk_close(f);
    CU_ASSERT_EQUAL(disk_stat(sim_disk_base(sim), DIR_NAME "/msgs/2.key", &st), 0);
    CU_ASSERT_EQUAL(disk_stat(sim_disk_base(sim), DIR_NAME "/msgs/2.blk", &st), 0);
    CU_ASSERT_EQUAL(raft_log_compact(l, 1), 0);
    CU_ASSERT_EQUAL(disk_stat(sim_disk_base(sim), DIR_NAME "/msgs/1.key", &st), -ENOENT);
    raft_log_close(l);
    /* A log that was in the clear stays readable when a key is configured; what is new is encrypted. */
    end();
    begin(2);
    slice body;
    l = open_at(0, false, &damaged);
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("plain"), 1), 0);
    raft_log_close(l);
    l = open_at(0, true, &damaged);
    CU_ASSERT(raft_log_read(l, 1, &body) == 0 && slice_eq_str(body, "plain"));
    CU_ASSERT_EQUAL(raft_log_append(l, SLICE_LIT("hidden"), 1), 0);
    CU_ASSERT(raft_log_read(l, 2, &body) == 0 && slice_eq_str(body, "hidden"));
    CU_ASSERT_EQUAL(disk_stat(sim_disk_base(sim), DIR_NAME "/msgs/2.key", &st), 0);
    raft_log_close(l);
    end();
}

static void a_failing_disk_is_reported(void)
{
    for (uint64_t after = 0; after < 30; after++) {
        bool damaged;
        begin(after + 1);
        struct raft_log *l = open_at(0, after % 2 == 0, &damaged);
        sim_disk_fail(sim, (struct sim_disk_rule){.ops = SIM_CHANGING_OPS, .after = after, .error = -EIO});
        int rc = 0;
        for (uint64_t i = 1; i < 60 && rc == 0; i++) {
            rc = raft_log_append(l, body_of(i, 1), 1);
            if (rc == 0 && i % 3 == 0)
                rc = sync_log(l);
        }
        CU_ASSERT_EQUAL(rc == 0, sim_disk_counts(sim)->faults == 0);
        CU_ASSERT(rc != 0);
        sim_disk_heal(sim);
        raft_log_close(l);
        end();
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_log_that_cannot_be_read_is_left_alone),
    UNIT_TEST(it_does_what_a_list_does),
    UNIT_TEST(in_memory_too),
    UNIT_TEST(a_synced_entry_survives_a_power_cut),
    UNIT_TEST(a_folder_of_a_killed_process_is_made_durable),
    UNIT_TEST(a_flipped_bit_ends_the_log_before_it),
    UNIT_TEST(nothing_is_in_the_clear),
    UNIT_TEST(a_failing_disk_is_reported),
};
UNIT_MAIN("raft_log", tests)
