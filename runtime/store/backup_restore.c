/* Restoring a backup: unpacked, stored aside, moved into place. */
#include "store/backup_json.h"
#include "store/backup_tar.h"

#include "base/s2.h"
#include "store/consumer_store.h"
#include "store/files.h"
#include "store/meta_file.h"
#include "store/msg_ttl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define MAGIC     "NATSARC1"
#define MAGIC_LEN 8

enum form { FORM_UNKNOWN, FORM_ARCHIVE, FORM_TAR };

struct restore {
    struct restore_options opt;
    struct disk *disk;
    struct s2_reader s2;
    struct byte_buf packed; /* bytes not yet unpacked */
    struct byte_buf plain;  /* of an entry that is not whole yet */
    enum form form;
    struct tar_reader tar;
    struct store *store; /* version 2: once the state is known */
    struct store_state state;
    uint64_t next;  /* sequence */
    uint64_t since; /* bytes stored since the last commit */
    bool ended;     /* the end mark was there */
    bool in_place;
    char why[256];
};

static enum store_rc fail(struct restore *r, enum store_rc rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static enum store_rc fail(struct restore *r, enum store_rc rc, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, args);
    va_end(args);
    return rc;
}

static enum store_rc invalid(struct restore *r)
{
    return fail(r, STORE_CORRUPT, "archive: invalid archive stream");
}

static enum store_rc not_admitted(struct restore *r)
{
    return fail(r, STORE_MAX_BYTES, "insufficient storage resources available");
}

enum store_rc restore_new(const struct restore_options *o, struct restore **out)
{
    struct restore *r = calloc(1, sizeof *r);
    if (r == NULL)
        return STORE_NO_MEMORY;
    r->opt = *o;
    r->disk = o->store.host->disk;
    r->tar = (struct tar_reader){.disk = r->disk, .opt = &r->opt};
    enum store_rc rc = files_remove_tree(r->disk, o->staging);
    if (rc == STORE_OK)
        rc = files_make_dirs(r->disk, o->staging, false);
    if (rc == STORE_OK) {
        *out = r;
        return rc;
    }
    files_remove_tree(r->disk, o->staging);
    free(r);
    return rc;
}

const char *restore_why(const struct restore *r)
{
    return r->why;
}

void restore_free(struct restore *r)
{
    if (r == NULL)
        return;
    tar_close(&r->tar);
    if (r->store != NULL)
        store_destroy(r->store);
    if (!r->in_place)
        files_remove_tree(r->disk, r->opt.staging);
    s2_reader_free(&r->s2);
    buf_free(&r->packed);
    buf_free(&r->plain);
    free(r);
}

/* ---- version 2: entries ---- */

struct entry {
    slice name;
    int64_t ts;
    uint64_t seq;
    slice hdr;
    slice data;
};

static enum store_rc open_staging(struct restore *r)
{
    struct file_store_options o = r->opt.store;
    o.dir = r->opt.staging;
    o.first_seq = r->state.first;
    o.sync = STORE_SYNC_NEVER; /* synced as a whole at the end */
    /* The backup is what it is: its limits are enforced when the stream is opened in its place. */
    o.limits = (struct store_limits){.allow_ttl = o.limits.allow_ttl};
    o.hooks = (struct store_hooks){0};
    r->next = r->state.first > 0 ? r->state.first : 1;
    return file_store_open(&o, &r->store);
}

static enum store_rc take_state(struct restore *r, const struct entry *e)
{
    if (r->store != NULL || !backup_get_state(e->data, &r->state))
        return invalid(r);
    if (r->opt.admit != NULL && !r->opt.admit(r->opt.ctx, r->state.msgs, r->state.bytes))
        return not_admitted(r);
    enum store_rc rc = open_staging(r);
    return rc == STORE_OK ? rc : fail(r, rc, "%s", store_rc_text(rc));
}

/* A name that can be that of a folder. */
static bool is_name(slice s)
{
    bool dots = slice_eq_str(s, ".") || slice_eq_str(s, "..");
    return s.len > 0 && s.len <= 255 && !dots && memchr(s.ptr, '/', s.len) == NULL &&
           memchr(s.ptr, 0, s.len) == NULL;
}

static enum store_rc write_consumer(struct restore *r, slice name, slice config, struct consumer_state *state)
{
    char dir[DISK_PATH_MAX], why[64] = "";
    struct byte_buf meta = {0};
    struct consumer_store *c;
    int64_t now = r->opt.store.now;
    int n = snprintf(dir, sizeof dir, "%s/obs/%.*s", r->opt.staging, (int)name.len, (const char *)name.ptr);
    backup_put_consumer_meta(&meta, name, config, now);
    enum store_rc rc = meta.failed ? STORE_NO_MEMORY : n >= (int)sizeof dir ? STORE_INVALID : STORE_OK;
    struct consumer_store_options o = {.host = r->opt.store.host,
                                       .dir = dir,
                                       .stream = r->opt.store.name,
                                       .name = name,
                                       .meta = buf_view(&meta),
                                       .keys = r->opt.store.keys,
                                       .sync = true};
    if (rc == STORE_OK)
        rc = consumer_store_open(&o, &c, why);
    if (rc == STORE_OK) {
        rc = consumer_store_update(c, state, true, now, why);
        enum store_rc closed = consumer_store_close(c, now);
        rc = rc == STORE_OK ? closed : rc;
    }
    buf_free(&meta);
    return rc;
}

static enum store_rc take_consumer(struct restore *r, const struct entry *e)
{
    slice name = slice_from(e->name, 10), config;
    struct consumer_state state = {0};
    enum store_rc rc = STORE_CORRUPT;
    if (r->store != NULL && is_name(name) && backup_get_consumer(e->data, &config, &state))
        rc = write_consumer(r, name, config, &state);
    consumer_state_free(&state);
    return rc == STORE_OK ? rc
                          : fail(r, rc, "error restoring consumer [\"%.*s\"]: %s",
                                 (int)(name.len < 128 ? name.len : 128), (const char *)slice_ptr(name),
                                 store_rc_text(rc));
}

static enum store_rc skip_to(struct restore *r, uint64_t seq, int64_t ts)
{
    enum store_rc rc = seq > r->next ? store_skip(r->store, r->next, seq - r->next, ts) : STORE_OK;
    r->next = seq;
    return rc;
}

/* A message can have got this subject from a client: it is not empty and ends no field of a protocol line.
 * With any other it would be a line of its own to those to whom it is delivered. */
static bool is_subject(slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == ' ' || (s.ptr[i] >= '\t' && s.ptr[i] <= '\r'))
            return false;
    }
    return s.len > 0;
}

static bool above(int64_t bound, uint64_t size)
{
    return bound > 0 && size > (uint64_t)bound;
}

/* What is there may turn out to be more than the state has said. */
static enum store_rc admit_more(struct restore *r)
{
    struct store_state st;
    store_state(r->store, &st);
    if (st.msgs <= r->state.msgs && st.bytes <= r->state.bytes)
        return STORE_OK;
    r->state.msgs = st.msgs > r->state.msgs ? st.msgs : r->state.msgs;
    r->state.bytes = st.bytes > r->state.bytes ? st.bytes : r->state.bytes;
    bool admitted = r->opt.admit == NULL || r->opt.admit(r->opt.ctx, r->state.msgs, r->state.bytes);
    return admitted ? STORE_OK : not_admitted(r);
}

static enum store_rc take_message(struct restore *r, const struct entry *e)
{
    unsigned long long seq = e->seq;
    uint64_t size = e->hdr.len + e->data.len, got;
    int64_t ttl = msg_ttl(e->hdr), due;
    if (r->store == NULL || !is_subject(e->name))
        return invalid(r);
    if (e->seq < r->next || e->seq > r->state.last)
        return fail(r, STORE_CORRUPT, "message sequence %llu out of order", seq);
    if (above(r->opt.max_payload, size))
        return fail(r, STORE_TOO_LARGE, "message sequence %llu exceeds maximum payload size", seq);
    if (above(r->opt.max_msg_size, size))
        return fail(r, STORE_TOO_LARGE, "message sequence %llu exceeds maximum message size", seq);
    enum store_rc rc = skip_to(r, e->seq, e->ts);
    bool expired = ttl > 0 && r->opt.store.limits.allow_ttl &&
                   !__builtin_mul_overflow(ttl, 1000000000, &due) &&
                   !__builtin_add_overflow(due, e->ts, &due) && due <= r->opt.store.now;
    struct store_append a = {
        .seq = e->seq, .ts = e->ts, .ttl_s = ttl, .subject = e->name, .hdr = e->hdr, .data = e->data};
    if (rc == STORE_OK && !expired) {
        rc = store_append(r->store, &a, e->ts, &got);
        r->next = e->seq + 1;
    }
    r->since += size;
    if (rc == STORE_OK && r->since > BACKUP_PIECE) {
        r->since = 0;
        rc = store_commit(r->store);
    }
    if (rc == STORE_OK)
        return admit_more(r);
    return fail(r, rc, "%s", store_rc_text(rc));
}

static enum store_rc take_entry(struct restore *r, const struct entry *e)
{
    if (r->ended)
        return invalid(r);
    if (e->name.len == 0 && e->seq == 0) {
        r->ended = true;
        return r->store != NULL ? STORE_OK : invalid(r);
    }
    if (e->seq > 0)
        return take_message(r, e);
    if (slice_eq_str(e->name, "state.json"))
        return take_state(r, e);
    return slice_starts(e->name, SLICE_LIT("consumers/")) ? take_consumer(r, e) : invalid(r);
}

/* The entry at the front; its size, 0 when it is not whole yet. STORE_CORRUPT: it cannot be one. */
static enum store_rc read_entry(slice in, struct entry *e, size_t *size)
{
    struct byte_reader b = byte_reader_of(in);
    uint64_t name = take_uv(&b);
    e->ts = take_sv(&b);
    e->seq = take_uv(&b);
    uint64_t hdr = take_uv(&b), data = take_uv(&b);
    *size = 0;
    if (b.bad)
        return in.len < (size_t)5 * UV_MAX_BYTES ? STORE_OK : STORE_CORRUPT;
    if (name > 1048576 || hdr > BACKUP_ENTRY_MAX || data > BACKUP_ENTRY_MAX ||
        name + hdr + data > BACKUP_ENTRY_MAX)
        return STORE_CORRUPT;
    if (reader_left(&b) < name + hdr + data)
        return STORE_OK;
    e->name = take_bytes(&b, name);
    e->hdr = take_bytes(&b, hdr);
    e->data = take_bytes(&b, data);
    *size = in.len - reader_left(&b);
    return STORE_OK;
}

/* All whole entries of `in`; what is left of it. */
static enum store_rc take_entries(struct restore *r, slice *in)
{
    struct entry e;
    size_t size;
    for (;;) {
        if (r->ended)
            return in->len == 0 ? STORE_OK : invalid(r);
        if (read_entry(*in, &e, &size) != STORE_OK)
            return invalid(r);
        if (size == 0)
            return STORE_OK;
        enum store_rc rc = take_entry(r, &e);
        if (rc != STORE_OK)
            return rc;
        *in = slice_from(*in, size);
    }
}

/* ---- both versions: unpacked bytes ---- */

static enum store_rc take_plain(struct restore *r, slice bytes)
{
    slice in = bytes;
    enum store_rc rc = STORE_OK;
    if (r->plain.len > 0 || r->form == FORM_UNKNOWN) {
        buf_slice(&r->plain, bytes);
        if (r->plain.failed)
            return fail(r, STORE_NO_MEMORY, "out of memory");
        in = buf_view(&r->plain);
    }
    if (r->form == FORM_UNKNOWN) {
        if (in.len < MAGIC_LEN)
            return STORE_OK;
        r->form = memcmp(in.ptr, MAGIC, MAGIC_LEN) == 0 ? FORM_ARCHIVE : FORM_TAR;
        if (r->form == FORM_ARCHIVE)
            in = slice_from(in, MAGIC_LEN);
    }
    if (r->form == FORM_TAR) {
        rc = tar_feed(&r->tar, in);
        in = SLICE_EMPTY;
        if (rc == STORE_MAX_BYTES)
            not_admitted(r);
        else if (rc == STORE_CORRUPT && r->tar.outside)
            fail(r, rc, "unexpected content (account=%.*s)", (int)r->opt.account.len,
                 (const char *)slice_ptr(r->opt.account));
        else if (rc != STORE_OK)
            fail(r, rc, "%s", rc == STORE_CORRUPT ? "archive/tar: invalid tar header" : store_rc_text(rc));
    } else {
        rc = take_entries(r, &in);
    }
    if (rc != STORE_OK)
        return rc;
    /* Keep what is left; it may be the front of a large entry, or nothing of a buffer that was large. */
    struct byte_buf rest = {0};
    if (in.len > 0 && in.ptr == r->plain.ptr)
        return STORE_OK;
    buf_slice(&rest, in);
    buf_free(&r->plain);
    r->plain = rest;
    return r->plain.failed ? fail(r, STORE_NO_MEMORY, "out of memory") : STORE_OK;
}

enum store_rc restore_feed(struct restore *r, slice bytes)
{
    if (r->why[0] != 0)
        return STORE_CORRUPT;
    buf_slice(&r->packed, bytes);
    if (r->packed.failed)
        return fail(r, STORE_NO_MEMORY, "out of memory");
    slice in = buf_view(&r->packed);
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK) {
        size_t used;
        slice out;
        enum s2_rc s = s2_reader_next(&r->s2, in, &used, &out);
        if (s != S2_OK && s != S2_MORE)
            return fail(r, STORE_CORRUPT, "%s", s2_rc_text(s));
        in = slice_from(in, used);
        if (s == S2_MORE)
            break;
        rc = take_plain(r, out);
    }
    if (rc == STORE_OK) {
        if (in.len > 0)
            memmove(r->packed.ptr, in.ptr, in.len);
        r->packed.len = in.len;
    }
    return rc;
}

/* ---- the end ---- */

/* Each record is read, whatever index.db says of it: damage is found (and reported by store_lost_data), and
 * subjects that cannot be. */
static enum store_rc check_messages(struct store *s)
{
    struct store_msg m;
    enum store_rc rc;
    for (uint64_t seq = 0; (rc = store_next(s, STORE_ALL, seq, &m, NULL)) == STORE_OK; seq = m.seq + 1) {
        if (!is_subject(m.subject))
            return STORE_CORRUPT;
    }
    return rc == STORE_EOF ? STORE_OK : rc;
}

/* The stream that the tar holds is the one that was asked for, and it opens. */
static enum store_rc check_tar(struct restore *r)
{
    slice name = r->opt.store.name;
    struct hash_key sum = hash_key_of(name);
    struct meta_file m;
    struct store_keys none = {.info = r->opt.store.keys.info};
    if (!tar_complete(&r->tar))
        return fail(r, STORE_CORRUPT, "unexpected EOF");
    /* meta.sum is made under the stream's name: of another stream it does not match. */
    enum meta_fault fault = meta_read(r->disk, r->opt.staging, &sum, true, &none, name, &m);
    meta_free(&m);
    if (fault == META_SUM_DIFFERS)
        return fail(r, STORE_CORRUPT, "stream names do not match");
    if (fault != META_GOOD)
        return fail(r, STORE_CORRUPT, "unable to read the stream's metadata");
    struct file_store_options o = r->opt.store;
    o.dir = r->opt.staging;
    o.hooks = (struct store_hooks){0};
    enum store_rc rc = file_store_open(&o, &r->store); /* encrypts it where that is wanted */
    struct store_lost lost[1];
    size_t count = 0;
    uint64_t bytes = 0;
    if (rc == STORE_OK)
        rc = check_messages(r->store);
    if (rc == STORE_OK)
        rc = store_lost_data(r->store, lost, 1, &count, &bytes);
    if (rc == STORE_OK && count > 0)
        rc = STORE_CORRUPT;
    return rc == STORE_OK ? rc : fail(r, rc, "%s", store_rc_text(rc));
}

/* Each consumer's folder opens; an encrypting server encrypts it so. */
static enum store_rc check_tar_consumers(struct restore *r)
{
    char obs[DISK_PATH_MAX], dir[DISK_PATH_MAX], why[64] = "";
    struct files_list l;
    struct disk_stat st;
    enum store_rc rc =
        files_path(obs, r->opt.staging, "obs") ? files_list_dir(r->disk, obs, &l) : STORE_INVALID;
    if (rc != STORE_OK)
        return rc == STORE_NOT_FOUND ? STORE_OK : rc; /* it has no consumers */
    for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
        char path[DISK_PATH_MAX];
        bool whole = files_path(dir, obs, l.names[i]);
        whole = whole && files_path(path, dir, "meta.inf") && disk_stat(r->disk, path, &st) == 0;
        whole = whole && files_path(path, dir, "meta.sum") && disk_stat(r->disk, path, &st) == 0;
        struct consumer_store *c;
        struct consumer_store_options o = {.host = r->opt.store.host,
                                           .dir = dir,
                                           .stream = r->opt.store.name,
                                           .name = slice_str(l.names[i]),
                                           .keys = r->opt.store.keys,
                                           .sync = true};
        rc = whole ? consumer_store_open(&o, &c, why) : STORE_NOT_FOUND;
        if (rc == STORE_OK)
            rc = consumer_store_close(c, r->opt.store.now);
        if (rc != STORE_OK)
            fail(r, rc, "error restoring consumer [\"%s\"]: %s", l.names[i],
                 why[0] != 0 ? why : store_rc_text(rc));
    }
    files_free_list(&l);
    return rc;
}

/* Nobody has the name: what lies there is at most what a crash has left of a stream. Where that cannot be
 * told, nothing is touched. */
static enum store_rc make_way(struct restore *r, const char *dir, const char *parent)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (!files_path(path, dir, "meta.inf"))
        return STORE_INVALID;
    int there = disk_stat(r->disk, path, &st);
    if (there == 0)
        return fail(r, STORE_INVALID, "stream name already in use, cannot restore");
    if (there != -ENOENT)
        return files_rc(there);
    enum store_rc rc = files_make_dirs(r->disk, parent, true);
    return rc == STORE_OK ? files_remove_tree(r->disk, dir) : rc;
}

/* With all in it synced, the rename is the moment from which the stream is there. */
static enum store_rc move_into_place(struct restore *r)
{
    char parent[DISK_PATH_MAX];
    const char *dir = r->opt.store.dir, *slash = strrchr(dir, '/');
    if (slash == NULL || slash - dir >= DISK_PATH_MAX)
        return STORE_INVALID;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - dir), dir);
    enum store_rc rc = make_way(r, dir, parent);
    if (rc == STORE_OK)
        rc = files_sync_tree(r->disk, r->opt.staging);
    if (rc == STORE_OK)
        rc = files_rc(disk_rename(r->disk, r->opt.staging, dir));
    if (rc != STORE_OK)
        return rc;
    rc = files_rc(disk_sync_dir(r->disk, parent));
    /* It is not said to be there, so it must not be. Back first, so that no crash leaves a part of it. */
    if (rc != STORE_OK && disk_rename(r->disk, dir, r->opt.staging) != 0)
        files_remove_tree(r->disk, dir);
    r->in_place = rc == STORE_OK;
    return rc;
}

enum store_rc restore_finish(struct restore *r)
{
    enum store_rc rc = r->why[0] != 0 ? STORE_CORRUPT : STORE_OK;
    if (rc == STORE_OK && r->packed.len > 0)
        return fail(r, STORE_CORRUPT, "unexpected EOF");
    if (rc == STORE_OK && r->form == FORM_TAR)
        rc = check_tar(r);
    else if (rc == STORE_OK && !r->ended)
        return fail(r, STORE_CORRUPT, "EOF");
    else if (rc == STORE_OK && r->state.last >= r->next)
        rc = skip_to(r, r->state.last + 1, r->opt.store.now);
    if (rc == STORE_OK) {
        rc = store_close(r->store, r->opt.store.now);
        r->store = NULL;
    }
    if (rc == STORE_OK && r->form == FORM_TAR)
        rc = check_tar_consumers(r);
    if (rc == STORE_OK)
        rc = move_into_place(r);
    if (rc != STORE_OK && r->why[0] == 0)
        fail(r, rc, "%s", store_rc_text(rc));
    return rc;
}
