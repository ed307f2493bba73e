/* The small languages: subjects against a naive reading of the rules, keys, base64 and quoting against their
 * inverse. */
#include "pieces.h"
#include <midge/base64.h>
#include <midge/nkeys.h>
#include <midge/quote.h>
#include <midge/subject.h>

static void subjects(slice a, slice b)
{
    struct codec_subject s = codec_subject_scan(a);
    size_t tokens = 0, wildcards = 0;
    bool empty = false, gt = false, after_gt = false, blank = false;
    slice rest = a.ptr == NULL ? SLICE_LIT("") : a, token;
    while (codec_subject_token(&rest, &token)) {
        tokens++;
        after_gt |= gt;
        empty |= token.len == 0;
        bool is_gt = slice_eq_str(token, ">");
        wildcards += is_gt || slice_eq_str(token, "*");
        gt |= is_gt;
        for (size_t i = 0; i < token.len; i++)
            blank |= memchr(" \t\n\f\r", token.ptr[i], 5) != NULL;
    }
    fuzz_check(s.tokens == tokens && s.wildcards == wildcards && s.empty_token == empty && s.blank == blank);
    fuzz_check(empty || s.after_gt == after_gt);

    bool good = codec_subject_is_subscription(a) && codec_subject_is_subscription(b);
    fuzz_check(codec_subject_collide(a, b) == codec_subject_collide(b, a));
    if (!good)
        return;
    fuzz_check(codec_subject_subset(a, a) && codec_subject_collide(a, a));
    if (codec_subject_subset(a, b))
        fuzz_check(codec_subject_collide(a, b));
    if (codec_subject_is_literal(a)) {
        fuzz_check(codec_subject_matches(b, a) == codec_subject_subset(a, b));
        fuzz_check(codec_subject_matches(b, a) == codec_subject_collide(a, b));
    }
}

static void keys(slice text)
{
    enum codec_nkey_kind kind, back;
    uint8_t key[CODEC_NKEY_KEY], again[CODEC_NKEY_KEY];
    char out[CODEC_NKEY_SEED];
    if (codec_nkey_decode_public(text, &kind, key)) {
        fuzz_check(codec_nkey_is(text, kind));
        codec_nkey_encode_public(kind, key, out);
        fuzz_check(codec_nkey_decode_public(slice_make(out, CODEC_NKEY_PUBLIC), &back, again));
        fuzz_check(back == kind && memcmp(key, again, sizeof(key)) == 0);
    }
    if (codec_nkey_decode_seed(text, &kind, key)) {
        codec_nkey_encode_seed(kind, key, out);
        fuzz_check(codec_nkey_decode_seed(slice_make(out, CODEC_NKEY_SEED), &back, again));
        fuzz_check(back == kind && memcmp(key, again, sizeof(key)) == 0);
    }
}

static void base64(slice bytes, enum codec_base64 kind)
{
    size_t n = codec_base64_size(bytes.len, kind), len, at;
    uint8_t *text = (uint8_t *)malloc(n + 1), *back = (uint8_t *)malloc(bytes.len + 4);
    if (text != NULL && back != NULL) {
        codec_base64_encode(bytes, kind, text);
        fuzz_check(codec_base64_decode(slice_make(text, n), kind, back, &len, &at));
        fuzz_check(slice_eq(slice_make(back, len), bytes));
        if (codec_base64_decode(bytes, kind, back, &len, &at))
            fuzz_check(len <= bytes.len);
        else
            fuzz_check(at <= bytes.len);
    }
    free(text);
    free(back);
}

/* Quoted text is one line of printable characters. */
static void quotes(slice bytes)
{
    size_t cap = 10 * bytes.len + 2;
    uint8_t *room = (uint8_t *)malloc(cap);
    if (room == NULL)
        return;
    struct codec_out out = codec_out_on(room, cap), size = codec_out_on(NULL, 0);
    codec_quote(&out, bytes);
    codec_quote(&size, bytes);
    fuzz_check(codec_out_ok(&out) && out.len == size.len && out.len >= 2);
    for (size_t i = 0; i < out.len; i++)
        fuzz_check(room[i] >= 0x20 && room[i] != 0x7f);
    out.len = 0;
    codec_quote_back(&out, bytes);
    fuzz_check(codec_out_ok(&out));
    out.len = 0;
    if (bytes.len > 0)
        codec_quote_char(&out, bytes);
    free(room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    slice all = slice_make(data + 1, size - 1);
    const uint8_t *blank = all.len == 0 ? NULL : (const uint8_t *)memchr(all.ptr, ' ', all.len);
    size_t half = blank == NULL ? all.len : (size_t)(blank - all.ptr);
    slice a = slice_first(all, half), b = slice_from(all, half + (blank != NULL));
    subjects(a, b);
    subjects(b, a);
    subjects(all, SLICE_LIT("a.*.>"));
    keys(all);
    base64(all, (enum codec_base64)(data[0] & 3));
    quotes(all);
    return 0;
}
