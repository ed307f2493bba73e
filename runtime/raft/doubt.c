/* What a member may have forgotten, and how it finds out.
 *
 * Raft is safe because members keep two promises: a vote ("nobody else in this term, nobody whose log is
 * behind mine") and an acknowledgement ("these entries are in my log for good"). Both rest on the disk. A
 * member that starts with damaged or missing files must not act as if it had promised nothing:
 *
 *  - behind its promise: the log ends before (term, index) that it acknowledged. It votes for nobody who is
 *    behind that place, and its own vote does not make a majority. Once the log reaches the place again the
 *    doubt is gone.
 *  - forgot_log: it does not know what it acknowledged (the log is empty and the group is not new, or the
 *    promise itself is unreadable). Its votes are "empty" until the log matched the leader's once.
 *  - forgot_vote: it does not know its term and vote. It may have voted for somebody who leads, or will lead,
 *    in a later term than those it sees now; acknowledging entries of an earlier leader would break that
 *    vote. So it acknowledges nothing until every other member has told its term since. It asks by a
 *    vote request of term 0, which nobody grants but everybody answers. A member that was just added has
 *    never had a vote that counted.
 *
 * The flags are kept on the disk until they are resolved. */
#include "raft/raft_i.h"

bool raft_forgot(const struct raft *r)
{
    return r->forgot_log || r->forgot_vote;
}

bool raft_behind_promise(const struct raft *r)
{
    return !RAFT_BUG(RAFT_BUG_NO_PROMISE) && raft_pos_cmp(raft_end(r), r->promise) < 0;
}

void raft_doubt_begin(struct raft *r)
{
    r->initializing = r->cfg.initializing && r->log.last == 0;
    if (r->initializing)
        r->forgot_log = r->forgot_vote = false;
    else if (r->log.last == 0 && (!r->promise_known || r->cfg.volatile_log))
        r->forgot_log = true;
    if (RAFT_BUG(RAFT_BUG_NO_PROMISE) || RAFT_BUG(RAFT_BUG_EMPTY_VOTES_COUNT))
        r->forgot_log = r->forgot_vote = false;
    if (raft_forgot(r) || raft_behind_promise(r))
        raft_note(r, RAFT_NOTE_FORGOT);
}

/* All others have told their terms: whoever we may have voted for is at most in ours. That vote is spent. */
static void vote_known(struct raft *r)
{
    r->forgot_vote = false;
    r->probe_at = RAFT_NEVER;
    if (r->vote == 0)
        r->vote = r->cfg.id;
    r->state_dirty = true;
}

/* Have all the others answered? */
static void weigh(struct raft *r)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    uint32_t others = 0, size = raft_membership_whole(now).size;
    for (size_t i = 0; i < r->peer_count; i++) {
        if (raft_is_member(r, r->peers[i].id) && !r->peers[i].answered)
            return;
        others += r->peers[i].answered;
    }
    if (others + 1 >= size)
        vote_known(r);
}

/* This peer has told its term, which we have adopted when it was above ours. */
void raft_doubt_heard(struct raft *r, raft_id id)
{
    if (!r->forgot_vote)
        return;
    struct raft_peer *from = raft_peer_track(r, id);
    if (from == NULL)
        return;
    from->answered = true;
    weigh(r);
}

/* Our log and that of the leader of our term end alike; or we are that leader, elected without our own vote.
 */
void raft_doubt_matched(struct raft *r)
{
    if (r->forgot_log) {
        r->forgot_log = false;
        raft_want_promise(r);
    }
}

/* An entry that was made after we started adds us: no earlier vote of ours ever counted. */
void raft_doubt_not_member_before(struct raft *r)
{
    if (r->forgot_vote)
        vote_known(r);
}

void raft_doubt_probe(struct raft *r)
{
    if (r->forgot_vote)
        weigh(r);
    if (!r->forgot_vote) {
        r->probe_at = RAFT_NEVER;
        return;
    }
    r->probe_at = r->now + RAFT_HEARTBEAT;
    struct raft_msg msg = {.type = RAFT_MSG_VOTE_REQUEST, .vote_request = {.candidate = r->cfg.id}};
    raft_send(r, RAFT_AT(RAFT_TO_VOTE), r->vote_inbox, &msg);
}
