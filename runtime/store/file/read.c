/* Messages out. */
#include "store/file/match.h"

enum store_rc fs_load(struct store *s, uint64_t seq, struct store_msg *m)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (seq == 0)
        seq = fs->first;
    if (seq > fs->last)
        return STORE_EOF;
    struct block *b = block_of(fs, seq);
    return b == NULL || !block_is_live(b, seq) ? STORE_NOT_FOUND : block_message(b, seq, m);
}

enum store_rc fs_subject_at(struct store *s, uint64_t seq, slice *subject)
{
    struct store_msg m;
    enum store_rc rc = fs_load(s, seq, &m);
    if (rc == STORE_OK)
        *subject = m.subject;
    return rc == STORE_EOF ? STORE_NOT_FOUND : rc;
}

static enum store_rc nothing(uint64_t *skip, uint64_t value)
{
    if (skip != NULL)
        *skip = value;
    return STORE_EOF;
}

/* A subject's first or last message was found, by a walk from the bound there was: no need to look again. */
static void keep_first(struct file_store *fs, slice subject, uint64_t seq)
{
    struct subject_entry *e = subject_index_find(fs->subjects, subject);
    e->first = seq;
    e->first_bound = false;
}

static void keep_last(struct file_store *fs, slice subject, uint64_t seq)
{
    struct subject_entry *e = subject_index_find(fs->subjects, subject);
    e->last = seq;
    e->last_bound = false;
}

/* A walk for a sparse set may be long: the subject index can say where it starts or that it ends in nothing.
 * Asking it costs its own time, so a walk of one block is tried first. */
static enum store_rc next_of_set(struct file_store *fs, const struct matcher *f, uint64_t from,
                                 struct store_msg *m)
{
    size_t i = block_position(fs, from);
    uint64_t near = i < fs->block_count ? fs->blocks[i]->last : fs->last, first, last;
    enum store_rc rc = walk_up(fs, f, from, near, m);
    if (rc != STORE_EOF)
        return rc;
    if (!match_bounds(fs, f, &first, &last) || last <= near)
        return STORE_EOF;
    return walk_up(fs, f, first > near ? first : near + 1, last, m);
}

enum store_rc fs_next(struct store *s, struct store_filter filter, uint64_t from, struct store_msg *m,
                      uint64_t *skip)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    struct matcher f = matcher_of(fs, filter);
    uint64_t first = 0, last = fs->last;
    if (from < fs->first)
        from = fs->first;
    if (fs->msg_count == 0 || from > fs->last)
        return nothing(skip, fs->last);
    enum store_rc rc;
    if (f.kind == MATCH_SET) {
        rc = next_of_set(fs, &f, from, m);
    } else {
        rc = match_bounds(fs, &f, &first, &last) && last >= from
                 ? walk_up(fs, &f, from > first ? from : first, last, m)
                 : STORE_EOF;
    }
    if (rc == STORE_OK && f.kind == MATCH_LITERAL && from <= first)
        keep_first(fs, f.literal, m->seq);
    return rc == STORE_EOF ? nothing(skip, fs->last) : rc;
}

/* The same downwards. */
static enum store_rc prev_of_set(struct file_store *fs, const struct matcher *f, uint64_t from,
                                 struct store_msg *m)
{
    size_t i = block_position(fs, from);
    uint64_t near = i < fs->block_count ? fs->blocks[i]->first : last_block(fs)->first, first, last;
    enum store_rc rc = walk_down(fs, f, from, near, m);
    if (rc != STORE_EOF)
        return rc;
    if (!match_bounds(fs, f, &first, &last) || first >= near)
        return STORE_EOF;
    from = from < near ? from : near - 1;
    return walk_down(fs, f, from < last ? from : last, first, m);
}

enum store_rc fs_prev(struct store *s, struct store_filter filter, uint64_t from, struct store_msg *m,
                      uint64_t *skip)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    struct matcher f = matcher_of(fs, filter);
    uint64_t first = 0, last = 0;
    if (from > fs->last)
        from = fs->last;
    if (fs->msg_count == 0 || from < fs->first)
        return nothing(skip, fs->first);
    enum store_rc rc;
    if (f.kind == MATCH_SET) {
        rc = prev_of_set(fs, &f, from, m);
    } else {
        rc = match_bounds(fs, &f, &first, &last) && first <= from
                 ? walk_down(fs, &f, from < last ? from : last, first, m)
                 : STORE_EOF;
    }
    if (rc == STORE_OK && f.kind == MATCH_LITERAL && from >= last)
        keep_last(fs, f.literal, m->seq);
    return rc == STORE_EOF ? nothing(skip, fs->first) : rc;
}

enum store_rc fs_load_last(struct store *s, slice filter, struct store_msg *m)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (filter.len == 0 || slice_eq_str(filter, ">")) {
        enum store_rc rc = fs->last == 0 ? STORE_NOT_FOUND : fs_load(s, fs->last, m);
        return rc == STORE_EOF ? STORE_NOT_FOUND : rc;
    }
    struct store_filter f = {&filter, 1};
    enum store_rc rc = fs_prev(s, f, fs->last, m, NULL);
    return rc == STORE_EOF ? STORE_NOT_FOUND : rc;
}

/* The matches of one block from `from` on. */
static enum store_rc batch_of(struct block *b, const struct matcher *f, uint64_t from, struct store_msg *out,
                              size_t max, size_t *count, uint64_t *next)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    if (rc != STORE_OK)
        return rc;
    *next = b->last + 1;
    for (size_t i = image_lower_bound(m, from); i < m->count; i++) {
        if (record_peek(image_record(m, i), m->len - m->offsets[i], &r) != RECORD_GOOD || r.seq > b->last)
            break;
        if (!block_is_live(b, r.seq) || !matcher_takes(f, r.subject))
            continue;
        if (*count == max) {
            *next = r.seq;
            break;
        }
        out[(*count)++] = (struct store_msg){r.seq, r.ts, r.subject, r.hdr, r.data};
    }
    return STORE_OK;
}

enum store_rc fs_batch(struct store *s, struct store_filter filter, uint64_t from, struct store_msg *out,
                       size_t max, size_t *count, uint64_t *next)
{
    struct file_store *fs = fs_of(s);
    *count = 0;
    *next = fs->last + 1;
    if (fs->closed)
        return STORE_CLOSED;
    struct matcher f = matcher_of(fs, filter);
    uint64_t first, last;
    if (from < fs->first)
        from = fs->first;
    if (max == 0)
        return STORE_INVALID;
    if (fs->msg_count == 0 || from > fs->last)
        return STORE_EOF;
    if (f.kind != MATCH_SET) { /* where to look is known at once */
        if (!match_bounds(fs, &f, &first, &last) || last < from)
            return STORE_EOF;
        from = from > first ? from : first;
    }
    size_t i = block_position(fs, from);
    while (i < fs->block_count && fs->blocks[i]->msgs == 0)
        i++;
    if (i == fs->block_count)
        return STORE_EOF;
    enum store_rc rc = batch_of(fs->blocks[i], &f, from, out, max, count, next);
    if (rc == STORE_OK && *count == 0) { /* the next ones may be far away */
        if (!match_bounds(fs, &f, &first, &last) || last < *next) {
            *next = fs->last + 1;
            return STORE_EOF;
        }
        *next = *next > first ? *next : first;
    }
    return rc;
}

/* Timestamps are taken as rising: the first block that ends at or behind ts, and in it the first such
 * message. */
enum store_rc fs_seq_from_time(struct store *s, int64_t ts, uint64_t *seq)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    *seq = fs->last + 1;
    for (size_t i = 0; i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        if (b->msgs == 0 || b->last_ts < ts)
            continue;
        struct image *m;
        struct record r;
        enum store_rc rc = block_load(b, &m);
        if (rc != STORE_OK)
            return rc;
        for (size_t k = 0; k < m->count; k++) {
            if (record_peek(image_record(m, k), m->len - m->offsets[k], &r) == RECORD_GOOD && r.ts >= ts &&
                block_is_live(b, r.seq)) {
                *seq = r.seq;
                return STORE_OK;
            }
        }
    }
    return STORE_OK;
}
