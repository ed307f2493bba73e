/* headers.rl: the lines of a header block (docs/spec/client-protocol.md 7.1). One run reads one line. */
#include "codec/headers_line.h"

%%{
    machine headers;
    alphtype unsigned char;
    variable cs h->cs;

    # What a wrong byte would be wrong in.
    action in_version { h->part = CODEC_HEADERS_VERSION; }
    action in_code    { h->part = CODEC_HEADERS_CODE; }
    action in_name    { h->part = CODEC_HEADERS_NAME; }
    action in_text    { h->part = CODEC_HEADERS_EOL; }

    # Offsets from the start of the line.
    action code  { h->mark = (size_t)(p - base); }
    action colon { h->mark = (size_t)(p - base); }
    action value { h->value_at = (size_t)(p - base); }

    action status { *kind = CODEC_HEADERS_STATUS; fbreak; }
    action field  { *kind = CODEC_HEADERS_FIELD; fbreak; }
    action end    { *kind = CODEC_HEADERS_END; fbreak; }

    ws    = [ \t];
    eol   = '\r' @in_text '\n';
    value = ( any - [ \t\r\n] ) >value ( any - [\r\n] )*;
    name  = ( 0x21..0x7e - ':' )+;
    code  = digit{3} >code @in_text;

    status_line = 'NATS/1.0' >in_version ( ws+ >in_code ( code ( ws+ value? )? )? )? eol;
    field_line  = name >in_name ':' >colon @in_text ws* value? eol;

    first := status_line @status;
    main := field_line @field | ( '\r' >in_text '\n' ) @end;
}%%

%% write data;

enum codec_rc codec_headers_scan(struct codec_headers *h, slice in, enum codec_headers_kind *kind)
{
    const uint8_t *base = slice_ptr(in), *p = base + h->pos, *pe = base + in.len;
    if (h->pos == 0) {
        h->cs = h->inside ? headers_en_main : headers_en_first;
        h->part = h->inside ? CODEC_HEADERS_NAME : CODEC_HEADERS_VERSION;
        h->mark = h->value_at = 0;
    }
    %% write exec;
    h->pos = (size_t)(p - base);
    if (h->cs >= headers_first_final)
        return CODEC_EVENT;
    return h->cs == headers_error ? CODEC_ERROR : CODEC_MORE;
}
