/* index.db: the whole state in one file, so that a start needs no look into the blocks.
 *
 * It is believed only if it fits: its own hash, its totals against its blocks, the last record of the last
 * block, and the presence of every file that it names. Otherwise the blocks are read. */
#include "store/file/fs.h"

#include "store/format/index_db.h"

#include <errno.h>
#include <stdio.h>

#define INDEX_FILE_MAX (1ULL << 36)
#define OPTIONAL_MAX   1000000u
#define TEXT_MAX       64

/* ---- writing ---- */

struct put_subjects {
    struct file_store *fs;
    struct byte_buf *out;
};

/* Number of the block that holds (or could hold) the sequence. */
static uint64_t block_number(const struct file_store *fs, uint64_t seq)
{
    size_t i = block_position(fs, seq);
    while (i + 1 < fs->block_count && fs->blocks[i]->msgs == 0)
        i++;
    return fs->blocks[i < fs->block_count ? i : fs->block_count - 1]->index;
}

static bool put_subject(void *ctx, slice subject, struct subject_entry *e)
{
    struct put_subjects *p = ctx;
    struct index_subject s = {subject, e->msgs, block_number(p->fs, e->first), block_number(p->fs, e->last)};
    index_put_subject(p->out, &s);
    return !p->out->failed;
}

static bool block_is_listed(const struct block *b)
{
    return b->msgs > 0 || is_last(b);
}

static void put_blocks(struct file_store *fs, struct byte_buf *out, int64_t base_ts)
{
    uint64_t count = 0;
    for (size_t i = 0; i < fs->block_count; i++)
        count += block_is_listed(fs->blocks[i]);
    index_put_block_count(out, count);
    for (size_t i = 0; i < fs->block_count; i++) {
        const struct block *b = fs->blocks[i];
        if (!block_is_listed(b))
            continue;
        /* The set is lent, not copied. The message count is not stored: it is last - first + 1 - deletes. */
        struct index_block k = {b->index,   b->bytes, b->first,     b->first_ts, b->last,
                                b->last_ts, b->ttls,  b->schedules, b->deleted};
        index_put_block(out, &k, base_ts);
    }
}

/* The last 8 plain bytes of the last block. */
static enum store_rc last_sum(struct file_store *fs, uint8_t sum[STORE_SUM_SIZE])
{
    struct block *b = last_block(fs);
    memset(sum, 0, STORE_SUM_SIZE);
    if (b->raw < STORE_SUM_SIZE)
        return STORE_OK;
    struct image *m = b->image;
    enum store_rc rc = STORE_OK;
    if (m == NULL || m->len < STORE_SUM_SIZE)
        rc = block_load(b, &m);
    if (rc == STORE_OK && m->len >= STORE_SUM_SIZE)
        memcpy(sum, m->buf->bytes + m->len - STORE_SUM_SIZE, STORE_SUM_SIZE);
    return rc;
}

/* Some messages are counted that can not be read. Whether they are lost for good the blocks say, at the next
 * start: then the file is to be believed in what it says of the last sequence, and in nothing else. */
static bool counts_lost(const struct file_store *fs)
{
    for (size_t i = 0; i < fs->block_count; i++) {
        if (fs->blocks[i]->damaged)
            return true;
    }
    return false;
}

static enum store_rc plain_form(struct file_store *fs, struct byte_buf *out)
{
    struct index_head h = {fs->msg_count, fs->byte_count, fs->first, fs->first_ts, fs->last, fs->last_ts, 0};
    if (fs->subjects != NULL)
        h.subjects = subject_index_count(fs->subjects);
    index_put_head(out, &h);
    struct put_subjects p = {fs, out};
    if (fs->subjects != NULL)
        subject_index_match(fs->subjects, NULL, 0, put_subject, &p);
    put_blocks(fs, out, h.first_ts);
    struct index_tail t = {.last_block = last_block(fs)->index};
    enum store_rc rc = last_sum(fs, t.last_sum);
    for (size_t i = 0; i < sizeof t.last_sum && counts_lost(fs); i++)
        t.last_sum[i] ^= 0xff; /* it does not fit the last block */
    index_put_tail(out, &t);
    return out->failed ? STORE_NO_MEMORY : rc;
}

/* The totals are what the blocks say, or nothing wrong gets written. */
static bool is_consistent(const struct file_store *fs)
{
    uint64_t msgs = 0, bytes = 0;
    for (size_t i = 0; i < fs->block_count; i++) {
        const struct block *b = fs->blocks[i];
        msgs += b->msgs;
        bytes += b->bytes;
        if (b->msgs != (b->msgs == 0 ? 0 : b->last - b->first + 1 - b->deleted.count))
            return false;
    }
    return msgs == fs->msg_count && bytes == fs->byte_count;
}

enum store_rc fs_write_index(struct file_store *fs)
{
    if (!fs->index_stale)
        return STORE_OK;
    if (!is_consistent(fs)) {
        fs_log(fs, 2, "Stream state encountered internal inconsistency on write");
        return fs_reload(fs);
    }
    struct byte_buf plain = {0}, out = {0};
    char path[DISK_PATH_MAX];
    enum store_rc rc = plain_form(fs, &plain);
    if (rc == STORE_OK && fs->encrypted) {
        uint8_t nonce[CRYPT_NONCE_MAX];
        fs->host.random(fs->host.random_ctx, nonce, crypt_nonce_size(fs->meta_key.cipher));
        rc = crypt_seal(&fs->meta_key, nonce, buf_view(&plain), &out) ? STORE_OK : STORE_NO_MEMORY;
    } else if (rc == STORE_OK) {
        out = plain;
        plain = (struct byte_buf){0};
    }
    if (rc == STORE_OK) {
        uint8_t sum[STORE_SUM_SIZE];
        hash_sum(&fs->hash, buf_view(&out), sum);
        buf_bytes(&out, sum, sizeof sum);
        files_path(path, fs->msgs, "index.db");
        rc = out.failed ? STORE_NO_MEMORY : files_write(fs->host.disk, path, buf_view(&out), fs->msgs);
    }
    if (rc == STORE_OK) {
        fs->index_stale = false;
        fs->index_on_disk = true;
    }
    buf_free(&plain);
    buf_free(&out);
    return rc;
}

/* Too much to be written now and then; at a stop it is written all the same. */
bool fs_index_is_large(const struct file_store *fs)
{
    uint64_t deletes = 0;
    for (size_t i = 0; i < fs->block_count; i++)
        deletes += fs->blocks[i]->deleted.count;
    return deletes > OPTIONAL_MAX ||
           (fs->subjects != NULL && subject_index_count(fs->subjects) > OPTIONAL_MAX);
}

void fs_drop_index(struct file_store *fs)
{
    fs->index_stale = true;
    if (!fs->index_on_disk)
        return;
    char path[DISK_PATH_MAX];
    files_path(path, fs->msgs, "index.db");
    fs_unlink_path_later(fs, path);
    fs_unlink_path_later(fs, NULL);
    fs->index_on_disk = false;
}

enum store_rc fs_drop_index_now(struct file_store *fs)
{
    char path[DISK_PATH_MAX];
    files_path(path, fs->msgs, "index.db");
    fs->index_stale = true;
    int rc = disk_unlink(fs->host.disk, path);
    if (rc == 0)
        rc = disk_sync_dir(fs->host.disk, fs->msgs);
    if (rc == 0 || rc == -ENOENT)
        fs->index_on_disk = false;
    return rc == -ENOENT ? STORE_OK : files_rc(rc);
}

/* ---- reading ---- */

static const char *fault_text(enum index_fault f)
{
    switch (f) {
    case INDEX_VERSION:
        return "Stream state magic and version mismatch";
    case INDEX_SUBJECT_LEN:
        return "Stream state bad subject len";
    case INDEX_DELETES:
        return "Stream state error decoding avl dmap: ss: bad encoding";
    case INDEX_NO_MEMORY:
        return "Stream state needs more memory than there is";
    case INDEX_SHORT:
    case INDEX_GOOD:
        break;
    }
    return "Stream state has no checksum present";
}

static struct block *block_by_number(const struct file_store *fs, uint64_t number)
{
    size_t lo = 0, hi = fs->block_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (fs->blocks[mid]->index < number)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < fs->block_count && fs->blocks[lo]->index == number ? fs->blocks[lo] : NULL;
}

/* A subject lies somewhere between the first of its first block and the last of its last one. One without
 * messages is none. */
static enum index_fault put_bounds(struct file_store *fs, const struct index_subject *s)
{
    if (s->msgs == 0)
        return INDEX_SUBJECT_LEN;
    const struct block *a = block_by_number(fs, s->first_block), *z = block_by_number(fs, s->last_block);
    struct subject_entry e = {.msgs = s->msgs, .first = fs->first, .last = fs->last};
    e.first_bound = e.last_bound = true;
    if (a != NULL && a->msgs > 0)
        e.first = a->first;
    if (z != NULL && z->msgs > 0)
        e.last = z->last;
    if (a != NULL && a == z && a->msgs == s->msgs && a->msgs > 0) { /* it is alone there */
        e.first_bound = false;
        e.last_bound = !block_is_live(a, a->last); /* the last ones may be deleted */
    }
    if (s->subject.len > STORE_SUBJECT_MAX || e.first > e.last)
        return INDEX_SUBJECT_LEN;
    return subject_index_put(fs->subjects, s->subject, &e) ? INDEX_GOOD : INDEX_NO_MEMORY;
}

static enum index_fault read_subjects(struct file_store *fs, struct index_reader *r, uint64_t count, bool put)
{
    enum index_fault f = INDEX_GOOD;
    for (uint64_t i = 0; f == INDEX_GOOD && i < count; i++) {
        struct index_subject s;
        f = index_get_subject(r, &s);
        if (f == INDEX_GOOD && put && s.subject.len > 0 && fs->subjects != NULL)
            f = put_bounds(fs, &s);
    }
    return f;
}

/* Sequences as they can be: behind those of the block before, and deleted ones between the first and the
 * last message. */
static bool block_is_sane(const struct file_store *fs, const struct index_block *k)
{
    const struct block *before = fs->block_count > 0 ? last_block(fs) : NULL;
    if (k->index == 0 || k->index > UINT32_MAX || k->last >> 62 != 0 || k->first > k->last + 1)
        return false;
    if (k->deleted.count > 0 && (seqset_min(&k->deleted) <= k->first || seqset_max(&k->deleted) > k->last))
        return false;
    return before == NULL || (before->index < k->index && before->last < k->first && before->last <= k->last);
}

/* One block as the file states it; its message count follows from its sequences. */
static enum index_fault read_block(struct file_store *fs, struct index_reader *r)
{
    struct index_block k;
    enum index_fault f = index_get_block(r, &k);
    if (f != INDEX_GOOD)
        return f;
    struct block *b = NULL;
    bool sane = block_is_sane(fs, &k);
    if (sane)
        b = block_new(fs, (uint32_t)k.index);
    if (b == NULL || !block_append_to_list(fs, b)) {
        if (b != NULL)
            block_free(b);
        seqset_free(&k.deleted);
        return sane ? INDEX_NO_MEMORY : INDEX_SHORT;
    }
    b->bytes = k.bytes;
    b->first = k.first; /* where the file's records begin is not said: base stays unknown */
    b->last = k.last;
    b->msgs = k.last + 1 - k.first - k.deleted.count;
    b->first_ts = b->msgs > 0 ? k.first_ts : 0;
    b->last_ts = k.last_ts;
    b->ttls = k.ttls;
    b->schedules = k.schedules;
    b->deleted = k.deleted;
    return INDEX_GOOD;
}

static enum index_fault parse(struct file_store *fs, slice plain, struct store_state *prior,
                              struct index_tail *t)
{
    struct index_reader r, subjects;
    struct index_head h;
    uint64_t blocks;
    enum index_fault f = index_get_head(&r, plain, &h);
    if (f != INDEX_GOOD)
        return f;
    if (h.last >> 62 != 0) /* no sequence: the two bits above are a record's flags */
        return INDEX_SHORT;
    prior->last = h.last;
    prior->last_ts = h.last_ts;
    fs->msg_count = h.msgs;
    fs->byte_count = h.bytes;
    fs->first = h.first;
    fs->first_ts = h.first_ts;
    fs->last = h.last;
    fs->last_ts = h.last_ts;
    fs->last_ts_set = h.last_ts != 0;
    fs->ttl_counts_known = r.version >= 2;
    subjects = r;
    f = read_subjects(fs, &r, h.subjects, false);
    if (f == INDEX_GOOD)
        f = index_get_block_count(&r, &blocks);
    for (uint64_t i = 0; f == INDEX_GOOD && i < blocks; i++)
        f = read_block(fs, &r);
    if (f == INDEX_GOOD)
        f = index_get_tail(&r, t);
    if (f == INDEX_GOOD) /* only now is known which sequences the block numbers mean */
        f = read_subjects(fs, &subjects, h.subjects, true);
    return f;
}

/* The plain form of the file's bytes: hash, then cipher. NULL when it holds, else what to log. */
static const char *unwrap(struct file_store *fs, struct byte_buf *file, bool *keep, char text[TEXT_MAX])
{
    uint8_t sum[STORE_SUM_SIZE];
    *keep = false;
    if (file->len < INDEX_DB_MIN) {
        snprintf(text, TEXT_MAX, "Stream state too short (%zu bytes)", file->len);
        return text;
    }
    file->len -= STORE_SUM_SIZE;
    hash_sum(&fs->hash, buf_view(file), sum);
    if (memcmp(sum, file->ptr + file->len, STORE_SUM_SIZE) != 0)
        return "Stream state checksum did not match";
    if (!fs->encrypted)
        return NULL;
    struct byte_buf plain = {0};
    *keep = true;
    if (!crypt_open(&fs->meta_key, buf_view(file), &plain)) {
        buf_free(&plain);
        return "Stream state error reading encryption key: cipher: message authentication failed";
    }
    buf_free(file);
    *file = plain;
    return NULL;
}

/* Sizes of the files; a block without one has lost its messages. */
static bool find_files(struct file_store *fs)
{
    bool all = true;
    for (size_t i = 0; i < fs->block_count; i++) {
        struct block *b = fs->blocks[i];
        char path[DISK_PATH_MAX];
        struct disk_stat st;
        block_path(b, ".blk", path);
        if (disk_stat(fs->host.disk, path, &st) < 0) {
            fs_log(fs, 2, "Stream state detected prior state, could not locate msg block %u", b->index);
            uint64_t first, last, bytes = b->bytes;
            for (uint64_t from = b->first; block_live_run(b, from, &first, &last); from = last + 1) {
                fs_add_lost(fs, first, last, bytes);
                bytes = 0;
            }
            all = false;
            continue;
        }
        b->raw = b->handed = b->durable = b->disk = fs_sound_size(b, st.size);
    }
    return all;
}

/* The last record of the last block is the one that the file names. Zeros name none: a crash may have left a
 * block that was empty with a length, and nothing but zeros in it. */
static bool last_record_fits(struct file_store *fs, const struct index_tail *t)
{
    struct block *b = last_block(fs);
    uint8_t sum[STORE_SUM_SIZE] = {0};
    char path[DISK_PATH_MAX];
    struct disk_file *f;
    bool none = memcmp(sum, t->last_sum, sizeof sum) == 0;
    if (none || b->disk < STORE_SUM_SIZE)
        return none && b->disk == 0;
    block_path(b, ".blk", path);
    if (block_load_key(b) != STORE_OK || disk_open(fs->host.disk, path, DISK_READ, &f) < 0)
        return false;
    uint64_t at = b->disk - STORE_SUM_SIZE;
    ssize_t n = disk_pread(f, sum, sizeof sum, at);
    disk_close(f);
    if (n != STORE_SUM_SIZE)
        return false;
    if (fs->encrypted && !b->plain_file && !crypt_block(&b->key, at, sum, sum, sizeof sum))
        return false;
    return memcmp(sum, t->last_sum, sizeof sum) == 0;
}

/* The totals are the sums over the blocks, and the ends theirs. */
static bool totals_fit(const struct file_store *fs)
{
    uint64_t first = 0, last = last_block(fs)->last;
    for (size_t i = fs->block_count; i-- > 0;)
        first = fs->blocks[i]->msgs > 0 ? fs->blocks[i]->first : first;
    if (fs->msg_count == 0)
        first = fs->last == 0 && fs->first == 0 ? 0 : fs->last + 1;
    return is_consistent(fs) && last == fs->last && first == fs->first;
}

/* The messages of all subjects are all messages. Otherwise the limit of a subject could remove what is not
 * too many. */
static bool subjects_fit(struct file_store *fs)
{
    uint64_t msgs = fs->msg_count, subjects;
    if (fs->subjects != NULL)
        subject_index_totals(fs->subjects, NULL, 0, &msgs, &subjects);
    if (msgs != fs->msg_count)
        fs_log(fs, 2, "Detected skew in subject-based total (%llu) vs raw total (%llu), rebuilding",
               (unsigned long long)msgs, (unsigned long long)fs->msg_count);
    return msgs == fs->msg_count;
}

/* NULL when the state that was parsed fits the files; else what to log. */
static const char *compare(struct file_store *fs, const struct index_tail *t, uint32_t highest, bool *keep)
{
    *keep = false;
    if (fs->block_count == 0 || last_block(fs)->index != t->last_block)
        return "Stream state block does not exist or index mismatch";
    *keep = true;
    if (!find_files(fs))
        return "";
    if (!last_record_fits(fs, t))
        return "Stream state outdated, last block has additional entries, will rebuild";
    if (highest > t->last_block)
        return "Stream state outdated, found extra blocks, will rebuild";
    if (!subjects_fit(fs))
        return "";
    *keep = false;
    return totals_fit(fs) ? NULL : "Stream state encountered internal inconsistency on recover";
}

enum store_rc fs_read_index(struct file_store *fs, uint32_t highest, struct store_state *prior, bool *fits)
{
    struct byte_buf file = {0};
    char path[DISK_PATH_MAX];
    bool keep = true;
    *fits = false;
    files_path(path, fs->msgs, "index.db");
    enum store_rc rc = files_read(fs->host.disk, path, INDEX_FILE_MAX, &file);
    fs->index_on_disk = rc != STORE_NOT_FOUND;
    if (rc != STORE_OK) {
        if (rc != STORE_NOT_FOUND)
            fs_log(fs, 2, "Could not read stream state file: %s", store_rc_text(rc));
        buf_free(&file);
        return rc == STORE_NO_MEMORY ? rc : STORE_OK;
    }
    struct index_tail t;
    char text[TEXT_MAX];
    const char *fault = unwrap(fs, &file, &keep, text);
    if (fault == NULL) {
        enum index_fault f = parse(fs, buf_view(&file), prior, &t);
        keep = false;
        fault = f != INDEX_GOOD ? fault_text(f) : compare(fs, &t, highest, &keep);
    }
    buf_free(&file);
    *fits = fault == NULL;
    if (*fits)
        return STORE_OK;
    if (*fault != 0)
        fs_log(fs, 2, "%s", fault);
    fs_log(fs, 2, "Recovering stream state from index errored: %s",
           keep ? "prior state file" : "corrupt state file");
    return keep ? STORE_OK : fs_drop_index_now(fs);
}
