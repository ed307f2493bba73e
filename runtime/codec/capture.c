/* capture.c: recorded sessions, read and written as values (value.h). */
#include <stdalign.h>
#include <midge/capture.h>

/* Room for the values of a header with some members more than it has, or of a record. */
#define ROOM       2048
#define HEADER_MAX 4096
#define RECORD_MAX (CODEC_CAPTURE_BYTES_MAX + 64)

static enum codec_rc fail(struct codec_capture *p, enum codec_capture_error kind)
{
    if (p->error.kind == CODEC_CAPTURE_OK)
        p->error = (struct codec_error){(int)kind, p->offset};
    return CODEC_ERROR;
}

static enum codec_capture_error error_of(enum codec_value_error error)
{
    return error == CODEC_VALUE_TOO_LONG || error == CODEC_VALUE_NO_ROOM ? CODEC_CAPTURE_TOO_LONG
                                                                         : CODEC_CAPTURE_MALFORMED;
}

static bool is_number(const struct codec_value *v, uint64_t max)
{
    return v != NULL && v->type == CODEC_VALUE_UINT && v->number <= max;
}

static enum codec_capture_error read_header(const struct codec_value *v, struct codec_capture_header *header)
{
    const struct codec_value *name = codec_value_get(v, "capture"), *version = codec_value_get(v, "version");
    const struct codec_value *protocol = codec_value_get(v, "protocol"),
                             *started = codec_value_get(v, "started");
    if (name == NULL || name->type != CODEC_VALUE_TEXT || !slice_eq_str(name->text, "midge") ||
        !is_number(version, UINT64_MAX))
        return CODEC_CAPTURE_BAD_HEADER;
    if (version->number != 1)
        return CODEC_CAPTURE_BAD_VERSION;
    if (protocol == NULL || protocol->type != CODEC_VALUE_TEXT || !is_number(started, UINT64_MAX))
        return CODEC_CAPTURE_BAD_HEADER;
    *header = (struct codec_capture_header){codec_protocol_of(protocol->text), started->number};
    return CODEC_CAPTURE_OK;
}

static enum codec_capture_error read_record(const struct codec_value *v, struct codec_capture_record *r)
{
    if (v->type != CODEC_VALUE_ARRAY || v->array.count != 4)
        return CODEC_CAPTURE_BAD_RECORD;
    const struct codec_value *item = v->array.items;
    if (!is_number(&item[0], UINT64_MAX) || !is_number(&item[1], UINT64_MAX) || !is_number(&item[2], 1) ||
        item[3].type != CODEC_VALUE_TEXT || item[3].text.len > CODEC_CAPTURE_BYTES_MAX)
        return CODEC_CAPTURE_BAD_RECORD;
    *r = (struct codec_capture_record){item[0].number, item[1].number, (enum codec_direction)item[2].number,
                                       item[3].text};
    return CODEC_CAPTURE_OK;
}

enum codec_rc codec_capture_next(struct codec_capture *p, slice *in, struct codec_capture_record *r,
                                 size_t *need)
{
    alignas(max_align_t) uint8_t room[ROOM];
    struct codec_arena arena = codec_arena_on(room, sizeof(room));
    struct codec_value value;
    enum codec_value_error error;
    slice before = *in;
    if (p->error.kind != CODEC_CAPTURE_OK)
        return CODEC_ERROR;
    enum codec_rc rc =
        codec_value_read_msgpack(in, p->begun ? RECORD_MAX : HEADER_MAX, &arena, &value, need, &error);
    if (rc != CODEC_EVENT)
        return rc == CODEC_MORE ? rc : fail(p, error_of(error));
    enum codec_capture_error bad = CODEC_CAPTURE_OK;
    if (p->begun) {
        bad = read_record(&value, r);
    } else {
        *r = (struct codec_capture_record){.bytes = SLICE_EMPTY};
        bad = read_header(&value, &p->header);
    }
    if (bad != CODEC_CAPTURE_OK) {
        *in = before;
        return fail(p, bad);
    }
    p->begun = true;
    p->offset += before.len - in->len;
    return CODEC_EVENT;
}

void codec_capture_write_header(struct codec_out *out, const struct codec_capture_header *header)
{
    struct codec_member members[] = {
        {SLICE_LIT("capture"), codec_value_text(SLICE_LIT("midge"))},
        {SLICE_LIT("version"), codec_value_number(1)},
        {SLICE_LIT("protocol"), codec_value_text(slice_str(codec_protocol_name(header->protocol)))},
        {SLICE_LIT("started"), codec_value_number(header->started)},
    };
    struct codec_value v = {.type = CODEC_VALUE_OBJECT};
    v.object.items = members;
    v.object.count = 4;
    codec_value_write_msgpack(out, &v);
}

void codec_capture_write_record(struct codec_out *out, const struct codec_capture_record *r)
{
    slice left = r->bytes;
    do {
        slice bytes = slice_first(left, CODEC_CAPTURE_BYTES_MAX);
        struct codec_value items[] = {
            codec_value_number(r->time),
            codec_value_number(r->connection),
            codec_value_number(r->direction == CODEC_FROM_DIALER ? 0 : 1),
            {.type = CODEC_VALUE_BYTES, .text = bytes},
        };
        struct codec_value v = {.type = CODEC_VALUE_ARRAY};
        v.array.items = items;
        v.array.count = 4;
        codec_value_write_msgpack(out, &v);
        left = slice_from(left, bytes.len);
    } while (left.len > 0);
}

const char *codec_capture_error_text(int kind)
{
    switch ((enum codec_capture_error)kind) {
    case CODEC_CAPTURE_OK:
        return "no error";
    case CODEC_CAPTURE_MALFORMED:
        return "not MessagePack as captures use it";
    case CODEC_CAPTURE_BAD_HEADER:
        return "not the header of a capture";
    case CODEC_CAPTURE_BAD_VERSION:
        return "a capture of a later version";
    case CODEC_CAPTURE_BAD_RECORD:
        return "not a record of a capture";
    case CODEC_CAPTURE_TOO_LONG:
        return "a value longer than captures have";
    }
    return "unknown error";
}
