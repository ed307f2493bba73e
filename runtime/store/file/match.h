/* match.h: a filter made ready, and the walks over messages that match it. Inside the file store. */
#ifndef STORE_FILE_MATCH_H
#define STORE_FILE_MATCH_H

#include "store/file/fs.h"

struct matcher {
    enum { MATCH_NOTHING, MATCH_ALL, MATCH_LITERAL, MATCH_SET } kind;
    slice literal;
    struct store_filter set;
};

struct matcher matcher_of(const struct file_store *, struct store_filter);

static inline bool matcher_takes(const struct matcher *m, slice subject)
{
    switch (m->kind) {
    case MATCH_NOTHING:
        return false;
    case MATCH_ALL:
        return true;
    case MATCH_LITERAL:
        return slice_eq(subject, m->literal);
    case MATCH_SET:
        break;
    }
    return store_subject_matches_any(subject, m->set.subjects, m->set.count);
}

/* The first match in from..last, the last match in first..from: STORE_EOF when there is none. */
enum store_rc walk_up(struct file_store *, const struct matcher *, uint64_t from, uint64_t last,
                      struct store_msg *);
enum store_rc walk_down(struct file_store *, const struct matcher *, uint64_t from, uint64_t first,
                        struct store_msg *);
/* How many matches lie in first..last. */
enum store_rc walk_count(struct file_store *, const struct matcher *, uint64_t first, uint64_t last,
                         uint64_t *count);
/* Where matches can lie at all, by the subject index: false when there are none. */
bool match_bounds(struct file_store *, const struct matcher *, uint64_t *first, uint64_t *last);

#endif
