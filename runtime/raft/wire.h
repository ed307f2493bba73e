/* wire.h: raft's messages as NATS messages: subjects and bodies (docs/spec/raft.md sections 2 and 3).
 *
 * Pure functions; decoded slices point into the caller's bytes, decoded entries into the given vector. */
#ifndef RAFT_WIRE_H
#define RAFT_WIRE_H

#include "raft/raft.h"

#define RAFT_SUBJECT_MAX 300 /* of a group name of at most 255 bytes */
#define RAFT_GROUP_MAX   255

/* "$NRG.AE.<group>" and so on, into out; its length, 0 for RAFT_TO_NOBODY. */
size_t raft_wire_subject(struct raft_addr to, slice group, char out[RAFT_SUBJECT_MAX]);
/* Where a subject leads; NOBODY when it is none of this group's and no inbox. */
struct raft_addr raft_wire_address(slice subject, slice group);

/* Entries of a decoded append entry. Grows; free with raft_wire_entries_free. */
struct raft_wire_entries {
    struct raft_entry *list;
    size_t cap;
};
void raft_wire_entries_free(struct raft_wire_entries *v);

/* The message that came to `to`. False: it is malformed (or memory is missing) and must be dropped. */
bool raft_wire_decode(struct raft_addr to, slice body, struct raft_wire_entries *v, struct raft_msg *out);

/* Bytes that a message takes, written when they are at most cap. 0: it cannot be encoded. */
size_t raft_wire_encode(const struct raft_msg *msg, uint8_t *out, size_t cap);
/* A stored append entry again, with another lterm. */
size_t raft_wire_restamp(slice stored, uint64_t lterm, uint8_t *out, size_t cap);

#endif
