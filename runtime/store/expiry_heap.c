#include "store/expiry_heap.h"

#include <stdlib.h>

static void sift_up(struct expiry_heap *h, size_t i)
{
    struct expiry e = h->item[i];
    for (; i > 0 && h->item[(i - 1) / 2].at > e.at; i = (i - 1) / 2)
        h->item[i] = h->item[(i - 1) / 2];
    h->item[i] = e;
}

static void sift_down(struct expiry_heap *h, size_t i)
{
    struct expiry e = h->item[i];
    for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->item[child + 1].at < h->item[child].at)
            child++;
        if (h->item[child].at >= e.at)
            break;
        h->item[i] = h->item[child];
    }
    h->item[i] = e;
}

bool expiry_heap_reserve(struct expiry_heap *h)
{
    if (h->count < h->cap)
        return true;
    size_t cap = h->cap == 0 ? 64 : 2 * h->cap;
    struct expiry *item = realloc(h->item, cap * sizeof *item);
    if (item == NULL)
        return false;
    h->item = item;
    h->cap = cap;
    return true;
}

void expiry_heap_push(struct expiry_heap *h, int64_t at, uint64_t seq)
{
    h->item[h->count] = (struct expiry){at, seq};
    sift_up(h, h->count++);
}

void expiry_heap_pop(struct expiry_heap *h)
{
    h->item[0] = h->item[--h->count];
    if (h->count > 0)
        sift_down(h, 0);
}

void expiry_heap_sweep(struct expiry_heap *h, bool (*keep)(void *ctx, uint64_t seq), void *ctx)
{
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        if (keep(ctx, h->item[i].seq))
            h->item[n++] = h->item[i];
    }
    h->count = n;
    for (size_t i = n / 2; i-- > 0;)
        sift_down(h, i);
}

void expiry_heap_free(struct expiry_heap *h)
{
    free(h->item);
    *h = (struct expiry_heap){0};
}
