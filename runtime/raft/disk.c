/* What the disk says: done, or damaged. */
#include "raft/raft_i.h"

static void release(struct raft *r, const struct raft_held *h)
{
    switch (h->type) {
    case RAFT_HELD_SEND:
        if (h->term == 0 || h->term == r->term)
            raft_send(r, h->to, h->reply, &h->msg);
        break;
    case RAFT_HELD_PROMISE:
        if (raft_map_term(&r->log, h->index) == h->term)
            r->durable = (struct raft_pos){h->term, h->index};
        break;
    case RAFT_HELD_OWN_VOTE:
        if (r->role == RAFT_CANDIDATE && h->term == r->term) {
            r->own_vote = true;
            raft_count_votes(r);
        }
        break;
    }
}

void raft_durable(struct raft *r, uint64_t op)
{
    if (op > r->op)
        return;
    if (op > r->op_durable)
        r->op_durable = op;
    while (r->held_count > 0 && r->held[r->held_first].op <= r->op_durable) {
        struct raft_held h = r->held[r->held_first];
        r->held_first = (r->held_first + 1) & (r->held_cap - 1);
        r->held_count--;
        release(r, &h);
    }
    raft_try_commit(r);
}

/* A stored entry fails its checksum. When its effect is in the state, a snapshot of that heals it. Otherwise
 * it and what follows must come again from a peer: our log ends before it now, behind what we promised. */
void raft_damaged(struct raft *r, uint64_t index)
{
    if (index <= r->snapshot.index || index > r->log.last)
        return;
    raft_note(r, RAFT_NOTE_NEED_REPAIR)->index = index;
    if (index <= r->applied) {
        for (size_t i = 0; i < r->peer_count; i++)
            raft_stream_cancel(r, &r->peers[i]);
        raft_note(r, RAFT_NOTE_WANT_SNAPSHOT);
        return;
    }
    if (r->role != RAFT_FOLLOWER)
        raft_become_follower(r, 0);
    raft_catchup_cancel(r);
    raft_cut_log(r, index - 1);
}
