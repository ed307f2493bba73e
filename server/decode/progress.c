#include "server/decode/progress.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define WORTH_IT (1u << 20) /* bytes: smaller files are read at once */
#define EVERY    UINT64_C(100000000)

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void progress_init(struct progress *p, bool wanted, uint64_t total)
{
    *p = (struct progress){.total = total, .begun = now()};
    p->on = wanted && total > WORTH_IT && isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
}

static void draw(const struct progress *p, uint64_t done)
{
    static const char full[] = "########################################";
    enum { WIDTH = sizeof(full) - 1 };
    done = done < p->total ? done : p->total;
    double seconds = (double)(now() - p->begun) / 1e9;
    fprintf(stderr, "\r[%-*.*s] %3u%% %7.1f MB/s", WIDTH, (int)(done * WIDTH / p->total), full,
            (unsigned)(done * 100 / p->total), seconds > 0 ? (double)done / 1e6 / seconds : 0);
    fflush(stderr);
}

void progress_at(struct progress *p, uint64_t done)
{
    uint64_t t = p->on ? now() : 0;
    if (!p->on || t - p->shown < EVERY)
        return;
    p->shown = t;
    draw(p, done);
}

void progress_end(struct progress *p, bool complete)
{
    if (p->on && complete) {
        draw(p, p->total);
        fputc('\n', stderr);
    } else if (p->on) {
        fputs("\r\033[K", stderr);
    }
}
