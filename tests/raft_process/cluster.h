/* cluster.h: drives a few raft-node processes from one thread: starts, kills and stops them, stands between
 * their connections, and talks to them as a client.
 *
 *     cluster_open -> cluster_start each -> { cluster_poll, client_send ... } -> cluster_close
 *
 * cluster_poll moves what waits on all sockets and calls `answer` for what came to a client. What must not go
 * wrong here (no memory, no port, a node that does not start) ends the program with a message. Times are
 * monotonic nanoseconds. */
#ifndef RAFT_PROCESS_CLUSTER_H
#define RAFT_PROCESS_CLUSTER_H

#include "protocol.h"
#include "scenarios/process.h"

#include <midge/route.h>

#define CLUSTER_NODES 3
#define CLUSTER_PAIRS 3

struct cluster;

struct cluster_options {
    const char *program; /* raft-node */
    const char *dir;     /* a folder of its own, which exists */
    unsigned groups, hurry;
    uint64_t snapshot_every;
    bool proxied; /* connections between nodes go through us */
    void (*answer)(void *ctx, unsigned client, slice subject, slice body);
    void (*lost)(void *ctx, unsigned client); /* its connection has gone */
    void *ctx;
};

struct cluster *cluster_open(const struct cluster_options *o);
/* Kills what runs, frees. */
void cluster_close(struct cluster *c);

int64_t now_ns(void);
/* Wait for something to happen, at most until then, and move it. */
void cluster_poll(struct cluster *c, int64_t until);
/* The same again and again until that time. */
void cluster_run(struct cluster *c, int64_t until);

/* ---- nodes 0..2 */
void cluster_start(struct cluster *c, unsigned node);
void cluster_kill(struct cluster *c, unsigned node); /* SIGKILL */
bool cluster_alive(struct cluster *c, unsigned node);
void cluster_signal(struct cluster *c, unsigned node, int signal);
/* SIGTERM, and its exit code when it has ended. */
int cluster_end(struct cluster *c, unsigned node);
pid_t cluster_pid(const struct cluster *c, unsigned node);
raft_id cluster_id(unsigned node);
const char *cluster_log(struct cluster *c, unsigned node); /* its output so far; until the next call */

/* ---- the connection between nodes a and b (proxied clusters) */
void cluster_cut(struct cluster *c, unsigned a, unsigned b, bool cut);
/* Nothing gets from `from` to `to` while it is held; then all of it. */
void cluster_hold(struct cluster *c, unsigned from, unsigned to, bool hold);

/* ---- clients */
/* Connect to a node. False: it does not listen now. The client's number is reused after `lost`. */
bool client_open(struct cluster *c, unsigned node, unsigned *client);
void client_close(struct cluster *c, unsigned client);
void client_send(struct cluster *c, unsigned client, const char *subject, const char *reply, slice body);
/* Ask a node for its status, waiting up to `wait`: false when it does not answer. */
bool cluster_status(struct cluster *c, unsigned node, unsigned group, int64_t wait,
                    struct status_answer *out);
/* All records of a group at a node; the caller frees. NULL: no answer. */
uint64_t *cluster_records(struct cluster *c, unsigned node, unsigned group, int64_t wait, size_t *count);

#endif
