/* codec/headers_line.h: between headers.c and its grammar (grammar/headers.rl). */
#ifndef CODEC_HEADERS_LINE_H
#define CODEC_HEADERS_LINE_H

#include <midge/headers.h>

/* Runs from h->pos to the end of the line: CODEC_EVENT (pos is behind the LF, *kind is set), CODEC_MORE, or
 * CODEC_ERROR (pos is the wrong byte, h->part what it is wrong in). */
enum codec_rc codec_headers_scan(struct codec_headers *h, slice in, enum codec_headers_kind *kind);

#endif
