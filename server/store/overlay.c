#include "server/store/overlay.h"
#include "store/format/bytes.h"

#include <errno.h>
#include <stdio.h>

enum entry_kind { ENTRY_GONE, ENTRY_DIR, ENTRY_FILE };

/* What differs from below at one path. A file has bytes of its own, or shows those of `alias` below. It is
 * the file itself, not its name: it keeps open handles when it is renamed, or removed (path "" then). */
struct entry {
    char *path;
    enum entry_kind kind;
    unsigned handles;
    char *alias;
    struct byte_buf bytes;
};

struct overlay {
    struct disk base;
    struct disk *below;
    uint64_t limit;
    uint64_t used;
    struct entry **entries;
    size_t count;
    size_t cap;
};

/* An open file: of the overlay (entry) or of the disk below (file). */
struct overlay_file {
    struct disk_file base;
    struct overlay *o;
    struct entry *entry;
    struct disk_file *file;
};

static const struct disk_ops overlay_ops;

static struct overlay *of_disk(struct disk *d)
{
    return (struct overlay *)d;
}
static struct overlay_file *of_file(struct disk_file *f)
{
    return (struct overlay_file *)f;
}

/* ---- entries ---- */

static struct entry *find(const struct overlay *o, const char *path)
{
    for (size_t i = 0; i < o->count; i++) {
        if (strcmp(o->entries[i]->path, path) == 0)
            return o->entries[i];
    }
    return NULL;
}

static void clear_entry(struct overlay *o, struct entry *e)
{
    o->used -= e->bytes.len;
    buf_free(&e->bytes);
    free(e->alias);
    e->alias = NULL;
}

/* The entry at the path, made when there is none; NULL: out of memory. */
static struct entry *put(struct overlay *o, const char *path, enum entry_kind kind)
{
    struct entry *e = find(o, path);
    if (e == NULL) {
        if (o->count == o->cap) {
            size_t cap = o->cap == 0 ? 64 : o->cap * 2;
            struct entry **grown = realloc(o->entries, cap * sizeof(struct entry *));
            if (grown == NULL)
                return NULL;
            o->entries = grown;
            o->cap = cap;
        }
        e = calloc(1, sizeof *e);
        if (e == NULL || (e->path = strdup(path)) == NULL) {
            free(e);
            return NULL;
        }
        o->entries[o->count++] = e;
    }
    clear_entry(o, e);
    e->kind = kind;
    return e;
}

/* The entry's file has no name any more. */
static void orphan(struct overlay *o, struct entry *e)
{
    e->path[0] = '\0';
    if (e->handles == 0)
        clear_entry(o, e);
}

static int visible(struct overlay *o, const char *path, struct disk_stat *st)
{
    const struct entry *e = find(o, path);
    if (e == NULL)
        return disk_stat(o->below, path, st);
    if (e->kind == ENTRY_GONE)
        return -ENOENT;
    if (e->kind == ENTRY_FILE && e->alias != NULL)
        return disk_stat(o->below, e->alias, st);
    *st = (struct disk_stat){.size = e->bytes.len, .is_dir = e->kind == ENTRY_DIR};
    return 0;
}

/* Bytes of a file below become the entry's own. */
static int copy_up(struct overlay *o, struct entry *e, const char *from)
{
    struct disk_file *f;
    struct disk_stat st;
    int rc = disk_open(o->below, from, DISK_READ, &f);
    if (rc < 0)
        return rc;
    rc = disk_file_stat(f, &st);
    if (rc == 0 && st.size > o->limit - o->used)
        rc = -ENOSPC;
    uint8_t *room = rc == 0 ? buf_room(&e->bytes, st.size) : NULL;
    if (rc == 0 && room == NULL)
        rc = -ENOMEM;
    ssize_t n = rc == 0 ? disk_pread(f, room, st.size, 0) : rc;
    disk_close(f);
    if (n < 0)
        return (int)n;
    e->bytes.len = (size_t)n;
    o->used += (size_t)n;
    return 0;
}

/* ---- files ---- */

static int open_for_writing(struct overlay *o, const char *path, int flags, struct entry **out)
{
    struct disk_stat st;
    int rc = visible(o, path, &st);
    if (rc == 0 && st.is_dir)
        return -EISDIR;
    if (rc == 0 && (flags & DISK_EXCL))
        return -EEXIST;
    if (rc < 0 && (rc != -ENOENT || !(flags & DISK_CREATE)))
        return rc;
    struct entry *e = find(o, path);
    *out = e;
    if (e != NULL && e->kind == ENTRY_FILE && e->alias == NULL) {
        if (flags & DISK_TRUNC)
            clear_entry(o, e);
        return 0;
    }
    char from[DISK_PATH_MAX];
    snprintf(from, sizeof from, "%s", e != NULL && e->alias != NULL ? e->alias : path);
    *out = put(o, path, ENTRY_FILE);
    if (*out == NULL)
        return -ENOMEM;
    return rc == 0 && !(flags & DISK_TRUNC) ? copy_up(o, *out, from) : 0;
}

static int overlay_open(struct disk *d, const char *path, int flags, struct disk_file **out)
{
    struct overlay *o = of_disk(d);
    struct overlay_file *f = calloc(1, sizeof *f);
    int rc = 0;
    if (f == NULL)
        return -ENOMEM;
    f->base.ops = &overlay_ops;
    f->o = o;
    if (flags & (DISK_WRITE | DISK_CREATE | DISK_TRUNC)) {
        rc = open_for_writing(o, path, flags, &f->entry);
    } else {
        struct entry *e = find(o, path);
        if (e == NULL || (e->kind == ENTRY_FILE && e->alias != NULL))
            rc = disk_open(o->below, e == NULL ? path : e->alias, DISK_READ, &f->file);
        else if (e->kind != ENTRY_FILE)
            rc = e->kind == ENTRY_DIR ? -EISDIR : -ENOENT;
        else
            f->entry = e;
    }
    if (rc < 0) {
        free(f);
        return rc;
    }
    if (f->entry != NULL)
        f->entry->handles++;
    *out = &f->base;
    return 0;
}

static int overlay_close(struct disk_file *file)
{
    struct overlay_file *f = of_file(file);
    int rc = f->file != NULL ? disk_close(f->file) : 0;
    if (f->entry != NULL && --f->entry->handles == 0 && f->entry->path[0] == '\0')
        clear_entry(f->o, f->entry);
    free(f);
    return rc;
}

static ssize_t overlay_pread(struct disk_file *file, void *buf, size_t len, uint64_t at)
{
    struct overlay_file *f = of_file(file);
    if (f->file != NULL)
        return disk_pread(f->file, buf, len, at);
    const struct byte_buf *b = &f->entry->bytes;
    if (at >= b->len)
        return 0;
    size_t n = b->len - at < len ? b->len - at : len;
    memcpy(buf, b->ptr + at, n);
    return (ssize_t)n;
}

/* The file has at least `len` bytes: what is new reads as zeros. */
static int lengthen(struct overlay_file *f, uint64_t len)
{
    struct byte_buf *b = &f->entry->bytes;
    if (len <= b->len)
        return 0;
    uint64_t more = len - b->len;
    if (more > f->o->limit - f->o->used)
        return -ENOSPC;
    uint8_t *p = buf_room(b, more);
    if (p == NULL)
        return -ENOMEM;
    memset(p, 0, more);
    b->len += more;
    f->o->used += more;
    return 0;
}

static ssize_t overlay_pwritev(struct disk_file *file, const struct iovec *iov, int count, uint64_t at)
{
    struct overlay_file *f = of_file(file);
    ssize_t total = 0;
    if (f->entry == NULL)
        return -EBADF;
    for (int i = 0; i < count; i++) {
        int rc = lengthen(f, at + (uint64_t)total + iov[i].iov_len);
        if (rc < 0)
            return rc;
        if (iov[i].iov_len > 0)
            memcpy(f->entry->bytes.ptr + at + total, iov[i].iov_base, iov[i].iov_len);
        total += (ssize_t)iov[i].iov_len;
    }
    return total;
}

static int overlay_truncate(struct disk_file *file, uint64_t size)
{
    struct overlay_file *f = of_file(file);
    if (f->entry == NULL)
        return -EBADF;
    struct byte_buf *b = &f->entry->bytes;
    if (size >= b->len)
        return lengthen(f, size);
    f->o->used -= b->len - size;
    b->len = size;
    return 0;
}

static int overlay_reserve(struct disk_file *file, uint64_t size)
{
    (void)size;
    return of_file(file)->entry == NULL ? -EBADF : 0;
}

static int overlay_sync(struct disk_file *file)
{
    (void)file;
    return 0;
}

static int overlay_file_stat(struct disk_file *file, struct disk_stat *out)
{
    struct overlay_file *f = of_file(file);
    if (f->file != NULL)
        return disk_file_stat(f->file, out);
    *out = (struct disk_stat){.size = f->entry->bytes.len};
    return 0;
}

static int overlay_lock(struct disk_file *file)
{
    (void)file;
    return 0;
}

/* ---- names ---- */

static int overlay_stat(struct disk *d, const char *path, struct disk_stat *out)
{
    return visible(of_disk(d), path, out);
}

struct listing {
    struct overlay *o;
    const char *dir;
    disk_list_fn fn;
    void *ctx;
};

static int list_below(void *ctx, const char *name, bool is_dir)
{
    struct listing *l = ctx;
    char path[DISK_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", l->dir, name) >= DISK_PATH_MAX)
        return -ENAMETOOLONG;
    const struct entry *e = find(l->o, path);
    if (e == NULL)
        return l->fn(l->ctx, name, is_dir);
    return e->kind == ENTRY_GONE ? 0 : l->fn(l->ctx, name, e->kind == ENTRY_DIR);
}

static int overlay_list(struct disk *d, const char *dir, disk_list_fn fn, void *ctx)
{
    struct overlay *o = of_disk(d);
    struct disk_stat st;
    struct listing l = {o, dir, fn, ctx};
    size_t len = strlen(dir);
    int rc = visible(o, dir, &st);
    if (rc < 0)
        return rc;
    rc = disk_list(o->below, dir, list_below, &l);
    if (rc == -ENOENT || rc == -ENOTDIR)
        rc = 0; /* a folder of the overlay alone */
    for (size_t i = 0; rc == 0 && i < o->count; i++) {
        const struct entry *e = o->entries[i];
        bool inside =
            strncmp(e->path, dir, len) == 0 && e->path[len] == '/' && strchr(e->path + len + 1, '/') == NULL;
        if (inside && e->kind != ENTRY_GONE && disk_stat(o->below, e->path, &st) < 0)
            rc = fn(ctx, e->path + len + 1, e->kind == ENTRY_DIR);
    }
    return rc;
}

static int remove_name(struct overlay *o, const char *path)
{
    struct entry *e = find(o, path);
    if (e != NULL && e->handles > 0)
        orphan(o, e);
    return put(o, path, ENTRY_GONE) != NULL ? 0 : -ENOMEM;
}

static int overlay_unlink(struct disk *d, const char *path)
{
    struct disk_stat st;
    int rc = visible(of_disk(d), path, &st);
    return rc < 0 ? rc : st.is_dir ? -EISDIR : remove_name(of_disk(d), path);
}

static int overlay_mkdir(struct disk *d, const char *path)
{
    struct disk_stat st;
    if (visible(of_disk(d), path, &st) == 0)
        return -EEXIST;
    return put(of_disk(d), path, ENTRY_DIR) != NULL ? 0 : -ENOMEM;
}

static int stop_at_first(void *ctx, const char *name, bool is_dir)
{
    (void)ctx;
    (void)name;
    (void)is_dir;
    return -ENOTEMPTY;
}

static int overlay_rmdir(struct disk *d, const char *path)
{
    int rc = overlay_list(d, path, stop_at_first, NULL);
    return rc < 0 ? rc : remove_name(of_disk(d), path);
}

/* A new name for the file behind an entry. */
static int rename_entry(struct overlay *o, struct entry *e, const char *to)
{
    char *path = strdup(to);
    struct entry *there = find(o, to);
    if (path == NULL)
        return -ENOMEM;
    if (there != NULL)
        orphan(o, there);
    free(e->path);
    e->path = path;
    return 0;
}

static int rename_file(struct overlay *o, const char *from, const char *to)
{
    struct entry *e = find(o, from);
    int rc;
    if (e != NULL) {
        rc = rename_entry(o, e, to);
    } else {
        char *alias = strdup(from);
        e = find(o, to);
        if (e != NULL)
            orphan(o, e);
        e = alias != NULL ? put(o, to, ENTRY_FILE) : NULL;
        rc = e != NULL ? 0 : -ENOMEM;
        if (e != NULL)
            e->alias = alias;
        else
            free(alias);
    }
    return rc == 0 ? remove_name(o, from) : rc;
}

struct names {
    char *list[4096];
    size_t count;
};

static int collect(void *ctx, const char *name, bool is_dir)
{
    struct names *n = ctx;
    (void)is_dir;
    if (n->count == sizeof n->list / sizeof n->list[0])
        return -E2BIG;
    n->list[n->count] = strdup(name);
    return n->list[n->count++] == NULL ? -ENOMEM : 0;
}

static int overlay_rename(struct disk *d, const char *from, const char *to);

/* Name by name: the files keep reading from where they are. */
static int rename_folder(struct overlay *o, const char *from, const char *to)
{
    struct names *n = calloc(1, sizeof *n);
    if (n == NULL)
        return -ENOMEM;
    int rc = overlay_list(&o->base, from, collect, n);
    if (rc == 0 && put(o, to, ENTRY_DIR) == NULL)
        rc = -ENOMEM;
    for (size_t i = 0; i < n->count; i++) {
        char a[DISK_PATH_MAX], b[DISK_PATH_MAX];
        if (rc == 0 && (snprintf(a, sizeof a, "%s/%s", from, n->list[i]) >= DISK_PATH_MAX ||
                        snprintf(b, sizeof b, "%s/%s", to, n->list[i]) >= DISK_PATH_MAX))
            rc = -ENAMETOOLONG;
        if (rc == 0)
            rc = overlay_rename(&o->base, a, b);
        free(n->list[i]);
    }
    free(n);
    return rc == 0 ? remove_name(o, from) : rc;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the folders of a stream, which is two */
static int overlay_rename(struct disk *d, const char *from, const char *to)
{
    struct disk_stat st;
    int rc = visible(of_disk(d), from, &st);
    if (rc < 0)
        return rc;
    return st.is_dir ? rename_folder(of_disk(d), from, to) : rename_file(of_disk(d), from, to);
}

static int overlay_sync_dir(struct disk *d, const char *path)
{
    (void)d;
    (void)path;
    return 0;
}

static int overlay_space(struct disk *d, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
    struct overlay *o = of_disk(d);
    (void)path;
    *free_bytes = o->limit - o->used;
    *total_bytes = o->limit;
    return 0;
}

static const struct disk_ops overlay_ops = {
    .open = overlay_open,
    .close = overlay_close,
    .pread = overlay_pread,
    .pwritev = overlay_pwritev,
    .truncate = overlay_truncate,
    .reserve = overlay_reserve,
    .sync = overlay_sync,
    .file_stat = overlay_file_stat,
    .stat = overlay_stat,
    .rename = overlay_rename,
    .unlink = overlay_unlink,
    .mkdir = overlay_mkdir,
    .rmdir = overlay_rmdir,
    .list = overlay_list,
    .sync_dir = overlay_sync_dir,
    .lock = overlay_lock,
    .space = overlay_space,
};

struct disk *overlay_new(struct disk *below, uint64_t limit)
{
    struct overlay *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->base.ops = &overlay_ops;
    o->below = below;
    o->limit = limit;
    return &o->base;
}

void overlay_free(struct disk *d)
{
    struct overlay *o = of_disk(d);
    for (size_t i = 0; i < o->count; i++) {
        clear_entry(o, o->entries[i]);
        free(o->entries[i]->path);
        free(o->entries[i]);
    }
    free(o->entries);
    free(o);
}
