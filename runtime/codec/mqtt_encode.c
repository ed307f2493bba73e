/* mqtt_encode.c: MQTT events as bytes; the inverse of mqtt.c. */
#include "codec/bytes.h"
#include "codec/mqtt_body.h"
#include "codec/sink.h"

static void put_u16(struct sink *s, uint16_t v)
{
    sink_byte(s, (uint8_t)(v >> 8));
    sink_byte(s, (uint8_t)v);
}

static void put_counted(struct sink *s, slice text)
{
    put_u16(s, (uint16_t)text.len);
    sink_put(s, text);
}

static void put_varint(struct sink *s, size_t v)
{
    for (; v > 0x7f; v >>= 7)
        sink_byte(s, (uint8_t)(v | 0x80));
    sink_byte(s, (uint8_t)v);
}

static void put_properties(struct sink *s, uint8_t version, slice properties)
{
    if (version == 5) {
        put_varint(s, properties.len);
        sink_put(s, properties);
    }
}

/* Flags follow from what is there. */
static uint8_t connect_flags(const struct codec_mqtt_connect *c)
{
    return (uint8_t)((c->clean_start ? 0x02 : 0) | (c->has_will ? 0x04 : 0) | c->will_qos << 3 |
                     (c->will_retain ? 0x20 : 0) | (c->has_password ? 0x40 : 0) | (c->has_user ? 0x80 : 0));
}

static void put_connect(struct sink *s, const struct codec_mqtt_connect *c)
{
    put_counted(s, SLICE_LIT("MQTT"));
    sink_byte(s, c->level);
    sink_byte(s, connect_flags(c));
    put_u16(s, c->keep_alive);
    put_properties(s, c->level, c->properties);
    put_counted(s, c->client_id);
    if (c->has_will) {
        put_properties(s, c->level, c->will_properties);
        put_counted(s, c->will_topic);
        put_counted(s, c->will_payload);
    }
    if (c->has_user)
        put_counted(s, c->user_name);
    if (c->has_password)
        put_counted(s, c->password);
}

/* 5.0 lets a reason of 0 and empty properties be left out from behind. */
static void put_reason(struct sink *s, uint8_t version, uint8_t reason, slice properties)
{
    if (version != 5 || (reason == 0 && properties.len == 0))
        return;
    sink_byte(s, reason);
    if (properties.len > 0)
        put_properties(s, version, properties);
}

static void put_body(struct sink *s, const struct codec_mqtt_event *e)
{
    switch (e->type) {
    case CODEC_MQTT_CONNECT:
        put_connect(s, &e->connect);
        break;
    case CODEC_MQTT_CONNACK:
        sink_byte(s, e->connack.session_present);
        sink_byte(s, e->connack.reason);
        put_properties(s, e->version, e->connack.properties);
        break;
    case CODEC_MQTT_PUBLISH:
        put_counted(s, e->publish.topic);
        if (e->publish.qos > 0)
            put_u16(s, e->publish.packet_id);
        put_properties(s, e->version, e->publish.properties);
        break;
    case CODEC_MQTT_PUBACK:
    case CODEC_MQTT_PUBREC:
    case CODEC_MQTT_PUBREL:
    case CODEC_MQTT_PUBCOMP:
        put_u16(s, e->ack.packet_id);
        put_reason(s, e->version, e->ack.reason, e->ack.properties);
        break;
    case CODEC_MQTT_SUBSCRIBE:
    case CODEC_MQTT_UNSUBSCRIBE:
        put_u16(s, e->filters.packet_id);
        put_properties(s, e->version, e->filters.properties);
        sink_put(s, e->filters.filters);
        break;
    case CODEC_MQTT_SUBACK:
    case CODEC_MQTT_UNSUBACK:
        put_u16(s, e->codes.packet_id);
        put_properties(s, e->version, e->codes.properties);
        sink_put(s, e->codes.codes);
        break;
    case CODEC_MQTT_DISCONNECT:
    case CODEC_MQTT_AUTH:
        put_reason(s, e->version, e->reason.reason, e->reason.properties);
        break;
    default: /* PINGREQ, PINGRESP */
        break;
    }
}

static uint8_t first_byte(const struct codec_mqtt_event *e)
{
    unsigned flags = 0;
    if (e->type == CODEC_MQTT_PUBLISH)
        flags = (e->publish.dup ? 8u : 0u) | (unsigned)e->publish.qos << 1 | (e->publish.retain ? 1u : 0u);
    else if (e->type == CODEC_MQTT_PUBREL || e->type == CODEC_MQTT_SUBSCRIBE ||
             e->type == CODEC_MQTT_UNSUBSCRIBE)
        flags = 2;
    return (uint8_t)((unsigned)e->type << 4 | flags);
}

/* What the bytes cannot say: counted fields have two bytes of length, a QoS two bits, versions are 4 and 5.
 * And what would be refused: a will's manner without the will, in 3.1.1 a password without a user. */
static bool connect_fits(const struct codec_mqtt_connect *c)
{
    return (c->level == 4 || c->level == 5) && c->will_qos <= 2 &&
           (c->has_will || (c->will_qos == 0 && !c->will_retain)) &&
           (c->level == 5 || c->has_user || !c->has_password) && c->client_id.len <= UINT16_MAX &&
           c->will_topic.len <= UINT16_MAX && c->will_payload.len <= UINT16_MAX &&
           c->user_name.len <= UINT16_MAX && c->password.len <= UINT16_MAX;
}

static bool fields_fit(const struct codec_mqtt_event *e)
{
    const struct codec_mqtt_publish *p = &e->publish;
    switch (e->type) {
    case CODEC_MQTT_CONNECT:
        return connect_fits(&e->connect);
    case CODEC_MQTT_PUBLISH:
        return p->qos <= 2 && p->topic.len <= UINT16_MAX &&
               (!p->payload_complete || p->payload.len == p->size);
    default:
        return e->type >= CODEC_MQTT_CONNECT && e->type <= CODEC_MQTT_AUTH;
    }
}

static size_t encode_payload(slice payload, uint8_t *out, size_t cap)
{
    if (payload.len > 0 && payload.len <= cap)
        memcpy(out, payload.ptr, payload.len);
    return payload.len;
}

size_t codec_mqtt_encode(const struct codec_mqtt_event *e, uint8_t *out, size_t cap)
{
    if (e->type == CODEC_MQTT_PAYLOAD)
        return encode_payload(e->payload, out, cap);
    if (!fields_fit(e) || (e->type != CODEC_MQTT_CONNECT && e->version != 4 && e->version != 5))
        return 0;
    struct sink s = {NULL, 0};
    put_body(&s, e);
    uint64_t length = (uint64_t)s.len + (e->type == CODEC_MQTT_PUBLISH ? e->publish.size : 0);
    if (length > CODEC_MQTT_LENGTH_MAX)
        return 0;
    bool payload = e->type == CODEC_MQTT_PUBLISH && e->publish.payload_complete;
    size_t head = length < 128 ? 2 : length < 16384 ? 3 : length < 2097152 ? 4 : 5;
    size_t total = head + s.len + (payload ? e->publish.payload.len : 0);
    if (total > cap)
        return total;
    s = (struct sink){out, 0};
    sink_byte(&s, first_byte(e));
    put_varint(&s, (size_t)length);
    put_body(&s, e);
    if (payload)
        sink_put(&s, e->publish.payload);
    return s.len;
}

size_t codec_mqtt_filter_encode(const struct codec_mqtt_filter *f, bool with_options, uint8_t *out,
                                size_t cap)
{
    size_t n = 2 + f->filter.len + (with_options ? 1 : 0);
    if (f->filter.len > UINT16_MAX)
        return 0;
    if (n > cap)
        return n;
    struct sink s = {out, 0};
    put_counted(&s, f->filter);
    if (with_options)
        sink_byte(&s, f->options);
    return n;
}
