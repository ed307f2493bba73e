/* Per-message TTLs: those in memory, and thw.db. */
#include "store/file/fs.h"

#include "store/format/side_files.h"
#include "store/msg_ttl.h"

#include <errno.h>
#include <stdio.h>

#define SWEEP_MIN 1024

static bool is_live(void *ctx, uint64_t seq)
{
    const struct block *b = block_of(ctx, seq);
    return b != NULL && block_is_live(b, seq);
}

/* Drop the entries of messages that are gone. */
static void sweep(struct file_store *fs)
{
    expiry_heap_sweep(&fs->ttl, is_live, fs);
    fs->ttl_sweep_at = fs->ttl.count * 2 < SWEEP_MIN ? SWEEP_MIN : fs->ttl.count * 2;
}

bool ttl_add(struct file_store *fs, int64_t expires, uint64_t seq)
{
    if (fs->ttl.count >= fs->ttl_sweep_at && fs->ttl.count > 0)
        sweep(fs);
    if (!expiry_heap_reserve(&fs->ttl))
        return false;
    expiry_heap_push(&fs->ttl, expires, seq);
    return true;
}

/* ---- the file ---- */

static enum store_rc write_ttls(struct file_store *fs)
{
    char path[DISK_PATH_MAX];
    files_path(path, fs->msgs, "thw.db");
    sweep(fs);
    struct byte_buf b = {0};
    side_put_head(&b, fs->ttl.count, fs->last + 1);
    for (size_t i = 0; i < fs->ttl.count; i++)
        side_put_ttl(&b, fs->ttl.item[i].at, fs->ttl.item[i].seq);
    enum store_rc rc = b.failed ? STORE_NO_MEMORY : files_write(fs->host.disk, path, buf_view(&b), fs->msgs);
    buf_free(&b);
    return rc;
}

enum store_rc fs_write_side_files(struct file_store *fs)
{
    return fs->limits.allow_ttl ? write_ttls(fs) : STORE_OK;
}

enum store_rc fs_drop_side_files(struct file_store *fs)
{
    char path[DISK_PATH_MAX];
    files_path(path, fs->msgs, "thw.db");
    int rc = disk_unlink(fs->host.disk, path);
    return files_rc(rc == -ENOENT ? 0 : rc);
}

/* Take the entries of thw.db; *stamp is the first sequence that it does not know of. */
static enum store_rc read_ttls(struct file_store *fs, uint64_t *stamp)
{
    char path[DISK_PATH_MAX];
    files_path(path, fs->msgs, "thw.db");
    struct byte_buf b = {0};
    *stamp = 0;
    enum store_rc rc = files_read(fs->host.disk, path, 1ULL << 32, &b);
    if (rc == STORE_NOT_FOUND || rc == STORE_OK) {
        struct side_reader r;
        enum side_fault f = rc == STORE_OK ? side_open(&r, buf_view(&b)) : SIDE_SHORT;
        bool present = rc == STORE_OK;
        int64_t expires;
        uint64_t seq;
        rc = STORE_OK;
        *stamp = f == SIDE_GOOD ? r.stamp : 0;
        while (rc == STORE_OK && f == SIDE_GOOD && (f = side_get_ttl(&r, &expires, &seq)) == SIDE_GOOD) {
            if (is_live(fs, seq) && !ttl_add(fs, expires, seq))
                rc = STORE_NO_MEMORY;
        }
        if (f != SIDE_END && f != SIDE_GOOD) {
            /* Nothing in a damaged file is believed: the messages say it all again. */
            fs->ttl.count = 0;
            *stamp = 0;
            if (present) {
                fs_log(fs, 2, "Error loading TTL state: %s",
                       f == SIDE_VERSION ? "thw: encoded version not known" : "short buffer");
                disk_unlink(fs->host.disk, path);
            }
        }
    }
    buf_free(&b);
    return rc;
}

/* Enter the TTLs of the block's messages from `from` on. */
static enum store_rc scan_block(struct file_store *fs, struct block *b, uint64_t from)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    if (rc != STORE_OK)
        return rc;
    b->ttls = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (record_peek(image_record(m, i), m->len - m->offsets[i], &r) != RECORD_GOOD ||
            !block_is_live(b, r.seq))
            continue;
        int64_t ttl = msg_ttl(r.hdr);
        b->ttls += ttl != 0;
        if (ttl > 0 && r.seq >= from && !ttl_add(fs, msg_expires(r.ts, ttl), r.seq))
            return STORE_NO_MEMORY;
    }
    return STORE_OK;
}

enum store_rc fs_recover_ttl(struct file_store *fs, bool trusted)
{
    if (!fs->limits.allow_ttl)
        return STORE_OK;
    uint64_t stamp;
    enum store_rc rc = read_ttls(fs, &stamp);
    if (rc != STORE_OK || fs->msg_count == 0)
        return rc;
    bool complete = stamp > fs->last;
    if (complete && trusted)
        return STORE_OK;
    if (!trusted) { /* messages that a limit had removed may be back: all is read again */
        expiry_heap_free(&fs->ttl);
        stamp = 0;
    }
    if (stamp < fs->first)
        stamp = fs->first;
    if (!complete)
        fs_log(fs, 2, "TTL state is outdated; attempting to recover using linear scan (seq %llu to %llu)",
               (unsigned long long)stamp, (unsigned long long)fs->last);
    for (size_t i = block_position(fs, stamp); rc == STORE_OK && i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        if (b->msgs > 0 && (b->ttls > 0 || !fs->ttl_counts_known))
            rc = scan_block(fs, b, stamp);
    }
    return rc;
}
