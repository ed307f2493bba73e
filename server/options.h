/* options.h: what the server was told to do, from its config file and its command line.
 *
 * options_load() reads the file (if any), checks it with Go's rules and texts, lays the flags over it and
 * fills in Go's defaults. The result is plain data: one struct, owned with everything it points to by one
 * arena that options_free() drops at once. It never changes after it was loaded, so any thread may read it
 * while it lives; a reload loads a second one and compares (options_diff.h).
 *
 * Strings are slices; each is followed by a NUL that is not counted, so that paths can go to the system. An
 * absent string is empty. Durations are nanoseconds, sizes bytes. Field comments give the config keys (first
 * name) and the default that stands after loading.
 *
 * Facts: docs/spec/config.md sections 2 to 6, 16 to 18. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include "account/accounts.h"
#include <midge/slice.h>

struct arena;
struct cfg_source;
struct flags;
struct options_report;

#define OPTIONS_VERSION "2.15.1" /* the release of nats-server that this server stands in for */

/* Names that Go gives to the account of users without one, and of the system. */
#define OPTIONS_GLOBAL_ACCOUNT "$G"
#define OPTIONS_SYSTEM_ACCOUNT "$SYS"

struct opt_list {
    slice *items;
    size_t count;
};

/* ---- TLS --------------------------------------------------------------------------------------------------
 */

struct opt_tls_cert {
    slice cert_file, key_file;
};

enum opt_tls_first {
    OPT_TLS_FIRST_OFF,  /* INFO in clear text, then the handshake */
    OPT_TLS_FIRST_ON,   /* handshake, then INFO */
    OPT_TLS_FIRST_AUTO, /* handshake when a byte arrives within first_delay_ns, else INFO in clear text */
};

struct opt_tls {
    struct opt_tls_cert *certs; /* cert_file and key_file, or certs; checked to load and to match */
    size_t cert_count;
    slice ca_file;
    bool verify;         /* demand and verify a client certificate (verify_and_map implies it) */
    bool verify_and_map; /* the certificate names the user */
    bool insecure;       /* do not verify the remote of a solicited connection */
    double timeout_s;    /* handshake limit in seconds, 2 */
    enum opt_tls_first first;
    int64_t first_delay_ns; /* 50 ms for "auto" */
    int min_version;        /* 0x0303 or 0x0304 */
    slice ciphers; /* TLS 1.2 suites in OpenSSL's notation, in order of preference; empty: its default */
    slice curves;  /* groups in OpenSSL's notation; empty: its default */
    struct opt_list pinned; /* lower-case hex SHA-256 of SubjectPublicKeyInfo; none: any */
    uint8_t content[32];    /* SHA-256 over the files, so that a reload sees what changed in them */
    int64_t rate_limit;     /* connection_rate_limit: handshakes a second, 0: no limit */
};

/* ---- the whole --------------------------------------------------------------------------------------------
 */

enum opt_write_timeout {
    OPT_WRITE_DEFAULT, /* what the kind of connection does: clients close */
    OPT_WRITE_CLOSE,
    OPT_WRITE_RETRY,
};

struct options {
    struct arena *arena;
    slice config_file; /* -c as given; empty: none */
    slice digest;      /* "sha256:" + 64 hex digits; empty without a file */

    /* listener and identity */
    slice host;             /* host, 0.0.0.0 */
    int port;               /* 4222; -1: any free port; may be out of range, listening then fails */
    slice server_name;      /* empty: the server id */
    slice client_advertise; /* host[:port] */

    /* limits */
    int64_t max_connections;       /* 65536; 0 (0 or less in the file): all are refused, as in Go */
    int64_t max_connections_given; /* the same as the file has it, for the text of a reload */
    int64_t max_subscriptions;     /* a connection; 0: unlimited */
    int max_sub_tokens;            /* 0: unlimited */
    int32_t max_control_line;      /* 4096 */
    int32_t max_payload;           /* 1 MiB; -1: unlimited */
    int64_t max_pending;           /* 64 MiB */
    int64_t max_traced_msg_len;    /* 0: unlimited */

    /* behaviour of connections */
    int64_t ping_interval_ns;  /* 2 minutes */
    int64_t ping_max;          /* 2 */
    int64_t write_deadline_ns; /* 10 s */
    enum opt_write_timeout write_timeout;
    bool no_header_support;
    bool no_sublist_cache; /* disable_sublist_cache */
    bool no_fast_producer_stall;
    bool allow_non_tls;
    int64_t lame_duck_duration_ns; /* 2 minutes */
    int64_t lame_duck_grace_ns;    /* lame_duck_grace_period, 10 s */

    /* TLS of clients; NULL: none */
    const struct opt_tls *tls;

    /* who may connect; users and accounts are in the form that accounts_new takes */
    slice user, password, token; /* single credentials */
    double auth_timeout_s;       /* 2, or the TLS timeout + 1 */
    bool authorization;          /* there is an authorization block */
    struct user_config *users;   /* of it and of all accounts; default permissions are filled in */
    size_t user_count;
    struct account_config *accounts; /* in the order of the file; never $G, $SYS only when configured */
    size_t account_count;
    slice no_auth_user;   /* name or nkey of one of users */
    slice system_account; /* as configured; empty: $SYS is made */
    bool no_system_account;

    /* log */
    bool debug, trace, trace_verbose, trace_headers;
    bool logtime; /* true */
    bool logtime_utc;
    slice log_file;
    int64_t log_size_limit; /* 0: no rotation */
    int64_t log_max_files;  /* log_max_num, 0: keep all */
    bool syslog;
    slice remote_syslog;

    /* files */
    slice pid_file;
    slice ports_file_dir;
};

/* Reads and checks. `flags` may hold a config file; src says where files and variables come from. Warnings
 * and errors go to the report (options_report.h). NULL when there were errors; a result with warnings is
 * complete. Cross-option checks are not made (options_check). Blocks on the disk. */
struct options *options_load(const struct flags *flags, const struct cfg_source *src,
                             struct options_report *report);
/* NULL is fine. */
void options_free(struct options *o);

/* Go's checks over several options, made at start and at reload but not by -t: NULL, or the text (which lives
 * as long as the options) of the first that fails. */
const char *options_check(const struct options *o);

/* client_advertise taken apart: "host", "host:port" or "[v6]:port"; port 0, -1 or none is default_port. The
 * host points into the options. NULL, or what Go says is wrong with it, in the arena of the options. */
const char *options_advertise(const struct options *o, int default_port, slice *host, int64_t *port);

/* True when clients must authenticate. */
bool options_auth_required(const struct options *o);
/* True when a configured password or token is not a bcrypt hash. */
bool options_plaintext_passwords(const struct options *o);

#endif
