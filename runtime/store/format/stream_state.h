/* stream_state.h: the replicated state of a stream: body of its raft snapshots (spec/storage.md section 17).
 *
 * Head, then for each deleted range a block: a run (first, count) or a sequence set. Version 1 is written, 1
 * and 2 are read (the sources that version 2 carries are handed to a callback). */
#ifndef STORE_FORMAT_STREAM_STATE_H
#define STORE_FORMAT_STREAM_STATE_H

#include "store/format/seqset.h"

struct stream_state_head {
    uint64_t msgs;
    uint64_t bytes;
    uint64_t first;
    uint64_t last;
    uint64_t failed;
    uint64_t deleted;
};

void stream_state_put_head(struct byte_buf *, const struct stream_state_head *);
void stream_state_put_run(struct byte_buf *, uint64_t first, uint64_t count);
void stream_state_put_set(struct byte_buf *, const struct seqset *);

typedef void (*stream_state_source_fn)(void *ctx, slice name, uint64_t seq, slice identity);

/* false: malformed. *blocks is what follows the head. */
bool stream_state_get_head(slice bytes, struct stream_state_head *, slice *blocks, stream_state_source_fn,
                           void *ctx);

/* The next delete block: a run with *count > 0, or else a set (which the caller frees). false at the end, and
 * r->bad when something malformed follows. */
bool stream_state_get_block(struct byte_reader *r, uint64_t *first, uint64_t *count, struct seqset *);

#endif
