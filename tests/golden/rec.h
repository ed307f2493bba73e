/* rec.h: reads the recordings of tests/golden/raft (format in the README there). A file is loaded whole; the
 * records' payloads point into it. A file that is missing or malformed stops the test program. */
#ifndef GOLDEN_REC_H
#define GOLDEN_REC_H

#include <midge/slice.h>
#include <stdio.h>
#include <stdlib.h>

struct rec_file {
    uint8_t *bytes;
    slice left; /* not yet read */
};

struct rec {
    uint64_t us;
    uint16_t connection;
    uint8_t direction; /* 0 from the dialler, 1 from the acceptor */
    uint8_t dialler;
    uint8_t acceptor;
    slice payload; /* one route operation with its body */
};

static const char *const rec_files[] = {
    "01-boot",        "02-create",  "03-publish",          "04-consumer",         "05-api",
    "06-stepdown",    "07-scale",   "08-owner-traffic",    "09-windowed-catchup", "10-log-catchup",
    "12-leader-kill", "13-sigterm", "11-snapshot-catchup", "14-server-remove",    "15-reconcile"};
#define REC_FILES (sizeof(rec_files) / sizeof(rec_files[0]))

static inline void rec_die(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(2);
}

static inline struct rec_file rec_open(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "tests/golden/raft/%s.rec", name);
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        rec_die(path, "cannot be opened");
    fseek(f, 0, SEEK_END);
    size_t len = (size_t)ftell(f);
    rewind(f);
    uint8_t *bytes = malloc(len);
    if (bytes == NULL || fread(bytes, 1, len, f) != len || len < 8 || memcmp(bytes, "NRGREC1\n", 8) != 0)
        rec_die(path, "no recording");
    fclose(f);
    return (struct rec_file){bytes, slice_make(bytes + 8, len - 8)};
}

static inline bool rec_next(struct rec_file *f, struct rec *r)
{
    if (f->left.len == 0)
        return false;
    if (f->left.len < 20)
        rec_die("recording", "ends inside a record");
    const uint8_t *p = f->left.ptr;
    uint32_t len = 0;
    r->us = 0;
    for (int i = 3; i >= 0; i--)
        len = len << 8 | p[i];
    for (int i = 7; i >= 0; i--)
        r->us = r->us << 8 | p[4 + i];
    r->connection = (uint16_t)(p[12] | p[13] << 8);
    r->direction = p[14];
    r->dialler = p[15];
    r->acceptor = p[16];
    if (len > f->left.len - 20)
        rec_die("recording", "ends inside a payload");
    r->payload = slice_make(p + 20, len);
    f->left = slice_from(f->left, 20 + (size_t)len);
    return true;
}

static inline void rec_close(struct rec_file *f)
{
    free(f->bytes);
}

#endif
