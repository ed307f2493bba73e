/* raft_sim.h: a raft cluster in one thread, and everything that can go wrong with it.
 *
 * Real nodes (raft/node.h: engine, log files, small files) on simulated disks (sim_disk.h) and a simulated
 * network, under virtual time. A seed gives a plan: how many nodes, how busy, how good the network, and a
 * list of actions (partitions, crashes, bit flips, membership changes ...), each with its time. Running a
 * plan is deterministic: same plan, same history. A plan can be shortened action by action while it still
 * fails.
 *
 *     raft_plan.c      from a seed to a plan; shrinking
 *     raft_world.c     nodes, their lives, time
 *     raft_net.c       messages between them
 *     raft_nemesis.c   carrying out the actions
 *     raft_strange.c   a peer that talks nonsense
 *     raft_load.c      clients that append to a queue and read it, and the history of that
 *     raft_check.c     what must always hold
 *
 * Checked at every step: election safety, one vote a term, log matching, leader completeness, state machine
 * safety, commit only grows. Checked for the clients: what was refused never appears, what was acknowledged
 * appears once, at the place that was told, and in real-time order (an append-only queue is linearizable when
 * that holds); who reads at the newest leader sees all that anybody was told of. At the end the faults stop;
 * then all must agree within bounded time, nothing that was acknowledged may be missing, and a new record
 * must be accepted. */
#ifndef SIM_RAFT_SIM_H
#define SIM_RAFT_SIM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define RAFT_SIM_NODES 8

enum raft_fault {
    RAFT_FAULT_DELAY,     /* slow spells of the network */
    RAFT_FAULT_LOSS,      /* lost messages */
    RAFT_FAULT_DUP,       /* messages that come twice */
    RAFT_FAULT_REORDER,   /* messages that overtake others */
    RAFT_FAULT_PARTITION, /* full partitions */
    RAFT_FAULT_ONEWAY,    /* links that work in one direction */
    RAFT_FAULT_PAUSE,     /* stopped processes */
    RAFT_FAULT_KILL,      /* killed processes: what was written is kept */
    RAFT_FAULT_POWER,     /* power cuts: what was not synced is lost, torn, or not */
    RAFT_FAULT_SKEW,      /* clocks that run too fast or too slow, or jump */
    RAFT_FAULT_SLOW_DISK,
    RAFT_FAULT_FLIP,     /* bit flips in the files of a minority */
    RAFT_FAULT_FULL,     /* full disks */
    RAFT_FAULT_EIO,      /* failing calls */
    RAFT_FAULT_MEMBER,   /* peers added and removed */
    RAFT_FAULT_STEPDOWN, /* leaders asked to hand over */
    RAFT_FAULT_WIPE,     /* a node of a minority comes back with an empty disk */
    RAFT_FAULT_BEHIND,   /* upper layers that pause and lag */
    RAFT_FAULT_DUEL,     /* leaders that are cut off in turn when they are elected */
    RAFT_FAULT_NONSENSE, /* messages that no member sends, and old ones again */
    RAFT_FAULT_WHIM,     /* upper layers that observe, have no room, move to another account */
    RAFT_FAULT_COUNT
};
extern const char *const raft_fault_name[RAFT_FAULT_COUNT];
#define RAFT_FAULT_ALL ((1u << RAFT_FAULT_COUNT) - 1)

struct raft_action {
    int64_t at; /* nanoseconds of virtual time */
    enum raft_fault fault;
    uint32_t node; /* drawn; what it means is settled when the action happens */
    uint32_t arg;
    int64_t lasts;
};

struct raft_plan {
    uint64_t seed;
    uint32_t members;   /* at first */
    uint32_t nodes;     /* members and spares */
    bool managed;       /* a stream's group; else a meta group that boots from nothing */
    bool memory;        /* the log is in memory */
    int64_t until;      /* the faults end here */
    uint64_t max_steps; /* ... or here */
    int64_t latency_min, latency_max;
    double loss, dup, reorder;
    double rate;             /* client requests a second */
    uint32_t batch;          /* records a request, up to */
    uint32_t size;           /* bytes a record, up to */
    uint32_t huge_one_in;    /* records of 300 KiB; 0: none */
    uint32_t snapshot_every; /* applied entries between snapshots */
    int64_t sync_min, sync_max;
    int64_t apply_delay; /* the upper layer takes up to this */
    struct raft_action *actions;
    size_t action_count;
};

struct raft_sim_options {
    uint32_t nodes;     /* 0: drawn */
    uint64_t max_steps; /* of the faulty part; 0: by time alone */
    int64_t until;      /* 0: drawn */
    unsigned faults;    /* mask */
};

struct raft_result {
    uint64_t steps, elections, committed, acknowledged, crashes, faults;
    int64_t time;
    bool failed;
    int64_t failed_at;
    char violation[400]; /* one sentence, when failed */
};

void raft_plan_make(struct raft_plan *p, uint64_t seed, const struct raft_sim_options *o);
void raft_plan_free(struct raft_plan *p);
/* Run it. `trace` (or NULL) gets a line for everything of note. */
void raft_plan_run(const struct raft_plan *p, struct raft_result *out, FILE *trace);
/* Leave out actions while it still fails in that way; at most `runs` tries. The number of tries made. */
unsigned raft_plan_shrink(struct raft_plan *p, const char *violation, unsigned runs);
/* One line an action. */
void raft_plan_print(const struct raft_plan *p, FILE *out);

#endif
