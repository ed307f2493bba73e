/* Matching: the literal hash, the cached patterns, and the result made of both. */
#include "interest/sublist_impl.h"

#include "base/hash.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

enum {
    WAYS = 4,                  /* entries of the cache among which a subject may stand */
    CACHED_SUBJECT_MAX = 512,  /* longer subjects are not cached */
    CACHED_PATTERNS_MAX = 256, /* nor subjects that match more patterns */
    ARRAY_MIN = 16,
    LINEAR_GROUPS = 16, /* groups up to which they are merged without an index */
};

/* Which patterns match a subject. Good while both generations are what they were. */
struct cached {
    uint64_t list_id;
    uint64_t stripe_gen;
    uint64_t any_gen;
    unsigned stripe;
    uint32_t subject_len;
    uint32_t count;
    uint32_t room;             /* bytes of the two arrays */
    struct tree_node *nodes[]; /* then the subject */
};

/* The places among which a subject may stand; and the keys that were seen here last without being cached. */
struct cache_set {
    struct {
        uint64_t key;
        struct cached *list; /* NULL: free */
    } way[WAYS];
    uint32_t seen[WAYS];
    uint8_t next_seen;
    uint8_t next_victim;
};

/* Members for a group out of one word. */
struct part {
    struct subvec *vec; /* or else: */
    struct sub *sub;
    uint64_t hash; /* of the group's name, when it is needed */
    slice name;
    uint32_t next; /* part of the same group, index + 1 */
    uint32_t group;
};

struct sublist_scratch {
    unsigned slot;
    _Atomic uint64_t cached; /* slots with a list */
    struct tree_walk walk;
    uint64_t *words; /* what matched, this time */
    uint32_t word_count, word_cap;
    struct part *parts;
    uint32_t part_count, part_cap;
    struct chain { /* parts of each group of the result */
        uint32_t first, last;
        uint64_t hash;
    } * chains;
    uint32_t chain_cap;
    uint32_t *index; /* hash table of groups, index + 1 */
    uint32_t index_cap;
    struct sublist_result own; /* of sublist_has_interest */
    struct cache_set cache[SUBLIST_CACHE_ENTRIES / WAYS];
};

struct sublist_scratch *sublist_scratch_new(unsigned slot)
{
    assert(slot < SUBLIST_SLOTS_MAX);
    struct sublist_scratch *sc = calloc(1, sizeof(*sc));
    if (sc != NULL)
        sc->slot = slot;
    return sc;
}

void sublist_scratch_free(struct sublist_scratch *sc)
{
    if (sc == NULL)
        return;
    for (size_t i = 0; i < SUBLIST_CACHE_ENTRIES; i++)
        free(sc->cache[i / WAYS].way[i % WAYS].list);
    tree_walk_free(&sc->walk);
    sublist_result_free(&sc->own);
    free(sc->words);
    free(sc->parts);
    free(sc->chains);
    free(sc->index);
    free(sc);
}

uint64_t sublist_scratch_cached(const struct sublist_scratch *sc)
{
    return atomic_load_explicit(&sc->cached, memory_order_relaxed);
}

void sublist_result_free(struct sublist_result *res)
{
    free(res->plain);
    free(res->groups);
    free(res->members);
    *res = (struct sublist_result){0};
}

static bool grow(void **array, uint32_t *cap, uint64_t need, size_t size)
{
    if (need <= *cap)
        return true;
    uint64_t cap2 = need < ARRAY_MIN ? ARRAY_MIN : need + need / 2;
    if (cap2 > UINT32_MAX)
        return false;
    void *p = realloc(*array, cap2 * size);
    if (p == NULL)
        return false;
    *array = p;
    *cap = (uint32_t)cap2;
    return true;
}

static bool push_word(struct sublist_scratch *sc, uint64_t word)
{
    if (word == 0)
        return true;
    if (!grow((void **)&sc->words, &sc->word_cap, (uint64_t)sc->word_count + 1, sizeof(*sc->words)))
        return false;
    sc->words[sc->word_count++] = word;
    return true;
}

/* ---- patterns, cached ---- */

static slice cached_subject(const struct cached *c)
{
    return slice_make((const uint8_t *)(c->nodes + c->count), c->subject_len);
}

static bool cached_good(const struct cached *c, const struct sublist *sl)
{
    return c->stripe_gen == atomic_load_explicit(&sl->stripe_gen[c->stripe], memory_order_acquire) &&
           c->any_gen == atomic_load_explicit(&sl->any_gen, memory_order_acquire);
}

static struct cache_set *cache_set(struct sublist_scratch *sc, uint64_t key)
{
    return &sc->cache[(key >> 32) % (SUBLIST_CACHE_ENTRIES / WAYS)];
}

/* The list of this key, NULL when it is not cached. */
static struct cached **cache_find(struct cache_set *set, uint64_t key)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (set->way[i].key == key && set->way[i].list != NULL)
            return &set->way[i].list;
    }
    return NULL;
}

/* A place for a subject that was not cached: when it is seen for the second time in a while. NULL else:
 * one-shot subjects push nothing out. */
static struct cached **cache_admit(struct cache_set *set, uint64_t key)
{
    unsigned i = 0;
    while (i < WAYS && set->seen[i] != (uint32_t)key)
        i++;
    if (i == WAYS) {
        set->seen[set->next_seen++ % WAYS] = (uint32_t)key;
        return NULL;
    }
    set->seen[i] = 0;
    for (i = 0; i < WAYS && set->way[i].list != NULL; i++) {
    }
    if (i == WAYS)
        i = set->next_victim++ % WAYS;
    set->way[i].key = key;
    return &set->way[i].list;
}

/* Puts the list that the walk found into its place. Without memory what was there goes. */
static void cache_fill(struct sublist_scratch *sc, struct cached **place, const struct cached *head,
                       slice subject)
{
    size_t count = sc->walk.found_count;
    uint32_t room = (uint32_t)(count * sizeof(struct tree_node *) + subject.len);
    struct cached *c = *place;
    if (c == NULL || c->room < room) {
        add_relaxed(&sc->cached, c == NULL ? 0 : UINT64_MAX);
        free(c);
        *place = c = malloc(sizeof(*c) + room);
        if (c == NULL)
            return;
        add_relaxed(&sc->cached, 1);
        c->room = room;
    }
    room = c->room;
    *c = *head;
    c->room = room;
    c->count = (uint32_t)count;
    c->subject_len = (uint32_t)subject.len;
    if (count > 0)
        memcpy(c->nodes, sc->walk.found, count * sizeof(struct tree_node *));
    memcpy((uint8_t *)(c->nodes + count), subject.ptr, subject.len);
}

static bool has_empty_token(slice s)
{
    if (s.len == 0 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
        return true;
    const uint8_t *p = s.ptr, *end = s.ptr + s.len;
    while ((p = memchr(p, '.', (size_t)(end - p))) != NULL) {
        if (*++p == '.')
            return true;
    }
    return false;
}

/* Collects the words of matching patterns into sc->words. -ENOMEM, else whether it was a hit. */
static int match_patterns(struct sublist *sl, slice subject, uint64_t hash, struct sublist_scratch *sc)
{
    uint64_t key = hash ^ sl->id;
    struct cache_set *set = cache_set(sc, key);
    struct cached **place = cache_find(set, key), *c = place == NULL ? NULL : *place;
    if (c != NULL && c->list_id == sl->id && slice_eq(cached_subject(c), subject) && cached_good(c, sl)) {
        for (uint32_t i = 0; i < c->count; i++) {
            if (!push_word(sc, atomic_load_explicit(&c->nodes[i]->word, memory_order_acquire)))
                return -ENOMEM;
        }
        return 1;
    }
    if (has_empty_token(subject))
        return 0;
    struct cached head = {.list_id = sl->id, .stripe = sublist_stripe(sl, first_token(subject))};
    head.stripe_gen = atomic_load_explicit(&sl->stripe_gen[head.stripe], memory_order_acquire);
    head.any_gen = atomic_load_explicit(&sl->any_gen, memory_order_acquire);
    if (!tree_walk(&sl->patterns, subject, &sc->walk))
        return -ENOMEM;
    for (size_t i = 0; i < sc->walk.found_count; i++) {
        if (!push_word(sc, atomic_load_explicit(&sc->walk.found[i]->word, memory_order_acquire)))
            return -ENOMEM;
    }
    if (sc->walk.found_count > CACHED_PATTERNS_MAX || subject.len > CACHED_SUBJECT_MAX)
        return 0;
    if (place == NULL)
        place = cache_admit(set, key);
    if (place != NULL)
        cache_fill(sc, place, &head, subject);
    return 0;
}

/* ---- the result ---- */

/* Appends the subs of an array to a list that has room for them; its new length. */
static uint32_t copy_vec(struct subvec *v, uint32_t used, struct sub **to, uint32_t at)
{
    for (uint32_t i = 0; i < used; i++) {
        struct sub *s = atomic_load_explicit(&v->at[i], memory_order_acquire);
        to[at] = s;
        at += s != NULL;
    }
    return at;
}

static bool plain_vec(struct sublist_result *res, struct subvec *v)
{
    uint32_t used = v == NULL ? 0 : atomic_load_explicit(&v->used, memory_order_acquire);
    if (!grow((void **)&res->plain, &res->plain_cap, (uint64_t)res->plain_count + used, sizeof(struct sub *)))
        return false;
    res->plain_count = copy_vec(v, used, res->plain, res->plain_count);
    return true;
}

static bool plain_sub(struct sublist_result *res, struct sub *s)
{
    if (!grow((void **)&res->plain, &res->plain_cap, (uint64_t)res->plain_count + 1, sizeof(struct sub *)))
        return false;
    res->plain[res->plain_count++] = s;
    return true;
}

static bool push_part(struct sublist_scratch *sc, struct part part)
{
    if (!grow((void **)&sc->parts, &sc->part_cap, (uint64_t)sc->part_count + 1, sizeof(*sc->parts)))
        return false;
    sc->parts[sc->part_count++] = part;
    return true;
}

/* Plain subs of a word go to the result, those of queue groups become parts. */
static bool take_word(const struct sublist *sl, struct sublist_scratch *sc, uint64_t word,
                      struct sublist_result *res)
{
    if (!word_is_set(word)) {
        struct sub *s = word_sub(word);
        if (s->queue_len == 0)
            return plain_sub(res, s);
        return push_part(
            sc, (struct part){.sub = s, .name = sub_queue(s), .hash = hash_bytes(sub_queue(s), sl->seed)});
    }
    struct set *set = word_set(word);
    if (!plain_vec(res, atomic_load_explicit(&set->plain, memory_order_acquire)))
        return false;
    struct groupvec *v = atomic_load_explicit(&set->groups, memory_order_acquire);
    for (uint32_t i = 0; v != NULL && i < v->count; i++) {
        struct group *g = v->at[i];
        struct part part = {.vec = atomic_load_explicit(&g->members, memory_order_acquire),
                            .name = slice_make(g->name, g->name_len),
                            .hash = g->hash};
        if (part.vec != NULL && !push_part(sc, part))
            return false;
    }
    return true;
}

static bool same_group(const struct sublist_scratch *sc, const struct sublist_result *res, uint32_t group,
                       const struct part *p)
{
    return sc->chains[group].hash == p->hash && slice_eq(res->groups[group].queue, p->name);
}

/* Enters the newest group into the index; all of them when it is the first to need one or the index grows. */
static bool index_groups(struct sublist_scratch *sc, const struct sublist_result *res)
{
    if (res->group_count * 2 < sc->index_cap && res->group_count > LINEAR_GROUPS + 1) {
        uint32_t at = (uint32_t)sc->chains[res->group_count - 1].hash & (sc->index_cap - 1);
        while (sc->index[at] != 0)
            at = (at + 1) & (sc->index_cap - 1);
        sc->index[at] = res->group_count;
        return true;
    }
    uint32_t cap = sc->index_cap < 64 ? 64 : sc->index_cap;
    while (cap <= res->group_count * 2)
        cap *= 2;
    if (cap != sc->index_cap) {
        uint32_t *p = realloc(sc->index, cap * sizeof(*p));
        if (p == NULL)
            return false;
        sc->index = p;
        sc->index_cap = cap;
    }
    memset(sc->index, 0, cap * sizeof(*sc->index));
    for (uint32_t g = 0; g < res->group_count; g++) {
        uint32_t at = (uint32_t)sc->chains[g].hash & (cap - 1);
        while (sc->index[at] != 0)
            at = (at + 1) & (cap - 1);
        sc->index[at] = g + 1;
    }
    return true;
}

/* The group of the result that a part belongs to; group_count when it is new. */
static uint32_t find_group(const struct sublist_scratch *sc, const struct sublist_result *res,
                           const struct part *p)
{
    uint32_t g = 0;
    if (res->group_count <= LINEAR_GROUPS) {
        while (g < res->group_count && !same_group(sc, res, g, p))
            g++;
        return g;
    }
    uint32_t at = (uint32_t)p->hash & (sc->index_cap - 1);
    for (; (g = sc->index[at]) != 0; at = (at + 1) & (sc->index_cap - 1)) {
        if (same_group(sc, res, g - 1, p))
            return g - 1;
    }
    return res->group_count;
}

/* Sorts the parts into groups by name. */
static bool make_groups(struct sublist_scratch *sc, struct sublist_result *res)
{
    for (uint32_t i = 0; i < sc->part_count; i++) {
        struct part *p = &sc->parts[i];
        uint32_t g = find_group(sc, res, p);
        if (g < res->group_count) {
            sc->parts[sc->chains[g].last - 1].next = i + 1;
            sc->chains[g].last = i + 1;
            continue;
        }
        if (!grow((void **)&res->groups, &res->group_cap, (uint64_t)g + 1, sizeof(*res->groups)) ||
            !grow((void **)&sc->chains, &sc->chain_cap, (uint64_t)g + 1, sizeof(*sc->chains)))
            return false;
        res->groups[g] = (struct sublist_group){.queue = p->name};
        sc->chains[g] = (struct chain){.first = i + 1, .last = i + 1, .hash = p->hash};
        res->group_count++;
        if (res->group_count > LINEAR_GROUPS && !index_groups(sc, res))
            return false;
    }
    return true;
}

static bool push_member(struct sublist_result *res, uint32_t *total, struct sub *s)
{
    if (!grow((void **)&res->members, &res->member_cap, (uint64_t)*total + s->weight, sizeof(struct sub *)))
        return false;
    for (uint32_t i = 0; i < s->weight; i++)
        res->members[(*total)++] = s;
    return true;
}

static bool push_members(struct sublist_result *res, uint32_t *total, const struct part *p)
{
    if (p->vec == NULL)
        return push_member(res, total, p->sub);
    uint32_t used = atomic_load_explicit(&p->vec->used, memory_order_acquire);
    if (!atomic_load_explicit(&p->vec->weighted, memory_order_relaxed)) {
        if (!grow((void **)&res->members, &res->member_cap, (uint64_t)*total + used, sizeof(struct sub *)))
            return false;
        *total = copy_vec(p->vec, used, res->members, *total);
        return true;
    }
    for (uint32_t i = 0; i < used; i++) {
        struct sub *s = atomic_load_explicit(&p->vec->at[i], memory_order_acquire);
        if (s != NULL && !push_member(res, total, s))
            return false;
    }
    return true;
}

/* Lays the members of each group side by side, drops groups that emptied meanwhile, and at last, when the
 * array moves no more, lets the groups point into it. */
static bool fill_groups(struct sublist_scratch *sc, struct sublist_result *res)
{
    uint32_t total = 0, kept = 0;
    for (uint32_t g = 0; g < res->group_count; g++) {
        uint32_t start = total;
        for (uint32_t i = sc->chains[g].first; i != 0; i = sc->parts[i - 1].next) {
            if (!push_members(res, &total, &sc->parts[i - 1]))
                return false;
        }
        if (total > start) {
            res->groups[kept].queue = res->groups[g].queue;
            res->groups[kept++].count = total - start;
        }
    }
    res->group_count = kept;
    for (uint32_t g = 0, at = 0; g < kept; at += res->groups[g++].count)
        res->groups[g].members = res->members + at;
    return true;
}

static bool build(const struct sublist *sl, struct sublist_scratch *sc, struct sublist_result *res)
{
    sc->part_count = 0;
    for (uint32_t i = 0; i < sc->word_count; i++) {
        if (!take_word(sl, sc, sc->words[i], res))
            return false;
    }
    return sc->part_count == 0 || (make_groups(sc, res) && fill_groups(sc, res));
}

static void count_match(struct sublist_cell *c, bool hit, uint64_t fanout)
{
    add_relaxed(&c->matches, 1);
    if (hit)
        add_relaxed(&c->hits, 1);
    add_relaxed(&c->fanout_sum, fanout);
    if (fanout > atomic_load_explicit(&c->fanout_max, memory_order_relaxed))
        atomic_store_explicit(&c->fanout_max, fanout, memory_order_relaxed);
}

/* ---- a result that is asked for again ---- */

/* memcmp(a, b, n) == 0; without a call for what most subjects are. */
static inline bool same_bytes(const uint8_t *a, const uint8_t *b, size_t n)
{
    if (n > 32)
        return memcmp(a, b, n) == 0;
    if (n >= 8) {
        uint64_t differ = hash_load64(a + n - 8) ^ hash_load64(b + n - 8);
        for (size_t i = 0; i + 8 < n; i += 8)
            differ |= hash_load64(a + i) ^ hash_load64(b + i);
        return differ == 0;
    }
    if (n >= 4)
        return ((hash_load32(a) ^ hash_load32(b)) | (hash_load32(a + n - 4) ^ hash_load32(b + n - 4))) == 0;
    return n == 0 || (a[0] == b[0] && a[n / 2] == b[n / 2] && a[n - 1] == b[n - 1]);
}

static inline bool made_for(const struct sublist_result *res, const struct sublist *sl, slice subject)
{
    return res->made_id == sl->id && res->made_len == subject.len &&
           res->made_changes == atomic_load(&sl->changes) &&
           same_bytes(res->made_subject, subject.ptr, subject.len);
}

/* `changes` was read before the match. */
static void remember(struct sublist_result *res, const struct sublist *sl, slice subject, uint64_t changes)
{
    if (subject.len > SUBLIST_REMEMBERED_MAX || subject.len == 0)
        return;
    res->made_id = sl->id;
    res->made_changes = changes;
    res->made_len = (uint32_t)subject.len;
    memcpy(res->made_subject, subject.ptr, subject.len);
}

static __attribute__((noinline)) int match_anew(struct sublist *sl, slice subject, struct sublist_scratch *sc,
                                                struct sublist_result *res)
{
    struct dirhash_pos pos;
    uint64_t changes = atomic_load(&sl->changes);
    uint64_t hash = sublist_hash(sl, subject);
    int hit = 1;
    res->made_id = 0;
    res->plain_count = 0;
    res->group_count = 0;
    sc->word_count = 0;
    bool ok = push_word(sc, sublist_literal(sl, subject, hash, &pos));
    if (ok && atomic_load_explicit(&sl->pattern_subs, memory_order_acquire) > 0)
        hit = match_patterns(sl, subject, hash, sc);
    if (!ok || hit < 0 || !build(sl, sc, res)) {
        res->plain_count = 0;
        res->group_count = 0;
        return -ENOMEM;
    }
    if (hit == 1) /* else the cache must see it again */
        remember(res, sl, subject, changes);
    count_match(&sl->cells[sc->slot], hit == 1, (uint64_t)res->plain_count + res->group_count);
    return 0;
}

int sublist_match(struct sublist *sl, slice subject, struct sublist_scratch *sc, struct sublist_result *res)
{
    assert(sc->slot < sl->slots);
    if (!made_for(res, sl, subject))
        return match_anew(sl, subject, sc, res);
    count_match(&sl->cells[sc->slot], true, (uint64_t)res->plain_count + res->group_count);
    return 0;
}

bool sublist_has_interest(struct sublist *sl, slice subject, struct sublist_scratch *sc)
{
    struct sublist_result *res = &sc->own;
    if (sublist_match(sl, subject, sc, res) != 0)
        return true; /* not known: rather a message in vain than one lost */
    for (uint32_t i = 0; i < res->plain_count; i++) {
        if (!sub_closed(res->plain[i]))
            return true;
    }
    for (uint32_t g = 0; g < res->group_count; g++) {
        for (uint32_t i = 0; i < res->groups[g].count; i++) {
            if (!sub_closed(res->groups[g].members[i]))
                return true;
        }
    }
    return false;
}
