/* Routes, gateways and leaf nodes: each form of each line, what the Go server accepts and refuses (compared
 * with 2.15.1), payloads, limits, every split, all recorded route traffic, and encoders as the inverse.
 * The parser's part (what a server answers is for scenarios) of
 * covers: FB-1 FB-2 FB-3 FB-4 FB-5 FB-6 FB-12 FB-18 FB-89 FB-114 FB-118 FB-121 */
#include "unit.h"
#include "golden/rec.h"
#include <midge/gateway.h>
#include <midge/leaf.h>
#include <midge/route.h>
#include <stdarg.h>

/* ------------------------------------------------------------------------------ events as lines of text */

struct text {
    char buf[1 << 20];
    size_t len;
};
static struct text got, want;

static void put(struct text *t, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    t->len += (size_t)vsnprintf(t->buf + t->len, sizeof(t->buf) - t->len, fmt, ap);
    va_end(ap);
}

static void put_slice(struct text *t, const char *key, slice s)
{
    if (s.len == 0)
        return;
    put(t, " %s=", key);
    for (size_t i = 0; i < s.len; i++)
        put(t, s.ptr[i] < 0x20 || s.ptr[i] > 0x7e ? "\\%02x" : "%c", s.ptr[i]);
}

/* A payload is always a line of its own, whether it came with its message or later. */
static void put_event(struct text *t, const struct codec_fabric_event *e)
{
    slice queues, queue;
    put(t, "%s", e->kind == CODEC_FABRIC_IGNORED ? "ignored" : codec_fabric_verb_name(e->verb));
    switch (e->kind) {
    case CODEC_FABRIC_SUB:
    case CODEC_FABRIC_UNSUB:
        put_slice(t, "o", e->interest.origin);
        put_slice(t, "a", e->interest.account);
        put_slice(t, "s", e->interest.subject);
        put_slice(t, "q", e->interest.queue);
        if (e->interest.weight_text.len > 0)
            put(t, " w=%u", e->interest.weight);
        break;
    case CODEC_FABRIC_MSG:
        put_slice(t, "o", e->msg.origin);
        put_slice(t, "a", e->msg.account);
        put_slice(t, "s", e->msg.subject);
        put_slice(t, "r", e->msg.reply);
        CU_ASSERT_EQUAL(e->msg.has_reply, e->msg.reply.len > 0);
        queues = e->msg.queues;
        size_t count = 0;
        while (codec_fabric_queue_next(&queues, &queue)) {
            put_slice(t, "q", queue);
            count++;
        }
        CU_ASSERT_EQUAL(count, e->msg.queue_count);
        put(t, " %u/%u", e->msg.hdr_size, e->msg.size);
        if (e->msg.payload_complete && e->msg.payload.len > 0) {
            put(t, "\n");
            put_slice(t, "P", e->msg.payload);
        }
        break;
    case CODEC_FABRIC_PAYLOAD:
        if (e->payload.len == 0)
            return;
        put_slice(t, "P", e->payload);
        break;
    case CODEC_FABRIC_PING:
    case CODEC_FABRIC_PONG:
    case CODEC_FABRIC_OK:
        break;
    default:
        put_slice(t, "t", e->text);
    }
    put(t, "\n");
}

/* -------------------------------------------------------------------------------------------- the driver */

static struct codec_fabric fresh(enum codec_fabric_dialect dialect)
{
    struct codec_fabric p;
    if (dialect == CODEC_ROUTE)
        codec_route_init(&p);
    else if (dialect == CODEC_GATEWAY)
        codec_gateway_init(&p);
    else
        codec_leaf_init(&p);
    return p;
}

struct sink_of_bytes {
    uint8_t buf[1 << 20];
    size_t len;
};

/* Reads `all` of which `step` more bytes are shown each time (the first time `first`), from a heap block of
 * exactly those bytes. Each event is encoded and the result, when asked for, must parse to the same. Returns
 * the error. */
static struct codec_error drive(struct codec_fabric p, slice all, size_t first, size_t step, struct text *out,
                                struct sink_of_bytes *bytes)
{
    struct codec_fabric_event e;
    struct codec_error none = {0, 0};
    size_t at = 0, begin = 0, shown = first;
    out->len = 0;
    out->buf[0] = 0;
    if (bytes != NULL)
        bytes->len = 0;
    for (;;) {
        uint8_t *copy = malloc(shown - at + (shown == at));
        if (shown > at)
            memcpy(copy, all.ptr + at, shown - at);
        slice in = slice_make(copy, shown - at);
        enum codec_rc rc = codec_fabric_next(&p, &in, &e);
        at += (size_t)(in.ptr - copy);
        if (rc == CODEC_EVENT) {
            if (e.kind != CODEC_FABRIC_PAYLOAD)
                CU_ASSERT_EQUAL(e.offset, begin);
            begin = at;
            put_event(out, &e);
            if (bytes != NULL)
                bytes->len += codec_fabric_encode(p.dialect, &e, bytes->buf + bytes->len,
                                                  sizeof(bytes->buf) - bytes->len);
        }
        free(copy);
        if (rc == CODEC_ERROR)
            return e.error;
        if (rc == CODEC_EVENT)
            continue;
        if (shown == all.len)
            return none;
        shown = all.len - shown < step ? all.len : shown + step;
    }
}

/* Whole, in single bytes, and cut in two at each place. */
static void every_split(struct codec_fabric p, slice all, struct codec_error error)
{
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct codec_error e = drive(p, all, cut, cut == 0 ? 1 : all.len, &got, NULL);
        CU_ASSERT_EQUAL(e.kind, error.kind);
        CU_ASSERT_EQUAL(e.offset, error.offset);
        CU_ASSERT_EQUAL_FATAL(got.len, want.len);
        CU_ASSERT(memcmp(got.buf, want.buf, got.len) == 0);
    }
}

static void accepts_as(struct codec_fabric p, const char *bytes, const char *events)
{
    static struct sink_of_bytes again;
    slice all = slice_str(bytes);
    struct codec_error e = drive(p, all, all.len, 1, &want, &again);
    CU_ASSERT_EQUAL(e.kind, 0);
    CU_ASSERT_STRING_EQUAL(want.buf, events);
    if (strcmp(want.buf, events) != 0)
        printf("  %s gave\n%s", bytes, want.buf);
    every_split(p, all, e);
    /* encoded, it says the same */
    e = drive(p, slice_make(again.buf, again.len), again.len, 1, &got, NULL);
    CU_ASSERT_EQUAL(e.kind, 0);
    CU_ASSERT_STRING_EQUAL(got.buf, events);
}

static void accepts(enum codec_fabric_dialect dialect, const char *bytes, const char *events)
{
    accepts_as(fresh(dialect), bytes, events);
}

static void refuses_as(struct codec_fabric p, const char *bytes, int kind, uint64_t offset)
{
    slice all = slice_str(bytes);
    struct codec_error e = drive(p, all, all.len, 1, &want, NULL);
    CU_ASSERT_EQUAL(e.kind, kind);
    CU_ASSERT_EQUAL(e.offset, offset);
    if (e.kind != kind || e.offset != offset)
        printf("  %s gave %d at %llu\n", bytes, e.kind, (unsigned long long)e.offset);
    every_split(p, all, e);
}

static void refuses(enum codec_fabric_dialect dialect, const char *bytes, int kind, uint64_t offset)
{
    refuses_as(fresh(dialect), bytes, kind, offset);
}

/* ------------------------------------------------------------------------------------------------- tests */

static void test_session(void)
{
    for (int d = CODEC_ROUTE; d <= CODEC_LEAF; d++) {
        accepts((enum codec_fabric_dialect)d,
                "INFO {\"a\":1} \r\nCONNECT {\"x\":\"a b\"}\r\nPING\r\nPONG\r\n+OK\r\n-ERR 'Stale "
                "Connection'\r\n",
                "INFO t={\"a\":1} \nCONNECT t={\"x\":\"a b\"}\nPING\nPONG\n+OK\n-ERR t='Stale Connection'\n");
        accepts((enum codec_fabric_dialect)d, "info{}\nPing x\npONGy\n+okay\n",
                "INFO t={}\nPING\nPONG\n+OK\n");
        refuses((enum codec_fabric_dialect)d, "PING\r\nMSG a 1 1\r\n", CODEC_FABRIC_UNKNOWN_OP, 6);
        refuses((enum codec_fabric_dialect)d, "PUB a 1\r\n", CODEC_FABRIC_UNKNOWN_OP, 1);
    }
}

static void test_route_interest(void)
{
    accepts(CODEC_ROUTE, "RS+ A s\r\n", "RS+ a=A s=s\n");
    accepts(CODEC_ROUTE, "rs+\t A\t s  \r\nrS- A s\nRs- A s q\r\n",
            "RS+ a=A s=s\nRS- a=A s=s\nRS- a=A s=s q=q\n");
    accepts(CODEC_ROUTE, "RS+ A s q 3\r\n", "RS+ a=A s=s q=q w=3\n");
    accepts(CODEC_ROUTE, "RS+ A s q 0\r\n", "RS+ a=A s=s q=q w=0\n");
    accepts(CODEC_ROUTE, "RS+ A s q x\r\n", "RS+ a=A s=s q=q w=0\n");
    accepts(CODEC_ROUTE, "LS+ O A s\r\nLS- O A s\r\n", "LS+ o=O a=A s=s\nLS- o=O a=A s=s\n");
    accepts(CODEC_ROUTE, "LS+ _ A s q 1\r\nLS- _ A s q\r\n",
            "LS+ o=_ a=A s=s q=q w=1\nLS- o=_ a=A s=s q=q\n");
    accepts(CODEC_ROUTE, "A+ A\r\nA- A B\r\n", "A+ t=A\nA- t=A B\n");
    accepts(CODEC_ROUTE, "SUB s\r\nSUB A s 1 2 3\r\nUNSUB 1\r\n",
            "ignored t=s\nignored t=A s 1 2 3\nignored t=1\n");
    /* a CR anywhere is a blank */
    accepts(CODEC_ROUTE, "RS+ A\rs\r\n", "RS+ a=A s=s\n");
    accepts(CODEC_ROUTE, "RS+ A s\r\r\n", "RS+ a=A s=s\n");

    static const char *const sub[] = {"RS+ A",   "RS+ A s q",   "RS+ A s q 1 2",   "LS+ A",
                                      "LS+ O A", "LS+ O A s q", "LS+ O A s q 1 2", "RS+ A\r\ns"};
    for (size_t i = 0; i < sizeof(sub) / sizeof(sub[0]); i++) {
        char line[100];
        sprintf(line, "%s\r\n", sub[i]);
        refuses(CODEC_ROUTE, line, CODEC_FABRIC_SUB_ARGS, 4);
    }
    static const char *const unsub[] = {"RS- A", "RS- A s q r", "LS- A", "LS- O A", "LS- O A s q r"};
    for (size_t i = 0; i < sizeof(unsub) / sizeof(unsub[0]); i++) {
        char line[100];
        sprintf(line, "%s\r\n", unsub[i]);
        refuses(CODEC_ROUTE, line, CODEC_FABRIC_UNSUB_ARGS, 4);
    }
    refuses(CODEC_ROUTE, "UNSUB s 1 2\r\n", CODEC_FABRIC_UNSUB_ARGS, 6);
    refuses(CODEC_ROUTE, "A+\r\n", CODEC_FABRIC_UNKNOWN_OP, 2);
    refuses(CODEC_ROUTE, "A+x A\r\n", CODEC_FABRIC_UNKNOWN_OP, 2);
    refuses(CODEC_ROUTE, "RS+A s\r\n", CODEC_FABRIC_UNKNOWN_OP, 3);
}

/* One account alone, and a peer that leaves the origin out of LS-. */
static void test_route_variants(void)
{
    struct codec_fabric p = fresh(CODEC_ROUTE);
    p.accountless = true;
    accepts_as(p, "RS+ s\r\nRS+ s q 2\r\nRS- s q\r\nLS+ O s\r\nLS- O s q\r\n",
               "RS+ s=s\nRS+ s=s q=q w=2\nRS- s=s q=q\nLS+ o=O s=s\nLS- o=O s=s q=q\n");
    accepts_as(p, "RMSG late rr 1\r\nx\r\nHMSG late 12 13\r\nNATS/1.0\r\n\r\nx\r\n",
               "RMSG s=late r=rr 0/1\n P=x\nHMSG s=late 12/13\n P=NATS/1.0\\0d\\0a\\0d\\0ax\n");
    accepts_as(p, "LMSG O s + r q 0 1\r\nx\r\n", "LMSG o=O s=s r=r q=q 0/1\n P=x\n");
    refuses_as(p, "RS+ A s\r\n", CODEC_FABRIC_SUB_ARGS, 4);
    p = fresh(CODEC_ROUTE);
    p.plain_leaf_unsub = true;
    accepts_as(p, "LS- A s\r\nLS- A s q\r\nLS+ O A s\r\n", "LS- a=A s=s\nLS- a=A s=s q=q\nLS+ o=O a=A s=s\n");
}

static void test_route_messages(void)
{
    accepts(CODEC_ROUTE, "RMSG A s 1\r\nx\r\n", "RMSG a=A s=s 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s 0\r\n\r\nPING\r\n", "RMSG a=A s=s 0/0\nPING\n");
    accepts(CODEC_ROUTE, "RMSG A s r 1\r\nx\r\n", "RMSG a=A s=s r=r 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s + r 1\r\nx\r\n", "RMSG a=A s=s r=r 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s | q 1\r\nx\r\n", "RMSG a=A s=s q=q 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s + r q 1\r\nx\r\n", "RMSG a=A s=s r=r q=q 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s |  q\tp o n m l k j 1 \r\nx\r\n",
            "RMSG a=A s=s q=q q=p q=o q=n q=m q=l q=k q=j 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s + r a b c d e f g h i 1\r\nx\r\n",
            "RMSG a=A s=s r=r q=a q=b q=c q=d q=e q=f q=g q=h q=i 0/1\n P=x\n");
    /* two arguments and a size: the third is a reply whatever it is */
    accepts(CODEC_ROUTE, "RMSG A s | 1\r\nx\r\nRMSG A s + 1\r\nx\r\n",
            "RMSG a=A s=s r=| 0/1\n P=x\nRMSG a=A s=s r=+ 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A s 000000001\r\nx\r\n", "RMSG a=A s=s 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "RMSG A\rs | a b c d e f\rg h 1\r\r\nx\r\n",
            "RMSG a=A s=s q=a q=b q=c q=d q=e q=f q=g q=h 0/1\n P=x\n");

    accepts(CODEC_ROUTE, "HMSG A s 1 1\r\nx\r\n", "HMSG a=A s=s 1/1\n P=x\n");
    accepts(CODEC_ROUTE, "HMSG A s r 1 2\r\nxy\r\n", "HMSG a=A s=s r=r 1/2\n P=xy\n");
    accepts(CODEC_ROUTE, "HMSG A s | a b c d e f g 1 2\r\nxy\r\n",
            "HMSG a=A s=s q=a q=b q=c q=d q=e q=f q=g 1/2\n P=xy\n");
    accepts(CODEC_ROUTE, "HMSG A s + r q \t1  2\r\nxy\r\n", "HMSG a=A s=s r=r q=q 1/2\n P=xy\n");
    accepts(CODEC_ROUTE, "HMSG A s | 1 1\r\nx\r\n", "HMSG a=A s=s r=| 1/1\n P=x\n");

    accepts(CODEC_ROUTE, "LMSG O A s 0 1\r\nx\r\n", "LMSG o=O a=A s=s 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "LMSG O A s r 0 1\r\nx\r\n", "LMSG o=O a=A s=s r=r 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "LMSG O A s | q p 0 1\r\nx\r\n", "LMSG o=O a=A s=s q=q q=p 0/1\n P=x\n");
    accepts(CODEC_ROUTE, "LMSG O A s + r q p 1 1\r\nx\r\n", "LMSG o=O a=A s=s r=r q=q q=p 1/1\n P=x\n");
    accepts(CODEC_ROUTE, "LMSG O A s + r 0 1\r\nx\r\n", "LMSG o=O a=A s=s r=r 0/1\n P=x\n");
}

static void test_message_refused(void)
{
    static const struct {
        enum codec_fabric_dialect dialect;
        const char *line;
        int kind;
    } cases[] = {
        {CODEC_ROUTE, "RMSG A 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_ROUTE, "RMSG A s r q 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_ROUTE, "RMSG A s ++ r q 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_ROUTE, "RMSG A s x", CODEC_FABRIC_MSG_SIZE},
        {CODEC_ROUTE, "RMSG A s -1", CODEC_FABRIC_MSG_SIZE},
        {CODEC_ROUTE, "RMSG A s +1", CODEC_FABRIC_MSG_SIZE},
        {CODEC_ROUTE, "RMSG A s 0000000001", CODEC_FABRIC_MSG_SIZE},
        {CODEC_ROUTE, "HMSG A s 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_ROUTE, "HMSG A s 2 1", CODEC_FABRIC_HDR_GT_TOTAL},
        {CODEC_ROUTE, "HMSG A s x 1", CODEC_FABRIC_MSG_HDR_SIZE},
        {CODEC_ROUTE, "HMSG A s 1 x", CODEC_FABRIC_MSG_SIZE},
        {CODEC_ROUTE, "HMSG A s x y 1 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_ROUTE, "LMSG O A s 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_ROUTE, "LMSG O A 0 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_ROUTE, "LMSG O A s x q 0 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_ROUTE, "LMSG O A s 2 1", CODEC_FABRIC_HDR_GT_TOTAL},
        {CODEC_GATEWAY, "RMSG A s r q 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_GATEWAY, "RMSG A 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_LEAF, "LMSG 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_LEAF, "LMSG s r q 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_LEAF, "LMSG s x", CODEC_FABRIC_MSG_SIZE},
        {CODEC_LEAF, "HMSG s 1", CODEC_FABRIC_MSG_ARGS},
        {CODEC_LEAF, "HMSG s x q 1 1", CODEC_FABRIC_REPLY_INDICATOR},
        {CODEC_LEAF, "HMSG s 2 1", CODEC_FABRIC_HDR_GT_TOTAL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[100];
        sprintf(line, "%s\r\nx\r\n", cases[i].line);
        refuses(cases[i].dialect, line, cases[i].kind, 5);
    }
}

static void test_gateway(void)
{
    accepts(CODEC_GATEWAY, "RS+ $G foo\r\nRS+ $G q.x G 1\r\nRS- $G q.x G\r\nRS- $G foo\r\n",
            "RS+ a=$G s=foo\nRS+ a=$G s=q.x q=G w=1\nRS- a=$G s=q.x q=G\nRS- a=$G s=foo\n");
    accepts(CODEC_GATEWAY, "A- ACC\r\nA+ ACC\r\n", "A- t=ACC\nA+ t=ACC\n");
    accepts(CODEC_GATEWAY, "SUB A s\r\nUNSUB A s q\r\n", "SUB a=A s=s\nUNSUB a=A s=s q=q\n");
    accepts(CODEC_GATEWAY, "RMSG $G q.x + rr G 2\r\nab\r\nHMSG $G foo 12 15\r\nNATS/1.0\r\n\r\nabc\r\n",
            "RMSG a=$G s=q.x r=rr q=G 0/2\n P=ab\nHMSG a=$G s=foo 12/15\n P=NATS/1.0\\0d\\0a\\0d\\0aabc\n");
    refuses(CODEC_GATEWAY, "LMSG O A s 0 0\r\n", CODEC_FABRIC_UNKNOWN_OP, 0);
    refuses(CODEC_GATEWAY, "LS+ A s\r\n", CODEC_FABRIC_UNKNOWN_OP, 0);
    refuses(CODEC_GATEWAY, "RS+ A\r\n", CODEC_FABRIC_SUB_ARGS, 4);
    refuses(CODEC_GATEWAY, "RS- A s q r\r\n", CODEC_FABRIC_UNSUB_ARGS, 4);
}

static void test_leaf(void)
{
    accepts(CODEC_LEAF, "LS+ s\r\nLS+ s q 10\r\nLS+ s q x\r\nLS- s\r\nLS- s q\r\n",
            "LS+ s=s\nLS+ s=s q=q w=10\nLS+ s=s q=q w=0\nLS- s=s\nLS- s=s q=q\n");
    accepts(CODEC_LEAF, "RS+ s\r\nRS- s\r\nSUB s q 1\r\nUNSUB s\r\nA+ A\r\n",
            "RS+ s=s\nRS- s=s\nSUB s=s q=q w=1\nUNSUB s=s\nA+ t=A\n");
    accepts(CODEC_LEAF, "LMSG s 1\r\nx\r\nRMSG s r 1\r\nx\r\n",
            "LMSG s=s 0/1\n P=x\nRMSG s=s r=r 0/1\n P=x\n");
    accepts(CODEC_LEAF, "LMSG s | q 1\r\nx\r\nLMSG s + r q p 1\r\nx\r\n",
            "LMSG s=s q=q 0/1\n P=x\nLMSG s=s r=r q=q q=p 0/1\n P=x\n");
    accepts(CODEC_LEAF, "HMSG s r 1 2\r\nxy\r\nHMSG s | q 0 1\r\nx\r\n",
            "HMSG s=s r=r 1/2\n P=xy\nHMSG s=s q=q 0/1\n P=x\n");
    refuses(CODEC_LEAF, "LS+ s q\r\n", CODEC_FABRIC_SUB_ARGS, 4);
    refuses(CODEC_LEAF, "LS+ s q 1 2\r\n", CODEC_FABRIC_SUB_ARGS, 4);
    refuses(CODEC_LEAF, "LS+\r\n", CODEC_FABRIC_UNKNOWN_OP, 3);

    /* any number of arguments: `line` is what the server looks up */
    struct codec_fabric p = fresh(CODEC_LEAF);
    struct codec_fabric_event e;
    slice in = SLICE_LIT("LS- s q  r\r\n");
    CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_EVENT);
    CU_ASSERT(slice_eq_str(e.interest.line, "s q  r"));
}

/* What follows a payload must be CR LF. */
static void test_payload_end(void)
{
    refuses(CODEC_ROUTE, "RMSG A s 1\r\nxy\r\n", CODEC_FABRIC_UNKNOWN_OP, 13);
    refuses(CODEC_ROUTE, "RMSG A s 1\r\nx\rz", CODEC_FABRIC_UNKNOWN_OP, 14);
    refuses(CODEC_GATEWAY, "RMSG A s 1\r\nx\n", CODEC_FABRIC_UNKNOWN_OP, 13);
    refuses(CODEC_LEAF, "LMSG s 1\r\nx\n", CODEC_FABRIC_UNKNOWN_OP, 11);
}

/* A caller that takes the payload itself: any part of it, then the parser goes on with the rest. */
static void test_payload_taken(void)
{
    const char *bytes = "RMSG A s 10\r\n0123456789\r\nPING\r\n";
    for (size_t take = 0; take <= 10; take++) {
        struct codec_fabric p = fresh(CODEC_ROUTE);
        struct codec_fabric_event e;
        slice in = slice_make(bytes, 15);
        CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_EVENT);
        CU_ASSERT_FALSE(e.msg.payload_complete);
        CU_ASSERT_EQUAL(codec_fabric_payload_left(&p), 10);
        CU_ASSERT_FALSE(codec_fabric_at_verb(&p));
        CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_MORE);
        CU_ASSERT_EQUAL(e.need, 10);
        codec_fabric_payload_taken(&p, take);
        in = slice_make(bytes + 13 + take, strlen(bytes) - 13 - take);
        CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_EVENT);
        CU_ASSERT_EQUAL(e.kind, CODEC_FABRIC_PAYLOAD);
        CU_ASSERT_EQUAL(e.offset, 13 + take);
        CU_ASSERT(slice_eq(e.payload, slice_make(bytes + 13 + take, 10 - take)));
        CU_ASSERT_TRUE(codec_fabric_at_verb(&p));
        CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_EVENT);
        CU_ASSERT_EQUAL(e.kind, CODEC_FABRIC_PING);
        CU_ASSERT_EQUAL(e.offset, 25);
    }
    struct codec_fabric p = fresh(CODEC_ROUTE);
    struct codec_fabric_event e;
    slice in = slice_make(bytes, 13);
    CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_EVENT);
    codec_fabric_payload_taken(&p, 1000); /* no more than there is */
    CU_ASSERT_EQUAL(codec_fabric_payload_left(&p), 0);
}

/* 65,536 bytes of arguments by default, or what the caller says; told at the byte that is too much. */
static void test_control_line(void)
{
    static char line[70000];
    struct codec_fabric p = fresh(CODEC_ROUTE);
    p.max_control_line = 20;
    accepts_as(p, "RS+ A ssssssssssssssssss\r\n", "RS+ a=A s=ssssssssssssssssss\n");
    refuses_as(p, "RS+ A sssssssssssssssssss\r\n", CODEC_FABRIC_MAX_CONTROL_LINE, 24);
    refuses_as(p, "INFO {aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", CODEC_FABRIC_MAX_CONTROL_LINE, 25);

    for (size_t extra = 0; extra < 2; extra++) {
        struct codec_fabric_event e;
        p = fresh(CODEC_LEAF);
        size_t n = (size_t)sprintf(line, "LS+ ");
        memset(line + n, 's', 65536 + extra);
        n += 65536 + extra;
        memcpy(line + n, "\r\n", 2);
        slice in = slice_make(line, n + 2);
        CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), extra == 0 ? CODEC_EVENT : CODEC_ERROR);
        if (extra == 1)
            CU_ASSERT_EQUAL(e.error.kind, CODEC_FABRIC_MAX_CONTROL_LINE);
    }
}

/* Encoders refuse what the dialect does not know, and write nothing in part. */
static void test_encode(void)
{
    struct codec_fabric_event e = {
        .kind = CODEC_FABRIC_SUB, .verb = CODEC_VERB_LS_ADD, .interest = {.subject = SLICE_LIT("s")}};
    uint8_t out[100];
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_GATEWAY, &e, out, sizeof(out)), 0);
    size_t n = codec_fabric_encode(CODEC_LEAF, &e, out, sizeof(out));
    CU_ASSERT(slice_eq_str(slice_make(out, n), "LS+ s\r\n"));
    memset(out, 0xee, sizeof(out));
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_LEAF, &e, out, n - 1), n);
    CU_ASSERT_EQUAL(out[0], 0xee);
    e.verb = CODEC_VERB_NONE;
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_LEAF, &e, out, sizeof(out)), 0);

    e = (struct codec_fabric_event){.kind = CODEC_FABRIC_MSG,
                                    .verb = CODEC_VERB_RMSG,
                                    .msg = {.account = SLICE_LIT("$G"),
                                            .subject = SLICE_LIT("foo"),
                                            .size = 999999999,
                                            .queues = SLICE_LIT("a b"),
                                            .queue_count = 2}};
    n = codec_fabric_encode(CODEC_ROUTE, &e, out, sizeof(out)); /* a line whose payload is sent apart */
    CU_ASSERT(slice_eq_str(slice_make(out, n), "RMSG $G foo | a b 999999999\r\n"));
    e.msg.subject = SLICE_LIT("a b"); /* would be read back as something else */
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_ROUTE, &e, out, sizeof(out)), 0);
    e.msg.subject = SLICE_LIT("foo");
    e.msg.hdr_size = 1000000000;
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_ROUTE, &e, out, sizeof(out)), 0);
    e = (struct codec_fabric_event){
        .kind = CODEC_FABRIC_INFO, .verb = CODEC_VERB_INFO, .text = SLICE_LIT("{}\nPING")};
    CU_ASSERT_EQUAL(codec_fabric_encode(CODEC_ROUTE, &e, out, sizeof(out)), 0);
    e = (struct codec_fabric_event){.kind = CODEC_FABRIC_PAYLOAD, .payload = SLICE_LIT("xyz")};
    n = codec_fabric_encode(CODEC_ROUTE, &e, out, sizeof(out));
    CU_ASSERT(slice_eq_str(slice_make(out, n), "xyz\r\n"));
}

static void test_final_error(void)
{
    struct codec_fabric p = fresh(CODEC_ROUTE);
    struct codec_fabric_event e;
    slice in = SLICE_LIT("X");
    CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT(slice_eq_str(e.fault.rest, "X"));
    in = SLICE_LIT("PING\r\n");
    CU_ASSERT_EQUAL(codec_fabric_next(&p, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_FABRIC_UNKNOWN_OP);
    for (int k = CODEC_FABRIC_NO_ERROR; k <= CODEC_FABRIC_HDR_GT_TOTAL; k++)
        CU_ASSERT(strcmp(codec_fabric_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_fabric_error_text(-1), "unknown error");
}

/* All recorded route operations: one event each, and what is encoded equals what was sent. */
static void test_golden(void)
{
    static struct sink_of_bytes again;
    size_t operations = 0;
    for (size_t f = 0; f < REC_FILES; f++) {
        struct rec_file file = rec_open(rec_files[f]);
        struct rec r;
        while (rec_next(&file, &r)) {
            struct codec_error e = drive(fresh(CODEC_ROUTE), r.payload, r.payload.len, 1, &want, &again);
            CU_ASSERT_EQUAL(e.kind, 0);
            CU_ASSERT_EQUAL_FATAL(again.len, r.payload.len);
            CU_ASSERT(memcmp(again.buf, r.payload.ptr, again.len) == 0);
            if (r.payload.len < 600)
                every_split(fresh(CODEC_ROUTE), r.payload, e);
            operations++;
        }
        rec_close(&file);
    }
    CU_ASSERT(operations > 3000);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_session),        UNIT_TEST(test_route_interest),  UNIT_TEST(test_route_variants),
    UNIT_TEST(test_route_messages), UNIT_TEST(test_message_refused), UNIT_TEST(test_gateway),
    UNIT_TEST(test_leaf),           UNIT_TEST(test_payload_end),     UNIT_TEST(test_payload_taken),
    UNIT_TEST(test_control_line),   UNIT_TEST(test_encode),          UNIT_TEST(test_final_error),
    UNIT_TEST(test_golden),
};
UNIT_MAIN("codec_fabric", tests)
