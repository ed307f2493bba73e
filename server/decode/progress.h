/* progress.h: a bar on the terminal while a large file is read: on standard error, and only when that is a
 * terminal and standard output is not (or the bar would stand between the events). */
#ifndef DECODE_PROGRESS_H
#define DECODE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool on;
    uint64_t total;
    uint64_t begun, shown; /* ns, monotonic */
};

void progress_init(struct progress *p, bool wanted, uint64_t total);
void progress_at(struct progress *p, uint64_t done);
/* All was read: the bar stays, full. Else it is wiped away. */
void progress_end(struct progress *p, bool complete);

#endif
