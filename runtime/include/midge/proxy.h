/* proxy.h: the PROXY protocol, versions 1 (a text line) and 2 (binary): who the client of a load balancer is.
 *
 * The header comes once, before any other byte of a connection, TLS included. The first 6 bytes decide:
 * "PROXY " is version 1, 0D 0A 0D 0A 00 0D is version 2, anything else is no header and stays unread. Source:
 * the HAProxy specification, read as Go nats-server 2.15 reads it (docs/spec/client-protocol.md, section 16):
 * words of a version 1 line are divided by runs of white space, ports may have leading zeros, only stream
 * transports are taken.
 *
 * Limits: a version 1 line is at most 107 bytes with its CR LF; a version 2 header at most 16 + 65,535.
 * Nothing is allocated. Rules of calls: codec.h. */
#ifndef MIDGE_PROXY_H
#define MIDGE_PROXY_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_PROXY_DECIDE_LEN   6 /* bytes after which the kind is known */
#define CODEC_PROXY_V1_MAX       107
#define CODEC_PROXY_V2_HEAD_LEN  16
#define CODEC_PROXY_V2_TAIL_MAX  65535
#define CODEC_PROXY_ADDRESS_TEXT 46 /* an IPv6 address as text, with its NUL */

enum codec_proxy_error {
    CODEC_PROXY_OK,
    CODEC_PROXY_LINE_TOO_LONG,     /* v1: no CR LF in 107 bytes */
    CODEC_PROXY_BAD_FORMAT,        /* v1: not five words after PROXY */
    CODEC_PROXY_BAD_ADDRESS,       /* v1: not an IP address */
    CODEC_PROXY_TCP4_WITH_IPV6,    /* v1 */
    CODEC_PROXY_TCP6_WITH_IPV4,    /* v1 */
    CODEC_PROXY_BAD_PROTOCOL,      /* v1: neither TCP4, TCP6 nor UNKNOWN */
    CODEC_PROXY_BAD_SOURCE_PORT,   /* v1: not a number of 0 to 65535 */
    CODEC_PROXY_BAD_DEST_PORT,     /* v1 */
    CODEC_PROXY_BAD_SIGNATURE,     /* v2 */
    CODEC_PROXY_BAD_VERSION,       /* v2: high half of byte 13 is not 2 */
    CODEC_PROXY_BAD_COMMAND,       /* v2: neither LOCAL nor PROXY */
    CODEC_PROXY_NOT_STREAM,        /* v2: transport is not 1 */
    CODEC_PROXY_BAD_FAMILY,        /* v2: neither unspecified, IPv4 nor IPv6 */
    CODEC_PROXY_ADDRESS_TOO_SHORT, /* v2: length below what the family takes */
};

enum codec_proxy_version {
    CODEC_PROXY_NONE, /* no header: nothing was taken off the input */
    CODEC_PROXY_V1,
    CODEC_PROXY_V2,
};

enum codec_proxy_family {
    CODEC_PROXY_UNSPEC, /* v1 UNKNOWN, v2 LOCAL or family 0: use the address of the socket */
    CODEC_PROXY_IPV4,
    CODEC_PROXY_IPV6,
};

struct codec_proxy_event {
    enum codec_proxy_version version;
    bool local;                     /* v2 LOCAL: the balancer speaks for itself */
    enum codec_proxy_family family; /* of the addresses; an IPv4-mapped IPv6 source is still IPV6 */
    uint8_t source[16];             /* 4 or 16 bytes, network order */
    uint8_t dest[16];
    uint16_t source_port;
    uint16_t dest_port;
    slice extra; /* v1 UNKNOWN: the rest of the line; v2: what follows the addresses (TLVs), or all of it */
    uint64_t offset; /* always 0 */
    size_t need;     /* with CODEC_MORE: bytes missing at least */
    struct codec_error error;
};

struct codec_proxy {
    int cs;
    bool done;
    uint8_t seen;  /* v1: bytes of the line already scanned */
    uint8_t words; /* v1: words after PROXY, at most 6 counted */
    struct {
        uint8_t at, len;
    } word[6];
    struct codec_error error;
};

CODEC_API void codec_proxy_init(struct codec_proxy *parser);

/* One event a connection; after it CODEC_MORE with need 0. */
CODEC_API enum codec_rc codec_proxy_next(struct codec_proxy *parser, slice *in,
                                         struct codec_proxy_event *event);

/* Bytes of the header; written when they are at most cap. 0 for CODEC_PROXY_NONE, for a v1 line that would be
 * too long, and for more extra bytes than a v2 header holds. A v1 line has no place for extra bytes unless it
 * is UNKNOWN. */
CODEC_API size_t codec_proxy_encode(const struct codec_proxy_event *event, uint8_t *out, size_t cap);

/* An address as text in the shortest usual form, an IPv4-mapped one as IPv4; "" for CODEC_PROXY_UNSPEC. */
CODEC_API void codec_proxy_address(enum codec_proxy_family family, const uint8_t address[16],
                                   char text[CODEC_PROXY_ADDRESS_TEXT]);

CODEC_API const char *codec_proxy_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
