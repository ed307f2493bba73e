/* bench_store [SECTION...]: what the message store does in a second, with the raw cost of the same bytes
 * beside it.
 *
 * Sections: append, durable, streams, open, subjects, flow (all of them without an argument). Works in the
 * folder of the environment variable BENCH_DIR (default: the current one), which should be on the disk in
 * question. `flow` moves BENCH_FLOW_GB (10) gigabytes; `open` writes BENCH_OPEN_MSGS (5 million) messages; a
 * Go server (NATS_SERVER) is timed on the same folder, in `durable` with publishes of the same size through
 * one connection. The last lines are a table of targets and what was reached. */
#include "base/disk.h"
#include "store/file_store.h"
#include "store/format/record.h"
#include "tests/unit/go_server.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BODY 128

static char top[512];
static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double cpu_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static void check(bool ok, const char *what)
{
    if (!ok)
        die(what);
}

static long from_env(const char *name, long otherwise)
{
    const char *v = getenv(name);
    return v == NULL ? otherwise : atol(v);
}

static double rss_mib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long total = 0, resident = 0;
    check(f != NULL && fscanf(f, "%ld %ld", &total, &resident) == 2, "no /proc/self/statm");
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

static void random_bytes(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    check(getrandom(buf, len, 0) == (ssize_t)len, "getrandom");
}

/* ---- the table ---- */

static struct row {
    char what[64], target[40], reached[48];
    bool met;
} rows[32];
static size_t row_count;

static void row(const char *what, const char *target, bool met, const char *fmt, double value)
{
    struct row *r = &rows[row_count++ % 32];
    snprintf(r->what, sizeof r->what, "%s", what);
    snprintf(r->target, sizeof r->target, "%s", target);
    snprintf(r->reached, sizeof r->reached, fmt, value);
    r->met = met;
}

static void print_rows(void)
{
    if (row_count > 0)
        printf("\n| what | target | reached | |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < row_count; i++)
        printf("| %s | %s | %s | %s |\n", rows[i].what, rows[i].target, rows[i].reached,
               rows[i].met ? "met" : "short");
}

static void run(const char *fmt, const char *dir)
{
    char cmd[1024];
    snprintf(cmd, sizeof cmd, fmt, dir);
    check(system(cmd) == 0, cmd);
}

/* ---- a shard: storage, port, cache ---- */

struct shard {
    struct storage *storage;
    struct store_host host;
    pthread_t thread; /* the storage thread, when there is one */
    pthread_mutex_t lock;
    pthread_cond_t work;
    pthread_cond_t done;
    bool has_work, has_done, stop, threaded;
};

static void wake(void *ctx)
{
    struct shard *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->has_work = true;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
}

static void notify(void *ctx)
{
    struct shard *s = ctx;
    pthread_mutex_lock(&s->lock);
    s->has_done = true;
    pthread_cond_signal(&s->done);
    pthread_mutex_unlock(&s->lock);
}

static void *storage_main(void *ctx)
{
    struct shard *s = ctx;
    for (;;) {
        pthread_mutex_lock(&s->lock);
        while (!s->has_work && !s->stop)
            pthread_cond_wait(&s->work, &s->lock);
        bool stop = s->stop && !s->has_work;
        s->has_work = false;
        pthread_mutex_unlock(&s->lock);
        if (stop)
            return NULL;
        while (storage_run(s->storage)) {
        }
    }
}

static void shard_start(struct shard *s, bool threaded, size_t cache)
{
    *s = (struct shard){.threaded = threaded};
    struct storage_options o = {.disk = disk_posix(), .dir = top};
    if (threaded) {
        pthread_mutex_init(&s->lock, NULL);
        pthread_cond_init(&s->work, NULL);
        pthread_cond_init(&s->done, NULL);
        o.wake = wake;
        o.wake_ctx = s;
    }
    check(storage_open(&o, &s->storage) == 0, "storage_open");
    s->host = (struct store_host){.disk = o.disk,
                                  .port = storage_port_new(s->storage, threaded ? notify : NULL, s),
                                  .cache = store_cache_new(cache),
                                  .random = random_bytes};
    if (threaded)
        check(pthread_create(&s->thread, NULL, storage_main, s) == 0, "pthread_create");
}

/* Wait until completions are there, and take them. */
static void shard_poll(struct shard *s)
{
    pthread_mutex_lock(&s->lock);
    while (!s->has_done)
        pthread_cond_wait(&s->done, &s->lock);
    s->has_done = false;
    pthread_mutex_unlock(&s->lock);
    storage_poll(s->host.port);
}

static void shard_stop(struct shard *s)
{
    if (s->threaded) {
        pthread_mutex_lock(&s->lock);
        s->stop = true;
        pthread_cond_signal(&s->work);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
    }
    storage_port_free(s->host.port);
    check(storage_close(s->storage) == 0, "storage_close");
    store_cache_free(s->host.cache);
}

static struct file_store_options options(struct shard *s, const char *dir, const char *name,
                                         enum store_sync sync)
{
    struct file_store_options o = {.host = &s->host,
                                   .dir = dir,
                                   .name = slice_str(name),
                                   .meta = SLICE_LIT("{\"name\":\"bench\"}"),
                                   .block_size = STORE_BLOCK_MAX,
                                   .sync = sync,
                                   .track_subjects = true};
    return o;
}

static struct store *open_store(const struct file_store_options *o)
{
    struct store *s;
    enum store_rc rc = file_store_open(o, &s);
    check(rc == STORE_OK, store_rc_text(rc));
    return s;
}

/* ---- append ---- */

/* Rates of a core: by processor time, so that they do not depend on who else is there. */

/* The same bytes with the same checksums by a bare loop: the least that any store must do. */
static double raw_append(const char *dir, size_t count)
{
    char path[600];
    snprintf(path, sizeof path, "%s/raw", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    check(fd >= 0, path);
    static uint8_t buf[1 << 20], body[BODY];
    struct hash_key key = hash_key_block(SLICE_LIT("bench"), 1);
    slice subject = SLICE_LIT("bench.orders.new");
    size_t len = 0;
    double t = cpu_now();
    for (size_t i = 1; i <= count; i++) {
        if (len + 256 > sizeof buf) {
            check(write(fd, buf, len) == (ssize_t)len, "write");
            len = 0;
        }
        len += record_encode_message(buf + len, &key, i, (int64_t)i, subject, SLICE_EMPTY,
                                     slice_make(body, BODY));
    }
    check(write(fd, buf, len) == (ssize_t)len, "write");
    t = cpu_now() - t;
    close(fd);
    unlink(path);
    return (double)count / t;
}

static double store_appends(const char *dir, size_t count)
{
    struct shard sh;
    char path[600];
    static uint8_t body[BODY];
    snprintf(path, sizeof path, "%s/append", dir);
    shard_start(&sh, false, 64 << 20);
    struct file_store_options o = options(&sh, path, "bench", STORE_SYNC_NEVER);
    struct store *s = open_store(&o);
    double t = cpu_now();
    for (size_t i = 1; i <= count; i++) {
        struct store_append a = {
            .ts = (int64_t)i, .subject = SLICE_LIT("bench.orders.new"), .data = slice_make(body, BODY)};
        uint64_t seq;
        check(store_append(s, &a, a.ts, &seq) == STORE_OK, "append");
        if (i % 64 == 0)
            store_commit(s);
    }
    store_commit(s);
    t = cpu_now() - t;
    check(store_destroy(s) == STORE_OK, "destroy");
    shard_stop(&sh);
    return (double)count / t;
}

static void bench_append(void)
{
    size_t count = 5000000;
    double raw = 0, store = 0;
    for (int i = 0; i < 3; i++) { /* in turn */
        double r = raw_append(top, count), s = store_appends(top, count);
        raw = r > raw ? r : raw;
        store = s > store ? s : store;
    }
    printf("append 128 B, no sync: %.2f M/s; bare loop with checksums %.2f M/s: %.2fx (targets >= 1.5 M/s, "
           "<= 2.5x)\n",
           store / 1e6, raw / 1e6, raw / store);
    row("append 128 B, no sync, one core", ">= 1.5 M/s", store >= 1.5e6, "%.2f M/s", store / 1e6);
    row("... against a bare loop", "<= 2.5x", raw / store <= 2.5, "%.2fx", raw / store);
}

/* ---- durable ---- */

static double raw_sync(const char *dir)
{
    char path[600];
    snprintf(path, sizeof path, "%s/raw", dir);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    char buf[BODY + 40] = {0};
    size_t n = 0;
    double t = seconds_now();
    while (seconds_now() - t < 1) {
        check(write(fd, buf, sizeof buf) > 0 && fdatasync(fd) == 0, "fdatasync");
        n++;
    }
    t = seconds_now() - t;
    close(fd);
    unlink(path);
    return (double)n / t;
}

/* `streams` stores, each with `flight` durable appends under way at any time: acknowledgements a second. */
static double durable_appends(size_t streams, uint64_t flight, double duration)
{
    struct shard sh;
    static uint8_t body[BODY];
    shard_start(&sh, true, 64 << 20);
    struct store **all = calloc(streams, sizeof(struct store *));
    uint64_t *acked = calloc(streams, sizeof *acked), *sent = calloc(streams, sizeof *sent), total = 0;
    for (size_t i = 0; i < streams; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/durable/%zu", top, i);
        struct file_store_options o = options(&sh, path, "bench", STORE_SYNC_ALWAYS);
        all[i] = open_store(&o);
    }
    double t = seconds_now();
    while (seconds_now() - t < duration) {
        for (size_t i = 0; i < streams; i++) {
            struct store_progress p;
            store_progress(all[i], &p);
            total += p.durable_seq - acked[i];
            acked[i] = p.durable_seq;
            bool more = false;
            for (; sent[i] - acked[i] < flight; sent[i]++, more = true) {
                struct store_append a = {
                    .ts = 1, .subject = SLICE_LIT("bench.orders.new"), .data = slice_make(body, BODY)};
                uint64_t seq;
                check(store_append(all[i], &a, 1, &seq) == STORE_OK, "append");
            }
            if (more)
                store_commit(all[i]);
        }
        shard_poll(&sh);
    }
    t = seconds_now() - t;
    for (size_t i = 0; i < streams; i++)
        check(store_close(all[i], 1) == STORE_OK, "close");
    shard_stop(&sh);
    run("rm -rf '%s/durable'", top);
    free(all);
    free(acked);
    free(sent);
    return (double)total / t;
}

/* JetStream publishes of the same size to a real Go server, `flight` of them unanswered at any time: answers
 * a second; 0 without a Go server. */
static double go_publishes(const char *sync, uint64_t flight, double duration)
{
    char dir[400], pub[256], body[BODY + 1];
    struct go_server g;
    uint64_t sent = 0, acked = 0;
    if (go_server_program() == NULL)
        return 0;
    check(snprintf(dir, sizeof dir, "%s/go", top) < (int)sizeof dir, "BENCH_DIR is too long");
    check(mkdir(dir, 0700) == 0, dir);
    go_start(&g, dir, sync, "", "");
    struct json *made = go_api(&g, "STREAM.CREATE", "bench",
                               "{\"name\":\"bench\",\"subjects\":[\"bench.>\"],\"storage\":\"file\","
                               "\"num_replicas\":1}");
    check(json_get(made, "error") == NULL, "the Go server makes no stream");
    json_free(made);
    memset(body, 'x', BODY);
    body[BODY] = 0;
    int len = snprintf(pub, sizeof pub, "PUB bench.orders.new _ACK %d\r\n%s\r\n", BODY, body);
    go_write(&g, "SUB _ACK 9\r\n", 12);
    char *batch = malloc(flight * (size_t)len), in[65536];
    double t = seconds_now();
    while (seconds_now() - t < duration) {
        size_t n = 0;
        for (; sent - acked < flight; sent++, n += (size_t)len)
            memcpy(batch + n, pub, (size_t)len);
        go_write(&g, batch, n);
        ssize_t got = read(g.fd, in, sizeof in);
        check(got > 0, "the Go server hangs up");
        for (ssize_t i = 0; i < got; i++)
            acked += in[i] == '{'; /* {"stream":"bench","seq":1}: one an answer */
    }
    t = seconds_now() - t;
    free(batch);
    go_stop(&g, SIGTERM);
    run("rm -rf '%s/go'", top);
    return (double)acked / t;
}

static void bench_durable(void)
{
    double raw = raw_sync(top), at_512 = 0;
    printf("disk: %.0f syncs a second (append + fdatasync, one file)\n", raw);
    static const uint64_t flights[] = {1, 64, 512, 4096};
    for (size_t i = 0; i < 4; i++) {
        double rate = durable_appends(1, flights[i], 2);
        at_512 = flights[i] == 512 ? rate : at_512;
        printf("durable appends, %4lu in flight: %.0f acks/s, %.1fx of one sync each\n", flights[i], rate,
               rate / raw);
    }
    double always = go_publishes("sync_interval: always", 512, 3), lazy = go_publishes("", 512, 3);
    printf("Go, publishes with 512 in flight: sync always %.0f acks/s, synced by timer %.0f acks/s\n", always,
           lazy);
    row("durable appends, 512 in flight, against Go always", ">= 20x", at_512 >= 20 * always && always > 0,
        "%.1fx", always > 0 ? at_512 / always : 0);
    row("... against Go synced by timer", ">= 1x", at_512 >= lazy && lazy > 0, "%.2fx",
        lazy > 0 ? at_512 / lazy : 0);
}

static void bench_streams(void)
{
    static const size_t counts[] = {4, 16, 64, 1000};
    double raw = raw_sync(top), rate = 0;
    for (size_t i = 0; i < 4; i++) {
        rate = durable_appends(counts[i], 1, 3);
        printf("%4zu streams, one durable append in flight each: %.0f acks/s\n", counts[i], rate);
    }
    printf("disk: %.0f syncs a second\n", raw);
    row("1,000 streams, one durable append each", ">= 20,000/s or the disk's syncs",
        rate >= 20000 || rate >= raw, "%.0f/s", rate);
}

/* ---- opening ---- */

static double timed_open(const char *path, uint64_t want)
{
    struct shard sh;
    shard_start(&sh, false, 64 << 20);
    struct file_store_options o = options(&sh, path, "bench", STORE_SYNC_INTERVAL);
    double t = seconds_now();
    struct store *s = open_store(&o);
    t = seconds_now() - t;
    struct store_state st;
    store_state(s, &st);
    check(st.msgs == want, "messages are missing after an open");
    check(store_close(s, 1) == STORE_OK, "close");
    shard_stop(&sh);
    return t;
}

static void fill(const char *path, uint64_t count, uint64_t subjects)
{
    struct shard sh;
    static uint8_t body[BODY];
    shard_start(&sh, false, 64 << 20);
    struct file_store_options o = options(&sh, path, "bench", STORE_SYNC_NEVER);
    o.meta = SLICE_LIT(
        "{\"Created\":\"2026-11-23T06:52:11.8Z\",\"name\":\"bench\",\"subjects\":[\"bench.>\"],"
        "\"retention\":\"limits\",\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
        "\"max_msgs_per_subject\":-1,\"max_msg_size\":-1,\"discard\":\"old\",\"storage\":\"file\","
        "\"num_replicas\":1,\"compression\":\"none\",\"allow_direct\":false,\"mirror_direct\":false,"
        "\"sealed\":false,\"deny_delete\":false,\"deny_purge\":false,\"allow_rollup_hdrs\":false,"
        "\"consumer_limits\":{},\"allow_msg_ttl\":false}");
    struct store *s = open_store(&o);
    for (uint64_t i = 0; i < count; i++) {
        char subject[64];
        int n = snprintf(subject, sizeof subject, "bench.%llu.%llu", (unsigned long long)(i % 1000),
                         (unsigned long long)(i % subjects));
        struct store_append a = {.ts = 1795500000000000000 + (int64_t)i,
                                 .subject = slice_make(subject, (size_t)n),
                                 .data = slice_make(body, BODY)};
        uint64_t seq;
        check(store_append(s, &a, a.ts, &seq) == STORE_OK, "append");
    }
    check(store_close(s, 1) == STORE_OK, "close");
    shard_stop(&sh);
}

/* Seconds until the Go server says that it has restored the stream; 0 without a Go server. */
static double go_open(const char *store_dir)
{
    const char *program = getenv("NATS_SERVER");
    char log[600], line[1024];
    double took = 0;
    if (program == NULL)
        return 0;
    snprintf(log, sizeof log, "%s/go.log", top);
    unlink(log);
    pid_t pid = fork();
    if (pid == 0) {
        execl(program, "nats-server", "-js", "-sd", store_dir, "-a", "127.0.0.1", "-p", "-1", "-l", log,
              (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 6000 && took == 0; i++) {
        usleep(20000);
        FILE *f = fopen(log, "r");
        while (f != NULL && fgets(line, sizeof line, f) != NULL) {
            char *at = strstr(line, "Restored ");
            char *in = at == NULL ? NULL : strstr(at, "' in ");
            if (in != NULL) {
                took = strtod(in + 5, &in);
                took *= in[0] == 'm' && in[1] == 's' ? 1e-3 : in[0] == 's' ? 1 : in[0] == 'm' ? 60 : 1e-6;
            }
        }
        if (f != NULL)
            fclose(f);
    }
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    unlink(log);
    return took;
}

static void bench_open(void)
{
    uint64_t count = (uint64_t)from_env("BENCH_OPEN_MSGS", 5000000);
    char path[700], index[800], store[600];
    snprintf(store, sizeof store, "%s/open", top);
    snprintf(path, sizeof path, "%s/jetstream/$G/streams/bench", store);
    snprintf(index, sizeof index, "%s/msgs/index.db", path);
    double t = seconds_now();
    fill(path, count, 10000);
    printf("filled %lu messages on 10,000 subjects in %.1f s\n", count, seconds_now() - t);
    double with = timed_open(path, count);
    unlink(index);
    double without = timed_open(path, count);
    double go_with = go_open(store);
    unlink(index);
    double go_without = go_open(store);
    printf("open with index.db: %.3f s, Go %.3f s (target < 0.3 s); without: %.3f s, Go %.3f s: %.1fx "
           "(target >= 3x)\n",
           with, go_with, without, go_without, without > 0 ? go_without / without : 0);
    row("open with index.db", "< 0.3 s", with < 0.3, "%.3f s", with);
    row("open without it, against Go", ">= 3x", go_without >= 3 * without, "%.1fx",
        without > 0 ? go_without / without : 0);
    run("rm -rf '%s/open'", top);
}

/* ---- subjects ---- */

static double timed_pending(struct store *s, const char *filter, uint64_t from, bool last, uint64_t *count)
{
    slice f = slice_str(filter);
    struct store_filter set = {&f, 1};
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        double t = seconds_now();
        check(store_pending(s, set, from, last, count) == STORE_OK, "pending");
        t = seconds_now() - t;
        best = t < best ? t : best;
    }
    return best * 1e3;
}

static void bench_subjects(void)
{
    uint64_t subjects = 1000000;
    char path[600];
    struct shard sh;
    snprintf(path, sizeof path, "%s/subjects", top);
    shard_start(&sh, false, 16 << 20);
    struct file_store_options o = options(&sh, path, "bench", STORE_SYNC_NEVER);
    struct store *s = open_store(&o);
    double before = rss_mib();
    for (uint64_t i = 0; i < subjects; i++) {
        char subject[64];
        int n = snprintf(subject, sizeof subject, "bench.%llu.key-%llu", (unsigned long long)(i % 1000),
                         (unsigned long long)i);
        struct store_append a = {.ts = (int64_t)i, .subject = slice_make(subject, (size_t)n)};
        uint64_t seq;
        check(store_append(s, &a, a.ts, &seq) == STORE_OK, "append");
    }
    store_commit(s);
    double memory = rss_mib() - before, slowest = 0;
    printf("a million subjects: %.0f MiB more, cache of 16 MiB included (target <= 150 MiB)\n", memory);
    row("a million subjects", "<= 150 MiB", memory <= 150, "%.0f MiB", memory);
    static const struct {
        const char *filter;
        uint64_t from;
        bool last;
    } asks[] = {{"bench.>", 1, false},        {"bench.*.*", 1, false},      {"bench.7.*", 1, false},
                {"*.7.>", 1, false},          {"bench.*.key-77", 1, false}, {"bench.>", 500000, false},
                {"bench.7.*", 500000, false}, {"bench.*.*", 500000, false}, {"bench.>", 999000, false},
                {"bench.>", 500000, true}};
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        uint64_t count;
        double ms = timed_pending(s, asks[i].filter, asks[i].from, asks[i].last, &count);
        printf("  number pending, filter %-15s from %6lu%s: %7lu in %.3f ms (target < 5 ms)\n",
               asks[i].filter, asks[i].from, asks[i].last ? ", last per subject" : "", count, ms);
        slowest = ms > slowest ? ms : slowest;
    }
    row("number pending over a million subjects, slowest filter", "< 5 ms", slowest < 5, "%.2f ms", slowest);
    check(store_destroy(s) == STORE_OK, "destroy");
    shard_stop(&sh);
}

/* ---- a long flow ---- */

static void bench_flow(void)
{
    uint64_t total = (uint64_t)from_env("BENCH_FLOW_GB", 10) << 30, written = 0, read_from = 1, read_msgs = 0;
    static uint8_t body[16384];
    char path[600];
    struct shard sh;
    double peak = 0, t = seconds_now();
    snprintf(path, sizeof path, "%s/flow", top);
    shard_start(&sh, true, 64 << 20);
    struct file_store_options o = options(&sh, path, "bench", STORE_SYNC_INTERVAL);
    o.limits.max_bytes = 1 << 30; /* a gigabyte is kept: the rest flows through */
    struct store *s = open_store(&o);
    struct store_msg msgs[64];
    while (written < total) {
        for (int i = 0; i < 64; i++) {
            struct store_append a = {
                .ts = 1, .subject = SLICE_LIT("bench.flow"), .data = slice_make(body, sizeof body)};
            uint64_t seq;
            check(store_append(s, &a, 1, &seq) == STORE_OK, "append");
            written += sizeof body;
        }
        store_commit(s);
        storage_poll(sh.host.port);
        size_t n;
        while (store_batch(s, STORE_ALL, read_from, msgs, 64, &n, &read_from) == STORE_OK && n > 0)
            read_msgs += n;
        if (written % (64 << 20) == 0) {
            double now = rss_mib();
            peak = now > peak ? now : peak;
        }
    }
    t = seconds_now() - t;
    printf(
        "%.1f GB through a stream with a 64 MiB cache: %.0f MB/s in, %lu messages read, RSS at most %.0f MiB "
        "(target < 128 MiB)\n",
        (double)written / 1e9, (double)written / 1e6 / t, read_msgs, peak);
    row("RSS while gigabytes flow, cache of 64 MiB", "< 128 MiB", peak < 128, "%.0f MiB", peak);
    check(store_destroy(s) == STORE_OK, "destroy");
    shard_stop(&sh);
}

static const struct {
    const char *name;
    void (*run)(void);
} sections[] = {{"append", bench_append}, {"durable", bench_durable},   {"streams", bench_streams},
                {"open", bench_open},     {"subjects", bench_subjects}, {"flow", bench_flow}};

int main(int argc, char **argv)
{
    const char *dir = getenv("BENCH_DIR");
    snprintf(top, sizeof top, "%s/store-bench-XXXXXX", dir != NULL ? dir : ".");
    check(mkdtemp(top) != NULL, "no folder to work in");
    double cpu = cpu_now();
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        bool wanted = argc < 2;
        for (int k = 1; k < argc; k++)
            wanted |= strcmp(argv[k], sections[i].name) == 0;
        if (wanted)
            sections[i].run();
        fflush(stdout);
    }
    print_rows();
    printf("cpu: %.1f s\n", cpu_now() - cpu);
    run("rm -rf '%s'", top);
    return 0;
}
