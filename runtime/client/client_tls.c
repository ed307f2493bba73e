#include "client/client_internal.h"

#include <stdlib.h>

#define SNIFF_BYTES          6 /* Go waits for that many before it looks at the first */
#define TLS_HANDSHAKE_RECORD 0x16
#define SECOND               ((int64_t)1000000000)

/* The order of a new connection (section 1.2): INFO, max_connections, TLS, timers. With "TLS first" INFO
 * comes last. */

static const struct client_settings *settings_of(const struct client *c)
{
    return client_settings(c->host);
}

/* ---- the handshake ---- */

static void on_tls_timeout(void *ctx)
{
    struct client *c = ctx;
    client_log(c, LOG_DBG, "TLS handshake error: %s", "timeout");
    client_close(c, CLOSE_TLS);
}

static void tell_rejected(void *ctx)
{
    struct client_loop *l = ctx;
    int64_t rejected = atomic_exchange(&l->host->tls_rejected, 0);
    log_wrn(l->host->log, "Rejected %lld connections due to TLS rate limiting", (long long)rejected);
}

/* At most N handshakes start in a window of one second that opens with the first attempt after the last one.
 */
static bool within_rate(struct client *c)
{
    struct client_host *h = c->host;
    uint32_t limit = settings_of(c)->tls_rate_limit;
    if (limit == 0)
        return true;
    int64_t now = c->conn.loop->now, start = atomic_load(&h->tls_window_start);
    if (start == 0 || now - start >= SECOND) {
        if (atomic_compare_exchange_strong(&h->tls_window_start, &start, now)) {
            atomic_store(&h->tls_window_count, 0);
        }
    }
    if (atomic_fetch_add(&h->tls_window_count, 1) < limit)
        return true;
    if (atomic_fetch_add(&h->tls_rejected, 1) == 0)
        net_arm(c->conn.loop, &client_loop(c)->rate_timer, now + SECOND, tell_rejected, client_loop(c));
    return false;
}

static void begin_handshake(struct client *c, slice first)
{
    if (!within_rate(c)) {
        client_err(c, "Connection throttling is active. Please try again later.");
        client_close(c, CLOSE_MAX_CONNS);
        return;
    }
    const struct client_settings *s = settings_of(c);
    client_log(c, LOG_DBG, "Starting TLS client connection handshake");
    c->stage = STAGE_HANDSHAKE;
    net_arm(c->conn.loop, &c->auth_timer, c->conn.loop->now + s->tls_timeout, on_tls_timeout, c);
    net_conn_tls(&c->conn, s->tls, first);
}

bool client_check_pin(struct client *c)
{
    const char **pins = settings_of(c)->tls_pins;
    char hex[65];
    if (pins == NULL || c->conn.tls == NULL || !net_tls_ready(c->conn.tls))
        return true;
    if (!net_tls_peer_pin(c->conn.tls, hex))
        return false;
    for (; *pins != NULL; pins++) {
        if (strcmp(*pins, hex) == 0)
            return true;
    }
    client_log(c, LOG_DBG, "Failed pinned cert test for key id: %s", hex);
    return false;
}

static void read_certificate(struct client *c)
{
    slice der = net_tls_peer_der(c->conn.tls);
    if (der.len > 0)
        c->cert = cert_identity_new(der);
    free((void *)(uintptr_t)der.ptr);
}

void client_secured(struct net_conn *conn, const char *error)
{
    struct client *c = client_of(conn);
    net_disarm(conn->loop, &c->auth_timer);
    if (error == NULL && !client_check_pin(c))
        error = "certificate not pinned";
    if (error != NULL) {
        /* Probes that speak no TLS are not worth an ERR line. */
        bool probe = strcmp(error, "wrong version number") == 0 || strcmp(error, "http request") == 0 ||
                     strcmp(error, "https proxy request") == 0; /* which is how a CONNECT begins, too */
        client_log(c, probe ? LOG_DBG : LOG_ERR, "TLS handshake error: %s", error);
        client_close(c, CLOSE_TLS);
        return;
    }
    if (settings_of(c)->tls_map)
        read_certificate(c);
    client_log(c, LOG_DBG, "TLS handshake complete");
    client_log(c, LOG_DBG, "TLS version %s, cipher suite %s", net_tls_version(conn->tls),
               net_tls_cipher(conn->tls));
    if (!c->info_sent)
        client_send_info(c, false, false);
    client_started(c);
}

/* ---- before the handshake ---- */

/* INFO is out in clear text; what the tls block asks for comes now. */
static void after_clear_info(struct client *c)
{
    switch (settings_of(c)->tls_mode) {
    case CLIENT_TLS_OFF:
        client_started(c);
        break;
    case CLIENT_TLS_REQUIRED:
        begin_handshake(c, SLICE_EMPTY);
        break;
    case CLIENT_TLS_AVAILABLE:
        client_begin_sniff(c);
        break;
    }
}

/* Nothing came that looks like TLS, and nothing more is waited for: what is there is plain text. */
void client_end_sniff(struct client *c)
{
    net_disarm(c->conn.loop, &c->auth_timer);
    net_conn_park(&c->conn);
    client_started(c);
    net_conn_resume(&c->conn);
}

static void on_sniff_timeout(void *ctx)
{
    client_end_sniff(ctx);
}

void client_begin_sniff(struct client *c)
{
    c->stage = STAGE_TLS_SNIFF;
    net_arm(c->conn.loop, &c->auth_timer, c->conn.loop->now + settings_of(c)->tls_timeout, on_sniff_timeout,
            c);
    net_conn_start(&c->conn);
}

/* No ClientHello came first: INFO in clear text, then the ordinary way. */
static void on_first_timeout(void *ctx)
{
    struct client *c = ctx;
    client_send_info(c, false, false);
    after_clear_info(c);
}

static void wait_for_first_byte(struct client *c)
{
    c->stage = STAGE_TLS_FIRST;
    net_arm(c->conn.loop, &c->auth_timer, c->conn.loop->now + settings_of(c)->tls_first_fallback,
            on_first_timeout, c);
    net_conn_start(&c->conn);
}

size_t client_sniff(struct client *c, slice in)
{
    if (c->stage == STAGE_HANDSHAKE)
        return 0;
    if (c->stage == STAGE_TLS_FIRST) {
        net_disarm(c->conn.loop, &c->auth_timer);
        begin_handshake(c, in);
        return in.len;
    }
    if (in.len < SNIFF_BYTES)
        return 0;
    net_disarm(c->conn.loop, &c->auth_timer);
    if (in.ptr[0] == TLS_HANDSHAKE_RECORD) {
        begin_handshake(c, in);
        return in.len;
    }
    client_started(c);
    return c->conn.closing ? 0 : client_bytes(&c->conn, in);
}

/* Reserve a place; false when the server is full: INFO is out, then the error. */
static bool reserve_place(struct client *c)
{
    struct client_host *h = c->host;
    c->counted = ledger_reserve(&h->connections, 1);
    if (c->counted)
        return true;
    client_log(c, LOG_ERR, "maximum connections exceeded");
    client_err(c, "maximum connections exceeded");
    client_close(c, CLOSE_MAX_CONNS);
    return false;
}

void client_begin_transport(struct client *c)
{
    const struct client_settings *s = settings_of(c);
    bool first = s->tls_mode != CLIENT_TLS_OFF && s->tls_first;
    client_make_nonce(c);
    if (!first)
        client_send_info(c, false, false);
    if (!reserve_place(c))
        return;
    if (!first)
        after_clear_info(c);
    else if (s->tls_first_fallback > 0)
        wait_for_first_byte(c);
    else
        begin_handshake(c, SLICE_EMPTY);
}
