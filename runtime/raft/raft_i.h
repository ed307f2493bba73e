/* raft_i.h: the inside of the engine, shared by its files (one a protocol event) and by nobody else.
 *
 *     raft.c               life, step, queries          recv_vote_request.c    a candidate asks
 *     load.c               from disk to a member        recv_vote_response.c   a voter answers
 *     role.c               changes of role and term     recv_append.c          a leader sends entries
 *     campaign.c           becoming candidate           recv_append_response.c a follower answers
 *     out.c                effects, gates on the disk   catchup.c              follower: asking for more
 *     tick.c               timers                       stream.c               leader: giving it
 *     lead.c               proposals, sending, commit   change.c               membership, evict, rescue
 *     apply.c              commit, apply, pause         snapshot.c             save, install, compact
 *     disk.c               durable, failed, damaged     transfer.c             handing leadership on
 *     doubt.c              what a member may have forgotten */
#ifndef RAFT_RAFT_I_H
#define RAFT_RAFT_I_H

#include "raft/bug.h"
#include "raft/log_map.h"
#include "raft/members.h"
#include "raft/raft.h"

#include <assert.h>
#include <stdlib.h>

#define RAFT_NEVER        INT64_MAX
#define RAFT_OBSERVED_MAX 64u /* answering non-members that a leader keeps track of */
#define RAFT_REMOVED_MAX  64u

/* An entry's place; compared as logs are: by term, then by index. */
struct raft_pos {
    uint64_t term, index;
};
static inline int raft_pos_cmp(struct raft_pos a, struct raft_pos b)
{
    if (a.term != b.term)
        return a.term < b.term ? -1 : 1;
    return (a.index > b.index) - (a.index < b.index);
}

/* Leader: a catch up that it streams to a follower. */
struct raft_stream {
    bool active;
    struct raft_addr to;       /* the follower's $NRG.CR inbox */
    struct raft_addr progress; /* our $NRG.CP inbox */
    uint64_t next;             /* first entry not sent */
    uint64_t end;              /* last entry to send */
    uint64_t acked;            /* entries up to it have been confirmed */
    uint64_t outstanding;      /* bytes sent and not confirmed */
    int64_t moved;             /* time of the last progress */
};

struct raft_peer {
    raft_id id;
    int64_t heard;     /* 0: never */
    uint64_t match;    /* leader: our entries up to it are in its log, synced */
    uint64_t reported; /* leader: the last index that it told */
    uint64_t mark;     /* leader: what it must reach to be caught up */
    bool told;         /* leader: the upper layer knows of this non-member */
    bool voted, empty; /* candidate: its vote for us in this term */
    bool answered;     /* doubt.c: has told its term since we started */
    struct raft_stream stream;
};

/* Follower: the catch up that it asked for. */
struct raft_catchup {
    bool active;
    struct raft_addr inbox;
    struct raft_pos target;
    bool warned;   /* of an entry that does not continue our log */
    int64_t moved; /* time of the last progress */
};

/* What waits for the disk. */
enum raft_held_type { RAFT_HELD_SEND, RAFT_HELD_PROMISE, RAFT_HELD_OWN_VOTE };
struct raft_held {
    enum raft_held_type type;
    uint64_t op;
    uint64_t term;  /* SEND: dropped when our term has moved on (0: never); PROMISE: of the entry */
    uint64_t index; /* SEND of a success, PROMISE: dropped when the log was cut below */
    struct raft_addr to, reply;
    struct raft_msg msg;
};

struct raft_removed {
    raft_id id;
    int64_t at;
};

struct raft {
    struct raft_config cfg;
    uint64_t rng;
    int64_t now;

    enum raft_role role;
    uint64_t term;
    raft_id vote;
    raft_id leader;
    bool had_leader;
    bool own_vote;         /* candidate: our own vote is on the disk */
    uint32_t double_votes; /* only ever moved by a deliberate bug */
    bool started, online, write_error, no_resources;
    bool observer, learner, initializing, preferred, paused, overrun, transfer_pending, stopping;
    bool campaign_on_resume;

    struct raft_map log;
    struct raft_pos snapshot;
    uint64_t commit, processed, applied;
    uint64_t handed;       /* entries up to it were given to the upper layer */
    uint64_t hcommit;      /* commit to reach when no longer paused or learner */
    bool snapshot_pending; /* our snapshot waits to be handed up */
    bool snapshot_bad;     /* our snapshot could not be read */

    struct raft_members members;
    uint32_t quorum;
    uint32_t natural_quorum;
    int64_t rescue_until;
    int64_t grown_at;
    struct raft_peer *peers; /* known and observed, without us */
    size_t peer_count, peer_cap;
    struct raft_removed removed[RAFT_REMOVED_MAX]; /* ring */
    size_t removed_next;

    /* The disk: see out.c. */
    uint64_t op;         /* last one issued */
    uint64_t op_durable; /* last one reported */
    uint64_t op_step;    /* of this step, 0: none yet */
    bool op_emitted;
    bool state_dirty, peers_dirty, promise_wanted;
    struct raft_pos promise;       /* the highest ever asked for */
    struct raft_pos promise_asked; /* the log end when it was last asked for */
    struct raft_pos durable;       /* the promise that the disk has last confirmed */
    bool forgot_log, forgot_vote;  /* see doubt.c */
    bool forgot_log_saved, promise_known;
    bool peers_saved;       /* peers.idx is there */
    struct raft_held *held; /* ring */
    size_t held_first, held_count, held_cap;

    /* Timers; RAFT_NEVER when off. */
    int64_t election_at, heartbeat_at, quorum_check_at, resend_vote_at, stream_check_at, probe_at;
    int64_t resend_every;
    int64_t lost_quorum_told;

    struct raft_addr vote_inbox, append_inbox;
    struct raft_catchup catchup;

    /* As leader. */
    uint64_t noop; /* our first entry of the term */
    int64_t leader_since;
    bool leading; /* the upper layer knows */
    int64_t sent_at;
    uint64_t overruns;

    /* The step's effects and the bytes of own entries. */
    struct raft_effect *effects;
    size_t effect_count, effect_cap;
    uint8_t *arena;
    size_t arena_used, arena_cap;
    struct raft_entry *own; /* entries made in this step */
    size_t own_count, own_cap;
    raft_id *ids; /* scratch for a decoded peer state */
    size_t ids_cap;
};

/* ---- out.c */
bool raft_out_reserve(struct raft *r, const struct raft_event *e);
void raft_out_begin(struct raft *r);
void raft_out_end(struct raft *r, struct raft_update *u);
struct raft_effect *raft_emit(struct raft *r, enum raft_effect_type type);
struct raft_effect *raft_note(struct raft *r, enum raft_note note);
void raft_send(struct raft *r, struct raft_addr to, struct raft_addr reply, const struct raft_msg *msg);
/* Send it when all that was asked of the disk so far is done. */
void raft_send_when_durable(struct raft *r, struct raft_addr to, struct raft_addr reply,
                            const struct raft_msg *msg, uint64_t term, uint64_t index);
void raft_hold(struct raft *r, const struct raft_held *h);
void raft_want_promise(struct raft *r);
uint64_t raft_disk_op(struct raft *r); /* the op of this step's disk effects */
struct raft_effect *raft_emit_disk(struct raft *r, enum raft_effect_type type);
struct raft_addr raft_new_inbox(struct raft *r, enum raft_place place);
void raft_subscribe(struct raft *r, struct raft_addr to, bool on);
uint64_t raft_random(struct raft *r, uint64_t n); /* 0..n-1 */
slice raft_arena(struct raft *r, const void *bytes, size_t len);
static inline bool raft_addr_eq(struct raft_addr a, struct raft_addr b)
{
    return a.place == b.place && memcmp(a.inbox, b.inbox, sizeof a.inbox) == 0;
}
#define RAFT_AT(p)   ((struct raft_addr){.place = (p)})
#define RAFT_NOWHERE ((struct raft_addr){.place = RAFT_TO_NOBODY})

/* ---- raft.c */
static inline struct raft_pos raft_end(const struct raft *r)
{
    return (struct raft_pos){raft_map_last_term(&r->log), r->log.last};
}
static inline bool raft_is_member(const struct raft *r, raft_id id)
{
    return raft_membership_has(raft_members_now(&r->members), id);
}
/* > 0: the group boots, and quorums are of so many servers. A rescue is a human's word against that. */
static inline uint32_t raft_boot(const struct raft *r)
{
    return r->rescue_until != RAFT_NEVER ? 0 : raft_members_now(&r->members)->boot;
}
struct raft_peer *raft_peer_of(struct raft *r, raft_id id);    /* NULL: not tracked */
struct raft_peer *raft_peer_track(struct raft *r, raft_id id); /* NULL: no room */
void raft_members_changed(struct raft *r);                     /* quorum, tracked peers, peers.idx */
static inline bool raft_is_member_settled(const struct raft *r, raft_id id)
{
    return raft_membership_has(raft_members_at(&r->members, r->commit), id);
}

/* ---- role.c */
void raft_adopt_term(struct raft *r, uint64_t term);
void raft_become_follower(struct raft *r, raft_id leader);
void raft_become_candidate(struct raft *r);
void raft_become_leader(struct raft *r);
void raft_set_leader(struct raft *r, raft_id leader);
void raft_close(struct raft *r);
void raft_reset_election(struct raft *r);
void raft_election_in(struct raft *r, int64_t delay);
void raft_campaign_soon(struct raft *r); /* within a campaign timeout */

/* ---- campaign.c */
void raft_election_due(struct raft *r);
void raft_request_votes(struct raft *r);
void raft_count_votes(struct raft *r);
void raft_lone_campaign(struct raft *r);

/* ---- the messages */
void raft_recv_vote_request(struct raft *r, const struct raft_vote_request *q, struct raft_addr reply);
void raft_recv_vote_response(struct raft *r, const struct raft_vote_response *a);
void raft_recv_append(struct raft *r, const struct raft_append *ae, struct raft_addr to,
                      struct raft_addr reply);
void raft_recv_append_response(struct raft *r, const struct raft_append_response *a, struct raft_addr to,
                               struct raft_addr reply);

/* ---- recv_append.c, used by load.c and change.c, too */
void raft_take_special(struct raft *r, uint64_t index, const struct raft_append *ae, bool live);
bool raft_decode_peers(struct raft *r, slice data, struct raft_peers *out);
void raft_cut_log(struct raft *r, uint64_t last);
/* Nothing lies behind our snapshot, and the leader says in which term the entry at its end was made. That is
 * committed, so the leader is right when it is not the term that came with the snapshot. */
void raft_rename_end(struct raft *r, const struct raft_append *ae);

/* ---- catchup.c */
void raft_catchup_begin(struct raft *r, const struct raft_append *ae, struct raft_addr reply);
void raft_catchup_cancel(struct raft *r);
void raft_catchup_finish(struct raft *r);
bool raft_catchup_stalled(const struct raft *r);
bool raft_catchup_reached(const struct raft *r);

/* ---- stream.c */
void raft_stream_begin(struct raft *r, struct raft_peer *p, struct raft_pos has, struct raft_addr to);
void raft_stream_progress(struct raft *r, struct raft_addr to, uint64_t index, raft_id peer);
void raft_stream_cancel(struct raft *r, struct raft_peer *p);
void raft_stream_check(struct raft *r);
bool raft_streaming(const struct raft *r);

/* ---- lead.c */
enum raft_rc raft_propose(struct raft *r, uint64_t term, const struct raft_entry *entries, size_t count,
                          uint64_t *index);
size_t raft_batches(const struct raft_entry *entries, size_t count);
uint64_t raft_append_own(struct raft *r, const struct raft_entry *entries, size_t count);
void raft_append_peer_state(struct raft *r, uint32_t size);
void raft_heartbeat(struct raft *r);
void raft_try_commit(struct raft *r);
bool raft_has_quorum(const struct raft *r, int64_t within);
bool raft_caught_up(const struct raft *r, const struct raft_peer *p);
uint32_t raft_append_size(const struct raft_entry *entries, size_t count);

/* ---- apply.c */
void raft_commit_to(struct raft *r, uint64_t index);
void raft_hand_up(struct raft *r);
enum raft_rc raft_applied(struct raft *r, uint64_t processed, uint64_t applied);
enum raft_rc raft_pause(struct raft *r);
void raft_resume(struct raft *r);
void raft_drain_replay(struct raft *r);
bool raft_leader_overrun(struct raft *r);
bool raft_follower_overrun(struct raft *r);
void raft_learner_overrun(struct raft *r);
static inline bool raft_holds_commits(const struct raft *r)
{
    return r->paused || r->learner;
}

/* ---- change.c */
enum raft_rc raft_add_peer(struct raft *r, raft_id id);
enum raft_rc raft_remove_peer(struct raft *r, raft_id id);
bool raft_change_in_progress(const struct raft *r);
bool raft_own_change_pending(const struct raft *r);
bool raft_recently_removed(const struct raft *r, raft_id id);
void raft_note_removed(struct raft *r, raft_id id);
void raft_note_stranger(struct raft *r, struct raft_peer *p);
void raft_changes_committed(struct raft *r);
enum raft_rc raft_evict(struct raft *r, const struct raft_peers *gone);
enum raft_rc raft_rescue(struct raft *r, uint64_t quorum);
void raft_rescue_end(struct raft *r);
enum raft_rc raft_boot_size(struct raft *r, uint64_t size);
void raft_learner_ends(struct raft *r);

/* ---- snapshot.c */
void raft_install(struct raft *r, const struct raft_append *ae);
enum raft_rc raft_snapshot_saved(struct raft *r, uint64_t index);
void raft_snapshot_unreadable(struct raft *r);

/* ---- disk.c */
void raft_durable(struct raft *r, uint64_t op);
void raft_damaged(struct raft *r, uint64_t index);

/* ---- transfer.c */
enum raft_rc raft_step_down(struct raft *r, raft_id preferred, const struct raft_peers *online);
void raft_transfer_and_leave(struct raft *r);
void raft_take_transfer(struct raft *r, raft_id to);

/* ---- doubt.c */
bool raft_behind_promise(const struct raft *r);
bool raft_forgot(const struct raft *r);
void raft_doubt_begin(struct raft *r);
void raft_doubt_heard(struct raft *r, raft_id peer);
void raft_doubt_matched(struct raft *r);
void raft_doubt_not_member_before(struct raft *r);
void raft_doubt_probe(struct raft *r);

/* ---- tick.c */
void raft_tick(struct raft *r);
int64_t raft_deadline(const struct raft *r);

#endif
