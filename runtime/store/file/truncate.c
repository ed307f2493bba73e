/* Everything above a sequence goes. Rare (a raft log that followed a wrong leader), so it takes the safe way:
 * bring the files into the wanted form, then open the store anew from them.
 *
 * Order. First a new block gets the tombstones that would go with what is cut off, and is synced. Then blocks
 * are removed from the last one down, then the block that holds the new last sequence is cut. A crash
 * anywhere between leaves a store that ends somewhere between the old and the new last sequence and has no
 * removal forgotten. */
#include "store/file/fs.h"

#include <errno.h>

/* What is cut off: tombstones to keep, and the place where the block of the new last sequence ends. */
struct cut {
    struct byte_buf kept; /* pairs of u64 sequence, u64 time */
    uint64_t last;
};

static enum store_rc keep_tombstones(struct file_store *fs, struct block *b, size_t from, struct cut *c)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    if (rc != STORE_OK)
        return rc;
    for (size_t at = from; record_peek(m->buf->bytes + at, m->len - at, &r) == RECORD_GOOD; at += r.size) {
        if (r.kind == RECORD_TOMBSTONE && r.seq <= c->last && r.seq >= fs->first) {
            buf_u64(&c->kept, r.seq);
            buf_u64(&c->kept, (uint64_t)r.ts);
        }
    }
    return c->kept.failed ? STORE_NO_MEMORY : STORE_OK;
}

/* Where in the block the first record above c->last begins. */
static enum store_rc cut_place(struct block *b, const struct cut *c, size_t *place)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    *place = 0;
    if (rc != STORE_OK)
        return rc;
    while (record_peek(m->buf->bytes + *place, m->len - *place, &r) == RECORD_GOOD) {
        if (r.kind != RECORD_TOMBSTONE && r.seq > c->last)
            break;
        *place += r.size;
    }
    return STORE_OK;
}

static enum store_rc cut_block(struct block *b, size_t place)
{
    struct file_store *fs = b->fs;
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    if (rc != STORE_OK || place == m->len)
        return rc;
    if (fs->encrypted || b->compressed)
        return block_rewrite(b, slice_make(m->buf->bytes, place), false);
    char path[DISK_PATH_MAX];
    struct disk_file *f;
    block_path(b, ".blk", path);
    int disk_rc = disk_open(fs->host.disk, path, DISK_WRITE, &f);
    if (disk_rc < 0)
        return files_rc(disk_rc);
    disk_rc = disk_truncate(f, place);
    if (disk_rc == 0)
        disk_rc = disk_sync(f);
    disk_close(f);
    return files_rc(disk_rc);
}

/* The first block that has records above the new last; block_count when only the last one's end has. */
static size_t first_block_beyond(const struct file_store *fs, uint64_t last)
{
    size_t i = fs->block_count;
    while (i > 0 && fs->blocks[i - 1]->last > last)
        i--;
    return i;
}

/* Remove the files of blocks first..end-1, the highest first. */
static enum store_rc remove_blocks(struct file_store *fs, size_t first, size_t end)
{
    for (size_t i = end; i-- > first;) {
        char path[DISK_PATH_MAX];
        block_path(fs->blocks[i], ".blk", path);
        int rc = disk_unlink(fs->host.disk, path);
        if (rc == 0 || rc == -ENOENT)
            rc = disk_sync_dir(fs->host.disk, fs->msgs);
        if (rc == 0 && fs->encrypted) {
            block_path(fs->blocks[i], ".key", path);
            rc = disk_unlink(fs->host.disk, path);
            rc = rc == -ENOENT ? 0 : rc;
        }
        if (rc < 0)
            return files_rc(rc);
    }
    return STORE_OK;
}

/* A new block at the end with the tombstones kept, and one for the new last sequence when that has no
 * message. */
static enum store_rc write_kept(struct file_store *fs, const struct cut *c, bool last_is_live,
                                int64_t last_ts)
{
    if (c->kept.len == 0 && last_is_live)
        return STORE_OK;
    enum store_rc rc = fs_new_block(fs);
    struct byte_reader r = byte_reader_of(buf_view(&c->kept));
    while (rc == STORE_OK && reader_left(&r) > 0) {
        uint64_t seq = take_u64(&r);
        rc = fs_tombstone(fs, seq, (int64_t)take_u64(&r));
    }
    if (rc == STORE_OK && !last_is_live)
        rc = fs_tombstone(fs, c->last, last_ts);
    return rc == STORE_OK ? fs_sync_now(&fs->base) : rc;
}

static enum store_rc cut_files(struct file_store *fs, struct cut *c)
{
    size_t beyond = first_block_beyond(fs, c->last), end = fs->block_count, place = 0;
    enum store_rc rc = STORE_OK;
    /* The first of these blocks may begin at or below the new last: then it is cut, not removed. */
    struct block *edge = NULL;
    if (beyond < end) {
        rc = cut_place(fs->blocks[beyond], c, &place);
        if (rc == STORE_OK && place > 0) {
            edge = fs->blocks[beyond++];
            rc = keep_tombstones(fs, edge, place, c);
        }
    }
    for (size_t i = beyond; rc == STORE_OK && i < end; i++)
        rc = keep_tombstones(fs, fs->blocks[i], 0, c);
    struct block *holder = block_of(fs, c->last);
    struct store_msg m;
    bool live =
        holder != NULL && block_is_live(holder, c->last) && block_message(holder, c->last, &m) == STORE_OK;
    if (rc == STORE_OK)
        rc = write_kept(fs, c, live, live ? m.ts : fs->last_ts);
    if (rc == STORE_OK)
        rc = remove_blocks(fs, beyond, end);
    return rc == STORE_OK && edge != NULL ? cut_block(edge, place) : rc;
}

/* Back to "never used": files from the last one down, then a first block. */
static enum store_rc reset(struct file_store *fs, int64_t now)
{
    enum store_rc rc = remove_blocks(fs, 0, fs->block_count);
    enum store_rc reloaded = fs_reload(fs);
    if (rc == STORE_OK)
        rc = reloaded;
    if (rc == STORE_OK) {
        fs->last_ts = now;
        fs->last_ts_set = true;
    }
    return rc;
}

enum store_rc fs_truncate(struct store *s, uint64_t last, int64_t now)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    if (last > fs->last)
        return STORE_INVALID;
    enum store_rc rc = fs_settle(fs);
    if (rc != STORE_OK)
        return rc;
    fs_drop_index(fs);
    rc = files_rc(disk_sync_dir(fs->host.disk, fs->msgs));
    if (rc != STORE_OK)
        return rc;
    if (last == 0)
        return reset(fs, now);
    struct cut c = {.last = last};
    rc = last == fs->last ? STORE_OK : cut_files(fs, &c);
    buf_free(&c.kept);
    enum store_rc reloaded = fs_reload(fs); /* also after a failure: the files say where it got to */
    return rc != STORE_OK ? rc : reloaded;
}
