/* salvage.h: walks the records of a block, around damage.
 *
 * A sound record follows a sound record. Where one is not sound, the walk finds out how much is damaged:
 *  - its lengths lead to a sound record, or exactly to the end: that record alone is bad, unless sound
 * records behind its head lead there, too. Then its length is what was damaged, and led there by chance;
 *  - otherwise the bytes are searched for the next sound record, and it is believed only if sound records
 *    alone lead from it to exactly the end of the block. A message body can hold bytes that look like records
 *    with right checksums (their key is no secret), but such a chain must break where the body ends, because
 *    the checksum behind it depends on the server's time. For the same reason no damage is passed over on
 *    the way: what cannot be told apart is given up, not guessed;
 *  - if the damaged record gets a right checksum with the length that the next sound record or the end
 *    implies, then only its length was damaged (no checksum covers that), and it is mended in memory. So is a
 *    record of at most 2 KiB of which one bit is wrong: the one is taken that gives a right checksum, which
 *    64 bits leave to chance in less than one of 10^14 cases;
 *  - damage with nothing sound behind it is a tail: what a crash in the middle of a write leaves. */
#ifndef STORE_FILE_SALVAGE_H
#define STORE_FILE_SALVAGE_H

#include "store/format/record.h"

enum salvage_rc { SALVAGE_RECORD, SALVAGE_DAMAGE, SALVAGE_END };

struct salvage {
    uint8_t *bytes; /* changed while checksums are computed, and where a record is mended */
    size_t len;
    size_t at;
    const struct hash_key *key;
    bool mended;       /* the record that was given last was put right */
    uint64_t work;     /* bytes that may still be hashed in searches, */
    uint64_t bit_work; /* and for wrong bits */
};

struct damage {
    size_t at;
    size_t len;
    bool tail; /* reaches to the end */
    enum record_fault fault;
    uint64_t seq; /* what the damaged record claims to be; 0 when it claims nothing sensible */
    bool one;     /* it is that record and nothing else, by its own lengths */
};

struct salvage salvage_of(uint8_t *bytes, size_t len, const struct hash_key *);
/* The next record (at *place) or damaged range. */
enum salvage_rc salvage_next(struct salvage *, struct record *, size_t *place, struct damage *);

#endif
