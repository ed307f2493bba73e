/* disk.h: the one way to files.
 *
 * A disk is a table of operations with two implementations: the POSIX one (disk_posix) and the simulated one
 * (tests/sim/sim_disk.h) that loses unsynced writes, tears and reorders them, fails calls and flips bits.
 *
 * All calls block; they are made from storage threads, shards and jobs, never from a connection loop. A disk
 * may be used from any thread; a file by one thread at a time. Paths are absolute or relative to the process,
 * NUL- terminated, at most DISK_PATH_MAX bytes with the NUL. Results are 0 (or a byte count) on success and
 * -errno on failure: nothing is retried behind the caller's back but EINTR and short writes (a short write
 * that cannot be completed reports the error that stopped it; how much landed is then unknown).
 *
 * What survives a power cut: file bytes after disk_sync of that file; names after disk_sync_dir of their
 * folder. A rename is atomic, and durable after disk_sync_dir. */
#ifndef BASE_DISK_H
#define BASE_DISK_H

#include <midge/slice.h>
#include <sys/types.h>
#include <sys/uio.h>

#define DISK_PATH_MAX 4096

enum disk_open_flags {
    DISK_READ = 1,   /* read only */
    DISK_WRITE = 2,  /* read and write */
    DISK_CREATE = 4, /* create when absent (mode 0600) */
    DISK_EXCL = 8,   /* with CREATE: -EEXIST when present */
    DISK_TRUNC = 16, /* empty it */
};

struct disk_stat {
    uint64_t size;    /* bytes */
    int64_t mtime_ns; /* Unix time */
    bool is_dir;
};

struct disk;
struct disk_file;

/* Called for each name in a folder ("." and ".." left out, no order promised); return non-zero to stop. */
typedef int (*disk_list_fn)(void *ctx, const char *name, bool is_dir);

struct disk_ops {
    int (*open)(struct disk *, const char *path, int flags, struct disk_file **out);
    int (*close)(struct disk_file *);                                         /* frees the file in any case */
    ssize_t (*pread)(struct disk_file *, void *buf, size_t len, uint64_t at); /* short only at end of file */
    ssize_t (*pwritev)(struct disk_file *, const struct iovec *iov, int count, uint64_t at);
    int (*truncate)(struct disk_file *, uint64_t size);
    int (*reserve)(struct disk_file *,
                   uint64_t size);   /* space for `size` bytes without changing the length */
    int (*sync)(struct disk_file *); /* fdatasync */
    int (*file_stat)(struct disk_file *, struct disk_stat *out);
    int (*stat)(struct disk *, const char *path, struct disk_stat *out);
    int (*rename)(struct disk *, const char *from, const char *to);
    int (*unlink)(struct disk *, const char *path);
    int (*mkdir)(struct disk *, const char *path); /* mode 0700; -EEXIST when present */
    int (*rmdir)(struct disk *, const char *path);
    int (*list)(struct disk *, const char *path, disk_list_fn fn, void *ctx);
    int (*sync_dir)(struct disk *, const char *path);
    int (*lock)(struct disk_file *); /* exclusive, released by close; -EWOULDBLOCK when held elsewhere */
    int (*space)(struct disk *, const char *path, uint64_t *free_bytes, uint64_t *total_bytes);
};

/* Implementations embed these as their first member. */
struct disk {
    const struct disk_ops *ops;
};
struct disk_file {
    const struct disk_ops *ops;
};

static inline int disk_open(struct disk *d, const char *path, int flags, struct disk_file **out)
{
    return d->ops->open(d, path, flags, out);
}
static inline int disk_close(struct disk_file *f)
{
    return f->ops->close(f);
}
static inline ssize_t disk_pread(struct disk_file *f, void *buf, size_t len, uint64_t at)
{
    return f->ops->pread(f, buf, len, at);
}
static inline ssize_t disk_pwritev(struct disk_file *f, const struct iovec *iov, int count, uint64_t at)
{
    return f->ops->pwritev(f, iov, count, at);
}
static inline ssize_t disk_pwrite(struct disk_file *f, const void *buf, size_t len, uint64_t at)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
    return f->ops->pwritev(f, &iov, 1, at);
}
static inline int disk_truncate(struct disk_file *f, uint64_t size)
{
    return f->ops->truncate(f, size);
}
static inline int disk_reserve(struct disk_file *f, uint64_t size)
{
    return f->ops->reserve(f, size);
}
static inline int disk_sync(struct disk_file *f)
{
    return f->ops->sync(f);
}
static inline int disk_file_stat(struct disk_file *f, struct disk_stat *out)
{
    return f->ops->file_stat(f, out);
}
static inline int disk_stat(struct disk *d, const char *path, struct disk_stat *out)
{
    return d->ops->stat(d, path, out);
}
static inline int disk_rename(struct disk *d, const char *from, const char *to)
{
    return d->ops->rename(d, from, to);
}
static inline int disk_unlink(struct disk *d, const char *path)
{
    return d->ops->unlink(d, path);
}
static inline int disk_mkdir(struct disk *d, const char *path)
{
    return d->ops->mkdir(d, path);
}
static inline int disk_rmdir(struct disk *d, const char *path)
{
    return d->ops->rmdir(d, path);
}
static inline int disk_list(struct disk *d, const char *path, disk_list_fn fn, void *ctx)
{
    return d->ops->list(d, path, fn, ctx);
}
static inline int disk_sync_dir(struct disk *d, const char *path)
{
    return d->ops->sync_dir(d, path);
}
static inline int disk_lock(struct disk_file *f)
{
    return f->ops->lock(f);
}
static inline int disk_space(struct disk *d, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
    return d->ops->space(d, path, free_bytes, total_bytes);
}

/* The machine's own file system. One object for the process; never freed. */
struct disk *disk_posix(void);

#endif
