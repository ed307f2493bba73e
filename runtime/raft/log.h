/* log.h: where a raft group keeps its entries.
 *
 * One interface, two implementations: files in the Go server's layout (msgs/N.blk, a message a log index,
 * docs/spec/storage.md sections 5 and 18), and memory. Bodies are encoded append entries; nothing here looks
 * into them. Indexes are first..last; an empty log has last = first - 1.
 *
 * A log belongs to one thread (but raft_log_sync_run). All calls may block on the disk. Results are 0 or
 * -errno; -EBADMSG is damage. After a failed change the log must not be changed any more. */
#ifndef RAFT_LOG_H
#define RAFT_LOG_H

#include "base/disk.h"

#define RAFT_LOG_BLOCK_META ((size_t)1 << 20)
#define RAFT_LOG_BLOCK      ((size_t)4 << 20)

struct raft_log;

struct raft_log_ops {
    int (*append)(struct raft_log *, slice body, int64_t wall_ns);
    int (*truncate)(struct raft_log *, uint64_t last);
    int (*compact)(struct raft_log *, uint64_t index);
    int (*reset)(struct raft_log *, uint64_t index);
    int (*read)(struct raft_log *, uint64_t index, slice *body);
    void (*sync_begin)(struct raft_log *);
    int (*sync_run)(struct raft_log *);
    void (*close)(struct raft_log *);
};

/* Implementations embed this as their first member. */
struct raft_log {
    const struct raft_log_ops *ops;
    uint64_t first, last;
};

/* Encryption at rest (log_keys.h). Copied. */
struct raft_log_keys {
    slice key, prev_key;                              /* the server's; prev_key may be empty */
    void (*random)(void *ctx, void *buf, size_t len); /* bytes fit for keys */
    void *random_ctx;
};

struct raft_log_files {
    struct disk *disk;
    const char *dir;                  /* the group's folder, which exists; copied */
    slice group;                      /* its name, part of the checksums; copied */
    uint64_t block_size;              /* a new file is begun above it */
    uint64_t base;                    /* the snapshot's index: entries up to it are passed over */
    const struct raft_log_keys *keys; /* NULL: not encrypted */
};

/* Open or create. Entries end before the first that is damaged or missing; what lies behind is cut off.
 * *damaged tells whether something was. -ENOKEY, -EKEYREJECTED: it is encrypted; nothing was changed. */
int raft_log_open_files(const struct raft_log_files *config, struct raft_log **out, bool *damaged);
int raft_log_open_memory(uint64_t base, struct raft_log **out);

/* Entry last + 1. It can be read at once and is safe after a sync. */
static inline int raft_log_append(struct raft_log *l, slice body, int64_t wall_ns)
{
    return l->ops->append(l, body, wall_ns);
}
/* Entries above `last` go. */
static inline int raft_log_truncate(struct raft_log *l, uint64_t last)
{
    return l->ops->truncate(l, last);
}
/* Entries up to `index` may go; the first is index + 1 now. */
static inline int raft_log_compact(struct raft_log *l, uint64_t index)
{
    return l->ops->compact(l, index);
}
/* All entries go; the next one is index + 1. */
static inline int raft_log_reset(struct raft_log *l, uint64_t index)
{
    return l->ops->reset(l, index);
}
/* The body lives until the next call. -ENOENT: outside first..last. */
static inline int raft_log_read(struct raft_log *l, uint64_t index, slice *body)
{
    return l->ops->read(l, index, body);
}
/* A sync in two steps, for owners who have a thread to spare: begin notes on the owner's thread what is to be
 * made durable, run does it on any one thread while the owner goes on. One at a time. */
static inline void raft_log_sync_begin(struct raft_log *l)
{
    l->ops->sync_begin(l);
}
static inline int raft_log_sync_run(struct raft_log *l)
{
    return l->ops->sync_run(l);
}
static inline void raft_log_close(struct raft_log *l)
{
    if (l != NULL)
        l->ops->close(l);
}

#endif
