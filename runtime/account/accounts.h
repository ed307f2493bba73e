/* accounts.h: the table of accounts and users, replaced as a whole at reload.
 *
 * A `struct accounts` never changes after accounts_new. The current one is published in a `struct
 * accounts_ref`; a reader that is online in its epoch loads it and may use it until epoch_leave. What a
 * connection keeps longer (its account, its permissions) it holds by reference: see auth.h. */
#ifndef ACCOUNT_ACCOUNTS_H
#define ACCOUNT_ACCOUNTS_H

#include "account/account.h"
#include "account/permissions.h"

/* Kinds of connection that a user may come over. */
enum account_conn_type {
    ACCOUNT_CONN_STANDARD = 1 << 0,
    ACCOUNT_CONN_WEBSOCKET = 1 << 1,
    ACCOUNT_CONN_LEAFNODE = 1 << 2,
    ACCOUNT_CONN_LEAFNODE_WS = 1 << 3,
    ACCOUNT_CONN_MQTT = 1 << 4,
    ACCOUNT_CONN_MQTT_WS = 1 << 5,
    ACCOUNT_CONN_IN_PROCESS = 1 << 6,
};

/* ---- from configuration; slices are copied ---- */

struct account_config {
    slice name; /* not $G */
    slice nkey; /* may be empty */
    struct account_limits limits;
};

struct user_config {
    slice user;                                   /* either this ... */
    slice nkey;                                   /* ... or this */
    slice password;                               /* plain or bcrypt */
    slice account;                                /* a configured one; empty: $G */
    const struct permissions_config *permissions; /* NULL: everything allowed. Equal pointers are shared */
    unsigned connection_types;                    /* ACCOUNT_CONN_*; 0: all */
};

struct accounts_config {
    const struct account_config *accounts;
    size_t account_count;
    const struct user_config *users;
    size_t user_count;
    slice user, password, token; /* the single forms; exclude `users` */
    slice no_auth_user;          /* name or nkey of one of the users */
    slice system_account;        /* empty: $SYS, made when not configured */
    bool no_system_account;
    bool authorization_block; /* the file has one: anonymous access is not kept up (22.3) */
    unsigned tls_map_types;   /* ACCOUNT_CONN_* of the listeners that have verify_and_map */

    /* How the process makes accounts. */
    unsigned slots;                            /* loops and others that match: see sublist.h */
    void (*random)(void *ctx, void *, size_t); /* hash seeds, the name of the hidden user */
    void *random_ctx;
    uint64_t *last_id; /* of the accounts ever made; counts on */
};

/* ---- the table ---- */

struct user {
    slice name; /* of the user, or the public nkey */
    slice password;
    bool is_nkey;
    bool bcrypt;               /* the password is a hash */
    unsigned connection_types; /* not 0: all are spelled out */
    bool cert_only; /* no password, and a mapping listener serves it: elsewhere it may not log in (7.4) */
    struct account *account;
    struct permissions *permissions; /* may be NULL */
};

struct accounts;

/* Is the configured password or token a bcrypt hash? (`$2a$`, b, x or y, two digits and `$`) */
bool accounts_is_bcrypt(slice password);

/* Makes a table; accounts that `old` (may be NULL) has under the same name are taken over, with their new
 * limits only set by accounts_publish. NULL on failure with the reason in err (the Go server's text where it
 * has one). `r` is the caller's epoch record. */
struct accounts *accounts_new(const struct accounts_config *cfg, struct accounts *old, struct epoch_reader *r,
                              char *err, size_t err_size);

/* Of a table that was never published. */
void accounts_free(struct accounts *t, struct epoch_reader *r);

struct accounts_ref {
    _Atomic(struct accounts *) now;
};

/* Publishes `t` (NULL at the end of the process) and retires the table before it. One thread at a time. */
void accounts_publish(struct accounts_ref *ref, struct accounts *t, struct epoch_reader *r);

/* [any, online] */
static inline struct accounts *accounts_now(const struct accounts_ref *ref)
{
    return atomic_load_explicit(&ref->now, memory_order_acquire);
}

/* Which table it is: grows with each. */
uint64_t accounts_generation(const struct accounts *t);

/* NULL when there is none. */
struct account *accounts_find(const struct accounts *t, slice name);
struct account *accounts_global(const struct accounts *t);
struct account *accounts_system(const struct accounts *t); /* NULL with no_system_account */

/* The i-th account, in the order of the file, $G first; NULL behind the last. */
struct account *accounts_at(const struct accounts *t, size_t i);

/* A user by name or nkey. */
const struct user *accounts_user(const struct accounts *t, slice name, bool nkey);

/* The i-th user, in the order of the file; NULL behind the last. */
const struct user *accounts_user_at(const struct accounts *t, size_t i);

/* Whom connections without credentials become; NULL when there is no such user. */
const struct user *accounts_no_auth(const struct accounts *t);

/* The single forms; empty when not configured. */
struct accounts_single {
    slice user, password, token;
};
const struct accounts_single *accounts_single(const struct accounts *t);

/* After a reload: has a connection to go without a word (close reason "Client Closed")? So when the user or
 * nkey that its CONNECT named (or that no_auth_user gave it; both empty: it named none) is not in the table,
 * or in another account than the connection. Otherwise its authentication is run again (accounts-auth,
 * section 29). */
bool accounts_moved(const struct accounts *t, slice user, slice nkey, const struct account *bound);

bool accounts_has_users(const struct accounts *t);
bool accounts_has_nkeys(const struct accounts *t);

/* Must clients authenticate? (The auth timer runs, a first verb but CONNECT is refused.) */
bool accounts_auth_required(const struct accounts *t);

/* What INFO says: false with a no_auth_user from configuration. */
bool accounts_info_auth_required(const struct accounts *t);

/* Does INFO carry a nonce? */
bool accounts_nonce_required(const struct accounts *t);

/* "Plaintext passwords detected, use nkeys or bcrypt" is due at start. */
bool accounts_has_plaintext(const struct accounts *t);

#endif
