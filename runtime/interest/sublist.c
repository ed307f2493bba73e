/* The sublist: what changes it. */
#include "interest/sublist_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/* ---- subscriptions ---- */

struct sub *sub_new(slice subject, slice queue, slice sid, struct sub_target *target)
{
    if (subject.len > SUB_LEN_MAX || queue.len > SUB_LEN_MAX || sid.len > SUB_LEN_MAX)
        return NULL;
    size_t need = offsetof(struct sub, bytes) + subject.len + queue.len + sid.len;
    struct sub *s = malloc(need < sizeof(*s) ? sizeof(*s) : need);
    if (s == NULL)
        return NULL;
    s->link.at.hash = 0;
    s->link.at.index = 0;
    s->link.at.local = 0;
    s->target = target;
    s->delivered = 0;
    s->max = 0;
    s->subject_len = (uint32_t)subject.len;
    s->queue_len = (uint32_t)queue.len;
    s->sid_len = (uint32_t)sid.len;
    s->weight = 1;
    s->flags = 0;
    atomic_init(&s->closed, 0);
    uint8_t *to = s->bytes;
    slice parts[] = {subject, queue, sid};
    for (int i = 0; i < 3; i++) {
        if (parts[i].len > 0)
            memcpy(to, parts[i].ptr, parts[i].len);
        to += parts[i].len;
    }
    return s;
}

void sub_free(struct sub *s)
{
    free(s);
}

static void sub_dead(struct epoch_node *node)
{
    free(node); /* the node is the first member */
}
static_assert(offsetof(struct sub, link) == 0, "sub_dead frees the sub by its node");

/* ---- making and ending ---- */

struct sublist *sublist_new(const struct sublist_options *opt)
{
    assert(opt->id != 0 && opt->slots > 0 && opt->slots <= SUBLIST_SLOTS_MAX);
    size_t size = sizeof(struct sublist) + opt->slots * sizeof(struct sublist_cell);
    struct sublist *sl = aligned_alloc(64, (size + 63) / 64 * 64);
    if (sl == NULL)
        return NULL;
    memset(sl, 0, size);
    sl->id = opt->id;
    sl->seed = opt->seed;
    sl->edge = opt->edge;
    sl->edge_ctx = opt->edge_ctx;
    sl->slots = opt->slots;
    if (!dirhash_init(&sl->literals, word_hash)) {
        free(sl);
        return NULL;
    }
    if (!tree_init(&sl->patterns, hash_fold(opt->seed, opt->seed ^ 0xe7037ed1a0b428dbU))) {
        dirhash_close(&sl->literals);
        free(sl);
        return NULL;
    }
    pthread_mutex_init(&sl->lock, NULL);
    return sl;
}

static void free_word(void *ctx, uint64_t word)
{
    (void)ctx;
    word_free(word);
}

void sublist_free(struct sublist *sl)
{
    uint64_t next = 0;
    while (dirhash_walk(&sl->literals, &next, free_word, NULL)) {
    }
    dirhash_close(&sl->literals);
    tree_close(&sl->patterns);
    sublist_watches_close(sl);
    pthread_mutex_destroy(&sl->lock);
    free(sl);
}

/* ---- changes ---- */

unsigned sublist_stripe(const struct sublist *sl, slice token)
{
    return (unsigned)(hash_bytes(token, sl->seed) % SUBLIST_STRIPES);
}

/* A pattern came or went: lists of matching patterns that were made before are void. Release, so that who
 * sees the number sees the change; before anything is retired, so that who sees the old number may still
 * use what he has (epoch.h). */
static void pattern_changed(struct sublist *sl, slice pattern)
{
    slice first = first_token(pattern);
    bool any = token_is_star(first) || token_is_gt(first);
    _Atomic uint64_t *gen = any ? &sl->any_gen : &sl->stripe_gen[sublist_stripe(sl, first)];
    atomic_fetch_add_explicit(gen, 1, memory_order_release);
}

/* Tells hook and watches; counts. Results that were made before are void from here on: after the change, so
 * that who sees the number sees the change, and before the lock is released. What was retired in the change
 * is freed by a later epoch_collect of this thread, so a reader that is online and sees the old number may
 * still use what he has. (Sequentially consistent, as the epochs are: the number must not be read before the
 * reader is online.) */
static void tell(struct sublist *sl, const struct sub *s, const struct word_change *change, bool came)
{
    atomic_fetch_add(&sl->changes, 1);
    add_relaxed(&sl->count, came ? 1 : UINT64_MAX);
    *(came ? &sl->inserts : &sl->removes) += 1;
    bool edge =
        s->queue_len > 0 ? change->before != change->after : (change->before == 0) != (change->after == 0);
    if (edge && sl->edge != NULL)
        sl->edge(sl->edge_ctx, sub_subject(s), sub_queue(s), change->before, change->after);
    if (sl->watch_count > 0)
        sublist_watches_tell(sl, s, came);
}

static bool insert_literal(struct sublist *sl, struct epoch_reader *r, struct sub *s,
                           struct word_change *change)
{
    struct dirhash_pos pos;
    uint64_t hash = s->link.at.hash;
    uint64_t old = sublist_literal(sl, sub_subject(s), hash, &pos), word = old;
    if (old == 0 && !dirhash_reserve(&sl->literals, r, hash))
        return false;
    if (!word_add(&word, s, sl->seed, r, change))
        return false;
    if (old == 0)
        dirhash_put(&sl->literals, hash, word);
    else if (word != old)
        dirhash_replace(&pos, word);
    return true;
}

static bool insert_pattern(struct sublist *sl, struct epoch_reader *r, struct sub *s,
                           struct word_change *change)
{
    struct tree_node *n = tree_make(&sl->patterns, r, sub_subject(s));
    if (n == NULL)
        return false;
    uint64_t old = atomic_load_explicit(&n->word, memory_order_relaxed), word = old;
    if (!word_add(&word, s, sl->seed, r, change)) {
        tree_prune(&sl->patterns, r, n);
        return false;
    }
    if (word != old)
        atomic_store_explicit(&n->word, word, memory_order_release);
    add_relaxed(&sl->pattern_subs, 1);
    if (old == 0)
        pattern_changed(sl, sub_subject(s));
    return true;
}

int sublist_insert(struct sublist *sl, struct epoch_reader *r, struct sub *s)
{
    slice subject = sub_subject(s);
    struct word_change change;
    struct codec_subject shape = codec_subject_scan(subject);
    if (shape.empty_token || shape.after_gt)
        return -EINVAL;
    bool literal = shape.wildcards == 0;
    s->link.at.hash = sublist_hash(sl, subject);
    s->link.at.local = (s->flags & SUB_REMOTE) != 0 ? 0 : s->queue_len == 0 ? 1 : s->weight;
    pthread_mutex_lock(&sl->lock);
    bool ok = literal ? insert_literal(sl, r, s, &change) : insert_pattern(sl, r, s, &change);
    if (ok)
        tell(sl, s, &change, true);
    pthread_mutex_unlock(&sl->lock);
    return ok ? 0 : -ENOMEM;
}

static void remove_literal(struct sublist *sl, struct epoch_reader *r, struct sub *s,
                           struct word_change *change)
{
    struct dirhash_pos pos;
    uint64_t hash = s->link.at.hash;
    uint64_t old = sublist_literal(sl, sub_subject(s), hash, &pos), word = old;
    assert(old != 0);
    word_remove(&word, s, r, change);
    if (word == 0) {
        dirhash_remove(&sl->literals, r, &pos, hash);
        word_retire(old, r);
    }
}

static void remove_pattern(struct sublist *sl, struct epoch_reader *r, struct sub *s,
                           struct word_change *change)
{
    struct tree_node *n = tree_find(&sl->patterns, sub_subject(s));
    assert(n != NULL);
    uint64_t old = atomic_load_explicit(&n->word, memory_order_relaxed), word = old;
    word_remove(&word, s, r, change);
    add_relaxed(&sl->pattern_subs, UINT64_MAX);
    if (word == 0) {
        atomic_store_explicit(&n->word, 0, memory_order_release);
        pattern_changed(sl, sub_subject(s));
        word_retire(old, r);
        tree_prune(&sl->patterns, r, n);
    }
}

static void remove_locked(struct sublist *sl, struct epoch_reader *r, struct sub *s)
{
    struct word_change change;
    sub_close(s);
    if (codec_subject_has_wildcard(sub_subject(s)))
        remove_pattern(sl, r, s, &change);
    else
        remove_literal(sl, r, s, &change);
    tell(sl, s, &change, false);
    epoch_retire(r, &s->link.dead, sub_dead);
}

void sublist_remove(struct sublist *sl, struct epoch_reader *r, struct sub *s)
{
    pthread_mutex_lock(&sl->lock);
    remove_locked(sl, r, s);
    pthread_mutex_unlock(&sl->lock);
}

void sublist_remove_many(struct sublist *sl, struct epoch_reader *r, struct sub *const *subs, size_t count)
{
    for (size_t done = 0; done < count;) {
        size_t end = count - done < SUBLIST_BATCH ? count : done + SUBLIST_BATCH;
        pthread_mutex_lock(&sl->lock);
        while (done < end)
            remove_locked(sl, r, subs[done++]);
        pthread_mutex_unlock(&sl->lock);
    }
}

/* ---- the edge hook ---- */

static void replay_word(void *ctx, uint64_t word)
{
    struct sublist *sl = ctx;
    word_replay(word, sl->edge, sl->edge_ctx);
}

void sublist_set_edge(struct sublist *sl, sublist_edge_fn fn, void *ctx, bool replay)
{
    pthread_mutex_lock(&sl->lock);
    sl->edge = fn;
    sl->edge_ctx = ctx;
    if (fn != NULL && replay) {
        uint64_t next = 0;
        while (dirhash_walk(&sl->literals, &next, replay_word, sl)) {
        }
        while (tree_each(&sl->patterns, &next, replay_word, sl)) {
        }
    }
    pthread_mutex_unlock(&sl->lock);
}

/* ---- reverse match ---- */

struct scan {
    enum sublist_relation relation;
    slice pattern;
    void (*fn)(void *ctx, struct sub *s);
    void *ctx;
};

static void scan_word(void *ctx, uint64_t word)
{
    const struct scan *scan = ctx;
    slice subject = word_subject(word);
    bool in = scan->relation == SUBLIST_ALL ||
              (scan->relation == SUBLIST_COVERED ? codec_subject_subset(subject, scan->pattern)
                                                 : codec_subject_collide(subject, scan->pattern));
    if (in)
        word_each(word, scan->fn, scan->ctx);
}

bool sublist_scan_step(struct sublist *sl, struct sublist_scan *scan, enum sublist_relation relation,
                       slice pattern, void (*fn)(void *, struct sub *), void *ctx)
{
    enum { LITERALS, PATTERNS, DONE };
    struct scan s = {relation, pattern, fn, ctx};
    pthread_mutex_lock(&sl->lock);
    if (scan->stage == LITERALS && !dirhash_walk(&sl->literals, &scan->next, scan_word, &s))
        scan->stage = PATTERNS;
    else if (scan->stage == PATTERNS && !tree_each(&sl->patterns, &scan->next, scan_word, &s))
        scan->stage = DONE;
    pthread_mutex_unlock(&sl->lock);
    return scan->stage != DONE;
}

/* ---- statistics ---- */

uint64_t sublist_count(const struct sublist *sl)
{
    return atomic_load_explicit(&sl->count, memory_order_relaxed);
}

void sublist_stats(struct sublist *sl, struct sublist_stats *out)
{
    *out = (struct sublist_stats){0};
    pthread_mutex_lock(&sl->lock);
    out->count = sublist_count(sl);
    out->inserts = sl->inserts;
    out->removes = sl->removes;
    pthread_mutex_unlock(&sl->lock);
    for (unsigned i = 0; i < sl->slots; i++) {
        const struct sublist_cell *c = &sl->cells[i];
        uint64_t max = atomic_load_explicit(&c->fanout_max, memory_order_relaxed);
        out->matches += atomic_load_explicit(&c->matches, memory_order_relaxed);
        out->hits += atomic_load_explicit(&c->hits, memory_order_relaxed);
        out->fanout_sum += atomic_load_explicit(&c->fanout_sum, memory_order_relaxed);
        out->fanout_max = max > out->fanout_max ? max : out->fanout_max;
    }
}
