#include "base/path.h"
#include "base/arena.h"

slice path_base(slice path)
{
    size_t at = path.len;
    while (at > 0 && path.ptr[at - 1] != '/')
        at--;
    return slice_from(path, at);
}

/* Appends a name to out[0..*len], or takes one back for "..". `root` is 1 when out begins with '/'. */
static void add_name(uint8_t *out, size_t *len, size_t root, slice name)
{
    if (name.len == 0 || slice_eq_str(name, "."))
        return;
    slice last = path_base(slice_make(out, *len));
    if (slice_eq_str(name, "..") && last.len > 0 && !slice_eq_str(last, "..")) {
        *len -= last.len;
        if (*len > root)
            (*len)--; /* the '/' before it */
        return;
    }
    if (slice_eq_str(name, "..") && root == 1)
        return; /* above the root is the root */
    if (*len > root)
        out[(*len)++] = '/';
    memcpy(out + *len, name.ptr, name.len);
    *len += name.len;
}

slice path_clean(struct arena *a, slice path)
{
    uint8_t *out = path.len < SIZE_MAX - 2 ? arena_alloc(a, path.len + 2) : NULL;
    if (out == NULL)
        return SLICE_EMPTY;
    size_t len = 0, root = path.len > 0 && path.ptr[0] == '/' ? 1 : 0;
    if (root == 1)
        out[len++] = '/';
    for (size_t at = 0; at < path.len;) {
        const uint8_t *slash = memchr(path.ptr + at, '/', path.len - at);
        size_t end = slash == NULL ? path.len : (size_t)(slash - path.ptr);
        add_name(out, &len, root, slice_make(path.ptr + at, end - at));
        at = end + 1;
    }
    if (len == 0)
        out[len++] = '.';
    out[len] = '\0';
    return slice_make(out, len);
}

slice path_join_dir(struct arena *a, slice file, slice target)
{
    size_t dir = file.len - path_base(file).len;
    uint8_t *both = dir + target.len < SIZE_MAX - 2 ? arena_alloc(a, dir + target.len + 2) : NULL;
    if (both == NULL)
        return SLICE_EMPTY;
    size_t len = 0;
    if (dir > 0)
        memcpy(both, file.ptr, dir);
    else
        both[len++] = '.';
    len += dir;
    both[len++] = '/';
    if (target.len > 0)
        memcpy(both + len, target.ptr, target.len);
    return path_clean(a, slice_make(both, len + target.len));
}
