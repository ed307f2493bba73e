/* session.h: the connections of an input, each a conversation (conversation.h) that is shown by a printer.
 *
 * Memory: at most SESSION_MAX connections (the one that was idle longest makes room), each stream with a
 * buffer that holds one message: STREAM_MAX bytes. A payload above WHOLE_MAX comes in pieces. One thread. */
#ifndef DECODE_SESSION_H
#define DECODE_SESSION_H

#include "server/decode/print.h"
#include "server/decode/source.h"

#define SESSION_MAX 4096
#define WHOLE_MAX   (1u << 20)
#define STREAM_MAX  (4u << 20)
#define GUESS_MAX   (64u << 10) /* bytes of a direction that must be enough to know the protocol */

struct sessions;

/* NO_PROTOCOL: guess. `one` says that an input has one direction alone, whose bytes come as the dialler's:
 * `from` is what it is, or -1 to be guessed, too. */
struct sessions *sessions_new(struct printer *printer, enum codec_protocol protocol, bool one, int from);

/* RAFT messages are shown behind the messages that carry them. */
void sessions_show_raft(struct sessions *s);

/* false: out of memory, or the output cannot be written. */
bool sessions_feed(struct sessions *s, const struct chunk *chunk);

/* The input has ended: what was held back is shown; of a single stream that ends inside a message this is
 * told. */
bool sessions_finish(struct sessions *s);

/* Streams that were malformed so far. */
size_t sessions_malformed(const struct sessions *s);

void sessions_free(struct sessions *s);

#endif
