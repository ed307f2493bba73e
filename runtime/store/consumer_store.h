/* consumer_store.h: a consumer's state, kept in its folder (obs/NAME: meta.inf, meta.sum, meta.key, o.dat) or
 * only in memory. The rules of change are consumer_state.h's; this adds the files.
 *
 * Changes are in memory at once; consumer_store_flush writes them, whole and atomically, at most every 100
 * ms. A crash loses at most what changed since: then messages are delivered again, never skipped. With `sync`
 * a write is on disk when flush returns.
 *
 * Owner: the stream's thread. Calls block on the disk but for the transitions. STORE_BAD_STATE at open means
 * that o.dat cannot be read: nothing was changed on disk. */
#ifndef STORE_CONSUMER_STORE_H
#define STORE_CONSUMER_STORE_H

#include "store/consumer/consumer_state.h"
#include "store/file_store.h"

#define CONSUMER_FLUSH_NS 100000000LL

struct consumer_store;

struct consumer_store_options {
    const struct store_host *host; /* NULL: in memory */
    const char *dir;               /* .../obs/NAME */
    slice stream;
    slice name;
    slice meta;             /* meta.inf document, written when there is none */
    struct store_keys keys; /* lent for the consumer's life */
    struct consumer_policy policy;
    bool sync;
};

/* `why` gets the Go server's words for a STORE_BAD_STATE, valid until the next call of this
 * function. */
enum store_rc consumer_store_open(const struct consumer_store_options *, struct consumer_store **out,
                                  char why[64]);
/* Write what is not written yet, free. */
enum store_rc consumer_store_close(struct consumer_store *, int64_t now);
/* Remove the folder, free. After an error the consumer is there whole at the next start, or not at all. */
enum store_rc consumer_store_destroy(struct consumer_store *);

/* The present state; good until the next change. */
const struct consumer_state *consumer_store_state(const struct consumer_store *);
/* The state comes from somewhere: it was loaded, set, or something was delivered. */
bool consumer_store_has_state(const struct consumer_store *);

enum store_rc consumer_store_delivered(struct consumer_store *, const struct consumer_delivery *);
enum store_rc consumer_store_acked(struct consumer_store *, uint64_t dseq, uint64_t sseq);
/* Replace the state (taken over, left empty). STORE_INVALID with the reason in `why`, or STORE_OLD_UPDATE.
 * `force`: no age check, and written at once. */
enum store_rc consumer_store_update(struct consumer_store *, struct consumer_state *, bool force, int64_t now,
                                    char why[64]);
/* Start (over) behind a stream sequence: written at once. */
enum store_rc consumer_store_reset(struct consumer_store *, uint64_t start, int64_t now);
void consumer_store_raise(struct consumer_store *, uint64_t start);
void consumer_store_drop_redelivered_below(struct consumer_store *, uint64_t sseq);
/* true when the state was ahead of the stream and had to change. */
bool consumer_store_reconcile(struct consumer_store *, uint64_t last);

void consumer_store_set_policy(struct consumer_store *, const struct consumer_policy *);
enum store_rc consumer_store_write_meta(struct consumer_store *, slice meta);

/* Write if there is something to write and the last write is 100 ms old; *due (may be NULL): when to call
 * again (STORE_TIME_NONE: not before the next change). */
enum store_rc consumer_store_flush(struct consumer_store *, int64_t now, int64_t *due);

#endif
