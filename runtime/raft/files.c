#include "raft/files.h"

#include "raft/bug.h"
#include "store/format/bytes.h"

#include <midge/raft.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SLOT = 512,
    SLOT_USED = 64, /* bytes of a slot under its checksum, which follows */
    FILE_MAX = 1 << 30,
    FLIPPED = 1 << 16,
};

static bool path_of(const struct raft_files *f, const char *name, char path[DISK_PATH_MAX])
{
    int n = snprintf(path, DISK_PATH_MAX, "%s/%s", f->dir, name);
    return n > 0 && n < DISK_PATH_MAX;
}

/* The whole file in fresh memory. -ENOENT when it is missing. */
static int load(const struct raft_files *f, const char *name, uint8_t **bytes, size_t *len)
{
    char path[DISK_PATH_MAX];
    struct disk_file *file;
    struct disk_stat st;
    if (!path_of(f, name, path))
        return -ENAMETOOLONG;
    int rc = disk_open(f->disk, path, DISK_READ, &file);
    if (rc != 0)
        return rc;
    *bytes = NULL;
    rc = disk_file_stat(file, &st);
    if (rc == 0 && st.size > FILE_MAX)
        rc = -EFBIG;
    if (rc == 0 && (*bytes = malloc((size_t)st.size + 1)) == NULL)
        rc = -ENOMEM;
    if (rc == 0) {
        ssize_t n = disk_pread(file, *bytes, (size_t)st.size, 0);
        rc = n < 0 ? (int)n : 0;
        *len = n < 0 ? 0 : (size_t)n;
    }
    disk_close(file);
    if (rc != 0) {
        free(*bytes);
        *bytes = NULL;
    }
    return rc;
}

static int write_temporary(struct raft_files *f, const char *path, const struct iovec *iov, int count)
{
    struct disk_file *file;
    int rc = disk_open(f->disk, path, DISK_WRITE | DISK_CREATE | DISK_TRUNC, &file);
    if (rc != 0)
        return rc;
    ssize_t n = file->ops->pwritev(file, iov, count, 0);
    rc = n < 0 ? (int)n : disk_sync(file);
    int closed = disk_close(file);
    return rc != 0 ? rc : closed;
}

/* NAME.tmp, written and synced, takes the place of NAME; then the folder is synced. */
static int replace(struct raft_files *f, const char *folder, const char *name, const struct iovec *iov,
                   int count)
{
    char path[DISK_PATH_MAX], tmp[DISK_PATH_MAX], dir[DISK_PATH_MAX];
    int n = snprintf(path, sizeof path, "%s%s/%s", f->dir, folder, name);
    int m = snprintf(tmp, sizeof tmp, "%s%s/%s.tmp", f->dir, folder, name);
    int k = snprintf(dir, sizeof dir, "%s%s", f->dir, folder);
    if (n >= DISK_PATH_MAX || m >= DISK_PATH_MAX || k >= DISK_PATH_MAX)
        return -ENAMETOOLONG;
    int rc = write_temporary(f, tmp, iov, count);
    if (rc == 0)
        rc = disk_rename(f->disk, tmp, path);
    if (rc == 0)
        rc = disk_sync_dir(f->disk, dir);
    if (rc != 0)
        disk_unlink(f->disk, tmp); /* the error that counts is rc */
    return rc;
}

/* ---- the folder ---- */

struct sweep {
    struct raft_files *f;
    const char *folder;
    bool any;
    int rc;
};

static int sweep_name(void *ctx, const char *name, bool is_dir)
{
    struct sweep *s = ctx;
    char path[DISK_PATH_MAX];
    size_t n = strlen(name);
    s->any = true;
    if (is_dir || n < 4 || strcmp(name + n - 4, ".tmp") != 0)
        return 0;
    if (snprintf(path, sizeof path, "%s%s/%s", s->f->dir, s->folder, name) >= DISK_PATH_MAX)
        return 0;
    s->rc = disk_unlink(s->f->disk, path);
    return s->rc;
}

static int parent_of(const char *dir, char out[DISK_PATH_MAX])
{
    const char *slash = strrchr(dir, '/');
    size_t n = slash == NULL ? 0 : (size_t)(slash - dir);
    if (n >= DISK_PATH_MAX)
        return -ENAMETOOLONG;
    if (slash == NULL)
        snprintf(out, DISK_PATH_MAX, ".");
    else
        snprintf(out, DISK_PATH_MAX, "%.*s", n == 0 ? 1 : (int)n, dir);
    return 0;
}

/* The name is synced, or a power cut takes the folder with what is in it; with `again` that of one that is
 * there, too. */
static int make_folder(struct raft_files *f, const char *path, bool again)
{
    char parent[DISK_PATH_MAX];
    int rc = disk_mkdir(f->disk, path);
    if (rc == -EEXIST && !again)
        return 0;
    if (rc == 0 || rc == -EEXIST)
        rc = parent_of(path, parent);
    return rc == 0 ? disk_sync_dir(f->disk, parent) : rc;
}

/* Before the first vote or term was saved a process that was killed may have made them a moment ago. */
static int make_folders(struct raft_files *f)
{
    char path[DISK_PATH_MAX];
    struct disk_stat st;
    if (!path_of(f, "tav.idx", path))
        return -ENAMETOOLONG;
    bool young = disk_stat(f->disk, path, &st) != 0;
    int rc = make_folder(f, f->dir, young);
    if (rc == 0 && !path_of(f, "snapshots", path))
        rc = -ENAMETOOLONG;
    return rc == 0 ? make_folder(f, path, young) : rc;
}

int raft_files_open(struct raft_files *f, struct disk *disk, const char *dir, slice group, bool *fresh)
{
    *f = (struct raft_files){.disk = disk, .key = hash_key_of(group)};
    if (strlen(dir) >= sizeof f->dir)
        return -ENAMETOOLONG;
    memcpy(f->dir, dir, strlen(dir) + 1);
    struct disk_stat st;
    int rc = disk_stat(disk, dir, &st);
    *fresh = rc == -ENOENT;
    if (rc != 0 && rc != -ENOENT)
        return rc;
    rc = make_folders(f);
    if (rc != 0)
        return rc;
    struct sweep s = {.f = f, .folder = ""};
    rc = disk_list(disk, dir, sweep_name, &s);
    return rc != 0 ? rc : s.rc;
}

void raft_files_close(struct raft_files *f)
{
    if (f->promise != NULL)
        disk_close(f->promise);
    if (f->commit != NULL)
        disk_close(f->commit);
    f->promise = f->commit = NULL;
}

/* ---- term, vote, promise ---- */

static void put_slot(const struct raft_files *f, const struct raft_promise *p, uint8_t slot[SLOT])
{
    memset(slot, 0, SLOT);
    /* Eight bytes, no string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(slot, "midgeRP1", 8);
    put_u64(slot + 8, f->generation);
    put_u64(slot + 16, p->term);
    memcpy(slot + 24, &p->vote, 8);
    put_u64(slot + 32, p->promise_term);
    put_u64(slot + 40, p->promise_index);
    slot[48] = p->forgot_log;
    slot[49] = p->forgot_vote;
    hash_sum(&f->key, slice_make(slot, SLOT_USED), slot + SLOT_USED);
}

static bool get_slot(const struct raft_files *f, const uint8_t *slot, struct raft_promise *p,
                     uint64_t *generation)
{
    uint8_t sum[STORE_SUM_SIZE];
    hash_sum(&f->key, slice_make(slot, SLOT_USED), sum);
    if (memcmp(slot, "midgeRP1", 8) != 0 || memcmp(sum, slot + SLOT_USED, sizeof sum) != 0)
        return false;
    *generation = get_u64(slot + 8);
    p->term = get_u64(slot + 16);
    memcpy(&p->vote, slot + 24, 8);
    p->promise_term = get_u64(slot + 32);
    p->promise_index = get_u64(slot + 40);
    p->forgot_log = slot[48] != 0;
    p->forgot_vote = slot[49] != 0;
    return true;
}

/* A file that stays open; it is made when it is missing. */
static int keep_open(struct raft_files *f, const char *name, struct disk_file **kept)
{
    char path[DISK_PATH_MAX];
    struct disk_file *file;
    if (*kept != NULL)
        return 0;
    if (!path_of(f, name, path))
        return -ENAMETOOLONG;
    int rc = disk_open(f->disk, path, DISK_WRITE | DISK_CREATE, &file);
    if (rc != 0)
        return rc;
    *kept = file;
    return disk_sync_dir(f->disk, f->dir);
}

static int load_promise(struct raft_files *f, struct raft_vote_state *out)
{
    uint8_t *bytes;
    size_t len;
    int rc = load(f, "promise.idx", &bytes, &len);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    bool good = false;
    for (size_t at = 0; at + SLOT <= len && at < (size_t)4 * SLOT; at += SLOT) {
        struct raft_promise p;
        uint64_t generation;
        if (get_slot(f, bytes + at, &p, &generation) && (!good || generation > f->generation)) {
            good = true;
            f->generation = generation;
            out->p = p;
        }
    }
    out->have_promise = good;
    /* A file without any slot is one that was never written; nothing was promised yet. */
    out->promise_lost = !good && len > 0;
    free(bytes);
    return 0;
}

/* Two records of the vote, either of which may be damaged, or older because the Go server ran in between. A
 * vote once cast in a term does not change, so ours wins there; a higher term is safe whoever says it. */
static void merge(struct raft_vote_state *s, uint64_t term, raft_id vote)
{
    s->tav_agrees = s->have_promise && term == s->p.term && vote == s->p.vote;
    if (s->have_promise && term > s->p.term && term - s->p.term > FLIPPED && vote == s->p.vote)
        return; /* that many elections without another vote: a flipped bit */
    if (!s->have_promise || term > s->p.term) {
        s->p.term = term;
        s->p.vote = vote;
    } else if (term == s->p.term && s->p.vote == 0) {
        s->p.vote = vote;
    }
}

int raft_files_load_vote(struct raft_files *f, struct raft_vote_state *out)
{
    *out = (struct raft_vote_state){0};
    int rc = load_promise(f, out);
    if (rc != 0)
        return rc;
    uint8_t *bytes;
    size_t len;
    rc = load(f, "tav.idx", &bytes, &len);
    if (rc == 0 && len >= 8) {
        raft_id vote = 0;
        if (len >= 16)
            memcpy(&vote, bytes + 8, sizeof vote);
        out->vote_lost = len > 8 && len < 16 && !out->have_promise; /* torn: whoever it was for */
        merge(out, get_u64(bytes), vote);
    } else if (rc == 0 || rc == -ENOENT) {
        out->vote_lost = !out->have_promise;
    }
    if (rc == 0)
        free(bytes);
    if (rc != 0 && rc != -ENOENT)
        return rc;
    if (out->p.forgot_vote)
        out->vote_lost = true;
    if (out->p.forgot_log)
        out->promise_lost = true;
    return 0;
}

int raft_files_put_promise(struct raft_files *f, const struct raft_promise *p)
{
    uint8_t slots[2 * SLOT];
    int rc = keep_open(f, "promise.idx", &f->promise);
    if (rc != 0)
        return rc;
    f->generation++;
    put_slot(f, p, slots);
    put_slot(f, p, slots + SLOT);
    ssize_t n = disk_pwrite(f->promise, slots, sizeof slots, (f->generation & 1) * sizeof slots);
    return n < 0 ? (int)n : 0;
}

int raft_files_sync_promise(struct raft_files *f)
{
    return f->promise == NULL ? 0 : disk_sync(f->promise);
}

int raft_files_save_vote(struct raft_files *f, const struct raft_promise *p)
{
    int rc = raft_files_put_promise(f, p);
    if (rc == 0)
        rc = raft_files_sync_promise(f);
    if (rc != 0)
        return rc;
    uint8_t tav[16];
    put_u64(tav, p->term);
    memcpy(tav + 8, &p->vote, 8);
    struct iovec iov = {tav, p->vote == 0 ? 8 : 16};
    return replace(f, "", "tav.idx", &iov, 1);
}

/* ---- peers ---- */

size_t raft_peers_encode(const struct raft_peers *peers, uint8_t *out)
{
    struct codec_raft_event e = {
        .kind = CODEC_RAFT_PEER_STATE,
        .peer_state = {.cluster_size = peers->size,
                       .peer_count = peers->count,
                       .peers = slice_make(peers->ids, peers->count * sizeof *peers->ids),
                       .has_extension = true,
                       .extension = peers->extension}};
    return codec_raft_encode(&e, out, 10 + peers->count * sizeof *peers->ids);
}

bool raft_peers_decode(slice bytes, struct raft_peers *out, raft_id *ids)
{
    struct codec_raft_event e;
    if (!codec_raft_decode(CODEC_RAFT_PEER_STATE, bytes, &e) || e.peer_state.peer_count == 0 ||
        e.peer_state.peer_count > RAFT_PEERS_MAX)
        return false;
    memcpy(ids, e.peer_state.peers.ptr, e.peer_state.peers.len);
    *out = (struct raft_peers){.size = e.peer_state.cluster_size,
                               .count = e.peer_state.peer_count,
                               .extension = e.peer_state.extension,
                               .ids = ids};
    return true;
}

/* A single flipped byte is damage; anything more is a later peers.idx, by the Go server. */
static bool differs_by_damage(slice a, slice b)
{
    size_t differ = 0;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        differ += a.ptr[i] != b.ptr[i];
    return differ <= 1;
}

int raft_files_load_peers(struct raft_files *f, struct raft_peers *out, raft_id *ids, bool *found)
{
    uint8_t *plain = NULL, *summed = NULL;
    size_t plain_len = 0, summed_len = 0;
    int rc = load(f, "peers.idx", &plain, &plain_len);
    int rc2 = load(f, "peers.sum", &summed, &summed_len);
    if ((rc != 0 && rc != -ENOENT) || (rc2 != 0 && rc2 != -ENOENT)) {
        free(plain);
        free(summed);
        return rc != 0 && rc != -ENOENT ? rc : rc2;
    }
    slice a = slice_make(plain, rc == 0 ? plain_len : 0), b = SLICE_EMPTY;
    if (rc2 == 0 && summed_len > STORE_SUM_SIZE) {
        uint8_t sum[STORE_SUM_SIZE];
        b = slice_make(summed, summed_len - STORE_SUM_SIZE);
        hash_sum(&f->key, b, sum);
        if (memcmp(sum, summed + b.len, sizeof sum) != 0)
            b = SLICE_EMPTY;
    }
    bool use_copy = b.len > 0 && (a.len == 0 || differs_by_damage(a, b));
    *found = raft_peers_decode(use_copy ? b : a, out, ids) || (b.len > 0 && raft_peers_decode(b, out, ids));
    free(plain);
    free(summed);
    return 0;
}

int raft_files_save_peers(struct raft_files *f, const struct raft_peers *peers)
{
    size_t cap = 10 + peers->count * sizeof *peers->ids;
    uint8_t *bytes = malloc(cap + STORE_SUM_SIZE);
    if (bytes == NULL)
        return -ENOMEM;
    size_t len = raft_peers_encode(peers, bytes);
    hash_sum(&f->key, slice_make(bytes, len), bytes + len);
    struct iovec summed = {bytes, len + STORE_SUM_SIZE}, plain = {bytes, len};
    int rc = replace(f, "", "peers.sum", &summed, 1);
    if (rc == 0)
        rc = replace(f, "", "peers.idx", &plain, 1);
    free(bytes);
    return rc;
}

/* ---- commit ---- */

int raft_files_load_commit(struct raft_files *f, uint64_t *commit)
{
    uint8_t *bytes, sum[STORE_SUM_SIZE];
    size_t len;
    *commit = 0;
    int rc = load(f, "commit.idx", &bytes, &len);
    if (rc != 0)
        return rc == -ENOENT ? 0 : rc;
    hash_sum(&f->key, slice_make(bytes, len < 8 ? len : 8), sum);
    if (len >= 16 && memcmp(sum, bytes + 8, sizeof sum) == 0)
        *commit = get_u64(bytes);
    else if (len > 0)
        rc = -EBADMSG;
    free(bytes);
    return rc;
}

int raft_files_save_commit(struct raft_files *f, uint64_t commit)
{
    uint8_t bytes[16];
    int rc = keep_open(f, "commit.idx", &f->commit);
    if (rc != 0)
        return rc;
    put_u64(bytes, commit);
    hash_sum(&f->key, slice_make(bytes, 8), bytes + 8);
    ssize_t n = disk_pwrite(f->commit, bytes, sizeof bytes, 0);
    return n < 0 ? (int)n : 0;
}

/* ---- snapshots ---- */

/* "snap.<term>.<index>", decimal without padding, and nothing else. */
static bool parse_name(const char *name, uint64_t *term, uint64_t *index)
{
    char again[64];
    unsigned long long t, i;
    if (strlen(name) >= sizeof again || sscanf(name, "snap.%llu.%llu", &t, &i) != 2)
        return false;
    snprintf(again, sizeof again, "snap.%llu.%llu", t, i);
    *term = t;
    *index = i;
    return strcmp(name, again) == 0;
}

struct search {
    struct raft_files *f;
    uint64_t term, index; /* the newest; or the one to keep */
    bool dropping;
    int rc;
};

static int drop(struct raft_files *f, const char *name)
{
    char path[DISK_PATH_MAX];
    if (snprintf(path, sizeof path, "%s/snapshots/%s", f->dir, name) >= DISK_PATH_MAX)
        return -ENAMETOOLONG;
    int rc = disk_unlink(f->disk, path);
    return rc == -ENOENT ? 0 : rc;
}

static int look(void *ctx, const char *name, bool is_dir)
{
    struct search *s = ctx;
    uint64_t term, index;
    if (is_dir)
        return 0;
    bool good = parse_name(name, &term, &index);
    if (!good || index == 0 || (s->dropping && !(term == s->term && index == s->index))) {
        s->rc = drop(s->f, name);
        return s->rc;
    }
    if (!s->dropping && (term > s->term || (term == s->term && index > s->index))) {
        s->term = term;
        s->index = index;
    }
    return 0;
}

static int scan(struct raft_files *f, struct search *s)
{
    char dir[DISK_PATH_MAX];
    if (!path_of(f, "snapshots", dir))
        return -ENAMETOOLONG;
    int rc = disk_list(f->disk, dir, look, s);
    return rc != 0 ? rc : s->rc;
}

static bool parse_snapshot(const struct raft_files *f, uint8_t *bytes, size_t len,
                           struct raft_snapshot_file *out, raft_id *ids)
{
    uint8_t sum[STORE_SUM_SIZE];
    if (len < 28)
        return false;
    hash_sum(&f->key, slice_make(bytes, len - STORE_SUM_SIZE), sum);
    if (memcmp(sum, bytes + len - STORE_SUM_SIZE, sizeof sum) != 0 && !RAFT_BUG(RAFT_BUG_SERVE_DAMAGED))
        return false;
    uint32_t peers = get_u32(bytes + 16);
    if (peers > len - 28)
        return false;
    *out = (struct raft_snapshot_file){.term = get_u64(bytes), .index = get_u64(bytes + 8)};
    out->data = slice_make(bytes + 20 + peers, len - 28 - peers);
    return out->index > 0 && raft_peers_decode(slice_make(bytes + 20, peers), &out->peers, ids);
}

int raft_files_load_snapshot(struct raft_files *f, struct raft_snapshot_file *out, raft_id *ids)
{
    struct search s = {.f = f};
    int rc = scan(f, &s);
    if (rc != 0)
        return rc;
    if (s.index == 0)
        return -ENOENT;
    char name[80];
    snprintf(name, sizeof name, "snapshots/snap.%llu.%llu", (unsigned long long)s.term,
             (unsigned long long)s.index);
    uint8_t *bytes;
    size_t len;
    rc = load(f, name, &bytes, &len);
    if (rc != 0)
        return rc;
    if (!parse_snapshot(f, bytes, len, out, ids) || out->term != s.term || out->index != s.index) {
        free(bytes);
        return -EBADMSG;
    }
    out->bytes = bytes;
    return 0;
}

int raft_files_save_snapshot(struct raft_files *f, const struct raft_snapshot_file *s)
{
    size_t peers = 10 + s->peers.count * sizeof *s->peers.ids;
    size_t len = 20 + peers + s->data.len + STORE_SUM_SIZE;
    uint8_t *bytes = malloc(len);
    char name[64];
    if (bytes == NULL)
        return -ENOMEM;
    put_u64(bytes, s->term);
    put_u64(bytes + 8, s->index);
    put_u32(bytes + 16, (uint32_t)peers);
    raft_peers_encode(&s->peers, bytes + 20);
    if (s->data.len > 0)
        memcpy(bytes + 20 + peers, s->data.ptr, s->data.len);
    hash_sum(&f->key, slice_make(bytes, len - STORE_SUM_SIZE), bytes + len - STORE_SUM_SIZE);
    snprintf(name, sizeof name, "snap.%llu.%llu", (unsigned long long)s->term, (unsigned long long)s->index);
    struct iovec iov = {bytes, len};
    int rc = replace(f, "/snapshots", name, &iov, 1);
    free(bytes);
    return rc;
}

int raft_files_drop_snapshots(struct raft_files *f, uint64_t term, uint64_t index)
{
    struct search s = {.f = f, .term = term, .index = index, .dropping = true};
    return scan(f, &s);
}
