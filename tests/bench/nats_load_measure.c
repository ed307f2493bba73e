/* nats_load_measure.c: starts the server that is measured, and reads its numbers from /proc. */
#include "nats_load.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct process *to_kill; /* by fail(): a server must not outlive the generator's mistake */

_Noreturn void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("nats-load: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    if (to_kill != NULL)
        process_kill(to_kill);
    exit(1);
}

double now_seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static bool accepts(uint16_t port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

void subject_start(struct subject *s, const char *program, unsigned loops, const char *certs, bool tls)
{
    char port[8], config[96], text[1400];
    *s = (struct subject){.port_holder = -1};
    snprintf(s->folder, sizeof s->folder, "/tmp/nats-load-XXXXXX");
    if (mkdtemp(s->folder) == NULL)
        fail("no temporary folder");
    snprintf(s->log, sizeof s->log, "%s/log", s->folder);
    snprintf(config, sizeof config, "%s/conf", s->folder);
    /* No pings in the middle of a measurement (but for the one that follows a CONNECT). */
    int n = snprintf(text, sizeof text, "ping_interval: \"1h\"\nmax_control_line: 4096\n");
    if (tls)
        snprintf(text + n, sizeof text - (size_t)n,
                 "tls { cert_file: \"%s/server.pem\", key_file: \"%s/server-key.pem\" }\n", certs, certs);
    s->port = port_reserve(&s->port_holder);
    if (s->port == 0 || !file_write(config, slice_str(text)))
        fail("no port or no configuration");
    snprintf(port, sizeof port, "%u", s->port);
    char *path = realpath(program, NULL);
    char *argv[] = {path, (char[]){"-a"}, (char[]){"127.0.0.1"}, (char[]){"-p"}, port, (char[]){"-c"}, config,
                    NULL};
    struct process_options options = {.out = s->log, .err = s->log, .dir = s->folder, .loops = loops};
    if (path == NULL || !process_start(&s->process, argv, &options))
        fail("cannot start %s", program);
    free(path);
    to_kill = &s->process;
    for (int i = 0; !accepts(s->port); i++) {
        if (i == 1000 || process_ended(&s->process))
            fail("%s does not start, see %s", program, s->log);
        usleep(10000);
    }
}

void subject_stop(struct subject *s)
{
    kill(s->process.pid, SIGINT);
    for (int i = 0; i < 6000 && !process_ended(&s->process); i++)
        usleep(10000);
    bool clean = process_ended(&s->process) && s->process.exit_code == 0;
    process_kill(&s->process);
    to_kill = NULL;
    close(s->port_holder);
    if (!clean)
        fail("the server exited with %d, see %s", s->process.exit_code, s->log);
    char config[96];
    snprintf(config, sizeof config, "%s/conf", s->folder);
    unlink(config);
    unlink(s->log);
    rmdir(s->folder);
}

double cpu_seconds(const struct subject *s)
{
    char path[64];
    struct bytes stat = {0};
    unsigned long user, system;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)s->process.pid);
    file_read(path, &stat);
    /* The second field is the name in parentheses, which may hold anything. */
    const char *after = strrchr(bytes_str(&stat), ')');
    if (after == NULL ||
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        fail("the server is gone");
    bytes_free(&stat);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

uint64_t rss_bytes(const struct subject *s)
{
    char path[64];
    struct bytes statm = {0};
    unsigned long size, resident;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)s->process.pid);
    file_read(path, &statm);
    if (sscanf(bytes_str(&statm), "%lu %lu", &size, &resident) != 2)
        fail("the server is gone");
    bytes_free(&statm);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double percentile(double *samples, size_t n, double q)
{
    if (n == 0)
        fail("no samples");
    qsort(samples, n, sizeof *samples, compare);
    size_t at = (size_t)(q * (double)n);
    return samples[at < n ? at : n - 1];
}

void report(const char *load, const char *metric, double value)
{
    printf("%s %s %.6g\n", load, metric, value);
    fflush(stdout);
}
