/* sim_disk.h: a disk in memory that fails as real ones do.
 *
 * It implements base/disk.h. Without being told it behaves like a sound disk; it can be told to
 *
 *  - lose power, at once (sim_disk_crash) or in the middle of the n-th call from now (sim_disk_cut_at):
 *    changes of files that were not synced survive or not, whole or torn at any byte, in any combination
 *    (sim_content.h); new, renamed and removed names survive or not unless their folder was synced. A rename
 *    is one step, and the order of changes to one name is kept; nothing else is. A file is safe only when
 *    both its bytes (disk_sync) and its name (disk_sync_dir of the folder) are, and that of the folders
 * above;
 *  - lose the process (sim_disk_kill): everything written is kept, only handles and locks go;
 *  - fail calls: the n-th one, by chance, by path, with any error. A failing write may have written a part, a
 *    failing sync may have dropped changes for ever (as Linux does);
 *  - be full (capacity) or out of descriptors (max_open);
 *  - rot: flip bits, for ever or in what one read returns.
 *
 * After a power cut or kill the disk is off: every call fails with -EIO, open handles are dead, and only
 * disk_close of them does its work. The test tears its server down, then sim_disk_start lets the next life
 * begin.
 *
 * Single-threaded. All chance comes from the schedule given, which must outlive the disk; sound operation
 * draws nothing from it but the order of disk_list. Paths: relative ones count from the root; ".." is
 * -EINVAL. mtime is SIM_EPOCH_NS + the schedule's time. Calls take no virtual time; on_call may account for
 * it. Aborts when the machine itself is out of memory. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "base/disk.h"
#include "sim/sched.h"

#define SIM_EPOCH_NS  INT64_C(1767225600000000000) /* wall clock at virtual time 0: 2026-01-01T00:00:00Z */
#define SIM_RULES_MAX 16
#define SIM_FILE_MAX  (UINT64_C(1) << 32) /* beyond: -EFBIG */

enum sim_disk_op {
    SIM_OPEN,
    SIM_CLOSE,
    SIM_READ,
    SIM_WRITE,
    SIM_TRUNCATE,
    SIM_RESERVE,
    SIM_SYNC,
    SIM_STAT, /* of a path or a file */
    SIM_RENAME,
    SIM_UNLINK,
    SIM_MKDIR,
    SIM_RMDIR,
    SIM_LIST,
    SIM_SYNC_DIR,
    SIM_LOCK,
    SIM_SPACE,
    SIM_OP_COUNT
};
#define SIM_OP(op)  (1u << (op))
#define SIM_ALL_OPS (SIM_OP(SIM_OP_COUNT) - 1)
/* Those that change something. */
#define SIM_CHANGING_OPS                                                                                     \
    (SIM_OP(SIM_WRITE) | SIM_OP(SIM_TRUNCATE) | SIM_OP(SIM_SYNC) | SIM_OP(SIM_RENAME) | SIM_OP(SIM_UNLINK) | \
     SIM_OP(SIM_MKDIR) | SIM_OP(SIM_RMDIR) | SIM_OP(SIM_SYNC_DIR) | SIM_OP(SIM_OPEN))

/* Calls that fail. A call matches when its kind is in `ops` and its path (as the caller wrote it; for a file
 * the path of its open) matches the shell pattern `path` ("*" also matches "/"; NULL: any). */
struct sim_disk_rule {
    unsigned ops;     /* SIM_OP bits */
    const char *path; /* kept by pointer */
    uint64_t after;   /* matching calls that still succeed */
    uint64_t times;   /* then so many matching ones fail; 0: all */
    unsigned one_in;  /* ... each by chance 1/one_in; 0 and 1: always */
    int error;        /* -EIO, -ENOSPC, -EMFILE ... */
};

struct sim_disk_counts {
    uint64_t calls[SIM_OP_COUNT];
    uint64_t changing; /* calls in SIM_CHANGING_OPS: what sim_disk_cut_at counts */
    uint64_t bytes_read, bytes_written;
    uint64_t faults; /* calls failed by a rule */
    uint64_t crashes, kills;
};

struct sim_disk;

struct sim_disk *sim_disk_new(struct sched *s);
/* Every handle must be closed. */
void sim_disk_free(struct sim_disk *d);
/* The same object as base/disk.h wants it. */
struct disk *sim_disk_base(struct sim_disk *d);

/* Bytes that fit (0: no bound) and files open at once (0: no bound). */
void sim_disk_limit(struct sim_disk *d, uint64_t capacity, unsigned max_open);
/* Add a rule; at most SIM_RULES_MAX. The first that hits decides. */
void sim_disk_fail(struct sim_disk *d, struct sim_disk_rule rule);
/* Forget all rules. */
void sim_disk_heal(struct sim_disk *d);
/* Called before each call is made. */
void sim_disk_on_call(struct sim_disk *d,
                      void (*fn)(void *ctx, enum sim_disk_op op, const char *path, uint64_t bytes),
                      void *ctx);

/* Cut the power now. */
void sim_disk_crash(struct sim_disk *d);
/* Cut it in the n-th changing call from now (1: the next), before or after that call took effect; 0: never.
 */
void sim_disk_cut_at(struct sim_disk *d, uint64_t n);
/* The process is gone; the machine lives. */
void sim_disk_kill(struct sim_disk *d);
bool sim_disk_is_off(const struct sim_disk *d);
/* Power (or the process) is back. Rules and limits stay as they were. */
void sim_disk_start(struct sim_disk *d);

/* Flip bits of a byte, for ever: 0, or -ENOENT, or -EINVAL beyond the end. */
int sim_disk_flip(struct sim_disk *d, const char *path, uint64_t at, uint8_t mask);
/* A random place in a random non-empty file whose path (from the root, "/a/b") matches, to be flipped: false
 * when there is none. `path` has DISK_PATH_MAX bytes. */
bool sim_disk_pick(struct sim_disk *d, const char *pattern, char *path, uint64_t *at);
/* Flip random bits of one byte (rarely only one, which the store can mend) in one random non-empty file whose
 * path (from the root, "/a/b") matches: false when there is none. The place is told when `path`
 * (DISK_PATH_MAX bytes) and `at` are not NULL. */
bool sim_disk_rot(struct sim_disk *d, const char *pattern, char *path, uint64_t *at);

/* From now on a read of a file whose path matches (as in a rule) returns one flipped bit, with chance
 * 1/one_in (0: never again); the file stays as it is. `fn` is told of the place before, and may say false to
 * spare it; its own reads return what is there. */
void sim_disk_rot_reads(struct sim_disk *d, const char *pattern, unsigned one_in,
                        bool (*fn)(void *ctx, const char *path, uint64_t at), void *ctx);

/* Make a folder and those above it, safe at once. Aborts when a file is in the way. */
void sim_disk_mkdirs(struct sim_disk *d, const char *path);

const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *d);
uint64_t sim_disk_used(const struct sim_disk *d); /* bytes */
/* A hash of all that a reader can see: names, sizes and bytes. */
uint64_t sim_disk_digest(const struct sim_disk *d);

#endif
