#include "sim/rot_world.h"

#include <stdlib.h>

/* ---- judging ---- */

static bool same_bytes(const struct store_msg *got, const struct naive_msg *want)
{
    uint8_t data[DATA_MAX];
    crash_data(want, data);
    return slice_eq(got->data, slice_make(data, want->data_len)) && got->ts == want->ts &&
           slice_eq(got->subject, slice_str(want->subject)) && slice_eq(got->hdr, slice_str(want->hdr));
}

static bool is_reported(const struct rot_stream *t, const struct rot_fate *f)
{
    for (size_t i = 0; i < t->lost_count; i++) {
        const struct store_lost *l = &t->lost[i];
        if (f->named || l->first == 0 || (l->first <= f->m.seq && f->m.seq <= l->last))
            return true;
    }
    return false;
}

/* What the store says in the end is lost is not there. */
static void judge_lost(struct rot_stream *t)
{
    struct store_lost lost[RANGES_MAX];
    size_t count;
    uint64_t bytes;
    rot_want_ok(t, "lost", store_lost_data(t->s, lost, RANGES_MAX, &count, &bytes));
    for (size_t i = 0; i < count && i < RANGES_MAX; i++) {
        for (size_t k = 0; k < t->fates; k++) {
            const struct rot_fate *f = &t->fate[k];
            if (f->seen && f->m.seq >= lost[i].first && f->m.seq <= lost[i].last)
                rot_fail(t, "message %llu is told as lost and is there", (unsigned long long)f->m.seq);
        }
    }
}

/* One message; *missing: the store may still count it. */
static void judge_message(struct rot_stream *t, struct rot_fate *f, bool *missing)
{
    struct rot_world *m = t->m;
    bool by_journal = m->journal_hit && m->way == WAY_POWER; /* which knows of nothing behind its damage */
    struct store_msg got;
    unsigned long long seq = f->m.seq;
    enum store_rc rc = store_load(t->s, f->m.seq, &got);
    f->seen = rc == STORE_OK;
    *missing = false;
    if (rc != STORE_OK && rc != STORE_NOT_FOUND && rc != STORE_EOF)
        rot_fail(t, "load of %llu: %s", seq, store_rc_text(rc));
    else if (f->seen && !same_bytes(&got, &f->m))
        rot_fail(t, "message %llu is another one (%.*s, %zu of %zu bytes of headers, %zu of %zu of data)",
                 seq, (int)got.subject.len, (const char *)got.subject.ptr, got.hdr.len, strlen(f->m.hdr),
                 got.data.len, f->m.data_len);
    else if (f->seen && !f->live && !f->fuzzy)
        rot_fail(t, "message %llu was removed and is back", seq);
    else if (!f->seen && f->live && !f->hit && !f->fuzzy)
        rot_fail(t, "message %llu was not hit and is lost", seq);
    else if (!f->seen && f->live && !f->fuzzy && !by_journal && !is_reported(t, f))
        rot_fail(t, "message %llu is lost and not reported", seq);
    *missing = !f->seen && (f->hit || f->fuzzy);
    m->counts->lost += !f->seen && f->live;
    m->counts->back += f->seen && !f->live;
    f->fuzzy |= (!f->seen && f->live) || (m->read_rot && f->hit);
    f->live = f->seen;
    f->fresh = f->hit = f->named = false;
}

/* The last sequence: what is told of it by the records that were not hit. */
static void judge_last(struct rot_stream *t, const struct store_state *st)
{
    uint64_t low = 0;
    bool in_journal =
        t->m->way == WAY_POWER && t->m->journal_hit; /* what was new may have been there alone */
    bool told = (t->m->way == WAY_CLOSE && !t->index_hit) || (!t->block_hit && !t->scarred && !in_journal);
    for (size_t i = 0; i < t->layout.count; i++) {
        const struct rot_record *r = &t->layout.record[i];
        if (!r->hit && r->seq > low && !(in_journal && r->seq > t->old_last))
            low = r->seq;
    }
    low = told ? t->n.last : low;
    if (st->last < low || st->last > t->n.last)
        rot_fail(t, "last is %llu, should be %llu to %llu", (unsigned long long)st->last,
                 (unsigned long long)low, (unsigned long long)t->n.last);
}

static bool sum_subject(void *ctx, slice subject, const struct store_subject_state *s)
{
    (void)subject;
    *(uint64_t *)ctx += s->msgs;
    return true;
}

/* The naive store gets what is there. */
static void take_state(struct rot_stream *t, const struct store_state *st)
{
    struct naive_store *n = &t->n;
    struct store_limits none = {0};
    size_t kept = 0;
    naive_free(n);
    naive_init(n, STORE_FILE, &none, true);
    n->msg = malloc((t->fates + 1) * sizeof n->msg[0]);
    n->cap = t->fates + 1;
    if (n->msg == NULL)
        abort();
    for (size_t i = 0; i < t->fates; i++) {
        if (t->fate[i].m.seq > st->last)
            continue; /* its sequence will be used again */
        t->fate[kept++] = t->fate[i];
        if (t->fate[i].live)
            n->msg[n->count++] = t->fate[i].m;
    }
    t->fates = kept;
    n->last = t->old_last = st->last;
    n->used = st->last > 0;
    n->base = st->first;
}

static void judge(struct rot_stream *t)
{
    struct store_state st;
    uint64_t there = 0, missing = 0, in_subjects = 0;
    if (t->m->journal_hit && t->m->way == WAY_POWER)
        rot_hit_fresh(t);
    for (size_t i = 0; i < t->fates && t->m->report[0] == 0; i++) {
        bool gone;
        judge_message(t, &t->fate[i], &gone);
        there += t->fate[i].seen;
        missing += gone;
    }
    store_state(t->s, &st);
    judge_last(t, &st);
    if (!t->m->read_rot)
        judge_lost(t);
    if (st.msgs < there || st.msgs > there + missing)
        rot_fail(t, "%llu messages, there are %llu, and %llu are lost", (unsigned long long)st.msgs,
                 (unsigned long long)there, (unsigned long long)missing);
    rot_want_ok(t, "subjects", store_subjects(t->s, SLICE_LIT(">"), sum_subject, &in_subjects));
    if (in_subjects < there || in_subjects > st.msgs)
        rot_fail(t, "%llu messages, %llu in subjects", (unsigned long long)st.msgs,
                 (unsigned long long)in_subjects);
    take_state(t, &st);
    t->scarred |= t->block_hit;
    t->m->counts->judged++;
}

/* Opened once more, each finds the same. */
static void judge_again(struct rot_world *m)
{
    m->journal_hit = m->read_rot = false;
    sim_disk_rot_reads(m->disk, "", 0, NULL, NULL);
    rot_down(m);
    if (m->report[0] != 0 || !rot_up(m))
        return;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct rot_stream *t = &m->stream[i];
        struct store_state st;
        store_state(t->s, &st);
        if (st.last != t->n.last)
            rot_fail(t, "last is %llu, was %llu", (unsigned long long)st.last, (unsigned long long)t->n.last);
        for (size_t k = 0; k < t->fates; k++) {
            struct store_msg got;
            bool seen = store_load(t->s, t->fate[k].m.seq, &got) == STORE_OK;
            if (seen != t->fate[k].live && !t->fate[k].fuzzy)
                rot_fail(t, "message %llu is %s, and was not before", (unsigned long long)t->fate[k].m.seq,
                         seen ? "there" : "gone");
            else if (seen && !same_bytes(&got, &t->fate[k].m))
                rot_fail(t, "message %llu is another one, the second time",
                         (unsigned long long)t->fate[k].m.seq);
            t->fate[k].live = seen;
        }
        take_state(t, &st);
    }
}

/* ---- the run ---- */

static void round_of(struct rot_world *m)
{
    rot_work(m);
    if (m->report[0] != 0)
        return;
    rot_down(m);
    m->journal_hit = false;
    rot_damage(m);
    if (m->report[0] != 0 || !rot_up(m))
        return;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++)
        judge(&m->stream[i]);
    for (size_t i = 0; i < m->streams; i++)
        rot_free_damage(&m->stream[i]);
    if (m->report[0] == 0)
        judge_again(m);
}

bool rot_model_run(const struct rot_model_options *o, struct rot_model_counts *counts, char *report,
                   size_t cap)
{
    struct rot_world *m = calloc(1, sizeof *m);
    if (m == NULL)
        abort();
    *m = (struct rot_world){.o = o, .counts = counts, .sched = sched_new(o->seed), .now = SIM_EPOCH_NS};
    rot_make_world(m);
    if (rot_up(m)) {
        for (m->round = 1; m->round <= o->rounds && m->report[0] == 0; m->round++)
            round_of(m);
    }
    sim_disk_rot_reads(m->disk, "", 0, NULL, NULL);
    TRACE(m, "finish: %s\n", m->report);
    rot_close_all(m);
    for (size_t i = 0; i < m->streams; i++) {
        struct rot_stream *t = &m->stream[i];
        rot_free_damage(t);
        naive_free(&t->n);
        buf_free(&t->c_state);
        free(t->fate);
    }
    bool good = m->report[0] == 0;
    snprintf(report, cap, "%s", m->report);
    sim_disk_free(m->disk);
    sched_free(m->sched);
    free(m);
    return good;
}
