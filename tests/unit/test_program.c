/* The command line of the program as a user sees it: what is printed where, and the exit code. Each row holds
 * for the Go server, too, and is held against it when NATS_SERVER names one. */
#include "config_folder.h"
#include "unit.h"
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/wait.h>

enum { OUTPUT_MAX = 16 * 1024 };

static struct config_folder folder;
static char midge[PATH_MAX]; /* a link named nats-server to the program under test */

struct outcome {
    int code; /* 128 + signal when killed */
    char out[OUTPUT_MAX], err[OUTPUT_MAX];
};

/* ---- running ---- */

static size_t read_some(int fd, char *buf, size_t len)
{
    ssize_t n = read(fd, buf + len, OUTPUT_MAX - 1 - len);
    return n > 0 ? (size_t)n : 0;
}

/* Reads both pipes to their ends. */
static void collect(int out, int err, struct outcome *o)
{
    struct pollfd fds[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
    char *bufs[2] = {o->out, o->err};
    size_t lens[2] = {0, 0};
    int open_count = 2;
    while (open_count > 0 && poll(fds, 2, 20000) > 0) {
        for (int i = 0; i < 2; i++) {
            if (fds[i].fd < 0 || fds[i].revents == 0)
                continue;
            size_t n = read_some(fds[i].fd, bufs[i], lens[i]);
            lens[i] += n;
            if (n == 0) {
                fds[i].fd = -1;
                open_count--;
            }
        }
    }
    o->out[lens[0]] = '\0';
    o->err[lens[1]] = '\0';
}

/* Arguments separated by blanks. */
static void run(const char *program, const char *line, struct outcome *o)
{
    char copy[512], *argv[16] = {(char *)(uintptr_t)program}, *save = NULL;
    int argc = 1, out[2], err[2], status;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok_r(copy, " ", &save); w != NULL && argc < 15; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    CU_ASSERT_EQUAL_FATAL(pipe(out), 0);
    CU_ASSERT_EQUAL_FATAL(pipe(err), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        close(out[0]);
        close(err[0]);
        alarm(20);
        execv(program, argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    collect(out[0], err[0], o);
    close(out[0]);
    close(err[0]);
    CU_ASSERT_EQUAL_FATAL(waitpid(pid, &status, 0), pid);
    o->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- rows ---- */

struct row {
    const char *args;
    int code;
    const char *out; /* what stdout begins with; "" for nothing */
    const char *err; /* all of stderr */
};

#define USAGE "\nUsage: nats-server [options]\n\nServer Options:\n"

static void check(const char *who, const char *program, const struct row *row)
{
    static struct outcome o;
    run(program, row->args, &o);
    bool ok = o.code == row->code && strcmp(o.err, row->err) == 0 &&
              (row->out[0] == '\0' ? o.out[0] == '\0' : strncmp(o.out, row->out, strlen(row->out)) == 0);
    CU_ASSERT_TRUE(ok);
    if (!ok)
        printf("\n  %s %s\n  exit %d, wanted %d\n  stdout: %s\n  stderr: %s\n  wanted: %s\n", who, row->args,
               o.code, row->code, o.out, o.err, row->err);
}

static void check_all(const struct row *rows, size_t count)
{
    const char *go = getenv("NATS_SERVER");
    for (size_t i = 0; i < count; i++) {
        check("midge", midge, &rows[i]);
        if (go != NULL && go[0] != '\0')
            check("Go", go, &rows[i]);
    }
}

#define CHECK(rows) check_all(rows, sizeof(rows) / sizeof((rows)[0]))

/* covers: CF-127 CF-128 CF-129 CF-130 */
static void test_texts(void)
{
    static const struct row rows[] = {
        {"--version", 0, "nats-server: v2.15.1\n", ""},
        {"-v", 0, "nats-server: v2.15.1\n", ""},
        {"version", 0, "nats-server: v2.15.1\n", ""},
        {"-h", 0, USAGE, ""},
        {"help", 0, USAGE, ""},
        {"--help_tls", 0, "\nTLS ", ""},
        {"-nope", 0, USAGE, "flag provided but not defined: -nope\n"},
        {"-p", 0, USAGE, "flag needs an argument: -p\n"},
        {"-p x", 0, USAGE, "invalid value \"x\" for flag -p: parse error\n"},
        {"-D=x", 0, USAGE, "invalid boolean value \"x\" for -D: parse error\n"},
        {"foo", 1, "", "nats-server: unrecognized command: \"foo\"\n"},
    };
    CHECK(rows);
    static struct outcome o;
    run(midge, "-h", &o);
    CU_ASSERT_EQUAL(strlen(o.out), 3576);
}

/* covers: CF-65 CF-66 CF-67 CF-68 CF-70 CF-75 */
static void test_check(void)
{
    static const struct row rows[] = {
        {"-t", 1, "", "nats-server: must specify [-c, --config] option to check configuration file syntax\n"},
        {"-t -c good.conf", 0, "",
         "nats-server: configuration file good.conf is valid "
         "(sha256:797533ebd0dfba7d34a0f9337ecf147e442871f48ddfd07ed751575a5737267e)\n"},
        {"-t -c warn.conf", 1, "",
         "nats-server: warn.conf:1:0: invalid use of field \"ping_interval\": ping_interval should be "
         "converted to a "
         "duration\n\n"},
        {"-t -c empty.conf", 1, "", "nats-server: empty.conf: config has no values or is empty\n\n"},
        {"-t -c bad.conf", 1, "",
         "nats-server: bad.conf:1:0: interface conversion: interface {} is string, not int64\n\n"},
        {"-t -c parse.conf", 1, "", "nats-server: Parse error on line 1: 'Unexpected EOF.'\n"},
        {"-t -c nope.conf", 1, "", "nats-server: open nope.conf: no such file or directory\n"},
        {"-c nope.conf", 1, "", "nats-server: open nope.conf: no such file or directory\n"},
        {"-c bad.conf", 1, "",
         "nats-server: bad.conf:1:0: interface conversion: interface {} is string, not int64\n\n"},
        {"-c cross.conf", 1, "",
         "nats-server: max_payload (134217728) cannot be higher than max_pending (67108864)\n"},
    };
    config_folder_text("good.conf", "port: 4222");
    config_folder_text("warn.conf", "ping_interval: 10");
    config_folder_text("empty.conf", "");
    config_folder_text("bad.conf", "port: x");
    config_folder_text("parse.conf", "a: \"b");
    config_folder_text("cross.conf", "max_payload: 128mb");
    CHECK(rows);
}

/* covers: CF-135 CF-137 */
static void test_start_errors(void)
{
    static const struct row rows[] = {
        {"--tls", 1, "", "nats-server: TLS Server certificate must be present and valid\n"},
        {"--tlscert x", 1, "", "nats-server: TLS Server private key must be present and valid\n"},
        {"-tlscert x -tlskey y", 1, "",
         "nats-server: error parsing X509 certificate/key pair: open x: no such file or directory\n"},
        {"-sl foo=1", 1, "", "nats-server: unknown signal \"foo\"\n"},
        {"-sl reload=abc", 1, "", "nats-server: invalid pid: abc\n"},
        {"-sl reload=1=2", 1, "", "nats-server: invalid signal parameters: [2]\n"},
        {"--signal=reload=999999999", 1, "", "nats-server: \nsignal \"reload\" 999999999: no such process\n"},
    };
    CHECK(rows);
}

/* The line about a log that cannot be opened is dated. */
static void test_log_error(void)
{
    static struct outcome o;
    const char *go = getenv("NATS_SERVER"), *programs[2] = {midge, go != NULL && go[0] != '\0' ? go : midge};
    for (int i = 0; i < 2; i++) {
        run(programs[i], "-p -1 -l /nope/x.log", &o);
        CU_ASSERT_EQUAL(o.code, 1);
        CU_ASSERT_EQUAL_FATAL(strlen(o.err) > 20, 1);
        CU_ASSERT_STRING_EQUAL(o.err + 20,
                               "error opening file: open /nope/x.log: no such file or directory\n");
        run(programs[i], "-p -1 -r foo://x", &o);
        CU_ASSERT_EQUAL(o.code, 1);
        CU_ASSERT_EQUAL_FATAL(strlen(o.err) > 20, 1);
        CU_ASSERT_STRING_EQUAL(o.err + 20, "error invalid network type: \"foo\"\n");
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_texts), UNIT_TEST(test_check),
                                         UNIT_TEST(test_start_errors), UNIT_TEST(test_log_error)};

/* build/TYPE/tests/test_program tests build/TYPE/midge. */
static bool link_program(void)
{
    char self[PATH_MAX], target[PATH_MAX + 16];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return false;
    self[n] = '\0';
    snprintf(target, sizeof target, "%s/midge", dirname(dirname(self)));
    snprintf(midge, sizeof midge, "%s/nats-server", folder.path);
    return symlink(target, midge) == 0 && access(midge, X_OK) == 0;
}

int main(int argc, char **argv)
{
    config_folder_enter(&folder);
    int rc = 1;
    if (link_program())
        rc = unit_run("program", tests, sizeof tests / sizeof tests[0], argc, argv);
    else
        perror("no program to test");
    config_folder_leave(&folder);
    return rc;
}
