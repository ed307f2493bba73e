/* storage.h: makes writes durable, many at a time (group commit).
 *
 * Stores hand over runs of bytes for their files; a storage gathers what all stores have handed over
 * meanwhile, writes it, syncs once, and completes the runs in the order of their submission. One group is in
 * work while the next one gathers. Up to `journal_above` dirty files are synced one by one; beyond that the
 * bytes go to one shared journal too, only the journal is synced, and the files follow in the background. A
 * crash leaves what was acknowledged in the files or in the journal; file_store_open puts journalled bytes
 * back into the blocks.
 *
 * Threads. storage_run is called by one thread at a time (a storage thread, or the only thread there is).
 * Each shard has a port: what it submits completes on it, when the shard calls storage_poll. `wake` tells the
 * storage thread that there is work, `notify` tells the shard that completions wait; both may be called from
 * any thread and do nothing but signal. Without a wake hook the storage works inline: storage_submit runs the
 * group itself and storage_poll has its completions at once (tests, simulators, tools).
 *
 * Memory handed over stays untouched until the completion. Errors are -errno. */
#ifndef STORE_STORAGE_H
#define STORE_STORAGE_H

#include "base/disk.h"

struct storage;
struct storage_port;
struct storage_run;

struct storage_options {
    struct disk *disk;
    const char *dir;         /* folder of the journal; created when missing */
    unsigned journal_above;  /* dirty files in a group beyond which the journal is used; 0: 2 */
    uint64_t journal_bytes;  /* size at which a journal segment is retired; 0: 64 MiB */
    void (*wake)(void *ctx); /* NULL: inline */
    void *wake_ctx;
    void (*help)(
        void *ctx); /* called instead of blocking when a store must wait for its job: where there is but one
                       thread, it calls storage_run. NULL: there is a storage thread, wait for it */
};

/* Opens the journal, if one was left behind keeps its entries for the stores to claim. */
int storage_open(const struct storage_options *, struct storage **out);
/* Everything submitted must be completed. Syncs all files still behind, empties the journal, frees. */
int storage_close(struct storage *);

/* A port for one shard. */
struct storage_port *storage_port_new(struct storage *, void (*notify)(void *ctx), void *ctx);
void storage_port_free(struct storage_port *);
/* [owner of the port] Deliver the completions that wait: how many there were. */
size_t storage_poll(struct storage_port *);

/* [storage thread] Work off one group: true when there was one. */
bool storage_run(struct storage *);

#endif
