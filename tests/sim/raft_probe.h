/* raft_probe.h: one raft engine under the microscope, for unit tests.
 *
 * The probe steps an engine with hand-made events and keeps every effect (copied, with the bytes that they
 * point to) until the next step. Its disk is done at once, unless a test holds it. Single-threaded. */
#ifndef SIM_RAFT_PROBE_H
#define SIM_RAFT_PROBE_H

#include "raft/raft.h"

#define PROBE_EFFECTS 128
#define PROBE_ENTRIES 8

struct probe_effect {
    struct raft_effect f;
    struct raft_entry entries[PROBE_ENTRIES];
    raft_id ids[32];
};

struct probe {
    struct raft *r;
    raft_id self;
    int64_t now;
    bool hold_disk;                         /* the test reports durable itself */
    uint64_t op;                            /* the last one asked for */
    struct probe_effect out[PROBE_EFFECTS]; /* of the last call, disk completions included */
    size_t count;
    uint8_t bytes[1 << 16];
    size_t used;
    struct raft_addr votes, appends; /* our inboxes, in order of subscription */
    struct raft_addr catchup;        /* the last $NRG.CR inbox */
    enum raft_rc rc;
    int64_t deadline;
    uint64_t index; /* of the last proposal */
};

/* Ids A, B, C ... of the peers of a test: "AAAAAAAA" ... */
raft_id probe_id(char letter);

/* An engine "A" among `members` ("ABC"), recovered with an empty or given log. */
struct probe_setup {
    const char *members;
    uint32_t size; /* 0: the number of members */
    struct raft_config config;
    struct raft_stored stored;
    const uint64_t
        *terms; /* of the log's entries behind the snapshot, 0-terminated; each holds one normal entry */
    bool offline;
};
struct probe *probe_new(const struct probe_setup *s);
/* "A" of "ABC", a stream's group that has a log (of the terms given) and is in `term`. */
struct probe *probe_follower(const uint64_t *terms, uint64_t term);
void probe_free(struct probe *p);

enum raft_rc probe_step(struct probe *p, struct raft_event e);
void probe_tick_at(struct probe *p, int64_t at);
/* Let time pass to the deadline and tick. */
void probe_fire(struct probe *p);
void probe_durable(struct probe *p);

void probe_vote_request(struct probe *p, uint64_t term, uint64_t last_term, uint64_t last_index, char from);
void probe_vote(struct probe *p, uint64_t term, char from, bool granted, bool empty);
/* A live append entry of `count` normal entries. */
void probe_append(struct probe *p, char leader, uint64_t term, uint64_t pterm, uint64_t pindex,
                  uint64_t commit, size_t count);
void probe_append_entry(struct probe *p, struct raft_addr to, struct raft_addr reply,
                        const struct raft_append *ae);
void probe_response(struct probe *p, char from, uint64_t term, uint64_t index, bool success,
                    struct raft_addr reply);
/* Make it leader of the next term by the votes of all; its upper layer processes the first entry. */
void probe_elect(struct probe *p);
void probe_commit_all(struct probe *p); /* all members acknowledge the end of the log; it is applied */

#define PROBE_NOBODY ((struct raft_addr){.place = RAFT_TO_NOBODY})
#define PROBE_LIVE   ((struct raft_addr){.place = RAFT_TO_APPEND})
/* One entry of our own. */
enum raft_rc probe_propose(struct probe *p, size_t bytes);
/* A live append entry with this one entry. */
void probe_append_one(struct probe *p, char leader, uint64_t term, uint64_t pterm, uint64_t pindex,
                      struct raft_entry e);

/* The first effect of that kind from the last call, or NULL. */
const struct raft_effect *probe_find(const struct probe *p, enum raft_effect_type type);
const struct raft_effect *probe_note(const struct probe *p, enum raft_note note);
const struct raft_effect *probe_sent(const struct probe *p, enum raft_msg_type type);
size_t probe_count(const struct probe *p, enum raft_effect_type type);
/* Where in the list it stands; SIZE_MAX: nowhere. */
size_t probe_place(const struct probe *p, const struct raft_effect *f);
const struct raft_append_response *probe_answer(const struct probe *p); /* all 0 when there is none */
struct raft_status probe_status(const struct probe *p);

#endif
