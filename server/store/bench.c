/* bench: what a disk gives a store, in a folder that is removed again. */
#include "server/store/tool.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void fill(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    if (getrandom(buf, len, 0) != (ssize_t)len)
        abort();
}

struct run {
    struct tool *tool;
    struct store_host host;
    struct store *store;
    uint8_t *body;
    char dir[DISK_PATH_MAX];
};

static void report(struct run *r, const char *what, uint64_t count, double took)
{
    double rate = (double)count / took, mb = rate * (double)r->tool->size / 1e6;
    if (r->tool->format == TOOL_TEXT) {
        fprintf(r->tool->out, "%-34s %12.0f/s %9.1f MB/s\n", what, rate, mb);
    } else {
        struct codec_member m[] = {tool_text("what", slice_str(what)),
                                   tool_number("per_second", (uint64_t)rate), tool_number("count", count)};
        tool_emit(r->tool, m, sizeof m / sizeof m[0]);
    }
}

static enum store_rc append(struct run *r, uint64_t i)
{
    char subject[64];
    uint64_t seq;
    int n = snprintf(subject, sizeof subject, "bench.%llu", (unsigned long long)(i % 1000));
    struct store_append a = {.ts = (int64_t)i + 1,
                             .subject = slice_make(subject, (size_t)n),
                             .data = slice_make(r->body, r->tool->size)};
    return store_append(r->store, &a, a.ts, &seq);
}

/* `group` appends, then a sync that makes them durable; 0: no sync at all. */
static enum store_rc appends(struct run *r, const char *what, uint64_t count, uint64_t group)
{
    struct progress p;
    enum store_rc rc = STORE_OK;
    double t = seconds();
    tool_progress(r->tool, &p, count * r->tool->size, true);
    for (uint64_t i = 0; rc == STORE_OK && i < count; i++) {
        rc = append(r, i);
        if (rc == STORE_OK && group > 0 && i % group == group - 1)
            rc = store_sync_now(r->store);
        else if (rc == STORE_OK && i % 64 == 0)
            rc = store_commit(r->store);
        progress_at(&p, i * r->tool->size);
    }
    progress_end(&p, rc == STORE_OK);
    if (rc == STORE_OK)
        rc = store_commit(r->store);
    report(r, what, count, seconds() - t);
    return rc;
}

static enum store_rc read_all(struct run *r)
{
    struct store_msg batch[256];
    uint64_t at = 0, count = 0;
    size_t n;
    double t = seconds();
    while (store_batch(r->store, STORE_ALL, at, batch, 256, &n, &at) == STORE_OK)
        count += n;
    report(r, "read in order", count, seconds() - t);
    return STORE_OK;
}

static enum store_rc open_store(struct run *r)
{
    struct file_store_options o = {.host = &r->host,
                                   .dir = r->dir,
                                   .name = SLICE_LIT("bench"),
                                   .meta = SLICE_LIT("{\"name\":\"bench\"}"),
                                   .block_size = STORE_BLOCK_MAX,
                                   .sync = STORE_SYNC_NEVER,
                                   .track_subjects = true};
    return file_store_open(&o, &r->store);
}

static enum store_rc reopen(struct run *r)
{
    struct store_state st;
    store_state(r->store, &st);
    enum store_rc rc = store_close(r->store, 0);
    double t = seconds();
    r->store = NULL;
    if (rc == STORE_OK)
        rc = open_store(r);
    report(r, "open, messages", st.msgs, seconds() - t);
    return rc;
}

static enum store_rc all_of_it(struct run *r)
{
    struct tool *t = r->tool;
    uint64_t synced = t->count / 100 > 0 ? t->count / 100 : 1;
    enum store_rc rc = open_store(r);
    if (rc == STORE_OK)
        rc = appends(r, "append", t->count, 0);
    if (rc == STORE_OK)
        rc = read_all(r);
    if (rc == STORE_OK)
        rc = reopen(r);
    if (rc == STORE_OK)
        rc = appends(r, "durable append, one by one", synced, 1);
    if (rc == STORE_OK)
        rc = appends(r, "durable append, groups of 512", t->count, 512);
    if (r->store != NULL && rc == STORE_OK)
        rc = store_destroy(r->store);
    return rc;
}

int tool_bench(struct tool *t)
{
    char top[DISK_PATH_MAX];
    struct storage *storage;
    struct run r = {.tool = t, .body = calloc(1, t->size + 1)};
    int n = snprintf(top, sizeof top, "%s/midge-bench-XXXXXX", t->tree.dir);
    if (r.body == NULL || n >= (int)sizeof top || mkdtemp(top) == NULL || !files_path(r.dir, top, "bench")) {
        fprintf(stderr, "midge-store: %s: no folder can be made there\n", t->tree.dir);
        free(r.body);
        return TOOL_TROUBLE;
    }
    struct storage_options so = {.disk = disk_posix(), .dir = top};
    enum store_rc rc = storage_open(&so, &storage) == 0 ? STORE_OK : STORE_IO;
    if (rc == STORE_OK) {
        r.host = (struct store_host){.disk = so.disk,
                                     .port = storage_port_new(storage, NULL, NULL),
                                     .cache = store_cache_new(64u << 20),
                                     .random = fill};
        rc = r.host.port != NULL && r.host.cache != NULL ? all_of_it(&r) : STORE_NO_MEMORY;
        storage_port_free(r.host.port);
        storage_close(storage);
        store_cache_free(r.host.cache);
    }
    files_remove_tree(so.disk, top);
    free(r.body);
    free(t->buffer.ptr);
    if (rc != STORE_OK)
        fprintf(stderr, "midge-store: %s: %s\n", t->tree.dir, store_rc_text(rc));
    return rc == STORE_OK && fflush(t->out) == 0 && !t->write_failed ? TOOL_OK : TOOL_TROUBLE;
}
