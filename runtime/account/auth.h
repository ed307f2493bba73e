/* auth.h: who is it? The checks of a CONNECT (docs/spec/accounts-auth.md, sections 5 to 8).
 *
 * In three steps, because a password hash takes 100 ms and must not run on a loop:
 *
 *     auth_begin   [loop, online]  verdict at once, or AUTH_WORK
 *     auth_work    [job]           bcrypt or Ed25519; touches only the struct auth
 *     auth_finish  [loop, online]  the verdict; AUTH_AGAIN when the table was replaced meanwhile
 *
 * The connection is parked between begin and finish. struct auth is the caller's memory (1 to 2 KiB; for
 * the time of the check only) and holds copies of what the job needs, so neither the connection's buffer nor
 * the table must stay. */
#ifndef ACCOUNT_AUTH_H
#define ACCOUNT_AUTH_H

#include "account/accounts.h"

enum {
    AUTH_HASH_MAX = 128,
    AUTH_PASSWORD_MAX = 72, /* of a candidate: bcrypt looks at no more */
    AUTH_NONCE_MAX = 32,
    AUTH_NOTE_MAX = 512,
};

struct cert_identity; /* certmap.h */

/* What CONNECT and the transport say. */
struct auth_request {
    slice user, password, token, nkey, sig;
    slice nonce;                      /* that INFO carried */
    unsigned connection_type;         /* one of ACCOUNT_CONN_* */
    bool tls_map;                     /* the listener has verify_and_map */
    const struct cert_identity *cert; /* of the peer, when it showed one */
    bool no_connect; /* another verb came first: only a no_auth_user with a password form helps */
};

enum auth_verdict {
    AUTH_OK,
    AUTH_REFUSED, /* -ERR 'Authorization Violation' */
    AUTH_WORK,    /* run auth_work in a job, then auth_finish */
    AUTH_AGAIN,   /* begin again */
};

struct auth {
    enum auth_verdict verdict;
    /* With AUTH_OK: */
    struct account *account; /* a reference of the caller's: account_bind it, then account_unref this one */
    struct permissions *permissions; /* a reference of the caller's; NULL: everything allowed */
    slice user;   /* who it became: a configured name or nkey; empty for token and none. Until epoch_leave */
    bool no_auth; /* became the no_auth_user */
    bool certificate; /* is the user whom the certificate names */
    /* That user, or the no_auth_user: somebody whom CONNECT did not name. With AUTH_REFUSED, too. Until
     * epoch_leave; NULL: nobody. */
    const struct user *unnamed;
    /* For the log, empty when there is nothing to say; NUL-terminated. */
    char debug[AUTH_NOTE_MAX];
    char warning[AUTH_NOTE_MAX];

    /* private */
    uint64_t generation;
    bool work_ok;
    uint8_t kind;
    char hash[AUTH_HASH_MAX];
    char password[AUTH_PASSWORD_MAX + 1];
    size_t password_len;
    uint8_t key[32];
    uint8_t sig[64];
    uint8_t nonce[AUTH_NONCE_MAX];
    size_t nonce_len;
};

/* [loop, online] Begin; returns a->verdict. */
enum auth_verdict auth_begin(struct auth *a, const struct accounts *t, const struct auth_request *req,
                             struct epoch_reader *r);

/* [job] The slow part. Pure: no clock, no I/O, no shared state. */
void auth_work(struct auth *a);

/* [loop, online] After the work. `t` is the current table. */
enum auth_verdict auth_finish(struct auth *a, const struct accounts *t, struct epoch_reader *r);

/* [loop] Drops what an AUTH_WORK or AUTH_OK holds when the connection is gone. */
void auth_cancel(struct auth *a, struct epoch_reader *r);

/* Who the request says it is, for the log: `User "a"`, `Nkey "U..."`, `Token "[REDACTED]"`; `User "N/A"` (and
 * false) when it names nobody. NUL-terminated. */
bool auth_identity_text(const struct auth_request *req, char *to, size_t size);
/* "authentication error" with the identity that was sent, for the log (15.1); NUL-terminated. */
void auth_error_text(const struct auth_request *req, char *to, size_t size);

#endif
