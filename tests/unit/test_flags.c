/* The command line: Go's flag syntax, its errors and texts, precedence, redaction. */
#include "base/arena.h"
#include "server/flags.h"
#include "server/options.h"
#include "unit.h"

struct parsed {
    struct arena *arena;
    struct flags f;
    slice error;
    bool ok;
    int argc;
    char *argv[32];
};

/* Arguments are separated by '|'. */
static void parse(struct parsed *p, const char *line)
{
    *p = (struct parsed){.arena = arena_new(0), .argc = 1};
    p->argv[0] = (char *)(uintptr_t) "midge";
    slice rest = slice_str(line);
    while (rest.len > 0) {
        const uint8_t *bar = memchr(rest.ptr, '|', rest.len);
        slice arg = bar == NULL ? rest : slice_first(rest, (size_t)(bar - rest.ptr));
        p->argv[p->argc++] = (char *)(uintptr_t)arena_copy(p->arena, arg).ptr;
        rest = slice_from(rest, arg.len + 1);
    }
    p->ok = flags_parse(p->argc, p->argv, &p->f, p->arena, &p->error);
}

static void done(struct parsed *p)
{
    arena_free(p->arena);
}

#define EQ(s, want) CU_ASSERT_TRUE(slice_eq_str((s), (want)))

/* covers: CF-126 */
static void test_forms(void)
{
    static const char *const lines[] = {"-p|5", "--p|5", "-port|5", "--port|5", "-p=5", "--port=5"};
    struct parsed p;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        parse(&p, lines[i]);
        CU_ASSERT_TRUE(p.ok && p.f.values[FLAG_PORT].set);
        CU_ASSERT_EQUAL(p.f.values[FLAG_PORT].number, 5);
        done(&p);
    }
    parse(&p, "-a|h|-addr=i|--net|j|-P|x=y|-c=|-D|-V=false|-T=0|-l|-x");
    CU_ASSERT_TRUE(p.ok);
    EQ(p.f.values[FLAG_HOST].text, "j");
    CU_ASSERT_STRING_EQUAL(p.f.values[FLAG_HOST].name, "net");
    EQ(p.f.values[FLAG_PID].text, "x=y");
    CU_ASSERT_TRUE(p.f.values[FLAG_CONFIG].set);
    EQ(p.f.values[FLAG_CONFIG].text, "");
    CU_ASSERT_TRUE(p.f.values[FLAG_DEBUG].on);
    CU_ASSERT_TRUE(p.f.values[FLAG_TRACE].set && !p.f.values[FLAG_TRACE].on);
    CU_ASSERT_FALSE(p.f.values[FLAG_LOGTIME].on);
    EQ(p.f.values[FLAG_LOG].text, "-x");
    done(&p);
}

static void test_numbers(void)
{
    static const struct {
        const char *line;
        int64_t want;
    } rows[] = {
        {"-p|-1", -1},
        {"-p|+7", 7},
        {"-p|0x10", 16},
        {"-p|0b11", 3},
        {"-p|0o17", 15},
        {"-p|017", 15},
        {"-p|0", 0},
        {"-p|0x_1F", 31},
        {"-p|-0x10", -16},
        {"-p|0B1_1", 3},
        {"-p|0_7", 7},
        {"-p|1_000", 1000},
        {"-log_size_limit|9223372036854775807", INT64_MAX},
        {"-log_size_limit|-9223372036854775808", INT64_MIN},
    };
    struct parsed p;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parse(&p, rows[i].line);
        CU_ASSERT_TRUE(p.ok);
        int64_t got =
            p.f.values[FLAG_PORT].set ? p.f.values[FLAG_PORT].number : p.f.values[FLAG_LOG_SIZE_LIMIT].number;
        CU_ASSERT_EQUAL(got, rows[i].want);
        done(&p);
    }
}

/* covers: CF-127 */
static void test_errors(void)
{
    static const char *const rows[][2] = {
        {"-nope", "flag provided but not defined: -nope"},
        {"--nope=5", "flag provided but not defined: -nope"},
        {"-p|x", "invalid value \"x\" for flag -p: parse error"},
        {"--port=", "invalid value \"\" for flag -port: parse error"},
        {"-p|1__0", "invalid value \"1__0\" for flag -p: parse error"},
        {"-p|0x", "invalid value \"0x\" for flag -p: parse error"},
        {"-p|08", "invalid value \"08\" for flag -p: parse error"},
        {"-p|9223372036854775808", "invalid value \"9223372036854775808\" for flag -p: value out of range"},
        {"-D=x", "invalid boolean value \"x\" for -D: parse error"},
        {"-p", "flag needs an argument: -p"},
        {"-c", "flag needs an argument: -c"},
        {"---p", "bad flag syntax: ---p"},
        {"-=p", "bad flag syntax: -=p"},
        {"-d", "flag provided but not defined: -d"},
    };
    struct parsed p;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parse(&p, rows[i][0]);
        CU_ASSERT_FALSE(p.ok);
        EQ(p.error, rows[i][1]);
        done(&p);
    }
}

/* covers: CF-67 CF-129 CF-130 */
static void test_actions(void)
{
    static const struct {
        const char *line;
        enum flags_action want;
        const char *error;
    } rows[] = {
        {"", FLAGS_START, ""},
        {"-v", FLAGS_VERSION, ""},
        {"--version|foo", FLAGS_VERSION, ""},
        {"VERSION", FLAGS_VERSION, ""},
        {"help", FLAGS_HELP, ""},
        {"-h|-v", FLAGS_VERSION, ""},
        {"-help_tls|-h", FLAGS_HELP, ""},
        {"-help_tls", FLAGS_HELP_TLS, ""},
        {"foo|-v", FLAGS_BAD, "unrecognized command: \"foo\""},
        {"-|-v", FLAGS_BAD, "unrecognized command: \"-\""},
        {"|-v", FLAGS_BAD, "unrecognized command: \"\""},
        {"--|foo", FLAGS_BAD, "unrecognized command: \"foo\""},
        {"--", FLAGS_START, ""},
        {"-sl|reload|-t", FLAGS_SIGNAL, ""},
        {"-t|-c|x", FLAGS_CHECK, ""},
        {"-t", FLAGS_BAD, "must specify [-c, --config] option to check configuration file syntax"},
        {"-v=false", FLAGS_START, ""},
        {"-p|5|-c|x", FLAGS_START, ""},
    };
    struct parsed p;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parse(&p, rows[i].line);
        CU_ASSERT_TRUE(p.ok);
        slice error = SLICE_LIT("");
        CU_ASSERT_EQUAL(flags_action(&p.f, p.arena, &error), rows[i].want);
        EQ(error, rows[i].error);
        done(&p);
    }
}

static void test_unsupported(void)
{
    static const char *const rows[][2] = {{"-js", "js"},
                                          {"--jetstream", "jetstream"},
                                          {"-m|8222", "m"},
                                          {"-sd|x", "sd"},
                                          {"--cluster|nats://x:1", "cluster"},
                                          {"--routes|nats://x:1", "routes"},
                                          {"--profile=5", "profile"}};
    struct parsed p;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parse(&p, rows[i][0]);
        const char *got = flags_unsupported(&p.f);
        CU_ASSERT_PTR_NOT_NULL_FATAL(got);
        CU_ASSERT_STRING_EQUAL(got, rows[i][1]);
        done(&p);
    }
    parse(&p, "-js=false|-routes|");
    CU_ASSERT_TRUE(!p.ok || flags_unsupported(&p.f) == NULL);
    done(&p);
    parse(&p, "-js=false|-p|5|-D");
    CU_ASSERT_PTR_NULL(flags_unsupported(&p.f));
    done(&p);
}

/* covers: CF-128 CF-139 */
static void test_texts(void)
{
    CU_ASSERT_EQUAL(strlen(flags_usage), 3576);
    struct arena *a = arena_new(0);
    slice help = flags_tls_help(a);
    int suites = 0, curves = 0;
    const char *s = (const char *)help.ptr, *split = strstr(s, "Available curve preferences include:\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(split);
    s = strstr(s, "Available cipher suites include:\n");
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    for (; (s = strstr(s, "\n    ")) != NULL; s++)
        *(s < split ? &suites : &curves) += 1;
    CU_ASSERT_EQUAL(suites, 25);
    CU_ASSERT_EQUAL(curves, 7);
    arena_free(a);
}

/* covers: CF-136 */
static void test_redaction(void)
{
    static const char *const rows[][2] = {
        {"-user|u|--pass|p|-auth|t|-p|5", "-user|[REDACTED]|--pass|[REDACTED]|-auth|[REDACTED]|-p|5"},
        {"--user=u|-pass=", "--user=[REDACTED]|-pass=[REDACTED]"},
        {"-routes|nats://a:b@h:1,nats://h:2,nats://c@h:3",
         "-routes|nats://[REDACTED]@h:1,nats://h:2,nats://[REDACTED]@h:3"},
        {"--cluster=nats://a:b@h:1", "--cluster=nats://[REDACTED]@h:1"},
        {"-cluster_listen|nats://h:1|user", "-cluster_listen|nats://h:1|user"},
        {"-c|x.conf", "-c|x.conf"},
    };
    struct parsed p, want;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parse(&p, rows[i][0]);
        parse(&want, rows[i][1]);
        char **got = flags_redact(p.argc, p.argv, p.arena);
        CU_ASSERT_PTR_NOT_NULL_FATAL(got);
        CU_ASSERT_EQUAL_FATAL(p.argc, want.argc);
        for (int k = 0; k < p.argc; k++)
            CU_ASSERT_STRING_EQUAL(got[k], want.argv[k]);
        CU_ASSERT_PTR_NULL(got[p.argc]);
        done(&p);
        done(&want);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_forms),       UNIT_TEST(test_numbers), UNIT_TEST(test_errors),    UNIT_TEST(test_actions),
    UNIT_TEST(test_unsupported), UNIT_TEST(test_texts),   UNIT_TEST(test_redaction),
};

UNIT_MAIN("flags", tests)
