/* print.c: events on their way out. */
#include "server/decode/print.h"
#include "codec/utf8.h"
#include <midge/base64.h>
#include <midge/json.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_MAX (512u << 20)

bool format_read(const char *name, enum format *format)
{
    static const char *const names[] = {"text", "json", "msgpack"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) == 0)
            return *format = (enum format)i, true;
    }
    return false;
}

bool protocol_read(const char *name, enum codec_protocol *protocol)
{
    *protocol = codec_protocol_of(slice_str(name));
    if (*protocol == CODEC_NO_PROTOCOL)
        return strcmp(name, "auto") == 0;
    return *protocol != CODEC_RAFT; /* which has no stream of its own */
}

static bool grow(struct codec_out *out, size_t need)
{
    size_t cap = out->cap == 0 ? 4096 : out->cap;
    while (cap < need)
        cap *= 2;
    uint8_t *ptr = realloc(out->ptr, cap);
    if (ptr == NULL)
        return false;
    out->ptr = ptr;
    out->cap = cap;
    return true;
}

void printer_init(struct printer *p, const char *program, FILE *out, enum format format, bool color)
{
    *p = (struct printer){
        .out = out, .problems = stderr, .program = program, .format = format, .color = color};
    p->buffer.grow = grow;
}

void printer_free(struct printer *p)
{
    free(p->buffer.ptr);
    free(p->room);
}

/* ---- trees ---- */

/* The event as an object; the room for it is doubled until it is enough. */
static bool make_tree(struct printer *p, const struct codec_event *e, struct codec_value *v)
{
    for (;;) {
        struct codec_arena arena = codec_arena_on(p->room, p->room_size);
        if (p->room_size > 0 && codec_event_to_value(e, &arena, v))
            return true;
        if (p->room_size >= ROOM_MAX || codec_event_name(e)[0] == '\0')
            return false;
        size_t size = p->room_size == 0 ? CODEC_EVENT_ROOM : p->room_size * 2;
        void *room = realloc(p->room, size);
        if (room == NULL)
            return false;
        p->room = room;
        p->room_size = size;
    }
}

/* Where it was seen stands behind what it is. */
static struct codec_value with_origin(const struct codec_value *event, const struct origin *o,
                                      struct codec_member *members)
{
    struct codec_value v = *event;
    size_t n = event->object.count;
    memcpy(members, event->object.items, n * sizeof(*members));
    if (o->in != NULL)
        members[n++] = (struct codec_member){SLICE_LIT("in"), codec_value_text(slice_str(o->in))};
    v.object.items = members;
    v.object.count = n;
    if (o->single)
        return v;
    members[n++] = (struct codec_member){SLICE_LIT("connection"), codec_value_number(o->connection)};
    members[n++] = (struct codec_member){
        SLICE_LIT("from"),
        codec_value_text(o->direction == CODEC_FROM_DIALER ? SLICE_LIT("dialer") : SLICE_LIT("acceptor"))};
    if (o->has_time)
        members[n++] = (struct codec_member){SLICE_LIT("time"), codec_value_number(o->time)};
    v.object.items = members;
    v.object.count = n;
    return v;
}

/* ---- text ---- */

static void put(struct codec_out *out, const char *text)
{
    codec_out_put(out, slice_str(text));
}

static void paint(struct printer *p, const char *code)
{
    if (p->color)
        put(&p->buffer, code);
}

/* A text as JSON has it, or in base64 where it is no text. */
static void write_quoted(struct codec_out *out, slice key, slice text)
{
    codec_out_put(out, key);
    if (utf8_valid(text)) {
        struct codec_json_writer w = codec_json_writer_on(out);
        w.keep_html = true;
        put(out, "=");
        codec_json_string(&w, text);
        return;
    }
    size_t n = codec_base64_size(text.len, CODEC_BASE64_STD);
    put(out, "_b64=");
    uint8_t *at = codec_out_room(out, n);
    if (at != NULL)
        codec_base64_encode(text, CODEC_BASE64_STD, at);
}

/* For the eye: who spoke, the verb, then key=value. */
static void write_text(struct printer *p, const struct codec_value *v, const struct origin *o)
{
    struct codec_out *out = &p->buffer;
    if (!o->single) {
        char place[64];
        bool dialer = o->direction == CODEC_FROM_DIALER;
        snprintf(place, sizeof(place), "#%llu %c ", (unsigned long long)o->connection, dialer ? '>' : '<');
        paint(p, dialer ? "\033[36m" : "\033[33m");
        put(out, place);
        paint(p, "\033[0m");
    }
    if (o->in != NULL) {
        put(out, "  ");
        put(out, o->in);
        put(out, ": ");
    }
    paint(p, "\033[1m");
    codec_out_put(out, v->object.items[0].value.text);
    paint(p, "\033[0m");
    for (size_t i = 1; i < v->object.count; i++) {
        const struct codec_member *m = &v->object.items[i];
        put(out, " ");
        if (m->value.type == CODEC_VALUE_TEXT) {
            write_quoted(out, m->key, m->value.text);
            continue;
        }
        codec_out_put(out, m->key);
        put(out, "=");
        codec_value_write_json(out, &m->value);
    }
    codec_out_byte(out, '\n');
}

/* ---- all ---- */

bool printer_event(struct printer *p, const struct origin *o, const struct codec_event *e)
{
    struct codec_value event;
    struct codec_member members[64];
    if (!make_tree(p, e, &event))
        return false;
    p->buffer.len = 0;
    p->events++;
    bool ok = true;
    if (p->format == FORMAT_TEXT) {
        write_text(p, &event, o);
    } else {
        struct codec_value v = with_origin(&event, o, members);
        if (p->format == FORMAT_JSON) {
            ok = codec_value_write_json(&p->buffer, &v);
            codec_out_byte(&p->buffer, '\n');
        } else {
            ok = codec_value_write_msgpack(&p->buffer, &v);
        }
    }
    return ok && codec_out_ok(&p->buffer) && fwrite(p->buffer.ptr, 1, p->buffer.len, p->out) == p->buffer.len;
}

void printer_problem(const struct printer *p, const struct origin *o, uint64_t offset, const char *what)
{
    if (p->problems == NULL)
        return;
    fprintf(p->problems, "%s: ", p->program);
    if (!o->single)
        fprintf(p->problems, "connection %llu, from %s, ", (unsigned long long)o->connection,
                o->direction == CODEC_FROM_DIALER ? "dialer" : "acceptor");
    if (o->in != NULL)
        fprintf(p->problems, "in %s, ", o->in);
    fprintf(p->problems, "offset %llu: %s\n", (unsigned long long)offset, what);
}
