/* Every recorded byte stream of tests/golden, cut at every byte: the pieces give the events of the whole,
 * what is said to be missing is, and what the events encode to is read back as the same events. */
#include "unit.h"
#include "golden/rec.h"
#include <midge/capture.h>
#include <midge/event_data.h>

/* ----------------------------------------------------------------------------------------------- reading */

/* One direction of a connection. A plain struct, so that a reader can be put back. */
struct reader {
    struct codec_wire wire;
    bool upgrading; /* to WebSocket frames, behind this head */
};

static struct reader reader_of(enum codec_protocol protocol, enum codec_direction direction)
{
    struct reader r = {.upgrading = false};
    codec_wire_init(&r.wire, protocol, direction);
    r.wire.whole = 1 << 20; /* a message is one event however its payload comes */
    return r;
}

/* The next event, as a line of JSON. */
static enum codec_rc pull(struct reader *r, slice *in, struct codec_event *e, struct codec_out *text)
{
    static uint8_t block[1 << 18];
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_value value;
    enum codec_rc rc = codec_wire_next(&r->wire, in, e);
    if (rc != CODEC_EVENT)
        return rc;
    CU_ASSERT_TRUE_FATAL(codec_event_to_value(e, &arena, &value) && codec_value_write_json(text, &value));
    codec_out_byte(text, '\n');
    if (e->protocol == CODEC_HTTP && e->http.kind == CODEC_HTTP_END)
        r->upgrading = e->http.end.upgrade;
    if (e->protocol == CODEC_HTTP && e->http.kind == CODEC_HTTP_DONE && r->upgrading) {
        uint64_t consumed = r->wire.consumed;
        *r = reader_of(CODEC_WS, r->wire.direction);
        r->wire.consumed = consumed;
    }
    return rc;
}

/* ----------------------------------------------------------------------------------------------- streams */

enum { EVENTS_MAX = 4096, STREAM_MAX = 1 << 18, STREAMS_MAX = 64, TEXT_MAX = 1 << 20 };

struct step {
    struct reader before;
    size_t at, text_at; /* in the stream, and in the text of all events */
};

static struct step steps[EVENTS_MAX];
static uint8_t all_text[TEXT_MAX], cut_text[TEXT_MAX], encoded[STREAM_MAX], again_text[TEXT_MAX];
static size_t events_seen, cuts_tried;

/* Reads what is there from a block of exactly those bytes, so that a read past them is found; the number of
 * bytes taken. */
static size_t show(struct reader *r, slice bytes, struct codec_out *text, enum codec_rc *rc, size_t *need)
{
    struct codec_event e;
    uint8_t *copy = malloc(bytes.len + (bytes.len == 0));
    CU_ASSERT_PTR_NOT_NULL_FATAL(copy);
    if (bytes.len > 0)
        memcpy(copy, bytes.ptr, bytes.len);
    slice in = slice_make(copy, bytes.len);
    while ((*rc = pull(r, &in, &e, text)) == CODEC_EVENT)
        ;
    *need = e.need;
    free(copy);
    return bytes.len - in.len;
}

/* The step's event and the one behind it, with the bytes cut after `cut`. */
static bool cut_gives(const struct step *s, slice bytes, size_t cut, slice want)
{
    struct reader r = s->before;
    struct codec_out text = codec_out_on(cut_text, sizeof(cut_text));
    enum codec_rc rc;
    size_t need, taken = show(&r, slice_first(bytes, cut), &text, &rc, &need);
    if (rc != CODEC_MORE || text.len != 0 || need > s[1].at - s->at - cut)
        return false;
    taken += show(&r, slice_from(bytes, taken), &text, &rc, &need);
    return rc == CODEC_MORE && taken == bytes.len && slice_eq(codec_out_slice(&text), want);
}

/* Cuts inside of one event leave the parser as it was before the next: so each event is cut by itself. */
static void cut_everywhere(slice stream, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t end = i + 2 < count ? i + 2 : count;               /* steps[count] is the end of the stream */
        while (end < count && steps[end + 1].at == steps[end].at) /* events without bytes of their own */
            end++;
        slice bytes = slice_first(slice_from(stream, steps[i].at), steps[end].at - steps[i].at);
        slice want = slice_make(all_text + steps[i].text_at, steps[end].text_at - steps[i].text_at);
        for (size_t cut = 1; cut < steps[i + 1].at - steps[i].at; cut++, cuts_tried++) {
            bool same = cut_gives(&steps[i], bytes, cut, want);
            CU_ASSERT_TRUE(same);
            if (!same) {
                printf("  cut at %zu of %.*s\n", steps[i].at + cut, (int)want.len, want.ptr);
                return;
            }
        }
    }
}

static void byte_by_byte(struct reader r, slice stream, slice want)
{
    struct codec_out text = codec_out_on(cut_text, sizeof(cut_text));
    size_t at = 0, need;
    enum codec_rc rc = CODEC_MORE;
    for (size_t shown = 1; shown <= stream.len && rc == CODEC_MORE; shown++)
        at += show(&r, slice_first(slice_from(stream, at), shown - at), &text, &rc, &need);
    CU_ASSERT(at == stream.len && slice_eq(codec_out_slice(&text), want));
}

/* The stream as it is, event by event; each is encoded when there is a place. Returns the number of events.
 */
static size_t read_whole(struct reader r, slice stream, struct codec_out *text, struct codec_out *bytes)
{
    struct codec_event e;
    slice in = stream;
    size_t count = 0;
    for (;; count++) {
        CU_ASSERT_TRUE_FATAL(count < EVENTS_MAX);
        steps[count] = (struct step){r, stream.len - in.len, text->len};
        if (pull(&r, &in, &e, text) != CODEC_EVENT)
            break;
        if (bytes == NULL)
            continue;
        size_t n = codec_event_encode(&e, NULL, 0);
        uint8_t *to = codec_out_room(bytes, n);
        CU_ASSERT_TRUE_FATAL(to != NULL && codec_event_encode(&e, to, n) == n);
    }
    CU_ASSERT(in.len == 0 && codec_out_ok(text));
    return count;
}

/* Alike but for offsets, which are numbers behind "offset": (blanks that mean nothing are not written). */
static bool same_events(slice a, slice b)
{
    static const char key[] = "\"offset\":";
    const size_t n = sizeof(key) - 1;
    while (a.len > 0 && b.len > 0) {
        if (a.ptr[0] != b.ptr[0])
            return false;
        size_t skip =
            a.len >= n && b.len >= n && memcmp(a.ptr, key, n) == 0 && memcmp(b.ptr, key, n) == 0 ? n : 1;
        a = slice_from(a, skip);
        b = slice_from(b, skip);
        for (; skip == n && a.len > 0 && a.ptr[0] >= '0' && a.ptr[0] <= '9'; a = slice_from(a, 1))
            ;
        for (; skip == n && b.len > 0 && b.ptr[0] >= '0' && b.ptr[0] <= '9'; b = slice_from(b, 1))
            ;
    }
    return a.len == b.len;
}

static void check_stream(enum codec_protocol protocol, enum codec_direction direction, slice stream)
{
    struct reader r = reader_of(protocol, direction);
    struct codec_out text = codec_out_on(all_text, sizeof(all_text));
    struct codec_out bytes = codec_out_on(encoded, sizeof(encoded));
    size_t count = read_whole(r, stream, &text, &bytes);
    events_seen += count;
    byte_by_byte(r, stream, codec_out_slice(&text));
    cut_everywhere(stream, count);
    struct codec_out again = codec_out_on(again_text, sizeof(again_text));
    struct reader r2 = reader_of(protocol, direction);
    CU_ASSERT_EQUAL(read_whole(r2, codec_out_slice(&bytes), &again, NULL), count);
    CU_ASSERT(same_events(codec_out_slice(&text), codec_out_slice(&again)));
}

/* ------------------------------------------------------------------------------------------ the recordings
 */

struct stream {
    uint64_t connection;
    enum codec_direction direction;
    size_t len;
    uint8_t *bytes;
};

static struct stream streams[STREAMS_MAX];
static size_t stream_count;

static void add(uint64_t connection, enum codec_direction direction, slice bytes)
{
    size_t i = 0;
    while (i < stream_count && (streams[i].connection != connection || streams[i].direction != direction))
        i++;
    CU_ASSERT_TRUE_FATAL(i < STREAMS_MAX);
    if (i == stream_count)
        streams[stream_count++] = (struct stream){connection, direction, 0, malloc(STREAM_MAX)};
    CU_ASSERT_TRUE_FATAL(streams[i].bytes != NULL && STREAM_MAX - streams[i].len >= bytes.len);
    if (bytes.len > 0)
        memcpy(streams[i].bytes + streams[i].len, bytes.ptr, bytes.len);
    streams[i].len += bytes.len;
}

static void check_streams(enum codec_protocol protocol)
{
    for (size_t i = 0; i < stream_count; i++) {
        check_stream(protocol, streams[i].direction, slice_make(streams[i].bytes, streams[i].len));
        free(streams[i].bytes);
    }
    stream_count = 0;
}

static void test_captures(void)
{
    static const struct {
        const char *name;
        enum codec_protocol protocol;
    } files[] = {
        {"client", CODEC_NATS}, {"gateway", CODEC_NATS_GATEWAY},
        {"http", CODEC_HTTP},   {"leaf", CODEC_NATS_LEAF},
        {"mqtt", CODEC_MQTT},   {"route", CODEC_NATS_ROUTE},
        {"ws", CODEC_HTTP},     {"route-leaf", CODEC_NATS_ROUTE},
    };
    static uint8_t file[STREAM_MAX];
    events_seen = cuts_tried = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[100];
        struct codec_capture p = {0};
        struct codec_capture_record record;
        size_t need;
        snprintf(path, sizeof(path), "tests/golden/wire/%s.cap", files[i].name);
        FILE *f = fopen(path, "rb");
        CU_ASSERT_PTR_NOT_NULL_FATAL(f);
        slice in = slice_make(file, fread(file, 1, sizeof(file), f));
        fclose(f);
        while (codec_capture_next(&p, &in, &record, &need) == CODEC_EVENT)
            add(record.connection, record.direction, record.bytes);
        CU_ASSERT_EQUAL(in.len, 0);
        check_streams(files[i].protocol);
    }
    printf("  %zu events, %zu cuts\n", events_seen, cuts_tried);
    CU_ASSERT(events_seen > 500 && cuts_tried > 20000);
}

/* The routes of the RAFT recordings. */
static void test_routes(void)
{
    events_seen = cuts_tried = 0;
    for (size_t f = 0; f < REC_FILES; f++) {
        struct rec_file file = rec_open(rec_files[f]);
        struct rec r;
        while (rec_next(&file, &r))
            add(r.connection, (enum codec_direction)r.direction, r.payload);
        check_streams(CODEC_NATS_ROUTE);
        rec_close(&file);
    }
    printf("  %zu events, %zu cuts\n", events_seen, cuts_tried);
    CU_ASSERT(events_seen > 3000 && cuts_tried > 400000);
}

/* -------------------------------------------------------------------------------------------- RAFT bodies */

/* The body's events, encoded one behind the other: with one cut. */
static bool raft_gives(enum codec_raft_kind kind, slice body, size_t cut)
{
    struct codec_raft p;
    struct codec_raft_event e;
    struct codec_out out = codec_out_on(encoded, sizeof(encoded));
    size_t at = 0;
    codec_raft_init(&p, kind, body.len);
    for (int piece = 0; piece < 2; piece++) {
        slice in = slice_from(piece == 0 ? slice_first(body, cut) : body, at);
        size_t given = in.len;
        enum codec_rc rc;
        while ((rc = codec_raft_next(&p, &in, &e)) == CODEC_EVENT) {
            size_t n = codec_raft_encode(&e, NULL, 0);
            uint8_t *to = codec_out_room(&out, n);
            if (to == NULL || codec_raft_encode(&e, to, n) != n)
                return false;
        }
        at += given - in.len;
        if (rc != CODEC_MORE || e.need > body.len - (piece == 0 ? cut : body.len))
            return false;
    }
    return slice_eq(codec_out_slice(&out), body);
}

static void test_raft(void)
{
    size_t bodies = 0, cuts = 0;
    for (size_t f = 0; f < REC_FILES; f++) {
        struct rec_file file = rec_open(rec_files[f]);
        struct rec r;
        while (rec_next(&file, &r)) {
            struct reader route = reader_of(CODEC_NATS_ROUTE, (enum codec_direction)r.direction);
            struct codec_event e;
            slice in = r.payload;
            CU_ASSERT_EQUAL_FATAL(codec_wire_next(&route.wire, &in, &e), CODEC_EVENT);
            if (e.fabric.kind != CODEC_FABRIC_MSG)
                continue;
            slice body = e.fabric.msg.payload;
            enum codec_raft_kind kind = codec_raft_kind_of(e.fabric.msg.subject, body.len);
            if (kind == CODEC_RAFT_NONE)
                continue;
            bodies++;
            bool same = true;
            for (size_t cut = 0; cut <= body.len && same; cut++, cuts++)
                same = raft_gives(kind, body, cut);
            CU_ASSERT_TRUE(same);
        }
        rec_close(&file);
    }
    printf("  %zu bodies, %zu cuts\n", bodies, cuts);
    CU_ASSERT(bodies > 1700 && cuts > 100000);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_captures),
    UNIT_TEST(test_routes),
    UNIT_TEST(test_raft),
};
UNIT_MAIN("codec_golden", tests)
