#include "sim/crash_book.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void crash_fail(struct crash_book *b, const char *fmt, ...)
{
    if (b->report[0] != 0)
        return;
    va_list ap;
    int n = snprintf(b->report, b->report_cap, "%s: ", b->name);
    va_start(ap, fmt);
    if (n > 0 && (size_t)n < b->report_cap)
        vsnprintf(b->report + n, b->report_cap - (size_t)n, fmt, ap);
    va_end(ap);
}

static void *grow(void *old, size_t *cap, size_t need, size_t each)
{
    if (need <= *cap)
        return old;
    *cap = need + need / 2 + 64;
    void *grown = realloc(old, *cap * each);
    if (grown == NULL)
        abort();
    return grown;
}

void crash_book_init(struct crash_book *b, const char *name, const struct store_limits *l, char *report,
                     size_t cap)
{
    *b = (struct crash_book){.name = name, .report = report, .report_cap = cap};
    naive_init(&b->n, STORE_FILE, l, true);
    b->note = grow(NULL, &b->note_cap, 1, sizeof b->note[0]);
    b->note[0] = (struct crash_note){0};
}

void crash_book_free(struct crash_book *b)
{
    naive_free(&b->n);
    free(b->fate);
    free(b->note);
}

void crash_data(const struct naive_msg *m, uint8_t *out)
{
    for (size_t i = 0; i < m->data_len; i++)
        out[i] = (uint8_t)(m->id + 31 * i);
}

/* ---- operations ---- */

void crash_book_begin(struct crash_book *b)
{
    b->op++;
    b->note = grow(b->note, &b->note_cap, b->op + 1, sizeof b->note[0]);
    b->note[b->op] = (struct crash_note){UINT64_MAX, b->n.last};
}

void crash_book_born(struct crash_book *b, const struct naive_msg *m)
{
    b->fate = grow(b->fate, &b->fate_cap, b->fates + 1, sizeof b->fate[0]);
    b->fate[b->fates++] = (struct crash_fate){.m = *m, .born = b->op};
}

static bool lives(const struct crash_book *b, const struct crash_fate *f)
{
    const struct naive_msg *m = naive_find(&b->n, f->m.seq);
    return m != NULL && m->id == f->m.id;
}

void crash_book_end(struct crash_book *b, bool by_limit)
{
    for (size_t i = 0; i < b->fates; i++) {
        struct crash_fate *f = &b->fate[i];
        if (f->died != 0 || lives(b, f))
            continue;
        f->died = b->op;
        f->by_limit = by_limit;
    }
    b->note[b->op].last = b->n.last;
}

void crash_book_done(struct crash_book *b, uint64_t mark)
{
    b->note[b->op].mark = mark;
}

void crash_book_ack(struct crash_book *b, uint64_t durable)
{
    while (!b->frozen && b->acked < b->op && b->note[b->acked + 1].mark <= durable)
        b->acked++;
}

void crash_book_age(struct crash_book *b, int64_t now)
{
    int64_t age = b->n.limits.max_age_ns;
    for (size_t i = 0; i < b->fates; i++)
        b->fate[i].by_limit |= b->fate[i].died != 0 && age > 0 && b->fate[i].m.ts <= now - age;
}

void crash_book_wipe(struct crash_book *b)
{
    struct store_limits l = b->n.limits;
    crash_book_begin(b);
    naive_free(&b->n);
    naive_init(&b->n, STORE_FILE, &l, true);
    crash_book_end(b, false);
    for (size_t i = 0; i < b->fates; i++)
        b->fate[i].by_limit = false;
    b->acked = b->synced = b->op;
    b->note[b->op].mark = 0;
}

/* ---- judging ---- */

static bool same_bytes(const struct store_msg *got, const struct naive_msg *want)
{
    for (size_t i = 0; i < got->data.len && got->data.len == want->data_len; i++) {
        if (got->data.ptr[i] != (uint8_t)(want->id + 31 * i))
            return false;
    }
    return got->data.len == want->data_len && got->ts == want->ts &&
           slice_eq(got->subject, slice_str(want->subject)) && slice_eq(got->hdr, slice_str(want->hdr));
}

/* Which of all messages that ever had this sequence it is; NULL: none. */
static struct crash_fate *recognize(struct crash_book *b, const struct store_msg *got)
{
    for (size_t i = b->fates; i-- > 0;) {
        if (b->fate[i].m.seq == got->seq && same_bytes(got, &b->fate[i].m))
            return &b->fate[i];
    }
    return NULL;
}

static void take(struct crash_book *b, const struct crash_fate *f)
{
    struct naive_store *n = &b->n;
    n->msg = grow(n->msg, &n->cap, n->count + 1, sizeof n->msg[0]);
    n->msg[n->count++] = f->m;
    n->bytes += naive_size(n, &f->m);
}

/* What the messages that are there tell of those that are not. */
struct sight {
    uint64_t youngest; /* the last operation that is seen in them */
    uint64_t risen;    /* so many had gone by a limit */
};

/* What is there may be there: each message goes into b->n anew. */
static void judge_present(struct crash_book *b, struct store *s, const struct store_state *st, uint64_t acked,
                          struct sight *seen)
{
    b->n.count = 0;
    b->n.bytes = 0;
    for (uint64_t seq = st->first; seq <= st->last && st->msgs > 0 && b->report[0] == 0; seq++) {
        struct store_msg got;
        enum store_rc rc = store_load(s, seq, &got);
        if (rc == STORE_NOT_FOUND)
            continue;
        if (rc != STORE_OK) {
            crash_fail(b, "load of %llu: %s", (unsigned long long)seq, store_rc_text(rc));
            return;
        }
        const struct crash_fate *f = recognize(b, &got);
        if (f == NULL)
            crash_fail(b, "message %llu was never stored like this", (unsigned long long)seq);
        else if (f->died != 0 && f->died <= acked && !f->by_limit)
            crash_fail(b, "message %llu (operation %llu) was removed by operation %llu and is back",
                       (unsigned long long)seq, (unsigned long long)f->born, (unsigned long long)f->died);
        else
            take(b, f);
        if (f == NULL)
            continue;
        seen->risen += f->died != 0 && f->by_limit;
        seen->youngest = f->born > seen->youngest ? f->born : seen->youngest;
    }
}

/* So many younger messages of its subject are there as there may be. */
static bool subject_is_full(const struct crash_book *b, const struct crash_fate *f)
{
    int64_t younger = 0;
    for (size_t i = 0; i < b->n.count; i++)
        younger += b->n.msg[i].seq > f->m.seq && strcmp(b->n.msg[i].subject, f->m.subject) == 0;
    return b->n.limits.max_per_subject > 0 && younger >= b->n.limits.max_per_subject;
}

/* The stream's own limits may have taken it. */
static bool stream_is_full(const struct crash_book *b, const struct store_state *st,
                           const struct crash_fate *f)
{
    const struct store_limits *l = &b->n.limits;
    return l->discard == STORE_DISCARD_OLD && f->m.seq < st->first &&
           (l->max_bytes > 0 || (l->max_msgs > 0 && st->msgs == (uint64_t)l->max_msgs));
}

/* A limit has taken it for one that should not be there.
 *
 * Nothing records a removal by a subject's limit. When younger messages of the subject are removed, too, and
 * then all state but the blocks is lost, such a message is back, and in a full stream the oldest goes.
 * Without order the same may follow from a removal that the power has undone, though what came after it is
 * there. */
static bool crowded_out(const struct crash_book *b, const struct store_state *st, const struct crash_fate *f,
                        bool ordered, struct sight *seen)
{
    const struct store_limits *l = &b->n.limits;
    bool full = stream_is_full(b, st, f);
    if (!ordered)
        return full || subject_is_full(b, f);
    if (!full || l->max_per_subject <= 0 || seen->risen == 0)
        return false;
    seen->risen -= l->max_bytes <= 0; /* by bytes one may push out several */
    return true;
}

/* Whose removal was in flight may have risen and gone again by a limit, which nothing records. */
static void settle_absence(const struct crash_book *b, const struct store_state *st, struct crash_fate *f,
                           uint64_t acked)
{
    f->by_limit |= f->died > acked && (subject_is_full(b, f) || stream_is_full(b, st, f));
    if (f->died == 0)
        f->died = b->op;
}

/* What must be there is there. */
static void judge_absent(struct crash_book *b, const struct store_state *st, uint64_t acked, bool ordered,
                         struct sight *seen)
{
    for (size_t i = 0; i < b->fates; i++) {
        struct crash_fate *f = &b->fate[i];
        if (lives(b, f) || f->died != 0 || crowded_out(b, st, f, ordered, seen))
            continue;
        if (f->born <= acked)
            crash_fail(b, "message %llu (operation %llu) was acknowledged and is lost",
                       (unsigned long long)f->m.seq, (unsigned long long)f->born);
        if (ordered && f->born < seen->youngest)
            crash_fail(b, "message %llu (operation %llu) is missing, though later ones are there",
                       (unsigned long long)f->m.seq, (unsigned long long)f->born);
    }
    for (size_t i = 0; i < b->fates; i++) {
        struct crash_fate *f = &b->fate[i];
        bool back = lives(b, f) && f->died != 0 && !f->by_limit;
        if (ordered && back && f->died < seen->youngest)
            crash_fail(b,
                       "message %llu was removed by operation %llu and is back, though later ones are there",
                       (unsigned long long)f->m.seq, (unsigned long long)f->died);
        if (lives(b, f))
            f->died = 0;
        else
            settle_absence(b, st, f, acked);
    }
}

static void judge_last(struct crash_book *b, const struct store_state *st, uint64_t acked)
{
    uint64_t lo = b->note[acked].last, hi = lo;
    for (uint64_t op = acked + 1; op <= b->op; op++) {
        lo = b->note[op].last < lo ? b->note[op].last : lo;
        hi = b->note[op].last > hi ? b->note[op].last : hi;
    }
    if (st->last < lo || st->last > hi)
        crash_fail(b, "last is %llu, should be %llu to %llu", (unsigned long long)st->last,
                   (unsigned long long)lo, (unsigned long long)hi);
}

static void same(struct crash_book *b, const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        crash_fail(b, "%s is %lld, should be %lld", what, (long long)got, (long long)want);
}

static void same_limits(struct crash_book *b, const struct store_state *st)
{
    const struct store_limits *l = &b->n.limits;
    if (l->discard == STORE_DISCARD_OLD && l->max_msgs > 0 && st->msgs > (uint64_t)l->max_msgs)
        crash_fail(b, "%llu messages are too many", (unsigned long long)st->msgs);
    if (l->discard == STORE_DISCARD_OLD && l->max_bytes > 0 && st->bytes > (uint64_t)l->max_bytes)
        crash_fail(b, "%llu bytes are too many", (unsigned long long)st->bytes);
}

static bool count_deleted(void *ctx, uint64_t first, uint64_t last)
{
    *(uint64_t *)ctx += last - first + 1;
    return true;
}

static void same_totals(struct crash_book *b, struct store *s, const struct store_state *st)
{
    struct store_state want;
    uint64_t deleted = 0;
    naive_state(&b->n, &want);
    same(b, "msgs", st->msgs, want.msgs);
    same(b, "bytes", st->bytes, want.bytes);
    same(b, "first", st->first, want.first);
    same(b, "last", st->last, want.last);
    same(b, "first_ts", (uint64_t)st->first_ts, (uint64_t)want.first_ts);
    same(b, "num_subjects", st->num_subjects, want.num_subjects);
    same(b, "num_deleted", st->num_deleted, want.num_deleted);
    same(b, "rc of deleted", store_deleted(s, count_deleted, &deleted), STORE_OK);
    same(b, "deleted", deleted, want.num_deleted);
}

bool crash_book_judge(struct crash_book *b, struct store *s, uint64_t acked, bool ordered, bool weak)
{
    struct store_state st;
    struct sight seen = {0};
    store_state(s, &st);
    judge_present(b, s, &st, acked, &seen);
    judge_absent(b, &st, acked, ordered, &seen);
    if (!weak)
        judge_last(b, &st, acked);
    same_limits(b, &st);
    b->n.last = st.last;
    b->n.used = st.last > 0 || st.first > 0;
    b->n.base = st.first;
    b->n.last_ts_set = st.last_ts != STORE_TIME_NONE;
    b->n.last_ts = b->n.last_ts_set ? st.last_ts : 0;
    if (st.msgs == 0 && st.last > 0)
        same(b, "first of an empty stream", st.first, st.last + 1);
    same_totals(b, s, &st);
    b->note[b->op] = (struct crash_note){0, b->n.last};
    b->acked = b->op;
    b->frozen = false;
    return b->report[0] == 0;
}

/* A message that only one of them has. */
static void same_sequences(struct crash_book *b, struct store *s)
{
    struct store_state st;
    store_state(s, &st);
    for (uint64_t seq = st.first > 0 ? st.first : 1; seq <= st.last && st.msgs > 0; seq++) {
        struct store_msg got;
        bool here = store_load(s, seq, &got) == STORE_OK, there = naive_find(&b->n, seq) != NULL;
        if (here != there)
            crash_fail(b, "message %llu is %s", (unsigned long long)seq,
                       here ? "there, should be gone" : "gone, should be there");
    }
}

bool crash_book_same(struct crash_book *b, struct store *s)
{
    same_sequences(b, s);
    struct store_state st;
    store_state(s, &st);
    same_totals(b, s, &st);
    same(b, "last_ts", st.last_ts == STORE_TIME_NONE ? 0 : (uint64_t)st.last_ts,
         b->n.last_ts_set ? (uint64_t)b->n.last_ts : 0);
    for (size_t i = 0; i < b->n.count && b->report[0] == 0; i++) {
        struct store_msg got;
        enum store_rc rc = store_load(s, b->n.msg[i].seq, &got);
        if (rc != STORE_OK || !same_bytes(&got, &b->n.msg[i]))
            crash_fail(b, "message %llu differs: %s", (unsigned long long)b->n.msg[i].seq, store_rc_text(rc));
    }
    return b->report[0] == 0;
}
