/* What a reload changes: lines in Go's order, and the first option that may not change. Each row was seen on
 * the Go server 2.15.1. */
#include "base/arena.h"
#include "base/config_tree.h"
#include "config_folder.h"
#include "server/flags.h"
#include "server/options_diff.h"
#include "server/options_report.h"
#include "unit.h"

static struct config_folder folder;

static struct options *load(const char *text)
{
    struct arena *arena = arena_new(0);
    char *argv[] = {(char *)(uintptr_t) "midge", (char *)(uintptr_t) "-c", (char *)(uintptr_t) "c.conf"};
    struct flags flags;
    struct options_report report;
    slice error;
    config_folder_text("c.conf", text);
    CU_ASSERT_TRUE_FATAL(flags_parse(3, argv, &flags, arena, &error));
    CU_ASSERT_TRUE_FATAL(options_report_init(&report));
    struct options *o = options_load(&flags, &cfg_source_system, &report);
    if (o == NULL)
        printf("\n  %s: %.*s\n", text, (int)options_report_text(&report).len,
               (const char *)options_report_text(&report).ptr);
    options_report_done(&report);
    arena_free(arena);
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    return o;
}

/* The lines without "Reloaded: ", joined by '|', those of users and accounts left out; or "!" and the error.
 */
static const char *compare(const char *before, const char *after, unsigned *areas)
{
    static char text[4096];
    size_t n = 0;
    struct options *a = load(before), *b = load(after);
    struct arena *arena = arena_new(0);
    struct options_diff diff;
    options_compare(a, b, 4999, arena, &diff);
    bool users = false, accounts = false;
    text[0] = '\0';
    if (diff.error != NULL) {
        snprintf(text, sizeof text, "!%s", diff.error);
    } else {
        for (size_t i = 0; i < diff.count; i++) {
            slice line = diff.changes[i].line;
            users = users || slice_eq_str(line, "Reloaded: authorization users");
            accounts = accounts || slice_eq_str(line, "Reloaded: accounts");
            if (slice_eq_str(line, "Reloaded: authorization users") ||
                slice_eq_str(line, "Reloaded: accounts"))
                continue;
            if (slice_starts(line, SLICE_LIT("Reloaded: ")))
                line = slice_from(line, strlen("Reloaded: "));
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%.*s", n > 0 ? "|" : "", (int)line.len,
                                  (const char *)line.ptr);
        }
        CU_ASSERT_TRUE(users && accounts);
        CU_ASSERT_TRUE((diff.areas & OPTIONS_AREA_ACCOUNTS) != 0);
    }
    *areas = diff.areas & ~(unsigned)OPTIONS_AREA_ACCOUNTS;
    arena_free(arena);
    options_free(a);
    options_free(b);
    return text;
}

struct row {
    const char *before, *after, *want;
    unsigned areas; /* apart from accounts */
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned areas;
        const char *got = compare(rows[i].before, rows[i].after, &areas);
        CU_ASSERT_STRING_EQUAL(got, rows[i].want);
        if (strcmp(got, rows[i].want) != 0)
            printf("\n  %s -> %s\n  want: %s\n  got:  %s\n", rows[i].before, rows[i].after, rows[i].want,
                   got);
        if (got[0] != '!')
            CU_ASSERT_EQUAL(areas, rows[i].areas);
    }
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))
#define NKEY        "UAAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCLL5"
#define T           "cert_file: certs/server.pem, key_file: certs/server-key.pem"
#define PIN         "aa00112233445566778899aabbccddeeff00112233445566778899aabbccddee"

/* covers: CF-156 CF-163 CF-177 */
static void test_lines(void)
{
    static const struct row rows[] = {
        {"", "", "", 0},
        {"",
         "debug: true, trace: true, logtime: false, logtime_utc: true, trace_headers: true, trace_verbose: "
         "true, "
         "max_connections: 5, authorization {timeout: 5, user: a, pass: b}, ping_interval: \"5s\", ping_max: "
         "3, "
         "max_control_line: 8kb, max_payload: 2mb, no_fast_producer_stall: true, pid_file: pd/x, "
         "ports_file_dir: pd, "
         "write_deadline: \"5s\", max_traced_msg_len: 5, client_advertise: \"h:1\", log_file: pd/l.log",
         "Reload: client_advertise = h:1|trace = true|debug = true|trace_verbose = true|trace_headers = true|"
         "logtime = false|logtime_utc = true|max_connections = 5|authorization username|authorization "
         "password|"
         "ping_interval = 5s|ping_max = 3|authorization timeout = 5|max_control_line = 8192|max_payload = "
         "2097152|"
         "fast producers will not be stalled|pid_file = pd/x|ports_file_dir = pd|log_file = pd/l.log|"
         "write_deadline = 5s|max_traced_msg_len = 5",
         OPTIONS_AREA_CLIENTS | OPTIONS_AREA_LOG | OPTIONS_AREA_ADVERTISE | OPTIONS_AREA_CONNECTIONS |
             OPTIONS_AREA_PID_FILE | OPTIONS_AREA_PORTS_FILE},
        {"debug: true", "", "debug = false", OPTIONS_AREA_LOG},
        {"", "syslog: true", "syslog = true", OPTIONS_AREA_LOG},
        {"", "remote_syslog: \"udp://127.0.0.1:5555\"", "remote_syslog = udp://127.0.0.1:5555",
         OPTIONS_AREA_LOG},
        {"log_file: a", "", "log_file = ", OPTIONS_AREA_LOG},
        {"max_connections: 5", "max_connections: 0", "max_connections = -1", OPTIONS_AREA_CONNECTIONS},
        {"max_connections: 5", "max_connections: -5", "max_connections = -5", OPTIONS_AREA_CONNECTIONS},
        {"max_connections: 5", "", "max_connections = 65536", OPTIONS_AREA_CONNECTIONS},
        {"no_fast_producer_stall: true", "", "fast producers will be stalled", OPTIONS_AREA_CLIENTS},
        {"pid_file: x", "", "", 0},
        {"ports_file_dir: x", "", "ports_file_dir = ", OPTIONS_AREA_PORTS_FILE},
        {"client_advertise: \"h:1\"", "", "Reload: client_advertise = ", OPTIONS_AREA_ADVERTISE},
        {"authorization {token: x}", "", "authorization token", 0},
        {"authorization {user: a, pass: b}", "authorization {user: c, pass: b}", "authorization username", 0},
        {"authorization {timeout: 1.5, user: a}", "authorization {timeout: 2.25, user: a}",
         "authorization timeout = 2.25", OPTIONS_AREA_CLIENTS},
        {"authorization {users: [{nkey: " NKEY "}]}", "", "authorization nkey users", 0},
        {"authorization {users: [{nkey: " NKEY "}]}", "authorization {users: [{nkey: " NKEY "}, {user: x}]}",
         "", 0},
        {"authorization {users: [{nkey: " NKEY "}]}",
         "authorization {users: [{nkey: " NKEY ", permissions: {publish: a}}]}", "authorization nkey users",
         0},
        {"authorization {users: [{nkey: " NKEY ", permissions: {publish: a}}]}",
         "authorization {users: [{nkey: " NKEY ", permissions: {publish: a}}]}", "", 0},
    };
    CHECK(rows);
}

/* covers: CF-169 */
static void test_tls(void)
{
    static const struct row rows[] = {
        {"", "tls {" T "}", "authorization timeout = 3|tls = enabled",
         OPTIONS_AREA_CLIENTS | OPTIONS_AREA_TLS},
        {"tls {" T "}", "", "authorization timeout = 2|tls = disabled",
         OPTIONS_AREA_CLIENTS | OPTIONS_AREA_TLS},
        {"tls {" T "}", "tls {" T "}", "", 0},
        {"tls {" T "}",
         "tls {cert_file: certs/client.pem, key_file: certs/client-key.pem, timeout: 5, pinned_certs: [\"" PIN
         "\"], handshake_first: auto}, write_deadline: \"1s\", max_traced_msg_len: 5",
         "authorization timeout = 6|tls timeout = 5|tls = enabled|1 pinned_certs|Client TLS handshake first: "
         "true|"
         "Client TLS handshake first fallback delay: 50ms|write_deadline = 1s|max_traced_msg_len = 5",
         OPTIONS_AREA_CLIENTS | OPTIONS_AREA_TLS | OPTIONS_AREA_PINS},
        {"tls {" T "}", "tls {" T ", verify: true, ca_file: certs/ca.pem}", "tls = enabled",
         OPTIONS_AREA_TLS},
        {"tls {" T "}", "tls {" T ", min_version: \"1.3\"}", "tls = enabled", OPTIONS_AREA_TLS},
        {"tls {" T "}", "tls {" T ", cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]}",
         "tls = enabled", OPTIONS_AREA_TLS},
        {"tls {" T "}", "tls {" T ", timeout: 2.5}", "authorization timeout = 3.5|tls timeout = 2.5",
         OPTIONS_AREA_CLIENTS | OPTIONS_AREA_TLS},
        {"tls {" T ", pinned_certs: [\"" PIN "\"]}", "",
         "authorization timeout = 2|tls = disabled|0 pinned_certs",
         OPTIONS_AREA_CLIENTS | OPTIONS_AREA_TLS | OPTIONS_AREA_PINS},
        {"tls {" T "}", "tls {" T ", handshake_first: true}", "Client TLS handshake first: true",
         OPTIONS_AREA_TLS},
        {"tls {" T ", first: auto}", "tls {" T ", first: \"1s\"}",
         "Client TLS handshake first fallback delay: 1s", OPTIONS_AREA_TLS},
        {"tls {" T ", first: auto}", "tls {" T "}",
         "Client TLS handshake first: false|Client TLS handshake first fallback delay: 0s", OPTIONS_AREA_TLS},
        {"tls {" T "}", "tls {" T ", verify_and_map: true, ca_file: certs/ca.pem}",
         "!config reload not supported for TLSMap: old=false, new=true", 0},
        {"tls {" T "}", "tls {" T ", connection_rate_limit: 6}, allow_non_tls: true, write_timeout: retry",
         "!config reload not supported for TLSRateLimit: old=0, new=6", 0},
    };
    CHECK(rows);
}

/* A certificate that was replaced under its name. */
static void test_tls_content(void)
{
    unsigned areas;
    CU_ASSERT_EQUAL(system("cp certs/server.pem x.pem && cp certs/server-key.pem x.key"), 0);
    struct options *a = load("tls {cert_file: x.pem, key_file: x.key}");
    CU_ASSERT_EQUAL(system("cp certs/client.pem x.pem && cp certs/client-key.pem x.key"), 0);
    struct options *b = load("tls {cert_file: x.pem, key_file: x.key}");
    struct arena *arena = arena_new(0);
    struct options_diff diff;
    options_compare(a, b, 1, arena, &diff);
    areas = diff.areas;
    CU_ASSERT_TRUE((areas & OPTIONS_AREA_TLS) != 0);
    arena_free(arena);
    options_free(a);
    options_free(b);
}

#define NO(name, before, after) "!config reload not supported for " name ": old=" before ", new=" after

/* covers: CF-158 CF-160 CF-166 */
static void test_fixed(void)
{
    static const struct row rows[] = {
        {"", "server_name: x", NO("ServerName", "", "x"), 0},
        {"", "host: 127.0.0.1, max_conn: 7", NO("Host", "0.0.0.0", "127.0.0.1"), 0},
        {"port: 1", "port: 2", NO("Port", "1", "2"), 0},
        {"port: -1", "port: -1", "", 0},
        {"port: -1", "port: 4999", "", 0},
        {"port: -1", "port: 2", NO("Port", "4999", "2"), 0},
        {"port: 2", "port: -1", "", 0},
        {"", "max_subs: 5", NO("MaxSubs", "0", "5"), 0},
        {"", "max_sub_tokens: 5", NO("MaxSubTokens", "0", "5"), 0},
        {"", "no_header_support: true, max_subs: 5, no_sublist_cache: true",
         NO("NoSublistCache", "false", "true"), 0},
        {"", "no_header_support: true", NO("NoHeaderSupport", "false", "true"), 0},
        {"", "max_pending: 5mb", NO("MaxPending", "67108864", "5242880"), 0},
        {"", "log_size_limit: 5", NO("LogSizeLimit", "0", "5"), 0},
        {"", "log_max_num: 5", NO("LogMaxFiles", "0", "5"), 0},
        {"", "allow_non_tls: true", NO("AllowNonTLS", "false", "true"), 0},
        {"", "lame_duck_duration: \"31s\"", NO("LameDuckDuration", "2m0s", "31s"), 0},
        {"", "lame_duck_grace_period: \"3s\"", NO("LameDuckGracePeriod", "10s", "3s"), 0},
        {"", "write_timeout: close", NO("WriteTimeout", "", "close"), 0},
        {"write_timeout: default", "", "", 0},
        {"", "accounts {A: {}}, system_account: A", NO("SystemAccount", "", "A"), 0},
        {"", "accounts {\"$SYS\": {}}, system_account: \"$SYS\"", NO("SystemAccount", "", "$SYS"), 0},
        {"accounts {\"$SYS\": {}}, system_account: \"$SYS\"", "", "", 0},
        {"accounts {A: {}}, system_account: A", "accounts {A: {}}", NO("SystemAccount", "A", ""), 0},
        {"", "no_system_account: true", NO("NoSystemAccount", "false", "true"), 0},
        {"", "accounts {A {users: [{user: a}]}}, no_auth_user: a", NO("NoAuthUser", "", "a"), 0},
        {"accounts {A {users: [{user: a}]}}, no_auth_user: a", "accounts {A {users: [{user: a}]}}",
         NO("NoAuthUser", "a", ""), 0},
        {"accounts {A {users: [{user: a}]}}, no_auth_user: a", "accounts {A {users: [{user: b}]}}", "", 0},
        {"accounts {A {users: [{user: a}, {user: b}]}}, no_auth_user: a",
         "accounts {A {users: [{user: a}, {user: b}]}}, no_auth_user: b", NO("NoAuthUser", "a", "b"), 0},
        {"", "client_advertise: \"h:x\"",
         "!invalid ClientAdvertise value of h:x, err=strconv.Atoi: parsing \"x\": "
         "invalid syntax",
         0},
        {"", "client_advertise: \"a:b:c\"",
         "!invalid ClientAdvertise value of a:b:c, err=address a:b:c: too many colons in address", 0},
    };
    CHECK(rows);
}

static void test_advertise(void)
{
    static const struct {
        const char *text, *host;
        int64_t port;
    } rows[] = {{"h", "h", 7},       {"h:5", "h", 5},         {"h:0", "h", 7},
                {"h:-1", "h", 7},    {"[::1]:5", "::1", 5},   {"[::1]", "::1", 7},
                {" h : 5 ", "h", 5}, {"h:99999", "h", 99999}, {":5", "", 5}};
    static const char *const wrong[][2] = {
        {":", "strconv.Atoi: parsing \"\": invalid syntax"},
        {"h:x", "strconv.Atoi: parsing \"x\": invalid syntax"},
        {"a:b:c", "address a:b:c: too many colons in address"},
        {"[::1", "address [::1: missing ']' in address"},
    };
    struct options *o = load("");
    slice host;
    int64_t port;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        o->client_advertise = slice_str(rows[i].text);
        CU_ASSERT_PTR_NULL(options_advertise(o, 7, &host, &port));
        CU_ASSERT_TRUE(slice_eq_str(host, rows[i].host));
        CU_ASSERT_EQUAL(port, rows[i].port);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        o->client_advertise = slice_str(wrong[i][0]);
        const char *got = options_advertise(o, 7, &host, &port);
        CU_ASSERT_PTR_NOT_NULL_FATAL(got);
        CU_ASSERT_STRING_EQUAL(got, wrong[i][1]);
    }
    options_free(o);
}

static const struct unit_test tests[] = {UNIT_TEST(test_lines), UNIT_TEST(test_tls),
                                         UNIT_TEST(test_tls_content), UNIT_TEST(test_fixed),
                                         UNIT_TEST(test_advertise)};

int main(int argc, char **argv)
{
    config_folder_enter(&folder);
    int rc = unit_run("options diff", tests, sizeof tests / sizeof tests[0], argc, argv);
    config_folder_leave(&folder);
    return rc;
}
