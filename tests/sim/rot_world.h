/* rot_world.h: the inside of rot_model, shared by its files and by nobody else.
 *
 *   rot_model.c    the run, and the judge        rot_damage.c   bits flip, and who may suffer from it
 *   rot_work.c     operations of the stores      rot_world.c    the stores on their disk: up and down
 *
 * All chance comes from the world's scheduler, so a seed replays exactly. */
#ifndef SIM_ROT_WORLD_H
#define SIM_ROT_WORLD_H

#include "sim/crash_book.h"
#include "sim/rot_layout.h"
#include "sim/rot_model.h"
#include "sim/sim_disk.h"
#include "store/consumer_store.h"
#include "store/files.h"

#define SECOND      INT64_C(1000000000)
#define STREAMS_MAX 3
#define DATA_MAX    700
#define REPORT_MAX  400
#define RANGES_MAX  4096

/* A message that was stored once. */
struct rot_fate {
    struct naive_msg m;
    bool live;
    bool fresh; /* it came or went since the stores were opened: the journal alone may know */
    bool hit;   /* its record was hit: it may be gone, */
    bool named; /* ... and told as another one: its sequence was hit */
    bool fuzzy; /* it may be there or not: damage has taken it, or the tombstone that it had */
    bool seen;
};

struct rot_stream {
    struct rot_world *m;
    struct naive_store n;  /* what is there */
    struct rot_fate *fate; /* by rising sequence */
    size_t fates, cap;
    struct store *s;
    struct file_store_options o;
    struct consumer_store *c;
    struct byte_buf c_state; /* as it was closed */
    char name[8], dir[16], obs[32];
    struct rot_layout layout;
    bool block_hit, index_hit, o_dat_hit;
    uint64_t old_last; /* when it was opened */
    bool scarred;      /* blocks were hit before: index.db may have been all that told of the last sequence */
    struct store_lost lost[RANGES_MAX]; /* reported since the store was opened */
    size_t lost_count;
};

/* How the stores went down. */
enum way { WAY_CLOSE, WAY_KILL, WAY_POWER };

struct rot_world {
    const struct rot_model_options *o;
    struct rot_model_counts *counts;
    struct sched *sched;
    struct sim_disk *disk;
    struct storage *storage;
    struct storage_options so;
    struct store_host host;
    struct rot_stream stream[STREAMS_MAX];
    size_t streams;
    enum way way;
    bool journal_hit;
    bool read_rot; /* reads return flipped bits, or have in this life */
    int64_t now;
    uint64_t id, round;
    char report[REPORT_MAX];
};

/* Below n, which is not 0. */
uint64_t rot_below(struct rot_world *m, uint64_t n);
bool rot_one_in(struct rot_world *m, uint64_t n);

#define TRACE(m, ...)                            \
    do {                                         \
        if ((m)->o->trace != NULL)               \
            fprintf((m)->o->trace, __VA_ARGS__); \
    } while (0)

/* The first report of a run stays. */
void rot_fail(struct rot_stream *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rot_want_ok(struct rot_stream *t, const char *what, enum store_rc rc);

/* Disk, storage options and streams, as the seed wants them. Nothing is open yet. */
void rot_make_world(struct rot_world *m);
bool rot_up(struct rot_world *m);
/* Everything is acknowledged when they go: by a close, a kill or with the power. */
void rot_down(struct rot_world *m);
void rot_close_all(struct rot_world *m);

/* rot_work.c: some random operations of all stores. */
void rot_work(struct rot_world *m);

/* rot_damage.c: bits flip now, or in what reads return from here on. */
void rot_damage(struct rot_world *m);
/* The journal was all that had some of what is fresh, and of the tombstones that were written again. */
void rot_hit_fresh(struct rot_stream *t);
void rot_free_damage(struct rot_stream *t);

#endif
