/* slice.h: bytes that somebody else owns.
 *
 * A slice is a pointer and a length; it owns nothing, may hold any byte and is not NUL-terminated. The memory
 * belongs to whoever made it; each function that returns a slice says how long it stays valid. All functions
 * are pure and may be called from any thread. */
#ifndef MIDGE_SLICE_H
#define MIDGE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct slice {
    const uint8_t *ptr; /* may be NULL when len is 0 */
    size_t len;
} slice;

#define SLICE_EMPTY ((slice){NULL, 0})

/* A slice of a string literal, without its NUL. */
#define SLICE_LIT(s) ((slice){(const uint8_t *)(s), sizeof(s) - 1})

static inline slice slice_make(const void *ptr, size_t len)
{
    return (slice){(const uint8_t *)ptr, len};
}

/* Of a NUL-terminated string; NULL gives the empty slice. */
static inline slice slice_str(const char *s)
{
    return s == NULL ? SLICE_EMPTY : slice_make(s, strlen(s));
}

/* Its pointer, never NULL, so that arithmetic on it is defined even when the slice is empty. */
static inline const uint8_t *slice_ptr(slice s)
{
    return s.ptr != NULL ? s.ptr : (const uint8_t *)"";
}

static inline bool slice_eq(slice a, slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool slice_eq_str(slice a, const char *s)
{
    return slice_eq(a, slice_str(s));
}

static inline bool slice_starts(slice s, slice prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* The part from byte `at` (at most s.len) to the end. */
static inline slice slice_from(slice s, size_t at)
{
    return at >= s.len ? slice_make(s.ptr == NULL ? NULL : s.ptr + s.len, 0)
                       : slice_make(s.ptr + at, s.len - at);
}

/* The first n bytes (all of them when s is shorter). */
static inline slice slice_first(slice s, size_t n)
{
    return slice_make(s.ptr, n < s.len ? n : s.len);
}

/* Byte order as memcmp, a proper prefix first. */
static inline int slice_cmp(slice a, slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    /* Bytes have a place: NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
    int c = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

#ifdef __cplusplus
}
#endif

#endif
