/* duration.re: the terms of a duration (Go's time.ParseDuration) and the suffixes of sizes. */
#include "codec/text_lex.h"

enum duration_term duration_lex(slice *text, slice *number, slice *unit)
{
    const uint8_t *cur = text->len == 0 ? (const uint8_t *)"" : text->ptr, *end = cur + text->len, *mark = cur, *begin = cur, *name;
    enum duration_term term;

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

    number = [0-9]+ ("." [0-9]*)? | "." [0-9]+;

    number { goto unit; }
    *      { return DURATION_BAD; }
    $      { return DURATION_END; }
    */

unit:
    *number = slice_make(begin, (size_t)(cur - begin));
    name = cur;
    /*!re2c
    ns = "ns";
    us = "us" | "\xc2\xb5" "s" | "\xce\xbc" "s";
    more = [^0-9.];

    ns       { term = DURATION_NS; goto done; }
    us       { term = DURATION_US; goto done; }
    "ms"     { term = DURATION_MS; goto done; }
    "s"      { term = DURATION_S; goto done; }
    "m"      { term = DURATION_M; goto done; }
    "h"      { term = DURATION_H; goto done; }
    more+    { term = DURATION_OTHER_UNIT; goto done; }
    *        { cur = name; term = DURATION_NO_UNIT; goto done; }
    $        { term = DURATION_NO_UNIT; goto done; }
    */

done:
    *unit = slice_make(name, (size_t)(cur - name));
    *text = slice_make(cur, (size_t)(end - cur));
    return term;
}

int64_t size_suffix_lex(slice text)
{
    const uint8_t *cur = text.len == 0 ? (const uint8_t *)"" : text.ptr, *end = cur + text.len, *mark = cur;
    int64_t factor = 0;

    /*!re2c

    'k'     { factor = 1000; goto done; }
    'm'     { factor = 1000000; goto done; }
    'g'     { factor = 1000000000; goto done; }
    't'     { factor = 1000000000000; goto done; }
    'p'     { factor = 1000000000000000; goto done; }
    'e'     { factor = 1000000000000000000; goto done; }
    'k' ('b' | 'i' | 'ib') { factor = INT64_C(1) << 10; goto done; }
    'm' ('b' | 'i' | 'ib') { factor = INT64_C(1) << 20; goto done; }
    'g' ('b' | 'i' | 'ib') { factor = INT64_C(1) << 30; goto done; }
    't' ('b' | 'i' | 'ib') { factor = INT64_C(1) << 40; goto done; }
    'p' ('b' | 'i' | 'ib') { factor = INT64_C(1) << 50; goto done; }
    'e' ('b' | 'i' | 'ib') { factor = INT64_C(1) << 60; goto done; }
    *       { return 0; }
    $       { return 1; }
    */

done:
    return cur == end ? factor : 0;
}
