/* Who belongs to the group: changes through the log, one at a time, and the two ways around it. */
#include "raft/raft_i.h"

/* A single change is safe because the majorities before and after it overlap. That needs the one before it to
 * be settled, and an entry of our own term to be committed (else a change of an earlier leader that we do not
 * know of may be settled instead). */
bool raft_change_in_progress(const struct raft *r)
{
    if (RAFT_BUG(RAFT_BUG_TWO_CHANGES))
        return false;
    if (r->role == RAFT_LEADER && r->commit < r->noop)
        return true;
    for (size_t i = r->members.count; i-- > 0;) {
        const struct raft_membership *s = &r->members.list[i];
        if (s->index > r->commit && s->change)
            return true;
    }
    return false;
}

bool raft_own_change_pending(const struct raft *r)
{
    return raft_is_member(r, r->cfg.id) != raft_is_member_settled(r, r->cfg.id);
}

/* ---- who left lately (unmanaged groups) ---- */

void raft_note_removed(struct raft *r, raft_id id)
{
    if (r->cfg.managed)
        return;
    r->removed[r->removed_next] = (struct raft_removed){id, r->now};
    r->removed_next = (r->removed_next + 1) % RAFT_REMOVED_MAX;
}

bool raft_recently_removed(const struct raft *r, raft_id id)
{
    for (size_t i = 0; i < RAFT_REMOVED_MAX; i++) {
        const struct raft_removed *x = &r->removed[i];
        if (x->id == id && x->at > 0 && r->now - x->at < RAFT_REJOIN_AFTER)
            return true;
    }
    return false;
}

/* ---- through the log ---- */

static void append_change(struct raft *r, uint8_t type, raft_id id)
{
    assert(r->own_count < r->own_cap);
    struct raft_entry *own = &r->own[r->own_count++];
    *own = (struct raft_entry){type, raft_arena(r, &id, sizeof id)};
    raft_append_own(r, own, 1);
}

enum raft_rc raft_add_peer(struct raft *r, raft_id id)
{
    if (r->role != RAFT_LEADER)
        return RAFT_NOT_LEADER;
    if (id == 0)
        return RAFT_ILLEGAL_PEER;
    if (raft_change_in_progress(r))
        return RAFT_CHANGE_IN_PROGRESS;
    if (raft_is_member(r, id))
        return RAFT_MEMBER_ALREADY;
    if (raft_members_now(&r->members)->count >= RAFT_PEERS_MAX)
        return RAFT_TOO_MANY_PEERS;
    append_change(r, RAFT_ADD_PEER, id);
    return RAFT_OK;
}

enum raft_rc raft_remove_peer(struct raft *r, raft_id id)
{
    if (r->role != RAFT_LEADER) {
        struct raft_msg msg = {.type = RAFT_MSG_REMOVE_PEER, .removed = id};
        struct raft_addr to = RAFT_AT(RAFT_TO_REMOVE);
        raft_send(r, to, RAFT_NOWHERE, &msg);
        return RAFT_OK;
    }
    if (raft_change_in_progress(r))
        return RAFT_CHANGE_IN_PROGRESS;
    if (!raft_is_member(r, id))
        return RAFT_PEER_NOT_FOUND;
    if (raft_members_now(&r->members)->count <= 1)
        return RAFT_LAST_PEER;
    append_change(r, RAFT_REMOVE_PEER, id);
    raft_heartbeat(r);
    return RAFT_OK;
}

/* Somebody answers who is no member. A new server of the meta group is added; who belongs to a stream or
 * consumer is for the upper layer to say. */
void raft_note_stranger(struct raft *r, struct raft_peer *p)
{
    raft_id id = p->id;
    if (r->cfg.managed) {
        if (p->told)
            return;
        p->told = true;
        p->mark = r->log.last;
        raft_note(r, RAFT_NOTE_OBSERVED)->peer = id;
    } else if (!raft_recently_removed(r, id)) {
        raft_add_peer(r, id); /* when it is refused now: the next answer comes soon */
    }
}

/* A leader that is no member any more has done its duty when that is committed. */
void raft_changes_committed(struct raft *r)
{
    if (r->role != RAFT_LEADER || raft_is_member(r, r->cfg.id) || raft_is_member_settled(r, r->cfg.id) ||
        r->commit < r->noop)
        return;
    raft_heartbeat(r);
    raft_note(r, RAFT_NOTE_REMOVED);
    raft_transfer_and_leave(r);
}

void raft_learner_ends(struct raft *r)
{
    if (!r->learner)
        return;
    r->learner = false;
    if (r->snapshot.index > r->commit)
        r->commit = r->snapshot.index;
    raft_commit_to(r, r->hcommit < r->log.last ? r->hcommit : r->log.last);
    raft_hand_up(r);
    if (r->role != RAFT_LEADER)
        raft_reset_election(r);
}

/* ---- around it ---- */

static bool named(const struct raft_peers *list, raft_id id)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->ids[i] == id)
            return true;
    }
    return false;
}

/* Replace the membership in effect, without an entry. */
static void force_members(struct raft *r, const struct raft_peers *peers)
{
    raft_members_reset(&r->members, r->log.base_index, peers);
    raft_members_changed(r);
}

/* Members that an operator has declared gone for good are dropped, when the group could not do it itself. */
enum raft_rc raft_evict(struct raft *r, const struct raft_peers *gone)
{
    if (!r->cfg.managed)
        return RAFT_NOT_MANAGED;
    if (r->leader != 0)
        return RAFT_LEADER_KNOWN;
    const struct raft_membership *now = raft_members_now(&r->members);
    uint32_t count = 0, others = 0;
    for (uint32_t i = 0; i < now->count; i++) {
        raft_id id = now->ids[i];
        if (id != r->cfg.id && named(gone, id))
            continue;
        r->ids[count++] = id;
        others += id != r->cfg.id;
    }
    if (count == now->count)
        return RAFT_PEER_NOT_FOUND;
    if (others >= now->size / 2 + 1)
        return RAFT_QUORUM_POSSIBLE;
    if (count == 0)
        return RAFT_LAST_PEER;
    struct raft_peers left = {.size = count, .count = count, .extension = now->extension, .ids = r->ids};
    force_members(r, &left);
    return RAFT_OK;
}

/* A lower quorum for five minutes, on an operator's word. It may lose what the missing members know. */
enum raft_rc raft_rescue(struct raft *r, uint64_t quorum)
{
    if (quorum < 1 || quorum > r->natural_quorum)
        return RAFT_BAD_QUORUM;
    if (r->leader != 0)
        return RAFT_LEADER_KNOWN;
    if (r->observer || r->learner || !raft_is_member(r, r->cfg.id))
        return RAFT_NOT_VOTING;
    if (r->log.last == 0)
        return RAFT_LOG_EMPTY;
    if (quorum == r->natural_quorum) {
        raft_rescue_end(r);
        return RAFT_OK;
    }
    r->rescue_until = r->now + RAFT_RESCUE_LASTS;
    r->quorum = (uint32_t)quorum;
    raft_note(r, RAFT_NOTE_RESCUE)->index = quorum;
    raft_campaign_soon(r);
    return RAFT_OK;
}

void raft_rescue_end(struct raft *r)
{
    if (r->rescue_until == RAFT_NEVER)
        return;
    r->rescue_until = RAFT_NEVER;
    r->quorum = r->natural_quorum;
    raft_note(r, RAFT_NOTE_RESCUE)->index = r->quorum;
}

/* The expected size of a group that boots, from outside; by the leader it goes through the log. Who has heard
 * of a leader and has nothing of its log may still learn that there are more servers: as many empty ones as
 * it expects would make it a second first leader. */
enum raft_rc raft_boot_size(struct raft *r, uint64_t size)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    bool more = r->log.last == 0 && size > raft_membership_whole(now).size;
    if (r->had_leader && r->role != RAFT_LEADER && !more)
        return RAFT_NOT_LEADER;
    if (size < 2 || size < now->count || size > RAFT_PEERS_MAX)
        return RAFT_BAD_QUORUM;
    /* A group that has booted says itself who belongs to it. */
    if (r->role != RAFT_LEADER && now->boot == 0 && r->log.last > 0)
        return RAFT_NOT_LEADER;
    if (r->role == RAFT_LEADER && raft_change_in_progress(r))
        return RAFT_CHANGE_IN_PROGRESS;
    if (r->role == RAFT_LEADER) {
        raft_append_peer_state(r, (uint32_t)size);
        return RAFT_OK;
    }
    struct raft_peers peers = raft_membership_peers(now);
    peers.size = (uint32_t)size;
    memcpy(r->ids, now->ids, now->count * sizeof *r->ids);
    peers.ids = r->ids;
    force_members(r, &peers);
    return RAFT_OK;
}
