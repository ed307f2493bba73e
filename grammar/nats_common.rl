/* nats_common.rl: what the text protocols of NATS (client, server to client, route, gateway, leaf) have in common.
 *
 * A line is a verb in any letter case, blanks (space or tab), arguments, LF; one CR before the LF is not part of
 * it. Included by machines whose exec function has these in scope:
 *
 *     struct codec_line *ln       what has been found so far, in offsets from `base`
 *     const uint8_t *base         the first byte of the message
 *     size_t argc                 arguments begun, a copy of ln->argc
 *     const uint8_t *p, *pe       Ragel's own
 *
 * and whose `main` ends each line with an action that does fbreak. */
%%{
    machine nats_common;
    alphtype unsigned char;

    action arg_begin {
        ln->tok[argc < CODEC_LINE_TOKENS ? argc : CODEC_LINE_TOKENS - 1].at = (size_t)(p - base);
        argc++;
        p = codec_line_run(p, pe);
    }
    action arg_end {
        ln->tok[argc <= CODEC_LINE_TOKENS ? argc - 1 : CODEC_LINE_TOKENS - 1].end = (size_t)(p - base);
    }
    action odd { ln->odd = true; }

    ws = [ \t];
    rest_of_line = (any - '\n')* '\n';

    # Text that is not taken apart here. Its first byte is whatever is not a blank, even an LF: then the next LF
    # ends the line. Whether a CR stands in it is found out when it is complete, so it counts as `odd`.
    raw = ws* ( any - ws ) >arg_begin >odd rest_of_line;

    # Arguments between blanks. They are counted, and judged by their number when the line is complete. A CR
    # that is not the one before the LF, or a CR or LF in the first place, makes a line `odd`: it is taken
    # apart again when it is complete (codec_line_split).
    arg  = ( any - [ \t\r\n] )+ >arg_begin %arg_end;
    args = ws* ( arg ( ws+ arg )* ws* ( '\n' | '\r' ( '\n' | ( any - '\n' ) @odd rest_of_line ) )
               | [\r\n] >arg_begin >odd rest_of_line );

    # Everything to the end of the line is ignored, however long.
    ignored = rest_of_line;
}%%
