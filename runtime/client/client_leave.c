#include "client/client_internal.h"

#include <stdlib.h>

/* All subscriptions of a connection go when it ends, and when it says CONNECT again. A few are taken out of
 * the account's sublist on the spot. A large set leaves over several turns of the loop, so that a connection
 * with a million of them holds up no other one. Nothing is delivered to them meanwhile: either the outbox is
 * sealed, or they were marked as closed; and the connection, their target, is held until the last one is out.
 */

#define AT_ONCE SUBLIST_BATCH
#define A_TURN  (2 * (size_t)SUBLIST_BATCH) /* taken out in one turn, of all sets of the loop together */

struct leaving {
    struct leaving *next;
    struct client *client;   /* held */
    struct account *account; /* a reference: the client may be bound elsewhere by now */
    struct sid_map subs;
    size_t at;
};

/* At most SUBLIST_BATCH of them, from *at on: their number, 0 at the end. */
static size_t take_batch(struct sublist *from, struct epoch_reader *r, const struct sid_map *subs, size_t *at)
{
    struct sub *batch[SUBLIST_BATCH], *sub;
    size_t n = 0;
    while (n < SUBLIST_BATCH && (sub = sid_map_next(subs, at)) != NULL)
        batch[n++] = sub;
    sublist_remove_many(from, r, batch, n);
    return n;
}

/* The oldest set is out. */
static void end_first(struct client_loop *cl)
{
    struct leaving *first = cl->leaving;
    struct net_conn *conn = &first->client->conn;
    cl->leaving = first->next;
    sid_map_free(&first->subs);
    account_unref(first->account, &conn->loop->reader);
    net_conn_unhold(conn);
    free(first);
}

static void leave_some(struct client_loop *cl, size_t most)
{
    size_t taken = 0;
    while (cl->leaving != NULL && taken < most) {
        struct leaving *first = cl->leaving;
        size_t n =
            take_batch(first->account->sublist, &first->client->conn.loop->reader, &first->subs, &first->at);
        if (n == 0)
            end_first(cl);
        taken += n;
    }
}

static void on_leave(void *ctx)
{
    struct client_loop *cl = ctx;
    leave_some(cl, A_TURN);
    if (cl->leaving == NULL)
        return;
    struct net_loop *l = cl->leaving->client->conn.loop;
    if (!net_arm(l, &cl->leave_timer, l->now, on_leave, cl))
        leave_some(cl, SIZE_MAX);
}

void client_loop_stop(struct client_loop *cl)
{
    leave_some(cl, SIZE_MAX);
}

/* Let the set leave by and by. false when it must be taken out at once. */
static bool begin_leaving(struct client *c)
{
    struct client_loop *cl = client_loop(c);
    struct net_loop *l = c->conn.loop;
    struct leaving *set = l->stopping ? NULL : malloc(sizeof *set);
    if (set == NULL)
        return false;
    if (!net_arm(l, &cl->leave_timer, l->now, on_leave, cl)) {
        free(set);
        return false;
    }
    *set = (struct leaving){.client = c, .account = account_ref(c->account), .subs = c->subs};
    c->subs = (struct sid_map){.seed = set->subs.seed};
    net_conn_hold(&c->conn);
    if (cl->leaving == NULL)
        cl->leaving = set;
    else
        cl->leaving_last->next = set;
    cl->leaving_last = set;
    return true;
}

/* All of them under one lock: for who publishes they end at one moment. */
static void close_all(struct client *c)
{
    size_t at = 0;
    outbox_lock(&c->conn.out);
    if (c->conn.out.state == OUTBOX_OPEN) {
        for (struct sub *sub; (sub = sid_map_next(&c->subs, &at)) != NULL;)
            sub_close(sub);
    }
    outbox_unlock(&c->conn.out);
}

/* Not when the server ends: then they go with it. */
static void trace_all(struct client *c)
{
    size_t at = 0;
    if (!client_tracing(c) || c->conn.loop->stopping)
        return;
    for (struct sub *sub; (sub = sid_map_next(&c->subs, &at)) != NULL;)
        client_trace_delsub(c, sub);
}

void client_drop_all_subs(struct client *c)
{
    client_reap_expired(c);
    if (c->subs.count == 0)
        return;
    close_all(c);
    trace_all(c);
    if (c->subs.count > AT_ONCE && begin_leaving(c))
        return;
    size_t at = 0;
    while (take_batch(c->account->sublist, &c->conn.loop->reader, &c->subs, &at) > 0)
        ;
    sid_map_free(&c->subs);
}
