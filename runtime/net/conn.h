/* conn.h: one connection: a pipe, its outbox, what has been read and not understood yet, and TLS if it is on.
 *
 * It belongs to one loop; every call here is made on that loop. (Small writes may be made by others:
 * direct.h.) The layer above embeds it as its first member and is told of bytes and trouble by a handler.
 * Reads land in the loop's buffer; what the handler does not consume waits in a spill buffer that exists only
 * while it is needed, so an idle connection owns no buffers.
 *
 * Life: net_conn_init (attached, silent) - net_conn_start (reads) - net_conn_close - `closed` - `free` after
 * the epoch in which others may still see it. Trouble of the transport is reported by `down`; the handler
 * then closes. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/loop.h"

struct net_conn;
struct net_tls;
struct net_tls_context;

#define NET_READ_SIZE 65536 /* bytes read at once */

enum net_down {
    NET_DOWN_EOF,
    NET_DOWN_READ,     /* err says why */
    NET_DOWN_WRITE,    /* err says why */
    NET_DOWN_TOO_MUCH, /* max_pending exceeded */
    NET_DOWN_NO_MEMORY,
    NET_DOWN_SHUTDOWN, /* the loop ends: close, what waits may still be written for a while */
};

struct net_conn_handler {
    /* Bytes have come. Returns how many are done with; the rest comes again with more behind it, or after
     * net_conn_resume. May close or park the connection, or set a sink. */
    size_t (*bytes)(struct net_conn *c, slice in);
    /* The sink of net_conn_sink is full. */
    void (*sunk)(struct net_conn *c);
    /* The TLS handshake has ended; `error` (NULL on success) lives during the call. */
    void (*secured)(struct net_conn *c, const char *error);
    void (*down)(struct net_conn *c, enum net_down why, int err);
    /* A batch was not written within write_deadline. `wrote`: some of its bytes were. Return to keep waiting
     * for another deadline, or close. */
    void (*late)(struct net_conn *c, size_t chunks, size_t bytes, bool wrote);
    /* A batch that had been late is written. */
    void (*caught_up)(struct net_conn *c, int64_t took_ns, size_t chunks, size_t bytes);
    /* Somebody asked for the owner's attention (outbox.attention) and the outbox is about to be written. */
    void (*attention)(struct net_conn *c);
    /* The pipe is closed. */
    void (*closed)(struct net_conn *c);
    /* Nobody can see it any more: free its memory. Runs on any thread. */
    void (*free)(struct net_conn *c);
};

struct net_conn {
    struct outbox out; /* first: net_conn_of */
    struct net_loop *loop;
    struct env_pipe *pipe;
    pthread_mutex_t writer; /* held while another loop writes to the pipe: direct.h */
    struct net_tls *tls;
    struct net_tls_context *tls_next; /* TLS begins when what waits has been written */
    const struct net_conn_handler *handler;
    struct net_conn *prev, *next;     /* the loop's connections */
    struct chunk *wq, *wq_tail;       /* taken out of the outbox, being written */
    size_t wq_at;                     /* bytes of wq's first chunk that are written */
    size_t batch_chunks, batch_bytes; /* of the batch that waits for the pipe; bytes still to go */
    size_t wrote;                     /* bytes taken by the pipe since the deadline was set */
    int64_t batch_start;
    int64_t write_deadline; /* ns; 0: none */
    uint8_t *spill;
    size_t spill_len;
    struct body *sink;
    size_t sink_at;
    int64_t linger_until;         /* of a closing one; ns */
    struct epoch_node dead;       /* when it is closed: others may still look at it for a while */
    struct net_timer write_timer; /* write deadline, or how long a closing one may linger */
    unsigned parked;              /* > 0: nothing is read or parsed */
    unsigned holds;               /* > 0: its memory stays when it is closed */
    bool started, closing, gone, late;
    bool alone;   /* no other loop writes any more */
    bool reading; /* inside `bytes`: a resume must not run it again */
};

static inline struct net_conn *net_conn_of(struct outbox *o)
{
    return (struct net_conn *)(void *)o;
}

/* Take over an accepted or connecting pipe. On failure the pipe is closed and the memory is still the
 * caller's. */
int net_conn_init(struct net_conn *c, struct net_loop *loop, struct env_pipe *pipe,
                  const struct net_conn_handler *handler, size_t max_pending);
/* Begin to read. */
void net_conn_start(struct net_conn *c);

/* Begin the server side of TLS; `first` are bytes that were read already. The result comes by `secured`;
 * until then outgoing bytes wait. A failure to even begin is reported the same way, before this returns. */
void net_conn_tls(struct net_conn *c, struct net_tls_context *ctx, slice first);

/* Stop and resume parsing. Counted. net_conn_resume parses what waits before it returns. */
void net_conn_park(struct net_conn *c);
void net_conn_resume(struct net_conn *c);

/* Read straight into b from byte `at` to its end, before anything else; then `sunk`. The reference is kept by
 * the caller, who clears it by net_conn_sink(c, NULL, 0). */
void net_conn_sink(struct net_conn *c, struct body *b, size_t at);

/* Append to its own outbox. */
void net_conn_send(struct net_conn *c, slice bytes);
/* Write what lies in the outbox. Called by net_touched_flush, for a connection that it took off its list. */
void net_conn_flush(struct net_conn *c);
/* Bytes that wait in the pipe's way (written by nobody yet). */
bool net_conn_idle_out(const struct net_conn *c);

/* Nothing more is appended to its outbox; what lies there is still written. For who is about to close it. */
void net_conn_seal(struct net_conn *c);
/* Its memory stays until as many net_conn_unhold, however early it is closed: others still point to it. */
void net_conn_hold(struct net_conn *c);
void net_conn_unhold(struct net_conn *c);

/* Close. `linger_ns` > 0: first try that long to write what waits and to see it sent. No handler but `closed`
 * and `free` is called. */
void net_conn_close(struct net_conn *c, int64_t linger_ns);
/* The same at once, dropping what waits. */
void net_conn_close_now(struct net_conn *c, bool reset);

#endif
