/* sink.h: where encoders put bytes. A sink without memory only counts: an encoder runs once to learn the
 * size, and again to write when there is room. So no writer checks a bound, and nothing is written in part.
 *
 *     struct sink s = {NULL, 0};
 *     put_event(&s, event);
 *     if (s.len > cap)
 *         return s.len;
 *     s = (struct sink){out, 0};
 *     put_event(&s, event); */
#ifndef CODEC_SINK_H
#define CODEC_SINK_H

#include <midge/slice.h>

struct sink {
    uint8_t *out; /* NULL: only count */
    size_t len;
};

static inline void sink_put(struct sink *s, slice bytes)
{
    if (s->out != NULL && bytes.len > 0)
        memcpy(s->out + s->len, bytes.ptr, bytes.len);
    s->len += bytes.len;
}

static inline void sink_byte(struct sink *s, uint8_t byte)
{
    if (s->out != NULL)
        s->out[s->len] = byte;
    s->len++;
}

#define sink_lit(s, literal) sink_put(s, SLICE_LIT(literal))

/* In decimal. */
static inline void sink_number(struct sink *s, uint64_t value)
{
    uint8_t digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (uint8_t)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    sink_put(s, slice_make(digits + at, sizeof(digits) - at));
}

#endif
