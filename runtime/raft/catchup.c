/* A follower misses entries and asks for them. */
#include "raft/raft_i.h"

void raft_catchup_begin(struct raft *r, const struct raft_append *ae, struct raft_addr reply)
{
    if (reply.place != RAFT_TO_REPLY)
        return;
    struct raft_pos end = raft_end(r);
    r->catchup = (struct raft_catchup){.active = true,
                                       .inbox = raft_new_inbox(r, RAFT_TO_CATCHUP),
                                       .target = {ae->pterm, ae->pindex},
                                       .moved = r->now};
    raft_subscribe(r, r->catchup.inbox, true);
    struct raft_msg msg = {
        .type = RAFT_MSG_APPEND_RESPONSE,
        .append_response = {.term = end.term, .index = end.index, .peer = r->cfg.id, .success = false}};
    raft_send(r, reply, r->catchup.inbox, &msg);
}

void raft_catchup_cancel(struct raft *r)
{
    if (!r->catchup.active)
        return;
    r->catchup.active = false;
    raft_subscribe(r, r->catchup.inbox, false);
    raft_note(r, RAFT_NOTE_CAUGHT_UP);
}

void raft_catchup_finish(struct raft *r)
{
    raft_catchup_cancel(r);
    if (r->learner && raft_is_member(r, r->cfg.id))
        raft_learner_ends(r);
}

bool raft_catchup_stalled(const struct raft *r)
{
    return r->now - r->catchup.moved > RAFT_CATCHUP_STALL;
}

bool raft_catchup_reached(const struct raft *r)
{
    struct raft_pos end = raft_end(r);
    return end.term >= r->catchup.target.term && end.index >= r->catchup.target.index;
}
