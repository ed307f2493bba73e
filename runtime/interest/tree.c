/* The tree of patterns: paths are made, pruned and walked here. */
#include "interest/tree.h"

#include "base/hash.h"
#include "interest/token.h"
#include <stdlib.h>

enum { WALK_MIN = 32 };

static struct tree_node *node_of(_Atomic(struct tree_node *) *ref)
{
    return atomic_load_explicit(ref, memory_order_acquire);
}

static struct tree_node *node_of_entry(uint64_t entry)
{
    return (struct tree_node *)(uintptr_t)entry;
}

static uint64_t entry_hash(uint64_t entry)
{
    return node_of_entry(entry)->hash;
}

static void node_free(struct epoch_node *node)
{
    free(node);
}

static struct tree_node *node_new(struct tree *t, struct tree_node *parent, slice token, uint64_t hash)
{
    struct tree_node *n = calloc(1, sizeof(*n) + token.len);
    if (n == NULL)
        return NULL;
    n->parent = parent;
    n->id = ++t->last_id;
    n->hash = hash;
    n->kind = token_is_star(token) ? TREE_STAR : token_is_gt(token) ? TREE_GT : TREE_TOKEN;
    n->token_len = (uint32_t)token.len;
    if (token.len > 0)
        memcpy(n->token, token.ptr, token.len);
    return n;
}

bool tree_init(struct tree *t, uint64_t seed)
{
    *t = (struct tree){.seed = seed};
    t->root = node_new(t, NULL, SLICE_EMPTY, 0);
    if (t->root == NULL)
        return false;
    if (!dirhash_init(&t->edges, entry_hash)) {
        free(t->root);
        return false;
    }
    return true;
}

static uint64_t edge_hash(const struct tree *t, const struct tree_node *parent, slice token)
{
    return hash_bytes(token, t->seed + parent->id * 0x9e3779b97f4a7c15U);
}

/* Searches the edges; *pos stands on what was found. */
static struct tree_node *edge_find(const struct tree *t, const struct tree_node *parent, slice token,
                                   uint64_t hash, struct dirhash_pos *pos)
{
    *pos = dirhash_seek(&t->edges, hash);
    for (uint64_t e; (e = dirhash_next(pos)) != 0;) {
        struct tree_node *n = node_of_entry(e);
        if (n->parent == parent && slice_eq(slice_make(n->token, n->token_len), token))
            return n;
    }
    return NULL;
}

/* The child for a token of a pattern. */
static struct tree_node *child_find(const struct tree *t, struct tree_node *parent, slice token)
{
    struct dirhash_pos pos;
    if (token_is_star(token))
        return node_of(&parent->star);
    if (token_is_gt(token))
        return node_of(&parent->gt);
    return edge_find(t, parent, token, edge_hash(t, parent, token), &pos);
}

static struct tree_node *child_make(struct tree *t, struct epoch_reader *r, struct tree_node *parent,
                                    slice token)
{
    struct tree_node *n = child_find(t, parent, token);
    if (n != NULL)
        return n;
    n = node_new(t, parent, token, edge_hash(t, parent, token));
    if (n == NULL || (n->kind == TREE_TOKEN && !dirhash_reserve(&t->edges, r, n->hash))) {
        free(n);
        return NULL;
    }
    if (n->kind == TREE_TOKEN)
        dirhash_put(&t->edges, n->hash, (uint64_t)(uintptr_t)n);
    else
        atomic_store_explicit(n->kind == TREE_STAR ? &parent->star : &parent->gt, n, memory_order_release);
    parent->children++;
    return n;
}

struct tree_node *tree_find(struct tree *t, slice pattern)
{
    struct tree_node *n = t->root;
    slice rest = pattern, token;
    while (n != NULL && codec_subject_token(&rest, &token))
        n = child_find(t, n, token);
    return n;
}

struct tree_node *tree_make(struct tree *t, struct epoch_reader *r, slice pattern)
{
    struct tree_node *n = t->root;
    slice rest = pattern, token;
    while (codec_subject_token(&rest, &token)) {
        struct tree_node *child = child_make(t, r, n, token);
        if (child == NULL) {
            tree_prune(t, r, n);
            return NULL;
        }
        n = child;
    }
    return n;
}

void tree_prune(struct tree *t, struct epoch_reader *r, struct tree_node *n)
{
    while (n->parent != NULL && n->children == 0 &&
           atomic_load_explicit(&n->word, memory_order_relaxed) == 0) {
        struct tree_node *parent = n->parent;
        if (n->kind == TREE_TOKEN) {
            struct dirhash_pos pos;
            (void)edge_find(t, parent, slice_make(n->token, n->token_len), n->hash, &pos);
            dirhash_remove(&t->edges, r, &pos, n->hash);
        } else {
            atomic_store_explicit(n->kind == TREE_STAR ? &parent->star : &parent->gt, NULL,
                                  memory_order_release);
        }
        epoch_retire(r, &n->dead, node_free);
        parent->children--;
        n = parent;
    }
}

/* ---- matching ---- */

struct tree_step {
    struct tree_node *node;
    size_t at; /* of the next token; beyond the end when there is none */
};

void tree_walk_free(struct tree_walk *w)
{
    free(w->found);
    free(w->stack);
    *w = (struct tree_walk){0};
}

static bool grow(void **array, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return true;
    size_t cap2 = need < WALK_MIN ? WALK_MIN : need * 2;
    void *p = realloc(*array, cap2 * size);
    if (p == NULL)
        return false;
    *array = p;
    *cap = cap2;
    return true;
}

static bool walk_found(struct tree_walk *w, struct tree_node *n)
{
    if (n == NULL)
        return true;
    if (!grow((void **)&w->found, &w->found_cap, w->found_count + 1, sizeof(struct tree_node *)))
        return false;
    w->found[w->found_count++] = n;
    return true;
}

static bool walk_push(struct tree_walk *w, size_t *depth, struct tree_node *n, size_t at)
{
    if (n == NULL)
        return true;
    if (!grow((void **)&w->stack, &w->stack_cap, *depth + 1, sizeof(*w->stack)))
        return false;
    w->stack[(*depth)++] = (struct tree_step){n, at};
    return true;
}

bool tree_walk(const struct tree *t, slice subject, struct tree_walk *w)
{
    size_t depth = 0;
    w->found_count = 0;
    bool ok = walk_push(w, &depth, t->root, 0);
    while (ok && depth > 0) {
        struct tree_step step = w->stack[--depth];
        if (step.at > subject.len) {
            ok = walk_found(w, step.node);
            continue;
        }
        slice rest = slice_from(subject, step.at);
        const uint8_t *dot = rest.len == 0 ? NULL : memchr(rest.ptr, '.', rest.len);
        slice token = dot == NULL ? rest : slice_first(rest, (size_t)(dot - rest.ptr));
        size_t next = step.at + token.len + 1;
        struct dirhash_pos pos;
        ok = walk_found(w, node_of(&step.node->gt)) &&
             walk_push(w, &depth, node_of(&step.node->star), next) &&
             walk_push(w, &depth, edge_find(t, step.node, token, edge_hash(t, step.node, token), &pos), next);
    }
    return ok;
}

/* ---- all words ---- */

struct each {
    void (*fn)(void *ctx, uint64_t word);
    void *ctx;
};

static void each_word(struct each *e, struct tree_node *n)
{
    uint64_t word = n == NULL ? 0 : atomic_load_explicit(&n->word, memory_order_relaxed);
    if (word != 0)
        e->fn(e->ctx, word);
}

/* A node with those below it that no edge leads to: `>`, `*`, `*.>`, `*.*` and so on. */
static void each_node(void *ctx, uint64_t entry)
{
    for (struct tree_node *n = node_of_entry(entry); n != NULL; n = node_of(&n->star)) {
        each_word(ctx, n);
        each_word(ctx, node_of(&n->gt));
    }
}

bool tree_each(const struct tree *t, uint64_t *next, void (*fn)(void *, uint64_t), void *ctx)
{
    struct each e = {fn, ctx};
    if (*next == 0)
        each_node(&e, (uint64_t)(uintptr_t)t->root);
    return dirhash_walk(&t->edges, next, each_node, &e);
}

/* ---- the end ---- */

static void free_node(void *ctx, uint64_t entry)
{
    (void)ctx;
    for (struct tree_node *n = node_of_entry(entry), *star; n != NULL; n = star) {
        struct tree_node *gt = node_of(&n->gt);
        star = node_of(&n->star);
        if (gt != NULL) {
            word_free(atomic_load_explicit(&gt->word, memory_order_relaxed));
            free(gt);
        }
        word_free(atomic_load_explicit(&n->word, memory_order_relaxed));
        free(n);
    }
}

void tree_close(struct tree *t)
{
    uint64_t next = 0;
    while (dirhash_walk(&t->edges, &next, free_node, NULL)) {
    }
    free_node(NULL, (uint64_t)(uintptr_t)t->root);
    dirhash_close(&t->edges);
}
