#include "base/arena.h"
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHUNK = 16 * 1024 };

struct chunk {
    struct chunk *next;
    alignas(max_align_t) uint8_t bytes[];
};

struct arena {
    struct chunk *chunks; /* the first is the one in use */
    size_t used, room;    /* of its bytes */
    size_t limit, total;
    bool failed;
};

struct arena *arena_new(size_t limit)
{
    struct arena *a = calloc(1, sizeof *a);
    if (a != NULL)
        a->limit = limit;
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    while (a->chunks != NULL) {
        struct chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
    free(a);
}

bool arena_failed(const struct arena *a)
{
    return a->failed;
}

/* A big object gets a chunk of its own behind the one in use, whose rest stays usable. */
static void *alloc_chunk(struct arena *a, size_t size)
{
    bool big = size > CHUNK / 4;
    struct chunk *c = calloc(1, sizeof *c + (big ? size : CHUNK));
    if (c == NULL)
        return NULL;
    if (big && a->chunks != NULL) {
        c->next = a->chunks->next;
        a->chunks->next = c;
        return c->bytes;
    }
    c->next = a->chunks;
    a->chunks = c;
    a->room = big ? size : CHUNK;
    a->used = size;
    return c->bytes;
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = alignof(max_align_t);
    void *p = NULL;
    if (size <= SIZE_MAX / 2 - align) {
        size = (size + align - 1) / align * align;
        bool over = a->limit != 0 && size > a->limit - a->total;
        if (!over && a->chunks != NULL && size <= a->room - a->used) {
            p = a->chunks->bytes + a->used;
            a->used += size;
        } else if (!over) {
            p = alloc_chunk(a, size);
        }
    }
    if (p == NULL)
        a->failed = true;
    else
        a->total += size;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, count * size);
}

slice arena_copy(struct arena *a, slice s)
{
    uint8_t *p = s.len < SIZE_MAX ? arena_alloc(a, s.len + 1) : NULL;
    if (p == NULL)
        return SLICE_EMPTY;
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    return slice_make(p, s.len);
}

slice arena_concat(struct arena *a, const slice *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len >= SIZE_MAX - len) {
            a->failed = true;
            return SLICE_EMPTY;
        }
        len += parts[i].len;
    }
    uint8_t *p = arena_alloc(a, len + 1), *at = p;
    if (p == NULL)
        return SLICE_EMPTY;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > 0)
            memcpy(at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return slice_make(p, len);
}

slice arena_vprintf(struct arena *a, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    size_t len = n < 0 ? 0 : (size_t)n;
    char *p = arena_alloc(a, len + 1);
    if (p != NULL)
        vsnprintf(p, len + 1, fmt, again);
    va_end(again);
    return p == NULL ? SLICE_EMPTY : slice_make(p, len);
}

slice arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    slice s = arena_vprintf(a, fmt, args);
    va_end(args);
    return s;
}
