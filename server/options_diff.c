#include "server/options_diff.h"
#include "base/arena.h"
#include "base/float_text.h"
#include <inttypes.h>
#include <midge/duration.h>
#include <stdlib.h>

struct compare {
    const struct options *a, *b; /* before, after */
    int bound_port;
    struct arena *arena;
    struct options_diff *out;
};

#define S(s) (int)(s).len, (const char *)(s).ptr

/* ---- results ----------------------------------------------------------------------------------------------
 */

static void add(struct compare *c, enum options_area area, slice line)
{
    if (c->out->count < OPTIONS_CHANGES_MAX)
        c->out->changes[c->out->count++] = (struct options_change){area, line};
    c->out->areas |= (unsigned)area;
}

__attribute__((format(printf, 3, 4))) static void changed(struct compare *c, enum options_area area,
                                                          const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(c, area, arena_vprintf(c->arena, fmt, args));
    va_end(args);
}

static void fail(struct compare *c, slice text)
{
    if (c->out->error == NULL)
        c->out->error = text.ptr == NULL ? "out of memory" : (const char *)text.ptr;
}

static void fixed(struct compare *c, const char *name, slice before, slice after)
{
    fail(c, arena_printf(c->arena, "config reload not supported for %s: old=%.*s, new=%.*s", name, S(before),
                         S(after)));
}

/* ---- options that may not change --------------------------------------------------------------------------
 */

static void fixed_text(struct compare *c, const char *name, slice before, slice after)
{
    if (!slice_eq(before, after))
        fixed(c, name, before, after);
}

static void fixed_number(struct compare *c, const char *name, int64_t before, int64_t after)
{
    if (before != after)
        fixed(c, name, arena_printf(c->arena, "%" PRId64, before), arena_printf(c->arena, "%" PRId64, after));
}

static slice word(bool on)
{
    return on ? SLICE_LIT("true") : SLICE_LIT("false");
}

static void fixed_bool(struct compare *c, const char *name, bool before, bool after)
{
    if (before != after)
        fixed(c, name, word(before), word(after));
}

static void fixed_duration(struct compare *c, const char *name, int64_t before, int64_t after)
{
    char x[CODEC_DURATION_TEXT], y[CODEC_DURATION_TEXT];
    if (before != after)
        fixed(c, name, slice_make(x, codec_duration_text(before, x)),
              slice_make(y, codec_duration_text(after, y)));
}

/* A random port stays what it is. */
static void fixed_port(struct compare *c)
{
    int before = c->a->port < 0 ? c->bound_port : c->a->port;
    int after = c->b->port < 0 ? before : c->b->port;
    fixed_number(c, "Port", before, after);
}

/* Removing it is fine when its user goes, too. */
static void fixed_no_auth_user(struct compare *c)
{
    slice before = c->a->no_auth_user, after = c->b->no_auth_user;
    bool there = after.len > 0 || before.len == 0;
    for (size_t i = 0; i < c->b->user_count; i++)
        there = there || slice_eq(c->b->users[i].user, before);
    if (there)
        fixed_text(c, "NoAuthUser", before, after);
}

static void fixed_system_account(struct compare *c)
{
    slice before = c->a->system_account, after = c->b->system_account;
    if (after.len > 0 || !slice_eq_str(before, OPTIONS_SYSTEM_ACCOUNT))
        fixed_text(c, "SystemAccount", before, after);
}

static slice write_timeout_name(enum opt_write_timeout t)
{
    return t == OPT_WRITE_CLOSE   ? SLICE_LIT("close")
           : t == OPT_WRITE_RETRY ? SLICE_LIT("retry")
                                  : SLICE_LIT("");
}

/* ---- options that may -------------------------------------------------------------------------------------
 */

static void free_bool(struct compare *c, enum options_area area, const char *key, bool before, bool after)
{
    if (before != after)
        changed(c, area, "Reloaded: %s = %s", key, after ? "true" : "false");
}

static void free_number(struct compare *c, enum options_area area, const char *key, int64_t before,
                        int64_t after)
{
    if (before != after)
        changed(c, area, "Reloaded: %s = %" PRId64, key, after);
}

static void free_text(struct compare *c, enum options_area area, const char *key, slice before, slice after)
{
    if (!slice_eq(before, after))
        changed(c, area, "Reloaded: %s = %.*s", key, S(after));
}

static void free_duration(struct compare *c, enum options_area area, const char *what, const char *between,
                          int64_t before, int64_t after)
{
    char text[CODEC_DURATION_TEXT];
    codec_duration_text(after, text);
    if (before != after)
        changed(c, area, "Reloaded: %s%s%s", what, between, text);
}

static void free_seconds(struct compare *c, enum options_area area, const char *key, double before,
                         double after)
{
    char text[FLOAT_TEXT_MAX];
    if (before < after || before > after)
        changed(c, area, "Reloaded: %s = %s", key, float_text(after, text));
}

static void free_secret(struct compare *c, const char *what, slice before, slice after)
{
    if (!slice_eq(before, after))
        changed(c, OPTIONS_AREA_ACCOUNTS, "Reloaded: authorization %s", what);
}

static void free_advertise(struct compare *c)
{
    slice host;
    int64_t port;
    if (slice_eq(c->a->client_advertise, c->b->client_advertise))
        return;
    const char *error = options_advertise(c->b, c->bound_port, &host, &port);
    if (error != NULL)
        fail(c, arena_printf(c->arena, "invalid ClientAdvertise value of %.*s, err=%s",
                             S(c->b->client_advertise), error));
    changed(c, OPTIONS_AREA_ADVERTISE, "Reload: client_advertise = %.*s", S(c->b->client_advertise));
}

/* ---- users ------------------------------------------------------------------------------------------------
 */

static bool list_eq(const struct permission_list *a, const struct permission_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = slice_eq(a->items[i].subject, b->items[i].subject) &&
               slice_eq(a->items[i].queue, b->items[i].queue);
    return same;
}

static bool rules_eq(const struct permission_rules *a, const struct permission_rules *b)
{
    return list_eq(&a->allow, &b->allow) && list_eq(&a->deny, &b->deny) && a->restricted == b->restricted;
}

static bool permissions_eq(const struct permissions_config *a, const struct permissions_config *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return rules_eq(&a->publish, &b->publish) && rules_eq(&a->subscribe, &b->subscribe) &&
           a->responses == b->responses && a->max_responses == b->max_responses &&
           a->response_ns == b->response_ns;
}

static bool user_eq(const struct user_config *a, const struct user_config *b)
{
    return slice_eq(a->nkey, b->nkey) && slice_eq(a->account, b->account) &&
           a->connection_types == b->connection_types && permissions_eq(a->permissions, b->permissions);
}

static int by_nkey(const void *a, const void *b)
{
    return slice_cmp((*(const struct user_config *const *)a)->nkey,
                     (*(const struct user_config *const *)b)->nkey);
}

/* The users with nkeys, sorted by them. NULL when out of memory. */
static const struct user_config **nkey_users(const struct options *o, struct arena *arena, size_t *count)
{
    const struct user_config **list = arena_array(arena, o->user_count + 1, sizeof(struct user_config *));
    *count = 0;
    for (size_t i = 0; list != NULL && i < o->user_count; i++)
        if (o->users[i].nkey.len > 0)
            list[(*count)++] = &o->users[i];
    if (*count > 0)
        qsort(list, *count, sizeof(struct user_config *), by_nkey);
    return list;
}

static void free_nkey_users(struct compare *c)
{
    size_t n, m;
    const struct user_config **a = nkey_users(c->a, c->arena, &n), **b = nkey_users(c->b, c->arena, &m);
    if (a == NULL || b == NULL) {
        fail(c, SLICE_EMPTY);
        return;
    }
    bool same = n == m;
    for (size_t i = 0; same && i < n; i++)
        same = user_eq(a[i], b[i]);
    if (!same)
        changed(c, OPTIONS_AREA_ACCOUNTS, "Reloaded: authorization nkey users");
}

/* ---- TLS --------------------------------------------------------------------------------------------------
 */

static const struct opt_tls no_tls = {.timeout_s = 2};

static const struct opt_tls *tls_of(const struct options *o)
{
    return o->tls == NULL ? &no_tls : o->tls;
}

/* What makes up the context that new connections get. */
static bool context_eq(const struct opt_tls *a, const struct opt_tls *b)
{
    return memcmp(a->content, b->content, sizeof a->content) == 0 && a->verify == b->verify &&
           a->insecure == b->insecure && a->min_version == b->min_version &&
           slice_eq(a->ciphers, b->ciphers) && slice_eq(a->curves, b->curves) &&
           (a->ca_file.len == 0) == (b->ca_file.len == 0);
}

static bool pins_eq(const struct opt_list *a, const struct opt_list *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < b->count; k++)
            found = slice_eq(a->items[i], b->items[k]);
        same = found;
    }
    return same;
}

static void compare_tls(struct compare *c)
{
    const struct opt_tls *a = tls_of(c->a), *b = tls_of(c->b);
    free_seconds(c, OPTIONS_AREA_TLS, "tls timeout", a->timeout_s, b->timeout_s);
    fixed_bool(c, "TLSMap", a->verify_and_map, b->verify_and_map);
    if ((c->a->tls == NULL) != (c->b->tls == NULL) || !context_eq(a, b))
        changed(c, OPTIONS_AREA_TLS, "Reloaded: tls = %s", c->b->tls == NULL ? "disabled" : "enabled");
    if (!pins_eq(&a->pinned, &b->pinned))
        changed(c, OPTIONS_AREA_PINS, "Reloaded: %zu pinned_certs", b->pinned.count);
    fixed_number(c, "TLSRateLimit", a->rate_limit, b->rate_limit);
    if ((a->first == OPT_TLS_FIRST_OFF) != (b->first == OPT_TLS_FIRST_OFF))
        changed(c, OPTIONS_AREA_TLS, "Reloaded: Client TLS handshake first: %s",
                b->first == OPT_TLS_FIRST_OFF ? "false" : "true");
    free_duration(c, OPTIONS_AREA_TLS, "Client TLS handshake first fallback delay", ": ", a->first_delay_ns,
                  b->first_delay_ns);
    fixed_bool(c, "AllowNonTLS", c->a->allow_non_tls, c->b->allow_non_tls);
}

/* ---- all, in Go's order -----------------------------------------------------------------------------------
 */

static void compare_first(struct compare *c)
{
    const struct options *a = c->a, *b = c->b;
    fixed_text(c, "ServerName", a->server_name, b->server_name);
    fixed_text(c, "Host", a->host, b->host);
    fixed_port(c);
    free_advertise(c);
    free_bool(c, OPTIONS_AREA_LOG, "trace", a->trace, b->trace);
    free_bool(c, OPTIONS_AREA_LOG, "debug", a->debug, b->debug);
    free_bool(c, OPTIONS_AREA_LOG, "trace_verbose", a->trace_verbose, b->trace_verbose);
    free_bool(c, OPTIONS_AREA_LOG, "trace_headers", a->trace_headers, b->trace_headers);
    fixed_bool(c, "NoSublistCache", a->no_sublist_cache, b->no_sublist_cache);
    fixed_bool(c, "NoHeaderSupport", a->no_header_support, b->no_header_support);
    free_bool(c, OPTIONS_AREA_LOG, "logtime", a->logtime, b->logtime);
    free_bool(c, OPTIONS_AREA_LOG, "logtime_utc", a->logtime_utc, b->logtime_utc);
    free_number(c, OPTIONS_AREA_CONNECTIONS, "max_connections", a->max_connections_given,
                b->max_connections_given);
    fixed_number(c, "MaxSubs", a->max_subscriptions, b->max_subscriptions);
    fixed_number(c, "MaxSubTokens", a->max_sub_tokens, b->max_sub_tokens);
}

static void compare_who(struct compare *c)
{
    const struct options *a = c->a, *b = c->b;
    free_nkey_users(c);
    changed(c, OPTIONS_AREA_ACCOUNTS, "Reloaded: authorization users");
    changed(c, OPTIONS_AREA_ACCOUNTS, "Reloaded: accounts");
    fixed_no_auth_user(c);
    fixed_system_account(c);
    fixed_bool(c, "NoSystemAccount", a->no_system_account, b->no_system_account);
    free_secret(c, "username", a->user, b->user);
    free_secret(c, "password", a->password, b->password);
    free_secret(c, "token", a->token, b->token);
}

static void compare_limits(struct compare *c)
{
    const struct options *a = c->a, *b = c->b;
    free_duration(c, OPTIONS_AREA_CLIENTS, "ping_interval", " = ", a->ping_interval_ns, b->ping_interval_ns);
    free_number(c, OPTIONS_AREA_CLIENTS, "ping_max", a->ping_max, b->ping_max);
    free_seconds(c, OPTIONS_AREA_CLIENTS, "authorization timeout", a->auth_timeout_s, b->auth_timeout_s);
    free_number(c, OPTIONS_AREA_CLIENTS, "max_control_line", a->max_control_line, b->max_control_line);
    free_number(c, OPTIONS_AREA_CLIENTS, "max_payload", a->max_payload, b->max_payload);
    fixed_number(c, "MaxPending", a->max_pending, b->max_pending);
    if (a->no_fast_producer_stall != b->no_fast_producer_stall)
        changed(c, OPTIONS_AREA_CLIENTS, "Reloaded: fast producers will %sbe stalled",
                b->no_fast_producer_stall ? "not " : "");
}

static void compare_files(struct compare *c)
{
    const struct options *a = c->a, *b = c->b;
    if (b->pid_file.len > 0)
        free_text(c, OPTIONS_AREA_PID_FILE, "pid_file", a->pid_file, b->pid_file);
    free_text(c, OPTIONS_AREA_PORTS_FILE, "ports_file_dir", a->ports_file_dir, b->ports_file_dir);
    free_text(c, OPTIONS_AREA_LOG, "log_file", a->log_file, b->log_file);
    fixed_number(c, "LogSizeLimit", a->log_size_limit, b->log_size_limit);
    fixed_number(c, "LogMaxFiles", a->log_max_files, b->log_max_files);
    free_bool(c, OPTIONS_AREA_LOG, "syslog", a->syslog, b->syslog);
    free_text(c, OPTIONS_AREA_LOG, "remote_syslog", a->remote_syslog, b->remote_syslog);
}

static void compare_last(struct compare *c)
{
    const struct options *a = c->a, *b = c->b;
    free_duration(c, OPTIONS_AREA_CLIENTS, "write_deadline", " = ", a->write_deadline_ns,
                  b->write_deadline_ns);
    fixed_text(c, "WriteTimeout", write_timeout_name(a->write_timeout), write_timeout_name(b->write_timeout));
    free_number(c, OPTIONS_AREA_CLIENTS, "max_traced_msg_len", a->max_traced_msg_len, b->max_traced_msg_len);
    fixed_duration(c, "LameDuckDuration", a->lame_duck_duration_ns, b->lame_duck_duration_ns);
    fixed_duration(c, "LameDuckGracePeriod", a->lame_duck_grace_ns, b->lame_duck_grace_ns);
}

void options_compare(const struct options *before, const struct options *after, int bound_port,
                     struct arena *arena, struct options_diff *out)
{
    struct compare c = {.a = before, .b = after, .bound_port = bound_port, .arena = arena, .out = out};
    *out = (struct options_diff){.error = NULL};
    compare_first(&c);
    compare_who(&c);
    compare_limits(&c);
    compare_files(&c);
    compare_tls(&c);
    compare_last(&c);
}
