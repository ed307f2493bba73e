/* host.h: what all client connections of one server share.
 *
 * The host outlives its connections. Settings are an immutable snapshot, replaced as a whole by a reload: a
 * connection reads host->settings when it needs them and keeps no pointer to them beyond the turn (a replaced
 * snapshot is retired by epoch). Counters are sharded by loop; whoever wants sums gathers. */
#ifndef CLIENT_HOST_H
#define CLIENT_HOST_H

#include "account/accounts.h"
#include "base/ledger.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/tls.h"
#include <midge/info.h>

enum client_tls_mode {
    CLIENT_TLS_OFF,
    CLIENT_TLS_REQUIRED,
    CLIENT_TLS_AVAILABLE, /* allow_non_tls: the first byte decides */
};

struct client_settings {
    struct epoch_node dead; /* when they are replaced */
    void *owner;            /* of the strings that they point to; whoever made them frees it with them */
    int64_t max_payload;    /* bytes; -1: no limit */
    size_t max_pending;     /* bytes */
    uint32_t max_control_line;
    uint32_t max_subs;       /* a connection; 0: no limit */
    uint32_t max_sub_tokens; /* 0: no limit */
    int64_t ping_interval;   /* ns */
    uint32_t ping_max;
    int64_t write_deadline; /* ns */
    bool write_retry;       /* write_timeout: retry instead of close */
    bool no_stall;          /* no_fast_producer_stall */
    bool headers;
    int64_t auth_timeout; /* ns */
    bool trace_headers;
    uint32_t max_traced_msg_len; /* 0: no limit */

    enum client_tls_mode tls_mode;
    struct net_tls_context *tls;
    int64_t tls_timeout; /* ns */
    bool tls_verify, tls_map;
    bool tls_first;             /* handshake_first */
    int64_t tls_first_fallback; /* ns to wait for a first byte; 0: no fallback */
    uint32_t tls_rate_limit;    /* handshakes a second; 0: no limit */
    const char **tls_pins;      /* lower-case hex, NULL-terminated; NULL: no pinning */

    struct codec_info info; /* what every INFO says; the rest is the connection's */
};

/* Counters of one loop; only that loop writes, anybody may read. */
struct client_counters {
    _Atomic uint64_t in_msgs, in_bytes, out_msgs, out_bytes, slow_consumers, stale, stalled, total;
};

struct leaving;

/* What a loop owns for its clients. */
struct client_loop {
    struct client_host *host;
    struct sublist_scratch *scratch;
    struct sublist_result result; /* of the match under way: deliveries do not match again */
    uint64_t rng;                 /* xorshift state, never 0 */
    struct client_counters counters;
    struct net_timer rate_timer;            /* tells of TLS connections turned away, once a second */
    struct leaving *leaving, *leaving_last; /* large sets of subscriptions being taken out, oldest first */
    struct net_timer leave_timer;
};

struct client_host {
    struct env *env;
    struct log *log;
    struct net_loops *loops;
    _Atomic(const struct client_settings *) settings;
    struct accounts_ref accounts; /* tenants, users and how to log in */
    _Atomic uint64_t next_cid;
    struct ledger connections; /* open client connections */
    _Atomic bool lame_duck;
    _Atomic int reload_checks;        /* password hashes under way because of a reload */
    _Atomic int64_t tls_window_start; /* the rate limit's fixed window */
    _Atomic int64_t tls_window_count, tls_rejected;
    struct client_loop *per_loop; /* one for each loop of the group */
};

static inline const struct client_settings *client_settings(struct client_host *h)
{
    return atomic_load_explicit(&h->settings, memory_order_acquire);
}

/* Set up the per-loop part before the loop starts; end on the loop, after its last connection has closed,
 * what it still has to do; tear it down when the loop has ended. */
bool client_loop_init(struct client_loop *l, struct client_host *h, unsigned slot);
void client_loop_stop(struct client_loop *l);
void client_loop_free(struct client_loop *l);

#endif
