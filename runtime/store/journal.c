#include "store/journal.h"

#include "store/files.h"
#include "store/format/hash.h"

#include <errno.h>
#include <stdio.h>

#define MAGIC       "MIDGEJNL"
#define VERSION     1
#define HEADER      48
#define ENTRY_HEAD  32
#define KIND_BYTES  1
#define KIND_VOID   2
#define SEGMENT_MAX (4ULL << 30)
#define SALT_SIZE   16
#define SPARE       "midge.journal.spare"

/* A segment that a crash has left, and what of it is still claimed. */
struct leftover {
    uint64_t generation;
    struct byte_buf bytes;
    size_t live; /* claims that point into it */
};

struct claim {
    struct journal_entry entry;
    size_t leftover; /* index */
    size_t next;     /* claim (number + 1) of the same bucket, in order; 0: none */
    bool done;
};

#define BUCKETS 1024u

struct bucket {
    size_t first; /* number + 1 */
    size_t last;
};

struct journal {
    struct disk *disk;
    char *dir;
    uint64_t segment_bytes;
    struct disk_file *file; /* the segment that takes entries; NULL before the first */
    uint64_t generation;
    uint64_t size;
    struct hash_key key;
    struct byte_buf group;
    bool has_spare;  /* SPARE is the file of a retired segment, to be used again */
    uint64_t oldest; /* of this process that may still exist */
    uint64_t held;   /* generation that claims of an earlier process were carried into; 0: none */
    struct leftover *left;
    size_t left_count;
    struct claim *claims;
    size_t claim_count;
    size_t claim_cap;
    struct bucket buckets[BUCKETS]; /* claims by path */
};

static bool segment_path(const struct journal *j, uint64_t generation, char out[DISK_PATH_MAX])
{
    int n = snprintf(out, DISK_PATH_MAX, "%s/%s%llu", j->dir, JOURNAL_PREFIX, (unsigned long long)generation);
    return n > 0 && n < DISK_PATH_MAX;
}

static struct hash_key key_of(const uint8_t salt[SALT_SIZE])
{
    struct hash_key k = {{get_u64(salt), get_u64(salt + 8), 0, 0}};
    return k;
}

/* ---- what a crash has left ---- */

static struct bucket *bucket_of(struct journal *j, slice path)
{
    static const struct hash_key key = {{1, 2, 3, 4}};
    return &j->buckets[hash64(&key, path.ptr, path.len) % BUCKETS];
}

/* The first open claim of the store at or behind claim number `at` - 1 of its bucket; NULL when there is
 * none. */
static struct claim *claim_from(struct journal *j, size_t at, slice path)
{
    for (; at != 0; at = j->claims[at - 1].next) {
        struct claim *c = &j->claims[at - 1];
        if (!c->done && slice_eq(c->entry.path, path))
            return c;
    }
    return NULL;
}

/* Every claim of the store so far is void. */
static void drop_claims(struct journal *j, slice path)
{
    struct claim *c = claim_from(j, bucket_of(j, path)->first, path);
    for (; c != NULL; c = claim_from(j, c->next, path)) {
        c->done = true;
        j->left[c->leftover].live--;
    }
}

static int add_claim(struct journal *j, size_t leftover, const struct journal_entry *e)
{
    if (j->claim_count == j->claim_cap) {
        size_t cap = j->claim_cap == 0 ? 256 : j->claim_cap * 2;
        struct claim *grown = realloc(j->claims, cap * sizeof *grown);
        if (grown == NULL)
            return -ENOMEM;
        j->claims = grown;
        j->claim_cap = cap;
    }
    struct bucket *b = bucket_of(j, e->path);
    j->claims[j->claim_count++] = (struct claim){.entry = *e, .leftover = leftover};
    if (b->first == 0)
        b->first = j->claim_count;
    else
        j->claims[b->last - 1].next = j->claim_count;
    b->last = j->claim_count;
    j->left[leftover].live++;
    return 0;
}

/* The entry at the front of `s`; its size, or 0 when there is none that is whole and of this generation. */
static size_t read_entry(slice s, const struct hash_key *key, uint64_t generation, struct journal_entry *e)
{
    if (s.len < ENTRY_HEAD + STORE_SUM_SIZE)
        return 0;
    uint32_t size = get_u32(s.ptr);
    uint16_t path = get_u16(s.ptr + 4), kind = get_u16(s.ptr + 6);
    if (size < ENTRY_HEAD + STORE_SUM_SIZE || size > s.len || path > size - ENTRY_HEAD - STORE_SUM_SIZE ||
        get_u64(s.ptr + 8) != generation || (kind != KIND_BYTES && kind != KIND_VOID) ||
        hash64(key, s.ptr, size - STORE_SUM_SIZE) != get_u64(s.ptr + size - STORE_SUM_SIZE))
        return 0;
    *e = (struct journal_entry){.path = slice_make(s.ptr + ENTRY_HEAD, path),
                                .block = get_u32(s.ptr + 16),
                                .offset = get_u64(s.ptr + 24),
                                .is_void = kind == KIND_VOID};
    e->bytes = slice_make(s.ptr + ENTRY_HEAD + path, size - ENTRY_HEAD - STORE_SUM_SIZE - path);
    return size;
}

static int read_segment(struct journal *j, size_t index)
{
    struct leftover *l = &j->left[index];
    slice s = buf_view(&l->bytes);
    if (s.len < HEADER || memcmp(s.ptr, MAGIC, 8) != 0 || get_u32(s.ptr + 8) != VERSION ||
        get_u64(s.ptr + 16) != l->generation)
        return 0; /* never finished: nothing was acknowledged through it */
    struct hash_key key = key_of(s.ptr + 24);
    if (hash64(&key, s.ptr, HEADER - STORE_SUM_SIZE) != get_u64(s.ptr + HEADER - STORE_SUM_SIZE))
        return 0;
    struct journal_entry e;
    size_t n;
    int rc = 0;
    for (s = slice_from(s, HEADER); rc == 0 && (n = read_entry(s, &key, l->generation, &e)) > 0;
         s = slice_from(s, n)) {
        if (e.is_void)
            drop_claims(j, e.path);
        else
            rc = add_claim(j, index, &e);
    }
    return rc;
}

static int rising(const void *a, const void *b)
{
    uint64_t x = ((const struct leftover *)a)->generation, y = ((const struct leftover *)b)->generation;
    return (x > y) - (x < y);
}

static int load_leftovers(struct journal *j, const struct files_list *l)
{
    j->left = calloc(l->count + 1, sizeof j->left[0]);
    if (j->left == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < l->count; i++) {
        char *end, path[DISK_PATH_MAX];
        if (l->is_dir[i] || strncmp(l->names[i], JOURNAL_PREFIX, strlen(JOURNAL_PREFIX)) != 0)
            continue;
        uint64_t generation = strtoull(l->names[i] + strlen(JOURNAL_PREFIX), &end, 10);
        if (*end != 0 || generation == 0 || !segment_path(j, generation, path))
            continue;
        struct leftover *x = &j->left[j->left_count++];
        x->generation = generation;
        enum store_rc rc = files_read(j->disk, path, SEGMENT_MAX, &x->bytes);
        if (rc != STORE_OK)
            return rc == STORE_NO_MEMORY ? -ENOMEM : -EIO;
    }
    qsort(j->left, j->left_count, sizeof j->left[0], rising);
    for (size_t i = 0; i < j->left_count; i++) {
        int rc = read_segment(j, i);
        if (rc < 0)
            return rc;
        j->generation = j->left[i].generation;
    }
    return 0;
}

static int remove_segment(struct journal *j, uint64_t generation)
{
    char path[DISK_PATH_MAX];
    segment_path(j, generation, path);
    int rc = disk_unlink(j->disk, path);
    return rc < 0 && rc != -ENOENT ? rc : disk_sync_dir(j->disk, j->dir);
}

/* Remove leftover segments that nobody claims any more. From the oldest on, and each for good before the
 * next: a younger one may void what an older one holds. */
static int drop_leftovers(struct journal *j)
{
    for (size_t i = 0; i < j->left_count && j->left[i].live == 0; i++) {
        struct leftover *l = &j->left[i];
        int rc = l->generation == 0 ? 0 : remove_segment(j, l->generation);
        if (rc < 0)
            return rc;
        buf_free(&l->bytes);
        l->generation = 0;
    }
    return 0;
}

int journal_open(struct disk *d, const char *dir, uint64_t segment_bytes, struct journal **out)
{
    struct files_list names;
    struct journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return -ENOMEM;
    j->disk = d;
    j->dir = strdup(dir);
    j->segment_bytes = segment_bytes;
    int rc = j->dir == NULL ? -ENOMEM : 0;
    enum store_rc listed = rc == 0 ? files_list_dir(d, dir, &names) : STORE_NO_MEMORY;
    if (listed == STORE_OK) {
        rc = load_leftovers(j, &names);
        files_free_list(&names);
    } else if (listed != STORE_NOT_FOUND) {
        rc = -EIO;
    }
    if (rc == 0)
        rc = drop_leftovers(j);
    j->oldest = j->generation + 1;
    if (rc < 0) {
        journal_close(j, false);
        return rc;
    }
    *out = j;
    return 0;
}

/* Folders below the journal's own go without it, so that a directory that was moved, or is spelled otherwise,
 * still finds its bytes. */
static slice relative(const struct journal *j, slice path)
{
    size_t n = strlen(j->dir);
    bool below = path.len > n + 1 && memcmp(path.ptr, j->dir, n) == 0 && path.ptr[n] == '/';
    return below ? slice_from(path, n + 1) : path;
}

int journal_claims(struct journal *j, slice path, journal_claim_fn fn, void *ctx)
{
    int rc = 0;
    path = relative(j, path);
    struct claim *c = claim_from(j, bucket_of(j, path)->first, path);
    for (; rc == 0 && c != NULL; c = claim_from(j, c->next, path))
        rc = fn(ctx, &c->entry);
    return rc;
}

bool journal_has_claims(struct journal *j, slice path)
{
    path = relative(j, path);
    return claim_from(j, bucket_of(j, path)->first, path) != NULL;
}

int journal_claimed(struct journal *j, slice path)
{
    drop_claims(j, relative(j, path));
    return drop_leftovers(j);
}

/* ---- segments ---- */

static int write_header(struct journal *j)
{
    uint8_t h[HEADER] = {0};
    /* Eight bytes, no string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(h, MAGIC, 8);
    put_u32(h + 8, VERSION);
    put_u64(h + 16, j->generation);
    /* The salt tells entries of this segment from anything else that could lie in a reused file. The
     * generation is never used twice in a folder, so it is salt enough; sums guard against damage, not
     * against enemies. */
    put_u64(h + 24, j->generation * 0x9e3779b97f4a7c15u);
    put_u64(h + 32, ~j->generation);
    j->key = key_of(h + 24);
    put_u64(h + HEADER - STORE_SUM_SIZE, hash64(&j->key, h, HEADER - STORE_SUM_SIZE));
    ssize_t n = disk_pwrite(j->file, h, sizeof h, 0);
    return n < 0 ? (int)n : disk_sync(j->file);
}

int journal_roll(struct journal *j)
{
    char path[DISK_PATH_MAX], old[DISK_PATH_MAX];
    if (j->file != NULL)
        disk_close(j->file);
    j->file = NULL;
    j->generation++;
    if (!segment_path(j, j->generation, path))
        return -ENAMETOOLONG;
    int rc = 0;
    if (j->has_spare && files_path(old, j->dir, SPARE))
        rc = disk_rename(j->disk, old, path);
    j->has_spare = false;
    if (rc == 0 || rc == -ENOENT)
        rc = disk_open(j->disk, path, DISK_WRITE | DISK_CREATE, &j->file);
    if (rc < 0)
        j->file = NULL;
    if (rc == 0)
        rc = write_header(j);
    if (rc == 0)
        rc = disk_sync_dir(j->disk, j->dir);
    j->size = HEADER;
    if (rc < 0 && j->file != NULL) {
        disk_close(j->file);
        j->file = NULL;
    }
    return rc;
}

/* Claims that nobody has taken yet go into the present segment, and their files go: younger segments, which
 * say what of them is settled, are going to be retired. */
static int carry_claims(struct journal *j)
{
    bool any = false;
    for (size_t i = 0; i < j->claim_count; i++) {
        struct journal_entry *e = &j->claims[i].entry;
        if (j->claims[i].done)
            continue;
        any = true;
        journal_add(j, e);
    }
    int rc = any ? journal_flush(j) : 0;
    if (rc < 0)
        return rc;
    j->held = any ? j->generation : 0;
    for (size_t i = 0; rc == 0 && i < j->left_count; i++) {
        if (j->left[i].generation == 0)
            continue;
        rc = remove_segment(j, j->left[i].generation);
        j->left[i].generation = rc == 0 ? 0 : j->left[i].generation;
    }
    return rc;
}

static bool has_leftovers(const struct journal *j)
{
    for (size_t i = 0; i < j->left_count; i++) {
        if (j->left[i].generation != 0)
            return true;
    }
    return false;
}

/* A retired segment may not come back after a crash, and never without those behind it: its entries are older
 * than what the blocks have become. */
int journal_retire(struct journal *j, uint64_t generation)
{
    for (; j->oldest <= generation && j->oldest < j->generation; j->oldest++) {
        char path[DISK_PATH_MAX], spare[DISK_PATH_MAX];
        int rc = has_leftovers(j) || j->held == j->oldest ? carry_claims(j) : 0;
        if (rc < 0)
            return rc;
        segment_path(j, j->oldest, path);
        files_path(spare, j->dir, SPARE);
        rc = j->has_spare ? disk_unlink(j->disk, path) : disk_rename(j->disk, path, spare);
        j->has_spare |= rc == 0;
        if (rc == 0 || rc == -ENOENT)
            rc = disk_sync_dir(j->disk, j->dir);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- entries ---- */

void journal_add(struct journal *j, const struct journal_entry *e)
{
    struct byte_buf *b = &j->group;
    slice path = relative(j, e->path);
    size_t from = b->len, size = ENTRY_HEAD + path.len + e->bytes.len + STORE_SUM_SIZE;
    buf_u32(b, (uint32_t)size);
    buf_u16(b, (uint16_t)path.len);
    buf_u16(b, e->is_void ? KIND_VOID : KIND_BYTES);
    buf_u64(b, j->generation);
    buf_u32(b, e->block);
    buf_u32(b, 0);
    buf_u64(b, e->offset);
    buf_slice(b, path);
    buf_slice(b, e->bytes);
    if (!b->failed)
        buf_u64(b, hash64(&j->key, b->ptr + from, b->len - from));
}

size_t journal_group_size(const struct journal *j)
{
    return j->group.len;
}

int journal_flush(struct journal *j)
{
    int rc = j->group.failed ? -ENOMEM : 0;
    if (rc == 0 && j->file == NULL)
        rc = -EBADF;
    if (rc == 0) {
        ssize_t n = disk_pwrite(j->file, j->group.ptr, j->group.len, j->size);
        rc = n < 0 ? (int)n : disk_sync(j->file);
    }
    if (rc == 0)
        j->size += j->group.len;
    j->group.len = 0;
    j->group.failed = false;
    return rc;
}

uint64_t journal_generation(const struct journal *j)
{
    return j->generation;
}

bool journal_is_full(const struct journal *j)
{
    return j->file == NULL || j->size >= j->segment_bytes;
}

/* All is in the blocks but claims that nobody has taken: these get a segment of their own, the others go. */
static int remove_segments(struct journal *j)
{
    char path[DISK_PATH_MAX];
    uint64_t last = j->generation;
    bool keep = false;
    for (size_t i = 0; i < j->claim_count; i++)
        keep |= !j->claims[i].done;
    int rc = keep ? journal_roll(j) : 0;
    if (rc == 0)
        rc = carry_claims(j);
    for (uint64_t g = j->oldest; rc == 0 && g <= last; g++)
        rc = remove_segment(j, g);
    files_path(path, j->dir, SPARE);
    disk_unlink(j->disk, path);
    return rc;
}

int journal_close(struct journal *j, bool clean)
{
    bool used = j->file != NULL || j->left_count > 0;
    int rc = clean && used ? remove_segments(j) : 0;
    if (j->file != NULL)
        disk_close(j->file);
    for (size_t i = 0; i < j->left_count; i++)
        buf_free(&j->left[i].bytes);
    buf_free(&j->group);
    free(j->left);
    free(j->claims);
    free(j->dir);
    free(j);
    return rc;
}
