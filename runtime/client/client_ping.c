#include "client/client_internal.h"

#define SECOND         ((int64_t)1000000000)
#define FIRST_PING_MAX (2 * SECOND)
#define RTT_REFRESH    (3600 * SECOND)

static const slice ping_line = {(const uint8_t *)"PING\r\n", 6};
static const slice pong_line = {(const uint8_t *)"PONG\r\n", 6};

void client_ping(struct client *c)
{
    c->last_active = c->conn.loop->now;
    client_send(c, pong_line);
    if (!c->connected)
        return;
    bool first = !c->first_pong_sent;
    c->first_pong_sent = true;
    /* Once, and only to clients that understand it: INFO about what CONNECT led to. */
    if (first && c->protocol >= 1)
        client_send_info(c, true, false);
}

void client_pong(struct client *c)
{
    /* One that nobody asked for measures nothing. */
    if (c->pings_out != 0)
        c->rtt = c->conn.loop->now - c->rtt_start;
    c->pings_out = 0;
}

static void send_ping(struct client *c)
{
    c->pings_out++;
    c->rtt_start = c->conn.loop->now;
    client_send(c, ping_line);
}

/* The client said something within the interval, and a PING measured its round trip not long ago. */
static bool is_lively(const struct client *c, int64_t interval)
{
    int64_t now = c->conn.loop->now;
    return c->rtt_start != 0 && now - c->rtt_start < RTT_REFRESH && now - c->last_active < interval;
}

static void on_ping_timer(void *ctx)
{
    struct client *c = ctx;
    const struct client_settings *s = client_settings(c->host);
    client_log(c, LOG_DBG, "Client Ping Timer");
    if (is_lively(c, s->ping_interval)) {
        client_log(c, LOG_DBG, "Delaying PING due to remote client data or ping %llds ago",
                   (long long)((c->conn.loop->now - c->last_active) / SECOND));
    } else if (c->pings_out + 1 > s->ping_max) {
        client_log(c, LOG_DBG, "Stale Client Connection - Closing");
        counter_add(&client_loop(c)->counters.stale, 1);
        client_err(c, "Stale Connection");
        client_close(c, CLOSE_STALE);
        return;
    } else {
        send_ping(c);
    }
    client_arm_ping(c, s->ping_interval);
}

void client_arm_ping(struct client *c, int64_t delay)
{
    net_arm(c->conn.loop, &c->ping_timer, c->conn.loop->now + delay, on_ping_timer, c);
}

void client_first_ping(struct client *c)
{
    int64_t delay = client_settings(c->host)->ping_interval;
    if (delay > FIRST_PING_MAX)
        delay = FIRST_PING_MAX;
    uint64_t jitter;
    env_random(c->host->env, &jitter, sizeof jitter);
    client_arm_ping(c, delay + (int64_t)(jitter % (uint64_t)(delay / 5 + 1)));
}
