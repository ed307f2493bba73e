/* INFO and CONNECT texts, base64. The INFO lines were recorded from nats-server 2.15.1. */
#include "unit.h"
#include <midge/base64.h>
#include <midge/connect.h>

static uint8_t block[65536];
static struct codec_arena arena;
static struct codec_json_error error;

#define ID "NDQXJEJW3Y5IK4WDPSXFFNDDQTVBDX45IRG5OVLYS3YELLRR2PJULJVB"

static const char client_info[] =
    "{\"server_id\":\"" ID "\",\"server_name\":\"A\",\"version\":\"2.15.1\",\"proto\":1,\"go\":\"go1.27.2\","
    "\"host\":\"127.0.0.1\",\"port\":14997,\"headers\":true,\"auth_required\":true,\"max_payload\":1048576,"
    "\"client_id\":6,\"client_ip\":\"127.0.0.1\",\"cluster\":\"C\",\"api_lvl\":5,"
    "\"xkey\":\"XB5HWVNBYBB6DHWDVO46OAIBVQMADWYFYOXPMYWVLAIUW7UDQDPCY553\"}";
static const char route_info[] =
    "{\"server_id\":\"" ID "\",\"server_name\":\"A\",\"version\":\"2.15.1\",\"proto\":3,\"go\":\"go1.27.2\","
    "\"host\":\"127.0.0.1\",\"port\":14996,\"headers\":true,\"max_payload\":1048576,\"nonce\":\"oPQcZw5EQLsX_"
    "-w\","
    "\"cluster\":\"C\",\"connect_urls\":[\"127.0.0.1:14997\"],\"compression\":\"accept\",\"lnoc\":true,"
    "\"lnocu\":true,\"ln\":true,\"route_pool_size\":3,\"gateway_url\":\"127.0.0.1:14994\","
    "\"leafnode_urls\":[\"127.0.0.1:14995\"]}";
static const char leaf_info[] =
    "{\"server_id\":\"" ID "\",\"server_name\":\"A\",\"version\":\"2.15.1\",\"proto\":3,\"go\":\"go1.27.2\","
    "\"host\":\"127.0.0.1\",\"port\":14995,\"headers\":true,\"auth_required\":true,\"max_payload\":1048576,"
    "\"ip\":\"127.0.0.1:14995\",\"client_id\":8,\"nonce\":\"BsTMqIdy0_NBXss\",\"cluster\":\"C\","
    "\"compression\":\"s2_auto\",\"api_lvl\":5,\"info_on_connect\":true,\"leafnode_urls\":[\"127.0.0.1:"
    "14995\"]}";
static const char gateway_info[] =
    "{\"server_id\":\"" ID "\",\"server_name\":\"A\",\"version\":\"2.15.1\",\"proto\":3,\"go\":\"\","
    "\"host\":\"127.0.0.1\",\"port\":14994,\"headers\":true,\"max_payload\":1048576,\"gateway\":\"C\","
    "\"gateway_urls\":[\"127.0.0.1:14994\"],\"gateway_url\":\"127.0.0.1:14994\",\"gateway_nrp\":true,"
    "\"gateway_iom\":true}";
static const char gateway_command[] = "{\"server_id\":\"\",\"server_name\":\"\",\"version\":\"\",\"proto\":0,"
                                      "\"go\":\"\",\"host\":\"\",\"port\":0,"
                                      "\"headers\":false,\"max_payload\":0,\"gateway\":\"A\",\"gateway_cmd\":"
                                      "2,\"gateway_cmd_payload\":\"JEc=\"}";
/* every member, in its place */
static const char all_info[] =
    "{\"server_id\":\"a\",\"server_name\":\"b\",\"version\":\"c\",\"proto\":-1,\"git_commit\":\"d\",\"go\":"
    "\"e\","
    "\"host\":\"f\",\"port\":2,\"headers\":true,\"auth_required\":true,\"tls_required\":true,\"tls_verify\":"
    "true,"
    "\"tls_available\":true,\"max_payload\":-1,\"jetstream\":true,\"ip\":\"g\",\"client_id\":"
    "18446744073709551615,"
    "\"client_ip\":\"h\",\"nonce\":\"i\",\"cluster\":\"j\",\"cluster_dynamic\":true,\"domain\":\"k\","
    "\"connect_urls\":[\"l\"],\"ws_connect_urls\":[\"m\",\"n\"],\"ldm\":true,\"compression\":\"o\","
    "\"connect_info\":true,\"remote_account\":\"p\",\"acc_is_sys\":true,\"api_lvl\":3,"
    "\"import\":{\"deny\":[\"x\"]},\"export\":{\"allow\":[\"a.\\u003e\"]},\"lnoc\":true,\"lnocu\":true,"
    "\"ln\":true,"
    "\"info_on_connect\":true,\"route_pool_size\":4,\"route_pool_idx\":5,\"route_account\":\"q\","
    "\"route_acc_add_reqid\":\"r\",\"gossip_mode\":255,\"gateway\":\"s\",\"gateway_urls\":[\"t\"],"
    "\"gateway_url\":\"u\",\"gateway_cmd\":6,\"gateway_cmd_payload\":\"AP8=\",\"gateway_nrp\":true,"
    "\"gateway_iom\":true,\"leafnode_urls\":[\"v\"],\"xkey\":\"w\"}";

static void expect_round_trip(const char *json, enum codec_info_end end)
{
    struct codec_info info = {.port = 0};
    static char buf[4096], want[4096];
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_TRUE(codec_info_read(&info, slice_str(json), &arena, &error));
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    codec_info_write(&out, &info, end);
    snprintf(want, sizeof(want), "INFO %s%s\r\n", json, end == CODEC_INFO_SPACE ? " " : "");
    if (!slice_eq_str(codec_out_slice(&out), want))
        printf("\n%.*s\n%s\n", (int)out.len, buf, want);
    CU_ASSERT(slice_eq_str(codec_out_slice(&out), want));
}

/* covers: CP-14 FB-142 */
static void test_info(void)
{
    expect_round_trip(client_info, CODEC_INFO_SPACE);
    expect_round_trip(route_info, CODEC_INFO_SPACE);
    expect_round_trip(leaf_info, CODEC_INFO_SPACE);
    expect_round_trip(gateway_info, CODEC_INFO_NO_SPACE);
    expect_round_trip(gateway_command, CODEC_INFO_NO_SPACE);
    expect_round_trip(all_info, CODEC_INFO_SPACE);
    struct codec_info info = {.port = 0};
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_TRUE(codec_info_read(&info, slice_str(all_info), &arena, &error));
    CU_ASSERT(slice_eq(info.gateway_cmd_payload, SLICE_LIT("\0\xff")));
    CU_ASSERT_EQUAL(info.client_id, UINT64_MAX);
    CU_ASSERT_TRUE(info.has_export && info.may_export.allow.count == 1);
    CU_ASSERT(slice_eq_str(info.may_export.allow.items[0], "a.>"));
}

static void refuse_info(const char *json, const char *sentence)
{
    struct codec_info info = {.port = 0};
    char buf[CODEC_JSON_ERROR_MAX];
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_FALSE(codec_info_read(&info, slice_str(json), &arena, &error));
    codec_json_error_text(&error, slice_str(json), buf);
    CU_ASSERT_STRING_EQUAL(buf, sentence);
}

/* covers: CP-57 */
static void test_info_refused(void)
{
    struct codec_info info = {.port = 0};
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_TRUE(codec_info_read(&info, SLICE_LIT("{}"), &arena, &error));
    CU_ASSERT_TRUE(codec_info_read(&info, SLICE_LIT("null"), &arena, &error));
    CU_ASSERT_TRUE(codec_info_read(&info, SLICE_LIT("{\"gateway_cmd_payload\":null,\"max_payload\":-1}"),
                                   &arena, &error));
    CU_ASSERT_EQUAL(info.max_payload, -1);
    CU_ASSERT_TRUE(
        codec_info_read(&info, SLICE_LIT("{\"gateway_cmd_payload\":[74,null,255]}"), &arena, &error));
    CU_ASSERT(slice_eq(info.gateway_cmd_payload, SLICE_LIT("J\0\xff")));
    refuse_info("{\"gateway_cmd_payload\":[1,300]}",
                "json: cannot unmarshal number 300 into Info.gateway_cmd_payload.1 of type uint8");
    refuse_info("{\"gateway_cmd_payload\":[[]]}",
                "json: cannot unmarshal array into Info.gateway_cmd_payload.0 of type uint8");
    refuse_info("{\"gateway_cmd_payload\":[1 2]}", "invalid character '2' after array element");
    refuse_info("{\"gateway_cmd_payload\":[{\"a\"}]}", "invalid character '}' after object key");
    refuse_info("[]", "json: cannot unmarshal array into Go value of type server.Info");
    refuse_info("{\"port\":\"x\"}",
                "json: cannot unmarshal string into Go struct field Info.port of type int");
    refuse_info("{\"proto\":1.5}",
                "json: cannot unmarshal number 1.5 into Go struct field Info.proto of type int");
    refuse_info(
        "{\"max_payload\":2147483648}",
        "json: cannot unmarshal number 2147483648 into Go struct field Info.max_payload of type int32");
    refuse_info("{\"client_id\":-1}",
                "json: cannot unmarshal number -1 into Go struct field Info.client_id of type uint64");
    refuse_info("{\"gossip_mode\":256}",
                "json: cannot unmarshal number 256 into Go struct field Info.gossip_mode of type uint8");
#define BAD64(text, at)                                                                                 \
    refuse_info(                                                                                        \
        "{\"gateway_cmd_payload\":\"" text "\"}",                                                       \
        "json: cannot unmarshal string into Go struct field Info.gateway_cmd_payload of type []uint8: " \
        "illegal base64 data at input byte " at)
    BAD64("a", "0");
    BAD64("JEc", "0");
    BAD64("J*c=", "1");
    BAD64("JEc==", "4");
    BAD64("JE c=", "2");
    BAD64("_-8=", "0");
    refuse_info(
        "{\"gateway_cmd_payload\":5}",
        "json: cannot unmarshal number into Go struct field Info.gateway_cmd_payload of type []uint8");
}

/* covers: CP-24 CP-28 */
static void test_connect_merges(void)
{
    struct codec_connect c, kept;
    static uint8_t own[4096];
    codec_connect_defaults(&c);
    CU_ASSERT_TRUE(c.verbose && c.pedantic && c.echo && !c.headers && c.protocol == 0);
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_TRUE(
        codec_connect_read(&c,
                           SLICE_LIT("{\"VERBOSE\":false,\"user\":\"u\",\"pass\":\"p\",\"protocol\":1,"
                                     "\"import\":{\"allow\":[\"a\"]},\"x\":1}"),
                           &arena, &error));
    struct codec_arena own_arena = codec_arena_on(own, sizeof(own));
    CU_ASSERT_TRUE(codec_connect_copy(&kept, &c, &own_arena));
    memset(block, '#', sizeof(block));
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_TRUE(codec_connect_read(&kept, SLICE_LIT("{\"pass\":\"q\",\"echo\":null,\"headers\":true}"),
                                      &arena, &error));
    CU_ASSERT_TRUE(!kept.verbose && kept.pedantic && kept.echo && kept.headers && kept.has_import);
    CU_ASSERT_EQUAL(kept.protocol, 1);
    CU_ASSERT(slice_eq_str(kept.user, "u") && slice_eq_str(kept.pass, "q"));
    CU_ASSERT(slice_eq_str(kept.may_import.allow.items[0], "a"));
}

static void test_connect_lines(void)
{
    static char buf[4096];
    struct codec_out out = codec_out_on(buf, sizeof(buf));
    struct codec_connect c;
    codec_connect_defaults(&c);
    codec_connect_write(&out, &c);
    CU_ASSERT(slice_eq_str(codec_out_slice(&out),
                           "CONNECT {\"echo\":true,\"verbose\":true,\"pedantic\":true,\"tls_required\":false,"
                           "\"name\":\"\",\"lang\":\"\",\"version\":\"\",\"protocol\":0}\r\n"));
    static const char route[] = "{\"echo\":true,\"verbose\":false,\"pedantic\":false,\"tls_required\":false,"
                                "\"headers\":true,\"name\":\"NB\","
                                "\"cluster\":\"C\",\"lnoc\":true,\"ln\":true}";
    struct codec_route_connect r = {.lnoc = false};
    arena = codec_arena_on(block, sizeof(block));
    CU_ASSERT_TRUE(codec_route_connect_read(&r, slice_str(route), &arena, &error));
    out.len = 0;
    codec_route_connect_write(&out, &r);
    CU_ASSERT_EQUAL(out.len, sizeof(route) - 1 + 8 + 2);
    CU_ASSERT(slice_eq_str(slice_first(slice_from(codec_out_slice(&out), 8), sizeof(route) - 1), route));
    static const char leaf[] =
        "{\"version\":\"2.15.1\",\"server_id\":\"NB\",\"name\":\"L\",\"cluster\":\"L\","
        "\"headers\":true,\"deny_pub\":[\"x\"],\"compress_mode\":\"off\","
        "\"remote_account\":\"$G\",\"protocol\":3}";
    struct codec_leaf_connect l = {.headers = false};
    CU_ASSERT_TRUE(codec_leaf_connect_read(&l, slice_str(leaf), &arena, &error));
    out.len = 0;
    codec_leaf_connect_write(&out, &l);
    CU_ASSERT(slice_eq_str(slice_first(slice_from(codec_out_slice(&out), 8), sizeof(leaf) - 1), leaf));
    CU_ASSERT_TRUE(codec_leaf_connect_read(&l, SLICE_LIT("{\"lang\":\"go\"}"), &arena, &error));
    CU_ASSERT(slice_eq_str(l.lang, "go"));
}

static void test_base64(void)
{
    static const char *const texts[] = {"",     "f",     "fo",     "foo",
                                        "foob", "fooba", "foobar", "\xff\xfe\xfd\xfb\xef"};
    static const char *const coded[][4] = {
        {"", "", "", ""},
        {"Zg==", "Zg", "Zg==", "Zg"},
        {"Zm8=", "Zm8", "Zm8=", "Zm8"},
        {"Zm9v", "Zm9v", "Zm9v", "Zm9v"},
        {"Zm9vYg==", "Zm9vYg", "Zm9vYg==", "Zm9vYg"},
        {"Zm9vYmE=", "Zm9vYmE", "Zm9vYmE=", "Zm9vYmE"},
        {"Zm9vYmFy", "Zm9vYmFy", "Zm9vYmFy", "Zm9vYmFy"},
        {"//79++8=", "//79++8", "__79--8=", "__79--8"},
    };
    for (size_t i = 0; i < 8; i++) {
        for (int kind = CODEC_BASE64_STD; kind <= CODEC_BASE64_URL_RAW; kind++) {
            uint8_t out[32], back[32];
            size_t n = codec_base64_size(strlen(texts[i]), (enum codec_base64)kind), len = 99, bad;
            codec_base64_encode(slice_str(texts[i]), (enum codec_base64)kind, out);
            CU_ASSERT(slice_eq_str(slice_make(out, n), coded[i][kind]));
            CU_ASSERT_TRUE(
                codec_base64_decode(slice_make(out, n), (enum codec_base64)kind, back, &len, &bad));
            CU_ASSERT(slice_eq_str(slice_make(back, len), texts[i]));
            CU_ASSERT_TRUE(
                codec_base64_decode(slice_make(out, n), (enum codec_base64)kind, NULL, &len, &bad));
            CU_ASSERT_EQUAL(len, strlen(texts[i]));
        }
    }
    static const struct {
        const char *text;
        enum codec_base64 kind;
        bool good;
        size_t at;
    } cases[] = {
        {"Zm\r\n8=\n", CODEC_BASE64_STD, true, 0}, {"Zg=\n=\r", CODEC_BASE64_STD, true, 0},
        {"Zh==", CODEC_BASE64_STD, true, 0},       {"Zg=", CODEC_BASE64_STD, false, 3},
        {"Zg=x", CODEC_BASE64_STD, false, 3},      {"Z===", CODEC_BASE64_STD, false, 1},
        {"=", CODEC_BASE64_STD, false, 0},         {"Zg==Zg==", CODEC_BASE64_STD, false, 4},
        {"Zg==", CODEC_BASE64_STD_RAW, false, 2},  {"Z", CODEC_BASE64_STD_RAW, false, 0},
        {"Zm9vZ", CODEC_BASE64_URL_RAW, false, 4}, {"Zm9+", CODEC_BASE64_URL, false, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t back[32];
        size_t len, bad = 0;
        CU_ASSERT_EQUAL(codec_base64_decode(slice_str(cases[i].text), cases[i].kind, back, &len, &bad),
                        cases[i].good);
        CU_ASSERT(cases[i].good || bad == cases[i].at);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_info),          UNIT_TEST(test_info_refused), UNIT_TEST(test_connect_merges),
    UNIT_TEST(test_connect_lines), UNIT_TEST(test_base64),
};

UNIT_MAIN("info, connect, base64", tests)
