#include "client/sid_map.h"

#include "base/hash.h"
#include <stdlib.h>

#define MIN_SLOTS 8

static size_t home_of(const struct sid_map *m, slice sid)
{
    return (size_t)hash_bytes(sid, m->seed) & m->mask;
}

void sid_map_free(struct sid_map *m)
{
    free(m->slots);
    *m = (struct sid_map){.seed = m->seed};
}

struct sub *sid_map_find(const struct sid_map *m, slice sid)
{
    if (m->slots == NULL)
        return NULL;
    for (size_t i = home_of(m, sid); m->slots[i] != NULL; i = (i + 1) & m->mask) {
        if (slice_eq(sub_sid(m->slots[i]), sid))
            return m->slots[i];
    }
    return NULL;
}

static void put(struct sid_map *m, struct sub *sub)
{
    size_t i = home_of(m, sub_sid(sub));
    /* Who puts has made room: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    while (m->slots[i] != NULL)
        i = (i + 1) & m->mask;
    m->slots[i] = sub;
}

static bool resize(struct sid_map *m, size_t count)
{
    struct sid_map old = *m;
    m->slots = calloc(count, sizeof *m->slots);
    if (m->slots == NULL) {
        *m = old;
        return false;
    }
    m->mask = count - 1;
    for (size_t i = 0; old.slots != NULL && i <= old.mask; i++) {
        if (old.slots[i] != NULL)
            put(m, old.slots[i]);
    }
    free(old.slots);
    return true;
}

bool sid_map_insert(struct sid_map *m, struct sub *sub)
{
    size_t size = m->slots == NULL ? 0 : m->mask + 1;
    if (4 * (m->count + 1) > 3 * size && !resize(m, size == 0 ? MIN_SLOTS : 2 * size))
        return false;
    put(m, sub);
    m->count++;
    return true;
}

void sid_map_remove(struct sid_map *m, struct sub *sub)
{
    size_t i = home_of(m, sub_sid(sub));
    while (m->slots[i] != sub)
        i = (i + 1) & m->mask;
    m->count--;
    /* Close the gap: move back every entry that a search would no longer reach. */
    for (size_t j = (i + 1) & m->mask; m->slots[j] != NULL; j = (j + 1) & m->mask) {
        size_t home = home_of(m, sub_sid(m->slots[j]));
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
