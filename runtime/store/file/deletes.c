/* Deleted sequences told to others, and learned from them. */
#include "store/file/fs.h"

#include "store/format/stream_state.h"

/* What lies between two runs of live messages is one range, whether in a block or between two. */
enum store_rc fs_deleted(struct store *s, store_range_fn fn, void *ctx)
{
    const struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    uint64_t next = fs->first, first, last; /* what comes before `next` has been looked at */
    for (size_t i = 0; i < fs->block_count && fs->msg_count > 0; i++) {
        const struct block *b = fs->blocks[i];
        for (uint64_t from = b->first; block_live_run(b, from, &first, &last); from = last + 1) {
            if (first > next && !fn(ctx, next, first - 1))
                return STORE_OK;
            next = last + 1;
        }
    }
    if (fs->msg_count > 0 && next <= fs->last)
        fn(ctx, next, fs->last);
    return STORE_OK;
}

/* The delete blocks in block order: a run for each gap between blocks, the set of each block that has one. */
static void put_deletes(const struct file_store *fs, struct byte_buf *out)
{
    uint64_t next = fs->first;
    for (size_t i = 0; i <= fs->block_count; i++) {
        const struct block *b = i < fs->block_count ? fs->blocks[i] : NULL;
        if (b != NULL && b->msgs == 0)
            continue;
        uint64_t until = b != NULL ? b->first : fs->last + 1;
        if (until > next)
            stream_state_put_run(out, next, until - next);
        if (b != NULL && b->deleted.count > 0)
            stream_state_put_set(out, &b->deleted);
        next = b != NULL ? b->last + 1 : next;
    }
}

enum store_rc fs_encode_state(struct store *s, uint64_t failed, uint8_t **buf, size_t *len)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    struct store_state st;
    store_state(s, &st);
    struct stream_state_head h = {st.msgs, st.bytes, st.first, st.last, failed, st.num_deleted};
    struct byte_buf out = {0};
    stream_state_put_head(&out, &h);
    if (h.deleted > 0)
        put_deletes(fs, &out);
    if (out.failed) {
        buf_free(&out);
        return STORE_NO_MEMORY;
    }
    *buf = out.ptr;
    *len = out.len;
    return STORE_OK;
}

/* ---- from a leader ---- */

/* Remove what lives in first..last: whole blocks at once where no tombstone of theirs is needed, single
 * messages with tombstones. (The Go server writes none here; after a crash such messages would come back, and
 * could push live ones out over a limit.) */
static enum store_rc remove_range(struct file_store *fs, uint64_t first, uint64_t last)
{
    enum store_rc rc = STORE_OK;
    uint64_t run_first, run_last;
    if (first < fs->first)
        first = fs->first;
    if (last > fs->last)
        last = fs->last;
    while (rc == STORE_OK && first <= last) {
        size_t i = block_position(fs, first);
        while (i < fs->block_count && fs->blocks[i]->msgs == 0)
            i++;
        if (i == fs->block_count)
            break;
        struct block *b = fs->blocks[i];
        if (!block_live_run(b, first, &run_first, &run_last)) {
            first = b->last + 1;
            continue;
        }
        if (run_first > last)
            break;
        if (first <= b->first && b->last <= last && !is_last(b)) {
            first = b->last + 1;
            rc = fs_drop_block(fs, b);
        } else {
            first = run_first + 1;
            rc = fs_remove_message(fs, b, run_first, STORE_REMOVE);
        }
    }
    return rc;
}

static enum store_rc remove_set(struct file_store *fs, const struct seqset *set)
{
    enum store_rc rc = STORE_OK;
    uint64_t first, last;
    for (uint64_t from = 0; rc == STORE_OK && seqset_next_run(set, from, &first, &last); from = last + 1)
        rc = remove_range(fs, first, last);
    return rc;
}

/* Walk the blocks; only check them, or do what they say. */
static enum store_rc walk_blocks(struct file_store *fs, slice blocks, bool apply)
{
    struct byte_reader r = byte_reader_of(blocks);
    uint64_t first, count;
    struct seqset set = {0};
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK && stream_state_get_block(&r, &first, &count, &set)) {
        if (apply)
            rc = count > 0 ? remove_range(fs, first, first + count - 1) : remove_set(fs, &set);
        seqset_free(&set);
    }
    return r.bad ? STORE_BAD_STATE : rc;
}

enum store_rc fs_sync_deletes(struct store *s, slice blocks)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    enum store_rc rc = walk_blocks(fs, blocks, false);
    if (rc == STORE_OK) {
        fs_drop_index(fs);
        rc = walk_blocks(fs, blocks, true);
    }
    fs_relieve(fs);
    return rc;
}
