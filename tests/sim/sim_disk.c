#include "sim/sim_disk.h"
#include "sim/sim_tree.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

struct sim_disk {
    struct disk base;
    struct sched *sched;
    struct sim_tree tree;
    uint64_t capacity;
    unsigned max_open, open;
    unsigned life; /* handles of an earlier one are dead */
    bool off;
    uint64_t cut_in; /* changing calls until the power goes; 0: never */
    bool cutting;    /* it goes at the end of the present call */
    struct sim_disk_rule rules[SIM_RULES_MAX];
    int rule_count;
    void (*on_call)(void *, enum sim_disk_op, const char *, uint64_t);
    void *on_call_ctx;
    struct {
        const char *pattern;
        unsigned one_in; /* 0: none */
        bool (*fn)(void *, const char *, uint64_t);
        void *ctx;
    } read_rot;
    struct sim_disk_counts counts;
};

struct sim_file {
    struct disk_file base;
    struct sim_disk *disk;
    struct sim_node *node;
    unsigned life;
    bool writable;
    char path[];
};

static const struct disk_ops sim_ops;

static struct sim_disk *disk_of(struct disk *d)
{
    return (struct sim_disk *)d;
}

static int64_t wall(const struct sim_disk *d)
{
    return SIM_EPOCH_NS + sched_now(d->sched);
}

/* ---- faults ---- */

/* The error of the first rule that hits this call, or 0. */
static int rule_error(struct sim_disk *d, enum sim_disk_op op, const char *path)
{
    for (int i = 0; i < d->rule_count; i++) {
        struct sim_disk_rule *r = &d->rules[i];
        if ((r->ops & SIM_OP(op)) == 0 || (r->path != NULL && fnmatch(r->path, path, 0) != 0))
            continue;
        if (r->after > 0) {
            r->after--;
            continue;
        }
        if (r->one_in > 1 && sched_below(d->sched, r->one_in) != 0)
            continue;
        int error = r->error;
        if (r->times > 0 && --r->times == 0)
            r->ops = 0;
        d->counts.faults++;
        return error;
    }
    return 0;
}

static void switch_off(struct sim_disk *d)
{
    d->off = true;
    d->cutting = false;
    d->cut_in = 0;
    d->life++;
    for (struct sim_node *n = d->tree.first; n != NULL; n = n->next)
        n->locker = NULL;
}

/* Every call begins here: 0 or the error that it fails with. */
static int enter(struct sim_disk *d, enum sim_disk_op op, bool changing, const char *path, uint64_t bytes)
{
    if (d->off)
        return -EIO;
    d->counts.calls[op]++;
    d->counts.changing += changing;
    if (d->on_call != NULL)
        d->on_call(d->on_call_ctx, op, path, bytes);
    if (d->off)
        return -EIO;
    if (changing && d->cut_in > 0 && --d->cut_in == 0) {
        if (op != SIM_WRITE && sched_below(d->sched, 2) == 0) {
            sim_disk_crash(d);
            return -EIO;
        }
        d->cutting = true;
    }
    return rule_error(d, op, path);
}

/* ... and a changing one ends here: nobody learns the result when the power goes. */
static int leave(struct sim_disk *d, int rc)
{
    if (!d->cutting)
        return rc;
    sim_disk_crash(d);
    return -EIO;
}

static int enter_file(struct sim_file *f, enum sim_disk_op op, bool changing, uint64_t bytes)
{
    if (f->life != f->disk->life)
        return -EIO;
    return enter(f->disk, op, changing, f->path, bytes);
}

/* ---- files ---- */

static int open_node(struct sim_disk *d, const char *path, int flags, struct sim_node **out)
{
    struct sim_place at;
    int rc = sim_tree_find(&d->tree, path, &at);
    if (rc < 0)
        return rc;
    if (at.node == NULL) {
        if ((flags & DISK_CREATE) == 0)
            return -ENOENT;
        *out = sim_node_new(&d->tree, false, wall(d));
        sim_tree_set(&d->tree, &at, *out);
        sim_node_drop(&d->tree, *out);
        return 0;
    }
    if ((flags & DISK_CREATE) && (flags & DISK_EXCL))
        return -EEXIST;
    if (at.node->is_dir)
        return -EISDIR;
    *out = at.node;
    return 0;
}

static int do_open(struct sim_disk *d, const char *path, int flags, struct disk_file **out)
{
    struct sim_node *n = NULL;
    if (d->max_open > 0 && d->open >= d->max_open)
        return -EMFILE;
    int rc = open_node(d, path, flags, &n);
    if (rc < 0)
        return rc;
    if (flags & DISK_TRUNC) {
        sim_content_truncate(&n->content, 0);
        n->reserved = 0;
        sim_node_charge(&d->tree, n);
    }
    size_t len = strlen(path) + 1;
    struct sim_file *f = malloc(sizeof *f + len);
    if (f == NULL)
        abort();
    *f = (struct sim_file){
        .base.ops = &sim_ops, .disk = d, .node = n, .life = d->life, .writable = (flags & DISK_WRITE) != 0};
    memcpy(f->path, path, len);
    sim_node_use(&d->tree, n);
    d->open++;
    *out = &f->base;
    return 0;
}

static int sim_close(struct disk_file *base)
{
    struct sim_file *f = (struct sim_file *)base;
    struct sim_disk *d = f->disk;
    int rc = enter_file(f, SIM_CLOSE, false, 0);
    if (f->node->locker == f)
        f->node->locker = NULL;
    sim_node_unuse(&d->tree, f->node);
    d->open--;
    free(f);
    return rc;
}

static int sim_open(struct disk *base, const char *path, int flags, struct disk_file **out)
{
    struct sim_disk *d = disk_of(base);
    int rc = enter(d, SIM_OPEN, (flags & (DISK_CREATE | DISK_TRUNC)) != 0, path, 0);
    if (rc == 0)
        rc = do_open(d, path, flags, out);
    if (rc == 0 && d->cutting) {
        rc = leave(d, 0);
        sim_close(*out);
        *out = NULL;
        return rc;
    }
    return leave(d, rc);
}

/* One bit of what was read comes back wrong. */
static void rot_read(struct sim_disk *d, const char *path, uint8_t *buf, size_t len, uint64_t at)
{
    unsigned one_in = d->read_rot.one_in;
    if (one_in == 0 || fnmatch(d->read_rot.pattern, path, 0) != 0 || sched_below(d->sched, one_in) != 0)
        return;
    size_t place = (size_t)sched_below(d->sched, len);
    d->read_rot.one_in = 0; /* while it is told */
    bool goes = d->read_rot.fn(d->read_rot.ctx, path, at + place);
    d->read_rot.one_in = one_in;
    if (goes)
        buf[place] ^= (uint8_t)(1u << sched_below(d->sched, 8));
}

static ssize_t sim_pread(struct disk_file *base, void *buf, size_t len, uint64_t at)
{
    struct sim_file *f = (struct sim_file *)base;
    int rc = enter_file(f, SIM_READ, false, len);
    if (rc < 0)
        return rc;
    const struct sim_content *c = &f->node->content;
    if (at >= c->size || len == 0)
        return 0;
    size_t n = c->size - (size_t)at < len ? c->size - (size_t)at : len;
    memcpy(buf, c->data + at, n);
    f->disk->counts.bytes_read += n;
    rot_read(f->disk, f->path, buf, n, at);
    return (ssize_t)n;
}

/* Largest size that this file can have now. */
static uint64_t most_size(const struct sim_disk *d, const struct sim_node *n)
{
    if (d->capacity == 0)
        return SIM_FILE_MAX;
    return n->charged + (d->tree.used >= d->capacity ? 0 : d->capacity - d->tree.used);
}

static ssize_t sim_pwritev(struct disk_file *base, const struct iovec *iov, int count, uint64_t at)
{
    struct sim_file *f = (struct sim_file *)base;
    struct sim_disk *d = f->disk;
    size_t len = 0;
    for (int i = 0; i < count; i++)
        len += iov[i].iov_len;
    int rc = enter_file(f, SIM_WRITE, true, len);
    if (f->life != d->life)
        return -EIO;
    if (!f->writable)
        return leave(d, -EBADF);
    if (at > SIM_FILE_MAX || len > SIM_FILE_MAX - at)
        return leave(d, -EFBIG);
    size_t lands = rc < 0 ? (size_t)sched_below(d->sched, len + 1) : len;
    uint64_t most = most_size(d, f->node);
    if (at + lands > most) {
        lands = most > at ? (size_t)(most - at) : 0;
        rc = rc < 0 ? rc : -ENOSPC;
    }
    sim_content_write(&f->node->content, iov, count, lands, at);
    f->node->mtime_ns = wall(d);
    sim_node_charge(&d->tree, f->node);
    d->counts.bytes_written += lands;
    rc = leave(d, rc);
    return rc < 0 ? rc : (ssize_t)len;
}

static int sim_truncate(struct disk_file *base, uint64_t size)
{
    struct sim_file *f = (struct sim_file *)base;
    struct sim_disk *d = f->disk;
    int rc = enter_file(f, SIM_TRUNCATE, true, size);
    if (rc < 0)
        return leave(d, rc);
    if (!f->writable)
        return leave(d, -EINVAL);
    if (size > SIM_FILE_MAX)
        return leave(d, -EFBIG);
    if (size > most_size(d, f->node))
        return leave(d, -ENOSPC);
    sim_content_truncate(&f->node->content, size);
    if (size < f->node->reserved)
        f->node->reserved = 0;
    f->node->mtime_ns = wall(d);
    sim_node_charge(&d->tree, f->node);
    return leave(d, 0);
}

static int sim_reserve(struct disk_file *base, uint64_t size)
{
    struct sim_file *f = (struct sim_file *)base;
    struct sim_disk *d = f->disk;
    int rc = enter_file(f, SIM_RESERVE, false, size);
    if (rc < 0)
        return rc;
    if (!f->writable)
        return -EBADF;
    if (size > most_size(d, f->node))
        return -ENOSPC;
    if (size > f->node->reserved)
        f->node->reserved = size;
    sim_node_charge(&d->tree, f->node);
    return 0;
}

static int sim_sync(struct disk_file *base)
{
    struct sim_file *f = (struct sim_file *)base;
    int rc = enter_file(f, SIM_SYNC, true, 0);
    if (f->life != f->disk->life)
        return -EIO;
    if (rc < 0)
        sim_content_sync_failed(&f->node->content, f->disk->sched);
    else
        sim_content_sync(&f->node->content);
    return leave(f->disk, rc);
}

static void fill_stat(const struct sim_node *n, struct disk_stat *out)
{
    *out = (struct disk_stat){.size = n->content.size, .mtime_ns = n->mtime_ns, .is_dir = n->is_dir};
}

static int sim_file_stat(struct disk_file *base, struct disk_stat *out)
{
    struct sim_file *f = (struct sim_file *)base;
    int rc = enter_file(f, SIM_STAT, false, 0);
    if (rc == 0)
        fill_stat(f->node, out);
    return rc;
}

static int sim_lock(struct disk_file *base)
{
    struct sim_file *f = (struct sim_file *)base;
    int rc = enter_file(f, SIM_LOCK, false, 0);
    if (rc < 0)
        return rc;
    if (f->node->locker != NULL && f->node->locker != f)
        return -EWOULDBLOCK;
    f->node->locker = f;
    return 0;
}

/* ---- names ---- */

static int sim_stat(struct disk *base, const char *path, struct disk_stat *out)
{
    struct sim_disk *d = disk_of(base);
    struct sim_place at;
    int rc = enter(d, SIM_STAT, false, path, 0);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, path, &at);
    if (rc < 0)
        return rc;
    if (at.node == NULL)
        return -ENOENT;
    fill_stat(at.node, out);
    return 0;
}

static int check_rename(const struct sim_place *from, const struct sim_place *to)
{
    if (from->node == NULL)
        return -ENOENT;
    if (from->parent == NULL || to->parent == NULL)
        return -EBUSY;
    if (from->node->is_dir && sim_tree_holds(from->node, to->parent))
        return -EINVAL;
    if (to->node == NULL)
        return 0;
    if (to->node->is_dir != from->node->is_dir)
        return to->node->is_dir ? -EISDIR : -ENOTDIR;
    return to->node->is_dir && to->node->count > 0 && to->node != from->node ? -ENOTEMPTY : 0;
}

static int sim_rename(struct disk *base, const char *from_path, const char *to_path)
{
    struct sim_disk *d = disk_of(base);
    struct sim_place from, to;
    int rc = enter(d, SIM_RENAME, true, from_path, 0);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, from_path, &from);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, to_path, &to);
    if (rc == 0)
        rc = check_rename(&from, &to);
    if (rc == 0 && from.node != to.node)
        sim_tree_move(&d->tree, &from, &to);
    return leave(d, rc);
}

static int sim_unlink(struct disk *base, const char *path)
{
    struct sim_disk *d = disk_of(base);
    struct sim_place at;
    int rc = enter(d, SIM_UNLINK, true, path, 0);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, path, &at);
    if (rc == 0 && at.node == NULL)
        rc = -ENOENT;
    if (rc == 0 && at.node->is_dir)
        rc = -EISDIR;
    if (rc == 0)
        sim_tree_set(&d->tree, &at, NULL);
    return leave(d, rc);
}

static int sim_mkdir(struct disk *base, const char *path)
{
    struct sim_disk *d = disk_of(base);
    struct sim_place at;
    int rc = enter(d, SIM_MKDIR, true, path, 0);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, path, &at);
    if (rc == 0 && at.node != NULL)
        rc = -EEXIST;
    if (rc == 0) {
        struct sim_node *n = sim_node_new(&d->tree, true, wall(d));
        sim_tree_set(&d->tree, &at, n);
        sim_node_drop(&d->tree, n);
    }
    return leave(d, rc);
}

static int sim_rmdir(struct disk *base, const char *path)
{
    struct sim_disk *d = disk_of(base);
    struct sim_place at;
    int rc = enter(d, SIM_RMDIR, true, path, 0);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, path, &at);
    if (rc == 0 && at.node == NULL)
        rc = -ENOENT;
    if (rc == 0 && !at.node->is_dir)
        rc = -ENOTDIR;
    if (rc == 0 && at.parent == NULL)
        rc = -EBUSY;
    if (rc == 0 && at.node->count > 0)
        rc = -ENOTEMPTY;
    if (rc == 0)
        sim_tree_set(&d->tree, &at, NULL);
    return leave(d, rc);
}

static int find_dir(struct sim_disk *d, const char *path, struct sim_node **out)
{
    struct sim_place at;
    int rc = sim_tree_find(&d->tree, path, &at);
    if (rc < 0)
        return rc;
    if (at.node == NULL)
        return -ENOENT;
    *out = at.node;
    return at.node->is_dir ? 0 : -ENOTDIR;
}

/* In an order of the seed's choice, so that nobody comes to rely on one. */
static int sim_list(struct disk *base, const char *path, disk_list_fn fn, void *ctx)
{
    struct sim_disk *d = disk_of(base);
    struct sim_node *dir = NULL;
    int rc = enter(d, SIM_LIST, false, path, 0);
    if (rc == 0)
        rc = find_dir(d, path, &dir);
    if (rc < 0 || dir->count == 0)
        return rc;
    size_t count = dir->count;
    struct sim_entry *copy = malloc(count * sizeof *copy);
    if (copy == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        size_t k = (size_t)sched_below(d->sched, i + 1);
        copy[i] = copy[k];
        copy[k] = (struct sim_entry){strdup(dir->entries[i].name), dir->entries[i].node};
        if (copy[k].name == NULL)
            abort();
        sim_node_use(&d->tree, copy[k].node);
    }
    bool stop = false;
    for (size_t i = 0; i < count; i++) {
        stop = stop || fn(ctx, copy[i].name, copy[i].node->is_dir) != 0;
        free(copy[i].name);
        sim_node_unuse(&d->tree, copy[i].node);
    }
    free(copy);
    return 0;
}

static int sim_sync_dir(struct disk *base, const char *path)
{
    struct sim_disk *d = disk_of(base);
    struct sim_node *dir;
    int rc = enter(d, SIM_SYNC_DIR, true, path, 0);
    if (rc == 0)
        rc = find_dir(d, path, &dir);
    if (rc == 0)
        sim_tree_sync(&d->tree, dir);
    return leave(d, rc);
}

static int sim_space(struct disk *base, const char *path, uint64_t *free_bytes, uint64_t *total_bytes)
{
    struct sim_disk *d = disk_of(base);
    struct sim_place at;
    int rc = enter(d, SIM_SPACE, false, path, 0);
    if (rc == 0)
        rc = sim_tree_find(&d->tree, path, &at);
    if (rc < 0)
        return rc;
    if (at.node == NULL)
        return -ENOENT;
    uint64_t total = d->capacity > 0 ? d->capacity : UINT64_C(1) << 40;
    *total_bytes = total;
    *free_bytes = total > d->tree.used ? total - d->tree.used : 0;
    return 0;
}

static const struct disk_ops sim_ops = {
    .open = sim_open,
    .close = sim_close,
    .pread = sim_pread,
    .pwritev = sim_pwritev,
    .truncate = sim_truncate,
    .reserve = sim_reserve,
    .sync = sim_sync,
    .file_stat = sim_file_stat,
    .stat = sim_stat,
    .rename = sim_rename,
    .unlink = sim_unlink,
    .mkdir = sim_mkdir,
    .rmdir = sim_rmdir,
    .list = sim_list,
    .sync_dir = sim_sync_dir,
    .lock = sim_lock,
    .space = sim_space,
};

/* ---- the hand of the test ---- */

struct sim_disk *sim_disk_new(struct sched *s)
{
    struct sim_disk *d = calloc(1, sizeof *d);
    if (d == NULL)
        abort();
    d->base.ops = &sim_ops;
    d->sched = s;
    sim_tree_init(&d->tree);
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    if (d == NULL)
        return;
    if (d->open > 0)
        abort(); /* a handle would outlive its disk */
    sim_tree_free(&d->tree);
    free(d);
}

struct disk *sim_disk_base(struct sim_disk *d)
{
    return &d->base;
}

void sim_disk_limit(struct sim_disk *d, uint64_t capacity, unsigned max_open)
{
    d->capacity = capacity;
    d->max_open = max_open;
}

void sim_disk_fail(struct sim_disk *d, struct sim_disk_rule rule)
{
    if (d->rule_count == SIM_RULES_MAX)
        abort();
    d->rules[d->rule_count++] = rule;
}

void sim_disk_heal(struct sim_disk *d)
{
    d->rule_count = 0;
}

void sim_disk_on_call(struct sim_disk *d, void (*fn)(void *, enum sim_disk_op, const char *, uint64_t),
                      void *ctx)
{
    d->on_call = fn;
    d->on_call_ctx = ctx;
}

void sim_disk_crash(struct sim_disk *d)
{
    if (d->off)
        return;
    switch_off(d);
    d->counts.crashes++;
    for (struct sim_node *n = d->tree.first; n != NULL; n = n->next) {
        if (n->is_dir)
            continue;
        sim_content_crash(&n->content, d->sched);
        n->reserved = 0;
        sim_node_charge(&d->tree, n);
    }
    sim_tree_crash(&d->tree, d->sched);
}

void sim_disk_cut_at(struct sim_disk *d, uint64_t n)
{
    d->cut_in = n;
}

void sim_disk_kill(struct sim_disk *d)
{
    if (d->off)
        return;
    switch_off(d);
    d->counts.kills++;
}

bool sim_disk_is_off(const struct sim_disk *d)
{
    return d->off;
}

void sim_disk_start(struct sim_disk *d)
{
    d->off = false;
}

int sim_disk_flip(struct sim_disk *d, const char *path, uint64_t at, uint8_t mask)
{
    struct sim_place p;
    int rc = sim_tree_find(&d->tree, path, &p);
    if (rc < 0)
        return rc;
    if (p.node == NULL || p.node->is_dir)
        return -ENOENT;
    if (at >= p.node->content.size)
        return -EINVAL;
    p.node->content.data[at] ^= mask;
    return 0;
}

/* Walks all files; `visit` gets each with its path. */
struct walk {
    char path[DISK_PATH_MAX];
    void (*visit)(struct walk *w, struct sim_node *n);
};

static void walk_tree(struct walk *w, struct sim_node *n, size_t len)
{
    w->visit(w, n);
    for (size_t i = 0; i < n->count; i++) {
        size_t add = strlen(n->entries[i].name) + 1;
        if (len + add >= sizeof w->path)
            abort();
        w->path[len] = '/';
        memcpy(w->path + len + 1, n->entries[i].name, add);
        walk_tree(w, n->entries[i].node, len + add);
        w->path[len] = 0;
    }
}

struct pick_walk {
    struct walk base;
    const char *pattern;
    uint64_t files; /* matches seen */
    uint64_t pick;  /* which one it is; UINT64_MAX: only count */
    struct sim_disk *disk;
    char *path;
    uint64_t *at;
};

static void pick_visit(struct walk *w, struct sim_node *n)
{
    struct pick_walk *p = (struct pick_walk *)w;
    if (n->is_dir || n->content.size == 0 || fnmatch(p->pattern, w->path, 0) != 0)
        return;
    if (p->files++ != p->pick)
        return;
    *p->at = sched_below(p->disk->sched, n->content.size);
    memcpy(p->path, w->path, strlen(w->path) + 1);
}

bool sim_disk_pick(struct sim_disk *d, const char *pattern, char *path, uint64_t *at)
{
    struct pick_walk w = {
        .base.visit = pick_visit, .pattern = pattern, .pick = UINT64_MAX, .disk = d, .path = path, .at = at};
    walk_tree(&w.base, d->tree.root, 0);
    if (w.files == 0)
        return false;
    w.pick = sched_below(d->sched, w.files);
    w.files = 0;
    walk_tree(&w.base, d->tree.root, 0);
    return true;
}

bool sim_disk_rot(struct sim_disk *d, const char *pattern, char *path, uint64_t *at)
{
    char p[DISK_PATH_MAX];
    uint64_t place;
    if (!sim_disk_pick(d, pattern, p, &place))
        return false;
    sim_disk_flip(d, p, place, (uint8_t)(1 + sched_below(d->sched, 255)));
    if (path != NULL)
        memcpy(path, p, strlen(p) + 1);
    if (at != NULL)
        *at = place;
    return true;
}

void sim_disk_rot_reads(struct sim_disk *d, const char *pattern, unsigned one_in,
                        bool (*fn)(void *ctx, const char *path, uint64_t at), void *ctx)
{
    d->read_rot.pattern = pattern;
    d->read_rot.one_in = one_in;
    d->read_rot.fn = fn;
    d->read_rot.ctx = ctx;
}

void sim_disk_mkdirs(struct sim_disk *d, const char *path)
{
    char part[DISK_PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        abort();
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        struct sim_place at;
        if (sim_tree_find(&d->tree, part, &at) < 0 || (at.node != NULL && !at.node->is_dir))
            abort();
        if (at.node != NULL)
            continue;
        struct sim_node *n = sim_node_new(&d->tree, true, wall(d));
        sim_tree_set(&d->tree, &at, n);
        sim_node_drop(&d->tree, n);
        sim_tree_sync(&d->tree, at.parent);
    }
}

const struct sim_disk_counts *sim_disk_counts(const struct sim_disk *d)
{
    return &d->counts;
}

uint64_t sim_disk_used(const struct sim_disk *d)
{
    return d->tree.used;
}

struct digest_walk {
    struct walk base;
    uint64_t hash;
};

/* FNV-1a: enough to tell two histories apart. */
static void digest_bytes(uint64_t *hash, const void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        *hash = (*hash ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
}

static void digest_visit(struct walk *w, struct sim_node *n)
{
    struct digest_walk *g = (struct digest_walk *)w;
    uint64_t size = n->is_dir ? UINT64_MAX : n->content.size;
    digest_bytes(&g->hash, w->path, strlen(w->path) + 1);
    digest_bytes(&g->hash, &size, sizeof size);
    digest_bytes(&g->hash, n->content.data, n->content.size);
}

uint64_t sim_disk_digest(const struct sim_disk *d)
{
    struct digest_walk w = {.base.visit = digest_visit, .hash = UINT64_C(0xcbf29ce484222325)};
    walk_tree(&w.base, d->tree.root, 0);
    return w.hash;
}
