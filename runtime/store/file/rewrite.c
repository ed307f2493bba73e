/* A block anew: without what is deleted, compressed, erased, or under another key.
 *
 * The new content is written beside the block, synced, and renamed over it. Under encryption it gets a new
 * key, because the same keystream must not cover two different contents. Two files can not be renamed at
 * once, so the order is: N.key.new (synced), N.blk.tmp (synced), rename N.blk.tmp to N.blk, rename N.key.new
 * to N.key. Whoever finds an N.key.new at start tries which of the two keys opens N.blk (recover.c). */
#include "store/file/fs.h"

#include "store/format/envelope.h"

/* The file content for a plain content. */
static enum store_rc outer_form(slice plain, bool compress, const struct crypt_key *key, struct byte_buf *out)
{
    if (compress && plain.len >= 8) {
        enum store_rc rc = envelope_seal(plain, out);
        if (rc != STORE_OK)
            return rc;
    } else {
        buf_slice(out, plain);
    }
    if (out->failed || (key != NULL && !crypt_block(key, 0, out->ptr, out->ptr, out->len)))
        return STORE_NO_MEMORY;
    return STORE_OK;
}

/* A new key for the block, on disk as N.key.new. */
static enum store_rc put_new_key(struct block *b, struct crypt_key *key)
{
    struct file_store *fs = b->fs;
    char context[512], path[DISK_PATH_MAX];
    uint8_t file[CRYPT_KEY_FILE_MAX];
    slice ctx = slice_make(context, block_key_context(b, context, sizeof context));
    if (!keyring_make(&fs->keys, ctx, fs->host.random, fs->host.random_ctx, key, file))
        return STORE_NO_MEMORY;
    block_path(b, ".key.new", path);
    return files_write(fs->host.disk, path, slice_make(file, crypt_key_file_size(key->cipher)), fs->msgs);
}

/* The block's new file is there for good; then its key gets its name. */
static enum store_rc settle_names(struct block *b)
{
    struct file_store *fs = b->fs;
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
    int rc = disk_sync_dir(fs->host.disk, fs->msgs);
    if (rc == 0 && b->key_waits) {
        block_path(b, ".key.new", from);
        block_path(b, ".key", to);
        rc = disk_rename(fs->host.disk, from, to);
        if (rc == 0) {
            b->key_waits = false;
            rc = disk_sync_dir(fs->host.disk, fs->msgs);
        }
    }
    if (rc == 0)
        b->new_name = false;
    return files_rc(rc);
}

/* The file is the new one from here on, whatever becomes of its name. */
static void adopt_file(struct block *b, slice plain, uint64_t disk_size, bool compressed,
                       const struct crypt_key *key)
{
    if (key != NULL) {
        b->key = *key;
        b->key_loaded = b->key_waits = true;
        b->plain_file = b->rekey = false;
    }
    bool own_image = b->image != NULL && b->image->buf->bytes == plain.ptr;
    b->raw = b->handed = b->durable = plain.len;
    b->disk = disk_size;
    b->compressed = compressed;
    b->needs_sync = false;
    b->new_name = true;
    b->reserved = 0;
    if (b->file != NULL)
        storage_file_release(b->file);
    b->file = NULL;
    if (b->image != NULL && !own_image)
        image_free(b->fs->host.cache, b->image);
}

enum store_rc block_rewrite(struct block *b, slice plain, bool compress)
{
    struct file_store *fs = b->fs;
    struct crypt_key key = {0};
    struct byte_buf out = {0};
    char path[DISK_PATH_MAX];
    /* The key that waits is the file's: a newer one must not take its name. */
    enum store_rc rc = b->key_waits ? settle_names(b) : STORE_OK;
    if (rc == STORE_OK && fs->encrypted)
        rc = put_new_key(b, &key);
    if (rc == STORE_OK)
        rc = outer_form(plain, compress, fs->encrypted ? &key : NULL, &out);
    if (rc == STORE_OK) {
        block_path(b, ".blk", path);
        rc = files_write(fs->host.disk, path, buf_view(&out), NULL);
    }
    if (rc == STORE_OK) {
        adopt_file(b, plain, out.len, compress && plain.len >= 8, fs->encrypted ? &key : NULL);
        rc = settle_names(b);
    }
    buf_free(&out);
    return rc;
}

/* What is left of a block when only the records worth keeping are. */
struct kept {
    struct byte_buf bytes; /* of the records, as they are */
    uint64_t last;         /* message */
    int64_t last_ts;
    uint64_t tomb_max;
    uint64_t top;
};

static enum store_rc keep_records(const struct block *b, const struct image *m, struct kept *k)
{
    struct record r;
    uint64_t oldest = fs_oldest_record(b);
    for (size_t at = 0; record_peek(m->buf->bytes + at, m->len - at, &r) == RECORD_GOOD; at += r.size) {
        if (r.kind == RECORD_MESSAGE && block_is_live(b, r.seq) && r.seq > k->last) {
            k->last = r.seq;
            k->last_ts = r.ts;
        } else if (r.kind == RECORD_TOMBSTONE && r.seq < b->first && oldest != 0 && r.seq >= oldest) {
            k->tomb_max = r.seq > k->tomb_max ? r.seq : k->tomb_max;
        } else {
            continue;
        }
        k->top = r.seq > k->top ? r.seq : k->top;
        buf_bytes(&k->bytes, m->buf->bytes + at, r.size);
    }
    return k->bytes.failed ? STORE_NO_MEMORY : STORE_OK;
}

static bool is_settled(const struct block *b)
{
    /* Nothing of the store waits: what this block no longer remembers must have happened for good. */
    const struct file_store *fs = b->fs;
    return fs->durable == fs->written && fs->unlink_count == 0 && !fs->commit.out && !b->needs_sync &&
           !fs->journaled;
}

enum store_rc block_compact(struct block *b)
{
    struct file_store *fs = b->fs;
    if (is_last(b) || b->msgs == 0 || b->damaged || b->last == fs->last || !is_settled(b))
        return STORE_OK;
    struct image *m;
    struct kept kept = {0};
    uint64_t before = b->raw;
    enum store_rc rc = block_load(b, &m);
    if (rc != STORE_OK || b->damaged) /* found just now: it is left as it is, for repair */
        return rc;
    rc = keep_records(b, m, &kept);
    bool smaller = rc == STORE_OK && kept.bytes.len < before;
    if (smaller && fs->index_on_disk) /* one that fits may count what limits have removed since */
        rc = fs_drop_index_now(fs);
    if (rc == STORE_OK && smaller) {
        rc = block_rewrite(b, buf_view(&kept.bytes), fs->compress);
        if (rc == STORE_OK) {
            b->base = b->first;
            b->last = kept.last;
            b->last_ts = kept.last_ts;
            b->tomb_max = kept.tomb_max;
            b->top = kept.top;
            b->tombs_known = true;
            seqset_remove_above(&b->deleted, kept.last);
            fs->index_stale = true;
        }
    }
    b->no_gain = b->raw == before;
    buf_free(&kept.bytes);
    return rc;
}

enum store_rc block_compress(struct block *b)
{
    if (!b->fs->compress || is_last(b) || b->compressed || b->damaged || b->raw < 8 || !is_settled(b))
        return STORE_OK;
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    if (rc != STORE_OK || b->damaged)
        return rc;
    return block_rewrite(b, slice_make(m->buf->bytes, m->len), true);
}

enum store_rc block_convert(struct block *b)
{
    struct image *m;
    if (!is_settled(b))
        return STORE_OK;
    enum store_rc rc = block_load(b, &m);
    if (rc != STORE_OK || b->damaged) /* what cannot be read is left as it is, for repair */
        return rc;
    fs_log(b->fs, 0, "Block %u is encrypted anew", b->index);
    return block_rewrite(b, slice_make(m->buf->bytes, m->len), false);
}
