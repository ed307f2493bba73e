#include "sim/crash_world.h"

#include "store/format/stream_state.h"

#define DATA_MAX 1200

/* ---- operations ---- */

static void make_subject(struct crash_world *m, char *out, bool filter)
{
    static const char *const literal[] = {"a", "b.1", "b.2", "c.x.y", "c.x.z"};
    static const char *const wild[] = {"", ">", "b.*", "c.>", "*"};
    strcpy(out, filter && crash_one_in(m, 2) ? wild[crash_below(m, 5)] : literal[crash_below(m, 5)]);
}

static uint64_t make_seq(struct crash_stream *t)
{
    struct store_state st;
    naive_state(&t->book.n, &st);
    uint64_t lo = st.first > 1 ? st.first - 1 : 0;
    return lo + crash_below(t->m, st.last - lo + 2);
}

static void done(struct crash_stream *t)
{
    struct store_progress p;
    if (t->failed)
        return;
    store_progress(t->s, &p);
    crash_book_done(&t->book, p.written);
    crash_book_ack(&t->book, p.durable);
}

/* The real store's answer to an operation that the naive one has done. */
static void answer(struct crash_stream *t, const char *what, enum store_rc got, enum store_rc want)
{
    struct crash_world *m = t->m;
    TRACE(m, "    %s: operation %llu: %s: %s\n", t->name, (unsigned long long)t->book.op, what,
          store_rc_text(got));
    bool trouble = m->faulty || sim_disk_is_off(m->disk);
    if (trouble && crash_is_disk_trouble(got))
        t->failed = t->book.frozen = true;
    else if (got != want && !t->failed)
        crash_fail(&t->book, "%s: %s, should be: %s", what, store_rc_text(got), store_rc_text(want));
    if (!t->failed && got == STORE_OK)
        done(t);
    else if (!t->failed)
        crash_book_done(&t->book, 0);
}

static void do_append(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    struct naive_msg n = {.ts = m->now, .id = ++m->id};
    uint8_t data[DATA_MAX];
    make_subject(m, n.subject, false);
    n.data_len = crash_one_in(m, 12) ? (size_t)crash_below(m, DATA_MAX) : (size_t)crash_below(m, 90);
    if (crash_one_in(m, 4))
        sprintf(n.hdr, "NATS/1.0\r\nId: %llu\r\n\r\n", (unsigned long long)n.id);
    if (t->book.n.limits.allow_ttl && crash_one_in(m, 5)) {
        n.ttl_s = 1 + (int64_t)crash_below(m, 60);
        sprintf(n.hdr, "NATS/1.0\r\nNats-TTL: %lld\r\n\r\n", (long long)n.ttl_s);
    }
    crash_data(&n, data);
    struct store_append a = {.ts = n.ts,
                             .ttl_s = n.ttl_s,
                             .subject = slice_str(n.subject),
                             .hdr = slice_str(n.hdr),
                             .data = slice_make(data, n.data_len),
                             .refuse_over_limit = true};
    uint64_t got = 0, want = 0;
    crash_book_begin(&t->book);
    enum store_rc rc = naive_append(&t->book.n, &n, true, false, &want);
    n.seq = want;
    if (rc == STORE_OK)
        crash_book_born(&t->book, &n);
    crash_book_end(&t->book, true);
    TRACE(m, "    %s: append %llu on %s, %zu bytes, ttl %lld\n", t->name, (unsigned long long)want, n.subject,
          n.data_len, (long long)n.ttl_s);
    enum store_rc real = store_append(t->s, &a, m->now, &got);
    answer(t, "append", real, rc);
    if (real == STORE_OK && !t->failed && got != want)
        crash_fail(&t->book, "append got %llu, should be %llu", (unsigned long long)got,
                   (unsigned long long)want);
}

static void do_skip(struct crash_stream *t)
{
    uint64_t count = 1 + crash_below(t->m, 5);
    crash_book_begin(&t->book);
    enum store_rc rc = naive_skip(&t->book.n, 0, count, t->m->now);
    crash_book_end(&t->book, false);
    answer(t, "skip", store_skip(t->s, 0, count, t->m->now), rc);
}

static void do_remove(struct crash_stream *t)
{
    uint64_t seq = make_seq(t);
    enum store_remove_how how = (enum store_remove_how)crash_below(t->m, 3);
    if (how == STORE_REMOVE_LIMIT && t->book.n.count > 0)
        seq = t->book.n.msg[0].seq; /* nothing records it, and limits take the first */
    bool got = false, want;
    crash_book_begin(&t->book);
    enum store_rc rc = naive_remove(&t->book.n, seq, &want);
    crash_book_end(&t->book, how == STORE_REMOVE_LIMIT);
    TRACE(t->m, "    %s: remove %llu how %d\n", t->name, (unsigned long long)seq, (int)how);
    enum store_rc real = store_remove(t->s, seq, how, &got);
    answer(t, how == STORE_REMOVE_ERASE ? "erase" : "remove", real, rc);
    if (!t->failed && got != want)
        crash_fail(&t->book, "removed is %d, should be %d", got, want);
}

static void do_purge(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    char filter[NAIVE_SUBJECT_MAX] = "";
    if (!crash_one_in(m, 4))
        make_subject(m, filter, true);
    uint64_t under = crash_one_in(m, 2) ? make_seq(t) : 0,
             keep = under == 0 && crash_one_in(m, 2) ? crash_below(m, 6) : 0;
    uint64_t got = 0;
    crash_book_begin(&t->book);
    uint64_t want = naive_purge(&t->book.n, filter, under, keep);
    crash_book_end(&t->book, false);
    TRACE(m, "    %s: purge '%s' under %llu keep %llu\n", t->name, filter, (unsigned long long)under,
          (unsigned long long)keep);
    answer(t, "purge", store_purge(t->s, slice_str(filter), under, keep, &got), STORE_OK);
    if (!t->failed && got != want)
        crash_fail(&t->book, "purged %llu, should be %llu", (unsigned long long)got,
                   (unsigned long long)want);
}

void crash_compact_to(struct crash_stream *t, uint64_t seq)
{
    uint64_t got = 0;
    crash_book_begin(&t->book);
    naive_compact(&t->book.n, seq);
    crash_book_end(&t->book, false);
    TRACE(t->m, "    %s: compact to %llu\n", t->name, (unsigned long long)seq);
    answer(t, "compact", store_compact(t->s, seq, &got), STORE_OK);
}

static void do_compact(struct crash_stream *t)
{
    crash_compact_to(t, make_seq(t));
}

static void do_truncate(struct crash_stream *t)
{
    uint64_t seq = make_seq(t);
    if (seq == 0)
        return;
    crash_book_begin(&t->book);
    enum store_rc rc = naive_truncate(&t->book.n, seq, t->m->now);
    crash_book_end(&t->book, false);
    TRACE(t->m, "    %s: truncate to %llu\n", t->name, (unsigned long long)seq);
    answer(t, "truncate", store_truncate(t->s, seq, t->m->now), rc);
}

static void do_sync_deletes(struct crash_stream *t)
{
    struct byte_buf b = {0};
    uint64_t first = 1 + make_seq(t), last = first + crash_below(t->m, 20);
    stream_state_put_run(&b, first, last - first + 1);
    crash_book_begin(&t->book);
    naive_drop_range(&t->book.n, first, last);
    crash_book_end(&t->book, false);
    TRACE(t->m, "    %s: sync deletes %llu to %llu\n", t->name, (unsigned long long)first,
          (unsigned long long)last);
    answer(t, "sync deletes", store_sync_deletes(t->s, buf_view(&b)), STORE_OK);
    buf_free(&b);
}

static void do_update(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    struct store_limits l = t->book.n.limits, old = l;
    char text[64];
    if (l.max_msgs > 4 && crash_one_in(m, 2)) /* limits that grow would let old messages come back */
        l.max_msgs--;
    crash_book_begin(&t->book);
    naive_update(&t->book.n, &l, m->now);
    crash_book_end(&t->book, true);
    t->meta_tried = t->meta + 1;
    enum store_rc rc = store_update(t->s, &l, crash_meta_text(t->meta_tried, text), m->now);
    answer(t, "update", rc, STORE_OK);
    if (rc == STORE_OK)
        t->meta = t->meta_tried;
    else
        t->book.n.limits = old;
}

static void do_expire(struct crash_stream *t)
{
    int64_t due;
    crash_book_begin(&t->book);
    naive_expire(&t->book.n, t->m->now);
    crash_book_end(&t->book, true);
    answer(t, "expire", store_expire(t->s, t->m->now, SIZE_MAX, &due), STORE_OK);
}

static void do_commit(struct crash_stream *t)
{
    crash_book_begin(&t->book);
    answer(t, "commit", store_commit(t->s), STORE_OK);
}

static void do_sync(struct crash_stream *t)
{
    crash_book_begin(&t->book);
    uint64_t op = t->book.op;
    answer(t, "sync", store_sync_now(t->s), STORE_OK);
    if (!t->failed)
        t->book.synced = op;
}

static void do_maintain(struct crash_stream *t)
{
    crash_book_begin(&t->book);
    answer(t, "maintain", store_maintain(t->s, t->m->now), STORE_OK);
}

static void do_storage(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    if (crash_one_in(m, 4))
        storage_poll(m->host.port);
    storage_run(m->storage);
    if (!crash_one_in(m, 4))
        storage_poll(m->host.port);
}

/* ---- consumers ---- */

static void consumer_answer(struct crash_stream *t, const char *what, enum store_rc rc)
{
    struct crash_world *m = t->m;
    TRACE(m, "    %s: consumer %s: %s\n", t->name, what, store_rc_text(rc));
    if (rc == STORE_OK) {
        t->may_count = 0;
        crash_consumer_tries(t);
    } else if (!(crash_is_disk_trouble(rc) && (m->faulty || sim_disk_is_off(m->disk)))) {
        crash_wrong(t, what, rc);
    }
}

static void do_consumer(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    if (t->may_count == MAY_MAX)
        return;
    for (uint64_t n = crash_below(m, 4); n > 0; n--) {
        struct consumer_delivery d = {.dseq = t->dseq + 1, .sseq = t->sseq + 1, .count = 1};
        d.ts = m->now / SECOND * SECOND;
        if (consumer_store_delivered(t->c, &d) == STORE_OK) {
            t->dseq++;
            t->sseq++;
        }
    }
    if (t->dseq > 0 && crash_one_in(m, 2)) {
        uint64_t at = 1 + crash_below(m, t->dseq);
        (void)consumer_store_acked(t->c, at, at + t->sseq - t->dseq);
    }
    bool reset = crash_one_in(m, 10);
    if (reset) {
        t->sseq = make_seq(t);
        t->dseq = 0;
    }
    if (!reset)
        crash_consumer_tries(t);
    int64_t due;
    uint64_t calls = sim_disk_counts(m->disk)->changing;
    enum store_rc rc =
        reset ? consumer_store_reset(t->c, t->sseq, m->now) : consumer_store_flush(t->c, m->now, &due);
    if (reset)
        crash_consumer_tries(t);
    if (rc == STORE_OK && sim_disk_counts(m->disk)->changing == calls)
        t->may_count--; /* too soon, or nothing to write */
    else
        consumer_answer(t, reset ? "reset" : "flush", rc);
}

/* ---- life ---- */

static void do_reopen(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    if (m->faulty || !crash_consumer_tries(t))
        return;   /* a store that does not close well is a matter of recover() */
    do_expire(t); /* opening removes what has expired */
    uint64_t op = t->book.op;
    bool well = consumer_store_close(t->c, m->now) == STORE_OK;
    t->c = NULL;
    enum store_rc rc = store_close(t->s, m->now);
    t->s = NULL;
    TRACE(m, "    %s: close: %s\n", t->name, store_rc_text(rc));
    storage_poll(m->host.port);
    if (sim_disk_is_off(m->disk))
        return;
    bool failed = t->failed && crash_is_disk_trouble(rc); /* before the disk was well again */
    if ((rc != STORE_OK && !failed) || !well)
        crash_wrong(t, "close", rc);
    if (!failed)
        t->book.synced = t->book.acked = op;
    rc = crash_open_stream(t);
    if (sim_disk_is_off(m->disk))
        return;
    if (rc != STORE_OK)
        crash_wrong(t, "open after close", rc);
    else if (failed)
        crash_judge(t, false);
    else
        crash_look(t);
}

static void do_destroy(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    if (m->faulty || !crash_consumer_tries(t))
        return;
    t->destroying = true;
    consumer_store_close(t->c, m->now);
    t->c = NULL;
    enum store_rc rc = store_destroy(t->s);
    t->s = NULL;
    TRACE(m, "    %s: destroy: %s\n", t->name, store_rc_text(rc));
    if (sim_disk_is_off(m->disk))
        return;
    if (rc != STORE_OK)
        crash_wrong(t, "destroy", rc);
    crash_begin_anew(t);
    rc = crash_open_stream(t);
    if (rc != STORE_OK && !sim_disk_is_off(m->disk))
        crash_wrong(t, "open after destroy", rc);
}

static void do_off(struct crash_stream *t)
{
    crash_go_off(t->m, !crash_one_in(t->m, 3));
}

static void do_arm(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    uint64_t n = 1 + crash_below(m, crash_one_in(m, 3) ? 60 : 12);
    bool kill = crash_one_in(m, 3);
    TRACE(m, "  %s in %llu calls\n", kill ? "killed" : "power goes", (unsigned long long)n);
    m->cut = !kill;
    m->kill_in = kill ? n : 0;
    sim_disk_cut_at(m->disk, kill ? 0 : n);
}

static void do_break(struct crash_stream *t)
{
    if (t->m->o->faults && !t->m->faulty)
        crash_break_disk(t->m);
    else if (t->m->faulty && crash_one_in(t->m, 3))
        crash_heal(t->m);
}

static const struct crash_action actions[] = {
    {"append", do_append, 300},
    {"skip", do_skip, 8},
    {"remove", do_remove, 60},
    {"purge", do_purge, 8},
    {"compact", do_compact, 5},
    {"truncate", do_truncate, 4},
    {"deletes", do_sync_deletes, 3},
    {"update", do_update, 3},
    {"expire", do_expire, 8},
    {"commit", do_commit, 120},
    {"sync", do_sync, 8},
    {"maintain", do_maintain, 30},
    {"storage", do_storage, 90},
    {"consumer", do_consumer, 20},
    {"reopen", do_reopen, 5},
    {"destroy", do_destroy, 1},
    {"off", do_off, 4},
    {"arm", do_arm, 8},
    {"break", do_break, 8},
};
#define ACTIONS (sizeof actions / sizeof actions[0])

const struct crash_action *crash_pick(struct crash_world *m)
{
    unsigned total = 0;
    size_t i = 0;
    for (size_t k = 0; k < ACTIONS; k++)
        total += actions[k].weight;
    uint64_t pick = crash_below(m, total);
    for (; pick >= actions[i].weight; i++)
        pick -= actions[i].weight;
    return &actions[i];
}
