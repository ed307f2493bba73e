/* The writer: bytes as Go's encoding/json makes them. */
#include "codec/json_table.h"
#include "codec/utf8.h"
#include <math.h>
#include <midge/base64.h>
#include <stdlib.h>

static void put_text(struct codec_json_writer *w, const char *s)
{
    codec_out_put(w->out, slice_str(s));
}

/* A comma if something of the same level stands before; then what is written is something. */
static void separate(struct codec_json_writer *w)
{
    if (w->comma)
        codec_out_byte(w->out, ',');
    w->comma = true;
}

static void open_level(struct codec_json_writer *w, char bracket)
{
    separate(w);
    codec_out_byte(w->out, bracket);
    w->comma = false;
}

static void close_level(struct codec_json_writer *w, char bracket)
{
    codec_out_byte(w->out, bracket);
    w->comma = true;
}

void codec_json_object(struct codec_json_writer *w)
{
    open_level(w, '{');
}

void codec_json_object_end(struct codec_json_writer *w)
{
    close_level(w, '}');
}

void codec_json_array(struct codec_json_writer *w)
{
    open_level(w, '[');
}

void codec_json_array_end(struct codec_json_writer *w)
{
    close_level(w, ']');
}

/* --------------------------------------------------------------------------------------- strings */

/* How many bytes at the front of s stand for themselves. */
static size_t verbatim(const struct codec_json_writer *w, slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool html = c == '<' || c == '>' || c == '&';
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\' || (html && !w->keep_html))
            return i;
    }
    return s.len;
}

static void put_unicode(struct codec_json_writer *w, uint32_t rune)
{
    static const char digits[] = "0123456789abcdef";
    char text[6] = {'\\',
                    'u',
                    digits[rune >> 12 & 15],
                    digits[rune >> 8 & 15],
                    digits[rune >> 4 & 15],
                    digits[rune & 15]};
    codec_out_put(w->out, slice_make(text, sizeof(text)));
}

static void put_escape(struct codec_json_writer *w, uint8_t c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c == 0 ? NULL : strchr(from, c);
    if (at == NULL) {
        put_unicode(w, c);
        return;
    }
    codec_out_byte(w->out, '\\');
    codec_out_byte(w->out, to[at - from]);
}

static void put_string(struct codec_json_writer *w, slice s)
{
    codec_out_byte(w->out, '"');
    for (size_t i = 0; i < s.len;) {
        slice run = slice_first(slice_from(s, i), verbatim(w, slice_from(s, i)));
        codec_out_put(w->out, run);
        i += run.len;
        if (i == s.len)
            break;
        if (s.ptr[i] < 0x80) {
            put_escape(w, s.ptr[i++]);
            continue;
        }
        uint32_t rune;
        size_t n = utf8_decode(slice_from(s, i), &rune);
        if ((rune == UTF8_REPLACEMENT && n == 1) || rune == 0x2028 || rune == 0x2029)
            put_unicode(w, rune);
        else
            codec_out_put(w->out, slice_make(s.ptr + i, n));
        i += n;
    }
    codec_out_byte(w->out, '"');
}

void codec_json_key(struct codec_json_writer *w, slice key)
{
    separate(w);
    put_string(w, key);
    codec_out_byte(w->out, ':');
    w->comma = false;
}

void codec_json_string(struct codec_json_writer *w, slice value)
{
    separate(w);
    put_string(w, value);
}

/* --------------------------------------------------------------------------------------- scalars */

static void put_digits(struct codec_json_writer *w, uint64_t value, bool minus)
{
    char buf[24], *p = buf + sizeof(buf);
    do
        *--p = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    if (minus)
        *--p = '-';
    codec_out_put(w->out, slice_make(p, (size_t)(buf + sizeof(buf) - p)));
}

void codec_json_int(struct codec_json_writer *w, int64_t value)
{
    separate(w);
    put_digits(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void codec_json_uint(struct codec_json_writer *w, uint64_t value)
{
    separate(w);
    put_digits(w, value, false);
}

void codec_json_bool(struct codec_json_writer *w, bool value)
{
    separate(w);
    put_text(w, value ? "true" : "false");
}

void codec_json_null(struct codec_json_writer *w)
{
    separate(w);
    put_text(w, "null");
}

void codec_json_raw(struct codec_json_writer *w, slice json)
{
    separate(w);
    codec_out_put(w->out, json);
}

/* A decimal: 0.d1d2d3... times ten to the `point`. */
struct decimal {
    char digits[20];
    int count;
    int point;
};

/* The value of a decimal. (Digits and an exponent: no locale has a say in that.) */
static double decimal_value(const struct decimal *d)
{
    char buf[48];
    snprintf(buf, sizeof(buf), "%.*se%d", d->count, d->digits, d->point - d->count);
    return strtod(buf, NULL);
}

/* `value` (positive, finite) rounded to `count` digits. */
static struct decimal rounded(double value, int count)
{
    char buf[48];
    struct decimal d = {.count = 0};
    snprintf(buf, sizeof(buf), "%.*e", count - 1, value);
    const char *p = buf;
    for (; *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9')
            d.digits[d.count++] = *p;
    }
    d.point = (int)strtol(p + 1, NULL, 10) + 1;
    return d;
}

/* The next larger decimal of as many digits. */
static struct decimal above(struct decimal d)
{
    int i = d.count - 1;
    for (; i >= 0 && d.digits[i] == '9'; i--)
        d.digits[i] = '0';
    if (i >= 0) {
        d.digits[i]++;
    } else {
        d.digits[0] = '1';
        d.point++;
    }
    return d;
}

/* The fewest digits that read back as the value. Just below a power of two doubles lie closer together than
 * above it, so there the decimal that rounds to the value may not be the nearest one but the next above. */
static struct decimal shortest(double value)
{
    struct decimal d = {.count = 0};
    for (int count = 1; count <= 17; count++) {
        d = rounded(value, count);
        if (decimal_value(&d) == value)
            break;
        struct decimal up = above(d);
        if (decimal_value(&up) == value)
            return up;
    }
    return d;
}

static void put_exponential(struct codec_json_writer *w, const struct decimal *d)
{
    codec_out_put(w->out, slice_make(d->digits, 1));
    if (d->count > 1) {
        codec_out_byte(w->out, '.');
        codec_out_put(w->out, slice_make(d->digits + 1, (size_t)d->count - 1));
    }
    codec_out_put(w->out, slice_str(d->point - 1 < 0 ? "e-" : "e+"));
    put_digits(w, (uint64_t)abs(d->point - 1), false);
}

static void put_plain(struct codec_json_writer *w, const struct decimal *d)
{
    if (d->point <= 0)
        put_text(w, "0.");
    for (int i = d->point; i < 0; i++)
        codec_out_byte(w->out, '0');
    for (int i = 0; i < d->count || i < d->point; i++) {
        if (i == d->point && i > 0)
            codec_out_byte(w->out, '.');
        char digit = '0';
        if (i < d->count)
            digit = d->digits[i];
        codec_out_byte(w->out, digit);
    }
}

void codec_json_float(struct codec_json_writer *w, double value)
{
    if (!isfinite(value)) {
        codec_json_null(w);
        return;
    }
    separate(w);
    if (signbit(value))
        codec_out_byte(w->out, '-');
    value = fabs(value);
    if (value == 0) {
        codec_out_byte(w->out, '0');
        return;
    }
    struct decimal d = shortest(value);
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    if (value < 1e-6 || value >= 1e21)
        put_exponential(w, &d);
    else
        put_plain(w, &d);
}

/* --------------------------------------------------------------------------------- key and value */

void codec_json_put_string(struct codec_json_writer *w, const char *key, slice value)
{
    codec_json_key(w, slice_str(key));
    codec_json_string(w, value);
}

void codec_json_put_int(struct codec_json_writer *w, const char *key, int64_t value)
{
    codec_json_key(w, slice_str(key));
    codec_json_int(w, value);
}

void codec_json_put_uint(struct codec_json_writer *w, const char *key, uint64_t value)
{
    codec_json_key(w, slice_str(key));
    codec_json_uint(w, value);
}

void codec_json_put_float(struct codec_json_writer *w, const char *key, double value)
{
    codec_json_key(w, slice_str(key));
    codec_json_float(w, value);
}

void codec_json_put_bool(struct codec_json_writer *w, const char *key, bool value)
{
    codec_json_key(w, slice_str(key));
    codec_json_bool(w, value);
}

/* --------------------------------------------------------------------------------------- structs */

static void write_strings(struct codec_json_writer *w, const struct codec_json_strings *s)
{
    if (s->items == NULL) {
        codec_json_null(w);
        return;
    }
    codec_json_array(w);
    for (size_t i = 0; i < s->count; i++)
        codec_json_string(w, s->items[i]);
    codec_json_array_end(w);
}

static void write_map(struct codec_json_writer *w, const struct codec_json_map *m)
{
    if (m->items == NULL) {
        codec_json_null(w);
        return;
    }
    codec_json_object(w);
    for (size_t i = 0; i < m->count; i++) {
        codec_json_key(w, m->items[i].key);
        codec_json_string(w, m->items[i].value);
    }
    codec_json_object_end(w);
}

/* Bytes as base64; those that were never given (no pointer) are null. */
static void write_bytes(struct codec_json_writer *w, slice bytes)
{
    if (bytes.ptr == NULL) {
        codec_json_null(w);
        return;
    }
    separate(w);
    codec_out_byte(w->out, '"');
    uint8_t *p = codec_out_room(w->out, codec_base64_size(bytes.len, CODEC_BASE64_STD));
    if (p != NULL)
        codec_base64_encode(bytes, CODEC_BASE64_STD, p);
    codec_out_byte(w->out, '"');
}

static void write_raw(struct codec_json_writer *w, slice json)
{
    if (json.len == 0)
        codec_json_null(w);
    else
        codec_json_raw(w, json);
}

static void write_plain_member(struct codec_json_writer *w, const struct codec_json_field *field,
                               const uint8_t *member)
{
    const void *at = member;
    switch (field->type) {
    case CODEC_JSON_T_BOOL:
        codec_json_bool(w, *(const bool *)at);
        break;
    case CODEC_JSON_T_INT:
        codec_json_int(w, codec_json_get_int(member, field->size));
        break;
    case CODEC_JSON_T_UINT:
        codec_json_uint(w, codec_json_get_uint(member, field->size));
        break;
    case CODEC_JSON_T_DOUBLE:
        codec_json_float(w, *(const double *)at);
        break;
    case CODEC_JSON_T_STRING:
        codec_json_string(w, *(const slice *)at);
        break;
    case CODEC_JSON_T_BYTES:
        write_bytes(w, *(const slice *)at);
        break;
    case CODEC_JSON_T_RAW:
        write_raw(w, *(const slice *)at);
        break;
    case CODEC_JSON_T_STRINGS:
        write_strings(w, at);
        break;
    case CODEC_JSON_T_MAP:
        write_map(w, at);
        break;
    case CODEC_JSON_T_CUSTOM:
        field->write(w, member);
        break;
    default:
        codec_json_null(w);
    }
}

struct frame {
    const struct codec_json_table *table;
    const uint8_t *base;
    size_t field;
    size_t left; /* structs that follow this one in an array */
    bool array;
};

/* Opens the struct or array of structs of a member: true when it is to be walked through, in *inner. */
static bool open_member(struct codec_json_writer *w, const struct codec_json_field *field,
                        const uint8_t *member, struct frame *inner)
{
    if (field->type == CODEC_JSON_T_OBJECT) {
        *inner = (struct frame){field->table, member, 0, 0, false};
        codec_json_object(w);
        return true;
    }
    struct codec_json_array a;
    memcpy(&a, member, sizeof(a));
    if (a.items == NULL) {
        codec_json_null(w);
        return false;
    }
    codec_json_array(w);
    if (a.count == 0) {
        codec_json_array_end(w);
        return false;
    }
    *inner = (struct frame){field->table, a.items, 0, a.count - 1, true};
    codec_json_object(w);
    return true;
}

/* All members of the struct are written: on to the next one of its array; true when that was the last. */
static bool close_struct(struct codec_json_writer *w, struct frame *f)
{
    codec_json_object_end(w);
    if (f->left == 0) {
        if (f->array)
            codec_json_array_end(w);
        return true;
    }
    f->left--;
    f->field = 0;
    f->base += f->table->size;
    codec_json_object(w);
    return false;
}

static bool is_left_out(const struct codec_json_field *field, const uint8_t *base)
{
    if ((field->flags & CODEC_JSON_READ_ONLY) != 0)
        return true;
    return (field->flags & CODEC_JSON_OMIT_EMPTY) != 0 && codec_json_is_empty(field, base);
}

void codec_json_write(struct codec_json_writer *w, const struct codec_json_table *table, const void *from)
{
    struct frame frames[CODEC_JSON_TABLES];
    unsigned depth = 1;
    frames[0] = (struct frame){table, from, 0, 0, false};
    codec_json_object(w);
    while (depth > 0) {
        struct frame *f = &frames[depth - 1], inner;
        if (f->field == f->table->count) {
            depth -= close_struct(w, f);
            continue;
        }
        const struct codec_json_field *field = &f->table->fields[f->field++];
        const uint8_t *member = f->base + field->offset;
        if (is_left_out(field, f->base))
            continue;
        codec_json_key(w, slice_make(field->name, field->name_len));
        bool absent = field->has != 0 && codec_json_is_empty(field, f->base);
        bool structs = field->type == CODEC_JSON_T_OBJECT || field->type == CODEC_JSON_T_OBJECTS;
        if (absent || (structs && depth == CODEC_JSON_TABLES))
            codec_json_null(w);
        else if (!structs)
            write_plain_member(w, field, member);
        else if (open_member(w, field, member, &inner))
            frames[depth++] = inner;
    }
}
