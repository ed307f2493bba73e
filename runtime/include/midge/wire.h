/* wire.h: one face for all protocols: for tools that look at any stream and for tests that treat all alike. A
 * server uses the parsers themselves.
 *
 * A stream is one direction of a connection. What the other direction says may matter (MQTT's version): a
 * tool that has both lets each learn of the other's events. Bounds and rules of calls are those of the
 * protocols: codec.h. */
#ifndef MIDGE_WIRE_H
#define MIDGE_WIRE_H

#include <midge/client.h>
#include <midge/fabric.h>
#include <midge/http.h>
#include <midge/mqtt.h>
#include <midge/proxy.h>
#include <midge/raft.h>
#include <midge/ws.h>

#ifdef __cplusplus
extern "C" {
#endif

enum codec_protocol {
    CODEC_NO_PROTOCOL,
    CODEC_NATS, /* between client and server */
    CODEC_NATS_ROUTE,
    CODEC_NATS_GATEWAY,
    CODEC_NATS_LEAF,
    CODEC_MQTT,
    CODEC_HTTP,
    CODEC_WS,    /* frames, behind the upgrade */
    CODEC_PROXY, /* the header in front of a stream, from the dialler alone */
    CODEC_RAFT,  /* bodies of messages, not a stream: events only */
};

/* Who speaks. */
enum codec_direction {
    CODEC_FROM_DIALER,   /* the side that opened the connection: a client, a solicitor */
    CODEC_FROM_ACCEPTOR, /* the side that took it: a server */
};

struct codec_event {
    enum codec_protocol protocol;
    enum codec_direction direction;
    uint64_t offset; /* of its first byte in the stream */
    size_t need;     /* with CODEC_MORE */
    struct codec_error error;
    union {
        struct codec_client_event client; /* NATS from the dialler */
        struct codec_server_event server; /* NATS from the acceptor */
        struct codec_fabric_event fabric;
        struct codec_mqtt_event mqtt;
        struct codec_http_event http;
        struct codec_ws_event ws;
        struct codec_proxy_event proxy;
        struct codec_raft_event raft;
    };
};

struct codec_wire {
    /* The caller's. */
    size_t whole; /* messages, frames and bodies up to this size (with a CRLF) are reported whole, by asking
                     for more; 0: as the protocols do, also to see what is left at the end of a stream */
    /* The stream's. */
    enum codec_protocol protocol;
    enum codec_direction direction;
    uint64_t consumed; /* bytes taken so far */
    uint64_t begin;    /* where the message at hand began */
    size_t awaited;    /* bytes that must be there before it makes sense to look again */
    union {
        struct codec_client client;
        struct codec_server server;
        struct codec_fabric fabric;
        struct codec_mqtt mqtt;
        struct codec_http http;
        struct codec_ws ws;
        struct codec_proxy proxy;
    };
};

/* Every limit that a server sets for itself is opened as far as the protocol goes (headers allowed, MQTT 5
 * taken, masks as said). `protocol` is a stream's, not RAFT. */
CODEC_API void codec_wire_init(struct codec_wire *wire, enum codec_protocol protocol,
                               enum codec_direction direction);

CODEC_API enum codec_rc codec_wire_next(struct codec_wire *wire, slice *in, struct codec_event *event);

/* Payload bytes that may be taken past the parser, as the protocols have it. */
CODEC_API size_t codec_wire_payload_left(const struct codec_wire *wire);
CODEC_API void codec_wire_payload_taken(struct codec_wire *wire, size_t n);

/* Hears an event of the opposite direction. */
CODEC_API void codec_wire_learn(struct codec_wire *wire, const struct codec_event *event);

/* The bytes of an event; 0 when it cannot be written. */
CODEC_API size_t codec_event_encode(const struct codec_event *event, uint8_t *out, size_t cap);

/* A sentence on event->error. */
CODEC_API const char *codec_event_error_text(const struct codec_event *event);

/* "nats", "route", "gateway", "leaf", "mqtt", "http", "ws", "proxy", "raft". */
CODEC_API const char *codec_protocol_name(enum codec_protocol protocol);
/* Knows "client" (nats) and "websocket" (ws), too. NO_PROTOCOL for other names. */
CODEC_API enum codec_protocol codec_protocol_of(slice name);

/* Guesses the protocol from the first bytes that the dialler and the acceptor sent (either may be empty).
 * NO_PROTOCOL: not clear (yet). NATS dialects are told apart by what INFO and CONNECT say. */
CODEC_API enum codec_protocol codec_protocol_guess(slice from_dialer, slice from_acceptor);

#ifdef __cplusplus
}
#endif

#endif
