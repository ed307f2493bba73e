/* http.h: HTTP/1.1 messages, for the monitoring port, for WebSocket upgrades and for CONNECT through a proxy.
 *
 * A message comes as a start line (REQUEST or RESPONSE), one HEADER each, END of the head, and its body as
 * DATA in the pieces that are at hand, then DONE. How the body ends is found as RFC 9112, section 6.3, says:
 * chunked coding, Content-Length, or (responses) the end of the connection. A request that could be read in
 * two ways (both lengths, two lengths that differ, a coding other than chunked) is refused. After DONE the
 * next message may follow.
 *
 *     codec_http_init(&parser, CODEC_HTTP_REQUESTS);
 *     while ((rc = codec_http_next(&parser, &in, &event)) == CODEC_EVENT) ...
 *
 * After a 101 response, or a request that the server answers so, the bytes behind END are another protocol's:
 * stop calling (`upgrade` tells that one is offered). A response to HEAD, or a 2xx to CONNECT, has no body
 * whatever its headers say: call codec_http_no_body after its END.
 *
 * As the Go server does: a bare LF ends a line, HTTP/1.0 is taken, header names are compared in any letter
 * case. Unlike it: folded header lines are refused, as RFC 9112 allows. Limits: max_head bytes for start line
 * and headers together. Nothing is allocated. Rules of calls: codec.h. */
#ifndef MIDGE_HTTP_H
#define MIDGE_HTTP_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Default of max_head: what Go's server takes. */
#define CODEC_HTTP_MAX_HEAD ((1u << 20) + 4096)

enum codec_http_kind {
    CODEC_HTTP_REQUEST = 1,
    CODEC_HTTP_RESPONSE,
    CODEC_HTTP_HEADER,
    CODEC_HTTP_END,     /* of the head */
    CODEC_HTTP_DATA,    /* a piece of the body */
    CODEC_HTTP_LAST,    /* the chunk of size 0 */
    CODEC_HTTP_TRAILER, /* header: behind it */
    CODEC_HTTP_DONE,    /* of the message; takes no bytes of its own but the last CRLF of a chunked body */
};

/* Headers that the protocols here look at; the others are CODEC_HTTP_OTHER. */
enum codec_http_name {
    CODEC_HTTP_OTHER,
    CODEC_HTTP_HOST,
    CODEC_HTTP_CONNECTION,
    CODEC_HTTP_UPGRADE,
    CODEC_HTTP_CONTENT_LENGTH,
    CODEC_HTTP_TRANSFER_ENCODING,
    CODEC_HTTP_CONTENT_TYPE,
    CODEC_HTTP_ORIGIN,
    CODEC_HTTP_COOKIE,
    CODEC_HTTP_USER_AGENT,
    CODEC_HTTP_AUTHORIZATION,
    CODEC_HTTP_X_FORWARDED_FOR,
    CODEC_HTTP_WS_KEY,        /* Sec-WebSocket-Key */
    CODEC_HTTP_WS_VERSION,    /* Sec-WebSocket-Version */
    CODEC_HTTP_WS_EXTENSIONS, /* Sec-WebSocket-Extensions */
    CODEC_HTTP_WS_PROTOCOL,   /* Sec-WebSocket-Protocol */
    CODEC_HTTP_WS_ACCEPT,     /* Sec-WebSocket-Accept */
    CODEC_HTTP_WS_ORIGIN,     /* Sec-WebSocket-Origin */
    CODEC_HTTP_NO_MASKING,    /* Nats-No-Masking */
};

enum codec_http_error {
    CODEC_HTTP_OK,
    CODEC_HTTP_BAD_START,     /* not a request line or status line */
    CODEC_HTTP_BAD_VERSION,   /* HTTP, but not 1.0 or 1.1 */
    CODEC_HTTP_BAD_HEADER,    /* not "name: value" */
    CODEC_HTTP_FOLDED,        /* a header line that begins with a blank */
    CODEC_HTTP_HEAD_TOO_LONG, /* more than max_head bytes */
    CODEC_HTTP_BAD_LENGTH,    /* Content-Length that is no number, or a second one that differs */
    CODEC_HTTP_BAD_CODING,    /* Transfer-Encoding other than chunked, or together with Content-Length */
    CODEC_HTTP_BAD_CHUNK,     /* a chunk without its size or its CRLF */
};

struct codec_http_event {
    enum codec_http_kind kind;
    uint64_t offset;
    size_t need; /* with CODEC_MORE: bytes missing at least, 0 when not known */
    struct codec_error error;
    union {
        struct {
            slice method, target; /* REQUEST */
            slice reason;         /* RESPONSE: may be empty */
            uint16_t status;
            uint8_t minor; /* of the version: 0 or 1 */
        } start;
        struct {
            enum codec_http_name id;
            slice name, value; /* the value without the white space around it */
        } header;
        struct {
            bool has_length, chunked, until_close;
            bool upgrade;    /* Connection: upgrade and an Upgrade header are there */
            bool keep_alive; /* the connection stays open after the message */
            uint64_t length; /* of the body, when has_length */
        } end;
        slice data;
    };
};

enum codec_http_side {
    CODEC_HTTP_REQUESTS,
    CODEC_HTTP_RESPONSES,
};

struct codec_http {
    uint32_t max_head; /* the caller's */
    /* The parser's. */
    enum codec_http_side side;
    int phase, cs;
    size_t pos;    /* bytes of the line that were looked at */
    uint32_t head; /* bytes of the head that are done */
    uint32_t mark[3];
    uint32_t number; /* of a status line: the code */
    enum codec_http_name name;
    uint8_t minor;
    uint16_t status;
    bool has_length, chunked, close, keep_alive, upgrade_header, upgrade_token, last;
    uint64_t length;
    uint64_t left; /* of the body or chunk */
    uint64_t offset;
    struct codec_error error;
};

CODEC_API void codec_http_init(struct codec_http *parser, enum codec_http_side side);

CODEC_API enum codec_rc codec_http_next(struct codec_http *parser, slice *in, struct codec_http_event *event);

/* The message whose END was just read has no body; the next one follows it. */
CODEC_API void codec_http_no_body(struct codec_http *parser);

/* True when the connection may be closed here: between messages, or in a body that only that ends. */
CODEC_API bool codec_http_may_close(const struct codec_http *parser);

/* Does a comma-separated header value have this word, in any letter case? */
CODEC_API bool codec_http_has_token(slice value, slice token);

/* The bytes of an event, written when they are at most cap: start line, header or trailer line with CRLF, the
 * empty line of END, the bytes of DATA (`chunked`: as a chunk, which is not empty), the "0" and CRLF of LAST,
 * nothing for DONE (`chunked`: the CRLF that ends the body). 0: a word that is empty or has a blank, a text
 * with a control byte, a status of more than three digits. */
CODEC_API size_t codec_http_encode(const struct codec_http_event *event, bool chunked, uint8_t *out,
                                   size_t cap);

CODEC_API const char *codec_http_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
