/* Strings and numbers out of their text. */
#include "codec/utf8.h"
#include <math.h>
#include <midge/json.h>
#include <stdio.h>
#include <stdlib.h>

/* --------------------------------------------------------------------------------------- strings */

static unsigned hex4(const uint8_t *p)
{
    unsigned v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 4 | (p[i] <= '9' ? p[i] - 48u : (p[i] | 0x20u) - 'a' + 10u);
    return v;
}

/* The character of a \u escape at p (behind the u), whose text has `left` bytes from there on; *used: how
 * many were taken. Two escapes make a surrogate pair, half a pair makes U+FFFD. */
static uint32_t unicode_escape(const uint8_t *p, size_t left, size_t *used)
{
    uint32_t high = hex4(p);
    *used = 4;
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high <= 0xdbff && left >= 10 && p[4] == '\\' && p[5] == 'u') {
        uint32_t low = hex4(p + 6);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *used = 10;
            return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return UTF8_REPLACEMENT;
}

/* The character at *i of a string's body, where an escape counts as one; *i is moved behind it. */
static uint32_t next_char(slice body, size_t *i)
{
    uint8_t c = body.ptr[*i];
    if (c != '\\') {
        uint32_t rune;
        *i += utf8_decode(slice_from(body, *i), &rune);
        return rune;
    }
    *i += 2;
    switch (body.ptr[*i - 1]) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u': {
        size_t used;
        uint32_t rune = unicode_escape(body.ptr + *i, body.len - *i, &used);
        *i += used;
        return rune;
    }
    default: /* quote, backslash, slash */
        return body.ptr[*i - 1];
    }
}

static slice body_of(const struct codec_json_token *string)
{
    return slice_make(string->text.ptr + 1, string->text.len - 2);
}

size_t codec_json_decode(const struct codec_json_token *string, uint8_t *out)
{
    slice body = body_of(string);
    if (string->plain) {
        if (out != NULL && body.len > 0)
            memcpy(out, body.ptr, body.len);
        return body.len;
    }
    size_t len = 0;
    for (size_t i = 0; i < body.len;) {
        uint8_t utf8[4];
        size_t n = utf8_encode(next_char(body, &i), utf8);
        if (out != NULL)
            memcpy(out + len, utf8, n);
        len += n;
    }
    return len;
}

/* What simple case folding makes of the characters that fold to ASCII: letters, long s and the Kelvin sign.
 */
static uint32_t fold(uint32_t rune)
{
    if (rune >= 'A' && rune <= 'Z')
        return rune | 0x20;
    return rune == 0x17f ? 's' : rune == 0x212a ? 'k' : rune;
}

bool codec_json_key_is(const struct codec_json_token *string, slice key)
{
    slice body = body_of(string);
    size_t i = 0, k = 0;
    while (i < body.len && k < key.len) {
        uint32_t rune;
        uint32_t ours = next_char(body, &i);
        k += utf8_decode(slice_from(key, k), &rune);
        if (fold(ours) != fold(rune))
            return false;
    }
    return i == body.len && k == key.len;
}

/* --------------------------------------------------------------------------------------- numbers */

/* Digits as a number; false when above `max`. */
static bool magnitude(slice digits, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < digits.len; i++) {
        uint64_t digit = (uint64_t)(digits.ptr[i] - '0');
        if (v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return true;
}

bool codec_json_uint64(const struct codec_json_token *number, uint64_t *value)
{
    return number->integer && number->text.ptr[0] != '-' && magnitude(number->text, UINT64_MAX, value);
}

bool codec_json_int64(const struct codec_json_token *number, int64_t *value)
{
    if (!number->integer)
        return false;
    bool minus = number->text.ptr[0] == '-';
    uint64_t v;
    if (!magnitude(slice_from(number->text, minus ? 1 : 0), (uint64_t)INT64_MAX + (minus ? 1 : 0), &v))
        return false;
    *value = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* strtod heeds the locale's decimal point, so it is given none: digits and an exponent. Digits beyond those
 * that can decide a rounding (less than 800) are folded into one that says "and something more". */
bool codec_json_double(const struct codec_json_token *number, double *value)
{
    enum { DIGITS = 800 };
    char buf[DIGITS + 32];
    size_t n = 0;
    long exponent = 0;
    bool fraction = false, more = false;
    const uint8_t *p = number->text.ptr, *end = p + number->text.len;
    if (*p == '-')
        buf[n++] = (char)*p++;
    size_t first = n;
    for (; p < end && (*p | 0x20) != 'e'; p++) {
        if (*p == '.') {
            fraction = true;
            continue;
        }
        if (n == first && *p == '0') { /* leading zeros */
            exponent -= fraction;
            continue;
        }
        if (n < DIGITS) {
            buf[n++] = (char)*p;
            exponent -= fraction;
        } else {
            more = more || *p != '0';
            exponent += !fraction;
        }
    }
    if (n == first)
        buf[n++] = '0';
    if (more) {
        buf[n++] = '1';
        exponent--;
    }
    if (p < end) {
        bool minus = *++p == '-';
        long e = 0;
        for (p += *p == '-' || *p == '+'; p < end; p++)
            e = e < 100000000 ? e * 10 + (*p - '0') : e;
        exponent += minus ? -e : e;
    }
    snprintf(buf + n, sizeof(buf) - n, "e%ld", exponent);
    double v = strtod(buf, NULL);
    if (isinf(v))
        return false;
    *value = v;
    return true;
}
