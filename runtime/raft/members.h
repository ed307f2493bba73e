/* members.h: who belongs to the group, now and at each log index that may still be undone or snapshotted.
 *
 * A membership takes effect when its entry is stored, before it commits. So the list holds the one in effect
 * at the base of the log, or at the last index that a snapshot may be taken of, and one for each later entry
 * that changed it. Cutting off the log's tail brings the earlier one back. */
#ifndef RAFT_MEMBERS_H
#define RAFT_MEMBERS_H

#include "raft/raft.h"

struct raft_membership {
    uint64_t index; /* of the entry that made it; 0: bootstrap */
    bool change;    /* made by AddPeer or RemovePeer */
    uint16_t extension;
    uint32_t size;
    uint32_t count;
    uint32_t boot; /* > 0: a group that boots expects so many, and knows fewer */
    raft_id *ids;
};

struct raft_members {
    struct raft_membership *list; /* by rising index; the last is in effect */
    size_t count, cap;
    raft_id *spare; /* becomes the ids of the next membership */
    size_t spare_cap;
};

void raft_members_free(struct raft_members *m);
/* Room for one more membership of up to n ids. */
bool raft_members_reserve(struct raft_members *m, size_t n);

static inline const struct raft_membership *raft_members_now(const struct raft_members *m)
{
    return &m->list[m->count - 1];
}
/* The one in effect at an index. */
const struct raft_membership *raft_members_at(const struct raft_members *m, uint64_t index);
bool raft_membership_has(const struct raft_membership *s, raft_id id);
struct raft_peers raft_membership_peers(const struct raft_membership *s);
/* The same for who has to begin with it: its size is that of what is expected. */
struct raft_peers raft_membership_whole(const struct raft_membership *s);

/* A new membership by the entry at `index`, from a peer state, or the one in effect with an id more or less;
 * room was reserved. Its size is that of the peer state, or becomes its count; a group that boots goes on
 * expecting what it did until so many are known, or a peer state says that it is complete. False when nothing
 * changes by that; then adding and removing push nothing. */
bool raft_members_push(struct raft_members *m, uint64_t index, const struct raft_peers *peers);
bool raft_members_push_add(struct raft_members *m, uint64_t index, raft_id id);
bool raft_members_push_remove(struct raft_members *m, uint64_t index, raft_id id);
/* Entries above `index` are gone: true when the membership in effect changed. */
bool raft_members_truncate(struct raft_members *m, uint64_t index);
/* Forget what was in effect only below `index`. */
void raft_members_compact(struct raft_members *m, uint64_t index);
/* One membership, made at `index`; room was reserved. */
void raft_members_reset(struct raft_members *m, uint64_t index, const struct raft_peers *peers);

#endif
