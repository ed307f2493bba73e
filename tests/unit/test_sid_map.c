/* The sid map against a plain array, through growth, removal in any order and emptiness. */
#include "unit.h"
#include "client/sid_map.h"

#include <stdlib.h>

#define MANY 5000

static void test_random(void)
{
    static struct sub *subs[MANY];
    struct sid_map m = {0};
    char sid[32];
    srand(11);
    for (int step = 0; step < 60000; step++) {
        int i = rand() % MANY;
        snprintf(sid, sizeof sid, "%d", i * 7);
        struct sub *found = sid_map_find(&m, slice_str(sid));
        CU_ASSERT_PTR_EQUAL(found, subs[i]);
        if (subs[i] == NULL) {
            subs[i] = sub_new(SLICE_LIT("foo"), SLICE_EMPTY, slice_str(sid), NULL);
            CU_ASSERT(sid_map_insert(&m, subs[i]));
        } else if (rand() % 3 != 0 || step > 40000) {
            sid_map_remove(&m, subs[i]);
            sub_free(subs[i]);
            subs[i] = NULL;
        }
    }
    size_t left = 0, at = 0, seen = 0;
    for (int i = 0; i < MANY; i++)
        left += subs[i] != NULL;
    CU_ASSERT_EQUAL(m.count, left);
    while (sid_map_next(&m, &at) != NULL)
        seen++;
    CU_ASSERT_EQUAL(seen, left);
    for (int i = 0; i < MANY; i++) {
        if (subs[i] != NULL) {
            sid_map_remove(&m, subs[i]);
            sub_free(subs[i]);
        }
    }
    CU_ASSERT_EQUAL(m.count, 0);
    CU_ASSERT_PTR_NULL(m.slots);
    CU_ASSERT_PTR_NULL(sid_map_find(&m, SLICE_LIT("1")));
}

/* Where a sid lies depends on the seed: nobody can choose sids that collide. */
static void test_seed(void)
{
    struct sid_map maps[2] = {{.seed = 1}, {.seed = 2}};
    size_t ats[2] = {0, 0};
    int differ = 0;
    char sid[32];
    for (int i = 0; i < 64; i++) {
        snprintf(sid, sizeof sid, "%d", i);
        for (int k = 0; k < 2; k++)
            CU_ASSERT_FATAL(
                sid_map_insert(&maps[k], sub_new(SLICE_LIT("x"), SLICE_EMPTY, slice_str(sid), NULL)));
    }
    for (struct sub *a, *b; (a = sid_map_next(&maps[0], &ats[0])) != NULL;) {
        b = sid_map_next(&maps[1], &ats[1]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(b);
        differ += !slice_eq(sub_sid(a), sub_sid(b));
    }
    CU_ASSERT(differ > 32);
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < 64; i++) {
            snprintf(sid, sizeof sid, "%d", i);
            struct sub *sub = sid_map_find(&maps[k], slice_str(sid));
            CU_ASSERT_PTR_NOT_NULL_FATAL(sub);
            sid_map_remove(&maps[k], sub);
            sub_free(sub);
        }
        CU_ASSERT_EQUAL(maps[k].seed, (uint64_t)k + 1);
    }
}

/* Removing on the walk misses nothing, whatever moves into the gaps. */
static void test_remove_on_walk(void)
{
    struct sid_map m = {0};
    char sid[32];
    srand(5);
    for (int round = 0; round < 200; round++) {
        int n = rand() % 60;
        size_t at = 0;
        struct sub *sub;
        for (int i = 0; i < n; i++) {
            snprintf(sid, sizeof sid, "%d", rand() % 7 + 8 * i);
            CU_ASSERT_FATAL(sid_map_insert(&m, sub_new(SLICE_LIT("x"), SLICE_EMPTY, slice_str(sid), NULL)));
        }
        while ((sub = sid_map_next(&m, &at)) != NULL) {
            if (sub_sid(sub).ptr[sub->sid_len - 1] % 2 != 0)
                continue;
            sid_map_remove(&m, sub);
            sub_free(sub);
            at--;
        }
        at = 0;
        while ((sub = sid_map_next(&m, &at)) != NULL) {
            CU_ASSERT_NOT_EQUAL(sub_sid(sub).ptr[sub->sid_len - 1] % 2, 0);
            sid_map_remove(&m, sub);
            sub_free(sub);
            at--;
        }
        CU_ASSERT_EQUAL(m.count, 0);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_random), UNIT_TEST(test_seed),
                                         UNIT_TEST(test_remove_on_walk)};
UNIT_MAIN("sid map", tests)
