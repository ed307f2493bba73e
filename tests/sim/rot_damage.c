#include "sim/rot_world.h"

#include <stdlib.h>

void rot_free_damage(struct rot_stream *t)
{
    rot_layout_free(&t->layout);
    t->block_hit = t->index_hit = t->o_dat_hit = false;
}

static struct rot_fate *fate_of(struct rot_stream *t, uint64_t seq)
{
    for (size_t i = 0; i < t->fates; i++) {
        if (t->fate[i].m.seq == seq)
            return &t->fate[i];
    }
    return NULL;
}

/* The record was hit: what it told may be forgotten. */
static void hit_record(struct rot_stream *t, const struct rot_record *r)
{
    struct rot_fate *f = fate_of(t, r->seq);
    for (size_t i = 0; i < t->layout.count; i++) {
        struct rot_record *mine = &t->layout.record[i];
        mine->hit |= mine->block == r->block && mine->seq == r->seq && mine->kind == r->kind;
    }
    TRACE(t->m, "    %s: hit: block %u, kind %d, sequence %llu\n", t->name, r->block, (int)r->kind,
          (unsigned long long)r->seq);
    if (f != NULL && r->kind == RECORD_MESSAGE)
        f->hit = true;
    else if (f != NULL && !f->live)
        f->fuzzy = true;
}

static void hit_block(struct rot_stream *t, const struct rot_layout *l, uint32_t block, uint64_t at, bool all)
{
    t->block_hit = true;
    for (size_t i = 0; i < l->count; i++) {
        const struct rot_record *r = &l->record[i];
        if (r->block != block || (!all && (at < r->at || at - r->at >= r->size)))
            continue;
        hit_record(t, r);
        struct rot_fate *f = fate_of(t, r->seq);
        if (f != NULL && at - r->at >= 4 && at - r->at < 12)
            f->named = true;
    }
}

/* Where a length was damaged only sound records that lead to the end are believed: behind it nothing is where
 * more was hit. */
static void hit_behind(struct rot_stream *t)
{
    struct rot_layout *l = &t->layout;
    for (size_t i = 0, end; i < l->count; i = end) {
        size_t hits = 0, first = i;
        for (end = i; end < l->count && l->record[end].block == l->record[i].block; end++) {
            if (l->record[end].hit && hits++ == 0)
                first = end;
        }
        for (size_t k = first; hits > 1 && k < end; k++)
            hit_record(t, &l->record[k]);
    }
}

/* Behind damage of an earlier life only sound records that lead to the end are believed, too: what is not
 * found before more is hit may be gone afterwards. */
static void hit_unfound(struct rot_stream *t)
{
    const struct rot_layout *l = &t->layout;
    for (size_t i = 0; l->broken && i < t->fates; i++) {
        size_t k = 0;
        while (k < l->count && (l->record[k].kind != RECORD_MESSAGE || l->record[k].seq != t->fate[i].m.seq))
            k++;
        t->fate[i].hit |= k == l->count;
    }
}

/* The journal was all that had some of what is fresh, and of the tombstones that were written again. */
void rot_hit_fresh(struct rot_stream *t)
{
    for (size_t i = 0; i < t->fates; i++) {
        struct rot_fate *f = &t->fate[i];
        f->hit |= f->fresh && f->live;
        f->fuzzy |= !f->live;
    }
}

/* A bit of this file is going to be wrong; what lies where in blocks says the file itself, or the layout of
 * before. false: not that one, nothing could notice it. */
static bool hit(struct rot_world *m, const char *path, uint64_t at, bool from_file)
{
    bool spared = false;
    TRACE(m, "    flip in %s at %llu\n", path, (unsigned long long)at);
    for (size_t i = 0; i < m->streams; i++) {
        struct rot_stream *t = &m->stream[i];
        size_t n = strlen(t->dir);
        struct rot_layout now = {0};
        uint32_t block = rot_block_number(path, ".blk"), key = rot_block_number(path, ".key");
        if (strncmp(path, t->dir, n) != 0 || path[n] != '/')
            continue;
        if (from_file && block != 0)
            rot_layout_block(&now, sim_disk_base(m->disk), &t->o, block);
        spared = block != 0 && rot_layout_is_blind(from_file ? &now : &t->layout, block, at);
        if (!spared && (block != 0 || key != 0))
            hit_block(t, from_file ? &now : &t->layout, block != 0 ? block : key, at, block == 0);
        if (key != 0 && m->way == WAY_POWER) /* what the journal has of it can not be put there either */
            rot_hit_fresh(t);
        t->index_hit |= strstr(path, "/index.db") != NULL;
        t->o_dat_hit |= strstr(path, "/o.dat") != NULL;
        rot_layout_free(&now);
    }
    m->journal_hit |= strstr(path, "/midge.journal.") != NULL;
    return !spared;
}

static bool on_read_rot(void *ctx, const char *path, uint64_t at)
{
    struct rot_world *m = ctx;
    bool spared = !hit(m, path, at, true);
    m->counts->read_flips += !spared;
    return !spared;
}

void rot_damage(struct rot_world *m)
{
    static const char *const patterns[] = {"*/msgs/*.blk", "*/msgs/index.db", "*/o.dat", "*/midge.journal.*",
                                           "*/msgs/*.key"};
    for (size_t i = 0; i < m->streams; i++) {
        struct rot_layout *l = &m->stream[i].layout;
        rot_layout_store(l, sim_disk_base(m->disk), &m->stream[i].o);
        for (size_t k = 0; k < l->count; k++)
            TRACE(m, "    %s: block %u at %llu, %llu bytes: kind %d, sequence %llu\n", m->stream[i].name,
                  l->record[k].block, (unsigned long long)l->record[k].at,
                  (unsigned long long)l->record[k].size, (int)l->record[k].kind,
                  (unsigned long long)l->record[k].seq);
    }
    m->read_rot = rot_one_in(m, 4);
    if (m->read_rot) {
        sim_disk_rot_reads(m->disk, patterns[rot_below(m, 2) == 0 ? 0 : rot_below(m, 4)],
                           8 + (unsigned)rot_below(m, 30), on_read_rot, m);
        return;
    }
    for (uint64_t n = rot_below(m, 5); n > 0; n--) {
        char path[DISK_PATH_MAX];
        uint64_t at, dice = rot_below(m, 16);
        const char *pattern = patterns[dice < 8 ? 0 : dice < 15 ? 1 + (dice - 8) % 3 : 4];
        if (!sim_disk_pick(m->disk, pattern, path, &at) || !hit(m, path, at, false))
            continue;
        m->counts->flips++;
        sim_disk_flip(m->disk, path, at,
                      (uint8_t)(rot_one_in(m, 2) ? 1u << rot_below(m, 8) : 1 + rot_below(m, 255)));
    }
    for (size_t i = 0; i < m->streams; i++) {
        hit_behind(&m->stream[i]);
        hit_unfound(&m->stream[i]);
    }
}
