/* pull.re: the body of a pull request as clients write it. Whatever is spelled otherwise (escapes, other keys, other
 * letter case, floats, null) is PULL_OTHER: the JSON reader takes over. */
#include "codec/text_lex.h"

enum pull_token pull_lex(slice *text, slice *value)
{
    const uint8_t *cur = text->len == 0 ? (const uint8_t *)"" : text->ptr, *end = cur + text->len, *mark = cur, *begin;
    enum pull_token token;

skip:
    begin = cur;
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

    ws    = [ \t\r\n]*;
    colon = ws ":";
    plain = [\x20\x21\x23-\x5b\x5d-\x7e];

    [ \t\r\n]+                { goto skip; }
    "{"                        { token = PULL_OPEN; goto done; }
    "}"                        { token = PULL_CLOSE; goto done; }
    ","                        { token = PULL_COMMA; goto done; }
    ["]"batch"["] colon           { token = PULL_BATCH; goto done; }
    ["]"expires"["] colon         { token = PULL_EXPIRES; goto done; }
    ["]"max_bytes"["] colon       { token = PULL_MAX_BYTES; goto done; }
    ["]"no_wait"["] colon         { token = PULL_NO_WAIT; goto done; }
    ["]"idle_heartbeat"["] colon  { token = PULL_IDLE_HEARTBEAT; goto done; }
    ["]"group"["] colon           { token = PULL_GROUP; goto done; }
    ["]"min_pending"["] colon     { token = PULL_MIN_PENDING; goto done; }
    ["]"min_ack_pending"["] colon { token = PULL_MIN_ACK_PENDING; goto done; }
    ["]"id"["] colon              { token = PULL_ID; goto done; }
    ["]"priority"["] colon        { token = PULL_PRIORITY; goto done; }
    "true"                     { token = PULL_TRUE; goto done; }
    "false"                    { token = PULL_FALSE; goto done; }
    "-"? ("0" | [1-9] [0-9]{0,17}) { token = PULL_INTEGER; goto done; }
    ["] plain* ["]             { token = PULL_STRING; begin++; goto done; }
    *                          { token = PULL_OTHER; goto done; }
    $                          { token = PULL_END; goto done; }
    */

done:
    *value = slice_make(begin, (size_t)(cur - begin) - (token == PULL_STRING ? 1 : 0));
    *text = slice_make(cur, (size_t)(end - cur));
    return token;
}
