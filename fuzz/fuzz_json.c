/* JSON: the pull parser against the typed readers, and structs that are written, read, copied and written
 * again. */
#include "pieces.h"
#include <midge/connect.h>

enum { ROOM = 1 << 16 };

static uint8_t written[2][ROOM], large[ROOM];

/* The text ends exactly at a heap block's end. */
static uint8_t *on_heap(slice *text)
{
    uint8_t *p = (uint8_t *)malloc(text->len + 1);
    if (p != NULL && text->len > 0)
        memcpy(p + 1, text->ptr, text->len);
    *text = slice_make(p == NULL ? NULL : p + 1, p == NULL ? 0 : text->len);
    return p;
}

static bool pull(slice text)
{
    struct codec_json p;
    struct codec_json_token tok;
    enum codec_json_event e;
    struct fuzz_trace t = {0, 0};
    codec_json_init(&p, text);
    do {
        e = codec_json_next(&p, &tok);
        if (e == CODEC_JSON_STRING || e == CODEC_JSON_KEY) {
            size_t n = codec_json_decode(&tok, NULL);
            fuzz_check(n <= 3 * tok.text.len);
            uint8_t *out = (uint8_t *)malloc(n + 1);
            fuzz_check(out == NULL || codec_json_decode(&tok, out) == n);
            fuzz_check(!tok.plain || n == tok.text.len - 2);
            free(out);
        }
        if (e == CODEC_JSON_NUMBER) {
            int64_t i;
            uint64_t u;
            double d;
            bool is_i = codec_json_int64(&tok, &i), is_u = codec_json_uint64(&tok, &u);
            fuzz_check(!(is_i && is_u) || (i >= 0 && (uint64_t)i == u));
            fuzz_check(!is_i || codec_json_double(&tok, &d));
        }
        fuzz_check(++t.events <= text.len + 2);
    } while (e != CODEC_JSON_END && e != CODEC_JSON_BAD);
    fuzz_check(codec_json_next(&p, &tok) == e);
    return e == CODEC_JSON_END;
}

static size_t put(struct codec_out *out, const struct codec_json_table *table, const void *from)
{
    out->len = 0;
    struct codec_json_writer w = codec_json_writer_on(out);
    codec_json_write(&w, table, from);
    return out->len;
}

/* Reads into a struct with an arena of `cap` bytes; writes what was read, reads that, and writes again: the
 * same. */
static void typed(const struct codec_json_table *table, slice text, size_t cap, bool valid, uint8_t how)
{
    uint8_t *one = (uint8_t *)calloc(1, table->size), *two = (uint8_t *)calloc(1, table->size);
    uint8_t *block = (uint8_t *)malloc(cap + 1);
    struct codec_json_error error;
    char sentence[CODEC_JSON_ERROR_MAX];
    if (one == NULL || two == NULL || block == NULL)
        goto done;
    struct codec_arena arena = codec_arena_on(block, cap);
    struct codec_json_options options = {
        .arena = &arena, .refuse_unknown = (how & 1) != 0, .stream = (how & 4) != 0};
    bool ok = codec_json_read(table, one, text, &options, &error);
    fuzz_check(!ok || ((valid || options.stream) && codec_arena_ok(&arena)));
    fuzz_check(ok || error.kind != CODEC_JSON_NO_ERROR);
    fuzz_check(valid || options.stream || error.kind <= CODEC_JSON_E_DEPTH);
    if (!ok) {
        size_t n = codec_json_error_text(&error, text, sentence);
        fuzz_check(n > 0 && n < sizeof(sentence) && error.offset <= text.len);
        goto done;
    }
    struct codec_out out = codec_out_on(written[0], ROOM), again = codec_out_on(written[1], ROOM);
    if (put(&out, table, one) > ROOM)
        goto done;
    struct codec_arena counting = codec_arena_on(NULL, 0);
    (void)codec_json_copy(table, two, one, &counting);
    uint8_t *copy = (uint8_t *)malloc(counting.used + 64);
    if (copy != NULL) {
        struct codec_arena second = codec_arena_on(copy, counting.used + 64);
        fuzz_check(codec_json_copy(table, two, one, &second));
        fuzz_check(put(&again, table, two) == out.len && memcmp(out.ptr, again.ptr, out.len) == 0);
    }
    free(copy);
    fuzz_check(pull(codec_out_slice(&out)));
    memset(two, 0, table->size);
    arena = codec_arena_on(large, ROOM);
    if (codec_json_read(table, two, codec_out_slice(&out), &options, &error))
        fuzz_check(put(&again, table, two) == out.len && memcmp(out.ptr, again.ptr, out.len) == 0);
    else
        fuzz_check(error.kind == CODEC_JSON_E_ROOM);
done:
    free(one);
    free(two);
    free(block);
}

/* A struct with the members that INFO and CONNECT have not. */
struct rest {
    struct codec_json_map map;
    struct codec_json_array infos;
    double number;
    slice raw;
    int8_t i8;
    struct codec_connect connect;
    bool has_connect;
};

static const struct codec_json_field rest_fields[] = {
    CODEC_JSON_FIELD(struct rest, map, "m", CODEC_JSON_T_MAP, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD_OBJECTS(struct rest, infos, "i", 0, &codec_info_table),
    CODEC_JSON_FIELD(struct rest, number, "d", CODEC_JSON_T_DOUBLE, 0),
    CODEC_JSON_FIELD(struct rest, raw, "r", CODEC_JSON_T_RAW, CODEC_JSON_OMIT_EMPTY),
    CODEC_JSON_FIELD(struct rest, i8, "n", CODEC_JSON_T_INT, 0),
    CODEC_JSON_FIELD_OBJECT(struct rest, connect, has_connect, "c", CODEC_JSON_OMIT_EMPTY,
                            &codec_connect_table),
};
static const struct codec_json_table rest_table = CODEC_JSON_TABLE("fuzz.Rest", struct rest, rest_fields);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    slice text = slice_make(data + 2, size - 2);
    uint8_t *block = on_heap(&text);
    bool valid = pull(text);
    size_t cap = (data[0] & 2) != 0 ? data[1] : ROOM;
    typed(&codec_info_table, text, cap, valid, data[0]);
    typed(&codec_connect_table, text, cap, valid, data[0]);
    typed(&codec_leaf_connect_table, text, cap, valid, data[0]);
    typed(&rest_table, text, cap, valid, data[0]);
    free(block);
    return 0;
}
