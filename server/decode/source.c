/* source.c: opens an input and reads raw streams and captures; packet files are in packets.c. */
#include "server/decode/source.h"
#include "server/decode/packets.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum kind { RAW, CAPTURE, PACKETS };

#define BUFFER_SIZE (CODEC_CAPTURE_BYTES_MAX + 4096)

struct source {
    enum kind kind;
    FILE *file;
    uint64_t size, read;
    bool at_end;
    struct packets *packets;
    struct codec_capture capture;
    size_t begin, end; /* bytes of buffer that were not used yet */
    uint8_t *buffer;
    const char *problem;
};

/* Packet files begin with one of their magic numbers, captures with a map of 4. Streams begin with none of
 * these. */
static enum kind kind_of(int first)
{
    switch (first) {
    case 0xd4:
    case 0xa1:
    case 0x4d:
    case 0x0a:
        return PACKETS;
    case 0x84:
        return CAPTURE;
    default:
        return RAW;
    }
}

static bool begin(struct source *s, bool raw, unsigned port, const char **problem)
{
    struct stat st;
    int first = getc(s->file);
    if (first != EOF)
        ungetc(first, s->file);
    else if (ferror(s->file))
        return *problem = strerror(errno), false;
    if (fstat(fileno(s->file), &st) == 0 && S_ISREG(st.st_mode))
        s->size = (uint64_t)st.st_size;
    s->kind = raw ? RAW : kind_of(first);
    if (s->kind == PACKETS)
        return (s->packets = packets_open(s->file, port, problem)) != NULL;
    s->buffer = malloc(BUFFER_SIZE);
    return s->buffer != NULL || (*problem = "out of memory", false);
}

struct source *source_open(const char *path, bool raw, unsigned port, const char **problem)
{
    struct source *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return *problem = "out of memory", NULL;
    s->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (s->file == NULL)
        *problem = strerror(errno);
    else if (begin(s, raw, port, problem))
        return s;
    source_close(s);
    return NULL;
}

/* More bytes behind those at hand. */
static bool fill(struct source *s)
{
    if (s->begin > 0) {
        memmove(s->buffer, s->buffer + s->begin, s->end - s->begin);
        s->end -= s->begin;
        s->begin = 0;
    }
    size_t n = fread(s->buffer + s->end, 1, BUFFER_SIZE - s->end, s->file);
    s->end += n;
    s->read += n;
    s->at_end = n == 0;
    return n > 0;
}

static enum source_rc fail(struct source *s, const char *problem)
{
    s->problem = problem;
    return SOURCE_FAILED;
}

static enum source_rc next_raw(struct source *s, struct chunk *c)
{
    s->begin = s->end = 0;
    if (!fill(s))
        return ferror(s->file) ? fail(s, "cannot be read") : SOURCE_END;
    *c = (struct chunk){.connection = 1, .bytes = slice_make(s->buffer, s->end)};
    s->begin = s->end;
    return SOURCE_CHUNK;
}

static enum source_rc next_record(struct source *s, struct chunk *c)
{
    struct codec_capture_record r;
    size_t need;
    for (;;) {
        slice in = slice_make(s->buffer + s->begin, s->end - s->begin);
        bool header = !s->capture.begun;
        enum codec_rc rc = codec_capture_next(&s->capture, &in, &r, &need);
        if (rc == CODEC_ERROR)
            return fail(s, codec_capture_error_text(s->capture.error.kind));
        if (rc == CODEC_MORE) {
            if (fill(s))
                continue;
            if (ferror(s->file))
                return fail(s, "cannot be read");
            return in.len == 0 && s->capture.begun ? SOURCE_END : fail(s, "the capture ends inside a record");
        }
        s->begin = s->end - in.len;
        if (header)
            continue;
        *c = (struct chunk){.connection = r.connection,
                            .direction = r.direction,
                            .has_time = true,
                            .time = s->capture.header.started + r.time,
                            .bytes = r.bytes,
                            .end = r.bytes.len == 0};
        return SOURCE_CHUNK;
    }
}

enum source_rc source_next(struct source *s, struct chunk *c)
{
    switch (s->kind) {
    case RAW:
        return next_raw(s, c);
    case CAPTURE:
        return next_record(s, c);
    case PACKETS:
        break;
    }
    return packets_next(s->packets, c, &s->problem);
}

void source_close(struct source *s)
{
    if (s == NULL)
        return;
    if (s->packets != NULL)
        packets_close(s->packets); /* closes the file */
    else if (s->file != NULL && s->file != stdin)
        fclose(s->file);
    free(s->buffer);
    free(s);
}

const char *source_problem(const struct source *s)
{
    return s->problem;
}

uint64_t source_offset(const struct source *s)
{
    return s->kind == CAPTURE ? s->capture.offset : source_read_bytes(s);
}

bool source_is_raw(const struct source *s)
{
    return s->kind == RAW;
}

enum codec_protocol source_protocol(const struct source *s)
{
    return s->kind == CAPTURE ? s->capture.header.protocol : CODEC_NO_PROTOCOL;
}

uint64_t source_read_bytes(const struct source *s)
{
    if (s->kind != PACKETS)
        return s->read;
    long at = ftell(s->file);
    return at < 0 ? 0 : (uint64_t)at;
}

uint64_t source_size(const struct source *s)
{
    return s->size;
}
