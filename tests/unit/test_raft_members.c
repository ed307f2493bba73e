/* Membership: changes through the log, learners, the ways around a lost quorum; and what snapshots hold. */
#include "sim/raft_probe.h"
#include "unit.h"

static const uint64_t log_112[] = {1, 1, 2, 0};

static struct probe *leader_of(const char *members, bool managed)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = members, .config = {.managed = managed}, .stored = {.term = 2}, .terms = log_112});
    probe_elect(p);
    CU_ASSERT_FATAL(probe_status(p).leading);
    return p;
}

static enum raft_rc add(struct probe *p, char who)
{
    return probe_step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER, .peer = probe_id(who)});
}

static enum raft_rc remove_peer(struct probe *p, char who)
{
    return probe_step(p, (struct raft_event){.type = RAFT_EV_REMOVE_PEER, .peer = probe_id(who)});
}

static void ack(struct probe *p, char from)
{
    struct raft_status s = probe_status(p);
    probe_response(p, from, s.pterm, s.pindex, true, PROBE_NOBODY);
}

static bool is_member(const struct probe *p, char who)
{
    struct raft_peers peers = probe_status(p).peers;
    for (uint32_t i = 0; i < peers.count; i++) {
        if (peers.ids[i] == probe_id(who))
            return true;
    }
    return false;
}

/* covers: RF-106 */
static void a_meta_leader_adds_who_answers(void)
{
    struct probe *p = leader_of("ABC", false);
    ack(p, 'D');
    CU_ASSERT(is_member(p, 'D') && probe_find(p, RAFT_DO_APPEND) != NULL);
    probe_commit_all(p);
    CU_ASSERT(remove_peer(p, 'D') == RAFT_OK);
    probe_commit_all(p);
    ack(p, 'D'); /* a stray answer of who has just left */
    CU_ASSERT(!is_member(p, 'D'));
    for (int i = 0; i < 60; i++) {
        p->now += 5 * RAFT_S;
        ack(p, 'B');
        ack(p, 'C');
    }
    ack(p, 'D');
    CU_ASSERT(is_member(p, 'D'));
    probe_free(p);
}

/* covers: RF-107 */
static void a_stream_leader_only_tells_of_strangers(void)
{
    struct probe *p = leader_of("ABC", true);
    ack(p, 'D');
    CU_ASSERT(!is_member(p, 'D') && probe_find(p, RAFT_DO_APPEND) == NULL);
    const struct raft_effect *f = probe_note(p, RAFT_NOTE_OBSERVED);
    CU_ASSERT(f != NULL && f->peer == probe_id('D'));
    ack(p, 'D');
    CU_ASSERT(probe_note(p, RAFT_NOTE_OBSERVED) == NULL);
    probe_free(p);
}

/* covers: RF-108 */
static void the_size_follows_the_known_members(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "A", .size = 3});
    CU_ASSERT(probe_status(p).size == 3);
    probe_fire(p);
    probe_vote(p, 1, 'B', true, true);
    probe_vote(p, 1, 'C', true, true);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_LEADER);
    CU_ASSERT(probe_status(p).size == 3 && probe_status(p).quorum == 2);
    ack(p, 'B');
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 1, .applied = 1});
    ack(p, 'B'); /* known from now on */
    CU_ASSERT(is_member(p, 'B') && probe_status(p).size == 2 && probe_status(p).quorum == 2);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS) == NULL ||
              probe_find(p, RAFT_DO_SAVE_PEERS)->peers.size == 3);
    probe_commit_all(p);
    ack(p, 'C');
    CU_ASSERT(is_member(p, 'C') && probe_status(p).size == 3 && probe_status(p).quorum == 2);
    probe_free(p);
}

/* covers: RF-109 */
static void one_change_at_a_time(void)
{
    struct probe *p = leader_of("ABC", true);
    CU_ASSERT(add(p, 'D') == RAFT_OK && is_member(p, 'D'));
    CU_ASSERT(add(p, 'E') == RAFT_CHANGE_IN_PROGRESS && remove_peer(p, 'B') == RAFT_CHANGE_IN_PROGRESS);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: membership change in progress");
    probe_commit_all(p);
    CU_ASSERT(add(p, 'E') == RAFT_OK);
    probe_free(p);
}

/* covers: RF-110 */
static void a_change_commits_under_the_new_quorum(void)
{
    struct probe *p = leader_of("ABC", true);
    add(p, 'D');
    CU_ASSERT(probe_status(p).quorum == 3);
    ack(p, 'B');
    CU_ASSERT(probe_status(p).commit == 4);
    ack(p, 'D');
    CU_ASSERT(probe_status(p).commit == 5);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 5, .applied = 5});
    remove_peer(p, 'D');
    CU_ASSERT(probe_status(p).quorum == 2);
    ack(p, 'D'); /* no member any more */
    CU_ASSERT(probe_status(p).commit == 5);
    ack(p, 'C');
    CU_ASSERT(probe_status(p).commit == 6);
    probe_free(p);
}

/* covers: RF-111 */
static void a_change_that_is_cut_off_never_was(void)
{
    raft_id d = probe_id('D');
    struct probe *p = probe_follower(log_112, 2);
    probe_append_one(p, 'B', 2, 2, 3, (struct raft_entry){RAFT_ADD_PEER, slice_make(&d, 8)});
    CU_ASSERT(is_member(p, 'D') && probe_status(p).quorum == 3 && probe_status(p).size == 4);
    probe_append(p, 'C', 3, 2, 3, 0, 1); /* another entry there */
    CU_ASSERT(!is_member(p, 'D') && probe_status(p).quorum == 2 && probe_status(p).size == 3);
    const struct raft_effect *f = probe_find(p, RAFT_DO_SAVE_PEERS);
    CU_ASSERT(f != NULL && f->peers.count == 3);
    probe_free(p);
}

/* covers: RF-112 RF-135 RF-136 */
static void a_snapshot_holds_the_settled_membership(void)
{
    struct probe *p = probe_follower(log_112, 2);
    uint64_t term, index;
    struct raft_peers peers;
    CU_ASSERT(raft_snapshot_head(p->r, false, &term, &index, &peers) == RAFT_NO_SNAPSHOT);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(RAFT_NO_SNAPSHOT), "raft: no snapshot available");
    probe_free(p);

    p = leader_of("ABC", true);
    add(p, 'D');
    CU_ASSERT(raft_snapshot_head(p->r, false, &term, &index, &peers) == RAFT_OK);
    CU_ASSERT(term == 3 && index == 4 && peers.count == 3 && peers.size == 3);
    for (int i = 0; i < 10; i++)
        probe_propose(p, 300 * 1024);
    probe_response(p, 'B', 3, 4, false, (struct raft_addr){RAFT_TO_CATCHUP, "catchmup"});
    CU_ASSERT(raft_snapshot_head(p->r, false, &term, &index, &peers) == RAFT_SNAPSHOT_BUSY);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(RAFT_SNAPSHOT_BUSY),
                           "raft: snapshot can not be installed while catchups running");
    CU_ASSERT(raft_snapshot_head(p->r, true, &term, &index, &peers) == RAFT_OK && index == 4);
    probe_free(p);
}

/* covers: RF-113 */
static void a_leader_that_removes_itself_hands_over_and_stops(void)
{
    struct probe *p = leader_of("ABC", true);
    CU_ASSERT(remove_peer(p, 'A') == RAFT_OK);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && !is_member(p, 'A'));
    ack(p, 'B');
    CU_ASSERT(probe_status(p).commit == 4); /* its own copy does not count */
    ack(p, 'C');
    CU_ASSERT(probe_status(p).commit == 5 && probe_note(p, RAFT_NOTE_REMOVED) != NULL);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).observer);
    bool transfer = false;
    for (size_t i = 0; i < p->count; i++) {
        const struct raft_effect *f = &p->out[i].f;
        transfer |= f->type == RAFT_DO_SEND && f->msg.type == RAFT_MSG_APPEND && f->msg.append.count == 1 &&
                    f->msg.append.entries[0].type == RAFT_LEADER_TRANSFER;
    }
    CU_ASSERT(transfer);
    probe_free(p);
}

/* covers: RF-114 */
static void a_removal_that_is_undone_stops_nobody(void)
{
    struct probe *p = leader_of("ABC", true);
    remove_peer(p, 'A');
    probe_append(p, 'B', 4, 3, 4, 4, 1); /* somebody else was elected and has another entry 5 */
    CU_ASSERT(is_member(p, 'A') && probe_status(p).role == RAFT_FOLLOWER && !probe_status(p).observer);
    CU_ASSERT(probe_note(p, RAFT_NOTE_REMOVED) == NULL);
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_free(p);
}

/* covers: RF-115 */
static void removals_that_are_refused_or_forwarded(void)
{
    struct probe *p = leader_of("AB", true);
    CU_ASSERT(remove_peer(p, 'X') == RAFT_PEER_NOT_FOUND);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: peer not found");
    CU_ASSERT(remove_peer(p, 'B') == RAFT_OK);
    probe_commit_all(p);
    CU_ASSERT(remove_peer(p, 'A') == RAFT_LAST_PEER);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: cannot remove the last peer");
    probe_free(p);
    p = probe_follower(log_112, 2);
    CU_ASSERT(remove_peer(p, 'C') == RAFT_OK);
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_REMOVE_PEER);
    CU_ASSERT(f != NULL && f->to.place == RAFT_TO_REMOVE && f->msg.removed == probe_id('C'));
    CU_ASSERT(add(p, 'D') == RAFT_NOT_LEADER);
    probe_free(p);
}

/* ---- learners ---- */

static struct probe *learner(struct raft_stored stored)
{
    stored.term = 2;
    stored.promise_known = true;
    return probe_new(&(struct probe_setup){
        .members = "BC", .config = {.managed = true, .learner = true}, .stored = stored});
}

/* covers: RF-116 */
static void a_learner_stores_but_commits_nothing(void)
{
    struct probe *p = learner((struct raft_stored){0});
    probe_append(p, 'B', 2, 0, 0, 0, 1);
    probe_append(p, 'B', 2, 2, 1, 1, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_find(p, RAFT_DO_APPLY) == NULL);
    CU_ASSERT(probe_status(p).pindex == 2 && probe_status(p).commit == 0);
    probe_free(p);

    p = leader_of("ABC", true);
    probe_propose(p, 10);
    ack(p, 'D');
    CU_ASSERT(probe_status(p).commit == 4);
    probe_free(p);
}

/* covers: RF-117 */
static void a_learner_becomes_a_member_by_the_entry_that_names_it(void)
{
    raft_id self = probe_id('A');
    struct probe *p = learner(
        (struct raft_stored){.snapshot_term = 2, .snapshot_index = 5, .promise_term = 2, .promise_index = 5});
    CU_ASSERT(probe_status(p).commit == 0 && probe_status(p).pindex == 5);
    probe_append(p, 'B', 2, 2, 5, 6, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPLY_SNAPSHOT) == NULL && probe_status(p).commit == 0);
    probe_append_one(p, 'B', 2, 2, 6, (struct raft_entry){RAFT_ADD_PEER, slice_make(&self, 8)});
    const struct raft_effect *snap = probe_find(p, RAFT_DO_APPLY_SNAPSHOT),
                             *up = probe_find(p, RAFT_DO_APPLY);
    CU_ASSERT_FATAL(snap != NULL && up != NULL);
    CU_ASSERT(snap->index == 5 && up->index == 6 && up->upto == 6);
    CU_ASSERT(probe_place(p, snap) < probe_place(p, up));
    CU_ASSERT(!probe_status(p).learner && is_member(p, 'A'));
    probe_free(p);
}

/* covers: RF-118 */
static void a_learner_that_restarts_is_one_still(void)
{
    struct probe *p = learner(
        (struct raft_stored){.snapshot_term = 2, .snapshot_index = 5, .promise_term = 2, .promise_index = 5});
    CU_ASSERT(probe_status(p).learner && probe_status(p).commit == 0);
    CU_ASSERT(probe_find(p, RAFT_DO_APPLY_SNAPSHOT) == NULL);
    probe_step(p, (struct raft_event){.type = RAFT_EV_LEARNER, .on = false}); /* the assignment says so */
    CU_ASSERT(probe_find(p, RAFT_DO_APPLY_SNAPSHOT) != NULL && probe_status(p).commit == 5);
    probe_free(p);
}

/* covers: RF-119 */
static void a_learner_begins_again_when_its_log_grows_too_long(void)
{
    struct probe *p = learner((struct raft_stored){0});
    probe_append(p, 'B', 2, 0, 0, 0, 1);
    for (uint64_t i = 1; i <= 100000; i++)
        probe_append(p, 'B', 2, 2, i, 0, 1);
    CU_ASSERT(probe_status(p).pindex == 100001);
    probe_append(p, 'B', 2, 2, 100001, 0, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE) != NULL && probe_find(p, RAFT_DO_TRUNCATE)->index == 0);
    CU_ASSERT(probe_status(p).pindex == 0 && probe_status(p).catching_up);
    probe_free(p);
}

/* covers: RF-120 */
static void an_empty_scale_up_candidate_needs_all(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "ABCD", .config = {.managed = true}});
    probe_fire(p);
    probe_vote(p, 1, 'B', true, true);
    probe_vote(p, 1, 'C', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 1, 'D', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_free(p);
}

/* ---- around a lost quorum ---- */

static enum raft_rc evict(struct probe *p, const char *who)
{
    raft_id ids[8];
    uint32_t n = 0;
    for (; who[n] != '\0'; n++)
        ids[n] = probe_id(who[n]);
    struct raft_event e = {.type = RAFT_EV_EVICT, .peers = {.size = n, .count = n, .ids = ids}};
    return probe_step(p, e);
}

/* covers: RF-121 */
static void evicting_is_for_groups_that_cannot_do_it_themselves(void)
{
    struct probe *p = probe_follower(log_112, 2);
    CU_ASSERT(evict(p, "X") == RAFT_PEER_NOT_FOUND);
    CU_ASSERT(evict(p, "B") == RAFT_OK && !is_member(p, 'B') && probe_status(p).size == 2);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS) != NULL);
    probe_append(p, 'C', 2, 2, 3, 0, 0);
    CU_ASSERT(evict(p, "C") == RAFT_LEADER_KNOWN);
    probe_free(p);

    p = probe_new(&(struct probe_setup){
        .members = "ABCDE", .config = {.managed = true}, .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(evict(p, "B") == RAFT_QUORUM_POSSIBLE); /* C, D and E could elect */
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: remaining peers could still reach quorum");
    CU_ASSERT(evict(p, "BCD") == RAFT_OK && probe_status(p).peers.count == 2);
    probe_free(p);

    p = probe_new(&(struct probe_setup){.members = "ABC", .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(evict(p, "B") == RAFT_NOT_MANAGED);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: group membership is not managed");
    probe_free(p);
}

static enum raft_rc rescue(struct probe *p, uint64_t quorum)
{
    return probe_step(p, (struct raft_event){.type = RAFT_EV_RESCUE, .index = quorum});
}

/* covers: RF-122 */
static void a_rescue_lowers_the_quorum_for_a_while(void)
{
    struct probe *p =
        probe_new(&(struct probe_setup){.members = "ABC", .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(rescue(p, 0) == RAFT_BAD_QUORUM && rescue(p, 3) == RAFT_BAD_QUORUM);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: rescue quorum must be between 1 and current quorum");
    probe_append(p, 'B', 2, 2, 3, 0, 0);
    CU_ASSERT(rescue(p, 1) == RAFT_LEADER_KNOWN);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: leader is known");
    probe_fire(p);
    CU_ASSERT(rescue(p, 1) == RAFT_OK && probe_status(p).quorum == 1 && probe_status(p).rescued);
    CU_ASSERT(p->deadline >= p->now + 100 * RAFT_MS && p->deadline < p->now + 800 * RAFT_MS);
    int64_t rescued = p->now;
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && probe_status(p).quorum == 1);
    while (p->now < rescued + 299 * RAFT_S)
        probe_fire(p);
    CU_ASSERT(probe_status(p).rescued);
    while (p->now < rescued + 301 * RAFT_S)
        probe_fire(p);
    CU_ASSERT(!probe_status(p).rescued && probe_status(p).quorum == 2);
    probe_free(p);

    p = probe_new(&(struct probe_setup){.members = "ABC", .stored = {.term = 2}});
    CU_ASSERT(rescue(p, 1) == RAFT_LOG_EMPTY);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: log is empty");
    probe_free(p);
    p = probe_new(&(struct probe_setup){
        .members = "ABC", .config = {.observer = true}, .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(rescue(p, 1) == RAFT_NOT_VOTING);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: not a voting member");
    probe_free(p);
}

/* covers: RF-123 */
static void under_a_rescue_empty_votes_count(void)
{
    struct probe *p =
        probe_new(&(struct probe_setup){.members = "ABCDE", .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(rescue(p, 2) == RAFT_OK);
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'B', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_free(p);
}

/* covers: RF-124 */
static void a_rescue_outlasts_peer_states(void)
{
    struct probe *p =
        probe_new(&(struct probe_setup){.members = "ABCDE", .stored = {.term = 2}, .terms = log_112});
    CU_ASSERT(rescue(p, 2) == RAFT_OK);
    struct raft_entry five = {RAFT_PEER_STATE,
                              SLICE_LIT("\5\0\0\0\5\0\0\0AAAAAAAABBBBBBBBCCCCCCCCDDDDDDDDEEEEEEEE\0\0")};
    struct raft_entry two = {RAFT_PEER_STATE, SLICE_LIT("\2\0\0\0\2\0\0\0AAAAAAAABBBBBBBB\0\0")};
    probe_append_one(p, 'B', 2, 2, 3, five);
    CU_ASSERT(probe_status(p).rescued && probe_status(p).quorum == 2);
    probe_append_one(p, 'B', 2, 2, 4, two);
    CU_ASSERT(!probe_status(p).rescued && probe_status(p).quorum == 2);
    probe_free(p);
}

/* covers: RF-125 */
static void peers_are_written_only_when_they_change(void)
{
    struct probe *p = probe_follower(log_112, 2);
    struct raft_entry same = {RAFT_PEER_STATE, SLICE_LIT("\3\0\0\0\3\0\0\0CCCCCCCCAAAAAAAABBBBBBBB\0\0")};
    struct raft_entry less = {RAFT_PEER_STATE, SLICE_LIT("\2\0\0\0\2\0\0\0AAAAAAAABBBBBBBB\0\0")};
    probe_append_one(p, 'B', 2, 2, 3, same);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_find(p, RAFT_DO_SAVE_PEERS) == NULL);
    probe_append_one(p, 'B', 2, 2, 4, less);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS) != NULL &&
              probe_find(p, RAFT_DO_SAVE_PEERS)->peers.count == 2);
    probe_append_one(p, 'B', 2, 2, 5, less);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS) == NULL);
    probe_free(p);
}

/* What a group that boots expects comes back with the membership that said so. */
static void what_a_group_expects_belongs_to_its_membership(void)
{
    struct probe *p =
        probe_new(&(struct probe_setup){.members = "A", .size = 3, .stored = {.promise_known = true}});
    raft_id c = probe_id('C');
    struct raft_entry state = {RAFT_PEER_STATE, SLICE_LIT("\5\0\0\0\2\0\0\0AAAAAAAABBBBBBBB\0\0")};
    struct raft_entry all = {RAFT_PEER_STATE, SLICE_LIT("\3\0\0\0\3\0\0\0AAAAAAAABBBBBBBBCCCCCCCC\0\0")};
    probe_append_one(p, 'B', 1, 0, 0, state);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS)->peers.size == 5);
    probe_append_one(p, 'B', 1, 1, 1, (struct raft_entry){RAFT_ADD_PEER, slice_make(&c, 8)});
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS)->peers.size == 5 && probe_status(p).size == 3);
    probe_append_one(p, 'B', 1, 1, 2, all); /* a leader that knows all */
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS)->peers.size == 3);
    probe_append(p, 'C', 2, 1, 2, 0, 1); /* which was not to be */
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_PEERS)->peers.size == 5);
    probe_free(p);
}

/* ---- commit and apply ---- */

/* covers: RF-126 */
static void reports_above_the_commit_are_ignored(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 2, 0);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3, .applied = 3});
    CU_ASSERT(probe_status(p).processed == 0 && probe_status(p).applied == 0);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 2, .applied = 1});
    CU_ASSERT(probe_status(p).processed == 2 && probe_status(p).applied == 1);
    probe_free(p);
}

/* covers: RF-127 */
static void a_pause_holds_commits_back(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_PAUSE});
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(probe_status(p).commit == 0 && probe_find(p, RAFT_DO_APPLY) == NULL);
    CU_ASSERT(probe_answer(p)->success && probe_status(p).paused && !probe_status(p).current);
    probe_step(p, (struct raft_event){.type = RAFT_EV_RESUME});
    const struct raft_effect *up = probe_find(p, RAFT_DO_APPLY);
    CU_ASSERT(up != NULL && up->index == 1 && up->upto == 3 && probe_status(p).commit == 3);
    probe_free(p);

    p = probe_follower(log_112, 2); /* a candidate gives up, a leader refuses */
    probe_fire(p);
    probe_step(p, (struct raft_event){.type = RAFT_EV_PAUSE});
    CU_ASSERT(p->rc == RAFT_OK && probe_status(p).role == RAFT_FOLLOWER);
    probe_free(p);
    p = leader_of("ABC", true);
    CU_ASSERT(probe_step(p, (struct raft_event){.type = RAFT_EV_PAUSE}) == RAFT_ALREADY_LEADER);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: already leader");
    probe_free(p);
}

/* covers: RF-128 */
static void drain_and_replay_hands_all_up_again(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC",
        .config = {.managed = true},
        .stored = {.term = 2, .snapshot_term = 1, .snapshot_index = 5, .promise_known = true},
        .terms = log_112});
    probe_append(p, 'B', 2, 2, 8, 7, 0);
    CU_ASSERT(probe_status(p).commit == 7);
    probe_step(p, (struct raft_event){.type = RAFT_EV_DRAIN_REPLAY});
    CU_ASSERT(probe_count(p, RAFT_DO_APPLY_SNAPSHOT) == 1 && probe_find(p, RAFT_DO_APPLY) == NULL);
    probe_append(p, 'B', 2, 2, 8, 8, 0);
    CU_ASSERT(probe_find(p, RAFT_DO_APPLY) == NULL);
    probe_step(p, (struct raft_event){.type = RAFT_EV_RESUME});
    const struct raft_effect *up = probe_find(p, RAFT_DO_APPLY);
    CU_ASSERT(up != NULL && up->index == 6 && up->upto == 8 && probe_count(p, RAFT_DO_APPLY) == 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPLY_SNAPSHOT) == NULL);
    probe_free(p);
}

/* covers: RF-129 */
static void the_end_of_replay_is_told_after_what_was_recovered(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "ABC",
                                                      .config = {.managed = true},
                                                      .stored = {.term = 2, .commit = 2},
                                                      .terms = log_112,
                                                      .offline = true});
    const struct raft_effect *up = probe_find(p, RAFT_DO_APPLY);
    CU_ASSERT(up != NULL && up->index == 1 && up->upto == 2);
    CU_ASSERT(probe_note(p, RAFT_NOTE_CAUGHT_UP) == NULL);
    probe_step(p, (struct raft_event){.type = RAFT_EV_NETWORK, .on = true});
    CU_ASSERT(probe_note(p, RAFT_NOTE_CAUGHT_UP) != NULL && probe_find(p, RAFT_DO_APPLY) == NULL);
    probe_free(p);
}

/* covers: RF-147 RF-149 */
static void a_follower_that_is_behind_stops_taking_entries(void)
{
    struct probe *p = probe_follower(log_112, 2);
    for (uint64_t i = 3; i <= 100000; i++)
        probe_append(p, 'B', 2, 2, i, i, 1);
    CU_ASSERT(probe_status(p).pindex == 100001 && probe_status(p).commit == 100000);
    probe_append(p, 'B', 2, 2, 100001, 100001, 0);
    CU_ASSERT(probe_answer(p)->success && !probe_status(p).overrun);
    probe_append(p, 'B', 2, 2, 100001, 100001, 1); /* 100,001 are not applied now */
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL && probe_find(p, RAFT_DO_APPEND) == NULL);
    CU_ASSERT(probe_status(p).overrun && probe_note(p, RAFT_NOTE_OVERRUN) != NULL);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 90000, .applied = 90000});
    probe_append(p, 'B', 2, 2, 100001, 100001, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL); /* 10,001 */
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 90001, .applied = 90001});
    probe_append(p, 'B', 2, 2, 100001, 100001, 1);
    CU_ASSERT(probe_answer(p)->success && !probe_status(p).overrun);
    probe_free(p);

    p = probe_follower(log_112, 2); /* to campaign ends it, too */
    for (uint64_t i = 3; i <= 100000; i++)
        probe_append(p, 'B', 2, 2, i, i, 1);
    probe_append(p, 'B', 2, 2, 100001, 100001, 0);
    probe_append(p, 'B', 2, 2, 100001, 100001, 0);
    CU_ASSERT_FATAL(probe_status(p).overrun);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 100001, .applied = 2});
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE && !probe_status(p).overrun);
    probe_free(p);
}

static void a_member_is_current_when_it_has_all_and_hears_its_leader(void)
{
    struct probe *p = probe_follower(log_112, 2);
    CU_ASSERT(!probe_status(p).current); /* nothing is committed, nobody leads */
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(probe_status(p).commit == 3 && !probe_status(p).current);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3, .applied = 2});
    CU_ASSERT(!probe_status(p).current); /* processed is not applied */
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3, .applied = 3});
    CU_ASSERT(probe_status(p).current);
    probe_tick_at(p, p->now + 2 * RAFT_S);
    CU_ASSERT(probe_status(p).current);
    probe_tick_at(p, p->now + 1);
    CU_ASSERT(!probe_status(p).current); /* a silent leader */
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(probe_status(p).current);
    probe_append(p, 'B', 2, 2, 9, 3, 1);
    CU_ASSERT(probe_status(p).catching_up && !probe_status(p).current);
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(!probe_status(p).catching_up && probe_status(p).current);
    probe_step(p, (struct raft_event){.type = RAFT_EV_PAUSE});
    CU_ASSERT(probe_status(p).current); /* nothing waits */
    probe_append(p, 'B', 2, 2, 3, 4, 1);
    CU_ASSERT(!probe_status(p).current);
    probe_free(p);

    p = leader_of("ABC", true);
    CU_ASSERT(probe_status(p).current);
    probe_step(p, (struct raft_event){.type = RAFT_EV_DISK_FAILED});
    CU_ASSERT(!probe_status(p).current);
    probe_free(p);
}

static void after_a_write_error_a_member_is_silent(void)
{
    struct probe *p = leader_of("ABC", true);
    probe_step(p, (struct raft_event){.type = RAFT_EV_DISK_FAILED});
    CU_ASSERT(probe_status(p).role == RAFT_CLOSED && probe_note(p, RAFT_NOTE_CLOSED) != NULL);
    CU_ASSERT(p->deadline == INT64_MAX);
    probe_vote_request(p, 9, 9, 9, 'B');
    CU_ASSERT(p->count == 0 && p->rc == RAFT_WRITE_ERROR);
    CU_ASSERT(probe_propose(p, 1) == RAFT_WRITE_ERROR && p->count == 0);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: write error");
    probe_free(p);
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_meta_leader_adds_who_answers),
    UNIT_TEST(a_stream_leader_only_tells_of_strangers),
    UNIT_TEST(the_size_follows_the_known_members),
    UNIT_TEST(one_change_at_a_time),
    UNIT_TEST(a_change_commits_under_the_new_quorum),
    UNIT_TEST(a_change_that_is_cut_off_never_was),
    UNIT_TEST(a_snapshot_holds_the_settled_membership),
    UNIT_TEST(a_leader_that_removes_itself_hands_over_and_stops),
    UNIT_TEST(a_removal_that_is_undone_stops_nobody),
    UNIT_TEST(removals_that_are_refused_or_forwarded),
    UNIT_TEST(a_learner_stores_but_commits_nothing),
    UNIT_TEST(a_learner_becomes_a_member_by_the_entry_that_names_it),
    UNIT_TEST(a_learner_that_restarts_is_one_still),
    UNIT_TEST(a_learner_begins_again_when_its_log_grows_too_long),
    UNIT_TEST(an_empty_scale_up_candidate_needs_all),
    UNIT_TEST(evicting_is_for_groups_that_cannot_do_it_themselves),
    UNIT_TEST(a_rescue_lowers_the_quorum_for_a_while),
    UNIT_TEST(under_a_rescue_empty_votes_count),
    UNIT_TEST(a_rescue_outlasts_peer_states),
    UNIT_TEST(peers_are_written_only_when_they_change),
    UNIT_TEST(what_a_group_expects_belongs_to_its_membership),
    UNIT_TEST(reports_above_the_commit_are_ignored),
    UNIT_TEST(a_pause_holds_commits_back),
    UNIT_TEST(drain_and_replay_hands_all_up_again),
    UNIT_TEST(the_end_of_replay_is_told_after_what_was_recovered),
    UNIT_TEST(a_follower_that_is_behind_stops_taking_entries),
    UNIT_TEST(a_member_is_current_when_it_has_all_and_hears_its_leader),
    UNIT_TEST(after_a_write_error_a_member_is_silent),
};

UNIT_MAIN("raft: members, commit and apply", tests)
