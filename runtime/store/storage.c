#include "store/storage_job.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct storage_file {
    struct storage *storage;
    struct disk_file *file;
    struct storage_file *next_dirty; /* in the group at work */
    bool in_group;
    int rc; /* of the group's write or sync */
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
    pthread_mutex_t lock;
    pthread_cond_t completed;
    struct job_queue waiting; /* under the lock */
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

int storage_open(const struct storage_options *opt, struct storage **out)
{
    struct storage *st = calloc(1, sizeof *st);
    if (st == NULL)
        return -ENOMEM;
    st->opt = *opt;
    queue_init(&st->waiting);
    pthread_mutex_init(&st->lock, NULL);
    pthread_cond_init(&st->completed, NULL);
    *out = st;
    return 0;
}

int storage_close(struct storage *st)
{
    pthread_cond_destroy(&st->completed);
    pthread_mutex_destroy(&st->lock);
    free(st);
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

/* ---- files
 * ------------------------------------------------------------------------------------------------- */

int storage_file_open(struct storage_port *p, const char *path, bool create, struct storage_file **out)
{
    struct storage_file *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -ENOMEM;
    f->storage = p->storage;
    int rc = disk_open(p->storage->opt.disk, path, DISK_WRITE | (create ? DISK_CREATE : 0), &f->file);
    if (rc < 0) {
        free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void storage_file_release(struct storage_file *f)
{
    disk_close(f->file);
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

/* ---- a group
 * ----------------------------------------------------------------------------------------------- */

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

/* The files of all jobs that want a sync, each once. */
static struct storage_file *dirty_files(struct storage_job *jobs)
{
    struct storage_file *first = NULL;
    for (struct storage_job *j = jobs; j != NULL; j = j->next) {
        for (size_t i = 0; j->sync && j->rc == 0 && i < j->write_count; i++) {
            struct storage_file *f = j->writes[i].file;
            if (f->in_group)
                continue;
            f->in_group = true;
            f->rc = 0;
            f->next_dirty = first;
            first = f;
        }
    }
    return first;
}

/* Removals come last: what they take away may be needed until the rest is on disk. */
static int remove_files(struct disk *d, const struct storage_job *j)
{
    for (size_t i = 0; i < j->unlink_count; i++) {
        int rc = disk_unlink(d, j->unlinks[i]);
        if (rc < 0 && rc != -ENOENT)
            return rc;
    }
    return j->unlink_dir != NULL && j->unlink_count > 0 ? disk_sync_dir(d, j->unlink_dir) : 0;
}

static int finish_job(struct storage *st, const struct storage_job *j)
{
    int rc = j->rc;
    for (size_t i = 0; rc == 0 && j->sync && i < j->write_count; i++)
        rc = j->writes[i].file->rc;
    if (rc == 0 && j->new_names != NULL)
        rc = disk_sync_dir(st->opt.disk, j->new_names);
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

bool storage_run(struct storage *st)
{
    pthread_mutex_lock(&st->lock);
    struct storage_job *jobs = queue_take_all(&st->waiting);
    pthread_mutex_unlock(&st->lock);
    if (jobs == NULL)
        return false;
    for (struct storage_job *j = jobs; j != NULL; j = j->next)
        j->rc = write_all(j);
    struct storage_file *dirty = dirty_files(jobs);
    for (struct storage_file *f = dirty; f != NULL; f = f->next_dirty)
        f->rc = disk_sync(f->file);
    for (struct storage_job *j = jobs; j != NULL; j = j->next)
        j->rc = finish_job(st, j);
    for (struct storage_file *f = dirty; f != NULL; f = f->next_dirty)
        f->in_group = false;
    while (jobs != NULL) {
        struct storage_job *next = jobs->next; /* deliver reuses the link, and its owner the job */
        deliver(st, jobs);
        jobs = next;
    }
    return true;
}

bool storage_is_inline(const struct storage_port *p)
{
    return p->storage->opt.wake == NULL;
}

void storage_submit(struct storage_port *p, struct storage_job *j)
{
    struct storage *st = p->storage;
    j->port = p;
    j->rc = 0;
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
