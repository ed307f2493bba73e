/* subject.re: the tokens of a subject, each with what is special about it. */
#include <midge/subject.h>

struct codec_subject codec_subject_scan(slice subject)
{
    const uint8_t *cur = slice_ptr(subject), *end = cur + subject.len, *mark;
    struct codec_subject s = {.tokens = 1};
    bool in_token = false; /* something stands since the last dot */
    bool gt = false;       /* the token before was `>` */

next:
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

    blank = [ \t\n\f\r];
    byte  = [^.] \ blank;

    "."           { s.empty_token |= !in_token; in_token = false; s.tokens++; goto next; }
    "*"           { s.wildcards++; s.after_gt |= gt; in_token = true; goto next; }
    ">"           { s.wildcards++; s.after_gt |= gt; gt = true; in_token = true; goto next; }
    byte+         { s.after_gt |= gt; in_token = true; goto next; }
    (byte | blank)+ { s.after_gt |= gt; s.blank = true; in_token = true; goto next; }
    $             { s.empty_token |= !in_token; return s; }
    */
}
