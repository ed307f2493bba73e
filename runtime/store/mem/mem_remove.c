/* One message goes, or many. */
#include "store/mem/mem.h"
#include "store/format/stream_state.h"

/* Take the message out of its subject's row. */
static void unlink_subject(struct mem_store *ms, const struct mem_msg *m, uint64_t seq)
{
    if (ms->subjects == NULL || m->subject_len == 0)
        return;
    if (m->older != 0)
        pages_get(&ms->pages, m->older)->newer = m->newer;
    if (m->newer != 0)
        pages_get(&ms->pages, m->newer)->older = m->older;
    struct subject_entry *e = subject_index_remove(ms->subjects, mem_subject(m), seq);
    if (e == NULL)
        return;
    if (m->older == 0)
        e->first = m->newer;
    if (m->newer == 0)
        e->last = m->older;
    e->first_bound = e->last_bound = false;
}

/* Out of every index and count; the message itself is left to the caller. */
static struct mem_msg *take_out(struct mem_store *ms, uint64_t seq)
{
    unlink_subject(ms, pages_get(&ms->pages, seq), seq);
    struct mem_msg *m = pages_take(&ms->pages, seq);
    ms->msgs--;
    ms->bytes -= mem_size(m);
    seqmap_remove(&ms->handed_up, seq);
    if (seq == ms->first && !pages_next(&ms->pages, seq + 1, &ms->first))
        ms->first = ms->last + 1;
    return m;
}

void mem_remove_message(struct mem_store *ms, uint64_t seq, bool erase)
{
    struct mem_msg *m = take_out(ms, seq);
    mem_report(ms, -1, -(int64_t)mem_size(m), seq, mem_subject(m));
    if (erase)
        explicit_bzero(m->bytes, (size_t)m->subject_len + m->hdr_len + m->data_len);
    free(m);
}

enum store_rc mem_remove(struct store *s, uint64_t seq, enum store_remove_how how, bool *removed)
{
    struct mem_store *ms = mem_of(s);
    *removed = pages_get(&ms->pages, seq) != NULL;
    if (*removed)
        mem_remove_message(ms, seq, how == STORE_REMOVE_ERASE);
    return STORE_OK;
}

/* ---- many ---- */

/* Counts what goes, to report it at once; a single message is reported by name. */
struct tally {
    struct mem_store *ms;
    uint64_t msgs, bytes;
    uint64_t seq;          /* of the first that went */
    struct mem_msg *first; /* ... until another one does */
};

static void drop(struct tally *t, uint64_t seq)
{
    struct mem_msg *m = take_out(t->ms, seq);
    t->bytes += mem_size(m);
    if (t->msgs++ == 0) {
        t->seq = seq;
        t->first = m;
        return;
    }
    free(t->first);
    t->first = NULL;
    free(m);
}

static void report_drops(struct tally *t)
{
    slice subject = t->first != NULL ? mem_subject(t->first) : SLICE_EMPTY;
    if (t->msgs > 0)
        mem_report(t->ms, -(int64_t)t->msgs, -(int64_t)t->bytes, t->first != NULL ? t->seq : 0, subject);
    free(t->first);
}

static void drop_range(struct tally *t, uint64_t first, uint64_t last)
{
    for (uint64_t seq = first; seq <= last && pages_next(&t->ms->pages, seq, &seq) && seq <= last; seq++)
        drop(t, seq);
}

/* All messages go; `last` is the last sequence from now on. */
static uint64_t drop_all(struct mem_store *ms, uint64_t last)
{
    uint64_t msgs = ms->msgs, bytes = ms->bytes;
    bool moved = last != ms->last;
    pages_free(&ms->pages);
    if (ms->subjects != NULL)
        subject_index_clear(ms->subjects);
    expiry_heap_free(&ms->ttl);
    seqmap_free(&ms->handed_up);
    ms->msgs = ms->bytes = 0;
    ms->last = last;
    ms->first = last + 1;
    if (msgs > 0 || moved)
        mem_report(ms, -(int64_t)msgs, -(int64_t)bytes, 0, SLICE_EMPTY);
    return msgs;
}

enum store_rc mem_compact(struct store *s, uint64_t first, uint64_t *purged)
{
    struct mem_store *ms = mem_of(s);
    *purged = 0;
    if (first > STORE_SEQUENCE_MAX + 1)
        return STORE_INVALID;
    if (first == 0 || first > ms->last) {
        if (ms->msgs > 0 || first > ms->last + 1)
            *purged = drop_all(ms, first > ms->last + 1 ? first - 1 : ms->last);
        return STORE_OK;
    }
    struct tally t = {.ms = ms};
    if (first > ms->first)
        drop_range(&t, ms->first, first - 1);
    report_drops(&t);
    *purged = t.msgs;
    return STORE_OK;
}

/* The oldest messages of one subject below `below` (0: no bound) go, at most `max`. */
static void drop_subject(struct tally *t, slice subject, uint64_t below, uint64_t max)
{
    const struct subject_entry *e;
    while (t->msgs < max && (e = subject_index_find(t->ms->subjects, subject)) != NULL &&
           (below == 0 || e->first < below))
        drop(t, e->first);
}

/* The same of all that a pattern matches: one look at each message. */
static void drop_matches(struct tally *t, slice filter, uint64_t below, uint64_t max)
{
    struct mem_pages *p = &t->ms->pages;
    uint64_t seq = t->ms->first;
    for (; t->msgs < max && pages_next(p, seq, &seq) && (below == 0 || seq < below); seq++) {
        if (store_subject_matches(mem_subject(pages_get(p, seq)), filter))
            drop(t, seq);
    }
}

enum store_rc mem_purge(struct store *s, slice filter, uint64_t below, uint64_t keep, uint64_t *purged)
{
    struct mem_store *ms = mem_of(s);
    *purged = 0;
    if (below == 1)
        return STORE_OK;
    bool all = filter.len == 0 || slice_eq_str(filter, ">");
    if (all && (keep == 0 || below > 0))
        return mem_compact(s, below, purged);
    if (ms->subjects == NULL)
        return STORE_OK;
    uint64_t total = 0, subjects;
    subject_index_totals(ms->subjects, &filter, 1, &total, &subjects);
    if (total <= keep)
        return STORE_OK;
    struct tally t = {.ms = ms};
    if (store_subject_has_wildcard(filter))
        drop_matches(&t, all ? SLICE_LIT(">") : filter, below, total - keep);
    else
        drop_subject(&t, filter, below, total - keep);
    report_drops(&t);
    *purged = t.msgs;
    return STORE_OK;
}

enum store_rc mem_truncate(struct store *s, uint64_t last, int64_t now)
{
    struct mem_store *ms = mem_of(s);
    if (last > ms->last)
        return STORE_INVALID;
    if (last == 0) {
        drop_all(ms, 0);
        ms->first = 0;
        ms->last_ts = now;
        ms->last_ts_set = true;
        return STORE_OK;
    }
    struct tally t = {.ms = ms};
    uint64_t seq;
    while (pages_prev(&ms->pages, ms->last, &seq) && seq > last)
        drop(&t, seq);
    ms->last = last;
    if (ms->msgs == 0)
        ms->first = last + 1;
    const struct mem_msg *m = pages_get(&ms->pages, last);
    if (m != NULL)
        ms->last_ts = m->ts;
    mem_ttl_sweep(ms); /* the sequences above will be used again */
    seqmap_remove_above(&ms->handed_up, last);
    ms->written++;
    report_drops(&t);
    return STORE_OK;
}

/* Walk a leader's delete blocks: only check them, or do what they say. */
static enum store_rc walk_deletes(struct tally *t, slice blocks, bool apply)
{
    struct byte_reader r = byte_reader_of(blocks);
    uint64_t first, count, last;
    struct seqset set = {0};
    while (stream_state_get_block(&r, &first, &count, &set)) {
        if (apply && count > 0)
            drop_range(t, first, first + count - 1);
        for (uint64_t from = 0; apply && count == 0 && seqset_next_run(&set, from, &first, &last);
             from = last + 1)
            drop_range(t, first, last);
        seqset_free(&set);
    }
    return r.bad ? STORE_BAD_STATE : STORE_OK;
}

enum store_rc mem_sync_deletes(struct store *s, slice blocks)
{
    struct tally t = {.ms = mem_of(s)};
    enum store_rc rc = walk_deletes(&t, blocks, false);
    if (rc == STORE_OK)
        rc = walk_deletes(&t, blocks, true);
    report_drops(&t);
    return rc;
}
