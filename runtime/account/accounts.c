/* The table of accounts and users: built, published, asked. */
#include "account/accounts.h"

#include "base/hash.h"
#include <midge/nkeys.h>
#include <midge/quote.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ALL_CONN_TYPES = 0x7f,
    RECENT_PERMISSIONS = 8, /* compiled ones among which an equal pointer is looked for */
    QUOTED_MAX = 2048,      /* a name in an error text, quoted */
    NAME_MAX_SHOWN = 500,
};

/* Names to positions; built once. */
struct index_entry {
    slice name;
    uint32_t at;
    bool used;
};

struct index {
    struct index_entry *entry;
    size_t cap; /* a power of two, above twice the number of names */
    uint64_t seed;
};

struct accounts {
    struct epoch_node dead;
    uint64_t generation;
    struct account **accounts; /* $G, the configured ones, $SYS when it was made */
    struct account_limits *limits;
    size_t account_count;
    struct account *system;
    struct user *users;
    size_t user_count, nkey_count; /* users: of both kinds */
    const struct user *no_auth;
    bool no_auth_hidden;
    bool plaintext;
    struct accounts_single single;
    struct index account_index, user_index, nkey_index;
    uint8_t *bytes; /* all texts */
    size_t bytes_used;
};

/* ---- names to positions ---- */

static bool index_init(struct index *ix, size_t names, uint64_t seed)
{
    ix->cap = 8;
    while (ix->cap <= names * 2)
        ix->cap *= 2;
    ix->seed = seed;
    ix->entry = calloc(ix->cap, sizeof(*ix->entry));
    return ix->entry != NULL;
}

/* The entry of the name, or the free one where it belongs. */
static struct index_entry *index_at(const struct index *ix, slice name)
{
    size_t i = (size_t)hash_bytes(name, ix->seed) & (ix->cap - 1);
    while (ix->entry[i].used && !slice_eq(ix->entry[i].name, name))
        i = (i + 1) & (ix->cap - 1);
    return &ix->entry[i];
}

/* False when the name is there already. */
static bool index_put(struct index *ix, slice name, size_t at)
{
    struct index_entry *e = index_at(ix, name);
    if (e->used)
        return false;
    *e = (struct index_entry){name, (uint32_t)at, true};
    return true;
}

/* ---- building ---- */

struct builder {
    const struct accounts_config *cfg;
    struct accounts *t;
    struct accounts *old;
    char *err;
    size_t err_size;
    struct {
        const struct permissions_config *cfg;
        struct permissions *compiled;
    } recent[RECENT_PERMISSIONS];
    unsigned recent_next;
};

/* "before %q after" */
static bool fail(struct builder *b, const char *before, slice name, const char *after)
{
    uint8_t text[QUOTED_MAX];
    struct codec_out out = codec_out_on(text, sizeof(text));
    codec_quote(&out, slice_first(name, NAME_MAX_SHOWN));
    int len = (int)codec_out_slice(&out).len;
    snprintf(b->err, b->err_size, "%s%.*s%s", before, name.len == 0 && *after == 0 ? 0 : len, text, after);
    return false;
}

static bool no_memory(struct builder *b)
{
    return fail(b, "out of memory", SLICE_EMPTY, "");
}

static uint64_t random64(const struct builder *b)
{
    uint64_t v;
    b->cfg->random(b->cfg->random_ctx, &v, sizeof(v));
    return v;
}

/* A copy in t->bytes, where room was reckoned. */
static slice keep(struct accounts *t, slice s)
{
    uint8_t *to = t->bytes + t->bytes_used;
    if (s.len > 0)
        memcpy(to, s.ptr, s.len);
    t->bytes_used += s.len;
    return slice_make(to, s.len);
}

static size_t bytes_needed(const struct accounts_config *cfg)
{
    size_t n = cfg->user.len + cfg->password.len + cfg->token.len + 64; /* and the hidden user */
    for (size_t i = 0; i < cfg->user_count; i++)
        n += cfg->users[i].user.len + cfg->users[i].nkey.len + cfg->users[i].password.len;
    return n;
}

/* Takes an account over from the old table or makes it. */
static bool add_account(struct builder *b, slice name, slice nkey, const struct account_limits *limits)
{
    struct accounts *t = b->t;
    struct account *a = b->old == NULL ? NULL : accounts_find(b->old, name);
    if (index_at(&t->account_index, name)->used) {
        snprintf(b->err, b->err_size, "Duplicate Account Entry: %.*s",
                 (int)slice_first(name, NAME_MAX_SHOWN).len, (const char *)name.ptr);
        return false;
    }
    a = a != NULL ? account_ref(a) : account_new(name, nkey, ++*b->cfg->last_id, random64(b), b->cfg->slots);
    if (a == NULL)
        return no_memory(b);
    t->limits[t->account_count] = *limits;
    t->accounts[t->account_count] = a;
    index_put(&t->account_index, a->name, t->account_count);
    t->account_count++;
    return true;
}

static bool add_accounts(struct builder *b)
{
    static const struct account_limits unlimited = {-1, -1, -1, -1};
    const struct accounts_config *cfg = b->cfg;
    struct accounts *t = b->t;
    slice system = cfg->system_account.len > 0 ? cfg->system_account : SLICE_LIT(ACCOUNT_SYSTEM);
    size_t max = cfg->account_count + 2;
    t->accounts = calloc(max, sizeof(struct account *));
    t->limits = calloc(max, sizeof(*t->limits));
    if (t->accounts == NULL || t->limits == NULL || !index_init(&t->account_index, max, random64(b)))
        return no_memory(b);
    if (!add_account(b, SLICE_LIT(ACCOUNT_GLOBAL), SLICE_EMPTY, &unlimited))
        return false;
    for (size_t i = 0; i < cfg->account_count; i++) {
        if (!add_account(b, cfg->accounts[i].name, cfg->accounts[i].nkey, &cfg->accounts[i].limits))
            return false;
    }
    t->system = accounts_find(t, system);
    if (t->system == NULL && cfg->system_account.len > 0)
        return fail(b, "error resolving system account: account missing", SLICE_EMPTY, "");
    if (t->system == NULL && !cfg->no_system_account) {
        if (!add_account(b, system, SLICE_EMPTY, &unlimited))
            return false;
        t->system = t->accounts[t->account_count - 1];
    }
    return true;
}

/* Compiled permissions with a reference for one more user. */
static struct permissions *permissions_for(struct builder *b, const struct permissions_config *cfg,
                                           slice name)
{
    slice bad;
    for (unsigned i = 0; i < RECENT_PERMISSIONS; i++) {
        if (b->recent[i].cfg == cfg)
            return permissions_ref(b->recent[i].compiled);
    }
    struct permissions_config seeded = *cfg;
    seeded.seed = random64(b);
    struct permissions *p = permissions_new(&seeded, &bad);
    if (p == NULL) {
        if (bad.len == 0)
            no_memory(b);
        else
            snprintf(b->err, b->err_size,
                     "invalid permissions for user \"%.*s\": subject \"%.*s\" is not a valid subject",
                     (int)slice_first(name, 100).len, (const char *)name.ptr, (int)slice_first(bad, 100).len,
                     (const char *)bad.ptr);
        return NULL;
    }
    b->recent[b->recent_next].cfg = cfg;
    b->recent[b->recent_next].compiled = p;
    b->recent_next = (b->recent_next + 1) % RECENT_PERMISSIONS;
    return p;
}

bool accounts_is_bcrypt(slice p)
{
    return p.len >= 7 && p.ptr[0] == '$' && p.ptr[1] == '2' && p.ptr[2] >= 'a' && p.ptr[2] <= 'y' &&
           strchr("abxy", p.ptr[2]) != NULL && p.ptr[3] == '$' && p.ptr[4] >= '0' && p.ptr[4] <= '9' &&
           p.ptr[5] >= '0' && p.ptr[5] <= '9' && p.ptr[6] == '$';
}

static bool add_user(struct builder *b, const struct user_config *uc)
{
    struct accounts *t = b->t;
    struct user *u = &t->users[t->user_count];
    slice account = uc->account.len > 0 ? uc->account : SLICE_LIT(ACCOUNT_GLOBAL);
    u->is_nkey = uc->nkey.len > 0;
    u->name = keep(t, u->is_nkey ? uc->nkey : uc->user);
    u->password = keep(t, uc->password);
    u->bcrypt = accounts_is_bcrypt(u->password);
    u->connection_types = uc->connection_types == 0 ? ALL_CONN_TYPES : uc->connection_types;
    u->cert_only = !u->is_nkey && u->password.len == 0 && (u->connection_types & b->cfg->tls_map_types) != 0;
    u->account = accounts_find(t, account);
    if (u->name.len == 0)
        return fail(b, "User entry requires a user", SLICE_EMPTY, "");
    if (u->is_nkey && !codec_nkey_is(u->name, CODEC_NKEY_USER))
        return fail(b, "Not a valid public nkey for a user", SLICE_EMPTY, "");
    if (u->account == NULL)
        return fail(b, "account ", account, " of a user is not defined");
    if (!index_put(u->is_nkey ? &t->nkey_index : &t->user_index, u->name, t->user_count))
        return fail(b, u->is_nkey ? "Duplicate nkey " : "Duplicate user ", u->name, " detected");
    if (uc->permissions != NULL) {
        u->permissions = permissions_for(b, uc->permissions, u->name);
        if (u->permissions == NULL)
            return false;
    }
    t->nkey_count += u->is_nkey;
    t->plaintext = t->plaintext || (!u->is_nkey && !u->bcrypt && !u->cert_only);
    t->user_count++;
    return true;
}

/* Only the system account is declared and nothing asks for authorization: anonymous clients go on to work in
 * $G, as a hidden user (22.3). */
static bool wants_hidden_user(const struct builder *b)
{
    const struct accounts_config *cfg = b->cfg;
    return cfg->user_count > 0 && cfg->no_auth_user.len == 0 && !cfg->authorization_block &&
           cfg->account_count == 1 && b->t->system != NULL &&
           slice_eq(cfg->accounts[0].name, b->t->system->name);
}

static bool add_hidden_user(struct builder *b)
{
    static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char name[] = "nats-XXXXXXXX";
    bool plaintext = b->t->plaintext;
    uint64_t v = random64(b);
    for (int i = 5; i < 13; i++, v /= 62)
        name[i] = base62[v % 62];
    if (b->old != NULL && b->old->no_auth_hidden) /* whom connections already are */
        memcpy(name, b->old->no_auth->name.ptr, sizeof name - 1);
    struct user_config uc = {.user = slice_str(name)};
    if (!add_user(b, &uc))
        return false;
    b->t->plaintext = plaintext;
    b->t->no_auth = &b->t->users[b->t->user_count - 1];
    b->t->no_auth_hidden = true;
    return true;
}

static bool find_no_auth(struct builder *b)
{
    slice name = b->cfg->no_auth_user;
    if (name.len == 0)
        return !wants_hidden_user(b) || add_hidden_user(b);
    if (b->cfg->user_count == 0)
        return fail(b, "no_auth_user: ", name, " present, but users/nkeys are not defined");
    b->t->no_auth = accounts_user(b->t, name, false);
    if (b->t->no_auth == NULL)
        b->t->no_auth = accounts_user(b->t, name, true);
    return b->t->no_auth != NULL ||
           fail(b, "no_auth_user: ", name,
                " not present as user or nkey in authorization block or account configuration");
}

static bool add_users(struct builder *b)
{
    const struct accounts_config *cfg = b->cfg;
    struct accounts *t = b->t;
    t->users = calloc(cfg->user_count + 1, sizeof(*t->users));
    if (t->users == NULL || !index_init(&t->user_index, cfg->user_count + 1, random64(b)) ||
        !index_init(&t->nkey_index, cfg->user_count, random64(b)))
        return no_memory(b);
    for (size_t i = 0; i < cfg->user_count; i++) {
        if (!add_user(b, &cfg->users[i]))
            return false;
    }
    t->single = (struct accounts_single){keep(t, cfg->user), keep(t, cfg->password), keep(t, cfg->token)};
    t->plaintext = t->plaintext || (cfg->user.len > 0 && !accounts_is_bcrypt(cfg->password));
    return find_no_auth(b);
}

struct accounts *accounts_new(const struct accounts_config *cfg, struct accounts *old, struct epoch_reader *r,
                              char *err, size_t err_size)
{
    struct builder b = {.cfg = cfg, .old = old, .err = err, .err_size = err_size};
    struct accounts *t = calloc(1, sizeof(*t));
    if (t == NULL) {
        no_memory(&b);
        return NULL;
    }
    b.t = t;
    t->generation = ++*cfg->last_id;
    t->bytes = malloc(bytes_needed(cfg));
    if (t->bytes == NULL)
        no_memory(&b);
    if (t->bytes == NULL || !add_accounts(&b) || !add_users(&b)) {
        accounts_free(t, r);
        return NULL;
    }
    return t;
}

/* ---- publishing, freeing ---- */

static void drop_accounts(struct accounts *t, struct epoch_reader *r)
{
    for (size_t i = 0; i < t->account_count; i++)
        account_unref(t->accounts[i], r);
    t->account_count = 0;
}

static void table_dead(struct epoch_node *node)
{
    struct accounts *t = (struct accounts *)node;
    for (size_t i = 0; t->users != NULL && i < t->user_count; i++)
        permissions_unref(t->users[i].permissions);
    free(t->account_index.entry);
    free(t->user_index.entry);
    free(t->nkey_index.entry);
    free(t->accounts);
    free(t->limits);
    free(t->users);
    free(t->bytes);
    free(t);
}

void accounts_free(struct accounts *t, struct epoch_reader *r)
{
    drop_accounts(t, r);
    table_dead(&t->dead);
}

void accounts_publish(struct accounts_ref *ref, struct accounts *t, struct epoch_reader *r)
{
    for (size_t i = 0; t != NULL && i < t->account_count; i++) {
        t->accounts[i]->system = t->accounts[i] == t->system;
        account_set_limits(t->accounts[i], &t->limits[i]);
    }
    struct accounts *old = atomic_exchange(&ref->now, t);
    if (old == NULL)
        return;
    /* Readers may still look into the old table, so its array of accounts stays as it is: only the references
     * go. An account that loses its last one is retired, and cannot be taken again (account_ref). */
    for (size_t i = 0; i < old->account_count; i++)
        account_unref(old->accounts[i], r);
    epoch_retire(r, &old->dead, table_dead);
}

/* ---- asking ---- */

uint64_t accounts_generation(const struct accounts *t)
{
    return t->generation;
}

struct account *accounts_find(const struct accounts *t, slice name)
{
    const struct index_entry *e = index_at(&t->account_index, name);
    return e->used ? t->accounts[e->at] : NULL;
}

struct account *accounts_global(const struct accounts *t)
{
    return t->accounts[0];
}

struct account *accounts_system(const struct accounts *t)
{
    return t->system;
}

struct account *accounts_at(const struct accounts *t, size_t i)
{
    return i < t->account_count ? t->accounts[i] : NULL;
}

const struct user *accounts_user(const struct accounts *t, slice name, bool nkey)
{
    const struct index_entry *e = index_at(nkey ? &t->nkey_index : &t->user_index, name);
    return e->used ? &t->users[e->at] : NULL;
}

const struct user *accounts_user_at(const struct accounts *t, size_t i)
{
    return i < t->user_count ? &t->users[i] : NULL;
}

const struct user *accounts_no_auth(const struct accounts *t)
{
    return t->no_auth;
}

const struct accounts_single *accounts_single(const struct accounts *t)
{
    return &t->single;
}

bool accounts_moved(const struct accounts *t, slice user, slice nkey, const struct account *bound)
{
    if (user.len == 0 && nkey.len == 0)
        return false;
    const struct user *u = accounts_user(t, nkey.len > 0 ? nkey : user, nkey.len > 0);
    return u == NULL || u->account != bound;
}

bool accounts_has_users(const struct accounts *t)
{
    return t->user_count > t->nkey_count;
}

bool accounts_has_nkeys(const struct accounts *t)
{
    return t->nkey_count > 0;
}

bool accounts_auth_required(const struct accounts *t)
{
    return t->user_count > 0 || t->single.user.len > 0 || t->single.token.len > 0;
}

bool accounts_info_auth_required(const struct accounts *t)
{
    return accounts_auth_required(t) && (t->no_auth == NULL || t->no_auth_hidden);
}

bool accounts_nonce_required(const struct accounts *t)
{
    return accounts_has_nkeys(t);
}

bool accounts_has_plaintext(const struct accounts *t)
{
    return t->plaintext;
}
