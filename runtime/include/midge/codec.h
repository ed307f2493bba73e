/* codec.h: what all parsers of the toolkit share.
 *
 * Every protocol has a header of its own (client.h, route.h, mqtt.h, ...) with a parser struct, a tagged
 * union of events and a function
 *
 *     enum codec_rc codec_X_next(struct codec_X *parser, slice *in, struct codec_X_event *event);
 *
 * that pulls the next event out of the bytes in *in. The rules are the same for all:
 *
 *  - CODEC_EVENT: *event is filled and *in has been advanced past it. Slices in the event point into the
 *    caller's buffer and live as long as those bytes stay where they are.
 *  - CODEC_MORE: the bytes at hand end inside an element. Keep the bytes that *in shows now (all of them, but
 *    for bytes that no event will ever show, such as ignored text, which may have been dropped from its
 * front) and call again with them in front and more behind them; they may have moved. event->need is the
 * number of bytes that are missing at least, 0 when that is not known. No byte is looked at twice.
 *  - CODEC_ERROR: event->error says what is wrong and where. The parser stays in error until it is made anew.
 *
 * A parser is a plain struct of a few hundred bytes at most that the caller places; nothing is allocated,
 * nothing is global, no function recurses. One parser belongs to one thread at a time. A control line and its
 * payload are separate events; when the payload has arrived in full they come together.
 *
 * Encoders stand beside the parsers: codec_X_encode(event, out, cap) returns the number of bytes that the
 * event takes; when that is more than cap nothing is written. Encode and parse are inverse. */
#ifndef MIDGE_CODEC_H
#define MIDGE_CODEC_H

#include <midge/slice.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the library exports: these functions and tables, and nothing else. */
#if defined(__GNUC__)
#define CODEC_API __attribute__((visibility("default")))
#else
#define CODEC_API
#endif

enum codec_rc {
    CODEC_EVENT,
    CODEC_MORE,
    CODEC_ERROR,
};

/* Where and why a stream is malformed. `kind` is a value of the protocol's own enum (its first member is 0,
 * "no error"); codec_X_error_text(kind) gives a sentence for people. `offset` counts from the first byte that
 * the parser was ever given. */
struct codec_error {
    int kind;
    uint64_t offset;
};

#ifdef __cplusplus
}
#endif

#endif
