/* The row of blocks. */
#include "store/file/fs.h"

#include <assert.h>
#include <stdio.h>

struct block *block_new(struct file_store *fs, uint32_t index)
{
    struct block *b = calloc(1, sizeof *b);
    if (b == NULL)
        return NULL;
    b->fs = fs;
    b->index = index;
    b->hash = hash_key_block(fs_name(fs), index);
    return b;
}

void block_free(struct block *b)
{
    b->fs->backlog -= b->raw - b->durable;
    if (b->image != NULL)
        image_free(b->fs->host.cache, b->image);
    if (b->file != NULL)
        storage_file_release(b->file);
    seqset_free(&b->deleted);
    crypt_forget(&b->key);
    free(b);
}

bool block_append_to_list(struct file_store *fs, struct block *b)
{
    assert(fs->block_count == 0 || last_block(fs)->index < b->index);
    if (fs->block_count == fs->block_cap) {
        size_t cap = fs->block_cap == 0 ? 8 : fs->block_cap * 2;
        struct block **grown = realloc(fs->blocks, cap * sizeof(struct block *));
        if (grown == NULL)
            return false;
        fs->blocks = grown;
        fs->block_cap = cap;
    }
    fs->blocks[fs->block_count++] = b;
    return true;
}

void block_unlist(struct file_store *fs, struct block *b)
{
    size_t i = 0;
    while (fs->blocks[i] != b)
        i++;
    memmove(&fs->blocks[i], &fs->blocks[i + 1], (fs->block_count - i - 1) * sizeof(struct block *));
    fs->block_count--;
}

size_t block_position(const struct file_store *fs, uint64_t seq)
{
    size_t lo = 0, hi = fs->block_count;
    /* Most questions are about the end. */
    if (hi > 1 && fs->blocks[hi - 2]->last < seq)
        lo = hi - 1;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (fs->blocks[mid]->last < seq)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct block *block_of(const struct file_store *fs, uint64_t seq)
{
    /* Empty blocks have the last sequence of what came before them: pass them over. */
    for (size_t i = block_position(fs, seq); i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        if (b->msgs > 0)
            return seq >= b->first && seq <= b->last ? b : NULL;
    }
    return NULL;
}

void block_path(const struct block *b, const char *suffix, char out[DISK_PATH_MAX])
{
    snprintf(out, DISK_PATH_MAX, "%s/%u%s", b->fs->msgs, b->index, suffix);
}

bool block_live_run(const struct block *b, uint64_t from, uint64_t *first, uint64_t *last)
{
    if (b->msgs == 0)
        return false;
    if (from < b->first)
        from = b->first;
    from = seqset_next_gap(&b->deleted, from);
    if (from > b->last)
        return false;
    uint64_t gone_first, gone_last;
    *first = from;
    *last = b->last;
    if (seqset_next_run(&b->deleted, from, &gone_first, &gone_last) && gone_first <= b->last)
        *last = gone_first - 1;
    return true;
}
