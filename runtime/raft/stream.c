/* A leader gives a follower what it misses: a snapshot when the log does not reach back far enough, then the
 * entries, at most 2 MiB of them unconfirmed. */
#include "raft/raft_i.h"

#define STREAM_CHECK_EVERY (100 * RAFT_MS)

void raft_stream_cancel(struct raft *r, struct raft_peer *p)
{
    if (!p->stream.active)
        return;
    p->stream.active = false;
    raft_subscribe(r, p->stream.progress, false);
}

bool raft_streaming(const struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        if (r->peers[i].stream.active)
            return true;
    }
    return false;
}

/* Fill the window. The stream ends when all is sent: what is lost will be asked for again. */
static void pump(struct raft *r, struct raft_peer *p)
{
    struct raft_stream *s = &p->stream;
    uint64_t first = s->next;
    while (s->next <= s->end) {
        uint64_t size = raft_map_size(&r->log, s->next);
        if (s->outstanding > 0 && s->outstanding + size > RAFT_CATCHUP_WINDOW)
            break;
        s->outstanding += size;
        s->next++;
    }
    if (s->next > first) {
        struct raft_effect *f = raft_emit(r, RAFT_DO_SEND_LOG);
        f->to = s->to;
        f->reply = s->progress;
        f->index = first;
        f->upto = s->next - 1;
        f->term = r->term;
    }
    if (s->next > s->end)
        raft_stream_cancel(r, p);
}

/* The last entry that the follower may share with us, when it ends with another term than we have there. One
 * step back a term: it will find the rest by matching. */
static uint64_t common(const struct raft *r, struct raft_pos has)
{
    uint64_t i = has.index;
    uint64_t ours = raft_map_term(&r->log, i);
    if (ours == has.term || ours == 0)
        return i;
    while (i > r->log.base_index && raft_map_term(&r->log, i) > has.term)
        i = raft_map_run_first(&r->log, i) - 1;
    if (ours < has.term && i > r->log.base_index)
        i = raft_map_run_first(&r->log, i) - 1;
    return i;
}

static void send_snapshot(struct raft *r, struct raft_addr to)
{
    struct raft_effect *f = raft_emit(r, RAFT_DO_SEND_SNAPSHOT);
    f->to = to;
    f->reply = r->append_inbox;
    f->msg.type = RAFT_MSG_APPEND;
    f->msg.append = (struct raft_append){.leader = r->cfg.id,
                                         .term = r->term,
                                         .commit = r->commit,
                                         .pterm = r->snapshot.term,
                                         .pindex = r->snapshot.index};
}

void raft_stream_begin(struct raft *r, struct raft_peer *p, struct raft_pos has, struct raft_addr to)
{
    raft_stream_cancel(r, p);
    p->reported = has.index;
    p->mark = r->log.last;
    if (has.index > r->log.last) {
        raft_become_follower(r, 0); /* who misses entries cannot have more than we do */
        return;
    }
    uint64_t from = has.index;
    if (from < r->log.base_index) {
        send_snapshot(r, to);
        from = r->log.base_index;
    } else {
        from = common(r, has);
    }
    if (from >= r->log.last)
        return;
    p->stream = (struct raft_stream){.active = true,
                                     .to = to,
                                     .progress = raft_new_inbox(r, RAFT_TO_PROGRESS),
                                     .next = from + 1,
                                     .end = r->log.last,
                                     .acked = from,
                                     .moved = r->now};
    raft_subscribe(r, p->stream.progress, true);
    pump(r, p);
    if (p->stream.active)
        r->stream_check_at = r->now + STREAM_CHECK_EVERY;
}

void raft_stream_progress(struct raft *r, struct raft_addr to, uint64_t index, raft_id id)
{
    struct raft_peer *p = raft_peer_of(r, id);
    if (p == NULL || !p->stream.active || !raft_addr_eq(p->stream.progress, to))
        return;
    p->heard = r->now;
    struct raft_stream *s = &p->stream;
    while (s->acked < index && s->acked + 1 < s->next) {
        s->acked++;
        uint64_t size = raft_map_size(&r->log, s->acked);
        s->outstanding -= size < s->outstanding ? size : s->outstanding;
        s->moved = r->now;
    }
    pump(r, p);
}

void raft_stream_check(struct raft *r)
{
    for (size_t i = 0; i < r->peer_count; i++) {
        struct raft_peer *p = &r->peers[i];
        if (p->stream.active && r->now - p->stream.moved > RAFT_CATCHUP_STALL)
            raft_stream_cancel(r, p);
    }
    r->stream_check_at = raft_streaming(r) ? r->now + STREAM_CHECK_EVERY : RAFT_NEVER;
}
