/* json.h: JSON as the NATS protocols speak it, which is as Go's encoding/json reads and writes it.
 *
 * Four layers, each usable alone:
 *
 *  1. a pull parser over one complete text (struct codec_json, codec_json_next): typed events, nothing
 * copied;
 *  2. values: strings and numbers out of their text;
 *  3. typed reading and writing of C structs by a table that names each field (struct codec_json_table);
 *  4. a streaming writer whose bytes equal Go's.
 *
 * No function allocates or recurses. Depth is bounded by CODEC_JSON_DEPTH, as in Go. Errors are told in Go's
 * words (codec_json_error_text), because servers show them to their clients. Facts: nats-server 2.15.1 built
 * with Go 1.27 (docs/spec/client-protocol.md 3.3 and 2.5, and what tests/unit/test_codec_json.c records). */
#ifndef MIDGE_JSON_H
#define MIDGE_JSON_H

#include <midge/memory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------------------------- 1. pull parser */

#define CODEC_JSON_DEPTH 10000

enum codec_json_event {
    CODEC_JSON_OBJECT,
    CODEC_JSON_OBJECT_END,
    CODEC_JSON_ARRAY,
    CODEC_JSON_ARRAY_END,
    CODEC_JSON_KEY, /* the colon behind it has been seen, too */
    CODEC_JSON_STRING,
    CODEC_JSON_NUMBER,
    CODEC_JSON_TRUE,
    CODEC_JSON_FALSE,
    CODEC_JSON_NULL,
    CODEC_JSON_END, /* of the text; the one value in it was complete */
    CODEC_JSON_BAD,
};

enum codec_json_error_kind {
    CODEC_JSON_NO_ERROR,
    /* the text is not JSON: `offset` is the byte that is wrong */
    CODEC_JSON_E_END,           /* the text ends early */
    CODEC_JSON_E_VALUE,         /* no value begins with this byte */
    CODEC_JSON_E_KEY,           /* no key begins with this byte */
    CODEC_JSON_E_COLON,         /* after a key */
    CODEC_JSON_E_OBJECT_NEXT,   /* after a member of an object */
    CODEC_JSON_E_ARRAY_NEXT,    /* after an element */
    CODEC_JSON_E_STRING,        /* control character in a string */
    CODEC_JSON_E_ESCAPE,        /* bad escape in a string: the offset of its backslash */
    CODEC_JSON_E_NUMBER,        /* inside a number */
    CODEC_JSON_E_TRUE_LITERAL,  /* inside `true` */
    CODEC_JSON_E_FALSE_LITERAL, /* inside `false` */
    CODEC_JSON_E_NULL_LITERAL,  /* inside `null` */
    CODEC_JSON_E_TRAILING,      /* something behind the value */
    CODEC_JSON_E_DEPTH,         /* more than CODEC_JSON_DEPTH levels */
    /* the value does not fit the struct: `offset` is where it begins */
    CODEC_JSON_E_TYPE,    /* wrong type, or a number outside its field's range or form */
    CODEC_JSON_E_UNKNOWN, /* a key that the table does not name, where that is refused */
    CODEC_JSON_E_CUSTOM,  /* a field's own reader refused it */
    CODEC_JSON_E_ROOM,    /* the arena is full */
};

struct codec_json_token {
    slice text;   /* as written; strings and keys with their quotes */
    size_t at;    /* its offset in the text */
    bool plain;   /* string, key: nothing in it needs decoding (no escape, ASCII only) */
    bool integer; /* number: digits and perhaps a minus sign, nothing else */
};

/* About 1.3 KB; lives on the stack of a call. */
struct codec_json {
    slice text;
    size_t pos;
    unsigned depth;
    int expect;
    enum codec_json_error_kind error; /* after CODEC_JSON_BAD */
    size_t error_at;
    uint8_t in_object[CODEC_JSON_DEPTH / 8]; /* a bit a level */
};

CODEC_API void codec_json_init(struct codec_json *p, slice text);

/* The next event; after END or BAD always the same. Slices point into the text. */
CODEC_API enum codec_json_event codec_json_next(struct codec_json *p, struct codec_json_token *tok);

/* When END could come next, but another text follows the value: go on with the values of that one. Texts one
 * after another are not JSON, but Go's json.Decoder reads them. false: there is none. */
CODEC_API bool codec_json_again(struct codec_json *p);

/* Behind the value that began with `first` (the event just returned). The value's text, from tok->at on, is
 * put in *raw when that is not NULL. false: BAD was met. */
CODEC_API bool codec_json_skip(struct codec_json *p, enum codec_json_event first,
                               const struct codec_json_token *tok, slice *raw);

/* -------------------------------------------------------------------------------------------------- 2.
 * values */

/* Bytes that the decoded string takes: not more than three times the token's. Invalid UTF-8 and lone
 * surrogates become U+FFFD, a byte at a time, as Go does it. Writes them at out (of at least that many bytes)
 * unless it is NULL. */
CODEC_API size_t codec_json_decode(const struct codec_json_token *string, uint8_t *out);

/* The decoded string equals `key` in any letter case (by Unicode's simple folding, as Go compares keys). */
CODEC_API bool codec_json_key_is(const struct codec_json_token *string, slice key);

/* false: not an integer as written (1.0 and 1e0 are not), or outside the type. */
CODEC_API bool codec_json_int64(const struct codec_json_token *number, int64_t *value);
CODEC_API bool codec_json_uint64(const struct codec_json_token *number, uint64_t *value);
/* false: outside the range of a double. */
CODEC_API bool codec_json_double(const struct codec_json_token *number, double *value);

/* -------------------------------------------------------------------------------------------- 3. typed
 * structs */

enum codec_json_type {
    CODEC_JSON_T_BOOL,    /* bool */
    CODEC_JSON_T_INT,     /* int8_t, int16_t, int32_t or int64_t, by size */
    CODEC_JSON_T_UINT,    /* uint8_t, uint16_t, uint32_t or uint64_t, by size */
    CODEC_JSON_T_DOUBLE,  /* double */
    CODEC_JSON_T_STRING,  /* slice, decoded */
    CODEC_JSON_T_BYTES,   /* slice of bytes, which the text has in base64 (standard, padded) */
    CODEC_JSON_T_RAW,     /* slice, the text of any value, also of null */
    CODEC_JSON_T_STRINGS, /* struct codec_json_strings */
    CODEC_JSON_T_MAP,     /* struct codec_json_map, of strings; sorted by key, of equal keys the last one */
    CODEC_JSON_T_OBJECT,  /* a struct described by `table`, in place */
    CODEC_JSON_T_OBJECTS, /* struct codec_json_array of structs described by `table` */
    CODEC_JSON_T_CUSTOM,  /* by the field's own functions */
};

struct codec_json_strings {
    slice *items; /* NULL: null or never given; not NULL with count 0: [] */
    size_t count;
};

struct codec_json_pair {
    slice key;
    slice value;
};

struct codec_json_map {
    struct codec_json_pair *items; /* NULL and count 0 as above */
    size_t count;
};

struct codec_json_array {
    void *items; /* of the table's size each */
    size_t count;
};

enum codec_json_flag {
    CODEC_JSON_OMIT_EMPTY =
        1, /* not written when false, 0, "" or of no elements; an object when its `has` is false */
    CODEC_JSON_READ_ONLY = 2, /* read, never written */
};

struct codec_json_table;
struct codec_json_writer;

struct codec_json_field {
    const char *name;
    uint16_t name_len;
    uint8_t type;    /* enum codec_json_type */
    uint8_t flags;   /* of enum codec_json_flag */
    uint32_t offset; /* of the member in its struct */
    uint32_t size;   /* of the member */
    uint32_t has;    /* 1 + offset of a bool that tells "given, and not null"; 0: there is none */
    const struct codec_json_table *table;
    const char *go_type; /* the type in error texts, NULL: what goes with `type` */
    /* CUSTOM. read: `value` is the value's text, *member the member; false refuses it. empty: leave it out.
     */
    bool (*read)(slice value, void *member, struct codec_arena *arena);
    bool (*empty)(const void *member);
    void (*write)(struct codec_json_writer *w, const void *member);
};

/* Fields in the order in which they are written. A key matches the field that spells it exactly or, failing
 * that, in any letter case. Nesting of tables is bounded by CODEC_JSON_TABLES. */
struct codec_json_table {
    const char *name; /* the type in error texts, "server.Info" */
    const struct codec_json_field *fields;
    size_t count;
    size_t size; /* of the struct */
};

#define CODEC_JSON_TABLES 8

/* Rows of a table. */
#define CODEC_JSON_FIELD(T, member, key, kind, flag)                                 \
    {                                                                                \
        .name = (key), .name_len = sizeof(key) - 1, .type = (kind), .flags = (flag), \
        .offset = offsetof(T, member), .size = sizeof(((T *)0)->member)              \
    }
/* With a bool `has_member` that tells whether it was given. */
#define CODEC_JSON_FIELD_HAS(T, member, has_member, key, kind, flag)                                        \
    {                                                                                                       \
        .name = (key), .name_len = sizeof(key) - 1, .type = (kind), .flags = (flag),                        \
        .offset = offsetof(T, member), .size = sizeof(((T *)0)->member), .has = 1 + offsetof(T, has_member) \
    }
/* An object in place, perhaps absent (has_member), and an array of objects. */
#define CODEC_JSON_FIELD_OBJECT(T, member, has_member, key, flag, tab)                                       \
    {                                                                                                        \
        .name = (key), .name_len = sizeof(key) - 1, .type = CODEC_JSON_T_OBJECT, .flags = (flag),            \
        .offset = offsetof(T, member), .size = sizeof(((T *)0)->member), .has = 1 + offsetof(T, has_member), \
        .table = (tab)                                                                                       \
    }
#define CODEC_JSON_FIELD_OBJECTS(T, member, key, flag, tab)                                        \
    {                                                                                              \
        .name = (key), .name_len = sizeof(key) - 1, .type = CODEC_JSON_T_OBJECTS, .flags = (flag), \
        .offset = offsetof(T, member), .size = sizeof(((T *)0)->member), .table = (tab)            \
    }
#define CODEC_JSON_TABLE(go_name, T, rows)                                                                \
    {                                                                                                     \
        .name = (go_name), .fields = (rows), .count = sizeof(rows) / sizeof((rows)[0]), .size = sizeof(T) \
    }

struct codec_json_error {
    enum codec_json_error_kind kind;
    bool stream; /* the option */
    size_t offset;
    /* E_TYPE, E_UNKNOWN, E_CUSTOM, E_ROOM */
    size_t length;                        /* of the offending value or key, from `offset` on */
    enum codec_json_event got;            /* OBJECT, ARRAY, STRING, NUMBER, TRUE or FALSE */
    const struct codec_json_table *table; /* the outermost struct */
    const struct codec_json_field *field; /* whose value it is; NULL: none's */
    const char *want;                     /* the type that should have come */
    bool element;                         /* it is an element of an array */
    size_t base64_at;                     /* of bytes that are a string: the character that is wrong */
    char path[160];                       /* "import.allow.0": keys as written; cut when too long */
};

struct codec_json_options {
    struct codec_arena
        *arena;          /* for strings and arrays; may be NULL when `borrow` and the table needs no arrays */
    bool refuse_unknown; /* keys that the table does not name are an error, not ignored */
    bool stream;         /* as Go's json.Decoder: the first value counts; others may follow, and must be JSON.
                          * Sentences then name an offset, and an early end is "unexpected EOF" */
    bool borrow;         /* plain strings stay slices of the text instead of being copied */
};

/* Read one JSON text over *into: members whose keys are absent keep their values, null keeps plain members
 * and clears those that can be absent (`has`, bytes, arrays, maps). A repeated key: the last one wins.
 * Errors in the syntax come before those in types, and of those the first is told; on error *into may be
 * partly overwritten. Strings and arrays live as long as the arena's block (and the text, when borrowed). */
CODEC_API bool codec_json_read(const struct codec_json_table *table, void *into, slice text,
                               const struct codec_json_options *options, struct codec_json_error *error);

/* A deep copy of a struct: every string, map and array is taken from the arena; what custom members point to
 * is shared. false when the arena is full (arena->used then says how much is needed; give one of capacity 0
 * to ask). *to may not be *from. */
CODEC_API bool codec_json_copy(const struct codec_json_table *table, void *to, const void *from,
                               struct codec_arena *arena);

/* What Go says about it, NUL-terminated; returns its length. `text` is what was read. A value or key that the
 * sentence quotes is cut after 128 bytes. */
#define CODEC_JSON_ERROR_MAX 1024
CODEC_API size_t codec_json_error_text(const struct codec_json_error *error, slice text,
                                       char buf[CODEC_JSON_ERROR_MAX]);

/* -------------------------------------------------------------------------------------------------- 4.
 * writer */

/* Calls follow the shape of the text; commas and colons come by themselves. Objects: key, value, key, value
 * ... */
struct codec_json_writer {
    struct codec_out *out;
    bool comma;     /* the next key or element is not the first */
    bool keep_html; /* < > & as they are (Go's SetEscapeHTML(false)) */
};

static inline struct codec_json_writer codec_json_writer_on(struct codec_out *out)
{
    return (struct codec_json_writer){out, false, false};
}

CODEC_API void codec_json_object(struct codec_json_writer *w);
CODEC_API void codec_json_object_end(struct codec_json_writer *w);
CODEC_API void codec_json_array(struct codec_json_writer *w);
CODEC_API void codec_json_array_end(struct codec_json_writer *w);
CODEC_API void codec_json_key(struct codec_json_writer *w, slice key);
CODEC_API void codec_json_string(struct codec_json_writer *w, slice value);
CODEC_API void codec_json_int(struct codec_json_writer *w, int64_t value);
CODEC_API void codec_json_uint(struct codec_json_writer *w, uint64_t value);
CODEC_API void codec_json_float(struct codec_json_writer *w, double value); /* NaN and infinities: null */
CODEC_API void codec_json_bool(struct codec_json_writer *w, bool value);
CODEC_API void codec_json_null(struct codec_json_writer *w);
CODEC_API void codec_json_raw(struct codec_json_writer *w, slice json); /* a value that is JSON already */

/* Key and value in one; keys of literals. */
CODEC_API void codec_json_put_string(struct codec_json_writer *w, const char *key, slice value);
CODEC_API void codec_json_put_int(struct codec_json_writer *w, const char *key, int64_t value);
CODEC_API void codec_json_put_uint(struct codec_json_writer *w, const char *key, uint64_t value);
CODEC_API void codec_json_put_float(struct codec_json_writer *w, const char *key, double value);
CODEC_API void codec_json_put_bool(struct codec_json_writer *w, const char *key, bool value);

/* A struct as an object, fields in the table's order. */
CODEC_API void codec_json_write(struct codec_json_writer *w, const struct codec_json_table *table,
                                const void *from);

#ifdef __cplusplus
}
#endif

#endif
