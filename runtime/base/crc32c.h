/* crc32c.h: the Castagnoli CRC (reflected polynomial 0x82f63b78, all ones in and out) of S2 and Snappy
 * frames. Pure; any thread. Uses the processor's instruction where there is one. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <midge/slice.h>

uint32_t crc32c(slice bytes);

/* The table-driven way that crc32c takes elsewhere; for its test. */
uint32_t crc32c_portable(slice bytes);

#endif
