/* Interest watches: each counts the subscriptions that match its subject, and tells when the count leaves or
 * reaches 0. */
#include "interest/sublist_impl.h"

#include <stdlib.h>

static slice watch_subject(const struct sublist_watch *w)
{
    return slice_make(w->bytes, w->subject_len);
}

static bool counts(const struct sublist_watch *w, const struct sub *s)
{
    if (w->queue_len > 0 && !slice_eq(slice_make(w->bytes + w->subject_len, w->queue_len), sub_queue(s)))
        return false;
    return codec_subject_matches(sub_subject(s), watch_subject(w));
}

static void tell_stripe(struct sublist_watch *first, const struct sub *s, bool came)
{
    for (struct sublist_watch *w = first; w != NULL; w = w->next) {
        if (!counts(w, s))
            continue;
        w->matching += came ? 1 : UINT64_MAX;
        if (w->matching == (came ? 1 : 0))
            w->fn(w->ctx, came);
    }
}

void sublist_watches_tell(struct sublist *sl, const struct sub *s, bool came)
{
    slice first = first_token(sub_subject(s));
    if (!token_is_star(first) && !token_is_gt(first)) {
        tell_stripe(sl->watches[sublist_stripe(sl, first)], s, came);
        return;
    }
    for (unsigned i = 0; i < SUBLIST_STRIPES; i++)
        tell_stripe(sl->watches[i], s, came);
}

static void count_sub(void *ctx, struct sub *s)
{
    struct sublist_watch *w = ctx;
    w->matching += counts(w, s);
}

/* Counts what is there already; the lock is held. */
static bool count_present(struct sublist *sl, struct sublist_watch *w)
{
    struct tree_walk walk = {0};
    struct dirhash_pos pos;
    slice subject = watch_subject(w);
    bool ok = tree_walk(&sl->patterns, subject, &walk);
    word_each(sublist_literal(sl, subject, sublist_hash(sl, subject), &pos), count_sub, w);
    for (size_t i = 0; i < walk.found_count; i++)
        word_each(atomic_load_explicit(&walk.found[i]->word, memory_order_relaxed), count_sub, w);
    tree_walk_free(&walk);
    return ok;
}

struct sublist_watch *sublist_watch_new(struct sublist *sl, slice subject, slice queue, sublist_watch_fn fn,
                                        void *ctx, bool *now)
{
    if (!codec_subject_is_literal(subject) || subject.len > SUB_LEN_MAX || queue.len > SUB_LEN_MAX)
        return NULL;
    struct sublist_watch *w = calloc(1, sizeof(*w) + subject.len + queue.len);
    if (w == NULL)
        return NULL;
    w->fn = fn;
    w->ctx = ctx;
    w->subject_len = (uint32_t)subject.len;
    w->queue_len = (uint32_t)queue.len;
    memcpy(w->bytes, subject.ptr, subject.len);
    if (queue.len > 0)
        memcpy(w->bytes + subject.len, queue.ptr, queue.len);

    pthread_mutex_lock(&sl->lock);
    bool ok = count_present(sl, w);
    if (ok) {
        struct sublist_watch **stripe = &sl->watches[sublist_stripe(sl, first_token(subject))];
        w->next = *stripe;
        *stripe = w;
        sl->watch_count++;
        *now = w->matching > 0;
    }
    pthread_mutex_unlock(&sl->lock);
    if (!ok) {
        free(w);
        return NULL;
    }
    return w;
}

void sublist_watch_free(struct sublist *sl, struct sublist_watch *w)
{
    pthread_mutex_lock(&sl->lock);
    struct sublist_watch **at = &sl->watches[sublist_stripe(sl, first_token(watch_subject(w)))];
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    sl->watch_count--;
    pthread_mutex_unlock(&sl->lock);
    free(w);
}

void sublist_watches_close(struct sublist *sl)
{
    for (unsigned i = 0; i < SUBLIST_STRIPES; i++) {
        while (sl->watches[i] != NULL) {
            struct sublist_watch *w = sl->watches[i];
            sl->watches[i] = w->next;
            free(w);
        }
    }
}
