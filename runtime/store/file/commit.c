/* Between the store and the storage: one job at a time, a run of bytes of one block each. */
#include "store/file/fs.h"

#include <assert.h>
#include <errno.h>

#define RELIEVE_AT (1u << 20) /* bytes that wait before they are handed over unasked */
#define BACKLOG_MAX \
    ((size_t)2 * STORE_BLOCK_MAX) /* bytes not yet durable at which the owner waits for the disk */

static void submit_next(struct file_store *fs);

/* The first block that has bytes which were not handed over; NULL when none has. Such blocks are the last
 * few. */
static struct block *first_dirty(const struct file_store *fs)
{
    size_t i = fs->block_count - 1;
    while (i > 0 && fs->blocks[i - 1]->handed < fs->blocks[i - 1]->raw)
        i--;
    return fs->blocks[i]->handed < fs->blocks[i]->raw ? fs->blocks[i] : NULL;
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* A block that takes no more appends and is all on disk gives back its file and what was reserved for it. */
static void settle_block(struct block *b)
{
    if (is_last(b) || b->file == NULL || b->durable < b->raw)
        return;
    if (b->reserved > b->raw && b->reserved != UINT64_MAX)
        storage_file_truncate(b->file, b->raw); /* a failure costs a little space, nothing else */
    storage_file_release(b->file);
    b->file = NULL;
    b->disk = b->raw;
}

static void release_job(struct file_store *fs)
{
    struct commit *c = &fs->commit;
    if (c->held != NULL)
        image_buf_release(c->held);
    free(c->cipher);
    free_names(c->unlinks, c->unlink_count);
    *c = (struct commit){0};
}

static void tell(struct file_store *fs, enum store_rc rc)
{
    struct store_progress p;
    fs_progress(&fs->base, &p);
    if (fs->hooks.progress != NULL && !fs->quiet)
        fs->hooks.progress(fs->hooks.ctx, p, rc);
}

/* The files whose ends are not to be trusted. */
static void note_cuts(struct file_store *fs)
{
    for (size_t i = 0; i < fs->block_count; i++) {
        const struct block *b = fs->blocks[i];
        bool cut = b->durable < b->raw;
        if (cut || b->needs_sync)
            fs_note_cut(fs, (struct cut_file){.block = b->index, .size = cut ? b->durable : UINT64_MAX});
    }
}

/* Nothing behind the durable mark can be trusted to be on disk: the files are to be cut back to what is, and
 * all starts again from there. */
static void start_again(struct file_store *fs, enum store_rc rc)
{
    fs_log(fs, 3, "Write failed: %s", store_rc_text(rc));
    tell(fs, rc);
    fs->failed = rc;
    fs->loaded = false;
    note_cuts(fs);
    fs_reload(fs); /* on failure the store stays failed, and the next append tries again */
}

void fs_undo(struct file_store *fs, enum store_rc rc)
{
    unsigned generation = fs->generation;
    fs->commit_wanted = false;
    if (fs->quiet || fs_wait_idle(fs) != STORE_OK || fs->generation != generation)
        return; /* undone already */
    start_again(fs, rc);
}

static void on_done(struct storage_job *job, int rc)
{
    struct commit *c = (struct commit *)job;
    struct file_store *fs = c->block->fs;
    struct block *b = c->block;
    uint64_t end = c->end, mark = c->mark, last_seq = c->last_seq;
    bool wrote = job->write_count > 0, synced = job->sync, journaled = job->journaled, safe = job->safe;
    uint32_t named = job->new_names != NULL ? c->named : 0; /* younger names are not safe yet */
    release_job(fs);
    if (safe) {
        fs->backlog -= end - b->durable;
        b->durable = end;
    }
    if (rc < 0) {
        start_again(fs, files_rc(rc));
        return;
    }
    if (wrote) /* else its file took no part in the sync */
        b->needs_sync = journaled || (!synced && (b->needs_sync || end > 0));
    fs->journaled |= journaled;
    for (size_t i = 0; i < fs->block_count && fs->blocks[i]->index <= named; i++)
        fs->blocks[i]->new_name = false;
    settle_block(b);
    image_settled(fs->host.cache);
    if (mark > 0) {
        fs->durable = mark;
        fs->durable_seq = last_seq;
        tell(fs, STORE_OK);
    }
    if (fs->commit_wanted)
        submit_next(fs);
}

/* The bytes of the block from `handed` to `end`, as they go to the file. */
static bool fill_write(struct commit *c, struct block *b, uint64_t end)
{
    const struct image *m = b->image;
    size_t len = (size_t)(end - b->handed);
    c->write = (struct storage_write){.file = b->file, .at = b->handed, .len = len};
    if (len == 0)
        return true;
    const uint8_t *from = m->buf->bytes + (b->handed - m->base);
    if (!b->fs->encrypted || b->plain_file) {
        c->held = m->buf;
        m->buf->refs++;
        c->write.ptr = from;
        return true;
    }
    c->cipher = malloc(len);
    c->write.ptr = c->cipher;
    return c->cipher != NULL && crypt_block(&b->key, b->handed, from, c->cipher, len);
}

/* Where the job of this block ends: before the records that are younger than a file that waits to go. */
static uint64_t job_end(const struct file_store *fs, const struct block *b)
{
    const struct later_unlink *u = fs->unlinks;
    if (fs->unlink_count == 0 || u->block > b->index)
        return b->raw;
    if (u->block < b->index || u->end <= b->handed)
        return b->handed;
    return u->end < b->raw ? u->end : b->raw;
}

/* Submit a sync of a block's file, which has all its bytes already. STORE_NOT_FOUND: there is no file, which
 * is damage that is reported elsewhere. */
static enum store_rc begin_sync(struct block *b)
{
    struct file_store *fs = b->fs;
    struct commit *c = &fs->commit;
    if (b->file == NULL) {
        int rc = storage_file_open(fs->host.port, fs->dir, b->index, false, &b->file);
        if (rc < 0)
            return rc == -ENOENT ? STORE_NOT_FOUND : files_rc(rc);
    }
    assert(!c->out && b->handed == b->raw);
    c->write = (struct storage_write){.file = b->file};
    c->block = b;
    c->end = b->raw;
    c->named = last_block(fs)->index;
    c->out = true;
    c->job = (struct storage_job){.writes = &c->write, .write_count = 1, .sync = true, .done = on_done};
    c->job.new_names = b->new_name ? fs->msgs : NULL;
    storage_submit(fs->host.port, &c->job);
    return STORE_OK;
}

/* The next block to sync before the job of `b`, behind which a file goes: it may remember removals in place
 * of that file, and in this mode no commit has synced it. NULL: there is none. */
static struct block *to_sync_before(const struct file_store *fs, const struct block *b, uint64_t end)
{
    const struct later_unlink *u = fs->unlinks;
    bool due = fs->unlink_count > 0 && (u->block < b->index || (u->block == b->index && u->end <= end));
    if (fs->sync == STORE_SYNC_ALWAYS || !due)
        return NULL;
    for (size_t i = 0; i < fs->block_count && fs->blocks[i]->index < b->index; i++) {
        struct block *older = fs->blocks[i];
        if (older->needs_sync && (!older->tombs_known || older->tomb_max > 0))
            return older;
    }
    return NULL;
}

/* The files that became useless before the job's end go behind it. */
static bool take_unlinks(struct file_store *fs, struct commit *c)
{
    const struct later_unlink *u = fs->unlinks;
    size_t n = 0;
    while (n < fs->unlink_count &&
           (u[n].block < c->block->index || (u[n].block == c->block->index && u[n].end <= c->end)))
        n++;
    if (n == 0)
        return true;
    c->unlinks = malloc(n * sizeof c->unlinks[0]);
    if (c->unlinks == NULL)
        return false;
    for (size_t i = 0; i < n; i++)
        c->unlinks[i] = u[i].path;
    fs->unlink_count -= n;
    memmove(fs->unlinks, u + n, fs->unlink_count * sizeof *u);
    c->unlink_count = n;
    c->job.unlinks = (const char *const *)c->unlinks;
    c->job.unlink_count = n;
    c->job.unlink_dir = fs->msgs;
    c->job.sync = true; /* in any mode: what files remembered was written again at the end */
    return true;
}

/* One block a job: so the bytes of a new block reach the disk after all of the block before it. */
static void submit_next(struct file_store *fs)
{
    struct commit *c = &fs->commit;
    struct block *b = first_dirty(fs);
    if (c->out)
        return;
    if (b == NULL && fs->unlink_count == 0) {
        fs->commit_wanted = false;
        if (fs->durable != fs->written) {
            fs->durable = fs->written;
            fs->durable_seq = fs->last;
            tell(fs, STORE_OK);
        }
        return;
    }
    if (b == NULL)
        b = last_block(fs);
    for (struct block *older; (older = to_sync_before(fs, b, job_end(fs, b))) != NULL;) {
        enum store_rc rc = begin_sync(older);
        if (rc == STORE_OK)
            return; /* on_done goes on here */
        if (rc != STORE_NOT_FOUND) {
            start_again(fs, rc);
            return;
        }
        older->needs_sync = false;
    }
    c->block = b;
    c->end = job_end(fs, b);
    c->named = last_block(fs)->index;
    c->job = (struct storage_job){.writes = &c->write, .done = on_done};
    c->job.write_count = b->file != NULL && (c->end > b->handed || b->handed == b->raw);
    c->job.sync = fs->sync == STORE_SYNC_ALWAYS;
    c->job.direct = !c->job.sync; /* should it be synced for the files that go behind it */
    if (!fill_write(c, b, c->end) || !take_unlinks(fs, c)) {
        release_job(fs);
        start_again(fs, STORE_NO_MEMORY);
        return;
    }
    c->out = true;
    bool whole = is_last(b) && c->end == b->raw && fs->unlink_count == 0;
    c->job.new_names = c->job.sync && b->new_name ? fs->msgs : NULL;
    if (whole) {
        c->mark = fs->written;
        c->last_seq = fs->last;
    }
    b->handed = c->end;
    fs->commit_wanted = !whole;
    storage_submit(fs->host.port, &c->job);
}

/* Without a storage thread the jobs are done already: take their completions, which may submit further ones.
 */
static void poll_inline(struct file_store *fs)
{
    while (storage_is_inline(fs->host.port) && storage_poll(fs->host.port) > 0) {
    }
}

/* A write that failed meanwhile has made the store start again: whatever the caller held is gone. */
static enum store_rc outcome(const struct file_store *fs, unsigned generation)
{
    if (fs->failed != STORE_OK)
        return fs->failed;
    return fs->generation == generation ? STORE_OK : STORE_IO;
}

enum store_rc fs_commit(struct store *s)
{
    struct file_store *fs = fs_of(s);
    if (fs->closed)
        return STORE_CLOSED;
    if (fs->failed != STORE_OK)
        return fs->failed;
    fs->commit_wanted = true;
    unsigned generation = fs->generation;
    submit_next(fs);
    poll_inline(fs);
    return outcome(fs, generation);
}

enum store_rc fs_wait_idle(struct file_store *fs)
{
    unsigned generation = fs->generation;
    poll_inline(fs);
    while (fs->commit.out)
        storage_wait(fs->host.port);
    return outcome(fs, generation);
}

void fs_relieve(struct file_store *fs)
{
    const struct block *b = last_block(fs);
    if (b->raw - b->handed >= RELIEVE_AT && !fs->commit.out)
        fs_commit(&fs->base);
    while (fs->backlog >= BACKLOG_MAX && fs->failed == STORE_OK) {
        fs_commit(&fs->base);
        if (fs_wait_idle(fs) != STORE_OK)
            break;
    }
}

/* Sync one block's file and wait for that. */
static enum store_rc sync_block(struct block *b)
{
    enum store_rc rc = begin_sync(b);
    if (rc == STORE_NOT_FOUND)
        return STORE_OK;
    return rc == STORE_OK ? fs_wait_idle(b->fs) : rc;
}

enum store_rc fs_commit_and_wait(struct file_store *fs)
{
    enum store_rc rc = fs_commit(&fs->base);
    while (rc == STORE_OK && fs->commit.out)
        rc = fs_wait_idle(fs);
    return rc;
}

enum store_rc fs_sync_blocks(struct file_store *fs)
{
    enum store_rc rc = STORE_OK;
    for (size_t i = 0; rc == STORE_OK && i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        if ((b->needs_sync || b->new_name) && b->handed == b->raw)
            rc = sync_block(b);
    }
    return rc;
}

enum store_rc fs_sync_now(struct store *s)
{
    struct file_store *fs = fs_of(s);
    enum store_rc rc = fs_commit_and_wait(fs);
    if (fs->journaled &&
        fs->sync == STORE_SYNC_ALWAYS) /* what the journal holds is safe, and nothing else waits */
        return rc;
    return rc == STORE_OK ? fs_sync_blocks(fs) : rc;
}

/* The journal's part: its job is of the last block, whose file takes no part in it. */
static enum store_rc void_journal(struct file_store *fs)
{
    struct commit *c = &fs->commit;
    assert(!c->out);
    c->block = last_block(fs);
    c->end = c->block->raw;
    c->out = true;
    c->job = (struct storage_job){.settle = true, .dir = fs->dir, .sync = true, .done = on_done};
    storage_submit(fs->host.port, &c->job);
    enum store_rc rc = fs_wait_idle(fs);
    fs->journaled = fs->journaled && rc != STORE_OK;
    return rc;
}

struct void_job {
    struct storage_job job;
    bool done;
    int rc;
};

static void on_void(struct storage_job *job, int rc)
{
    struct void_job *v = (struct void_job *)job;
    v->done = true;
    v->rc = rc;
}

enum store_rc fs_void_claims(struct file_store *fs)
{
    struct void_job v = {.job = {.settle = true, .dir = fs->dir, .sync = true, .done = on_void}};
    storage_submit(fs->host.port, &v.job);
    while (!v.done)
        storage_wait(fs->host.port);
    return files_rc(v.rc < 0 ? v.rc : storage_claimed(fs->host.port, fs->dir));
}

enum store_rc fs_settle(struct file_store *fs)
{
    enum store_rc rc = fs_commit_and_wait(fs);
    if (rc == STORE_OK && fs->journaled)
        rc = void_journal(fs);
    return rc == STORE_OK ? fs_sync_now(&fs->base) : rc;
}

void fs_progress(struct store *s, struct store_progress *p)
{
    const struct file_store *fs = fs_of(s);
    *p = (struct store_progress){fs->written, fs->durable, fs->durable_seq};
}
