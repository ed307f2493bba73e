/* segment.c: Ethernet and its like, IPv4, IPv6, TCP. Each layer takes its header off the front of the frame;
 * a header that is not all there ends the reading. */
#include "server/decode/segment.h"
#include "codec/bytes.h"
#include <pcap/dlt.h>

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_VLAN = 0x8100, ETHERTYPE_QINQ = 0x88a8 };

static bool skip(slice *s, size_t n)
{
    if (s->len < n)
        return false;
    *s = slice_from(*s, n);
    return true;
}

/* The type behind an Ethernet or cooked header, past VLAN tags. */
static bool read_type(slice *s, unsigned *type)
{
    do {
        if (s->len < 2)
            return false;
        *type = bytes_u16be(s->ptr);
        if (!skip(s, *type == ETHERTYPE_VLAN || *type == ETHERTYPE_QINQ ? 4 : 2))
            return false;
    } while (*type == ETHERTYPE_VLAN || *type == ETHERTYPE_QINQ);
    return true;
}

/* By its version, where the link layer does not tell. */
static unsigned type_of_ip(slice s)
{
    return s.len > 0 && s.ptr[0] >> 4 == 6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4;
}

static bool read_link(int link_type, slice *s, unsigned *type)
{
    switch (link_type) {
    case DLT_EN10MB:
        return skip(s, 12) && read_type(s, type);
    case DLT_LINUX_SLL:
        return skip(s, 14) && read_type(s, type);
#ifdef DLT_LINUX_SLL2
    case DLT_LINUX_SLL2:
        if (s->len < 20)
            return false;
        *type = bytes_u16be(s->ptr);
        return skip(s, 20);
#endif
    case DLT_NULL:
    case DLT_LOOP:
        if (!skip(s, 4))
            return false;
        *type = type_of_ip(*s);
        return true;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
        *type = type_of_ip(*s);
        return true;
    default:
        return false;
    }
}

/* Off with what is behind the packet: Ethernet pads short frames. */
static void trim(slice *s, size_t length)
{
    *s = slice_first(*s, length);
}

static bool read_ipv4(slice *s, struct segment *seg)
{
    if (s->len < 20 || s->ptr[0] >> 4 != 4 || s->ptr[9] != 6)
        return false;
    size_t header = (size_t)(s->ptr[0] & 15) * 4, total = bytes_u16be(s->ptr + 2);
    bool fragment = (bytes_u16be(s->ptr + 6) & 0x3fff) != 0;
    if (header < 20 || total < header || fragment)
        return false;
    memcpy(seg->from.address + 12, s->ptr + 12, 4);
    memcpy(seg->to.address + 12, s->ptr + 16, 4);
    trim(s, total);
    return skip(s, header);
}

/* Hop-by-hop, routing and destination options may stand before TCP. */
static bool read_ipv6(slice *s, struct segment *seg)
{
    if (s->len < 40)
        return false;
    uint8_t next = s->ptr[6];
    size_t length = bytes_u16be(s->ptr + 4);
    memcpy(seg->from.address, s->ptr + 8, 16);
    memcpy(seg->to.address, s->ptr + 24, 16);
    trim(s, 40 + length);
    if (!skip(s, 40))
        return false;
    while (next == 0 || next == 43 || next == 60) {
        if (s->len < 2)
            return false;
        size_t header = ((size_t)s->ptr[1] + 1) * 8;
        next = s->ptr[0];
        if (!skip(s, header))
            return false;
    }
    return next == 6;
}

static bool read_tcp(slice *s, struct segment *seg)
{
    if (s->len < 20)
        return false;
    size_t header = (size_t)(s->ptr[12] >> 4) * 4;
    if (header < 20)
        return false;
    seg->from.port = bytes_u16be(s->ptr);
    seg->to.port = bytes_u16be(s->ptr + 2);
    seg->seq = bytes_u32be(s->ptr + 4);
    seg->fin = s->ptr[13] & 0x01;
    seg->syn = s->ptr[13] & 0x02;
    seg->rst = s->ptr[13] & 0x04;
    seg->ack = s->ptr[13] & 0x10;
    return skip(s, header);
}

bool segment_read(int link_type, slice frame, struct segment *seg)
{
    unsigned type = 0;
    *seg = (struct segment){.seq = 0};
    if (!read_link(link_type, &frame, &type))
        return false;
    if (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6)
        return false;
    if (!(type == ETHERTYPE_IPV4 ? read_ipv4(&frame, seg) : read_ipv6(&frame, seg)))
        return false;
    if (!read_tcp(&frame, seg))
        return false;
    seg->data = frame;
    return true;
}
