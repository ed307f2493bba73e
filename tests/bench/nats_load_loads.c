/* nats_load_loads.c: the loads. Each says what it measures and reports it. */
#include "nats_load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAYLOAD   "0123456789abcdef"
#define BLOCK     ((size_t)128 * 1024)
#define WINDOW    ((uint64_t)64 * 1024) /* messages that may be under way to one receiver */
#define MAX_LINKS 64u
#define PATIENCE  60.0 /* seconds for the last message to arrive */

/* ---- shared parts ---- */

/* Whole frames, as many as fit into BLOCK, made by repeating or cycling. */
static void fill_block(struct link *link, const char *format, unsigned subjects)
{
    struct bytes block = {0};
    unsigned i = 0;
    do {
        char frame[128];
        int n = snprintf(frame, sizeof frame, format, i % subjects);
        if (n <= 0 || (size_t)n >= sizeof frame)
            fail("a frame is too long");
        if (link->out_frame != 0 && link->out_frame != (size_t)n)
            fail("frames differ in length");
        link->out_frame = (size_t)n;
        bytes_add(&block, frame, (size_t)n);
        i++;
    } while (block.len < BLOCK || i % subjects != 0);
    link->block = block.ptr;
    link->block_len = block.len;
}

static void free_link(struct link *link)
{
    free((void *)(uintptr_t)link->block);
    link_close(link);
}

static struct link *open_publisher(struct run *run, const char *format, unsigned subjects)
{
    struct link *link = link_open(&run->net);
    fill_block(link, format, subjects);
    return link;
}

static struct link *open_subscriber(struct run *run, const char *subscription, size_t frame)
{
    struct link *link = link_open(&run->net);
    link_tell(&run->net, link, subscription, strlen(subscription));
    link->in_frame = frame;
    link->received = 0;
    return link;
}

static size_t length_of(const char *format, unsigned value)
{
    return (size_t)snprintf(NULL, 0, format, value);
}

struct clocked {
    double started, cpu, own_cpu;
};

/* What the generator itself has used: it must stay well below what there is, or it is what is measured. */
static double own_cpu_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static struct clocked start_clock(const struct run *run)
{
    return (struct clocked){now_seconds(), cpu_seconds(&run->subject), own_cpu_seconds()};
}

static void stop_clock(const struct run *run, struct clocked c, uint64_t messages)
{
    double seconds = now_seconds() - c.started, cpu = cpu_seconds(&run->subject) - c.cpu;
    double own = own_cpu_seconds() - c.own_cpu;
    report(run->name, "rate", (double)messages / seconds);
    report(run->name, "cpu_s_per_million", cpu / ((double)messages / 1e6));
    report(run->name, "generator_cpu_s_per_million", own / ((double)messages / 1e6));
    report(run->name, "rss_mib", (double)rss_bytes(&run->subject) / 1048576);
}

/* ---- publish only: a publishers whose messages nobody wants ---- */

static bool saw_pong(const struct link *link)
{
    slice tail = bytes_slice(&link->tail);
    return tail.len >= 6 && memmem(tail.ptr, tail.len, "PONG\r\n", 6) != NULL;
}

/* Lets publishers finish their frame, and waits until the server has parsed all of it. */
static void settle(struct run *run, struct link **publishers, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct link *link = publishers[i];
        while (link->retry > 0)
            net_turn(&run->net, 10);
        size_t part = (size_t)(link->sent % link->out_frame);
        link->allowed = part == 0 ? link->sent : link->sent + link->out_frame - part;
    }
    for (unsigned i = 0; i < count; i++) {
        struct link *link = publishers[i];
        while (link->sent < link->allowed) {
            link_pump(link);
            net_turn(&run->net, 10);
        }
        struct bytes ping = {0};
        bytes_add_str(&ping, "PING\r\n");
        link->block = ping.ptr;
        link->block_len = ping.len;
        link->block_at = 0;
        link->keep_tail = true;
        link->allowed += 6;
    }
    double deadline = now_seconds() + PATIENCE;
    for (unsigned i = 0; i < count; i++) {
        while (!saw_pong(publishers[i])) {
            link_pump(publishers[i]);
            net_turn(&run->net, 10);
            if (now_seconds() > deadline)
                fail("no PONG after the load");
        }
    }
}

static void play_publish(struct run *run, unsigned publishers, unsigned unused)
{
    struct link *links[MAX_LINKS];
    (void)unused;
    for (unsigned i = 0; i < publishers; i++)
        links[i] = open_publisher(run, "PUB foo 16\r\n" PAYLOAD "\r\n", 1);
    struct clocked clock = start_clock(run);
    while (now_seconds() - clock.started < run->seconds) {
        bool all_full = true;
        for (unsigned i = 0; i < publishers; i++) {
            /* A share at a time, so that one fast socket does not starve the others. */
            links[i]->allowed = links[i]->sent + 4 * BLOCK;
            link_pump(links[i]);
            all_full &= links[i]->blocked;
        }
        net_turn(&run->net, all_full ? 1 : 0);
    }
    uint64_t messages = 0;
    const uint8_t *blocks[MAX_LINKS];
    for (unsigned i = 0; i < publishers; i++)
        blocks[i] = links[i]->block;
    settle(run, links, publishers);
    for (unsigned i = 0; i < publishers; i++)
        messages += link_sent(links[i]);
    stop_clock(run, clock, messages);
    for (unsigned i = 0; i < publishers; i++) {
        free((void *)(uintptr_t)blocks[i]);
        free_link(links[i]);
    }
}

/* ---- delivery: publishers and subscribers with a window between them ---- */

struct delivery {
    struct link *publishers[MAX_LINKS], *subscribers[MAX_LINKS];
    unsigned publisher_count, subscriber_count;
    /* What publisher i has under way: sent, less what arrived where it must (`arrived` says how to count). */
    uint64_t (*arrived)(const struct delivery *d, unsigned publisher);
};

static uint64_t slowest(const struct delivery *d, unsigned publisher)
{
    uint64_t least = UINT64_MAX;
    (void)publisher;
    for (unsigned i = 0; i < d->subscriber_count; i++) {
        if (link_received(d->subscribers[i]) < least)
            least = link_received(d->subscribers[i]);
    }
    return least;
}

static uint64_t own_pair(const struct delivery *d, unsigned publisher)
{
    return link_received(d->subscribers[publisher]);
}

/* Of several publishers into one place each may take its part of the window. */
static uint64_t shared_sum(const struct delivery *d, unsigned publisher)
{
    uint64_t received = 0, sent = 0;
    for (unsigned i = 0; i < d->subscriber_count; i++)
        received += link_received(d->subscribers[i]);
    for (unsigned i = 0; i < d->publisher_count; i++)
        sent += link_sent(d->publishers[i]);
    uint64_t under_way = sent > received ? (sent - received) / d->publisher_count : 0;
    uint64_t own = link_sent(d->publishers[publisher]);
    return own > under_way ? own - under_way : 0;
}

static uint64_t total_received(const struct delivery *d)
{
    uint64_t total = 0;
    for (unsigned i = 0; i < d->subscriber_count; i++)
        total += link_received(d->subscribers[i]);
    return total;
}

static void pump_all(struct delivery *d)
{
    for (unsigned i = 0; i < d->publisher_count; i++) {
        struct link *link = d->publishers[i];
        uint64_t allowed = (d->arrived(d, i) + WINDOW) * link->out_frame;
        if (allowed > link->allowed)
            link->allowed = allowed;
        link_pump(link);
    }
}

/* Runs for the time, then waits for the last message. `copies` is the number of deliveries of one message. */
static void deliver(struct run *run, struct delivery *d, unsigned copies)
{
    struct clocked clock = start_clock(run);
    while (now_seconds() - clock.started < run->seconds) {
        pump_all(d);
        net_turn(&run->net, 1);
    }
    uint64_t wanted = 0;
    double deadline = now_seconds() + PATIENCE;
    for (unsigned i = 0; i < d->publisher_count; i++) {
        struct link *link = d->publishers[i];
        size_t part = (size_t)(link->sent % link->out_frame);
        link->allowed = part == 0 ? link->sent : link->sent + link->out_frame - part;
        wanted += link->allowed / link->out_frame * copies;
    }
    while (total_received(d) < wanted) {
        for (unsigned i = 0; i < d->publisher_count; i++)
            link_pump(d->publishers[i]);
        net_turn(&run->net, 10);
        if (now_seconds() > deadline)
            fail("%s: %llu of %llu messages arrived", run->name, (unsigned long long)total_received(d),
                 (unsigned long long)wanted);
    }
    stop_clock(run, clock, wanted);
    for (unsigned i = 0; i < d->publisher_count; i++)
        free_link(d->publishers[i]);
    for (unsigned i = 0; i < d->subscriber_count; i++)
        free_link(d->subscribers[i]);
}

/* fan-out: one publisher, n subscribers of its subject */
static void play_fanout(struct run *run, unsigned subscribers, unsigned unused)
{
    struct delivery d = {.publisher_count = 1, .subscriber_count = subscribers, .arrived = slowest};
    (void)unused;
    for (unsigned i = 0; i < subscribers; i++)
        d.subscribers[i] =
            open_subscriber(run, "SUB foo 1\r\n", length_of("MSG foo 1 16\r\n" PAYLOAD "\r\n", 0));
    d.publishers[0] = open_publisher(run, "PUB foo 16\r\n" PAYLOAD "\r\n", 1);
    deliver(run, &d, subscribers);
}

/* pairs: n times one publisher and one subscriber with a subject of their own */
static void play_pairs(struct run *run, unsigned pairs, unsigned unused)
{
    struct delivery d = {.publisher_count = pairs, .subscriber_count = pairs, .arrived = own_pair};
    (void)unused;
    for (unsigned i = 0; i < pairs; i++) {
        char text[64];
        snprintf(text, sizeof text, "SUB pair.%02u 1\r\n", i);
        d.subscribers[i] = open_subscriber(run, text, length_of("MSG pair.%02u 1 16\r\n" PAYLOAD "\r\n", i));
        snprintf(text, sizeof text, "PUB pair.%02u 16\r\n" PAYLOAD "\r\n", i);
        d.publishers[i] = open_publisher(run, text, 1);
    }
    deliver(run, &d, 1);
}

/* queue: publishers into one group of members */
static void play_queue(struct run *run, unsigned publishers, unsigned members)
{
    struct delivery d = {.publisher_count = publishers, .subscriber_count = members, .arrived = shared_sum};
    for (unsigned i = 0; i < members; i++)
        d.subscribers[i] =
            open_subscriber(run, "SUB foo q 1\r\n", length_of("MSG foo 1 16\r\n" PAYLOAD "\r\n", 0));
    for (unsigned i = 0; i < publishers; i++)
        d.publishers[i] = open_publisher(run, "PUB foo 16\r\n" PAYLOAD "\r\n", 1);
    deliver(run, &d, 1);
}

/* wildcards: one publisher over `subjects` literal subjects; one subscriber has `w.>`, the other a hundred
 * patterns of which one matches */
static void play_wildcards(struct run *run, unsigned subjects, unsigned unused)
{
    enum { PATTERNS = 100 };
    struct delivery d = {.publisher_count = 1, .subscriber_count = 2, .arrived = slowest};
    size_t frame = length_of("MSG w.%05u.x 10 16\r\n" PAYLOAD "\r\n", 0);
    (void)unused;
    d.subscribers[0] = open_subscriber(run, "SUB w.> 10\r\n", frame);
    struct bytes text = {0};
    for (unsigned i = 0; i < PATTERNS; i++) {
        char line[64];
        /* Only the first pattern matches what is published; the others make the tree wide. */
        snprintf(line, sizeof line, "SUB %s.*.%c%u %u\r\n", i == 0 ? "w" : "v", i == 0 ? 'x' : 'y', i,
                 i + 10);
        bytes_add_str(&text, i == 0 ? "SUB w.*.x 10\r\n" : line);
    }
    bytes_add_byte(&text, 0);
    d.subscribers[1] = open_subscriber(run, (const char *)text.ptr, frame);
    bytes_free(&text);
    d.publishers[0] = open_publisher(run, "PUB w.%05u.x 16\r\n" PAYLOAD "\r\n", subjects);
    deliver(run, &d, 2);
}

/* ---- request and reply ---- */

#define MAX_SAMPLES ((size_t)1 << 20)

struct requester {
    struct link *link;
    struct latencies *all;
    char request[96];
    size_t request_len;
    size_t frame, have; /* length of a reply, and how much of it has come */
    double asked;
};

struct latencies {
    double *samples;
    size_t count;
    bool stopped;
};

static void send_small(struct link *link, const void *ptr, size_t n)
{
    if (send(link->fd, ptr, n, MSG_NOSIGNAL) != (ssize_t)n)
        fail("a small message does not fit into an empty socket");
}

static void ask(struct requester *r)
{
    r->asked = now_seconds();
    send_small(r->link, r->request, r->request_len);
}

static void on_reply(struct link *link, const uint8_t *bytes, size_t n)
{
    struct requester *r = link->user;
    if (n == 6 && memcmp(bytes, "PING\r\n", 6) == 0)
        return;
    r->have += n;
    if (r->have < r->frame)
        return;
    r->have = 0;
    if (r->all->count < MAX_SAMPLES)
        r->all->samples[r->all->count++] = now_seconds() - r->asked;
    if (!r->all->stopped)
        ask(r);
}

/* The responder answers each request of its read: "MSG help 1 in.NN 16 CRLF payload CRLF", all of one length.
 */
static void on_request(struct link *link, const uint8_t *bytes, size_t n)
{
    struct bytes *in = link->user;
    struct bytes out = {0};
    bytes_add(in, bytes, n);
    size_t at = 0;
    while (in->len - at >= link->in_frame ||
           (in->len - at >= 6 && memcmp(in->ptr + at, "PING\r\n", 6) == 0)) {
        if (memcmp(in->ptr + at, "PING\r\n", 6) == 0) {
            at += 6;
            continue;
        }
        bytes_add_str(&out, "PUB ");
        bytes_add(&out, in->ptr + at + strlen("MSG help 1 "), strlen("in.00"));
        bytes_add_str(&out, " 16\r\n" PAYLOAD "\r\n");
        at += link->in_frame;
    }
    bytes_consume(in, at);
    if (out.len > 0)
        send_small(link, out.ptr, out.len);
    bytes_free(&out);
}

/* requests: n requesters with one request under way each, one responder; latency seen by the requester */
static void play_requests(struct run *run, unsigned requesters, unsigned unused)
{
    struct requester all[MAX_LINKS] = {0};
    struct latencies latencies = {.samples = malloc(MAX_SAMPLES * sizeof(double))};
    struct bytes pending = {0};
    (void)unused;
    if (latencies.samples == NULL)
        fail("out of memory");
    struct link *responder =
        open_subscriber(run, "SUB help 1\r\n", length_of("MSG help 1 in.%02u 16\r\n" PAYLOAD "\r\n", 0));
    responder->on_read = on_request;
    responder->user = &pending;
    for (unsigned i = 0; i < requesters; i++) {
        struct requester *r = &all[i];
        char text[64];
        snprintf(text, sizeof text, "SUB in.%02u 1\r\n", i);
        r->frame = length_of("MSG in.%02u 1 16\r\n" PAYLOAD "\r\n", i);
        r->link = open_subscriber(run, text, r->frame);
        r->link->on_read = on_reply;
        r->link->user = r;
        r->all = &latencies;
        r->request_len =
            (size_t)snprintf(r->request, sizeof r->request, "PUB help in.%02u 16\r\n" PAYLOAD "\r\n", i);
    }
    struct clocked clock = start_clock(run);
    for (unsigned i = 0; i < requesters; i++)
        ask(&all[i]);
    while (now_seconds() - clock.started < run->seconds)
        net_turn(&run->net, 10);
    latencies.stopped = true;
    stop_clock(run, clock, latencies.count);
    report(run->name, "p50_us", percentile(latencies.samples, latencies.count, 0.5) * 1e6);
    report(run->name, "p99_us", percentile(latencies.samples, latencies.count, 0.99) * 1e6);
    for (unsigned i = 0; i < requesters; i++)
        free_link(all[i].link);
    free_link(responder);
    bytes_free(&pending);
    free(latencies.samples);
}

/* ---- what a connection and a subscription cost ---- */

static void allow_descriptors(unsigned n)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < n + 100) {
        limit.rlim_cur = limit.rlim_max < n + 100 ? limit.rlim_max : n + 100;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* RSS settles a moment after the last connection (buffers are given back, a collector runs). */
static uint64_t settled_rss(struct run *run)
{
    for (double until = now_seconds() + 3.5; now_seconds() < until;)
        net_turn(&run->net, 50);
    return rss_bytes(&run->subject);
}

/* idle: n connections that have said CONNECT and one SUB, and nothing since */
static void play_idle(struct run *run, unsigned connections, unsigned unused)
{
    struct link **links = calloc(connections, sizeof(struct link *));
    (void)unused;
    if (links == NULL)
        fail("out of memory");
    uint64_t before = rss_bytes(&run->subject);
    double cpu = cpu_seconds(&run->subject);
    report(run->name, "rss_at_start_mib", (double)before / 1048576);
    for (unsigned i = 0; i < connections; i++) {
        char text[64];
        snprintf(text, sizeof text, "SUB idle.%u 1\r\n", i);
        links[i] = open_subscriber(run, text, 1);
    }
    uint64_t after = settled_rss(run);
    report(run->name, "rss_kib_per_connection", ((double)after - (double)before) / 1024 / connections);
    report(run->name, "cpu_ms_per_connection", (cpu_seconds(&run->subject) - cpu) * 1000 / connections);
    for (unsigned i = 0; i < connections; i++)
        free_link(links[i]);
    free(links);
}

/* subscriptions: n unique ones over `b` connections */
static void play_subscriptions(struct run *run, unsigned n, unsigned connections)
{
    struct link *links[MAX_LINKS];
    for (unsigned i = 0; i < connections; i++)
        links[i] = link_open(&run->net);
    uint64_t before = rss_bytes(&run->subject);
    double started = now_seconds(), cpu = cpu_seconds(&run->subject);
    for (unsigned i = 0; i < connections; i++) {
        struct bytes text = {0};
        for (unsigned sid = i; sid < n; sid += connections) {
            char line[64];
            snprintf(line, sizeof line, "SUB sub.%u.%u %u\r\n", sid % 1000, sid, sid);
            bytes_add_str(&text, line);
        }
        link_tell(&run->net, links[i], text.ptr, text.len);
        bytes_free(&text);
    }
    report(run->name, "rate", n / (now_seconds() - started));
    report(run->name, "cpu_s_per_million", (cpu_seconds(&run->subject) - cpu) / (n / 1e6));
    report(run->name, "rss_mib", (double)(settled_rss(run) - before) / 1048576);
    for (unsigned i = 0; i < connections; i++)
        free_link(links[i]);
}

/* ---- connections a second ---- */

struct visitor {
    int fd;
    enum { VISITOR_WAITS_INFO, VISITOR_WAITS_PONG } state;
};

static void visit(struct run *run, int epoll, struct visitor *v)
{
    v->fd = link_socket(&run->net);
    v->state = VISITOR_WAITS_INFO;
    fcntl(v->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = v};
    epoll_ctl(epoll, EPOLL_CTL_ADD, v->fd, &event);
}

/* True when the visit is over. */
static bool serve_visitor(struct run *run, struct visitor *v)
{
    static const char hello[] = "CONNECT {\"verbose\":false}\r\nPING\r\n";
    ssize_t n = recv(v->fd, run->net.scratch, 4096, 0);
    if (n <= 0)
        fail("the server closed a connection");
    if (v->state == VISITOR_WAITS_INFO && run->net.scratch[n - 1] == '\n') {
        if (send(v->fd, hello, sizeof hello - 1, MSG_NOSIGNAL) != (ssize_t)sizeof hello - 1)
            fail("send: %s", strerror(errno));
        v->state = VISITOR_WAITS_PONG;
        return false;
    }
    return v->state == VISITOR_WAITS_PONG && memmem(run->net.scratch, (size_t)n, "PONG", 4) != NULL;
}

/* storm: n visitors at a time connect, say hello and go */
static void play_storm(struct run *run, unsigned visitors, unsigned unused)
{
    struct visitor all[MAX_LINKS];
    struct epoll_event ready[MAX_LINKS];
    struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* no TIME_WAIT: ports would run out */
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t done = 0;
    (void)unused;
    for (unsigned i = 0; i < visitors; i++)
        visit(run, epoll, &all[i]);
    struct clocked clock = start_clock(run);
    while (now_seconds() - clock.started < run->seconds) {
        int n = epoll_wait(epoll, ready, MAX_LINKS, 1000);
        for (int i = 0; i < n; i++) {
            struct visitor *v = ready[i].data.ptr;
            if (!serve_visitor(run, v))
                continue;
            setsockopt(v->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
            close(v->fd);
            done++;
            visit(run, epoll, v);
        }
    }
    stop_clock(run, clock, done);
    for (unsigned i = 0; i < visitors; i++)
        close(all[i].fd);
    close(epoll);
}

/* ---- churn: subscriptions come and go while messages flow ---- */

static void play_churn(struct run *run, unsigned churners, unsigned unused)
{
    struct delivery d = {.publisher_count = 1, .subscriber_count = 1, .arrived = slowest};
    struct link *links[MAX_LINKS];
    (void)unused;
    d.subscribers[0] =
        open_subscriber(run, "SUB foo.* 1\r\n", length_of("MSG foo.x 1 16\r\n" PAYLOAD "\r\n", 0));
    d.publishers[0] = open_publisher(run, "PUB foo.x 16\r\n" PAYLOAD "\r\n", 1);
    for (unsigned i = 0; i < churners; i++) {
        links[i] = link_open(&run->net);
        /* Inboxes as request libraries make them: unique, one message at most, gone at once. */
        struct bytes block = {0};
        for (unsigned k = 0; k < 4096; k++) {
            char frame[128];
            int n = snprintf(frame, sizeof frame, "SUB _INBOX.%02u.%05u %05u\r\nUNSUB %05u\r\n", i, k, k, k);
            links[i]->out_frame = (size_t)n;
            bytes_add(&block, frame, (size_t)n);
        }
        links[i]->block = block.ptr;
        links[i]->block_len = block.len;
        links[i]->keep_tail = true;
    }
    struct clocked clock = start_clock(run);
    while (now_seconds() - clock.started < run->seconds) {
        pump_all(&d);
        for (unsigned i = 0; i < churners; i++) {
            links[i]->allowed = links[i]->sent + (uint64_t)16 * 1024;
            link_pump(links[i]);
        }
        net_turn(&run->net, 1);
    }
    double seconds = now_seconds() - clock.started;
    uint64_t churned = 0, delivered = total_received(&d);
    for (unsigned i = 0; i < churners; i++)
        churned += link_sent(links[i]);
    report(run->name, "rate", (double)churned / seconds);
    report(run->name, "delivered_rate", (double)delivered / seconds);
    report(run->name, "cpu_share", (cpu_seconds(&run->subject) - clock.cpu) / seconds);
    for (unsigned i = 0; i < churners; i++)
        free_link(links[i]);
    free_link(d.subscribers[0]);
    free_link(d.publishers[0]);
}

static void play_idle_many(struct run *run, unsigned connections, unsigned unused)
{
    allow_descriptors(connections);
    play_idle(run, connections, unused);
}

const struct load loads[] = {
    {"publish-16", "publish only, 1 connection, 16 B", false, play_publish, 1, 0},
    {"publish-16x4", "publish only, 4 connections, 16 B", false, play_publish, 4, 0},
    {"fanout-1", "1 publisher, 1 subscriber", false, play_fanout, 1, 0},
    {"fanout-8", "1 publisher, 8 subscribers", false, play_fanout, 8, 0},
    {"pairs-4", "4 publishers with a subscriber each", false, play_pairs, 4, 0},
    {"queue-2x8", "2 publishers into a group of 8", false, play_queue, 2, 8},
    {"wildcards", "10,000 subjects, 2 matching wildcards", false, play_wildcards, 10000, 0},
    {"request-1", "1 request under way", false, play_requests, 1, 0},
    {"request-16", "16 requests under way", false, play_requests, 16, 0},
    {"churn", "8 connections SUB and UNSUB under a flood", false, play_churn, 8, 0},
    {"storm", "connect, hello, go: 32 at a time", false, play_storm, 32, 0},
    {"tls-publish-16", "publish only over TLS, 16 B", true, play_publish, 1, 0},
    {"idle-2000", "2,000 idle connections", false, play_idle_many, 2000, 0},
    {"subscriptions-1m", "1,000,000 unique subscriptions", false, play_subscriptions, 1000000, 10},
};
const size_t load_count = sizeof loads / sizeof loads[0];
