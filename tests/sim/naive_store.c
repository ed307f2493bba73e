#include "sim/naive_store.h"

#include <stdlib.h>
#include <string.h>

void naive_init(struct naive_store *n, enum store_kind kind, const struct store_limits *l,
                bool track_subjects)
{
    *n = (struct naive_store){.kind = kind, .limits = *l, .track_subjects = track_subjects};
}

void naive_free(struct naive_store *n)
{
    free(n->msg);
    *n = (struct naive_store){0};
}

uint64_t naive_size(const struct naive_store *n, const struct naive_msg *m)
{
    size_t hdr = strlen(m->hdr), overhead = n->kind == STORE_MEMORY ? 16 : hdr > 0 ? 34 : 30;
    return strlen(m->subject) + hdr + m->data_len + overhead;
}

bool naive_matches(const char *subject, const char *filter)
{
    if (strcmp(filter, ">") == 0)
        return true;
    size_t s = strcspn(subject, "."), f = strcspn(filter, ".");
    bool star = f == 1 && filter[0] == '*';
    if (!star && (s != f || memcmp(subject, filter, s) != 0))
        return false;
    if (subject[s] == 0 || filter[f] == 0)
        return subject[s] == filter[f];
    return naive_matches(subject + s + 1, filter + f + 1);
}

static bool is_all(const char *filter)
{
    return filter[0] == 0 || strcmp(filter, ">") == 0;
}

bool naive_takes(const struct naive_store *n, const struct naive_msg *m, const char *const *filters,
                 size_t count)
{
    bool takes = count == 0;
    for (size_t i = 0; i < count; i++)
        takes = takes || is_all(filters[i]) || (n->track_subjects && naive_matches(m->subject, filters[i]));
    return takes;
}

size_t naive_index(const struct naive_store *n, uint64_t seq)
{
    size_t i = 0;
    while (i < n->count && n->msg[i].seq < seq)
        i++;
    return i;
}

const struct naive_msg *naive_find(const struct naive_store *n, uint64_t seq)
{
    size_t i = naive_index(n, seq);
    return i < n->count && n->msg[i].seq == seq ? &n->msg[i] : NULL;
}

void naive_state(const struct naive_store *n, struct store_state *st)
{
    *st = (struct store_state){.msgs = n->count,
                               .bytes = n->bytes,
                               .first = n->count > 0 ? n->msg[0].seq
                                        : n->used    ? n->base
                                                     : 0,
                               .last = n->last,
                               .first_ts = n->count > 0 ? n->msg[0].ts : STORE_TIME_NONE,
                               .last_ts = n->last_ts_set ? n->last_ts : STORE_TIME_NONE};
    if (n->count > 0)
        st->num_deleted = n->last - st->first + 1 - n->count;
    for (size_t i = 0; n->track_subjects && i < n->count; i++) {
        bool seen = n->msg[i].subject[0] == 0;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(n->msg[k].subject, n->msg[i].subject) == 0;
        st->num_subjects += !seen;
    }
}

/* ---- changes ---- */

static void drop_at(struct naive_store *n, size_t i)
{
    n->bytes -= naive_size(n, &n->msg[i]);
    n->count--;
    memmove(&n->msg[i], &n->msg[i + 1], (n->count - i) * sizeof n->msg[0]);
    if (n->count == 0)
        n->base = n->last + 1;
}

static size_t on_subject(const struct naive_store *n, const char *subject, size_t *oldest)
{
    size_t found = 0;
    for (size_t i = n->count; n->track_subjects && subject[0] != 0 && i-- > 0;) {
        if (strcmp(n->msg[i].subject, subject) == 0) {
            *oldest = i;
            found++;
        }
    }
    return found;
}

static enum store_rc check_new(const struct naive_store *n, const struct naive_msg *m, bool rollup)
{
    const struct store_limits *l = &n->limits;
    size_t oldest = 0;
    bool full = l->max_per_subject > 0 && on_subject(n, m->subject, &oldest) >= (size_t)l->max_per_subject;
    if (l->discard == STORE_DISCARD_OLD)
        return STORE_OK;
    if (full && l->discard_new_per_subject && !rollup)
        return STORE_MAX_PER_SUBJECT;
    if (l->max_msgs > 0 && n->count >= (size_t)l->max_msgs && !full)
        return STORE_MAX_MSGS;
    if (l->max_bytes > 0 && n->bytes + naive_size(n, m) > (uint64_t)l->max_bytes &&
        (!full || naive_size(n, &n->msg[oldest]) < naive_size(n, m)))
        return STORE_MAX_BYTES;
    return STORE_OK;
}

static void enforce_subject(struct naive_store *n, const char *subject)
{
    size_t oldest = 0;
    while (n->limits.max_per_subject > 0 &&
           on_subject(n, subject, &oldest) > (size_t)n->limits.max_per_subject)
        drop_at(n, oldest);
}

static void enforce(struct naive_store *n)
{
    const struct store_limits *l = &n->limits;
    while (l->discard == STORE_DISCARD_OLD && n->count > 0 &&
           ((l->max_msgs > 0 && n->count > (size_t)l->max_msgs) ||
            (l->max_bytes > 0 && n->bytes > (uint64_t)l->max_bytes)))
        drop_at(n, 0);
}

enum store_rc naive_append(struct naive_store *n, const struct naive_msg *m, bool refuse, bool rollup,
                           uint64_t *seq)
{
    enum store_rc rc = refuse ? check_new(n, m, rollup) : STORE_OK;
    if (rc != STORE_OK)
        return rc;
    if (m->seq != 0 && m->seq != n->last + 1)
        return STORE_BAD_SEQUENCE;
    if (n->count == n->cap) {
        n->cap = n->cap == 0 ? 64 : 2 * n->cap;
        n->msg = realloc(n->msg, n->cap * sizeof *n->msg);
        if (n->msg == NULL)
            abort();
    }
    n->msg[n->count] = *m;
    n->msg[n->count++].seq = *seq = ++n->last;
    n->bytes += naive_size(n, m);
    n->last_ts = m->ts;
    n->last_ts_set = n->used = true;
    enforce_subject(n, m->subject);
    enforce(n);
    return STORE_OK;
}

enum store_rc naive_skip(struct naive_store *n, uint64_t first, uint64_t count, int64_t now)
{
    if (first != 0 && first != n->last + 1)
        return STORE_BAD_SEQUENCE;
    if (count == 0)
        return STORE_INVALID;
    n->last += count;
    n->last_ts = n->last_ts_set ? n->last_ts : now;
    n->last_ts_set = n->used = true;
    if (n->count == 0)
        n->base = n->last + 1;
    return STORE_OK;
}

enum store_rc naive_remove(struct naive_store *n, uint64_t seq, bool *removed)
{
    size_t i = naive_index(n, seq);
    *removed = i < n->count && n->msg[i].seq == seq;
    if (*removed)
        drop_at(n, i);
    if (n->kind == STORE_FILE && seq == 0)
        return STORE_NOT_FOUND;
    return n->kind == STORE_FILE && seq > n->last ? STORE_EOF : STORE_OK;
}

uint64_t naive_compact(struct naive_store *n, uint64_t first)
{
    uint64_t before = n->count;
    if (first == 0 || first > n->last) {
        while (n->count > 0)
            drop_at(n, 0);
        if (first > n->last + 1) {
            n->last = first - 1;
            n->base = first;
            n->used = true;
        }
        return before;
    }
    while (n->count > 0 && n->msg[0].seq < first)
        drop_at(n, 0);
    return before - n->count;
}

uint64_t naive_purge(struct naive_store *n, const char *filter, uint64_t below, uint64_t keep)
{
    if (below == 1)
        return 0;
    if (is_all(filter) && (keep == 0 || below > 0))
        return naive_compact(n, below);
    if (!n->track_subjects)
        return 0;
    if (is_all(filter))
        filter = ">";
    uint64_t total = 0, purged = 0;
    for (size_t i = 0; i < n->count; i++)
        total += naive_matches(n->msg[i].subject, filter);
    uint64_t left = total > keep ? total - keep : 0;
    for (size_t i = 0; i < n->count && left > 0;) {
        if (below > 0 && n->msg[i].seq >= below)
            break;
        if (!naive_matches(n->msg[i].subject, filter)) {
            i++;
            continue;
        }
        drop_at(n, i);
        purged++;
        left--;
    }
    return purged;
}

enum store_rc naive_truncate(struct naive_store *n, uint64_t last, int64_t now)
{
    if (last > n->last)
        return STORE_INVALID;
    while (n->count > 0 && n->msg[n->count - 1].seq > last)
        drop_at(n, n->count - 1);
    n->last = last;
    if (last == 0) {
        n->used = false;
        n->last_ts = now;
        n->last_ts_set = true;
    } else if (naive_find(n, last) != NULL) {
        n->last_ts = naive_find(n, last)->ts;
    }
    if (n->count == 0)
        n->base = last + 1;
    return STORE_OK;
}

void naive_drop_range(struct naive_store *n, uint64_t first, uint64_t last)
{
    for (size_t i = naive_index(n, first); i < n->count && n->msg[i].seq <= last;)
        drop_at(n, i);
}

void naive_update(struct naive_store *n, const struct store_limits *l, int64_t now)
{
    n->limits = *l;
    enforce(n);
    for (size_t i = 0; i < n->count;) {
        size_t before = n->count;
        enforce_subject(n, n->msg[i].subject);
        i = n->count < before ? 0 : i + 1;
    }
    if (l->max_age_ns > 0)
        naive_expire(n, now);
}

/* ---- time ---- */

static int64_t ttl_end(const struct naive_msg *m)
{
    return m->ts + m->ttl_s * 1000000000;
}

void naive_expire(struct naive_store *n, int64_t now)
{
    const struct store_limits *l = &n->limits;
    for (size_t i = 0; l->max_age_ns > 0 && i < n->count && n->msg[i].ts <= now - l->max_age_ns;) {
        if (l->allow_ttl && n->msg[i].ttl_s == STORE_TTL_NEVER)
            i++;
        else
            drop_at(n, i);
    }
    for (size_t i = 0; l->allow_ttl && i < n->count;) {
        if (n->msg[i].ttl_s > 0 && ttl_end(&n->msg[i]) <= now)
            drop_at(n, i);
        else
            i++;
    }
}

int64_t naive_due(const struct naive_store *n)
{
    const struct store_limits *l = &n->limits;
    int64_t due = STORE_TIME_NONE;
    for (size_t i = 0; i < n->count; i++) {
        const struct naive_msg *m = &n->msg[i];
        bool never = l->allow_ttl && m->ttl_s == STORE_TTL_NEVER;
        if (l->max_age_ns > 0 && !never && (due == STORE_TIME_NONE || m->ts + l->max_age_ns < due))
            due = m->ts + l->max_age_ns;
        if (l->allow_ttl && m->ttl_s > 0 && (due == STORE_TIME_NONE || ttl_end(m) < due))
            due = ttl_end(m);
    }
    return due;
}
