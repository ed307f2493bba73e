/* value_read.c: value trees out of JSON and out of MessagePack. Containers are made when their children have
 * been counted, so that an array is one block of the arena; counting never goes beyond the bytes at hand. */
#include <stdalign.h>
#include <midge/base64.h>
#include <midge/json.h>
#include <midge/value.h>
#include "codec/msgpack_head.h"

/* A container being filled. */
struct level {
    struct codec_value *value;
    size_t next;
};

struct build {
    struct codec_arena *arena;
    struct level levels[CODEC_VALUE_DEPTH];
    size_t depth;
};

/* Where the next value goes: into *root, or into the container at hand. */
static struct codec_value *slot(struct build *b, struct codec_value *root)
{
    if (b->depth == 0)
        return root;
    struct level *top = &b->levels[b->depth - 1];
    return top->value->type == CODEC_VALUE_ARRAY ? &top->value->array.items[top->next++]
                                                 : &top->value->object.items[top->next++].value;
}

static enum codec_value_error open_container(struct build *b, struct codec_value *v,
                                             enum codec_value_type type, size_t count)
{
    if (b->depth == CODEC_VALUE_DEPTH)
        return CODEC_VALUE_TOO_DEEP;
    v->type = type;
    if (type == CODEC_VALUE_ARRAY) {
        v->array.count = count;
        v->array.items = codec_arena_take(b->arena, count * sizeof(*v), alignof(struct codec_value));
    } else {
        v->object.count = count;
        v->object.items =
            codec_arena_take(b->arena, count * sizeof(struct codec_member), alignof(struct codec_member));
    }
    if (!codec_arena_ok(b->arena))
        return CODEC_VALUE_NO_ROOM;
    b->levels[b->depth++] = (struct level){v, 0};
    return CODEC_VALUE_OK;
}

/* ---------------------------------------------------------------------------------------------------- JSON
 */

/* Children of the container whose first token was just read. The parser is a copy: the caller's stays where
 * it is. */
static size_t count_children(struct codec_json p)
{
    struct codec_json_token token;
    size_t count = 0;
    for (;;) {
        enum codec_json_event e = codec_json_next(&p, &token);
        switch (e) {
        case CODEC_JSON_OBJECT_END:
        case CODEC_JSON_ARRAY_END:
        case CODEC_JSON_BAD:
        case CODEC_JSON_END:
            return count;
        case CODEC_JSON_KEY:
            continue;
        default:
            count++;
            if (!codec_json_skip(&p, e, &token, NULL))
                return count;
        }
    }
}

static enum codec_value_error decode(struct build *b, const struct codec_json_token *token, slice *text)
{
    if (token->plain) {
        *text = slice_make(token->text.ptr + 1, token->text.len - 2);
        return CODEC_VALUE_OK;
    }
    size_t n = codec_json_decode(token, NULL);
    uint8_t *at = codec_arena_take(b->arena, n, 1);
    if (at == NULL)
        return CODEC_VALUE_NO_ROOM;
    codec_json_decode(token, at);
    *text = slice_make(at, n);
    return CODEC_VALUE_OK;
}

static enum codec_value_error number(const struct codec_json_token *token, struct codec_value *v)
{
    v->type = CODEC_VALUE_UINT;
    if (token->integer && codec_json_uint64(token, &v->number))
        return CODEC_VALUE_OK;
    v->type = CODEC_VALUE_INT;
    return token->integer && codec_json_int64(token, &v->integer) ? CODEC_VALUE_OK : CODEC_VALUE_TYPE;
}

static enum codec_value_error decode_base64(struct build *b, slice *text)
{
    size_t n, at;
    if (!codec_base64_decode(*text, CODEC_BASE64_STD, NULL, &n, &at))
        return CODEC_VALUE_BASE64;
    uint8_t *bytes = codec_arena_take(b->arena, n + 3, 1);
    if (bytes == NULL)
        return CODEC_VALUE_NO_ROOM;
    codec_base64_decode(*text, CODEC_BASE64_STD, bytes, &n, &at);
    *text = slice_make(bytes, n);
    return CODEC_VALUE_OK;
}

static bool ends_in(slice key, slice suffix)
{
    return key.len >= suffix.len && slice_eq(slice_from(key, key.len - suffix.len), suffix);
}

/* Members whose key says base64 lose that suffix and become bytes. */
static enum codec_value_error undo_base64(struct build *b, struct codec_value *object)
{
    enum codec_value_error error = CODEC_VALUE_OK;
    /* Each end that the lexer tells had its beginning: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    for (size_t i = 0; i < object->object.count && error == CODEC_VALUE_OK; i++) {
        struct codec_member *m = &object->object.items[i];
        if (!ends_in(m->key, SLICE_LIT("_b64")))
            continue;
        m->key.len -= 4;
        if (m->value.type == CODEC_VALUE_TEXT)
            error = decode_base64(b, &m->value.text);
        for (size_t k = 0; m->value.type == CODEC_VALUE_ARRAY && k < m->value.array.count; k++) {
            struct codec_value *item = &m->value.array.items[k];
            if (item->type == CODEC_VALUE_TEXT && error == CODEC_VALUE_OK)
                error = decode_base64(b, &item->text);
        }
    }
    return error;
}

/* True when what comes next is the value of the member "json", which stays text. */
static bool is_json_member(const struct build *b)
{
    if (b->depth == 0)
        return false;
    const struct level *top = &b->levels[b->depth - 1];
    /* As above: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    return top->value->type == CODEC_VALUE_OBJECT &&
           slice_eq_str(top->value->object.items[top->next].key, "json");
}

static enum codec_value_error take_json(struct build *b, struct codec_json *p, enum codec_json_event e,
                                        const struct codec_json_token *token, struct codec_value *root)
{
    bool raw = is_json_member(b);
    struct codec_value *v = slot(b, root);
    if (raw) {
        v->type = CODEC_VALUE_JSON;
        return codec_json_skip(p, e, token, &v->text) ? CODEC_VALUE_OK : CODEC_VALUE_SYNTAX;
    }
    switch (e) {
    case CODEC_JSON_OBJECT:
        return open_container(b, v, CODEC_VALUE_OBJECT, count_children(*p));
    case CODEC_JSON_ARRAY:
        return open_container(b, v, CODEC_VALUE_ARRAY, count_children(*p));
    case CODEC_JSON_STRING:
        v->type = CODEC_VALUE_TEXT;
        return decode(b, token, &v->text);
    case CODEC_JSON_NUMBER:
        return number(token, v);
    case CODEC_JSON_TRUE:
    case CODEC_JSON_FALSE:
        *v = codec_value_bool(e == CODEC_JSON_TRUE);
        return CODEC_VALUE_OK;
    default:
        v->type = CODEC_VALUE_NULL;
        return CODEC_VALUE_OK;
    }
}

enum codec_value_error codec_value_read_json(slice text, struct codec_arena *arena, struct codec_value *value)
{
    struct codec_json p;
    struct codec_json_token token;
    struct build b = {.arena = arena};
    codec_json_init(&p, text);
    for (;;) {
        enum codec_value_error error = CODEC_VALUE_OK;
        enum codec_json_event e = codec_json_next(&p, &token);
        switch (e) {
        case CODEC_JSON_END:
            return CODEC_VALUE_OK;
        case CODEC_JSON_BAD:
            return CODEC_VALUE_SYNTAX;
        case CODEC_JSON_KEY: {
            struct level *top = &b.levels[b.depth - 1];
            /* A key is in an object: NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
            error = decode(&b, &token, &top->value->object.items[top->next].key);
            break;
        }
        case CODEC_JSON_OBJECT_END:
            error = undo_base64(&b, b.levels[--b.depth].value);
            break;
        case CODEC_JSON_ARRAY_END:
            b.depth--;
            break;
        default:
            error = take_json(&b, &p, e, &token, value);
        }
        if (error != CODEC_VALUE_OK)
            return error;
    }
}

/* --------------------------------------------------------------------------------------------- MessagePack
 */

/* How many values are still due: of maps, keys and values. */
static bool counts_down(uint64_t *due, size_t *depth)
{
    while (*depth > 0 && --due[*depth - 1] == 0)
        (*depth)--;
    return *depth > 0;
}

/* Bytes of the first value of `in`, 0 when they are not all there (then *need) or when it is refused
 * (*error). */
static size_t extent(slice in, size_t limit, size_t *need, enum codec_value_error *error)
{
    uint64_t due[CODEC_VALUE_DEPTH];
    size_t depth = 0, at = 0;
    *error = CODEC_VALUE_OK;
    do {
        struct msgpack_head head;
        size_t n = msgpack_head_read(slice_from(in, at), &head);
        if (n == 0)
            return *need = 1, 0;
        at += n;
        bool container = head.type == MSGPACK_ARRAY || head.type == MSGPACK_MAP;
        uint64_t children = head.type == MSGPACK_MAP ? head.number * 2 : head.number;
        uint64_t body = container ? children : head.type == MSGPACK_TEXT ? head.number : 0;
        if (head.type == MSGPACK_OTHER)
            return *error = CODEC_VALUE_TYPE, 0;
        if (at > limit || body > limit - at) /* each child takes a byte at least */
            return *error = CODEC_VALUE_TOO_LONG, 0;
        if (head.type == MSGPACK_TEXT) {
            if (in.len - at < body)
                return *need = (size_t)body - (in.len - at), 0;
            at += (size_t)body;
        }
        if (container && depth == CODEC_VALUE_DEPTH)
            return *error = CODEC_VALUE_TOO_DEEP, 0;
        if (container && children > 0)
            due[depth++] = children;
        else if (!counts_down(due, &depth))
            break;
    } while (true);
    return at;
}

static enum codec_value_error take_text(slice *in, const struct msgpack_head *head, slice *text)
{
    if (head->type != MSGPACK_TEXT)
        return CODEC_VALUE_TYPE;
    *text = slice_first(*in, (size_t)head->number);
    *in = slice_from(*in, (size_t)head->number);
    return CODEC_VALUE_OK;
}

static enum codec_value_error take_msgpack(struct build *b, slice *in, const struct msgpack_head *head,
                                           struct codec_value *root)
{
    bool raw = is_json_member(b);
    struct codec_value *v = slot(b, root);
    switch (head->type) {
    case MSGPACK_BOOL:
        *v = codec_value_bool(head->number != 0);
        break;
    case MSGPACK_UINT:
        *v = codec_value_number(head->number);
        break;
    case MSGPACK_INT:
        if ((int64_t)head->number >= 0)
            *v = codec_value_number(head->number);
        else
            *v = (struct codec_value){.type = CODEC_VALUE_INT, .integer = (int64_t)head->number};
        break;
    case MSGPACK_TEXT:
        v->type = raw ? CODEC_VALUE_JSON : CODEC_VALUE_TEXT;
        return take_text(in, head, &v->text);
    case MSGPACK_ARRAY:
        return open_container(b, v, CODEC_VALUE_ARRAY, (size_t)head->number);
    case MSGPACK_MAP:
        return open_container(b, v, CODEC_VALUE_OBJECT, (size_t)head->number);
    default:
        v->type = CODEC_VALUE_NULL;
        break;
    }
    return CODEC_VALUE_OK;
}

/* Containers that have all their children are left. */
static void close_full(struct build *b)
{
    while (b->depth > 0) {
        const struct level *top = &b->levels[b->depth - 1];
        bool array = top->value->type == CODEC_VALUE_ARRAY;
        if (top->next < (array ? top->value->array.count : top->value->object.count))
            break;
        b->depth--;
    }
}

/* All bytes of the value are there and their lengths fit. */
static enum codec_value_error build_msgpack(slice in, struct codec_arena *arena, struct codec_value *value)
{
    struct build b = {.arena = arena};
    bool key_due = false;
    do {
        struct msgpack_head head;
        enum codec_value_error error;
        in = slice_from(in, msgpack_head_read(in, &head));
        if (key_due) {
            struct level *top = &b.levels[b.depth - 1];
            error = take_text(&in, &head, &top->value->object.items[top->next].key);
        } else {
            error = take_msgpack(&b, &in, &head, value);
            close_full(&b);
        }
        if (error != CODEC_VALUE_OK)
            return error;
        key_due = !key_due && b.depth > 0 && b.levels[b.depth - 1].value->type == CODEC_VALUE_OBJECT;
    } while (b.depth > 0);
    return CODEC_VALUE_OK;
}

enum codec_rc codec_value_read_msgpack(slice *in, size_t limit, struct codec_arena *arena,
                                       struct codec_value *value, size_t *need, enum codec_value_error *error)
{
    *need = 0;
    size_t n = extent(*in, limit, need, error);
    if (n == 0)
        return *error == CODEC_VALUE_OK ? CODEC_MORE : CODEC_ERROR;
    *error = build_msgpack(slice_first(*in, n), arena, value);
    if (*error != CODEC_VALUE_OK)
        return CODEC_ERROR;
    *in = slice_from(*in, n);
    return CODEC_EVENT;
}
