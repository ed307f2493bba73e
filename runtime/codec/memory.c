#include <midge/memory.h>

/* used and len saturate, so that a caller who ignores a full arena cannot make them wrap round. */
static size_t add(size_t a, size_t b)
{
    return a > SIZE_MAX - b ? SIZE_MAX : a + b;
}

void *codec_arena_take(struct codec_arena *a, size_t n, size_t align)
{
    size_t misfit = ((uintptr_t)a->ptr + a->used) & (align - 1);
    size_t at = add(a->used, misfit == 0 ? 0 : align - misfit);
    a->used = add(at, n);
    return a->used <= a->cap ? a->ptr + at : NULL;
}

uint8_t *codec_out_room(struct codec_out *out, size_t n)
{
    size_t at = out->len, need = add(at, n);
    out->len = need;
    if (need <= out->cap)
        return out->ptr + at;
    if (out->grow == NULL || at > out->cap)
        return NULL;
    out->len = at;
    bool grown = out->grow(out, need);
    out->len = need;
    return grown ? out->ptr + at : NULL;
}

void codec_out_put(struct codec_out *out, slice bytes)
{
    uint8_t *p = codec_out_room(out, bytes.len);
    if (p != NULL && bytes.len > 0)
        memcpy(p, bytes.ptr, bytes.len);
}
