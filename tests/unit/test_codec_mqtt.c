/* MQTT 3.1.1 and 5.0: all packets with all their fields, each refusal with its place, every split and every
 * truncation, encoders as the inverse. The parser's part (what a server answers is for scenarios) of
 * covers: MQ-36 MQ-37 MQ-38 MQ-39 MQ-40 MQ-41 MQ-43 MQ-44 MQ-45 MQ-46 MQ-49 MQ-54 MQ-55 MQ-56 MQ-62 MQ-127
 * covers: MQ-144 MQ-146 */
#include "unit.h"
#include <midge/mqtt.h>
#include <stdarg.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------- events as lines of text */

struct text {
    char buf[1 << 16];
    size_t len;
};

static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
    va_end(ap);
}

static void put_slice(struct text *t, const char *key, slice s)
{
    put(t, " %s[", key);
    for (size_t i = 0; i < s.len; i++)
        put(t, s.ptr[i] < 0x20 || s.ptr[i] > 0x7e ? "\\%02x" : "%c", s.ptr[i]);
    put(t, "]");
}

static void put_properties(struct text *t, const char *key, slice properties)
{
    struct codec_mqtt_property q;
    if (properties.len == 0)
        return;
    put(t, " %s{", key);
    while (codec_mqtt_property_next(&properties, &q)) {
        put(t, " %s", codec_mqtt_property_name(q.id));
        if (q.value == CODEC_MQTT_STRING || q.value == CODEC_MQTT_BINARY || q.value == CODEC_MQTT_PAIR)
            put_slice(t, "", q.text);
        else
            put(t, "=%u", q.number);
        if (q.value == CODEC_MQTT_PAIR)
            put_slice(t, "", q.pair);
    }
    put(t, " }");
    CU_ASSERT_EQUAL(properties.len, 0);
}

static void put_connect(struct text *t, const struct codec_mqtt_connect *c)
{
    put(t, " v%u clean=%d keep=%u", c->level, c->clean_start, c->keep_alive);
    put_slice(t, "id", c->client_id);
    put_properties(t, "props", c->properties);
    if (c->has_will) {
        put(t, " will qos=%u retain=%d", c->will_qos, c->will_retain);
        put_slice(t, "topic", c->will_topic);
        put_slice(t, "payload", c->will_payload);
        put_properties(t, "props", c->will_properties);
    }
    if (c->has_user)
        put_slice(t, "user", c->user_name);
    if (c->has_password)
        put_slice(t, "pass", c->password);
}

/* A payload is always a line of its own, whether it came with its PUBLISH or later. */
static void put_event(struct text *t, const struct codec_mqtt_event *e)
{
    struct codec_mqtt_filter f;
    slice left;
    if (e->type != CODEC_MQTT_PAYLOAD)
        put(t, "%s", codec_mqtt_type_name(e->type));
    switch (e->type) {
    case CODEC_MQTT_CONNECT:
        put_connect(t, &e->connect);
        break;
    case CODEC_MQTT_CONNACK:
        put(t, " sp=%d rc=%u", e->connack.session_present, e->connack.reason);
        put_properties(t, "props", e->connack.properties);
        break;
    case CODEC_MQTT_PUBLISH:
        put(t, " qos=%u dup=%d retain=%d pi=%u", e->publish.qos, e->publish.dup, e->publish.retain,
            e->publish.packet_id);
        put_slice(t, "topic", e->publish.topic);
        put_properties(t, "props", e->publish.properties);
        put(t, " size=%u", e->publish.size);
        if (e->publish.payload_complete && e->publish.size > 0) {
            put(t, "\n");
            put_slice(t, "payload", e->publish.payload);
        }
        break;
    case CODEC_MQTT_PAYLOAD:
        put_slice(t, "payload", e->payload);
        break;
    case CODEC_MQTT_PUBACK:
    case CODEC_MQTT_PUBREC:
    case CODEC_MQTT_PUBREL:
    case CODEC_MQTT_PUBCOMP:
        put(t, " pi=%u rc=%u", e->ack.packet_id, e->ack.reason);
        put_properties(t, "props", e->ack.properties);
        break;
    case CODEC_MQTT_SUBSCRIBE:
    case CODEC_MQTT_UNSUBSCRIBE:
        put(t, " pi=%u", e->filters.packet_id);
        put_properties(t, "props", e->filters.properties);
        left = e->filters.filters;
        for (uint32_t i = 0; i < e->filters.count; i++) {
            CU_ASSERT_TRUE(codec_mqtt_filter_next(&left, e->type == CODEC_MQTT_SUBSCRIBE, &f));
            put_slice(t, "", f.filter);
            put(t, ":%u%s%s%u", f.qos, f.no_local ? "n" : "", f.retain_as_published ? "r" : "",
                f.retain_handling);
        }
        CU_ASSERT_FALSE(codec_mqtt_filter_next(&left, e->type == CODEC_MQTT_SUBSCRIBE, &f));
        break;
    case CODEC_MQTT_SUBACK:
    case CODEC_MQTT_UNSUBACK:
        put(t, " pi=%u", e->codes.packet_id);
        put_properties(t, "props", e->codes.properties);
        put_slice(t, "codes", e->codes.codes);
        break;
    case CODEC_MQTT_DISCONNECT:
    case CODEC_MQTT_AUTH:
        put(t, " rc=%u", e->reason.reason);
        put_properties(t, "props", e->reason.properties);
        break;
    default:
        break;
    }
    put(t, "\n");
}

/* ------------------------------------------------------------------------------------------- the driver */

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    while (*hex != '\0') {
        unsigned v = 0;
        if (*hex == ' ') {
            hex++;
            continue;
        }
        if (*hex == '\'') { /* 'text' stands for itself */
            for (hex++; *hex != '\''; hex++)
                out[n++] = (uint8_t)*hex;
            hex++;
            continue;
        }
        sscanf(hex, "%2x", &v);
        out[n++] = (uint8_t)v;
        hex += 2;
    }
    return n;
}

struct out {
    uint8_t buf[1 << 16];
    size_t len;
};

/* Reads `all`, of which `first`, then `step` more bytes at a time are shown, from a heap block of exactly
 * those bytes. Returns the last event: with its error if there was one. */
static struct codec_mqtt_event drive(struct codec_mqtt ps, slice all, size_t first, size_t step,
                                     struct text *t, struct out *again)
{
    struct codec_mqtt_event e;
    size_t at = 0, shown = first;
    t->len = 0;
    t->buf[0] = '\0';
    for (;;) {
        uint8_t *copy = malloc(shown - at + (shown == at));
        if (shown > at)
            memcpy(copy, all.ptr + at, shown - at);
        slice in = slice_make(copy, shown - at);
        memset(&e, 0, sizeof(e));
        enum codec_rc rc = codec_mqtt_next(&ps, &in, &e);
        size_t before = at;
        at += (size_t)(in.ptr - copy);
        if (rc == CODEC_EVENT) {
            CU_ASSERT_EQUAL(e.offset, before);
            put_event(t, &e);
            if (again != NULL)
                again->len += codec_mqtt_encode(&e, again->buf + again->len, sizeof(again->buf) - again->len);
        } else if (rc == CODEC_MORE) {
            CU_ASSERT(e.need > 0);
            CU_ASSERT_EQUAL(at, before);
        }
        free(copy);
        if (rc == CODEC_ERROR)
            return e;
        if (rc == CODEC_EVENT)
            continue;
        if (shown == all.len)
            return e;
        shown = all.len - shown < step ? all.len : shown + step;
    }
}

static struct text want, got;

static void every_split(struct codec_mqtt ps, slice all, const struct codec_mqtt_event *last)
{
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct codec_mqtt_event e = drive(ps, all, cut, cut == 0 ? 1 : all.len, &got, NULL);
        CU_ASSERT_EQUAL(e.error.kind, last->error.kind);
        CU_ASSERT_EQUAL(e.error.offset, last->error.offset);
        CU_ASSERT_STRING_EQUAL(got.buf, want.buf);
    }
}

static struct codec_mqtt fresh(enum codec_mqtt_side side, uint8_t version)
{
    struct codec_mqtt ps;
    codec_mqtt_init(&ps, side);
    ps.version = version;
    ps.connected = version != 0;
    return ps;
}

static void accepts(uint8_t version, const char *hex, const char *events)
{
    static struct out again;
    uint8_t bytes[1024];
    slice all = slice_make(bytes, unhex(hex, bytes));
    struct codec_mqtt ps = fresh(CODEC_MQTT_FROM_ANY, version);
    again.len = 0;
    struct codec_mqtt_event e = drive(ps, all, all.len, 1, &want, &again);
    CU_ASSERT_EQUAL(e.error.kind, 0);
    CU_ASSERT_STRING_EQUAL(want.buf, events);
    if (strcmp(want.buf, events) != 0)
        printf("  %s gave %d\n%s", hex, e.error.kind, want.buf);
    every_split(ps, all, &e);
    e = drive(ps, slice_make(again.buf, again.len), again.len, 1, &got, NULL);
    CU_ASSERT_EQUAL(e.error.kind, 0);
    CU_ASSERT_STRING_EQUAL(got.buf, events);
}

/* As above, and the bytes that are encoded are those that were read. */
static void same(uint8_t version, const char *hex, const char *events)
{
    static struct out again;
    uint8_t bytes[1024];
    slice all = slice_make(bytes, unhex(hex, bytes));
    accepts(version, hex, events);
    again.len = 0;
    drive(fresh(CODEC_MQTT_FROM_ANY, version), all, all.len, 1, &want, &again);
    CU_ASSERT(slice_eq(slice_make(again.buf, again.len), all));
}

static struct codec_mqtt_fault refuses(enum codec_mqtt_side side, uint8_t version, const char *hex, int kind,
                                       uint64_t offset)
{
    uint8_t bytes[1024];
    slice all = slice_make(bytes, unhex(hex, bytes));
    struct codec_mqtt ps = fresh(side, version);
    struct codec_mqtt_event e = drive(ps, all, all.len, 1, &want, NULL);
    CU_ASSERT_EQUAL(e.error.kind, kind);
    CU_ASSERT_EQUAL(e.error.offset, offset);
    if (e.error.kind != kind || e.error.offset != offset)
        printf("  %s gave %d at %llu\n", hex, e.error.kind, (unsigned long long)e.error.offset);
    every_split(ps, all, &e);
    return e.fault;
}

/* -------------------------------------------------------------------------------------------------- 3.1.1 */

#define CLIENT CODEC_MQTT_FROM_CLIENT
#define SERVER CODEC_MQTT_FROM_SERVER

static void test_connect_4(void)
{
    same(0, "10 10 0004'MQTT' 04 00 0000 0004'cidA'", "CONNECT v4 clean=0 keep=0 id[cidA]\n");
    same(0, "10 22 0004'MQTT' 04 ee 003c 0003'abc' 0003'w/t' 0005'bye!!' 0001'u' 0002'pw'",
         "CONNECT v4 clean=1 keep=60 id[abc] will qos=1 retain=1 topic[w/t] payload[bye!!] user[u] "
         "pass[pw]\n");
    same(0, "10 0c 0004'MQTT' 04 02 ffff 0000", "CONNECT v4 clean=1 keep=65535 id[]\n");
    same(0, "10 10 0004'MQTT' 04 c2 0000 0000 0000 0000", "CONNECT v4 clean=1 keep=0 id[] user[] pass[]\n");
}

static void test_session_4(void)
{
    same(4, "20 02 00 00 20 02 01 05", "CONNACK sp=0 rc=0\nCONNACK sp=1 rc=5\n");
    same(4, "82 1a 000a 0005'foo/a' 00 0005'foo/b' 01 0005'foo/#' 02",
         "SUBSCRIBE pi=10 [foo/a]:00 [foo/b]:10 [foo/#]:20\n");
    same(4, "90 05 000a 00 01 80", "SUBACK pi=10 codes[\\00\\01\\80]\n");
    same(4, "a2 08 0001 0001'a' 0001'b' b0 02 0001",
         "UNSUBSCRIBE pi=1 [a]:00 [b]:00\nUNSUBACK pi=1 codes[]\n");
    same(4, "c0 00 d0 00 e0 00", "PINGREQ\nPINGRESP\nDISCONNECT rc=0\n");
    same(4, "40 02 004d 50 02 0001 62 02 0002 70 02 ffff",
         "PUBACK pi=77 rc=0\nPUBREC pi=1 rc=0\nPUBREL pi=2 rc=0\nPUBCOMP pi=65535 rc=0\n");
}

static void test_publish_4(void)
{
    same(4, "30 05 0003'foo'", "PUBLISH qos=0 dup=0 retain=0 pi=0 topic[foo] size=0\n");
    same(4, "32 0f 0005'foo/b' 004d 'hello1'",
         "PUBLISH qos=1 dup=0 retain=0 pi=77 topic[foo/b] size=6\n payload[hello1]\n");
    same(4, "3d 07 0002'q2' 0001 'A' c0 00",
         "PUBLISH qos=2 dup=1 retain=1 pi=1 topic[q2] size=1\n payload[A]\nPINGREQ\n");
    /* a length that need not be in its shortest form */
    accepts(4, "c0 80 80 00 c0 80 00 30 85 00 0003'foo'",
            "PINGREQ\nPINGREQ\nPUBLISH qos=0 dup=0 retain=0 pi=0 topic[foo] size=0\n");
}

static void test_refused_head(void)
{
    struct codec_mqtt_fault f = refuses(CLIENT, 0, "30 05 0003'foo'", CODEC_MQTT_NOT_CONNECT, 0);
    CU_ASSERT_EQUAL(f.value, 3);
    CU_ASSERT_EQUAL(f.type, CODEC_MQTT_PUBLISH);
    refuses(CLIENT, 0, "c0 00", CODEC_MQTT_NOT_CONNECT, 0);
    refuses(CLIENT, 4, "c0 00 10 00", CODEC_MQTT_SECOND_CONNECT, 2);
    static const unsigned from_server[] = {0x00, 0x20, 0x90, 0xb0, 0xd0, 0xf0};
    for (int i = 0; i < 6; i++) {
        char hex[8];
        sprintf(hex, "%02x", from_server[i]);
        CU_ASSERT_EQUAL(refuses(CLIENT, 4, hex, CODEC_MQTT_UNKNOWN_TYPE, 0).value, from_server[i] >> 4);
    }
    static const unsigned from_client[] = {0x00, 0x10, 0x82, 0xa2, 0xc0, 0xe0, 0xf0};
    for (int i = 0; i < 7; i++) {
        char hex[8];
        sprintf(hex, "%02x", from_client[i]);
        refuses(SERVER, 4, hex, CODEC_MQTT_UNKNOWN_TYPE, 0);
    }
    for (unsigned first = 0x10; first < 0xf0; first++) {
        char hex[8];
        unsigned type = first >> 4, flags = first & 15;
        sprintf(hex, "%02x", first);
        if (type == 3 ? (flags & 6) == 6 : flags != (type == 6 || type == 8 || type == 10 ? 2 : 0)) {
            f = refuses(CODEC_MQTT_FROM_ANY, 4, hex, type == 3 ? CODEC_MQTT_BAD_QOS : CODEC_MQTT_BAD_FLAGS,
                        0);
            CU_ASSERT_EQUAL(f.value, type == 3 ? 3 : flags);
        }
    }
    refuses(CLIENT, 4, "c0 80 80 80 80 00", CODEC_MQTT_BAD_VARINT, 4);
    refuses(CLIENT, 4, "c0 01 00", CODEC_MQTT_BAD_LENGTH, 1);
    refuses(CLIENT, 4, "e0 01 00", CODEC_MQTT_BAD_LENGTH, 1);
    refuses(SERVER, 4, "20 03 00 00 00", CODEC_MQTT_BAD_LENGTH, 1);
    refuses(SERVER, 4, "b0 03 0001 00", CODEC_MQTT_BAD_LENGTH, 1);
    CU_ASSERT_EQUAL(refuses(CLIENT, 4, "40 03 0001 00", CODEC_MQTT_BAD_LENGTH, 1).value, 3);
    refuses(CLIENT, 4, "62 00", CODEC_MQTT_BAD_LENGTH, 1);
}

static void test_refused_connect(void)
{
    struct codec_mqtt_fault f;
    refuses(CLIENT, 0, "10 0e 0006'MQIsdp' 03 02 0000 0000", CODEC_MQTT_OLD_PROTOCOL, 10);
    f = refuses(CLIENT, 0, "10 0c 0004'mqtt' 04 02 0000 0000", CODEC_MQTT_BAD_PROTOCOL, 8);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_PROTOCOL_NAME);
    f = refuses(CLIENT, 0, "10 0c 0004'MQTT' 84 02 0000 0000", CODEC_MQTT_BAD_LEVEL, 9);
    CU_ASSERT_EQUAL(f.value, 0x84);
    refuses(CLIENT, 0, "10 0c 0004'MQTT' 04 01 0000 0000", CODEC_MQTT_RESERVED_FLAG, 10);
    CU_ASSERT_EQUAL(
        refuses(CLIENT, 0, "10 0c 0004'MQTT' 04 10 0000 0000", CODEC_MQTT_WILL_QOS_NO_WILL, 10).value, 2);
    refuses(CLIENT, 0, "10 0c 0004'MQTT' 04 20 0000 0000", CODEC_MQTT_WILL_RETAIN_NO_WILL, 10);
    refuses(CLIENT, 0, "10 0c 0004'MQTT' 04 1c 0000 0000", CODEC_MQTT_BAD_WILL_QOS, 10);
    refuses(CLIENT, 0, "10 0e 0004'MQTT' 04 40 0000 0000 0000", CODEC_MQTT_PASSWORD_NO_USER, 10);
    f = refuses(CLIENT, 0, "10 0d 0004'MQTT' 04 02 0000 0001 ff", CODEC_MQTT_BAD_UTF8, 15);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_CLIENT_ID);
    refuses(CLIENT, 0, "10 0d 0004'MQTT' 04 02 0000 0001 00", CODEC_MQTT_NUL_IN_STRING, 15);
    f = refuses(CLIENT, 0, "10 10 0004'MQTT' 04 06 0000 0000 0000 0000", CODEC_MQTT_EMPTY_TOPIC, 16);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_WILL_TOPIC);
    refuses(CLIENT, 0, "10 11 0004'MQTT' 04 06 0000 0000 0001'#' 0000", CODEC_MQTT_WILDCARD_IN_TOPIC, 17);
    f = refuses(CLIENT, 0, "10 0f 0004'MQTT' 04 82 0000 0000 0001 c0", CODEC_MQTT_BAD_UTF8, 17);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_USER_NAME);
    refuses(CLIENT, 0, "10 0d 0004'MQTT' 04 02 0000 0000 00", CODEC_MQTT_TRAILING_BYTES, 14);

    struct codec_mqtt ps = fresh(CLIENT, 0);
    struct codec_mqtt_event e;
    uint8_t bytes[64];
    slice in = slice_make(bytes, unhex("10 0d 0004'MQTT' 05 02 0000 00 0000", bytes));
    ps.accept_v5 = false;
    CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_MQTT_BAD_LEVEL);
    CU_ASSERT_EQUAL(e.fault.value, 5);
}

static void test_refused_body_4(void)
{
    struct codec_mqtt_fault f;
    refuses(CLIENT, 4, "30 02 0000", CODEC_MQTT_EMPTY_TOPIC, 4);
    refuses(CLIENT, 4, "30 04 0002'a+'", CODEC_MQTT_WILDCARD_IN_TOPIC, 6);
    refuses(CLIENT, 4, "30 04 0002'#a'", CODEC_MQTT_WILDCARD_IN_TOPIC, 6);
    refuses(CLIENT, 4, "30 05 0003 eda080", CODEC_MQTT_BAD_UTF8, 7);
    refuses(CLIENT, 4, "32 05 0001'a' 0000", CODEC_MQTT_ZERO_PACKET_ID, 7);
    f = refuses(CLIENT, 4, "32 04 0001'a' 00", CODEC_MQTT_TRUNCATED, 6);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_PACKET_ID);
    f = refuses(CLIENT, 4, "30 04 0003'ab'", CODEC_MQTT_TRUNCATED, 4);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_TOPIC);
    f = refuses(CLIENT, 4, "30 01 00", CODEC_MQTT_TRUNCATED, 3);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_TOPIC);
    /* refused at once, not after the 2 MB that it announces */
    refuses(CLIENT, 4, "30 03 ffff", CODEC_MQTT_TRUNCATED, 4);

    refuses(CLIENT, 4, "40 02 0000", CODEC_MQTT_ZERO_PACKET_ID, 4);
    refuses(CLIENT, 4, "82 06 0000 0001'a' 00", CODEC_MQTT_ZERO_PACKET_ID, 4);
    refuses(CLIENT, 4, "82 02 0001", CODEC_MQTT_NO_FILTERS, 4);
    refuses(CLIENT, 4, "a2 02 0001", CODEC_MQTT_NO_FILTERS, 4);
    refuses(CLIENT, 4, "82 05 0001 0000 00", CODEC_MQTT_EMPTY_TOPIC, 6);
    CU_ASSERT_EQUAL(refuses(CLIENT, 4, "82 06 0001 0001'a' 03", CODEC_MQTT_BAD_OPTIONS, 8).value, 3);
    refuses(CLIENT, 4, "82 06 0001 0001'a' 04", CODEC_MQTT_BAD_OPTIONS, 8);
    f = refuses(CLIENT, 4, "82 05 0001 0001'a'", CODEC_MQTT_TRUNCATED, 7);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_OPTIONS);
    f = refuses(CLIENT, 4, "82 07 0001 0001'a' 00 00", CODEC_MQTT_TRUNCATED, 9);
    CU_ASSERT_EQUAL(f.field, CODEC_MQTT_TOPIC_FILTER);
    refuses(CLIENT, 4, "a2 05 0001 0001 00", CODEC_MQTT_NUL_IN_STRING, 7);
    refuses(SERVER, 4, "90 02 0001", CODEC_MQTT_NO_CODES, 4);
    CU_ASSERT_EQUAL(refuses(SERVER, 4, "20 02 02 00", CODEC_MQTT_BAD_ACK_FLAGS, 3).value, 2);
}

/* ---------------------------------------------------------------------------------------------------- 5.0 */

static void test_connect_5(void)
{
    same(0, "10 0d 0004'MQTT' 05 02 0000 00 0000", "CONNECT v5 clean=1 keep=0 id[]\n");
    same(
        0,
        "10 58 0004'MQTT' 05 cc 003c"
        " 24 11 0000000a 21 0014 27 00001000 22 0005 19 01 17 00 26 0001'k' 0001'v' 15 0001'm' 16 0002 00ff"
        " 0002'id'"
        " 18 18 00000001 01 01 02 00000002 03 0001'c' 08 0001'r' 09 0001 00"
        " 0001't' 0001'p' 0001'u' 0001'w'",
        "CONNECT v5 clean=0 keep=60 id[id] props{ session_expiry=10 receive_maximum=20 maximum_packet=4096 "
        "topic_alias_maximum=5 request_response_info=1 request_problem_info=0 user_property [k] [v] "
        "auth_method [m] "
        "auth_data [\\00\\ff] } will qos=1 retain=0 topic[t] payload[p] props{ will_delay=1 payload_format=1 "
        "message_expiry=2 content_type [c] response_topic [r] correlation_data [\\00] } user[u] pass[w]\n");
    /* a password without a user name is allowed now */
    same(0, "10 10 0004'MQTT' 05 42 0000 00 0000 0001'p'", "CONNECT v5 clean=1 keep=0 id[] pass[p]\n");
}

static void test_session_5(void)
{
    same(5,
         "20 2c 01 00 29 11 00000001 12 0001'x' 13 000a 1a 0001'i' 1c 0001's' 21 0001 22 0000 24 01 25 00 27 "
         "00000100"
         " 28 01 29 00 2a 01",
         "CONNACK sp=1 rc=0 props{ session_expiry=1 assigned_client_id [x] server_keep_alive=10 "
         "response_info [i] "
         "server_reference [s] receive_maximum=1 topic_alias_maximum=0 maximum_qos=1 retain_available=0 "
         "maximum_packet=256 wildcard_available=1 subscription_id_available=0 shared_available=1 }\n");
}

static void test_subscribe_5(void)
{
    same(5, "82 0e 0001 03 0b 8101 0001'a' 2d 0001'b' 00",
         "SUBSCRIBE pi=1 props{ subscription_id=129 } [a]:1nr2 [b]:00\n");
    same(5, "90 05 0001 00 00 87 b0 05 0001 00 00 11",
         "SUBACK pi=1 codes[\\00\\87]\nUNSUBACK pi=1 codes[\\00\\11]\n");
    same(5, "a2 06 0001 00 0001'a'", "UNSUBSCRIBE pi=1 [a]:00\n");
    refuses(CLIENT, 5, "82 07 0001 00 0001'a' 40", CODEC_MQTT_BAD_OPTIONS, 9);
    refuses(CLIENT, 5, "82 07 0001 00 0001'a' 30", CODEC_MQTT_BAD_OPTIONS, 9);
    refuses(CLIENT, 5, "82 07 0001 00 0001'a' 03", CODEC_MQTT_BAD_OPTIONS, 9);
    refuses(SERVER, 5, "b0 03 0001 00", CODEC_MQTT_NO_CODES, 5);
}

static void test_acks_5(void)
{
    same(5, "40 02 0001 50 03 0001 10 62 09 0001 92 05 1f 0002'no'",
         "PUBACK pi=1 rc=0\nPUBREC pi=1 rc=16\nPUBREL pi=1 rc=146 props{ reason_string [no] }\n");
    accepts(5, "40 04 0001 00 00 70 03 0001 00", "PUBACK pi=1 rc=0\nPUBCOMP pi=1 rc=0\n");
    same(5, "e0 00 e0 01 04 e0 0a 00 08 1f 0001'x' 1c 0001'y' f0 00 f0 08 18 06 15 0003'abc'",
         "DISCONNECT rc=0\nDISCONNECT rc=4\nDISCONNECT rc=0 props{ reason_string [x] server_reference [y] }\n"
         "AUTH rc=0\nAUTH rc=24 props{ auth_method [abc] }\n");
}

static void test_publish_5(void)
{
    same(5, "32 0f 0001'a' 0001 07 23 0001 01 00 0b 01 'x' 'y' e0 00",
         "PUBLISH qos=1 dup=0 retain=0 pi=1 topic[a] props{ topic_alias=1 payload_format=0 subscription_id=1 "
         "} size=2\n"
         " payload[xy]\nDISCONNECT rc=0\n");
    same(5, "30 06 0000 03 23 0001",
         "PUBLISH qos=0 dup=0 retain=0 pi=0 topic[] props{ topic_alias=1 } size=0\n");
    same(5, "30 08 0001'a' 04 0b01 0b02",
         "PUBLISH qos=0 dup=0 retain=0 pi=0 topic[a] props{ subscription_id=1 "
         "subscription_id=2 } size=0\n");
    refuses(CLIENT, 5, "30 03 0000 00", CODEC_MQTT_EMPTY_TOPIC, 5);
    refuses(CLIENT, 5, "30 03 0001'a'", CODEC_MQTT_TRUNCATED, 5);
    refuses(CLIENT, 5, "30 04 0001'a' 05", CODEC_MQTT_TRUNCATED, 6);
    refuses(CLIENT, 5, "30 08 0001'a' 80808080 00", CODEC_MQTT_BAD_VARINT, 9);
}

static void test_properties_refused(void)
{
    static const struct {
        const char *properties;
        size_t len;
        int kind;
        unsigned value, offset;
    } cases[] = {
        {"00 00", 2, CODEC_MQTT_UNKNOWN_PROPERTY, 0, 0},
        {"26 0001'k'0001'v' 7f 00", 9, CODEC_MQTT_UNKNOWN_PROPERTY, 0x7f, 7},
        {"11 00000001", 5, CODEC_MQTT_PROPERTY_NOT_HERE, 0x11, 0},
        {"01 00 01 00", 4, CODEC_MQTT_PROPERTY_TWICE, 1, 2},
        {"01 02", 2, CODEC_MQTT_PROPERTY_RANGE, 1, 0},
        {"23 0000", 3, CODEC_MQTT_PROPERTY_RANGE, 0x23, 0},
        {"0b 00", 2, CODEC_MQTT_PROPERTY_RANGE, 0x0b, 0},
        {"0b 8100", 3, CODEC_MQTT_BAD_VARINT, 0x0b, 0},
        {"0b 80808080 01", 6, CODEC_MQTT_BAD_VARINT, 0x0b, 0},
        {"01", 1, CODEC_MQTT_TRUNCATED, 1, 0},
        {"02 000000", 4, CODEC_MQTT_TRUNCATED, 2, 0},
        {"03 0002'a'", 4, CODEC_MQTT_TRUNCATED, 3, 0},
        {"26 0001'k' 0001", 6, CODEC_MQTT_TRUNCATED, 0x26, 0},
        {"03 0001 ff", 4, CODEC_MQTT_BAD_UTF8, 3, 0},
        {"08 0001 00", 4, CODEC_MQTT_NUL_IN_STRING, 8, 0},
        {"26 0001 00 0000", 6, CODEC_MQTT_NUL_IN_STRING, 0x26, 0},
        {"26 0000 0001 80", 6, CODEC_MQTT_BAD_UTF8, 0x26, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hex[100];
        sprintf(hex, "30 %02zx 0001'a' %02zx %s", 4 + cases[i].len, cases[i].len, cases[i].properties);
        struct codec_mqtt_fault f = refuses(CODEC_MQTT_FROM_ANY, 5, hex, cases[i].kind, 6 + cases[i].offset);
        CU_ASSERT_EQUAL(f.field, CODEC_MQTT_PROPERTIES);
        CU_ASSERT_EQUAL(f.value, cases[i].value);
    }
}

/* ----------------------------------------------------------------------------------------------- both */

/* Any packet cut short, with a length that says so: refused, whatever the cut. */
static void test_truncated(void)
{
    static const char *const packets[] = {
        "10 22 0004'MQTT' 04 ee 003c 0003'abc' 0003'w/t' 0005'bye!!' 0001'u' 0002'pw'",
        "82 1a 000a 0005'foo/a' 00 0005'foo/b' 01 0005'foo/#' 02",
        "a2 08 0001 0001'a' 0001'b'",
    };
    for (int i = 0; i < 3; i++) {
        uint8_t bytes[128];
        size_t n = unhex(packets[i], bytes);
        for (size_t cut = 2; cut < n; cut++) {
            struct codec_mqtt ps = fresh(CODEC_MQTT_FROM_ANY, 4);
            struct codec_mqtt_event e;
            uint8_t *copy = malloc(cut);
            memcpy(copy, bytes, cut);
            copy[1] = (uint8_t)(cut - 2);
            slice in = slice_make(copy, cut);
            enum codec_rc rc = codec_mqtt_next(&ps, &in, &e);
            bool boundary = i == 1 ? (cut == 12 || cut == 20) : i == 2 && cut == 7;
            CU_ASSERT_EQUAL(rc, boundary ? CODEC_EVENT : CODEC_ERROR);
            if (rc == CODEC_ERROR)
                CU_ASSERT(e.error.kind == CODEC_MQTT_TRUNCATED || e.error.kind == CODEC_MQTT_NO_FILTERS);
            free(copy);
        }
    }
}

static void test_limit(void)
{
    struct codec_mqtt ps = fresh(CLIENT, 4);
    struct codec_mqtt_event e;
    ps.max_packet = 7;
    slice in = SLICE_LIT("\x30\x05\0\1axx\x30\x06");
    CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_MQTT_PACKET_TOO_LONG);
    CU_ASSERT_EQUAL(e.error.offset, 8);
    CU_ASSERT_EQUAL(e.fault.value, 8);
    in = SLICE_LIT("\xc0\0"); /* an error is final */
    CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_ERROR);
    /* the largest length that can be said */
    ps = fresh(CLIENT, 4);
    in = SLICE_LIT("\x30\xff\xff\xff\x7f\0\1ax");
    CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.publish.size, 268435455 - 3);
    CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 268435455 - 4);
}

static void test_payload_taken(void)
{
    const char bytes[] = "\x30\x08\0\1a01234\xc0\0";
    for (size_t take = 0; take <= 6; take++) {
        struct codec_mqtt ps = fresh(CLIENT, 4);
        struct codec_mqtt_event e;
        slice in = slice_make(bytes, 7);
        CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_EVENT);
        CU_ASSERT_FALSE(e.publish.payload_complete);
        CU_ASSERT_EQUAL(codec_mqtt_payload_left(&ps), 5);
        codec_mqtt_payload_taken(&ps, take);
        size_t at = 5 + (take > 5 ? 5 : take);
        in = slice_make(bytes + at, sizeof(bytes) - 1 - at);
        CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_EVENT);
        if (take < 5) {
            CU_ASSERT_EQUAL(e.type, CODEC_MQTT_PAYLOAD);
            CU_ASSERT_EQUAL(e.offset, at);
            CU_ASSERT_EQUAL(e.payload.len, 5 - take);
            CU_ASSERT_EQUAL(codec_mqtt_next(&ps, &in, &e), CODEC_EVENT);
        }
        CU_ASSERT_EQUAL(e.type, CODEC_MQTT_PINGREQ);
        CU_ASSERT_EQUAL(e.offset, 10);
    }
}

static void test_encode(void)
{
    static uint8_t big[70000];
    uint8_t out[64];
    struct codec_mqtt_event e = {.type = CODEC_MQTT_PUBLISH,
                                 .version = 4,
                                 .publish = {.topic = SLICE_LIT("a"), .size = 5, .qos = 1, .packet_id = 2}};
    size_t n = codec_mqtt_encode(&e, out, sizeof(out)); /* a head whose payload is sent apart */
    CU_ASSERT(slice_eq(slice_make(out, n), SLICE_LIT("\x32\x0a\0\1a\0\2")));
    out[0] = 0xee;
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, out, n - 1), n);
    CU_ASSERT_EQUAL(out[0], 0xee);
    e.publish.size = CODEC_MQTT_LENGTH_MAX;
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, out, sizeof(out)), 0);
    e.publish.size = 0;
    e.publish.topic = slice_make(big, 65536);
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, out, sizeof(out)), 0);
    e = (struct codec_mqtt_event){.type = CODEC_MQTT_CONNECT,
                                  .connect = {.level = 4, .client_id = slice_make(big, 65536)}};
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, out, sizeof(out)), 0);
    e.type = (enum codec_mqtt_type)0;
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, out, sizeof(out)), 0);
    e.type = CODEC_MQTT_PAYLOAD;
    e.payload = SLICE_LIT("xyz");
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, out, sizeof(out)), 3);
    CU_ASSERT_EQUAL(codec_mqtt_encode(&e, NULL, 0), 3);
    struct codec_mqtt_filter f = {.filter = slice_make(big, 65536)};
    CU_ASSERT_EQUAL(codec_mqtt_filter_encode(&f, true, out, sizeof(out)), 0);
    f = (struct codec_mqtt_filter){.filter = SLICE_LIT("a/b"), .options = 1};
    CU_ASSERT_EQUAL(codec_mqtt_filter_encode(&f, true, out, 5), 6);
    CU_ASSERT_EQUAL(codec_mqtt_filter_encode(&f, true, out, 6), 6);
    CU_ASSERT(slice_eq(slice_make(out, 6), SLICE_LIT("\0\3a/b\1")));
    CU_ASSERT_EQUAL(codec_mqtt_filter_encode(&f, false, out, 6), 5);
}

/* Each id: its value goes out and comes back; numbers that do not fit are refused. */
static void test_encode_property(void)
{
    for (unsigned id = 0; id < 256; id++) {
        uint8_t out[64];
        struct codec_mqtt_property q = {
            .id = (uint8_t)id, .number = 1, .text = SLICE_LIT("t"), .pair = SLICE_LIT("p")};
        size_t n = codec_mqtt_property_encode(&q, out, sizeof(out));
        CU_ASSERT_EQUAL(n > 0, codec_mqtt_property_name((uint8_t)id)[0] != '\0');
        if (n == 0)
            continue;
        slice list = slice_make(out, n);
        struct codec_mqtt_property back;
        CU_ASSERT_TRUE(codec_mqtt_property_next(&list, &back));
        CU_ASSERT_EQUAL(list.len, 0);
        CU_ASSERT_EQUAL(back.id, id);
        bool text = back.value == CODEC_MQTT_STRING || back.value == CODEC_MQTT_BINARY ||
                    back.value == CODEC_MQTT_PAIR;
        CU_ASSERT(text ? slice_eq_str(back.text, "t") : back.number == 1);
        CU_ASSERT_EQUAL(codec_mqtt_property_encode(&q, out, n - 1), n);
        q.number = UINT32_MAX;
        CU_ASSERT_EQUAL(codec_mqtt_property_encode(&q, out, sizeof(out)) > 0,
                        text || back.value == CODEC_MQTT_U32);
        list = slice_make(out, 0);
        CU_ASSERT_FALSE(codec_mqtt_property_next(&list, &back));
    }
}

static void test_names(void)
{
    for (int k = CODEC_MQTT_OK; k <= CODEC_MQTT_PROPERTY_RANGE; k++)
        CU_ASSERT(strcmp(codec_mqtt_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_mqtt_error_text(-1), "unknown error");
    CU_ASSERT_STRING_EQUAL(codec_mqtt_error_text(1000), "unknown error");
    CU_ASSERT_STRING_EQUAL(codec_mqtt_type_name(CODEC_MQTT_AUTH), "AUTH");
    CU_ASSERT_STRING_EQUAL(codec_mqtt_type_name((enum codec_mqtt_type)99), "");
    CU_ASSERT_STRING_EQUAL(codec_mqtt_field_name(CODEC_MQTT_CLIENT_ID), "client ID");
    CU_ASSERT_STRING_EQUAL(codec_mqtt_field_name((enum codec_mqtt_field)99), "");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_connect_4),    UNIT_TEST(test_session_4),       UNIT_TEST(test_publish_4),
    UNIT_TEST(test_refused_head), UNIT_TEST(test_refused_connect), UNIT_TEST(test_refused_body_4),
    UNIT_TEST(test_connect_5),    UNIT_TEST(test_session_5),       UNIT_TEST(test_subscribe_5),
    UNIT_TEST(test_acks_5),       UNIT_TEST(test_publish_5),       UNIT_TEST(test_properties_refused),
    UNIT_TEST(test_truncated),    UNIT_TEST(test_limit),           UNIT_TEST(test_payload_taken),
    UNIT_TEST(test_encode),       UNIT_TEST(test_encode_property), UNIT_TEST(test_names),
};
UNIT_MAIN("codec_mqtt", tests)
