/* s2.h: S2 and Snappy, the compression of routes, leaf nodes, store blocks, backups and system replies.
 *
 * A block is the length of what it holds and a run of literals and copies. A stream is a run of chunks, each
 * one type byte, three length bytes and a body; data chunks hold a checksum and up to 1 MiB (4 MiB accepted)
 * of data, packed or plain. Source: spec/fabric.md 2.5, spec/storage.md 6 (public formats of Snappy and S2).
 *
 * Decoding takes everything that the Go server and any Snappy encoder emit. Encoding is one fast pass over a
 * hash table; its output is read by Go's decoder at any of its levels.
 *
 * Pure functions over the caller's memory but for s2_reader and s2_stream_decode, which allocate what they
 * say. Any thread, one object by one thread at a time. Every length read is checked before it is used. */
#ifndef BASE_S2_H
#define BASE_S2_H

#include <midge/slice.h>

#define S2_BLOCK_MAX  (4u * 1024 * 1024) /* data in one chunk of a stream that is accepted */
#define S2_BLOCK_SENT (1u * 1024 * 1024) /* ... that is sent */
#define S2_SNAPPY_MAX 65536u             /* ... in a Snappy stream, both ways */
#define S2_TABLE_BITS 14
#define S2_IDENTIFIER 10 /* bytes of the chunk that a stream begins with */
#define S2_CHUNK_HEAD 4
#define S2_CHECKSUM   4

enum s2_rc {
    S2_OK,
    S2_MORE,    /* the input ends inside a chunk */
    S2_CORRUPT, /* no valid stream or block; or larger than its bounds */
    S2_BAD_CHECKSUM,
    S2_UNSUPPORTED, /* a reserved chunk that may not be skipped */
    S2_TOO_LARGE,   /* more data than the caller allows */
    S2_NO_MEMORY,
};

/* What a stream is made of. */
enum s2_mode {
    S2_PLAIN,  /* S2 stream of plain chunks: framing and checksums only */
    S2_FAST,   /* S2 stream, packed where that is shorter */
    S2_SNAPPY, /* Snappy stream, packed where that is shorter: no repeat codes, blocks of 64 KiB */
};

/* Scratch memory of an encoder. Needs no initialisation and holds nothing between calls. */
struct s2_table {
    uint32_t at[1u << S2_TABLE_BITS];
};

const char *s2_rc_text(enum s2_rc rc);

/* ---- blocks ---- */

/* Most bytes that s2_block_encode writes for `len` (at most UINT32_MAX) bytes. */
static inline size_t s2_block_bound(size_t len)
{
    return len + 10;
}
/* dst has s2_block_bound(src.len) bytes; the number written. With `repeats` off Snappy can read it. */
size_t s2_block_encode(struct s2_table *t, slice src, bool repeats, uint8_t *dst);
/* The length of the data in a block; *head (may be NULL) = bytes that state it. S2_CORRUPT. */
enum s2_rc s2_block_length(slice block, size_t *len, size_t *head);
/* dst has exactly the s2_block_length. S2_CORRUPT: dst then holds rubbish. */
enum s2_rc s2_block_decode(slice block, uint8_t *dst, size_t len);

/* ---- streams, encoding ---- */

/* Most bytes that s2_stream_encode writes. */
size_t s2_stream_bound(enum s2_mode mode, size_t len);
/* An identifier chunk, then data chunks. dst has s2_stream_bound bytes; the number written. Streams can
 * follow one another: to a reader they are one. */
size_t s2_stream_encode(struct s2_table *t, enum s2_mode mode, slice src, uint8_t *dst);

/* ---- streams, decoding ---- */

/* Reads a stream that arrives in pieces. Starts zeroed; owns one buffer of at most S2_BLOCK_MAX bytes. */
struct s2_reader {
    uint8_t *buf; /* of the last packed chunk */
    size_t cap;
    bool started;  /* an identifier was seen */
    bool snappy;   /* the last one was Snappy's */
    uint32_t skip; /* bytes of a skippable chunk still to come */
    size_t need;   /* after S2_MORE: bytes that `in` must have to go on; at most S2_READER_NEED_MAX */
};
#define S2_READER_NEED_MAX (S2_CHUNK_HEAD + S2_CHECKSUM + S2_BLOCK_MAX + 10)

/* Takes chunks from the front of `in` up to and with the first that holds data.
 *  S2_OK    *out is the data, in `in` or in the reader's buffer: valid until either changes.
 *  S2_MORE  no whole chunk is left: call again with the rest and at least r->need bytes.
 * Both set *used to the bytes of `in` that are done with. Errors are final. */
enum s2_rc s2_reader_next(struct s2_reader *r, slice in, size_t *used, slice *out);
void s2_reader_free(struct s2_reader *r);

/* A whole stream at once. *out is malloc'ed (not NULL even when empty) and the caller's. S2_MORE when the
 * stream is cut off, S2_TOO_LARGE beyond `max` bytes of data. On error nothing is allocated. */
enum s2_rc s2_stream_decode(slice in, size_t max, uint8_t **out, size_t *len);

#endif
