/* A candidate asks for our vote. */
#include "raft/raft_i.h"

/* "If votedFor is null or candidateId, and candidate's log is at least as up-to-date as receiver's log, grant
 * vote." Our log is what we acknowledged, even if some of it was lost since. */
static bool log_is_enough(const struct raft *r, const struct raft_vote_request *q)
{
    struct raft_pos theirs = {q->last_term, q->last_index};
    if (RAFT_BUG(RAFT_BUG_VOTE_ANY_LOG))
        return true;
    if (!RAFT_BUG(RAFT_BUG_NO_PROMISE) && raft_pos_cmp(theirs, r->promise) < 0)
        return false;
    return raft_pos_cmp(theirs, raft_end(r)) >= 0;
}

static void answer(struct raft *r, struct raft_addr reply, bool granted, bool empty)
{
    struct raft_msg msg = {
        .type = RAFT_MSG_VOTE_RESPONSE,
        .vote_response = {.term = r->term, .peer = r->cfg.id, .granted = granted, .empty = empty}};
    if (reply.place == RAFT_TO_REPLY)
        raft_send_when_durable(r, reply, RAFT_NOWHERE, &msg, r->term, 0);
}

void raft_recv_vote_request(struct raft *r, const struct raft_vote_request *q, struct raft_addr reply)
{
    if (q->candidate == 0 || q->candidate == r->cfg.id)
        return;
    /* Who knows that it acknowledged nothing has lost nothing either. */
    bool empty = raft_forgot(r) || (r->log.last == 0 && !r->promise_known);
    /* "Reply false if term < currentTerm." */
    if (q->term < r->term) {
        answer(r, reply, false, empty);
        return;
    }
    bool new_term = q->term > r->term;
    bool was_candidate = r->role == RAFT_CANDIDATE;
    if (new_term) {
        raft_catchup_cancel(r);
        raft_adopt_term(r, q->term);
        r->leader = 0;
    }
    if (q->term > 0)
        raft_doubt_heard(r, q->candidate);
    bool may_vote = r->vote == 0 || r->vote == q->candidate;
    if (may_vote && r->initializing && !raft_forgot(r))
        empty = false;
    /* A candidate of our own term is no follower any more: it voted for itself, so may_vote is false. */
    if (may_vote && r->role == RAFT_FOLLOWER && log_is_enough(r, q)) {
        if (r->vote != q->candidate) {
            r->vote = q->candidate;
            r->state_dirty = true;
        }
        raft_reset_election(r);
        answer(r, reply, true, empty);
        return;
    }
    if (new_term && r->vote == 0 && !was_candidate && !r->observer && !r->learner && !r->paused)
        raft_campaign_soon(r); /* ours is the better log */
    answer(r, reply, false, empty);
}
