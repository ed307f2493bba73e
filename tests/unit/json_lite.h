/* json_lite.h: reads the JSON documents of the golden data into a tree. For tests only: it trusts its input
 * and stops the program when that is malformed; strings with surrogate pairs are not combined (none occur).
 */
#ifndef TESTS_JSON_LITE_H
#define TESTS_JSON_LITE_H

#include <midge/slice.h>
#include <stdio.h>
#include <stdlib.h>

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    char *key;  /* in an object */
    char *text; /* of a string (unescaped) or number */
    size_t len;
    bool truth;
    struct json *first; /* members or elements */
    struct json *next;
};

static inline void json_die(const char *why)
{
    fprintf(stderr, "json: %s\n", why);
    exit(2);
}

static inline void json_space(const char **p)
{
    while (**p == ' ' || **p == '\n' || **p == '\t' || **p == '\r')
        (*p)++;
}

static inline size_t json_utf8(unsigned c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 63));
    out[2] = (char)(0x80 | (c & 63));
    return 3;
}

static inline char *json_string(const char **p, size_t *len)
{
    if (**p != '"')
        json_die("string expected");
    const char *end = *p + 1;
    while (*end != '"')
        end += *end == '\\' ? 2 : 1;
    char *out = malloc((size_t)(end - *p) + 1);
    size_t n = 0;
    for (const char *q = *p + 1; q < end; q++) {
        if (*q != '\\') {
            out[n++] = *q;
            continue;
        }
        q++;
        static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
        const char *at = strchr(from, *q);
        if (*q == 'u') {
            char hex[5] = {q[1], q[2], q[3], q[4], 0};
            n += json_utf8((unsigned)strtoul(hex, NULL, 16), out + n);
            q += 4;
        } else {
            out[n++] = at != NULL ? to[at - from] : *q;
        }
    }
    out[n] = 0;
    *len = n;
    *p = end + 1;
    return out;
}

static inline struct json *json_value(const char **p)
{
    struct json *v = calloc(1, sizeof *v);
    json_space(p);
    if (**p == '"') {
        v->type = JSON_STRING;
        v->text = json_string(p, &v->len);
    } else if (**p == '{' || **p == '[') {
        char close = **p == '{' ? '}' : ']';
        v->type = **p == '{' ? JSON_OBJECT : JSON_ARRAY;
        struct json **tail = &v->first;
        (*p)++;
        for (json_space(p); **p != close; json_space(p)) {
            char *key = NULL;
            size_t len;
            if (close == '}') {
                key = json_string(p, &len);
                json_space(p);
                if (*(*p)++ != ':')
                    json_die("colon expected");
            }
            *tail = json_value(p);
            (*tail)->key = key;
            tail = &(*tail)->next;
            json_space(p);
            if (**p == ',')
                (*p)++;
            else if (**p != close)
                json_die("comma expected");
        }
        (*p)++;
    } else if (strncmp(*p, "true", 4) == 0 || strncmp(*p, "false", 5) == 0) {
        v->type = JSON_BOOL;
        v->truth = **p == 't';
        *p += v->truth ? 4 : 5;
    } else if (strncmp(*p, "null", 4) == 0) {
        *p += 4;
    } else {
        v->type = JSON_NUMBER;
        v->len = strspn(*p, "+-0123456789.eE");
        if (v->len == 0)
            json_die("value expected");
        v->text = strndup(*p, v->len);
        *p += v->len;
    }
    return v;
}

static inline void json_free(struct json *v)
{
    while (v != NULL) {
        struct json *next = v->next;
        json_free(v->first);
        free(v->key);
        free(v->text);
        free(v);
        v = next;
    }
}

/* NULL when absent (or v is NULL). */
static inline struct json *json_get(const struct json *v, const char *key)
{
    for (struct json *m = v == NULL ? NULL : v->first; m != NULL; m = m->next) {
        if (m->key != NULL && strcmp(m->key, key) == 0)
            return m;
    }
    return NULL;
}
static inline uint64_t json_u64(const struct json *v)
{
    return v == NULL || v->type != JSON_NUMBER ? 0 : strtoull(v->text, NULL, 10);
}
static inline const char *json_text(const struct json *v)
{
    return v == NULL || v->text == NULL ? "" : v->text;
}

static inline struct json *json_parse(const char *text)
{
    const char *p = text;
    return json_value(&p);
}

/* A whole file, NUL-terminated; NULL when it is not there. */
static inline char *json_read_file(const char *path, size_t *len)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *buf = malloc((size_t)size + 1);
    *len = fread(buf, 1, (size_t)size, f);
    buf[*len] = 0;
    fclose(f);
    return buf;
}

static inline struct json *json_load(const char *path)
{
    size_t len;
    char *text = json_read_file(path, &len);
    if (text == NULL)
        return NULL;
    struct json *v = json_parse(text);
    free(text);
    return v;
}

/* Bytes of a hex string; the caller frees. */
static inline uint8_t *json_hex(const char *hex, size_t *len)
{
    *len = strlen(hex) / 2;
    uint8_t *out = malloc(*len + 1);
    for (size_t i = 0; i < *len; i++) {
        char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return out;
}

#endif
