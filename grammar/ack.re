/* ack.re: what an acknowledgement begins with. */
#include "codec/text_lex.h"

enum codec_ack_kind ack_lex(slice *text)
{
    const uint8_t *cur = text->len == 0 ? (const uint8_t *)"" : text->ptr, *end = cur + text->len, *mark = cur;
    enum codec_ack_kind kind;

    /*!re2c
    re2c:api = custom;
    re2c:api:style = free-form;
    re2c:define:YYCTYPE = uint8_t;
    re2c:define:YYPEEK = "cur < end ? *cur : 0";
    re2c:define:YYSKIP = "cur++;";
    re2c:define:YYBACKUP = "mark = cur;";
    re2c:define:YYRESTORE = "cur = mark;";
    re2c:define:YYLESSTHAN = "cur >= end";
    re2c:yyfill:enable = 0;
    re2c:eof = 0;

    "+ACK" | "+OK" { kind = cur == end ? CODEC_ACK_ACK : CODEC_ACK_UNKNOWN; goto done; }
    "+WPI"         { kind = cur == end ? CODEC_ACK_PROGRESS : CODEC_ACK_UNKNOWN; goto done; }
    "-NAK"         { kind = CODEC_ACK_NAK; goto done; }
    "+NXT"         { kind = CODEC_ACK_NEXT; goto done; }
    "+TERM"        { kind = CODEC_ACK_TERM; goto done; }
    *              { return CODEC_ACK_UNKNOWN; }
    $              { return CODEC_ACK_ACK; }
    */

done:
    if (kind != CODEC_ACK_UNKNOWN)
        *text = slice_make(cur, (size_t)(end - cur));
    return kind;
}
