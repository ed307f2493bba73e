/* client.h: a client connection of the NATS protocol, from accept to close.
 *
 * A client belongs to the loop of its connection; all calls are made there. Other threads meet it only as the
 * target of subscriptions, through its outbox. Facts: docs/spec/client-protocol.md. */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include "client/host.h"

struct client;

/* Why a connection ended; the numbers and texts are Go's (section 21). */
enum close_reason {
    CLOSE_CLIENT = 1,
    CLOSE_AUTH_TIMEOUT,
    CLOSE_AUTH,
    CLOSE_TLS,
    CLOSE_SLOW_PENDING,
    CLOSE_SLOW_DEADLINE,
    CLOSE_WRITE,
    CLOSE_READ,
    CLOSE_PARSE,
    CLOSE_STALE,
    CLOSE_PROTOCOL,
    CLOSE_BAD_VERSION,
    CLOSE_WRONG_PORT,
    CLOSE_MAX_ACCOUNT_CONNS,
    CLOSE_MAX_CONNS,
    CLOSE_MAX_PAYLOAD,
    CLOSE_MAX_CONTROL_LINE,
    CLOSE_MAX_SUBS,
    CLOSE_DUPLICATE_ROUTE,
    CLOSE_ROUTE_REMOVED,
    CLOSE_SHUTDOWN,
    CLOSE_AUTH_EXPIRED,
    CLOSE_WRONG_GATEWAY,
    CLOSE_MISSING_ACCOUNT,
    CLOSE_REVOKED,
    CLOSE_INTERNAL,
    CLOSE_MSG_HEADER,
    CLOSE_NO_RESPONDERS_HEADERS,
    CLOSE_CLUSTER_NAME,
    CLOSE_DUPLICATE_LEAF,
    CLOSE_DUPLICATE_CLIENT_ID,
    CLOSE_DUPLICATE_SERVER_NAME,
    CLOSE_MIN_VERSION,
    CLOSE_CLUSTER_NAMES_IDENTICAL,
    CLOSE_KICKED,
    CLOSE_PROXY_NOT_TRUSTED,
    CLOSE_PROXY_REQUIRED,
};

/* "Client Closed" ...; "Unknown State" for other numbers. */
const char *close_reason_text(enum close_reason why);

/* [the loop that is to own it] Take over an accepted pipe. It answers to nobody: what can go wrong is logged.
 */
void client_accept(struct client_host *h, struct net_loop *l, struct env_pipe *pipe);

/* Close it: -ERR texts that lie in the outbox are still written where the reason allows. Idempotent. */
void client_close(struct client *c, enum close_reason why);

/* The client behind a connection of the loop's list. */
struct client *client_of(struct net_conn *conn);

/* Tell a client that the server is in lame duck mode, if it can understand that. */
void client_send_lame_duck(struct client *c);

/* After host->settings and host->accounts were replaced: apply the new limits, and authorise the client anew,
 * unless that has happened already: a loop may hear of the reload behind who came after it.
 * Who is no longer let in is closed; subscriptions that are no longer allowed are removed, and the client is
 * told. */
void client_reloaded(struct client *c);
/* Is its certificate (if it came with one) still pinned? */
bool client_check_pin(struct client *c);
/* Close it because max_connections was lowered. */
void client_shed(struct client *c);

#endif
