/* io.h: the connections of a scenario and the one poll loop that moves their bytes.
 *
 * Whatever the runner waits for, it waits in io_turn: all connections that are not paused are read, all
 * pending output is written. So a slow step on one connection never makes another look like a slow consumer,
 * and only `pause` does. One thread; a connection lives until io_close_all. */
#ifndef TESTS_SCENARIO_IO_H
#define TESTS_SCENARIO_IO_H

#include "bytes.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

enum io_end {
    IO_OPEN,
    IO_EOF,    /* orderly end of stream */
    IO_RESET,  /* ECONNRESET, EPIPE */
    IO_FAILED, /* TLS failure */
    IO_CLOSED, /* by us */
};

struct io_conn {
    slice name;
    int fd;
    SSL *ssl; /* NULL: plain */
    bool handshaking;
    bool paused;    /* nothing is read */
    bool answers;   /* PINGs that nobody expects are answered, as a client library does */
    bool mute;      /* ... or only read over */
    bool datagrams; /* a bound UDP socket: each datagram is followed by LF when it has none */
    bool listening; /* an accepting socket; io_accept takes its connections */
    enum io_end end;
    struct bytes in;  /* read and not yet expected */
    size_t in_at;     /* bytes of `in` that were consumed */
    struct bytes out; /* not yet written */
    size_t out_at;
    struct bytes info; /* the JSON of the last INFO */
    uint64_t counted;  /* messages that the last `total` or `drain` saw here */
    char failure[200]; /* text of a TLS failure */
};

struct io {
    struct io_conn **conns;
    size_t count;
    struct pollfd *polled;
};

struct io_tls {
    const char *ca;               /* PEM file; NULL: do not verify */
    const char *cert, *key;       /* PEM files or NULL */
    int min_version, max_version; /* 0: the library's */
    const char *server_name;      /* NULL: none is sent */
    const char *signatures;       /* the algorithms that are offered; NULL: the library's */
    const char *ciphers;          /* for TLS 1.2, likewise */
    const struct io_conn *resume; /* whose session is gone on with; NULL: a new one */
};

uint64_t io_now_ms(void); /* monotonic */

/* The connection of that name, NULL when there is none. */
struct io_conn *io_find(const struct io *io, slice name);

/* Connects over TCP, with a receive buffer of that many bytes (0: the system's). NULL: errno says why. An
 * earlier connection of the same name is replaced. */
struct io_conn *io_connect(struct io *io, slice name, const char *host, uint16_t port, int receive_buffer);

/* Binds a socket on 127.0.0.1: UDP, or TCP that listens. */
struct io_conn *io_bind(struct io *io, slice name, uint16_t port, int type);

/* Takes one connection of a listening socket; NULL when none waits. */
struct io_conn *io_accept(struct io *io, struct io_conn *listener, slice name);

/* Begins a TLS client handshake; `handshaking` stays set until it is done, `end` tells of failure. */
bool io_start_tls(struct io_conn *conn, const struct io_tls *tls);

/* Queues bytes; they go out in io_turn. */
void io_send(struct io_conn *conn, slice bytes);

/* Queued output that did not go out yet. */
static inline size_t io_unsent(const struct io_conn *conn)
{
    return conn->out.len - conn->out_at;
}

/* What was read and not consumed. */
static inline slice io_pending(const struct io_conn *conn)
{
    return slice_from(bytes_slice(&conn->in), conn->in_at);
}

void io_consume(struct io_conn *conn, size_t n);

/* Moves bytes until something moved or `deadline` (of io_now_ms) passed. */
void io_turn(struct io *io, uint64_t deadline);

void io_shut_write(struct io_conn *conn);        /* half close */
void io_close(struct io_conn *conn, bool reset); /* FIN, or RST */
void io_close_all(struct io *io);

#endif
