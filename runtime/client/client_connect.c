#include "client/client_internal.h"

#include <midge/json.h>
#include <midge/quote.h>
#include <stdio.h>
#include <stdlib.h>

#define LABEL_MAX         2048
#define RELOAD_AGAIN_NS   20000000 /* until a check after a reload is tried again */
#define RELOAD_CHECKS_MAX 64       /* at once */

/* A password hash or signature being checked off the loop. The client may be gone when it ends. */
struct auth_attempt {
    struct client *client; /* NULL: gone */
    struct net_loop *loop;
    struct auth auth;
    struct auth_request request; /* slices live in the client's options and nonce */
    bool from_verb;              /* no CONNECT: another verb came first */
    bool first_connect;
    bool reload;   /* the account table was replaced: is the client still let in? */
    bool reserved; /* counts as one of the host's reload_checks */
};

static const struct accounts *accounts_of(const struct client *c)
{
    return accounts_now(&c->host->accounts);
}

/* ---- reading CONNECT ---- */

/* What CONNECT said, in one block: the struct, then its strings. */
struct client_options {
    struct codec_connect connect;
    uint8_t strings[];
};

/* What earlier CONNECTs said. */
static struct codec_connect options_so_far(const struct client *c)
{
    struct codec_connect o;
    codec_connect_defaults(&o);
    return c->options != NULL ? c->options->connect : o;
}

/* Copy them into a block of their own, in place of the ones before. */
static bool keep_options(struct client *c, const struct codec_connect *o)
{
    struct codec_arena size = codec_arena_on(NULL, 0);
    struct codec_connect measured;
    codec_connect_copy(&measured, o, &size);
    struct client_options *kept = malloc(sizeof *kept + size.used);
    if (kept == NULL)
        return false;
    struct codec_arena arena = codec_arena_on(kept->strings, size.used);
    codec_connect_copy(&kept->connect, o, &arena);
    free(c->options);
    c->options = kept;
    return true;
}

/* Read `json` over what earlier CONNECTs said. false with Go's sentence about the JSON. */
static bool read_options(struct client *c, slice json, char why[CODEC_JSON_ERROR_MAX])
{
    struct codec_connect next = options_so_far(c);
    size_t room = 4 * json.len + 1024;
    uint8_t *scratch = malloc(room);
    struct codec_arena arena = codec_arena_on(scratch, scratch == NULL ? 0 : room);
    struct codec_json_error error;
    bool ok = codec_connect_read(&next, json, &arena, &error);
    if (!ok) {
        codec_json_error_text(&error, json, why);
    } else if (!keep_options(c, &next)) {
        snprintf(why, CODEC_JSON_ERROR_MAX, "out of memory");
        ok = false;
    }
    free(scratch);
    return ok;
}

/* Plain members that deliveries read are changed under the outbox lock. */
static void apply_options(struct client *c)
{
    const struct codec_connect *o = &c->options->connect;
    bool headers = o->headers && client_settings(c->host)->headers;
    c->verbose = o->verbose;
    c->pedantic = o->pedantic;
    c->echo = o->echo;
    c->protocol = o->protocol >= 1 ? 1 : 0;
    c->no_responders = o->no_responders;
    c->parser.headers = headers;
    outbox_lock(&c->conn.out);
    c->headers = headers;
    outbox_unlock(&c->conn.out);
}

/* ---- the label: what CONNECT adds to the log's name of the client ---- */

static void put_text(struct codec_out *out, const char *text)
{
    codec_out_put(out, slice_str(text));
}

/* "v<version>:<lang>:<name>", absent parts left out. */
static slice describe_client(const struct codec_connect *o, uint8_t *buf, size_t size)
{
    struct codec_out out = codec_out_on(buf, size);
    if (o->version.len > 0) {
        put_text(&out, "v");
        codec_out_put(&out, o->version);
    }
    const slice more[] = {o->lang, o->name};
    for (size_t i = 0; i < 2; i++) {
        if (more[i].len == 0)
            continue;
        if (out.len > 0)
            put_text(&out, ":");
        codec_out_put(&out, more[i]);
    }
    return codec_out_ok(&out) ? codec_out_slice(&out) : SLICE_EMPTY;
}

/* "<account>/<auth>" when CONNECT carried an identity. */
static slice describe_identity(const struct client *c, uint8_t *buf, size_t size)
{
    const struct codec_connect *o = &c->options->connect;
    struct codec_out out = codec_out_on(buf, size);
    const char *kind = o->nkey.len > 0         ? "nkey:"
                       : o->user.len > 0       ? "user:"
                       : o->auth_token.len > 0 ? "token"
                                               : NULL;
    if (kind == NULL || c->account == NULL)
        return SLICE_EMPTY;
    codec_out_put(&out, c->account->name);
    put_text(&out, "/");
    put_text(&out, kind);
    if (o->nkey.len > 0)
        codec_out_put(&out, o->nkey);
    else if (o->user.len > 0)
        codec_out_put(&out, o->user);
    return codec_out_ok(&out) ? codec_out_slice(&out) : SLICE_EMPTY;
}

static void extend_label(struct client *c)
{
    uint8_t text[LABEL_MAX], part[LABEL_MAX];
    struct codec_out out = codec_out_on(text, sizeof text);
    put_text(&out, c->label);
    slice parts[2] = {describe_client(&c->options->connect, part, sizeof part / 2),
                      describe_identity(c, part + sizeof part / 2, sizeof part / 2)};
    for (int i = 0; i < 2; i++) {
        if (parts[i].len == 0)
            continue;
        put_text(&out, " - ");
        codec_quote(&out, parts[i]);
    }
    codec_out_byte(&out, '\0');
    char *label = codec_out_ok(&out) ? strdup((const char *)text) : NULL;
    if (label == NULL)
        return;                /* the short one stays: it names the client well enough */
    c->first_label = c->label; /* others may be writing it into a trace */
    c->label = label;
}

/* ---- binding to an account ---- */

void client_unbind(struct client *c)
{
    struct epoch_reader *r = &c->conn.loop->reader;
    if (c->account != NULL)
        account_unbind(c->account, r);
    c->account = NULL;
    struct permissions *old = c->perms;
    outbox_lock(&c->conn.out);
    c->perms = NULL;
    permissions_replies_free(&c->replies);
    outbox_unlock(&c->conn.out);
    permissions_unref(old);
    permissions_cache_free(c->publish_cache);
    c->publish_cache = NULL;
}

/* To an account by the verdict of a check, whose references it takes. false: the account is full. */
bool client_bind(struct client *c, struct account *account, struct permissions *perms)
{
    if (c->account != account)
        client_drop_all_subs(c); /* they belong to the account that it leaves */
    if (c->account == account && !c->authenticated && c->perms == NULL && perms == NULL)
        return true;
    client_unbind(c);
    outbox_lock(&c->conn.out);
    c->perms = perms;
    outbox_unlock(&c->conn.out);
    if (!account_bind(account))
        return false;
    c->account = account;
    client_settings_changed(c);
    return true;
}

/* ---- verdicts ---- */

static void fill_request(struct client *c, struct auth_request *req)
{
    struct codec_connect o = options_so_far(c);
    req->user = o.user;
    req->password = o.pass;
    req->token = o.auth_token;
    req->nkey = o.nkey;
    req->sig = o.sig;
    req->tls_map = c->conn.tls != NULL && client_settings(c->host)->tls_map;
    req->cert = c->cert;
}

static void refuse(struct client *c, const struct auth_request *req)
{
    char text[AUTH_NOTE_MAX];
    auth_error_text(req, text, sizeof text);
    client_log(c, LOG_ERR, "%s", text);
    client_err(c, "Authorization Violation");
    client_close(c, CLOSE_AUTH);
}

/* Go reports the error of a CONNECT once more when the connection is closed. */
static void refuse_connect(struct client *c, const char *text, enum close_reason why)
{
    client_err(c, "%s", text);
    client_close(c, why);
    client_log(c, LOG_ERR, "%s", text);
}

/* Steps 9 to 12 of section 3.4, after the identity is settled. */
static void finish_connect(struct client *c, const struct auth_request *req, bool first)
{
    const struct codec_connect *o = &c->options->connect;
    if (o->account.len > 0 || o->new_account) {
        refuse(c, req);
        return;
    }
    if (first)
        extend_label(c);
    if (o->protocol < 0 || o->protocol > 1)
        refuse_connect(c, "invalid client protocol", CLOSE_BAD_VERSION);
    else if (c->no_responders && !c->headers)
        refuse_connect(c, "no responders requires headers support", CLOSE_NO_RESPONDERS_HEADERS);
    else
        client_ok(c);
}

static void note(struct client *c, const struct auth *a)
{
    if (a->debug[0] != '\0')
        client_log(c, LOG_DBG, "%s", a->debug);
    if (a->warning[0] != '\0')
        log_wrn(c->host->log, "%s", a->warning);
}

/* Who became somebody without saying so (by no_auth_user or by its certificate) is from here on as if its
 * CONNECT had named that user: in the log, in a later CONNECT that names nobody, and at a reload. */
static bool adopt_identity(struct client *c, const struct auth *a)
{
    const struct user *u = a->unnamed;
    struct codec_connect o = options_so_far(c);
    if (u == NULL)
        return true;
    if (u->is_nkey)
        o.nkey = u->name;
    else
        o.user = u->name;
    if (a->no_auth && !u->is_nkey)
        o.pass = u->password;
    return keep_options(c, &o);
}

/* After a reload: without the subscriptions that are not allowed any more, is it within its limit? */
static void settle_subs(struct client *c)
{
    client_check_subs(c);
    if (c->max_subs == 0 || c->subs.count <= c->max_subs || !accounts_auth_required(accounts_of(c)))
        return;
    client_subs_exceeded(c);
    client_close(c, CLOSE_MAX_SUBS);
}

/* The check has ended. */
static void conclude(struct client *c, struct auth_attempt *t)
{
    note(c, &t->auth);
    c->judged_by = t->auth.generation;
    if (t->auth.verdict != AUTH_OK) {
        if (t->auth.certificate)
            t->request.user = t->auth.unnamed->name;
        refuse(c, &t->request);
        return;
    }
    bool known = adopt_identity(c, &t->auth);
    bool bound = client_bind(c, t->auth.account, t->auth.permissions);
    account_unref(t->auth.account, &c->conn.loop->reader);
    if (!known) {
        client_log(c, LOG_ERR, "out of memory");
        client_close(c, CLOSE_AUTH);
        return;
    }
    if (!bound) {
        static const char full[] = "maximum account active connections exceeded";
        client_err(c, "%s", full);
        log_limited_key(c->host->log, LOG_ERR, slice_str(full), "%s - %s", c->label, full);
        client_close(c, CLOSE_MAX_ACCOUNT_CONNS);
        client_log(c, LOG_ERR, "%s", full);
        return;
    }
    c->authenticated = true;
    if (t->reload)
        settle_subs(c);
    if (t->from_verb) {
        /* As if it had said an empty CONNECT: the one that may come is not its first. */
        net_disarm(c->conn.loop, &c->auth_timer);
        c->connected = true;
    }
    if (t->reload || t->from_verb)
        return;
    fill_request(c, &t->request); /* its texts may have moved */
    finish_connect(c, &t->request, t->first_connect);
}

static void attempt(struct client *c, struct auth_attempt *t);

/* Checks of a reload leave room for who comes now. */
static bool reserve_check(struct client *c, struct auth_attempt *t)
{
    if (!t->reload)
        return true;
    t->reserved = atomic_fetch_add(&c->host->reload_checks, 1) < RELOAD_CHECKS_MAX;
    if (!t->reserved)
        atomic_fetch_sub(&c->host->reload_checks, 1);
    return t->reserved;
}

static void release_check(struct client_host *h, struct auth_attempt *t)
{
    if (t->reserved)
        atomic_fetch_sub(&h->reload_checks, 1);
    t->reserved = false;
}

static void auth_job_work(void *ctx)
{
    struct auth_attempt *t = ctx;
    auth_work(&t->auth);
}

static void auth_job_done(void *ctx)
{
    struct auth_attempt *t = ctx;
    struct net_loop *l = t->loop;
    net_enter(l);
    struct client *c = t->client;
    release_check(((struct client_loop *)l->user)->host, t);
    if (c == NULL) {
        auth_cancel(&t->auth, &l->reader);
        free(t);
        return;
    }
    c->auth = NULL;
    if (auth_finish(&t->auth, accounts_of(c), &l->reader) == AUTH_AGAIN) {
        attempt(c, t);
        if (c->auth == NULL)
            net_conn_resume(&c->conn);
        return;
    }
    conclude(c, t);
    free(t);
    net_conn_resume(&c->conn);
}

static void reload_again(void *ctx)
{
    client_reloaded(ctx);
}

/* Too many checks at once: whoever asks now is refused rather than queued without bound. Who was let in
 * before a reload has not asked, and waits for its turn. */
static void too_many(struct client *c, struct auth_attempt *t)
{
    struct net_loop *l = c->conn.loop;
    release_check(c->host, t);
    auth_cancel(&t->auth, &l->reader);
    if (!t->reload || !net_arm(l, &c->auth_timer, l->now + RELOAD_AGAIN_NS, reload_again, c)) {
        client_log(c, LOG_WRN, "too many authentications at once");
        refuse(c, &t->request);
    }
    free(t);
}

/* Begin (again) and either conclude or park the connection until the job is done. Frees or hands over t. */
static void attempt(struct client *c, struct auth_attempt *t)
{
    bool parked = t->loop != NULL;
    t->client = c;
    t->loop = c->conn.loop;
    if (auth_begin(&t->auth, accounts_of(c), &t->request, &c->conn.loop->reader) != AUTH_WORK) {
        conclude(c, t);
        free(t);
        return;
    }
    struct env_job job = {.work = auth_job_work, .done = auth_job_done, .ctx = t};
    if (!reserve_check(c, t) || env_job(c->conn.loop->el, &job) < 0) {
        too_many(c, t);
        return;
    }
    c->auth = t;
    if (!parked)
        net_conn_park(&c->conn);
}

void client_auth_cancel(struct client *c)
{
    if (c->auth != NULL)
        c->auth->client = NULL; /* the job's end frees it */
    c->auth = NULL;
}

static struct auth_attempt *new_attempt(struct client *c)
{
    struct auth_attempt *t = calloc(1, sizeof *t);
    if (t == NULL) {
        client_log(c, LOG_ERR, "out of memory");
        client_close(c, CLOSE_AUTH);
        return NULL;
    }
    t->request.connection_type = ACCOUNT_CONN_STANDARD;
    t->request.nonce = slice_str(c->nonce);
    return t;
}

static void authenticate(struct client *c, bool first_connect)
{
    struct auth_attempt *t = new_attempt(c);
    if (t == NULL)
        return;
    t->first_connect = first_connect;
    fill_request(c, &t->request);
    attempt(c, t);
}

void client_identity(struct client *c, char text[AUTH_NOTE_MAX])
{
    struct auth_request req = {0};
    fill_request(c, &req);
    auth_identity_text(&req, text, AUTH_NOTE_MAX);
}

/* docs/spec/accounts-auth.md, section 29. Who has not said CONNECT yet is asked, too: what it did without one
 * it did as somebody who may not be welcome any more. */
void client_reloaded(struct client *c)
{
    const struct accounts *t = accounts_of(c);
    c->auth_required = accounts_auth_required(t);
    client_settings_changed(c);
    if (c->conn.closing || c->auth != NULL || c->stage != STAGE_OPEN)
        return; /* a check under way begins again by itself, and one to come will see the new table */
    if (c->judged_by == accounts_generation(t))
        return;
    struct codec_connect o = options_so_far(c);
    if (accounts_moved(t, o.user, o.nkey, c->account)) {
        client_close(c, CLOSE_CLIENT);
        return;
    }
    struct auth_attempt *again = new_attempt(c);
    if (again == NULL)
        return;
    again->reload = true;
    fill_request(c, &again->request);
    attempt(c, again);
}

/* ---- CONNECT ---- */

void client_connect(struct client *c, slice json)
{
    char why[CODEC_JSON_ERROR_MAX];
    bool first = !c->connected;
    net_disarm(c->conn.loop, &c->auth_timer);
    if (first) {
        c->rtt = c->conn.loop->now - c->start;
        if (c->rtt == 0)
            c->rtt = 1;
    }
    client_first_ping(c);
    client_trace_connect(c, json);
    if (!read_options(c, json, why)) {
        client_log(c, LOG_ERR, "%s", why);
        client_close(c, CLOSE_PROTOCOL);
        return;
    }
    if (!first) {
        client_drop_all_subs(c);
        c->authenticated = false;
    }
    c->connected = true;
    apply_options(c);
    authenticate(c, first);
}

/* ---- before CONNECT ---- */

void client_auth_timeout(void *ctx)
{
    struct client *c = ctx;
    client_log(c, LOG_DBG, "Authentication Timeout");
    client_err(c, "Authentication Timeout");
    client_close(c, CLOSE_AUTH_TIMEOUT);
}

bool client_gate(struct client *c, slice in)
{
    if (!c->auth_required || c->connected || c->authenticated || !codec_client_at_verb(&c->parser))
        return true;
    if (in.ptr[0] == 'C' || in.ptr[0] == 'c')
        return true;
    struct auth_attempt *t = new_attempt(c);
    if (t == NULL)
        return false;
    t->from_verb = true;
    t->request.no_connect = true;
    attempt(c, t);
    return !c->conn.closing && c->conn.parked == 0;
}
