#include "clients.h"

#define NOBODY  UINT32_MAX
#define IN_TURN (100 * INT64_C(1000000))

enum fate { IN_FLIGHT, ACKED, REFUSED, UNKNOWN };

struct record {
    uint8_t fate;
    uint32_t group;
    int64_t sent;
    uint64_t floor; /* the highest index acknowledged in its group when it was sent */
    uint64_t index; /* where it was applied */
};

struct session {
    unsigned node, client; /* client NOBODY: not connected */
    unsigned group;
    uint64_t *flying; /* numbers of records in flight */
    unsigned count;
    int64_t next; /* nothing is sent before */
    unsigned hint;
    bool moving; /* as soon as nothing is in flight any more */
};

struct clients {
    struct clients_options o;
    struct cluster *cluster;
    struct session *sessions;
    struct record *records; /* number n is at n - 1 */
    size_t count, cap;
    uint64_t *highest; /* of each group: index acknowledged */
    struct clients_count counted;
    unsigned leader;
    bool stopping;
    int64_t *latencies;
    size_t latency_count, latency_cap;
    uint8_t *body;
    char verdict[200];
};

static void *must(void *p)
{
    if (p == NULL) {
        fputs("clients: out of memory\n", stderr);
        exit(2);
    }
    return p;
}

struct clients *clients_new(const struct clients_options *o)
{
    struct clients *k = must(calloc(1, sizeof *k));
    k->o = *o;
    k->sessions = must(calloc(o->sessions, sizeof *k->sessions));
    k->highest = must(calloc(o->groups, sizeof *k->highest));
    k->body = must(calloc(1, o->bytes));
    for (unsigned i = 0; i < o->sessions; i++) {
        k->sessions[i].client = NOBODY;
        k->sessions[i].node = i % CLUSTER_NODES;
        k->sessions[i].group = i % o->groups;
        k->sessions[i].flying = must(calloc(o->window, sizeof(uint64_t)));
    }
    return k;
}

void clients_free(struct clients *k)
{
    for (unsigned i = 0; i < k->o.sessions; i++)
        free(k->sessions[i].flying);
    free(k->sessions);
    free(k->highest);
    free(k->records);
    free(k->latencies);
    free(k->body);
    free(k);
}

void clients_use(struct clients *k, struct cluster *c)
{
    k->cluster = c;
}

/* ---- fates ---- */

static struct record *record_of(struct clients *k, uint64_t number)
{
    return &k->records[number - 1];
}

static void land(struct session *s, uint64_t number)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->flying[i] == number) {
            s->flying[i] = s->flying[--s->count];
            return;
        }
    }
}

static void give_up(struct clients *k, struct session *s)
{
    while (s->count > 0) {
        record_of(k, s->flying[0])->fate = UNKNOWN;
        k->counted.unknown++;
        land(s, s->flying[0]);
    }
}

/* Elsewhere: where the leader was said to be, or at the next node. */
static void move(struct clients *k, struct session *s)
{
    give_up(k, s);
    if (s->client != NOBODY)
        client_close(k->cluster, s->client);
    s->client = NOBODY;
    s->node = s->hint < CLUSTER_NODES && s->hint != s->node ? s->hint : (s->node + 1) % CLUSTER_NODES;
    s->hint = CLUSTER_NODES;
    s->moving = false;
}

static void note_latency(struct clients *k, int64_t took)
{
    if (k->latency_count == k->latency_cap) {
        k->latency_cap = k->latency_cap == 0 ? 1024 : 2 * k->latency_cap;
        k->latencies = must(realloc(k->latencies, k->latency_cap * sizeof *k->latencies));
    }
    k->latencies[k->latency_count++] = took;
}

/* An acknowledgement may come after we gave up: then nothing was promised to anybody, but the index holds. */
void clients_answer(void *ctx, unsigned client, slice subject, slice body)
{
    struct clients *k = ctx;
    struct append_answer a;
    (void)subject;
    if (body.len != sizeof a)
        return;
    memcpy(&a, body.ptr, sizeof a);
    if (a.record == 0 || a.record > k->count)
        return;
    struct record *r = record_of(k, a.record);
    struct session *s = NULL;
    for (unsigned i = 0; i < k->o.sessions; i++)
        s = k->sessions[i].client == client ? &k->sessions[i] : s;
    if (r->fate != IN_FLIGHT || s == NULL)
        return;
    land(s, a.record);
    s->next = now_ns() + k->o.pause;
    if (a.index == 0) {
        r->fate = REFUSED;
        k->counted.refused++;
        for (unsigned i = 0; i < CLUSTER_NODES; i++)
            s->hint = cluster_id(i) == a.leader ? i : s->hint;
        s->next = now_ns() + IN_TURN / 10;
        s->moving = true;
        if (s->count == 0)
            move(k, s);
        return;
    }
    r->fate = ACKED;
    r->index = a.index;
    k->counted.acked++;
    k->leader = s->node;
    note_latency(k, now_ns() - r->sent);
    if (a.index > k->highest[r->group])
        k->highest[r->group] = a.index;
}

void clients_lost(void *ctx, unsigned client)
{
    struct clients *k = ctx;
    for (unsigned i = 0; i < k->o.sessions; i++) {
        if (k->sessions[i].client == client) {
            k->sessions[i].client = NOBODY;
            move(k, &k->sessions[i]);
        }
    }
}

/* ---- sending ---- */

static void send_record(struct clients *k, struct session *s)
{
    char subject[48];
    if (k->count == k->cap) {
        k->cap = k->cap == 0 ? 4096 : 2 * k->cap;
        k->records = must(realloc(k->records, k->cap * sizeof *k->records));
    }
    k->records[k->count++] = (struct record){
        .fate = IN_FLIGHT, .group = s->group, .sent = now_ns(), .floor = k->highest[s->group]};
    struct append_head h = {.record = k->count};
    memcpy(k->body, &h, sizeof h);
    snprintf(subject, sizeof subject, "app.append.%u", s->group);
    s->flying[s->count++] = k->count;
    k->counted.sent++;
    client_send(k->cluster, s->client, subject, NULL, slice_make(k->body, k->o.bytes));
}

static void session_turn(struct clients *k, struct session *s, int64_t now)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (now - record_of(k, s->flying[i])->sent > k->o.patience) {
            move(k, s);
            break;
        }
    }
    if (k->stopping || s->moving || now < s->next)
        return;
    if (s->client == NOBODY && !client_open(k->cluster, s->node, &s->client)) {
        s->client = NOBODY;
        move(k, s);
        s->next = now + IN_TURN / 2;
        return;
    }
    while (s->count < k->o.window)
        send_record(k, s);
}

int64_t clients_turn(struct clients *k)
{
    int64_t now = now_ns(), next = now + IN_TURN;
    for (unsigned i = 0; i < k->o.sessions; i++) {
        struct session *s = &k->sessions[i];
        session_turn(k, s, now);
        if (s->count < k->o.window && !k->stopping && s->next < next)
            next = s->next;
    }
    return next;
}

void clients_stop(struct clients *k)
{
    k->stopping = true;
}

void clients_go_on(struct clients *k)
{
    k->stopping = false;
}

bool clients_idle(const struct clients *k)
{
    for (unsigned i = 0; i < k->o.sessions; i++) {
        if (k->sessions[i].count > 0)
            return false;
    }
    return true;
}

struct clients_count clients_counted(const struct clients *k)
{
    return k->counted;
}

unsigned clients_leader(const struct clients *k)
{
    return k->leader;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

const int64_t *clients_latencies(struct clients *k)
{
    qsort(k->latencies, k->latency_count, sizeof *k->latencies, by_size);
    return k->latencies;
}

/* ---- the judgement ---- */

#define WAIT (20 * INT64_C(1000000000))

static const char *verdict(struct clients *k, const char *what, unsigned group, uint64_t number)
{
    snprintf(k->verdict, sizeof k->verdict, "group %u: %s (%llu)", group, what, (unsigned long long)number);
    return k->verdict;
}

/* What the log of one node says about what we were told. `place` of each record, from 1, is filled in. */
static const char *judge_records(struct clients *k, unsigned group, const uint64_t *records, size_t count,
                                 uint64_t *place)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i] == 0 || records[i] > k->count || record_of(k, records[i])->group != group)
            return verdict(k, "a record that nobody sent", group, records[i]);
        if (place[records[i] - 1] != 0)
            return verdict(k, "a record appears twice", group, records[i]);
        place[records[i] - 1] = i + 1;
    }
    for (size_t i = 0; i < k->count; i++) {
        const struct record *r = &k->records[i];
        if (r->group != group)
            continue;
        if (r->fate == ACKED && place[i] == 0)
            return verdict(k, "an acknowledged record is lost", group, i + 1);
        if (r->fate == REFUSED && place[i] != 0)
            return verdict(k, "a refused record appears", group, i + 1);
        if (r->fate == ACKED && r->index <= r->floor)
            return verdict(k, "a record lies before one that was acknowledged when it was sent", group,
                           i + 1);
    }
    uint64_t index = 0;
    for (size_t i = 0; i < count; i++) {
        const struct record *r = record_of(k, records[i]);
        if (r->fate == ACKED && r->index < index)
            return verdict(k, "records changed places", group, records[i]);
        index = r->fate == ACKED ? r->index : index;
    }
    return NULL;
}

static const char *judge_group(struct clients *k, struct cluster *c, unsigned group)
{
    uint64_t *first = NULL;
    size_t count = 0;
    const char *bad = NULL;
    for (unsigned n = 0; n < CLUSTER_NODES && bad == NULL; n++) {
        size_t own;
        uint64_t *records = cluster_records(c, n, group, WAIT, &own);
        if (records == NULL)
            bad = verdict(k, "a node does not answer", group, n);
        else if (n > 0 && (own != count || memcmp(records, first, own * sizeof *first) != 0))
            bad = verdict(k, "a node holds something else than the first", group, n);
        if (n == 0) {
            first = records;
            count = own;
        } else {
            free(records);
        }
    }
    uint64_t *place = must(calloc(k->count + 1, sizeof *place));
    if (bad == NULL)
        bad = judge_records(k, group, first, count, place);
    free(place);
    free(first);
    return bad;
}

const char *clients_judge(struct clients *k, struct cluster *c)
{
    for (unsigned g = 0; g < k->o.groups; g++) {
        const char *bad = judge_group(k, c, g);
        if (bad != NULL)
            return bad;
    }
    return NULL;
}
