/* log_map.h: what a member knows of its log without reading it: the term and the size of each entry.
 *
 * Terms are kept as runs (they rarely change), sizes in a ring. Indexes are base + 1 .. last; the base is the
 * entry before the first, which the snapshot covers (0, term 0 without one). */
#ifndef RAFT_LOG_MAP_H
#define RAFT_LOG_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raft_run {
    uint64_t first; /* index of its first entry */
    uint64_t term;
};

struct raft_map {
    uint64_t base_index, base_term;
    uint64_t last;
    uint64_t bytes; /* of all entries */
    struct raft_run *runs;
    size_t run_count, run_cap;
    uint32_t *sizes; /* ring, capacity a power of two; entry i lies at i & (cap - 1) */
    size_t size_cap;
};

void raft_map_free(struct raft_map *m);
/* Room for n more entries: false without memory. */
bool raft_map_reserve(struct raft_map *m, size_t n);
/* Append the entry last + 1; room was reserved. */
void raft_map_push(struct raft_map *m, uint64_t term, uint32_t size);
/* Entries above `last` go; last >= base_index. */
void raft_map_truncate(struct raft_map *m, uint64_t last);
/* Entries up to `index` go; base_index <= index <= last. */
void raft_map_compact(struct raft_map *m, uint64_t index);
/* All go; the base is (index, term). */
void raft_map_reset(struct raft_map *m, uint64_t index, uint64_t term);

static inline size_t raft_map_count(const struct raft_map *m)
{
    return (size_t)(m->last - m->base_index);
}
/* Of an entry or the base; 0 when it is neither. */
uint64_t raft_map_term(const struct raft_map *m, uint64_t index);
static inline uint64_t raft_map_last_term(const struct raft_map *m)
{
    return m->run_count > 0 ? m->runs[m->run_count - 1].term : m->base_term;
}
/* The first entry of the run of one term that an entry belongs to. */
uint64_t raft_map_run_first(const struct raft_map *m, uint64_t index);
/* Of an entry. */
uint32_t raft_map_size(const struct raft_map *m, uint64_t index);

#endif
