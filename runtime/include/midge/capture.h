/* capture.h: recorded sessions. A capture is a sequence of MessagePack values, so that any language can read
 * it:
 *
 *     header   a map: {"capture": "midge", "version": 1, "protocol": "route", "started": ns since 1970}
 *     record   an array of 4: [time, connection, direction, bytes]
 *
 * `protocol` is a name of codec_protocol_name or empty (not known); other keys of the header mean nothing and
 * are skipped. `time` is nanoseconds since `started`. Connections are numbered as the writer likes; a number
 * is used again only after both directions were closed. `direction` is 0 for bytes of the side that opened
 * the connection, 1 for the other. `bytes` are what was read at once; no bytes: this direction was closed.
 * Records come in the order of time.
 *
 * The reader is bounded: it believes no length before the bytes are there, and takes records of at most
 * CODEC_CAPTURE_BYTES_MAX bytes (writers cut longer ones). Nothing is allocated. */
#ifndef MIDGE_CAPTURE_H
#define MIDGE_CAPTURE_H

#include <midge/value.h>
#include <midge/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_CAPTURE_BYTES_MAX (1u << 20)

enum codec_capture_error {
    CODEC_CAPTURE_OK,
    CODEC_CAPTURE_MALFORMED,   /* not MessagePack, or a type that is not taken */
    CODEC_CAPTURE_BAD_HEADER,  /* the first value is not the header of a capture */
    CODEC_CAPTURE_BAD_VERSION, /* of a later version */
    CODEC_CAPTURE_BAD_RECORD,  /* not an array of three numbers and bytes */
    CODEC_CAPTURE_TOO_LONG,    /* a value longer than the limit */
};

struct codec_capture_header {
    enum codec_protocol protocol; /* NO_PROTOCOL: empty, or a name that is not known */
    uint64_t started;
};

struct codec_capture_record {
    uint64_t time;
    uint64_t connection;
    enum codec_direction direction;
    slice bytes; /* in the reader's input */
};

struct codec_capture {
    bool begun;                         /* the header was read */
    struct codec_capture_header header; /* then */
    uint64_t offset;                    /* of the byte at the front of the input */
    struct codec_error error;
};

/* The reader: {0} is one at the start of a capture. The first event is the header (record->bytes is empty and
 * parser->begun has become true), all others are records. The pull interface of codec.h; *need as
 * event->need. */
CODEC_API enum codec_rc codec_capture_next(struct codec_capture *parser, slice *in,
                                           struct codec_capture_record *record, size_t *need);

/* The writers. A record of more than CODEC_CAPTURE_BYTES_MAX bytes becomes several. */
CODEC_API void codec_capture_write_header(struct codec_out *out, const struct codec_capture_header *header);
CODEC_API void codec_capture_write_record(struct codec_out *out, const struct codec_capture_record *record);

CODEC_API const char *codec_capture_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
