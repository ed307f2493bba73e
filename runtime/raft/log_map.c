#include "raft/log_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void raft_map_free(struct raft_map *m)
{
    free(m->runs);
    free(m->sizes);
    *m = (struct raft_map){0};
}

static bool grow_sizes(struct raft_map *m, size_t need)
{
    size_t cap = m->size_cap == 0 ? 16 : m->size_cap;
    while (cap < need) {
        if (cap > SIZE_MAX / 2 / sizeof *m->sizes)
            return false;
        cap *= 2;
    }
    if (cap == m->size_cap)
        return true;
    uint32_t *grown = malloc(cap * sizeof *grown);
    if (grown == NULL)
        return false;
    for (uint64_t i = m->base_index + 1; i <= m->last; i++)
        grown[i & (cap - 1)] = m->sizes[i & (m->size_cap - 1)];
    free(m->sizes);
    m->sizes = grown;
    m->size_cap = cap;
    return true;
}

bool raft_map_reserve(struct raft_map *m, size_t n)
{
    if (!grow_sizes(m, raft_map_count(m) + n))
        return false;
    if (m->run_cap - m->run_count >= n)
        return true;
    size_t cap = 2 * m->run_cap + n;
    struct raft_run *grown = realloc(m->runs, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    m->runs = grown;
    m->run_cap = cap;
    return true;
}

void raft_map_push(struct raft_map *m, uint64_t term, uint32_t size)
{
    assert(raft_map_count(m) < m->size_cap && m->run_count < m->run_cap);
    m->last++;
    m->sizes[m->last & (m->size_cap - 1)] = size;
    m->bytes += size;
    if (m->run_count == 0 || m->runs[m->run_count - 1].term != term)
        m->runs[m->run_count++] = (struct raft_run){m->last, term};
}

void raft_map_truncate(struct raft_map *m, uint64_t last)
{
    assert(last >= m->base_index);
    while (m->last > last) {
        m->bytes -= raft_map_size(m, m->last);
        m->last--;
    }
    while (m->run_count > 0 && m->runs[m->run_count - 1].first > last)
        m->run_count--;
}

/* The run that holds an entry. */
static size_t run_of(const struct raft_map *m, uint64_t index)
{
    size_t lo = 0, hi = m->run_count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (m->runs[mid].first <= index)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

void raft_map_compact(struct raft_map *m, uint64_t index)
{
    assert(index >= m->base_index && index <= m->last);
    if (index == m->base_index)
        return;
    m->base_term = raft_map_term(m, index);
    while (m->base_index < index) {
        m->base_index++;
        m->bytes -= m->sizes[m->base_index & (m->size_cap - 1)];
    }
    if (index == m->last) {
        m->run_count = 0;
        return;
    }
    size_t keep = run_of(m, index + 1);
    memmove(m->runs, m->runs + keep, (m->run_count - keep) * sizeof *m->runs);
    m->run_count -= keep;
    if (m->runs[0].first <= index)
        m->runs[0].first = index + 1;
}

void raft_map_reset(struct raft_map *m, uint64_t index, uint64_t term)
{
    m->base_index = index;
    m->base_term = term;
    m->last = index;
    m->bytes = 0;
    m->run_count = 0;
}

uint64_t raft_map_term(const struct raft_map *m, uint64_t index)
{
    if (index == m->base_index)
        return m->base_term;
    if (index < m->base_index || index > m->last)
        return 0;
    return m->runs[run_of(m, index)].term;
}

uint64_t raft_map_run_first(const struct raft_map *m, uint64_t index)
{
    assert(index > m->base_index && index <= m->last);
    return m->runs[run_of(m, index)].first;
}

uint32_t raft_map_size(const struct raft_map *m, uint64_t index)
{
    assert(index > m->base_index && index <= m->last);
    return m->sizes[index & (m->size_cap - 1)];
}
