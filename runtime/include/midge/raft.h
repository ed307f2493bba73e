/* raft.h: the messages by which NATS servers agree (RAFT on the wire of Go nats-server 2.15).
 *
 * A RAFT message is the body of an ordinary NATS message; its subject says what it is. The layout is fixed
 * fields, all little endian (docs/spec/raft.md, section 3). Node ids are 8 characters.
 *
 *     $NRG.V.<group>    vote request           $NRG.AE.<group>  append entry (heartbeat when it has no
 * entries) $NRG.P.<group>    forwarded proposal     $NRG.RP.<group>  forwarded removal of a peer
 *     $NRG.R.<inbox>    vote response (17 bytes) or append entry response (25 bytes)
 *     $NRG.CR.<inbox>   append entry streamed to a peer that catches up
 *     $NRG.CP.<inbox>   append entry response that only says how far the catch up is
 *
 * Two ways to read one:
 *  - the pull parser of codec.h: codec_raft_init(kind, body length), then codec_raft_next. An append entry
 *    comes as APPEND, one ENTRY for each entry, APPEND_END; every other message is one event.
 *  - whole bodies: codec_raft_decode (one event) and codec_raft_append_decode, which checks the whole append
 *    entry before it says anything, and codec_raft_entry_next, which walks the entries of a checked one.
 *
 * Limits: an append entry has at most 65,535 entries, an entry at most 2^31 - 1 bytes of data. Memory: none
 * is allocated; slices point into the caller's bytes. Threads: no shared state. */
#ifndef MIDGE_RAFT_H
#define MIDGE_RAFT_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_RAFT_ID_LEN              8
#define CODEC_RAFT_VOTE_REQUEST_LEN    32
#define CODEC_RAFT_VOTE_RESPONSE_LEN   17
#define CODEC_RAFT_APPEND_HEAD_LEN     42
#define CODEC_RAFT_APPEND_RESPONSE_LEN 25
#define CODEC_RAFT_ENTRIES_MAX         65535
#define CODEC_RAFT_ENTRY_DATA_MAX      0x7fffffffu

/* What a message body is, and (in an event) what was read. */
enum codec_raft_kind {
    CODEC_RAFT_NONE, /* not a RAFT message */
    CODEC_RAFT_VOTE_REQUEST,
    CODEC_RAFT_VOTE_RESPONSE,
    CODEC_RAFT_APPEND, /* as event: the head of an append entry; ENTRY events and APPEND_END follow */
    CODEC_RAFT_APPEND_RESPONSE,
    CODEC_RAFT_PROPOSAL,
    CODEC_RAFT_REMOVE_PEER,
    CODEC_RAFT_PEER_STATE, /* data of an entry of that type, and the content of peers.idx */
    CODEC_RAFT_ENTRY,      /* events only */
    CODEC_RAFT_APPEND_END, /* events only */
};

/* Types of entries. Other numbers are carried and ignored. */
enum codec_raft_entry_type {
    CODEC_RAFT_ENTRY_NORMAL = 0,
    CODEC_RAFT_ENTRY_OLD_SNAPSHOT = 1,
    CODEC_RAFT_ENTRY_PEER_STATE = 2,      /* data: peer state */
    CODEC_RAFT_ENTRY_ADD_PEER = 3,        /* data: 8-byte id */
    CODEC_RAFT_ENTRY_REMOVE_PEER = 4,     /* data: 8-byte id */
    CODEC_RAFT_ENTRY_LEADER_TRANSFER = 5, /* data: 8-byte id of the chosen successor */
    CODEC_RAFT_ENTRY_SNAPSHOT = 6,
};

enum codec_raft_error {
    CODEC_RAFT_OK,
    CODEC_RAFT_BAD_KIND,      /* asked to read something that is no message */
    CODEC_RAFT_BAD_LENGTH,    /* a message of fixed length has another one */
    CODEC_RAFT_SHORT_HEAD,    /* append entry or peer state ends inside its fixed fields */
    CODEC_RAFT_NO_ENTRY,      /* fewer bytes are left than the head of an entry takes */
    CODEC_RAFT_EMPTY_ENTRY,   /* entry of length 0: not even a type */
    CODEC_RAFT_ENTRY_BEYOND,  /* entry reaches beyond the end of the message */
    CODEC_RAFT_PEERS_BEYOND,  /* more peers announced than there are bytes */
    CODEC_RAFT_BODY_TOO_LONG, /* more bytes given than the length said */
};

/* Bits of a vote response; others are kept but mean nothing. */
#define CODEC_RAFT_VOTE_GRANTED 0x01
#define CODEC_RAFT_VOTE_EMPTY   0x02 /* the responder's log is empty */

struct codec_raft_vote_request {
    uint64_t term;
    uint64_t last_term; /* 0 when the candidate's log is empty */
    uint64_t last_index;
    uint8_t candidate[CODEC_RAFT_ID_LEN];
};

struct codec_raft_vote_response {
    uint64_t term; /* the responder's, after it judged the request */
    uint8_t peer[CODEC_RAFT_ID_LEN];
    uint8_t flags;
};

struct codec_raft_append_head {
    uint8_t leader[CODEC_RAFT_ID_LEN]; /* creator of the entry; zero bytes when there is none */
    uint64_t term;                     /* in which it was created */
    uint64_t commit;                   /* the leader's commit index then */
    uint64_t pterm;                    /* term of the log entry before it */
    uint64_t pindex;                   /* index of the log entry before it: its own index is pindex + 1 */
    uint16_t count;                    /* entries that follow; 0 is a heartbeat */
};

struct codec_raft_entry {
    uint8_t type; /* enum codec_raft_entry_type, or unknown */
    slice data;
};

/* What stands behind the entries. lterm is the sending leader's current term on entries of a catch up, 0 on
 * others; old servers leave it out. Bytes behind it, or bytes that are no number, mean nothing: extra. */
struct codec_raft_append_end {
    bool has_lterm;
    uint64_t lterm;
    slice extra;
};

struct codec_raft_append_response {
    uint64_t term; /* of the responder's last entry; its current term when it refuses a stale leader */
    uint64_t index;
    uint8_t peer[CODEC_RAFT_ID_LEN];
    uint8_t success; /* 1 is success, anything else is failure */
};

struct codec_raft_peer_state {
    uint32_t cluster_size; /* may exceed the number of known peers */
    uint32_t peer_count;
    slice peers; /* peer_count ids, one behind the other */
    bool has_extension;
    uint16_t extension; /* 0 undetermined, 1 domain extended, 2 not extended; 0 when missing */
    slice extra;        /* bytes behind it, without meaning */
};

struct codec_raft_event {
    enum codec_raft_kind kind;
    uint64_t offset; /* of its first byte in the message */
    size_t need;     /* with CODEC_MORE: bytes missing */
    struct codec_error error;
    union {
        struct codec_raft_vote_request vote_request;
        struct codec_raft_vote_response vote_response;
        struct codec_raft_append_head append;
        struct codec_raft_entry entry;
        struct codec_raft_append_end end;
        struct codec_raft_append_response append_response;
        struct codec_raft_peer_state peer_state;
        slice proposal;                     /* PROPOSAL: the data of one normal entry */
        uint8_t removed[CODEC_RAFT_ID_LEN]; /* REMOVE_PEER */
    };
};

/* The pull parser of one message body. */
struct codec_raft {
    enum codec_raft_kind kind;
    enum codec_raft_kind next; /* the event that is due; NONE after the last one */
    uint64_t length;           /* of the body */
    uint64_t at;               /* bytes consumed */
    uint32_t entries_left;
    struct codec_error error;
};

/* What the body of a message on this subject is; `body_len` tells the two kinds of responses apart. NONE when
 * the subject is not one of RAFT's, or when a response has a length that neither kind has. */
CODEC_API enum codec_raft_kind codec_raft_kind_of(slice subject, uint64_t body_len);

/* Begin to read a body of `length` bytes; kind is a message, not ENTRY or APPEND_END. */
CODEC_API void codec_raft_init(struct codec_raft *parser, enum codec_raft_kind kind, uint64_t length);

/* The next event (see codec.h). After the last one: CODEC_MORE with need 0 and parser->next NONE; bytes given
 * beyond the body are an error. */
CODEC_API enum codec_rc codec_raft_next(struct codec_raft *parser, slice *in, struct codec_raft_event *event);

/* The one event of a body that is not an append entry. False: event->error says why. */
CODEC_API bool codec_raft_decode(enum codec_raft_kind kind, slice body, struct codec_raft_event *event);

/* A whole append entry, checked to its end. */
struct codec_raft_append {
    struct codec_raft_append_head head;
    struct codec_raft_append_end end;
    slice entries; /* raw; walk it with codec_raft_entry_next */
};
CODEC_API bool codec_raft_append_decode(slice body, struct codec_raft_append *append,
                                        struct codec_error *error);

/* The term of the leader that sent it: lterm when it has one, else the term it was created in. */
static inline uint64_t codec_raft_append_leader_term(const struct codec_raft_append *a)
{
    return a->end.lterm != 0 ? a->end.lterm : a->head.term;
}

/* Takes the first entry off *entries. False at the end (or where unchecked bytes are no entry). */
CODEC_API bool codec_raft_entry_next(slice *entries, struct codec_raft_entry *entry);

/* Bytes that one event takes, written to out when they are at most cap. An append entry is its APPEND, ENTRY
 * and APPEND_END events one behind the other. 0: the event cannot be encoded (entry data above the limit,
 * peers whose length does not fit their count). */
CODEC_API size_t codec_raft_encode(const struct codec_raft_event *event, uint8_t *out, size_t cap);

/* A whole append entry, `count` entries (head->count is not looked at), with lterm behind it. 0 when count or
 * an entry is above its limit. */
CODEC_API size_t codec_raft_append_encode(const struct codec_raft_append_head *head,
                                          const struct codec_raft_entry *entries, size_t count,
                                          uint64_t lterm, uint8_t *out, size_t cap);

CODEC_API const char *codec_raft_error_text(int kind);
/* "vote_request", "append" ...; "normal", "peer_state" ... or "unknown". */
CODEC_API const char *codec_raft_kind_name(enum codec_raft_kind kind);
CODEC_API const char *codec_raft_entry_type_name(uint8_t type);

#ifdef __cplusplus
}
#endif

#endif
