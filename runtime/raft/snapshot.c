/* Snapshots: taken by our upper layer, or sent by a leader whose log does not reach back to us. */
#include "raft/raft_i.h"

/* A leader's snapshot takes the place of ours, of our log, and of the membership. */
void raft_install(struct raft *r, const struct raft_append *ae)
{
    struct raft_peers peers;
    bool good = ae->count == 2 && ae->entries[0].type == RAFT_SNAPSHOT &&
                ae->entries[1].type == RAFT_PEER_STATE && raft_decode_peers(r, ae->entries[1].data, &peers);
    if (!good) {
        /* One before it got lost or was overtaken, or the leader is confused. The catch up goes on, in case
         * it is still to come; else we ask for the rest when it stalls. Asking at once would start a stream
         * of the whole log for each overtaken entry. */
        if (!r->catchup.warned)
            raft_note(r, RAFT_NOTE_BAD_CATCHUP);
        r->catchup.warned = true;
        return;
    }
    struct raft_effect *f = raft_emit_disk(r, RAFT_DO_INSTALL);
    f->term = ae->pterm;
    f->index = ae->pindex;
    f->peers = peers;
    f->data = ae->entries[0].data;
    bool first = r->snapshot.index == 0;
    r->snapshot = (struct raft_pos){ae->pterm, ae->pindex};
    r->snapshot_bad = false;
    raft_map_reset(&r->log, ae->pindex, ae->pterm);
    r->held_count = 0;
    r->durable = r->promise_asked = (struct raft_pos){0, 0};
    r->initializing = false;
    raft_members_reset(&r->members, ae->pindex, &peers);
    raft_members_changed(r);
    r->snapshot_pending = true;
    r->hcommit = ae->pindex;
    r->catchup.moved = r->now;
    if (first)
        raft_note(r, RAFT_NOTE_CATCHUP);
    if (!raft_holds_commits(r)) {
        r->commit = ae->pindex;
        raft_hand_up(r);
    }
    if (!first)
        raft_note(r, RAFT_NOTE_CATCHUP);
}

enum raft_rc raft_snapshot_head(const struct raft *r, bool force, uint64_t *term, uint64_t *index,
                                struct raft_peers *peers)
{
    bool news = r->applied > r->snapshot.index || (r->snapshot_bad && r->applied == r->snapshot.index);
    if (r->applied == 0 || !news || r->learner)
        return RAFT_NO_SNAPSHOT;
    if (raft_streaming(r) && !force)
        return RAFT_SNAPSHOT_BUSY;
    *term = raft_map_term(&r->log, r->applied);
    *index = r->applied;
    *peers = raft_membership_whole(raft_members_at(&r->members, r->applied));
    return *term == 0 ? RAFT_NO_SNAPSHOT : RAFT_OK;
}

enum raft_rc raft_snapshot_saved(struct raft *r, uint64_t index)
{
    if (index < r->snapshot.index || index > r->applied)
        return RAFT_NO_SNAPSHOT;
    r->snapshot_bad = false;
    if (index == r->snapshot.index)
        return RAFT_OK;
    for (size_t i = 0; i < r->peer_count; i++)
        raft_stream_cancel(r, &r->peers[i]);
    r->snapshot = (struct raft_pos){raft_map_term(&r->log, index), index};
    raft_map_compact(&r->log, index);
    raft_members_compact(&r->members, index);
    if (r->durable.index < index)
        r->durable = r->snapshot; /* the snapshot is on the disk */
    raft_emit(r, RAFT_DO_COMPACT)->index = index;
    return RAFT_OK;
}

/* Without a readable snapshot a leader cannot bring up who is far behind. Somebody else can; and our own
 * state can be saved again. */
void raft_snapshot_unreadable(struct raft *r)
{
    r->snapshot_bad = true;
    raft_note(r, RAFT_NOTE_WANT_SNAPSHOT);
    if (r->role == RAFT_LEADER)
        raft_become_follower(r, 0);
}
