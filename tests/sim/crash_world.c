#include "sim/crash_world.h"

#include "store/meta_file.h"

#include <errno.h>
#include <stdlib.h>

#define CONSUMER "C"

/* ---- chance ---- */

uint64_t crash_below(struct crash_world *m, uint64_t n)
{
    return sched_below(m->sched, n);
}

bool crash_one_in(struct crash_world *m, uint64_t n)
{
    return crash_below(m, n) == 0;
}

/* A process that is killed between a failed sync and its answer to it leaves bytes that are visible and will
 * never be written: nobody can tell. So where calls have failed the machine goes with it. */
static void switch_off(struct crash_world *m, bool power)
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
    struct crash_world *m = ctx;
    if ((SIM_CHANGING_OPS & SIM_OP(op)) != 0)
        TRACE(m, "      %s %s %llu\n", names[op], path, (unsigned long long)bytes);
    if (m->kill_in > 0 && --m->kill_in == 0)
        switch_off(m, false);
}

static void on_log(void *ctx, int level, const char *line)
{
    struct crash_stream *t = ctx;
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
    struct crash_stream *t = ctx;
    (void)seq;
    (void)subject;
    t->msgs += msgs;
    t->bytes += bytes;
}

static void on_progress(void *ctx, struct store_progress p, enum store_rc rc)
{
    struct crash_stream *t = ctx;
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
    struct crash_world *m = ctx;
    storage_run(m->storage);
}

/* ---- up and down ---- */

slice crash_meta_text(uint64_t number, char *buf)
{
    int n = sprintf(buf, "{\"name\":\"S\",\"number\":%llu}", (unsigned long long)number);
    return slice_make(buf, (size_t)n);
}

bool crash_is_disk_trouble(enum store_rc rc)
{
    return rc == STORE_IO || rc == STORE_NO_SPACE || rc == STORE_WRITE_FAILED;
}

void crash_wrong(struct crash_stream *t, const char *what, enum store_rc rc)
{
    crash_fail(&t->book, "%s: %s", what, store_rc_text(rc));
}

/* meta.inf is one that was acknowledged, or the one in flight. */
static void check_meta(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    struct meta_file f;
    struct hash_key sum = hash_key_of(t->o.name);
    char a[64], b[64];
    enum meta_fault fault = meta_read(sim_disk_base(m->disk), t->dir, &sum, true, &t->o.keys, t->o.name, &f);
    if (sim_disk_is_off(m->disk)) { /* the power went while it was read */
        meta_free(&f);
        return;
    }
    slice got = buf_view(&f.json);
    bool first = fault == META_GOOD && slice_eq(got, crash_meta_text(t->meta, a));
    bool second = fault == META_GOOD && slice_eq(got, crash_meta_text(t->meta_tried, b));
    if (!first && !second)
        crash_fail(&t->book, "meta.inf is wrong (%d): %.*s", (int)fault, (int)got.len, (const char *)got.ptr);
    if (second)
        t->meta = t->meta_tried;
    t->meta_tried = t->meta;
    meta_free(&f);
}

static void encode_consumer(const struct crash_stream *t, struct byte_buf *out)
{
    out->len = 0;
    consumer_state_encode(consumer_store_state(t->c), SIM_EPOCH_NS, out);
}

/* The consumer's state is going to be written. false: too many are in doubt already. */
bool crash_consumer_tries(struct crash_stream *t)
{
    if (t->may_count == MAY_MAX)
        return false;
    encode_consumer(t, &t->may[t->may_count++]);
    return true;
}

static bool may_be(const struct crash_stream *t, const struct byte_buf *state)
{
    for (size_t i = 0; i < t->may_count; i++) {
        if (slice_eq(buf_view(state), buf_view(&t->may[i])))
            return true;
    }
    return t->may_count == 0;
}

static enum store_rc open_consumer(struct crash_stream *t)
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
        crash_consumer_tries(t);
    buf_free(&got);
    const struct consumer_state *st = consumer_store_state(t->c);
    t->dseq = st->delivered.consumer;
    t->sseq = st->delivered.stream;
    return STORE_OK;
}

enum store_rc crash_open_stream(struct crash_stream *t)
{
    struct store_state st;
    char meta[64];
    t->o.now = t->m->now;
    t->o.limits = t->book.n.limits;
    t->o.meta = crash_meta_text(t->meta, meta);
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

void crash_down(struct crash_world *m)
{
    for (size_t i = 0; i < m->streams; i++) {
        struct crash_stream *t = &m->stream[i];
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
static enum store_rc finish_removal(struct crash_stream *t)
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

void crash_begin_anew(struct crash_stream *t)
{
    crash_book_wipe(&t->book);
    t->meta = t->meta_tried = 1;
    t->may_count = 0;
    t->destroying = false;
}

/* false: something failed on the way; what was opened is closed again by `down`. */
bool crash_up(struct crash_world *m)
{
    if (storage_open(&m->so, &m->storage) != 0) {
        m->storage = NULL;
        return false;
    }
    m->host = (struct store_host){.disk = m->so.disk,
                                  .port = storage_port_new(m->storage, NULL, NULL),
                                  .cache = store_cache_new(20000),
                                  .random = sched_bytes,
                                  .random_ctx = m->sched};
    for (size_t i = 0; i < m->streams; i++) {
        struct crash_stream *t = &m->stream[i];
        enum store_rc rc = finish_removal(t);
        if (rc == STORE_OK)
            crash_begin_anew(t);
        if (rc == STORE_OK || rc == STORE_NOT_FOUND)
            rc = crash_open_stream(t);
        if (rc == STORE_OK)
            continue;
        if (!crash_is_disk_trouble(rc) || (!m->faulty && !sim_disk_is_off(m->disk)))
            crash_wrong(t, "open", rc);
        return false;
    }
    return true;
}

void crash_heal(struct crash_world *m)
{
    sim_disk_heal(m->disk);
    sim_disk_limit(m->disk, 0, 0);
    m->faulty = false;
}

/* Some calls are going to fail. */
void crash_break_disk(struct crash_world *m)
{
    static const int errors[] = {-EIO, -ENOSPC, -EIO, -EMFILE};
    unsigned rules = 1 + (unsigned)crash_below(m, 2);
    for (unsigned i = 0; i < rules; i++) {
        struct sim_disk_rule r = {
            .after = crash_below(m, 12), .times = crash_below(m, 4), .error = errors[crash_below(m, 4)]};
        r.ops = crash_one_in(m, 3) ? SIM_ALL_OPS & ~SIM_OP(SIM_CLOSE) : SIM_OP(crash_below(m, SIM_OP_COUNT));
        r.one_in = crash_one_in(m, 2) ? 0 : 1 + (unsigned)crash_below(m, 6);
        sim_disk_fail(m->disk, r);
    }
    if (crash_one_in(m, 6))
        sim_disk_limit(m->disk, sim_disk_used(m->disk) + crash_below(m, 20000), 0);
    m->faulty = m->tainted = true;
    TRACE(m, "  faults from here on\n");
}

/* ---- judging ---- */

static void check_reported(struct crash_stream *t)
{
    struct store_state st;
    store_state(t->s, &st);
    if ((uint64_t)t->msgs != st.msgs || (uint64_t)t->bytes != st.bytes)
        crash_fail(&t->book, "reported were %lld messages and %lld bytes, there are %llu and %llu",
                   (long long)t->msgs, (long long)t->bytes, (unsigned long long)st.msgs,
                   (unsigned long long)st.bytes);
}

void crash_judge(struct crash_stream *t, bool power)
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
void crash_look(struct crash_stream *t)
{
    uint64_t kill_in = t->m->kill_in;
    t->m->kill_in = 0;
    crash_book_same(&t->book, t->s);
    t->m->kill_in = kill_in;
}

/* After a power cut or a kill: up again, possibly through further cuts and failures. */
static void recover(struct crash_world *m)
{
    bool power = m->cut;
    unsigned tries = 0;
    m->kill_in = 0;
    crash_down(m);
    crash_heal(m);
    for (;;) {
        sim_disk_start(m->disk);
        m->tainted = false;
        bool again = tries++ < 3 && crash_one_in(m, 3);
        if (again && m->o->faults && crash_one_in(m, 2))
            crash_break_disk(m);
        else if (again)
            sim_disk_cut_at(m->disk, 1 + crash_below(m, 40));
        TRACE(m, "  up%s\n", again ? ", not for long" : "");
        bool ok = crash_up(m);
        sim_disk_cut_at(m->disk, 0);
        crash_heal(m);
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
        crash_down(m);
    }
    m->cut = false;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct crash_stream *t = &m->stream[i];
        crash_book_begin(&t->book); /* opening removes what is too old */
        naive_expire(&t->book.n, m->now);
        crash_book_end(&t->book, true);
        crash_book_age(&t->book, m->now);
        crash_judge(t, power);
    }
}

void crash_go_off(struct crash_world *m, bool power)
{
    TRACE(m, "  %s\n", power ? "power cut" : "kill");
    switch_off(m, power);
}

/* The same is found again. */
static void recover_again(struct crash_world *m)
{
    bool all_safe = true;
    for (size_t i = 0; i < m->streams; i++)
        all_safe = all_safe && m->stream[i].o.sync == STORE_SYNC_ALWAYS;
    crash_go_off(m, all_safe && crash_one_in(m, 2));
    bool power =
        m->cut; /* then what a limit has removed may come back: nothing but index.db may have known it */
    m->cut = false;
    crash_down(m);
    sim_disk_start(m->disk);
    TRACE(m, "  up again\n");
    if (!crash_up(m))
        crash_fail(&m->stream[0].book, "the second recovery fails");
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct crash_stream *t = &m->stream[i];
        if (power || t->book.n.limits.max_per_subject > 0)
            crash_judge(t, false);
        else
            crash_look(t);
    }
}

void crash_after_loss(struct crash_world *m)
{
    *(m->cut ? &m->counts->cuts : &m->counts->kills) += 1;
    recover(m);
    if (m->report[0] == 0 && crash_one_in(m, 3))
        recover_again(m);
}

/* A write failed: with the disk well again the store says what is left. */
void crash_after_failure(struct crash_stream *t)
{
    struct crash_world *m = t->m;
    m->counts->failures++;
    t->book.frozen = true;
    for (uint64_t n = crash_below(m, 4); m->faulty && n > 0; n--)
        store_maintain(t->s, m->now);
    if (sim_disk_is_off(m->disk))
        return;
    crash_heal(m);
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
        crash_wrong(t, "a healed store", rc);
    else
        crash_judge(t, false);
    t->book.synced = t->book.op;
}

/* ---- the beginning ---- */

static struct store_limits make_limits(struct crash_world *m)
{
    struct store_limits l = {.discard = crash_one_in(m, 4) ? STORE_DISCARD_NEW : STORE_DISCARD_OLD};
    if (crash_one_in(m, 3))
        l.max_msgs = 5 + (int64_t)crash_below(m, 60);
    if (crash_one_in(m, 4))
        l.max_bytes = 1500 + (int64_t)crash_below(m, 9000);
    if (crash_one_in(m, 4))
        l.max_per_subject = 1 + (int64_t)crash_below(m, 8);
    if (crash_one_in(m, 4))
        l.max_age_ns = (10 + (int64_t)crash_below(m, 300)) * SECOND;
    l.allow_ttl = crash_one_in(m, 3);
    return l;
}

static void make_stream(struct crash_world *m, size_t i)
{
    struct crash_stream *t = &m->stream[i];
    struct store_limits l = crash_one_in(m, 3) ? (struct store_limits){0} : make_limits(m);
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
        .block_size = 300 + crash_below(m, 3000),
        .compress = crash_one_in(m, 2),
        .sync = crash_one_in(m, 4) ? (enum store_sync)crash_below(m, 3) : STORE_SYNC_ALWAYS,
        .track_subjects = true};
    if (crash_one_in(m, 3))
        t->o.keys = (struct store_keys){.key = SLICE_LIT("secret"),
                                        .cipher = crash_one_in(m, 2) ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                                        .info = SLICE_LIT("ACC")};
    TRACE(m,
          "%s: max msgs %lld bytes %lld age %lld per subject %lld, discard %d, ttl %d, block %llu, compress "
          "%d, "
          "sync %d, keys %d\n",
          t->name, (long long)l.max_msgs, (long long)l.max_bytes, (long long)l.max_age_ns,
          (long long)l.max_per_subject, (int)l.discard, l.allow_ttl, (unsigned long long)t->o.block_size,
          t->o.compress, (int)t->o.sync, t->o.keys.key.len > 0);
}

void crash_make_world(struct crash_world *m)
{
    m->disk = sim_disk_new(m->sched);
    sim_disk_mkdirs(m->disk, "/js");
    sim_disk_on_call(m->disk, on_call, m);
    m->so = (struct storage_options){.disk = sim_disk_base(m->disk),
                                     .dir = "/js",
                                     .journal_above = 1 + (unsigned)crash_below(m, 2),
                                     .journal_bytes = 2000 + crash_below(m, 20000),
                                     .wake = on_wake,
                                     .wake_ctx = m,
                                     .help = on_help};
    m->streams = 1 + (size_t)crash_below(m, STREAMS_MAX);
    for (size_t i = 0; i < m->streams; i++)
        make_stream(m, i);
}
