/* sublist.h: who wants which subject. One sublist for each account.
 *
 * Layout. Subscriptions to literal subjects stand in a hash by the whole subject; those to patterns with `*`
 * or `>` in a tree of tokens, whose edges are one more hash. Both hashes grow by splitting small pages
 * (extendible hashing), so no insert ever moves more than one page. A subject with one subscription costs
 * that subscription and its slot of the hash; with more it gets a `set`: an array of plain subscriptions, and
 * an array of queue groups.
 *
 * Threads. Matching takes no lock: any loop may match while others insert and remove, between epoch_enter
 * and epoch_leave of its record. Writers take the sublist's mutex for a bounded time. What is removed is
 * retired by the writer's epoch record, so pointers in a result stay good until the reader's epoch_leave.
 *
 * What a match costs. The literal hash is looked up each time. Which patterns match a subject is remembered
 * in a cache of the loop's scratch; an entry is good as long as no *pattern* under the same first token has
 * come or gone: neither the churn of literal inboxes nor members that join and leave a known pattern
 * invalidate it. Subjects are cached when seen for the second time, so one-shot subjects push out nothing.
 * A result remembers what it was made for: the next match of the same subject, while no subscription at all
 * has come or gone, is a comparison (a publisher's next message often has the subject of the last one).
 *
 * The rules are those of docs/spec/client-protocol.md, section 11. */
#ifndef INTEREST_SUBLIST_H
#define INTEREST_SUBLIST_H

#include "base/epoch.h"
#include <midge/slice.h>

enum {
    SUBLIST_SLOTS_MAX = 256,      /* loops and other readers with a scratch */
    SUBLIST_BATCH = 256,          /* removals under one hold of the lock */
    SUBLIST_CACHE_ENTRIES = 1024, /* cached subjects of one scratch, for all accounts together */
    SUBLIST_REMEMBERED_MAX =
        124,               /* bytes of a subject that a result remembers; longer ones are matched anew */
    SUB_LEN_MAX = 1 << 24, /* bytes of a subject, queue name or sid */
    SUB_WEIGHT_MAX = 65535,
};

struct sublist;
struct sublist_scratch;

/* What receives: owned and defined by the layer above (a client connection, a route, an internal
 * subscriber). It must live until the epochs have passed over the removal of its last subscription: retire it
 * by the same record after them. */
struct sub_target;

enum sub_flags {
    /* Does not count as interest of this server (it was announced by another one): the edge hook does not
     * hear of it. Looked at by sublist_insert alone. */
    SUB_REMOTE = 1,
    /* The others are for the layer above, under the target's lock. */
};

/* One subscription: one allocation, header and bytes. Subject, queue and sid never change. */
struct sub {
    union {
        struct { /* the sublist's, under its lock */
            uint64_t hash;
            uint32_t index;
            uint32_t local; /* what it adds to the interest of this server */
        } at;
        struct epoch_node dead;
    } link; /* private */
    struct sub_target *target;
    uint64_t delivered; /* the owner's layer: guarded by the target's lock */
    uint32_t max;       /* the owner's layer: 0 is unlimited, else removed when delivered reaches it */
    uint32_t subject_len;
    uint32_t queue_len;
    uint32_t sid_len;
    uint16_t weight;        /* how often a member stands in its queue group; 1 but for remote ones */
    uint8_t flags;          /* enum sub_flags */
    _Atomic uint8_t closed; /* nothing more is delivered; still listed until removed */
    uint8_t bytes[];        /* subject, queue, sid */
};

/* A new subscription, in no sublist yet; queue may be empty. NULL when out of memory or when a length is
 * above SUB_LEN_MAX. The target is not touched. */
struct sub *sub_new(slice subject, slice queue, slice sid, struct sub_target *target);

/* Of a subscription that was never inserted, or whose insert failed. */
void sub_free(struct sub *s);

static inline slice sub_subject(const struct sub *s)
{
    return slice_make(s->bytes, s->subject_len);
}
static inline slice sub_queue(const struct sub *s)
{
    return slice_make(s->bytes + s->subject_len, s->queue_len);
}
static inline slice sub_sid(const struct sub *s)
{
    return slice_make(s->bytes + s->subject_len + s->queue_len, s->sid_len);
}

/* [any] Mark as closed: sublist_has_interest and watches ignore it from now on. A match may still return it:
 * who delivers tests sub_closed under the target's lock. sublist_remove marks it, too. */
static inline void sub_close(struct sub *s)
{
    atomic_store_explicit(&s->closed, 1, memory_order_release);
}
static inline bool sub_closed(const struct sub *s)
{
    return atomic_load_explicit(&s->closed, memory_order_acquire) != 0;
}

/* The number of local (not SUB_REMOTE) subscriptions of one exact subject changed under the lock: plain ones
 * when `queue` is empty (told only for 0 -> 1 and 1 -> 0), else the weight sum of one queue group (told for
 * each change, peers are sent it). Runs inside the critical section of the change, in the order of the
 * changes: append to the outboxes of peers here. Must not call into this sublist, nor block. */
typedef void (*sublist_edge_fn)(void *ctx, slice subject, slice queue, uint64_t before, uint64_t after);

struct sublist_options {
    uint64_t id;          /* unique among all sublists that a scratch will ever see, and not 0 */
    uint64_t seed;        /* of the hashes: random, so that nobody can choose colliding subjects */
    unsigned slots;       /* scratches that will match here have slot numbers below this */
    sublist_edge_fn edge; /* may be NULL */
    void *edge_ctx;
};

/* NULL when out of memory. */
struct sublist *sublist_new(const struct sublist_options *opt);

/* Frees it with everything that is still in it, at once: no reader may be left (retire an account by epoch
 * and call this from there). */
void sublist_free(struct sublist *sl);

/* [any] Change the hook, atomically with respect to changes of interest. Before it returns, `fn` is told of
 * everything that counts at present (before = 0) when `replay` is set: O(all). */
void sublist_set_edge(struct sublist *sl, sublist_edge_fn fn, void *ctx, bool replay);

/* [any] Add. `r` is the caller's epoch record (structures that grow retire their old parts). 0, -EINVAL for
 * a subject that is no valid subscription, -ENOMEM. On success the sublist owns the memory of `s` until
 * sublist_remove. A sub that was removed is never inserted again. O(tokens). */
int sublist_insert(struct sublist *sl, struct epoch_reader *r, struct sub *s);

/* [any] Take out and retire: the memory is freed when no reader can see it. `s` must be in. O(tokens). */
void sublist_remove(struct sublist *sl, struct epoch_reader *r, struct sub *s);

/* [any] The same for many (a connection that closes), SUBLIST_BATCH under each hold of the lock. The layer
 * above marks its target closed first, so that nothing is delivered meanwhile, and may spread large arrays
 * over several turns. */
void sublist_remove_many(struct sublist *sl, struct epoch_reader *r, struct sub *const *subs, size_t count);

/* ---- matching ---- */

/* The subscribers of one queue group; a member with weight n stands there n times. */
struct sublist_group {
    slice queue;
    struct sub *const *members;
    uint32_t count; /* at least 1 */
};

/* What a match found; arrays that grow and are used again. Belongs to one thread. A delivery that leads to
 * further matches uses one result for each depth. Start with {0}. */
struct sublist_result {
    struct sub **plain;
    uint32_t plain_count;
    uint32_t group_count;
    struct sublist_group *groups;
    uint32_t plain_cap, group_cap, member_cap; /* private */
    struct sub **members;                      /* private */
    uint64_t made_id;                          /* private: sublist, state and subject it was made for; */
    uint64_t made_changes;                     /* id 0: made for none */
    uint32_t made_len;
    uint8_t made_subject[SUBLIST_REMEMBERED_MAX];
};

void sublist_result_free(struct sublist_result *res);

/* A loop's own memory for matching: cache and stacks, shared by all accounts. `slot` numbers the loops from
 * 0. NULL when out of memory. */
struct sublist_scratch *sublist_scratch_new(unsigned slot);
void sublist_scratch_free(struct sublist_scratch *sc);

/* [any] Subjects whose patterns are in its cache at present: the server's cache size is the sum over loops.
 */
uint64_t sublist_scratch_cached(const struct sublist_scratch *sc);

/* [the scratch's loop, online] Everything that matches `subject`, whose tokens are taken literally (`foo.*`
 * published is matched by the pattern `foo.*`, not by `foo.bar`). A subject with an empty token matches
 * nothing. Subs with the same queue name on different patterns form one group. No order is promised. The
 * subs may be used until epoch_leave, the arrays until the next match into the same result; neither the
 * arrays nor the counts may be changed. 0 or -ENOMEM (the result is then empty). */
int sublist_match(struct sublist *sl, slice subject, struct sublist_scratch *sc, struct sublist_result *res);

/* [a scratch's loop, online] Is there a subscription, not closed, that matches? */
bool sublist_has_interest(struct sublist *sl, slice subject, struct sublist_scratch *sc);

/* The order in which the members of a group are tried: start at sublist_queue_start(count, random), then
 * count - 1 times sublist_queue_next, until one accepts (11.5: uniform start, circular walk). `random` is any
 * uniform 32-bit number. */
static inline uint32_t sublist_queue_start(uint32_t count, uint32_t random)
{
    return (uint32_t)(((uint64_t)random * count) >> 32);
}
static inline uint32_t sublist_queue_next(uint32_t at, uint32_t count)
{
    return at + 1 == count ? 0 : at + 1;
}

/* ---- reverse match ---- */

enum sublist_relation {
    SUBLIST_ALL,     /* every subscription; the pattern is not looked at */
    SUBLIST_COVERED, /* its subject is a subset of the pattern */
    SUBLIST_OVERLAP, /* some literal matches both */
};

/* Where a scan stands. Start with {0}. */
struct sublist_scan {
    uint64_t next; /* private */
    uint8_t stage; /* private */
};

/* [any] One bounded step over the subscriptions that stand in `relation` to `pattern`: calls `fn` for each
 * under the lock (it must not call into this sublist) and returns false when the scan is complete. Subs that
 * are there from the first step to the last are seen exactly once, others at most once. Order: fixed for a
 * given seed, otherwise none. */
bool sublist_scan_step(struct sublist *sl, struct sublist_scan *scan, enum sublist_relation relation,
                       slice pattern, void (*fn)(void *ctx, struct sub *s), void *ctx);

/* ---- watches ---- */

/* Told under the lock when interest in the watched subject comes (true) or goes (false). Must not call into
 * this sublist, nor block: post to an inbox. */
typedef void (*sublist_watch_fn)(void *ctx, bool interest);

struct sublist_watch;

/* [any] Watch a literal subject; with a non-empty `queue` only members of that group count. `*now` gets the
 * present state, `fn` every change after it. NULL when out of memory or when the subject is no valid literal.
 * A sub that was only marked closed counts until it is removed. */
struct sublist_watch *sublist_watch_new(struct sublist *sl, slice subject, slice queue, sublist_watch_fn fn,
                                        void *ctx, bool *now);

/* [any] After it returns `fn` is not called any more. */
void sublist_watch_free(struct sublist *sl, struct sublist_watch *w);

/* ---- statistics ---- */

/* matches, hits and fan-out are summed over the loops and may be a moment old. */
struct sublist_stats {
    uint64_t count;   /* subscriptions */
    uint64_t inserts; /* ever */
    uint64_t removes;
    uint64_t matches;
    uint64_t hits; /* matches that did not walk the tree of patterns */
    uint64_t fanout_max;
    uint64_t fanout_sum; /* average is fanout_sum / matches */
};

/* [any] */
void sublist_stats(struct sublist *sl, struct sublist_stats *out);

/* [any] Subscriptions at present. */
uint64_t sublist_count(const struct sublist *sl);

#endif
