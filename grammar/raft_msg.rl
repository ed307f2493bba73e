/* raft_msg.rl: the layout of RAFT messages between NATS servers (docs/spec/raft.md, section 3).
 *
 * Every part has a known length, so raft.c hands each part to its machine whole: a field is a run of bytes, and
 * the action at its last byte reads it. Numbers are little endian, ids are 8 bytes. */
#include <midge/raft.h>
#include <codec/raft_msg.h>
#include <codec/bytes.h>

%%{
    machine raft_msg;
    alphtype unsigned char;

    u8  = any;
    u16 = any{2};
    u32 = any{4};
    u64 = any{8};
    id  = any{8};

    action candidate  { memcpy(e->vote_request.candidate, p - 7, 8); }
    action term       { e->vote_request.term = bytes_u64le(p - 7); }
    action last_term  { e->vote_request.last_term = bytes_u64le(p - 7); }
    action last_index { e->vote_request.last_index = bytes_u64le(p - 7); }

    vote_request := u64 @term u64 @last_term u64 @last_index id @candidate;

    action voter_term { e->vote_response.term = bytes_u64le(p - 7); }
    action voter      { memcpy(e->vote_response.peer, p - 7, 8); }
    action vote       { e->vote_response.flags = *p; }

    vote_response := u64 @voter_term id @voter u8 @vote;

    action leader       { memcpy(e->append.leader, p - 7, 8); }
    action created_term { e->append.term = bytes_u64le(p - 7); }
    action commit       { e->append.commit = bytes_u64le(p - 7); }
    action pterm        { e->append.pterm = bytes_u64le(p - 7); }
    action pindex       { e->append.pindex = bytes_u64le(p - 7); }
    action count        { e->append.count = bytes_u16le(p - 1); }

    append_head := id @leader u64 @created_term u64 @commit u64 @pterm u64 @pindex u16 @count;

    # the length counts the type byte; the data follows
    action entry_len  { e->entry.data.len = bytes_u32le(p - 3); }
    action entry_type { e->entry.type = *p; }

    entry_head := u32 @entry_len u8 @entry_type;

    action acked_term  { e->append_response.term = bytes_u64le(p - 7); }
    action acked_index { e->append_response.index = bytes_u64le(p - 7); }
    action acker       { memcpy(e->append_response.peer, p - 7, 8); }
    action success     { e->append_response.success = *p; }

    append_response := u64 @acked_term u64 @acked_index id @acker u8 @success;

    action size  { e->peer_state.cluster_size = bytes_u32le(p - 3); }
    action peers { e->peer_state.peer_count = bytes_u32le(p - 3); }

    peer_state_head := u32 @size u32 @peers;

    action removed { memcpy(e->removed, p - 7, 8); }

    remove_peer := id @removed;
}%%

%% write data noerror nofinal;

void raft_msg_read(enum raft_part part, const uint8_t *p, struct codec_raft_event *e)
{
    static const struct {
        int start;
        size_t len;
    } parts[] = {
        [RAFT_PART_VOTE_REQUEST] = {raft_msg_en_vote_request, CODEC_RAFT_VOTE_REQUEST_LEN},
        [RAFT_PART_VOTE_RESPONSE] = {raft_msg_en_vote_response, CODEC_RAFT_VOTE_RESPONSE_LEN},
        [RAFT_PART_APPEND_HEAD] = {raft_msg_en_append_head, CODEC_RAFT_APPEND_HEAD_LEN},
        [RAFT_PART_ENTRY_HEAD] = {raft_msg_en_entry_head, RAFT_ENTRY_HEAD_LEN},
        [RAFT_PART_APPEND_RESPONSE] = {raft_msg_en_append_response, CODEC_RAFT_APPEND_RESPONSE_LEN},
        [RAFT_PART_PEER_STATE_HEAD] = {raft_msg_en_peer_state_head, RAFT_PEER_STATE_HEAD_LEN},
        [RAFT_PART_REMOVE_PEER] = {raft_msg_en_remove_peer, CODEC_RAFT_ID_LEN},
    };
    int cs = parts[part].start;
    const uint8_t *pe = p + parts[part].len;
    %% write exec;
}

/* The optional number behind the entries: base 128, low group first, at most 64 bits. */
%%{
    machine raft_lterm;
    alphtype unsigned char;

    action group { value |= (uint64_t)(*p & 0x7f) << shift; shift += 7; }
    action done  { len = (size_t)(p + 1 - begin); fbreak; }

    more = 0x80..0xff;
    last = 0x00..0x7f;

    main := ((more $group){0,8} last >group @done) | ((more $group){9} 0x00..0x01 >group @done);
}%%

%% write data noerror nofinal noentry;

size_t raft_lterm_read(const uint8_t *begin, size_t n, uint64_t *lterm)
{
    const uint8_t *p = begin, *pe = begin + n;
    uint64_t value = 0;
    unsigned shift = 0;
    size_t len = 0;
    int cs = raft_lterm_start;
    %% write exec;
    *lterm = len == 0 ? 0 : value;
    return len;
}
