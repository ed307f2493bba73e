/* packets.h: TCP connections out of packet files (pcap, pcapng), each direction as a stream.
 *
 * Packets are put in order by their sequence numbers; what was seen before is dropped, what comes early is
 * held until the gap is filled or RE_HELD bytes wait behind it: then the gap is told (chunk.missing) and the
 * stream goes on behind it. The side that sent the SYN is the dialler; without one it is the side with the
 * given port, else the lower one, that is the acceptor. Ethernet (with VLAN tags), Linux cooked, raw IP and
 * loopback frames are understood; IP fragments are not put together (their connection has a gap). */
#ifndef DECODE_PACKETS_H
#define DECODE_PACKETS_H

#include "server/decode/source.h"

#define RE_CONNECTIONS 4096       /* remembered at once; the one that was idle longest makes room */
#define RE_HELD        (1u << 20) /* bytes out of order, of a direction */

struct packets;

/* Takes the file over. */
struct packets *packets_open(FILE *file, unsigned port, const char **problem);
enum source_rc packets_next(struct packets *p, struct chunk *c, const char **problem);
void packets_close(struct packets *p);

#endif
