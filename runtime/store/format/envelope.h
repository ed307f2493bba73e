/* envelope.h: the compressed form of a block: "cmp", 1, uv length, S2 stream, the last 8 bytes verbatim. */
#ifndef STORE_FORMAT_ENVELOPE_H
#define STORE_FORMAT_ENVELOPE_H

#include "store/format/bytes.h"
#include "store/store.h"

/* The file is in compressed form. */
bool envelope_is(slice file);
/* Append the plain form. STORE_CORRUPT: malformed, or larger than max. */
enum store_rc envelope_open(slice file, uint64_t max, struct byte_buf *out);
/* Append the compressed form of at least 8 bytes. */
enum store_rc envelope_seal(slice plain, struct byte_buf *out);

#endif
