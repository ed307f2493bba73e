/* value.h: a small tree of values, in which events become data: it is written as JSON or MessagePack and read
 * back from both, so that any language can take part.
 *
 * Text is bytes. Where it is not UTF-8 JSON has it in base64 under its key with "_b64" behind it (an array of
 * which one text is not UTF-8: all of them); MessagePack has it as `bin` instead of `str`. A JSON value
 * stands for itself: in MessagePack it is a `str` of its text under its key with "_json" behind it.
 *
 * Nodes and decoded texts are taken from an arena of the caller's and live as long as its block; trees are at
 * most CODEC_VALUE_DEPTH deep. Nothing is allocated, no function recurses. */
#ifndef MIDGE_VALUE_H
#define MIDGE_VALUE_H

#include <midge/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEC_VALUE_DEPTH 8

enum codec_value_type {
    CODEC_VALUE_NULL,
    CODEC_VALUE_BOOL,
    CODEC_VALUE_INT,  /* negative numbers */
    CODEC_VALUE_UINT, /* all others */
    CODEC_VALUE_TEXT,
    CODEC_VALUE_BYTES, /* for writers: text that MessagePack shall have as `bin` even when it is UTF-8 */
    CODEC_VALUE_JSON,  /* the text of a JSON value */
    CODEC_VALUE_ARRAY,
    CODEC_VALUE_OBJECT,
};

struct codec_member;

struct codec_value {
    enum codec_value_type type;
    union {
        bool boolean;
        int64_t integer;
        uint64_t number;
        slice text; /* TEXT, BYTES, JSON */
        struct {
            struct codec_value *items;
            size_t count;
        } array;
        struct {
            struct codec_member *items;
            size_t count;
        } object;
    };
};

struct codec_member {
    slice key;
    struct codec_value value;
};

static inline struct codec_value codec_value_text(slice text)
{
    return (struct codec_value){.type = CODEC_VALUE_TEXT, .text = text};
}

static inline struct codec_value codec_value_number(uint64_t number)
{
    return (struct codec_value){.type = CODEC_VALUE_UINT, .number = number};
}

static inline struct codec_value codec_value_bool(bool b)
{
    return (struct codec_value){.type = CODEC_VALUE_BOOL, .boolean = b};
}

/* The member of an object with that key; NULL: there is none, or `value` is no object. */
CODEC_API const struct codec_value *codec_value_get(const struct codec_value *value, const char *key);

/* As JSON, without line end; as MessagePack. false: the tree is too deep (out is then of no use). */
CODEC_API bool codec_value_write_json(struct codec_out *out, const struct codec_value *value);
CODEC_API bool codec_value_write_msgpack(struct codec_out *out, const struct codec_value *value);

enum codec_value_error {
    CODEC_VALUE_OK,
    CODEC_VALUE_SYNTAX, /* not JSON; not MessagePack */
    CODEC_VALUE_TYPE,   /* a float, an extension type, a key that is no text, an integer above 64 bits */
    CODEC_VALUE_TOO_DEEP,
    CODEC_VALUE_BASE64,   /* a "_b64" member that is not base64 */
    CODEC_VALUE_NO_ROOM,  /* the arena is full */
    CODEC_VALUE_TOO_LONG, /* MessagePack: the value takes more than the limit */
};

/* One JSON text. Floats, null included as null; an object or array under a key that ends in "json" (or is
 * "json") is kept as CODEC_VALUE_JSON. */
CODEC_API enum codec_value_error codec_value_read_json(slice text, struct codec_arena *arena,
                                                       struct codec_value *value);

/* One MessagePack value off the front of *in. CODEC_MORE: its bytes are not all there (*need at least are
 * missing); nothing is taken. No length that the bytes claim is believed before the bytes are there. A value
 * takes at most `limit` bytes. */
CODEC_API enum codec_rc codec_value_read_msgpack(slice *in, size_t limit, struct codec_arena *arena,
                                                 struct codec_value *value, size_t *need,
                                                 enum codec_value_error *error);

CODEC_API const char *codec_value_error_text(int kind);

#ifdef __cplusplus
}
#endif

#endif
