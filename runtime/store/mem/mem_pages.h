/* mem_pages.h: the messages of a memory store by sequence.
 *
 * A row of pages by rising base; a page has a slot for each of 256 sequences that lie in a row and at least
 * one message. So a gap costs nothing however wide it is, and a message is found by a short binary search, in
 * the common case (near the last one asked for) without.
 *
 * One owner. Zeroed memory is an empty row. Messages are allocated and freed by the user. */
#ifndef STORE_MEM_PAGES_H
#define STORE_MEM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MEM_PAGE 256

struct mem_msg {
    int64_t ts;
    uint64_t older; /* sequences of the neighbours on the same subject; 0: none */
    uint64_t newer;
    uint32_t hdr_len;
    uint32_t data_len;
    uint16_t subject_len;
    uint8_t bytes[]; /* subject, headers, data */
};

struct mem_page {
    uint64_t base; /* a multiple of MEM_PAGE */
    uint32_t live;
    struct mem_msg *slot[MEM_PAGE];
};

struct mem_pages {
    struct mem_page **page; /* page[head .. head + count) */
    size_t head, count, cap;
    size_t hint; /* index from head of the page found last */
};

/* Make sure that a message can be put at a sequence above all others: false when out of memory. An empty page
 * may stay behind, which the next put uses or pages_drop_spare frees. */
bool pages_reserve(struct mem_pages *p, uint64_t seq);
void pages_drop_spare(struct mem_pages *p);
void pages_put(struct mem_pages *p, uint64_t seq, struct mem_msg *m); /* reserved */
/* NULL when there is none. */
struct mem_msg *pages_get(struct mem_pages *p, uint64_t seq);
/* The message, taken out. */
struct mem_msg *pages_take(struct mem_pages *p, uint64_t seq);

/* The first sequence >= from, the last <= from, that has a message: false when none has. */
bool pages_next(struct mem_pages *p, uint64_t from, uint64_t *seq);
bool pages_prev(struct mem_pages *p, uint64_t from, uint64_t *seq);
/* Messages in first..last. */
uint64_t pages_count(struct mem_pages *p, uint64_t first, uint64_t last);
/* The first sequence whose message is not older than ts, when times rise: false when all are older. */
bool pages_not_older(struct mem_pages *p, int64_t ts, uint64_t *seq);

/* Frees the pages and the messages in them. */
void pages_free(struct mem_pages *p);

#endif
