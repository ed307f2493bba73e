/* consumer_state.h: how far a consumer is, and the rules by which that changes.
 *
 * The same for consumers in files and in memory. Transitions follow spec/storage.md section 12.3; a refused
 * one changes nothing. The encoded form is o.dat version 2, which is also the body of a consumer's raft
 * snapshot; versions 1 and 2 are read. Owner: one thread. Zeroed memory is the state of a new consumer. */
#ifndef STORE_CONSUMER_CONSUMER_STATE_H
#define STORE_CONSUMER_CONSUMER_STATE_H

#include "store/consumer/seqmap.h"
#include "store/format/bytes.h"
#include "store/store.h"

enum consumer_ack { CONSUMER_ACK_NONE, CONSUMER_ACK_ALL, CONSUMER_ACK_EXPLICIT, CONSUMER_ACK_FLOW_CONTROL };

struct consumer_position {
    uint64_t consumer; /* consumer sequence */
    uint64_t stream;   /* stream sequence */
};

struct consumer_state {
    struct consumer_position delivered;
    struct consumer_position floor;
    struct seqmap
        pending; /* stream sequence -> a: consumer sequence of the first delivery, b: its time in ns */
    struct seqmap redelivered; /* stream sequence -> a: deliveries - 1 */
};

struct consumer_policy {
    enum consumer_ack ack;
    uint64_t max_deliver; /* 0: no limit */
};

/* One delivery: consumer sequence, stream sequence, how often this message was delivered now, when. */
struct consumer_delivery {
    uint64_t dseq;
    uint64_t sseq;
    uint64_t count;
    int64_t ts;
};

void consumer_state_free(struct consumer_state *); /* leaves the state of a new consumer */
bool consumer_state_copy(struct consumer_state *to, const struct consumer_state *from);

enum store_rc consumer_state_delivered(struct consumer_state *, const struct consumer_policy *,
                                       const struct consumer_delivery *);
enum store_rc consumer_state_acked(struct consumer_state *, const struct consumer_policy *, uint64_t dseq,
                                   uint64_t sseq);

/* Why an update was refused, in the Go server's words; NULL when it is in order. With `age` an older state is
 * refused, too. `text` is room for a message with a number. */
const char *consumer_state_check(const struct consumer_state *now, const struct consumer_state *update,
                                 bool age, char *text, size_t cap);

/* Start (or start over) behind this stream sequence. */
void consumer_state_reset(struct consumer_state *, uint64_t start);
/* Only raises the delivered sequence (and, without acks, the floor). */
void consumer_state_raise(struct consumer_state *, const struct consumer_policy *, uint64_t start);
void consumer_state_drop_redelivered_below(struct consumer_state *, uint64_t sseq);
/* After a crash that lost the stream's tail: bring the state back within `last`. true when it had to change.
 */
bool consumer_state_reconcile(struct consumer_state *, uint64_t last);

/* o.dat version 2 at the end of `out`, with `now` as time of writing. out->failed without memory. */
void consumer_state_encode(const struct consumer_state *, int64_t now, struct byte_buf *out);
/* Into an empty state. STORE_BAD_STATE: `text` says why ("corrupt state file", "unsupported version: N"); no
 * bytes at all are the state of a new consumer. */
enum store_rc consumer_state_decode(struct consumer_state *, slice bytes, char *text, size_t cap);

#endif
