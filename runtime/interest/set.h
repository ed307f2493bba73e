/* set.h: the subscriptions of one exact subject (literal or pattern).
 *
 * What a subject holds is one word: 0 for none, a `struct sub *` for a single one, or a `struct set *` with
 * the low bit set. A set is never turned back into a single sub; it goes when it is empty.
 *
 * A set has an array of plain subs and an array of queue groups. Arrays of subs are appended to in place and
 * leave a hole where one was removed, so joining and leaving cost the same for the first and the
 * millionth member; a full or half-empty array is replaced by a copy. The array of groups is never changed,
 * only replaced.
 *
 * Threads: what reads (set_subs, the accessors) is for online readers; what changes is for the holder of the
 * sublist's lock. */
#ifndef INTEREST_SET_H
#define INTEREST_SET_H

#include "interest/sublist.h"

struct subvec {
    struct epoch_node dead;
    uint32_t cap;
    uint32_t live;         /* subs in it; writers only */
    _Atomic uint32_t used; /* slots that were ever filled */
    _Atomic bool weighted; /* some sub's weight is not 1: else readers need not look at each */
    _Atomic(struct sub *) at[];
};

struct group {
    struct epoch_node dead;
    uint64_t hash;  /* of the name */
    uint64_t local; /* sum of the weights of members that are not SUB_REMOTE; writers only */
    _Atomic(struct subvec *) members;
    uint32_t name_len;
    uint8_t name[];
};

struct groupvec {
    struct epoch_node dead;
    uint32_t count;
    struct group *at[];
};

struct set {
    struct epoch_node dead;
    uint64_t hash;                     /* of the subject, for the literal table; writers only */
    uint64_t local;                    /* plain subs that are not SUB_REMOTE; writers only */
    _Atomic(struct subvec *) plain;    /* NULL when empty */
    _Atomic(struct groupvec *) groups; /* NULL when empty */
    uint32_t subject_len;
    uint8_t subject[];
};

/* ---- the word ---- */

#define SET_BIT 1U

static inline bool word_is_set(uint64_t word)
{
    return (word & SET_BIT) != 0;
}
static inline struct set *word_set(uint64_t word)
{
    return (struct set *)(uintptr_t)(word - SET_BIT);
}
static inline struct sub *word_sub(uint64_t word)
{
    return (struct sub *)(uintptr_t)word;
}
static inline uint64_t word_of_sub(struct sub *s)
{
    return (uint64_t)(uintptr_t)s;
}
static inline uint64_t word_of_set(struct set *set)
{
    return (uint64_t)(uintptr_t)set | SET_BIT;
}

/* The subject of what a non-zero word holds. */
static inline slice word_subject(uint64_t word)
{
    return word_is_set(word) ? slice_make(word_set(word)->subject, word_set(word)->subject_len)
                             : sub_subject(word_sub(word));
}

/* The hash under which a literal's word stands. */
static inline uint64_t word_hash(uint64_t word)
{
    return word_is_set(word) ? word_set(word)->hash : word_sub(word)->link.at.hash;
}

/* How the local interest in (subject, queue) changed: see sublist_edge_fn. */
struct word_change {
    uint64_t before;
    uint64_t after;
};

/* Adds `s` to `*word`, which then holds what is to be published in its place (often the same). link.at.hash
 * and link.at.local of the sub are set; `seed` is for the names of queues. False when out of memory, and
 * then nothing changed. */
bool word_add(uint64_t *word, struct sub *s, uint64_t seed, struct epoch_reader *r,
              struct word_change *change);

/* Takes `s` out of `*word`; retires neither it nor a set that is empty now: `*word` is then 0, and the caller
 * unpublishes the old word first and calls word_retire for it. */
void word_remove(uint64_t *word, struct sub *s, struct epoch_reader *r, struct word_change *change);

/* After the word was unpublished: retires its set, if it is one. */
void word_retire(uint64_t word, struct epoch_reader *r);

/* Frees the word with its subs at once. */
void word_free(uint64_t word);

/* Calls `fn` for each sub. */
void word_each(uint64_t word, void (*fn)(void *ctx, struct sub *s), void *ctx);

/* Tells `fn` the counts of local interest that the word stands for, as changes from 0. */
void word_replay(uint64_t word, sublist_edge_fn fn, void *ctx);

#endif
