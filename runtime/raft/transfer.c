/* A leader hands over; the chosen one campaigns at once. */
#include "raft/raft_i.h"

#define TRANSFER_DELAY (10 * RAFT_MS)

static bool online(const struct raft_peers *known, raft_id id)
{
    if (known->ids == NULL)
        return true;
    for (uint32_t i = 0; i < known->count; i++) {
        if (known->ids[i] == id)
            return true;
    }
    return false;
}

static bool fit(const struct raft *r, const struct raft_peer *p, const struct raft_peers *known)
{
    return raft_is_member(r, p->id) && online(known, p->id) && p->heard > 0 && r->now - p->heard <= RAFT_LIVE;
}

/* The preferred peer when it is live, else the live one with the longest log. */
static raft_id choose(struct raft *r, raft_id preferred, const struct raft_peers *known)
{
    const struct raft_peer *best = raft_peer_of(r, preferred);
    if (best != NULL && fit(r, best, known))
        return preferred;
    best = NULL;
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peers[i];
        if (fit(r, p, known) && (best == NULL || p->match > best->match))
            best = p;
    }
    return best == NULL ? 0 : best->id;
}

enum raft_rc raft_step_down(struct raft *r, raft_id preferred, const struct raft_peers *known)
{
    if (r->role != RAFT_LEADER)
        return RAFT_NOT_LEADER;
    raft_id to = choose(r, preferred, known);
    if (to != 0) {
        assert(r->own_count < r->own_cap);
        struct raft_entry *own = &r->own[r->own_count++];
        *own = (struct raft_entry){RAFT_LEADER_TRANSFER, raft_arena(r, &to, sizeof to)};
        raft_append_own(r, own, 1);
    }
    raft_become_follower(r, 0);
    return RAFT_OK;
}

void raft_transfer_and_leave(struct raft *r)
{
    struct raft_peers all = {0};
    if (r->role == RAFT_LEADER)
        raft_step_down(r, 0, &all);
    else if (r->role == RAFT_CANDIDATE)
        raft_become_follower(r, 0);
    r->observer = true;
}

void raft_take_transfer(struct raft *r, raft_id to)
{
    if (to != r->cfg.id || r->observer || r->learner || r->role == RAFT_LEADER)
        return;
    if (r->paused) {
        r->campaign_on_resume = true;
        return;
    }
    r->transfer_pending = true;
    raft_election_in(r, TRANSFER_DELAY);
}
