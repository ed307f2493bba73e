/* index_db.h: the full state of a stream as msgs/index.db keeps it (plain form, without encryption and hash).
 *
 * Read and written piece by piece, because a stream can have a million subjects: head, then its subjects, the
 * number of blocks, the blocks, the tail. Versions 1 to 4 are read, 4 is written. A time of 0 means none. */
#ifndef STORE_FORMAT_INDEX_DB_H
#define STORE_FORMAT_INDEX_DB_H

#include "store/format/hash.h"
#include "store/format/seqset.h"

#define INDEX_DB_MIN 32 /* a file shorter than this is none */

enum index_fault {
    INDEX_GOOD,
    INDEX_VERSION,     /* magic or version */
    INDEX_SUBJECT_LEN, /* a subject runs past the end */
    INDEX_DELETES,     /* a delete set is malformed */
    INDEX_SHORT,       /* ends early, or more is claimed than can be there */
    INDEX_NO_MEMORY,
};

struct index_head {
    uint64_t msgs;
    uint64_t bytes;
    uint64_t first;
    int64_t first_ts;
    uint64_t last;
    int64_t last_ts;
    uint64_t subjects;
};

struct index_subject {
    slice subject; /* empty: to be passed over */
    uint64_t msgs;
    uint64_t first_block;
    uint64_t last_block;
};

struct index_block {
    uint64_t index;
    uint64_t bytes; /* of live messages */
    uint64_t first;
    int64_t first_ts;
    uint64_t last;
    int64_t last_ts;
    uint64_t ttls;
    uint64_t schedules;
    struct seqset deleted;
};

struct index_tail {
    uint64_t last_block;
    uint8_t last_sum[STORE_SUM_SIZE];
};

/* Writing. */
void index_put_head(struct byte_buf *, const struct index_head *);
void index_put_subject(struct byte_buf *, const struct index_subject *);
void index_put_block_count(struct byte_buf *, uint64_t count);
void index_put_block(struct byte_buf *, const struct index_block *, int64_t base_ts);
void index_put_tail(struct byte_buf *, const struct index_tail *);

/* Reading, in the same order. The slices point into the bytes given. */
struct index_reader {
    struct byte_reader in;
    uint8_t version;
    int64_t base_ts;
};
enum index_fault index_get_head(struct index_reader *, slice plain, struct index_head *);
enum index_fault index_get_subject(struct index_reader *, struct index_subject *);
enum index_fault index_get_block_count(struct index_reader *, uint64_t *count);
/* On INDEX_GOOD the caller owns block->deleted. */
enum index_fault index_get_block(struct index_reader *, struct index_block *);
enum index_fault index_get_tail(struct index_reader *, struct index_tail *);

#endif
