/* A leader sends entries, or a heartbeat. The order of the checks is that of docs/spec/raft.md section 6. */
#include "raft/raft_i.h"

#include <midge/raft.h>

bool raft_decode_peers(struct raft *r, slice data, struct raft_peers *out)
{
    struct codec_raft_event e;
    if (!codec_raft_decode(CODEC_RAFT_PEER_STATE, data, &e))
        return false;
    uint32_t count = e.peer_state.peer_count;
    if (count == 0 || count > RAFT_PEERS_MAX || e.peer_state.cluster_size > RAFT_PEERS_MAX ||
        count > r->ids_cap)
        return false;
    memcpy(r->ids, e.peer_state.peers.ptr, 8 * (size_t)count);
    *out = (struct raft_peers){.size = e.peer_state.cluster_size,
                               .count = count,
                               .extension = e.peer_state.extension,
                               .ids = r->ids};
    return true;
}

static bool take_membership(struct raft *r, uint64_t index, const struct raft_entry *e, bool live)
{
    struct raft_peers peers;
    raft_id id = 0;
    if (e->type == RAFT_PEER_STATE) {
        if (!raft_decode_peers(r, e->data, &peers))
            return false;
        bool changed = raft_members_push(&r->members, index, &peers);
        if (live && raft_is_member(r, r->cfg.id))
            raft_learner_ends(r);
        return changed;
    }
    if (e->data.len != sizeof id)
        return false;
    memcpy(&id, e->data.ptr, sizeof id);
    if (id == 0)
        return false;
    if (e->type == RAFT_REMOVE_PEER) {
        raft_note_removed(r, id);
        return raft_members_push_remove(&r->members, index, id);
    }
    if (!raft_members_push_add(&r->members, index, id))
        return false;
    if (live && id == r->cfg.id) {
        raft_doubt_not_member_before(r);
        raft_learner_ends(r);
    }
    return true;
}

/* What a stored entry means to raft itself. A membership takes effect at once; an append entry carries at
 * most one (AddPeer and RemovePeer travel alone, PeerState is a leader's first). */
void raft_take_special(struct raft *r, uint64_t index, const struct raft_append *ae, bool live)
{
    for (size_t i = 0; i < ae->count; i++) {
        const struct raft_entry *e = &ae->entries[i];
        if (e->type == RAFT_LEADER_TRANSFER && live && e->data.len == sizeof(raft_id)) {
            raft_id to;
            memcpy(&to, e->data.ptr, sizeof to);
            raft_take_transfer(r, to);
        }
    }
    for (size_t i = 0; i < ae->count; i++) {
        uint8_t type = ae->entries[i].type;
        if (type != RAFT_PEER_STATE && type != RAFT_ADD_PEER && type != RAFT_REMOVE_PEER)
            continue;
        if (take_membership(r, index, &ae->entries[i], live))
            raft_members_changed(r);
        return;
    }
}

/* Entries above `last` go, and with them whatever rested on them. */
void raft_cut_log(struct raft *r, uint64_t last)
{
    if (last >= r->log.last)
        return;
    raft_emit(r, RAFT_DO_TRUNCATE)->index = last;
    raft_map_truncate(&r->log, last);
    size_t kept = 0;
    for (size_t i = 0; i < r->held_count; i++) {
        struct raft_held *h = &r->held[(r->held_first + i) & (r->held_cap - 1)];
        if (h->index <= last)
            r->held[(r->held_first + kept++) & (r->held_cap - 1)] = *h;
    }
    r->held_count = kept;
    if (r->durable.index > last)
        r->durable = raft_end(r);
    r->promise_asked = (struct raft_pos){0, 0};
    if (raft_members_truncate(&r->members, last))
        raft_members_changed(r);
    if (r->commit > last)
        r->commit = last;
    if (r->handed > last)
        r->handed = last;
    if (r->hcommit > last)
        r->hcommit = last;
    if (r->processed > last)
        r->processed = last;
    if (r->applied > last)
        r->applied = last;
}

/* The leader has something else at `last` + 1. What we acknowledged from there on was never committed, or the
 * leader would have it: it binds us no longer. But when we had lost the end of our log before, we do not know
 * that it went on from these entries. */
static void give_way(struct raft *r, uint64_t last)
{
    bool whole = !raft_behind_promise(r);
    raft_cut_log(r, last);
    if (whole && raft_behind_promise(r)) {
        r->promise = raft_end(r);
        raft_want_promise(r);
    }
}

static void respond(struct raft *r, struct raft_addr reply, uint64_t term, uint64_t index, bool success)
{
    struct raft_msg msg = {
        .type = RAFT_MSG_APPEND_RESPONSE,
        .append_response = {.term = term, .index = index, .peer = r->cfg.id, .success = success}};
    if (success && reply.place == RAFT_TO_REPLY) {
        /* A success counts as an acknowledgement: it waits for the disk, and is not given by somebody who
         * may have promised its votes to a later leader. */
        if (r->forgot_vote)
            return;
        raft_want_promise(r);
        raft_send_when_durable(r, reply, RAFT_NOWHERE, &msg, r->term, index);
    } else if (reply.place != RAFT_TO_NOBODY) {
        raft_send(r, reply, RAFT_NOWHERE, &msg);
    }
}

/* "Reply false if term < currentTerm." Tells a stale leader; without a reply subject, so that it is no
 * request for a catch up. */
static void refuse_stale(struct raft *r, struct raft_addr reply)
{
    if (reply.place == RAFT_TO_REPLY)
        respond(r, reply, r->term, r->log.last, false);
}

/* False: the sender does not lead us. */
static bool settle_leadership(struct raft *r, const struct raft_append *ae, bool live, struct raft_addr reply)
{
    uint64_t term = ae->lterm != 0 ? ae->lterm : ae->term;
    if (term < r->term) {
        if (live)
            refuse_stale(r, reply);
        return false;
    }
    if (term > r->term) {
        raft_catchup_cancel(r);
        raft_adopt_term(r, term);
        r->transfer_pending = false;
    }
    if (r->role == RAFT_LEADER) {
        /* Two leaders of one term: somebody forgot a vote. Neither of us can be followed. */
        raft_note(r, RAFT_NOTE_TWO_LEADERS)->peer = ae->leader;
        raft_become_follower(r, 0);
        return false;
    }
    if (r->role == RAFT_CANDIDATE)
        raft_become_follower(r, 0);
    if (!live)
        return true;
    raft_doubt_heard(r, ae->leader);
    if (r->leader != 0 && ae->leader != r->leader) {
        raft_note(r, RAFT_NOTE_TWO_LEADERS)->peer = ae->leader;
        return false;
    }
    if (ae->leader != r->leader) {
        raft_set_leader(r, ae->leader);
        raft_note(r, RAFT_NOTE_NOT_LEADER)->peer = ae->leader;
    }
    struct raft_peer *p = raft_peer_track(r, ae->leader);
    if (p != NULL)
        p->heard = r->now;
    return true;
}

static bool matches_end(const struct raft *r, const struct raft_append *ae)
{
    struct raft_pos end = raft_end(r);
    return ae->pindex == end.index && ae->pterm == end.term;
}

/* While a catch up runs, live entries wait. False: done with this entry. */
static bool settle_catchup(struct raft *r, const struct raft_append *ae, bool live, struct raft_addr reply)
{
    if (!r->catchup.active)
        return true;
    if (raft_catchup_reached(r) || (live && matches_end(r, ae))) {
        raft_catchup_finish(r);
        return live;
    }
    if (!live)
        return true;
    if (raft_catchup_stalled(r)) {
        raft_catchup_cancel(r);
        raft_catchup_begin(r, ae, reply);
    }
    return false;
}

static void store(struct raft *r, const struct raft_append *ae, bool live)
{
    struct raft_effect *f = raft_emit(r, RAFT_DO_APPEND);
    f->index = ae->pindex + 1;
    f->msg.type = RAFT_MSG_APPEND;
    f->msg.append = *ae;
    f->msg.append.lterm = 0;
    raft_map_push(&r->log, ae->term, raft_append_size(ae->entries, ae->count));
    r->initializing = false;
    raft_take_special(r, r->log.last, ae, live);
}

/* "If an existing entry conflicts with a new one (same index but different terms), delete the existing entry
 * and all that follow it. Append any new entries not already in the log." Nothing else is ever deleted: a
 * delayed entry or heartbeat says nothing about what came after it. *matched: up to there our log is the
 * leader's. */
static bool take(struct raft *r, const struct raft_append *ae, bool live, uint64_t *matched)
{
    uint64_t index = ae->pindex + 1;
    *matched = ae->count == 0 ? ae->pindex : index;
    if (ae->count == 0)
        return true;
    if (raft_append_size(ae->entries, ae->count) > RAFT_APPEND_MAX)
        return false; /* the log could not hold it, and we would close */
    if (RAFT_BUG(RAFT_BUG_TRUNCATE_ON_OLD) && index <= r->log.last && index > r->commit)
        raft_cut_log(r, ae->pindex);
    if (index <= r->log.last) {
        if (raft_map_term(&r->log, index) == ae->term)
            return true;
        if (index <= r->commit)
            return false;
        give_way(r, ae->pindex);
    }
    store(r, ae, live);
    return true;
}

/* A leader whose log begins later than its snapshot sends that with the term of an earlier entry. */
void raft_rename_end(struct raft *r, const struct raft_append *ae)
{
    if (ae->pindex == 0 || ae->pindex != r->log.last || ae->pindex != r->log.base_index ||
        ae->pterm <= r->log.base_term)
        return;
    if (r->durable.index == ae->pindex)
        r->durable.term = ae->pterm;
    r->log.base_term = ae->pterm;
}

/* Committed long since. */
static bool settled(const struct raft *r, const struct raft_append *ae)
{
    return ae->pindex < r->log.base_index || ae->pindex < r->commit;
}

/* A leader sends no more than a window ahead of the answers: what we have had before counts as arrived, too.
 */
static void tell_progress(struct raft *r, struct raft_addr reply, uint64_t index)
{
    r->catchup.moved = r->now;
    if (reply.place == RAFT_TO_PROGRESS)
        respond(r, reply, raft_map_last_term(&r->log), index, true);
}

/* "Reply false if log doesn't contain an entry at prevLogIndex whose term matches prevLogTerm." */
static bool previous_matches(struct raft *r, const struct raft_append *ae, bool live, struct raft_addr reply)
{
    raft_rename_end(r, ae);
    if (ae->pindex > r->log.last) {
        if (live)
            raft_catchup_begin(r, ae, reply);
        return false;
    }
    if (RAFT_BUG(RAFT_BUG_NO_LOG_MATCHING) && ae->pindex >= r->log.base_index)
        return true;
    if (settled(r, ae))
        return false;
    if (raft_map_term(&r->log, ae->pindex) == ae->pterm)
        return true;
    if (ae->pindex > r->commit) {
        raft_catchup_cancel(r);
        give_way(r, ae->pindex - 1);
    }
    return false;
}

void raft_recv_append(struct raft *r, const struct raft_append *ae, struct raft_addr to,
                      struct raft_addr reply)
{
    bool live = to.place == RAFT_TO_APPEND;
    bool snapshot = !live && ae->count == 2 && ae->entries[0].type == RAFT_SNAPSHOT &&
                    ae->entries[1].type == RAFT_PEER_STATE;
    if (live && (ae->leader == 0 || ae->leader == r->cfg.id))
        return;
    if (RAFT_BUG(RAFT_BUG_OLD_SNAPSHOT) && snapshot && r->role == RAFT_FOLLOWER) {
        raft_install(r, ae);
        return;
    }
    if (!live && !(r->catchup.active && raft_addr_eq(to, r->catchup.inbox)))
        return;
    if (!settle_leadership(r, ae, live, reply))
        return;
    if (!r->transfer_pending)
        raft_reset_election(r);
    raft_learner_overrun(r);
    if (r->no_resources || !settle_catchup(r, ae, live, reply) || raft_follower_overrun(r))
        return;
    if (!live && ae->pindex > r->log.last) {
        raft_install(r, ae);
        return;
    }
    if (snapshot)
        return;
    if (!previous_matches(r, ae, live, reply)) {
        if (!live && settled(r, ae))
            tell_progress(r, reply, ae->pindex + 1);
        return;
    }
    uint64_t matched;
    if (!take(r, ae, live, &matched))
        return;
    if (live)
        raft_doubt_matched(r);
    raft_commit_to(r, ae->commit < matched ? ae->commit : matched);
    if (live)
        respond(r, reply, raft_map_term(&r->log, matched), matched, true);
    else
        tell_progress(r, reply, matched);
}
