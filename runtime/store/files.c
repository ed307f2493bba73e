#include "store/files.h"

#include <errno.h>
#include <stdio.h>

#define DEPTH_MAX 8

bool files_path(char out[DISK_PATH_MAX], const char *dir, const char *name)
{
    int n = snprintf(out, DISK_PATH_MAX, "%s/%s", dir, name);
    return n > 0 && n < DISK_PATH_MAX;
}

enum store_rc files_rc(int rc)
{
    switch (rc < 0 ? -rc : 0) {
    case 0:
        return STORE_OK;
    case ENOENT:
        return STORE_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return STORE_NO_SPACE;
    case ENOMEM:
        return STORE_NO_MEMORY;
    default:
        return STORE_IO;
    }
}

enum store_rc files_read(struct disk *d, const char *path, uint64_t max, struct byte_buf *out)
{
    struct disk_file *f;
    int rc = disk_open(d, path, DISK_READ, &f);
    if (rc < 0)
        return files_rc(rc);
    struct disk_stat st;
    rc = disk_file_stat(f, &st);
    enum store_rc result = files_rc(rc);
    if (result == STORE_OK && st.size > max)
        result = STORE_CORRUPT;
    if (result == STORE_OK) {
        uint8_t *p = buf_room(out, (size_t)st.size + 1);
        ssize_t n = p == NULL ? -ENOMEM : disk_pread(f, p, (size_t)st.size, 0);
        if (n < 0)
            result = files_rc((int)n);
        else
            out->len += (size_t)n;
    }
    disk_close(f);
    return result;
}

enum store_rc files_write_plain(struct disk *d, const char *path, slice bytes)
{
    struct disk_file *f;
    int rc = disk_open(d, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC, &f);
    if (rc < 0)
        return files_rc(rc);
    ssize_t n = bytes.len > 0 ? disk_pwrite(f, bytes.ptr, bytes.len, 0) : 0;
    rc = n < 0 ? (int)n : disk_sync(f);
    int closed = disk_close(f);
    return files_rc(rc < 0 ? rc : closed);
}

enum store_rc files_write(struct disk *d, const char *path, slice bytes, const char *sync_dir)
{
    char tmp[DISK_PATH_MAX];
    int n = snprintf(tmp, sizeof tmp, "%s.tmp", path);
    if (n < 0 || n >= DISK_PATH_MAX)
        return STORE_INVALID;
    enum store_rc rc = files_write_plain(d, tmp, bytes);
    if (rc == STORE_OK)
        rc = files_rc(disk_rename(d, tmp, path));
    if (rc != STORE_OK) {
        disk_unlink(d, tmp); /* what is left of it is in nobody's way */
        return rc;
    }
    return sync_dir != NULL ? files_rc(disk_sync_dir(d, sync_dir)) : STORE_OK;
}

/* ---- sets ---- */

static bool set_path(char out[DISK_PATH_MAX], const char *dir, const char *name, const char *suffix)
{
    int n = snprintf(out, DISK_PATH_MAX, "%s/%s%s", dir, name, suffix);
    return n > 0 && n < DISK_PATH_MAX;
}

/* Rename what is there into place, in order, the last one (the mark) last; each name synced before the next.
 */
static enum store_rc move_set(struct disk *d, const char *dir, const char *suffix, const char *const *names,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char from[DISK_PATH_MAX], to[DISK_PATH_MAX];
        if (!set_path(from, dir, names[i], suffix) || !files_path(to, dir, names[i]))
            return STORE_INVALID;
        int rc = disk_rename(d, from, to);
        if (rc == -ENOENT && i + 1 < count)
            continue; /* moved before the crash */
        if (rc == 0)
            rc = disk_sync_dir(d, dir);
        if (rc < 0)
            return files_rc(rc);
    }
    return STORE_OK;
}

/* The mark first and for good: leftovers without it mean nothing, but without them it would. Where it can not
 * be removed the set stays, and will be moved into place after all. */
static void drop_set(struct disk *d, const char *dir, const char *suffix, const struct files_entry *e,
                     size_t count)
{
    for (size_t i = count; i-- > 0;) {
        char path[DISK_PATH_MAX];
        if (!set_path(path, dir, e[i].name, suffix))
            return;
        int rc = disk_unlink(d, path);
        if (i + 1 == count && rc == 0)
            rc = disk_sync_dir(d, dir);
        if (i + 1 == count && rc < 0 && rc != -ENOENT)
            return;
    }
}

enum store_rc files_replace_set(struct disk *d, const char *dir, const char *suffix,
                                const struct files_entry *e, size_t count)
{
    const char *names[4] = {NULL};
    for (size_t i = 0; i < count; i++)
        names[i] = e[i].name;
    /* A set whose move has failed: its mark would stand for a mixture of both. */
    enum store_rc rc = files_finish_set(d, dir, suffix, names, count);
    for (size_t i = 0; rc == STORE_OK && i < count; i++) {
        char path[DISK_PATH_MAX];
        if (!set_path(path, dir, names[i], suffix))
            return STORE_INVALID;
        if (i + 1 < count)
            rc = files_write_plain(d, path, e[i].bytes);
        else /* the mark: its name says that all is there, so it gets it last, whole itself */
            rc = files_write(d, path, e[i].bytes, dir);
        if (rc == STORE_OK && i + 2 == count)
            rc = files_rc(disk_sync_dir(d, dir));
    }
    if (rc == STORE_OK)
        return move_set(d, dir, suffix, names, count);
    drop_set(d, dir, suffix, e, count);
    return rc;
}

enum store_rc files_finish_set(struct disk *d, const char *dir, const char *suffix, const char *const *names,
                               size_t count)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (!set_path(path, dir, names[count - 1], suffix))
        return STORE_INVALID;
    int rc = disk_stat(d, path, &st);
    if (rc == 0)
        return move_set(d, dir, suffix, names, count);
    if (rc != -ENOENT)
        return files_rc(rc);
    /* That there is no mark is made safe first: were it to come back, it would stand for what is removed
     * here. */
    bool safe = false;
    for (size_t i = 0; i + 1 < count; i++) {
        if (!set_path(path, dir, names[i], suffix))
            return STORE_INVALID;
        rc = disk_stat(d, path, &st);
        if (rc == 0 && !safe)
            rc = disk_sync_dir(d, dir);
        safe |= rc == 0;
        if (rc == 0)
            rc = disk_unlink(d, path);
        if (rc < 0 && rc != -ENOENT)
            return files_rc(rc);
    }
    return STORE_OK;
}

/* ---- folders ---- */

static int note_name(void *ctx, const char *name, bool is_dir)
{
    struct files_list *l = ctx;
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 16 : l->cap * 2;
        l->failed = true;
        char **names = realloc(l->names, cap * sizeof(char *));
        if (names == NULL)
            return 1;
        l->names = names;
        bool *dirs = realloc(l->is_dir, cap * sizeof(bool));
        if (dirs == NULL)
            return 1;
        l->is_dir = dirs;
        l->cap = cap;
        l->failed = false;
    }
    l->names[l->count] = strdup(name);
    l->is_dir[l->count] = is_dir;
    l->failed = l->names[l->count] == NULL;
    l->count += !l->failed;
    return l->failed;
}

enum store_rc files_list_dir(struct disk *d, const char *dir, struct files_list *l)
{
    *l = (struct files_list){0};
    int rc = disk_list(d, dir, note_name, l);
    if (rc == 0 && l->failed)
        rc = -ENOMEM;
    if (rc < 0)
        files_free_list(l);
    return files_rc(rc);
}

void files_free_list(struct files_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->names[i]);
    free(l->names);
    free(l->is_dir);
    *l = (struct files_list){0};
}

static enum store_rc remove_tree(struct disk *d, const char *dir, unsigned depth)
{
    struct files_list l;
    enum store_rc rc = files_list_dir(d, dir, &l);
    if (rc == STORE_NOT_FOUND)
        return STORE_OK;
    for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
        char path[DISK_PATH_MAX];
        if (!files_path(path, dir, l.names[i]) || depth == DEPTH_MAX)
            rc = STORE_INVALID;
        else if (l.is_dir[i])
            rc = remove_tree(d, path, depth + 1);
        else
            rc = files_rc(disk_unlink(d, path));
        rc = rc == STORE_NOT_FOUND ? STORE_OK : rc;
    }
    files_free_list(&l);
    return rc == STORE_OK ? files_rc(disk_rmdir(d, dir)) : rc;
}

enum store_rc files_remove_tree(struct disk *d, const char *dir)
{
    enum store_rc rc = remove_tree(d, dir, 0);
    return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

static enum store_rc sync_tree(struct disk *d, const char *dir, unsigned depth)
{
    struct files_list l;
    enum store_rc rc = files_list_dir(d, dir, &l);
    for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
        char path[DISK_PATH_MAX];
        if (l.is_dir[i])
            rc = files_path(path, dir, l.names[i]) && depth < DEPTH_MAX ? sync_tree(d, path, depth + 1)
                                                                        : STORE_INVALID;
    }
    files_free_list(&l);
    return rc == STORE_OK ? files_rc(disk_sync_dir(d, dir)) : rc;
}

enum store_rc files_sync_tree(struct disk *d, const char *dir)
{
    return sync_tree(d, dir, 0);
}

#define FRESH_LEVELS 4 /* account, "streams", stream, and a folder of it */

static size_t names_in(const char *path)
{
    size_t n = 0;
    for (; *path != 0; path++)
        n += *path == '/';
    return n;
}

/* The name is durable with the folder it stands in. */
static int sync_name(struct disk *d, char *path)
{
    char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    *slash = 0;
    return disk_sync_dir(d, path);
}

enum store_rc files_make_dirs(struct disk *d, const char *dir, bool fresh)
{
    char path[DISK_PATH_MAX];
    size_t len = strlen(dir);
    if (len >= sizeof path)
        return STORE_INVALID;
    for (size_t i = 1; i <= len; i++) {
        if (dir[i] != '/' && dir[i] != 0)
            continue;
        memcpy(path, dir, i);
        path[i] = 0;
        struct disk_stat st;
        bool there = disk_stat(d, path, &st) == 0;
        if (there && (!fresh || names_in(dir + i) >= FRESH_LEVELS))
            continue;
        int rc = there ? 0 : disk_mkdir(d, path);
        if (rc == 0 || rc == -EEXIST)
            rc = sync_name(d, path);
        if (rc < 0)
            return files_rc(rc);
    }
    return STORE_OK;
}
