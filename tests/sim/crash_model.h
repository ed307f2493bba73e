/* crash_model.h: random work on several file stores that share a storage and a disk, with power cuts, kills
 * and failing calls at any point, also in the middle of a recovery; what is left is judged (crash_book.h).
 *
 * One seed is one run. Without `faults` every call works until the power goes; with them calls fail now and
 * then (EIO, ENOSPC, EMFILE, short writes, a full disk). */
#ifndef SIM_CRASH_MODEL_H
#define SIM_CRASH_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct crash_model_options {
    uint64_t seed;
    uint64_t ops;
    bool faults;
    FILE *trace; /* NULL: none; else each operation, and what it did to the disk */
};

struct crash_model_counts {
    uint64_t ops, cuts, cuts_in_recovery, kills, failures, judged;
};

/* true when nothing was wrong; else `report` says what, and at which step. Counts are added to. */
bool crash_model_run(const struct crash_model_options *o, struct crash_model_counts *counts, char *report,
                     size_t cap);

#endif
