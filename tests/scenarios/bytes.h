/* bytes.h: a growable byte buffer for the scenario runner. Running out of memory ends the program. One owner.
 */
#ifndef TESTS_SCENARIO_BYTES_H
#define TESTS_SCENARIO_BYTES_H

#include <midge/slice.h>

#include <stdio.h>
#include <stdlib.h>

struct bytes {
    uint8_t *ptr;
    size_t len, cap;
};

/* Room for n more bytes behind the ones in use. */
static inline uint8_t *bytes_reserve(struct bytes *b, size_t n)
{
    if (b->cap - b->len < n) {
        size_t cap = b->cap < 256 ? 256 : b->cap;
        while (cap - b->len < n)
            cap *= 2;
        b->ptr = realloc(b->ptr, cap);
        if (b->ptr == NULL) {
            fputs("scenario: out of memory\n", stderr);
            exit(2);
        }
        b->cap = cap;
    }
    return b->ptr + b->len;
}

static inline void bytes_add(struct bytes *b, const void *ptr, size_t n)
{
    if (n > 0) {
        memcpy(bytes_reserve(b, n), ptr, n);
        b->len += n;
    }
}

static inline void bytes_add_slice(struct bytes *b, slice s)
{
    bytes_add(b, s.ptr, s.len);
}

static inline void bytes_add_str(struct bytes *b, const char *s)
{
    bytes_add(b, s, strlen(s));
}

static inline void bytes_add_byte(struct bytes *b, uint8_t byte)
{
    bytes_add(b, &byte, 1);
}

/* NUL-terminated; the NUL does not count. Valid until the buffer changes. */
static inline const char *bytes_str(struct bytes *b)
{
    *bytes_reserve(b, 1) = 0;
    return (const char *)b->ptr;
}

static inline slice bytes_slice(const struct bytes *b)
{
    return slice_make(b->ptr, b->len);
}

/* Drops the first n bytes. */
static inline void bytes_consume(struct bytes *b, size_t n)
{
    b->len -= n;
    if (n > 0 && b->len > 0)
        memmove(b->ptr, b->ptr + n, b->len);
}

static inline void bytes_free(struct bytes *b)
{
    free(b->ptr);
    *b = (struct bytes){0};
}

/* The way bytes are shown to people: printable ASCII as it is, the rest as \r \n \xHH, cut after `max` bytes.
 */
static inline void bytes_add_shown(struct bytes *b, slice s, size_t max)
{
    for (size_t i = 0; i < s.len && i < max; i++) {
        uint8_t c = s.ptr[i];
        char text[8];
        if (c == '\r' || c == '\n' || c == '\\')
            snprintf(text, sizeof text, "\\%c", c == '\r' ? 'r' : c == '\n' ? 'n' : '\\');
        else if (c >= 0x20 && c < 0x7f)
            snprintf(text, sizeof text, "%c", c);
        else
            snprintf(text, sizeof text, "\\x%02x", c);
        bytes_add_str(b, text);
    }
    if (s.len > max) {
        char text[40];
        snprintf(text, sizeof text, "... (%zu bytes)", s.len);
        bytes_add_str(b, text);
    }
}

#endif
