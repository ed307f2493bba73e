/* sid_map.h: the subscriptions of one connection by sid.
 *
 * A struct of zeroes is an empty map. Clients choose their sids: give a map a random seed, or they choose
 * those that collide. It stays when the map is freed.
 *
 * Open addressing over pointers (8 bytes a slot, at most 3/4 full), so that a million subscriptions cost
 * little more than their own memory. Owner: the connection's loop. The map does not own the subscriptions. */
#ifndef CLIENT_SID_MAP_H
#define CLIENT_SID_MAP_H

#include "interest/sublist.h"

struct sid_map {
    struct sub **slots;
    size_t mask; /* slots - 1; 0 when there are none */
    size_t count;
    uint64_t seed; /* of the hash; changed only while the map is empty */
};

void sid_map_free(struct sid_map *m);
struct sub *sid_map_find(const struct sid_map *m, slice sid);
/* The sid must not be in the map. false when out of memory. */
bool sid_map_insert(struct sid_map *m, struct sub *sub);
void sid_map_remove(struct sid_map *m, struct sub *sub);
/* Each subscription once, in no order: start with *at = 0; NULL at the end. The map must not change
 * meanwhile, but that the subscription just returned may be removed: then take one off *at, its slot may have
 * been filled. (One that the removal moved behind the end of the walk is then seen twice.) */
struct sub *sid_map_next(const struct sid_map *m, size_t *at);

#endif
