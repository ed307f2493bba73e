/* mqtt.c: finds the packets in a stream: fixed header, length, what must be there before a body is read.
 * Bodies are read by grammar/mqtt.rl. */
#include "codec/bytes.h"
#include "codec/mqtt_body.h"

void codec_mqtt_init(struct codec_mqtt *ps, enum codec_mqtt_side side)
{
    *ps = (struct codec_mqtt){
        .side = side, .max_packet = CODEC_MQTT_LENGTH_MAX + CODEC_MQTT_HEAD_MAX, .accept_v5 = true};
}

static enum codec_rc fail(struct codec_mqtt *ps, struct codec_mqtt_event *e, enum codec_mqtt_error kind,
                          size_t at, struct codec_mqtt_fault fault)
{
    fault.type = e->type;
    e->error = ps->failure = (struct codec_error){(int)kind, ps->offset + at};
    e->fault = fault;
    return CODEC_ERROR;
}

static enum codec_rc fail_value(struct codec_mqtt *ps, struct codec_mqtt_event *e, enum codec_mqtt_error kind,
                                size_t at, uint32_t value)
{
    return fail(ps, e, kind, at, (struct codec_mqtt_fault){.value = value});
}

static enum codec_rc more(struct codec_mqtt_event *e, size_t need)
{
    e->need = need;
    return CODEC_MORE;
}

static void advance(struct codec_mqtt *ps, slice *in, size_t n)
{
    *in = slice_from(*in, n);
    ps->offset += n;
}

/* ---------------------------------------------------------------------------------------- the fixed header
 */

#define BIT(type) (1u << CODEC_MQTT_##type)

static bool sends(enum codec_mqtt_side side, unsigned type, uint8_t version)
{
    const unsigned both = BIT(PUBLISH) | BIT(PUBACK) | BIT(PUBREC) | BIT(PUBREL) | BIT(PUBCOMP);
    const unsigned client =
        both | BIT(CONNECT) | BIT(SUBSCRIBE) | BIT(UNSUBSCRIBE) | BIT(PINGREQ) | BIT(DISCONNECT);
    unsigned server = both | BIT(CONNACK) | BIT(SUBACK) | BIT(UNSUBACK) | BIT(PINGRESP);
    unsigned allowed = side == CODEC_MQTT_FROM_CLIENT   ? client
                       : side == CODEC_MQTT_FROM_SERVER ? server
                                                        : client | server;
    if (version == 5)
        allowed |= BIT(AUTH) | BIT(DISCONNECT);
    return allowed >> type & 1;
}

/* PUBREL, SUBSCRIBE and UNSUBSCRIBE carry 2, PUBLISH what it means, the others 0. */
static bool flags_valid(unsigned type, unsigned flags)
{
    switch (type) {
    case CODEC_MQTT_PUBLISH:
        return true;
    case CODEC_MQTT_PUBREL:
    case CODEC_MQTT_SUBSCRIBE:
    case CODEC_MQTT_UNSUBSCRIBE:
        return flags == 2;
    default:
        return flags == 0;
    }
}

static enum codec_mqtt_error judge_first_byte(const struct codec_mqtt *ps, unsigned type, unsigned flags,
                                              uint8_t version)
{
    if (ps->side == CODEC_MQTT_FROM_CLIENT && !ps->connected && type != CODEC_MQTT_CONNECT)
        return CODEC_MQTT_NOT_CONNECT;
    if (!sends(ps->side, type, version))
        return CODEC_MQTT_UNKNOWN_TYPE;
    if (type == CODEC_MQTT_CONNECT && ps->connected && ps->side == CODEC_MQTT_FROM_CLIENT)
        return CODEC_MQTT_SECOND_CONNECT;
    if (!flags_valid(type, flags))
        return CODEC_MQTT_BAD_FLAGS;
    return type == CODEC_MQTT_PUBLISH && (flags & 6) == 6 ? CODEC_MQTT_BAD_QOS : CODEC_MQTT_OK;
}

/* A variable number at the front of the bytes: its length, 0 when they end inside it, 5 when it is too long.
 */
static size_t read_varint(slice bytes, uint32_t *value)
{
    *value = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        *value |= (uint32_t)(bytes.ptr[i] & 0x7f) << (7 * i);
        if (!(bytes.ptr[i] & 0x80))
            return i + 1;
        if (i == 3)
            return 5;
    }
    return 0;
}

/* Packets whose length is known from their type. */
static bool length_valid(const struct codec_mqtt_event *e)
{
    switch (e->type) {
    case CODEC_MQTT_PINGREQ:
    case CODEC_MQTT_PINGRESP:
        return e->length == 0;
    case CODEC_MQTT_DISCONNECT:
        return e->version == 5 || e->length == 0;
    case CODEC_MQTT_CONNACK:
    case CODEC_MQTT_PUBACK:
    case CODEC_MQTT_PUBREC:
    case CODEC_MQTT_PUBREL:
    case CODEC_MQTT_PUBCOMP:
    case CODEC_MQTT_UNSUBACK:
        return e->version == 5 || e->length == 2;
    default:
        return true;
    }
}

/* Type, flags and length into the event; *head is the length of the fixed header. */
static enum codec_rc read_head(struct codec_mqtt *ps, slice in, struct codec_mqtt_event *e, size_t *head)
{
    if (in.len == 0)
        return more(e, 2);
    unsigned type = in.ptr[0] >> 4, flags = in.ptr[0] & 0x0f;
    e->type = (enum codec_mqtt_type)type;
    e->version = ps->version == 0 ? 4 : ps->version;
    enum codec_mqtt_error error = judge_first_byte(ps, type, flags, e->version);
    if (error != CODEC_MQTT_OK)
        return fail_value(ps, e, error, 0, error == CODEC_MQTT_BAD_FLAGS ? flags : type);
    *head = 1 + read_varint(slice_from(in, 1), &e->length);
    if (*head == 1)
        return more(e, 1);
    if (*head > CODEC_MQTT_HEAD_MAX)
        return fail_value(ps, e, CODEC_MQTT_BAD_VARINT, 4, 0);
    if (*head + e->length > ps->max_packet)
        return fail_value(ps, e, CODEC_MQTT_PACKET_TOO_LONG, 1, (uint32_t)*head + e->length);
    if (!length_valid(e))
        return fail_value(ps, e, CODEC_MQTT_BAD_LENGTH, 1, e->length);
    return CODEC_EVENT;
}

/* ------------------------------------------------------------------------------------------------- PUBLISH
 */

/* Bytes of the variable header when enough of it is at hand to know, else *need more are wanted; each step
 * looks at a length and leaps, so that a long topic is not looked at again for each byte of it. A packet that
 * is too short for its own header is read as far as it goes, and refused there. */
static size_t publish_head_len(const struct codec_mqtt_event *e, unsigned qos, slice body, size_t *need)
{
    size_t n = 2;
    *need = 0;
    if (n > e->length)
        return e->length;
    if (body.len < n)
        return *need = n - body.len, 0;
    n += bytes_u16be(body.ptr);
    if (n > e->length)
        return 2; /* refused at the topic: no need to wait for the rest */
    n += qos > 0 ? 2 : 0;
    if (e->version == 5 && n < e->length) {
        uint32_t properties = 0;
        if (body.len <= n)
            return *need = n + 1 - body.len, 0;
        size_t width = read_varint(slice_first(slice_from(body, n), e->length - n), &properties);
        if (width == 0 && body.len < e->length)
            return *need = 1, 0;
        n += width + (width <= 4 ? properties : 0);
    }
    return n < e->length ? n : e->length;
}

static enum codec_rc next_payload(struct codec_mqtt *ps, slice *in, struct codec_mqtt_event *e)
{
    if (in->len < ps->left)
        return more(e, ps->left - in->len);
    e->type = CODEC_MQTT_PAYLOAD;
    e->version = ps->version == 0 ? 4 : ps->version;
    e->length = ps->left;
    e->payload = slice_first(*in, ps->left);
    advance(ps, in, ps->left);
    ps->left = 0;
    return CODEC_EVENT;
}

void codec_mqtt_payload_taken(struct codec_mqtt *ps, size_t n)
{
    uint32_t taken = n > ps->left ? ps->left : (uint32_t)n;
    ps->left -= taken;
    ps->offset += taken;
}

/* ------------------------------------------------------------------------------------------------- packets
 */

/* What several packets have in common, out of the reader into the event. */
static void fill(struct codec_mqtt_event *e, const struct mqtt_reader *r)
{
    switch (e->type) {
    case CODEC_MQTT_CONNECT:
        e->connect.properties = r->properties;
        break;
    case CODEC_MQTT_CONNACK:
        e->connack.reason = r->reason;
        e->connack.properties = r->properties;
        break;
    case CODEC_MQTT_PUBLISH:
        e->publish.packet_id = r->packet_id;
        e->publish.properties = r->properties;
        break;
    case CODEC_MQTT_PUBACK:
    case CODEC_MQTT_PUBREC:
    case CODEC_MQTT_PUBREL:
    case CODEC_MQTT_PUBCOMP:
        e->ack = (struct codec_mqtt_ack){r->packet_id, r->reason, r->properties};
        break;
    case CODEC_MQTT_SUBSCRIBE:
    case CODEC_MQTT_UNSUBSCRIBE:
        e->filters = (struct codec_mqtt_filters){r->packet_id, r->properties, r->list, e->filters.count};
        break;
    case CODEC_MQTT_SUBACK:
    case CODEC_MQTT_UNSUBACK:
        e->codes = (struct codec_mqtt_codes){r->packet_id, r->properties, r->list};
        break;
    case CODEC_MQTT_DISCONNECT:
    case CODEC_MQTT_AUTH:
        e->reason = (struct codec_mqtt_reason){r->reason, r->properties};
        break;
    default:
        break;
    }
}

/* What only the whole packet shows: a list that must not be empty, a topic that an alias may stand for. */
static enum codec_mqtt_error judge_whole(const struct codec_mqtt_event *e, struct codec_mqtt_fault *fault)
{
    struct codec_mqtt_property q;
    switch (e->type) {
    case CODEC_MQTT_SUBSCRIBE:
    case CODEC_MQTT_UNSUBSCRIBE:
        fault->field = CODEC_MQTT_TOPIC_FILTER;
        return e->filters.count == 0 ? CODEC_MQTT_NO_FILTERS : CODEC_MQTT_OK;
    case CODEC_MQTT_SUBACK:
        return e->codes.codes.len == 0 ? CODEC_MQTT_NO_CODES : CODEC_MQTT_OK;
    case CODEC_MQTT_UNSUBACK:
        return e->version == 5 && e->codes.codes.len == 0 ? CODEC_MQTT_NO_CODES : CODEC_MQTT_OK;
    case CODEC_MQTT_PUBLISH:
        if (e->publish.topic.len > 0)
            return CODEC_MQTT_OK;
        for (slice left = e->publish.properties; codec_mqtt_property_next(&left, &q);) {
            if (q.id == CODEC_MQTT_TOPIC_ALIAS)
                return CODEC_MQTT_OK;
        }
        fault->field = CODEC_MQTT_TOPIC;
        return CODEC_MQTT_EMPTY_TOPIC;
    default:
        return CODEC_MQTT_OK;
    }
}

static enum codec_rc read_body(struct codec_mqtt *ps, slice body, size_t head, struct codec_mqtt_event *e)
{
    struct mqtt_reader r = {.event = e, .accept_v5 = ps->accept_v5};
    enum codec_mqtt_error error = mqtt_body_read(&r, body);
    if (error == CODEC_MQTT_OK) {
        r.fault = (struct codec_mqtt_fault){.type = e->type};
        fill(e, &r);
        error = judge_whole(e, &r.fault);
    }
    return error == CODEC_MQTT_OK ? CODEC_EVENT : fail(ps, e, error, head + r.at, r.fault);
}

static enum codec_rc next_publish(struct codec_mqtt *ps, slice *in, size_t head, struct codec_mqtt_event *e)
{
    unsigned flags = in->ptr[0] & 0x0f;
    slice body = slice_first(slice_from(*in, head), e->length);
    size_t need, n = publish_head_len(e, flags >> 1 & 3, body, &need);
    if (need > 0)
        return more(e, need);
    if (body.len < n)
        return more(e, n - body.len);
    e->publish = (struct codec_mqtt_publish){.dup = flags & 8, .retain = flags & 1, .qos = flags >> 1 & 3};
    enum codec_rc rc = read_body(ps, slice_first(body, n), head, e);
    if (rc != CODEC_EVENT)
        return rc;
    e->publish.size = e->length - (uint32_t)n;
    e->publish.payload_complete = body.len == e->length;
    if (e->publish.payload_complete)
        e->publish.payload = slice_from(body, n);
    else
        ps->left = e->publish.size;
    advance(ps, in, head + (e->publish.payload_complete ? e->length : n));
    return CODEC_EVENT;
}

static enum codec_rc next_whole(struct codec_mqtt *ps, slice *in, size_t head, struct codec_mqtt_event *e)
{
    size_t total = head + e->length;
    if (in->len < total)
        return more(e, total - in->len);
    memset(&e->connect, 0, sizeof(e->connect)); /* the largest of the union */
    enum codec_rc rc = read_body(ps, slice_from(slice_first(*in, total), head), head, e);
    if (rc != CODEC_EVENT)
        return rc;
    if (e->type == CODEC_MQTT_CONNECT) {
        ps->connected = true;
        ps->version = e->version;
    }
    advance(ps, in, total);
    return CODEC_EVENT;
}

enum codec_rc codec_mqtt_next(struct codec_mqtt *ps, slice *in, struct codec_mqtt_event *e)
{
    e->offset = ps->offset;
    if (ps->failure.kind != CODEC_MQTT_OK) {
        e->error = ps->failure;
        e->fault = (struct codec_mqtt_fault){.field = CODEC_MQTT_NO_FIELD};
        return CODEC_ERROR;
    }
    if (ps->left > 0)
        return next_payload(ps, in, e);
    size_t head = 0;
    enum codec_rc rc = read_head(ps, *in, e, &head);
    if (rc != CODEC_EVENT)
        return rc;
    return e->type == CODEC_MQTT_PUBLISH ? next_publish(ps, in, head, e) : next_whole(ps, in, head, e);
}

/* --------------------------------------------------------------------------------------------------- lists
 */

bool codec_mqtt_filter_next(slice *filters, bool with_options, struct codec_mqtt_filter *f)
{
    if (filters->len < 2)
        return false;
    size_t n = bytes_u16be(filters->ptr), total = 2 + n + (with_options ? 1 : 0);
    if (filters->len < total)
        return false;
    uint8_t options = with_options ? filters->ptr[total - 1] : 0;
    *f = (struct codec_mqtt_filter){
        .filter = slice_make(filters->ptr + 2, n),
        .options = options,
        .qos = options & 3,
        .no_local = options & 4,
        .retain_as_published = options & 8,
        .retain_handling = options >> 4 & 3,
    };
    *filters = slice_from(*filters, total);
    return true;
}
