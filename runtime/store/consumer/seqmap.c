#include "store/consumer/seqmap.h"

#include <stdlib.h>
#include <string.h>

void seqmap_free(struct seqmap *m)
{
    free(m->slots);
    *m = (struct seqmap){0};
}

/* Keys come in runs, so they need mixing: the finalizer of splitmix64, from a start that whoever chooses the
 * keys does not know. */
static size_t slot_of(const struct seqmap *m, uint64_t key)
{
    key ^= m->seed;
    key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
    key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
    return (size_t)(key ^ (key >> 31)) & (m->cap - 1);
}

/* The slot of the key, or the free slot where it would go. The table always has a free slot. */
static struct seqmap_entry *probe(const struct seqmap *m, uint64_t key)
{
    size_t i = slot_of(m, key);
    while (m->slots[i].key != 0 && m->slots[i].key != key)
        i = (i + 1) & (m->cap - 1);
    return &m->slots[i];
}

struct seqmap_entry *seqmap_get(const struct seqmap *m, uint64_t key)
{
    if (m->count == 0 || key == 0)
        return NULL;
    struct seqmap_entry *e = probe(m, key);
    return e->key == key ? e : NULL;
}

static bool grow(struct seqmap *m)
{
    struct seqmap bigger = {.cap = m->cap == 0 ? 16 : m->cap * 2, .count = m->count};
    bigger.slots = calloc(bigger.cap, sizeof bigger.slots[0]);
    if (bigger.slots == NULL)
        return false;
    /* Where memory lies differs from run to run; the order of the slots does not matter to anybody. */
    bigger.seed = (uint64_t)(uintptr_t)bigger.slots * UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key != 0)
            *probe(&bigger, m->slots[i].key) = m->slots[i];
    }
    free(m->slots);
    *m = bigger;
    return true;
}

struct seqmap_entry *seqmap_put(struct seqmap *m, uint64_t key)
{
    if (m->count * 4 >= m->cap * 3 && !grow(m))
        return NULL;
    struct seqmap_entry *e = probe(m, key);
    if (e->key == 0) {
        *e = (struct seqmap_entry){.key = key};
        m->count++;
    }
    return e;
}

/* Close the hole at slot i by moving back what was pushed past it. */
static void remove_slot(struct seqmap *m, size_t i)
{
    size_t mask = m->cap - 1;
    for (size_t k = (i + 1) & mask; m->slots[k].key != 0; k = (k + 1) & mask) {
        size_t home = slot_of(m, m->slots[k].key);
        if (((k - home) & mask) >= ((k - i) & mask)) {
            m->slots[i] = m->slots[k];
            i = k;
        }
    }
    m->slots[i].key = 0;
    m->count--;
}

bool seqmap_remove(struct seqmap *m, uint64_t key)
{
    struct seqmap_entry *e = seqmap_get(m, key);
    if (e == NULL)
        return false;
    remove_slot(m, (size_t)(e - m->slots));
    return true;
}

/* Drop every key in lo..hi. A removal may move an entry into the slot just looked at, so it is looked at
 * again; one that wraps around from the end of the table has been looked at before or will be. */
void seqmap_remove_between(struct seqmap *m, uint64_t lo, uint64_t hi)
{
    for (size_t i = 0; i < m->cap && m->count > 0;) {
        uint64_t key = m->slots[i].key;
        if (key != 0 && key >= lo && key <= hi)
            remove_slot(m, i);
        else
            i++;
    }
}

void seqmap_remove_upto(struct seqmap *m, uint64_t seq)
{
    seqmap_remove_between(m, 1, seq);
}

void seqmap_remove_above(struct seqmap *m, uint64_t seq)
{
    if (seq < UINT64_MAX)
        seqmap_remove_between(m, seq + 1, UINT64_MAX);
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = ((const struct seqmap_entry *)a)->key, y = ((const struct seqmap_entry *)b)->key;
    return (x > y) - (x < y);
}

struct seqmap_entry *seqmap_sorted(const struct seqmap *m, bool *failed)
{
    *failed = false;
    if (m->count == 0)
        return NULL;
    struct seqmap_entry *all = malloc(m->count * sizeof *all);
    if (all == NULL) {
        *failed = true;
        return NULL;
    }
    size_t n = 0;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].key != 0)
            all[n++] = m->slots[i];
    }
    qsort(all, n, sizeof *all, by_key);
    return all;
}

bool seqmap_copy(struct seqmap *to, const struct seqmap *from)
{
    *to = (struct seqmap){0};
    if (from->cap == 0)
        return true;
    to->slots = malloc(from->cap * sizeof to->slots[0]);
    if (to->slots == NULL)
        return false;
    memcpy(to->slots, from->slots, from->cap * sizeof to->slots[0]);
    to->cap = from->cap;
    to->seed = from->seed;
    to->count = from->count;
    return true;
}
