/* New records: messages, skips, tombstones. */
#include "store/file/fs.h"

#include "store/msg_ttl.h"

#include <errno.h>

#define RESERVE_FIRST    (UINT64_C(16) * 1024)
#define RESERVE_STEP_MAX (UINT64_C(1024) * 1024)
#define SKIP_DELETES_MAX 65536u

/* Space on the disk for the block up to `need` bytes, taken ahead in growing steps, so that a full disk
 * refuses a message before anything has happened to it. */
static enum store_rc reserve(struct block *b, uint64_t need)
{
    if (need <= b->reserved)
        return STORE_OK;
    uint64_t step = b->reserved < RESERVE_FIRST ? RESERVE_FIRST : b->reserved;
    uint64_t want = b->reserved + (step < RESERVE_STEP_MAX ? step : RESERVE_STEP_MAX);
    if (want > b->fs->block_size)
        want = b->fs->block_size;
    if (want < need)
        want = need;
    int rc = storage_file_reserve(b->file, want);
    if (rc == -ENOSPC && want > need) {
        want = need;
        rc = storage_file_reserve(b->file, want);
    }
    if (rc == -EOPNOTSUPP || rc == -ENOSYS) { /* a file system without: its writes will tell */
        want = UINT64_MAX;
        rc = 0;
    }
    if (rc == 0)
        b->reserved = want;
    return files_rc(rc);
}

/* A key for a new block, on disk before the block is. */
static enum store_rc write_new_key(struct block *b)
{
    struct file_store *fs = b->fs;
    char context[512], path[DISK_PATH_MAX];
    uint8_t file[CRYPT_KEY_FILE_MAX];
    slice ctx = slice_make(context, block_key_context(b, context, sizeof context));
    if (!keyring_make(&fs->keys, ctx, fs->host.random, fs->host.random_ctx, &b->key, file))
        return STORE_NO_MEMORY;
    b->key_loaded = true;
    block_path(b, ".key", path);
    return files_write(fs->host.disk, path, slice_make(file, crypt_key_file_size(b->key.cipher)), NULL);
}

static enum store_rc open_for_writing(struct block *b)
{
    if (b->file != NULL)
        return STORE_OK;
    enum store_rc rc = block_load_key(b);
    if (rc != STORE_OK)
        return rc;
    return files_rc(storage_file_open(b->fs->host.port, b->fs->dir, b->index, true, &b->file));
}

enum store_rc fs_new_block(struct file_store *fs)
{
    /* Never the number of a file that is still to be unlinked. */
    uint32_t index = fs->block_count > 0 ? last_block(fs)->index + 1 : 1;
    if (index != 0 && index < fs->next_number)
        index = fs->next_number;
    struct block *b = index == 0 ? NULL : block_new(fs, index);
    if (b == NULL)
        return STORE_NO_MEMORY;
    b->first = fs->last + 1;
    b->base = UINT64_MAX;
    b->last = fs->last;
    b->last_ts = fs->last_ts;
    b->tombs_known = b->new_name = true;
    enum store_rc rc = fs->encrypted ? write_new_key(b) : STORE_OK;
    if (rc == STORE_OK)
        rc = open_for_writing(b);
    if (rc == STORE_OK && !block_append_to_list(fs, b))
        rc = STORE_NO_MEMORY;
    if (rc != STORE_OK)
        block_free(b);
    return rc;
}

enum store_rc fs_room(struct file_store *fs, size_t n, struct block **out)
{
    struct block *b = last_block(fs);
    if (b->raw > 0 && b->raw + n > fs->block_size) {
        enum store_rc rc = fs_new_block(fs);
        if (rc != STORE_OK)
            return rc;
        b = last_block(fs);
    }
    enum store_rc rc = open_for_writing(b);
    if (rc == STORE_OK)
        rc = reserve(b, b->raw + n);
    if (rc != STORE_OK)
        return rc;
    struct store_cache *c = fs->host.cache;
    if (b->image == NULL)
        b->image = image_new(c, b, b->raw, n);
    if (b->image == NULL || !image_room(c, b->image, n))
        return STORE_NO_MEMORY;
    *out = b;
    return STORE_OK;
}

/* The last block has grown by a record of `seq` that was put into its image. */
static void grown_by(struct block *b, size_t n, uint64_t seq)
{
    b->top = seq > b->top ? seq : b->top;
    b->image->len += n;
    b->raw += n;
    b->fs->backlog += n;
}

/* Where the next record of the last block goes. */
static uint8_t *tail_of(const struct block *b)
{
    return b->image->buf->bytes + b->image->len;
}

/* Sequences first..last have become the block's last, with messages or as deleted ones. */
static bool delete_gap(struct block *b, uint64_t first, uint64_t last)
{
    return b->msgs == 0 || first > last || seqset_insert_range(&b->deleted, first, last);
}

static void count_message(struct file_store *fs, struct block *b, uint64_t seq, int64_t ts, uint64_t size)
{
    if (b->msgs == 0) {
        b->first = seq;
        b->first_ts = ts;
        seqset_clear(&b->deleted);
    }
    if (b->base > seq) /* there was no message in the file */
        b->base = seq;
    b->msgs++;
    b->bytes += size;
    b->last = seq;
    b->last_ts = ts;
    if (fs->msg_count == 0) {
        fs->first = seq;
        fs->first_ts = ts;
    }
    fs->msg_count++;
    fs->byte_count += size;
    fs->last = seq;
    fs->last_ts = ts;
    fs->last_ts_set = true;
}

/* Everything that can fail, before anything is changed. */
static enum store_rc prepare(struct file_store *fs, const struct store_append *a, uint64_t seq, uint64_t size,
                             struct block **out)
{
    enum store_rc rc = fs_room(fs, (size_t)size, out);
    if (rc != STORE_OK)
        return rc;
    struct block *b = *out;
    if (!delete_gap(b, b->last + 1, seq - 1) || !image_add_offset(b->image, (uint32_t)b->image->len))
        return STORE_NO_MEMORY;
    bool ok = fs->subjects == NULL || a->subject.len == 0 ||
              subject_index_add(fs->subjects, a->subject, seq) != NULL;
    if (ok && fs->limits.allow_ttl && a->ttl_s > 0) {
        ok = ttl_add(fs, msg_expires(a->ts, a->ttl_s), seq);
        if (!ok && fs->subjects != NULL)
            subject_index_remove(fs->subjects, a->subject, seq);
    }
    if (!ok)
        b->image->count--;
    return ok ? STORE_OK : STORE_NO_MEMORY;
}

static enum store_rc check_append(struct file_store *fs, const struct store_append *a, uint64_t size)
{
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    if (a->refuse_over_limit) {
        enum store_rc rc = fs_check_new(fs, a, size);
        if (rc != STORE_OK)
            return rc;
    }
    if (a->seq != 0 && a->seq != fs->last + 1)
        return STORE_BAD_SEQUENCE;
    if (fs->last >= STORE_SEQUENCE_MAX)
        return STORE_INVALID;
    return size > STORE_RECORD_MAX || a->subject.len > STORE_SUBJECT_MAX ? STORE_TOO_LARGE : STORE_OK;
}

enum store_rc fs_append(struct store *s, const struct store_append *a, int64_t now, uint64_t *out)
{
    (void)now;
    struct file_store *fs = fs_of(s);
    uint64_t size = record_size(a->subject.len, a->hdr.len, a->data.len);
    enum store_rc rc = check_append(fs, a, size);
    if (rc != STORE_OK)
        return rc;
    uint64_t seq = fs->last + 1;
    unsigned generation = fs->generation;
    struct block *b;
    rc = prepare(fs, a, seq, size, &b);
    if (rc != STORE_OK)
        return rc;
    record_encode_message(tail_of(b), &b->hash, seq, a->ts, a->subject, a->hdr, a->data);
    grown_by(b, (size_t)size, seq);
    count_message(fs, b, seq, a->ts, size);
    if (a->ttl_s != 0)
        b->ttls++;
    if (fs->allow_schedules && a->hdr.len > 0)
        b->schedules += msg_has_schedule(a->hdr);
    image_touch(fs->host.cache, b->image);
    fs_changed(fs);
    *out = seq;
    fs_report(fs, 1, (int64_t)size, seq, a->subject);
    if (fs->limits.max_per_subject > 0)
        rc = fs_enforce_subject(fs, a->subject);
    if (rc == STORE_OK)
        rc = fs_enforce(fs);
    if (rc != STORE_OK) { /* the message is stored; what is too many goes another time */
        fs_log(fs, 2, "Limits could not be enforced: %s", store_rc_text(rc));
        fs->over_limits = true;
    }
    fs_relieve(fs);
    return fs->generation == generation ? STORE_OK
                                        : STORE_IO; /* a write has failed, and the message is gone */
}

/* A record without subject and body at the end of the last block. */
static enum store_rc append_mark(struct file_store *fs, enum record_kind kind, uint64_t seq, int64_t ts,
                                 struct block **out)
{
    enum store_rc rc = fs_room(fs, RECORD_MIN, out);
    if (rc != STORE_OK)
        return rc;
    record_encode_mark(tail_of(*out), &(*out)->hash, kind, seq, ts);
    grown_by(*out, RECORD_MIN, seq);
    fs_changed(fs);
    return STORE_OK;
}

enum store_rc fs_tombstone(struct file_store *fs, uint64_t seq, int64_t ts)
{
    struct block *b;
    enum store_rc rc = append_mark(fs, RECORD_TOMBSTONE, seq, ts, &b);
    if (rc == STORE_OK && seq < b->first && seq > b->tomb_max)
        b->tomb_max = seq;
    return rc;
}

enum store_rc fs_skip(struct store *s, uint64_t first, uint64_t count, int64_t now)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    if (first != 0 && first != fs->last + 1)
        return STORE_BAD_SEQUENCE;
    if (count == 0 || count > STORE_SEQUENCE_MAX - fs->last)
        return STORE_INVALID;
    uint64_t last = fs->last + count;
    int64_t ts = fs->last_ts_set ? fs->last_ts : now;
    struct block *b = last_block(fs);
    if (count > 1 && b->msgs > 0 && b->deleted.count + count > SKIP_DELETES_MAX) {
        enum store_rc rc = fs_new_block(fs);
        if (rc != STORE_OK)
            return rc;
    }
    enum store_rc rc = fs_room(fs, RECORD_MIN, &b);
    if (rc == STORE_OK && !delete_gap(b, b->last + 1, last))
        rc = STORE_NO_MEMORY;
    if (rc == STORE_OK)
        rc = append_mark(fs, RECORD_ERASED, last, ts, &b); /* which has its room */
    if (rc != STORE_OK)
        return rc;
    b->last = last;
    b->last_ts = ts;
    if (b->msgs == 0)
        b->first = last + 1;
    fs->last = last;
    fs->last_ts = ts;
    fs->last_ts_set = true;
    if (fs->msg_count == 0)
        fs->first = last + 1;
    return STORE_OK;
}
