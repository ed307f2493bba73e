#include "raft/members.h"

#include <assert.h>
#include <stdlib.h>

void raft_members_free(struct raft_members *m)
{
    for (size_t i = 0; i < m->count; i++)
        free(m->list[i].ids);
    free(m->list);
    free(m->spare);
    *m = (struct raft_members){0};
}

bool raft_members_reserve(struct raft_members *m, size_t n)
{
    if (m->count == m->cap) {
        size_t cap = m->cap == 0 ? 4 : 2 * m->cap;
        struct raft_membership *grown = realloc(m->list, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        m->list = grown;
        m->cap = cap;
    }
    if (m->spare_cap < n) {
        raft_id *grown = realloc(m->spare, n * sizeof *grown);
        if (grown == NULL)
            return false;
        m->spare = grown;
        m->spare_cap = n;
    }
    return true;
}

const struct raft_membership *raft_members_at(const struct raft_members *m, uint64_t index)
{
    size_t i = m->count - 1;
    while (i > 0 && m->list[i].index > index)
        i--;
    return &m->list[i];
}

bool raft_membership_has(const struct raft_membership *s, raft_id id)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->ids[i] == id)
            return true;
    }
    return false;
}

struct raft_peers raft_membership_peers(const struct raft_membership *s)
{
    return (struct raft_peers){.size = s->size, .count = s->count, .extension = s->extension, .ids = s->ids};
}

struct raft_peers raft_membership_whole(const struct raft_membership *s)
{
    struct raft_peers peers = raft_membership_peers(s);
    if (s->boot > peers.size)
        peers.size = s->boot;
    return peers;
}

/* The spare ids become those of a new membership behind the others. */
static struct raft_membership *push(struct raft_members *m, uint64_t index, bool change)
{
    assert(m->count < m->cap && m->spare != NULL);
    struct raft_membership *s = &m->list[m->count++];
    *s = (struct raft_membership){.index = index, .change = change, .ids = m->spare};
    m->spare = NULL;
    m->spare_cap = 0;
    return s;
}

static bool same_members(const struct raft_membership *a, const struct raft_membership *b)
{
    if (a->count != b->count || a->size != b->size || a->boot != b->boot || a->extension != b->extension)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!raft_membership_has(b, a->ids[i]))
            return false;
    }
    return true;
}

bool raft_members_push(struct raft_members *m, uint64_t index, const struct raft_peers *peers)
{
    assert(m->spare_cap >= peers->count);
    struct raft_membership *s = push(m, index, false);
    s->extension = peers->extension;
    for (uint32_t i = 0; i < peers->count; i++) {
        if (peers->ids[i] != 0 && !raft_membership_has(s, peers->ids[i]))
            s->ids[s->count++] = peers->ids[i];
    }
    s->size = peers->size > s->count ? peers->size : s->count;
    s->boot = s->size > s->count ? s->size : 0;
    return m->count == 1 || !same_members(s, s - 1);
}

bool raft_members_push_add(struct raft_members *m, uint64_t index, raft_id id)
{
    const struct raft_membership *now = raft_members_now(m);
    if (raft_membership_has(now, id) || now->count >= RAFT_PEERS_MAX)
        return false;
    assert(m->spare_cap > now->count);
    struct raft_membership *s = push(m, index, true);
    now = s - 1;
    memcpy(s->ids, now->ids, now->count * sizeof *s->ids);
    s->ids[now->count] = id;
    s->count = now->count + 1;
    s->size = s->count;
    s->boot = now->boot > s->count ? now->boot : 0;
    s->extension = now->extension;
    return true;
}

bool raft_members_push_remove(struct raft_members *m, uint64_t index, raft_id id)
{
    const struct raft_membership *now = raft_members_now(m);
    if (!raft_membership_has(now, id) || now->count <= 1)
        return false;
    assert(m->spare_cap >= now->count);
    struct raft_membership *s = push(m, index, true);
    now = s - 1;
    for (uint32_t i = 0; i < now->count; i++) {
        if (now->ids[i] != id)
            s->ids[s->count++] = now->ids[i];
    }
    s->size = s->count;
    s->boot = now->boot > s->count + 1 ? now->boot - 1 : 0;
    s->extension = now->extension;
    return true;
}

bool raft_members_truncate(struct raft_members *m, uint64_t index)
{
    size_t before = m->count;
    while (m->count > 1 && m->list[m->count - 1].index > index)
        free(m->list[--m->count].ids);
    return m->count != before;
}

void raft_members_compact(struct raft_members *m, uint64_t index)
{
    size_t gone = 0;
    while (gone + 1 < m->count && m->list[gone + 1].index <= index)
        free(m->list[gone++].ids);
    memmove(m->list, m->list + gone, (m->count - gone) * sizeof *m->list);
    m->count -= gone;
}

void raft_members_reset(struct raft_members *m, uint64_t index, const struct raft_peers *peers)
{
    raft_members_push(m, index, peers);
    struct raft_membership last = m->list[m->count - 1];
    for (size_t i = 0; i + 1 < m->count; i++)
        free(m->list[i].ids);
    m->list[0] = last;
    m->count = 1;
}
