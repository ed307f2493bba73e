/* outbox.h: what waits to be written to one connection.
 *
 * Any thread may append, under the outbox's short lock (no I/O inside): a delivery is a verdict that the
 * publisher needs at once, and whoever was told of an event (PONG, +OK, 503) may rely on all its messages
 * lying in their outboxes. The loop that owns the connection takes the chunks out and writes them; of an
 * outbox that is `idle` another loop may do so instead (direct.h says how).
 *
 * Layout: a list of chunks. A chunk either has its bytes behind it (filled by outbox_put) or points into a
 * body, a counted buffer that many outboxes share. An empty outbox owns no memory.
 *
 * `pending` counts the bytes appended and not yet written. An append that lifts it over max_pending closes
 * the outbox with OUTBOX_TOO_MUCH: the connection is a slow consumer, nothing more is written to it.
 *
 * Whoever appends says where it runs by its `struct touched`: outboxes that got bytes are gathered there once
 * and handed to their owners at the end of the turn (net_touched_flush in loop.h). */
#ifndef NET_OUTBOX_H
#define NET_OUTBOX_H

#include <midge/slice.h>
#include <pthread.h>
#include <stdatomic.h>

struct net_loop;

/* Shared, immutable once published. Freed by the last body_drop, on any thread. */
struct body {
    atomic_uint refs;
    size_t len;
    uint8_t bytes[];
};

struct body *body_new(size_t len); /* one reference; NULL when out of memory */
struct body *body_ref(struct body *b);
void body_drop(struct body *b); /* NULL is allowed */

struct chunk {
    struct chunk *next;
    struct body *body; /* NULL: the bytes stand in `data` */
    const uint8_t *ptr;
    uint32_t len, cap; /* cap is 0 when nothing can be appended: a body's, or one written in part */
    uint8_t data[];
};

enum outbox_state {
    OUTBOX_OPEN,
    OUTBOX_CLOSED,   /* by its owner */
    OUTBOX_TOO_MUCH, /* max_pending exceeded */
    OUTBOX_NO_MEMORY,
};

/* The first cache line has what every append writes, so that two loops that deliver to the same outbox pass
 * few lines to and fro: whoever allocates one puts it on a boundary of OUTBOX_ALIGN. */
#define OUTBOX_ALIGN 64

struct outbox {
    pthread_mutex_t lock;
    struct chunk *tail;
    size_t pending;       /* bytes */
    uint8_t state;        /* enum outbox_state */
    bool scheduled;       /* its owner will look at it */
    bool attention;       /* set by who appends: the owner runs its handler's `attention` once */
    bool idle;            /* all that was taken out is written, and a loop may write without its owner */
    bool stalls;          /* pending passed 3/4 of max_pending and has not fallen below since */
    int write_error;      /* of another loop's write: -errno, for the owner to report */
    size_t max_pending;   /* bytes */
    uint64_t msgs, bytes; /* delivered messages and their sizes; counted by who delivers */
    uint8_t *at;          /* where the last chunk goes on, if it has room; its own len is behind meanwhile */
    struct chunk *head;
    struct net_loop *owner;
    struct outbox *next; /* in the one list that holds it while `scheduled` */
    size_t ahead;        /* bytes that another loop wrote of what waits now */
};

/* Outboxes touched by one thread in this turn. */
struct touched {
    struct outbox *head;
};

void outbox_init(struct outbox *o, struct net_loop *owner, size_t max_pending);
void outbox_free(struct outbox *o); /* drops what was not written */

static inline void outbox_lock(struct outbox *o)
{
    pthread_mutex_lock(&o->lock);
}
static inline void outbox_unlock(struct outbox *o)
{
    pthread_mutex_unlock(&o->lock);
}

/* The following are called with the lock held. */

/* Room for n contiguous bytes to be filled at once and counted by outbox_put; NULL closes the outbox (out of
 * memory). n is at most OUTBOX_PUT_MAX. */
#define OUTBOX_PUT_MAX ((size_t)1 << 30)
uint8_t *outbox_room(struct outbox *o, size_t n);
/* The n bytes of the last outbox_room are filled. */
void outbox_put(struct outbox *o, size_t n, struct touched *t);
/* Append bytes [at, at+len) of a body, taking a reference. */
bool outbox_put_body(struct outbox *o, struct body *b, const uint8_t *at, size_t len, struct touched *t);
/* All chunks, taken out; NULL: none. */
struct chunk *outbox_detach(struct outbox *o);
/* Put chunks that were not written back before those that came meanwhile; not empty. */
void outbox_attach(struct outbox *o, struct chunk *list);
/* Hand it to its owner at the end of this thread's turn. */
void outbox_touch(struct outbox *o, struct touched *t);

/* Lock, copy, unlock; false when it is closed. */
bool outbox_append(struct outbox *o, slice bytes, struct touched *t);

/* [owner] Take all chunks out (lock inside). */
struct chunk *outbox_take(struct outbox *o);
/* n bytes have been written (lock held). */
void outbox_count_written(struct outbox *o, size_t n);
/* [owner] The same, lock inside; `idle`: nothing that was taken out is left. */
void outbox_written(struct outbox *o, size_t n, bool idle);
void chunk_free(struct chunk *c);

#endif
