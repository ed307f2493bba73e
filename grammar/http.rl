/* http.rl: the lines of HTTP/1.1 (RFC 9112): request line, status line, header line, chunk size.
 *
 * A line may end anywhere in a read and go on in the next: positions are offsets from its first byte. A bare LF ends a
 * line, too. */
#include "codec/http_line.h"

%%{
    machine http;
    alphtype unsigned char;
    variable cs ps->cs;

    action mark0 { ps->mark[0] = (uint32_t)(p - base); }
    action mark1 { ps->mark[1] = (uint32_t)(p - base); }
    action mark2 { ps->mark[2] = (uint32_t)(p - base); }
    action minor { ps->minor = (uint8_t)(*p - '0'); }
    action digit { ps->number = ps->number * 10 + (uint32_t)(*p - '0'); }
    action hex   { ps->left = ps->left << 4 | (uint64_t)(*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10); }
    action version { rc = HTTP_LINE_VERSION; fbreak; }
    action folded  { rc = HTTP_LINE_FOLDED; fbreak; }
    action empty   { rc = HTTP_LINE_EMPTY; fbreak; }
    action done    { rc = HTTP_LINE_DONE; fbreak; }

    eol    = '\r'? '\n';
    ws     = [ \t];
    tchar  = [!#$%&'*+\-.^_`|~0-9A-Za-z];
    text   = any - ( 0x00..0x08 | 0x0a..0x1f | 0x7f );
    target = ( text - ws )+;

    version = 'HTTP/' ( '1.' [01] @minor | ( [02-9] [0-9.] | '1.' [2-9] ) @version );

    # mark 0: end of the method, 1 and 2: the target
    request := tchar+ %mark0 ' ' target >mark1 %mark2 ' ' version eol @done;

    # mark 0: the reason's first byte, 1: the end of the line
    status   = digit{3} $digit;
    response := version ' ' status ( ' ' text* >mark0 %mark1 )? eol @done;

    # mark 0: end of the name, 1: where the value begins, 2: the end of the line
    id_host           = 'host'i                     %{ ps->name = CODEC_HTTP_HOST; };
    id_connection     = 'connection'i               %{ ps->name = CODEC_HTTP_CONNECTION; };
    id_upgrade        = 'upgrade'i                  %{ ps->name = CODEC_HTTP_UPGRADE; };
    id_length         = 'content-length'i           %{ ps->name = CODEC_HTTP_CONTENT_LENGTH; };
    id_coding         = 'transfer-encoding'i        %{ ps->name = CODEC_HTTP_TRANSFER_ENCODING; };
    id_type           = 'content-type'i             %{ ps->name = CODEC_HTTP_CONTENT_TYPE; };
    id_origin         = 'origin'i                   %{ ps->name = CODEC_HTTP_ORIGIN; };
    id_cookie         = 'cookie'i                   %{ ps->name = CODEC_HTTP_COOKIE; };
    id_agent          = 'user-agent'i               %{ ps->name = CODEC_HTTP_USER_AGENT; };
    id_authorization  = 'authorization'i            %{ ps->name = CODEC_HTTP_AUTHORIZATION; };
    id_forwarded      = 'x-forwarded-for'i          %{ ps->name = CODEC_HTTP_X_FORWARDED_FOR; };
    id_ws_key         = 'sec-websocket-key'i        %{ ps->name = CODEC_HTTP_WS_KEY; };
    id_ws_version     = 'sec-websocket-version'i    %{ ps->name = CODEC_HTTP_WS_VERSION; };
    id_ws_extensions  = 'sec-websocket-extensions'i %{ ps->name = CODEC_HTTP_WS_EXTENSIONS; };
    id_ws_protocol    = 'sec-websocket-protocol'i   %{ ps->name = CODEC_HTTP_WS_PROTOCOL; };
    id_ws_accept      = 'sec-websocket-accept'i     %{ ps->name = CODEC_HTTP_WS_ACCEPT; };
    id_ws_origin      = 'sec-websocket-origin'i     %{ ps->name = CODEC_HTTP_WS_ORIGIN; };
    id_no_masking     = 'nats-no-masking'i          %{ ps->name = CODEC_HTTP_NO_MASKING; };

    known = id_host | id_connection | id_upgrade | id_length | id_coding | id_type | id_origin | id_cookie | id_agent
          | id_authorization | id_forwarded | id_ws_key | id_ws_version | id_ws_extensions | id_ws_protocol
          | id_ws_accept | id_ws_origin | id_no_masking;

    name   = ( known | tchar+ ) %mark0;
    value  = ( text - ws ) text*;
    header := ws @folded
            | eol @empty
            | name ':' ws* ( value >mark1 %mark2 )? eol @done;

    chunk  := xdigit{1,15} $hex ( ws* ';' text* | ws* ) eol @done;
    crlf   := eol @done;
}%%

%% write data;

enum http_line http_line_scan(struct codec_http *ps, enum http_part part, slice in)
{
    static const int starts[] = {
        [HTTP_PART_REQUEST] = http_en_request, [HTTP_PART_RESPONSE] = http_en_response,
        [HTTP_PART_HEADER] = http_en_header,   [HTTP_PART_CHUNK] = http_en_chunk,
        [HTTP_PART_CRLF] = http_en_crlf,
    };
    if (in.len == 0)
        return HTTP_LINE_MORE;
    const uint8_t *base = in.ptr, *p = base + ps->pos, *pe = base + in.len;
    enum http_line rc = HTTP_LINE_MORE;
    if (ps->pos == 0) {
        ps->cs = starts[part];
        ps->number = 0;
        ps->name = CODEC_HTTP_OTHER;
        ps->mark[0] = ps->mark[1] = ps->mark[2] = 0;
    }
    %% write exec;
    ps->pos = (size_t)(p - base);
    return rc == HTTP_LINE_MORE && ps->cs == http_error ? HTTP_LINE_BAD : rc;
}
