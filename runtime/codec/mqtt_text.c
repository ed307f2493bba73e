/* mqtt_text.c: MQTT names and errors for people. */
#include <midge/mqtt.h>

const char *codec_mqtt_type_name(enum codec_mqtt_type type)
{
    static const char *const names[] = {
        "",        "CONNECT",  "CONNACK",    "PUBLISH", "PUBACK",      "PUBREC",
        "PUBREL",  "PUBCOMP",  "SUBSCRIBE",  "SUBACK",  "UNSUBSCRIBE", "UNSUBACK",
        "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",    "PAYLOAD"};
    return (size_t)type < sizeof(names) / sizeof(names[0]) ? names[type] : "";
}

const char *codec_mqtt_field_name(enum codec_mqtt_field field)
{
    static const char *const names[] = {
        [CODEC_MQTT_NO_FIELD] = "",
        [CODEC_MQTT_PROTOCOL_NAME] = "protocol name",
        [CODEC_MQTT_PROTOCOL_LEVEL] = "protocol level",
        [CODEC_MQTT_CONNECT_FLAGS] = "flags",
        [CODEC_MQTT_KEEP_ALIVE] = "keep alive",
        [CODEC_MQTT_CLIENT_ID] = "client ID",
        [CODEC_MQTT_WILL_TOPIC] = "Will topic",
        [CODEC_MQTT_WILL_MESSAGE] = "Will message",
        [CODEC_MQTT_USER_NAME] = "user name",
        [CODEC_MQTT_PASSWORD] = "password",
        [CODEC_MQTT_TOPIC] = "topic",
        [CODEC_MQTT_PACKET_ID] = "packet identifier",
        [CODEC_MQTT_TOPIC_FILTER] = "topic filter",
        [CODEC_MQTT_OPTIONS] = "QoS",
        [CODEC_MQTT_REASON] = "reason code",
        [CODEC_MQTT_ACK_FLAGS] = "acknowledge flags",
        [CODEC_MQTT_PROPERTIES] = "properties",
    };
    return (size_t)field < sizeof(names) / sizeof(names[0]) ? names[field] : "";
}

const char *codec_mqtt_error_text(int kind)
{
    static const char *const texts[] = {
        [CODEC_MQTT_OK] = "no error",
        [CODEC_MQTT_NOT_CONNECT] = "the first packet is not a CONNECT",
        [CODEC_MQTT_SECOND_CONNECT] = "a second CONNECT packet",
        [CODEC_MQTT_UNKNOWN_TYPE] = "a packet type that is unknown or that this side does not send",
        [CODEC_MQTT_BAD_FLAGS] = "wrong flags in the fixed header",
        [CODEC_MQTT_BAD_QOS] = "QoS 3",
        [CODEC_MQTT_BAD_VARINT] = "malformed variable number",
        [CODEC_MQTT_PACKET_TOO_LONG] = "packet longer than the limit",
        [CODEC_MQTT_BAD_LENGTH] = "a packet of fixed length has another length",
        [CODEC_MQTT_TRUNCATED] = "the packet ends inside a field",
        [CODEC_MQTT_TRAILING_BYTES] = "bytes behind the last field of the packet",
        [CODEC_MQTT_BAD_UTF8] = "a string is not UTF-8",
        [CODEC_MQTT_NUL_IN_STRING] = "a string contains NUL",
        [CODEC_MQTT_EMPTY_TOPIC] = "an empty topic or filter",
        [CODEC_MQTT_WILDCARD_IN_TOPIC] = "a wildcard in a topic to publish to",
        [CODEC_MQTT_OLD_PROTOCOL] = "protocol MQIsdp (version 3.1) is not supported",
        [CODEC_MQTT_BAD_PROTOCOL] = "the protocol name is not MQTT",
        [CODEC_MQTT_BAD_LEVEL] = "unacceptable protocol level",
        [CODEC_MQTT_RESERVED_FLAG] = "the reserved bit of the CONNECT flags is set",
        [CODEC_MQTT_WILL_QOS_NO_WILL] = "will QoS without a will",
        [CODEC_MQTT_WILL_RETAIN_NO_WILL] = "will retain without a will",
        [CODEC_MQTT_BAD_WILL_QOS] = "will QoS 3",
        [CODEC_MQTT_PASSWORD_NO_USER] = "a password without a user name",
        [CODEC_MQTT_BAD_ACK_FLAGS] = "reserved bits of the acknowledge flags are set",
        [CODEC_MQTT_ZERO_PACKET_ID] = "packet identifier 0",
        [CODEC_MQTT_NO_FILTERS] = "no topic filter",
        [CODEC_MQTT_NO_CODES] = "no reason code",
        [CODEC_MQTT_BAD_OPTIONS] = "wrong subscription options",
        [CODEC_MQTT_UNKNOWN_PROPERTY] = "unknown property",
        [CODEC_MQTT_PROPERTY_NOT_HERE] = "a property that this packet does not have",
        [CODEC_MQTT_PROPERTY_TWICE] = "a property is repeated",
        [CODEC_MQTT_PROPERTY_RANGE] = "the value of a property is out of range",
    };
    return kind >= 0 && (size_t)kind < sizeof(texts) / sizeof(texts[0]) ? texts[kind] : "unknown error";
}
