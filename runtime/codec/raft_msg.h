/* raft_msg.h: between raft.c and its grammar (grammar/raft_msg.rl). */
#ifndef CODEC_RAFT_MSG_H
#define CODEC_RAFT_MSG_H

#include <midge/raft.h>

#define RAFT_ENTRY_HEAD_LEN      5
#define RAFT_PEER_STATE_HEAD_LEN 8

enum raft_part {
    RAFT_PART_VOTE_REQUEST,
    RAFT_PART_VOTE_RESPONSE,
    RAFT_PART_APPEND_HEAD,
    RAFT_PART_ENTRY_HEAD, /* leaves the length, which counts the type byte, in entry.data.len */
    RAFT_PART_APPEND_RESPONSE,
    RAFT_PART_PEER_STATE_HEAD,
    RAFT_PART_REMOVE_PEER,
};

/* Reads one part of fixed length, all of whose bytes are at p, into the event. */
void raft_msg_read(enum raft_part part, const uint8_t *p, struct codec_raft_event *event);

/* Reads a number off the front of n bytes; returns the bytes it takes, 0 when there is none (*lterm is 0). */
size_t raft_lterm_read(const uint8_t *begin, size_t n, uint64_t *lterm);

#endif
