#include "store/format/seqset.h"

#include <assert.h>

#define NODE_BITS   2048u
#define NODE_WORDS  (NODE_BITS / 64)
#define MAGIC       22
#define NODE_FORM   (8 + 8 * NODE_WORDS + 2) /* base, words, height */
#define HEADER_FORM 10

struct seqset_node {
    uint64_t base;
    uint64_t words[NODE_WORDS];
};

static uint64_t base_of(uint64_t seq)
{
    return seq - seq % NODE_BITS;
}

/* Index of the first node whose base is at or above `base`. */
static size_t lower_bound(const struct seqset *s, uint64_t base)
{
    size_t lo = 0, hi = s->node_count;
    /* Members mostly come in rising order: look at the end first. */
    if (hi > 0 && s->nodes[hi - 1]->base < base)
        return hi;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->nodes[mid]->base < base)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct seqset_node *find(const struct seqset *s, uint64_t seq)
{
    uint64_t base = base_of(seq);
    size_t i = lower_bound(s, base);
    return i < s->node_count && s->nodes[i]->base == base ? s->nodes[i] : NULL;
}

static bool has_room(struct seqset *s)
{
    if (s->node_count < s->node_cap)
        return true;
    size_t cap = s->node_cap == 0 ? 4 : s->node_cap * 2;
    struct seqset_node **grown = realloc(s->nodes, cap * sizeof(struct seqset_node *));
    if (grown == NULL)
        return false;
    s->nodes = grown;
    s->node_cap = cap;
    return true;
}

/* The node that covers seq, made when missing; NULL without memory. */
static struct seqset_node *find_or_make(struct seqset *s, uint64_t seq)
{
    uint64_t base = base_of(seq);
    size_t i = lower_bound(s, base);
    if (i < s->node_count && s->nodes[i]->base == base)
        return s->nodes[i];
    if (!has_room(s))
        return NULL;
    struct seqset_node *n = calloc(1, sizeof *n);
    if (n == NULL)
        return NULL;
    n->base = base;
    memmove(&s->nodes[i + 1], &s->nodes[i], (s->node_count - i) * sizeof s->nodes[0]);
    s->nodes[i] = n;
    s->node_count++;
    return n;
}

static void drop_nodes(struct seqset *s, size_t first, size_t count)
{
    if (count == 0)
        return;
    for (size_t i = first; i < first + count; i++)
        free(s->nodes[i]);
    memmove(&s->nodes[first], &s->nodes[first + count], (s->node_count - first - count) * sizeof s->nodes[0]);
    s->node_count -= count;
}

static unsigned bits_in(const struct seqset_node *n)
{
    unsigned total = 0;
    for (size_t w = 0; w < NODE_WORDS; w++)
        total += (unsigned)__builtin_popcountll(n->words[w]);
    return total;
}

void seqset_free(struct seqset *s)
{
    for (size_t i = 0; i < s->node_count; i++)
        free(s->nodes[i]);
    free(s->nodes);
    *s = (struct seqset){0};
}

void seqset_clear(struct seqset *s)
{
    seqset_free(s);
}

bool seqset_insert(struct seqset *s, uint64_t seq)
{
    struct seqset_node *n = find_or_make(s, seq);
    if (n == NULL)
        return false;
    uint64_t bit = 1ULL << (seq % 64);
    uint64_t *word = &n->words[(seq - n->base) / 64];
    if ((*word & bit) == 0) {
        *word |= bit;
        s->count++;
    }
    return true;
}

/* The bits lo..hi (0..2047, inclusive) of one word. */
static uint64_t word_mask(size_t w, uint64_t lo, uint64_t hi)
{
    uint64_t from = w * 64, to = w * 64 + 63;
    if (hi < from || lo > to)
        return 0;
    uint64_t a = lo > from ? lo - from : 0, b = hi < to ? hi - from : 63;
    uint64_t up = b == 63 ? UINT64_MAX : (1ULL << (b + 1)) - 1;
    return up & ~((1ULL << a) - 1);
}

bool seqset_insert_range(struct seqset *s, uint64_t first, uint64_t last)
{
    while (first <= last) {
        struct seqset_node *n = find_or_make(s, first);
        if (n == NULL)
            return false;
        uint64_t node_last = n->base + (NODE_BITS - 1);
        uint64_t stop = last < node_last ? last : node_last;
        for (size_t w = 0; w < NODE_WORDS; w++) {
            uint64_t add = word_mask(w, first - n->base, stop - n->base) & ~n->words[w];
            n->words[w] |= add;
            s->count += (uint64_t)__builtin_popcountll(add);
        }
        if (stop == UINT64_MAX)
            break;
        first = stop + 1;
    }
    return true;
}

bool seqset_remove(struct seqset *s, uint64_t seq)
{
    struct seqset_node *n = find(s, seq);
    if (n == NULL)
        return false;
    uint64_t bit = 1ULL << (seq % 64);
    uint64_t *word = &n->words[(seq - n->base) / 64];
    if ((*word & bit) == 0)
        return false;
    *word &= ~bit;
    s->count--;
    if (*word == 0 && bits_in(n) == 0)
        drop_nodes(s, lower_bound(s, n->base), 1);
    return true;
}

/* Clear lo..hi (bits of the node at i) and drop the node when it is empty then. */
static void clear_bits(struct seqset *s, size_t i, uint64_t lo, uint64_t hi)
{
    struct seqset_node *n = s->nodes[i];
    for (size_t w = 0; w < NODE_WORDS; w++) {
        uint64_t gone = n->words[w] & word_mask(w, lo, hi);
        n->words[w] &= ~gone;
        s->count -= (uint64_t)__builtin_popcountll(gone);
    }
    if (bits_in(n) == 0)
        drop_nodes(s, i, 1);
}

void seqset_remove_below(struct seqset *s, uint64_t seq)
{
    size_t i = lower_bound(s, base_of(seq));
    for (size_t k = 0; k < i; k++)
        s->count -= bits_in(s->nodes[k]);
    drop_nodes(s, 0, i);
    if (s->node_count > 0 && s->nodes[0]->base < seq)
        clear_bits(s, 0, 0, seq - s->nodes[0]->base - 1);
}

void seqset_remove_above(struct seqset *s, uint64_t seq)
{
    size_t i = lower_bound(s, base_of(seq));
    size_t keep = i < s->node_count && s->nodes[i]->base == base_of(seq) ? i + 1 : i;
    for (size_t k = keep; k < s->node_count; k++)
        s->count -= bits_in(s->nodes[k]);
    drop_nodes(s, keep, s->node_count - keep);
    if (keep > i && seq % NODE_BITS < NODE_BITS - 1)
        clear_bits(s, i, seq % NODE_BITS + 1, NODE_BITS - 1);
}

bool seqset_has(const struct seqset *s, uint64_t seq)
{
    const struct seqset_node *n = find(s, seq);
    return n != NULL && (n->words[(seq - n->base) / 64] >> (seq % 64) & 1) != 0;
}

uint64_t seqset_min(const struct seqset *s)
{
    uint64_t first, last;
    return seqset_next_run(s, 0, &first, &last) ? first : 0;
}

uint64_t seqset_max(const struct seqset *s)
{
    if (s->node_count == 0)
        return 0;
    const struct seqset_node *n = s->nodes[s->node_count - 1];
    size_t w = NODE_WORDS - 1;
    while (n->words[w] == 0)
        w--;
    return n->base + w * 64 + 63 - (uint64_t)__builtin_clzll(n->words[w]);
}

/* The first bit at or above `bit` in the node that is set (or, inverted, that is clear); NODE_BITS when none.
 */
static uint64_t next_bit(const struct seqset_node *n, uint64_t bit, bool inverted)
{
    for (size_t w = bit / 64; w < NODE_WORDS; w++) {
        uint64_t word = inverted ? ~n->words[w] : n->words[w];
        if (w == bit / 64)
            word &= UINT64_MAX << (bit % 64);
        if (word != 0)
            return w * 64 + (uint64_t)__builtin_ctzll(word);
    }
    return NODE_BITS;
}

uint64_t seqset_next_gap(const struct seqset *s, uint64_t from)
{
    for (size_t i = lower_bound(s, base_of(from)); i < s->node_count && s->nodes[i]->base == base_of(from);
         i++) {
        const struct seqset_node *n = s->nodes[i];
        uint64_t bit = next_bit(n, from - n->base, true);
        if (bit < NODE_BITS)
            return n->base + bit;
        from = n->base + NODE_BITS;
    }
    return from;
}

bool seqset_next_run(const struct seqset *s, uint64_t from, uint64_t *first, uint64_t *last)
{
    for (size_t i = lower_bound(s, base_of(from)); i < s->node_count; i++) {
        const struct seqset_node *n = s->nodes[i];
        uint64_t bit = next_bit(n, from > n->base ? from - n->base : 0, false);
        if (bit == NODE_BITS)
            continue;
        *first = n->base + bit;
        *last = seqset_next_gap(s, *first) - 1;
        return true;
    }
    return false;
}

bool seqset_union(struct seqset *s, const struct seqset *from)
{
    for (size_t i = 0; i < from->node_count; i++) {
        const struct seqset_node *b = from->nodes[i];
        struct seqset_node *a = find_or_make(s, b->base);
        if (a == NULL)
            return false;
        for (size_t w = 0; w < NODE_WORDS; w++) {
            s->count += (uint64_t)__builtin_popcountll(b->words[w] & ~a->words[w]);
            a->words[w] |= b->words[w];
        }
    }
    return true;
}

size_t seqset_memory(const struct seqset *s)
{
    return s->node_cap * sizeof s->nodes[0] + s->node_count * sizeof(struct seqset_node);
}

size_t seqset_encoded_size(const struct seqset *s)
{
    return HEADER_FORM + s->node_count * NODE_FORM;
}

static unsigned tree_height(size_t nodes)
{
    unsigned h = 0;
    for (; nodes > 0; nodes /= 2)
        h++;
    return h;
}

/* Nodes lo..hi-1 as the subtree whose root is the middle one: heights on both sides differ by one at most.
 * The recursion is as deep as the tree is high: at most 32. */
static void encode_tree(const struct seqset *s, size_t lo, size_t hi, struct byte_buf *out)
{
    if (lo == hi)
        return;
    size_t mid = lo + (hi - lo) / 2;
    const struct seqset_node *n = s->nodes[mid];
    buf_u64(out, n->base);
    for (size_t w = 0; w < NODE_WORDS; w++)
        buf_u64(out, n->words[w]);
    buf_u16(out, (uint16_t)tree_height(hi - lo));
    encode_tree(s, lo, mid, out);
    encode_tree(s, mid + 1, hi, out);
}

void seqset_encode(const struct seqset *s, struct byte_buf *out)
{
    buf_u8(out, MAGIC);
    buf_u8(out, 2);
    buf_u32(out, (uint32_t)s->node_count);
    buf_u32(out, (uint32_t)s->count);
    encode_tree(s, 0, s->node_count, out);
}

/* One node of `words` words; its members join the set, whatever order nodes come in. */
static bool decode_node(struct seqset *s, struct byte_reader *r, size_t words)
{
    uint64_t base = take_u64(r);
    slice bits = take_bytes(r, words * 8);
    take_u16(r);
    if (r->bad || base % (words * 64) != 0 || base > UINT64_MAX - words * 64)
        return false;
    for (size_t w = 0; w < words; w++) {
        uint64_t word = get_u64(bits.ptr + 8 * w);
        if (word == 0)
            continue;
        struct seqset_node *n = find_or_make(s, base + w * 64);
        if (n == NULL)
            return false;
        uint64_t *into = &n->words[(base + w * 64 - n->base) / 64];
        s->count += (uint64_t)__builtin_popcountll(word & ~*into);
        *into |= word;
    }
    return true;
}

bool seqset_decode(struct seqset *s, struct byte_reader *r)
{
    assert(s->node_count == 0);
    uint8_t magic = take_u8(r), version = take_u8(r);
    uint64_t nodes = take_u32(r), count = take_u32(r);
    size_t words = version == 1 ? 64 : NODE_WORDS;
    bool good = !r->bad && magic == MAGIC && (version == 1 || version == 2) &&
                nodes <= reader_left(r) / (8 + 8 * words + 2);
    for (uint64_t i = 0; good && i < nodes; i++)
        good = decode_node(s, r, words);
    if (good && s->count == count)
        return true;
    r->bad = true;
    seqset_free(s);
    return false;
}
