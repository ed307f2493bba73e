/* Go's checks over several options, in its order; the first that fails is the answer. */
#include "base/arena.h"
#include "server/options.h"
#include <midge/duration.h>

static const char *keep(slice text)
{
    return text.ptr == NULL ? "out of memory" : (const char *)text.ptr;
}

static const char *check_lame_duck(const struct options *o)
{
    char grace[CODEC_DURATION_TEXT], duration[CODEC_DURATION_TEXT];
    if (o->lame_duck_grace_ns < o->lame_duck_duration_ns)
        return NULL;
    codec_duration_text(o->lame_duck_grace_ns, grace);
    codec_duration_text(o->lame_duck_duration_ns, duration);
    return keep(arena_printf(
        o->arena, "lame duck grace period (%s) should be strictly lower than lame duck duration (%s)", grace,
        duration));
}

static const char *check_payload(const struct options *o)
{
    if (o->max_payload <= o->max_pending)
        return NULL;
    return keep(arena_printf(o->arena, "max_payload (%d) cannot be higher than max_pending (%lld)",
                             o->max_payload, (long long)o->max_pending));
}

static const char *check_server_name(const struct options *o)
{
    return o->server_name.len > 0 && memchr(o->server_name.ptr, ' ', o->server_name.len) != NULL
               ? "server name cannot contain spaces"
               : NULL;
}

static const char *check_no_auth_user(const struct options *o)
{
    slice name = o->no_auth_user;
    if (name.len == 0)
        return NULL;
    if (o->user_count == 0)
        return keep(arena_printf(o->arena, "no_auth_user: \"%.*s\" present, but users/nkeys are not defined",
                                 (int)name.len, (const char *)name.ptr));
    for (size_t i = 0; i < o->user_count; i++)
        if (slice_eq(o->users[i].user, name) || slice_eq(o->users[i].nkey, name))
            return NULL;
    return keep(
        arena_printf(o->arena,
                     "no_auth_user: \"%.*s\" not present as user or nkey in authorization block or account "
                     "configuration",
                     (int)name.len, (const char *)name.ptr));
}

static const char *check_system_account(const struct options *o)
{
    slice name = o->system_account;
    if (name.len == 0 || slice_eq_str(name, OPTIONS_GLOBAL_ACCOUNT))
        return NULL; /* the one is made, the other always there; $SYS must be in the file when it is named */
    for (size_t i = 0; i < o->account_count; i++)
        if (slice_eq(o->accounts[i].name, name))
            return NULL;
    return "error resolving system account: account missing";
}

const char *options_check(const struct options *o)
{
    static const char *(*const checks[])(const struct options *) = {
        check_lame_duck, check_payload, check_server_name, check_no_auth_user, check_system_account,
    };
    const char *text = NULL;
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && text == NULL; i++)
        text = checks[i](o);
    return text;
}
