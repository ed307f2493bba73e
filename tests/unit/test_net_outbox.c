/* The outbox: order of bytes over chunks and bodies, pending limits, the touched list. */
#include "unit.h"
#include "net/outbox.h"

#include <stdlib.h>

static size_t collect(struct outbox *o, uint8_t *out, size_t cap)
{
    size_t n = 0;
    struct chunk *c = outbox_take(o);
    while (c != NULL) {
        struct chunk *next = c->next;
        CU_ASSERT_FATAL(n + c->len <= cap);
        memcpy(out + n, c->ptr, c->len);
        n += c->len;
        chunk_free(c);
        c = next;
    }
    return n;
}

static void test_bytes_in_order(void)
{
    static uint8_t want[1 << 20], got[1 << 20], piece[3000];
    struct outbox o;
    struct touched t = {0};
    outbox_init(&o, NULL, sizeof want);
    struct body *b = body_new(5000);
    memset(b->bytes, 'b', b->len);
    size_t n = 0;
    srand(3);
    for (int i = 0; i < 300; i++) {
        size_t len = (size_t)(rand() % 3000);
        memset(piece, i, len);
        if (i % 10 == 9) {
            outbox_lock(&o);
            CU_ASSERT(outbox_put_body(&o, b, b->bytes + 10, 100, &t));
            outbox_unlock(&o);
            memset(want + n, 'b', 100);
            n += 100;
        }
        CU_ASSERT(outbox_append(&o, slice_make(piece, len), &t));
        memcpy(want + n, piece, len);
        n += len;
    }
    body_drop(b);
    CU_ASSERT_EQUAL(o.pending, n);
    CU_ASSERT_EQUAL(collect(&o, got, sizeof got), n);
    CU_ASSERT_EQUAL(memcmp(got, want, n), 0);
    outbox_written(&o, n, true);
    CU_ASSERT_EQUAL(o.pending, 0);
    CU_ASSERT_PTR_EQUAL(t.head, &o);
    outbox_free(&o);
}

static void test_limits(void)
{
    struct outbox o;
    struct touched t = {0};
    outbox_init(&o, NULL, 100);
    uint8_t bytes[101] = {0};
    CU_ASSERT(outbox_append(&o, slice_make(bytes, 76), &t));
    CU_ASSERT(o.stalls);
    outbox_written(&o, 1, true);
    CU_ASSERT_FALSE(o.stalls);
    CU_ASSERT(outbox_append(&o, slice_make(bytes, 25), &t));
    CU_ASSERT_EQUAL(o.state, OUTBOX_OPEN); /* exactly max_pending is allowed */
    CU_ASSERT(outbox_append(&o, slice_make(bytes, 1), &t));
    CU_ASSERT_EQUAL(o.state, OUTBOX_TOO_MUCH);
    CU_ASSERT_FALSE(outbox_append(&o, slice_make(bytes, 1), &t));
    CU_ASSERT_EQUAL(o.pending, 101);
    outbox_free(&o);
}

/* Nothing to say leaves no trace. */
static void test_empty(void)
{
    struct outbox o;
    struct touched t = {0};
    outbox_init(&o, NULL, 100);
    CU_ASSERT(outbox_append(&o, SLICE_EMPTY, &t));
    CU_ASSERT_PTR_NULL(o.head);
    CU_ASSERT_PTR_NULL(t.head);
    outbox_free(&o);
}

static void test_touched_once(void)
{
    struct outbox a, b;
    struct touched t = {0};
    outbox_init(&a, NULL, 100);
    outbox_init(&b, NULL, 100);
    for (int i = 0; i < 3; i++) {
        outbox_append(&a, SLICE_LIT("x"), &t);
        outbox_append(&b, SLICE_LIT("y"), &t);
    }
    CU_ASSERT_PTR_EQUAL(t.head, &b);
    CU_ASSERT_PTR_EQUAL(b.next, &a);
    CU_ASSERT_PTR_NULL(a.next);
    outbox_free(&a);
    outbox_free(&b);
}

static const struct unit_test tests[] = {UNIT_TEST(test_bytes_in_order), UNIT_TEST(test_limits),
                                         UNIT_TEST(test_empty), UNIT_TEST(test_touched_once)};
UNIT_MAIN("outbox", tests)
