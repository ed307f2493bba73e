/* A follower: entries and heartbeats, catch ups, snapshots of the leader, transfers. */
#include "sim/raft_probe.h"
#include "unit.h"

static const uint64_t log_112[] = {1, 1, 2, 0};
static const struct raft_addr leader_inbox = {RAFT_TO_REPLY, "leaderin"};
static const struct raft_addr progress = {RAFT_TO_PROGRESS, "progress"};

/* An entry of a catch up. */
static void stream_one(struct probe *p, struct raft_addr to, struct raft_addr reply, struct raft_append ae)
{
    struct raft_entry e = {RAFT_NORMAL, SLICE_LIT("streamed")};
    ae.leader = probe_id('B');
    if (ae.entries == NULL) {
        ae.entries = &e;
        ae.count = 1;
    }
    probe_append_entry(p, to, reply, &ae);
}

static struct probe *behind(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 9, 0, 1);
    CU_ASSERT_FATAL(probe_status(p).catching_up);
    return p;
}

/* covers: RF-59 RF-154 */
static void a_matching_entry_is_stored_synced_and_answered(void)
{
    struct probe *p = probe_follower(log_112, 2);
    p->hold_disk = true;
    probe_append(p, 'B', 2, 2, 3, 0, 2);
    const struct raft_effect *f = probe_find(p, RAFT_DO_APPEND);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->index == 4 && f->msg.append.term == 2 && f->msg.append.count == 2);
    CU_ASSERT(f->msg.append.leader == probe_id('B') && f->msg.append.pindex == 3);
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL);
    const struct raft_effect *promise = probe_find(p, RAFT_DO_PROMISE);
    CU_ASSERT(promise != NULL && promise->term == 2 && promise->index == 4);
    probe_durable(p);
    f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->msg.append_response.success && f->msg.append_response.peer == p->self);
    CU_ASSERT(f->msg.append_response.term == 2 && f->msg.append_response.index == 4);
    CU_ASSERT(f->to.place == RAFT_TO_REPLY && f->reply.place == RAFT_TO_NOBODY);
    probe_free(p);
}

/* covers: RF-60 RF-77 */
static void a_heartbeat_stores_nothing_and_moves_the_commit(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 2, 0);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) == NULL);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->index == 3 && probe_answer(p)->term == 2);
    CU_ASSERT(probe_status(p).commit == 2);
    const struct raft_effect *up = probe_find(p, RAFT_DO_APPLY);
    CU_ASSERT(up != NULL && up->index == 1 && up->upto == 2);
    probe_append(p, 'B', 2, 2, 3, 99, 0); /* never beyond what is known to be the leader's */
    CU_ASSERT(probe_status(p).commit == 3);
    probe_append(p, 'B', 2, 2, 3, 1, 0);
    CU_ASSERT(probe_status(p).commit == 3);
    probe_free(p);
}

/* covers: RF-61 RF-62 */
static void a_gap_starts_a_catch_up(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 5, 0, 1);
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(!f->msg.append_response.success && f->msg.append_response.term == 2);
    CU_ASSERT(f->msg.append_response.index == 3 && f->reply.place == RAFT_TO_CATCHUP);
    CU_ASSERT(memcmp(f->reply.inbox, p->catchup.inbox, RAFT_INBOX_LEN) == 0);
    struct raft_addr first = p->catchup;
    p->now += 1900 * RAFT_MS;
    probe_append(p, 'B', 2, 2, 6, 0, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL && probe_find(p, RAFT_DO_APPEND) == NULL);
    p->now += 200 * RAFT_MS;
    probe_append(p, 'B', 2, 2, 7, 0, 1);
    f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(!f->msg.append_response.success && f->reply.place == RAFT_TO_CATCHUP);
    CU_ASSERT(memcmp(f->reply.inbox, first.inbox, RAFT_INBOX_LEN) != 0);
    CU_ASSERT(probe_find(p, RAFT_DO_UNSUBSCRIBE) != NULL);
    probe_free(p);
}

/* covers: RF-63 RF-66 */
static void what_is_committed_stays(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 3, 0);
    CU_ASSERT(probe_status(p).commit == 3);
    probe_append(p, 'B', 2, 1, 1, 3, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL && probe_find(p, RAFT_DO_TRUNCATE) == NULL);
    probe_append(p, 'C', 3, 1, 3, 3, 1); /* claims another term there */
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL && probe_find(p, RAFT_DO_TRUNCATE) == NULL);
    CU_ASSERT(probe_status(p).pindex == 3 && probe_status(p).commit == 3);
    probe_free(p);
}

/* covers: RF-64 RF-65 */
static void a_conflicting_tail_goes(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'C', 3, 1, 2, 0, 1); /* another entry 3 */
    CU_ASSERT_FATAL(probe_find(p, RAFT_DO_TRUNCATE) != NULL && probe_find(p, RAFT_DO_APPEND) != NULL);
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE)->index == 2 && probe_find(p, RAFT_DO_APPEND)->index == 3);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->term == 3 && probe_answer(p)->index == 3);
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_append(p, 'C', 4, 3, 3, 0, 1); /* its entry 3 is another one, so ours goes, too */
    CU_ASSERT_FATAL(probe_find(p, RAFT_DO_TRUNCATE) != NULL);
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE)->index == 2 && probe_find(p, RAFT_DO_SEND) == NULL);
    probe_append(p, 'C', 4, 4, 4, 0, 1);
    CU_ASSERT(!probe_answer(p)->success && probe_answer(p)->index == 2 && probe_status(p).catching_up);
    probe_free(p);
}

/* Stricter than the reference, which would cut off what was acknowledged after it. */
static void a_delayed_entry_cuts_nothing_off(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 0, 1);
    probe_append(p, 'B', 2, 2, 4, 0, 1);
    probe_append(p, 'B', 2, 2, 3, 0, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE) == NULL && probe_find(p, RAFT_DO_APPEND) == NULL);
    CU_ASSERT(probe_status(p).pindex == 5 && probe_answer(p)->success && probe_answer(p)->index == 4);
    probe_free(p);
}

/* covers: RF-67 */
static void entries_continue_a_snapshot(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC",
        .config = {.managed = true},
        .stored = {.term = 2, .snapshot_term = 2, .snapshot_index = 5, .promise_known = true}});
    CU_ASSERT(probe_status(p).pindex == 5 && probe_status(p).first_index == 6);
    probe_append(p, 'B', 2, 2, 5, 5, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_find(p, RAFT_DO_APPEND)->index == 6);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->index == 6);
    probe_free(p);
}

/* What a leader overwrites was never committed, so that to have acknowledged it is no debt: the member votes
 * and counts like before. One that had lost the end of its log does not know what it owes. */
static void what_a_leader_overwrites_is_no_promise_any_more(void)
{
    struct raft_stored stored = {.term = 2, .promise_known = true, .promise_term = 2, .promise_index = 3};
    for (int lost = 0; lost < 2; lost++) {
        stored.promise_index = lost == 0 ? 3 : 4;
        struct probe *p = probe_new(&(struct probe_setup){
            .members = "ABC", .config = {.managed = true}, .stored = stored, .terms = log_112});
        CU_ASSERT(probe_status(p).forgot == (lost == 1));
        probe_append(p, 'C', 3, 3, 3, 0, 1);
        CU_ASSERT(probe_status(p).pindex == 2 && probe_status(p).forgot == (lost == 1));
        const struct raft_effect *f = probe_find(p, RAFT_DO_PROMISE);
        CU_ASSERT(lost == 1 || (f != NULL && f->term == 1 && f->index == 2));
        CU_ASSERT(probe_place(p, probe_find(p, RAFT_DO_TRUNCATE)) < probe_place(p, f) || lost == 1);
        probe_fire(p);
        probe_vote(p, 4, 'B', true, false); /* and we: two of three */
        CU_ASSERT(probe_status(p).role == (lost == 0 ? RAFT_LEADER : RAFT_CANDIDATE));
        probe_free(p);
    }
}

/* A snapshot that was sent with an earlier term than that of the entry at its end. covers: RF-69 */
static void an_empty_log_takes_the_leaders_word_for_its_end(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC",
        .config = {.managed = true},
        .stored = {.term = 4, .snapshot_term = 2, .snapshot_index = 5, .promise_known = true}});
    probe_append(p, 'B', 4, 3, 5, 5, 0);
    struct raft_status s = probe_status(p);
    CU_ASSERT(s.pterm == 3 && s.pindex == 5 && !s.catching_up);
    probe_append(p, 'B', 4, 3, 5, 5, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_find(p, RAFT_DO_APPEND)->index == 6);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->index == 6);
    probe_append(p, 'B', 4, 4, 6, 6, 0);
    CU_ASSERT(probe_answer(p)->success && probe_status(p).commit == 6);
    probe_free(p);

    /* So does a restart: the snapshot's file has the earlier term still. */
    struct raft *r = raft_new(&(struct raft_config){.id = probe_id('A'), .managed = true},
                              &(struct raft_stored){.term = 4, .snapshot_term = 2, .snapshot_index = 5});
    struct raft_entry e = {RAFT_NORMAL, SLICE_LIT("x")};
    struct raft_append ae = {
        .leader = probe_id('B'), .term = 4, .pterm = 3, .pindex = 5, .entries = &e, .count = 1};
    CU_ASSERT_EQUAL(raft_load(r, &ae), RAFT_OK);
    ae.pindex = 6; /* but a log never goes back in terms behind it */
    CU_ASSERT_EQUAL(raft_load(r, &ae), RAFT_CORRUPT);
    raft_free(r);
}

/* The reference may find that it has no entry where it should, and resets its log. Here what lies before the
 * first entry is settled, and a damaged entry takes those behind it along. */
static void a_log_has_no_holes(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC",
        .config = {.managed = true},
        .stored = {.term = 2, .snapshot_term = 1, .snapshot_index = 5, .promise_known = true},
        .terms = log_112});
    CU_ASSERT(probe_status(p).pindex == 8);
    probe_append(p, 'B', 2, 1, 4, 5, 1); /* before our snapshot */
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE) == NULL && probe_find(p, RAFT_DO_SEND) == NULL);
    CU_ASSERT(probe_status(p).pindex == 8);
    probe_step(p, (struct raft_event){.type = RAFT_EV_DAMAGED, .index = 7});
    CU_ASSERT(probe_find(p, RAFT_DO_TRUNCATE) != NULL && probe_find(p, RAFT_DO_TRUNCATE)->index == 6);
    probe_append(p, 'B', 2, 2, 8, 5, 1);
    CU_ASSERT(!probe_answer(p)->success && probe_answer(p)->index == 6 && probe_answer(p)->term == 1);
    CU_ASSERT(probe_status(p).catching_up);
    probe_free(p);
}

/* covers: RF-70 RF-71 */
static void strange_catch_up_entries_are_dropped(void)
{
    struct probe *p = behind();
    struct raft_addr old = {RAFT_TO_CATCHUP, "oldinbox"};
    stream_one(p, old, progress, (struct raft_append){.term = 2, .pterm = 2, .pindex = 3, .lterm = 2});
    CU_ASSERT(p->count == 0);
    stream_one(p, old, progress, (struct raft_append){.term = 3, .pterm = 1, .pindex = 1});
    CU_ASSERT(p->count == 0 && probe_status(p).term == 2 && probe_status(p).pindex == 3);
    stream_one(p, p->catchup, progress, (struct raft_append){.term = 1, .pterm = 2, .pindex = 3, .lterm = 1});
    CU_ASSERT(p->count == 0 && probe_status(p).pindex == 3);
    probe_free(p);
}

/* covers: RF-75 RF-83 */
static void a_catch_up_stores_and_tells_its_progress(void)
{
    struct probe *p = behind();
    stream_one(p, p->catchup, leader_inbox,
               (struct raft_append){.term = 2, .pterm = 2, .pindex = 3, .lterm = 2});
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_find(p, RAFT_DO_SEND) == NULL);
    stream_one(p, p->catchup, progress, (struct raft_append){.term = 2, .pterm = 2, .pindex = 4, .lterm = 5});
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL);
    CU_ASSERT(probe_status(p).term == 5); /* learned, and written, too */
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_STATE) != NULL && probe_find(p, RAFT_DO_SAVE_STATE)->term == 5);
    probe_free(p);

    p = behind();
    stream_one(p, p->catchup, progress, (struct raft_append){.term = 2, .pterm = 2, .pindex = 3, .lterm = 2});
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->to.place == RAFT_TO_PROGRESS && f->msg.append_response.success);
    CU_ASSERT(f->msg.append_response.index == 4 && f->msg.append_response.term == 2);
    const struct raft_effect *stored = probe_find(p, RAFT_DO_APPEND);
    CU_ASSERT(stored != NULL && stored->msg.append.lterm == 0 && stored->msg.append.term == 2);
    probe_free(p);
}

/* A leader that steps back behind a conflict may begin far before our commit, with more than it sends without
 * an answer. Without one for what we have it would never come to what we miss. */
static void what_is_there_already_counts_as_arrived(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 2, 0);
    probe_append(p, 'B', 2, 2, 9, 2, 1);
    CU_ASSERT_FATAL(probe_status(p).catching_up && probe_status(p).commit == 2);
    int64_t began = p->now;
    for (uint64_t i = 0; i < 3; i++) { /* two are settled, the third is there */
        p->now += RAFT_S;
        struct raft_append ae = {.term = 1 + (i == 2), .pterm = i > 0, .pindex = i, .lterm = 2};
        stream_one(p, p->catchup, progress, ae);
        const struct raft_effect *f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
        CU_ASSERT_FATAL(f != NULL);
        CU_ASSERT(f->to.place == RAFT_TO_PROGRESS && f->msg.append_response.success);
        CU_ASSERT(f->msg.append_response.index == i + 1 && probe_find(p, RAFT_DO_APPEND) == NULL);
    }
    CU_ASSERT(p->now - began > RAFT_CATCHUP_STALL);
    probe_append(p, 'B', 2, 2, 9, 2, 1); /* it moves, and is not asked for again */
    CU_ASSERT(probe_find(p, RAFT_DO_SEND) == NULL && probe_status(p).catching_up);
    probe_free(p);
}

/* covers: RF-72 */
static void a_catch_up_that_begins_too_late_warns_and_is_asked_for_again(void)
{
    struct probe *p = behind();
    stream_one(p, p->catchup, progress, (struct raft_append){.term = 2, .pterm = 2, .pindex = 7, .lterm = 2});
    CU_ASSERT(probe_note(p, RAFT_NOTE_BAD_CATCHUP) != NULL && probe_find(p, RAFT_DO_APPEND) == NULL);
    struct raft_addr first = p->catchup;
    p->now += 2100 * RAFT_MS;
    probe_append(p, 'B', 2, 2, 9, 0, 1);
    CU_ASSERT(!probe_answer(p)->success && probe_answer(p)->index == 3);
    CU_ASSERT(memcmp(first.inbox, p->catchup.inbox, RAFT_INBOX_LEN) != 0);
    struct raft_entry broken[2] = {{RAFT_SNAPSHOT, SLICE_LIT("state")},
                                   {RAFT_PEER_STATE, SLICE_LIT("short")}};
    struct raft_append ae = {.term = 2, .pterm = 2, .pindex = 7, .entries = broken, .count = 2};
    stream_one(p, p->catchup, leader_inbox, ae);
    CU_ASSERT(probe_note(p, RAFT_NOTE_BAD_CATCHUP) != NULL && probe_find(p, RAFT_DO_INSTALL) == NULL);
    probe_free(p);
}

static struct raft_append snapshot_of(uint64_t index, struct raft_entry entries[2])
{
    static const uint8_t peers[] = "\3\0\0\0\3\0\0\0AAAAAAAABBBBBBBBDDDDDDDD\0\0";
    entries[0] = (struct raft_entry){RAFT_SNAPSHOT, SLICE_LIT("state")};
    entries[1] = (struct raft_entry){RAFT_PEER_STATE, slice_make(peers, sizeof peers - 1)};
    return (struct raft_append){
        .term = 2, .commit = index, .pterm = 2, .pindex = index, .entries = entries, .count = 2};
}

/* covers: RF-73 RF-74 RF-130 */
static void a_leaders_snapshot_takes_the_place_of_ours(void)
{
    struct probe *p = behind();
    struct raft_entry entries[2];
    stream_one(p, p->catchup, leader_inbox, snapshot_of(8, entries));
    const struct raft_effect *f = probe_find(p, RAFT_DO_INSTALL);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(f->term == 2 && f->index == 8 && f->peers.count == 3 && f->peers.ids[2] == probe_id('D'));
    CU_ASSERT(slice_eq(f->data, SLICE_LIT("state")));
    struct raft_status s = probe_status(p);
    CU_ASSERT(s.pindex == 8 && s.commit == 8 && s.snapshot_index == 8 && s.first_index == 9);
    CU_ASSERT(probe_count(p, RAFT_DO_APPLY_SNAPSHOT) == 1 && probe_find(p, RAFT_DO_SEND) == NULL);
    /* The first snapshot is announced, then handed up; a later one the other way round. */
    CU_ASSERT(probe_place(p, probe_note(p, RAFT_NOTE_CATCHUP)) <
              probe_place(p, probe_find(p, RAFT_DO_APPLY_SNAPSHOT)));
    stream_one(p, p->catchup, progress,
               (struct raft_append){.term = 2, .pterm = 2, .pindex = 8, .commit = 9, .lterm = 2});
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL && probe_find(p, RAFT_DO_APPLY_SNAPSHOT) == NULL);
    CU_ASSERT(probe_status(p).commit == 9);
    probe_append(p, 'B', 2, 2, 9, 9, 1);
    CU_ASSERT(probe_note(p, RAFT_NOTE_CAUGHT_UP) != NULL && !probe_status(p).catching_up);
    CU_ASSERT(probe_answer(p)->success && probe_answer(p)->index == 10);

    probe_append(p, 'B', 2, 2, 19, 0, 1);
    stream_one(p, p->catchup, leader_inbox, snapshot_of(18, entries));
    CU_ASSERT(probe_place(p, probe_note(p, RAFT_NOTE_CATCHUP)) >
              probe_place(p, probe_find(p, RAFT_DO_APPLY_SNAPSHOT)));
    probe_free(p);
}

/* An old snapshot that comes late must not throw away what is newer. */
static void an_older_snapshot_is_not_installed(void)
{
    struct probe *p = behind();
    struct raft_entry entries[2];
    stream_one(p, p->catchup, leader_inbox, snapshot_of(2, entries));
    CU_ASSERT(probe_find(p, RAFT_DO_INSTALL) == NULL && probe_status(p).pindex == 3);
    probe_free(p);
}

/* covers: RF-78 */
static void a_late_live_entry_is_not_acknowledged_unless_it_is_stored(void)
{
    struct probe *p = behind();
    stream_one(p, p->catchup, progress, (struct raft_append){.term = 2, .pterm = 2, .pindex = 3, .lterm = 2});
    probe_append(p, 'B', 2, 2, 6, 0, 1);
    CU_ASSERT(!probe_answer(p)->success);
    p->now += 3 * RAFT_S;
    probe_append(p, 'B', 2, 2, 6, 0, 1);
    CU_ASSERT(!probe_answer(p)->success && probe_answer(p)->index == 4);
    probe_free(p);
}

/* covers: RF-79 */
static void memberships_take_effect_when_stored(void)
{
    raft_id d = probe_id('D'), c = probe_id('C');
    struct probe *p = probe_follower(log_112, 2);
    probe_append_one(p, 'B', 2, 2, 3, (struct raft_entry){RAFT_ADD_PEER, slice_make(&d, 8)});
    CU_ASSERT(probe_status(p).peers.count == 4 && probe_status(p).quorum == 3 && probe_status(p).commit == 0);
    probe_append_one(p, 'B', 2, 2, 4, (struct raft_entry){RAFT_REMOVE_PEER, slice_make(&c, 8)});
    CU_ASSERT(probe_status(p).peers.count == 3 && probe_status(p).quorum == 2);
    struct raft_entry state = {RAFT_PEER_STATE, SLICE_LIT("\2\0\0\0\2\0\0\0AAAAAAAABBBBBBBB")};
    probe_append_one(p, 'B', 2, 2, 5, state);
    CU_ASSERT(probe_status(p).peers.count == 2 && probe_status(p).size == 2);
    probe_append_one(p, 'B', 2, 2, 6, (struct raft_entry){RAFT_ADD_PEER, SLICE_LIT("short")});
    CU_ASSERT(probe_status(p).pindex == 7 && probe_status(p).peers.count == 2);
    probe_free(p);
}

/* covers: RF-80 RF-82 */
static void a_transfer_to_us_makes_us_campaign_at_once(void)
{
    struct probe *p = probe_follower(log_112, 2);
    raft_id us = p->self; /* the entry outlives this probe */
    struct raft_entry e = {RAFT_LEADER_TRANSFER, slice_make(&us, sizeof us)};
    probe_append_one(p, 'B', 2, 2, 3, e);
    CU_ASSERT(p->deadline == p->now + 10 * RAFT_MS);
    p->now += 5 * RAFT_MS;
    probe_append(p, 'B', 2, 2, 4, 0, 0); /* does not put it off */
    CU_ASSERT(p->deadline == p->now + 5 * RAFT_MS);
    probe_fire(p);
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) != NULL);
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_OBSERVER, .on = true});
    probe_append_one(p, 'B', 2, 2, 3, e);
    CU_ASSERT(p->deadline >= p->now + 4 * RAFT_S);
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_PAUSE});
    probe_append_one(p, 'B', 2, 2, 3, e);
    CU_ASSERT(p->deadline >= p->now + 4 * RAFT_S);
    probe_step(p, (struct raft_event){.type = RAFT_EV_RESUME});
    CU_ASSERT(p->deadline == p->now + 10 * RAFT_MS);
    probe_free(p);

    p = probe_follower(log_112, 2); /* to somebody else */
    raft_id b = probe_id('C');
    probe_append_one(p, 'B', 2, 2, 3, (struct raft_entry){RAFT_LEADER_TRANSFER, slice_make(&b, 8)});
    CU_ASSERT(p->deadline >= p->now + 4 * RAFT_S);
    probe_free(p);
}

/* covers: RF-81 */
static void an_old_transfer_means_nothing(void)
{
    struct probe *p = behind();
    struct raft_entry e = {RAFT_LEADER_TRANSFER, slice_make(&p->self, 8)};
    stream_one(
        p, p->catchup, progress,
        (struct raft_append){.term = 2, .pterm = 2, .pindex = 3, .lterm = 2, .entries = &e, .count = 1});
    CU_ASSERT(probe_status(p).pindex == 4 && p->deadline >= p->now + 4 * RAFT_S);
    probe_free(p);

    struct raft_config c = {.id = probe_id('A'), .seed = 1, .managed = true};
    raft_id ids[3] = {probe_id('A'), probe_id('B'), probe_id('C')};
    struct raft_stored stored = {.peers = {.size = 3, .count = 3, .ids = ids}, .promise_known = true};
    struct raft *r = raft_new(&c, &stored);
    CU_ASSERT_FATAL(r != NULL);
    struct raft_append ae = {.leader = ids[1], .term = 2, .entries = &e, .count = 1};
    CU_ASSERT(raft_load(r, &ae) == RAFT_OK);
    struct raft_update u;
    raft_step(r, &(struct raft_event){.type = RAFT_EV_START, .now = 1}, &u);
    raft_step(r, &(struct raft_event){.type = RAFT_EV_NETWORK, .now = 1, .on = true}, &u);
    CU_ASSERT(u.deadline >= 4 * RAFT_S);
    raft_free(r);
}

/* covers: RF-5 RF-6 RF-10 */
static void inboxes_are_made_anew_when_the_traffic_moves(void)
{
    struct probe *p = behind();
    struct raft_addr votes = p->votes, appends = p->appends;
    for (int i = 0; i < RAFT_INBOX_LEN; i++) {
        CU_ASSERT(strchr("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", votes.inbox[i]) !=
                  NULL);
    }
    CU_ASSERT(memcmp(votes.inbox, appends.inbox, RAFT_INBOX_LEN) != 0);
    probe_step(p, (struct raft_event){.type = RAFT_EV_RESUBSCRIBE});
    CU_ASSERT(probe_count(p, RAFT_DO_SUBSCRIBE) ==
              4); /* two inboxes, the votes and the entries of the group */
    CU_ASSERT(probe_count(p, RAFT_DO_UNSUBSCRIBE) == 5); /* ... and the catch up's */
    CU_ASSERT(!probe_status(p).catching_up);
    CU_ASSERT(memcmp(votes.inbox, p->votes.inbox, RAFT_INBOX_LEN) != 0);
    CU_ASSERT(memcmp(appends.inbox, p->appends.inbox, RAFT_INBOX_LEN) != 0);
    probe_append(p, 'B', 2, 2, 9, 0, 1);
    CU_ASSERT(probe_status(p).catching_up && !probe_answer(p)->success);
    probe_free(p);
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_matching_entry_is_stored_synced_and_answered),
    UNIT_TEST(a_heartbeat_stores_nothing_and_moves_the_commit),
    UNIT_TEST(a_gap_starts_a_catch_up),
    UNIT_TEST(what_is_committed_stays),
    UNIT_TEST(a_conflicting_tail_goes),
    UNIT_TEST(a_delayed_entry_cuts_nothing_off),
    UNIT_TEST(entries_continue_a_snapshot),
    UNIT_TEST(an_empty_log_takes_the_leaders_word_for_its_end),
    UNIT_TEST(a_log_has_no_holes),
    UNIT_TEST(what_a_leader_overwrites_is_no_promise_any_more),
    UNIT_TEST(strange_catch_up_entries_are_dropped),
    UNIT_TEST(a_catch_up_stores_and_tells_its_progress),
    UNIT_TEST(what_is_there_already_counts_as_arrived),
    UNIT_TEST(a_catch_up_that_begins_too_late_warns_and_is_asked_for_again),
    UNIT_TEST(a_leaders_snapshot_takes_the_place_of_ours),
    UNIT_TEST(an_older_snapshot_is_not_installed),
    UNIT_TEST(a_late_live_entry_is_not_acknowledged_unless_it_is_stored),
    UNIT_TEST(memberships_take_effect_when_stored),
    UNIT_TEST(a_transfer_to_us_makes_us_campaign_at_once),
    UNIT_TEST(an_old_transfer_means_nothing),
    UNIT_TEST(inboxes_are_made_anew_when_the_traffic_moves),
};

UNIT_MAIN("raft: entries at a follower", tests)
