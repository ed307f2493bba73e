/* From a block's file to its image. */
#include "store/file/fs.h"

#include "store/file/salvage.h"
#include "store/format/bytes.h"
#include "store/format/envelope.h"

#include <errno.h>
#include <stdio.h>

/* No block file is larger: a block of full size and one oversize record. */
#define BLOCK_FILE_MAX ((uint64_t)STORE_BLOCK_MAX + RECORD_SIZE_MAX + (1u << 20))

size_t block_key_context(const struct block *b, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%.*s:%u", (int)b->fs->name_len, b->fs->name, b->index);
    return n < 0 || (size_t)n >= cap ? 0 : (size_t)n;
}

enum store_rc block_load_key(struct block *b)
{
    struct file_store *fs = b->fs;
    if (!fs->encrypted || b->key_loaded)
        return STORE_OK;
    char path[DISK_PATH_MAX], context[512];
    block_path(b, ".key", path);
    struct byte_buf file = {0};
    enum store_rc rc = files_read(fs->host.disk, path, 4096, &file);
    if (rc == STORE_NOT_FOUND) {
        b->plain_file = b->key_loaded = true;
        rc = STORE_OK;
    } else if (rc == STORE_OK) {
        slice ctx = slice_make(context, block_key_context(b, context, sizeof context));
        rc = keyring_open(&fs->keys, ctx, buf_view(&file), &b->key, &b->rekey);
        b->key_loaded = rc == STORE_OK;
    }
    buf_free(&file);
    return rc;
}

/* Replace the compressed form in `out` by the plain one. */
static enum store_rc expand(struct byte_buf *out)
{
    struct byte_buf plain = {0};
    enum store_rc rc = envelope_open(buf_view(out), BLOCK_FILE_MAX, &plain);
    if (rc != STORE_OK) {
        buf_free(&plain);
        return rc;
    }
    buf_free(out);
    *out = plain;
    return STORE_OK;
}

enum store_rc block_read_plain(struct block *b, struct byte_buf *out)
{
    char path[DISK_PATH_MAX];
    block_path(b, ".blk", path);
    enum store_rc rc = block_load_key(b);
    if (rc == STORE_OK)
        rc = files_read(b->fs->host.disk, path, BLOCK_FILE_MAX, out);
    if (rc != STORE_OK)
        return rc;
    out->len = (size_t)fs_sound_size(b, out->len);
    if (!is_last(b) || b->durable == b->raw)
        b->disk = out->len;
    if (b->fs->encrypted && !b->plain_file && !crypt_block(&b->key, 0, out->ptr, out->ptr, out->len))
        return STORE_NO_MEMORY;
    b->compressed = envelope_is(buf_view(out));
    return b->compressed ? expand(out) : STORE_OK;
}

/* ---- making the image ---- */

/* Report which sequences of first..last are not in the image; *at moves along it. */
static void report_missing_of(struct block *b, const struct image *m, size_t *at, uint64_t first,
                              uint64_t last)
{
    while (first <= last) {
        while (*at < m->count && image_seq(m, *at) < first)
            ++*at;
        uint64_t found = *at < m->count ? image_seq(m, *at) : UINT64_MAX;
        if (found > first)
            fs_add_lost(b->fs, first, found > last ? last : found - 1, 0);
        if (found >= last)
            break;
        first = found + 1;
    }
}

/* Tell which live messages of the block are not in its image. */
static void report_missing(struct block *b, const struct image *m)
{
    size_t at = 0;
    uint64_t first, last;
    for (uint64_t from = b->first; block_live_run(b, from, &first, &last); from = last + 1)
        report_missing_of(b, m, &at, first, last);
}

/* Damaged bytes become a record that says nothing, and whose checksum does not hold: who walks the image by
 * lengths gets past them, and who checks it finds them damaged still. */
static void neutralize(struct image *m, const struct damage *d)
{
    uint8_t *p = m->buf->bytes + d->at;
    for (size_t left = d->len; left >= RECORD_MIN;) {
        size_t n =
            left <= RECORD_SIZE_MAX ? left : RECORD_SIZE_MAX - RECORD_MIN; /* what is left is one, too */
        memset(p, 0, RECORD_HEAD);
        put_u32(p, (uint32_t)n);
        p += n;
        left -= n;
    }
}

/* A record was mended in memory: in the file, too, or with the next damage beside it both would be lost.
 * Where that fails the next load tries again. */
static void heal(const struct block *b, const struct image *m, size_t at, size_t size)
{
    struct file_store *fs = b->fs;
    char path[DISK_PATH_MAX];
    struct disk_file *f = NULL;
    uint8_t *bytes = malloc(size);
    int rc = bytes == NULL ? -ENOMEM : 0;
    block_path(b, ".blk", path);
    if (rc == 0)
        memcpy(bytes, m->buf->bytes + at, size);
    if (rc == 0 && fs->encrypted && !b->plain_file && !crypt_block(&b->key, at, bytes, bytes, size))
        rc = -ENOMEM;
    if (rc == 0)
        rc = disk_open(fs->host.disk, path, DISK_WRITE, &f);
    if (f != NULL) {
        ssize_t n = disk_pwrite(f, bytes, size, at);
        rc = n < 0 ? (int)n : disk_sync(f);
        disk_close(f);
    }
    free(bytes);
    if (rc == 0)
        fs_log(fs, 2, "Block %u: the damaged record at offset %zu was mended", b->index, at);
    else
        fs_log(fs, 3, "Block %u: the damaged record at offset %zu was mended, but not in the file: %s",
               b->index, at, store_rc_text(files_rc(rc)));
}

/* Note the place of every message record, in the order of sequences. */
static enum store_rc index_records(struct block *b, struct image *m)
{
    struct salvage s = salvage_of(m->buf->bytes, m->len, &b->hash);
    struct record r;
    struct damage d;
    size_t at;
    uint64_t last = 0, live = 0;
    bool damaged = false;
    enum salvage_rc rc;
    m->count = 0;
    while ((rc = salvage_next(&s, &r, &at, &d)) != SALVAGE_END) {
        if (s.mended && !b->compressed)
            heal(b, m, at, r.size);
        if (rc == SALVAGE_DAMAGE) {
            if (!b->damaged)
                fs_log(b->fs, 2, "Block %u: %zu damaged bytes at offset %zu", b->index, d.len, d.at);
            neutralize(m, &d);
            damaged = true;
            continue;
        }
        if (r.kind != RECORD_MESSAGE || r.seq <= last)
            continue;
        if (!image_add_offset(m, (uint32_t)at))
            return STORE_NO_MEMORY;
        last = r.seq;
        live += block_is_live(b, r.seq);
    }
    if (m->base == 0 && b->base == 0)
        b->base = m->count > 0 ? image_seq(m, 0) : UINT64_MAX;
    if (live != b->msgs)
        report_missing(b, m);
    b->damaged |= damaged || live != b->msgs;
    return STORE_OK;
}

/* Put the file's bytes before those that the present (partial) image holds. */
static enum store_rc join_partial(struct block *b, struct byte_buf *plain)
{
    const struct image *have = b->image;
    if (have == NULL)
        return STORE_OK;
    if (plain->len > have->base)
        plain->len = (size_t)have->base;
    while (plain->len < have->base && !plain->failed) /* the file has shrunk behind our back: damage */
        buf_u8(plain, 0);
    buf_bytes(plain, have->buf->bytes, have->len);
    return plain->failed ? STORE_NO_MEMORY : STORE_OK;
}

/* Make the bytes the block's image, in place of what it has now. */
static enum store_rc adopt(struct block *b, struct byte_buf *plain, struct image **out)
{
    struct store_cache *c = b->fs->host.cache;
    struct image *m = image_adopt(c, b, plain);
    if (m == NULL)
        return STORE_NO_MEMORY;
    enum store_rc rc = index_records(b, m);
    if (rc != STORE_OK) {
        image_free(c, m);
        return rc;
    }
    if (b->image != NULL)
        image_free(c, b->image);
    b->image = m;
    *out = m;
    return STORE_OK;
}

enum store_rc block_load(struct block *b, struct image **out)
{
    if (b->image != NULL && b->image->base == 0) {
        *out = b->image;
        image_touch(b->fs->host.cache, *out);
        return STORE_OK;
    }
    struct byte_buf plain = {0};
    enum store_rc rc = block_read_plain(b, &plain);
    if (rc == STORE_NOT_FOUND || rc == STORE_CORRUPT || rc == STORE_WRONG_KEY) {
        /* The content is gone for good: an image without it says so, and reports it once. */
        if (!b->damaged)
            fs_log(b->fs, 3, "Block %u can not be read: %s", b->index, store_rc_text(rc));
        plain.len = 0;
        rc = STORE_OK;
    }
    if (rc == STORE_OK)
        rc = join_partial(b, &plain);
    if (rc == STORE_OK)
        rc = adopt(b, &plain, out);
    if (rc == STORE_OK)
        image_touch(b->fs->host.cache, *out);
    buf_free(&plain);
    return rc;
}

enum store_rc block_message(struct block *b, uint64_t seq, struct store_msg *msg)
{
    struct image *m;
    /* The part of the last block that is in memory may do. */
    if (b->image != NULL && b->image->count > 0 && image_seq(b->image, 0) <= seq) {
        m = b->image;
        image_touch(b->fs->host.cache, m);
    } else {
        enum store_rc rc = block_load(b, &m);
        if (rc != STORE_OK)
            return rc;
    }
    size_t i = image_lower_bound(m, seq);
    struct record r;
    if (i >= m->count || image_seq(m, i) != seq ||
        record_peek(image_record(m, i), m->len - m->offsets[i], &r) != RECORD_GOOD)
        return STORE_NOT_FOUND;
    *msg = (struct store_msg){r.seq, r.ts, r.subject, r.hdr, r.data};
    return STORE_OK;
}
