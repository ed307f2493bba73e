/* A leader: proposals, commits, heartbeats, catch ups that it gives, stepping down. */
#include "sim/raft_probe.h"
#include "unit.h"

static const uint64_t log_112[] = {1, 1, 2, 0};
static const struct raft_addr wants = {RAFT_TO_CATCHUP, "wantsall"};

/* Leads in term 3; all is committed up to 4, its first entry. */
static struct probe *leader(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_elect(p);
    CU_ASSERT_FATAL(probe_status(p).leading && probe_status(p).commit == 4 && probe_status(p).term == 3);
    return p;
}

static size_t entries_in(const struct probe *p, size_t nth)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->out[i].f.type == RAFT_DO_APPEND && nth-- == 0)
            return p->out[i].f.msg.append.count;
    }
    return 0;
}

/* covers: RF-85 */
static void proposals_are_gathered_in_batches(void)
{
    static struct raft_entry many[5000];
    static uint8_t big[100 * 1024];
    struct probe *p = leader();
    for (size_t i = 0; i < 5000; i++)
        many[i] = (struct raft_entry){RAFT_NORMAL, SLICE_LIT("x")};
    probe_step(p, (struct raft_event){.type = RAFT_EV_PROPOSE, .entries = many, .count = 5000});
    CU_ASSERT(p->rc == RAFT_OK && p->index == 6);
    CU_ASSERT(probe_count(p, RAFT_DO_APPEND) == 2 && entries_in(p, 0) == 4096 && entries_in(p, 1) == 904);
    for (size_t i = 0; i < 4; i++)
        many[i].data = slice_make(big, sizeof big);
    probe_step(p, (struct raft_event){.type = RAFT_EV_PROPOSE, .entries = many, .count = 4});
    CU_ASSERT(probe_count(p, RAFT_DO_APPEND) == 2 && entries_in(p, 0) == 3 && entries_in(p, 1) == 1);
    probe_free(p);
}

/* covers: RF-86 RF-87 */
static void what_is_sent_was_stored_before(void)
{
    struct probe *p = leader();
    CU_ASSERT(probe_propose(p, 10) == RAFT_OK && p->index == 5);
    const struct raft_effect *store = probe_find(p, RAFT_DO_APPEND), *send = probe_sent(p, RAFT_MSG_APPEND);
    CU_ASSERT_FATAL(store != NULL && send != NULL);
    CU_ASSERT(probe_place(p, store) < probe_place(p, send));
    CU_ASSERT(send->to.place == RAFT_TO_APPEND && send->reply.place == RAFT_TO_REPLY);
    CU_ASSERT(send->msg.append.pindex == 4 && send->msg.append.pterm == 3 && send->msg.append.commit == 4);
    CU_ASSERT(send->msg.append.lterm == 0 && send->msg.append.leader == p->self);
    probe_step(p, (struct raft_event){.type = RAFT_EV_ADD_PEER, .peer = probe_id('D')});
    CU_ASSERT(entries_in(p, 0) == 1 && probe_count(p, RAFT_DO_APPEND) == 1);
    probe_free(p);
}

/* covers: RF-88 RF-154 */
static void a_commit_needs_a_quorum_of_synced_copies(void)
{
    struct probe *p = leader();
    p->hold_disk = true;
    probe_propose(p, 10);
    probe_response(p, 'B', 3, 5, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 4); /* our own copy is not on the disk yet */
    probe_durable(p);
    CU_ASSERT(probe_status(p).commit == 5);
    probe_propose(p, 10);
    probe_response(p, 'B', 3, 6, true, PROBE_NOBODY);
    probe_response(p, 'B', 3, 6, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 5);
    probe_response(p, 'C', 3, 6, true, PROBE_NOBODY); /* two others are a quorum, too */
    CU_ASSERT(probe_status(p).commit == 6);
    probe_free(p);
}

/* covers: RF-89 RF-91 */
static void older_entries_commit_with_one_of_our_own_term(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_fire(p);
    probe_vote(p, 3, 'B', true, false);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_LEADER);
    probe_response(p, 'B', 2, 3, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 0);
    probe_response(p, 'B', 3, 4, true, PROBE_NOBODY);
    CU_ASSERT(probe_status(p).commit == 4);
    const struct raft_effect *beat = probe_sent(p, RAFT_MSG_APPEND);
    CU_ASSERT_FATAL(beat != NULL);
    CU_ASSERT(beat->msg.append.count == 0 && beat->msg.append.commit == 4 && beat->msg.append.pindex == 4);
    probe_free(p);
}

/* covers: RF-76 RF-90 */
static void acknowledgements_that_do_not_count(void)
{
    struct probe *p = leader();
    probe_propose(p, 10);
    probe_response(p, 'X', 3, 5, true, PROBE_NOBODY); /* no member */
    CU_ASSERT(probe_status(p).commit == 4);
    probe_response(p, 'B', 2, 5, true, PROBE_NOBODY); /* not the entry that we have there */
    CU_ASSERT(probe_status(p).commit == 4);
    probe_response(p, 'B', 3, 6, true, PROBE_NOBODY); /* beyond our log */
    CU_ASSERT(probe_status(p).commit == 4);
    probe_response(p, 'B', 3, 4, false, wants);
    struct raft_msg m = {.type = RAFT_MSG_APPEND_RESPONSE,
                         .append_response = {.term = 3, .index = 5, .peer = probe_id('B'), .success = true}};
    struct raft_addr to = {RAFT_TO_PROGRESS, "anywhere"};
    probe_step(p, (struct raft_event){.type = RAFT_EV_MESSAGE, .to = to, .msg = &m}); /* of a catch up */
    CU_ASSERT(probe_status(p).commit == 4);
    probe_response(p, 'B', 9, 5, true, PROBE_NOBODY); /* a later term */
    CU_ASSERT(probe_status(p).commit == 4 && probe_status(p).role == RAFT_FOLLOWER);
    CU_ASSERT(probe_status(p).term == 9 && probe_note(p, RAFT_NOTE_HIGHER_TERM) != NULL);
    probe_free(p);
}

/* covers: RF-92 */
static void an_idle_leader_beats_each_second(void)
{
    struct probe *p = leader();
    int64_t until = p->now + 5 * RAFT_S, last = p->now;
    unsigned beats = 0;
    while (p->now < until) {
        probe_fire(p);
        if (probe_sent(p, RAFT_MSG_APPEND) == NULL)
            continue;
        CU_ASSERT(p->now - last <= RAFT_S);
        last = p->now;
        beats++;
    }
    CU_ASSERT(beats == 5);
    for (int i = 0; i < 8; i++) { /* a busy one sends none */
        int64_t next = p->now + 500 * RAFT_MS;
        probe_propose(p, 10);
        while (p->deadline < next) {
            probe_fire(p);
            CU_ASSERT(probe_sent(p, RAFT_MSG_APPEND) == NULL);
        }
        p->now = next;
    }
    probe_free(p);
}

static void forward_removal(struct probe *p, char who)
{
    struct raft_msg m = {.type = RAFT_MSG_REMOVE_PEER, .removed = probe_id(who)};
    struct raft_addr to = {.place = RAFT_TO_REMOVE};
    probe_step(p, (struct raft_event){.type = RAFT_EV_MESSAGE, .to = to, .msg = &m});
}

/* covers: RF-94 */
static void forwarded_removals_that_are_ignored(void)
{
    struct probe *p = leader();
    forward_removal(p, 'X');
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) == NULL);
    forward_removal(p, 'C');
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_status(p).peers.count == 2);
    forward_removal(p, 'B'); /* the first is not settled */
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) == NULL && probe_status(p).peers.count == 2);
    probe_commit_all(p);
    forward_removal(p, 'B');
    probe_commit_all(p);
    CU_ASSERT(probe_status(p).peers.count == 1);
    forward_removal(p, 'A'); /* the last one */
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) == NULL && probe_status(p).peers.count == 1);
    probe_free(p);
}

/* covers: RF-95 RF-100 */
static void a_small_catch_up_is_sent_at_once(void)
{
    struct probe *p = leader();
    probe_propose(p, 1000);
    probe_response(p, 'B', 1, 2, false, wants);
    const struct raft_effect *f = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->index == 3 && f->upto == 5 && f->term == 3); /* the term goes out as lterm */
    CU_ASSERT(memcmp(&f->to, &wants, sizeof wants) == 0 && f->reply.place == RAFT_TO_PROGRESS);
    CU_ASSERT(probe_find(p, RAFT_DO_UNSUBSCRIBE) != NULL); /* no answer is waited for */
    probe_free(p);
}

/* 3 MB in ten entries behind index 4. */
static struct probe *heavy_leader(void)
{
    struct probe *p = leader();
    for (int i = 0; i < 10; i++)
        probe_propose(p, 300 * 1024);
    probe_commit_all(p);
    CU_ASSERT_FATAL(probe_status(p).pindex == 14);
    return p;
}

static void progress(struct probe *p, struct raft_addr to, char from, uint64_t index)
{
    struct raft_msg m = {
        .type = RAFT_MSG_APPEND_RESPONSE,
        .append_response = {.term = 3, .index = index, .peer = probe_id(from), .success = true}};
    probe_step(p, (struct raft_event){.type = RAFT_EV_MESSAGE, .to = to, .msg = &m});
}

/* covers: RF-95 RF-96 RF-98 */
static void a_large_catch_up_is_sent_by_and_by(void)
{
    struct probe *p = heavy_leader();
    probe_response(p, 'B', 3, 4, false, wants);
    const struct raft_effect *f = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->index == 5 && f->upto == 10); /* six times 300 KiB are within 2 MiB, seven are not */
    struct raft_addr inbox = f->reply;
    progress(p, inbox, 'C', 8); /* not who catches up */
    CU_ASSERT(probe_find(p, RAFT_DO_SEND_LOG) == NULL);
    progress(p, inbox, 'B', 6);
    f = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT(f != NULL && f->index == 11 && f->upto == 12);
    progress(p, inbox, 'B', 9);
    f = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT(f != NULL && f->index == 13 && f->upto == 14 && probe_find(p, RAFT_DO_UNSUBSCRIBE) != NULL);

    probe_response(p, 'B', 3, 4, false, wants);
    inbox = probe_find(p, RAFT_DO_SEND_LOG)->reply;
    struct raft_addr again = {RAFT_TO_CATCHUP, "oncemore"};
    probe_response(p, 'B', 3, 5, false, again); /* takes the place of the one before */
    const struct raft_effect *gone = probe_find(p, RAFT_DO_UNSUBSCRIBE);
    CU_ASSERT(gone != NULL && memcmp(&gone->to, &inbox, sizeof inbox) == 0);
    f = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->index == 6 && memcmp(&f->to, &again, sizeof again) == 0);
    progress(p, inbox, 'B', 9);
    CU_ASSERT(probe_find(p, RAFT_DO_SEND_LOG) == NULL);

    int64_t began = p->now;
    inbox = f->reply;
    while (p->now < began + 1900 * RAFT_MS) {
        probe_fire(p);
        CU_ASSERT(probe_find(p, RAFT_DO_UNSUBSCRIBE) == NULL);
    }
    bool ended = false;
    while (!ended && p->now < began + 3 * RAFT_S) {
        probe_fire(p);
        gone = probe_find(p, RAFT_DO_UNSUBSCRIBE);
        ended = gone != NULL && gone->to.place == RAFT_TO_PROGRESS;
    }
    CU_ASSERT(ended);
    probe_free(p);
}

/* covers: RF-97 RF-99 RF-137 */
static void who_is_too_far_behind_gets_the_snapshot_first(void)
{
    struct probe *p = leader();
    probe_propose(p, 10);
    probe_commit_all(p);
    probe_step(p, (struct raft_event){.type = RAFT_EV_SNAPSHOT_SAVED, .index = 5, .bytes = 10});
    CU_ASSERT(p->rc == RAFT_OK && probe_find(p, RAFT_DO_COMPACT) != NULL);
    CU_ASSERT(probe_status(p).first_index == 6 && probe_status(p).snapshot_index == 5);
    probe_propose(p, 10);
    probe_response(p, 'C', 1, 2, false, wants);
    const struct raft_effect *f = probe_find(p, RAFT_DO_SEND_SNAPSHOT), *g = probe_find(p, RAFT_DO_SEND_LOG);
    CU_ASSERT_FATAL(f != NULL && g != NULL);
    CU_ASSERT(f->msg.append.pindex == 5 && f->msg.append.pterm == 3 && f->msg.append.lterm == 0);
    CU_ASSERT(f->reply.place == RAFT_TO_REPLY && probe_place(p, f) < probe_place(p, g));
    CU_ASSERT(g->index == 6 && g->upto == 6);
    probe_step(p, (struct raft_event){.type = RAFT_EV_SNAPSHOT_UNREADABLE});
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_note(p, RAFT_NOTE_WANT_SNAPSHOT) != NULL);
    probe_free(p);

    p = leader();
    probe_response(p, 'B', 3, 9, false, wants); /* who misses entries cannot have more than we do */
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_find(p, RAFT_DO_SEND_LOG) == NULL);
    probe_free(p);
}

/* covers: RF-101 RF-156 */
static void a_damaged_entry_is_fetched_again(void)
{
    struct probe *p = leader();
    probe_propose(p, 10);
    probe_response(p, 'B', 3, 5, true, PROBE_NOBODY);
    CU_ASSERT_FATAL(probe_status(p).commit == 5);
    probe_step(p, (struct raft_event){.type = RAFT_EV_DAMAGED, .index = 5});
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).pindex == 4);
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE) != NULL && probe_note(p, RAFT_NOTE_NEED_REPAIR)->index == 5);
    probe_vote_request(p, 4, 3, 4, 'C'); /* it has not forgotten what it acknowledged */
    CU_ASSERT(!probe_sent(p, RAFT_MSG_VOTE_RESPONSE)->msg.vote_response.granted);
    probe_append(p, 'B', 4, 4, 6, 0, 1);
    CU_ASSERT(!probe_answer(p)->success && probe_answer(p)->index == 4 && probe_status(p).catching_up);
    probe_free(p);

    p = leader(); /* one whose effect is in the state: a snapshot heals it */
    probe_step(p, (struct raft_event){.type = RAFT_EV_DAMAGED, .index = 2});
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && probe_note(p, RAFT_NOTE_WANT_SNAPSHOT) != NULL);
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE) == NULL);
    probe_free(p);
}

static raft_id successor(const struct probe *p)
{
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_APPEND);
    raft_id to = 0;
    if (f != NULL && f->msg.append.count == 1 && f->msg.append.entries[0].type == RAFT_LEADER_TRANSFER)
        memcpy(&to, f->msg.append.entries[0].data.ptr, sizeof to);
    return to;
}

static struct raft_event step_down_to(char who)
{
    return (struct raft_event){.type = RAFT_EV_STEP_DOWN, .peer = who == 0 ? 0 : probe_id(who)};
}

/* covers: RF-102 */
static void stepping_down_hands_over(void)
{
    struct probe *p = leader();
    CU_ASSERT(probe_step(p, step_down_to('C')) == RAFT_OK && successor(p) == probe_id('C'));
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).vote == p->self);
    probe_free(p);

    p = leader(); /* C was not heard lately: B then */
    p->now += 2 * RAFT_S;
    probe_response(p, 'B', 3, 4, true, PROBE_NOBODY);
    p->now += 2 * RAFT_S;
    probe_step(p, step_down_to('C'));
    CU_ASSERT(successor(p) == probe_id('B'));
    probe_free(p);

    p = leader(); /* known to be offline */
    raft_id online[1] = {probe_id('C')};
    struct raft_event e = step_down_to('B');
    e.peers = (struct raft_peers){.size = 1, .count = 1, .ids = online};
    probe_step(p, e);
    CU_ASSERT(successor(p) == probe_id('C'));
    probe_free(p);

    p = leader(); /* nobody is left */
    p->now += 4 * RAFT_S;
    CU_ASSERT(probe_step(p, step_down_to(0)) == RAFT_OK && successor(p) == 0);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) == NULL && probe_status(p).role == RAFT_FOLLOWER);
    CU_ASSERT(probe_step(p, step_down_to('B')) == RAFT_NOT_LEADER);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: not leader");
    probe_free(p);
}

static void stopping_hands_over_and_campaigns_no_more(void)
{
    struct probe *p = leader();
    probe_step(p, (struct raft_event){.type = RAFT_EV_STOP});
    CU_ASSERT(successor(p) != 0 && probe_status(p).observer && probe_status(p).role == RAFT_FOLLOWER);
    for (int i = 0; i < 5; i++) {
        probe_fire(p);
        CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL);
    }
    probe_free(p);
}

static struct raft_peer_status peer(const struct probe *p, char who)
{
    struct raft_peer_status s;
    for (size_t i = 0; raft_peer_at(p->r, i, &s); i++) {
        if (s.id == probe_id(who))
            return s;
    }
    return (struct raft_peer_status){0};
}

/* covers: RF-104 */
static void lost_peers_are_seen(void)
{
    struct probe *p = leader();
    CU_ASSERT(peer(p, 'B').current && peer(p, 'C').current && peer(p, 'B').lag == 0);
    int64_t heard = peer(p, 'C').last_heard;
    for (int i = 0; i < 3; i++) {
        p->now += 4 * RAFT_S;
        probe_propose(p, 10);
        probe_response(p, 'B', 3, p->index, true, PROBE_NOBODY);
    }
    CU_ASSERT(peer(p, 'B').current && peer(p, 'B').lag == 0 && peer(p, 'B').last_heard == p->now);
    CU_ASSERT(!peer(p, 'C').current && peer(p, 'C').lag == 3 && peer(p, 'C').last_heard == heard);
    CU_ASSERT(probe_status(p).current);
    probe_free(p);

    p = probe_follower(log_112, 2);
    CU_ASSERT(!probe_status(p).current);
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(!probe_status(p).current); /* nothing applied */
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3, .applied = 3});
    CU_ASSERT(probe_status(p).current && peer(p, 'B').current && !peer(p, 'C').current);
    p->now += 2100 * RAFT_MS;
    CU_ASSERT(probe_step(p, (struct raft_event){.type = RAFT_EV_TICK}) == RAFT_OK);
    CU_ASSERT(!probe_status(p).current && !peer(p, 'B').current);
    probe_free(p);
}

/* covers: RF-146 RF-148 */
static void a_leader_that_is_overrun_steps_down(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_elect(p);
    while (probe_status(p).pindex - probe_status(p).commit < 100000)
        CU_ASSERT_FATAL(probe_propose(p, 1) == RAFT_OK);
    CU_ASSERT(probe_propose(p, 1) == RAFT_OK); /* 100,001 now */
    CU_ASSERT(probe_propose(p, 1) == RAFT_NOT_LEADER);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_find(p, RAFT_DO_APPEND) == NULL);
    CU_ASSERT(probe_note(p, RAFT_NOTE_OVERRUN) != NULL && probe_status(p).overruns == 1);
    probe_free(p);

    p = leader();
    int proposed = 0;
    while (probe_propose(p, RAFT_DATA_MAX) == RAFT_OK && proposed < 100)
        proposed++;
    CU_ASSERT(proposed > 30 && proposed < 50); /* 1 GiB, estimated by the mean of the log */
    probe_free(p);
}

static const struct unit_test tests[] = {
    UNIT_TEST(proposals_are_gathered_in_batches),
    UNIT_TEST(what_is_sent_was_stored_before),
    UNIT_TEST(a_commit_needs_a_quorum_of_synced_copies),
    UNIT_TEST(older_entries_commit_with_one_of_our_own_term),
    UNIT_TEST(acknowledgements_that_do_not_count),
    UNIT_TEST(an_idle_leader_beats_each_second),
    UNIT_TEST(forwarded_removals_that_are_ignored),
    UNIT_TEST(a_small_catch_up_is_sent_at_once),
    UNIT_TEST(a_large_catch_up_is_sent_by_and_by),
    UNIT_TEST(who_is_too_far_behind_gets_the_snapshot_first),
    UNIT_TEST(a_damaged_entry_is_fetched_again),
    UNIT_TEST(stepping_down_hands_over),
    UNIT_TEST(stopping_hands_over_and_campaigns_no_more),
    UNIT_TEST(lost_peers_are_seen),
    UNIT_TEST(a_leader_that_is_overrun_steps_down),
};

UNIT_MAIN("raft: the leader", tests)
