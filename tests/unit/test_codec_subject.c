/* Subjects, keys in text form, quoting. */
#include "unit.h"
#include <midge/nkeys.h>
#include <midge/quote.h>
#include <midge/subject.h>

/* covers: CP-70 CP-90 CP-91 CP-108 */
static void test_validity(void)
{
    static const struct {
        const char *subject;
        bool subscription, literal, valid, destination;
        size_t tokens, wildcards;
    } cases[] = {
        {"foo", true, true, true, true, 1, 0},
        {"foo.bar.baz", true, true, true, true, 3, 0},
        {"*", true, false, true, false, 1, 1},
        {">", true, false, true, false, 1, 1},
        {"foo.*", true, false, true, false, 2, 1},
        {"*.*.>", true, false, true, false, 3, 3},
        {"foo*", true, true, true, true, 1, 0},
        {"foo.**", true, true, true, true, 2, 0},
        {">a", true, true, true, true, 1, 0},
        {"a>.b*", true, true, true, true, 2, 0},
        {">>", true, true, true, true, 1, 0},
        {"", false, false, false, false, 1, 0},
        {".", false, false, false, false, 2, 0},
        {".foo", false, false, false, false, 2, 0},
        {"foo.", false, false, false, false, 2, 0},
        {"foo..bar", false, false, false, false, 3, 0},
        {"foo.>.bar", false, false, false, false, 3, 1},
        {">.*", false, false, false, false, 2, 2},
        {">.>", false, false, false, false, 2, 2},
        {"foo.>.", false, false, false, false, 3, 1},
        {"foo bar", true, true, false, false, 1, 0},
        {"foo.\t", true, true, false, false, 2, 0},
        {"* ", true, true, false, false, 1, 0},
        {" >", true, true, false, false, 1, 0},
        {"a.\n.b", true, true, false, false, 3, 0},
        {"a\f", true, true, false, false, 1, 0},
        {"a\r", true, true, false, false, 1, 0},
        {"a\v", true, true, true, true, 1, 0},
        {"\xc3\xa4.\xff", true, true, true, true, 2, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice s = slice_str(cases[i].subject);
        CU_ASSERT_EQUAL(codec_subject_is_subscription(s), cases[i].subscription);
        CU_ASSERT_EQUAL(codec_subject_is_literal(s), cases[i].literal);
        CU_ASSERT_EQUAL(codec_subject_is_valid(s), cases[i].valid);
        CU_ASSERT_EQUAL(codec_subject_is_destination(s), cases[i].destination);
        CU_ASSERT_EQUAL(codec_subject_scan(s).tokens, cases[i].tokens);
        CU_ASSERT_EQUAL(codec_subject_scan(s).wildcards, cases[i].wildcards);
        CU_ASSERT_EQUAL(codec_subject_has_wildcard(s), cases[i].wildcards > 0);
    }
    CU_ASSERT_TRUE(codec_subject_is_literal(SLICE_LIT("a.\0.b")));
    CU_ASSERT_EQUAL(codec_subject_scan(SLICE_LIT("a.\0.b")).tokens, 3);
    CU_ASSERT_FALSE(codec_subject_is_valid(SLICE_EMPTY));
}

static void test_tokens(void)
{
    slice rest = SLICE_LIT("a..bc."), token;
    static const char *const want[] = {"a", "", "bc", ""};
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(codec_subject_token(&rest, &token));
        CU_ASSERT(slice_eq_str(token, want[i]));
    }
    CU_ASSERT_FALSE(codec_subject_token(&rest, &token));
    rest = SLICE_LIT("");
    CU_ASSERT_TRUE(codec_subject_token(&rest, &token));
    CU_ASSERT_EQUAL(token.len, 0);
    CU_ASSERT_FALSE(codec_subject_token(&rest, &token));
}

/* covers: CP-107 CP-68 CP-69 */
static void test_matches(void)
{
    static const struct {
        const char *pattern, *literal;
        bool match;
    } cases[] = {
        {"foo", "foo", true},
        {"foo", "bar", false},
        {"foo.*", "foo.bar", true},
        {"foo.*", "foo", false},
        {"foo.*", "foo.a.b", false},
        {"foo.>", "foo.a.b", true},
        {"foo.>", "foo", false},
        {">", "a.b.c", true},
        {"*", "a.b", false},
        {"*.b", "a.b", true},
        {"foo.*", "foo.*", true},
        {"foo.>", "foo.*", true},
        {"foo.bar", "foo.*", false},
        {">", "a..b", false},
        {">", ".a", false},
        {">", "a.", false},
        {"a.>", "a.b..c", false},
        {"a..b", "a..b", false},
        {"foo*", "foo*", true},
        {"foo*", "foox", false},
        {">.a", "x.a", false},
        {">.a", ">.a", true},
        {">", "", false},
        {"a.b", "a", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(codec_subject_matches(slice_str(cases[i].pattern), slice_str(cases[i].literal)),
                        cases[i].match);
    CU_ASSERT_FALSE(codec_subject_matches(SLICE_EMPTY, SLICE_EMPTY));
}

static void test_relations(void)
{
    static const struct {
        const char *a, *b;
        bool subset, collide;
    } cases[] = {
        {"foo", "foo", true, true},      {"foo.*", ">", true, true},        {"foo.*", "*.*", true, true},
        {"foo.*", "foo.*", true, true},  {"foo.*", "foo.bar", false, true}, {"foo.bar", "foo.*", true, true},
        {"foo.>", "foo.*", false, true}, {"foo.>", "foo.>", true, true},    {"foo.>", ">", true, true},
        {">", "foo.>", false, true},     {"foo", "foo.>", false, false},    {"foo.a.b", "foo.>", true, true},
        {"*.a", "b.*", false, true},     {"*.a", "*.b", false, false},      {"a.*.c", "a.>", true, true},
        {"a.b", "a.b.c", false, false},  {"a.b.c", "a.b", false, false},    {"*", ">", true, true},
        {">", "*", false, true},         {"a.*", "b.*", false, false},      {"a..b", ">", false, true},
        {"a.b", ".b", false, false},     {"a.>", "a.b.c.d", false, true},   {"*.*", "a.>", false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        slice a = slice_str(cases[i].a), b = slice_str(cases[i].b);
        CU_ASSERT_EQUAL(codec_subject_subset(a, b), cases[i].subset);
        CU_ASSERT_EQUAL(codec_subject_collide(a, b), cases[i].collide);
        CU_ASSERT_EQUAL(codec_subject_collide(b, a), cases[i].collide);
    }
    CU_ASSERT_FALSE(codec_subject_subset(SLICE_EMPTY, SLICE_LIT(">")));
}

/* ------------------------------------------------------------------------------------------ keys */

static void test_nkeys(void)
{
    /* a server's key as its INFO shows it, and its curve key */
    const char *server = "NDQXJEJW3Y5IK4WDPSXFFNDDQTVBDX45IRG5OVLYS3YELLRR2PJULJVB";
    const char *curve = "XB5HWVNBYBB6DHWDVO46OAIBVQMADWYFYOXPMYWVLAIUW7UDQDPCY553";
    enum codec_nkey_kind kind;
    uint8_t key[32];
    char text[64];
    CU_ASSERT_TRUE(codec_nkey_decode_public(slice_str(server), &kind, key));
    CU_ASSERT_EQUAL(kind, CODEC_NKEY_SERVER);
    codec_nkey_encode_public(kind, key, text);
    CU_ASSERT(slice_eq_str(slice_make(text, CODEC_NKEY_PUBLIC), server));
    CU_ASSERT_TRUE(codec_nkey_is(slice_str(server), CODEC_NKEY_SERVER));
    CU_ASSERT_FALSE(codec_nkey_is(slice_str(server), CODEC_NKEY_USER));
    CU_ASSERT_TRUE(codec_nkey_is(slice_str(curve), CODEC_NKEY_CURVE));
    /* line ends inside are skipped, other bytes are not */
    CU_ASSERT_TRUE(codec_nkey_is(SLICE_LIT("NDQXJEJW3Y5IK4WDPSXF\r\nFNDDQTVBDX45IRG5OVLYS3YELLRR2PJULJVB\n"),
                                 CODEC_NKEY_SERVER));
    CU_ASSERT_FALSE(codec_nkey_is(SLICE_LIT("nDQXJEJW3Y5IK4WDPSXFFNDDQTVBDX45IRG5OVLYS3YELLRR2PJULJVB"),
                                  CODEC_NKEY_SERVER));
    CU_ASSERT_FALSE(codec_nkey_is(SLICE_LIT("NDQXJEJW3Y5IK4WDPSXFFNDDQTVBDX45IRG5OVLYS3YELLRR2PJULJV="),
                                  CODEC_NKEY_SERVER));
    for (size_t i = 0; i < CODEC_NKEY_PUBLIC; i++) { /* any other digit breaks the checksum */
        memcpy(text, server, CODEC_NKEY_PUBLIC);
        text[i] = text[i] == 'Q' ? 'R' : 'Q';
        CU_ASSERT_FALSE(codec_nkey_decode_public(slice_make(text, CODEC_NKEY_PUBLIC), &kind, key));
        CU_ASSERT_FALSE(codec_nkey_decode_public(slice_make(server, i), &kind, key));
    }
    CU_ASSERT_FALSE(codec_nkey_is(SLICE_EMPTY, CODEC_NKEY_ACCOUNT));
    static char long_text[2000];
    memset(long_text, 'A', sizeof(long_text));
    CU_ASSERT_FALSE(codec_nkey_is(slice_make(long_text, sizeof(long_text)), CODEC_NKEY_ACCOUNT));
    CU_ASSERT_FALSE(codec_nkey_is(slice_make(long_text, 821), CODEC_NKEY_ACCOUNT));
}

/* The two levels of validity: other lengths and low bits in the prefix pass the first only. */
static void test_nkey_levels(void)
{
    static const struct {
        const char *text;
        bool is_user, decodes;
    } cases[] = {
        {"AAAAAAA", false, false}, /* 4 bytes of zero: an account key with one byte, checksum 0 */
        {"UAAADPNN", true, false}, /* prefix, two bytes, checksum */
        {"U4AAADBY", true, false}, /* the low bits of the prefix are set */
    };
    CU_ASSERT_TRUE(codec_nkey_is(slice_str(cases[0].text), CODEC_NKEY_ACCOUNT));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        enum codec_nkey_kind kind;
        uint8_t key[32];
        CU_ASSERT_EQUAL(codec_nkey_is(slice_str(cases[i].text), CODEC_NKEY_USER), cases[i].is_user);
        CU_ASSERT_EQUAL(codec_nkey_decode_public(slice_str(cases[i].text), &kind, key), cases[i].decodes);
    }
}

static void test_seeds(void)
{
    static const enum codec_nkey_kind kinds[] = {CODEC_NKEY_ACCOUNT,  CODEC_NKEY_CLUSTER, CODEC_NKEY_SERVER,
                                                 CODEC_NKEY_OPERATOR, CODEC_NKEY_USER,    CODEC_NKEY_CURVE};
    static const char letters[] = "ACNOUX";
    for (size_t i = 0; i < 6; i++) {
        uint8_t secret[32], back[32];
        char text[CODEC_NKEY_SEED], public[CODEC_NKEY_PUBLIC];
        enum codec_nkey_kind kind;
        for (size_t k = 0; k < 32; k++)
            secret[k] = (uint8_t)(k * 37 + i);
        codec_nkey_encode_seed(kinds[i], secret, text);
        CU_ASSERT_EQUAL(text[0], 'S');
        CU_ASSERT_EQUAL(text[1], letters[i]);
        CU_ASSERT_TRUE(codec_nkey_decode_seed(slice_make(text, sizeof(text)), &kind, back));
        CU_ASSERT_EQUAL(kind, kinds[i]);
        CU_ASSERT_EQUAL(memcmp(secret, back, 32), 0);
        CU_ASSERT_FALSE(codec_nkey_decode_public(slice_make(text, sizeof(text)), &kind, back));
        codec_nkey_encode_public(kinds[i], secret, public);
        CU_ASSERT_EQUAL(public[0], letters[i]);
        CU_ASSERT_FALSE(codec_nkey_decode_seed(slice_make(public, sizeof(public)), &kind, back));
    }
    /* a seed of no public kind (private, 0x78) */
    uint8_t secret[32] = {0}, back[32];
    char text[CODEC_NKEY_SEED];
    enum codec_nkey_kind kind;
    codec_nkey_encode_seed((enum codec_nkey_kind)0x78, secret, text);
    CU_ASSERT_FALSE(codec_nkey_decode_seed(slice_make(text, sizeof(text)), &kind, back));
}

/* --------------------------------------------------------------------------------------- quoting */

static void quote_gives(slice bytes, const char *want)
{
    char buf[256];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    codec_quote(&out, bytes);
    if (!slice_eq_str(codec_out_slice(&out), want))
        printf("\ngot %.*s want %s\n", (int)out.len, buf, want);
    CU_ASSERT(slice_eq_str(codec_out_slice(&out), want));
}

/* covers: CP-122 */
static void test_quoting(void)
{
#define QUOTE(bytes, want) quote_gives(SLICE_LIT(bytes), want)
    QUOTE("", "\"\"");
    QUOTE("foo.bar", "\"foo.bar\"");
    QUOTE("a\"b\\c'd", "\"a\\\"b\\\\c'd\"");
    QUOTE("\a\b\t\n\v\f\r", "\"\\a\\b\\t\\n\\v\\f\\r\"");
    QUOTE("\0\x01\x1b\x1f\x7f", "\"\\x00\\x01\\x1b\\x1f\\x7f\"");
    QUOTE("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"");
    QUOTE("\xff\xc3(\xe2\x82z\xed\xa0\x80", "\"\\xff\\xc3(\\xe2\\x82z\\xed\\xa0\\x80\"");
    QUOTE("\xef\xbf\xbd", "\"\xef\xbf\xbd\"");
    QUOTE("\xe2\x80\xa8\xc2\xa0\xc2\xad\xe3\x80\x80\xee\x80\x80", "\"\\u2028\\u00a0\\u00ad\\u3000\\ue000\"");
    QUOTE("\xf3\xa0\x80\x81\xf4\x8f\xbf\xbf", "\"\\U000e0001\\U0010ffff\"");
    QUOTE("\xf0\x9f\x9b\x98\xf3\xa0\x87\xaf\xf3\xa0\x87\xb0",
          "\"\xf0\x9f\x9b\x98\xf3\xa0\x87\xaf\\U000e01f0\"");
    QUOTE("\xcd\xb7\xcd\xb8\xc2\xa1\xc2\x80", "\"\xcd\xb7\\u0378\xc2\xa1\\u0080\"");
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_validity), UNIT_TEST(test_tokens),      UNIT_TEST(test_matches), UNIT_TEST(test_relations),
    UNIT_TEST(test_nkeys),    UNIT_TEST(test_nkey_levels), UNIT_TEST(test_seeds),   UNIT_TEST(test_quoting),
};

UNIT_MAIN("subject, nkeys, quote", tests)
