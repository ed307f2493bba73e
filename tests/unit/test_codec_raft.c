/* RAFT messages: every field, every way of being wrong, every split, and all recorded traffic of a real
 * cluster. covers: RF-13 RF-14 RF-15 RF-16 RF-17 RF-18 RF-19 RF-20 RF-21 RF-22 RF-23 */
#include "unit.h"
#include "golden/rec.h"
#include <midge/raft.h>

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; *hex != '\0'; hex++) {
        if (*hex == ' ')
            continue;
        unsigned v;
        sscanf(hex, "%2x", &v);
        out[n++] = (uint8_t)v;
        hex++;
    }
    return n;
}

static bool id_is(const uint8_t *id, const char *text)
{
    return memcmp(id, text, CODEC_RAFT_ID_LEN) == 0;
}

/* The error kind of a body, CODEC_RAFT_OK when it is well formed. */
static int verdict(enum codec_raft_kind kind, slice body)
{
    struct codec_raft ps;
    struct codec_raft_event e;
    codec_raft_init(&ps, kind, body.len);
    enum codec_rc rc;
    while ((rc = codec_raft_next(&ps, &body, &e)) == CODEC_EVENT)
        ;
    return rc == CODEC_ERROR ? e.error.kind : CODEC_RAFT_OK;
}

/* Encodes each event as it comes; the result must equal the body. The caller's view grows `step` bytes at a
 * time, so an event is seen with each possible number of missing bytes. */
static void round_trip(enum codec_raft_kind kind, slice body, size_t step)
{
    struct codec_raft ps;
    struct codec_raft_event e;
    uint8_t *out = malloc(body.len + 1);
    size_t written = 0, shown = 0, at = 0;
    codec_raft_init(&ps, kind, body.len);
    while (ps.next != CODEC_RAFT_NONE) {
        slice in = slice_make(body.ptr + at, shown - at);
        enum codec_rc rc = codec_raft_next(&ps, &in, &e);
        CU_ASSERT_NOT_EQUAL_FATAL(rc, CODEC_ERROR);
        if (rc == CODEC_MORE) {
            CU_ASSERT_FATAL(e.need > 0 && e.need <= body.len - shown);
            CU_ASSERT_EQUAL_FATAL(in.ptr, body.ptr + at);
            shown = body.len - shown < step ? body.len : shown + step;
            continue;
        }
        CU_ASSERT_EQUAL(e.offset, at);
        at = (size_t)(in.ptr - body.ptr);
        size_t n = codec_raft_encode(&e, out + written, body.len - written);
        CU_ASSERT_FATAL(n <= body.len - written);
        written += n;
    }
    CU_ASSERT_EQUAL_FATAL(written, body.len);
    CU_ASSERT(memcmp(out, body.ptr, written) == 0);
    free(out);
}

static void test_vote_request(void)
{
    uint8_t b[64];
    struct codec_raft_event e;
    size_t n = unhex("0100000000000000 0000000000000000 0000000000000000 666a4679456a6331", b);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_VOTE_REQUEST, slice_make(b, n), &e));
    CU_ASSERT_EQUAL(e.kind, CODEC_RAFT_VOTE_REQUEST);
    CU_ASSERT_EQUAL(e.vote_request.term, 1);
    CU_ASSERT_EQUAL(e.vote_request.last_term, 0);
    CU_ASSERT_EQUAL(e.vote_request.last_index, 0);
    CU_ASSERT(id_is(e.vote_request.candidate, "fjFyEjc1"));
    n = unhex("0807060504030201 1817161514131211 2827262524232221 666a4679456a6331", b);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_VOTE_REQUEST, slice_make(b, n), &e));
    CU_ASSERT_EQUAL(e.vote_request.term, 0x0102030405060708);
    CU_ASSERT_EQUAL(e.vote_request.last_term, 0x1112131415161718);
    CU_ASSERT_EQUAL(e.vote_request.last_index, 0x2122232425262728);
    round_trip(CODEC_RAFT_VOTE_REQUEST, slice_make(b, n), 1);
    for (size_t len = 0; len <= 64; len++)
        CU_ASSERT_EQUAL(verdict(CODEC_RAFT_VOTE_REQUEST, slice_make(b, len)),
                        len == 32 ? CODEC_RAFT_OK : CODEC_RAFT_BAD_LENGTH);
}

static void test_vote_response(void)
{
    uint8_t b[32] = {0};
    struct codec_raft_event e;
    size_t n = unhex("0100000000000000 34346a7a6b563944 03", b);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_VOTE_RESPONSE, slice_make(b, n), &e));
    CU_ASSERT_EQUAL(e.vote_response.term, 1);
    CU_ASSERT(id_is(e.vote_response.peer, "44jzkV9D"));
    CU_ASSERT_EQUAL(e.vote_response.flags, CODEC_RAFT_VOTE_GRANTED | CODEC_RAFT_VOTE_EMPTY);
    for (unsigned flags = 0; flags < 256; flags++) {
        b[16] = (uint8_t)flags;
        round_trip(CODEC_RAFT_VOTE_RESPONSE, slice_make(b, n), 1);
    }
    for (size_t len = 0; len <= 32; len++)
        CU_ASSERT_EQUAL(verdict(CODEC_RAFT_VOTE_RESPONSE, slice_make(b, len)),
                        len == 17 ? CODEC_RAFT_OK : CODEC_RAFT_BAD_LENGTH);
}

static void test_append_response(void)
{
    uint8_t b[32] = {0};
    struct codec_raft_event e;
    size_t n = unhex("0200000000000000 0800000000000000 4258536372593969 00", b);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_APPEND_RESPONSE, slice_make(b, n), &e));
    CU_ASSERT_EQUAL(e.append_response.term, 2);
    CU_ASSERT_EQUAL(e.append_response.index, 8);
    CU_ASSERT(id_is(e.append_response.peer, "BXScrY9i"));
    CU_ASSERT_EQUAL(e.append_response.success, 0);
    b[24] = 2; /* any value but 1 is failure; it is kept so that a proxy passes it on */
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_APPEND_RESPONSE, slice_make(b, n), &e));
    CU_ASSERT_EQUAL(e.append_response.success, 2);
    round_trip(CODEC_RAFT_APPEND_RESPONSE, slice_make(b, n), 1);
    for (size_t len = 0; len <= 32; len++)
        CU_ASSERT_EQUAL(verdict(CODEC_RAFT_APPEND_RESPONSE, slice_make(b, len)),
                        len == 25 ? CODEC_RAFT_OK : CODEC_RAFT_BAD_LENGTH);
}

static void test_heartbeat(void)
{
    uint8_t b[64], out[64];
    size_t n = unhex(
        "666a4679456a6331 0100000000000000 0000000000000000 0100000000000000 0200000000000000 0000 00", b);
    struct codec_raft_append a;
    struct codec_error err;
    CU_ASSERT_EQUAL(n, 43);
    CU_ASSERT_TRUE_FATAL(codec_raft_append_decode(slice_make(b, n), &a, &err));
    CU_ASSERT(id_is(a.head.leader, "fjFyEjc1"));
    CU_ASSERT_EQUAL(a.head.term, 1);
    CU_ASSERT_EQUAL(a.head.commit, 0);
    CU_ASSERT_EQUAL(a.head.pterm, 1);
    CU_ASSERT_EQUAL(a.head.pindex, 2);
    CU_ASSERT_EQUAL(a.head.count, 0);
    CU_ASSERT(a.end.has_lterm && a.end.lterm == 0 && a.end.extra.len == 0);
    CU_ASSERT_EQUAL(a.entries.len, 0);
    struct codec_raft_entry entry;
    CU_ASSERT_FALSE(codec_raft_entry_next(&a.entries, &entry));
    CU_ASSERT_EQUAL(codec_raft_append_encode(&a.head, NULL, 0, 0, out, sizeof(out)), n);
    CU_ASSERT(memcmp(out, b, n) == 0);
    memset(out, 0xee, sizeof(out));
    CU_ASSERT_EQUAL(codec_raft_append_encode(&a.head, NULL, 0, 0, out, n - 1), n);
    CU_ASSERT_EQUAL(out[0], 0xee); /* too small: nothing written */
}

/* Without the trailing lterm it is 0; what follows it, or cannot be a number, is carried without meaning. */
static void test_append_tail(void)
{
    static const struct {
        const char *tail;
        bool has;
        uint64_t lterm;
        size_t extra;
    } cases[] = {
        {"", false, 0, 0},
        {"00", true, 0, 0},
        {"01", true, 1, 0},
        {"7f", true, 127, 0},
        {"8001", true, 128, 0},
        {"80808080808080808001", true, 1ull << 63, 0},
        {"ffffffffffffffffff01", true, UINT64_MAX, 0},
        {"ffffffffffffffffff02", false, 0, 10}, /* does not fit 64 bits */
        {"ffffffffffffffffffff01", false, 0, 11},
        {"80", false, 0, 1}, /* ends inside */
        {"05aabb", true, 5, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t b[64] = {0};
        size_t n = CODEC_RAFT_APPEND_HEAD_LEN + unhex(cases[i].tail, b + CODEC_RAFT_APPEND_HEAD_LEN);
        struct codec_raft_append a;
        struct codec_error err;
        CU_ASSERT_TRUE_FATAL(codec_raft_append_decode(slice_make(b, n), &a, &err));
        CU_ASSERT_EQUAL(a.end.has_lterm, cases[i].has);
        CU_ASSERT_EQUAL(a.end.lterm, cases[i].lterm);
        CU_ASSERT_EQUAL(a.end.extra.len, cases[i].extra);
        round_trip(CODEC_RAFT_APPEND, slice_make(b, n), 1);
    }
    struct codec_raft_append catch_up = {.head.term = 3, .end.lterm = 7};
    CU_ASSERT_EQUAL(codec_raft_append_leader_term(&catch_up), 7);
    catch_up.end.lterm = 0;
    CU_ASSERT_EQUAL(codec_raft_append_leader_term(&catch_up), 3);
}

static void test_append_entries(void)
{
    uint8_t b[256], out[256];
    size_t n = unhex("4258536372593969 0100000000000000 0000000000000000 0000000000000000 0000000000000000"
                     "0300"
                     "23000000 02 03000000 03000000 666a4679456a6331 4258536372593969 34346a7a6b563944 0000"
                     "09000000 03 4258536372593969"
                     "01000000 63"
                     "00",
                     b);
    struct codec_raft_append a;
    struct codec_error err;
    CU_ASSERT_TRUE_FATAL(codec_raft_append_decode(slice_make(b, n), &a, &err));
    CU_ASSERT_EQUAL(a.head.count, 3);
    struct codec_raft_entry entry[3], none;
    for (int i = 0; i < 3; i++)
        CU_ASSERT_TRUE_FATAL(codec_raft_entry_next(&a.entries, &entry[i]));
    CU_ASSERT_FALSE(codec_raft_entry_next(&a.entries, &none));
    CU_ASSERT_EQUAL(entry[0].type, CODEC_RAFT_ENTRY_PEER_STATE);
    CU_ASSERT_EQUAL(entry[1].type, CODEC_RAFT_ENTRY_ADD_PEER);
    CU_ASSERT(slice_eq_str(entry[1].data, "BXScrY9i"));
    CU_ASSERT_EQUAL(entry[2].type, 0x63); /* unknown types are carried */
    CU_ASSERT_EQUAL(entry[2].data.len, 0);
    CU_ASSERT_EQUAL(codec_raft_append_encode(&a.head, entry, 3, 0, out, sizeof(out)), n);
    CU_ASSERT(memcmp(out, b, n) == 0);
    round_trip(CODEC_RAFT_APPEND, slice_make(b, n), 1);

    struct codec_raft_event e;
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_PEER_STATE, entry[0].data, &e));
    CU_ASSERT_EQUAL(e.peer_state.cluster_size, 3);
    CU_ASSERT_EQUAL(e.peer_state.peer_count, 3);
    CU_ASSERT(slice_eq_str(e.peer_state.peers, "fjFyEjc1BXScrY9i44jzkV9D"));
    CU_ASSERT(e.peer_state.has_extension && e.peer_state.extension == 0);
}

/* Each cut of a good message, and each length that lies. */
static void test_append_corrupt(void)
{
    uint8_t good[128], b[128];
    size_t n = unhex("4258536372593969 0100000000000000 0000000000000000 0000000000000000 0000000000000000"
                     "0200 09000000 03 4258536372593969 04000000 00 616263 00",
                     good);
    for (size_t len = 0; len < n; len++) {
        struct codec_raft_append a;
        struct codec_error err;
        bool ok = codec_raft_append_decode(slice_make(good, len), &a, &err);
        CU_ASSERT_EQUAL(ok, len == n - 1); /* only the lterm may be missing */
        int want = len < 42                              ? CODEC_RAFT_SHORT_HEAD
                   : len < 46 || (len >= 55 && len < 59) ? CODEC_RAFT_NO_ENTRY
                                                         : CODEC_RAFT_ENTRY_BEYOND;
        if (!ok)
            CU_ASSERT_EQUAL(err.kind, want);
    }
    memcpy(b, good, n);
    b[42] = 0;
    CU_ASSERT_EQUAL(verdict(CODEC_RAFT_APPEND, slice_make(b, n)), CODEC_RAFT_EMPTY_ENTRY);
    CU_ASSERT_EQUAL(verdict(CODEC_RAFT_APPEND, slice_make(b, 46)), CODEC_RAFT_EMPTY_ENTRY);
    memset(b + 42, 0xff, 4);
    CU_ASSERT_EQUAL(verdict(CODEC_RAFT_APPEND, slice_make(b, n)), CODEC_RAFT_ENTRY_BEYOND);
    memcpy(b, good, n);
    b[40] = 0xff; /* announces 255 entries */
    CU_ASSERT_EQUAL(verdict(CODEC_RAFT_APPEND, slice_make(b, n)), CODEC_RAFT_NO_ENTRY);

    /* the walk over unchecked bytes stays inside them */
    struct codec_raft_entry entry;
    for (size_t len = 0; len < 13; len++) {
        slice raw = slice_make(good + 42, len);
        CU_ASSERT_FALSE(codec_raft_entry_next(&raw, &entry));
    }
    uint8_t zero[8] = {0};
    slice raw = slice_make(zero, sizeof(zero));
    CU_ASSERT_FALSE(codec_raft_entry_next(&raw, &entry));
}

static void test_entry_limits(void)
{
    struct codec_raft_append_head head = {.term = 1};
    struct codec_raft_entry *entries = calloc(65536, sizeof(*entries));
    size_t n = codec_raft_append_encode(&head, entries, 65535, 0, NULL, 0);
    CU_ASSERT_EQUAL(n, 42 + 5 * 65535 + 1);
    uint8_t *b = malloc(n);
    CU_ASSERT_EQUAL(codec_raft_append_encode(&head, entries, 65535, 0, b, n), n);
    struct codec_raft_append a;
    struct codec_error err;
    CU_ASSERT_TRUE(codec_raft_append_decode(slice_make(b, n), &a, &err));
    CU_ASSERT_EQUAL(a.head.count, 65535);
    CU_ASSERT_EQUAL(codec_raft_append_encode(&head, entries, 65536, 0, b, n), 0);
    entries[0].data.len = (size_t)CODEC_RAFT_ENTRY_DATA_MAX + 1;
    CU_ASSERT_EQUAL(codec_raft_append_encode(&head, entries, 1, 0, b, n), 0);
    struct codec_raft_event e = {.kind = CODEC_RAFT_ENTRY, .entry = entries[0]};
    CU_ASSERT_EQUAL(codec_raft_encode(&e, b, n), 0);
    free(b);
    free(entries);
}

static void test_peer_state(void)
{
    uint8_t b[64];
    struct codec_raft_event e;
    size_t n = unhex("05000000 02000000 666a4679456a6331 4258536372593969 0100 ff", b);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_PEER_STATE, slice_make(b, n), &e));
    CU_ASSERT_EQUAL(e.peer_state.cluster_size, 5);
    CU_ASSERT_EQUAL(e.peer_state.peer_count, 2);
    CU_ASSERT(e.peer_state.has_extension && e.peer_state.extension == 1);
    CU_ASSERT_EQUAL(e.peer_state.extra.len, 1);
    for (size_t len = 24; len <= n; len++)
        round_trip(CODEC_RAFT_PEER_STATE, slice_make(b, len), 1);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_PEER_STATE, slice_make(b, 24), &e));
    CU_ASSERT(!e.peer_state.has_extension && e.peer_state.extension == 0);
    for (size_t len = 0; len < 24; len++)
        CU_ASSERT_EQUAL(verdict(CODEC_RAFT_PEER_STATE, slice_make(b, len)),
                        len < 8 ? CODEC_RAFT_SHORT_HEAD : CODEC_RAFT_PEERS_BEYOND);
    memset(b + 4, 0xff, 4);
    CU_ASSERT_EQUAL(verdict(CODEC_RAFT_PEER_STATE, slice_make(b, n)), CODEC_RAFT_PEERS_BEYOND);
    e.peer_state.peers.len = 15;
    CU_ASSERT_EQUAL(codec_raft_encode(&e, b, sizeof(b)), 0);
}

static void test_forwarded(void)
{
    struct codec_raft_event e;
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_REMOVE_PEER, SLICE_LIT("BXScrY9i"), &e));
    CU_ASSERT(id_is(e.removed, "BXScrY9i"));
    round_trip(CODEC_RAFT_REMOVE_PEER, SLICE_LIT("BXScrY9i"), 1);
    CU_ASSERT_FALSE(codec_raft_decode(CODEC_RAFT_REMOVE_PEER, SLICE_LIT("BXScrY9"), &e));
    CU_ASSERT_EQUAL(e.error.kind, CODEC_RAFT_BAD_LENGTH);
    CU_ASSERT_TRUE_FATAL(codec_raft_decode(CODEC_RAFT_PROPOSAL, SLICE_LIT("anything"), &e));
    CU_ASSERT(slice_eq_str(e.proposal, "anything"));
    round_trip(CODEC_RAFT_PROPOSAL, SLICE_LIT("anything"), 1);
    CU_ASSERT_TRUE(codec_raft_decode(CODEC_RAFT_PROPOSAL, SLICE_EMPTY, &e));
}

/* An error is final, bytes beyond the body are one, and so is a kind that is no message. */
static void test_misuse(void)
{
    struct codec_raft ps;
    struct codec_raft_event e;
    codec_raft_init(&ps, CODEC_RAFT_REMOVE_PEER, 8);
    slice in = SLICE_LIT("BXScrY9i+");
    CU_ASSERT_EQUAL(codec_raft_next(&ps, &in, &e), CODEC_ERROR);
    CU_ASSERT_EQUAL(e.error.kind, CODEC_RAFT_BODY_TOO_LONG);
    CU_ASSERT_EQUAL(e.error.offset, 8);
    in = SLICE_LIT("BXScrY9i");
    CU_ASSERT_EQUAL(codec_raft_next(&ps, &in, &e), CODEC_ERROR);
    static const enum codec_raft_kind none[] = {CODEC_RAFT_NONE, CODEC_RAFT_ENTRY, CODEC_RAFT_APPEND_END};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_FALSE(codec_raft_decode(none[i], SLICE_EMPTY, &e));
        CU_ASSERT_EQUAL(e.error.kind, CODEC_RAFT_BAD_KIND);
    }
    e.kind = CODEC_RAFT_NONE;
    CU_ASSERT_EQUAL(codec_raft_encode(&e, NULL, 0), 0);
}

static void test_kind_of(void)
{
    static const struct {
        const char *subject;
        uint64_t len;
        enum codec_raft_kind kind;
    } cases[] = {
        {"$NRG.V._meta_", 32, CODEC_RAFT_VOTE_REQUEST},
        {"$NRG.AE.S-R3F-abcdefgh", 43, CODEC_RAFT_APPEND},
        {"$NRG.CR.abcdefgh", 900, CODEC_RAFT_APPEND},
        {"$NRG.P._meta_", 9, CODEC_RAFT_PROPOSAL},
        {"$NRG.RP._meta_", 8, CODEC_RAFT_REMOVE_PEER},
        {"$NRG.CP.abcdefgh", 25, CODEC_RAFT_APPEND_RESPONSE},
        {"$NRG.R.abcdefgh", 17, CODEC_RAFT_VOTE_RESPONSE},
        {"$NRG.R.abcdefgh", 25, CODEC_RAFT_APPEND_RESPONSE},
        {"$NRG.R.abcdefgh", 24, CODEC_RAFT_NONE},
        {"$NRG.X.abcdefgh", 24, CODEC_RAFT_NONE},
        {"$NRG", 0, CODEC_RAFT_NONE},
        {"foo", 32, CODEC_RAFT_NONE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_EQUAL(codec_raft_kind_of(slice_str(cases[i].subject), cases[i].len), cases[i].kind);
}

static void test_names(void)
{
    for (int k = CODEC_RAFT_OK; k <= CODEC_RAFT_BODY_TOO_LONG; k++)
        CU_ASSERT(strcmp(codec_raft_error_text(k), "unknown error") != 0);
    CU_ASSERT_STRING_EQUAL(codec_raft_error_text(99), "unknown error");
    for (int k = CODEC_RAFT_VOTE_REQUEST; k <= CODEC_RAFT_APPEND_END; k++)
        CU_ASSERT(strcmp(codec_raft_kind_name((enum codec_raft_kind)k), "none") != 0);
    CU_ASSERT_STRING_EQUAL(codec_raft_kind_name(CODEC_RAFT_NONE), "none");
    CU_ASSERT_STRING_EQUAL(codec_raft_entry_type_name(CODEC_RAFT_ENTRY_SNAPSHOT), "snapshot");
    CU_ASSERT_STRING_EQUAL(codec_raft_entry_type_name(7), "unknown");
}

/* Subject and body of a recorded RMSG; false for other operations and for subjects that are not RAFT's. */
static bool raft_message(slice op, slice *subject, slice *body)
{
    if (!slice_starts(op, SLICE_LIT("RMSG ")))
        return false;
    const uint8_t *eol = memchr(op.ptr, '\r', op.len);
    size_t line = (size_t)(eol - op.ptr);
    const uint8_t *s = (const uint8_t *)memchr(op.ptr + 5, ' ', line - 5) + 1;
    *subject = slice_make(s, (size_t)((const uint8_t *)memchr(s, ' ', line) - s));
    *body = slice_make(eol + 2, op.len - line - 4);
    return slice_starts(*subject, SLICE_LIT("$NRG."));
}

/* All recorded messages decode completely and encode to the same bytes, however they are cut. The counts are
 * those that the recordings' README states. */
static void test_golden(void)
{
    unsigned seen[CODEC_RAFT_APPEND_END + 1] = {0}, types = 0, progress = 0;
    for (size_t f = 0; f < REC_FILES; f++) {
        struct rec_file file = rec_open(rec_files[f]);
        struct rec r;
        while (rec_next(&file, &r)) {
            slice subject, body;
            if (!raft_message(r.payload, &subject, &body))
                continue;
            enum codec_raft_kind kind = codec_raft_kind_of(subject, body.len);
            CU_ASSERT_NOT_EQUAL_FATAL(kind, CODEC_RAFT_NONE);
            if (slice_starts(subject, SLICE_LIT("$NRG.CP.")))
                progress++;
            else
                seen[kind]++;
            round_trip(kind, body, body.len < 2000 ? 1 : 997);
            if (kind != CODEC_RAFT_APPEND)
                continue;
            struct codec_raft_append a;
            struct codec_error err;
            CU_ASSERT_TRUE_FATAL(codec_raft_append_decode(body, &a, &err));
            struct codec_raft_entry entry;
            for (unsigned i = 0; i < a.head.count; i++) {
                CU_ASSERT_TRUE_FATAL(codec_raft_entry_next(&a.entries, &entry));
                types |= 1u << entry.type;
                if (entry.type == CODEC_RAFT_ENTRY_PEER_STATE)
                    round_trip(CODEC_RAFT_PEER_STATE, entry.data, 1);
            }
            CU_ASSERT_EQUAL(a.entries.len, 0);
        }
        rec_close(&file);
    }
    CU_ASSERT_EQUAL(seen[CODEC_RAFT_APPEND], 876);
    CU_ASSERT_EQUAL(seen[CODEC_RAFT_APPEND_RESPONSE], 847);
    CU_ASSERT_EQUAL(seen[CODEC_RAFT_VOTE_REQUEST], 29);
    CU_ASSERT_EQUAL(seen[CODEC_RAFT_VOTE_RESPONSE], 29);
    CU_ASSERT_EQUAL(progress, 5);
    CU_ASSERT_EQUAL(types, 0x7d); /* 0 and 2 to 6 */
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_vote_request),   UNIT_TEST(test_vote_response), UNIT_TEST(test_append_response),
    UNIT_TEST(test_heartbeat),      UNIT_TEST(test_append_tail),   UNIT_TEST(test_append_entries),
    UNIT_TEST(test_append_corrupt), UNIT_TEST(test_entry_limits),  UNIT_TEST(test_peer_state),
    UNIT_TEST(test_forwarded),      UNIT_TEST(test_misuse),        UNIT_TEST(test_kind_of),
    UNIT_TEST(test_names),          UNIT_TEST(test_golden),
};
UNIT_MAIN("codec_raft", tests)
