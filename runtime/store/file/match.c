#include "store/file/match.h"

struct matcher matcher_of(const struct file_store *fs, struct store_filter f)
{
    if (f.count == 0)
        return (struct matcher){.kind = MATCH_ALL};
    for (size_t i = 0; i < f.count; i++) {
        if (f.subjects[i].len == 0 || slice_eq_str(f.subjects[i], ">"))
            return (struct matcher){.kind = MATCH_ALL};
    }
    if (fs->subjects == NULL)
        return (struct matcher){.kind = MATCH_NOTHING};
    if (f.count == 1 && !store_subject_has_wildcard(f.subjects[0]))
        return (struct matcher){.kind = MATCH_LITERAL, .literal = f.subjects[0]};
    return (struct matcher){.kind = MATCH_SET, .set = f};
}

/* The i-th message of an image when it is live and matches. */
static bool take_match(const struct block *b, const struct image *m, size_t i, const struct matcher *f,
                       struct store_msg *out)
{
    struct record r;
    if (record_peek(image_record(m, i), m->len - m->offsets[i], &r) != RECORD_GOOD ||
        !matcher_takes(f, r.subject) || !block_is_live(b, r.seq))
        return false;
    *out = (struct store_msg){r.seq, r.ts, r.subject, r.hdr, r.data};
    return true;
}

/* The image that holds the block's messages from `from` on: the part in memory when that is enough. */
static enum store_rc image_from(struct block *b, uint64_t from, struct image **m)
{
    if (b->image != NULL && b->image->count > 0 && image_seq(b->image, 0) <= from) {
        *m = b->image;
        image_touch(b->fs->host.cache, *m);
        return STORE_OK;
    }
    return block_load(b, m);
}

enum store_rc walk_up(struct file_store *fs, const struct matcher *f, uint64_t from, uint64_t last,
                      struct store_msg *out)
{
    for (size_t i = block_position(fs, from); f->kind != MATCH_NOTHING && i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        if (b->msgs == 0 || b->last < from)
            continue;
        if (b->first > last)
            break;
        struct image *m;
        enum store_rc rc = image_from(b, from > b->first ? from : b->first, &m);
        if (rc != STORE_OK)
            return rc;
        for (size_t k = image_lower_bound(m, from); k < m->count; k++) {
            if (image_seq(m, k) > last)
                return STORE_EOF;
            if (take_match(b, m, k, f, out))
                return STORE_OK;
        }
    }
    return STORE_EOF;
}

enum store_rc walk_down(struct file_store *fs, const struct matcher *f, uint64_t from, uint64_t first,
                        struct store_msg *out)
{
    size_t i = block_position(fs, from);
    i = i < fs->block_count ? i + 1 : i;
    for (; f->kind != MATCH_NOTHING && i-- > 0;) {
        struct block *b = fs->blocks[i];
        if (b->msgs == 0 || b->first > from)
            continue;
        if (b->last < first)
            break;
        struct image *m = b->image;
        enum store_rc rc = STORE_OK;
        if (m == NULL || m->base > 0) /* the part in memory could miss older ones */
            rc = block_load(b, &m);
        if (rc != STORE_OK)
            return rc;
        image_touch(fs->host.cache, m);
        for (size_t k = image_lower_bound(m, from + 1); k-- > 0;) {
            if (image_seq(m, k) < first)
                return STORE_EOF;
            if (take_match(b, m, k, f, out))
                return STORE_OK;
        }
    }
    return STORE_EOF;
}

static uint64_t live_in(const struct block *b, uint64_t first, uint64_t last)
{
    if (b->msgs == 0 || b->last < first || b->first > last)
        return 0;
    if (first <= b->first && b->last <= last)
        return b->msgs;
    uint64_t n = 0, run_first, run_last;
    for (uint64_t from = first; block_live_run(b, from, &run_first, &run_last) && run_first <= last;
         from = run_last + 1)
        n += (run_last < last ? run_last : last) - run_first + 1;
    return n;
}

static enum store_rc count_in_block(struct block *b, const struct matcher *f, uint64_t first, uint64_t last,
                                    uint64_t *count)
{
    struct image *m;
    struct store_msg msg;
    enum store_rc rc = block_load(b, &m);
    for (size_t k = rc == STORE_OK ? image_lower_bound(m, first) : 0; rc == STORE_OK && k < m->count; k++) {
        if (image_seq(m, k) > last)
            break;
        *count += take_match(b, m, k, f, &msg);
    }
    return rc;
}

enum store_rc walk_count(struct file_store *fs, const struct matcher *f, uint64_t first, uint64_t last,
                         uint64_t *count)
{
    enum store_rc rc = STORE_OK;
    *count = 0;
    for (size_t i = block_position(fs, first); rc == STORE_OK && i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        if (b->msgs == 0)
            continue;
        if (b->first > last)
            break;
        if (f->kind == MATCH_ALL)
            *count += live_in(b, first, last);
        else if (f->kind != MATCH_NOTHING)
            rc = count_in_block(b, f, first, last, count);
    }
    return rc;
}

struct bounds {
    uint64_t first;
    uint64_t last;
};

static bool widen(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct bounds *b = ctx;
    b->first = e->first < b->first ? e->first : b->first;
    b->last = e->last > b->last ? e->last : b->last;
    return true;
}

bool match_bounds(struct file_store *fs, const struct matcher *f, uint64_t *first, uint64_t *last)
{
    struct bounds b = {UINT64_MAX, 0};
    if (f->kind == MATCH_ALL && fs->msg_count > 0) {
        b = (struct bounds){fs->first, fs->last};
    } else if (f->kind == MATCH_LITERAL) {
        struct subject_entry *e = subject_index_find(fs->subjects, f->literal);
        if (e != NULL)
            widen(&b, f->literal, e);
    } else if (f->kind == MATCH_SET) {
        subject_index_match(fs->subjects, f->set.subjects, f->set.count, widen, &b);
    }
    *first = b.first;
    *last = b.last;
    return b.last > 0;
}
