/* verify: the findings of check.h, for people and for programs. */
#include "server/store/check.h"
#include "server/store/tool.h"

static void print_finding(struct tool *t, const struct check *c, const struct finding *f)
{
    if (t->format == TOOL_TEXT) {
        fprintf(t->out, "  %-7s %s%s", f->kind == FINDING_DAMAGE ? "DAMAGE" : "note", f->file,
                f->file[0] != 0 ? ": " : "");
        if (f->has_offset)
            fprintf(t->out, "offset %llu: ", (unsigned long long)f->offset);
        fprintf(t->out, "%s\n", f->text);
        return;
    }
    struct codec_member m[8];
    size_t n = 0;
    m[n++] = tool_text("account", slice_str(c->stream->account));
    m[n++] = tool_text("stream", slice_str(c->stream->name));
    m[n++] = tool_text("kind", f->kind == FINDING_DAMAGE ? SLICE_LIT("damage") : SLICE_LIT("note"));
    m[n++] = tool_text("file", slice_str(f->file));
    if (f->has_offset)
        m[n++] = tool_number("offset", f->offset);
    if (f->seq > 0)
        m[n++] = tool_number("seq", f->seq);
    m[n++] = tool_text("text", slice_str(f->text));
    tool_emit(t, m, n);
}

static void print_check(struct tool *t, const struct check *c)
{
    char a[32], b[32];
    if (t->format == TOOL_TEXT)
        fprintf(t->out, "%s/%s: %s messages, %s in %zu blocks: %s\n", c->stream->account, c->stream->name,
                tool_count(c->messages, a), tool_bytes(c->bytes, b), c->block_count,
                c->damages > 0 ? "DAMAGED" : "sound");
    for (size_t i = 0; i < c->count; i++)
        print_finding(t, c, &c->findings[i]);
    if (t->format != TOOL_TEXT) {
        struct codec_member m[] = {
            tool_text("account", slice_str(c->stream->account)),
            tool_text("stream", slice_str(c->stream->name)),
            tool_text("kind", SLICE_LIT("stream")),
            tool_number("messages", c->messages),
            tool_number("blocks", c->block_count),
            tool_number("damages", c->damages),
        };
        tool_emit(t, m, sizeof m / sizeof m[0]);
    }
}

int tool_verify(struct tool *t)
{
    struct tree tree;
    struct progress progress;
    uint64_t messages = 0, bytes = 0;
    size_t damages = 0, damaged = 0;
    if (!tool_open(t, &tree))
        return TOOL_TROUBLE;
    tool_progress(t, &progress, tree_bytes(&tree), true);
    for (size_t i = 0; i < tree.count && !t->write_failed; i++) {
        struct check c;
        check_stream(&c, &tree, &tree.streams[i]);
        messages += c.messages;
        bytes += c.bytes;
        damages += c.damages;
        damaged += c.damages > 0;
        progress_end(&progress, false); /* what is printed stands in its place */
        print_check(t, &c);
        progress_at(&progress, bytes);
        check_free(&c);
    }
    progress_end(&progress, true);
    t->damage = damages > 0;
    if (t->format == TOOL_TEXT) {
        char a[32], b[32];
        fprintf(t->out, "%zu streams, %s messages, %s: ", tree.count, tool_count(messages, a),
                tool_bytes(bytes, b));
        if (damages > 0)
            fprintf(t->out, "%zu streams are damaged\n", damaged);
        else
            fprintf(t->out, "no damage\n");
    }
    return tool_end(t, &tree);
}
