/* Events as data: the keys of each event, JSON and MessagePack, and back to the bytes. */
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
        {CODEC_NATS, "{\"event\":\"CONNECT\",\"text\":1}", "json"},
        {CODEC_NATS, "{\"event\":\"CONNECT\",\"json\":{},\"tail\":1}", "json"},
        {CODEC_NATS, "{\"event\":\"PUB\",\"subject\":1,\"payload\":\"\"}", "subject"},
        {CODEC_NATS, "{\"event\":\"UNSUB\",\"sid\":\"1\",\"max\":1000000000}", "max"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"headers\":{\"A\":[1]},\"payload\":\"\"}",
         "payload"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"headers_raw\":1,\"payload\":\"\"}", "payload"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"description\":1,\"payload\":\"\"}", "payload"},
        {CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"a\",\"header_size\":4294967296}", "payload"},
        {CODEC_NATS, "{\"event\":\"PUB\",\"subject\":\"a\",\"status\":503,\"payload\":\"\"}", "payload"},
        {CODEC_MQTT, "{\"event\":\"UNSUBSCRIBE\",\"packet_id\":1,\"filters\":\"a\"}", "filters"},
        {CODEC_MQTT, "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[1]}", "filters"},
        {CODEC_MQTT, "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[{\"filter\":1}]}", "filters"},
        {CODEC_MQTT,
         "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[{\"filter\":\"a\",\"retain_handling\":3}]}",
         "filters"},
        {CODEC_MQTT,
         "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[{\"filter\":\"a\",\"no_local\":1}]}",
         "filters"},
        {CODEC_MQTT,
         "{\"event\":\"SUBSCRIBE\",\"packet_id\":1,\"filters\":[{\"filter\":\"a\",\"retain_as_published\":"
         "\"x\"}]}",
         "filters"},
        {CODEC_MQTT, "{\"event\":\"SUBACK\",\"packet_id\":1,\"codes\":[\"x\"]}", "codes"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties_raw\":1}", "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"reason_string\":1}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"session_expiry\":\"x\"}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"session_expiry\":4294967296}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"receive_maximum\":65536}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"user_property\":[[\"a\"]]}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"user_property\":[[\"a\",1]]}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"user_property\":[\"a\"]}}",
         "properties"},
        {CODEC_MQTT, "{\"event\":\"PUBACK\",\"packet_id\":1,\"properties\":{\"user_property\":\"a\"}}",
         "properties"},
        {CODEC_WS, "{\"event\":\"PING\",\"mask\":1}", "mask"},
        {CODEC_WS, "{\"event\":\"PING\",\"mask\":\"01\\u000020304\"}", "mask"},
        {CODEC_WS, "{\"event\":\"PING\",\"mask\":\"\"}", "mask"},
        {CODEC_WS, "{\"event\":\"PING\",\"payload\":1}", "payload"},
        {CODEC_PROXY, "{\"event\":\"PROXY\",\"family\":1,\"source\":1}", "source"},
        {CODEC_PROXY, "{\"event\":\"PROXY\",\"family\":1}", "source"},
        {CODEC_PROXY, "{\"event\":\"PROXY\",\"family\":2,\"source\":\"1.2.3.4\"}", "source"},
        {CODEC_PROXY,
         "{\"event\":\"PROXY\",\"family\":2,\"source\":\"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:"
         "0000\"}",
         "source"},
        {CODEC_RAFT, "{\"event\":\"remove_peer\",\"peer\":1}", "peer"},
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

static bool event_of(const char *text, enum codec_protocol protocol, struct codec_event *e)
{
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_value value;
    const char *why = "";
    CU_ASSERT_EQUAL_FATAL(codec_value_read_json(slice_str(text), &arena, &value), CODEC_VALUE_OK);
    return codec_event_from_value(&value, protocol, CODEC_FROM_DIALER, &arena, e, &why);
}

static void becomes(enum codec_protocol protocol, const char *text, slice want)
{
    struct codec_event e;
    CU_ASSERT_TRUE_FATAL(event_of(text, protocol, &e));
    size_t n = codec_event_encode(&e, again, sizeof(again));
    CU_ASSERT(slice_eq(slice_make(again, n), want));
}

/* What people write by hand: sizes are counted, members in any order, JSON over several lines is one. */
static void test_by_hand(void)
{
    becomes(CODEC_NATS, "{\"payload\":\"abc\",\"subject\":\"s\",\"event\":\"PUB\"}",
            BYTES("PUB s 3\r\nabc\r\n"));
    becomes(CODEC_NATS, "{\"event\":\"CONNECT\",\"json\":{\n\"a\":\n1}}", BYTES("CONNECT { \"a\": 1}\r\n"));
    becomes(CODEC_NATS, "{\"event\":\"HPUB\",\"subject\":\"s\",\"status\":503,\"payload\":\"\"}",
            BYTES("HPUB s 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"));
    becomes(CODEC_WS, "{\"event\":\"PING\",\"fin\":true,\"payload\":\"x\"}", BYTES("\x89\1x"));
    becomes(CODEC_MQTT,
            "{\"event\":\"SUBSCRIBE\",\"version\":5,\"packet_id\":1,\"properties\":{\"subscription_id\":3},"
            "\"filters\":[{\"filter\":\"a\",\"no_local\":false}]}",
            BYTES("\x82\x09\0\1\2\x0b\3\0\1a\0"));
    becomes(CODEC_PROXY, "{\"event\":\"PROXY\",\"version\":1,\"source\":\"not looked at\"}",
            BYTES("PROXY UNKNOWN\r\n"));
}

/* The tree may also be made by a program: "json" that is not the text of any is refused. */
static void test_json_of_another_type(void)
{
    struct codec_member members[] = {{SLICE_LIT("event"), codec_value_text(SLICE_LIT("CONNECT"))},
                                     {SLICE_LIT("json"), codec_value_text(SLICE_LIT("{}"))}};
    struct codec_value value = {.type = CODEC_VALUE_OBJECT};
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_event e;
    const char *why = "";
    value.object.items = members;
    value.object.count = 2;
    CU_ASSERT_FALSE(codec_event_from_value(&value, CODEC_NATS, CODEC_FROM_DIALER, &arena, &e, &why));
    CU_ASSERT_STRING_EQUAL(why, "json");
    members[1].value.type = CODEC_VALUE_JSON;
    CU_ASSERT_TRUE(codec_event_from_value(&value, CODEC_NATS, CODEC_FROM_DIALER, &arena, &e, &why));
}

/* A filter may be as long as two bytes can count. */
static void test_long_filter(void)
{
    static char object[1 << 17];
    static const char head[] = "{\"event\":\"UNSUBSCRIBE\",\"packet_id\":1,\"filters\":[\"";
    struct codec_event e;
    for (size_t len = 65535; len <= 65536; len++) {
        memcpy(object, head, sizeof(head) - 1);
        memset(object + sizeof(head) - 1, 'x', len);
        snprintf(object + sizeof(head) - 1 + len, 8, "\"]}");
        CU_ASSERT_EQUAL(event_of(object, CODEC_MQTT, &e), len == 65535);
    }
}

/* Header blocks that an object would not give back are kept as they are, those with too many fields or names
 * too long for a key without an object. */
static void test_odd_headers(void)
{
    static char message[1 << 16];
    static const size_t fields[] = {1, 1024, 1025};
    for (size_t i = 0; i < 4; i++) {
        size_t count = i < 3 ? fields[i] : 1, n = 0;
        static char head[1 << 15];
        n += (size_t)snprintf(head, sizeof(head), "NATS/1.0\r\n");
        for (size_t k = 0; k < count; k++)
            n += (size_t)snprintf(head + n, sizeof(head) - n, "%0*zx: v\r\n", i < 3 ? 3 : 201, k);
        n += (size_t)snprintf(head + n, sizeof(head) - n, "\r\n");
        snprintf(message, sizeof(message), "HPUB s %zu %zu\r\n%s\r\n", n, n, head);
        struct codec_wire w;
        struct codec_event e;
        struct codec_arena arena = codec_arena_on(block, sizeof(block));
        struct codec_value value;
        slice in = slice_str(message);
        codec_wire_init(&w, CODEC_NATS, FROM);
        CU_ASSERT_EQUAL_FATAL(codec_wire_next(&w, &in, &e), CODEC_EVENT);
        CU_ASSERT_TRUE_FATAL(codec_event_to_value(&e, &arena, &value));
        CU_ASSERT_EQUAL(codec_value_get(&value, "headers") != NULL, i < 2);
        CU_ASSERT_EQUAL(codec_value_get(&value, "headers_raw") != NULL, i >= 2);
        event_is(&e, NULL);
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_client),      UNIT_TEST(test_headers),
    UNIT_TEST(test_server),      UNIT_TEST(test_fabric),
    UNIT_TEST(test_mqtt),        UNIT_TEST(test_http_ws_proxy),
    UNIT_TEST(test_golden),      UNIT_TEST(test_no_event),
    UNIT_TEST(test_by_hand),     UNIT_TEST(test_json_of_another_type),
    UNIT_TEST(test_long_filter), UNIT_TEST(test_odd_headers),
    UNIT_TEST(test_little_room),
};
UNIT_MAIN("event_data", tests)
