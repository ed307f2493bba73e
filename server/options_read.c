#include "server/options_read.h"
#include "base/float_text.h"
#include <inttypes.h>
#include <midge/duration.h>
#include <midge/quote.h>
#include <stdio.h>

/* ---- messages ---------------------------------------------------------------------------------------------
 */

static slice place(struct opt_reader *r, const struct cfg_value *at)
{
    return at == NULL ? SLICE_EMPTY
                      : arena_printf(r->report->arena, "%s:%d:%d: ", at->file, at->line, at->col);
}

static void add(struct opt_reader *r, struct options_messages *to, slice before, slice text)
{
    options_report_add(r->report, to, arena_concat(r->report->arena, (slice[]){before, text}, 2));
}

void opt_error(struct opt_reader *r, const struct cfg_value *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(r, &r->report->errors, place(r, at), arena_vprintf(r->report->arena, fmt, args));
    va_end(args);
}

void opt_warning(struct opt_reader *r, const struct cfg_value *at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add(r, &r->report->warnings, place(r, at), arena_vprintf(r->report->arena, fmt, args));
    va_end(args);
}

void opt_misuse(struct opt_reader *r, const struct cfg_value *at, const char *field, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    slice text = arena_vprintf(r->report->arena, fmt, args);
    va_end(args);
    opt_warning(r, at, "invalid use of field \"%s\": %.*s", field, OPT_S(text));
}

const char *opt_quote(struct opt_reader *r, slice s)
{
    struct codec_out count = codec_out_on(NULL, 0);
    codec_quote(&count, s);
    char *buf = arena_alloc(r->report->arena, count.len + 1);
    if (buf == NULL)
        return "";
    struct codec_out out = codec_out_on(buf, count.len);
    codec_quote(&out, s);
    return buf;
}

const char *opt_show(struct opt_reader *r, const struct cfg_value *v)
{
    char number[FLOAT_TEXT_MAX];
    slice text;
    switch (v->type) {
    case CFG_STRING:
    case CFG_DATETIME:
        text = v->string;
        break;
    case CFG_INTEGER:
        text = arena_printf(r->report->arena, "%" PRId64, v->integer);
        break;
    case CFG_FLOAT:
        text = arena_printf(r->report->arena, "%s", float_text(v->number, number));
        break;
    case CFG_BOOL:
        return v->boolean ? "true" : "false";
    case CFG_LIST:
        return v->list->count == 0 ? "[]" : "[...]";
    case CFG_MAP:
    default:
        return v->map->count == 0 ? "map[]" : "map[...]";
    }
    return text.ptr == NULL ? "" : (const char *)text.ptr;
}

/* ---- typed values -----------------------------------------------------------------------------------------
 */

static bool is_type(struct opt_reader *r, const struct cfg_value *v, enum cfg_type want)
{
    if (v->type == want)
        return true;
    opt_error(r, v, "interface conversion: interface {} is %s, not %s", cfg_type_name(v->type),
              cfg_type_name(want));
    return false;
}

bool opt_string(struct opt_reader *r, const struct cfg_value *v, slice *out)
{
    if (!is_type(r, v, CFG_STRING))
        return false;
    *out = arena_copy(r->arena, v->string);
    return true;
}

bool opt_bool(struct opt_reader *r, const struct cfg_value *v, bool *out)
{
    if (!is_type(r, v, CFG_BOOL))
        return false;
    *out = v->boolean;
    return true;
}

bool opt_integer(struct opt_reader *r, const struct cfg_value *v, int64_t *out)
{
    if (!is_type(r, v, CFG_INTEGER))
        return false;
    *out = v->integer;
    return true;
}

bool opt_map(struct opt_reader *r, const struct cfg_value *v, const struct cfg_map **out)
{
    if (!is_type(r, v, CFG_MAP))
        return false;
    *out = v->map;
    return true;
}

bool opt_list(struct opt_reader *r, const struct cfg_value *v, const struct cfg_list **out)
{
    if (!is_type(r, v, CFG_LIST))
        return false;
    *out = v->list;
    return true;
}

/* Go quotes the text in these errors byte by byte, without regard to UTF-8. */
static slice quote_bytes(struct opt_reader *r, slice s)
{
    char *buf = arena_alloc(r->report->arena, s.len * 4 + 3), *p = buf;
    if (buf == NULL)
        return SLICE_EMPTY;
    *p++ = '"';
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        if (c >= 0x80 || c < ' ') {
            p += snprintf(p, 5, "\\x%02x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            *p++ = '\\';
        *p++ = (char)c;
    }
    *p++ = '"';
    return slice_make(buf, (size_t)(p - buf));
}

const char *opt_duration_error(struct opt_reader *r, slice text, int64_t *ns)
{
    slice unit = SLICE_EMPTY, quoted, whole;
    enum codec_duration_error e = codec_duration_read(text, ns, &unit);
    if (e == CODEC_DURATION_OK)
        return NULL;
    quoted = quote_bytes(r, text);
    if (e == CODEC_DURATION_INVALID) {
        whole = arena_printf(r->report->arena, "time: invalid duration %.*s", OPT_S(quoted));
    } else if (e == CODEC_DURATION_MISSING_UNIT) {
        whole = arena_printf(r->report->arena, "time: missing unit in duration %.*s", OPT_S(quoted));
    } else {
        slice name = quote_bytes(r, unit);
        whole = arena_printf(r->report->arena, "time: unknown unit %.*s in duration %.*s", OPT_S(name),
                             OPT_S(quoted));
    }
    return whole.ptr == NULL ? "out of memory" : (const char *)whole.ptr;
}

bool opt_duration(struct opt_reader *r, const struct cfg_value *v, const char *field, int64_t *ns)
{
    if (v->type == CFG_STRING) {
        const char *error = opt_duration_error(r, v->string, ns);
        if (error != NULL)
            opt_error(r, v, "error parsing %s: %s", field, error);
        return true;
    }
    int64_t seconds;
    opt_misuse(r, v, field, "%s should be converted to a duration", field);
    if (!opt_integer(r, v, &seconds))
        return false;
    *ns = (int64_t)((uint64_t)seconds * UINT64_C(1000000000));
    return true;
}

const char *opt_seconds(struct opt_reader *r, const struct cfg_value *v, double *out)
{
    int64_t ns = 0;
    const char *error;
    switch (v->type) {
    case CFG_INTEGER:
        *out = (double)v->integer;
        return NULL;
    case CFG_FLOAT:
        *out = v->number;
        return NULL;
    case CFG_STRING:
        error = opt_duration_error(r, v->string, &ns);
        *out = (double)ns / 1e9;
        return error;
    default:
        return "wrong type";
    }
}

/* ---- blocks -----------------------------------------------------------------------------------------------
 */

slice opt_lower(struct opt_reader *r, slice s)
{
    slice copy = arena_copy(r->arena, s);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.ptr;
    for (size_t i = 0; i < copy.len; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (uint8_t)(p[i] + ('a' - 'A'));
    return copy;
}

/* key is compared without regard to case, as ASCII. */
static bool key_is(slice key, const char *name)
{
    if (key.len != strlen(name))
        return false;
    for (size_t i = 0; i < key.len; i++) {
        uint8_t c = key.ptr[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + ('a' - 'A'));
        if (c != (uint8_t)name[i])
            return false;
    }
    return true;
}

static const struct opt_key *find_key(const struct opt_block *block, slice key)
{
    for (size_t i = 0; i < block->count; i++)
        if (key_is(key, block->keys[i].name))
            return &block->keys[i];
    return NULL;
}

static bool set_key(struct opt_reader *r, const struct opt_key *key, void *into, const struct cfg_entry *e)
{
    void *member = (char *)into + key->offset;
    switch (key->kind) {
    case OPT_STRING:
        return opt_string(r, e->value, member);
    case OPT_BOOL:
        return opt_bool(r, e->value, member);
    case OPT_INTEGER:
        return opt_integer(r, e->value, member);
    case OPT_DURATION:
        return opt_duration(r, e->value, key->name, member);
    case OPT_CUSTOM:
        return key->set(r, into, e);
    case OPT_LATER:
        opt_error(r, e->value, "%s is not supported by midge yet", opt_quote(r, e->key));
        break;
    }
    return true;
}

bool opt_read_block(struct opt_reader *r, const struct opt_block *block, void *into,
                    const struct cfg_map *map, const struct cfg_value **last)
{
    for (const struct cfg_entry *e = map->first; e != NULL; e = e->next) {
        const struct opt_key *key = find_key(block, e->key);
        if (last != NULL)
            *last = e->value;
        if (key != NULL) {
            if (!set_key(r, key, into, e))
                return false;
        } else if (!e->value->used || block->unknown_if_used) {
            opt_error(r, e->value, "%s%s%s", block->unknown_before, opt_quote(r, e->key),
                      block->unknown_after);
            if (block->unknown_ends)
                return false;
        }
    }
    return true;
}
