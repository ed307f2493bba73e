/* Distinguished names: reading RFC 4514 text and comparing. */
#include "account/dn.h"

#include <strings.h>

bool dn_add(struct dn *dn, slice type, slice value, unsigned rdn)
{
    if (dn->count == DN_ATTRS_MAX || type.len + value.len > DN_TEXT_MAX - dn->text_len)
        return false;
    struct dn_attr *a = &dn->attr[dn->count++];
    uint8_t *to = dn->text + dn->text_len;
    if (type.len > 0)
        memcpy(to, type.ptr, type.len);
    if (value.len > 0)
        memcpy(to + type.len, value.ptr, value.len);
    dn->text_len += type.len + value.len;
    *a = (struct dn_attr){slice_make(to, type.len), slice_make(to + type.len, value.len), rdn};
    if (rdn >= dn->rdns)
        dn->rdns = rdn + 1;
    return true;
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One type or value: unescaped, without the blanks around it that were not escaped. Ends at `=` (when it is a
 * type), `,` or `+`; *at stands there. Characters written to `to`, or -1. */
static long read_part(slice text, size_t *at, bool is_type, uint8_t *to)
{
    long len = 0, keep = 0; /* `keep`: without trailing blanks */
    for (; *at < text.len; (*at)++) {
        uint8_t c = text.ptr[*at];
        if (c == ',' || c == '+' || (c == '=' && is_type))
            break;
        if (c == ' ' && len == 0)
            continue;
        if (c != '\\') {
            to[len++] = c;
            keep = c == ' ' ? keep : len;
            continue;
        }
        if (++*at == text.len)
            return -1;
        c = text.ptr[*at];
        if (c == 0 || strchr(" \"#+,;<=>\\", c) == NULL) {
            int high = hex(c), low = *at + 1 < text.len ? hex(text.ptr[*at + 1]) : -1;
            if (high < 0 || low < 0)
                return -1;
            c = (uint8_t)(high << 4 | low);
            (*at)++;
        }
        to[len++] = c;
        keep = len;
    }
    return keep;
}

bool dn_parse(slice text, struct dn *out)
{
    uint8_t type[DN_TEXT_MAX], value[DN_TEXT_MAX];
    size_t at = 0;
    unsigned rdn = 0;
    out->count = 0;
    out->rdns = 0;
    out->text_len = 0;
    if (text.len == 0 || text.len > DN_TEXT_MAX)
        return false;
    for (;;) {
        long type_len = read_part(text, &at, true, type);
        if (type_len <= 0 || at == text.len || text.ptr[at] != '=')
            return false;
        if (++at < text.len && text.ptr[at] == '#') /* BER in hex */
            return false;
        long value_len = read_part(text, &at, false, value);
        if (value_len < 0 ||
            !dn_add(out, slice_make(type, (size_t)type_len), slice_make(value, (size_t)value_len), rdn))
            return false;
        if (at == text.len)
            return value_len > 0;
        rdn += text.ptr[at++] == ',';
    }
}

static bool attr_equal(const struct dn_attr *a, const struct dn_attr *b)
{
    return a->type.len == b->type.len &&
           strncasecmp((const char *)a->type.ptr, (const char *)b->type.ptr, a->type.len) == 0 &&
           slice_eq(a->value, b->value);
}

/* Do all attributes of one RDN stand in the other, each as often? */
static bool rdn_equal(const struct dn *a, unsigned ra, const struct dn *b, unsigned rb)
{
    uint64_t taken = 0; /* of b's attributes; there are at most 64 */
    size_t in_a = 0, in_b = 0;
    for (size_t i = 0; i < b->count; i++)
        in_b += b->attr[i].rdn == rb;
    for (size_t i = 0; i < a->count; i++) {
        size_t j = 0;
        if (a->attr[i].rdn != ra)
            continue;
        in_a++;
        while (j < b->count &&
               (b->attr[j].rdn != rb || (taken >> j & 1) != 0 || !attr_equal(&a->attr[i], &b->attr[j])))
            j++;
        if (j == b->count)
            return false;
        taken |= (uint64_t)1 << j;
    }
    return in_a == in_b;
}

bool dn_equal(const struct dn *a, const struct dn *b, bool any_order)
{
    uint64_t taken = 0; /* of b's RDNs */
    if (a->rdns != b->rdns)
        return false;
    for (unsigned i = 0; i < a->rdns; i++) {
        unsigned j = any_order ? 0 : i, end = any_order ? b->rdns : i + 1;
        while (j < end && ((taken >> j & 1) != 0 || !rdn_equal(a, i, b, j)))
            j++;
        if (j == end)
            return false;
        taken |= (uint64_t)1 << j;
    }
    return true;
}
