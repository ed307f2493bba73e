/* users: [ {user, password, permissions, ...} or {nkey, ...} ], of the authorization block and of accounts.
 */
#include <midge/nkeys.h>
#include "server/options_read.h"
#include <stdlib.h>

/* ---- names seen, to find duplicates: a hash set of slices in the options' arena ---- */

struct name {
    struct name *next;
    slice text;
    enum opt_name_kind kind;
};

struct opt_names {
    struct name **buckets;
    size_t bucket_count, count;
};

static size_t hash(slice s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ s.ptr[i]) * UINT64_C(1099511628211);
    return (size_t)(h ^ h >> 32);
}

static bool names_grow(struct opt_reader *r, struct opt_names *n)
{
    size_t count = n->bucket_count == 0 ? 16 : n->bucket_count * 4;
    struct name **buckets = arena_array(r->arena, count, sizeof(struct name *));
    if (buckets == NULL)
        return false;
    for (size_t i = 0; i < n->bucket_count; i++) {
        while (n->buckets[i] != NULL) {
            struct name *moved = n->buckets[i];
            n->buckets[i] = moved->next;
            moved->next = buckets[hash(moved->text) % count];
            buckets[hash(moved->text) % count] = moved;
        }
    }
    n->buckets = buckets;
    n->bucket_count = count;
    return true;
}

bool opt_name_add(struct opt_reader *r, enum opt_name_kind kind, slice text)
{
    if (r->names == NULL)
        r->names = arena_alloc(r->arena, sizeof *r->names);
    struct opt_names *n = r->names;
    if (n == NULL || (n->count >= n->bucket_count && !names_grow(r, n)))
        return false;
    struct name **bucket = &n->buckets[hash(text) % n->bucket_count];
    for (const struct name *at = *bucket; at != NULL; at = at->next)
        if (at->kind == kind && slice_eq(at->text, text))
            return false;
    struct name *added = arena_alloc(r->arena, sizeof *added);
    if (added == NULL)
        return false;
    *added = (struct name){.next = *bucket, .text = text, .kind = kind};
    *bucket = added;
    n->count++;
    return true;
}

/* ---- connection types -------------------------------------------------------------------------------------
 */

static unsigned connection_type(slice name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } types[] = {{"STANDARD", ACCOUNT_CONN_STANDARD},
                 {"WEBSOCKET", ACCOUNT_CONN_WEBSOCKET},
                 {"LEAFNODE", ACCOUNT_CONN_LEAFNODE},
                 {"LEAFNODE_WS", ACCOUNT_CONN_LEAFNODE_WS},
                 {"MQTT", ACCOUNT_CONN_MQTT},
                 {"MQTT_WS", ACCOUNT_CONN_MQTT_WS},
                 {"IN_PROCESS", ACCOUNT_CONN_IN_PROCESS}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_eq_str(name, types[i].name))
            return types[i].bit;
    return 0;
}

static slice upper(struct opt_reader *r, slice s)
{
    slice copy = arena_copy(r->arena, s);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (p[i] >= 'a' && p[i] <= 'z')
            p[i] = (uint8_t)(p[i] - ('a' - 'A'));
    return copy;
}

/* The strings of a value that is one or a list; false after an error. */
static bool each_string(struct opt_reader *r, const struct cfg_value *v, struct cfg_value ***items,
                        size_t *count)
{
    static const char what[] = "error parsing allowed connection types: unsupported type";
    if (v->type == CFG_LIST) {
        *items = v->list->items;
        *count = v->list->count;
    } else if (v->type != CFG_STRING) {
        opt_error(r, v, "%s %s", what, cfg_type_name(v->type));
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        if ((*items)[i]->type != CFG_STRING) {
            opt_error(r, (*items)[i], "%s in array %s", what, cfg_type_name((*items)[i]->type));
            return false;
        }
    }
    return true;
}

static bool set_connection_types(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct cfg_value *single = e->value, **items = &single;
    size_t count = 1;
    slice unknown = SLICE_EMPTY;
    if (!each_string(r, e->value, &items, &count))
        return true;
    unsigned types = 0;
    for (size_t i = 0; i < count; i++) {
        slice name = upper(r, items[i]->string);
        types |= connection_type(name);
        if (connection_type(name) == 0)
            unknown = arena_printf(r->report->arena, "%.*s%s%s", OPT_S(unknown), unknown.len > 0 ? " " : "",
                                   opt_quote(r, name));
    }
    if (unknown.len > 0)
        opt_error(r, e->value, "invalid connection types [%.*s]", OPT_S(unknown));
    else
        ((struct user_config *)into)->connection_types = types;
    return true;
}

/* ---- one user ---------------------------------------------------------------------------------------------
 */

static bool set_permissions(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    ((struct user_config *)into)->permissions = opt_read_permissions(r, e->value);
    return true;
}

#define ROW(name, member) OPT_KEY(name, OPT_STRING, struct user_config, member)

static const struct opt_key user_keys[] = {
    ROW("user", user),
    ROW("username", user),
    ROW("pass", password),
    ROW("password", password),
    ROW("nkey", nkey),
    OPT_KEY_SET("permission", set_permissions),
    OPT_KEY_SET("permissions", set_permissions),
    OPT_KEY_SET("authorization", set_permissions),
    OPT_KEY_SET("allowed_connection_types", set_connection_types),
    OPT_KEY_SET("connection_types", set_connection_types),
    OPT_KEY_SET("clients", set_connection_types),
    OPT_KEY_LATER("proxy_required"),
};
static const struct opt_block user_block = {.keys = user_keys,
                                            .count = sizeof user_keys / sizeof user_keys[0],
                                            .unknown_before = "unknown field ",
                                            .unknown_after = ""};

/* The errors that end the whole list in Go. */
static const char *user_error(const struct user_config *u)
{
    if (u->nkey.len == 0 && u->user.len == 0)
        return "User entry requires a user";
    if (u->nkey.len > 0 && !codec_nkey_is(u->nkey, CODEC_NKEY_USER))
        return "Not a valid public nkey for a user";
    if (u->nkey.len > 0 && (u->user.len > 0 || u->password.len > 0))
        return "Nkey users do not take usernames or passwords";
    return NULL;
}

/* false: the list ends here and counts for nothing. */
static bool read_user(struct opt_reader *r, const struct cfg_value *v, struct opt_users *out)
{
    if (v->type != CFG_MAP) {
        opt_error(r, v, "Expected user entry to be a map/struct, got %s", opt_show(r, v));
        return true;
    }
    struct user_config user = {.user = SLICE_EMPTY};
    const struct cfg_value *last = v;
    if (!opt_read_block(r, &user_block, &user, v->map, &last))
        return false;
    const char *error = user_error(&user);
    if (error != NULL) {
        opt_error(r, last, "%s", error);
        return false;
    }
    out->items[out->count++] = user;
    return true;
}

void opt_read_users(struct opt_reader *r, const struct cfg_value *v, struct opt_users *out, bool position)
{
    *out = (struct opt_users){.present = false};
    if (v->type != CFG_LIST) {
        opt_error(r, position ? v : NULL, "Expected users field to be an array, got %s", opt_show(r, v));
        return;
    }
    out->items = arena_array(r->arena, v->list->count, sizeof *out->items);
    out->present = true;
    for (size_t i = 0; i < v->list->count && out->items != NULL; i++) {
        if (!read_user(r, v->list->items[i], out)) {
            *out = (struct opt_users){.present = false};
            return;
        }
    }
}

/* ---- all users --------------------------------------------------------------------------------------------
 */

static bool users_grow(struct opt_reader *r, size_t more)
{
    struct options *o = r->o;
    if (o->user_count + more <= r->user_room)
        return true;
    size_t room = (o->user_count + more) * 2;
    struct user_config *users = arena_array(r->arena, room, sizeof *users);
    if (users == NULL)
        return false;
    if (o->user_count > 0)
        memcpy(users, o->users, o->user_count * sizeof *users);
    o->users = users;
    r->user_room = room;
    return true;
}

void opt_add_users(struct opt_reader *r, const struct opt_users *users, slice account,
                   const struct permissions_config *defaults, const struct cfg_value *at)
{
    struct options *o = r->o;
    if (!users_grow(r, users->count))
        return;
    for (size_t i = 0; i < users->count; i++) {
        struct user_config u = users->items[i];
        bool nkey = u.nkey.len > 0;
        slice name = nkey ? u.nkey : u.user;
        if (!opt_name_add(r, nkey ? OPT_NAME_NKEY : OPT_NAME_USER, name)) {
            opt_error(r, at, "Duplicate %s %s detected", nkey ? "nkey" : "user", opt_quote(r, name));
            continue;
        }
        u.account = account;
        if (u.permissions == NULL)
            u.permissions = defaults;
        o->users[o->user_count++] = u;
    }
}
