/* The raft simulator as a test: a share of the seeds with all faults, and that a seed is an exact history.
 * More by hand: build/release/raft-sim --seeds 1..2000 --nodes 3. */
#include "sim/raft_sim.h"
#include "unit.h"

#include <stdlib.h>

static void run_seeds(uint64_t from, uint64_t to, uint32_t nodes)
{
    struct raft_sim_options o = {.nodes = nodes, .faults = RAFT_FAULT_ALL};
    for (uint64_t seed = from; seed <= to; seed++) {
        struct raft_plan p;
        struct raft_result r;
        raft_plan_make(&p, seed, &o);
        raft_plan_run(&p, &r, NULL);
        raft_plan_free(&p);
        if (r.failed)
            printf("raft-sim --seed %llu --nodes %u: %s\n", (unsigned long long)seed, nodes, r.violation);
        CU_ASSERT(!r.failed);
        CU_ASSERT(r.steps > 0);
    }
}

static void three_nodes_survive_all_faults(void)
{
    run_seeds(1, RAFT_SIM_SHARE, 3);
}

static void five_nodes_survive_all_faults(void)
{
    run_seeds(1, RAFT_SIM_SHARE, 5);
}

static void groups_of_any_size_survive_all_faults(void)
{
    run_seeds(3001, 3000 + RAFT_SIM_SHARE, 0);
}

/* The whole trace of a seed, to be freed. */
static char *history(uint64_t seed, struct raft_result *r)
{
    struct raft_sim_options o = {.faults = RAFT_FAULT_ALL};
    struct raft_plan p;
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL)
        abort();
    raft_plan_make(&p, seed, &o);
    raft_plan_run(&p, r, out);
    raft_plan_free(&p);
    fclose(out);
    return text;
}

static void a_seed_is_one_exact_history(void)
{
    for (uint64_t seed = 11; seed < 21; seed++) {
        struct raft_result a, b, c;
        char *first = history(seed, &a), *other = history(seed + 1, &c), *again = history(seed, &b);
        CU_ASSERT(strlen(first) > 500);
        CU_ASSERT_STRING_EQUAL(first, again);
        CU_ASSERT_STRING_NOT_EQUAL(first, other);
        CU_ASSERT(a.steps == b.steps && a.elections == b.elections && a.committed == b.committed);
        CU_ASSERT(a.acknowledged == b.acknowledged && a.time == b.time && a.crashes == b.crashes);
        free(first);
        free(other);
        free(again);
    }
}

/* Work gets done: a simulation in which nothing is acknowledged, elected or broken would show nothing. */
static void the_faults_bite_and_the_clients_get_on(void)
{
    struct raft_sim_options o = {.nodes = 3, .faults = RAFT_FAULT_ALL};
    struct raft_result sum = {0};
    for (uint64_t seed = 5000; seed < 5020; seed++) {
        struct raft_plan p;
        struct raft_result r;
        raft_plan_make(&p, seed, &o);
        raft_plan_run(&p, &r, NULL);
        raft_plan_free(&p);
        sum.acknowledged += r.acknowledged;
        sum.elections += r.elections;
        sum.crashes += r.crashes;
        sum.faults += r.faults;
    }
    CU_ASSERT(sum.acknowledged > 5000 && sum.elections > 60 && sum.crashes > 60 && sum.faults > 400);
}

static void without_faults_there_is_one_leader(void)
{
    struct raft_sim_options o = {.nodes = 3, .until = INT64_C(60000000000)};
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct raft_plan p;
        struct raft_result r;
        raft_plan_make(&p, seed, &o);
        raft_plan_run(&p, &r, NULL);
        CU_ASSERT(!r.failed && r.faults == 0 && r.crashes == 0 && r.elections >= 1 && r.elections <= 3);
        CU_ASSERT(p.action_count == 0);
        raft_plan_free(&p);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(three_nodes_survive_all_faults),         UNIT_TEST(five_nodes_survive_all_faults),
    UNIT_TEST(groups_of_any_size_survive_all_faults),  UNIT_TEST(a_seed_is_one_exact_history),
    UNIT_TEST(the_faults_bite_and_the_clients_get_on), UNIT_TEST(without_faults_there_is_one_leader),
};

UNIT_MAIN("raft in the simulator", tests)
