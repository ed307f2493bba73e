/* nkeys.re: the characters of a key's text (RFC 4648 base32, upper case, unpadded). */
#include "codec/nkeys_text.h"

size_t codec_base32_decode(slice text, uint8_t *out, size_t cap)
{
    const uint8_t *cur = slice_ptr(text), *end = cur + text.len;
    uint64_t bits = 0;   /* the digits of the group of eight that has begun */
    unsigned digits = 0; /* how many */
    size_t n = 0;

next:
    /*!re2c
    re2c:api = custom;
    re2c:api:style = free-form;
    re2c:define:YYCTYPE = uint8_t;
    re2c:define:YYPEEK = "cur < end ? *cur : 0";
    re2c:define:YYSKIP = "cur++;";
    re2c:define:YYLESSTHAN = "cur >= end";
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    [A-Z]  { bits = bits << 5 | (unsigned)(cur[-1] - 'A'); goto digit; }
    [2-7]  { bits = bits << 5 | (unsigned)(cur[-1] - '2' + 26); goto digit; }
    [\r\n] { goto next; }
    *      { return 0; }
    $      { goto done; }
    */

digit:
    if (++digits < 8)
        goto next;
    if (cap - n < 5)
        return 0;
    for (unsigned i = 0; i < 5; i++)
        out[n++] = (uint8_t)(bits >> (32 - 8 * i));
    bits = digits = 0;
    goto next;

done:
    /* What is left of a group makes bytes if it is 2, 4, 5 or 7 digits, and nothing otherwise. */
    for (unsigned left = 5 * digits; digits != 1 && digits != 3 && digits != 6 && left >= 8; left -= 8) {
        if (n == cap)
            return 0;
        out[n++] = (uint8_t)(bits >> (left - 8));
    }
    return n;
}
