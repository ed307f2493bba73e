/* Backups and restores on a disk that fails, and through power cuts. */
#include "restore_rig.h"

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
    UNIT_TEST(test_a_stream_is_not_taken_for_leftovers),
    UNIT_TEST(test_restored_for_good),
    UNIT_TEST(test_each_call_fails),
    UNIT_TEST(test_power_goes_in_each_call),
    UNIT_TEST(test_backup_of_a_failing_disk),
};

UNIT_MAIN("store restore faults", tests)
