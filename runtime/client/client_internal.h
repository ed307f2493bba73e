/* client_internal.h: what the files of runtime/client share; nobody else includes it. */
#ifndef CLIENT_INTERNAL_H
#define CLIENT_INTERNAL_H

#include "account/permissions.h"
#include "client/client.h"
#include "client/sid_map.h"
#include "net/conn.h"
#include <midge/client.h>
#include <midge/quote.h>
#include "account/auth.h"
#include "account/certmap.h"
#include <midge/connect.h>
#include <midge/duration.h>

/* Where a connection stands before its bytes go to the parser. */
enum client_stage {
    STAGE_OPEN,      /* lines are parsed */
    STAGE_TLS_FIRST, /* waiting whether a ClientHello comes before INFO */
    STAGE_TLS_SNIFF, /* INFO is sent; waiting for 6 bytes that tell TLS from plain text */
    STAGE_HANDSHAKE, /* TLS handshake under way */
};

/* A PUB whose payload has not all arrived: its line, kept because the read buffer moves on, and, when the
 * payload is large, the body that it is read into. */
struct pending_pub {
    struct body *body;           /* NULL: the payload comes through the spill */
    bool skip;                   /* refused: read past it */
    struct codec_client_pub pub; /* slices point into text */
    uint8_t text[];
};

/* A flag of struct sub that this layer owns: a deny rule overlaps the subject, each delivery is checked. */
#define CLIENT_SUB_CHECK_DENY 0x80

/* Quoted subjects in errors are cut here. */
#define CLIENT_QUOTE_MAX 16640

struct client {
    struct net_conn conn; /* first: a client is its connection */
    struct client_host *host;
    uint64_t cid;
    struct account *account;   /* NULL until it is bound */
    struct permissions *perms; /* NULL: everything is allowed */
    struct codec_client parser;
    struct sid_map subs;
    struct pending_pub *pending;
    struct client_options *options; /* what CONNECT said; NULL before the first one */
    struct permissions_cache *publish_cache;
    struct permissions_replies replies; /* that allow_responses opened; under the outbox lock */
    struct cert_identity *cert;         /* of the peer's certificate, when it names the user */
    struct auth_attempt *auth;          /* a password hash is being computed elsewhere */
    struct sub **expired; /* auto-unsubscribed, to be removed by the owner; under the outbox lock */
    uint32_t expired_count, expired_cap;
    bool expired_lost;     /* there was no memory for one: look through all */
    _Atomic(char *) label; /* "127.0.0.1:5000 - cid:7" and what the first CONNECT adds; read by any loop */
    char *first_label;     /* the one without, kept for who may be reading it */
    struct net_timer auth_timer; /* auth timeout; before that TLS timeouts */
    struct net_timer ping_timer;
    struct net_timer stall_timer;
    int64_t start, last_active; /* monotonic ns */
    int64_t rtt;                /* ns; 0: not measured */
    int64_t rtt_start;          /* when the last PING was sent; 0: none yet */
    int64_t stall_budget;       /* ns left of this read's 10 ms */
    int64_t stalled_for;        /* ns to wait before the next message; set by a delivery */
    int64_t stall_wait;         /* ns of the wait under way */
    uint64_t judged_by; /* generation of the accounts that it began or was authenticated with, the latest */
    uint64_t consumed;  /* bytes of the stream that the parser is done with */
    uint64_t in_msgs, in_bytes;
    uint32_t max_payload; /* of this connection; UINT32_MAX: no limit */
    uint32_t max_subs;
    uint32_t pings_out;
    enum close_reason reason;
    uint8_t stage;
    _Atomic bool attention; /* `expired` is not empty */
    bool verbose, pedantic, echo, headers, no_responders;
    bool auth_required, connected, first_pong_sent, info_sent_after_connect;
    bool authenticated; /* bound by a check, not by default */
    bool counted;       /* counted against max_connections */
    bool slow;          /* a write deadline passed and what was late is not written yet */
    bool info_sent;
    uint8_t protocol;
    char ip[INET6_ADDRSTRLEN];
    uint16_t port;
    char nonce[16]; /* 15 characters, or empty */
};

/* A message on its way to subscribers. `payload` is size bytes with CRLF behind them. */
struct message {
    slice subject, reply, size_text, hdr_text, payload;
    uint32_t hdr_size;
    struct body *body; /* shares the payload when it is large; made at the first need */
};

static inline struct client_loop *client_loop(const struct client *c)
{
    return c->conn.loop->user;
}

static inline struct log *client_logger(const struct client *c)
{
    return c->host->log;
}

/* Add to a counter that only this loop writes. */
static inline void counter_add(_Atomic uint64_t *n, uint64_t by)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + by, memory_order_relaxed);
}

/* client.c */
void client_send(struct client *c, slice bytes);
void client_ok(struct client *c); /* +OK in verbose mode */
/* Queue -ERR 'text' (cut at 4 KiB), made by a printf format. */
__attribute__((format(printf, 2, 3))) void client_err(struct client *c, const char *fmt, ...);
void client_started(struct client *c); /* TLS is settled: timers run, lines are parsed */
/* A line about this client, with its label in front. The arguments are evaluated only when the level is on.
 */
__attribute__((format(printf, 3, 4))) void client_log_at(struct client *c, enum log_level level,
                                                         const char *fmt, ...);
#define client_log(c, level, ...)                     \
    do {                                              \
        if (log_enabled((c)->host->log, (level)))     \
            client_log_at((c), (level), __VA_ARGS__); \
    } while (0)

/* The same from bytes of the network that a format would cut at a NUL. */
void client_log_parts(struct client *c, enum log_level level, const slice *parts, size_t count);
#define CLIENT_LOG_PARTS(c, level, ...)                                               \
    do {                                                                              \
        if (log_enabled((c)->host->log, (level))) {                                   \
            const slice parts_[] = {__VA_ARGS__};                                     \
            client_log_parts((c), (level), parts_, sizeof parts_ / sizeof parts_[0]); \
        }                                                                             \
    } while (0)

/* client_events.c: lines to actions */
size_t client_bytes(struct net_conn *conn, slice in);
void client_sunk(struct net_conn *conn);
void client_events_free(struct client *c);

/* client_tls.c */
void client_begin_transport(struct client *c);
void client_begin_sniff(struct client *c);
void client_end_sniff(struct client *c);
size_t client_sniff(struct client *c, slice in);
void client_secured(struct net_conn *conn, const char *error);

/* %q of untrusted bytes, NUL-terminated, cut to CLIENT_QUOTE_MAX; returns buf. */
const char *client_quote(slice bytes, char buf[CLIENT_QUOTE_MAX]);

/* A duration as Go's logs write it; returns buf. */
const char *client_duration(int64_t ns, char buf[CODEC_DURATION_TEXT]);

/* client_info.c */
void client_send_info(struct client *c, bool after_connect, bool lame_duck);
void client_make_nonce(struct client *c);

/* client_connect.c */
void client_connect(struct client *c, slice json);
bool client_gate(struct client *c, slice in); /* false: the bytes may not be parsed now */
void client_auth_timeout(void *ctx);
void client_auth_cancel(struct client *c);
void client_unbind(struct client *c);
/* Who it is, for the log: `User "a"` and the like. */
void client_identity(struct client *c, char text[AUTH_NOTE_MAX]);
void client_settings_changed(struct client *c);
bool client_bind(struct client *c, struct account *account, struct permissions *perms);

/* client_sub.c */
void client_sub(struct client *c, const struct codec_client_sub *ev);
void client_unsub(struct client *c, const struct codec_client_unsub *ev);
void client_drop_sub(struct client *c, struct sub *sub);
/* Remove the subscriptions that the present permissions do not allow, and tell the client. */
void client_check_subs(struct client *c);
void client_reap_expired(struct client *c);
void client_subs_exceeded(struct client *c); /* says so */
void client_attention(struct net_conn *conn);

/* client_leave.c */
/* From here on none of its subscriptions gets anything, and their sids are free. */
void client_drop_all_subs(struct client *c);

/* client_pub.c */
/* The checks that need only the line: false when the connection was closed. */
static inline bool client_pub_line_is_plain(const struct client *c, const struct codec_client_pub *pub)
{
    return pub->size <= c->max_payload && !c->pedantic; /* there is nothing to check */
}
bool client_pub_line(struct client *c, const struct codec_client_pub *pub);
/* Publish; payload has CRLF behind it. `body` (may be NULL) is where the payload stands. */
void client_publish(struct client *c, const struct codec_client_pub *pub, slice payload, struct body *body);

/* client_ping.c */
void client_ping(struct client *c);
void client_pong(struct client *c);
void client_arm_ping(struct client *c, int64_t delay);
void client_first_ping(struct client *c);

/* client_trace.c: each tests by itself whether traces are on; where every message passes, test it before */
static inline bool client_tracing(const struct client *c)
{
    return log_enabled(c->host->log, LOG_TRC);
}
void client_trace_connect(struct client *c, slice json);
void client_trace_in(struct client *c, const char *verb, slice args);
void client_trace_out(struct client *c, slice line);
void client_trace_delsub(struct client *c, const struct sub *sub);
void client_trace_payload(struct client *c, const char *direction, slice payload, uint32_t hdr_size);
void client_trace_delivery(struct client *to, const struct sub *sub, const struct message *m, bool hmsg);

#endif
