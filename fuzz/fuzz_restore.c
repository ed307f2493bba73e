/* Any bytes as a backup: a whole stream comes of them, which opens and goes on, with consumers that open, or
 * nothing is left. The first byte chooses how they are taken. */
#include "base/s2.h"
#include "store/backup.h"
#include "store/consumer_store.h"
#include "store/format/bytes.h"
#include "store_fuzz.h"

#include <stdio.h>

#define DIR     "/js/R"
#define STAGING "/js/staging"

enum { AS_PACKED, AS_ARCHIVE, AS_TAR, AS_ENTRIES, FORMS };

/* Right sums for all blocks that could be headers, or no mutation would get beyond the first. */
static void sum_up(uint8_t *tar, size_t len)
{
    for (size_t at = 0; at + 512 <= len; at += 512) {
        uint8_t *h = tar + at;
        unsigned sum = 8 * ' ';
        if (memcmp(h + 257, "ustar", 5) != 0)
            continue;
        for (size_t i = 0; i < 512; i++)
            sum += i < 148 || i >= 156 ? h[i] : 0;
        char text[8];
        snprintf(text, sizeof text, "%06o", sum);
        memcpy(h + 148, text, 7);
        h[155] = ' ';
    }
}

/* A tar of the entries: type, length of the name, name, length of the content in two bytes, content. */
static void compose(slice in, struct byte_buf *out)
{
    static const uint8_t zeros[1024];
    struct byte_reader r = byte_reader_of(in);
    while (reader_left(&r) >= 4) {
        uint8_t h[512] = {0}, type = take_u8(&r);
        slice name = take_bytes(&r, take_u8(&r) % 100);
        uint16_t size = take_u16(&r);
        slice content = take_bytes(&r, size);
        memcpy(h, slice_ptr(name), name.len);
        snprintf((char *)h + 124, 12, "%011o", (unsigned)size);
        h[156] = type;
        memcpy(h + 257, "ustar", 6);
        sum_up(h, sizeof h);
        buf_bytes(out, h, sizeof h);
        buf_slice(out, content);
        buf_bytes(out, zeros, (512 - out->len % 512) % 512);
    }
    buf_bytes(out, zeros, sizeof zeros);
}

/* The bytes as they come over the wire. */
static slice pack(unsigned form, slice in, uint8_t **to_free)
{
    static struct s2_table table;
    struct byte_buf plain = {0};
    *to_free = NULL;
    if (form == AS_PACKED)
        return in;
    if (form == AS_ENTRIES)
        compose(in, &plain);
    else
        buf_slice(&plain, in);
    if (form == AS_TAR)
        sum_up(plain.ptr, plain.len);
    uint8_t *packed = malloc(s2_stream_bound(S2_PLAIN, plain.len));
    fuzz_check(!plain.failed && packed != NULL);
    size_t len = s2_stream_encode(&table, S2_PLAIN, buf_view(&plain), packed);
    buf_free(&plain);
    *to_free = packed;
    return slice_make(packed, len);
}

static enum store_rc restore(struct store_fuzz *f, slice bytes, size_t cut)
{
    struct restore_options o = {
        .store = f->o, .staging = STAGING, .account = SLICE_LIT("$G"), .max_payload = 1 << 16};
    struct restore *r;
    fuzz_check(restore_new(&o, &r) == STORE_OK);
    enum store_rc rc = restore_feed(r, slice_first(bytes, cut));
    rc = rc == STORE_OK ? restore_feed(r, slice_from(bytes, cut)) : rc;
    rc = rc == STORE_OK ? restore_finish(r) : rc;
    fuzz_check((rc == STORE_OK) == (restore_why(r)[0] == 0));
    restore_free(r);
    return rc;
}

static void check_consumers(struct store_fuzz *f)
{
    struct files_list l;
    enum store_rc rc = files_list_dir(f->host.disk, DIR "/obs", &l);
    fuzz_check(rc == STORE_OK || rc == STORE_NOT_FOUND);
    for (size_t i = 0; rc == STORE_OK && i < l.count; i++) {
        char dir[DISK_PATH_MAX], why[64];
        struct consumer_store *c;
        fuzz_check(files_path(dir, DIR "/obs", l.names[i]));
        struct consumer_store_options o = {
            .host = &f->host, .dir = dir, .stream = f->o.name, .name = slice_str(l.names[i])};
        fuzz_check(consumer_store_open(&o, &c, why) == STORE_OK);
        fuzz_check(consumer_store_close(c, SIM_EPOCH_NS) == STORE_OK);
    }
    if (rc == STORE_OK)
        files_free_list(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_fuzz f;
    struct disk_stat st;
    struct store *s;
    uint8_t *to_free;
    if (size < 2)
        return 0;
    store_fuzz_start(&f);
    f.o.dir = DIR;
    f.o.name = SLICE_LIT("S");
    f.o.meta = SLICE_LIT("{\"name\":\"S\"}");
    slice bytes = pack(data[0] % FORMS, slice_make(data + 2, size - 2), &to_free);
    enum store_rc rc = restore(&f, bytes, bytes.len * data[1] / 256);
    free(to_free);
    fuzz_check(disk_stat(f.host.disk, STAGING, &st) != 0);
    fuzz_check((disk_stat(f.host.disk, DIR, &st) == 0) == (rc == STORE_OK));
    if (rc == STORE_OK) {
        check_consumers(&f);
        fuzz_check(file_store_open(&f.o, &s) == STORE_OK);
        store_fuzz_goes_on(&f, s);
    }
    store_fuzz_stop(&f);
    return 0;
}
