/* After a crash: bytes that were acknowledged through the journal go into the blocks.
 *
 * An entry is a run of whole records. It is written unless the block has other records there. Where it has
 * other sound records, then somebody else (the Go server) has written the stream since: those are the truth
 * now, and the journal's are given up. An entry that begins inside a sound record or behind the end, or is
 * for a block that is compressed by now, is older than the block: what voided it was lost to damage of the
 * journal. It is passed over. */
#include "store/file/fs.h"

#include "store/file/salvage.h"

#include <errno.h>
#include <stdio.h>

/* Where the sound records of a block lie, by rising place. */
struct extent {
    uint64_t first;
    uint64_t end;
};

struct replay {
    struct file_store *fs;
    uint32_t seen; /* the block that `plain` and `sound` are of; 0: none */
    bool sealed;   /* it is compressed, or was and can not be read */
    struct byte_buf plain;
    struct extent *sound;
    size_t sound_count;
    size_t sound_cap;
    struct seqset touched; /* blocks to sync */
    bool conflict;
    bool older; /* some entries were passed over */
    uint64_t bytes;
};

static bool add_extent(struct replay *rp, uint64_t first, uint64_t end)
{
    if (rp->sound_count == rp->sound_cap) {
        size_t cap = rp->sound_cap == 0 ? 256 : rp->sound_cap * 2;
        struct extent *grown = realloc(rp->sound, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        rp->sound = grown;
        rp->sound_cap = cap;
    }
    rp->sound[rp->sound_count++] = (struct extent){first, end};
    return true;
}

/* Read the block and find its sound records: those of the file, without what was mended on the way. */
static int look_at(struct replay *rp, struct block *b)
{
    struct record r;
    struct damage d;
    size_t at;
    enum salvage_rc walked;
    if (rp->seen == b->index)
        return 0;
    rp->sound_count = rp->plain.len = 0;
    enum store_rc rc = block_read_plain(b, &rp->plain);
    rp->sealed = b->compressed;
    struct salvage s = salvage_of(rp->plain.ptr, rc == STORE_OK && !rp->sealed ? rp->plain.len : 0, &b->hash);
    while (rc == STORE_OK && (walked = salvage_next(&s, &r, &at, &d)) != SALVAGE_END) {
        if (walked == SALVAGE_RECORD && !s.mended && !add_extent(rp, at, at + r.size))
            rc = STORE_NO_MEMORY;
    }
    rp->seen = files_trouble(rc) ? 0 : b->index;
    return rc == STORE_NO_MEMORY ? -ENOMEM : files_trouble(rc) ? -EIO : 0;
}

/* The sound record that covers the place; NULL: there is none. */
static const struct extent *sound_at(const struct replay *rp, uint64_t offset)
{
    size_t lo = 0, hi = rp->sound_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rp->sound[mid].end <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < rp->sound_count && rp->sound[lo].first <= offset ? &rp->sound[lo] : NULL;
}

/* What the block has become since the entry was written has no place for it. */
static bool is_older(const struct replay *rp, const struct journal_entry *e)
{
    const struct extent *there = sound_at(rp, e->offset);
    return rp->sealed || e->offset > rp->plain.len || (there != NULL && there->first < e->offset);
}

/* Where in the run the block's content stops being the same. */
static size_t same_until(const struct replay *rp, const uint8_t *run, size_t len, uint64_t offset)
{
    slice have = slice_from(buf_view(&rp->plain), (size_t)offset);
    size_t at = 0;
    struct record r;
    while (at < len && record_peek(run + at, len - at, &r) == RECORD_GOOD && at + r.size <= have.len &&
           memcmp(run + at, slice_ptr(have) + at, r.size) == 0)
        at += r.size;
    return at;
}

/* The records of the run are in the block now. */
static int note_run(struct replay *rp, const uint8_t *run, size_t len, uint64_t offset)
{
    struct record r;
    if (offset < rp->plain.len) {
        rp->seen = 0; /* over others: look again */
        return 0;
    }
    buf_bytes(&rp->plain, run, len);
    for (size_t at = 0; record_peek(run + at, len - at, &r) == RECORD_GOOD; at += r.size) {
        if (!add_extent(rp, offset + at, offset + at + r.size))
            return -ENOMEM;
    }
    return rp->plain.failed ? -ENOMEM : 0;
}

static int put_bytes(struct replay *rp, struct block *b, struct disk_file *f, const struct journal_entry *e)
{
    size_t len = e->bytes.len;
    uint8_t *run = malloc(len);
    if (run == NULL)
        return -ENOMEM;
    memcpy(run, e->bytes.ptr, len);
    int rc = 0;
    if (b->fs->encrypted && !b->plain_file && !crypt_block(&b->key, e->offset, run, run, len))
        rc = -ENOMEM;
    size_t at = rc == 0 ? same_until(rp, run, len, e->offset) : len;
    rp->conflict = at < len && sound_at(rp, e->offset + at) != NULL;
    if (rc == 0 && !rp->conflict) {
        /* All of it: what is there may be in memory only, and its sync have failed. */
        ssize_t written = disk_pwrite(f, e->bytes.ptr, len, e->offset);
        rc = written < 0 ? (int)written : 0;
        rp->bytes += len - at;
        if (rc == 0)
            rc = note_run(rp, run, len, e->offset);
    }
    free(run);
    return rc;
}

static int replay_entry(void *ctx, const struct journal_entry *e)
{
    struct replay *rp = ctx;
    struct disk_file *f;
    char path[DISK_PATH_MAX];
    if (rp->conflict || e->bytes.len == 0 || e->block == 0)
        return 0;
    struct block *b = block_new(rp->fs, e->block);
    if (b == NULL)
        return -ENOMEM;
    block_path(b, ".blk", path);
    enum store_rc key = block_load_key(b);
    int rc = files_trouble(key) ? -EIO : 0;
    if (rc == 0)
        rc = disk_open(rp->fs->host.disk, path, DISK_WRITE, &f);
    if (rc == -ENOENT) { /* the block was removed for good */
        rc = 0;
    } else if (rc == 0 && key != STORE_OK) {
        fs_log(rp->fs, 3, "Block %u: %zu bytes of the journal can not be put there (%s) and are lost",
               e->block, e->bytes.len, store_rc_text(key));
        fs_add_lost(rp->fs, 0, 0, e->bytes.len);
        disk_close(f);
    } else if (rc == 0) {
        rc = look_at(rp, b);
        bool older = rc == 0 && is_older(rp, e);
        if (rc == 0 && !older)
            rc = put_bytes(rp, b, f, e);
        rp->older |= older;
        disk_close(f);
        if (rc == 0 && !seqset_insert(&rp->touched, e->block))
            rc = -ENOMEM;
    }
    block_free(b);
    return rc;
}

static int sync_touched(struct replay *rp)
{
    uint64_t first, last;
    int rc = 0;
    for (uint64_t from = 0; rc == 0 && seqset_next_run(&rp->touched, from, &first, &last); from = last + 1) {
        for (uint64_t n = first; rc == 0 && n <= last; n++) {
            char path[DISK_PATH_MAX], name[32];
            struct disk_file *f;
            snprintf(name, sizeof name, "%lu.blk", (unsigned long)n);
            if (!files_path(path, rp->fs->msgs, name) ||
                disk_open(rp->fs->host.disk, path, DISK_WRITE, &f) < 0)
                return -EIO; /* it was there a moment ago */
            rc = disk_sync(f);
            disk_close(f);
        }
    }
    return rc;
}

enum store_rc fs_replay(struct file_store *fs)
{
    struct replay rp = {.fs = fs};
    int rc = storage_claims(fs->host.port, fs->dir, replay_entry, &rp);
    if (rc == 0)
        rc = sync_touched(&rp);
    if (rp.conflict)
        fs_log(fs, 2, "The journal is older than what another server has written: given up");
    else if (rp.bytes > 0)
        fs_log(fs, 1, "%llu bytes were restored from the journal", (unsigned long long)rp.bytes);
    if (rp.older)
        fs_log(fs, 2, "Entries of the journal are older than their blocks: passed over");
    seqset_free(&rp.touched);
    free(rp.sound);
    buf_free(&rp.plain);
    return rc == 0 ? fs_void_claims(fs) : files_rc(rc);
}
