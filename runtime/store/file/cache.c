/* Images of blocks, and the budget that they share. */
#include "store/file/fs.h"

#include <sys/mman.h>

#define CAP_MIN      4096u
#define SPARE_MIN    (1u << 20)
#define JUMP_TO_FULL (512u << 10) /* an image that grew so far will fill its block */
#define HUGE_PAGE    (2u << 20)

struct store_cache *store_cache_new(size_t budget)
{
    struct store_cache *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->budget = budget;
    c->ring.newer = c->ring.older = &c->ring;
    return c;
}

void store_cache_free(struct store_cache *c)
{
    if (c == NULL)
        return;
    if (c->spare != NULL)
        image_buf_release(c->spare);
    free(c);
}

size_t store_cache_memory(const struct store_cache *c)
{
    return c->used + (c->spare != NULL ? c->spare->cap : 0);
}

/* Large ones on large pages where there are any: the first touch of small pages costs more than filling them.
 */
static uint8_t *bytes_new(size_t cap)
{
    if (cap < HUGE_PAGE)
        return malloc(cap);
    uint8_t *p = aligned_alloc(HUGE_PAGE, (cap + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE);
    if (p != NULL)
        (void)madvise(p, cap, MADV_HUGEPAGE); /* only advice */
    return p;
}

static struct image_buf *buf_new(struct store_cache *c, size_t cap)
{
    if (c->spare != NULL && c->spare->cap >= cap && c->spare->cap / 4 <= cap) {
        struct image_buf *b = c->spare;
        c->spare = NULL;
        return b;
    }
    struct image_buf *b = malloc(sizeof *b);
    if (b == NULL)
        return NULL;
    *b = (struct image_buf){.bytes = bytes_new(cap), .cap = cap, .refs = 1};
    if (b->bytes == NULL) {
        free(b);
        return NULL;
    }
    return b;
}

void image_buf_release(struct image_buf *b)
{
    if (--b->refs > 0)
        return;
    free(b->bytes);
    free(b);
}

/* A large buffer is kept for the next block: mapping 8 MiB anew costs more than filling it. */
static void buf_recycle(struct store_cache *c, struct image_buf *b)
{
    if (b->refs == 1 && b->cap >= SPARE_MIN && b->cap <= (size_t)2 * STORE_BLOCK_MAX && c->spare == NULL)
        c->spare = b;
    else
        image_buf_release(b);
}

static void ring_remove(struct image *m)
{
    m->older->newer = m->newer;
    m->newer->older = m->older;
}

static void ring_add_newest(struct store_cache *c, struct image *m)
{
    m->older = c->ring.older;
    m->newer = &c->ring;
    c->ring.older->newer = m;
    c->ring.older = m;
}

static struct image *image_around(struct store_cache *c, struct block *b, struct image_buf *buf)
{
    struct image *m = buf == NULL ? NULL : calloc(1, sizeof *m);
    if (m == NULL) {
        if (buf != NULL)
            image_buf_release(buf);
        return NULL;
    }
    m->buf = buf;
    m->block = b;
    ring_add_newest(c, m);
    return m;
}

struct image *image_new(struct store_cache *c, struct block *b, uint64_t base, size_t cap)
{
    struct image *m = image_around(c, b, buf_new(c, cap < CAP_MIN ? CAP_MIN : cap));
    if (m != NULL)
        m->base = base;
    return m;
}

struct image *image_adopt(struct store_cache *c, struct block *b, struct byte_buf *bytes)
{
    if (bytes->ptr == NULL)
        return image_new(c, b, 0, 0);
    struct image_buf *buf = malloc(sizeof *buf);
    if (buf == NULL)
        return NULL;
    *buf = (struct image_buf){.bytes = bytes->ptr, .cap = bytes->cap, .refs = 1};
    size_t len = bytes->len;
    *bytes = (struct byte_buf){0};
    struct image *m = image_around(c, b, buf);
    if (m != NULL)
        m->len = len;
    return m;
}

void image_free(struct store_cache *c, struct image *m)
{
    ring_remove(m);
    c->used -= m->charged;
    buf_recycle(c, m->buf);
    free(m->offsets);
    if (m->block->image == m)
        m->block->image = NULL;
    free(m);
}

bool image_room(struct store_cache *c, struct image *m, size_t n)
{
    if (m->buf->cap - m->len >= n)
        return true;
    size_t cap = m->buf->cap * 2;
    size_t full = (size_t)m->block->fs->block_size;
    if (cap > JUMP_TO_FULL && cap < full)
        cap = full;
    if (cap < m->len + n)
        cap = m->len + n;
    struct image_buf *bigger = buf_new(c, cap);
    if (bigger == NULL)
        return false;
    memcpy(bigger->bytes, m->buf->bytes, m->len);
    buf_recycle(c, m->buf); /* a write under way keeps its own reference */
    m->buf = bigger;
    return true;
}

bool image_add_offset(struct image *m, uint32_t offset)
{
    if (m->count == m->offset_cap) {
        size_t cap = m->offset_cap == 0 ? 64 : m->offset_cap * 2;
        uint32_t *grown = realloc(m->offsets, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        m->offsets = grown;
        m->offset_cap = cap;
    }
    m->offsets[m->count++] = offset;
    return true;
}

/* Everything in it is on disk (as far as the sync mode promises): it can be read again. */
static bool can_drop(const struct image *m)
{
    return m->block->durable == m->block->raw;
}

/* Drop what was not used for long, but not `keep`, until the budget holds. */
static void trim(struct store_cache *c, const struct image *keep)
{
    for (struct image *old = c->ring.newer; c->used > c->budget && old != &c->ring;) {
        struct image *next = old->newer;
        if (old != keep && can_drop(old))
            image_free(c, old);
        old = next;
    }
}

void image_touch(struct store_cache *c, struct image *m)
{
    size_t now = m->buf->cap + m->offset_cap * sizeof m->offsets[0] + sizeof *m;
    bool grown = now != m->charged;
    c->used = c->used - m->charged + now;
    m->charged = now;
    if (c->ring.older != m) {
        ring_remove(m);
        ring_add_newest(c, m);
    }
    if (grown)
        trim(c, m);
}

void image_settled(struct store_cache *c)
{
    if (c->used > c->budget)
        trim(c, c->ring.older);
}

size_t image_lower_bound(const struct image *m, uint64_t seq)
{
    if (m->count == 0)
        return 0;
    uint64_t first = image_seq(m, 0);
    if (seq <= first)
        return 0;
    /* Without gaps the place follows from the first sequence; with gaps it lies before that. */
    uint64_t guess = seq - first;
    if (guess < m->count && image_seq(m, guess) == seq)
        return guess;
    size_t lo = 1, hi = guess < m->count ? guess : m->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (image_seq(m, mid) < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
