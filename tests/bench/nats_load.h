/* nats_load.h: the load generator for side-by-side measurements.
 *
 *     nats-load --server PATH [--loops N] [--seconds S] [--certs FOLDER] LOAD...
 *
 * For each load it starts the server on a free port, drives it from one epoll thread, and prints lines
 * "LOAD METRIC VALUE". Frames are built before the clock runs and have one length within a load, so that a
 * receiver only counts bytes, without copying them: the generator must never be what is measured, and it
 * reports its own CPU time to show that. Publishers keep a window of
 * messages that are not delivered yet; no load makes slow consumers.
 *
 * One thread. A failure of the network or the server ends the program with a message: there is no result to
 * save. */
#ifndef TESTS_BENCH_NATS_LOAD_H
#define TESTS_BENCH_NATS_LOAD_H

#include "../scenarios/process.h"

#include <openssl/ssl.h>
#include <stdint.h>

/* ---- nats_load_net.c: connections and the loop ---- */

struct link {
    int fd;
    SSL *ssl;             /* NULL: plain */
    const uint8_t *block; /* frames that are sent over and over; NULL: sends nothing by itself */
    size_t block_len, block_at;
    uint64_t allowed; /* bytes that may be sent in all */
    uint64_t sent, received;
    size_t out_frame, in_frame; /* lengths; 0: does not matter */
    bool blocked;               /* the socket takes no more for now */
    size_t retry;               /* TLS: length of the write that must be made again as it was */
    struct bytes tail;          /* the last bytes that were read, when `keep_tail` */
    bool keep_tail;
    void (*on_read)(struct link *link, const uint8_t *bytes, size_t n);
    void *user;
};

struct net {
    int epoll;
    uint16_t port;
    const char *ca; /* NULL: plain connections */
    uint8_t *scratch;
};

void net_open(struct net *net, uint16_t port, const char *ca);
void net_close(struct net *net);

/* Connects, reads INFO, sends CONNECT (not verbose, with echo, headers and no_responders) and waits for PONG.
 */
struct link *link_open(struct net *net);

/* TCP alone, nothing is read; the descriptor is not in the loop. */
int link_socket(struct net *net);

void link_close(struct link *link);

/* Sends all of it, then waits for the PONG of a PING of its own. Only before and after the clock runs. */
void link_tell(struct net *net, struct link *link, const void *text, size_t n);

/* Sends frames until `allowed` bytes are out or the socket is full. */
void link_pump(struct link *link);

/* Waits up to `ms` and serves what is ready: reads count and go to on_read, blocked senders are pumped. */
void net_turn(struct net *net, int ms);

static inline uint64_t link_sent(const struct link *link)
{
    return link->sent / link->out_frame;
}

static inline uint64_t link_received(const struct link *link)
{
    return link->received / link->in_frame;
}

/* ---- nats_load_measure.c: the server process and the numbers ---- */

struct subject { /* the server that is measured */
    struct process process;
    uint16_t port;
    int port_holder;
    char folder[64];
    char log[96];
};

void subject_start(struct subject *s, const char *program, unsigned loops, const char *certs, bool tls);
void subject_stop(struct subject *s);

double cpu_seconds(const struct subject *s); /* user and system time so far */
uint64_t rss_bytes(const struct subject *s);

double now_seconds(void); /* monotonic */

/* Sorts the samples; q in 0..1. */
double percentile(double *samples, size_t n, double q);

void report(const char *load, const char *metric, double value);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- nats_load_loads.c: what is measured ---- */

struct run {
    const char *name;
    struct net net;
    struct subject subject;
    double seconds;
};

struct load {
    const char *name;
    const char *what;
    bool tls;
    void (*play)(struct run *run, unsigned a, unsigned b);
    unsigned a, b;
};

extern const struct load loads[];
extern const size_t load_count;

#endif
