/* Every event of every protocol, made from its data: the bytes it becomes, that their number is told first
 * and never overrun, that they are read back as the same event; and events that no bytes can say. */
#include "unit.h"
#include <midge/event_data.h>

#define FROM CODEC_FROM_DIALER
#define TO   CODEC_FROM_ACCEPTOR
#define BYTES(s)                            \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }

struct row {
    enum codec_protocol protocol;
    enum codec_direction direction;
    const char *json;
    slice bytes;
};

/* The event, as its data is read and written; `offset` is left out here. Behind it, the bytes. */
static const struct row rows[] = {
    {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"json\":{\"a\":1}}", BYTES("CONNECT {\"a\":1}\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"json\":{\"a\":1},\"tail\":\" \"}",
     BYTES("CONNECT {\"a\":1} \r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"text\":\"{]\"}", BYTES("CONNECT {]\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"text_b64\":\"eyL/In0=\"}", BYTES("CONNECT {\"\xff\"}\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"INFO\",\"json\":{}}", BYTES("INFO {}\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"a\",\"reply\":\"r\",\"size\":1,\"payload\":\"x\"}",
     BYTES("PUB a r 1\r\nx\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"a\",\"size\":0,\"payload\":\"\"}",
     BYTES("PUB a 0\r\n\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"a\",\"size\":7}", BYTES("PUB a 7\r\n")},
    {CODEC_NATS, FROM,
     "{\"event\":\"HPUB\",\"subject\":\"a\",\"size\":21,\"headers\":{\"K\":[\"v\"]},\"payload\":\"xy\"}",
     BYTES("HPUB a 18 20\r\nNATS/1.0\r\nK: v\r\n\r\nxy\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"HPUB\",\"subject\":\"a\",\"size\":7,\"header_size\":5}",
     BYTES("HPUB a 5 7\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"HMSG\",\"text\":\"a b\",\"payload\":\"\"}", BYTES("HMSG a b\r\n\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"PAYLOAD\",\"payload\":\"abc\"}", BYTES("abc\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"SUB\",\"subject\":\"a\",\"queue\":\"q\",\"sid\":\"1\"}",
     BYTES("SUB a q 1\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"UNSUB\",\"sid\":\"1\",\"max\":5}", BYTES("UNSUB 1 5\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"PING\"}", BYTES("PING\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"PONG\"}", BYTES("PONG\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"+OK\"}", BYTES("+OK\r\n")},
    {CODEC_NATS, FROM, "{\"event\":\"-ERR\",\"error\":\"'x'\"}", BYTES("-ERR 'x'\r\n")},

    {CODEC_NATS, TO, "{\"event\":\"INFO\",\"json\":{\"a\":1},\"tail\":\" \"}", BYTES("INFO {\"a\":1} \r\n")},
    {CODEC_NATS, TO,
     "{\"event\":\"MSG\",\"subject\":\"a\",\"sid\":\"1\",\"reply\":\"r\",\"size\":1,\"payload\":\"x\"}",
     BYTES("MSG a 1 r 1\r\nx\r\n")},
    {CODEC_NATS, TO,
     "{\"event\":\"HMSG\",\"subject\":\"a\",\"sid\":\"1\",\"size\":16,\"status\":404,\"headers\":{},"
     "\"payload\":\"\"}",
     BYTES("HMSG a 1 16 16\r\nNATS/1.0 404\r\n\r\n\r\n")},
    {CODEC_NATS, TO, "{\"event\":\"HMSG\",\"subject\":\"a\",\"sid\":\"1\",\"size\":16,\"header_size\":12}",
     BYTES("HMSG a 1 12 16\r\n")},
    {CODEC_NATS, TO, "{\"event\":\"PAYLOAD\",\"payload\":\"abc\"}", BYTES("abc\r\n")},
    {CODEC_NATS, TO, "{\"event\":\"PING\"}", BYTES("PING\r\n")},
    {CODEC_NATS, TO, "{\"event\":\"PONG\"}", BYTES("PONG\r\n")},
    {CODEC_NATS, TO, "{\"event\":\"+OK\"}", BYTES("+OK\r\n")},
    {CODEC_NATS, TO, "{\"event\":\"-ERR\",\"error\":\"Stale Connection\"}",
     BYTES("-ERR 'Stale Connection'\r\n")},

    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"CONNECT\",\"json\":{}}", BYTES("CONNECT {}\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"INFO\",\"json\":{},\"tail\":\" \"}", BYTES("INFO {} \r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"PING\"}", BYTES("PING\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"PONG\"}", BYTES("PONG\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"+OK\"}", BYTES("+OK\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"-ERR\",\"error\":\"'x'\"}", BYTES("-ERR 'x'\r\n")},
    {CODEC_NATS_ROUTE, FROM,
     "{\"event\":\"RS+\",\"account\":\"A\",\"subject\":\"s\",\"queue\":\"q\",\"weight\":2}",
     BYTES("RS+ A s q 2\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"RS-\",\"account\":\"A\",\"subject\":\"s\",\"queue\":\"q\"}",
     BYTES("RS- A s q\r\n")},
    {CODEC_NATS_ROUTE, FROM,
     "{\"event\":\"LS+\",\"origin\":\"o\",\"account\":\"A\",\"subject\":\"s\",\"queue\":\"q\",\"weight\":1}",
     BYTES("LS+ o A s q 1\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"LS-\",\"origin\":\"o\",\"account\":\"A\",\"subject\":\"s\"}",
     BYTES("LS- o A s\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"SUB\",\"text\":\"a b\"}", BYTES("SUB a b\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"UNSUB\",\"text\":\"a\"}", BYTES("UNSUB a\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"A+\",\"account\":\"A\"}", BYTES("A+ A\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"A-\",\"account\":\"A\"}", BYTES("A- A\r\n")},
    {CODEC_NATS_ROUTE, FROM,
     "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"s\",\"reply\":\"r\",\"queues\":[\"p\",\"q\"],"
     "\"size\":1,\"payload\":\"x\"}",
     BYTES("RMSG A s + r p q 1\r\nx\r\n")},
    {CODEC_NATS_ROUTE, FROM,
     "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"s\",\"queues\":[\"p\"],\"size\":1}",
     BYTES("RMSG A s | p 1\r\n")},
    {CODEC_NATS_ROUTE, FROM,
     "{\"event\":\"HMSG\",\"account\":\"A\",\"subject\":\"s\",\"reply\":\"r\",\"size\":12,\"headers\":{},"
     "\"payload\":\"\"}",
     BYTES("HMSG A s r 12 12\r\nNATS/1.0\r\n\r\n\r\n")},
    {CODEC_NATS_ROUTE, FROM,
     "{\"event\":\"LMSG\",\"origin\":\"o\",\"account\":\"A\",\"subject\":\"s\",\"size\":1,\"payload\":\"x\"}",
     BYTES("LMSG o A s 0 1\r\nx\r\n")},
    {CODEC_NATS_ROUTE, FROM, "{\"event\":\"PAYLOAD\",\"payload\":\"x\"}", BYTES("x\r\n")},

    {CODEC_NATS_GATEWAY, TO, "{\"event\":\"RS+\",\"account\":\"A\",\"subject\":\"s\"}", BYTES("RS+ A s\r\n")},
    {CODEC_NATS_GATEWAY, TO, "{\"event\":\"SUB\",\"account\":\"A\",\"subject\":\"s\"}", BYTES("SUB A s\r\n")},
    {CODEC_NATS_GATEWAY, TO, "{\"event\":\"UNSUB\",\"account\":\"A\",\"subject\":\"s\"}",
     BYTES("UNSUB A s\r\n")},
    {CODEC_NATS_GATEWAY, TO, "{\"event\":\"A-\",\"account\":\"A\"}", BYTES("A- A\r\n")},
    {CODEC_NATS_GATEWAY, TO,
     "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"s\",\"size\":1,\"payload\":\"x\"}",
     BYTES("RMSG A s 1\r\nx\r\n")},
    {CODEC_NATS_GATEWAY, TO,
     "{\"event\":\"HMSG\",\"account\":\"A\",\"subject\":\"s\",\"size\":12,\"header_size\":12}",
     BYTES("HMSG A s 12 12\r\n")},
    {CODEC_NATS_LEAF, FROM, "{\"event\":\"LS+\",\"subject\":\"s\",\"queue\":\"q\",\"weight\":1}",
     BYTES("LS+ s q 1\r\n")},
    {CODEC_NATS_LEAF, FROM, "{\"event\":\"LS-\",\"subject\":\"s\",\"queue\":\"q\"}", BYTES("LS- s q\r\n")},
    {CODEC_NATS_LEAF, FROM, "{\"event\":\"SUB\",\"subject\":\"s\"}", BYTES("SUB s\r\n")},
    {CODEC_NATS_LEAF, FROM, "{\"event\":\"UNSUB\",\"subject\":\"s\"}", BYTES("UNSUB s\r\n")},
    {CODEC_NATS_LEAF, FROM,
     "{\"event\":\"LMSG\",\"subject\":\"s\",\"reply\":\"r\",\"queues\":[\"q\"],\"size\":1,\"payload\":\"x\"}",
     BYTES("LMSG s + r q 1\r\nx\r\n")},
    {CODEC_NATS_LEAF, FROM,
     "{\"event\":\"HMSG\",\"subject\":\"s\",\"size\":13,\"headers\":{},\"payload\":\"x\"}",
     BYTES("HMSG s 12 13\r\nNATS/1.0\r\n\r\nx\r\n")},

    {CODEC_MQTT, FROM,
     "{\"event\":\"CONNECT\",\"version\":4,\"client_id\":\"\",\"clean\":true,\"keep_alive\":0}",
     BYTES("\x10\x0c\0\4MQTT\4\2\0\0\0\0")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"CONNECT\",\"version\":5,\"client_id\":\"c\",\"keep_alive\":9,\"username\":\"u\","
     "\"password\":\"p\","
     "\"will_topic\":\"w\",\"will_payload\":\"x\",\"will_qos\":2,\"will_retain\":true,\"will_properties\":"
     "{\"payload_format\":1,\"message_expiry\":2,\"content_type\":\"t\",\"response_topic\":\"r\","
     "\"correlation_data\":\"d\",\"will_delay\":3},\"properties\":{\"session_expiry\":1,\"auth_method\":"
     "\"m\","
     "\"auth_data\":\"d\",\"request_problem_info\":0,\"request_response_info\":1,\"receive_maximum\":5,"
     "\"topic_alias_maximum\":6,\"maximum_packet\":7,\"user_property\":[[\"a\",\"b\"],[\"a\",\"c\"]]}}",
     BYTES(
         "\x10\x5d\0\4MQTT\5\xf4\0\x09\x2a"
         "\x11\0\0\0\1\x15\0\1m\x16\0\1d\x17\0\x19\1\x21\0\5\x22\0\6\x27\0\0\0\7\x26\0\1a\0\1b\x26\0\1a\0\1c"
         "\0\1c\x18\1\1\2\0\0\0\2\3\0\1t\x08\0\1r\x09\0\1d\x18\0\0\0\3"
         "\0\1w\0\1x\0\1u\0\1p")},
    {CODEC_MQTT, TO, "{\"event\":\"CONNACK\",\"session_present\":true,\"reason\":0}", BYTES("\x20\2\1\0")},
    {CODEC_MQTT, TO,
     "{\"event\":\"CONNACK\",\"version\":5,\"reason\":0,\"properties\":{\"assigned_client_id\":\"c\","
     "\"server_keep_alive\":60,\"response_info\":\"i\",\"server_reference\":\"s\",\"reason_string\":\"r\","
     "\"maximum_qos\":1,\"retain_available\":0,\"wildcard_available\":1,\"subscription_id_available\":0,"
     "\"shared_available\":1}}",
     BYTES("\x20\x20\0\0\x1d\x12\0\1c\x13\0\x3c\x1a\0\1i\x1c\0\1s\x1f\0\1r\x24\1\x25\0\x28\1\x29\0\x2a\1")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"PUBLISH\",\"topic\":\"t\",\"qos\":1,\"retain\":true,\"dup\":true,\"packet_id\":7,\"size\":"
     "1,\"payload\":\"x\"}",
     BYTES("\x3b\6\0\1t\0\7x")},
    {CODEC_MQTT, FROM, "{\"event\":\"PUBLISH\",\"topic\":\"t\",\"qos\":0,\"size\":300}",
     BYTES("\x30\xaf\2\0\1t")},
    {CODEC_MQTT, FROM, "{\"event\":\"PUBLISH\",\"topic\":\"t\",\"qos\":0,\"size\":20000}",
     BYTES("\x30\xa3\x9c\1\0\1t")},
    {CODEC_MQTT, FROM, "{\"event\":\"PUBLISH\",\"topic\":\"t\",\"qos\":0,\"size\":3000000}",
     BYTES("\x30\xc3\x8d\xb7\1\0\1t")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"PUBLISH\",\"version\":5,\"topic\":\"\",\"qos\":0,\"properties\":{\"topic_alias\":1},"
     "\"size\":0,\"payload\":\"\"}",
     BYTES("\x30\6\0\0\3\x23\0\1")},
    {CODEC_MQTT, TO,
     "{\"event\":\"PUBLISH\",\"version\":5,\"topic\":\"t\",\"qos\":0,\"properties\":{\"subscription_id\":["
     "200,1]},\"size\":0,\"payload\":\"\"}",
     BYTES("\x30\x09\0\1t\5\x0b\xc8\1\x0b\1")},
    {CODEC_MQTT, FROM, "{\"event\":\"PUBACK\",\"packet_id\":7}", BYTES("\x40\2\0\7")},
    {CODEC_MQTT, FROM, "{\"event\":\"PUBREC\",\"version\":5,\"packet_id\":7,\"reason\":16}",
     BYTES("\x50\3\0\7\x10")},
    {CODEC_MQTT, FROM, "{\"event\":\"PUBREL\",\"version\":5,\"packet_id\":7}", BYTES("\x62\2\0\7")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"PUBCOMP\",\"version\":5,\"packet_id\":7,\"reason\":146,\"properties\":{\"reason_string\":"
     "\"r\"}}",
     BYTES("\x70\x08\0\7\x92\4\x1f\0\1r")},
    {CODEC_MQTT, FROM, "{\"event\":\"SUBSCRIBE\",\"packet_id\":7,\"filters\":[{\"filter\":\"a\",\"qos\":1}]}",
     BYTES("\x82\6\0\7\0\1a\1")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"SUBSCRIBE\",\"version\":5,\"packet_id\":7,\"filters\":[{\"filter\":\"a\",\"qos\":2,\"no_"
     "local\":true,"
     "\"retain_as_published\":true,\"retain_handling\":2},{\"filter\":\"b\",\"qos\":0}],\"properties\":{"
     "\"subscription_id\":[9]}}",
     BYTES("\x82\x0d\0\7\2\x0b\x09\0\1a\x2e\0\1b\0")},
    {CODEC_MQTT, TO, "{\"event\":\"SUBACK\",\"packet_id\":7,\"codes\":[0,128]}", BYTES("\x90\4\0\7\0\x80")},
    {CODEC_MQTT, FROM, "{\"event\":\"UNSUBSCRIBE\",\"version\":5,\"packet_id\":7,\"filters\":[\"a\",\"b\"]}",
     BYTES("\xa2\x09\0\7\0\0\1a\0\1b")},
    {CODEC_MQTT, TO, "{\"event\":\"UNSUBACK\",\"packet_id\":7}", BYTES("\xb0\2\0\7")},
    {CODEC_MQTT, TO, "{\"event\":\"UNSUBACK\",\"version\":5,\"packet_id\":7,\"codes\":[17]}",
     BYTES("\xb0\4\0\7\0\x11")},
    {CODEC_MQTT, FROM, "{\"event\":\"PINGREQ\"}", BYTES("\xc0\0")},
    {CODEC_MQTT, TO, "{\"event\":\"PINGRESP\"}", BYTES("\xd0\0")},
    {CODEC_MQTT, FROM, "{\"event\":\"DISCONNECT\"}", BYTES("\xe0\0")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"DISCONNECT\",\"version\":5,\"reason\":4,\"properties\":{\"session_expiry\":0}}",
     BYTES("\xe0\7\4\5\x11\0\0\0\0")},
    {CODEC_MQTT, FROM,
     "{\"event\":\"AUTH\",\"version\":5,\"reason\":24,\"properties\":{\"auth_method\":\"m\"}}",
     BYTES("\xf0\6\x18\4\x15\0\1m")},
    {CODEC_MQTT, FROM, "{\"event\":\"PAYLOAD\",\"payload\":\"abc\"}", BYTES("abc")},

    {CODEC_HTTP, FROM, "{\"event\":\"REQUEST\",\"method\":\"GET\",\"target\":\"/\",\"minor\":0}",
     BYTES("GET / HTTP/1.0\r\n")},
    {CODEC_HTTP, TO, "{\"event\":\"RESPONSE\",\"status\":204,\"reason\":\"No Content\",\"minor\":1}",
     BYTES("HTTP/1.1 204 No Content\r\n")},
    {CODEC_HTTP, FROM, "{\"event\":\"HEADER\",\"name\":\"A\",\"value\":\"b c\"}", BYTES("A: b c\r\n")},
    {CODEC_HTTP, FROM,
     "{\"event\":\"END\",\"chunked\":true,\"until_close\":true,\"upgrade\":true,\"keep_alive\":true,"
     "\"length\":3}",
     BYTES("\r\n")},
    {CODEC_HTTP, FROM, "{\"event\":\"DATA\",\"payload\":\"abc\"}", BYTES("abc")},
    {CODEC_HTTP, FROM, "{\"event\":\"LAST\"}", BYTES("0\r\n")},
    {CODEC_HTTP, FROM, "{\"event\":\"TRAILER\",\"name\":\"A\",\"value\":\"\"}", BYTES("A: \r\n")},
    {CODEC_HTTP, FROM, "{\"event\":\"DONE\"}", BYTES("")},

    {CODEC_WS, FROM, "{\"event\":\"TEXT\",\"mask\":\"01020304\",\"size\":2,\"payload\":\"hi\"}",
     BYTES("\1\x82\1\2\3\4ik")},
    {CODEC_WS, FROM, "{\"event\":\"CONTINUATION\",\"fin\":true,\"size\":0,\"payload\":\"\"}",
     BYTES("\x80\0")},
    {CODEC_WS, TO, "{\"event\":\"BINARY\",\"fin\":true,\"compressed\":true,\"size\":2,\"payload\":\"hi\"}",
     BYTES("\xc2\2hi")},
    {CODEC_WS, TO, "{\"event\":\"BINARY\",\"size\":200,\"payload\":\"hi\"}", BYTES("\2\x7e\0\xc8hi")},
    {CODEC_WS, TO, "{\"event\":\"BINARY\",\"size\":65536,\"payload\":\"\"}", BYTES("\2\x7f\0\0\0\0\0\1\0\0")},
    {CODEC_WS, TO, "{\"event\":\"CLOSE\",\"fin\":true,\"size\":2,\"code\":1000,\"payload_b64\":\"A+g=\"}",
     BYTES("\x88\2\3\xe8")},
    {CODEC_WS, TO, "{\"event\":\"PING\",\"fin\":true,\"size\":1,\"payload\":\"x\"}", BYTES("\x89\1x")},
    {CODEC_WS, TO, "{\"event\":\"PONG\",\"fin\":true,\"size\":1,\"payload\":\"x\"}", BYTES("\x8a\1x")},
    {CODEC_WS, FROM, "{\"event\":\"PAYLOAD\",\"mask\":\"01020304\",\"size\":9,\"at\":1,\"payload\":\"abc\"}",
     BYTES("cag")},

    {CODEC_PROXY, FROM, "{\"event\":\"PROXY\",\"version\":1,\"extra\":\" x\"}", BYTES("PROXY UNKNOWN x\r\n")},
    {CODEC_PROXY, FROM,
     "{\"event\":\"PROXY\",\"version\":1,\"family\":2,\"source\":\"::1\",\"source_port\":1,\"dest\":\"::2\","
     "\"dest_port\":2}",
     BYTES("PROXY TCP6 ::1 ::2 1 2\r\n")},
    {CODEC_PROXY, FROM,
     "{\"event\":\"PROXY\",\"version\":2,\"family\":1,\"source\":\"1.2.3.4\",\"source_port\":258,\"dest\":"
     "\"5.6.7.8\",\"dest_port\":2,\"extra\":\"tlv\"}",
     BYTES("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0f\1\2\3\4\5\6\7\x08\1\2\0\2tlv")},
    {CODEC_PROXY, FROM, "{\"event\":\"PROXY\",\"version\":2,\"local\":true}",
     BYTES("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0")},

    {CODEC_RAFT, FROM,
     "{\"event\":\"vote_request\",\"term\":1,\"last_term\":2,\"last_index\":3,\"candidate\":\"abcdefgh\"}",
     BYTES("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0abcdefgh")},
    {CODEC_RAFT, FROM, "{\"event\":\"vote_response\",\"term\":1,\"peer\":\"abcdefgh\",\"flags\":3}",
     BYTES("\1\0\0\0\0\0\0\0abcdefgh\3")},
    {CODEC_RAFT, FROM,
     "{\"event\":\"append\",\"leader\":\"abcdefgh\",\"term\":1,\"commit\":2,\"pterm\":3,\"pindex\":4,"
     "\"count\":5}",
     BYTES("abcdefgh\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\5\0")},
    {CODEC_RAFT, FROM,
     "{\"event\":\"append_response\",\"term\":1,\"index\":2,\"peer\":\"abcdefgh\",\"success\":1}",
     BYTES("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0abcdefgh\1")},
    {CODEC_RAFT, FROM, "{\"event\":\"proposal\",\"data\":\"xyz\"}", BYTES("xyz")},
    {CODEC_RAFT, FROM, "{\"event\":\"remove_peer\",\"peer\":\"abcdefgh\"}", BYTES("abcdefgh")},
    {CODEC_RAFT, FROM,
     "{\"event\":\"peer_state\",\"cluster_size\":3,\"count\":1,\"peers\":\"abcdefgh\",\"extension\":2,"
     "\"extra\":\"x\"}",
     BYTES("\3\0\0\0\1\0\0\0abcdefgh\2\0x")},
    {CODEC_RAFT, FROM, "{\"event\":\"entry\",\"type\":4,\"data\":\"abcdefgh\"}",
     BYTES("\x09\0\0\0\4abcdefgh")},
    {CODEC_RAFT, FROM, "{\"event\":\"append_end\",\"lterm\":7,\"extra\":\"x\"}", BYTES("\7x")},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static uint8_t block[1 << 19], block2[1 << 19], text[1 << 19], text2[1 << 19], out[1 << 19];

static bool from_json(const char *json, enum codec_protocol protocol, enum codec_direction direction,
                      struct codec_event *e)
{
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_value value;
    const char *why = "";
    CU_ASSERT_EQUAL_FATAL(codec_value_read_json(slice_str(json), &arena, &value), CODEC_VALUE_OK);
    bool ok = codec_event_from_value(&value, protocol, direction, &arena, e, &why);
    if (!ok)
        printf("  %s: %s\n", json, why);
    return ok;
}

static slice to_json(const struct codec_event *e, uint8_t *to)
{
    struct codec_arena arena = codec_arena_on(block2, sizeof(block2));
    struct codec_out o = codec_out_on(to, sizeof(text));
    struct codec_value value;
    CU_ASSERT_TRUE_FATAL(codec_event_to_value(e, &arena, &value) && codec_value_write_json(&o, &value));
    return codec_out_slice(&o);
}

/* The number of bytes is told whatever the room; they are written when it suffices, and none beyond. */
static void bounded(const struct codec_event *e, slice want)
{
    for (size_t cap = 0; cap <= want.len + 1; cap++) {
        memset(out, 0xa5, want.len + 8);
        CU_ASSERT_EQUAL(codec_event_encode(e, cap == 0 ? NULL : out, cap), want.len);
        CU_ASSERT(cap < want.len || slice_eq(slice_make(out, want.len), want));
        for (size_t i = cap < want.len ? 0 : want.len; i < want.len + 8; i++)
            CU_ASSERT_EQUAL(out[i], 0xa5);
    }
}

/* Events that stand for themselves on the wire; others follow something. */
static bool stands_alone(const struct codec_event *e)
{
    const char *name = codec_event_name(e);
    if (e->protocol == CODEC_RAFT || strcmp(name, "PAYLOAD") == 0)
        return false;
    if (e->protocol == CODEC_WS)
        return e->ws.opcode != CODEC_WS_CONTINUATION;
    return e->protocol != CODEC_HTTP || strcmp(name, "REQUEST") == 0 || strcmp(name, "RESPONSE") == 0;
}

static void comes_back(const struct codec_event *e, slice bytes)
{
    struct codec_wire w;
    struct codec_event back;
    codec_wire_init(&w, e->protocol, e->direction);
    if (e->protocol == CODEC_MQTT) {
        w.mqtt.version = e->mqtt.version;
        w.mqtt.connected = e->mqtt.type != CODEC_MQTT_CONNECT;
    }
    CU_ASSERT_EQUAL_FATAL(codec_wire_next(&w, &bytes, &back), CODEC_EVENT);
    slice a = to_json(e, text), b = to_json(&back, text2);
    CU_ASSERT(slice_eq(a, b) && bytes.len == 0);
    if (!slice_eq(a, b))
        printf("  %.*s\n  became %.*s\n", (int)a.len, a.ptr, (int)b.len, b.ptr);
}

static void test_rows(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct codec_event e;
        CU_ASSERT_TRUE_FATAL(from_json(rows[i].json, rows[i].protocol, rows[i].direction, &e));
        size_t n = codec_event_encode(&e, out, sizeof(out));
        bool same = slice_eq(slice_make(out, n), rows[i].bytes);
        CU_ASSERT_TRUE(same);
        if (!same) {
            printf("  %s:", rows[i].json);
            for (size_t k = 0; k < n; k++)
                printf(out[k] >= ' ' && out[k] < 0x7f ? "%c" : "\\x%02x", out[k]);
            printf("\n");
            continue;
        }
        bounded(&e, rows[i].bytes);
        if (stands_alone(&e))
            comes_back(&e, rows[i].bytes);
    }
}

static bool has_row(const struct codec_event *e)
{
    char start[64];
    snprintf(start, sizeof(start), "{\"event\":\"%s\"", codec_event_name(e));
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].protocol == e->protocol && strncmp(rows[i].json, start, strlen(start)) == 0 &&
            (e->protocol != CODEC_NATS || rows[i].direction == e->direction))
            return true;
    }
    printf("  no row for %s of %s\n", codec_event_name(e), codec_protocol_name(e->protocol));
    return false;
}

/* No kind of any protocol is without a row. */
static void test_all_kinds(void)
{
    size_t kinds = 0;
    for (int k = 1; k < 32; k++) {
        const struct codec_event all[] = {
            {.protocol = CODEC_NATS, .direction = FROM, .client.kind = (enum codec_client_kind)k},
            {.protocol = CODEC_NATS, .direction = TO, .server.kind = (enum codec_server_kind)k},
            {.protocol = CODEC_MQTT, .mqtt.type = (enum codec_mqtt_type)k},
            {.protocol = CODEC_HTTP, .http.kind = (enum codec_http_kind)k},
            {.protocol = CODEC_WS, .ws = {.kind = CODEC_WS_FRAME, .opcode = (uint8_t)k}},
            {.protocol = CODEC_RAFT, .raft.kind = (enum codec_raft_kind)k},
            {.protocol = CODEC_NATS_ROUTE,
             .fabric = {.kind = (enum codec_fabric_kind)k,
                        .verb = (enum codec_fabric_verb)(k <= CODEC_VERB_LMSG ? k : 1)}},
        };
        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
            if (codec_event_name(&all[i])[0] == '\0')
                continue;
            CU_ASSERT_TRUE(has_row(&all[i]));
            kinds++;
        }
    }
    CU_ASSERT_EQUAL(kinds, 12 + 8 + 16 + 8 + 6 + 9 + 13);
    /* every verb between servers, too */
    for (int v = CODEC_VERB_CONNECT; v <= CODEC_VERB_LMSG; v++) {
        const struct codec_event e = {
            .protocol = CODEC_NATS_ROUTE,
            .fabric = {.kind = CODEC_FABRIC_MSG, .verb = (enum codec_fabric_verb)v}};
        CU_ASSERT_TRUE(has_row(&e));
    }
}

/* An arena that is too small is told, and with one that suffices the result is the same as with any larger.
 */
static void test_little_room(void)
{
    for (size_t i = 0; i < ROWS; i++) {
        struct codec_event e, back;
        size_t enough = 0, enough_back = 0;
        CU_ASSERT_TRUE_FATAL(from_json(rows[i].json, rows[i].protocol, rows[i].direction, &e));
        for (size_t size = 0; size < CODEC_EVENT_ROOM; size += 11) {
            struct codec_arena small = codec_arena_on(block2, size),
                               rest = codec_arena_on(text, sizeof(text));
            struct codec_value value;
            const char *why;
            bool ok = codec_event_to_value(&e, &small, &value);
            CU_ASSERT(ok || enough == 0);
            enough = ok && enough == 0 ? size + 1 : enough;
            CU_ASSERT_EQUAL_FATAL(codec_value_read_json(slice_str(rows[i].json), &rest, &value),
                                  CODEC_VALUE_OK);
            small = codec_arena_on(block2, size < 512 ? size : 512);
            ok = codec_event_from_value(&value, rows[i].protocol, rows[i].direction, &small, &back, &why);
            CU_ASSERT(ok || enough_back == 0);
            enough_back = ok && enough_back == 0 ? size + 1 : enough_back;
        }
        CU_ASSERT(enough > 0 && enough_back > 0);
    }
}

/* ----------------------------------------------------------------------------------- what no bytes can say
 */

static void test_refused(void)
{
    static const struct {
        enum codec_protocol protocol;
        enum codec_direction direction;
        const char *json;
    } cases[] = {
        {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"text\":\"\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"text\":\" a\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"text\":\"\\ta\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"CONNECT\",\"text\":\"a\\nb\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"\",\"payload\":\"\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"a b\",\"payload\":\"\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"a\",\"reply\":\"\\t\",\"payload\":\"\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"PUB\",\"subject\":\"a\",\"size\":1000000000}"},
        {CODEC_NATS, FROM, "{\"event\":\"HPUB\",\"subject\":\"a\",\"size\":1,\"header_size\":2}"},
        {CODEC_NATS, FROM, "{\"event\":\"HMSG\",\"text\":\"\",\"payload\":\"\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"SUB\",\"subject\":\"\",\"sid\":\"1\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"SUB\",\"subject\":\"a\",\"sid\":\"1 2\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"SUB\",\"subject\":\"a\",\"queue\":\"q\\r\",\"sid\":\"1\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"UNSUB\",\"sid\":\"1\",\"max\":\"a b\"}"},
        {CODEC_NATS, FROM, "{\"event\":\"UNSUB\",\"sid\":\"1\",\"max\":\"7\"}"},
        {CODEC_NATS, TO, "{\"event\":\"INFO\",\"text\":\"\"}"},
        {CODEC_NATS, TO, "{\"event\":\"-ERR\",\"error\":\"a\\nb\"}"},
        {CODEC_NATS, TO, "{\"event\":\"MSG\",\"subject\":\"a\",\"sid\":\"\",\"payload\":\"\"}"},
        {CODEC_NATS, TO, "{\"event\":\"MSG\",\"subject\":\" \",\"sid\":\"1\",\"payload\":\"\"}"},
        {CODEC_NATS, TO,
         "{\"event\":\"MSG\",\"subject\":\"a\",\"sid\":\"1\",\"reply\":\"b c\",\"payload\":\"\"}"},
        {CODEC_NATS, TO, "{\"event\":\"HMSG\",\"subject\":\"a\",\"sid\":\"1\",\"size\":1,\"header_size\":2}"},
        {CODEC_NATS, TO,
         "{\"event\":\"HMSG\",\"subject\":\"a\",\"sid\":\"1\",\"size\":1,\"header_size\":1000000000}"},

        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"-ERR\",\"error\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"-ERR\",\"error\":\" a\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"-ERR\",\"error\":\"\\ta\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"A+\",\"account\":\"a\\nb\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"RS+\",\"account\":\"A\",\"subject\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"RS+\",\"account\":\"A\",\"subject\":\"a b\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"RS+\",\"account\":\"A\\r\",\"subject\":\"a\"}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RS+\",\"account\":\"A\",\"subject\":\"a\",\"queue\":\"\\n\",\"weight\":1}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RS+\",\"account\":\"A\",\"subject\":\"a\",\"queue\":\"q\",\"weight\":1000000000}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"LS+\",\"origin\":\"o o\",\"account\":\"A\",\"subject\":\"a\"}"},
        {CODEC_NATS_ROUTE, FROM, "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"\",\"payload\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"a b\",\"payload\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RMSG\",\"account\":\"\\t\",\"subject\":\"a\",\"payload\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"a\",\"reply\":\"\",\"payload\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"a\",\"reply\":\"b c\",\"payload\":\"\"}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"a\",\"size\":1000000000}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"RMSG\",\"account\":\"A\",\"subject\":\"a\",\"size\":3,\"header_size\":1}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"HMSG\",\"account\":\"A\",\"subject\":\"a\",\"size\":3,\"header_size\":4}"},
        {CODEC_NATS_ROUTE, FROM,
         "{\"event\":\"LMSG\",\"origin\":\" \",\"account\":\"A\",\"subject\":\"a\",\"payload\":\"\"}"},
        {CODEC_NATS_GATEWAY, FROM, "{\"event\":\"LS+\",\"account\":\"A\",\"subject\":\"a\"}"},
        {CODEC_NATS_GATEWAY, FROM,
         "{\"event\":\"LMSG\",\"account\":\"A\",\"subject\":\"a\",\"payload\":\"\"}"},
        {CODEC_NATS_LEAF, FROM, "{\"event\":\"LMSG\",\"subject\":\"a\",\"size\":3,\"header_size\":3}"},

        {CODEC_MQTT, FROM, "{\"event\":\"CONNECT\",\"version\":3,\"client_id\":\"\",\"keep_alive\":0}"},
        {CODEC_MQTT, FROM,
         "{\"event\":\"CONNECT\",\"version\":4,\"client_id\":\"\",\"will_topic\":\"w\",\"will_qos\":3}"},
        {CODEC_MQTT, FROM, "{\"event\":\"CONNECT\",\"version\":4,\"client_id\":\"\",\"will_qos\":1}"},
        {CODEC_MQTT, FROM, "{\"event\":\"CONNECT\",\"version\":4,\"client_id\":\"\",\"will_retain\":true}"},
        {CODEC_MQTT, FROM, "{\"event\":\"CONNECT\",\"version\":4,\"client_id\":\"\",\"password\":\"p\"}"},
        {CODEC_MQTT, FROM, "{\"event\":\"PUBLISH\",\"topic\":\"t\",\"qos\":3,\"payload\":\"\"}"},
        {CODEC_MQTT, FROM, "{\"event\":\"PUBLISH\",\"topic\":\"t\",\"qos\":0,\"size\":268435453}"},
        {CODEC_MQTT, FROM, "{\"event\":\"PINGREQ\",\"version\":3}"},
        {CODEC_HTTP, FROM, "{\"event\":\"REQUEST\",\"method\":\"\",\"target\":\"/\",\"minor\":1}"},
        {CODEC_HTTP, FROM, "{\"event\":\"REQUEST\",\"method\":\"G T\",\"target\":\"/\",\"minor\":1}"},
        {CODEC_HTTP, FROM, "{\"event\":\"REQUEST\",\"method\":\"GET\",\"target\":\"/\\t\",\"minor\":1}"},
        {CODEC_HTTP, FROM, "{\"event\":\"REQUEST\",\"method\":\"GET\",\"target\":\"/\\u007f\",\"minor\":1}"},
        {CODEC_HTTP, TO, "{\"event\":\"RESPONSE\",\"status\":1000,\"minor\":1}"},
        {CODEC_HTTP, TO, "{\"event\":\"RESPONSE\",\"status\":200,\"reason\":\"a\\r\\nb\",\"minor\":1}"},
        {CODEC_HTTP, TO, "{\"event\":\"HEADER\",\"name\":\"A:\",\"value\":\"\"}"},
        {CODEC_HTTP, TO, "{\"event\":\"HEADER\",\"name\":\"\",\"value\":\"\"}"},
        {CODEC_HTTP, TO, "{\"event\":\"HEADER\",\"name\":\"A\",\"value\":\"b\\nc\"}"},
        {CODEC_WS, TO, "{\"event\":\"BINARY\",\"size\":9223372036854775808,\"payload\":\"\"}"},
        {CODEC_WS, TO, "{\"event\":\"PING\",\"fin\":true,\"size\":126,\"payload\":\"\"}"},
        {CODEC_WS, TO, "{\"event\":\"BINARY\",\"size\":1,\"payload\":\"ab\"}"},
        {CODEC_PROXY, FROM, "{\"event\":\"PROXY\",\"version\":0}"},
        {CODEC_PROXY, FROM, "{\"event\":\"PROXY\",\"version\":3}"},
        {CODEC_RAFT, FROM,
         "{\"event\":\"peer_state\",\"cluster_size\":3,\"count\":2,\"peers\":\"abcdefgh\"}"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct codec_event e;
        CU_ASSERT_TRUE_FATAL(from_json(cases[i].json, cases[i].protocol, cases[i].direction, &e));
        memset(out, 0xa5, 64);
        size_t n = codec_event_encode(&e, out, sizeof(out));
        CU_ASSERT(n == 0 && out[0] == 0xa5);
        if (n != 0)
            printf("  %s: %.*s\n", cases[i].json, (int)n, out);
    }
}

/* What only a caller in C can get wrong. */
static void test_refused_structs(void)
{
    static uint8_t many[1 << 17];
    slice large = slice_make(many, sizeof(many));
    memset(many, 'x', sizeof(many));
    const struct codec_mqtt_event mqtt[] = {
        {.type = CODEC_MQTT_CONNECT, .connect = {.level = 4, .client_id = large}},
        {.type = CODEC_MQTT_CONNECT, .connect = {.level = 4, .has_will = true, .will_topic = large}},
        {.type = CODEC_MQTT_CONNECT, .connect = {.level = 4, .has_will = true, .will_payload = large}},
        {.type = CODEC_MQTT_CONNECT, .connect = {.level = 4, .has_user = true, .user_name = large}},
        {.type = CODEC_MQTT_CONNECT,
         .connect = {.level = 4, .has_user = true, .has_password = true, .password = large}},
        {.type = CODEC_MQTT_PUBLISH, .version = 4, .publish = {.topic = large}},
        {.type = CODEC_MQTT_PUBLISH,
         .version = 4,
         .publish = {.topic = SLICE_LIT("t"), .size = 3, .payload_complete = true}},
        {.type = CODEC_MQTT_AUTH + 2, .version = 4},
        {.type = 0, .version = 4},
    };
    for (size_t i = 0; i < sizeof(mqtt) / sizeof(mqtt[0]); i++)
        CU_ASSERT_EQUAL(codec_mqtt_encode(&mqtt[i], out, sizeof(out)), 0);
    const struct codec_mqtt_property properties[] = {
        {.id = 0},
        {.id = CODEC_MQTT_CONTENT_TYPE, .text = large},
        {.id = CODEC_MQTT_USER_PROPERTY, .pair = large},
        {.id = CODEC_MQTT_PAYLOAD_FORMAT, .number = 256},
        {.id = CODEC_MQTT_RECEIVE_MAXIMUM, .number = 65536},
        {.id = CODEC_MQTT_SUBSCRIPTION_ID, .number = 268435456},
    };
    for (size_t i = 0; i < sizeof(properties) / sizeof(properties[0]); i++)
        CU_ASSERT_EQUAL(codec_mqtt_property_encode(&properties[i], out, sizeof(out)), 0);
    const struct codec_mqtt_filter filter = {.filter = large};
    CU_ASSERT_EQUAL(codec_mqtt_filter_encode(&filter, true, out, sizeof(out)), 0);

    struct codec_fabric_event rmsg = {
        .kind = CODEC_FABRIC_MSG,
        .verb = CODEC_VERB_RMSG,
        .msg = {.subject = SLICE_LIT("s"), .size = 2, .payload_complete = true}};
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_ROUTE, &rmsg, out, sizeof(out)), 0);
    rmsg.verb = CODEC_VERB_NONE;
    rmsg.msg.payload_complete = false;
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_ROUTE, &rmsg, out, sizeof(out)), 0);
    struct codec_proxy_event proxy = {.version = CODEC_PROXY_V2, .family = (enum codec_proxy_family)3};
    CU_ASSERT_EQUAL(codec_proxy_encode(&proxy, out, sizeof(out)), 0);
    proxy = (struct codec_proxy_event){.version = CODEC_PROXY_V2, .extra = large};
    CU_ASSERT_EQUAL(codec_proxy_encode(&proxy, out, sizeof(out)), 0);
    proxy.version = CODEC_PROXY_V1;
    CU_ASSERT_EQUAL(codec_proxy_encode(&proxy, out, sizeof(out)), 0);
    const struct codec_http_event chunk = {.kind = CODEC_HTTP_DATA}; /* an empty one would end the body */
    CU_ASSERT_EQUAL(codec_http_encode(&chunk, true, out, sizeof(out)), 0);
    const struct codec_client_event client = {.kind = (enum codec_client_kind)0};
    CU_ASSERT_EQUAL(codec_client_encode(&client, out, sizeof(out)), 0);
    const struct codec_server_event server = {.kind = (enum codec_server_kind)0};
    CU_ASSERT_EQUAL(codec_server_encode(&server, out, sizeof(out)), 0);
}

/* Parsers are placed by the caller and stay small. */
static void test_sizes(void)
{
    CU_ASSERT(sizeof(struct codec_client) <= 256 && sizeof(struct codec_server) <= 256);
    CU_ASSERT(sizeof(struct codec_fabric) <= 256 && sizeof(struct codec_mqtt) <= 256);
    CU_ASSERT(sizeof(struct codec_http) <= 256 && sizeof(struct codec_ws) <= 256);
    CU_ASSERT(sizeof(struct codec_proxy) <= 256 && sizeof(struct codec_raft) <= 256);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_rows),    UNIT_TEST(test_all_kinds),       UNIT_TEST(test_little_room),
    UNIT_TEST(test_refused), UNIT_TEST(test_refused_structs), UNIT_TEST(test_sizes),
};
UNIT_MAIN("codec_encode", tests)
