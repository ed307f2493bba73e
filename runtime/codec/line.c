#include "codec/line.h"

bool codec_line_breach(const struct codec_line *ln, slice in, size_t end, size_t limit, size_t *breach)
{
    if (ln->argc == 0 || end - ln->tok[0].at <= limit)
        return false;
    /* A CR behind the first byte takes no room, as one byte will be dropped for it. */
    size_t at = ln->tok[0].at, allowed = limit + (codec_line_has_cr(in, at + 1, limit) ? 1 : 0);
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
