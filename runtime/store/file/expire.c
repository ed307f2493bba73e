/* Messages whose time has passed: by the stream's max_age, or by a TTL of their own.
 *
 * With subject delete markers nothing is removed here: a message is handed up, and again if it is still there
 * after two seconds. The next check is never due sooner than 250 ms from now. */
#include "store/file/fs.h"

#include "store/msg_ttl.h"

#define CHECK_MIN_NS 250000000LL
#define HAND_AGAIN   2000000000LL

struct expire_run {
    struct file_store *fs;
    int64_t now;
    size_t left; /* removals that this call may still do */
    int64_t due;
    bool whole_blocks;
};

static void due_at(struct expire_run *x, int64_t at)
{
    if (x->due == STORE_TIME_NONE || at < x->due)
        x->due = at;
}

/* The message leaves, one way or the other. */
static enum store_rc let_go(struct expire_run *x, struct block *b, const struct store_msg *m,
                            enum store_expire_why why)
{
    struct file_store *fs = x->fs;
    uint64_t seq = m->seq;
    x->left--;
    if (fs->limits.marker_ttl_ns <= 0)
        return fs_remove_message(fs, b, seq, why == STORE_EXPIRED_AGE ? STORE_REMOVE_LIMIT : STORE_REMOVE);
    struct seqmap_entry *handed = seqmap_put(&fs->handed_up, seq);
    if (handed == NULL)
        return STORE_NO_MEMORY;
    handed->b = x->now;
    struct subject_entry *e = fs->subjects == NULL ? NULL : subject_index_find(fs->subjects, m->subject);
    enum store_rc rc = e == NULL ? STORE_OK : fs_exact_last(fs, m->subject, e);
    struct store_msg again;
    if (rc == STORE_OK)
        rc = block_message(b, seq, &again); /* looking for the last may have moved the bytes */
    if (rc == STORE_OK && fs->hooks.expired != NULL)
        fs->hooks.expired(fs->hooks.ctx, &again, why, e != NULL && e->last == seq);
    due_at(x, x->now + HAND_AGAIN);
    return rc == STORE_NOT_FOUND ? STORE_OK : rc;
}

/* Then it is due again two seconds after that. */
static bool handed_lately(struct expire_run *x, uint64_t seq)
{
    const struct seqmap_entry *e = seqmap_get(&x->fs->handed_up, seq);
    bool lately = e != NULL && x->now - e->b < HAND_AGAIN;
    if (lately)
        due_at(x, e->b + HAND_AGAIN);
    return lately;
}

/* The first live sequence at or above seq; 0 when there is none. */
static uint64_t next_live(const struct file_store *fs, uint64_t seq)
{
    uint64_t first, last;
    for (size_t i = block_position(fs, seq); i < fs->block_count; i++) {
        if (block_live_run(fs->blocks[i], seq, &first, &last))
            return first;
    }
    return 0;
}

static bool block_goes_whole(const struct expire_run *x, const struct block *b, int64_t cutoff)
{
    return x->whole_blocks && !is_last(b) && b->last_ts <= cutoff &&
           (!x->fs->limits.allow_ttl || (b->ttls == 0 && x->fs->ttl_counts_known));
}

/* From the front, in order, up to the first message that is young enough. A TTL of "never" is passed over. */
static enum store_rc expire_age(struct expire_run *x)
{
    struct file_store *fs = x->fs;
    int64_t age = fs->limits.max_age_ns;
    int64_t cutoff = x->now < INT64_MIN + age ? INT64_MIN : x->now - age;
    uint64_t seq = fs->first;
    while (x->left > 0 && fs->msg_count > 0 && (seq = next_live(fs, seq)) != 0) {
        struct block *b = block_of(fs, seq);
        struct store_msg m;
        if (block_goes_whole(x, b, cutoff)) {
            seq = b->last + 1;
            enum store_rc dropped = fs_drop_block(fs, b);
            if (dropped != STORE_OK)
                return dropped;
            continue;
        }
        enum store_rc rc = block_message(b, seq, &m);
        if (rc == STORE_OK && m.ts > cutoff) {
            due_at(x, time_after(m.ts, age));
            break;
        }
        if (rc == STORE_OK && !handed_lately(x, seq) &&
            !(fs->limits.allow_ttl && msg_ttl(m.hdr) == STORE_TTL_NEVER))
            rc = let_go(x, b, &m, STORE_EXPIRED_AGE);
        if (rc != STORE_OK && rc != STORE_NOT_FOUND)
            return rc;
        seq++;
    }
    if (x->left == 0)
        due_at(x, x->now);
    return STORE_OK;
}

static enum store_rc expire_ttl(struct expire_run *x)
{
    struct file_store *fs = x->fs;
    while (fs->ttl.count > 0 && fs->ttl.item[0].at <= x->now) {
        struct expiry e = fs->ttl.item[0];
        struct block *b = block_of(fs, e.seq);
        struct store_msg m;
        if (x->left == 0) {
            due_at(x, x->now);
            return STORE_OK;
        }
        expiry_heap_pop(&fs->ttl);
        if (b == NULL || !block_is_live(b, e.seq))
            continue;
        unsigned generation = fs->generation;
        enum store_rc rc = block_message(b, e.seq, &m);
        if (rc == STORE_OK && !handed_lately(x, e.seq))
            rc = let_go(x, b, &m, STORE_EXPIRED_TTL);
        if (rc == STORE_OK && fs->limits.marker_ttl_ns > 0 && !ttl_add(fs, x->now + HAND_AGAIN, e.seq))
            rc = STORE_NO_MEMORY;
        if (rc != STORE_OK && rc != STORE_NOT_FOUND) {
            if (fs->generation == generation && expiry_heap_reserve(&fs->ttl)) /* else a reload has it anew */
                expiry_heap_push(&fs->ttl, e.at, e.seq);
            return rc;
        }
    }
    if (fs->ttl.count > 0)
        due_at(x, fs->ttl.item[0].at);
    return STORE_OK;
}

enum store_rc fs_expire_old(struct file_store *fs, int64_t now)
{
    struct expire_run x = {
        .fs = fs, .now = now, .left = SIZE_MAX, .due = STORE_TIME_NONE, .whole_blocks = true};
    return expire_age(&x);
}

enum store_rc fs_expire(struct store *s, int64_t now, size_t max, int64_t *next_due)
{
    struct file_store *fs = fs_of(s);
    *next_due = STORE_TIME_NONE;
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK)
        return fs->failed;
    struct expire_run x = {.fs = fs, .now = now, .left = max, .due = STORE_TIME_NONE};
    enum store_rc rc = fs->limits.max_age_ns > 0 ? expire_age(&x) : STORE_OK;
    if (rc == STORE_OK && fs->limits.allow_ttl)
        rc = expire_ttl(&x);
    if (rc != STORE_OK)
        due_at(&x, now); /* what could not go is to be tried again */
    if (fs->msg_count == 0)
        seqmap_free(&fs->handed_up);
    if (x.due != STORE_TIME_NONE)
        *next_due = x.due < now + CHECK_MIN_NS ? now + CHECK_MIN_NS : x.due;
    fs_relieve(fs);
    return rc;
}
