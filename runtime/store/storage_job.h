/* storage_job.h: what a store hands to the storage (storage.h). For the stores, not for their users.
 *
 * A job is one store's step: writes in order, then (when it says so) everything they touched is synced with
 * the folder that got new names, then files that are no longer needed are removed and their folder synced. A
 * store has one job at a time. All memory that a job names belongs to the submitter and stays as it is until
 * `done`. */
#ifndef STORE_STORAGE_JOB_H
#define STORE_STORAGE_JOB_H

#include "store/journal.h"
#include "store/storage.h"

/* A file that is written through the storage. Opened and released by its store; really closed when nothing
 * behind needs it. Only the storage writes and syncs it. */
struct storage_file;

/* Block file number `block` in the msgs folder of the store `dir`. */
int storage_file_open(struct storage_port *, const char *dir, uint32_t block, bool create,
                      struct storage_file **out);
void storage_file_release(struct storage_file *);
/* Owner of the store: space for the file up to `size` bytes; -ENOSPC when there is none. Runs at once. */
int storage_file_reserve(struct storage_file *, uint64_t size);
/* Cut the file to `size`, which also gives back what was reserved beyond. Nothing may be in work for it. */
int storage_file_truncate(struct storage_file *, uint64_t size);

struct storage_write {
    struct storage_file *file;
    uint64_t at;
    const uint8_t *ptr; /* len 0: nothing to write, but the file takes part in the sync */
    size_t len;
};

struct storage_job {
    const struct storage_write *writes;
    size_t write_count;
    bool sync;
    bool direct;           /* ... the files themselves: they hold earlier bytes that were never synced */
    bool settle;           /* sync all that the journal alone holds for the store `dir`, then void it there */
    const char *dir;       /* the store's folder */
    const char *new_names; /* folder to sync before the job is complete; NULL: none */
    const char *const *unlinks; /* paths to remove after the sync, absent ones are fine; NULL: those before it
                                   are gone for good before those behind it go */
    size_t unlink_count;
    const char *unlink_dir;                     /* their folder; with `sync` it is synced after that */
    void (*done)(struct storage_job *, int rc); /* on the port's thread; may submit again */
    bool journaled; /* result: the sync was the journal's; the files follow by themselves */
    bool safe;      /* result: all bytes are, even when something behind them has failed */

    struct storage_job *next; /* from here on the storage's own */
    struct storage_port *port;
    int rc;
};

/* There is no storage thread: storage_submit has done the job when it returns. */
bool storage_is_inline(const struct storage_port *);
void storage_submit(struct storage_port *, struct storage_job *);
/* Wait until a job of this port completes and deliver it (inline: runs the storage). Nothing must be waited
 * for when no job is out. */
void storage_wait(struct storage_port *);

/* What the journal of a crashed process holds for the store: fn for each entry in order. storage_claimed says
 * that all of it is in the blocks and synced (or given up). Any thread. */
int storage_claims(struct storage_port *, const char *dir, journal_claim_fn, void *ctx);
int storage_claimed(struct storage_port *, const char *dir);
bool storage_has_claims(struct storage_port *, const char *dir);

#endif
