/* process.c: starts and watches the servers of a scenario. */
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PORT_FIRST 10000u /* below Linux' range for outgoing connections */
#define PORT_COUNT 20000u

static void child_exec(char *const argv[], const struct process_options *o, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
    int in = open("/dev/null", O_RDONLY);
    int out = open(o->out, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int err = open(o->err, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
        _exit(126);
    if (o->nofile != 0) {
        struct rlimit limit = {o->nofile, o->nofile};
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (o->loops != 0) {
        char text[16];
        snprintf(text, sizeof text, "%u", o->loops);
        setenv("MIDGE_LOOPS", text, 1);
    }
    close_range(3, ~0u, 0);
    if (chdir(o->dir) == 0)
        execv(argv[0], argv);
    dprintf(2, "scenario: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(126);
}

bool process_start(struct process *p, char *const argv[], const struct process_options *options)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        return false;
    if (pid == 0)
        child_exec(argv, options, parent);
    *p = (struct process){.pid = pid, .running = true};
    return true;
}

static void note_end(struct process *p, int status)
{
    p->running = false;
    p->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool process_ended(struct process *p)
{
    int status;
    if (p->running && waitpid(p->pid, &status, WNOHANG) == p->pid)
        note_end(p, status);
    return !p->running;
}

void process_kill(struct process *p)
{
    int status;
    if (p->running && kill(p->pid, SIGKILL) == 0 && waitpid(p->pid, &status, 0) == p->pid)
        note_end(p, status);
}

static int bind_port(int type, uint16_t port)
{
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

uint16_t port_reserve(int *holder)
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        unsigned r = 0;
        if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r)
            return 0;
        uint16_t port = (uint16_t)(PORT_FIRST + r % PORT_COUNT);
        *holder = bind_port(SOCK_DGRAM, port);
        if (*holder < 0)
            continue;
        int probe = bind_port(SOCK_STREAM, port);
        if (probe >= 0) {
            close(probe);
            return port;
        }
        close(*holder);
    }
    return 0;
}

bool file_read(const char *path, struct bytes *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n;
    while ((n = read(fd, bytes_reserve(out, 65536), 65536)) > 0)
        out->len += (size_t)n;
    close(fd);
    return n == 0;
}

bool file_write(const char *path, slice bytes)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        return false;
    bool ok = fwrite(bytes.ptr, 1, bytes.len, f) == bytes.len;
    return fclose(f) == 0 && ok;
}
