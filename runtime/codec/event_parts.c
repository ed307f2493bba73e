/* event_parts.c: the members of events that are more than a scalar. Each has a function that makes the member
 * and one that reads it. Arrays are sized before they are made; arena space that runs out is told by the
 * arena. */
#include <arpa/inet.h>
#include <stdalign.h>
#include <stdio.h>
#include <midge/headers.h>
#include <midge/json.h>
#include "codec/event_shape.h"
#include "codec/mqtt_body.h"
#include "codec/utf8.h"

static struct codec_value make_array(struct codec_arena *arena, size_t count)
{
    struct codec_value v = {.type = CODEC_VALUE_ARRAY};
    v.array.items = codec_arena_take(arena, count * sizeof(v), alignof(struct codec_value));
    v.array.count = v.array.items == NULL ? 0 : count;
    return v;
}

static struct codec_value make_object(struct codec_arena *arena, size_t count)
{
    struct codec_value v = {.type = CODEC_VALUE_OBJECT};
    v.object.items =
        codec_arena_take(arena, count * sizeof(struct codec_member), alignof(struct codec_member));
    v.object.count = v.object.items == NULL ? 0 : count;
    return v;
}

/* ------------------------------------------------------------------------------------------ INFO and CONNECT
 */

/* Text that is a JSON object and, behind it, blanks at most. */
static bool is_json(slice text)
{
    struct codec_json p;
    struct codec_json_token token;
    enum codec_json_event e;
    if (text.len == 0 || text.ptr[0] != '{' || !utf8_valid(text))
        return false;
    codec_json_init(&p, text);
    while ((e = codec_json_next(&p, &token)) != CODEC_JSON_END) {
        if (e == CODEC_JSON_BAD)
            return false;
    }
    return true;
}

/* The blank that some servers put behind their INFO is kept as `tail`. */
static void json_to(slice text, struct maker *m)
{
    if (!is_json(text)) {
        maker_add(m, "text", codec_value_text(text));
        return;
    }
    size_t end = text.len;
    while (text.ptr[end - 1] != '}')
        end--;
    maker_add(m, "json", (struct codec_value){.type = CODEC_VALUE_JSON, .text = slice_first(text, end)});
    if (end < text.len)
        maker_add(m, "tail", codec_value_text(slice_from(text, end)));
}

static bool json_from(const struct codec_value *object, slice *text, struct codec_arena *arena)
{
    const struct codec_value *json = codec_value_get(object, "json");
    slice tail = SLICE_EMPTY;
    if (json == NULL)
        return codec_value_get(object, "text") != NULL && text_from(object, "text", text);
    if (json->type != CODEC_VALUE_JSON || !text_from(object, "tail", &tail))
        return false;
    struct codec_out out = maker_out(arena, json->text.len + tail.len);
    codec_out_put(&out, json->text);
    codec_out_put(&out, tail);
    *text = codec_out_slice(&out);
    /* one line: white space between tokens may not end it */
    for (size_t i = 0; i < text->len && codec_out_ok(&out); i++) {
        if (out.ptr[i] == '\n')
            out.ptr[i] = ' ';
    }
    return codec_out_ok(&out);
}

/* ---------------------------------------------------------------------------------------------- queue lists
 */

static void queues_to(const char *key, slice queues, size_t count, struct maker *m)
{
    if (count == 0)
        return;
    struct codec_value v = make_array(m->arena, count);
    slice queue;
    for (size_t i = 0; i < v.array.count && codec_fabric_queue_next(&queues, &queue); i++)
        v.array.items[i] = codec_value_text(queue);
    maker_add(m, key, v);
}

static bool queues_from(const struct codec_value *v, slice *queues, size_t *count, struct codec_arena *arena)
{
    size_t size = 0;
    if (v == NULL)
        return true;
    if (v->type != CODEC_VALUE_ARRAY)
        return false;
    for (size_t i = 0; i < v->array.count; i++) {
        if (v->array.items[i].type != CODEC_VALUE_TEXT)
            return false;
        size += v->array.items[i].text.len + 1;
    }
    struct codec_out out = maker_out(arena, size);
    for (size_t i = 0; i < v->array.count; i++) {
        codec_out_put(&out, v->array.items[i].text);
        codec_out_byte(&out, ' ');
    }
    *queues = codec_out_slice(&out);
    *count = v->array.count;
    return codec_out_ok(&out);
}

static void max_to(const struct codec_client_unsub *u, struct maker *m)
{
    if (u->has_max)
        maker_add(m, "max", codec_value_number(u->max));
    else if (u->max_text.len > 0)
        maker_add(m, "max", codec_value_text(u->max_text));
}

static bool max_from(const struct codec_value *v, struct codec_client_unsub *u)
{
    if (v == NULL)
        return true;
    if (v->type == CODEC_VALUE_TEXT)
        return u->max_text = v->text, true;
    u->has_max = true;
    u->max = (uint32_t)v->number;
    return v->type == CODEC_VALUE_UINT && v->number <= CODEC_MAX_SIZE;
}

/* ------------------------------------------------------------------------------------- headers and payloads
 */

/* The lines of a block; false when it is not one. */
static bool count_headers(slice block, size_t *fields)
{
    struct codec_headers h = {0};
    struct codec_headers_event e;
    *fields = 0;
    while (codec_headers_next(&h, &block, &e) == CODEC_EVENT) {
        if (e.kind == CODEC_HEADERS_END)
            return block.len == 0;
        *fields += e.kind == CODEC_HEADERS_FIELD;
    }
    return false;
}

/* The list of values of a name, made when it is not there. Linear: a block has few names. */
static struct codec_value *values_of(struct codec_value *headers, slice name)
{
    for (size_t i = 0; i < headers->object.count; i++) {
        if (slice_eq(headers->object.items[i].key, name))
            return &headers->object.items[i].value;
    }
    struct codec_member *m = &headers->object.items[headers->object.count++];
    *m = (struct codec_member){name, {.type = CODEC_VALUE_ARRAY}};
    return &m->value;
}

#define HEADERS_MAX 1024 /* above that the block is kept as it is: looking names up is quadratic */

/* `fields` values in one block of the arena: each name's list is a run of it. Two passes: count, then fill.
 */
static bool headers_object(slice block, size_t fields, struct codec_value *headers, unsigned *status,
                           slice *text, struct codec_arena *arena)
{
    *headers = make_object(arena, fields);
    struct codec_value all = make_array(arena, fields);
    if (!codec_arena_ok(arena))
        return false;
    headers->object.count = 0;
    for (int pass = 0; pass < 2; pass++) {
        struct codec_headers h = {0};
        struct codec_headers_event e;
        slice left = block;
        while (codec_headers_next(&h, &left, &e) == CODEC_EVENT && e.kind != CODEC_HEADERS_END) {
            if (e.kind == CODEC_HEADERS_STATUS) {
                *status = e.code;
                *text = e.value;
                continue;
            }
            struct codec_value *values = values_of(headers, e.name);
            if (pass == 1)
                values->array.items[values->array.count] = codec_value_text(e.value);
            values->array.count++;
        }
        struct codec_value *at = all.array.items;
        for (size_t i = 0; pass == 0 && i < headers->object.count; i++) {
            struct codec_value *values = &headers->object.items[i].value;
            values->array.items = at;
            at += values->array.count;
            values->array.count = 0;
        }
    }
    return true;
}

static void write_headers(struct codec_out *out, const struct codec_value *headers, unsigned status,
                          slice text)
{
    codec_headers_begin(out, status, text);
    for (size_t i = 0; headers != NULL && i < headers->object.count; i++) {
        const struct codec_member *m = &headers->object.items[i];
        for (size_t k = 0; k < m->value.array.count; k++)
            codec_headers_field(out, m->key, m->value.array.items[k].text);
    }
    codec_headers_end(out);
}

/* Would the object give the block back to the byte? */
static bool gives_back(slice block, const struct codec_value *headers, unsigned status, slice text,
                       struct codec_arena *arena)
{
    struct codec_arena probe = *arena; /* the copy is thrown away */
    struct codec_out out = maker_out(&probe, block.len + 1);
    write_headers(&out, headers, status, text);
    return out.len == block.len && codec_out_ok(&out) && memcmp(out.ptr, block.ptr, block.len) == 0;
}

static bool names_fit(const struct codec_value *headers)
{
    for (size_t i = 0; i < headers->object.count; i++) {
        slice key = headers->object.items[i].key;
        if (key.len > 200 || (key.len >= 4 && slice_eq_str(slice_from(key, key.len - 4), "_b64")))
            return false;
    }
    return true;
}

static void headers_to(slice block, struct maker *m)
{
    size_t fields;
    unsigned status = 0;
    slice text = SLICE_EMPTY;
    struct codec_value headers;
    bool whole = count_headers(block, &fields) && fields <= HEADERS_MAX &&
                 headers_object(block, fields, &headers, &status, &text, m->arena) && names_fit(&headers);
    if (whole && status != 0)
        maker_add(m, "status", codec_value_number(status));
    if (whole && text.len > 0)
        maker_add(m, "description", codec_value_text(text));
    if (whole)
        maker_add(m, "headers", headers);
    if (!whole || !gives_back(block, &headers, status, text, m->arena))
        maker_add(m, "headers_raw", codec_value_text(block));
}

static void body_to(const struct codec_event *e, const struct field *f, struct maker *m)
{
    slice payload = *(const slice *)field_at(e, f->at);
    uint32_t hdr = f->extra == 0 ? 0 : *(const uint32_t *)field_at(e, f->extra);
    if (!*(const bool *)field_at(e, f->has)) {
        if (hdr > 0)
            maker_add(m, "header_size", codec_value_number(hdr));
        return;
    }
    if (hdr > 0)
        headers_to(slice_first(payload, hdr), m);
    maker_add(m, "payload", codec_value_text(slice_from(payload, hdr)));
}

static bool headers_valid(const struct codec_value *headers)
{
    if (headers == NULL)
        return true;
    if (headers->type != CODEC_VALUE_OBJECT)
        return false;
    for (size_t i = 0; i < headers->object.count; i++) {
        const struct codec_value *values = &headers->object.items[i].value;
        if (values->type != CODEC_VALUE_ARRAY)
            return false;
        for (size_t k = 0; k < values->array.count; k++) {
            if (values->array.items[k].type != CODEC_VALUE_TEXT)
                return false;
        }
    }
    return true;
}

/* Headers, raw or from their object, then the payload, joined in the arena. */
static bool body_from(const struct codec_value *object, const struct field *f, struct codec_event *e,
                      struct codec_arena *arena)
{
    const struct codec_value *headers = codec_value_get(object, "headers");
    slice raw = SLICE_EMPTY, text = SLICE_EMPTY, payload = SLICE_EMPTY;
    uint64_t status = 0, hdr_size = 0;
    uint32_t *hdr = f->extra == 0 ? NULL : field_at(e, f->extra);
    if (!text_from(object, "headers_raw", &raw) || !text_from(object, "description", &text) ||
        !text_from(object, "payload", &payload) || !number_from(object, "status", 999, &status) ||
        !number_from(object, "header_size", UINT32_MAX, &hdr_size) || !headers_valid(headers))
        return false;
    if (codec_value_get(object, "payload") == NULL) { /* the payload comes apart */
        if (hdr != NULL)
            *hdr = (uint32_t)hdr_size;
        return true;
    }
    bool has_headers = raw.len > 0 || headers != NULL || status != 0;
    struct codec_out count = codec_out_on(NULL, 0);
    if (raw.len == 0 && has_headers)
        write_headers(&count, headers, (unsigned)status, text);
    size_t block = raw.len > 0 ? raw.len : count.len;
    struct codec_out out = maker_out(arena, block + payload.len);
    if (raw.len > 0)
        codec_out_put(&out, raw);
    else if (has_headers)
        write_headers(&out, headers, (unsigned)status, text);
    codec_out_put(&out, payload);
    if (!codec_out_ok(&out) || out.len > UINT32_MAX || (has_headers && hdr == NULL))
        return false;
    *(slice *)field_at(e, f->at) = codec_out_slice(&out);
    *(bool *)field_at(e, f->has) = true;
    *(uint32_t *)field_at(e, f->more) = (uint32_t)out.len;
    if (hdr != NULL)
        *hdr = (uint32_t)block;
    return true;
}

/* ---------------------------------------------------------------------------------------------------- MQTT
 */

static struct codec_value property_value(const struct codec_mqtt_property *q, struct codec_arena *arena)
{
    if (q->value == CODEC_MQTT_PAIR) {
        struct codec_value pair = make_array(arena, 2);
        for (size_t i = 0; i < pair.array.count; i++)
            pair.array.items[i] = codec_value_text(i == 0 ? q->text : q->pair);
        return pair;
    }
    bool text = q->value == CODEC_MQTT_STRING || q->value == CODEC_MQTT_BINARY;
    return text ? codec_value_text(q->text) : codec_value_number(q->number);
}

/* Those that may be repeated are lists. */
static bool is_list(uint8_t id)
{
    return id == CODEC_MQTT_USER_PROPERTY || id == CODEC_MQTT_SUBSCRIPTION_ID;
}

static size_t count_property(slice properties, uint8_t id)
{
    struct codec_mqtt_property q;
    size_t n = 0;
    while (codec_mqtt_property_next(&properties, &q))
        n += q.id == id;
    return n;
}

/* One member an id, in the order of their first appearance. */
static struct codec_value properties_object(slice properties, struct codec_arena *arena)
{
    struct codec_mqtt_property q;
    uint64_t seen = 0;
    size_t ids = 0;
    for (slice left = properties; codec_mqtt_property_next(&left, &q); seen |= 1ull << q.id)
        ids += !(seen & 1ull << q.id);
    struct codec_value object = make_object(arena, ids);
    size_t cap = object.object.count;
    object.object.count = 0;
    seen = 0;
    for (slice left = properties; codec_mqtt_property_next(&left, &q); seen |= 1ull << q.id) {
        if (seen & 1ull << q.id || object.object.count == cap)
            continue;
        struct codec_value v = property_value(&q, arena);
        if (is_list(q.id)) {
            struct codec_mqtt_property same;
            struct codec_value list = make_array(arena, count_property(properties, q.id));
            size_t i = 0;
            for (slice all = properties; i < list.array.count && codec_mqtt_property_next(&all, &same);) {
                if (same.id == q.id)
                    list.array.items[i++] = property_value(&same, arena);
            }
            v = list;
        }
        object.object.items[object.object.count++] =
            (struct codec_member){slice_str(codec_mqtt_property_name(q.id)), v};
    }
    return object;
}

static bool put_property(struct codec_out *out, const struct codec_mqtt_property *q)
{
    size_t n = codec_mqtt_property_encode(q, NULL, 0);
    uint8_t *at = codec_out_room(out, n);
    if (at != NULL)
        codec_mqtt_property_encode(q, at, n);
    return n > 0;
}

static uint8_t property_id(slice name)
{
    for (unsigned id = 1; id <= CODEC_MQTT_SHARED_AVAILABLE; id++) {
        if (slice_eq_str(name, codec_mqtt_property_name((uint8_t)id)))
            return (uint8_t)id;
    }
    return 0;
}

static bool write_property(struct codec_out *out, uint8_t id, const struct codec_value *v)
{
    struct codec_mqtt_property q = {.id = id};
    switch (mqtt_property_value(id)) {
    case CODEC_MQTT_STRING:
    case CODEC_MQTT_BINARY:
        q.text = v->text;
        return v->type == CODEC_VALUE_TEXT && put_property(out, &q);
    case CODEC_MQTT_PAIR:
        if (v->type != CODEC_VALUE_ARRAY || v->array.count != 2 ||
            v->array.items[0].type != CODEC_VALUE_TEXT || v->array.items[1].type != CODEC_VALUE_TEXT)
            return false;
        q.text = v->array.items[0].text;
        q.pair = v->array.items[1].text;
        return put_property(out, &q);
    default: /* numbers; of an id that is not known nothing is put */
        q.number = (uint32_t)v->number;
        return v->type == CODEC_VALUE_UINT && v->number <= UINT32_MAX && put_property(out, &q);
    }
}

static bool write_properties(struct codec_out *out, const struct codec_value *object)
{
    if (object->type != CODEC_VALUE_OBJECT)
        return false;
    for (size_t i = 0; i < object->object.count; i++) {
        const struct codec_member *m = &object->object.items[i];
        uint8_t id = property_id(m->key);
        bool list = is_list(id) && m->value.type == CODEC_VALUE_ARRAY;
        if (!list && !write_property(out, id, &m->value))
            return false;
        for (size_t k = 0; list && k < m->value.array.count; k++) {
            if (!write_property(out, id, &m->value.array.items[k]))
                return false;
        }
    }
    return true;
}

static void properties_to(const char *key, slice properties, struct maker *m)
{
    if (properties.len == 0)
        return;
    struct codec_value object = properties_object(properties, m->arena);
    struct codec_arena probe = *m->arena;
    struct codec_out out = maker_out(&probe, properties.len + 1);
    maker_add(m, key, object);
    write_properties(&out, &object);
    if (!codec_out_ok(&out) || !slice_eq(codec_out_slice(&out), properties)) {
        bool will = strcmp(key, "will_properties") == 0;
        maker_add(m, will ? "will_properties_raw" : "properties_raw", codec_value_text(properties));
    }
}

static bool properties_from(const struct codec_value *object, const char *key, slice *properties,
                            struct codec_arena *arena)
{
    bool will = strcmp(key, "will_properties") == 0;
    const struct codec_value *v = codec_value_get(object, key);
    if (!text_from(object, will ? "will_properties_raw" : "properties_raw", properties))
        return false;
    if (v == NULL || properties->len > 0)
        return true;
    struct codec_out count = codec_out_on(NULL, 0);
    if (!write_properties(&count, v))
        return false;
    struct codec_out out = maker_out(arena, count.len);
    write_properties(&out, v);
    *properties = codec_out_slice(&out);
    return codec_out_ok(&out);
}

/* SUBSCRIBE: an object each; UNSUBSCRIBE: the filter alone. */
static void filters_to(const struct codec_mqtt_filters *filters, bool with_options, struct maker *m)
{
    struct codec_value list = make_array(m->arena, filters->count);
    struct codec_mqtt_filter f;
    slice left = filters->filters;
    for (size_t i = 0; i < list.array.count && codec_mqtt_filter_next(&left, with_options, &f); i++) {
        list.array.items[i] = codec_value_text(f.filter);
        if (!with_options)
            continue;
        struct maker one = {.arena = m->arena, .cap = 5};
        one.members = codec_arena_take(m->arena, 5 * sizeof(*one.members), alignof(struct codec_member));
        one.cap = one.members == NULL ? 0 : 5;
        maker_add(&one, "filter", codec_value_text(f.filter));
        maker_add(&one, "qos", codec_value_number(f.qos));
        if (f.no_local)
            maker_add(&one, "no_local", codec_value_bool(true));
        if (f.retain_as_published)
            maker_add(&one, "retain_as_published", codec_value_bool(true));
        if (f.retain_handling != 0)
            maker_add(&one, "retain_handling", codec_value_number(f.retain_handling));
        list.array.items[i] = (struct codec_value){.type = CODEC_VALUE_OBJECT};
        list.array.items[i].object.items = one.members;
        list.array.items[i].object.count = one.count;
    }
    maker_add(m, "filters", list);
}

static bool bool_from(const struct codec_value *object, const char *key, bool *b)
{
    const struct codec_value *v = codec_value_get(object, key);
    *b = v != NULL && v->type == CODEC_VALUE_BOOL && v->boolean;
    return v == NULL || v->type == CODEC_VALUE_BOOL;
}

static bool filter_from(const struct codec_value *v, bool with_options, struct codec_mqtt_filter *f)
{
    uint64_t qos = 0, handling = 0;
    *f = (struct codec_mqtt_filter){.qos = 0};
    if (!with_options)
        return f->filter = v->text, v->type == CODEC_VALUE_TEXT;
    if (v->type != CODEC_VALUE_OBJECT || codec_value_get(v, "filter") == NULL ||
        !text_from(v, "filter", &f->filter) || !number_from(v, "qos", 2, &qos) ||
        !number_from(v, "retain_handling", 2, &handling) || !bool_from(v, "no_local", &f->no_local) ||
        !bool_from(v, "retain_as_published", &f->retain_as_published))
        return false;
    f->options = (uint8_t)(qos | (f->no_local ? 4u : 0) | (f->retain_as_published ? 8u : 0) | handling << 4);
    return true;
}

static bool filters_from(const struct codec_value *v, bool with_options, struct codec_mqtt_filters *filters,
                         struct codec_arena *arena)
{
    struct codec_mqtt_filter f;
    size_t size = 0, n;
    if (v == NULL || v->type != CODEC_VALUE_ARRAY)
        return false;
    for (size_t i = 0; i < v->array.count; i++) {
        if (!filter_from(&v->array.items[i], with_options, &f) ||
            (n = codec_mqtt_filter_encode(&f, with_options, NULL, 0)) == 0)
            return false;
        size += n;
    }
    struct codec_out out = maker_out(arena, size);
    for (size_t i = 0; i < v->array.count; i++) {
        filter_from(&v->array.items[i], with_options, &f);
        n = codec_mqtt_filter_encode(&f, with_options, NULL, 0);
        uint8_t *at = codec_out_room(&out, n);
        if (at != NULL)
            codec_mqtt_filter_encode(&f, with_options, at, n);
    }
    filters->filters = codec_out_slice(&out);
    filters->count = (uint32_t)v->array.count;
    return codec_out_ok(&out);
}

static void codes_to(slice codes, struct maker *m)
{
    struct codec_value list = make_array(m->arena, codes.len);
    for (size_t i = 0; i < list.array.count; i++)
        list.array.items[i] = codec_value_number(codes.ptr[i]);
    if (codes.len > 0)
        maker_add(m, "codes", list);
}

static bool codes_from(const struct codec_value *v, slice *codes, struct codec_arena *arena)
{
    if (v == NULL)
        return true;
    if (v->type != CODEC_VALUE_ARRAY)
        return false;
    uint8_t *at = codec_arena_take(arena, v->array.count, 1);
    for (size_t i = 0; at != NULL && i < v->array.count; i++) {
        if (v->array.items[i].type != CODEC_VALUE_UINT || v->array.items[i].number > UINT8_MAX)
            return false;
        at[i] = (uint8_t)v->array.items[i].number;
    }
    *codes = slice_make(at, v->array.count);
    return at != NULL;
}

/* ------------------------------------------------------------------------------------- WebSocket and PROXY
 */

static void hex_to(const char *key, const uint8_t *bytes, size_t n, struct maker *m)
{
    struct codec_out out = maker_out(m->arena, 2 * n);
    for (size_t i = 0; i < n; i++) {
        codec_out_byte(&out, "0123456789abcdef"[bytes[i] >> 4]);
        codec_out_byte(&out, "0123456789abcdef"[bytes[i] & 15]);
    }
    maker_add(m, key, codec_value_text(slice_make(out.ptr, out.ptr == NULL ? 0 : out.len)));
}

static bool hex_from(const struct codec_value *object, const char *key, uint8_t *bytes, size_t n)
{
    slice text = SLICE_EMPTY;
    if (!text_from(object, key, &text))
        return false;
    if (codec_value_get(object, key) == NULL)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        const char *digits = "0123456789abcdef", *at = text.ptr[i] == 0 ? NULL : strchr(digits, text.ptr[i]);
        if (at == NULL || text.len != 2 * n)
            return false;
        bytes[i / 2] = (uint8_t)(bytes[i / 2] << 4 | (at - digits));
    }
    return text.len == 2 * n;
}

static slice masked(slice payload, const struct codec_ws_event *ws, struct codec_arena *arena)
{
    if (!ws->masked || payload.len == 0)
        return payload;
    uint8_t *at = codec_arena_take(arena, payload.len, 1);
    if (at == NULL)
        return SLICE_EMPTY;
    codec_ws_mask(at, payload.ptr, payload.len, ws->mask, ws->payload_at);
    return slice_make(at, payload.len);
}

static void address_to(const char *key, const uint8_t *address, enum codec_proxy_family family,
                       struct maker *m)
{
    if (family == CODEC_PROXY_UNSPEC)
        return;
    char text[CODEC_PROXY_ADDRESS_TEXT] = "";
    inet_ntop(family == CODEC_PROXY_IPV4 ? AF_INET : AF_INET6, address, text, sizeof(text));
    struct codec_out out = maker_out(m->arena, sizeof(text));
    codec_out_put(&out, slice_str(text));
    maker_add(m, key, codec_value_text(slice_make(out.ptr, out.ptr == NULL ? 0 : out.len)));
}

static bool address_from(const struct codec_value *object, const char *key, uint8_t *address,
                         enum codec_proxy_family family)
{
    slice text = SLICE_EMPTY;
    char z[CODEC_PROXY_ADDRESS_TEXT] = "";
    if (!text_from(object, key, &text) || text.len >= sizeof(z))
        return false;
    if (family == CODEC_PROXY_UNSPEC)
        return true;
    if (text.len > 0)
        memcpy(z, text.ptr, text.len);
    return inet_pton(family == CODEC_PROXY_IPV4 ? AF_INET : AF_INET6, z, address) == 1;
}

/* ------------------------------------------------------------------------------------------------- both ways
 */

void part_to(const struct codec_event *e, const struct field *f, struct maker *m)
{
    const void *at = field_at(e, f->at);
    switch (f->type) {
    case FIELD_JSON:
        json_to(*(const slice *)at, m);
        break;
    case FIELD_QUEUES:
        queues_to(f->key, *(const slice *)at, *(const size_t *)field_at(e, f->extra), m);
        break;
    case FIELD_MAX:
        max_to(at, m);
        break;
    case FIELD_BODY:
        body_to(e, f, m);
        break;
    case FIELD_PROPERTIES:
        properties_to(f->key, *(const slice *)at, m);
        break;
    case FIELD_FILTERS:
        filters_to(at, f->extra, m);
        break;
    case FIELD_CODES:
        codes_to(*(const slice *)at, m);
        break;
    case FIELD_HEX:
        if (*(const bool *)field_at(e, f->has))
            hex_to(f->key, at, f->size, m);
        break;
    case FIELD_MASKED:
        maker_add(m, f->key, codec_value_text(masked(*(const slice *)at, &e->ws, m->arena)));
        break;
    default: /* FIELD_ADDRESS */
        address_to(f->key, at, *(const enum codec_proxy_family *)field_at(e, f->extra), m);
        break;
    }
}

bool part_from(const struct codec_value *object, const struct field *f, struct codec_event *e,
               struct codec_arena *arena)
{
    void *at = field_at(e, f->at);
    const struct codec_value *v = codec_value_get(object, f->key);
    switch (f->type) {
    case FIELD_JSON:
        return json_from(object, at, arena);
    case FIELD_QUEUES:
        return queues_from(v, at, field_at(e, f->extra), arena);
    case FIELD_MAX:
        return max_from(v, at);
    case FIELD_BODY:
        return body_from(object, f, e, arena);
    case FIELD_PROPERTIES:
        return properties_from(object, f->key, at, arena);
    case FIELD_FILTERS:
        return filters_from(v, f->extra, at, arena);
    case FIELD_CODES:
        return codes_from(v, at, arena);
    case FIELD_HEX:
        return hex_from(object, f->key, at, f->size);
    case FIELD_MASKED:
        if (!text_from(object, f->key, at))
            return false;
        if (codec_value_get(object, "size") == NULL)
            e->ws.length = ((slice *)at)->len;
        *(slice *)at = masked(*(slice *)at, &e->ws, arena);
        return true;
    default: /* FIELD_ADDRESS */
        return address_from(object, f->key, at, *(enum codec_proxy_family *)field_at(e, f->extra));
    }
}
