/* signal_cmd.h: `-sl COMMAND[=PID]`, sending a signal to a running server.
 *
 * PID is a number, the name of a file that holds one, or digits followed by '*' (all running servers whose
 * pid begins so). Without it the one running server is meant. Running servers are the processes that have the
 * name of this program, itself not counted; they are looked up in /proc.
 *
 * Facts: docs/spec/config.md section 18.5. */
#ifndef SERVER_SIGNAL_CMD_H
#define SERVER_SIGNAL_CMD_H

#include <midge/slice.h>

struct arena;

/* The world that a command acts in, so that tests need no victims. */
struct signal_world {
    /* The next running server's pid in ascending order, the first one above `after`; 0: no more, -1: the list
     * cannot be had. */
    int (*next)(void *ctx, int after);
    int (*kill)(void *ctx, int pid, int signal); /* 0 or -errno */
    void *ctx;
};

extern const struct signal_world signal_world_system;

/* Carries the command out. false: *error has Go's text (without the program's prefix), in the arena.
 * `program` is the name shown in it. */
bool signal_command(const struct signal_world *world, slice command, const char *program, struct arena *arena,
                    slice *error);

#endif
