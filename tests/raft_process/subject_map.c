#include "subject_map.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>

struct subject_entry {
    struct subject_entry *next;
    uint64_t hash;
    void *value;
    size_t len;
    uint8_t subject[];
};

static void *must(void *p)
{
    if (p == NULL) {
        fputs("raft-node: out of memory\n", stderr);
        abort();
    }
    return p;
}

static struct subject_entry **find(const struct subject_map *m, slice subject, uint64_t hash)
{
    struct subject_entry **at = &m->heads[hash & (m->cap - 1)];
    while (*at != NULL && ((*at)->hash != hash || !slice_eq(slice_make((*at)->subject, (*at)->len), subject)))
        at = &(*at)->next;
    return at;
}

static void grow(struct subject_map *m)
{
    struct subject_map big = {.count = m->count, .cap = m->cap == 0 ? 64 : 2 * m->cap};
    big.heads = must(calloc(big.cap, sizeof *big.heads));
    for (size_t i = 0; i < m->cap; i++) {
        while (m->heads[i] != NULL) {
            struct subject_entry *e = m->heads[i];
            m->heads[i] = e->next;
            e->next = big.heads[e->hash & (big.cap - 1)];
            big.heads[e->hash & (big.cap - 1)] = e;
        }
    }
    free(m->heads);
    *m = big;
}

void subject_map_put(struct subject_map *m, slice subject, void *value)
{
    if (m->count >= m->cap)
        grow(m);
    uint64_t hash = hash_bytes(subject, 1);
    struct subject_entry **at = find(m, subject, hash);
    if (*at == NULL) {
        *at = must(calloc(1, sizeof **at + subject.len));
        (*at)->hash = hash;
        (*at)->len = subject.len;
        memcpy((*at)->subject, subject.ptr, subject.len);
        m->count++;
    }
    (*at)->value = value;
}

void *subject_map_get(const struct subject_map *m, slice subject)
{
    if (m->cap == 0)
        return NULL;
    const struct subject_entry *e = *find(m, subject, hash_bytes(subject, 1));
    return e == NULL ? NULL : e->value;
}

static void drop(struct subject_map *m, struct subject_entry **at)
{
    struct subject_entry *e = *at;
    *at = e->next;
    free(e);
    m->count--;
}

void subject_map_remove(struct subject_map *m, slice subject)
{
    if (m->cap == 0)
        return;
    struct subject_entry **at = find(m, subject, hash_bytes(subject, 1));
    if (*at != NULL)
        drop(m, at);
}

void subject_map_remove_value(struct subject_map *m, const void *value)
{
    for (size_t i = 0; i < m->cap; i++) {
        struct subject_entry **at = &m->heads[i];
        while (*at != NULL) {
            if ((*at)->value == value)
                drop(m, at);
            else
                at = &(*at)->next;
        }
    }
}

void subject_map_each(const struct subject_map *m, void (*fn)(void *ctx, slice subject), void *ctx)
{
    for (size_t i = 0; i < m->cap; i++) {
        for (const struct subject_entry *e = m->heads[i]; e != NULL; e = e->next)
            fn(ctx, slice_make(e->subject, e->len));
    }
}

void subject_map_free(struct subject_map *m)
{
    for (size_t i = 0; i < m->cap; i++) {
        while (m->heads[i] != NULL)
            drop(m, &m->heads[i]);
    }
    free(m->heads);
    *m = (struct subject_map){0};
}
