/* What a stream may hold. */
#include "store/file/fs.h"

static bool over(int64_t limit, uint64_t value)
{
    return limit > 0 && value > (uint64_t)limit;
}

static bool reached(int64_t limit, uint64_t value)
{
    return limit > 0 && value >= (uint64_t)limit;
}

/* The size of the subject's oldest message; 0 when it can not be read. */
static uint64_t oldest_size(struct file_store *fs, slice subject, struct subject_entry *e)
{
    struct store_msg m;
    if (fs_exact_first(fs, subject, e) != STORE_OK)
        return 0;
    struct block *b = block_of(fs, e->first);
    if (b == NULL || block_message(b, e->first, &m) != STORE_OK)
        return 0;
    return record_size(m.subject.len, m.hdr.len, m.data.len);
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
    if (over(l->max_bytes, fs->byte_count + size) && (!subject_full || oldest_size(fs, a->subject, e) < size))
        return STORE_MAX_BYTES;
    return STORE_OK;
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

/* Names of the subjects that hold too many, one after the other with their lengths. */
struct crowded {
    struct byte_buf names;
    uint64_t max;
};

static bool note_crowded(void *ctx, slice subject, struct subject_entry *e)
{
    struct crowded *c = ctx;
    if (e->msgs > c->max) {
        buf_u16(&c->names, (uint16_t)subject.len);
        buf_slice(&c->names, subject);
    }
    return !c->names.failed;
}

enum store_rc fs_enforce_all_subjects(struct file_store *fs)
{
    if (fs->subjects == NULL || fs->limits.max_per_subject <= 0)
        return STORE_OK;
    struct crowded c = {.max = (uint64_t)fs->limits.max_per_subject};
    subject_index_match(fs->subjects, NULL, 0, note_crowded, &c);
    enum store_rc rc = c.names.failed ? STORE_NO_MEMORY : STORE_OK;
    struct byte_reader r = byte_reader_of(buf_view(&c.names));
    while (rc == STORE_OK && reader_left(&r) > 0)
        rc = fs_enforce_subject(fs, take_bytes(&r, take_u16(&r)));
    buf_free(&c.names);
    return rc;
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
