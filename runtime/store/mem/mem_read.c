/* Messages out. */
#include "store/mem/mem.h"

/* Messages looked at, at least, before the subject index is asked where matches are; and in one batch. */
#define NEAR       256
#define BATCH_LOOK 4096

struct mem_filter mem_filter_of(const struct mem_store *ms, struct store_filter f)
{
    struct mem_filter all = {.kind = MEM_ALL};
    if (f.count == 0)
        return all;
    for (size_t i = 0; i < f.count; i++) {
        if (f.subjects[i].len == 0 || slice_eq_str(f.subjects[i], ">"))
            return all;
    }
    if (ms->subjects == NULL)
        return (struct mem_filter){.kind = MEM_NOTHING};
    if (f.count == 1 && !store_subject_has_wildcard(f.subjects[0]))
        return (struct mem_filter){.kind = MEM_LITERAL, .literal = f.subjects[0]};
    return (struct mem_filter){.kind = MEM_SET, .set = f};
}

bool mem_filter_takes(const struct mem_filter *f, slice subject)
{
    switch (f->kind) {
    case MEM_NOTHING:
        return false;
    case MEM_ALL:
        return true;
    case MEM_LITERAL:
        return slice_eq(subject, f->literal);
    case MEM_SET:
        break;
    }
    return store_subject_matches_any(subject, f->set.subjects, f->set.count);
}

/* From both ends at once: the shorter way decides the cost. */
struct mem_split mem_split_at(struct mem_store *ms, const struct subject_entry *e, uint64_t seq)
{
    uint64_t up = e->first, up_prev = 0, down = e->last, down_next = 0;
    for (uint64_t steps = 0;; steps++) {
        if (up == 0 || up >= seq)
            return (struct mem_split){.before = up_prev, .from = up, .count = e->msgs - steps};
        if (down == 0 || down < seq)
            return (struct mem_split){.before = down, .from = down_next, .count = steps};
        up_prev = up;
        up = pages_get(&ms->pages, up)->newer;
        down_next = down;
        down = pages_get(&ms->pages, down)->older;
    }
}

enum store_rc mem_load(struct store *s, uint64_t seq, struct store_msg *out)
{
    struct mem_store *ms = mem_of(s);
    if (seq == 0)
        seq = ms->first;
    if (seq > ms->last)
        return STORE_EOF;
    const struct mem_msg *m = pages_get(&ms->pages, seq);
    if (m == NULL)
        return STORE_NOT_FOUND;
    mem_message(m, seq, out);
    return STORE_OK;
}

enum store_rc mem_subject_at(struct store *s, uint64_t seq, slice *subject)
{
    struct store_msg m;
    if (mem_load(s, seq, &m) != STORE_OK)
        return STORE_NOT_FOUND;
    *subject = m.subject;
    return STORE_OK;
}

/* ---- the next, the one before ---- */

/* As many looks at messages as the subject index would need at subjects: so the wrong choice between both
 * only doubles the work. */
static uint64_t near(const struct mem_store *ms, const struct mem_filter *f)
{
    return f->kind == MEM_SET ? NEAR + subject_index_count(ms->subjects) : NEAR;
}

/* Look at up to `look` messages from `from` on: STORE_NOT_FOUND when there are more behind, with *from there.
 */
static enum store_rc look_up(struct mem_store *ms, const struct mem_filter *f, uint64_t *from, uint64_t look,
                             struct store_msg *out)
{
    for (; look > 0 && pages_next(&ms->pages, *from, from); look--, ++*from) {
        const struct mem_msg *m = pages_get(&ms->pages, *from);
        if (mem_filter_takes(f, mem_subject(m))) {
            mem_message(m, *from, out);
            return STORE_OK;
        }
    }
    return look > 0 ? STORE_EOF : STORE_NOT_FOUND;
}

static enum store_rc look_down(struct mem_store *ms, const struct mem_filter *f, uint64_t *from,
                               uint64_t look, struct store_msg *out)
{
    for (; look > 0 && pages_prev(&ms->pages, *from, from); look--, --*from) {
        const struct mem_msg *m = pages_get(&ms->pages, *from);
        if (mem_filter_takes(f, mem_subject(m))) {
            mem_message(m, *from, out);
            return STORE_OK;
        }
    }
    return look > 0 ? STORE_EOF : STORE_NOT_FOUND;
}

struct nearest {
    struct mem_store *ms;
    uint64_t from;
    uint64_t seq; /* the best yet; 0: none */
};

static bool nearest_above(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct nearest *n = ctx;
    if (e->last < n->from || (n->seq != 0 && e->first >= n->seq))
        return true;
    uint64_t seq = mem_split_at(n->ms, e, n->from).from;
    if (n->seq == 0 || seq < n->seq)
        n->seq = seq;
    return true;
}

static bool nearest_below(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct nearest *n = ctx;
    if (e->first > n->from || e->last <= n->seq)
        return true;
    uint64_t seq = mem_split_at(n->ms, e, n->from + 1).before;
    if (seq > n->seq)
        n->seq = seq;
    return true;
}

/* By the subject index, when no match is near. */
static enum store_rc seek(struct mem_store *ms, const struct mem_filter *f, uint64_t from,
                          subject_index_fn fn, struct store_msg *out)
{
    struct nearest n = {.ms = ms, .from = from};
    if (f->kind == MEM_LITERAL) {
        struct subject_entry *e = subject_index_find(ms->subjects, f->literal);
        if (e != NULL)
            (void)fn(&n, f->literal, e);
    } else {
        (void)subject_index_match(ms->subjects, f->set.subjects, f->set.count, fn, &n);
    }
    return n.seq == 0 ? STORE_EOF : mem_load(&ms->base, n.seq, out);
}

enum store_rc mem_next(struct store *s, struct store_filter filter, uint64_t from, struct store_msg *m,
                       uint64_t *skip)
{
    struct mem_store *ms = mem_of(s);
    struct mem_filter f = mem_filter_of(ms, filter);
    enum store_rc rc = f.kind == MEM_NOTHING ? STORE_EOF : look_up(ms, &f, &from, near(ms, &f), m);
    if (rc == STORE_NOT_FOUND)
        rc = seek(ms, &f, from, nearest_above, m);
    if (rc == STORE_EOF && skip != NULL)
        *skip = ms->last;
    return rc;
}

enum store_rc mem_prev(struct store *s, struct store_filter filter, uint64_t from, struct store_msg *m,
                       uint64_t *skip)
{
    struct mem_store *ms = mem_of(s);
    struct mem_filter f = mem_filter_of(ms, filter);
    if (from > ms->last)
        from = ms->last;
    enum store_rc rc = f.kind == MEM_NOTHING ? STORE_EOF : look_down(ms, &f, &from, near(ms, &f), m);
    if (rc == STORE_NOT_FOUND)
        rc = seek(ms, &f, from, nearest_below, m);
    if (rc == STORE_EOF && skip != NULL)
        *skip = ms->first;
    return rc;
}

enum store_rc mem_load_last(struct store *s, slice filter, struct store_msg *m)
{
    struct mem_store *ms = mem_of(s);
    enum store_rc rc;
    if (filter.len == 0 || slice_eq_str(filter, ">"))
        rc = ms->msgs == 0 ? STORE_NOT_FOUND : mem_load(s, ms->last, m);
    else
        rc = mem_prev(s, (struct store_filter){&filter, 1}, ms->last, m, NULL);
    return rc == STORE_EOF ? STORE_NOT_FOUND : rc;
}

enum store_rc mem_batch(struct store *s, struct store_filter filter, uint64_t from, struct store_msg *out,
                        size_t max, size_t *count, uint64_t *next)
{
    struct mem_store *ms = mem_of(s);
    struct mem_filter f = mem_filter_of(ms, filter);
    *count = 0;
    *next = ms->last + 1;
    if (max == 0)
        return STORE_INVALID;
    enum store_rc rc = f.kind == MEM_NOTHING ? STORE_EOF : STORE_OK;
    /* A bounded look; when it was in vain the caller asks again from *next. */
    uint64_t seq = from;
    for (int look = 0; rc == STORE_OK && *count < max && look < BATCH_LOOK; look++, seq++) {
        if (!pages_next(&ms->pages, seq, &seq)) {
            rc = STORE_EOF;
            break;
        }
        const struct mem_msg *m = pages_get(&ms->pages, seq);
        if (mem_filter_takes(&f, mem_subject(m)))
            mem_message(m, seq, &out[(*count)++]);
    }
    if (rc == STORE_OK)
        *next = seq;
    return *count > 0 ? STORE_OK : rc;
}

enum store_rc mem_seq_from_time(struct store *s, int64_t ts, uint64_t *seq)
{
    struct mem_store *ms = mem_of(s);
    if (!pages_not_older(&ms->pages, ts, seq))
        *seq = ms->last + 1;
    return STORE_OK;
}
