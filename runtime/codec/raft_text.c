/* raft_text.c: RAFT names and errors for people. */
#include <midge/raft.h>

const char *codec_raft_error_text(int kind)
{
    switch ((enum codec_raft_error)kind) {
    case CODEC_RAFT_OK:
        return "no error";
    case CODEC_RAFT_BAD_KIND:
        return "not a RAFT message";
    case CODEC_RAFT_BAD_LENGTH:
        return "message of a fixed length has another length";
    case CODEC_RAFT_SHORT_HEAD:
        return "message ends inside its fixed fields";
    case CODEC_RAFT_NO_ENTRY:
        return "message ends where an entry is due";
    case CODEC_RAFT_EMPTY_ENTRY:
        return "entry of length 0";
    case CODEC_RAFT_ENTRY_BEYOND:
        return "entry reaches beyond the end of the message";
    case CODEC_RAFT_PEERS_BEYOND:
        return "more peers announced than the message holds";
    case CODEC_RAFT_BODY_TOO_LONG:
        return "more bytes than the message's length";
    }
    return "unknown error";
}

const char *codec_raft_kind_name(enum codec_raft_kind kind)
{
    switch (kind) {
    case CODEC_RAFT_NONE:
        break;
    case CODEC_RAFT_VOTE_REQUEST:
        return "vote_request";
    case CODEC_RAFT_VOTE_RESPONSE:
        return "vote_response";
    case CODEC_RAFT_APPEND:
        return "append";
    case CODEC_RAFT_APPEND_RESPONSE:
        return "append_response";
    case CODEC_RAFT_PROPOSAL:
        return "proposal";
    case CODEC_RAFT_REMOVE_PEER:
        return "remove_peer";
    case CODEC_RAFT_PEER_STATE:
        return "peer_state";
    case CODEC_RAFT_ENTRY:
        return "entry";
    case CODEC_RAFT_APPEND_END:
        return "append_end";
    }
    return "none";
}

const char *codec_raft_entry_type_name(uint8_t type)
{
    static const char *const names[] = {"normal",      "old_snapshot",    "peer_state", "add_peer",
                                        "remove_peer", "leader_transfer", "snapshot"};
    return type < sizeof(names) / sizeof(names[0]) ? names[type] : "unknown";
}
