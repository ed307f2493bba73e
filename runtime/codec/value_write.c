/* value_write.c: value trees as JSON and as MessagePack. Both walk the tree with a stack of their own. */
#include <midge/base64.h>
#include <midge/json.h>
#include <midge/value.h>
#include <msgpack.h>
#include "codec/utf8.h"

/* A container being written, and which of its children is next. */
struct level {
    const struct codec_value *value;
    size_t next;
};

struct walk {
    struct level levels[CODEC_VALUE_DEPTH];
    size_t depth;
};

static bool is_container(const struct codec_value *v)
{
    return v->type == CODEC_VALUE_ARRAY || v->type == CODEC_VALUE_OBJECT;
}

static bool enter(struct walk *w, const struct codec_value *v)
{
    if (w->depth == CODEC_VALUE_DEPTH)
        return false;
    w->levels[w->depth++] = (struct level){v, 0};
    return true;
}

/* ---------------------------------------------------------------------------------------------------- JSON
 */

static void put_base64(struct codec_json_writer *w, slice bytes)
{
    size_t n = codec_base64_size(bytes.len, CODEC_BASE64_STD);
    codec_json_raw(w, SLICE_LIT("\""));
    uint8_t *at = codec_out_room(w->out, n);
    if (at != NULL)
        codec_base64_encode(bytes, CODEC_BASE64_STD, at);
    codec_out_byte(w->out, '"');
}

/* Text, or an array in which some text is, that JSON cannot hold. */
static bool needs_base64(const struct codec_value *v)
{
    if (v->type == CODEC_VALUE_TEXT || v->type == CODEC_VALUE_BYTES)
        return !utf8_valid(v->text);
    if (v->type != CODEC_VALUE_ARRAY)
        return false;
    for (size_t i = 0; i < v->array.count; i++) {
        if (v->array.items[i].type == CODEC_VALUE_TEXT && !utf8_valid(v->array.items[i].text))
            return true;
    }
    return false;
}

#define KEY_MAX 256

static bool put_key(struct codec_json_writer *w, slice key, bool base64)
{
    uint8_t name[KEY_MAX];
    if (!base64) {
        codec_json_key(w, key);
        return true;
    }
    if (key.len > KEY_MAX - 4)
        return false;
    if (key.len > 0)
        memcpy(name, key.ptr, key.len);
    /* a slice, no string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
    memcpy(name + key.len, "_b64", 4);
    codec_json_key(w, slice_make(name, key.len + 4));
    return true;
}

static void put_json_scalar(struct codec_json_writer *w, const struct codec_value *v, bool base64)
{
    switch (v->type) {
    case CODEC_VALUE_BOOL:
        codec_json_bool(w, v->boolean);
        break;
    case CODEC_VALUE_INT:
        codec_json_int(w, v->integer);
        break;
    case CODEC_VALUE_UINT:
        codec_json_uint(w, v->number);
        break;
    case CODEC_VALUE_TEXT:
    case CODEC_VALUE_BYTES:
        if (base64)
            put_base64(w, v->text);
        else
            codec_json_string(w, v->text);
        break;
    case CODEC_VALUE_JSON:
        codec_json_raw(w, v->text);
        break;
    default:
        codec_json_null(w);
        break;
    }
}

bool codec_value_write_json(struct codec_out *out, const struct codec_value *value)
{
    struct codec_json_writer w = codec_json_writer_on(out);
    struct walk walk = {.depth = 0};
    bool base64[CODEC_VALUE_DEPTH + 1] = {false}; /* of the texts of each level */
    const struct codec_value *v = value;
    w.keep_html = true;
    for (;;) {
        if (is_container(v)) {
            bool below = v->type == CODEC_VALUE_ARRAY && base64[walk.depth];
            if (!enter(&walk, v))
                return false;
            base64[walk.depth] = below;
            if (v->type == CODEC_VALUE_ARRAY)
                codec_json_array(&w);
            else
                codec_json_object(&w);
        } else {
            put_json_scalar(&w, v, base64[walk.depth]);
        }
        for (v = NULL; v == NULL && walk.depth > 0;) {
            struct level *top = &walk.levels[walk.depth - 1];
            bool array = top->value->type == CODEC_VALUE_ARRAY;
            if (top->next == (array ? top->value->array.count : top->value->object.count)) {
                if (array)
                    codec_json_array_end(&w);
                else
                    codec_json_object_end(&w);
                walk.depth--;
            } else if (array) {
                v = &top->value->array.items[top->next++];
            } else {
                const struct codec_member *m = &top->value->object.items[top->next++];
                base64[walk.depth] = needs_base64(&m->value);
                if (!put_key(&w, m->key, base64[walk.depth]))
                    return false;
                v = &m->value;
            }
        }
        if (v == NULL)
            return true;
    }
}

/* --------------------------------------------------------------------------------------------- MessagePack
 */

static int to_out(void *out, const char *bytes, size_t len)
{
    codec_out_put(out, slice_make(bytes, len));
    return 0;
}

static void pack_text(msgpack_packer *pk, slice text, bool bytes)
{
    static const char nothing[1];
    const void *body = text.len == 0 ? nothing : (const void *)text.ptr;
    if (!bytes && utf8_valid(text)) {
        msgpack_pack_str(pk, text.len);
        msgpack_pack_str_body(pk, body, text.len);
    } else {
        msgpack_pack_bin(pk, text.len);
        msgpack_pack_bin_body(pk, body, text.len);
    }
}

static void pack_scalar(msgpack_packer *pk, const struct codec_value *v)
{
    switch (v->type) {
    case CODEC_VALUE_BOOL:
        if (v->boolean)
            msgpack_pack_true(pk);
        else
            msgpack_pack_false(pk);
        break;
    case CODEC_VALUE_INT:
        msgpack_pack_int64(pk, v->integer);
        break;
    case CODEC_VALUE_UINT:
        msgpack_pack_uint64(pk, v->number);
        break;
    case CODEC_VALUE_TEXT:
    case CODEC_VALUE_BYTES:
    case CODEC_VALUE_JSON:
        pack_text(pk, v->text, v->type == CODEC_VALUE_BYTES);
        break;
    default:
        msgpack_pack_nil(pk);
        break;
    }
}

bool codec_value_write_msgpack(struct codec_out *out, const struct codec_value *value)
{
    msgpack_packer pk;
    struct walk walk = {.depth = 0};
    const struct codec_value *v = value;
    msgpack_packer_init(&pk, out, to_out);
    for (;;) {
        if (!is_container(v)) {
            pack_scalar(&pk, v);
        } else if (!enter(&walk, v)) {
            return false;
        } else if (v->type == CODEC_VALUE_ARRAY) {
            msgpack_pack_array(&pk, v->array.count);
        } else {
            msgpack_pack_map(&pk, v->object.count);
        }
        for (v = NULL; v == NULL && walk.depth > 0;) {
            struct level *top = &walk.levels[walk.depth - 1];
            bool array = top->value->type == CODEC_VALUE_ARRAY;
            if (top->next == (array ? top->value->array.count : top->value->object.count)) {
                walk.depth--;
            } else if (array) {
                v = &top->value->array.items[top->next++];
            } else {
                const struct codec_member *m = &top->value->object.items[top->next++];
                pack_text(&pk, m->key, false);
                v = &m->value;
            }
        }
        if (v == NULL)
            return true;
    }
}
