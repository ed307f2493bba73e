/* side_files.h: the files beside the blocks: thw.db (TTL wheel), sched.db (schedules), sources.db
 * (positions).
 *
 * All three are a version byte 1, a u64 count, a u64 stamp (last sequence + 1 when written) and entries in
 * any order (spec/storage.md section 10). A reader is pulled entry by entry; the slices point into the bytes
 * given. */
#ifndef STORE_FORMAT_SIDE_FILES_H
#define STORE_FORMAT_SIDE_FILES_H

#include "store/format/bytes.h"

enum side_fault {
    SIDE_GOOD,
    SIDE_END,     /* no entry is left */
    SIDE_SHORT,   /* shorter than its head, or an entry is cut off */
    SIDE_VERSION, /* not version 1 */
};

struct side_reader {
    struct byte_reader in;
    uint64_t left;
    uint64_t stamp;
};

struct source_entry {
    slice name; /* "STREAM FILTER TRANSFORM" */
    uint64_t seq;
    slice identity;
};

enum side_fault side_open(struct side_reader *, slice bytes);
enum side_fault side_get_ttl(struct side_reader *, int64_t *expires_ns, uint64_t *seq);
enum side_fault side_get_schedule(struct side_reader *, slice *subject, int64_t *next_ns, uint64_t *seq);
enum side_fault side_get_source(struct side_reader *, struct source_entry *);

void side_put_head(struct byte_buf *, uint64_t count, uint64_t stamp);
void side_put_ttl(struct byte_buf *, int64_t expires_ns, uint64_t seq);
void side_put_schedule(struct byte_buf *, slice subject, int64_t next_ns, uint64_t seq);
void side_put_source(struct byte_buf *, const struct source_entry *);

#endif
