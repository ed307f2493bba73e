#include "server/signal_cmd.h"
#include "base/arena.h"
#include "base/errtext.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <midge/memory.h>
#include <midge/quote.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    NAME_MAX_LEN = 32, /* of a process name; the kernel keeps 15 characters */
    PID_TEXT_MAX = 64,
};

#define S(s) (int)(s).len, (const char *)(s).ptr

/* ---- the machine ------------------------------------------------------------------------------------------
 */

static bool process_name(const char *pid, char name[NAME_MAX_LEN])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, name, NAME_MAX_LEN - 1);
    if (fd >= 0)
        close(fd);
    name[n < 0 ? 0 : n] = '\0';
    return n > 0;
}

static int pid_of(const char *name)
{
    char *end;
    long n = strtol(name, &end, 10);
    return *end == '\0' && n > 0 && n <= INT_MAX ? (int)n : 0;
}

static int system_next(void *ctx, int after)
{
    char own[NAME_MAX_LEN], name[NAME_MAX_LEN];
    int least = 0;
    (void)ctx;
    DIR *proc = opendir("/proc");
    if (proc == NULL || !process_name("self", own)) {
        if (proc != NULL)
            closedir(proc);
        return -1;
    }
    for (struct dirent *e; (e = readdir(proc)) != NULL;) {
        int pid = pid_of(e->d_name);
        if (pid <= after || (least != 0 && pid > least) || pid == (int)getpid())
            continue;
        if (process_name(e->d_name, name) && strcmp(name, own) == 0)
            least = pid;
    }
    closedir(proc);
    return least;
}

/* 0 and negative numbers would mean groups of processes. */
static int system_kill(void *ctx, int pid, int signal)
{
    (void)ctx;
    if (pid <= 0)
        return -ESRCH;
    return kill(pid, signal) == 0 ? 0 : -errno;
}

const struct signal_world signal_world_system = {.next = system_next, .kill = system_kill};

/* ---- the command ------------------------------------------------------------------------------------------
 */

static int signal_of(slice name)
{
    static const struct {
        const char *name;
        int signal;
    } commands[] = {{"stop", SIGKILL},   {"quit", SIGINT},   {"term", SIGTERM},
                    {"reopen", SIGUSR1}, {"reload", SIGHUP}, {"ldm", SIGUSR2}};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        if (slice_eq_str(name, commands[i].name))
            return commands[i].signal;
    return 0;
}

/* The content of the file of that name, else the text itself. */
static slice pid_text(slice text, struct arena *arena)
{
    char buf[PID_TEXT_MAX];
    slice path = arena_copy(arena, text);
    int fd = path.len == 0 ? -1 : open((const char *)path.ptr, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf);
    if (fd >= 0)
        close(fd);
    return n < 0 ? text : arena_copy(arena, slice_make(buf, (size_t)n));
}

static bool parse_pid(slice s, int *pid)
{
    char buf[16], *end;
    if (s.len == 0 || s.len >= sizeof buf || memchr(s.ptr, ' ', s.len) != NULL)
        return false;
    memcpy(buf, s.ptr, s.len);
    buf[s.len] = '\0';
    errno = 0;
    long n = strtol(buf, &end, 10);
    if (end != buf + s.len || buf[0] == '\t' || buf[0] == '\n' || errno != 0 || n > INT_MAX || n < INT_MIN)
        return false;
    *pid = (int)n;
    return true;
}

static bool fail(slice *error, slice text)
{
    *error = text.ptr == NULL ? SLICE_LIT("out of memory") : text;
    return false;
}

/* A command that is taken apart. */
struct request {
    const struct signal_world *world;
    struct arena *arena;
    const char *program;
    slice name;
    int signal;
    slice prefix; /* digits that a pid must begin with */
};

static bool matches(const struct request *q, int pid)
{
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    return slice_starts(slice_str(text), q->prefix);
}

/* Adds what went wrong with one process to *failed. */
static void send_one(const struct request *q, int pid, slice *failed)
{
    char why[ERRTEXT_MAX], quoted[128];
    int rc = q->world->kill(q->world->ctx, pid, q->signal);
    if (rc == 0)
        return;
    struct codec_out out = codec_out_on(quoted, sizeof quoted);
    codec_quote(&out, q->name);
    *failed = arena_printf(q->arena, "%.*s\nsignal %.*s %d: %s", S(*failed), (int)out.len, quoted, pid,
                           errtext(rc, why));
}

static bool unknown_signal(const struct request *q, slice *error)
{
    struct codec_out count = codec_out_on(NULL, 0);
    codec_quote(&count, q->name);
    char *buf = arena_alloc(q->arena, count.len + 1);
    if (buf == NULL)
        return fail(error, SLICE_EMPTY);
    struct codec_out out = codec_out_on(buf, count.len);
    codec_quote(&out, q->name);
    return fail(error, arena_printf(q->arena, "unknown signal %s", buf));
}

/* To one server, or to all whose pid begins with the prefix. */
static bool send_to_running(const struct request *q, bool all, slice *error)
{
    slice list = SLICE_EMPTY, failed = SLICE_EMPTY;
    int count = 0, only = 0;
    for (int pid = 0; (pid = q->world->next(q->world->ctx, pid)) != 0;) {
        if (pid < 0)
            return fail(error, SLICE_LIT("unable to resolve pid, try providing one"));
        list = arena_printf(q->arena, "%.*s\n%d", S(list), pid);
        only = pid;
        count++;
    }
    if (count > 1 && !all)
        return fail(error, arena_printf(q->arena, "multiple %s processes running:%.*s", q->program, S(list)));
    if (count == 0)
        return fail(error, arena_printf(q->arena, "no %s processes running", q->program));
    if (q->signal == 0)
        return unknown_signal(q, error);
    if (!all)
        send_one(q, only, &failed);
    for (int pid = 0; all && (pid = q->world->next(q->world->ctx, pid)) > 0;)
        if (matches(q, pid))
            send_one(q, pid, &failed);
    return failed.len == 0 || fail(error, failed);
}

bool signal_command(const struct signal_world *world, slice command, const char *program, struct arena *arena,
                    slice *error)
{
    struct request q = {.world = world, .arena = arena, .program = program, .name = command};
    slice pid = SLICE_EMPTY;
    const uint8_t *eq = command.len == 0 ? NULL : memchr(command.ptr, '=', command.len);
    if (eq != NULL) {
        q.name = slice_first(command, (size_t)(eq - command.ptr));
        slice rest = slice_from(command, q.name.len + 1);
        const uint8_t *more = rest.len == 0 ? NULL : memchr(rest.ptr, '=', rest.len);
        if (more != NULL) {
            /* Go prints the surplus as a list */
            slice surplus = arena_copy(arena, slice_from(rest, (size_t)(more - rest.ptr) + 1));
            for (size_t i = 0; i < surplus.len; i++)
                if (surplus.ptr[i] == '=')
                    ((uint8_t *)(uintptr_t)surplus.ptr)[i] = ' ';
            return fail(error, arena_printf(arena, "invalid signal parameters: [%.*s]", S(surplus)));
        }
        pid = pid_text(rest, arena);
    }
    q.signal = signal_of(q.name);
    bool all = pid.len > 0 && pid.ptr[pid.len - 1] == '*';
    q.prefix = all ? slice_first(pid, pid.len - 1) : pid;
    int number = 0;
    if (q.prefix.len > 0 && !parse_pid(q.prefix, &number))
        return fail(error, arena_printf(arena, "invalid pid: %.*s", S(q.prefix)));
    if (q.prefix.len == 0 || all)
        return send_to_running(&q, all, error);
    if (q.signal == 0)
        return unknown_signal(&q, error);
    slice failed = SLICE_EMPTY;
    send_one(&q, number, &failed);
    return failed.len == 0 || fail(error, failed);
}
