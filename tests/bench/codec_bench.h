/* codec_bench.h: the cases of the codec benchmark.
 *
 * A case fills a buffer with messages and says how to run through it once. bench_codec.c repeats that for a
 * while in several rounds, keeps the best one (the machine's noise only ever slows down), and prints messages
 * and bytes a second on one core. A case that sees another number of messages, or allocates, fails; as a test
 * (`bench_codec --check`) every case runs once. */
#ifndef BENCH_CODEC_BENCH_H
#define BENCH_CODEC_BENCH_H

#include <midge/slice.h>
#include <stdio.h>

struct bench_case {
    const char *grammar; /* in grammar/ */
    const char *name;
    double floor_m;  /* millions of messages a second that are promised, 0 for none */
    double floor_mb; /* megabytes a second */
    /* Puts messages into buf and returns their bytes; *count is how many there are. */
    size_t (*fill)(uint8_t *buf, size_t cap, size_t *count);
    /* Parses all of it and returns the number of messages seen. */
    size_t (*pass)(slice in);
};

struct bench_cases {
    const struct bench_case *list;
    size_t count;
};

struct bench_cases bench_client_cases(void);
struct bench_cases bench_wire_cases(void);
struct bench_cases bench_text_cases(void);

/* As many copies of one message as fit. */
size_t bench_repeat(uint8_t *buf, size_t cap, size_t *count, slice message);

#endif
