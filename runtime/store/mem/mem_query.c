/* Counts and subjects. */
#include "store/mem/mem.h"
#include "store/format/stream_state.h"

void mem_state(struct store *s, struct store_state *st)
{
    struct mem_store *ms = mem_of(s);
    const struct mem_msg *first = ms->msgs > 0 ? pages_get(&ms->pages, ms->first) : NULL;
    *st = (struct store_state){.msgs = ms->msgs,
                               .bytes = ms->bytes,
                               .first = ms->first,
                               .last = ms->last,
                               .first_ts = first != NULL ? first->ts : STORE_TIME_NONE,
                               .last_ts = ms->last_ts_set ? ms->last_ts : STORE_TIME_NONE};
    st->num_subjects = ms->subjects != NULL ? subject_index_count(ms->subjects) : 0;
    st->num_deleted = ms->msgs > 0 ? ms->last - ms->first + 1 - ms->msgs : 0;
}

enum store_rc mem_deleted(struct store *s, store_range_fn fn, void *ctx)
{
    struct mem_store *ms = mem_of(s);
    uint64_t next = ms->first, seq = ms->first;
    if (ms->msgs == 0)
        return STORE_OK;
    for (; pages_next(&ms->pages, seq, &seq); next = ++seq) {
        if (seq > next && !fn(ctx, next, seq - 1))
            return STORE_OK;
    }
    if (next <= ms->last)
        (void)fn(ctx, next, ms->last);
    return STORE_OK;
}

/* ---- subjects ---- */

struct visit {
    store_subject_fn fn;
    void *ctx;
};

static bool visit_subject(void *ctx, slice subject, struct subject_entry *e)
{
    const struct visit *v = ctx;
    return v->fn(v->ctx, subject, &(struct store_subject_state){e->msgs, e->first, e->last});
}

enum store_rc mem_subjects(struct store *s, slice filter, store_subject_fn fn, void *ctx)
{
    struct mem_store *ms = mem_of(s);
    struct visit v = {fn, ctx};
    if (ms->subjects != NULL)
        (void)subject_index_match(ms->subjects, &filter, 1, visit_subject, &v);
    return STORE_OK;
}

enum store_rc mem_subject_state(struct store *s, slice subject, struct store_subject_state *st)
{
    struct mem_store *ms = mem_of(s);
    const struct subject_entry *e = ms->subjects == NULL ? NULL : subject_index_find(ms->subjects, subject);
    if (e == NULL)
        return STORE_NOT_FOUND;
    *st = (struct store_subject_state){e->msgs, e->first, e->last};
    return STORE_OK;
}

/* ---- counting ---- */

struct count {
    struct mem_store *ms;
    uint64_t from;
    uint64_t n;
};

static bool count_last(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct count *c = ctx;
    c->n += e->last >= c->from;
    return true;
}

static bool count_subject(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct count *c = ctx;
    if (e->first >= c->from)
        c->n += e->msgs;
    else if (e->last >= c->from)
        c->n += mem_split_at(c->ms, e, c->from).count;
    return true;
}

static uint64_t count_subjects(struct mem_store *ms, const struct mem_filter *f, uint64_t from,
                               subject_index_fn fn)
{
    struct count c = {.ms = ms, .from = from};
    if (f->kind == MEM_LITERAL) {
        struct subject_entry *e = subject_index_find(ms->subjects, f->literal);
        if (e != NULL)
            (void)fn(&c, f->literal, e);
    } else {
        (void)subject_index_match(ms->subjects, f->set.subjects, f->set.count, fn, &c);
    }
    return c.n;
}

/* One by one. */
static uint64_t count_messages(struct mem_store *ms, const struct mem_filter *f, uint64_t first,
                               uint64_t last)
{
    uint64_t n = 0;
    for (uint64_t seq = first; pages_next(&ms->pages, seq, &seq) && seq <= last; seq++)
        n += mem_filter_takes(f, mem_subject(pages_get(&ms->pages, seq)));
    return n;
}

/* Matches at or above `from`: the messages on the shorter side one by one, or subject by subject when those
 * are fewer. */
static uint64_t count_from(struct mem_store *ms, const struct mem_filter *f, uint64_t from)
{
    uint64_t tail = from <= ms->first ? ms->msgs : pages_count(&ms->pages, from, ms->last);
    uint64_t head = ms->msgs - tail, total, subjects;
    if (f->kind == MEM_ALL)
        return tail;
    if (f->kind == MEM_LITERAL)
        return count_subjects(ms, f, from, count_subject);
    if (head > 0 && (tail < head ? tail : head) > subject_index_count(ms->subjects))
        return count_subjects(ms, f, from, count_subject);
    if (tail < head)
        return count_messages(ms, f, from, ms->last);
    subject_index_totals(ms->subjects, f->set.subjects, f->set.count, &total, &subjects);
    return head == 0 ? total : total - count_messages(ms, f, ms->first, from - 1);
}

enum store_rc mem_pending(struct store *s, struct store_filter filter, uint64_t from, bool last_per_subject,
                          uint64_t *count)
{
    struct mem_store *ms = mem_of(s);
    struct mem_filter f = mem_filter_of(ms, filter);
    *count = 0;
    if (ms->msgs == 0 || from > ms->last || f.kind == MEM_NOTHING)
        return STORE_OK;
    if (!last_per_subject)
        *count = count_from(ms, &f, from);
    else if (ms->subjects != NULL)
        *count = count_subjects(ms, &f, from, count_last);
    return STORE_OK;
}

enum store_rc mem_filtered_state(struct store *s, slice filter, uint64_t from, struct store_subject_state *st)
{
    struct store_filter f = {&filter, 1};
    struct store_msg m;
    *st = (struct store_subject_state){0};
    enum store_rc rc = mem_pending(s, f, from, false, &st->msgs);
    if (rc != STORE_OK || st->msgs == 0)
        return rc;
    if (mem_next(s, f, from, &m, NULL) == STORE_OK)
        st->first = m.seq;
    if (mem_prev(s, f, UINT64_MAX, &m, NULL) == STORE_OK)
        st->last = m.seq;
    return STORE_OK;
}

/* ---- the last message of each subject ---- */

struct lasts {
    struct mem_store *ms;
    uint64_t max_seq;
    uint64_t *seq;
    size_t count, cap;
    bool failed;
};

static bool note_last(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct lasts *l = ctx;
    uint64_t seq = e->last <= l->max_seq ? e->last : mem_split_at(l->ms, e, l->max_seq + 1).before;
    if (seq == 0)
        return true;
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 256 : 2 * l->cap;
        uint64_t *grown = realloc(l->seq, cap * sizeof *grown);
        if (grown == NULL) {
            l->failed = true;
            return false;
        }
        l->seq = grown;
        l->cap = cap;
    }
    l->seq[l->count++] = seq;
    return true;
}

static int rising(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Sorted; the caller frees l->seq in any case. */
static enum store_rc list_lasts(struct mem_store *ms, struct store_filter f, uint64_t max_seq, size_t allowed,
                                struct lasts *l)
{
    *l = (struct lasts){.ms = ms, .max_seq = max_seq == 0 || max_seq > ms->last ? ms->last : max_seq};
    if (ms->subjects == NULL)
        return STORE_OK;
    (void)subject_index_match(ms->subjects, f.subjects, f.count, note_last, l);
    if (l->failed)
        return STORE_NO_MEMORY;
    if (allowed > 0 && l->count > allowed)
        return STORE_TOO_MANY;
    if (l->count > 0)
        qsort(l->seq, l->count, sizeof l->seq[0], rising);
    return STORE_OK;
}

enum store_rc mem_last_seqs(struct store *s, struct store_filter f, uint64_t max_seq, size_t allowed,
                            store_range_fn fn, void *ctx)
{
    struct lasts l;
    enum store_rc rc = list_lasts(mem_of(s), f, max_seq, allowed, &l);
    for (size_t i = 0; rc == STORE_OK && i < l.count && fn(ctx, l.seq[i], l.seq[i]); i++) {
    }
    free(l.seq);
    return rc;
}

enum store_rc mem_last_msgs(struct store *s, struct store_filter f, uint64_t min_seq, uint64_t max_seq,
                            size_t allowed, store_msg_fn fn, void *ctx, uint64_t *total)
{
    struct lasts l;
    *total = 0;
    enum store_rc rc = list_lasts(mem_of(s), f, max_seq, allowed, &l);
    size_t i = 0;
    while (rc == STORE_OK && i < l.count && l.seq[i] < min_seq)
        i++;
    if (rc == STORE_OK)
        *total = l.count - i;
    for (; rc == STORE_OK && i < l.count; i++) {
        struct store_msg m;
        rc = mem_load(s, l.seq[i], &m);
        if (rc == STORE_OK && !fn(ctx, &m, l.count - i - 1))
            break;
    }
    free(l.seq);
    return rc;
}

/* ---- the replicated state ---- */

/* Ranges this long are written as such, shorter ones gathered in one set. */
#define LONG_RANGE 2048

struct deletes {
    struct byte_buf *out;
    struct seqset set;
    bool failed;
};

static bool put_range(void *ctx, uint64_t first, uint64_t last)
{
    struct deletes *d = ctx;
    if (last - first >= LONG_RANGE)
        stream_state_put_run(d->out, first, last - first + 1);
    else
        d->failed = !seqset_insert_range(&d->set, first, last);
    return !d->failed;
}

enum store_rc mem_encode_state(struct store *s, uint64_t failed, uint8_t **buf, size_t *len)
{
    struct store_state st;
    mem_state(s, &st);
    struct stream_state_head h = {st.msgs, st.bytes, st.first, st.last, failed, st.num_deleted};
    struct byte_buf out = {0};
    struct deletes d = {.out = &out};
    stream_state_put_head(&out, &h);
    (void)mem_deleted(s, put_range, &d);
    if (d.set.count > 0 && !d.failed)
        stream_state_put_set(&out, &d.set);
    seqset_free(&d.set);
    if (out.failed || d.failed) {
        buf_free(&out);
        return STORE_NO_MEMORY;
    }
    *buf = out.ptr;
    *len = out.len;
    return STORE_OK;
}
