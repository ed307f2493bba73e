#include "sim/sim_server.h"

#include "base/arena.h"
#include "base/config_tree.h"
#include "server/flags.h"
#include "server/options_report.h"
#include "server/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT        4222
#define PATIENCE    (INT64_C(60) * 1000000000)
#define CLIENTS_MAX 600

struct sim_client {
    struct sim_server *server;
    struct env_pipe *pipe;
    char *out;
    size_t out_len, out_at, out_cap;
    char *in; /* NUL-terminated */
    size_t in_len, in_at, in_cap;
    char *before; /* the last result of expect */
    bool paused, closed, want_close, fresh;
};

struct sim_server {
    struct sched *sched;
    struct sim_world *world;
    struct sim_host *server_host, *client_host;
    struct sim_env *server_env, *client_env;
    struct log *log;
    struct server *server;
    struct env_loop *loop; /* of the clients */
    struct sim_client *clients[CLIENTS_MAX];
    unsigned count;
    const char *config;
    bool done;
};

__attribute__((format(printf, 1, 2), noreturn)) static void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

/* ---- the server ---- */

static int read_config(void *ctx, const char *path, size_t limit, struct arena *arena, slice *out,
                       bool *opened)
{
    (void)path;
    (void)limit;
    *opened = true;
    *out = arena_copy(arena, slice_str(ctx));
    return 0;
}

static const char *no_variable(void *ctx, const char *name)
{
    (void)ctx;
    (void)name;
    return NULL;
}

static struct options *load(const char *config)
{
    struct flags flags = {0};
    flags.values[FLAG_CONFIG].set = true;
    flags.values[FLAG_CONFIG].text = SLICE_LIT("sim.conf");
    struct cfg_source src = {.read = read_config, .variable = no_variable, .ctx = (void *)(uintptr_t)config};
    struct options_report report;
    if (!options_report_init(&report))
        die("out of memory");
    struct options *o = options_load(&flags, &src, &report);
    if (o == NULL) {
        slice text = options_report_text(&report);
        die("config: %.*s", LOG_SLICE(text));
    }
    options_report_done(&report);
    return o;
}

static void no_log(void *ctx, enum log_level level, int64_t wall_ns, slice text)
{
    (void)ctx;
    (void)wall_ns;
    if (level == LOG_FTL)
        die("server: %.*s", LOG_SLICE(text));
}

static void on_done(void *ctx, int exit_code)
{
    (void)exit_code;
    ((struct sim_server *)ctx)->done = true;
}

/* ---- the clients' loop ---- */

static void flush_client(struct sim_client *c)
{
    while (c->out_at < c->out_len) {
        struct iovec iov = {.iov_base = c->out + c->out_at, .iov_len = c->out_len - c->out_at};
        ssize_t n = env_pipe_writev(c->pipe, &iov, 1);
        if (n == -EAGAIN)
            break;
        if (n < 0) {
            c->out_at = c->out_len; /* the read tells */
            break;
        }
        c->out_at += (size_t)n;
    }
}

static void set_want(struct sim_client *c)
{
    env_pipe_want(c->pipe, (c->paused ? 0 : ENV_WANT_READ) | (c->out_at < c->out_len ? ENV_WANT_WRITE : 0));
}

static void on_readable(void *ctx)
{
    struct sim_client *c = ctx;
    char buf[16384];
    ssize_t n = env_pipe_read(c->pipe, buf, sizeof buf);
    if (n == -EAGAIN)
        return;
    if (n <= 0) {
        c->closed = true;
        env_pipe_close(c->pipe, false);
        c->pipe = NULL;
        return;
    }
    if (c->in_len + (size_t)n + 1 > c->in_cap) {
        c->in_cap = 2 * (c->in_len + (size_t)n + 1);
        c->in = realloc(c->in, c->in_cap);
        if (c->in == NULL)
            die("out of memory");
    }
    memcpy(c->in + c->in_len, buf, (size_t)n);
    c->in_len += (size_t)n;
    c->in[c->in_len] = '\0';
}

static void on_writable(void *ctx)
{
    struct sim_client *c = ctx;
    flush_client(c);
    set_want(c);
}

static const struct env_pipe_handler pipe_handler = {.readable = on_readable, .writable = on_writable};

static void begin(struct sim_client *c)
{
    struct env_addr a = {.len = sizeof(struct sockaddr_in)};
    struct sockaddr_in *in = (struct sockaddr_in *)&a.sa;
    in->sin_family = AF_INET;
    in->sin_port = htons(PORT);
    in->sin_addr.s_addr = htonl(0x0a000001);
    c->fresh = false;
    if (env_connect(sim_env_base(c->server->client_env), &a, &c->pipe) < 0 ||
        env_pipe_attach(c->pipe, c->server->loop, &pipe_handler, c) < 0)
        die("cannot connect");
}

static void on_wake(void *ctx)
{
    struct sim_server *s = ctx;
    for (unsigned i = 0; i < s->count; i++) {
        struct sim_client *c = s->clients[i];
        if (c->fresh)
            begin(c);
        if (c->pipe == NULL)
            continue;
        if (c->want_close) {
            env_pipe_close(c->pipe, false);
            c->pipe = NULL;
            c->closed = true;
            continue;
        }
        flush_client(c);
        set_want(c);
    }
}

static void on_turn_end(void *ctx)
{
    (void)ctx;
}

static void on_stop(void *ctx)
{
    struct sim_server *s = ctx;
    for (unsigned i = 0; i < s->count; i++) {
        if (s->clients[i]->pipe != NULL)
            env_pipe_close(s->clients[i]->pipe, false);
        s->clients[i]->pipe = NULL;
    }
}

static const struct env_loop_handler client_loop_handler = {
    .wake = on_wake, .turn_end = on_turn_end, .stop = on_stop};

/* ---- life ---- */

struct sim_server *sim_server_new(uint64_t seed, unsigned loops, const char *config)
{
    return sim_server_new_in(seed, loops, config, NULL);
}

struct sim_server *sim_server_new_in(uint64_t seed, unsigned loops, const char *config,
                                     const struct sim_options *nature)
{
    struct sim_server *s = calloc(1, sizeof *s);
    char err[512];
    if (s == NULL)
        die("out of memory");
    s->sched = sched_new(seed);
    s->world = sim_world_new(s->sched, nature);
    s->server_host = sim_host_new(s->world, "10.0.0.1");
    s->client_host = sim_host_new(s->world, "10.0.0.2");
    s->server_env = sim_env_new(s->server_host, NULL);
    s->client_env = sim_env_new(s->client_host, NULL);
    s->log = log_new(sim_env_base(s->server_env));
    log_to_fn(s->log, no_log, s);
    struct server_config sc = {.env = sim_env_base(s->server_env),
                               .log = s->log,
                               .options = load(config),
                               .loops = loops,
                               .program = "midge",
                               .pid = 1,
                               .done = on_done,
                               .ctx = s};
    s->server = server_new(&sc, err);
    if (s->server == NULL)
        die("server: %s", err);
    server_start(s->server);
    if (env_loop_new(sim_env_base(s->client_env), &client_loop_handler, s, &s->loop) < 0)
        die("no loop");
    while (server_port(s->server) == 0)
        sim_run(s->world, 1000000);
    return s;
}

uint64_t sim_server_free(struct sim_server *s)
{
    env_loop_stop(s->loop);
    env_loop_join(s->loop);
    env_loop_free(s->loop);
    server_free(s->server);
    log_free(s->log);
    sim_run(s->world, INT64_C(1000000000));
    uint64_t digest = sim_world_digest(s->world);
    sim_env_free(s->client_env);
    sim_env_free(s->server_env);
    sim_world_free(s->world);
    sched_free(s->sched);
    for (unsigned i = 0; i < s->count; i++) {
        free(s->clients[i]->out);
        free(s->clients[i]->in);
        free(s->clients[i]->before);
        free(s->clients[i]);
    }
    free(s);
    return digest;
}

struct sched *sim_server_sched(struct sim_server *s)
{
    return s->sched;
}

struct server *sim_server_core(struct sim_server *s)
{
    return s->server;
}

bool sim_server_reload(struct sim_server *s, const char *config)
{
    char err[SETTINGS_ERROR_MAX];
    return server_reload(sim_server_core(s), load(config), err);
}

void sim_server_run(struct sim_server *s, int64_t ns)
{
    sim_run(s->world, ns);
}

void sim_server_cut(struct sim_server *s, bool cut)
{
    sim_cut(s->server_host, s->client_host, cut);
    sim_cut(s->client_host, s->server_host, cut);
}

/* ---- clients ---- */

struct sim_client *sim_client_new(struct sim_server *s, bool hello)
{
    struct sim_client *c = calloc(1, sizeof *c);
    if (c == NULL || s->count == CLIENTS_MAX)
        die("too many clients");
    c->server = s;
    c->fresh = true;
    s->clients[s->count++] = c;
    env_loop_wake(s->loop);
    sim_client_expect(c, " \r\n");
    if (hello) {
        sim_client_send(
            c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\n");
        sim_client_sync(c);
    }
    return c;
}

void sim_client_send(struct sim_client *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (c->out_len + (size_t)n + 1 > c->out_cap) {
        c->out_cap = 2 * (c->out_len + (size_t)n + 1);
        c->out = realloc(c->out, c->out_cap);
        if (c->out == NULL)
            die("out of memory");
    }
    va_start(args, fmt);
    vsnprintf(c->out + c->out_len, (size_t)n + 1, fmt, args);
    va_end(args);
    c->out_len += (size_t)n;
    env_loop_wake(c->server->loop);
}

struct wait {
    struct sim_client *client;
    const char *text;
};

static bool arrived(void *ctx)
{
    struct wait *w = ctx;
    return w->client->closed ||
           (w->client->in != NULL && strstr(w->client->in + w->client->in_at, w->text) != NULL);
}

const char *sim_client_expect(struct sim_client *c, const char *text)
{
    struct wait w = {c, text};
    bool ok = sim_run_until(c->server->world, arrived, &w, PATIENCE);
    const char *from = c->in == NULL ? "" : c->in + c->in_at, *hit = strstr(from, text);
    if (!ok || hit == NULL)
        die("seed %llu: expected \"%s\"%s; received: %s", (unsigned long long)sched_seed(c->server->sched),
            text, c->closed ? " (the server has closed)" : "", from);
    size_t len = (size_t)(hit - from);
    free(c->before);
    c->before = strndup(from, len);
    c->in_at += len + strlen(text);
    return c->before;
}

const char *sim_client_sync(struct sim_client *c)
{
    sim_client_send(c, "PING\r\n");
    return sim_client_expect(c, "PONG\r\n");
}

unsigned sim_client_count(struct sim_client *c, const char *text)
{
    unsigned n = 0;
    for (const char *p = sim_client_sync(c); (p = strstr(p, text)) != NULL; p += strlen(text))
        n++;
    return n;
}

void sim_client_pause(struct sim_client *c, bool paused)
{
    c->paused = paused;
    env_loop_wake(c->server->loop);
}

void sim_client_close(struct sim_client *c)
{
    c->want_close = true;
    env_loop_wake(c->server->loop);
}

static bool is_closed(void *ctx)
{
    return ((struct sim_client *)ctx)->closed;
}

bool sim_client_closed(struct sim_client *c)
{
    return sim_run_until(c->server->world, is_closed, c, PATIENCE);
}
