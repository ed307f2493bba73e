/* log_files_i.h: the inside of the log in files, shared by log_files.c (changing and reading) and
 * log_files_open.c (what was there). */
#ifndef RAFT_LOG_FILES_I_H
#define RAFT_LOG_FILES_I_H

#include "raft/bug.h"
#include "raft/log_keys.h"
#include "store/format/record.h"

struct place {
    uint32_t block; /* its number */
    uint32_t size;
    uint64_t at;
};

struct block {
    uint32_t number;
    uint64_t size;
    uint64_t last; /* highest index in it; 0: none */
    bool dirty;
    bool full; /* nothing is appended any more: what is encrypted is never written over under the same key */
    struct hash_key sums;
    struct raft_block_key key;
};

struct file_log {
    struct raft_log base;
    struct disk *disk;
    char *dir; /* ".../msgs" */
    char *group;
    struct raft_log_keyring *keyring;
    uint64_t block_size;
    struct block *blocks; /* by rising number; the last is written to */
    size_t block_count, block_cap;
    struct place *places; /* of entries first..last, behind `gone` dead ones */
    size_t gone, place_count, place_cap;
    uint32_t next_number;
    bool names_dirty;        /* files were made or removed since the last sync */
    uint32_t sync_block;     /* what sync_run has to do: a block (0: none) ... */
    bool sync_names;         /* ... and the folder */
    struct disk_file *tail;  /* the last block, open for writing; NULL: not open */
    struct disk_file *other; /* an earlier block, open for reading */
    uint32_t other_number;
    uint8_t *scratch;
    size_t scratch_cap;
};

/* "<folder>/<number>.<end>"; false: too long. */
bool log_file_path(const struct file_log *l, uint32_t number, const char *end, char path[DISK_PATH_MAX]);
static inline bool log_block_path(const struct file_log *l, uint32_t number, char path[DISK_PATH_MAX])
{
    return log_file_path(l, number, "blk", path);
}

static inline struct block *last_block(struct file_log *l)
{
    return l->block_count > 0 ? &l->blocks[l->block_count - 1] : NULL;
}

/* To the end of the blocks, and of the entries. */
int log_push_block(struct file_log *l, struct block b);
int log_push_place(struct file_log *l, struct place p);
/* With its files. */
int log_remove_block(struct file_log *l, size_t i);
/* Cut the last block to `size` bytes. */
int log_cut_tail(struct file_log *l, uint64_t size);
/* An earlier block for reading, as l->other. */
int log_open_other(struct file_log *l, uint32_t number);

/* Read what the folder holds. *damaged: something was cut off. */
int log_files_load(struct file_log *l, const char *group_dir, bool *damaged);

#endif
