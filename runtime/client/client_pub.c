#include "client/client_internal.h"

#include <midge/subject.h>
#include <stdlib.h>

#define SHARE_MIN     16384   /* payloads from here on are shared between outboxes, smaller ones copied */
#define STALL_NS      2000000 /* wait for a consumer past 3/4 of its max_pending ... */
#define STALL_FULL_NS 5000000 /* ... or past all of it */

static uint8_t *put(uint8_t *p, slice s)
{
    memcpy(p, s.ptr, s.len);
    return p + s.len;
}

static uint8_t *put_number(uint8_t *p, uint32_t n)
{
    uint8_t digits[10];
    int at = 10;
    do {
        digits[--at] = (uint8_t)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return put(p, slice_make(digits + at, (size_t)(10 - at)));
}

/* The line "MSG subject sid [reply] size" or its HMSG form, with CRLF; p has room. */
static uint8_t *put_line(uint8_t *p, const struct message *m, slice sid, bool hmsg)
{
    p = put(p, hmsg ? SLICE_LIT("HMSG ") : SLICE_LIT("MSG "));
    p = put(p, m->subject);
    *p++ = ' ';
    p = put(p, sid);
    *p++ = ' ';
    if (m->reply.len > 0) {
        p = put(p, m->reply);
        *p++ = ' ';
    }
    if (hmsg) {
        p = put(p, m->hdr_text);
        *p++ = ' ';
        p = put(p, m->size_text);
    } else if (m->hdr_size > 0) {
        p = put_number(p, (uint32_t)m->payload.len - m->hdr_size);
    } else {
        p = put(p, m->size_text);
    }
    *p++ = '\r';
    *p++ = '\n';
    return p;
}

/* Room for the longest line of this message. */
static size_t line_room(const struct message *m, slice sid)
{
    return 5 + m->subject.len + 1 + sid.len + 1 + m->reply.len + 1 + m->hdr_text.len + 1 + m->size_text.len +
           12;
}

/* Large payloads are shared between outboxes: make the body at the first need. false: copy instead. */
static bool shares(struct message *m)
{
    if (m->payload.len < SHARE_MIN)
        return false;
    if (m->body == NULL) {
        m->body = body_new(m->payload.len + 2);
        if (m->body == NULL)
            return false;
        memcpy(m->body->bytes, m->payload.ptr, m->payload.len + 2);
        m->payload.ptr = m->body->bytes;
    }
    return true;
}

/* Append the frame; the target's outbox lock is held. */
static void put_frame(struct client *to, struct sub *sub, struct message *m, bool hmsg, struct touched *t)
{
    struct outbox *o = &to->conn.out;
    bool shared = shares(m);
    slice sid = sub_sid(sub);
    uint32_t skipped = hmsg ? 0 : m->hdr_size; /* at most payload.len */
    slice content = slice_make(m->payload.ptr + skipped, m->payload.len + 2 - skipped);
    uint8_t *at = outbox_room(o, line_room(m, sid) + (shared ? 0 : content.len));
    if (at == NULL) {
        outbox_touch(o, t);
        return;
    }
    uint8_t *end = put_line(at, m, sid, hmsg);
    if (!shared)
        end = put(end, content);
    outbox_put(o, (size_t)(end - at), t);
    if (shared)
        outbox_put_body(o, m->body, content.ptr, content.len, t);
    o->msgs++;
    o->bytes += content.len - 2;
}

/* Leave the removal to the owner. */
static void client_expire(struct client *to, struct sub *sub)
{
    if (to->expired_count == to->expired_cap) {
        uint32_t cap = to->expired_cap == 0 ? 4 : 2 * to->expired_cap;
        struct sub **list = realloc(to->expired, cap * sizeof(struct sub *));
        if (list == NULL) {
            to->expired_lost = true;
        } else {
            to->expired = list;
            to->expired_cap = cap;
        }
    }
    if (to->expired_count < to->expired_cap)
        to->expired[to->expired_count++] = sub;
    to->conn.out.attention = true;
    atomic_store_explicit(&to->attention, true, memory_order_release);
}

/* Count a delivery on the subscription; at its maximum it ends here and its owner removes it. Lock held. */
static void count_delivery(struct client *to, struct sub *sub)
{
    sub->delivered++;
    if (sub->max == 0 || sub->delivered < sub->max)
        return;
    sub_close(sub);
    client_expire(to, sub);
}

static void note_stall(struct client *from, const struct outbox *o)
{
    int64_t wait = o->pending >= o->max_pending ? STALL_FULL_NS : STALL_NS;
    if (from->stalled_for < wait)
        from->stalled_for = wait;
}

static bool denies(const struct client *to, const struct sub *sub, slice subject)
{
    return to->perms != NULL && !permissions_deliver(to->perms, subject, sub_queue(sub));
}

/* One message to one subscription: true when it was accepted. */
static bool deliver(struct client *from, struct sub *sub, struct message *m)
{
    struct client *to = (struct client *)sub->target;
    struct touched *t = &from->conn.loop->touched;
    if (to == from && !from->echo)
        return false;
    struct outbox *o = &to->conn.out;
    bool drop_if_full = client_settings(from->host)->no_stall;
    /* What another loop may have written last comes while the lock does. */
    __builtin_prefetch(&o->at, 1);
    __builtin_prefetch(&sub->delivered, 1);
    outbox_lock(o);
    if (o->state != OUTBOX_OPEN || sub_closed(sub) || (o->stalls && drop_if_full) ||
        ((sub->flags & CLIENT_SUB_CHECK_DENY) && denies(to, sub, m->subject))) {
        outbox_unlock(o);
        return false;
    }
    if (o->stalls)
        note_stall(from, o);
    bool hmsg = m->hdr_size > 0 && to->headers;
    put_frame(to, sub, m, hmsg, t);
    count_delivery(to, sub);
    if (m->reply.len > 0 && to->perms != NULL && permissions_tracks_replies(to->perms))
        permissions_note_reply(to->perms, &to->replies, m->reply, from->conn.loop->now);
    outbox_unlock(o);
    if (client_tracing(from))
        client_trace_delivery(to, sub, m, hmsg);
    return true;
}

static uint64_t next_random(struct client_loop *l)
{
    uint64_t x = l->rng;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return l->rng = x;
}

/* One member of a queue group: a random one, or the next in the circle that accepts. */
static bool deliver_to_group(struct client *from, const struct sublist_group *g, struct message *m)
{
    uint32_t at = sublist_queue_start(g->count, (uint32_t)(next_random(client_loop(from)) >> 32));
    for (uint32_t tried = 0; tried < g->count; tried++) {
        if (deliver(from, g->members[at], m))
            return true;
        at = sublist_queue_next(at, g->count);
    }
    return false;
}

/* Who wants the subject; nobody when there is no memory to find out. */
static const struct sublist_result *match(struct client *from, slice subject)
{
    struct client_loop *l = client_loop(from);
    if (sublist_match(from->account->sublist, subject, l->scratch, &l->result) < 0)
        client_log(from, LOG_ERR, "out of memory: a message was not delivered");
    return &l->result;
}

/* To all plain subscriptions and one member of each group; the number of copies. (Its registers and its frame
 * are no burden for messages that nobody wants.) */
static __attribute__((noinline)) uint32_t deliver_all(struct client *from, const struct sublist_result *r,
                                                      const struct codec_client_pub *pub, slice payload,
                                                      struct body *body)
{
    struct message m = {.subject = pub->subject,
                        .reply = pub->reply,
                        .size_text = pub->size_text,
                        .hdr_text = pub->hdr_text,
                        .payload = payload,
                        .hdr_size = pub->hdr_size,
                        .body = body};
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->plain_count; i++)
        n += deliver(from, r->plain[i], &m);
    for (uint32_t i = 0; i < r->group_count; i++)
        n += deliver_to_group(from, &r->groups[i], &m);
    if (m.body != body)
        body_drop(m.body);
    return n;
}

/* ---- no responders ---- */

/* A plain subscription of the client that covers the reply subject. */
static struct sub *own_sub_for(struct client *c, slice subject)
{
    const struct sublist_result *r = match(c, subject);
    for (uint32_t i = 0; i < r->plain_count; i++) {
        if (r->plain[i]->target == (struct sub_target *)c && !sub_closed(r->plain[i]))
            return r->plain[i];
    }
    return NULL;
}

static __attribute__((noinline)) void send_no_responders(struct client *c, slice subject, slice reply)
{
    static const char status[] = "NATS/1.0 503\r\nNats-Subject: ";
    struct sub *sub = own_sub_for(c, reply);
    if (sub == NULL)
        return;
    size_t size = sizeof status - 1 + subject.len + 4;
    slice sid = sub_sid(sub);
    struct outbox *o = &c->conn.out;
    outbox_lock(o);
    bool open = o->state == OUTBOX_OPEN;
    uint8_t *at = open ? outbox_room(o, 40 + reply.len + sid.len + size) : NULL;
    if (at != NULL) {
        uint8_t *p = put(at, SLICE_LIT("HMSG "));
        p = put(p, reply);
        *p++ = ' ';
        p = put(p, sid);
        *p++ = ' ';
        p = put_number(p, (uint32_t)size);
        *p++ = ' ';
        p = put_number(p, (uint32_t)size);
        p = put(p, SLICE_LIT("\r\n"));
        p = put(p, slice_make(status, sizeof status - 1));
        p = put(p, subject);
        p = put(p, SLICE_LIT("\r\n\r\n\r\n"));
        outbox_put(o, (size_t)(p - at), &c->conn.loop->touched);
    } else if (open) {
        outbox_touch(o, &c->conn.loop->touched); /* its owner learns that there is no memory */
    }
    outbox_unlock(o);
}

/* ---- checks ---- */

static void refuse_subject(struct client *c, slice subject)
{
    char q[CLIENT_QUOTE_MAX];
    client_quote(subject, q);
    client_err(c, "Permissions Violation for Publish to %s", q);
    client_log(c, LOG_ERR, "Publish Violation - Subject %s", q);
}

static void refuse_reply(struct client *c, slice reply)
{
    char q[CLIENT_QUOTE_MAX];
    client_quote(reply, q);
    client_err(c, "Permissions Violation for Publish with Reply of %s", q);
    client_log(c, LOG_ERR, "Publish Violation - Reply %s", q);
}

/* The permissions, or an answer to a request that was delivered here. */
static bool may_publish(struct client *c, slice subject)
{
    if (c->perms == NULL || permissions_publish(c->perms, &c->publish_cache, subject))
        return true;
    if (!permissions_tracks_replies(c->perms))
        return false;
    outbox_lock(&c->conn.out);
    bool ok = permissions_respond(c->perms, &c->replies, subject, c->conn.loop->now);
    outbox_unlock(&c->conn.out);
    return ok;
}

bool client_pub_line(struct client *c, const struct codec_client_pub *pub)
{
    if (pub->size > c->max_payload) {
        client_log(c, LOG_ERR, "maximum payload exceeded: %u vs %u", pub->size, c->max_payload);
        client_err(c, "Maximum Payload Violation");
        client_close(c, CLOSE_MAX_PAYLOAD);
        return false;
    }
    if (c->pedantic && !codec_subject_is_literal(pub->subject))
        client_err(c, "Invalid Publish Subject");
    return true;
}

void client_publish(struct client *c, const struct codec_client_pub *pub, slice payload, struct body *body)
{
    struct client_counters *n = &client_loop(c)->counters;
    c->in_msgs++;
    c->in_bytes += payload.len;
    counter_add(&n->in_msgs, 1);
    counter_add(&n->in_bytes, payload.len);
    if (permissions_reserved_publish(pub->subject, c->account->system) || !may_publish(c, pub->subject)) {
        refuse_subject(c, pub->subject);
        return;
    }
    if (pub->has_reply && permissions_reserved_reply(pub->reply)) {
        refuse_reply(c, pub->reply);
        return;
    }
    if (c->verbose)
        client_ok(c);
    const struct sublist_result *r = match(c, pub->subject);
    uint32_t copies = 0;
    if (r->plain_count + r->group_count > 0) {
        copies = deliver_all(c, r, pub, payload, body);
        counter_add(&n->out_msgs, copies);
        counter_add(&n->out_bytes, copies * payload.len);
    }
    if (copies == 0 && pub->has_reply && c->no_responders)
        send_no_responders(c, pub->subject, pub->reply);
}
