/* The leader's own work: taking proposals, sending, counting acknowledgements. */
#include "raft/raft_i.h"

#include <midge/raft.h>

uint32_t raft_append_size(const struct raft_entry *entries, size_t count)
{
    uint64_t size = RAFT_APPEND_HEAD + 1; /* and the byte of lterm */
    for (size_t i = 0; i < count; i++)
        size += RAFT_ENTRY_HEAD + entries[i].data.len;
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

/* How many of the entries make one append entry. */
static size_t batch(const struct raft_entry *entries, size_t count)
{
    size_t n = 0, bytes = 0;
    while (n < count && n < RAFT_BATCH_ENTRIES) {
        bytes += entries[n++].data.len + 1;
        if (bytes >= RAFT_BATCH_BYTES)
            break;
    }
    return n;
}

size_t raft_batches(const struct raft_entry *entries, size_t count)
{
    size_t batches = 0;
    for (size_t at = 0; at < count; at += batch(entries + at, count - at))
        batches++;
    return batches;
}

/* "If command received from client: append entry to local log." The copy goes out at once: the followers'
 * disks work while ours does. */
uint64_t raft_append_own(struct raft *r, const struct raft_entry *entries, size_t count)
{
    struct raft_pos end = raft_end(r);
    struct raft_msg msg = {.type = RAFT_MSG_APPEND,
                           .append = {.leader = r->cfg.id,
                                      .term = r->term,
                                      .commit = r->commit,
                                      .pterm = end.term,
                                      .pindex = end.index,
                                      .entries = entries,
                                      .count = count}};
    struct raft_effect *f = raft_emit(r, RAFT_DO_APPEND);
    f->index = end.index + 1;
    f->msg = msg;
    raft_map_push(&r->log, r->term, raft_append_size(entries, count));
    r->initializing = false;
    raft_take_special(r, r->log.last, &msg.append, false);
    raft_send(r, RAFT_AT(RAFT_TO_APPEND), r->append_inbox, &msg);
    raft_want_promise(r);
    r->heartbeat_at = r->now + RAFT_HEARTBEAT;
    return r->log.last;
}

/* "Upon election: send initial empty AppendEntries RPCs": here an entry that says who the members are, and
 * which carries older entries with it when it commits. The leader of a meta group that is no member becomes
 * one by it; but not when the group has booted and it leads to settle its own removal. */
void raft_append_peer_state(struct raft *r, uint32_t size)
{
    const struct raft_membership *now = raft_members_now(&r->members);
    uint32_t count = now->count;
    memcpy(r->ids, now->ids, count * sizeof *r->ids);
    bool leaving = raft_own_change_pending(r) && raft_boot(r) == 0;
    if (!r->cfg.managed && !raft_is_member(r, r->cfg.id) && !leaving)
        r->ids[count++] = r->cfg.id;
    struct codec_raft_event e = {.kind = CODEC_RAFT_PEER_STATE,
                                 .peer_state = {.cluster_size = size > count ? size : count,
                                                .peer_count = count,
                                                .peers = slice_make(r->ids, count * sizeof *r->ids),
                                                .has_extension = true,
                                                .extension = now->extension}};
    size_t len = codec_raft_encode(&e, r->arena + r->arena_used, r->arena_cap - r->arena_used);
    assert(len > 0 && len <= r->arena_cap - r->arena_used && r->own_count < r->own_cap);
    struct raft_entry *own = &r->own[r->own_count++];
    *own = (struct raft_entry){RAFT_PEER_STATE, slice_make(r->arena + r->arena_used, len)};
    r->arena_used += len;
    raft_append_own(r, own, 1);
}

enum raft_rc raft_propose(struct raft *r, uint64_t term, const struct raft_entry *entries, size_t count,
                          uint64_t *index)
{
    if (r->role != RAFT_LEADER || (term != 0 && term != r->term))
        return RAFT_NOT_LEADER;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].data.len > RAFT_DATA_MAX)
            return RAFT_TOO_LARGE;
    }
    if (raft_leader_overrun(r)) {
        raft_become_follower(r, 0);
        return RAFT_NOT_LEADER;
    }
    while (count > 0) {
        size_t n = batch(entries, count);
        *index = raft_append_own(r, entries, n);
        entries += n;
        count -= n;
    }
    return RAFT_OK;
}

void raft_heartbeat(struct raft *r)
{
    if (RAFT_BUG(RAFT_BUG_COMMIT_OLD_TERM) && r->noop == UINT64_MAX &&
        r->now - r->leader_since > 5 * RAFT_S) {
        r->noop = r->log.last + 1;
        raft_append_peer_state(r, raft_membership_whole(raft_members_now(&r->members)).size);
        return;
    }
    struct raft_pos end = raft_end(r);
    struct raft_msg msg = {.type = RAFT_MSG_APPEND,
                           .append = {.leader = r->cfg.id,
                                      .term = r->term,
                                      .commit = r->commit,
                                      .pterm = end.term,
                                      .pindex = end.index}};
    raft_send(r, RAFT_AT(RAFT_TO_APPEND), r->append_inbox, &msg);
    r->heartbeat_at = r->now + RAFT_HEARTBEAT;
}

/* Our own copy counts when the disk has confirmed it, and when no vote of ours can elect somebody else. */
static uint64_t own_match(const struct raft *r)
{
    if (RAFT_BUG(RAFT_BUG_ACK_BEFORE_SYNC))
        return r->log.last;
    if (r->forgot_vote || raft_map_term(&r->log, r->durable.index) != r->durable.term)
        return 0;
    return r->durable.index;
}

static void insert(uint64_t *sorted, size_t n, uint64_t v)
{
    size_t at = n;
    while (at > 0 && sorted[at - 1] < v) {
        sorted[at] = sorted[at - 1];
        at--;
    }
    sorted[at] = v;
}

/* The highest index that `quorum` servers have; members only, or anybody. */
static uint64_t agreed(const struct raft *r, uint32_t quorum, bool members_only)
{
    uint64_t sorted[RAFT_PEERS_MAX + RAFT_OBSERVED_MAX + 1];
    size_t n = 0;
    sorted[0] = 0;
    if (!members_only || raft_is_member(r, r->cfg.id))
        insert(sorted, n++, own_match(r));
    for (size_t i = 0; i < r->peer_count && n < sizeof sorted / sizeof *sorted; i++) {
        if (!members_only || raft_is_member(r, r->peers[i].id) || RAFT_BUG(RAFT_BUG_COUNT_NON_MEMBERS))
            insert(sorted, n++, r->peers[i].match);
    }
    return n >= quorum && quorum > 0 ? sorted[quorum - 1] : 0;
}

/* "If there exists an N such that N > commitIndex, a majority of matchIndex[i] >= N, and log[N].term ==
 * currentTerm: set commitIndex = N." */
void raft_try_commit(struct raft *r)
{
    if (r->role != RAFT_LEADER)
        return;
    /* While a group boots its size is that of servers, few of which are known: then a majority of the known
     * ones must agree, and one of all that are expected. */
    uint32_t known = raft_members_now(&r->members)->count;
    uint32_t boot = raft_boot(r);
    uint64_t n = agreed(r, boot > 0 ? known / 2 + 1 : r->quorum, true);
    if (boot > 0) {
        uint64_t all = agreed(r, boot / 2 + 1, false);
        n = all < n ? all : n;
    }
    if (n <= r->commit)
        return;
    if (raft_map_term(&r->log, n) != r->term && !RAFT_BUG(RAFT_BUG_COMMIT_OLD_TERM))
        return;
    raft_commit_to(r, n);
    if (r->role == RAFT_LEADER && r->commit == r->log.last)
        raft_heartbeat(r);
}

bool raft_has_quorum(const struct raft *r, int64_t within)
{
    uint32_t n = raft_is_member(r, r->cfg.id);
    for (size_t i = 0; i < r->peer_count; i++) {
        const struct raft_peer *p = &r->peers[i];
        bool counts = raft_is_member(r, p->id) || raft_boot(r) > 0;
        n += counts && p->heard > 0 && r->now - p->heard <= within;
    }
    return n >= r->quorum;
}

bool raft_caught_up(const struct raft *r, const struct raft_peer *p)
{
    return !p->stream.active && p->match > 0 && p->match >= p->mark && r->now - p->heard <= RAFT_LIVE;
}
