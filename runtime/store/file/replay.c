/* After a crash: bytes that were acknowledged through the journal go into the blocks.
 *
 * An entry is a run of whole records. It is written unless the block has other records there. Where it has
 * other sound records, then somebody else (the Go server) has written the stream since: those are the truth
 * now, and the journal's are given up. */
#include "store/file/fs.h"

#include <errno.h>
#include <stdio.h>

struct replay {
    struct file_store *fs;
    struct seqset touched; /* blocks to sync */
    bool conflict;
    uint64_t bytes;
};

/* Where in the run the block's content stops being the same. */
static size_t same_until(uint8_t *run, size_t run_len, uint8_t *have, size_t have_len,
                         const struct hash_key *key, bool *conflict)
{
    size_t at = 0;
    struct record r;
    while (at < run_len && record_peek(run + at, run_len - at, &r) == RECORD_GOOD) {
        if (at + r.size > have_len || memcmp(run + at, have + at, r.size) != 0) {
            struct record other;
            *conflict = at < have_len && record_decode(have + at, have_len - at, key, &other) == RECORD_GOOD;
            return at;
        }
        at += r.size;
    }
    return at;
}

static int put_bytes(struct replay *rp, struct block *b, struct disk_file *f, const struct journal_entry *e)
{
    size_t len = e->bytes.len;
    uint8_t *run = malloc(2 * len + 1);
    if (run == NULL)
        return -ENOMEM;
    uint8_t *have = run + len;
    memcpy(run, e->bytes.ptr, len);
    ssize_t n = disk_pread(f, have, len, e->offset);
    if (n > 0 && b->fs->encrypted && !b->plain_file &&
        (!crypt_block(&b->key, e->offset, run, run, len) ||
         !crypt_block(&b->key, e->offset, have, have, (size_t)n)))
        n = -ENOMEM;
    int rc = n < 0 ? (int)n : 0;
    size_t at = rc == 0 ? same_until(run, len, have, (size_t)n, &b->hash, &rp->conflict) : len;
    if (rc == 0 && !rp->conflict) {
        /* All of it: what is there may be in memory only, and its sync have failed. */
        ssize_t written = disk_pwrite(f, e->bytes.ptr, len, e->offset);
        rc = written < 0 ? (int)written : 0;
        rp->bytes += len - at;
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
    if (key == STORE_OK)
        rc = disk_open(rp->fs->host.disk, path, DISK_WRITE, &f);
    if (rc == -ENOENT) { /* the block was removed for good */
        rc = 0;
    } else if (key == STORE_OK && rc == 0) {
        rc = put_bytes(rp, b, f, e);
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
    seqset_free(&rp.touched);
    return rc == 0 ? fs_void_claims(fs) : files_rc(rc);
}
