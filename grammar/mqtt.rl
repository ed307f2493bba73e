/* mqtt.rl: the bodies of MQTT control packets, versions 3.1.1 and 5.0 (standards, section 3).
 *
 * A body is at hand as a whole (of PUBLISH: the variable header, whose length is known before it is read), so a field
 * is read at its last byte and a counted field is taken in one step. `field` is what is being read: when the body ends
 * inside it the packet is truncated there. Bytes for which there is no transition are left behind the last field. */
#include "codec/bytes.h"
#include "codec/mqtt_body.h"
#include "codec/utf8.h"

static enum codec_mqtt_error judge_string(slice text)
{
    if (!utf8_valid(text))
        return CODEC_MQTT_BAD_UTF8;
    return text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL ? CODEC_MQTT_NUL_IN_STRING : CODEC_MQTT_OK;
}

static enum codec_mqtt_error judge_topic(slice text)
{
    enum codec_mqtt_error error = judge_string(text);
    if (error != CODEC_MQTT_OK || text.len == 0)
        return error;
    bool wild = memchr(text.ptr, '+', text.len) != NULL || memchr(text.ptr, '#', text.len) != NULL;
    return wild ? CODEC_MQTT_WILDCARD_IN_TOPIC : CODEC_MQTT_OK;
}

static enum codec_mqtt_error judge_protocol(slice name)
{
    if (slice_eq_str(name, "MQTT"))
        return CODEC_MQTT_OK;
    return slice_eq_str(name, "MQIsdp") ? CODEC_MQTT_OLD_PROTOCOL : CODEC_MQTT_BAD_PROTOCOL;
}

/* The flags of CONNECT in the order in which the Go server looks at them. */
static enum codec_mqtt_error read_connect_flags(uint8_t flags, struct codec_mqtt_connect *c, uint32_t *value)
{
    c->flags = flags;
    c->clean_start = flags & 0x02;
    c->has_will = flags & 0x04;
    c->will_qos = flags >> 3 & 3;
    c->will_retain = flags & 0x20;
    c->has_password = flags & 0x40;
    c->has_user = flags & 0x80;
    *value = c->will_qos;
    if (flags & 0x01)
        return CODEC_MQTT_RESERVED_FLAG;
    if (!c->has_will && c->will_qos != 0)
        return CODEC_MQTT_WILL_QOS_NO_WILL;
    if (!c->has_will && c->will_retain)
        return CODEC_MQTT_WILL_RETAIN_NO_WILL;
    if (c->will_qos == 3)
        return CODEC_MQTT_BAD_WILL_QOS;
    return c->has_password && !c->has_user && c->level == 4 ? CODEC_MQTT_PASSWORD_NO_USER : CODEC_MQTT_OK;
}

/* QoS 0 to 2; 5.0: no local (4), retain as published (8), retain handling 0 to 2 (bits 4 and 5). */
static bool options_valid(uint8_t options, uint8_t version)
{
    return (options & 3) != 3 && (version == 5 ? (options & 0xc0) == 0 && (options & 0x30) != 0x30 : options <= 2);
}

/* The first n bytes of what is left of the body are properties. */
static enum codec_mqtt_error take_properties(struct mqtt_reader *r, slice left, uint32_t n, unsigned where, slice *out)
{
    uint8_t id = 0;
    if (left.len < n)
        return CODEC_MQTT_TRUNCATED;
    *out = slice_first(left, n);
    enum codec_mqtt_error error = mqtt_properties_check(*out, where, &id, &r->at);
    r->at += (size_t)(left.ptr - r->body.ptr);
    r->in_property = error != CODEC_MQTT_OK;
    r->fault.value = id;
    return error;
}

%%{
    machine mqtt;
    alphtype unsigned char;

    # ---- primitives: a field is entered (or missing), read, judged

    action counted {
        size_t n = bytes_u16be(p - 1);
        if ((size_t)(pe - p - 1) < n) {
            error = CODEC_MQTT_TRUNCATED;
            fbreak;
        }
        text = slice_make(p + 1, n);
        p += n;
    }
    action string { error = judge_string(text); if (error != CODEC_MQTT_OK) { r->fault.text = text; fbreak; } }
    action topic_string {
        error = judge_topic(text);
        if (error != CODEC_MQTT_OK) { r->fault.text = text; fbreak; }
    }
    action not_empty { if (text.len == 0) { error = CODEC_MQTT_EMPTY_TOPIC; fbreak; } }

    counted = any{2} @counted;
    string  = counted @string;
    u16     = any{2};

    # ---- fields

    action in_protocol     { r->fault.field = CODEC_MQTT_PROTOCOL_NAME; }
    action in_level        { r->fault.field = CODEC_MQTT_PROTOCOL_LEVEL; }
    action in_flags        { r->fault.field = CODEC_MQTT_CONNECT_FLAGS; }
    action in_keep_alive   { r->fault.field = CODEC_MQTT_KEEP_ALIVE; }
    action in_client_id    { r->fault.field = CODEC_MQTT_CLIENT_ID; }
    action in_will_topic   { r->fault.field = CODEC_MQTT_WILL_TOPIC; }
    action in_will_message { r->fault.field = CODEC_MQTT_WILL_MESSAGE; }
    action in_user         { r->fault.field = CODEC_MQTT_USER_NAME; }
    action in_password     { r->fault.field = CODEC_MQTT_PASSWORD; }
    action in_topic        { r->fault.field = CODEC_MQTT_TOPIC; }
    action in_packet_id    { r->fault.field = CODEC_MQTT_PACKET_ID; }
    action in_filter       { r->fault.field = CODEC_MQTT_TOPIC_FILTER; }
    action in_options      { r->fault.field = CODEC_MQTT_OPTIONS; }
    action in_reason       { r->fault.field = CODEC_MQTT_REASON; }
    action in_ack_flags    { r->fault.field = CODEC_MQTT_ACK_FLAGS; }
    action in_properties   { r->fault.field = CODEC_MQTT_PROPERTIES; number = 0; shift = 0; }

    action protocol {
        error = judge_protocol(text);
        if (error != CODEC_MQTT_OK) { r->fault.text = text; fbreak; }
    }
    action level {
        c->level = e->version = *p;
        if (*p != 4 && !(*p == 5 && r->accept_v5)) {
            r->fault.value = *p;
            error = CODEC_MQTT_BAD_LEVEL;
            fbreak;
        }
    }
    action flags      { error = read_connect_flags(*p, c, &r->fault.value); if (error != CODEC_MQTT_OK) fbreak; }
    action keep_alive { c->keep_alive = bytes_u16be(p - 1); }
    action client_id  { c->client_id = text; }
    action will_topic { c->will_topic = text; }
    action will_message { c->will_payload = text; }
    action user       { c->user_name = text; }
    action password   { c->password = text; }
    action topic      { e->publish.topic = text; }
    action packet_id {
        packet_id = bytes_u16be(p - 1);
        if (packet_id == 0) {
            error = CODEC_MQTT_ZERO_PACKET_ID;
            fbreak;
        }
    }
    action list_begin { if (list == NULL) list = p; }
    action filter     { e->filters.count++; }
    action options {
        if (!options_valid(*p, e->version)) {
            r->fault.value = *p;
            error = CODEC_MQTT_BAD_OPTIONS;
            fbreak;
        }
    }
    action reason     { reason = *p; }
    action ack_flags {
        e->connack.session_present = *p & 1;
        if (*p > 1) {
            r->fault.value = *p;
            error = CODEC_MQTT_BAD_ACK_FLAGS;
            fbreak;
        }
    }

    protocol     = counted >in_protocol >/in_protocol @protocol;
    level        = any >in_level >/in_level @level;
    flags        = any >in_flags >/in_flags @flags;
    keep_alive   = u16 >in_keep_alive >/in_keep_alive @keep_alive;
    client_id    = string >in_client_id >/in_client_id @client_id;
    will_topic   = counted >in_will_topic >/in_will_topic @not_empty @topic_string @will_topic;
    will_message = counted >in_will_message >/in_will_message @will_message;
    user         = string >in_user >/in_user @user;
    password     = counted >in_password >/in_password @password;
    topic        = counted >in_topic >/in_topic @topic_string @topic;
    some_topic   = topic @not_empty;
    packet_id    = u16 >in_packet_id >/in_packet_id @packet_id;
    filter       = string >in_filter >/in_filter >list_begin @not_empty @filter;
    options      = any >in_options >/in_options @options;
    reason       = any >in_reason >/in_reason @reason;
    ack_flags    = any >in_ack_flags >/in_ack_flags @ack_flags;
    code         = any >list_begin;

    # ---- properties: their length as a variable number, then they are taken in one step and checked

    action group    { number |= (uint32_t)(*p & 0x7f) << shift; shift += 7; }
    action overlong { error = CODEC_MQTT_BAD_VARINT; fbreak; }
    action properties {
        text = slice_make(p + 1, (size_t)(pe - p - 1));
        error = take_properties(r, text, number, 1u << e->type, &properties);
        if (error != CODEC_MQTT_OK)
            fbreak;
        p += number;
    }
    action will_properties {
        text = slice_make(p + 1, (size_t)(pe - p - 1));
        error = take_properties(r, text, number, MQTT_IN_WILL, &c->will_properties);
        if (error != CODEC_MQTT_OK)
            fbreak;
        p += number;
    }

    length          = ( 0x80..0xff $group ){0,3} 0x00..0x7f @group | ( 0x80..0xff ){4} @overlong;
    properties      = length >in_properties >/in_properties @properties;
    will_properties = length >in_properties >/in_properties @will_properties;

    # ---- CONNECT: its flags say what follows the client id

    action after_keep_alive { if (e->version == 5) fgoto connect_5; else fgoto connect_4; }
    action after_client_id {
        if (c->has_will) { if (e->version == 5) fgoto will_5; else fgoto will_4; }
        if (c->has_user) fgoto user_part;
        if (c->has_password) fgoto password_part;
        fgoto nothing;
    }
    action after_will {
        if (c->has_user) fgoto user_part;
        if (c->has_password) fgoto password_part;
        fgoto nothing;
    }
    action after_user { if (c->has_password) fgoto password_part; else fgoto nothing; }

    connect   := protocol level flags keep_alive @after_keep_alive;
    connect_4 := client_id @after_client_id;
    connect_5 := properties client_id @after_client_id;
    will_4    := will_topic will_message @after_will;
    will_5    := will_properties will_topic will_message @after_will;
    user_part     := user @after_user;
    password_part := password;

    # ---- the others, _4 for 3.1.1 and _5 for 5.0

    connack_4     := ack_flags reason;
    connack_5     := ack_flags reason properties;
    publish_4     := some_topic;                            # QoS 0
    publish_id_4  := some_topic packet_id;                  # QoS 1 and 2
    publish_5     := topic properties;
    publish_id_5  := topic packet_id properties;
    ack_4         := packet_id;                             # PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK
    ack_5         := packet_id ( reason properties? )?;
    subscribe_4   := packet_id ( filter options )*;
    subscribe_5   := packet_id properties ( filter options )*;
    unsubscribe_4 := packet_id filter*;
    unsubscribe_5 := packet_id properties filter*;
    codes_4       := packet_id code*;                       # SUBACK
    codes_5       := packet_id properties code*;            # SUBACK, UNSUBACK
    reason_5      := ( reason properties? )?;               # DISCONNECT, AUTH
    nothing       := '';                                    # PINGREQ, PINGRESP, DISCONNECT of 3.1.1
}%%

%% write data;

/* Where each kind of packet starts: 3.1.1, 5.0. */
static const int starts[][2] = {
    [CODEC_MQTT_CONNECT] = {mqtt_en_connect, mqtt_en_connect},
    [CODEC_MQTT_CONNACK] = {mqtt_en_connack_4, mqtt_en_connack_5},
    [CODEC_MQTT_PUBLISH] = {mqtt_en_publish_4, mqtt_en_publish_5},
    [CODEC_MQTT_PUBACK] = {mqtt_en_ack_4, mqtt_en_ack_5},
    [CODEC_MQTT_PUBREC] = {mqtt_en_ack_4, mqtt_en_ack_5},
    [CODEC_MQTT_PUBREL] = {mqtt_en_ack_4, mqtt_en_ack_5},
    [CODEC_MQTT_PUBCOMP] = {mqtt_en_ack_4, mqtt_en_ack_5},
    [CODEC_MQTT_SUBSCRIBE] = {mqtt_en_subscribe_4, mqtt_en_subscribe_5},
    [CODEC_MQTT_SUBACK] = {mqtt_en_codes_4, mqtt_en_codes_5},
    [CODEC_MQTT_UNSUBSCRIBE] = {mqtt_en_unsubscribe_4, mqtt_en_unsubscribe_5},
    [CODEC_MQTT_UNSUBACK] = {mqtt_en_ack_4, mqtt_en_codes_5},
    [CODEC_MQTT_PINGREQ] = {mqtt_en_nothing, mqtt_en_nothing},
    [CODEC_MQTT_PINGRESP] = {mqtt_en_nothing, mqtt_en_nothing},
    [CODEC_MQTT_DISCONNECT] = {mqtt_en_nothing, mqtt_en_reason_5},
    [CODEC_MQTT_AUTH] = {mqtt_en_nothing, mqtt_en_reason_5},
};

static int start_of(const struct codec_mqtt_event *e)
{
    bool v5 = e->version == 5;
    if (e->type == CODEC_MQTT_PUBLISH && e->publish.qos > 0)
        return v5 ? mqtt_en_publish_id_5 : mqtt_en_publish_id_4;
    return starts[e->type][v5];
}

enum codec_mqtt_error mqtt_body_read(struct mqtt_reader *r, slice body)
{
    const uint8_t *p = body.ptr, *pe = p + body.len, *eof = pe, *list = NULL;
    struct codec_mqtt_event *e = r->event;
    struct codec_mqtt_connect *c = &e->connect;
    enum codec_mqtt_error error = CODEC_MQTT_OK;
    slice text = SLICE_EMPTY, properties = SLICE_EMPTY;
    uint32_t number = 0;
    unsigned shift = 0;
    uint16_t packet_id = 0;
    uint8_t reason = 0;
    int cs = start_of(e);
    r->body = body;
    %% write exec;
    if (error == CODEC_MQTT_OK && cs == mqtt_error)
        error = CODEC_MQTT_TRAILING_BYTES;
    else if (error == CODEC_MQTT_OK && cs < mqtt_first_final)
        error = CODEC_MQTT_TRUNCATED;
    if (!r->in_property)
        r->at = (size_t)(p - body.ptr);
    r->packet_id = packet_id;
    r->reason = reason;
    r->properties = properties;
    r->list = list == NULL ? SLICE_EMPTY : slice_make(list, (size_t)(pe - list));
    return error;
}
