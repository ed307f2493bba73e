/* ws.h: WebSocket frames (RFC 6455), as Go nats-server 2.15 reads and writes them
 * (docs/spec/client-protocol.md, section 24).
 *
 * A data frame comes as CODEC_WS_FRAME with as much of its payload as is at hand; what is missing follows in
 * events CODEC_WS_PAYLOAD, so that a frame of any size takes no buffer. Frames of control (ping, pong, close)
 * come whole. Payload bytes are shown as they are on the wire: when `masked`, codec_ws_mask makes them plain,
 * in place or elsewhere.
 *
 *     codec_ws_init(&parser, CODEC_WS_MASK_REQUIRED);
 *     while ((rc = codec_ws_next(&parser, &in, &event)) == CODEC_EVENT)
 *         if (event.masked)
 *             codec_ws_mask(plain, event.payload.ptr, event.payload.len, event.mask, event.payload_at);
 *
 * Bounds: a frame's head is at most 14 bytes, a control payload 125. Nothing is allocated. Rules of calls:
 * codec.h. */
#ifndef MIDGE_WS_H
#define MIDGE_WS_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_WS_HEAD_MAX    14
#define CODEC_WS_CONTROL_MAX 125

enum codec_ws_opcode {
    CODEC_WS_CONTINUATION = 0x0,
    CODEC_WS_TEXT = 0x1,
    CODEC_WS_BINARY = 0x2,
    CODEC_WS_OP_CLOSE = 0x8,
    CODEC_WS_OP_PING = 0x9,
    CODEC_WS_OP_PONG = 0xa,
};

enum codec_ws_kind {
    CODEC_WS_FRAME = 1, /* head of a data frame, with the part of the payload that is at hand */
    CODEC_WS_PAYLOAD,   /* more of the payload of the data frame before it */
    CODEC_WS_PING,
    CODEC_WS_PONG,
    CODEC_WS_CLOSE, /* code, and behind it in the payload the text */
};

/* In the order in which they are looked for. */
enum codec_ws_error {
    CODEC_WS_OK,
    CODEC_WS_RSV_BITS,       /* RSV2 or RSV3 is set */
    CODEC_WS_NOT_COMPRESSED, /* compressed bit without negotiated permessage-deflate */
    CODEC_WS_MASK_MISSING,
    CODEC_WS_CONTROL_TOO_LONG,
    CODEC_WS_CONTROL_FRAGMENTED,
    CODEC_WS_CONTROL_COMPRESSED,
    CODEC_WS_NOT_CONTINUED,       /* a new message begins inside another */
    CODEC_WS_NOTHING_TO_CONTINUE, /* continuation without a message, or with the compressed bit */
    CODEC_WS_UNKNOWN_OPCODE,
    CODEC_WS_BAD_LENGTH,  /* the top bit of a 64-bit length is set */
    CODEC_WS_SHORT_CLOSE, /* close payload of 1 byte */
    CODEC_WS_BAD_CLOSE_CODE,
};

/* What the mask bit of incoming frames must be. */
enum codec_ws_masking {
    CODEC_WS_MASK_REQUIRED, /* a server reads frames of clients */
    CODEC_WS_MASK_NONE, /* a client reads frames of servers, and Nats-No-Masking: the bit is not looked at */
    CODEC_WS_MASK_AS_SAID, /* an observer: the bit of each frame decides */
};

struct codec_ws_event {
    enum codec_ws_kind kind;
    uint64_t offset; /* of the first byte of the head; of PAYLOAD: of its own first byte */
    uint8_t opcode;  /* enum codec_ws_opcode; of PAYLOAD: that of its frame */
    bool fin;
    bool compressed; /* RSV1: permessage-deflate */
    bool rsv23;      /* RSV2 or RSV3: only on events of the error that refuses it */
    bool masked;
    uint8_t mask[4];
    uint64_t length;     /* of the whole payload */
    slice payload;       /* as on the wire */
    uint64_t payload_at; /* where in the whole payload it begins */
    uint16_t code;       /* CLOSE: 0 when the payload is empty */
    size_t need;         /* with CODEC_MORE: bytes missing at least */
    struct codec_error error;
};

struct codec_ws {
    /* The caller's. */
    enum codec_ws_masking masking;
    bool deflate; /* permessage-deflate was agreed on */
    /* The parser's. */
    bool in_message;    /* a fragmented message is not complete */
    bool head_complete; /* of a control frame whose payload has not come */
    int cs;
    uint8_t seen;                /* bytes of the head already scanned */
    uint64_t left;               /* payload bytes of a data frame that have not come */
    uint64_t offset;             /* of the stream's byte at the front of the input */
    struct codec_ws_event frame; /* the head that is being read or whose payload comes */
    struct codec_error error;
};

CODEC_API void codec_ws_init(struct codec_ws *parser, enum codec_ws_masking masking);

CODEC_API enum codec_rc codec_ws_next(struct codec_ws *parser, slice *in, struct codec_ws_event *event);

/* Masks or unmasks n bytes that begin at byte `at` of the payload; out may be in. */
CODEC_API void codec_ws_mask(uint8_t *out, const uint8_t *in, size_t n, const uint8_t mask[4], uint64_t at);

/* True for a code that may stand in a close frame: 1000 to 1003, 1007 to 1014, 3000 to 4999. */
CODEC_API bool codec_ws_close_code_valid(unsigned code);

/* The head of a frame with event->length bytes of payload; at most CODEC_WS_HEAD_MAX bytes, lengths in their
 * shortest form. Written when it is at most cap. 0 when the length has its top bit set. */
CODEC_API size_t codec_ws_encode_head(const struct codec_ws_event *event, uint8_t *out, size_t cap);

/* The bytes of an event as it came: the head (not of PAYLOAD) and event->payload as it is. 0 when the head
 * cannot be written, or the payload is longer than it says. */
CODEC_API size_t codec_ws_encode(const struct codec_ws_event *event, uint8_t *out, size_t cap);

/* A close frame: the code (0: empty frame) and the text, cut to what a control frame holds; masked when mask
 * is not NULL. */
CODEC_API size_t codec_ws_encode_close(unsigned code, slice text, const uint8_t mask[4], uint8_t *out,
                                       size_t cap);

/* The sentence that the Go server logs and sends as the reason of its close frame, without the number. */
CODEC_API const char *codec_ws_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
