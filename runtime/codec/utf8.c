#include "codec/utf8.h"

static bool continues(uint8_t c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_decode_long(slice s, uint32_t *rune)
{
    const uint8_t *p = s.ptr;
    uint8_t c = p[0];
    *rune = UTF8_REPLACEMENT;
    if (c >= 0xc2 && c <= 0xdf && s.len >= 2 && continues(p[1])) {
        *rune = (uint32_t)(c & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if ((c & 0xf0) == 0xe0 && s.len >= 3 && continues(p[1]) && continues(p[2])) {
        uint32_t r = (uint32_t)(c & 0xf) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        if (r < 0x800 || (r >= 0xd800 && r <= 0xdfff))
            return 1;
        *rune = r;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4 && s.len >= 4 && continues(p[1]) && continues(p[2]) && continues(p[3])) {
        uint32_t r = (uint32_t)(c & 7) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 |
                     (p[3] & 0x3f);
        if (r < 0x10000 || r > 0x10ffff)
            return 1;
        *rune = r;
        return 4;
    }
    return 1;
}

size_t utf8_encode(uint32_t rune, uint8_t out[4])
{
    if (rune < 0x80) {
        out[0] = (uint8_t)rune;
        return 1;
    }
    if (rune < 0x800) {
        out[0] = (uint8_t)(0xc0 | rune >> 6);
        out[1] = (uint8_t)(0x80 | (rune & 0x3f));
        return 2;
    }
    if (rune < 0x10000) {
        out[0] = (uint8_t)(0xe0 | rune >> 12);
        out[1] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (rune & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | rune >> 18);
    out[1] = (uint8_t)(0x80 | (rune >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (rune >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (rune & 0x3f));
    return 4;
}
