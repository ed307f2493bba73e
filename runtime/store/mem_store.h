/* mem_store.h: the message store that keeps everything in memory and nothing on disk.
 *
 * The contract is store.h. Differences that the Go server shows, too: a message counts subject + headers +
 * data + 16 bytes; a purge to a sequence inside the stream by first_seq is STORE_NOT_SUPPORTED; removing
 * beyond the last sequence is no error; erasing overwrites the bytes before they are freed; `durable` always
 * equals `written`. */
#ifndef STORE_MEM_STORE_H
#define STORE_MEM_STORE_H

#include "store/store.h"

struct mem_store_options {
    struct store_limits limits;
    struct store_hooks hooks;
    uint64_t first_seq;    /* the first sequence to use; 0 and 1 are the same */
    bool track_subjects;   /* false: subject queries find nothing (raft logs) */
    uint8_t hash_seed[16]; /* keys the subject table against chosen collisions */
};

enum store_rc mem_store_new(const struct mem_store_options *, struct store **out);

#endif
