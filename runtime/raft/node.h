/* node.h: one member of a raft group with its files: the engine's driver.
 *
 * A node owns the engine, the log and the small files, and carries out the engine's effects. What leaves the
 * process it gives to its host: messages as subjects and bytes, committed entries, notes, the time of the
 * next tick. The same node runs in the server, in the three-process test and in the simulator.
 *
 *     host --> raft_node_message / _tick / _propose / ... --> engine --> effects --> files
 *     host <-- send, subscribe, apply, note, arm, want_sync <-------------------------'
 *
 * Durability. Writes go to the system's cache at once. When something waits for more, the host is told
 * want_sync (once) and calls raft_node_sync when it sees fit (at the end of a turn, or after gathering):
 * one sync then covers all that was asked so far.
 *
 * Callbacks are made from inside node calls. They may call nothing of the node but raft_node_applied. All
 * calls come from one thread. Times: now is monotonic, wall is Unix time, both nanoseconds. */
#ifndef RAFT_NODE_H
#define RAFT_NODE_H

#include "raft/raft.h"

struct disk;
struct raft_log_keys;
struct raft_node;

struct raft_host {
    void (*subscribe)(void *ctx, slice subject, bool on);
    /* reply may be empty. Own messages must not come back. */
    void (*send)(void *ctx, slice subject, slice reply, slice body);
    /* A committed append entry, in order of index; its Normal, Snapshot, AddPeer and RemovePeer entries
     * (maybe none). Report with raft_node_applied, now or later. */
    void (*apply)(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count);
    /* The state is that of this snapshot now. */
    void (*apply_snapshot)(void *ctx, uint64_t index, slice data);
    void (*note)(void *ctx, const struct raft_effect *note);
    void (*arm)(void *ctx, int64_t deadline);
    void (*want_sync)(void *ctx);
    void (*stored)(void *ctx, uint64_t index, const struct raft_append *ae); /* optional: for watching */
};

struct raft_node_config {
    struct disk *disk;
    const char *dir;                  /* the group's folder; its parent exists */
    slice group;                      /* its name, at most RAFT_GROUP_MAX bytes; copied */
    uint64_t block_size;              /* RAFT_LOG_BLOCK or RAFT_LOG_BLOCK_META */
    const struct raft_log_keys *keys; /* of an encrypted log (log.h); NULL: none */
    bool keep_commit;                 /* the meta group: commit.idx */
    struct raft_config raft;
    struct raft_peers boot; /* the members when the folder does not say; size 0: fail without */
    const struct raft_host *host;
    void *ctx;
};

/* Open the files and load. 0 or -errno; -ENOENT: no peers are known. */
int raft_node_open(const struct raft_node_config *config, int64_t now, int64_t wall, struct raft_node **out);
/* Once: subscribe, hand up what is committed. Then the member waits for RAFT_EV_NETWORK. */
void raft_node_start(struct raft_node *n, int64_t now);
/* Nothing more is written. */
void raft_node_close(struct raft_node *n);

const struct raft *raft_node_raft(const struct raft_node *n);

/* A message on one of our subscriptions. False: malformed, dropped. */
bool raft_node_message(struct raft_node *n, int64_t now, slice subject, slice reply, slice body);
void raft_node_tick(struct raft_node *n, int64_t now, int64_t wall);
/* Any other event. */
enum raft_rc raft_node_event(struct raft_node *n, const struct raft_event *e, uint64_t *index);
/* Processed and applied so far. */
void raft_node_applied(struct raft_node *n, int64_t now, uint64_t processed, uint64_t applied);

/* Make durable what was asked for. Blocks. */
void raft_node_sync(struct raft_node *n, int64_t now);
/* The same in three steps, for hosts with another thread for the disk. begin: false when nothing waits or one
 * is in work already. run blocks, on any one thread, while the owner goes on with the node; then end, on the
 * owner's. Between begin and end the node must not be closed. */
bool raft_node_sync_begin(struct raft_node *n);
void raft_node_sync_run(struct raft_node *n);
void raft_node_sync_end(struct raft_node *n, int64_t now);

/* Save the upper layer's state at the applied index as a snapshot, synced, and compact the log. */
enum raft_rc raft_node_snapshot(struct raft_node *n, int64_t now, slice state, bool force);

/* The errno of the write that closed the member, 0 when none did. */
int raft_node_error(const struct raft_node *n);

#endif
