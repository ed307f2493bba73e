/* journal.h: the shared journal that takes the sync when many block files are dirty. For storage.c.
 *
 * A row of segment files (<dir>/midge.journal.GENERATION, decimal). Each holds a header and entries: bytes
 * that belong at an offset of a block of a store, or "void", which cancels all earlier entries of a store. A
 * group of entries is one write and one sync. A segment is retired when every file whose bytes it holds has
 * been synced itself.
 *
 *   header  "MIDGEJNL" | u32 version 1 | u32 0 | u64 generation | 16 bytes salt | u64 sum
 *   entry   u32 size | u16 path length | u16 kind (1 bytes, 2 void) | u64 generation | u32 block | u32 0 |
 * u64 offset | path | bytes | u64 sum          (size counts all of it; sums are HighwayHash-64 keyed by the
 * salt)
 *
 * What a crash leaves: segments whose entries are good up to the first that is not (torn, or of an older
 * generation in a reused file). At open they are read into memory as claims, by store; a store claims its own
 * when it is opened.
 *
 * The claims are used under a lock of the caller's, everything else by one thread at a time. Errors are
 * -errno. */
#ifndef STORE_JOURNAL_H
#define STORE_JOURNAL_H

#include "base/disk.h"
#include "store/format/bytes.h"

#define JOURNAL_PREFIX "midge.journal."

struct journal;
struct storage_file;

struct journal_entry {
    slice path; /* the store's folder; on disk relative to the journal's when it lies below that */
    uint32_t block;
    uint64_t offset;
    slice bytes;
    bool is_void;
};

/* `dir` must exist or be creatable. Leftovers become claims. */
int journal_open(struct disk *, const char *dir, uint64_t segment_bytes, struct journal **out);
/* With `clean` every file behind it is synced: the segments go, but for those with claims nobody has taken.
 */
int journal_close(struct journal *, bool clean);

/* Collect entries, then write and sync them as one group. After a failure the group's bytes may or may not be
 * there. */
void journal_add(struct journal *, const struct journal_entry *);
int journal_flush(struct journal *);
size_t journal_group_size(const struct journal *);

/* The generation that takes entries now; `full` when the next group begins a new one. */
uint64_t journal_generation(const struct journal *);
bool journal_is_full(const struct journal *);
/* Begin a new segment. */
int journal_roll(struct journal *);
/* All segments up to this generation are no longer needed. */
int journal_retire(struct journal *, uint64_t generation);

/* Claims: call fn for each entry of the store, in order, until it returns non-zero, which is then the result.
 */
typedef int (*journal_claim_fn)(void *ctx, const struct journal_entry *);
int journal_claims(struct journal *, slice path, journal_claim_fn, void *ctx);
/* The store's claims are settled. Leftover segments without claims are removed. */
int journal_claimed(struct journal *, slice path);
bool journal_has_claims(struct journal *, slice path);

#endif
