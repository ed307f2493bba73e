/* The state from the blocks alone.
 *
 * Every record of every block is read and checked. A record that is damaged costs itself: what is sound
 * behind it stays. The damaged block is kept aside as N.blk.damaged and rewritten without the damage, because
 * the Go server would cut it off there. In the last block, damage that ends in zeros is not damage but a
 * crash: bytes that never reached the disk, with nothing acknowledged behind them; there the block ends. */
#include "store/file/fs.h"

#include "store/file/salvage.h"
#include "store/msg_ttl.h"

#include <errno.h>
#include <stdio.h>

struct rebuild {
    struct file_store *fs;
    struct seqset tombs;
    bool is_last; /* the block at work has the highest number */
    /* Of the block at work: */
    struct byte_buf sound; /* its content without damage, when there was any */
    bool damaged;
    bool torn;        /* cut off at the end */
    size_t good_end;  /* plain length up to the damage, when torn */
    uint64_t floor;   /* highest sequence of the blocks before */
    uint64_t highest; /* sequence seen so far in all blocks */
    int64_t highest_ts;
};

static bool ends_in_zeros(const uint8_t *bytes, const struct damage *d)
{
    static const uint8_t zeros[4];
    return d->len >= sizeof zeros && memcmp(bytes + d->at + d->len - sizeof zeros, zeros, sizeof zeros) == 0;
}

/* Which sequences were there: the one that the record claims if that can be, else all that are missing. With
 * nothing behind it that tells (after is 0) the claim holds only for the very next one: it may be what is
 * damaged. Then it may also name one that was removed. */
static void report_damage(struct rebuild *rb, const struct block *b, const struct damage *d, uint64_t after)
{
    uint64_t before = b->last > rb->floor ? b->last : rb->floor;
    fs_log(rb->fs, 2, "%zu damaged bytes at offset %zu between sequences %llu and %llu", d->len, d->at,
           (unsigned long long)before, (unsigned long long)after);
    bool may_be = after != 0 ? d->seq > before && d->seq < after : d->seq == before + 1;
    if (d->one && may_be && !seqset_has(&rb->tombs, d->seq))
        fs_add_lost(rb->fs, d->seq, d->seq, d->len);
    else if (after > before + 1)
        fs_add_lost(rb->fs, before + 1, after - 1, d->len);
    else
        fs_add_lost(rb->fs, 0, 0, d->len);
}

/* An erased record has lost its time, but its tombstone has it. */
static void see(struct rebuild *rb, uint64_t seq, int64_t ts)
{
    if (seq < rb->highest || (seq == rb->highest && ts < rb->highest_ts))
        return;
    rb->highest = seq;
    rb->highest_ts = ts;
}

/* A message or a used-up sequence joins the block. */
static enum store_rc take_sequence(struct rebuild *rb, struct block *b, const struct record *r)
{
    bool message = r->kind == RECORD_MESSAGE;
    if (r->seq <= b->last || r->seq <= rb->floor)
        return STORE_OK; /* does not rise: legacy erased, or what a newer record has replaced */
    if (b->msgs > 0 && b->last + 1 < r->seq && !seqset_insert_range(&b->deleted, b->last + 1, r->seq - 1))
        return STORE_NO_MEMORY;
    if (message && b->base == 0)
        b->base = r->seq;
    if (message && b->msgs == 0) {
        b->first = r->seq;
        b->first_ts = r->ts;
    }
    if (!message && b->msgs > 0 && !seqset_insert(&b->deleted, r->seq))
        return STORE_NO_MEMORY;
    b->last = r->seq;
    if (message || r->ts != 0)
        b->last_ts = r->ts;
    if (message) {
        struct subject_index *x = rb->fs->subjects;
        if (x != NULL && r->subject.len > 0 && subject_index_add(x, r->subject, r->seq) == NULL)
            return STORE_NO_MEMORY;
        b->msgs++;
        b->bytes += r->size;
        b->ttls += r->hdr.len > 0 && msg_ttl(r->hdr) != 0; /* also when not allowed now: an update may */
        b->schedules += r->hdr.len > 0 && msg_has_schedule(r->hdr);
    }
    return STORE_OK;
}

/* One pass over a block: check, count, collect subjects and tombstones, find damage. */
static enum store_rc scan(struct rebuild *rb, struct block *b, struct byte_buf *plain)
{
    struct salvage s = salvage_of(plain->ptr, plain->len, &b->hash);
    struct record r;
    struct damage d, open = {0};
    size_t at;
    enum salvage_rc rc;
    bool mended = false;
    while ((rc = salvage_next(&s, &r, &at, &d)) != SALVAGE_END) {
        mended |= s.mended;
        if (open.len > 0) {
            report_damage(rb, b, &open, rc == SALVAGE_RECORD && r.kind != RECORD_TOMBSTONE ? r.seq : 0);
            open.len = 0;
        }
        if (rc == SALVAGE_RECORD) {
            enum store_rc taken = STORE_OK;
            b->top = r.seq > b->top ? r.seq : b->top;
            if (r.kind != RECORD_TOMBSTONE)
                taken = take_sequence(rb, b, &r);
            else if (!seqset_insert(&rb->tombs, r.seq))
                taken = STORE_NO_MEMORY;
            if (r.kind == RECORD_TOMBSTONE) {
                see(rb, r.seq, r.ts);
                if (r.seq < b->first && r.seq > b->tomb_max)
                    b->tomb_max = r.seq;
            }
            if (taken != STORE_OK)
                return taken;
            if (rb->damaged)
                buf_bytes(&rb->sound, plain->ptr + at, r.size);
            continue;
        }
        if (rb->is_last && (d.tail || ends_in_zeros(plain->ptr, &d))) {
            rb->torn = true;
            rb->good_end = d.at;
            fs_add_lost(rb->fs, 0, 0, plain->len - d.at);
            break;
        }
        if (!rb->damaged)
            buf_bytes(&rb->sound, plain->ptr, d.at);
        rb->damaged = true;
        open = d;
    }
    if (open.len > 0)
        report_damage(rb, b, &open, 0);
    if (mended && !rb->damaged) {
        rb->damaged = true;
        buf_bytes(&rb->sound, plain->ptr, rb->torn ? rb->good_end : plain->len);
    }
    return rb->sound.failed ? STORE_NO_MEMORY : STORE_OK;
}

static void move_aside(struct block *b, const char *what)
{
    char from[DISK_PATH_MAX], to[DISK_PATH_MAX], suffix[32];
    static const char *const parts[] = {".blk", ".key"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(suffix, sizeof suffix, "%s.%s", parts[i], what);
        block_path(b, parts[i], from);
        block_path(b, suffix, to);
        int rc = disk_rename(b->fs->host.disk, from, to);
        if (rc < 0 && rc != -ENOENT)
            fs_log(b->fs, 3, "%s could not be set aside", from);
    }
}

/* The file as the Go server can read it, too: without the damage, and the original beside it. */
static enum store_rc mend_file(struct rebuild *rb, struct block *b, struct byte_buf *plain)
{
    struct file_store *fs = rb->fs;
    if (rb->damaged) {
        char path[DISK_PATH_MAX];
        block_path(b, ".blk.damaged", path);
        enum store_rc rc = files_write(fs->host.disk, path, buf_view(plain), fs->msgs);
        if (rc != STORE_OK)
            return rc;
        return block_rewrite(b, buf_view(&rb->sound), false);
    }
    if (!rb->torn)
        return STORE_OK;
    if (fs->encrypted || b->compressed)
        return block_rewrite(b, slice_make(plain->ptr, rb->good_end), false);
    b->raw = b->handed = b->durable = b->disk = rb->good_end;
    return fs_cut_file(b, rb->good_end);
}

/* Read a block into its description. *keep false: it holds nothing and goes. */
static enum store_rc read_block(struct rebuild *rb, struct block *b, bool *keep)
{
    struct file_store *fs = rb->fs;
    struct byte_buf plain = {0};
    enum store_rc rc = block_read_plain(b, &plain);
    *keep = false;
    if (rc == STORE_CORRUPT || rc == STORE_WRONG_KEY) {
        fs_log(fs, 3, "Block %u can not be read (%s) and is set aside", b->index, store_rc_text(rc));
        fs_add_lost(fs, 0, 0, b->disk);
        move_aside(b, "damaged");
        buf_free(&plain);
        return STORE_OK;
    }
    b->raw = b->handed = b->durable = plain.len;
    b->first = UINT64_MAX;
    if (rc == STORE_OK)
        rc = scan(rb, b, &plain);
    b->first = b->msgs == 0 ? (b->last > rb->highest ? b->last : rb->highest) + 1 : b->first;
    *keep = b->last > 0 || b->tomb_max > 0;
    if (rc == STORE_OK && !*keep && fs->encrypted && b->plain_file && plain.len > 0) {
        fs_log(fs, 3, "Block %u has no key and is set aside", b->index);
        move_aside(b, "damaged"); /* for the day the key comes back; that it is lost was reported */
        buf_free(&plain);
        return STORE_OK;
    }
    if (rc == STORE_OK)
        rc = mend_file(rb, b, &plain);
    if (b->last > 0)
        see(rb, b->last, b->last_ts);
    if (b->msgs == 0) {
        b->last = rb->highest;
        b->last_ts = rb->highest_ts;
        b->first = b->last + 1;
        seqset_clear(&b->deleted);
    }
    b->tombs_known = true;
    if (b->base == 0) /* no message at all */
        b->base = UINT64_MAX;
    buf_free(&plain);
    return rc;
}

static enum store_rc add_block(struct rebuild *rb, uint32_t number)
{
    struct file_store *fs = rb->fs;
    struct block *b = block_new(fs, number);
    bool keep = false;
    if (b == NULL)
        return STORE_NO_MEMORY;
    b->needs_sync = b->new_name = true; /* what a killed process wrote may be in memory only */
    rb->damaged = rb->torn = false;
    rb->floor = rb->highest;
    enum store_rc rc = read_block(rb, b, &keep);
    buf_free(&rb->sound);
    if (rc == STORE_OK && keep && block_append_to_list(fs, b)) {
        fs->msg_count += b->msgs;
        fs->byte_count += b->bytes;
        return STORE_OK;
    }
    if (rc == STORE_OK && keep)
        rc = STORE_NO_MEMORY;
    if (rc == STORE_OK)
        fs_unlink_later(fs, b, false);
    block_free(b);
    return rc;
}

/* What tombstones name is removed, without writing new ones; it is not lost either. */
static enum store_rc apply_tombstones(struct rebuild *rb)
{
    struct file_store *fs = rb->fs;
    uint64_t first, last;
    enum store_rc rc = STORE_OK;
    for (uint64_t from = 0; rc == STORE_OK && seqset_next_run(&rb->tombs, from, &first, &last);
         from = last + 1) {
        fs_not_lost(fs, first, last);
        for (uint64_t seq = first; rc == STORE_OK && seq <= last; seq++) {
            struct block *b = block_of(fs, seq);
            if (b != NULL && block_is_live(b, seq))
                rc = fs_remove_message(fs, b, seq, STORE_REMOVE_LIMIT);
        }
    }
    return rc;
}

/* A sequence that is there after all (in another block) is not lost. */
static void recount_lost(struct file_store *fs)
{
    uint64_t first, last;
    for (size_t i = 0; i < fs->block_count; i++) {
        const struct block *b = fs->blocks[i];
        for (uint64_t from = b->first; fs->lost.count > 0 && block_live_run(b, from, &first, &last);
             from = last + 1)
            fs_not_lost(fs, first, last);
    }
}

enum store_rc fs_rebuild(struct file_store *fs, const struct block_numbers *n)
{
    /* What an index.db that did not fit has left behind. */
    for (size_t i = 0; i < fs->block_count; i++)
        block_free(fs->blocks[i]);
    fs->block_count = 0;
    if (fs->subjects != NULL)
        subject_index_clear(fs->subjects);
    fs->msg_count = fs->byte_count = 0;
    fs->ttl_counts_known = true;

    struct rebuild rb = {.fs = fs};
    enum store_rc rc = STORE_OK;
    for (size_t i = 0; rc == STORE_OK && i < n->count; i++) {
        rb.is_last = i + 1 == n->count;
        rc = add_block(&rb, n->numbers[i]);
    }
    fs->last = rb.highest;
    fs->last_ts = rb.highest_ts == RECORD_TIME_NONE ? 0 : rb.highest_ts;
    fs->last_ts_set = rb.highest > 0 && rb.highest_ts != RECORD_TIME_NONE;
    fs->index_stale = true;
    fs->next_number =
        n->count > 0 && n->numbers[n->count - 1] < UINT32_MAX ? n->numbers[n->count - 1] + 1 : 1;
    fs_update_first(fs);
    if (rc == STORE_OK && fs->block_count == 0)
        rc = fs_new_block(fs);
    if (fs->last == 0 && fs->msg_count == 0)
        fs->first = 0;
    if (rc == STORE_OK)
        rc = apply_tombstones(&rb);
    recount_lost(fs);
    seqset_free(&rb.tombs);
    return rc;
}

static struct block *unlisted_block(struct file_store *fs, uint32_t number, uint64_t last)
{
    struct block *b = block_new(fs, number);
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (b == NULL)
        return NULL;
    b->last = last;
    b->first = last + 1;
    block_path(b, ".blk", path);
    if (disk_stat(fs->host.disk, path, &st) == 0)
        b->raw = b->handed = b->durable = b->disk = fs_sound_size(b, st.size);
    return b;
}

/* Files that a fitting index.db does not list hold no messages, but may hold tombstones that a rebuild would
 * need. */
enum store_rc fs_add_unlisted(struct file_store *fs, const struct block_numbers *n)
{
    size_t listed = fs->block_count, at = 0, count = 0;
    if (n->count == listed)
        return STORE_OK;
    struct block **all = malloc((listed + n->count) * sizeof(struct block *));
    uint64_t last = fs->first > 0 ? fs->first - 1 : 0;
    if (all == NULL)
        return STORE_NO_MEMORY;
    for (size_t i = 0; i < n->count; i++) {
        while (at < listed && fs->blocks[at]->index <= n->numbers[i]) {
            last = fs->blocks[at]->last > last ? fs->blocks[at]->last : last;
            all[count++] = fs->blocks[at++];
        }
        if (count > 0 && all[count - 1]->index == n->numbers[i])
            continue;
        struct block *b = unlisted_block(fs, n->numbers[i], last);
        if (b != NULL) /* without memory it is passed over: a later start finds it again */
            all[count++] = b;
    }
    while (at < listed)
        all[count++] = fs->blocks[at++];
    free(fs->blocks);
    fs->blocks = all;
    fs->block_count = count;
    fs->block_cap = listed + n->count;
    return STORE_OK;
}
