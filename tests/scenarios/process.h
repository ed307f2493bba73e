/* process.h: child processes, free ports and log files of a scenario.
 *
 * Children die with the runner (parent-death signal). Ports are reserved by a UDP socket that is bound to the
 * same number: it keeps other runners on this machine away and leaves the TCP port to the server. One thread.
 */
#ifndef TESTS_SCENARIO_PROCESS_H
#define TESTS_SCENARIO_PROCESS_H

#include "bytes.h"

#include <regex.h>
#include <sys/types.h>

struct process {
    pid_t pid; /* 0: never started */
    bool running;
    int exit_code; /* 128 + signal when a signal ended it */
};

struct process_options {
    const char *out, *err; /* files to append to; may be the same */
    const char *dir;       /* working directory */
    unsigned nofile;       /* descriptor limit, 0: inherited */
    unsigned loops;        /* MIDGE_LOOPS, 0: not set */
};

bool process_start(struct process *p, char *const argv[], const struct process_options *options);

/* Looks whether it ended; true when it did. */
bool process_ended(struct process *p);

/* SIGKILL and wait. */
void process_kill(struct process *p);

/* A port that nobody has on 127.0.0.1; *holder keeps it reserved until it is closed. 0: none found. */
uint16_t port_reserve(int *holder);

/* The whole file. An absent one is empty and returns false. */
bool file_read(const char *path, struct bytes *out);
bool file_write(const char *path, slice bytes);

#endif
