/* rot_layout.h: which record lies where in the blocks of a file store, so that a flipped bit can be told to
 * have hit it.
 *
 * Read from the files alone, also from compressed and encrypted ones. Aborts when out of memory. */
#ifndef SIM_ROT_LAYOUT_H
#define SIM_ROT_LAYOUT_H

#include "store/file_store.h"
#include "store/format/record.h"

struct rot_record {
    uint32_t block;
    uint64_t at, size; /* bytes of the file whose damage may cost it: its own, or all of them */
    uint64_t seq;
    enum record_kind kind;
    uint64_t blind; /* place of two bytes that no checksum covers, the subject length; UINT64_MAX: none */
    bool hit;
};

struct rot_layout {
    struct rot_record *record; /* by rising block and place */
    size_t count, cap;
    bool broken; /* some block is damaged already */
};

/* Append what the files of this block hold that can be read. In a block that is compressed, or damaged
 * already, damage at one place may cost all. */
void rot_layout_block(struct rot_layout *, struct disk *, const struct file_store_options *, uint32_t block);
/* Append all blocks of the store. */
void rot_layout_store(struct rot_layout *, struct disk *, const struct file_store_options *);
/* Nobody can tell that this byte is damaged. */
bool rot_layout_is_blind(const struct rot_layout *, uint32_t block, uint64_t at);
void rot_layout_free(struct rot_layout *);

/* N of a path that ends in "/N" and that suffix; 0 when it does not. */
uint32_t rot_block_number(const char *path, const char *suffix);

#endif
