/* File stores under power cuts and kills at any call of the disk: what was acknowledged is there, what was
 * removed is gone, nothing is half there, and recovery finds the same again (sim/crash_model.h). And on a
 * disk that rots: damage costs what it hits, and nothing else (sim/rot_model.h).
 *
 * By default a share of the seeds; SEEDS=1..20000 (and CRASH_OPS) runs more, TRACE=1 tells one seed's story.
 * covers: ST-239 ST-240 ST-241 ST-160 ST-196 ST-198 ST-212 */
#include "unit.h"
#include "sim/crash_model.h"
#include "sim/rot_model.h"

#include <stdlib.h>

#define SEEDS_DEFAULT 200
#define OPS_DEFAULT   400
#define ROT_ROUNDS    6

static uint64_t from_env(const char *name, uint64_t otherwise)
{
    const char *v = getenv(name);
    return v == NULL ? otherwise : strtoull(v, NULL, 10);
}

static void seeds_to_run(unsigned long long *first, unsigned long long *last)
{
    const char *seeds = getenv("SEEDS");
    *first = 1;
    *last = SEEDS_DEFAULT;
    if (seeds != NULL && sscanf(seeds, "%llu..%llu", first, last) == 1)
        *last = *first;
}

static void run_seeds(bool faults)
{
    unsigned long long first, last;
    struct crash_model_counts c = {0};
    uint64_t failed = 0;
    seeds_to_run(&first, &last);
    for (unsigned long long seed = first; seed <= last; seed++) {
        char report[512];
        struct crash_model_options o = {.seed = seed,
                                        .ops = from_env("CRASH_OPS", OPS_DEFAULT),
                                        .faults = faults,
                                        .trace = getenv("TRACE") != NULL ? stderr : NULL};
        if (!crash_model_run(&o, &c, report, sizeof report)) {
            printf("seed %llu%s: %s\n", seed, faults ? " with faults" : "", report);
            failed++;
        }
        if (failed >= 40)
            break;
    }
    printf("%llu operations, %llu power cuts and %llu in recovery, %llu kills, %llu failures, %llu stores "
           "judged; %llu seeds failed\n",
           (unsigned long long)c.ops, (unsigned long long)c.cuts, (unsigned long long)c.cuts_in_recovery,
           (unsigned long long)c.kills, (unsigned long long)c.failures, (unsigned long long)c.judged,
           (unsigned long long)failed);
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT(c.cuts > 0 && c.judged > 0);
}

static void test_power_cuts(void)
{
    run_seeds(false);
}

static void test_failing_calls(void)
{
    run_seeds(true);
}

static void test_bit_rot(void)
{
    unsigned long long first, last;
    struct rot_model_counts c = {0};
    uint64_t failed = 0;
    seeds_to_run(&first, &last);
    for (unsigned long long seed = first; seed <= last && failed < 40; seed++) {
        char report[512];
        struct rot_model_options o = {.seed = seed,
                                      .rounds = from_env("ROT_ROUNDS", ROT_ROUNDS),
                                      .trace = getenv("TRACE") != NULL ? stderr : NULL};
        if (!rot_model_run(&o, &c, report, sizeof report)) {
            printf("seed %llu with bit rot: %s\n", seed, report);
            failed++;
        }
    }
    printf("%llu operations, %llu flipped bits and %llu in reads, %llu messages lost, %llu back, %llu stores "
           "judged; %llu seeds failed\n",
           (unsigned long long)c.ops, (unsigned long long)c.flips, (unsigned long long)c.read_flips,
           (unsigned long long)c.lost, (unsigned long long)c.back, (unsigned long long)c.judged,
           (unsigned long long)failed);
    CU_ASSERT_EQUAL(failed, 0);
    CU_ASSERT(c.flips > 0 && c.judged > 0);
}

static const struct unit_test tests[] = {UNIT_TEST(test_power_cuts), UNIT_TEST(test_failing_calls),
                                         UNIT_TEST(test_bit_rot)};
UNIT_MAIN("store crash", tests)
