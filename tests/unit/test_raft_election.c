/* Elections: timers, candidates, votes. One engine, hand-made messages. */
#include "sim/raft_probe.h"
#include "unit.h"

static const uint64_t log_112[] = {1, 1, 2, 0};

static struct probe *fresh(void)
{
    return probe_new(
        &(struct probe_setup){.members = "ABC", .config = {.managed = true, .initializing = true}});
}

/* covers: RF-24 */
static void election_timeouts_lie_between_4_and_9_seconds(void)
{
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t seed = 1; seed < 400; seed++) {
        struct probe *p =
            probe_new(&(struct probe_setup){.members = "ABC", .config = {.seed = seed}, .terms = log_112});
        int64_t timeout = p->deadline - p->now;
        least = timeout < least ? timeout : least;
        most = timeout > most ? timeout : most;
        CU_ASSERT(timeout >= 4 * RAFT_S && timeout < 9 * RAFT_S);
        probe_vote_request(p, 9, 0, 0, 'B'); /* refused: ours is the better log */
        timeout = p->deadline - p->now;
        CU_ASSERT(timeout >= 100 * RAFT_MS && timeout < 800 * RAFT_MS);
        probe_free(p);
    }
    CU_ASSERT(least < 4100 * RAFT_MS && most > 8900 * RAFT_MS);
}

/* covers: RF-25 RF-26 */
static void a_candidate_saves_its_vote_before_it_asks(void)
{
    struct probe *p = probe_follower(log_112, 2);
    p->hold_disk = true;
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    const struct raft_effect *save = probe_find(p, RAFT_DO_SAVE_STATE);
    CU_ASSERT_FATAL(save != NULL);
    CU_ASSERT(save->term == 3 && save->peer == p->self && save->op > 0);
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL);
    probe_durable(p);
    CU_ASSERT(probe_count(p, RAFT_DO_SEND) == 1);
    const struct raft_effect *ask = probe_sent(p, RAFT_MSG_VOTE_REQUEST);
    CU_ASSERT_FATAL(ask != NULL);
    CU_ASSERT(ask->to.place == RAFT_TO_VOTE && ask->reply.place == RAFT_TO_REPLY);
    CU_ASSERT(ask->msg.vote_request.term == 3 && ask->msg.vote_request.last_term == 2);
    CU_ASSERT(ask->msg.vote_request.last_index == 3 && ask->msg.vote_request.candidate == p->self);
    probe_free(p);

    p = probe_follower(log_112, 2);
    p->hold_disk = true;
    probe_fire(p);
    probe_step(p, (struct raft_event){.type = RAFT_EV_DISK_FAILED});
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL && probe_note(p, RAFT_NOTE_CLOSED) != NULL);
    probe_durable(p);
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL);
    probe_free(p);
}

static const struct raft_vote_response *vote_answer(const struct probe *p)
{
    static const struct raft_vote_response none;
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_VOTE_RESPONSE);
    return f == NULL ? &none : &f->msg.vote_response;
}

/* covers: RF-27 RF-28 RF-29 RF-30 RF-31 RF-33 RF-34 */
static void votes_follow_the_rules(void)
{
    struct probe *p = probe_follower(log_112, 5);
    int64_t deadline = p->deadline;
    p->now += RAFT_S;
    probe_vote_request(p, 4, 4, 9, 'B');
    CU_ASSERT(!vote_answer(p)->granted && vote_answer(p)->term == 5);
    probe_vote_request(p, 6, 2, 2, 'B'); /* shorter */
    CU_ASSERT(!vote_answer(p)->granted && vote_answer(p)->term == 6 && probe_status(p).term == 6);
    CU_ASSERT(probe_find(p, RAFT_DO_SAVE_STATE) != NULL);
    probe_vote_request(p, 6, 1, 99, 'B'); /* older last term */
    CU_ASSERT(!vote_answer(p)->granted);
    CU_ASSERT(p->deadline < deadline); /* ours is the better log: we run soon */
    deadline = p->deadline;
    probe_vote_request(p, 6, 1, 99, 'B');
    CU_ASSERT(p->deadline == deadline); /* but a repeated request changes nothing */
    p->hold_disk = true;
    probe_vote_request(p, 6, 2, 3, 'C');
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_RESPONSE) == NULL && probe_status(p).vote == probe_id('C'));
    CU_ASSERT(p->deadline >= p->now + 4 * RAFT_S);
    probe_durable(p);
    CU_ASSERT(vote_answer(p)->granted && !vote_answer(p)->empty);
    p->hold_disk = false;
    probe_vote_request(p, 6, 2, 9, 'B'); /* the vote of this term is gone */
    CU_ASSERT(!vote_answer(p)->granted);
    probe_vote_request(p, 6, 2, 3, 'C'); /* but is told again */
    CU_ASSERT(vote_answer(p)->granted);
    probe_free(p);
}

/* covers: RF-32 */
static void a_failed_write_of_the_vote_closes_the_member(void)
{
    struct probe *p = probe_follower(log_112, 5);
    p->hold_disk = true;
    probe_vote_request(p, 6, 2, 3, 'C');
    probe_step(p, (struct raft_event){.type = RAFT_EV_DISK_FAILED});
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_RESPONSE) == NULL);
    CU_ASSERT(probe_status(p).role == RAFT_CLOSED);
    probe_vote_request(p, 7, 9, 9, 'C');
    CU_ASSERT(p->rc == RAFT_WRITE_ERROR && p->count == 0);
    probe_free(p);
}

/* covers: RF-35 */
static void an_empty_log_votes_empty_unless_the_group_is_new(void)
{
    struct probe *p = probe_follower(NULL, 0);
    probe_vote_request(p, 1, 0, 0, 'B');
    CU_ASSERT(vote_answer(p)->granted && vote_answer(p)->empty);
    probe_free(p);
    p = fresh();
    probe_vote_request(p, 1, 0, 0, 'B');
    CU_ASSERT(vote_answer(p)->granted && !vote_answer(p)->empty);
    probe_vote_request(p, 1, 0, 0, 'C'); /* may not vote: the bit tells the truth */
    CU_ASSERT(!vote_answer(p)->granted && vote_answer(p)->empty);
    probe_free(p);
}

/* A log that is empty because nothing in it was ever acknowledged is no loss: the promise says so. Else a
 * power cut that takes what no leader counted would cost the group a voter. */
static void who_knows_that_it_acknowledged_nothing_is_a_voter_like_others(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC", .config = {.managed = true}, .stored = {.term = 2, .promise_known = true}});
    probe_vote_request(p, 3, 2, 5, 'B');
    CU_ASSERT(vote_answer(p)->granted && !vote_answer(p)->empty);
    probe_free(p);

    p = probe_new(&(struct probe_setup){.members = "ABC",
                                        .config = {.managed = true},
                                        .stored = {.term = 2, .promise_known = true, .promise_lost = true}});
    probe_vote_request(p, 3, 2, 5, 'B');
    CU_ASSERT(vote_answer(p)->granted && vote_answer(p)->empty);
    probe_free(p);

    p = probe_new(&(struct probe_setup){.members = "ABC",
                                        .config = {.managed = true, .volatile_log = true},
                                        .stored = {.term = 2, .promise_known = true}});
    probe_vote_request(p, 3, 2, 5, 'B');
    CU_ASSERT(vote_answer(p)->granted && vote_answer(p)->empty);
    probe_free(p);
}

/* covers: RF-36 RF-37 */
static void empty_votes_need_everybody(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_fire(p);
    probe_vote(p, 3, 'B', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'B', true, true); /* the same voter again */
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'C', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_free(p);

    p = probe_follower(NULL, 2); /* we are the one that lost its log */
    probe_fire(p);
    probe_vote(p, 3, 'B', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'C', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_free(p);
}

/* covers: RF-38 RF-40 RF-49 */
static void a_new_meta_group_needs_all_its_servers(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "A", .size = 3});
    probe_fire(p);
    probe_vote(p, 1, 'B', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 1, 'C', true, true);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_LEADER);
    const struct raft_effect *first = probe_sent(p, RAFT_MSG_APPEND);
    CU_ASSERT_FATAL(first != NULL && first->msg.append.count == 1);
    const struct raft_entry *e = &first->msg.append.entries[0];
    CU_ASSERT(e->type == RAFT_PEER_STATE && e->data.len == 18);
    CU_ASSERT(memcmp(e->data.ptr, "\3\0\0\0\1\0\0\0AAAAAAAA\0\0", 18) == 0);
    probe_free(p);
}

/* covers: RF-39 */
static void a_new_stream_group_needs_a_quorum(void)
{
    struct probe *p = fresh();
    probe_fire(p);
    probe_vote(p, 1, 'B', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER);
    probe_free(p);
}

/* covers: RF-40 RF-41 RF-42 */
static void votes_that_do_not_count(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_fire(p);
    probe_vote(p, 3, 'X', true, false); /* no member */
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 2, 'B', true, false); /* of another term */
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'B', false, false);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 7, 'B', false, false);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).term == 7);
    probe_free(p);
}

/* covers: RF-43 */
static void the_preferred_peer_runs_at_once_and_repeats(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC", .config = {.managed = true, .initializing = true, .preferred = true}});
    int64_t created = p->now;
    CU_ASSERT(p->deadline == created + 50 * RAFT_MS);
    probe_fire(p);
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) != NULL);
    int64_t gaps[] = {100, 200, 300, 400, 500, 600, 700, 800};
    for (size_t i = 0; i < 8 && probe_status(p).term == 1; i++) {
        int64_t before = p->now;
        probe_fire(p);
        if (probe_status(p).term == 1) {
            CU_ASSERT(p->now - before == gaps[i] * RAFT_MS);
            CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) != NULL);
        }
    }
    CU_ASSERT(p->now - created >= 3 * RAFT_S);
    probe_free(p);
}

/* In a later term somebody may have led already, and who forgot that must not elect another. */
static void the_preferred_peer_counts_empty_votes_in_the_first_term_alone(void)
{
    for (uint64_t term = 1; term <= 2; term++) {
        struct probe *p = probe_new(
            &(struct probe_setup){.members = "ABC",
                                  .config = {.managed = true, .initializing = true, .preferred = true},
                                  .stored = {.term = term - 1}});
        probe_fire(p);
        CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE && probe_status(p).term == term);
        probe_vote(p, term, 'B', true, true);
        CU_ASSERT(probe_status(p).role == (term == 1 ? RAFT_LEADER : RAFT_CANDIDATE));
        probe_vote(p, term, 'C', true, true);
        CU_ASSERT(probe_status(p).role == RAFT_LEADER); /* all together */
        probe_free(p);
    }
}

static void never_asks(struct probe *p)
{
    for (int i = 0; i < 20; i++) {
        probe_fire(p);
        CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL);
        CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER);
    }
}

/* covers: RF-44 RF-47 */
static void who_must_not_campaign(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_OBSERVER, .on = true});
    never_asks(p);
    probe_step(p, (struct raft_event){.type = RAFT_EV_OBSERVER, .on = false});
    CU_ASSERT(p->deadline >= p->now + 4 * RAFT_S && p->deadline < p->now + 9 * RAFT_S);
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_PAUSE});
    never_asks(p);
    probe_free(p);

    p = probe_new(&(struct probe_setup){
        .members = "BC", .config = {.managed = true, .learner = true}, .terms = log_112});
    never_asks(p);
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_append(p, 'B', 2, 2, 3, 3, 0); /* commit 3, nothing processed */
    never_asks(p);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 3});
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_free(p);
}

/* covers: RF-45 RF-46 */
static void members_in_doubt_do_not_campaign(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "BCD", .config = {.managed = true}, .stored = {.term = 2}, .terms = log_112});
    never_asks(p);
    probe_vote_request(p, 3, 2, 3, 'X'); /* it votes, even for who it does not know */
    CU_ASSERT(vote_answer(p)->granted);
    probe_free(p);

    p = probe_follower(log_112, 2);
    raft_id self = p->self;
    struct raft_entry e = {RAFT_REMOVE_PEER, slice_make(&self, 8)};
    struct raft_append ae = {
        .leader = probe_id('B'), .term = 2, .pterm = 2, .pindex = 3, .entries = &e, .count = 1};
    probe_append_entry(p, (struct raft_addr){.place = RAFT_TO_APPEND}, p->votes, &ae);
    CU_ASSERT(probe_status(p).peers.count == 2);
    probe_fire(p);
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL && probe_status(p).leader == 0);
    CU_ASSERT(p->deadline == p->now + 4 * RAFT_S);
    probe_append_entry(p, (struct raft_addr){.place = RAFT_TO_APPEND}, p->votes,
                       &ae); /* the leader is there */
    probe_fire(p);
    CU_ASSERT(probe_sent(p, RAFT_MSG_VOTE_REQUEST) == NULL);
    probe_free(p);
}

/* The others may need its log: the entry that removes it is stored nowhere else, and whoever lacks that does
 * not get its vote. It leads them just so long. */
static void who_is_being_removed_leads_when_nobody_else_does(void)
{
    struct probe *p = probe_follower(log_112, 2);
    raft_id self = p->self;
    struct raft_entry e = {RAFT_REMOVE_PEER, slice_make(&self, 8)};
    struct raft_append ae = {
        .leader = probe_id('B'), .term = 2, .pterm = 2, .pindex = 3, .entries = &e, .count = 1};
    probe_append_entry(p, (struct raft_addr){.place = RAFT_TO_APPEND}, p->votes, &ae);
    probe_fire(p);
    probe_fire(p); /* no word of the leader in between */
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'B', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE); /* its own vote does not count */
    probe_vote(p, 3, 'C', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && probe_status(p).peers.count == 2);
    probe_response(p, 'B', 3, 5, true, (struct raft_addr){.place = RAFT_TO_NOBODY});
    CU_ASSERT(probe_status(p).commit == 0); /* nor does its copy */
    probe_response(p, 'C', 3, 5, true, (struct raft_addr){.place = RAFT_TO_NOBODY});
    CU_ASSERT(probe_status(p).commit == 5);
    CU_ASSERT(probe_note(p, RAFT_NOTE_REMOVED) != NULL && probe_status(p).role == RAFT_FOLLOWER);
    never_asks(p);
    probe_free(p);
}

/* So does a member of a meta group, which does not make itself a member again by that. */
static void who_is_being_removed_from_a_meta_group_leads_too(void)
{
    struct probe *p = probe_new(&(struct probe_setup){
        .members = "ABC", .stored = {.term = 2, .promise_known = true}, .terms = log_112});
    raft_id self = p->self;
    struct raft_entry e = {RAFT_REMOVE_PEER, slice_make(&self, 8)};
    struct raft_append ae = {
        .leader = probe_id('B'), .term = 2, .pterm = 2, .pindex = 3, .entries = &e, .count = 1};
    probe_append_entry(p, (struct raft_addr){.place = RAFT_TO_APPEND}, p->votes, &ae);
    CU_ASSERT(probe_status(p).peers.count == 2);
    for (int i = 0; i < 3 && probe_status(p).role != RAFT_CANDIDATE; i++)
        probe_fire(p);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 3, 'B', true, false);
    probe_vote(p, 3, 'C', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && probe_status(p).peers.count == 2);
    probe_response(p, 'B', 3, 5, true, (struct raft_addr){.place = RAFT_TO_NOBODY});
    probe_response(p, 'C', 3, 5, true, (struct raft_addr){.place = RAFT_TO_NOBODY});
    CU_ASSERT(probe_status(p).commit == 5);
    CU_ASSERT(probe_note(p, RAFT_NOTE_REMOVED) != NULL && probe_status(p).role == RAFT_FOLLOWER);
    probe_free(p);
}

/* While a group boots, the first leader's entry names that one alone; the next leader adds itself. */
static void a_leader_of_a_group_that_boots_makes_itself_a_member(void)
{
    struct probe *p = probe_new(
        &(struct probe_setup){.members = "A", .size = 3, .stored = {.term = 1, .promise_known = true}});
    struct raft_entry e = {RAFT_PEER_STATE, SLICE_LIT("\3\0\0\0\1\0\0\0BBBBBBBB\0\0")};
    struct raft_append ae = {.leader = probe_id('B'), .term = 1, .entries = &e, .count = 1};
    probe_append_entry(p, (struct raft_addr){.place = RAFT_TO_APPEND}, p->votes, &ae);
    CU_ASSERT(probe_status(p).peers.count == 1 && probe_status(p).peers.ids[0] == probe_id('B'));
    probe_fire(p);
    CU_ASSERT_FATAL(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 2, 'B', true, false);
    probe_vote(p, 2, 'C', true, true);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && probe_status(p).peers.count == 2);
    probe_free(p);
}

/* covers: RF-48 */
static void out_of_resources_it_does_nothing(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_RESOURCES, .on = true});
    never_asks(p);
    probe_append(p, 'B', 2, 2, 3, 0, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) == NULL && probe_find(p, RAFT_DO_SEND) == NULL);
    probe_free(p);
}

/* covers: RF-50 RF-51 RF-84 */
static void a_leader_leads_when_its_first_entry_is_processed(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_fire(p);
    struct raft_entry e = {RAFT_NORMAL, SLICE_LIT("x")};
    struct raft_event propose = {.type = RAFT_EV_PROPOSE, .term = 3, .entries = &e, .count = 1};
    CU_ASSERT(probe_step(p, propose) == RAFT_NOT_LEADER);
    CU_ASSERT_STRING_EQUAL(raft_rc_text(p->rc), "raft: not leader");
    probe_vote(p, 3, 'B', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && !probe_status(p).leading);
    struct raft_event forwarded = {.type = RAFT_EV_FORWARDED, .entries = &e, .count = 1};
    CU_ASSERT(probe_step(p, forwarded) == RAFT_NOT_LEADER);
    probe_response(p, 'B', 3, 4, true, (struct raft_addr){.place = RAFT_TO_NOBODY});
    CU_ASSERT(probe_status(p).commit == 4 && !probe_status(p).leading);
    probe_step(p, (struct raft_event){.type = RAFT_EV_APPLIED, .index = 4, .applied = 4});
    CU_ASSERT(probe_note(p, RAFT_NOTE_LEADER) != NULL && probe_status(p).leading);
    CU_ASSERT(probe_step(p, forwarded) == RAFT_OK);
    propose.term = 2;
    CU_ASSERT(probe_step(p, propose) == RAFT_NOT_LEADER);
    propose.term = 3;
    CU_ASSERT(probe_step(p, propose) == RAFT_OK);
    probe_free(p);
}

/* covers: RF-52 */
static void a_candidate_yields_to_a_leader(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_fire(p);
    probe_append(p, 'B', 2, 2, 3, 0, 0);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_append(p, 'B', 3, 2, 3, 0, 0);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).leader == probe_id('B'));
    probe_free(p);
}

/* covers: RF-53 RF-54 RF-58 */
static void leaders_and_other_terms(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_elect(p);
    CU_ASSERT(probe_status(p).leading);
    probe_append(p, 'B', 2, 2, 3, 0, 0);
    const struct raft_effect *f = probe_sent(p, RAFT_MSG_APPEND_RESPONSE);
    CU_ASSERT_FATAL(f != NULL);
    CU_ASSERT(!f->msg.append_response.success && f->msg.append_response.term == 3);
    CU_ASSERT(f->reply.place == RAFT_TO_NOBODY && probe_status(p).role == RAFT_LEADER);
    probe_append(p, 'B', 3, 3, 4, 0, 0); /* impossible, unless somebody forgot a vote */
    CU_ASSERT(probe_note(p, RAFT_NOTE_TWO_LEADERS) != NULL && probe_status(p).role == RAFT_FOLLOWER);
    CU_ASSERT(probe_status(p).vote == p->self); /* the vote of the term is kept */
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_elect(p);
    probe_append(p, 'C', 8, 3, 4, 0, 0);
    CU_ASSERT(probe_status(p).leader == probe_id('C') && probe_status(p).term == 8);
    probe_free(p);

    p = probe_follower(log_112, 2);
    probe_elect(p);
    probe_vote_request(p, 30, 2, 3, 'C'); /* was isolated; refused, but the term counts */
    CU_ASSERT(!vote_answer(p)->granted && probe_status(p).term == 30);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_note(p, RAFT_NOTE_NOT_LEADER) != NULL);
    probe_free(p);
}

/* covers: RF-55 */
static void a_candidate_tells_of_lost_quorum(void)
{
    struct probe *p = probe_follower(log_112, 2);
    int told = 0;
    int64_t last = 0;
    while (p->now < 1200 * RAFT_S) {
        probe_fire(p);
        if (probe_note(p, RAFT_NOTE_LOST_QUORUM) != NULL) {
            CU_ASSERT(last == 0 || p->now - last > 20 * RAFT_S);
            last = p->now;
            told++;
        }
    }
    CU_ASSERT(told >= 7 && told <= 10);
    probe_free(p);
}

/* covers: RF-56 */
static void a_leader_without_quorum_steps_down(void)
{
    struct probe *p = probe_follower(log_112, 2);
    probe_elect(p);
    int64_t elected = p->now;
    while (probe_status(p).role == RAFT_LEADER && p->now < elected + 60 * RAFT_S)
        probe_fire(p);
    CU_ASSERT(p->now >= elected + 10 * RAFT_S && p->now <= elected + 20 * RAFT_S);
    CU_ASSERT(probe_status(p).role == RAFT_FOLLOWER && probe_status(p).leader == 0);
    probe_free(p);
}

/* covers: RF-57 */
static void a_group_of_one_elects_itself_at_once(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "A", .terms = log_112});
    CU_ASSERT(probe_status(p).role == RAFT_LEADER && probe_status(p).commit == 4);
    probe_free(p);
}

/* covers: RF-12 */
static void without_a_network_it_is_silent(void)
{
    struct probe *p = probe_new(
        &(struct probe_setup){.members = "ABC", .stored = {.term = 2}, .terms = log_112, .offline = true});
    CU_ASSERT(p->deadline == INT64_MAX);
    probe_vote_request(p, 9, 9, 9, 'B');
    CU_ASSERT(p->count == 0 && probe_status(p).term == 2);
    probe_step(p, (struct raft_event){.type = RAFT_EV_NETWORK, .on = true});
    CU_ASSERT(p->deadline < INT64_MAX);
    probe_free(p);
}

/* covers: RF-155 */
static void a_lost_tail_is_not_voted_away(void)
{
    struct probe *p =
        probe_new(&(struct probe_setup){.members = "ABC",
                                        .config = {.managed = true},
                                        .stored = {.term = 2, .promise_term = 2, .promise_index = 5},
                                        .terms = log_112}); /* 4 and 5 are gone */
    CU_ASSERT(probe_status(p).forgot);
    probe_vote_request(p, 3, 2, 4, 'B');
    CU_ASSERT(!vote_answer(p)->granted);
    probe_vote_request(p, 4, 2, 5, 'C');
    CU_ASSERT(vote_answer(p)->granted);
    probe_fire(p);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE);
    probe_vote(p, 5, 'B', true, false);
    CU_ASSERT(probe_status(p).role == RAFT_CANDIDATE); /* a bare quorum is not enough */
    probe_append(p, 'C', 5, 2, 3, 0, 1);
    probe_append(p, 'C', 5, 5, 4, 0, 1);
    CU_ASSERT(!probe_status(p).forgot);
    probe_free(p);
}

/* covers: RF-155 */
static void who_forgot_its_vote_acknowledges_nothing_until_all_have_answered(void)
{
    struct probe *p = probe_new(&(struct probe_setup){.members = "ABC", .stored = {.vote_lost = true}});
    const struct raft_effect *ask = probe_sent(p, RAFT_MSG_VOTE_REQUEST);
    CU_ASSERT_FATAL(ask != NULL);
    CU_ASSERT(ask->msg.vote_request.term == 0);
    probe_append(p, 'B', 4, 0, 0, 0, 1);
    CU_ASSERT(probe_find(p, RAFT_DO_APPEND) != NULL);
    CU_ASSERT(probe_sent(p, RAFT_MSG_APPEND_RESPONSE) == NULL);
    probe_vote(p, 6, 'C', false, false); /* C knows a later term: it may have our vote in it */
    CU_ASSERT(probe_status(p).term == 6 && !probe_status(p).forgot);
    CU_ASSERT(probe_status(p).vote != 0);
    probe_append(p, 'B', 4, 4, 1, 0, 1);
    CU_ASSERT(!probe_sent(p, RAFT_MSG_APPEND_RESPONSE)->msg.append_response.success);
    probe_append(p, 'C', 6, 4, 1, 0, 1);
    CU_ASSERT(probe_sent(p, RAFT_MSG_APPEND_RESPONSE)->msg.append_response.success);
    probe_free(p);
}

static const struct unit_test tests[] = {
    UNIT_TEST(election_timeouts_lie_between_4_and_9_seconds),
    UNIT_TEST(a_candidate_saves_its_vote_before_it_asks),
    UNIT_TEST(votes_follow_the_rules),
    UNIT_TEST(a_failed_write_of_the_vote_closes_the_member),
    UNIT_TEST(an_empty_log_votes_empty_unless_the_group_is_new),
    UNIT_TEST(who_knows_that_it_acknowledged_nothing_is_a_voter_like_others),
    UNIT_TEST(empty_votes_need_everybody),
    UNIT_TEST(a_new_meta_group_needs_all_its_servers),
    UNIT_TEST(a_new_stream_group_needs_a_quorum),
    UNIT_TEST(votes_that_do_not_count),
    UNIT_TEST(the_preferred_peer_runs_at_once_and_repeats),
    UNIT_TEST(the_preferred_peer_counts_empty_votes_in_the_first_term_alone),
    UNIT_TEST(who_must_not_campaign),
    UNIT_TEST(members_in_doubt_do_not_campaign),
    UNIT_TEST(who_is_being_removed_leads_when_nobody_else_does),
    UNIT_TEST(who_is_being_removed_from_a_meta_group_leads_too),
    UNIT_TEST(a_leader_of_a_group_that_boots_makes_itself_a_member),
    UNIT_TEST(out_of_resources_it_does_nothing),
    UNIT_TEST(a_leader_leads_when_its_first_entry_is_processed),
    UNIT_TEST(a_candidate_yields_to_a_leader),
    UNIT_TEST(leaders_and_other_terms),
    UNIT_TEST(a_candidate_tells_of_lost_quorum),
    UNIT_TEST(a_leader_without_quorum_steps_down),
    UNIT_TEST(a_group_of_one_elects_itself_at_once),
    UNIT_TEST(without_a_network_it_is_silent),
    UNIT_TEST(a_lost_tail_is_not_voted_away),
    UNIT_TEST(who_forgot_its_vote_acknowledges_nothing_until_all_have_answered),
};

UNIT_MAIN("raft: elections", tests)
