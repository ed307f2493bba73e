/* Any bytes as an S2 stream, whole and in pieces, and as a block; and as data that is packed and unpacked.
 * The first byte chooses. */
#include "fuzz.h"
#include "base/s2.h"

#define DATA_MAX (16u * 1024 * 1024)

static struct s2_table table;

/* Pieces give what the whole gives. */
static void stream(slice in, size_t piece)
{
    uint8_t *out;
    size_t len, seen = 0, from = 0, to = 0;
    enum s2_rc whole = s2_stream_decode(in, DATA_MAX, &out, &len), rc = S2_MORE;
    struct s2_reader r = {0};
    while (seen <= DATA_MAX && (rc == S2_OK || (rc == S2_MORE && to < in.len))) {
        if (rc == S2_MORE)
            to = in.len - to < piece ? in.len : to + piece;
        slice data = SLICE_EMPTY;
        size_t used;
        rc = s2_reader_next(&r, slice_make(in.ptr + from, to - from), &used, &data);
        fuzz_check(used <= to - from && r.need <= S2_READER_NEED_MAX);
        from += used;
        if (rc == S2_OK && whole == S2_OK)
            fuzz_check(data.len <= len - seen &&
                       (data.len == 0 || memcmp(out + seen, data.ptr, data.len) == 0));
        if (rc == S2_OK)
            seen += data.len;
    }
    if (whole == S2_OK) {
        fuzz_check(rc == S2_MORE && seen == len);
        free(out);
    } else if (whole != S2_TOO_LARGE) {
        fuzz_check(rc == whole);
    }
    s2_reader_free(&r);
}

static void block(slice in)
{
    size_t len;
    if (s2_block_length(in, &len, NULL) != S2_OK || len > DATA_MAX)
        return;
    uint8_t *out = malloc(len + 1);
    if (out != NULL)
        (void)s2_block_decode(in, out, len);
    free(out);
}

static void inverse(slice in, enum s2_mode mode)
{
    uint8_t *packed = malloc(s2_stream_bound(mode, in.len)), *out;
    size_t len;
    if (packed == NULL)
        return;
    size_t n = s2_stream_encode(&table, mode, in, packed);
    fuzz_check(n <= s2_stream_bound(mode, in.len));
    fuzz_check(s2_stream_decode(slice_make(packed, n), in.len, &out, &len) == S2_OK);
    fuzz_check(slice_eq(in, slice_make(out, len)));
    free(out);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    slice in = slice_make(data + 1, size - 1);
    switch (data[0] % 4) {
    case 0:
        stream(in, 1 + data[0] / 4);
        break;
    case 1:
        block(in);
        break;
    case 2:
        inverse(in, S2_FAST);
        break;
    default:
        inverse(in, S2_SNAPPY);
        break;
    }
    return 0;
}
