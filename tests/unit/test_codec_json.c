/* JSON as Go reads and writes it. Error sentences were recorded from nats-server 2.15.1's log. */
#include "unit.h"
#include <float.h>
#include <math.h>
#include <midge/json.h>
#include <stdlib.h>

/* ------------------------------------------------------------------------------------------- a struct to
 * read */

struct inner {
    struct codec_json_strings allow;
    struct codec_json_strings deny;
};

struct leaf {
    int32_t n;
    slice s;
};

struct branch {
    slice name;
    struct leaf leaf;
    bool has_leaf;
    struct codec_json_array leaves;
};

struct all {
    bool b, has_ob, ob;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    int64_t i64;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    double d;
    slice s, raw;
    struct codec_json_strings ss;
    struct codec_json_map m;
    struct inner inner;
    bool has_inner;
    struct branch plain;
    bool has_plain;
    struct codec_json_array branches;
    int color;
    slice odd;
};

static bool read_color(slice value, void *member, struct codec_arena *arena)
{
    (void)arena;
    *(int *)member = slice_eq_str(value, "\"red\"") ? 1 : slice_eq_str(value, "null") ? 7 : 0;
    return *(int *)member != 0;
}

static bool empty_color(const void *member)
{
    return *(const int *)member == 0;
}

static void write_color(struct codec_json_writer *w, const void *member)
{
    codec_json_string(w, slice_str(*(const int *)member == 1 ? "red" : "none"));
}

enum { KEEP = 0, OMIT = CODEC_JSON_OMIT_EMPTY };

static const struct codec_json_field inner_fields[] = {
    CODEC_JSON_FIELD(struct inner, allow, "allow", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct inner, deny, "deny", CODEC_JSON_T_STRINGS, OMIT),
};
static const struct codec_json_table inner_table =
    CODEC_JSON_TABLE("server.SubjectPermission", struct inner, inner_fields);

static const struct codec_json_field leaf_fields[] = {
    CODEC_JSON_FIELD(struct leaf, n, "n", CODEC_JSON_T_INT, KEEP),
    CODEC_JSON_FIELD(struct leaf, s, "s", CODEC_JSON_T_STRING, OMIT),
};
static const struct codec_json_table leaf_table = CODEC_JSON_TABLE("server.Leaf", struct leaf, leaf_fields);

static const struct codec_json_field branch_fields[] = {
    CODEC_JSON_FIELD(struct branch, name, "name", CODEC_JSON_T_STRING, KEEP),
    CODEC_JSON_FIELD_OBJECT(struct branch, leaf, has_leaf, "leaf", OMIT, &leaf_table),
    CODEC_JSON_FIELD_OBJECTS(struct branch, leaves, "leaves", OMIT, &leaf_table),
};
static const struct codec_json_table branch_table =
    CODEC_JSON_TABLE("server.Branch", struct branch, branch_fields);

static const struct codec_json_field all_fields[] = {
    CODEC_JSON_FIELD(struct all, b, "verbose", CODEC_JSON_T_BOOL, KEEP),
    CODEC_JSON_FIELD_HAS(struct all, ob, has_ob, "opt", CODEC_JSON_T_BOOL, OMIT),
    CODEC_JSON_FIELD(struct all, i8, "i8", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct all, i16, "i16", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct all, i32, "i32", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct all, i64, "protocol", CODEC_JSON_T_INT, OMIT),
    CODEC_JSON_FIELD(struct all, u8, "u8", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct all, u16, "u16", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct all, u32, "u32", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct all, u64, "u64", CODEC_JSON_T_UINT, OMIT),
    CODEC_JSON_FIELD(struct all, d, "d", CODEC_JSON_T_DOUBLE, OMIT),
    CODEC_JSON_FIELD(struct all, s, "name", CODEC_JSON_T_STRING, OMIT),
    CODEC_JSON_FIELD(struct all, raw, "raw", CODEC_JSON_T_RAW, OMIT),
    CODEC_JSON_FIELD(struct all, ss, "ss", CODEC_JSON_T_STRINGS, OMIT),
    CODEC_JSON_FIELD(struct all, m, "m", CODEC_JSON_T_MAP, OMIT),
    CODEC_JSON_FIELD_OBJECT(struct all, inner, has_inner, "import", OMIT, &inner_table),
    CODEC_JSON_FIELD_OBJECT(struct all, plain, has_plain, "plain", OMIT, &branch_table),
    CODEC_JSON_FIELD_OBJECTS(struct all, branches, "branches", OMIT, &branch_table),
    {.name = "color",
     .name_len = 5,
     .type = CODEC_JSON_T_CUSTOM,
     .flags = OMIT,
     .offset = offsetof(struct all, color),
     .size = sizeof(int),
     .read = read_color,
     .empty = empty_color,
     .write = write_color},
    CODEC_JSON_FIELD(struct all, odd, "nkey", CODEC_JSON_T_STRING, CODEC_JSON_READ_ONLY),
};
static const struct codec_json_table all_table =
    CODEC_JSON_TABLE("server.ClientOpts", struct all, all_fields);

static uint8_t block[1 << 20];
static struct codec_arena arena;
static struct codec_json_error error;

/* A copy of exactly the text's bytes on the heap, so that a sanitizer sees a read past its end. */
static slice on_heap(slice text)
{
    uint8_t *p = malloc(text.len + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    if (text.len > 0)
        memcpy(p + 1, text.ptr, text.len);
    return slice_make(p + 1, text.len);
}

static void heap_free(slice text)
{
    free((uint8_t *)(uintptr_t)text.ptr - 1);
}

static bool read_over(struct all *a, slice text, bool strict)
{
    arena = codec_arena_on(block, sizeof(block));
    const struct codec_json_options options = {.arena = &arena, .refuse_unknown = strict};
    slice t = on_heap(text);
    bool ok = codec_json_read(&all_table, a, t, &options, &error);
    heap_free(t);
    return ok;
}

static bool reads(struct all *a, const char *text)
{
    memset(a, 0, sizeof(*a));
    return read_over(a, slice_str(text), false);
}

static void refuse_slice(slice text, const char *sentence)
{
    struct all a = {0};
    char buf[CODEC_JSON_ERROR_MAX];
    CU_ASSERT_FALSE(read_over(&a, text, true));
    size_t n = codec_json_error_text(&error, text, buf);
    CU_ASSERT_EQUAL(n, strlen(buf));
    if (strcmp(buf, sentence) != 0)
        printf("\n%.*s\n  got  %s\n  want %s\n", (int)(text.len < 400 ? text.len : 400),
               (const char *)text.ptr, buf, sentence);
    CU_ASSERT_STRING_EQUAL(buf, sentence);
}

#define REFUSE(text, sentence) refuse_slice(SLICE_LIT(text), sentence)

/* --------------------------------------------------------------------------------------- reading */

/* covers: CP-26 */
static void test_syntax_errors(void)
{
    static const char *const ends[] = {
        "",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"m\":{\"a\":1",
        "[1",
        "\"abc",
        "{\"x\":\"\\u12",
        "{\"x\":\"\\",
        "{\"x\":-",
        "{\"x\":1.",
        "{\"x\":1e",
        "{\"x\":1E+",
        "-",
        "1.",
        "tru",
        "f",
        "nul",
        "{\"x\":\"\\\"}",
        "\"\\ud8",
        " \t\r\n",
        "[",
        "[1,",
        "{\"a\":[",
    };
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        refuse_slice(slice_str(ends[i]), "unexpected end of JSON input");
    REFUSE("{\"u8\":1,}", "invalid character '}' looking for beginning of object key string");
    REFUSE("{a:1}", "invalid character 'a' looking for beginning of object key string");
    REFUSE("{-:1}", "invalid character '-' looking for beginning of object key string");
    REFUSE("{'a':1}", "invalid character '\\'' looking for beginning of object key string");
    REFUSE("{\"a\" 1}", "invalid character '1' after object key");
    REFUSE("{\"u8\":1 \"b\":2}", "invalid character '\"' after object key:value pair");
    REFUSE("[1,]", "invalid character ']' looking for beginning of value");
    REFUSE("[1}", "invalid character '}' after array element");
    REFUSE("{\"raw\":[1 2]}", "invalid character '2' after array element");
    REFUSE("{\"raw\":\"a\x01\"}", "invalid character '\\x01' in string");
    REFUSE("{\"raw\":\"a\n\"}", "invalid character '\\n' in string");
    REFUSE("{\"raw\":\"a\0\"}", "invalid character '\\x00' in string");
    REFUSE("{\"\x1f\":1}", "invalid character '\\x1f' in string");
    REFUSE("{\"x\":\"a\\q\"}", "invalid escape sequence `\\q` in string");
    REFUSE("{\"x\":\"a\\u12g4\"}", "invalid escape sequence `\\u12g4` in string");
    REFUSE("{\"x\":\"\\u12\"}", "invalid escape sequence `\\u12\"}` in string");
    REFUSE("{\"x\":\"\\\xc3\xa4\"}", "invalid escape sequence \"\\\\\\xc3\" in string");
    REFUSE("{\"x\":\"\\u00e\t\"}", "invalid escape sequence \"\\\\u00e\\t\" in string");
    REFUSE("{\"x\":\"\\u 00e\"}", "invalid escape sequence \"\\\\u 00e\" in string");
    REFUSE("{\"x\":\"\\`\"}", "invalid escape sequence \"\\\\`\" in string");
    REFUSE("{\"x\":\"\\\x01\"}", "invalid escape sequence \"\\\\\\x01\" in string");
    REFUSE("{\"x\":\"\\ud800\\udc0\"}", "invalid escape sequence `\\udc0\"` in string");
    REFUSE("{\"u8\":01}", "invalid character '1' after object key:value pair");
    REFUSE("{\"u8\":-}", "invalid character '}' in numeric literal");
    REFUSE("{\"u8\":1.}", "invalid character '}' in numeric literal");
    REFUSE("{\"u8\":1.a}", "invalid character 'a' in numeric literal");
    REFUSE("{\"u8\":1e}", "invalid character '}' in numeric literal");
    REFUSE("{\"u8\":1e+}", "invalid character '}' in numeric literal");
    REFUSE("{\"u8\":1.5.5}", "invalid character '.' after object key:value pair");
    REFUSE("{\"u8\":1x}", "invalid character 'x' after object key:value pair");
    REFUSE("{\"raw\":trux}", "invalid character 'x' in literal true (expecting 'e')");
    REFUSE("{\"raw\":tx}", "invalid character 'x' in literal true (expecting 'r')");
    REFUSE("{\"raw\":nulx}", "invalid character 'x' in literal null (expecting 'l')");
    REFUSE("{\"raw\":nx}", "invalid character 'x' in literal null (expecting 'u')");
    REFUSE("{\"raw\":falsy}", "invalid character 'y' in literal false (expecting 'e')");
    REFUSE("{\"raw\":truex}", "invalid character 'x' after object key:value pair");
    REFUSE("{} x", "invalid character 'x' after top-level value");
    REFUSE("{}{}", "invalid character '{' after top-level value");
    REFUSE("null,", "invalid character ',' after top-level value");
    REFUSE("x", "invalid character 'x' looking for beginning of value");
    REFUSE("'", "invalid character '\\'' looking for beginning of value");
    REFUSE("\xff", "invalid character '\\xff' looking for beginning of value");
    REFUSE("\x0c{}", "invalid character '\\f' looking for beginning of value");
    REFUSE("\xef\xbb\xbf{}", "invalid character '\\ufeff' looking for beginning of value");
    REFUSE("{\"raw\":\x7f}", "invalid character '\\x7f' looking for beginning of value");
    REFUSE("{\"raw\":\xe2\x82\xac}", "invalid character '\xe2\x82\xac' looking for beginning of value");
    REFUSE("{\"raw\":\xe2\x80\xa8}", "invalid character '\\u2028' looking for beginning of value");
    REFUSE("{\"raw\":\xe2\x82}", "invalid character '\\xe2' looking for beginning of value");
    REFUSE("{\"raw\":\xf3\xa0\x80\x81}", "invalid character '\\U000e0001' looking for beginning of value");
    REFUSE("{\"raw\":+1}", "invalid character '+' looking for beginning of value");
    REFUSE("{\"raw\":.5}", "invalid character '.' looking for beginning of value");
    REFUSE("{\"raw\":\\}", "invalid character '\\\\' looking for beginning of value");
    /* syntax comes before types */
    REFUSE("{\"verbose\":5,\"name\":", "unexpected end of JSON input");
    REFUSE("{\"ss\":[1,2 3]}", "invalid character '3' after array element");
    REFUSE("{\"m\":{\"a\" 3}}", "invalid character '3' after object key");
    REFUSE("{\"m\":{\"a\":x}}", "invalid character 'x' looking for beginning of value");
    REFUSE("{\"branches\":[{} {}]}", "invalid character '{' after array element");
    REFUSE("{\"branches\":[{},,]}", "invalid character ',' looking for beginning of value");
    REFUSE("{\"branches\":[{\"name\":]}", "invalid character ']' looking for beginning of value");
}

/* covers: CP-26 CP-27 */
static void test_type_errors(void)
{
    REFUSE("[]", "json: cannot unmarshal array into Go value of type server.ClientOpts");
    REFUSE("\"x\"", "json: cannot unmarshal string into Go value of type server.ClientOpts");
    REFUSE("5", "json: cannot unmarshal number into Go value of type server.ClientOpts");
    REFUSE("true", "json: cannot unmarshal bool into Go value of type server.ClientOpts");
    REFUSE("{\"verbose\":\"yes\"}",
           "json: cannot unmarshal string into Go struct field ClientOpts.verbose of type bool");
    REFUSE("{\"verbose\":{}}",
           "json: cannot unmarshal object into Go struct field ClientOpts.verbose of type bool");
    REFUSE("{\"verbose\":[1]}",
           "json: cannot unmarshal array into Go struct field ClientOpts.verbose of type bool");
    REFUSE("{\"name\":5}",
           "json: cannot unmarshal number into Go struct field ClientOpts.name of type string");
    REFUSE("{\"name\":false}",
           "json: cannot unmarshal bool into Go struct field ClientOpts.name of type string");
    REFUSE("{\"protocol\":1.0}",
           "json: cannot unmarshal number 1.0 into Go struct field ClientOpts.protocol of type int");
    REFUSE("{\"protocol\":1e0}",
           "json: cannot unmarshal number 1e0 into Go struct field ClientOpts.protocol of type int");
    REFUSE("{\"protocol\":9223372036854775808}", "json: cannot unmarshal number 9223372036854775808 into Go "
                                                 "struct field ClientOpts.protocol of type int");
    REFUSE("{\"protocol\":-9223372036854775809}", "json: cannot unmarshal number -9223372036854775809 into "
                                                  "Go struct field ClientOpts.protocol of type int");
    REFUSE("{\"i8\":128}",
           "json: cannot unmarshal number 128 into Go struct field ClientOpts.i8 of type int8");
    REFUSE("{\"i16\":-32769}",
           "json: cannot unmarshal number -32769 into Go struct field ClientOpts.i16 of type int16");
    REFUSE("{\"i32\":2147483648}",
           "json: cannot unmarshal number 2147483648 into Go struct field ClientOpts.i32 of type int32");
    REFUSE("{\"u8\":256}",
           "json: cannot unmarshal number 256 into Go struct field ClientOpts.u8 of type uint8");
    REFUSE("{\"u16\":65536}",
           "json: cannot unmarshal number 65536 into Go struct field ClientOpts.u16 of type uint16");
    REFUSE("{\"u32\":-1}",
           "json: cannot unmarshal number -1 into Go struct field ClientOpts.u32 of type uint32");
    REFUSE("{\"u64\":18446744073709551616}", "json: cannot unmarshal number 18446744073709551616 into Go "
                                             "struct field ClientOpts.u64 of type uint64");
    REFUSE("{\"d\":1e999}",
           "json: cannot unmarshal number 1e999 into Go struct field ClientOpts.d of type float64");
    REFUSE("{\"d\":\"1\"}",
           "json: cannot unmarshal string into Go struct field ClientOpts.d of type float64");
    REFUSE("{\"import\":5}", "json: cannot unmarshal number into Go struct field ClientOpts.import of type "
                             "server.SubjectPermission");
    REFUSE("{\"import\":{\"allow\":5}}",
           "json: cannot unmarshal number into Go struct field ClientOpts.import.allow of type []string");
    REFUSE("{\"import\":{\"ALLOW\":{\"a\":1}}}",
           "json: cannot unmarshal object into Go struct field ClientOpts.import.ALLOW of type []string");
    REFUSE("{\"import\":{\"allow\":[5]}}",
           "json: cannot unmarshal number into ClientOpts.import.allow.0 of type string");
    REFUSE("{\"import\":{\"allow\":[\"a\",{}]}}",
           "json: cannot unmarshal object into ClientOpts.import.allow.1 of type string");
    REFUSE("{\"VERBOSE\":\"x\"}",
           "json: cannot unmarshal string into Go struct field ClientOpts.VERBOSE of type bool");
    REFUSE("{\"verb\\u006fse\":5}",
           "json: cannot unmarshal number into Go struct field ClientOpts.verbose of type bool");
    REFUSE("{\"verbo\xc5\xbf"
           "e\":\"x\"}",
           "json: cannot unmarshal string into Go struct field ClientOpts.verbo\xc5\xbf"
           "e of type bool");
    REFUSE("{\"n\xe2\x84\xaa"
           "ey\":5}",
           "json: cannot unmarshal number into Go struct field ClientOpts.n\xe2\x84\xaa"
           "ey of type string");
    REFUSE("{\"verbose\":5,\"verbose\":true,\"name\":1}",
           "json: cannot unmarshal number into Go struct field ClientOpts.verbose of type bool");
    REFUSE("{\"m\":[]}",
           "json: cannot unmarshal array into Go struct field ClientOpts.m of type map[string]string");
    REFUSE("{\"color\":\"blue\"}", "can not unmarshal \"\\\"blue\\\"\"");
    REFUSE("{\"m\":{\"b\":\"\",\"a\":5}}",
           "json: cannot unmarshal number into Go struct field ClientOpts.m.a of type string");
    REFUSE("{\"branches\":[{},5]}",
           "json: cannot unmarshal number into ClientOpts.branches.1 of type server.Branch");
    REFUSE("{\"nobody\":{\"a\":[1]}}", "json: unknown field \"nobody\"");
    REFUSE(
        "{\"branches\":[{},{\"leaves\":[{},{\"n\":\"x\"}]}]}",
        "json: cannot unmarshal string into Go struct field ClientOpts.branches.1.leaves.1.n of type int32");
}

static void stream_gives(slice text, const char *sentence)
{
    struct all a = {0};
    char buf[CODEC_JSON_ERROR_MAX] = "";
    arena = codec_arena_on(block, sizeof(block));
    const struct codec_json_options options = {.arena = &arena, .refuse_unknown = true, .stream = true};
    slice t = on_heap(text);
    if (!codec_json_read(&all_table, &a, t, &options, &error))
        codec_json_error_text(&error, t, buf);
    heap_free(t);
    if (strcmp(buf, sentence) != 0)
        printf("\n%.*s\n  got  %s\n  want %s\n", (int)(text.len < 400 ? text.len : 400),
               (const char *)text.ptr, buf, sentence);
    CU_ASSERT_STRING_EQUAL(buf, sentence);
}

/* Recorded from the answers of the JetStream API. */
static void test_streams(void)
{
#define STREAM(text, sentence) stream_gives(SLICE_LIT(text), sentence)
    STREAM("{\"name\":\"T\"}", "");
    STREAM(" {\"name\":\"T\"} \n", "");
    STREAM("null", "");
    STREAM("{\"name\":\"T\"}{}", "");
    STREAM("{\"name\":\"T\"} [1] 5 {\"x\":{}}", "");
    STREAM("{\"name\":\"T\"} x", "invalid character 'x' looking for beginning of value at offset 14");
    STREAM("{\"name\":\"T\"} {} x", "invalid character 'x' looking for beginning of value at offset 17");
    STREAM("{\"name\":\"T\"}tx", "invalid character 'x' in literal true (expecting 'r') at offset 14");
    STREAM("{\"name\":\"T\"}\"abc", "unexpected EOF");
    STREAM("{\"name\":\"T\"},", "invalid character ',' looking for beginning of value at offset 13");
    STREAM("{\"name\":\"T\"}{x",
           "invalid character 'x' looking for beginning of object key string at offset 14");
    STREAM("{\"name\":\"T\"}-", "unexpected EOF");
    STREAM("{\"name\":\"T\"", "unexpected EOF");
    STREAM("{\"name\":\"T\",\"bogus\":1", "unexpected EOF");
    STREAM("{\"bogus\":1,}", "invalid character '}' looking for beginning of object key string at offset 12");
    STREAM("{\"bogus\":1} x", "json: unknown field \"bogus\"");
    STREAM("{\"u8\":\"x\"} x",
           "json: cannot unmarshal string into Go struct field ClientOpts.u8 of type uint8");
    STREAM("{\"name\":\"\\q\"}", "invalid escape sequence `\\q` in string at offset 11");
    STREAM("{\"name\":\"\\ud8\"}", "invalid escape sequence `\\ud8\"}` in string at offset 15");
    STREAM("{\"name\":\"a\x01\"}", "invalid character '\\x01' in string at offset 11");
    STREAM("{\"name\"\xe2\x82\xac}", "invalid character '\xe2\x82\xac' after object key at offset 10");
    static char deep[CODEC_JSON_DEPTH + 8];
    memset(deep, '[', CODEC_JSON_DEPTH + 1);
    stream_gives(slice_make(deep, CODEC_JSON_DEPTH + 1), "exceeded max depth at offset 10001");
}

static void test_error_places(void)
{
    struct all a;
    CU_ASSERT_FALSE(reads(&a, "{\"name\":\"x\",  \"u8\": 300 }"));
    CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_TYPE);
    CU_ASSERT_EQUAL(error.offset, 20);
    CU_ASSERT_STRING_EQUAL(error.path, "u8");
    CU_ASSERT_FALSE(reads(&a, "{\"branches\":[{},5]}"));
    CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_TYPE);
    CU_ASSERT_TRUE(error.element);
    CU_ASSERT_STRING_EQUAL(error.path, "branches.1");
    CU_ASSERT_FALSE(reads(&a, "{\"m\":{\"k\":5}}"));
    CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_TYPE);
    CU_ASSERT_FALSE(reads(&a, "  [1, x]"));
    CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_VALUE);
    CU_ASSERT_EQUAL(error.offset, 6);
    /* a path longer than its buffer is cut */
    char text[1000];
    snprintf(text, sizeof(text), "{\"branches\":[{\"leaves\":[{\"%0300d\":1}]}]}", 7);
    memset(&a, 0, sizeof(a));
    CU_ASSERT_FALSE(read_over(&a, slice_str(text), true));
    CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_UNKNOWN);
    CU_ASSERT_STRING_EQUAL(error.path, "branches.0.leaves.0.(long name)");
    char sentence[CODEC_JSON_ERROR_MAX];
    CU_ASSERT_EQUAL(codec_json_error_text(&error, slice_str(text), sentence),
                    strlen("json: unknown field ") + 128 + 3);
}

/* covers: CP-23 CP-24 */
static void test_scalars(void)
{
    struct all a;
    CU_ASSERT_TRUE(
        reads(&a, " {\"verbose\" : true ,\"i8\":-128,\"i16\":32767,\"i32\":-2147483648,"
                  "\"protocol\":-9223372036854775808,\"u8\":255,\"u16\":65535,\"u32\":4294967295,"
                  "\"u64\":18446744073709551615,\"d\":-1.5e3,\"name\":\"n\",\"raw\": [1, {\"a\":null}] ,"
                  "\"color\":\"red\"} \r\n"));
    CU_ASSERT_TRUE(a.b);
    CU_ASSERT_EQUAL(a.i8, -128);
    CU_ASSERT_EQUAL(a.i16, 32767);
    CU_ASSERT_EQUAL(a.i32, INT32_MIN);
    CU_ASSERT_EQUAL(a.i64, INT64_MIN);
    CU_ASSERT_EQUAL(a.u8, 255);
    CU_ASSERT_EQUAL(a.u16, 65535);
    CU_ASSERT_EQUAL(a.u32, UINT32_MAX);
    CU_ASSERT_EQUAL(a.u64, UINT64_MAX);
    CU_ASSERT_EQUAL(a.d, -1500);
    CU_ASSERT(slice_eq_str(a.s, "n"));
    CU_ASSERT(slice_eq_str(a.raw, "[1, {\"a\":null}]"));
    CU_ASSERT_EQUAL(a.color, 1);
    CU_ASSERT_TRUE(reads(&a, "{\"protocol\":9223372036854775807,\"protocol\":-0,\"i8\":127}"));
    CU_ASSERT_EQUAL(a.i64, 0);
    CU_ASSERT_EQUAL(a.i8, 127);
}

/* covers: CP-24 CP-25 CP-28 */
static void test_keys_and_null(void)
{
    struct all a;
    CU_ASSERT_TRUE(reads(
        &a, "{\"VERBOSE\":true,\"Name\":\"a\",\"nAmE\":\"b\",\"unknown\":{\"verbose\":[false]},\"\":1}"));
    CU_ASSERT_TRUE(a.b);
    CU_ASSERT(slice_eq_str(a.s, "b"));
    CU_ASSERT_TRUE(reads(&a, "{\"n\\u212aEY\":\"k\",\"verbo\xc5\xbf"
                             "e\":true}"));
    CU_ASSERT(slice_eq_str(a.odd, "k"));
    CU_ASSERT_TRUE(a.b);
    CU_ASSERT_TRUE(reads(&a, "{\"n-key\":5,\"nkeyy\":5,\"nke\":5,\"n\xc3\xa4y\":5}"));
    /* null keeps plain members and clears what can be absent; absent keys keep everything */
    CU_ASSERT_TRUE(
        reads(&a, "{\"verbose\":true,\"opt\":true,\"i8\":5,\"ss\":[\"a\"],\"m\":{\"a\":\"b\"},\"import\":{},"
                  "\"branches\":[{}],\"raw\":1}"));
    CU_ASSERT_TRUE(a.has_ob && a.ob && a.has_inner);
    CU_ASSERT_EQUAL(a.ss.count, 1);
    CU_ASSERT_EQUAL(a.branches.count, 1);
    CU_ASSERT_TRUE(read_over(&a, SLICE_LIT("null"), false));
    CU_ASSERT_TRUE(read_over(&a, SLICE_LIT("{}"), false));
    CU_ASSERT_TRUE(a.b && a.has_ob && a.has_inner);
    CU_ASSERT_TRUE(read_over(&a,
                             SLICE_LIT("{\"verbose\":null,\"opt\":null,\"i8\":null,\"ss\":null,\"m\":null,"
                                       "\"import\":null,\"branches\":null,\"raw\":null,\"color\":null}"),
                             false));
    CU_ASSERT_TRUE(a.b);
    CU_ASSERT_EQUAL(a.i8, 5);
    CU_ASSERT_FALSE(a.has_ob || a.ob || a.has_inner);
    CU_ASSERT(a.ss.items == NULL && a.m.items == NULL && a.branches.items == NULL);
    CU_ASSERT(slice_eq_str(a.raw, "null"));
    CU_ASSERT_EQUAL(a.color, 7);
}

static void expect_string(slice text, slice want)
{
    struct all a = {0};
    char buf[256];
    int n = snprintf(buf, sizeof(buf), "{\"name\":\"%.*s\"}", (int)text.len, (const char *)text.ptr);
    CU_ASSERT_TRUE(read_over(&a, slice_make(buf, (size_t)n), false));
    CU_ASSERT(slice_eq(a.s, want));
}

static void test_strings(void)
{
#define STRING(text, want) expect_string(SLICE_LIT(text), SLICE_LIT(want))
    STRING("", "");
    STRING("a\\\"\\\\\\/\\b\\f\\n\\r\\tz", "a\"\\/\b\f\n\r\tz");
    STRING("\\u0000x", "\0x");
    STRING("\\u00e4\\u20AC\\uD83D\\ude00", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    STRING("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\x7f");
    /* lone surrogates, and what is not UTF-8 */
    STRING("\\ud800", "\xef\xbf\xbd");
    STRING("\\ud800x", "\xef\xbf\xbdx");
    STRING("\\ud800\\n", "\xef\xbf\xbd\n");
    STRING("\\ud800\\u0041", "\xef\xbf\xbd\x41");
    STRING("\\ud800\\ud800\\udc00", "\xef\xbf\xbd\xf0\x90\x80\x80");
    STRING("\\udc00\\ud800", "\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xff\x80", "\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz");
    STRING("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xf0\x8f\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xe0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    STRING("\xc3", "\xef\xbf\xbd");
    STRING("\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void test_arrays_and_maps(void)
{
    struct all a;
    CU_ASSERT_TRUE(
        reads(&a, "{\"ss\":[\"a\",null,\"\\u0062\"],\"m\":{\"z\":\"1\",\"a\":\"2\",\"z\":\"3\",\"k\":null,"
                  "\"\":\"e\"}}"));
    CU_ASSERT_EQUAL_FATAL(a.ss.count, 3);
    CU_ASSERT(slice_eq_str(a.ss.items[0], "a") && a.ss.items[1].len == 0 && slice_eq_str(a.ss.items[2], "b"));
    CU_ASSERT_EQUAL_FATAL(a.m.count, 4);
    CU_ASSERT(a.m.items[0].key.len == 0 && slice_eq_str(a.m.items[0].value, "e"));
    CU_ASSERT(slice_eq_str(a.m.items[1].key, "a") && slice_eq_str(a.m.items[1].value, "2"));
    CU_ASSERT(slice_eq_str(a.m.items[2].key, "k") && a.m.items[2].value.len == 0);
    CU_ASSERT(slice_eq_str(a.m.items[3].key, "z") && slice_eq_str(a.m.items[3].value, "3"));
    CU_ASSERT_TRUE(reads(&a, "{\"ss\":[],\"m\":{},\"branches\":[]}"));
    CU_ASSERT(a.ss.count == 0 && a.ss.items != NULL);
    CU_ASSERT(a.m.count == 0 && a.m.items != NULL);
    CU_ASSERT(a.branches.count == 0 && a.branches.items != NULL);
    /* a long map, in a bad order */
    static char text[65536];
    size_t n = (size_t)snprintf(text, sizeof(text), "{\"m\":{");
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\"k%03d\":\"%d\"", i == 0 ? "" : ",",
                              i * 7919 % 500, i);
    n += (size_t)snprintf(text + n, sizeof(text) - n, "}}");
    CU_ASSERT_TRUE(reads(&a, text));
    CU_ASSERT_EQUAL_FATAL(a.m.count, 500);
    for (size_t i = 0; i < 500; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%03zu", i);
        CU_ASSERT(slice_eq_str(a.m.items[i].key, key));
        CU_ASSERT(strtoul((const char *)a.m.items[i].value.ptr, NULL, 10) >=
                  500); /* the last of its equals */
    }
}

static void test_structs(void)
{
    struct all a;
    CU_ASSERT_TRUE(
        reads(&a, "{\"plain\":{\"name\":\"p\",\"leaf\":{\"n\":1},\"leaves\":[{\"s\":\"x\"},null,{\"n\":3}]},"
                  "\"branches\":[{\"name\":\"b0\"},{},{\"leaves\":[{\"n\":9}],\"leaf\":null,\"x\":[{}]}]}"));
    CU_ASSERT_TRUE(a.has_plain && a.plain.has_leaf);
    CU_ASSERT_EQUAL(a.plain.leaf.n, 1);
    CU_ASSERT_EQUAL_FATAL(a.plain.leaves.count, 3);
    const struct leaf *l = a.plain.leaves.items;
    CU_ASSERT(slice_eq_str(l[0].s, "x") && l[1].n == 0 && l[1].s.len == 0 && l[2].n == 3);
    CU_ASSERT_EQUAL_FATAL(a.branches.count, 3);
    const struct branch *b = a.branches.items;
    CU_ASSERT(slice_eq_str(b[0].name, "b0") && b[1].name.len == 0 && !b[2].has_leaf);
    CU_ASSERT_EQUAL_FATAL(b[2].leaves.count, 1);
    CU_ASSERT_EQUAL(((const struct leaf *)b[2].leaves.items)[0].n, 9);
    /* members of a struct given twice are merged */
    CU_ASSERT_TRUE(reads(&a, "{\"plain\":{\"name\":\"p\"},\"plain\":{\"leaf\":{\"n\":2}}}"));
    CU_ASSERT(slice_eq_str(a.plain.name, "p") && a.plain.leaf.n == 2);
}

static void test_depth(void)
{
    static char text[3 * CODEC_JSON_DEPTH];
    struct all a;
    for (size_t levels = CODEC_JSON_DEPTH - 2; levels <= CODEC_JSON_DEPTH + 2; levels++) {
        size_t inner = levels - 1, n = (size_t)snprintf(text, sizeof(text), "{\"x\":");
        memset(text + n, '[', inner);
        memset(text + n + inner, ']', inner);
        snprintf(text + n + 2 * inner, 2, "}");
        CU_ASSERT_EQUAL(reads(&a, text), levels <= CODEC_JSON_DEPTH);
        if (levels > CODEC_JSON_DEPTH)
            refuse_slice(slice_str(text), "exceeded max depth");
    }
}

static void test_room(void)
{
    struct all a;
    const char *text = "{\"name\":\"0123456789\",\"ss\":[\"abc\",\"def\"],\"m\":{\"k\":\"v\"},\"raw\":[1,2],"
                       "\"branches\":[{\"name\":\"x\\n\"}]}";
    size_t fits = 0;
    for (size_t cap = 0; cap < 512; cap++) {
        struct codec_arena small = codec_arena_on(block, cap);
        const struct codec_json_options options = {.arena = &small};
        memset(&a, 0, sizeof(a));
        bool ok = codec_json_read(&all_table, &a, slice_str(text), &options, &error);
        CU_ASSERT(ok || error.kind == CODEC_JSON_E_ROOM);
        CU_ASSERT(fits == 0 || ok);
        if (ok && fits == 0)
            fits = cap;
    }
    CU_ASSERT(fits > 100 && fits < 400);
    /* without an arena only what can be borrowed */
    const struct codec_json_options none = {.borrow = true};
    memset(&a, 0, sizeof(a));
    slice t = SLICE_LIT("{\"name\":\"abc\",\"raw\":[1],\"u8\":3}");
    CU_ASSERT_TRUE(codec_json_read(&all_table, &a, t, &none, &error));
    CU_ASSERT_PTR_EQUAL(a.s.ptr, t.ptr + 9);
    CU_ASSERT(slice_eq_str(a.raw, "[1]"));
    CU_ASSERT_FALSE(codec_json_read(&all_table, &a, SLICE_LIT("{\"name\":\"\\n\"}"), &none, &error));
    CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_ROOM);
    char sentence[CODEC_JSON_ERROR_MAX];
    codec_json_error_text(&error, SLICE_EMPTY, sentence);
    CU_ASSERT_STRING_EQUAL(sentence, "json: text too large");
}

/* --------------------------------------------------------------------------------------- doubles */

static double read_double(const char *text)
{
    struct codec_json_token t = {.text = slice_str(text)};
    double v = NAN;
    return codec_json_double(&t, &v) ? v : INFINITY;
}

static void test_read_doubles(void)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "1",
                                        "0.1",
                                        "1e22",
                                        "123456789.125",
                                        "1e-7",
                                        "5e-324",
                                        "2.5e-324",
                                        "1e308",
                                        "0.00001",
                                        "100000000000000000000000",
                                        "1E5",
                                        "1e+5",
                                        "1e-5",
                                        "0e9",
                                        "0.0",
                                        "4.35",
                                        "1.7976931348623157e308",
                                        "2.2250738585072014e-308",
                                        "9007199254740993"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        CU_ASSERT_EQUAL(read_double(texts[i]), strtod(texts[i], NULL));
    CU_ASSERT(signbit(read_double("-0")));
    CU_ASSERT_EQUAL(read_double("1e309"), INFINITY);
    CU_ASSERT_EQUAL(read_double("-1e309"), INFINITY);
    CU_ASSERT_EQUAL(read_double("1e99999999999999999999"), INFINITY);
    CU_ASSERT_EQUAL(read_double("1e-99999999999999999999"), 0);
    /* a tie that only the 1,000th digit decides */
    static char tie[1100];
    snprintf(tie, sizeof(tie), "9007199254740993.%0990d", 0);
    CU_ASSERT_EQUAL(read_double(tie), 9007199254740992.0);
    snprintf(tie, sizeof(tie), "9007199254740993.%0990d", 1);
    CU_ASSERT_EQUAL(read_double(tie), 9007199254740994.0);
    snprintf(tie, sizeof(tie), "1%0900d", 0);
    CU_ASSERT_EQUAL(read_double(tie), INFINITY);
    snprintf(tie, sizeof(tie), "1%0900de-900", 0);
    CU_ASSERT_EQUAL(read_double(tie), 1);
    snprintf(tie, sizeof(tie), "0.%0900d1e901", 0);
    CU_ASSERT_EQUAL(read_double(tie), 1);
}

static void expect_float(double v, const char *want)
{
    uint8_t buf[64];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_json_writer w = codec_json_writer_on(&out);
    codec_json_float(&w, v);
    slice got = codec_out_slice(&out);
    if (!slice_eq_str(got, want))
        printf("\n%.17g: got %.*s, want %s\n", v, (int)got.len, (const char *)got.ptr, want);
    CU_ASSERT(slice_eq_str(got, want));
}

static void test_write_doubles(void)
{
    expect_float(0, "0");
    expect_float(-0.0, "-0");
    expect_float(1, "1");
    expect_float(-1.5, "-1.5");
    expect_float(0.1, "0.1");
    expect_float(0.1 + 0.2, "0.30000000000000004");
    expect_float(1e20, "100000000000000000000");
    expect_float(123456789012345680000.0, "123456789012345680000");
    expect_float(1e21, "1e+21");
    expect_float(1.5e300, "1.5e+300");
    expect_float(0.000001, "0.000001");
    expect_float(0.00000123, "0.00000123");
    expect_float(0.0000001, "1e-7");
    expect_float(1.25e-9, "1.25e-9");
    expect_float(5e-324, "5e-324");
    expect_float(DBL_MAX, "1.7976931348623157e+308");
    expect_float(DBL_MIN, "2.2250738585072014e-308");
    expect_float(100, "100");
    expect_float(9.5367431640625e-7, "9.5367431640625e-7");
    expect_float(9007199254740993.0, "9007199254740992");
    expect_float(5.684341886080801e-14,
                 "5.684341886080801e-14"); /* 2^-44: fewer digits above it than around it */
    expect_float(0x1p-44,
                 "5.684341886080802e-14"); /* the decimal nearest to it reads back as the double below */
    expect_float(NAN, "null");
    expect_float(-INFINITY, "null");
    uint64_t bits = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double v, back;
        memcpy(&v, &bits, sizeof(v));
        if (!isfinite(v))
            continue;
        char buf[64];
        struct codec_out out = codec_out_on(buf, sizeof(buf) - 1);
        struct codec_json_writer w = codec_json_writer_on(&out);
        codec_json_float(&w, v);
        buf[out.len] = 0;
        struct codec_json_token t = {.text = codec_out_slice(&out)};
        CU_ASSERT(codec_json_double(&t, &back) && back == v);
    }
}

/* --------------------------------------------------------------------------------------- writing */

static slice written(const struct all *a, struct codec_out *out)
{
    struct codec_json_writer w = codec_json_writer_on(out);
    codec_json_write(&w, &all_table, a);
    return codec_out_slice(out);
}

/* covers: CP-14 */
static void test_write_strings(void)
{
    char buf[512];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_json_writer w = codec_json_writer_on(&out);
    codec_json_string(&w, SLICE_LIT("a\"\\/<>&\b\f\n\r\t\x01\x1f\x7f\0z"));
    CU_ASSERT(slice_eq_str(codec_out_slice(&out),
                           "\"a\\\"\\\\/\\u003c\\u003e\\u0026\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\\u0000z\""));
    out.len = 0;
    w.comma = false;
    codec_json_string(&w,
                      SLICE_LIT("\xc3\xa4\xe2\x80\xa8\xe2\x80\xa9\xf0\x9f\x98\x80\xff\xe2\x82\xef\xbf\xbd"));
    CU_ASSERT(slice_eq_str(codec_out_slice(&out),
                           "\"\xc3\xa4\\u2028\\u2029\xf0\x9f\x98\x80\\ufffd\\ufffd\\ufffd\xef\xbf\xbd\""));
    out.len = 0;
    w = (struct codec_json_writer){&out, false, true};
    codec_json_string(&w, SLICE_LIT("<>&\"\xe2\x80\xa8"));
    CU_ASSERT(slice_eq_str(codec_out_slice(&out), "\"<>&\\\"\\u2028\""));
}

static void test_write_stream(void)
{
    char buf[512];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_json_writer w = codec_json_writer_on(&out);
    codec_json_object(&w);
    codec_json_put_string(&w, "s", SLICE_LIT("x"));
    codec_json_put_int(&w, "i", INT64_MIN);
    codec_json_put_uint(&w, "u", UINT64_MAX);
    codec_json_put_float(&w, "f", 0.5);
    codec_json_put_bool(&w, "b", false);
    codec_json_key(&w, SLICE_LIT("a"));
    codec_json_array(&w);
    codec_json_null(&w);
    codec_json_object(&w);
    codec_json_object_end(&w);
    codec_json_array(&w);
    codec_json_array_end(&w);
    codec_json_raw(&w, SLICE_LIT("{ }"));
    codec_json_int(&w, 0);
    codec_json_array_end(&w);
    codec_json_put_bool(&w, "<", true);
    codec_json_object_end(&w);
    CU_ASSERT(slice_eq_str(
        codec_out_slice(&out),
        "{\"s\":\"x\",\"i\":-9223372036854775808,\"u\":18446744073709551615,\"f\":0.5,\"b\":false,"
        "\"a\":[null,{},[],{ },0],\"\\u003c\":true}"));
}

static const char sample[] =
    "{\"verbose\":true,\"opt\":false,\"i8\":-3,\"i16\":-300,\"i32\":-70000,\"protocol\":-5000000000,\"u8\":"
    "200,"
    "\"u16\":60000,\"u32\":4000000000,\"u64\":18446744073709551615,\"d\":0.25,\"name\":"
    "\"a\\u003c\xc3\xa4\\n\","
    "\"raw\":[1, "
    "2],\"ss\":[\"x\",\"\"],\"m\":{\"a\":\"1\",\"b\":\"\\\"\"},\"import\":{\"allow\":[\"foo.\\u003e\"]},"
    "\"plain\":{\"name\":\"\",\"leaf\":{\"n\":0}},\"branches\":[{\"name\":\"b\"},{\"name\":\"c\",\"leaf\":{"
    "\"n\":1,"
    "\"s\":\"q\"},\"leaves\":[{\"n\":1},{\"n\":2}]}],\"color\":\"red\"}";

static void test_write_structs(void)
{
    struct all a;
    char buf[2048];
    CU_ASSERT_TRUE(reads(&a, sample));
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    slice got = written(&a, &out);
    CU_ASSERT(slice_eq_str(got, sample));
    /* a smaller block gives the size, and nothing is written past its end */
    for (size_t cap = 0; cap < sizeof(sample); cap++) {
        memset(buf, '#', sizeof(buf));
        struct codec_out small = codec_out_on(buf, cap);
        written(&a, &small);
        CU_ASSERT_EQUAL(small.len, sizeof(sample) - 1);
        CU_ASSERT_EQUAL(codec_out_ok(&small), cap >= sizeof(sample) - 1);
        CU_ASSERT_EQUAL(buf[cap], '#');
    }
    memset(&a, 0, sizeof(a));
    out.len = 0;
    CU_ASSERT(slice_eq_str(written(&a, &out), "{\"verbose\":false}"));
}

/* Members that are not left out: absent ones are null. */
static void test_write_null(void)
{
    static const struct codec_json_field fields[] = {
        CODEC_JSON_FIELD(struct all, ss, "ss", CODEC_JSON_T_STRINGS, KEEP),
        CODEC_JSON_FIELD(struct all, m, "m", CODEC_JSON_T_MAP, KEEP),
        CODEC_JSON_FIELD(struct all, raw, "raw", CODEC_JSON_T_RAW, KEEP),
        CODEC_JSON_FIELD_HAS(struct all, ob, has_ob, "opt", CODEC_JSON_T_BOOL, KEEP),
        CODEC_JSON_FIELD_OBJECT(struct all, inner, has_inner, "import", KEEP, &inner_table),
        CODEC_JSON_FIELD_OBJECTS(struct all, branches, "branches", KEEP, &branch_table),
        {.name = "plain",
         .name_len = 5,
         .type = CODEC_JSON_T_OBJECT,
         .offset = offsetof(struct all, plain),
         .size = sizeof(struct branch),
         .table = &branch_table,
         .flags = OMIT},
    };
    static const struct codec_json_table table = CODEC_JSON_TABLE("x", struct all, fields);
    struct all a = {.has_inner = false};
    char buf[512];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_json_writer w = codec_json_writer_on(&out);
    codec_json_write(&w, &table, &a);
    CU_ASSERT(slice_eq_str(codec_out_slice(&out),
                           "{\"ss\":null,\"m\":null,\"raw\":null,\"opt\":null,\"import\":null,"
                           "\"branches\":null,\"plain\":{\"name\":\"\"}}"));
    CU_ASSERT_TRUE(reads(&a, "{\"ss\":[],\"m\":{},\"import\":{},\"branches\":[],\"opt\":false}"));
    out.len = 0;
    w = codec_json_writer_on(&out);
    codec_json_write(&w, &table, &a);
    CU_ASSERT(slice_eq_str(codec_out_slice(&out),
                           "{\"ss\":[],\"m\":{},\"raw\":null,\"opt\":false,\"import\":{},"
                           "\"branches\":[],\"plain\":{\"name\":\"\"}}"));
}

static bool grow_by_doubling(struct codec_out *out, size_t need)
{
    size_t cap = out->cap == 0 ? 1 : out->cap;
    while (cap < need)
        cap *= 2;
    uint8_t *p = cap > 512 ? NULL : realloc(out->ptr, cap);
    if (p == NULL)
        return false;
    out->ptr = p;
    out->cap = cap;
    return true;
}

static void test_out_grows(void)
{
    struct codec_out out = {.grow = grow_by_doubling};
    struct codec_json_writer w = codec_json_writer_on(&out);
    codec_json_array(&w);
    for (int i = 0; i < 100; i++)
        codec_json_int(&w, i);
    codec_json_array_end(&w);
    CU_ASSERT_TRUE(codec_out_ok(&out));
    CU_ASSERT_EQUAL(out.len, 291);
    CU_ASSERT(slice_starts(codec_out_slice(&out), SLICE_LIT("[0,1,2,3,")));
    for (int i = 0; i < 100; i++)
        codec_json_int(&w, i);
    CU_ASSERT_FALSE(codec_out_ok(&out)); /* the limit in the grow function */
    CU_ASSERT_EQUAL(out.len, 291 + 290);
    free(out.ptr);
}

static void test_copy(void)
{
    static uint8_t second[4096];
    struct all a, copy;
    CU_ASSERT_TRUE(reads(&a, sample));
    struct codec_arena none = codec_arena_on(NULL, 0), some = codec_arena_on(second, sizeof(second));
    CU_ASSERT_FALSE(codec_json_copy(&all_table, &copy, &a, &none));
    CU_ASSERT_TRUE(codec_json_copy(&all_table, &copy, &a, &some));
    CU_ASSERT(none.used >= some.used && none.used <= some.used + 64);
    for (size_t cap = 0; cap < some.used; cap++) {
        struct codec_arena small = codec_arena_on(second, cap);
        CU_ASSERT_FALSE(codec_json_copy(&all_table, &copy, &a, &small));
        CU_ASSERT_EQUAL(small.used, some.used);
    }
    some = codec_arena_on(second, sizeof(second));
    CU_ASSERT_TRUE(codec_json_copy(&all_table, &copy, &a, &some));
    memset(block, '#', sizeof(block)); /* what the original pointed to */
    memset(&a, '#', sizeof(a));
    char buf[2048];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    CU_ASSERT(slice_eq_str(written(&copy, &out), sample));
}

/* A table that contains itself: nesting is bounded on the way in, out and across. */
struct node {
    struct codec_json_array kids;
    int64_t wait;
};

static const struct codec_json_table node_table;
static const struct codec_json_field node_fields[] = {
    CODEC_JSON_FIELD_OBJECTS(struct node, kids, "kids", OMIT, &node_table),
    {.name = "wait",
     .name_len = 4,
     .type = CODEC_JSON_T_INT,
     .flags = OMIT,
     .offset = offsetof(struct node, wait),
     .size = sizeof(int64_t),
     .go_type = "time.Duration"},
};
static const struct codec_json_table node_table = CODEC_JSON_TABLE("Node", struct node, node_fields);

static slice write_node(const struct node *n, struct codec_out *out)
{
    struct codec_json_writer w = codec_json_writer_on(out);
    codec_json_write(&w, &node_table, n);
    return codec_out_slice(out);
}

static void expect_nesting(int levels)
{
    static uint8_t other[4096];
    char text[256], buf[256];
    struct node n = {.wait = 0}, copy;
    size_t len = 0;
    for (int i = 1; i < levels; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "{\"kids\":[");
    len += (size_t)snprintf(text + len, sizeof(text) - len, "{}");
    for (int i = 1; i < levels; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "]}");
    arena = codec_arena_on(block, sizeof(block));
    const struct codec_json_options options = {.arena = &arena};
    bool ok = codec_json_read(&node_table, &n, slice_str(text), &options, &error);
    CU_ASSERT_EQUAL(ok, levels <= CODEC_JSON_TABLES);
    if (!ok) {
        CU_ASSERT_EQUAL(error.kind, CODEC_JSON_E_DEPTH);
        return;
    }
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    CU_ASSERT(slice_eq_str(write_node(&n, &out), text));
    struct codec_arena second = codec_arena_on(other, sizeof(other));
    CU_ASSERT_TRUE(codec_json_copy(&node_table, &copy, &n, &second));
}

static void test_nested_tables(void)
{
    for (int levels = 1; levels <= CODEC_JSON_TABLES + 1; levels++)
        expect_nesting(levels);
    /* a struct made by hand, one level too deep: written up to there, not copied */
    struct node chain[CODEC_JSON_TABLES + 1] = {{.wait = 0}}, copy;
    for (int i = 0; i < CODEC_JSON_TABLES; i++)
        chain[i].kids = (struct codec_json_array){&chain[i + 1], 1};
    char buf[256];
    struct codec_out out = codec_out_on(buf, sizeof(buf) - 1);
    write_node(&chain[0], &out);
    buf[out.len] = 0;
    CU_ASSERT_PTR_NOT_NULL(strstr(buf, "{\"kids\":null}]"));
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_FALSE(codec_json_copy(&node_table, &copy, &chain[0], &arena));
}

static void test_type_names(void)
{
    struct node n = {.wait = 0};
    slice bad = SLICE_LIT("{\"wait\":\"1s\"}");
    char sentence[CODEC_JSON_ERROR_MAX];
    const struct codec_json_options options = {.borrow = true};
    CU_ASSERT_FALSE(codec_json_read(&node_table, &n, bad, &options, &error));
    codec_json_error_text(&error, bad, sentence);
    CU_ASSERT_STRING_EQUAL(
        sentence, "json: cannot unmarshal string into Go struct field Node.wait of type time.Duration");
    CU_ASSERT_TRUE(codec_json_read(&node_table, &n, SLICE_LIT("{\"wait\":5}"), &options, &error));
    codec_json_error_text(&error, SLICE_EMPTY, sentence);
    CU_ASSERT_STRING_EQUAL(sentence, "no error");
}

/* ----------------------------------------------------------------------------------- pull parser */

static void test_pull(void)
{
    static const enum codec_json_event want[] = {
        CODEC_JSON_OBJECT,     CODEC_JSON_KEY,  CODEC_JSON_ARRAY,  CODEC_JSON_NUMBER,
        CODEC_JSON_STRING,     CODEC_JSON_TRUE, CODEC_JSON_FALSE,  CODEC_JSON_NULL,
        CODEC_JSON_ARRAY_END,  CODEC_JSON_KEY,  CODEC_JSON_OBJECT, CODEC_JSON_OBJECT_END,
        CODEC_JSON_OBJECT_END, CODEC_JSON_END,  CODEC_JSON_END,
    };
    struct codec_json p;
    struct codec_json_token t;
    codec_json_init(&p, SLICE_LIT("{\"a\":[1,\"\\n\",true,false,null],\"b\":{}}"));
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        CU_ASSERT_EQUAL(codec_json_next(&p, &t), want[i]);
    codec_json_init(&p, SLICE_LIT("[[1,[2]],3]"));
    slice raw;
    CU_ASSERT_EQUAL(codec_json_next(&p, &t), CODEC_JSON_ARRAY);
    CU_ASSERT_EQUAL(codec_json_next(&p, &t), CODEC_JSON_ARRAY);
    CU_ASSERT_TRUE(codec_json_skip(&p, CODEC_JSON_ARRAY, &t, &raw));
    CU_ASSERT(slice_eq_str(raw, "[1,[2]]"));
    CU_ASSERT_EQUAL(codec_json_next(&p, &t), CODEC_JSON_NUMBER);
    CU_ASSERT_TRUE(codec_json_skip(&p, CODEC_JSON_NUMBER, &t, NULL));
    CU_ASSERT(t.integer && slice_eq_str(t.text, "3"));
    codec_json_init(&p, SLICE_LIT("[[1,x"));
    CU_ASSERT_EQUAL(codec_json_next(&p, &t), CODEC_JSON_ARRAY);
    CU_ASSERT_FALSE(codec_json_skip(&p, CODEC_JSON_ARRAY, &t, &raw));
    CU_ASSERT_EQUAL(codec_json_next(&p, &t), CODEC_JSON_BAD);
    CU_ASSERT_FALSE(codec_json_skip(&p, CODEC_JSON_BAD, &t, &raw));
    CU_ASSERT_EQUAL(p.error, CODEC_JSON_E_VALUE);
    CU_ASSERT_EQUAL(p.error_at, 4);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_syntax_errors), UNIT_TEST(test_streams),
    UNIT_TEST(test_type_errors),   UNIT_TEST(test_error_places),
    UNIT_TEST(test_scalars),       UNIT_TEST(test_keys_and_null),
    UNIT_TEST(test_strings),       UNIT_TEST(test_arrays_and_maps),
    UNIT_TEST(test_structs),       UNIT_TEST(test_depth),
    UNIT_TEST(test_room),          UNIT_TEST(test_read_doubles),
    UNIT_TEST(test_write_doubles), UNIT_TEST(test_write_strings),
    UNIT_TEST(test_write_stream),  UNIT_TEST(test_write_structs),
    UNIT_TEST(test_write_null),    UNIT_TEST(test_out_grows),
    UNIT_TEST(test_copy),          UNIT_TEST(test_pull),
    UNIT_TEST(test_nested_tables), UNIT_TEST(test_type_names),
};

UNIT_MAIN("json codec", tests)
