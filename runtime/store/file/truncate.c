/* Everything above a sequence goes. Rare (a raft log that followed a wrong leader), so it takes the safe way:
 * bring the files into the wanted form, then open the store anew from them.
 *
 * Order. First new blocks get the tombstones that would go with what is cut off, and are synced. Then blocks
 * are removed from the last one down, then the block that holds the new last sequence is cut, and last go the
 * tombstones for what is no more. A crash anywhere between leaves a store that ends somewhere between the old
 * and the new last sequence (or remembers the old one by a tombstone) and has no removal forgotten. */
#include "store/file/fs.h"

#include <errno.h>

/* What is cut off: tombstones to keep as pairs of u64 sequence and u64 time. Those for sequences beyond the
 * new last one are kept only until the messages are gone that they are for. */
struct cut {
    struct byte_buf kept;
    struct byte_buf beyond;
    uint64_t last;
};

static enum store_rc keep_tombstones(struct block *b, size_t from, struct cut *c)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    if (rc != STORE_OK)
        return rc;
    for (size_t at = from; record_peek(m->buf->bytes + at, m->len - at, &r) == RECORD_GOOD; at += r.size) {
        struct byte_buf *to = r.seq <= c->last ? &c->kept : &c->beyond;
        if (r.kind == RECORD_TOMBSTONE) {
            buf_u64(to, r.seq);
            buf_u64(to, (uint64_t)r.ts);
        }
    }
    return c->kept.failed || c->beyond.failed ? STORE_NO_MEMORY : STORE_OK;
}

/* Where in the block the first record above c->last begins; *whole: there is none. (What follows a tombstone
 * for a sequence is younger than that sequence.) */
static enum store_rc cut_place(struct block *b, const struct cut *c, size_t *place, bool *whole)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    *place = 0;
    if (rc != STORE_OK)
        return rc;
    while (record_peek(m->buf->bytes + *place, m->len - *place, &r) == RECORD_GOOD && r.seq <= c->last)
        *place += r.size;
    *whole = *place == m->len;
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
    return fs_cut_file(b, place);
}

/* The first block that may have records above the new last: of a block without messages, `last` does not tell
 * what lies in its file. */
static size_t first_block_beyond(const struct file_store *fs, uint64_t last)
{
    size_t i = fs->block_count;
    while (i > 0 && (fs->blocks[i - 1]->last > last || fs->blocks[i - 1]->msgs == 0))
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

static enum store_rc write_tombstones(struct file_store *fs, const struct byte_buf *list)
{
    struct byte_reader r = byte_reader_of(buf_view(list));
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK && reader_left(&r) > 0) {
        uint64_t seq = take_u64(&r);
        rc = fs_tombstone(fs, seq, (int64_t)take_u64(&r));
    }
    return rc;
}

/* New blocks at the end with the tombstones, and one for the new last sequence when that has no message.
 * Those that stay come first, in blocks of their own. They must not be in the journal when this returns: the
 * numbers of those that go will be used again. */
static enum store_rc write_kept(struct file_store *fs, const struct cut *c, bool last_is_live,
                                int64_t last_ts, size_t *end)
{
    enum store_rc rc = STORE_OK;
    if (c->kept.len > 0 || !last_is_live)
        rc = fs_new_block(fs);
    if (rc == STORE_OK)
        rc = write_tombstones(fs, &c->kept);
    if (rc == STORE_OK && !last_is_live)
        rc = fs_tombstone(fs, c->last, last_ts);
    *end = fs->block_count;
    if (rc == STORE_OK && c->beyond.len > 0)
        rc = fs_new_block(fs);
    if (rc == STORE_OK)
        rc = write_tombstones(fs, &c->beyond);
    return rc == STORE_OK ? fs_settle(fs) : rc;
}

/* For a tombstone; a stream that was only skipped in has none. */
static int64_t time_of_last(const struct file_store *fs)
{
    return fs->last_ts_set ? fs->last_ts : RECORD_TIME_NONE;
}

static enum store_rc cut_files(struct file_store *fs, struct cut *c)
{
    size_t beyond = first_block_beyond(fs, c->last), end = fs->block_count, place = 0, stay = end;
    enum store_rc rc = STORE_OK;
    /* The first of these blocks that reaches above the new last may begin below it: then it is cut. */
    struct block *edge = NULL;
    bool whole = true;
    for (; rc == STORE_OK && beyond < end && whole; beyond += whole)
        rc = cut_place(fs->blocks[beyond], c, &place, &whole);
    if (rc == STORE_OK && !whole && place > 0) {
        edge = fs->blocks[beyond++];
        rc = keep_tombstones(edge, place, c);
    }
    for (size_t i = beyond; rc == STORE_OK && i < end; i++)
        rc = keep_tombstones(fs->blocks[i], 0, c);
    struct block *holder = block_of(fs, c->last);
    struct store_msg m;
    bool live = rc == STORE_OK && holder != NULL && block_is_live(holder, c->last);
    if (live)
        rc = block_message(holder, c->last, &m);
    if (rc == STORE_NOT_FOUND) { /* damaged */
        live = false;
        rc = STORE_OK;
    }
    if (rc == STORE_OK)
        rc = write_kept(fs, c, live, live ? m.ts : time_of_last(fs), &stay);
    if (rc == STORE_OK)
        rc = remove_blocks(fs, beyond, end);
    if (rc == STORE_OK && edge != NULL)
        rc = cut_block(edge, place);
    return rc == STORE_OK ? remove_blocks(fs, stay, fs->block_count) : rc;
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

/* ---- what was removed stays removed ---- */

/* Removals by limits leave no trace in the blocks: what lives is noted before the store is opened anew from
 * them. */
struct live_runs {
    struct live_run {
        uint64_t first;
        uint64_t last;
    } * run;
    size_t count;
    size_t cap;
};

/* The first run of live messages at or above `from`: false when there is none. */
static bool next_live_run(const struct file_store *fs, uint64_t from, struct live_run *r)
{
    for (size_t i = block_position(fs, from); i < fs->block_count; i++) {
        if (block_live_run(fs->blocks[i], from, &r->first, &r->last))
            return true;
    }
    return false;
}

static enum store_rc note_live(const struct file_store *fs, uint64_t last, struct live_runs *l)
{
    struct live_run r;
    for (uint64_t from = 0; next_live_run(fs, from, &r) && r.first <= last; from = r.last + 1) {
        if (l->count == l->cap) {
            size_t cap = l->cap == 0 ? 64 : 2 * l->cap;
            struct live_run *grown = realloc(l->run, cap * sizeof *grown);
            if (grown == NULL)
                return STORE_NO_MEMORY;
            l->run = grown;
            l->cap = cap;
        }
        l->run[l->count++] = r;
    }
    return STORE_OK;
}

/* Remove what has come back, this time with tombstones: what it was too many beside is cut off. */
static enum store_rc drop_risen(struct file_store *fs, const struct live_runs *l)
{
    struct live_run r;
    enum store_rc rc = STORE_OK;
    size_t k = 0;
    for (uint64_t from = 0; rc == STORE_OK && next_live_run(fs, from, &r); from = r.last + 1) {
        for (uint64_t seq = r.first; rc == STORE_OK && seq <= r.last; seq++) {
            while (k < l->count && l->run[k].last < seq)
                k++;
            if (k == l->count || seq < l->run[k].first)
                rc = fs_remove_message(fs, block_of(fs, seq), seq, STORE_REMOVE);
        }
    }
    return rc;
}

/* Open anew from files that end at c->last. Limits wait: what has come back must not crowd out what lives. */
static enum store_rc reload_cut(struct file_store *fs, const struct live_runs *l)
{
    struct store_limits limits = fs->limits;
    fs->limits = (struct store_limits){.allow_ttl = limits.allow_ttl, .marker_ttl_ns = limits.marker_ttl_ns};
    enum store_rc rc = fs_reload(fs);
    fs->limits = limits;
    if (rc == STORE_OK)
        rc = drop_risen(fs, l);
    fs->over_limits |= rc != STORE_OK;
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
    rc = fs_drop_side_files(fs); /* they name sequences that will be used again */
    if (rc == STORE_OK)
        rc = files_rc(disk_sync_dir(fs->host.disk, fs->msgs));
    if (rc == STORE_OK)
        rc = fs_drop_index_now(fs);
    if (rc != STORE_OK)
        return rc;
    if (last == 0)
        return reset(fs, now);
    struct cut c = {.last = last};
    struct live_runs live = {0};
    rc = note_live(fs, last, &live);
    if (rc == STORE_OK && last < fs->last) {
        rc = cut_files(fs, &c);
        enum store_rc reloaded =
            reload_cut(fs, &live); /* also after a failure: the files say where it got to */
        rc = rc != STORE_OK ? rc : reloaded;
    }
    buf_free(&c.kept);
    buf_free(&c.beyond);
    free(live.run);
    return rc;
}
