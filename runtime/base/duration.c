#include "base/duration.h"
#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* micro sign */
    {"\xce\xbcs", 1000}, /* Greek mu */
    {"ms", 1000000},
    {"s", UINT64_C(1000000000)},
    {"m", UINT64_C(60000000000)},
    {"h", UINT64_C(3600000000000)},
};

#define NS_LIMIT (UINT64_C(1) << 63) /* of a sum; reached only with a minus sign */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static uint64_t unit_ns(slice name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_eq_str(name, units[i].name))
            return units[i].ns;
    return 0;
}

/* Digits from *at; false when the number is above 2^63. */
static bool take_whole(slice s, size_t *at, uint64_t *value)
{
    *value = 0;
    for (; *at < s.len && is_digit(s.ptr[*at]); (*at)++) {
        if (*value > NS_LIMIT / 10)
            return false;
        *value = *value * 10 + (s.ptr[*at] - '0');
        if (*value > NS_LIMIT)
            return false;
    }
    return true;
}

/* Digits behind the point: as value / scale; what would overflow is left off. */
static void take_fraction(slice s, size_t *at, uint64_t *value, double *scale)
{
    bool full = false;
    *value = 0;
    *scale = 1;
    for (; *at < s.len && is_digit(s.ptr[*at]); (*at)++) {
        uint64_t next = *value * 10 + (s.ptr[*at] - '0');
        full = full || *value > (NS_LIMIT - 1) / 10 || next > NS_LIMIT;
        if (full)
            continue;
        *value = next;
        *scale *= 10;
    }
}

/* One number with its unit, added to *sum. */
static enum duration_error take_part(slice s, size_t *at, uint64_t *sum, slice *unit)
{
    size_t from = *at;
    uint64_t whole, fraction = 0;
    double scale = 1;
    if (!take_whole(s, at, &whole))
        return DURATION_INVALID;
    bool digits = *at > from;
    if (*at < s.len && s.ptr[*at] == '.') {
        from = ++*at;
        take_fraction(s, at, &fraction, &scale);
        digits = digits || *at > from;
    }
    if (!digits)
        return DURATION_INVALID;
    from = *at;
    while (*at < s.len && s.ptr[*at] != '.' && !is_digit(s.ptr[*at]))
        (*at)++;
    *unit = slice_make(s.ptr + from, *at - from);
    if (unit->len == 0)
        return DURATION_NO_UNIT;
    uint64_t ns = unit_ns(*unit);
    if (ns == 0)
        return DURATION_UNKNOWN_UNIT;
    if (whole > NS_LIMIT / ns)
        return DURATION_INVALID;
    whole *= ns;
    whole += fraction > 0 ? (uint64_t)((double)fraction * ((double)ns / scale)) : 0;
    if (whole > NS_LIMIT - *sum)
        return DURATION_INVALID;
    *sum += whole;
    return DURATION_OK;
}

enum duration_error duration_parse(slice text, int64_t *ns, slice *unit)
{
    size_t at = 0;
    uint64_t sum = 0;
    bool minus = false;
    *ns = 0;
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        minus = text.ptr[at++] == '-';
    if (slice_eq_str(slice_from(text, at), "0"))
        return DURATION_OK;
    if (at == text.len)
        return DURATION_INVALID;
    while (at < text.len) {
        enum duration_error e = take_part(text, &at, &sum, unit);
        if (e != DURATION_OK)
            return e;
    }
    if (!minus && sum == NS_LIMIT)
        return DURATION_INVALID;
    *ns = minus ? (int64_t)(0 - sum) : (int64_t)sum;
    return DURATION_OK;
}

/* value / 10^places with its unit, without trailing zeros. */
static void scaled(char *buf, size_t room, uint64_t value, int places, const char *unit)
{
    uint64_t ten = 1;
    for (int i = 0; i < places; i++)
        ten *= 10;
    uint64_t rest = value % ten;
    while (places > 0 && rest % 10 == 0) {
        rest /= 10;
        places--;
    }
    if (places == 0)
        snprintf(buf, room, "%" PRIu64 "%s", value / ten, unit);
    else
        snprintf(buf, room, "%" PRIu64 ".%0*" PRIu64 "%s", value / ten, places, rest, unit);
}

const char *duration_text(int64_t ns, char buf[static DURATION_TEXT_MAX])
{
    uint64_t n = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    size_t at = 0;
    if (ns < 0)
        buf[at++] = '-';
    if (n == 0) {
        scaled(buf, DURATION_TEXT_MAX, 0, 0, "s");
    } else if (n < 1000) {
        scaled(buf + at, DURATION_TEXT_MAX - at, n, 0, "ns");
    } else if (n < 1000000) {
        scaled(buf + at, DURATION_TEXT_MAX - at, n, 3, "\xc2\xb5s");
    } else if (n < 1000000000) {
        scaled(buf + at, DURATION_TEXT_MAX - at, n, 6, "ms");
    } else {
        uint64_t minutes = n / UINT64_C(60000000000);
        if (minutes >= 60)
            at += (size_t)snprintf(buf + at, DURATION_TEXT_MAX - at, "%" PRIu64 "h", minutes / 60);
        if (minutes > 0)
            at += (size_t)snprintf(buf + at, DURATION_TEXT_MAX - at, "%" PRIu64 "m", minutes % 60);
        scaled(buf + at, DURATION_TEXT_MAX - at, n % UINT64_C(60000000000), 9, "s");
    }
    return buf;
}
