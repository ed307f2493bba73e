#include "sim/sched.h"

#include <stdlib.h>

/* A binary heap ordered by (time, random tie, id). A cancelled event stays in the heap with fn NULL and is
 * dropped when it comes up: cancelling is a search among the pending, which simulations do rarely and over
 * few events. */
struct sched_event {
    int64_t at;
    uint64_t tie;
    uint64_t id;
    sched_fn fn;
    void *ctx;
};

struct sched {
    uint64_t seed;
    uint64_t rng[4]; /* xoshiro256** */
    int64_t now;
    uint64_t steps;
    uint64_t next_id;
    struct sched_event *heap;
    size_t count, cap;
};

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

struct sched *sched_new(uint64_t seed)
{
    struct sched *s = calloc(1, sizeof *s);
    if (s == NULL)
        abort();
    s->seed = seed;
    s->next_id = 1;
    uint64_t x = seed;
    for (int i = 0; i < 4; i++)
        s->rng[i] = splitmix(&x);
    return s;
}

void sched_free(struct sched *s)
{
    if (s == NULL)
        return;
    free(s->heap);
    free(s);
}

uint64_t sched_seed(const struct sched *s)
{
    return s->seed;
}

int64_t sched_now(const struct sched *s)
{
    return s->now;
}

uint64_t sched_steps(const struct sched *s)
{
    return s->steps;
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t sched_rand(struct sched *s)
{
    uint64_t *r = s->rng;
    uint64_t out = rotl(r[1] * 5, 7) * 9;
    uint64_t t = r[1] << 17;
    r[2] ^= r[0];
    r[3] ^= r[1];
    r[1] ^= r[2];
    r[0] ^= r[3];
    r[2] ^= t;
    r[3] = rotl(r[3], 45);
    return out;
}

uint64_t sched_below(struct sched *s, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;
    uint64_t x;
    do {
        x = sched_rand(s);
    } while (x >= limit);
    return x % n;
}

int64_t sched_between(struct sched *s, int64_t lo, int64_t hi)
{
    return hi <= lo ? lo : lo + (int64_t)sched_below(s, (uint64_t)(hi - lo) + 1);
}

bool sched_chance(struct sched *s, double p)
{
    return (double)(sched_rand(s) >> 11) * 0x1.0p-53 < p;
}

void sched_bytes(void *sched, void *buf, size_t len)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buf)[i] = (uint8_t)sched_rand(sched);
}

static bool before(const struct sched_event *a, const struct sched_event *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    if (a->tie != b->tie)
        return a->tie < b->tie;
    return a->id < b->id;
}

static void swap(struct sched_event *a, struct sched_event *b)
{
    struct sched_event t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(struct sched *s, size_t i)
{
    while (i > 0 && before(&s->heap[i], &s->heap[(i - 1) / 2])) {
        swap(&s->heap[i], &s->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

static void sift_down(struct sched *s, size_t i)
{
    for (;;) {
        size_t least = i, l = 2 * i + 1, r = l + 1;
        if (l < s->count && before(&s->heap[l], &s->heap[least]))
            least = l;
        if (r < s->count && before(&s->heap[r], &s->heap[least]))
            least = r;
        if (least == i)
            return;
        swap(&s->heap[i], &s->heap[least]);
        i = least;
    }
}

uint64_t sched_after(struct sched *s, int64_t delay, sched_fn fn, void *ctx)
{
    if (s->count == s->cap) {
        s->cap = s->cap == 0 ? 64 : 2 * s->cap;
        s->heap = realloc(s->heap, s->cap * sizeof *s->heap);
        if (s->heap == NULL)
            abort();
    }
    uint64_t id = s->next_id++;
    s->heap[s->count] = (struct sched_event){
        .at = s->now + (delay > 0 ? delay : 0), .tie = sched_rand(s), .id = id, .fn = fn, .ctx = ctx};
    sift_up(s, s->count++);
    return id;
}

bool sched_cancel(struct sched *s, uint64_t id)
{
    for (size_t i = 0; i < s->count; i++) {
        if (s->heap[i].id == id && s->heap[i].fn != NULL) {
            s->heap[i].fn = NULL;
            return true;
        }
    }
    return false;
}

/* The next live event, or NULL; cancelled ones on the way are dropped. */
static struct sched_event *peek(struct sched *s)
{
    while (s->count > 0 && s->heap[0].fn == NULL) {
        s->heap[0] = s->heap[--s->count];
        sift_down(s, 0);
    }
    return s->count > 0 ? &s->heap[0] : NULL;
}

bool sched_step(struct sched *s)
{
    struct sched_event *top = peek(s);
    if (top == NULL)
        return false;
    struct sched_event ev = *top;
    s->heap[0] = s->heap[--s->count];
    sift_down(s, 0);
    s->now = ev.at;
    s->steps++;
    ev.fn(ev.ctx);
    return true;
}

uint64_t sched_run_until(struct sched *s, int64_t until, uint64_t max_steps)
{
    uint64_t ran = 0;
    while (ran < max_steps) {
        struct sched_event *top = peek(s);
        if (top == NULL || top->at > until)
            break;
        sched_step(s);
        ran++;
    }
    if (ran < max_steps && s->now < until)
        s->now = until;
    return ran;
}
