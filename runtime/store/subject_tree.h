/* subject_tree.h: the subjects of an index in byte order, with sums.
 *
 * A B+ tree. A leaf points to up to 64 items, an inner node to up to 64 nodes and to the first item below
 * each. Every node knows the messages and subjects below it and the least and greatest number of dots, so
 * that a filter whose matches lie in a row and have a known number of tokens is summed in O(depth * fan-out),
 * without looking at the subjects.
 *
 *     inner   low: a.1   k.7    sums
 *             |          |
 *     leaf    a.1 a.2 b  k.7 k.8.x    -> items
 *
 * The bounds of dots are only widened by an insert; splitting and merging makes them exact again. Nodes are
 * at least a quarter full but on the way to the last entries of their parent; the depth stays below
 * SUBJECT_TREE_DEPTH. Owner: one thread. */
#ifndef STORE_SUBJECT_TREE_H
#define STORE_SUBJECT_TREE_H

#include "store/subject_filter.h"
#include "store/subject_index.h"

#define SUBJECT_FAN        64
#define SUBJECT_TREE_DEPTH 24

struct subject_node;

struct subject_item {
    struct subject_entry entry;
    struct subject_node *leaf;
    uint32_t hash;
    uint16_t len;
    uint16_t dots;
    uint8_t bytes[];
};

struct subject_tree {
    struct subject_node *root; /* NULL when empty */
    size_t memory;             /* bytes of nodes */
};

/* A place between items; leaf NULL is the end. Valid until the next insert or remove. */
struct subject_pos {
    const struct subject_node *leaf;
    uint32_t i;
};

static inline slice subject_of(const struct subject_item *it)
{
    return slice_make(it->bytes, it->len);
}

/* Add an item whose subject is not there yet; its msgs count. false when out of memory. */
bool subject_tree_insert(struct subject_tree *t, struct subject_item *it);
/* Take it out; the caller frees it. */
void subject_tree_remove(struct subject_tree *t, struct subject_item *it);
/* Free all nodes; the items are the caller's. */
void subject_tree_clear(struct subject_tree *t);
/* Change an item's msgs and all sums above it. */
void subject_tree_count(struct subject_item *it, int64_t msgs);

struct subject_pos subject_tree_first(const struct subject_tree *t);
/* The first item not before the key. */
struct subject_pos subject_tree_seek(const struct subject_tree *t, const struct subject_key *key);
/* The same, when it is known to lie behind `from`: cheap when it is near. */
struct subject_pos subject_tree_seek_on(const struct subject_tree *t, struct subject_pos from,
                                        const struct subject_key *key);
struct subject_pos subject_tree_next(struct subject_pos p);
struct subject_item *subject_tree_at(struct subject_pos p); /* NULL at the end */

/* Messages and subjects that a simple filter matches. */
void subject_tree_sum(const struct subject_tree *t, const struct subject_filter *f, uint64_t *msgs,
                      uint64_t *subjects);

#endif
