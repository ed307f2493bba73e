#include "store/storage_job.h"

#include "store/files.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define JOURNAL_ABOVE 2 /* files that are synced one by one */
#define JOURNAL_BYTES (64ULL << 20)
#define SEGMENT_FILES 2048 /* dirty files at which a segment is full, too: each holds a descriptor */
#define PIECE         ((size_t)64 * 1024)
#define IDLE_SYNCS    16 /* files synced in the background between two looks at the queue */

struct storage_file {
    struct storage *storage;
    struct disk_file *file;
    char *dir; /* of the store, as the journal names it */
    uint32_t block;
    unsigned refs;   /* under the lock: the store's and one for each dirty list it is in */
    bool unsynced;   /* from here on the storage thread's: bytes that only the journal holds for sure */
    uint64_t end;    /* of those bytes, or higher */
    bool suspect;    /* a sync has failed: the system may have forgotten to write them */
    uint64_t listed; /* generation of the dirty list that it joined last */
    bool in_group;
    int rc;                          /* of the group's sync */
    struct storage_file *next_dirty; /* in the group at work */
};

/* The files whose bytes a journal segment holds. */
struct dirty_list {
    uint64_t generation;
    struct storage_file **files;
    size_t count;
    size_t cap;
    size_t synced; /* files[0..synced) are done */
    struct dirty_list *next;
};

struct job_queue {
    struct storage_job *first;
    struct storage_job **tail;
};

struct storage_port {
    struct storage *storage;
    void (*notify)(void *ctx);
    void *ctx;
    struct job_queue done; /* under the storage's lock */
};

struct storage {
    struct storage_options opt;
    char *dir;
    pthread_mutex_t lock;
    pthread_cond_t completed;
    struct job_queue waiting;   /* under the lock */
    pthread_mutex_t claim_lock; /* for the journal's claims */
    struct journal *journal;
    struct dirty_list *dirty; /* oldest first; the last is the present segment's */
    bool journal_broken;      /* a write to it failed: the next group begins a new segment */
};

static void queue_init(struct job_queue *q)
{
    q->first = NULL;
    q->tail = &q->first;
}

static void queue_push(struct job_queue *q, struct storage_job *j)
{
    j->next = NULL;
    *q->tail = j;
    q->tail = &j->next;
}

static struct storage_job *queue_take_all(struct job_queue *q)
{
    struct storage_job *all = q->first;
    queue_init(q);
    return all;
}

/* ---- life ---- */

int storage_open(const struct storage_options *opt, struct storage **out)
{
    struct storage *st = calloc(1, sizeof *st);
    if (st == NULL)
        return -ENOMEM;
    st->opt = *opt;
    if (st->opt.journal_above == 0)
        st->opt.journal_above = JOURNAL_ABOVE;
    if (st->opt.journal_bytes == 0)
        st->opt.journal_bytes = JOURNAL_BYTES;
    st->dir = strdup(opt->dir);
    int rc =
        st->dir == NULL ? -ENOMEM : journal_open(opt->disk, opt->dir, st->opt.journal_bytes, &st->journal);
    if (rc < 0) {
        free(st->dir);
        free(st);
        return rc;
    }
    queue_init(&st->waiting);
    pthread_mutex_init(&st->lock, NULL);
    pthread_mutex_init(&st->claim_lock, NULL);
    pthread_cond_init(&st->completed, NULL);
    *out = st;
    return 0;
}

struct storage_port *storage_port_new(struct storage *st, void (*notify)(void *ctx), void *ctx)
{
    struct storage_port *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct storage_port){.storage = st, .notify = notify, .ctx = ctx};
    queue_init(&p->done);
    return p;
}

void storage_port_free(struct storage_port *p)
{
    free(p);
}

/* ---- files ---- */

/* The folder as the journal names it: relative to the journal's own, so that both can be moved together. */
static const char *relative(const struct storage *st, const char *dir)
{
    size_t n = strlen(st->dir);
    return strncmp(dir, st->dir, n) == 0 && dir[n] == '/' ? dir + n + 1 : dir;
}

int storage_file_open(struct storage_port *p, const char *dir, uint32_t block, bool create,
                      struct storage_file **out)
{
    struct storage_file *f = calloc(1, sizeof *f);
    char path[DISK_PATH_MAX];
    if (f == NULL)
        return -ENOMEM;
    int n = snprintf(path, sizeof path, "%s/msgs/%u.blk", dir, block);
    f->storage = p->storage;
    f->block = block;
    f->refs = 1;
    f->dir = strdup(relative(p->storage, dir));
    int rc = f->dir == NULL ? -ENOMEM : n < 0 || n >= DISK_PATH_MAX ? -ENAMETOOLONG : 0;
    if (rc == 0)
        rc = disk_open(p->storage->opt.disk, path, DISK_WRITE | (create ? DISK_CREATE : 0), &f->file);
    if (rc < 0) {
        free(f->dir);
        free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void storage_file_release(struct storage_file *f)
{
    struct storage *st = f->storage;
    pthread_mutex_lock(&st->lock);
    bool last = --f->refs == 0;
    pthread_mutex_unlock(&st->lock);
    if (!last)
        return;
    disk_close(f->file);
    free(f->dir);
    free(f);
}

int storage_file_reserve(struct storage_file *f, uint64_t size)
{
    return disk_reserve(f->file, size);
}

int storage_file_truncate(struct storage_file *f, uint64_t size)
{
    return disk_truncate(f->file, size);
}

/* ---- the journal's dirty files ---- */

/* After a sync that failed the next one may succeed without the bytes of the first: they are written again,
 * from what the system still shows of the file. */
static int write_again(struct storage_file *f)
{
    int rc = 0;
    uint8_t *piece = malloc(PIECE);
    if (piece == NULL)
        return -ENOMEM;
    for (uint64_t at = 0; rc == 0 && at < f->end; at += PIECE) {
        size_t want = f->end - at < PIECE ? (size_t)(f->end - at) : PIECE;
        ssize_t n = disk_pread(f->file, piece, want, at);
        if (n > 0)
            n = disk_pwrite(f->file, piece, (size_t)n, at);
        rc = n < 0 ? (int)n : 0;
    }
    free(piece);
    return rc;
}

static int sync_file(struct storage_file *f)
{
    int rc = f->suspect ? write_again(f) : 0;
    if (rc == 0)
        rc = disk_sync(f->file);
    f->suspect = rc < 0;
    if (rc == 0)
        f->unsynced = false;
    return rc;
}

static struct dirty_list *present_list(struct storage *st)
{
    struct dirty_list *l = st->dirty;
    while (l != NULL && l->next != NULL)
        l = l->next;
    return l;
}

/* A new segment, and the list of what it will hold. */
static int begin_segment(struct storage *st)
{
    struct dirty_list *l = calloc(1, sizeof *l), *last = present_list(st);
    if (l == NULL)
        return -ENOMEM;
    int rc = journal_roll(st->journal);
    if (rc < 0) {
        free(l);
        return rc;
    }
    l->generation = journal_generation(st->journal);
    if (last == NULL)
        st->dirty = l;
    else
        last->next = l;
    st->journal_broken = false;
    return 0;
}

/* The file's bytes are in the present segment: it must be synced before that can go. */
static int list_dirty(struct storage *st, struct storage_file *f, uint64_t end)
{
    struct dirty_list *l = present_list(st);
    f->unsynced = true;
    f->end = end > f->end ? end : f->end;
    if (f->listed == l->generation)
        return 0;
    if (l->count == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct storage_file **grown = realloc(l->files, cap * sizeof(struct storage_file *));
        if (grown == NULL)
            return -ENOMEM;
        l->files = grown;
        l->cap = cap;
    }
    pthread_mutex_lock(&st->lock);
    f->refs++;
    pthread_mutex_unlock(&st->lock);
    f->listed = l->generation;
    l->files[l->count++] = f;
    return 0;
}

/* Sync at most n files of the oldest segment that takes no more entries (of any segment with `all`); when
 * none is left the segment is retired. 1: something was done; 0: nothing to do; -errno. */
static int retire_some(struct storage *st, size_t n, bool all)
{
    struct dirty_list *l = st->dirty;
    if (l == NULL || (l->next == NULL && !all))
        return 0;
    for (; n > 0 && l->synced < l->count; l->synced++) {
        struct storage_file *f = l->files[l->synced];
        if (f->unsynced) {
            int rc = sync_file(f);
            if (rc < 0)
                return rc;
            n--;
        }
        storage_file_release(f);
    }
    if (l->synced < l->count)
        return 1;
    st->dirty = l->next;
    if (st->dirty != NULL) /* the present segment is removed with the journal */
        journal_retire(st->journal, l->generation);
    free(l->files);
    free(l);
    return 1;
}

/* As much of the old segments as the present one has grown, so that they are done when it is full. */
static void keep_pace(struct storage *st, size_t grown)
{
    struct dirty_list *l = st->dirty;
    if (l == NULL || l->next == NULL)
        return;
    size_t left = l->count - l->synced;
    retire_some(st, 1 + (size_t)((double)left * 2 * (double)grown / (double)st->opt.journal_bytes), false);
}

int storage_close(struct storage *st)
{
    int rc = 0, done;
    while ((done = retire_some(st, SIZE_MAX, true)) > 0) {
    }
    rc = done;
    for (struct dirty_list *l = st->dirty; l != NULL;) { /* what could not be synced stays in the journal */
        struct dirty_list *next = l->next;
        for (; l->synced < l->count; l->synced++)
            storage_file_release(l->files[l->synced]);
        free(l->files);
        free(l);
        l = next;
    }
    int closed = journal_close(st->journal, rc == 0);
    pthread_cond_destroy(&st->completed);
    pthread_mutex_destroy(&st->claim_lock);
    pthread_mutex_destroy(&st->lock);
    free(st->dir);
    free(st);
    return rc < 0 ? rc : closed;
}

/* ---- a group ---- */

static int write_all(const struct storage_job *j)
{
    for (size_t i = 0; i < j->write_count; i++) {
        const struct storage_write *w = &j->writes[i];
        if (w->len == 0)
            continue;
        ssize_t n = disk_pwrite(w->file->file, w->ptr, w->len, w->at);
        if (n < 0)
            return (int)n;
    }
    return 0;
}

/* The files of all jobs that want a sync, each once; *count of them. */
static struct storage_file *group_files(struct storage_job *jobs, size_t *count)
{
    struct storage_file *first = NULL;
    *count = 0;
    for (struct storage_job *j = jobs; j != NULL; j = j->next) {
        for (size_t i = 0; j->sync && j->rc == 0 && i < j->write_count; i++) {
            struct storage_file *f = j->writes[i].file;
            if (f->in_group)
                continue;
            f->in_group = true;
            f->rc = 0;
            f->next_dirty = first;
            first = f;
            ++*count;
        }
    }
    return first;
}

/* A job that the journal can stand in for: bytes, and nothing that asks for the file itself to be synced. */
static bool can_journal(const struct storage_job *j)
{
    for (size_t i = 0; i < j->write_count; i++) {
        if (j->writes[i].len == 0)
            return false;
    }
    return j->sync && !j->direct && j->rc == 0 && j->write_count > 0;
}

static void add_to_journal(struct storage *st, const struct storage_job *j)
{
    for (size_t i = 0; i < j->write_count; i++) {
        const struct storage_write *w = &j->writes[i];
        struct journal_entry e = {.path = slice_str(w->file->dir),
                                  .block = w->file->block,
                                  .offset = w->at,
                                  .bytes = slice_make(w->ptr, w->len)};
        journal_add(st->journal, &e);
    }
}

/* One sync for all: the group's bytes into the journal. Jobs that it cannot serve are left to sync_each. */
static void sync_by_journal(struct storage *st, struct storage_job *jobs)
{
    struct dirty_list *l = present_list(st);
    int rc = 0;
    if (l == NULL || st->journal_broken || journal_is_full(st->journal) || l->count >= SEGMENT_FILES)
        rc = begin_segment(st);
    for (struct storage_job *j = jobs; rc == 0 && j != NULL; j = j->next) {
        if (can_journal(j))
            add_to_journal(st, j);
    }
    size_t grown = journal_group_size(st->journal);
    if (rc == 0)
        rc = journal_flush(st->journal);
    if (rc < 0)
        st->journal_broken = true;
    for (struct storage_job *j = jobs; j != NULL; j = j->next) {
        if (!can_journal(j))
            continue;
        j->rc = rc;
        j->journaled = rc == 0;
        for (size_t i = 0; j->rc == 0 && i < j->write_count; i++)
            j->rc = list_dirty(st, j->writes[i].file, j->writes[i].at + j->writes[i].len);
    }
    keep_pace(st, grown);
}

static void sync_each(struct storage_job *jobs, struct storage_file *files)
{
    for (struct storage_job *j = jobs; j != NULL; j = j->next) {
        for (size_t i = 0; j->sync && j->rc == 0 && j->journaled && i < j->write_count; i++)
            j->writes[i].file->in_group = false; /* done */
    }
    for (struct storage_file *f = files; f != NULL; f = f->next_dirty) {
        if (f->in_group)
            f->rc = sync_file(f);
    }
}

/* Sync what only the journal holds of the store, then say there that it is void. */
static int settle(struct storage *st, const char *dir)
{
    const char *name = relative(st, dir);
    for (struct dirty_list *l = st->dirty; l != NULL; l = l->next) {
        for (size_t i = l->synced; i < l->count; i++) {
            struct storage_file *f = l->files[i];
            int rc = f->unsynced && strcmp(f->dir, name) == 0 ? sync_file(f) : 0;
            if (rc < 0)
                return rc;
        }
    }
    struct journal_entry e = {.path = slice_str(name), .is_void = true};
    int rc = st->journal_broken || present_list(st) == NULL ? begin_segment(st) : 0;
    if (rc == 0) {
        journal_add(st->journal, &e);
        rc = journal_flush(st->journal);
    }
    st->journal_broken |= rc < 0;
    return rc;
}

/* Removals come last: what they take away may be needed until the rest is on disk. */
static int remove_files(struct disk *d, const struct storage_job *j)
{
    for (size_t i = 0; i < j->unlink_count; i++) {
        int rc = j->unlinks[i] != NULL ? disk_unlink(d, j->unlinks[i]) : disk_sync_dir(d, j->unlink_dir);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return j->sync && j->unlink_count > 0 ? disk_sync_dir(d, j->unlink_dir) : 0;
}

static int finish_job(struct storage *st, struct storage_job *j)
{
    int rc = j->rc;
    for (size_t i = 0; rc == 0 && j->sync && !j->journaled && i < j->write_count; i++)
        rc = j->writes[i].file->rc;
    if (rc == 0 && j->new_names != NULL)
        rc = disk_sync_dir(st->opt.disk, j->new_names);
    if (rc == 0 && j->settle)
        rc = settle(st, j->dir);
    j->safe = rc == 0;
    return rc == 0 ? remove_files(st->opt.disk, j) : rc;
}

static void deliver(struct storage *st, struct storage_job *j)
{
    struct storage_port *p = j->port;
    pthread_mutex_lock(&st->lock);
    bool was_empty = p->done.first == NULL;
    queue_push(&p->done, j);
    pthread_cond_broadcast(&st->completed);
    pthread_mutex_unlock(&st->lock);
    if (was_empty && p->notify != NULL)
        p->notify(p->ctx);
}

static void run_group(struct storage *st, struct storage_job *jobs)
{
    size_t count;
    for (struct storage_job *j = jobs; j != NULL; j = j->next)
        j->rc = write_all(j);
    struct storage_file *files = group_files(jobs, &count);
    if (count > st->opt.journal_above)
        sync_by_journal(st, jobs);
    sync_each(jobs, files);
    for (struct storage_job *j = jobs; j != NULL; j = j->next)
        j->rc = finish_job(st, j);
    for (struct storage_file *f = files; f != NULL; f = f->next_dirty)
        f->in_group = false;
    while (jobs != NULL) {
        struct storage_job *next = jobs->next; /* deliver reuses the link, and its owner the job */
        deliver(st, jobs);
        jobs = next;
    }
}

bool storage_run(struct storage *st)
{
    pthread_mutex_lock(&st->lock);
    struct storage_job *jobs = queue_take_all(&st->waiting);
    pthread_mutex_unlock(&st->lock);
    if (jobs == NULL)
        return retire_some(st, IDLE_SYNCS, false) > 0;
    run_group(st, jobs);
    return true;
}

/* ---- the owner's side ---- */

bool storage_is_inline(const struct storage_port *p)
{
    return p->storage->opt.wake == NULL;
}

void storage_submit(struct storage_port *p, struct storage_job *j)
{
    struct storage *st = p->storage;
    j->port = p;
    j->rc = 0;
    j->journaled = j->safe = false;
    pthread_mutex_lock(&st->lock);
    bool was_empty = st->waiting.first == NULL;
    queue_push(&st->waiting, j);
    pthread_mutex_unlock(&st->lock);
    if (st->opt.wake == NULL)
        storage_run(st);
    else if (was_empty)
        st->opt.wake(st->opt.wake_ctx);
}

size_t storage_poll(struct storage_port *p)
{
    pthread_mutex_lock(&p->storage->lock);
    struct storage_job *done = queue_take_all(&p->done);
    pthread_mutex_unlock(&p->storage->lock);
    size_t n = 0;
    while (done != NULL) {
        struct storage_job *next = done->next;
        done->done(done, done->rc);
        done = next;
        n++;
    }
    return n;
}

void storage_wait(struct storage_port *p)
{
    struct storage *st = p->storage;
    pthread_mutex_lock(&st->lock);
    while (p->done.first == NULL && st->opt.wake != NULL) {
        if (st->opt.help == NULL) {
            pthread_cond_wait(&st->completed, &st->lock);
            continue;
        }
        pthread_mutex_unlock(&st->lock);
        st->opt.help(st->opt.wake_ctx);
        pthread_mutex_lock(&st->lock);
    }
    pthread_mutex_unlock(&st->lock);
    storage_poll(p);
}

int storage_claims(struct storage_port *p, const char *dir, journal_claim_fn fn, void *ctx)
{
    struct storage *st = p->storage;
    pthread_mutex_lock(&st->claim_lock);
    int rc = journal_claims(st->journal, slice_str(relative(st, dir)), fn, ctx);
    pthread_mutex_unlock(&st->claim_lock);
    return rc;
}

int storage_claimed(struct storage_port *p, const char *dir)
{
    struct storage *st = p->storage;
    pthread_mutex_lock(&st->claim_lock);
    int rc = journal_claimed(st->journal, slice_str(relative(st, dir)));
    pthread_mutex_unlock(&st->claim_lock);
    return rc;
}

bool storage_has_claims(struct storage_port *p, const char *dir)
{
    struct storage *st = p->storage;
    pthread_mutex_lock(&st->claim_lock);
    bool has = journal_has_claims(st->journal, slice_str(relative(st, dir)));
    pthread_mutex_unlock(&st->claim_lock);
    return has;
}
