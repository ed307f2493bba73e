/* raft_world.h: the inside of the raft simulator, shared by its files. */
#ifndef SIM_RAFT_WORLD_H
#define SIM_RAFT_WORLD_H

#include "raft/node.h"
#include "sim/raft_sim.h"
#include "sim/sched.h"
#include "sim/sim_disk.h"

#define INBOXES     32
#define OLD_PACKETS 64

struct world;
struct packet;
struct cut_links;

enum node_life { NODE_ABSENT, NODE_UP, NODE_DOWN };

/* A client request that a node has taken as leader: answered when its index is applied there. */
struct request {
    uint64_t index, term;
    uint32_t first_op, count;
};

/* The upper layer of a node: a queue of records. Only their number and a hash of all are kept. */
struct machine {
    uint64_t index; /* last applied */
    uint64_t count; /* records */
    uint64_t hash;
    uint64_t snapshot_at; /* index of the last snapshot taken */
};

struct sim_node {
    struct world *w;
    uint32_t number;
    raft_id id;
    char name[9];
    enum node_life life;
    unsigned incarnation;
    struct sim_disk *disk;
    struct raft_node *node;

    /* Its clock: virtual time times rate, from an origin. */
    double rate;
    int64_t clock_base, clock_from;
    int64_t wall_off; /* of its calendar */

    bool learner_start;   /* it was made as a learner */
    bool newcomer;        /* it joined and no leader has seen it as a member yet */
    bool removed;         /* its removal was committed: the upper layer deletes it */
    bool paused;          /* the process is stopped */
    struct packet *stuck; /* messages that came meanwhile, in order */
    struct packet **stuck_end;
    bool tick_due, sync_due;
    bool slow_disk;
    unsigned cut_after; /* the power goes when it has sent so many messages of that kind; 0: never */
    enum raft_place cut_kind;

    struct raft_addr inbox[INBOXES];
    size_t inboxes;
    unsigned places; /* bits of group subjects it hears */

    int64_t deadline; /* its own clock */
    int64_t timer_at; /* virtual time of the pending timer event, INT64_MAX: none */
    unsigned timer_gen;
    bool sync_pending;

    struct machine machine;
    bool applying; /* a report is under way */
    uint64_t reported;
    bool snapshot_wanted;
    bool apply_paused;
    struct request *requests;
    size_t request_count, request_cap;

    /* Faults that count against the minority. */
    uint32_t fewest; /* members that it has known of in this life, or the last one */
    bool damaged;
    bool damage_seen;    /* it has restarted since */
    uint64_t heal_index; /* ... and must have what was committed then; + 1 */
    unsigned strange;    /* looks at which it was no member */

    /* What the checks remember of it. */
    uint64_t seen_commit, seen_applied;
    uint64_t seen_term;
    enum raft_role seen_role;
    bool cut_allowed; /* damage: the log may end earlier */
};

struct canonical {
    uint64_t term;       /* 0: not committed yet */
    uint64_t committed;  /* the term of who was first to know it as committed: its leader */
    uint64_t hash;       /* of the entry */
    uint64_t state_hash; /* of the queue after it; set when applied */
    uint64_t state_count;
    bool applied;
};

/* What is known of an entry (index, term): all logs must agree on it. */
struct seen_entry {
    uint64_t index, term, pterm, hash;
};

struct claim {
    uint64_t term;
    raft_id who, value;
};

enum op_state { OP_PENDING, OP_REFUSED, OP_ACKED, OP_UNKNOWN };
struct op {
    enum op_state state;
    uint64_t floor; /* highest place told to anybody before it was sent */
    uint64_t place; /* 0: not in the queue; else 1.. */
};

struct world {
    const struct raft_plan *plan;
    struct sched *s;
    FILE *trace;
    struct sim_node nodes[RAFT_SIM_NODES];
    struct raft_result *result;
    bool calm; /* the faults are over */
    bool over;

    /* network */
    uint64_t cut[RAFT_SIM_NODES]; /* bit b of cut[a]: nothing goes from a to b */
    int64_t slow_until;
    double loss, dup, reorder;
    struct packet *packets, *pool;
    struct packet *old[OLD_PACKETS]; /* that came once, to come again */
    unsigned old_at;
    int64_t nonsense_until;
    struct cut_links *cuts;     /* that will heal */
    unsigned duel;              /* so many of the next leaders will soon be alone */
    struct cut_links *lonely;   /* the last one's */
    int64_t clients_wait_until; /* after such an election */
    int64_t last_arrival[RAFT_SIM_NODES][RAFT_SIM_NODES];

    /* checks */
    struct claim *claims; /* who led in a term (who 0), and whom a voter voted for: a hash table */
    size_t claim_cap, claim_count;
    struct canonical *log; /* by index */
    size_t log_cap;
    uint64_t committed; /* highest index known committed */
    struct seen_entry *seen;
    size_t seen_cap, seen_count;

    /* clients */
    struct op *ops;
    size_t op_count, op_cap;
    uint64_t told;      /* highest place told */
    uint64_t told_term; /* of the latest leader that told one */
    uint64_t applied_everywhere;
    bool load_on;
    size_t next_action;
    bool booted;
    uint32_t spare_turn;
    raft_id assigned[RAFT_SIM_NODES]; /* the members, as the last leader seen had them */
    uint32_t assigned_count;
};

/* ---- raft_world.c */
void world_trace(struct world *w, const struct sim_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define TRACE(w, ...)                      \
    do {                                   \
        if ((w)->trace != NULL)            \
            world_trace((w), __VA_ARGS__); \
    } while (0)
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
int64_t node_clock(const struct sim_node *n);
int64_t node_wall(const struct sim_node *n);
void node_set_rate(struct sim_node *n, double rate);
void node_jump(struct sim_node *n, int64_t by); /* its monotonic clock, forwards */
void node_start(struct sim_node *n);
/* cut: power cut (unsynced data is lost); else the process is killed. */
void node_stop(struct sim_node *n, bool cut);
void node_wipe(struct sim_node *n);
void node_resume(struct sim_node *n);
void node_stepped(struct sim_node *n); /* after every call into it */
struct raft_status node_status(const struct sim_node *n);
struct sim_node *world_leader(struct world *w); /* of the highest term, NULL: none */
struct sim_node *world_node(struct world *w, raft_id id);
bool node_is_member(struct world *w, const struct sim_node *n); /* by the newest leader's word */
uint32_t node_servers(const struct sim_node *n);                /* all that there are, this one included */
void node_take_snapshot(struct sim_node *n, bool force);

/* ---- raft_net.c */
void net_subscribe(void *ctx, slice subject, bool on);
void net_send(void *ctx, slice subject, slice reply, slice body);
void net_deliver_stuck(struct sim_node *n);
void net_forget(struct sim_node *n);
/* Something that no node sent; and something again that came before. */
void net_inject(struct sim_node *to, struct raft_addr subject, struct raft_addr reply, slice bytes);
void net_repeat(struct world *w);
void net_free(struct world *w);

/* ---- raft_nemesis.c */
void nemesis_begin(struct world *w);
void nemesis_calm(struct world *w);
void nemesis_free(struct world *w);
void nemesis_elected(struct sim_node *n);
void nemesis_restart(struct sim_node *n, int64_t after);

/* ---- raft_strange.c */
void strange_begin(struct world *w, int64_t lasts);

/* ---- raft_load.c */
void load_begin(struct world *w);
void load_apply(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count);
void load_apply_snapshot(void *ctx, uint64_t index, slice data);
void load_lost(struct sim_node *n); /* its pending requests will never be answered */
void load_read(struct sim_node *n);
bool load_send(struct world *w, struct sim_node *n, uint32_t count);
void load_check_end(struct world *w);

/* ---- raft_check.c */
void check_stored(void *ctx, uint64_t index, const struct raft_append *ae);
void check_step(struct sim_node *n);
void check_vote(struct sim_node *voter, uint64_t term, raft_id candidate, bool empty);
void check_applied(struct sim_node *n, uint64_t index, uint64_t term, uint64_t hash);
void check_restarted(struct sim_node *n);
void check_free(struct world *w);
struct canonical *check_canonical(struct world *w, uint64_t index);

static inline uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v + 0x9e3779b97f4a7c15u + (h << 6) + (h >> 2);
    h *= 0xff51afd7ed558ccdu;
    return h ^ (h >> 32);
}
uint64_t hash_bytes(uint64_t h, const void *bytes, size_t len);

#endif
