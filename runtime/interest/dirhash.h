/* dirhash.h: a hash table that readers search without a lock and that grows one small page at a time.
 *
 * Extendible hashing: a directory, indexed by the top bits of the hash, points to pages; a page that is full
 * is split in two (or, while the table is small, replaced by a larger one), and pages that emptied are
 * merged. A page is groups of seven entries; a group is one cache line: a word of seven tag bytes, then the
 * entries. Pages are replaced, never reorganised in place, and what is replaced is retired by epoch: a reader
 * that stands in an old page sees the table as it was a moment ago.
 *
 * An entry is a non-zero word that the user makes (a pointer, maybe with low bits set); the table asks the
 * user for its hash when pages are rebuilt. Entries with one hash may be many; the caller compares keys.
 *
 * Threads: dirhash_seek and dirhash_next by any online reader; all else under the owner's lock. */
#ifndef INTEREST_DIRHASH_H
#define INTEREST_DIRHASH_H

#include "base/epoch.h"

enum {
    DIRHASH_GROUP = 7,
    DIRHASH_PAGE_GROUPS = 16, /* pages of this size are split instead of doubled */
    DIRHASH_DEPTH_MAX = 32,   /* the directory's; beyond it pages grow */
};

struct dirhash_group {
    _Atomic uint64_t
        tags; /* bytes 0..6: 0 never used, 1 removed, else 0x80 | low bits of the hash; byte 7: 1 */
    _Atomic uint64_t entry[DIRHASH_GROUP];
};

struct dirhash_page {
    alignas(64) struct epoch_node dead;
    uint64_t prefix; /* the top `depth` bits that its hashes share, in place; the others 0 */
    uint32_t groups; /* a power of two; constant */
    uint32_t live;   /* entries */
    uint32_t taken;  /* slots that are not EMPTY */
    uint8_t depth;
    struct dirhash_group group[];
};

struct dirhash_dir {
    struct epoch_node dead;
    uint32_t deepest; /* pages whose depth is the directory's */
    uint8_t depth;
    _Atomic(struct dirhash_page *) page[]; /* 1 << depth */
};

struct dirhash {
    _Atomic(struct dirhash_dir *) dir;
    uint64_t (*hash_of)(uint64_t entry);
    size_t count;
};

/* False when out of memory. */
bool dirhash_init(struct dirhash *h, uint64_t (*hash_of)(uint64_t entry));

/* Frees pages and directory at once, not what the entries point to. No reader may be left. */
void dirhash_close(struct dirhash *h);

/* A search: `seek`, then `next` yields the entries that may have this hash. Valid until epoch_leave. */
struct dirhash_pos {
    struct dirhash_page *page;
    uint64_t want;       /* the tag in every byte */
    uint64_t candidates; /* bits 7 of bytes whose tags fit */
    uint32_t group;
    uint32_t left; /* groups not looked at yet */
    uint32_t slot; /* of the entry that next returned */
    bool last;     /* this group ends the search */
};

static inline struct dirhash_page *dirhash_page_of(const struct dirhash *h, uint64_t hash)
{
    struct dirhash_dir *d = atomic_load_explicit(&h->dir, memory_order_acquire);
    size_t i = d->depth == 0 ? 0 : (size_t)(hash >> (64 - d->depth));
    return atomic_load_explicit(&d->page[i], memory_order_acquire);
}

static inline void dirhash_look(struct dirhash_pos *pos)
{
    uint64_t tags = atomic_load_explicit(&pos->page->group[pos->group].tags, memory_order_acquire);
    const uint64_t ones = 0x0101010101010101U, tops = 0x8080808080808080U;
    uint64_t x = tags ^ pos->want;
    pos->candidates = (x - ones) & ~x & tops;
    pos->last = ((tags - ones) & ~tags & tops) != 0; /* a slot that was never used */
}

static inline struct dirhash_pos dirhash_seek(const struct dirhash *h, uint64_t hash)
{
    struct dirhash_pos pos = {.page = dirhash_page_of(h, hash)};
    pos.want = (0x80 | (hash & 0x7f)) * 0x0101010101010101U;
    pos.left = pos.page->groups - 1;
    pos.group = (uint32_t)(hash >> 7) & (pos.page->groups - 1);
    dirhash_look(&pos);
    return pos;
}

/* The next candidate, 0 at the end. */
static inline uint64_t dirhash_next(struct dirhash_pos *pos)
{
    for (;;) {
        while (pos->candidates != 0) {
            pos->slot = (uint32_t)__builtin_ctzll(pos->candidates) / 8;
            pos->candidates &= pos->candidates - 1;
            uint64_t e =
                atomic_load_explicit(&pos->page->group[pos->group].entry[pos->slot], memory_order_acquire);
            if (e != 0)
                return e;
        }
        if (pos->last || pos->left == 0)
            return 0;
        pos->left--;
        pos->group = (pos->group + 1) & (pos->page->groups - 1);
        dirhash_look(pos);
    }
}

/* ---- writers, under the owner's lock ---- */

/* Make room for one more entry of this hash. False when out of memory; nothing has changed then. */
bool dirhash_reserve(struct dirhash *h, struct epoch_reader *r, uint64_t hash);

/* Add; room was reserved. */
void dirhash_put(struct dirhash *h, uint64_t hash, uint64_t entry);

/* Replace the entry that dirhash_next returned just now by another of the same hash. */
void dirhash_replace(struct dirhash_pos *pos, uint64_t entry);

/* Remove the entry that dirhash_next returned just now; `hash` is its hash. */
void dirhash_remove(struct dirhash *h, struct epoch_reader *r, struct dirhash_pos *pos, uint64_t hash);

/* Visits the entries of the page that holds hash *next and moves *next behind the page's range; false when
 * that was the last page. Start with 0. Whatever happens between two calls, an entry that stays is visited
 * exactly once. */
bool dirhash_walk(const struct dirhash *h, uint64_t *next, void (*fn)(void *ctx, uint64_t entry), void *ctx);

#endif
