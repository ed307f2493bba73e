/* lame_duck.h: leave in good order (docs/spec/client-protocol.md, section 19).
 *
 * New connections are refused, clients that understand it are told, and after a grace period the connections
 * are closed one by one over the rest of the time. Runs on the first loop by its timers. */
#ifndef SERVER_LAME_DUCK_H
#define SERVER_LAME_DUCK_H

#include "client/client.h"

struct lame_duck {
    struct client_host *host;
    int64_t duration, grace; /* ns */
    void (*done)(void *ctx); /* on the first loop: everybody is gone, shut down */
    void *ctx;
    /* private */
    struct net_timer timer;
    int64_t interval;  /* between two closes, at most */
    int64_t per_close; /* connections closed at once */
    bool started;
};

/* [first loop] The listener is closed already. Idempotent. */
void lame_duck_start(struct lame_duck *d);
/* [first loop] Forget the timers (the server shuts down at once). */
void lame_duck_stop(struct lame_duck *d);

#endif
