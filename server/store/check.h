/* check.h: everything that can be wrong with a stream's files, said one by one.
 *
 * "Damage" is what costs something: messages, a consumer's state, the stream's start; or would cost it with
 * the next damage beside it. A "note" is what a crash or an older version may leave and a start puts right.
 */
#ifndef STORE_TOOL_CHECK_H
#define STORE_TOOL_CHECK_H

#include "server/store/tree.h"

enum finding_kind { FINDING_DAMAGE, FINDING_NOTE };

struct finding {
    enum finding_kind kind;
    char file[300];  /* relative to the stream's folder; "" for the stream as a whole */
    bool has_offset; /* in the plain form of the file */
    uint64_t offset;
    uint64_t seq; /* 0: none */
    char text[1300];
};

struct block_seen {
    uint32_t index;
    bool readable;
    uint64_t len; /* plain bytes */
    uint64_t messages;
    uint64_t last;       /* highest sequence of its own; 0: none */
    uint8_t last_sum[8]; /* its last bytes */
};

/* Findings of one stream. */
struct check {
    struct tree *tree;
    const struct tree_stream *stream;
    struct opened opened;
    struct finding *findings;
    size_t count;
    size_t cap;
    size_t damages;
    struct block_seen *blocks;
    size_t block_count;
    uint64_t messages; /* that the opened store delivers */
    uint64_t bytes;    /* of files looked at */
};

void check_stream(struct check *, struct tree *, const struct tree_stream *);
void check_free(struct check *);

/* For the parts of a check. `f` tells file, offset and sequence; its text is made here. */
void check_add(struct check *, struct finding f, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* check_files.c: blocks, index.db, the files beside them. */
void check_blocks(struct check *);
void check_index(struct check *);
void check_side_files(struct check *);

#define FINDING(how, ...) ((struct finding){.kind = (how), __VA_ARGS__})

#endif
