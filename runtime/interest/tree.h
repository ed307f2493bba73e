/* tree.h: the patterns with wildcards, token by token.
 *
 * A node stands for a prefix of tokens. Its children for literal tokens are found in one hash table that all
 * nodes share, keyed by (parent, token); the children for `*` and `>` hang on the node itself. What a
 * pattern holds is the word (set.h) of its last node.
 *
 * Threads: tree_walk by any online reader with its own walk; all else by the holder of the sublist's lock. */
#ifndef INTEREST_TREE_H
#define INTEREST_TREE_H

#include "interest/dirhash.h"
#include "interest/set.h"

enum tree_kind { TREE_TOKEN, TREE_STAR, TREE_GT };

struct tree_node {
    struct epoch_node dead;
    _Atomic uint64_t word; /* what the pattern that ends here holds */
    _Atomic(struct tree_node *) star;
    _Atomic(struct tree_node *) gt;
    struct tree_node *parent; /* NULL for the root */
    uint64_t id;              /* unique in the tree: the parent's part of a key */
    uint64_t hash;            /* of (parent, token) */
    uint64_t children;        /* of all kinds; writers only */
    uint32_t token_len;
    uint8_t kind; /* enum tree_kind */
    uint8_t token[];
};

struct tree {
    struct dirhash edges;
    struct tree_node *root;
    uint64_t seed;
    uint64_t last_id;
};

bool tree_init(struct tree *t, uint64_t seed);

/* Frees nodes and the words in them at once. */
void tree_close(struct tree *t);

/* The node of a valid pattern, NULL when there is none. */
struct tree_node *tree_find(struct tree *t, slice pattern);

/* The same, made where it is missing; NULL when out of memory. A node that gets no word must be pruned. */
struct tree_node *tree_make(struct tree *t, struct epoch_reader *r, slice pattern);

/* Takes out the node and those above it that hold nothing and lead to nothing. */
void tree_prune(struct tree *t, struct epoch_reader *r, struct tree_node *n);

/* What a walk needs and finds; arrays that are used again. Start with {0}. */
struct tree_walk {
    struct tree_node **found; /* nodes whose patterns match; a word may be 0 by now */
    size_t found_count;
    size_t found_cap;
    struct tree_step *stack;
    size_t stack_cap;
};

void tree_walk_free(struct tree_walk *w);

/* All nodes whose patterns match a subject without empty tokens. False when out of memory. The nodes stay
 * until epoch_leave. */
bool tree_walk(const struct tree *t, slice subject, struct tree_walk *w);

/* One bounded step over all non-zero words, in the way of dirhash_walk. */
bool tree_each(const struct tree *t, uint64_t *next, void (*fn)(void *ctx, uint64_t word), void *ctx);

#endif
