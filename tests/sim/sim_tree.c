#include "sim/sim_tree.h"

#include <errno.h>
#include <stdlib.h>

/* A slot before and after an operation. All pointers hold references. */
struct slot_change {
    struct sim_node *dir;
    char *name;
    struct sim_node *before, *after;
};

struct sim_name_op {
    struct slot_change slot[2];
    int count;
    bool chosen; /* to become safe, or to survive the cut */
};

static void *must(void *p)
{
    if (p == NULL)
        abort();
    return p;
}

/* ---- nodes ---- */

struct sim_node *sim_node_new(struct sim_tree *t, bool is_dir, int64_t mtime_ns)
{
    struct sim_node *n = must(calloc(1, sizeof *n));
    n->refs = 1;
    n->is_dir = is_dir;
    n->mtime_ns = mtime_ns;
    n->prev = t->last;
    if (t->last != NULL)
        t->last->next = n;
    else
        t->first = n;
    t->last = n;
    return n;
}

static void hold(struct sim_node *n)
{
    if (n != NULL)
        n->refs++;
}

void sim_node_charge(struct sim_tree *t, struct sim_node *n)
{
    uint64_t bytes = n->content.size > n->reserved ? n->content.size : n->reserved;
    if (n->uses == 0)
        bytes = 0;
    t->used += bytes - n->charged;
    n->charged = bytes;
}

void sim_node_drop(struct sim_tree *t, struct sim_node *n)
{
    if (n == NULL || --n->refs > 0)
        return;
    for (size_t i = 0; i < n->count; i++) {
        free(n->entries[i].name);
        sim_node_unuse(t, n->entries[i].node);
    }
    free(n->entries);
    t->used -= n->charged;
    sim_content_free(&n->content);
    if (n->prev != NULL)
        n->prev->next = n->next;
    else
        t->first = n->next;
    if (n->next != NULL)
        n->next->prev = n->prev;
    else
        t->last = n->prev;
    free(n);
}

void sim_node_use(struct sim_tree *t, struct sim_node *n)
{
    n->refs++;
    if (n->uses++ == 0)
        sim_node_charge(t, n);
}

void sim_node_unuse(struct sim_tree *t, struct sim_node *n)
{
    if (--n->uses == 0)
        sim_node_charge(t, n);
    sim_node_drop(t, n);
}

/* ---- folders ---- */

/* Index of the name, or of where it would go; *found says which. */
static size_t entry_at(const struct sim_node *dir, slice name, bool *found)
{
    size_t lo = 0, hi = dir->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int c = slice_cmp(slice_str(dir->entries[mid].name), name);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = false;
    return lo;
}

static struct sim_node *lookup(const struct sim_node *dir, slice name)
{
    bool found;
    size_t i = entry_at(dir, name, &found);
    return found ? dir->entries[i].node : NULL;
}

/* Put a node (or nothing) into a slot of the view that readers have. */
static void assign(struct sim_tree *t, struct sim_node *dir, const char *name, struct sim_node *n)
{
    bool found;
    size_t i = entry_at(dir, slice_str(name), &found);
    if (n != NULL)
        sim_node_use(t, n);
    if (found && n != NULL) {
        struct sim_node *old = dir->entries[i].node;
        dir->entries[i].node = n;
        sim_node_unuse(t, old);
    } else if (found) {
        struct sim_entry old = dir->entries[i];
        dir->count--;
        memmove(&dir->entries[i], &dir->entries[i + 1], (dir->count - i) * sizeof *dir->entries);
        free(old.name);
        sim_node_unuse(t, old.node);
    } else if (n != NULL) {
        if (dir->count == dir->cap) {
            dir->cap = dir->cap == 0 ? 8 : 2 * dir->cap;
            dir->entries = must(realloc(dir->entries, dir->cap * sizeof *dir->entries));
        }
        memmove(&dir->entries[i + 1], &dir->entries[i], (dir->count - i) * sizeof *dir->entries);
        dir->entries[i] = (struct sim_entry){must(strdup(name)), n};
        dir->count++;
    }
}

int sim_tree_find(struct sim_tree *t, const char *path, struct sim_place *out)
{
    *out = (struct sim_place){.node = t->root};
    if (*path == 0)
        return -ENOENT;
    for (const char *p = path;;) {
        while (*p == '/')
            p++;
        size_t len = strcspn(p, "/");
        if (len == 0)
            return 0;
        slice name = slice_make(p, len);
        p += len;
        if (slice_eq_str(name, "."))
            continue;
        if (slice_eq_str(name, ".."))
            return -EINVAL;
        if (len > SIM_NAME_MAX)
            return -ENAMETOOLONG;
        if (out->node == NULL)
            return -ENOENT;
        if (!out->node->is_dir)
            return -ENOTDIR;
        *out = (struct sim_place){.parent = out->node, .name = name, .node = lookup(out->node, name)};
    }
}

bool sim_tree_holds(const struct sim_node *dir, const struct sim_node *n)
{
    if (dir == n)
        return true;
    for (size_t i = 0; dir->is_dir && i < dir->count; i++) {
        if (sim_tree_holds(dir->entries[i].node, n))
            return true;
    }
    return false;
}

/* ---- operations not yet safe ---- */

static void free_op(struct sim_tree *t, struct sim_name_op *op)
{
    for (int i = 0; i < op->count; i++) {
        free(op->slot[i].name);
        sim_node_drop(t, op->slot[i].dir);
        sim_node_drop(t, op->slot[i].before);
        sim_node_drop(t, op->slot[i].after);
    }
}

static bool same_slot(const struct slot_change *a, const struct slot_change *b)
{
    return a->dir == b->dir && strcmp(a->name, b->name) == 0;
}

static bool share_slot(const struct sim_name_op *a, const struct sim_name_op *b)
{
    for (int i = 0; i < a->count; i++) {
        for (int k = 0; k < b->count; k++) {
            if (same_slot(&a->slot[i], &b->slot[k]))
                return true;
        }
    }
    return false;
}

/* With each chosen operation choose the earlier ones on its slots. */
static void close_choice(struct sim_tree *t)
{
    for (size_t i = t->pending_count; i-- > 0;) {
        if (!t->pending[i].chosen)
            continue;
        for (size_t k = 0; k < i; k++) {
            if (!t->pending[k].chosen && share_slot(&t->pending[k], &t->pending[i]))
                t->pending[k].chosen = true;
        }
    }
}

/* The chosen operations are safe: forget them. */
static void forget_chosen(struct sim_tree *t)
{
    size_t left = 0;
    for (size_t i = 0; i < t->pending_count; i++) {
        if (t->pending[i].chosen)
            free_op(t, &t->pending[i]);
        else
            t->pending[left++] = t->pending[i];
    }
    t->pending_count = left;
}

/* Choosing the first ones is closed already. */
static void settle_oldest(struct sim_tree *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        t->pending[i].chosen = true;
    forget_chosen(t);
}

static struct slot_change slot_change(const struct sim_place *at, struct sim_node *after)
{
    struct slot_change c = {.dir = at->parent, .before = at->node, .after = after};
    c.name = must(strndup((const char *)at->name.ptr, at->name.len));
    hold(c.dir);
    hold(c.before);
    hold(c.after);
    return c;
}

static void perform(struct sim_tree *t, struct sim_name_op op)
{
    if (t->pending_count >= SIM_PENDING_MAX)
        settle_oldest(t, SIM_PENDING_MAX / 2);
    if (t->pending_count == t->pending_cap) {
        t->pending_cap = t->pending_cap == 0 ? 16 : 2 * t->pending_cap;
        t->pending = must(realloc(t->pending, t->pending_cap * sizeof *t->pending));
    }
    t->pending[t->pending_count++] = op;
    for (int i = 0; i < op.count; i++)
        assign(t, op.slot[i].dir, op.slot[i].name, op.slot[i].after);
}

void sim_tree_set(struct sim_tree *t, const struct sim_place *at, struct sim_node *n)
{
    perform(t, (struct sim_name_op){.slot = {slot_change(at, n)}, .count = 1});
}

void sim_tree_move(struct sim_tree *t, const struct sim_place *from, const struct sim_place *to)
{
    perform(t,
            (struct sim_name_op){.slot = {slot_change(to, from->node), slot_change(from, NULL)}, .count = 2});
}

void sim_tree_sync(struct sim_tree *t, const struct sim_node *dir)
{
    bool elsewhere = false;
    for (size_t i = 0; i < t->pending_count; i++) {
        struct sim_name_op *op = &t->pending[i];
        for (int k = 0; k < op->count; k++)
            op->chosen = op->chosen || op->slot[k].dir == dir;
        for (int k = 0; op->chosen && k < op->count; k++)
            elsewhere = elsewhere || op->slot[k].dir != dir;
    }
    if (elsewhere)
        close_choice(t);
    forget_chosen(t);
}

void sim_tree_sync_all(struct sim_tree *t)
{
    settle_oldest(t, t->pending_count);
}

static void choose_survivors(struct sim_tree *t, struct sched *s)
{
    enum sim_survival mode = (enum sim_survival)sched_below(s, 4);
    size_t first = (size_t)sched_below(s, t->pending_count);
    for (size_t i = 0; i < t->pending_count; i++)
        t->pending[i].chosen = mode == SIM_ALL || (mode == SIM_FIRST && i < first) ||
                               (mode == SIM_ANY && sched_below(s, 2) == 0);
    close_choice(t);
}

void sim_tree_crash(struct sim_tree *t, struct sched *s)
{
    if (t->pending_count == 0)
        return;
    for (size_t i = t->pending_count; i-- > 0;) {
        struct sim_name_op *op = &t->pending[i];
        for (int k = op->count; k-- > 0;)
            assign(t, op->slot[k].dir, op->slot[k].name, op->slot[k].before);
    }
    choose_survivors(t, s);
    for (size_t i = 0; i < t->pending_count; i++) {
        struct sim_name_op *op = &t->pending[i];
        for (int k = 0; op->chosen && k < op->count; k++)
            assign(t, op->slot[k].dir, op->slot[k].name, op->slot[k].after);
    }
    settle_oldest(t, t->pending_count);
}

/* ---- life ---- */

void sim_tree_init(struct sim_tree *t)
{
    *t = (struct sim_tree){0};
    t->root = sim_node_new(t, true, 0);
}

void sim_tree_free(struct sim_tree *t)
{
    sim_tree_sync_all(t);
    free(t->pending);
    sim_node_drop(t, t->root);
}
