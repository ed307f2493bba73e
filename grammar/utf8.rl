/* utf8.rl: well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
#include "codec/utf8.h"

%%{
    machine utf8;
    alphtype unsigned char;

    tail  = 0x80..0xbf;
    one   = 0x00..0x7f;
    two   = 0xc2..0xdf tail;
    three = 0xe0 0xa0..0xbf tail | ( 0xe1..0xec | 0xee..0xef ) tail{2} | 0xed 0x80..0x9f tail;
    four  = 0xf0 0x90..0xbf tail{2} | 0xf1..0xf3 tail{3} | 0xf4 0x80..0x8f tail{2};

    main := ( one | two | three | four )*;
}%%

%% write data noerror noentry;

bool utf8_valid(slice text)
{
    if (text.len == 0)
        return true;
    const uint8_t *p = text.ptr, *pe = p + text.len;
    int cs = utf8_start;
    p += utf8_ascii_prefix(text);
    %% write exec;
    return p == pe && cs >= utf8_first_final;
}
