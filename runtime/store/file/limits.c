/* What a stream may hold. */
#include "store/file/match.h"

static bool over(int64_t limit, uint64_t value)
{
    return limit > 0 && value > (uint64_t)limit;
}

static bool reached(int64_t limit, uint64_t value)
{
    return limit > 0 && value >= (uint64_t)limit;
}

/* The size of the subject's oldest message; 0 when that is lost. */
static enum store_rc oldest_size(struct file_store *fs, slice subject, struct subject_entry *e,
                                 uint64_t *size)
{
    struct store_msg m;
    *size = 0;
    enum store_rc rc = fs_exact_first(fs, subject, e);
    struct block *b = rc == STORE_OK ? block_of(fs, e->first) : NULL;
    if (b != NULL)
        rc = block_message(b, e->first, &m);
    if (b != NULL && rc == STORE_OK)
        *size = record_size(m.subject.len, m.hdr.len, m.data.len);
    return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

enum store_rc fs_check_new(struct file_store *fs, const struct store_append *a, uint64_t size)
{
    const struct store_limits *l = &fs->limits;
    if (l->discard != STORE_DISCARD_NEW)
        return STORE_OK;
    struct subject_entry *e = NULL;
    if (l->max_per_subject > 0 && fs->subjects != NULL && a->subject.len > 0)
        e = subject_index_find(fs->subjects, a->subject);
    bool subject_full = e != NULL && reached(l->max_per_subject, e->msgs);
    if (subject_full && l->discard_new_per_subject && !a->rollup)
        return STORE_MAX_PER_SUBJECT;
    if (reached(l->max_msgs, fs->msg_count) && !subject_full)
        return STORE_MAX_MSGS;
    if (!over(l->max_bytes, fs->byte_count + size))
        return STORE_OK;
    uint64_t oldest = 0;
    enum store_rc rc = subject_full ? oldest_size(fs, a->subject, e, &oldest) : STORE_OK;
    return rc == STORE_OK && oldest < size ? STORE_MAX_BYTES : rc;
}

/* The first block may go whole: its messages are all too many by the message or the byte limit. */
static bool whole_block_goes(const struct file_store *fs, const struct block *b)
{
    return !is_last(b) && (over(fs->limits.max_msgs, fs->msg_count - b->msgs) ||
                           over(fs->limits.max_bytes, fs->byte_count - b->bytes));
}

enum store_rc fs_enforce(struct file_store *fs)
{
    const struct store_limits *l = &fs->limits;
    if (l->discard != STORE_DISCARD_OLD)
        return STORE_OK;
    while (fs->msg_count > 0 && (over(l->max_msgs, fs->msg_count) || over(l->max_bytes, fs->byte_count))) {
        struct block *b = block_of(fs, fs->first);
        if (b == NULL)
            return STORE_CORRUPT;
        enum store_rc rc = whole_block_goes(fs, b) ? fs_drop_block(fs, b)
                                                   : fs_remove_message(fs, b, fs->first, STORE_REMOVE_LIMIT);
        if (rc != STORE_OK)
            return rc;
    }
    return STORE_OK;
}

enum store_rc fs_enforce_subject(struct file_store *fs, slice subject)
{
    int64_t max = fs->limits.max_per_subject;
    if (fs->subjects == NULL || max <= 0)
        return STORE_OK;
    struct subject_entry *e;
    while ((e = subject_index_find(fs->subjects, subject)) != NULL && over(max, e->msgs)) {
        enum store_rc rc = fs_exact_first(fs, subject, e);
        if (rc != STORE_OK)
            return rc;
        struct block *b = block_of(fs, e->first);
        rc = b == NULL ? STORE_CORRUPT : fs_remove_message(fs, b, e->first, STORE_REMOVE_LIMIT);
        if (rc != STORE_OK)
            return rc;
    }
    return STORE_OK;
}

/* What subjects hold too many of, and where that lies. */
struct excess {
    uint64_t max;
    uint64_t count;
    uint64_t first, last;
};

static bool note_excess(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct excess *x = ctx;
    if (e->msgs <= x->max)
        return true;
    x->count += e->msgs - x->max;
    x->first = e->first < x->first ? e->first : x->first;
    x->last = e->last > x->last ? e->last : x->last;
    return true;
}

/* From the front: each message that has too many younger ones on its subject goes. One walk for all; what is
 * counted and was lost is not met. */
enum store_rc fs_enforce_all_subjects(struct file_store *fs)
{
    static const struct matcher all = {.kind = MATCH_ALL};
    if (fs->subjects == NULL || fs->limits.max_per_subject <= 0)
        return STORE_OK;
    struct excess x = {.max = (uint64_t)fs->limits.max_per_subject, .first = UINT64_MAX};
    subject_index_match(fs->subjects, NULL, 0, note_excess, &x);
    struct store_msg m;
    for (uint64_t seq = x.first; x.count > 0; seq++) {
        enum store_rc rc = walk_up(fs, &all, seq, x.last, &m);
        if (rc != STORE_OK)
            return rc == STORE_EOF ? STORE_OK : rc;
        seq = m.seq;
        const struct subject_entry *e = subject_index_find(fs->subjects, m.subject);
        if (e == NULL || e->msgs <= x.max)
            continue;
        rc = fs_remove_message(fs, block_of(fs, seq), seq, STORE_REMOVE_LIMIT);
        if (rc != STORE_OK)
            return rc;
        x.count--;
    }
    return STORE_OK;
}

enum store_rc fs_update(struct store *s, const struct store_limits *l, slice meta, int64_t now)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (meta.len > 0) {
        /* Limits that outlive a crash must find what they were set upon, or they take too much. */
        enum store_rc rc = fs_sync_now(s);
        if (rc == STORE_OK)
            rc = fs_write_meta(fs, meta);
        if (rc != STORE_OK)
            return rc;
    }
    struct store_limits old = fs->limits;
    fs->limits = *l;
    if (fs->limits.max_per_subject < -1)
        fs->limits.max_per_subject = -1;
    enum store_rc rc = STORE_OK;
    if (l->allow_ttl && !old.allow_ttl)
        rc = fs_recover_ttl(fs, true);
    else if (!l->allow_ttl)
        expiry_heap_free(&fs->ttl);
    if (rc == STORE_OK)
        rc = fs_enforce(fs);
    if (rc == STORE_OK && l->max_per_subject > 0 &&
        (old.max_per_subject <= 0 || l->max_per_subject < old.max_per_subject))
        rc = fs_enforce_all_subjects(fs);
    int64_t due;
    if (rc == STORE_OK && l->max_age_ns > 0)
        rc = fs_expire(s, now, SIZE_MAX, &due);
    fs_changed(fs);
    if (rc != STORE_OK) { /* they hold; what is too many goes another time */
        fs_log(fs, 2, "Limits could not be enforced: %s", store_rc_text(rc));
        fs->over_limits = true;
    }
    return STORE_OK;
}
