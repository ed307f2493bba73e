/* Time has come. */
#include "raft/raft_i.h"

/* A leader that no majority answers cannot commit anything; others may have elected somebody else. */
static void check_quorum(struct raft *r)
{
    r->quorum_check_at = r->now + RAFT_QUORUM_CHECK;
    if (raft_has_quorum(r, RAFT_QUORUM_CHECK))
        return;
    if (r->grown_at > 0 && r->now - r->grown_at <= RAFT_QUORUM_CHECK)
        return;
    raft_note(r, RAFT_NOTE_LOST_QUORUM);
    raft_become_follower(r, 0);
}

void raft_tick(struct raft *r)
{
    if (!r->online)
        return;
    if (r->now >= r->rescue_until)
        raft_rescue_end(r);
    if (r->now >= r->probe_at)
        raft_doubt_probe(r);
    if (r->role == RAFT_LEADER) {
        if (r->now >= r->stream_check_at)
            raft_stream_check(r);
        if (r->now >= r->heartbeat_at)
            raft_heartbeat(r);
        if (r->now >= r->quorum_check_at)
            check_quorum(r);
        return;
    }
    if (r->now >= r->election_at) {
        raft_election_due(r);
    } else if (r->role == RAFT_CANDIDATE && r->now >= r->resend_vote_at) {
        if (r->own_vote)
            raft_request_votes(r);
        else
            r->resend_vote_at = r->now + r->resend_every;
    }
}

static void sooner(int64_t *deadline, int64_t at)
{
    if (at < *deadline)
        *deadline = at;
}

int64_t raft_deadline(const struct raft *r)
{
    int64_t at = RAFT_NEVER;
    if (!r->online || r->role == RAFT_CLOSED)
        return at;
    sooner(&at, r->rescue_until);
    sooner(&at, r->probe_at);
    if (r->role == RAFT_LEADER) {
        sooner(&at, r->stream_check_at);
        sooner(&at, r->heartbeat_at);
        sooner(&at, r->quorum_check_at);
    } else {
        sooner(&at, r->election_at);
        sooner(&at, r->resend_vote_at);
    }
    return at;
}
