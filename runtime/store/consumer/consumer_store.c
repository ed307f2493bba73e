#include "store/consumer_store.h"

#include "store/meta_file.h"

#include <stdio.h>

#define STATE_MAX (1ULL << 30)

struct consumer_store {
    struct store_host host;
    char *dir; /* NULL: in memory */
    char *stream;
    char *name;
    struct store_keys keys;
    struct consumer_policy policy;
    bool sync;
    bool encrypted;
    struct crypt_key key;
    struct consumer_state state;
    bool loaded; /* o.dat was there */
    bool dirty;
    int64_t tried_at; /* the last write, even one that failed; STORE_TIME_NONE: none */
};

static struct hash_key sum_key(const struct consumer_store *c)
{
    return hash_key_consumer(slice_str(c->stream), slice_str(c->name));
}

/* "stream.consumer" */
static slice key_context(const struct consumer_store *c, char *buf, size_t cap)
{
    int n = snprintf(buf, cap, "%s.%s", c->stream, c->name);
    return slice_make(buf, n < 0 || (size_t)n >= cap ? 0 : (size_t)n);
}

/* ---- files ---- */

static enum store_rc read_state(struct consumer_store *c, struct byte_buf *plain)
{
    char path[DISK_PATH_MAX];
    struct byte_buf file = {0};
    if (!files_path(path, c->dir, "o.dat"))
        return STORE_INVALID;
    enum store_rc rc = files_read(c->host.disk, path, STATE_MAX, &file);
    if (rc == STORE_OK && c->encrypted && file.len > 0) {
        if (!crypt_open(&c->key, buf_view(&file), plain)) /* the key is right: meta.inf is under it, too */
            rc = STORE_BAD_STATE;
    } else if (rc == STORE_OK) {
        *plain = file;
        return rc;
    }
    buf_free(&file);
    return rc;
}

static enum store_rc write_state(struct consumer_store *c, int64_t now)
{
    char path[DISK_PATH_MAX];
    struct byte_buf plain = {0}, sealed = {0};
    if (c->dir == NULL) {
        c->dirty = false;
        return STORE_OK;
    }
    if (!files_path(path, c->dir, "o.dat"))
        return STORE_INVALID;
    consumer_state_encode(&c->state, now, &plain);
    enum store_rc rc = plain.failed ? STORE_NO_MEMORY : STORE_OK;
    if (rc == STORE_OK && c->encrypted) {
        uint8_t nonce[CRYPT_NONCE_MAX];
        c->host.random(c->host.random_ctx, nonce, crypt_nonce_size(c->key.cipher));
        rc = crypt_seal(&c->key, nonce, buf_view(&plain), &sealed) ? STORE_OK : STORE_NO_MEMORY;
    }
    if (rc == STORE_OK)
        rc = files_write(c->host.disk, path, buf_view(c->encrypted ? &sealed : &plain),
                         c->sync ? c->dir : NULL);
    c->dirty = rc != STORE_OK;
    c->tried_at = now;
    buf_free(&plain);
    buf_free(&sealed);
    return rc;
}

/* The metadata under a new key, and the state with it, all as one. */
static enum store_rc convert(struct consumer_store *c, slice json)
{
    char context[1024];
    struct hash_key sum = sum_key(c);
    struct byte_buf plain = {0};
    enum store_rc rc = read_state(c, &plain);
    if (rc == STORE_OK || rc == STORE_NOT_FOUND) {
        slice state = buf_view(&plain);
        rc = meta_write_keyed(c->host.disk, c->dir, &sum, &c->keys, key_context(c, context, sizeof context),
                              c->host.random, c->host.random_ctx, json, rc == STORE_OK ? &state : NULL,
                              &c->key);
        c->encrypted = rc == STORE_OK;
    }
    buf_free(&plain);
    return rc;
}

static enum store_rc write_meta(struct consumer_store *c, slice json)
{
    struct hash_key sum = sum_key(c);
    return meta_write(c->host.disk, c->dir, &sum, c->encrypted ? &c->key : NULL, c->host.random,
                      c->host.random_ctx, json);
}

static enum store_rc open_meta(struct consumer_store *c, slice meta)
{
    char context[1024];
    struct hash_key sum = sum_key(c);
    struct meta_file m;
    bool wants_key = c->keys.key.len > 0;
    enum store_rc rc = STORE_OK;
    enum meta_fault fault =
        meta_read(c->host.disk, c->dir, &sum, false, &c->keys, key_context(c, context, sizeof context), &m);
    if (fault == META_GOOD && m.json.len > 0) {
        c->key = m.key;
        c->encrypted = m.encrypted;
        if (wants_key && (!m.encrypted || m.foreign))
            rc = convert(c, buf_view(&m.json));
    } else if (fault == META_GOOD || fault == META_MISSING || fault == META_SUM_MISSING) {
        c->key = m.key;
        c->encrypted = m.encrypted;
        rc = wants_key ? convert(c, meta) : write_meta(c, meta);
    } else {
        rc = fault == META_NO_KEY                                  ? STORE_NO_KEY
             : fault == META_WRONG_KEY || fault == META_KEY_LENGTH ? STORE_WRONG_KEY
             : m.fault_rc != STORE_OK                              ? m.fault_rc
                                                                   : STORE_CORRUPT;
    }
    meta_free(&m);
    return rc;
}

static enum store_rc load_state(struct consumer_store *c, char why[64])
{
    struct byte_buf plain = {0};
    enum store_rc rc = read_state(c, &plain);
    if (rc == STORE_BAD_STATE)
        snprintf(why, 64, "corrupt state file");
    if (rc == STORE_OK) {
        rc = consumer_state_decode(&c->state, buf_view(&plain), why, 64);
        c->loaded = rc == STORE_OK;
    }
    buf_free(&plain);
    return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

/* ---- life ---- */

static char *copy_slice(slice s)
{
    char *p = malloc(s.len + 1);
    if (p == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    p[s.len] = 0;
    return p;
}

static void free_store(struct consumer_store *c)
{
    consumer_state_free(&c->state);
    crypt_forget(&c->key);
    free(c->dir);
    free(c->stream);
    free(c->name);
    free(c);
}

/* Its folder; without its document in it that is a new one, however it came about. */
static enum store_rc make_folder(struct consumer_store *c)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (!files_path(path, c->dir, "meta.inf"))
        return STORE_INVALID;
    return files_make_dirs(c->host.disk, c->dir, disk_stat(c->host.disk, path, &st) != 0);
}

enum store_rc consumer_store_open(const struct consumer_store_options *o, struct consumer_store **out,
                                  char why[64])
{
    struct consumer_store *c = calloc(1, sizeof *c);
    if (c == NULL)
        return STORE_NO_MEMORY;
    c->policy = o->policy;
    c->sync = o->sync;
    c->keys = o->keys;
    c->tried_at = STORE_TIME_NONE;
    c->stream = copy_slice(o->stream);
    c->name = copy_slice(o->name);
    enum store_rc rc = c->stream == NULL || c->name == NULL ? STORE_NO_MEMORY : STORE_OK;
    if (rc == STORE_OK && o->stream.len + o->name.len > 512)
        rc = STORE_INVALID;
    why[0] = 0;
    if (rc == STORE_OK && o->host != NULL) {
        c->host = *o->host;
        c->dir = strdup(o->dir);
        rc = c->dir == NULL ? STORE_NO_MEMORY : make_folder(c);
        if (rc == STORE_OK)
            rc = open_meta(c, o->meta);
        if (rc == STORE_OK)
            rc = load_state(c, why);
    }
    if (rc != STORE_OK) {
        free_store(c);
        return rc;
    }
    *out = c;
    return STORE_OK;
}

enum store_rc consumer_store_close(struct consumer_store *c, int64_t now)
{
    enum store_rc rc = c->dirty ? write_state(c, now) : STORE_OK;
    free_store(c);
    return rc;
}

/* Without its meta.inf (and what would bring one) it does not come back, whatever else a crash leaves of it.
 */
static enum store_rc remove_files(struct consumer_store *c)
{
    enum store_rc rc = meta_remove(c->host.disk, c->dir);
    return rc == STORE_OK ? files_remove_tree(c->host.disk, c->dir) : rc;
}

enum store_rc consumer_store_destroy(struct consumer_store *c)
{
    enum store_rc rc = c->dir == NULL ? STORE_OK : remove_files(c);
    free_store(c);
    return rc;
}

/* ---- state ---- */

const struct consumer_state *consumer_store_state(const struct consumer_store *c)
{
    return &c->state;
}

bool consumer_store_has_state(const struct consumer_store *c)
{
    return c->loaded || c->state.delivered.consumer != 0 || c->state.delivered.stream != 0;
}

enum store_rc consumer_store_delivered(struct consumer_store *c, const struct consumer_delivery *d)
{
    enum store_rc rc = consumer_state_delivered(&c->state, &c->policy, d);
    c->dirty |= rc == STORE_OK;
    return rc;
}

enum store_rc consumer_store_acked(struct consumer_store *c, uint64_t dseq, uint64_t sseq)
{
    enum store_rc rc = consumer_state_acked(&c->state, &c->policy, dseq, sseq);
    c->dirty = true; /* even a refused one may have dropped a redelivered entry */
    return rc;
}

enum store_rc consumer_store_update(struct consumer_store *c, struct consumer_state *s, bool force,
                                    int64_t now, char why[64])
{
    const char *fault = consumer_state_check(&c->state, s, !force, why, 64);
    if (fault != NULL) {
        if (fault != why)
            snprintf(why, 64, "%s", fault);
        return strcmp(fault, store_rc_text(STORE_OLD_UPDATE)) == 0 ? STORE_OLD_UPDATE : STORE_INVALID;
    }
    consumer_state_free(&c->state);
    c->state = *s;
    *s = (struct consumer_state){0};
    c->dirty = true;
    return force ? write_state(c, now) : STORE_OK;
}

enum store_rc consumer_store_reset(struct consumer_store *c, uint64_t start, int64_t now)
{
    consumer_state_reset(&c->state, start);
    c->dirty = true;
    return write_state(c, now);
}

void consumer_store_raise(struct consumer_store *c, uint64_t start)
{
    consumer_state_raise(&c->state, &c->policy, start);
    c->dirty = true;
}

void consumer_store_drop_redelivered_below(struct consumer_store *c, uint64_t sseq)
{
    consumer_state_drop_redelivered_below(&c->state, sseq);
    c->dirty = true;
}

bool consumer_store_reconcile(struct consumer_store *c, uint64_t last)
{
    bool changed = consumer_state_reconcile(&c->state, last);
    c->dirty |= changed;
    return changed;
}

void consumer_store_set_policy(struct consumer_store *c, const struct consumer_policy *p)
{
    c->policy = *p;
}

enum store_rc consumer_store_write_meta(struct consumer_store *c, slice meta)
{
    return c->dir == NULL ? STORE_OK : write_meta(c, meta);
}

enum store_rc consumer_store_flush(struct consumer_store *c, int64_t now, int64_t *due)
{
    enum store_rc rc = STORE_OK;
    if (c->tried_at > now) /* the clock was set back */
        c->tried_at = now;
    bool early = c->tried_at != STORE_TIME_NONE && now - c->tried_at < CONSUMER_FLUSH_NS;
    if (c->dirty && !early)
        rc = write_state(c, now);
    if (due != NULL)
        *due = c->dirty ? c->tried_at + CONSUMER_FLUSH_NS : STORE_TIME_NONE;
    return rc;
}
