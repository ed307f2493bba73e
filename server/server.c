#include "server/server.h"

#include "base/errtext.h"
#include "net/listener.h"
#include "server/files.h"
#include "base/arena.h"
#include "server/log_open.h"
#include "server/options_diff.h"
#include "server/lame_duck.h"
#include "server/settings.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CID 5 /* Go's own internal clients take the numbers before it */

/* A call from outside, on its way to the first loop. */
struct control_task {
    struct net_task task;
    struct server *server;
};

struct server {
    struct server_config config;
    const struct options *options; /* the settings' */
    struct server_identity identity;
    struct epoch_domain epochs;
    struct epoch_reader control; /* of the thread that makes, reloads and frees the server */
    uint64_t last_account_id;
    struct client_host host;
    struct client_settings *settings;
    struct net_listener *listener;
    struct lame_duck duck;
    struct control_task start_task, duck_task;
    atomic_int port;
    atomic_bool failed; /* it never listened, and has said why: its end is not worth a line */
    char *ports_file;   /* path, when one was written; first loop until the loops are joined */
};

static struct log *log_of(const struct server *s)
{
    return s->config.log;
}

static bool fail(char *err, const char *what)
{
    snprintf(err, SETTINGS_ERROR_MAX, "%s", what);
    return false;
}

/* ---- loops ---- */

static void loop_start(struct net_loop *l, void *ctx)
{
    struct server *s = ctx;
    l->user = &s->host.per_loop[l->index];
}

static void loop_stop(struct net_loop *l, void *ctx)
{
    struct server *s = ctx;
    client_loop_stop(l->user);
    if (l->index != 0)
        return;
    if (net_listener_close(s->listener))
        log_dbg(log_of(s), "Client accept loop exiting.."); /* not said of lame duck mode */
    lame_duck_stop(&s->duck);
}

/* ---- the listener ---- */

static void on_accepted(struct net_loop *l, struct env_pipe *pipe, void *ctx)
{
    struct server *s = ctx;
    client_accept(&s->host, l, pipe);
}

static void host_port(const struct server *s, int port, char *buf, size_t size)
{
    bool v6 = memchr(s->options->host.ptr, ':', s->options->host.len) != NULL;
    snprintf(buf, size, "%s%.*s%s:%d", v6 ? "[" : "", LOG_SLICE(s->options->host), v6 ? "]" : "", port);
}

/* Once while it lasts, and at most once a second when it comes and goes. */
static void on_trouble(int err, int sleep_ms, void *ctx)
{
    struct server *s = ctx;
    char where[300], reason[ERRTEXT_MAX];
    if (sleep_ms > NET_LISTENER_PAUSE_MS)
        return;
    host_port(s, server_port(s), where, sizeof where);
    errtext(err, reason);
    if (sleep_ms > 0)
        log_limited_key(log_of(s), LOG_ERR, SLICE_LIT("accept"),
                        "Temporary Client Accept Error(accept tcp %s: accept4: %s), sleeping %dms", where,
                        reason, sleep_ms);
    else
        log_limited_key(log_of(s), LOG_ERR, SLICE_LIT("accept"), "Client Accept error: %s", reason);
}

/* The address to listen on: a literal, or a name that is looked up (blocking: only at start). */
static int listen_addr(struct server *s, struct env_addr *out)
{
    const char *host = (const char *)s->options->host.ptr;
    int port = s->options->port < 0 ? 0 : s->options->port;
    struct sockaddr_in *in4 = (struct sockaddr_in *)&out->sa;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->sa;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &in4->sin_addr) == 1) {
        in4->sin_family = AF_INET;
        out->len = sizeof *in4;
    } else if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        out->len = sizeof *in6;
    } else {
        int n = env_resolve(s->config.env, host, out, 1);
        if (n <= 0)
            return n == 0 ? -ENOENT : n;
    }
    if (out->sa.ss_family == AF_INET6)
        in6->sin6_port = htons((uint16_t)port);
    else
        in4->sin_port = htons((uint16_t)port);
    return 0;
}

static int port_of(const struct env_addr *a)
{
    return ntohs(a->sa.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&a->sa)->sin6_port
                                             : ((const struct sockaddr_in *)&a->sa)->sin_port);
}

/* The bound port is known now: INFO says it. What is wrong with client_advertise, or NULL. */
static const char *publish_port(struct server *s, int port)
{
    struct codec_info *info = &s->settings->info;
    atomic_store(&s->port, port);
    info->port = port;
    if (s->options->client_advertise.len == 0)
        return NULL;
    return options_advertise(s->options, port, &info->host, &info->port);
}

static void log_listening(struct server *s, int port)
{
    char where[300];
    host_port(s, port, where, sizeof where);
    log_inf(log_of(s), "Listening for client connections on %s", where);
    if (s->settings->tls_mode == CLIENT_TLS_REQUIRED)
        log_inf(log_of(s), "TLS required for client connections");
    else if (s->settings->tls_mode == CLIENT_TLS_AVAILABLE)
        log_inf(log_of(s), "TLS available for client connections");
    if (s->settings->tls_first && s->settings->tls_first_fallback == 0)
        log_wrn(log_of(s), "Clients that are not using \"TLS Handshake First\" option will fail to connect");
}

static void write_ports_file(struct server *s)
{
    if (s->options->ports_file_dir.len == 0)
        return;
    char err[FILES_ERROR_MAX];
    struct files_port nats = {
        .kind = "nats",
        .scheme = s->settings->tls_mode == CLIENT_TLS_REQUIRED ? "tls" : "nats",
        .host = s->options->host,
        .port = server_port(s),
    };
    s->ports_file = malloc(DISK_PATH_MAX);
    if (s->ports_file == NULL) {
        log_err(log_of(s), "out of memory for the ports file");
        return;
    }
    if (ports_file_write((const char *)s->options->ports_file_dir.ptr, s->config.program, (int)s->config.pid,
                         &nats, 1, s->ports_file, err))
        return;
    log_err(log_of(s), "%s", err);
    free(s->ports_file);
    s->ports_file = NULL;
}

static void remove_ports_file(struct server *s)
{
    char err[FILES_ERROR_MAX];
    if (s->ports_file != NULL && !ports_file_remove(s->ports_file, err))
        log_err(log_of(s), "%s", err);
    free(s->ports_file);
    s->ports_file = NULL;
}

static void cannot_start(struct server *s)
{
    atomic_store(&s->failed, true);
    s->config.done(s->config.ctx, 1);
}

static void run_start(struct net_task *task, struct net_loop *l)
{
    struct server *s = ((struct control_task *)task)->server;
    struct env_addr addr, bound;
    (void)l;
    char where[300], reason[ERRTEXT_MAX];
    host_port(s, s->options->port, where, sizeof where);
    if (s->options->port > UINT16_MAX || s->options->port < -1) {
        log_ftl(log_of(s), "Error listening on port: %s, \"listen tcp: address %d: invalid port\"", where,
                s->options->port);
        cannot_start(s);
        return;
    }
    int err = listen_addr(s, &addr);
    if (err < 0) {
        log_ftl(log_of(s), "Error listening on port: %s, \"listen tcp: lookup %.*s: %s\"", where,
                LOG_SLICE(s->options->host), err == -ENOENT ? "no such host" : errtext(err, reason));
        cannot_start(s);
        return;
    }
    err = net_listener_open(s->listener, &addr, &bound);
    if (err < 0) {
        log_ftl(log_of(s), "Error listening on port: %s, \"listen tcp %s: bind: %s\"", where, where,
                errtext(err, reason));
        cannot_start(s);
        return;
    }
    const char *wrong = publish_port(s, port_of(&bound));
    log_listening(s, port_of(&bound));
    if (wrong != NULL) {
        log_ftl(log_of(s), "Error setting server INFO with ClientAdvertise value of %.*s, err=%s",
                LOG_SLICE(s->options->client_advertise), wrong);
        cannot_start(s);
        return;
    }
    write_ports_file(s);
    log_inf(log_of(s), "Server is ready");
}

void server_start(struct server *s)
{
    s->start_task = (struct control_task){.task = {.fn = run_start}, .server = s};
    net_post(&s->host.loops->loops[0], &s->start_task.task);
}

/* ---- lame duck mode ---- */

static void on_duck_done(void *ctx)
{
    struct server *s = ctx;
    s->config.done(s->config.ctx, 0);
}

static void run_lame_duck(struct net_task *task, struct net_loop *l)
{
    struct server *s = ((struct control_task *)task)->server;
    (void)l;
    net_listener_close(s->listener);
    s->duck.host = &s->host;
    s->duck.duration = s->options->lame_duck_duration_ns;
    s->duck.grace = s->options->lame_duck_grace_ns;
    s->duck.done = on_duck_done;
    s->duck.ctx = s;
    lame_duck_start(&s->duck);
}

void server_lame_duck(struct server *s)
{
    if (atomic_exchange(&s->host.lame_duck, true))
        return;
    log_inf(log_of(s), "Entering lame duck mode, stop accepting new clients");
    s->duck_task = (struct control_task){.task = {.fn = run_lame_duck}, .server = s};
    net_post(&s->host.loops->loops[0], &s->duck_task.task);
}

bool server_in_lame_duck(const struct server *s)
{
    return atomic_load(&s->host.lame_duck);
}

/* ---- birth ---- */

static void log_banner(struct server *s)
{
    struct log *log = log_of(s);
    const struct options *o = s->options;
    log_inf(log, "Starting nats-server");
    log_inf(log, "  Version:  %s", OPTIONS_VERSION);
    log_inf(log, "  Git:      [not set]");
    log_inf(log, "  Name:     %.*s", LOG_SLICE(s->settings->info.server_name));
    log_inf(log, "  ID:       %s", s->identity.id);
    if (accounts_has_plaintext(accounts_now(&s->host.accounts)))
        log_wrn(log, "Plaintext passwords detected, use nkeys or bcrypt");
    if (o->config_file.len > 0)
        log_inf(log, "Using configuration file: %.*s (%.*s)", LOG_SLICE(o->config_file),
                LOG_SLICE(o->digest));
    if (o->max_payload > 8 * 1024 * 1024)
        log_wrn(log,
                "Maximum payloads over 8.00 MB are generally discouraged and could lead to poor performance");
    if (!o->no_system_account && o->system_account.len == 0)
        log_dbg(log, "Created system account: \"$SYS\"");
}

static bool make_host(struct server *s, char *err)
{
    struct client_host *h = &s->host;
    unsigned loops = s->config.loops;
    h->env = s->config.env;
    h->log = s->config.log;
    atomic_init(&h->next_cid, FIRST_CID);
    struct settings_context ctx = {.identity = &s->identity, .port = s->config.options->port};
    s->settings = settings_new(s->config.options, &ctx, err);
    if (s->settings == NULL)
        return false;
    s->options = settings_options(s->settings);
    ledger_init(&h->connections, s->options->max_connections);
    atomic_init(&h->settings, s->settings);
    h->per_loop = calloc(loops, sizeof *h->per_loop);
    if (h->per_loop == NULL)
        return fail(err, "out of memory");
    for (unsigned i = 0; i < loops; i++) {
        if (!client_loop_init(&h->per_loop[i], h, i))
            return fail(err, "out of memory");
    }
    struct accounts *table =
        settings_accounts(s->options, h, loops, &s->last_account_id, NULL, &s->control, err);
    if (table == NULL)
        return false;
    accounts_publish(&h->accounts, table, &s->control);
    return true;
}

static bool make_loops(struct server *s, char *err)
{
    static const struct net_listener_handler handler = {.accepted = on_accepted, .trouble = on_trouble};
    struct net_loops_config config = {.count = s->config.loops,
                                      .epochs = &s->epochs,
                                      .loop_start = loop_start,
                                      .loop_stop = loop_stop,
                                      .ctx = s};
    int rc = 0;
    s->host.loops = net_loops_new(s->config.env, &config, &rc);
    if (s->host.loops == NULL)
        return fail(err, strerror(-rc));
    s->listener = net_listener_new(s->host.loops, &handler, s);
    return s->listener != NULL ? true : fail(err, "out of memory");
}

static bool write_pid_file(struct server *s, char *err)
{
    char why[FILES_ERROR_MAX];
    if (pid_file_write((const char *)s->options->pid_file.ptr, (int)s->config.pid, why))
        return true;
    log_ftl(log_of(s), "Could not write pidfile: %s", why);
    atomic_store(&s->failed, true);
    err[0] = '\0'; /* it has been said */
    return false;
}

struct server *server_new(const struct server_config *config, char *err)
{
    struct server *s = aligned_alloc(alignof(struct server), sizeof *s);
    if (s == NULL) {
        fail(err, "out of memory");
        options_free(config->options);
        return NULL;
    }
    memset(s, 0, sizeof *s);
    s->config = *config;
    epoch_domain_init(&s->epochs);
    epoch_reader_join(&s->control, &s->epochs);
    server_identity_make(&s->identity, config->env);
    if (!make_host(s, err) || !make_loops(s, err)) {
        server_free(s);
        return NULL;
    }
    log_banner(s);
    if (s->options->pid_file.len > 0 && !write_pid_file(s, err)) {
        server_free(s);
        return NULL;
    }
    return s;
}

/* ---- the end ---- */

void server_free(struct server *s)
{
    if (s->host.loops != NULL) {
        if (!atomic_load(&s->failed))
            log_inf(log_of(s), "Initiating Shutdown...");
        net_loops_free(s->host.loops);
        net_listener_free(s->listener);
        remove_ports_file(s);
        if (!atomic_load(&s->failed))
            log_inf(log_of(s), "Server Exiting..");
    }
    for (unsigned i = 0; s->host.per_loop != NULL && i < s->config.loops; i++)
        client_loop_free(&s->host.per_loop[i]);
    free(s->host.per_loop);
    accounts_publish(&s->host.accounts, NULL, &s->control);
    settings_free(s->settings);
    epoch_reader_leave(&s->control);
    epoch_domain_close(&s->epochs);
    free(s);
}

/* ---- reload ---- */

static void take_new_settings(struct net_loop *l, void *ctx)
{
    (void)ctx;
    struct net_conn *next;
    for (struct net_conn *c = l->conns; c != NULL; c = next) {
        next = c->next;
        client_reloaded(client_of(c));
    }
}

/* Close connections until max_connections holds; which ones is not promised. */
static void shed(struct net_loop *l, void *ctx)
{
    struct server *s = ctx;
    struct net_conn *next;
    for (struct net_conn *c = l->conns; c != NULL; c = next) {
        next = c->next;
        if (ledger_used(&s->host.connections) <= ledger_limit(&s->host.connections))
            return;
        client_shed(client_of(c));
    }
}

/* Close who came with a certificate that is not pinned any more. */
struct pin_check {
    struct server *server;
    _Atomic int64_t closed;
};

static void check_pins(struct net_loop *l, void *ctx)
{
    struct pin_check *check = ctx;
    struct net_conn *next;
    for (struct net_conn *c = l->conns; c != NULL; c = next) {
        next = c->next;
        if (client_check_pin(client_of(c)))
            continue;
        client_close(client_of(c), CLOSE_TLS);
        atomic_fetch_add(&check->closed, 1);
    }
}

static void pins_checked(void *ctx)
{
    struct pin_check *check = ctx;
    int64_t closed = atomic_load(&check->closed);
    if (closed > 0)
        log_inf(log_of(check->server), "Disconnect %lld clients due to pinned certs reload",
                (long long)closed);
    free(check);
}

static void begin_pin_check(struct server *s)
{
    struct pin_check *check = calloc(1, sizeof *check);
    if (check != NULL) {
        check->server = s;
        if (net_gather(s->host.loops, check_pins, pins_checked, check) == 0)
            return;
        free(check);
    }
    log_err(log_of(s), "out of memory: pinned certificates are checked for new connections only");
}

static void run_ports_file(struct net_task *task, struct net_loop *l)
{
    struct server *s = ((struct control_task *)task)->server;
    (void)l;
    remove_ports_file(s);
    write_ports_file(s);
    free(task);
}

static void renew_ports_file(struct server *s)
{
    struct control_task *task = malloc(sizeof *task);
    if (task == NULL) {
        log_err(log_of(s), "out of memory for the ports file");
        return;
    }
    *task = (struct control_task){.task = {.fn = run_ports_file}, .server = s};
    net_post(&s->host.loops->loops[0], &task->task);
}

/* What a reload changes beside settings and accounts. */
static void apply_areas(struct server *s, unsigned areas)
{
    char err[FILES_ERROR_MAX];
    if ((areas & OPTIONS_AREA_LOG) && !log_open(log_of(s), s->options, s->config.program, err))
        log_err(log_of(s), "%s", err);
    if ((areas & OPTIONS_AREA_PID_FILE) && s->options->pid_file.len > 0 &&
        !pid_file_write((const char *)s->options->pid_file.ptr, (int)s->config.pid, err))
        log_err(log_of(s), "Could not write pidfile: %s", err);
    if (areas & OPTIONS_AREA_PORTS_FILE)
        renew_ports_file(s);
    if (net_gather(s->host.loops, take_new_settings, NULL, s) < 0 ||
        net_gather(s->host.loops, shed, NULL, s) < 0)
        log_err(log_of(s), "out of memory: live connections keep their old settings");
    if (areas & OPTIONS_AREA_PINS)
        begin_pin_check(s);
}

/* The new snapshots, complete; or nothing and a sentence in err. */
static bool make_snapshots(struct server *s, struct options *options, struct client_settings **settings,
                           struct accounts **table, char *err)
{
    struct settings_context ctx = {.identity = &s->identity, .port = server_port(s)};
    *settings = settings_new(options, &ctx, err);
    if (*settings == NULL)
        return false;
    epoch_enter(&s->control);
    *table = settings_accounts(options, &s->host, s->config.loops, &s->last_account_id,
                               accounts_now(&s->host.accounts), &s->control, err);
    epoch_leave(&s->control);
    if (*table == NULL)
        settings_free(*settings);
    return *table != NULL;
}

bool server_reload(struct server *s, struct options *options, char *err)
{
    struct arena *arena = arena_new(0);
    struct options_diff *diff = arena == NULL ? NULL : arena_alloc(arena, sizeof *diff);
    struct client_settings *settings, *old = s->settings;
    struct accounts *table;
    if (diff == NULL) {
        arena_free(arena);
        options_free(options);
        return fail(err, "out of memory");
    }
    options_compare(s->options, options, server_port(s), arena, diff);
    if (diff->error != NULL) {
        fail(err, diff->error);
        arena_free(arena);
        options_free(options);
        return false;
    }
    if (!make_snapshots(s, options, &settings, &table, err)) {
        arena_free(arena);
        return false;
    }
    /* From here on nothing fails. Settings first: whoever is authorised anew is so under them. */
    s->settings = settings;
    s->options = options;
    atomic_store(&s->host.settings, settings);
    ledger_set_limit(&s->host.connections, options->max_connections);
    accounts_publish(&s->host.accounts, table, &s->control);
    for (size_t i = 0; i < diff->count; i++) {
        if (diff->changes[i].line.len > 0)
            log_inf(log_of(s), "%.*s", LOG_SLICE(diff->changes[i].line));
    }
    apply_areas(s, diff->areas);
    settings_retire(old, &s->control);
    epoch_collect(&s->control, EPOCH_COLLECT_TURN);
    arena_free(arena);
    return true;
}

const struct options *server_options(const struct server *s)
{
    return s->options;
}

int server_port(const struct server *s)
{
    return atomic_load(&s->port);
}
