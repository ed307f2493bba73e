/* ws.c: WebSocket frames; the layout of a head is grammar/ws.rl. */
#include <midge/ws.h>
#include <codec/bytes.h>
#include <codec/ws_head.h>

void codec_ws_init(struct codec_ws *ps, enum codec_ws_masking masking)
{
    *ps = (struct codec_ws){.masking = masking};
}

static bool is_control(unsigned opcode)
{
    return opcode == CODEC_WS_OP_CLOSE || opcode == CODEC_WS_OP_PING || opcode == CODEC_WS_OP_PONG;
}

enum codec_ws_error ws_judge(const struct codec_ws *ps, bool mask_bit, uint64_t length)
{
    const struct codec_ws_event *f = &ps->frame;
    if (f->rsv23)
        return CODEC_WS_RSV_BITS;
    if (f->compressed && !ps->deflate)
        return CODEC_WS_NOT_COMPRESSED;
    if (ps->masking == CODEC_WS_MASK_REQUIRED && !mask_bit)
        return CODEC_WS_MASK_MISSING;
    if (is_control(f->opcode)) {
        if (length > CODEC_WS_CONTROL_MAX)
            return CODEC_WS_CONTROL_TOO_LONG;
        if (!f->fin)
            return CODEC_WS_CONTROL_FRAGMENTED;
        return f->compressed ? CODEC_WS_CONTROL_COMPRESSED : CODEC_WS_OK;
    }
    switch (f->opcode) {
    case CODEC_WS_TEXT:
    case CODEC_WS_BINARY:
        return ps->in_message ? CODEC_WS_NOT_CONTINUED : CODEC_WS_OK;
    case CODEC_WS_CONTINUATION:
        return !ps->in_message || f->compressed ? CODEC_WS_NOTHING_TO_CONTINUE : CODEC_WS_OK;
    default:
        return CODEC_WS_UNKNOWN_OPCODE;
    }
}

static enum codec_rc fail(struct codec_ws *ps, struct codec_ws_event *e, enum codec_ws_error kind,
                          uint64_t at)
{
    if (ps->error.kind == CODEC_WS_OK)
        ps->error = (struct codec_error){(int)kind, ps->offset + at};
    e->error = ps->error;
    return CODEC_ERROR;
}

static void advance(struct codec_ws *ps, slice *in, size_t n)
{
    *in = slice_from(*in, n);
    ps->offset += n;
}

/* The part of the payload that is at hand, off the input into the event. */
static enum codec_rc take_payload(struct codec_ws *ps, slice *in, struct codec_ws_event *e)
{
    e->payload = slice_first(*in, ps->left > SIZE_MAX ? SIZE_MAX : (size_t)ps->left);
    e->payload_at = e->length - ps->left;
    ps->left -= e->payload.len;
    advance(ps, in, e->payload.len);
    return CODEC_EVENT;
}

static enum codec_rc begin_data(struct codec_ws *ps, slice *in, struct codec_ws_event *e)
{
    *e = ps->frame;
    e->kind = CODEC_WS_FRAME;
    e->offset = ps->offset;
    ps->in_message = !e->fin;
    ps->left = e->length;
    advance(ps, in, ps->seen);
    ps->seen = 0;
    return take_payload(ps, in, e);
}

static enum codec_rc whole_control(struct codec_ws *ps, slice *in, struct codec_ws_event *e)
{
    size_t total = ps->seen + (size_t)ps->frame.length;
    if (in->len < total) {
        e->need = total - in->len;
        return CODEC_MORE;
    }
    *e = ps->frame;
    e->kind = e->opcode == CODEC_WS_OP_PING   ? CODEC_WS_PING
              : e->opcode == CODEC_WS_OP_PONG ? CODEC_WS_PONG
                                              : CODEC_WS_CLOSE;
    e->offset = ps->offset;
    e->payload = slice_make(in->ptr + ps->seen, (size_t)e->length);
    if (e->kind == CODEC_WS_CLOSE && e->length > 0) {
        uint8_t code[2] = {0};
        if (e->length == 1)
            return fail(ps, e, CODEC_WS_SHORT_CLOSE, ps->seen);
        codec_ws_mask(code, e->payload.ptr, 2, e->mask, 0);
        e->code = bytes_u16be(code);
        if (!codec_ws_close_code_valid(e->code))
            return fail(ps, e, CODEC_WS_BAD_CLOSE_CODE, ps->seen);
    }
    advance(ps, in, total);
    ps->seen = 0;
    return CODEC_EVENT;
}

enum codec_rc codec_ws_next(struct codec_ws *ps, slice *in, struct codec_ws_event *e)
{
    *e = (struct codec_ws_event){.need = 1};
    if (ps->error.kind != CODEC_WS_OK)
        return fail(ps, e, (enum codec_ws_error)ps->error.kind, 0);
    if (ps->left > 0) {
        if (in->len == 0) {
            e->need = ps->left > SIZE_MAX ? SIZE_MAX : (size_t)ps->left;
            return CODEC_MORE;
        }
        *e = ps->frame;
        e->kind = CODEC_WS_PAYLOAD;
        e->offset = ps->offset;
        return take_payload(ps, in, e);
    }
    if (in->len == 0)
        return CODEC_MORE;
    if (ps->seen == 0)
        ps->frame = (struct codec_ws_event){.length = 0};
    if (!ps->head_complete) {
        enum codec_ws_error error = ws_head_scan(ps, in->ptr, in->len, &ps->head_complete);
        if (error != CODEC_WS_OK)
            return fail(ps, e, error, ps->seen - 1u);
        if (!ps->head_complete)
            return CODEC_MORE;
    }
    enum codec_rc rc = is_control(ps->frame.opcode) ? whole_control(ps, in, e) : begin_data(ps, in, e);
    ps->head_complete = rc == CODEC_MORE;
    return rc;
}

void codec_ws_mask(uint8_t *out, const uint8_t *in, size_t n, const uint8_t mask[4], uint64_t at)
{
    size_t i = 0;
    uint8_t key[8];
    for (unsigned k = 0; k < 8; k++)
        key[k] = mask[(at + k) & 3];
    uint64_t wide, word;
    memcpy(&wide, key, sizeof(wide));
    for (; n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, in + i, sizeof(word));
        word ^= wide;
        memcpy(out + i, &word, sizeof(word));
    }
    for (; i < n; i++)
        out[i] = in[i] ^ key[i & 3];
}

bool codec_ws_close_code_valid(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* -------------------------------------------------------------------------------------------------- encoders
 */

size_t codec_ws_encode_head(const struct codec_ws_event *e, uint8_t *out, size_t cap)
{
    size_t ext = e->length <= 125 ? 0 : e->length <= UINT16_MAX ? 2 : 8;
    size_t n = 2 + ext + (e->masked ? 4 : 0);
    if (e->length > INT64_MAX || (is_control(e->opcode) && e->length > CODEC_WS_CONTROL_MAX))
        return 0;
    if (n > cap)
        return n;
    out[0] = (uint8_t)((e->fin ? 0x80 : 0) | (e->compressed ? 0x40 : 0) | (e->opcode & 0x0f));
    out[1] = (uint8_t)((e->masked ? 0x80 : 0) | (ext == 0 ? e->length : ext == 2 ? 126 : 127));
    bytes_put_be(out + 2, e->length, ext);
    if (e->masked)
        memcpy(out + 2 + ext, e->mask, 4);
    return n;
}

size_t codec_ws_encode(const struct codec_ws_event *e, uint8_t *out, size_t cap)
{
    size_t head = 0;
    if (e->kind != CODEC_WS_PAYLOAD) {
        head = codec_ws_encode_head(e, NULL, 0);
        if (head == 0 || e->payload.len > e->length)
            return 0;
    }
    size_t n = head + e->payload.len;
    if (n > cap || n == 0)
        return n;
    if (head > 0)
        codec_ws_encode_head(e, out, cap);
    if (e->payload.len > 0)
        memcpy(out + head, e->payload.ptr, e->payload.len);
    return n;
}

/* A text that does not fit is cut to 120 bytes and "...", as the Go server does. */
size_t codec_ws_encode_close(unsigned code, slice text, const uint8_t mask[4], uint8_t *out, size_t cap)
{
    uint8_t payload[CODEC_WS_CONTROL_MAX];
    size_t n = 0;
    if (code != 0) {
        bool cut = text.len > CODEC_WS_CONTROL_MAX - 2;
        text = slice_first(text, cut ? CODEC_WS_CONTROL_MAX - 5 : CODEC_WS_CONTROL_MAX - 2);
        bytes_put_be(payload, code, 2);
        if (text.len > 0)
            memcpy(payload + 2, text.ptr, text.len);
        n = 2 + text.len;
        if (cut) {
            /* a slice, no string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
            memcpy(payload + n, "...", 3);
            n += 3;
        }
    }
    struct codec_ws_event e = {.kind = CODEC_WS_CLOSE, .fin = true, .opcode = CODEC_WS_OP_CLOSE, .length = n};
    if (mask != NULL) {
        e.masked = true;
        memcpy(e.mask, mask, 4);
        codec_ws_mask(payload, payload, n, mask, 0);
    }
    e.payload = slice_make(payload, n);
    return codec_ws_encode(&e, out, cap);
}

const char *codec_ws_error_text(int kind)
{
    switch ((enum codec_ws_error)kind) {
    case CODEC_WS_OK:
        return "no error";
    case CODEC_WS_RSV_BITS:
        return "RSV2 and RSV3 must be clear";
    case CODEC_WS_NOT_COMPRESSED:
        return "compressed frame received without negotiated permessage-deflate";
    case CODEC_WS_MASK_MISSING:
        return "mask bit missing";
    case CODEC_WS_CONTROL_TOO_LONG:
        return "control frame length bigger than maximum allowed of 125 bytes";
    case CODEC_WS_CONTROL_FRAGMENTED:
        return "control frame does not have final bit set";
    case CODEC_WS_CONTROL_COMPRESSED:
        return "control frame must not be compressed";
    case CODEC_WS_NOT_CONTINUED:
        return "new message started before final frame for previous message was received";
    case CODEC_WS_NOTHING_TO_CONTINUE:
        return "invalid continuation frame";
    case CODEC_WS_UNKNOWN_OPCODE:
        return "unknown opcode";
    case CODEC_WS_BAD_LENGTH:
        return "invalid 64-bit payload length";
    case CODEC_WS_SHORT_CLOSE:
        return "close frame payload cannot be 1 byte";
    case CODEC_WS_BAD_CLOSE_CODE:
        return "invalid close status code";
    }
    return "unknown error";
}
