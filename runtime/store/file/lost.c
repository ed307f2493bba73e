/* What damage took, and what comes back from a replica. */
#include "store/file/fs.h"

static bool covers(const struct store_lost *l, uint64_t first, uint64_t last)
{
    return first != 0 && l->first <= first && last <= l->last;
}

void fs_add_lost(struct file_store *fs, uint64_t first, uint64_t last, uint64_t bytes)
{
    struct lost_list *l = &fs->lost;
    for (size_t i = 0; i < l->count; i++) {
        if (covers(&l->ranges[i], first, last))
            return;
    }
    l->bytes += bytes;
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 8 : l->cap * 2;
        struct store_lost *grown = realloc(l->ranges, cap * sizeof *grown);
        if (grown == NULL)
            return; /* the bytes are counted; the ranges are for people and repair */
        l->ranges = grown;
        l->cap = cap;
    }
    struct store_lost what = {first, last, bytes};
    l->ranges[l->count++] = what;
    if (fs->hooks.lost != NULL)
        fs->hooks.lost(fs->hooks.ctx, what);
    if (first != 0 && fs->hooks.can_repair != NULL && fs->hooks.can_repair(fs->hooks.ctx, first, last))
        fs_log(fs, 1, "Sequences %llu to %llu will be repaired", (unsigned long long)first,
               (unsigned long long)last);
}

static void push_range(struct lost_list *l, struct store_lost what)
{
    if (l->count < l->cap) /* a split needs one more place; without it the second half is forgotten */
        l->ranges[l->count++] = what;
}

void fs_not_lost(struct file_store *fs, uint64_t first, uint64_t last)
{
    struct lost_list *l = &fs->lost;
    for (size_t i = 0; i < l->count;) {
        struct store_lost *r = &l->ranges[i];
        if (r->first == 0 || r->last < first || r->first > last) {
            i++;
            continue;
        }
        if (r->first < first) {
            struct store_lost rest = {last + 1, r->last, 0};
            bool split = r->last > last;
            r->last = first - 1;
            if (split)
                push_range(l, rest);
            i++;
        } else if (r->last > last) {
            r->first = last + 1;
            i++;
        } else {
            memmove(r, r + 1, (l->count - i - 1) * sizeof *r);
            l->count--;
        }
    }
}

enum store_rc fs_lost_data(struct store *s, struct store_lost *out, size_t max, size_t *count,
                           uint64_t *bytes)
{
    const struct file_store *fs = fs_of(s);
    for (size_t i = 0; i < fs->lost.count && i < max; i++)
        out[i] = fs->lost.ranges[i];
    *count = fs->lost.count;
    *bytes = fs->lost.bytes;
    return fs->closed ? STORE_CLOSED : STORE_OK;
}

/* The books still count a message that can not be read: from the blocks alone it is not there. */
enum store_rc fs_remove_lost(struct file_store *fs, uint64_t seq)
{
    fs_log(fs, 2, "Sequence %llu is to be removed, but was lost to damage: counting anew",
           (unsigned long long)seq);
    enum store_rc rc = fs_settle(fs);
    if (rc == STORE_OK)
        rc = fs_drop_index_now(fs);
    return rc == STORE_OK ? fs_reload(fs) : rc;
}

/* ---- repair ---- */

static bool is_lost(const struct file_store *fs, uint64_t seq)
{
    for (size_t i = 0; i < fs->lost.count; i++) {
        if (covers(&fs->lost.ranges[i], seq, seq))
            return true;
    }
    return false;
}

/* The block's content with the message in its place. */
static enum store_rc with_message(struct block *b, const struct store_msg *m, struct byte_buf *out)
{
    struct image *image;
    enum store_rc rc = block_load(b, &image);
    if (rc != STORE_OK)
        return rc;
    size_t i = image_lower_bound(image, m->seq);
    size_t at = i < image->count ? image->offsets[i] : image->len;
    size_t size = (size_t)record_size(m->subject.len, m->hdr.len, m->data.len);
    struct record r;
    /* Damaged bytes stay behind: only sound records move along. */
    for (size_t p = 0; p < image->len;) {
        if (p == at) {
            uint8_t *dst = buf_room(out, size);
            if (dst == NULL)
                return STORE_NO_MEMORY;
            out->len += record_encode_message(dst, &b->hash, m->seq, m->ts, m->subject, m->hdr, m->data);
        }
        if (record_peek(image->buf->bytes + p, image->len - p, &r) != RECORD_GOOD)
            break;
        if (r.seq != m->seq || r.kind != RECORD_MESSAGE)
            buf_bytes(out, image->buf->bytes + p, r.size);
        p += r.size;
    }
    if (at == image->len) {
        uint8_t *dst = buf_room(out, size);
        if (dst == NULL)
            return STORE_NO_MEMORY;
        out->len += record_encode_message(dst, &b->hash, m->seq, m->ts, m->subject, m->hdr, m->data);
    }
    return out->failed ? STORE_NO_MEMORY : STORE_OK;
}

enum store_rc fs_repair(struct store *s, const struct store_msg *m)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (!is_lost(fs, m->seq) || record_size(m->subject.len, m->hdr.len, m->data.len) > STORE_RECORD_MAX ||
        m->subject.len > STORE_SUBJECT_MAX)
        return STORE_INVALID;
    enum store_rc rc = fs_settle(fs);
    if (rc != STORE_OK)
        return rc;
    size_t i = block_position(fs, m->seq);
    struct block *b = fs->blocks[i < fs->block_count ? i : fs->block_count - 1];
    struct byte_buf content = {0};
    rc = with_message(b, m, &content);
    if (rc == STORE_OK)
        rc = fs_drop_index_now(fs);
    if (rc == STORE_OK)
        rc = block_rewrite(b, buf_view(&content), false);
    buf_free(&content);
    if (rc == STORE_OK)
        rc = fs_reload(fs);
    if (rc == STORE_OK)
        fs_not_lost(fs, m->seq, m->seq);
    return rc;
}
