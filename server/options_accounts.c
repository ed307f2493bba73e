/* authorization { ... } and accounts { ... } */
#include <midge/nkeys.h>
#include "base/float_text.h"
#include "server/options_read.h"

/* ---- authorization ----------------------------------------------------------------------------------------
 */

struct authorization {
    slice user, password, token;
    double timeout_s;
    struct opt_users users;
    struct permissions_config *defaults;
};

static bool set_timeout(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    double *seconds = &((struct authorization *)into)->timeout_s;
    const char *error = opt_seconds(r, e->value, seconds);
    if (error != NULL)
        opt_error(r, e->value, "error parsing authorization config, 'timeout' %s", error);
    else if (*seconds > 60)
        opt_misuse(
            r, e->value, "timeout",
            "timeout of %s (%f seconds) is high, consider keeping it under 60 seconds. possibly caused by "
            "unquoted duration; use '1m' instead of 1m, for example",
            opt_show(r, e->value), *seconds);
    return true;
}

static bool set_users(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    opt_read_users(r, e->value, &((struct authorization *)into)->users, true);
    return true;
}

static bool set_defaults(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    ((struct authorization *)into)->defaults = opt_read_permissions(r, e->value);
    return true;
}

#define ROW(name, member) OPT_KEY(name, OPT_STRING, struct authorization, member)

static const struct opt_key authorization_keys[] = {
    ROW("user", user),
    ROW("username", user),
    ROW("pass", password),
    ROW("password", password),
    ROW("token", token),
    OPT_KEY_SET("timeout", set_timeout),
    OPT_KEY_SET("users", set_users),
    OPT_KEY_SET("default_permission", set_defaults),
    OPT_KEY_SET("default_permissions", set_defaults),
    OPT_KEY_SET("permissions", set_defaults),
    OPT_KEY_LATER("auth_callout"),
    OPT_KEY_LATER("auth_hook"),
    OPT_KEY_LATER("proxy_required"),
};
static const struct opt_block authorization_block = {.keys = authorization_keys,
                                                     .count = sizeof authorization_keys /
                                                              sizeof authorization_keys[0],
                                                     .unknown_before = "unknown field ",
                                                     .unknown_after = ""};

/* What may not stand together, in the block or with users of accounts that were read before. */
static const char *authorization_conflict(const struct opt_reader *r, const struct authorization *a)
{
    bool single = a->user.len > 0 || a->password.len > 0;
    if (single && a->token.len > 0)
        return "Cannot have a user/pass and token";
    if (!a->users.present && r->o->user_count == 0)
        return NULL;
    if (a->user.len > 0)
        return "Can not have a single user/pass and a users array";
    return a->token.len > 0 ? "Can not have a token and a users array" : NULL;
}

bool opt_read_authorization(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    struct authorization a = {.timeout_s = 0};
    const struct cfg_map *map;
    if (!opt_map(r, e->value, &map) || !opt_read_block(r, &authorization_block, &a, map, NULL)) {
        /* the line that Go adds when its reader of this block ends without a result */
        opt_error(r, e->value, "runtime error: invalid memory address or nil pointer dereference");
        return true;
    }
    o->authorization = true;
    o->user = a.user;
    o->password = a.password;
    o->token = a.token;
    o->auth_timeout_s = a.timeout_s;
    const char *conflict = authorization_conflict(r, &a);
    if (conflict != NULL)
        opt_error(r, e->value, "%s", conflict);
    else
        opt_add_users(r, &a.users, SLICE_EMPTY, a.defaults, e->value);
    return true;
}

/* ---- accounts ---------------------------------------------------------------------------------------------
 */

struct account_block {
    struct account_config config;
    struct opt_users users;
    struct permissions_config *defaults;
};

static bool set_account_nkey(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    const struct cfg_value *v = e->value;
    if (v->type != CFG_STRING || !codec_nkey_is(v->string, CODEC_NKEY_ACCOUNT))
        opt_error(r, v, "Not a valid public nkey for an account: %s",
                  v->type == CFG_STRING ? opt_quote(r, v->string) : opt_show(r, v));
    else
        ((struct account_block *)into)->config.nkey = arena_copy(r->arena, v->string);
    return true;
}

static bool set_account_users(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    opt_read_users(r, e->value, &((struct account_block *)into)->users, false);
    return true;
}

static bool set_account_defaults(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    ((struct account_block *)into)->defaults = opt_read_permissions(r, e->value);
    return true;
}

#define LIMIT(name, member) OPT_KEY(name, OPT_INTEGER, struct account_limits, member)

static const struct opt_key limit_keys[] = {
    LIMIT("max_connections", connections),
    LIMIT("max_conn", connections),
    LIMIT("max_subscriptions", subscriptions),
    LIMIT("max_subs", subscriptions),
    LIMIT("max_payload", payload),
    LIMIT("max_pay", payload),
    LIMIT("max_leafnodes", leafnodes),
    LIMIT("max_leafs", leafnodes),
};
static const struct opt_block limit_block = {.keys = limit_keys,
                                             .count = sizeof limit_keys / sizeof limit_keys[0],
                                             .unknown_before = "Unknown field ",
                                             .unknown_after = " parsing account limits"};

/* A conversion error inside ends only this map. */
static bool set_limits(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    if (e->value->type != CFG_MAP)
        opt_error(r, e->value, "Expected account limits to be a map/struct, got %s", opt_show(r, e->value));
    else
        opt_read_block(r, &limit_block, &((struct account_block *)into)->config.limits, e->value->map, NULL);
    return true;
}

static const struct opt_key account_keys[] = {
    OPT_KEY_SET("nkey", set_account_nkey),
    OPT_KEY_SET("users", set_account_users),
    OPT_KEY_SET("default_permissions", set_account_defaults),
    OPT_KEY_SET("limits", set_limits),
    OPT_KEY_LATER("exports"),
    OPT_KEY_LATER("imports"),
    OPT_KEY_LATER("mappings"),
    OPT_KEY_LATER("maps"),
    OPT_KEY_LATER("jetstream"),
    OPT_KEY_LATER("msg_trace"),
    OPT_KEY_LATER("trace_dest"),
};
static const struct opt_block account_block = {.keys = account_keys,
                                               .count = sizeof account_keys / sizeof account_keys[0],
                                               .unknown_before = "unknown field ",
                                               .unknown_after = ""};

static void add_account(struct opt_reader *r, const struct account_config *config)
{
    struct options *o = r->o;
    if (o->account_count == r->account_room) {
        size_t room = r->account_room == 0 ? 8 : r->account_room * 2;
        struct account_config *accounts = arena_array(r->arena, room, sizeof *accounts);
        if (accounts == NULL)
            return;
        if (o->account_count > 0)
            memcpy(accounts, o->accounts, o->account_count * sizeof *accounts);
        o->accounts = accounts;
        r->account_room = room;
    }
    o->accounts[o->account_count++] = *config;
}

static struct account_block new_account(struct opt_reader *r, slice name)
{
    return (struct account_block){.config = {.name = arena_copy(r->arena, name), .limits = {-1, -1, -1, -1}}};
}

static bool is_reserved(struct opt_reader *r, slice name, const struct cfg_value *at)
{
    bool reserved = slice_eq_str(name, OPTIONS_GLOBAL_ACCOUNT);
    if (reserved)
        opt_error(r, at, "%s is a Reserved Account", opt_quote(r, name));
    return reserved;
}

/* false: a conversion error, which ends all accounts. */
static bool read_account(struct opt_reader *r, const struct cfg_entry *e)
{
    struct options *o = r->o;
    if (e->value->used || is_reserved(r, e->key, e->value))
        return true;
    if (e->value->type != CFG_MAP) {
        opt_error(r, e->value, "Expected map entries for accounts");
        return true;
    }
    struct account_block a = new_account(r, e->key);
    const struct cfg_value *last = e->value;
    if (!opt_read_block(r, &account_block, &a, e->value->map, &last))
        return false;
    add_account(r, &a.config);
    if (a.users.count > 0 && o->user.len > 0)
        opt_error(r, last, "Can not have a single user/pass and accounts");
    else if (a.users.count > 0 && o->token.len > 0)
        opt_error(r, last, "Can not have a token and accounts");
    else
        opt_add_users(r, &a.users, a.config.name, a.defaults, last);
    return true;
}

/* Names alone. */
static bool read_account_names(struct opt_reader *r, const struct cfg_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        slice name;
        const struct cfg_value *v = list->items[i];
        if (!opt_string(r, v, &name))
            return true;
        if (is_reserved(r, name, v))
            continue;
        if (!opt_name_add(r, OPT_NAME_ACCOUNT, name)) {
            opt_error(r, v, "Duplicate Account Entry: %.*s", OPT_S(name));
            continue;
        }
        struct account_block a = new_account(r, name);
        add_account(r, &a.config);
    }
    return true;
}

/* Any other type is silently nothing, as in Go. */
bool opt_read_accounts(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    (void)into;
    if (e->value->type == CFG_LIST)
        return read_account_names(r, e->value->list);
    if (e->value->type == CFG_MAP) {
        for (const struct cfg_entry *a = e->value->map->first; a != NULL; a = a->next)
            if (!read_account(r, a))
                break;
    }
    return true;
}
