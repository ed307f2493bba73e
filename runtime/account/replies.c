/* allow_responses: the reply subjects that deliveries opened to a connection. */
#include "account/permissions_impl.h"

#include "base/hash.h"
#include <assert.h>
#include <stdlib.h>

enum {
    SLOTS_MIN = 16,
};
#define PRUNE_EVERY_NS INT64_C(1000000000)

/* One open reply. In its hash slot's chain and in the list by age. */
struct permissions_reply {
    struct permissions_reply *chain;
    struct permissions_reply *older, *newer;
    uint64_t hash;
    int64_t since;
    int64_t used;
    size_t len;
    uint8_t subject[];
};

void permissions_replies_free(struct permissions_replies *r)
{
    while (r->oldest != NULL) {
        struct permissions_reply *next = r->oldest->newer;
        free(r->oldest);
        r->oldest = next;
    }
    free(r->slots);
    *r = (struct permissions_replies){0};
}

bool permissions_tracks_replies(const struct permissions *p)
{
    return p != NULL && p->responses;
}

/* The pointer to the record, or to where the chain of its slot ends; the table is not empty. */
static struct permissions_reply **reply_at(struct permissions_replies *r, slice subject, uint64_t hash)
{
    struct permissions_reply **at = &r->slots[hash & (r->cap - 1)];
    while (*at != NULL && ((*at)->hash != hash || !slice_eq(slice_make((*at)->subject, (*at)->len), subject)))
        at = &(*at)->chain;
    return at;
}

static void list_add(struct permissions_replies *r, struct permissions_reply *e)
{
    e->older = r->newest;
    e->newer = NULL;
    *(r->newest != NULL ? &r->newest->newer : &r->oldest) = e;
    r->newest = e;
}

static void list_drop(struct permissions_replies *r, struct permissions_reply *e)
{
    *(e->older != NULL ? &e->older->newer : &r->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &r->newest) = e->older;
}

static void reply_drop(struct permissions_replies *r, struct permissions_reply **at)
{
    struct permissions_reply *e = *at;
    assert(e != NULL);
    *at = e->chain;
    list_drop(r, e);
    r->count--;
    r->bytes -= e->len;
    free(e);
}

static bool spent(const struct permissions *p, const struct permissions_reply *e, int64_t now)
{
    return (p->max_responses >= 0 && e->used >= p->max_responses) ||
           (p->response_ns >= 0 && now - e->since > p->response_ns);
}

static bool grow(struct permissions_replies *r)
{
    uint32_t cap = r->cap == 0 ? SLOTS_MIN : r->cap * 2;
    struct permissions_reply **slots = calloc(cap, sizeof(struct permissions_reply *));
    if (slots == NULL)
        return false;
    for (struct permissions_reply *e = r->oldest; e != NULL; e = e->newer) {
        e->chain = slots[e->hash & (cap - 1)];
        slots[e->hash & (cap - 1)] = e;
    }
    free(r->slots);
    r->slots = slots;
    r->cap = cap;
    return true;
}

/* Drops what can never be used again when there are many or a while has passed; always keeps the bounds. */
static void prune(const struct permissions *p, struct permissions_replies *r, int64_t now)
{
    if (r->count > PERMISSIONS_REPLIES_PRUNE && now - r->pruned >= PRUNE_EVERY_NS) {
        r->pruned = now;
        for (struct permissions_reply *e = r->oldest, *newer; e != NULL; e = newer) {
            newer = e->newer;
            if (spent(p, e, now))
                reply_drop(r, reply_at(r, slice_make(e->subject, e->len), e->hash));
        }
    }
    while (r->oldest != NULL && (r->count >= PERMISSIONS_REPLIES_MAX || r->bytes > PERMISSIONS_REPLIES_BYTES))
        reply_drop(r, reply_at(r, slice_make(r->oldest->subject, r->oldest->len), r->oldest->hash));
}

void permissions_note_reply(const struct permissions *p, struct permissions_replies *r, slice reply,
                            int64_t now)
{
    if (!permissions_tracks_replies(p) || permissions_publish_static(p, reply) ||
        permissions_respond(p, r, reply, now))
        return;
    uint64_t hash = hash_bytes(reply, p->seed);
    prune(p, r, now);
    if (r->count >= r->cap && !grow(r) && r->cap == 0)
        return;
    struct permissions_reply **at = reply_at(r, reply, hash), *e = malloc(sizeof(*e) + reply.len);
    if (e == NULL)
        return;
    *e = (struct permissions_reply){.hash = hash, .since = now, .len = reply.len};
    memcpy(e->subject, reply.ptr, reply.len);
    *at = e;
    list_add(r, e);
    r->count++;
    r->bytes += reply.len;
}

bool permissions_respond(const struct permissions *p, struct permissions_replies *r, slice subject,
                         int64_t now)
{
    if (!permissions_tracks_replies(p) || r->count == 0)
        return false;
    struct permissions_reply **at = reply_at(r, subject, hash_bytes(subject, p->seed));
    if (*at == NULL)
        return false;
    if (spent(p, *at, now)) {
        reply_drop(r, at);
        return false;
    }
    (*at)->used++;
    return true;
}
