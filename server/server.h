/* server.h: one server: loops, listener, settings, accounts and the log put together.
 *
 * The server is driven from outside by a few calls (from main's signals, or from a simulation) and reports
 * its end by `done`. It blocks nobody: everything that it does after server_start happens on its loops. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "base/env.h"
#include "base/log.h"
#include "server/options.h"

struct server;

struct server_config {
    struct env *env;
    struct log *log;
    struct options *options; /* the server owns them from server_new on */
    unsigned loops;          /* 1 to NET_LOOPS_MAX */
    const char *program;     /* base name, for the ports file */
    long pid;
    /* On the first loop: the server wants to end (lame duck mode is over, or it could not listen). The owner
     * answers by server_free from outside the loops. */
    void (*done)(void *ctx, int exit_code);
    void *ctx;
};

/* Make the server and log its banner; nothing listens yet. NULL with a sentence in err (512 bytes; empty when
 * the log has it). */
struct server *server_new(const struct server_config *config, char *err);
/* Listen. Failure is logged and reported by `done`. */
void server_start(struct server *s);
/* Close everything and wait for the loops. Not from a loop. */
void server_free(struct server *s);

/* [any thread, not a loop] What signals ask for. */
void server_lame_duck(struct server *s);
bool server_in_lame_duck(const struct server *s);
/* Take over new options that were loaded and checked; they are the server's from here on. false with a
 * sentence in err (512 bytes): nothing has changed. Only the thread that made the server may reload it. */
bool server_reload(struct server *s, struct options *options, char *err);
const struct options *server_options(const struct server *s);

/* [any] The port that clients connect to; 0 until it listens. */
int server_port(const struct server *s);

#endif
