/* Extendible hashing: rebuild, split, merge. The layout stands in the header. */
#include "interest/dirhash.h"

#include <stdlib.h>
#include <string.h>

#define TAG_EMPTY   0x00U
#define TAG_REMOVED 0x01U
/* All seven empty; the eighth byte is no slot and looks removed. */
#define TAGS_NEW 0x0100000000000000U

static uint64_t tag_of(uint64_t hash)
{
    return 0x80 | (hash & 0x7f);
}

static uint32_t capacity(uint32_t groups)
{
    uint32_t slots = groups * DIRHASH_GROUP;
    return groups == 1 ? slots : slots - slots / 8;
}

static void page_free(struct epoch_node *node)
{
    free(node);
}

static void dir_free(struct epoch_node *node)
{
    free(node);
}

static struct dirhash_page *page_new(uint32_t groups, uint8_t depth, uint64_t prefix)
{
    size_t size = sizeof(struct dirhash_page) + groups * sizeof(struct dirhash_group);
    struct dirhash_page *p = aligned_alloc(64, size);
    if (p == NULL)
        return NULL;
    memset(p, 0, size);
    p->prefix = prefix;
    p->groups = groups;
    p->depth = depth;
    for (uint32_t i = 0; i < groups; i++)
        atomic_init(&p->group[i].tags, TAGS_NEW);
    return p;
}

static struct dirhash_dir *dir_new(uint8_t depth)
{
    struct dirhash_dir *d = calloc(1, sizeof(*d) + (sizeof(d->page[0]) << depth));
    if (d != NULL)
        d->depth = depth;
    return d;
}

bool dirhash_init(struct dirhash *h, uint64_t (*hash_of)(uint64_t))
{
    struct dirhash_dir *d = dir_new(0);
    struct dirhash_page *p = page_new(1, 0, 0);
    if (d == NULL || p == NULL) {
        free(d);
        free(p);
        return false;
    }
    d->deepest = 1;
    atomic_init(&d->page[0], p);
    atomic_init(&h->dir, d);
    h->hash_of = hash_of;
    h->count = 0;
    return true;
}

void dirhash_close(struct dirhash *h)
{
    struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_relaxed);
    size_t i = 0, n = (size_t)1 << d->depth;
    while (i < n) {
        struct dirhash_page *p = atomic_load_explicit(&d->page[i], memory_order_relaxed);
        i += (size_t)1 << (d->depth - p->depth);
        free(p);
    }
    free(d);
}

/* ---- slots ---- */

static void slot_set(struct dirhash_group *g, unsigned slot, uint64_t entry, uint64_t tag)
{
    uint64_t tags = atomic_load_explicit(&g->tags, memory_order_relaxed);
    tags = (tags & ~((uint64_t)0xff << (8 * slot))) | tag << (8 * slot);
    if (entry != 0) { /* the entry before the tag that leads to it ... */
        atomic_store_explicit(&g->entry[slot], entry, memory_order_release);
        atomic_store_explicit(&g->tags, tags, memory_order_release);
    } else { /* ... and away in the other order */
        atomic_store_explicit(&g->tags, tags, memory_order_release);
        atomic_store_explicit(&g->entry[slot], 0, memory_order_release);
    }
}

/* A slot of the page that is free: the first one on the path of `hash`. There is one. */
static void page_put(struct dirhash_page *p, uint64_t hash, uint64_t entry)
{
    uint32_t at = (uint32_t)(hash >> 7) & (p->groups - 1);
    for (;; at = (at + 1) & (p->groups - 1)) {
        struct dirhash_group *g = &p->group[at];
        uint64_t tags = atomic_load_explicit(&g->tags, memory_order_relaxed);
        for (unsigned slot = 0; slot < DIRHASH_GROUP; slot++) {
            uint64_t tag = tags >> (8 * slot) & 0xff;
            if (tag != TAG_EMPTY && tag != TAG_REMOVED)
                continue;
            slot_set(g, slot, entry, tag_of(hash));
            p->live++;
            p->taken += tag == TAG_EMPTY;
            return;
        }
    }
}

/* Calls the body for each entry of a page. */
static void page_each(const struct dirhash_page *p, void (*fn)(void *, uint64_t), void *ctx)
{
    for (uint32_t i = 0; i < p->groups; i++) {
        for (unsigned slot = 0; slot < DIRHASH_GROUP; slot++) {
            uint64_t e = atomic_load_explicit(&p->group[i].entry[slot], memory_order_relaxed);
            if (e != 0)
                fn(ctx, e);
        }
    }
}

/* ---- pages and directory ---- */

/* Lets all directory entries of the page's range point to it. */
static void dir_set(struct dirhash_dir *d, struct dirhash_page *p)
{
    size_t first = d->depth == 0 ? 0 : (size_t)(p->prefix >> (64 - d->depth));
    size_t n = (size_t)1 << (d->depth - p->depth);
    for (size_t i = first; i < first + n; i++)
        atomic_store_explicit(&d->page[i], p, memory_order_release);
}

struct deal {
    const struct dirhash *h;
    struct dirhash_page *to[2]; /* by the bit below the depth of the page that is split */
    uint8_t bit;
};

static void deal_one(void *ctx, uint64_t entry)
{
    struct deal *deal = ctx;
    uint64_t hash = deal->h->hash_of(entry);
    page_put(deal->to[deal->bit == 64 ? 0 : hash >> deal->bit & 1], hash, entry);
}

/* Replaces a page by one of `groups` groups, without the removed slots. */
static bool page_rebuild(struct dirhash *h, struct epoch_reader *r, struct dirhash_page *p, uint32_t groups)
{
    struct dirhash_page *q = page_new(groups, p->depth, p->prefix);
    if (q == NULL)
        return false;
    struct deal deal = {.h = h, .to = {q, q}, .bit = 64};
    page_each(p, deal_one, &deal);
    dir_set(atomic_load_explicit(&h->dir, memory_order_relaxed), q);
    epoch_retire(r, &p->dead, page_free);
    return true;
}

static bool dir_double(struct dirhash *h, struct epoch_reader *r)
{
    struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_relaxed);
    struct dirhash_dir *e = dir_new((uint8_t)(d->depth + 1));
    if (e == NULL)
        return false;
    for (size_t i = 0; i < (size_t)1 << e->depth; i++)
        atomic_init(&e->page[i], atomic_load_explicit(&d->page[i / 2], memory_order_relaxed));
    atomic_store_explicit(&h->dir, e, memory_order_release);
    epoch_retire(r, &d->dead, dir_free);
    return true;
}

struct tally {
    const struct dirhash *h;
    uint8_t bit;
    uint32_t count[2];
};

static void tally_one(void *ctx, uint64_t entry)
{
    struct tally *t = ctx;
    t->count[t->h->hash_of(entry) >> t->bit & 1]++;
}

/* A page for one half of the range of `p`, with room for its entries: uneven only when hashes are equal. */
static struct dirhash_page *half_new(const struct tally *t, const struct dirhash_page *p, unsigned half)
{
    uint32_t groups = DIRHASH_PAGE_GROUPS;
    while (capacity(groups) < t->count[half])
        groups *= 2;
    return page_new(groups, (uint8_t)(p->depth + 1), p->prefix | (uint64_t)half << t->bit);
}

static bool page_split(struct dirhash *h, struct epoch_reader *r, struct dirhash_page *p)
{
    struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_relaxed);
    struct tally tally = {.h = h, .bit = (uint8_t)(63 - p->depth)};
    struct deal deal = {.h = h, .bit = tally.bit};
    if (p->depth == d->depth && !dir_double(h, r))
        return false;
    page_each(p, tally_one, &tally);
    for (unsigned half = 0; half < 2; half++)
        deal.to[half] = half_new(&tally, p, half);
    if (deal.to[0] == NULL || deal.to[1] == NULL) {
        free(deal.to[0]);
        free(deal.to[1]);
        return false;
    }
    page_each(p, deal_one, &deal);
    d = atomic_load_explicit(&h->dir, memory_order_relaxed);
    dir_set(d, deal.to[0]);
    dir_set(d, deal.to[1]);
    if (deal.to[0]->depth == d->depth)
        d->deepest += 2;
    epoch_retire(r, &p->dead, page_free);
    return true;
}

/* May the page be split? The directory never gets longer than the number of entries: hashes that are equal
 * in many bits (by an accident that does not happen with 64 random bits) make large pages instead. */
static bool may_split(const struct dirhash *h, const struct dirhash_page *p)
{
    const struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_relaxed);
    if (p->groups < DIRHASH_PAGE_GROUPS || p->depth == DIRHASH_DEPTH_MAX)
        return false;
    return p->depth < d->depth || (size_t)2 << d->depth <= h->count;
}

bool dirhash_reserve(struct dirhash *h, struct epoch_reader *r, uint64_t hash)
{
    for (;;) {
        struct dirhash_page *p = dirhash_page_of(h, hash);
        uint32_t cap = capacity(p->groups);
        bool ok;
        if (p->taken < cap)
            return true;
        if (p->live < cap - cap / 4) /* a quarter of it is removed slots */
            ok = page_rebuild(h, r, p, p->groups);
        else if (may_split(h, p))
            ok = page_split(h, r, p);
        else
            ok = page_rebuild(h, r, p, p->groups * 2);
        if (!ok)
            return false;
    }
}

void dirhash_put(struct dirhash *h, uint64_t hash, uint64_t entry)
{
    page_put(dirhash_page_of(h, hash), hash, entry);
    h->count++;
}

void dirhash_replace(struct dirhash_pos *pos, uint64_t entry)
{
    atomic_store_explicit(&pos->page->group[pos->group].entry[pos->slot], entry, memory_order_release);
}

/* The directory is half as long when no page needs all of its bits. */
static void dir_halve(struct dirhash *h, struct epoch_reader *r)
{
    struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_relaxed);
    if (d->depth == 0 || d->deepest > 0)
        return;
    struct dirhash_dir *e = dir_new((uint8_t)(d->depth - 1));
    if (e == NULL)
        return; /* a longer directory than needed is no fault */
    for (size_t i = 0; i < (size_t)1 << e->depth; i++) {
        struct dirhash_page *p = atomic_load_explicit(&d->page[i * 2], memory_order_relaxed);
        atomic_init(&e->page[i], p);
    }
    for (size_t i = 0; i < (size_t)1 << e->depth; i++)
        e->deepest += atomic_load_explicit(&e->page[i], memory_order_relaxed)->depth == e->depth;
    atomic_store_explicit(&h->dir, e, memory_order_release);
    epoch_retire(r, &d->dead, dir_free);
}

/* Joins a page that emptied with the other half of its range. */
static void page_merge(struct dirhash *h, struct epoch_reader *r, struct dirhash_page *p)
{
    while (p->depth > 0) {
        struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_relaxed);
        struct dirhash_page *q = dirhash_page_of(h, p->prefix ^ (uint64_t)1 << (64 - p->depth));
        if (q->depth != p->depth || p->live + q->live > capacity(DIRHASH_PAGE_GROUPS) / 3)
            return;
        uint64_t prefix = p->prefix & q->prefix;
        struct dirhash_page *m = page_new(DIRHASH_PAGE_GROUPS, (uint8_t)(p->depth - 1), prefix);
        if (m == NULL)
            return; /* two pages where one would do are no fault */
        struct deal deal = {.h = h, .to = {m, m}, .bit = 64};
        page_each(p, deal_one, &deal);
        page_each(q, deal_one, &deal);
        if (p->depth == d->depth)
            d->deepest -= 2;
        dir_set(d, m);
        epoch_retire(r, &p->dead, page_free);
        epoch_retire(r, &q->dead, page_free);
        dir_halve(h, r);
        p = m;
    }
}

void dirhash_remove(struct dirhash *h, struct epoch_reader *r, struct dirhash_pos *pos, uint64_t hash)
{
    struct dirhash_page *p = pos->page;
    struct dirhash_group *g = &p->group[pos->group];
    /* In a group that still has an unused slot no search went on to the next one: unused again. */
    bool unused = false;
    uint64_t tags = atomic_load_explicit(&g->tags, memory_order_relaxed);
    for (unsigned slot = 0; slot < DIRHASH_GROUP; slot++)
        unused = unused || (tags >> (8 * slot) & 0xff) == TAG_EMPTY;
    slot_set(g, pos->slot, 0, unused ? TAG_EMPTY : TAG_REMOVED);
    p->live--;
    p->taken -= unused;
    h->count--;
    if (p->live <= capacity(DIRHASH_PAGE_GROUPS) / 6)
        page_merge(h, r, dirhash_page_of(h, hash));
}

struct walk {
    const struct dirhash *h;
    uint64_t from;
    void (*fn)(void *ctx, uint64_t entry);
    void *ctx;
};

static void walk_one(void *ctx, uint64_t entry)
{
    struct walk *w = ctx;
    if (w->h->hash_of(entry) >= w->from)
        w->fn(w->ctx, entry);
}

bool dirhash_walk(const struct dirhash *h, uint64_t *next, void (*fn)(void *, uint64_t), void *ctx)
{
    struct dirhash_page *p = dirhash_page_of(h, *next);
    uint64_t span = p->depth == 0 ? 0 : (uint64_t)1 << (64 - p->depth);
    if (p->prefix < *next) { /* merged since the last call with a page that was walked */
        struct walk w = {h, *next, fn, ctx};
        page_each(p, walk_one, &w);
    } else {
        page_each(p, fn, ctx);
    }
    *next = p->prefix + span;
    return *next != 0; /* the last page's range ends where the numbers wrap */
}
