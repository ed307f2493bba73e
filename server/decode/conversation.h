/* conversation.h: what the two sides of a connection say to each other: their streams go through the parsers
 * and their events to the printer.
 *
 * The protocol is told, or guessed from the first bytes of both directions. A PROXY header in front of a
 * stream is shown. An upgrade makes both streams go on as WebSocket frames; what the frames carry is a
 * conversation of its own, which is shown behind them. A stream that is malformed is told once and then
 * skipped; the other goes on. One thread. */
#ifndef DECODE_CONVERSATION_H
#define DECODE_CONVERSATION_H

#include "server/decode/print.h"

/* What all conversations of an input share. */
struct rules {
    struct printer *printer;
    enum codec_protocol protocol; /* NO_PROTOCOL: guess */
    bool one;                     /* one direction alone, whose bytes come as the dialler's */
    int from;                     /* then: enum codec_direction, or -1 to guess that, too */
    bool raft;                    /* show RAFT messages behind the messages that carry them */
    size_t malformed;             /* streams so far */
};

struct conversation;

/* `inner`: what another conversation carries; a protocol that is not known is no fault then. NULL: out of
 * memory. */
struct conversation *conversation_new(struct rules *rules, bool inner);

/* Bytes that one side said. false: out of memory, or the output cannot be written. */
bool conversation_feed(struct conversation *c, const struct origin *origin, slice bytes);

/* Bytes that should have come before the next ones are missing. */
void conversation_gap(struct conversation *c, const struct origin *origin, const char *why);

/* A side has closed. True when the other had, too. */
bool conversation_close(struct conversation *c, enum codec_direction direction);

/* Nothing more comes: what was held back is shown. */
bool conversation_finish(struct conversation *c);

void conversation_free(struct conversation *c);

#endif
