/* json.re: the tokens of JSON (RFC 8259), and the beginnings of tokens that go wrong.
 *
 * The text need not end in a sentinel: every look at a byte is bounded. A rule that names a broken token stops at
 * the byte that breaks it, so that the error says which one. */
#include "codec/json_lex.h"

enum codec_json_lexeme codec_json_lex(slice text, size_t *pos, size_t *at)
{
    const uint8_t *begin = slice_ptr(text), *cur = begin + *pos, *end = begin + text.len, *start, *mark;
    enum codec_json_lexeme lexeme;

skip:
    start = cur;
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

    ascii  = [\x20\x21\x23-\x5b\x5d-\x7f];
    hex    = [0-9a-fA-F];
    escape = "\\" ["\\/bfnrt] | "\\u" hex{4};
    char   = ascii | [\x80-\xff] | escape;
    int    = "-"? ( "0" | [1-9] [0-9]* );
    frac   = "." [0-9]+;
    exp    = [eE] [+-]? [0-9]+;

    [ \t\r\n]+   { goto skip; }
    "{"          { lexeme = JSON_OPEN_OBJECT; goto done; }
    "}"          { lexeme = JSON_CLOSE_OBJECT; goto done; }
    "["          { lexeme = JSON_OPEN_ARRAY; goto done; }
    "]"          { lexeme = JSON_CLOSE_ARRAY; goto done; }
    ":"          { lexeme = JSON_COLON; goto done; }
    ","          { lexeme = JSON_COMMA; goto done; }
    "true"       { lexeme = JSON_TRUE; goto done; }
    "false"      { lexeme = JSON_FALSE; goto done; }
    "null"       { lexeme = JSON_NULL; goto done; }
    int          { lexeme = JSON_INTEGER; goto done; }
    int frac? exp?            { lexeme = JSON_NUMBER; goto done; }
    ["] ascii* ["]            { lexeme = JSON_PLAIN_STRING; goto done; }
    ["] char* ["]             { lexeme = JSON_STRING; goto done; }

    ["] char*                 { lexeme = JSON_BROKEN_STRING; goto done; }
    "-" | int "." | int frac? [eE] [+-]? { lexeme = JSON_BROKEN_NUMBER; goto done; }
    "t" | "tr" | "tru"        { lexeme = JSON_BROKEN_TRUE; goto done; }
    "f" | "fa" | "fal" | "fals" { lexeme = JSON_BROKEN_FALSE; goto done; }
    "n" | "nu" | "nul"        { lexeme = JSON_BROKEN_NULL; goto done; }
    *                         { lexeme = JSON_NOTHING; goto done; }
    $                         { lexeme = JSON_TEXT_END; goto done; }
    */

done:
    *at = (size_t)(start - begin);
    *pos = (size_t)(cur - begin);
    return lexeme;
}
