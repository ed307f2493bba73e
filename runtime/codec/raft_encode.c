/* raft_encode.c: RAFT events as bytes; the inverse of raft.c. */
#include <midge/raft.h>
#include <codec/bytes.h>
#include <codec/raft_msg.h>

/* Where the bytes go: nothing is written when the whole would not fit, so writers need no checks. */
static uint8_t *put_num(uint8_t *p, uint64_t v, size_t width)
{
    bytes_put_le(p, v, width);
    return p + width;
}

static uint8_t *put_bytes(uint8_t *p, const void *from, size_t n)
{
    if (n > 0)
        memcpy(p, from, n);
    return p + n;
}

static size_t lterm_len(uint64_t v)
{
    size_t n = 1;
    for (; v > 0x7f; v >>= 7)
        n++;
    return n;
}

static uint8_t *put_lterm(uint8_t *p, uint64_t v)
{
    for (; v > 0x7f; v >>= 7)
        *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    return p;
}

static uint8_t *put_append_head(uint8_t *p, const struct codec_raft_append_head *h, uint16_t count)
{
    p = put_bytes(p, h->leader, CODEC_RAFT_ID_LEN);
    p = put_num(p, h->term, 8);
    p = put_num(p, h->commit, 8);
    p = put_num(p, h->pterm, 8);
    p = put_num(p, h->pindex, 8);
    return put_num(p, count, 2);
}

static uint8_t *put_entry(uint8_t *p, const struct codec_raft_entry *entry)
{
    p = put_num(p, (uint64_t)entry->data.len + 1, 4);
    *p++ = entry->type;
    return put_bytes(p, entry->data.ptr, entry->data.len);
}

static bool peers_fit(const struct codec_raft_peer_state *st)
{
    return st->peers.len == (uint64_t)st->peer_count * CODEC_RAFT_ID_LEN;
}

static size_t event_len(const struct codec_raft_event *e)
{
    switch (e->kind) {
    case CODEC_RAFT_VOTE_REQUEST:
        return CODEC_RAFT_VOTE_REQUEST_LEN;
    case CODEC_RAFT_VOTE_RESPONSE:
        return CODEC_RAFT_VOTE_RESPONSE_LEN;
    case CODEC_RAFT_APPEND:
        return CODEC_RAFT_APPEND_HEAD_LEN;
    case CODEC_RAFT_ENTRY:
        return e->entry.data.len > CODEC_RAFT_ENTRY_DATA_MAX ? 0 : RAFT_ENTRY_HEAD_LEN + e->entry.data.len;
    case CODEC_RAFT_APPEND_END:
        return (e->end.has_lterm ? lterm_len(e->end.lterm) : 0) + e->end.extra.len;
    case CODEC_RAFT_APPEND_RESPONSE:
        return CODEC_RAFT_APPEND_RESPONSE_LEN;
    case CODEC_RAFT_PROPOSAL:
        return e->proposal.len;
    case CODEC_RAFT_REMOVE_PEER:
        return CODEC_RAFT_ID_LEN;
    case CODEC_RAFT_PEER_STATE:
        return !peers_fit(&e->peer_state)
                   ? 0
                   : RAFT_PEER_STATE_HEAD_LEN + e->peer_state.peers.len +
                         (e->peer_state.has_extension ? 2 : 0) + e->peer_state.extra.len;
    default:
        return 0;
    }
}

static void put_event(uint8_t *p, const struct codec_raft_event *e)
{
    switch (e->kind) {
    case CODEC_RAFT_VOTE_REQUEST:
        p = put_num(p, e->vote_request.term, 8);
        p = put_num(p, e->vote_request.last_term, 8);
        p = put_num(p, e->vote_request.last_index, 8);
        put_bytes(p, e->vote_request.candidate, CODEC_RAFT_ID_LEN);
        break;
    case CODEC_RAFT_VOTE_RESPONSE:
        p = put_num(p, e->vote_response.term, 8);
        p = put_bytes(p, e->vote_response.peer, CODEC_RAFT_ID_LEN);
        *p = e->vote_response.flags;
        break;
    case CODEC_RAFT_APPEND:
        put_append_head(p, &e->append, e->append.count);
        break;
    case CODEC_RAFT_ENTRY:
        put_entry(p, &e->entry);
        break;
    case CODEC_RAFT_APPEND_END:
        if (e->end.has_lterm)
            p = put_lterm(p, e->end.lterm);
        put_bytes(p, e->end.extra.ptr, e->end.extra.len);
        break;
    case CODEC_RAFT_APPEND_RESPONSE:
        p = put_num(p, e->append_response.term, 8);
        p = put_num(p, e->append_response.index, 8);
        p = put_bytes(p, e->append_response.peer, CODEC_RAFT_ID_LEN);
        *p = e->append_response.success;
        break;
    case CODEC_RAFT_PROPOSAL:
        put_bytes(p, e->proposal.ptr, e->proposal.len);
        break;
    case CODEC_RAFT_REMOVE_PEER:
        put_bytes(p, e->removed, CODEC_RAFT_ID_LEN);
        break;
    case CODEC_RAFT_PEER_STATE:
        p = put_num(p, e->peer_state.cluster_size, 4);
        p = put_num(p, e->peer_state.peer_count, 4);
        p = put_bytes(p, e->peer_state.peers.ptr, e->peer_state.peers.len);
        if (e->peer_state.has_extension)
            p = put_num(p, e->peer_state.extension, 2);
        put_bytes(p, e->peer_state.extra.ptr, e->peer_state.extra.len);
        break;
    default:
        break;
    }
}

size_t codec_raft_encode(const struct codec_raft_event *e, uint8_t *out, size_t cap)
{
    size_t n = event_len(e);
    if (n > 0 && n <= cap)
        put_event(out, e);
    return n;
}

size_t codec_raft_append_encode(const struct codec_raft_append_head *head,
                                const struct codec_raft_entry *entries, size_t count, uint64_t lterm,
                                uint8_t *out, size_t cap)
{
    if (count > CODEC_RAFT_ENTRIES_MAX)
        return 0;
    size_t n = CODEC_RAFT_APPEND_HEAD_LEN + lterm_len(lterm);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].data.len > CODEC_RAFT_ENTRY_DATA_MAX)
            return 0;
        n += RAFT_ENTRY_HEAD_LEN + entries[i].data.len;
    }
    if (n > cap)
        return n;
    uint8_t *p = put_append_head(out, head, (uint16_t)count);
    for (size_t i = 0; i < count; i++)
        p = put_entry(p, &entries[i]);
    put_lterm(p, lterm);
    return n;
}
