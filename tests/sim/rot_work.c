#include "sim/rot_world.h"

#include <stdlib.h>

/* Who lives now, after the naive store has done an operation. */
static void settle_fates(struct rot_stream *t)
{
    for (size_t i = 0; i < t->fates; i++) {
        struct rot_fate *f = &t->fate[i];
        bool lives = naive_find(&t->n, f->m.seq) != NULL;
        if (f->live && !lives) {
            f->live = f->fuzzy = false; /* it was there, so that now it is gone for sure */
            f->fresh = true;
        }
    }
}

static void do_append(struct rot_stream *t)
{
    static const char *const subjects[] = {"a", "b.1", "b.2", "c.x.y"};
    struct rot_world *m = t->m;
    struct naive_msg n = {.ts = m->now, .id = ++m->id};
    uint8_t data[DATA_MAX];
    strcpy(n.subject, subjects[rot_below(m, 4)]);
    n.data_len = (size_t)rot_below(m, rot_one_in(m, 10) ? DATA_MAX : 90);
    if (rot_one_in(m, 4))
        sprintf(n.hdr, "NATS/1.0\r\nId: %llu\r\n\r\n", (unsigned long long)n.id);
    crash_data(&n, data);
    struct store_append a = {.ts = n.ts,
                             .subject = slice_str(n.subject),
                             .hdr = slice_str(n.hdr),
                             .data = slice_make(data, n.data_len)};
    uint64_t got = 0;
    naive_append(&t->n, &n, false, false, &n.seq);
    rot_want_ok(t, "append", store_append(t->s, &a, m->now, &got));
    if (got != n.seq)
        rot_fail(t, "append got %llu, should be %llu", (unsigned long long)got, (unsigned long long)n.seq);
    if (t->fates == t->cap) {
        t->cap = t->cap * 2 + 64;
        t->fate = realloc(t->fate, t->cap * sizeof t->fate[0]);
        if (t->fate == NULL)
            abort();
    }
    t->fate[t->fates++] = (struct rot_fate){.m = n, .live = true, .fresh = true};
}

static uint64_t some_seq(struct rot_stream *t)
{
    return t->n.count > 0 ? t->n.msg[rot_below(t->m, t->n.count)].seq : 0;
}

static void do_remove(struct rot_stream *t)
{
    uint64_t seq = rot_one_in(t->m, 4) ? t->n.last : some_seq(t);
    bool removed, want, erase = rot_one_in(t->m, 3);
    if (naive_find(&t->n, seq) == NULL)
        return;
    naive_remove(&t->n, seq, &want);
    TRACE(t->m, "  %s: %llu\n", t->name, (unsigned long long)seq);
    rot_want_ok(t, erase ? "erase" : "remove",
                store_remove(t->s, seq, erase ? STORE_REMOVE_ERASE : STORE_REMOVE, &removed));
    settle_fates(t);
}

static void do_skip(struct rot_stream *t)
{
    uint64_t count = 1 + rot_below(t->m, 4);
    naive_skip(&t->n, 0, count, t->m->now);
    rot_want_ok(t, "skip", store_skip(t->s, 0, count, t->m->now));
}

static void do_purge(struct rot_stream *t)
{
    static const char *const filters[] = {"a", "b.*", "b.2", ">"};
    const char *filter = filters[rot_below(t->m, rot_one_in(t->m, 4) ? 4 : 3)];
    uint64_t purged;
    naive_purge(&t->n, filter, 0, 0);
    rot_want_ok(t, "purge", store_purge(t->s, slice_str(filter), 0, 0, &purged));
    settle_fates(t);
}

static void do_compact(struct rot_stream *t)
{
    uint64_t purged, seq = some_seq(t);
    if (seq == 0)
        return;
    naive_compact(&t->n, seq);
    TRACE(t->m, "  %s: %llu\n", t->name, (unsigned long long)seq);
    rot_want_ok(t, "compact", store_compact(t->s, seq, &purged));
    settle_fates(t);
}

static void do_consumer(struct rot_stream *t)
{
    const struct consumer_state *st = consumer_store_state(t->c);
    struct consumer_delivery d = {
        .dseq = st->delivered.consumer + 1, .sseq = st->delivered.stream + 1, .count = 1};
    d.ts = t->m->now / SECOND * SECOND;
    (void)consumer_store_delivered(t->c, &d); /* refused where damage has made a strange state */
    if (rot_one_in(t->m, 2))
        (void)consumer_store_acked(t->c, d.dseq, d.sseq);
}

/* All together: then the journal takes the sync. */
static void do_commit(struct rot_world *m)
{
    for (size_t i = 0; i < m->streams; i++)
        rot_want_ok(&m->stream[i], "commit", store_commit(m->stream[i].s));
    storage_run(m->storage);
    storage_poll(m->host.port);
}

void rot_work(struct rot_world *m)
{
    for (uint64_t n = 5 + rot_below(m, 60); n > 0 && m->report[0] == 0; n--) {
        struct rot_stream *t = &m->stream[rot_below(m, m->streams)];
        uint64_t dice = rot_below(m, 100);
        m->now += (int64_t)rot_below(m, 200) * (SECOND / 1000);
        m->counts->ops++;
        if (dice < 60)
            do_append(t);
        else if (dice < 74)
            do_remove(t);
        else if (dice < 77)
            do_skip(t);
        else if (dice < 79)
            do_purge(t);
        else if (dice < 81)
            do_compact(t);
        else if (dice < 88)
            rot_want_ok(t, "maintain", store_maintain(t->s, m->now));
        else if (dice < 92)
            do_consumer(t);
        else if (dice < 97)
            do_commit(m);
        else
            rot_want_ok(t, "sync", store_sync_now(t->s));
    }
}
