/* permissions_impl.h: what permissions.c and replies.c share. Private to this folder. */
#ifndef ACCOUNT_PERMISSIONS_IMPL_H
#define ACCOUNT_PERMISSIONS_IMPL_H

#include "account/permissions.h"
#include "interest/subject_set.h"
#include <stdatomic.h>

struct compiled_rules {
    struct subject_set *allow; /* NULL: everything */
    struct subject_set *deny;  /* NULL: nothing */
};

struct permissions {
    _Atomic int64_t refs;
    struct compiled_rules publish;
    struct compiled_rules subscribe;
    uint64_t seed;
    bool responses;
    int64_t max_responses; /* negative: unlimited */
    int64_t response_ns;   /* negative: unlimited */
};

/* What the lists say, responses apart, without a cache: for any thread. */
bool permissions_publish_static(const struct permissions *p, slice subject);

#endif
