/* raft.h: agreement among the servers of a group: one member's part, as an engine without I/O.
 *
 * It is what the Go server calls a node of NRG: leader election, a replicated log, membership, snapshots, in
 * that server's messages and timing (docs/spec/raft.md), stricter where the Go server can lose what it has
 * acknowledged (docs/differences/raft.md). docs/raft.md tells the rules and the invariants.
 *
 *     event  --> raft_step() --> effects
 *
 * An event is something that happened: a message came, time passed, the disk is done, somebody proposes. The
 * step changes the member's state and lists effects for the caller (the driver, node.h) to carry out IN
 * ORDER. The engine reads no clock, draws chance from a seed that it was given, and touches no file.
 *
 * The disk. The driver carries out RAFT_DO_APPEND, _TRUNCATE, _INSTALL and _COMPACT at once, at least
 * into the system's cache. When one fails it does none of the effects behind it and reports
 * RAFT_EV_DISK_FAILED. Effects that carry an `op` ask for more: the driver reports RAFT_EV_DURABLE{op} when
 * they, and all before them, would survive a power cut. Before that the engine sends no vote, no success and
 * counts nothing of its own: whatever a peer was told is on the disk.
 *
 * The promise. RAFT_DO_PROMISE means: make the log durable, and remember beside it (checksummed) that entries
 * up to (term, index) were acknowledged. A member that starts with less than it promised knows that it lost
 * something; it never votes for a log that is behind its promise, and does not count on its own.
 *
 * Entries are opaque but for those about membership and leadership. One log index is one append entry, which
 * holds up to 4,096 entries of the upper layer.
 *
 * Ownership. Slices in an event need to live until raft_step returns. Effects and all they point to (into the
 * event, or into the engine) live until the next call on the same engine. An engine belongs to one thread at
 * a time. Times are nanoseconds of a monotonic clock.
 *
 * Memory. raft_step first reserves what it may need; when that fails it returns RAFT_NO_MEMORY and nothing
 * has changed. */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include <midge/slice.h>

#define RAFT_MS                INT64_C(1000000)
#define RAFT_S                 (1000 * RAFT_MS)
#define RAFT_ELECTION_MIN      (4 * RAFT_S)
#define RAFT_ELECTION_MAX      (9 * RAFT_S)
#define RAFT_CAMPAIGN_MIN      (100 * RAFT_MS)
#define RAFT_CAMPAIGN_MAX      (800 * RAFT_MS)
#define RAFT_HEARTBEAT         (1 * RAFT_S)
#define RAFT_QUORUM_CHECK      (10 * RAFT_S) /* a peer not heard for so long does not count */
#define RAFT_OBSERVER_INTERVAL (INT64_C(48) * 3600 * RAFT_S)
#define RAFT_CATCHUP_STALL     (2 * RAFT_S)
#define RAFT_LIVE              (3 * RAFT_S)   /* heard within: a live peer */
#define RAFT_REJOIN_AFTER      (300 * RAFT_S) /* unmanaged groups: a removed peer stays out so long */
#define RAFT_RESCUE_LASTS      (300 * RAFT_S)
#define RAFT_CATCHUP_WINDOW    (UINT64_C(2) << 20)
#define RAFT_BATCH_BYTES       (256u << 10)
#define RAFT_BATCH_ENTRIES     4096u
#define RAFT_OVERRUN_ENTRIES   100000u
#define RAFT_OVERRUN_BYTES     (UINT64_C(1) << 30)
#define RAFT_RESUME_ENTRIES    10000u
#define RAFT_RESUME_BYTES      (UINT64_C(128) << 20)
#define RAFT_PEERS_MAX         1024u /* members of a group */
#define RAFT_HELD_MAX          65536u /* messages that wait for the disk; more are dropped (the peer asks again) */
#define RAFT_INBOX_LEN         8
#define RAFT_APPEND_MAX        ((32u << 20) - 64) /* bytes of an append entry: a record of the log has 32 MiB */
#define RAFT_DATA_MAX          (31u << 20) /* bytes of an entry: with a batch before it it still fits */
/* No group comes so far: a billion terms or entries a second take 36 years. What a peer says beyond it is
 * dropped, so that counting on from what was taken wraps around nowhere (a log's files have 62 bits). */
#define RAFT_NUMBER_MAX (UINT64_C(1) << 60)

/* A member's id: its eight characters as they lie in memory. 0 is nobody. */
typedef uint64_t raft_id;

static inline raft_id raft_id_of(const char id[8])
{
    raft_id v;
    memcpy(&v, id, sizeof v);
    return v;
}
static inline void raft_id_text(raft_id id, char out[9])
{
    memcpy(out, &id, sizeof id);
    out[8] = '\0';
}

enum raft_role { RAFT_FOLLOWER, RAFT_CANDIDATE, RAFT_LEADER, RAFT_CLOSED };

/* Answers to an event. */
enum raft_rc {
    RAFT_OK,
    RAFT_NO_MEMORY,          /* nothing has changed */
    RAFT_NOT_LEADER,         /* also: the leader was overrun and has stepped down */
    RAFT_ALREADY_LEADER,     /* a leader cannot be paused */
    RAFT_CHANGE_IN_PROGRESS, /* one membership change at a time */
    RAFT_PEER_NOT_FOUND,
    RAFT_LAST_PEER, /* cannot be removed */
    RAFT_MEMBER_ALREADY,
    RAFT_ILLEGAL_PEER, /* an id of another length */
    RAFT_TOO_MANY_PEERS,
    RAFT_WRITE_ERROR, /* an earlier write failed; the member is closed */
    RAFT_IS_CLOSED,
    RAFT_NO_SNAPSHOT,
    RAFT_SNAPSHOT_BUSY, /* a follower is catching up */
    RAFT_TOO_LARGE,     /* an entry above RAFT_DATA_MAX */
    RAFT_LEADER_KNOWN,  /* rescue and evict need a leaderless group */
    RAFT_NOT_MANAGED,
    RAFT_QUORUM_POSSIBLE, /* evict: the others could still elect */
    RAFT_BAD_QUORUM,      /* rescue: not within 1..quorum */
    RAFT_NOT_VOTING,
    RAFT_LOG_EMPTY,
    RAFT_CORRUPT, /* raft_load: the entry does not continue the log */
    RAFT_RC_COUNT
};
/* The reference's words, e.g. "raft: not leader". */
const char *raft_rc_text(enum raft_rc rc);

/* ---- messages ---------------------------------------------------------------------------------------------
 */

enum raft_place {
    RAFT_TO_NOBODY,
    RAFT_TO_VOTE,     /* $NRG.V.<group>: all other members */
    RAFT_TO_APPEND,   /* $NRG.AE.<group>: all other members */
    RAFT_TO_PROPOSE,  /* $NRG.P.<group>: the leader */
    RAFT_TO_REMOVE,   /* $NRG.RP.<group>: the leader */
    RAFT_TO_REPLY,    /* $NRG.R.<inbox> */
    RAFT_TO_CATCHUP,  /* $NRG.CR.<inbox>: a follower that catches up */
    RAFT_TO_PROGRESS, /* $NRG.CP.<inbox>: the leader of a catch up */
};

struct raft_addr {
    enum raft_place place;
    char inbox[RAFT_INBOX_LEN]; /* REPLY, CATCHUP, PROGRESS */
};

enum raft_entry_type {
    RAFT_NORMAL = 0,
    RAFT_OLD_SNAPSHOT = 1,
    RAFT_PEER_STATE = 2,
    RAFT_ADD_PEER = 3,
    RAFT_REMOVE_PEER = 4,
    RAFT_LEADER_TRANSFER = 5,
    RAFT_SNAPSHOT = 6,
};

struct raft_entry {
    uint8_t type; /* enum raft_entry_type; others are stored and ignored */
    slice data;
};

/* Bytes of an append entry as it is sent and stored, without lterm. */
#define RAFT_APPEND_HEAD 42u
#define RAFT_ENTRY_HEAD  5u

struct raft_append {
    raft_id leader; /* who created it */
    uint64_t term;  /* in which it was created */
    uint64_t commit;
    uint64_t pterm, pindex; /* the log entry before it */
    uint64_t lterm;         /* on entries of a catch up: the sender's term; else 0 */
    const struct raft_entry *entries;
    size_t count; /* 0: a heartbeat */
};

struct raft_vote_request {
    uint64_t term, last_term, last_index;
    raft_id candidate;
};
struct raft_vote_response {
    uint64_t term;
    raft_id peer;
    bool granted, empty;
};
struct raft_append_response {
    uint64_t term, index;
    raft_id peer;
    bool success;
};

enum raft_msg_type {
    RAFT_MSG_VOTE_REQUEST,
    RAFT_MSG_VOTE_RESPONSE,
    RAFT_MSG_APPEND,
    RAFT_MSG_APPEND_RESPONSE,
    RAFT_MSG_PROPOSAL,
    RAFT_MSG_REMOVE_PEER,
};

struct raft_msg {
    enum raft_msg_type type;
    union {
        struct raft_vote_request vote_request;
        struct raft_vote_response vote_response;
        struct raft_append append;
        struct raft_append_response append_response;
        slice proposal; /* data of one normal entry */
        raft_id removed;
    };
};

/* The membership: `size` may exceed the number of known ids while a group boots. */
struct raft_peers {
    uint32_t size;
    uint32_t count;
    uint16_t extension; /* domain extension state, carried for the upper layer */
    const raft_id *ids;
};

/* ---- events ---- */

enum raft_event_type {
    RAFT_EV_START,       /* first of all: what was loaded is complete */
    RAFT_EV_TICK,        /* the deadline has come (or not; spurious ticks are harmless) */
    RAFT_EV_NETWORK,     /* on: there is a way to the peers */
    RAFT_EV_MESSAGE,     /* message, to, reply */
    RAFT_EV_DURABLE,     /* op */
    RAFT_EV_DISK_FAILED, /* a write or sync failed: the member closes */
    RAFT_EV_DAMAGED,     /* index: a stored entry cannot be read */
    RAFT_EV_PROPOSE,     /* term (0: whatever it is), entries: normal ones; one step, in order */
    RAFT_EV_FORWARDED,   /* entries: a proposal that came on $NRG.P, maybe several */
    RAFT_EV_ADD_PEER,    /* peer */
    RAFT_EV_REMOVE_PEER, /* peer; a non-leader forwards it */
    RAFT_EV_STEP_DOWN,   /* peer: preferred successor or 0; peers: those known online (NULL ids: all) */
    RAFT_EV_APPLIED,     /* index: processed; applied: stored */
    RAFT_EV_PAUSE,
    RAFT_EV_RESUME,
    RAFT_EV_DRAIN_REPLAY,   /* forget what was handed up since the snapshot, hand all of it again (paused) */
    RAFT_EV_SNAPSHOT_SAVED, /* index, bytes: a snapshot of the state there is safe on disk */
    RAFT_EV_SNAPSHOT_UNREADABLE, /* our own snapshot cannot be read */
    RAFT_EV_OBSERVER,            /* on */
    RAFT_EV_LEARNER,             /* on */
    RAFT_EV_RESOURCES,           /* on: the store's limits are exceeded */
    RAFT_EV_HEARTBEAT,           /* the upper layer wants one sent */
    RAFT_EV_CAMPAIGN,            /* the upper layer wants us to run soon: the preferred first leader */
    RAFT_EV_RESUBSCRIBE,         /* the traffic moves to another account */
    RAFT_EV_BOOT_SIZE, /* index: the expected size, before any leader was seen; by the leader; or a larger
                          one, while the log is empty */
    RAFT_EV_EVICT,     /* peers.ids to drop without the log */
    RAFT_EV_RESCUE,    /* index: the quorum for the next five minutes */
    RAFT_EV_STOP,      /* transfer if leading, then observe */
};

struct raft_event {
    enum raft_event_type type;
    int64_t now; /* of every event */
    bool on;
    raft_id peer;
    uint64_t op, term, index, applied, bytes;
    struct raft_addr to, reply;
    const struct raft_msg *msg;
    const struct raft_entry *entries;
    size_t count;
    struct raft_peers peers;
};

/* ---- effects ---- */

enum raft_effect_type {
    RAFT_DO_SUBSCRIBE,     /* to */
    RAFT_DO_UNSUBSCRIBE,   /* to */
    RAFT_DO_SEND,          /* msg, to, reply */
    RAFT_DO_SEND_LOG,      /* stored entries index..upto, each with lterm = term, to `to`, reply `reply` */
    RAFT_DO_SEND_SNAPSHOT, /* our snapshot as append entry (msg.append without entries is its head) */
    RAFT_DO_APPEND,        /* index, msg.append: store it (lterm 0) */
    RAFT_DO_TRUNCATE,      /* index: entries above it go */
    RAFT_DO_COMPACT,       /* index: entries up to it may go */
    RAFT_DO_INSTALL,       /* op, term, index, peers, data: the leader's snapshot replaces snapshot and log */
    RAFT_DO_SAVE_STATE,    /* op, term, peer (the vote) */
    RAFT_DO_SAVE_PEERS,    /* op, peers */
    RAFT_DO_PROMISE,       /* op, term, index; see above. `on`: we may have forgotten earlier promises */
    RAFT_DO_APPLY,         /* entries index..upto are committed: hand them up in order */
    RAFT_DO_APPLY_SNAPSHOT, /* hand up our snapshot (term, index): the state starts from it */
    RAFT_DO_NOTIFY,         /* note, and what belongs to it */
};

enum raft_note {
    RAFT_NOTE_LEADER,        /* we lead in `term`, and all up to our first entry is processed */
    RAFT_NOTE_NOT_LEADER,    /* we do not lead any more, or another leader (peer) was seen */
    RAFT_NOTE_LOST_QUORUM,   /* as candidate, at most every 20 s */
    RAFT_NOTE_CATCHUP,       /* a catch up from a snapshot begins */
    RAFT_NOTE_CAUGHT_UP,     /* end of replay, or of a catch up */
    RAFT_NOTE_OBSERVED,      /* peer is no member but answers (once a leadership) */
    RAFT_NOTE_WANT_SNAPSHOT, /* please save one at the applied index: entries below are damaged */
    RAFT_NOTE_NEED_REPAIR,   /* entry `index` was damaged; it will be fetched again */
    RAFT_NOTE_REMOVED,       /* we led, committed our own removal and are done */
    RAFT_NOTE_CLOSED,        /* write error: we neither vote nor answer any more */
    RAFT_NOTE_MEMBERS,       /* the membership in effect changed */
    RAFT_NOTE_OVERRUN,       /* on: we stopped accepting entries, the upper layer is behind; off: resumed */
    RAFT_NOTE_TWO_LEADERS,   /* peer leads in our own term: somebody forgot a vote */
    RAFT_NOTE_HIGHER_TERM,   /* a follower knows a later term: we step down */
    RAFT_NOTE_BAD_CATCHUP,   /* an entry of a catch up neither continues our log nor is a snapshot */
    RAFT_NOTE_FORGOT,        /* we start with less than we promised; we do not count until caught up */
    RAFT_NOTE_RESCUE,        /* index: quorum changed by a rescue (or its end) */
};

struct raft_effect {
    enum raft_effect_type type;
    enum raft_note note;
    bool on;
    raft_id peer;
    uint64_t op, term, index, upto;
    struct raft_addr to, reply;
    struct raft_msg msg;
    struct raft_peers peers;
    slice data;
};

struct raft_update {
    const struct raft_effect *effects;
    size_t count;
    int64_t deadline; /* send a tick then; INT64_MAX: never */
    uint64_t index;   /* PROPOSE: index of the last append entry made of it */
};

/* ---- life ---- */

struct raft_config {
    raft_id id;
    uint64_t seed;     /* of timeouts and inbox names; differs between members and lives */
    bool managed;      /* stream and consumer groups: peers come and go by the upper layer only */
    bool initializing; /* brand new: an empty log is no loss */
    bool observer;     /* never campaigns */
    bool learner;      /* stores, but is no member yet */
    bool preferred;    /* chosen first leader: campaigns after 50 ms, repeats its request */
    bool volatile_log; /* the log lives in memory: nothing is promised beyond a restart */
};

/* What the disk held. */
struct raft_stored {
    int64_t now;
    uint64_t term;
    raft_id vote;
    bool state_saved;   /* term and vote are on the disk as they are here */
    bool peers_saved;   /* so are the peers */
    bool vote_lost;     /* no record of term and vote, or a damaged one */
    bool promise_known; /* promise_term and promise_index come from a record, which may say (0, 0) */
    bool promise_lost;  /* the promise is unreadable, or an earlier life was told so and never caught up */
    uint64_t promise_term, promise_index;
    uint64_t snapshot_term, snapshot_index; /* 0, 0: none */
    uint64_t commit;                        /* commit.idx, or 0 */
    struct raft_peers peers;                /* of the snapshot, else of peers.idx, else the bootstrap's */
};

struct raft;

/* NULL without memory. */
struct raft *raft_new(const struct raft_config *config, const struct raft_stored *stored);
void raft_free(struct raft *r);

/* Before RAFT_EV_START: the log's entries in order, beginning behind the snapshot. RAFT_CORRUPT when `append`
 * does not continue the log; then it and all behind it must be cut off by the driver. */
enum raft_rc raft_load(struct raft *r, const struct raft_append *append);

/* See above. `update` is filled in any case. */
enum raft_rc raft_step(struct raft *r, const struct raft_event *event, struct raft_update *update);

/* What a snapshot at the applied index has to say: its term and index, and the committed membership there.
 * RAFT_NO_SNAPSHOT when nothing is applied beyond the last one; RAFT_SNAPSHOT_BUSY while followers catch up
 * unless forced. *peers lives until the next step. */
enum raft_rc raft_snapshot_head(const struct raft *r, bool force, uint64_t *term, uint64_t *index,
                                struct raft_peers *peers);

struct raft_status {
    enum raft_role role;
    uint64_t term, pterm, pindex, commit, processed, applied;
    uint64_t first_index;                   /* of the log */
    uint64_t snapshot_term, snapshot_index; /* papplied */
    uint64_t durable_index;                 /* promised, durable end of the log */
    uint64_t log_bytes;
    raft_id leader, vote;
    bool leading; /* leader, and the upper layer has been told */
    bool had_leader, observer, learner, paused, overrun, catching_up, forgot, current;
    uint64_t overruns;
    uint32_t size, quorum;
    bool rescued;
    int64_t leader_since; /* 0: not leading */
    struct raft_peers peers;
};
void raft_get_status(const struct raft *r, struct raft_status *out);

struct raft_peer_status {
    raft_id id;
    bool member; /* false: only observed, or with an uncommitted change */
    bool current;
    bool caught_up;
    uint64_t lag, match;
    int64_t last_heard; /* time, 0: never */
};
/* The i-th other peer; false beyond the last. */
bool raft_peer_at(const struct raft *r, size_t i, struct raft_peer_status *out);

/* Term of an entry in the log or of the snapshot; 0 when unknown. */
uint64_t raft_term_at(const struct raft *r, uint64_t index);

const char *raft_role_name(enum raft_role role);
const char *raft_note_name(enum raft_note note);

#endif
