/* raft.c: reads RAFT messages part by part; the layout of each part is grammar/raft_msg.rl. */
#include <midge/raft.h>
#include <codec/bytes.h>
#include <codec/raft_msg.h>

static enum codec_rc fail(struct codec_raft *ps, struct codec_raft_event *e, enum codec_raft_error kind,
                          uint64_t at)
{
    if (ps->error.kind == CODEC_RAFT_OK)
        ps->error = (struct codec_error){(int)kind, at};
    e->error = ps->error;
    return CODEC_ERROR;
}

static bool begins_with(slice s, const char *prefix)
{
    return slice_starts(s, slice_str(prefix));
}

enum codec_raft_kind codec_raft_kind_of(slice subject, uint64_t body_len)
{
    if (!begins_with(subject, "$NRG."))
        return CODEC_RAFT_NONE;
    slice s = slice_from(subject, 5);
    if (begins_with(s, "V."))
        return CODEC_RAFT_VOTE_REQUEST;
    if (begins_with(s, "AE.") || begins_with(s, "CR."))
        return CODEC_RAFT_APPEND;
    if (begins_with(s, "P."))
        return CODEC_RAFT_PROPOSAL;
    if (begins_with(s, "RP."))
        return CODEC_RAFT_REMOVE_PEER;
    if (begins_with(s, "CP."))
        return CODEC_RAFT_APPEND_RESPONSE;
    if (!begins_with(s, "R."))
        return CODEC_RAFT_NONE;
    switch (body_len) {
    case CODEC_RAFT_VOTE_RESPONSE_LEN:
        return CODEC_RAFT_VOTE_RESPONSE;
    case CODEC_RAFT_APPEND_RESPONSE_LEN:
        return CODEC_RAFT_APPEND_RESPONSE;
    default:
        return CODEC_RAFT_NONE;
    }
}

/* Messages that have exactly one length, and the part that is all of them. */
static bool fixed_part(enum codec_raft_kind kind, enum raft_part *part, size_t *len)
{
    switch (kind) {
    case CODEC_RAFT_VOTE_REQUEST:
        return *part = RAFT_PART_VOTE_REQUEST, *len = CODEC_RAFT_VOTE_REQUEST_LEN, true;
    case CODEC_RAFT_VOTE_RESPONSE:
        return *part = RAFT_PART_VOTE_RESPONSE, *len = CODEC_RAFT_VOTE_RESPONSE_LEN, true;
    case CODEC_RAFT_APPEND_RESPONSE:
        return *part = RAFT_PART_APPEND_RESPONSE, *len = CODEC_RAFT_APPEND_RESPONSE_LEN, true;
    case CODEC_RAFT_REMOVE_PEER:
        return *part = RAFT_PART_REMOVE_PEER, *len = CODEC_RAFT_ID_LEN, true;
    default:
        return false;
    }
}

void codec_raft_init(struct codec_raft *ps, enum codec_raft_kind kind, uint64_t length)
{
    *ps = (struct codec_raft){.kind = kind, .next = kind, .length = length};
    enum raft_part part;
    size_t len;
    if (fixed_part(kind, &part, &len) && length != len)
        ps->error = (struct codec_error){CODEC_RAFT_BAD_LENGTH, length < len ? length : len};
    else if (kind == CODEC_RAFT_APPEND && length < CODEC_RAFT_APPEND_HEAD_LEN)
        ps->error = (struct codec_error){CODEC_RAFT_SHORT_HEAD, length};
    else if (kind == CODEC_RAFT_PEER_STATE && length < RAFT_PEER_STATE_HEAD_LEN)
        ps->error = (struct codec_error){CODEC_RAFT_SHORT_HEAD, length};
    else if (kind == CODEC_RAFT_NONE || kind > CODEC_RAFT_PEER_STATE)
        ps->error = (struct codec_error){CODEC_RAFT_BAD_KIND, 0};
}

static enum codec_rc more(struct codec_raft_event *e, uint64_t need)
{
    e->need = need > SIZE_MAX ? SIZE_MAX : (size_t)need;
    return CODEC_MORE;
}

static enum codec_rc take(struct codec_raft *ps, slice *in, size_t n, enum codec_raft_kind next)
{
    *in = slice_from(*in, n);
    ps->at += n;
    ps->next = next;
    return CODEC_EVENT;
}

/* The event that is due while entries of an append entry are left, or behind the last one. */
static enum codec_raft_kind after_entry(const struct codec_raft *ps)
{
    return ps->entries_left > 0 ? CODEC_RAFT_ENTRY : CODEC_RAFT_APPEND_END;
}

static enum codec_rc next_append(struct codec_raft *ps, slice *in, struct codec_raft_event *e)
{
    if (in->len < CODEC_RAFT_APPEND_HEAD_LEN)
        return more(e, CODEC_RAFT_APPEND_HEAD_LEN - in->len);
    raft_msg_read(RAFT_PART_APPEND_HEAD, in->ptr, e);
    ps->entries_left = e->append.count;
    return take(ps, in, CODEC_RAFT_APPEND_HEAD_LEN, after_entry(ps));
}

static enum codec_rc next_entry(struct codec_raft *ps, slice *in, struct codec_raft_event *e)
{
    uint64_t left = ps->length - ps->at;
    if (left < RAFT_ENTRY_HEAD_LEN) {
        /* Four bytes of zero are an empty entry; fewer, or a length without its type, end too early. */
        if (left < 4)
            return fail(ps, e, CODEC_RAFT_NO_ENTRY, ps->at);
        if (in->len < 4)
            return more(e, 4 - in->len);
        return fail(ps, e, bytes_u32le(in->ptr) == 0 ? CODEC_RAFT_EMPTY_ENTRY : CODEC_RAFT_ENTRY_BEYOND,
                    ps->at);
    }
    if (in->len < RAFT_ENTRY_HEAD_LEN)
        return more(e, RAFT_ENTRY_HEAD_LEN - in->len);
    raft_msg_read(RAFT_PART_ENTRY_HEAD, in->ptr, e);
    uint64_t len = e->entry.data.len;
    if (len == 0)
        return fail(ps, e, CODEC_RAFT_EMPTY_ENTRY, ps->at);
    if (len > left - 4 || len - 1 > CODEC_RAFT_ENTRY_DATA_MAX)
        return fail(ps, e, CODEC_RAFT_ENTRY_BEYOND, ps->at);
    if (in->len < len + 4)
        return more(e, len + 4 - in->len);
    e->entry.data = slice_make(in->ptr + RAFT_ENTRY_HEAD_LEN, (size_t)len - 1);
    ps->entries_left--;
    return take(ps, in, (size_t)len + 4, after_entry(ps));
}

/* Bytes that are no number are not an error: old servers send none, and what follows it is ignored. */
static void read_end(slice tail, struct codec_raft_append_end *end)
{
    size_t n = raft_lterm_read(tail.ptr, tail.len, &end->lterm);
    end->has_lterm = n > 0;
    end->extra = slice_from(tail, n);
}

static enum codec_rc next_append_end(struct codec_raft *ps, slice *in, struct codec_raft_event *e)
{
    uint64_t left = ps->length - ps->at;
    if (in->len < left)
        return more(e, left - in->len);
    read_end(slice_first(*in, (size_t)left), &e->end);
    return take(ps, in, (size_t)left, CODEC_RAFT_NONE);
}

static enum codec_rc next_peer_state(struct codec_raft *ps, slice *in, struct codec_raft_event *e)
{
    if (in->len < RAFT_PEER_STATE_HEAD_LEN)
        return more(e, RAFT_PEER_STATE_HEAD_LEN - in->len);
    struct codec_raft_peer_state *st = &e->peer_state;
    raft_msg_read(RAFT_PART_PEER_STATE_HEAD, in->ptr, e);
    uint64_t peers = (uint64_t)st->peer_count * CODEC_RAFT_ID_LEN;
    if (peers > ps->length - RAFT_PEER_STATE_HEAD_LEN)
        return fail(ps, e, CODEC_RAFT_PEERS_BEYOND, 4);
    if (in->len < ps->length)
        return more(e, ps->length - in->len);
    slice rest = slice_from(slice_first(*in, (size_t)ps->length), RAFT_PEER_STATE_HEAD_LEN);
    st->peers = slice_first(rest, (size_t)peers);
    rest = slice_from(rest, (size_t)peers);
    st->has_extension = rest.len >= 2;
    st->extension = st->has_extension ? bytes_u16le(rest.ptr) : 0;
    st->extra = slice_from(rest, st->has_extension ? 2 : 0);
    return take(ps, in, (size_t)ps->length, CODEC_RAFT_NONE);
}

enum codec_rc codec_raft_next(struct codec_raft *ps, slice *in, struct codec_raft_event *e)
{
    *e = (struct codec_raft_event){.kind = ps->next, .offset = ps->at};
    if (ps->error.kind != CODEC_RAFT_OK)
        return fail(ps, e, (enum codec_raft_error)ps->error.kind, ps->error.offset);
    if (in->len > ps->length - ps->at)
        return fail(ps, e, CODEC_RAFT_BODY_TOO_LONG, ps->length);
    switch (ps->next) {
    case CODEC_RAFT_NONE:
        return more(e, 0);
    case CODEC_RAFT_APPEND:
        return next_append(ps, in, e);
    case CODEC_RAFT_ENTRY:
        return next_entry(ps, in, e);
    case CODEC_RAFT_APPEND_END:
        return next_append_end(ps, in, e);
    case CODEC_RAFT_PEER_STATE:
        return next_peer_state(ps, in, e);
    default:
        break;
    }
    /* the others are one event, whose length is the body's */
    if (in->len < ps->length)
        return more(e, ps->length - in->len);
    enum raft_part part;
    size_t len;
    if (fixed_part(ps->next, &part, &len))
        raft_msg_read(part, in->ptr, e);
    else
        e->proposal = slice_first(*in, (size_t)ps->length);
    return take(ps, in, (size_t)ps->length, CODEC_RAFT_NONE);
}

bool codec_raft_decode(enum codec_raft_kind kind, slice body, struct codec_raft_event *e)
{
    struct codec_raft ps;
    codec_raft_init(&ps, kind, body.len);
    return codec_raft_next(&ps, &body, e) == CODEC_EVENT;
}

bool codec_raft_append_decode(slice body, struct codec_raft_append *a, struct codec_error *error)
{
    struct codec_raft ps;
    struct codec_raft_event e;
    slice in = body;
    codec_raft_init(&ps, CODEC_RAFT_APPEND, body.len);
    uint64_t end = CODEC_RAFT_APPEND_HEAD_LEN;
    while (codec_raft_next(&ps, &in, &e) == CODEC_EVENT) {
        if (e.kind == CODEC_RAFT_APPEND) {
            a->head = e.append;
        } else if (e.kind == CODEC_RAFT_ENTRY) {
            end = ps.at;
        } else {
            a->end = e.end;
            a->entries = slice_from(slice_first(body, (size_t)end), CODEC_RAFT_APPEND_HEAD_LEN);
            *error = (struct codec_error){CODEC_RAFT_OK, 0};
            return true;
        }
    }
    *error = e.error; /* the body is complete, so the parser never asks for more */
    return false;
}

bool codec_raft_entry_next(slice *entries, struct codec_raft_entry *entry)
{
    if (entries->len < RAFT_ENTRY_HEAD_LEN)
        return false;
    struct codec_raft_event e;
    raft_msg_read(RAFT_PART_ENTRY_HEAD, entries->ptr, &e);
    size_t len = e.entry.data.len;
    if (len == 0 || len > entries->len - 4)
        return false;
    entry->type = e.entry.type;
    entry->data = slice_make(entries->ptr + RAFT_ENTRY_HEAD_LEN, len - 1);
    *entries = slice_from(*entries, len + 4);
    return true;
}
