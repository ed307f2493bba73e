/* store.h: a stream's messages, in memory or in files.
 *
 * One interface with two implementations: mem_store.h (nothing survives) and file_store.h (the Go server's
 * file format). A store keeps messages by rising sequence, knows which subjects it holds, enforces the
 * stream's limits and reports every change of its totals. It knows nothing of networks, consumers or
 * clusters.
 *
 * Owner thread. A store belongs to one thread (the shard); every call and every callback happens on it.
 * Nothing here blocks on another thread, but a read may read one block from disk.
 *
 * Time is an argument: nanoseconds of the Unix epoch, never read from a clock here.
 *
 * Lifetime of slices. Messages and subjects that a call hands out point into the store's memory and are valid
 * until the next call on the same store, or on another store that shares its cache.
 *
 * Sequences. Rise by one from the first; 0 is "none". `last` never falls but by store_truncate. A store that
 * was emptied has first = last + 1. A deleted sequence is never used again.
 *
 * Durability. An append is visible to reads of the owner at once and durable later. Every operation that
 * changes the store moves its write mark (store_progress); when the durable mark has reached the mark that
 * was seen after an operation, a power cut cannot undo it. In STORE_SYNC_ALWAYS nobody outside may be told of
 * a message or of its removal before that. If a write or sync fails, everything behind the durable mark is
 * undone, the store is loaded anew from its files, and the `progress` callback reports the error; it keeps
 * serving reads, and takes appends again once the disk does. A memory store is durable at once.
 *
 * Errors. Calls return STORE_OK or another store_rc; none aborts on bad input or bad files. A refused call
 * has changed nothing. store_rc_text gives the text that the Go server sends for it.
 *
 * Limits. STORE_RECORD_MAX bytes a record, STORE_SUBJECT_MAX a subject, STORE_SEQUENCE_MAX the last sequence.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <midge/slice.h>

#define STORE_RECORD_MAX   (32u << 20) /* subject + headers + data + overhead (30 or 34 bytes in files) */
#define STORE_SUBJECT_MAX  65535u
#define STORE_SEQUENCE_MAX ((UINT64_C(1) << 62) - 1) /* the bits above are a record's flags */
#define STORE_TTL_NEVER    (-1)
#define STORE_TIME_NONE    INT64_MIN /* "no time": the Go zero time */

enum store_rc {
    STORE_OK,
    STORE_CLOSED,    /* used after close */
    STORE_NOT_FOUND, /* no such message, or its record is damaged */
    STORE_EOF,       /* beyond the last (or before the first) match */
    STORE_MAX_MSGS,  /* discard new: refused by a limit; no sequence was used */
    STORE_MAX_BYTES,
    STORE_MAX_PER_SUBJECT,
    STORE_TOO_LARGE,    /* record above STORE_RECORD_MAX or subject above STORE_SUBJECT_MAX */
    STORE_BAD_SEQUENCE, /* an explicit sequence is not last + 1 */
    STORE_TOO_MANY,     /* more results than allowed */
    STORE_NO_SPACE,     /* the disk is full: try again when there is space */
    STORE_IO,           /* the disk failed */
    STORE_WRITE_FAILED, /* an earlier write failed and the store could not be loaded anew */
    STORE_CORRUPT,      /* bytes that make no sense where they are needed */
    STORE_NO_MEMORY,
    STORE_NOT_SUPPORTED, /* e.g. a partial purge by sequence beyond what a memory store does */
    STORE_INVALID,       /* an argument out of its range */
    STORE_ACK_NONE,      /* consumer_store.h: the ack policy is none */
    STORE_OLD_UPDATE,    /* consumer_store.h */
    STORE_BAD_STATE,     /* state file or snapshot that cannot be decoded */
    STORE_NO_KEY,        /* encrypted, and no key was given */
    STORE_WRONG_KEY,     /* encrypted, and none of the keys opens it */
    STORE_RC_COUNT
};

enum store_kind { STORE_FILE, STORE_MEMORY };
enum store_discard { STORE_DISCARD_OLD, STORE_DISCARD_NEW };
enum store_sync {
    STORE_SYNC_ALWAYS,   /* synced in groups before `durable` moves: the default */
    STORE_SYNC_INTERVAL, /* written at once, synced by the timer (Go's default) */
    STORE_SYNC_NEVER,    /* written at once, synced at close only */
};

/* What the store enforces. Numbers <= 0 mean "no limit". Copied by the call that takes it. */
struct store_limits {
    int64_t max_msgs;
    int64_t max_bytes;
    int64_t max_age_ns;
    int64_t max_per_subject;
    enum store_discard discard;
    bool discard_new_per_subject;
    bool allow_ttl;        /* honour per-message TTLs */
    int64_t marker_ttl_ns; /* subject delete markers: expiry is handed to hooks.expired instead of done */
};

/* Whole messages in and out. `hdr` is the complete header block or empty. */
struct store_msg {
    uint64_t seq;
    int64_t ts;
    slice subject;
    slice hdr;
    slice data;
};

struct store_append {
    uint64_t seq; /* 0: the next; otherwise it must be last + 1 */
    int64_t ts;
    int64_t ttl_s; /* seconds, 0 none, STORE_TTL_NEVER: survives max_age */
    slice subject;
    slice hdr;
    slice data;
    bool refuse_over_limit; /* apply discard-new checks (the leader does, followers take everything) */
    bool rollup;            /* carries Nats-Rollup: exempt from discard_new_per_subject */
};

struct store_state {
    uint64_t msgs;
    uint64_t bytes;
    uint64_t first;
    uint64_t last;
    int64_t first_ts; /* STORE_TIME_NONE when empty */
    int64_t
        last_ts; /* of the last message stored, even when it is gone; STORE_TIME_NONE when there was none */
    uint64_t num_subjects;
    uint64_t num_deleted; /* last - first + 1 - msgs */
};

/* A set of subjects, each possibly with wildcards, that do not need to be disjoint. Count 0, an empty subject
 * or
 * ">" mean everything. The store copies nothing. */
struct store_filter {
    const slice *subjects;
    size_t count;
};
#define STORE_ALL ((struct store_filter){NULL, 0})

struct store_subject_state {
    uint64_t msgs;
    uint64_t first;
    uint64_t last;
};

/* Messages lost to damage: sequences first..last (0, 0 when unknown) and bytes of files. */
struct store_lost {
    uint64_t first;
    uint64_t last;
    uint64_t bytes;
};

struct store_progress {
    uint64_t written;     /* mark behind the last change */
    uint64_t durable;     /* mark behind the last change that a power cut cannot undo */
    uint64_t durable_seq; /* the highest sequence that may be shown when nothing undurable may be */
};

enum store_remove_how {
    STORE_REMOVE,       /* on request: remembered by a tombstone */
    STORE_REMOVE_ERASE, /* as REMOVE, and the bytes are overwritten (not in encrypted stores) */
    STORE_REMOVE_LIMIT, /* as a limit would: no tombstone */
};

enum store_expire_why { STORE_EXPIRED_AGE, STORE_EXPIRED_TTL };

/* What the owner is told. All optional; called on the owner thread, inside the call that causes them
 * (progress: also from storage_poll). A hook must not call the store but where it says so. */
struct store_hooks {
    void *ctx;
    /* Totals changed: signed deltas. For one message its sequence and subject, else 0 and empty. */
    void (*changed)(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject);
    /* durable moved (rc STORE_OK), or a write failed and all behind `durable` was undone. */
    void (*progress)(void *ctx, struct store_progress p, enum store_rc rc);
    /* Damage was found. Called once for each range when it is found. */
    void (*lost)(void *ctx, struct store_lost what);
    /* A replica may have what was lost: true when it will be brought by store_repair. */
    bool (*can_repair)(void *ctx, uint64_t first, uint64_t last);
    /* With marker_ttl_ns: this message has expired; `last_of_subject` when no younger one remains. The owner
     * removes it (or replaces it by a marker) through calls of its own, later. */
    void (*expired)(void *ctx, const struct store_msg *m, enum store_expire_why why, bool last_of_subject);
    /* A line for the server's log. */
    void (*log)(void *ctx, int level, const char *line); /* 0 debug, 1 notice, 2 warning, 3 error */
};

/* Called for each result; return false to stop. */
typedef bool (*store_subject_fn)(void *ctx, slice subject, const struct store_subject_state *s);
typedef bool (*store_range_fn)(void *ctx, uint64_t first, uint64_t last);
/* `remaining`: how many results are still to come behind this one. */
typedef bool (*store_msg_fn)(void *ctx, const struct store_msg *m, uint64_t remaining);

struct store;

struct store_ops {
    enum store_rc (*append)(struct store *, const struct store_append *, int64_t now, uint64_t *seq);
    enum store_rc (*skip)(struct store *, uint64_t first, uint64_t count, int64_t now);
    enum store_rc (*remove)(struct store *, uint64_t seq, enum store_remove_how, bool *removed);
    enum store_rc (*purge)(struct store *, slice filter, uint64_t below, uint64_t keep, uint64_t *purged);
    enum store_rc (*compact)(struct store *, uint64_t first, uint64_t *purged);
    enum store_rc (*truncate)(struct store *, uint64_t last, int64_t now);
    enum store_rc (*sync_deletes)(struct store *, slice blocks);
    enum store_rc (*update)(struct store *, const struct store_limits *, slice meta, int64_t now);
    enum store_rc (*expire)(struct store *, int64_t now, size_t max, int64_t *next_due);
    enum store_rc (*repair)(struct store *, const struct store_msg *);

    enum store_rc (*load)(struct store *, uint64_t seq, struct store_msg *);
    enum store_rc (*load_last)(struct store *, slice filter, struct store_msg *);
    enum store_rc (*next)(struct store *, struct store_filter, uint64_t from, struct store_msg *,
                          uint64_t *skip);
    enum store_rc (*prev)(struct store *, struct store_filter, uint64_t from, struct store_msg *,
                          uint64_t *skip);
    enum store_rc (*batch)(struct store *, struct store_filter, uint64_t from, struct store_msg *, size_t max,
                           size_t *count, uint64_t *next);
    enum store_rc (*subject_at)(struct store *, uint64_t seq, slice *subject);
    void (*state)(struct store *, struct store_state *);
    enum store_rc (*deleted)(struct store *, store_range_fn, void *ctx);
    enum store_rc (*filtered_state)(struct store *, slice filter, uint64_t from,
                                    struct store_subject_state *);
    enum store_rc (*subject_state)(struct store *, slice subject, struct store_subject_state *);
    enum store_rc (*subjects)(struct store *, slice filter, store_subject_fn, void *ctx);
    enum store_rc (*last_seqs)(struct store *, struct store_filter, uint64_t max_seq, size_t allowed,
                               store_range_fn, void *ctx);
    enum store_rc (*last_msgs)(struct store *, struct store_filter, uint64_t min_seq, uint64_t max_seq,
                               size_t allowed, store_msg_fn, void *ctx, uint64_t *total);
    enum store_rc (*seq_from_time)(struct store *, int64_t ts, uint64_t *seq);
    enum store_rc (*pending)(struct store *, struct store_filter, uint64_t from, bool last_per_subject,
                             uint64_t *count);
    enum store_rc (*encode_state)(struct store *, uint64_t failed, uint8_t **buf, size_t *len);
    enum store_rc (*lost)(struct store *, struct store_lost *out, size_t max, size_t *count, uint64_t *bytes);

    enum store_rc (*commit)(struct store *);
    enum store_rc (*sync)(struct store *);
    void (*progress)(struct store *, struct store_progress *);
    enum store_rc (*maintain)(struct store *, int64_t now);
    void (*utilization)(struct store *, uint64_t *total, uint64_t *live);
    enum store_rc (*close)(struct store *, int64_t now);
    enum store_rc (*destroy)(struct store *);
};

/* Implementations embed this as their first member. */
struct store {
    const struct store_ops *ops;
    enum store_kind kind;
};

/* The Go server's text for an rc, e.g. "no message found". */
const char *store_rc_text(enum store_rc rc);

/* ---- changing --------------------------------------------------------------------------------------------
 */

/* Append a message; *seq gets its sequence. Then the limits are enforced: per subject, messages, bytes (the
 * latter two by discard old only). Checks in order: closed, earlier failure, discard-new limits, sequence,
 * size, space. */
static inline enum store_rc store_append(struct store *s, const struct store_append *a, int64_t now,
                                         uint64_t *seq)
{
    return s->ops->append(s, a, now, seq);
}
/* Use up sequences first..first+count-1 without messages; first 0 means last + 1, otherwise it must be that.
 */
static inline enum store_rc store_skip(struct store *s, uint64_t first, uint64_t count, int64_t now)
{
    return s->ops->skip(s, first, count, now);
}
/* STORE_OK with *removed false when it was gone already (or below the first). Beyond the last: file
 * STORE_EOF, memory OK/false. 0: file STORE_NOT_FOUND. */
static inline enum store_rc store_remove(struct store *s, uint64_t seq, enum store_remove_how how,
                                         bool *removed)
{
    return s->ops->remove(s, seq, how, removed);
}
/* Remove messages that match `filter`: all of them; those with a sequence below `below` (0: no bound; 1:
 * nothing happens); or all but the youngest `keep`. Without filter and with `below` it is a compact. */
static inline enum store_rc store_purge(struct store *s, slice filter, uint64_t below, uint64_t keep,
                                        uint64_t *purged)
{
    return s->ops->purge(s, filter, below, keep, purged);
}
/* Remove everything below `first`. 0 or above last: everything; above last + 1 the sequences move there.
 * STORE_INVALID when the last one would be beyond STORE_SEQUENCE_MAX. */
static inline enum store_rc store_compact(struct store *s, uint64_t first, uint64_t *purged)
{
    return s->ops->compact(s, first, purged);
}
/* Remove everything above `last`, which becomes the last sequence; 0 resets to "never used". STORE_INVALID
 * when above the present last. */
static inline enum store_rc store_truncate(struct store *s, uint64_t last, int64_t now)
{
    return s->ops->truncate(s, last, now);
}
/* Remove what a leader's encoded delete blocks (encode_state's tail) list, as limits do. STORE_BAD_STATE. */
static inline enum store_rc store_sync_deletes(struct store *s, slice blocks)
{
    return s->ops->sync_deletes(s, blocks);
}
/* New limits, enforced at once. `meta` is the new meta.inf document; empty leaves it as it is. When it cannot
 * be written the old limits stay. */
static inline enum store_rc store_update(struct store *s, const struct store_limits *l, slice meta,
                                         int64_t now)
{
    return s->ops->update(s, l, meta, now);
}
/* Remove (or hand up) at most `max` messages whose age or TTL has passed. *next_due: when to call again
 * (STORE_TIME_NONE: not before the next append). */
static inline enum store_rc store_expire(struct store *s, int64_t now, size_t max, int64_t *next_due)
{
    return s->ops->expire(s, now, max, next_due);
}
/* Bring back a message that damage took. STORE_INVALID when that sequence is not lost. */
static inline enum store_rc store_repair(struct store *s, const struct store_msg *m)
{
    return s->ops->repair(s, m);
}

/* ---- reading ---------------------------------------------------------------------------------------------
 */

/* The message with that sequence (0: the first). STORE_EOF above the last, else STORE_NOT_FOUND. */
static inline enum store_rc store_load(struct store *s, uint64_t seq, struct store_msg *m)
{
    return s->ops->load(s, seq, m);
}
/* The last message that matches; with no filter the message at `last` and nothing else. */
static inline enum store_rc store_load_last(struct store *s, slice filter, struct store_msg *m)
{
    return s->ops->load_last(s, filter, m);
}
/* The first match with sequence >= from. None: STORE_EOF, and *skip (may be NULL) = last. */
static inline enum store_rc store_next(struct store *s, struct store_filter f, uint64_t from,
                                       struct store_msg *m, uint64_t *skip)
{
    return s->ops->next(s, f, from, m, skip);
}
/* The greatest match with sequence <= from. None: STORE_EOF, and *skip (may be NULL) = first. */
static inline enum store_rc store_prev(struct store *s, struct store_filter f, uint64_t from,
                                       struct store_msg *m, uint64_t *skip)
{
    return s->ops->prev(s, f, from, m, skip);
}
/* As many matches from `from` on as fit in `max` and lie in one block, without copying. *next is where to go
 * on from (it may have passed sequences without a match; *count can be 0 with STORE_OK then). STORE_EOF at
 * the end. */
static inline enum store_rc store_batch(struct store *s, struct store_filter f, uint64_t from,
                                        struct store_msg *out, size_t max, size_t *count, uint64_t *next)
{
    return s->ops->batch(s, f, from, out, max, count, next);
}
/* The subject of a message. */
static inline enum store_rc store_subject_at(struct store *s, uint64_t seq, slice *subject)
{
    return s->ops->subject_at(s, seq, subject);
}
/* The totals, from memory. */
static inline void store_state(struct store *s, struct store_state *st)
{
    s->ops->state(s, st);
}
/* Every deleted range between first and last, ascending, adjacent ones merged. */
static inline enum store_rc store_deleted(struct store *s, store_range_fn fn, void *ctx)
{
    return s->ops->deleted(s, fn, ctx);
}
/* Count, first and last of the matches with sequence >= from. From above last, or of an emptied stream: file
 * store count 0 with the stream's first and last, memory store all 0. */
static inline enum store_rc store_filtered_state(struct store *s, slice filter, uint64_t from,
                                                 struct store_subject_state *st)
{
    return s->ops->filtered_state(s, filter, from, st);
}
/* One literal subject; STORE_NOT_FOUND when it holds nothing. Exact, from memory where known. */
static inline enum store_rc store_subject_state(struct store *s, slice subject,
                                                struct store_subject_state *st)
{
    return s->ops->subject_state(s, subject, st);
}
/* Each subject that matches with its totals, in byte order of the subject. */
static inline enum store_rc store_subjects(struct store *s, slice filter, store_subject_fn fn, void *ctx)
{
    return s->ops->subjects(s, filter, fn, ctx);
}
/* For each matching subject its last sequence <= max_seq (0: the last), ascending, as ranges of one.
 * STORE_TOO_MANY above `allowed` (0: no bound), before anything was reported. */
static inline enum store_rc store_last_seqs(struct store *s, struct store_filter f, uint64_t max_seq,
                                            size_t allowed, store_range_fn fn, void *ctx)
{
    return s->ops->last_seqs(s, f, max_seq, allowed, fn, ctx);
}
/* Those messages, ascending from min_seq; *total is their number. One consistent view: nothing changes
 * meanwhile. */
static inline enum store_rc store_last_msgs(struct store *s, struct store_filter f, uint64_t min_seq,
                                            uint64_t max_seq, size_t allowed, store_msg_fn fn, void *ctx,
                                            uint64_t *total)
{
    return s->ops->last_msgs(s, f, min_seq, max_seq, allowed, fn, ctx, total);
}
/* The first message with timestamp >= ts, timestamps taken as rising; last + 1 when there is none. */
static inline enum store_rc store_seq_from_time(struct store *s, int64_t ts, uint64_t *seq)
{
    return s->ops->seq_from_time(s, ts, seq);
}
/* How many matches have a sequence >= from; with last_per_subject how many matching subjects have their last
 * message there. Each message counts once however many subjects of the filter match it. Valid through last.
 */
static inline enum store_rc store_pending(struct store *s, struct store_filter f, uint64_t from,
                                          bool last_per_subject, uint64_t *count)
{
    return s->ops->pending(s, f, from, last_per_subject, count);
}
/* The replicated-state document (spec/storage.md section 17); the caller frees *buf. */
static inline enum store_rc store_encode_state(struct store *s, uint64_t failed, uint8_t **buf, size_t *len)
{
    return s->ops->encode_state(s, failed, buf, len);
}
/* What damage took since the store was opened: up to max ranges, their real number, bytes of files. */
static inline enum store_rc store_lost_data(struct store *s, struct store_lost *out, size_t max,
                                            size_t *count, uint64_t *bytes)
{
    return s->ops->lost(s, out, max, count, bytes);
}

/* ---- durability and life ---------------------------------------------------------------------------------
 */

/* Hand everything written so far to the storage (storage.h). Cheap; called once a turn. Returns before it is
 * durable unless the storage works inline. */
static inline enum store_rc store_commit(struct store *s)
{
    return s->ops->commit(s);
}
/* Write and sync everything now, in any mode. */
static inline enum store_rc store_sync_now(struct store *s)
{
    return s->ops->sync(s);
}
/* Where writing and durability stand. */
static inline void store_progress(struct store *s, struct store_progress *p)
{
    s->ops->progress(s, p);
}
/* Background work: compress, compact, write index.db, close idle files, sync by interval. Call about once a
 * second; each call does a bounded piece. */
static inline enum store_rc store_maintain(struct store *s, int64_t now)
{
    return s->ops->maintain(s, now);
}
/* Bytes of all blocks, and the part that live messages use. */
static inline void store_utilization(struct store *s, uint64_t *total, uint64_t *live)
{
    s->ops->utilization(s, total, live);
}
/* Write all state, sync, free. The store is gone in any case; the result says whether all was saved. */
static inline enum store_rc store_close(struct store *s, int64_t now)
{
    return s->ops->close(s, now);
}
/* Remove it with all its files (meta.inf first, so that a crash never brings it back), and free. The full
 * negative delta is reported. */
static inline enum store_rc store_destroy(struct store *s)
{
    return s->ops->destroy(s);
}

#endif
