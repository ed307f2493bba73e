/* What is committed goes up to the upper layer, which reports how far it is. */
#include "raft/raft_i.h"

/* "If commitIndex > lastApplied: increment lastApplied, apply log[lastApplied] to state machine." */
void raft_hand_up(struct raft *r)
{
    if (!r->started || raft_holds_commits(r))
        return;
    if (r->snapshot_pending) {
        struct raft_effect *f = raft_emit(r, RAFT_DO_APPLY_SNAPSHOT);
        f->term = r->snapshot.term;
        f->index = r->snapshot.index;
        r->snapshot_pending = false;
        r->handed = r->snapshot.index;
    }
    if (r->handed < r->commit) {
        struct raft_effect *f = raft_emit(r, RAFT_DO_APPLY);
        f->index = r->handed + 1;
        f->upto = r->commit;
        r->handed = r->commit;
    }
}

void raft_commit_to(struct raft *r, uint64_t index)
{
    assert(index <= r->log.last);
    if (index > r->hcommit)
        r->hcommit = index;
    if (raft_holds_commits(r) || index <= r->commit)
        return;
    r->commit = index;
    raft_hand_up(r);
    raft_changes_committed(r);
}

static void lead_for_real(struct raft *r)
{
    if (r->role == RAFT_LEADER && !r->leading && r->processed >= r->noop) {
        r->leading = true;
        raft_note(r, RAFT_NOTE_LEADER);
    }
}

enum raft_rc raft_applied(struct raft *r, uint64_t processed, uint64_t applied)
{
    if (processed > r->commit || applied > r->commit)
        return RAFT_OK; /* reported before a reset */
    if (processed > r->processed)
        r->processed = processed;
    if (applied > r->applied)
        r->applied = applied;
    if (r->processed < r->applied)
        r->processed = r->applied;
    raft_members_compact(&r->members, r->applied);
    lead_for_real(r);
    raft_lone_campaign(r);
    return RAFT_OK;
}

enum raft_rc raft_pause(struct raft *r)
{
    if (r->role == RAFT_LEADER)
        return RAFT_ALREADY_LEADER;
    if (r->role == RAFT_CANDIDATE)
        raft_become_follower(r, 0);
    r->paused = true;
    raft_election_in(r, RAFT_OBSERVER_INTERVAL);
    return RAFT_OK;
}

void raft_resume(struct raft *r)
{
    if (!r->paused)
        return;
    r->paused = false;
    raft_reset_election(r);
    raft_commit_to(r, r->hcommit);
    raft_hand_up(r);
    if (r->campaign_on_resume) {
        r->campaign_on_resume = false;
        raft_take_transfer(r, r->cfg.id);
    }
}

void raft_drain_replay(struct raft *r)
{
    if (r->snapshot.index == 0 || r->role == RAFT_LEADER)
        return;
    raft_catchup_cancel(r);
    if (r->commit > r->hcommit)
        r->hcommit = r->commit;
    r->commit = r->handed = r->snapshot.index;
    if (r->processed > r->commit)
        r->processed = r->commit;
    if (r->applied > r->commit)
        r->applied = r->commit;
    r->paused = false;
    r->snapshot_pending = true;
    raft_hand_up(r);
    r->paused = true;
    raft_election_in(r, RAFT_OBSERVER_INTERVAL);
}

/* ---- too far behind ---- */

static bool above(const struct raft *r, uint64_t entries, uint64_t max_entries, uint64_t max_bytes)
{
    uint64_t all = raft_map_count(&r->log);
    uint64_t bytes = all == 0 ? 0 : r->log.bytes / all * entries;
    return entries > max_entries || bytes > max_bytes;
}

static uint64_t unapplied(const struct raft *r)
{
    uint64_t done = r->applied > r->snapshot.index ? r->applied : r->snapshot.index;
    return r->commit > done ? r->commit - done : 0;
}

static void count_overrun(struct raft *r, bool on)
{
    r->overruns += on;
    raft_note(r, RAFT_NOTE_OVERRUN)->on = on;
}

bool raft_leader_overrun(struct raft *r)
{
    uint64_t floor = r->commit > r->snapshot.index ? r->commit : r->snapshot.index;
    uint64_t uncommitted = r->log.last > floor ? r->log.last - floor : 0;
    bool over = above(r, uncommitted, RAFT_OVERRUN_ENTRIES, RAFT_OVERRUN_BYTES) ||
                above(r, unapplied(r), RAFT_OVERRUN_ENTRIES, RAFT_OVERRUN_BYTES);
    if (over)
        count_overrun(r, true);
    return over;
}

/* A learner's log only grows. When it has had enough it begins again at its snapshot: its leader has a newer
 * one. */
void raft_learner_overrun(struct raft *r)
{
    uint64_t n = r->log.last - r->log.base_index;
    if (!r->learner || !above(r, n, RAFT_OVERRUN_ENTRIES, RAFT_OVERRUN_BYTES))
        return;
    raft_catchup_cancel(r);
    raft_cut_log(r, r->log.base_index);
}

bool raft_follower_overrun(struct raft *r)
{
    uint64_t n = r->paused ? 0 : unapplied(r);
    if (!r->overrun && above(r, n, RAFT_OVERRUN_ENTRIES, RAFT_OVERRUN_BYTES)) {
        r->overrun = true;
        raft_catchup_cancel(r);
        count_overrun(r, true);
    } else if (r->overrun && !above(r, n, RAFT_RESUME_ENTRIES, RAFT_RESUME_BYTES)) {
        r->overrun = false;
        count_overrun(r, false);
    }
    return r->overrun;
}
