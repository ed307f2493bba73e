/* session.c: the connections of an input. */
#include "server/decode/session.h"
#include "server/decode/conversation.h"
#include <stdlib.h>

struct session {
    uint64_t number;
    uint64_t last; /* chunk that touched it last */
    struct conversation *conversation;
};

struct sessions {
    struct rules rules;
    uint64_t chunks;
    size_t count;
    struct session table[SESSION_MAX];
};

struct sessions *sessions_new(struct printer *printer, enum codec_protocol protocol, bool one, int from)
{
    struct sessions *s = calloc(1, sizeof(*s));
    if (s != NULL)
        s->rules = (struct rules){.printer = printer, .protocol = protocol, .one = one, .from = from};
    return s;
}

void sessions_show_raft(struct sessions *s)
{
    s->rules.raft = true;
}

void sessions_free(struct sessions *s)
{
    for (size_t i = 0; i < s->count; i++)
        conversation_free(s->table[i].conversation);
    free(s);
}

size_t sessions_malformed(const struct sessions *s)
{
    return s->rules.malformed;
}

static bool forget(struct sessions *s, struct session *c)
{
    bool ok = conversation_finish(c->conversation);
    conversation_free(c->conversation);
    *c = s->table[--s->count];
    return ok;
}

/* NULL: out of memory or output. */
static struct session *find(struct sessions *s, uint64_t number)
{
    struct session *oldest = s->table;
    for (size_t i = 0; i < s->count; i++) {
        struct session *c = &s->table[i];
        if (c->number == number)
            return c;
        if (c->last < oldest->last)
            oldest = c;
    }
    if (s->count == SESSION_MAX && !forget(s, oldest))
        return NULL;
    struct session *c = &s->table[s->count];
    *c = (struct session){.number = number, .conversation = conversation_new(&s->rules, false)};
    s->count += c->conversation != NULL;
    return c->conversation == NULL ? NULL : c;
}

bool sessions_feed(struct sessions *s, const struct chunk *chunk)
{
    struct session *c = find(s, chunk->connection);
    if (c == NULL)
        return false;
    struct origin origin = {s->rules.one,    chunk->connection, chunk->direction,
                            chunk->has_time, chunk->time,       NULL};
    c->last = ++s->chunks;
    if (chunk->missing != NULL)
        conversation_gap(c->conversation, &origin, chunk->missing);
    bool ok = conversation_feed(c->conversation, &origin, chunk->bytes);
    if (chunk->end && conversation_close(c->conversation, chunk->direction))
        ok = forget(s, c) && ok;
    return ok;
}

bool sessions_finish(struct sessions *s)
{
    bool ok = true;
    for (size_t i = 0; i < s->count && ok; i++)
        ok = conversation_finish(s->table[i].conversation);
    return ok;
}
