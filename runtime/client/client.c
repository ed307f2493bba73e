#include "client/client_internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <midge/duration.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ERR_LINE_MAX (2 * CLIENT_QUOTE_MAX + 256)
#define LINGER_NS    ((int64_t)1000000000) /* how long a closing connection may take its last bytes */
#define LINE_START   4096

/* ---- per loop ---- */

bool client_loop_init(struct client_loop *l, struct client_host *h, unsigned slot)
{
    *l = (struct client_loop){.host = h};
    env_random(h->env, &l->rng, sizeof l->rng);
    l->rng |= 1;
    l->scratch = sublist_scratch_new(slot);
    return l->scratch != NULL;
}

void client_loop_free(struct client_loop *l)
{
    assert(l->leaving == NULL);
    sublist_result_free(&l->result);
    sublist_scratch_free(l->scratch);
}

/* ---- what it says ---- */

void client_send(struct client *c, slice bytes)
{
    if (log_enabled(c->host->log, LOG_TRC))
        client_trace_out(c, bytes);
    net_conn_send(&c->conn, bytes);
}

void client_ok(struct client *c)
{
    if (c->verbose)
        client_send(c, SLICE_LIT("+OK\r\n"));
}

void client_err(struct client *c, const char *fmt, ...)
{
    const slice before = SLICE_LIT("-ERR '"), after = SLICE_LIT("'\r\n");
    char line[ERR_LINE_MAX];
    size_t room = sizeof line - before.len - after.len;
    va_list args;
    memcpy(line, before.ptr, before.len);
    va_start(args, fmt);
    int n = vsnprintf(line + before.len, room, fmt, args);
    va_end(args);
    size_t len = before.len + (n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1);
    memcpy(line + len, after.ptr, after.len);
    client_send(c, slice_make(line, len + after.len));
}

void client_log_at(struct client *c, enum log_level level, const char *fmt, ...)
{
    char text[LOG_SHORT_LINE], *longer = NULL;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (n >= (int)sizeof text && (longer = malloc((size_t)n + 1)) != NULL) {
        va_start(args, fmt);
        vsnprintf(longer, (size_t)n + 1, fmt, args);
        va_end(args);
    }
    log_at(c->host->log, level, "%s - %s", c->label, longer != NULL ? longer : text);
    free(longer);
}

const char *client_quote(slice bytes, char buf[CLIENT_QUOTE_MAX])
{
    struct codec_out out = codec_out_on(buf, CLIENT_QUOTE_MAX - 1);
    codec_quote(&out, bytes);
    buf[codec_out_ok(&out) ? out.len : out.cap] = '\0';
    return buf;
}

const char *client_duration(int64_t ns, char buf[CODEC_DURATION_TEXT])
{
    codec_duration_text(ns, buf);
    return buf;
}

/* ---- trouble of the transport ---- */

static void on_down(struct net_conn *conn, enum net_down why, int err)
{
    struct client *c = client_of(conn);
    switch (why) {
    case NET_DOWN_EOF:
        if (c->stage == STAGE_TLS_SNIFF)
            client_end_sniff(c);
        client_close(c, CLOSE_CLIENT);
        break;
    case NET_DOWN_READ:
        client_close(c, CLOSE_READ);
        break;
    case NET_DOWN_WRITE:
        client_log(c, LOG_DBG, "Error flushing: %s", strerror(-err));
        client_close(c, CLOSE_WRITE);
        break;
    case NET_DOWN_TOO_MUCH:
        counter_add(&client_loop(c)->counters.slow_consumers, 1);
        client_log(c, LOG_INF, "Slow Consumer Detected: MaxPending of %zu Exceeded", conn->out.max_pending);
        client_close(c, CLOSE_SLOW_PENDING);
        break;
    case NET_DOWN_SHUTDOWN:
        client_close(c, CLOSE_SHUTDOWN);
        break;
    case NET_DOWN_NO_MEMORY:
        client_log(c, LOG_ERR, "out of memory");
        client_close(c, CLOSE_SLOW_PENDING);
        break;
    }
}

static void on_late(struct net_conn *conn, size_t chunks, size_t bytes, bool wrote)
{
    struct client *c = client_of(conn);
    const struct client_settings *s = client_settings(c->host);
    char took[CODEC_DURATION_TEXT];
    if (c->auth_required && !c->connected) {
        client_close(c, CLOSE_SLOW_DEADLINE);
        return;
    }
    bool again = c->slow;
    c->slow = true;
    counter_add(&client_loop(c)->counters.slow_consumers, 1);
    client_log(c, LOG_INF,
               "Slow Consumer %s: WriteDeadline of %s exceeded with %zu chunks of %zu total bytes.",
               again ? "State" : "Detected", client_duration(conn->write_deadline, took), chunks, bytes);
    if (!s->write_retry || !wrote)
        client_close(c, CLOSE_SLOW_DEADLINE);
}

static void on_caught_up(struct net_conn *conn, int64_t took_ns, size_t chunks, size_t bytes)
{
    struct client *c = client_of(conn);
    c->slow = false;
    client_log(c, LOG_INF, "Slow Consumer Recovered: Flush took %.3fs with %zu chunks of %zu total bytes.",
               (double)took_ns / 1e9, chunks, bytes);
}

/* ---- the end ---- */

/* How long what lies in the outbox may still be written. At a shutdown as long as any write, so that a reader
 * that is only slow gets its messages whole. */
static int64_t linger_of(const struct client *c, enum close_reason why)
{
    if (why == CLOSE_READ || why == CLOSE_WRITE || why == CLOSE_SLOW_PENDING || why == CLOSE_SLOW_DEADLINE ||
        why == CLOSE_TLS)
        return 0;
    return why == CLOSE_SHUTDOWN && c->conn.write_deadline > 0 ? c->conn.write_deadline : LINGER_NS;
}

void client_close(struct client *c, enum close_reason why)
{
    if (c->conn.closing)
        return;
    c->reason = why;
    struct net_loop *l = c->conn.loop;
    net_disarm(l, &c->auth_timer);
    net_disarm(l, &c->ping_timer);
    net_disarm(l, &c->stall_timer);
    client_auth_cancel(c);
    net_conn_seal(&c->conn);
    client_log(c, LOG_DBG, "Client connection closed: %s", close_reason_text(why));
    client_drop_all_subs(c);
    client_unbind(c);
    client_events_free(c);
    net_conn_close(&c->conn, linger_of(c, why));
}

static void on_closed(struct net_conn *conn)
{
    struct client *c = client_of(conn);
    if (c->reason == 0) {
        /* The loop ends and takes its connections with it. */
        c->conn.closing = false;
        client_close(c, CLOSE_SHUTDOWN);
        c->conn.closing = true;
    }
    if (c->counted)
        ledger_release(&c->host->connections, 1);
    c->counted = false;
}

static void on_free(struct net_conn *conn)
{
    struct client *c = client_of(conn);
    free(c->options);
    cert_identity_free(c->cert);
    free(c->expired);
    free(c->first_label);
    free(c->label);
    free(c);
}

static const struct net_conn_handler client_handler = {
    .bytes = client_bytes,
    .sunk = client_sunk,
    .secured = client_secured,
    .attention = client_attention,
    .down = on_down,
    .late = on_late,
    .caught_up = on_caught_up,
    .closed = on_closed,
    .free = on_free,
};

/* ---- the beginning ---- */

struct client *client_of(struct net_conn *conn)
{
    return (struct client *)conn;
}

static void describe_peer(struct client *c)
{
    struct env_addr peer;
    if (env_pipe_addrs(c->conn.pipe, NULL, &peer) < 0)
        return;
    if (peer.sa.ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&peer.sa;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
            inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], c->ip, sizeof c->ip);
        else
            inet_ntop(AF_INET6, &in6->sin6_addr, c->ip, sizeof c->ip);
        c->port = ntohs(in6->sin6_port);
    } else {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)&peer.sa;
        inet_ntop(AF_INET, &in4->sin_addr, c->ip, sizeof c->ip);
        c->port = ntohs(in4->sin_port);
    }
}

static bool make_label(struct client *c)
{
    char text[96];
    bool v6 = strchr(c->ip, ':') != NULL;
    snprintf(text, sizeof text, "%s%s%s:%u - cid:%llu", v6 ? "[" : "", c->ip, v6 ? "]" : "", c->port,
             (unsigned long long)c->cid);
    c->label = strdup(text);
    return c->label != NULL;
}

static void apply_settings(struct client *c, const struct client_settings *s)
{
    c->parser.max_control_line = s->max_control_line;
    c->conn.write_deadline = s->write_deadline;
    c->max_payload = s->max_payload < 0 ? UINT32_MAX : (uint32_t)s->max_payload;
    c->max_subs = s->max_subs;
    if (c->account == NULL)
        return;
    /* The smaller of what the server and the account allow. */
    int64_t payload = atomic_load(&c->account->max_payload),
            subs = atomic_load(&c->account->max_subscriptions);
    if (payload >= 0 && payload < (int64_t)c->max_payload)
        c->max_payload = (uint32_t)payload;
    if (subs >= 0 && (c->max_subs == 0 || subs < (int64_t)c->max_subs))
        c->max_subs = (uint32_t)subs;
}

void client_settings_changed(struct client *c)
{
    apply_settings(c, client_settings(c->host));
}

static void init(struct client *c, struct client_host *h)
{
    c->host = h;
    c->cid = atomic_fetch_add(&h->next_cid, 1);
    c->verbose = c->pedantic = c->echo = true;
    c->start = c->last_active = c->conn.loop->now;
    env_random(h->env, &c->subs.seed, sizeof c->subs.seed);
    codec_client_init(&c->parser);
    const struct client_settings *s = client_settings(h);
    const struct accounts *t = accounts_now(&h->accounts);
    c->judged_by = accounts_generation(t);
    c->auth_required = accounts_auth_required(t);
    client_bind(c, accounts_global(t), NULL); /* without a limit: it never refuses */
    apply_settings(c, s);
    describe_peer(c);
}

void client_accept(struct client_host *h, struct net_loop *l, struct env_pipe *pipe)
{
    size_t size = (sizeof(struct client) + OUTBOX_ALIGN - 1) / OUTBOX_ALIGN * OUTBOX_ALIGN; /* a multiple */
    struct client *c = aligned_alloc(OUTBOX_ALIGN, size);
    if (c == NULL) {
        log_err(h->log, "out of memory for a client connection");
        env_pipe_close(pipe, true);
        return;
    }
    memset(c, 0, size);
    int rc = net_conn_init(&c->conn, l, pipe, &client_handler, client_settings(h)->max_pending);
    if (rc < 0) {
        log_err(h->log, "client connection: %s", strerror(-rc));
        free(c);
        return;
    }
    init(c, h);
    if (!make_label(c)) {
        net_conn_close_now(&c->conn, true);
        return;
    }
    counter_add(&client_loop(c)->counters.total, 1);
    client_log(c, LOG_DBG, "Client connection created");
    client_begin_transport(c);
}

void client_started(struct client *c)
{
    const struct client_settings *s = client_settings(c->host);
    c->stage = STAGE_OPEN;
    if (c->auth_required)
        net_arm(c->conn.loop, &c->auth_timer, c->conn.loop->now + s->auth_timeout, client_auth_timeout, c);
    client_arm_ping(c, s->ping_interval);
    net_conn_start(&c->conn);
}

void client_shed(struct client *c)
{
    client_err(c, "maximum connections exceeded");
    client_close(c, CLOSE_MAX_CONNS);
}

/* ---- names of reasons ---- */

const char *close_reason_text(enum close_reason why)
{
    static const char *const texts[] = {
        [CLOSE_CLIENT] = "Client Closed",
        [CLOSE_AUTH_TIMEOUT] = "Authentication Timeout",
        [CLOSE_AUTH] = "Authentication Failure",
        [CLOSE_TLS] = "TLS Handshake Failure",
        [CLOSE_SLOW_PENDING] = "Slow Consumer (Pending Bytes)",
        [CLOSE_SLOW_DEADLINE] = "Slow Consumer (Write Deadline)",
        [CLOSE_WRITE] = "Write Error",
        [CLOSE_READ] = "Read Error",
        [CLOSE_PARSE] = "Parse Error",
        [CLOSE_STALE] = "Stale Connection",
        [CLOSE_PROTOCOL] = "Protocol Violation",
        [CLOSE_BAD_VERSION] = "Bad Client Protocol Version",
        [CLOSE_WRONG_PORT] = "Incorrect Port",
        [CLOSE_MAX_ACCOUNT_CONNS] = "Maximum Account Connections Exceeded",
        [CLOSE_MAX_CONNS] = "Maximum Connections Exceeded",
        [CLOSE_MAX_PAYLOAD] = "Maximum Message Payload Exceeded",
        [CLOSE_MAX_CONTROL_LINE] = "Maximum Control Line Exceeded",
        [CLOSE_MAX_SUBS] = "Maximum Subscriptions Exceeded",
        [CLOSE_DUPLICATE_ROUTE] = "Duplicate Route",
        [CLOSE_ROUTE_REMOVED] = "Route Removed",
        [CLOSE_SHUTDOWN] = "Server Shutdown",
        [CLOSE_AUTH_EXPIRED] = "Authentication Expired",
        [CLOSE_WRONG_GATEWAY] = "Wrong Gateway",
        [CLOSE_MISSING_ACCOUNT] = "Missing Account",
        [CLOSE_REVOKED] = "Credentials Revoked",
        [CLOSE_INTERNAL] = "Internal Client",
        [CLOSE_MSG_HEADER] = "Message Header Violation",
        [CLOSE_NO_RESPONDERS_HEADERS] = "No Responders Requires Headers",
        [CLOSE_CLUSTER_NAME] = "Cluster Name Conflict",
        [CLOSE_DUPLICATE_LEAF] = "Duplicate Remote LeafNode Connection",
        [CLOSE_DUPLICATE_CLIENT_ID] = "Duplicate Client ID",
        [CLOSE_DUPLICATE_SERVER_NAME] = "Duplicate Server Name",
        [CLOSE_MIN_VERSION] = "Minimum Version Required",
        [CLOSE_CLUSTER_NAMES_IDENTICAL] = "Cluster Names Identical",
        [CLOSE_KICKED] = "Kicked",
        [CLOSE_PROXY_NOT_TRUSTED] = "Proxy Not Trusted",
        [CLOSE_PROXY_REQUIRED] = "Proxy Required",
    };
    size_t n = (size_t)why;
    return n > 0 && n < sizeof texts / sizeof texts[0] ? texts[n] : "Unknown State";
}
