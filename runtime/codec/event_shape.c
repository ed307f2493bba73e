/* event_shape.c: the keys of each event. What the types mean: event_shape.h. */
#include "codec/event_shape.h"

#define AT(member)   (uint16_t) offsetof(struct codec_event, member)
#define SIZE(member) (uint16_t)sizeof(((struct codec_event *)0)->member)

#define TEXT(key_, member)                                  \
    {                                                       \
        .key = (key_), .type = FIELD_TEXT, .at = AT(member) \
    }
#define TEXT_ALWAYS(key_, member)                                           \
    {                                                                       \
        .key = (key_), .type = FIELD_TEXT, .always = true, .at = AT(member) \
    }
#define TEXT_IF(key_, member, flag)                                          \
    {                                                                        \
        .key = (key_), .type = FIELD_TEXT, .at = AT(member), .has = AT(flag) \
    }
#define NUMBER(key_, member)                                                        \
    {                                                                               \
        .key = (key_), .type = FIELD_NUMBER, .at = AT(member), .size = SIZE(member) \
    }
#define NUMBER_ALWAYS(key_, member)                                                                 \
    {                                                                                               \
        .key = (key_), .type = FIELD_NUMBER, .always = true, .at = AT(member), .size = SIZE(member) \
    }
#define NUMBER_IF(key_, member, flag)                                                                \
    {                                                                                                \
        .key = (key_), .type = FIELD_NUMBER, .at = AT(member), .size = SIZE(member), .has = AT(flag) \
    }
#define BOOL(key_, member)                                  \
    {                                                       \
        .key = (key_), .type = FIELD_BOOL, .at = AT(member) \
    }
#define ID(key_, member)                                  \
    {                                                     \
        .key = (key_), .type = FIELD_ID, .at = AT(member) \
    }
#define PART(kind, key_, member)                        \
    {                                                   \
        .key = (key_), .type = (kind), .at = AT(member) \
    }
#define BODY(payload_, complete_, hdr_, size_)                                                           \
    {                                                                                                    \
        .key = "payload", .type = FIELD_BODY, .at = AT(payload_), .has = AT(complete_), .extra = (hdr_), \
        .more = AT(size_)                                                                                \
    }

#define SHAPE(name_, kind_, fields_)                                  \
    {                                                                 \
        name_, kind_, fields_, sizeof(fields_) / sizeof((fields_)[0]) \
    }
#define BARE(name_, kind_)    \
    {                         \
        name_, kind_, NULL, 0 \
    }
#define COUNT(shapes) (sizeof(shapes) / sizeof((shapes)[0]))

/* -------------------------------------------------------------------------------------- client to server */

static const struct field client_json[] = {PART(FIELD_JSON, "json", client.text)};
static const struct field client_error[] = {TEXT_ALWAYS("error", client.text)};
static const struct field client_pub[] = {
    TEXT_ALWAYS("subject", client.pub.subject),
    TEXT_IF("reply", client.pub.reply, client.pub.has_reply),
    NUMBER_ALWAYS("size", client.pub.size),
    BODY(client.pub.payload, client.pub.payload_complete, 0, client.pub.size),
};
static const struct field client_hpub[] = {
    TEXT_ALWAYS("subject", client.pub.subject),
    TEXT_IF("reply", client.pub.reply, client.pub.has_reply),
    NUMBER_ALWAYS("size", client.pub.size),
    BODY(client.pub.payload, client.pub.payload_complete, AT(client.pub.hdr_size), client.pub.size),
};
static const struct field client_hmsg[] = {
    TEXT_ALWAYS("text", client.pub.line),
    BODY(client.pub.payload, client.pub.payload_complete, 0, client.pub.size),
};
static const struct field client_payload[] = {TEXT_ALWAYS("payload", client.payload)};
static const struct field client_sub[] = {
    TEXT_ALWAYS("subject", client.sub.subject),
    TEXT("queue", client.sub.queue),
    TEXT_ALWAYS("sid", client.sub.sid),
};
static const struct field client_unsub[] = {
    TEXT_ALWAYS("sid", client.unsub.sid),
    PART(FIELD_MAX, "max", client.unsub),
};

static const struct shape client_shapes[] = {
    SHAPE("CONNECT", CODEC_CLIENT_CONNECT, client_json),
    SHAPE("INFO", CODEC_CLIENT_INFO, client_json),
    SHAPE("PUB", CODEC_CLIENT_PUB, client_pub),
    SHAPE("HPUB", CODEC_CLIENT_HPUB, client_hpub),
    SHAPE("HMSG", CODEC_CLIENT_HMSG, client_hmsg),
    SHAPE("PAYLOAD", CODEC_CLIENT_PAYLOAD, client_payload),
    SHAPE("SUB", CODEC_CLIENT_SUB, client_sub),
    SHAPE("UNSUB", CODEC_CLIENT_UNSUB, client_unsub),
    BARE("PING", CODEC_CLIENT_PING),
    BARE("PONG", CODEC_CLIENT_PONG),
    BARE("+OK", CODEC_CLIENT_OK),
    SHAPE("-ERR", CODEC_CLIENT_ERR, client_error),
};

/* -------------------------------------------------------------------------------------- server to client */

static const struct field server_json[] = {PART(FIELD_JSON, "json", server.text)};
static const struct field server_error[] = {TEXT_ALWAYS("error", server.text)};
static const struct field server_msg[] = {
    TEXT_ALWAYS("subject", server.msg.subject),
    TEXT_ALWAYS("sid", server.msg.sid),
    TEXT("reply", server.msg.reply),
    NUMBER_ALWAYS("size", server.msg.size),
    BODY(server.msg.payload, server.msg.payload_complete, 0, server.msg.size),
};
static const struct field server_hmsg[] = {
    TEXT_ALWAYS("subject", server.msg.subject),
    TEXT_ALWAYS("sid", server.msg.sid),
    TEXT("reply", server.msg.reply),
    NUMBER_ALWAYS("size", server.msg.size),
    BODY(server.msg.payload, server.msg.payload_complete, AT(server.msg.hdr_size), server.msg.size),
};
static const struct field server_payload[] = {TEXT_ALWAYS("payload", server.payload)};

static const struct shape server_shapes[] = {
    SHAPE("INFO", CODEC_SERVER_INFO, server_json),
    SHAPE("MSG", CODEC_SERVER_MSG, server_msg),
    SHAPE("HMSG", CODEC_SERVER_HMSG, server_hmsg),
    SHAPE("PAYLOAD", CODEC_SERVER_PAYLOAD, server_payload),
    BARE("PING", CODEC_SERVER_PING),
    BARE("PONG", CODEC_SERVER_PONG),
    BARE("+OK", CODEC_SERVER_OK),
    SHAPE("-ERR", CODEC_SERVER_ERR, server_error),
};

/* ---------------------------------------------------------------------------------------- between servers */

static const struct field fabric_json[] = {PART(FIELD_JSON, "json", fabric.text)};
static const struct field fabric_error[] = {TEXT_ALWAYS("error", fabric.text)};
static const struct field fabric_account[] = {TEXT_ALWAYS("account", fabric.text)};
static const struct field fabric_text[] = {TEXT_ALWAYS("text", fabric.text)};
static const struct field fabric_payload[] = {TEXT_ALWAYS("payload", fabric.payload)};
static const struct field fabric_sub[] = {
    TEXT("origin", fabric.interest.origin),          TEXT("account", fabric.interest.account),
    TEXT_ALWAYS("subject", fabric.interest.subject), TEXT("queue", fabric.interest.queue),
    NUMBER("weight", fabric.interest.weight),
};
static const struct field fabric_unsub[] = {
    TEXT("origin", fabric.interest.origin),
    TEXT("account", fabric.interest.account),
    TEXT_ALWAYS("subject", fabric.interest.subject),
    TEXT("queue", fabric.interest.queue),
};
static const struct field fabric_msg[] = {
    TEXT("origin", fabric.msg.origin),
    TEXT("account", fabric.msg.account),
    TEXT_ALWAYS("subject", fabric.msg.subject),
    TEXT_IF("reply", fabric.msg.reply, fabric.msg.has_reply),
    {.key = "queues", .type = FIELD_QUEUES, .at = AT(fabric.msg.queues), .extra = AT(fabric.msg.queue_count)},
    NUMBER_ALWAYS("size", fabric.msg.size),
    BODY(fabric.msg.payload, fabric.msg.payload_complete, AT(fabric.msg.hdr_size), fabric.msg.size),
};

/* The name of these is the verb: see codec_fabric_verb_name. */
static const struct shape fabric_shapes[] = {
    SHAPE("", CODEC_FABRIC_CONNECT, fabric_json),
    SHAPE("", CODEC_FABRIC_INFO, fabric_json),
    BARE("", CODEC_FABRIC_PING),
    BARE("", CODEC_FABRIC_PONG),
    BARE("", CODEC_FABRIC_OK),
    SHAPE("", CODEC_FABRIC_ERR, fabric_error),
    SHAPE("", CODEC_FABRIC_SUB, fabric_sub),
    SHAPE("", CODEC_FABRIC_UNSUB, fabric_unsub),
    SHAPE("", CODEC_FABRIC_ACCOUNT_ADD, fabric_account),
    SHAPE("", CODEC_FABRIC_ACCOUNT_DEL, fabric_account),
    SHAPE("", CODEC_FABRIC_MSG, fabric_msg),
    SHAPE("PAYLOAD", CODEC_FABRIC_PAYLOAD, fabric_payload),
    SHAPE("", CODEC_FABRIC_IGNORED, fabric_text),
};

static int fabric_kind(enum codec_protocol protocol, enum codec_fabric_verb verb)
{
    bool route = protocol == CODEC_NATS_ROUTE;
    switch (verb) {
    case CODEC_VERB_NONE:
        return 0;
    case CODEC_VERB_CONNECT:
        return CODEC_FABRIC_CONNECT;
    case CODEC_VERB_INFO:
        return CODEC_FABRIC_INFO;
    case CODEC_VERB_PING:
        return CODEC_FABRIC_PING;
    case CODEC_VERB_PONG:
        return CODEC_FABRIC_PONG;
    case CODEC_VERB_OK:
        return CODEC_FABRIC_OK;
    case CODEC_VERB_ERR:
        return CODEC_FABRIC_ERR;
    case CODEC_VERB_RS_ADD:
    case CODEC_VERB_LS_ADD:
        return CODEC_FABRIC_SUB;
    case CODEC_VERB_RS_DEL:
    case CODEC_VERB_LS_DEL:
        return CODEC_FABRIC_UNSUB;
    case CODEC_VERB_SUB:
        return route ? CODEC_FABRIC_IGNORED : CODEC_FABRIC_SUB;
    case CODEC_VERB_UNSUB:
        return route ? CODEC_FABRIC_IGNORED : CODEC_FABRIC_UNSUB;
    case CODEC_VERB_A_ADD:
        return CODEC_FABRIC_ACCOUNT_ADD;
    case CODEC_VERB_A_DEL:
        return CODEC_FABRIC_ACCOUNT_DEL;
    case CODEC_VERB_RMSG:
    case CODEC_VERB_HMSG:
    case CODEC_VERB_LMSG:
        break;
    }
    return CODEC_FABRIC_MSG;
}

/* ---------------------------------------------------------------------------------------------------- MQTT
 */

static const struct field mqtt_connect[] = {
    NUMBER_ALWAYS("version", mqtt.connect.level),
    TEXT_ALWAYS("client_id", mqtt.connect.client_id),
    BOOL("clean", mqtt.connect.clean_start),
    NUMBER_ALWAYS("keep_alive", mqtt.connect.keep_alive),
    TEXT_IF("username", mqtt.connect.user_name, mqtt.connect.has_user),
    TEXT_IF("password", mqtt.connect.password, mqtt.connect.has_password),
    TEXT_IF("will_topic", mqtt.connect.will_topic, mqtt.connect.has_will),
    TEXT_IF("will_payload", mqtt.connect.will_payload, mqtt.connect.has_will),
    NUMBER("will_qos", mqtt.connect.will_qos),
    BOOL("will_retain", mqtt.connect.will_retain),
    PART(FIELD_PROPERTIES, "will_properties", mqtt.connect.will_properties),
    PART(FIELD_PROPERTIES, "properties", mqtt.connect.properties),
};
static const struct field mqtt_connack[] = {
    BOOL("session_present", mqtt.connack.session_present),
    NUMBER_ALWAYS("reason", mqtt.connack.reason),
    PART(FIELD_PROPERTIES, "properties", mqtt.connack.properties),
};
static const struct field mqtt_publish[] = {
    TEXT_ALWAYS("topic", mqtt.publish.topic),
    NUMBER_ALWAYS("qos", mqtt.publish.qos),
    BOOL("retain", mqtt.publish.retain),
    BOOL("dup", mqtt.publish.dup),
    NUMBER("packet_id", mqtt.publish.packet_id),
    PART(FIELD_PROPERTIES, "properties", mqtt.publish.properties),
    NUMBER_ALWAYS("size", mqtt.publish.size),
    BODY(mqtt.publish.payload, mqtt.publish.payload_complete, 0, mqtt.publish.size),
};
static const struct field mqtt_ack[] = {
    NUMBER_ALWAYS("packet_id", mqtt.ack.packet_id),
    NUMBER("reason", mqtt.ack.reason),
    PART(FIELD_PROPERTIES, "properties", mqtt.ack.properties),
};
static const struct field mqtt_subscribe[] = {
    NUMBER_ALWAYS("packet_id", mqtt.filters.packet_id),
    {.key = "filters", .type = FIELD_FILTERS, .at = AT(mqtt.filters), .extra = true},
    PART(FIELD_PROPERTIES, "properties", mqtt.filters.properties),
};
static const struct field mqtt_unsubscribe[] = {
    NUMBER_ALWAYS("packet_id", mqtt.filters.packet_id),
    {.key = "filters", .type = FIELD_FILTERS, .at = AT(mqtt.filters), .extra = false},
    PART(FIELD_PROPERTIES, "properties", mqtt.filters.properties),
};
static const struct field mqtt_codes[] = {
    NUMBER_ALWAYS("packet_id", mqtt.codes.packet_id),
    PART(FIELD_CODES, "codes", mqtt.codes.codes),
    PART(FIELD_PROPERTIES, "properties", mqtt.codes.properties),
};
static const struct field mqtt_reason[] = {
    NUMBER("reason", mqtt.reason.reason),
    PART(FIELD_PROPERTIES, "properties", mqtt.reason.properties),
};
static const struct field mqtt_payload[] = {TEXT_ALWAYS("payload", mqtt.payload)};

static const struct shape mqtt_shapes[] = {
    SHAPE("CONNECT", CODEC_MQTT_CONNECT, mqtt_connect),
    SHAPE("CONNACK", CODEC_MQTT_CONNACK, mqtt_connack),
    SHAPE("PUBLISH", CODEC_MQTT_PUBLISH, mqtt_publish),
    SHAPE("PUBACK", CODEC_MQTT_PUBACK, mqtt_ack),
    SHAPE("PUBREC", CODEC_MQTT_PUBREC, mqtt_ack),
    SHAPE("PUBREL", CODEC_MQTT_PUBREL, mqtt_ack),
    SHAPE("PUBCOMP", CODEC_MQTT_PUBCOMP, mqtt_ack),
    SHAPE("SUBSCRIBE", CODEC_MQTT_SUBSCRIBE, mqtt_subscribe),
    SHAPE("SUBACK", CODEC_MQTT_SUBACK, mqtt_codes),
    SHAPE("UNSUBSCRIBE", CODEC_MQTT_UNSUBSCRIBE, mqtt_unsubscribe),
    SHAPE("UNSUBACK", CODEC_MQTT_UNSUBACK, mqtt_codes),
    BARE("PINGREQ", CODEC_MQTT_PINGREQ),
    BARE("PINGRESP", CODEC_MQTT_PINGRESP),
    SHAPE("DISCONNECT", CODEC_MQTT_DISCONNECT, mqtt_reason),
    SHAPE("AUTH", CODEC_MQTT_AUTH, mqtt_reason),
    SHAPE("PAYLOAD", CODEC_MQTT_PAYLOAD, mqtt_payload),
};

/* ------------------------------------------------------------------------------- HTTP, WebSocket, PROXY */

static const struct field http_request[] = {
    TEXT_ALWAYS("method", http.start.method),
    TEXT_ALWAYS("target", http.start.target),
    NUMBER_ALWAYS("minor", http.start.minor),
};
static const struct field http_response[] = {
    NUMBER_ALWAYS("status", http.start.status),
    TEXT("reason", http.start.reason),
    NUMBER_ALWAYS("minor", http.start.minor),
};
static const struct field http_header[] = {
    TEXT_ALWAYS("name", http.header.name),
    TEXT_ALWAYS("value", http.header.value),
};
static const struct field http_end[] = {
    BOOL("chunked", http.end.chunked),
    BOOL("until_close", http.end.until_close),
    BOOL("upgrade", http.end.upgrade),
    BOOL("keep_alive", http.end.keep_alive),
    NUMBER_IF("length", http.end.length, http.end.has_length),
};
static const struct field http_data[] = {TEXT_ALWAYS("payload", http.data)};

static const struct shape http_shapes[] = {
    SHAPE("REQUEST", CODEC_HTTP_REQUEST, http_request), SHAPE("RESPONSE", CODEC_HTTP_RESPONSE, http_response),
    SHAPE("HEADER", CODEC_HTTP_HEADER, http_header),    SHAPE("END", CODEC_HTTP_END, http_end),
    SHAPE("DATA", CODEC_HTTP_DATA, http_data),          BARE("LAST", CODEC_HTTP_LAST),
    SHAPE("TRAILER", CODEC_HTTP_TRAILER, http_header),  BARE("DONE", CODEC_HTTP_DONE),
};

static const struct field ws_frame[] = {
    BOOL("fin", ws.fin),
    BOOL("compressed", ws.compressed),
    {.key = "mask", .type = FIELD_HEX, .at = AT(ws.mask), .size = 4, .has = AT(ws.masked)},
    NUMBER_ALWAYS("size", ws.length),
    NUMBER("at", ws.payload_at),
    NUMBER("code", ws.code),
    PART(FIELD_MASKED, "payload", ws.payload),
};

/* The name of a data frame is its opcode. */
static const struct shape ws_shapes[] = {
    SHAPE("CONTINUATION", CODEC_WS_CONTINUATION, ws_frame),
    SHAPE("TEXT", CODEC_WS_TEXT, ws_frame),
    SHAPE("BINARY", CODEC_WS_BINARY, ws_frame),
    SHAPE("CLOSE", CODEC_WS_OP_CLOSE, ws_frame),
    SHAPE("PING", CODEC_WS_OP_PING, ws_frame),
    SHAPE("PONG", CODEC_WS_OP_PONG, ws_frame),
    SHAPE("PAYLOAD", 0x10, ws_frame),
};

static int ws_kind(const struct codec_ws_event *e)
{
    return e->kind == CODEC_WS_PAYLOAD ? 0x10 : e->opcode;
}

static const struct field proxy_header[] = {
    NUMBER_ALWAYS("version", proxy.version),
    BOOL("local", proxy.local),
    NUMBER("family", proxy.family),
    {.key = "source", .type = FIELD_ADDRESS, .at = AT(proxy.source), .extra = AT(proxy.family)},
    NUMBER("source_port", proxy.source_port),
    {.key = "dest", .type = FIELD_ADDRESS, .at = AT(proxy.dest), .extra = AT(proxy.family)},
    NUMBER("dest_port", proxy.dest_port),
    TEXT("extra", proxy.extra),
};

static const struct shape proxy_shapes[] = {SHAPE("PROXY", 0, proxy_header)};

/* ---------------------------------------------------------------------------------------------------- RAFT
 */

static const struct field raft_vote_request[] = {
    NUMBER_ALWAYS("term", raft.vote_request.term),
    NUMBER_ALWAYS("last_term", raft.vote_request.last_term),
    NUMBER_ALWAYS("last_index", raft.vote_request.last_index),
    ID("candidate", raft.vote_request.candidate),
};
static const struct field raft_vote_response[] = {
    NUMBER_ALWAYS("term", raft.vote_response.term),
    ID("peer", raft.vote_response.peer),
    NUMBER_ALWAYS("flags", raft.vote_response.flags),
};
static const struct field raft_append[] = {
    ID("leader", raft.append.leader),
    NUMBER_ALWAYS("term", raft.append.term),
    NUMBER_ALWAYS("commit", raft.append.commit),
    NUMBER_ALWAYS("pterm", raft.append.pterm),
    NUMBER_ALWAYS("pindex", raft.append.pindex),
    NUMBER_ALWAYS("count", raft.append.count),
};
static const struct field raft_append_response[] = {
    NUMBER_ALWAYS("term", raft.append_response.term),
    NUMBER_ALWAYS("index", raft.append_response.index),
    ID("peer", raft.append_response.peer),
    NUMBER_ALWAYS("success", raft.append_response.success),
};
static const struct field raft_proposal[] = {TEXT_ALWAYS("data", raft.proposal)};
static const struct field raft_remove[] = {ID("peer", raft.removed)};
static const struct field raft_peer_state[] = {
    NUMBER_ALWAYS("cluster_size", raft.peer_state.cluster_size),
    NUMBER_ALWAYS("count", raft.peer_state.peer_count),
    TEXT("peers", raft.peer_state.peers),
    NUMBER_IF("extension", raft.peer_state.extension, raft.peer_state.has_extension),
    TEXT("extra", raft.peer_state.extra),
};
static const struct field raft_entry[] = {
    NUMBER_ALWAYS("type", raft.entry.type),
    TEXT_ALWAYS("data", raft.entry.data),
};
static const struct field raft_end[] = {
    NUMBER_IF("lterm", raft.end.lterm, raft.end.has_lterm),
    TEXT("extra", raft.end.extra),
};

static const struct shape raft_shapes[] = {
    SHAPE("vote_request", CODEC_RAFT_VOTE_REQUEST, raft_vote_request),
    SHAPE("vote_response", CODEC_RAFT_VOTE_RESPONSE, raft_vote_response),
    SHAPE("append", CODEC_RAFT_APPEND, raft_append),
    SHAPE("append_response", CODEC_RAFT_APPEND_RESPONSE, raft_append_response),
    SHAPE("proposal", CODEC_RAFT_PROPOSAL, raft_proposal),
    SHAPE("remove_peer", CODEC_RAFT_REMOVE_PEER, raft_remove),
    SHAPE("peer_state", CODEC_RAFT_PEER_STATE, raft_peer_state),
    SHAPE("entry", CODEC_RAFT_ENTRY, raft_entry),
    SHAPE("append_end", CODEC_RAFT_APPEND_END, raft_end),
};

/* -------------------------------------------------------------------------------------------------- lookup
 */

struct shapes {
    const struct shape *list;
    size_t count;
};

static struct shapes shapes_of(enum codec_protocol protocol, enum codec_direction direction)
{
    switch (protocol) {
    case CODEC_NATS:
        return direction == CODEC_FROM_DIALER ? (struct shapes){client_shapes, COUNT(client_shapes)}
                                              : (struct shapes){server_shapes, COUNT(server_shapes)};
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        return (struct shapes){fabric_shapes, COUNT(fabric_shapes)};
    case CODEC_MQTT:
        return (struct shapes){mqtt_shapes, COUNT(mqtt_shapes)};
    case CODEC_HTTP:
        return (struct shapes){http_shapes, COUNT(http_shapes)};
    case CODEC_WS:
        return (struct shapes){ws_shapes, COUNT(ws_shapes)};
    case CODEC_PROXY:
        return (struct shapes){proxy_shapes, COUNT(proxy_shapes)};
    case CODEC_RAFT:
        return (struct shapes){raft_shapes, COUNT(raft_shapes)};
    case CODEC_NO_PROTOCOL:
        break;
    }
    return (struct shapes){NULL, 0};
}

static int kind_of(const struct codec_event *e)
{
    switch (e->protocol) {
    case CODEC_NATS:
        return e->direction == CODEC_FROM_DIALER ? (int)e->client.kind : (int)e->server.kind;
    case CODEC_NATS_ROUTE:
    case CODEC_NATS_GATEWAY:
    case CODEC_NATS_LEAF:
        return (int)e->fabric.kind;
    case CODEC_MQTT:
        return (int)e->mqtt.type;
    case CODEC_HTTP:
        return (int)e->http.kind;
    case CODEC_WS:
        return ws_kind(&e->ws);
    case CODEC_RAFT:
        return (int)e->raft.kind;
    default:
        return 0;
    }
}

static const struct shape *shape_of_kind(const struct codec_event *e, int kind)
{
    struct shapes shapes = shapes_of(e->protocol, e->direction);
    for (size_t i = 0; i < shapes.count; i++) {
        if (shapes.list[i].kind == kind)
            return shapes.list + i;
    }
    return NULL;
}

const struct shape *shape_of_event(const struct codec_event *e)
{
    return shape_of_kind(e, kind_of(e));
}

static void set_ws_kind(struct codec_ws_event *e, int kind)
{
    switch (kind) {
    case CODEC_WS_OP_CLOSE:
        e->kind = CODEC_WS_CLOSE;
        break;
    case CODEC_WS_OP_PING:
        e->kind = CODEC_WS_PING;
        break;
    case CODEC_WS_OP_PONG:
        e->kind = CODEC_WS_PONG;
        break;
    case 0x10:
        e->kind = CODEC_WS_PAYLOAD;
        return;
    default:
        e->kind = CODEC_WS_FRAME;
    }
    e->opcode = (uint8_t)kind;
}

static void set_kind(struct codec_event *e, int kind)
{
    switch (e->protocol) {
    case CODEC_NATS:
        if (e->direction == CODEC_FROM_DIALER)
            e->client.kind = (enum codec_client_kind)kind;
        else
            e->server.kind = (enum codec_server_kind)kind;
        break;
    case CODEC_MQTT:
        e->mqtt.type = (enum codec_mqtt_type)kind;
        e->mqtt.version = 4;
        break;
    case CODEC_HTTP:
        e->http.kind = (enum codec_http_kind)kind;
        break;
    case CODEC_WS:
        set_ws_kind(&e->ws, kind);
        break;
    case CODEC_RAFT:
        e->raft.kind = (enum codec_raft_kind)kind;
        break;
    default: /* between servers: see fabric_shape; PROXY has one kind */
        break;
    }
}

static const struct shape *fabric_shape(slice name, struct codec_event *e)
{
    int kind = slice_eq_str(name, "PAYLOAD") ? CODEC_FABRIC_PAYLOAD : 0;
    for (int v = CODEC_VERB_CONNECT; v <= CODEC_VERB_LMSG && kind == 0; v++) {
        if (slice_eq_str(name, codec_fabric_verb_name((enum codec_fabric_verb)v))) {
            e->fabric.verb = (enum codec_fabric_verb)v;
            kind = fabric_kind(e->protocol, e->fabric.verb);
        }
    }
    e->fabric.kind = (enum codec_fabric_kind)kind;
    return shape_of_kind(e, kind);
}

const struct shape *shape_of_name(slice name, struct codec_event *e)
{
    if (e->protocol >= CODEC_NATS_ROUTE && e->protocol <= CODEC_NATS_LEAF)
        return fabric_shape(name, e);
    struct shapes shapes = shapes_of(e->protocol, e->direction);
    for (size_t i = 0; i < shapes.count; i++) {
        if (slice_eq_str(name, shapes.list[i].name)) {
            set_kind(e, shapes.list[i].kind);
            return shapes.list + i;
        }
    }
    return NULL;
}

const char *codec_event_name(const struct codec_event *e)
{
    const struct shape *shape = shape_of_event(e);
    if (shape == NULL)
        return "";
    return shape->name[0] == '\0' ? codec_fabric_verb_name(e->fabric.verb) : shape->name;
}
