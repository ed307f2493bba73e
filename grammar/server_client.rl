/* server_client.rl: the lines that a server sends to a client (docs/spec/client-protocol.md 5.7).
 *
 * Payloads are not here: their length is known from the line, codec_server_next takes them. */
#include "codec/line.h"
#include <midge/client.h>

%%{
    machine server_client;
    include nats_common "nats_common.rl";
    variable cs ln->cs;

    action v_info { ln->verb = CODEC_SERVER_INFO; }
    action v_msg  { ln->verb = CODEC_SERVER_MSG; }
    action v_hmsg { ln->verb = CODEC_SERVER_HMSG; }
    action v_ping { ln->verb = CODEC_SERVER_PING; }
    action v_pong { ln->verb = CODEC_SERVER_PONG; }
    action v_ok   { ln->verb = CODEC_SERVER_OK; }
    action v_err  { ln->verb = CODEC_SERVER_ERR; }
    action done   { fbreak; }

    line = 'msg'i  ws @v_msg  args
         | 'hmsg'i ws @v_hmsg args
         | '-err'i ws @v_err  raw
         | 'info'i @v_info    raw
         | 'ping'i @v_ping    ignored
         | 'pong'i @v_pong    ignored
         | '+ok'i  @v_ok      ignored;

    main := line @done;
}%%

%% write data noentry;

enum codec_line_rc codec_server_scan(struct codec_line *ln, slice in)
{
    const uint8_t *base = slice_ptr(in), *p = base + ln->pos, *pe = base + in.len;
    size_t argc = ln->argc;
    if (codec_line_is_new(ln)) {
        %% write init;
    }
    %% write exec;
    ln->pos = (size_t)(p - base);
    ln->argc = argc;
    if (ln->cs >= server_client_first_final)
        return CODEC_LINE_DONE;
    return ln->cs == server_client_error ? CODEC_LINE_BAD : CODEC_LINE_MORE;
}
