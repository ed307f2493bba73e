/* flags.h: the command line.
 *
 * Parsed once at start, with the rules of Go's flag package: -x and --x are the same for every flag, a value
 * follows or stands behind '=', a boolean takes one only behind '='; flags end at the first word that is
 * none. The result is kept for the life of the process, because a reload lays it over the file again.
 * Read-only once parsed, so any thread may read it.
 *
 * Facts: docs/spec/config.md section 18. */
#ifndef SERVER_FLAGS_H
#define SERVER_FLAGS_H

#include <midge/slice.h>

struct arena;
struct options;

enum flag_id {
    FLAG_HOST,
    FLAG_PORT,
    FLAG_NAME,
    FLAG_PID,
    FLAG_HTTP_PORT,
    FLAG_HTTPS_PORT,
    FLAG_CONFIG,
    FLAG_CHECK,
    FLAG_SIGNAL,
    FLAG_CLIENT_ADVERTISE,
    FLAG_PORTS_FILE_DIR,
    FLAG_LOG,
    FLAG_LOGTIME,
    FLAG_LOGTIME_UTC,
    FLAG_SYSLOG,
    FLAG_REMOTE_SYSLOG,
    FLAG_DEBUG,
    FLAG_TRACE,
    FLAG_VERBOSE_TRACE,
    FLAG_DEBUG_TRACE,
    FLAG_DEBUG_VERBOSE_TRACE,
    FLAG_LOG_SIZE_LIMIT,
    FLAG_MAX_TRACED_MSG_LEN,
    FLAG_JETSTREAM,
    FLAG_STORE_DIR,
    FLAG_USER,
    FLAG_PASS,
    FLAG_AUTH,
    FLAG_TLS,
    FLAG_TLS_VERIFY,
    FLAG_TLS_CERT,
    FLAG_TLS_KEY,
    FLAG_TLS_CA_CERT,
    FLAG_ROUTES,
    FLAG_CLUSTER,
    FLAG_CLUSTER_NAME,
    FLAG_NO_ADVERTISE,
    FLAG_CLUSTER_ADVERTISE,
    FLAG_CONNECT_RETRIES,
    FLAG_PROFILE,
    FLAG_HELP,
    FLAG_VERSION,
    FLAG_HELP_TLS,
    FLAG_COUNT,
};

struct flag_value {
    bool set;
    const char *name; /* the alias used last */
    bool on;
    int64_t number;
    slice text; /* points into argv */
};

struct flags {
    struct flag_value values[FLAG_COUNT];
    bool has_word;
    slice word; /* the first argument that is no flag */
};

/* false: a bad flag; error gets Go's text, in the arena. argv must live as long as the flags. */
bool flags_parse(int argc, char *const *argv, struct flags *out, struct arena *arena, slice *error);

/* What the command line asks for, in Go's precedence. */
enum flags_action {
    FLAGS_START,
    FLAGS_VERSION,
    FLAGS_HELP,
    FLAGS_HELP_TLS,
    FLAGS_SIGNAL,
    FLAGS_CHECK,
    FLAGS_BAD, /* *error says why */
};
enum flags_action flags_action(const struct flags *f, struct arena *arena, slice *error);

/* The first flag given that Go knows and this server does not do yet, NULL when there is none. */
const char *flags_unsupported(const struct flags *f);

/* Lays flags over what the file set; strings are not copied. TLS flags are options_load's business. */
void flags_apply(const struct flags *f, struct options *o);

/* The texts of -h (byte for byte Go's) and of --help_tls. */
extern const char flags_usage[];
slice flags_tls_help(struct arena *arena);

/* A copy of argv in the arena with the values of -user, -pass and -auth and the user parts of -routes,
 * -cluster and -cluster_listen replaced by [REDACTED]: what introspection may show. NULL when out of memory.
 */
char **flags_redact(int argc, char *const *argv, struct arena *arena);

#endif
