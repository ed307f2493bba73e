/* listener.h: a listening address whose connections are spread over the loops of a group, in turn.
 *
 * It accepts on the first loop and hands each pipe to the next loop, where `accepted` is called. When the
 * process is out of descriptors (or another passing trouble) accepting pauses: 10 ms, doubled each time up to
 * 1 s, and `trouble` is told each time; pending connections wait in the kernel's queue. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "net/loop.h"

#define NET_LISTENER_PAUSE_MS 10 /* the first pause of a row */

struct net_listener;

struct net_listener_handler {
    /* On the loop that is to own the pipe: take it over (net_conn_init) or close it. */
    void (*accepted)(struct net_loop *l, struct env_pipe *pipe, void *ctx);
    /* On the first loop: accept failed with err (-errno) and sleeps that long (0: it went on at once). */
    void (*trouble)(int err, int sleep_ms, void *ctx);
};

/* [any] NULL when out of memory. */
struct net_listener *net_listener_new(struct net_loops *g, const struct net_listener_handler *h, void *ctx);
/* [first loop] Listen: 0 or -errno. *bound is the real address, with the port that the system chose for port
 * 0. */
int net_listener_open(struct net_listener *s, const struct env_addr *addr, struct env_addr *bound);
/* [first loop] Stop listening. Connections on their way to a loop are still handed over. false: it was
 * closed. */
bool net_listener_close(struct net_listener *s);
/* When it is closed and the loops are joined. */
void net_listener_free(struct net_listener *s);

#endif
