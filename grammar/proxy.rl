/* proxy.rl: the PROXY protocol's text line (v1) and the fixed part of its binary header (v2). Meaning of the words
 * and the addresses behind the binary header are read in proxy.c. */
#include <codec/bytes.h>
#include <codec/proxy_line.h>

%%{
    machine proxy_line;
    alphtype unsigned char;
    variable cs ps->cs;

    action word_start { if (ps->words < 6) ps->word[ps->words].at = (uint8_t)(p - line); }
    action word_end {
        if (ps->words < 6) {
            ps->word[ps->words].len = (uint8_t)(p - line - ps->word[ps->words].at);
            ps->words++;
        }
    }
    action done { length = (size_t)(p + 1 - line); fbreak; }

    ws   = [ \t\v\f\r\n];
    word = (any - ws)+ >word_start %word_end;

    # the first CR LF ends it, whatever else is in it
    main := "PROXY " ((ws* (word (ws+ word)* ws*)?) :>> "\r\n" @done);
}%%

%% write data noerror nofinal noentry;

size_t proxy_line_scan(struct codec_proxy *ps, const uint8_t *line, size_t len)
{
    const uint8_t *p = line + ps->seen, *pe = line + len;
    size_t length = 0;
    if (ps->seen == 0)
        ps->cs = proxy_line_start;
    %% write exec;
    ps->seen = (uint8_t)(p - line);
    return length;
}

%%{
    machine proxy_head;
    alphtype unsigned char;

    action signature { error = CODEC_PROXY_BAD_SIGNATURE; fbreak; }
    action version   { error = CODEC_PROXY_BAD_VERSION; fbreak; }
    action command   { error = CODEC_PROXY_BAD_COMMAND; fbreak; }
    action transport { error = CODEC_PROXY_NOT_STREAM; fbreak; }
    action family    { error = CODEC_PROXY_BAD_FAMILY; fbreak; }

    action local  { e->local = true; }
    action ipv4   { e->family = CODEC_PROXY_IPV4; }
    action ipv6   { e->family = CODEC_PROXY_IPV6; }
    action length { *length = bytes_u16be(p - 1); }

    signature = 0x0d 0x0a 0x0d 0x0a 0x00 0x0d 0x0a 0x51 0x55 0x49 0x54 0x0a;

    bad_version   = (any - 0x20..0x2f) @version;
    bad_command   = 0x22..0x2f @command;
    # of a wrong transport and a wrong family the transport is told
    bad_transport = (any - (0x01 | 0x11 | 0x21 | 0x31 | 0x41 | 0x51 | 0x61 | 0x71 | 0x81 | 0x91 | 0xa1 | 0xb1 |
                            0xc1 | 0xd1 | 0xe1 | 0xf1)) @transport;
    bad_family    = (0x31 | 0x41 | 0x51 | 0x61 | 0x71 | 0x81 | 0x91 | 0xa1 | 0xb1 | 0xc1 | 0xd1 | 0xe1 |
                     0xf1) @family;

    local = 0x20 @local any;
    proxy = 0x21 (0x01 | 0x11 @ipv4 | 0x21 @ipv6 | bad_transport | bad_family);

    main := signature $!signature (local | proxy | bad_version | bad_command) any{2} @length;
}%%

%% write data noerror nofinal noentry;

enum codec_proxy_error proxy_head_read(const uint8_t head[CODEC_PROXY_V2_HEAD_LEN], struct codec_proxy_event *e,
                                       uint16_t *length, uint64_t *at)
{
    const uint8_t *p = head, *pe = head + CODEC_PROXY_V2_HEAD_LEN, *eof = NULL; /* never at its end in error */
    enum codec_proxy_error error = CODEC_PROXY_OK;
    int cs = proxy_head_start;
    %% write exec;
    *at = (uint64_t)(p - 1 - head);
    return error;
}
