#include "store/backup_tar.h"

#include "store/files.h"

#include <stdio.h>

#define DEPTH_MAX 4

/* An octal number of a header; false: it is none. */
static bool octal(const uint8_t *p, size_t len, uint64_t *n)
{
    size_t i = 0;
    *n = 0;
    while (i < len && p[i] == ' ')
        i++;
    for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
        if (*n >> 60 != 0)
            return false;
        *n = *n << 3 | (uint64_t)(p[i] - '0');
    }
    return i == len || p[i] == 0 || p[i] == ' ';
}

static bool checksum_matches(const uint8_t head[TAR_BLOCK])
{
    uint64_t want, sum = 0;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : head[i];
    return octal(head + 148, 8, &want) && want == sum;
}

/* A relative name without "." and ".." and empty parts. */
static bool name_is_inside(const char *name)
{
    unsigned depth = 1;
    const char *part = name;
    for (const char *p = name;; p++) {
        if (*p != '/' && *p != 0)
            continue;
        size_t len = (size_t)(p - part);
        if (len == 0 || (len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        if (*p == 0)
            return depth <= DEPTH_MAX;
        depth++;
        part = p + 1;
    }
}

static enum store_rc open_file(struct tar_reader *t, const char *name)
{
    char path[DISK_PATH_MAX], folder[DISK_PATH_MAX];
    if (!name_is_inside(name)) {
        t->outside = true;
        return STORE_CORRUPT;
    }
    if (!files_path(path, t->dir, name))
        return STORE_INVALID;
    memcpy(folder, path, sizeof folder);
    *strrchr(folder, '/') = 0;
    enum store_rc rc = files_make_dirs(t->disk, folder);
    return rc == STORE_OK
               ? files_rc(disk_open(t->disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC, &t->file))
               : rc;
}

static enum store_rc finish_file(struct tar_reader *t)
{
    if (t->file == NULL)
        return STORE_OK;
    int rc = disk_sync(t->file);
    int closed = disk_close(t->file);
    t->file = NULL;
    return files_rc(rc < 0 ? rc : closed);
}

static enum store_rc take_head(struct tar_reader *t)
{
    static const uint8_t zeros[TAR_BLOCK];
    const uint8_t *h = t->head;
    char name[260];
    if (memcmp(h, zeros, TAR_BLOCK) == 0) {
        t->ended = true;
        return STORE_OK;
    }
    if (!checksum_matches(h) || !octal(h + 124, 12, &t->left))
        return STORE_CORRUPT;
    t->at = 0;
    t->padding = (TAR_BLOCK - t->left % TAR_BLOCK) % TAR_BLOCK;
    bool ustar = memcmp(h + 257, "ustar", 5) == 0 && h[345] != 0;
    if (ustar)
        snprintf(name, sizeof name, "%.155s/%.100s", (const char *)h + 345, (const char *)h);
    else
        snprintf(name, sizeof name, "%.100s", (const char *)h);
    if (h[156] != '0' && h[156] != 0) {
        t->outside = true;
        return STORE_CORRUPT;
    }
    enum store_rc rc = open_file(t, name);
    return rc == STORE_OK && t->left == 0 ? finish_file(t) : rc;
}

static enum store_rc take_bytes_of_file(struct tar_reader *t, slice bytes)
{
    ssize_t n = t->file != NULL ? disk_pwrite(t->file, bytes.ptr, bytes.len, t->at) : (ssize_t)bytes.len;
    if (n < 0)
        return files_rc((int)n);
    t->at += bytes.len;
    t->left -= bytes.len;
    return t->left == 0 ? finish_file(t) : STORE_OK;
}

enum store_rc tar_feed(struct tar_reader *t, slice in)
{
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK && in.len > 0 && !t->ended) {
        slice part;
        if (t->left > 0) {
            part = slice_first(in, t->left < in.len ? (size_t)t->left : in.len);
            rc = take_bytes_of_file(t, part);
        } else if (t->padding > 0) {
            part = slice_first(in, t->padding < in.len ? (size_t)t->padding : in.len);
            t->padding -= part.len;
        } else {
            part = slice_first(in, TAR_BLOCK - t->head_len);
            memcpy(t->head + t->head_len, part.ptr, part.len);
            t->head_len += part.len;
            if (t->head_len == TAR_BLOCK) {
                t->head_len = 0;
                rc = take_head(t);
            }
        }
        in = slice_from(in, part.len);
    }
    return rc;
}

bool tar_complete(const struct tar_reader *t)
{
    return t->ended && t->left == 0;
}

void tar_close(struct tar_reader *t)
{
    if (t->file != NULL)
        disk_close(t->file);
    t->file = NULL;
}
