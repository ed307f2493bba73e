/* client.rl: the lines that a client sends to a server (docs/spec/client-protocol.md, sections 4, 5, 7 and 8).
 *
 * Payloads are not here: their length is known from the line, codec_client_next takes them. */
#include "codec/line.h"
#include <midge/client.h>

%%{
    machine client;
    include nats_common "nats_common.rl";
    variable cs ln->cs;

    action v_connect { ln->verb = CODEC_CLIENT_CONNECT; }
    action v_info    { ln->verb = CODEC_CLIENT_INFO; }
    action v_pub     { ln->verb = CODEC_CLIENT_PUB; }
    action v_hpub    { ln->verb = CODEC_CLIENT_HPUB; }
    action v_hmsg    { ln->verb = CODEC_CLIENT_HMSG; }
    action v_sub     { ln->verb = CODEC_CLIENT_SUB; }
    action v_unsub   { ln->verb = CODEC_CLIENT_UNSUB; }
    action v_ping    { ln->verb = CODEC_CLIENT_PING; }
    action v_pong    { ln->verb = CODEC_CLIENT_PONG; }
    action v_ok      { ln->verb = CODEC_CLIENT_OK; }
    action v_err     { ln->verb = CODEC_CLIENT_ERR; }
    action done    { fbreak; }

    line = 'pub'i     ws @v_pub     args
         | 'hpub'i    ws @v_hpub    args
         | 'sub'i     ws @v_sub     args
         | 'unsub'i   ws @v_unsub   args
         | 'hmsg'i    ws @v_hmsg    raw
         | '-err'i    ws @v_err     raw
         | 'connect'i @v_connect    raw
         | 'info'i    @v_info       raw
         | 'ping'i    @v_ping       ignored
         | 'pong'i    @v_pong       ignored
         | '+ok'i     @v_ok         ignored;

    main := line @done;
}%%

%% write data noentry;

enum codec_line_rc codec_client_scan(struct codec_line *ln, slice in)
{
    const uint8_t *base = slice_ptr(in), *p = base + ln->pos, *pe = base + in.len;
    size_t argc = ln->argc;
    if (codec_line_is_new(ln)) {
        %% write init;
    }
    %% write exec;
    ln->pos = (size_t)(p - base);
    ln->argc = argc;
    if (ln->cs >= client_first_final)
        return CODEC_LINE_DONE;
    return ln->cs == client_error ? CODEC_LINE_BAD : CODEC_LINE_MORE;
}
