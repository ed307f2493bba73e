/* verb_server.c: starting, stopping and signalling servers, their logs, and one-shot commands. */
#include "play.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static char *copy_string(const char *s)
{
    char *copy = strdup(s);
    if (copy == NULL)
        abort();
    return copy;
}

static char *path_in(const struct play *p, slice name, const char *suffix)
{
    char *path;
    if (asprintf(&path, "%s/%.*s%s", p->options->work_dir, (int)name.len, (const char *)name.ptr, suffix) < 0)
        abort();
    return path;
}

void server_free(struct server *server)
{
    process_kill(&server->process);
    for (size_t i = 0; i < SERVER_MAX_ARGS; i++)
        free(server->argv[i]);
    free((void *)(uintptr_t)server->name.ptr);
    free(server->config_path);
    free(server->log_path);
    free(server->out_path);
    free(server);
}

static struct server *server_make(struct play *p, slice name)
{
    struct server *server = calloc(1, sizeof *server);
    p->servers = realloc(p->servers, (p->server_count + 1) * sizeof(struct server *));
    char *copy = strndup((const char *)name.ptr, name.len);
    if (server == NULL || p->servers == NULL || copy == NULL)
        abort();
    server->name = slice_make(copy, name.len);
    server->out_path = path_in(p, name, ".out");
    server->log_path = copy_string(server->out_path);
    p->servers[p->server_count++] = server;
    return server;
}

static bool add_arg(struct play *p, struct server *server, const char *arg)
{
    size_t n = 0;
    while (server->argv[n] != NULL)
        n++;
    if (n + 1 >= SERVER_MAX_ARGS)
        return play_fail(p, "too many arguments");
    server->argv[n] = copy_string(arg);
    return true;
}

/* ${PORT} in a configuration is the port of the server that it is for. */
static bool write_config(struct play *p, struct server *server)
{
    char port[8];
    snprintf(port, sizeof port, "%u", server->port);
    play_set(p, SLICE_LIT("PORT"), slice_str(port));
    struct bytes text = {0};
    bool ok = play_text(p, p->step->text, 0, &text);
    if (ok && !file_write(server->config_path, bytes_slice(&text)))
        ok = play_fail(p, "%s: %s", server->config_path, strerror(errno));
    bytes_free(&text);
    return ok;
}

static bool mentions_port(slice config)
{
    return config.len > 0 && memmem(config.ptr, config.len, "${PORT}", 7) != NULL;
}

/* Flags that every server gets, unless the scenario says `flags=none` or has its own listen address. */
static bool add_default_args(struct play *p, struct server *server)
{
    char port[8];
    slice value;
    if (server->config_path != NULL &&
        (!write_config(p, server) || !add_arg(p, server, "-c") || !add_arg(p, server, server->config_path)))
        return false;
    if (play_option(p, 2, "flags", &value))
        return slice_eq_str(value, "none") || play_fail(p, "write: flags=none");
    if (!add_arg(p, server, "-D"))
        return false;
    if (server->port_from_log || (p->step->op == OP_HERE && mentions_port(p->step->text)))
        return true;
    snprintf(port, sizeof port, "%u", server->port);
    return add_arg(p, server, "-a") && add_arg(p, server, "127.0.0.1") && add_arg(p, server, "-p") &&
           add_arg(p, server, port);
}

static bool read_options(struct play *p, struct server *server)
{
    slice value;
    unsigned long number;
    if (play_option(p, 2, "log", &value)) {
        struct bytes path = {0};
        if (!play_text(p, value, 0, &path))
            return false;
        free(server->log_path);
        server->log_path = copy_string(bytes_str(&path));
        bytes_free(&path);
    }
    if (play_option(p, 2, "nofile", &value)) {
        if (!play_number(p, value, &number))
            return false;
        server->nofile = (unsigned)number;
    }
    server->port_from_log = play_option(p, 2, "listen", &value) && slice_eq_str(value, "config");
    server->ready_by_port = play_option(p, 2, "ready", &value) && slice_eq_str(value, "port");
    return true;
}

static bool add_own_args(struct play *p, struct server *server)
{
    bool behind = false, ok = true;
    struct bytes word = {0};
    for (size_t i = 2; ok && i < p->step->word_count; i++) {
        if (!behind) {
            behind = play_is(p, i, "--");
            continue;
        }
        ok = play_word(p, i, &word) && add_arg(p, server, bytes_str(&word));
    }
    bytes_free(&word);
    return ok;
}

static bool launch(struct play *p, struct server *server)
{
    struct process_options o = {.out = server->out_path,
                                .err = server->out_path,
                                .dir = p->options->work_dir,
                                .nofile = server->nofile,
                                .loops = p->options->peer == PEER_MIDGE ? p->options->loops : 0};
    struct bytes log = {0};
    file_read(server->log_path, &log);
    server->log_from = log.len;
    bytes_free(&log);
    server->may_be_gone = false;
    if (!process_start(&server->process, server->argv, &o))
        return play_fail(p, "cannot start a process: %s", strerror(errno));
    return true;
}

/* The log since the last start (or `log NAME mark`). */
static slice fresh_log(const struct server *server, struct bytes *log)
{
    log->len = 0;
    file_read(server->log_path, log);
    size_t from = server->log_from < log->len ? server->log_from : log->len;
    return slice_from(slice_make(bytes_str(log), log->len), from);
}

static void take_port_from_log(struct server *server, slice log)
{
    static const char text[] = "Listening for client connections on ";
    const char *line = memmem(log.ptr, log.len, text, sizeof text - 1);
    const char *end =
        line == NULL ? NULL : memchr(line, '\n', log.len - (size_t)(line - (const char *)log.ptr));
    const char *colon = end == NULL ? NULL : memrchr(line, ':', (size_t)(end - line));
    if (colon != NULL)
        server->port = (uint16_t)strtoul(colon + 1, NULL, 10);
}

static bool accepts(struct play *p, const struct server *server)
{
    struct io_conn *probe = io_connect(&p->io, SLICE_LIT("(probe)"), "127.0.0.1", server->port, 0);
    if (probe == NULL)
        return false;
    io_close(probe, false);
    return true;
}

static bool is_ready(struct play *p, struct server *server)
{
    if (server->ready_by_port)
        return accepts(p, server);
    struct bytes log = {0};
    slice fresh = fresh_log(server, &log);
    static const char text[] = "Server is ready";
    bool ready = fresh.len > 0 && memmem(fresh.ptr, fresh.len, text, sizeof text - 1) != NULL;
    if (ready && server->port_from_log)
        take_port_from_log(server, fresh);
    bytes_free(&log);
    return ready;
}

static bool launch_and_wait(struct play *p, struct server *server)
{
    if (!launch(p, server))
        return false;
    uint64_t deadline = play_deadline(p);
    while (!is_ready(p, server)) {
        if (!play_wait(p, deadline, "the server to be ready"))
            return false;
    }
    return true;
}

/* server NAME [log=PATH] [listen=config] [flags=none] [ready=port] [nofile=N] [-- ARG...] [<<< config] */
bool verb_server(struct play *p)
{
    if (p->step->word_count < 2)
        return play_fail(p, "write: server NAME");
    struct server *server = server_make(p, p->step->words[1]);
    server->port = play_port(p, server->name, false);
    if (server->port == 0)
        return play_fail(p, "no free port");
    if (p->step->op == OP_HERE)
        server->config_path = path_in(p, server->name, ".conf");
    return read_options(p, server) && add_arg(p, server, p->options->server_path) &&
           add_default_args(p, server) && add_own_args(p, server) && launch_and_wait(p, server);
}

/* start NAME: again, with the same command line */
bool verb_start(struct play *p)
{
    struct server *server = p->step->word_count < 2 ? NULL : play_server(p, p->step->words[1]);
    if (server == NULL)
        return false;
    if (server->process.running)
        return play_fail(p, "it still runs");
    return launch_and_wait(p, server);
}

static bool wait_exit(struct play *p, struct server *server, int code)
{
    uint64_t deadline = play_deadline(p);
    server->may_be_gone = true;
    while (!process_ended(&server->process)) {
        if (!play_wait(p, deadline, "the server to exit"))
            return false;
    }
    if (server->process.exit_code != code)
        return play_fail(p, "the server exited with %d, not %d", server->process.exit_code, code);
    return true;
}

bool server_end(struct play *p, struct server *server)
{
    if (server->process.running && !process_ended(&server->process)) {
        kill(server->process.pid, SIGINT);
        return wait_exit(p, server, 0);
    }
    return server->may_be_gone ||
           play_fail(p, "server %.*s ended by itself, exit code %d", (int)server->name.len,
                     (const char *)server->name.ptr, server->process.exit_code);
}

/* stop NAME: SIGTERM and exit code 0 */
bool verb_stop(struct play *p)
{
    struct server *server = p->step->word_count < 2 ? NULL : play_server(p, p->step->words[1]);
    if (server == NULL)
        return false;
    kill(server->process.pid, SIGTERM);
    return wait_exit(p, server, 0);
}

bool verb_kill(struct play *p)
{
    struct server *server = p->step->word_count < 2 ? NULL : play_server(p, p->step->words[1]);
    if (server == NULL)
        return false;
    server->may_be_gone = true;
    process_kill(&server->process);
    return true;
}

/* signal NAME HUP|TERM|INT|USR1|USR2|STOP|CONT */
bool verb_signal(struct play *p)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"HUP", SIGHUP},   {"TERM", SIGTERM}, {"INT", SIGINT},  {"USR1", SIGUSR1},
                   {"USR2", SIGUSR2}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}};
    struct server *server = p->step->word_count < 3 ? NULL : play_server(p, p->step->words[1]);
    if (server == NULL)
        return false;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (play_is(p, 2, signals[i].name)) {
            /* From here on the server may go when it likes; `exits` says when it must. */
            server->may_be_gone |=
                signals[i].number == SIGTERM || signals[i].number == SIGINT || signals[i].number == SIGUSR2;
            return kill(server->process.pid, signals[i].number) == 0 ||
                   play_fail(p, "kill: %s", strerror(errno));
        }
    }
    return play_fail(p, "unknown signal");
}

/* may-exit NAME: from here on the server may go when it likes */
bool verb_may_exit(struct play *p)
{
    struct server *server = p->step->word_count < 2 ? NULL : play_server(p, p->step->words[1]);
    if (server != NULL)
        server->may_be_gone = true;
    return server != NULL;
}

/* exits NAME CODE: ends by itself with that code */
bool verb_exits(struct play *p)
{
    unsigned long code;
    struct server *server = p->step->word_count < 3 ? NULL : play_server(p, p->step->words[1]);
    return server != NULL && play_number(p, p->step->words[2], &code) && wait_exit(p, server, (int)code);
}

/* config NAME <<<: a new configuration, for the next reload or start */
bool verb_config(struct play *p)
{
    struct server *server = p->step->word_count < 2 ? NULL : play_server(p, p->step->words[1]);
    if (server == NULL || p->step->op != OP_HERE || server->config_path == NULL)
        return server != NULL && play_fail(p, "write: config NAME <<<, for a server with a configuration");
    return write_config(p, server);
}

/* ---- lines of text: logs and outputs ---- */

struct line_match {
    regex_t regex;
    struct bytes exact;
    bool by_regex;
    bool whole; /* the text is the whole line, not only its end */
};

static bool line_match_make(struct play *p, struct line_match *m, bool whole)
{
    *m = (struct line_match){.by_regex = p->step->op == OP_MATCH, .whole = whole};
    if (m->by_regex)
        return play_regex(p, p->step->text, &m->regex);
    if (p->step->op != OP_EXPECT_LINE)
        return play_fail(p, "write `~ regex` or `< text`");
    return play_text(p, p->step->text, TEMPLATE_ESCAPES, &m->exact);
}

static void line_match_free(struct line_match *m)
{
    if (m->by_regex)
        regfree(&m->regex);
    bytes_free(&m->exact);
}

/* Number of lines that match: by the expression, or because they end with (or are) the text. */
static unsigned long count_lines(const struct line_match *m, slice text)
{
    unsigned long n = 0;
    struct bytes line = {0};
    while (text.len > 0) {
        const uint8_t *lf = memchr(text.ptr, '\n', text.len);
        size_t len = lf == NULL ? text.len : (size_t)(lf - text.ptr);
        slice exact = bytes_slice(&m->exact);
        if (m->by_regex) {
            line.len = 0;
            bytes_add(&line, text.ptr, len);
            n += regexec(&m->regex, bytes_str(&line), 0, NULL, 0) == 0;
        } else {
            n += (m->whole ? len == exact.len : len >= exact.len) &&
                 slice_eq(slice_make(text.ptr + len - exact.len, exact.len), exact);
        }
        text = slice_from(text, len + (lf != NULL));
    }
    bytes_free(&line);
    return n;
}

/* log NAME [not | count N] OP text; log NAME mark */
bool verb_log(struct play *p)
{
    struct server *server = p->step->word_count < 2 ? NULL : play_server(p, p->step->words[1]);
    if (server == NULL)
        return false;
    struct bytes log = {0};
    if (play_is(p, 2, "mark")) {
        file_read(server->log_path, &log);
        server->log_from = log.len;
        bytes_free(&log);
        return true;
    }
    struct line_match match;
    unsigned long wanted = 1;
    bool none = play_is(p, 2, "not"), exactly = play_is(p, 2, "count");
    if ((exactly && !play_number(p, p->step->word_count > 3 ? p->step->words[3] : SLICE_EMPTY, &wanted)) ||
        !line_match_make(p, &match, false))
        return false;
    uint64_t deadline = play_deadline(p);
    bool ok = true;
    for (;;) {
        unsigned long n = count_lines(&match, fresh_log(server, &log));
        if ((none || exactly) && n > (none ? 0 : wanted))
            ok = play_fail(p, "%lu such log lines", n);
        if (!ok || none || n >= wanted || !(ok = play_wait(p, deadline, "a log line")))
            break;
    }
    line_match_free(&match);
    bytes_free(&log);
    return ok;
}

/* ---- commands ---- */

static bool wait_command(struct play *p, struct process *process)
{
    uint64_t deadline = play_deadline(p);
    while (!process_ended(process)) {
        if (!play_wait(p, deadline, "the command to end")) {
            process_kill(process);
            return false;
        }
    }
    return true;
}

/* run [program=PATH] ARG...: the server program (or another) to its end, output kept for exit, out and err */
bool verb_run(struct play *p)
{
    char *argv[STEP_MAX_WORDS + 2] = {copy_string(p->options->server_path)};
    size_t argc = 1;
    slice program;
    bool ok = true, other = play_option(p, 1, "program", &program);
    struct bytes word = {0};
    if (other) {
        free(argv[0]);
        ok = play_text(p, program, 0, &word);
        argv[0] = copy_string(bytes_str(&word));
    }
    for (size_t i = other ? 2 : 1; ok && i < p->step->word_count; i++) {
        ok = play_word(p, i, &word);
        argv[argc++] = copy_string(bytes_str(&word));
    }
    char *out = path_in(p, SLICE_LIT("run"), ".stdout"), *err = path_in(p, SLICE_LIT("run"), ".stderr");
    unlink(out);
    unlink(err);
    struct process process = {0};
    struct process_options o = {
        .out = out, .err = err, .dir = p->options->work_dir, .loops = p->options->loops};
    ok = ok && (process_start(&process, argv, &o) || play_fail(p, "cannot start a process")) &&
         wait_command(p, &process);
    p->run.done = ok;
    p->run.exit_code = process.exit_code;
    p->run.out.len = p->run.err.len = 0;
    file_read(out, &p->run.out);
    file_read(err, &p->run.err);
    for (size_t i = 0; i < argc; i++)
        free(argv[i]);
    bytes_free(&word);
    free(out);
    free(err);
    return ok;
}

static bool fail_with_output(struct play *p, const char *what)
{
    struct bytes text = {0};
    bytes_add_str(&text, what);
    bytes_add_str(&text, "\n  stdout: ");
    bytes_add_shown(&text, bytes_slice(&p->run.out), 400);
    bytes_add_str(&text, "\n  stderr: ");
    bytes_add_shown(&text, bytes_slice(&p->run.err), 400);
    play_fail(p, "%s", bytes_str(&text));
    bytes_free(&text);
    return false;
}

/* exit CODE: of the last run */
bool verb_exit(struct play *p)
{
    unsigned long code;
    if (p->step->word_count != 2 || !play_number(p, p->step->words[1], &code))
        return play_fail(p, "write: exit CODE");
    if (p->run.done && (unsigned long)p->run.exit_code == code)
        return true;
    char text[60];
    snprintf(text, sizeof text, "the command exited with %d", p->run.exit_code);
    return fail_with_output(p, text);
}

/* out|err empty; out|err [not] ~ regex; out|err < exact line */
bool verb_output(struct play *p)
{
    slice text = bytes_slice(play_is(p, 0, "out") ? &p->run.out : &p->run.err);
    if (play_is(p, 1, "empty"))
        return text.len == 0 || fail_with_output(p, "it is not empty");
    struct line_match match;
    if (!line_match_make(p, &match, true))
        return false;
    bool found = count_lines(&match, text) > 0;
    line_match_free(&match);
    return found != play_is(p, 1, "not") ||
           fail_with_output(p, found ? "such a line is there" : "no such line");
}
