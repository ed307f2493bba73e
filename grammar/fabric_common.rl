/* fabric_common.rl: the verbs between servers. Each dialect (route.rl, gateway.rl, leaf.rl) says which it knows;
 * what the arguments of a line mean depends on their number and is found when it is complete (fabric.c). */
%%{
    machine fabric_common;
    include nats_common "nats_common.rl";

    action v_connect { ln->verb = CODEC_VERB_CONNECT; }
    action v_info    { ln->verb = CODEC_VERB_INFO; }
    action v_ping    { ln->verb = CODEC_VERB_PING; }
    action v_pong    { ln->verb = CODEC_VERB_PONG; }
    action v_ok      { ln->verb = CODEC_VERB_OK; }
    action v_err     { ln->verb = CODEC_VERB_ERR; }
    action v_rs_add  { ln->verb = CODEC_VERB_RS_ADD; }
    action v_rs_del  { ln->verb = CODEC_VERB_RS_DEL; }
    action v_ls_add  { ln->verb = CODEC_VERB_LS_ADD; }
    action v_ls_del  { ln->verb = CODEC_VERB_LS_DEL; }
    action v_sub     { ln->verb = CODEC_VERB_SUB; }
    action v_unsub   { ln->verb = CODEC_VERB_UNSUB; }
    action v_a_add   { ln->verb = CODEC_VERB_A_ADD; }
    action v_a_del   { ln->verb = CODEC_VERB_A_DEL; }
    action v_rmsg    { ln->verb = CODEC_VERB_RMSG; }
    action v_hmsg    { ln->verb = CODEC_VERB_HMSG; }
    action v_lmsg    { ln->verb = CODEC_VERB_LMSG; }
    action done      { fbreak; }

    session = 'connect'i @v_connect raw
            | 'info'i    @v_info    raw
            | '-err'i ws @v_err     raw
            | 'ping'i    @v_ping    ignored
            | 'pong'i    @v_pong    ignored
            | '+ok'i     @v_ok      ignored;

    rs      = 'rs+'i ws @v_rs_add args | 'rs-'i ws @v_rs_del args;
    ls      = 'ls+'i ws @v_ls_add args | 'ls-'i ws @v_ls_del args;
    sub     = 'sub'i ws @v_sub args    | 'unsub'i ws @v_unsub args;
    account = 'a+'i ws @v_a_add raw    | 'a-'i ws @v_a_del raw;
    rmsg    = 'rmsg'i ws @v_rmsg args;
    hmsg    = 'hmsg'i ws @v_hmsg args;
    lmsg    = 'lmsg'i ws @v_lmsg args;
}%%
