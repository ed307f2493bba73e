/* event_data.h: events as data. An event of any protocol becomes an object whose keys are the wire's own
 * words, and an object becomes the event again; value.h writes and reads such objects as JSON and
 * MessagePack.
 *
 *     {"event":"HPUB","offset":12,"subject":"foo","reply":"r","headers":{"A":["1"]},"size":19,"payload":"x"}
 *     {"event":"RS+","offset":0,"account":"$G","subject":"foo","queue":"workers","weight":3}
 *     {"event":"PUBLISH","offset":0,"topic":"a/b","qos":1,"packet_id":7,"size":2,"payload":"hi"}
 *
 * `event` is the verb as on the wire, `offset` where it began. Members that are empty, false or 0 by default
 * are left out. docs/codecs.md has the keys of each event. A payload that was not complete is left out, too:
 * `size` tells.
 *
 * Headers are an object of lists, with `status` and `description` beside it; a header block that this would
 * not give back to the byte is `headers_raw` as well. Likewise `properties_raw` of MQTT 5.
 *
 * Trees are made in an arena of the caller's and point into the event's bytes. Nothing is allocated. */
#ifndef MIDGE_EVENT_DATA_H
#define MIDGE_EVENT_DATA_H

#include <midge/value.h>
#include <midge/wire.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Room that an event takes at most, beside that for headers, lists and masked payloads: 4 KiB are enough for
 * all others. A caller that gives twice the size of the event's bytes and 16 KiB never runs out but for many
 * tiny headers. */
#define CODEC_EVENT_ROOM 16384

/* false: the arena is full. */
CODEC_API bool codec_event_to_value(const struct codec_event *event, struct codec_arena *arena,
                                    struct codec_value *value);

/* The event that an object of the given protocol and direction describes; sizes follow from the payload where
 * there is one. false: no such event, a member of the wrong type or out of range, or the arena is full; *why
 * is the key. */
CODEC_API bool codec_event_from_value(const struct codec_value *value, enum codec_protocol protocol,
                                      enum codec_direction direction, struct codec_arena *arena,
                                      struct codec_event *event, const char **why);

/* The verb of an event, as under `event`. */
CODEC_API const char *codec_event_name(const struct codec_event *event);

#ifdef __cplusplus
}
#endif

#endif
