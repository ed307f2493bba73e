/* Options: Go's messages for what is wrong in a file, the values that a right one gives, defaults, flags over
 * the file, cross-option checks. */
#include "base/arena.h"
#include "base/config_tree.h"
#include "config_cases.h"
#include "config_folder.h"
#include "server/flags.h"
#include "server/options_read.h"
#include "server/options_report.h"
#include "unit.h"

/* ---- loading ---- */

struct loaded {
    struct arena *arena;
    struct flags flags;
    struct options_report report;
    struct options *o;
};

static struct config_folder folder;

/* Arguments behind the program's name, split at blanks. */
static struct loaded load_args(const char *line)
{
    struct loaded l = {.arena = arena_new(0)};
    char *argv[32] = {(char *)(uintptr_t) "midge"};
    slice error;
    int argc = 1;
    char *copy = (char *)(uintptr_t)arena_copy(l.arena, slice_str(line)).ptr, *save = NULL;
    for (char *w = strtok_r(copy, " ", &save); w != NULL && argc < 32; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    CU_ASSERT_TRUE_FATAL(flags_parse(argc, argv, &l.flags, l.arena, &error));
    CU_ASSERT_TRUE_FATAL(options_report_init(&l.report));
    l.o = options_load(&l.flags, &cfg_source_system, &l.report);
    return l;
}

static struct loaded load_text(const char *text)
{
    config_folder_text("c.conf", text);
    return load_args("-c c.conf");
}

static void done(struct loaded *l)
{
    options_free(l->o);
    options_report_done(&l->report);
    arena_free(l->arena);
}

/* ---- messages ---- */

static int by_text(const void *a, const void *b)
{
    return slice_cmp(*(const slice *)a, *(const slice *)b);
}

/* The lines that are not empty, sorted. */
static size_t lines_of(slice text, slice *out, size_t room)
{
    size_t n = 0;
    while (text.len > 0 && n < room) {
        const uint8_t *lf = memchr(text.ptr, '\n', text.len);
        out[n] = lf == NULL ? text : slice_first(text, (size_t)(lf - text.ptr));
        text = slice_from(text, out[n].len + 1);
        n += out[n].len > 0;
    }
    qsort(out, n, sizeof *out, by_text);
    return n;
}

static void check_case(const struct config_case *c)
{
    struct loaded l = load_text(c->text);
    slice got = options_report_text(&l.report), want = slice_str(c->want);
    slice got_lines[32], want_lines[32];
    size_t n = lines_of(got, got_lines, 32), m = lines_of(want, want_lines, 32);
    bool ok = n == m;
    for (size_t i = 0; ok && i < n; i++)
        ok = slice_eq(got_lines[i], want_lines[i]);
    CU_ASSERT_TRUE(ok);
    CU_ASSERT_EQUAL(l.o != NULL, l.report.errors.count == 0);
    if (!ok)
        printf("\n  text: %s\n  want: %s\n  got:  %.*s\n", c->text, c->want, (int)got.len,
               (const char *)got.ptr);
    done(&l);
}

#define CASES(name)                                                               \
    static void test_##name(void)                                                 \
    {                                                                             \
        for (size_t i = 0; i < sizeof cases_##name / sizeof cases_##name[0]; i++) \
            check_case(&cases_##name[i]);                                         \
    }

CASES(general)
CASES(listen)
CASES(limits)
CASES(durations)
CASES(authorization)
CASES(permissions)
CASES(accounts)
CASES(tls)

static void check_report(const char *text, const char *want)
{
    struct loaded l = load_text(text);
    slice got = options_report_text(&l.report);
    CU_ASSERT_TRUE(slice_eq_str(got, want));
    if (!slice_eq_str(got, want))
        printf("\n  text: %s\n  want: %s\n  got:  %.*s\n", text, want, (int)got.len, (const char *)got.ptr);
    done(&l);
}

/* covers: CF-58 CF-70 */
static void test_report_layout(void)
{
    check_report("port: x\nping_interval: 5\nfoo: 1",
                 "c.conf:2:1: invalid use of field \"ping_interval\": ping_interval should be converted to a "
                 "duration\n"
                 "c.conf:1:0: interface conversion: interface {} is string, not int64\n"
                 "c.conf:3:1: unknown field \"foo\"\n\n");
    check_report("port: 1 x",
                 "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or "
                 "EOF, but got 'x' instead.'\n");
    struct loaded l = load_args("-c nope.conf");
    CU_ASSERT_PTR_NULL(l.o);
    CU_ASSERT_TRUE(
        slice_eq_str(options_report_text(&l.report), "open nope.conf: no such file or directory\n"));
    done(&l);
}

/* What Go can do and this server cannot yet is refused by name, wherever it stands. */
static void test_refused(void)
{
    static const struct config_case rows[] = {
        {"jetstream: false", "c.conf:1:0: \"jetstream\" is not supported by midge yet\n\n"},
        {"Cluster {}", "c.conf:1:0: \"Cluster\" is not supported by midge yet\n\n"},
        {"http: 8222", "c.conf:1:0: \"http\" is not supported by midge yet\n\n"},
        {"leafnodes {}", "c.conf:1:0: \"leafnodes\" is not supported by midge yet\n\n"},
        {"server_tags: a", "c.conf:1:0: \"server_tags\" is not supported by midge yet\n\n"},
        {"accounts {A {exports: []}}", "c.conf:1:13: \"exports\" is not supported by midge yet\n\n"},
        {"authorization {users: [{user: a, proxy_required: true}]}",
         "c.conf:1:33: \"proxy_required\" is not supported by midge yet\n\n"},
        {"tls {ocsp_peer: true}", "c.conf:1:5: \"ocsp_peer\" is not supported by midge yet\n\n"},
        {"authorization {auth_callout {}}",
         "c.conf:1:15: \"auth_callout\" is not supported by midge yet\n\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check_report(rows[i].text, rows[i].want);
}

/* ---- values ---- */

#define EQ(s, want) CU_ASSERT_TRUE(slice_eq_str((s), (want)))

static void test_defaults(void)
{
    struct loaded l = load_args("");
    const struct options *o = l.o;
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    EQ(o->host, "0.0.0.0");
    CU_ASSERT_EQUAL(o->port, 4222);
    CU_ASSERT_EQUAL(o->max_connections, 65536);
    CU_ASSERT_EQUAL(o->max_control_line, 4096);
    CU_ASSERT_EQUAL(o->max_payload, 1048576);
    CU_ASSERT_EQUAL(o->max_pending, 67108864);
    CU_ASSERT_EQUAL(o->max_subscriptions, 0);
    CU_ASSERT_EQUAL(o->ping_interval_ns, 120 * INT64_C(1000000000));
    CU_ASSERT_EQUAL(o->ping_max, 2);
    CU_ASSERT_EQUAL(o->write_deadline_ns, 10 * INT64_C(1000000000));
    CU_ASSERT_EQUAL(o->lame_duck_duration_ns, 120 * INT64_C(1000000000));
    CU_ASSERT_EQUAL(o->lame_duck_grace_ns, 10 * INT64_C(1000000000));
    CU_ASSERT_EQUAL(o->auth_timeout_s, 2);
    CU_ASSERT_TRUE(o->logtime);
    CU_ASSERT_PTR_NULL(o->tls);
    CU_ASSERT_FALSE(options_auth_required(o));
    CU_ASSERT_EQUAL(o->digest.len, 0);
    CU_ASSERT_PTR_NULL(options_check(o));
    done(&l);
}

/* covers: CF-12 CF-63 CF-71 CF-78 */
static void test_server_values(void)
{
    struct loaded l = load_text(
        "LISTEN: \"[::1]:4333\"\nserver_name: s\nmax_conn: 0\nmax_subs: 5\nmax_sub_tokens: "
        "255\nmax_control_line: 1kb\n"
        "max_payload: 2kb\nmax_pending: 1mb\nping_interval: \"1m30s\"\nping_max: 3\nwrite_deadline: "
        "\"250ms\"\n"
        "write_timeout: retry\nno_header_support: yes\ndisable_sublist_cache: on\nno_fast_producer_stall: "
        "true\n"
        "lame_duck_duration: \"40s\"\nlame_duck_grace_period: \"0s\"\ntrace_verbose: true\ndebug: "
        "true\nlogtime: false\n"
        "log_file: x.log\nlog_size_limit: 5kb\nlog_max_num: 3\nsyslog: true\nremote_syslog: \"udp://h:1\"\n"
        "pid_file: p\nports_file_dir: d\nmax_traced_msg_len: 7\nclient_advertise: \"h:1\"\nallow_non_tls: "
        "true\n"
        "logtime_utc: true\nno_sys_acc: true\nsystem_account: S");
    const struct options *o = l.o;
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    EQ(o->host, "::1");
    CU_ASSERT_EQUAL(o->port, 4333);
    EQ(o->server_name, "s");
    CU_ASSERT_EQUAL(o->max_connections, 0);
    CU_ASSERT_EQUAL(o->max_subscriptions, 5);
    CU_ASSERT_EQUAL(o->max_sub_tokens, 255);
    CU_ASSERT_EQUAL(o->max_control_line, 1024);
    CU_ASSERT_EQUAL(o->max_payload, 2048);
    CU_ASSERT_EQUAL(o->max_pending, 1048576);
    CU_ASSERT_EQUAL(o->ping_interval_ns, 90 * INT64_C(1000000000));
    CU_ASSERT_EQUAL(o->ping_max, 3);
    CU_ASSERT_EQUAL(o->write_deadline_ns, 250000000);
    CU_ASSERT_EQUAL(o->write_timeout, OPT_WRITE_RETRY);
    CU_ASSERT_TRUE(o->no_header_support && o->no_sublist_cache && o->no_fast_producer_stall &&
                   o->allow_non_tls);
    CU_ASSERT_EQUAL(o->lame_duck_duration_ns, 40 * INT64_C(1000000000));
    CU_ASSERT_EQUAL(o->lame_duck_grace_ns, 10 * INT64_C(1000000000));
    CU_ASSERT_TRUE(o->trace && o->trace_verbose && o->debug && o->logtime_utc && o->syslog &&
                   o->no_system_account);
    CU_ASSERT_FALSE(o->logtime);
    EQ(o->log_file, "x.log");
    CU_ASSERT_EQUAL(o->log_size_limit, 5120);
    CU_ASSERT_EQUAL(o->log_max_files, 3);
    EQ(o->remote_syslog, "udp://h:1");
    EQ(o->pid_file, "p");
    EQ(o->ports_file_dir, "d");
    CU_ASSERT_EQUAL(o->max_traced_msg_len, 7);
    EQ(o->client_advertise, "h:1");
    EQ(o->system_account, "S");
    EQ(o->config_file, "c.conf");
    done(&l);
}

/* Of a text that only the language understands, in Go's words: the values were printed by it. */
static void check_digest(const char *text, const char *want)
{
    struct arena *a = arena_new(0);
    slice error;
    const struct cfg_value *root = cfg_parse(&cfg_source_system, "c.conf", slice_str(text), a, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    EQ(opt_digest(root, a), want);
    arena_free(a);
}

/* covers: CF-1 CF-63 CF-64 */
static void test_digest(void)
{
    check_digest("x: foo\nresolver { type: MEM, foo: $x}",
                 "sha256:787815b74f411ee24f8ce74894d906ea3780c11faa38c2712dc89a987662f34f");
    check_digest("store_dir: \"\\xff<&\\x00\\x08\\x0c\\x7f\"",
                 "sha256:9f64ce7d38b91be310cb6a1ca18974a4b046eb8e1ce07ee5cc944c6ec26210d4");
    struct loaded l = load_text("port: 4222 # comment");
    EQ(l.o->digest, "sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e");
    done(&l);
    l = load_text("");
    EQ(l.o->digest, "sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356");
    CU_ASSERT_EQUAL(l.report.warnings.count, 1);
    done(&l);
}

static const struct user_config *user(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->user_count; i++)
        if (slice_eq_str(o->users[i].user, name) || slice_eq_str(o->users[i].nkey, name))
            return &o->users[i];
    CU_FAIL_FATAL("no such user");
    return NULL;
}

#define NKEY "UAAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCLL5"

/* covers: CF-85 CF-86 CF-91 */
static void test_users(void)
{
    struct loaded l =
        load_text("authorization { timeout: 1.5\n default_permissions { publish: a.b, allow_responses: {max: "
                  "5, ttl: \"10s\"} }\n"
                  " users: [ {user: u, password: p, allowed_connection_types: [standard, MQTT]}\n"
                  "  {user: v, permissions: { subscribe: { allow: [\"foo q\", bar], deny: \"x.>\" }, "
                  "allow_responses: true } }\n"
                  "  {nkey: " NKEY "} ] }\n"
                  "accounts { A { users: [ {user: w, pass: \"$2a$11$x\"} ], limits { max_conn: 5, max_subs: "
                  "6, max_pay: 7, "
                  "max_leafs: 8 }, default_permissions { publish: {} } }, B {} }\nno_auth_user: w");
    const struct options *o = l.o;
    CU_ASSERT_PTR_NOT_NULL_FATAL(o);
    CU_ASSERT_TRUE(o->authorization);
    CU_ASSERT_EQUAL(o->auth_timeout_s, 1.5);
    CU_ASSERT_EQUAL(o->user_count, 4);

    const struct user_config *u = user(o, "u"), *v = user(o, "v"), *n = user(o, NKEY), *w = user(o, "w");
    EQ(u->password, "p");
    EQ(u->account, "");
    CU_ASSERT_EQUAL(u->connection_types, ACCOUNT_CONN_STANDARD | ACCOUNT_CONN_MQTT);
    CU_ASSERT_PTR_NOT_NULL_FATAL(u->permissions);
    CU_ASSERT_PTR_EQUAL(u->permissions, n->permissions);
    CU_ASSERT_EQUAL(u->permissions->publish.allow.count, 1);
    EQ(u->permissions->publish.allow.items[0].subject, "a.b");
    CU_ASSERT_FALSE(u->permissions->publish.restricted);
    CU_ASSERT_EQUAL(u->permissions->max_responses, 5);
    CU_ASSERT_EQUAL(u->permissions->response_ns, 10 * INT64_C(1000000000));

    CU_ASSERT_PTR_NOT_NULL_FATAL(v->permissions);
    CU_ASSERT_TRUE(v->permissions->responses && v->permissions->publish.restricted);
    CU_ASSERT_EQUAL(v->permissions->publish.allow.count, 0);
    CU_ASSERT_EQUAL(v->permissions->max_responses, 0);
    EQ(v->permissions->subscribe.allow.items[0].subject, "foo");
    EQ(v->permissions->subscribe.allow.items[0].queue, "q");
    EQ(v->permissions->subscribe.allow.items[1].subject, "bar");
    EQ(v->permissions->subscribe.allow.items[1].queue, "");
    EQ(v->permissions->subscribe.deny.items[0].subject, "x.>");

    EQ(w->account, "A");
    CU_ASSERT_PTR_NOT_NULL(w->permissions);
    CU_ASSERT_EQUAL(o->account_count, 2);
    EQ(o->accounts[0].name, "A");
    CU_ASSERT_EQUAL(o->accounts[0].limits.connections, 5);
    CU_ASSERT_EQUAL(o->accounts[0].limits.subscriptions, 6);
    CU_ASSERT_EQUAL(o->accounts[0].limits.payload, 7);
    CU_ASSERT_EQUAL(o->accounts[0].limits.leafnodes, 8);
    CU_ASSERT_EQUAL(o->accounts[1].limits.connections, -1);
    CU_ASSERT_TRUE(options_auth_required(o));
    CU_ASSERT_TRUE(options_plaintext_passwords(o));
    CU_ASSERT_PTR_NULL(options_check(o));
    done(&l);
}

static void test_tls_values(void)
{
    struct loaded l = load_text(
        "tls { cert_file: certs/server.pem, key_file: certs/server-key.pem, ca_file: certs/ca.pem, "
        "verify_and_map: true\n"
        " timeout: \"1500ms\", handshake_first: auto, min_version: \"1.3\", connection_rate_limit: 9\n"
        " cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]\n curve_preferences: [X25519MLKEM768, X25519, "
        "CurveP384]\n"
        " pinned_certs: [\"AA00112233445566778899aabbccddeeff00112233445566778899aabbccddee\"] }");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.o);
    const struct opt_tls *tls = l.o->tls;
    CU_ASSERT_PTR_NOT_NULL_FATAL(tls);
    CU_ASSERT_EQUAL(tls->cert_count, 1);
    EQ(tls->certs[0].cert_file, "certs/server.pem");
    EQ(tls->certs[0].key_file, "certs/server-key.pem");
    EQ(tls->ca_file, "certs/ca.pem");
    CU_ASSERT_TRUE(tls->verify && tls->verify_and_map);
    CU_ASSERT_EQUAL(tls->timeout_s, 1.5);
    CU_ASSERT_EQUAL(tls->first, OPT_TLS_FIRST_AUTO);
    CU_ASSERT_EQUAL(tls->first_delay_ns, 50000000);
    CU_ASSERT_EQUAL(tls->min_version, 0x0304);
    CU_ASSERT_EQUAL(tls->rate_limit, 9);
    EQ(tls->ciphers, "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305");
    EQ(tls->curves, "X25519:P-384");
    CU_ASSERT_EQUAL(tls->pinned.count, 1);
    EQ(tls->pinned.items[0], "aa00112233445566778899aabbccddeeff00112233445566778899aabbccddee");
    CU_ASSERT_EQUAL(l.o->auth_timeout_s, 2.5);
    done(&l);
}

/* ---- flags over the file ---- */

/* covers: CF-131 CF-132 CF-135 CF-161 */
static void test_flags_win(void)
{
    config_folder_text(
        "c.conf", "port: 1\nhost: a\ndebug: true\ntrace: true\nauthorization {user: x, pass: y}\nlogtime: "
                  "true\ntls { timeout: 7 }");
    struct loaded l = load_args("-c c.conf -p 5 -D=false -DV=false -T=false --user u --pass=p");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.o);
    CU_ASSERT_EQUAL(l.o->port, 5);
    EQ(l.o->host, "a");
    CU_ASSERT_FALSE(l.o->debug || l.o->trace || l.o->logtime);
    EQ(l.o->user, "u");
    EQ(l.o->password, "p");
    CU_ASSERT_PTR_NOT_NULL(l.o->tls);
    done(&l);

    l = load_args("-c c.conf -tls=false -VV -p 0");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.o);
    CU_ASSERT_PTR_NULL(l.o->tls);
    CU_ASSERT_TRUE(l.o->debug && l.o->trace && l.o->trace_verbose);
    CU_ASSERT_EQUAL(l.o->port, 4222);
    done(&l);

    l = load_args("-c c.conf --tlscert certs/server.pem -tlskey certs/server-key.pem --tlsverify --tlscacert "
                  "certs/ca.pem");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.o);
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.o->tls);
    CU_ASSERT_TRUE(l.o->tls->verify);
    EQ(l.o->tls->certs[0].cert_file, "certs/server.pem");
    CU_ASSERT_EQUAL(l.o->tls->timeout_s, 7);
    done(&l);

    static const char *const lines[] = {"--tls", "--tlscert certs/server.pem", "-tlscert nope -tlskey nope"};
    static const char *const wants[] = {
        "TLS Server certificate must be present and valid\n",
        "TLS Server private key must be present and valid\n",
        "error parsing X509 certificate/key pair: open nope: no such file or directory\n"};
    for (int i = 0; i < 3; i++) {
        l = load_args(lines[i]);
        CU_ASSERT_PTR_NULL(l.o);
        EQ(options_report_text(&l.report), wants[i]);
        done(&l);
    }
}

/* covers: CF-68 CF-110 */
static void test_checks(void)
{
    static const struct config_case rows[] = {
        {"max_payload: 128mb", "max_payload (134217728) cannot be higher than max_pending (67108864)"},
        {"lame_duck_duration: \"30s\", lame_duck_grace_period: \"40s\"",
         "lame duck grace period (40s) should be strictly lower than lame duck duration (30s)"},
        {"lame_duck_grace_period: \"2m\"",
         "lame duck grace period (2m0s) should be strictly lower than lame duck duration (2m0s)"},
        {"no_auth_user: a", "no_auth_user: \"a\" present, but users/nkeys are not defined"},
        {"no_auth_user: a, authorization {users: [{user: b}]}",
         "no_auth_user: \"a\" not present as user or nkey in authorization block or account configuration"},
        {"no_auth_user: " NKEY ", accounts {A {users: [{nkey: " NKEY "}]}}", NULL},
        {"system_account: X", "error resolving system account: account missing"},
        {"system_account: \"$SYS\"", "error resolving system account: account missing"},
        {"system_account: \"$SYS\", accounts {$SYS: {}}", NULL},
        {"system_account: \"$G\"", NULL},
        {"max_payload: 9mb", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loaded l = load_text(rows[i].text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(l.o);
        const char *got = options_check(l.o);
        CU_ASSERT_EQUAL(got == NULL, rows[i].want == NULL);
        if (got != NULL && rows[i].want != NULL)
            CU_ASSERT_STRING_EQUAL(got, rows[i].want);
        done(&l);
    }
    struct loaded l = load_args("-n a");
    l.o->server_name = SLICE_LIT("a b");
    CU_ASSERT_STRING_EQUAL(options_check(l.o), "server name cannot contain spaces");
    done(&l);
}

static void test_plaintext(void)
{
    static const struct {
        const char *text;
        bool plain;
    } rows[] = {
        {"authorization {user: a}", false},
        {"authorization {user: a, pass: b}", true},
        {"authorization {user: a, pass: \"$2a$11$x\"}", false},
        {"authorization {token: x}", false},
        {"authorization {users: [{user: a}]}", true},
        {"authorization {users: [{user: a, pass: \"$2y$04$x\"}, {nkey: " NKEY "}]}", false},
        {"tls {verify_and_map: true}, authorization {users: [{user: a}]}", false},
        {"tls {verify_and_map: true}, authorization {users: [{user: a, pass: x}]}", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct loaded l = load_text(rows[i].text);
        CU_ASSERT_PTR_NOT_NULL_FATAL(l.o);
        CU_ASSERT_EQUAL(options_plaintext_passwords(l.o), rows[i].plain);
        done(&l);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_general),   UNIT_TEST(test_listen),        UNIT_TEST(test_limits),
    UNIT_TEST(test_durations), UNIT_TEST(test_authorization), UNIT_TEST(test_permissions),
    UNIT_TEST(test_accounts),  UNIT_TEST(test_tls),           UNIT_TEST(test_report_layout),
    UNIT_TEST(test_refused),   UNIT_TEST(test_defaults),      UNIT_TEST(test_server_values),
    UNIT_TEST(test_digest),    UNIT_TEST(test_users),         UNIT_TEST(test_tls_values),
    UNIT_TEST(test_flags_win), UNIT_TEST(test_checks),        UNIT_TEST(test_plaintext),
};

int main(int argc, char **argv)
{
    config_folder_enter(&folder);
    int rc = unit_run("options", tests, sizeof tests / sizeof tests[0], argc, argv);
    config_folder_leave(&folder);
    return rc;
}
