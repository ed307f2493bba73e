/* mqtt.h: MQTT control packets, versions 3.1.1 (level 4) and 5.0.
 *
 * The version follows from the CONNECT packet: a parser of what clients send finds it there, a parser of what
 * a server sends is told by setting `version`. Strings are checked to be UTF-8 without NUL, topics and
 * filters not to be empty, topics to be without wildcards, packet ids not to be 0, properties to be known,
 * allowed in their packet, not repeated and in range. Fields never reach beyond their packet. What topics,
 * filters and client ids may contain besides is the caller's business.
 *
 * PUBLISH comes as soon as its variable header is there. If the payload is there, too, it comes along
 * (payload_complete). If not, the calls that follow return CODEC_MORE until everything is there, then an
 * event CODEC_MQTT_PAYLOAD, or the caller takes the bytes from the front of *in or from the socket and says
 * so with codec_mqtt_payload_taken. All other packets come when they are complete; max_packet bounds what
 * that may take.
 *
 * Lists (filters, topics, codes, properties) are slices of the packet that were checked;
 * codec_mqtt_filter_next and its kin walk them. Sources: the OASIS standards, and docs/spec/mqtt.md for what
 * Go nats-server 2.15 does. Rules of the pull interface: codec.h. */
#ifndef MIDGE_MQTT_H
#define MIDGE_MQTT_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_MQTT_LENGTH_MAX 268435455u /* of the remaining length: four groups of 7 bits */
#define CODEC_MQTT_HEAD_MAX   5          /* type byte and remaining length */

enum codec_mqtt_type {
    CODEC_MQTT_CONNECT = 1,
    CODEC_MQTT_CONNACK,
    CODEC_MQTT_PUBLISH,
    CODEC_MQTT_PUBACK,
    CODEC_MQTT_PUBREC,
    CODEC_MQTT_PUBREL,
    CODEC_MQTT_PUBCOMP,
    CODEC_MQTT_SUBSCRIBE,
    CODEC_MQTT_SUBACK,
    CODEC_MQTT_UNSUBSCRIBE,
    CODEC_MQTT_UNSUBACK,
    CODEC_MQTT_PINGREQ,
    CODEC_MQTT_PINGRESP,
    CODEC_MQTT_DISCONNECT,
    CODEC_MQTT_AUTH,    /* 5.0 only */
    CODEC_MQTT_PAYLOAD, /* events only: payload of the PUBLISH before it, what the caller has not taken */
};

enum codec_mqtt_error {
    CODEC_MQTT_OK,
    CODEC_MQTT_NOT_CONNECT, /* the first packet of a client; value: its type */
    CODEC_MQTT_SECOND_CONNECT,
    CODEC_MQTT_UNKNOWN_TYPE, /* type 0, 15 before 5.0, or one that this side does not send; value: type */
    CODEC_MQTT_BAD_FLAGS,    /* value: the flags */
    CODEC_MQTT_BAD_QOS,      /* PUBLISH with QoS 3 */
    CODEC_MQTT_BAD_VARINT,   /* the fourth byte of a length or number has a continuation bit; 5.0: or a number
                              * among the properties is not in its shortest form */
    CODEC_MQTT_PACKET_TOO_LONG, /* above max_packet; value: length of the whole packet */
    CODEC_MQTT_BAD_LENGTH,      /* a packet of fixed length has another; value: remaining length */
    CODEC_MQTT_TRUNCATED,       /* the packet ends inside a field; field says which */
    CODEC_MQTT_TRAILING_BYTES,  /* bytes are left behind the last field */
    CODEC_MQTT_BAD_UTF8,        /* field, text */
    CODEC_MQTT_NUL_IN_STRING,   /* field, text */
    CODEC_MQTT_EMPTY_TOPIC,     /* field; 5.0: a PUBLISH may have an empty topic when it has a topic alias */
    CODEC_MQTT_WILDCARD_IN_TOPIC, /* field, text: of a PUBLISH or will */
    CODEC_MQTT_OLD_PROTOCOL,      /* protocol name MQIsdp, version 3.1 */
    CODEC_MQTT_BAD_PROTOCOL,      /* another protocol name; text */
    CODEC_MQTT_BAD_LEVEL,     /* protocol level is neither 4 nor 5 (or 5 while accept_v5 is false); value */
    CODEC_MQTT_RESERVED_FLAG, /* bit 0 of the CONNECT flags */
    CODEC_MQTT_WILL_QOS_NO_WILL, /* will QoS without will flag; value: the QoS */
    CODEC_MQTT_WILL_RETAIN_NO_WILL,
    CODEC_MQTT_BAD_WILL_QOS,     /* will QoS 3 */
    CODEC_MQTT_PASSWORD_NO_USER, /* 3.1.1: password flag without user name flag */
    CODEC_MQTT_BAD_ACK_FLAGS,    /* CONNACK: a bit above the lowest; value */
    CODEC_MQTT_ZERO_PACKET_ID,
    CODEC_MQTT_NO_FILTERS,        /* SUBSCRIBE or UNSUBSCRIBE without any */
    CODEC_MQTT_NO_CODES,          /* SUBACK or UNSUBACK without any */
    CODEC_MQTT_BAD_OPTIONS,       /* SUBSCRIBE: a QoS above 2 or a reserved bit; value: the byte */
    CODEC_MQTT_UNKNOWN_PROPERTY,  /* value: its id */
    CODEC_MQTT_PROPERTY_NOT_HERE, /* value: its id */
    CODEC_MQTT_PROPERTY_TWICE,    /* value: its id */
    CODEC_MQTT_PROPERTY_RANGE,    /* value: its id */
};

/* The field that an error is about. codec_mqtt_field_name gives the words of the Go server's log. */
enum codec_mqtt_field {
    CODEC_MQTT_NO_FIELD,
    CODEC_MQTT_PROTOCOL_NAME,
    CODEC_MQTT_PROTOCOL_LEVEL,
    CODEC_MQTT_CONNECT_FLAGS,
    CODEC_MQTT_KEEP_ALIVE,
    CODEC_MQTT_CLIENT_ID,
    CODEC_MQTT_WILL_TOPIC,
    CODEC_MQTT_WILL_MESSAGE,
    CODEC_MQTT_USER_NAME,
    CODEC_MQTT_PASSWORD,
    CODEC_MQTT_TOPIC,
    CODEC_MQTT_PACKET_ID,
    CODEC_MQTT_TOPIC_FILTER,
    CODEC_MQTT_OPTIONS,
    CODEC_MQTT_REASON,
    CODEC_MQTT_ACK_FLAGS,
    CODEC_MQTT_PROPERTIES,
};

/* ------------------------------------------------------------------------------------------- properties
 * (5.0) */

enum codec_mqtt_property_id {
    CODEC_MQTT_PAYLOAD_FORMAT = 0x01,
    CODEC_MQTT_MESSAGE_EXPIRY = 0x02,
    CODEC_MQTT_CONTENT_TYPE = 0x03,
    CODEC_MQTT_RESPONSE_TOPIC = 0x08,
    CODEC_MQTT_CORRELATION_DATA = 0x09,
    CODEC_MQTT_SUBSCRIPTION_ID = 0x0b,
    CODEC_MQTT_SESSION_EXPIRY = 0x11,
    CODEC_MQTT_ASSIGNED_CLIENT_ID = 0x12,
    CODEC_MQTT_SERVER_KEEP_ALIVE = 0x13,
    CODEC_MQTT_AUTH_METHOD = 0x15,
    CODEC_MQTT_AUTH_DATA = 0x16,
    CODEC_MQTT_REQUEST_PROBLEM_INFO = 0x17,
    CODEC_MQTT_WILL_DELAY = 0x18,
    CODEC_MQTT_REQUEST_RESPONSE_INFO = 0x19,
    CODEC_MQTT_RESPONSE_INFO = 0x1a,
    CODEC_MQTT_SERVER_REFERENCE = 0x1c,
    CODEC_MQTT_REASON_STRING = 0x1f,
    CODEC_MQTT_RECEIVE_MAXIMUM = 0x21,
    CODEC_MQTT_TOPIC_ALIAS_MAXIMUM = 0x22,
    CODEC_MQTT_TOPIC_ALIAS = 0x23,
    CODEC_MQTT_MAXIMUM_QOS = 0x24,
    CODEC_MQTT_RETAIN_AVAILABLE = 0x25,
    CODEC_MQTT_USER_PROPERTY = 0x26,
    CODEC_MQTT_MAXIMUM_PACKET = 0x27,
    CODEC_MQTT_WILDCARD_AVAILABLE = 0x28,
    CODEC_MQTT_SUB_ID_AVAILABLE = 0x29,
    CODEC_MQTT_SHARED_AVAILABLE = 0x2a,
};

enum codec_mqtt_value {
    CODEC_MQTT_BYTE = 1,
    CODEC_MQTT_U16,
    CODEC_MQTT_U32,
    CODEC_MQTT_VARINT,
    CODEC_MQTT_STRING,
    CODEC_MQTT_BINARY,
    CODEC_MQTT_PAIR,
};

struct codec_mqtt_property {
    uint8_t id;                  /* enum codec_mqtt_property_id */
    enum codec_mqtt_value value; /* which of the members below count */
    uint32_t number;             /* BYTE, U16, U32, VARINT */
    slice text;                  /* STRING, BINARY; PAIR: the name */
    slice pair;                  /* PAIR: its value */
};

/* Takes the first property off a list; false at its end, or where unchecked bytes are no property. */
CODEC_API bool codec_mqtt_property_next(slice *properties, struct codec_mqtt_property *property);

/* Bytes of one property, written when they are at most cap; 0 when its id is not known or a text is too long.
 */
CODEC_API size_t codec_mqtt_property_encode(const struct codec_mqtt_property *property, uint8_t *out,
                                            size_t cap);

/* "payload_format" ...; "" when the id is not known. */
CODEC_API const char *codec_mqtt_property_name(uint8_t id);

/* -------------------------------------------------------------------------------------------------- packets
 */

struct codec_mqtt_connect {
    uint8_t level;    /* 4 is 3.1.1, 5 is 5.0 */
    uint8_t flags;    /* as on the wire */
    bool clean_start; /* 3.1.1: clean session */
    bool has_will, has_user, has_password;
    bool will_retain;
    uint8_t will_qos;
    uint16_t keep_alive; /* seconds, 0: none */
    slice client_id;
    slice properties;
    slice will_topic, will_payload, will_properties;
    slice user_name;
    slice password;
};

struct codec_mqtt_connack {
    bool session_present;
    uint8_t reason; /* 3.1.1: return code */
    slice properties;
};

struct codec_mqtt_publish {
    bool dup, retain;
    uint8_t qos;
    uint16_t packet_id; /* 0 when qos is 0 */
    slice topic;
    slice properties;
    uint32_t size; /* of the payload */
    bool payload_complete;
    slice payload; /* empty when not complete */
};

/* PUBACK, PUBREC, PUBREL, PUBCOMP */
struct codec_mqtt_ack {
    uint16_t packet_id;
    uint8_t reason; /* 5.0, 0 when left out */
    slice properties;
};

/* SUBSCRIBE and UNSUBSCRIBE */
struct codec_mqtt_filters {
    uint16_t packet_id;
    slice properties;
    slice filters; /* SUBSCRIBE: with options; see codec_mqtt_filter_next */
    uint32_t count;
};

/* SUBACK and UNSUBACK */
struct codec_mqtt_codes {
    uint16_t packet_id;
    slice properties;
    slice codes; /* one byte a filter; UNSUBACK of 3.1.1: none */
};

/* DISCONNECT and AUTH */
struct codec_mqtt_reason {
    uint8_t reason; /* 5.0, 0 when left out */
    slice properties;
};

/* With CODEC_ERROR. */
struct codec_mqtt_fault {
    enum codec_mqtt_type type; /* of the packet */
    enum codec_mqtt_field field;
    uint32_t value;
    slice text;
};

struct codec_mqtt_event {
    enum codec_mqtt_type type;
    uint8_t version; /* by which it was read: 4 or 5 */
    uint64_t offset; /* of the packet's first byte; of PAYLOAD: of its own */
    uint32_t length; /* remaining length as told */
    size_t need;     /* with CODEC_MORE: bytes missing at least */
    struct codec_error error;
    union {
        struct codec_mqtt_connect connect;
        struct codec_mqtt_connack connack;
        struct codec_mqtt_publish publish;
        struct codec_mqtt_ack ack;
        struct codec_mqtt_filters filters;
        struct codec_mqtt_codes codes;
        struct codec_mqtt_reason reason;
        slice payload;
        struct codec_mqtt_fault fault;
    };
};

/* Walk the list of a SUBSCRIBE (with_options) or UNSUBSCRIBE; false at its end, or where unchecked bytes are
 * none. */
struct codec_mqtt_filter {
    slice filter;
    uint8_t options; /* as on the wire; 3.1.1: the QoS */
    uint8_t qos;
    bool no_local, retain_as_published; /* 5.0 */
    uint8_t retain_handling;            /* 5.0 */
};
CODEC_API bool codec_mqtt_filter_next(slice *filters, bool with_options, struct codec_mqtt_filter *filter);

/* One entry of such a list (`options` is written, the members made of it are not looked at). 0 when the
 * filter is too long. */
CODEC_API size_t codec_mqtt_filter_encode(const struct codec_mqtt_filter *filter, bool with_options,
                                          uint8_t *out, size_t cap);

/* --------------------------------------------------------------------------------------------------- parser
 */

enum codec_mqtt_side {
    CODEC_MQTT_FROM_ANY, /* all packets are taken, at any time */
    CODEC_MQTT_FROM_CLIENT,
    CODEC_MQTT_FROM_SERVER,
};

struct codec_mqtt {
    /* The caller's, to be set at any time between two calls. */
    uint32_t
        max_packet;  /* bytes of a whole packet, PUBLISH payload included; default all that MQTT can say */
    uint8_t version; /* 0: not known, read as 4. Set by a CONNECT that is read */
    bool accept_v5;  /* default true; false: a CONNECT of level 5 is CODEC_MQTT_BAD_LEVEL */
    /* The parser's. */
    enum codec_mqtt_side side;
    bool connected; /* a CONNECT was read */
    uint32_t left;  /* payload bytes that were neither reported nor taken */
    uint64_t offset;
    struct codec_error failure;
};

CODEC_API void codec_mqtt_init(struct codec_mqtt *parser, enum codec_mqtt_side side);

CODEC_API enum codec_rc codec_mqtt_next(struct codec_mqtt *parser, slice *in, struct codec_mqtt_event *event);

/* Bytes of the payload that the caller may still take (0 outside a payload). */
static inline size_t codec_mqtt_payload_left(const struct codec_mqtt *p)
{
    return p->left;
}

/* The caller took n bytes of the payload, from the front of *in or past the parser; at most payload_left.
 * When all are taken no PAYLOAD event follows. */
CODEC_API void codec_mqtt_payload_taken(struct codec_mqtt *p, size_t n);

/* The bytes of an event, written when they are at most cap, in the version of the event (of CONNECT: its
 * level). A PUBLISH whose payload is not complete is its head; PAYLOAD is the bytes alone. What 5.0 lets be
 * left out is left out. 0: not to be encoded (a string, list or packet too long, an unknown type, a will's
 * QoS or retain flag without a will, in 3.1.1 a password without a user). */
CODEC_API size_t codec_mqtt_encode(const struct codec_mqtt_event *event, uint8_t *out, size_t cap);

/* "CONNECT" ...; "" when the type is not known. */
CODEC_API const char *codec_mqtt_type_name(enum codec_mqtt_type type);
CODEC_API const char *codec_mqtt_field_name(enum codec_mqtt_field field);
CODEC_API const char *codec_mqtt_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
