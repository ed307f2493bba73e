/* Refusals, and what happens at the edges: sizes of groups that boot, limits, things said too late. */
#include "sim/raft_probe.h"
#include "unit.h"

#include <stdlib.h>

static const uint64_t log_112[] = {1, 1, 2, 0};

static struct probe *leader(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_elect(p);
    CU_ASSERT_FATAL(probe_status(p).leading);
    return p;
}

static enum raft_rc step(struct probe *p, struct raft_event e)
{
    return probe_step(p, e);
}

static enum raft_rc boot_size(struct probe *p, uint64_t size)
{
    return step(p, (struct raft_event){.type = RAFT_EV_BOOT_SIZE, .index = size});
}

/* A server of a meta group that knows itself and expects three. */
static struct probe *booting(void)
{
    return probe_new(&(struct probe_setup){.members = "A", .size = 3});
}

/* ---- the size of a group that boots */

static void the_expected_size_is_set_before_there_is_a_leader(void)
{
    struct probe *p = booting();
    CU_ASSERT(boot_size(p, 0) == RAFT_BAD_QUORUM && boot_size(p, 1) == RAFT_BAD_QUORUM);
    CU_ASSERT(boot_size(p, RAFT_PEERS_MAX + 1) == RAFT_BAD_QUORUM && p->count == 0);
    CU_ASSERT(boot_size(p, 5) == RAFT_OK && probe_status(p).size == 5 && probe_status(p).quorum == 3);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS) != NULL &&
              probe_find(p, RAFT_DO_SAVE_PEERS)->peers.size == 5);
    CU_ASSERT(boot_size(p, 2) == RAFT_OK && probe_status(p).size == 2);
    probe_free(p);

    p = probe_new(&(struct probe_setup){.members = "ABC", .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(boot_size(p, 2) == RAFT_BAD_QUORUM);                              /* three are known */
    CU_ASSERT(boot_size(p, 5) == RAFT_NOT_LEADER && probe_status(p).size == 3); /* it has booted */
    probe_free(p);
}

/* ... and afterwards by the leader alone, but for who has nothing of the leader's log yet and learns of more
 * servers: three empty ones must not make a first leader beside it. */
static void an_empty_server_that_heard_a_leader_still_learns_of_more(void)
{
    struct probe *p = booting();
    probe_append(p, 'B', 1, 1, 9, 9, 1); /* a gap: nothing is stored */
    CU_ASSERT(probe_status(p).had_leader && probe_status(p).pindex == 0);
    CU_ASSERT(boot_size(p, 3) == RAFT_NOT_LEADER && boot_size(p, 2) == RAFT_NOT_LEADER);
    CU_ASSERT(boot_size(p, 5) == RAFT_OK && probe_status(p).size == 5);
    while (probe_status(p).role == RAFT_FOLLOWER)
        probe_fire(p);
    uint64_t term = probe_status(p).term;
    probe_vote(p, term, 'D', true, true);
    probe_vote(p, term, 'E', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, term, 'B', true, true);
    probe_vote(p, term, 'C', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_free(p);

    p = booting();
    probe_append(p, 'B', 1, 0, 0, 0, 1);
    CU_ASSERT(probe_status(p).pindex == 1);
    CU_ASSERT(boot_size(p, 5) == RAFT_NOT_LEADER && probe_status(p).size == 3);
    probe_free(p);
}

static void a_leader_tells_the_expected_size_through_the_log(void)
{
    struct probe *p = leader();
    CU_ASSERT(boot_size(p, 5) == RAFT_OK);
    const struct raft_effect *f = probe_find(p, RAFT_DO_APPEND);
    CU_ASSERT_FATAL(f != NULL && f->msg.append.count == 1);
    CU_ASSERT(f->msg.append.entries[0].type == RAFT_PEER_STATE);
    CU_ASSERT(f->msg.append.entries[0].data.ptr[0] == 5 && probe_status(p).size == 5);
    step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER, .peer = probe_id('D')});
    CU_ASSERT(p->rc == RAFT_OK && boot_size(p, 6) == RAFT_CHANGE_IN_PROGRESS);
    probe_free(p);
}

/* ---- refusals */

static void what_a_leader_refuses(void)
{
    struct probe *p = leader();
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER}) == RAFT_ILLEGAL_PEER);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER, .peer = probe_id('B')}) ==
              RAFT_MEMBER_ALREADY);
    struct raft_entry huge = {RAFT_NORMAL, {(const uint8_t *)"", (size_t)RAFT_DATA_MAX + 1}};
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_PROPOSE, .entries = &huge, .count = 1}) ==
              RAFT_TOO_LARGE);
    CU_ASSERT(p->count == 0 && probe_status(p).pindex == 4);
    step(p, (struct raft_event){.type = RAFT_EV_DRAIN_REPLAY});
    CU_ASSERT(p->count == 0 && probe_status(p).leading);
    probe_free(p);
}

/* What is gathered into one append entry with the largest one fits a record of the log. */
static void a_batch_with_the_largest_entry_fits_the_log(void)
{
    struct probe *p = leader();
    enum { SMALL = RAFT_BATCH_ENTRIES - 1 };
    static struct raft_entry list[RAFT_BATCH_ENTRIES];
    for (size_t i = 0; i < SMALL; i++)
        list[i] = (struct raft_entry){RAFT_NORMAL,
                                      SLICE_LIT("as many as go into a batch before it is full at 256 KiB")};
    list[SMALL] = (struct raft_entry){RAFT_NORMAL, {(const uint8_t *)"", RAFT_DATA_MAX}};
    struct raft_event e = {
        .type = RAFT_EV_PROPOSE, .now = p->now, .entries = list, .count = RAFT_BATCH_ENTRIES};
    struct raft_update u;
    CU_ASSERT(raft_step(p->r, &e, &u) == RAFT_OK);
    uint64_t bytes = RAFT_APPEND_HEAD + 1;
    CU_ASSERT_FATAL(u.count > 0 && u.effects[0].type == RAFT_DO_APPEND);
    const struct raft_append *ae = &u.effects[0].msg.append;
    CU_ASSERT(ae->count == RAFT_BATCH_ENTRIES);
    for (size_t i = 0; i < ae->count; i++)
        bytes += RAFT_ENTRY_HEAD + ae->entries[i].data.len;
    CU_ASSERT(bytes > RAFT_DATA_MAX && bytes <= RAFT_APPEND_MAX);
    probe_free(p);
}

static void a_rescue_to_the_natural_quorum_ends_one(void)
{
    struct probe *p = probe_follower(log_112, 2);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_RESCUE, .index = 1}) == RAFT_OK);
    CU_ASSERT(probe_status(p).rescued && probe_status(p).quorum == 1);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_RESCUE, .index = 2}) == RAFT_OK);
    CU_ASSERT(!probe_status(p).rescued && probe_status(p).quorum == 2 &&
              probe_note(p, RAFT_NOTE_RESCUE) != NULL);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_RESCUE, .index = 2}) == RAFT_OK && p->count == 0);
    step(p, (struct raft_event){.type = RAFT_EV_OBSERVER, .on = true});
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_RESCUE, .index = 1}) == RAFT_NOT_VOTING);
    probe_free(p);
}

static void a_lasting_rescue_outlives_members_that_join(void)
{
    struct probe *p = probe_follower(log_112, 2);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_RESCUE, .index = 1}) == RAFT_OK);
    probe_elect(p);
    CU_ASSERT(probe_status(p).leading);
    step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER, .peer = probe_id('D')});
    CU_ASSERT(p->rc == RAFT_OK && probe_status(p).rescued && probe_status(p).quorum == 1);
    probe_free(p);
}

/* Who belongs to nothing and whose others are all gone has nobody left. */
static void nobody_left_is_no_group(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "BC", .config = {.managed = true}, .stored = {.term = 2}, .terms = log_112});
    raft_id gone[] = {probe_id('B'), probe_id('C')};
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_EVICT, .peers = {2, 2, 0, gone}}) ==
              RAFT_LAST_PEER);
    CU_ASSERT(probe_status(p).peers.count == 2);
    probe_free(p);
}

/* ---- said too late, or of what is not there */

static void reports_of_what_is_not_there_are_ignored(void)
{
    struct probe *p = leader();
    struct raft_status before = probe_status(p);
    step(p, (struct raft_event){.type = RAFT_EV_DAMAGED, .index = before.pindex + 1});
    CU_ASSERT(p->count == 0);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_SNAPSHOT_SAVED, .index = before.applied + 1}) ==
              RAFT_NO_SNAPSHOT);
    step(p, (struct raft_event){.type = RAFT_EV_DURABLE, .op = p->op + 100});
    step(p, (struct raft_event){.type = RAFT_EV_NETWORK, .on = true});
    CU_ASSERT(p->count == 0);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_SNAPSHOT_SAVED, .index = before.applied}) ==
              RAFT_OK);
    CU_ASSERT(probe_find(p, RAFT_DO_COMPACT) != NULL);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_SNAPSHOT_SAVED, .index = before.applied}) ==
              RAFT_OK);
    CU_ASSERT(probe_find(p, RAFT_DO_COMPACT) == NULL); /* once is enough */
    step(p, (struct raft_event){.type = RAFT_EV_DAMAGED, .index = before.applied});
    CU_ASSERT(p->count == 0);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_SNAPSHOT_SAVED, .index = before.applied - 1}) ==
              RAFT_NO_SNAPSHOT);
    probe_free(p);
}

/* An upper layer that stores before it processes has processed what it stored. */
static void what_is_stored_is_processed(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 1, .applied = 3});
    CU_ASSERT(probe_status(p).processed == 3 && probe_status(p).applied == 3);
    step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 2, .applied = 1});
    CU_ASSERT(probe_status(p).processed == 3 && probe_status(p).applied == 3);
    step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3, .applied = 4}); /* beyond the commit */
    CU_ASSERT(probe_status(p).applied == 3);
    probe_free(p);
}

/* Replay goes back to the snapshot, though more was applied. */
static void drain_and_replay_goes_back(void)
{
    struct probe *p = probe_new(
        &(struct probe_setup){.members = "ABC",
                              .config = {.managed = true},
                              .stored = {.term = 2, .snapshot_term = 1, .snapshot_index = 5, .commit = 8},
                              .terms = log_112});
    step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 8, .applied = 8});
    CU_ASSERT(probe_status(p).commit == 8 && probe_status(p).applied == 8);
    step(p, (struct raft_event){.type = RAFT_EV_DRAIN_REPLAY});
    CU_ASSERT(probe_status(p).commit == 5 && probe_status(p).processed == 5 && probe_status(p).applied == 5);
    CU_ASSERT(probe_find(p, RAFT_DO_APPLY_SNAPSHOT) != NULL && probe_find(p, RAFT_DO_APPLY) == NULL);
    step(p, (struct raft_event){.type = RAFT_EV_RESUME});
    const struct raft_effect *f = probe_find(p, RAFT_DO_APPLY);
    CU_ASSERT(f != NULL && f->index == 6 && f->upto == 8);
    probe_free(p);
}

/* ---- who joins */

static struct probe *outsider(bool vote_lost)
{
    return probe_new(&(struct probe_setup){.members = "BC",
                                           .config = {.managed = true, .learner = !vote_lost},
                                           .stored = {.term = 2, .vote_lost = vote_lost},
                                           .terms = log_112});
}

/* The entry that makes a learner a member may come in a catch up; it is one when that is over. covers: RF-117
 */
static void a_learner_that_is_added_in_a_catch_up_ends_with_it(void)
{
    struct probe *p = outsider(false);
    struct raft_addr progress = {RAFT_TO_PROGRESS, "progress"};
    struct raft_entry e = {RAFT_ADD_PEER, SLICE_LIT("AAAAAAAA")};
    probe_append(p, 'B', 2, 2, 9, 3, 1);
    CU_ASSERT_FATAL(probe_status(p).catching_up);
    struct raft_append ae = {.leader = probe_id('B'),
                             .term = 2,
                             .commit = 3,
                             .pterm = 2,
                             .pindex = 3,
                             .lterm = 2,
                             .entries = &e,
                             .count = 1};
    probe_append_entry(p, p->catchup, progress, &ae);
    CU_ASSERT(probe_status(p).peers.count == 3 && probe_status(p).learner && probe_status(p).commit == 0);
    probe_append(p, 'B', 2, 2, 4, 4, 0); /* where we are */
    CU_ASSERT(!probe_status(p).catching_up && !probe_status(p).learner && probe_status(p).commit == 4);
    probe_free(p);

    p = probe_follower(log_112, 2);
    step(p, (struct raft_event){.type = RAFT_EV_LEARNER, .on = true});
    CU_ASSERT(probe_status(p).learner);
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(probe_status(p).commit == 0);
    step(p, (struct raft_event){.type = RAFT_EV_LEARNER});
    CU_ASSERT(!probe_status(p).learner && probe_status(p).commit == 3);
    probe_free(p);
}

/* Who is added now has never had a vote that counted, whatever it forgot. */
static void who_is_added_has_no_earlier_vote(void)
{
    struct probe *p = outsider(true);
    CU_ASSERT(probe_status(p).forgot);
    probe_append_one(p, 'B', 2, 2, 3, (struct raft_entry){RAFT_ADD_PEER, SLICE_LIT("AAAAAAAA")});
    CU_ASSERT(!probe_status(p).forgot && probe_status(p).peers.count == 3);
    const struct raft_effect *f = probe_find(p, RAFT_DO_SAVE_STATE);
    CU_ASSERT(f != NULL && !f->on && f->peer == p->self); /* its vote in this term is spent */
    CU_ASSERT(probe_answer(p)->success);
    probe_free(p);
}

/* ---- leading without answers */

static void keep_alive(struct probe *p, int64_t at)
{
    struct raft_status s = probe_status(p);
    p->now = at;
    probe_response(p, 'B', s.pterm, s.pindex, true, PROBE_NOBODY);
}

/* A quorum that has just grown has time to answer. */
static void a_leader_waits_for_the_members_that_join(void)
{
    struct probe *p = leader();
    int64_t began = p->now;
    keep_alive(p, began + 9 * RAFT_S);
    CU_ASSERT(step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER, .peer = probe_id('D')}) == RAFT_OK);
    CU_ASSERT(probe_status(p).quorum == 3);
    probe_tick_at(p, began + 11 * RAFT_S);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    keep_alive(p, began + 20 * RAFT_S);
    probe_tick_at(p, began + 22 * RAFT_S);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_note(p, RAFT_NOTE_LOST_QUORUM) != NULL);
    probe_free(p);

    p = leader(); /* one that did not grow has none */
    began = p->now;
    keep_alive(p, began + 9 * RAFT_S);
    probe_tick_at(p, began + 11 * RAFT_S);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_tick_at(p, began + 22 * RAFT_S);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER);
    probe_free(p);
}

/* Without a way to the peers nothing happens; when there is one again the timeout begins anew. */
static void who_is_cut_off_waits(void)
{
    struct probe *p = probe_follower(log_112, 2);
    step(p, (struct raft_event){.type = RAFT_EV_NETWORK});
    CU_ASSERT(p->deadline == INT64_MAX);
    probe_tick_at(p, p->now + 100 * RAFT_S);
    CU_ASSERT(p->count == 0 && probe_status(p).role == RAFT_FOLLOWER);
    probe_append(p, 'B', 2, 2, 3, 3, 1);
    CU_ASSERT(p->count == 0 && probe_status(p).pindex == 3);
    step(p, (struct raft_event){.type = RAFT_EV_NETWORK, .on = true});
    CU_ASSERT(p->deadline >= p->now + RAFT_ELECTION_MIN);
    probe_append(p, 'B', 2, 2, 3, 3, 1);
    CU_ASSERT(probe_answer(p)->success);
    probe_free(p);
}

/* What a peer had when we led before says nothing: its log may have been cut since. */
static void acknowledgements_end_with_the_leadership(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABCDE", .config = {.managed = true}, .stored = {.term = 2}, .terms = log_112});
    probe_elect(p);
    struct raft_status s = probe_status(p);
    CU_ASSERT_FATAL(s.leading && s.commit == 4);
    for (int i = 0; i < 5; i++)
        CU_ASSERT(probe_propose(p, 1) == RAFT_OK);
    probe_response(p, 'B', s.term, 9, true, PROBE_NOBODY);
    probe_append(p, 'C', s.term + 1, s.term, 4, 4, 1); /* another entry 5 */
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).pindex == 5);
    while (probe_status(p).role == RAFT_FOLLOWER)
        probe_fire(p);
    s = probe_status(p);
    probe_vote(p, s.term, 'C', true, false);
    probe_vote(p, s.term, 'D', true, false);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_LEADER && probe_status(p).pindex == 6);
    probe_response(p, 'C', s.term, 6, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 4); /* two of five */
    probe_response(p, 'D', s.term, 6, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 6);
    probe_free(p);
}

/* ---- what mutations showed to be missing */

static void a_new_term_has_a_new_vote(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_vote_request(p, 3, 2, 3, 'B');
    CU_ASSERT(probe_status(p).vote == probe_id('B'));
    probe_vote_request(p, 3, 2, 3, 'C');
    CU_ASSERT(probe_status(p).vote == probe_id('B'));
    probe_vote_request(p, 4, 2, 3, 'C');
    CU_ASSERT(probe_status(p).vote == probe_id('C'));
    probe_free(p);
}

static void campaign_with(struct probe *p, const char *voters)
{
    while (probe_status(p).role == RAFT_FOLLOWER)
        probe_fire(p);
    for (; *voters != '\0'; voters++)
        probe_vote(p, probe_status(p).term, *voters, true, false);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_LEADER && probe_status(p).pindex == 4);
}

/* The upper layer hears that it leads when it has the state of all that was committed before. */
static void a_leader_is_told_so_when_its_first_entry_is_processed(void)
{
    struct probe *p = probe_follower(log_112, 2);
    campaign_with(p, "B");
    probe_response(p, 'B', probe_status(p).term, 4, true, PROBE_NOBODY);
    step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3, .applied = 3});
    CU_ASSERT(!probe_status(p).leading && probe_note(p, RAFT_NOTE_LEADER) == NULL);
    step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 4, .applied = 4});
    CU_ASSERT(probe_status(p).leading && probe_note(p, RAFT_NOTE_LEADER) != NULL);
    probe_free(p);
}

/* Who may have voted for a later leader does not count its own copies. */
static void a_leader_that_forgot_its_vote_does_not_count_itself(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "ABCDE",
                                                      .config = {.managed = true},
                                                      .stored = {.term = 2, .vote_lost = true},
                                                      .terms = log_112});
    campaign_with(p, "BCD");
    uint64_t term = probe_status(p).term;
    probe_response(p, 'B', term, 4, true, PROBE_NOBODY);
    probe_response(p, 'C', term, 4, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 0);
    probe_response(p, 'D', term, 4, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 4);
    probe_free(p);
}

static void a_heartbeat_commits_no_more_than_it_matches(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 0, 1);
    probe_append(p, 'B', 2, 2, 4, 0, 1);
    CU_ASSERT(probe_status(p).pindex == 5);
    probe_append(p, 'B', 2, 2, 3, 5, 0); /* says nothing about our entries 4 and 5 */
    CU_ASSERT(probe_status(p).commit == 3);
    probe_free(p);
}

static void a_second_leader_of_a_term_is_not_followed(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 0, 1);
    probe_append(p, 'C', 2, 2, 4, 0, 1);
    CU_ASSERT(probe_note(p, RAFT_NOTE_TWO_LEADERS) != NULL && probe_find(p, RAFT_DO_APPEND) == NULL);
    CU_ASSERT(probe_status(p).pindex == 4 && probe_status(p).leader == probe_id('B'));
    probe_free(p);
}

/* A follower whose last entry is of a later term than ours there is given ours of that place, too. */
static void a_stream_begins_before_a_conflict(void)
{
    struct probe *p = leader();
    struct raft_addr inbox = {RAFT_TO_CATCHUP, "catchcat"};
    CU_ASSERT_FATAL(probe_status(p).term == 3 && raft_term_at(p->r, 3) == 2);
    probe_response(p, 'B', 3, 3, false, inbox);
    const struct raft_effect *f = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT(f != NULL && f->index == 3 && f->upto == 4);
    probe_free(p);
}

/* ---- a disk that hangs */

/* An entry that was lost before it was safe is not acknowledged when the disk comes back. */
static void what_was_damaged_meanwhile_is_not_acknowledged(void)
{
    struct probe *p = probe_follower(log_112, 2);
    p->hold_disk = true;
    probe_append(p, 'B', 2, 2, 3, 0, 1);
    step(p, (struct raft_event){.type = RAFT_EV_DAMAGED, .index = 4});
    CU_ASSERT(probe_status(p).pindex == 3);
    probe_durable(p);
    CU_ASSERT(probe_sent(p, RAFT_MSG_APPEND_RESPONSE) == NULL);
    probe_free(p);
}

/* Requests for votes are answered by nobody while the disk hangs; what waits for it is bounded, and a
 * follower acknowledges its end when the disk is back. */
static void what_waits_for_the_disk_is_bounded(void)
{
    struct probe *p = probe_follower(log_112, 2);
    p->hold_disk = true;
    uint64_t n = 70000; /* more than RAFT_HELD_MAX */
    for (uint64_t i = 0; i < n; i++) {
        probe_append(p, 'B', 2, 2, 3 + i, 0, 1);
        CU_ASSERT(probe_sent(p, RAFT_MSG_APPEND_RESPONSE) == NULL);
    }
    CU_ASSERT(probe_status(p).pindex == 3 + n && probe_status(p).durable_index < 3 + n);
    size_t answers = 0;
    struct raft_update u;
    raft_step(p->r, &(struct raft_event){.type = RAFT_EV_DURABLE, .now = p->now, .op = p->op}, &u);
    for (size_t i = 0; i < u.count; i++)
        answers += u.effects[i].type == RAFT_DO_SEND;
    CU_ASSERT(answers > 1000 && answers <= RAFT_HELD_MAX);
    CU_ASSERT(probe_status(p).durable_index == 3 + n); /* the newest promise was not forgotten */
    probe_append(p, 'B', 2, 2, 3 + n, 0, 0);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->index == 3 + n);
    probe_free(p);
}

static const struct unit_test tests[] = {
    UNIT_TEST(the_expected_size_is_set_before_there_is_a_leader),
    UNIT_TEST(an_empty_server_that_heard_a_leader_still_learns_of_more),
    UNIT_TEST(a_leader_tells_the_expected_size_through_the_log),
    UNIT_TEST(what_a_leader_refuses),
    UNIT_TEST(a_batch_with_the_largest_entry_fits_the_log),
    UNIT_TEST(a_rescue_to_the_natural_quorum_ends_one),
    UNIT_TEST(a_lasting_rescue_outlives_members_that_join),
    UNIT_TEST(nobody_left_is_no_group),
    UNIT_TEST(reports_of_what_is_not_there_are_ignored),
    UNIT_TEST(what_is_stored_is_processed),
    UNIT_TEST(drain_and_replay_goes_back),
    UNIT_TEST(a_learner_that_is_added_in_a_catch_up_ends_with_it),
    UNIT_TEST(who_is_added_has_no_earlier_vote),
    UNIT_TEST(a_leader_waits_for_the_members_that_join),
    UNIT_TEST(who_is_cut_off_waits),
    UNIT_TEST(a_new_term_has_a_new_vote),
    UNIT_TEST(a_leader_is_told_so_when_its_first_entry_is_processed),
    UNIT_TEST(a_leader_that_forgot_its_vote_does_not_count_itself),
    UNIT_TEST(a_heartbeat_commits_no_more_than_it_matches),
    UNIT_TEST(a_second_leader_of_a_term_is_not_followed),
    UNIT_TEST(a_stream_begins_before_a_conflict),
    UNIT_TEST(acknowledgements_end_with_the_leadership),
    UNIT_TEST(what_was_damaged_meanwhile_is_not_acknowledged),
    UNIT_TEST(what_waits_for_the_disk_is_bounded),
};

UNIT_MAIN("raft: refusals and edges", tests)
