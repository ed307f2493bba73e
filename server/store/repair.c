/* repair: what is sound goes into a fresh directory; the damaged one stays as it is. */
#include "server/store/tool.h"
#include "store/consumer_store.h"
#include "store/format/record.h"
#include "store/msg_ttl.h"

#include <stdlib.h>
#include <time.h>

struct salvage_run {
    struct tool *tool;
    struct tree *tree;
    struct disk *disk; /* the real one */
    struct storage *storage;
    struct store_host host;
    struct progress progress;
    uint64_t done;
    uint64_t messages;
    size_t streams;
};

static int64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- a stream without sound metadata ---- */

struct subject_list {
    struct byte_buf json;
    struct byte_buf last;
};

/* A configuration must cover what the stream holds: each first token, and all below it. */
static bool add_subject(void *ctx, slice subject, const struct store_subject_state *s)
{
    struct subject_list *l = ctx;
    const uint8_t *dot = memchr(slice_ptr(subject), '.', subject.len);
    slice token = dot == NULL ? subject : slice_first(subject, (size_t)(dot - subject.ptr) + 1);
    (void)s;
    if (l->last.len > 0 && slice_eq(buf_view(&l->last), token)) /* they come in byte order */
        return true;
    uint8_t text[6 * 256 + 16];
    struct codec_out out = codec_out_on(text, sizeof text);
    struct codec_json_writer w = codec_json_writer_on(&out);
    char full[300];
    int n = snprintf(full, sizeof full, "%.*s%s", (int)token.len, (const char *)token.ptr,
                     dot == NULL ? "" : ">");
    if (token.len > 255 || n >= (int)sizeof full)
        return true;
    codec_json_string(&w, slice_make(full, (size_t)n));
    if (l->json.len > 0)
        buf_u8(&l->json, ',');
    buf_slice(&l->json, codec_out_slice(&out));
    l->last.len = 0;
    buf_slice(&l->last, token);
    return true;
}

static bool make_meta(struct opened *o)
{
    struct subject_list l = {0};
    char time[40];
    time_text(now_ns(), time);
    if (store_subjects(o->store, SLICE_EMPTY, add_subject, &l) != STORE_OK)
        return false;
    size_t cap = l.json.len + 1024;
    char *text = malloc(cap);
    if (text != NULL) {
        int n = snprintf(
            text, cap,
            "{\"Created\":\"%s\",\"name\":\"%s\",\"subjects\":[%.*s],\"retention\":\"limits\","
            "\"max_consumers\":-1,\"max_msgs\":-1,\"max_bytes\":-1,\"max_age\":0,"
            "\"max_msgs_per_subject\":-1,\"max_msg_size\":-1,\"discard\":\"old\",\"storage\":\"file\","
            "\"num_replicas\":1,\"compression\":\"none\",\"allow_direct\":false,\"mirror_direct\":false,"
            "\"sealed\":false,\"deny_delete\":false,\"deny_purge\":false,\"allow_rollup_hdrs\":false,"
            "\"consumer_limits\":{},\"allow_msg_ttl\":false}",
            time, o->where->name, (int)l.json.len, (const char *)slice_ptr(buf_view(&l.json)));
        buf_bytes(&o->meta.json, text, (size_t)n);
    }
    free(text);
    buf_free(&l.json);
    buf_free(&l.last);
    return text != NULL && !o->meta.json.failed;
}

/* The stream though its metadata is not sound: by what meta.inf says all the same, or without it. Not when it
 * is encrypted: its key is part of that metadata. */
static bool open_anyhow(struct salvage_run *r, const struct tree_stream *s, struct opened *o,
                        struct tool_lines *lines)
{
    char path[DISK_PATH_MAX], why[CODEC_JSON_ERROR_MAX];
    struct disk_stat st;
    *o = (struct opened){.tree = r->tree, .where = s, .log = tool_log, .log_ctx = lines};
    if (!files_path(path, s->dir, "meta.key") || disk_stat(r->tree->disk, path, &st) == 0)
        return false;
    bool known = files_path(path, s->dir, "meta.inf") &&
                 files_read(r->tree->disk, path, 16u << 20, &o->meta.json) == STORE_OK &&
                 config_read(buf_view(&o->meta.json), &o->config, why) &&
                 slice_eq_str(o->config.name, s->name);
    if (!known) {
        config_free(&o->config);
        o->meta.json.len = 0;
        o->config.name = slice_str(s->name);
        o->config.retention = SLICE_LIT("limits");
    }
    struct file_store_options opt = config_options(&o->config, false);
    opt.host = &r->tree->host;
    opt.dir = s->dir;
    opt.now = INT64_MIN;
    opt.sync = STORE_SYNC_NEVER;
    if (file_store_open(&opt, &o->store) != STORE_OK)
        return false;
    if (!known)
        tool_damage(r->tool, s, "its configuration is made anew: limits and all else are the defaults");
    return known || make_meta(o);
}

/* ---- copying ---- */

static enum store_rc copy_message(struct store *to, const struct store_msg *m, uint64_t *next)
{
    uint64_t seq;
    enum store_rc rc = STORE_OK;
    if (m->seq > *next)
        rc = store_skip(to, *next, m->seq - *next, m->ts);
    struct store_append a = {.seq = m->seq,
                             .ts = m->ts,
                             .ttl_s = msg_ttl(m->hdr),
                             .subject = m->subject,
                             .hdr = m->hdr,
                             .data = m->data};
    if (rc == STORE_OK)
        rc = store_append(to, &a, m->ts, &seq);
    *next = m->seq + 1;
    return rc;
}

/* The disk does not give what lies from here on. */
static void tell_unread(struct salvage_run *r, const struct tree_stream *s, uint64_t from, enum store_rc rc)
{
    char text[128];
    snprintf(text, sizeof text, "messages from %llu on are not salvaged: %s", (unsigned long long)from,
             store_rc_text(rc));
    tool_damage(r->tool, s, text);
}

static enum store_rc copy_messages(struct salvage_run *r, struct opened *o, struct store *to)
{
    struct store_msg batch[64];
    struct store_state st;
    uint64_t at = 0, next;
    size_t n;
    enum store_rc rc = STORE_OK;
    store_state(o->store, &st);
    next = st.first > 0 ? st.first : 1;
    while (rc == STORE_OK) {
        uint64_t here = at > st.first ? at : st.first;
        enum store_rc read = store_batch(o->store, STORE_ALL, at, batch, 64, &n, &at);
        if (read != STORE_OK && read != STORE_EOF)
            tell_unread(r, o->where, here, read);
        if (read != STORE_OK)
            break;
        for (size_t i = 0; rc == STORE_OK && i < n; i++) {
            rc = copy_message(to, &batch[i], &next);
            r->done += record_size(batch[i].subject.len, batch[i].hdr.len, batch[i].data.len);
            r->messages++;
        }
        if (rc == STORE_OK)
            rc = store_commit(to);
        progress_at(&r->progress, r->done);
    }
    if (rc == STORE_OK && st.last >= next)
        rc = store_skip(to, next, st.last - next + 1, st.last_ts);
    return rc;
}

static bool target_dir(const struct tool *t, const struct tree_stream *s, char out[DISK_PATH_MAX])
{
    int n = snprintf(out, DISK_PATH_MAX, "%s/jetstream/%s/streams/%s", t->out_dir, s->account, s->name);
    return n > 0 && n < DISK_PATH_MAX;
}

static enum store_rc copy_consumer(struct salvage_run *r, struct opened *o, const char *dir,
                                   struct tree_consumer *c)
{
    char obs[DISK_PATH_MAX], path[DISK_PATH_MAX], why[64];
    if (!files_path(obs, dir, "obs") || !files_path(path, obs, c->name))
        return STORE_INVALID;
    struct consumer_store *to;
    struct consumer_store_options opt = {.host = &r->host,
                                         .dir = path,
                                         .stream = o->config.name,
                                         .name = slice_str(c->name),
                                         .meta = buf_view(&c->config),
                                         .keys = o->keys};
    enum store_rc rc = consumer_store_open(&opt, &to, why);
    if (rc != STORE_OK)
        return rc;
    if (c->has_state)
        rc = consumer_store_update(to, &c->state, true, now_ns(), why);
    if (rc == STORE_OK)
        return consumer_store_close(to, now_ns());
    (void)consumer_store_destroy(to); /* without its state it would begin anew */
    return rc;
}

static void copy_consumers(struct salvage_run *r, struct opened *o, const char *dir)
{
    struct tree_consumer *list;
    size_t count;
    char text[1600];
    bool listed = tree_consumers(o, &list, &count);
    if (!listed)
        tool_damage(r->tool, o->where, "the folder of its consumers cannot be read");
    for (size_t i = 0; listed && i < count; i++) {
        enum store_rc rc = list[i].good ? copy_consumer(r, o, dir, &list[i]) : STORE_CORRUPT;
        snprintf(text, sizeof text, "consumer %s is not salvaged: %s", list[i].name,
                 list[i].good ? store_rc_text(rc) : list[i].why);
        if (rc != STORE_OK)
            tool_damage(r->tool, o->where, text);
    }
    tree_free_consumers(list, count);
}

/* Positions of sources stand in a file of their own, always plain. */
static void copy_sources(struct salvage_run *r, const struct tree_stream *s, const char *dir)
{
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
    struct byte_buf file = {0};
    if (files_path(from, s->dir, "sources.db") && files_path(to, dir, "sources.db") &&
        files_read(r->tree->disk, from, 1u << 30, &file) == STORE_OK &&
        files_write(r->disk, to, buf_view(&file), dir) != STORE_OK)
        tool_damage(r->tool, s, "sources.db is not salvaged");
    buf_free(&file);
}

static enum store_rc copy_stream(struct salvage_run *r, struct opened *o, const char *dir)
{
    struct file_store_options opt = config_options(&o->config, o->meta.encrypted);
    struct store_state st;
    struct store *to;
    store_state(o->store, &st);
    opt.host = &r->host;
    opt.dir = dir;
    opt.meta = buf_view(&o->meta.json);
    opt.keys = o->keys;
    opt.sync = STORE_SYNC_NEVER;
    opt.now = INT64_MIN;
    opt.first_seq = st.first;
    /* What the limits had to remove is gone already; what they would now is the server's to say. */
    opt.limits = (struct store_limits){.allow_ttl = opt.limits.allow_ttl};
    enum store_rc rc = file_store_open(&opt, &to);
    if (rc != STORE_OK)
        return rc;
    rc = copy_messages(r, o, to);
    enum store_rc closed = store_close(to, now_ns());
    return rc == STORE_OK ? closed : rc;
}

static void tell_lost(struct salvage_run *r, struct opened *o)
{
    struct store_lost lost[64];
    size_t count = 0;
    uint64_t bytes = 0;
    char text[128];
    store_lost_data(o->store, lost, 64, &count, &bytes);
    for (size_t i = 0; i < count && i < 64; i++) {
        snprintf(text, sizeof text, "messages %llu to %llu are lost", (unsigned long long)lost[i].first,
                 (unsigned long long)lost[i].last);
        if (lost[i].first > 0)
            tool_damage(r->tool, o->where, text);
    }
}

static void repair_stream(struct salvage_run *r, const struct tree_stream *s)
{
    struct opened o;
    char why[1200] = "", dir[DISK_PATH_MAX], text[1300];
    struct tool_lines lines = {r->tool, s};
    bool good = tree_open_stream(r->tree, s, &o, tool_log, &lines, why);
    if (!good) {
        tool_damage(r->tool, s, why);
        opened_close(&o);
        good = open_anyhow(r, s, &o, &lines);
    }
    enum store_rc rc = good && target_dir(r->tool, s, dir) ? copy_stream(r, &o, dir) : STORE_INVALID;
    if (rc == STORE_OK) {
        r->streams++;
        tell_lost(r, &o);
        copy_consumers(r, &o, dir);
        copy_sources(r, s, dir);
    } else {
        snprintf(text, sizeof text, "it is not salvaged%s%s", good ? ": " : "",
                 good ? store_rc_text(rc) : "");
        tool_damage(r->tool, s, text);
    }
    opened_close(&o);
}

static bool start_target(struct salvage_run *r, const char *out_dir)
{
    char root[DISK_PATH_MAX];
    struct disk_stat st;
    r->disk = disk_posix();
    if (!files_path(root, out_dir, "jetstream"))
        return false;
    if (disk_stat(r->disk, root, &st) == 0) {
        fprintf(stderr, "midge-store: %s: there is a store already\n", out_dir);
        return false;
    }
    struct storage_options so = {.disk = r->disk, .dir = root};
    if (files_make_dirs(r->disk, root, true) != STORE_OK || storage_open(&so, &r->storage) < 0) {
        fprintf(stderr, "midge-store: %s: cannot be written\n", out_dir);
        return false;
    }
    r->host = (struct store_host){.disk = r->disk,
                                  .port = storage_port_new(r->storage, NULL, NULL),
                                  .cache = store_cache_new(TREE_CACHE),
                                  .random = r->tree->host.random};
    return r->host.port != NULL && r->host.cache != NULL;
}

int tool_repair(struct tool *t)
{
    struct tree tree;
    struct salvage_run r = {.tool = t, .tree = &tree};
    if (!tool_open(t, &tree))
        return TOOL_TROUBLE;
    if (!start_target(&r, t->out_dir)) {
        tree_close(&tree);
        return TOOL_TROUBLE;
    }
    tool_progress(t, &r.progress, tree_bytes(&tree), true);
    for (size_t i = 0; i < tree.count; i++)
        repair_stream(&r, &tree.streams[i]);
    progress_end(&r.progress, true);
    storage_port_free(r.host.port);
    if (storage_close(r.storage) < 0)
        t->write_failed = true;
    store_cache_free(r.host.cache);
    fprintf(t->out, "%zu of %zu streams with %llu messages are in %s\n", r.streams, tree.count,
            (unsigned long long)r.messages, t->out_dir);
    return tool_end(t, &tree);
}
