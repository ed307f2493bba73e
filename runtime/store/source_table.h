/* source_table.h: how far each source of a stream was read.
 *
 * A message that came from a source says so in Nats-Stream-Source: "STREAM SEQ FILTER TRANSFORM SUBJECT
 * [IDENTITY]". The last sequence by source is where sourcing goes on after a restart, so that nothing comes
 * twice. sources.db is a picture of it with a stamp, the first sequence of the stream that it does not know
 * of (spec/storage.md section 10); without one, or behind its stamp, the messages are read from the end, as
 * far back as needed.
 *
 * A source's name is "STREAM FILTER TRANSFORM", where ">" stands for no filter and no transform. One owner.
 * At most SOURCE_MAX sources. */
#ifndef STORE_SOURCE_TABLE_H
#define STORE_SOURCE_TABLE_H

#include "store/format/side_files.h"
#include "store/store.h"

#define SOURCE_MAX 65536u

struct source_table;

/* For the sources of these names, all at 0. NULL when out of memory or above SOURCE_MAX. */
struct source_table *source_table_new(const slice *names, size_t count);
void source_table_free(struct source_table *);

/* The value of a message's Nats-Stream-Source was stored: false when it says nothing of a source of the
 * table. A position never falls. */
bool source_table_stored(struct source_table *, slice value);
/* Where a source stands: false when it is none of the table. The identity may be empty; valid until the next
 * change. */
bool source_table_find(const struct source_table *, slice name, uint64_t *seq, slice *identity);

/* The bytes of sources.db: false when all positions are 0, and then there is to be no file. `last`: the
 * stream's last sequence. */
bool source_table_encode(const struct source_table *, uint64_t last, struct byte_buf *out);
/* Fill a new table: from the bytes of sources.db (names that are not configured are passed over), then from
 * the store's messages. *looked_at: how many messages had to be read. A file that cannot be decoded counts as
 * none (*fault says why). */
enum store_rc source_table_recover(struct source_table *, struct store *, slice file, uint64_t *looked_at,
                                   enum side_fault *fault);

#endif
