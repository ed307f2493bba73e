/* Opening: what lies on disk becomes the state in memory. */
#include "store/file/fs.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define RECOVER_MAX 8 /* times that a recovery begins again, should each read find other damage */

void fs_log(struct file_store *fs, int level, const char *fmt, ...)
{
    if (fs->hooks.log == NULL)
        return;
    char line[1024];
    int n = snprintf(line, sizeof line, "Filestore [%s] ", fs->name);
    if (n < 0 || (size_t)n >= sizeof line)
        return;
    va_list args;
    va_start(args, fmt);
    vsnprintf(line + n, sizeof line - (size_t)n, fmt, args);
    va_end(args);
    fs->hooks.log(fs->hooks.ctx, level, line);
}

/* N of "N.blk" (decimal, no leading zeros, 1..2^32-1); 0 when the name is none such. */
uint32_t fs_block_number(const char *name, const char *suffix)
{
    uint64_t n = 0;
    const char *p = name;
    for (; *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > UINT32_MAX || (n == 0 && p[1] != suffix[0]))
            return 0;
    }
    return p > name && strcmp(p, suffix) == 0 ? (uint32_t)n : 0;
}

static int rising(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The numbers of the block files, rising. */
enum store_rc fs_list_blocks(struct file_store *fs, struct block_numbers *out)
{
    struct files_list l;
    *out = (struct block_numbers){0};
    enum store_rc rc = files_list_dir(fs->host.disk, fs->msgs, &l);
    if (rc != STORE_OK)
        return rc;
    out->numbers = malloc((l.count + 1) * sizeof out->numbers[0]);
    for (size_t i = 0; out->numbers != NULL && i < l.count; i++) {
        uint32_t n = l.is_dir[i] ? 0 : fs_block_number(l.names[i], ".blk");
        if (n != 0)
            out->numbers[out->count++] = n;
    }
    files_free_list(&l);
    if (out->numbers == NULL)
        return STORE_NO_MEMORY;
    qsort(out->numbers, out->count, sizeof out->numbers[0], rising);
    return STORE_OK;
}

/* ---- keys that a crash left beside their blocks ---- */

/* The block's file begins with a record (or a compressed form) under the key that is loaded now. */
static enum store_rc key_fits(struct block *b, bool *fits)
{
    struct byte_buf plain = {0};
    struct record r;
    enum store_rc rc = block_load_key(b);
    if (rc == STORE_OK)
        rc = block_read_plain(b, &plain);
    *fits =
        rc == STORE_OK && (b->compressed || record_decode(plain.ptr, plain.len, &b->hash, &r) == RECORD_GOOD);
    buf_free(&plain);
    return files_trouble(rc) ? rc : STORE_OK;
}

/* N.key.new: the block may be the rewritten one already. */
static enum store_rc settle_key(struct file_store *fs, uint32_t number)
{
    struct block *b = block_new(fs, number);
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
    if (b == NULL)
        return STORE_NO_MEMORY;
    block_path(b, ".key.new", from);
    block_path(b, ".key", to);
    bool old_fits;
    enum store_rc known = key_fits(b, &old_fits);
    block_free(b);
    if (known != STORE_OK)
        return known;
    int rc = old_fits ? disk_unlink(fs->host.disk, from) : disk_rename(fs->host.disk, from, to);
    if (rc == 0)
        rc = disk_sync_dir(fs->host.disk, fs->msgs);
    return files_rc(rc);
}

/* Names of former versions and of interrupted rewrites, and keys without a block. */
static enum store_rc tidy_folder(struct file_store *fs)
{
    struct files_list l;
    enum store_rc rc = files_list_dir(fs->host.disk, fs->msgs, &l);
    if (rc != STORE_OK)
        return rc;
    for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
        uint32_t n = l.is_dir[i] ? 0 : fs_block_number(l.names[i], ".key.new");
        if (n != 0 && fs->encrypted)
            rc = settle_key(fs, n);
    }
    for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
        static const char *const stale[] = {".idx", ".fss", ".blk.tmp", ".new", ".key.tmp", ".key.new.tmp"};
        char path[DISK_PATH_MAX];
        bool gone = false;
        for (size_t k = 0; k < sizeof stale / sizeof stale[0]; k++)
            gone |= fs_block_number(l.names[i], stale[k]) != 0;
        if (gone && !l.is_dir[i] && files_path(path, fs->msgs, l.names[i]))
            disk_unlink(fs->host.disk, path); /* if it stays it is in nobody's way */
    }
    files_free_list(&l);
    return rc;
}

/* Keys whose blocks are gone: of a block that a crash kept from being made, or that was removed. */
static void drop_orphan_keys(struct file_store *fs, const struct block_numbers *blocks)
{
    struct files_list l;
    if (files_list_dir(fs->host.disk, fs->msgs, &l) != STORE_OK)
        return; /* the next rebuild finds them again */
    for (size_t i = 0; i < l.count; i++) {
        uint32_t n = l.is_dir[i] ? 0 : fs_block_number(l.names[i], ".key");
        char path[DISK_PATH_MAX];
        if (n != 0 && bsearch(&n, blocks->numbers, blocks->count, sizeof n, rising) == NULL &&
            files_path(path, fs->msgs, l.names[i]))
            disk_unlink(fs->host.disk, path); /* if it stays it is in nobody's way */
    }
    files_free_list(&l);
}

/* ---- after the state is known ---- */

/* A sequence that an index.db knew of is never used again, though its record is gone. */
static enum store_rc restore_last(struct file_store *fs, const struct store_state *prior)
{
    if (prior->last <= fs->last)
        return STORE_OK;
    bool was_empty = fs->msg_count == 0;
    fs->last = prior->last;
    fs->last_ts = prior->last_ts;
    fs->last_ts_set = true;
    enum store_rc rc = last_block(fs)->raw > 0 ? fs_new_block(fs) : STORE_OK;
    if (rc == STORE_OK)
        rc = fs_tombstone(fs, prior->last, prior->last_ts);
    struct block *b = last_block(fs);
    b->last = prior->last;
    b->first = b->msgs == 0 ? prior->last + 1 : b->first;
    if (was_empty)
        fs->first = fs->last + 1;
    return rc;
}

/* Removals by limits leave no trace in the blocks and are repeated here. First what is too old and what is
 * too many of a subject: such messages may lie anywhere, and must not push out older ones that live. */
static enum store_rc enforce_limits(struct file_store *fs, int64_t now)
{
    enum store_rc rc = STORE_OK;
    if (fs->limits.max_age_ns > 0 && fs->limits.marker_ttl_ns <= 0)
        rc = fs_expire_old(fs, now);
    if (rc == STORE_OK)
        rc = fs_enforce_all_subjects(fs);
    return rc == STORE_OK ? fs_enforce(fs) : rc;
}

/* The last block takes appends, so it may not be compressed (it was not the last when it was), and it must
 * have its key. */
static enum store_rc check_last_block(struct file_store *fs)
{
    if (fs->block_count == 0)
        return fs_new_block(fs);
    struct block *b = last_block(fs);
    uint8_t head[5];
    char path[DISK_PATH_MAX];
    struct disk_file *f;
    block_path(b, ".blk", path);
    int rc = disk_open(fs->host.disk, path, DISK_READ, &f);
    if (rc < 0)
        return rc == -ENOENT ? STORE_OK : files_rc(rc);
    ssize_t n = disk_pread(f, head, sizeof head, 0);
    disk_close(f);
    if (n < 0)
        return files_rc((int)n);
    enum store_rc key = block_load_key(b);
    if (files_trouble(key))
        return key;
    if (key != STORE_OK)
        return fs_new_block(fs);
    if (n < (ssize_t)sizeof head ||
        (fs->encrypted && !b->plain_file && !crypt_block(&b->key, 0, head, head, sizeof head)))
        return STORE_OK;
    b->compressed = memcmp(head, "cmp", 3) == 0;
    return b->compressed || b->plain_file || b->rekey ? fs_new_block(fs) : STORE_OK;
}

/* *prior: what is known of the last sequence. */
static enum store_rc recover_once(struct file_store *fs, int64_t now, struct store_state *prior,
                                  bool blocks_alone)
{
    struct store_state told = {0};
    struct block_numbers n;
    bool fits;
    enum store_rc rc = tidy_folder(fs);
    if (rc == STORE_OK)
        rc = fs_list_blocks(fs, &n);
    if (rc != STORE_OK)
        return rc;
    rc = fs_read_index(fs, n.count > 0 ? n.numbers[n.count - 1] : 0, &told, &fits);
    if (told.last > prior->last)
        *prior = told;
    fits = fits && !blocks_alone;
    if (rc == STORE_OK && !fits) {
        drop_orphan_keys(fs, &n);
        rc = fs_rebuild(fs, &n);
    } else if (rc == STORE_OK)
        rc = fs_add_unlisted(fs, &n);
    free(n.numbers);
    if (rc == STORE_OK)
        rc = check_last_block(fs);
    if (rc == STORE_OK)
        rc = restore_last(fs, prior);
    if (rc == STORE_OK)
        rc = fs_recover_ttl(fs, fits);
    if (rc == STORE_OK)
        rc = enforce_limits(fs, now);
    /* Before any file goes that these blocks make useless: what a killed process had written may be in memory
     * only. */
    return rc == STORE_OK ? fs_sync_blocks(fs) : rc;
}

enum store_rc fs_recover(struct file_store *fs, int64_t now)
{
    struct store_state prior = {0};
    enum store_rc rc;
    int tries = 0;
    do { /* again when a message that had to go was found to be lost */
        fs->recount = false;
        rc = recover_once(fs, now, &prior, tries > 0);
        if (fs->recount)
            fs_forget_all(fs);
    } while (fs->recount && ++tries < RECOVER_MAX);
    return rc;
}

void fs_forget_all(struct file_store *fs)
{
    for (size_t i = 0; i < fs->block_count; i++)
        block_free(fs->blocks[i]);
    fs->block_count = 0;
    if (fs->subjects != NULL)
        subject_index_clear(fs->subjects);
    expiry_heap_free(&fs->ttl);
    fs_forget_unlinks(fs);
    fs->msg_count = fs->byte_count = fs->first = fs->last = 0;
    fs->first_ts = fs->last_ts = 0;
    fs->last_ts_set = fs->ttl_counts_known = false;
    fs->maintain_at = 0;
}

/* Once more what the file holds: where its sync has failed, the system may have forgotten to write it. */
static int write_again(struct disk_file *f, uint64_t size)
{
    uint8_t piece[4096];
    ssize_t n = 1;
    for (uint64_t at = 0; n > 0 && at < size; at += (uint64_t)n) {
        n = disk_pread(f, piece, size - at < sizeof piece ? (size_t)(size - at) : sizeof piece, at);
        if (n > 0)
            n = disk_pwrite(f, piece, (size_t)n, at);
    }
    return n < 0 ? (int)n : 0;
}

void fs_note_cut(struct file_store *fs, struct cut_file c)
{
    struct cut_file *grown = realloc(fs->cuts, (fs->cut_count + 1) * sizeof *grown);
    if (grown == NULL)
        abort();
    fs->cuts = grown;
    fs->cuts[fs->cut_count++] = c;
}

enum store_rc fs_cut_file(const struct block *b, uint64_t size)
{
    char path[DISK_PATH_MAX];
    struct disk_file *f;
    block_path(b, ".blk", path);
    int rc = disk_open(b->fs->host.disk, path, DISK_WRITE, &f);
    if (rc < 0)
        return files_rc(rc);
    rc = disk_truncate(f, size);
    if (rc == 0) {
        rc = disk_sync(f);
        if (rc < 0)
            fs_note_cut(b->fs, (struct cut_file){.block = b->index, .size = size, .again = true});
    }
    disk_close(f);
    return files_rc(rc);
}

/* Cut the tails that a failed write has left, for good: what was reported as failed must not come back after
 * a crash. */
static enum store_rc cut_tails(struct file_store *fs)
{
    while (fs->cut_count > 0) {
        struct cut_file *c = &fs->cuts[fs->cut_count - 1];
        char path[DISK_PATH_MAX];
        struct disk_file *f;
        struct disk_stat st;
        snprintf(path, sizeof path, "%s/%u.blk", fs->msgs, c->block);
        int rc = disk_open(fs->host.disk, path, DISK_WRITE, &f);
        if (rc == 0) {
            rc = disk_file_stat(f, &st);
            if (rc == 0 && c->again && c->size != UINT64_MAX &&
                st.size <= c->size) { /* a cut that is seen and may not be on disk */
                ssize_t n = disk_pwrite(f, "", 1, c->size);
                rc = n < 0 ? (int)n : disk_truncate(f, c->size);
            }
            if (rc == 0 && st.size > c->size)
                rc = disk_truncate(f, c->size);
            if (rc == 0)
                rc = write_again(f, c->size < st.size ? c->size : st.size);
            if (rc == 0)
                rc = disk_sync(f);
            disk_close(f);
        }
        c->again = true;
        if (rc < 0 && rc != -ENOENT)
            return files_rc(rc);
        fs->cut_count--;
    }
    return STORE_OK;
}

/* How much of the block's file counts: behind it lies what a failed write has left and nobody could cut off
 * yet. */
uint64_t fs_sound_size(const struct block *b, uint64_t size)
{
    for (size_t i = 0; i < b->fs->cut_count; i++) {
        const struct cut_file *c = &b->fs->cuts[i];
        if (c->block == b->index && c->size < size)
            size = c->size;
    }
    return size;
}

static enum store_rc load_anew(struct file_store *fs)
{
    fs_forget_all(fs);
    fs->generation++;
    fs->failed = STORE_OK;
    enum store_rc rc = fs_finish_purge(fs);
    enum store_rc cut = rc == STORE_OK ? cut_tails(fs) : rc;
    if (rc == STORE_OK)
        rc = fs_recover(fs, INT64_MIN);
    fs->loaded = rc == STORE_OK;
    if (rc != STORE_OK) {
        fs_log(fs, 3, "Could not be loaded anew: %s", store_rc_text(rc));
        /* There must be a last block for everything else to stand on. */
        if (fs->block_count == 0) {
            struct block *b = block_new(fs, 1);
            if (b == NULL || !block_append_to_list(fs, b))
                abort();
            b->first = 1;
        }
    }
    return rc == STORE_OK ? cut : rc;
}

/* Everything anew from the files. What was not durable is gone; the difference is reported. While the disk
 * lets nothing be written there are only reads; then what is loaded stays, and only the rest is tried again.
 */
enum store_rc fs_reload(struct file_store *fs)
{
    if (fs->quiet)
        return fs->failed != STORE_OK ? fs->failed : STORE_IO; /* a failure during a reload is its own */
    uint64_t msgs = fs->msg_count, bytes = fs->byte_count;
    bool was_failed = fs->failed != STORE_OK;
    fs->quiet = true;
    if (fs->commit.out)
        fs_wait_idle(fs);
    enum store_rc rc = was_failed && fs->loaded ? cut_tails(fs) : load_anew(fs);
    fs->failed = STORE_OK;
    fs->durable = ++fs->written;
    fs->durable_seq = fs->last;
    fs->index_stale = true;
    /* The journal may hold what failed, or bytes of a block whose number is going to be used again: they must
     * not come back. */
    fs->journaled |= was_failed;
    if (rc == STORE_OK && fs->journaled)
        rc = fs_settle(fs);
    /* An index.db that did not fit must not begin to, now that the blocks are in order. */
    if (rc == STORE_OK && fs->index_on_disk)
        rc = fs_drop_index_now(fs);
    fs->quiet = false;
    fs->failed = rc;
    if (rc != STORE_OK)
        fs_log(fs, 3, "Takes no messages: %s", store_rc_text(rc));
    if (fs->msg_count != msgs || fs->byte_count != bytes)
        fs_report(fs, (int64_t)(fs->msg_count - msgs), (int64_t)(fs->byte_count - bytes), 0, SLICE_EMPTY);
    return rc;
}
