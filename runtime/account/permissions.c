/* Permissions: compiled lists, and the cache of a connection. Responses stand in replies.c. */
#include "account/permissions_impl.h"

#include "base/hash.h"
#include <midge/subject.h>
#include <assert.h>
#include <stdlib.h>

/* ---- compiling ---- */

/* False when out of memory or invalid (then *bad is set). */
static bool compile_list(const struct permission_list *list, struct subject_set **out, slice *bad)
{
    *out = subject_set_new();
    if (*out == NULL)
        return false;
    for (size_t i = 0; i < list->count; i++) {
        const struct permission_entry *e = &list->items[i];
        if (!codec_subject_is_valid(e->subject) || (e->queue.len > 0 && !codec_subject_is_valid(e->queue))) {
            *bad = codec_subject_is_valid(e->subject) ? e->queue : e->subject;
            return false;
        }
        if (subject_set_add(*out, e->subject, e->queue) != 0)
            return false;
    }
    return true;
}

static bool compile_rules(const struct permission_rules *rules, struct compiled_rules *out, slice *bad)
{
    if ((rules->allow.count > 0 || rules->restricted) && !compile_list(&rules->allow, &out->allow, bad))
        return false;
    return rules->deny.count == 0 || compile_list(&rules->deny, &out->deny, bad);
}

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value == 0 ? fallback : value;
}

struct permissions *permissions_new(const struct permissions_config *cfg, slice *bad)
{
    slice ignored;
    struct permissions *p = calloc(1, sizeof(*p));
    if (bad == NULL)
        bad = &ignored;
    *bad = SLICE_EMPTY;
    if (p == NULL)
        return NULL;
    atomic_init(&p->refs, 1);
    p->responses = cfg->responses;
    p->max_responses = or_default(cfg->max_responses, PERMISSIONS_RESPONSES_DEFAULT);
    p->response_ns = or_default(cfg->response_ns, PERMISSIONS_RESPONSE_NS_DEFAULT);
    p->seed = cfg->seed;
    struct permission_rules publish = cfg->publish, subscribe = cfg->subscribe;
    publish.restricted = publish.restricted || cfg->responses;
    subscribe.restricted = false; /* an empty subscribe list is always an absent one */
    if (!compile_rules(&publish, &p->publish, bad) || !compile_rules(&subscribe, &p->subscribe, bad)) {
        permissions_unref(p);
        return NULL;
    }
    return p;
}

struct permissions *permissions_ref(struct permissions *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void permissions_unref(struct permissions *p)
{
    if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) > 1)
        return;
    subject_set_free(p->publish.allow);
    subject_set_free(p->publish.deny);
    subject_set_free(p->subscribe.allow);
    subject_set_free(p->subscribe.deny);
    free(p);
}

/* ---- publishing ---- */

bool permissions_publish_static(const struct permissions *p, slice subject)
{
    if (p->publish.allow != NULL && !subject_set_ask(p->publish.allow, subject, SLICE_EMPTY).plain)
        return false;
    return p->publish.deny == NULL || !subject_set_ask(p->publish.deny, subject, SLICE_EMPTY).plain;
}

enum {
    CACHE_ENTRIES = 32,
    CACHE_SUBJECT_MAX = 54,
};

/* One cache line. */
struct cache_entry {
    uint64_t hash;
    uint8_t subject_len; /* 0: unused */
    bool allowed;
    uint8_t subject[CACHE_SUBJECT_MAX];
};
static_assert(sizeof(struct cache_entry) == 64, "a verdict fills a cache line");

/* Verdicts by hash of the subject, the last one of each place. The hash needs no secret: colliding subjects
 * only make their own connection ask again. */
struct permissions_cache {
    struct cache_entry entry[CACHE_ENTRIES];
};

void permissions_cache_free(struct permissions_cache *c)
{
    free(c);
}

bool permissions_publish(const struct permissions *p, struct permissions_cache **cache, slice subject)
{
    if (p == NULL || (p->publish.allow == NULL && p->publish.deny == NULL))
        return true;
    if (cache == NULL || subject.len > CACHE_SUBJECT_MAX || subject.len == 0)
        return permissions_publish_static(p, subject);
    if (*cache == NULL)
        *cache = calloc(1, sizeof(**cache));
    if (*cache == NULL) /* slower, not wrong */
        return permissions_publish_static(p, subject);
    uint64_t hash = hash_bytes(subject, 1);
    struct cache_entry *e = &(*cache)->entry[hash % CACHE_ENTRIES];
    if (e->hash == hash && slice_eq(slice_make(e->subject, e->subject_len), subject))
        return e->allowed;
    e->hash = hash;
    e->subject_len = (uint8_t)subject.len;
    e->allowed = permissions_publish_static(p, subject);
    memcpy(e->subject, subject.ptr, subject.len);
    return e->allowed;
}

/* Replies that gateways rewrite: `_GR_.` and the old `$GR.`, in both cases with something behind. */
static bool is_gateway_reply(slice s)
{
    if (slice_starts(s, SLICE_LIT("_GR_.")))
        return s.len > sizeof("_GR_.") - 1;
    return slice_starts(s, SLICE_LIT("$GR.")) && s.len > sizeof("$GR.") - 1;
}

bool permissions_reserved_publish(slice subject, bool system_account)
{
    if (subject.len == 0 || (subject.ptr[0] != '$' && subject.ptr[0] != '_'))
        return false;
    return is_gateway_reply(subject) || (!system_account && slice_starts(subject, SLICE_LIT("$NRG.")));
}

bool permissions_reserved_reply(slice reply)
{
    if (reply.len == 0 || (reply.ptr[0] != '$' && reply.ptr[0] != '_'))
        return false;
    return slice_starts(reply, SLICE_LIT("_R_.")) || is_gateway_reply(reply) ||
           (slice_starts(reply, SLICE_LIT("$JS.ACK.")) && reply.len > sizeof("$JS.ACK.") - 1);
}

/* ---- subscribing ---- */

bool permissions_subscribe(const struct permissions *p, slice subject, slice queue)
{
    if (p == NULL)
        return true;
    if (p->subscribe.allow != NULL) {
        struct subject_set_hit hit = subject_set_ask(p->subscribe.allow, subject, queue);
        bool allowed = queue.len > 0 && hit.queued ? hit.queue_match : hit.plain;
        if (!allowed)
            return false;
    }
    return permissions_deliver(p, subject, queue);
}

bool permissions_needs_filter(const struct permissions *p, slice subject, slice queue)
{
    if (p == NULL || p->subscribe.deny == NULL || (queue.len == 0 && !codec_subject_has_wildcard(subject)))
        return false;
    return subject_set_overlaps(p->subscribe.deny, subject, queue);
}

bool permissions_deliver(const struct permissions *p, slice subject, slice queue)
{
    if (p == NULL || p->subscribe.deny == NULL)
        return true;
    struct subject_set_hit hit = subject_set_ask(p->subscribe.deny, subject, queue);
    return !hit.plain && !(queue.len > 0 && hit.queue_match);
}
