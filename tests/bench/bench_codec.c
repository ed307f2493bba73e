/* Throughput of the client-side codecs on one core. `bench_codec [PART OF A NAME]`. */
#include "codec_bench.h"
#include <midge/client.h>

/* As many copies of a message as fit. */
static size_t repeat(uint8_t *buf, size_t cap, const char *message, size_t *count)
{
    size_t n = strlen(message);
    *count = cap / n;
    for (size_t i = 0; i < *count; i++)
        memcpy(buf + i * n, message, n);
    return *count * n;
}

static size_t fill_pub16(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap, "PUB foo 16\r\n0123456789abcdef\r\n", count);
}

static size_t fill_pub16_long(uint8_t *buf, size_t cap, size_t *count)
{
    return repeat(buf, cap,
                  "PUB orders.eu.berlin.created _INBOX.aBcDeFgHiJkLmNoPqRsTuV.1 16\r\n0123456789abcdef\r\n",
                  count);
}

static size_t fill_mixed(uint8_t *buf, size_t cap, size_t *count)
{
    size_t n = repeat(buf, cap, "SUB orders.* 17\r\nPUB foo 3\r\nabc\r\nPING\r\nUNSUB 17\r\n", count);
    *count *= 4;
    return n;
}

static size_t pass_client(slice in)
{
    struct codec_client p;
    struct codec_client_event e;
    codec_client_init(&p);
    p.headers = true;
    size_t n = 0;
    while (codec_client_next(&p, &in, &e) == CODEC_EVENT)
        n++;
    return n;
}

static const struct bench_case cases[] = {
    {"PUB 16 B", 35, fill_pub16, pass_client},
    {"PUB 16 B, long subjects", 0, fill_pub16_long, pass_client},
    {"SUB PUB PING UNSUB", 0, fill_mixed, pass_client},
};

int main(int argc, char **argv)
{
    return bench_run(cases, sizeof(cases) / sizeof(cases[0]), argc > 1 ? argv[1] : NULL);
}
