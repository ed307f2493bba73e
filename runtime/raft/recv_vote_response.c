/* A voter answers. */
#include "raft/raft_i.h"

void raft_recv_vote_response(struct raft *r, const struct raft_vote_response *a)
{
    if (a->peer == 0 || a->peer == r->cfg.id)
        return;
    if (a->term > r->term) {
        raft_adopt_term(r, a->term);
        raft_doubt_heard(r, a->peer);
        return;
    }
    raft_doubt_heard(r, a->peer);
    if (r->role == RAFT_LEADER && !raft_is_member(r, a->peer)) {
        struct raft_peer *p = raft_peer_track(r, a->peer);
        if (p != NULL) {
            p->heard = r->now;
            raft_note_stranger(r, p);
        }
        return;
    }
    if (r->role != RAFT_CANDIDATE || !a->granted || a->term != r->term)
        return;
    struct raft_peer *p = raft_peer_track(r, a->peer);
    if (p == NULL)
        return;
    p->heard = r->now;
    if (RAFT_BUG(RAFT_BUG_DOUBLE_COUNT_VOTE) && p->voted)
        r->double_votes++;
    p->voted = true;
    p->empty = a->empty;
    raft_count_votes(r);
}
