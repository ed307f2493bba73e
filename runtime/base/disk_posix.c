#include "base/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct posix_file {
    struct disk_file base;
    int fd;
};

static const struct disk_ops posix_ops;

static int fd_of(struct disk_file *f)
{
    return ((struct posix_file *)f)->fd;
}

static int result(int rc)
{
    return rc < 0 ? -errno : 0;
}

static int posix_open(struct disk *d, const char *path, int flags, struct disk_file **out)
{
    (void)d;
    int mode = (flags & DISK_WRITE) ? O_RDWR : O_RDONLY;
    if (flags & DISK_CREATE)
        mode |= O_CREAT;
    if (flags & DISK_EXCL)
        mode |= O_EXCL;
    if (flags & DISK_TRUNC)
        mode |= O_TRUNC;
    struct posix_file *f = malloc(sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    do {
        f->fd = open(path, mode | O_CLOEXEC, 0600);
    } while (f->fd < 0 && errno == EINTR);
    if (f->fd < 0) {
        int err = errno;
        free(f);
        return -err;
    }
    f->base.ops = &posix_ops;
    *out = &f->base;
    return 0;
}

static int posix_close(struct disk_file *f)
{
    int rc = result(close(fd_of(f)));
    free(f);
    return rc;
}

static ssize_t posix_pread(struct disk_file *f, void *buf, size_t len, uint64_t at)
{
    size_t got = 0;
    while (got < len) {
        ssize_t n = pread(fd_of(f), (char *)buf + got, len - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* Writes one buffer whole; short writes go on where they stopped. */
static int write_all(int fd, const uint8_t *p, size_t len, uint64_t at)
{
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    return 0;
}

static ssize_t posix_pwritev(struct disk_file *f, const struct iovec *iov, int count, uint64_t at)
{
    ssize_t total = 0;
    for (int first = 0; first < count;) {
        int batch = count - first < IOV_MAX ? count - first : IOV_MAX;
        size_t want = 0;
        for (int i = 0; i < batch; i++)
            want += iov[first + i].iov_len;
        ssize_t n = pwritev(fd_of(f), iov + first, batch, (off_t)(at + (uint64_t)total));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        /* Finish a short write buffer by buffer. */
        size_t skip = (size_t)n;
        uint64_t pos = at + (uint64_t)total + (uint64_t)n;
        for (int i = 0; i < batch && (size_t)n < want; i++) {
            size_t len = iov[first + i].iov_len;
            if (skip >= len) {
                skip -= len;
                continue;
            }
            int rc = write_all(fd_of(f), (const uint8_t *)iov[first + i].iov_base + skip, len - skip, pos);
            if (rc < 0)
                return rc;
            pos += len - skip;
            skip = 0;
        }
        total += (ssize_t)want;
        first += batch;
    }
    return total;
}

static int posix_truncate(struct disk_file *f, uint64_t size)
{
    return result(ftruncate(fd_of(f), (off_t)size));
}

static int posix_reserve(struct disk_file *f, uint64_t size)
{
    return result(fallocate(fd_of(f), FALLOC_FL_KEEP_SIZE, 0, (off_t)size));
}

static int posix_sync(struct disk_file *f)
{
    return result(fdatasync(fd_of(f)));
}

static int fill_stat(int rc, const struct stat *st, struct disk_stat *out)
{
    if (rc < 0)
        return -errno;
    *out = (struct disk_stat){
        .size = (uint64_t)st->st_size,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .is_dir = S_ISDIR(st->st_mode),
    };
    return 0;
}

static int posix_file_stat(struct disk_file *f, struct disk_stat *out)
{
    struct stat st;
    return fill_stat(fstat(fd_of(f), &st), &st, out);
}

static int posix_stat(struct disk *d, const char *path, struct disk_stat *out)
{
    (void)d;
    struct stat st;
    return fill_stat(stat(path, &st), &st, out);
}

static int posix_rename(struct disk *d, const char *from, const char *to)
{
    (void)d;
    return result(rename(from, to));
}

static int posix_unlink(struct disk *d, const char *path)
{
    (void)d;
    return result(unlink(path));
}

static int posix_mkdir(struct disk *d, const char *path)
{
    (void)d;
    return result(mkdir(path, 0700));
}

static int posix_rmdir(struct disk *d, const char *path)
{
    (void)d;
    return result(rmdir(path));
}

static bool entry_is_dir(DIR *dir, const struct dirent *e)
{
    struct stat st;
    if (e->d_type != DT_UNKNOWN)
        return e->d_type == DT_DIR;
    return fstatat(dirfd(dir), e->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static int posix_list(struct disk *d, const char *path, disk_list_fn fn, void *ctx)
{
    (void)d;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return -errno;
    int rc = 0;
    for (;;) {
        errno = 0;
        struct dirent *e = readdir(dir);
        if (e == NULL) {
            rc = -errno;
            break;
        }
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if (fn(ctx, e->d_name, entry_is_dir(dir, e)) != 0)
            break;
    }
    closedir(dir);
    return rc;
}

static int posix_sync_dir(struct disk *d, const char *path)
{
    (void)d;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = result(fsync(fd));
    close(fd);
    return rc;
}

static int posix_lock(struct disk_file *f)
{
    return result(flock(fd_of(f), LOCK_EX | LOCK_NB));
}

static int posix_space(struct disk *d, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
    (void)d;
    struct statvfs v;
    if (statvfs(path, &v) < 0)
        return -errno;
    *free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    *total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
    return 0;
}

static const struct disk_ops posix_ops = {
    .open = posix_open,
    .close = posix_close,
    .pread = posix_pread,
    .pwritev = posix_pwritev,
    .truncate = posix_truncate,
    .reserve = posix_reserve,
    .sync = posix_sync,
    .file_stat = posix_file_stat,
    .stat = posix_stat,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .mkdir = posix_mkdir,
    .rmdir = posix_rmdir,
    .list = posix_list,
    .sync_dir = posix_sync_dir,
    .lock = posix_lock,
    .space = posix_space,
};

struct disk *disk_posix(void)
{
    static struct disk posix = {.ops = &posix_ops};
    return &posix;
}
