#include "server/flags.h"
#include "base/arena.h"
#include "server/options_read.h"
#include <errno.h>
#include <midge/memory.h>
#include <midge/quote.h>
#include <stdlib.h>

/* ---- the table --------------------------------------------------------------------------------------------
 */

enum kind {
    BOOLEAN,
    INTEGER,
    TEXT,
};

static const struct flag_name {
    const char *name;
    enum flag_id id;
    enum kind kind;
} names[] = {
    {"a", FLAG_HOST, TEXT},
    {"addr", FLAG_HOST, TEXT},
    {"net", FLAG_HOST, TEXT},
    {"p", FLAG_PORT, INTEGER},
    {"port", FLAG_PORT, INTEGER},
    {"n", FLAG_NAME, TEXT},
    {"name", FLAG_NAME, TEXT},
    {"server_name", FLAG_NAME, TEXT},
    {"P", FLAG_PID, TEXT},
    {"pid", FLAG_PID, TEXT},
    {"m", FLAG_HTTP_PORT, INTEGER},
    {"http_port", FLAG_HTTP_PORT, INTEGER},
    {"ms", FLAG_HTTPS_PORT, INTEGER},
    {"https_port", FLAG_HTTPS_PORT, INTEGER},
    {"c", FLAG_CONFIG, TEXT},
    {"config", FLAG_CONFIG, TEXT},
    {"t", FLAG_CHECK, BOOLEAN},
    {"sl", FLAG_SIGNAL, TEXT},
    {"signal", FLAG_SIGNAL, TEXT},
    {"client_advertise", FLAG_CLIENT_ADVERTISE, TEXT},
    {"ports_file_dir", FLAG_PORTS_FILE_DIR, TEXT},
    {"l", FLAG_LOG, TEXT},
    {"log", FLAG_LOG, TEXT},
    {"T", FLAG_LOGTIME, BOOLEAN},
    {"logtime", FLAG_LOGTIME, BOOLEAN},
    {"logtime_utc", FLAG_LOGTIME_UTC, BOOLEAN},
    {"s", FLAG_SYSLOG, BOOLEAN},
    {"syslog", FLAG_SYSLOG, BOOLEAN},
    {"r", FLAG_REMOTE_SYSLOG, TEXT},
    {"remote_syslog", FLAG_REMOTE_SYSLOG, TEXT},
    {"D", FLAG_DEBUG, BOOLEAN},
    {"debug", FLAG_DEBUG, BOOLEAN},
    {"V", FLAG_TRACE, BOOLEAN},
    {"trace", FLAG_TRACE, BOOLEAN},
    {"VV", FLAG_VERBOSE_TRACE, BOOLEAN},
    {"DV", FLAG_DEBUG_TRACE, BOOLEAN},
    {"DVV", FLAG_DEBUG_VERBOSE_TRACE, BOOLEAN},
    {"log_size_limit", FLAG_LOG_SIZE_LIMIT, INTEGER},
    {"max_traced_msg_len", FLAG_MAX_TRACED_MSG_LEN, INTEGER},
    {"js", FLAG_JETSTREAM, BOOLEAN},
    {"jetstream", FLAG_JETSTREAM, BOOLEAN},
    {"sd", FLAG_STORE_DIR, TEXT},
    {"store_dir", FLAG_STORE_DIR, TEXT},
    {"user", FLAG_USER, TEXT},
    {"pass", FLAG_PASS, TEXT},
    {"auth", FLAG_AUTH, TEXT},
    {"tls", FLAG_TLS, BOOLEAN},
    {"tlsverify", FLAG_TLS_VERIFY, BOOLEAN},
    {"tlscert", FLAG_TLS_CERT, TEXT},
    {"tlskey", FLAG_TLS_KEY, TEXT},
    {"tlscacert", FLAG_TLS_CA_CERT, TEXT},
    {"routes", FLAG_ROUTES, TEXT},
    {"cluster", FLAG_CLUSTER, TEXT},
    {"cluster_listen", FLAG_CLUSTER, TEXT},
    {"cluster_name", FLAG_CLUSTER_NAME, TEXT},
    {"no_advertise", FLAG_NO_ADVERTISE, BOOLEAN},
    {"cluster_advertise", FLAG_CLUSTER_ADVERTISE, TEXT},
    {"connect_retries", FLAG_CONNECT_RETRIES, INTEGER},
    {"profile", FLAG_PROFILE, INTEGER},
    {"h", FLAG_HELP, BOOLEAN},
    {"help", FLAG_HELP, BOOLEAN},
    {"v", FLAG_VERSION, BOOLEAN},
    {"version", FLAG_VERSION, BOOLEAN},
    {"help_tls", FLAG_HELP_TLS, BOOLEAN},
};

enum { NAME_COUNT = sizeof names / sizeof names[0] };

static const struct flag_name *find(slice name)
{
    for (size_t i = 0; i < NAME_COUNT; i++)
        if (slice_eq_str(name, names[i].name))
            return &names[i];
    return NULL;
}

/* ---- values -----------------------------------------------------------------------------------------------
 */

static bool parse_bool(slice s, bool *out)
{
    static const char *const on[] = {"1", "t", "T", "TRUE", "true", "True"};
    static const char *const off[] = {"0", "f", "F", "FALSE", "false", "False"};
    for (size_t i = 0; i < sizeof on / sizeof on[0]; i++) {
        if (slice_eq_str(s, on[i]) || slice_eq_str(s, off[i])) {
            *out = slice_eq_str(s, on[i]);
            return true;
        }
    }
    return false;
}

/* The base that a literal's prefix names; *at is behind it. */
static unsigned literal_base(slice s, size_t *at)
{
    if (s.len < *at + 2 || s.ptr[*at] != '0')
        return 10;
    uint8_t c = s.ptr[*at + 1] | 0x20;
    unsigned base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    *at += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    return base;
}

static unsigned digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
}

/* An integer as Go's source writes it: 0x, 0o, 0b or 0 for the base, '_' between digits (or behind a prefix).
 * NULL, or what is wrong. */
static const char *parse_integer(slice s, int64_t *out)
{
    size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0;
    bool minus = at == 1 && s.ptr[0] == '-', range = false, digit = false, under = false;
    uint64_t n = 0, max = minus ? UINT64_C(1) << 63 : INT64_MAX;
    size_t first = at;
    unsigned base = literal_base(s, &at);
    bool prefix = at > first;
    digit = prefix && at == first + 1; /* the 0 of an octal number is a digit itself */
    for (; at < s.len; at++) {
        unsigned d = digit_of(s.ptr[at]);
        if (s.ptr[at] == '_' && !under && (digit || prefix)) {
            under = true;
            continue;
        }
        if (d >= base)
            return "parse error";
        under = false;
        digit = true;
        range = range || n > (max - d) / base;
        n = range ? 0 : n * base + d;
    }
    if (!digit || under)
        return "parse error";
    if (range)
        return "value out of range";
    *out = (int64_t)(minus ? 0 - n : n);
    return NULL;
}

static slice quoted(struct arena *arena, slice s)
{
    struct codec_out count = codec_out_on(NULL, 0);
    codec_quote(&count, s);
    void *buf = arena_alloc(arena, count.len + 1);
    if (buf == NULL)
        return SLICE_EMPTY;
    struct codec_out out = codec_out_on(buf, count.len);
    codec_quote(&out, s);
    return codec_out_slice(&out);
}

#define S(s) (int)(s).len, (const char *)(s).ptr

static bool set_bool(const struct flag_name *f, const slice *value, struct flags *out, struct arena *arena,
                     slice *error)
{
    bool on = true;
    if (value != NULL && !parse_bool(*value, &on)) {
        slice q = quoted(arena, *value);
        *error = arena_printf(arena, "invalid boolean value %.*s for -%s: parse error", S(q), f->name);
        return false;
    }
    out->values[f->id].on = on;
    return true;
}

static bool set_value(const struct flag_name *f, slice value, struct flags *out, struct arena *arena,
                      slice *error)
{
    struct flag_value *v = &out->values[f->id];
    const char *wrong = f->kind == INTEGER ? parse_integer(value, &v->number) : NULL;
    v->text = value;
    if (wrong == NULL)
        return true;
    slice q = quoted(arena, value);
    *error = arena_printf(arena, "invalid value %.*s for flag -%s: %s", S(q), f->name, wrong);
    return false;
}

/* ---- parsing ----------------------------------------------------------------------------------------------
 */

/* One flag: `arg` without its dashes; the value may be the next argument. */
static bool parse_flag(slice arg, int argc, char *const *argv, int *at, struct flags *out,
                       struct arena *arena, slice *error)
{
    const uint8_t *eq = arg.len > 1 ? memchr(arg.ptr + 1, '=', arg.len - 1) : NULL;
    slice name = eq == NULL ? arg : slice_first(arg, (size_t)(eq - arg.ptr));
    slice value = eq == NULL ? SLICE_EMPTY : slice_from(arg, name.len + 1);
    const struct flag_name *f = find(name);
    if (f == NULL) {
        *error = arena_printf(arena, "flag provided but not defined: -%.*s", S(name));
        return false;
    }
    out->values[f->id].set = true;
    out->values[f->id].name = f->name;
    if (f->kind == BOOLEAN)
        return set_bool(f, eq == NULL ? NULL : &value, out, arena, error);
    if (eq == NULL) {
        if (*at >= argc) {
            *error = arena_printf(arena, "flag needs an argument: -%s", f->name);
            return false;
        }
        value = slice_str(argv[(*at)++]);
    }
    return set_value(f, value, out, arena, error);
}

bool flags_parse(int argc, char *const *argv, struct flags *out, struct arena *arena, slice *error)
{
    *out = (struct flags){.word = SLICE_EMPTY};
    for (int at = 1; at < argc;) {
        slice arg = slice_str(argv[at]);
        if (arg.len < 2 || arg.ptr[0] != '-') {
            out->word = arg;
            out->has_word = true;
            return true;
        }
        at++;
        size_t dashes = arg.ptr[1] == '-' ? 2 : 1;
        slice rest = slice_from(arg, dashes);
        if (rest.len == 0) { /* "--" */
            out->has_word = at < argc;
            out->word = at < argc ? slice_str(argv[at]) : SLICE_EMPTY;
            return true;
        }
        if (rest.ptr[0] == '-' || rest.ptr[0] == '=') {
            *error = arena_printf(arena, "bad flag syntax: %.*s", S(arg));
            return false;
        }
        if (!parse_flag(rest, argc, argv, &at, out, arena, error))
            return false;
    }
    return true;
}

/* ---- what is asked for ------------------------------------------------------------------------------------
 */

static bool is_word(slice s, const char *want)
{
    if (s.len != strlen(want))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if ((s.ptr[i] | 0x20) != (uint8_t)want[i])
            return false;
    return true;
}

enum flags_action flags_action(const struct flags *f, struct arena *arena, slice *error)
{
    const struct flag_value *v = f->values;
    if (v[FLAG_VERSION].on)
        return FLAGS_VERSION;
    if (v[FLAG_HELP].on)
        return FLAGS_HELP;
    if (v[FLAG_HELP_TLS].on)
        return FLAGS_HELP_TLS;
    if (is_word(f->word, "version"))
        return FLAGS_VERSION;
    if (is_word(f->word, "help"))
        return FLAGS_HELP;
    if (f->has_word) {
        slice q = quoted(arena, f->word);
        *error = arena_printf(arena, "unrecognized command: %.*s", S(q));
        return FLAGS_BAD;
    }
    if (v[FLAG_SIGNAL].text.len > 0)
        return FLAGS_SIGNAL;
    if (!v[FLAG_CHECK].on)
        return FLAGS_START;
    if (v[FLAG_CONFIG].text.len > 0)
        return FLAGS_CHECK;
    *error = SLICE_LIT("must specify [-c, --config] option to check configuration file syntax");
    return FLAGS_BAD;
}

/* Switches that are off and empty texts ask for nothing. */
const char *flags_unsupported(const struct flags *f)
{
    static const enum flag_id later[] = {
        FLAG_HTTP_PORT, FLAG_HTTPS_PORT,   FLAG_JETSTREAM,    FLAG_STORE_DIR,         FLAG_ROUTES,
        FLAG_CLUSTER,   FLAG_CLUSTER_NAME, FLAG_NO_ADVERTISE, FLAG_CLUSTER_ADVERTISE, FLAG_CONNECT_RETRIES,
        FLAG_PROFILE,
    };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        const struct flag_value *v = &f->values[later[i]];
        if (v->set && (v->on || v->text.len > 0))
            return v->name;
    }
    return NULL;
}

/* ---- over the file ----------------------------------------------------------------------------------------
 */

static void apply_text(const struct flags *f, enum flag_id id, slice *to)
{
    if (f->values[id].set)
        *to = f->values[id].text;
}

static void apply_bool(const struct flags *f, enum flag_id id, bool *to)
{
    if (f->values[id].set)
        *to = f->values[id].on;
}

static void apply_number(const struct flags *f, enum flag_id id, int64_t *to)
{
    if (f->values[id].set)
        *to = f->values[id].number;
}

void flags_apply(const struct flags *f, struct options *o)
{
    apply_text(f, FLAG_HOST, &o->host);
    if (f->values[FLAG_PORT].set)
        o->port = opt_port(f->values[FLAG_PORT].number);
    apply_text(f, FLAG_NAME, &o->server_name);
    apply_text(f, FLAG_CLIENT_ADVERTISE, &o->client_advertise);
    apply_text(f, FLAG_PID, &o->pid_file);
    apply_text(f, FLAG_PORTS_FILE_DIR, &o->ports_file_dir);
    apply_text(f, FLAG_LOG, &o->log_file);
    apply_bool(f, FLAG_LOGTIME, &o->logtime);
    apply_bool(f, FLAG_LOGTIME_UTC, &o->logtime_utc);
    apply_bool(f, FLAG_SYSLOG, &o->syslog);
    apply_text(f, FLAG_REMOTE_SYSLOG, &o->remote_syslog);
    apply_number(f, FLAG_LOG_SIZE_LIMIT, &o->log_size_limit);
    apply_number(f, FLAG_MAX_TRACED_MSG_LEN, &o->max_traced_msg_len);
    apply_text(f, FLAG_USER, &o->user);
    apply_text(f, FLAG_PASS, &o->password);
    apply_text(f, FLAG_AUTH, &o->token);

    apply_bool(f, FLAG_DEBUG, &o->debug);
    apply_bool(f, FLAG_TRACE, &o->trace);
    apply_bool(f, FLAG_DEBUG_TRACE, &o->debug);
    apply_bool(f, FLAG_DEBUG_TRACE, &o->trace);
    apply_bool(f, FLAG_DEBUG_VERBOSE_TRACE, &o->debug);
    apply_bool(f, FLAG_DEBUG_VERBOSE_TRACE, &o->trace);
    apply_bool(f, FLAG_DEBUG_VERBOSE_TRACE, &o->trace_verbose);
    apply_bool(f, FLAG_VERBOSE_TRACE, &o->trace);
    apply_bool(f, FLAG_VERBOSE_TRACE, &o->trace_verbose);
}
