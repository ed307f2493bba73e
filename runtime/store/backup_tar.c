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

/* ---- extended headers: records of "LENGTH KEY=VALUE\n", the length being that of the whole record ---- */

struct member {
    char name[TAR_NAME_MAX];
    uint64_t size;
};

/* The digits at the front of *s; false when there are none, or the number is above any size. */
static bool take_decimal(slice *s, uint64_t *n)
{
    size_t i = 0;
    *n = 0;
    for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++) {
        if (*n > (uint64_t)INT64_MAX / 10 - 1)
            return false;
        *n = *n * 10 + (uint64_t)(s->ptr[i] - '0');
    }
    *s = slice_from(*s, i);
    return i > 0;
}

/* What a record says of the member. A path without anything in it leaves the header's. */
static bool take_pax_record(slice key, slice value, struct member *m)
{
    if (slice_eq_str(key, "size"))
        return take_decimal(&value, &m->size) && value.len == 0;
    if (slice_eq_str(key, "path") && value.len > 0) {
        if (value.len >= sizeof m->name || memchr(value.ptr, 0, value.len) != NULL)
            return false;
        memcpy(m->name, value.ptr, value.len);
        m->name[value.len] = 0;
    }
    return !slice_starts(key, SLICE_LIT("GNU.sparse.")); /* bytes that stand for more than they are */
}

static bool apply_pax(slice in, struct member *m)
{
    while (in.len > 0) {
        slice rest = in;
        uint64_t len;
        if (!take_decimal(&rest, &len) || len > in.len || len < in.len - rest.len + 3 || rest.ptr[0] != ' ')
            return false;
        slice record = slice_from(slice_first(in, (size_t)len), in.len - rest.len + 1);
        const uint8_t *equals = record.len == 0 ? NULL : memchr(record.ptr, '=', record.len);
        if (equals == NULL || record.ptr[record.len - 1] != '\n')
            return false;
        slice key = slice_first(record, (size_t)(equals - record.ptr));
        slice value = slice_from(slice_first(record, record.len - 1), key.len + 1);
        if (!take_pax_record(key, value, m))
            return false;
        in = slice_from(in, (size_t)len);
    }
    return true;
}

/* ---- members ---- */

static enum store_rc open_file(struct tar_reader *t, const char *name)
{
    char path[DISK_PATH_MAX], folder[DISK_PATH_MAX];
    if (!name_is_inside(name)) {
        t->outside = true;
        return STORE_CORRUPT;
    }
    if (!files_path(path, t->opt->staging, name))
        return STORE_INVALID;
    memcpy(folder, path, sizeof folder);
    *strrchr(folder, '/') = 0;
    enum store_rc rc = files_make_dirs(t->disk, folder, false);
    return rc == STORE_OK
               ? files_rc(disk_open(t->disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC, &t->file))
               : rc;
}

/* All bytes of the member were there. */
static enum store_rc finish_member(struct tar_reader *t)
{
    if (t->file == NULL) {
        t->in_pax = false;
        return STORE_OK;
    }
    int rc = disk_sync(t->file);
    int closed = disk_close(t->file);
    t->file = NULL;
    return files_rc(rc < 0 ? rc : closed);
}

static enum store_rc begin_member(struct tar_reader *t, uint64_t size)
{
    t->at = 0;
    t->left = size;
    t->padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    return size == 0 ? finish_member(t) : STORE_OK;
}

static enum store_rc begin_pax(struct tar_reader *t, uint64_t size)
{
    if (size > TAR_PAX_MAX || t->pax.len > 0)
        return STORE_CORRUPT;
    t->in_pax = true;
    return begin_member(t, size);
}

static enum store_rc begin_file(struct tar_reader *t, struct member *m)
{
    const struct restore_options *o = t->opt;
    if (!apply_pax(buf_view(&t->pax), m) || m->size > (uint64_t)INT64_MAX - t->total)
        return STORE_CORRUPT;
    buf_free(&t->pax);
    t->total += m->size;
    if (o->admit != NULL && !o->admit(o->ctx, 0, t->total))
        return STORE_MAX_BYTES;
    enum store_rc rc = open_file(t, m->name);
    return rc == STORE_OK ? begin_member(t, m->size) : rc;
}

static enum store_rc take_head(struct tar_reader *t)
{
    static const uint8_t zeros[TAR_BLOCK];
    const uint8_t *h = t->head;
    struct member m;
    if (memcmp(h, zeros, TAR_BLOCK) == 0) {
        t->ended = true;
        return t->pax.len == 0 ? STORE_OK : STORE_CORRUPT;
    }
    if (!checksum_matches(h) || !octal(h + 124, 12, &m.size))
        return STORE_CORRUPT;
    if (h[156] == 'x')
        return begin_pax(t, m.size);
    if (h[156] != '0' && h[156] != 0) {
        t->outside = true;
        return STORE_CORRUPT;
    }
    bool prefix = memcmp(h + 257, "ustar", 5) == 0 && h[345] != 0;
    snprintf(m.name, sizeof m.name, "%.155s%s%.100s", prefix ? (const char *)h + 345 : "", prefix ? "/" : "",
             (const char *)h);
    return begin_file(t, &m);
}

static enum store_rc take_bytes_of_member(struct tar_reader *t, slice bytes)
{
    ssize_t n = 0;
    if (t->in_pax)
        buf_slice(&t->pax, bytes);
    else
        n = disk_pwrite(t->file, bytes.ptr, bytes.len, t->at);
    if (n < 0 || t->pax.failed)
        return t->pax.failed ? STORE_NO_MEMORY : files_rc((int)n);
    t->at += bytes.len;
    t->left -= bytes.len;
    return t->left == 0 ? finish_member(t) : STORE_OK;
}

enum store_rc tar_feed(struct tar_reader *t, slice in)
{
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK && in.len > 0 && !t->ended) {
        slice part;
        if (t->left > 0) {
            part = slice_first(in, t->left < in.len ? (size_t)t->left : in.len);
            rc = take_bytes_of_member(t, part);
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
    buf_free(&t->pax);
}
