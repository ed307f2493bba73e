/* sched.h: the one deterministic scheduler of all simulations.
 *
 * A schedule is a heap of events over virtual time, and the one random generator of a run. Events due at the
 * same moment run in an order drawn from the seed, so that one seed is one exact history and many seeds are
 * many interleavings. Single-threaded; nothing here reads a real clock. Times are nanoseconds from 0. */
#ifndef SIM_SCHED_H
#define SIM_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sched;

typedef void (*sched_fn)(void *ctx);

struct sched *sched_new(uint64_t seed);
void sched_free(struct sched *s); /* pending events are dropped, not run */

uint64_t sched_seed(const struct sched *s);
int64_t sched_now(const struct sched *s);
uint64_t sched_steps(const struct sched *s); /* events run so far */

/* Run fn(ctx) `delay` from now (negative counts as 0). The id, never 0, cancels it. */
uint64_t sched_after(struct sched *s, int64_t delay, sched_fn fn, void *ctx);
/* true when the event was still pending. */
bool sched_cancel(struct sched *s, uint64_t id);

/* Run the next event, moving time to it: false when none is left. */
bool sched_step(struct sched *s);
/* Run all events up to that time and set the clock to it. Returns how many ran; stops at max_steps. */
uint64_t sched_run_until(struct sched *s, int64_t until, uint64_t max_steps);

/* The run's randomness. */
uint64_t sched_rand(struct sched *s);
uint64_t sched_below(struct sched *s, uint64_t n);              /* uniform in 0..n-1; n > 0 */
int64_t sched_between(struct sched *s, int64_t lo, int64_t hi); /* uniform in lo..hi */
bool sched_chance(struct sched *s, double p);
void sched_bytes(void *sched, void *buf,
                 size_t len); /* for whoever takes a function that gives random bytes */

#endif
