/* sim_content.h: the bytes of a simulated file, and what a power cut would leave of them.
 *
 * What a reader sees is one flat buffer. Beside it stands a log of the changes since the last sync, each with
 * the bytes that it replaced. A sync forgets the log; a power cut takes every change back in reverse order
 * and plays a seeded choice of them again: none, all, the first ones, or any of them, each whole or torn.
 *
 *     synced bytes  --change 1--> --change 2--> ... --change n-->  what a reader sees
 *                   <--undo-----  <--undo-----      <--undo-----
 *
 * A failed sync is as bad as on Linux: changes may be dropped for good although readers still see them and
 * the next sync reports success. Such changes stay in the log as LOST and vanish at the next cut.
 *
 * Single-threaded, used by sim_disk only. Aborts when out of memory. */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include "sim/sched.h"
#include <sys/uio.h>

/* Above this many logged bytes all is taken as synced: a kernel writes back by itself in the end, too. */
#define SIM_CONTENT_LOG_MAX (256u * 1024 * 1024)

/* How much of what was not synced is left after a power cut. */
enum sim_survival { SIM_NONE, SIM_ALL, SIM_FIRST, SIM_ANY };

struct sim_change;

struct sim_content {
    uint8_t *data;
    size_t size, cap;
    struct sim_change *log;
    size_t log_count, log_cap;
    uint8_t *kept; /* bytes of the log: for each change the old ones, then the new ones */
    size_t kept_size, kept_cap;
    bool has_lost;
};

void sim_content_free(struct sim_content *c);

/* At most `len` bytes of the vector at offset `at`; the gap behind the old end reads as zeros. */
void sim_content_write(struct sim_content *c, const struct iovec *iov, int count, size_t len, uint64_t at);
void sim_content_truncate(struct sim_content *c, uint64_t size);

/* All logged changes are safe, but those that a failed sync has lost. */
void sim_content_sync(struct sim_content *c);
/* A sync that failed: each change is safe, stays unsynced, or is lost. */
void sim_content_sync_failed(struct sim_content *c, struct sched *s);
/* The power is cut: what is left is what readers see from now on. */
void sim_content_crash(struct sim_content *c, struct sched *s);

/* Changes that a power cut could still take back. */
size_t sim_content_unsynced(const struct sim_content *c);

#endif
