/* dn.h: distinguished names, as text (RFC 4514) and as certificates carry them. Private to this folder.
 *
 * A name is a list of RDNs, most specific first; an RDN a list of type and value. Types compare ignoring
 * case, values exactly, the values of one RDN in any order. */
#ifndef ACCOUNT_DN_H
#define ACCOUNT_DN_H

#include <midge/slice.h>

enum {
    DN_ATTRS_MAX = 64, /* types and values of one name */
    DN_TEXT_MAX = 4096,
};

struct dn_attr {
    slice type;
    slice value;
    unsigned rdn; /* number of its RDN, from 0 */
};

struct dn {
    struct dn_attr attr[DN_ATTRS_MAX];
    size_t count;
    unsigned rdns;
    uint8_t text[DN_TEXT_MAX]; /* what the slices point to */
    size_t text_len;
};

/* False when the text is no DN or too large. */
bool dn_parse(slice text, struct dn *out);

/* Adds a type and value, copied, to RDN number `rdn`; false when it is full. */
bool dn_add(struct dn *dn, slice type, slice value, unsigned rdn);

bool dn_equal(const struct dn *a, const struct dn *b, bool any_order);

#endif
