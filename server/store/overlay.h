/* overlay.h: a disk that shows another one and keeps every change to itself, in memory.
 *
 * Through it a store opens, recovers and even repairs itself as a server's start would, and the folder below
 * stays as it is to the byte. Files are copied when they are opened for writing; a name that is only moved
 * keeps reading from below. Owner: one thread. What is written counts against `limit`, beyond which writes
 * fail with -ENOSPC. */
#ifndef STORE_TOOL_OVERLAY_H
#define STORE_TOOL_OVERLAY_H

#include "base/disk.h"

/* NULL: out of memory. */
struct disk *overlay_new(struct disk *below, uint64_t limit);
/* Every file must be closed. */
void overlay_free(struct disk *);

#endif
