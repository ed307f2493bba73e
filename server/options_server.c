/* The keys of the file's top level. */
#include "server/options_read.h"
#include <midge/duration.h>

/* ---- host and port ----------------------------------------------------------------------------------------
 */

/* "host:port", "[v6]:port" or ":port" into its parts, by the rules of Go's net.SplitHostPort. */
static bool split_host_port(slice s, slice *host, slice *port)
{
    const uint8_t *colon = s.len == 0 ? NULL : memrchr(s.ptr, ':', s.len);
    if (colon == NULL)
        return false;
    size_t at = (size_t)(colon - s.ptr);
    *host = slice_first(s, at);
    *port = slice_from(s, at + 1);
    if (s.ptr[0] == '[') {
        const uint8_t *end = memchr(s.ptr, ']', s.len);
        if (end == NULL || end + 1 != colon)
            return false;
        *host = slice_make(s.ptr + 1, at - 2);
    } else if (memchr(s.ptr, ':', at) != NULL) {
        return false;
    }
    return memchr(host->ptr, '[', host->len) == NULL && memchr(host->ptr, ']', host->len) == NULL &&
           memchr(port->ptr, '[', port->len) == NULL && memchr(port->ptr, ']', port->len) == NULL;
}

/* A decimal number with an optional sign. */
static bool parse_port(slice s, int64_t *port)
{
    size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
    int64_t n = 0;
    if (at == s.len)
        return false;
    for (size_t i = at; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9' || n > INT64_MAX / 10 - 1)
            return false;
        n = n * 10 + (s.ptr[i] - '0');
    }
    *port = at == 1 && s.ptr[0] == '-' ? -n : n;
    return true;
}

static bool set_listen(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    const struct cfg_value *v = e->value;
    slice host, port;
    int64_t number;
    if (v->type == CFG_INTEGER) {
        o->host = SLICE_EMPTY;
        o->port = opt_port(v->integer);
    } else if (v->type != CFG_STRING) {
        opt_error(r, v, "expected port or host:port, got %s", cfg_type_name(v->type));
    } else if (!split_host_port(v->string, &host, &port)) {
        opt_error(r, v, "could not parse address string %s", opt_quote(r, v->string));
    } else if (!parse_port(port, &number)) {
        opt_error(r, v, "could not parse port %s", opt_quote(r, port));
    } else {
        o->host = arena_copy(r->arena, host);
        o->port = opt_port(number);
    }
    return true;
}

static bool set_port(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    int64_t n;
    if (!opt_integer(r, e->value, &n))
        return false;
    ((struct options *)into)->port = opt_port(n);
    return true;
}

/* ---- single keys ------------------------------------------------------------------------------------------
 */

static bool set_server_name(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    slice name;
    if (!opt_string(r, e->value, &name))
        return false;
    if (memchr(name.ptr, ' ', name.len) != NULL)
        opt_error(r, e->value, "server name cannot contain spaces");
    else
        o->server_name = name;
    return true;
}

/* An int32 key; larger values are refused, smaller than INT32_MIN ones wrap in Go and are cut here. */
static bool read_int32(struct opt_reader *r, const struct cfg_entry *e, int32_t *out)
{
    int64_t n;
    if (!opt_integer(r, e->value, &n))
        return false;
    if (n > INT32_MAX)
        opt_error(r, e->value, "%.*s value is too big", OPT_S(e->key));
    else
        *out = n < INT32_MIN ? INT32_MIN : (int32_t)n;
    return true;
}

static bool set_max_payload(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_int32(r, e, &((struct options *)into)->max_payload);
}

static bool set_max_control_line(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    return read_int32(r, e, &((struct options *)into)->max_control_line);
}

/* 0 is not "unset": for it and for negative numbers Go refuses every connection. */
static bool set_max_connections(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    if (!opt_integer(r, e->value, &o->max_connections))
        return false;
    if (o->max_connections == 0)
        o->max_connections = -1;
    return true;
}

static bool set_max_sub_tokens(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    int64_t n;
    if (!opt_integer(r, e->value, &n))
        return false;
    if (n > UINT8_MAX)
        opt_error(r, e->value, "%.*s value is too big", OPT_S(e->key));
    else if (n <= 0)
        opt_error(r, e->value, "%.*s value can not be negative", OPT_S(e->key));
    else
        ((struct options *)into)->max_sub_tokens = (int)n;
    return true;
}

static bool set_write_timeout(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    slice s;
    if (!opt_string(r, e->value, &s))
        return false;
    if (slice_eq_str(s, "default"))
        o->write_timeout = OPT_WRITE_DEFAULT;
    else if (slice_eq_str(s, "close"))
        o->write_timeout = OPT_WRITE_CLOSE;
    else if (slice_eq_str(s, "retry"))
        o->write_timeout = OPT_WRITE_RETRY;
    else
        opt_error(r, e->value, "write_timeout must be 'default', 'close' or 'retry'");
    return true;
}

/* A duration that must be a string. false with the error reported; *stop tells whether the block ends. */
static bool read_duration_string(struct opt_reader *r, const struct cfg_entry *e, const char *name,
                                 int64_t *ns, bool *stop)
{
    slice s;
    *stop = !opt_string(r, e->value, &s);
    if (*stop)
        return false;
    const char *error = opt_duration_error(r, s, ns);
    if (error != NULL)
        opt_error(r, e->value, "error parsing %s: %s", name, error);
    return error == NULL;
}

static bool set_lame_duck_duration(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    char text[CODEC_DURATION_TEXT];
    int64_t ns;
    bool stop;
    if (!read_duration_string(r, e, "lame_duck_duration", &ns, &stop))
        return !stop;
    if (ns >= INT64_C(30000000000)) {
        ((struct options *)into)->lame_duck_duration_ns = ns;
        return true;
    }
    codec_duration_text(ns, text);
    opt_error(r, e->value, "invalid lame_duck_duration of %s, minimum is 30 seconds", text);
    return true;
}

static bool set_lame_duck_grace(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    int64_t ns;
    bool stop;
    if (!read_duration_string(r, e, "lame_duck_grace_period", &ns, &stop))
        return !stop;
    if (ns < 0)
        opt_error(r, e->value, "invalid lame_duck_grace_period, needs to be positive");
    else
        o->lame_duck_grace_ns = ns;
    return true;
}

/* Both also turn trace on or off. */
static bool set_trace_verbose(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    if (!opt_bool(r, e->value, &o->trace_verbose))
        return false;
    o->trace = o->trace_verbose;
    return true;
}

static bool set_trace_headers(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    struct options *o = into;
    if (!opt_bool(r, e->value, &o->trace_headers))
        return false;
    o->trace = o->trace_headers;
    return true;
}

static bool set_tls(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    ((struct options *)into)->tls = opt_read_tls(r, e->value);
    return true;
}

/* Taken before all other keys, by opt_read_server. */
static bool set_nothing(struct opt_reader *r, void *into, const struct cfg_entry *e)
{
    (void)r;
    (void)into;
    (void)e;
    return true;
}

/* ---- the table --------------------------------------------------------------------------------------------
 */

#define ROW(name, kind, member) OPT_KEY(name, kind, struct options, member)

static const struct opt_key keys[] = {
    OPT_KEY_SET("listen", set_listen),
    ROW("host", OPT_STRING, host),
    ROW("net", OPT_STRING, host),
    OPT_KEY_SET("port", set_port),
    OPT_KEY_SET("server_name", set_server_name),
    ROW("client_advertise", OPT_STRING, client_advertise),
    OPT_KEY_SET("max_connections", set_max_connections),
    OPT_KEY_SET("max_conn", set_max_connections),
    ROW("max_subscriptions", OPT_INTEGER, max_subscriptions),
    ROW("max_subs", OPT_INTEGER, max_subscriptions),
    OPT_KEY_SET("max_sub_tokens", set_max_sub_tokens),
    OPT_KEY_SET("max_subscription_tokens", set_max_sub_tokens),
    OPT_KEY_SET("max_control_line", set_max_control_line),
    OPT_KEY_SET("max_payload", set_max_payload),
    ROW("max_pending", OPT_INTEGER, max_pending),
    ROW("max_traced_msg_len", OPT_INTEGER, max_traced_msg_len),
    ROW("ping_interval", OPT_DURATION, ping_interval_ns),
    ROW("ping_max", OPT_INTEGER, ping_max),
    ROW("write_deadline", OPT_DURATION, write_deadline_ns),
    OPT_KEY_SET("write_timeout", set_write_timeout),
    ROW("no_header_support", OPT_BOOL, no_header_support),
    ROW("disable_sublist_cache", OPT_BOOL, no_sublist_cache),
    ROW("no_sublist_cache", OPT_BOOL, no_sublist_cache),
    ROW("no_fast_producer_stall", OPT_BOOL, no_fast_producer_stall),
    ROW("allow_non_tls", OPT_BOOL, allow_non_tls),
    OPT_KEY_SET("lame_duck_duration", set_lame_duck_duration),
    OPT_KEY_SET("lame_duck_grace_period", set_lame_duck_grace),
    OPT_KEY_SET("tls", set_tls),

    OPT_KEY_SET("authorization", opt_read_authorization),
    OPT_KEY_SET("accounts", opt_read_accounts),
    ROW("no_auth_user", OPT_STRING, no_auth_user),
    OPT_KEY_SET("system_account", set_nothing),
    OPT_KEY_SET("system", set_nothing),
    ROW("no_system_account", OPT_BOOL, no_system_account),
    ROW("no_system", OPT_BOOL, no_system_account),
    ROW("no_sys_acc", OPT_BOOL, no_system_account),

    ROW("debug", OPT_BOOL, debug),
    ROW("trace", OPT_BOOL, trace),
    OPT_KEY_SET("trace_verbose", set_trace_verbose),
    OPT_KEY_SET("trace_headers", set_trace_headers),
    ROW("logtime", OPT_BOOL, logtime),
    ROW("logtime_utc", OPT_BOOL, logtime_utc),
    ROW("logfile", OPT_STRING, log_file),
    ROW("log_file", OPT_STRING, log_file),
    ROW("logfile_size_limit", OPT_INTEGER, log_size_limit),
    ROW("log_size_limit", OPT_INTEGER, log_size_limit),
    ROW("logfile_max_num", OPT_INTEGER, log_max_files),
    ROW("log_max_num", OPT_INTEGER, log_max_files),
    ROW("syslog", OPT_BOOL, syslog),
    ROW("remote_syslog", OPT_STRING, remote_syslog),
    ROW("pidfile", OPT_STRING, pid_file),
    ROW("pid_file", OPT_STRING, pid_file),
    ROW("ports_file_dir", OPT_STRING, ports_file_dir),

    /* what Go can do and this server cannot yet */
    OPT_KEY_LATER("max_closed_clients"),
    OPT_KEY_LATER("proxy_protocol"),
    OPT_KEY_LATER("connect_error_reports"),
    OPT_KEY_LATER("reconnect_error_reports"),
    OPT_KEY_LATER("server_tags"),
    OPT_KEY_LATER("server_metadata"),
    OPT_KEY_LATER("feature_flags"),
    OPT_KEY_LATER("default_js_domain"),
    OPT_KEY_LATER("store_dir"),
    OPT_KEY_LATER("storedir"),
    OPT_KEY_LATER("mappings"),
    OPT_KEY_LATER("maps"),
    OPT_KEY_LATER("default_sentinel"),
    OPT_KEY_LATER("operator"),
    OPT_KEY_LATER("operators"),
    OPT_KEY_LATER("root"),
    OPT_KEY_LATER("roots"),
    OPT_KEY_LATER("root_operator"),
    OPT_KEY_LATER("root_operators"),
    OPT_KEY_LATER("trusted"),
    OPT_KEY_LATER("trusted_keys"),
    OPT_KEY_LATER("resolver"),
    OPT_KEY_LATER("account_resolver"),
    OPT_KEY_LATER("accounts_resolver"),
    OPT_KEY_LATER("resolver_tls"),
    OPT_KEY_LATER("resolver_preload"),
    OPT_KEY_LATER("resolver_pinned_accounts"),
    OPT_KEY_LATER("proxies"),
    OPT_KEY_LATER("http"),
    OPT_KEY_LATER("https"),
    OPT_KEY_LATER("http_port"),
    OPT_KEY_LATER("monitor_port"),
    OPT_KEY_LATER("https_port"),
    OPT_KEY_LATER("http_base_path"),
    OPT_KEY_LATER("prof_port"),
    OPT_KEY_LATER("prof_block_rate"),
    OPT_KEY_LATER("cluster"),
    OPT_KEY_LATER("gateway"),
    OPT_KEY_LATER("leaf"),
    OPT_KEY_LATER("leafnodes"),
    OPT_KEY_LATER("websocket"),
    OPT_KEY_LATER("ws"),
    OPT_KEY_LATER("mqtt"),
    OPT_KEY_LATER("jetstream"),
    OPT_KEY_LATER("ocsp"),
    OPT_KEY_LATER("ocsp_cache"),
};

static const struct opt_block server_block = {.keys = keys,
                                              .count = sizeof keys / sizeof keys[0],
                                              .unknown_before = "unknown field ",
                                              .unknown_after = ""};

/* Its name decides how others are judged, so it is taken first: only from keys in small letters. */
static void read_system_account(struct opt_reader *r, const struct cfg_map *root)
{
    const struct cfg_value *v = cfg_get(root, SLICE_LIT("system_account"));
    if (v == NULL)
        v = cfg_get(root, SLICE_LIT("system"));
    if (v == NULL)
        return;
    if (v->type != CFG_STRING)
        opt_error(r, v, "system account name must be a string");
    else
        r->o->system_account = arena_copy(r->arena, v->string);
}

/* A conversion error ends its own key only. */
void opt_read_server(struct opt_reader *r, const struct cfg_map *root)
{
    read_system_account(r, root);
    for (const struct cfg_entry *e = root->first; e != NULL; e = e->next) {
        struct cfg_entry one = {.key = e->key, .value = e->value};
        struct cfg_map single = {.first = &one, .last = &one, .count = 1};
        opt_read_block(r, &server_block, r->o, &single, NULL);
    }
}
