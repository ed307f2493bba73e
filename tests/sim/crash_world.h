/* crash_world.h: the inside of crash_model, shared by its files and by nobody else.
 *
 *   crash_model.c   the run: one drawn step after another, and what follows from it
 *   crash_ops.c     what a step may do: operations of a store, of its consumer, and troubles
 *   crash_world.c   the stores on their disk: up, down, recovery, judging
 *
 * All chance comes from the world's scheduler, so a seed replays exactly. */
#ifndef SIM_CRASH_WORLD_H
#define SIM_CRASH_WORLD_H

#include "sim/crash_book.h"
#include "sim/crash_model.h"
#include "sim/sim_disk.h"
#include "store/consumer_store.h"
#include "store/file_store.h"
#include "store/files.h"

#define SECOND      INT64_C(1000000000)
#define STREAMS_MAX 5
#define REPORT_MAX  400
#define MAY_MAX     8

struct crash_world;

struct crash_stream {
    struct crash_world *m;
    struct crash_book book;
    struct store *s;
    struct file_store_options o;
    char dir[32], name[16], obs[64];
    int64_t msgs, bytes;       /* what `changed` has reported since it was opened, on top of the state then */
    bool failed;               /* a write has failed since the last judgement */
    bool hole;                 /* recovery has found damage with sound records behind it */
    uint64_t meta, meta_tried; /* number of the document that must be there, and of one that may be */
    bool destroying;           /* being removed: it may be gone */
    struct consumer_store *c;
    struct byte_buf
        may[MAY_MAX]; /* states that o.dat may hold: the last acknowledged, and what was tried since */
    size_t may_count;
    uint64_t dseq, sseq;
};

struct crash_world {
    const struct crash_model_options *o;
    struct crash_model_counts *counts;
    struct sched *sched;
    struct sim_disk *disk;
    struct storage *storage;
    struct storage_options so;
    struct store_host host;
    struct crash_stream stream[STREAMS_MAX];
    size_t streams;
    bool faulty;      /* rules are at work */
    bool tainted;     /* ... or have been since the last recovery */
    bool cut;         /* the power has gone, as opposed to the process only */
    uint64_t kill_in; /* calls until the process is killed; 0: never */
    int64_t now;
    uint64_t id, step;
    char *report;
};

/* Below n, which is not 0. */
uint64_t crash_below(struct crash_world *m, uint64_t n);
bool crash_one_in(struct crash_world *m, uint64_t n);

#define TRACE(m, ...)                            \
    do {                                         \
        if ((m)->o->trace != NULL)               \
            fprintf((m)->o->trace, __VA_ARGS__); \
    } while (0)

/* Disk, storage options and streams, as the seed wants them. Nothing is open yet. */
void crash_make_world(struct crash_world *m);
/* Open all that is closed. false: something failed on the way; what was opened is closed again by `down`. */
bool crash_up(struct crash_world *m);
void crash_down(struct crash_world *m);
enum store_rc crash_open_stream(struct crash_stream *t);
/* The stream was removed, and a new one of its name begins. */
void crash_begin_anew(struct crash_stream *t);
/* The document that stands for a stream's or a consumer's meta.inf; buf has 64 bytes. */
slice crash_meta_text(uint64_t number, char *buf);
/* The consumer's state is going to be written. false: too many are in doubt already. */
bool crash_consumer_tries(struct crash_stream *t);

bool crash_is_disk_trouble(enum store_rc rc);
void crash_wrong(struct crash_stream *t, const char *what, enum store_rc rc);
void crash_break_disk(struct crash_world *m); /* some calls are going to fail ... */
void crash_heal(struct crash_world *m);       /* ... and none any more */
void crash_go_off(struct crash_world *m, bool power);
/* The store may have lost what was not acknowledged (`power`: the power has gone): judge it, and take its
 * state as the truth. */
void crash_judge(struct crash_stream *t, bool power);
/* The store is what the book says. */
void crash_look(struct crash_stream *t);
/* The disk is off: up again, and judge. */
void crash_after_loss(struct crash_world *m);
/* A write failed: with the disk well again the store says what is left. */
void crash_after_failure(struct crash_stream *t);

/* crash_ops.c */
struct crash_action {
    const char *name;
    void (*run)(struct crash_stream *t);
    unsigned weight;
};
const struct crash_action *crash_pick(struct crash_world *m);
void crash_compact_to(struct crash_stream *t, uint64_t seq);

#endif
