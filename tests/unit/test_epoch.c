/* Epochs: nothing is freed while a reader that could see it is online, all is freed afterwards. */
#include "base/epoch.h"
#include "unit.h"

#include <stdlib.h>

struct thing {
    struct epoch_node node;
    int *freed;
    _Atomic int alive;
};

static void thing_free(struct epoch_node *node)
{
    struct thing *t = (struct thing *)node;
    atomic_store(&t->alive, 0);
    if (t->freed != NULL)
        (*t->freed)++;
    free(t);
}

static struct thing *thing_new(int *freed)
{
    struct thing *t = malloc(sizeof(*t));
    t->freed = freed;
    atomic_init(&t->alive, 1);
    return t;
}

/* Several records in one thread, as the simulator has them. */
static void test_one_thread(void)
{
    struct epoch_domain d;
    struct epoch_reader a, b, c;
    int freed = 0;
    epoch_domain_init(&d);
    epoch_reader_join(&a, &d);
    epoch_reader_join(&b, &d);
    epoch_reader_join(&c, &d);

    epoch_enter(&a);
    epoch_enter(&b);
    epoch_enter(&b); /* twice is once */
    epoch_retire(&a, &thing_new(&freed)->node, thing_free);
    CU_ASSERT_EQUAL(epoch_collect(&a, 10), 0); /* a itself is online */
    epoch_leave(&a);
    CU_ASSERT_EQUAL(epoch_collect(&a, 10), 0); /* b was online at the retirement */
    epoch_enter(&c);                           /* c came later and cannot see it */
    CU_ASSERT_EQUAL(epoch_backlog(&a), 1);
    epoch_leave(&b);
    CU_ASSERT_EQUAL(epoch_collect(&a, 10), 1);
    CU_ASSERT_EQUAL(freed, 1);
    CU_ASSERT_EQUAL(epoch_backlog(&a), 0);
    epoch_leave(&c);

    epoch_reader_leave(&a);
    epoch_reader_leave(&b);
    epoch_reader_leave(&c);
    epoch_domain_close(&d);
}

static void test_budget_and_full_ring(void)
{
    struct epoch_domain d;
    struct epoch_reader w, r;
    int freed = 0;
    epoch_domain_init(&d);
    epoch_reader_join(&w, &d);
    epoch_reader_join(&r, &d);
    epoch_enter(&r);
    for (int i = 0; i < 100; i++) { /* far more collects than batches while a reader blocks all */
        epoch_retire(&w, &thing_new(&freed)->node, thing_free);
        CU_ASSERT_EQUAL(epoch_collect(&w, 10), 0);
    }
    CU_ASSERT_EQUAL(epoch_backlog(&w), 100);
    epoch_leave(&r);
    CU_ASSERT_EQUAL(epoch_collect(&w, 3), 3);
    CU_ASSERT_EQUAL(epoch_collect(&w, SIZE_MAX), 97);
    CU_ASSERT_EQUAL(freed, 100);
    epoch_reader_leave(&w);
    epoch_reader_leave(&r);
    epoch_domain_close(&d);
}

/* What a leaving record has retired passes to the domain. */
static void test_orphans(void)
{
    struct epoch_domain d;
    struct epoch_reader gone, other;
    int freed = 0;
    epoch_domain_init(&d);
    epoch_reader_join(&gone, &d);
    epoch_reader_join(&other, &d);
    epoch_enter(&other);
    epoch_retire(&gone, &thing_new(&freed)->node, thing_free);
    epoch_collect(&gone, 10);
    epoch_retire(&gone, &thing_new(&freed)->node, thing_free);
    epoch_reader_leave(&gone);
    epoch_retire(&other, &thing_new(&freed)->node, thing_free);
    epoch_collect(&other, 10);
    CU_ASSERT_EQUAL(freed, 0);
    epoch_leave(&other);
    epoch_collect(&other, 10);
    CU_ASSERT_EQUAL(freed, 3);
    epoch_reader_join(&gone, &d);
    epoch_retire(&gone, &thing_new(&freed)->node, thing_free);
    epoch_reader_leave(&gone);
    epoch_reader_leave(&other);
    epoch_domain_close(&d);
    CU_ASSERT_EQUAL(freed, 4);
}

/* Threads that read a pointer while others replace it: sanitizers see any use after free or race. */
enum { THREADS = 4, SWAPS = 20000 };

struct arena {
    struct epoch_domain d;
    _Atomic(struct thing *) shared;
    atomic_int dead_seen;
    atomic_int running;
};

static void *reader_main(void *arg)
{
    struct arena *a = arg;
    struct epoch_reader r;
    epoch_reader_join(&r, &a->d);
    while (atomic_load(&a->running) > 0) {
        epoch_enter(&r);
        for (int i = 0; i < 16; i++) {
            struct thing *t = atomic_load_explicit(&a->shared, memory_order_acquire);
            if (atomic_load(&t->alive) != 1)
                atomic_fetch_add(&a->dead_seen, 1);
        }
        epoch_leave(&r);
    }
    epoch_reader_leave(&r);
    return NULL;
}

static void *writer_main(void *arg)
{
    struct arena *a = arg;
    struct epoch_reader r;
    epoch_reader_join(&r, &a->d);
    for (int i = 0; i < SWAPS; i++) {
        struct thing *old = atomic_exchange(&a->shared, thing_new(NULL));
        epoch_retire(&r, &old->node, thing_free);
        if (i % 16 == 0)
            epoch_collect(&r, 64);
    }
    atomic_fetch_sub(&a->running, 1);
    epoch_reader_leave(&r);
    return NULL;
}

static void test_threads(void)
{
    struct arena a;
    pthread_t t[THREADS];
    epoch_domain_init(&a.d);
    atomic_init(&a.shared, thing_new(NULL));
    atomic_init(&a.dead_seen, 0);
    atomic_init(&a.running, THREADS / 2);
    for (int i = 0; i < THREADS; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&t[i], NULL, i % 2 == 0 ? writer_main : reader_main, &a), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&a.dead_seen), 0);
    free(atomic_load(&a.shared));
    epoch_domain_close(&a.d);
}

static const struct unit_test tests[] = {UNIT_TEST(test_one_thread), UNIT_TEST(test_budget_and_full_ring),
                                         UNIT_TEST(test_orphans), UNIT_TEST(test_threads)};
UNIT_MAIN("epoch", tests)
