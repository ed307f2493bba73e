/* What a stream may hold, and for how long. The rules are those of the file store (spec/storage.md 11, 15.3).
 */
#include "store/mem/mem.h"
#include "store/msg_ttl.h"

#define CHECK_MIN_NS INT64_C(250000000)  /* the next check is never due sooner */
#define HAND_AGAIN   INT64_C(2000000000) /* an expired message that is still there is handed up again */
#define SWEEP_MIN    1024

static bool over(int64_t limit, uint64_t value)
{
    return limit > 0 && value > (uint64_t)limit;
}

static bool reached(int64_t limit, uint64_t value)
{
    return limit > 0 && value >= (uint64_t)limit;
}

/* ---- numbers and bytes ---- */

enum store_rc mem_check_new(struct mem_store *ms, const struct store_append *a, uint64_t size)
{
    const struct store_limits *l = &ms->limits;
    if (l->discard != STORE_DISCARD_NEW)
        return STORE_OK;
    const struct subject_entry *e = NULL;
    if (l->max_per_subject > 0 && ms->subjects != NULL && a->subject.len > 0)
        e = subject_index_find(ms->subjects, a->subject);
    bool subject_full = e != NULL && reached(l->max_per_subject, e->msgs);
    if (subject_full && l->discard_new_per_subject && !a->rollup)
        return STORE_MAX_PER_SUBJECT;
    if (reached(l->max_msgs, ms->msgs) && !subject_full)
        return STORE_MAX_MSGS;
    if (over(l->max_bytes, ms->bytes + size) &&
        (!subject_full || mem_size(pages_get(&ms->pages, e->first)) < size))
        return STORE_MAX_BYTES;
    return STORE_OK;
}

void mem_enforce(struct mem_store *ms)
{
    if (ms->limits.discard != STORE_DISCARD_OLD)
        return;
    while (ms->msgs > 0 && (over(ms->limits.max_msgs, ms->msgs) || over(ms->limits.max_bytes, ms->bytes)))
        mem_remove_message(ms, ms->first, false);
}

static void trim_subject(struct mem_store *ms, uint64_t oldest, uint64_t msgs)
{
    for (uint64_t seq = oldest, newer; over(ms->limits.max_per_subject, msgs); seq = newer, msgs--) {
        newer = pages_get(&ms->pages, seq)->newer;
        mem_remove_message(ms, seq, false);
    }
}

void mem_enforce_subject(struct mem_store *ms, slice subject)
{
    const struct subject_entry *e = ms->subjects == NULL ? NULL : subject_index_find(ms->subjects, subject);
    if (e != NULL)
        trim_subject(ms, e->first, e->msgs);
}

/* Over all messages from the front: each that has too many younger ones on its subject goes. */
static void enforce_all_subjects(struct mem_store *ms)
{
    uint64_t seq = ms->first;
    for (; ms->subjects != NULL && pages_next(&ms->pages, seq, &seq); seq++) {
        const struct mem_msg *m = pages_get(&ms->pages, seq);
        const struct subject_entry *e = subject_index_find(ms->subjects, mem_subject(m));
        if (e != NULL && over(ms->limits.max_per_subject, e->msgs))
            mem_remove_message(ms, seq, false);
    }
}

/* ---- age and TTLs ---- */

static bool is_live(void *ctx, uint64_t seq)
{
    return pages_get(&((struct mem_store *)ctx)->pages, seq) != NULL;
}

void mem_ttl_sweep(struct mem_store *ms)
{
    expiry_heap_sweep(&ms->ttl, is_live, ms);
    ms->ttl_sweep_at = 2 * ms->ttl.count < SWEEP_MIN ? SWEEP_MIN : 2 * ms->ttl.count;
}

bool mem_ttl_reserve(struct mem_store *ms)
{
    if (ms->ttl.count >= ms->ttl_sweep_at)
        mem_ttl_sweep(ms);
    return expiry_heap_reserve(&ms->ttl);
}

/* Enter the TTLs of all messages, by their headers. */
static enum store_rc collect_ttls(struct mem_store *ms)
{
    for (uint64_t seq = ms->first; pages_next(&ms->pages, seq, &seq); seq++) {
        const struct mem_msg *m = pages_get(&ms->pages, seq);
        int64_t ttl = msg_ttl(mem_hdr(m));
        if (ttl <= 0)
            continue;
        if (!mem_ttl_reserve(ms))
            return STORE_NO_MEMORY;
        expiry_heap_push(&ms->ttl, msg_expires(m->ts, ttl), seq);
    }
    return STORE_OK;
}

struct check {
    struct mem_store *ms;
    int64_t now;
    size_t left; /* removals that this call may still do */
    int64_t due;
};

static void due_at(struct check *c, int64_t at)
{
    if (c->due == STORE_TIME_NONE || at < c->due)
        c->due = at;
}

/* Then it is due again two seconds after that. */
static bool handed_lately(struct check *c, uint64_t seq)
{
    const struct seqmap_entry *e = seqmap_get(&c->ms->handed_up, seq);
    bool lately = e != NULL && c->now - e->b < HAND_AGAIN;
    if (lately)
        due_at(c, e->b + HAND_AGAIN);
    return lately;
}

/* The message leaves: removed, or with subject delete markers handed to the owner. */
static enum store_rc let_go(struct check *c, uint64_t seq, enum store_expire_why why)
{
    struct mem_store *ms = c->ms;
    c->left--;
    if (ms->limits.marker_ttl_ns <= 0) {
        mem_remove_message(ms, seq, false);
        return STORE_OK;
    }
    struct seqmap_entry *handed = seqmap_put(&ms->handed_up, seq);
    if (handed == NULL)
        return STORE_NO_MEMORY;
    handed->b = c->now;
    const struct mem_msg *m = pages_get(&ms->pages, seq);
    struct store_msg msg;
    mem_message(m, seq, &msg);
    bool last = ms->subjects != NULL && m->subject_len > 0 && m->newer == 0;
    if (ms->hooks.expired != NULL)
        ms->hooks.expired(ms->hooks.ctx, &msg, why, last);
    due_at(c, c->now + HAND_AGAIN);
    return STORE_OK;
}

/* From the front up to the first message that is young enough. A TTL of "never" is passed over. */
static enum store_rc expire_age(struct check *c)
{
    struct mem_store *ms = c->ms;
    int64_t age = ms->limits.max_age_ns, cutoff = c->now < INT64_MIN + age ? INT64_MIN : c->now - age;
    enum store_rc rc = STORE_OK;
    uint64_t seq = ms->first;
    for (; rc == STORE_OK && c->left > 0 && pages_next(&ms->pages, seq, &seq); seq++) {
        const struct mem_msg *m = pages_get(&ms->pages, seq);
        if (m->ts > cutoff) {
            due_at(c, time_after(m->ts, age));
            return STORE_OK;
        }
        bool stays = ms->limits.allow_ttl && msg_ttl(mem_hdr(m)) == STORE_TTL_NEVER;
        if (!stays && !handed_lately(c, seq))
            rc = let_go(c, seq, STORE_EXPIRED_AGE);
    }
    if (c->left == 0)
        due_at(c, c->now);
    return rc;
}

static enum store_rc expire_ttl(struct check *c)
{
    struct mem_store *ms = c->ms;
    while (ms->ttl.count > 0 && ms->ttl.item[0].at <= c->now) {
        uint64_t seq = ms->ttl.item[0].seq;
        if (c->left == 0) {
            due_at(c, c->now);
            return STORE_OK;
        }
        expiry_heap_pop(&ms->ttl);
        if (!is_live(ms, seq))
            continue;
        enum store_rc rc = handed_lately(c, seq) ? STORE_OK : let_go(c, seq, STORE_EXPIRED_TTL);
        if (rc != STORE_OK)
            return rc;
        if (ms->limits.marker_ttl_ns > 0)
            expiry_heap_push(&ms->ttl, c->now + HAND_AGAIN, seq); /* in the room of the one just taken */
    }
    if (ms->ttl.count > 0)
        due_at(c, ms->ttl.item[0].at);
    return STORE_OK;
}

enum store_rc mem_expire(struct store *s, int64_t now, size_t max, int64_t *next_due)
{
    struct mem_store *ms = mem_of(s);
    struct check c = {.ms = ms, .now = now, .left = max, .due = STORE_TIME_NONE};
    enum store_rc rc = ms->limits.max_age_ns > 0 ? expire_age(&c) : STORE_OK;
    if (rc == STORE_OK && ms->limits.allow_ttl)
        rc = expire_ttl(&c);
    if (ms->msgs == 0)
        seqmap_free(&ms->handed_up);
    *next_due = c.due;
    if (c.due != STORE_TIME_NONE && c.due < now + CHECK_MIN_NS)
        *next_due = now + CHECK_MIN_NS;
    return rc;
}

/* ---- new limits ---- */

enum store_rc mem_update(struct store *s, const struct store_limits *l, slice meta, int64_t now)
{
    (void)meta;
    struct mem_store *ms = mem_of(s);
    struct store_limits old = ms->limits;
    ms->limits = *l;
    enum store_rc rc = STORE_OK;
    if (l->allow_ttl && !old.allow_ttl)
        rc = collect_ttls(ms);
    else if (!l->allow_ttl)
        expiry_heap_free(&ms->ttl);
    mem_enforce(ms);
    if (l->max_per_subject > 0 && (old.max_per_subject <= 0 || l->max_per_subject < old.max_per_subject))
        enforce_all_subjects(ms);
    int64_t due;
    if (rc == STORE_OK && l->max_age_ns > 0)
        rc = mem_expire(s, now, SIZE_MAX, &due);
    return rc;
}
