/* The split-page hash: its invariants while it grows and shrinks, and hashes that are all alike. */
#include "interest/dirhash.h"
#include "unit.h"

#include <stdlib.h>

/* Entries are multiples of 16; the hash of each stands in a table, so that a test may choose it. */
enum { ENTRIES = 20000 };

static uint64_t hashes[ENTRIES];
static bool in[ENTRIES];

static uint64_t entry_of(size_t i)
{
    return (uint64_t)(i + 1) * 16;
}

static uint64_t hash_of(uint64_t entry)
{
    return hashes[entry / 16 - 1];
}

struct fixture {
    struct epoch_domain d;
    struct epoch_reader r;
    struct dirhash h;
};

static void setup(struct fixture *f)
{
    epoch_domain_init(&f->d);
    epoch_reader_join(&f->r, &f->d);
    CU_ASSERT_FATAL(dirhash_init(&f->h, hash_of));
    memset(in, 0, sizeof(in));
}

static void teardown(struct fixture *f)
{
    dirhash_close(&f->h);
    epoch_reader_leave(&f->r);
    epoch_domain_close(&f->d);
}

static bool find(struct fixture *f, size_t i, struct dirhash_pos *pos)
{
    *pos = dirhash_seek(&f->h, hashes[i]);
    for (uint64_t e; (e = dirhash_next(pos)) != 0;) {
        if (e == entry_of(i))
            return true;
    }
    return false;
}

static void flip(struct fixture *f, size_t i)
{
    struct dirhash_pos pos;
    if (in[i]) {
        CU_ASSERT_FATAL(find(f, i, &pos));
        dirhash_remove(&f->h, &f->r, &pos, hashes[i]);
    } else {
        CU_ASSERT_FATAL(dirhash_reserve(&f->h, &f->r, hashes[i]));
        dirhash_put(&f->h, hashes[i], entry_of(i));
    }
    in[i] = !in[i];
    epoch_collect(&f->r, SIZE_MAX);
}

static unsigned tag(const struct dirhash_page *p, unsigned slot)
{
    return (unsigned)(atomic_load(&p->group[slot / DIRHASH_GROUP].tags) >> (8 * (slot % DIRHASH_GROUP))) &
           0xff;
}

/* Counts of the page are right, its entries belong to it and their tags are those of their hashes. */
static void check_page(struct dirhash_page *p)
{
    unsigned live = 0, taken = 0;
    for (unsigned slot = 0; slot < p->groups * DIRHASH_GROUP; slot++) {
        uint64_t e = atomic_load(&p->group[slot / DIRHASH_GROUP].entry[slot % DIRHASH_GROUP]);
        live += e != 0;
        taken += tag(p, slot) != 0;
        CU_ASSERT_EQUAL(e != 0, tag(p, slot) >= 0x80);
        if (e != 0) {
            CU_ASSERT_EQUAL(tag(p, slot), 0x80 | (hash_of(e) & 0x7f));
            CU_ASSERT(p->depth == 0 || hash_of(e) >> (64 - p->depth) == p->prefix >> (64 - p->depth));
        }
    }
    CU_ASSERT_EQUAL(live, p->live);
    CU_ASSERT_EQUAL(taken, p->taken);
}

/* The directory is covered by pages without gap, and no longer than it must be. */
static void check(struct fixture *f)
{
    struct dirhash_dir *d = atomic_load(&f->h.dir);
    size_t live = 0, deepest = 0, pages = 0, i = 0, n = (size_t)1 << d->depth;
    while (i < n) {
        struct dirhash_page *p = atomic_load(&d->page[i]);
        size_t span = (size_t)1 << (d->depth - p->depth);
        CU_ASSERT_FATAL(p->depth <= d->depth);
        CU_ASSERT_EQUAL(i % span, 0);
        CU_ASSERT_EQUAL(d->depth == 0 ? 0 : p->prefix >> (64 - d->depth), i);
        for (size_t j = i; j < i + span; j++)
            CU_ASSERT_PTR_EQUAL(atomic_load(&d->page[j]), p);
        check_page(p);
        live += p->live;
        deepest += p->depth == d->depth;
        pages++;
        i += span;
    }
    CU_ASSERT_EQUAL(live, f->h.count);
    CU_ASSERT_EQUAL(deepest, d->deepest);
    CU_ASSERT(deepest > 0);
    CU_ASSERT(pages <= 1 + f->h.count / 8);
    for (size_t e = 0; e < ENTRIES; e++) {
        struct dirhash_pos pos;
        CU_ASSERT_EQUAL(find(f, e, &pos), in[e]);
    }
}

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * 0x9e3779b97f4a7c15U;
    x = (x ^ x >> 29) * 0xbf58476d1ce4e5b9U;
    return x ^ x >> 32;
}

static void test_random(void)
{
    struct fixture f;
    setup(&f);
    for (size_t i = 0; i < ENTRIES; i++)
        hashes[i] = mix(i + 1);
    uint64_t x = 1;
    for (int step = 0; step < 60000; step++) {
        x = mix(x + (uint64_t)step);
        size_t i = x % ENTRIES;
        if (in[i] == (step > 30000) || x >> 60 == 0) /* fill, then empty */
            flip(&f, i);
        if (step % 6000 == 0)
            check(&f);
    }
    for (size_t i = 0; i < ENTRIES; i++) {
        if (in[i])
            flip(&f, i);
        if (f.h.count == 500)
            check(&f); /* in few pages again */
    }
    check(&f);
    struct dirhash_dir *d = atomic_load(&f.h.dir);
    CU_ASSERT_EQUAL(d->depth, 0);
    teardown(&f);
}

/* Equal hashes, and hashes with equal top halves, make large pages, not a long directory. */
static void test_alike(void)
{
    enum { ALIKE = 2000 };
    struct fixture f;
    setup(&f);
    for (size_t i = 0; i < ENTRIES; i++)
        hashes[i] = i % 2 == 0 ? 42 : (uint64_t)7 << 40 | mix(i) >> 32;
    for (size_t i = 0; i < ALIKE; i++)
        flip(&f, i);
    struct dirhash_dir *d = atomic_load(&f.h.dir);
    CU_ASSERT((size_t)1 << d->depth <= ALIKE);
    for (size_t i = 0; i < ALIKE; i++) {
        struct dirhash_pos pos;
        CU_ASSERT(find(&f, i, &pos));
    }
    for (size_t i = 0; i < ALIKE; i++)
        flip(&f, i);
    CU_ASSERT_EQUAL(f.h.count, 0);
    check(&f);
    teardown(&f);
}

static void count_one(void *ctx, uint64_t entry)
{
    (void)entry;
    ++*(size_t *)ctx;
}

static void test_walk(void)
{
    struct fixture f;
    size_t n = 0;
    uint64_t next = 0;
    setup(&f);
    for (size_t i = 0; i < ENTRIES; i++)
        hashes[i] = mix(i + 77);
    while (dirhash_walk(&f.h, &next, count_one, &n)) {
    }
    CU_ASSERT_EQUAL(n, 0);
    CU_ASSERT_EQUAL(next, 0);
    for (size_t i = 0; i < 5000; i++)
        flip(&f, i);
    while (dirhash_walk(&f.h, &next, count_one, &n)) {
    }
    CU_ASSERT_EQUAL(n, 5000);
    teardown(&f);
}

static const struct unit_test tests[] = {UNIT_TEST(test_random), UNIT_TEST(test_alike), UNIT_TEST(test_walk)};
UNIT_MAIN("dirhash", tests)
