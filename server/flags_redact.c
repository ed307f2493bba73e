/* The command line without its secrets. */
#include "base/arena.h"
#include "server/flags.h"

#define REDACTED "[REDACTED]"

/* nats://user:pass@host -> nats://[REDACTED]@host, for each URL of a list. */
static slice redact_urls(struct arena *arena, slice list)
{
    slice out = SLICE_EMPTY;
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.ptr, ',', list.len);
        slice url = comma == NULL ? list : slice_first(list, (size_t)(comma - list.ptr));
        const uint8_t *at = url.len == 0 ? NULL : memrchr(url.ptr, '@', url.len);
        const uint8_t *scheme = url.len == 0 ? NULL : memmem(url.ptr, url.len, "://", 3);
        size_t from = scheme == NULL ? 0 : (size_t)(scheme - url.ptr) + 3;
        bool secret = at != NULL && (size_t)(at - url.ptr) >= from;
        slice head = slice_first(url, secret ? from : url.len),
              tail = slice_from(url, secret ? (size_t)(at - url.ptr) : url.len);
        slice parts[5] = {out, head, secret ? SLICE_LIT(REDACTED) : SLICE_EMPTY, tail,
                          comma == NULL ? SLICE_EMPTY : SLICE_LIT(",")};
        out = arena_concat(arena, parts, 5);
        list = slice_from(list, url.len + (comma == NULL ? 0 : 1));
    }
    return out.ptr == NULL ? SLICE_LIT("") : out;
}

/* What to put in place of a flag's value. */
static slice redact(struct arena *arena, slice flag, slice value)
{
    static const char *const secrets[] = {"user", "pass", "auth"};
    static const char *const urls[] = {"routes", "cluster", "cluster_listen"};
    for (size_t i = 0; i < 3; i++) {
        if (slice_eq_str(flag, secrets[i]))
            return SLICE_LIT(REDACTED);
        if (slice_eq_str(flag, urls[i]))
            return redact_urls(arena, value);
    }
    return value;
}

static char *chars(slice s)
{
    return (char *)(uintptr_t)s.ptr;
}

/* "-flag=value" in one argument, or the flag whose value is the next one. */
char **flags_redact(int argc, char *const *argv, struct arena *arena)
{
    char **out = arena_array(arena, (size_t)argc + 1, sizeof *out);
    slice flag = SLICE_EMPTY; /* of the argument before */
    for (int i = 0; i < argc && out != NULL; i++) {
        slice arg = slice_str(argv[i]);
        size_t dashes = 0;
        while (dashes < 2 && dashes < arg.len && arg.ptr[dashes] == '-')
            dashes++;
        slice name = slice_from(arg, dashes);
        const uint8_t *eq = dashes == 0 || name.len == 0 ? NULL : memchr(name.ptr, '=', name.len);
        slice text = arg;
        if (flag.len > 0)
            text = redact(arena, flag, arg);
        if (eq != NULL) {
            name = slice_first(name, (size_t)(eq - name.ptr));
            size_t head = dashes + name.len + 1;
            slice parts[2] = {slice_first(arg, head), redact(arena, name, slice_from(arg, head))};
            text = arena_concat(arena, parts, 2);
        }
        out[i] = chars(arena_copy(arena, text));
        flag = dashes > 0 && eq == NULL ? name : SLICE_EMPTY;
    }
    return arena_failed(arena) ? NULL : out;
}
