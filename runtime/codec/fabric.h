/* codec/fabric.h: between fabric.c, its encoder and the machines of the three dialects. */
#ifndef CODEC_FABRIC_H
#define CODEC_FABRIC_H

#include "codec/line.h"
#include <midge/fabric.h>

/* The generated machines: run over the bytes from ln->pos on, up to the LF of one line. */
enum codec_line_rc codec_route_scan(struct codec_line *ln, slice in);
enum codec_line_rc codec_gateway_scan(struct codec_line *ln, slice in);
enum codec_line_rc codec_leaf_scan(struct codec_line *ln, slice in);

#endif
