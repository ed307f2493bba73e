/* files.h: whole files of the store: read, and replaced so that a crash leaves the old or the new.
 *
 * Paths have at most DISK_PATH_MAX bytes with their NUL. All calls block; any thread. */
#ifndef STORE_FILES_H
#define STORE_FILES_H

#include "base/disk.h"
#include "store/format/bytes.h"
#include "store/store.h"

/* dir/name; false when it is too long. */
bool files_path(char out[DISK_PATH_MAX], const char *dir, const char *name);
/* The disk (or the memory) is in trouble: what lies there is not known, as opposed to being wrong. */
static inline bool files_trouble(enum store_rc rc)
{
    return rc == STORE_IO || rc == STORE_NO_SPACE || rc == STORE_NO_MEMORY;
}
enum store_rc files_rc(int disk_rc); /* -errno -> store_rc */

/* STORE_NOT_FOUND when absent, STORE_CORRUPT when larger than max. Appends to `out`, which the caller frees
 * in any case. */
enum store_rc files_read(struct disk *, const char *path, uint64_t max, struct byte_buf *out);
/* Write path.tmp, sync it, rename it over path, and sync the folder when `sync_dir` is given. */
enum store_rc files_write(struct disk *, const char *path, slice bytes, const char *sync_dir);
/* Write and sync exactly this file. */
enum store_rc files_write_plain(struct disk *, const char *path, slice bytes);

/* Replace several files of a folder as one: each is written as NAME+suffix first; once the last of them is
 * there, the replacement has happened, even when moving them then fails and is told. files_finish_set (which
 * the next files_replace_set does first) completes one that a crash cut short, and drops one
 * that had not happened. At most 4 files. */
struct files_entry {
    const char *name;
    slice bytes;
};
enum store_rc files_replace_set(struct disk *, const char *dir, const char *suffix,
                                const struct files_entry *, size_t count);
enum store_rc files_finish_set(struct disk *, const char *dir, const char *suffix, const char *const *names,
                               size_t count);

/* A folder with all in it, folders at most 8 deep. Absent is fine. */
enum store_rc files_remove_tree(struct disk *, const char *dir);
/* Sync the names in a folder and in those below it, at most 8 deep. */
enum store_rc files_sync_tree(struct disk *, const char *dir);
/* Make the folder when it is missing, its parents too, each name durable before the next is made. `fresh`: of
 * the last few that are there the names are synced, too, as a process that was killed may have made them a
 * moment ago. (So a document that is written into the folder afterwards tells that its name is durable.) */
enum store_rc files_make_dirs(struct disk *, const char *dir, bool fresh);

/* Names in a folder; free with files_free_list. STORE_NOT_FOUND when the folder is absent. */
struct files_list {
    char **names;
    bool *is_dir;
    size_t count;
    size_t cap;
    bool failed;
};
enum store_rc files_list_dir(struct disk *, const char *dir, struct files_list *);
void files_free_list(struct files_list *);

#endif
