/* Typed reading: a table of fields drives the pull parser. Structs inside structs are kept on a stack of
 * frames. */
#include "codec/json_lex.h"
#include "codec/json_table.h"
#include <midge/base64.h>

struct frame {
    const struct codec_json_table *table;
    uint8_t *base;               /* the struct that is being filled */
    size_t hint;                 /* the field expected next: texts mostly come in the table's order */
    struct codec_json_token key; /* the member at which we are, for error paths */
    bool array;                  /* an array of structs: base is the next element */
    bool between;                /* of an array: no element is open */
    size_t index, count;         /* of an array */
};

struct reader {
    struct codec_json p;
    struct codec_json_token tok;
    enum codec_json_event event;
    const struct codec_json_options *options;
    struct codec_json_error *error;
    unsigned depth;
    struct frame frames[CODEC_JSON_TABLES];
};

static struct frame *top(struct reader *r)
{
    return &r->frames[r->depth - 1];
}

/* ---------------------------------------------------------------------------------------- errors */

static void path_add(struct codec_json_error *e, slice part)
{
    size_t len = strlen(e->path), room = sizeof(e->path) - 1 - len;
    if (len > 0 && room > 0) {
        e->path[len++] = '.';
        room--;
    }
    size_t n = part.len < room ? part.len : room;
    if (n > 0)
        memcpy(e->path + len, part.ptr, n);
    e->path[len + n] = 0;
}

static void path_add_key(struct codec_json_error *e, const struct codec_json_token *key)
{
    uint8_t name[sizeof(e->path) * 3];
    bool fits = key->text.len <= sizeof(e->path);
    path_add(e, fits ? slice_make(name, codec_json_decode(key, name)) : SLICE_LIT("(long name)"));
}

static void path_add_index(struct codec_json_error *e, size_t index)
{
    char digits[24];
    path_add(e, slice_make(digits, (size_t)snprintf(digits, sizeof(digits), "%zu", index)));
}

/* The value at hand does not fit. The first such error is kept; true if it is this one. */
static bool misfit(struct reader *r, enum codec_json_error_kind kind, const struct codec_json_field *field,
                   const char *want)
{
    struct codec_json_error *e = r->error;
    if (e->kind != CODEC_JSON_NO_ERROR)
        return false;
    e->kind = kind;
    e->offset = r->tok.at;
    e->length = r->tok.text.len;
    e->got = r->event;
    e->field = field;
    e->want = want;
    for (unsigned i = 0; i < r->depth; i++) {
        const struct frame *f = &r->frames[i];
        if (f->array)
            path_add_index(e, f->index);
        if (!f->between)
            path_add_key(e, &f->key);
    }
    return true;
}

/* The text is not JSON; that comes before whatever else is wrong. */
static void malformed(struct reader *r)
{
    struct codec_json_error e = {.kind = r->p.error, .offset = r->p.error_at};
    e.stream = r->error->stream;
    e.table = r->error->table;
    *r->error = e;
}

static void next(struct reader *r)
{
    r->event = codec_json_next(&r->p, &r->tok);
}

/* Past the value at hand, which is not wanted. */
static void skip(struct reader *r)
{
    if (!codec_json_skip(&r->p, r->event, &r->tok, NULL))
        r->event = CODEC_JSON_BAD;
}

static void refuse(struct reader *r, enum codec_json_error_kind kind, const struct codec_json_field *field)
{
    misfit(r, kind, field, codec_json_type_name(field));
    skip(r);
}

/* ---------------------------------------------------------------------------------------- memory */

static void *take(struct reader *r, size_t n, size_t align, const struct codec_json_field *field)
{
    void *p = r->options->arena == NULL ? NULL : codec_arena_take(r->options->arena, n, align);
    if (p == NULL)
        misfit(r, CODEC_JSON_E_ROOM, field, NULL);
    return p;
}

static slice string_of(struct reader *r, const struct codec_json_token *tok,
                       const struct codec_json_field *field)
{
    if (tok->plain && r->options->borrow)
        return slice_make(tok->text.ptr + 1, tok->text.len - 2);
    size_t n = codec_json_decode(tok, NULL);
    uint8_t *p = take(r, n, 1, field);
    return p == NULL ? SLICE_EMPTY : slice_make(p, codec_json_decode(tok, p));
}

/* Base64; false: it is none. */
static bool store_bytes(struct reader *r, const struct codec_json_field *field, uint8_t *member)
{
    uint8_t *text = take(r, codec_json_decode(&r->tok, NULL), 1, field);
    if (text == NULL)
        return true; /* which is an error of its own */
    size_t n, bad;
    slice coded = slice_make(text, codec_json_decode(&r->tok, text));
    /* Decoding in place: three bytes never overtake the four characters that they are made of. */
    if (!codec_base64_decode(coded, CODEC_BASE64_STD, text, &n, &bad)) {
        if (r->error->kind == CODEC_JSON_NO_ERROR)
            r->error->base64_at = bad;
        return false;
    }
    slice bytes = slice_make(text, n);
    memcpy(member, &bytes, sizeof(bytes));
    return true;
}

static slice raw_of(struct reader *r, slice text, const struct codec_json_field *field)
{
    if (r->options->borrow)
        return text;
    uint8_t *p = take(r, text.len, 1, field);
    return p == NULL ? SLICE_EMPTY : slice_make(memcpy(p, text.ptr, text.len), text.len);
}

/* How many elements or members there are between here and the bracket that closes; right if the text is. */
static size_t count_elements(const struct codec_json *p)
{
    size_t pos = p->pos, at, commas = 0, lexemes = 0;
    unsigned depth = 1;
    for (;;) {
        switch (codec_json_lex(p->text, &pos, &at)) {
        case JSON_OPEN_OBJECT:
        case JSON_OPEN_ARRAY:
            depth++;
            break;
        case JSON_CLOSE_OBJECT:
        case JSON_CLOSE_ARRAY:
            if (--depth == 0)
                return lexemes == 0 ? 0 : commas + 1;
            break;
        case JSON_COMMA:
            commas += depth == 1;
            break;
        case JSON_TEXT_END:
        case JSON_NOTHING:
        case JSON_BROKEN_STRING:
        case JSON_BROKEN_NUMBER:
        case JSON_BROKEN_TRUE:
        case JSON_BROKEN_FALSE:
        case JSON_BROKEN_NULL:
            return commas + 1;
        default:
            break;
        }
        lexemes++;
    }
}

/* -------------------------------------------------------------------- arrays of strings and maps */

/* A string of an array or (with its key) of a map; null counts as "". */
static slice element(struct reader *r, const struct codec_json_field *field, size_t index,
                     const struct codec_json_token *key)
{
    if (r->event == CODEC_JSON_STRING)
        return string_of(r, &r->tok, field);
    if (r->event == CODEC_JSON_NULL)
        return SLICE_EMPTY;
    if (misfit(r, CODEC_JSON_E_TYPE, field, "string")) {
        r->error->element = key == NULL;
        if (key == NULL)
            path_add_index(r->error, index);
        else
            path_add_key(r->error, key);
    }
    skip(r);
    return SLICE_EMPTY;
}

static void read_strings(struct reader *r, const struct codec_json_field *field,
                         struct codec_json_strings *into)
{
    size_t count = count_elements(&r->p);
    slice *items =
        count > SIZE_MAX / sizeof(slice) ? NULL : take(r, count * sizeof(slice), _Alignof(slice), field);
    size_t n = 0;
    for (next(r); r->event != CODEC_JSON_ARRAY_END; next(r)) {
        slice s = r->event == CODEC_JSON_BAD ? SLICE_EMPTY : element(r, field, n, NULL);
        if (r->event == CODEC_JSON_BAD)
            return;
        if (items != NULL && n < count)
            items[n++] = s;
    }
    *into = (struct codec_json_strings){items, n};
}

/* Bytes may also come as an array of numbers. */
static bool store_byte(const struct codec_json_token *tok, enum codec_json_event event, uint8_t *byte)
{
    uint64_t v = 0;
    if (event != CODEC_JSON_NULL &&
        (event != CODEC_JSON_NUMBER || !codec_json_uint64(tok, &v) || v > UINT8_MAX))
        return false;
    *byte = (uint8_t)v;
    return true;
}

static void read_byte_array(struct reader *r, const struct codec_json_field *field, slice *into)
{
    size_t count = count_elements(&r->p), n = 0;
    uint8_t *bytes = take(r, count, 1, field);
    for (next(r); r->event != CODEC_JSON_ARRAY_END && r->event != CODEC_JSON_BAD; next(r)) {
        uint8_t byte = 0;
        if (!store_byte(&r->tok, r->event, &byte)) {
            if (misfit(r, CODEC_JSON_E_TYPE, field, "uint8")) {
                r->error->element = true;
                path_add_index(r->error, n);
            }
            skip(r);
            if (r->event == CODEC_JSON_BAD)
                return;
        }
        if (bytes != NULL && n < count)
            bytes[n++] = byte;
    }
    *into = slice_make(bytes, n);
}

static void read_map(struct reader *r, const struct codec_json_field *field, struct codec_json_map *into)
{
    size_t count = count_elements(&r->p), size = sizeof(struct codec_json_pair);
    struct codec_json_pair *items =
        count > SIZE_MAX / size ? NULL : take(r, count * size, _Alignof(struct codec_json_pair), field);
    size_t n = 0;
    for (next(r); r->event != CODEC_JSON_OBJECT_END; next(r)) {
        if (r->event == CODEC_JSON_BAD)
            return;
        struct codec_json_token name = r->tok;
        slice key = string_of(r, &r->tok, field);
        next(r);
        slice value = r->event == CODEC_JSON_BAD ? SLICE_EMPTY : element(r, field, n, &name);
        if (r->event == CODEC_JSON_BAD)
            return;
        if (items != NULL && n < count)
            items[n++] = (struct codec_json_pair){key, value};
    }
    *into = (struct codec_json_map){items, n};
    if (items == NULL)
        return;
    size_t mark = r->options->arena->used;
    struct codec_json_pair *scratch = take(r, n * size, _Alignof(struct codec_json_pair), field);
    if (scratch != NULL)
        codec_json_map_sort(into, scratch);
    r->options->arena->used = scratch != NULL ? mark : r->options->arena->used;
}

/* --------------------------------------------------------------------------------------- members */

static bool store_int(const struct codec_json_field *field, uint8_t *member,
                      const struct codec_json_token *tok)
{
    int64_t v;
    if (!codec_json_int64(tok, &v))
        return false;
    unsigned bits = field->size * 8;
    if (bits < 64 && (v < -((int64_t)1 << (bits - 1)) || v >= (int64_t)1 << (bits - 1)))
        return false;
    codec_json_put_integer(member, field->size, (uint64_t)v);
    return true;
}

static bool store_uint(const struct codec_json_field *field, uint8_t *member,
                       const struct codec_json_token *tok)
{
    uint64_t v;
    if (!codec_json_uint64(tok, &v))
        return false;
    unsigned bits = field->size * 8;
    if (bits < 64 && v >> bits != 0)
        return false;
    codec_json_put_integer(member, field->size, v);
    return true;
}

static bool store_double(uint8_t *member, const struct codec_json_token *tok)
{
    double v;
    if (!codec_json_double(tok, &v))
        return false;
    memcpy(member, &v, sizeof(v));
    return true;
}

/* null: what can be absent is cleared, the rest stays as it is. */
static void read_null(const struct codec_json_field *field, uint8_t *member)
{
    if (field->has != 0 || field->type == CODEC_JSON_T_BYTES || field->type == CODEC_JSON_T_STRINGS ||
        field->type == CODEC_JSON_T_MAP || field->type == CODEC_JSON_T_OBJECTS)
        memset(member, 0, field->size);
}

static void push(struct reader *r, const struct codec_json_field *field, uint8_t *base, bool array,
                 size_t count)
{
    if (r->depth == CODEC_JSON_TABLES) {
        refuse(r, CODEC_JSON_E_DEPTH, field);
        return;
    }
    r->frames[r->depth++] =
        (struct frame){.table = field->table, .base = base, .array = array, .between = array, .count = count};
}

static void read_objects(struct reader *r, const struct codec_json_field *field, uint8_t *member)
{
    size_t count = count_elements(&r->p), size = field->table->size;
    void *items = count > SIZE_MAX / size ? NULL : take(r, count * size, _Alignof(max_align_t), field);
    if (items == NULL) {
        skip(r);
        return;
    }
    memset(items, 0, count * size);
    struct codec_json_array array = {items, count};
    memcpy(member, &array, sizeof(array));
    push(r, field, items, true, count);
}

static void read_text(struct reader *r, const struct codec_json_field *field, uint8_t *member)
{
    slice raw;
    struct codec_json_token first = r->tok;
    enum codec_json_event event = r->event;
    if (!codec_json_skip(&r->p, r->event, &r->tok, &raw)) {
        r->event = CODEC_JSON_BAD;
        return;
    }
    if (field->type == CODEC_JSON_T_RAW) {
        raw = raw_of(r, raw, field);
        memcpy(member, &raw, sizeof(raw));
    } else if (!field->read(raw, member, r->options->arena)) {
        r->tok = first;
        r->tok.text = raw;
        r->event = event;
        misfit(r, CODEC_JSON_E_CUSTOM, field, NULL);
    }
}

/* The value at hand is of another type than its field, or out of its range. */
static bool read_scalar(struct reader *r, const struct codec_json_field *field, uint8_t *member)
{
    enum codec_json_event e = r->event;
    switch (field->type) {
    case CODEC_JSON_T_BOOL:
        if (e == CODEC_JSON_TRUE || e == CODEC_JSON_FALSE)
            *(bool *)member = e == CODEC_JSON_TRUE;
        return e == CODEC_JSON_TRUE || e == CODEC_JSON_FALSE;
    case CODEC_JSON_T_INT:
        return e == CODEC_JSON_NUMBER && store_int(field, member, &r->tok);
    case CODEC_JSON_T_UINT:
        return e == CODEC_JSON_NUMBER && store_uint(field, member, &r->tok);
    case CODEC_JSON_T_DOUBLE:
        return e == CODEC_JSON_NUMBER && store_double(member, &r->tok);
    case CODEC_JSON_T_STRING: {
        if (e != CODEC_JSON_STRING)
            return false;
        slice s = string_of(r, &r->tok, field);
        memcpy(member, &s, sizeof(s));
        return true;
    }
    case CODEC_JSON_T_BYTES:
        return e == CODEC_JSON_STRING && store_bytes(r, field, member);
    default:
        return false;
    }
}

static void read_member(struct reader *r, const struct codec_json_field *field, uint8_t *base)
{
    uint8_t *member = base + field->offset;
    bool text = field->type == CODEC_JSON_T_RAW || field->type == CODEC_JSON_T_CUSTOM;
    bool null = r->event == CODEC_JSON_NULL && (!text || field->has != 0);
    if (field->has != 0)
        *(bool *)(base + field->has - 1) = !null;
    if (null)
        read_null(field, member);
    else if (text)
        read_text(r, field, member);
    else if (field->type == CODEC_JSON_T_STRINGS && r->event == CODEC_JSON_ARRAY)
        read_strings(r, field, (struct codec_json_strings *)(void *)member);
    else if (field->type == CODEC_JSON_T_BYTES && r->event == CODEC_JSON_ARRAY)
        read_byte_array(r, field, (slice *)(void *)member);
    else if (field->type == CODEC_JSON_T_MAP && r->event == CODEC_JSON_OBJECT)
        read_map(r, field, (struct codec_json_map *)(void *)member);
    else if (field->type == CODEC_JSON_T_OBJECT && r->event == CODEC_JSON_OBJECT)
        push(r, field, member, false, 0);
    else if (field->type == CODEC_JSON_T_OBJECTS && r->event == CODEC_JSON_ARRAY)
        read_objects(r, field, member);
    else if (!read_scalar(r, field, member))
        refuse(r, CODEC_JSON_E_TYPE, field);
}

/* The field of a key: exactly as spelled or, failing that, in any letter case. */
static const struct codec_json_field *find_field(struct frame *f)
{
    const struct codec_json_token *key = &f->key;
    const struct codec_json_table *t = f->table;
    if (key->plain) {
        const uint8_t *name = key->text.ptr + 1;
        size_t len = key->text.len - 2;
        for (size_t i = 0; i < t->count; i++) {
            size_t at = f->hint + i < t->count ? f->hint + i : f->hint + i - t->count;
            if (t->fields[at].name_len == len && memcmp(t->fields[at].name, name, len) == 0) {
                f->hint = at + 1 == t->count ? 0 : at + 1;
                return &t->fields[at];
            }
        }
    }
    for (size_t i = 0; i < t->count; i++) {
        if (codec_json_key_is(key, slice_make(t->fields[i].name, t->fields[i].name_len)))
            return &t->fields[i];
    }
    return NULL;
}

static void read_key(struct reader *r, struct frame *f)
{
    f->key = r->tok;
    const struct codec_json_field *field = find_field(f);
    if (field == NULL && r->options->refuse_unknown)
        misfit(r, CODEC_JSON_E_UNKNOWN, NULL, NULL);
    next(r);
    if (r->event == CODEC_JSON_BAD)
        return;
    if (field == NULL)
        skip(r);
    else
        read_member(r, field, f->base);
}

/* ----------------------------------------------------------------------------------------- shape */

/* An element of an array of structs that is none. */
static void refuse_element(struct reader *r, const struct frame *f)
{
    if (misfit(r, CODEC_JSON_E_TYPE, NULL, f->table->name))
        r->error->element = true;
    skip(r);
}

/* Between two elements of an array of structs. */
static void read_between(struct reader *r, struct frame *f)
{
    if (r->event == CODEC_JSON_ARRAY_END) {
        r->depth--;
    } else if (r->event == CODEC_JSON_OBJECT && f->index < f->count) {
        f->between = false;
        f->hint = 0;
    } else {
        if (r->event != CODEC_JSON_NULL)
            refuse_element(r, f);
        f->index++;
        f->base += f->table->size;
    }
}

static void close_object(struct reader *r, struct frame *f)
{
    if (!f->array) {
        r->depth--;
        return;
    }
    f->between = true;
    f->index++;
    f->base += f->table->size;
}

static void read_struct(struct reader *r)
{
    while (r->depth > 0 && r->event != CODEC_JSON_BAD) {
        next(r);
        struct frame *f = top(r);
        if (r->event == CODEC_JSON_BAD)
            return;
        if (f->between)
            read_between(r, f);
        else if (r->event == CODEC_JSON_OBJECT_END)
            close_object(r, f);
        else
            read_key(r, f);
    }
}

/* The value is read: what may stand behind it. Of a stream, other values, if the first one was good. */
static void read_rest(struct reader *r)
{
    if (!r->options->stream) {
        next(r);
        return;
    }
    while (r->error->kind == CODEC_JSON_NO_ERROR && r->event != CODEC_JSON_BAD && codec_json_again(&r->p)) {
        next(r);
        skip(r);
    }
}

bool codec_json_read(const struct codec_json_table *table, void *into, slice text,
                     const struct codec_json_options *options, struct codec_json_error *error)
{
    struct reader r;
    codec_json_init(&r.p, text);
    r.options = options;
    r.error = error;
    r.depth = 0;
    error->kind = CODEC_JSON_NO_ERROR;
    error->table = table;
    error->stream = options->stream;
    error->element = false;
    error->path[0] = 0;
    next(&r);
    if (r.event == CODEC_JSON_OBJECT) {
        const struct codec_json_field whole = {.table = table};
        push(&r, &whole, into, false, 0);
        read_struct(&r);
    } else if (r.event != CODEC_JSON_NULL && r.event != CODEC_JSON_BAD) {
        misfit(&r, CODEC_JSON_E_TYPE, NULL, table->name);
        skip(&r);
    }
    if (r.event != CODEC_JSON_BAD)
        read_rest(&r);
    if (r.event == CODEC_JSON_BAD)
        malformed(&r);
    return error->kind == CODEC_JSON_NO_ERROR;
}
