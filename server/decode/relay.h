/* relay.h: a transparent TCP proxy: what one side sends the other gets, byte for byte, and an observer is
 * told.
 *
 * One thread, poll(2). Each connection has two pipes of RELAY_BUFFER bytes; a side is not read while its pipe
 * is full, so back-pressure goes through. When a side closes its half, the other is told after the last byte.
 * At most RELAY_CONNECTIONS at once; more wait in the listener's queue. */
#ifndef DECODE_RELAY_H
#define DECODE_RELAY_H

#include <midge/wire.h>
#include <signal.h>

#define RELAY_CONNECTIONS 256
#define RELAY_BUFFER      (64u << 10)

/* Bytes that were read of a side of a connection; none: that side has closed. false: stop. */
typedef bool relay_observer(void *context, uint64_t connection, enum codec_direction direction, slice bytes);

struct relay_address {
    const char *host; /* NULL: any */
    const char *port;
};

/* "host:port", "[v6]:port", ":port" or "port", taken apart in place; false: it is none of these. */
bool relay_address_read(char *text, struct relay_address *address);

/* Listens, and tells the port on *port. -1: *problem says why. */
int relay_listen(const struct relay_address *address, unsigned *port, const char **problem);

/* Relays until *stop, or until `limit` connections (0: no limit) have come and gone. false: the observer said
 * stop, or *problem. */
bool relay_run(int listener, const struct relay_address *to, uint64_t limit,
               const volatile sig_atomic_t *stop, relay_observer *observe, void *context,
               const char **problem);

#endif
