/* bytes.h: how the store's files spell numbers, and a buffer that grows.
 *
 * A byte_reader walks bytes that may lie: every take checks what is left; the first failure sets `bad`, after
 * which everything reads as 0. So a decoder reads a group of fields and checks `bad` once before it believes
 * them.
 *
 * A byte_buf appends; when memory runs out it sets `failed` and ignores what follows. Numbers are little
 * endian; "uv" is an unsigned base-128 varint of at most 10 bytes, "sv" a zigzag one. */
#ifndef STORE_FORMAT_BYTES_H
#define STORE_FORMAT_BYTES_H

#include <midge/slice.h>
#include <stdlib.h>

#define UV_MAX_BYTES 10

static inline uint16_t get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t get_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t get_u64(const uint8_t *p)
{
    return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}
static inline void put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}
static inline void put_u32(uint8_t *p, uint32_t v)
{
    put_u16(p, (uint16_t)v);
    put_u16(p + 2, (uint16_t)(v >> 16));
}
static inline void put_u64(uint8_t *p, uint64_t v)
{
    put_u32(p, (uint32_t)v);
    put_u32(p + 4, (uint32_t)(v >> 32));
}

/* Writes v at p (UV_MAX_BYTES of room) and returns how many bytes it took. */
static inline size_t put_uv(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        p[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}
static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}
static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)((v >> 1) ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}
/* a - b for timestamps, wrapping as the format does. */
static inline int64_t wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline int64_t wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

struct byte_reader {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static inline struct byte_reader byte_reader_of(slice s)
{
    return (struct byte_reader){s.ptr, s.ptr == NULL ? NULL : s.ptr + s.len, false};
}
static inline size_t reader_left(const struct byte_reader *r)
{
    return r->bad ? 0 : (size_t)(r->end - r->p);
}
/* The next n bytes, or an empty slice and `bad`. */
static inline slice take_bytes(struct byte_reader *r, uint64_t n)
{
    if (n > reader_left(r)) {
        r->bad = true;
        return SLICE_EMPTY;
    }
    slice s = slice_make(r->p, (size_t)n);
    r->p += n;
    return s;
}
static inline uint8_t take_u8(struct byte_reader *r)
{
    slice s = take_bytes(r, 1);
    return s.len == 1 ? s.ptr[0] : 0;
}
static inline uint16_t take_u16(struct byte_reader *r)
{
    slice s = take_bytes(r, 2);
    return s.len == 2 ? get_u16(s.ptr) : 0;
}
static inline uint32_t take_u32(struct byte_reader *r)
{
    slice s = take_bytes(r, 4);
    return s.len == 4 ? get_u32(s.ptr) : 0;
}
static inline uint64_t take_u64(struct byte_reader *r)
{
    slice s = take_bytes(r, 8);
    return s.len == 8 ? get_u64(s.ptr) : 0;
}
/* bad: cut off, longer than 10 bytes, or above 64 bits. */
static inline uint64_t take_uv(struct byte_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && reader_left(r) > 0; shift += 7) {
        /* Bytes that are left have a place: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
        uint8_t b = *r->p++;
        if (shift == 63 && b > 1)
            break;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return v;
    }
    r->bad = true;
    return 0;
}
static inline int64_t take_sv(struct byte_reader *r)
{
    return unzigzag(take_uv(r));
}

struct byte_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    bool failed;
};

/* Room for n more bytes, which the caller fills and then adds to len; NULL (and failed) without memory. */
static inline uint8_t *buf_room(struct byte_buf *b, size_t n)
{
    if (b->failed)
        return NULL;
    if (b->cap - b->len < n || b->ptr == NULL) {
        size_t cap = b->cap + b->cap / 2;
        if (cap < b->len + n + 64)
            cap = b->len + n + 64;
        uint8_t *grown = n < SIZE_MAX / 4 - b->len ? realloc(b->ptr, cap) : NULL;
        if (grown == NULL) {
            b->failed = true;
            return NULL;
        }
        b->ptr = grown;
        b->cap = cap;
    }
    return b->ptr + b->len;
}
static inline void buf_bytes(struct byte_buf *b, const void *src, size_t n)
{
    uint8_t *p = buf_room(b, n);
    if (p == NULL || n == 0)
        return;
    memcpy(p, src, n);
    b->len += n;
}
static inline void buf_slice(struct byte_buf *b, slice s)
{
    buf_bytes(b, s.ptr, s.len);
}
static inline void buf_u8(struct byte_buf *b, uint8_t v)
{
    buf_bytes(b, &v, 1);
}
static inline void buf_u16(struct byte_buf *b, uint16_t v)
{
    uint8_t t[2];
    put_u16(t, v);
    buf_bytes(b, t, sizeof t);
}
static inline void buf_u32(struct byte_buf *b, uint32_t v)
{
    uint8_t t[4];
    put_u32(t, v);
    buf_bytes(b, t, sizeof t);
}
static inline void buf_u64(struct byte_buf *b, uint64_t v)
{
    uint8_t t[8];
    put_u64(t, v);
    buf_bytes(b, t, sizeof t);
}
static inline void buf_uv(struct byte_buf *b, uint64_t v)
{
    uint8_t *p = buf_room(b, UV_MAX_BYTES);
    if (p != NULL)
        b->len += put_uv(p, v);
}
static inline void buf_sv(struct byte_buf *b, int64_t v)
{
    buf_uv(b, zigzag(v));
}
static inline slice buf_view(const struct byte_buf *b)
{
    return slice_make(b->ptr, b->len);
}
static inline void buf_free(struct byte_buf *b)
{
    free(b->ptr);
    *b = (struct byte_buf){0};
}

#endif
