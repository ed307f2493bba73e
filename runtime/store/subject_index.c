#include "store/subject_index.h"
#include "base/hash.h"
#include "store/subject_filter.h"
#include "store/subject_memory.h"
#include "store/subject_tree.h"

#include <stdlib.h>

/* Each subject is one item. A table of hashes (open addressing, linear probing) finds literal subjects, a
 * tree in byte order (subject_tree.h) serves everything with wildcards. */
struct subject_index {
    struct subject_tree tree;
    struct subject_item **slot; /* cap is 0 or a power of two; NULL: free */
    size_t cap;
    size_t count;
    size_t item_memory;
    uint64_t seed;
};

#define TABLE_LEAST 16

/* ---- table ---- */

static uint32_t hash_of(const struct subject_index *x, slice subject)
{
    return (uint32_t)hash_bytes(subject, x->seed);
}

/* The slot of a subject, or the free one where it belongs. The table has a free slot. */
static size_t slot_of(const struct subject_index *x, slice subject, uint32_t hash)
{
    size_t i = hash & (x->cap - 1);
    for (; x->slot[i] != NULL; i = (i + 1) & (x->cap - 1)) {
        if (x->slot[i]->hash == hash && slice_eq(subject_of(x->slot[i]), subject))
            break;
    }
    return i;
}

static struct subject_item *find(const struct subject_index *x, slice subject)
{
    return x->count == 0 ? NULL : x->slot[slot_of(x, subject, hash_of(x, subject))];
}

static bool resize_table(struct subject_index *x, size_t cap)
{
    struct subject_item **slot = calloc(cap, sizeof(struct subject_item *));
    if (slot == NULL)
        return false;
    for (size_t i = 0; i < x->cap; i++) {
        if (x->slot[i] == NULL)
            continue;
        size_t k = x->slot[i]->hash & (cap - 1);
        while (slot[k] != NULL)
            k = (k + 1) & (cap - 1);
        slot[k] = x->slot[i];
    }
    free(x->slot);
    x->slot = slot;
    x->cap = cap;
    return true;
}

/* Free a slot and move up what was displaced by it. */
static void clear_slot(struct subject_index *x, size_t hole)
{
    size_t mask = x->cap - 1;
    for (size_t i = (hole + 1) & mask; x->slot[i] != NULL; i = (i + 1) & mask) {
        size_t home = x->slot[i]->hash & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* it may not go before its home */
        x->slot[hole] = x->slot[i];
        hole = i;
    }
    x->slot[hole] = NULL;
}

/* ---- life ---- */

struct subject_index *subject_index_new(const uint8_t seed[16])
{
    struct subject_index *x = calloc(1, sizeof *x);
    if (x != NULL)
        x->seed = hash_load64(seed) ^ hash_fold(hash_load64(seed + 8), 0x9e3779b97f4a7c15U);
    return x;
}

void subject_index_clear(struct subject_index *x)
{
    for (size_t i = 0; i < x->cap; i++)
        free(x->slot[i]);
    free(x->slot);
    x->slot = NULL;
    x->cap = x->count = x->item_memory = 0;
    subject_tree_clear(&x->tree);
}

void subject_index_free(struct subject_index *x)
{
    if (x == NULL)
        return;
    subject_index_clear(x);
    free(x);
}

uint64_t subject_index_count(const struct subject_index *x)
{
    return x->count;
}

size_t subject_index_memory(const struct subject_index *x)
{
    return subject_chunk(sizeof *x) + x->tree.memory + x->item_memory +
           (x->cap == 0 ? 0 : subject_chunk(x->cap * sizeof(struct subject_item *)));
}

/* ---- changes ---- */

/* A subject that is not there yet. */
static struct subject_item *insert(struct subject_index *x, slice subject, const struct subject_entry *entry)
{
    if (subject.len > UINT16_MAX)
        return NULL;
    if (x->count + 1 > x->cap - x->cap / 4 && !resize_table(x, x->cap == 0 ? TABLE_LEAST : 2 * x->cap))
        return NULL;
    struct subject_item *it = malloc(sizeof *it + subject.len);
    if (it == NULL)
        return NULL;
    it->entry = *entry;
    it->hash = hash_of(x, subject);
    it->len = (uint16_t)subject.len;
    it->dots = (uint16_t)subject_dots(subject);
    if (subject.len > 0)
        memcpy(it->bytes, subject.ptr, subject.len);
    if (!subject_tree_insert(&x->tree, it)) {
        free(it);
        return NULL;
    }
    x->slot[slot_of(x, subject, it->hash)] = it;
    x->count++;
    x->item_memory += subject_chunk(sizeof *it + it->len);
    return it;
}

static void erase(struct subject_index *x, struct subject_item *it)
{
    clear_slot(x, slot_of(x, subject_of(it), it->hash));
    subject_tree_remove(&x->tree, it);
    x->count--;
    x->item_memory -= subject_chunk(sizeof *it + it->len);
    free(it);
    /* Give memory back after a purge; not being able to is no harm. */
    if (x->cap > TABLE_LEAST && x->count < x->cap / 8)
        (void)resize_table(x, x->cap / 2);
}

struct subject_entry *subject_index_add(struct subject_index *x, slice subject, uint64_t seq)
{
    struct subject_item *it = find(x, subject);
    if (it == NULL) {
        it = insert(x, subject, &(struct subject_entry){.msgs = 1, .first = seq, .last = seq});
        return it == NULL ? NULL : &it->entry;
    }
    subject_tree_count(it, 1);
    it->entry.last = seq;
    it->entry.last_bound = false;
    return &it->entry;
}

bool subject_index_put(struct subject_index *x, slice subject, const struct subject_entry *entry)
{
    return find(x, subject) == NULL && insert(x, subject, entry) != NULL;
}

/* An end is gone: what is left is a bound, unless one message is left and the other end knows it. */
static void trim(struct subject_entry *e, uint64_t seq)
{
    if (seq == e->first) {
        e->first = seq + 1;
        e->first_bound = true;
    }
    if (seq == e->last) {
        e->last = seq - 1;
        e->last_bound = true;
    }
    if (e->msgs == 1 && !e->first_bound) {
        e->last = e->first;
        e->last_bound = false;
    } else if (e->msgs == 1 && !e->last_bound) {
        e->first = e->last;
        e->first_bound = false;
    }
}

struct subject_entry *subject_index_remove(struct subject_index *x, slice subject, uint64_t seq)
{
    struct subject_item *it = find(x, subject);
    if (it == NULL)
        return NULL;
    if (it->entry.msgs <= 1) {
        erase(x, it);
        return NULL;
    }
    subject_tree_count(it, -1);
    trim(&it->entry, seq);
    return &it->entry;
}

struct subject_entry *subject_index_find(struct subject_index *x, slice subject)
{
    struct subject_item *it = find(x, subject);
    return it == NULL ? NULL : &it->entry;
}

/* ---- matching ---- */

/* Walks the matches of one filter in order. */
struct cursor {
    struct subject_filter filter;
    struct subject_pos pos;
    struct subject_item *item; /* the present match, NULL at the end */
};

/* Go on to a match, from pos on. Subjects that cannot match are jumped over. */
static void settle(const struct subject_tree *t, struct cursor *c)
{
    for (;;) {
        struct subject_item *it = subject_tree_at(c->pos);
        struct subject_key next;
        c->item = NULL;
        if (it == NULL || !slice_starts(subject_of(it), c->filter.prefix))
            return;
        if (subject_filter_test(&c->filter, subject_of(it), it->dots, &next)) {
            c->item = it;
            return;
        }
        c->pos = subject_tree_seek_on(t, c->pos, &next);
    }
}

static void cursor_start(const struct subject_index *x, struct cursor *c, slice filter)
{
    c->filter = subject_filter_make(filter);
    c->item = NULL;
    if (c->filter.literal) {
        c->item = find(x, filter);
        return;
    }
    struct subject_key key = {{c->filter.prefix, SLICE_EMPTY, SLICE_EMPTY}};
    c->pos = subject_tree_seek(&x->tree, &key);
    settle(&x->tree, c);
}

static void cursor_next(const struct subject_index *x, struct cursor *c)
{
    if (c->filter.literal) {
        c->item = NULL;
        return;
    }
    c->pos = subject_tree_next(c->pos);
    settle(&x->tree, c);
}

static bool match_one(struct subject_index *x, slice filter, subject_index_fn fn, void *ctx)
{
    struct cursor c;
    for (cursor_start(x, &c, filter); c.item != NULL; cursor_next(x, &c)) {
        if (!fn(ctx, subject_of(c.item), &c.item->entry))
            return false;
    }
    return true;
}

/* Restore a heap (least subject on top) whose entry i may be too great. */
static void sink(struct cursor *heap, size_t count, size_t i)
{
    for (;;) {
        size_t least = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < count; k++) {
            if (slice_cmp(subject_of(heap[k].item), subject_of(heap[least].item)) < 0)
                least = k;
        }
        if (least == i)
            return;
        struct cursor swap = heap[i];
        heap[i] = heap[least];
        heap[least] = swap;
        i = least;
    }
}

/* The cursors of all filters run side by side; what several stand on is reported once. */
static bool match_merged(struct subject_index *x, struct cursor *heap, size_t count, subject_index_fn fn,
                         void *ctx)
{
    const struct subject_item *reported = NULL;
    for (size_t i = count / 2; i-- > 0;)
        sink(heap, count, i);
    while (count > 0) {
        struct subject_item *it = heap[0].item;
        if (it != reported && !fn(ctx, subject_of(it), &it->entry))
            return false;
        reported = it;
        cursor_next(x, &heap[0]);
        if (heap[0].item == NULL)
            heap[0] = heap[--count];
        sink(heap, count, 0);
    }
    return true;
}

/* Without memory for cursors: look at every subject. */
static bool match_slowly(struct subject_index *x, const slice *filters, size_t count, subject_index_fn fn,
                         void *ctx)
{
    struct subject_pos p = subject_tree_first(&x->tree);
    for (struct subject_item *it; (it = subject_tree_at(p)) != NULL; p = subject_tree_next(p)) {
        if (store_subject_matches_any(subject_of(it), filters, count) && !fn(ctx, subject_of(it), &it->entry))
            return false;
    }
    return true;
}

bool subject_index_match(struct subject_index *x, const slice *filters, size_t count, subject_index_fn fn,
                         void *ctx)
{
    if (count <= 1)
        return match_one(x, count == 0 ? SLICE_EMPTY : filters[0], fn, ctx);
    struct cursor *heap = malloc(count * sizeof *heap);
    if (heap == NULL)
        return match_slowly(x, filters, count, fn, ctx);
    size_t live = 0;
    for (size_t i = 0; i < count; i++) {
        cursor_start(x, &heap[live], filters[i]);
        live += heap[live].item != NULL;
    }
    bool rc = match_merged(x, heap, live, fn, ctx);
    free(heap);
    return rc;
}

/* ---- totals ---- */

/* Beyond so many filters they are not compared each with each. */
#define DISJOINT_MAX 64

struct totals {
    uint64_t msgs, subjects;
};

static bool add_to_totals(void *ctx, slice subject, struct subject_entry *entry)
{
    (void)subject;
    struct totals *t = ctx;
    t->msgs += entry->msgs;
    t->subjects++;
    return true;
}

static bool disjoint(const slice *filters, size_t count)
{
    if (count > DISJOINT_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        struct subject_filter a = subject_filter_make(filters[i]);
        for (size_t k = 0; k < i; k++) {
            struct subject_filter b = subject_filter_make(filters[k]);
            if (!subject_filter_disjoint(&a, &b))
                return false;
        }
    }
    return true;
}

static void totals_of(struct subject_index *x, slice filter, struct totals *t)
{
    struct subject_filter f = subject_filter_make(filter);
    if (f.literal || !f.simple) {
        (void)match_one(x, filter, add_to_totals, t);
        return;
    }
    uint64_t msgs, subjects;
    subject_tree_sum(&x->tree, &f, &msgs, &subjects);
    t->msgs += msgs;
    t->subjects += subjects;
}

void subject_index_totals(struct subject_index *x, const slice *filters, size_t count, uint64_t *msgs,
                          uint64_t *subjects)
{
    struct totals t = {0};
    if (count == 0)
        totals_of(x, SLICE_EMPTY, &t);
    else if (disjoint(filters, count))
        for (size_t i = 0; i < count; i++)
            totals_of(x, filters[i], &t);
    else
        (void)subject_index_match(x, filters, count, add_to_totals, &t);
    *msgs = t.msgs;
    *subjects = t.subjects;
}
