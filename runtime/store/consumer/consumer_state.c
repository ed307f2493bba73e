#include "store/consumer/consumer_state.h"

#include <stdio.h>

void consumer_state_free(struct consumer_state *s)
{
    seqmap_free(&s->pending);
    seqmap_free(&s->redelivered);
    *s = (struct consumer_state){0};
}

bool consumer_state_copy(struct consumer_state *to, const struct consumer_state *from)
{
    *to = (struct consumer_state){.delivered = from->delivered, .floor = from->floor};
    if (seqmap_copy(&to->pending, &from->pending) && seqmap_copy(&to->redelivered, &from->redelivered))
        return true;
    consumer_state_free(to);
    return false;
}

static void raise_to(uint64_t *value, uint64_t to)
{
    if (*value < to)
        *value = to;
}

/* A redelivery counts up redelivered; past max_deliver the message is no longer pending. */
static enum store_rc count_redelivery(struct consumer_state *s, const struct consumer_policy *p,
                                      const struct consumer_delivery *d)
{
    struct seqmap_entry *r = seqmap_put(&s->redelivered, d->sseq);
    if (r == NULL)
        return STORE_NO_MEMORY;
    raise_to(&r->a, d->count - 1);
    if (p->max_deliver > 0 && d->count > p->max_deliver)
        seqmap_remove(&s->pending, d->sseq);
    return STORE_OK;
}

/* Without acknowledgements the floor goes along with what is delivered. */
static void move_both(struct consumer_state *s, const struct consumer_delivery *d)
{
    if (d->dseq > s->delivered.consumer)
        s->delivered.consumer = s->floor.consumer = d->dseq;
    if (d->sseq > s->delivered.stream)
        s->delivered.stream = s->floor.stream = d->sseq;
}

enum store_rc consumer_state_delivered(struct consumer_state *s, const struct consumer_policy *p,
                                       const struct consumer_delivery *d)
{
    if (p->ack == CONSUMER_ACK_NONE) {
        if (d->count != 1)
            return STORE_ACK_NONE;
        if (d->dseq > s->floor.consumer)
            move_both(s, d);
        return STORE_OK;
    }
    if (d->dseq <= s->floor.consumer)
        return STORE_OK;
    struct seqmap_entry *e = seqmap_get(&s->pending, d->sseq);
    if (d->sseq <= s->delivered.stream) {
        /* A redelivery keeps the consumer sequence of the first delivery. */
        if (e != NULL)
            e->b = d->ts;
    } else {
        e = seqmap_put(&s->pending, d->sseq);
        if (e == NULL)
            return STORE_NO_MEMORY;
        e->a = d->dseq;
        e->b = d->ts;
    }
    raise_to(&s->delivered.consumer, d->dseq);
    raise_to(&s->delivered.stream, d->sseq);
    return d->count > 1 ? count_redelivery(s, p, d) : STORE_OK;
}

/* The lowest pending sequence above the floor; NULL when there is none. Usually it is near, so sequences are
 * tried one by one, unless the range is larger than the table. */
static const struct seqmap_entry *next_pending(const struct consumer_state *s)
{
    if (s->delivered.stream - s->floor.stream <= s->pending.cap) {
        for (uint64_t seq = s->floor.stream + 1; seq <= s->delivered.stream; seq++) {
            const struct seqmap_entry *e = seqmap_get(&s->pending, seq);
            if (e != NULL)
                return e;
        }
        return NULL;
    }
    const struct seqmap_entry *lowest = NULL;
    for (size_t i = 0; i < s->pending.cap; i++) {
        const struct seqmap_entry *e = &s->pending.slots[i];
        if (e->key > s->floor.stream && e->key <= s->delivered.stream &&
            (lowest == NULL || e->key < lowest->key))
            lowest = e;
    }
    return lowest;
}

/* The floor moves to just before the next message that is still pending. An entry of a version 1 file has no
 * consumer sequence: it holds the floor where it is. */
static void move_floor(struct consumer_state *s)
{
    const struct seqmap_entry *e = s->delivered.consumer > s->floor.consumer ? next_pending(s) : NULL;
    if (e != NULL && e->a > 0)
        s->floor = (struct consumer_position){e->a - 1, e->key - 1};
}

enum store_rc consumer_state_acked(struct consumer_state *s, const struct consumer_policy *p, uint64_t dseq,
                                   uint64_t sseq)
{
    if (p->ack == CONSUMER_ACK_NONE)
        return STORE_ACK_NONE;
    seqmap_remove(&s->redelivered, sseq);
    if (dseq <= s->floor.consumer)
        return STORE_OK;
    const struct seqmap_entry *e = seqmap_get(&s->pending, sseq);
    if (e == NULL)
        return STORE_NOT_FOUND;
    if (p->ack != CONSUMER_ACK_EXPLICIT) {
        s->floor = (struct consumer_position){dseq, sseq};
        seqmap_remove_upto(&s->pending, sseq);
        seqmap_remove_upto(&s->redelivered, sseq);
        return STORE_OK;
    }
    if (e->a > 0 && e->a < dseq)
        dseq = e->a;
    seqmap_remove(&s->pending, sseq);
    if (s->pending.count == 0) {
        s->floor = s->delivered;
    } else if (dseq == s->floor.consumer + 1) {
        s->floor = (struct consumer_position){dseq, sseq};
        move_floor(s);
    }
    return STORE_OK;
}

const char *consumer_state_check(const struct consumer_state *now, const struct consumer_state *update,
                                 bool age, char *text, size_t cap)
{
    if (update->floor.consumer > update->delivered.consumer)
        return "bad ack floor for consumer";
    if (update->floor.stream > update->delivered.stream)
        return "bad ack floor for stream";
    for (size_t i = 0; i < update->pending.cap; i++) {
        uint64_t seq = update->pending.slots[i].key;
        if (seq != 0 && (seq <= update->floor.stream || seq > update->delivered.stream)) {
            snprintf(text, cap, "bad pending entry, sequence [%llu] out of range", (unsigned long long)seq);
            return text;
        }
    }
    if (age &&
        (update->delivered.consumer < now->delivered.consumer || update->floor.stream < now->floor.stream))
        return store_rc_text(STORE_OLD_UPDATE);
    return NULL;
}

void consumer_state_reset(struct consumer_state *s, uint64_t start)
{
    consumer_state_free(s);
    s->delivered.stream = start;
    s->floor.stream = start;
}

void consumer_state_raise(struct consumer_state *s, const struct consumer_policy *p, uint64_t start)
{
    raise_to(&s->delivered.stream, start);
    if (p->ack == CONSUMER_ACK_NONE)
        raise_to(&s->floor.stream, start);
}

void consumer_state_drop_redelivered_below(struct consumer_state *s, uint64_t sseq)
{
    if (sseq > 0)
        seqmap_remove_upto(&s->redelivered, sseq - 1);
}

bool consumer_state_reconcile(struct consumer_state *s, uint64_t last)
{
    if (s->delivered.stream <= last)
        return false;
    if (s->floor.stream > last) {
        struct consumer_position at = {s->delivered.consumer, last};
        consumer_state_free(s);
        s->floor = s->delivered = at;
        return true;
    }
    seqmap_remove_above(&s->pending, last);
    seqmap_remove_above(&s->redelivered, last);
    uint64_t delivered = s->floor.stream;
    for (size_t i = 0; i < s->pending.cap; i++)
        raise_to(&delivered, s->pending.slots[i].key);
    s->delivered.stream = delivered;
    return true;
}
