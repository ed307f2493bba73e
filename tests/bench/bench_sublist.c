/* What matching, inserting and removing cost, and how much memory a million subscriptions take.
 *
 *     bench_sublist [SUBSCRIPTIONS]     (default 1000000)
 *
 * Matches are measured on one thread, best of several rounds; the churn lines with a second thread that
 * subscribes and unsubscribes all the time. */
#include "interest/sublist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, MATCHES = 1000000, SUBJECTS = 256 };

struct bench {
    struct epoch_domain d;
    struct epoch_reader r;
    struct sublist *sl;
    struct sublist_scratch *sc;
    struct sublist_result res;
    char subjects[SUBJECTS][48];
    atomic_bool churn;
    const char *churn_form;
    uint64_t churned;
};

static double now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* Of this thread: a longest insert that is not the scheduler's doing. */
static double cpu_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static double rss_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%lu %lu", &total, &resident) != 2)
        resident = 0;
    if (f != NULL)
        fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static void start(struct bench *b)
{
    struct sublist_options opt = {.id = 1, .seed = 0x5eed, .slots = 1};
    memset(b, 0, sizeof(*b));
    epoch_domain_init(&b->d);
    epoch_reader_join(&b->r, &b->d);
    b->sl = sublist_new(&opt);
    b->sc = sublist_scratch_new(0);
    if (b->sl == NULL || b->sc == NULL)
        exit(1);
}

static void stop(struct bench *b)
{
    sublist_free(b->sl);
    sublist_scratch_free(b->sc);
    sublist_result_free(&b->res);
    epoch_reader_leave(&b->r);
    epoch_domain_close(&b->d);
}

static struct sub *add(struct bench *b, const char *subject, const char *queue)
{
    struct sub *s = sub_new(slice_str(subject), slice_str(queue), SLICE_LIT("1234567"), NULL);
    if (s == NULL || sublist_insert(b->sl, &b->r, s) != 0)
        exit(1);
    return s;
}

/* Nanoseconds a match over the subjects, best round; *fanout is the average found. */
static double match_ns(struct bench *b, unsigned subjects, double *fanout)
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t found = 0;
        slice s[SUBJECTS];
        for (unsigned i = 0; i < subjects; i++)
            s[i] = slice_str(b->subjects[i]);
        double t = now_s();
        for (unsigned i = 0; i < MATCHES; i++) {
            if (i % 64 == 0) {
                epoch_leave(&b->r);
                epoch_enter(&b->r);
            }
            if (sublist_match(b->sl, s[i % subjects], b->sc, &b->res) != 0)
                exit(1);
            found += b->res.plain_count + b->res.group_count;
        }
        t = (now_s() - t) * 1e9 / MATCHES;
        best = t < best ? t : best;
        *fanout = (double)found / MATCHES;
    }
    epoch_leave(&b->r);
    return best;
}

static void report(struct bench *b, const char *what, unsigned subjects)
{
    double fanout, ns = match_ns(b, subjects, &fanout);
    printf("  %-52s %7.1f ns   fan-out %.1f\n", what, ns, fanout);
}

static void name_subjects(struct bench *b, const char *form, unsigned step)
{
    for (unsigned i = 0; i < SUBJECTS; i++)
        snprintf(b->subjects[i], sizeof(b->subjects[i]), form, i * step);
}

static void *churn_main(void *arg)
{
    struct bench *b = arg;
    struct epoch_reader r;
    struct sub *held[256] = {NULL};
    char subject[48];
    epoch_reader_join(&r, &b->d);
    for (uint64_t n = 0; atomic_load_explicit(&b->churn, memory_order_relaxed); n++) {
        snprintf(subject, sizeof(subject), b->churn_form, (unsigned)n);
        if (held[n % 256] != NULL)
            sublist_remove(b->sl, &r, held[n % 256]);
        held[n % 256] = sub_new(slice_str(subject), SLICE_EMPTY, SLICE_LIT("1"), NULL);
        if (held[n % 256] == NULL || sublist_insert(b->sl, &r, held[n % 256]) != 0)
            exit(1);
        if (n % 64 == 0)
            epoch_collect(&r, EPOCH_COLLECT_TURN);
        b->churned = n;
    }
    for (int i = 0; i < 256; i++) {
        if (held[i] != NULL)
            sublist_remove(b->sl, &r, held[i]);
    }
    epoch_reader_leave(&r);
    return NULL;
}

static void report_churn(struct bench *b, const char *what, const char *form)
{
    pthread_t t;
    double fanout, began = now_s();
    b->churn_form = form;
    b->churned = 0;
    atomic_store(&b->churn, true);
    if (pthread_create(&t, NULL, churn_main, b) != 0)
        exit(1);
    double ns = match_ns(b, SUBJECTS, &fanout);
    double rate = (double)b->churned / (now_s() - began) / 1e6;
    atomic_store(&b->churn, false);
    pthread_join(t, NULL);
    printf("  %-52s %7.1f ns   fan-out %.1f   %.2f M sub+unsub/s beside\n", what, ns, fanout, rate);
}

static void bench_matches(void)
{
    struct bench b;
    char text[48];
    printf("match, one thread\n");
    start(&b);
    name_subjects(&b, "orders.eu.%u", 1);
    for (unsigned i = 0; i < SUBJECTS; i++)
        add(&b, b.subjects[i], "");
    report(&b, "literal, one subscriber, one subject", 1);
    report(&b, "literal, one subscriber, 256 subjects", SUBJECTS);
    for (unsigned i = 0; i < 7 * SUBJECTS; i++)
        add(&b, b.subjects[i % SUBJECTS], "");
    report(&b, "literal, 8 subscribers, 256 subjects", SUBJECTS);
    for (unsigned i = 0; i < 8; i++)
        add(&b, "orders.>", "workers");
    report(&b, "and a queue group of 8 on orders.>", SUBJECTS);
    for (unsigned i = 0; i < 8; i++)
        add(&b, "orders.*.>", "workers");
    report(&b, "and the same group on orders.*.>", SUBJECTS);
    report_churn(&b, "and literal inboxes come and go", "_INBOX.abc.%u");
    report_churn(&b, "and wildcard inboxes come and go", "_INBOX.%u.*");
    stop(&b);

    start(&b);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(text, sizeof(text), "dev.%u.*.state", i);
        add(&b, text, "");
    }
    name_subjects(&b, "dev.%u.x.state", 390);
    report(&b, "one of 100,000 patterns, 256 subjects", SUBJECTS);
    name_subjects(&b, "nobody.%u.x", 1);
    report(&b, "nobody, beside 100,000 patterns", SUBJECTS);
    double t = now_s(), fanout = 0;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(text, sizeof(text), "dev.%u.x.state", i);
        epoch_enter(&b.r);
        if (sublist_match(b.sl, slice_str(text), b.sc, &b.res) != 0)
            exit(1);
        epoch_leave(&b.r);
        fanout += b.res.plain_count;
    }
    printf("  %-52s %7.1f ns   fan-out %.1f\n", "each subject once (no cache helps; snprintf included)",
           (now_s() - t) * 1e4, fanout / 1e5);
    stop(&b);
}

/* Inserts unique literals; with `longest` the CPU time of each is taken, which costs as much as the insert.
 */
static void fill(struct bench *b, struct sub **subs, unsigned count, double *longest)
{
    char text[48];
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "bench.sub.%u", i);
        double one = longest == NULL ? 0 : cpu_s();
        subs[i] = add(b, text, "");
        one = longest == NULL ? 0 : cpu_s() - one;
        if (longest != NULL && one > *longest)
            *longest = one;
        if (i % 256 == 0)
            epoch_collect(&b->r, EPOCH_COLLECT_TURN);
    }
    epoch_collect(&b->r, SIZE_MAX);
}

static void empty(struct bench *b, struct sub **subs, unsigned count)
{
    for (unsigned i = 0; i < count; i += SUBLIST_BATCH) {
        unsigned n = count - i < SUBLIST_BATCH ? count - i : SUBLIST_BATCH;
        sublist_remove_many(b->sl, &b->r, subs + i, n);
        epoch_collect(&b->r, EPOCH_COLLECT_TURN);
    }
}

static void bench_million(unsigned count)
{
    struct bench b;
    struct sub **subs = calloc(count, sizeof(struct sub *));
    double longest = 0;
    if (subs == NULL)
        exit(1);
    start(&b);
    for (unsigned i = 0; i < count; i++) /* touched, so that it is not counted as growth */
        subs[i] = (struct sub *)&b;
    double rss = rss_bytes(), t = now_s();
    fill(&b, subs, count, NULL);
    t = now_s() - t;
    rss = rss_bytes() - rss;
    printf("%u unique literal subscriptions\n", count);
    printf("  insert %.0f ns each; %.1f bytes of RSS each (%.1f MiB)\n", t * 1e9 / count, rss / count,
           rss / 1048576);
    name_subjects(&b, "bench.sub.%u", 3907 % (count / SUBJECTS + 1));
    report(&b, "match, 256 of them", SUBJECTS);
    t = now_s();
    empty(&b, subs, count);
    t = now_s() - t;
    printf("  remove %.0f ns each; %zu objects wait\n", t * 1e9 / count, epoch_backlog(&b.r));
    fill(&b, subs, count, &longest);
    printf("  the longest insert of a second fill took %.0f us of CPU\n", longest * 1e6);
    empty(&b, subs, count);
    stop(&b);
    free(subs);
}

int main(int argc, char **argv)
{
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    if (count < 1 || count > 100000000)
        return 2;
    bench_million((unsigned)count);
    bench_matches();
    return 0;
}
