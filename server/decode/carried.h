/* carried.h: what stands inside of events: the stream in WebSocket frames, and RAFT messages in messages. */
#ifndef DECODE_CARRIED_H
#define DECODE_CARRIED_H

#include "server/decode/conversation.h"

struct frames;

/* A reader of the frames of one connection. NULL: out of memory. */
struct frames *frames_new(struct rules *rules);

/* Takes the payload of a frame: without its mask, inflated when it was deflated, as part of its direction's
 * stream. false: out of memory or output; *problem, when not NULL: the frames cannot be read on, and why. */
bool frames_take(struct frames *f, const struct origin *origin, const struct codec_ws_event *e,
                 const char **problem);
bool frames_finish(struct frames *f);
void frames_free(struct frames *f);

/* Shows the RAFT message that an event of any NATS protocol carries, if it does. */
bool carried_raft(struct rules *rules, const struct origin *origin, const struct codec_event *e);

#endif
