/* script.c: tokens to steps. */
#include "script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
    struct script *script;
    struct script_lexer lexer;
    char *error;
    size_t error_cap;
};

/* Growable array of steps while a block is read; the final copy belongs to the script. */
struct step_list {
    struct step *items;
    size_t count, cap;
};

static bool fail(struct reader *r, unsigned line, const char *why)
{
    snprintf(r->error, r->error_cap, "%s:%u: %s", r->script->path, line, why);
    return false;
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("scenario: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void *keep(struct script *script, void *memory)
{
    script->blocks = must(realloc(script->blocks, (script->block_count + 1) * sizeof(void *)));
    script->blocks[script->block_count++] = memory;
    return memory;
}

static struct step *list_add(struct step_list *list)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 16 : list->cap * 2;
        list->items = must(realloc(list->items, list->cap * sizeof *list->items));
    }
    return &list->items[list->count++];
}

static struct step *list_finish(struct script *script, struct step_list *list)
{
    return list->items == NULL ? NULL : keep(script, list->items);
}

static slice trim(slice s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_from(s, 1);
    while (s.len > 0 && strchr(" \t\r\n", s.ptr[s.len - 1]) != NULL)
        s.len--;
    return s;
}

static bool next_line(slice *rest, slice *line)
{
    if (rest->len == 0)
        return false;
    const uint8_t *end = memchr(rest->ptr, '\n', rest->len);
    size_t n = end == NULL ? rest->len : (size_t)(end - rest->ptr) + 1;
    *line = slice_first(*rest, n);
    *rest = slice_from(*rest, n);
    return true;
}

/* The lines of a set, blanks around them cut off, empty ones left out. */
static void read_set(struct reader *r, struct step *step, slice bytes)
{
    size_t cap = 0;
    slice line;
    while (next_line(&bytes, &line)) {
        line = trim(line);
        if (line.len == 0)
            continue;
        if (step->set_count == cap) {
            cap = cap == 0 ? 8 : cap * 2;
            step->set = must(realloc(step->set, cap * sizeof *step->set));
        }
        step->set[step->set_count++] = line;
    }
    if (step->set != NULL)
        keep(r->script, step->set);
}

/* A here-document without the indentation of its first line. */
static slice dedent(struct reader *r, slice bytes)
{
    size_t indent = 0;
    while (indent < bytes.len && (bytes.ptr[indent] == ' ' || bytes.ptr[indent] == '\t'))
        indent++;
    char *out = keep(r->script, must(malloc(bytes.len + 1)));
    size_t n = 0;
    slice line;
    while (next_line(&bytes, &line)) {
        size_t cut = 0;
        while (cut < indent && cut < line.len && (line.ptr[cut] == ' ' || line.ptr[cut] == '\t'))
            cut++;
        memcpy(out + n, line.ptr + cut, line.len - cut);
        n += line.len - cut;
    }
    return slice_make(out, n);
}

static bool take_peer(struct step *step, slice word)
{
    if (slice_eq_str(word, "[go]"))
        step->peer = PEER_GO;
    else if (slice_eq_str(word, "[midge]"))
        step->peer = PEER_MIDGE;
    else
        return false;
    return true;
}

/* One statement. *end is set at the end of the file; an empty line gives a step without words. */
static bool read_step(struct reader *r, struct step *step, bool *end)
{
    *step = (struct step){.line = r->lexer.line};
    *end = false;
    for (;;) {
        struct token token = script_token(&r->lexer);
        switch (token.kind) {
        case TOKEN_BAD:
            return fail(r, step->line, "unreadable text, or a block without end");
        case TOKEN_EOF:
            *end = true;
            return true;
        case TOKEN_EOL:
            return true;
        case TOKEN_WORD:
            if (step->word_count == 0 && step->peer == PEER_ANY && !token.quoted &&
                take_peer(step, token.text))
                continue;
            if (step->word_count == STEP_MAX_WORDS)
                return fail(r, step->line, "too many words");
            step->words[step->word_count++] = token.text;
            continue;
        case TOKEN_OP:
            step->op = token.op;
            step->text = token.text;
            return true;
        case TOKEN_HERE:
            step->op = OP_HERE;
            step->text = dedent(r, token.text);
            return true;
        case TOKEN_SET:
            step->op = OP_SET;
            read_set(r, step, token.text);
            return true;
        }
    }
}

static bool is_word(const struct step *step, size_t at, const char *word)
{
    return at < step->word_count && slice_eq_str(step->words[at], word);
}

static bool opens_block(const struct step *step)
{
    return is_word(step, 0, "repeat") || is_word(step, 0, "each");
}

/* Steps up to `end` of the block that begins at `opener`. Blocks nest at most this deep. */
#define MAX_DEPTH 4

static bool read_body(struct reader *r, struct step *opener, int depth)
{
    if (depth == MAX_DEPTH)
        return fail(r, opener->line, "blocks are nested too deeply");
    struct step_list list = {0};
    bool ok = true;
    for (;;) {
        struct step step;
        bool end;
        ok = read_step(r, &step, &end);
        if (ok && end)
            ok = fail(r, opener->line, "a block without end");
        if (ok && opens_block(&step))
            ok = read_body(r, &step, depth + 1);
        if (!ok || is_word(&step, 0, "end"))
            break;
        if (step.word_count > 0)
            *list_add(&list) = step;
    }
    opener->body_count = list.count;
    opener->body = list_finish(r->script, &list);
    return ok;
}

static slice join_words(struct script *script, slice first, const struct step *step, size_t from)
{
    size_t n = first.len + 1;
    for (size_t i = from; i < step->word_count; i++)
        n += step->words[i].len + 1;
    char *out = keep(script, must(malloc(n)));
    size_t at = 0;
    if (first.len > 0)
        memcpy(out, first.ptr, first.len);
    at += first.len;
    for (size_t i = from; i < step->word_count; i++) {
        if (at > 0)
            out[at++] = ' ';
        memcpy(out + at, step->words[i].ptr, step->words[i].len);
        at += step->words[i].len;
    }
    return slice_make(out, at);
}

/* Attribute lines stand between the title and the first step. True when the step was one. */
static bool take_attribute(struct reader *r, struct scenario *scenario, const struct step *step, bool *ok)
{
    if (is_word(step, 0, "covers:")) {
        scenario->covers = join_words(r->script, scenario->covers, step, 1);
    } else if (is_word(step, 0, "only:")) {
        scenario->only = is_word(step, 1, "go") ? PEER_GO : is_word(step, 1, "midge") ? PEER_MIDGE : PEER_ANY;
        scenario->reason = join_words(r->script, SLICE_EMPTY, step, 2);
        if (scenario->only == PEER_ANY || scenario->reason.len == 0)
            *ok = fail(r, step->line, "write: only: go|midge REASON");
    } else if (is_word(step, 0, "timeout:")) {
        char text[16] = "";
        if (step->word_count == 2 && step->words[1].len < sizeof text)
            memcpy(text, step->words[1].ptr, step->words[1].len);
        char *unit;
        unsigned long seconds = strtoul(text, &unit, 10);
        if (strcmp(unit, "s") != 0 || seconds == 0 || seconds > 3600)
            *ok = fail(r, step->line, "write: timeout: Ns");
        scenario->timeout_ms = (unsigned)seconds * 1000;
    } else if (is_word(step, 0, "serial")) {
        scenario->serial = true;
    } else {
        return false;
    }
    return true;
}

static bool add_scenario(struct reader *r, const struct step *title)
{
    struct script *script = r->script;
    script->scenarios = must(realloc(script->scenarios, (script->count + 1) * sizeof *script->scenarios));
    struct scenario *scenario = &script->scenarios[script->count++];
    *scenario = (struct scenario){.file = script->path, .line = title->line};
    scenario->title = title->op == OP_TEXT ? trim(title->text) : join_words(script, SLICE_EMPTY, title, 1);
    return scenario->title.len > 0 || fail(r, title->line, "a scenario needs a title");
}

/* Gives the steps that were read to the scenario that they belong to. */
static void finish_scenario(struct script *script, struct step_list *list)
{
    if (script->count > 0) {
        struct scenario *scenario = &script->scenarios[script->count - 1];
        scenario->step_count = list->count;
        scenario->steps = list_finish(script, list);
    } else {
        free(list->items);
    }
    *list = (struct step_list){0};
}

static bool read_all(struct reader *r)
{
    struct script *script = r->script;
    struct step_list list = {0};
    bool ok = true, end = false;
    while (ok && !end) {
        struct step step;
        ok = read_step(r, &step, &end);
        if (!ok || step.word_count == 0)
            continue;
        if (is_word(&step, 0, "scenario")) {
            finish_scenario(script, &list);
            ok = add_scenario(r, &step);
            continue;
        }
        if (script->count == 0) {
            ok = fail(r, step.line, "a file begins with: scenario TITLE");
            continue;
        }
        if (list.count == 0 && take_attribute(r, &script->scenarios[script->count - 1], &step, &ok))
            continue;
        if (opens_block(&step))
            ok = read_body(r, &step, 0);
        *list_add(&list) = step;
    }
    finish_scenario(script, &list);
    if (ok && script->count == 0)
        ok = fail(r, 1, "no scenario in this file");
    return ok;
}

static bool read_file(struct script *script, char *error, size_t error_cap)
{
    FILE *f = fopen(script->path, "rb");
    if (f == NULL) {
        snprintf(error, error_cap, "%s:0: %s", script->path, strerror(errno));
        return false;
    }
    size_t len = 0, cap = 1 << 16;
    script->bytes = must(malloc(cap));
    for (size_t n; (n = fread(script->bytes + len, 1, cap - len - 2, f)) > 0;) {
        len += n;
        if (cap - len < 1024)
            script->bytes = must(realloc(script->bytes, cap *= 2));
    }
    fclose(f);
    memcpy(script->bytes + len, "\n", 2);
    if (memchr(script->bytes, '\0', len) != NULL) {
        snprintf(error, error_cap, "%s:0: NUL byte in the file", script->path);
        return false;
    }
    return true;
}

bool script_load(struct script *script, const char *path, char *error, size_t error_cap)
{
    *script = (struct script){.path = must(strdup(path))};
    if (!read_file(script, error, error_cap))
        return false;
    struct reader r = {script, {script->bytes, 1}, error, error_cap};
    return read_all(&r);
}

void script_free(struct script *script)
{
    for (size_t i = 0; i < script->block_count; i++)
        free(script->blocks[i]);
    free(script->blocks);
    free(script->scenarios);
    free(script->bytes);
    free(script->path);
    *script = (struct script){0};
}
