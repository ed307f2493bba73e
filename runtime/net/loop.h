/* loop.h: one thread of the network side, and the group of them.
 *
 * A loop owns connections: only it reads, parses, encrypts, writes and closes them. Others reach it in two
 * ways only: by appending to the outbox of one of its connections, or by posting a task to its inbox. (One
 * shortcut: direct.h.)
 *
 * A turn: handlers of readable pipes, timers and wakes run; then the touched outboxes of this turn are
 * flushed (own ones, small foreign ones) or handed to their owners; then the loop leaves its epoch and waits.
 * The loop goes online in its epoch at the first handler of a turn.
 *
 * Causality: after a read that returned bytes and before they are parsed, the loop drains its inbox, so that
 * whatever was posted before a peer could have caused those bytes is seen first. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/env.h"
#include "base/epoch.h"
#include "net/outbox.h"
#include "net/timers.h"

struct net_conn;
struct net_loops;

/* A posted piece of work; memory is the poster's until fn runs. fn may free the task. */
struct net_task {
    struct net_task *next;
    void (*fn)(struct net_task *task, struct net_loop *loop);
};

struct net_loop {
    struct env *env;
    struct env_loop *el;
    struct net_loops *group;
    unsigned index;
    int64_t now; /* monotonic ns, read once a turn */
    struct net_task stop_task;
    bool stopping; /* no new work: closing connections */
    struct epoch_reader reader;
    struct net_timers timers;
    struct touched touched;
    _Atomic(struct net_task *) inbox; /* newest first */
    _Atomic(struct outbox *) foreign; /* own outboxes touched by others */
    uint8_t *rbuf;                    /* where reads land */
    size_t rbuf_size;
    struct net_conn *conns; /* all open connections of this loop */
    size_t conn_count;
    void *user; /* what the layer above keeps for a loop (scratch space) */
};

struct net_loops_config {
    unsigned count; /* 1 to NET_LOOPS_MAX */
    struct epoch_domain *epochs;
    /* Called on each loop as it starts and after its last connection is gone; may be NULL. */
    void (*loop_start)(struct net_loop *loop, void *ctx);
    void (*loop_stop)(struct net_loop *loop, void *ctx);
    void *ctx;
};

#define NET_LOOPS_MAX 64

struct net_loops {
    struct env *env;
    struct net_loops_config config;
    unsigned count;
    struct net_loop loops[];
};

/* Start all loops: NULL and *err (-errno) on failure. */
struct net_loops *net_loops_new(struct env *env, const struct net_loops_config *config, int *err);
/* Stop all loops, wait for them, free. Each connection is told NET_DOWN_SHUTDOWN; a loop ends when its last
 * one has closed, so nothing is cut in the middle of a message by a peer that reads. Not from a loop. */
void net_loops_free(struct net_loops *g);

/* [any] Run task->fn on the loop soon, in the order of posting from one thread. Never blocks. */
void net_post(struct net_loop *l, struct net_task *task);

/* [loop] Run what others have posted so far. */
void net_drain_inbox(struct net_loop *l);

/* [any thread, its own list] Write touched outboxes or hand them to their owners. `self` is the calling loop,
 * online, or NULL. */
void net_touched_flush(struct touched *t, struct net_loop *self);

/* [loop] For conn.c: a connection has gone; a stopping loop ends with its last one. */
void net_conn_gone(struct net_loop *l);

/* [loop] Begin handling something: online in the epoch, clock read. Every entry from the env calls it. */
void net_enter(struct net_loop *l);

/* [loop] The loop's timers. */
bool net_arm(struct net_loop *l, struct net_timer *t, int64_t at, void (*fn)(void *ctx), void *ctx);
void net_disarm(struct net_loop *l, struct net_timer *t);

/* Barrier and gather: run `each` once on every loop, then `done` on the loop that finishes last. [any]
 * -ENOMEM when nothing was started. */
int net_gather(struct net_loops *g, void (*each)(struct net_loop *l, void *ctx), void (*done)(void *ctx),
               void *ctx);

#endif
