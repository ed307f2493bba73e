#include "store/msg_ttl.h"

#include "store/store.h"

#include <strings.h>

slice msg_header(slice hdr, slice name)
{
    while (hdr.len > 0) {
        const uint8_t *end = memchr(hdr.ptr, '\n', hdr.len);
        size_t len = end == NULL ? hdr.len : (size_t)(end - hdr.ptr) + 1;
        slice line = slice_first(hdr, len);
        hdr = slice_from(hdr, len);
        if (line.len <= name.len || line.ptr[name.len] != ':' || !slice_starts(line, name))
            continue;
        slice v = slice_from(line, name.len + 1);
        while (v.len > 0 && (v.ptr[0] == ' ' || v.ptr[0] == '\t'))
            v = slice_from(v, 1);
        while (v.len > 0 && (v.ptr[v.len - 1] == '\n' || v.ptr[v.len - 1] == '\r'))
            v.len--;
        return v;
    }
    return SLICE_EMPTY;
}

/* Digits at the front of *s as a number; false when there are none or too many. */
static bool take_digits(slice *s, uint64_t *out)
{
    size_t n = 0;
    *out = 0;
    for (; n < s->len && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++) {
        if (*out > (uint64_t)INT64_MAX / 10)
            return false;
        *out = *out * 10 + (uint64_t)(s->ptr[n] - '0');
    }
    *s = slice_from(*s, n);
    return n > 0 && *out <= (uint64_t)INT64_MAX;
}

/* The unit at the front of *s in nanoseconds; 0 when there is none. */
static uint64_t take_unit(slice *s)
{
    static const struct {
        const char *name;
        uint64_t ns;
    } units[] = {{"ns", 1},       {"us", 1000},      {"\xc2\xb5s", 1000}, {"\xce\xbcs", 1000},
                 {"ms", 1000000}, {"s", 1000000000}, {"m", 60000000000},  {"h", 3600000000000}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        slice name = slice_str(units[i].name);
        if (!slice_starts(*s, name))
            continue;
        *s = slice_from(*s, name.len);
        return units[i].ns;
    }
    return 0;
}

/* A Go duration ("1h30m", "1.5s") in whole seconds; false when it is none. */
static bool duration_seconds(slice s, int64_t *out)
{
    uint64_t total = 0;
    if (s.len > 0 && s.ptr[0] == '+')
        s = slice_from(s, 1);
    if (s.len == 0)
        return false;
    while (s.len > 0) {
        uint64_t whole = 0, part = 0, scale = 1;
        bool digits = take_digits(&s, &whole);
        if (s.len > 0 && s.ptr[0] == '.') {
            s = slice_from(s, 1);
            size_t before = s.len;
            /* Nine digits are what a nanosecond can tell apart. */
            for (; s.len > 0 && s.ptr[0] >= '0' && s.ptr[0] <= '9'; s = slice_from(s, 1)) {
                if (scale < 1000000000) {
                    part = part * 10 + (uint64_t)(s.ptr[0] - '0');
                    scale *= 10;
                }
            }
            digits |= s.len < before;
        }
        uint64_t unit = take_unit(&s);
        if (!digits || unit == 0 || whole > (uint64_t)INT64_MAX / unit)
            return false;
        uint64_t add = whole * unit + (uint64_t)((long double)part * (long double)unit / (long double)scale);
        if (add > (uint64_t)INT64_MAX - total)
            return false;
        total += add;
    }
    *out = (int64_t)(total / 1000000000);
    return true;
}

int64_t msg_ttl_parse(slice v)
{
    if (v.len == 0)
        return 0;
    if (v.len == 5 && strncasecmp((const char *)v.ptr, "never", 5) == 0)
        return STORE_TTL_NEVER;
    int64_t seconds;
    if (slice_eq_str(v, "0") || slice_eq_str(v, "+0")) /* a duration without a unit, the only one */
        return MSG_TTL_INVALID;
    if (duration_seconds(v, &seconds))
        return seconds >= 1 ? seconds : MSG_TTL_INVALID;
    uint64_t plain;
    slice rest = v;
    if (take_digits(&rest, &plain) && rest.len == 0)
        return (int64_t)plain;
    return MSG_TTL_INVALID;
}

int64_t msg_ttl(slice hdr)
{
    int64_t ttl = hdr.len == 0 ? 0 : msg_ttl_parse(msg_header(hdr, SLICE_LIT("Nats-TTL")));
    return ttl == MSG_TTL_INVALID ? 0 : ttl;
}

bool msg_has_schedule(slice hdr)
{
    return msg_header(hdr, SLICE_LIT("Nats-Schedule")).len > 0;
}
