/* line.h: the control line, which all NATS text protocols share.
 *
 * A control line is a verb, blanks, arguments and LF. Each protocol has its own Ragel machine (grammar/), but
 * all of them keep what they have found in a struct codec_line, so that a line may end anywhere in a read and
 * go on in the next one: positions are offsets from the first byte of the message, never pointers.
 *
 * The struct is embedded in the parsers of the protocols; its members are theirs, callers look at none. */
#ifndef MIDGE_LINE_H
#define MIDGE_LINE_H

#include <midge/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The first seven arguments of a line and the last one are kept; those between are only counted. */
#define CODEC_LINE_TOKENS 8

/* Default of max_control_line. Routes, gateways and leaf nodes use sixteen times the value. */
#define CODEC_MAX_CONTROL_LINE 4096

/* The largest number that the protocol can carry in a size: nine digits. */
#define CODEC_MAX_SIZE 999999999u

/* Bytes at..end-1, counted from the first byte of the message. */
struct codec_span {
    size_t at;
    size_t end;
};

struct codec_line {
    int cs;                                   /* the machine's state */
    int verb;                                 /* the protocol's verb, 0 while it is not complete */
    bool odd;                                 /* a CR stands elsewhere than before the LF */
    size_t argc;                              /* arguments begun so far; of raw text: 1 */
    size_t pos;                               /* first byte that was not looked at yet */
    uint64_t offset;                          /* stream offset of the message's first byte */
    struct codec_span tok[CODEC_LINE_TOKENS]; /* tok[0].at is where the argument text begins */
};

/* Where a parser stands. */
enum codec_phase {
    CODEC_IN_LINE,
    CODEC_IN_PAYLOAD,
    CODEC_FAILED,
};

#ifdef __cplusplus
}
#endif

#endif
