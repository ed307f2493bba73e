/* One message goes. */
#include "store/file/fs.h"

#include <stdio.h>

void fs_report(struct file_store *fs, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    if (fs->hooks.changed != NULL && !fs->quiet)
        fs->hooks.changed(fs->hooks.ctx, msgs, bytes, seq, subject);
}

enum store_rc fs_update_first(struct file_store *fs)
{
    for (size_t i = 0; i < fs->block_count; i++) {
        const struct block *b = fs->blocks[i];
        if (b->msgs == 0)
            continue;
        fs->first = b->first;
        fs->first_ts = b->first_ts;
        return STORE_OK;
    }
    fs->first = fs->last + 1;
    fs->first_ts = 0;
    return STORE_OK;
}

static void put_at_end(const struct file_store *fs, struct later_unlink *u)
{
    u->block = fs->block_count > 0 ? last_block(fs)->index : 0;
    u->end = fs->block_count > 0 ? last_block(fs)->raw : 0;
}

void fs_unlink_path_later(struct file_store *fs, const char *path)
{
    if (fs->unlink_count == fs->unlink_cap) {
        size_t cap = fs->unlink_cap == 0 ? 8 : fs->unlink_cap * 2;
        struct later_unlink *grown = realloc(fs->unlinks, cap * sizeof *grown);
        if (grown == NULL)
            return; /* the file stays: recovery finds its messages explained by tombstones or limits */
        fs->unlinks = grown;
        fs->unlink_cap = cap;
    }
    struct later_unlink u = {.path = path == NULL ? NULL : strdup(path)};
    if (path != NULL && u.path == NULL)
        return;
    put_at_end(fs, &u);
    fs->unlinks[fs->unlink_count++] = u;
}

void fs_forget_unlinks(struct file_store *fs)
{
    for (size_t i = 0; i < fs->unlink_count; i++)
        free(fs->unlinks[i].path);
    fs->unlink_count = 0;
}

/* The key goes behind its block: without it the block could not be read. */
void fs_unlink_later(struct file_store *fs, const struct block *b, bool last)
{
    char path[DISK_PATH_MAX];
    if (last && fs->unlink_count > 0)
        fs_unlink_path_later(fs, NULL);
    block_path(b, ".blk", path);
    fs_unlink_path_later(fs, path);
    if (fs->encrypted) {
        fs_unlink_path_later(fs, NULL);
        block_path(b, ".key", path);
        fs_unlink_path_later(fs, path);
    }
    fs_changed(fs);
}

/* Before a block goes all its bytes are on disk, and what waits to go behind them has gone. They may tell of
 * removals: without them, younger records could be there and these not. */
static enum store_rc write_out(struct file_store *fs, const struct block *b)
{
    return b->handed < b->raw ? fs_commit_and_wait(fs) : STORE_OK;
}

/* Out of the list and the memory; the file goes behind the next commit, index.db, which names it, before it,
 * and tombstones only behind what they are for. Counts are the caller's. */
static enum store_rc discard_block(struct file_store *fs, struct block *b)
{
    enum store_rc rc = write_out(fs, b);
    if (rc == STORE_OK && fs->commit.out && fs->commit.block == b)
        rc = fs_wait_idle(fs);
    if (rc != STORE_OK)
        return rc;
    fs_drop_index(fs);
    fs_unlink_later(fs, b, !b->tombs_known || b->tomb_max > 0);
    block_unlist(fs, b);
    block_free(b);
    return STORE_OK;
}

/* What the block's records tell is known: of a block that was never read it is found by reading it. */
static enum store_rc know_tombstones(struct block *b)
{
    if (b->tombs_known)
        return STORE_OK;
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    if (rc != STORE_OK)
        return rc;
    uint64_t own_first = m->count > 0 ? image_seq(m, 0) : UINT64_MAX;
    struct record r;
    for (size_t at = 0; record_peek(m->buf->bytes + at, m->len - at, &r) == RECORD_GOOD; at += r.size) {
        if (r.kind == RECORD_TOMBSTONE && r.seq < own_first && r.seq > b->tomb_max)
            b->tomb_max = r.seq;
        b->top = r.seq > b->top ? r.seq : b->top;
    }
    b->tombs_known = true;
    return STORE_OK;
}

uint64_t fs_oldest_record(const struct block *b)
{
    const struct file_store *fs = b->fs;
    for (size_t i = 0; i < fs->block_count && fs->blocks[i] != b; i++) {
        uint64_t base = fs->blocks[i]->base; /* `last` tells nothing when no message lives */
        if (base != UINT64_MAX)
            return base == 0 ? 1 : base;
    }
    return 0;
}

enum store_rc fs_tombstones_needed(struct block *b, bool *needed)
{
    enum store_rc rc = know_tombstones(b);
    uint64_t oldest = fs_oldest_record(b);
    *needed = oldest != 0 && b->tomb_max >= oldest;
    return rc;
}

/* A record outside the block, which has no messages, tells of the stream's last sequence. */
static bool last_is_told_elsewhere(const struct file_store *fs, const struct block *b)
{
    const struct block *holder = block_of(fs, fs->last);
    if (holder != NULL && block_is_live(holder, fs->last))
        return true;
    for (size_t i = fs->block_count; i-- > 0;) {
        const struct block *other = fs->blocks[i];
        if (other != b && other->tombs_known && other->top == fs->last)
            return true;
    }
    return false;
}

enum store_rc fs_drop_if_useless(struct file_store *fs, struct block *b)
{
    bool needed;
    if (b->msgs > 0 || is_last(b))
        return STORE_OK;
    enum store_rc rc = fs_tombstones_needed(b, &needed);
    if (rc == STORE_OK && !needed && b->top == fs->last && !last_is_told_elsewhere(fs, b))
        rc = fs_tombstone(fs, fs->last, fs->last_ts_set ? fs->last_ts : RECORD_TIME_NONE);
    return rc == STORE_OK && !needed ? discard_block(fs, b) : rc;
}

/* Before a block loses its last message: if it holds the stream's last sequence, that is remembered in a new
 * block. */
static enum store_rc remember_last(struct file_store *fs, struct block *b, bool *wrote)
{
    *wrote = is_last(b) || b->last == fs->last;
    if (!*wrote)
        return STORE_OK;
    uint64_t last = b->last;
    int64_t ts = last == fs->last ? fs->last_ts : b->last_ts; /* an erased record has lost its own */
    if (is_last(b)) {
        enum store_rc rc = fs_new_block(fs);
        if (rc != STORE_OK)
            return rc;
    }
    return fs_tombstone(fs, last, ts);
}

/* Before a block loses its last message `seq`: its file will go, but one that is kept for its tombstones must
 * not bring the message back. */
static enum store_rc remember_only(struct file_store *fs, struct block *b, uint64_t seq, int64_t ts,
                                   bool explicit)
{
    bool wrote, needed = false;
    enum store_rc rc = remember_last(fs, b, &wrote);
    if (rc == STORE_OK && explicit && !(wrote && b->last == seq))
        rc = fs_tombstones_needed(b, &needed);
    return rc == STORE_OK && needed ? fs_tombstone(fs, seq, ts) : rc;
}

/* The time of the block's first message when `seq` is gone; a damaged one has that of the one before. */
static enum store_rc first_ts_without(struct block *b, uint64_t seq, int64_t *ts)
{
    struct store_msg m;
    *ts = b->first_ts;
    if (seq != b->first || b->msgs == 1)
        return STORE_OK;
    enum store_rc rc = block_message(b, seqset_next_gap(&b->deleted, seq + 1), &m);
    if (rc == STORE_OK)
        *ts = m.ts;
    return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

/* The first live message of the block is gone: the next one is the first. */
static void advance_first(struct block *b, uint64_t gone, int64_t ts)
{
    uint64_t next = seqset_next_gap(&b->deleted, gone + 1);
    seqset_remove_below(&b->deleted, next);
    b->first = next;
    b->first_ts = ts;
}

/* Books of the block and the stream without the message. */
static enum store_rc uncount(struct file_store *fs, struct block *b, uint64_t seq, uint64_t size,
                             int64_t first_ts)
{
    if (seq != b->first && b->msgs > 1 && !seqset_insert(&b->deleted, seq))
        return STORE_NO_MEMORY;
    b->msgs--;
    b->bytes -= size;
    b->no_gain = false;
    fs->msg_count--;
    fs->byte_count -= size;
    if (b->msgs == 0) {
        b->first = b->last + 1;
        b->first_ts = 0;
        seqset_clear(&b->deleted);
    } else if (seq == b->first) {
        advance_first(b, seq, first_ts);
    }
    seqmap_remove(&fs->handed_up, seq);
    if (seq == fs->first)
        fs_update_first(fs);
    return STORE_OK;
}

/* The file of the block of `seq` says whether it was erased: *gone. */
static enum store_rc see_whether_erased(struct file_store *fs, uint64_t seq, enum store_rc failure,
                                        bool *gone)
{
    enum store_rc rc = fs_reload(fs);
    const struct block *b = rc == STORE_OK ? block_of(fs, seq) : NULL;
    *gone = rc == STORE_OK && (b == NULL || !block_is_live(b, seq));
    if (*gone)
        fs_log(fs, 2, "Sequence %llu was erased in spite of: %s", (unsigned long long)seq,
               store_rc_text(failure));
    return *gone ? STORE_OK : failure;
}

/* Overwrite the message, which is the removal: the block is written anew. Until the books know of it, reading
 * the block would tell of damage: what has to be read of it is read before. When something fails on the way
 * the store is loaded anew; *gone: it has happened all the same, and the books know. */
static enum store_rc erase(struct block *b, uint64_t seq, bool *gone)
{
    struct file_store *fs = b->fs;
    enum store_rc rc = fs_settle(fs);
    struct image *m;
    if (rc == STORE_OK)
        rc = know_tombstones(b);
    if (rc == STORE_OK)
        rc = fs_drop_index_now(fs); /* one that fits would bring the message back */
    if (rc == STORE_OK)
        rc = block_load(b, &m);
    if (rc != STORE_OK)
        return rc;
    struct byte_buf content = {0};
    size_t i = image_lower_bound(m, seq);
    buf_bytes(&content, m->buf->bytes, m->len);
    if (content.failed) {
        buf_free(&content);
        return STORE_NO_MEMORY;
    }
    uint8_t *rec = content.ptr + m->offsets[i];
    size_t fill_len = (get_u32(rec) & 0x7fffffff) - RECORD_MIN;
    uint8_t *fill = malloc(fill_len + 1);
    if (fill != NULL) {
        fs->host.random(fs->host.random_ctx, fill, fill_len);
        record_erase(rec, &b->hash, fill);
        rc = block_rewrite(b, buf_view(&content), !is_last(b) && b->compressed);
        if (rc != STORE_OK)
            rc = see_whether_erased(fs, seq, rc, gone);
    } else {
        rc = STORE_NO_MEMORY;
    }
    free(fill);
    buf_free(&content);
    return rc;
}

/* Before the message leaves the books. When a part of that fails, what was written of it must go, too, or a
 * message that is still there would be gone after a restart. */
static enum store_rc remember_removal(struct file_store *fs, struct block *b, uint64_t seq, int64_t ts,
                                      enum store_remove_how how, bool erased)
{
    uint64_t before = fs->written;
    enum store_rc rc = STORE_OK;
    if (b->msgs == 1)
        rc = remember_only(fs, b, seq, ts, how != STORE_REMOVE_LIMIT);
    else if (how != STORE_REMOVE_LIMIT)
        rc = fs_tombstone(fs, seq, ts);
    if (rc != STORE_OK && fs->written != before && !erased)
        fs_undo(fs, rc);
    return rc;
}

enum store_rc fs_remove_message(struct file_store *fs, struct block *b, uint64_t seq,
                                enum store_remove_how how)
{
    struct store_msg m;
    enum store_rc rc = block_message(b, seq, &m);
    if (rc == STORE_NOT_FOUND)
        return fs_remove_lost(fs, seq);
    if (rc != STORE_OK)
        return rc;
    uint64_t size = record_size(m.subject.len, m.hdr.len, m.data.len);
    int64_t ts = m.ts;
    char *subject = malloc(m.subject.len + 1); /* the image may go when a block is made */
    if (subject == NULL)
        return STORE_NO_MEMORY;
    size_t subject_len = m.subject.len;
    memcpy(subject, m.subject.ptr, subject_len);
    subject[subject_len] = 0;

    bool erased = how == STORE_REMOVE_ERASE && !fs->encrypted, remembered = true, gone = false;
    int64_t first_ts;
    rc = first_ts_without(b, seq, &first_ts);
    if (rc == STORE_OK && erased)
        rc = erase(b, seq, &gone);
    if (rc == STORE_OK && !gone) {
        rc = remember_removal(fs, b, seq, ts, how, erased);
        remembered = rc == STORE_OK;
        if (erased) /* what is erased needs no tombstone, but its block must stay without one */
            rc = STORE_OK;
    }
    if (rc == STORE_OK && !gone) {
        rc = uncount(fs, b, seq, size, first_ts);
        if (rc != STORE_OK)
            fs_undo(fs, rc);
    }
    if (rc == STORE_OK && !gone) {
        slice name = slice_make(subject, subject_len);
        if (fs->subjects != NULL && subject_len > 0)
            subject_index_remove(fs->subjects, name, seq);
        fs_changed(fs);
        fs_report(fs, -1, -(int64_t)size, seq, name);
        if (remembered)
            rc = fs_drop_if_useless(fs, b);
    }
    free(subject);
    return rc;
}

/* The block's file is to go: tombstones in it that older files need are written again at the end. */
static enum store_rc carry_tombstones(struct file_store *fs, struct block *b)
{
    bool needed;
    struct image *m;
    struct byte_buf kept = {0};
    struct record r;
    uint64_t oldest = fs_oldest_record(b);
    enum store_rc rc = fs_tombstones_needed(b, &needed);
    if (rc != STORE_OK || !needed)
        return rc;
    rc = block_load(b, &m);
    for (size_t at = 0; rc == STORE_OK && record_peek(m->buf->bytes + at, m->len - at, &r) == RECORD_GOOD;
         at += r.size) {
        if (r.kind == RECORD_TOMBSTONE && r.seq >= oldest && r.seq <= b->tomb_max) {
            buf_u64(&kept, r.seq);
            buf_u64(&kept, (uint64_t)r.ts);
        }
    }
    if (kept.failed)
        rc = STORE_NO_MEMORY;
    struct byte_reader left = byte_reader_of(buf_view(&kept));
    while (rc == STORE_OK && reader_left(&left) > 0) {
        uint64_t seq = take_u64(&left);
        rc = fs_tombstone(fs, seq, (int64_t)take_u64(&left));
    }
    buf_free(&kept);
    if (rc == STORE_OK)
        b->tomb_max = 0;
    return rc;
}

enum store_rc fs_drop_block(struct file_store *fs, struct block *b)
{
    enum store_rc rc = write_out(fs, b);
    if (rc != STORE_OK)
        return rc;
    uint64_t msgs = b->msgs, bytes = b->bytes, before = fs->written;
    bool wrote;
    rc = remember_last(fs, b, &wrote);
    if (rc == STORE_OK)
        rc = carry_tombstones(fs, b);
    if (rc == STORE_OK && fs->subjects != NULL)
        rc = fs_forget_subjects(fs, b);
    if (rc != STORE_OK) {
        if (fs->written != before)
            fs_undo(fs, rc); /* the last message is remembered as removed */
        return rc;
    }
    if (fs->handed_up.count > 0)
        seqmap_remove_between(&fs->handed_up, b->first, b->last);
    fs->msg_count -= msgs;
    fs->byte_count -= bytes;
    b->msgs = 0;
    b->bytes = 0;
    b->first = b->last + 1;
    b->first_ts = 0;
    seqset_clear(&b->deleted);
    fs_changed(fs);
    fs_update_first(fs);
    if (msgs > 0)
        fs_report(fs, -(int64_t)msgs, -(int64_t)bytes, 0, SLICE_EMPTY);
    return fs_drop_if_useless(fs, b);
}

/* Take the block's live messages out of the subject index. */
enum store_rc fs_forget_subjects(struct file_store *fs, struct block *b)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    for (size_t i = 0; rc == STORE_OK && i < m->count; i++) {
        if (record_peek(image_record(m, i), m->len - m->offsets[i], &r) == RECORD_GOOD && r.subject.len > 0 &&
            block_is_live(b, r.seq))
            subject_index_remove(fs->subjects, r.subject, r.seq);
    }
    return rc;
}

enum store_rc fs_remove(struct store *s, uint64_t seq, enum store_remove_how how, bool *removed)
{
    struct file_store *fs = fs_of(s);
    *removed = false;
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    if (seq == 0)
        return STORE_NOT_FOUND;
    if (seq > fs->last)
        return STORE_EOF;
    struct block *b = block_of(fs, seq);
    if (b == NULL || !block_is_live(b, seq))
        return STORE_OK;
    enum store_rc rc = fs_remove_message(fs, b, seq, how);
    *removed = rc == STORE_OK;
    return rc;
}
