/* clients.h: sessions that append records to queues and remember what they were told, and the judgement at
 * the end: nothing acknowledged is lost, nothing refused appears, nothing appears twice, nothing acknowledged
 * before something else was sent comes behind it, and all nodes hold the same.
 *
 * A session has `window` records in flight. One that is not answered in time has an unknown fate; the session
 * goes on with a new record, at another node. A refused one is followed by the leader that was named. */
#ifndef RAFT_PROCESS_CLIENTS_H
#define RAFT_PROCESS_CLIENTS_H

#include "cluster.h"

struct clients;

struct clients_options {
    unsigned sessions, window, groups; /* session s appends to group s % groups */
    size_t bytes;                      /* of an entry, at least sizeof(struct append_head) */
    int64_t patience;                  /* until a fate is unknown */
    int64_t pause;                     /* between an answer and the next record */
};

struct clients_count {
    uint64_t sent, acked, refused, unknown;
};

struct clients *clients_new(const struct clients_options *o);
void clients_free(struct clients *k);
/* The cluster's callbacks; ctx is the struct clients. */
void clients_answer(void *ctx, unsigned client, slice subject, slice body);
void clients_lost(void *ctx, unsigned client);
void clients_use(struct clients *k, struct cluster *c);

/* Send what may be sent, give up what took too long. Call it between polls; returns when to call it again. */
int64_t clients_turn(struct clients *k);
/* No more new records; what is in flight is waited for by turns until it is answered or given up. */
void clients_stop(struct clients *k);
void clients_go_on(struct clients *k);
bool clients_idle(const struct clients *k);
struct clients_count clients_counted(const struct clients *k);
/* The node that acknowledged last. */
unsigned clients_leader(const struct clients *k);
/* Nanoseconds from send to acknowledgement, one of each `acked`, sorted. */
const int64_t *clients_latencies(struct clients *k);

/* A sentence about the first thing that is wrong, NULL when all is well. */
const char *clients_judge(struct clients *k, struct cluster *c);

#endif
