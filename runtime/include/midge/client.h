/* client.h: the NATS client protocol.
 *
 * Two parsers. struct codec_client reads what a client sends to a server (CONNECT, PUB, SUB ...), struct
 * codec_server reads what a server sends to a client (INFO, MSG ...); the second half of this file. Rules of
 * the pull interface (what CODEC_EVENT, CODEC_MORE and CODEC_ERROR mean) are in codec.h. Facts: the protocol
 * as nats-server 2.15.1 accepts it (docs/spec/client-protocol.md, sections 4 to 9).
 *
 *     struct codec_client parser;
 *     codec_client_init(&parser);
 *     slice in = bytes read so far;
 *     while ((rc = codec_client_next(&parser, &in, &event)) == CODEC_EVENT)
 *         switch (event.kind) ...
 *     rc is CODEC_MORE: keep the bytes that `in` shows now, read more behind them, go on.
 *
 * Payloads. A PUB or HPUB is reported as soon as its line is complete, so that limits and permissions can be
 * judged before its payload is read. If the whole payload and its CRLF are at hand, they come with it
 * (payload_complete). If not, *in has been advanced past the line, and the calls that follow return
 * CODEC_MORE with `need` until everything is there, then an event CODEC_CLIENT_PAYLOAD. A caller that wants
 * the bytes of a large payload in a place of its own takes them from the front of *in or reads them from the
 * socket, and tells the number with codec_client_payload_taken; the parser still checks the CRLF behind them.
 *
 * Limits. max_control_line counts the bytes after the verb and its blanks, without CR and LF. The largest
 * size is nine digits; a server's max_payload is the caller's to judge. Text that the protocol ignores
 * (blanks after a verb, anything after PING, PONG and +OK) is unlimited and is dropped from *in as it comes.
 */
#ifndef MIDGE_CLIENT_H
#define MIDGE_CLIENT_H

#include <midge/line.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ----------------------------------------------------------- client to server: events and errors */

enum codec_client_kind {
    CODEC_CLIENT_CONNECT = 1, /* text: the JSON, unread (connect.h reads it) */
    CODEC_CLIENT_INFO,        /* text: the JSON, unread (info.h) */
    CODEC_CLIENT_PUB,         /* pub */
    CODEC_CLIENT_HPUB,        /* pub */
    CODEC_CLIENT_HMSG,    /* pub: an oddity of the server's grammar. The arguments (pub.line) mean nothing,
                           * the subject is empty and the size is 0 */
    CODEC_CLIENT_PAYLOAD, /* payload of the PUB, HPUB or HMSG before it: what the caller has not taken */
    CODEC_CLIENT_SUB,     /* sub */
    CODEC_CLIENT_UNSUB,   /* unsub */
    CODEC_CLIENT_PING,
    CODEC_CLIENT_PONG,
    CODEC_CLIENT_OK,
    CODEC_CLIENT_ERR, /* text: everything after -ERR and its blanks */
};

/* Why a line is refused. The text that a server answers is 'Unknown Protocol Operation' for the first,
 * 'maximum control line exceeded' for the second, nothing for the others; all of them end the connection. */
enum codec_client_error {
    CODEC_CLIENT_NO_ERROR,
    CODEC_CLIENT_UNKNOWN_OP,            /* a byte that continues no verb, or no CRLF behind a payload */
    CODEC_CLIENT_MAX_CONTROL_LINE,      /* found as soon as the byte over the limit is there */
    CODEC_CLIENT_HEADERS_NOT_SUPPORTED, /* HPUB while `headers` is false */
    CODEC_CLIENT_PUB_ARGS,              /* not 2 or 3 arguments */
    CODEC_CLIENT_PUB_SIZE,              /* not 1 to 9 digits */
    CODEC_CLIENT_HPUB_ARGS,             /* not 3 or 4 arguments */
    CODEC_CLIENT_HPUB_HDR_SIZE,
    CODEC_CLIENT_HPUB_TOTAL_SIZE,
    CODEC_CLIENT_HPUB_HDR_GT_TOTAL, /* header size larger than total size */
    CODEC_CLIENT_SUB_ARGS,          /* not 2 or 3 arguments */
    CODEC_CLIENT_UNSUB_ARGS,        /* not 1 or 2 arguments */
};

struct codec_client_pub {
    slice line; /* the whole argument text, as a trace or an error line shows it */
    slice subject;
    slice reply;     /* empty when has_reply is false */
    slice size_text; /* the digits as written: a MSG made of this must repeat them. HPUB: of the total size */
    slice hdr_text;  /* the digits of the header size, empty for PUB */
    uint32_t size;   /* bytes of header and body together, without CRLF */
    uint32_t hdr_size; /* bytes of the header block, 0 for PUB; not more than size */
    bool has_reply;
    bool payload_complete; /* payload is all there and its CRLF was checked */
    slice payload;         /* header block and body, `size` bytes; empty when not complete */
};

struct codec_client_sub {
    slice line;
    slice subject;
    slice queue; /* empty when there is none: an argument is never empty */
    slice sid;
};

struct codec_client_unsub {
    slice line;
    slice sid;
    bool has_max;   /* false also when the second argument is not a number of 1 to 9 digits */
    uint32_t max;   /* 0 when has_max is false */
    slice max_text; /* the second argument as written, whether valid or not */
};

/* What a log line about an error needs. */
struct codec_client_fault {
    slice arg;  /* the argument text that was refused; UNKNOWN_OP: empty */
    slice rest; /* UNKNOWN_OP: the bytes at hand from the refused one on */
    int state;  /* UNKNOWN_OP: the number by which nats-server's log calls the place in the grammar */
};

struct codec_client_event {
    enum codec_client_kind kind;
    size_t need;              /* with CODEC_MORE: bytes missing at least, 0 when not known */
    struct codec_error error; /* with CODEC_ERROR: kind is an enum codec_client_error */
    union {
        slice text;
        slice payload;
        struct codec_client_pub pub;
        struct codec_client_sub sub;
        struct codec_client_unsub unsub;
        struct codec_client_fault fault; /* with CODEC_ERROR, the first time; empty when it is repeated */
    };
};

/* A sentence for people, static. */
CODEC_API const char *codec_client_error_text(enum codec_client_error kind);

/* ------------------------------------------------------------------ client to server: the parser */

struct codec_client {
    /* The caller's, to be set at any time between two calls. */
    uint32_t max_control_line; /* default CODEC_MAX_CONTROL_LINE */
    bool headers;              /* default false: HPUB is refused */
    /* The parser's. */
    enum codec_phase phase;
    size_t left; /* payload bytes that were neither reported nor taken */
    struct codec_line line;
    struct codec_error failure; /* what every call after an error repeats */
};

CODEC_API void codec_client_init(struct codec_client *p);

CODEC_API enum codec_rc codec_client_next(struct codec_client *p, slice *in,
                                          struct codec_client_event *event);

/* Bytes of the payload that the caller may still take (0 outside a payload). */
static inline size_t codec_client_payload_left(const struct codec_client *p)
{
    return p->phase == CODEC_IN_PAYLOAD ? p->left : 0;
}

/* The caller took n bytes of the payload, from the front of *in or past the parser; at most payload_left. */
CODEC_API void codec_client_payload_taken(struct codec_client *p, size_t n);

/* True when the next byte is the first of a verb. (A server that waits for CONNECT looks at that byte.) */
static inline bool codec_client_at_verb(const struct codec_client *p)
{
    return p->phase == CODEC_IN_LINE && p->line.pos == 0 && p->line.verb == 0;
}

/* The bytes of the event as a client sends it: how many there are; when that is more than cap nothing is
 * written. 0: it cannot be written (a name that is empty or holds a blank or a line end, a text that would
 * not be read back). What the parser made of bytes can always be written, and is read back as the same event.
 * A PUB or HPUB whose payload is not complete is its line alone; the PAYLOAD that follows is the payload and
 * CRLF. Numbers are written as size_text and hdr_text have them, or as digits when those are empty. */
CODEC_API size_t codec_client_encode(const struct codec_client_event *event, uint8_t *out, size_t cap);

/* ------------------------------------------------------------------------------ server to client */

enum codec_server_kind {
    CODEC_SERVER_INFO = 1, /* text: the JSON, unread (info.h) */
    CODEC_SERVER_MSG,      /* msg */
    CODEC_SERVER_HMSG,     /* msg */
    CODEC_SERVER_PAYLOAD,  /* payload of the message before it: what the caller has not taken */
    CODEC_SERVER_PING,
    CODEC_SERVER_PONG,
    CODEC_SERVER_OK,
    CODEC_SERVER_ERR, /* text: what stands between the quotes, or all of it when it is not quoted */
};

enum codec_server_error {
    CODEC_SERVER_NO_ERROR,
    CODEC_SERVER_UNKNOWN_OP, /* a byte that continues no verb, or no CRLF behind a payload */
    CODEC_SERVER_LINE_TOO_LONG,
    CODEC_SERVER_MSG_ARGS,  /* not 3 or 4 arguments */
    CODEC_SERVER_MSG_SIZE,  /* not 1 to 9 digits */
    CODEC_SERVER_HMSG_ARGS, /* not 4 or 5 arguments */
    CODEC_SERVER_HMSG_HDR_SIZE,
    CODEC_SERVER_HMSG_TOTAL_SIZE,
    CODEC_SERVER_HMSG_HDR_GT_TOTAL,
};

struct codec_server_msg {
    slice line; /* the whole argument text */
    slice subject;
    slice sid;
    slice reply;     /* empty when there is none */
    slice size_text; /* the digits as written; HMSG: of the total size */
    slice hdr_text;  /* HMSG: the digits of the header size */
    uint32_t size;   /* bytes of header and body together */
    uint32_t hdr_size;
    bool payload_complete;
    slice payload; /* header block and body, empty when not complete */
};

struct codec_server_event {
    enum codec_server_kind kind;
    size_t need;
    struct codec_error error; /* an enum codec_server_error */
    union {
        slice text;
        slice payload;
        struct codec_server_msg msg;
    };
};

/* Default limit of the argument text: an INFO lists the URLs of a whole cluster. */
#define CODEC_SERVER_LINE_LIMIT (1u << 20)

struct codec_server {
    uint32_t max_line; /* the caller's */
    enum codec_phase phase;
    size_t left;
    struct codec_line line;
    struct codec_error failure;
};

CODEC_API void codec_server_init(struct codec_server *p);
CODEC_API enum codec_rc codec_server_next(struct codec_server *p, slice *in,
                                          struct codec_server_event *event);

/* As for codec_client. */
static inline size_t codec_server_payload_left(const struct codec_server *p)
{
    return p->phase == CODEC_IN_PAYLOAD ? p->left : 0;
}
CODEC_API void codec_server_payload_taken(struct codec_server *p, size_t n);

CODEC_API const char *codec_server_error_text(enum codec_server_error kind);

/* As codec_client_encode. -ERR is written with its text between single quotes. */
CODEC_API size_t codec_server_encode(const struct codec_server_event *event, uint8_t *out, size_t cap);

/* The line of a MSG or (with hdr_text) HMSG alone, nothing checked: for servers that have parsed its parts.
 */
CODEC_API size_t codec_server_msg_line(const struct codec_server_msg *msg, uint8_t *out, size_t cap);

#ifdef __cplusplus
}
#endif

#endif
