/* shard.h: raft groups at work: the bridge from nodes (node.h) to loops, timers and threads.
 *
 * A shard is a loop (net/loop.h) that owns groups instead of connections. All that a group does happens on
 * its shard: messages and proposals reach it through the loop's inbox, its deadline is one of the loop's
 * timers, and what it sends goes to the transport at once. A shard may block for a moment on a cold read; it
 * never waits for a sync. For those it has storage loops (a thread each, which does nothing else): what the
 * groups ask for while one sync is in work is gathered and done by the next, many groups in one go.
 *
 *     connections --raft_group_message--> inbox --> node --> transport (outboxes of peers)
 *     upper layer --raft_group_propose--> inbox --> node --> upper layer (apply)
 *                                                    |
 *                                 storage loop <-- batch of syncs
 *
 * The transport is whatever carries NATS messages to the peers: routes in the server, plain connections in
 * the process test. It calls raft_group_message for each message on a subject that the group subscribed.
 *
 * Threads. [any]: from any thread, while the group is open; [shard]: on the shard's loop. Callbacks run on
 * the shard. Opening and closing block on the disk.
 *
 * Limits. Proposals are gathered up to RAFT_SHARD_GATHER bytes or entries before they are stepped. */
#ifndef RAFT_SHARD_H
#define RAFT_SHARD_H

#include "net/loop.h"
#include "raft/node.h"
#include "store/store.h"

#define RAFT_SHARD_GATHER_BYTES   ((size_t)8 * RAFT_BATCH_BYTES)
#define RAFT_SHARD_GATHER_ENTRIES ((size_t)8 * RAFT_BATCH_ENTRIES)

struct raft_shard;
struct raft_group;

struct raft_transport {
    void (*subscribe)(void *ctx, struct raft_group *g, slice subject, bool on);
    /* To all peers with interest. reply may be empty. */
    void (*send)(void *ctx, struct raft_group *g, slice subject, slice reply, slice body);
    /* The group ends: all its subscriptions go. */
    void (*forget)(void *ctx, struct raft_group *g);
};

/* What stands on a group. apply, apply_snapshot and note are those of struct raft_host. */
struct raft_upper {
    void (*apply)(void *ctx, uint64_t index, uint64_t term, const struct raft_entry *entries, size_t count);
    void (*apply_snapshot)(void *ctx, uint64_t index, slice data);
    void (*note)(void *ctx, const struct raft_effect *note);
    /* A proposal that was not taken, for certain: it will not be applied. */
    void (*refused)(void *ctx, slice data, enum raft_rc why);
};

struct raft_shard_config {
    struct net_loop *loop;
    struct net_loops *storage; /* not the loop's own group */
    const struct raft_transport *transport;
    void *transport_ctx;
    unsigned hurry; /* how many seconds pass for the engine in a real one: 1; tests let it run faster */
};

/* [any] NULL without memory. */
struct raft_shard *raft_shard_new(const struct raft_shard_config *config);
/* [shard] Before a stop: hand over what we lead, and lead no more. The peers hear of it as soon as the
 * transport has sent it. */
void raft_shard_leave(struct raft_shard *s);
/* [shard] Close all groups; `stopped` is called when the last is gone and no sync is in work. Before the
 * loops end. */
void raft_shard_stop(struct raft_shard *s, void (*stopped)(void *ctx), void *ctx);
/* When it has stopped and its loop has ended. */
void raft_shard_free(struct raft_shard *s);

/* [shard] Open a group and start it. `config`: all but host and ctx. 0 or -errno, see raft_node_open. */
int raft_group_open(struct raft_shard *s, const struct raft_node_config *config,
                    const struct raft_upper *upper, void *upper_ctx, struct raft_group **out);
/* [shard] Close it: it is freed when its last sync is done and what was posted to it has been dropped; then
 * `closed` is called, if there is one. With `remove` its folder goes, too; rc tells whether all of it did. */
void raft_group_close(struct raft_group *g, bool remove, void (*closed)(void *ctx, enum store_rc rc),
                      void *ctx);
/* [shard] For queries, events, snapshots and raft_node_applied; times by raft_group_now. */
struct raft_node *raft_group_node(const struct raft_group *g);
int64_t raft_group_now(const struct raft_group *g);

/* [any] A message for the group. Copied; dropped without memory, as a network may. */
void raft_group_message(struct raft_group *g, slice subject, slice reply, slice body);
/* [any] Propose an entry. Copied. False without memory: nothing was proposed. */
bool raft_group_propose(struct raft_group *g, slice data);

#endif
