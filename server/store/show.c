/* ls, info and dump: what lies in a store directory. */
#include "server/store/tool.h"

#include <midge/subject.h>
#include <stdlib.h>

/* ---- ls ---- */

static int count_folder(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    *(uint64_t *)ctx += is_dir;
    return 0;
}

static uint64_t consumer_folders(struct tree *tree, const struct tree_stream *s)
{
    char obs[DISK_PATH_MAX];
    uint64_t n = 0;
    if (files_path(obs, s->dir, "obs"))
        disk_list(tree->disk, obs, count_folder, &n);
    return n;
}

static void list_one(struct tool *t, struct tree *tree, const struct tree_stream *s)
{
    struct opened o;
    char why[1200] = "", bytes[32];
    bool good = tree_read_meta(tree, s, &o, why);
    uint64_t files, size = tree_stream_bytes(tree, s, &files);
    uint64_t consumers = consumer_folders(tree, s);
    if (t->format == TOOL_TEXT) {
        fprintf(t->out, "%-16s %-32s %10s in %4llu files, %3llu consumers%s%s\n", s->account, s->name,
                tool_bytes(size, bytes), (unsigned long long)files, (unsigned long long)consumers,
                o.meta.encrypted ? ", encrypted" : "", good ? "" : ", unreadable");
    } else {
        struct codec_member m[] = {
            tool_text("account", slice_str(s->account)),
            tool_text("stream", slice_str(s->name)),
            tool_number("file_bytes", size),
            tool_number("files", files),
            tool_number("consumers", consumers),
            {SLICE_LIT("encrypted"), codec_value_bool(o.meta.encrypted)},
            {SLICE_LIT("readable"), codec_value_bool(good)},
        };
        tool_emit(t, m, sizeof m / sizeof m[0]);
    }
    if (!good)
        tool_damage(t, s, why);
    opened_close(&o);
}

int tool_ls(struct tool *t)
{
    struct tree tree;
    if (!tool_open(t, &tree))
        return TOOL_TROUBLE;
    for (size_t i = 0; i < tree.count; i++)
        list_one(t, &tree, &tree.streams[i]);
    return tool_end(t, &tree);
}

/* ---- info ---- */

static struct codec_value position(struct codec_member m[2], const struct consumer_position *p)
{
    struct codec_value v = {.type = CODEC_VALUE_OBJECT};
    m[0] = tool_number("consumer_seq", p->consumer);
    m[1] = tool_number("stream_seq", p->stream);
    v.object.items = m;
    v.object.count = 2;
    return v;
}

/* What a consumer's object is made of. */
struct consumer_parts {
    struct codec_member delivered[2];
    struct codec_member floor[2];
    struct codec_member members[5];
};

static struct codec_value consumer_value(struct consumer_parts *p, const struct tree_consumer *c)
{
    struct codec_value v = {.type = CODEC_VALUE_OBJECT};
    size_t n = 0;
    p->members[n++] = tool_text("name", slice_str(c->name));
    if (c->good) {
        p->members[n++] =
            (struct codec_member){SLICE_LIT("delivered"), position(p->delivered, &c->state.delivered)};
        p->members[n++] = (struct codec_member){SLICE_LIT("ack_floor"), position(p->floor, &c->state.floor)};
        p->members[n++] = tool_number("num_ack_pending", c->state.pending.count);
        p->members[n++] = tool_number("num_redelivered", c->state.redelivered.count);
    } else {
        p->members[n++] = tool_text("error", slice_str(c->why));
    }
    v.object.items = p->members;
    v.object.count = n;
    return v;
}

static void info_data(struct tool *t, const struct tree_stream *s, const struct store_state *st,
                      const struct tree_consumer *consumers, size_t count)
{
    char first[40], last[40];
    struct consumer_parts *parts = calloc(count + 1, sizeof *parts);
    struct codec_value *values = calloc(count + 1, sizeof *values);
    if (parts == NULL || values == NULL) {
        t->write_failed = true;
        free(parts);
        free(values);
        return;
    }
    for (size_t i = 0; i < count; i++)
        values[i] = consumer_value(&parts[i], &consumers[i]);
    struct codec_value list = {.type = CODEC_VALUE_ARRAY};
    list.array.items = values;
    list.array.count = count;
    time_text(st->first_ts, first);
    time_text(st->last_ts, last);
    struct codec_member m[] = {
        tool_text("account", slice_str(s->account)),
        tool_text("stream", slice_str(s->name)),
        tool_number("messages", st->msgs),
        tool_number("bytes", st->bytes),
        tool_number("first_seq", st->first),
        tool_number("last_seq", st->last),
        tool_number("num_deleted", st->num_deleted),
        tool_number("num_subjects", st->num_subjects),
        tool_number("consumers", count),
        tool_text("first_ts", slice_str(first)),
        tool_text("last_ts", slice_str(last)),
        {SLICE_LIT("consumer_states"), list},
    };
    tool_emit(t, m, sizeof m / sizeof m[0]);
    free(parts);
    free(values);
}

static void info_text(struct tool *t, const struct opened *o, const struct store_state *st,
                      const struct tree_consumer *consumers, size_t count)
{
    char a[32], b[32], first[40], last[40];
    uint64_t total, live;
    time_text(st->first_ts, first);
    time_text(st->last_ts, last);
    store_utilization(o->store, &total, &live);
    fprintf(t->out, "%s/%s%s\n", o->where->account, o->where->name, o->meta.encrypted ? " (encrypted)" : "");
    fprintf(t->out, "  messages   %s, %s, on %llu subjects\n", tool_count(st->msgs, a),
            tool_bytes(st->bytes, b), (unsigned long long)st->num_subjects);
    fprintf(t->out, "  first      %llu  %s\n", (unsigned long long)st->first, first);
    fprintf(t->out, "  last       %llu  %s\n", (unsigned long long)st->last, last);
    fprintf(t->out, "  deleted    %s\n", tool_count(st->num_deleted, a));
    fprintf(t->out, "  blocks     %s, %s of it live\n", tool_bytes(total, a), tool_bytes(live, b));
    for (size_t i = 0; i < count; i++) {
        const struct tree_consumer *c = &consumers[i];
        if (!c->good)
            fprintf(t->out, "  consumer   %s: %s\n", c->name, c->why);
        else
            fprintf(t->out, "  consumer   %s: delivered %llu, acknowledged to %llu, %zu pending\n", c->name,
                    (unsigned long long)c->state.delivered.stream, (unsigned long long)c->state.floor.stream,
                    c->state.pending.count);
    }
}

static void info_one(struct tool *t, struct tree *tree, const struct tree_stream *s)
{
    struct opened o;
    struct tree_consumer *consumers = NULL;
    size_t count = 0;
    char why[1200] = "";
    struct tool_lines lines = {t, s};
    if (!tree_open_stream(tree, s, &o, tool_log, &lines, why)) {
        tool_damage(t, s, why);
    } else if (!tree_consumers(&o, &consumers, &count)) {
        tool_damage(t, s, "the folder of its consumers cannot be read");
    } else {
        struct store_state st;
        store_state(o.store, &st);
        if (t->format == TOOL_TEXT)
            info_text(t, &o, &st, consumers, count);
        else
            info_data(t, s, &st, consumers, count);
        for (size_t i = 0; i < count; i++) {
            char text[1600];
            snprintf(text, sizeof text, "consumer %s: %s", consumers[i].name, consumers[i].why);
            if (!consumers[i].good)
                tool_damage(t, s, text);
        }
    }
    tree_free_consumers(consumers, count);
    opened_close(&o);
}

int tool_info(struct tool *t)
{
    struct tree tree;
    if (!tool_open(t, &tree))
        return TOOL_TROUBLE;
    for (size_t i = 0; i < tree.count; i++)
        info_one(t, &tree, &tree.streams[i]);
    return tool_end(t, &tree);
}

/* ---- dump ---- */

#define BATCH 256

static void dump_message(struct tool *t, const struct tree_stream *s, const struct store_msg *m)
{
    char time[40];
    time_text(m->ts, time);
    struct codec_member members[] = {
        tool_text("account", slice_str(s->account)),
        tool_text("stream", slice_str(s->name)),
        tool_number("seq", m->seq),
        tool_text("time", slice_str(time)),
        tool_text("subject", m->subject),
        tool_text("headers", m->hdr),
        tool_text("data", m->data),
    };
    tool_emit(t, members, sizeof members / sizeof members[0]);
}

static void dump_messages(struct tool *t, struct opened *o)
{
    struct store_filter filter = {&t->subject, 1};
    struct store_msg batch[BATCH];
    struct progress progress;
    struct store_state st;
    uint64_t at = t->from, done = 0;
    size_t n;
    store_state(o->store, &st);
    tool_progress(t, &progress, st.bytes, false);
    while (!t->write_failed && at <= t->to &&
           store_batch(o->store, filter, at, batch, BATCH, &n, &at) == STORE_OK) {
        for (size_t i = 0; i < n; i++) {
            const struct store_msg *m = &batch[i];
            done += m->subject.len + m->hdr.len + m->data.len + 30;
            if (m->seq <= t->to && m->ts >= t->since && m->ts <= t->until)
                dump_message(t, o->where, m);
        }
        progress_at(&progress, done);
    }
    progress_end(&progress, true);
}

/* What damage took, once it is known. */
static void tell_lost(struct tool *t, struct opened *o)
{
    struct store_lost lost[64];
    size_t count = 0;
    uint64_t bytes = 0;
    char text[256];
    if (store_lost_data(o->store, lost, 64, &count, &bytes) != STORE_OK)
        return;
    for (size_t i = 0; i < count && i < 64; i++) {
        if (lost[i].first == 0)
            continue;
        snprintf(text, sizeof text, "damaged: messages %llu to %llu", (unsigned long long)lost[i].first,
                 (unsigned long long)lost[i].last);
        tool_damage(t, o->where, text);
    }
    snprintf(text, sizeof text, "damaged: %llu bytes", (unsigned long long)bytes);
    if (bytes > 0)
        tool_damage(t, o->where, text);
}

int tool_dump(struct tool *t)
{
    struct tree tree;
    if (!tool_open(t, &tree))
        return TOOL_TROUBLE;
    for (size_t i = 0; i < tree.count && !t->write_failed; i++) {
        struct opened o;
        char why[1200] = "";
        struct tool_lines lines = {t, &tree.streams[i]};
        if (tree_open_stream(&tree, &tree.streams[i], &o, tool_log, &lines, why)) {
            dump_messages(t, &o);
            tell_lost(t, &o);
        } else {
            tool_damage(t, &tree.streams[i], why);
        }
        opened_close(&o);
    }
    return tool_end(t, &tree);
}
