#include "store/mem/mem_pages.h"

#include <stdlib.h>
#include <string.h>

static struct mem_page *page_at(const struct mem_pages *p, size_t i)
{
    return p->page[p->head + i];
}

static size_t slot_of(uint64_t seq)
{
    return (size_t)(seq % MEM_PAGE);
}

/* Index of the first page that ends at or behind seq; count when none does. */
static size_t position(struct mem_pages *p, uint64_t seq)
{
    uint64_t base = seq - seq % MEM_PAGE;
    if (p->hint < p->count && page_at(p, p->hint)->base == base)
        return p->hint;
    size_t lo = 0, hi = p->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (page_at(p, mid)->base < base)
            lo = mid + 1;
        else
            hi = mid;
    }
    p->hint = lo;
    return lo;
}

/* The page that covers seq, or NULL. */
static struct mem_page *page_of(struct mem_pages *p, uint64_t seq)
{
    size_t i = position(p, seq);
    return i < p->count && page_at(p, i)->base == seq - seq % MEM_PAGE ? page_at(p, i) : NULL;
}

static bool make_room(struct mem_pages *p)
{
    if (p->head + p->count < p->cap)
        return true;
    if (p->head > p->cap / 2) {
        memmove(p->page, p->page + p->head, p->count * sizeof(struct mem_page *));
        p->head = 0;
        return true;
    }
    size_t cap = p->cap == 0 ? 8 : 2 * p->cap;
    struct mem_page **page = realloc(p->page, cap * sizeof(struct mem_page *));
    if (page == NULL)
        return false;
    p->page = page;
    p->cap = cap;
    return true;
}

bool pages_reserve(struct mem_pages *p, uint64_t seq)
{
    if (page_of(p, seq) != NULL)
        return true;
    pages_drop_spare(p);
    if (!make_room(p))
        return false;
    struct mem_page *page = calloc(1, sizeof *page);
    if (page == NULL)
        return false;
    page->base = seq - seq % MEM_PAGE;
    p->page[p->head + p->count++] = page;
    return true;
}

static void remove_page(struct mem_pages *p, size_t i)
{
    free(page_at(p, i));
    p->count--;
    if (i == 0)
        p->head++;
    else
        memmove(&p->page[p->head + i], &p->page[p->head + i + 1], (p->count - i) * sizeof(struct mem_page *));
    if (p->count == 0)
        p->head = 0;
    p->hint = 0;
}

void pages_drop_spare(struct mem_pages *p)
{
    if (p->count > 0 && page_at(p, p->count - 1)->live == 0)
        remove_page(p, p->count - 1);
}

void pages_put(struct mem_pages *p, uint64_t seq, struct mem_msg *m)
{
    struct mem_page *page = page_of(p, seq);
    page->slot[slot_of(seq)] = m;
    page->live++;
}

struct mem_msg *pages_get(struct mem_pages *p, uint64_t seq)
{
    struct mem_page *page = page_of(p, seq);
    return page == NULL ? NULL : page->slot[slot_of(seq)];
}

struct mem_msg *pages_take(struct mem_pages *p, uint64_t seq)
{
    struct mem_page *page = page_of(p, seq);
    struct mem_msg *m = page == NULL ? NULL : page->slot[slot_of(seq)];
    if (m == NULL)
        return NULL;
    page->slot[slot_of(seq)] = NULL;
    if (--page->live == 0)
        remove_page(p, position(p, seq));
    return m;
}

bool pages_next(struct mem_pages *p, uint64_t from, uint64_t *seq)
{
    for (size_t i = position(p, from); i < p->count; i++) {
        const struct mem_page *page = page_at(p, i);
        for (size_t k = page->base < from ? slot_of(from) : 0; k < MEM_PAGE; k++) {
            if (page->slot[k] == NULL)
                continue;
            p->hint = i;
            *seq = page->base + k;
            return true;
        }
    }
    return false;
}

bool pages_prev(struct mem_pages *p, uint64_t from, uint64_t *seq)
{
    size_t i = position(p, from);
    if (i < p->count && page_at(p, i)->base <= from)
        i++;
    while (i-- > 0) {
        const struct mem_page *page = page_at(p, i);
        size_t k = from - page->base < MEM_PAGE ? slot_of(from) + 1 : MEM_PAGE;
        while (k-- > 0) {
            if (page->slot[k] == NULL)
                continue;
            p->hint = i;
            *seq = page->base + k;
            return true;
        }
    }
    return false;
}

uint64_t pages_count(struct mem_pages *p, uint64_t first, uint64_t last)
{
    uint64_t n = 0;
    for (size_t i = position(p, first); i < p->count && page_at(p, i)->base <= last; i++) {
        const struct mem_page *page = page_at(p, i);
        uint64_t end = page->base + (MEM_PAGE - 1);
        if (page->base >= first && end <= last) {
            n += page->live;
            continue;
        }
        size_t to = end <= last ? MEM_PAGE - 1 : slot_of(last);
        for (size_t k = page->base < first ? slot_of(first) : 0; k <= to; k++)
            n += page->slot[k] != NULL;
    }
    return n;
}

/* The time of a page's last message. */
static int64_t page_ends(const struct mem_page *page)
{
    size_t k = MEM_PAGE - 1;
    while (page->slot[k] == NULL)
        k--;
    return page->slot[k]->ts;
}

bool pages_not_older(struct mem_pages *p, int64_t ts, uint64_t *seq)
{
    pages_drop_spare(p);
    size_t lo = 0, hi = p->count;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (page_ends(page_at(p, mid)) < ts)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < p->count; lo++) {
        const struct mem_page *page = page_at(p, lo);
        for (size_t k = 0; k < MEM_PAGE; k++) {
            if (page->slot[k] == NULL || page->slot[k]->ts < ts)
                continue;
            *seq = page->base + k;
            return true;
        }
    }
    return false;
}

void pages_free(struct mem_pages *p)
{
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; k < MEM_PAGE; k++)
            free(page_at(p, i)->slot[k]);
        free(page_at(p, i));
    }
    free(p->page);
    *p = (struct mem_pages){0};
}
