/* What damage took, and what comes back from a replica. */
#include "store/file/fs.h"

static bool covers(const struct store_lost *l, uint64_t first, uint64_t last)
{
    return first != 0 && l->first <= first && last <= l->last;
}

static bool has_room(struct lost_list *l)
{
    if (l->count < l->cap)
        return true;
    size_t cap = l->cap == 0 ? 8 : l->cap * 2;
    struct store_lost *grown = realloc(l->ranges, cap * sizeof *grown);
    if (grown == NULL)
        return false;
    l->ranges = grown;
    l->cap = cap;
    return true;
}

static void push_range(struct lost_list *l, struct store_lost what)
{
    if (has_room(l)) /* else it is forgotten: the ranges are for people and repair */
        l->ranges[l->count++] = what;
}

void fs_add_lost(struct file_store *fs, uint64_t first, uint64_t last, uint64_t bytes)
{
    struct lost_list *l = &fs->lost;
    for (size_t i = 0; i < l->count; i++) {
        if (covers(&l->ranges[i], first, last))
            return;
    }
    l->bytes += bytes;
    struct store_lost what = {first, last, bytes};
    push_range(l, what);
    if (fs->hooks.lost != NULL)
        fs->hooks.lost(fs->hooks.ctx, what);
    if (first != 0 && fs->hooks.can_repair != NULL && fs->hooks.can_repair(fs->hooks.ctx, first, last))
        fs_log(fs, 1, "Sequences %llu to %llu will be repaired", (unsigned long long)first,
               (unsigned long long)last);
}

void fs_not_lost(struct file_store *fs, uint64_t first, uint64_t last)
{
    struct lost_list *l = &fs->lost;
    for (size_t i = 0; i < l->count;) {
        struct store_lost *r = &l->ranges[i]; /* until one more is pushed */
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

/* The last sequence is told by a sound record, on disk: a tombstone, unless it is a message that lives. */
static enum store_rc remember_last(struct file_store *fs)
{
    struct store_msg m;
    struct block *holder = block_of(fs, fs->last);
    enum store_rc rc = STORE_NOT_FOUND;
    if (holder != NULL && block_is_live(holder, fs->last))
        rc = block_message(holder, fs->last, &m);
    if (rc == STORE_NOT_FOUND && fs->last > 0)
        rc = fs_tombstone(fs, fs->last, fs->last_ts_set ? fs->last_ts : RECORD_TIME_NONE);
    return rc == STORE_OK ? fs_settle(fs) : rc;
}

/* The books still count a message that can not be read: from the blocks alone it is not there. */
enum store_rc fs_remove_lost(struct file_store *fs, uint64_t seq)
{
    fs_log(fs, 2, "Sequence %llu is to be removed, but was lost to damage: counting anew",
           (unsigned long long)seq);
    if (fs->quiet) {
        fs->recount = true;
        return STORE_CORRUPT;
    }
    enum store_rc rc = remember_last(fs);
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
        bool damaged = r.seq == 0 && r.kind == RECORD_ERASED; /* or of no use, from very old servers */
        if (!damaged && (r.seq != m->seq || r.kind != RECORD_MESSAGE))
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
