/* msgpack_head.h: between value_msgpack.c and its grammar (grammar/msgpack.rl). */
#ifndef CODEC_MSGPACK_HEAD_H
#define CODEC_MSGPACK_HEAD_H

#include <midge/slice.h>

enum msgpack_type {
    MSGPACK_NIL,
    MSGPACK_BOOL,
    MSGPACK_UINT,
    MSGPACK_INT,  /* number is the two's complement */
    MSGPACK_TEXT, /* str or bin; number is its length */
    MSGPACK_ARRAY,
    MSGPACK_MAP,
    MSGPACK_OTHER, /* float, extension, or a byte that MessagePack does not use */
};

struct msgpack_head {
    enum msgpack_type type;
    uint64_t number;
};

/* Bytes of the head at the front of `in`; 0 when they are not all there (at most 9). */
size_t msgpack_head_read(slice in, struct msgpack_head *head);

#endif
