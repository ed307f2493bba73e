/* The checks of a CONNECT, in the order of docs/spec/accounts-auth.md, 6.1. */
#include "account/auth.h"

#include "account/certmap.h"
#include "account/nkey.h"
#include <crypt.h>
#include <midge/base64.h>
#include <midge/quote.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    BCRYPT_TEXT = 60, /* "$2b$10$", 22 characters of salt, 31 of hash */
    BCRYPT_COST_AT = 4,
    SIG_TEXT_MAX = 128, /* longer ones are no signatures */
    QUOTED_MAX = 400,
};

enum work_kind { WORK_NONE, WORK_BCRYPT, WORK_SIGNATURE };

/* ---- notes for the log ---- */

/* "before" and the quoted text, then "after". */
static void note(char *to, const char *before, slice text, const char *after)
{
    uint8_t quoted[QUOTED_MAX];
    struct codec_out out = codec_out_on(quoted, sizeof(quoted));
    codec_quote(&out, slice_first(text, 90)); /* at most four characters for a byte */
    snprintf(to, AUTH_NOTE_MAX, "%s%.*s%s", before, (int)codec_out_slice(&out).len, quoted, after);
}

bool auth_identity_text(const struct auth_request *req, char *to, size_t size)
{
    uint8_t quoted[QUOTED_MAX];
    struct codec_out out = codec_out_on(quoted, sizeof(quoted));
    const char *kind = req->nkey.len > 0 ? "Nkey" : req->user.len > 0 ? "User" : NULL;
    if (kind == NULL) {
        snprintf(to, size, "%s", req->token.len > 0 ? "Token \"[REDACTED]\"" : "User \"N/A\"");
        return req->token.len > 0;
    }
    codec_quote(&out, slice_first(req->nkey.len > 0 ? req->nkey : req->user, 90));
    snprintf(to, size, "%s %.*s", kind, (int)codec_out_slice(&out).len, quoted);
    return true;
}

void auth_error_text(const struct auth_request *req, char *to, size_t size)
{
    char who[AUTH_NOTE_MAX];
    bool named = auth_identity_text(req, who, sizeof who);
    snprintf(to, size, "authentication error%s%s", named ? " - " : "", named ? who : "");
}

/* ---- verdicts ---- */

static enum auth_verdict refuse(struct auth *a)
{
    a->verdict = AUTH_REFUSED;
    return a->verdict;
}

/* Takes the references that AUTH_OK hands out. */
static enum auth_verdict accept(struct auth *a, struct account *account, struct permissions *permissions,
                                const struct user *user)
{
    a->account = account_ref(account);
    if (a->account == NULL) /* removed by a reload in this very moment */
        return refuse(a);
    a->permissions = permissions == NULL ? NULL : permissions_ref(permissions);
    a->user = user == NULL ? SLICE_EMPTY : user->name;
    a->verdict = AUTH_OK;
    return a->verdict;
}

static enum auth_verdict accept_user(struct auth *a, const struct user *u)
{
    return accept(a, u->account, u->permissions, u);
}

static void drop(struct auth *a, struct epoch_reader *r)
{
    account_unref(a->account, r);
    permissions_unref(a->permissions);
    a->account = NULL;
    a->permissions = NULL;
    a->user = SLICE_EMPTY;
}

/* ---- passwords ---- */

/* Equality in a time that depends on the lengths alone. */
static bool same_bytes(slice a, slice b)
{
    unsigned differ = a.len != b.len;
    for (size_t i = 0; i < a.len && i < b.len; i++)
        differ |= (unsigned)a.ptr[i] ^ b.ptr[i];
    return differ == 0;
}

/* Accepts as AUTH_OK stands in `a` already if the password is right: at once, or by a job. */
static enum auth_verdict check_password(struct auth *a, slice configured, slice given, struct epoch_reader *r)
{
    if (a->verdict != AUTH_OK)
        return a->verdict;
    bool bcrypt = accounts_is_bcrypt(configured);
    if (!bcrypt && same_bytes(configured, given))
        return AUTH_OK;
    if (!bcrypt || configured.len >= AUTH_HASH_MAX) {
        drop(a, r);
        return refuse(a);
    }
    a->kind = WORK_BCRYPT;
    memcpy(a->hash, configured.ptr, configured.len);
    a->hash[configured.len] = 0;
    given = slice_first(given, AUTH_PASSWORD_MAX);
    a->password_len = given.len;
    if (given.len > 0)
        memcpy(a->password, given.ptr, given.len);
    a->password[given.len] = 0;
    a->verdict = AUTH_WORK;
    return a->verdict;
}

/* The variants a, b, x and y are all computed as b: libcrypt would repeat the bugs that x and a stand for,
 * the Go server does not. */
static bool bcrypt_matches(const struct auth *a)
{
    char setting[BCRYPT_TEXT + 1];
    if (strlen(a->hash) != BCRYPT_TEXT || memchr(a->password, 0, a->password_len) != NULL)
        return false;
    int cost = (a->hash[BCRYPT_COST_AT] - '0') * 10 + a->hash[BCRYPT_COST_AT + 1] - '0';
    if (cost < 4 || cost > 31)
        return false;
    struct crypt_data *data = calloc(1, sizeof(*data));
    if (data == NULL)
        return false;
    memcpy(setting, a->hash, sizeof(setting));
    setting[2] = 'b';
    const char *got = crypt_r(a->password, setting, data);
    bool same = got != NULL && strlen(got) == BCRYPT_TEXT &&
                same_bytes(slice_make(got + 3, BCRYPT_TEXT - 3), slice_make(setting + 3, BCRYPT_TEXT - 3));
    free(data);
    return same;
}

/* ---- nkeys ---- */

/* NULL, or why it can be no signature. */
static const char *read_signature(slice text, uint8_t sig[NKEY_SIG])
{
    uint8_t raw[SIG_TEXT_MAX];
    size_t len = 0, at;
    if (text.len == 0)
        return "Signature missing";
    if (text.len > SIG_TEXT_MAX || (!codec_base64_decode(text, CODEC_BASE64_URL_RAW, raw, &len, &at) &&
                                    !codec_base64_decode(text, CODEC_BASE64_STD, raw, &len, &at)))
        return "Signature not valid base64";
    if (len != NKEY_SIG)
        return "Signature not verified";
    memcpy(sig, raw, NKEY_SIG);
    return NULL;
}

static enum auth_verdict check_signature(struct auth *a, const struct auth_request *req, const struct user *u,
                                         struct epoch_reader *r)
{
    enum codec_nkey_kind kind;
    if (a->verdict != AUTH_OK)
        return a->verdict;
    const char *why = read_signature(req->sig, a->sig);
    if (why == NULL && !codec_nkey_decode_public(u->name, &kind, a->key))
        why = "User nkey not valid";
    if (why == NULL && (req->nonce.len == 0 || req->nonce.len > AUTH_NONCE_MAX))
        why = "Signature not verified";
    if (why != NULL) {
        snprintf(a->debug, sizeof(a->debug), "%s", why);
        drop(a, r);
        return refuse(a);
    }
    a->kind = WORK_SIGNATURE;
    memcpy(a->nonce, req->nonce.ptr, req->nonce.len);
    a->nonce_len = req->nonce.len;
    a->verdict = AUTH_WORK;
    return a->verdict;
}

/* ---- certificates ---- */

static bool allowed(const struct user *u, const struct auth_request *req)
{
    return u != NULL && (u->connection_types & req->connection_type) != 0;
}

static const struct user *user_by_dn(const struct accounts *t, const struct auth_request *req)
{
    for (int pass = 0; pass < 2; pass++) {
        const struct user *u;
        for (size_t i = 0; (u = accounts_user_at(t, i)) != NULL; i++) {
            if (!u->is_nkey && allowed(u, req) && cert_dn_matches(req->cert, u->name, pass == 1))
                return u;
        }
    }
    return NULL;
}

static const struct user *map_certificate(struct auth *a, const struct accounts *t,
                                          const struct auth_request *req)
{
    static const char *const how[] = {[CERT_EMAIL] = "Using email found in cert for auth [",
                                      [CERT_DNS] = "Using SAN found in cert for auth [",
                                      [CERT_URI] = "Using URI found in cert for auth [",
                                      [CERT_DN] = "Using DistinguishedNameMatch for auth [",
                                      [CERT_SUBJECT_DC] = "Using RDNSequence for auth [",
                                      [CERT_SUBJECT] = "Using certificate subject for auth ["};
    struct cert_candidate c;
    if (req->cert == NULL) {
        snprintf(a->debug, sizeof(a->debug), "User required in cert, no TLS connection state");
        return NULL;
    }
    for (size_t i = 0; cert_candidate(req->cert, i, &c); i++) {
        const struct user *u = c.kind == CERT_DN ? user_by_dn(t, req) : accounts_user(t, c.text, false);
        if (!allowed(u, req))
            continue;
        note(a->debug, how[c.kind], c.kind == CERT_DN ? u->name : c.text, "]");
        if (req->user.len > 0)
            note(a->warning, "User ", req->user, " found in connect proto, but user required from cert");
        return u;
    }
    note(a->debug, "User in cert [", cert_subject(req->cert), "], not found");
    return NULL;
}

/* ---- the order of the checks ---- */

/* Nothing that the fallback to a password user forbids was sent. */
static bool sent_nothing(const struct auth_request *req)
{
    return req->user.len == 0 && req->password.len == 0 && req->token.len == 0;
}

static enum auth_verdict by_nkey(struct auth *a, const struct auth_request *req, const struct user *u,
                                 const struct user *no_auth, struct epoch_reader *r)
{
    if (!allowed(u, req))
        return refuse(a);
    accept_user(a, u);
    if (u != no_auth)
        return check_signature(a, req, u, r);
    a->no_auth = req->nkey.len == 0;
    a->unnamed = a->no_auth ? u : NULL;
    return a->verdict;
}

static enum auth_verdict by_certificate(struct auth *a, const struct accounts *t,
                                        const struct auth_request *req, struct epoch_reader *r)
{
    const struct user *u = map_certificate(a, t, req);
    if (u == NULL)
        return refuse(a);
    accept_user(a, u);
    a->certificate = true;
    a->unnamed = u;
    return check_password(a, u->password, req->password, r);
}

static enum auth_verdict by_user(struct auth *a, const struct auth_request *req, const struct user *u,
                                 const struct user *no_auth, struct epoch_reader *r)
{
    if (!allowed(u, req))
        return refuse(a);
    if (u->cert_only && u != no_auth) {
        note(a->debug, "User ", u->name, " requires a client certificate");
        return refuse(a);
    }
    accept_user(a, u);
    /* The fallback takes the configured password for the one sent, a hash as it stands: as in Go it then
     * never matches. */
    a->no_auth = req->user.len == 0;
    a->unnamed = a->no_auth ? u : NULL;
    if (a->no_auth && u->bcrypt) {
        drop(a, r);
        return refuse(a);
    }
    return a->no_auth ? a->verdict : check_password(a, u->password, req->password, r);
}

static enum auth_verdict by_single(struct auth *a, const struct accounts *t, const struct auth_request *req,
                                   struct epoch_reader *r)
{
    const struct accounts_single *one = accounts_single(t);
    if (one->token.len > 0) {
        accept(a, accounts_global(t), NULL, NULL);
        return check_password(a, one->token, req->token, r);
    }
    if (one->user.len == 0 || !same_bytes(one->user, req->user))
        return refuse(a);
    accept(a, accounts_global(t), NULL, NULL);
    a->user = one->user;
    return check_password(a, one->password, req->password, r);
}

enum auth_verdict auth_begin(struct auth *a, const struct accounts *t, const struct auth_request *req,
                             struct epoch_reader *r)
{
    const struct user *no_auth = accounts_no_auth(t);
    memset(a, 0, sizeof(*a));
    a->generation = accounts_generation(t);
    if (!accounts_auth_required(t))
        return accept(a, accounts_global(t), NULL, NULL);
    if (req->no_connect && (no_auth == NULL || no_auth->is_nkey))
        return refuse(a);

    if (accounts_has_nkeys(t)) {
        if (req->nkey.len > 0)
            return by_nkey(a, req, accounts_user(t, req->nkey, true), no_auth, r);
        if (no_auth != NULL && no_auth->is_nkey && sent_nothing(req))
            return by_nkey(a, req, no_auth, no_auth, r);
    }
    if (accounts_has_users(t)) {
        if (req->tls_map)
            return by_certificate(a, t, req, r);
        if (req->user.len > 0)
            return by_user(a, req, accounts_user(t, req->user, false), no_auth, r);
        if (no_auth != NULL && !no_auth->is_nkey && sent_nothing(req))
            return by_user(a, req, no_auth, no_auth, r);
    }
    return by_single(a, t, req, r);
}

void auth_work(struct auth *a)
{
    if (a->kind == WORK_BCRYPT)
        a->work_ok = bcrypt_matches(a);
    else if (a->kind == WORK_SIGNATURE)
        a->work_ok = nkey_verify(a->key, slice_make(a->nonce, a->nonce_len), a->sig);
}

enum auth_verdict auth_finish(struct auth *a, const struct accounts *t, struct epoch_reader *r)
{
    if (a->verdict != AUTH_WORK)
        return a->verdict;
    if (a->generation != accounts_generation(t)) {
        drop(a, r);
        a->verdict = AUTH_AGAIN;
    } else if (!a->work_ok) {
        if (a->kind == WORK_SIGNATURE)
            snprintf(a->debug, sizeof(a->debug), "Signature not verified");
        drop(a, r);
        a->verdict = AUTH_REFUSED;
    } else {
        a->verdict = AUTH_OK;
    }
    OPENSSL_cleanse(a->password, sizeof(a->password));
    return a->verdict;
}

void auth_cancel(struct auth *a, struct epoch_reader *r)
{
    if (a->verdict == AUTH_OK || a->verdict == AUTH_WORK)
        drop(a, r);
    a->verdict = AUTH_REFUSED;
    OPENSSL_cleanse(a->password, sizeof(a->password));
}
