/* The configuration language: texts and the trees or errors that they give. The rows were checked against the
 * Go server (its digest is the SHA-256 of the JSON shown here); tests/parity/config.sh repeats that. */
#include "base/arena.h"
#include "base/config_lex.h"
#include "base/config_tree.h"
#include "unit.h"
#include <midge/memory.h>
#include <errno.h>
#include <stdlib.h>

/* ---- files and variables that exist for these tests ---- */

struct pair {
    const char *name, *text;
};

static const struct pair files[] = {
    {"inc.conf", "b: 2\n"},
    {"dir/outer.conf", "include inner.conf\nx: 1\n"},
    {"dir/inner.conf", "y: $z\nz: 1"},
    {"dir/good.conf", "include \"./sub/../leaf.conf\"\n"},
    {"dir/leaf.conf", "leaf: true"},
    {"self.conf", "include self.conf"},
    {"bad.conf", "a: 1\nport: ,\n m { a: ,"},
    {"inc.conf,", "comma: 1"},
    {"abs/leaf.conf", "leaf: abs"},
};

static const struct pair variables[] = {
    {"SIZE", "1kb"},  {"FLAG", "true"}, {"MAP", "{port: 1}"}, {"LIST", "[a, b]"},
    {"EMPTY", ""},    {"TWO", "a b"},   {"CYCLE", "$CYCLE2"}, {"CYCLE2", "$CYCLE"},
    {"HOP", "$SIZE"}, {"DROP", "1kbb"}, {"LINES", "1\nb: 2"},
};

static int read_memory(void *ctx, const char *path, size_t limit, struct arena *arena, slice *out,
                       bool *opened)
{
    (void)ctx;
    (void)limit;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (strcmp(files[i].name, path) == 0) {
            *opened = true;
            *out = arena_copy(arena, slice_str(files[i].text));
            return 0;
        }
    }
    return -ENOENT;
}

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (strcmp(variables[i].name, name) == 0)
            return variables[i].text;
    return NULL;
}

static const struct cfg_source memory = {.read = read_memory, .variable = variable};

/* ---- rows: text, and JSON or the error ---- */

struct row {
    const char *text;
    size_t len;
    const char *want;
};

#define ROW(text, want)                  \
    {                                    \
        (text), sizeof(text) - 1, (want) \
    }

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct arena *a = arena_new(0);
        slice text = slice_make(rows[i].text, rows[i].len), error, got;
        struct cfg_value *v = cfg_parse(&memory, "c.conf", text, a, &error);
        got = error;
        if (v != NULL) {
            struct codec_out out = codec_out_on(arena_alloc(a, 65536), 65536);
            CU_ASSERT_TRUE(cfg_write_json(v, &out));
            got = codec_out_slice(&out);
        }
        bool ok = slice_eq_str(got, rows[i].want);
        CU_ASSERT_TRUE(ok);
        if (!ok)
            printf("\n  text: %.*s\n  want: %s\n  got:  %.*s\n", (int)text.len, (const char *)text.ptr,
                   rows[i].want, (int)got.len, (const char *)got.ptr);
        arena_free(a);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

/* covers: CF-1 CF-2 CF-3 CF-5 CF-6 CF-7 CF-8 CF-9 CF-10 CF-11 CF-14 */
static void test_entries(void)
{
    static const struct row rows[] = {
        ROW("port 4222", "{\"port\":4222}"),
        ROW("port: 4222", "{\"port\":4222}"),
        ROW("port = 4222", "{\"port\":4222}"),
        ROW("# c\nport: 4222 # c\n// d\nm { # e\n a: 1 // f\n}\nl [ # g\n 1 # h\n 2 // i\n]",
            "{\"l\":[1,2],\"m\":{\"a\":1},\"port\":4222}"),
        ROW("a: foo#bar\nb: foo//bar", "{\"a\":\"foo#bar\",\"b\":\"foo//bar\"}"),
        ROW("{\"port\": 4222, \"host\": \"x\"}", "{\"host\":\"x\",\"port\":4222}"),
        ROW("{\nport: 4222\n", "{\"port\":4222}"),
        ROW("{ {port: 4222 }, host: b }", "{\"host\":\"b\",\"port\":4222}"),
        ROW("{}\nport: 1", "{\"port\":1}"),
        ROW("port: 4222 }", "{\"port\":4222}"),
        ROW("port: 4222 / \n", "{\"port\":4222}"),
        ROW("}", "{}"),
        ROW("", "{}"),
        ROW("port", "config is invalid (c.conf:1:4)"),
        ROW("   port", "config is invalid (c.conf:1:7)"),
        ROW("\n\n port", "config is invalid (c.conf:3:6)"),
        ROW("port:", "{\"port\":\"\"}"),
        ROW("port:\n", "Parse error on line 2: 'Expected value but found new line'"),
        ROW("m\n{ a: 1 }", "{\"m\":{\"a\":1}}"),
        ROW("= 4", "Parse error on line 1: 'Unexpected key separator '=''"),
        ROW("/x: 1", "Parse error on line 1: 'Unexpected EOF.'"),
        ROW("port: 4222 junk",
            "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or "
            "EOF, but got 'j' instead.'"),
        ROW("{port: 4222 x",
            "Parse error on line 1: 'Expected a block-level value to end with a new line, comment or "
            "EOF, but got 'x' instead.'"),
        ROW("{ {port: 4222} x",
            "Parse error on line 1: 'Expected a block-level to end with a '}', but got 'x' "
            "instead.'"),
        ROW("a: 1\na: 2", "{\"a\":2}"),
        ROW("a: 1, b: 2; c: 3", "{\"a\":1,\"b\":2,\"c\":3}"),
    };
    CHECK(rows);
}

/* covers: CF-15 CF-16 CF-17 CF-18 */
static void test_keys(void)
{
    static const struct row rows[] = {
        ROW("\"a b\": 1\n'c:d' 2\nm { \"e f\" = 3, 'g': 4 }",
            "{\"a b\":1,\"c:d\":2,\"m\":{\"e f\":3,\"g\":4}}"),
        ROW("a{b\".: 1", "{\"a{b\\\".\":1}"),
        ROW("\xef\xbb\xbfport: 1", "{\"\xef\xbb\xbfport\":1}"),
        ROW("a: 1\r\nb: 2\r\n", "{\"a\":1,\"b\":2}"),
        ROW("a: 1\r\nb\r\n", "config is invalid (c.conf:3:1)"),
        ROW("port: 4222\0host: x", "{\"host\":\"x\",\"port\":4222}"),
        ROW("\xc2\xa0 \xe3\x80\x80port\xc2\x85 1", "{\"port\":1}"),
        ROW("\"a", "Parse error on line 1: 'Unexpected EOF.'"),
        ROW("\"", "{}"),
    };
    CHECK(rows);
}

/* covers: CF-19 CF-20 CF-21 CF-22 CF-23 CF-24 CF-25 CF-26 CF-27 */
static void test_strings(void)
{
    static const struct row rows[] = {
        ROW("a: \"\\t\\n\\r\\\"\\\\\\x41\\xe9\"", "{\"a\":\"\\t\\n\\r\\\"\\\\A\xef\xbf\xbd\"}"),
        ROW("a: \"x\\qy\"",
            "Parse error on line 1: 'Invalid escape character 'q'. Only the following escape characters "
            "are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'"),
        ROW("a: \"a\\x4\"",
            "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got '4\"''"),
        ROW("a: \"\\xZZ\"",
            "Parse error on line 1: 'Expected two hexadecimal digits after '\\x', but got 'ZZ''"),
        ROW("a: \"\\x4\n\"",
            "Parse error on line 2: 'Expected two hexadecimal digits after '\\x', but hit end of line'"),
        ROW("a: 'x\\ny'", "{\"a\":\"x\\\\ny\"}"),
        ROW("a: x\\ty\\x41", "{\"a\":\"x\\tyA\"}"),
        ROW("a: \\x74rue", "{\"a\":\"true\"}"),
        ROW("a: \"1\n2\"\nb: '3\n4'\nc", "config is invalid (c.conf:5:2)"),
        ROW("a: \"1\n2\"\nb: '3\n4'", "{\"a\":\"1\\n2\",\"b\":\"3\\n4\"}"),
        ROW("a: \"b", "Parse error on line 1: 'Unexpected EOF.'"),
        ROW("a: 'b", "Parse error on line 1: 'Unexpected EOF.'"),
        ROW("a: foo'b: 1",
            "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, "
            "but got 'b' instead.'"),
        ROW("a: foo'\nb: 1", "{\"a\":\"foo\",\"b\":1}"),
        ROW("a: x{[(#\":=y", "{\"a\":\"x{[(#\\\":=y\"}"),
        ROW("a: (\n x\n y)\n)\nb: 1", "{\"a\":\"\\n x\\n y)\\n\",\"b\":1}"),
        ROW("a: (\nx\n)", "{\"a\":\"\\nx\\n)\"}"),
        ROW("a: (abc)\n", "Parse error on line 2: 'Unexpected EOF processing block.'"),
        ROW("a: yes, b: NO, c: On, d: off, e: True, f: fALSE, g: \"true\"",
            "{\"a\":true,\"b\":false,\"c\":true,\"d\":false,\"e\":true,\"f\":false,\"g\":\"true\"}"),
        ROW("a: trues, b: o", "{\"a\":\"trues\",\"b\":\"o\"}"),
    };
    CHECK(rows);
}

/* covers: CF-28 CF-29 CF-30 CF-31 CF-32 CF-33 CF-34 CF-35 */
static void test_numbers(void)
{
    static const struct row rows[] = {
        ROW("a: 1k, b: 1kb, c: 1Ki, d: 1kIB, e: 2m, f: 2MB, g: 1g, h: 1gi, i: 1t, j: 1tib, k: 1p, l: 1pb, m: "
            "1e, n: 1eb",
            "{\"a\":1000,\"b\":1024,\"c\":1024,\"d\":1024,\"e\":2000000,\"f\":2097152,\"g\":1000000000,\"h\":"
            "1073741824,"
            "\"i\":1000000000000,\"j\":1099511627776,\"k\":1000000000000000,\"l\":1125899906842624,"
            "\"m\":1000000000000000000,\"n\":1152921504606846976}"),
        ROW("a: 9eb", "{\"a\":-8070450532247928832}"),
        ROW("a: 99999999999999999999", "integer '99999999999999999999' is out of the range"),
        ROW("a: 9223372036854775807, b: -9223372036854775808",
            "{\"a\":9223372036854775807,\"b\":-9223372036854775808}"),
        ROW("a: 9223372036854775808", "integer '9223372036854775808' is out of the range"),
        ROW("a: 007, b: -0", "{\"a\":7,\"b\":0}"),
        ROW("a: 1kx", "{\"a\":\"1kx\"}"),
        ROW("a: 1k5", "{\"a\":\"1k5\"}"),
        ROW("a: 1kbb\nb: 2\nm { c: 1kbb }", "{\"b\":2,\"c\":{}}"),
        ROW("a: -1k", "{\"a\":-1000}"),
        ROW("a: 1.5, b: -1.5, c: 0.0000001, d: 1.0", "{\"a\":1.5,\"b\":-1.5,\"c\":1e-7,\"d\":1}"),
        ROW("a: 123456789012345678901234567.0", "{\"a\":1.2345678901234568e+26}"),
        ROW("a: 1.",
            "Parse error on line 1: 'Floats must have a digit after the '.', but got '"), /* and NUL */
        ROW("a: 1.x",
            "Parse error on line 1: 'Floats must have a digit after the '.', but got 'x' instead.'"),
        ROW("a: .5", "Parse error on line 1: 'Floats must start with a digit'"),
        ROW("a: -.5", "Parse error on line 1: 'Floats must start with a digit, not '.'.'"),
        ROW("a: -abc", "Parse error on line 1: 'Expected a digit but got 'a'.'"),
        ROW("a: 1.5e3",
            "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but "
            "got 'e' instead.'"),
        ROW("a: 1.2a",
            "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but "
            "got 'a' instead.'"),
        ROW("a: 127.0.0.1, b: 10.0.0.1:4222, c: 1.2.3-4:5", "{\"a\":\"127.0.0.1\",\"b\":\"10.0.0.1:4222\","
                                                            "\"c\":\"1.2.3-4:5\"}"),
        ROW("a: 1abc", "{\"a\":\"1abc\"}"),
        ROW("a: 12-a", "Parse error on line 1: 'All ISO8601 dates must be in full Zulu form.'"),
        ROW("a: 2020-a",
            "Parse error on line 1: 'Expected digit in ISO8601 datetime, but found 'a' instead.'"),
        ROW("a: 2020-01-02x",
            "Parse error on line 1: 'Expected 'T' in ISO8601 datetime, but found 'x' instead.'"),
        ROW("a: 2020-01-02T03:04:05Z", "{\"a\":\"2020-01-02T03:04:05Z\"}"),
        ROW("a: 2020-02-30T03:04:05Z", "expected Zulu formatted DateTime, but got '2020-02-30T03:04:05Z'"),
    };
    /* the end of the file shows as NUL: compare the part before it */
    struct row all[sizeof rows / sizeof rows[0]];
    size_t n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].text, "a: 1.") != 0) {
            all[n++] = rows[i];
            continue;
        }
        struct arena *a = arena_new(0);
        slice error;
        CU_ASSERT_PTR_NULL(cfg_parse(&memory, "c.conf", SLICE_LIT("a: 1."), a, &error));
        CU_ASSERT_TRUE(slice_starts(error, slice_str(rows[i].want)));
        CU_ASSERT_TRUE(slice_eq(slice_from(error, strlen(rows[i].want)), SLICE_LIT("\0' instead.'")));
        arena_free(a);
    }
    check(all, n);
}

/* covers: CF-36 CF-37 */
static void test_arrays(void)
{
    static const struct row rows[] = {
        ROW("a: [a, b]", "{\"a\":[\"a\",\"b\"]}"),
        ROW("a: [a\nb\n]", "{\"a\":[\"a\",\"b\"]}"),
        ROW("a: [a, b,]", "{\"a\":[\"a\",\"b\"]}"),
        ROW("a: [[1 ], {b: [true]}, []]", "{\"a\":[[1],{\"b\":[true]},[]]}"),
        ROW("a: [a b]",
            "Parse error on line 1: 'Expected an array value terminator \",\" or an array terminator \"]\", "
            "but got 'b' instead.'"),
        ROW("a: [a,,b]", "Parse error on line 1: 'Unexpected array value terminator ','.'"),
        ROW("a: [,b]", "Parse error on line 1: 'Unexpected array value terminator ','.'"),
        ROW("a: [1]\nb: 2\n",
            "Parse error on line 2: 'Expected an array value terminator \",\" or an array terminator "
            "\"]\", but got '2' instead.'"),
        ROW("a: [1 ]", "{\"a\":[1]}"),
        ROW("a: [1k]", "{\"a\":[\"1k\"]}"),
        ROW("a: [1kb,2kb]", "{\"a\":[1024,\"2kb\"]}"),
        ROW("a: [-1]", "{\"a\":[-1]}"),
        ROW("a: [1.5]", "{\"a\":[1.5]}"),
    };
    CHECK(rows);
}

/* covers: CF-38 CF-39 */
static void test_maps(void)
{
    static const struct row rows[] = {
        ROW("m { a: 1; b: 2, c: 3\nd: 4 }", "{\"m\":{\"a\":1,\"b\":2,\"c\":3,\"d\":4}}"),
        ROW("m { a: x h: 2 }",
            "Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator \"}\", "
            "but got 'h' instead.'"),
        ROW("m { a: , }", "Parse error on line 1: 'Unexpected map value terminator \",\".'"),
        ROW("m { : 1 }", "Parse error on line 1: 'Unexpected key separator ':'.'"),
        ROW("m { ] }", "Parse error on line 1: 'Unexpected array end ']' processing map.'"),
        ROW("m { a: 1",
            "Parse error on line 1: 'Expected a map value terminator \",\" or a map terminator \"}\", but "
            "got '"),
        ROW("m { a: 1\n", "Parse error on line 2: 'Unexpected EOF processing map.'"),
        ROW("m { ab", "Parse error on line 1: 'Unexpected EOF processing map key.'"),
        ROW("m { 'a", "Parse error on line 1: 'Unexpected EOF processing quoted map key.'"),
        ROW("m { \"a", "Parse error on line 1: 'Unexpected EOF processing double quoted map key.'"),
        ROW("m { a:\n 1 }", "{\"m\":{\"a\":1}}"),
    };
    static struct row all[sizeof rows / sizeof rows[0] - 1];
    size_t n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].text, "m { a: 1") != 0)
            all[n++] = rows[i];
    check(all, n);
}

/* covers: CF-40 CF-41 CF-42 CF-43 CF-44 CF-45 CF-46 CF-47 CF-49 */
static void test_variables(void)
{
    static const struct row rows[] = {
        ROW("x: 1kb\na: $x\nm { b: $x }", "{\"a\":1024,\"m\":{\"b\":1024},\"x\":1024}"),
        ROW("x { y: [a] }\na: $x", "{\"a\":{\"y\":[\"a\"]},\"x\":{\"y\":[\"a\"]}}"),
        ROW("m { x: in\n a: $x }\nx: out", "{\"m\":{\"a\":\"in\",\"x\":\"in\"},\"x\":\"out\"}"),
        ROW("a: $P\nP: 1", "variable reference for 'P' on line 1 can not be found"),
        ROW("m { x: 1 }\nn { a: $x }", "variable reference for 'x' on line 2 can not be found"),
        ROW("X: 1\na: $x", "variable reference for 'x' on line 2 can not be found"),
        ROW("a: $SIZE, b: $FLAG, c: $MAP, d: $LIST, e: $EMPTY, f: $HOP, g: $LINES",
            "{\"a\":1024,\"b\":true,\"c\":{\"port\":1},\"d\":[\"a\",\"b\"],\"e\":\"\",\"f\":1024,\"g\":1}"),
        ROW("a: $DROP", "variable reference for 'DROP' on line 1 can not be found"),
        ROW("a: \"$SIZE\", b: x$SIZE", "{\"a\":\"$SIZE\",\"b\":\"x$SIZE\"}"),
        ROW("a: $2a$11$abc", "{\"a\":\"$2a$11$abc\"}"),
        ROW("a: $2b$11$abc", "variable reference for '2b$11$abc' on line 1 can not be found"),
        ROW("a: $TWO",
            "variable reference for 'TWO' on line 1 could not be parsed: Parse error on line 1: 'Expected a "
            "top-level value to end with a new line, comment or EOF, but got 'b' instead.'"),
        ROW("\na: $CYCLE",
            "variable reference for 'CYCLE' on line 2 could not be parsed: variable reference for "
            "'CYCLE2' on line 1 could not be parsed: variable reference for 'CYCLE' on line 1 could not "
            "be parsed: variable reference cycle for 'CYCLE'"),
        ROW("a: $", "variable reference for '' on line 1 can not be found"),
    };
    CHECK(rows);
}

/* covers: CF-50 CF-51 CF-52 CF-53 CF-54 CF-55 */
static void test_includes(void)
{
    static const struct row rows[] = {
        ROW("a: 1\ninclude inc.conf\nc: $b", "{\"a\":1,\"b\":2,\"c\":2}"),
        ROW("m { include 'inc.conf'; x: 1 }", "{\"m\":{\"b\":2,\"x\":1}}"),
        ROW("b: 1\nINCLUDE \"inc.conf\"\n", "{\"b\":2}"),
        ROW("include dir/good.conf", "{\"leaf\":true}"),
        ROW("include /abs/leaf.conf", "{\"leaf\":\"abs\"}"),
        ROW("z: 5\ninclude dir/outer.conf", "error parsing include file 'dir/outer.conf', error parsing "
                                            "include file 'inner.conf', variable reference "
                                            "for 'z' on line 1 can not be found"),
        ROW("include nope.conf",
            "error parsing include file 'nope.conf', open nope.conf: no such file or directory"),
        ROW("include bad.conf",
            "error parsing include file 'bad.conf', Parse error on line 3: 'Unexpected map value "
            "terminator \",\".'"),
        ROW("include inc.conf, host: x",
            "Parse error on line 1: 'Expected a top-level value to end with a new line, "
            "comment or EOF, but got 'h' instead.'"),
        ROW("include inc.conf,\nhost: x", "{\"comma\":1,\"host\":\"x\"}"),
        ROW("include: 'x'", "{\"include\":\"x\"}"),
        ROW("\"include\" 'x'", "{\"include\":\"x\"}"),
        ROW("include [", "Parse error on line 1: 'Expected include value but found start of an array'"),
        ROW("include {", "Parse error on line 1: 'Expected include value but found start of a map'"),
        ROW("include (", "Parse error on line 1: 'Expected include value but found start of a block'"),
        ROW("include 5", "Parse error on line 1: 'Expected include value but found start of a number'"),
        ROW("include \\", "Parse error on line 1: 'Expected include value but found escape sequence'"),
        ROW("include \n", "Parse error on line 2: 'Expected include value but found new line'"),
        ROW("include 'x", "Parse error on line 1: 'Unexpected EOF in quoted include'"),
        ROW("include \"x", "Parse error on line 1: 'Unexpected EOF in double quoted include'"),
    };
    CHECK(rows);
}

static struct cfg_value *get(const struct cfg_value *map, const char *key)
{
    struct cfg_value *v = cfg_get(map->map, slice_str(key));
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    return v;
}

static void at(const struct cfg_value *v, const char *file, int line, int col)
{
    CU_ASSERT_STRING_EQUAL(v->file, file);
    CU_ASSERT_EQUAL(v->line, line);
    CU_ASSERT_EQUAL(v->col, col);
}

/* covers: CF-48 CF-56 CF-57 */
static void test_positions(void)
{
    struct arena *a = arena_new(0);
    slice error;
    struct cfg_value *root =
        cfg_parse(&memory, "c.conf",
                  SLICE_LIT(" port: 1\n  x: 1\n\ty: [a, \"b\",\n   c]\n m {\n  n: {o: $x}\n }\n"
                            "include inc.conf\nv: $LIST\n"),
                  a, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    at(get(root, "port"), "c.conf", 1, 1);
    at(get(root, "x"), "c.conf", 2, 3);
    const struct cfg_value *y = get(root, "y");
    at(y, "c.conf", 3, 2);
    at(y->list->items[0], "c.conf", 3, 6);
    at(y->list->items[1], "c.conf", 3, 10);
    at(y->list->items[2], "c.conf", 4, 4);
    const struct cfg_value *n = get(get(root, "m"), "n");
    at(n, "c.conf", 6, 3);
    at(get(n, "o"), "c.conf", 6, 7);
    at(get(root, "b"), "inc.conf", 1, 0);
    CU_ASSERT_TRUE(get(root, "x")->used);
    CU_ASSERT_FALSE(get(n, "o")->used);
    CU_ASSERT_FALSE(get(root, "v")->bare);
    CU_ASSERT_TRUE(get(root, "v")->list->items[0]->bare);
    arena_free(a);
}

/* Input that Go would follow without end. */
static void test_bounds(void)
{
    struct arena *a = arena_new(0);
    slice error;
    CU_ASSERT_PTR_NULL(cfg_parse(&memory, "c.conf", SLICE_LIT("include self.conf"), a, &error));
    static const char why[] = "includes are nested more than 32 deep or more than 1000 in all";
    CU_ASSERT_TRUE(error.len > sizeof why);
    CU_ASSERT_TRUE(slice_eq_str(slice_from(error, error.len - (sizeof why - 1)), why));

    char deep[2 * CFG_DEPTH_MAX + 16] = "a: ";
    memset(deep + 3, '[', CFG_DEPTH_MAX + 1);
    deep[CFG_DEPTH_MAX + 4] = '\0';
    CU_ASSERT_PTR_NULL(cfg_parse(&memory, "c.conf", slice_str(deep), a, &error));
    CU_ASSERT_TRUE(
        slice_eq_str(error, "Parse error on line 1: 'maps and arrays are nested more than 512 deep'"));

    /* each line doubles the size of the one before */
    char laugh[2048];
    int n = snprintf(laugh, sizeof laugh, "a0: lol\n");
    for (int i = 1; i < 40; i++)
        n += snprintf(laugh + n, sizeof laugh - (size_t)n, "a%d: [$a%d, $a%d]\n", i, i - 1, i - 1);
    CU_ASSERT_PTR_NULL(cfg_parse(&memory, "c.conf", slice_str(laugh), a, &error));
    CU_ASSERT_TRUE(slice_eq_str(error, "the configuration is larger than 67108864 bytes"));

    /* depth through variables */
    size_t room = 64 * 1024, len = 0;
    char *chain = arena_alloc(a, room);
    len += (size_t)snprintf(chain, room, "a0: x\n");
    for (int i = 1; i < 600; i++)
        len += (size_t)snprintf(chain + len, room - len, "a%d: [$a%d ]\n", i, i - 1);
    CU_ASSERT_PTR_NULL(cfg_parse(&memory, "c.conf", slice_make(chain, len), a, &error));
    CU_ASSERT_TRUE(slice_eq_str(error, "maps and arrays are nested more than 512 deep"));
    arena_free(a);
}

/* A small arena: parsing ends with an error wherever memory runs out. */
static void test_memory(void)
{
    static const char text[] = "a: [1, \"x\\ty\", {b: $SIZE}]\ninclude inc.conf\nc: 1.5\nd { e: yes }";
    size_t limit = 16;
    bool parsed = false;
    for (; limit < 65536 && !parsed; limit += 16) {
        struct arena *a = arena_new(limit);
        slice error;
        parsed = cfg_parse(&memory, "c.conf", slice_str(text), a, &error) != NULL;
        CU_ASSERT_TRUE(parsed || error.len > 0);
        arena_free(a);
    }
    CU_ASSERT_TRUE(parsed);
    CU_ASSERT_TRUE(limit > 256);
}

static void test_many_keys(void)
{
    struct arena *a = arena_new(0);
    slice error;
    size_t room = 512 * 1024, len = 0;
    char *text = arena_alloc(a, room), key[16];
    for (int i = 0; i < 20000; i++)
        len += (size_t)snprintf(text + len, room - len, "k%d: %d\n", i, i);
    struct cfg_value *root = cfg_parse(&memory, "c.conf", slice_make(text, len), a, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    CU_ASSERT_EQUAL(root->map->count, 20000);
    for (int i = 0; i < 20000; i += 777) {
        snprintf(key, sizeof key, "k%d", i);
        CU_ASSERT_EQUAL(get(root, key)->integer, i);
    }
    arena_free(a);
}

static void test_system_source(void)
{
    struct arena *a = arena_new(0);
    slice error;
    CU_ASSERT_PTR_NULL(cfg_parse_file(&cfg_source_system, "/nope/x.conf", a, &error));
    CU_ASSERT_TRUE(slice_eq_str(error, "open /nope/x.conf: no such file or directory"));
    CU_ASSERT_PTR_NULL(cfg_parse_file(&cfg_source_system, "/tmp", a, &error));
    CU_ASSERT_TRUE(slice_eq_str(error, "read /tmp: is a directory"));
    setenv("TEST_CONFIG_LANGUAGE", "5", 1);
    struct cfg_value *v =
        cfg_parse(&cfg_source_system, "c.conf", SLICE_LIT("a: $TEST_CONFIG_LANGUAGE"), a, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_EQUAL(get(v, "a")->integer, 5);
    arena_free(a);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_entries),       UNIT_TEST(test_keys),     UNIT_TEST(test_strings),
    UNIT_TEST(test_numbers),       UNIT_TEST(test_arrays),   UNIT_TEST(test_maps),
    UNIT_TEST(test_variables),     UNIT_TEST(test_includes), UNIT_TEST(test_positions),
    UNIT_TEST(test_bounds),        UNIT_TEST(test_memory),   UNIT_TEST(test_many_keys),
    UNIT_TEST(test_system_source),
};

UNIT_MAIN("config language", tests)
