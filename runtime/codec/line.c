#include "codec/line.h"

bool codec_line_number(slice text, uint32_t *value)
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
static bool has_cr(slice in, size_t at, size_t n)
{
    return n > 0 && memchr(in.ptr + at, '\r', n) != NULL;
}

slice codec_line_text(const struct codec_line *ln, slice in)
{
    size_t at = ln->tok[0].at, end = ln->pos - 1;
    if (end > at + 1 && (in.ptr[end - 1] == '\r' || (ln->odd && has_cr(in, at + 1, end - at - 1))))
        end--;
    return slice_make(in.ptr + at, end - at);
}

bool codec_line_breach(const struct codec_line *ln, slice in, size_t end, size_t limit, size_t *breach)
{
    /* A CR behind the first byte takes no room, as one byte will be dropped for it. */
    size_t at = ln->tok[0].at, allowed = limit + (has_cr(in, at + 1, limit) ? 1 : 0);
    if (end - at <= allowed)
        return false;
    *breach = at + allowed;
    return true;
}

void codec_line_split(struct codec_line *ln, slice in, slice text, bool at_cr_lf)
{
    size_t argc = 0, at = (size_t)(text.ptr - in.ptr), end = at + text.len;
    bool inside = false;
    for (size_t i = at; i < end; i++) {
        uint8_t c = in.ptr[i];
        bool gap = c == ' ' || c == '\t' || (at_cr_lf && (c == '\r' || c == '\n'));
        if (gap != inside)
            continue;
        size_t slot = argc < CODEC_LINE_TOKENS ? argc : CODEC_LINE_TOKENS - 1;
        if (inside) {
            ln->tok[slot].end = i;
            argc++;
        } else {
            ln->tok[slot].at = i;
        }
        inside = !inside;
    }
    if (inside) {
        ln->tok[argc < CODEC_LINE_TOKENS ? argc : CODEC_LINE_TOKENS - 1].end = end;
        argc++;
    }
    ln->argc = argc;
}
