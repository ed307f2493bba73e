/* ws.rl: the head of a WebSocket frame (RFC 6455, section 5.2).
 *
 *     byte 0   FIN RSV1 RSV2 RSV3 opcode(4)
 *     byte 1   MASK length(7); 126: 2 bytes of length follow, 127: 8 bytes
 *     then     4 bytes of mask when MASK is set
 *
 * What the first two bytes may be depends on the frames before: ws_judge in ws.c. */
#include <codec/bytes.h>
#include <codec/ws_head.h>

%%{
    machine ws_head;
    alphtype unsigned char;
    variable cs ps->cs;

    action first {
        f->fin = *p & 0x80;
        f->compressed = *p & 0x40;
        f->rsv23 = *p & 0x30;
        f->opcode = *p & 0x0f;
    }
    action second {
        f->length = *p & 0x7f;
        error = ws_judge(ps, *p & 0x80, f->length);
        if (error != CODEC_WS_OK)
            fbreak;
    }
    action top_bit { error = CODEC_WS_BAD_LENGTH; fbreak; }
    action ext16   { f->length = bytes_u16be(p - 1); }
    action ext64   { f->length = bytes_u64be(p - 7); }
    action mask    { f->masked = true; memcpy(f->mask, p - 3, 4); }
    action done    { done = true; fbreak; }

    first = any @first;
    ext16 = any{2} @ext16;
    ext64 = ( 0x00..0x7f | 0x80..0xff @top_bit ) any{7} @ext64;

    plain  = 0x00..0x7d @second | 0x7e @second ext16 | 0x7f @second ext64;
    marked = 0x80..0xfd @second | 0xfe @second ext16 | 0xff @second ext64;
    mask   = any{4} @mask;

    as_marked   := first ( plain | marked mask ) @done;
    bit_ignored := first ( plain | marked ) @done;
}%%

%% write data noerror nofinal;

enum codec_ws_error ws_head_scan(struct codec_ws *ps, const uint8_t *head, size_t len, bool *complete)
{
    const uint8_t *p = head + ps->seen, *pe = head + len;
    struct codec_ws_event *f = &ps->frame;
    enum codec_ws_error error = CODEC_WS_OK;
    bool done = false;
    if (ps->seen == 0)
        ps->cs = ps->masking == CODEC_WS_MASK_NONE ? ws_head_en_bit_ignored : ws_head_en_as_marked;
    %% write exec;
    ps->seen = (uint8_t)(p - head);
    *complete = done;
    return error;
}
