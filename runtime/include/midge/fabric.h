/* fabric.h: what servers say to each other: the events that route.h, gateway.h and leaf.h share.
 *
 * The three protocols are dialects of one: interest (RS+, RS-, LS+, LS-), interest of whole accounts (A+,
 * A-), messages (RMSG, HMSG, LMSG) and the session verbs of the client protocol. What differs is which verbs
 * are known and which arguments stand before the subject:
 *
 *                      route                       gateway            leaf
 *     interest         RS+ [account] subject       RS+ account ...    LS+ subject ...
 *                      LS+ origin [account] ...
 *     message          RMSG [account] subject      RMSG account ...   LMSG subject ...
 *                      LMSG origin [account] ...
 *
 * The account is missing on a route that carries one account alone (`accountless`). Behind the subject all
 * are alike: `queue weight` for interest; for messages nothing, a reply, `| q1 q2 ...` or `+ reply q1 q2
 * ...`, and the sizes. Facts: docs/spec/fabric.md, sections 1.1, 3.10, 3.12, 4.9, 5.5; what is accepted was
 * compared with nats-server 2.15.1 line by line.
 *
 * Payloads come as client.h says: with their line when they are there, else later as CODEC_FABRIC_PAYLOAD, or
 * the caller takes them (codec_fabric_payload_left, codec_fabric_payload_taken). Rules of the pull interface:
 * codec.h.
 *
 * Limits: the argument text of a line is at most max_control_line bytes, 65,536 by default, so a queue list
 * has at most half as many names. Sizes have at most nine digits; max_payload is the caller's to judge. */
#ifndef MIDGE_FABRIC_H
#define MIDGE_FABRIC_H

#include <midge/line.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_FABRIC_LINE_LIMIT (16u * CODEC_MAX_CONTROL_LINE)

enum codec_fabric_dialect {
    CODEC_ROUTE = 1,
    CODEC_GATEWAY,
    CODEC_LEAF,
};

/* What an event means, however its verb was spelled. */
enum codec_fabric_kind {
    CODEC_FABRIC_CONNECT = 1, /* text: the JSON, unread */
    CODEC_FABRIC_INFO,        /* text: the JSON, unread */
    CODEC_FABRIC_PING,
    CODEC_FABRIC_PONG,
    CODEC_FABRIC_OK,
    CODEC_FABRIC_ERR,         /* text: everything after -ERR and its blanks */
    CODEC_FABRIC_SUB,         /* interest: gained, or its weight changed */
    CODEC_FABRIC_UNSUB,       /* interest: lost */
    CODEC_FABRIC_ACCOUNT_ADD, /* text: the account */
    CODEC_FABRIC_ACCOUNT_DEL, /* text: the account */
    CODEC_FABRIC_MSG,         /* msg */
    CODEC_FABRIC_PAYLOAD,     /* payload of the message before it: what the caller has not taken */
    CODEC_FABRIC_IGNORED, /* text: the arguments of a client's SUB or UNSUB on a route, which has no effect */
};

/* The verb as it was written. */
enum codec_fabric_verb {
    CODEC_VERB_NONE, /* PAYLOAD */
    CODEC_VERB_CONNECT,
    CODEC_VERB_INFO,
    CODEC_VERB_PING,
    CODEC_VERB_PONG,
    CODEC_VERB_OK,
    CODEC_VERB_ERR,
    CODEC_VERB_RS_ADD,
    CODEC_VERB_RS_DEL,
    CODEC_VERB_LS_ADD,
    CODEC_VERB_LS_DEL,
    CODEC_VERB_SUB,   /* a client's word: RS+ on a gateway, LS+ on a leaf node, without effect on a route */
    CODEC_VERB_UNSUB, /* likewise */
    CODEC_VERB_A_ADD,
    CODEC_VERB_A_DEL,
    CODEC_VERB_RMSG,
    CODEC_VERB_HMSG,
    CODEC_VERB_LMSG,
};

enum codec_fabric_error {
    CODEC_FABRIC_NO_ERROR,
    CODEC_FABRIC_UNKNOWN_OP, /* a byte that continues no verb, or no CRLF behind a payload: the peer is told
                              * -ERR 'Unknown Protocol Operation'. All below close without a word but the next
                              */
    CODEC_FABRIC_MAX_CONTROL_LINE, /* -ERR 'maximum control line exceeded' */
    CODEC_FABRIC_SUB_ARGS,         /* interest with another number of arguments than the dialect has */
    CODEC_FABRIC_UNSUB_ARGS,
    CODEC_FABRIC_MSG_ARGS,        /* message with too few arguments */
    CODEC_FABRIC_REPLY_INDICATOR, /* a queue list that neither + nor | leads in */
    CODEC_FABRIC_MSG_SIZE,        /* not 1 to 9 digits */
    CODEC_FABRIC_MSG_HDR_SIZE,    /* not 1 to 9 digits */
    CODEC_FABRIC_HDR_GT_TOTAL,    /* header size larger than total size */
};

struct codec_fabric_interest {
    slice line;    /* the whole argument text */
    slice origin;  /* LS+ and LS- on a route: cluster of the leaf nodes, "_" for those without; else empty */
    slice account; /* empty where the dialect has none */
    slice subject;
    slice queue;       /* empty: plain interest */
    slice weight_text; /* with a queue, as written */
    uint32_t weight;   /* members of the group behind the sender; 0 when weight_text is no number */
};

struct codec_fabric_msg {
    slice line;
    slice origin;  /* LMSG on a route; else empty */
    slice account; /* empty where the dialect has none */
    slice subject;
    slice reply;        /* empty: none */
    slice queues;       /* the list as written: names between blanks, see codec_fabric_queue_next */
    size_t queue_count; /* names in it */
    slice size_text;    /* the digits as written: of the total size */
    slice hdr_text;     /* of the header size; empty for a form without */
    uint32_t size;      /* bytes of header and body together, without CRLF */
    uint32_t hdr_size;  /* bytes of the header block; 0: none */
    bool has_reply;
    bool payload_complete; /* payload is all there and its CRLF was checked */
    slice payload;         /* header block and body, `size` bytes; empty when not complete */
};

struct codec_fabric_fault {
    slice arg;  /* the argument text that was refused; UNKNOWN_OP: empty */
    slice rest; /* UNKNOWN_OP: the bytes at hand from the refused one on */
};

struct codec_fabric_event {
    enum codec_fabric_kind kind;
    enum codec_fabric_verb verb;
    uint64_t offset;          /* of the verb's first byte; of PAYLOAD: of its own */
    size_t need;              /* with CODEC_MORE: bytes missing at least, 0 when not known */
    struct codec_error error; /* with CODEC_ERROR: kind is an enum codec_fabric_error */
    union {
        slice text;
        slice payload;
        struct codec_fabric_interest interest;
        struct codec_fabric_msg msg;
        struct codec_fabric_fault fault; /* with CODEC_ERROR */
    };
};

/* Made by codec_route_init, codec_gateway_init or codec_leaf_init. */
struct codec_fabric {
    /* The caller's, to be set at any time between two calls. */
    uint32_t max_control_line; /* default CODEC_FABRIC_LINE_LIMIT */
    bool accountless;          /* route: lines name no account, as the connection carries one alone */
    bool plain_leaf_unsub;     /* route: LS- names no origin (the peer announced neither lnocu nor ln) */
    /* The parser's. */
    enum codec_fabric_dialect dialect;
    enum codec_phase phase;
    size_t left;    /* payload bytes that were neither reported nor taken */
    uint64_t begin; /* stream offset of the line's first byte, also when its blanks were dropped */
    struct codec_line line;
    struct codec_error failure; /* what every call after an error repeats */
};

CODEC_API enum codec_rc codec_fabric_next(struct codec_fabric *p, slice *in,
                                          struct codec_fabric_event *event);

/* Bytes of the payload that the caller may still take (0 outside a payload). */
static inline size_t codec_fabric_payload_left(const struct codec_fabric *p)
{
    return p->phase == CODEC_IN_PAYLOAD ? p->left : 0;
}

/* The caller took n bytes of the payload, from the front of *in or past the parser; at most payload_left. */
CODEC_API void codec_fabric_payload_taken(struct codec_fabric *p, size_t n);

/* True when the next byte is the first of a verb. (An acceptor waits for CONNECT and looks at that byte.) */
static inline bool codec_fabric_at_verb(const struct codec_fabric *p)
{
    return p->phase == CODEC_IN_LINE && p->line.pos == 0 && p->line.verb == 0;
}

/* Takes the first name off a queue list; false at its end. */
CODEC_API bool codec_fabric_queue_next(slice *queues, slice *queue);

/* The bytes of an event in the dialect, written when they are at most cap. 0: it cannot be written (a verb
 * that the dialect does not know, a name that is empty or holds a blank, a text with a line end). The line is
 * made anew from the event's parts (max_control_line, size_text, hdr_text, weight_text and line are not
 * looked at), then, if payload_complete, the payload and its CRLF; PAYLOAD is the payload and its CRLF. INFO
 * gets no blank before its CRLF: add it to the text where a route or leaf node wants one. A verb that the
 * dialect does not know: 0. */
CODEC_API size_t codec_fabric_encode(enum codec_fabric_dialect dialect,
                                     const struct codec_fabric_event *event, uint8_t *out, size_t cap);

/* "RS+", "LMSG" ...; "" for CODEC_VERB_NONE. */
CODEC_API const char *codec_fabric_verb_name(enum codec_fabric_verb verb);

/* A sentence for people, static. */
CODEC_API const char *codec_fabric_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
