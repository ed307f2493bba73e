/* seqmap.h: a small hash table from stream sequences to two numbers: a consumer's pending and redelivered
 * messages.
 *
 * Keys are never 0. One owner. Zeroed memory is an empty map. A pointer to a value is good until the next
 * change. */
#ifndef STORE_CONSUMER_SEQMAP_H
#define STORE_CONSUMER_SEQMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct seqmap_entry {
    uint64_t key;
    uint64_t a;
    int64_t b;
};

struct seqmap {
    struct seqmap_entry *slots;
    size_t cap; /* 0 or a power of two */
    size_t count;
    uint64_t seed; /* of the hash */
};

void seqmap_free(struct seqmap *); /* leaves an empty map */
/* NULL when absent. */
struct seqmap_entry *seqmap_get(const struct seqmap *, uint64_t key);
/* The entry of the key, made (with zero values) when absent; NULL when out of memory. */
struct seqmap_entry *seqmap_put(struct seqmap *, uint64_t key);
bool seqmap_remove(struct seqmap *, uint64_t key);
/* Drop every key in lo..hi. */
void seqmap_remove_between(struct seqmap *, uint64_t lo, uint64_t hi);
/* Drop every key <= seq. */
void seqmap_remove_upto(struct seqmap *, uint64_t seq);
void seqmap_remove_above(struct seqmap *, uint64_t seq);
/* Entries by rising key in memory that the caller frees; NULL when empty or out of memory (*failed tells). */
struct seqmap_entry *seqmap_sorted(const struct seqmap *, bool *failed);
bool seqmap_copy(struct seqmap *to, const struct seqmap *from); /* false: out of memory, `to` is empty */

#endif
