/* Adding to and taking from what one subject holds. */
#include "interest/set.h"

#include "base/hash.h"
#include <assert.h>
#include <stdlib.h>

enum { VEC_MIN = 4 };

static void node_free(struct epoch_node *node)
{
    free(node);
}

/* ---- arrays of subs ---- */

static struct subvec *vec_of(_Atomic(struct subvec *) *ref)
{
    return atomic_load_explicit(ref, memory_order_relaxed);
}

static struct subvec *vec_new(uint32_t cap)
{
    struct subvec *v = calloc(1, sizeof(*v) + cap * sizeof(v->at[0]));
    if (v != NULL)
        v->cap = cap;
    return v;
}

static void vec_put(struct subvec *v, struct sub *s)
{
    uint32_t used = atomic_load_explicit(&v->used, memory_order_relaxed);
    s->link.at.index = used;
    if (s->weight != 1)
        atomic_store_explicit(&v->weighted, true, memory_order_relaxed);
    atomic_store_explicit(&v->at[used], s, memory_order_release);
    atomic_store_explicit(&v->used, used + 1, memory_order_release);
    v->live++;
}

/* Replaces the array by one without holes. */
static bool vec_rebuild(_Atomic(struct subvec *) *ref, uint32_t cap, struct epoch_reader *r)
{
    struct subvec *old = vec_of(ref), *v = vec_new(cap);
    if (v == NULL)
        return false;
    uint32_t used = atomic_load_explicit(&old->used, memory_order_relaxed);
    for (uint32_t i = 0; i < used; i++) {
        struct sub *s = atomic_load_explicit(&old->at[i], memory_order_relaxed);
        if (s != NULL)
            vec_put(v, s);
    }
    atomic_store_explicit(ref, v, memory_order_release);
    epoch_retire(r, &old->dead, node_free);
    return true;
}

static bool vec_add(_Atomic(struct subvec *) *ref, struct sub *s, struct epoch_reader *r)
{
    struct subvec *v = vec_of(ref);
    if (v == NULL) {
        v = vec_new(VEC_MIN);
        if (v == NULL)
            return false;
        vec_put(v, s);
        atomic_store_explicit(ref, v, memory_order_release);
        return true;
    }
    if (atomic_load_explicit(&v->used, memory_order_relaxed) == v->cap) {
        if (v->live > UINT32_MAX / 4 || !vec_rebuild(ref, v->live * 2 + VEC_MIN, r))
            return false;
        v = vec_of(ref);
    }
    vec_put(v, s);
    return true;
}

static void vec_remove(_Atomic(struct subvec *) *ref, struct sub *s, struct epoch_reader *r)
{
    struct subvec *v = vec_of(ref);
    assert(vec_of(ref) != NULL && v->at[s->link.at.index] == s);
    atomic_store_explicit(&v->at[s->link.at.index], NULL, memory_order_release);
    if (--v->live == 0) {
        atomic_store_explicit(ref, NULL, memory_order_release);
        epoch_retire(r, &v->dead, node_free);
    } else if (v->cap > 2 * VEC_MIN && v->live < v->cap / 4) {
        /* when there is no memory for it the large one simply stays */
        (void)vec_rebuild(ref, v->live * 2, r);
    }
}

static void vec_each(struct subvec *v, void (*fn)(void *, struct sub *), void *ctx)
{
    uint32_t used = v == NULL ? 0 : atomic_load_explicit(&v->used, memory_order_acquire);
    for (uint32_t i = 0; i < used; i++) {
        struct sub *s = atomic_load_explicit(&v->at[i], memory_order_acquire);
        if (s != NULL)
            fn(ctx, s);
    }
}

/* ---- queue groups ---- */

static struct groupvec *groups_of(struct set *set)
{
    return atomic_load_explicit(&set->groups, memory_order_relaxed);
}

/* Replaces the array of groups by one with `add` and without `drop` (either may be NULL). */
static bool groups_change(struct set *set, struct group *add, struct group *drop, struct epoch_reader *r)
{
    struct groupvec *old = groups_of(set), *v = NULL;
    uint32_t count = (old == NULL ? 0 : old->count) + (add != NULL) - (drop != NULL);
    if (count > 0) {
        v = malloc(sizeof(*v) + count * sizeof(struct group *));
        if (v == NULL)
            return false;
        v->count = 0;
        for (uint32_t i = 0; old != NULL && i < old->count; i++) {
            if (old->at[i] != drop)
                v->at[v->count++] = old->at[i];
        }
        if (add != NULL)
            v->at[v->count++] = add;
    }
    atomic_store_explicit(&set->groups, v, memory_order_release);
    if (old != NULL)
        epoch_retire(r, &old->dead, node_free);
    return true;
}

static struct group *group_find(struct set *set, slice name, uint64_t hash)
{
    struct groupvec *v = groups_of(set);
    for (uint32_t i = 0; v != NULL && i < v->count; i++) {
        struct group *g = v->at[i];
        if (g->hash == hash && slice_eq(slice_make(g->name, g->name_len), name))
            return g;
    }
    return NULL;
}

/* The group that `s` is a member of, whatever its name's hash: only to leave it. */
static struct group *group_of(struct set *set, struct sub *s)
{
    struct groupvec *v = groups_of(set);
    uint32_t i = 0;
    while (!slice_eq(slice_make(v->at[i]->name, v->at[i]->name_len), sub_queue(s))) {
        i++;
        assert(i < v->count); /* a member has its group */
    }
    return v->at[i];
}

static bool group_add(struct set *set, struct sub *s, uint64_t seed, struct epoch_reader *r,
                      struct group **out)
{
    slice name = sub_queue(s);
    uint64_t hash = hash_bytes(name, seed);
    struct group *g = group_find(set, name, hash);
    *out = g;
    if (g != NULL)
        return vec_add(&g->members, s, r);
    g = calloc(1, sizeof(*g) + name.len);
    if (g == NULL)
        return false;
    g->hash = hash;
    g->name_len = (uint32_t)name.len;
    memcpy(g->name, name.ptr, name.len);
    if (!vec_add(&g->members, s, r) || !groups_change(set, g, NULL, r)) {
        free(vec_of(&g->members));
        free(g);
        return false;
    }
    *out = g;
    return true;
}

/* ---- sets ---- */

static bool set_add(struct set *set, struct sub *s, uint64_t seed, struct epoch_reader *r,
                    struct word_change *change)
{
    uint64_t *local = &set->local;
    if (s->queue_len == 0) {
        if (!vec_add(&set->plain, s, r))
            return false;
    } else {
        struct group *g;
        if (!group_add(set, s, seed, r, &g))
            return false;
        local = &g->local;
    }
    change->before = *local;
    *local += s->link.at.local;
    change->after = *local;
    return true;
}

static void set_free_now(struct set *set)
{
    struct groupvec *v = groups_of(set);
    for (uint32_t i = 0; v != NULL && i < v->count; i++) {
        free(vec_of(&v->at[i]->members));
        free(v->at[i]);
    }
    free(v);
    free(vec_of(&set->plain));
    free(set);
}

static struct set *set_new(struct sub *first, uint64_t seed, struct epoch_reader *r)
{
    struct set *set = calloc(1, sizeof(*set) + first->subject_len);
    struct word_change ignored;
    if (set == NULL)
        return NULL;
    set->hash = first->link.at.hash;
    set->subject_len = first->subject_len;
    memcpy(set->subject, first->bytes, first->subject_len);
    if (!set_add(set, first, seed, r, &ignored)) {
        free(set);
        return NULL;
    }
    return set;
}

bool word_add(uint64_t *word, struct sub *s, uint64_t seed, struct epoch_reader *r,
              struct word_change *change)
{
    if (*word == 0) {
        *change = (struct word_change){0, s->link.at.local};
        *word = word_of_sub(s);
        return true;
    }
    if (word_is_set(*word))
        return set_add(word_set(*word), s, seed, r, change);
    struct set *set = set_new(word_sub(*word), seed, r);
    if (set == NULL)
        return false;
    if (!set_add(set, s, seed, r, change)) {
        set_free_now(set);
        return false;
    }
    *word = word_of_set(set);
    return true;
}

void word_remove(uint64_t *word, struct sub *s, struct epoch_reader *r, struct word_change *change)
{
    if (!word_is_set(*word)) {
        assert(word_sub(*word) == s);
        *change = (struct word_change){s->link.at.local, 0};
        *word = 0;
        return;
    }
    struct set *set = word_set(*word);
    struct group *g = s->queue_len == 0 ? NULL : group_of(set, s);
    uint64_t *local = g == NULL ? &set->local : &g->local;
    change->before = *local;
    *local -= s->link.at.local;
    change->after = *local;
    vec_remove(g == NULL ? &set->plain : &g->members, s, r);
    /* An empty group may stay when there is no memory for the shorter array: readers skip it. */
    if (g != NULL && vec_of(&g->members) == NULL && groups_change(set, NULL, g, r))
        epoch_retire(r, &g->dead, node_free);
    if (vec_of(&set->plain) == NULL && groups_of(set) == NULL)
        *word = 0;
}

void word_retire(uint64_t word, struct epoch_reader *r)
{
    if (word_is_set(word))
        epoch_retire(r, &word_set(word)->dead, node_free);
}

static void free_sub(void *ctx, struct sub *s)
{
    (void)ctx;
    sub_free(s);
}

void word_free(uint64_t word)
{
    if (word == 0)
        return;
    word_each(word, free_sub, NULL);
    if (word_is_set(word))
        set_free_now(word_set(word));
}

void word_each(uint64_t word, void (*fn)(void *, struct sub *), void *ctx)
{
    if (word == 0)
        return;
    if (!word_is_set(word)) {
        fn(ctx, word_sub(word));
        return;
    }
    struct set *set = word_set(word);
    struct groupvec *v = groups_of(set);
    vec_each(vec_of(&set->plain), fn, ctx);
    for (uint32_t i = 0; v != NULL && i < v->count; i++)
        vec_each(vec_of(&v->at[i]->members), fn, ctx);
}

void word_replay(uint64_t word, sublist_edge_fn fn, void *ctx)
{
    if (word == 0)
        return;
    slice subject = word_subject(word);
    if (!word_is_set(word)) {
        uint64_t local = word_sub(word)->link.at.local;
        if (local > 0)
            fn(ctx, subject, sub_queue(word_sub(word)), 0, local);
        return;
    }
    struct set *set = word_set(word);
    struct groupvec *v = groups_of(set);
    if (set->local > 0)
        fn(ctx, subject, SLICE_EMPTY, 0, set->local);
    for (uint32_t i = 0; v != NULL && i < v->count; i++) {
        if (v->at[i]->local > 0)
            fn(ctx, subject, slice_make(v->at[i]->name, v->at[i]->name_len), 0, v->at[i]->local);
    }
}
