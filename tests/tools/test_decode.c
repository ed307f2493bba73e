/* The decode tool: golden captures give their events however they are cut, packet files whatever order their
 * packets are in, malformed input its offset and exit code, and every golden stream is what its events encode
 * to. */
#include "unit.h"
#include "server/decode/packets.h"
#include "server/decode/segment.h"
#include "server/decode/session.h"
#include <midge/capture.h>
#include <pcap/dlt.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const captures[] = {"client",     "mqtt",    "route",      "route-leaf",     "gateway",
                                       "leaf",       "http",    "ws",         "route-s2",       "leaf-s2",
                                       "ws-deflate", "ws-mqtt", "ws-leaf-s2", "ws-leaf-deflate"};
#define CAPTURES (sizeof(captures) / sizeof(captures[0]))

struct file {
    uint8_t *bytes;
    size_t len;
};

static struct file load(const char *name, const char *suffix)
{
    char path[200];
    snprintf(path, sizeof(path), "tests/golden/wire/%s%s", name, suffix);
    FILE *f = fopen(path, "rb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fseek(f, 0, SEEK_END);
    struct file file = {.len = (size_t)ftell(f)};
    rewind(f);
    file.bytes = malloc(file.len + 1);
    CU_ASSERT_EQUAL_FATAL(fread(file.bytes, 1, file.len, f), file.len);
    fclose(f);
    return file;
}

/* A sink of sessions, in memory. */
struct shown {
    char *text;
    size_t len;
    struct printer printer;
    struct sessions *sessions;
};

static void show_begin(struct shown *s, enum format format, enum codec_protocol protocol, bool one)
{
    printer_init(&s->printer, "test", open_memstream(&s->text, &s->len), format, false);
    s->printer.problems = NULL;
    s->sessions = sessions_new(&s->printer, protocol, one, -1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->sessions);
}

/* What was shown; the number of malformed streams. */
static size_t show_end(struct shown *s)
{
    CU_ASSERT_TRUE(sessions_finish(s->sessions));
    size_t malformed = sessions_malformed(s->sessions);
    sessions_free(s->sessions);
    fclose(s->printer.out);
    printer_free(&s->printer);
    return malformed;
}

static void feed(struct shown *s, struct chunk c, size_t step)
{
    slice all = c.bytes;
    bool end = c.end;
    do {
        c.bytes = slice_first(all, step);
        all = slice_from(all, c.bytes.len);
        c.end = end && all.len == 0;
        CU_ASSERT_TRUE_FATAL(sessions_feed(s->sessions, &c));
    } while (all.len > 0);
}

static void is_json(struct shown *s, const struct file *want)
{
    bool same = s->len == want->len && memcmp(s->text, want->bytes, s->len) == 0;
    CU_ASSERT_TRUE(same);
    if (!same)
        printf("  got\n%.*s", (int)(s->len < 4000 ? s->len : 4000), s->text);
    free(s->text);
}

/* ------------------------------------------------------------------------------------------------- captures
 */

static void test_golden(void)
{
    static const size_t steps[] = {SIZE_MAX, 1, 2, 3, 7, 64};
    for (size_t i = 0; i < CAPTURES; i++) {
        char path[200];
        const char *problem;
        struct file want = load(captures[i], ".json");
        snprintf(path, sizeof(path), "tests/golden/wire/%s.cap", captures[i]);
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++) {
            struct source *source = source_open(path, false, 0, &problem);
            struct shown s;
            struct chunk c;
            enum source_rc rc;
            CU_ASSERT_PTR_NOT_NULL_FATAL(source);
            show_begin(&s, FORMAT_JSON, CODEC_NO_PROTOCOL, false);
            if (strcmp(captures[i], "route-s2") == 0)
                sessions_show_raft(s.sessions);
            while ((rc = source_next(source, &c)) == SOURCE_CHUNK)
                feed(&s, c, steps[k]);
            CU_ASSERT_EQUAL(rc, SOURCE_END);
            CU_ASSERT_EQUAL(show_end(&s), 0);
            is_json(&s, &want);
            source_close(source);
        }
        free(want.bytes);
    }
}

/* One direction of one connection of a capture. */
static struct file stream_of(const struct file *capture, uint64_t connection, enum codec_direction direction)
{
    struct codec_capture p = {0};
    struct codec_capture_record r;
    struct file out = {.bytes = malloc(capture->len)};
    slice in = slice_make(capture->bytes, capture->len);
    size_t need;
    while (codec_capture_next(&p, &in, &r, &need) == CODEC_EVENT) {
        if (r.bytes.len == 0 || r.connection != connection || r.direction != direction)
            continue;
        memcpy(out.bytes + out.len, r.bytes.ptr, r.bytes.len);
        out.len += r.bytes.len;
    }
    return out;
}

/* The stream's events as bytes. */
static struct file reencode(const struct file *stream, enum codec_protocol protocol,
                            enum codec_direction direction, size_t *events)
{
    struct codec_wire w;
    struct codec_event e;
    slice in = slice_make(stream->bytes, stream->len);
    struct file out = {.bytes = malloc(stream->len + 1)};
    codec_wire_init(&w, protocol, direction);
    enum codec_rc rc;
    for (*events = 0; (rc = codec_wire_next(&w, &in, &e)) == CODEC_EVENT; ++*events)
        out.len += codec_event_encode(&e, out.bytes + out.len, stream->len - out.len);
    CU_ASSERT_EQUAL(rc, CODEC_MORE);
    CU_ASSERT_EQUAL(in.len, 0);
    return out;
}

static bool same_bytes(const struct file *a, const struct file *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Every byte of the golden streams is accounted for by an event that encodes to it. libnats alone writes more
 * blanks than it needs: its lines come out without them, and say the same. */
static void encodes_back(const struct file *stream, enum codec_protocol protocol,
                         enum codec_direction direction)
{
    size_t events, again;
    bool libnats = protocol == CODEC_NATS && direction == CODEC_FROM_DIALER;
    struct file once = reencode(stream, protocol, direction, &events);
    struct file twice = reencode(&once, protocol, direction, &again);
    CU_ASSERT_EQUAL(events, again);
    CU_ASSERT_TRUE(same_bytes(&once, &twice));
    CU_ASSERT(libnats ? once.len < stream->len : same_bytes(&once, stream));
    free(once.bytes);
    free(twice.bytes);
}

static void test_encode_back(void)
{
    static const enum codec_protocol protocols[] = {CODEC_NATS,       CODEC_MQTT,         CODEC_NATS_ROUTE,
                                                    CODEC_NATS_ROUTE, CODEC_NATS_GATEWAY, CODEC_NATS_LEAF,
                                                    CODEC_HTTP};
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        struct file capture = load(captures[i], ".cap");
        for (uint64_t connection = 1; connection <= (protocols[i] == CODEC_MQTT ? 6 : 1); connection++) {
            for (int d = 0; d < 2; d++) {
                struct file stream = stream_of(&capture, connection, (enum codec_direction)d);
                encodes_back(&stream, protocols[i], (enum codec_direction)d);
                free(stream.bytes);
            }
        }
        free(capture.bytes);
    }
}

/* ---------------------------------------------------------------------------------------------- packet files
 */

struct packet {
    const uint8_t *at; /* with its record header */
    size_t len;
};

static size_t read_packets(const struct file *f, struct packet *packets, size_t cap)
{
    size_t n = 0;
    for (size_t at = 24; at < f->len && n < cap; n++) {
        uint32_t len;
        memcpy(&len, f->bytes + at + 8, 4);
        packets[n] = (struct packet){f->bytes + at, 16 + len};
        at += 16 + len;
    }
    return n;
}

/* A packet file of these, decoded. Times are left out by the text format. */
static size_t show_packets(const struct file *f, const struct packet *packets, size_t count, struct shown *s)
{
    FILE *pcap = tmpfile();
    const char *problem;
    struct chunk c;
    fwrite(f->bytes, 1, 24, pcap);
    for (size_t i = 0; i < count; i++)
        fwrite(packets[i].at, 1, packets[i].len, pcap);
    rewind(pcap);
    struct packets *p = packets_open(pcap, 0, &problem);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    show_begin(s, FORMAT_TEXT, CODEC_NO_PROTOCOL, false);
    enum source_rc rc;
    while ((rc = packets_next(p, &c, &problem)) == SOURCE_CHUNK)
        CU_ASSERT_TRUE(sessions_feed(s->sessions, &c));
    CU_ASSERT_EQUAL(rc, SOURCE_END);
    packets_close(p);
    return show_end(s);
}

/* Lines of one direction, in order: what directions say to each other depends on when packets come. */
static char *lines_of(const char *text, char mark)
{
    char *out = calloc(1, strlen(text) + 1), *at = out;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t n = (size_t)(strchr(line, '\n') - line) + 1;
        if (line[3] != mark)
            continue;
        memcpy(at, line, n);
        at += n;
    }
    return out;
}

static void same_events(const char *a, const char *b)
{
    for (int d = 0; d < 2; d++) {
        char *x = lines_of(a, "><"[d]), *y = lines_of(b, "><"[d]);
        CU_ASSERT_STRING_EQUAL(x, y);
        free(x);
        free(y);
    }
}

#define PACKETS 200

static void test_packets(void)
{
    struct file f = load("client", ".pcap"), want = load("client-pcap", ".json");
    struct packet packets[PACKETS], shuffled[2 * PACKETS];
    struct shown right, s;
    const char *problem;
    struct chunk c;
    size_t n = read_packets(&f, packets, PACKETS);
    CU_ASSERT(n > 30);

    struct source *source = source_open("tests/golden/wire/client.pcap", false, 0, &problem);
    show_begin(&s, FORMAT_JSON, CODEC_NO_PROTOCOL, false);
    while (source_next(source, &c) == SOURCE_CHUNK)
        feed(&s, c, SIZE_MAX);
    CU_ASSERT_EQUAL(source_read_bytes(source), f.len);
    source_close(source);
    CU_ASSERT_EQUAL(show_end(&s), 0);
    is_json(&s, &want);

    CU_ASSERT_EQUAL(show_packets(&f, packets, n, &right), 0);
    /* neighbours swapped behind the handshake; every packet twice */
    memcpy(shuffled, packets, sizeof(packets));
    for (size_t i = 3; i + 1 < n; i += 2) {
        shuffled[i] = packets[i + 1];
        shuffled[i + 1] = packets[i];
    }
    CU_ASSERT_EQUAL(show_packets(&f, shuffled, n, &s), 0);
    same_events(s.text, right.text);
    free(s.text);
    for (size_t i = 0; i < 2 * n; i++)
        shuffled[i] = packets[i / 2];
    CU_ASSERT_EQUAL(show_packets(&f, shuffled, 2 * n, &s), 0);
    same_events(s.text, right.text);
    free(s.text);
    /* each packet lost: at most its direction is given up, never more, and nothing is invented */
    for (size_t lost = 0; lost < n; lost++) {
        memcpy(shuffled, packets, lost * sizeof(*packets));
        memcpy(shuffled + lost, packets + lost + 1, (n - lost - 1) * sizeof(*packets));
        CU_ASSERT(show_packets(&f, shuffled, n - 1, &s) <= 1);
        CU_ASSERT(s.len <= right.len);
        free(s.text);
    }
    free(right.text);
    free(f.bytes);
    free(want.bytes);
}

/* Frames cut at each byte, and with each byte changed, are read within their bounds. */
static void test_segments(void)
{
    struct file f = load("client", ".pcap");
    struct packet packets[PACKETS];
    struct segment s;
    size_t n = read_packets(&f, packets, PACKETS);
    CU_ASSERT_TRUE(segment_read(DLT_EN10MB, slice_make(packets[0].at + 16, packets[0].len - 16), &s));
    CU_ASSERT(s.syn && !s.ack && s.data.len == 0 && s.to.port == 24500);
    for (size_t i = 0; i < n; i++) {
        size_t len = packets[i].len - 16;
        for (size_t cut = 0; cut <= len && cut < 200; cut++) {
            uint8_t *frame = malloc(cut + (cut == 0));
            memcpy(frame, packets[i].at + 16, cut);
            bool ok = segment_read(DLT_EN10MB, slice_make(frame, cut), &s);
            CU_ASSERT(ok == (cut >= 14 + 20 + 20) || cut < 14 + 20 + 40);
            for (size_t at = 0; at < cut && at < 60; at++) {
                frame[at] ^= 0xff;
                segment_read(DLT_EN10MB, slice_make(frame, cut), &s);
                frame[at] ^= 0xff;
            }
            free(frame);
        }
    }
    /* IPv6 with a hop-by-hop header, behind a VLAN tag; cooked, raw and loopback frames */
    static const uint8_t tcp[] = {0x10, 0x7e, 0x90, 0x00, 0, 0, 0, 5, 0, 0,   0,
                                  0,    0x50, 0x18, 0,    0, 0, 0, 0, 0, 'h', 'i'};
    uint8_t v6[48 + sizeof(tcp)] = {0x60, 0, 0, 0, 0, 8 + sizeof(tcp), 0, 64, [8] = 1, [24] = 2, [40] = 6};
    memcpy(v6 + 48, tcp, sizeof(tcp));
    uint8_t frame[200] = {[12] = 0x81, [16] = 0x86, [17] = 0xdd};
    memcpy(frame + 18, v6, sizeof(v6));
    CU_ASSERT_TRUE(segment_read(DLT_EN10MB, slice_make(frame, 18 + sizeof(v6)), &s));
    CU_ASSERT(slice_eq_str(s.data, "hi") && s.from.port == 4222 && s.seq == 5 && s.from.address[0] == 1);
    CU_ASSERT_TRUE(segment_read(DLT_RAW, slice_make(v6, sizeof(v6)), &s));
    CU_ASSERT(slice_eq_str(s.data, "hi"));
    memmove(frame + 4, v6, sizeof(v6));
    CU_ASSERT_TRUE(segment_read(DLT_NULL, slice_make(frame, 4 + sizeof(v6)), &s));
    CU_ASSERT_FALSE(segment_read(12345, slice_make(frame, sizeof(frame)), &s));
    v6[6] = 17; /* UDP */
    CU_ASSERT_FALSE(segment_read(DLT_RAW, slice_make(v6, sizeof(v6)), &s));
    free(f.bytes);
}

/* --------------------------------------------------------------------------------------------------- streams
 */

static size_t show_stream(slice bytes, size_t step, enum format format, struct shown *s)
{
    show_begin(s, format, CODEC_NO_PROTOCOL, true);
    feed(s, (struct chunk){.connection = 1, .bytes = bytes}, step);
    return show_end(s);
}

static void stream_shows(slice bytes, const char *want, size_t malformed)
{
    for (size_t step = 1; step <= bytes.len; step++) {
        struct shown s;
        CU_ASSERT_EQUAL(show_stream(bytes, step, FORMAT_TEXT, &s), malformed);
        CU_ASSERT_STRING_EQUAL(s.text, want);
        free(s.text);
    }
}

static void test_streams(void)
{
    stream_shows(
        SLICE_LIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nPING\r\nPUB a 2\r\nhi\r\n"),
        "PROXY offset=0 version=1 family=1 source=\"1.2.3.4\" source_port=1 dest=\"5.6.7.8\" dest_port=2\n"
        "PING offset=32\nPUB offset=38 subject=\"a\" size=2 payload=\"hi\"\n",
        0);
    stream_shows(
        SLICE_LIT("INFO {\"a\":1}\r\nMSG a 1 2\r\n\xff\x00\r\n"),
        "INFO offset=0 json={\"a\":1}\nMSG offset=14 subject=\"a\" sid=\"1\" size=2 payload_b64=/wA=\n", 0);
    stream_shows(SLICE_LIT("LS+ a\r\nLMSG a 1\r\nx\r\n"),
                 "LS+ offset=0 subject=\"a\"\nLMSG offset=7 subject=\"a\" size=1 payload=\"x\"\n", 0);
    stream_shows(SLICE_LIT("PING\r\nXXX\r\nPING\r\n"), "PING offset=0\n", 1);
    stream_shows(SLICE_LIT("what is this\r\n"), "", 1);
}

/* PROXY asked for by name: the dialler's header once, or that there is none, and nothing of what follows. */
static void proxy_alone_shows(slice bytes, const char *want)
{
    for (size_t step = 1; step <= bytes.len; step++) {
        struct shown s;
        show_begin(&s, FORMAT_TEXT, CODEC_PROXY, false);
        feed(&s, (struct chunk){.direction = CODEC_FROM_ACCEPTOR, .bytes = SLICE_LIT("INFO {}\r\n")}, step);
        feed(&s, (struct chunk){.direction = CODEC_FROM_DIALER, .bytes = bytes}, step);
        feed(&s, (struct chunk){.direction = CODEC_FROM_ACCEPTOR, .bytes = SLICE_LIT("PONG\r\n")}, step);
        CU_ASSERT_EQUAL(show_end(&s), 0);
        const char *at = strstr(s.text, want);
        CU_ASSERT(at != NULL && strchr(at, '\n') == s.text + s.len - 1 && strstr(at + 1, "PROXY") == NULL);
        free(s.text);
    }
}

static void test_proxy_alone(void)
{
    proxy_alone_shows(SLICE_LIT("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nPING\r\n"), "PROXY offset=0 version=1");
    proxy_alone_shows(SLICE_LIT("CONNECT {}\r\nPING\r\n"), "PROXY offset=0 version=0");
}

/* ---------------------------------------------------------------------------------------- inside of others
 */

/* The events in a raw stream whose side and protocol are told. */
static size_t show_half(struct file f, enum codec_protocol protocol, enum codec_direction from,
                        struct shown *s)
{
    printer_init(&s->printer, "test", open_memstream(&s->text, &s->len), FORMAT_TEXT, false);
    s->sessions = sessions_new(&s->printer, protocol, true, (int)from);
    feed(s, (struct chunk){.connection = 1, .bytes = slice_make(f.bytes, f.len)}, 7);
    return show_end(s);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    while ((text = strstr(text, what)) != NULL) {
        n++;
        text++;
    }
    return n;
}

/* One direction alone of a compressed leaf node: each byte of the S2 stream changed is found, never followed;
 * cut anywhere it says so. */
static void test_s2(void)
{
    struct file capture = load("leaf-s2", ".cap");
    struct file f = stream_of(&capture, 1, CODEC_FROM_ACCEPTOR);
    struct shown s;
    CU_ASSERT_EQUAL(show_half(f, CODEC_NATS_LEAF, CODEC_FROM_ACCEPTOR, &s), 0);
    CU_ASSERT_EQUAL(count(s.text, "\nLMSG "), 6);
    CU_ASSERT_EQUAL(count(s.text, "\nHMSG "), 2);
    free(s.text);
    size_t plain = (size_t)((uint8_t *)memchr(f.bytes, '\n', f.len) + 1 - f.bytes);
    CU_ASSERT_EQUAL_FATAL(memcmp(f.bytes + plain, "\xff\x06\0\0S2sTwO", 10), 0);
    for (size_t at = plain; at < f.len; at++) {
        struct file cut = {f.bytes, at};
        if (f.bytes[at] == 0xff) /* changed, an identifier is a chunk that readers skip */
            continue;
        f.bytes[at] ^= 0x10;
        CU_ASSERT_EQUAL(show_half(f, CODEC_NATS_LEAF, CODEC_FROM_ACCEPTOR, &s), 1);
        free(s.text);
        f.bytes[at] ^= 0x10;
        CU_ASSERT(show_half(cut, CODEC_NATS_LEAF, CODEC_FROM_ACCEPTOR, &s) <= 1);
        free(s.text);
    }
    free(f.bytes);
    free(capture.bytes);
}

/* Either half of a WebSocket connection shows what its frames carry, deflated or not. A frame that cannot be
 * inflated is shown, and what it carries is not. */
static void test_frames(void)
{
    static const struct {
        const char *capture;
        enum codec_direction from;
        const char *inner; /* an event that must be there once */
    } cases[] = {
        {"ws", CODEC_FROM_DIALER, "\n  ws: PUB offset=38 subject=\"foo\" size=5 payload=\"hello\""},
        {"ws", CODEC_FROM_ACCEPTOR, "\n  ws: MSG offset=328 subject=\"foo\" sid=\"1\""},
        {"ws-deflate", CODEC_FROM_DIALER, "\n  ws: PUB offset=44 subject=\"foo\" size=1200"},
        {"ws-deflate", CODEC_FROM_ACCEPTOR, "\n  ws: MSG offset=334 subject=\"foo\" sid=\"1\" size=1200"},
        {"ws-mqtt", CODEC_FROM_DIALER, "\n  ws: PUBLISH offset=31 topic=\"a/b\" qos=1"},
        {"ws-mqtt", CODEC_FROM_ACCEPTOR, "\n  ws: PUBLISH offset=13 topic=\"a/b\" qos=1"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct file capture = load(cases[i].capture, ".cap");
        struct file f = stream_of(&capture, 1, cases[i].from);
        struct shown s;
        CU_ASSERT_EQUAL(show_half(f, CODEC_HTTP, cases[i].from, &s), 0);
        CU_ASSERT_EQUAL(count(s.text, cases[i].inner), 1);
        free(s.text);
        free(f.bytes);
        free(capture.bytes);
    }
    struct file capture = load("ws-deflate", ".cap");
    struct file f = stream_of(&capture, 1, CODEC_FROM_ACCEPTOR);
    struct shown s;
    memset(f.bytes + 240, 0xff, 8); /* inside the first frame */
    CU_ASSERT_EQUAL(show_half(f, CODEC_HTTP, CODEC_FROM_ACCEPTOR, &s), 0);
    CU_ASSERT_EQUAL(count(s.text, "\nBINARY "), 3);
    CU_ASSERT_EQUAL(count(s.text, "ws: MSG"), 0);
    free(s.text);
    free(f.bytes);
    free(capture.bytes);
}

/* A body that is no RAFT message is told; the stream around it goes on. */
static void test_raft(void)
{
    slice bytes = SLICE_LIT("RMSG $SYS $NRG.V.g r 32\r\n01234567012345670123456701234567\r\n"
                            "RMSG $SYS $NRG.AE.g r 4\r\nabcd\r\nPING\r\n");
    struct shown s;
    show_begin(&s, FORMAT_TEXT, CODEC_NATS_ROUTE, true);
    sessions_show_raft(s.sessions);
    feed(&s, (struct chunk){.connection = 1, .bytes = bytes}, SIZE_MAX);
    CU_ASSERT_EQUAL(show_end(&s), 1);
    CU_ASSERT_EQUAL(count(s.text, "\n  raft: vote_request offset=0 term="), 1);
    CU_ASSERT_EQUAL(count(s.text, "raft: append"), 0);
    CU_ASSERT_EQUAL(count(s.text, "\nPING "), 1);
    free(s.text);
}

/* Payloads above the limit come in pieces, whose bytes are all there. */
static void test_large_payload(void)
{
    size_t size = 3 * WHOLE_MAX + 17;
    uint8_t *bytes = malloc(size + 100);
    int head = sprintf((char *)bytes, "PUB big %zu\r\n", size);
    memset(bytes + head, 'x', size);
    memcpy(bytes + (size_t)head + size, "\r\nPING\r\n", 8);
    struct shown s;
    CU_ASSERT_EQUAL(show_stream(slice_make(bytes, (size_t)head + size + 8), 50000, FORMAT_JSON, &s), 0);
    size_t xs = 0, lines = 0;
    for (size_t i = 0; i < s.len; i++) {
        xs += s.text[i] == 'x';
        lines += s.text[i] == '\n';
    }
    CU_ASSERT(xs >= size &&
              xs < size + lines); /* "offset" has none, "PAYLOAD" neither: only the keys could */
    CU_ASSERT(lines > 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.text + s.len - 60, "PING"));
    free(s.text);
    free(bytes);
}

/* ----------------------------------------------------------------------------------------------- the program
 */

static int run(const char *command, char *out, size_t cap)
{
    FILE *p = popen(command, "r");
    size_t n = fread(out, 1, cap - 1, p);
    out[n] = '\0';
    return WEXITSTATUS(pclose(p));
}

#define DECODE MIDGE_DECODE " "

static void test_program(void)
{
    char out[4096];
    CU_ASSERT_EQUAL(run("printf 'PING\\r\\n' | " DECODE "-f json", out, sizeof(out)), 0);
    CU_ASSERT_STRING_EQUAL(out, "{\"event\":\"PING\",\"offset\":0}\n");
    CU_ASSERT_EQUAL(run("printf 'PING\\r\\nX' | " DECODE "2>&1", out, sizeof(out)), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "offset 6: unknown protocol operation"));
    CU_ASSERT_EQUAL(run("printf 'PUB a 5\\r\\nhe' | " DECODE "2>&1", out, sizeof(out)), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "the input ends inside a message"));
    CU_ASSERT_EQUAL(run("printf 'RS+ a b\\r\\n' | " DECODE "-p leaf --from server 2>&1", out, sizeof(out)),
                    2);
    CU_ASSERT_EQUAL(run("printf 'RS+ a b\\r\\n' | " DECODE "-p route -f text", out, sizeof(out)), 0);
    CU_ASSERT_STRING_EQUAL(out, "RS+ offset=0 account=\"a\" subject=\"b\"\n");
    CU_ASSERT_EQUAL(run("printf 'PING\\r\\n' | " DECODE "--color always", out, sizeof(out)), 0);
    CU_ASSERT_STRING_EQUAL(out, "\033[1mPING\033[0m offset=0\n");
    CU_ASSERT_EQUAL(run("printf 'PING\\r\\n' | " DECODE "-f msgpack", out, sizeof(out)), 0);
    CU_ASSERT_STRING_EQUAL(out, "\x82\xa5"
                                "event\xa4PING\xa6offset");
    CU_ASSERT_EQUAL(run(DECODE "tests/golden/wire/none 2>&1", out, sizeof(out)), 1);
    CU_ASSERT_EQUAL(run(DECODE "-f xml 2>&1", out, sizeof(out)), 1);
    CU_ASSERT_EQUAL(run(DECODE "-p xml 2>&1", out, sizeof(out)), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "not a protocol (client (or nats), route,"));
    CU_ASSERT_EQUAL(run(DECODE "-p raft 2>&1", out, sizeof(out)), 1);
    CU_ASSERT_EQUAL(run("printf 'PUB a 1\\r\\nx\\r\\n' | " DECODE "-p client -f json", out, sizeof(out)), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "{\"event\":\"PUB\",\"offset\":0,\"subject\":\"a\""));
    CU_ASSERT_EQUAL(run(DECODE "--port 99999 x 2>&1", out, sizeof(out)), 1);
    CU_ASSERT_EQUAL(run(DECODE "--help", out, sizeof(out)), 0);
    CU_ASSERT_EQUAL(
        run("head -c 300 tests/golden/wire/client.cap | " DECODE "2>&1 >/dev/null", out, sizeof(out)), 2);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "the capture ends inside a record"));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_golden),  UNIT_TEST(test_encode_back),   UNIT_TEST(test_packets), UNIT_TEST(test_segments),
    UNIT_TEST(test_streams), UNIT_TEST(test_proxy_alone),   UNIT_TEST(test_s2),      UNIT_TEST(test_frames),
    UNIT_TEST(test_raft),    UNIT_TEST(test_large_payload), UNIT_TEST(test_program),
};
UNIT_MAIN("decode", tests)
