#include "sim/rot_world.h"

#include <stdarg.h>
#include <stdlib.h>

uint64_t rot_below(struct rot_world *m, uint64_t n)
{
    return sched_below(m->sched, n);
}

bool rot_one_in(struct rot_world *m, uint64_t n)
{
    return rot_below(m, n) == 0;
}

void rot_fail(struct rot_stream *t, const char *fmt, ...)
{
    struct rot_world *m = t->m;
    if (m->report[0] != 0)
        return;
    int n = snprintf(m->report, REPORT_MAX, "round %llu: %s: ", (unsigned long long)m->round, t->name);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(m->report + n, REPORT_MAX - (size_t)n, fmt, ap);
    va_end(ap);
}

void rot_want_ok(struct rot_stream *t, const char *what, enum store_rc rc)
{
    TRACE(t->m, "  %s: %s: %s\n", t->name, what, store_rc_text(rc));
    if (rc != STORE_OK)
        rot_fail(t, "%s: %s", what, store_rc_text(rc));
}

/* ---- hooks ---- */

static void on_log(void *ctx, int level, const char *line)
{
    struct rot_stream *t = ctx;
    (void)level;
    TRACE(t->m, "    log: %s\n", line);
}

static void on_lost(void *ctx, struct store_lost what)
{
    struct rot_stream *t = ctx;
    TRACE(t->m, "    %s: lost %llu to %llu, %llu bytes\n", t->name, (unsigned long long)what.first,
          (unsigned long long)what.last, (unsigned long long)what.bytes);
    if (t->lost_count < RANGES_MAX)
        t->lost[t->lost_count++] = what;
    else
        rot_fail(t, "too many reports of lost messages");
}

static void on_wake(void *ctx)
{
    (void)ctx;
}

static void on_help(void *ctx)
{
    storage_run(((struct rot_world *)ctx)->storage);
}

/* ---- up and down ---- */

static void open_consumer(struct rot_stream *t)
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
            rot_fail(t, "an o.dat that can not be read is gone");
        if (!t->m->read_rot && consumer_store_open(&o, &t->c, why) != STORE_BAD_STATE)
            rot_fail(t, "an o.dat that could not be read can be now");
        if (!t->m->read_rot && disk_unlink(t->m->so.disk, path) < 0)
            rot_fail(t, "o.dat can not be removed");
        rc = consumer_store_open(&o, &t->c, why);
    }
    if (rc != STORE_OK) {
        t->c = NULL;
        rot_want_ok(t, "open consumer", rc);
        return;
    }
    if (t->o_dat_hit) { /* no checksum: it may be any state, also one that is of no use */
        rot_want_ok(t, "remove consumer", consumer_store_destroy(t->c));
        t->c = NULL;
        t->o_dat_hit = false;
        t->c_state.len = 0;
        open_consumer(t);
        return;
    }
    consumer_state_encode(consumer_store_state(t->c), SIM_EPOCH_NS, &got);
    if (!t->o_dat_hit && t->c_state.len > 0 && !slice_eq(buf_view(&got), buf_view(&t->c_state)))
        rot_fail(t, "the consumer's state is another one");
    buf_free(&got);
}

bool rot_up(struct rot_world *m)
{
    int rc = storage_open(&m->so, &m->storage);
    if (rc != 0) {
        m->storage = NULL;
        rot_fail(&m->stream[0], "the storage does not open: %d", rc);
        return false;
    }
    m->host = (struct store_host){.disk = m->so.disk,
                                  .port = storage_port_new(m->storage, NULL, NULL),
                                  .cache = store_cache_new(20000),
                                  .random = sched_bytes,
                                  .random_ctx = m->sched};
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct rot_stream *t = &m->stream[i];
        t->lost_count = 0;
        t->o.now = m->now;
        enum store_rc opened = file_store_open(&t->o, &t->s);
        if (opened != STORE_OK)
            t->s = NULL;
        rot_want_ok(t, "open", opened);
        if (opened == STORE_OK)
            open_consumer(t);
    }
    return m->report[0] == 0;
}

void rot_close_all(struct rot_world *m)
{
    bool dead = sim_disk_is_off(m->disk);
    for (size_t i = 0; i < m->streams; i++) {
        struct rot_stream *t = &m->stream[i];
        enum store_rc rc = t->c == NULL ? STORE_OK : consumer_store_close(t->c, m->now);
        if (!dead)
            rot_want_ok(t, "close consumer", rc);
        rc = t->s == NULL ? STORE_OK : store_close(t->s, m->now);
        if (!dead)
            rot_want_ok(t, "close", rc);
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
void rot_down(struct rot_world *m)
{
    m->way = (enum way)rot_below(m, 3);
    m->now += SECOND;
    for (size_t i = 0; i < m->streams && m->report[0] == 0; i++) {
        struct rot_stream *t = &m->stream[i];
        /* A commit of all together uses the journal. */
        for (size_t k = 0; k < m->streams; k++)
            rot_want_ok(t, "commit", store_commit(m->stream[k].s));
        rot_want_ok(t, "sync", store_sync_now(t->s));
        rot_want_ok(t, "flush", consumer_store_flush(t->c, m->now, NULL));
        t->c_state.len = 0;
        consumer_state_encode(consumer_store_state(t->c), SIM_EPOCH_NS, &t->c_state);
    }
    TRACE(m, "%s\n", m->way == WAY_CLOSE ? "close" : m->way == WAY_KILL ? "kill" : "power cut");
    if (m->way == WAY_KILL)
        sim_disk_kill(m->disk);
    else if (m->way == WAY_POWER)
        sim_disk_crash(m->disk);
    rot_close_all(m);
    sim_disk_start(m->disk);
}

/* ---- the beginning ---- */

static void make_stream(struct rot_world *m, size_t i)
{
    struct rot_stream *t = &m->stream[i];
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
                                       .block_size = 300 + rot_below(m, 3000),
                                       .compress = rot_one_in(m, 2),
                                       .track_subjects = true};
    if (rot_one_in(m, 3))
        t->o.keys = (struct store_keys){.key = SLICE_LIT("secret"),
                                        .cipher = rot_one_in(m, 2) ? STORE_CIPHER_AES : STORE_CIPHER_CHACHA,
                                        .info = SLICE_LIT("ACC")};
    TRACE(m, "%s: block %llu, compress %d, keys %d\n", t->name, (unsigned long long)t->o.block_size,
          t->o.compress, t->o.keys.key.len > 0);
}

void rot_make_world(struct rot_world *m)
{
    m->disk = sim_disk_new(m->sched);
    sim_disk_mkdirs(m->disk, "/js");
    m->so = (struct storage_options){.disk = sim_disk_base(m->disk),
                                     .dir = "/js",
                                     .journal_above = 1 + (unsigned)rot_below(m, 2),
                                     .journal_bytes = 2000 + rot_below(m, 20000),
                                     .wake = on_wake,
                                     .wake_ctx = m,
                                     .help = on_help};
    m->streams = 1 + (size_t)rot_below(m, STREAMS_MAX);
    for (size_t i = 0; i < m->streams; i++)
        make_stream(m, i);
}
