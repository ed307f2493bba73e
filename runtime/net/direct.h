/* direct.h: a loop writes what it appended to a connection of another loop itself.
 *
 * Waking the owner costs an eventfd write, an epoll wake-up and a switch of threads: more than the message.
 * So at the end of its turn a loop writes a small foreign outbox with one non-blocking writev, when the owner
 * has left it free to. Large ones (DIRECT_BYTES) and many at once (DIRECT_TURN) go to their owner as before:
 * two loops write in parallel, and a fan-out must not hold up the loop that reads the publisher.
 *
 * Why the bytes stay in order. outbox.idle says that no chunk has been taken out and not been written. Who
 * takes chunks out clears it under the outbox's lock, in the same hold: so there is one writer at a time, and
 * chunks leave the outbox in the order in which they came in. It is set again, under the lock, only when all
 * that was taken has gone to the pipe. What the pipe did not take is put back in front of what was appended
 * meanwhile; idle then stays false, and the outbox goes to its owner, who alone waits for a pipe to be
 * writable.
 *
 * Why the pipe stays open. outbox.scheduled: the outbox stands in one list at most, and its memory stays
 * while it does; the epoch of the writing loop covers the moment between giving it up and the last unlock.
 * The pipe itself is used under net_conn.writer. The owner takes that mutex (net_direct_end) before it closes
 * the pipe or begins TLS on it, and clears idle for good; for that it waits for one non-blocking write at
 * most. All other writes of the owner find idle false in their own hands, so they need no mutex.
 *
 * Never direct: TLS (its state is the owner's), a connection that is closing or not started. A failed write
 * is kept in outbox.write_error for the owner, who reports it as its own.
 *
 * Causality is untouched: a message still lies in its outbox before anybody is told of it. */
#ifndef NET_DIRECT_H
#define NET_DIRECT_H

#include "net/conn.h"

enum {
    DIRECT_BYTES = 16384, /* an outbox with more goes to its owner */
    DIRECT_TURN = 8,      /* and so do those after so many in one turn */
};

/* [a loop that is not the owner, with the outbox taken off a list of touched ones] True when all is written
 * and the outbox is in no list any more. False: hand it over to its owner. */
bool net_direct_write(struct net_conn *c);

/* [owner] Wait for a write under way; there will be none afterwards. */
void net_direct_end(struct net_conn *c);

#endif
