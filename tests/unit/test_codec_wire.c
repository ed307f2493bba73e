/* One face for all protocols: whole messages, payloads taken past the parser, what each direction learns of
 * the other, and guessing the protocol from the first bytes. */
#include "unit.h"
#include <midge/event_data.h>

#define BYTES(s) slice_make(s, sizeof(s) - 1)
#define FROM     CODEC_FROM_DIALER
#define TO       CODEC_FROM_ACCEPTOR

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

/* A payload that the caller takes past the parser: what is left, and more than is left. */
static void test_payload_past(void)
{
    static const struct {
        enum codec_protocol protocol;
        enum codec_direction direction;
        slice head, tail;
    } cases[] = {
        {CODEC_NATS,
         CODEC_FROM_DIALER,
         {(const uint8_t *)"PUB a 5\r\n", 9},
         {(const uint8_t *)"\r\nPING\r\n", 8}},
        {CODEC_NATS,
         CODEC_FROM_ACCEPTOR,
         {(const uint8_t *)"MSG a 1 5\r\n", 11},
         {(const uint8_t *)"\r\nPING\r\n", 8}},
        {CODEC_NATS_GATEWAY,
         CODEC_FROM_DIALER,
         {(const uint8_t *)"RMSG A a 5\r\n", 12},
         {(const uint8_t *)"\r\nPING\r\n", 8}},
        {CODEC_MQTT,
         CODEC_FROM_ACCEPTOR,
         {(const uint8_t *)"\x30\x08\0\1t", 5},
         {(const uint8_t *)"\xd0\0", 2}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct codec_wire w;
        struct codec_event e;
        slice in = cases[i].head, tail = cases[i].tail;
        codec_wire_init(&w, cases[i].protocol, cases[i].direction);
        CU_ASSERT_EQUAL(codec_wire_next(&w, &in, &e), CODEC_EVENT);
        CU_ASSERT_EQUAL(codec_wire_payload_left(&w), 5);
        codec_wire_payload_taken(&w, 2);
        CU_ASSERT_EQUAL(codec_wire_payload_left(&w), 3);
        codec_wire_payload_taken(&w, 9);
        CU_ASSERT_EQUAL(codec_wire_payload_left(&w), 0);
        enum codec_rc rc = codec_wire_next(&w, &tail, &e);
        if (rc == CODEC_EVENT && strcmp(codec_event_name(&e), "PAYLOAD") == 0)
            rc = codec_wire_next(&w, &tail, &e); /* of which nothing is left */
        CU_ASSERT_EQUAL(rc, CODEC_EVENT);
        CU_ASSERT_EQUAL(codec_event_name(&e)[0], 'P');
        CU_ASSERT_EQUAL(e.offset, cases[i].head.len + 5 + (cases[i].protocol == CODEC_MQTT ? 0 : 2));
        CU_ASSERT_EQUAL(tail.len, 0);
    }
}

/* Each verb of each dialect: in any letter case, and refused at the byte that continues none. */
static void test_verbs(void)
{
    static const struct {
        enum codec_protocol protocol;
        enum codec_direction direction;
        const char *lines[20];
    } cases[] = {
        {CODEC_NATS,
         FROM,
         {"connect {}", "info {}", "pub a 0\r\n", "hpub a 0 0\r\n", "hmsg a\r\n", "sub a 1", "unsub 1",
          "ping", "pong", "+ok", "-err x"}},
        {CODEC_NATS, TO, {"info {}", "msg a 1 0\r\n", "hmsg a 1 0 0\r\n", "ping", "pong", "+ok", "-err x"}},
        {CODEC_NATS_ROUTE,
         FROM,
         {"connect {}", "info {}", "ping", "pong", "+ok", "-err x", "rs+ A a", "rs- A a", "ls+ o A a",
          "ls- o A a", "sub a", "unsub a", "a+ A", "a- A", "rmsg A a 0\r\n", "hmsg A a 0 0\r\n",
          "lmsg o A a 0 0\r\n"}},
        {CODEC_NATS_GATEWAY,
         FROM,
         {"connect {}", "info {}", "ping", "pong", "+ok", "-err x", "rs+ A a", "rs- A a", "sub A a",
          "unsub A a", "a+ A", "a- A", "rmsg A a 0\r\n", "hmsg A a 0 0\r\n"}},
        {CODEC_NATS_LEAF,
         FROM,
         {"connect {}", "info {}", "ping", "pong", "+ok", "-err x", "rs+ a", "rs- a", "ls+ a", "ls- a",
          "sub a", "unsub a", "a+ A", "a- A", "rmsg a 0\r\n", "hmsg a 0 0\r\n", "lmsg a 0\r\n"}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (const char *const *line = cases[i].lines; *line != NULL; line++) {
            char bytes[64];
            struct codec_wire w;
            struct codec_event e;
            size_t n = (size_t)snprintf(bytes, sizeof(bytes), "%s\r\n", *line), verb = strcspn(*line, " ");
            for (size_t k = 0; k < verb; k++) {
                char was = bytes[k];
                slice in = slice_make(bytes, n);
                codec_wire_init(&w, cases[i].protocol, cases[i].direction);
                CU_ASSERT_EQUAL(codec_wire_next(&w, &in, &e), CODEC_EVENT);
                CU_ASSERT_EQUAL(in.len, 0);
                bytes[k] = '!';
                in = slice_make(bytes, n);
                codec_wire_init(&w, cases[i].protocol, cases[i].direction);
                CU_ASSERT_EQUAL(codec_wire_next(&w, &in, &e), CODEC_ERROR);
                CU_ASSERT_EQUAL(e.error.offset, k);
                if (e.error.offset != k)
                    printf("  %s at %zu: %d at %zu\n", bytes, k, e.error.kind, (size_t)e.error.offset);
                bytes[k] = was >= 'a' && was <= 'z' ? (char)(was - 'a' + 'A') : was;
            }
        }
    }
}

/* An MQTT server's answers are read by the version that the client said. */
static void test_learn(void)
{
    struct codec_wire from, to, other;
    struct codec_event e;
    slice connect = BYTES("\x10\x0d\0\4MQTT\5\2\0\0\0\0\0"), connack = BYTES("\x20\3\0\0\0"),
          ping = BYTES("\xc0\0");
    codec_wire_init(&from, CODEC_MQTT, CODEC_FROM_DIALER);
    codec_wire_init(&to, CODEC_MQTT, CODEC_FROM_ACCEPTOR);
    codec_wire_init(&other, CODEC_NATS, CODEC_FROM_ACCEPTOR);
    CU_ASSERT_EQUAL(codec_wire_next(&from, &connect, &e), CODEC_EVENT);
    codec_wire_learn(&to, &e);
    codec_wire_learn(&other, &e); /* means nothing */
    CU_ASSERT_EQUAL(codec_wire_next(&from, &ping, &e), CODEC_EVENT);
    codec_wire_learn(&to, &e);
    CU_ASSERT_EQUAL(codec_wire_next(&to, &connack, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.mqtt.version, 5);
    e.protocol = CODEC_NATS;
    codec_wire_learn(&to, &e);
    CU_ASSERT_EQUAL(to.mqtt.version, 5);
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
        {"CONNECT \r\n", "", CODEC_NO_PROTOCOL},
        {"CONNECT {[]}\r\n", "", CODEC_NATS},
        {"CONNECT {\"lnoc\":null,\"cluster\":\"C\",\"lang\":\"go\"}\r\n", "", CODEC_NATS},
        {"CONNECT {\"lnoc\":false}\r\n", "", CODEC_NATS},
        {"CONNECT {\"ln\":\"L\"}\r\n", "", CODEC_NATS_ROUTE},
        {"CONNECT {\"compress_mode\":\"off\"}\r\n", "", CODEC_NATS_LEAF},
        {"", "INFO {\"ln\":\"L\"}\r\n", CODEC_NATS_ROUTE},
        {"", "INFO {\"leafnode_urls\":[\"a\"]}\r\n", CODEC_NATS_LEAF},
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
    CU_ASSERT_EQUAL(codec_protocol_guess(SLICE_EMPTY, BYTES("\x20\x82\0\0")), CODEC_NO_PROTOCOL);
    CU_ASSERT_EQUAL(codec_protocol_guess(SLICE_EMPTY, BYTES("\x20\1\0\0")), CODEC_NO_PROTOCOL);
    CU_ASSERT_EQUAL(codec_protocol_guess(SLICE_EMPTY, BYTES("\x20\2\2\0")), CODEC_NO_PROTOCOL);
    CU_ASSERT_EQUAL(codec_protocol_guess(BYTES("\x10\x10\0\6MQIsdp\3"), SLICE_EMPTY), CODEC_MQTT);
    CU_ASSERT_EQUAL(codec_protocol_guess(BYTES("\x10\x10\0\4NATS\4xxxxxx"), SLICE_EMPTY), CODEC_NO_PROTOCOL);
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
    CU_ASSERT_EQUAL(codec_protocol_of(SLICE_LIT("client")), CODEC_NATS);
    CU_ASSERT_EQUAL(codec_protocol_of(SLICE_LIT("websocket")), CODEC_WS);
    CU_ASSERT_EQUAL(codec_protocol_of(SLICE_LIT("x")), CODEC_NO_PROTOCOL);
    struct codec_event none = {.protocol = CODEC_NO_PROTOCOL};
    CU_ASSERT_STRING_EQUAL(codec_event_error_text(&none), "no protocol");
    CU_ASSERT_EQUAL(codec_event_encode(&none, NULL, 0), 0);
    CU_ASSERT_STRING_EQUAL(codec_event_name(&none), "");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_whole), UNIT_TEST(test_nothing), UNIT_TEST(test_payload_past), UNIT_TEST(test_learn),
    UNIT_TEST(test_verbs), UNIT_TEST(test_guess),   UNIT_TEST(test_names),
};
UNIT_MAIN("codec_wire", tests)
