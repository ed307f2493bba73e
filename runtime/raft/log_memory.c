/* The log of a memory group. */
#include "raft/log.h"

#include <errno.h>
#include <stdlib.h>

struct memory_log {
    struct raft_log base;
    slice *bodies; /* of first..last */
    size_t count, cap;
};

static void drop(struct memory_log *l, size_t from, size_t n)
{
    if (n == 0)
        return;
    for (size_t i = from; i < from + n; i++)
        free((void *)(uintptr_t)l->bodies[i].ptr);
    memmove(l->bodies + from, l->bodies + from + n, (l->count - from - n) * sizeof *l->bodies);
    l->count -= n;
}

static int memory_append(struct raft_log *base, slice body, int64_t wall_ns)
{
    struct memory_log *l = (struct memory_log *)base;
    (void)wall_ns;
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 16 : 2 * l->cap;
        slice *grown = realloc(l->bodies, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        l->bodies = grown;
        l->cap = cap;
    }
    uint8_t *copy = malloc(body.len > 0 ? body.len : 1);
    if (copy == NULL)
        return -ENOMEM;
    if (body.len > 0)
        memcpy(copy, body.ptr, body.len);
    l->bodies[l->count++] = slice_make(copy, body.len);
    base->last++;
    return 0;
}

static int memory_truncate(struct raft_log *base, uint64_t last)
{
    struct memory_log *l = (struct memory_log *)base;
    if (last + 1 < base->first || last > base->last)
        return -EINVAL;
    size_t keep = (size_t)(last + 1 - base->first);
    drop(l, keep, l->count - keep);
    base->last = last;
    return 0;
}

static int memory_reset(struct raft_log *base, uint64_t index)
{
    struct memory_log *l = (struct memory_log *)base;
    drop(l, 0, l->count);
    base->first = index + 1;
    base->last = index;
    return 0;
}

static int memory_compact(struct raft_log *base, uint64_t index)
{
    struct memory_log *l = (struct memory_log *)base;
    if (index < base->first)
        return 0;
    if (index >= base->last)
        return memory_reset(base, index);
    drop(l, 0, (size_t)(index + 1 - base->first));
    base->first = index + 1;
    return 0;
}

static int memory_read(struct raft_log *base, uint64_t index, slice *body)
{
    struct memory_log *l = (struct memory_log *)base;
    if (index < base->first || index > base->last)
        return -ENOENT;
    *body = l->bodies[index - base->first];
    return 0;
}

static void memory_sync_begin(struct raft_log *base)
{
    (void)base;
}

static int memory_sync_run(struct raft_log *base)
{
    (void)base;
    return 0;
}

static void memory_close(struct raft_log *base)
{
    struct memory_log *l = (struct memory_log *)base;
    drop(l, 0, l->count);
    free(l->bodies);
    free(l);
}

int raft_log_open_memory(uint64_t index, struct raft_log **out)
{
    static const struct raft_log_ops ops = {.append = memory_append,
                                            .truncate = memory_truncate,
                                            .compact = memory_compact,
                                            .reset = memory_reset,
                                            .read = memory_read,
                                            .sync_begin = memory_sync_begin,
                                            .sync_run = memory_sync_run,
                                            .close = memory_close};
    struct memory_log *l = calloc(1, sizeof *l);
    if (l == NULL)
        return -ENOMEM;
    l->base = (struct raft_log){.ops = &ops, .first = index + 1, .last = index};
    *out = &l->base;
    return 0;
}
