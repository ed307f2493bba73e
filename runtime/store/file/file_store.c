/* The file store as a whole: opened, closed, destroyed. */
#include "store/file/fs.h"

#include "store/meta_file.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

static void fs_state(struct store *s, struct store_state *st)
{
    const struct file_store *fs = fs_of(s);
    *st = (struct store_state){.msgs = fs->msg_count,
                               .bytes = fs->byte_count,
                               .first = fs->first,
                               .last = fs->last,
                               .first_ts = fs->msg_count > 0 ? fs->first_ts : STORE_TIME_NONE,
                               .last_ts = fs->last_ts_set ? fs->last_ts : STORE_TIME_NONE};
    st->num_subjects = fs->subjects != NULL ? subject_index_count(fs->subjects) : 0;
    st->num_deleted =
        fs->last > fs->first && fs->msg_count > 0 ? fs->last - fs->first + 1 - fs->msg_count : 0;
}

static void fs_utilization(struct store *s, uint64_t *total, uint64_t *live)
{
    const struct file_store *fs = fs_of(s);
    *total = *live = 0;
    for (size_t i = 0; i < fs->block_count; i++) {
        const struct block *b = fs->blocks[i];
        *total += b->compressed ? b->disk : b->raw;
        *live += b->bytes;
    }
}

/* ---- meta ---- */

enum store_rc fs_write_meta(struct file_store *fs, slice meta)
{
    return meta_write(fs->host.disk, fs->dir, &fs->hash, fs->encrypted ? &fs->meta_key : NULL,
                      fs->host.random, fs->host.random_ctx, meta);
}

static enum store_rc write_meta_keyed(struct file_store *fs, slice meta)
{
    return meta_write_keyed(fs->host.disk, fs->dir, &fs->hash, &fs->keys, fs_name(fs), fs->host.random,
                            fs->host.random_ctx, meta, NULL, &fs->meta_key);
}

/* meta.inf exists, or gets written. It is encrypted if and only if there is a key; what is not as configured
 * is converted. */
static enum store_rc open_meta(struct file_store *fs, slice meta)
{
    struct meta_file m;
    enum meta_fault fault = meta_read(fs->host.disk, fs->dir, &fs->hash, false, &fs->keys, fs_name(fs), &m);
    enum store_rc rc = STORE_OK;
    fs->encrypted = fs->keys.key.len > 0;
    switch (fault) {
    case META_GOOD:
        fs->meta_key = m.key;
        if (m.json.len == 0 && meta.len > 0)
            rc = fs->encrypted ? write_meta_keyed(fs, meta) : fs_write_meta(fs, meta);
        else if (fs->encrypted && (!m.encrypted || m.foreign))
            rc = write_meta_keyed(fs, buf_view(&m.json));
        break;
    case META_MISSING:
    case META_SUM_MISSING:
        rc = fs->encrypted ? write_meta_keyed(fs, meta) : fs_write_meta(fs, meta);
        break;
    case META_NO_KEY:
        rc = STORE_NO_KEY;
        break;
    case META_WRONG_KEY:
    case META_KEY_LENGTH:
        rc = STORE_WRONG_KEY;
        break;
    default:
        rc = m.fault_rc != STORE_OK ? m.fault_rc : STORE_CORRUPT;
        break;
    }
    meta_free(&m);
    return rc;
}

/* ---- life ---- */

static void free_store(struct file_store *fs)
{
    fs_forget_all(fs); /* also without a block: files may wait to be unlinked */
    free(fs->blocks);
    free(fs->unlinks);
    free(fs->cuts);
    free(fs->lost.ranges);
    seqmap_free(&fs->handed_up);
    if (fs->subjects != NULL)
        subject_index_free(fs->subjects);
    if (fs->key_bytes != NULL)
        sodium_memzero(fs->key_bytes, fs->keys.key.len + fs->keys.prev_key.len);
    crypt_forget(&fs->meta_key);
    free(fs->key_bytes);
    free(fs->dir);
    free(fs->msgs);
    free(fs->name);
    free(fs);
}

/* Copies of what the options only lend. */
static bool copy_options(struct file_store *fs, const struct file_store_options *o)
{
    const struct store_keys *k = &o->keys;
    size_t len = k->key.len + k->prev_key.len + k->info.len;
    fs->dir = strdup(o->dir);
    fs->msgs = malloc(strlen(o->dir) + 8);
    fs->name = malloc(o->name.len + 1);
    fs->key_bytes = malloc(len + 1);
    if (fs->dir == NULL || fs->msgs == NULL || fs->name == NULL || fs->key_bytes == NULL)
        return false;
    sprintf(fs->msgs, "%s/msgs", o->dir);
    memcpy(fs->name, o->name.ptr, o->name.len);
    fs->name[o->name.len] = 0;
    fs->name_len = o->name.len;
    uint8_t *p = fs->key_bytes;
    const slice from[] = {k->key, k->prev_key, k->info};
    slice *const to[] = {&fs->keys.key, &fs->keys.prev_key, &fs->keys.info};
    for (size_t i = 0; i < 3; i++) {
        if (from[i].len > 0)
            memcpy(p, from[i].ptr, from[i].len);
        *to[i] = slice_make(p, from[i].len);
        p += from[i].len;
    }
    fs->keys.cipher = k->cipher;
    return true;
}

/* Without its document the folder is a new one, however it came about. */
static bool is_fresh(struct file_store *fs)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    files_path(path, fs->dir, "meta.inf");
    return disk_stat(fs->host.disk, path, &st) != 0;
}

/* The store's folders, and the purge that was cut off finished. */
static enum store_rc open_folders(struct file_store *fs)
{
    char obs[DISK_PATH_MAX];
    if (strlen(fs->dir) + 64 > DISK_PATH_MAX || fs->name_len == 0 || fs->name_len > 255)
        return STORE_INVALID;
    files_path(obs, fs->dir, "obs");
    bool fresh = is_fresh(fs);
    enum store_rc rc = files_make_dirs(fs->host.disk, fs->dir, fresh);
    if (rc == STORE_OK)
        rc = fs_finish_purge(fs);
    if (rc == STORE_OK)
        rc = files_make_dirs(fs->host.disk, fs->msgs, fresh);
    return rc == STORE_OK ? files_make_dirs(fs->host.disk, obs, fresh) : rc;
}

/* Blocks that are not encrypted as configured are rewritten now: a start with a new key leaves nothing under
 * the old. */
static enum store_rc convert_blocks(struct file_store *fs)
{
    enum store_rc rc = STORE_OK;
    for (size_t i = 0; fs->encrypted && rc == STORE_OK && i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        rc = block_load_key(b);
        bool foreign = rc == STORE_OK && (b->plain_file || b->rekey);
        if (foreign) /* a rebuild has left its blocks to be synced, and only synced ones are rewritten */
            rc = fs_settle(fs);
        if (foreign && rc == STORE_OK)
            rc = block_convert(b);
        if (rc == STORE_WRONG_KEY)
            rc = STORE_OK; /* unreadable: found and reported when it is read */
    }
    return rc;
}

/* A new stream that starts at a sequence, or one whose configuration has moved it on. */
static enum store_rc start_at(struct file_store *fs, uint64_t first_seq)
{
    uint64_t purged;
    if (first_seq <= 1 || (fs->msg_count > 0 && first_seq <= fs->first) || first_seq <= fs->last)
        return STORE_OK;
    return fs_purge_all(fs, first_seq, &purged);
}

static enum store_rc open_all(struct file_store *fs, const struct file_store_options *o)
{
    uint8_t seed[16];
    enum store_rc rc = open_folders(fs);
    if (rc == STORE_OK)
        rc = open_meta(fs, o->meta);
    if (rc != STORE_OK)
        return rc;
    fs->host.random(fs->host.random_ctx, seed, sizeof seed);
    if (o->track_subjects) {
        fs->subjects = subject_index_new(seed);
        if (fs->subjects == NULL)
            return STORE_NO_MEMORY;
    }
    fs->quiet = true;
    rc = storage_has_claims(fs->host.port, fs->dir) ? fs_replay(fs) : STORE_OK;
    if (rc == STORE_OK)
        rc = fs_recover(fs, o->now);
    if (rc == STORE_OK)
        rc = convert_blocks(fs);
    if (rc == STORE_OK)
        rc = start_at(fs, o->first_seq);
    if (rc == STORE_OK)
        rc = fs_settle(fs);
    /* One that did not fit has served its purpose, and must not begin to fit now that the blocks are in
     * order. */
    if (rc == STORE_OK && fs->index_on_disk && fs->index_stale)
        rc = fs_drop_index_now(fs);
    fs->quiet = false;
    return rc;
}

static const struct store_ops file_ops;

enum store_rc file_store_open(const struct file_store_options *o, struct store **out)
{
    if (o->block_size == 0 || o->block_size > STORE_BLOCK_MAX || o->first_seq > STORE_SEQUENCE_MAX + 1 ||
        sodium_init() < 0)
        return STORE_INVALID;
    struct file_store *fs = calloc(1, sizeof *fs);
    if (fs == NULL)
        return STORE_NO_MEMORY;
    fs->base = (struct store){&file_ops, STORE_FILE};
    fs->host = *o->host;
    fs->limits = o->limits;
    fs->hooks = o->hooks;
    fs->block_size = o->block_size;
    fs->sync = o->sync;
    fs->sync_interval = o->sync_interval_ns;
    fs->compress = o->compress;
    fs->allow_schedules = o->allow_schedules;
    fs->hash = hash_key_of(o->name);
    enum store_rc rc = copy_options(fs, o) ? open_all(fs, o) : STORE_NO_MEMORY;
    if (rc != STORE_OK) {
        if (fs->blocks != NULL)
            fs_wait_idle(fs);
        free_store(fs);
        return rc;
    }
    fs->index_stale = true; /* also of a store that is new: a stop writes it */
    *out = &fs->base;
    return STORE_OK;
}

static enum store_rc fs_close(struct store *s, int64_t now)
{
    struct file_store *fs = fs_of(s);
    (void)now;
    /* Also out of the journal: the next to open this folder knows nothing of what it holds. */
    enum store_rc rc = fs->failed != STORE_OK ? fs->failed : fs_settle(fs);
    if (rc == STORE_OK)
        rc = fs_write_index(fs);
    if (rc == STORE_OK)
        rc = fs_write_side_files(fs);
    struct block *b = last_block(fs);
    if (rc == STORE_OK && b->file != NULL)
        storage_file_truncate(b->file, b->raw); /* what was reserved beyond goes back */
    fs->closed = true;
    free_store(fs);
    return rc;
}

/* The folder under a name with a dot, which every start removes: so the next stream of the name finds nothing
 * of this one. false when that is not possible. */
static bool hide_folder(struct file_store *fs, char hidden[DISK_PATH_MAX])
{
    const char *slash = strrchr(fs->dir, '/');
    int parent = slash == NULL ? 0 : (int)(slash - fs->dir) + 1;
    int n = snprintf(hidden, DISK_PATH_MAX, "%.*s.%s", parent, fs->dir, fs->dir + parent);
    if (n <= 0 || n >= DISK_PATH_MAX || files_remove_tree(fs->host.disk, hidden) != STORE_OK ||
        disk_rename(fs->host.disk, fs->dir, hidden) != 0)
        return false;
    char above[DISK_PATH_MAX];
    snprintf(above, sizeof above, "%.*s", parent > 1 ? parent - 1 : 1, parent > 0 ? fs->dir : ".");
    return disk_sync_dir(fs->host.disk, above) == 0;
}

static enum store_rc fs_destroy(struct store *s)
{
    struct file_store *fs = fs_of(s);
    char path[DISK_PATH_MAX], hidden[DISK_PATH_MAX];
    fs_wait_idle(fs);
    (void)fs_settle(fs); /* what cannot be settled goes with the folder */
    fs_report(fs, -(int64_t)fs->msg_count, -(int64_t)fs->byte_count, 0, SLICE_EMPTY);
    const char *dir = hide_folder(fs, hidden) ? hidden : fs->dir;
    /* Without its meta.inf a stream does not come back, whatever else a crash leaves of it. */
    files_path(path, dir, "meta.inf");
    int disk_rc = disk_unlink(fs->host.disk, path);
    if (disk_rc == 0 || disk_rc == -ENOENT)
        disk_rc = disk_sync_dir(fs->host.disk, dir);
    enum store_rc rc = disk_rc == 0 ? files_remove_tree(fs->host.disk, dir) : files_rc(disk_rc);
    free_store(fs);
    return rc;
}

static const struct store_ops file_ops = {
    .append = fs_append,
    .skip = fs_skip,
    .remove = fs_remove,
    .purge = fs_purge,
    .compact = fs_compact,
    .truncate = fs_truncate,
    .sync_deletes = fs_sync_deletes,
    .update = fs_update,
    .expire = fs_expire,
    .repair = fs_repair,
    .load = fs_load,
    .load_last = fs_load_last,
    .next = fs_next,
    .prev = fs_prev,
    .batch = fs_batch,
    .subject_at = fs_subject_at,
    .state = fs_state,
    .deleted = fs_deleted,
    .filtered_state = fs_filtered_state,
    .subject_state = fs_subject_state,
    .subjects = fs_subjects,
    .last_seqs = fs_last_seqs,
    .last_msgs = fs_last_msgs,
    .seq_from_time = fs_seq_from_time,
    .pending = fs_pending,
    .encode_state = fs_encode_state,
    .lost = fs_lost_data,
    .commit = fs_commit,
    .sync = fs_sync_now,
    .progress = fs_progress,
    .maintain = fs_maintain,
    .utilization = fs_utilization,
    .close = fs_close,
    .destroy = fs_destroy,
};

/* ---- block sizes ---- */

#define SMALL_BLOCK  32000u
#define MEDIUM_BLOCK (4u << 20)

static uint64_t from_estimate(uint64_t estimate)
{
    uint64_t b = estimate / 4 + 1;
    b = b % 100 == 0 ? b : b + 100 - b % 100;
    return b <= SMALL_BLOCK ? SMALL_BLOCK : b >= STORE_BLOCK_MAX ? STORE_BLOCK_MAX : MEDIUM_BLOCK;
}

uint64_t file_store_block_size(const struct file_store_sizing *z)
{
    if (z->max_bytes > 0)
        return from_estimate((uint64_t)z->max_bytes);
    if (z->max_msgs > 0) {
        uint64_t subject = z->longest_literal > 0 ? z->longest_literal : 256;
        uint64_t msg = 34 + subject + (uint64_t)(z->max_payload > 0 ? z->max_payload : 1 << 20);
        uint64_t total;
        if (__builtin_mul_overflow((uint64_t)z->max_msgs, msg, &total))
            total = UINT64_MAX;
        return from_estimate(total);
    }
    if (z->max_per_subject > 0)
        return MEDIUM_BLOCK;
    if (z->encrypted)
        return 2u << 20;
    return z->limits_retention ? STORE_BLOCK_MAX : MEDIUM_BLOCK;
}
