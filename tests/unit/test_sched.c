/* The scheduler of the simulations: time order, seeded ties, cancel, reproducibility. */
#include "unit.h"
#include "sim/sched.h"

struct note {
    struct sched *s;
    char *log;
    char mark;
};

static void put(void *ctx)
{
    struct note *n = ctx;
    size_t len = strlen(n->log);
    n->log[len] = n->mark;
    n->log[len + 1] = 0;
}

static void run(uint64_t seed, char *log)
{
    struct sched *s = sched_new(seed);
    struct note n[6];
    for (int i = 0; i < 6; i++) {
        n[i] = (struct note){s, log, (char)('a' + i)};
        sched_after(s, i < 5 ? 100 : 50, put, &n[i]);
    }
    uint64_t id = sched_after(s, 70, put, &n[0]);
    CU_ASSERT(sched_cancel(s, id));
    CU_ASSERT_FALSE(sched_cancel(s, id));
    CU_ASSERT_EQUAL(sched_run_until(s, 60, 100), 1);
    CU_ASSERT_EQUAL(sched_now(s), 60);
    CU_ASSERT_EQUAL(sched_run_until(s, 1000, 100), 5);
    CU_ASSERT_FALSE(sched_step(s));
    sched_free(s);
}

static void test_order(void)
{
    char a[16] = "", b[16] = "";
    bool differ = false;
    run(1, a);
    run(1, b);
    CU_ASSERT_STRING_EQUAL(a, b);
    CU_ASSERT_EQUAL(a[0], 'f');
    for (uint64_t seed = 2; seed < 12; seed++) {
        char c[16] = "";
        run(seed, c);
        differ = differ || strcmp(a, c) != 0;
    }
    CU_ASSERT(differ);
}

static const struct unit_test tests[] = {UNIT_TEST(test_order)};
UNIT_MAIN("sched", tests)
