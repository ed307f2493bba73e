/* wire.c: one face for all protocols. */
#include <midge/wire.h>
#include <midge/gateway.h>
#include <midge/leaf.h>
#include <midge/route.h>

static const char *const names[] = {
    [CODEC_NO_PROTOCOL] = "",     [CODEC_NATS] = "nats",
    [CODEC_NATS_ROUTE] = "route", [CODEC_NATS_GATEWAY] = "gateway",
    [CODEC_NATS_LEAF] = "leaf",   [CODEC_MQTT] = "mqtt",
    [CODEC_HTTP] = "http",        [CODEC_WS] = "ws",
    [CODEC_PROXY] = "proxy",      [CODEC_RAFT] = "raft",
};

const char *codec_protocol_name(enum codec_protocol protocol)
{
    return names[protocol];
}

enum codec_protocol codec_protocol_of(slice name)
{
    if (slice_eq_str(name, "client"))
        return CODEC_NATS;
    if (slice_eq_str(name, "websocket"))
        return CODEC_WS;
    for (int p = CODEC_NATS; p <= CODEC_RAFT; p++) {
        if (slice_eq_str(name, names[p]))
            return (enum codec_protocol)p;
    }
    return CODEC_NO_PROTOCOL;
}

void codec_wire_init(struct codec_wire *w, enum codec_protocol protocol, enum codec_direction direction)
{
    bool dialer = direction == CODEC_FROM_DIALER;
    *w = (struct codec_wire){.protocol = protocol, .direction = direction};
    switch (protocol) {
    case CODEC_NATS:
        if (dialer) {
            codec_client_init(&w->client);
            w->client.headers = true;
            w->client.max_control_line = CODEC_SERVER_LINE_LIMIT;
        } else {
            codec_server_init(&w->server);
        }
        break;
    case CODEC_NATS_ROUTE:
        codec_route_init(&w->fabric);
        break;
    case CODEC_NATS_GATEWAY:
        codec_gateway_init(&w->fabric);
        break;
    case CODEC_NATS_LEAF:
        codec_leaf_init(&w->fabric);
        break;
    case CODEC_MQTT:
        codec_mqtt_init(&w->mqtt, dialer ? CODEC_MQTT_FROM_CLIENT : CODEC_MQTT_FROM_SERVER);
        break;
    case CODEC_HTTP:
        codec_http_init(&w->http, dialer ? CODEC_HTTP_REQUESTS : CODEC_HTTP_RESPONSES);
        break;
    case CODEC_WS:
        codec_ws_init(&w->ws, CODEC_WS_MASK_AS_SAID);
        w->ws.deflate = true;
        break;
    case CODEC_PROXY:
        codec_proxy_init(&w->proxy);
        break;
    case CODEC_NO_PROTOCOL:
    case CODEC_RAFT:
        break;
    }
    if (protocol >= CODEC_NATS_ROUTE && protocol <= CODEC_NATS_LEAF)
        w->fabric.max_control_line = CODEC_SERVER_LINE_LIMIT;
}

/* The next byte is the first of a message or payload. (The other protocols tell offsets themselves.) */
static bool at_message(const struct codec_wire *w)
{
    if (w->protocol != CODEC_NATS)
        return true;
    bool dialer = w->direction == CODEC_FROM_DIALER;
    const struct codec_line *line = dialer ? &w->client.line : &w->server.line;
    return (dialer ? w->client.phase : w->server.phase) != CODEC_IN_LINE ||
           (line->pos == 0 && line->verb == 0);
}

static enum codec_rc next(struct codec_wire *w, slice *in, struct codec_event *e)
{
    enum codec_rc rc;
    if (at_message(w))
        w->begin = w->consumed;
    e->offset = w->begin;
    switch (w->protocol) {
    case CODEC_NATS:
        if (w->direction == CODEC_FROM_DIALER) {
            rc = codec_client_next(&w->client, in, &e->client);
            e->need = e->client.need;
            e->error = e->client.error;
        } else {
            rc = codec_server_next(&w->server, in, &e->server);
            e->need = e->server.need;
            e->error = e->server.error;
        }
        return rc;
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        rc = codec_fabric_next(&w->fabric, in, &e->fabric);
        e->offset = e->fabric.offset;
        e->need = e->fabric.need;
        e->error = e->fabric.error;
        return rc;
    case CODEC_MQTT:
        rc = codec_mqtt_next(&w->mqtt, in, &e->mqtt);
        e->offset = e->mqtt.offset;
        e->need = e->mqtt.need;
        e->error = e->mqtt.error;
        return rc;
    case CODEC_HTTP:
        rc = codec_http_next(&w->http, in, &e->http);
        e->offset = e->http.offset;
        e->need = e->http.need;
        e->error = e->http.error;
        return rc;
    case CODEC_WS:
        rc = codec_ws_next(&w->ws, in, &e->ws);
        e->offset = e->ws.offset;
        e->need = e->ws.need;
        e->error = e->ws.error;
        return rc;
    case CODEC_PROXY:
        rc = codec_proxy_next(&w->proxy, in, &e->proxy);
        e->need = e->proxy.need;
        e->error = e->proxy.error;
        return rc;
    case CODEC_NO_PROTOCOL:
    case CODEC_RAFT:
        break;
    }
    e->need = 0;
    return CODEC_MORE;
}

/* What a message has told, and how much of its payload is missing behind the bytes that it took. */
struct lack {
    size_t size;
    size_t missing;
};

static struct lack lack_of_line(bool complete, size_t size)
{
    return (struct lack){size + 2, complete ? 0 : size + 2};
}

static struct lack lack_of_piece(size_t piece, uint64_t left)
{
    size_t missing = left > SIZE_MAX - piece ? SIZE_MAX - piece : (size_t)left;
    return (struct lack){piece + missing, missing};
}

static struct lack lack_of(const struct codec_wire *w, const struct codec_event *e)
{
    switch (e->protocol) {
    case CODEC_NATS:
        if (e->direction == CODEC_FROM_DIALER &&
            (e->client.kind == CODEC_CLIENT_PUB || e->client.kind == CODEC_CLIENT_HPUB))
            return lack_of_line(e->client.pub.payload_complete, e->client.pub.size);
        if (e->direction == CODEC_FROM_ACCEPTOR &&
            (e->server.kind == CODEC_SERVER_MSG || e->server.kind == CODEC_SERVER_HMSG))
            return lack_of_line(e->server.msg.payload_complete, e->server.msg.size);
        break;
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        if (e->fabric.kind == CODEC_FABRIC_MSG)
            return lack_of_line(e->fabric.msg.payload_complete, e->fabric.msg.size);
        break;
    case CODEC_MQTT:
        if (e->mqtt.type == CODEC_MQTT_PUBLISH)
            return lack_of_piece(e->mqtt.publish.payload.len,
                                 e->mqtt.publish.payload_complete ? 0 : e->mqtt.publish.size);
        break;
    case CODEC_HTTP:
        if (e->http.kind == CODEC_HTTP_DATA)
            return lack_of_piece(e->http.data.len, w->http.left);
        break;
    case CODEC_WS:
        if (e->ws.kind == CODEC_WS_FRAME)
            return lack_of_piece(e->ws.payload.len, w->ws.left);
        break;
    default:
        break;
    }
    return (struct lack){0, 0};
}

/* A parser is a plain struct, so it can be put back to before a message whose payload is not all there, and
 * asked again when it is. It looks at the line a second time, not more: the bytes that are missing are
 * awaited. */
enum codec_rc codec_wire_next(struct codec_wire *w, slice *in, struct codec_event *e)
{
    *e = (struct codec_event){.protocol = w->protocol, .direction = w->direction};
    if (w->whole > 0 && in->len < w->awaited) {
        e->need = w->awaited - in->len;
        return CODEC_MORE;
    }
    if (in->ptr == NULL)
        *in = slice_make("", 0); /* parsers may add 0 to it */
    struct codec_wire before = *w;
    slice all = *in;
    enum codec_rc rc = next(w, in, e);
    size_t taken = all.len - in->len;
    struct lack lack = rc == CODEC_EVENT ? lack_of(w, e) : (struct lack){0, 0};
    w->awaited = 0;
    /* bytes that break the payload's end are for the parser to refuse, not to be waited for */
    if (lack.missing > 0 && lack.size <= w->whole && in->len < lack.missing) {
        *w = before;
        w->awaited = taken + lack.missing;
        e->need = w->awaited - all.len;
        *in = all;
        return CODEC_MORE;
    }
    w->consumed += taken;
    return rc;
}

size_t codec_wire_payload_left(const struct codec_wire *w)
{
    switch (w->protocol) {
    case CODEC_NATS:
        return w->direction == CODEC_FROM_DIALER ? codec_client_payload_left(&w->client)
                                                 : codec_server_payload_left(&w->server);
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        return codec_fabric_payload_left(&w->fabric);
    case CODEC_MQTT:
        return codec_mqtt_payload_left(&w->mqtt);
    default:
        return 0;
    }
}

void codec_wire_payload_taken(struct codec_wire *w, size_t n)
{
    size_t left = codec_wire_payload_left(w);
    n = n < left ? n : left;
    w->consumed += n;
    switch (w->protocol) {
    case CODEC_NATS:
        if (w->direction == CODEC_FROM_DIALER)
            codec_client_payload_taken(&w->client, n);
        else
            codec_server_payload_taken(&w->server, n);
        break;
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        codec_fabric_payload_taken(&w->fabric, n);
        break;
    case CODEC_MQTT:
        codec_mqtt_payload_taken(&w->mqtt, n);
        break;
    default:
        break;
    }
}

void codec_wire_learn(struct codec_wire *w, const struct codec_event *e)
{
    if (w->protocol == CODEC_MQTT && e->protocol == CODEC_MQTT && e->mqtt.type == CODEC_MQTT_CONNECT)
        w->mqtt.version = e->mqtt.connect.level;
}

size_t codec_event_encode(const struct codec_event *e, uint8_t *out, size_t cap)
{
    switch (e->protocol) {
    case CODEC_NATS:
        return e->direction == CODEC_FROM_DIALER ? codec_client_encode(&e->client, out, cap)
                                                 : codec_server_encode(&e->server, out, cap);
    case CODEC_NATS_ROUTE:
        return codec_fabric_encode(CODEC_ROUTE, &e->fabric, out, cap);
    case CODEC_NATS_GATEWAY:
        return codec_fabric_encode(CODEC_GATEWAY, &e->fabric, out, cap);
    case CODEC_NATS_LEAF:
        return codec_fabric_encode(CODEC_LEAF, &e->fabric, out, cap);
    case CODEC_MQTT:
        return codec_mqtt_encode(&e->mqtt, out, cap);
    case CODEC_HTTP:
        return codec_http_encode(&e->http, false, out, cap);
    case CODEC_WS:
        return codec_ws_encode(&e->ws, out, cap);
    case CODEC_PROXY:
        return codec_proxy_encode(&e->proxy, out, cap);
    case CODEC_RAFT:
        return codec_raft_encode(&e->raft, out, cap);
    case CODEC_NO_PROTOCOL:
        break;
    }
    return 0;
}

const char *codec_event_error_text(const struct codec_event *e)
{
    int kind = e->error.kind;
    switch (e->protocol) {
    case CODEC_NATS:
        return e->direction == CODEC_FROM_DIALER ? codec_client_error_text((enum codec_client_error)kind)
                                                 : codec_server_error_text((enum codec_server_error)kind);
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        return codec_fabric_error_text(kind);
    case CODEC_MQTT:
        return codec_mqtt_error_text(kind);
    case CODEC_HTTP:
        return codec_http_error_text(kind);
    case CODEC_WS:
        return codec_ws_error_text(kind);
    case CODEC_PROXY:
        return codec_proxy_error_text(kind);
    case CODEC_RAFT:
        return codec_raft_error_text(kind);
    case CODEC_NO_PROTOCOL:
        break;
    }
    return "no protocol";
}
