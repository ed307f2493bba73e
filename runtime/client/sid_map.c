#include "client/sid_map.h"

#include <stdlib.h>

#define MIN_SLOTS 8

/* FNV-1a with a final mix: sids are short and mostly decimal counters. */
static size_t hash(slice sid)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < sid.len; i++)
        h = (h ^ sid.ptr[i]) * 1099511628211u;
    return (size_t)(h ^ (h >> 29));
}

void sid_map_free(struct sid_map *m)
{
    free(m->slots);
    *m = (struct sid_map){0};
}

struct sub *sid_map_find(const struct sid_map *m, slice sid)
{
    if (m->slots == NULL)
        return NULL;
    for (size_t i = hash(sid) & m->mask; m->slots[i] != NULL; i = (i + 1) & m->mask) {
        if (slice_eq(sub_sid(m->slots[i]), sid))
            return m->slots[i];
    }
    return NULL;
}

static void put(struct sub **slots, size_t mask, struct sub *sub)
{
    size_t i = hash(sub_sid(sub)) & mask;
    /* Who puts has made room: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    while (slots[i] != NULL)
        i = (i + 1) & mask;
    slots[i] = sub;
}

static bool resize(struct sid_map *m, size_t count)
{
    struct sub **slots = calloc(count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; m->slots != NULL && i <= m->mask; i++) {
        if (m->slots[i] != NULL)
            put(slots, count - 1, m->slots[i]);
    }
    free(m->slots);
    m->slots = slots;
    m->mask = count - 1;
    return true;
}

bool sid_map_insert(struct sid_map *m, struct sub *sub)
{
    size_t size = m->slots == NULL ? 0 : m->mask + 1;
    if (4 * (m->count + 1) > 3 * size && !resize(m, size == 0 ? MIN_SLOTS : 2 * size))
        return false;
    put(m->slots, m->mask, sub);
    m->count++;
    return true;
}

void sid_map_remove(struct sid_map *m, struct sub *sub)
{
    size_t i = hash(sub_sid(sub)) & m->mask;
    while (m->slots[i] != sub)
        i = (i + 1) & m->mask;
    m->count--;
    /* Close the gap: move back every entry that a search would no longer reach. */
    for (size_t j = (i + 1) & m->mask; m->slots[j] != NULL; j = (j + 1) & m->mask) {
        size_t home = hash(sub_sid(m->slots[j])) & m->mask;
        if (((j - home) & m->mask) >= ((j - i) & m->mask)) {
            m->slots[i] = m->slots[j];
            i = j;
        }
    }
    m->slots[i] = NULL;
    if (m->count == 0)
        sid_map_free(m);
}

struct sub *sid_map_next(const struct sid_map *m, size_t *at)
{
    while (m->slots != NULL && *at <= m->mask) {
        struct sub *sub = m->slots[(*at)++];
        if (sub != NULL)
            return sub;
    }
    return NULL;
}
