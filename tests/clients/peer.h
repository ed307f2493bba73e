/* peer.h: the server that a client test talks to.
 *
 * SERVER_UNDER_TEST names the program, CERTS the folder of tests/certs.sh, LOOPS (optional) the number of
 * loops that midge is asked for. A peer runs with a configuration text in a folder of its own; the test owns
 * it and stops it. One thread. */
#ifndef TESTS_CLIENTS_PEER_H
#define TESTS_CLIENTS_PEER_H

#include "../scenarios/process.h"

struct peer {
    struct process process;
    uint16_t port;
    int port_holder;
    char folder[64];
    char config[128];
    char log[128];
};

/* Writes the configuration (NULL: none) and starts the server on a free port of 127.0.0.1; true once it
 * accepts. */
bool peer_start(struct peer *peer, const char *config);

/* Once more, on the same port and with the same configuration. */
bool peer_restart(struct peer *peer);

/* SIGKILL, with no goodbye. */
void peer_kill(struct peer *peer);

/* SIGINT; true when it exited with 0. Removes the folder. */
bool peer_stop(struct peer *peer);

/* Sends a signal. */
void peer_signal(struct peer *peer, int number);

/* "nats://127.0.0.1:PORT" with the scheme and user part that are given; the text is the caller's. */
const char *peer_url(const struct peer *peer, const char *scheme, const char *user, char *out, size_t cap);

/* The file NAME of the certificates folder. */
const char *peer_cert(const char *name, char *out, size_t cap);

#endif
