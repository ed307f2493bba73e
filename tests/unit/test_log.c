/* The log: layout, levels, file rotation, reopening, syslog, rate limits. */
#include "base/log.h"
#include "unit.h"
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <regex.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- a world with a clock that tests set ------------------------------------------------------------------
 */

struct clock_env {
    struct env env;
    int64_t wall, mono;
};

static int64_t wall_ns(struct env *e)
{
    return ((struct clock_env *)e)->wall;
}

static int64_t mono_ns(struct env *e)
{
    return ((struct clock_env *)e)->mono;
}

static const struct env_ops clock_ops = {.wall_ns = wall_ns, .mono_ns = mono_ns};

/* 2026-11-24 02:24:18.326632781 UTC */
#define MOMENT INT64_C(1795487058326632781)

static struct clock_env world(void)
{
    return (struct clock_env){.env = {.ops = &clock_ops}, .wall = MOMENT, .mono = 5};
}

/* ---- helpers ----------------------------------------------------------------------------------------------
 */

static char folder[64];

static void folder_make(void)
{
    snprintf(folder, sizeof folder, "/tmp/test_log.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void folder_remove(void)
{
    DIR *d = opendir(folder);
    CU_ASSERT_PTR_NOT_NULL_FATAL(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.')
            CU_ASSERT_EQUAL(unlinkat(dirfd(d), e->d_name, 0), 0);
    closedir(d);
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static int folder_count(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static char *content(const char *name)
{
    static char buf[8192];
    int fd = open(path_of(name), O_RDONLY);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    ssize_t n = read(fd, buf, sizeof buf - 1);
    CU_ASSERT_TRUE_FATAL(n >= 0);
    close(fd);
    buf[n] = '\0';
    return buf;
}

static bool matches(const char *text, const char *pattern)
{
    regex_t re;
    CU_ASSERT_EQUAL_FATAL(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool ok = regexec(&re, text, 0, NULL, 0) == 0;
    regfree(&re);
    if (!ok)
        printf("\nno match for %s in: %s\n", pattern, text);
    return ok;
}

struct kept {
    int count;
    enum log_level level;
    char text[4096];
};

static void keep(void *ctx, enum log_level level, int64_t wall, slice text)
{
    struct kept *k = ctx;
    CU_ASSERT_EQUAL(wall, MOMENT);
    k->count++;
    k->level = level;
    snprintf(k->text, sizeof k->text, "%.*s", LOG_SLICE(text));
}

/* ---- tests ------------------------------------------------------------------------------------------------
 */

static void test_levels(void)
{
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    struct kept k = {0};
    CU_ASSERT_TRUE_FATAL(log_to_fn(l, keep, &k));
    log_inf(l, "Server is ready %d", 1);
    CU_ASSERT_STRING_EQUAL(k.text, "Server is ready 1");
    CU_ASSERT_EQUAL(k.level, LOG_INF);
    log_dbg(l, "hidden");
    log_trc(l, "hidden");
    CU_ASSERT_EQUAL(k.count, 1);
    CU_ASSERT_FALSE(log_enabled(l, LOG_DBG));
    log_set_levels(l, true, false);
    CU_ASSERT_TRUE(log_enabled(l, LOG_DBG));
    CU_ASSERT_FALSE(log_enabled(l, LOG_TRC));
    log_dbg(l, "seen");
    log_set_levels(l, false, true);
    log_trc(l, "seen");
    log_wrn(l, "seen");
    log_err(l, "seen");
    log_ftl(l, "seen\n");
    CU_ASSERT_EQUAL(k.count, 6);
    CU_ASSERT_EQUAL(k.level, LOG_FTL);
    CU_ASSERT_STRING_EQUAL(k.text, "seen");
    log_free(l);
}

static void test_long_line(void)
{
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    struct kept k = {0};
    log_to_fn(l, keep, &k);
    char big[3001];
    memset(big, 'x', 3000);
    big[3000] = '\0';
    log_inf(l, "%s", big);
    CU_ASSERT_STRING_EQUAL(k.text, big);
    log_free(l);
}

/* covers: CF-146 CF-132 */
static void test_layout(void)
{
    folder_make();
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX], want[256];
    log_set_format(l, (struct log_format){.timestamps = true, .utc = true});
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 0, 0, err));
    log_wrn(l, "a");
    log_set_format(l, (struct log_format){.timestamps = false});
    log_err(l, "b");
    snprintf(want, sizeof want, "[%d] 2026/11/24 02:24:18.326632 [WRN] a\n[%d] [ERR] b\n", (int)getpid(),
             (int)getpid());
    CU_ASSERT_STRING_EQUAL(content("a.log"), want);
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    CU_ASSERT_EQUAL_FATAL(stat(path_of("a.log"), &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0640 & ~mask);
    log_free(l);
    folder_remove();
}

static void test_local_time(void)
{
    folder_make();
    struct clock_env w = world();
    setenv("TZ", "XYZ-5:30", 1);
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 0, 0, err));
    log_inf(l, "a");
    CU_ASSERT_TRUE(matches(content("a.log"), "^\\[[0-9]+\\] 2026/11/24 07:54:18\\.326632 \\[INF\\] a\n$"));
    log_free(l);
    unsetenv("TZ");
    tzset();
    folder_remove();
}

/* covers: CF-148 CF-149 */
static void test_rotation(void)
{
    folder_make();
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX];
    log_set_format(l, (struct log_format){.timestamps = false});
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 160, 2, err));
    char big[161];
    memset(big, 'x', 160);
    big[160] = '\0';
    log_inf(l, "%s", big);
    CU_ASSERT_EQUAL(folder_count(), 2);
    CU_ASSERT_TRUE(matches(content("a.log"),
                           "^\\[[0-9]+\\] \\[INF\\] Rotated log, backup saved as "
                           "\"/tmp/.*/a\\.log\\.2026\\.11\\.2[345]\\.[0-9.]{8}\\.326632781\"\r\n$"));
    w.wall++;
    log_inf(l, "%s", big);
    CU_ASSERT_EQUAL(folder_count(), 2);
    CU_ASSERT_TRUE(
        matches(content("a.log"),
                "^[^\n]*\\.326632782\"\r\n.*Purged log file \"a\\.log\\.[0-9.]*\\.326632781\"\r\n$"));
    CU_ASSERT_EQUAL(log_lost(l), 0);
    log_free(l);
    folder_remove();
}

/* Names that only look like backups stay. */
static void test_purge_is_exact(void)
{
    folder_make();
    static const char *const others[] = {"a.log.2026.01.01.00.00.00.00000000x", "a.log.old",
                                         "a.log.2020.01.01.00.00.00.0000000000",
                                         "b.log.2020.01.01.00.00.00.000000000"};
    for (size_t i = 0; i < 4; i++)
        close(open(path_of(others[i]), O_CREAT | O_WRONLY, 0600));
    close(open(path_of("a.log.2020.01.01.00.00.00.000000000"), O_CREAT | O_WRONLY, 0600));
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 1, 2, err));
    log_inf(l, "x");
    CU_ASSERT_EQUAL(folder_count(), 4 + 2);
    CU_ASSERT_EQUAL(access(path_of("a.log.2020.01.01.00.00.00.000000000"), F_OK), -1);
    log_free(l);
    folder_remove();
}

static void test_rotate_at_start(void)
{
    folder_make();
    int fd = open(path_of("a.log"), O_CREAT | O_WRONLY, 0600);
    CU_ASSERT_EQUAL(write(fd, "0123456789", 10), 10);
    close(fd);
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX];
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 5, 0, err));
    CU_ASSERT_EQUAL(folder_count(), 2);
    CU_ASSERT_TRUE(matches(content("a.log"), "Rotated log, backup saved as"));
    log_free(l);
    folder_remove();
}

/* A folder where nothing can be renamed: every line is kept and the limit grows. */
static void test_rotation_fails(void)
{
    folder_make();
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX];
    log_set_format(l, (struct log_format){.timestamps = false});
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 10, 0, err));
    /* the live file is gone: rename fails */
    int fd = open(path_of("a.log"), O_RDONLY);
    CU_ASSERT_EQUAL(unlink(path_of("a.log")), 0);
    log_inf(l, "first");
    char buf[512] = {0};
    CU_ASSERT_TRUE(read(fd, buf, sizeof buf - 1) > 0);
    CU_ASSERT_TRUE(matches(buf,
                           "\\[INF\\] first\n.*\\[ERR\\] Unable to rename logfile for rotation "
                           "\\(no such file or directory\\), will attempt next rotation at size 20\r\n"));
    close(fd);
    log_free(l);
    folder_remove();
}

/* covers: CF-150 */
static void test_reopen(void)
{
    folder_make();
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX], moved[128];
    log_set_format(l, (struct log_format){.timestamps = false});
    CU_ASSERT_TRUE_FATAL(log_to_file(l, path_of("a.log"), 0, 0, err));
    log_inf(l, "old");
    snprintf(moved, sizeof moved, "%s/b.log", folder);
    CU_ASSERT_EQUAL(rename(path_of("a.log"), moved), 0);
    log_reopen(l);
    CU_ASSERT_TRUE(matches(content("a.log"), "^\\[[0-9]+\\] \\[INF\\] File log re-opened\n$"));
    CU_ASSERT_TRUE(matches(content("b.log"), "^\\[[0-9]+\\] \\[INF\\] old\n$"));
    struct kept k = {0};
    log_to_fn(l, keep, &k);
    log_reopen(l);
    CU_ASSERT_STRING_EQUAL(k.text, "File log re-open ignored, not a file logger");
    log_free(l);
    folder_remove();
}

static void test_open_error(void)
{
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    struct kept k = {0};
    char err[LOG_ERROR_MAX];
    log_to_fn(l, keep, &k);
    CU_ASSERT_FALSE(log_to_file(l, "/nope/x.log", 0, 0, err));
    CU_ASSERT_STRING_EQUAL(err, "error opening file: open /nope/x.log: no such file or directory");
    log_inf(l, "the old sink stays");
    CU_ASSERT_EQUAL(k.count, 1);
    log_free(l);
}

/* Runs fn with descriptor 2 replaced. */
static void with_stderr(int fd, struct log **out, struct env *env)
{
    int saved = dup(2);
    dup2(fd, 2);
    *out = log_new(env);
    log_set_format(*out, (struct log_format){.timestamps = false});
    log_set_levels(*out, true, true);
    log_inf(*out, "i");
    log_wrn(*out, "w");
    log_trc(*out, "t");
    dup2(saved, 2);
    close(saved);
}

/* covers: CF-147 */
static void test_colours(void)
{
    struct clock_env w = world();
    int tty = posix_openpt(O_RDWR | O_NOCTTY);
    CU_ASSERT_TRUE_FATAL(tty >= 0 && grantpt(tty) == 0 && unlockpt(tty) == 0);
    int side = open(ptsname(tty), O_RDWR | O_NOCTTY);
    CU_ASSERT_TRUE_FATAL(side >= 0);
    struct log *l;
    char buf[512] = {0}, want[256];
    with_stderr(side, &l, &w.env);
    int pid = (int)getpid();
    snprintf(
        want, sizeof want,
        "[%d] [\x1b[32mINF\x1b[0m] i\r\n[%d] [\x1b[0;93mWRN\x1b[0m] w\r\n[%d] [\x1b[33mTRC\x1b[0m] t\r\n",
        pid, pid, pid);
    for (size_t at = 0; at < strlen(want);) {
        ssize_t n = read(tty, buf + at, sizeof buf - 1 - at);
        CU_ASSERT_TRUE_FATAL(n > 0);
        at += (size_t)n;
    }
    CU_ASSERT_STRING_EQUAL(buf, want);
    log_free(l);
    close(side);
    close(tty);

    int pipes[2];
    CU_ASSERT_EQUAL_FATAL(pipe(pipes), 0);
    with_stderr(pipes[1], &l, &w.env);
    log_free(l);
    memset(buf, 0, sizeof buf);
    CU_ASSERT_TRUE(read(pipes[0], buf, sizeof buf - 1) > 0);
    snprintf(want, sizeof want, "[%d] [INF] i\n[%d] [WRN] w\n[%d] [TRC] t\n", pid, pid, pid);
    CU_ASSERT_STRING_EQUAL(buf, want);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_limited(void)
{
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    struct kept k = {0};
    log_to_fn(l, keep, &k);
    for (int i = 0; i < 3; i++)
        log_limited(l, LOG_WRN, "text %d", 1);
    CU_ASSERT_EQUAL(k.count, 1);
    log_limited(l, LOG_WRN, "text %d", 2);
    CU_ASSERT_EQUAL(k.count, 2);
    w.mono += 999999999;
    log_limited(l, LOG_WRN, "text 1");
    CU_ASSERT_EQUAL(k.count, 2);
    w.mono += 1;
    log_limited(l, LOG_WRN, "text 1");
    CU_ASSERT_EQUAL(k.count, 3);
    for (int i = 0; i < 3; i++)
        log_limited_key(l, LOG_WRN, SLICE_LIT("key"), "n %d", i);
    CU_ASSERT_EQUAL(k.count, 4);
    CU_ASSERT_STRING_EQUAL(k.text, "n 0");
    log_limited(l, LOG_DBG, "off");
    CU_ASSERT_EQUAL(k.count, 4);
    log_free(l);
}

static void receive(int fd, char *buf, size_t room)
{
    ssize_t n = recv(fd, buf, room - 1, 0);
    CU_ASSERT_TRUE_FATAL(n > 0);
    buf[n] = '\0';
}

static void test_syslog_remote(void)
{
    folder_make();
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX], url[256], buf[512];

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "%.100s", path_of("s"));
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    snprintf(url, sizeof url, "unix://%s", un.sun_path);
    CU_ASSERT_TRUE_FATAL(log_to_syslog(l, url, "nats-server", err));
    log_inf(l, "Server is ready");
    receive(fd, buf, sizeof buf);
    CU_ASSERT_TRUE(matches(buf, "^<5>2026-11-2[345]T[0-9:]{8}(Z|[+-][0-9]{2}:[0-9]{2}) [^ ]+ "
                                "nats-server\\[[0-9]+\\]: Server is ready\n$"));
    log_wrn(l, "w");
    receive(fd, buf, sizeof buf);
    CU_ASSERT_TRUE(matches(buf, "^<4>"));
    log_ftl(l, "w");
    receive(fd, buf, sizeof buf);
    CU_ASSERT_TRUE(matches(buf, "^<2>"));
    /* the daemon restarts */
    close(fd);
    CU_ASSERT_EQUAL(unlink(un.sun_path), 0);
    log_inf(l, "lost");
    CU_ASSERT_EQUAL(log_lost(l), 1);
    fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
    log_inf(l, "back");
    receive(fd, buf, sizeof buf);
    CU_ASSERT_TRUE(matches(buf, ": back\n$"));
    close(fd);
    log_free(l);
    folder_remove();
}

static void test_syslog_tcp(void)
{
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX], url[64], buf[512];
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof in;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    snprintf(url, sizeof url, "tcp://127.0.0.1:%d", ntohs(in.sin_port));
    /* bound but not listening */
    CU_ASSERT_FALSE(log_to_syslog(l, url, "t", err));
    CU_ASSERT_TRUE(matches(
        err, "^error connecting to syslog: \"dial tcp 127.0.0.1:[0-9]+: connect: connection refused\"$"));
    CU_ASSERT_EQUAL_FATAL(listen(fd, 1), 0);
    CU_ASSERT_TRUE_FATAL(log_to_syslog(l, url, "t", err));
    log_set_levels(l, true, false);
    log_dbg(l, "d");
    int peer = accept(fd, NULL, NULL);
    receive(peer, buf, sizeof buf);
    CU_ASSERT_TRUE(matches(buf, "^<7>.* t\\[[0-9]+\\]: d\n$"));
    close(peer);
    close(fd);
    log_free(l);
}

static void test_syslog_errors(void)
{
    struct clock_env w = world();
    struct log *l = log_new(&w.env);
    char err[LOG_ERROR_MAX];
    CU_ASSERT_FALSE(log_to_syslog(l, "foo://x", "t", err));
    CU_ASSERT_STRING_EQUAL(err, "error invalid network type: \"foo\"");
    CU_ASSERT_FALSE(log_to_syslog(l, "/run/x", "t", err));
    CU_ASSERT_STRING_EQUAL(err, "error invalid network type: \"\"");
    log_free(l);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_levels),          UNIT_TEST(test_long_line),      UNIT_TEST(test_layout),
    UNIT_TEST(test_local_time),      UNIT_TEST(test_rotation),       UNIT_TEST(test_purge_is_exact),
    UNIT_TEST(test_rotate_at_start), UNIT_TEST(test_rotation_fails), UNIT_TEST(test_reopen),
    UNIT_TEST(test_open_error),      UNIT_TEST(test_colours),        UNIT_TEST(test_limited),
    UNIT_TEST(test_syslog_remote),   UNIT_TEST(test_syslog_tcp),     UNIT_TEST(test_syslog_errors),
};

UNIT_MAIN("log", tests)
