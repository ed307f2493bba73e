/* msgpack.rl: the head of a MessagePack value: its type, and its number or the length of what follows. Extension types
 * and floats are named, so that they can be refused by name. */
#include "codec/bytes.h"
#include "codec/msgpack_head.h"

%%{
    machine msgpack_head;
    alphtype unsigned char;

    action fix_plus  { head->type = MSGPACK_UINT; head->number = *p; }
    action fix_minus { head->type = MSGPACK_INT; head->number = (uint64_t)(int64_t)(int8_t)*p; }
    action fix_map   { head->type = MSGPACK_MAP; head->number = *p & 0x0f; }
    action fix_array { head->type = MSGPACK_ARRAY; head->number = *p & 0x0f; }
    action fix_text  { head->type = MSGPACK_TEXT; head->number = *p & 0x1f; }
    action nil       { head->type = MSGPACK_NIL; }
    action no        { head->type = MSGPACK_BOOL; head->number = 0; }
    action yes       { head->type = MSGPACK_BOOL; head->number = 1; }
    action text      { head->type = MSGPACK_TEXT; }
    action array     { head->type = MSGPACK_ARRAY; }
    action map       { head->type = MSGPACK_MAP; }
    action uint      { head->type = MSGPACK_UINT; }
    action int       { head->type = MSGPACK_INT; }
    action other     { head->type = MSGPACK_OTHER; }
    action n1        { head->number = *p; }
    action n2        { head->number = bytes_u16be(p - 1); }
    action n4        { head->number = bytes_u32be(p - 3); }
    action n8        { head->number = bytes_u64be(p - 7); }
    action i1        { head->number = (uint64_t)(int64_t)(int8_t)*p; }
    action i2        { head->number = (uint64_t)(int64_t)(int16_t)bytes_u16be(p - 1); }
    action i4        { head->number = (uint64_t)(int64_t)(int32_t)bytes_u32be(p - 3); }
    action done      { len = (size_t)(p + 1 - in.ptr); fbreak; }

    n1 = any @n1;
    n2 = any{2} @n2;
    n4 = any{4} @n4;
    n8 = any{8} @n8;

    main := ( 0x00..0x7f @fix_plus
            | 0x80..0x8f @fix_map
            | 0x90..0x9f @fix_array
            | 0xa0..0xbf @fix_text
            | 0xc0 @nil
            | 0xc2 @no
            | 0xc3 @yes
            | ( 0xc4 n1 | 0xc5 n2 | 0xc6 n4 ) @text             # bin
            | ( 0xcc n1 | 0xcd n2 | 0xce n4 | 0xcf n8 ) @uint
            | ( 0xd0 any @i1 | 0xd1 any{2} @i2 | 0xd2 any{4} @i4 | 0xd3 n8 ) @int
            | ( 0xd9 n1 | 0xda n2 | 0xdb n4 ) @text             # str
            | ( 0xdc n2 | 0xdd n4 ) @array
            | ( 0xde n2 | 0xdf n4 ) @map
            | ( 0xc1 | 0xc7..0xcb | 0xd4..0xd8 ) @other         # never used, ext, float
            | 0xe0..0xff @fix_minus ) @done;
}%%

%% write data noerror nofinal noentry;

size_t msgpack_head_read(slice in, struct msgpack_head *head)
{
    *head = (struct msgpack_head){MSGPACK_NIL, 0};
    if (in.len == 0)
        return 0;
    const uint8_t *p = in.ptr, *pe = p + in.len;
    size_t len = 0;
    int cs = msgpack_head_start;
    %% write exec;
    return len;
}
