/* The election timer fires: becoming candidate, asking for votes, counting them. */
#include "raft/raft_i.h"

static bool may_campaign(struct raft *r)
{
    if (r->term >= RAFT_NUMBER_MAX) {
        raft_election_in(r, RAFT_OBSERVER_INTERVAL); /* nobody would listen to the next one */
        return false;
    }
    /* Who has not processed what is committed could lead with a state that is behind. */
    if (r->observer || r->learner || r->paused || r->processed < r->commit) {
        raft_election_in(r, RAFT_ELECTION_MIN / 4);
        return false;
    }
    /* Who is being added or removed waits for that to be settled, as long as there is a leader. Without one
     * it may hold the only copy of an entry that keeps the others from being elected. In a group that boots
     * it may be the one whose log is needed, too: a leader of such a group adds itself. */
    bool member = raft_is_member(r, r->cfg.id);
    bool changing = raft_own_change_pending(r);
    bool pending = r->cfg.managed && changing;
    bool outsider = !member && (r->cfg.managed || raft_boot(r) == 0);
    bool needed = changing && r->leader == 0;
    if ((pending || outsider) && !needed) {
        r->leader = 0;
        raft_election_in(r, RAFT_ELECTION_MIN);
        return false;
    }
    return true;
}

static void tell_lost_quorum(struct raft *r)
{
    if (r->role != RAFT_CANDIDATE || raft_has_quorum(r, RAFT_QUORUM_CHECK))
        return;
    if (r->lost_quorum_told != 0 && r->now - r->lost_quorum_told <= 2 * RAFT_QUORUM_CHECK)
        return;
    r->lost_quorum_told = r->now;
    raft_note(r, RAFT_NOTE_LOST_QUORUM);
}

static void campaign(struct raft *r)
{
    if (!may_campaign(r))
        return;
    tell_lost_quorum(r);
    raft_become_candidate(r);
}

void raft_election_due(struct raft *r)
{
    if (r->role == RAFT_LEADER || r->role == RAFT_CLOSED) {
        r->election_at = RAFT_NEVER;
    } else if (r->no_resources) {
        raft_reset_election(r);
    } else if (r->role == RAFT_FOLLOWER && (r->observer || r->learner)) {
        raft_election_in(r, RAFT_OBSERVER_INTERVAL);
    } else if (r->role == RAFT_FOLLOWER && r->catchup.active) {
        if (raft_catchup_stalled(r))
            raft_catchup_cancel(r);
        raft_reset_election(r);
    } else {
        campaign(r);
    }
}

/* A group of one needs no timer. */
void raft_lone_campaign(struct raft *r)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    if (r->role == RAFT_FOLLOWER && r->online && !r->had_leader && now->size == 1 &&
        raft_is_member(r, r->cfg.id) && r->processed >= r->commit)
        raft_election_due(r);
}

void raft_request_votes(struct raft *r)
{
    struct raft_pos end = raft_end(r);
    struct raft_msg msg = {
        .type = RAFT_MSG_VOTE_REQUEST,
        .vote_request = {
            .term = r->term, .last_term = end.term, .last_index = end.index, .candidate = r->cfg.id}};
    raft_send_when_durable(r, RAFT_AT(RAFT_TO_VOTE), r->vote_inbox, &msg, r->term, 0);
    if (!r->own_vote) {
        raft_hold(r, &(struct raft_held){.type = RAFT_HELD_OWN_VOTE, .op = raft_disk_op(r), .term = r->term});
        if (r->preferred) {
            r->resend_every = RAFT_CAMPAIGN_MIN;
            r->resend_vote_at = r->now + r->resend_every;
        }
    } else if (r->preferred) {
        r->resend_every += r->resend_every < RAFT_CAMPAIGN_MAX ? RAFT_CAMPAIGN_MIN : 0;
        r->resend_vote_at = r->now + r->resend_every;
    }
}

/* Our own vote is no promise kept when we do not know what we promised. */
static bool own_vote_empty(const struct raft *r)
{
    if (RAFT_BUG(RAFT_BUG_EMPTY_VOTES_COUNT))
        return false;
    if (raft_forgot(r) || raft_behind_promise(r))
        return true;
    return r->log.last == 0 && !r->initializing && !r->preferred;
}

struct tally {
    uint32_t members, strangers;             /* normal votes */
    uint32_t empty_members, empty_strangers; /* of who may have forgotten something */
};

static void count(struct tally *t, bool member, bool empty)
{
    if (member)
        *(empty ? &t->empty_members : &t->members) += 1;
    else
        *(empty ? &t->empty_strangers : &t->strangers) += 1;
}

/* Empty votes count like others during a rescue, and for the chosen first leader in the first term: nobody
 * can have led before. */
static struct tally tally(const struct raft *r)
{
    struct tally t = {.members = r->double_votes};
    bool empty_counts = (r->rescue_until != RAFT_NEVER && r->log.last > 0) ||
                        (r->preferred && r->initializing && r->term == 1) ||
                        RAFT_BUG(RAFT_BUG_EMPTY_VOTES_COUNT);
    count(&t, raft_is_member(r, r->cfg.id), own_vote_empty(r));
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peers[i];
        if (p->voted)
            count(&t, raft_is_member(r, p->id), p->empty && !empty_counts);
    }
    return t;
}

/* A group that boots expects so many servers and knows some of them. A majority of the known and of all wins;
 * so do all together, whatever some of them have forgotten (its first leader is elected like that). */
static bool wins_booting(const struct raft *r, const struct tally *t)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    uint32_t normal = t->members + t->strangers, known = t->members + t->empty_members;
    return (t->members >= now->count / 2 + 1 && normal >= now->boot / 2 + 1) ||
           (known >= now->count && known + t->strangers + t->empty_strangers >= now->boot);
}

/* "If votes received from majority of servers: become leader." Votes of members that may have forgotten
 * something ("empty") do not make a majority; all members together do. */
void raft_count_votes(struct raft *r)
{
    if (r->role != RAFT_CANDIDATE || !r->own_vote)
        return;
    struct tally t = tally(r);
    bool won = raft_boot(r) > 0 ? wins_booting(r, &t)
                                : t.members >= r->quorum ||
                                      t.members + t.empty_members >= raft_members_now(&r->members)->size;
    if (won)
        raft_become_leader(r);
}
