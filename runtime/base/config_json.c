/* The tree as JSON, byte for byte as Go's encoder writes it: the configuration's digest is taken over it. */
#include "base/arena.h"
#include "base/config_tree.h"
#include "base/float_text.h"
#include <stdio.h>
#include <stdlib.h>

struct writer {
    struct arena *scratch;
    cfg_put put;
    void *ctx;
};

static void put(const struct writer *w, slice s)
{
    if (s.len > 0)
        w->put(w->ctx, s);
}

/* Length of the well-formed UTF-8 sequence at p, 0 when there is none. */
static size_t utf8_len(const uint8_t *p, size_t left)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
    return bad ? 0 : len;
}

/* The escape of the code point of `len` bytes (0: a stray byte) at p; NULL when it stands for itself. */
static const char *escape_of(const uint8_t *p, size_t len, char buf[8])
{
    static const char shorts[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    if (len == 0)
        return "\xef\xbf\xbd"; /* U+FFFD itself, as the JSON encoder of recent Go versions */
    if (len == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9))
        return p[2] == 0xa8 ? "\\u2028" : "\\u2029";
    if (len != 1)
        return NULL;
    const char *s = p[0] == '\0' ? NULL : strchr(shorts, p[0]);
    if (s != NULL)
        snprintf(buf, 8, "\\%c", names[s - shorts]);
    else if (p[0] < 0x20 || p[0] == '<' || p[0] == '>' || p[0] == '&')
        snprintf(buf, 8, "\\u%04x", p[0]);
    else
        return NULL;
    return buf;
}

static void put_string(const struct writer *w, slice s)
{
    char buf[8];
    size_t from = 0, at = 0;
    put(w, SLICE_LIT("\""));
    while (at < s.len) {
        size_t len = utf8_len(s.ptr + at, s.len - at);
        const char *escape = escape_of(s.ptr + at, len, buf);
        size_t next = at + (len == 0 ? 1 : len);
        if (escape != NULL) {
            put(w, slice_make(s.ptr + from, at - from));
            put(w, slice_str(escape));
            from = next;
        }
        at = next;
    }
    put(w, slice_make(s.ptr == NULL ? NULL : s.ptr + from, s.len - from));
    put(w, SLICE_LIT("\""));
}

static int by_key(const void *a, const void *b)
{
    return slice_cmp((*(const struct cfg_entry *const *)a)->key, (*(const struct cfg_entry *const *)b)->key);
}

static void put_map(const struct writer *w, const struct cfg_map *map)
{
    const struct cfg_entry **sorted = arena_array(w->scratch, map->count, sizeof(struct cfg_entry *));
    size_t n = 0;
    put(w, SLICE_LIT("{"));
    if (sorted != NULL) {
        for (const struct cfg_entry *e = map->first; e != NULL; e = e->next)
            sorted[n++] = e;
        qsort(sorted, n, sizeof(struct cfg_entry *), by_key);
    }
    for (size_t i = 0; i < n; i++) {
        put(w, i == 0 ? SLICE_EMPTY : SLICE_LIT(","));
        put_string(w, sorted[i]->key);
        put(w, SLICE_LIT(":"));
        cfg_write_json(sorted[i]->value, w->scratch, w->put, w->ctx);
    }
    put(w, SLICE_LIT("}"));
}

static void put_list(const struct writer *w, const struct cfg_list *list)
{
    put(w, SLICE_LIT("["));
    for (size_t i = 0; i < list->count; i++) {
        put(w, i == 0 ? SLICE_EMPTY : SLICE_LIT(","));
        cfg_write_json(list->items[i], w->scratch, w->put, w->ctx);
    }
    put(w, SLICE_LIT("]"));
}

void cfg_write_json(const struct cfg_value *v, struct arena *scratch, cfg_put fn, void *ctx)
{
    struct writer w = {scratch, fn, ctx};
    char buf[FLOAT_TEXT_MAX];
    switch (v->type) {
    case CFG_STRING:
    case CFG_DATETIME:
        put_string(&w, v->string);
        break;
    case CFG_INTEGER:
        put(&w, slice_make(buf, (size_t)snprintf(buf, sizeof buf, "%lld", (long long)v->integer)));
        break;
    case CFG_FLOAT:
        put(&w, slice_make(buf, float_text(v->number, buf)));
        break;
    case CFG_BOOL:
        put(&w, v->boolean ? SLICE_LIT("true") : SLICE_LIT("false"));
        break;
    case CFG_LIST:
        put_list(&w, v->list);
        break;
    case CFG_MAP:
        put_map(&w, v->map);
        break;
    }
}
