/* `-sl`: who gets which signal, and Go's texts when nobody does. */
#include "base/arena.h"
#include "server/signal_cmd.h"
#include "unit.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct world {
    int running[4];
    bool unavailable;
    int killed[4], signals[4], count;
};

static int next(void *ctx, int after)
{
    const struct world *w = ctx;
    if (w->unavailable)
        return -1;
    for (int i = 0; i < 4; i++)
        if (w->running[i] > after)
            return w->running[i];
    return 0;
}

static int kill_one(void *ctx, int pid, int signal)
{
    struct world *w = ctx;
    if (pid <= 0 || pid > 900000)
        return -ESRCH;
    w->killed[w->count] = pid;
    w->signals[w->count++] = signal;
    return 0;
}

/* "" when it went well. */
static const char *run(struct world *w, const char *command)
{
    static char text[256];
    struct signal_world sw = {.next = next, .kill = kill_one, .ctx = w};
    struct arena *a = arena_new(0);
    slice error = SLICE_EMPTY;
    bool ok = signal_command(&sw, slice_str(command), "nats-server", a, &error);
    CU_ASSERT_EQUAL(ok, error.len == 0);
    snprintf(text, sizeof text, "%.*s", (int)error.len, (const char *)error.ptr);
    arena_free(a);
    return text;
}

/* covers: CF-137 */
static void test_errors(void)
{
    static const char *const rows[][2] = {
        {"reload", "no nats-server processes running"},
        {"foo", "no nats-server processes running"},
        {"reload=", "no nats-server processes running"},
        {"reload=*", "no nats-server processes running"},
        {"reload=99*", "no nats-server processes running"},
        {"reload=abc", "invalid pid: abc"},
        {"reload=1x", "invalid pid: 1x"},
        {"reload= 1", "invalid pid:  1"},
        {"reload=a*", "invalid pid: a"},
        {"reload=99999999999999999999", "invalid pid: 99999999999999999999"},
        {"foo=1", "unknown signal \"foo\""},
        {"=5", "unknown signal \"\""},
        {"reload=1=2=3", "invalid signal parameters: [2 3]"},
        {"a=b=2", "invalid signal parameters: [2]"},
        {"reload=999999", "\nsignal \"reload\" 999999: no such process"},
        {"ldm=-5", "\nsignal \"ldm\" -5: no such process"},
        {"stop=0", "\nsignal \"stop\" 0: no such process"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w = {.count = 0};
        CU_ASSERT_STRING_EQUAL(run(&w, rows[i][0]), rows[i][1]);
        CU_ASSERT_EQUAL(w.count, 0);
    }
    struct world w = {.unavailable = true};
    CU_ASSERT_STRING_EQUAL(run(&w, "reload"), "unable to resolve pid, try providing one");
    w = (struct world){.running = {12, 123}};
    CU_ASSERT_STRING_EQUAL(run(&w, "reload"), "multiple nats-server processes running:\n12\n123");
    CU_ASSERT_STRING_EQUAL(run(&w, "foo=12*"), "unknown signal \"foo\"");
    CU_ASSERT_EQUAL(w.count, 0);
}

/* covers: CF-138 */
static void test_signals(void)
{
    static const struct {
        const char *name;
        int signal;
    } rows[] = {{"stop=7", SIGKILL},   {"quit=7", SIGINT},   {"term=7", SIGTERM},
                {"reopen=7", SIGUSR1}, {"reload=7", SIGHUP}, {"ldm=7", SIGUSR2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world w = {.count = 0};
        CU_ASSERT_STRING_EQUAL(run(&w, rows[i].name), "");
        CU_ASSERT_EQUAL(w.count, 1);
        CU_ASSERT_EQUAL(w.killed[0], 7);
        CU_ASSERT_EQUAL(w.signals[0], rows[i].signal);
    }
    struct world w = {.running = {42}};
    CU_ASSERT_STRING_EQUAL(run(&w, "ldm"), "");
    CU_ASSERT_EQUAL(w.killed[0], 42);
    w = (struct world){.running = {12, 123, 456}};
    CU_ASSERT_STRING_EQUAL(run(&w, "quit=12*"), "");
    CU_ASSERT_EQUAL(w.count, 2);
    CU_ASSERT_EQUAL(w.killed[0], 12);
    CU_ASSERT_EQUAL(w.killed[1], 123);
    w.count = 0;
    CU_ASSERT_STRING_EQUAL(run(&w, "quit=*"), "");
    CU_ASSERT_EQUAL(w.count, 3);
}

static void test_pid_file(void)
{
    char path[] = "/tmp/test_signal_cmd.XXXXXX", command[64];
    int fd = mkstemp(path);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, "77", 2), 2);
    struct world w = {.count = 0};
    snprintf(command, sizeof command, "quit=%s", path);
    CU_ASSERT_STRING_EQUAL(run(&w, command), "");
    CU_ASSERT_EQUAL(w.killed[0], 77);
    CU_ASSERT_EQUAL(write(fd, "\n", 1), 1);
    CU_ASSERT_STRING_EQUAL(run(&w, command), "invalid pid: 77\n");
    close(fd);
    unlink(path);
}

/* A child with this program's name is found and gets its signal. */
static void test_system(void)
{
    int ready[2];
    char c;
    CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
    bool found = false;
    for (int pid = 0; (pid = signal_world_system.next(NULL, pid)) > 0;) {
        CU_ASSERT_NOT_EQUAL(pid, (int)getpid());
        found = found || pid == child;
    }
    CU_ASSERT_TRUE(found);
    struct arena *a = arena_new(0);
    slice error, command = arena_printf(a, "term=%d", (int)child);
    CU_ASSERT_TRUE(signal_command(&signal_world_system, command, "x", a, &error));
    int status;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    CU_ASSERT_FALSE(signal_command(&signal_world_system, command, "x", a, &error));
    CU_ASSERT_EQUAL(signal_world_system.kill(NULL, 0, SIGTERM), -ESRCH);
    arena_free(a);
    close(ready[0]);
    close(ready[1]);
}

static const struct unit_test tests[] = {UNIT_TEST(test_errors), UNIT_TEST(test_signals),
                                         UNIT_TEST(test_pid_file), UNIT_TEST(test_system)};

UNIT_MAIN("signal command", tests)
