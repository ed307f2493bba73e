#include "sim/sim_content.h"

#include <stdlib.h>
#include <string.h>

#define SECTOR 512u

enum change_kind { CHANGE_WRITE, CHANGE_TRUNCATE };
enum change_state { CHANGE_UNSYNCED, CHANGE_SAFE, CHANGE_LOST };

struct sim_change {
    enum change_kind kind;
    enum change_state state;
    size_t at;       /* write: where; truncate: the new size */
    size_t len;      /* write: bytes */
    size_t old_size; /* of the file before */
    size_t old_len;  /* bytes replaced or cut off, kept at `kept` */
    size_t kept;     /* offset in c->kept of the old bytes; the new ones follow */
};

static void *grow(void *p, size_t *cap, size_t need, size_t unit, size_t least)
{
    if (need <= *cap)
        return p;
    size_t n = *cap == 0 ? least : *cap;
    while (n < need)
        n *= 2;
    p = realloc(p, n * unit);
    if (p == NULL)
        abort();
    *cap = n;
    return p;
}

void sim_content_free(struct sim_content *c)
{
    free(c->data);
    free(c->log);
    free(c->kept);
    *c = (struct sim_content){0};
}

/* Set the size; what appears is zero. */
static void resize(struct sim_content *c, size_t size)
{
    c->data = grow(c->data, &c->cap, size, 1, 256);
    if (size > c->size)
        memset(c->data + c->size, 0, size - c->size);
    c->size = size;
}

static void keep(struct sim_content *c, const void *bytes, size_t len)
{
    if (len == 0)
        return;
    c->kept = grow(c->kept, &c->kept_cap, c->kept_size + len, 1, 256);
    memcpy(c->kept + c->kept_size, bytes, len);
    c->kept_size += len;
}

/* Log a change; the bytes in data[at .. at + old_len) are those about to go. */
static void log_change(struct sim_content *c, struct sim_change ch)
{
    if (c->kept_size > SIM_CONTENT_LOG_MAX && !c->has_lost)
        sim_content_sync(c);
    ch.kept = c->kept_size;
    if (ch.old_len > 0)
        keep(c, c->data + ch.at, ch.old_len);
    c->log = grow(c->log, &c->log_cap, c->log_count + 1, sizeof *c->log, 8);
    c->log[c->log_count++] = ch;
}

void sim_content_write(struct sim_content *c, const struct iovec *iov, int count, size_t len, uint64_t at)
{
    if (len == 0)
        return;
    size_t pos = (size_t)at, overlap = 0;
    if (pos < c->size)
        overlap = c->size - pos < len ? c->size - pos : len;
    log_change(c, (struct sim_change){
                      .kind = CHANGE_WRITE, .at = pos, .len = len, .old_size = c->size, .old_len = overlap});
    if (pos + len > c->size)
        resize(c, pos + len);
    size_t left = len;
    for (int i = 0; i < count && left > 0; i++) {
        size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;
        if (n == 0)
            continue;
        memcpy(c->data + pos, iov[i].iov_base, n);
        keep(c, iov[i].iov_base, n);
        pos += n;
        left -= n;
    }
}

void sim_content_truncate(struct sim_content *c, uint64_t size)
{
    size_t to = (size_t)size;
    if (to == c->size)
        return;
    log_change(c, (struct sim_change){.kind = CHANGE_TRUNCATE,
                                      .at = to,
                                      .old_size = c->size,
                                      .old_len = to < c->size ? c->size - to : 0});
    resize(c, to);
}

void sim_content_sync(struct sim_content *c)
{
    if (!c->has_lost) {
        c->log_count = 0;
        c->kept_size = 0;
        return;
    }
    for (size_t i = 0; i < c->log_count; i++) {
        if (c->log[i].state == CHANGE_UNSYNCED)
            c->log[i].state = CHANGE_SAFE;
    }
}

void sim_content_sync_failed(struct sim_content *c, struct sched *s)
{
    for (size_t i = 0; i < c->log_count; i++) {
        if (c->log[i].state != CHANGE_UNSYNCED)
            continue;
        c->log[i].state = (enum change_state)sched_below(s, 3);
        c->has_lost = c->has_lost || c->log[i].state == CHANGE_LOST;
    }
}

static void undo(struct sim_content *c, const struct sim_change *ch)
{
    resize(c, ch->old_size);
    if (ch->old_len > 0)
        memcpy(c->data + ch->at, c->kept + ch->kept, ch->old_len);
}

/* Play bytes [from, to) of a write again. */
static void redo_part(struct sim_content *c, const struct sim_change *ch, size_t from, size_t to)
{
    if (from >= to)
        return;
    if (ch->at + to > c->size)
        resize(c, ch->at + to);
    memcpy(c->data + ch->at + from, c->kept + ch->kept + ch->old_len + from, to - from);
}

static void redo(struct sim_content *c, const struct sim_change *ch)
{
    if (ch->kind == CHANGE_TRUNCATE)
        resize(c, ch->at);
    else
        redo_part(c, ch, 0, ch->len);
}

/* Each disk sector of the write by itself. */
static void redo_sectors(struct sim_content *c, const struct sim_change *ch, struct sched *s)
{
    for (size_t from = 0; from < ch->len;) {
        size_t to = from + SECTOR - (ch->at + from) % SECTOR;
        if (to > ch->len)
            to = ch->len;
        if (sched_below(s, 2) == 0)
            redo_part(c, ch, from, to);
        from = to;
    }
}

/* Part of a write: its beginning, its end, some sectors, or just the new length with zeros. */
static void redo_torn(struct sim_content *c, const struct sim_change *ch, struct sched *s)
{
    if (ch->kind == CHANGE_TRUNCATE) {
        if (sched_below(s, 2) == 0)
            redo(c, ch);
        return;
    }
    size_t cut = (size_t)sched_below(s, ch->len + 1);
    switch (sched_below(s, 8)) {
    default:
        redo_part(c, ch, 0, cut);
        break;
    case 5:
        redo_part(c, ch, cut, ch->len);
        break;
    case 6:
        redo_sectors(c, ch, s);
        break;
    case 7:
        if (ch->at + ch->len > c->size)
            resize(c, ch->at + ch->len);
        break;
    }
}

/* One change comes out by chance. */
static void redo_chance(struct sim_content *c, const struct sim_change *ch, struct sched *s)
{
    uint64_t pick = sched_below(s, 4);
    if (pick < 2)
        redo(c, ch);
    else if (pick == 2)
        redo_torn(c, ch, s);
}

void sim_content_crash(struct sim_content *c, struct sched *s)
{
    if (c->log_count == 0)
        return;
    for (size_t i = c->log_count; i-- > 0;)
        undo(c, &c->log[i]);
    enum sim_survival mode = (enum sim_survival)sched_below(s, 4);
    size_t first =
        (size_t)sched_below(s, c->log_count); /* SIM_FIRST: whole before this, torn here, none behind */
    for (size_t i = 0; i < c->log_count; i++) {
        const struct sim_change *ch = &c->log[i];
        if (ch->state == CHANGE_LOST)
            continue;
        if (ch->state == CHANGE_SAFE || mode == SIM_ALL || (mode == SIM_FIRST && i < first))
            redo(c, ch);
        else if (mode == SIM_FIRST && i == first)
            redo_torn(c, ch, s);
        else if (mode == SIM_ANY)
            redo_chance(c, ch, s);
    }
    c->log_count = 0;
    c->kept_size = 0;
    c->has_lost = false;
}

size_t sim_content_unsynced(const struct sim_content *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->log_count; i++)
        n += c->log[i].state != CHANGE_SAFE;
    return n;
}
