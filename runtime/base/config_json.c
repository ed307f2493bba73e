/* The tree as JSON, byte for byte as Go's encoder writes it: the configuration's digest is taken over it. */
#include "base/arena.h"
#include "base/config_tree.h"
#include "codec/utf8.h"
#include <midge/json.h>
#include <stdlib.h>

static void put_value(struct codec_json_writer *w, const struct cfg_value *v, struct arena *scratch);

/* Bytes that are no UTF-8 become U+FFFD itself here; elsewhere Go's JSON has its escape. */
static slice well_formed(slice s, struct arena *scratch)
{
    uint8_t *out = utf8_valid(s) ? NULL : arena_array(scratch, s.len, 3);
    size_t len = 0;
    if (out == NULL)
        return s;
    for (size_t at = 0; at < s.len;) {
        uint32_t rune;
        at += utf8_decode(slice_from(s, at), &rune);
        len += utf8_encode(rune, out + len);
    }
    return slice_make(out, len);
}

static int by_key(const void *a, const void *b)
{
    return slice_cmp((*(const struct cfg_entry *const *)a)->key, (*(const struct cfg_entry *const *)b)->key);
}

static void put_map(struct codec_json_writer *w, const struct cfg_map *map, struct arena *scratch)
{
    const struct cfg_entry **sorted = arena_array(scratch, map->count, sizeof(struct cfg_entry *));
    size_t n = 0;
    for (const struct cfg_entry *e = map->first; e != NULL && sorted != NULL; e = e->next)
        sorted[n++] = e;
    if (n > 0)
        qsort(sorted, n, sizeof(struct cfg_entry *), by_key);
    codec_json_object(w);
    for (size_t i = 0; i < n; i++) {
        codec_json_key(w, well_formed(sorted[i]->key, scratch));
        put_value(w, sorted[i]->value, scratch);
    }
    codec_json_object_end(w);
}

/* As deep as the tree, which is bounded. */
static void put_value(struct codec_json_writer *w, const struct cfg_value *v, struct arena *scratch)
{
    switch (v->type) {
    case CFG_STRING:
    case CFG_DATETIME:
        codec_json_string(w, well_formed(v->string, scratch));
        break;
    case CFG_INTEGER:
        codec_json_int(w, v->integer);
        break;
    case CFG_FLOAT:
        codec_json_float(w, v->number);
        break;
    case CFG_BOOL:
        codec_json_bool(w, v->boolean);
        break;
    case CFG_LIST:
        codec_json_array(w);
        for (size_t i = 0; i < v->list->count; i++)
            put_value(w, v->list->items[i], scratch);
        codec_json_array_end(w);
        break;
    case CFG_MAP:
        put_map(w, v->map, scratch);
        break;
    }
}

bool cfg_write_json(const struct cfg_value *v, struct codec_out *out)
{
    struct arena *scratch = arena_new(0);
    if (scratch == NULL)
        return false;
    struct codec_json_writer w = codec_json_writer_on(out);
    put_value(&w, v, scratch);
    bool ok = !arena_failed(scratch) && codec_out_ok(out);
    arena_free(scratch);
    return ok;
}
