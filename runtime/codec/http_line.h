/* http_line.h: between http.c and its grammar (grammar/http.rl). */
#ifndef CODEC_HTTP_LINE_H
#define CODEC_HTTP_LINE_H

#include <midge/http.h>

enum http_part {
    HTTP_PART_REQUEST,
    HTTP_PART_RESPONSE,
    HTTP_PART_HEADER,
    HTTP_PART_CHUNK, /* its size goes into parser->left, which is 0 before */
    HTTP_PART_CRLF,  /* behind a chunk */
};

enum http_line {
    HTTP_LINE_MORE,
    HTTP_LINE_DONE,   /* parser->pos is behind the LF */
    HTTP_LINE_EMPTY,  /* a header line that is none: the end of the head */
    HTTP_LINE_BAD,    /* parser->pos is the byte that is wrong */
    HTTP_LINE_FOLDED, /* this and the next: parser->pos is behind the byte that is wrong */
    HTTP_LINE_VERSION,
};

/* Scans a line on from parser->pos; marks are described in the grammar. */
enum http_line http_line_scan(struct codec_http *parser, enum http_part part, slice in);

#endif
