/* protocol.h: what clients of raft-node say: messages in the route protocol on these subjects, answered on
 * the reply subject. Numbers are little endian, as they lie in memory here.
 *
 *   app.append.<group>   body: struct append_head, then any bytes. Answer: struct append_answer.
 *   app.status.<group>   body: none. Answer: struct status_answer.
 *   app.records.<group>  body: a number, the first wanted. Answer: that number of records and of all records,
 *                        then up to RECORDS_MAX records. */
#ifndef RAFT_PROCESS_PROTOCOL_H
#define RAFT_PROCESS_PROTOCOL_H

#include "raft/raft.h"

#define RECORDS_MAX 4000

/* An entry of the log. The node fills in who asked. */
struct append_head {
    uint64_t record; /* chosen by the client, never twice */
    uint64_t life;   /* of the process that proposed it: only that one answers */
    uint32_t slot, generation;
};

struct append_answer {
    uint64_t record;
    uint64_t index; /* where it was applied; 0: refused, and never will be */
    raft_id leader; /* as far as this node knows, 0: none */
};

struct status_answer {
    uint64_t term, commit, pindex, applied;
    raft_id id, leader;
    uint64_t leading, records;
    uint64_t hash;    /* of all (index, term, record) in order */
    uint64_t changes; /* how often a leader was noticed to come or go here */
    uint64_t forgot, closed;
    uint64_t durable; /* the end of the log that it has acknowledged or may, synced */
};

#endif
