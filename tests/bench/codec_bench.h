/* codec_bench.h: the frame of a codec benchmark.
 *
 * A case fills a buffer with messages and says how to run through it once. The frame repeats that for a while
 * in several rounds, keeps the best one (the machine's noise only ever slows down), and prints messages and
 * bytes a second on one core. A case that allocates fails. */
#ifndef BENCH_CODEC_BENCH_H
#define BENCH_CODEC_BENCH_H

#include <midge/slice.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct bench_case {
    const char *name;
    double floor_m; /* millions of messages a second that are promised, 0 for none */
    /* Puts messages into buf and returns their bytes; *count is how many there are. */
    size_t (*fill)(uint8_t *buf, size_t cap, size_t *count);
    /* Parses all of it and returns the number of messages seen. */
    size_t (*pass)(slice in);
};

enum { BENCH_BUFFER = 64 * 1024, BENCH_ROUNDS = 5 };

/* Calls of malloc, calloc and realloc so far, counted by the wrappers that the linker puts in their place. */
static size_t bench_allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n)
{
    bench_allocations++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t m)
{
    bench_allocations++;
    return __real_calloc(n, m);
}
void *__wrap_realloc(void *p, size_t n)
{
    bench_allocations++;
    return __real_realloc(p, n);
}

static inline double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds of the fastest of several rounds for one pass; every pass must see `count` messages. */
static inline double bench_best(const struct bench_case *c, slice in, size_t count, double round_seconds,
                                bool *sound)
{
    double best = 0;
    for (int round = 0; round < BENCH_ROUNDS; round++) {
        double start = bench_now(), took = 0;
        size_t passes = 0;
        while ((took = bench_now() - start) < round_seconds) {
            *sound = c->pass(in) == count && *sound;
            passes++;
        }
        double one = took / (double)passes;
        best = round == 0 || one < best ? one : best;
    }
    return best;
}

static inline int bench_run(const struct bench_case *cases, size_t n, const char *only)
{
    int bad = 0;
    uint8_t *buf = __real_malloc(BENCH_BUFFER);
    if (buf == NULL)
        return 2;
    printf("%-24s %10s %10s %8s %8s  %s\n", "case", "M msg/s", "MB/s", "ns/msg", "bytes", "");
    for (size_t i = 0; i < n; i++) {
        if (only != NULL && strstr(cases[i].name, only) == NULL)
            continue;
        size_t count = 0, len = cases[i].fill(buf, BENCH_BUFFER, &count), before = bench_allocations;
        bool sound = true;
        double s = bench_best(&cases[i], slice_make(buf, len), count, 0.2, &sound);
        double rate = (double)count / s / 1e6;
        const char *verdict = !sound                                            ? "WRONG COUNT"
                              : bench_allocations != before                     ? "ALLOCATES"
                              : cases[i].floor_m > 0 && rate < cases[i].floor_m ? "below its floor"
                                                                                : "";
        bad |= !sound || bench_allocations != before;
        printf("%-24s %10.2f %10.0f %8.1f %8.1f  %s\n", cases[i].name, rate, (double)len / s / 1e6,
               1e3 / rate, (double)len / (double)count, verdict);
    }
    free(buf);
    return bad;
}

#endif
