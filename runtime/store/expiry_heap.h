/* expiry_heap.h: sequences by the time at which they expire, the earliest on top.
 *
 * Entries of messages that are gone stay until they come up or are swept. One owner. Zeroed memory is an
 * empty heap. Times are nanoseconds. */
#ifndef STORE_EXPIRY_HEAP_H
#define STORE_EXPIRY_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct expiry {
    int64_t at;
    uint64_t seq;
};

struct expiry_heap {
    struct expiry *item;
    size_t count, cap;
};

/* Room for one more: false when out of memory. */
bool expiry_heap_reserve(struct expiry_heap *h);
/* There is room. */
void expiry_heap_push(struct expiry_heap *h, int64_t at, uint64_t seq);
/* The heap is not empty. */
void expiry_heap_pop(struct expiry_heap *h);
/* Keep the entries that `keep` wants. */
void expiry_heap_sweep(struct expiry_heap *h, bool (*keep)(void *ctx, uint64_t seq), void *ctx);
void expiry_heap_free(struct expiry_heap *h); /* leaves an empty heap */

#endif
