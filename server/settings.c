#include "server/settings.h"

#include <stdio.h>
#include <stdlib.h>

#define NS_PER_S  1e9
#define API_LEVEL 5

/* ---- TLS ---- */

static const char *text(slice s)
{
    return s.len == 0 ? NULL : (const char *)s.ptr; /* options end their strings by NUL */
}

static bool take_pins(struct client_settings *s, const struct opt_tls *t)
{
    if (t->pinned.count == 0)
        return true;
    s->tls_pins = calloc(t->pinned.count + 1, sizeof *s->tls_pins);
    if (s->tls_pins == NULL)
        return false;
    for (size_t i = 0; i < t->pinned.count; i++)
        s->tls_pins[i] = text(t->pinned.items[i]);
    return true;
}

static bool take_tls(struct client_settings *s, const struct options *o, char err[SETTINGS_ERROR_MAX])
{
    const struct opt_tls *t = o->tls;
    if (t == NULL)
        return true;
    struct net_tls_pair *pairs = calloc(t->cert_count + 1, sizeof *pairs);
    if (pairs == NULL) {
        snprintf(err, SETTINGS_ERROR_MAX, "out of memory");
        return false;
    }
    for (size_t i = 0; i < t->cert_count; i++)
        pairs[i] = (struct net_tls_pair){text(t->certs[i].cert_file), text(t->certs[i].key_file)};
    struct net_tls_config config = {
        .pairs = pairs,
        .pair_count = t->cert_count,
        .ca_file = text(t->ca_file),
        .verify = t->verify,
        .min_version = t->min_version == 0x0304 ? 13 : 12,
        .ciphers = text(t->ciphers),
        .curves = text(t->curves),
    };
    s->tls = net_tls_context_new(&config, err, SETTINGS_ERROR_MAX);
    free(pairs);
    if (s->tls == NULL)
        return false;
    s->tls_mode =
        o->allow_non_tls && t->first != OPT_TLS_FIRST_ON ? CLIENT_TLS_AVAILABLE : CLIENT_TLS_REQUIRED;
    s->tls_timeout = (int64_t)(t->timeout_s * NS_PER_S);
    s->tls_verify = t->verify;
    s->tls_map = t->verify_and_map;
    s->tls_first = t->first != OPT_TLS_FIRST_OFF;
    s->tls_first_fallback = t->first == OPT_TLS_FIRST_AUTO ? t->first_delay_ns : 0;
    s->tls_rate_limit = (uint32_t)t->rate_limit;
    if (!take_pins(s, t)) {
        snprintf(err, SETTINGS_ERROR_MAX, "out of memory");
        return false;
    }
    return true;
}

/* ---- INFO ---- */

static void take_info(struct client_settings *s, const struct options *o, const struct settings_context *ctx)
{
    struct codec_info *info = &s->info;
    info->server_id = slice_str(ctx->identity->id);
    info->server_name = o->server_name.len > 0 ? o->server_name : info->server_id;
    info->version = slice_str(OPTIONS_VERSION);
    info->go = SLICE_LIT("midge");
    info->proto = 1;
    info->host = o->host;
    info->port = ctx->port;
    if (o->client_advertise.len > 0) /* whether it is right is judged at the start and at a reload */
        options_advertise(o, ctx->port, &info->host, &info->port);
    info->headers = !o->no_header_support;
    info->api_lvl = API_LEVEL;
    info->xkey = slice_str(ctx->identity->xkey);
}

/* ---- the whole ---- */

struct client_settings *settings_new(struct options *o, const struct settings_context *ctx,
                                     char err[SETTINGS_ERROR_MAX])
{
    struct client_settings *s = calloc(1, sizeof *s);
    if (s == NULL) {
        snprintf(err, SETTINGS_ERROR_MAX, "out of memory");
        options_free(o);
        return NULL;
    }
    s->owner = o;
    s->max_payload = o->max_payload;
    s->max_pending = (size_t)o->max_pending;
    s->max_control_line = (uint32_t)o->max_control_line;
    s->max_subs = o->max_subscriptions > 0 ? (uint32_t)o->max_subscriptions : 0;
    s->max_sub_tokens = (uint32_t)o->max_sub_tokens;
    s->ping_interval = o->ping_interval_ns;
    s->ping_max = (uint32_t)o->ping_max;
    s->write_deadline = o->write_deadline_ns;
    s->write_retry = o->write_timeout == OPT_WRITE_RETRY;
    s->no_stall = o->no_fast_producer_stall;
    s->headers = !o->no_header_support;
    s->auth_timeout = (int64_t)(o->auth_timeout_s * NS_PER_S);
    s->trace_headers = o->trace_headers;
    s->max_traced_msg_len = o->max_traced_msg_len > 0 ? (uint32_t)o->max_traced_msg_len : 0;
    if (!take_tls(s, o, err)) {
        settings_free(s);
        return NULL;
    }
    take_info(s, o, ctx);
    return s;
}

void settings_free(struct client_settings *s)
{
    if (s == NULL)
        return;
    net_tls_context_drop(s->tls);
    free(s->tls_pins);
    options_free(s->owner);
    free(s);
}

static void free_retired(struct epoch_node *node)
{
    settings_free((struct client_settings *)(void *)((char *)node - offsetof(struct client_settings, dead)));
}

void settings_retire(struct client_settings *s, struct epoch_reader *r)
{
    epoch_retire(r, &s->dead, free_retired);
}

/* ---- accounts ---- */

static void random_bytes(void *ctx, void *buf, size_t len)
{
    env_random(ctx, buf, len);
}

struct accounts *settings_accounts(const struct options *o, struct client_host *h, unsigned slots,
                                   uint64_t *last_id, struct accounts *old, struct epoch_reader *r,
                                   char err[SETTINGS_ERROR_MAX])
{
    struct accounts_config config = {
        .accounts = o->accounts,
        .account_count = o->account_count,
        .users = o->users,
        .user_count = o->user_count,
        .user = o->user,
        .password = o->password,
        .token = o->token,
        .no_auth_user = o->no_auth_user,
        .system_account = o->system_account,
        .no_system_account = o->no_system_account,
        .authorization_block = o->authorization,
        .tls_map_types = o->tls != NULL && o->tls->verify_and_map ? ACCOUNT_CONN_STANDARD : 0,
        .slots = slots,
        .random = random_bytes,
        .random_ctx = h->env,
        .last_id = last_id,
    };
    return accounts_new(&config, old, r, err, SETTINGS_ERROR_MAX);
}
