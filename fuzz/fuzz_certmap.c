/* Client certificates and distinguished names: whatever bytes a peer shows as its certificate, and names read
 * as DNs. */
#include "account/certmap.h"
#include "account/dn.h"
#include "fuzz.h"

static void names(slice text)
{
    static struct dn a, b;
    if (!dn_parse(text, &a))
        return;
    fuzz_check(a.count >= 1 && a.rdns >= 1 && a.rdns <= a.count);
    fuzz_check(dn_equal(&a, &a, false) && dn_equal(&a, &a, true));
    size_t comma = 0;
    while (comma < text.len && text.ptr[comma] != ',')
        comma++;
    if (!dn_parse(slice_first(text, comma), &b))
        return;
    fuzz_check(dn_equal(&a, &b, true) == dn_equal(&b, &a, true));
    fuzz_check(!dn_equal(&a, &b, false) || dn_equal(&a, &b, true));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice in = slice_make(data, size);
    names(in);
    struct cert_identity *id = cert_identity_new(in);
    if (id == NULL)
        return 0;
    struct cert_candidate c;
    for (size_t i = 0; cert_candidate(id, i, &c); i++) {
        names(c.text);
        if (c.kind == CERT_DN || c.kind == CERT_SUBJECT)
            fuzz_check(slice_eq(c.text, cert_subject(id)));
        (void)cert_dn_matches(id, c.text, true);
    }
    cert_identity_free(id);
    return 0;
}
