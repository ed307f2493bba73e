/* sublist_impl.h: what sublist.c (changes), match.c (matching) and watch.c share. Private to this folder. */
#ifndef INTEREST_SUBLIST_IMPL_H
#define INTEREST_SUBLIST_IMPL_H

#include "base/hash.h"
#include "interest/dirhash.h"
#include "interest/set.h"
#include "interest/token.h"
#include "interest/tree.h"

enum {
    SUBLIST_STRIPES = 64, /* patterns are told apart by their first token for the validity of caches */
};

/* Counters of one loop: written by it alone, read by anybody. */
struct sublist_cell {
    alignas(64) _Atomic uint64_t matches;
    _Atomic uint64_t hits;
    _Atomic uint64_t fanout_sum;
    _Atomic uint64_t fanout_max;
};

/* Watches on one first token; and a watch. */
struct sublist_watch {
    struct sublist_watch *next; /* of the stripe */
    uint64_t matching;          /* subs that count */
    sublist_watch_fn fn;
    void *ctx;
    uint32_t subject_len;
    uint32_t queue_len;
    uint8_t bytes[]; /* subject, queue */
};

struct sublist {
    uint64_t id;
    uint64_t seed;
    struct dirhash literals; /* words by whole subject */
    struct tree patterns;
    _Atomic uint64_t pattern_subs; /* subscriptions in the tree */
    /* How often a pattern came or went whose first token is literal (by stripe), or a wildcard. A list of
     * matching patterns is good while both numbers are those read before it was made. */
    _Atomic uint64_t stripe_gen[SUBLIST_STRIPES];
    _Atomic uint64_t any_gen;
    _Atomic uint64_t changes; /* subscriptions that have come or gone; see sublist.c, tell() */

    alignas(64) pthread_mutex_t lock; /* all changes, and what stands below */
    sublist_edge_fn edge;
    void *edge_ctx;
    _Atomic uint64_t count;
    uint64_t inserts;
    uint64_t removes;
    size_t watch_count;
    struct sublist_watch *watches[SUBLIST_STRIPES];

    unsigned slots;
    struct sublist_cell cells[];
};

/* The stripe of a first token. */
unsigned sublist_stripe(const struct sublist *sl, slice first_token);

/* Under the lock: `s` came (true) or went (false). */
void sublist_watches_tell(struct sublist *sl, const struct sub *s, bool came);

/* Frees the watches that are left. */
void sublist_watches_close(struct sublist *sl);

static inline uint64_t sublist_hash(const struct sublist *sl, slice subject)
{
    return hash_bytes(subject, sl->seed);
}

/* Adds to a counter that has one writer. */
static inline void add_relaxed(_Atomic uint64_t *n, uint64_t add)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + add, memory_order_relaxed);
}

/* The word of a literal subject, 0 when there is none; *pos stands on it. */
static inline uint64_t sublist_literal(const struct sublist *sl, slice subject, uint64_t hash,
                                       struct dirhash_pos *pos)
{
    *pos = dirhash_seek(&sl->literals, hash);
    for (uint64_t word; (word = dirhash_next(pos)) != 0;) {
        if (slice_eq(word_subject(word), subject))
            return word;
    }
    return 0;
}

#endif
