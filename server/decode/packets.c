/* packets.c: TCP streams out of packet files. */
#include "server/decode/packets.h"
#include "server/decode/segment.h"
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

/* Data that came before its turn. */
struct early {
    struct early *next; /* in the order of their sequence numbers */
    uint32_t seq;
    size_t len;
    uint8_t bytes[];
};

struct flow {
    bool begun; /* expected is known */
    bool ended;
    uint32_t expected; /* sequence number of the next byte */
    struct early *early;
    size_t held;
};

struct connection {
    bool used;
    uint64_t number;
    uint64_t last; /* packet that touched it last */
    struct endpoint dialer, acceptor;
    struct flow flows[2]; /* by direction */
};

struct packets {
    pcap_t *pcap;
    int link_type;
    unsigned port;
    uint64_t packet, connections;
    struct connection *table;
    /* The flow whose held data is being given out, and what was last given out of it. */
    struct connection *draining;
    enum codec_direction direction;
    struct early *given;
    uint64_t time;
};

struct packets *packets_open(FILE *file, unsigned port, const char **problem)
{
    static char error[PCAP_ERRBUF_SIZE];
    struct packets *p = calloc(1, sizeof(*p));
    struct connection *table = calloc(RE_CONNECTIONS, sizeof(*table));
    *problem = "out of memory";
    if (p != NULL && table != NULL) {
        p->pcap = pcap_fopen_offline(file, error);
        if (p->pcap != NULL) {
            p->table = table;
            p->link_type = pcap_datalink(p->pcap);
            p->port = port;
            return p;
        }
        *problem = error;
    }
    free(table);
    free(p);
    return NULL;
}

static void drop_held(struct flow *f)
{
    while (f->early != NULL) {
        struct early *e = f->early;
        f->early = e->next;
        free(e);
    }
    f->held = 0;
}

static void forget(struct connection *c)
{
    drop_held(&c->flows[0]);
    drop_held(&c->flows[1]);
    *c = (struct connection){.used = false};
}

void packets_close(struct packets *p)
{
    for (size_t i = 0; i < RE_CONNECTIONS; i++)
        forget(&p->table[i]);
    free(p->given);
    free(p->table);
    pcap_close(p->pcap);
    free(p);
}

/* ---- connections ---- */

static bool same(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && memcmp(a->address, b->address, 16) == 0;
}

/* A free place, or that of the connection which was idle longest. */
static struct connection *place(struct packets *p)
{
    struct connection *oldest = &p->table[0];
    for (size_t i = 0; i < RE_CONNECTIONS; i++) {
        if (!p->table[i].used)
            return &p->table[i];
        if (p->table[i].last < oldest->last)
            oldest = &p->table[i];
    }
    forget(oldest);
    return oldest;
}

static void begin(struct packets *p, struct connection *c, const struct segment *s)
{
    bool from_dialer = s->syn         ? !s->ack
                       : p->port != 0 ? s->to.port == p->port || s->from.port != p->port
                                      : s->from.port > s->to.port;
    *c = (struct connection){.used = true,
                             .number = ++p->connections,
                             .dialer = from_dialer ? s->from : s->to,
                             .acceptor = from_dialer ? s->to : s->from};
}

static bool is_over(const struct connection *c)
{
    return c->flows[0].ended && c->flows[1].ended;
}

static struct connection *find(struct packets *p, const struct segment *s, enum codec_direction *direction)
{
    struct connection *c = NULL;
    for (size_t i = 0; i < RE_CONNECTIONS && c == NULL; i++) {
        struct connection *k = &p->table[i];
        bool forth = k->used && same(&k->dialer, &s->from) && same(&k->acceptor, &s->to);
        bool back = k->used && same(&k->dialer, &s->to) && same(&k->acceptor, &s->from);
        c = forth || back ? k : NULL;
    }
    if (c == NULL) {
        c = place(p);
        begin(p, c, s);
    } else if (s->syn && !s->ack && is_over(c)) { /* the ports are used anew */
        forget(c);
        begin(p, c, s);
    }
    *direction = same(&c->dialer, &s->from) ? CODEC_FROM_DIALER : CODEC_FROM_ACCEPTOR;
    return c;
}

/* ---- order ---- */

/* Distance from b to a on the circle of sequence numbers. */
static int32_t ahead(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}

static void hold(struct flow *f, uint32_t seq, slice data)
{
    struct early **at = &f->early;
    /* drop_held leaves none behind: NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
    while (*at != NULL && ahead((*at)->seq, seq) < 0)
        at = &(*at)->next;
    struct early *e = malloc(sizeof(*e) + data.len);
    if (e == NULL)
        return; /* told as a gap */
    *e = (struct early){*at, seq, data.len};
    memcpy(e->bytes, data.ptr, data.len);
    *at = e;
    f->held += data.len;
}

/* The part of the data that was not given out yet; empty when there is none. */
static slice unseen(const struct flow *f, uint32_t seq, slice data)
{
    int32_t old = ahead(f->expected, seq);
    return old <= 0 ? data : slice_from(data, (size_t)old);
}

static struct chunk make_chunk(const struct packets *p, const struct connection *c,
                               enum codec_direction direction, slice bytes)
{
    return (struct chunk){
        .connection = c->number, .direction = direction, .has_time = true, .time = p->time, .bytes = bytes};
}

/* Held data whose turn has come, or that has waited too long. */
static bool drain(struct packets *p, struct chunk *chunk)
{
    struct flow *f = &p->draining->flows[p->direction];
    free(p->given);
    p->given = NULL;
    while (f->early != NULL) {
        struct early *e = f->early;
        bool gap = ahead(e->seq, f->expected) > 0;
        if (gap && f->held <= RE_HELD && !f->ended)
            return false;
        f->early = e->next;
        f->held -= e->len;
        slice bytes = unseen(f, e->seq, slice_make(e->bytes, e->len));
        if (bytes.len == 0) {
            free(e);
            continue;
        }
        p->given = e;
        *chunk = make_chunk(p, p->draining, p->direction, bytes);
        chunk->missing = gap ? "packets are missing" : NULL;
        f->expected = e->seq + (uint32_t)e->len;
        return true;
    }
    return false;
}

/* A segment's data: given out at once when it is its turn. */
static bool take_data(struct packets *p, struct connection *c, enum codec_direction direction,
                      const struct segment *s, uint32_t seq, struct chunk *chunk)
{
    struct flow *f = &c->flows[direction];
    if (s->data.len == 0)
        return false;
    if (ahead(seq, f->expected) > 0) {
        hold(f, seq, s->data);
        return false;
    }
    slice bytes = unseen(f, seq, s->data);
    if (bytes.len == 0)
        return false;
    /* what a capture's length limit cut off leaves a gap */
    f->expected = seq + (uint32_t)s->data.len;
    *chunk = make_chunk(p, c, direction, bytes);
    return true;
}

static bool take_segment(struct packets *p, const struct segment *s, struct chunk *chunk)
{
    enum codec_direction direction;
    struct connection *c = find(p, s, &direction);
    struct flow *f = &c->flows[direction];
    uint32_t seq = s->syn ? s->seq + 1 : s->seq;
    c->last = p->packet;
    if (!f->begun) {
        f->begun = true;
        f->expected = seq;
    }
    p->draining = c;
    p->direction = direction;
    bool data = take_data(p, c, direction, s, seq, chunk);
    if (s->fin || s->rst) {
        f->ended = true;
        if (s->rst)
            c->flows[!direction].ended = true;
    }
    return data;
}

enum source_rc packets_next(struct packets *p, struct chunk *chunk, const char **problem)
{
    for (;;) {
        struct pcap_pkthdr *header;
        const u_char *bytes;
        struct segment s;
        if (p->draining != NULL && drain(p, chunk))
            return SOURCE_CHUNK;
        if (p->draining != NULL && p->draining->flows[p->direction].ended) {
            *chunk = make_chunk(p, p->draining, p->direction, SLICE_EMPTY);
            chunk->end = true;
            p->draining = NULL;
            return SOURCE_CHUNK;
        }
        p->draining = NULL;
        int rc = pcap_next_ex(p->pcap, &header, &bytes);
        if (rc == PCAP_ERROR_BREAK)
            return SOURCE_END;
        if (rc != 1)
            return *problem = pcap_geterr(p->pcap), SOURCE_FAILED;
        p->packet++;
        p->time = (uint64_t)header->ts.tv_sec * 1000000000u + (uint64_t)header->ts.tv_usec * 1000u;
        if (segment_read(p->link_type, slice_make(bytes, header->caplen), &s) && take_segment(p, &s, chunk))
            return SOURCE_CHUNK;
    }
}
