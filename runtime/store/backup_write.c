/* Writing a backup. */
#include "store/backup_json.h"

#include "base/s2.h"

#include <stdlib.h>

#define BATCH 64

enum step { STEP_HEAD, STEP_CONSUMERS, STEP_MESSAGES, STEP_DONE };

struct backup {
    struct store *store;
    const struct backup_consumer *consumers;
    size_t count;
    int64_t now;
    struct store_state state;
    enum step step;
    size_t next_consumer;
    uint64_t at;
    struct byte_buf plain; /* of the archive, not yet packed */
    struct s2_table table;
};

enum store_rc backup_new(struct store *s, const struct backup_consumer *consumers, size_t count, int64_t now,
                         struct backup **out)
{
    struct backup *b = calloc(1, sizeof *b);
    if (b == NULL)
        return STORE_NO_MEMORY;
    b->store = s;
    b->consumers = consumers;
    b->count = count;
    b->now = now;
    store_state(s, &b->state);
    b->at = b->state.first;
    *out = b;
    return STORE_OK;
}

void backup_free(struct backup *b)
{
    if (b == NULL)
        return;
    buf_free(&b->plain);
    free(b);
}

static void put_entry(struct byte_buf *out, slice name, int64_t ts, uint64_t seq, slice hdr, slice data)
{
    buf_uv(out, name.len);
    buf_sv(out, ts);
    buf_uv(out, seq);
    buf_uv(out, hdr.len);
    buf_uv(out, data.len);
    buf_slice(out, name);
    buf_slice(out, hdr);
    buf_slice(out, data);
}

static void put_document(struct backup *b, slice name, struct byte_buf *json)
{
    put_entry(&b->plain, name, b->now, 0, SLICE_EMPTY, buf_view(json));
    b->plain.failed |= json->failed;
    buf_free(json);
}

static void write_head(struct backup *b)
{
    struct byte_buf json = {0};
    buf_bytes(&b->plain, "NATSARC1", 8);
    backup_put_state(&json, &b->state, b->count);
    put_document(b, SLICE_LIT("state.json"), &json);
    b->step = STEP_CONSUMERS;
}

static void write_consumer(struct backup *b)
{
    if (b->next_consumer == b->count) {
        b->step = STEP_MESSAGES;
        return;
    }
    const struct backup_consumer *c = &b->consumers[b->next_consumer++];
    struct byte_buf json = {0}, name = {0};
    buf_bytes(&name, "consumers/", 10);
    buf_slice(&name, c->name);
    backup_put_consumer(&json, c, b->state.last);
    put_document(b, buf_view(&name), &json);
    b->plain.failed |= name.failed;
    buf_free(&name);
}

static enum store_rc write_messages(struct backup *b)
{
    struct store_msg batch[BATCH];
    size_t n = 0;
    enum store_rc rc = STORE_EOF;
    if (b->at <= b->state.last)
        rc = store_batch(b->store, STORE_ALL, b->at, batch, BATCH, &n, &b->at);
    for (size_t i = 0; rc == STORE_OK && i < n && batch[i].seq <= b->state.last; i++) {
        if (b->plain.len >= BACKUP_PIECE) { /* large ones: the rest of the batch is for the next piece */
            b->at = batch[i].seq;
            break;
        }
        put_entry(&b->plain, batch[i].subject, batch[i].ts, batch[i].seq, batch[i].hdr, batch[i].data);
    }
    if (rc == STORE_EOF) {
        put_entry(&b->plain, SLICE_EMPTY, 0, 0, SLICE_EMPTY, SLICE_EMPTY);
        b->step = STEP_DONE;
        rc = STORE_OK;
    }
    return rc;
}

enum store_rc backup_next(struct backup *b, struct byte_buf *out, bool *end)
{
    enum store_rc rc = STORE_OK;
    while (rc == STORE_OK && b->step != STEP_DONE && b->plain.len < BACKUP_PIECE && !b->plain.failed) {
        if (b->step == STEP_HEAD)
            write_head(b);
        else if (b->step == STEP_CONSUMERS)
            write_consumer(b);
        else
            rc = write_messages(b);
    }
    if (rc == STORE_OK && b->plain.failed)
        rc = STORE_NO_MEMORY;
    uint8_t *room = rc == STORE_OK ? buf_room(out, s2_stream_bound(S2_FAST, b->plain.len)) : NULL;
    if (room == NULL)
        return rc == STORE_OK ? STORE_NO_MEMORY : rc;
    out->len += s2_stream_encode(&b->table, S2_FAST, buf_view(&b->plain), room);
    if (b->plain.cap > (size_t)4 * BACKUP_PIECE) /* a large message has passed */
        buf_free(&b->plain);
    b->plain.len = 0;
    *end = b->step == STEP_DONE;
    return STORE_OK;
}
