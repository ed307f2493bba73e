/* seqset.h: a set of sequences, dense in places: the deleted messages of a block.
 *
 * A sorted array of nodes of 2048 bits. Encodes to and decodes from the Go server's AVL form (spec/storage.md
 * section 9): nodes in pre-order of a height-balanced tree. One owner; not shared between threads. Zeroed
 * memory is an empty set. */
#ifndef STORE_FORMAT_SEQSET_H
#define STORE_FORMAT_SEQSET_H

#include "store/format/bytes.h"

struct seqset_node;

struct seqset {
    struct seqset_node **nodes; /* rising base; none is empty */
    size_t node_count;
    size_t node_cap;
    uint64_t count;
};

void seqset_free(struct seqset *);  /* leaves an empty set */
void seqset_clear(struct seqset *); /* the same */

/* false when out of memory. Inserting what is there is fine. */
bool seqset_insert(struct seqset *, uint64_t seq);
bool seqset_insert_range(struct seqset *, uint64_t first, uint64_t last);
/* true when it was there. */
bool seqset_remove(struct seqset *, uint64_t seq);
void seqset_remove_below(struct seqset *, uint64_t seq);
void seqset_remove_above(struct seqset *, uint64_t seq);
bool seqset_has(const struct seqset *, uint64_t seq);
/* 0 when empty. */
uint64_t seqset_min(const struct seqset *);
uint64_t seqset_max(const struct seqset *);
/* The first run of members at or above `from`: false when there is none. */
bool seqset_next_run(const struct seqset *, uint64_t from, uint64_t *first, uint64_t *last);
/* The first sequence >= from that is not a member. */
uint64_t seqset_next_gap(const struct seqset *, uint64_t from);
/* Add all members of `from`: false when out of memory (a part may have been added). */
bool seqset_union(struct seqset *, const struct seqset *from);
size_t seqset_memory(const struct seqset *);

/* Bytes of the encoded form, and the form itself at the end of a buffer. */
size_t seqset_encoded_size(const struct seqset *);
void seqset_encode(const struct seqset *, struct byte_buf *);
/* Versions 1 and 2 into an empty set. false: malformed (bad encoding) or out of memory; the set is empty
 * then. */
bool seqset_decode(struct seqset *, struct byte_reader *);

#endif
