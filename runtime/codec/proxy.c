/* proxy.c: decides which kind of PROXY header a connection begins with and reads it (grammar/proxy.rl). */
#include <arpa/inet.h>
#include <stdio.h>
#include <midge/proxy.h>
#include <codec/bytes.h>
#include <codec/proxy_line.h>

void codec_proxy_init(struct codec_proxy *ps)
{
    *ps = (struct codec_proxy){.cs = 0};
}

static enum codec_rc fail(struct codec_proxy *ps, struct codec_proxy_event *e, enum codec_proxy_error kind,
                          uint64_t at)
{
    if (ps->error.kind == CODEC_PROXY_OK)
        ps->error = (struct codec_error){(int)kind, at};
    e->error = ps->error;
    return CODEC_ERROR;
}

static enum codec_rc more(struct codec_proxy_event *e, size_t need)
{
    e->need = need;
    return CODEC_MORE;
}

static enum codec_rc take(struct codec_proxy *ps, slice *in, size_t n)
{
    *in = slice_from(*in, n);
    ps->done = true;
    return CODEC_EVENT;
}

/* ------------------------------------------------------------------------------------------ version 1, text
 */

static slice word(const struct codec_proxy *ps, slice line, int i)
{
    return slice_make(line.ptr + ps->word[i].at, ps->word[i].len);
}

/* Reads an address of either family, as both are allowed in the text; the family is judged by its looks. */
static bool read_address(slice text, uint8_t out[16])
{
    char z[CODEC_PROXY_ADDRESS_TEXT];
    if (text.len >= sizeof(z) || memchr(text.ptr, '\0', text.len) != NULL)
        return false;
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    return inet_pton(memchr(z, ':', text.len) != NULL ? AF_INET6 : AF_INET, z, out) == 1;
}

static bool read_port(slice text, uint16_t *port)
{
    uint32_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = text.ptr[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        v = v * 10 + digit;
        if (v > UINT16_MAX)
            return false;
    }
    *port = (uint16_t)v;
    return text.len > 0;
}

static bool has_colon(slice text)
{
    return memchr(text.ptr, ':', text.len) != NULL;
}

/* The five words of a complete line. On failure *at is the index of the word that is wrong. */
static enum codec_proxy_error read_words(const struct codec_proxy *ps, slice line,
                                         struct codec_proxy_event *e, int *at)
{
    slice source = word(ps, line, 1), dest = word(ps, line, 2);
    if (*at = 1, !read_address(source, e->source))
        return CODEC_PROXY_BAD_ADDRESS;
    if (*at = 2, !read_address(dest, e->dest))
        return CODEC_PROXY_BAD_ADDRESS;
    if (*at = 3, !read_port(word(ps, line, 3), &e->source_port))
        return CODEC_PROXY_BAD_SOURCE_PORT;
    if (*at = 4, !read_port(word(ps, line, 4), &e->dest_port))
        return CODEC_PROXY_BAD_DEST_PORT;
    *at = 0;
    if (slice_eq_str(word(ps, line, 0), "TCP4")) {
        e->family = CODEC_PROXY_IPV4;
        return has_colon(source) || has_colon(dest) ? CODEC_PROXY_TCP4_WITH_IPV6 : CODEC_PROXY_OK;
    }
    if (slice_eq_str(word(ps, line, 0), "TCP6")) {
        e->family = CODEC_PROXY_IPV6;
        return has_colon(source) && has_colon(dest) ? CODEC_PROXY_OK : CODEC_PROXY_TCP6_WITH_IPV4;
    }
    return CODEC_PROXY_BAD_PROTOCOL;
}

static enum codec_rc next_v1(struct codec_proxy *ps, slice *in, struct codec_proxy_event *e)
{
    slice line = slice_first(*in, CODEC_PROXY_V1_MAX);
    size_t length = proxy_line_scan(ps, line.ptr, line.len);
    if (length == 0)
        return line.len == CODEC_PROXY_V1_MAX ? fail(ps, e, CODEC_PROXY_LINE_TOO_LONG, CODEC_PROXY_V1_MAX)
                                              : more(e, 1);
    e->version = CODEC_PROXY_V1;
    if (ps->words > 0 && slice_eq_str(word(ps, line, 0), "UNKNOWN")) {
        size_t at = (size_t)ps->word[0].at + ps->word[0].len;
        e->extra = slice_make(line.ptr + at, length - 2 - at);
        return take(ps, in, length);
    }
    if (ps->words != 5)
        return fail(ps, e, CODEC_PROXY_BAD_FORMAT, CODEC_PROXY_DECIDE_LEN);
    int at = 0;
    enum codec_proxy_error error = read_words(ps, line, e, &at);
    if (error != CODEC_PROXY_OK)
        return fail(ps, e, error, ps->word[at].at);
    return take(ps, in, length);
}

/* ---------------------------------------------------------------------------------------- version 2, binary
 */

static size_t address_len(enum codec_proxy_family family)
{
    return family == CODEC_PROXY_IPV4 ? 4 : family == CODEC_PROXY_IPV6 ? 16 : 0;
}

static enum codec_rc next_v2(struct codec_proxy *ps, slice *in, struct codec_proxy_event *e)
{
    if (in->len < CODEC_PROXY_V2_HEAD_LEN)
        return more(e, CODEC_PROXY_V2_HEAD_LEN - in->len);
    uint16_t length = 0;
    uint64_t at = 0;
    enum codec_proxy_error error = proxy_head_read(in->ptr, e, &length, &at);
    if (error != CODEC_PROXY_OK)
        return fail(ps, e, error, at);
    size_t width = address_len(e->family);
    size_t fixed = width == 0 ? 0 : 2 * width + 4;
    if (length < fixed)
        return fail(ps, e, CODEC_PROXY_ADDRESS_TOO_SHORT, CODEC_PROXY_V2_HEAD_LEN - 2);
    size_t total = CODEC_PROXY_V2_HEAD_LEN + (size_t)length;
    if (in->len < total)
        return more(e, total - in->len);
    const uint8_t *p = in->ptr + CODEC_PROXY_V2_HEAD_LEN;
    e->version = CODEC_PROXY_V2;
    if (fixed > 0) {
        memcpy(e->source, p, width);
        memcpy(e->dest, p + width, width);
        e->source_port = bytes_u16be(p + 2 * width);
        e->dest_port = bytes_u16be(p + 2 * width + 2);
    }
    e->extra = slice_make(p + fixed, length - fixed);
    return take(ps, in, total);
}

enum codec_rc codec_proxy_next(struct codec_proxy *ps, slice *in, struct codec_proxy_event *e)
{
    static const uint8_t v2[CODEC_PROXY_DECIDE_LEN] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d};
    *e = (struct codec_proxy_event){.version = CODEC_PROXY_NONE};
    if (ps->error.kind != CODEC_PROXY_OK)
        return fail(ps, e, (enum codec_proxy_error)ps->error.kind, ps->error.offset);
    if (ps->done)
        return more(e, 0);
    if (in->len < CODEC_PROXY_DECIDE_LEN)
        return more(e, CODEC_PROXY_DECIDE_LEN - in->len);
    if (memcmp(in->ptr, "PROXY ", CODEC_PROXY_DECIDE_LEN) == 0)
        return next_v1(ps, in, e);
    if (memcmp(in->ptr, v2, CODEC_PROXY_DECIDE_LEN) == 0)
        return next_v2(ps, in, e);
    return take(ps, in, 0);
}

/* -------------------------------------------------------------------------------------------------- encoder
 */

static size_t encode_v1(const struct codec_proxy_event *e, uint8_t *out, size_t cap)
{
    static const char *const names[] = {
        [CODEC_PROXY_UNSPEC] = "UNKNOWN", [CODEC_PROXY_IPV4] = "TCP4", [CODEC_PROXY_IPV6] = "TCP6"};
    char line[2 * CODEC_PROXY_V1_MAX], source[CODEC_PROXY_ADDRESS_TEXT], dest[CODEC_PROXY_ADDRESS_TEXT];
    int n;
    if (e->family == CODEC_PROXY_UNSPEC) {
        if (e->extra.len > CODEC_PROXY_V1_MAX)
            return 0;
        n = snprintf(line, sizeof(line), "PROXY UNKNOWN");
        if (e->extra.len > 0)
            memcpy(line + n, e->extra.ptr, e->extra.len);
        n += (int)e->extra.len;
        /* a slice, no string: NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
        memcpy(line + n, "\r\n", 2);
        n += 2;
    } else {
        /* the version 6 form always has a colon, as a TCP6 line demands */
        int af = e->family == CODEC_PROXY_IPV4 ? AF_INET : AF_INET6;
        inet_ntop(af, e->source, source, sizeof(source));
        inet_ntop(af, e->dest, dest, sizeof(dest));
        n = snprintf(line, sizeof(line), "PROXY %s %s %s %u %u\r\n", names[e->family], source, dest,
                     e->source_port, e->dest_port);
    }
    if (n > CODEC_PROXY_V1_MAX)
        return 0;
    if ((size_t)n <= cap)
        memcpy(out, line, (size_t)n);
    return (size_t)n;
}

static size_t encode_v2(const struct codec_proxy_event *e, uint8_t *out, size_t cap)
{
    static const uint8_t signature[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                        0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
    size_t width = address_len(e->family);
    size_t fixed = width == 0 ? 0 : 2 * width + 4;
    if (e->extra.len > CODEC_PROXY_V2_TAIL_MAX - fixed)
        return 0;
    size_t total = CODEC_PROXY_V2_HEAD_LEN + fixed + e->extra.len;
    if (total > cap)
        return total;
    memcpy(out, signature, sizeof(signature));
    out[12] = e->local ? 0x20 : 0x21;
    out[13] = (uint8_t)(e->local ? 0 : (unsigned)e->family << 4 | 1u);
    bytes_put_be(out + 14, fixed + e->extra.len, 2);
    uint8_t *p = out + CODEC_PROXY_V2_HEAD_LEN;
    if (fixed > 0) {
        memcpy(p, e->source, width);
        memcpy(p + width, e->dest, width);
        bytes_put_be(p + 2 * width, e->source_port, 2);
        bytes_put_be(p + 2 * width + 2, e->dest_port, 2);
    }
    if (e->extra.len > 0)
        memcpy(p + fixed, e->extra.ptr, e->extra.len);
    return total;
}

size_t codec_proxy_encode(const struct codec_proxy_event *e, uint8_t *out, size_t cap)
{
    if (e->family > CODEC_PROXY_IPV6)
        return 0;
    switch (e->version) {
    case CODEC_PROXY_V1:
        return encode_v1(e, out, cap);
    case CODEC_PROXY_V2:
        return encode_v2(e, out, cap);
    default:
        return 0;
    }
}

void codec_proxy_address(enum codec_proxy_family family, const uint8_t address[16],
                         char text[CODEC_PROXY_ADDRESS_TEXT])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    text[0] = '\0';
    if (family == CODEC_PROXY_IPV4)
        inet_ntop(AF_INET, address, text, CODEC_PROXY_ADDRESS_TEXT);
    else if (family == CODEC_PROXY_IPV6 && memcmp(address, mapped, sizeof(mapped)) == 0)
        inet_ntop(AF_INET, address + 12, text, CODEC_PROXY_ADDRESS_TEXT);
    else if (family == CODEC_PROXY_IPV6)
        inet_ntop(AF_INET6, address, text, CODEC_PROXY_ADDRESS_TEXT);
}

const char *codec_proxy_error_text(int kind)
{
    switch ((enum codec_proxy_error)kind) {
    case CODEC_PROXY_OK:
        return "no error";
    case CODEC_PROXY_LINE_TOO_LONG:
        return "v1 line too long";
    case CODEC_PROXY_BAD_FORMAT:
        return "invalid v1 format";
    case CODEC_PROXY_BAD_ADDRESS:
        return "invalid address";
    case CODEC_PROXY_TCP4_WITH_IPV6:
        return "TCP4 with IPv6 address";
    case CODEC_PROXY_TCP6_WITH_IPV4:
        return "TCP6 with IPv4 address";
    case CODEC_PROXY_BAD_PROTOCOL:
        return "invalid protocol";
    case CODEC_PROXY_BAD_SOURCE_PORT:
        return "invalid source port";
    case CODEC_PROXY_BAD_DEST_PORT:
        return "invalid dest port";
    case CODEC_PROXY_BAD_SIGNATURE:
        return "invalid signature";
    case CODEC_PROXY_BAD_VERSION:
        return "invalid version";
    case CODEC_PROXY_BAD_COMMAND:
        return "unknown PROXY protocol command";
    case CODEC_PROXY_NOT_STREAM:
        return "only STREAM protocol supported";
    case CODEC_PROXY_BAD_FAMILY:
        return "unsupported address family";
    case CODEC_PROXY_ADDRESS_TOO_SHORT:
        return "address data too short";
    }
    return "unknown error";
}
