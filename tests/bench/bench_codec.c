/* Throughput of every grammar on one core, everything at hand. `bench_codec [PART OF A NAME]` prints the
 * table of a release build; `bench_codec --check` is the test that nothing allocates. */
#include "codec_bench.h"
#include <stdlib.h>
#include <time.h>

enum { BUFFER = 64 * 1024, ROUNDS = 5 };
static const double round_seconds = 0.15;

/* Calls of malloc, calloc and realloc so far, counted by the wrappers that the linker puts in their place. */
static size_t allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t m)
{
    allocations++;
    return __real_calloc(n, m);
}
void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

size_t bench_repeat(uint8_t *buf, size_t cap, size_t *count, slice message)
{
    *count = cap / message.len;
    for (size_t i = 0; i < *count; i++)
        memcpy(buf + i * message.len, message.ptr, message.len);
    return *count * message.len;
}

/* Time that this process ran, so that what else the machine does counts little. */
static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Seconds of the fastest of several rounds for one pass; every pass must see `count` messages. */
static double best_pass(const struct bench_case *c, slice in, size_t count, bool *sound)
{
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now(), took = 0;
        size_t passes = 0;
        while ((took = now() - start) < round_seconds) {
            *sound = c->pass(in) == count && *sound;
            passes++;
        }
        double one = took / (double)passes;
        best = round == 0 || one < best ? one : best;
    }
    return best;
}

static bool check(const struct bench_case *c, slice in, size_t count)
{
    size_t before = allocations, seen = c->pass(in), took = allocations - before;
    if (seen != count)
        printf("FAIL %s: %zu of %zu messages\n", c->name, seen, count);
    if (took != 0)
        printf("FAIL %s: %zu allocations\n", c->name, took);
    return seen == count && took == 0;
}

static bool measure(const struct bench_case *c, slice in, size_t count)
{
    size_t before = allocations;
    bool sound = true;
    double s = best_pass(c, in, count, &sound);
    double rate = (double)count / s / 1e6, mb = (double)in.len / s / 1e6;
    bool slow = rate < c->floor_m || mb < c->floor_mb;
    printf("%-14s %-24s %10.2f %10.0f %8.1f %8.1f  %s\n", c->grammar, c->name, rate, mb, 1e3 / rate,
           (double)in.len / (double)count,
           !sound                  ? "WRONG COUNT"
           : allocations != before ? "ALLOCATES"
           : slow                  ? "below its floor"
                                   : "");
    return sound && allocations == before;
}

int main(int argc, char **argv)
{
    const struct bench_cases all[] = {bench_client_cases(), bench_wire_cases(), bench_text_cases()};
    bool checking = argc > 1 && strcmp(argv[1], "--check") == 0;
    const char *only = argc > 1 && !checking ? argv[1] : "";
    size_t passed = 0, failed = 0;
    uint8_t *buf = __real_malloc(BUFFER);
    if (buf == NULL)
        return 2;
    void *volatile one = malloc(1); /* a check that could not fail would be none: the wrappers count */
    free(one);
    if (allocations != 1) {
        printf("malloc is not counted\n");
        return 2;
    }
    if (!checking)
        printf("%-14s %-24s %10s %10s %8s %8s\n", "grammar", "case", "M msg/s", "MB/s", "ns/msg", "bytes");
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        for (size_t k = 0; k < all[i].count; k++) {
            const struct bench_case *c = &all[i].list[k];
            size_t count = 0;
            if (strstr(c->name, only) == NULL)
                continue;
            slice in = slice_make(buf, c->fill(buf, BUFFER, &count));
            bool ok = checking ? check(c, in, count) : measure(c, in, count);
            passed += ok;
            failed += !ok;
        }
    }
    free(buf);
    if (checking)
        printf("%zu passed, %zu failed\n", passed, failed);
    return failed != 0 || passed == 0;
}
