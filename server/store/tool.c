#include "server/store/tool.h"

#include <stdlib.h>
#include <unistd.h>

bool tool_open(struct tool *t, struct tree *tree)
{
    char why[256] = "";
    if (tree_open(tree, &t->tree, why)) {
        if (tree->count > 0 || (t->tree.account == NULL && t->tree.stream == NULL))
            return true;
        snprintf(why, sizeof why, "no such stream: %s/%s", t->tree.account != NULL ? t->tree.account : "*",
                 t->tree.stream != NULL ? t->tree.stream : "*");
    }
    fprintf(stderr, "midge-store: %s: %s\n", t->tree.dir, why);
    tree_close(tree);
    return false;
}

int tool_end(struct tool *t, struct tree *tree)
{
    tree_close(tree);
    free(t->buffer.ptr);
    t->buffer = (struct codec_out){0};
    if (fflush(t->out) != 0 || t->write_failed) {
        fprintf(stderr, "midge-store: the output cannot be written\n");
        return TOOL_TROUBLE;
    }
    return t->damage ? TOOL_DAMAGE : TOOL_OK;
}

void tool_damage(struct tool *t, const struct tree_stream *s, const char *text)
{
    t->damage = true;
    fprintf(stderr, "midge-store: %s/%s: %s\n", s->account, s->name, text);
}

void tool_log(void *ctx, const char *line)
{
    const struct tool_lines *l = ctx;
    fprintf(stderr, "midge-store: %s/%s: %s\n", l->stream->account, l->stream->name, line);
}

void tool_progress(const struct tool *t, struct progress *p, uint64_t total, bool quiet)
{
    progress_init(p, t->progress, total);
    if (quiet && t->progress && total > 1u << 20)
        p->on = isatty(STDERR_FILENO);
}

static bool grow(struct codec_out *out, size_t need)
{
    size_t cap = out->cap == 0 ? 65536 : out->cap;
    while (cap < need)
        cap *= 2;
    uint8_t *ptr = realloc(out->ptr, cap);
    if (ptr == NULL)
        return false;
    out->ptr = ptr;
    out->cap = cap;
    return true;
}

void tool_emit(struct tool *t, struct codec_member *members, size_t count)
{
    struct codec_value v = {.type = CODEC_VALUE_OBJECT};
    v.object.items = members;
    v.object.count = count;
    t->buffer.grow = grow;
    t->buffer.len = 0;
    bool ok = t->format == TOOL_MSGPACK ? codec_value_write_msgpack(&t->buffer, &v)
                                        : codec_value_write_json(&t->buffer, &v);
    if (t->format != TOOL_MSGPACK)
        codec_out_byte(&t->buffer, '\n');
    if (!ok || !codec_out_ok(&t->buffer) || fwrite(t->buffer.ptr, 1, t->buffer.len, t->out) != t->buffer.len)
        t->write_failed = true;
}

const char *tool_count(uint64_t n, char buf[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *p = buf;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            *p++ = ',';
        *p++ = digits[i];
    }
    *p = 0;
    return buf;
}

const char *tool_bytes(uint64_t n, char buf[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)n;
    size_t u = 0;
    for (; v >= 1024 && u + 1 < sizeof units / sizeof units[0]; u++)
        v /= 1024;
    snprintf(buf, 32, u == 0 ? "%.0f %s" : "%.1f %s", v, units[u]);
    return buf;
}
