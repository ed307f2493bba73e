/* sim_world.h: what sim_env.c (loops, clocks, jobs) and sim_net.c (hosts, pipes) know of each other.
 * Internal.
 *
 * Life of objects: events of the schedule hold pointers to loops and connections, so these are counted
 * (`events`) and freed when the last event has passed; what is left is freed with the world. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "sim/sim_env.h"

struct sim_loop;
struct sim_conn;
struct sim_pipe;

struct sim_ip {
    int family;
    uint8_t bytes[16];
};

struct sim_host {
    struct sim_world *world;
    unsigned id;
    bool off;
    unsigned life;    /* counts powers-on */
    uint64_t blocked; /* ids of hosts that nothing reaches from here */
    struct sim_ip addr[SIM_ADDRS_MAX];
    int addr_count;
    uint16_t next_port;
    struct sim_listener *listeners;
};

struct sim_name {
    char *name;
    struct sim_ip ip;
    struct sim_name *next;
};

struct sim_world {
    struct sched *sched;
    struct sim_options o;
    struct sim_host *host[SIM_HOSTS_MAX];
    unsigned host_count;
    struct sim_name *names;
    struct sim_loop *loops; /* all that exist */
    struct sim_conn *conns;
    struct sim_loop *running; /* whose turn it is; NULL: the test's */
    unsigned next_loop, envs;
    uint64_t digest;
};

struct sim_env {
    struct env base;
    struct sim_world *world;
    struct sim_host *host;
    unsigned loops, jobs;
    int64_t skew;
    int64_t clock_base, clock_at; /* monotonic time was clock_base at schedule time clock_at */
    int64_t wall_ahead;           /* wall clock against the schedule's, from drift */
    int ppm;
    bool frozen;
    unsigned fds, max_fds;
    unsigned accepts_to_fail;
    int accept_error;
};

struct sim_done {
    struct env_job job;
    struct sim_loop *loop;
    struct sim_done *next;
};

struct sim_loop {
    struct env_loop base;
    struct sim_world *world;
    struct sim_env *env; /* gone when the loop is freed and only events point to it */
    struct env_loop_handler handler;
    void *ctx;
    unsigned id;
    struct sim_loop *next, *prev;
    unsigned events;
    bool started, stopping, stopped, ended, joined, freed;
    bool in_turn, turn_scheduled, woken;
    int64_t timer;    /* monotonic time, 0: none */
    int64_t timer_at; /* schedule time of the event that looks at it; INT64_MAX: none */
    unsigned jobs;    /* not done yet */
    struct sim_done *done, *done_last;
    struct sim_pipe **ready; /* pipes to look at in the next turn */
    size_t ready_count, ready_cap;
    struct sim_pipe *grave; /* closed in this turn, freed at its end */
    struct sim_listener *listeners, *listener_grave;
};

struct sim_listener {
    struct env_listener base;
    struct sim_loop *loop;
    struct sim_host *host;
    struct env_addr addr;
    unsigned backlog;
    bool paused, closed;
    void (*acceptable)(void *ctx);
    void *ctx;
    struct sim_pipe *waiting, *waiting_last; /* connected, not accepted yet */
    unsigned waiting_count;
    struct sim_listener *next_of_host, *next_of_loop;
};

struct sim_pipe {
    struct env_pipe base;
    struct sim_conn *conn;
    int side; /* 0 has connected, 1 was accepted */
    struct sim_env *env;
    struct sim_loop *loop; /* NULL: not attached yet */
    struct env_pipe_handler handler;
    void *ctx;
    int want;
    bool connected;
    bool closed;
    bool queued;           /* in loop->ready */
    int error;             /* what reads and writes say from now on; 0: all is well */
    struct sim_pipe *next; /* in a listener's or a grave's list */
};

extern const struct env_ops sim_env_ops;

/* Fold numbers into the world's history. */
void sim_note(struct sim_world *w, uint64_t what, uint64_t value);
/* Abort with a message when the condition does not hold. */
void sim_must(bool holds, const char *rule);
void *sim_alloc(size_t size);

/* The loop has something to do: let it have a turn. */
void sim_loop_due(struct sim_loop *l);
/* Aborts when another loop is running. */
void sim_loop_check(const struct sim_loop *l);
int64_t sim_mono(const struct sim_env *e);

bool sim_pipe_ready(const struct sim_pipe *p, int want);
bool sim_listener_ready(const struct sim_listener *s);
/* Let its loop look at the pipe, if it wants what is there. */
void sim_pipe_poke(struct sim_pipe *p);
void sim_pipe_free(struct sim_pipe *p);
void sim_conns_free(struct sim_world *w);

int sim_listen(struct env_loop *l, const struct env_addr *a, int backlog, void (*acceptable)(void *),
               void *ctx, struct env_listener **out);
int sim_listener_addr(struct env_listener *s, struct env_addr *out);
int sim_accept(struct env_listener *s, struct env_pipe **out);
void sim_listener_pause(struct env_listener *s, bool paused);
void sim_listener_close(struct env_listener *s);
int sim_connect(struct env *e, const struct env_addr *a, struct env_pipe **out);
int sim_pipe_attach(struct env_pipe *p, struct env_loop *l, const struct env_pipe_handler *h, void *ctx);
void sim_pipe_want(struct env_pipe *p, int want);
ssize_t sim_pipe_read(struct env_pipe *p, void *buf, size_t len);
ssize_t sim_pipe_writev(struct env_pipe *p, const struct iovec *iov, int count);
size_t sim_pipe_unsent(struct env_pipe *p);
void sim_pipe_close(struct env_pipe *p, bool reset);
int sim_pipe_addrs(struct env_pipe *p, struct env_addr *local, struct env_addr *peer);

bool sim_ip_parse(const char *text, struct sim_ip *out);
void sim_ip_addr(const struct sim_ip *ip, uint16_t port, struct env_addr *out);

#endif
