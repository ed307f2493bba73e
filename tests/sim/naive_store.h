/* naive_store.h: what a message store should answer, in the plainest way: a sorted array and loops over it.
 *
 * The contract is runtime/store/store.h, told once more without any index. It is what the real stores are
 * compared with, so it must be right by being simple: every answer is a scan. Subjects and payloads are small
 * and made from a number (`id`), so that none need be kept. Aborts when out of memory. */
#ifndef SIM_NAIVE_STORE_H
#define SIM_NAIVE_STORE_H

#include "store/store.h"

#define NAIVE_SUBJECT_MAX 48
#define NAIVE_HDR_MAX     96

struct naive_msg {
    uint64_t seq;
    int64_t ts;
    int64_t ttl_s; /* as its header says: 0 none, STORE_TTL_NEVER */
    uint64_t id;   /* byte k of the data is id + 31 k */
    size_t data_len;
    char subject[NAIVE_SUBJECT_MAX]; /* "" : none */
    char hdr[NAIVE_HDR_MAX];
};

struct naive_store {
    enum store_kind kind;
    struct store_limits limits;
    bool track_subjects;
    struct naive_msg *msg; /* rising sequences */
    size_t count, cap;
    uint64_t last;
    bool used;     /* false: first is 0 */
    uint64_t base; /* first when empty */
    int64_t last_ts;
    bool last_ts_set;
    uint64_t bytes;
};

void naive_init(struct naive_store *n, enum store_kind kind, const struct store_limits *l,
                bool track_subjects);
void naive_free(struct naive_store *n);

uint64_t naive_size(const struct naive_store *n, const struct naive_msg *m);
bool naive_matches(const char *subject, const char *filter);
/* Does the message match one of the filters (count 0: all)? */
bool naive_takes(const struct naive_store *n, const struct naive_msg *m, const char *const *filters,
                 size_t count);
/* Index of the first message with sequence >= seq. */
size_t naive_index(const struct naive_store *n, uint64_t seq);
/* The message of that sequence, or NULL. */
const struct naive_msg *naive_find(const struct naive_store *n, uint64_t seq);

/* m->seq: explicit or 0. */
enum store_rc naive_append(struct naive_store *n, const struct naive_msg *m, bool refuse, bool rollup,
                           uint64_t *seq);
enum store_rc naive_skip(struct naive_store *n, uint64_t first, uint64_t count, int64_t now);
enum store_rc naive_remove(struct naive_store *n, uint64_t seq, bool *removed);
uint64_t naive_purge(struct naive_store *n, const char *filter, uint64_t below, uint64_t keep);
uint64_t naive_compact(struct naive_store *n, uint64_t first);
enum store_rc naive_truncate(struct naive_store *n, uint64_t last, int64_t now);
void naive_drop_range(struct naive_store *n, uint64_t first, uint64_t last);
void naive_update(struct naive_store *n, const struct store_limits *l, int64_t now);
void naive_expire(struct naive_store *n, int64_t now);
/* When the next message is due to expire; STORE_TIME_NONE: never. */
int64_t naive_due(const struct naive_store *n);

void naive_state(const struct naive_store *n, struct store_state *st);

#endif
