/* peer_link.h: what the differential tests share: the server that they ask, connections to it, seeded
 * randomness.
 *
 * SERVER_UNDER_TEST names the server; NATS_SERVER and build/peer/nats-server come after it. SEED and COUNT
 * vary a run. One thread. */
#ifndef TESTS_DIFFERENTIAL_PEER_LINK_H
#define TESTS_DIFFERENTIAL_PEER_LINK_H

#include "../clients/peer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

uint32_t link_setting(const char *name, uint32_t otherwise);

/* 0, or the exit code with which the test ends (77: there is no server; said on stdout). Seeds link_below.
 * For tests that start servers of their own. */
int link_prepare(const char *title);

/* The same, and starts the one server of the test. */
int link_start(struct peer *peer, const char *title);

/* Prints the counts, returns the exit code. */
int link_count(uint32_t count, uint32_t failed);

/* The same when it has stopped the server. */
int link_end(struct peer *peer, uint32_t count, uint32_t failed);

/* 0 .. n-1 */
uint32_t link_below(uint32_t n);

/* A connection, -1 when there is none. Reading ends after 20 s. */
int link_dial(uint16_t port);

/* Sends all of it, and that there is no more. */
bool link_say(int fd, slice bytes);

/* Everything up to the end of file; false when that does not come. */
bool link_read_all(int fd, uint8_t *buf, size_t cap, size_t *len);

#endif
