/* codec/line.h: what the hand-written halves of the line protocols share (see midge/line.h, nats_common.rl).
 *
 * Private to the toolkit. All functions are pure but for the struct given. `in` is always the same bytes that
 * the machine has seen: the first one is the first byte of the message. */
#ifndef CODEC_LINE_H
#define CODEC_LINE_H

#include "codec/bytes.h"
#include <midge/line.h>

enum codec_line_rc {
    CODEC_LINE_DONE, /* pos is behind the LF */
    CODEC_LINE_MORE, /* pos is the end of the input */
    CODEC_LINE_BAD,  /* pos is the byte that continues nothing */
};

/* The generated machines: run over the bytes from ln->pos on, up to the LF of one line. */
enum codec_line_rc codec_client_scan(struct codec_line *ln, slice in);
enum codec_line_rc codec_server_scan(struct codec_line *ln, slice in);

/* No byte of a line has been seen (a machine then begins in its start state). */
static inline bool codec_line_is_new(const struct codec_line *ln)
{
    return ln->pos == 0 && ln->verb == 0;
}

/* The last of the bytes from p + 1 on that surely belong to the same argument as the one at p. Eight at a
 * time; the machine looks at the rest. */
static inline const uint8_t *codec_line_run(const uint8_t *p, const uint8_t *pe)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    for (; pe - p > 8; p += 8) {
        uint64_t next = bytes_u64le(p + 1);
        uint64_t blank =
            (next - each * (' ' + 1)) & ~next & each << 7; /* its lowest bit: first byte <= ' ' */
        if (blank != 0)
            return p + __builtin_ctzll(blank) / 8;
    }
    return p;
}

/* 1 to 9 decimal digits, nothing else. */
static inline bool codec_line_number(slice text, uint32_t *value)
{
    if (text.len == 0 || text.len > 9)
        return false;
    uint32_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint32_t digit = (uint32_t)text.ptr[i] - '0';
        if (digit > 9)
            return false;
        n = n * 10 + digit;
    }
    *value = n;
    return true;
}

/* A CR among n bytes from `at` on. */
static inline bool codec_line_has_cr(slice in, size_t at, size_t n)
{
    return n > 0 && memchr(in.ptr + at, '\r', n) != NULL;
}

/* The argument text of a complete line: from the first argument to the LF. If a CR stands anywhere behind the
 * first byte, the last byte does not belong to it (nearly always it is that CR; the server drops a byte in
 * any case). */
static inline slice codec_line_text(const struct codec_line *ln, slice in)
{
    size_t at = ln->tok[0].at, end = ln->pos - 1;
    if (end > at + 1 && (in.ptr[end - 1] == '\r' || (ln->odd && codec_line_has_cr(in, at + 1, end - at - 1))))
        end--;
    return slice_make(in.ptr + at, end - at);
}

/* The argument text, which reaches to `end` (the end of the input, or the LF), is longer than the limit,
 * whatever follows. *breach is the offset from the first byte of the message of the byte that is too much; it
 * does not depend on how the line was cut into reads. */
bool codec_line_breach(const struct codec_line *ln, slice in, size_t end, size_t limit, size_t *breach);

static inline bool codec_line_too_long(const struct codec_line *ln, slice in, size_t end, size_t limit,
                                       size_t *breach)
{
    return end > limit && codec_line_breach(ln, in, end, limit, breach);
}

/* Take an odd line apart again: arguments are separated by blanks and, if asked, by CR and LF. */
void codec_line_split(struct codec_line *ln, slice in, slice text, bool at_cr_lf);

/* The bytes of argument i; i < CODEC_LINE_TOKENS. */
static inline slice codec_line_arg(const struct codec_line *ln, slice in, size_t i)
{
    return slice_make(in.ptr + ln->tok[i].at, ln->tok[i].end - ln->tok[i].at);
}

/* The CRLF behind a payload of `left` bytes at the front of `in`: CODEC_EVENT when it is there, CODEC_MORE
 * (*count: bytes missing), CODEC_ERROR (*count: the offset of the wrong byte). */
static inline enum codec_rc codec_line_trailer(slice in, size_t left, size_t *count)
{
    *count = left;
    if (in.len > left && in.ptr[left] != '\r')
        return CODEC_ERROR;
    *count = left + 1;
    if (in.len > left + 1 && in.ptr[left + 1] != '\n')
        return CODEC_ERROR;
    *count = left + 2 - in.len;
    return in.len > left + 1 ? CODEC_EVENT : CODEC_MORE;
}

/* The first n bytes of the message, which are there, are done with. */
static inline void codec_line_advance(struct codec_line *ln, slice *in, size_t n)
{
    in->ptr += n;
    in->len -= n;
    ln->offset += n;
    ln->pos = 0;
}

/* The whole line is done with; what follows is no part of it. */
static inline void codec_line_leave(struct codec_line *ln, slice *in)
{
    codec_line_advance(ln, in, ln->pos);
    ln->verb = 0;
    ln->argc = 0;
    ln->odd = false;
}

#endif
