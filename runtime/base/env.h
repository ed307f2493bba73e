/* env.h: the one door to the world.
 *
 * Whatever the server knows of time, chance, bytes from outside, files, other threads and names comes through
 * an env. There are two: the real one (net/env_uv.h: libuv, sockets, threads) and the simulated one
 * (tests/sim/sim_env.h: virtual time, in-memory pipes, disks that fail, every loop of every server in one
 * thread, all order drawn from one seed). Code below server/ must give the same behaviour on both, so it
 * keeps no thread- local and no global state and takes no order from a pointer.
 *
 * Threads. A loop is a thread of control. Calls marked [loop] are made on the loop that owns the object,
 * those marked [any] from any thread. Everything that the env calls back runs on the loop named in the call.
 *
 * A turn of a loop: the env calls any number of handlers (readable, writable, acceptable, wake, timer, job
 * done), then `turn_end`, then waits. Output gathered during a turn is flushed in turn_end.
 *
 * Errors are -errno values. */
#ifndef BASE_ENV_H
#define BASE_ENV_H

#include "base/disk.h"
#include <midge/slice.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

struct env;
struct env_loop;
struct env_listener;
struct env_pipe;

/* An endpoint. In the simulated world only sockaddr_in and sockaddr_in6 exist too. */
struct env_addr {
    struct sockaddr_storage sa;
    socklen_t len;
};

/* What a loop does. All run on the loop; `start` first, `stop` last. Any may be NULL but turn_end. */
struct env_loop_handler {
    void (*start)(void *ctx);
    void (*wake)(void *ctx);     /* after env_loop_wake; wakes between two calls are folded into one */
    void (*timer)(void *ctx);    /* after the time of env_loop_arm has come */
    void (*turn_end)(void *ctx); /* once a turn, after all other handlers, before the loop waits */
    void (*stop)(void *ctx);     /* after env_loop_stop: close what the loop owns */
};

struct env_pipe_handler {
    void (*readable)(void *ctx); /* bytes, end of file or an error wait to be read */
    void (*writable)(void *ctx); /* env_pipe_writev may make progress; after connect: connected or failed */
};

enum env_want { ENV_WANT_READ = 1, ENV_WANT_WRITE = 2 };

/* A blocking piece of work (password hash, name lookup, cold file). `work` runs on a pool thread and may
 * touch only ctx; `done` runs on the loop that asked. */
struct env_job {
    void (*work)(void *ctx);
    void (*done)(void *ctx);
    void *ctx;
};

struct env_ops {
    int64_t (*wall_ns)(struct env *);
    int64_t (*mono_ns)(struct env *);
    void (*random)(struct env *, void *buf, size_t len);

    int (*loop_new)(struct env *, const struct env_loop_handler *, void *ctx, struct env_loop **out);
    void (*loop_wake)(struct env_loop *);
    void (*loop_arm)(struct env_loop *, int64_t mono_ns);
    void (*loop_stop)(struct env_loop *);
    void (*loop_join)(struct env_loop *);
    void (*loop_free)(struct env_loop *);

    int (*listen)(struct env_loop *, const struct env_addr *, int backlog, void (*acceptable)(void *ctx),
                  void *ctx, struct env_listener **out);
    int (*listener_addr)(struct env_listener *, struct env_addr *out);
    int (*accept)(struct env_listener *, struct env_pipe **out);
    void (*listener_pause)(struct env_listener *, bool paused);
    void (*listener_close)(struct env_listener *);

    int (*connect)(struct env *, const struct env_addr *, struct env_pipe **out);
    int (*pipe_attach)(struct env_pipe *, struct env_loop *, const struct env_pipe_handler *, void *ctx);
    void (*pipe_want)(struct env_pipe *, int want);
    ssize_t (*pipe_read)(struct env_pipe *, void *buf, size_t len);
    ssize_t (*pipe_writev)(struct env_pipe *, const struct iovec *iov, int count);
    size_t (*pipe_unsent)(struct env_pipe *);
    void (*pipe_close)(struct env_pipe *, bool reset);
    int (*pipe_addrs)(struct env_pipe *, struct env_addr *local, struct env_addr *peer);

    int (*job)(struct env_loop *, const struct env_job *);
    int (*resolve)(struct env *, const char *host, struct env_addr *out, int max);
};

/* Implementations embed this as their first member. */
struct env {
    const struct env_ops *ops;
    struct disk *disk;
};
/* The loop, listener and pipe objects of an implementation start with a pointer to the env's ops. */
struct env_loop {
    const struct env_ops *ops;
};
struct env_listener {
    const struct env_ops *ops;
};
struct env_pipe {
    const struct env_ops *ops;
};

/* [any] Wall clock, nanoseconds of Unix time; may jump. */
static inline int64_t env_wall_ns(struct env *e)
{
    return e->ops->wall_ns(e);
}
/* [any] Monotonic clock in nanoseconds; for timers and durations. */
static inline int64_t env_mono_ns(struct env *e)
{
    return e->ops->mono_ns(e);
}
/* [any] Bytes fit for keys and nonces. */
static inline void env_random(struct env *e, void *buf, size_t len)
{
    e->ops->random(e, buf, len);
}

/* [any] A new loop (a thread in the real world); its `start` runs before anything else. */
static inline int env_loop_new(struct env *e, const struct env_loop_handler *h, void *ctx,
                               struct env_loop **out)
{
    return e->ops->loop_new(e, h, ctx, out);
}
/* [any] Make the loop run its `wake` soon. Cheap when a wake is pending already. */
static inline void env_loop_wake(struct env_loop *l)
{
    l->ops->loop_wake(l);
}
/* [loop] One timer a loop: run `timer` at that monotonic time (0: never). Replaces the time set before. */
static inline void env_loop_arm(struct env_loop *l, int64_t mono_ns)
{
    l->ops->loop_arm(l, mono_ns);
}
/* [any] End the loop after the current turn. */
static inline void env_loop_stop(struct env_loop *l)
{
    l->ops->loop_stop(l);
}
/* [any but the loop itself] Wait for its end, once. In the simulated world the scheduler runs meanwhile. */
static inline void env_loop_join(struct env_loop *l)
{
    l->ops->loop_join(l);
}
/* [any] Free a loop that was joined and that nobody will wake any more: of loops that wake one another, none
 * before all are joined. */
static inline void env_loop_free(struct env_loop *l)
{
    l->ops->loop_free(l);
}

/* [loop] Listen; `acceptable` is called on that loop while connections wait. */
static inline int env_listen(struct env_loop *l, const struct env_addr *a, int backlog,
                             void (*acceptable)(void *), void *ctx, struct env_listener **out)
{
    return l->ops->listen(l, a, backlog, acceptable, ctx, out);
}
/* [any] The bound address (the real port when 0 was asked for). */
static inline int env_listener_addr(struct env_listener *s, struct env_addr *out)
{
    return s->ops->listener_addr(s, out);
}
/* [loop] Take one waiting connection: 0, -EAGAIN when none waits, -EMFILE/-ENFILE when out of descriptors.
 * The pipe belongs to no loop until it is attached; it may be handed to another loop first. */
static inline int env_accept(struct env_listener *s, struct env_pipe **out)
{
    return s->ops->accept(s, out);
}
/* [loop] Stop or resume reporting. */
static inline void env_listener_pause(struct env_listener *s, bool paused)
{
    s->ops->listener_pause(s, paused);
}
/* [loop] Close and free. */
static inline void env_listener_close(struct env_listener *s)
{
    s->ops->listener_close(s);
}

/* [any] Begin to connect. Attach the pipe and want WRITE: `writable` then tells that it is connected, or a
 * read returns the error. */
static inline int env_connect(struct env *e, const struct env_addr *a, struct env_pipe **out)
{
    return e->ops->connect(e, a, out);
}
/* [loop] Give the pipe to this loop, for good; nothing is reported before env_pipe_want. */
static inline int env_pipe_attach(struct env_pipe *p, struct env_loop *l, const struct env_pipe_handler *h,
                                  void *ctx)
{
    return p->ops->pipe_attach(p, l, h, ctx);
}
/* [loop] Which readiness is reported from now on (ENV_WANT_* or 0). Level-triggered. */
static inline void env_pipe_want(struct env_pipe *p, int want)
{
    p->ops->pipe_want(p, want);
}
/* [loop] Bytes read (> 0), 0 at end of file, -EAGAIN when none wait, other -errno when broken. */
static inline ssize_t env_pipe_read(struct env_pipe *p, void *buf, size_t len)
{
    return p->ops->pipe_read(p, buf, len);
}
/* [loop, or any while the owner makes sure that nobody else writes or closes] Bytes taken (> 0, maybe fewer
 * than offered; count at most 1024), -EAGAIN when none can be, other -errno. */
static inline ssize_t env_pipe_writev(struct env_pipe *p, const struct iovec *iov, int count)
{
    return p->ops->pipe_writev(p, iov, count);
}
/* [loop] Bytes taken by env_pipe_writev that have not left this machine: a close can lose them, when the peer
 * goes on talking. 0 when it is broken. */
static inline size_t env_pipe_unsent(struct env_pipe *p)
{
    return p->ops->pipe_unsent(p);
}
/* [loop, or any before it is attached] Close and free. The peer sees an end, whatever of its bytes nobody has
 * read (up to 1 MiB of them, and none that come later); with `reset` it sees a reset. */
static inline void env_pipe_close(struct env_pipe *p, bool reset)
{
    p->ops->pipe_close(p, reset);
}
/* [any] Both ends; either may be NULL. */
static inline int env_pipe_addrs(struct env_pipe *p, struct env_addr *local, struct env_addr *peer)
{
    return p->ops->pipe_addrs(p, local, peer);
}

/* [loop] Run a job. -EAGAIN when the pool's queue (256) is full: nothing was queued. What is still out when
 * the loop stops is done after `stop`, before env_loop_join returns; of what has not begun by then `done`
 * alone may run. */
static inline int env_job(struct env_loop *l, const struct env_job *job)
{
    return l->ops->job(l, job);
}
/* [job] Addresses of a name, in the order given by the system: their number (at most max) or -errno. Blocks.
 */
static inline int env_resolve(struct env *e, const char *host, struct env_addr *out, int max)
{
    return e->ops->resolve(e, host, out, max);
}

#endif
