#include "store/source_table.h"

#include "store/msg_ttl.h"

#include <stdlib.h>

#define IDENTITY_MAX 64u

struct source {
    uint8_t *name;
    size_t name_len;
    uint64_t seq;
    uint8_t identity[IDENTITY_MAX];
    size_t identity_len;
    bool found; /* by the scan that is under way */
};

struct source_table {
    size_t count;
    struct source *all;
};

static slice name_of(const struct source *s)
{
    return slice_make(s->name, s->name_len);
}

struct source_table *source_table_new(const slice *names, size_t count)
{
    struct source_table *t = count > SOURCE_MAX ? NULL : calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->all = calloc(count > 0 ? count : 1, sizeof t->all[0]);
    for (; t->all != NULL && t->count < count; t->count++) {
        struct source *s = &t->all[t->count];
        s->name = malloc(names[t->count].len + 1);
        if (s->name == NULL)
            break;
        s->name_len = names[t->count].len;
        memcpy(s->name, slice_ptr(names[t->count]), s->name_len);
    }
    if (t->count == count && t->all != NULL)
        return t;
    source_table_free(t);
    return NULL;
}

void source_table_free(struct source_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; t->all != NULL && i < t->count; i++)
        free(t->all[i].name);
    free(t->all);
    free(t);
}

/* ---- positions ---- */

static slice take_word(slice *rest)
{
    const uint8_t *end = rest->len == 0 ? NULL : memchr(rest->ptr, ' ', rest->len);
    slice word = end == NULL ? *rest : slice_first(*rest, (size_t)(end - rest->ptr));
    *rest = slice_from(*rest, end == NULL ? rest->len : word.len + 1);
    return word;
}

static bool parse_seq(slice s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)s.ptr[i] - '0';
        if (digit > 9 || *out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return s.len > 0;
}

/* The name is the three words with a blank between them. */
static bool is_named(const struct source *s, slice stream, slice filter, slice transform)
{
    slice rest = name_of(s);
    return slice_eq(take_word(&rest), stream) && slice_eq(take_word(&rest), filter) &&
           slice_eq(take_word(&rest), transform) && rest.len == 0;
}

static void move_to(struct source *s, uint64_t seq, slice identity)
{
    s->found = true;
    if (seq <= s->seq)
        return;
    s->seq = seq;
    s->identity_len = identity.len <= IDENTITY_MAX ? identity.len : 0;
    if (s->identity_len > 0)
        memcpy(s->identity, identity.ptr, s->identity_len);
}

bool source_table_stored(struct source_table *t, slice value)
{
    uint64_t seq;
    slice stream = take_word(&value), number = take_word(&value), filter = take_word(&value),
          transform = take_word(&value);
    (void)take_word(&value); /* the subject at the origin */
    slice identity = take_word(&value);
    if (!parse_seq(number, &seq))
        return false;
    for (size_t i = 0; i < t->count; i++) {
        if (is_named(&t->all[i], stream, filter, transform)) {
            move_to(&t->all[i], seq, identity);
            return true;
        }
    }
    return false;
}

static struct source *find(const struct source_table *t, slice name)
{
    for (size_t i = 0; i < t->count; i++) {
        if (slice_eq(name_of(&t->all[i]), name))
            return &t->all[i];
    }
    return NULL;
}

bool source_table_find(const struct source_table *t, slice name, uint64_t *seq, slice *identity)
{
    const struct source *s = find(t, name);
    if (s == NULL)
        return false;
    *seq = s->seq;
    *identity = slice_make(s->identity, s->identity_len);
    return true;
}

/* ---- the file ---- */

bool source_table_encode(const struct source_table *t, uint64_t last, struct byte_buf *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i < t->count; i++)
        count += t->all[i].seq > 0;
    if (count == 0)
        return false;
    side_put_head(out, count, last + 1);
    for (size_t i = 0; i < t->count; i++) {
        const struct source *s = &t->all[i];
        struct source_entry e = {name_of(s), s->seq, slice_make(s->identity, s->identity_len)};
        if (s->seq > 0)
            side_put_source(out, &e);
    }
    return true;
}

/* Nothing in a damaged file is believed. */
static enum side_fault decode(struct source_table *t, slice file, uint64_t *stamp)
{
    struct side_reader r;
    struct source_entry e;
    enum side_fault f = side_open(&r, file);
    *stamp = r.stamp;
    while (f == SIDE_GOOD && (f = side_get_source(&r, &e)) == SIDE_GOOD) {
        struct source *s = find(t, e.name);
        if (s != NULL)
            move_to(s, e.seq, e.identity);
    }
    if (f == SIDE_END)
        return SIDE_GOOD;
    for (size_t i = 0; i < t->count; i++) {
        t->all[i].seq = 0;
        t->all[i].identity_len = 0;
    }
    *stamp = 0;
    return f;
}

static bool all_found(const struct source_table *t)
{
    size_t found = 0;
    for (size_t i = 0; i < t->count; i++)
        found += t->all[i].found;
    return found == t->count;
}

enum store_rc source_table_recover(struct source_table *t, struct store *s, slice file, uint64_t *looked_at,
                                   enum side_fault *fault)
{
    struct store_state st;
    struct store_msg m;
    uint64_t stamp = 0;
    enum store_rc rc = STORE_OK;
    store_state(s, &st);
    *looked_at = 0;
    *fault = file.len > 0 ? decode(t, file, &stamp) : SIDE_GOOD;
    for (size_t i = 0; i < t->count; i++)
        t->all[i].found = false;
    /* A source's messages come in its order: the first that is met from the end is its last. */
    for (uint64_t seq = st.last; rc == STORE_OK && seq > 0 && seq >= stamp && !all_found(t);
         seq = m.seq - 1) {
        rc = store_prev(s, STORE_ALL, seq, &m, NULL);
        if (rc != STORE_OK || m.seq < stamp)
            break;
        ++*looked_at;
        slice value = msg_header(m.hdr, SLICE_LIT("Nats-Stream-Source"));
        if (value.len > 0)
            (void)source_table_stored(t, value); /* of a source no longer configured: nothing to note */
    }
    return rc == STORE_EOF ? STORE_OK : rc;
}
