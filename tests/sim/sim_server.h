/* sim_server.h: a whole midge server, and scripted clients, in a simulated world.
 *
 * One world has one server on one host and any number of clients on another. A test queues lines for clients
 * and runs the world until what it waits for has happened; virtual time passes only there. The same seed is
 * the same history. Single-threaded; a failed expectation aborts with what was received, so that a seed can
 * be replayed. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "server/server.h"
#include "sim/sched.h"
#include "sim/sim_env.h"

struct sim_server;
struct sim_client;

/* `config` is the text of a config file; the server listens on any port that it names (4222). */
struct sim_server *sim_server_new(uint64_t seed, unsigned loops, const char *config);
/* The same in a world of another nature than the default one. */
struct sim_server *sim_server_new_in(uint64_t seed, unsigned loops, const char *config,
                                     const struct sim_options *nature);
/* Stops server and clients and checks that nothing is left. Returns the digest of the history. */
uint64_t sim_server_free(struct sim_server *s);
struct sched *sim_server_sched(struct sim_server *s);
struct server *sim_server_core(struct sim_server *s);

/* As at a SIGHUP, with a new text of the config file. false: the server refused it. */
bool sim_server_reload(struct sim_server *s, const char *config);

/* Connect and wait for INFO; with `hello` also CONNECT (not verbose, headers, no_responders) and its PONG. */
struct sim_client *sim_client_new(struct sim_server *s, bool hello);
/* Queue text to be sent; "\r\n" is not added. */
__attribute__((format(printf, 2, 3))) void sim_client_send(struct sim_client *c, const char *fmt, ...);
/* Run until `text` has been received behind what was consumed before; consumes through it. The result is
 * everything before it (valid until the next call for this client). Aborts after 60 s of virtual time. */
const char *sim_client_expect(struct sim_client *c, const char *text);
/* PING and wait for its PONG: everything received before the PONG. */
const char *sim_client_sync(struct sim_client *c);
/* Number of times that `text` stands in what is received up to a PONG of a sync. */
unsigned sim_client_count(struct sim_client *c, const char *text);
/* Do not read any more, or again. */
void sim_client_pause(struct sim_client *c, bool paused);
void sim_client_close(struct sim_client *c);
bool sim_client_closed(struct sim_client *c); /* by the server, after running a while */
void sim_server_run(struct sim_server *s, int64_t ns);
/* Nothing passes between clients and server, and nobody is told; or again. */
void sim_server_cut(struct sim_server *s, bool cut);

#endif
