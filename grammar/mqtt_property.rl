/* mqtt_property.rl: one property of an MQTT 5.0 packet (standard, section 2.2.2.2): an id, and a value whose form
 * follows from it. Where a property may stand and what its number may be: mqtt_property.c. */
#include "codec/bytes.h"
#include "codec/mqtt_body.h"

%%{
    machine mqtt_property;
    alphtype unsigned char;

    action byte    { q->value = CODEC_MQTT_BYTE; q->number = *p; }
    action u16     { q->value = CODEC_MQTT_U16; q->number = bytes_u16be(p - 1); }
    action u32     { q->value = CODEC_MQTT_U32; q->number = bytes_u32be(p - 3); }
    action group   { q->number |= (uint32_t)(*p & 0x7f) << shift; shift += 7; }
    action varint  {
        q->value = CODEC_MQTT_VARINT;
        if (*p == 0 && shift > 7) { /* a last group of zero: not the shortest form */
            *error = CODEC_MQTT_BAD_VARINT;
            fbreak;
        }
    }
    action overlong { *error = CODEC_MQTT_BAD_VARINT; fbreak; }
    action unknown  { *error = CODEC_MQTT_UNKNOWN_PROPERTY; fbreak; }
    action counted {
        size_t n = bytes_u16be(p - 1);
        if ((size_t)(pe - p - 1) < n)
            fbreak;
        q->pair = slice_make(p + 1, n);
        p += n;
    }
    action string { q->value = CODEC_MQTT_STRING; q->text = q->pair; }
    action binary { q->value = CODEC_MQTT_BINARY; q->text = q->pair; }
    action name   { q->text = q->pair; }
    action pair   { q->value = CODEC_MQTT_PAIR; }
    action done   { *error = CODEC_MQTT_OK; len = (size_t)(p + 1 - bytes.ptr); fbreak; }

    counted = any{2} @counted;
    varint  = ( 0x80..0xff $group ){0,3} 0x00..0x7f @group @varint
            | ( 0x80..0xff ){4} @overlong;

    byte_id   = 0x01 | 0x17 | 0x19 | 0x24 | 0x25 | 0x28 | 0x29 | 0x2a;
    u16_id    = 0x13 | 0x21 | 0x22 | 0x23;
    u32_id    = 0x02 | 0x11 | 0x18 | 0x27;
    varint_id = 0x0b;
    string_id = 0x03 | 0x08 | 0x12 | 0x15 | 0x1a | 0x1c | 0x1f;
    binary_id = 0x09 | 0x16;
    pair_id   = 0x26;
    known_id  = byte_id | u16_id | u32_id | varint_id | string_id | binary_id | pair_id;

    main := ( byte_id   any @byte
            | u16_id    any{2} @u16
            | u32_id    any{4} @u32
            | varint_id varint
            | string_id counted @string
            | binary_id counted @binary
            | pair_id   counted @name counted @pair ) @done
          | ( any - known_id ) @unknown;
}%%

%% write data noerror nofinal noentry;

size_t mqtt_property_read(slice bytes, struct codec_mqtt_property *q, enum codec_mqtt_error *error)
{
    *q = (struct codec_mqtt_property){.id = 0};
    *error = CODEC_MQTT_TRUNCATED;
    if (bytes.len == 0)
        return 0;
    const uint8_t *p = bytes.ptr, *pe = p + bytes.len;
    size_t len = 0;
    unsigned shift = 0;
    int cs = mqtt_property_start;
    q->id = *p;
    %% write exec;
    if (q->value != CODEC_MQTT_PAIR)
        q->pair = SLICE_EMPTY;
    return len;
}
