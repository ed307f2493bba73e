/* A follower answers. */
#include "raft/raft_i.h"

static void success(struct raft *r, struct raft_peer *p, const struct raft_append_response *a)
{
    /* (term, index) names one entry of all logs: when it is one of ours, all before it are, too. */
    if (a->index > r->log.last || raft_map_term(&r->log, a->index) != a->term)
        return;
    if (a->index > p->match) {
        p->match = a->index;
        raft_try_commit(r);
    }
}

void raft_recv_append_response(struct raft *r, const struct raft_append_response *a, struct raft_addr to,
                               struct raft_addr reply)
{
    if (r->role != RAFT_LEADER || a->peer == 0 || a->peer == r->cfg.id)
        return;
    if (to.place == RAFT_TO_PROGRESS) {
        raft_stream_progress(r, to, a->index, a->peer);
        struct raft_peer *p = RAFT_BUG(RAFT_BUG_COUNT_CATCHUP) ? raft_peer_of(r, a->peer) : NULL;
        if (p != NULL && a->success)
            success(r, p, a);
        return;
    }
    if (a->term > r->term) {
        raft_note(r, RAFT_NOTE_HIGHER_TERM)->peer = a->peer;
        raft_adopt_term(r, a->term);
        return;
    }
    struct raft_peer *p = raft_peer_track(r, a->peer);
    if (p == NULL)
        return;
    p->heard = r->now;
    if (!a->success) {
        if (reply.place == RAFT_TO_CATCHUP)
            raft_stream_begin(r, p, (struct raft_pos){a->term, a->index}, reply);
        return;
    }
    success(r, p, a);
    if (r->role == RAFT_LEADER && !raft_is_member(r, a->peer)) {
        p = raft_peer_of(r, a->peer); /* a commit may have moved it */
        if (p != NULL)
            raft_note_stranger(r, p);
    }
}
