#include "sim/crash_world.h"

#include <stdlib.h>

#define SPAN_MAX 1500

static void step(struct crash_world *m)
{
    struct crash_stream *t = &m->stream[crash_below(m, m->streams)];
    const struct crash_action *a = crash_pick(m);
    m->now += crash_one_in(m, 40) ? (int64_t)crash_below(m, 100) * SECOND
                                  : (int64_t)crash_below(m, 200) * (SECOND / 1000);
    TRACE(m, "step %llu: %s %s\n", (unsigned long long)m->step, a->name, t->name);
    a->run(t);
    m->counts->ops++;
    const struct naive_store *n = &t->book.n;
    if (t->s != NULL && !t->failed && n->count > 0 && n->last - n->msg[0].seq > SPAN_MAX)
        crash_compact_to(t, n->last - SPAN_MAX / 2);
    if (sim_disk_is_off(m->disk)) {
        crash_after_loss(m);
        return;
    }
    for (size_t k = 0; k < m->streams && m->report[0] == 0; k++) {
        if (!m->stream[k].failed)
            continue;
        crash_after_failure(&m->stream[k]);
        k = (size_t)-1; /* it may have run another one's job into a failure */
        if (sim_disk_is_off(m->disk)) {
            crash_after_loss(m);
            return;
        }
    }
    if (!m->faulty && m->report[0] == 0 && t->s != NULL && crash_one_in(m, 20))
        crash_look(t);
}

bool crash_model_run(const struct crash_model_options *o, struct crash_model_counts *counts, char *report,
                     size_t cap)
{
    char what[REPORT_MAX] = "";
    struct crash_world m = {
        .o = o, .counts = counts, .sched = sched_new(o->seed), .now = SIM_EPOCH_NS, .report = what};
    crash_make_world(&m);
    if (!crash_up(&m))
        abort();
    for (m.step = 1; m.step <= o->ops && what[0] == 0; m.step++)
        step(&m);
    TRACE(&m, "finish: %s\n", what);
    m.kill_in = 0;
    sim_disk_cut_at(m.disk, 0);
    crash_heal(&m);
    crash_down(&m);
    for (size_t i = 0; i < m.streams; i++) {
        struct crash_stream *t = &m.stream[i];
        crash_book_free(&t->book);
        for (size_t k = 0; k < MAY_MAX; k++)
            buf_free(&t->may[k]);
    }
    if (what[0] != 0)
        snprintf(report, cap, "step %llu: %s", (unsigned long long)m.step - 1, what);
    else if (cap > 0)
        report[0] = 0;
    sim_disk_free(m.disk);
    sched_free(m.sched);
    return what[0] == 0;
}
