/* epoch.h: reading shared structures without a lock, and freeing what readers may still see.
 *
 * A domain is shared by all threads that read the same structures. Each of them (a loop, a shard, the control
 * thread) owns one reader record; there are no thread-locals, so many records may live in one thread, as in
 * the simulator. A reader is `online` between epoch_enter and epoch_leave and may only then follow shared
 * pointers. Who unlinks an object hands it to epoch_retire of its own record; it is freed by a later
 * epoch_collect of that record, after every reader that was online at the retirement has gone offline.
 *
 * Costs: enter is one atomic exchange on a line that the reader owns, leave one store, retire three plain
 * stores. Retired objects carry an epoch_node, so retirement cannot fail and allocates nothing.
 *
 * Why it is correct. A batch of retired objects is stamped by a fetch_add on the domain's counter after they
 * were unlinked. A reader publishes the counter's value that it loaded. A collector reads each record by a
 * read-modify-write: either it finds a value above the stamp (the reader loaded the counter after the
 * stamping, so it sees the unlinking), or 0 and then the reader's next exchange reads from that
 * read-modify-write and again sees the unlinking. No fence is needed, and TSan can follow all of it.
 *
 * Bounds: nothing is freed while one reader stays online, so a turn of a loop must be short; epoch_backlog
 * tells how much waits, and who produces garbage should pause above EPOCH_BACKLOG_HIGH. epoch_collect frees
 * at most `budget` objects a call. */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    EPOCH_BATCHES = 8,          /* stamped batches that a record keeps; later garbage joins the newest */
    EPOCH_BACKLOG_HIGH = 65536, /* objects of one record above which its owner should pause making more */
    EPOCH_COLLECT_TURN = 1024,  /* a good budget for one turn of a loop */
};

/* Inside every object that is retired. May share its bytes (a union) with what only writers use. */
struct epoch_node {
    struct epoch_node *next;
    void (*free_fn)(struct epoch_node *);
};

struct epoch_list {
    struct epoch_node *head;
    struct epoch_node *tail;
    size_t count;
};

struct epoch_batch {
    struct epoch_list list;
    uint64_t stamp; /* free once every online reader is above it */
};

/* One thread of control. Its owner alone calls the functions that take it. */
struct epoch_reader {
    alignas(64) _Atomic uint64_t at; /* 0: offline, else the domain's counter at epoch_enter */
    bool online;                     /* the owner's own view of `at`, cheaper to test */
    struct epoch_domain *domain;
    struct epoch_reader *next;               /* the domain's records, under its lock */
    struct epoch_list fresh;                 /* retired, not yet stamped */
    struct epoch_batch batch[EPOCH_BATCHES]; /* a ring, oldest first */
    unsigned first, used;
    size_t backlog;
};

struct epoch_domain {
    alignas(64) _Atomic uint64_t counter; /* starts at 1, grows with every stamped batch */
    pthread_mutex_t lock;                 /* guards the list of records and the orphans */
    struct epoch_reader *readers;
    struct epoch_list orphans; /* garbage of records that left, stamped as one batch */
    uint64_t orphans_stamp;
};

void epoch_domain_init(struct epoch_domain *d);

/* Frees what orphans wait; every record must have left. */
void epoch_domain_close(struct epoch_domain *d);

/* [any] Adds a record (offline). The memory is the caller's and must stay until epoch_reader_leave. */
void epoch_reader_join(struct epoch_reader *r, struct epoch_domain *d);

/* [owner] Takes the record out. It must be offline; its garbage passes to the domain and is freed by the
 * collecting of others or by epoch_domain_close. */
void epoch_reader_leave(struct epoch_reader *r);

/* [owner] From here shared pointers may be followed. Does nothing when the record is online. */
static inline void epoch_enter(struct epoch_reader *r)
{
    if (!r->online) {
        uint64_t now = atomic_load(&r->domain->counter);
        (void)atomic_exchange(&r->at, now);
        r->online = true;
    }
}

/* [owner] No shared pointer is kept beyond this. Does nothing when the record is offline. */
static inline void epoch_leave(struct epoch_reader *r)
{
    if (r->online) {
        r->online = false;
        atomic_store_explicit(&r->at, 0, memory_order_release);
    }
}

/* [owner, online or offline] Free the object that holds `node` by free_fn when no reader can see it any
 * more. It must have been unlinked from everything shared before. free_fn runs in an epoch_collect of this
 * record (or of another one after this left), may retire nothing and must not block. */
static inline void epoch_retire(struct epoch_reader *r, struct epoch_node *node,
                                void (*free_fn)(struct epoch_node *))
{
    node->next = NULL;
    node->free_fn = free_fn;
    if (r->fresh.tail != NULL)
        r->fresh.tail->next = node;
    else
        r->fresh.head = node;
    r->fresh.tail = node;
    r->fresh.count++;
    r->backlog++;
}

/* [owner] Frees up to `budget` retired objects that no reader can see; returns how many. Best called offline
 * (at the end of a turn): a record that is online holds back its own garbage. */
size_t epoch_collect(struct epoch_reader *r, size_t budget);

/* [owner] Objects that this record has retired and not yet freed. */
static inline size_t epoch_backlog(const struct epoch_reader *r)
{
    return r->backlog;
}

#endif
