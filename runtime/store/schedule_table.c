#include "store/schedule_table.h"

#include "base/hash.h"

#include <stdlib.h>

#define TABLE_LEAST 16u
#define NOT_WAITING SIZE_MAX

struct entry {
    uint64_t seq;
    int64_t next;
    size_t place; /* in the heap; NOT_WAITING while in flight */
    uint32_t hash;
    uint16_t len;
    uint8_t subject[];
};

/* Every entry is in a table by subject (open addressing); those that wait are in a heap by time, too, which
 * has room for all. */
struct schedule_table {
    struct entry **slot;
    struct entry **heap;
    size_t cap; /* of both; 0 or a power of two */
    size_t count;
    size_t waiting;
    uint64_t seed;
};

static slice subject_of(const struct entry *e)
{
    return slice_make(e->subject, e->len);
}

/* ---- the heap ---- */

static bool before(const struct entry *a, const struct entry *b)
{
    return a->next != b->next ? a->next < b->next : a->seq < b->seq;
}

static void place(struct schedule_table *t, size_t i, struct entry *e)
{
    t->heap[i] = e;
    e->place = i;
}

/* Put e at i or where it belongs from there. */
static void settle(struct schedule_table *t, size_t i, struct entry *e)
{
    while (i > 0 && before(e, t->heap[(i - 1) / 2])) {
        place(t, i, t->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    for (size_t child; (child = 2 * i + 1) < t->waiting; i = child) {
        if (child + 1 < t->waiting && before(t->heap[child + 1], t->heap[child]))
            child++;
        if (!before(t->heap[child], e))
            break;
        place(t, i, t->heap[child]);
    }
    place(t, i, e);
}

static void wait_for(struct schedule_table *t, struct entry *e, int64_t next)
{
    e->next = next;
    settle(t, e->place == NOT_WAITING ? t->waiting++ : e->place, e);
}

static void stop_waiting(struct schedule_table *t, struct entry *e)
{
    if (e->place == NOT_WAITING)
        return;
    struct entry *last = t->heap[--t->waiting];
    if (last != e)
        settle(t, e->place, last);
    e->place = NOT_WAITING;
}

/* ---- the table ---- */

static size_t slot_of(const struct schedule_table *t, slice subject, uint32_t hash)
{
    size_t i = hash & (t->cap - 1);
    while (t->slot[i] != NULL && !(t->slot[i]->hash == hash && slice_eq(subject_of(t->slot[i]), subject)))
        i = (i + 1) & (t->cap - 1);
    return i;
}

static struct entry *find(const struct schedule_table *t, slice subject)
{
    return t->count == 0 ? NULL : t->slot[slot_of(t, subject, (uint32_t)hash_bytes(subject, t->seed))];
}

static bool grow(struct schedule_table *t)
{
    size_t cap = t->cap == 0 ? TABLE_LEAST : 2 * t->cap;
    struct entry **slot = calloc(cap, sizeof(struct entry *));
    struct entry **heap = realloc(t->heap, cap * sizeof(struct entry *));
    if (heap != NULL)
        t->heap = heap;
    if (slot == NULL || heap == NULL) {
        free(slot);
        return false;
    }
    struct entry **old = t->slot;
    size_t old_cap = t->cap;
    t->slot = slot;
    t->cap = cap;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i] != NULL)
            slot[slot_of(t, subject_of(old[i]), old[i]->hash)] = old[i];
    }
    free(old);
    return true;
}

static struct entry *insert(struct schedule_table *t, slice subject)
{
    if (subject.len > UINT16_MAX || (t->count + 1 > t->cap / 2 && !grow(t)))
        return NULL;
    struct entry *e = malloc(sizeof *e + subject.len);
    if (e == NULL)
        return NULL;
    *e = (struct entry){
        .place = NOT_WAITING, .hash = (uint32_t)hash_bytes(subject, t->seed), .len = (uint16_t)subject.len};
    if (subject.len > 0)
        memcpy(e->subject, subject.ptr, subject.len);
    t->slot[slot_of(t, subject, e->hash)] = e;
    t->count++;
    return e;
}

static void erase(struct schedule_table *t, struct entry *e)
{
    size_t mask = t->cap - 1, hole = slot_of(t, subject_of(e), e->hash);
    stop_waiting(t, e);
    for (size_t i = (hole + 1) & mask; t->slot[i] != NULL; i = (i + 1) & mask) {
        if (((i - t->slot[i]->hash) & mask) < ((i - hole) & mask))
            continue; /* it may not go before its home */
        t->slot[hole] = t->slot[i];
        hole = i;
    }
    t->slot[hole] = NULL;
    t->count--;
    free(e);
}

/* ---- life ---- */

struct schedule_table *schedule_table_new(const uint8_t seed[16])
{
    struct schedule_table *t = calloc(1, sizeof *t);
    if (t != NULL)
        t->seed = hash_fold(hash_load64(seed), hash_load64(seed + 8) | 1);
    return t;
}

static void clear(struct schedule_table *t)
{
    for (size_t i = 0; i < t->cap; i++)
        free(t->slot[i]);
    free(t->slot);
    free(t->heap);
    t->slot = t->heap = NULL;
    t->cap = t->count = t->waiting = 0;
}

void schedule_table_free(struct schedule_table *t)
{
    if (t == NULL)
        return;
    clear(t);
    free(t);
}

size_t schedule_table_count(const struct schedule_table *t)
{
    return t->count;
}

bool schedule_table_find(const struct schedule_table *t, slice subject, uint64_t *seq, int64_t *next)
{
    const struct entry *e = find(t, subject);
    if (e == NULL)
        return false;
    *seq = e->seq;
    *next = e->next;
    return true;
}

/* ---- changes ---- */

enum store_rc schedule_table_stored(struct schedule_table *t, const struct schedule_message *m)
{
    struct entry *own = find(t, m->subject);
    if (m->next != STORE_TIME_NONE) {
        if (own == NULL)
            own = insert(t, m->subject);
        if (own == NULL)
            return STORE_NO_MEMORY;
        own->seq = m->seq;
        wait_for(t, own, m->next);
    } else if (own != NULL && m->scheduler.len == 0) {
        erase(t, own); /* a plain message on the subject takes the schedule's place */
    }
    struct entry *made_by = m->scheduler.len > 0 ? find(t, m->scheduler) : NULL;
    if (made_by != NULL && m->purge)
        erase(t, made_by);
    else if (made_by != NULL && m->move_to != STORE_TIME_NONE)
        wait_for(t, made_by, m->move_to);
    return STORE_OK;
}

void schedule_table_removed(struct schedule_table *t, slice subject, uint64_t seq)
{
    struct entry *e = find(t, subject);
    if (e != NULL && e->seq == seq)
        erase(t, e);
}

/* The store still has the message that made the entry. */
static bool is_held(struct store *s, const struct entry *e)
{
    slice subject;
    return store_subject_at(s, e->seq, &subject) == STORE_OK && slice_eq(subject, subject_of(e));
}

void schedule_table_removed_many(struct schedule_table *t, struct store *s)
{
    for (size_t i = 0; i < t->cap;) {
        if (t->slot[i] == NULL || is_held(s, t->slot[i]))
            i++;
        else
            erase(t, t->slot[i]); /* another may have come into this slot */
    }
}

/* ---- time ---- */

bool schedule_table_due(const struct schedule_table *t, int64_t *at)
{
    if (t->waiting == 0)
        return false;
    *at = t->heap[0]->next;
    return true;
}

bool schedule_table_fire(struct schedule_table *t, int64_t now, slice *subject, uint64_t *seq)
{
    if (t->waiting == 0 || t->heap[0]->next > now)
        return false;
    struct entry *e = t->heap[0];
    stop_waiting(t, e);
    *subject = subject_of(e);
    *seq = e->seq;
    return true;
}

void schedule_table_reset(struct schedule_table *t)
{
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slot[i] != NULL && t->slot[i]->place == NOT_WAITING)
            wait_for(t, t->slot[i], t->slot[i]->next);
    }
}

/* ---- the file ---- */

void schedule_table_encode(const struct schedule_table *t, uint64_t last, struct byte_buf *out)
{
    side_put_head(out, t->count, last + 1);
    for (size_t i = 0; i < t->cap; i++) {
        if (t->slot[i] != NULL)
            side_put_schedule(out, subject_of(t->slot[i]), t->slot[i]->next, t->slot[i]->seq);
    }
}

/* Nothing in a damaged file is believed. */
static enum store_rc decode(struct schedule_table *t, slice file, uint64_t *stamp, enum side_fault *fault)
{
    struct side_reader r;
    struct schedule_message m = {.move_to = STORE_TIME_NONE};
    enum store_rc rc = STORE_OK;
    *fault = side_open(&r, file);
    *stamp = r.stamp;
    while (rc == STORE_OK && *fault == SIDE_GOOD) {
        *fault = side_get_schedule(&r, &m.subject, &m.next, &m.seq);
        if (*fault == SIDE_GOOD)
            rc = schedule_table_stored(t, &m);
    }
    if (*fault == SIDE_END)
        *fault = SIDE_GOOD;
    if (*fault != SIDE_GOOD) {
        clear(t);
        *stamp = 0;
    }
    return rc;
}

enum store_rc schedule_table_recover(struct schedule_table *t, struct store *s, slice file,
                                     schedule_read_fn read, void *ctx, uint64_t *from, enum side_fault *fault)
{
    struct store_state st;
    struct store_msg m;
    uint64_t stamp = 0;
    *from = 0;
    *fault = SIDE_GOOD;
    store_state(s, &st);
    enum store_rc rc = file.len > 0 ? decode(t, file, &stamp, fault) : STORE_OK;
    if (rc != STORE_OK)
        return rc;
    schedule_table_removed_many(t, s);
    if (st.msgs == 0 || stamp > st.last)
        return STORE_OK;
    *from = stamp < st.first ? st.first : stamp;
    for (uint64_t seq = *from; (rc = store_next(s, STORE_ALL, seq, &m, NULL)) == STORE_OK; seq = m.seq + 1) {
        struct schedule_message said = {
            .seq = m.seq, .subject = m.subject, .next = STORE_TIME_NONE, .move_to = STORE_TIME_NONE};
        read(ctx, &m, &said);
        rc = schedule_table_stored(t, &said);
        if (rc != STORE_OK)
            return rc;
    }
    return rc == STORE_EOF ? STORE_OK : rc;
}
