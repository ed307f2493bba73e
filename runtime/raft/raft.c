/* Life, the step, and what can be asked. */
#include "raft/raft_i.h"

void raft_free(struct raft *r)
{
    if (r == NULL)
        return;
    raft_map_free(&r->log);
    raft_members_free(&r->members);
    free(r->peers);
    free(r->held);
    free(r->effects);
    free(r->arena);
    free(r->own);
    free(r->ids);
    free(r);
}

struct raft_peer *raft_peer_of(struct raft *r, raft_id id)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == id)
            return &r->peers[i];
    }
    return NULL;
}

/* Only known members and, at a leader, those who answer are tracked; of the latter the silent ones go. */
static void drop_strangers(struct raft *r)
{
    for (size_t i = r->peer_count; i-- > 0;) {
        struct raft_peer *p = &r->peers[i];
        if (raft_is_member(r, p->id) || (r->role == RAFT_LEADER && r->now - p->heard < RAFT_QUORUM_CHECK))
            continue;
        raft_stream_cancel(r, p);
        r->peers[i] = r->peers[--r->peer_count];
    }
}

struct raft_peer *raft_peer_track(struct raft *r, raft_id id)
{
    struct raft_peer *p = raft_peer_of(r, id);
    if (p != NULL)
        return p;
    if (id == 0 || id == r->cfg.id)
        return NULL;
    size_t most = raft_members_now(&r->members)->count + RAFT_OBSERVED_MAX;
    if (r->peer_count >= most)
        drop_strangers(r);
    if (r->peer_count >= r->peer_cap || (r->peer_count >= most && !raft_is_member(r, id)))
        return NULL;
    p = &r->peers[r->peer_count++];
    *p = (struct raft_peer){.id = id};
    return p;
}

static void set_quorum(struct raft *r)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    r->natural_quorum = now->size / 2 + 1;
    if (r->rescue_until != RAFT_NEVER && r->natural_quorum > r->quorum)
        return;
    if (r->rescue_until != RAFT_NEVER)
        raft_rescue_end(r);
    r->quorum = r->natural_quorum;
}

void raft_members_changed(struct raft *r)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    uint32_t before = r->quorum;
    set_quorum(r);
    if (r->quorum > before)
        r->grown_at = r->now;
    for (uint32_t i = 0; i < now->count; i++)
        raft_peer_track(r, now->ids[i]);
    drop_strangers(r);
    r->peers_dirty = true;
    if (r->started)
        raft_note(r, RAFT_NOTE_MEMBERS);
}

/* A leader's last entry is not of a later term than what it sends, and what it sends in a catch up is not of
 * a later term than its own. */
static bool possible_append(const struct raft_append *ae)
{
    return ae->term <= RAFT_NUMBER_MAX && ae->pterm <= ae->term && ae->pindex <= RAFT_NUMBER_MAX &&
           ae->commit <= RAFT_NUMBER_MAX && ae->lterm <= RAFT_NUMBER_MAX &&
           (ae->lterm == 0 || ae->term <= ae->lterm);
}

/* What no peer that keeps the rules can say is not listened to. */
static bool possible(const struct raft_msg *m)
{
    switch (m->type) {
    case RAFT_MSG_VOTE_REQUEST:
        return m->vote_request.term <= RAFT_NUMBER_MAX && m->vote_request.last_index <= RAFT_NUMBER_MAX &&
               m->vote_request.last_term <= m->vote_request.term;
    case RAFT_MSG_VOTE_RESPONSE:
        return m->vote_response.term <= RAFT_NUMBER_MAX;
    case RAFT_MSG_APPEND:
        return possible_append(&m->append);
    case RAFT_MSG_APPEND_RESPONSE:
        return m->append_response.term <= RAFT_NUMBER_MAX && m->append_response.index <= RAFT_NUMBER_MAX;
    case RAFT_MSG_PROPOSAL:
    case RAFT_MSG_REMOVE_PEER:
        return true;
    }
    return false;
}

static enum raft_rc message(struct raft *r, const struct raft_event *e)
{
    const struct raft_msg *m = e->msg;
    if (!r->online || r->role == RAFT_CLOSED || !possible(m))
        return RAFT_OK;
    switch (m->type) {
    case RAFT_MSG_VOTE_REQUEST:
        raft_recv_vote_request(r, &m->vote_request, e->reply);
        break;
    case RAFT_MSG_VOTE_RESPONSE:
        raft_recv_vote_response(r, &m->vote_response);
        break;
    case RAFT_MSG_APPEND:
        raft_recv_append(r, &m->append, e->to, e->reply);
        break;
    case RAFT_MSG_APPEND_RESPONSE:
        raft_recv_append_response(r, &m->append_response, e->to, e->reply);
        break;
    case RAFT_MSG_PROPOSAL: /* the driver gathers them: RAFT_EV_FORWARDED */
        break;
    case RAFT_MSG_REMOVE_PEER:
        if (r->role == RAFT_LEADER && r->leading)
            return raft_remove_peer(r, m->removed);
        break;
    }
    return RAFT_OK;
}

static void network(struct raft *r, bool on)
{
    if (on == r->online)
        return;
    r->online = on;
    if (on) {
        raft_reset_election(r);
        raft_note(r, RAFT_NOTE_CAUGHT_UP);
        raft_hand_up(r);
        if (r->preferred)
            raft_election_in(r, RAFT_CAMPAIGN_MIN / 2);
        raft_doubt_probe(r);
        raft_lone_campaign(r);
    }
}

static void start(struct raft *r)
{
    r->started = true;
    r->vote_inbox = raft_new_inbox(r, RAFT_TO_REPLY);
    r->append_inbox = raft_new_inbox(r, RAFT_TO_REPLY);
    raft_subscribe(r, r->vote_inbox, true);
    raft_subscribe(r, RAFT_AT(RAFT_TO_VOTE), true);
    raft_subscribe(r, r->append_inbox, true);
    raft_subscribe(r, RAFT_AT(RAFT_TO_APPEND), true);
    if (r->snapshot.index > 0)
        r->snapshot_pending = true;
    raft_doubt_begin(r);
    bool peers_known = r->peers_saved && !r->peers_dirty;
    raft_members_changed(r);
    r->peers_dirty = !peers_known;
    /* What we may have forgotten must be on the disk before the first entry comes. */
    r->state_dirty |= r->forgot_vote;
    if (r->forgot_log)
        raft_want_promise(r);
    if (r->hcommit > r->log.last)
        r->hcommit = r->log.last;
    raft_commit_to(r, r->hcommit);
    raft_hand_up(r);
}

static void observer(struct raft *r, bool on)
{
    if (r->observer == on)
        return;
    r->observer = on;
    if (!on && r->role != RAFT_LEADER)
        raft_reset_election(r);
}

static void resubscribe(struct raft *r)
{
    raft_catchup_cancel(r);
    for (size_t i = 0; i < r->peer_count; i++)
        raft_stream_cancel(r, &r->peers[i]);
    raft_subscribe(r, r->vote_inbox, false);
    raft_subscribe(r, r->append_inbox, false);
    raft_subscribe(r, RAFT_AT(RAFT_TO_VOTE), false);
    raft_subscribe(r, RAFT_AT(RAFT_TO_APPEND), false);
    r->vote_inbox = raft_new_inbox(r, RAFT_TO_REPLY);
    r->append_inbox = raft_new_inbox(r, RAFT_TO_REPLY);
    raft_subscribe(r, r->vote_inbox, true);
    raft_subscribe(r, RAFT_AT(RAFT_TO_VOTE), true);
    raft_subscribe(r, r->append_inbox, true);
    raft_subscribe(r, RAFT_AT(RAFT_TO_APPEND), true);
    if (r->role == RAFT_LEADER) {
        raft_subscribe(r, RAFT_AT(RAFT_TO_PROPOSE), false);
        raft_subscribe(r, RAFT_AT(RAFT_TO_REMOVE), false);
        raft_subscribe(r, RAFT_AT(RAFT_TO_PROPOSE), true);
        raft_subscribe(r, RAFT_AT(RAFT_TO_REMOVE), true);
    }
}

static enum raft_rc dispatch(struct raft *r, const struct raft_event *e, struct raft_update *u)
{
    switch (e->type) {
    case RAFT_EV_START:
        start(r);
        return RAFT_OK;
    case RAFT_EV_TICK:
        raft_tick(r);
        return RAFT_OK;
    case RAFT_EV_NETWORK:
        network(r, e->on);
        return RAFT_OK;
    case RAFT_EV_MESSAGE:
        return message(r, e);
    case RAFT_EV_DURABLE:
        raft_durable(r, e->op);
        return RAFT_OK;
    case RAFT_EV_DISK_FAILED:
        raft_close(r);
        return RAFT_OK;
    case RAFT_EV_DAMAGED:
        raft_damaged(r, e->index);
        return RAFT_OK;
    case RAFT_EV_PROPOSE:
        return raft_propose(r, e->term, e->entries, e->count, &u->index);
    case RAFT_EV_FORWARDED:
        return r->leading ? raft_propose(r, 0, e->entries, e->count, &u->index) : RAFT_NOT_LEADER;
    case RAFT_EV_ADD_PEER:
        return raft_add_peer(r, e->peer);
    case RAFT_EV_REMOVE_PEER:
        return raft_remove_peer(r, e->peer);
    case RAFT_EV_STEP_DOWN:
        return raft_step_down(r, e->peer, &e->peers);
    case RAFT_EV_APPLIED:
        return raft_applied(r, e->index, e->applied);
    case RAFT_EV_PAUSE:
        return raft_pause(r);
    case RAFT_EV_RESUME:
        raft_resume(r);
        return RAFT_OK;
    case RAFT_EV_DRAIN_REPLAY:
        raft_drain_replay(r);
        return RAFT_OK;
    case RAFT_EV_SNAPSHOT_SAVED:
        return raft_snapshot_saved(r, e->index);
    case RAFT_EV_SNAPSHOT_UNREADABLE:
        raft_snapshot_unreadable(r);
        return RAFT_OK;
    case RAFT_EV_OBSERVER:
        observer(r, e->on);
        return RAFT_OK;
    case RAFT_EV_LEARNER:
        if (e->on)
            r->learner = true;
        else
            raft_learner_ends(r);
        return RAFT_OK;
    case RAFT_EV_RESOURCES:
        r->no_resources = e->on;
        return RAFT_OK;
    case RAFT_EV_HEARTBEAT:
        if (r->role != RAFT_LEADER)
            return RAFT_NOT_LEADER;
        raft_heartbeat(r);
        return RAFT_OK;
    case RAFT_EV_CAMPAIGN:
        if (r->role == RAFT_LEADER)
            return RAFT_ALREADY_LEADER;
        r->preferred = true;
        raft_election_in(r, RAFT_CAMPAIGN_MIN / 2);
        return RAFT_OK;
    case RAFT_EV_RESUBSCRIBE:
        resubscribe(r);
        return RAFT_OK;
    case RAFT_EV_BOOT_SIZE:
        return raft_boot_size(r, e->index);
    case RAFT_EV_EVICT:
        return raft_evict(r, &e->peers);
    case RAFT_EV_RESCUE:
        return raft_rescue(r, e->index);
    case RAFT_EV_STOP:
        raft_transfer_and_leave(r);
        return RAFT_OK;
    }
    return RAFT_OK;
}

enum raft_rc raft_step(struct raft *r, const struct raft_event *e, struct raft_update *u)
{
    *u = (struct raft_update){.deadline = raft_deadline(r)};
    if (!raft_out_reserve(r, e))
        return RAFT_NO_MEMORY;
    if (e->now > r->now)
        r->now = e->now;
    raft_out_begin(r);
    enum raft_rc rc = RAFT_IS_CLOSED;
    if (r->role != RAFT_CLOSED)
        rc = dispatch(r, e, u);
    else if (r->write_error)
        rc = RAFT_WRITE_ERROR;
    raft_out_end(r, u);
    return rc;
}

/* ---- queries ---- */

uint64_t raft_term_at(const struct raft *r, uint64_t index)
{
    return raft_map_term(&r->log, index);
}

/* Recently in touch with a leader, and nothing is behind. */
static bool is_current(const struct raft *r)
{
    if (r->role == RAFT_CLOSED || r->commit == 0)
        return false;
    if (r->role == RAFT_LEADER)
        return true;
    if (r->leader == 0 || r->catchup.active || (r->paused && r->hcommit > r->commit))
        return false;
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].id == r->leader)
            return r->peers[i].heard > 0 && r->now - r->peers[i].heard <= 2 * RAFT_HEARTBEAT &&
                   r->applied == r->commit;
    }
    return false;
}

void raft_get_status(const struct raft *r, struct raft_status *s)
{
    struct raft_pos end = raft_end(r);
    *s = (struct raft_status){
        .role = r->role,
        .term = r->term,
        .pterm = end.term,
        .pindex = end.index,
        .commit = r->commit,
        .processed = r->processed,
        .applied = r->applied,
        .first_index = r->log.base_index + 1,
        .snapshot_term = r->snapshot.term,
        .snapshot_index = r->snapshot.index,
        .durable_index = r->durable.index,
        .log_bytes = r->log.bytes,
        .leader = r->leader,
        .vote = r->vote,
        .leading = r->leading,
        .had_leader = r->had_leader,
        .observer = r->observer,
        .learner = r->learner,
        .paused = r->paused,
        .overrun = r->overrun,
        .catching_up = r->catchup.active,
        .forgot = raft_forgot(r) || raft_behind_promise(r),
        .current = is_current(r),
        .overruns = r->overruns,
        .size = raft_members_now(&r->members)->size,
        .quorum = r->quorum,
        .rescued = r->rescue_until != RAFT_NEVER,
        .leader_since = r->leading ? r->leader_since : 0,
        .peers = raft_membership_peers(raft_members_now(&r->members)),
    };
}

bool raft_peer_at(const struct raft *r, size_t i, struct raft_peer_status *out)
{
    if (i >= r->peer_count)
        return false;
    const struct raft_peer *p = &r->peers[i];
    bool leads = r->role == RAFT_LEADER;
    uint64_t last = p->match > p->reported ? p->match : p->reported;
    *out = (struct raft_peer_status){
        .id = p->id,
        .member = raft_is_member(r, p->id) && raft_is_member_settled(r, p->id),
        .match = leads ? last : 0,
        .lag = leads && r->commit > last ? r->commit - last : 0,
        .last_heard = p->heard,
        .caught_up = leads && raft_caught_up(r, p),
        .current = leads ? p->match > 0 && p->match >= r->commit && r->now - p->heard < RAFT_QUORUM_CHECK
                         : p->id == r->leader && p->heard > 0 && r->now - p->heard <= 2 * RAFT_HEARTBEAT,
    };
    return true;
}

/* ---- words ---- */

const char *raft_rc_text(enum raft_rc rc)
{
    static const char *const text[RAFT_RC_COUNT] = {
        [RAFT_OK] = "ok",
        [RAFT_NO_MEMORY] = "out of memory",
        [RAFT_NOT_LEADER] = "raft: not leader",
        [RAFT_ALREADY_LEADER] = "raft: already leader",
        [RAFT_CHANGE_IN_PROGRESS] = "raft: membership change in progress",
        [RAFT_PEER_NOT_FOUND] = "raft: peer not found",
        [RAFT_LAST_PEER] = "raft: cannot remove the last peer",
        [RAFT_MEMBER_ALREADY] = "raft: peer is a member already",
        [RAFT_ILLEGAL_PEER] = "raft: illegal peer",
        [RAFT_TOO_MANY_PEERS] = "raft: too many peers",
        [RAFT_WRITE_ERROR] = "raft: write error",
        [RAFT_IS_CLOSED] = "raft: node is closed",
        [RAFT_NO_SNAPSHOT] = "raft: no snapshot available",
        [RAFT_SNAPSHOT_BUSY] = "raft: snapshot can not be installed while catchups running",
        [RAFT_TOO_LARGE] = "raft: entry too large",
        [RAFT_LEADER_KNOWN] = "raft: leader is known",
        [RAFT_NOT_MANAGED] = "raft: group membership is not managed",
        [RAFT_QUORUM_POSSIBLE] = "raft: remaining peers could still reach quorum",
        [RAFT_BAD_QUORUM] = "raft: rescue quorum must be between 1 and current quorum",
        [RAFT_NOT_VOTING] = "raft: not a voting member",
        [RAFT_LOG_EMPTY] = "raft: log is empty",
        [RAFT_CORRUPT] = "raft: append entry corrupt",
    };
    return (unsigned)rc < RAFT_RC_COUNT ? text[rc] : "unknown";
}

const char *raft_role_name(enum raft_role role)
{
    static const char *const name[] = {"FOLLOWER", "CANDIDATE", "LEADER", "CLOSED"};
    return (unsigned)role <= RAFT_CLOSED ? name[role] : "?";
}

const char *raft_note_name(enum raft_note note)
{
    static const char *const name[] = {
        "leader",        "not leader",  "lost quorum", "catchup", "caught up", "observed",
        "want snapshot", "need repair", "removed",     "closed",  "members",   "overrun",
        "two leaders",   "higher term", "bad catchup", "forgot",  "rescue",
    };
    return (unsigned)note <= RAFT_NOTE_RESCUE ? name[note] : "?";
}
