/* sim_tree.h: the names of a simulated disk, and what a power cut would leave of them.
 *
 * Folders map names to nodes. Every change of names (create, remove, rename) is one operation on one or two
 * slots, a slot being (folder, name). Operations since the last sync of their folders are remembered with
 * what the slots held before. A power cut takes all of them back and plays a seeded choice again; an
 * operation is chosen only with all earlier ones on the same slots, so that no file appears under two names
 * and no rename loses what it replaced.
 *
 * Single-threaded, used by sim_disk only. Aborts when out of memory. */
#ifndef SIM_TREE_H
#define SIM_TREE_H

#include "sim/sim_content.h"
#include <midge/slice.h>

#define SIM_NAME_MAX 255
/* Above this many unsynced operations the oldest half is taken as safe. */
#define SIM_PENDING_MAX 1024

struct sim_entry;
struct sim_name_op;

struct sim_node {
    uint32_t refs; /* slots (now or remembered) and open files */
    uint32_t uses; /* of those: slots now and open files; without any it takes no space */
    bool is_dir;
    int64_t mtime_ns;
    struct sim_content content; /* of a file */
    uint64_t reserved;          /* of a file: bytes set aside */
    uint64_t charged;           /* of a file: bytes counted in the tree's `used` */
    const void *locker;         /* of a file: the open file that holds the lock */
    struct sim_entry *entries;  /* of a folder, sorted by name */
    size_t count, cap;
    struct sim_node *next, *prev; /* all nodes, in order of creation */
};

struct sim_entry {
    char *name;
    struct sim_node *node;
};

struct sim_tree {
    struct sim_node *root;
    struct sim_node *first, *last;
    uint64_t used; /* bytes */
    struct sim_name_op *pending;
    size_t pending_count, pending_cap;
};

/* What a path leads to. `name` is not NUL-terminated; `node` is NULL when the name is free. The root has no
 * parent. */
struct sim_place {
    struct sim_node *parent;
    slice name;
    struct sim_node *node;
};

void sim_tree_init(struct sim_tree *t);
void sim_tree_free(struct sim_tree *t);

/* 0, -ENOENT or -ENOTDIR for what lies above, -ENAMETOOLONG, -EINVAL (".." or an empty path). */
int sim_tree_find(struct sim_tree *t, const char *path, struct sim_place *out);

/* A new node, held by one reference of the caller's. */
struct sim_node *sim_node_new(struct sim_tree *t, bool is_dir, int64_t mtime_ns);
void sim_node_drop(struct sim_tree *t, struct sim_node *n);
/* A reference that counts as a use. */
void sim_node_use(struct sim_tree *t, struct sim_node *n);
void sim_node_unuse(struct sim_tree *t, struct sim_node *n);
/* After a change of size or reservation: the bytes counted follow. */
void sim_node_charge(struct sim_tree *t, struct sim_node *n);

/* The caller has checked that these make sense. */
void sim_tree_set(struct sim_tree *t, const struct sim_place *at, struct sim_node *n); /* NULL: remove */
void sim_tree_move(struct sim_tree *t, const struct sim_place *from, const struct sim_place *to);
bool sim_tree_holds(const struct sim_node *dir, const struct sim_node *n); /* dir is n or above it */

/* The names of a folder are safe, and with them what they depend on. */
void sim_tree_sync(struct sim_tree *t, const struct sim_node *dir);
void sim_tree_sync_all(struct sim_tree *t);
void sim_tree_crash(struct sim_tree *t, struct sched *s);

#endif
