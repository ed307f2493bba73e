/* identity.h: the keys that name a running server: an Ed25519 nkey (server_id, "N...") and an X25519 nkey
 * (xkey, "X..."). Made anew at each start, as Go does. */
#ifndef SERVER_IDENTITY_H
#define SERVER_IDENTITY_H

#include "base/env.h"

struct server_identity {
    char id[57]; /* 56 characters */
    char xkey[57];
    uint8_t seed[32], xseed[32];
};

void server_identity_make(struct server_identity *out, struct env *env);

#endif
