/* headers.h: the header block of a message.
 *
 *     NATS/1.0[ status[ description]] CR LF
 *     name: value CR LF                         any number of these
 *     CR LF
 *
 * Three ways to look at one. The parser (codec_headers_next) takes it apart strictly, for clients and tools.
 * The lookup (codec_headers_get) finds one header in any bytes just as nats-server does, which validates
 * nothing (docs/spec/client-protocol.md 7.1). The writers build a block, or rewrite one as the server does
 * (7.3). */
#ifndef MIDGE_HEADERS_H
#define MIDGE_HEADERS_H

#include <midge/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------- parser */

enum codec_headers_kind {
    CODEC_HEADERS_STATUS = 1, /* the first line: code (0: none), value: the description */
    CODEC_HEADERS_FIELD,      /* name, value without the blanks around it */
    CODEC_HEADERS_END,        /* the empty line; what follows would be a block of its own */
};

enum codec_headers_error {
    CODEC_HEADERS_NO_ERROR,
    CODEC_HEADERS_VERSION, /* the block does not begin with NATS/1.0 */
    CODEC_HEADERS_CODE,    /* the status is not three digits */
    CODEC_HEADERS_NAME,    /* a name is empty or has a byte that is not visible ASCII */
    CODEC_HEADERS_EOL,     /* CR without LF, or LF without CR */
};

struct codec_headers_event {
    enum codec_headers_kind kind;
    size_t need;              /* with CODEC_MORE; always 0: not known */
    struct codec_error error; /* with CODEC_ERROR: an enum codec_headers_error */
    unsigned code;
    slice name;
    slice value;
};

/* Place, zero, use: {0} is a parser at the start of a block. */
struct codec_headers {
    int cs;
    int part;    /* what a wrong byte would be wrong in: an enum codec_headers_error */
    bool inside; /* the first line has been seen */
    bool failed;
    size_t pos; /* in the line; of status lines mark is the code, of others the colon; 0: not seen */
    size_t mark;
    size_t value_at;
    uint64_t offset;
    struct codec_error failure;
};

/* The next line; the pull interface of codec.h. */
CODEC_API enum codec_rc codec_headers_next(struct codec_headers *h, slice *in,
                                           struct codec_headers_event *event);

CODEC_API const char *codec_headers_error_text(enum codec_headers_error kind);

/* ---------------------------------------------------------------------------------------- lookup */

/* The first header of that name: the exact bytes of the name, behind a CR LF (so never at the start of the
 * block) and followed at once by a colon. The value is what stands behind the colon and any spaces, up to the
 * CR LF (or the end). false: there is none. */
CODEC_API bool codec_headers_get(slice block, slice name, slice *value);

/* --------------------------------------------------------------------------------------- writers */

/* The pieces of a block: begin, any number of fields, end. A status of 0 is left out, and so is its
 * description. The caller sees to it that names and texts hold no CR, LF or colon that would end them. */
CODEC_API void codec_headers_begin(struct codec_out *out, unsigned status, slice description);
CODEC_API void codec_headers_field(struct codec_out *out, slice name, slice value);
CODEC_API void codec_headers_end(struct codec_out *out);

/* The block without the first header of that name (found as codec_headers_get does); nothing at all when no
 * header and no status is left. */
CODEC_API void codec_headers_remove(struct codec_out *out, slice block, slice name);

/* The block with that header set: the first one of that name is removed and the new one stands last. A block
 * that is empty, or would be, begins anew. */
CODEC_API void codec_headers_set(struct codec_out *out, slice block, slice name, slice value);

#ifdef __cplusplus
}
#endif

#endif
