#include "server/options_report.h"
#include "base/arena.h"

bool options_report_init(struct options_report *r)
{
    *r = (struct options_report){.arena = arena_new(0)};
    return r->arena != NULL;
}

void options_report_done(struct options_report *r)
{
    arena_free(r->arena);
    *r = (struct options_report){.arena = NULL};
}

void options_report_add(struct options_report *r, struct options_messages *to, slice text)
{
    struct options_message *m = arena_alloc(r->arena, sizeof *m);
    slice copy = arena_copy(r->arena, text);
    if (m == NULL || copy.ptr == NULL)
        return; /* arena_failed says so to options_load */
    m->text = copy;
    if (to->last != NULL)
        to->last->next = m;
    else
        to->first = m;
    to->last = m;
    to->count++;
}

slice options_report_text(struct options_report *r)
{
    const struct options_messages *both[2] = {&r->warnings, &r->errors};
    size_t len = 1;
    for (int i = 0; i < 2; i++)
        for (const struct options_message *m = both[i]->first; m != NULL; m = m->next)
            len += m->text.len + 1;
    uint8_t *buf = arena_alloc(r->arena, len + 1), *p = buf;
    if (buf == NULL)
        return SLICE_LIT("out of memory\n");
    for (int i = 0; i < 2; i++) {
        for (const struct options_message *m = both[i]->first; m != NULL; m = m->next) {
            memcpy(p, m->text.ptr, m->text.len);
            p += m->text.len;
            *p++ = '\n';
        }
    }
    if (!r->bare && p > buf)
        *p++ = '\n';
    return slice_make(buf, (size_t)(p - buf));
}
