/* play.h: plays one scenario against one server program.
 *
 * play_scenario runs in a process of its own (the runner forks one for each scenario), so that a scenario can
 * never disturb another and everything it started dies with it. The other functions are the runner's inner
 * parts: each step is done by a verb (verb_*.c), which returns false after play_fail. */
#ifndef TESTS_SCENARIO_PLAY_H
#define TESTS_SCENARIO_PLAY_H

#include "io.h"
#include "process.h"
#include "script.h"
#include "template.h"

struct play_options {
    const char *server_path; /* absolute */
    enum peer_kind peer;
    unsigned loops;       /* for midge: MIDGE_LOOPS; 0: not set */
    const char *certs;    /* folder made by tests/certs.sh */
    const char *work_dir; /* an empty folder of its own */
    unsigned timeout_ms;  /* of one step */
};

/* True when the scenario passed; otherwise *report says where and why, and shows the end of the logs. */
bool play_scenario(const struct scenario *scenario, const struct play_options *options, struct bytes *report);

/* ---- inner parts ---- */

#define SERVER_MAX_ARGS 40

struct server {
    slice name;
    struct process process;
    uint16_t port;
    bool port_from_log; /* the port is the one that the log names */
    bool ready_by_port; /* readiness is an accepted connection, not a log line */
    bool may_be_gone;   /* stopped, killed or seen to exit: not an error at the end */
    char *argv[SERVER_MAX_ARGS];
    char *config_path; /* NULL: no configuration */
    char *log_path;
    char *out_path;  /* stdout and stderr */
    size_t log_from; /* where the log expectations begin */
    unsigned nofile;
};

struct variable {
    struct bytes name, value;
};

struct port {
    struct bytes name;
    uint16_t number;
    int holder; /* -1: given up for a socket of the scenario's own */
};

struct play {
    const struct scenario *scenario;
    const struct play_options *options;
    struct bytes *report;
    const struct step *step; /* the one being done */
    struct io io;
    struct server **servers;
    size_t server_count;
    struct variable *variables;
    size_t variable_count;
    struct port *ports;
    size_t port_count;
    uint64_t mark_ms;
    struct {
        bool done;
        int exit_code;
        struct bytes out, err;
    } run; /* the last `run` */
};

/* Writes "file:line: message" into the report and returns false. */
bool play_fail(struct play *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A word, or the text of a step, with its variables. Freed by the caller; false after play_fail. */
bool play_word(struct play *p, size_t at, struct bytes *out);
bool play_text(struct play *p, slice source, unsigned flags, struct bytes *out);
bool play_template(struct play *p, slice source, unsigned flags, struct template *out);
bool play_regex(struct play *p, slice source, regex_t *out);

/* True when the step has that word there. */
bool play_is(const struct play *p, size_t at, const char *word);

/* The value behind "key=" of the first word from `from` that begins so. */
bool play_option(const struct play *p, size_t from, const char *key, slice *value);
bool play_flag(const struct play *p, size_t from, const char *word);

/* "250ms", "3s", "2m", "10us" in milliseconds (microseconds are rounded up); a count. False after play_fail.
 */
bool play_duration(struct play *p, slice text, unsigned *ms);
bool play_number(struct play *p, slice text, unsigned long *number);

void play_set(struct play *p, slice name, slice value);
uint16_t play_port(struct play *p, slice name,
                   bool give_up);                       /* the port of that name, reserved at first use */
struct server *play_server(struct play *p, slice name); /* NULL after play_fail */
struct io_conn *play_conn(struct play *p, slice name);  /* NULL after play_fail */

uint64_t play_deadline(const struct play *p);

/* Lets bytes move for a moment (at most until the deadline) and watches the servers. False after play_fail:
 * the deadline has passed (`what` was waited for) or a server died. */
bool play_wait(struct play *p, uint64_t deadline, const char *what);

/* verb_server.c */
bool verb_server(struct play *p);
bool verb_start(struct play *p);
bool verb_stop(struct play *p);
bool verb_kill(struct play *p);
bool verb_signal(struct play *p);
bool verb_exits(struct play *p);
bool verb_may_exit(struct play *p);
bool verb_config(struct play *p);
bool verb_log(struct play *p);
bool verb_run(struct play *p);
bool verb_exit(struct play *p);
bool verb_output(struct play *p); /* out, err */
void server_free(struct server *server);
bool server_end(struct play *p, struct server *server); /* SIGINT and exit code 0 */

/* verb_conn.c */
bool verb_connect(struct play *p);
bool verb_client(struct play *p);
bool verb_conn(struct play *p); /* NAME ... */
bool verb_total(struct play *p);

/* verb_misc.c */
bool verb_file(struct play *p);
bool verb_check(struct play *p);
bool verb_set(struct play *p);
bool verb_sleep(struct play *p);
bool verb_mark(struct play *p);
bool verb_elapsed(struct play *p);
bool verb_udp(struct play *p);
bool verb_listen(struct play *p);
bool verb_accept(struct play *p);

#endif
