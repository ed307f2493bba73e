/* proxy_line.h: between proxy.c and its grammar (grammar/proxy.rl). */
#ifndef CODEC_PROXY_LINE_H
#define CODEC_PROXY_LINE_H

#include <midge/proxy.h>

/* Scans a v1 line on from parser->seen to at most `len` bytes; returns its length with CR LF when it is
 * complete, 0 when it is not. Words after PROXY stand in parser->word then. */
size_t proxy_line_scan(struct codec_proxy *parser, const uint8_t *line, size_t len);

/* Reads the 16 fixed bytes of a v2 header: command and family into the event, the length of what follows into
 * *length. Returns CODEC_PROXY_OK or the error, whose place is *at. */
enum codec_proxy_error proxy_head_read(const uint8_t head[CODEC_PROXY_V2_HEAD_LEN],
                                       struct codec_proxy_event *event, uint16_t *length, uint64_t *at);

#endif
