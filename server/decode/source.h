/* source.h: where the decode tool gets bytes from: a raw stream, a capture (midge/capture.h) or a packet file
 * (pcap, pcapng), each as a sequence of chunks.
 *
 * A chunk's bytes live until the next call. Memory is bounded: a raw or captured chunk is at most 1 MiB, and
 * of packet files at most RE_CONNECTIONS connections with RE_HELD bytes out of order each are remembered. One
 * thread. */
#ifndef DECODE_SOURCE_H
#define DECODE_SOURCE_H

#include <midge/capture.h>
#include <stdio.h>

struct chunk {
    uint64_t connection;
    enum codec_direction direction;
    bool has_time;
    uint64_t time; /* nanoseconds since 1970 */
    slice bytes;
    bool end;            /* nothing follows in this direction */
    const char *missing; /* bytes before these were not recorded: why; else NULL */
};

enum source_rc {
    SOURCE_CHUNK,
    SOURCE_END,
    SOURCE_FAILED, /* source_problem tells */
};

struct source;

/* Kind by its first byte: packet file, capture, or anything else as raw. "-" is standard input. NULL:
 * *problem says why (static or in errno's words). `raw` says not to look. `port` (0: none) is the acceptor's
 * in packet files. */
struct source *source_open(const char *path, bool raw, unsigned port, const char **problem);
enum source_rc source_next(struct source *s, struct chunk *chunk);
void source_close(struct source *s);

/* What went wrong, and where in the file; valid after SOURCE_FAILED. */
const char *source_problem(const struct source *s);
uint64_t source_offset(const struct source *s);

bool source_is_raw(const struct source *s);
/* The protocol that a capture names, or CODEC_NO_PROTOCOL. Known after the first chunk. */
enum codec_protocol source_protocol(const struct source *s);

/* Bytes read so far, and of all (0: not known). */
uint64_t source_read_bytes(const struct source *s);
uint64_t source_size(const struct source *s);

#endif
