/* play.c: the interpreter of scenarios: variables, words, waiting, and the table of verbs. */
#include "play.h"

#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

bool play_fail(struct play *p, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char where[300];
    snprintf(where, sizeof where, "%s:%u: ", p->scenario->file,
             p->step == NULL ? p->scenario->line : p->step->line);
    bytes_add_str(p->report, where);
    bytes_add_str(p->report, text);
    bytes_add_str(p->report, "\n");
    return false;
}

/* ---- variables ---- */

void play_set(struct play *p, slice name, slice value)
{
    for (size_t i = 0; i < p->variable_count; i++) {
        struct variable *v = &p->variables[i];
        if (slice_eq(bytes_slice(&v->name), name)) {
            v->value.len = 0;
            bytes_add_slice(&v->value, value);
            return;
        }
    }
    p->variables = realloc(p->variables, (p->variable_count + 1) * sizeof *p->variables);
    if (p->variables == NULL)
        abort();
    struct variable *v = &p->variables[p->variable_count++];
    *v = (struct variable){0};
    bytes_add_slice(&v->name, name);
    bytes_add_slice(&v->value, value);
}

uint16_t play_port(struct play *p, slice name, bool give_up)
{
    struct port *port = NULL;
    for (size_t i = 0; i < p->port_count; i++) {
        if (slice_eq(bytes_slice(&p->ports[i].name), name))
            port = &p->ports[i];
    }
    if (port == NULL) {
        p->ports = realloc(p->ports, (p->port_count + 1) * sizeof *p->ports);
        if (p->ports == NULL)
            abort();
        port = &p->ports[p->port_count++];
        *port = (struct port){.holder = -1};
        bytes_add_slice(&port->name, name);
        port->number = port_reserve(&port->holder);
    }
    if (give_up && port->holder >= 0) {
        close(port->holder);
        port->holder = -1;
    }
    return port->number;
}

static void add_number(struct bytes *out, unsigned long long number)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", number);
    bytes_add_str(out, text);
}

static struct server *find_server(const struct play *p, slice name)
{
    for (size_t i = 0; i < p->server_count; i++) {
        if (slice_eq(p->servers[i]->name, name))
            return p->servers[i];
    }
    return NULL;
}

/* s.port, s.pid, s.log, a.count, a.info */
static bool lookup_field(const struct play *p, slice object, slice field, struct bytes *value)
{
    const struct server *server = find_server(p, object);
    if (server != NULL && slice_eq_str(field, "port"))
        return add_number(value, server->port), true;
    if (server != NULL && slice_eq_str(field, "pid"))
        return add_number(value, (unsigned long long)server->process.pid), true;
    if (server != NULL && slice_eq_str(field, "log"))
        return bytes_add_str(value, server->log_path), true;
    const struct io_conn *conn = io_find(&p->io, object);
    if (conn != NULL && slice_eq_str(field, "count"))
        return add_number(value, conn->counted), true;
    if (conn != NULL && slice_eq_str(field, "info"))
        return bytes_add_slice(value, bytes_slice(&conn->info)), true;
    return false;
}

static bool lookup(void *ctx, slice name, struct bytes *value)
{
    struct play *p = ctx;
    for (size_t i = 0; i < p->variable_count; i++) {
        if (slice_eq(bytes_slice(&p->variables[i].name), name)) {
            bytes_add_slice(value, bytes_slice(&p->variables[i].value));
            return true;
        }
    }
    if (slice_starts(name, SLICE_LIT("port:"))) {
        add_number(value, play_port(p, slice_from(name, 5), false));
        return true;
    }
    const uint8_t *dot = name.len == 0 ? NULL : memrchr(name.ptr, '.', name.len);
    if (dot == NULL)
        return false;
    size_t at = (size_t)(dot - name.ptr);
    return lookup_field(p, slice_first(name, at), slice_from(name, at + 1), value);
}

/* ---- words and texts ---- */

bool play_template(struct play *p, slice source, unsigned flags, struct template *out)
{
    const char *why = "";
    struct template_scope scope = {lookup, p};
    if (template_build(out, source, flags, scope, &why))
        return true;
    return play_fail(p, "%s: '%.*s'", why, (int)(source.len < 200 ? source.len : 200),
                     (const char *)source.ptr);
}

bool play_text(struct play *p, slice source, unsigned flags, struct bytes *out)
{
    struct template t;
    if (!play_template(p, source, flags, &t))
        return false;
    out->len = 0;
    bytes_add_slice(out, template_bytes(&t));
    template_free(&t);
    return true;
}

bool play_word(struct play *p, size_t at, struct bytes *out)
{
    if (at >= p->step->word_count)
        return play_fail(p, "a word is missing");
    return play_text(p, p->step->words[at], 0, out);
}

bool play_regex(struct play *p, slice source, regex_t *out)
{
    struct bytes text = {0};
    if (!play_text(p, source, TEMPLATE_REGEX, &text))
        return false;
    int rc = regcomp(out, bytes_str(&text), REG_EXTENDED | REG_NOSUB);
    bytes_free(&text);
    if (rc != 0) {
        char why[200];
        regerror(rc, out, why, sizeof why);
        return play_fail(p, "regular expression: %s", why);
    }
    return true;
}

bool play_is(const struct play *p, size_t at, const char *word)
{
    return at < p->step->word_count && slice_eq_str(p->step->words[at], word);
}

bool play_flag(const struct play *p, size_t from, const char *word)
{
    for (size_t i = from; i < p->step->word_count; i++) {
        if (slice_eq_str(p->step->words[i], word))
            return true;
    }
    return false;
}

bool play_option(const struct play *p, size_t from, const char *key, slice *value)
{
    size_t n = strlen(key);
    for (size_t i = from; i < p->step->word_count && !play_is(p, i, "--"); i++) {
        slice word = p->step->words[i];
        if (word.len > n && memcmp(word.ptr, key, n) == 0 && word.ptr[n] == '=') {
            *value = slice_from(word, n + 1);
            return true;
        }
    }
    return false;
}

bool play_number(struct play *p, slice text, unsigned long *number)
{
    struct bytes copy = {0};
    if (!play_text(p, text, 0, &copy))
        return false;
    char *end;
    *number = strtoul(bytes_str(&copy), &end, 10);
    bool ok = copy.len > 0 && *end == '\0';
    bytes_free(&copy);
    return ok || play_fail(p, "not a number: '%.*s'", (int)text.len, (const char *)text.ptr);
}

bool play_duration(struct play *p, slice text, unsigned *ms)
{
    char copy[24] = "";
    if (text.len < sizeof copy)
        memcpy(copy, text.ptr, text.len);
    char *unit;
    unsigned long n = strtoul(copy, &unit, 10);
    if (copy[0] == '\0' || n > 1000000)
        n = 0, unit = copy;
    if (strcmp(unit, "ms") == 0)
        *ms = (unsigned)n;
    else if (strcmp(unit, "s") == 0)
        *ms = (unsigned)n * 1000;
    else if (strcmp(unit, "m") == 0)
        *ms = (unsigned)n * 60000;
    else
        return play_fail(p, "not a duration: '%.*s'", (int)text.len, (const char *)text.ptr);
    return true;
}

struct server *play_server(struct play *p, slice name)
{
    struct server *server = find_server(p, name);
    if (server == NULL)
        play_fail(p, "no server '%.*s'", (int)name.len, (const char *)name.ptr);
    return server;
}

struct io_conn *play_conn(struct play *p, slice name)
{
    struct io_conn *conn = io_find(&p->io, name);
    if (conn == NULL)
        play_fail(p, "no verb and no connection '%.*s'", (int)name.len, (const char *)name.ptr);
    return conn;
}

/* ---- waiting ---- */

uint64_t play_deadline(const struct play *p)
{
    return io_now_ms() + p->options->timeout_ms;
}

static bool servers_live(struct play *p)
{
    for (size_t i = 0; i < p->server_count; i++) {
        struct server *s = p->servers[i];
        if (!s->may_be_gone && process_ended(&s->process))
            return play_fail(p, "server %.*s ended by itself, exit code %d", (int)s->name.len,
                             (const char *)s->name.ptr, s->process.exit_code);
    }
    return true;
}

bool play_wait(struct play *p, uint64_t deadline, const char *what)
{
    uint64_t now = io_now_ms();
    if (!servers_live(p))
        return false;
    if (now >= deadline)
        return play_fail(p, "timed out waiting for %s", what);
    io_turn(&p->io, now + 10 < deadline ? now + 10 : deadline);
    return true;
}

/* ---- steps ---- */

static const struct {
    const char *name;
    bool (*run)(struct play *p);
} verbs[] = {
    {"server", verb_server},   {"start", verb_start},       {"stop", verb_stop},     {"kill", verb_kill},
    {"signal", verb_signal},   {"exits", verb_exits},       {"config", verb_config}, {"log", verb_log},
    {"run", verb_run},         {"exit", verb_exit},         {"out", verb_output},    {"err", verb_output},
    {"connect", verb_connect}, {"client", verb_client},     {"total", verb_total},   {"file", verb_file},
    {"check", verb_check},     {"set", verb_set},           {"sleep", verb_sleep},   {"mark", verb_mark},
    {"elapsed", verb_elapsed}, {"may-exit", verb_may_exit}, {"udp", verb_udp},       {"listen", verb_listen},
    {"accept", verb_accept},
};

static bool play_steps(struct play *p, const struct step *steps, size_t count);

/* repeat N VAR: the variable counts from 1. */
static bool play_repeat(struct play *p, const struct step *step)
{
    unsigned long n;
    if (step->word_count != 3)
        return play_fail(p, "write: repeat N VAR");
    if (!play_number(p, step->words[1], &n))
        return false;
    for (unsigned long i = 1; i <= n; i++) {
        char text[24];
        snprintf(text, sizeof text, "%lu", i);
        play_set(p, step->words[2], slice_str(text));
        if (!play_steps(p, step->body, step->body_count))
            return false;
    }
    return true;
}

/* each VAR <{ lines }: the variable is one line after the other. */
static bool play_each(struct play *p, const struct step *step)
{
    struct bytes line = {0};
    bool ok = true;
    if (step->word_count != 2 || step->op != OP_SET)
        return play_fail(p, "write: each VAR <{");
    for (size_t i = 0; ok && i < step->set_count; i++) {
        p->step = step;
        ok = play_text(p, step->set[i], TEMPLATE_ESCAPES, &line);
        if (!ok)
            break;
        play_set(p, step->words[1], bytes_slice(&line));
        ok = play_steps(p, step->body, step->body_count);
        if (!ok) {
            bytes_add_str(p->report, "  for: ");
            bytes_add_shown(p->report, bytes_slice(&line), 200);
            bytes_add_str(p->report, "\n");
        }
    }
    bytes_free(&line);
    return ok;
}

static bool play_step(struct play *p, const struct step *step)
{
    p->step = step;
    if (step->peer != PEER_ANY && step->peer != p->options->peer)
        return true;
    if (slice_eq_str(step->words[0], "repeat"))
        return play_repeat(p, step);
    if (slice_eq_str(step->words[0], "each"))
        return play_each(p, step);
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (slice_eq_str(step->words[0], verbs[i].name))
            return verbs[i].run(p);
    }
    return verb_conn(p);
}

static bool play_steps(struct play *p, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!play_step(p, &steps[i]))
            return false;
    }
    return true;
}

/* ---- a whole scenario ---- */

#define LOG_TAIL 3000u

static void report_tail(struct play *p, const char *title, const char *path)
{
    struct bytes log = {0};
    file_read(path, &log);
    if (log.len > 0) {
        size_t from = log.len > LOG_TAIL ? log.len - LOG_TAIL : 0;
        bytes_add_str(p->report, "  --- ");
        bytes_add_str(p->report, title);
        bytes_add_str(p->report, "\n");
        bytes_add_slice(p->report, slice_from(bytes_slice(&log), from));
        if (log.ptr[log.len - 1] != '\n')
            bytes_add_str(p->report, "\n");
    }
    bytes_free(&log);
}

static void report_state(struct play *p)
{
    for (size_t i = 0; i < p->io.count; i++) {
        const struct io_conn *conn = p->io.conns[i];
        slice pending = io_pending(conn);
        if (pending.len == 0 && conn->failure[0] == '\0')
            continue;
        bytes_add_str(p->report, "  unread on ");
        bytes_add_slice(p->report, conn->name);
        bytes_add_str(p->report, ": ");
        bytes_add_shown(p->report, pending, 400);
        bytes_add_str(p->report, conn->failure);
        bytes_add_str(p->report, "\n");
    }
    for (size_t i = 0; i < p->server_count; i++) {
        report_tail(p, p->servers[i]->out_path, p->servers[i]->out_path);
        if (strcmp(p->servers[i]->out_path, p->servers[i]->log_path) != 0)
            report_tail(p, p->servers[i]->log_path, p->servers[i]->log_path);
    }
}

/* What every scenario can use. */
static void set_constants(struct play *p)
{
    const struct play_options *o = p->options;
    const char *slash = strrchr(o->server_path, '/');
    play_set(p, SLICE_LIT("DIR"), slice_str(o->work_dir));
    play_set(p, SLICE_LIT("CERTS"), slice_str(o->certs));
    play_set(p, SLICE_LIT("SERVER"), slice_str(o->server_path));
    play_set(p, SLICE_LIT("EXE"), slice_str(slash == NULL ? o->server_path : slash + 1));
}

static void play_free(struct play *p)
{
    io_close_all(&p->io);
    for (size_t i = 0; i < p->server_count; i++)
        server_free(p->servers[i]);
    free(p->servers);
    for (size_t i = 0; i < p->variable_count; i++) {
        bytes_free(&p->variables[i].name);
        bytes_free(&p->variables[i].value);
    }
    free(p->variables);
    for (size_t i = 0; i < p->port_count; i++) {
        bytes_free(&p->ports[i].name);
        if (p->ports[i].holder >= 0)
            close(p->ports[i].holder);
    }
    free(p->ports);
    bytes_free(&p->run.out);
    bytes_free(&p->run.err);
}

bool play_scenario(const struct scenario *scenario, const struct play_options *options, struct bytes *report)
{
    struct play p = {.scenario = scenario, .options = options, .report = report};
    signal(SIGPIPE, SIG_IGN);
    set_constants(&p);
    bool ok = play_steps(&p, scenario->steps, scenario->step_count);
    /* A server that crashes or leaks on its way out has failed, too. */
    p.step = NULL;
    for (size_t i = 0; i < p.server_count; i++)
        ok = server_end(&p, p.servers[i]) && ok;
    if (!ok)
        report_state(&p);
    play_free(&p);
    return ok;
}
