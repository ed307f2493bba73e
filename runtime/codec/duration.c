/* duration.c: Go's durations. The terms are found by grammar/duration.re; here is the arithmetic, whose
 * limits and rounding are Go's: whole parts in 64-bit integers, fractions cut to nanoseconds. */
#include <stdio.h>
#include "codec/text_lex.h"

#define TOP (UINT64_C(1) << 63) /* magnitude of INT64_MIN */

static const uint64_t unit_ns[] = {
    [DURATION_NS] = 1,         [DURATION_US] = 1000,       [DURATION_MS] = 1000000,
    [DURATION_S] = 1000000000, [DURATION_M] = 60000000000, [DURATION_H] = 3600000000000,
};

/* Whole digits of a number; false when they do not fit. */
static bool read_whole(slice digits, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        if (*value > TOP / 10)
            return false;
        *value = *value * 10 + (uint64_t)(digits.ptr[i] - '0');
        if (*value > TOP)
            return false;
    }
    return true;
}

/* Nanoseconds in a fraction of the unit. Digits that no longer fit 63 bits are left out. */
static uint64_t read_fraction(slice digits, uint64_t unit)
{
    uint64_t value = 0;
    double scale = 1;
    for (size_t i = 0; i < digits.len; i++) {
        uint64_t digit = (uint64_t)(digits.ptr[i] - '0');
        if (value > (TOP - 1) / 10 || value * 10 + digit > TOP)
            break;
        value = value * 10 + digit;
        scale *= 10;
    }
    return value == 0 ? 0 : (uint64_t)((double)value * ((double)unit / scale));
}

static bool add_term(slice number, uint64_t unit, uint64_t *sum)
{
    const uint8_t *dot = memchr(number.ptr, '.', number.len);
    size_t whole_len = dot == NULL ? number.len : (size_t)(dot - number.ptr);
    uint64_t value;
    if (!read_whole(slice_first(number, whole_len), &value) || value > TOP / unit)
        return false;
    value *= unit;
    if (dot != NULL)
        value += read_fraction(slice_from(number, whole_len + 1), unit);
    if (value > TOP)
        return false;
    *sum += value;
    return *sum <= TOP;
}

enum codec_duration_error codec_duration_read(slice text, int64_t *ns, slice *unit)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    if (negative || (text.len > 0 && text.ptr[0] == '+'))
        text = slice_from(text, 1);
    if (slice_eq_str(text, "0"))
        return *ns = 0, CODEC_DURATION_OK;
    if (text.len == 0)
        return CODEC_DURATION_INVALID;
    uint64_t sum = 0;
    for (;;) {
        slice number, name;
        enum duration_term term = duration_lex(&text, &number, &name);
        switch (term) {
        case DURATION_END:
            if (sum == TOP && !negative)
                return CODEC_DURATION_INVALID;
            *ns = negative ? (sum == TOP ? INT64_MIN : -(int64_t)sum) : (int64_t)sum;
            return CODEC_DURATION_OK;
        case DURATION_NO_UNIT:
            return CODEC_DURATION_MISSING_UNIT;
        case DURATION_OTHER_UNIT:
            if (unit != NULL)
                *unit = name;
            return CODEC_DURATION_UNKNOWN_UNIT;
        case DURATION_BAD:
            return CODEC_DURATION_INVALID;
        default:
            if (!add_term(number, unit_ns[term], &sum))
                return CODEC_DURATION_INVALID;
        }
    }
}

/* Go's time package has a quoting of its own: all that is not ASCII, and control characters but DEL, as
 * bytes. */
static void quote_bytes(struct codec_out *out, slice text)
{
    codec_out_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\')
            codec_out_byte(out, '\\');
        if (c >= ' ' && c < 0x80) {
            codec_out_byte(out, (char)c);
        } else {
            codec_out_put(out, SLICE_LIT("\\x"));
            codec_out_byte(out, "0123456789abcdef"[c >> 4]);
            codec_out_byte(out, "0123456789abcdef"[c & 15]);
        }
    }
    codec_out_byte(out, '"');
}

void codec_duration_error_text(struct codec_out *out, enum codec_duration_error error, slice text, slice unit)
{
    switch (error) {
    case CODEC_DURATION_OK:
        return;
    case CODEC_DURATION_INVALID:
        codec_out_put(out, SLICE_LIT("time: invalid duration "));
        break;
    case CODEC_DURATION_MISSING_UNIT:
        codec_out_put(out, SLICE_LIT("time: missing unit in duration "));
        break;
    case CODEC_DURATION_UNKNOWN_UNIT:
        codec_out_put(out, SLICE_LIT("time: unknown unit "));
        quote_bytes(out, unit);
        codec_out_put(out, SLICE_LIT(" in duration "));
        break;
    }
    quote_bytes(out, text);
}

/* `value` units with a fraction of up to `digits` places, zeros at its end left out. */
static size_t put_decimal(char *p, uint64_t value, unsigned digits, const char *unit)
{
    uint64_t power = 1;
    for (unsigned i = 0; i < digits; i++)
        power *= 10;
    int n = sprintf(p, "%llu", (unsigned long long)(value / power));
    uint64_t fraction = value % power;
    if (fraction != 0) {
        for (; fraction % 10 == 0; digits--)
            fraction /= 10;
        n += sprintf(p + n, ".%0*llu", (int)digits, (unsigned long long)fraction);
    }
    n += sprintf(p + n, "%s", unit);
    return (size_t)n;
}

size_t codec_duration_text(int64_t ns, char buf[CODEC_DURATION_TEXT])
{
    uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char *p = buf;
    if (ns < 0)
        *p++ = '-';
    if (v == 0) {
        p += sprintf(p, "0s");
    } else if (v < 1000) {
        p += put_decimal(p, v, 0, "ns");
    } else if (v < 1000000) {
        p += put_decimal(p, v, 3, "\302\265s");
    } else if (v < 1000000000) {
        p += put_decimal(p, v, 6, "ms");
    } else {
        uint64_t hours = v / unit_ns[DURATION_H], minutes = v / unit_ns[DURATION_M] % 60;
        if (hours > 0)
            p += sprintf(p, "%lluh", (unsigned long long)hours);
        if (hours > 0 || minutes > 0)
            p += sprintf(p, "%llum", (unsigned long long)minutes);
        p += put_decimal(p, v % unit_ns[DURATION_M], 9, "s");
    }
    return (size_t)(p - buf);
}

bool codec_size_read(slice text, int64_t *bytes)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    uint64_t value;
    int64_t factor = size_suffix_lex(slice_from(text, digits));
    if (digits == 0 || factor == 0 || !read_whole(slice_first(text, digits), &value) ||
        value > (uint64_t)(INT64_MAX / factor))
        return false;
    *bytes = (int64_t)value * factor;
    return true;
}
