#include "codec/utf8.h"
#include <midge/quote.h>

static void put_hex(struct codec_out *out, char letter, uint32_t value, int digits)
{
    codec_out_byte(out, '\\');
    codec_out_byte(out, letter);
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        codec_out_byte(out, "0123456789abcdef"[value >> shift & 15]);
}

static void put_ascii(struct codec_out *out, uint8_t c, char quote)
{
    static const char names[] = "abtnvfr"; /* of 7 to 13 */
    if (c == (uint8_t)quote || c == '\\') {
        codec_out_byte(out, '\\');
        codec_out_byte(out, (char)c);
    } else if (c >= 7 && c <= 13) {
        codec_out_byte(out, '\\');
        codec_out_byte(out, names[c - 7]);
    } else if (c < 0x20 || c == 0x7f) {
        put_hex(out, 'x', c, 2);
    } else {
        codec_out_byte(out, (char)c);
    }
}

/* The character at the front of s; returns how many bytes it takes. */
static size_t put_char(struct codec_out *out, slice s, char quote)
{
    uint32_t rune;
    size_t n = utf8_decode(s, &rune);
    if (rune < 0x80)
        put_ascii(out, (uint8_t)rune, quote);
    else if (n == 1) /* not valid UTF-8 */
        put_hex(out, 'x', s.ptr[0], 2);
    else if (utf8_printable(rune))
        codec_out_put(out, slice_first(s, n));
    else if (rune < 0x10000)
        put_hex(out, 'u', rune, 4);
    else
        put_hex(out, 'U', rune, 8);
    return n;
}

void codec_quote(struct codec_out *out, slice bytes)
{
    codec_out_byte(out, '"');
    for (size_t i = 0; i < bytes.len;)
        i += put_char(out, slice_from(bytes, i), '"');
    codec_out_byte(out, '"');
}

void codec_quote_char(struct codec_out *out, slice bytes)
{
    codec_out_byte(out, '\'');
    put_char(out, bytes, '\'');
    codec_out_byte(out, '\'');
}

/* Visible characters only, and no back quote. */
static bool can_backquote(slice s)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t rune;
        i += utf8_decode(slice_from(s, i), &rune);
        if (rune == ' ' || rune == '`' || rune == UTF8_REPLACEMENT || !utf8_printable(rune))
            return false;
    }
    return true;
}

void codec_quote_back(struct codec_out *out, slice bytes)
{
    if (!can_backquote(bytes)) {
        codec_quote(out, bytes);
        return;
    }
    codec_out_byte(out, '`');
    codec_out_put(out, bytes);
    codec_out_byte(out, '`');
}
