/* Captures: written, read at every split, refused for each thing that can be wrong. */
#include "unit.h"
#include <midge/capture.h>
#include <stdlib.h>

static uint8_t buf[3 << 20];

static struct codec_out write_some(void)
{
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_capture_header header = {CODEC_NATS_ROUTE, 1700000000123456789};
    codec_capture_write_header(&out, &header);
    codec_capture_write_record(
        &out, &(struct codec_capture_record){0, 1, CODEC_FROM_DIALER, SLICE_LIT("PING\r\n")});
    codec_capture_write_record(&out,
                               &(struct codec_capture_record){5, 1, CODEC_FROM_ACCEPTOR, SLICE_LIT("\xff")});
    codec_capture_write_record(
        &out, &(struct codec_capture_record){UINT64_MAX, 99, CODEC_FROM_DIALER, SLICE_EMPTY});
    return out;
}

static void test_read(void)
{
    struct codec_out out = write_some();
    for (size_t step = 1; step <= out.len; step++) {
        struct codec_capture p = {0};
        struct codec_capture_record r[8];
        size_t at = 0, shown = 0, count = 0, need;
        while (count < 4) {
            uint8_t *copy = malloc(shown - at + 1);
            memcpy(copy, buf + at, shown - at);
            slice in = slice_make(copy, shown - at);
            enum codec_rc rc = codec_capture_next(&p, &in, &r[count], &need);
            CU_ASSERT_NOT_EQUAL_FATAL(rc, CODEC_ERROR);
            if (rc == CODEC_EVENT) {
                at += (size_t)(in.ptr - copy);
                CU_ASSERT_EQUAL(p.offset, at);
                r[count].bytes.ptr = r[count].bytes.ptr == NULL ? NULL : buf + at - r[count].bytes.len;
                count++;
            } else {
                CU_ASSERT(need > 0 && need <= out.len - shown);
                shown = out.len - shown < step ? out.len : shown + step;
            }
            free(copy);
        }
        CU_ASSERT_EQUAL(at, out.len);
        CU_ASSERT_EQUAL(p.header.protocol, CODEC_NATS_ROUTE);
        CU_ASSERT_EQUAL(p.header.started, 1700000000123456789);
        CU_ASSERT(r[1].time == 0 && r[1].connection == 1 && r[1].direction == CODEC_FROM_DIALER);
        CU_ASSERT(slice_eq_str(r[1].bytes, "PING\r\n"));
        CU_ASSERT(r[2].direction == CODEC_FROM_ACCEPTOR && slice_eq_str(r[2].bytes, "\xff"));
        CU_ASSERT(r[3].time == UINT64_MAX && r[3].connection == 99 && r[3].bytes.len == 0);
    }
}

/* Bytes are `bin` even when they are text: what a reader of another language gets does not depend on them. */
static void test_bytes_are_bin(void)
{
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    codec_capture_write_record(&out,
                               &(struct codec_capture_record){1, 2, CODEC_FROM_ACCEPTOR, SLICE_LIT("hi")});
    CU_ASSERT(slice_eq(codec_out_slice(&out), SLICE_LIT("\x94\1\2\1\xc4\2hi")));
}

static void test_long_record(void)
{
    static uint8_t bytes[2 * CODEC_CAPTURE_BYTES_MAX + 5];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_capture p = {.begun = true};
    struct codec_capture_record r = {7, 1, CODEC_FROM_DIALER, slice_make(bytes, sizeof(bytes))};
    codec_capture_write_record(&out, &r);
    CU_ASSERT_TRUE_FATAL(codec_out_ok(&out));
    slice in = codec_out_slice(&out);
    size_t sum = 0, count = 0, need;
    for (; codec_capture_next(&p, &in, &r, &need) == CODEC_EVENT; count++) {
        sum += r.bytes.len;
        CU_ASSERT_EQUAL(r.time, 7);
    }
    CU_ASSERT_EQUAL(count, 3);
    CU_ASSERT_EQUAL(sum, sizeof(bytes));
    CU_ASSERT_EQUAL(in.len, 0);
}

static void refuses(bool begun, slice bytes, int kind)
{
    struct codec_capture p = {.begun = begun};
    struct codec_capture_record r;
    size_t need;
    CU_ASSERT_EQUAL(codec_capture_next(&p, &bytes, &r, &need), CODEC_ERROR);
    CU_ASSERT_EQUAL(p.error.kind, kind);
    CU_ASSERT_EQUAL(codec_capture_next(&p, &bytes, &r, &need), CODEC_ERROR);
}

#define LIT(s) slice_make(s, sizeof(s) - 1)

static void test_refused(void)
{
    refuses(false, LIT("\x01"), CODEC_CAPTURE_BAD_HEADER);
    refuses(false, LIT("\x80"), CODEC_CAPTURE_BAD_HEADER);
    refuses(false, LIT("\xc1"), CODEC_CAPTURE_MALFORMED);
    refuses(false,
            LIT("\x82\xa7"
                "capture\xa5"
                "other\xa7version\1"),
            CODEC_CAPTURE_BAD_HEADER);
    refuses(false,
            LIT("\x82\xa7"
                "capture\xa5"
                "midge\xa7version\2"),
            CODEC_CAPTURE_BAD_VERSION);
    refuses(false,
            LIT("\x82\xa7"
                "capture\xa5"
                "midge\xa7version\1"),
            CODEC_CAPTURE_BAD_HEADER);
    refuses(false,
            LIT("\x83\xa7"
                "capture\xa5"
                "midge\xa7version\1\xa8protocol\1"),
            CODEC_CAPTURE_BAD_HEADER);
    refuses(false,
            LIT("\x82\xa7"
                "capture\1\xa7version\1"),
            CODEC_CAPTURE_BAD_HEADER);
    refuses(false,
            LIT("\x82\xa7"
                "capture\xa5"
                "midge\xa7version\xa1"
                "1"),
            CODEC_CAPTURE_BAD_HEADER);
    refuses(false,
            LIT("\x84\xa7"
                "capture\xa5"
                "midge\xa7version\1\xa8protocol\xa0\xa7started\xff"),
            CODEC_CAPTURE_BAD_HEADER);
    refuses(true, LIT("\x01"), CODEC_CAPTURE_BAD_RECORD);
    refuses(false, LIT("\xda\x20\0"), CODEC_CAPTURE_TOO_LONG);
    refuses(true, LIT("\x93\1\1\1"), CODEC_CAPTURE_BAD_RECORD);
    refuses(true, LIT("\x94\1\1\2\xc4\0"), CODEC_CAPTURE_BAD_RECORD);
    refuses(true, LIT("\x94\1\1\1\1"), CODEC_CAPTURE_BAD_RECORD);
    refuses(true, LIT("\x94\xff\1\1\xc4\0"), CODEC_CAPTURE_BAD_RECORD);
    refuses(true, LIT("\x94\1\xff\1\xc4\0"), CODEC_CAPTURE_BAD_RECORD);
    refuses(true, LIT("\xc6\0\x20\0\0"), CODEC_CAPTURE_TOO_LONG);
    /* an unknown name of a protocol, and members that mean nothing, are taken */
    struct codec_capture p = {0};
    struct codec_capture_record r;
    size_t need;
    slice in = LIT("\x85\xa7"
                   "capture\xa5"
                   "midge\xa7version\1\xa8protocol\xa3xyz\xa7started\5\xa1x\x91\xc0");
    CU_ASSERT_EQUAL(codec_capture_next(&p, &in, &r, &need), CODEC_EVENT);
    CU_ASSERT_EQUAL(p.header.protocol, CODEC_NO_PROTOCOL);
    CU_ASSERT_EQUAL(p.header.started, 5);
    for (int k = CODEC_CAPTURE_OK; k <= CODEC_CAPTURE_TOO_LONG; k++)
        CU_ASSERT(strcmp(codec_capture_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_capture_error_text(-1), "unknown error");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_read),
    UNIT_TEST(test_bytes_are_bin),
    UNIT_TEST(test_long_record),
    UNIT_TEST(test_refused),
};
UNIT_MAIN("capture", tests)
