/* client_advertise: what clients are told instead of where the server listens. */
#include "base/arena.h"
#include "server/options.h"
#include <limits.h>
#include <stdlib.h>

#define S(s) (int)(s).len, (const char *)(s).ptr

/* Blanks and tabs at both ends off. */
static slice trim(slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_from(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

static bool has(slice s, char c)
{
    return s.len > 0 && memchr(s.ptr, c, s.len) != NULL;
}

/* Splits at the last colon by the rules of Go's net.SplitHostPort. *bare: there is no port. What is wrong, or
 * NULL. */
static const char *split(slice s, slice *host, slice *port, bool *bare)
{
    const uint8_t *colon = s.len == 0 ? NULL : memrchr(s.ptr, ':', s.len);
    const uint8_t *end = s.len > 0 && s.ptr[0] == '[' ? memchr(s.ptr, ']', s.len) : NULL;
    *bare = colon == NULL || (end != NULL && end + 1 == s.ptr + s.len);
    *host = s;
    *port = SLICE_EMPTY;
    if (s.len > 0 && s.ptr[0] == '[' && end == NULL)
        return "missing ']' in address";
    if (end != NULL) {
        if (!*bare && end + 1 != colon)
            return end[1] == ':' ? "too many colons in address" : "missing port in address";
        *host = slice_make(s.ptr + 1, (size_t)(end - s.ptr) - 1);
    } else if (!*bare) {
        *host = slice_first(s, (size_t)(colon - s.ptr));
        if (has(*host, ':'))
            return "too many colons in address";
    }
    if (!*bare)
        *port = slice_from(s, (size_t)(colon - s.ptr) + 1);
    if (has(*host, '[') || has(*port, '['))
        return "unexpected '[' in address";
    return has(*host, ']') || has(*port, ']') ? "unexpected ']' in address" : NULL;
}

/* A decimal number that fits an int. */
static bool parse_number(slice s, int *out)
{
    char *end, buf[16];
    if (s.len == 0 || s.len >= sizeof buf || s.ptr[0] <= ' ')
        return false;
    memcpy(buf, s.ptr, s.len);
    buf[s.len] = '\0';
    long n = strtol(buf, &end, 10);
    if (end != buf + s.len || n > INT_MAX || n < INT_MIN)
        return false;
    *out = (int)n;
    return true;
}

const char *options_advertise(const struct options *o, int default_port, slice *host, int64_t *port)
{
    slice text, error = SLICE_EMPTY;
    bool bare;
    int number = 0;
    const char *wrong = split(o->client_advertise, host, &text, &bare);
    *host = trim(*host);
    text = trim(text);
    if (wrong != NULL)
        error = arena_printf(o->arena, "address %.*s: %s", S(o->client_advertise), wrong);
    else if (!bare && !parse_number(text, &number))
        error = arena_printf(o->arena, "strconv.Atoi: parsing \"%.*s\": invalid syntax", S(text));
    *port = number == 0 || number == -1 ? default_port : number;
    return error.ptr == NULL ? NULL : (const char *)error.ptr;
}
