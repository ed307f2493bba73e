/* ack.h: the small texts of JetStream: acknowledgements, the reply subjects that ask for them, pull requests.
 *
 * Facts: docs/spec/jetstream-api.md, sections 14 and 16. Slices point into what was read. Pure functions;
 * nothing is allocated. */
#ifndef MIDGE_ACK_H
#define MIDGE_ACK_H

#include <midge/json.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------- acknowledgements
 */

enum codec_ack_kind {
    CODEC_ACK_ACK,      /* empty, +ACK, +OK */
    CODEC_ACK_NAK,      /* begins with -NAK; rest: the delay, may be empty */
    CODEC_ACK_PROGRESS, /* +WPI */
    CODEC_ACK_NEXT,     /* begins with +NXT; rest: a pull request */
    CODEC_ACK_TERM,     /* begins with +TERM; rest: the reason */
    CODEC_ACK_UNKNOWN,  /* anything else: has no effect */
};

struct codec_ack {
    enum codec_ack_kind kind;
    slice rest; /* white space around it is taken off */
};

CODEC_API struct codec_ack codec_ack_read(slice payload);

/* The delay of a NAK: {"delay": nanoseconds} or a duration. false: it is neither, the NAK has none (a server
 * warns). An empty rest is a delay of 0. */
CODEC_API bool codec_ack_delay(slice rest, int64_t *ns);

/* The payload of an acknowledgement; with a rest a blank comes between. UNKNOWN: the rest alone. */
CODEC_API size_t codec_ack_encode(const struct codec_ack *ack, uint8_t *out, size_t cap);

/* ------------------------------------------------------------------------------------------- ack subjects */

/* $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<timestamp>.<pending>, or, since 2.14,
 * with <domain or _>.<account hash> before the stream. */
struct codec_ack_reply {
    bool v2;
    slice domain;       /* v2: "_" for none */
    slice account_hash; /* v2 */
    slice stream;
    slice consumer;
    uint64_t delivered; /* 1 on the first delivery */
    uint64_t stream_seq;
    uint64_t consumer_seq;
    int64_t timestamp; /* nanoseconds since 1970 */
    uint64_t pending;
};

/* false: not such a subject: another number of tokens (of v2 more are allowed and ignored), a number that is
 * none or does not fit 63 bits. */
CODEC_API bool codec_ack_reply_read(slice subject, struct codec_ack_reply *reply);

CODEC_API size_t codec_ack_reply_encode(const struct codec_ack_reply *reply, uint8_t *out, size_t cap);

/* Between servers a delivery whose subject was changed for its client travels with the reply
 * "<ack subject>@<client's subject>". Splits it at the first @ behind the eighth dot; false: there is none.
 */
CODEC_API bool codec_ack_reply_split(slice reply, slice *ack, slice *subject);

/* ------------------------------------------------------------------------------------------ pull requests */

struct codec_pull {
    bool json;       /* the body is an object; else the group rules do not apply */
    int64_t batch;   /* at least 1 */
    int64_t expires; /* nanoseconds */
    int64_t max_bytes;
    bool no_wait;
    int64_t idle_heartbeat; /* nanoseconds */
    slice group;
    int64_t min_pending;
    int64_t min_ack_pending;
    slice id;
    int64_t priority;
};

/* Reads a body: nothing, a decimal number, or an object; anything else is a batch of 1. Objects as clients
 * write them are read in one pass; others by codec_json_read. Strings live in the body or in the arena.
 * false: the object is not right, *error says why. */
CODEC_API bool codec_pull_read(slice body, struct codec_pull *pull, struct codec_arena *arena,
                               struct codec_json_error *error);

/* The object, without members that are empty. */
CODEC_API void codec_pull_write(struct codec_out *out, const struct codec_pull *pull);

#ifdef __cplusplus
}
#endif

#endif
