/* From what the disk held to a member. */
#include "raft/raft_i.h"

static bool load_members(struct raft *r, const struct raft_stored *s)
{
    uint32_t count = s->peers.count < RAFT_PEERS_MAX ? s->peers.count : RAFT_PEERS_MAX;
    struct raft_peers peers = s->peers;
    peers.count = count;
    if (!raft_members_reserve(&r->members, count + 1u))
        return false;
    raft_members_reset(&r->members, s->snapshot_index, &peers);
    return true;
}

struct raft *raft_new(const struct raft_config *config, const struct raft_stored *s)
{
    struct raft *r = calloc(1, sizeof *r);
    if (r == NULL)
        return NULL;
    r->cfg = *config;
    r->rng = config->seed;
    r->now = s->now;
    r->role = RAFT_FOLLOWER;
    r->observer = config->observer;
    r->learner = config->learner;
    r->preferred = config->preferred;
    r->term = s->term;
    r->vote = RAFT_BUG(RAFT_BUG_FORGET_VOTE) ? 0 : s->vote;
    r->snapshot = (struct raft_pos){s->snapshot_term, s->snapshot_index};
    raft_map_reset(&r->log, s->snapshot_index, s->snapshot_term);
    r->commit = r->hcommit = r->handed = config->learner ? 0 : s->snapshot_index;
    if (s->commit > r->hcommit)
        r->hcommit = s->commit; /* START cuts it down to what is there */
    if (!config->volatile_log)
        r->promise = (struct raft_pos){s->promise_term, s->promise_index};
    r->forgot_log = s->promise_lost;
    r->forgot_vote = s->vote_lost;
    r->promise_known = s->promise_known && !s->promise_lost;
    r->state_dirty = !s->state_saved;
    r->peers_saved = s->peers_saved;
    r->rescue_until = RAFT_NEVER;
    r->election_at = r->heartbeat_at = r->quorum_check_at = RAFT_NEVER;
    r->resend_vote_at = r->stream_check_at = r->probe_at = RAFT_NEVER;
    if (!load_members(r, s)) {
        raft_free(r);
        return NULL;
    }
    return r;
}

enum raft_rc raft_load(struct raft *r, const struct raft_append *ae)
{
    raft_rename_end(r, ae);
    struct raft_pos end = raft_end(r);
    if (ae->pindex != end.index || ae->pterm != end.term || ae->term < end.term || ae->count == 0)
        return RAFT_CORRUPT;
    struct raft_msg msg = {.type = RAFT_MSG_APPEND, .append = *ae};
    if (!raft_out_reserve(r, &(struct raft_event){.type = RAFT_EV_MESSAGE, .msg = &msg}))
        return RAFT_NO_MEMORY;
    raft_out_begin(r);
    raft_map_push(&r->log, ae->term, raft_append_size(ae->entries, ae->count));
    raft_take_special(r, r->log.last, ae, false);
    uint64_t commit = ae->commit < r->log.last ? ae->commit : r->log.last; /* it cannot speak of later ones */
    if (commit > r->hcommit)
        r->hcommit = commit;
    if (ae->term > r->term) {
        r->term = ae->term;
        r->vote = 0;
        r->state_dirty = true;
    }
    return RAFT_OK;
}
