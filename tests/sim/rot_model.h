/* rot_model.h: random work on file stores whose disk rots: bits of blocks, block keys, index.db, o.dat and
 * the journal flip while nothing runs, or in what a read returns while a store is opened and looked at.
 *
 * Which records were hit is known (rot_layout.h), so it can be judged that
 *  - every store opens, and every message that was not hit is there, byte for byte;
 *  - a message that was hit is that message or not there, and then reported; no report names one that is
 *    there; what was removed stays removed unless its tombstone was hit;
 *  - the last sequence stays what it was unless every record that tells of it was hit (and index.db does not
 *    tell), so that none is given twice;
 *  - a second opening finds the same.
 *
 * The stores have no limits: what a limit removes leaves no record. One seed is one run. */
#ifndef SIM_ROT_MODEL_H
#define SIM_ROT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct rot_model_options {
    uint64_t seed;
    uint64_t rounds; /* of work, damage and a look */
    FILE *trace;     /* NULL: none */
};

struct rot_model_counts {
    uint64_t ops, flips, read_flips, lost, back, judged;
};

/* true when nothing was wrong; else `report` says what. Counts are added to. */
bool rot_model_run(const struct rot_model_options *o, struct rot_model_counts *counts, char *report,
                   size_t cap);

#endif
