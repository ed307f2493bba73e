/* mem.h: the inside of the memory store, shared by its files and by nobody else.
 *
 *   mem_store.c    life, appends, skips          mem_pages.c   messages by sequence
 *   mem_remove.c   one or many messages go       mem_read.c    messages out
 *   mem_limits.c   what must go: limits, age     mem_query.c   counts, subjects
 *
 * Every message knows its neighbours on the same subject, so the ends in the subject index are always exact
 * and a subject's messages can be walked without looking at others. */
#ifndef STORE_MEM_H
#define STORE_MEM_H

#include "store/consumer/seqmap.h"
#include "store/expiry_heap.h"
#include "store/mem/mem_pages.h"
#include "store/mem_store.h"
#include "store/subject_index.h"

#define MEM_OVERHEAD 16

struct mem_store {
    struct store base;
    struct store_limits limits;
    struct store_hooks hooks;
    struct mem_pages pages;
    struct subject_index *subjects; /* NULL: not tracked */
    uint64_t msgs;
    uint64_t bytes;
    uint64_t first; /* 0: never used; last + 1 when empty */
    uint64_t last;
    int64_t last_ts;
    bool last_ts_set;
    struct expiry_heap ttl;
    size_t ttl_sweep_at;
    struct seqmap handed_up; /* expired messages that the owner was told of -> b: when */
    uint64_t written;        /* mark */
    uint64_t reported;       /* mark that `progress` was last called with */
};

static inline struct mem_store *mem_of(struct store *s)
{
    return (struct mem_store *)s;
}
static inline slice mem_subject(const struct mem_msg *m)
{
    return slice_make(m->bytes, m->subject_len);
}
static inline slice mem_hdr(const struct mem_msg *m)
{
    return slice_make(m->bytes + m->subject_len, m->hdr_len);
}
static inline uint64_t mem_size(const struct mem_msg *m)
{
    return (uint64_t)m->subject_len + m->hdr_len + m->data_len + MEM_OVERHEAD;
}
static inline void mem_message(const struct mem_msg *m, uint64_t seq, struct store_msg *out)
{
    slice rest = slice_make(m->bytes + m->subject_len + m->hdr_len, m->data_len);
    *out = (struct store_msg){seq, m->ts, mem_subject(m), mem_hdr(m), rest};
}

/* A filter made ready. */
struct mem_filter {
    enum { MEM_NOTHING, MEM_ALL, MEM_LITERAL, MEM_SET } kind;
    slice literal;
    struct store_filter set;
};
struct mem_filter mem_filter_of(const struct mem_store *, struct store_filter);
bool mem_filter_takes(const struct mem_filter *, slice subject);

/* A subject's messages on both sides of a sequence; sequences are 0 when there are none. */
struct mem_split {
    uint64_t before; /* the last one below */
    uint64_t from;   /* the first one at or above */
    uint64_t count;  /* messages at or above */
};
struct mem_split mem_split_at(struct mem_store *, const struct subject_entry *, uint64_t seq);

/* mem_store.c */
void mem_report(struct mem_store *, int64_t msgs, int64_t bytes, uint64_t seq, slice subject);

/* mem_remove.c */
/* Remove a live message and report it. */
void mem_remove_message(struct mem_store *, uint64_t seq, bool erase);
enum store_rc mem_remove(struct store *, uint64_t seq, enum store_remove_how, bool *removed);
enum store_rc mem_purge(struct store *, slice filter, uint64_t below, uint64_t keep, uint64_t *purged);
enum store_rc mem_compact(struct store *, uint64_t first, uint64_t *purged);
enum store_rc mem_truncate(struct store *, uint64_t last, int64_t now);
enum store_rc mem_sync_deletes(struct store *, slice blocks);

/* mem_limits.c */
enum store_rc mem_check_new(struct mem_store *, const struct store_append *, uint64_t size);
void mem_enforce(struct mem_store *);
void mem_enforce_subject(struct mem_store *, slice subject);
enum store_rc mem_update(struct store *, const struct store_limits *, slice meta, int64_t now);
enum store_rc mem_expire(struct store *, int64_t now, size_t max, int64_t *next_due);
/* Room for one more TTL; drops those of messages that are gone now and then. */
bool mem_ttl_reserve(struct mem_store *);
void mem_ttl_sweep(struct mem_store *);

/* mem_read.c */
enum store_rc mem_load(struct store *, uint64_t seq, struct store_msg *);
enum store_rc mem_load_last(struct store *, slice filter, struct store_msg *);
enum store_rc mem_next(struct store *, struct store_filter, uint64_t from, struct store_msg *,
                       uint64_t *skip);
enum store_rc mem_prev(struct store *, struct store_filter, uint64_t from, struct store_msg *,
                       uint64_t *skip);
enum store_rc mem_batch(struct store *, struct store_filter, uint64_t from, struct store_msg *, size_t max,
                        size_t *count, uint64_t *next);
enum store_rc mem_subject_at(struct store *, uint64_t seq, slice *subject);
enum store_rc mem_seq_from_time(struct store *, int64_t ts, uint64_t *seq);

/* mem_query.c */
void mem_state(struct store *, struct store_state *);
enum store_rc mem_deleted(struct store *, store_range_fn, void *ctx);
enum store_rc mem_filtered_state(struct store *, slice filter, uint64_t from, struct store_subject_state *);
enum store_rc mem_subject_state(struct store *, slice subject, struct store_subject_state *);
enum store_rc mem_subjects(struct store *, slice filter, store_subject_fn, void *ctx);
enum store_rc mem_last_seqs(struct store *, struct store_filter, uint64_t max_seq, size_t allowed,
                            store_range_fn, void *ctx);
enum store_rc mem_last_msgs(struct store *, struct store_filter, uint64_t min_seq, uint64_t max_seq,
                            size_t allowed, store_msg_fn, void *ctx, uint64_t *total);
enum store_rc mem_pending(struct store *, struct store_filter, uint64_t from, bool last_per_subject,
                          uint64_t *count);
enum store_rc mem_encode_state(struct store *, uint64_t failed, uint8_t **buf, size_t *len);

#endif
