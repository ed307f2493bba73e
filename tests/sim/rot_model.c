#include "sim/rot_model.h"

#include "sim/crash_book.h"
#include "sim/rot_layout.h"
#include "sim/sim_disk.h"
#include "store/consumer_store.h"
#include "store/files.h"

#include <stdarg.h>
#include <stdlib.h>

#define SECOND      INT64_C(1000000000)
#define STREAMS_MAX 3
#define DATA_MAX    700
#define REPORT_MAX  400
#define RANGES_MAX  4096

/* A message that was stored once. */
struct fate {
    struct naive_msg m;
    bool live;
    bool fresh; /* it came or went since the stores were opened: the journal alone may know */
    bool hit;   /* its record was hit: it may be gone, */
    bool named; /* ... and told as another one: its sequence was hit */
    bool fuzzy; /* it may be there or not: damage has taken it, or the tombstone that it had */
    bool seen;
};

struct stream {
    struct model *m;
    struct naive_store n; /* what is there */
    struct fate *fate;    /* by rising sequence */
    size_t fates, cap;
    struct store *s;
    struct file_store_options o;
    struct consumer_store *c;
    struct byte_buf c_state; /* as it was closed */
    char name[8], dir[16], obs[32];
    struct rot_layout layout;
    bool block_hit, index_hit, o_dat_hit;
    uint64_t old_last; /* when it was opened */
    bool scarred;      /* blocks were hit before: index.db may have been all that told of the last sequence */
    struct store_lost lost[RANGES_MAX]; /* reported since the store was opened */
    size_t lost_count;
};

/* How the stores went down. */
enum way { WAY_CLOSE, WAY_KILL, WAY_POWER };

struct model {
    const struct rot_model_options *o;
    struct rot_model_counts *counts;
    struct sched *sched;
    struct sim_disk *disk;
    struct storage *storage;
    struct storage_options so;
    struct store_host host;
    struct stream stream[STREAMS_MAX];
    size_t streams;
    enum way way;
    bool journal_hit;
    bool read_rot; /* reads return flipped bits, or have in this life */
    int64_t now;
    uint64_t id, round;
    char report[REPORT_MAX];
};

static uint64_t below(struct model *m, uint64_t n)
{
    return sched_below(m->sched, n);
}

static bool one_in(struct model *m, uint64_t n)
{
    return below(m, n) == 0;
}

#define TRACE(m, ...)                            \
    do {                                         \
        if ((m)->o->trace != NULL)               \
            fprintf((m)->o->trace, __VA_ARGS__); \
    } while (0)

static void fail(struct stream *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct stream *t, const char *fmt, ...)
{
    struct model *m = t->m;
    if (m->report[0] != 0)
        return;
    int n = snprintf(m->report, REPORT_MAX, "round %llu: %s: ", (unsigned long long)m->round, t->name);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->report + n, REPORT_MAX - (size_t)n, fmt, ap);
    va_end(ap);
}

static void want_ok(struct stream *t, const char *what, enum store_rc rc)
{
    TRACE(t->m, "  %s: %s: %s\n", t->name, what, store_rc_text(rc));
    if (rc != STORE_OK)
        fail(t, "%s: %s", what, store_rc_text(rc));
}

/* ---- hooks ---- */

static void on_random(void *ctx, void *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = (uint8_t)sched_rand(ctx);
}

static void on_log(void *ctx, int level, const char *line)
{
    struct stream *t = ctx;
    (void)level;
    TRACE(t->m, "    log: %s\n", line);
}

static void on_lost(void *ctx, struct store_lost what)
{
    struct stream *t = ctx;
    TRACE(t->m, "    %s: lost %llu to %llu, %llu bytes\n", t->name, (unsigned long long)what.first,
          (unsigned long long)what.last, (unsigned long long)what.bytes);
    if (t->lost_count < RANGES_MAX)
        t->lost[t->lost_count++] = what;
    else
        fail(t, "too many reports of lost messages");
}

static void on_wake(void *ctx)
{
    (void)ctx;
}

static void on_help(void *ctx)
{
    storage_run(((struct model *)ctx)->storage);
}

/* ---- work ---- */

/* Who lives now, after the naive store has done an operation. */
static void settle_fates(struct stream *t)
{
    for (size_t i = 0; i < t->fates; i++) {
        struct fate *f = &t->fate[i];
        bool lives = naive_find(&t->n, f->m.seq) != NULL;
        if (f->live && !lives) {
            f->live = f->fuzzy = false; /* it was there, so that now it is gone for sure */
            f->fresh = true;
        }
    }
}

static void do_append(struct stream *t)
{
    static const char *const subjects[] = {"a", "b.1", "b.2", "c.x.y"};
    struct model *m = t->m;
    struct naive_msg n = {.ts = m->now, .id = ++m->id};
    uint8_t data[DATA_MAX];
    strcpy(n.subject, subjects[below(m, 4)]);
    n.data_len = (size_t)below(m, one_in(m, 10) ? DATA_MAX : 90);
    if (one_in(m, 4))
        sprintf(n.hdr, "NATS/1.0\r\nId: %llu\r\n\r\n", (unsigned long long)n.id);
    crash_data(&n, data);
    struct store_append a = {.ts = n.ts,
                             .subject = slice_str(n.subject),
                             .hdr = slice_str(n.hdr),
                             .data = slice_make(data, n.data_len)};
    uint64_t got = 0;
    naive_append(&t->n, &n, false, false, &n.seq);
    want_ok(t, "append", store_append(t->s, &a, m->now, &got));
    if (got != n.seq)
        fail(t, "append got %llu, should be %llu", (unsigned long long)got, (unsigned long long)n.seq);
    if (t->fates == t->cap) {
        t->cap = t->cap * 2 + 64;
        t->fate = realloc(t->fate, t->cap * sizeof t->fate[0]);
        if (t->fate == NULL)
            abort();
    }
    t->fate[t->fates++] = (struct fate){.m = n, .live = true, .fresh = true};
}

static uint64_t some_seq(struct stream *t)
{
    return t->n.count > 0 ? t->n.msg[below(t->m, t->n.count)].seq : 0;
}

static void do_remove(struct stream *t)
{
    uint64_t seq = one_in(t->m, 4) ? t->n.last : some_seq(t);
    bool removed, want, erase = one_in(t->m, 3);
    if (naive_find(&t->n, seq) == NULL)
        return;
    naive_remove(&t->n, seq, &want);
    TRACE(t->m, "  %s: %llu\n", t->name, (unsigned long long)seq);
    want_ok(t, erase ? "erase" : "remove",
            store_remove(t->s, seq, erase ? STORE_REMOVE_ERASE : STORE_REMOVE, &removed));
    settle_fates(t);
}

static void do_skip(struct stream *t)
{
    uint64_t count = 1 + below(t->m, 4);
    naive_skip(&t->n, 0, count, t->m->now);
    want_ok(t, "skip", store_skip(t->s, 0, count, t->m->now));
}

static void do_purge(struct stream *t)
{
    static const char *const filters[] = {"a", "b.*", "b.2", ">"};
    const char *filter = filters[below(t->m, one_in(t->m, 4) ? 4 : 3)];
    uint64_t purged;
    naive_purge(&t->n, filter, 0, 0);
    want_ok(t, "purge", store_purge(t->s, slice_str(filter), 0, 0, &purged));
    settle_fates(t);
}

static void do_compact(struct stream *t)
{
    uint64_t purged, seq = some_seq(t);
    if (seq == 0)
        return;
    naive_compact(&t->n, seq);
    TRACE(t->m, "  %s: %llu\n", t->name, (unsigned long long)seq);
    want_ok(t, "compact", store_compact(t->s, seq, &purged));
    settle_fates(t);
}

static void do_consumer(struct stream *t)
{
    const struct consumer_state *st = consumer_store_state(t->c);
    struct consumer_delivery d = {
        .dseq = st->delivered.consumer + 1, .sseq = st->delivered.stream + 1, .count = 1};
    d.ts = t->m->now / SECOND * SECOND;
    (void)consumer_store_delivered(t->c, &d); /* refused where damage has made a strange state */
    if (one_in(t->m, 2))
        (void)consumer_store_acked(t->c, d.dseq, d.sseq);
}

/* All together: then the journal takes the sync. */
static void do_commit(struct model *m)
{
    for (size_t i = 0; i < m->streams; i++)
        want_ok(&m->stream[i], "commit", store_commit(m->stream[i].s));
    storage_run(m->storage);
    storage_poll(m->host.port);
}

static void work(struct model *m)
{
    for (uint64_t n = 5 + below(m, 60); n > 0 && m->report[0] == 0; n--) {
        struct stream *t = &m->stream[below(m, m->streams)];
        uint64_t dice = below(m, 100);
        m->now += (int64_t)below(m, 200) * (SECOND / 1000);
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
            want_ok(t, "maintain", store_maintain(t->s, m->now));
        else if (dice < 92)
            do_consumer(t);
        else if (dice < 97)
            do_commit(m);
        else
            want_ok(t, "sync", store_sync_now(t->s));
    }
}

/* ---- damage ---- */

static void free_stream_life(struct stream *t)
{
    rot_layout_free(&t->layout);
    t->block_hit = t->index_hit = t->o_dat_hit = false;
}

static struct fate *fate_of(struct stream *t, uint64_t seq)
{
    for (size_t i = 0; i < t->fates; i++) {
        if (t->fate[i].m.seq == seq)
            return &t->fate[i];
    }
    return NULL;
}

/* The record was hit: what it told may be forgotten. */
static void hit_record(struct stream *t, const struct rot_record *r)
{
    struct fate *f = fate_of(t, r->seq);
    for (size_t i = 0; i < t->layout.count; i++) {
        struct rot_record *mine = &t->layout.record[i];
        mine->hit |= mine->block == r->block && mine->seq == r->seq && mine->kind == r->kind;
    }
    TRACE(t->m, "    %s: hit: block %u, kind %d, sequence %llu\n", t->name, r->block, (int)r->kind,
          (unsigned long long)r->seq);
    if (f != NULL && r->kind == RECORD_MESSAGE)
        f->hit = true;
    else if (f != NULL && !f->live)
        f->fuzzy = true;
}

static void hit_block(struct stream *t, const struct rot_layout *l, uint32_t block, uint64_t at, bool all)
{
    t->block_hit = true;
    for (size_t i = 0; i < l->count; i++) {
        const struct rot_record *r = &l->record[i];
        if (r->block != block || (!all && (at < r->at || at - r->at >= r->size)))
            continue;
        hit_record(t, r);
        struct fate *f = fate_of(t, r->seq);
        if (f != NULL && at - r->at >= 4 && at - r->at < 12)
            f->named = true;
    }
}

/* Where a length was damaged only sound records that lead to the end are believed: behind it nothing is where
 * more was hit. */
static void hit_behind(struct stream *t)
{
    struct rot_layout *l = &t->layout;
    for (size_t i = 0, end; i < l->count; i = end) {
        size_t hits = 0, first = i;
        for (end = i; end < l->count && l->record[end].block == l->record[i].block; end++) {
            if (l->record[end].hit && hits++ == 0)
                first = end;
        }
        for (size_t k = first; hits > 1 && k < end; k++)
            hit_record(t, &l->record[k]);
    }
}

/* Behind damage of an earlier life only sound records that lead to the end are believed, too: what is not
 * found before more is hit may be gone afterwards. */
static void hit_unfound(struct stream *t)
{
    const struct rot_layout *l = &t->layout;
    for (size_t i = 0; l->broken && i < t->fates; i++) {
        size_t k = 0;
        while (k < l->count && (l->record[k].kind != RECORD_MESSAGE || l->record[k].seq != t->fate[i].m.seq))
            k++;
        t->fate[i].hit |= k == l->count;
    }
}

/* The journal was all that had some of what is fresh, and of the tombstones that were written again. */
static void hit_fresh(struct stream *t)
{
    for (size_t i = 0; i < t->fates; i++) {
        struct fate *f = &t->fate[i];
        f->hit |= f->fresh && f->live;
        f->fuzzy |= !f->live;
    }
}

/* A bit of this file is going to be wrong; what lies where in blocks says the file itself, or the layout of
 * before. false: not that one, nothing could notice it. */
static bool hit(struct model *m, const char *path, uint64_t at, bool from_file)
{
    bool spared = false;
    TRACE(m, "    flip in %s at %llu\n", path, (unsigned long long)at);
    for (size_t i = 0; i < m->streams; i++) {
        struct stream *t = &m->stream[i];
        size_t n = strlen(t->dir);
        struct rot_layout now = {0};
        uint32_t block = rot_block_number(path, ".blk"), key = rot_block_number(path, ".key");
        if (strncmp(path, t->dir, n) != 0 || path[n] != '/')
            continue;
        if (from_file && block != 0)
            rot_layout_block(&now, sim_disk_base(m->disk), &t->o, block);
        spared = block != 0 && rot_layout_is_blind(from_file ? &now : &t->layout, block, at);
        if (!spared && (block != 0 || key != 0))
            hit_block(t, from_file ? &now : &t->layout, block != 0 ? block : key, at, block == 0);
        if (key != 0 && m->way == WAY_POWER) /* what the journal has of it can not be put there either */
            hit_fresh(t);
        t->index_hit |= strstr(path, "/index.db") != NULL;
        t->o_dat_hit |= strstr(path, "/o.dat") != NULL;
        rot_layout_free(&now);
    }
    m->journal_hit |= strstr(path, "/midge.journal.") != NULL;
    return !spared;
}

static bool on_read_rot(void *ctx, const char *path, uint64_t at)
{
    struct model *m = ctx;
    bool spared = !hit(m, path, at, true);
    m->counts->read_flips += !spared;
    return !spared;
}

static void rot(struct model *m)
{
    static const char *const patterns[] = {"*/msgs/*.blk", "*/msgs/index.db", "*/o.dat", "*/midge.journal.*",
                                           "*/msgs/*.key"};
    for (size_t i = 0; i < m->streams; i++) {
        struct rot_layout *l = &m->stream[i].layout;
        rot_layout_store(l, sim_disk_base(m->disk), &m->stream[i].o);
        for (size_t k = 0; k < l->count; k++)
            TRACE(m, "    %s: block %u at %llu, %llu bytes: kind %d, sequence %llu\n", m->stream[i].name,
                  l->record[k].block, (unsigned long long)l->record[k].at,
                  (unsigned long long)l->record[k].size, (int)l->record[k].kind,
                  (unsigned long long)l->record[k].seq);
    }
    m->read_rot = one_in(m, 4);
    if (m->read_rot) {
        sim_disk_rot_reads(m->disk, patterns[below(m, 2) == 0 ? 0 : below(m, 4)], 8 + (unsigned)below(m, 30),
                           on_read_rot, m);
        return;
    }
    for (uint64_t n = below(m, 5); n > 0; n--) {
        char path[DISK_PATH_MAX];
        uint64_t at, dice = below(m, 16);
        const char *pattern = patterns[dice < 8 ? 0 : dice < 15 ? 1 + (dice - 8) % 3 : 4];
        if (!sim_disk_pick(m->disk, pattern, path, &at) || !hit(m, path, at, false))
            continue;
        m->counts->flips++;
        sim_disk_flip(m->disk, path, at, (uint8_t)(one_in(m, 2) ? 1u << below(m, 8) : 1 + below(m, 255)));
    }
    for (size_t i = 0; i < m->streams; i++) {
        hit_behind(&m->stream[i]);
        hit_unfound(&m->stream[i]);
    }
}

/* ---- up and down ---- */

static void open_consumer(struct stream *t)
{
    struct consumer_store_options o = {.host = &t->m->host,
                                       .dir = t->obs,
                                       .stream = t->o.name,
                                       .name = SLICE_LIT("C"),
                                       .meta = SLICE_LIT("{\"name\":\"C\"}"),
                                       .keys = t->o.keys,
                                       .policy = {.ack = CONSUMER_ACK_EXPLICIT},
                                       .sync = true};
    char why[64], path[DISK_PATH_MAX];
    struct byte_buf got = {0};
    enum store_rc rc = consumer_store_open(&o, &t->c, why);
    if (t->o_dat_hit && t->m->read_rot)
        sim_disk_rot_reads(t->m->disk, "", 0, NULL, NULL);
    if (rc == STORE_BAD_STATE && t->o_dat_hit) {
        files_path(path, t->obs, "o.dat");
        struct disk_stat st;
        if (disk_stat(t->m->so.disk, path, &st) < 0)
            fail(t, "an o.dat that can not be read is gone");
        if (!t->m->read_rot && consumer_store_open(&o, &t->c, why) != STORE_BAD_STATE)
            fail(t, "an o.dat that could not be read can be now");
        if (!t->m->read_rot && disk_unlink(t->m->so.disk, path) < 0)
            fail(t, "o.dat can not be removed");
        rc = consumer_store_open(&o, &t->c, why);
    }
    if (rc != STORE_OK) {
        t->c = NULL;
        want_ok(t, "open consumer", rc);
        return;
    }
    if (t->o_dat_hit) { /* no checksum: it may be any state, also one that is of no use */
        want_ok(t, "remove consumer", consumer_store_destroy(t->c));
        t->c = NULL;
        t->o_dat_hit = false;
        t->c_state.len = 0;
        open_consumer(t);
        return;
    }
    consumer_state_encode(consumer_store_state(t->c), SIM_EPOCH_NS, &got);
    if (!t->o_dat_hit && t->c_state.len > 0 && !slice_eq(buf_view(&got), buf_view(&t->c_state)))
        fail(t, "the consumer's state is another one");
    buf_free(&got);
}

static bool up(struct model *m)
{
    int rc = storage_open(&m->so, &m->storage);
    if (rc != 0) {
        m->storage = NULL;
        fail(&m->stream[0], "the storage does not open: %d", rc);
        return false;
    }
    m->host = (struct store_host){.disk = m->so.disk,
                                  .port = storage_port_new(m->storage, NULL, NULL),
                                  .cache = store_cache_new(20000),
                                  .random = on_random,
                                  .random_ctx = m->sched};
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct stream *t = &m->stream[i];
        t->lost_count = 0;
        t->o.now = m->now;
        enum store_rc opened = file_store_open(&t->o, &t->s);
        if (opened != STORE_OK)
            t->s = NULL;
        want_ok(t, "open", opened);
        if (opened == STORE_OK)
            open_consumer(t);
    }
    return m->report[0] == 0;
}

static void close_all(struct model *m)
{
    bool dead = sim_disk_is_off(m->disk);
    for (size_t i = 0; i < m->streams; i++) {
        struct stream *t = &m->stream[i];
        enum store_rc rc = t->c == NULL ? STORE_OK : consumer_store_close(t->c, m->now);
        if (!dead)
            want_ok(t, "close consumer", rc);
        rc = t->s == NULL ? STORE_OK : store_close(t->s, m->now);
        if (!dead)
            want_ok(t, "close", rc);
        t->c = NULL;
        t->s = NULL;
    }
    if (m->storage == NULL)
        return;
    storage_poll(m->host.port);
    storage_port_free(m->host.port);
    storage_close(m->storage);
    store_cache_free(m->host.cache);
    m->storage = NULL;
}

/* Everything is acknowledged when they go. */
static void down(struct model *m)
{
    m->way = (enum way)below(m, 3);
    m->now += SECOND;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct stream *t = &m->stream[i];
        /* A commit of all together uses the journal. */
        for (size_t k = 0; k < m->streams; k++)
            want_ok(t, "commit", store_commit(m->stream[k].s));
        want_ok(t, "sync", store_sync_now(t->s));
        want_ok(t, "flush", consumer_store_flush(t->c, m->now, NULL));
        t->c_state.len = 0;
        consumer_state_encode(consumer_store_state(t->c), SIM_EPOCH_NS, &t->c_state);
    }
    TRACE(m, "%s\n", m->way == WAY_CLOSE ? "close" : m->way == WAY_KILL ? "kill" : "power cut");
    if (m->way == WAY_KILL)
        sim_disk_kill(m->disk);
    else if (m->way == WAY_POWER)
        sim_disk_crash(m->disk);
    close_all(m);
    sim_disk_start(m->disk);
}

/* ---- judging ---- */

static bool same_bytes(const struct store_msg *got, const struct naive_msg *want)
{
    uint8_t data[DATA_MAX];
    crash_data(want, data);
    return slice_eq(got->data, slice_make(data, want->data_len)) && got->ts == want->ts &&
           slice_eq(got->subject, slice_str(want->subject)) && slice_eq(got->hdr, slice_str(want->hdr));
}

static bool is_reported(const struct stream *t, const struct fate *f)
{
    for (size_t i = 0; i < t->lost_count; i++) {
        const struct store_lost *l = &t->lost[i];
        if (f->named || l->first == 0 || (l->first <= f->m.seq && f->m.seq <= l->last))
            return true;
    }
    return false;
}

/* What the store says in the end is lost is not there. */
static void judge_lost(struct stream *t)
{
    struct store_lost lost[RANGES_MAX];
    size_t count;
    uint64_t bytes;
    want_ok(t, "lost", store_lost_data(t->s, lost, RANGES_MAX, &count, &bytes));
    for (size_t i = 0; i < count && i < RANGES_MAX; i++) {
        for (size_t k = 0; k < t->fates; k++) {
            const struct fate *f = &t->fate[k];
            if (f->seen && f->m.seq >= lost[i].first && f->m.seq <= lost[i].last)
                fail(t, "message %llu is told as lost and is there", (unsigned long long)f->m.seq);
        }
    }
}

/* One message; *missing: the store may still count it. */
static void judge_message(struct stream *t, struct fate *f, bool *missing)
{
    struct model *m = t->m;
    bool by_journal = m->journal_hit && m->way == WAY_POWER; /* which knows of nothing behind its damage */
    struct store_msg got;
    unsigned long long seq = f->m.seq;
    enum store_rc rc = store_load(t->s, f->m.seq, &got);
    f->seen = rc == STORE_OK;
    *missing = false;
    if (rc != STORE_OK && rc != STORE_NOT_FOUND && rc != STORE_EOF)
        fail(t, "load of %llu: %s", seq, store_rc_text(rc));
    else if (f->seen && !same_bytes(&got, &f->m))
        fail(t, "message %llu is another one (%.*s, %zu of %zu bytes of headers, %zu of %zu of data)", seq,
             (int)got.subject.len, (const char *)got.subject.ptr, got.hdr.len, strlen(f->m.hdr), got.data.len,
             f->m.data_len);
    else if (f->seen && !f->live && !f->fuzzy)
        fail(t, "message %llu was removed and is back", seq);
    else if (!f->seen && f->live && !f->hit && !f->fuzzy)
        fail(t, "message %llu was not hit and is lost", seq);
    else if (!f->seen && f->live && !f->fuzzy && !by_journal && !is_reported(t, f))
        fail(t, "message %llu is lost and not reported", seq);
    *missing = !f->seen && (f->hit || f->fuzzy);
    m->counts->lost += !f->seen && f->live;
    m->counts->back += f->seen && !f->live;
    f->fuzzy |= (!f->seen && f->live) || (m->read_rot && f->hit);
    f->live = f->seen;
    f->fresh = f->hit = f->named = false;
}

/* The last sequence: what is told of it by the records that were not hit. */
static void judge_last(struct stream *t, const struct store_state *st)
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
        fail(t, "last is %llu, should be %llu to %llu", (unsigned long long)st->last, (unsigned long long)low,
             (unsigned long long)t->n.last);
}

static bool sum_subject(void *ctx, slice subject, const struct store_subject_state *s)
{
    (void)subject;
    *(uint64_t *)ctx += s->msgs;
    return true;
}

/* The naive store gets what is there. */
static void take_state(struct stream *t, const struct store_state *st)
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

static void judge(struct stream *t)
{
    struct store_state st;
    uint64_t there = 0, missing = 0, in_subjects = 0;
    if (t->m->journal_hit && t->m->way == WAY_POWER)
        hit_fresh(t);
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
        fail(t, "%llu messages, there are %llu, and %llu are lost", (unsigned long long)st.msgs,
             (unsigned long long)there, (unsigned long long)missing);
    want_ok(t, "subjects", store_subjects(t->s, SLICE_LIT(">"), sum_subject, &in_subjects));
    if (in_subjects < there || in_subjects > st.msgs)
        fail(t, "%llu messages, %llu in subjects", (unsigned long long)st.msgs,
             (unsigned long long)in_subjects);
    take_state(t, &st);
    t->scarred |= t->block_hit;
    t->m->counts->judged++;
}

/* Opened once more, each finds the same. */
static void judge_again(struct model *m)
{
    m->journal_hit = m->read_rot = false;
    sim_disk_rot_reads(m->disk, "", 0, NULL, NULL);
    down(m);
    if (m->report[0] != 0 || !up(m))
        return;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct stream *t = &m->stream[i];
        struct store_state st;
        store_state(t->s, &st);
        if (st.last != t->n.last)
            fail(t, "last is %llu, was %llu", (unsigned long long)st.last, (unsigned long long)t->n.last);
        for (size_t k = 0; k < t->fates; k++) {
            struct store_msg got;
            bool seen = store_load(t->s, t->fate[k].m.seq, &got) == STORE_OK;
            if (seen != t->fate[k].live && !t->fate[k].fuzzy)
                fail(t, "message %llu is %s, and was not before", (unsigned long long)t->fate[k].m.seq,
                     seen ? "there" : "gone");
            else if (seen && !same_bytes(&got, &t->fate[k].m))
                fail(t, "message %llu is another one, the second time", (unsigned long long)t->fate[k].m.seq);
            t->fate[k].live = seen;
        }
        take_state(t, &st);
    }
}

/* ---- the run ---- */

static void round_of(struct model *m)
{
    work(m);
    if (m->report[0] != 0)
        return;
    down(m);
    m->journal_hit = false;
    rot(m);
    if (m->report[0] != 0 || !up(m))
        return;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++)
        judge(&m->stream[i]);
    for (size_t i = 0; i < m->streams; i++)
        free_stream_life(&m->stream[i]);
    if (m->report[0] == 0)
        judge_again(m);
}

static void make_stream(struct model *m, size_t i)
{
    struct stream *t = &m->stream[i];
    struct store_limits none = {0};
    t->m = m;
    sprintf(t->name, "S%zu", i);
    sprintf(t->dir, "/js/S%zu", i);
    sprintf(t->obs, "%s/obs/C", t->dir);
    naive_init(&t->n, STORE_FILE, &none, true);
    t->o = (struct file_store_options){.host = &m->host,
                                       .dir = t->dir,
                                       .name = slice_str(t->name),
                                       .meta = SLICE_LIT("{\"name\":\"S\"}"),
                                       .hooks = {.ctx = t, .lost = on_lost, .log = on_log},
                                       .block_size = 300 + below(m, 3000),
                                       .compress = one_in(m, 2),
                                       .track_subjects = true};
    if (one_in(m, 3))
        t->o.keys = (struct store_keys){.key = SLICE_LIT("secret"),
                                        .cipher = one_in(m, 2) ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                                        .info = SLICE_LIT("ACC")};
    TRACE(m, "%s: block %llu, compress %d, keys %d\n", t->name, (unsigned long long)t->o.block_size,
          t->o.compress, t->o.keys.key.len > 0);
}

bool rot_model_run(const struct rot_model_options *o, struct rot_model_counts *counts, char *report,
                   size_t cap)
{
    struct model *m = calloc(1, sizeof *m);
    if (m == NULL)
        abort();
    *m = (struct model){.o = o, .counts = counts, .sched = sched_new(o->seed), .now = SIM_EPOCH_NS};
    m->disk = sim_disk_new(m->sched);
    sim_disk_mkdirs(m->disk, "/js");
    m->so = (struct storage_options){.disk = sim_disk_base(m->disk),
                                     .dir = "/js",
                                     .journal_above = 1 + (unsigned)below(m, 2),
                                     .journal_bytes = 2000 + below(m, 20000),
                                     .wake = on_wake,
                                     .wake_ctx = m,
                                     .help = on_help};
    m->streams = 1 + (size_t)below(m, STREAMS_MAX);
    for (size_t i = 0; i < m->streams; i++)
        make_stream(m, i);
    if (up(m)) {
        for (m->round = 1; m->round <= o->rounds && m->report[0] == 0; m->round++)
            round_of(m);
    }
    sim_disk_rot_reads(m->disk, "", 0, NULL, NULL);
    TRACE(m, "finish: %s\n", m->report);
    close_all(m);
    for (size_t i = 0; i < m->streams; i++) {
        struct stream *t = &m->stream[i];
        free_stream_life(t);
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
