/* midge: the server program, and the front of its tools.
 *
 * main blocks the signals that matter, starts the server on its own threads and then waits for signals. The
 * server asks for its end by one more signal to this thread, so there is one place that waits. */
#include "base/arena.h"
#include "base/config_tree.h"
#include "net/env_uv.h"
#include "server/flags.h"
#include "server/log_open.h"
#include "server/options_report.h"
#include "server/server.h"
#include "server/signal_cmd.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOOPS_MAX   16
#define HEAP_KEPT   (8 << 20)  /* bytes of a heap's top that stay with it */
#define HEAP_STEP   (1 << 20)  /* bytes by which it grows */
#define SIGNAL_DONE (SIGRTMIN) /* the server has ended by itself */

struct program {
    struct arena *arena;
    const char *name; /* base name, as the operator started it */
    struct flags flags;
    struct env *env;
    struct log *log;
    struct server *server;
    pthread_t main_thread;
    int exit_code;
};

/* ---- tools: sibling programs, as git does it ---- */

/* `midge decode ...` runs midge-decode from the folder of this program. */
static void exec_tool(char **argv)
{
    static const char *const tools[] = {"decode", "capture", "store"};
    for (size_t i = 0; i < sizeof tools / sizeof tools[0]; i++) {
        if (strcmp(argv[1], tools[i]) != 0)
            continue;
        char self[4096], path[4200];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        if (n > 0) {
            self[n] = '\0';
            *(strrchr(self, '/') + 1) = '\0';
            snprintf(path, sizeof path, "%smidge-%s", self, tools[i]);
            execv(path, argv + 1);
        }
        snprintf(path, sizeof path, "midge-%s", tools[i]);
        execvp(path, argv + 1);
        fprintf(stderr, "midge: %s is not installed beside midge\n", path);
        exit(1);
    }
}

/* ---- start ---- */

/* Texts may hold NUL: the configuration's errors show the end of a file so. */
static void tell(slice text)
{
    if (fwrite(text.ptr, 1, text.len, stderr) != text.len)
        exit(1); /* nobody can be told that nobody can be told */
}

static int complain(slice text)
{
    tell(SLICE_LIT("nats-server: "));
    tell(text);
    tell(SLICE_LIT("\n"));
    return 1;
}

/* Outboxes take chunks and give them back in every turn. By default glibc returns the top of a heap to the
 * kernel at once, and each turn would pay for page faults and TLB shootdowns: without them a fan-out of 1 to
 * 8 takes a quarter of the CPU time. So each heap may keep some MiB; what is larger than any payload usual
 * on the wire is still mapped and unmapped by itself. */
static void keep_heaps(void)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
    mallopt(M_TOP_PAD, HEAP_STEP);
    mallopt(M_MMAP_THRESHOLD, HEAP_KEPT);
}

static unsigned loop_count(void)
{
    const char *text = getenv("MIDGE_LOOPS");
    long n = text != NULL ? strtol(text, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > LOOPS_MAX ? LOOPS_MAX : (unsigned)n;
}

/* Options from the file and the flags, or NULL; what is wrong is told on stderr. With `strict` warnings are
 * wrong, too. */
static struct options *load(struct program *p, bool strict)
{
    struct options_report report;

    if (!options_report_init(&report)) {
        complain(SLICE_LIT("out of memory"));
        return NULL;
    }
    struct options *o = options_load(&p->flags, &cfg_source_system, &report);
    slice text = options_report_text(&report);
    if (o != NULL && strict && text.len > 0) {
        options_free(o);
        o = NULL;
    }
    if (o == NULL)
        tell(SLICE_LIT("nats-server: "));
    tell(text);
    options_report_done(&report);
    return o;
}

static void on_done(void *ctx, int exit_code)
{
    struct program *p = ctx;
    p->exit_code = exit_code;
    pthread_kill(p->main_thread, SIGNAL_DONE);
}

/* ---- signals ---- */

static const int handled[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP};

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
        sigaddset(set, handled[i]);
    sigaddset(set, SIGNAL_DONE);
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a full quota is an error of write, not the end */
}

static const char *signal_name(int sig)
{
    switch (sig) {
    case SIGINT:
        return "interrupt";
    case SIGTERM:
        return "terminated";
    case SIGUSR1:
        return "user defined signal 1";
    case SIGUSR2:
        return "user defined signal 2";
    default:
        return "hangup";
    }
}

static void reload_failed(struct program *p, slice why)
{
    static const char before[] = "Failed to reload server configuration: ";
    size_t len = sizeof before - 1 + why.len;
    char *text = malloc(len); /* what the file has may be in it, and so a NUL */
    if (text == NULL) {
        log_err(p->log, "%sout of memory", before);
        return;
    }
    memcpy(text, before, sizeof before - 1);
    if (why.len > 0)
        memcpy(text + sizeof before - 1, why.ptr, why.len);
    log_text(p->log, LOG_ERR, slice_make(text, len));
    free(text);
}

static void reload(struct program *p)
{
    char err[512];
    struct options_report report;
    if (!p->flags.values[FLAG_CONFIG].set) {
        reload_failed(p, SLICE_LIT("can only reload config when a file is provided using -c or --config"));
        return;
    }
    if (!options_report_init(&report)) {
        reload_failed(p, SLICE_LIT("out of memory"));
        return;
    }
    struct options *o = options_load(&p->flags, &cfg_source_system, &report);
    const char *wrong = o == NULL ? NULL : options_check(o);
    if (o == NULL) {
        reload_failed(p, options_report_text(&report));
    } else if (wrong != NULL) {
        reload_failed(p, slice_str(wrong));
        options_free(o);
    } else if (!server_reload(p->server, o, err)) {
        reload_failed(p, slice_str(err));
    } else {
        log_inf(p->log, "Reloaded server configuration (%.*s)", LOG_SLICE(server_options(p->server)->digest));
    }
    options_report_done(&report);
}

/* false: time to end. */
static bool on_signal(struct program *p, int sig)
{
    if (sig == SIGNAL_DONE)
        return false;
    log_inf(p->log, "Trapped \"%s\" signal", signal_name(sig));
    switch (sig) {
    case SIGINT:
        return false;
    case SIGTERM:
        return server_in_lame_duck(p->server);
    case SIGUSR1:
        log_reopen(p->log);
        return true;
    case SIGUSR2:
        server_lame_duck(p->server);
        return true;
    default:
        reload(p);
        return true;
    }
}

static void raise_descriptor_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static int serve(struct program *p, struct options *o)
{
    char err[512];
    sigset_t set;
    block_signals(&set);
    raise_descriptor_limit();
    p->main_thread = pthread_self();
    struct server_config config = {
        .env = p->env,
        .log = p->log,
        .options = o,
        .loops = loop_count(),
        .program = p->name,
        .pid = (long)getpid(),
        .done = on_done,
        .ctx = p,
    };
    p->server = server_new(&config, err);
    if (p->server == NULL && err[0] != '\0')
        complain(slice_str(err));
    if (p->server == NULL)
        return 1;
    server_start(p->server);
    int sig;
    do {
        sig = 0;
        while (sigwait(&set, &sig) != 0)
            ;
    } while (on_signal(p, sig));
    server_free(p->server);
    return p->exit_code;
}

static int start(struct program *p)
{
    const char *unsupported = flags_unsupported(&p->flags);
    if (unsupported != NULL) {
        fprintf(stderr, "nats-server: flag -%s is not supported by midge yet\n", unsupported);
        return 1;
    }
    struct options *o = load(p, false);
    if (o == NULL)
        return 1;
    const char *wrong = options_check(o);
    if (wrong != NULL) {
        complain(slice_str(wrong));
        options_free(o);
        return 1;
    }
    char err[LOG_ERROR_MAX];
    if (!log_open(p->log, o, p->name, err)) {
        log_bare(p->env, err);
        options_free(o);
        return 1;
    }
    return serve(p, o);
}

static int check(struct program *p)
{
    struct options *o = load(p, true);
    if (o == NULL)
        return 1;
    fprintf(stderr, "nats-server: configuration file %.*s is valid (%.*s)\n", LOG_SLICE(o->config_file),
            LOG_SLICE(o->digest));
    options_free(o);
    return 0;
}

static int run(struct program *p)
{
    slice error = SLICE_EMPTY;
    switch (flags_action(&p->flags, p->arena, &error)) {
    case FLAGS_VERSION:
        printf("nats-server: v%s\n", OPTIONS_VERSION);
        return 0;
    case FLAGS_HELP:
        fputs(flags_usage, stdout);
        return 0;
    case FLAGS_HELP_TLS: {
        slice text = flags_tls_help(p->arena);
        printf("%.*s", LOG_SLICE(text));
        return 0;
    }
    case FLAGS_SIGNAL:
        return signal_command(&signal_world_system, p->flags.values[FLAG_SIGNAL].text, p->name, p->arena,
                              &error)
                   ? 0
                   : complain(error);
    case FLAGS_CHECK:
        return check(p);
    case FLAGS_BAD:
        return complain(error);
    case FLAGS_START:
        break;
    }
    return start(p);
}

int main(int argc, char **argv)
{
    struct program p = {0};
    slice error = SLICE_EMPTY;
    if (argc > 1)
        exec_tool(argv);
    keep_heaps();
    p.arena = arena_new(0);
    p.env = env_uv_new();
    p.log = p.env != NULL ? log_new(p.env) : NULL;
    p.name = strrchr(argv[0], '/') != NULL ? strrchr(argv[0], '/') + 1 : argv[0];
    if (p.arena == NULL || p.log == NULL)
        return complain(SLICE_LIT("out of memory"));
    int rc;
    if (flags_parse(argc, argv, &p.flags, p.arena, &error)) {
        rc = run(&p);
    } else {
        /* The reason to stderr, the usage to stdout, and success: as Go does. */
        fprintf(stderr, "%.*s\n", LOG_SLICE(error));
        fputs(flags_usage, stdout);
        rc = 0;
    }
    log_free(p.log);
    env_uv_free(p.env);
    arena_free(p.arena);
    return rc;
}
