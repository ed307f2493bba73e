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
    return a->used <= a->cap && a->ptr != NULL ? a->ptr + at : NULL;
}

uint8_t *codec_out_grow(struct codec_out *out, size_t n)
{
    size_t at = out->len, need = add(at, n);
    bool grown = at <= out->cap && out->grow != NULL && out->grow(out, need);
    out->len = need;
    return grown ? out->ptr + at : NULL;
}
