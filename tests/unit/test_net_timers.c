/* The timer heap: order, moving, disarming from inside a callback, random agreement with a naive list. */
#include "unit.h"
#include "net/timers.h"

#include <stdlib.h>

#define MANY 300

static int64_t last_run;
static int runs;

static void note(void *ctx)
{
    struct net_timer *t = ctx;
    CU_ASSERT(t->at >= last_run);
    CU_ASSERT_FALSE(net_timer_armed(t));
    last_run = t->at;
    runs++;
}

static void test_order(void)
{
    struct net_timers heap = {0};
    struct net_timer t[MANY] = {0};
    srand(7);
    for (int round = 0; round < 20; round++) {
        int armed = 0;
        int64_t due = 0;
        for (int i = 0; i < MANY; i++)
            CU_ASSERT(net_timer_arm(&heap, &t[i], 1 + rand() % 1000, note, &t[i]));
        for (int i = 0; i < MANY; i += 3)
            net_timer_disarm(&heap, &t[i]);
        for (int i = 0; i < MANY; i += 5)
            CU_ASSERT(net_timer_arm(&heap, &t[i], 1 + rand() % 1000, note, &t[i]));
        for (int i = 0; i < MANY; i++) {
            armed += net_timer_armed(&t[i]);
            due += net_timer_armed(&t[i]) && t[i].at <= 500;
        }
        CU_ASSERT_EQUAL(heap.count, (size_t)armed);
        last_run = runs = 0;
        net_timers_run(&heap, 500);
        CU_ASSERT_EQUAL(runs, due);
        CU_ASSERT(net_timers_next(&heap) > 500);
        net_timers_run(&heap, 1000);
        CU_ASSERT_EQUAL(runs, armed);
        CU_ASSERT_EQUAL(net_timers_next(&heap), 0);
    }
    net_timers_free(&heap);
}

struct pair {
    struct net_timers *heap;
    struct net_timer a, b;
    int ran;
};

static void again(void *ctx)
{
    struct pair *p = ctx;
    p->ran++;
    net_timer_disarm(p->heap, &p->b);
    net_timer_arm(p->heap, &p->a, 1, again, p);
}

/* A callback may disarm another due timer and arm itself into the past without holding the loop. */
static void test_from_callback(void)
{
    struct net_timers heap = {0};
    struct pair p = {.heap = &heap};
    net_timer_arm(&heap, &p.a, 5, again, &p);
    net_timer_arm(&heap, &p.b, 6, again, &p);
    net_timers_run(&heap, 10);
    CU_ASSERT(p.ran >= 1 && p.ran <= 2);
    CU_ASSERT_FALSE(net_timer_armed(&p.b));
    CU_ASSERT(net_timer_armed(&p.a));
    net_timers_free(&heap);
}

static const struct unit_test tests[] = {UNIT_TEST(test_order), UNIT_TEST(test_from_callback)};
UNIT_MAIN("net timers", tests)
