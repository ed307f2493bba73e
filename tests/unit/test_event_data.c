/* Events as data: the keys of each event, JSON and MessagePack, and back to the bytes; values as such. */
#include "unit.h"
#include "golden/rec.h"
#include <midge/event_data.h>
#include <midge/json.h>

#define BYTES(s) slice_make(s, sizeof(s) - 1)

static uint8_t block[1 << 20], block2[1 << 20], json[1 << 20], packed[1 << 20], first[1 << 20],
    again[1 << 20];

/* The object, written by one writer and read by its reader, gives an event that encodes to the same bytes. */
static void comes_back(const struct codec_event *e, const struct codec_value *value, bool msgpack)
{
    struct codec_arena arena = codec_arena_on(block2, sizeof(block2));
    struct codec_out out = codec_out_on(packed, sizeof(packed));
    struct codec_value read;
    struct codec_event back;
    const char *why = "";
    if (msgpack) {
        size_t need;
        enum codec_value_error error;
        CU_ASSERT_TRUE_FATAL(codec_value_write_msgpack(&out, value));
        slice in = codec_out_slice(&out);
        CU_ASSERT_EQUAL_FATAL(codec_value_read_msgpack(&in, sizeof(packed), &arena, &read, &need, &error),
                              CODEC_EVENT);
        CU_ASSERT_EQUAL(in.len, 0);
    } else {
        CU_ASSERT_TRUE_FATAL(codec_value_write_json(&out, value));
        CU_ASSERT_EQUAL_FATAL(codec_value_read_json(codec_out_slice(&out), &arena, &read), CODEC_VALUE_OK);
        CU_ASSERT_PTR_NULL(memchr(packed, '\n', out.len));
    }
    bool ok = codec_event_from_value(&read, e->protocol, e->direction, &arena, &back, &why);
    CU_ASSERT_TRUE(ok);
    if (!ok)
        printf("  %s: %.*s\n", why, (int)out.len, packed);
    CU_ASSERT_EQUAL(back.offset, e->offset);
    size_t n = codec_event_encode(e, first, sizeof(first)),
           m = codec_event_encode(&back, again, sizeof(again));
    CU_ASSERT(slice_eq(slice_make(first, n), slice_make(again, m)));
    if (!slice_eq(slice_make(first, n), slice_make(again, m)))
        printf("  %.*s\n  became %.*s\n", (int)n, first, (int)m, again);
}

static void event_is(const struct codec_event *e, struct codec_out *lines)
{
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_value value;
    CU_ASSERT_TRUE_FATAL(codec_event_to_value(e, &arena, &value));
    comes_back(e, &value, false);
    comes_back(e, &value, true);
    if (lines != NULL) {
        CU_ASSERT_TRUE(codec_value_write_json(lines, &value));
        codec_out_byte(lines, '\n');
    }
}

/* The stream's events as JSON, one a line. */
static void stream_is(enum codec_protocol protocol, enum codec_direction direction, uint8_t mqtt, slice bytes,
                      const char *want)
{
    struct codec_wire w;
    struct codec_event e;
    struct codec_out lines = codec_out_on(json, sizeof(json));
    codec_wire_init(&w, protocol, direction);
    if (protocol == CODEC_MQTT)
        w.mqtt.version = mqtt, w.mqtt.connected = mqtt != 0;
    while (codec_wire_next(&w, &bytes, &e) == CODEC_EVENT)
        event_is(&e, &lines);
    CU_ASSERT_EQUAL(bytes.len, 0);
    bool same = slice_eq_str(codec_out_slice(&lines), want);
    CU_ASSERT_TRUE(same);
    if (!same)
        printf("  error %d, got\n%.*s", e.error.kind, (int)lines.len, json);
}

#define FROM CODEC_FROM_DIALER
#define TO   CODEC_FROM_ACCEPTOR

static void test_client(void)
{
    stream_is(
        CODEC_NATS, FROM, 0,
        BYTES("CONNECT {\"verbose\":false,\"n\":1.50}\r\nPING\r\nPUB foo 3\r\nabc\r\nPUB foo bar 0\r\n\r\n"
              "SUB foo 1\r\nSUB foo q 2\r\nUNSUB 1\r\nUNSUB 1 10\r\nUNSUB 1 x\r\nPONG\r\nPUB b "
              "2\r\n\xff\x00\r\n"
              "CONNECT nonsense\r\n"),
        "{\"event\":\"CONNECT\",\"offset\":0,\"json\":{\"verbose\":false,\"n\":1.50}}\n"
        "{\"event\":\"PING\",\"offset\":36}\n"
        "{\"event\":\"PUB\",\"offset\":42,\"subject\":\"foo\",\"size\":3,\"payload\":\"abc\"}\n"
        "{\"event\":\"PUB\",\"offset\":58,\"subject\":\"foo\",\"reply\":\"bar\",\"size\":0,\"payload\":\"\"}"
        "\n"
        "{\"event\":\"SUB\",\"offset\":75,\"subject\":\"foo\",\"sid\":\"1\"}\n"
        "{\"event\":\"SUB\",\"offset\":86,\"subject\":\"foo\",\"queue\":\"q\",\"sid\":\"2\"}\n"
        "{\"event\":\"UNSUB\",\"offset\":99,\"sid\":\"1\"}\n"
        "{\"event\":\"UNSUB\",\"offset\":108,\"sid\":\"1\",\"max\":10}\n"
        "{\"event\":\"UNSUB\",\"offset\":120,\"sid\":\"1\",\"max\":\"x\"}\n"
        "{\"event\":\"PONG\",\"offset\":131}\n"
        "{\"event\":\"PUB\",\"offset\":137,\"subject\":\"b\",\"size\":2,\"payload_b64\":\"/wA=\"}\n"
        "{\"event\":\"CONNECT\",\"offset\":150,\"text\":\"nonsense\"}\n");
}

static void test_headers(void)
{
    stream_is(
        CODEC_NATS, FROM, 0,
        BYTES("HPUB foo 33 35\r\nNATS/1.0\r\nA: 1\r\nB: x y\r\nA: \xc3\xa9\r\n\r\nhi\r\n"
              "HPUB foo r 5 5\r\nxxxxx\r\nHPUB f 20 20\r\nNATS/1.0\r\nA:  1 \r\n\r\n\r\n"
              "HPUB f 25 25\r\nNATS/1.0\r\nA_b64: 1234\r\n\r\n\r\n"),
        "{\"event\":\"HPUB\",\"offset\":0,\"subject\":\"foo\",\"size\":35,\"headers\":{\"A\":[\"1\","
        "\"\xc3\xa9\"],"
        "\"B\":[\"x y\"]},\"headers_raw\":\"NATS/1.0\\r\\nA: 1\\r\\nB: x y\\r\\nA: \xc3\xa9\\r\\n\\r\\n\","
        "\"payload\":\"hi\"}\n"
        "{\"event\":\"HPUB\",\"offset\":53,\"subject\":\"foo\",\"reply\":\"r\",\"size\":5,\"headers_raw\":"
        "\"xxxxx\","
        "\"payload\":\"\"}\n"
        "{\"event\":\"HPUB\",\"offset\":76,\"subject\":\"f\",\"size\":20,\"headers\":{\"A\":[\"1\"]},"
        "\"headers_raw\":\"NATS/1.0\\r\\nA:  1 \\r\\n\\r\\n\",\"payload\":\"\"}\n"
        "{\"event\":\"HPUB\",\"offset\":112,\"subject\":\"f\",\"size\":25,"
        "\"headers_raw\":\"NATS/1.0\\r\\nA_b64: 1234\\r\\n\\r\\n\",\"payload\":\"\"}\n");
}

static void test_server(void)
{
    stream_is(
        CODEC_NATS, TO, 0,
        BYTES("INFO {\"a\":1} \r\nMSG foo 9 3\r\nabc\r\nHMSG foo 9 r 30 30\r\nNATS/1.0 503 No "
              "Responders\r\n\r\n\r\n"
              "+OK\r\n-ERR 'Stale Connection'\r\n"),
        "{\"event\":\"INFO\",\"offset\":0,\"json\":{\"a\":1},\"tail\":\" \"}\n"
        "{\"event\":\"MSG\",\"offset\":15,\"subject\":\"foo\",\"sid\":\"9\",\"size\":3,\"payload\":\"abc\"}\n"
        "{\"event\":\"HMSG\",\"offset\":33,\"subject\":\"foo\",\"sid\":\"9\",\"reply\":\"r\",\"size\":30,"
        "\"status\":503,"
        "\"description\":\"No Responders\",\"headers\":{},\"payload\":\"\"}\n"
        "{\"event\":\"+OK\",\"offset\":85}\n{\"event\":\"-ERR\",\"offset\":90,\"error\":\"Stale "
        "Connection\"}\n");
}

static void test_fabric(void)
{
    stream_is(
        CODEC_NATS_ROUTE, FROM, 0,
        BYTES("RS+ $G foo\r\nRS+ $G foo q 3\r\nLS+ _ $G foo\r\nRS- $G foo q\r\nRMSG $G s + r a b 1\r\nx\r\n"
              "LMSG O $G s 0 1\r\nx\r\nHMSG $G s | q 12 13\r\nNATS/1.0\r\n\r\nx\r\nA+ X\r\nSUB a b\r\n"),
        "{\"event\":\"RS+\",\"offset\":0,\"account\":\"$G\",\"subject\":\"foo\"}\n"
        "{\"event\":\"RS+\",\"offset\":12,\"account\":\"$G\",\"subject\":\"foo\",\"queue\":\"q\",\"weight\":"
        "3}\n"
        "{\"event\":\"LS+\",\"offset\":28,\"origin\":\"_\",\"account\":\"$G\",\"subject\":\"foo\"}\n"
        "{\"event\":\"RS-\",\"offset\":42,\"account\":\"$G\",\"subject\":\"foo\",\"queue\":\"q\"}\n"
        "{\"event\":\"RMSG\",\"offset\":56,\"account\":\"$G\",\"subject\":\"s\",\"reply\":\"r\",\"queues\":["
        "\"a\",\"b\"],"
        "\"size\":1,\"payload\":\"x\"}\n"
        "{\"event\":\"LMSG\",\"offset\":80,\"origin\":\"O\",\"account\":\"$G\",\"subject\":\"s\",\"size\":1,"
        "\"payload\":\"x\"}\n"
        "{\"event\":\"HMSG\",\"offset\":100,\"account\":\"$G\",\"subject\":\"s\",\"queues\":[\"q\"],\"size\":"
        "13,"
        "\"headers\":{},\"payload\":\"x\"}\n"
        "{\"event\":\"A+\",\"offset\":136,\"account\":\"X\"}\n{\"event\":\"SUB\",\"offset\":142,\"text\":\"a "
        "b\"}\n");
    stream_is(CODEC_NATS_LEAF, FROM, 0, BYTES("LS+ foo q 1\r\nSUB a\r\nUNSUB a\r\nLMSG s 1\r\nx\r\n"),
              "{\"event\":\"LS+\",\"offset\":0,\"subject\":\"foo\",\"queue\":\"q\",\"weight\":1}\n"
              "{\"event\":\"SUB\",\"offset\":13,\"subject\":\"a\"}\n{\"event\":\"UNSUB\",\"offset\":20,"
              "\"subject\":\"a\"}\n"
              "{\"event\":\"LMSG\",\"offset\":29,\"subject\":\"s\",\"size\":1,\"payload\":\"x\"}\n");
    stream_is(CODEC_NATS_ROUTE, FROM, 0, BYTES("RMSG $G s | \xff\xfe b 1\r\nx\r\n"),
              "{\"event\":\"RMSG\",\"offset\":0,\"account\":\"$G\",\"subject\":\"s\",\"queues_b64\":[\"//"
              "4=\",\"Yg==\"],"
              "\"size\":1,\"payload\":\"x\"}\n");
}

static void test_mqtt(void)
{
    stream_is(
        CODEC_MQTT, FROM, 0,
        BYTES("\x10\x22\0\4MQTT\4\xee\0\x3c\0\3"
              "abc\0\3w/t\0\5bye!!\0\1u\0\2pw"
              "\x32\x08\0\1a\0\7xyz\x82\x0a\0\1\0\1a\0\0\1b\1\xa2\5\0\1\0\1a\xc0\0\xe0\0"),
        "{\"event\":\"CONNECT\",\"offset\":0,\"version\":4,\"client_id\":\"abc\",\"clean\":true,\"keep_"
        "alive\":60,"
        "\"username\":\"u\",\"password\":\"pw\",\"will_topic\":\"w/"
        "t\",\"will_payload\":\"bye!!\",\"will_qos\":1,"
        "\"will_retain\":true}\n"
        "{\"event\":\"PUBLISH\",\"offset\":36,\"topic\":\"a\",\"qos\":1,\"packet_id\":7,\"size\":3,"
        "\"payload\":\"xyz\"}\n"
        "{\"event\":\"SUBSCRIBE\",\"offset\":46,\"packet_id\":1,\"filters\":[{\"filter\":\"a\",\"qos\":0},"
        "{\"filter\":\"b\",\"qos\":1}]}\n"
        "{\"event\":\"UNSUBSCRIBE\",\"offset\":58,\"packet_id\":1,\"filters\":[\"a\"]}\n"
        "{\"event\":\"PINGREQ\",\"offset\":65}\n{\"event\":\"DISCONNECT\",\"offset\":67}\n");
    stream_is(CODEC_MQTT, TO, 5,
              BYTES("\x20\x03\1\0\0\x90\5\0\1\0\0\x87\x40\x03\0\1\x10\x30\x0c\0\1a\7\x26\0\1k\0\1vz\x30\x08\0"
                    "\1a\4\x0b\1\x0b\2"
                    "\xe0\x02\x8e\0"),
              "{\"event\":\"CONNACK\",\"offset\":0,\"version\":5,\"session_present\":true,\"reason\":0}\n"
              "{\"event\":\"SUBACK\",\"offset\":5,\"version\":5,\"packet_id\":1,\"codes\":[0,135]}\n"
              "{\"event\":\"PUBACK\",\"offset\":12,\"version\":5,\"packet_id\":1,\"reason\":16}\n"
              "{\"event\":\"PUBLISH\",\"offset\":17,\"version\":5,\"topic\":\"a\",\"qos\":0,\"properties\":"
              "{\"user_property\":[[\"k\",\"v\"]]},\"size\":1,\"payload\":\"z\"}\n"
              "{\"event\":\"PUBLISH\",\"offset\":31,\"version\":5,\"topic\":\"a\",\"qos\":0,\"properties\":"
              "{\"subscription_id\":[1,2]},\"size\":0,\"payload\":\"\"}\n"
              "{\"event\":\"DISCONNECT\",\"offset\":41,\"version\":5,\"reason\":142}\n");
    /* an order that the object does not keep */
    stream_is(CODEC_MQTT, TO, 5, BYTES("\x30\x15\0\1a\x10\x26\0\1k\0\1v\1\0\x26\0\1l\0\1w\x02"),
              "{\"event\":\"PUBLISH\",\"offset\":0,\"version\":5,\"topic\":\"a\",\"qos\":0,\"properties\":"
              "{\"user_property\":[[\"k\",\"v\"],[\"l\",\"w\"]],\"payload_format\":0},\"properties_raw\":"
              "\"&\\u0000\\u0001k\\u0000\\u0001v\\u0001\\u0000&\\u0000\\u0001l\\u0000\\u0001w\",\"size\":1,"
              "\"payload\":\"\\u0002\"}\n");
}

static void test_http_ws_proxy(void)
{
    stream_is(CODEC_HTTP, FROM, 0, BYTES("GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok"),
              "{\"event\":\"REQUEST\",\"offset\":0,\"method\":\"GET\",\"target\":\"/x\",\"minor\":1}\n"
              "{\"event\":\"HEADER\",\"offset\":17,\"name\":\"Host\",\"value\":\"h\"}\n"
              "{\"event\":\"HEADER\",\"offset\":26,\"name\":\"Content-Length\",\"value\":\"2\"}\n"
              "{\"event\":\"END\",\"offset\":45,\"keep_alive\":true,\"length\":2}\n"
              "{\"event\":\"DATA\",\"offset\":47,\"payload\":\"ok\"}\n{\"event\":\"DONE\",\"offset\":49}\n");
    stream_is(
        CODEC_WS, FROM, 0, BYTES("\x82\x85\1\2\3\4igoh\x6e\x88\x84\1\2\3\4\x02\xea\x6b\x6b\x01\x00\x89\x00"),
        "{\"event\":\"BINARY\",\"offset\":0,\"fin\":true,\"mask\":\"01020304\",\"size\":5,\"payload\":"
        "\"hello\"}\n"
        "{\"event\":\"CLOSE\",\"offset\":11,\"fin\":true,\"mask\":\"01020304\",\"size\":4,\"code\":1000,"
        "\"payload_b64\":\"A+hobw==\"}\n"
        "{\"event\":\"TEXT\",\"offset\":21,\"size\":0,\"payload\":\"\"}\n"
        "{\"event\":\"PING\",\"offset\":23,\"fin\":true,\"size\":0,\"payload\":\"\"}\n");
    stream_is(CODEC_PROXY, FROM, 0, BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
              "{\"event\":\"PROXY\",\"offset\":0,\"version\":1,\"family\":1,\"source\":\"1.2.3.4\",\"source_"
              "port\":1,"
              "\"dest\":\"5.6.7.8\",\"dest_port\":2}\n");
}

/* Every recorded operation, and every RAFT message in them, becomes data and comes back to the byte. */
static void test_golden(void)
{
    size_t events = 0, raft = 0;
    for (size_t f = 0; f < REC_FILES; f++) {
        struct rec_file file = rec_open(rec_files[f]);
        struct rec r;
        while (rec_next(&file, &r)) {
            struct codec_wire w;
            struct codec_event e;
            slice in = r.payload;
            codec_wire_init(&w, CODEC_NATS_ROUTE, (enum codec_direction)r.direction);
            CU_ASSERT_EQUAL_FATAL(codec_wire_next(&w, &in, &e), CODEC_EVENT);
            event_is(&e, NULL);
            events++;
            if (e.fabric.kind != CODEC_FABRIC_MSG)
                continue;
            slice body = e.fabric.msg.payload;
            enum codec_raft_kind kind = codec_raft_kind_of(e.fabric.msg.subject, body.len);
            struct codec_raft ps;
            struct codec_event message = {.protocol = CODEC_RAFT};
            codec_raft_init(&ps, kind, body.len);
            for (; kind != CODEC_RAFT_NONE && codec_raft_next(&ps, &body, &message.raft) == CODEC_EVENT;
                 raft++) {
                message.offset = message.raft.offset;
                event_is(&message, NULL);
            }
        }
        rec_close(&file);
    }
    CU_ASSERT(events > 3000 && raft > 2500);
    printf("  %zu operations, %zu RAFT events\n", events, raft);
}

/* Objects that describe no event, each by one member. */
static void test_no_event(void)
{
    static const struct {
        enum codec_protocol protocol;
        const char *json, *why;
    } cases[] = {
        {CODEC_NATS, "{}", "event"},
        {CODEC_NATS, "{\"event\":1}", "event"},
        {CODEC_NATS, "{\"event\":\"MSG\"}", "event"},
        {CODEC_NATS, "[]", "event"},
        {CODEC_NATS, "{\"event\":\"PING\",\"offset\":-1}", "offset"},
        {CODEC_NATS, "{\"event\":\"PUB\",\"payload\":\"\"}", "subject"},
        {CODEC_NATS, "{\"event\":\"PUB\",\"subject\":\"a\",\"size\":4294967296}", "size"},
        {CODEC_NATS, "{\"event\":\"PUB\",\"subject\":\"a\",\"payload\":1}", "payload"},
        {CODEC_NATS, "{\"event\":\"PUB\",\"subject\":\"a\",\"headers\":{},\"payload\":\"\"}", "payload"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"headers\":{\"A\":\"b\"},\"payload\":\"\"}",
         "payload"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"headers\":[],\"payload\":\"\"}", "payload"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"status\":1000,\"payload\":\"\"}", "payload"},
        {CODEC_NATS, "{\"event\":\"UNSUB\",\"sid\":\"1\",\"max\":true}", "max"},
        {CODEC_NATS, "{\"event\":\"CONNECT\"}", "json"},
        {CODEC_NATS_ROUTE, "{\"event\":\"XX+\"}", "event"},
        {CODEC_NATS_ROUTE, "{\"event\":\"RMSG\",\"subject\":\"a\",\"queues\":1}", "queues"},
        {CODEC_NATS_ROUTE, "{\"event\":\"RMSG\",\"subject\":\"a\",\"queues\":[1]}", "queues"},
        {CODEC_MQTT, "{\"event\":\"PINGREQ\",\"version\":6}", "version"},
        {CODEC_MQTT, "{\"event\":\"SUBSCRIBE\",\"packet_id\":1}", "filters"},
        {CODEC_MQTT, "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[{\"filter\":\"a\",\"qos\":3}]}",
         "filters"},
        {CODEC_MQTT, "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[{}]}", "filters"},
        {CODEC_MQTT, "{\"event\":\"UNSUBSCRIBE\",\"packet_id\":1,\"filters\":[{}]}", "filters"},
        {CODEC_MQTT, "{\"event\":\"SUBACK\",\"packet_id\":1,\"codes\":[256]}", "codes"},
        {CODEC_MQTT, "{\"event\":\"SUBACK\",\"packet_id\":1,\"codes\":1}", "codes"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":65536}", "packet_id"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"x\":1}}", "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"user_property\":[[1,2]]}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":1}", "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBLISH\",\"topic\":\"a\",\"retain\":1}", "retain"},
        {CODEC_WS, "{\"event\":\"PING\",\"mask\":\"0102030\"}", "mask"},
        {CODEC_WS, "{\"event\":\"PING\",\"mask\":\"0102030g\"}", "mask"},
        {CODEC_PROXY, "{\"event\":\"PROXY\",\"version\":1,\"family\":1,\"source\":\"x\"}", "source"},
        {CODEC_RAFT, "{\"event\":\"remove_peer\",\"peer\":\"short\"}", "peer"},
        {CODEC_RAFT, "{\"event\":\"vote_request\",\"term\":\"1\"}", "term"},
        {CODEC_NO_PROTOCOL, "{\"event\":\"PING\"}", "event"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        struct codec_value value;
        struct codec_event e;
        const char *why = "";
        CU_ASSERT_EQUAL_FATAL(codec_value_read_json(slice_str(cases[i].json), &arena, &value),
                              CODEC_VALUE_OK);
        CU_ASSERT_FALSE(
            codec_event_from_value(&value, cases[i].protocol, CODEC_FROM_DIALER, &arena, &e, &why));
        CU_ASSERT_STRING_EQUAL(why, cases[i].why);
        if (strcmp(why, cases[i].why) != 0)
            printf("  %s: %s\n", cases[i].json, why);
    }
}

/* Any arena is either enough or told to be too small. */
static void test_little_room(void)
{
    struct codec_wire w;
    struct codec_event e, back;
    const char *why;
    size_t enough = 0;
    slice in = BYTES("HPUB foo 33 35\r\nNATS/1.0\r\nA: 1\r\nB: x y\r\nA: \xc3\xa9\r\n\r\nhi\r\n");
    codec_wire_init(&w, CODEC_NATS, FROM);
    CU_ASSERT_EQUAL_FATAL(codec_wire_next(&w, &in, &e), CODEC_EVENT);
    for (size_t size = 0; size < 6000; size += 7) {
        struct codec_arena arena = codec_arena_on(block, size);
        struct codec_value value;
        struct codec_out out = codec_out_on(json, sizeof(json));
        bool ok = codec_event_to_value(&e, &arena, &value);
        CU_ASSERT(!ok || enough > 0 || (enough = size) > 0);
        if (!ok)
            continue;
        CU_ASSERT_TRUE(codec_value_write_json(&out, &value));
        struct codec_arena small = codec_arena_on(block2, size / 4);
        struct codec_value read;
        if (codec_value_read_json(codec_out_slice(&out), &small, &read) == CODEC_VALUE_OK)
            codec_event_from_value(&read, CODEC_NATS, FROM, &small, &back, &why);
    }
    CU_ASSERT(enough > 0);
}

/* -------------------------------------------------------------------------------------------------- values
 */

static void json_gives(const char *text, int want)
{
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_value value;
    CU_ASSERT_EQUAL(codec_value_read_json(slice_str(text), &arena, &value), (enum codec_value_error)want);
    if (want != CODEC_VALUE_OK)
        return;
    for (int i = 0; i < 2; i++) { /* and back, by both writers */
        struct codec_out out = codec_out_on(packed, sizeof(packed));
        struct codec_value read;
        if (i == 0) {
            CU_ASSERT_TRUE(codec_value_write_json(&out, &value));
            CU_ASSERT(slice_eq_str(codec_out_slice(&out), text));
        } else {
            struct codec_arena arena2 = codec_arena_on(block2, sizeof(block2));
            struct codec_out text2 = codec_out_on(json, sizeof(json));
            size_t need;
            enum codec_value_error error;
            CU_ASSERT_TRUE(codec_value_write_msgpack(&out, &value));
            slice in = codec_out_slice(&out);
            CU_ASSERT_EQUAL(codec_value_read_msgpack(&in, 1 << 20, &arena2, &read, &need, &error),
                            CODEC_EVENT);
            CU_ASSERT_TRUE(codec_value_write_json(&text2, &read));
            CU_ASSERT(slice_eq_str(codec_out_slice(&text2), text));
        }
    }
}

static void test_values_json(void)
{
    json_gives("null", CODEC_VALUE_OK);
    json_gives("true", CODEC_VALUE_OK);
    json_gives("[]", CODEC_VALUE_OK);
    json_gives("{}", CODEC_VALUE_OK);
    json_gives("[1,-1,\"x\",false,null,{},[],18446744073709551615,-9223372036854775808]", CODEC_VALUE_OK);
    json_gives("{\"a\":{\"b\":[{\"c\":\"d\"},[[]]]},\"e\":\"<&>\"}", CODEC_VALUE_OK);
    json_gives("{\"json\":{\"x\":[1.5,null]},\"n\":1}", CODEC_VALUE_OK);
    json_gives("{\"a_b64\":\"/wA=\",\"b_b64\":[\"/w==\",\"YQ==\"]}", CODEC_VALUE_OK);
    json_gives("[[[[[[[[1]]]]]]]]", CODEC_VALUE_OK);
    json_gives("[[[[[[[[[1]]]]]]]]]", CODEC_VALUE_TOO_DEEP);
    json_gives("{\"a_b64\":\"/wA\"}", CODEC_VALUE_BASE64);
    json_gives("{\"a_b64\":[\"*\"]}", CODEC_VALUE_BASE64);
    json_gives("1.5", CODEC_VALUE_TYPE);
    json_gives("18446744073709551616", CODEC_VALUE_TYPE);
    json_gives("", CODEC_VALUE_SYNTAX);
    json_gives("{", CODEC_VALUE_SYNTAX);
    json_gives("[1,]", CODEC_VALUE_SYNTAX);
    json_gives("{\"a\":1}x", CODEC_VALUE_SYNTAX);
}

static int msgpack_gives(slice bytes, size_t limit, size_t *need)
{
    struct codec_arena arena = codec_arena_on(block, 4096);
    struct codec_value value;
    enum codec_value_error error = CODEC_VALUE_OK;
    enum codec_rc rc = codec_value_read_msgpack(&bytes, limit, &arena, &value, need, &error);
    return rc == CODEC_MORE ? -1 : (int)error;
}

/* Claims are not believed: each is refused, or more is asked for, without room being taken. */
static void test_values_msgpack(void)
{
    size_t need;
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdd\xff\xff\xff\xff"), 1 << 20, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdf\xff\xff\xff\xff"), 1 << 20, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xc6\xff\xff\xff\xff"), 1 << 20, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xc6\0\0\1\0abc"), 1 << 20, &need), -1);
    CU_ASSERT_EQUAL(need, 253);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\1\0"), 1 << 20, &need), -1);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\0\3\1\2"), 1 << 20, &need), -1);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\0\2\1\2"), 1 << 20, &need), CODEC_VALUE_OK);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\0\2\1\2"), 4, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xca\0\0\0\0"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xc1"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xd4\1\1"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\x81\1\1"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\x91\1"), 1 << 20, &need),
                    CODEC_VALUE_TOO_DEEP);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\1"), 1 << 20, &need),
                    CODEC_VALUE_OK);
    CU_ASSERT_EQUAL(msgpack_gives(SLICE_EMPTY, 1 << 20, &need), -1);
    /* every head cut short asks for more */
    static const char heads[] = "\xc4\xc5\xc6\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd9\xda\xdb\xdc\xdd\xde\xdf";
    for (size_t i = 0; i + 1 < sizeof(heads); i++)
        CU_ASSERT_EQUAL(msgpack_gives(slice_make(heads + i, 1), 1 << 20, &need), -1);
    /* numbers of each width */
    static const struct {
        const char *bytes;
        size_t len;
        const char *json;
    } numbers[] = {{"\x7f", 1, "127"},
                   {"\xe0", 1, "-32"},
                   {"\xcc\xff", 2, "255"},
                   {"\xcd\1\0", 3, "256"},
                   {"\xce\1\0\0\0", 5, "16777216"},
                   {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "18446744073709551615"},
                   {"\xd0\x80", 2, "-128"},
                   {"\xd1\x80\0", 3, "-32768"},
                   {"\xd2\x80\0\0\0", 5, "-2147483648"},
                   {"\xd3\x80\0\0\0\0\0\0\0", 9, "-9223372036854775808"},
                   {"\xd0\x05", 2, "5"},
                   {"\xc0", 1, "null"},
                   {"\xd9\1x", 3, "\"x\""},
                   {"\xda\0\1x", 4, "\"x\""},
                   {"\xdb\0\0\0\1x", 6, "\"x\""},
                   {"\xc4\1x", 3, "\"x\""},
                   {"\xde\0\1\xa1"
                    "a\1",
                    6, "{\"a\":1}"}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct codec_arena arena = codec_arena_on(block, 4096);
        struct codec_out out = codec_out_on(json, sizeof(json));
        struct codec_value value;
        enum codec_value_error error;
        slice in = slice_make(numbers[i].bytes, numbers[i].len);
        CU_ASSERT_EQUAL(codec_value_read_msgpack(&in, 100, &arena, &value, &need, &error), CODEC_EVENT);
        CU_ASSERT_TRUE(codec_value_write_json(&out, &value));
        CU_ASSERT(slice_eq_str(codec_out_slice(&out), numbers[i].json));
    }
    struct codec_arena none = codec_arena_on(block, 8);
    struct codec_value value;
    enum codec_value_error error;
    slice in = BYTES("\x92\1\2");
    CU_ASSERT_EQUAL(codec_value_read_msgpack(&in, 100, &none, &value, &need, &error), CODEC_ERROR);
    CU_ASSERT_EQUAL(error, CODEC_VALUE_NO_ROOM);
    for (int k = CODEC_VALUE_OK; k <= CODEC_VALUE_TOO_LONG; k++)
        CU_ASSERT(strcmp(codec_value_error_text(k), "unknown error") != 0);
}

static void test_value_too_deep(void)
{
    struct codec_value v[CODEC_VALUE_DEPTH + 2] = {{.type = CODEC_VALUE_NULL}};
    struct codec_out out = codec_out_on(json, sizeof(json));
    for (size_t i = 0; i + 1 < CODEC_VALUE_DEPTH + 2; i++) {
        v[i].type = CODEC_VALUE_ARRAY;
        v[i].array.items = &v[i + 1];
        v[i].array.count = 1;
    }
    CU_ASSERT_FALSE(codec_value_write_json(&out, &v[0]));
    CU_ASSERT_FALSE(codec_value_write_msgpack(&out, &v[0]));
    CU_ASSERT_TRUE(codec_value_write_json(&out, &v[1]));
    CU_ASSERT_TRUE(codec_value_write_msgpack(&out, &v[1]));
    CU_ASSERT_PTR_NULL(codec_value_get(&v[0], "x"));
}

/* --------------------------------------------------------------------------------------------------- streams
 */

/* With `whole`, a message is not told before its payload is there; without, its line is told first. */
static void test_whole(void)
{
    const char *bytes = "PUB foo 5\r\nhello\r\nPING   x\r\n";
    for (size_t whole = 0; whole < 9; whole++) {
        struct codec_wire w;
        struct codec_event e;
        codec_wire_init(&w, CODEC_NATS, FROM);
        w.whole = whole;
        size_t at = 0, count = 0;
        for (size_t shown = 0; shown <= strlen(bytes);) {
            slice in = slice_make(bytes + at, shown - at);
            enum codec_rc rc = codec_wire_next(&w, &in, &e);
            at = shown - in.len;
            CU_ASSERT_NOT_EQUAL(rc, CODEC_ERROR);
            if (rc == CODEC_MORE) {
                shown++;
                continue;
            }
            count++;
            if (e.client.kind == CODEC_CLIENT_PUB)
                CU_ASSERT_EQUAL(e.client.pub.payload_complete, whole >= 7);
            CU_ASSERT_EQUAL(e.offset, e.client.kind == CODEC_CLIENT_PUB       ? 0
                                      : e.client.kind == CODEC_CLIENT_PAYLOAD ? 11
                                                                              : 18);
        }
        CU_ASSERT_EQUAL(count, whole >= 7 ? 2 : 3);
    }
}

/* No bytes at all, without a pointer: more is wanted. */
static void test_nothing(void)
{
    for (int p = CODEC_NO_PROTOCOL; p <= CODEC_RAFT; p++) {
        for (int d = CODEC_FROM_DIALER; d <= CODEC_FROM_ACCEPTOR; d++) {
            struct codec_wire w;
            struct codec_event e;
            slice in = SLICE_EMPTY;
            codec_wire_init(&w, (enum codec_protocol)p, (enum codec_direction)d);
            CU_ASSERT_EQUAL(codec_wire_next(&w, &in, &e), CODEC_MORE);
            CU_ASSERT_EQUAL(codec_wire_payload_left(&w), 0);
            codec_wire_payload_taken(&w, 1);
        }
    }
}

static void test_guess(void)
{
    static const struct {
        const char *dialer, *acceptor;
        enum codec_protocol protocol;
    } cases[] = {
        {"", "", CODEC_NO_PROTOCOL},
        {"CONNECT {\"lang\":\"go\"", "", CODEC_NO_PROTOCOL},
        {"CONNECT {\"lang\":\"go\",\"cluster\":\"\"}\r\n", "", CODEC_NATS},
        {"", "INFO {\"server_id\":\"N\",\"client_id\":5}\r\n", CODEC_NATS},
        {"SUB a 1\r\n", "", CODEC_NATS},
        {"CONNECT {\"name\":\"N\",\"cluster\":\"C\",\"lnoc\":true}\r\n", "", CODEC_NATS_ROUTE},
        {"CONNECT {\"name\":\"N\",\"cluster\":\"C\"}\r\n", "", CODEC_NATS_ROUTE},
        {"CONNECT {\"name\":\"N\",\"gateway\":\"B\"}\r\n", "INFO {\"gateway\":\"A\"}\r\n",
         CODEC_NATS_GATEWAY},
        {"CONNECT {\"version\":\"2\",\"server_id\":\"N\"}\r\n", "", CODEC_NATS_LEAF},
        {"", "INFO {\"info_on_connect\":true}\r\n", CODEC_NATS_LEAF},
        {"PING\r\n", "INFO {\"lnoc\":true}\r\n", CODEC_NATS_ROUTE},
        {"RS+ $G a\r\n", "", CODEC_NATS_ROUTE},
        {"LS+ a\r\n", "", CODEC_NATS_LEAF},
        {"GET / HTTP/1.1\r\n", "", CODEC_HTTP},
        {"CONNECT h:1 HTTP/1.1\r\n", "", CODEC_HTTP},
        {"", "HTTP/1.1 200 OK\r\n", CODEC_HTTP},
        {"PROXY UNKNOWN\r\n", "INFO {}\r\n", CODEC_PROXY},
        {"nonsense\r\n", "nonsense\r\n", CODEC_NO_PROTOCOL},
        {"CONNECT {\"lnoc\":tru\r\n", "", CODEC_NATS},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum codec_protocol p =
            codec_protocol_guess(slice_str(cases[i].dialer), slice_str(cases[i].acceptor));
        CU_ASSERT_EQUAL(p, cases[i].protocol);
        if (p != cases[i].protocol)
            printf("  %s%s gave %s\n", cases[i].dialer, cases[i].acceptor, codec_protocol_name(p));
    }
    CU_ASSERT_EQUAL(codec_protocol_guess(BYTES("\x10\x10\0\4MQTT\4"), SLICE_EMPTY), CODEC_MQTT);
    CU_ASSERT_EQUAL(codec_protocol_guess(BYTES("\x10\x90\1\0\4MQTT\4"), SLICE_EMPTY), CODEC_MQTT);
    CU_ASSERT_EQUAL(codec_protocol_guess(SLICE_EMPTY, BYTES("\x20\2\0\0")), CODEC_MQTT);
    CU_ASSERT_EQUAL(codec_protocol_guess(BYTES("\r\n\r\n\0\r\nQUIT\n!"), SLICE_EMPTY), CODEC_PROXY);
}

static void test_names(void)
{
    for (int p = CODEC_NATS; p <= CODEC_RAFT; p++) {
        struct codec_event e = {.protocol = (enum codec_protocol)p};
        CU_ASSERT_EQUAL(codec_protocol_of(slice_str(codec_protocol_name((enum codec_protocol)p))),
                        (enum codec_protocol)p);
        CU_ASSERT_STRING_EQUAL(codec_event_error_text(&e), "no error");
        e.direction = CODEC_FROM_ACCEPTOR;
        CU_ASSERT_STRING_EQUAL(codec_event_error_text(&e), "no error");
    }
    CU_ASSERT_EQUAL(codec_protocol_of(SLICE_LIT("x")), CODEC_NO_PROTOCOL);
    struct codec_event none = {.protocol = CODEC_NO_PROTOCOL};
    CU_ASSERT_STRING_EQUAL(codec_event_error_text(&none), "no protocol");
    CU_ASSERT_EQUAL(codec_event_encode(&none, NULL, 0), 0);
    CU_ASSERT_STRING_EQUAL(codec_event_name(&none), "");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_client),      UNIT_TEST(test_headers),        UNIT_TEST(test_server),
    UNIT_TEST(test_fabric),      UNIT_TEST(test_mqtt),           UNIT_TEST(test_http_ws_proxy),
    UNIT_TEST(test_golden),      UNIT_TEST(test_no_event),       UNIT_TEST(test_little_room),
    UNIT_TEST(test_values_json), UNIT_TEST(test_values_msgpack), UNIT_TEST(test_value_too_deep),
    UNIT_TEST(test_whole),       UNIT_TEST(test_names),          UNIT_TEST(test_guess),
    UNIT_TEST(test_nothing),
};
UNIT_MAIN("event_data", tests)
