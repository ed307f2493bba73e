/* stream.h: one direction of a connection on its way through a parser.
 *
 * Bytes are put in at one end and wait until the parser has used them. Routes and leaf nodes may agree on S2:
 * from the next message on the bytes are an S2 stream, which nothing else can be taken for (no message begins
 * with 0xff). From there on a block is unpacked whenever the parser has used up the one before; offsets count
 * the unpacked bytes.
 *
 * Memory: what the parser has not used (STREAM_MAX at most, and one chunk or block), and packed bytes of at
 * most one S2 chunk and what was put in last. One thread. */
#ifndef DECODE_STREAM_H
#define DECODE_STREAM_H

#include "base/s2.h"
#include <midge/wire.h>

/* Bytes in a row; those in front are used up. */
struct bytes {
    uint8_t *buffer;
    size_t begin, end, cap;
};

struct stream {
    bool begun;       /* wire is made */
    bool proxy;       /* it reads the PROXY header in front */
    bool paused;      /* behind a request to upgrade: what follows depends on the answer */
    bool closed;      /* by its side */
    bool over;        /* closed, or malformed and skipped */
    uint64_t base;    /* stream offset where the wire began */
    uint64_t settled; /* wire.consumed behind the last event */
    struct codec_wire wire;
    struct bytes plain, packed;
    struct s2_reader *unpacker; /* NULL: nothing is packed */
};

enum stream_rc {
    STREAM_OK,
    STREAM_MORE, /* nothing to unpack, or not all of it is there */
    STREAM_BAD,  /* *problem says why */
};

/* A parser for what comes next. */
void stream_begin(struct stream *st, enum codec_protocol protocol, enum codec_direction direction);

/* false: out of memory. */
bool stream_put(struct stream *st, slice bytes);

/* What the parser has not used; and n bytes of it are used now. */
slice stream_at_hand(const struct stream *st);
void stream_use(struct stream *st, size_t n);

/* Does an S2 stream begin here? STREAM_MORE: cannot be told yet. STREAM_OK: no, or it was begun. */
enum stream_rc stream_look_for_s2(struct stream *st, const char **problem);

/* One more block of packed bytes. */
enum stream_rc stream_unpack(struct stream *st, const char **problem);

void stream_free(struct stream *st);

#endif
