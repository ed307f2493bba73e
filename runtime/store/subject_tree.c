#include "store/subject_tree.h"
#include "store/subject_memory.h"

#include <stdlib.h>

#define MERGE_BELOW (SUBJECT_FAN / 4)
#define MERGE_UP_TO (SUBJECT_FAN * 3 / 4)

struct subject_node {
    struct subject_node *parent;
    uint64_t msgs, subjects;
    uint16_t count;
    bool is_leaf;
    uint16_t min_dots, max_dots;
    /* Of a leaf the items; of an inner node the first item below each child, and then the children. */
    struct subject_item *item[SUBJECT_FAN];
};

struct inner_node {
    struct subject_node base;
    struct subject_node *child[SUBJECT_FAN];
};

static struct subject_node **children(const struct subject_node *n)
{
    return ((struct inner_node *)(uintptr_t)n)->child;
}

static size_t node_size(bool is_leaf)
{
    return is_leaf ? sizeof(struct subject_node) : sizeof(struct inner_node);
}

static struct subject_node *node_new(bool is_leaf)
{
    struct subject_node *n = calloc(1, node_size(is_leaf));
    if (n != NULL)
        n->is_leaf = is_leaf;
    return n;
}

static void node_free(struct subject_tree *t, struct subject_node *n)
{
    t->memory -= subject_chunk(node_size(n->is_leaf));
    free(n);
}

/* ---- finding ---- */

/* The first index whose item is not before the key. */
static uint32_t lower_bound(const struct subject_node *n, uint32_t lo, const struct subject_key *key)
{
    uint32_t hi = n->count;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (subject_key_cmp(subject_of(n->item[mid]), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Which child can hold the key: the last whose first item is not behind it. */
static uint32_t child_for(const struct subject_node *n, const struct subject_key *key)
{
    uint32_t i = lower_bound(n, 0, key);
    if (i < n->count && subject_key_cmp(subject_of(n->item[i]), key) == 0)
        return i;
    return i > 0 ? i - 1 : 0;
}

static struct subject_node *leaf_for(const struct subject_tree *t, const struct subject_key *key)
{
    struct subject_node *n = t->root;
    while (n != NULL && !n->is_leaf)
        n = children(n)[child_for(n, key)];
    return n;
}

static uint32_t index_in(const struct subject_node *parent, const struct subject_node *n)
{
    uint32_t i = 0;
    while (children(parent)[i] != n)
        i++;
    return i;
}

/* The leaf behind this one. */
static const struct subject_node *next_leaf(const struct subject_node *n)
{
    const struct subject_node *up = n->parent;
    uint32_t i = 0;
    while (up != NULL && (i = index_in(up, n) + 1) == up->count) {
        n = up;
        up = up->parent;
    }
    if (up == NULL)
        return NULL;
    n = children(up)[i];
    while (!n->is_leaf)
        n = children(n)[0];
    return n;
}

static struct subject_pos settle(struct subject_pos p)
{
    if (p.leaf != NULL && p.i == p.leaf->count)
        p = (struct subject_pos){next_leaf(p.leaf), 0};
    return p;
}

struct subject_pos subject_tree_first(const struct subject_tree *t)
{
    const struct subject_node *n = t->root;
    while (n != NULL && !n->is_leaf)
        n = children(n)[0];
    return (struct subject_pos){n, 0};
}

struct subject_pos subject_tree_seek(const struct subject_tree *t, const struct subject_key *key)
{
    const struct subject_node *n = leaf_for(t, key);
    if (n == NULL)
        return (struct subject_pos){0};
    return settle((struct subject_pos){n, lower_bound(n, 0, key)});
}

struct subject_pos subject_tree_seek_on(const struct subject_tree *t, struct subject_pos from,
                                        const struct subject_key *key)
{
    const struct subject_node *n = from.leaf;
    if (subject_key_cmp(subject_of(n->item[n->count - 1]), key) < 0)
        return subject_tree_seek(t, key);
    if (subject_key_cmp(subject_of(n->item[from.i + 1]), key) >= 0)
        return (struct subject_pos){n, from.i + 1};
    return (struct subject_pos){n, lower_bound(n, from.i + 2, key)};
}

struct subject_pos subject_tree_next(struct subject_pos p)
{
    p.i++;
    return settle(p);
}

struct subject_item *subject_tree_at(struct subject_pos p)
{
    return p.leaf == NULL ? NULL : p.leaf->item[p.i];
}

/* ---- sums and first items ---- */

static void widen(struct subject_node *n, uint16_t min_dots, uint16_t max_dots)
{
    if (min_dots < n->min_dots)
        n->min_dots = min_dots;
    if (max_dots > n->max_dots)
        n->max_dots = max_dots;
}

/* Make a node's sums from what it holds. */
static void recount(struct subject_node *n)
{
    n->msgs = n->subjects = 0;
    n->min_dots = UINT16_MAX;
    n->max_dots = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (n->is_leaf) {
            n->msgs += n->item[i]->entry.msgs;
            n->subjects++;
            widen(n, n->item[i]->dots, n->item[i]->dots);
        } else {
            const struct subject_node *c = children(n)[i];
            n->msgs += c->msgs;
            n->subjects += c->subjects;
            widen(n, c->min_dots, c->max_dots);
        }
    }
}

/* The first item below n has changed: tell the nodes above that point to it. */
static void fix_low(struct subject_node *n)
{
    for (struct subject_node *up = n->parent; up != NULL; n = up, up = up->parent) {
        uint32_t i = index_in(up, n);
        up->item[i] = n->item[0];
        if (i > 0)
            return;
    }
}

void subject_tree_count(struct subject_item *it, int64_t msgs)
{
    it->entry.msgs += (uint64_t)msgs;
    for (struct subject_node *n = it->leaf; n != NULL; n = n->parent)
        n->msgs += (uint64_t)msgs;
}

/* What clang-tidy is told here of nodes: a full one has items, an inner one children, a tree with a root no
 * empty node, the spares are all used, and children are a list of pointers. It can not know.
 * NOLINTBEGIN(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */

/* ---- inserting ---- */

/* Open a gap at i. */
static void shift(struct subject_node *n, uint32_t i)
{
    memmove(&n->item[i + 1], &n->item[i], (n->count - i) * sizeof n->item[0]);
    if (!n->is_leaf)
        memmove(&children(n)[i + 1], &children(n)[i], (n->count - i) * sizeof(struct subject_node *));
    n->count++;
}

static void set_item(struct subject_node *leaf, uint32_t i, struct subject_item *it)
{
    leaf->item[i] = it;
    it->leaf = leaf;
}

static void set_child(struct subject_node *n, uint32_t i, struct subject_node *child)
{
    n->item[i] = child->item[0];
    children(n)[i] = child;
    child->parent = n;
}

/* Move the entries of `from` at index at and behind to the end of `to`. */
static void move_tail(struct subject_node *from, uint32_t at, struct subject_node *to)
{
    for (uint32_t i = at; i < from->count; i++) {
        if (from->is_leaf)
            set_item(to, to->count++, from->item[i]);
        else
            set_child(to, to->count++, children(from)[i]);
    }
    from->count = (uint16_t)at;
}

/* Something for a gap in a node: an item for a leaf, a child for an inner node. */
struct newcomer {
    struct subject_item *item;
    struct subject_node *child;
};

static void place(struct subject_node *n, uint32_t i, struct newcomer new)
{
    shift(n, i);
    if (n->is_leaf)
        set_item(n, i, new.item);
    else
        set_child(n, i, new.child);
}

/* Is nothing behind this node? */
static bool is_rightmost(const struct subject_node *n)
{
    for (; n->parent != NULL; n = n->parent) {
        if (children(n->parent)[n->parent->count - 1] != n)
            return false;
    }
    return true;
}

/* Put the newcomer into a full node and its new neighbour to the right. Rising subjects leave full nodes. */
static void place_split(struct subject_node *n, uint32_t i, struct newcomer new, struct subject_node *right)
{
    uint32_t at = i == SUBJECT_FAN && is_rightmost(n) ? SUBJECT_FAN : SUBJECT_FAN / 2;
    move_tail(n, at, right);
    if (i > at || at == SUBJECT_FAN)
        place(right, i - at, new);
    else
        place(n, i, new);
    recount(n);
    recount(right);
}

/* Nodes for all splits that an insert into this leaf will need, got before anything is changed. */
struct spares {
    struct subject_node *node[SUBJECT_TREE_DEPTH + 1];
    uint32_t count, used;
};

static bool get_spares(const struct subject_node *leaf, struct spares *s)
{
    bool root_full = true;
    for (const struct subject_node *n = leaf; n != NULL && root_full; n = n->parent) {
        root_full = n->count == SUBJECT_FAN;
        if (root_full)
            s->node[s->count++] = node_new(n->is_leaf);
    }
    if (root_full)
        s->node[s->count++] = node_new(false);
    bool ok = true;
    for (uint32_t i = 0; i < s->count; i++)
        ok = ok && s->node[i] != NULL;
    for (uint32_t i = 0; !ok && i < s->count; i++)
        free(s->node[i]);
    return ok;
}

static struct subject_node *use_spare(struct subject_tree *t, struct spares *s)
{
    struct subject_node *n = s->node[s->used++];
    t->memory += subject_chunk(node_size(n->is_leaf));
    return n;
}

/* A root above the old one and its new neighbour. */
static void grow_root(struct subject_tree *t, struct subject_node *right, struct spares *s)
{
    struct subject_node *root = use_spare(t, s);
    set_child(root, 0, t->root);
    set_child(root, 1, right);
    root->count = 2;
    recount(root);
    t->root = root;
}

bool subject_tree_insert(struct subject_tree *t, struct subject_item *it)
{
    struct subject_key key = {{subject_of(it), SLICE_EMPTY, SLICE_EMPTY}};
    if (t->root == NULL) {
        t->root = node_new(true);
        if (t->root == NULL)
            return false;
        t->memory += subject_chunk(node_size(true));
        t->root->min_dots = UINT16_MAX;
    }
    struct subject_node *leaf = leaf_for(t, &key);
    struct spares spares = {.count = 0};
    if (!get_spares(leaf, &spares))
        return false;
    uint32_t i = lower_bound(leaf, 0, &key);
    struct newcomer new = {.item = it};
    struct subject_node *n = leaf;
    /* Upwards: split while full, then only add to the sums. */
    for (; n != NULL && n->count == SUBJECT_FAN; n = n->parent) {
        struct subject_node *right = use_spare(t, &spares);
        place_split(n, i, new, right);
        if (n->parent == NULL) {
            grow_root(t, right, &spares);
            n = NULL;
            break;
        }
        new = (struct newcomer){.child = right};
        i = index_in(n->parent, n) + 1;
    }
    if (n != NULL)
        place(n, i, new);
    for (; n != NULL; n = n->parent) {
        n->msgs += it->entry.msgs;
        n->subjects++;
        widen(n, it->dots, it->dots);
    }
    if (it->leaf->item[0] == it)
        fix_low(it->leaf);
    return true;
}

/* ---- removing ---- */

static void close_gap(struct subject_node *n, uint32_t i)
{
    n->count--;
    memmove(&n->item[i], &n->item[i + 1], (n->count - i) * sizeof n->item[0]);
    if (!n->is_leaf)
        memmove(&children(n)[i], &children(n)[i + 1], (n->count - i) * sizeof(struct subject_node *));
}

/* A node that has become small joins a neighbour: true when its parent has one child less. */
static bool merge(struct subject_tree *t, struct subject_node *n)
{
    struct subject_node *up = n->parent;
    if (n->count >= MERGE_BELOW || up == NULL)
        return false;
    uint32_t i = index_in(up, n);
    for (int side = 0; side < 2; side++) {
        uint32_t left = side == 0 ? i : i - 1; /* with the right neighbour, else with the left one */
        if (side == 1 && i == 0)
            break;
        if (left + 1 >= up->count)
            continue;
        struct subject_node *a = children(up)[left], *b = children(up)[left + 1];
        if (a->count + b->count > MERGE_UP_TO)
            continue;
        bool a_was_empty = a->count == 0;
        move_tail(b, 0, a);
        recount(a);
        close_gap(up, left + 1);
        node_free(t, b);
        if (a_was_empty)
            fix_low(a);
        return true;
    }
    return false;
}

/* An empty node that found no neighbour to join goes by itself. */
static bool drop_empty(struct subject_tree *t, struct subject_node *n)
{
    struct subject_node *up = n->parent;
    if (n->count > 0 || up == NULL)
        return false;
    uint32_t i = index_in(up, n);
    close_gap(up, i);
    node_free(t, n);
    if (i == 0 && up->count > 0)
        fix_low(up);
    return true;
}

static void shrink_root(struct subject_tree *t)
{
    while (!t->root->is_leaf && t->root->count == 1) {
        struct subject_node *old = t->root;
        t->root = children(old)[0];
        t->root->parent = NULL;
        node_free(t, old);
    }
    if (t->root->count == 0) {
        node_free(t, t->root);
        t->root = NULL;
    }
}

void subject_tree_remove(struct subject_tree *t, struct subject_item *it)
{
    struct subject_node *n = it->leaf;
    uint32_t i = 0;
    while (n->item[i] != it)
        i++;
    for (struct subject_node *up = n; up != NULL; up = up->parent) {
        up->msgs -= it->entry.msgs;
        up->subjects--;
    }
    close_gap(n, i);
    if (i == 0 && n->count > 0)
        fix_low(n);
    for (struct subject_node *up = n->parent; up != NULL; n = up, up = n->parent) {
        if (!merge(t, n) && !drop_empty(t, n))
            break;
    }
    shrink_root(t);
}

static void clear_node(struct subject_tree *t, struct subject_node *n)
{
    for (uint32_t i = 0; !n->is_leaf && i < n->count; i++)
        clear_node(t, children(n)[i]);
    node_free(t, n);
}

void subject_tree_clear(struct subject_tree *t)
{
    if (t->root != NULL)
        clear_node(t, t->root);
    t->root = NULL;
}

/* NOLINTEND(clang-analyzer-core.NullDereference,clang-analyzer-unix.Malloc) */

/* ---- summing ---- */

struct sum {
    const struct subject_filter *f;
    uint64_t msgs, subjects;
};

/* -1 before all subjects with the prefix, 0 has it, 1 behind them. */
static int side_of(const struct subject_filter *f, const struct subject_item *it)
{
    slice s = subject_of(it);
    return slice_starts(s, f->prefix) ? 0 : slice_cmp(s, f->prefix);
}

static bool dots_match(const struct subject_filter *f, uint32_t dots)
{
    return f->tail ? dots >= f->dots : dots == f->dots;
}

static void sum_leaf(struct sum *s, const struct subject_node *n, bool inside)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct subject_item *it = n->item[i];
        if (!dots_match(s->f, it->dots) || (!inside && side_of(s->f, it) != 0))
            continue;
        s->msgs += it->entry.msgs;
        s->subjects++;
    }
}

static void sum_node(struct sum *s, const struct subject_node *n, bool inside, bool next_inside);

/* All items below n have the prefix: often their dots decide for all of them. */
static void sum_inside(struct sum *s, const struct subject_node *n)
{
    const struct subject_filter *f = s->f;
    if (n->max_dots < f->dots || (!f->tail && n->min_dots > f->dots))
        return;
    if (n->min_dots >= f->dots && (f->tail || n->max_dots == f->dots)) {
        s->msgs += n->msgs;
        s->subjects += n->subjects;
        return;
    }
    sum_node(s, n, true, true);
}

/* `inside`: all below n have the prefix; `next_inside`: the item behind n's last has it. */
static void sum_node(struct sum *s, const struct subject_node *n, bool inside, bool next_inside)
{
    if (n->is_leaf) {
        sum_leaf(s, n, inside);
        return;
    }
    int side = inside ? 0 : side_of(s->f, n->item[0]);
    for (uint32_t i = 0; i < n->count && side <= 0; i++) {
        bool last = i + 1 == n->count;
        int next = inside || (last && next_inside) ? 0 : last ? 1 : side_of(s->f, n->item[i + 1]);
        if (side == 0 && next == 0)
            sum_inside(s, children(n)[i]);
        else if (next >= 0)
            sum_node(s, children(n)[i], false, next == 0);
        side = next;
    }
}

void subject_tree_sum(const struct subject_tree *t, const struct subject_filter *f, uint64_t *msgs,
                      uint64_t *subjects)
{
    struct sum s = {.f = f};
    if (t->root != NULL && f->prefix.len == 0)
        sum_inside(&s, t->root);
    else if (t->root != NULL)
        sum_node(&s, t->root, false, false);
    *msgs = s.msgs;
    *subjects = s.subjects;
}
