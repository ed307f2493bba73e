/* mqtt_property.c: where each property of MQTT 5.0 may stand, what its value may be (standard, table 2-4),
 * and its bytes. Their forms are in grammar/mqtt_property.rl. */
#include "codec/bytes.h"
#include "codec/mqtt_body.h"
#include "codec/sink.h"
#include "codec/utf8.h"

enum range {
    ANY_NUMBER,
    ZERO_OR_ONE,
    NOT_ZERO,
};

#define IN_ACKS (MQTT_IN(PUBACK) | MQTT_IN(PUBREC) | MQTT_IN(PUBREL) | MQTT_IN(PUBCOMP))

#define IN_EVERY                                                                                            \
    (MQTT_IN_WILL | MQTT_IN(CONNECT) | MQTT_IN(CONNACK) | MQTT_IN(PUBLISH) | IN_ACKS | MQTT_IN(SUBSCRIBE) | \
     MQTT_IN(SUBACK) | MQTT_IN(UNSUBSCRIBE) | MQTT_IN(UNSUBACK) | MQTT_IN(DISCONNECT) | MQTT_IN(AUTH))
#define IN_REPLIES \
    (MQTT_IN(CONNACK) | IN_ACKS | MQTT_IN(SUBACK) | MQTT_IN(UNSUBACK) | MQTT_IN(DISCONNECT) | MQTT_IN(AUTH))

static const struct rule {
    const char *name;
    uint32_t where;
    enum codec_mqtt_value value;
    enum range range;
} rules[] = {
    [CODEC_MQTT_PAYLOAD_FORMAT] = {"payload_format", MQTT_IN(PUBLISH) | MQTT_IN_WILL, CODEC_MQTT_BYTE,
                                   ZERO_OR_ONE},
    [CODEC_MQTT_MESSAGE_EXPIRY] = {"message_expiry", MQTT_IN(PUBLISH) | MQTT_IN_WILL, CODEC_MQTT_U32,
                                   ANY_NUMBER},
    [CODEC_MQTT_CONTENT_TYPE] = {"content_type", MQTT_IN(PUBLISH) | MQTT_IN_WILL, CODEC_MQTT_STRING,
                                 ANY_NUMBER},
    [CODEC_MQTT_RESPONSE_TOPIC] = {"response_topic", MQTT_IN(PUBLISH) | MQTT_IN_WILL, CODEC_MQTT_STRING,
                                   ANY_NUMBER},
    [CODEC_MQTT_CORRELATION_DATA] = {"correlation_data", MQTT_IN(PUBLISH) | MQTT_IN_WILL, CODEC_MQTT_BINARY,
                                     ANY_NUMBER},
    [CODEC_MQTT_SUBSCRIPTION_ID] = {"subscription_id", MQTT_IN(PUBLISH) | MQTT_IN(SUBSCRIBE),
                                    CODEC_MQTT_VARINT, NOT_ZERO},
    [CODEC_MQTT_SESSION_EXPIRY] = {"session_expiry",
                                   MQTT_IN(CONNECT) | MQTT_IN(CONNACK) | MQTT_IN(DISCONNECT), CODEC_MQTT_U32,
                                   ANY_NUMBER},
    [CODEC_MQTT_ASSIGNED_CLIENT_ID] = {"assigned_client_id", MQTT_IN(CONNACK), CODEC_MQTT_STRING, ANY_NUMBER},
    [CODEC_MQTT_SERVER_KEEP_ALIVE] = {"server_keep_alive", MQTT_IN(CONNACK), CODEC_MQTT_U16, ANY_NUMBER},
    [CODEC_MQTT_AUTH_METHOD] = {"auth_method", MQTT_IN(CONNECT) | MQTT_IN(CONNACK) | MQTT_IN(AUTH),
                                CODEC_MQTT_STRING, ANY_NUMBER},
    [CODEC_MQTT_AUTH_DATA] = {"auth_data", MQTT_IN(CONNECT) | MQTT_IN(CONNACK) | MQTT_IN(AUTH),
                              CODEC_MQTT_BINARY, ANY_NUMBER},
    [CODEC_MQTT_REQUEST_PROBLEM_INFO] = {"request_problem_info", MQTT_IN(CONNECT), CODEC_MQTT_BYTE,
                                         ZERO_OR_ONE},
    [CODEC_MQTT_WILL_DELAY] = {"will_delay", MQTT_IN_WILL, CODEC_MQTT_U32, ANY_NUMBER},
    [CODEC_MQTT_REQUEST_RESPONSE_INFO] = {"request_response_info", MQTT_IN(CONNECT), CODEC_MQTT_BYTE,
                                          ZERO_OR_ONE},
    [CODEC_MQTT_RESPONSE_INFO] = {"response_info", MQTT_IN(CONNACK), CODEC_MQTT_STRING, ANY_NUMBER},
    [CODEC_MQTT_SERVER_REFERENCE] = {"server_reference", MQTT_IN(CONNACK) | MQTT_IN(DISCONNECT),
                                     CODEC_MQTT_STRING, ANY_NUMBER},
    [CODEC_MQTT_REASON_STRING] = {"reason_string", IN_REPLIES, CODEC_MQTT_STRING, ANY_NUMBER},
    [CODEC_MQTT_RECEIVE_MAXIMUM] = {"receive_maximum", MQTT_IN(CONNECT) | MQTT_IN(CONNACK), CODEC_MQTT_U16,
                                    NOT_ZERO},
    [CODEC_MQTT_TOPIC_ALIAS_MAXIMUM] = {"topic_alias_maximum", MQTT_IN(CONNECT) | MQTT_IN(CONNACK),
                                        CODEC_MQTT_U16, ANY_NUMBER},
    [CODEC_MQTT_TOPIC_ALIAS] = {"topic_alias", MQTT_IN(PUBLISH), CODEC_MQTT_U16, NOT_ZERO},
    [CODEC_MQTT_MAXIMUM_QOS] = {"maximum_qos", MQTT_IN(CONNACK), CODEC_MQTT_BYTE, ZERO_OR_ONE},
    [CODEC_MQTT_RETAIN_AVAILABLE] = {"retain_available", MQTT_IN(CONNACK), CODEC_MQTT_BYTE, ZERO_OR_ONE},
    [CODEC_MQTT_USER_PROPERTY] = {"user_property", IN_EVERY, CODEC_MQTT_PAIR, ANY_NUMBER},
    [CODEC_MQTT_MAXIMUM_PACKET] = {"maximum_packet", MQTT_IN(CONNECT) | MQTT_IN(CONNACK), CODEC_MQTT_U32,
                                   NOT_ZERO},
    [CODEC_MQTT_WILDCARD_AVAILABLE] = {"wildcard_available", MQTT_IN(CONNACK), CODEC_MQTT_BYTE, ZERO_OR_ONE},
    [CODEC_MQTT_SUB_ID_AVAILABLE] = {"subscription_id_available", MQTT_IN(CONNACK), CODEC_MQTT_BYTE,
                                     ZERO_OR_ONE},
    [CODEC_MQTT_SHARED_AVAILABLE] = {"shared_available", MQTT_IN(CONNACK), CODEC_MQTT_BYTE, ZERO_OR_ONE},
};

static const struct rule *rule_of(uint8_t id)
{
    static const struct rule none = {.name = ""};
    return id < sizeof(rules) / sizeof(rules[0]) && rules[id].name != NULL ? &rules[id] : &none;
}

const char *codec_mqtt_property_name(uint8_t id)
{
    return rule_of(id)->name;
}

enum codec_mqtt_value mqtt_property_value(uint8_t id)
{
    return rule_of(id)->value;
}

static enum codec_mqtt_error judge_text(slice text)
{
    if (!utf8_valid(text))
        return CODEC_MQTT_BAD_UTF8;
    return text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL ? CODEC_MQTT_NUL_IN_STRING
                                                                    : CODEC_MQTT_OK;
}

static enum codec_mqtt_error judge_value(const struct rule *rule, const struct codec_mqtt_property *q)
{
    enum codec_mqtt_error error = CODEC_MQTT_OK;
    switch (q->value) {
    case CODEC_MQTT_STRING:
        return judge_text(q->text);
    case CODEC_MQTT_PAIR:
        error = judge_text(q->text);
        return error != CODEC_MQTT_OK ? error : judge_text(q->pair);
    case CODEC_MQTT_BINARY:
        return CODEC_MQTT_OK;
    default:
        break;
    }
    bool ok = rule->range == ANY_NUMBER || (rule->range == ZERO_OR_ONE ? q->number <= 1 : q->number != 0);
    return ok ? CODEC_MQTT_OK : CODEC_MQTT_PROPERTY_RANGE;
}

/* Only these may be repeated: user properties everywhere, subscription ids in what a server publishes. */
static bool may_repeat(uint8_t id, unsigned where)
{
    return id == CODEC_MQTT_USER_PROPERTY || (id == CODEC_MQTT_SUBSCRIPTION_ID && where == MQTT_IN(PUBLISH));
}

enum codec_mqtt_error mqtt_properties_check(slice properties, unsigned where, uint8_t *id, size_t *at)
{
    uint64_t seen = 0;
    for (slice left = properties; left.len > 0;) {
        struct codec_mqtt_property q;
        enum codec_mqtt_error error;
        *at = properties.len - left.len;
        size_t n = mqtt_property_read(left, &q, &error);
        *id = q.id;
        if (n == 0)
            return error;
        const struct rule *rule = rule_of(q.id);
        if (!(rule->where & where))
            return CODEC_MQTT_PROPERTY_NOT_HERE;
        if ((seen & 1ull << q.id) && !may_repeat(q.id, where))
            return CODEC_MQTT_PROPERTY_TWICE;
        seen |= 1ull << q.id;
        error = judge_value(rule, &q);
        if (error != CODEC_MQTT_OK)
            return error;
        left = slice_from(left, n);
    }
    return CODEC_MQTT_OK;
}

bool codec_mqtt_property_next(slice *properties, struct codec_mqtt_property *q)
{
    enum codec_mqtt_error error;
    size_t n = mqtt_property_read(*properties, q, &error);
    *properties = slice_from(*properties, n);
    return n > 0;
}

static void put_counted(struct sink *s, slice text)
{
    sink_byte(s, (uint8_t)(text.len >> 8));
    sink_byte(s, (uint8_t)text.len);
    sink_put(s, text);
}

static void put_number(struct sink *s, uint32_t number, size_t width)
{
    uint8_t bytes[4];
    bytes_put_be(bytes, number, width);
    sink_put(s, slice_make(bytes, width));
}

static void put_varint(struct sink *s, uint32_t number)
{
    for (; number > 0x7f; number >>= 7)
        sink_byte(s, (uint8_t)(number | 0x80));
    sink_byte(s, (uint8_t)number);
}

/* The form is that of the id, whatever q->value says. */
static void put_property(struct sink *s, enum codec_mqtt_value value, const struct codec_mqtt_property *q)
{
    sink_byte(s, q->id);
    switch (value) {
    case CODEC_MQTT_BYTE:
        put_number(s, q->number, 1);
        break;
    case CODEC_MQTT_U16:
        put_number(s, q->number, 2);
        break;
    case CODEC_MQTT_U32:
        put_number(s, q->number, 4);
        break;
    case CODEC_MQTT_VARINT:
        put_varint(s, q->number);
        break;
    case CODEC_MQTT_STRING:
    case CODEC_MQTT_BINARY:
        put_counted(s, q->text);
        break;
    case CODEC_MQTT_PAIR:
        put_counted(s, q->text);
        put_counted(s, q->pair);
        break;
    }
}

static bool number_fits(enum codec_mqtt_value value, uint32_t number)
{
    return value == CODEC_MQTT_BYTE     ? number <= UINT8_MAX
           : value == CODEC_MQTT_U16    ? number <= UINT16_MAX
           : value == CODEC_MQTT_VARINT ? number <= CODEC_MQTT_LENGTH_MAX
                                        : true;
}

size_t codec_mqtt_property_encode(const struct codec_mqtt_property *q, uint8_t *out, size_t cap)
{
    const struct rule *rule = rule_of(q->id);
    if (rule->where == 0 || q->text.len > UINT16_MAX || q->pair.len > UINT16_MAX ||
        !number_fits(rule->value, q->number))
        return 0;
    struct sink s = {NULL, 0};
    put_property(&s, rule->value, q);
    if (s.len > cap)
        return s.len;
    s = (struct sink){out, 0};
    put_property(&s, rule->value, q);
    return s.len;
}
