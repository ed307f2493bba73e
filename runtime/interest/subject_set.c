/* A tree of tokens that is only ever added to. */
#include "interest/subject_set.h"

#include "interest/token.h"
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct queue_entry {
    struct queue_entry *next;
    size_t len;
    uint8_t name[];
};

/* What ends at a node. */
struct ends {
    bool plain;
    struct queue_entry *queues;
};

struct node {
    struct node **children; /* literal tokens, in the order of slice_cmp */
    size_t count;
    struct node *star;
    struct ends here;
    struct ends rest; /* entries that go on with `>` */
    size_t token_len;
    uint8_t token[];
};

struct entry {
    struct entry *next;
    size_t subject_len;
    size_t queue_len;
    uint8_t bytes[];
};

struct subject_set {
    struct node *root;
    struct entry *entries; /* the list as it was given, for overlaps */
};

static struct node *node_new(slice token)
{
    struct node *n = calloc(1, sizeof(*n) + token.len);
    if (n == NULL)
        return NULL;
    n->token_len = token.len;
    if (token.len > 0)
        memcpy(n->token, token.ptr, token.len);
    return n;
}

/* Position of the token among the children, or where it belongs. */
static size_t child_at(const struct node *n, slice token, bool *found)
{
    size_t low = 0, high = n->count;
    *found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const struct node *child = n->children[mid];
        int c = slice_cmp(slice_make(child->token, child->token_len), token);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct node *child_make(struct node *n, slice token)
{
    bool found;
    if (token_is_star(token)) {
        if (n->star == NULL)
            n->star = node_new(token);
        return n->star;
    }
    size_t at = child_at(n, token, &found);
    assert(!found || n->children != NULL);
    if (found)
        return n->children[at];
    if ((n->count & (n->count - 1)) == 0) { /* full at each power of two */
        size_t cap = n->count == 0 ? 1 : n->count * 2;
        struct node **p = realloc(n->children, cap * sizeof(struct node *));
        if (p == NULL)
            return NULL;
        n->children = p;
    }
    struct node *child = node_new(token);
    if (child == NULL)
        return NULL;
    memmove(n->children + at + 1, n->children + at, (n->count - at) * sizeof(struct node *));
    n->children[at] = child;
    n->count++;
    return child;
}

static void queues_free(struct queue_entry *q)
{
    while (q != NULL) {
        struct queue_entry *next = q->next;
        free(q);
        q = next;
    }
}

/* Frees a tree without recursion: children are hung into a list through `star` as they are met. */
static void tree_free(struct node *list)
{
    while (list != NULL) {
        struct node *n = list;
        list = n->star;
        for (size_t i = 0; i < n->count; i++) {
            struct node *child = n->children[i], *last = child;
            while (last->star != NULL)
                last = last->star;
            last->star = list;
            list = child;
        }
        queues_free(n->here.queues);
        queues_free(n->rest.queues);
        free(n->children);
        free(n);
    }
}

struct subject_set *subject_set_new(void)
{
    struct subject_set *set = calloc(1, sizeof(*set));
    struct node *root = node_new(SLICE_EMPTY);
    if (set == NULL || root == NULL) {
        free(set);
        free(root);
        return NULL;
    }
    set->root = root;
    return set;
}

void subject_set_free(struct subject_set *set)
{
    if (set == NULL)
        return;
    tree_free(set->root);
    while (set->entries != NULL) {
        struct entry *next = set->entries->next;
        free(set->entries);
        set->entries = next;
    }
    free(set);
}

static bool ends_add(struct ends *e, slice queue)
{
    if (queue.len == 0) {
        e->plain = true;
        return true;
    }
    struct queue_entry *q = malloc(sizeof(*q) + queue.len);
    if (q == NULL)
        return false;
    q->len = queue.len;
    memcpy(q->name, queue.ptr, queue.len);
    q->next = e->queues;
    e->queues = q;
    return true;
}

static bool list_add(struct subject_set *set, slice pattern, slice queue)
{
    struct entry *e = malloc(sizeof(*e) + pattern.len + queue.len);
    if (e == NULL)
        return false;
    e->subject_len = pattern.len;
    e->queue_len = queue.len;
    memcpy(e->bytes, pattern.ptr, pattern.len);
    if (queue.len > 0)
        memcpy(e->bytes + pattern.len, queue.ptr, queue.len);
    e->next = set->entries;
    set->entries = e;
    return true;
}

int subject_set_add(struct subject_set *set, slice pattern, slice queue)
{
    struct node *n = set->root;
    slice left = pattern, token;
    bool rest = false;
    struct codec_subject shape = codec_subject_scan(pattern);
    if (shape.empty_token || shape.after_gt || shape.tokens > SUBJECT_SET_TOKENS_MAX)
        return -EINVAL;
    while (n != NULL && codec_subject_token(&left, &token)) {
        rest = token_is_gt(token); /* the last one, then */
        if (!rest)
            n = child_make(n, token);
    }
    if (n == NULL || !list_add(set, pattern, queue) || !ends_add(rest ? &n->rest : &n->here, queue))
        return -ENOMEM;
    return 0;
}

static bool queue_matches(slice asked, slice pattern)
{
    return slice_eq(asked, pattern) ||
           (codec_subject_has_wildcard(pattern) && codec_subject_subset(asked, pattern));
}

static void ends_ask(const struct ends *e, slice queue, struct subject_set_hit *hit)
{
    hit->plain = hit->plain || e->plain;
    for (const struct queue_entry *q = e->queues; q != NULL; q = q->next) {
        hit->queued = true;
        hit->queue_match = hit->queue_match || queue_matches(queue, slice_make(q->name, q->len));
    }
}

/* Every node is reached by one way only, so this visits each at most once. The recursion is as deep as the
 * deepest entry, at most SUBJECT_SET_TOKENS_MAX. */
static void node_ask(const struct node *n, slice rest, slice queue, struct subject_set_hit *hit)
{
    bool found;
    slice token;
    if (!codec_subject_token(&rest, &token)) {
        ends_ask(&n->here, queue, hit);
        return;
    }
    ends_ask(&n->rest, queue, hit);
    if (n->star != NULL)
        node_ask(n->star, rest, queue, hit);
    size_t at = child_at(n, token, &found);
    if (found)
        node_ask(n->children[at], rest, queue, hit);
}

struct subject_set_hit subject_set_ask(const struct subject_set *set, slice subject, slice queue)
{
    struct subject_set_hit hit = {false, false, false};
    if (!codec_subject_scan(subject).empty_token)
        node_ask(set->root, subject, queue, &hit);
    return hit;
}

bool subject_set_overlaps(const struct subject_set *set, slice pattern, slice queue)
{
    for (const struct entry *e = set->entries; e != NULL; e = e->next) {
        slice own = slice_make(e->bytes + e->subject_len, e->queue_len);
        if (own.len > 0 && (queue.len == 0 || !queue_matches(queue, own)))
            continue;
        if (codec_subject_collide(slice_make(e->bytes, e->subject_len), pattern))
            return true;
    }
    return false;
}
