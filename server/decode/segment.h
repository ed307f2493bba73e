/* segment.h: the TCP segment in a captured frame. */
#ifndef DECODE_SEGMENT_H
#define DECODE_SEGMENT_H

#include <midge/slice.h>

/* An end of a connection: 16 bytes of address (IPv4: the last four, the others 0), then the port. */
struct endpoint {
    uint8_t address[16];
    uint16_t port;
};

struct segment {
    struct endpoint from, to;
    uint32_t seq;
    bool syn, ack, fin, rst;
    slice data;
};

/* false: the frame (of libpcap's link type) holds no TCP segment, or not all of its headers. Data that the
 * capture's length limit cut off is missing in s->data. */
bool segment_read(int link_type, slice frame, struct segment *s);

#endif
