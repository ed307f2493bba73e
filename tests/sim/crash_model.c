#include "sim/crash_model.h"

#include "sim/crash_book.h"
#include "sim/sim_disk.h"
#include "store/consumer_store.h"
#include "store/file_store.h"
#include "store/files.h"
#include "store/format/stream_state.h"
#include "store/meta_file.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND      INT64_C(1000000000)
#define STREAMS_MAX 5
#define DATA_MAX    1200
#define SPAN_MAX    1500
#define CONSUMER    "C"
#define REPORT_MAX  400
#define MAY_MAX     8

struct model;

struct stream {
    struct model *m;
    struct crash_book book;
    struct store *s;
    struct file_store_options o;
    char dir[32], name[16], obs[64];
    int64_t msgs, bytes;       /* what `changed` has reported since it was opened, on top of the state then */
    bool failed;               /* a write has failed since the last judgement */
    bool hole;                 /* recovery has found damage with sound records behind it */
    uint64_t meta, meta_tried; /* number of the document that must be there, and of one that may be */
    bool destroying;           /* being removed: it may be gone */
    struct consumer_store *c;
    struct byte_buf
        may[MAY_MAX]; /* states that o.dat may hold: the last acknowledged, and what was tried since */
    size_t may_count;
    uint64_t dseq, sseq;
};

struct model {
    const struct crash_model_options *o;
    struct crash_model_counts *counts;
    struct sched *sched;
    struct sim_disk *disk;
    struct storage *storage;
    struct storage_options so;
    struct store_host host;
    struct stream stream[STREAMS_MAX];
    size_t streams;
    bool faulty;      /* rules are at work */
    bool tainted;     /* ... or have been since the last recovery */
    bool cut;         /* the power has gone, as opposed to the process only */
    uint64_t kill_in; /* calls until the process is killed; 0: never */
    int64_t now;
    uint64_t id, step;
    char *report;
};

/* ---- chance ---- */

static uint64_t below(struct model *m, uint64_t n)
{
    return sched_below(m->sched, n);
}

static bool one_in(struct model *m, uint64_t n)
{
    return below(m, n) == 0;
}

static void on_random(void *ctx, void *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = (uint8_t)sched_rand(ctx);
}

static void make_subject(struct model *m, char *out, bool filter)
{
    static const char *const literal[] = {"a", "b.1", "b.2", "c.x.y", "c.x.z"};
    static const char *const wild[] = {"", ">", "b.*", "c.>", "*"};
    strcpy(out, filter && one_in(m, 2) ? wild[below(m, 5)] : literal[below(m, 5)]);
}

static uint64_t make_seq(struct stream *t)
{
    struct store_state st;
    naive_state(&t->book.n, &st);
    uint64_t lo = st.first > 1 ? st.first - 1 : 0;
    return lo + below(t->m, st.last - lo + 2);
}

/* ---- trace ---- */

#define TRACE(m, ...)                            \
    do {                                         \
        if ((m)->o->trace != NULL)               \
            fprintf((m)->o->trace, __VA_ARGS__); \
    } while (0)

/* A process that is killed between a failed sync and its answer to it leaves bytes that are visible and will
 * never be written: nobody can tell. So where calls have failed the machine goes with it. */
static void switch_off(struct model *m, bool power)
{
    m->cut = power || m->tainted;
    (m->cut ? sim_disk_crash : sim_disk_kill)(m->disk);
}

/* Before every call of the disk. */
static void on_call(void *ctx, enum sim_disk_op op, const char *path, uint64_t bytes)
{
    static const char *const names[] = {"open", "close",   "read",   "write",  "truncate", "reserve",
                                        "sync", "stat",    "rename", "unlink", "mkdir",    "rmdir",
                                        "list", "syncdir", "lock",   "space"};
    struct model *m = ctx;
    if ((SIM_CHANGING_OPS & SIM_OP(op)) != 0)
        TRACE(m, "      %s %s %llu\n", names[op], path, (unsigned long long)bytes);
    if (m->kill_in > 0 && --m->kill_in == 0)
        switch_off(m, false);
}

static void on_log(void *ctx, int level, const char *line)
{
    struct stream *t = ctx;
    (void)level;
    t->hole |= strstr(line, "damaged bytes at offset") != NULL;
    /* The one is made up for by store_maintain, with the other the store was loaded anew. */
    if (strstr(line, "could not be enforced") != NULL || strstr(line, "was erased in spite of") != NULL)
        t->failed = t->book.frozen = true;
    TRACE(t->m, "    log: %s\n", line);
}

/* ---- hooks ---- */

static void on_changed(void *ctx, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    struct stream *t = ctx;
    (void)seq;
    (void)subject;
    t->msgs += msgs;
    t->bytes += bytes;
}

static void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    struct stream *t = ctx;
    crash_book_ack(&t->book, p.durable);
    if (rc == STORE_OK)
        return;
    TRACE(t->m, "    %s: failure: %s\n", t->name, store_rc_text(rc));
    t->failed = t->book.frozen = true;
}

static void on_wake(void *ctx)
{
    (void)ctx; /* the storage runs when the dice say so, or when somebody waits */
}

static void on_help(void *ctx)
{
    struct model *m = ctx;
    storage_run(m->storage);
}

/* ---- up and down ---- */

static slice meta_text(uint64_t number, char *buf)
{
    int n = sprintf(buf, "{\"name\":\"S\",\"number\":%llu}", (unsigned long long)number);
    return slice_make(buf, (size_t)n);
}

static bool is_disk_trouble(enum store_rc rc)
{
    return rc == STORE_IO || rc == STORE_NO_SPACE || rc == STORE_WRITE_FAILED;
}

static void wrong(struct stream *t, const char *what, enum store_rc rc)
{
    crash_fail(&t->book, "%s: %s", what, store_rc_text(rc));
}

/* meta.inf is one that was acknowledged, or the one in flight. */
static void check_meta(struct stream *t)
{
    struct model *m = t->m;
    struct meta_file f;
    struct hash_key sum = hash_key_of(t->o.name);
    char a[64], b[64];
    enum meta_fault fault = meta_read(sim_disk_base(m->disk), t->dir, &sum, true, &t->o.keys, t->o.name, &f);
    if (sim_disk_is_off(m->disk)) { /* the power went while it was read */
        meta_free(&f);
        return;
    }
    slice got = buf_view(&f.json);
    bool first = fault == META_GOOD && slice_eq(got, meta_text(t->meta, a));
    bool second = fault == META_GOOD && slice_eq(got, meta_text(t->meta_tried, b));
    if (!first && !second)
        crash_fail(&t->book, "meta.inf is wrong (%d): %.*s", (int)fault, (int)got.len, (const char *)got.ptr);
    if (second)
        t->meta = t->meta_tried;
    t->meta_tried = t->meta;
    meta_free(&f);
}

static void encode_consumer(const struct stream *t, struct byte_buf *out)
{
    out->len = 0;
    consumer_state_encode(consumer_store_state(t->c), SIM_EPOCH_NS, out);
}

/* The consumer's state is going to be written. false: too many are in doubt already. */
static bool consumer_tries(struct stream *t)
{
    if (t->may_count == MAY_MAX)
        return false;
    encode_consumer(t, &t->may[t->may_count++]);
    return true;
}

static bool may_be(const struct stream *t, const struct byte_buf *state)
{
    for (size_t i = 0; i < t->may_count; i++) {
        if (slice_eq(buf_view(state), buf_view(&t->may[i])))
            return true;
    }
    return t->may_count == 0;
}

static enum store_rc open_consumer(struct stream *t)
{
    struct consumer_store_options o = {.host = &t->m->host,
                                       .dir = t->obs,
                                       .stream = t->o.name,
                                       .name = SLICE_LIT(CONSUMER),
                                       .meta = SLICE_LIT("{\"name\":\"C\"}"),
                                       .keys = t->o.keys,
                                       .policy = {.ack = CONSUMER_ACK_EXPLICIT},
                                       .sync = true};
    char why[64];
    struct byte_buf got = {0};
    enum store_rc rc = consumer_store_open(&o, &t->c, why);
    if (rc != STORE_OK)
        return rc;
    encode_consumer(t, &got);
    if (!may_be(t, &got))
        crash_fail(&t->book, "the consumer's state is neither the old nor the new one");
    if (t->may_count == 0)
        consumer_tries(t);
    buf_free(&got);
    const struct consumer_state *st = consumer_store_state(t->c);
    t->dseq = st->delivered.consumer;
    t->sseq = st->delivered.stream;
    return STORE_OK;
}

static enum store_rc open_stream(struct stream *t)
{
    struct store_state st;
    char meta[64];
    t->o.now = t->m->now;
    t->o.limits = t->book.n.limits;
    t->o.meta = meta_text(t->meta, meta);
    enum store_rc rc = file_store_open(&t->o, &t->s);
    TRACE(t->m, "  open %s: %s\n", t->name, store_rc_text(rc));
    if (rc != STORE_OK) {
        t->s = NULL;
        return rc;
    }
    store_state(t->s, &st);
    t->msgs = (int64_t)st.msgs;
    t->bytes = (int64_t)st.bytes;
    t->failed = false;
    return open_consumer(t);
}

static void down(struct model *m)
{
    for (size_t i = 0; i < m->streams; i++) {
        struct stream *t = &m->stream[i];
        if (t->c != NULL)
            consumer_store_close(t->c, m->now);
        if (t->s != NULL)
            store_close(t->s, m->now);
        t->c = NULL;
        t->s = NULL;
    }
    if (m->storage != NULL) {
        while (storage_run(m->storage) || storage_poll(m->host.port) > 0) {
            if (sim_disk_is_off(m->disk) && storage_poll(m->host.port) == 0)
                break;
        }
        storage_port_free(m->host.port);
        storage_close(m->storage);
        store_cache_free(m->host.cache);
    }
    m->storage = NULL;
}

/* A stream whose removal was under way: without meta.inf nobody opens it again. STORE_NOT_FOUND: it was not
 * removed. */
static enum store_rc finish_removal(struct stream *t)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    struct disk *d = sim_disk_base(t->m->disk);
    files_path(path, t->dir, "meta.inf");
    int rc = t->destroying ? disk_stat(d, path, &st) : 0;
    if (rc == 0)
        return STORE_NOT_FOUND;
    return rc == -ENOENT ? files_remove_tree(d, t->dir) : files_rc(rc);
}

static void begin_anew(struct stream *t)
{
    crash_book_wipe(&t->book);
    t->meta = t->meta_tried = 1;
    t->may_count = 0;
    t->destroying = false;
}

/* false: something failed on the way; what was opened is closed again by `down`. */
static bool up(struct model *m)
{
    if (storage_open(&m->so, &m->storage) != 0) {
        m->storage = NULL;
        return false;
    }
    m->host = (struct store_host){.disk = m->so.disk,
                                  .port = storage_port_new(m->storage, NULL, NULL),
                                  .cache = store_cache_new(20000),
                                  .random = on_random,
                                  .random_ctx = m->sched};
    for (size_t i = 0; i < m->streams; i++) {
        struct stream *t = &m->stream[i];
        enum store_rc rc = finish_removal(t);
        if (rc == STORE_OK)
            begin_anew(t);
        if (rc == STORE_OK || rc == STORE_NOT_FOUND)
            rc = open_stream(t);
        if (rc == STORE_OK)
            continue;
        if (!is_disk_trouble(rc) || (!m->faulty && !sim_disk_is_off(m->disk)))
            wrong(t, "open", rc);
        return false;
    }
    return true;
}

static void heal(struct model *m)
{
    sim_disk_heal(m->disk);
    sim_disk_limit(m->disk, 0, 0);
    m->faulty = false;
}

/* Some calls are going to fail. */
static void break_disk(struct model *m)
{
    static const int errors[] = {-EIO, -ENOSPC, -EIO, -EMFILE};
    unsigned rules = 1 + (unsigned)below(m, 2);
    for (unsigned i = 0; i < rules; i++) {
        struct sim_disk_rule r = {.after = below(m, 12), .times = below(m, 4), .error = errors[below(m, 4)]};
        r.ops = one_in(m, 3) ? SIM_ALL_OPS & ~SIM_OP(SIM_CLOSE) : SIM_OP(below(m, SIM_OP_COUNT));
        r.one_in = one_in(m, 2) ? 0 : 1 + (unsigned)below(m, 6);
        sim_disk_fail(m->disk, r);
    }
    if (one_in(m, 6))
        sim_disk_limit(m->disk, sim_disk_used(m->disk) + below(m, 20000), 0);
    m->faulty = m->tainted = true;
    TRACE(m, "  faults from here on\n");
}

/* ---- judging ---- */

static void check_reported(struct stream *t)
{
    struct store_state st;
    store_state(t->s, &st);
    if ((uint64_t)t->msgs != st.msgs || (uint64_t)t->bytes != st.bytes)
        crash_fail(&t->book, "reported were %lld messages and %lld bytes, there are %llu and %llu",
                   (long long)t->msgs, (long long)t->bytes, (unsigned long long)st.msgs,
                   (unsigned long long)st.bytes);
}

static void judge(struct stream *t, bool power)
{
    bool weak = power && t->o.sync != STORE_SYNC_ALWAYS;
    struct crash_book *b = &t->book;
    uint64_t kill_in = t->m->kill_in;
    t->m->kill_in = 0; /* not while it is looked at */
    /* A group of records is one write, of which any part may have reached the disk. */
    crash_book_judge(b, t->s, weak ? b->synced : b->acked, !weak && !t->hole, weak);
    if (power || t->o.sync == STORE_SYNC_ALWAYS)
        b->synced = b->op;
    check_meta(t);
    check_reported(t);
    t->failed = t->destroying = t->hole = false;
    t->m->kill_in = kill_in;
    t->m->counts->judged++;
}

/* The store is what the book says; looking does not get it killed. */
static void look(struct stream *t)
{
    uint64_t kill_in = t->m->kill_in;
    t->m->kill_in = 0;
    crash_book_same(&t->book, t->s);
    t->m->kill_in = kill_in;
}

/* After a power cut or a kill: up again, possibly through further cuts and failures. */
static void recover(struct model *m)
{
    bool power = m->cut;
    unsigned tries = 0;
    m->kill_in = 0;
    down(m);
    heal(m);
    for (;;) {
        sim_disk_start(m->disk);
        m->tainted = false;
        bool again = tries++ < 3 && one_in(m, 3);
        if (again && m->o->faults && one_in(m, 2))
            break_disk(m);
        else if (again)
            sim_disk_cut_at(m->disk, 1 + below(m, 40));
        TRACE(m, "  up%s\n", again ? ", not for long" : "");
        bool ok = up(m);
        sim_disk_cut_at(m->disk, 0);
        heal(m);
        if (m->report[0] != 0)
            return;
        if (sim_disk_is_off(m->disk)) {
            m->counts->cuts_in_recovery++;
            power = true;
        } else if (ok) {
            break;
        } else { /* for the reason of switch_off */
            sim_disk_crash(m->disk);
            power = true;
        }
        down(m);
    }
    m->cut = false;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct stream *t = &m->stream[i];
        crash_book_begin(&t->book); /* opening removes what is too old */
        naive_expire(&t->book.n, m->now);
        crash_book_end(&t->book, true);
        crash_book_age(&t->book, m->now);
        judge(t, power);
    }
}

static void go_off(struct model *m, bool power)
{
    TRACE(m, "  %s\n", power ? "power cut" : "kill");
    switch_off(m, power);
}

/* The same is found again. */
static void recover_again(struct model *m)
{
    bool all_safe = true;
    for (size_t i = 0; i < m->streams; i++)
        all_safe = all_safe && m->stream[i].o.sync == STORE_SYNC_ALWAYS;
    go_off(m, all_safe && one_in(m, 2));
    bool power =
        m->cut; /* then what a limit has removed may come back: nothing but index.db may have known it */
    m->cut = false;
    down(m);
    sim_disk_start(m->disk);
    TRACE(m, "  up again\n");
    if (!up(m))
        crash_fail(&m->stream[0].book, "the second recovery fails");
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct stream *t = &m->stream[i];
        if (power || t->book.n.limits.max_per_subject > 0)
            judge(t, false);
        else
            look(t);
    }
}

static void after_loss(struct model *m)
{
    *(m->cut ? &m->counts->cuts : &m->counts->kills) += 1;
    recover(m);
    if (m->report[0] == 0 && one_in(m, 3))
        recover_again(m);
}

/* A write failed: with the disk well again the store says what is left. */
static void after_failure(struct stream *t)
{
    struct model *m = t->m;
    m->counts->failures++;
    t->book.frozen = true;
    for (uint64_t n = below(m, 4); m->faulty && n > 0; n--)
        store_maintain(t->s, m->now);
    if (sim_disk_is_off(m->disk))
        return;
    heal(m);
    enum store_rc rc = STORE_IO;
    for (int i = 0; i < 4 && rc != STORE_OK; i++) {
        rc = store_maintain(t->s, m->now);
        if (rc ==
            STORE_OK) /* a call may have been refused, and nothing else: what waits is in flight still */
            rc = store_sync_now(t->s);
    }
    TRACE(m, "    %s: healed: %s\n", t->name, store_rc_text(rc));
    if (sim_disk_is_off(m->disk))
        return;
    if (rc != STORE_OK)
        wrong(t, "a healed store", rc);
    else
        judge(t, false);
    t->book.synced = t->book.op;
}

/* ---- operations ---- */

static void done(struct stream *t)
{
    struct store_progress p;
    if (t->failed)
        return;
    store_progress(t->s, &p);
    crash_book_done(&t->book, p.written);
    crash_book_ack(&t->book, p.durable);
}

/* The real store's answer to an operation that the naive one has done. */
static void answer(struct stream *t, const char *what, enum store_rc got, enum store_rc want)
{
    struct model *m = t->m;
    TRACE(m, "    %s: operation %llu: %s: %s\n", t->name, (unsigned long long)t->book.op, what,
          store_rc_text(got));
    bool trouble = m->faulty || sim_disk_is_off(m->disk);
    if (trouble && is_disk_trouble(got))
        t->failed = t->book.frozen = true;
    else if (got != want && !t->failed)
        crash_fail(&t->book, "%s: %s, should be: %s", what, store_rc_text(got), store_rc_text(want));
    if (!t->failed && got == STORE_OK)
        done(t);
    else if (!t->failed)
        crash_book_done(&t->book, 0);
}

static void do_append(struct stream *t)
{
    struct model *m = t->m;
    struct naive_msg n = {.ts = m->now, .id = ++m->id};
    uint8_t data[DATA_MAX];
    make_subject(m, n.subject, false);
    n.data_len = one_in(m, 12) ? (size_t)below(m, DATA_MAX) : (size_t)below(m, 90);
    if (one_in(m, 4))
        sprintf(n.hdr, "NATS/1.0\r\nId: %llu\r\n\r\n", (unsigned long long)n.id);
    if (t->book.n.limits.allow_ttl && one_in(m, 5)) {
        n.ttl_s = 1 + (int64_t)below(m, 60);
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

static void do_skip(struct stream *t)
{
    uint64_t count = 1 + below(t->m, 5);
    crash_book_begin(&t->book);
    enum store_rc rc = naive_skip(&t->book.n, 0, count, t->m->now);
    crash_book_end(&t->book, false);
    answer(t, "skip", store_skip(t->s, 0, count, t->m->now), rc);
}

static void do_remove(struct stream *t)
{
    uint64_t seq = make_seq(t);
    enum store_remove_how how = (enum store_remove_how)below(t->m, 3);
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

static void do_purge(struct stream *t)
{
    struct model *m = t->m;
    char filter[NAIVE_SUBJECT_MAX] = "";
    if (!one_in(m, 4))
        make_subject(m, filter, true);
    uint64_t under = one_in(m, 2) ? make_seq(t) : 0, keep = under == 0 && one_in(m, 2) ? below(m, 6) : 0;
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

static void compact_to(struct stream *t, uint64_t seq)
{
    uint64_t got = 0;
    crash_book_begin(&t->book);
    naive_compact(&t->book.n, seq);
    crash_book_end(&t->book, false);
    TRACE(t->m, "    %s: compact to %llu\n", t->name, (unsigned long long)seq);
    answer(t, "compact", store_compact(t->s, seq, &got), STORE_OK);
}

static void do_compact(struct stream *t)
{
    compact_to(t, make_seq(t));
}

static void do_truncate(struct stream *t)
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

static void do_sync_deletes(struct stream *t)
{
    struct byte_buf b = {0};
    uint64_t first = 1 + make_seq(t), last = first + below(t->m, 20);
    stream_state_put_run(&b, first, last - first + 1);
    crash_book_begin(&t->book);
    naive_drop_range(&t->book.n, first, last);
    crash_book_end(&t->book, false);
    TRACE(t->m, "    %s: sync deletes %llu to %llu\n", t->name, (unsigned long long)first,
          (unsigned long long)last);
    answer(t, "sync deletes", store_sync_deletes(t->s, buf_view(&b)), STORE_OK);
    buf_free(&b);
}

static void do_update(struct stream *t)
{
    struct model *m = t->m;
    struct store_limits l = t->book.n.limits, old = l;
    char text[64];
    if (l.max_msgs > 4 && one_in(m, 2)) /* limits that grow would let old messages come back */
        l.max_msgs--;
    crash_book_begin(&t->book);
    naive_update(&t->book.n, &l, m->now);
    crash_book_end(&t->book, true);
    t->meta_tried = t->meta + 1;
    enum store_rc rc = store_update(t->s, &l, meta_text(t->meta_tried, text), m->now);
    answer(t, "update", rc, STORE_OK);
    if (rc == STORE_OK)
        t->meta = t->meta_tried;
    else
        t->book.n.limits = old;
}

static void do_expire(struct stream *t)
{
    int64_t due;
    crash_book_begin(&t->book);
    naive_expire(&t->book.n, t->m->now);
    crash_book_end(&t->book, true);
    answer(t, "expire", store_expire(t->s, t->m->now, SIZE_MAX, &due), STORE_OK);
}

static void do_commit(struct stream *t)
{
    crash_book_begin(&t->book);
    answer(t, "commit", store_commit(t->s), STORE_OK);
}

static void do_sync(struct stream *t)
{
    crash_book_begin(&t->book);
    uint64_t op = t->book.op;
    answer(t, "sync", store_sync_now(t->s), STORE_OK);
    if (!t->failed)
        t->book.synced = op;
}

static void do_maintain(struct stream *t)
{
    crash_book_begin(&t->book);
    answer(t, "maintain", store_maintain(t->s, t->m->now), STORE_OK);
}

static void do_storage(struct stream *t)
{
    struct model *m = t->m;
    if (one_in(m, 4))
        storage_poll(m->host.port);
    storage_run(m->storage);
    if (!one_in(m, 4))
        storage_poll(m->host.port);
}

/* ---- consumers ---- */

static void consumer_answer(struct stream *t, const char *what, enum store_rc rc)
{
    struct model *m = t->m;
    TRACE(m, "    %s: consumer %s: %s\n", t->name, what, store_rc_text(rc));
    if (rc == STORE_OK) {
        t->may_count = 0;
        consumer_tries(t);
    } else if (!(is_disk_trouble(rc) && (m->faulty || sim_disk_is_off(m->disk)))) {
        wrong(t, what, rc);
    }
}

static void do_consumer(struct stream *t)
{
    struct model *m = t->m;
    if (t->may_count == MAY_MAX)
        return;
    for (uint64_t n = below(m, 4); n > 0; n--) {
        struct consumer_delivery d = {.dseq = t->dseq + 1, .sseq = t->sseq + 1, .count = 1};
        d.ts = m->now / SECOND * SECOND;
        if (consumer_store_delivered(t->c, &d) == STORE_OK) {
            t->dseq++;
            t->sseq++;
        }
    }
    if (t->dseq > 0 && one_in(m, 2)) {
        uint64_t at = 1 + below(m, t->dseq);
        (void)consumer_store_acked(t->c, at, at + t->sseq - t->dseq);
    }
    bool reset = one_in(m, 10);
    if (reset) {
        t->sseq = make_seq(t);
        t->dseq = 0;
    }
    if (!reset)
        consumer_tries(t);
    int64_t due;
    uint64_t calls = sim_disk_counts(m->disk)->changing;
    enum store_rc rc =
        reset ? consumer_store_reset(t->c, t->sseq, m->now) : consumer_store_flush(t->c, m->now, &due);
    if (reset)
        consumer_tries(t);
    if (rc == STORE_OK && sim_disk_counts(m->disk)->changing == calls)
        t->may_count--; /* too soon, or nothing to write */
    else
        consumer_answer(t, reset ? "reset" : "flush", rc);
}

/* ---- life ---- */

static void do_reopen(struct stream *t)
{
    struct model *m = t->m;
    if (m->faulty || !consumer_tries(t))
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
    bool failed = t->failed && is_disk_trouble(rc); /* before the disk was well again */
    if ((rc != STORE_OK && !failed) || !well)
        wrong(t, "close", rc);
    if (!failed)
        t->book.synced = t->book.acked = op;
    rc = open_stream(t);
    if (sim_disk_is_off(m->disk))
        return;
    if (rc != STORE_OK)
        wrong(t, "open after close", rc);
    else if (failed)
        judge(t, false);
    else
        look(t);
}

static void do_destroy(struct stream *t)
{
    struct model *m = t->m;
    if (m->faulty || !consumer_tries(t))
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
        wrong(t, "destroy", rc);
    begin_anew(t);
    rc = open_stream(t);
    if (rc != STORE_OK && !sim_disk_is_off(m->disk))
        wrong(t, "open after destroy", rc);
}

static void do_off(struct stream *t)
{
    go_off(t->m, !one_in(t->m, 3));
}

static void do_arm(struct stream *t)
{
    struct model *m = t->m;
    uint64_t n = 1 + below(m, one_in(m, 3) ? 60 : 12);
    bool kill = one_in(m, 3);
    TRACE(m, "  %s in %llu calls\n", kill ? "killed" : "power goes", (unsigned long long)n);
    m->cut = !kill;
    m->kill_in = kill ? n : 0;
    sim_disk_cut_at(m->disk, kill ? 0 : n);
}

static void do_break(struct stream *t)
{
    if (t->m->o->faults && !t->m->faulty)
        break_disk(t->m);
    else if (t->m->faulty && one_in(t->m, 3))
        heal(t->m);
}

static const struct action {
    const char *name;
    void (*run)(struct stream *t);
    unsigned weight;
} actions[] = {
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

/* ---- the run ---- */

static struct store_limits make_limits(struct model *m)
{
    struct store_limits l = {.discard = one_in(m, 4) ? STORE_DISCARD_NEW : STORE_DISCARD_OLD};
    if (one_in(m, 3))
        l.max_msgs = 5 + (int64_t)below(m, 60);
    if (one_in(m, 4))
        l.max_bytes = 1500 + (int64_t)below(m, 9000);
    if (one_in(m, 4))
        l.max_per_subject = 1 + (int64_t)below(m, 8);
    if (one_in(m, 4))
        l.max_age_ns = (10 + (int64_t)below(m, 300)) * SECOND;
    l.allow_ttl = one_in(m, 3);
    return l;
}

static void make_stream(struct model *m, size_t i)
{
    struct stream *t = &m->stream[i];
    struct store_limits l = one_in(m, 3) ? (struct store_limits){0} : make_limits(m);
    t->m = m;
    sprintf(t->name, "S%zu", i);
    crash_book_init(&t->book, t->name, &l, m->report, REPORT_MAX);
    sprintf(t->dir, "/js/S%zu", i);
    sprintf(t->obs, "%s/obs/%s", t->dir, CONSUMER);
    t->meta = t->meta_tried = 1;
    t->o = (struct file_store_options){
        .host = &m->host,
        .dir = t->dir,
        .name = slice_str(t->name),
        .hooks = {.ctx = t, .changed = on_changed, .progress = on_progress, .log = on_log},
        .block_size = 300 + below(m, 3000),
        .compress = one_in(m, 2),
        .sync = one_in(m, 4) ? (enum store_sync)below(m, 3) : STORE_SYNC_ALWAYS,
        .track_subjects = true};
    if (one_in(m, 3))
        t->o.keys = (struct store_keys){.key = SLICE_LIT("secret"),
                                        .cipher = one_in(m, 2) ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                                        .info = SLICE_LIT("ACC")};
    TRACE(m,
          "%s: max msgs %lld bytes %lld age %lld per subject %lld, discard %d, ttl %d, block %llu, compress "
          "%d, "
          "sync %d, keys %d\n",
          t->name, (long long)l.max_msgs, (long long)l.max_bytes, (long long)l.max_age_ns,
          (long long)l.max_per_subject, (int)l.discard, l.allow_ttl, (unsigned long long)t->o.block_size,
          t->o.compress, (int)t->o.sync, t->o.keys.key.len > 0);
}

static void step(struct model *m)
{
    struct stream *t = &m->stream[below(m, m->streams)];
    unsigned total = 0;
    size_t i = 0;
    for (size_t k = 0; k < ACTIONS; k++)
        total += actions[k].weight;
    uint64_t pick = below(m, total);
    for (; pick >= actions[i].weight; i++)
        pick -= actions[i].weight;
    m->now += one_in(m, 40) ? (int64_t)below(m, 100) * SECOND : (int64_t)below(m, 200) * (SECOND / 1000);
    TRACE(m, "step %llu: %s %s\n", (unsigned long long)m->step, actions[i].name, t->name);
    actions[i].run(t);
    m->counts->ops++;
    const struct naive_store *n = &t->book.n;
    if (t->s != NULL && !t->failed && n->count > 0 && n->last - n->msg[0].seq > SPAN_MAX)
        compact_to(t, n->last - SPAN_MAX / 2);
    if (sim_disk_is_off(m->disk)) {
        after_loss(m);
        return;
    }
    for (size_t k = 0; k < m->streams && m->report[0] == 0; k++) {
        if (!m->stream[k].failed)
            continue;
        after_failure(&m->stream[k]);
        k = (size_t)-1; /* it may have run another one's job into a failure */
        if (sim_disk_is_off(m->disk)) {
            after_loss(m);
            return;
        }
    }
    if (!m->faulty && m->report[0] == 0 && t->s != NULL && one_in(m, 20))
        look(t);
}

bool crash_model_run(const struct crash_model_options *o, struct crash_model_counts *counts, char *report,
                     size_t cap)
{
    char what[REPORT_MAX] = "";
    struct model m = {
        .o = o, .counts = counts, .sched = sched_new(o->seed), .now = SIM_EPOCH_NS, .report = what};
    m.disk = sim_disk_new(m.sched);
    sim_disk_mkdirs(m.disk, "/js");
    sim_disk_on_call(m.disk, on_call, &m);
    m.so = (struct storage_options){.disk = sim_disk_base(m.disk),
                                    .dir = "/js",
                                    .journal_above = 1 + (unsigned)below(&m, 2),
                                    .journal_bytes = 2000 + below(&m, 20000),
                                    .wake = on_wake,
                                    .wake_ctx = &m,
                                    .help = on_help};
    m.streams = 1 + (size_t)below(&m, STREAMS_MAX);
    for (size_t i = 0; i < m.streams; i++)
        make_stream(&m, i);
    if (!up(&m))
        abort();
    for (m.step = 1; m.step <= o->ops && what[0] == 0; m.step++)
        step(&m);
    TRACE(&m, "finish: %s\n", what);
    m.kill_in = 0;
    sim_disk_cut_at(m.disk, 0);
    heal(&m);
    down(&m);
    for (size_t i = 0; i < m.streams; i++) {
        struct stream *t = &m.stream[i];
        crash_book_free(&t->book);
        for (size_t k = 0; k < MAY_MAX; k++)
            buf_free(&t->may[k]);
    }
    if (what[0] != 0)
        snprintf(report, cap, "step %llu: %s", (unsigned long long)m.step - 1, what);
    else if (cap > 0)
        report[0] = 0;
    sim_disk_free(m.disk);
    sched_free(m.sched);
    return what[0] == 0;
}
