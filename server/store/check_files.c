/* The files of msgs/, each for itself and against index.db. */
#include "server/store/check.h"
#include "store/file/salvage.h"
#include "store/format/envelope.h"
#include "store/format/index_db.h"
#include "store/format/side_files.h"

#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX_BYTES (64u << 20)

static bool msgs_path(const struct check *c, const char *name, char out[DISK_PATH_MAX])
{
    char msgs[DISK_PATH_MAX];
    return files_path(msgs, c->stream->dir, "msgs") && files_path(out, msgs, name);
}

static struct finding in_file(enum finding_kind kind, const char *name)
{
    struct finding f = {.kind = kind};
    snprintf(f.file, sizeof f.file, "msgs/%s", name);
    return f;
}

/* ---- blocks ---- */

/* The block's key; *plain: the block is not encrypted. */
static bool block_key(struct check *c, uint32_t index, struct crypt_key *key, bool *plain)
{
    char name[32], path[DISK_PATH_MAX], context[600];
    struct byte_buf file = {0};
    bool foreign;
    *plain = true;
    snprintf(name, sizeof name, "%u.key", index);
    if (!c->opened.meta.encrypted || !msgs_path(c, name, path))
        return true;
    enum store_rc rc = files_read(c->tree->disk, path, 4096, &file);
    int n = snprintf(context, sizeof context, "%s:%u", c->stream->name, index);
    if (rc == STORE_NOT_FOUND) {
        check_add(c, in_file(FINDING_NOTE, name), "missing: the block is plain, or cannot be read");
        return true;
    }
    *plain = false;
    if (rc == STORE_OK)
        rc = keyring_open(&c->opened.keys, slice_make(context, (size_t)n), buf_view(&file), key, &foreign);
    buf_free(&file);
    if (rc != STORE_OK)
        check_add(c, in_file(FINDING_DAMAGE, name), "no key given opens it");
    return rc == STORE_OK;
}

/* The plain bytes of a block. */
static bool block_plain(struct check *c, uint32_t index, const char *name, struct byte_buf *out)
{
    char path[DISK_PATH_MAX];
    struct crypt_key key;
    bool plain;
    if (!block_key(c, index, &key, &plain) || !msgs_path(c, name, path))
        return false;
    enum store_rc rc = files_read(c->tree->disk, path, FILE_MAX_BYTES, out);
    if (rc != STORE_OK) {
        check_add(c, in_file(FINDING_DAMAGE, name), "cannot be read: %s", store_rc_text(rc));
        return false;
    }
    c->bytes += out->len;
    if (!plain && !crypt_block(&key, 0, out->ptr, out->ptr, out->len))
        return false;
    if (!envelope_is(buf_view(out)))
        return true;
    struct byte_buf packed = *out;
    *out = (struct byte_buf){0};
    rc = envelope_open(buf_view(&packed), FILE_MAX_BYTES, out);
    buf_free(&packed);
    if (rc != STORE_OK)
        check_add(c, in_file(FINDING_DAMAGE, name), "its compressed form is damaged");
    return rc == STORE_OK;
}

static void add_damage(struct check *c, const char *name, const struct damage *d)
{
    struct finding f = in_file(FINDING_DAMAGE, name);
    f.has_offset = true;
    f.offset = d->at;
    f.seq = d->seq;
    if (d->fault == RECORD_CHECKSUM && d->seq > 0)
        check_add(c, f, "the checksum of message %llu does not match: %zu bytes", (unsigned long long)d->seq,
                  d->len);
    else if (d->tail)
        check_add(c, f, "%zu bytes at the end are no whole record", d->len);
    else
        check_add(c, f, "%zu bytes are no record", d->len);
}

/* Where something was found in the plain bytes, and of which sequence. */
static struct finding at_record(enum finding_kind kind, const char *name, size_t at, const struct record *r)
{
    struct finding f = in_file(kind, name);
    f.has_offset = true;
    f.offset = at;
    f.seq = r->seq;
    return f;
}

static void walk_block(struct check *c, const char *name, struct byte_buf *plain, struct block_seen *b)
{
    struct hash_key key = hash_key_block(slice_str(c->stream->name), b->index);
    struct salvage s = salvage_of(plain->ptr, plain->len, &key);
    struct record r;
    struct damage d;
    size_t at;
    enum salvage_rc rc;
    while ((rc = salvage_next(&s, &r, &at, &d)) != SALVAGE_END) {
        if (rc == SALVAGE_DAMAGE) {
            add_damage(c, name, &d);
            continue;
        }
        if (s.mended)
            check_add(c, at_record(FINDING_DAMAGE, name, at, &r),
                      "the record is damaged, and its checksum tells how to mend it");
        b->messages += r.kind == RECORD_MESSAGE;
        if (r.kind == RECORD_TOMBSTONE || r.seq == 0)
            continue;
        if (r.seq <= b->last)
            check_add(c, at_record(FINDING_NOTE, name, at, &r),
                      "sequence %llu comes behind %llu: it is passed over", (unsigned long long)r.seq,
                      (unsigned long long)b->last);
        else
            b->last = r.seq;
    }
}

struct block_list {
    struct check *c;
    size_t cap;
    bool failed;
};

/* N of "N.blk"; 0 when it is none. */
static uint32_t block_number(const char *name, const char *suffix)
{
    char *end;
    unsigned long long n = strtoull(name, &end, 10);
    char back[32];
    snprintf(back, sizeof back, "%llu%s", n, suffix);
    return n > 0 && n <= UINT32_MAX && strcmp(back, name) == 0 ? (uint32_t)n : 0;
}

static int add_name(void *ctx, const char *name, bool is_dir)
{
    struct block_list *l = ctx;
    struct check *c = l->c;
    static const char *const left[] = {".blk.tmp", ".new", ".key.tmp", ".key.new", ".idx", ".fss"};
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        if (!is_dir && block_number(name, left[i]) > 0)
            check_add(c, in_file(FINDING_NOTE, name), "left over; it is not used");
    }
    uint32_t n = is_dir ? 0 : block_number(name, ".blk");
    if (n == 0)
        return 0;
    if (c->block_count == l->cap) {
        size_t cap = l->cap == 0 ? 64 : l->cap * 2;
        struct block_seen *grown = realloc(c->blocks, cap * sizeof *grown);
        if (grown == NULL)
            return -1;
        c->blocks = grown;
        l->cap = cap;
    }
    c->blocks[c->block_count++] = (struct block_seen){.index = n};
    return 0;
}

static int rising(const void *a, const void *b)
{
    uint32_t x = ((const struct block_seen *)a)->index, y = ((const struct block_seen *)b)->index;
    return (x > y) - (x < y);
}

void check_blocks(struct check *c)
{
    char msgs[DISK_PATH_MAX], name[32];
    struct block_list l = {.c = c};
    int rc = files_path(msgs, c->stream->dir, "msgs") ? disk_list(c->tree->disk, msgs, add_name, &l) : -1;
    if (rc < 0) {
        check_add(c, FINDING(FINDING_DAMAGE, .file = "msgs"), "the folder cannot be read");
        return;
    }
    if (c->block_count > 0)
        qsort(c->blocks, c->block_count, sizeof c->blocks[0], rising);
    for (size_t i = 0; i < c->block_count; i++) {
        struct block_seen *b = &c->blocks[i];
        struct byte_buf plain = {0};
        snprintf(name, sizeof name, "%u.blk", b->index);
        b->readable = block_plain(c, b->index, name, &plain);
        if (b->readable) {
            b->len = plain.len;
            if (plain.len >= 8)
                memcpy(b->last_sum, plain.ptr + plain.len - 8, 8);
            walk_block(c, name, &plain, b);
        }
        buf_free(&plain);
    }
}

/* ---- index.db ---- */

static const struct block_seen *seen(const struct check *c, uint64_t index)
{
    for (size_t i = 0; i < c->block_count; i++) {
        if (c->blocks[i].index == index)
            return &c->blocks[i];
    }
    return NULL;
}

/* One block as index.db has it against its file. */
static void compare_block(struct check *c, const struct index_block *b)
{
    char name[32];
    const struct block_seen *s = seen(c, b->index);
    uint64_t messages = b->last < b->first ? 0 : b->last - b->first + 1 - b->deleted.count;
    snprintf(name, sizeof name, "%llu.blk", (unsigned long long)b->index);
    if (messages == 0 || (s != NULL && !s->readable))
        return;
    if (s == NULL)
        check_add(c, in_file(FINDING_DAMAGE, name), "missing: index.db has messages %llu to %llu in it",
                  (unsigned long long)b->first, (unsigned long long)b->last);
    else if (s->last < b->last && !seqset_has(&b->deleted, b->last))
        check_add(c, in_file(FINDING_DAMAGE, name), "it ends at message %llu; index.db knows of %llu",
                  (unsigned long long)s->last, (unsigned long long)b->last);
}

struct sums {
    uint64_t msgs;
    uint64_t bytes;
    uint64_t last;
    uint64_t last_block;
};

static bool read_blocks(struct check *c, struct index_reader *r, struct sums *sums)
{
    uint64_t count;
    bool ok = index_get_block_count(r, &count) == INDEX_GOOD;
    for (uint64_t i = 0; ok && i < count; i++) {
        struct index_block b;
        ok = index_get_block(r, &b) == INDEX_GOOD;
        if (!ok)
            break;
        sums->msgs += b.last < b.first ? 0 : b.last - b.first + 1 - b.deleted.count;
        sums->bytes += b.bytes;
        sums->last = b.last > sums->last ? b.last : sums->last;
        sums->last_block = b.index;
        compare_block(c, &b);
        seqset_free(&b.deleted);
    }
    return ok;
}

static void compare_tail(struct check *c, const struct index_tail *tail)
{
    const struct block_seen *last = c->block_count > 0 ? &c->blocks[c->block_count - 1] : NULL;
    if (last == NULL || !last->readable)
        return;
    if (last->index != tail->last_block || memcmp(last->last_sum, tail->last_sum, 8) != 0)
        check_add(c, in_file(FINDING_NOTE, "index.db"),
                  "older than the blocks: a start reads the blocks instead");
}

static void decode_index(struct check *c, slice plain)
{
    struct index_reader r = {0};
    struct index_head h;
    struct index_subject s;
    struct index_tail tail;
    struct sums sums = {0};
    uint64_t by_subject = 0;
    enum index_fault f = index_get_head(&r, plain, &h);
    for (uint64_t i = 0; f == INDEX_GOOD && i < h.subjects; i++) {
        f = index_get_subject(&r, &s);
        by_subject += f == INDEX_GOOD ? s.msgs : 0;
    }
    if (f != INDEX_GOOD || !read_blocks(c, &r, &sums) || index_get_tail(&r, &tail) != INDEX_GOOD) {
        check_add(c, in_file(FINDING_DAMAGE, "index.db"), "it does not decode, though its checksum matches");
        return;
    }
    if (sums.msgs != h.msgs || sums.bytes != h.bytes || sums.last != h.last ||
        (h.subjects > 0 && by_subject != h.msgs))
        check_add(c, in_file(FINDING_DAMAGE, "index.db"),
                  "it contradicts itself: %llu messages, %llu by blocks, %llu by subjects",
                  (unsigned long long)h.msgs, (unsigned long long)sums.msgs, (unsigned long long)by_subject);
    if (tail.last_block != sums.last_block)
        check_add(c, in_file(FINDING_DAMAGE, "index.db"), "its last block is not the last of its list");
    else
        compare_tail(c, &tail);
}

void check_index(struct check *c)
{
    char path[DISK_PATH_MAX];
    struct byte_buf file = {0}, plain = {0};
    struct hash_key key = hash_key_of(slice_str(c->stream->name));
    if (!msgs_path(c, "index.db", path))
        return;
    enum store_rc rc = files_read(c->tree->disk, path, 1ULL << 32, &file);
    uint8_t sum[STORE_SUM_SIZE];
    if (rc == STORE_NOT_FOUND) {
        check_add(c, in_file(FINDING_NOTE, "index.db"), "missing: a start reads the blocks instead");
    } else if (rc != STORE_OK) {
        check_add(c, in_file(FINDING_DAMAGE, "index.db"), "cannot be read: %s", store_rc_text(rc));
    } else if (file.len < INDEX_DB_MIN) {
        check_add(c, in_file(FINDING_DAMAGE, "index.db"), "too short: %zu bytes", file.len);
    } else {
        slice body = slice_first(buf_view(&file), file.len - STORE_SUM_SIZE);
        c->bytes += file.len;
        hash_sum(&key, body, sum);
        if (memcmp(sum, body.ptr + body.len, STORE_SUM_SIZE) != 0)
            check_add(c, in_file(FINDING_DAMAGE, "index.db"), "its checksum does not match");
        else if (!c->opened.meta.encrypted)
            decode_index(c, body);
        else if (crypt_open(&c->opened.meta.key, body, &plain))
            decode_index(c, buf_view(&plain));
        else
            check_add(c, in_file(FINDING_DAMAGE, "index.db"), "it does not decrypt");
    }
    buf_free(&file);
    buf_free(&plain);
}

/* ---- thw.db, sched.db, sources.db ---- */

static enum side_fault next_entry(struct side_reader *r, const char *name)
{
    struct source_entry source;
    slice subject;
    int64_t time;
    uint64_t seq;
    if (strcmp(name, "thw.db") == 0)
        return side_get_ttl(r, &time, &seq);
    return strcmp(name, "sched.db") == 0 ? side_get_schedule(r, &subject, &time, &seq)
                                         : side_get_source(r, &source);
}

static void check_side_file(struct check *c, const char *path, const char *shown, const char *name)
{
    struct byte_buf file = {0};
    struct side_reader r;
    struct finding f = {.kind = FINDING_DAMAGE};
    snprintf(f.file, sizeof f.file, "%s", shown);
    enum store_rc rc = files_read(c->tree->disk, path, 1ULL << 32, &file);
    if (rc == STORE_OK) {
        c->bytes += file.len;
        enum side_fault fault = side_open(&r, buf_view(&file));
        while (fault == SIDE_GOOD)
            fault = next_entry(&r, name);
        if (fault != SIDE_END)
            check_add(c, f, "%s: a start finds its content in the messages again",
                      fault == SIDE_VERSION ? "unknown version" : "cut off");
    } else if (rc != STORE_NOT_FOUND) {
        check_add(c, f, "cannot be read: %s", store_rc_text(rc));
    }
    buf_free(&file);
}

void check_side_files(struct check *c)
{
    char path[DISK_PATH_MAX];
    if (msgs_path(c, "thw.db", path))
        check_side_file(c, path, "msgs/thw.db", "thw.db");
    if (msgs_path(c, "sched.db", path))
        check_side_file(c, path, "msgs/sched.db", "sched.db");
    if (files_path(path, c->stream->dir, "sources.db"))
        check_side_file(c, path, "sources.db", "sources.db");
}
