/* schedule_table.h: which subjects of a stream hold a schedule, and when each fires next.
 *
 * At most one schedule a subject: that of its newest message. The table knows no headers and no patterns:
 * whoever stores messages reads those and tells it what they say (struct schedule_message), and tells it what
 * was removed. A schedule that has fired is in flight and does not fire again until a message moves it, a
 * newer one replaces it, or all flights are called off.
 *
 * sched.db is a picture of it with a stamp, the first sequence that it does not know of (spec/storage.md
 * sections 10 and 11.4); without one, or behind its stamp, the messages are read.
 *
 * One owner. Times are nanoseconds of the Unix epoch, and arguments. Memory: about 100 bytes an entry and its
 * subject. Slices that are handed out are valid until the next change. */
#ifndef STORE_SCHEDULE_TABLE_H
#define STORE_SCHEDULE_TABLE_H

#include "store/format/side_files.h"
#include "store/store.h"

struct schedule_table;

/* What a stored message says of schedules. */
struct schedule_message {
    uint64_t seq;
    slice subject;
    int64_t next;    /* when its own schedule fires first; STORE_TIME_NONE: it has none that is valid */
    slice scheduler; /* Nats-Scheduler: the subject of the schedule that made it; empty: none did */
    int64_t move_to; /* Nats-Schedule-Next, a time; STORE_TIME_NONE: absent or "purge" */
    bool purge;      /* Nats-Schedule-Next is "purge" */
};

/* NULL when out of memory. `seed` keys the hash of the subjects. */
struct schedule_table *schedule_table_new(const uint8_t seed[16]);
void schedule_table_free(struct schedule_table *);
size_t schedule_table_count(const struct schedule_table *);
/* false when the subject holds no schedule. */
bool schedule_table_find(const struct schedule_table *, slice subject, uint64_t *seq, int64_t *next);

/* In the order of sequences. STORE_NO_MEMORY: nothing has changed. */
enum store_rc schedule_table_stored(struct schedule_table *, const struct schedule_message *);
/* That message is gone; its entry goes unless a newer message has taken it over. */
void schedule_table_removed(struct schedule_table *, slice subject, uint64_t seq);
/* Many are gone: keep the entries whose message the store still has. */
void schedule_table_removed_many(struct schedule_table *, struct store *);

/* When the next schedule fires that is not in flight: false when there is none. */
bool schedule_table_due(const struct schedule_table *, int64_t *at);
/* One whose time has come is in flight now: false when there is none. The earliest first, then by sequence.
 */
bool schedule_table_fire(struct schedule_table *, int64_t now, slice *subject, uint64_t *seq);
/* No flight will land (another leads now): what has fired may fire again. */
void schedule_table_reset(struct schedule_table *);

/* The bytes of sched.db. `last`: the last sequence that the table knows of. */
void schedule_table_encode(const struct schedule_table *, uint64_t last, struct byte_buf *out);

/* Fill in what the message says. */
typedef void (*schedule_read_fn)(void *ctx, const struct store_msg *, struct schedule_message *);
/* Fill an empty table: from the bytes of sched.db as far as they go, then from the store's messages. *from is
 * the first message that had to be read, 0 when none had to. A file that cannot be decoded counts as none
 * (*fault says why). */
enum store_rc schedule_table_recover(struct schedule_table *, struct store *, slice file, schedule_read_fn,
                                     void *ctx, uint64_t *from, enum side_fault *fault);

#endif
