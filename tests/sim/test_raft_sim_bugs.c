/* The simulator has teeth: deliberate mistakes in the engine (raft/bug.h) are found, each as the violation
 * that it causes. This program is built with RAFT_WITH_BUGS. The seeds below are the first that find a
 * mistake; a change of the simulator may move them: raft-sim-bugs --bug N --seeds 1..1000 --no-shrink looks
 * for new ones. */
#include "raft/bug.h"
#include "sim/raft_sim.h"
#include "unit.h"

int raft_bug;

#define VOTES    "one vote"
#define COMPLETE "leader completeness"
#define MACHINE  "state machine safety"
#define SNAPSHOT "to the snapshot of"

/* With the mistake the seed ends in a violation; without it nothing is wrong. */
static void is_found(enum raft_bug_number bug, uint64_t seed, const char *says)
{
    struct raft_sim_options o = {.faults = RAFT_FAULT_ALL};
    struct raft_plan p;
    struct raft_result wrong, right;
    raft_plan_make(&p, seed, &o);
    raft_bug = (int)bug;
    raft_plan_run(&p, &wrong, NULL);
    raft_bug = RAFT_BUG_NONE;
    raft_plan_run(&p, &right, NULL);
    raft_plan_free(&p);
    bool found = wrong.failed && strstr(wrong.violation, says) != NULL;
    if (!found)
        printf("bug %d, seed %llu: %s\n", (int)bug, (unsigned long long)seed,
               wrong.failed ? wrong.violation : "not found");
    CU_ASSERT(found);
    CU_ASSERT(!right.failed);
}

static void a_vote_told_before_it_is_synced(void)
{
    is_found(RAFT_BUG_VOTE_BEFORE_SYNC, 76, VOTES);
}

/* An entry of an earlier term must be counted, lost with its leader and overwritten. */
static void entries_of_an_earlier_term_committed_by_count(void)
{
    is_found(RAFT_BUG_COMMIT_OLD_TERM, 160, COMPLETE);
}

static void entries_stored_without_a_look_at_the_one_before(void)
{
    is_found(RAFT_BUG_NO_LOG_MATCHING, 3, MACHINE);
}

static void a_vote_forgotten_at_a_restart(void)
{
    is_found(RAFT_BUG_FORGET_VOTE, 10, VOTES);
}

static void two_membership_changes_at_once(void)
{
    is_found(RAFT_BUG_TWO_CHANGES, 101, COMPLETE);
}

static void entries_acknowledged_before_they_are_synced(void)
{
    is_found(RAFT_BUG_ACK_BEFORE_SYNC, 60, MACHINE);
}

static void a_snapshot_older_than_the_commit(void)
{
    is_found(RAFT_BUG_OLD_SNAPSHOT, 69, SNAPSHOT);
}

static void damaged_entries_served(void)
{
    is_found(RAFT_BUG_SERVE_DAMAGED, 10, MACHINE);
}

static void a_lost_tail_unnoticed(void)
{
    is_found(RAFT_BUG_NO_PROMISE, 99, COMPLETE);
}

static void votes_without_comparing_logs(void)
{
    is_found(RAFT_BUG_VOTE_ANY_LOG, 3, COMPLETE);
}

/* A plan that fails is shortened, and still fails in the same way. */
static void a_failing_plan_is_shortened(void)
{
    struct raft_sim_options o = {.faults = RAFT_FAULT_ALL};
    struct raft_plan p;
    struct raft_result first, again;
    raft_plan_make(&p, 3, &o);
    raft_bug = RAFT_BUG_NO_LOG_MATCHING;
    raft_plan_run(&p, &first, NULL);
    size_t before = p.action_count;
    unsigned runs = raft_plan_shrink(&p, first.violation, RAFT_SIM_SHARE);
    raft_plan_run(&p, &again, NULL);
    raft_bug = RAFT_BUG_NONE;
    CU_ASSERT(first.failed && runs > 0 && p.action_count < before);
    CU_ASSERT(again.failed && strncmp(again.violation, first.violation, strlen(MACHINE)) == 0);
    raft_plan_free(&p);
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_vote_told_before_it_is_synced),
    UNIT_TEST(entries_of_an_earlier_term_committed_by_count),
    UNIT_TEST(entries_stored_without_a_look_at_the_one_before),
    UNIT_TEST(a_vote_forgotten_at_a_restart),
    UNIT_TEST(two_membership_changes_at_once),
    UNIT_TEST(entries_acknowledged_before_they_are_synced),
    UNIT_TEST(a_snapshot_older_than_the_commit),
    UNIT_TEST(damaged_entries_served),
    UNIT_TEST(a_lost_tail_unnoticed),
    UNIT_TEST(votes_without_comparing_logs),
    UNIT_TEST(a_failing_plan_is_shortened),
};

UNIT_MAIN("raft in the simulator, with mistakes", tests)
