/* Raft's messages as the engine sees them: every recorded one of a real cluster, in both directions, to a
 * raft_msg and back to the same bytes. covers: RF-13 RF-14 RF-15 RF-16 RF-21 RF-22 RF-23 */
#include "golden/rec.h"
#include "raft/wire.h"
#include "store/format/hash.h"
#include "unit.h"

#include <midge/route.h>

#define GROUP SLICE_LIT("S-R3F-abcdefgh")

/* ---- what a cluster said ---- */

enum kind { VOTE_REQUEST, VOTE_RESPONSE, HEARTBEAT, ENTRIES, CATCHUP, SNAPSHOT, RESPONSE, PROGRESS, KINDS };

struct counts {
    unsigned of[KINDS];
    unsigned direction[2];
    unsigned catchup_requests;
};

/* The group that a subject names; inboxes belong to any. */
static slice group_in(slice subject)
{
    size_t dots = 0;
    for (size_t i = 0; i < subject.len; i++) {
        if (subject.ptr[i] == '.' && ++dots == 2)
            return slice_from(subject, i + 1);
    }
    return SLICE_EMPTY;
}

static enum kind kind_of(const struct raft_msg *m, struct raft_addr to)
{
    switch (m->type) {
    case RAFT_MSG_VOTE_REQUEST:
        return VOTE_REQUEST;
    case RAFT_MSG_VOTE_RESPONSE:
        return VOTE_RESPONSE;
    case RAFT_MSG_APPEND_RESPONSE:
        return to.place == RAFT_TO_PROGRESS ? PROGRESS : RESPONSE;
    default:
        break;
    }
    if (m->append.count == 0)
        return HEARTBEAT;
    if (to.place != RAFT_TO_CATCHUP)
        return ENTRIES;
    return m->append.entries[0].type == RAFT_SNAPSHOT ? SNAPSHOT : CATCHUP;
}

static void check_message(const struct codec_fabric_msg *msg, struct raft_wire_entries *v, struct counts *n)
{
    struct raft_msg m;
    slice group = group_in(msg->subject);
    struct raft_addr to = raft_wire_address(msg->subject, group);
    CU_ASSERT_FATAL(to.place != RAFT_TO_NOBODY);
    CU_ASSERT_FATAL(raft_wire_decode(to, msg->payload, v, &m));
    char subject[RAFT_SUBJECT_MAX];
    CU_ASSERT(slice_eq(slice_make(subject, raft_wire_subject(to, group, subject)), msg->subject));
    if (msg->has_reply) {
        struct raft_addr back = raft_wire_address(msg->reply, group);
        CU_ASSERT(back.place == RAFT_TO_REPLY || back.place == RAFT_TO_CATCHUP ||
                  back.place == RAFT_TO_PROGRESS);
        CU_ASSERT(slice_eq(slice_make(subject, raft_wire_subject(back, group, subject)), msg->reply));
    }
    uint8_t *out = malloc(msg->payload.len + 1);
    size_t len = raft_wire_encode(&m, out, msg->payload.len);
    CU_ASSERT_EQUAL(len, msg->payload.len);
    CU_ASSERT(slice_eq(slice_make(out, len), msg->payload));
    if (m.type == RAFT_MSG_APPEND) { /* what is stored of it, and sent again in a catch up */
        uint64_t lterm = m.append.lterm;
        m.append.lterm = 0;
        uint8_t *stored = malloc(msg->payload.len);
        size_t stored_len = raft_wire_encode(&m, stored, msg->payload.len);
        CU_ASSERT(stored_len > 0 && stored_len <= msg->payload.len);
        CU_ASSERT_EQUAL(raft_wire_restamp(slice_make(stored, stored_len), lterm, out, msg->payload.len), len);
        CU_ASSERT(slice_eq(slice_make(out, len), msg->payload));
        free(stored);
        m.append.lterm = lterm;
    }
    free(out);
    n->of[kind_of(&m, to)]++;
    n->catchup_requests += m.type == RAFT_MSG_APPEND_RESPONSE && !m.append_response.success && msg->has_reply;
}

static void every_recorded_message_comes_back(void)
{
    struct counts n = {0};
    struct raft_wire_entries v = {0};
    for (size_t f = 0; f < REC_FILES; f++) {
        struct rec_file file = rec_open(rec_files[f]);
        struct rec r;
        unsigned before = n.direction[0] + n.direction[1];
        while (rec_next(&file, &r)) {
            struct codec_fabric parser;
            struct codec_fabric_event e;
            slice in = r.payload;
            codec_route_init(&parser);
            if (!slice_starts(in, SLICE_LIT("RMSG ")))
                continue;
            CU_ASSERT_EQUAL_FATAL(codec_fabric_next(&parser, &in, &e), CODEC_EVENT);
            CU_ASSERT_FATAL(e.msg.payload_complete);
            if (!slice_starts(e.msg.subject, SLICE_LIT("$NRG.")))
                continue;
            n.direction[r.direction]++;
            check_message(&e.msg, &v, &n);
        }
        CU_ASSERT(n.direction[0] + n.direction[1] > before); /* each file has some */
        rec_close(&file);
    }
    raft_wire_entries_free(&v);
    CU_ASSERT_EQUAL(n.of[VOTE_REQUEST], 29);
    CU_ASSERT_EQUAL(n.of[VOTE_RESPONSE], 29);
    CU_ASSERT_EQUAL(n.of[HEARTBEAT] + n.of[ENTRIES] + n.of[CATCHUP] + n.of[SNAPSHOT], 876);
    CU_ASSERT_EQUAL(n.of[RESPONSE], 847);
    CU_ASSERT_EQUAL(n.of[PROGRESS], 5);
    CU_ASSERT_EQUAL(n.direction[0] + n.direction[1], 29 + 29 + 876 + 847 + 5);
    CU_ASSERT_EQUAL(n.of[HEARTBEAT], 628);
    CU_ASSERT_EQUAL(n.of[ENTRIES], 223);
    CU_ASSERT_EQUAL(n.of[CATCHUP], 16);
    CU_ASSERT_EQUAL(n.of[SNAPSHOT], 9);
    CU_ASSERT_EQUAL(n.catchup_requests, 15);
    CU_ASSERT_EQUAL(n.direction[0], 889);
}

/* ---- by hand ---- */

static void subjects_name_places(void)
{
    static const struct {
        const char *subject;
        enum raft_place place;
    } cases[] = {
        {"$NRG.V.S-R3F-abcdefgh", RAFT_TO_VOTE},    {"$NRG.AE.S-R3F-abcdefgh", RAFT_TO_APPEND},
        {"$NRG.P.S-R3F-abcdefgh", RAFT_TO_PROPOSE}, {"$NRG.RP.S-R3F-abcdefgh", RAFT_TO_REMOVE},
        {"$NRG.R.abcdefgh", RAFT_TO_REPLY},         {"$NRG.CR.abcdefgh", RAFT_TO_CATCHUP},
        {"$NRG.CP.abcdefgh", RAFT_TO_PROGRESS},     {"$NRG.V.S-R3F-other", RAFT_TO_NOBODY},
        {"$NRG.R.abcdefg", RAFT_TO_NOBODY},         {"$NRG.R.abcdefghi", RAFT_TO_NOBODY},
        {"$NRG.X.abcdefgh", RAFT_TO_NOBODY},        {"", RAFT_TO_NOBODY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[RAFT_SUBJECT_MAX];
        struct raft_addr a = raft_wire_address(slice_str(cases[i].subject), GROUP);
        CU_ASSERT_EQUAL(a.place, cases[i].place);
        if (a.place != RAFT_TO_NOBODY)
            CU_ASSERT(slice_eq_str(slice_make(out, raft_wire_subject(a, GROUP, out)), cases[i].subject));
    }
    char out[RAFT_SUBJECT_MAX], name[RAFT_GROUP_MAX + 1];
    memset(name, 'x', sizeof name);
    struct raft_addr vote = {.place = RAFT_TO_VOTE};
    CU_ASSERT_EQUAL(raft_wire_subject(vote, slice_make(name, RAFT_GROUP_MAX), out), 7 + RAFT_GROUP_MAX);
    CU_ASSERT_EQUAL(raft_wire_subject(vote, slice_make(name, sizeof name), out), 0);
    CU_ASSERT_EQUAL(raft_wire_subject((struct raft_addr){0}, GROUP, out), 0);
}

/* Each length that is none of the message's is refused. covers: RF-17 */
static void wrong_lengths_are_refused(void)
{
    static const struct {
        enum raft_place place;
        size_t good[2];
    } cases[] = {{RAFT_TO_VOTE, {32, 32}},
                 {RAFT_TO_REPLY, {17, 25}},
                 {RAFT_TO_PROGRESS, {17, 25}},
                 {RAFT_TO_REMOVE, {8, 8}}};
    uint8_t bytes[64] = {0};
    struct raft_wire_entries v = {0};
    struct raft_msg m;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (size_t len = 0; len < sizeof bytes; len++) {
            bool good = len == cases[i].good[0] || len == cases[i].good[1];
            struct raft_addr to = {.place = cases[i].place};
            CU_ASSERT_EQUAL(raft_wire_decode(to, slice_make(bytes, len), &v, &m), good);
        }
    }
    for (size_t len = 0; len < 42; len++)
        CU_ASSERT(
            !raft_wire_decode((struct raft_addr){.place = RAFT_TO_APPEND}, slice_make(bytes, len), &v, &m));
    CU_ASSERT(raft_wire_decode((struct raft_addr){.place = RAFT_TO_APPEND}, slice_make(bytes, 42), &v, &m));
    CU_ASSERT(m.append.count == 0 && m.append.lterm == 0 && m.append.leader == 0);
    CU_ASSERT(!raft_wire_decode((struct raft_addr){0}, slice_make(bytes, 42), &v, &m));
    raft_wire_entries_free(&v);
}

/* A response that is no success is a failure whatever its last byte says; the answer to a vote has two bits.
 */
static void flags_are_read_as_the_reference_does(void)
{
    struct raft_wire_entries v = {0};
    struct raft_msg m;
    uint8_t bytes[25] = {1};
    struct raft_addr reply = {.place = RAFT_TO_REPLY};
    for (unsigned b = 0; b < 256; b++) {
        bytes[24] = (uint8_t)b;
        CU_ASSERT(raft_wire_decode(reply, slice_make(bytes, 25), &v, &m));
        CU_ASSERT(m.type == RAFT_MSG_APPEND_RESPONSE && m.append_response.success == (b == 1));
        bytes[16] = (uint8_t)b;
        CU_ASSERT(raft_wire_decode(reply, slice_make(bytes, 17), &v, &m));
        CU_ASSERT(m.type == RAFT_MSG_VOTE_RESPONSE && m.vote_response.granted == ((b & 1) != 0) &&
                  m.vote_response.empty == ((b & 2) != 0));
        bytes[16] = 0;
    }
    raft_wire_entries_free(&v);
}

/* covers: RF-18 RF-19 RF-100 */
static void a_stored_entry_is_stamped_with_the_senders_term(void)
{
    static const uint64_t terms[] = {0, 1, 127, 128, UINT64_C(1) << 63, UINT64_MAX};
    struct raft_entry entry = {RAFT_NORMAL, SLICE_LIT("hello")};
    struct raft_msg m = {.type = RAFT_MSG_APPEND,
                         .append = {.leader = raft_id_of("fjFyEjc1"),
                                    .term = 3,
                                    .commit = 8,
                                    .pterm = 2,
                                    .pindex = 9,
                                    .entries = &entry,
                                    .count = 1}};
    uint8_t stored[100], out[120];
    size_t len = raft_wire_encode(&m, stored, sizeof stored);
    CU_ASSERT_EQUAL(len, 42 + 5 + 5 + 1);
    struct raft_wire_entries v = {0};
    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        struct raft_msg back;
        size_t n = raft_wire_restamp(slice_make(stored, len), terms[i], out, sizeof out);
        CU_ASSERT_FATAL(
            raft_wire_decode((struct raft_addr){.place = RAFT_TO_CATCHUP}, slice_make(out, n), &v, &back));
        CU_ASSERT(back.append.lterm == terms[i] && back.append.term == 3 && back.append.commit == 8);
        CU_ASSERT(back.append.leader == m.append.leader && back.append.count == 1);
        CU_ASSERT(slice_eq(back.append.entries[0].data, entry.data));
        CU_ASSERT(raft_wire_restamp(slice_make(stored, len), terms[i], out, n - 1) == n);
    }
    CU_ASSERT_EQUAL(raft_wire_restamp(slice_make(stored, 41), 1, out, sizeof out), 0);
    struct raft_entry *many = calloc(65536, sizeof *many);
    m.append.entries = many;
    m.append.count = 65535;
    CU_ASSERT_EQUAL(raft_wire_encode(&m, NULL, 0), 42 + 5 * 65535 + 1);
    m.append.count = 65536;
    CU_ASSERT_EQUAL(raft_wire_encode(&m, NULL, 0), 0);
    free(many);
    raft_wire_entries_free(&v);
}

/* covers: RF-1 */
static void a_node_is_named_after_its_server(void)
{
    static const char *const cases[][2] = {
        {"n1", "fjFyEjc1"}, {"n2", "44jzkV9D"}, {"n3", "BXScrY9i"}, {"abc", "0wM5J1Lm"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[9] = "", text[9];
        hash_name8(slice_str(cases[i][0]), id);
        CU_ASSERT_STRING_EQUAL(id, cases[i][1]);
        raft_id_text(raft_id_of(id), text);
        CU_ASSERT_STRING_EQUAL(text, id);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(a_node_is_named_after_its_server),
    UNIT_TEST(every_recorded_message_comes_back),
    UNIT_TEST(subjects_name_places),
    UNIT_TEST(wrong_lengths_are_refused),
    UNIT_TEST(flags_are_read_as_the_reference_does),
    UNIT_TEST(a_stored_entry_is_stamped_with_the_senders_term),
};
UNIT_MAIN("raft_wire", tests)
