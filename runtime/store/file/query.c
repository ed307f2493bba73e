/* Counts and subjects. */
#include "store/file/match.h"

/* ---- exact ends ---- */

enum store_rc fs_exact_first(struct file_store *fs, slice subject, struct subject_entry *e)
{
    if (!e->first_bound)
        return STORE_OK;
    struct matcher f = {.kind = MATCH_LITERAL, .literal = subject};
    struct store_msg m;
    enum store_rc rc = walk_up(fs, &f, e->first, e->last, &m);
    if (rc == STORE_OK) {
        e->first = m.seq;
        e->first_bound = false;
    }
    return rc == STORE_EOF ? STORE_NOT_FOUND : rc;
}

enum store_rc fs_exact_last(struct file_store *fs, slice subject, struct subject_entry *e)
{
    if (!e->last_bound)
        return STORE_OK;
    struct matcher f = {.kind = MATCH_LITERAL, .literal = subject};
    struct store_msg m;
    enum store_rc rc = walk_down(fs, &f, e->last, e->first, &m);
    if (rc == STORE_OK) {
        e->last = m.seq;
        e->last_bound = false;
    }
    return rc == STORE_EOF ? STORE_NOT_FOUND : rc;
}

/* ---- many ends at once ---- */

/* Up to so many ends are looked for one by one. */
#define WALKS_MAX 16

/* The i-th message of an image, when it is live. */
static bool live_record(const struct block *b, const struct image *m, size_t i, struct record *r)
{
    return record_peek(image_record(m, i), m->len - m->offsets[i], r) == RECORD_GOOD &&
           block_is_live(b, r->seq);
}

/* Ends that are wanted and are bounds only: how many, and between which sequences they lie. */
struct loose_ends {
    bool firsts;          /* firsts are wanted, too; else only lasts */
    uint64_t least, most; /* ... whose bounds lie here */
    uint64_t count;
    uint64_t first, last;
};

static bool note_loose(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct loose_ends *l = ctx;
    if (!(l->firsts && e->first_bound) && !(e->last_bound && e->last >= l->least && e->last <= l->most))
        return true;
    l->count++;
    l->first = e->first < l->first ? e->first : l->first;
    l->last = e->last > l->last ? e->last : l->last;
    return true;
}

/* All ends that must lie in the blocks between. The last message seen stays: the flag tells a last that was
 * set here from one that was exact before, behind which nothing comes. */
static enum store_rc tighten(struct block *b, const struct loose_ends *l)
{
    struct image *m;
    struct record r;
    enum store_rc rc = b->msgs == 0 ? STORE_EOF : block_load(b, &m);
    for (size_t i = 0; rc == STORE_OK && i < m->count; i++) {
        if (!live_record(b, m, i, &r) || r.subject.len == 0)
            continue;
        struct subject_entry *e = subject_index_find(b->fs->subjects, r.subject);
        if (e == NULL)
            continue;
        if (e->first_bound && e->first >= l->first) {
            e->first = r.seq;
            e->first_bound = false;
        }
        if (e->last_bound ? e->last <= l->last : e->last < r.seq) {
            e->last = r.seq;
            e->last_bound = false;
        }
    }
    return rc == STORE_EOF ? STORE_OK : rc;
}

/* The pass was broken off: the lasts that it has set may be too low. */
static bool loosen(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    const struct loose_ends *l = ctx;
    if (e->last >= l->first && e->last <= l->last) {
        e->last = l->last;
        e->last_bound = true;
    }
    return true;
}

/* Where many wanted ends of matches are bounds, one pass over the blocks finds them all; a walk for each
 * would look at every message many times. */
static enum store_rc resolve(struct file_store *fs, struct store_filter f, struct loose_ends l)
{
    l.first = UINT64_MAX;
    if (fs->subjects != NULL)
        subject_index_match(fs->subjects, f.subjects, f.count, note_loose, &l);
    if (l.count <= WALKS_MAX)
        return STORE_OK;
    enum store_rc rc = STORE_OK;
    for (size_t i = block_position(fs, l.first); rc == STORE_OK && i < fs->block_count; i++) {
        if (fs->blocks[i]->first > l.last)
            break;
        rc = tighten(fs->blocks[i], &l);
    }
    if (rc != STORE_OK)
        subject_index_match(fs->subjects, NULL, 0, loosen, &l);
    return rc;
}

/* ---- subjects ---- */

struct subject_visit {
    struct file_store *fs;
    store_subject_fn fn;
    void *ctx;
    enum store_rc rc;
};

static bool visit_subject(void *ctx, slice subject, struct subject_entry *e)
{
    struct subject_visit *v = ctx;
    v->rc = fs_exact_first(v->fs, subject, e);
    if (v->rc == STORE_OK)
        v->rc = fs_exact_last(v->fs, subject, e);
    if (v->rc == STORE_NOT_FOUND) /* its messages are lost: it is none */
        v->rc = STORE_OK;
    else if (v->rc == STORE_OK)
        return v->fn(v->ctx, subject, &(struct store_subject_state){e->msgs, e->first, e->last});
    return v->rc == STORE_OK;
}

enum store_rc fs_subjects(struct store *s, slice filter, store_subject_fn fn, void *ctx)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    struct subject_visit v = {fs, fn, ctx, STORE_OK};
    if (fs->subjects == NULL)
        return STORE_OK;
    enum store_rc rc = resolve(fs, (struct store_filter){&filter, 1},
                               (struct loose_ends){.firsts = true, .most = UINT64_MAX});
    if (rc != STORE_OK)
        return rc;
    subject_index_match(fs->subjects, &filter, 1, visit_subject, &v);
    return v.rc;
}

enum store_rc fs_subject_state(struct store *s, slice subject, struct store_subject_state *st)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    struct subject_entry *e = fs->subjects == NULL ? NULL : subject_index_find(fs->subjects, subject);
    if (e == NULL)
        return STORE_NOT_FOUND;
    enum store_rc rc = fs_exact_first(fs, subject, e);
    if (rc == STORE_OK)
        rc = fs_exact_last(fs, subject, e);
    *st = (struct store_subject_state){e->msgs, e->first, e->last};
    return rc;
}

/* ---- counting ---- */

struct tally {
    struct file_store *fs;
    uint64_t from;
    uint64_t count;
    bool last_per_subject;
    bool unknown; /* a subject has messages on both sides of `from` that only a walk can tell apart */
    enum store_rc rc;
};

static bool tally_last(void *ctx, slice subject, struct subject_entry *e)
{
    struct tally *t = ctx;
    if (e->last >= t->from && e->last_bound) {
        t->rc = fs_exact_last(t->fs, subject, e);
        if (t->rc != STORE_OK)
            return t->rc == STORE_NOT_FOUND;
    }
    t->count += e->last >= t->from;
    return true;
}

static bool tally_subject(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct tally *t = ctx;
    if (e->first >= t->from)
        t->count += e->msgs;
    else if (e->last < t->from)
        return true;
    else if (!e->first_bound && !e->last_bound && e->msgs <= 2)
        t->count += 1; /* two messages, one on each side */
    else
        t->unknown = true;
    return !t->unknown;
}

static void tally_matches(struct file_store *fs, const struct matcher *f, subject_index_fn fn,
                          struct tally *t)
{
    if (f->kind == MATCH_ALL) {
        subject_index_match(fs->subjects, NULL, 0, fn, t);
    } else if (f->kind == MATCH_LITERAL) {
        struct subject_entry *e = subject_index_find(fs->subjects, f->literal);
        if (e != NULL)
            fn(t, f->literal, e);
    } else if (f->kind == MATCH_SET) {
        subject_index_match(fs->subjects, f->set.subjects, f->set.count, fn, t);
    }
}

static void totals(struct file_store *fs, const struct matcher *f, uint64_t *msgs, uint64_t *subjects)
{
    *msgs = *subjects = 0;
    if (f->kind == MATCH_LITERAL) {
        subject_index_totals(fs->subjects, &f->literal, 1, msgs, subjects);
    } else if (f->kind == MATCH_SET) {
        subject_index_totals(fs->subjects, f->set.subjects, f->set.count, msgs, subjects);
    } else if (f->kind == MATCH_ALL) {
        *msgs = fs->msg_count;
        *subjects = fs->subjects != NULL ? subject_index_count(fs->subjects) : 0;
    }
}

/* Matches at or above `from` by the cheapest way: a short walk on either side, or the subject index, or a
 * long walk. */
static enum store_rc count_from(struct file_store *fs, const struct matcher *f, uint64_t from,
                                uint64_t *count)
{
    static const struct matcher all = {.kind = MATCH_ALL};
    uint64_t tail, total, subjects, head_matches;
    totals(fs, f, &total, &subjects);
    if (from <= fs->first || total == 0) {
        *count = total;
        return STORE_OK;
    }
    enum store_rc rc = walk_count(fs, &all, from, fs->last, &tail);
    if (rc != STORE_OK || total == fs->msg_count) { /* everything matches */
        *count = tail;
        return rc;
    }
    uint64_t head = fs->msg_count - tail;
    bool short_walk = (tail < head ? tail : head) < 1024;
    if (!short_walk) {
        struct tally t = {.fs = fs, .from = from};
        tally_matches(fs, f, tally_subject, &t);
        *count = t.count;
        if (!t.unknown)
            return STORE_OK;
    }
    if (tail <= head)
        return walk_count(fs, f, from, fs->last, count);
    rc = walk_count(fs, f, fs->first, from - 1, &head_matches);
    *count = total - head_matches;
    return rc;
}

enum store_rc fs_pending(struct store *s, struct store_filter filter, uint64_t from, bool last_per_subject,
                         uint64_t *count)
{
    struct file_store *fs = fs_of(s);
    *count = 0;
    if (fs->closed)
        return STORE_CLOSED;
    struct matcher f = matcher_of(fs, filter);
    if (fs->msg_count == 0 || from > fs->last || f.kind == MATCH_NOTHING)
        return STORE_OK;
    if (last_per_subject && fs->subjects == NULL)
        return STORE_OK;
    uint64_t msgs, subjects;
    totals(fs, &f, &msgs, &subjects);
    if (!last_per_subject || msgs == subjects) /* where each subject has one message, that is its last */
        return count_from(fs, &f, from, count);
    enum store_rc rc = resolve(fs, filter, (struct loose_ends){.least = from, .most = UINT64_MAX});
    if (rc != STORE_OK)
        return rc;
    struct tally t = {.fs = fs, .from = from, .last_per_subject = true};
    tally_matches(fs, &f, tally_last, &t);
    *count = t.count;
    return t.rc == STORE_NOT_FOUND ? STORE_OK : t.rc;
}

enum store_rc fs_filtered_state(struct store *s, slice filter, uint64_t from, struct store_subject_state *st)
{
    struct file_store *fs = fs_of(s);
    *st = (struct store_subject_state){0};
    if (fs->closed)
        return STORE_CLOSED;
    if (from < fs->first)
        from = fs->first;
    if (from > fs->last) {
        *st = (struct store_subject_state){0, fs->first, fs->last};
        return STORE_OK;
    }
    struct store_filter f = {&filter, filter.len > 0};
    struct store_msg m;
    enum store_rc rc = fs_pending(s, f, from, false, &st->msgs);
    if (rc != STORE_OK || st->msgs == 0)
        return rc;
    rc = fs_next(s, f, from, &m, NULL);
    st->first = rc == STORE_OK ? m.seq : 0;
    if (rc == STORE_OK)
        rc = fs_prev(s, f, fs->last, &m, NULL);
    st->last = rc == STORE_OK ? m.seq : 0;
    return rc == STORE_EOF ? STORE_OK : rc;
}

/* ---- the last message of each subject ---- */

struct last_list {
    struct file_store *fs;
    uint64_t max_seq;
    size_t allowed; /* 0: no bound */
    uint64_t *seqs;
    size_t count;
    size_t cap;
    struct subject_index *late; /* subjects whose last message is above max_seq; NULL: none */
    uint64_t late_first;        /* none of them begins before */
    enum store_rc rc;
};

static bool push_last(struct last_list *l, uint64_t seq)
{
    if (l->allowed > 0 && l->count == l->allowed) {
        l->rc = STORE_TOO_MANY;
        return false;
    }
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 256 : l->cap * 2;
        uint64_t *grown = realloc(l->seqs, cap * sizeof *grown);
        if (grown == NULL) {
            l->rc = STORE_NO_MEMORY;
            return false;
        }
        l->seqs = grown;
        l->cap = cap;
    }
    l->seqs[l->count++] = seq;
    return true;
}

/* Its last message up to max_seq, if it has one, is to be found by walk_late. */
static bool note_late(struct last_list *l, slice subject, const struct subject_entry *e)
{
    static const uint8_t seed[16] = {0}; /* the subjects are chosen already */
    if (e->first > l->max_seq)
        return true;
    if (l->late == NULL)
        l->late = subject_index_new(seed);
    if (l->late == NULL || !subject_index_put(l->late, subject, &(struct subject_entry){.msgs = 1}))
        l->rc = STORE_NO_MEMORY;
    l->late_first = e->first < l->late_first ? e->first : l->late_first;
    return l->rc == STORE_OK;
}

static bool note_last(void *ctx, slice subject, struct subject_entry *e)
{
    struct last_list *l = ctx;
    if (e->last > l->max_seq)
        return note_late(l, subject, e);
    l->rc = fs_exact_last(l->fs, subject, e);
    if (l->rc == STORE_NOT_FOUND) { /* its messages are lost: it is none */
        l->rc = STORE_OK;
        return true;
    }
    return l->rc == STORE_OK && push_last(l, e->last);
}

static bool late_in_block(struct last_list *l, struct block *b)
{
    struct image *m;
    struct record r;
    l->rc = block_load(b, &m);
    for (size_t i = l->rc == STORE_OK ? image_lower_bound(m, l->max_seq + 1) : 0; i-- > 0;) {
        if (!live_record(b, m, i, &r) || subject_index_find(l->late, r.subject) == NULL)
            continue;
        subject_index_remove(l->late, r.subject, r.seq);
        if (!push_last(l, r.seq))
            return false;
    }
    return l->rc == STORE_OK;
}

/* One walk down for all of them. */
static void walk_late(struct last_list *l)
{
    struct file_store *fs = l->fs;
    size_t i = block_position(fs, l->max_seq);
    i = i < fs->block_count ? i + 1 : i;
    while (i-- > 0 && subject_index_count(l->late) > 0 && fs->blocks[i]->last >= l->late_first) {
        struct block *b = fs->blocks[i];
        if (b->msgs > 0 && b->first <= l->max_seq && !late_in_block(l, b))
            return;
    }
}

static int rising(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The sorted last sequences of all matches; the caller frees l->seqs. */
static enum store_rc list_lasts(struct file_store *fs, struct store_filter filter, uint64_t max_seq,
                                size_t allowed, struct last_list *l)
{
    *l = (struct last_list){.fs = fs,
                            .max_seq = max_seq == 0 || max_seq > fs->last ? fs->last : max_seq,
                            .allowed = allowed,
                            .late_first = UINT64_MAX};
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->subjects == NULL || fs->msg_count == 0)
        return STORE_OK;
    l->rc = resolve(fs, filter, (struct loose_ends){.most = l->max_seq});
    if (l->rc == STORE_OK)
        subject_index_match(fs->subjects, filter.subjects, filter.count, note_last, l);
    if (l->rc == STORE_OK && l->late != NULL)
        walk_late(l);
    subject_index_free(l->late);
    l->late = NULL;
    if (l->rc == STORE_OK && l->count > 0)
        qsort(l->seqs, l->count, sizeof l->seqs[0], rising);
    return l->rc;
}

enum store_rc fs_last_seqs(struct store *s, struct store_filter f, uint64_t max_seq, size_t allowed,
                           store_range_fn fn, void *ctx)
{
    struct last_list l;
    enum store_rc rc = list_lasts(fs_of(s), f, max_seq, allowed, &l);
    for (size_t i = 0; rc == STORE_OK && i < l.count && fn(ctx, l.seqs[i], l.seqs[i]); i++) {
    }
    free(l.seqs);
    return rc;
}

enum store_rc fs_last_msgs(struct store *s, struct store_filter f, uint64_t min_seq, uint64_t max_seq,
                           size_t allowed, store_msg_fn fn, void *ctx, uint64_t *total)
{
    struct last_list l;
    *total = 0;
    enum store_rc rc = list_lasts(fs_of(s), f, max_seq, allowed, &l);
    if (rc == STORE_OK) {
        size_t i = 0;
        while (i < l.count && l.seqs[i] < min_seq)
            i++;
        *total = l.count - i;
        for (; rc == STORE_OK && i < l.count; i++) {
            struct store_msg m;
            rc = fs_load(s, l.seqs[i], &m);
            if (rc == STORE_OK && !fn(ctx, &m, l.count - i - 1))
                break;
            rc = rc == STORE_NOT_FOUND ? STORE_OK : rc; /* damaged: reported where it was found */
        }
    }
    free(l.seqs);
    return rc;
}
