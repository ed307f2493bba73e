/* The log in files: msgs/N.blk, each a concatenation of records (store/format/record.h), one record a log
 * index, sequence = index, without subject and headers.
 *
 * Block numbers only rise while the log is open, also over a truncation: a block whose removal a power cut
 * undoes can never be mistaken for one that came later. At start a later block wins over an earlier one that
 * holds the same indexes. */
#include "raft/log_files_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

bool log_file_path(const struct file_log *l, uint32_t number, const char *end, char path[DISK_PATH_MAX])
{
    int n = snprintf(path, DISK_PATH_MAX, "%s/%u.%s", l->dir, number, end);
    return n > 0 && n < DISK_PATH_MAX;
}

static uint8_t *scratch(struct file_log *l, size_t need)
{
    if (need > l->scratch_cap) {
        uint8_t *grown = realloc(l->scratch, need);
        if (grown == NULL)
            return NULL;
        l->scratch = grown;
        l->scratch_cap = need;
    }
    return l->scratch;
}

static void close_tail(struct file_log *l)
{
    if (l->tail != NULL)
        disk_close(l->tail);
    l->tail = NULL;
}

static void close_other(struct file_log *l)
{
    if (l->other != NULL)
        disk_close(l->other);
    l->other = NULL;
}

int log_push_block(struct file_log *l, struct block b)
{
    if (l->block_count == l->block_cap) {
        size_t cap = l->block_cap == 0 ? 4 : 2 * l->block_cap;
        struct block *grown = realloc(l->blocks, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        l->blocks = grown;
        l->block_cap = cap;
    }
    /* There is room now: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    l->blocks[l->block_count++] = b;
    return 0;
}

int log_push_place(struct file_log *l, struct place p)
{
    if (l->gone + l->place_count == l->place_cap) {
        if (l->gone > l->place_cap / 2) {
            memmove(l->places, l->places + l->gone, l->place_count * sizeof *l->places);
            l->gone = 0;
        } else {
            size_t cap = l->place_cap == 0 ? 64 : 2 * l->place_cap;
            struct place *grown = realloc(l->places, cap * sizeof *grown);
            if (grown == NULL)
                return -ENOMEM;
            l->places = grown;
            l->place_cap = cap;
        }
    }
    l->places[l->gone + l->place_count++] = p;
    l->base.last++;
    return 0;
}

static struct place *place_of(const struct file_log *l, uint64_t index)
{
    return &l->places[l->gone + (size_t)(index - l->base.first)];
}

/* *kept stays NULL when the open fails. */
static int open_file(struct disk *d, const char *path, int flags, struct disk_file **kept)
{
    struct disk_file *f;
    int rc = disk_open(d, path, flags, &f);
    if (rc == 0)
        *kept = f;
    return rc;
}

static int open_tail(struct file_log *l)
{
    char path[DISK_PATH_MAX];
    if (l->tail != NULL)
        return 0;
    if (!log_block_path(l, last_block(l)->number, path))
        return -ENAMETOOLONG;
    return open_file(l->disk, path, DISK_WRITE, &l->tail);
}

static int sync_tail(struct file_log *l)
{
    struct block *b = last_block(l);
    if (b == NULL || !b->dirty)
        return 0;
    int rc = open_tail(l);
    if (rc == 0)
        rc = disk_sync(l->tail);
    if (rc == 0)
        b->dirty = false;
    return rc;
}

static int new_block(struct file_log *l)
{
    char path[DISK_PATH_MAX];
    int rc = sync_tail(l);
    if (rc != 0)
        return rc;
    close_tail(l);
    if (l->next_number == UINT32_MAX)
        return -EOVERFLOW;
    uint32_t number = l->next_number++;
    if (!log_block_path(l, number, path))
        return -ENAMETOOLONG;
    rc = open_file(l->disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC, &l->tail);
    if (rc != 0)
        return rc;
    l->names_dirty = true;
    struct block b = {.number = number, .dirty = true, .sums = hash_key_block(slice_str(l->group), number)};
    if (!log_file_path(l, number, "key", path))
        return -ENAMETOOLONG;
    rc = raft_log_keyring_make(l->keyring, l->disk, path, number, &b.key);
    return rc == 0 ? log_push_block(l, b) : rc;
}

static int file_append(struct raft_log *base, slice body, int64_t wall_ns)
{
    struct file_log *l = (struct file_log *)base;
    uint64_t size = record_size(0, 0, body.len);
    if (size > RECORD_SIZE_MAX)
        return -EMSGSIZE;
    struct block *b = last_block(l);
    bool enough = b == NULL || b->full || (b->size > 0 && b->size + size > l->block_size);
    int rc = enough ? new_block(l) : open_tail(l);
    if (rc != 0)
        return rc;
    b = last_block(l);
    uint8_t *rec = scratch(l, (size_t)size);
    if (rec == NULL)
        return -ENOMEM;
    record_encode_message(rec, &b->sums, base->last + 1, wall_ns, SLICE_EMPTY, SLICE_EMPTY, body);
    rc = raft_block_key_apply(&b->key, b->size, rec, (size_t)size);
    if (rc != 0)
        return rc;
    b->dirty = true;
    ssize_t n = disk_pwrite(l->tail, rec, (size_t)size, b->size);
    if (n < 0)
        return (int)n;
    rc = log_push_place(l, (struct place){.block = b->number, .size = (uint32_t)size, .at = b->size});
    if (rc != 0)
        return rc;
    b->size += size;
    b->last = base->last;
    return 0;
}

int log_remove_block(struct file_log *l, size_t i)
{
    char path[DISK_PATH_MAX];
    uint32_t number = l->blocks[i].number;
    if (i + 1 == l->block_count)
        close_tail(l);
    if (l->other != NULL && l->other_number == number)
        close_other(l);
    if (!log_block_path(l, number, path))
        return -ENAMETOOLONG;
    int rc = disk_unlink(l->disk, path);
    if (rc != 0 && rc != -ENOENT)
        return rc;
    l->names_dirty = true;
    if (l->blocks[i].key.encrypted) {
        if (!log_file_path(l, number, "key", path))
            return -ENAMETOOLONG;
        rc = disk_unlink(l->disk, path);
        if (rc != 0 && rc != -ENOENT)
            return rc;
    }
    memmove(l->blocks + i, l->blocks + i + 1, (l->block_count - i - 1) * sizeof *l->blocks);
    l->block_count--;
    return 0;
}

/* Cut the last block to `size` bytes. */
int log_cut_tail(struct file_log *l, uint64_t size)
{
    struct block *b = last_block(l);
    if (b->size == size)
        return 0;
    int rc = open_tail(l);
    if (rc == 0)
        rc = disk_truncate(l->tail, size);
    if (rc == 0) {
        b->size = size;
        b->dirty = true;
        b->full |= b->key.encrypted;
    }
    return rc;
}

static int file_reset(struct raft_log *base, uint64_t index)
{
    struct file_log *l = (struct file_log *)base;
    while (l->block_count > 0) {
        int rc = log_remove_block(l, l->block_count - 1);
        if (rc != 0)
            return rc;
    }
    l->gone = l->place_count = 0;
    base->first = index + 1;
    base->last = index;
    return 0;
}

static int file_truncate(struct raft_log *base, uint64_t last)
{
    struct file_log *l = (struct file_log *)base;
    if (last + 1 < base->first || last > base->last)
        return -EINVAL;
    if (last == base->last)
        return 0;
    if (last < base->first)
        return file_reset(base, last);
    struct place p = *place_of(l, last);
    while (last_block(l)->number != p.block) {
        int rc = log_remove_block(l, l->block_count - 1);
        if (rc != 0)
            return rc;
    }
    int rc = log_cut_tail(l, p.at + p.size);
    if (rc != 0)
        return rc;
    last_block(l)->last = last;
    l->place_count = (size_t)(last + 1 - base->first);
    base->last = last;
    return 0;
}

static int file_compact(struct raft_log *base, uint64_t index)
{
    struct file_log *l = (struct file_log *)base;
    if (index < base->first)
        return 0;
    if (index >= base->last)
        return file_reset(base, index);
    size_t n = (size_t)(index + 1 - base->first);
    l->gone += n;
    l->place_count -= n;
    base->first = index + 1;
    while (l->block_count > 1 && l->blocks[0].last <= index) {
        int rc = log_remove_block(l, 0);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int log_open_other(struct file_log *l, uint32_t number)
{
    char path[DISK_PATH_MAX];
    if (l->other != NULL && l->other_number == number)
        return 0;
    close_other(l);
    if (!log_block_path(l, number, path))
        return -ENAMETOOLONG;
    l->other_number = number;
    return open_file(l->disk, path, DISK_READ, &l->other);
}

static struct block *block_of(const struct file_log *l, uint32_t number)
{
    size_t lo = 0, hi = l->block_count;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->blocks[mid].number <= number)
            lo = mid;
        else
            hi = mid;
    }
    return &l->blocks[lo];
}

static int file_read(struct raft_log *base, uint64_t index, slice *body)
{
    struct file_log *l = (struct file_log *)base;
    if (index < base->first || index > base->last)
        return -ENOENT;
    struct place p = *place_of(l, index);
    const struct block *b = block_of(l, p.block);
    bool in_tail = b == last_block(l);
    int rc = in_tail ? open_tail(l) : log_open_other(l, p.block);
    if (rc != 0)
        return rc;
    uint8_t *rec = scratch(l, p.size);
    if (rec == NULL)
        return -ENOMEM;
    ssize_t n = disk_pread(in_tail ? l->tail : l->other, rec, p.size, p.at);
    if (n < 0)
        return (int)n;
    rc = raft_block_key_apply(&b->key, p.at, rec, (size_t)n);
    if (rc != 0)
        return rc;
    struct record r;
    enum record_fault fault = record_decode(rec, (size_t)n, &b->sums, &r);
    if (RAFT_BUG(RAFT_BUG_SERVE_DAMAGED) && fault == RECORD_CHECKSUM)
        fault = RECORD_GOOD;
    if (fault != RECORD_GOOD || r.kind != RECORD_MESSAGE || r.seq != index || r.size != p.size)
        return -EBADMSG;
    *body = r.data;
    return 0;
}

static void file_sync_begin(struct raft_log *base)
{
    struct file_log *l = (struct file_log *)base;
    struct block *b = last_block(l);
    l->sync_block = b != NULL && b->dirty ? b->number : 0;
    l->sync_names = l->names_dirty;
    if (b != NULL)
        b->dirty = false;
    l->names_dirty = false;
}

/* Touches nothing that the owner changes, so the block is opened anew. It may be gone: then its entries are
 * covered by a snapshot, or cut off, and nobody waits for them. */
static int file_sync_run(struct raft_log *base)
{
    struct file_log *l = (struct file_log *)base;
    char path[DISK_PATH_MAX];
    int rc = 0;
    if (l->sync_block != 0) {
        struct disk_file *f;
        if (!log_block_path(l, l->sync_block, path))
            return -ENAMETOOLONG;
        rc = disk_open(l->disk, path, DISK_READ, &f);
        if (rc == 0) {
            rc = disk_sync(f);
            disk_close(f);
        } else if (rc == -ENOENT) {
            rc = 0;
        }
    }
    return rc == 0 && l->sync_names ? disk_sync_dir(l->disk, l->dir) : rc;
}

static void file_close(struct raft_log *base)
{
    struct file_log *l = (struct file_log *)base;
    close_tail(l);
    close_other(l);
    free(l->places);
    free(l->scratch);
    free(l->dir);
    free(l->group);
    for (size_t i = 0; i < l->block_count; i++)
        crypt_forget(&l->blocks[i].key.key);
    free(l->blocks);
    raft_log_keyring_free(l->keyring);
    free(l);
}

/* ---- opening ---- */

static char *copy_text(const char *s, size_t n, const char *tail)
{
    size_t m = strlen(tail);
    char *c = malloc(n + m + 1);
    if (c != NULL) {
        memcpy(c, s, n);
        memcpy(c + n, tail, m + 1);
    }
    return c;
}

int raft_log_open_files(const struct raft_log_files *config, struct raft_log **out, bool *damaged)
{
    static const struct raft_log_ops ops = {.append = file_append,
                                            .truncate = file_truncate,
                                            .compact = file_compact,
                                            .reset = file_reset,
                                            .read = file_read,
                                            .sync_begin = file_sync_begin,
                                            .sync_run = file_sync_run,
                                            .close = file_close};
    struct file_log *l = calloc(1, sizeof *l);
    *damaged = false;
    if (l == NULL)
        return -ENOMEM;
    l->base = (struct raft_log){.ops = &ops, .first = config->base + 1, .last = config->base};
    l->disk = config->disk;
    l->block_size = config->block_size;
    l->dir = copy_text(config->dir, strlen(config->dir), "/msgs");
    l->group = copy_text((const char *)config->group.ptr, config->group.len, "");
    int rc = l->dir == NULL || l->group == NULL ? -ENOMEM : 0;
    if (rc == 0)
        rc = raft_log_keyring_new(config->keys, config->group, &l->keyring);
    if (rc == 0)
        rc = log_files_load(l, config->dir, damaged);
    if (rc != 0) {
        file_close(&l->base);
        return rc;
    }
    *out = &l->base;
    return 0;
}
