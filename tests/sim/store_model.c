#include "sim/store_model.h"

#include "sim/naive_store.h"
#include "sim/sim_disk.h"
#include "store/file_store.h"
#include "store/format/stream_state.h"
#include "store/mem_store.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SECOND     INT64_C(1000000000)
#define SPAN_MAX   6000 /* sequences from first to last; beyond, the front is compacted away */
#define FILTERS    3
#define STREAM_DIR "/js/S"

/* One real store beside its naive twin. */
struct side {
    const char *name;
    struct store *s;
    struct naive_store n;
    int64_t msgs, bytes; /* what `changed` has reported since it was opened, on top of the state then */
};

struct model {
    struct sched *sched;
    const uint8_t *bytes, *bytes_end; /* NULL: choices come from the schedule */
    bool dry;                         /* the bytes are used up */
    struct side side[2];              /* file, memory */
    struct sim_disk *disk;
    struct storage *storage;
    struct store_host host;
    struct file_store_options file;
    int64_t now;
    uint64_t id, step;
    const char *doing;
    char *report;
    size_t report_cap;
};

/* ---- choices ---- */

static uint64_t below(struct model *m, uint64_t n)
{
    if (m->bytes == NULL)
        return sched_below(m->sched, n);
    uint64_t v = 0;
    for (uint64_t most = 1; most < n && !m->dry; most <<= 8) {
        m->dry = m->bytes == m->bytes_end;
        v = v << 8 | (m->dry ? 0 : *m->bytes++);
    }
    return v % n;
}

static bool one_in(struct model *m, uint64_t n)
{
    return below(m, n) == 0;
}

/* A few subjects of one to three tokens; as a filter with wildcards, or everything. */
static void make_subject(struct model *m, char *out, bool filter)
{
    static const char *const token[3][5] = {
        {"a", "b", "orders", "a-b", "x"}, {"1", "2", "33", "eu", "-"}, {"new", "p", "q", "r", "old"}};
    size_t tokens = 1 + (size_t)below(m, 3), len = 0;
    if (filter && one_in(m, 8)) {
        strcpy(out, one_in(m, 2) ? "" : ">");
        return;
    }
    for (size_t i = 0; i < tokens; i++) {
        const char *t = token[i][below(m, i == 0 ? 5 : 4)];
        if (filter && one_in(m, 3))
            t = i + 1 == tokens && one_in(m, 2) ? ">" : "*";
        len += (size_t)sprintf(out + len, "%s%s", i == 0 ? "" : ".", t);
    }
}

/* Around what there is, edges included. */
static uint64_t make_seq(struct model *m)
{
    struct store_state st;
    naive_state(&m->side[0].n, &st);
    if (one_in(m, 12))
        return below(m, 3);
    uint64_t lo = st.first > 2 ? st.first - 2 : 0;
    return lo + below(m, st.last - lo + 4);
}

/* ... and beyond all that there can be, for questions. */
static uint64_t ask_seq(struct model *m)
{
    static const uint64_t far[] = {STORE_SEQUENCE_MAX, STORE_SEQUENCE_MAX + 1, UINT64_MAX - 1, UINT64_MAX};
    return one_in(m, 25) ? far[below(m, 4)] : make_seq(m);
}

/* ---- comparing ---- */

static void differ(struct model *m, const struct side *d, const char *fmt, ...)
{
    if (m->report[0] != 0)
        return;
    va_list ap;
    int n = snprintf(m->report, m->report_cap, "step %llu, %s, %s store: ", (unsigned long long)m->step,
                     m->doing, d->name);
    va_start(ap, fmt);
    if (n > 0 && (size_t)n < m->report_cap)
        vsnprintf(m->report + n, m->report_cap - (size_t)n, fmt, ap);
    va_end(ap);
}

static void same(struct model *m, const struct side *d, const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        differ(m, d, "%s is %lld, should be %lld", what, (long long)got, (long long)want);
}

static bool same_text(slice got, const char *want)
{
    return slice_eq(got, slice_str(want));
}

static bool same_data(slice got, const struct naive_msg *want)
{
    for (size_t i = 0; i < got.len; i++) {
        if (got.ptr[i] != (uint8_t)(want->id + 31 * i))
            return false;
    }
    return got.len == want->data_len;
}

static void same_msg(struct model *m, const struct side *d, const struct store_msg *got,
                     const struct naive_msg *want)
{
    same(m, d, "sequence", got->seq, want->seq);
    same(m, d, "timestamp", (uint64_t)got->ts, (uint64_t)want->ts);
    if (!same_text(got->subject, want->subject) || !same_text(got->hdr, want->hdr))
        differ(m, d, "message %llu has another subject or headers", (unsigned long long)want->seq);
    if (!same_data(got->data, want))
        differ(m, d, "message %llu has other data", (unsigned long long)want->seq);
}

/* rc and, when it is STORE_OK, the message; want NULL: there is none, and `none` is the answer. */
static void same_answer(struct model *m, const struct side *d, enum store_rc rc, const struct store_msg *got,
                        const struct naive_msg *want, enum store_rc none)
{
    same(m, d, "rc", rc, want != NULL ? STORE_OK : none);
    if (rc == STORE_OK && want != NULL)
        same_msg(m, d, got, want);
}

static void check_state(struct model *m, struct side *d)
{
    struct store_state got, want;
    store_state(d->s, &got);
    naive_state(&d->n, &want);
    same(m, d, "msgs", got.msgs, want.msgs);
    same(m, d, "bytes", got.bytes, want.bytes);
    same(m, d, "first", got.first, want.first);
    same(m, d, "last", got.last, want.last);
    same(m, d, "first_ts", (uint64_t)got.first_ts, (uint64_t)want.first_ts);
    same(m, d, "last_ts", (uint64_t)got.last_ts, (uint64_t)want.last_ts);
    same(m, d, "num_subjects", got.num_subjects, want.num_subjects);
    same(m, d, "num_deleted", got.num_deleted, want.num_deleted);
    same(m, d, "reported messages", (uint64_t)d->msgs, got.msgs);
    same(m, d, "reported bytes", (uint64_t)d->bytes, got.bytes);
}

/* ---- questions about one message ---- */

/* Filters for the real and the naive stores. */
struct question {
    char text[FILTERS][NAIVE_SUBJECT_MAX];
    const char *names[FILTERS];
    slice slices[FILTERS];
    size_t count;
};

static void make_question(struct model *m, struct question *q)
{
    q->count = one_in(m, 3) ? (size_t)below(m, FILTERS + 1) : 1;
    for (size_t i = 0; i < q->count; i++) {
        if (i > 0 && one_in(m, 8)) /* given twice */
            strcpy(q->text[i], q->text[0]);
        else
            make_subject(m, q->text[i], true);
        q->names[i] = q->text[i];
        q->slices[i] = slice_str(q->text[i]);
    }
}

static struct store_filter filter_of(const struct question *q)
{
    return (struct store_filter){q->slices, q->count};
}

static const struct naive_msg *naive_next(const struct naive_store *n, const struct question *q,
                                          uint64_t from)
{
    for (size_t i = naive_index(n, from); i < n->count; i++) {
        if (naive_takes(n, &n->msg[i], q->names, q->count))
            return &n->msg[i];
    }
    return NULL;
}

static const struct naive_msg *naive_prev(const struct naive_store *n, const struct question *q,
                                          uint64_t from)
{
    for (size_t i = n->count; i-- > 0;) {
        if (n->msg[i].seq <= from && naive_takes(n, &n->msg[i], q->names, q->count))
            return &n->msg[i];
    }
    return NULL;
}

static void ask_load(struct model *m)
{
    uint64_t seq = ask_seq(m);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct store_msg got;
        slice subject;
        struct store_state st;
        naive_state(&d->n, &st);
        uint64_t at = seq == 0 ? st.first : seq;
        enum store_rc rc = store_load(d->s, seq, &got);
        if (st.last == 0) { /* never used: either says that there is nothing */
            same(m, d, "load of nothing", rc == STORE_EOF || rc == STORE_NOT_FOUND, true);
            continue;
        }
        same_answer(m, d, rc, &got, naive_find(&d->n, at), at > st.last ? STORE_EOF : STORE_NOT_FOUND);
        rc = store_subject_at(d->s, at, &subject);
        const struct naive_msg *want = naive_find(&d->n, at);
        same(m, d, "subject_at", rc, want != NULL ? STORE_OK : STORE_NOT_FOUND);
        if (rc == STORE_OK && want != NULL && !same_text(subject, want->subject))
            differ(m, d, "subject of %llu differs", (unsigned long long)at);
    }
}

static void ask_next_prev(struct model *m)
{
    struct question q;
    make_question(m, &q);
    uint64_t from = ask_seq(m);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct store_state st;
        struct store_msg got;
        uint64_t skip = 0;
        naive_state(&d->n, &st);
        const struct naive_msg *want = naive_next(&d->n, &q, from);
        same_answer(m, d, store_next(d->s, filter_of(&q), from, &got, &skip), &got, want, STORE_EOF);
        if (want == NULL)
            same(m, d, "skip of next", skip, st.last);
        want = naive_prev(&d->n, &q, from);
        same_answer(m, d, store_prev(d->s, filter_of(&q), from, &got, &skip), &got, want, STORE_EOF);
        if (want == NULL)
            same(m, d, "skip of prev", skip, st.first);
    }
}

static void ask_load_last(struct model *m)
{
    struct question q = {.count = 1, .names = {q.text[0]}};
    make_subject(m, q.text[0], true);
    bool all = q.text[0][0] == 0 || strcmp(q.text[0], ">") == 0;
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct store_msg got;
        const struct naive_msg *want = all ? naive_find(&d->n, d->n.last) : naive_prev(&d->n, &q, UINT64_MAX);
        same_answer(m, d, store_load_last(d->s, slice_str(q.text[0]), &got), &got, want, STORE_NOT_FOUND);
    }
}

/* From a place to the end, in batches. */
static void ask_batch(struct model *m)
{
    struct question q;
    struct store_msg out[7];
    make_question(m, &q);
    uint64_t start = ask_seq(m);
    size_t max = 1 + (size_t)below(m, 7);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        uint64_t from = start, next = 0;
        size_t count;
        enum store_rc rc;
        const struct naive_msg *want = naive_next(&d->n, &q, from);
        while (m->report[0] == 0 &&
               (rc = store_batch(d->s, filter_of(&q), from, out, max, &count, &next)) == STORE_OK) {
            for (size_t k = 0; k < count; k++) {
                if (want == NULL) {
                    differ(m, d, "a batch has a message too many");
                    return;
                }
                same_msg(m, d, &out[k], want);
                want = naive_next(&d->n, &q, want->seq + 1);
            }
            if (next <= from && next <= d->n.last)
                differ(m, d, "a batch does not go on: %llu", (unsigned long long)next);
            if (want != NULL && want->seq < next)
                differ(m, d, "a batch passed over %llu", (unsigned long long)want->seq);
            from = next;
        }
        if (m->report[0] == 0 && (rc != STORE_EOF || want != NULL))
            differ(m, d, "batches ended with rc %d, %s", rc, want == NULL ? "in time" : "too early");
    }
}

/* ---- questions about many ---- */

static void ask_counts(struct model *m)
{
    struct question q;
    make_question(m, &q);
    uint64_t from = ask_seq(m);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        const struct naive_store *n = &d->n;
        uint64_t want = 0, want_last = 0, got;
        for (size_t k = naive_index(n, from); k < n->count; k++) {
            bool takes = naive_takes(n, &n->msg[k], q.names, q.count), last = n->msg[k].subject[0] != 0;
            for (size_t j = k + 1; j < n->count && last; j++)
                last = strcmp(n->msg[j].subject, n->msg[k].subject) != 0;
            want += takes;
            want_last += takes && last && n->track_subjects;
        }
        same(m, d, "rc", store_pending(d->s, filter_of(&q), from, false, &got), STORE_OK);
        same(m, d, "pending", got, want);
        same(m, d, "rc", store_pending(d->s, filter_of(&q), from, true, &got), STORE_OK);
        same(m, d, "pending, last per subject", got, want_last);
    }
}

static void ask_filtered_state(struct model *m)
{
    struct question q = {.count = 1, .names = {q.text[0]}};
    make_subject(m, q.text[0], true);
    uint64_t from = ask_seq(m);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct store_subject_state got, want = {0};
        struct store_state st;
        naive_state(&d->n, &st);
        same(m, d, "rc", store_filtered_state(d->s, slice_str(q.text[0]), from, &got), STORE_OK);
        for (size_t k = naive_index(&d->n, from); k < d->n.count; k++) {
            if (!naive_takes(&d->n, &d->n.msg[k], q.names, 1))
                continue;
            want.first = want.msgs++ == 0 ? d->n.msg[k].seq : want.first;
            want.last = d->n.msg[k].seq;
        }
        if (d->n.kind == STORE_FILE && (from > st.first ? from : st.first) > st.last)
            want = (struct store_subject_state){0, st.first, st.last};
        same(m, d, "filtered count", got.msgs, want.msgs);
        same(m, d, "filtered first", got.first, want.first);
        same(m, d, "filtered last", got.last, want.last);
    }
}

/* Results of a walk over subjects or sequences, checked as they come. */
struct seen {
    struct model *m;
    struct side *d;
    const struct question *q;
    uint64_t count, max_seq, at;
    char subject[NAIVE_SUBJECT_MAX];
};

static struct store_subject_state naive_subject(const struct naive_store *n, slice subject)
{
    struct store_subject_state st = {0};
    for (size_t k = 0; k < n->count; k++) {
        if (!same_text(subject, n->msg[k].subject))
            continue;
        st.first = st.msgs++ == 0 ? n->msg[k].seq : st.first;
        st.last = n->msg[k].seq;
    }
    return st;
}

static bool see_subject(void *ctx, slice subject, const struct store_subject_state *got)
{
    struct seen *e = ctx;
    struct store_subject_state want = naive_subject(&e->d->n, subject);
    if (e->count++ > 0 && slice_cmp(slice_str(e->subject), subject) >= 0)
        differ(e->m, e->d, "subjects are out of order");
    memcpy(e->subject, subject.ptr, subject.len);
    e->subject[subject.len] = 0;
    same(e->m, e->d, "messages of a subject", got->msgs, want.msgs);
    same(e->m, e->d, "first of a subject", got->first, want.first);
    same(e->m, e->d, "last of a subject", got->last, want.last);
    if (!naive_matches(e->subject, e->q->names[0]))
        differ(e->m, e->d, "subject %s does not match", e->subject);
    return e->m->report[0] == 0;
}

static void ask_subjects(struct model *m)
{
    struct question q = {.count = 1, .names = {q.text[0]}};
    char literal[NAIVE_SUBJECT_MAX];
    make_subject(m, q.text[0], true);
    make_subject(m, literal, false);
    if (q.text[0][0] == 0)
        strcpy(q.text[0], ">");
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct seen e = {.m = m, .d = d, .q = &q};
        uint64_t want = 0;
        same(m, d, "rc", store_subjects(d->s, slice_str(q.text[0]), see_subject, &e), STORE_OK);
        for (size_t k = 0; k < d->n.count && d->n.track_subjects; k++) {
            bool first = d->n.msg[k].subject[0] != 0 && naive_matches(d->n.msg[k].subject, q.text[0]);
            for (size_t j = 0; j < k && first; j++)
                first = strcmp(d->n.msg[j].subject, d->n.msg[k].subject) != 0;
            want += first;
        }
        same(m, d, "number of subjects", e.count, want);
        struct store_subject_state got, one = naive_subject(&d->n, slice_str(literal));
        enum store_rc rc = store_subject_state(d->s, slice_str(literal), &got);
        same(m, d, "subject state", rc, one.msgs > 0 && d->n.track_subjects ? STORE_OK : STORE_NOT_FOUND);
        if (rc == STORE_OK)
            same(m, d, "subject state",
                 got.msgs == one.msgs && got.first == one.first && got.last == one.last, 1);
    }
}

/* Is this message the last of its subject up to max_seq, and does it match? */
static bool ends_subject(const struct seen *e, size_t k)
{
    const struct naive_store *n = &e->d->n;
    if (n->msg[k].seq > e->max_seq || n->msg[k].subject[0] == 0 || !n->track_subjects ||
        !naive_takes(n, &n->msg[k], e->q->names, e->q->count))
        return false;
    for (size_t j = k + 1; j < n->count && n->msg[j].seq <= e->max_seq; j++) {
        if (strcmp(n->msg[j].subject, n->msg[k].subject) == 0)
            return false;
    }
    return true;
}

/* The first last message at or above a sequence; count when there is none. */
static size_t next_last(const struct seen *e, uint64_t from)
{
    size_t k = naive_index(&e->d->n, from);
    while (k < e->d->n.count && !ends_subject(e, k))
        k++;
    return k;
}

static bool see_last(void *ctx, uint64_t first, uint64_t last)
{
    struct seen *e = ctx;
    size_t k = next_last(e, e->at);
    if (first != last || k == e->d->n.count || e->d->n.msg[k].seq != first)
        differ(e->m, e->d, "last sequence %llu is wrong", (unsigned long long)first);
    e->count++;
    e->at = first + 1;
    return e->m->report[0] == 0;
}

static bool see_last_msg(void *ctx, const struct store_msg *got, uint64_t remaining)
{
    struct seen *e = ctx;
    size_t k = next_last(e, e->at);
    if (k == e->d->n.count) {
        differ(e->m, e->d, "a last message too many: %llu", (unsigned long long)got->seq);
        return false;
    }
    same_msg(e->m, e->d, got, &e->d->n.msg[k]);
    uint64_t left = 0;
    for (size_t j = k + 1; j < e->d->n.count; j++)
        left += ends_subject(e, j);
    same(e->m, e->d, "remaining", remaining, left);
    e->count++;
    e->at = got->seq + 1;
    return e->m->report[0] == 0;
}

static void ask_lasts(struct model *m)
{
    struct question q;
    make_question(m, &q);
    uint64_t max_seq = one_in(m, 3) ? 0 : ask_seq(m), min_seq = ask_seq(m);
    size_t allowed = one_in(m, 3) ? 1 + (size_t)below(m, 5) : 0;
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct seen e = {.m = m, .d = d, .q = &q, .max_seq = max_seq == 0 ? d->n.last : max_seq};
        uint64_t all = 0, from_min = 0, total = 0;
        for (size_t k = 0; k < d->n.count; k++) {
            all += ends_subject(&e, k);
            from_min += ends_subject(&e, k) && d->n.msg[k].seq >= min_seq;
        }
        bool too_many = allowed > 0 && all > allowed;
        enum store_rc rc = store_last_seqs(d->s, filter_of(&q), max_seq, allowed, see_last, &e);
        same(m, d, "last seqs", rc, too_many ? STORE_TOO_MANY : STORE_OK);
        same(m, d, "number of last seqs", e.count, too_many ? 0 : all);
        e.count = 0;
        e.at = min_seq;
        rc = store_last_msgs(d->s, filter_of(&q), min_seq, max_seq, allowed, see_last_msg, &e, &total);
        same(m, d, "last msgs", rc, too_many ? STORE_TOO_MANY : STORE_OK);
        same(m, d, "number of last msgs", e.count, too_many ? 0 : from_min);
        same(m, d, "total of last msgs", total, too_many ? 0 : from_min);
    }
}

static void ask_time(struct model *m)
{
    int64_t ts = m->now - (int64_t)below(m, 600) * SECOND / 4;
    if (one_in(m, 10))
        ts = one_in(m, 2) ? INT64_MIN : INT64_MAX;
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        uint64_t want = d->n.last + 1, got = 0;
        for (size_t k = d->n.count; k-- > 0 && d->n.msg[k].ts >= ts;)
            want = d->n.msg[k].seq;
        same(m, d, "rc", store_seq_from_time(d->s, ts, &got), STORE_OK);
        same(m, d, "seq from time", got, want);
    }
}

static bool see_deleted(void *ctx, uint64_t first, uint64_t last)
{
    struct seen *e = ctx;
    const struct naive_store *n = &e->d->n;
    if (e->count > 0 && first <= e->at)
        differ(e->m, e->d, "deleted ranges touch or go back at %llu", (unsigned long long)first);
    for (uint64_t seq = first; seq <= last && e->m->report[0] == 0; seq++) {
        if (naive_find(n, seq) != NULL || n->count == 0 || seq < n->msg[0].seq || seq > n->last)
            differ(e->m, e->d, "%llu is not deleted", (unsigned long long)seq);
    }
    e->count += last - first + 1;
    e->at = last + 1;
    return e->m->report[0] == 0;
}

/* What a replica is told of the deleted ones is what there are. */
static void check_encoded(struct model *m, struct side *d)
{
    uint8_t *buf = NULL;
    size_t len = 0;
    struct store_state st;
    struct stream_state_head h;
    slice blocks;
    naive_state(&d->n, &st);
    same(m, d, "rc", store_encode_state(d->s, 7, &buf, &len), STORE_OK);
    if (!stream_state_get_head(slice_make(buf, len), &h, &blocks, NULL, NULL)) {
        differ(m, d, "the encoded state cannot be read");
    } else {
        struct byte_reader r = byte_reader_of(blocks);
        struct seqset all = {0}, set = {0};
        uint64_t first, count;
        bool same_head = h.msgs == st.msgs && h.bytes == st.bytes && h.first == st.first &&
                         h.last == st.last && h.failed == 7 && h.deleted == st.num_deleted;
        while (stream_state_get_block(&r, &first, &count, &set)) {
            bool ok =
                count > 0 ? seqset_insert_range(&all, first, first + count - 1) : seqset_union(&all, &set);
            if (!ok)
                abort();
            seqset_free(&set);
        }
        if (!same_head || r.bad)
            differ(m, d, "the encoded state is wrong");
        same(m, d, "encoded deletes", all.count, st.num_deleted);
        for (size_t k = 0; k < d->n.count; k++) {
            if (seqset_has(&all, d->n.msg[k].seq))
                differ(m, d, "the encoded state deletes %llu", (unsigned long long)d->n.msg[k].seq);
        }
        seqset_free(&all);
    }
    free(buf);
}

static void ask_deleted(struct model *m)
{
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        struct seen e = {.m = m, .d = d};
        struct store_state st;
        naive_state(&d->n, &st);
        same(m, d, "rc", store_deleted(d->s, see_deleted, &e), STORE_OK);
        same(m, d, "number of deleted", e.count, st.num_deleted);
        check_encoded(m, d);
    }
}

/* ---- changes ---- */

static void make_message(struct model *m, struct naive_msg *n)
{
    *n = (struct naive_msg){.ts = m->now, .id = ++m->id};
    if (m->file.track_subjects || one_in(m, 2)) /* logs have none */
        make_subject(m, n->subject, false);
    n->data_len = one_in(m, 30) ? (size_t)below(m, 3000) : (size_t)below(m, 120);
    if (one_in(m, 3))
        sprintf(n->hdr, "NATS/1.0\r\nId: %llu\r\n\r\n", (unsigned long long)n->id);
    if (m->file.limits.allow_ttl && one_in(m, 4)) { /* without, the stream refuses them */
        n->ttl_s = one_in(m, 6) ? STORE_TTL_NEVER : 1 + (int64_t)below(m, 60);
        if (n->ttl_s == STORE_TTL_NEVER)
            strcpy(n->hdr, "NATS/1.0\r\nNats-TTL: never\r\n\r\n");
        else
            sprintf(n->hdr, "NATS/1.0\r\nNats-TTL: %lld\r\n\r\n", (long long)n->ttl_s);
    }
}

static void do_append(struct model *m)
{
    struct naive_msg n;
    uint8_t data[3000];
    make_message(m, &n);
    for (size_t i = 0; i < n.data_len; i++)
        data[i] = (uint8_t)(n.id + 31 * i);
    bool refuse = one_in(m, 2), rollup = one_in(m, 10), given = one_in(m, 20);
    uint64_t beyond = below(m, 3); /* of the last: 1 is right */
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        n.seq = given ? d->n.last + beyond : 0;
        struct store_append a = {.seq = n.seq,
                                 .ts = n.ts,
                                 .ttl_s = n.ttl_s,
                                 .subject = slice_str(n.subject),
                                 .hdr = slice_str(n.hdr),
                                 .data = slice_make(data, n.data_len),
                                 .refuse_over_limit = refuse,
                                 .rollup = rollup};
        uint64_t got = 0, want = 0;
        enum store_rc rc = naive_append(&d->n, &n, refuse, rollup, &want);
        same(m, d, "append", store_append(d->s, &a, m->now, &got), rc);
        if (rc == STORE_OK)
            same(m, d, "sequence of an append", got, want);
    }
}

static void do_skip(struct model *m)
{
    uint64_t count = one_in(m, 10) ? below(m, 1000) : below(m, 4), wrong = one_in(m, 8);
    bool given = wrong || one_in(m, 2);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        uint64_t first = given ? d->n.last + 1 + wrong : 0;
        enum store_rc rc = naive_skip(&d->n, first, count, m->now);
        same(m, d, "skip", store_skip(d->s, first, count, m->now), rc);
    }
}

static void do_remove(struct model *m)
{
    uint64_t seq = make_seq(m);
    enum store_remove_how how = (enum store_remove_how)below(m, 3);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        bool got = false, want;
        enum store_rc rc = naive_remove(&d->n, seq, &want);
        enum store_rc real = store_remove(d->s, seq, how, &got);
        /* Whether a deleted sequence lies in a block or between two only the file store knows. */
        if (!(rc == STORE_OK && !want && real == STORE_NOT_FOUND && d->n.kind == STORE_FILE))
            same(m, d, "remove", real, rc);
        same(m, d, "removed", got, want);
    }
}

static void do_purge(struct model *m)
{
    char filter[NAIVE_SUBJECT_MAX] = "";
    if (!one_in(m, 4))
        make_subject(m, filter, true);
    uint64_t under = one_in(m, 2) ? make_seq(m) : 0, keep = under == 0 && one_in(m, 2) ? below(m, 6) : 0;
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        uint64_t got = 0, want = naive_purge(&d->n, filter, under, keep);
        same(m, d, "purge", store_purge(d->s, slice_str(filter), under, keep, &got), STORE_OK);
        same(m, d, "purged", got, want);
    }
}

static void compact_to(struct model *m, uint64_t seq)
{
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        uint64_t got = 0, want = naive_compact(&d->n, seq);
        same(m, d, "compact", store_compact(d->s, seq, &got), STORE_OK);
        same(m, d, "compacted", got, want);
    }
}

static void do_compact(struct model *m)
{
    compact_to(m, make_seq(m));
}

static void do_truncate(struct model *m)
{
    uint64_t seq = make_seq(m);
    if (seq == 0 && !one_in(m, 4))
        return;
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        enum store_rc rc = naive_truncate(&d->n, seq, m->now);
        same(m, d, "truncate", store_truncate(d->s, seq, m->now), rc);
    }
}

/* Delete blocks as a leader sends them: some ranges, some sets; sometimes cut short. */
static void do_sync_deletes(struct model *m)
{
    struct byte_buf b = {0};
    uint64_t first[4], last[4];
    size_t ranges = (size_t)below(m, 4);
    bool broken = one_in(m, 8) && ranges > 0;
    for (size_t i = 0; i < ranges; i++) {
        first[i] = 1 + make_seq(m);
        last[i] = first[i] + below(m, 40);
        struct seqset set = {0};
        bool endless = one_in(m, 40);
        if (endless)
            last[i] = UINT64_MAX - 1;
        if (endless || one_in(m, 2)) {
            stream_state_put_run(&b, first[i], last[i] - first[i] + 1);
        } else {
            if (!seqset_insert_range(&set, first[i], last[i]))
                abort();
            stream_state_put_set(&b, &set);
        }
        seqset_free(&set);
    }
    slice blocks = slice_first(buf_view(&b), b.len - broken);
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        for (size_t k = 0; k < ranges && !broken; k++)
            naive_drop_range(&d->n, first[k], last[k]);
        same(m, d, "sync_deletes", store_sync_deletes(d->s, blocks), broken ? STORE_BAD_STATE : STORE_OK);
    }
    buf_free(&b);
}

static struct store_limits make_limits(struct model *m)
{
    struct store_limits l = {.discard = one_in(m, 3) ? STORE_DISCARD_NEW : STORE_DISCARD_OLD};
    if (one_in(m, 2))
        l.max_msgs = 20 + (int64_t)below(m, 300);
    if (one_in(m, 3))
        l.max_bytes = 2000 + (int64_t)below(m, 60000);
    if (one_in(m, 3))
        l.max_per_subject = 1 + (int64_t)below(m, 10);
    if (one_in(m, 3))
        l.max_age_ns = (10 + (int64_t)below(m, 1000)) * SECOND;
    l.discard_new_per_subject = one_in(m, 2);
    l.allow_ttl = one_in(m, 2);
    return l;
}

static void do_update(struct model *m)
{
    struct store_limits l = make_limits(m);
    m->file.limits = l;
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        naive_update(&d->n, &l, m->now);
        same(m, d, "update", store_update(d->s, &l, SLICE_EMPTY, m->now), STORE_OK);
    }
}

static void do_expire(struct model *m)
{
    for (int i = 0; i < 2; i++) {
        struct side *d = &m->side[i];
        int64_t due;
        naive_expire(&d->n, m->now);
        same(m, d, "expire", store_expire(d->s, m->now, SIZE_MAX, &due), STORE_OK);
        int64_t want = naive_due(&d->n);
        if (want != STORE_TIME_NONE && (due == STORE_TIME_NONE || (due > want && due > m->now + SECOND / 4)))
            differ(m, d, "next expiry is due at %lld, should be %lld", (long long)due, (long long)want);
    }
}

static void do_maintain(struct model *m)
{
    struct side *d = &m->side[0];
    switch (below(m, 3)) {
    case 0:
        same(m, d, "commit", store_commit(d->s), STORE_OK);
        break;
    case 1:
        same(m, d, "sync", store_sync_now(d->s), STORE_OK);
        break;
    default:
        same(m, d, "maintain", store_maintain(d->s, m->now), STORE_OK);
        break;
    }
    storage_poll(m->host.port);
}

/* ---- the stores ---- */

static void on_changed(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    struct side *d = ctx;
    (void)seq;
    (void)subject;
    d->msgs += msgs;
    d->bytes += bytes;
}

static void on_lost(void *ctx, struct store_lost what)
{
    (void)what;
    ((struct side *)ctx)->msgs = INT64_MIN; /* seen by the next check */
}

static void open_file(struct model *m)
{
    struct side *d = &m->side[0];
    struct store_state st;
    m->file.now = m->now;
    enum store_rc rc = file_store_open(&m->file, &d->s);
    same(m, d, "open", rc, STORE_OK);
    if (rc != STORE_OK)
        d->s = NULL;
    if (d->s == NULL)
        return;
    store_state(d->s, &st);
    d->msgs = (int64_t)st.msgs;
    d->bytes = (int64_t)st.bytes;
}

/* Opening removes what has expired: so nothing may be left to expire. */
static void do_reopen(struct model *m)
{
    struct side *d = &m->side[0];
    do_expire(m);
    same(m, d, "close", store_close(d->s, m->now), STORE_OK);
    d->s = NULL;
    storage_poll(m->host.port);
    open_file(m);
}

static void start(struct model *m)
{
    static const char *const names[2] = {"file", "memory"};
    struct store_limits limits = one_in(m, 4) ? (struct store_limits){0} : make_limits(m);
    bool track = !one_in(m, 20);
    m->disk = sim_disk_new(m->sched);
    sim_disk_mkdirs(m->disk, "/js");
    struct storage_options so = {.disk = sim_disk_base(m->disk), .dir = "/js/journal"};
    if (storage_open(&so, &m->storage) != 0)
        abort();
    m->host = (struct store_host){.disk = so.disk,
                                  .port = storage_port_new(m->storage, NULL, NULL),
                                  .cache = store_cache_new(one_in(m, 2) ? 1 << 20 : 20000),
                                  .random = sched_bytes,
                                  .random_ctx = m->sched};
    m->file =
        (struct file_store_options){.host = &m->host,
                                    .dir = STREAM_DIR,
                                    .name = SLICE_LIT("S"),
                                    .meta = SLICE_LIT("{\"name\":\"S\"}"),
                                    .limits = limits,
                                    .hooks = {.ctx = &m->side[0], .changed = on_changed, .lost = on_lost},
                                    .block_size = 400 + below(m, 6000),
                                    .compress = one_in(m, 2),
                                    .sync = (enum store_sync)below(m, 3),
                                    .track_subjects = track};
    if (one_in(m, 3))
        m->file.keys = (struct store_keys){.key = SLICE_LIT("secret"),
                                           .cipher = one_in(m, 2) ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                                           .info = SLICE_LIT("ACC")};
    for (int i = 0; i < 2; i++) {
        m->side[i].name = names[i];
        naive_init(&m->side[i].n, i == 0 ? STORE_FILE : STORE_MEMORY, &limits, track);
    }
    struct mem_store_options mo = {.limits = limits,
                                   .hooks = {.ctx = &m->side[1], .changed = on_changed},
                                   .track_subjects = track,
                                   .hash_seed = "model"};
    open_file(m);
    if (mem_store_new(&mo, &m->side[1].s) != STORE_OK)
        abort();
}

static void finish(struct model *m)
{
    if (m->side[0].s != NULL)
        (void)(one_in(m, 2) ? store_close(m->side[0].s, m->now) : store_destroy(m->side[0].s));
    struct side *mem = &m->side[1];
    int64_t before = mem->msgs;
    if (one_in(m, 2)) {
        (void)store_close(mem->s, m->now);
    } else {
        (void)store_destroy(mem->s);
        if (m->report[0] == 0)
            same(m, mem, "reported by destroy", (uint64_t)(mem->msgs - before), (uint64_t)-before);
    }
    storage_poll(m->host.port);
    storage_port_free(m->host.port);
    if (storage_close(m->storage) != 0)
        differ(m, &m->side[0], "the storage does not close");
    store_cache_free(m->host.cache);
    for (int i = 0; i < 2; i++)
        naive_free(&m->side[i].n);
    sim_disk_free(m->disk);
}

/* ---- the run ---- */

static const struct action {
    const char *name;
    void (*run)(struct model *m);
    unsigned weight;
} actions[] = {
    {"append", do_append, 400},
    {"skip", do_skip, 20},
    {"remove", do_remove, 60},
    {"purge", do_purge, 6},
    {"compact", do_compact, 4},
    {"truncate", do_truncate, 2},
    {"sync deletes", do_sync_deletes, 3},
    {"update", do_update, 2},
    {"expire", do_expire, 20},
    {"maintain", do_maintain, 30},
    {"reopen", do_reopen, 2},
    {"load", ask_load, 50},
    {"next and prev", ask_next_prev, 50},
    {"load last", ask_load_last, 20},
    {"batch", ask_batch, 10},
    {"counts", ask_counts, 20},
    {"filtered state", ask_filtered_state, 20},
    {"subjects", ask_subjects, 10},
    {"lasts", ask_lasts, 10},
    {"time", ask_time, 10},
    {"deleted", ask_deleted, 5},
};
#define ACTIONS (sizeof actions / sizeof actions[0])

static void step(struct model *m)
{
    unsigned total = 0;
    for (size_t i = 0; i < ACTIONS; i++)
        total += actions[i].weight;
    uint64_t pick = below(m, total);
    size_t i = 0;
    for (; pick >= actions[i].weight; i++)
        pick -= actions[i].weight;
    m->doing = actions[i].name;
    m->now += one_in(m, 50) ? (int64_t)below(m, 60) * SECOND : (int64_t)below(m, 200) * SECOND / 1000;
    actions[i].run(m);
    const struct naive_store *n = &m->side[0].n;
    if (n->count > 0 && n->last - n->msg[0].seq > SPAN_MAX)
        compact_to(m, n->last - SPAN_MAX / 2);
    for (int k = 0; k < 2 && m->report[0] == 0; k++)
        check_state(m, &m->side[k]);
}

bool store_model_run(const struct store_model_options *o, char *report, size_t cap)
{
    struct model m = {.sched = sched_new(o->seed),
                      .bytes = o->bytes,
                      .bytes_end = o->bytes == NULL ? NULL : o->bytes + o->len,
                      .now = SIM_EPOCH_NS,
                      .doing = "start",
                      .report = report,
                      .report_cap = cap};
    report[0] = 0;
    start(&m);
    for (m.step = 1; m.step <= o->ops && report[0] == 0 && !m.dry; m.step++)
        step(&m);
    m.doing = "finish";
    finish(&m);
    sched_free(m.sched);
    return report[0] == 0;
}
