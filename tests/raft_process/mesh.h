/* mesh.h: the transport of the process test: a few servers, each connected with each, and clients.
 *
 * What a fabric of routes would do for raft, in small: one connection a pair, in the route protocol (RS+,
 * RS-, RMSG by the codec), interest of each subject, messages to those with interest alone. A connection
 * begins with CONNECT and a name: a peer's, or any other for a client. A client's messages on subjects that
 * are not raft's go to the program (request), which answers through the connection.
 *
 * Threads: connections live on the loops given; mesh_send and mesh_subscribe come from shards. One lock
 * covers interest and the table of connections, never I/O. */
#ifndef RAFT_PROCESS_MESH_H
#define RAFT_PROCESS_MESH_H

#include "net/listener.h"
#include "raft/shard.h"

#define MESH_PEERS_MAX 16
#define MESH_NAME_LEN  8 /* a name is the node's raft id */

struct mesh;

/* A connection, as long as it lives. */
struct mesh_from {
    uint32_t slot, generation;
};

struct mesh_peer {
    char name[MESH_NAME_LEN + 1];
    uint16_t port; /* on 127.0.0.1, where it is dialled */
};

struct mesh_config {
    struct net_loops *loops;
    uint16_t port;    /* to listen on */
    const char *name; /* our own; of each pair the lower name dials */
    const struct mesh_peer *peers;
    size_t peer_count; /* with us */
    void (*request)(void *ctx, struct mesh_from from, slice subject, slice reply, slice body);
    void (*linked)(void *ctx); /* the first peer is there; once */
    void *ctx;
};

/* One for each shard: what raft_shard_config takes as transport_ctx. */
struct mesh_port {
    struct mesh *mesh;
    struct net_loop *loop;
};
extern const struct raft_transport mesh_transport;

struct mesh *mesh_new(const struct mesh_config *config);
/* Listen and dial: 0 or -errno. */
int mesh_start(struct mesh *m);
/* Before the loops end: no more connections are taken or made. */
void mesh_stop(struct mesh *m);
/* When the loops are freed. */
void mesh_free(struct mesh *m);

/* [any loop] An answer to a request. Dropped when the connection has gone. */
void mesh_reply(struct mesh *m, struct net_loop *loop, struct mesh_from to, slice subject, slice body);

#endif
