/* Changes of role and term. Each leaves a member that is ready for the next message. */
#include "raft/raft_i.h"

void raft_election_in(struct raft *r, int64_t delay)
{
    r->election_at = r->now + delay;
}

void raft_reset_election(struct raft *r)
{
    if (r->paused) {
        raft_election_in(r, RAFT_OBSERVER_INTERVAL);
        return;
    }
    uint64_t spread = (uint64_t)(RAFT_ELECTION_MAX - RAFT_ELECTION_MIN);
    raft_election_in(r, RAFT_ELECTION_MIN + (int64_t)raft_random(r, spread));
}

void raft_campaign_soon(struct raft *r)
{
    uint64_t spread = (uint64_t)(RAFT_CAMPAIGN_MAX - RAFT_CAMPAIGN_MIN);
    raft_election_in(r, RAFT_CAMPAIGN_MIN + (int64_t)raft_random(r, spread));
}

void raft_set_leader(struct raft *r, raft_id leader)
{
    r->leader = leader;
    if (leader != 0) {
        r->had_leader = true;
        r->preferred = false;
    }
}

/* "If RPC request or response contains term T > currentTerm: set currentTerm = T, convert to follower." */
void raft_adopt_term(struct raft *r, uint64_t term)
{
    assert(term > r->term);
    if (RAFT_BUG(RAFT_BUG_KEEP_OLD_TERM_LEADER) && r->role == RAFT_LEADER) {
        r->term = term;
        return;
    }
    r->term = term;
    r->vote = 0;
    r->state_dirty = true;
    raft_become_follower(r, 0);
}

static void leave_leadership(struct raft *r)
{
    r->leading = false;
    r->leader_since = 0;
    r->heartbeat_at = r->quorum_check_at = r->stream_check_at = RAFT_NEVER;
    for (size_t i = 0; i < r->peer_count; i++)
        raft_stream_cancel(r, &r->peers[i]);
    raft_subscribe(r, RAFT_AT(RAFT_TO_PROPOSE), false);
    raft_subscribe(r, RAFT_AT(RAFT_TO_REMOVE), false);
    raft_note(r, RAFT_NOTE_NOT_LEADER);
}

void raft_become_follower(struct raft *r, raft_id leader)
{
    if (r->role == RAFT_CLOSED)
        return;
    if (r->role == RAFT_LEADER)
        leave_leadership(r);
    r->role = RAFT_FOLLOWER;
    r->resend_vote_at = RAFT_NEVER;
    raft_set_leader(r, leader);
    raft_reset_election(r);
}

/* "On conversion to candidate, start election: increment currentTerm, vote for self, reset election timer,
 * send RequestVote RPCs to all other servers." */
void raft_become_candidate(struct raft *r)
{
    assert(r->role != RAFT_LEADER && r->role != RAFT_CLOSED);
    raft_catchup_cancel(r);
    r->role = RAFT_CANDIDATE;
    r->term++;
    r->vote = r->cfg.id;
    r->state_dirty = true;
    r->leader = 0;
    r->overrun = false;
    r->own_vote = false;
    r->double_votes = 0;
    r->transfer_pending = false;
    for (size_t i = 0; i < r->peer_count; i++)
        r->peers[i].voted = r->peers[i].empty = false;
    raft_reset_election(r);
    raft_request_votes(r);
}

void raft_become_leader(struct raft *r)
{
    r->role = RAFT_LEADER;
    r->transfer_pending = false;
    r->resend_vote_at = r->election_at = RAFT_NEVER;
    raft_set_leader(r, r->cfg.id);
    r->leading = false;
    r->leader_since = r->now;
    for (size_t i = 0; i < r->peer_count; i++) {
        r->peers[i].match = r->peers[i].reported = 0;
        r->peers[i].mark = r->log.last;
        r->peers[i].told = false;
    }
    r->quorum_check_at = r->now + RAFT_QUORUM_CHECK;
    r->grown_at = 0;
    raft_doubt_matched(r);
    raft_subscribe(r, RAFT_AT(RAFT_TO_PROPOSE), true);
    raft_subscribe(r, RAFT_AT(RAFT_TO_REMOVE), true);
    if (RAFT_BUG(RAFT_BUG_COMMIT_OLD_TERM) && r->log.last > r->commit) {
        raft_heartbeat(r); /* and no entry of our own for a while */
        r->noop = UINT64_MAX;
        return;
    }
    raft_append_peer_state(r, raft_membership_whole(raft_members_now(&r->members)).size);
    r->noop = r->log.last;
}

/* After a write error nothing that this member says could be trusted. */
void raft_close(struct raft *r)
{
    if (r->role == RAFT_CLOSED)
        return;
    raft_become_follower(r, 0);
    raft_catchup_cancel(r);
    r->role = RAFT_CLOSED;
    r->write_error = true;
    r->held_count = 0;
    r->election_at = r->probe_at = RAFT_NEVER;
    raft_note(r, RAFT_NOTE_CLOSED);
}
