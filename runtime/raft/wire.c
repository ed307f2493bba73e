#include "raft/wire.h"

#include <midge/raft.h>

#include <assert.h>
#include <stdlib.h>

static const char *const prefix[] = {
    [RAFT_TO_NOBODY] = "",          [RAFT_TO_VOTE] = "$NRG.V.",      [RAFT_TO_APPEND] = "$NRG.AE.",
    [RAFT_TO_PROPOSE] = "$NRG.P.",  [RAFT_TO_REMOVE] = "$NRG.RP.",   [RAFT_TO_REPLY] = "$NRG.R.",
    [RAFT_TO_CATCHUP] = "$NRG.CR.", [RAFT_TO_PROGRESS] = "$NRG.CP.",
};

static bool is_inbox(enum raft_place place)
{
    return place >= RAFT_TO_REPLY;
}

size_t raft_wire_subject(struct raft_addr to, slice group, char out[RAFT_SUBJECT_MAX])
{
    if (to.place == RAFT_TO_NOBODY || group.len > RAFT_GROUP_MAX)
        return 0;
    slice head = slice_str(prefix[to.place]);
    slice tail = is_inbox(to.place) ? slice_make(to.inbox, sizeof to.inbox) : group;
    /* Every other place has a prefix: NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
    memcpy(out, head.ptr, head.len);
    if (tail.len > 0)
        memcpy(out + head.len, tail.ptr, tail.len);
    return head.len + tail.len;
}

struct raft_addr raft_wire_address(slice subject, slice group)
{
    struct raft_addr a = {.place = RAFT_TO_NOBODY};
    for (int p = RAFT_TO_VOTE; p <= RAFT_TO_PROGRESS; p++) {
        slice head = slice_str(prefix[p]);
        if (!slice_starts(subject, head))
            continue;
        slice tail = slice_from(subject, head.len);
        if (!is_inbox((enum raft_place)p) && slice_eq(tail, group)) {
            a.place = (enum raft_place)p;
        } else if (is_inbox((enum raft_place)p) && tail.len == sizeof a.inbox) {
            a.place = (enum raft_place)p;
            memcpy(a.inbox, tail.ptr, sizeof a.inbox);
        }
        return a;
    }
    return a;
}

void raft_wire_entries_free(struct raft_wire_entries *v)
{
    free(v->list);
    *v = (struct raft_wire_entries){0};
}

static raft_id id_of(const uint8_t id[CODEC_RAFT_ID_LEN])
{
    raft_id v;
    memcpy(&v, id, sizeof v);
    return v;
}

static bool decode_append(slice body, struct raft_wire_entries *v, struct raft_msg *out)
{
    struct codec_raft_append a;
    struct codec_error error;
    if (!codec_raft_append_decode(body, &a, &error))
        return false;
    if (a.head.count > v->cap) {
        struct raft_entry *grown = realloc(v->list, a.head.count * sizeof *grown);
        if (grown == NULL)
            return false;
        v->list = grown;
        v->cap = a.head.count;
    }
    struct codec_raft_entry e;
    size_t n = 0;
    while (n < a.head.count && codec_raft_entry_next(&a.entries, &e))
        v->list[n++] = (struct raft_entry){e.type, e.data};
    out->type = RAFT_MSG_APPEND;
    out->append = (struct raft_append){.leader = id_of(a.head.leader),
                                       .term = a.head.term,
                                       .commit = a.head.commit,
                                       .pterm = a.head.pterm,
                                       .pindex = a.head.pindex,
                                       .lterm = a.end.lterm,
                                       .entries = v->list,
                                       .count = n};
    return true;
}

static bool decode_response(slice body, struct raft_msg *out)
{
    struct codec_raft_event e;
    if (body.len == CODEC_RAFT_VOTE_RESPONSE_LEN) {
        if (!codec_raft_decode(CODEC_RAFT_VOTE_RESPONSE, body, &e))
            return false;
        out->type = RAFT_MSG_VOTE_RESPONSE;
        out->vote_response =
            (struct raft_vote_response){.term = e.vote_response.term,
                                        .peer = id_of(e.vote_response.peer),
                                        .granted = (e.vote_response.flags & CODEC_RAFT_VOTE_GRANTED) != 0,
                                        .empty = (e.vote_response.flags & CODEC_RAFT_VOTE_EMPTY) != 0};
        return true;
    }
    if (!codec_raft_decode(CODEC_RAFT_APPEND_RESPONSE, body, &e))
        return false;
    out->type = RAFT_MSG_APPEND_RESPONSE;
    out->append_response = (struct raft_append_response){.term = e.append_response.term,
                                                         .index = e.append_response.index,
                                                         .peer = id_of(e.append_response.peer),
                                                         .success = e.append_response.success == 1};
    return true;
}

bool raft_wire_decode(struct raft_addr to, slice body, struct raft_wire_entries *v, struct raft_msg *out)
{
    struct codec_raft_event e;
    switch (to.place) {
    case RAFT_TO_NOBODY:
        return false;
    case RAFT_TO_VOTE:
        if (!codec_raft_decode(CODEC_RAFT_VOTE_REQUEST, body, &e))
            return false;
        out->type = RAFT_MSG_VOTE_REQUEST;
        out->vote_request = (struct raft_vote_request){.term = e.vote_request.term,
                                                       .last_term = e.vote_request.last_term,
                                                       .last_index = e.vote_request.last_index,
                                                       .candidate = id_of(e.vote_request.candidate)};
        return true;
    case RAFT_TO_APPEND:
    case RAFT_TO_CATCHUP:
        return decode_append(body, v, out);
    case RAFT_TO_PROPOSE:
        out->type = RAFT_MSG_PROPOSAL;
        out->proposal = body;
        return true;
    case RAFT_TO_REMOVE:
        if (!codec_raft_decode(CODEC_RAFT_REMOVE_PEER, body, &e))
            return false;
        out->type = RAFT_MSG_REMOVE_PEER;
        out->removed = id_of(e.removed);
        return true;
    case RAFT_TO_REPLY:
    case RAFT_TO_PROGRESS:
        return decode_response(body, out);
    }
    return false;
}

static size_t encode_append(const struct raft_append *a, uint8_t *out, size_t cap)
{
    struct codec_raft_append_head head = {.term = a->term,
                                          .commit = a->commit,
                                          .pterm = a->pterm,
                                          .pindex = a->pindex,
                                          .count = (uint16_t)a->count};
    memcpy(head.leader, &a->leader, sizeof head.leader);
    static_assert(sizeof(struct codec_raft_entry) == sizeof(struct raft_entry) &&
                      offsetof(struct codec_raft_entry, data) == offsetof(struct raft_entry, data),
                  "entries are handed to the codec as they are");
    return codec_raft_append_encode(&head, (const struct codec_raft_entry *)(const void *)a->entries,
                                    a->count, a->lterm, out, cap);
}

size_t raft_wire_encode(const struct raft_msg *m, uint8_t *out, size_t cap)
{
    struct codec_raft_event e = {.kind = CODEC_RAFT_NONE};
    switch (m->type) {
    case RAFT_MSG_APPEND:
        return encode_append(&m->append, out, cap);
    case RAFT_MSG_VOTE_REQUEST:
        e.kind = CODEC_RAFT_VOTE_REQUEST;
        e.vote_request.term = m->vote_request.term;
        e.vote_request.last_term = m->vote_request.last_term;
        e.vote_request.last_index = m->vote_request.last_index;
        memcpy(e.vote_request.candidate, &m->vote_request.candidate, CODEC_RAFT_ID_LEN);
        break;
    case RAFT_MSG_VOTE_RESPONSE:
        e.kind = CODEC_RAFT_VOTE_RESPONSE;
        e.vote_response.term = m->vote_response.term;
        memcpy(e.vote_response.peer, &m->vote_response.peer, CODEC_RAFT_ID_LEN);
        e.vote_response.flags = (uint8_t)((m->vote_response.granted ? CODEC_RAFT_VOTE_GRANTED : 0) |
                                          (m->vote_response.empty ? CODEC_RAFT_VOTE_EMPTY : 0));
        break;
    case RAFT_MSG_APPEND_RESPONSE:
        e.kind = CODEC_RAFT_APPEND_RESPONSE;
        e.append_response.term = m->append_response.term;
        e.append_response.index = m->append_response.index;
        memcpy(e.append_response.peer, &m->append_response.peer, CODEC_RAFT_ID_LEN);
        e.append_response.success = m->append_response.success;
        break;
    case RAFT_MSG_PROPOSAL:
        e.kind = CODEC_RAFT_PROPOSAL;
        e.proposal = m->proposal;
        break;
    case RAFT_MSG_REMOVE_PEER:
        e.kind = CODEC_RAFT_REMOVE_PEER;
        memcpy(e.removed, &m->removed, CODEC_RAFT_ID_LEN);
        break;
    }
    return codec_raft_encode(&e, out, cap);
}

size_t raft_wire_restamp(slice stored, uint64_t lterm, uint8_t *out, size_t cap)
{
    struct codec_raft_append a;
    struct codec_error error;
    if (!codec_raft_append_decode(stored, &a, &error))
        return 0;
    size_t keep = CODEC_RAFT_APPEND_HEAD_LEN + a.entries.len, at = keep;
    uint8_t tail[10];
    size_t n = 0;
    do {
        tail[n] = (uint8_t)((lterm & 0x7f) | (lterm > 0x7f ? 0x80 : 0));
        lterm >>= 7;
        n++;
    } while (lterm > 0);
    if (keep + n > cap)
        return keep + n;
    memcpy(out, stored.ptr, keep);
    memcpy(out + at, tail, n);
    return keep + n;
}
