/* sim_env.h: a world of simulated machines, for whole servers in one thread.
 *
 *     world    one schedule (one seed), the network, the names
 *     host     a machine with addresses; it can lose power, be cut off from others
 *     env      base/env.h for one server process on a host: clocks, loops, pipes, jobs, its disk
 *
 * Everything that may come in several orders comes in one drawn from the seed: which loop runs next and when,
 * the order of handlers in a turn, how long bytes and jobs take, where reads and writes are cut short.
 * Virtual time stands still while a handler runs. The same seed and the same code give the same history; a
 * digest of it (sim_world_digest) proves that.
 *
 * The network speaks TCP as a program sees it: bytes arrive in order or not at all; a link that is cut holds
 * them back, and what could not be delivered for 15 minutes breaks the sender's pipe with -ETIMEDOUT; closing
 * with bytes unread, or writing to who has closed, resets; a machine without power answers nothing, and
 * resets what it no longer knows when it is back. A wildcard listener on "::" also takes IPv4.
 *
 * Contract checks: the world aborts with a message when a loop, listener or pipe is used on a loop that does
 * not own it (but any loop of the process may write to a pipe), when more than 1024 buffers are written at
 * once, when a loop joins itself, or when a join can never end.
 *
 * Single-threaded. Calls of this header come from the test, between runs or inside handlers, unless they say
 * otherwise. Aborts when the machine itself is out of memory. */
#ifndef SIM_ENV_H
#define SIM_ENV_H

#include "base/env.h"
#include "sim/sim_disk.h"

#define SIM_HOSTS_MAX 64
#define SIM_ADDRS_MAX 4 /* of a host, besides the loopback ones */
#define SIM_JOBS_MAX  256

/* The nature of a world. Zero means the default; times in nanoseconds. */
struct sim_options {
    int64_t turn_delay;    /* a loop that has work runs within this: 20 us */
    unsigned stall_one_in; /* ... but one turn in so many is later: 500 */
    int64_t stall;         /* ... by up to this: 5 ms */
    int64_t latency_min;   /* of a piece of bytes between hosts: 50 us */
    int64_t latency_max;   /* 500 us; on one host a tenth of these */
    size_t buffer_min;     /* bytes under way or unread in each direction; drawn for each pipe: 4 KiB */
    size_t buffer_max;     /* 256 KiB */
    unsigned split_one_in; /* reads and writes that are cut short: 4 */
    int64_t job_delay;     /* a job takes up to this: 2 ms */
    int64_t timer_slack;   /* a timer is late by up to this: 1 ms */
};

struct sim_world;
struct sim_host;
struct sim_env;

/* o NULL: the defaults. The schedule must outlive the world. */
struct sim_world *sim_world_new(struct sched *s, const struct sim_options *o);
/* All envs must be freed. */
void sim_world_free(struct sim_world *w);
uint64_t sim_world_digest(const struct sim_world *w);

/* Run for so much virtual time. */
void sim_run(struct sim_world *w, int64_t ns);
/* Run until the condition holds: false when it did not within that virtual time. */
bool sim_run_until(struct sim_world *w, bool (*condition)(void *ctx), void *ctx, int64_t ns);

/* ---- machines ---- */

/* `ip` is numeric, IPv4 or IPv6. Hosts live as long as the world. */
struct sim_host *sim_host_new(struct sim_world *w, const char *ip);
void sim_host_add_addr(struct sim_host *h, const char *ip);
/* Let names lead to addresses: each call adds one. Numeric names and "localhost" need none. */
void sim_name(struct sim_world *w, const char *name, const char *ip);

/* Nothing passes from one to the other until it is let through again (cut false). */
void sim_cut(struct sim_host *from, struct sim_host *to, bool cut);
/* Both ways, and between any of a set (bits of sim_host_id) and all others. */
void sim_partition(struct sim_world *w, uint64_t side, bool cut);
unsigned sim_host_id(const struct sim_host *h); /* 0, 1 .. in order of creation */
/* Reset every pipe between the two (b NULL: and any host). */
void sim_reset(struct sim_host *a, struct sim_host *b);

/* Power off: the machine's pipes are forgotten and its listeners deaf; nothing that its loops still do
 * reaches anybody. (Cut the power of its disk, too: sim_disk_crash.) The test then stops its loops as usual.
 * On: it is reachable again, as a new life. */
void sim_host_power(struct sim_host *h, bool on);

/* ---- processes ---- */

/* `disk` may be NULL. */
struct sim_env *sim_env_new(struct sim_host *h, struct disk *disk);
/* All loops joined, all pipes closed: aborts otherwise, so that no test leaks them. */
void sim_env_free(struct sim_env *e);
struct env *sim_env_base(struct sim_env *e);

/* The wall clock jumps to this much before (< 0) or after the true time. */
void sim_env_skew(struct sim_env *e, int64_t ns);
/* Both clocks run so much faster from now on, in parts a million (-100,000 .. 100,000). */
void sim_env_drift(struct sim_env *e, int ppm);
/* No loop of it runs (a stopped process, a stalled machine). */
void sim_env_freeze(struct sim_env *e, bool frozen);
/* Descriptors (listeners and pipes) at once; 0: no bound. Beyond: -EMFILE. */
void sim_env_limit_fds(struct sim_env *e, unsigned max);
/* The next n accepts fail with this error. */
void sim_env_fail_accepts(struct sim_env *e, unsigned n, int error);
unsigned sim_env_fds(const struct sim_env *e);

#endif
