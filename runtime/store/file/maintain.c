/* Background work, a bounded piece a call. */
#include "store/file/fs.h"

#define BLOCKS_A_CALL  16
#define INDEX_INTERVAL (120LL * 1000000000)
#define SYNC_INTERVAL  (120LL * 1000000000)
#define IDLE_CLOSE     (30LL * 1000000000)

/* Live bytes are less than half of what the file takes. */
static bool worth_compacting(const struct block *b)
{
    return !b->no_gain && b->bytes * 2 < b->raw;
}

/* One block's turn: *worked when its file was rewritten or removed. */
static enum store_rc care_for(struct file_store *fs, struct block *b, bool *worked)
{
    uint64_t raw = b->raw;
    bool was_compressed = b->compressed, foreign = b->plain_file || b->rekey;
    size_t blocks = fs->block_count;
    if (is_last(b))
        return STORE_OK;
    enum store_rc rc = STORE_OK;
    if (b->msgs == 0)
        rc = fs_drop_if_useless(fs, b);
    if (rc != STORE_OK || fs->block_count < blocks) {
        *worked = true;
        return rc;
    }
    bool wanted = foreign || worth_compacting(b) || (fs->compress && !b->compressed && !b->damaged);
    if (wanted)
        rc = fs_settle(fs);
    if (rc != STORE_OK)
        return rc;
    if (foreign)
        rc = block_convert(b);
    else if (worth_compacting(b))
        rc = block_compact(b);
    else
        rc = block_compress(b);
    *worked = b->raw != raw || b->compressed != was_compressed || foreign;
    return rc;
}

static enum store_rc care_for_some(struct file_store *fs)
{
    for (size_t n = 0; n < BLOCKS_A_CALL && n < fs->block_count; n++) {
        bool worked = false;
        if (fs->maintain_at >= fs->block_count)
            fs->maintain_at = 0;
        enum store_rc rc = care_for(fs, fs->blocks[fs->maintain_at], &worked);
        fs->maintain_at++;
        if (rc != STORE_OK || worked)
            return rc;
    }
    return STORE_OK;
}

/* The last block's file is closed when nothing was written for a while; an append opens it again. */
static void close_idle(struct file_store *fs, int64_t now)
{
    struct block *b = last_block(fs);
    if (fs->written != fs->idle_mark) {
        fs->idle_mark = fs->written;
        fs->idle_since = now;
        return;
    }
    if (b->file == NULL || fs->commit.out || b->durable < b->raw || b->needs_sync ||
        now - fs->idle_since < IDLE_CLOSE)
        return;
    storage_file_truncate(b->file, b->raw);
    storage_file_release(b->file);
    b->file = NULL;
    b->reserved = 0;
}

static enum store_rc sync_by_timer(struct file_store *fs, int64_t now)
{
    if (fs->sync != STORE_SYNC_INTERVAL || now < fs->sync_due)
        return STORE_OK;
    int64_t interval = fs->sync_interval > 0 ? fs->sync_interval : SYNC_INTERVAL;
    /* The first run comes between half an interval and one, so that streams do not all sync at once. */
    if (fs->sync_due == 0) {
        uint32_t chance;
        fs->host.random(fs->host.random_ctx, &chance, sizeof chance);
        fs->sync_due = now + interval / 2 + (int64_t)((double)interval / 2 * chance / UINT32_MAX);
        return STORE_OK;
    }
    fs->sync_due = now + interval;
    return fs_sync_now(&fs->base);
}

static enum store_rc index_by_timer(struct file_store *fs, int64_t now)
{
    if (now < fs->index_due)
        return STORE_OK;
    bool first = fs->index_due == 0;
    uint32_t chance;
    fs->host.random(fs->host.random_ctx, &chance, sizeof chance);
    fs->index_due = now + INDEX_INTERVAL + (int64_t)(30e9 * chance / UINT32_MAX);
    if (first || !fs->index_stale)
        return STORE_OK;
    if (fs_index_is_large(fs)) {
        fs_log(fs, 0, "store state too big for optional write");
        return STORE_OK;
    }
    enum store_rc rc = fs_sync_now(&fs->base);
    if (rc == STORE_OK)
        rc = fs_write_index(fs);
    return rc == STORE_OK ? fs_write_side_files(fs) : rc;
}

/* Again what an append could not do. */
static enum store_rc enforce_again(struct file_store *fs)
{
    if (!fs->over_limits)
        return STORE_OK;
    enum store_rc rc = fs_enforce_all_subjects(fs);
    if (rc == STORE_OK)
        rc = fs_enforce(fs);
    fs->over_limits = rc != STORE_OK;
    return rc;
}

enum store_rc fs_maintain(struct store *s, int64_t now)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK)
        return fs_reload(fs);
    enum store_rc rc = enforce_again(fs);
    if (rc == STORE_OK)
        rc = sync_by_timer(fs, now);
    if (rc == STORE_OK)
        rc = care_for_some(fs);
    if (rc == STORE_OK)
        rc = index_by_timer(fs, now);
    close_idle(fs, now);
    return rc;
}
