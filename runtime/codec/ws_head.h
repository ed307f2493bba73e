/* ws_head.h: between ws.c and its grammar (grammar/ws.rl). */
#ifndef CODEC_WS_HEAD_H
#define CODEC_WS_HEAD_H

#include <midge/ws.h>

/* Scans a frame's head on from parser->seen into parser->frame. *complete: all of it is there, parser->seen
 * is its length. On an error parser->seen counts the refused byte. */
enum codec_ws_error ws_head_scan(struct codec_ws *parser, const uint8_t *head, size_t len, bool *complete);

/* Judges the first two bytes: those of the first stand in parser->frame, mask bit and 7-bit length are told.
 */
enum codec_ws_error ws_judge(const struct codec_ws *parser, bool mask_bit, uint64_t length);

#endif
