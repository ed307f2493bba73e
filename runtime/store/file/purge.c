/* Many messages go: by subject, up to a sequence, all. */
#include "store/file/fs.h"

#include <errno.h>
#include <stdio.h>

/* ---- everything ---- */

/* Move the last block (which alone is left) into a fresh msgs folder. The block's arrival in __new_msgs__ is
 * the moment from which the purge has happened; fs_finish_purge completes it after a crash. Each step is
 * synced before the next. */
static int swap_folders(struct file_store *fs, struct block *b)
{
    struct disk *d = fs->host.disk;
    char fresh[DISK_PATH_MAX], old[DISK_PATH_MAX], from[DISK_PATH_MAX], to[DISK_PATH_MAX], name[32];
    files_path(fresh, fs->dir, "__new_msgs__");
    files_path(old, fs->dir, "__msgs__");
    if (files_remove_tree(d, fresh) != STORE_OK || files_remove_tree(d, old) != STORE_OK)
        return -EIO;
    int rc = disk_mkdir(d, fresh);
    if (rc == 0)
        rc = disk_sync_dir(d, fs->dir);
    for (int step = 0; rc == 0 && step < 2; step++) {
        const char *suffix = step == 0 ? ".key" : ".blk";
        if (step == 0 && !fs->encrypted)
            continue;
        block_path(b, suffix, from);
        snprintf(name, sizeof name, "%u%s", b->index, suffix);
        files_path(to, fresh, name);
        rc = disk_rename(d, from, to);
        if (rc == 0)
            rc = disk_sync_dir(d, fresh);
    }
    if (rc == 0)
        rc = disk_rename(d, fs->msgs, old);
    if (rc == 0)
        rc = disk_rename(d, fresh, fs->msgs);
    if (rc == 0)
        rc = disk_sync_dir(d, fs->dir);
    if (rc == 0 && files_remove_tree(d, old) != STORE_OK)
        fs_log(fs, 2, "Purged messages in %s could not be removed", old); /* the next start tries again */
    return rc;
}

static bool has_block(const struct files_list *l)
{
    for (size_t i = 0; i < l->count; i++) {
        size_t len = strlen(l->names[i]);
        if (len > 4 && strcmp(l->names[i] + len - 4, ".blk") == 0)
            return true;
    }
    return false;
}

/* The purge had not happened: what it had prepared goes, a block whose key it had moved away included. */
static enum store_rc undo_purge(struct file_store *fs, const char *fresh, const struct files_list *l)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->count; i++) {
        size_t len = strlen(l->names[i]);
        char name[64], path[DISK_PATH_MAX];
        if (len <= 4 || len > 40 || strcmp(l->names[i] + len - 4, ".key") != 0)
            continue;
        snprintf(name, sizeof name, "%.*s.blk", (int)len - 4, l->names[i]);
        files_path(path, fs->msgs, name);
        rc = disk_unlink(fs->host.disk, path);
        rc = rc == -ENOENT ? 0 : rc;
    }
    if (rc == 0)
        rc = disk_sync_dir(fs->host.disk, fs->msgs);
    if (rc < 0 && rc != -ENOENT)
        return files_rc(rc);
    /* For good: were it found again, it would take a later block of that number with it. */
    enum store_rc removed = files_remove_tree(fs->host.disk, fresh);
    return removed == STORE_OK ? files_rc(disk_sync_dir(fs->host.disk, fs->dir)) : removed;
}

/* The block's arrival is made durable first: whoever moved it may have been killed before, or have failed. */
static enum store_rc redo_purge(struct file_store *fs, const char *fresh)
{
    enum store_rc rc = files_rc(disk_sync_dir(fs->host.disk, fresh));
    if (rc == STORE_OK)
        rc = files_remove_tree(fs->host.disk, fs->msgs);
    if (rc != STORE_OK)
        return rc;
    int disk_rc = disk_rename(fs->host.disk, fresh, fs->msgs);
    return files_rc(disk_rc < 0 ? disk_rc : disk_sync_dir(fs->host.disk, fs->dir));
}

enum store_rc fs_finish_purge(struct file_store *fs)
{
    struct disk *d = fs->host.disk;
    char fresh[DISK_PATH_MAX], old[DISK_PATH_MAX];
    files_path(fresh, fs->dir, "__new_msgs__");
    files_path(old, fs->dir, "__msgs__");
    struct files_list l;
    enum store_rc rc = files_list_dir(d, fresh, &l);
    if (rc == STORE_NOT_FOUND) {
        rc = STORE_OK;
    } else if (rc == STORE_OK) {
        rc = has_block(&l) ? redo_purge(fs, fresh) : undo_purge(fs, fresh, &l);
        files_free_list(&l);
    }
    return rc == STORE_OK ? files_remove_tree(d, old) : rc;
}

/* Nothing is left but the last block: forget the others without touching their files, which go with their
 * folder. */
static void forget_blocks_but_last(struct file_store *fs)
{
    struct block *keep = last_block(fs);
    for (size_t i = 0; i + 1 < fs->block_count; i++)
        block_free(fs->blocks[i]);
    fs->blocks[0] = keep;
    fs->block_count = 1;
    fs_forget_unlinks(fs);
}

enum store_rc fs_purge_all(struct file_store *fs, uint64_t first_seq, uint64_t *purged)
{
    uint64_t msgs = fs->msg_count, bytes = fs->byte_count;
    if (first_seq > STORE_SEQUENCE_MAX + 1)
        return STORE_INVALID;
    *purged = msgs;
    if (msgs == 0 && first_seq <= fs->last + 1)
        return STORE_OK;
    uint64_t last = first_seq > fs->last + 1 ? first_seq - 1 : fs->last;
    bool moved = last > fs->last;
    enum store_rc rc = fs_sync_now(&fs->base); /* old blocks must not be written while their folder moves */
    if (rc == STORE_OK)
        rc = fs_new_block(fs);
    if (rc == STORE_OK)
        rc = fs_tombstone(fs, last, fs->last_ts_set ? fs->last_ts : RECORD_TIME_NONE);
    if (rc == STORE_OK)
        rc = fs_sync_now(&fs->base);
    if (rc == STORE_OK)
        rc = files_rc(swap_folders(fs, last_block(fs)));
    if (rc != STORE_OK) {
        fs_reload(fs); /* whichever folder there is now says what the store holds */
        return rc;
    }
    forget_blocks_but_last(fs);
    struct block *b = last_block(fs);
    b->first = last + 1;
    b->last = last;
    b->tomb_max = 0;
    if (fs->subjects != NULL)
        subject_index_clear(fs->subjects);
    expiry_heap_free(&fs->ttl);
    seqmap_free(&fs->handed_up);
    fs->msg_count = fs->byte_count = 0;
    fs->last = last;
    fs->first = last + 1;
    fs->first_ts = 0;
    fs->index_on_disk = false;
    fs_changed(fs);
    if (msgs > 0 || moved)
        fs_report(fs, -(int64_t)msgs, -(int64_t)bytes, 0, SLICE_EMPTY);
    return fs_commit(&fs->base);
}

/* ---- up to a sequence ---- */

enum store_rc fs_compact(struct store *s, uint64_t first, uint64_t *purged)
{
    struct file_store *fs = fs_of(s);
    *purged = 0;
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    if (first == 0 || first > fs->last)
        return fs_purge_all(fs, first, purged);
    if (first <= fs->first)
        return STORE_OK;
    fs_drop_index(fs);
    uint64_t before = fs->msg_count;
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK && fs->msg_count > 0 && fs->first < first) {
        struct block *b = block_of(fs, fs->first);
        rc = b == NULL         ? STORE_CORRUPT
             : b->last < first ? fs_drop_block(fs, b)
                               : fs_remove_message(fs, b, fs->first, STORE_REMOVE);
    }
    *purged = before - fs->msg_count;
    fs_relieve(fs);
    return rc;
}

/* ---- by subject ---- */

static bool widen(void *ctx, slice subject, struct subject_entry *e)
{
    (void)subject;
    struct store_subject_state *t = ctx;
    t->msgs += e->msgs;
    t->first = e->first < t->first ? e->first : t->first;
    t->last = e->last > t->last ? e->last : t->last;
    return true;
}

struct seq_list {
    uint64_t *seqs;
    size_t count;
    size_t cap;
};

static bool seq_push(struct seq_list *l, uint64_t seq)
{
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 256 : l->cap * 2;
        uint64_t *grown = realloc(l->seqs, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        l->seqs = grown;
        l->cap = cap;
    }
    l->seqs[l->count++] = seq;
    return true;
}

/* The sequences of the block's live messages up to `last` that match, at most `max`. */
static enum store_rc matches_in(struct block *b, slice filter, uint64_t last, uint64_t max,
                                struct seq_list *out)
{
    struct image *m;
    enum store_rc rc = block_load(b, &m);
    struct record r;
    out->count = 0;
    for (size_t i = 0; rc == STORE_OK && i < m->count && out->count < max; i++) {
        if (record_peek(image_record(m, i), m->len - m->offsets[i], &r) != RECORD_GOOD || r.seq > last)
            break;
        if (block_is_live(b, r.seq) && store_subject_matches(r.subject, filter) && !seq_push(out, r.seq))
            rc = STORE_NO_MEMORY;
    }
    return rc;
}

/* Remove the block's matches. Where they are all that it holds, the block goes whole and without tombstones.
 */
static enum store_rc purge_block(struct file_store *fs, struct block *b, slice filter, uint64_t last,
                                 uint64_t max, uint64_t *purged)
{
    struct seq_list l = {0};
    enum store_rc rc = matches_in(b, filter, last, max, &l);
    if (rc == STORE_OK && l.count == b->msgs) {
        *purged += l.count;
        rc = fs_drop_block(fs, b);
    } else {
        for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
            rc = fs_remove_message(fs, b, l.seqs[i], STORE_REMOVE);
            *purged += rc == STORE_OK;
        }
    }
    free(l.seqs);
    return rc;
}

static enum store_rc purge_filter(struct file_store *fs, slice filter, uint64_t below, uint64_t keep,
                                  uint64_t *purged)
{
    if (fs->subjects == NULL)
        return STORE_OK;
    struct store_subject_state t = {.first = UINT64_MAX};
    subject_index_match(fs->subjects, &filter, 1, widen, &t);
    if (t.msgs == 0 || (keep > 0 && t.msgs <= keep))
        return STORE_OK;
    uint64_t left = keep > 0 ? t.msgs - keep : UINT64_MAX;
    uint64_t last = below > 0 && below - 1 < t.last ? below - 1 : t.last;
    fs_drop_index(fs);
    uint64_t seq = t.first;
    while (left > 0 && seq <= last) {
        size_t i = block_position(fs, seq);
        while (i < fs->block_count && fs->blocks[i]->msgs == 0)
            i++;
        if (i == fs->block_count || fs->blocks[i]->first > last)
            break;
        seq = fs->blocks[i]->last + 1;
        uint64_t here = 0;
        enum store_rc rc = purge_block(fs, fs->blocks[i], filter, last, left, &here);
        *purged += here;
        left -= here;
        if (rc != STORE_OK)
            return rc;
    }
    fs_relieve(fs);
    return STORE_OK;
}

enum store_rc fs_purge(struct store *s, slice filter, uint64_t below, uint64_t keep, uint64_t *purged)
{
    struct file_store *fs = fs_of(s);
    *purged = 0;
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK && fs_reload(fs) != STORE_OK)
        return fs->failed;
    if (below == 1)
        return STORE_OK;
    bool all = filter.len == 0 || slice_eq_str(filter, ">");
    if (all && keep == 0)
        return below == 0 ? fs_purge_all(fs, 0, purged) : fs_compact(s, below, purged);
    if (all && below > 0)
        return fs_compact(s, below, purged);
    return purge_filter(fs, all ? SLICE_LIT(">") : filter, below, keep, purged);
}
