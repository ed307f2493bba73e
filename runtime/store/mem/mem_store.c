/* The memory store as a whole, and what is added to it. */
#include "store/mem/mem.h"

#include "store/msg_ttl.h"

#include <stdlib.h>

void mem_report(struct mem_store *ms, int64_t msgs, int64_t bytes, uint64_t seq, slice subject)
{
    ms->written++;
    if (ms->hooks.changed != NULL)
        ms->hooks.changed(ms->hooks.ctx, msgs, bytes, seq, subject);
}

/* ---- appending ---- */

static struct mem_msg *make_message(const struct store_append *a)
{
    size_t len = a->subject.len + a->hdr.len + a->data.len;
    struct mem_msg *m = malloc(sizeof *m + len);
    if (m == NULL)
        return NULL;
    *m = (struct mem_msg){.ts = a->ts,
                          .hdr_len = (uint32_t)a->hdr.len,
                          .data_len = (uint32_t)a->data.len,
                          .subject_len = (uint16_t)a->subject.len};
    uint8_t *p = m->bytes;
    const slice parts[3] = {a->subject, a->hdr, a->data};
    for (int i = 0; i < 3; i++) {
        if (parts[i].len > 0)
            memcpy(p, parts[i].ptr, parts[i].len);
        p += parts[i].len;
    }
    return m;
}

/* Enter the message behind the last one of its subject. */
static bool link_subject(struct mem_store *ms, struct mem_msg *m, uint64_t seq)
{
    if (ms->subjects == NULL || m->subject_len == 0)
        return true;
    const struct subject_entry *e = subject_index_find(ms->subjects, mem_subject(m));
    uint64_t older = e == NULL ? 0 : e->last;
    if (subject_index_add(ms->subjects, mem_subject(m), seq) == NULL)
        return false;
    m->older = older;
    if (older != 0)
        pages_get(&ms->pages, older)->newer = seq;
    return true;
}

/* Everything that can fail, and the message in its place when nothing did. */
static enum store_rc insert(struct mem_store *ms, const struct store_append *a, uint64_t seq)
{
    struct mem_msg *m = make_message(a);
    if (m == NULL || !pages_reserve(&ms->pages, seq) || !mem_ttl_reserve(ms) || !link_subject(ms, m, seq)) {
        free(m);
        pages_drop_spare(&ms->pages);
        return STORE_NO_MEMORY;
    }
    if (ms->limits.allow_ttl && a->ttl_s > 0)
        expiry_heap_push(&ms->ttl, msg_expires(a->ts, a->ttl_s), seq);
    pages_put(&ms->pages, seq, m);
    return STORE_OK;
}

static enum store_rc check_append(struct mem_store *ms, const struct store_append *a, uint64_t size)
{
    if (a->refuse_over_limit) {
        enum store_rc rc = mem_check_new(ms, a, size);
        if (rc != STORE_OK)
            return rc;
    }
    if (a->seq != 0 && a->seq != ms->last + 1)
        return STORE_BAD_SEQUENCE;
    if (ms->last >= STORE_SEQUENCE_MAX)
        return STORE_INVALID;
    return size > STORE_RECORD_MAX || a->subject.len > STORE_SUBJECT_MAX ? STORE_TOO_LARGE : STORE_OK;
}

static enum store_rc mem_append(struct store *s, const struct store_append *a, int64_t now, uint64_t *out)
{
    (void)now;
    struct mem_store *ms = mem_of(s);
    uint64_t size = (uint64_t)a->subject.len + a->hdr.len + a->data.len + MEM_OVERHEAD, seq = ms->last + 1;
    enum store_rc rc = check_append(ms, a, size);
    if (rc == STORE_OK)
        rc = insert(ms, a, seq);
    if (rc != STORE_OK)
        return rc;
    if (ms->msgs == 0)
        ms->first = seq;
    ms->msgs++;
    ms->bytes += size;
    ms->last = seq;
    ms->last_ts = a->ts;
    ms->last_ts_set = true;
    *out = seq;
    mem_report(ms, 1, (int64_t)size, seq, a->subject);
    if (ms->limits.max_per_subject > 0)
        mem_enforce_subject(ms, a->subject);
    mem_enforce(ms);
    return STORE_OK;
}

static enum store_rc mem_skip(struct store *s, uint64_t first, uint64_t count, int64_t now)
{
    struct mem_store *ms = mem_of(s);
    if (first != 0 && first != ms->last + 1)
        return STORE_BAD_SEQUENCE;
    if (count == 0 || count > STORE_SEQUENCE_MAX - ms->last)
        return STORE_INVALID;
    ms->last += count;
    if (!ms->last_ts_set)
        ms->last_ts = now;
    ms->last_ts_set = true;
    if (ms->msgs == 0)
        ms->first = ms->last + 1;
    ms->written++;
    return STORE_OK;
}

/* ---- what needs a disk elsewhere ---- */

static enum store_rc mem_repair(struct store *s, const struct store_msg *m)
{
    (void)s;
    (void)m;
    return STORE_INVALID; /* nothing is ever lost here */
}

static enum store_rc mem_lost(struct store *s, struct store_lost *out, size_t max, size_t *count,
                              uint64_t *bytes)
{
    (void)s;
    (void)out;
    (void)max;
    *count = 0;
    *bytes = 0;
    return STORE_OK;
}

static void mem_progress(struct store *s, struct store_progress *p)
{
    const struct mem_store *ms = mem_of(s);
    *p = (struct store_progress){.written = ms->written, .durable = ms->written, .durable_seq = ms->last};
}

static enum store_rc mem_commit(struct store *s)
{
    struct mem_store *ms = mem_of(s);
    struct store_progress p;
    mem_progress(s, &p);
    if (ms->reported != ms->written && ms->hooks.progress != NULL) {
        ms->reported = ms->written;
        ms->hooks.progress(ms->hooks.ctx, p, STORE_OK);
    }
    return STORE_OK;
}

static enum store_rc mem_maintain(struct store *s, int64_t now)
{
    (void)s;
    (void)now;
    return STORE_OK;
}

static void mem_utilization(struct store *s, uint64_t *total, uint64_t *live)
{
    *total = *live = mem_of(s)->bytes;
}

/* ---- life ---- */

static enum store_rc mem_close(struct store *s, int64_t now)
{
    (void)now;
    struct mem_store *ms = mem_of(s);
    pages_free(&ms->pages);
    subject_index_free(ms->subjects);
    expiry_heap_free(&ms->ttl);
    seqmap_free(&ms->handed_up);
    free(ms);
    return STORE_OK;
}

static enum store_rc mem_destroy(struct store *s)
{
    struct mem_store *ms = mem_of(s);
    mem_report(ms, -(int64_t)ms->msgs, -(int64_t)ms->bytes, 0, SLICE_EMPTY);
    return mem_close(s, 0);
}

static const struct store_ops mem_ops = {
    .append = mem_append,
    .skip = mem_skip,
    .remove = mem_remove,
    .purge = mem_purge,
    .compact = mem_compact,
    .truncate = mem_truncate,
    .sync_deletes = mem_sync_deletes,
    .update = mem_update,
    .expire = mem_expire,
    .repair = mem_repair,
    .load = mem_load,
    .load_last = mem_load_last,
    .next = mem_next,
    .prev = mem_prev,
    .batch = mem_batch,
    .subject_at = mem_subject_at,
    .state = mem_state,
    .deleted = mem_deleted,
    .filtered_state = mem_filtered_state,
    .subject_state = mem_subject_state,
    .subjects = mem_subjects,
    .last_seqs = mem_last_seqs,
    .last_msgs = mem_last_msgs,
    .seq_from_time = mem_seq_from_time,
    .pending = mem_pending,
    .encode_state = mem_encode_state,
    .lost = mem_lost,
    .commit = mem_commit,
    .sync = mem_commit,
    .progress = mem_progress,
    .maintain = mem_maintain,
    .utilization = mem_utilization,
    .close = mem_close,
    .destroy = mem_destroy,
};

enum store_rc mem_store_new(const struct mem_store_options *o, struct store **out)
{
    if (o->first_seq > STORE_SEQUENCE_MAX + 1)
        return STORE_INVALID;
    struct mem_store *ms = calloc(1, sizeof *ms);
    if (ms == NULL)
        return STORE_NO_MEMORY;
    ms->base = (struct store){&mem_ops, STORE_MEMORY};
    ms->limits = o->limits;
    ms->hooks = o->hooks;
    if (o->track_subjects) {
        ms->subjects = subject_index_new(o->hash_seed);
        if (ms->subjects == NULL) {
            free(ms);
            return STORE_NO_MEMORY;
        }
    }
    if (o->first_seq > 1) {
        ms->first = o->first_seq;
        ms->last = o->first_seq - 1;
    }
    *out = &ms->base;
    return STORE_OK;
}
