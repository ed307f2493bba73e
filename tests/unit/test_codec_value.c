/* Values as such: what JSON and MessagePack may hold, and what is refused, without believing any length. */
#include "unit.h"
#include <midge/value.h>

#define BYTES(s) slice_make(s, sizeof(s) - 1)

static uint8_t block[1 << 16], block2[1 << 16], json[1 << 16], packed[1 << 16];

static void json_gives(const char *text, int want)
{
    struct codec_arena arena = codec_arena_on(block, sizeof(block));
    struct codec_value value;
    CU_ASSERT_EQUAL(codec_value_read_json(slice_str(text), &arena, &value), (enum codec_value_error)want);
    if (want != CODEC_VALUE_OK)
        return;
    for (int i = 0; i < 2; i++) { /* and back, by both writers */
        struct codec_out out = codec_out_on(packed, sizeof(packed));
        struct codec_value read;
        if (i == 0) {
            CU_ASSERT_TRUE(codec_value_write_json(&out, &value));
            CU_ASSERT(slice_eq_str(codec_out_slice(&out), text));
        } else {
            struct codec_arena arena2 = codec_arena_on(block2, sizeof(block2));
            struct codec_out text2 = codec_out_on(json, sizeof(json));
            size_t need;
            enum codec_value_error error;
            CU_ASSERT_TRUE(codec_value_write_msgpack(&out, &value));
            slice in = codec_out_slice(&out);
            CU_ASSERT_EQUAL(codec_value_read_msgpack(&in, 1 << 20, &arena2, &read, &need, &error),
                            CODEC_EVENT);
            CU_ASSERT_TRUE(codec_value_write_json(&text2, &read));
            CU_ASSERT(slice_eq_str(codec_out_slice(&text2), text));
        }
    }
}

static void test_values_json(void)
{
    json_gives("null", CODEC_VALUE_OK);
    json_gives("true", CODEC_VALUE_OK);
    json_gives("[]", CODEC_VALUE_OK);
    json_gives("{}", CODEC_VALUE_OK);
    json_gives("[1,-1,\"x\",false,null,{},[],18446744073709551615,-9223372036854775808]", CODEC_VALUE_OK);
    json_gives("{\"a\":{\"b\":[{\"c\":\"d\"},[[]]]},\"e\":\"<&>\"}", CODEC_VALUE_OK);
    json_gives("{\"json\":{\"x\":[1.5,null]},\"n\":1}", CODEC_VALUE_OK);
    json_gives("{\"a_b64\":\"/wA=\",\"b_b64\":[\"/w==\",\"YQ==\"]}", CODEC_VALUE_OK);
    json_gives("[[[[[[[[1]]]]]]]]", CODEC_VALUE_OK);
    json_gives("[[[[[[[[[1]]]]]]]]]", CODEC_VALUE_TOO_DEEP);
    json_gives("{\"a_b64\":\"/wA\"}", CODEC_VALUE_BASE64);
    json_gives("{\"a_b64\":[\"*\"]}", CODEC_VALUE_BASE64);
    json_gives("1.5", CODEC_VALUE_TYPE);
    json_gives("18446744073709551616", CODEC_VALUE_TYPE);
    json_gives("", CODEC_VALUE_SYNTAX);
    json_gives("{", CODEC_VALUE_SYNTAX);
    json_gives("[1,]", CODEC_VALUE_SYNTAX);
    json_gives("{\"a\":1}x", CODEC_VALUE_SYNTAX);
}

static int msgpack_gives(slice bytes, size_t limit, size_t *need)
{
    struct codec_arena arena = codec_arena_on(block, 4096);
    struct codec_value value;
    enum codec_value_error error = CODEC_VALUE_OK;
    enum codec_rc rc = codec_value_read_msgpack(&bytes, limit, &arena, &value, need, &error);
    return rc == CODEC_MORE ? -1 : (int)error;
}

/* Claims are not believed: each is refused, or more is asked for, without room being taken. */
static void test_values_msgpack(void)
{
    size_t need;
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdd\xff\xff\xff\xff"), 1 << 20, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdf\xff\xff\xff\xff"), 1 << 20, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xc6\xff\xff\xff\xff"), 1 << 20, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xc6\0\0\1\0abc"), 1 << 20, &need), -1);
    CU_ASSERT_EQUAL(need, 253);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\1\0"), 1 << 20, &need), -1);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\0\3\1\2"), 1 << 20, &need), -1);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\0\2\1\2"), 1 << 20, &need), CODEC_VALUE_OK);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xdc\0\2\1\2"), 4, &need), CODEC_VALUE_TOO_LONG);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xca\0\0\0\0"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xc1"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\xd4\1\1"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\x81\1\1"), 1 << 20, &need), CODEC_VALUE_TYPE);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\x91\1"), 1 << 20, &need),
                    CODEC_VALUE_TOO_DEEP);
    CU_ASSERT_EQUAL(msgpack_gives(BYTES("\x91\x91\x91\x91\x91\x91\x91\x91\1"), 1 << 20, &need),
                    CODEC_VALUE_OK);
    CU_ASSERT_EQUAL(msgpack_gives(SLICE_EMPTY, 1 << 20, &need), -1);
    /* every head cut short asks for more */
    static const char heads[] = "\xc4\xc5\xc6\xcc\xcd\xce\xcf\xd0\xd1\xd2\xd3\xd9\xda\xdb\xdc\xdd\xde\xdf";
    for (size_t i = 0; i + 1 < sizeof(heads); i++)
        CU_ASSERT_EQUAL(msgpack_gives(slice_make(heads + i, 1), 1 << 20, &need), -1);
    /* numbers of each width */
    static const struct {
        const char *bytes;
        size_t len;
        const char *json;
    } numbers[] = {{"\x7f", 1, "127"},
                   {"\xe0", 1, "-32"},
                   {"\xcc\xff", 2, "255"},
                   {"\xcd\1\0", 3, "256"},
                   {"\xce\1\0\0\0", 5, "16777216"},
                   {"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "18446744073709551615"},
                   {"\xd0\x80", 2, "-128"},
                   {"\xd1\x80\0", 3, "-32768"},
                   {"\xd2\x80\0\0\0", 5, "-2147483648"},
                   {"\xd3\x80\0\0\0\0\0\0\0", 9, "-9223372036854775808"},
                   {"\xd0\x05", 2, "5"},
                   {"\xc0", 1, "null"},
                   {"\xd9\1x", 3, "\"x\""},
                   {"\xda\0\1x", 4, "\"x\""},
                   {"\xdb\0\0\0\1x", 6, "\"x\""},
                   {"\xc4\1x", 3, "\"x\""},
                   {"\xde\0\1\xa1"
                    "a\1",
                    6, "{\"a\":1}"}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct codec_arena arena = codec_arena_on(block, 4096);
        struct codec_out out = codec_out_on(json, sizeof(json));
        struct codec_value value;
        enum codec_value_error error;
        slice in = slice_make(numbers[i].bytes, numbers[i].len);
        CU_ASSERT_EQUAL(codec_value_read_msgpack(&in, 100, &arena, &value, &need, &error), CODEC_EVENT);
        CU_ASSERT_TRUE(codec_value_write_json(&out, &value));
        CU_ASSERT(slice_eq_str(codec_out_slice(&out), numbers[i].json));
    }
    struct codec_arena none = codec_arena_on(block, 8);
    struct codec_value value;
    enum codec_value_error error;
    slice in = BYTES("\x92\1\2");
    CU_ASSERT_EQUAL(codec_value_read_msgpack(&in, 100, &none, &value, &need, &error), CODEC_ERROR);
    CU_ASSERT_EQUAL(error, CODEC_VALUE_NO_ROOM);
    for (int k = CODEC_VALUE_OK; k <= CODEC_VALUE_TOO_LONG; k++)
        CU_ASSERT(strcmp(codec_value_error_text(k), "unknown error") != 0);
}

static void test_value_too_deep(void)
{
    struct codec_value v[CODEC_VALUE_DEPTH + 2] = {{.type = CODEC_VALUE_NULL}};
    struct codec_out out = codec_out_on(json, sizeof(json));
    for (size_t i = 0; i + 1 < CODEC_VALUE_DEPTH + 2; i++) {
        v[i].type = CODEC_VALUE_ARRAY;
        v[i].array.items = &v[i + 1];
        v[i].array.count = 1;
    }
    CU_ASSERT_FALSE(codec_value_write_json(&out, &v[0]));
    CU_ASSERT_FALSE(codec_value_write_msgpack(&out, &v[0]));
    CU_ASSERT_TRUE(codec_value_write_json(&out, &v[1]));
    CU_ASSERT_TRUE(codec_value_write_msgpack(&out, &v[1]));
    CU_ASSERT_PTR_NULL(codec_value_get(&v[0], "x"));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_values_json),
    UNIT_TEST(test_values_msgpack),
    UNIT_TEST(test_value_too_deep),
};
UNIT_MAIN("codec_value", tests)
