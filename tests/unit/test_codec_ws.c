/* WebSocket frames: heads of each form, each refusal in the server's order, fragmentation, every split,
 * encoders. The parser's part of
 * covers: CP-209 CP-211 */
#include "unit.h"
#include <midge/ws.h>
#include <stdlib.h>

#define LIT(s) slice_make(s, sizeof(s) - 1)

/* What a stream says, without its cuts: each message byte, head and control frame as text. */
struct log {
    char text[4096];
    size_t len;
    bool loose; /* bytes that an encoder would write otherwise */
};

static void note(struct log *log, const char *fmt, unsigned a, unsigned b)
{
    log->len += (size_t)snprintf(log->text + log->len, sizeof(log->text) - log->len, fmt, a, b);
}

static void note_payload(struct log *log, const struct codec_ws_event *e)
{
    uint8_t plain[256];
    CU_ASSERT_FATAL(e->payload.len <= sizeof(plain));
    codec_ws_mask(plain, e->payload.ptr, e->payload.len, e->mask, e->payload_at);
    for (size_t i = 0; i < e->payload.len; i++)
        note(log, "%02x%c", plain[i], ' ');
}

/* Reads the stream `step` bytes at a time; encodes each event again and compares. */
static enum codec_rc run(struct codec_ws *ps, slice bytes, size_t step, struct log *log,
                         struct codec_error *error)
{
    size_t at = 0, shown = 0, written = 0;
    uint8_t *out = malloc(bytes.len + 1);
    struct codec_ws_event e;
    enum codec_rc rc;
    log->len = 0;
    for (;;) {
        slice in = slice_make(bytes.ptr + at, shown - at);
        rc = codec_ws_next(ps, &in, &e);
        if (rc == CODEC_ERROR)
            break;
        if (rc == CODEC_MORE) {
            CU_ASSERT(e.need > 0);
            if (shown == bytes.len)
                break;
            shown = bytes.len - shown < step ? bytes.len : shown + step;
            continue;
        }
        CU_ASSERT_EQUAL(e.offset, at);
        at = (size_t)(in.ptr - bytes.ptr);
        size_t n = codec_ws_encode(&e, out + written, bytes.len - written);
        written += n;
        if (e.kind == CODEC_WS_FRAME)
            note(log, "<%x%c", e.opcode, e.fin ? '!' : '.');
        else if (e.kind != CODEC_WS_PAYLOAD)
            note(log, "<%x:%u ", e.opcode, e.code);
        note_payload(log, &e);
    }
    if (!log->loose) {
        CU_ASSERT_EQUAL(written, at);
        CU_ASSERT(memcmp(out, bytes.ptr, written) == 0);
    }
    free(out);
    *error = e.error;
    return rc;
}

static void check_as(bool loose, enum codec_ws_masking masking, bool deflate, slice bytes, const char *want,
                     int kind, uint64_t at)
{
    for (size_t step = 1; step <= bytes.len; step++) {
        struct codec_ws ps;
        struct log log = {.loose = loose};
        struct codec_error error;
        codec_ws_init(&ps, masking);
        ps.deflate = deflate;
        enum codec_rc rc = run(&ps, bytes, step, &log, &error);
        CU_ASSERT_EQUAL(rc, kind == CODEC_WS_OK ? CODEC_MORE : CODEC_ERROR);
        CU_ASSERT_EQUAL(error.kind, kind);
        CU_ASSERT_EQUAL(error.offset, at);
        log.text[log.len] = '\0';
        CU_ASSERT_STRING_EQUAL(log.text, want);
    }
}

static void check(enum codec_ws_masking masking, bool deflate, slice bytes, const char *want, int kind,
                  uint64_t at)
{
    check_as(false, masking, deflate, bytes, want, kind, at);
}

static void check_loose(enum codec_ws_masking masking, slice bytes, const char *want)
{
    check_as(true, masking, false, bytes, want, CODEC_WS_OK, 0);
}

static void test_data_frames(void)
{
    check(CODEC_WS_MASK_REQUIRED, false, LIT("\x82\x85\1\2\3\4iggh\x6e"), "<2!68 65 64 6c 6f ", 0, 0);
    check(CODEC_WS_MASK_REQUIRED, false, LIT("\x81\x80\1\2\3\4\x82\x81\0\0\0\0x"), "<1!<2!78 ", 0, 0);
    check(CODEC_WS_MASK_NONE, false,
          LIT("\x82\x03"
              "abc"),
          "<2!61 62 63 ", 0, 0);
    check(CODEC_WS_MASK_AS_SAID, false,
          LIT("\x82\x81"
              "abcd\x61"
              "\x82\x01x"),
          "<2!00 <2!78 ", 0, 0);
    /* the mask bit is not looked at: four bytes of payload, not a mask */
    check_loose(CODEC_WS_MASK_NONE,
                LIT("\x82\x84"
                    "abcd"),
                "<2!61 62 63 64 ");
    /* lengths that need not be in their shortest form */
    check_loose(CODEC_WS_MASK_NONE, LIT("\x82\x7e\0\2ab"), "<2!61 62 ");
    check_loose(CODEC_WS_MASK_NONE, LIT("\x82\x7f\0\0\0\0\0\0\0\2ab"), "<2!61 62 ");
}

static void test_fragments(void)
{
    check(CODEC_WS_MASK_NONE, false, LIT("\x02\1a\x89\2hi\0\1b\x80\1c\x82\0"),
          "<2.61 <9:0 68 69 <0.62 <0!63 <2!", 0, 0);
    check(CODEC_WS_MASK_NONE, true, LIT("\x42\1a\x80\1b\xc1\1c"), "<2.61 <0!62 <1!63 ", 0, 0);
}

static void test_control(void)
{
    check(CODEC_WS_MASK_NONE, false, LIT("\x8a\0\x88\0"), "<a:0 <8:0 ", 0, 0);
    check(CODEC_WS_MASK_REQUIRED, false, LIT("\x88\x84\1\2\3\4\x02\xea\x6b\x6b"), "<8:1000 03 e8 68 6f ", 0,
          0);
    uint8_t big[2 + 125];
    memset(big, 'x', sizeof(big));
    big[0] = 0x89, big[1] = 125;
    struct codec_ws ps;
    struct codec_ws_event e;
    codec_ws_init(&ps, CODEC_WS_MASK_NONE);
    slice in = slice_make(big, sizeof(big) - 1);
    CU_ASSERT_EQUAL(codec_ws_next(&ps, &in, &e), CODEC_MORE);
    CU_ASSERT_EQUAL(e.need, 1);
    in = slice_make(big, sizeof(big));
    CU_ASSERT_EQUAL(codec_ws_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(e.payload.len, 125);
}

static void test_refused(void)
{
    const enum codec_ws_masking need = CODEC_WS_MASK_REQUIRED, none = CODEC_WS_MASK_NONE;
    check(need, false, LIT("\xf2\x00"), "", CODEC_WS_RSV_BITS, 1);
    check(none, false, LIT("\x92\x00"), "", CODEC_WS_RSV_BITS, 1);
    check(none, false, LIT("\xa2\x00"), "", CODEC_WS_RSV_BITS, 1);
    check(need, false, LIT("\xc2\x00"), "", CODEC_WS_NOT_COMPRESSED, 1);
    check(need, true, LIT("\xc2\x00"), "", CODEC_WS_MASK_MISSING, 1);
    check(none, false, LIT("\x89\x7e"), "", CODEC_WS_CONTROL_TOO_LONG, 1);
    check(need, false, LIT("\x09\xff"), "", CODEC_WS_CONTROL_TOO_LONG, 1);
    check(none, false, LIT("\x09\x01"), "", CODEC_WS_CONTROL_FRAGMENTED, 1);
    check(none, true, LIT("\xc9\x01"), "", CODEC_WS_CONTROL_COMPRESSED, 1);
    check(none, false, LIT("\x01\0\x02\0"), "<1.", CODEC_WS_NOT_CONTINUED, 3);
    check(none, false, LIT("\x00\0"), "", CODEC_WS_NOTHING_TO_CONTINUE, 1);
    check(none, true, LIT("\x02\0\x40\0"), "<2.", CODEC_WS_NOTHING_TO_CONTINUE, 3);
    for (unsigned op = 3; op < 16; op++) {
        uint8_t b[2] = {(uint8_t)(0x80 | op), 0};
        if (op < 8 || op > 10)
            check(none, false, slice_make(b, 2), "", CODEC_WS_UNKNOWN_OPCODE, 1);
    }
    check(none, false, LIT("\x82\x7f\x80\0\0\0\0\0\0\0"), "", CODEC_WS_BAD_LENGTH, 2);
    check(none, false, LIT("\x88\x01\x03"), "", CODEC_WS_SHORT_CLOSE, 2);
    check(none, false, LIT("\x88\x02\x03\xe7"), "", CODEC_WS_BAD_CLOSE_CODE, 2);
}

static void test_close_codes(void)
{
    for (unsigned code = 0; code < 6000; code++) {
        bool valid = (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
                     (code >= 3000 && code < 5000);
        CU_ASSERT_EQUAL(codec_ws_close_code_valid(code), valid);
    }
}

/* Heads take the shortest form, and a length of 2^63 none. */
static void test_encode_head(void)
{
    static const struct {
        uint64_t length;
        size_t plain;
    } cases[] = {{0, 2}, {125, 2}, {126, 4}, {65535, 4}, {65536, 10}, {INT64_MAX, 10}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int masked = 0; masked < 2; masked++) {
            struct codec_ws_event e = {.kind = CODEC_WS_FRAME,
                                       .opcode = CODEC_WS_BINARY,
                                       .fin = true,
                                       .masked = masked,
                                       .mask = {1, 2, 3, 4},
                                       .length = cases[i].length},
                                  got;
            uint8_t out[CODEC_WS_HEAD_MAX] = {0};
            size_t n = codec_ws_encode_head(&e, out, sizeof(out));
            CU_ASSERT_EQUAL(n, cases[i].plain + (masked ? 4 : 0));
            struct codec_ws ps;
            codec_ws_init(&ps, CODEC_WS_MASK_AS_SAID);
            slice in = slice_make(out, n);
            CU_ASSERT_EQUAL(codec_ws_next(&ps, &in, &got), CODEC_EVENT);
            CU_ASSERT_EQUAL(got.length, cases[i].length);
            CU_ASSERT_EQUAL(got.masked, masked);
            out[0] = 0xee;
            CU_ASSERT_EQUAL(codec_ws_encode_head(&e, out, n - 1), n);
            CU_ASSERT_EQUAL(out[0], 0xee);
        }
    }
    struct codec_ws_event e = {.kind = CODEC_WS_FRAME, .length = 1ull << 63};
    CU_ASSERT_EQUAL(codec_ws_encode_head(&e, NULL, 0), 0);
    CU_ASSERT_EQUAL(codec_ws_encode(&e, NULL, 0), 0);
}

static void test_encode_close(void)
{
    static const uint8_t mask[4] = {9, 8, 7, 6};
    char text[200];
    uint8_t out[200];
    memset(text, 't', sizeof(text));
    for (size_t len = 0; len<200; len += len> 120 && len < 126 ? 1 : 41) {
        for (int masked = 0; masked < 2; masked++) {
            size_t n =
                codec_ws_encode_close(1002, slice_make(text, len), masked ? mask : NULL, out, sizeof(out));
            struct codec_ws ps;
            struct codec_ws_event e;
            codec_ws_init(&ps, CODEC_WS_MASK_AS_SAID);
            slice in = slice_make(out, n);
            CU_ASSERT_EQUAL_FATAL(codec_ws_next(&ps, &in, &e), CODEC_EVENT);
            CU_ASSERT_EQUAL(e.kind, CODEC_WS_CLOSE);
            CU_ASSERT_EQUAL(e.code, 1002);
            CU_ASSERT_EQUAL(e.length, len > 123 ? 125 : 2 + len);
        }
    }
    CU_ASSERT_EQUAL(codec_ws_encode_close(1002, slice_make(text, 124), NULL, out, sizeof(out)), 127);
    CU_ASSERT(memcmp(out + 124, "...", 3) == 0 && out[123] == 't');
    CU_ASSERT_EQUAL(codec_ws_encode_close(0, SLICE_LIT("ignored"), NULL, out, sizeof(out)), 2);
    CU_ASSERT_EQUAL(out[1], 0);
}

/* Any phase and length: masking twice is the identity, and in place equals elsewhere. */
static void test_mask(void)
{
    static const uint8_t mask[4] = {0x11, 0x22, 0x44, 0x88};
    uint8_t in[40], out[40];
    for (size_t n = 0; n <= 40; n++) {
        for (uint64_t at = 0; at < 5; at++) {
            for (size_t i = 0; i < 40; i++)
                in[i] = (uint8_t)i;
            codec_ws_mask(out, in, n, mask, at);
            for (size_t i = 0; i < n; i++)
                CU_ASSERT_EQUAL(out[i], in[i] ^ mask[(at + i) & 3]);
            codec_ws_mask(in, in, n, mask, at);
            CU_ASSERT(n == 0 || memcmp(in, out, n) == 0);
        }
    }
}

static void test_final_error(void)
{
    struct codec_ws ps;
    struct codec_ws_event e;
    codec_ws_init(&ps, CODEC_WS_MASK_NONE);
    slice in = LIT("\x82\1x\x83\0");
    CU_ASSERT_EQUAL(codec_ws_next(&ps, &in, &e), CODEC_EVENT);
    CU_ASSERT_EQUAL(codec_ws_next(&ps, &in, &e), CODEC_ERROR);
    in = LIT("\x82\1x");
    CU_ASSERT_EQUAL(codec_ws_next(&ps, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.offset, 4);
    for (int k = CODEC_WS_OK; k <= CODEC_WS_BAD_CLOSE_CODE; k++)
        CU_ASSERT(strcmp(codec_ws_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_ws_error_text(-1), "unknown error");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_data_frames),  UNIT_TEST(test_fragments),   UNIT_TEST(test_control),
    UNIT_TEST(test_refused),      UNIT_TEST(test_close_codes), UNIT_TEST(test_encode_head),
    UNIT_TEST(test_encode_close), UNIT_TEST(test_mask),        UNIT_TEST(test_final_error),
};
UNIT_MAIN("codec_ws", tests)
