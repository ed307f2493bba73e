#include "client/client_internal.h"

#include <midge/subject.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- SUB ---- */

static bool refuse(struct client *c, const struct codec_client_sub *ev)
{
    char subject[CLIENT_QUOTE_MAX], queue[CLIENT_QUOTE_MAX];
    client_quote(ev->subject, subject);
    client_quote(ev->queue, queue);
    if (ev->queue.len > 0) {
        client_err(c, "Permissions Violation for Subscription to %s using queue %s", subject, queue);
        CLIENT_LOG_PARTS(c, LOG_ERR, SLICE_LIT("Subscription Violation - Subject "), slice_str(subject),
                         SLICE_LIT(", Queue: "), slice_str(queue), SLICE_LIT(", SID "), ev->sid);
    } else {
        client_err(c, "Permissions Violation for Subscription to %s", subject);
        CLIENT_LOG_PARTS(c, LOG_ERR, SLICE_LIT("Subscription Violation - Subject "), slice_str(subject),
                         SLICE_LIT(", SID "), ev->sid);
    }
    return false;
}

static bool refuse_tokens(struct client *c, const struct codec_client_sub *ev)
{
    char subject[CLIENT_QUOTE_MAX];
    client_quote(ev->subject, subject);
    client_err(c, "Permissions Violation for Subscription to %s, too many tokens", subject);
    CLIENT_LOG_PARTS(c, LOG_ERR, SLICE_LIT("Subscription Violation Too Many Tokens - Subject "),
                     slice_str(subject), SLICE_LIT(", SID "), ev->sid);
    return false;
}

void client_subs_exceeded(struct client *c)
{
    client_err(c, "maximum subscriptions exceeded");
    log_limited_key(c->host->log, LOG_ERR, c->account->name, "%s - maximum subscriptions exceeded", c->label);
}

/* The checks of section 8.1 in their order; each says its own error. */
static bool may_subscribe(struct client *c, const struct codec_client_sub *ev)
{
    const struct client_settings *s = client_settings(c->host);
    if (slice_eq(ev->queue, SLICE_LIT("_sys_")))
        return refuse(c, ev);
    if (!permissions_subscribe(c->perms, ev->subject, ev->queue))
        return refuse(c, ev);
    if (s->max_sub_tokens > 0 && codec_subject_scan(ev->subject).tokens > s->max_sub_tokens)
        return refuse_tokens(c, ev);
    if (c->max_subs > 0 && c->subs.count >= c->max_subs) {
        client_subs_exceeded(c);
        return false;
    }
    return true;
}

static bool add_sub(struct client *c, const struct codec_client_sub *ev)
{
    struct sub *sub = sub_new(ev->subject, ev->queue, ev->sid, (struct sub_target *)c);
    if (sub == NULL)
        return false;
    if (c->perms != NULL && permissions_needs_filter(c->perms, ev->subject, ev->queue))
        sub->flags |= CLIENT_SUB_CHECK_DENY;
    if (!sid_map_insert(&c->subs, sub)) {
        sub_free(sub);
        return false;
    }
    if (sublist_insert(c->account->sublist, &c->conn.loop->reader, sub) < 0) {
        sid_map_remove(&c->subs, sub);
        sub_free(sub);
        return false;
    }
    return true;
}

void client_sub(struct client *c, const struct codec_client_sub *ev)
{
    c->last_active = c->conn.loop->now;
    client_reap_expired(c);
    if (!may_subscribe(c, ev))
        return;
    bool known = sid_map_find(&c->subs, ev->sid) != NULL; /* then nothing is done, whatever the subject is */
    if (!known && !codec_subject_is_subscription(ev->subject)) {
        client_err(c, "Invalid Subject");
        return;
    }
    if (!known && !add_sub(c, ev)) {
        client_log(c, LOG_ERR, "out of memory for a subscription");
        client_close(c, CLOSE_PROTOCOL);
        return;
    }
    client_ok(c);
}

/* ---- UNSUB ---- */

static void take_out(struct client *c, struct sub *sub)
{
    sid_map_remove(&c->subs, sub);
    sublist_remove(c->account->sublist, &c->conn.loop->reader, sub);
}

void client_drop_sub(struct client *c, struct sub *sub)
{
    client_trace_delsub(c, sub);
    take_out(c, sub);
}

void client_unsub(struct client *c, const struct codec_client_unsub *ev)
{
    c->last_active = c->conn.loop->now;
    client_reap_expired(c);
    struct sub *sub = sid_map_find(&c->subs, ev->sid);
    bool later = false;
    if (sub != NULL) {
        outbox_lock(&c->conn.out);
        later = ev->max > sub->delivered;
        sub->max = later ? ev->max : 0;
        if (!later)
            sub_close(sub);
        outbox_unlock(&c->conn.out);
    }
    client_ok(c);
    if (sub != NULL && !later)
        client_drop_sub(c, sub);
}

/* ---- the ends of many ---- */

/* Take the list of what has expired; *all: it is not complete, look through all subscriptions. */
static struct sub **take_expired(struct client *c, uint32_t *count, bool *all)
{
    outbox_lock(&c->conn.out);
    struct sub **list = c->expired;
    *count = c->expired_count;
    *all = c->expired_lost;
    c->expired = NULL;
    c->expired_count = c->expired_cap = 0;
    c->expired_lost = false;
    atomic_store_explicit(&c->attention, false, memory_order_relaxed);
    outbox_unlock(&c->conn.out);
    return list;
}

static void drop_closed(struct client *c)
{
    size_t at = 0;
    for (struct sub *sub; (sub = sid_map_next(&c->subs, &at)) != NULL;) {
        if (sub_closed(sub)) {
            client_drop_sub(c, sub);
            at--; /* another one may have moved into its slot */
        }
    }
}

void client_reap_expired(struct client *c)
{
    if (!atomic_load_explicit(&c->attention, memory_order_acquire))
        return;
    uint32_t count;
    bool all;
    struct sub **list = take_expired(c, &count, &all);
    for (uint32_t i = 0; i < count; i++) {
        char limit[64];
        snprintf(limit, sizeof limit, "Auto-unsubscribe limit of %u reached for sid '", list[i]->max);
        CLIENT_LOG_PARTS(c, LOG_DBG, slice_str(limit), sub_sid(list[i]), SLICE_LIT("'"));
        client_drop_sub(c, list[i]);
    }
    free(list);
    if (all)
        drop_closed(c);
}

void client_attention(struct net_conn *conn)
{
    client_reap_expired(client_of(conn));
}

static void tell_removed(struct client *c, const struct sub *sub)
{
    char subject[CLIENT_QUOTE_MAX], queue[CLIENT_QUOTE_MAX], sid[CLIENT_QUOTE_MAX], who[AUTH_NOTE_MAX];
    client_identity(c, who);
    client_quote(sub_subject(sub), subject);
    client_quote(sub_sid(sub), sid);
    if (sub->queue_len > 0) {
        client_quote(sub_queue(sub), queue);
        client_err(c, "Permissions Violation for Subscription to %s using queue %s (sid %s)", subject, queue,
                   sid);
        log_inf(c->host->log, "Removed sub %s using queue %s (sid %s) for %s - not authorized", subject,
                queue, sid, who);
    } else {
        client_err(c, "Permissions Violation for Subscription to %s (sid %s)", subject, sid);
        log_inf(c->host->log, "Removed sub %s (sid %s) for %s - not authorized", subject, sid, who);
    }
}

void client_check_subs(struct client *c)
{
    size_t at = 0;
    for (struct sub *sub; (sub = sid_map_next(&c->subs, &at)) != NULL;) {
        slice subject = sub_subject(sub), queue = sub_queue(sub);
        outbox_lock(&c->conn.out);
        if (c->perms != NULL && permissions_needs_filter(c->perms, subject, queue))
            sub->flags |= CLIENT_SUB_CHECK_DENY;
        outbox_unlock(&c->conn.out);
        if (permissions_subscribe(c->perms, subject, queue))
            continue;
        client_trace_delsub(c, sub);
        tell_removed(c, sub);
        take_out(c, sub);
        at--; /* another one may have moved into its slot */
    }
}
