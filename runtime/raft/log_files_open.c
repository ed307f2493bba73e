/* Opening a log in files: which entries are there, and where they end. */
#include "raft/log_files_i.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct listing {
    struct file_log *l;
    int rc;
};

static int note_block(void *ctx, const char *name, bool is_dir)
{
    struct listing *w = ctx;
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    if (is_dir || name[0] < '1' || name[0] > '9' || strcmp(end, ".blk") != 0 || number >= UINT32_MAX)
        return 0;
    struct block b = {.number = (uint32_t)number,
                      .sums = hash_key_block(slice_str(w->l->group), (uint32_t)number)};
    w->rc = log_push_block(w->l, b);
    return w->rc;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct block *)a)->number, y = ((const struct block *)b)->number;
    return (x > y) - (x < y);
}

static int read_block(struct file_log *l, uint32_t number, uint8_t **bytes, uint64_t *size)
{
    char path[DISK_PATH_MAX];
    struct disk_file *f;
    struct disk_stat st;
    if (!log_block_path(l, number, path))
        return -ENAMETOOLONG;
    int rc = disk_open(l->disk, path, DISK_READ, &f);
    if (rc != 0)
        return rc;
    *bytes = NULL;
    rc = disk_file_stat(f, &st);
    if (rc == 0 && st.size > SIZE_MAX / 2)
        rc = -EFBIG;
    if (rc == 0)
        *bytes = malloc(st.size > 0 ? (size_t)st.size : 1);
    if (rc == 0 && *bytes == NULL)
        rc = -ENOMEM;
    if (rc == 0) {
        ssize_t n = disk_pread(f, *bytes, (size_t)st.size, 0);
        *size = n < 0 ? 0 : (uint64_t)n;
        rc = n < 0 ? (int)n : 0;
    }
    disk_close(f);
    if (rc != 0)
        free(*bytes);
    return rc;
}

/* What one record means for the log. False: the log ends before it. */
static bool take_record(struct file_log *l, const struct block *b, const struct record *r, uint64_t at,
                        int *rc)
{
    if (r->kind == RECORD_TOMBSTONE || r->seq < l->base.first)
        return true;
    if (r->kind != RECORD_MESSAGE || r->seq > l->base.last + 1)
        return false;
    if (r->seq <= l->base.last) { /* a removal was lost: the later block counts */
        l->place_count = (size_t)(r->seq - l->base.first);
        l->base.last = r->seq - 1;
    }
    *rc = log_push_place(l, (struct place){.block = b->number, .size = r->size, .at = at});
    return *rc == 0;
}

/* Read a block record by record: true when all of it is good. b->size becomes what is. */
static bool walk_block(struct file_log *l, struct block *b, int *rc)
{
    uint8_t *bytes;
    uint64_t size = 0, at = 0;
    *rc = read_block(l, b->number, &bytes, &size);
    if (*rc != 0)
        return false;
    *rc = raft_block_key_apply(&b->key, 0, bytes, (size_t)size);
    bool good = *rc == 0;
    while (at < size && good) {
        struct record r;
        enum record_fault fault = record_decode(bytes + at, (size_t)(size - at), &b->sums, &r);
        if (RAFT_BUG(RAFT_BUG_SERVE_DAMAGED) && fault == RECORD_CHECKSUM)
            fault = RECORD_GOOD;
        /* Damage below the snapshot does not matter as long as the next record can be found. */
        bool dead = fault == RECORD_CHECKSUM && l->base.last + 1 == l->base.first && r.seq < l->base.first;
        if (fault != RECORD_GOOD && !dead) {
            good = false;
            break;
        }
        if (!dead)
            good = take_record(l, b, &r, at, rc);
        if (good) {
            at += r.size;
            b->last = r.seq > b->last && r.kind == RECORD_MESSAGE ? r.seq : b->last;
        }
    }
    free(bytes);
    b->size = at;
    b->dirty = true; /* who knows what of it has reached the disk */
    return good && *rc == 0;
}

/* Before anything is changed: can all of it be read? */
static int load_keys(struct file_log *l)
{
    char path[DISK_PATH_MAX];
    int rc = 0;
    for (size_t i = 0; i < l->block_count && rc == 0; i++) {
        struct block *b = &l->blocks[i];
        if (!log_file_path(l, b->number, "key", path))
            return -ENAMETOOLONG;
        rc = raft_log_keyring_load(l->keyring, l->disk, path, b->number, &b->key);
        b->full = b->key.read_only;
    }
    return rc;
}

static int recover(struct file_log *l, bool *damaged)
{
    int rc = 0;
    for (size_t i = 0; i < l->block_count; i++) {
        struct block *b = &l->blocks[i];
        if (walk_block(l, b, &rc))
            continue;
        if (rc != 0)
            return rc;
        *damaged = true;
        while (l->block_count > i + 1) {
            rc = log_remove_block(l, l->block_count - 1);
            if (rc != 0)
                return rc;
        }
        uint64_t good = b->size;
        b->size = UINT64_MAX; /* so that the cut is made */
        rc = log_cut_tail(l, good);
        if (rc != 0)
            return rc;
    }
    /* A dirty block that is not the last would never be synced. */
    for (size_t i = 0; i + 1 < l->block_count; i++) {
        rc = log_open_other(l, l->blocks[i].number);
        if (rc == 0)
            rc = disk_sync(l->other);
        if (rc != 0)
            return rc;
        l->blocks[i].dirty = false;
    }
    l->names_dirty = true;
    return 0;
}

static int open_dir(struct file_log *l, const char *group_dir)
{
    int rc = disk_mkdir(l->disk, l->dir);
    if (rc != 0 && rc != -EEXIST)
        return rc;
    struct listing w = {l, 0};
    rc = disk_list(l->disk, l->dir, note_block, &w);
    /* Or a power cut takes the folder with all that is going to be synced in it. (A process that was killed
     * may have made it a moment ago.) */
    if (rc == 0 && w.rc == 0 && l->block_count == 0)
        rc = disk_sync_dir(l->disk, group_dir);
    if (rc != 0 || w.rc != 0)
        return w.rc != 0 ? w.rc : rc;
    if (l->block_count > 1)
        qsort(l->blocks, l->block_count, sizeof *l->blocks, by_number);
    l->next_number = l->block_count > 0 ? last_block(l)->number + 1 : 1;
    return 0;
}

/* It would describe what the blocks were. Without it they are read anew. */
static int drop_index(struct file_log *l)
{
    char path[DISK_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/index.db", l->dir) >= DISK_PATH_MAX)
        return -ENAMETOOLONG;
    int rc = disk_unlink(l->disk, path);
    return rc == -ENOENT ? 0 : rc;
}

int log_files_load(struct file_log *l, const char *group_dir, bool *damaged)
{
    int rc = open_dir(l, group_dir);
    if (rc == 0)
        rc = load_keys(l);
    if (rc == 0)
        rc = drop_index(l);
    return rc == 0 ? recover(l, damaged) : rc;
}
