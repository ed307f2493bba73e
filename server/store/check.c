#include "server/store/check.h"
#include "store/format/record.h"

#include <midge/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FINDINGS_MAX 10000 /* of one stream; more is more of the same */

void check_add(struct check *c, struct finding f, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(f.text, sizeof f.text, fmt, args);
    va_end(args);
    c->damages += f.kind == FINDING_DAMAGE;
    if (c->count == FINDINGS_MAX)
        return;
    if (c->count == c->cap) {
        size_t cap = c->cap == 0 ? 16 : c->cap * 2;
        struct finding *grown = realloc(c->findings, cap * sizeof *grown);
        if (grown == NULL)
            return; /* it is counted all the same */
        c->findings = grown;
        c->cap = cap;
    }
    c->findings[c->count++] = f;
}

void check_free(struct check *c)
{
    opened_close(&c->opened);
    free(c->findings);
    free(c->blocks);
    *c = (struct check){0};
}

/* ---- metadata ---- */

/* What 2.15 knows, spec/storage.md 4.1 and 4.2. */
static const char stream_members[] =
    " Created name description subjects retention max_consumers max_msgs max_bytes max_age "
    "max_msgs_per_subject max_msg_size discard storage num_replicas no_ack duplicate_window placement mirror "
    "sources compression first_seq subject_transform republish allow_direct mirror_direct "
    "discard_new_per_subject sealed deny_delete deny_purge allow_rollup_hdrs consumer_limits allow_msg_ttl "
    "subject_delete_marker_ttl allow_msg_counter allow_atomic allow_msg_schedules persist_mode allow_batched "
    "metadata ";
static const char consumer_members[] =
    " Created Name durable_name name description deliver_policy opt_start_seq opt_start_time ack_policy "
    "ack_wait max_deliver backoff filter_subject filter_subjects replay_policy rate_limit_bps sample_freq "
    "max_waiting max_ack_pending flow_control headers_only max_batch max_expires max_bytes deliver_subject "
    "deliver_group idle_heartbeat inactive_threshold num_replicas mem_storage direct sourcing metadata "
    "pause_until priority_groups priority_policy priority_timeout ";

/* Members that a server does not know keep what has them offline. */
static void check_members(struct check *c, const char *file, slice json, const char *known)
{
    struct codec_json *p = malloc(sizeof *p);
    struct codec_json_token tok;
    struct finding f = {.kind = FINDING_DAMAGE};
    snprintf(f.file, sizeof f.file, "%s", file);
    if (p == NULL)
        return;
    codec_json_init(p, json);
    enum codec_json_event e = codec_json_next(p, &tok);
    while (e == CODEC_JSON_OBJECT && codec_json_next(p, &tok) == CODEC_JSON_KEY) {
        char word[128];
        slice key = slice_make(tok.text.ptr + 1, tok.text.len - 2);
        snprintf(word, sizeof word, " %.*s ", (int)(key.len < 100 ? key.len : 100), (const char *)key.ptr);
        if (strstr(known, word) == NULL)
            check_add(c, f, "unknown member \"%.*s\": servers of version 2.15 keep it offline",
                      (int)(key.len < 100 ? key.len : 100), (const char *)key.ptr);
        enum codec_json_event value = codec_json_next(p, &tok);
        if (!codec_json_skip(p, value, &tok, NULL))
            break;
    }
    free(p);
}

/* ---- what the opened store says ---- */

static void on_log(void *ctx, const char *line)
{
    const char *at = strstr(line, "] ");
    check_add(ctx, FINDING(FINDING_NOTE, .file = ""), "a start says: %s", at != NULL ? at + 2 : line);
}

static void add_lost(struct check *c)
{
    struct store_lost lost[64];
    size_t count = 0;
    uint64_t bytes = 0;
    if (store_lost_data(c->opened.store, lost, 64, &count, &bytes) != STORE_OK)
        return;
    for (size_t i = 0; i < count && i < 64; i++) {
        if (lost[i].first > 0)
            check_add(c, FINDING(FINDING_DAMAGE, .seq = lost[i].first), "messages %llu to %llu are lost",
                      (unsigned long long)lost[i].first, (unsigned long long)lost[i].last);
    }
}

static bool add_messages(void *ctx, slice subject, const struct store_subject_state *s)
{
    (void)subject;
    *(uint64_t *)ctx += s->msgs;
    return true;
}

/* Every message is read, and the totals are what the messages add up to. */
static void walk_store(struct check *c)
{
    struct store *s = c->opened.store;
    struct store_msg batch[256];
    struct store_state st;
    uint64_t at = 0, bytes = 0, last = 0, by_subject = 0;
    size_t n;
    bool rising = true;
    store_state(s, &st);
    while (store_batch(s, STORE_ALL, at, batch, 256, &n, &at) == STORE_OK) {
        for (size_t i = 0; i < n; i++) {
            const struct store_msg *m = &batch[i];
            rising = rising && m->seq > last && m->seq >= st.first && m->seq <= st.last;
            last = m->seq;
            bytes += record_size(m->subject.len, m->hdr.len, m->data.len);
            c->messages++;
        }
    }
    if (c->messages != st.msgs)
        check_add(c, FINDING(FINDING_DAMAGE, .file = ""), "%llu of %llu messages can be read",
                  (unsigned long long)c->messages, (unsigned long long)st.msgs);
    else if (bytes != st.bytes)
        check_add(c, FINDING(FINDING_DAMAGE, .file = ""), "the messages take %llu bytes, not %llu",
                  (unsigned long long)bytes, (unsigned long long)st.bytes);
    if (!rising)
        check_add(c, FINDING(FINDING_DAMAGE, .file = ""), "the sequences do not rise within first and last");
    if (store_subjects(s, SLICE_EMPTY, add_messages, &by_subject) == STORE_OK && by_subject != st.msgs)
        check_add(c, FINDING(FINDING_DAMAGE, .file = ""), "the subjects hold %llu messages, not %llu",
                  (unsigned long long)by_subject, (unsigned long long)st.msgs);
    add_lost(c);
}

/* ---- consumers ---- */

static void check_state(struct check *c, const char *file, const struct consumer_state *s, uint64_t last)
{
    struct finding damage = {.kind = FINDING_DAMAGE}, note = {.kind = FINDING_NOTE};
    struct consumer_state none = {0};
    char text[64];
    snprintf(damage.file, sizeof damage.file, "%s", file);
    snprintf(note.file, sizeof note.file, "%s", file);
    const char *why = consumer_state_check(&none, s, false, text, sizeof text);
    if (why != NULL)
        check_add(c, damage, "%s", why);
    if (s->delivered.stream > last)
        check_add(c, note, "delivered sequence %llu past last stream sequence of %llu",
                  (unsigned long long)s->delivered.stream, (unsigned long long)last);
}

static void check_consumers(struct check *c, uint64_t last)
{
    struct tree_consumer *list;
    size_t count;
    if (!tree_consumers(&c->opened, &list, &count))
        check_add(c, FINDING(FINDING_DAMAGE, .file = "obs"), "the folder cannot be read");
    for (size_t i = 0; i < count; i++) {
        struct finding f = {.kind = FINDING_DAMAGE};
        snprintf(f.file, sizeof f.file, "obs/%s", list[i].name);
        if (!list[i].good)
            check_add(c, f, "%s", list[i].why);
        if (list[i].config.len > 0) {
            snprintf(f.file, sizeof f.file, "obs/%s/meta.inf", list[i].name);
            check_members(c, f.file, buf_view(&list[i].config), consumer_members);
        }
        snprintf(f.file, sizeof f.file, "obs/%s/o.dat", list[i].name);
        if (list[i].good)
            check_state(c, f.file, &list[i].state, last);
    }
    tree_free_consumers(list, count);
}

/* ---- all ---- */

static void check_purge(struct check *c)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (files_path(path, c->stream->dir, "__new_msgs__") && disk_stat(c->tree->disk, path, &st) == 0)
        check_add(c, FINDING(FINDING_NOTE, .file = "__new_msgs__"),
                  "a purge was cut off: a start completes or undoes it");
    if (files_path(path, c->stream->dir, "__msgs__") && disk_stat(c->tree->disk, path, &st) == 0)
        check_add(c, FINDING(FINDING_NOTE, .file = "__msgs__"), "left by a purge: a start removes it");
}

/* Without its metadata nothing of an encrypted stream can be read. */
static bool has_key(const struct check *c)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    return files_path(path, c->stream->dir, "meta.key") && disk_stat(c->tree->disk, path, &st) == 0;
}

void check_stream(struct check *c, struct tree *tree, const struct tree_stream *s)
{
    char why[1200] = "";
    struct store_state st;
    *c = (struct check){.tree = tree, .stream = s};
    /* The files first, as they lie there: opening changes what the overlay shows of them. */
    bool good = tree_read_meta(tree, s, &c->opened, why);
    if (!good)
        check_add(c, FINDING(FINDING_DAMAGE, .file = ""), "%s", why);
    else
        check_members(c, "meta.inf", buf_view(&c->opened.meta.json), stream_members);
    check_purge(c);
    if (good || !has_key(c)) {
        check_blocks(c);
        check_index(c);
        check_side_files(c);
    }
    opened_close(&c->opened);
    if (good && !tree_open_stream(tree, s, &c->opened, on_log, c, why))
        check_add(c, FINDING(FINDING_DAMAGE, .file = ""), "%s", why);
    else if (good) {
        walk_store(c);
        store_state(c->opened.store, &st);
        check_consumers(c, st.last);
    }
}
