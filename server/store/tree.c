#include "server/store/tree.h"
#include "server/store/overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

/* ---- the directory ---- */

static void fill_random(void *ctx, void *buf, size_t len)
{
    (void)ctx;
    if (getrandom(buf, len, 0) != (ssize_t)len)
        abort(); /* a kernel that gives no random bytes cannot be helped */
}

static int by_place(const void *a, const void *b)
{
    const struct tree_stream *x = a, *y = b;
    int c = strcmp(x->account, y->account);
    return c != 0 ? c : strcmp(x->name, y->name);
}

static bool add_stream(struct tree *t, const char *account, const char *streams, const char *name)
{
    if (t->count == t->cap) {
        size_t cap = t->cap == 0 ? 16 : t->cap * 2;
        struct tree_stream *grown = realloc(t->streams, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        t->streams = grown;
        t->cap = cap;
    }
    char dir[DISK_PATH_MAX];
    if (!files_path(dir, streams, name))
        return false;
    struct tree_stream *s = &t->streams[t->count];
    *s = (struct tree_stream){strdup(account), strdup(name), strdup(dir)};
    t->count += s->account != NULL && s->name != NULL && s->dir != NULL;
    return s->account != NULL && s->name != NULL && s->dir != NULL;
}

static bool wanted(const char *only, const char *name)
{
    return only == NULL || strcmp(only, name) == 0;
}

/* The streams of an account. Folders with a dot in front are being deleted. */
static bool add_account(struct tree *t, const char *root, const char *account)
{
    char dir[DISK_PATH_MAX], streams[DISK_PATH_MAX];
    struct files_list l;
    if (!files_path(dir, root, account) || !files_path(streams, dir, "streams"))
        return false;
    enum store_rc rc = files_list_dir(t->disk, streams, &l);
    if (rc != STORE_OK)
        return rc == STORE_NOT_FOUND;
    bool ok = true;
    for (size_t i = 0; ok && i < l.count; i++) {
        if (l.is_dir[i] && l.names[i][0] != '.' && wanted(t->opt->stream, l.names[i]))
            ok = add_stream(t, account, streams, l.names[i]);
    }
    files_free_list(&l);
    return ok;
}

bool tree_open(struct tree *t, const struct tree_options *opt, char why[256])
{
    char root[DISK_PATH_MAX];
    struct files_list l;
    *t = (struct tree){.opt = opt, .disk = overlay_new(disk_posix(), TREE_CHANGE)};
    if (t->disk == NULL || !files_path(root, opt->dir, "jetstream")) {
        snprintf(why, 256, "out of memory, or the name is too long");
        return false;
    }
    enum store_rc rc = files_list_dir(t->disk, root, &l);
    if (rc != STORE_OK) {
        snprintf(why, 256,
                 rc == STORE_NOT_FOUND ? "no store directory: it has no folder `jetstream`"
                                       : "the folder `jetstream` cannot be read");
        return false;
    }
    bool ok = true;
    for (size_t i = 0; ok && i < l.count; i++) {
        if (l.is_dir[i] && wanted(opt->account, l.names[i]))
            ok = add_account(t, root, l.names[i]);
    }
    files_free_list(&l);
    struct storage_options so = {.disk = t->disk, .dir = root};
    int opened = ok ? storage_open(&so, &t->storage) : 0;
    if (!ok || opened < 0) {
        snprintf(why, 256, "%s",
                 ok ? "midge's journal cannot be read" : "a folder of streams cannot be read");
        return false;
    }
    t->host = (struct store_host){.disk = t->disk,
                                  .port = storage_port_new(t->storage, NULL, NULL),
                                  .cache = store_cache_new(TREE_CACHE),
                                  .random = fill_random};
    if (t->count > 0)
        qsort(t->streams, t->count, sizeof t->streams[0], by_place);
    snprintf(why, 256, "out of memory");
    return t->host.port != NULL && t->host.cache != NULL;
}

void tree_close(struct tree *t)
{
    for (size_t i = 0; i < t->count; i++) {
        free(t->streams[i].account);
        free(t->streams[i].name);
        free(t->streams[i].dir);
    }
    free(t->streams);
    if (t->host.port != NULL)
        storage_port_free(t->host.port);
    if (t->storage != NULL)
        storage_close(t->storage); /* into the overlay: what it says concerns nobody */
    if (t->host.cache != NULL)
        store_cache_free(t->host.cache);
    if (t->disk != NULL)
        overlay_free(t->disk);
}

/* ---- sizes ---- */

struct sizes {
    struct disk *disk;
    const char *dir;
    uint64_t files;
    uint64_t bytes;
};

static int add_size(void *ctx, const char *name, bool is_dir)
{
    struct sizes *s = ctx;
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (!is_dir && files_path(path, s->dir, name) && disk_stat(s->disk, path, &st) == 0) {
        s->files++;
        s->bytes += st.size;
    }
    return 0;
}

uint64_t tree_stream_bytes(struct tree *t, const struct tree_stream *s, uint64_t *files)
{
    char msgs[DISK_PATH_MAX];
    struct sizes sizes = {.disk = t->disk, .dir = msgs};
    if (files_path(msgs, s->dir, "msgs"))
        disk_list(t->disk, msgs, add_size, &sizes); /* a stream without blocks has none */
    *files = sizes.files;
    return sizes.bytes;
}

uint64_t tree_bytes(struct tree *t)
{
    uint64_t files, bytes = 0;
    for (size_t i = 0; i < t->count; i++)
        bytes += tree_stream_bytes(t, &t->streams[i], &files);
    return bytes;
}

/* ---- one stream ---- */

/* What is wrong with a stream's or consumer's metadata. */
static void fault_text(const struct meta_file *m, enum meta_fault fault, char why[1200])
{
    const char *text = "";
    switch (fault) {
    case META_GOOD:
        break;
    case META_MISSING:
        text = "meta.inf is missing";
        break;
    case META_UNREADABLE:
        text = "meta.inf cannot be read";
        break;
    case META_SUM_MISSING:
        text = "meta.sum is missing";
        break;
    case META_SUM_UNREADABLE:
        text = "meta.sum cannot be read";
        break;
    case META_SUM_DIFFERS:
        snprintf(why, 1200, "meta.inf: checksums do not match: meta.sum has \"%s\", the file \"%s\"",
                 m->file_sum, m->real_sum);
        return;
    case META_KEY_LENGTH:
        snprintf(why, 1200, "meta.key: bad key length of %zu", m->key_len);
        return;
    case META_NO_KEY:
        text = "it is encrypted, and no key was given (--key)";
        break;
    case META_WRONG_KEY:
        text = "it is encrypted, and the key given does not open it";
        break;
    case META_UNDECRYPTABLE:
        text = "meta.inf does not decrypt, though meta.key does";
        break;
    }
    snprintf(why, 1200, "%s", text);
}

static enum store_cipher other(enum store_cipher c)
{
    return c == STORE_CIPHER_AES ? STORE_CIPHER_CHACHA : STORE_CIPHER_AES;
}

bool tree_read_meta(struct tree *t, const struct tree_stream *s, struct opened *o, char why[1200])
{
    char json_why[CODEC_JSON_ERROR_MAX];
    slice name = slice_str(s->name);
    struct hash_key sum = hash_key_of(name);
    *o = (struct opened){.tree = t, .where = s};
    o->keys = (struct store_keys){.key = t->opt->key,
                                  .prev_key = t->opt->prev_key,
                                  .cipher = t->opt->cipher,
                                  .info = slice_str(s->account)};
    enum meta_fault fault = meta_read(t->disk, s->dir, &sum, true, &o->keys, name, &o->meta);
    if (fault == META_GOOD && o->meta.foreign && !t->opt->has_cipher) {
        /* As it is, or the whole stream would be converted in memory. */
        o->keys.cipher = other(o->keys.cipher);
        meta_free(&o->meta);
        fault = meta_read(t->disk, s->dir, &sum, true, &o->keys, name, &o->meta);
    }
    if (fault != META_GOOD) {
        fault_text(&o->meta, fault, why);
        return false;
    }
    if (!o->meta.encrypted)
        o->keys = (struct store_keys){.info = slice_str(s->account)};
    if (!config_read(buf_view(&o->meta.json), &o->config, json_why)) {
        snprintf(why, 1200, "meta.inf: %s", json_why);
        return false;
    }
    if (!slice_eq(o->config.name, name)) {
        snprintf(why, 1200, "meta.inf names another stream: \"%.*s\"", (int)o->config.name.len,
                 (const char *)o->config.name.ptr);
        return false;
    }
    return true;
}

static void on_log(void *ctx, int level, const char *line)
{
    const struct opened *o = ctx;
    if (level >= 2 && o->log != NULL)
        o->log(o->log_ctx, line);
}

bool tree_open_stream(struct tree *t, const struct tree_stream *s, struct opened *o, tree_log_fn log,
                      void *log_ctx, char why[1200])
{
    if (!tree_read_meta(t, s, o, why))
        return false;
    o->log = log;
    o->log_ctx = log_ctx;
    struct file_store_options options = config_options(&o->config, o->meta.encrypted);
    options.host = &t->host;
    options.dir = s->dir;
    options.keys = o->keys;
    options.hooks = (struct store_hooks){.ctx = o, .log = on_log};
    options.sync = STORE_SYNC_NEVER;
    options.now = t->opt->as_of;
    enum store_rc rc = file_store_open(&options, &o->store);
    int64_t due;
    if (rc == STORE_OK && t->opt->as_of != INT64_MIN)
        rc = store_expire(o->store, t->opt->as_of, SIZE_MAX, &due);
    if (rc != STORE_OK)
        snprintf(why, 1200, "it does not open: %s", store_rc_text(rc));
    return rc == STORE_OK;
}

void opened_close(struct opened *o)
{
    o->log = NULL;
    if (o->store != NULL)
        store_close(o->store, 0); /* into the overlay */
    config_free(&o->config);
    meta_free(&o->meta);
    *o = (struct opened){0};
}

/* ---- its consumers ---- */

static void read_state(struct opened *o, const char *dir, const struct meta_file *m, struct tree_consumer *c)
{
    char path[DISK_PATH_MAX], text[64] = "";
    struct byte_buf file = {0}, plain = {0};
    files_path(path, dir, "o.dat");
    enum store_rc rc = files_read(o->tree->disk, path, 1ULL << 32, &file);
    bool opened = true;
    if (rc == STORE_OK && file.len > 0 && m->encrypted)
        opened = crypt_open(&m->key, buf_view(&file), &plain);
    if (rc == STORE_OK && opened)
        rc = consumer_state_decode(&c->state, buf_view(m->encrypted ? &plain : &file), text, sizeof text);
    c->has_state = rc == STORE_OK && file.len > 0;
    c->good = opened && (rc == STORE_OK || rc == STORE_NOT_FOUND);
    if (!c->good)
        snprintf(c->why, sizeof c->why, "o.dat: %s",
                 !opened        ? "it does not decrypt"
                 : text[0] != 0 ? text
                                : store_rc_text(rc));
    buf_free(&file);
    buf_free(&plain);
}

static bool read_consumer(struct opened *o, const char *obs, const char *name, struct tree_consumer *c)
{
    char dir[DISK_PATH_MAX], context[600];
    slice stream = o->config.name;
    *c = (struct tree_consumer){.name = strdup(name)};
    if (c->name == NULL || !files_path(dir, obs, name))
        return false;
    struct hash_key sum = hash_key_consumer(stream, slice_str(name));
    struct meta_file m;
    struct store_keys keys = o->keys;
    int n = snprintf(context, sizeof context, "%.*s.%s", (int)stream.len, (const char *)stream.ptr, name);
    enum meta_fault fault =
        meta_read(o->tree->disk, dir, &sum, false, &keys, slice_make(context, (size_t)n), &m);
    if (fault != META_GOOD) {
        fault_text(&m, fault, c->why);
    } else {
        read_state(o, dir, &m, c);
        buf_slice(&c->config, buf_view(&m.json));
    }
    meta_free(&m);
    return !c->config.failed;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct tree_consumer *)a)->name, ((const struct tree_consumer *)b)->name);
}

bool tree_consumers(struct opened *o, struct tree_consumer **out, size_t *count)
{
    char obs[DISK_PATH_MAX];
    struct files_list l;
    *out = NULL;
    *count = 0;
    files_path(obs, o->where->dir, "obs");
    enum store_rc rc = files_list_dir(o->tree->disk, obs, &l);
    if (rc != STORE_OK)
        return rc == STORE_NOT_FOUND;
    *out = calloc(l.count + 1, sizeof **out);
    bool ok = *out != NULL;
    for (size_t i = 0; ok && i < l.count; i++) {
        if (l.is_dir[i])
            ok = read_consumer(o, obs, l.names[i], &(*out)[(*count)++]);
    }
    files_free_list(&l);
    if (ok)
        qsort(*out, *count, sizeof **out, by_name);
    return ok;
}

void tree_free_consumers(struct tree_consumer *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(list[i].name);
        consumer_state_free(&list[i].state);
        buf_free(&list[i].config);
    }
    free(list);
}

/* ---- times ---- */

void time_text(int64_t ns, char out[40])
{
    if (ns == STORE_TIME_NONE) {
        snprintf(out, 40, "0001-01-01T00:00:00Z");
        return;
    }
    int64_t fraction = ns % 1000000000;
    time_t seconds = (time_t)(ns / 1000000000);
    if (fraction < 0) {
        fraction += 1000000000;
        seconds--;
    }
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    if (fraction != 0) {
        n += (size_t)snprintf(out + n, 40 - n, ".%09d", (int)fraction);
        while (out[n - 1] == '0')
            n--;
    }
    out[n] = 'Z';
    out[n + 1] = 0;
}

bool time_read(const char *text, int64_t *ns)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t fraction = 0, scale = 100000000;
    if (rest == NULL)
        return false;
    if (*rest == '.') {
        for (rest++; *rest >= '0' && *rest <= '9'; rest++, scale /= 10)
            fraction += (*rest - '0') * scale;
    }
    if (strcmp(rest, "Z") != 0)
        return false;
    return !__builtin_mul_overflow((int64_t)timegm(&tm), 1000000000, ns) &&
           !__builtin_add_overflow(*ns, fraction, ns);
}
