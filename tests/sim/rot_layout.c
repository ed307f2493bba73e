#include "sim/rot_layout.h"

#include "store/file/salvage.h"
#include "store/files.h"
#include "store/format/envelope.h"
#include "store/keyring.h"

#include <stdio.h>
#include <stdlib.h>

#define BLOCK_MAX (1u << 20)

uint32_t rot_block_number(const char *path, const char *suffix)
{
    const char *name = strrchr(path, '/');
    char *end;
    if (name == NULL || name[1] < '1' || name[1] > '9')
        return 0;
    unsigned long n = strtoul(name + 1, &end, 10);
    return strcmp(end, suffix) == 0 ? (uint32_t)n : 0;
}

static void add(struct rot_layout *l, struct rot_record r)
{
    if (l->count == l->cap) {
        l->cap = l->cap * 2 + 64;
        l->record = realloc(l->record, l->cap * sizeof l->record[0]);
        if (l->record == NULL)
            abort();
    }
    l->record[l->count++] = r;
}

/* The block under the key of that file; false when it is not under that key. */
static bool decrypt(struct disk *d, const struct file_store_options *o, uint32_t block, const char *suffix,
                    slice file, struct byte_buf *plain)
{
    char path[DISK_PATH_MAX], context[64];
    struct byte_buf key_file = {0};
    struct crypt_key key;
    struct record r;
    struct hash_key hash = hash_key_block(o->name, block);
    bool foreign;
    snprintf(path, sizeof path, "%s/msgs/%u%s", o->dir, block, suffix);
    int n = snprintf(context, sizeof context, "%.*s:%u", (int)o->name.len, (const char *)o->name.ptr, block);
    bool ok = files_read(d, path, 4096, &key_file) == STORE_OK &&
              keyring_open(&o->keys, slice_make(context, (size_t)n), buf_view(&key_file), &key, &foreign) ==
                  STORE_OK;
    buf_free(&key_file);
    if (!ok)
        return false;
    plain->len = 0;
    buf_slice(plain, file);
    if (plain->failed || !crypt_block(&key, 0, plain->ptr, plain->ptr, plain->len))
        abort();
    crypt_forget(&key);
    return envelope_is(buf_view(plain)) || record_decode(plain->ptr, plain->len, &hash, &r) == RECORD_GOOD;
}

/* The records of the file; *whole: damage anywhere may cost all. false: nothing of it can be read. */
static bool plain_form(struct disk *d, const struct file_store_options *o, uint32_t block,
                       struct byte_buf *plain, uint64_t *size, bool *whole, bool *compressed)
{
    char path[DISK_PATH_MAX];
    struct byte_buf file = {0};
    snprintf(path, sizeof path, "%s/msgs/%u.blk", o->dir, block);
    bool ok = files_read(d, path, BLOCK_MAX, &file) == STORE_OK && file.len > 0;
    *size = file.len;
    if (ok && o->keys.key.len > 0) {
        if (!decrypt(d, o, block, ".key", buf_view(&file), plain) &&
            !decrypt(d, o, block, ".key.new", buf_view(&file), plain))
            *whole = true; /* its first record is damaged; what the second key makes of it is no worse */
        ok = plain->len > 0;
    } else if (ok) {
        buf_slice(plain, buf_view(&file));
    }
    buf_free(&file);
    if (ok && envelope_is(buf_view(plain))) {
        struct byte_buf expanded = {0};
        *whole = *compressed = true; /* which has checksums of its own */
        ok = envelope_open(buf_view(plain), BLOCK_MAX, &expanded) == STORE_OK;
        buf_free(plain);
        *plain = expanded;
    }
    return ok;
}

void rot_layout_block(struct rot_layout *l, struct disk *d, const struct file_store_options *o,
                      uint32_t block)
{
    struct byte_buf plain = {0};
    struct hash_key hash = hash_key_block(o->name, block);
    size_t first = l->count, at;
    uint64_t size;
    bool whole = false, compressed = false;
    if (plain_form(d, o, block, &plain, &size, &whole, &compressed)) {
        struct salvage s = salvage_of(plain.ptr, plain.len, &hash);
        struct record r;
        struct damage damage;
        enum salvage_rc rc;
        while ((rc = salvage_next(&s, &r, &at, &damage)) != SALVAGE_END) {
            bool blind = rc == SALVAGE_RECORD && r.kind == RECORD_MESSAGE && r.hdr.len == 0 && !compressed;
            if (rc == SALVAGE_RECORD)
                add(l, (struct rot_record){.block = block,
                                           .at = at,
                                           .size = r.size,
                                           .seq = r.seq,
                                           .kind = r.kind,
                                           .blind = blind ? at + RECORD_HEAD - 2 : UINT64_MAX});
            whole |= rc == SALVAGE_DAMAGE || s.mended;
            l->broken |= rc == SALVAGE_DAMAGE;
        }
    }
    for (size_t i = first; whole && i < l->count; i++) {
        l->record[i].at = 0;
        l->record[i].size = size;
    }
    buf_free(&plain);
}

static int rising(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

void rot_layout_store(struct rot_layout *l, struct disk *d, const struct file_store_options *o)
{
    char dir[DISK_PATH_MAX], path[DISK_PATH_MAX];
    struct files_list names;
    files_path(dir, o->dir, "msgs");
    if (files_list_dir(d, dir, &names) != STORE_OK)
        abort();
    uint32_t *number = malloc((names.count + 1) * sizeof *number);
    size_t count = 0;
    if (number == NULL)
        abort();
    for (size_t i = 0; i < names.count; i++) {
        if (files_path(path, dir, names.names[i]) && rot_block_number(path, ".blk") != 0)
            number[count++] = rot_block_number(path, ".blk");
    }
    files_free_list(&names);
    qsort(number, count, sizeof *number, rising);
    for (size_t i = 0; i < count; i++)
        rot_layout_block(l, d, o, number[i]);
    free(number);
}

bool rot_layout_is_blind(const struct rot_layout *l, uint32_t block, uint64_t at)
{
    for (size_t i = 0; i < l->count; i++) {
        const struct rot_record *r = &l->record[i];
        if (r->block == block && r->blind != UINT64_MAX && at >= r->blind && at < r->blind + 2)
            return true;
    }
    return false;
}

void rot_layout_free(struct rot_layout *l)
{
    free(l->record);
    *l = (struct rot_layout){0};
}
