/* route.rl: the lines between servers of one cluster (docs/spec/fabric.md, section 3). */
#include "codec/fabric.h"

%%{
    machine route;
    include fabric_common "fabric_common.rl";
    variable cs ln->cs;

    main := ( session | rs | ls | sub | account | rmsg | hmsg | lmsg ) @done;
}%%

%% write data noentry;

enum codec_line_rc codec_route_scan(struct codec_line *ln, slice in)
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
    if (ln->cs >= route_first_final)
        return CODEC_LINE_DONE;
    return ln->cs == route_error ? CODEC_LINE_BAD : CODEC_LINE_MORE;
}
