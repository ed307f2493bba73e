/* memory.h: where the toolkit puts what it reads and writes.
 *
 * Nothing in the toolkit allocates. What it decodes goes into an arena, what it encodes goes into an out;
 * both lie on memory of the caller's, both go on counting when that is full, so that the caller learns how
 * much would have been enough. One thread at a time. */
#ifndef MIDGE_MEMORY_H
#define MIDGE_MEMORY_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bump allocation on a block. What was allocated lives as long as the block. */
struct codec_arena {
    uint8_t *ptr;
    size_t cap;
    size_t used; /* bytes asked for so far with their padding; more than cap once something did not fit */
};

static inline struct codec_arena codec_arena_on(void *block, size_t size)
{
    return (struct codec_arena){(uint8_t *)block, size, 0};
}

/* n bytes, aligned (a power of two, at most alignof(max_align_t)), not cleared; NULL when they do not fit,
 * and then nothing fits any more. n may be 0: the result is not NULL when the arena has a block. */
CODEC_API void *codec_arena_take(struct codec_arena *a, size_t n, size_t align);

static inline bool codec_arena_ok(const struct codec_arena *a)
{
    return a->used <= a->cap;
}

/* A byte sink. */
struct codec_out {
    uint8_t *ptr;
    size_t cap;
    size_t len; /* bytes put so far; more than cap once something did not fit (then ptr holds a useless
                   prefix) */
    /* Makes room: sets ptr and cap so that cap >= need, keeps the first len bytes. false: there is no room.
     * NULL: the sink is bounded. */
    bool (*grow)(struct codec_out *out, size_t need);
};

static inline struct codec_out codec_out_on(void *block, size_t size)
{
    return (struct codec_out){(uint8_t *)block, size, 0, NULL};
}

/* codec_out_room when the bytes do not fit. */
CODEC_API uint8_t *codec_out_grow(struct codec_out *out, size_t n);

/* Room for n bytes more: where they go, and len is advanced; NULL (len is advanced all the same) when they do
 * not fit. */
static inline uint8_t *codec_out_room(struct codec_out *out, size_t n)
{
    size_t at = out->len;
    if (out->ptr == NULL || at > out->cap || n > out->cap - at)
        return codec_out_grow(out, n);
    out->len = at + n;
    return out->ptr + at;
}

static inline void codec_out_put(struct codec_out *out, slice bytes)
{
    uint8_t *p = codec_out_room(out, bytes.len);
    if (p != NULL && bytes.len > 0)
        memcpy(p, bytes.ptr, bytes.len);
}

static inline void codec_out_byte(struct codec_out *out, char c)
{
    uint8_t *p = codec_out_room(out, 1);
    if (p != NULL)
        *p = (uint8_t)c;
}

static inline bool codec_out_ok(const struct codec_out *out)
{
    return out->len <= out->cap;
}

/* What was put; only when codec_out_ok. Valid until the next put. */
static inline slice codec_out_slice(const struct codec_out *out)
{
    return slice_make(out->ptr, out->len);
}

#ifdef __cplusplus
}
#endif

#endif
