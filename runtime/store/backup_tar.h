/* backup_tar.h: unpacks the tar archives of old backups into a folder, piece by piece. For backup_restore.c.
 *
 * Regular files alone, at most three folders deep, none outside; everything else is refused. The Go server
 * writes the PAX form: before each file an extended header ("x"), of which "path" and "size" count. The sum
 * of the sizes that the members state goes to the `admit` of the options before a byte of them is written.
 * What was unpacked is synced, the names of its folders are not. */
#ifndef STORE_BACKUP_TAR_H
#define STORE_BACKUP_TAR_H

#include "store/backup.h"

#define TAR_BLOCK    512u
#define TAR_NAME_MAX 1024u      /* with its NUL */
#define TAR_PAX_MAX  (1u << 20) /* bytes of an extended header */

struct tar_reader {
    struct disk *disk;
    const struct restore_options *opt;
    uint8_t head[TAR_BLOCK];
    size_t head_len;
    bool in_pax;         /* the member that is read is an extended header: it goes to `pax` */
    struct byte_buf pax; /* the extended header of the next member; empty: it has none */
    struct disk_file *file;
    uint64_t at;
    uint64_t left;    /* bytes of the member */
    uint64_t padding; /* behind them */
    uint64_t total;   /* sizes of all files */
    bool ended;       /* by an empty block */
    bool outside;     /* after STORE_CORRUPT: something that may not be in a backup */
};

/* Takes all the bytes. STORE_MAX_BYTES: not admitted. */
enum store_rc tar_feed(struct tar_reader *, slice bytes);
/* The last file is whole and the end was seen. */
bool tar_complete(const struct tar_reader *);
void tar_close(struct tar_reader *);

#endif
