/* leaf.rl: the lines of leaf nodes (docs/spec/fabric.md, section 5). */
#include "codec/fabric.h"

%%{
    machine leaf;
    include fabric_common "fabric_common.rl";
    variable cs ln->cs;

    main := ( session | ls | rs | sub | account | lmsg | rmsg | hmsg ) @done;
}%%

%% write data noentry;

enum codec_line_rc codec_leaf_scan(struct codec_line *ln, slice in)
{
    if (in.len == 0)
        return CODEC_LINE_MORE;
    const uint8_t *base = in.ptr, *p = base + ln->pos, *pe = base + in.len;
    size_t argc = ln->argc;
    if (codec_line_is_new(ln)) {
        %% write init;
    }
    %% write exec;
    ln->pos = (size_t)(p - base);
    ln->argc = argc;
    if (ln->cs >= leaf_first_final)
        return CODEC_LINE_DONE;
    return ln->cs == leaf_error ? CODEC_LINE_BAD : CODEC_LINE_MORE;
}
