/* backup_tar.h: unpacks the tar archives of old backups into a folder, piece by piece. For backup_restore.c.
 *
 * Regular files alone, at most three folders deep, none outside. Everything else is refused. */
#ifndef STORE_BACKUP_TAR_H
#define STORE_BACKUP_TAR_H

#include "store/backup.h"

#define TAR_BLOCK 512u

struct tar_reader {
    struct disk *disk;
    const char *dir;
    uint8_t head[TAR_BLOCK];
    size_t head_len;
    struct disk_file *file; /* that is being written; NULL: its bytes are passed over */
    uint64_t at;
    uint64_t left;    /* bytes of the file */
    uint64_t padding; /* behind them */
    bool ended;       /* by an empty block */
    bool outside;     /* after STORE_CORRUPT: something that may not be in a backup */
};

/* Takes all the bytes. */
enum store_rc tar_feed(struct tar_reader *, slice bytes);
/* The last file is whole and the end was seen. */
bool tar_complete(const struct tar_reader *);
void tar_close(struct tar_reader *);

#endif
