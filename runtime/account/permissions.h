/* permissions.h: what a user may publish and subscribe to.
 *
 * A `struct permissions` is compiled once from configuration and never changes, so any thread may ask it. It
 * is counted: connections that live on after a reload keep the one they have until they are given another.
 * What is per connection stands apart: a cache of publish verdicts (the owner loop's), and the reply subjects
 * that allow_responses opened (guarded by the lock of the connection, deliverers write it).
 *
 * The rules are those of docs/spec/client-protocol.md section 10 and accounts-auth.md section 11, over-broad
 * ones included: a requested subject is matched token by token as if it were literal, so allow `foo.*` admits
 * SUB foo.>, and deny `foo.*` refuses it but accepts SUB foo.a.b and SUB >. */
#ifndef ACCOUNT_PERMISSIONS_H
#define ACCOUNT_PERMISSIONS_H

#include <midge/slice.h>

/* ---- from configuration ---- */

struct permission_entry {
    slice subject;
    slice queue; /* subscribe only; a pattern; empty: none */
};

struct permission_list {
    const struct permission_entry *items;
    size_t count;
};

struct permission_rules {
    struct permission_list allow;
    struct permission_list deny;
    bool restricted; /* publish: an empty allow list allows nothing (else it allows all) */
};

enum {
    PERMISSIONS_RESPONSES_DEFAULT = 1,
    PERMISSIONS_REPLIES_PRUNE = 4096,    /* recorded replies above which the stale ones are looked for */
    PERMISSIONS_REPLIES_MAX = 65536,     /* beyond it the oldest record is dropped ... */
    PERMISSIONS_REPLIES_BYTES = 4 << 20, /* ... and when their subjects are longer than this together */
};
#define PERMISSIONS_RESPONSE_NS_DEFAULT INT64_C(120000000000)

struct permissions_config {
    struct permission_rules publish;
    struct permission_rules subscribe;
    bool responses; /* allow_responses; with it and no publish allow list nothing else may be published */
    int64_t max_responses; /* 0: default; negative: unlimited */
    int64_t response_ns;   /* 0: default; negative: unlimited */
    uint64_t seed;         /* of hashes, random; accounts_new sets it */
};

struct permissions;

/* Compiles; the configuration is not needed afterwards. One reference is the caller's. NULL when out of
 * memory or when an entry is no valid subject (*bad is then that entry's subject or queue; it may be NULL).
 */
struct permissions *permissions_new(const struct permissions_config *cfg, slice *bad);

/* [any] */
struct permissions *permissions_ref(struct permissions *p);

/* [any] Gives a reference back; NULL is allowed. */
void permissions_unref(struct permissions *p);

/* ---- publishing ---- */

/* Recent verdicts of one connection, made at its first publish. Start with NULL. Owner loop only. */
struct permissions_cache;
void permissions_cache_free(struct permissions_cache *c);

/* [owner loop] May this subject (after mapping) be published, responses apart? `cache` may be NULL. p may be
 * NULL: everything is allowed. */
bool permissions_publish(const struct permissions *p, struct permissions_cache **cache, slice subject);

/* Subjects that clients may not use whatever their permissions (accounts-auth 11.3). */
bool permissions_reserved_publish(slice subject, bool system_account);
bool permissions_reserved_reply(slice reply);

/* ---- responses ---- */

/* Reply subjects to which a connection may answer. Guarded by the connection's lock. Start with {0}. */
struct permissions_replies {
    struct permissions_reply **slots; /* private: a hash table ... */
    uint32_t cap;
    uint32_t count;
    size_t bytes;                              /* of the subjects */
    struct permissions_reply *oldest, *newest; /* ... and a list in the order of recording */
    int64_t pruned;
};

void permissions_replies_free(struct permissions_replies *r);

/* Are responses tracked for these permissions? */
bool permissions_tracks_replies(const struct permissions *p);

/* [any, under the connection's lock] A message with this reply subject is delivered to the connection: unless
 * it may publish there anyway, the reply is opened to it. Checking that uses up one response of a record that
 * exists, as in Go (two requests with one reply subject and max 1 refuse both responses). `now` is monotonic.
 * When there is no memory for the record nothing is opened. */
void permissions_note_reply(const struct permissions *p, struct permissions_replies *r, slice reply,
                            int64_t now);

/* [under the connection's lock] permissions_publish refused: is it a response that is allowed? Counts it. */
bool permissions_respond(const struct permissions *p, struct permissions_replies *r, slice subject,
                         int64_t now);

/* ---- subscribing ---- */

/* [any] May the connection subscribe? queue is empty for a plain subscription; the queue `_sys_` is the
 * caller's to refuse. p may be NULL. */
bool permissions_subscribe(const struct permissions *p, slice subject, slice queue);

/* [any] Can an accepted subscription receive what deny entries forbid? Then every delivery to the connection
 * must ask permissions_deliver from now on, until its permissions change. */
bool permissions_needs_filter(const struct permissions *p, slice subject, slice queue);

/* [any] May a message on this subject be delivered to a subscription with this queue (or none)? */
bool permissions_deliver(const struct permissions *p, slice subject, slice queue);

#endif
