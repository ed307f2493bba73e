/* Texts of -h and --help_tls. Whoever scripts around the Go server's -h gets the same bytes. */
#include "base/arena.h"
#include "server/flags.h"
#include "server/tls_names.h"

const char flags_usage[] =
    "\n"
    "Usage: nats-server [options]\n"
    "\n"
    "Server Options:\n"
    "    -a, --addr, --net <host>         Bind to host address (default: 0.0.0.0)\n"
    "    -p, --port <port>                Use port for clients (default: 4222)\n"
    "    -n, --name\n"
    "        --server_name <server_name>  Server name (default: auto)\n"
    "    -P, --pid <file>                 File to store PID\n"
    "    -m, --http_port <port>           Use port for http monitoring\n"
    "    -ms,--https_port <port>          Use port for https monitoring\n"
    "    -c, --config <file>              Configuration file\n"
    "    -t                               Test configuration and exit\n"
    "    -sl,--signal <signal>[=<pid>]    Send signal to nats-server process (ldm, stop, quit, term, reopen, "
    "reload)\n"
    "                                     <pid> can be either a PID (e.g. 1) or the path to a PID file (e.g. "
    "/var/run/nats-server.pid)\n"
    "        --client_advertise <string>  Client URL to advertise to other servers\n"
    "        --ports_file_dir <dir>       Creates a ports file in the specified directory "
    "(<executable_name>_<pid>.ports).\n"
    "\n"
    "Logging Options:\n"
    "    -l, --log <file>                 File to redirect log output\n"
    "    -T, --logtime                    Timestamp log entries (default: true)\n"
    "        --logtime_utc                Timestamps in UTC instead of local timezone (default: false)\n"
    "    -s, --syslog                     Log to syslog or windows event log\n"
    "    -r, --remote_syslog <addr>       Syslog server addr (udp://localhost:514)\n"
    "    -D, --debug                      Enable debugging output\n"
    "    -V, --trace                      Trace the raw protocol\n"
    "    -VV                              Verbose trace (traces system account as well)\n"
    "    -DV                              Debug and trace\n"
    "    -DVV                             Debug and verbose trace (traces system account as well)\n"
    "        --log_size_limit <limit>     Logfile size limit (default: auto)\n"
    "        --max_traced_msg_len <len>   Maximum printable length for traced messages (default: unlimited)\n"
    "\n"
    "JetStream Options:\n"
    "    -js, --jetstream                 Enable JetStream functionality\n"
    "    -sd, --store_dir <dir>           Set the storage directory\n"
    "\n"
    "Authorization Options:\n"
    "        --user <user>                User required for connections\n"
    "        --pass <password>            Password required for connections\n"
    "        --auth <token>               Authorization token required for connections\n"
    "\n"
    "TLS Options:\n"
    "        --tls                        Enable TLS, do not verify clients (default: false)\n"
    "        --tlscert <file>             Server certificate file\n"
    "        --tlskey <file>              Private key for server certificate\n"
    "        --tlsverify                  Enable TLS, verify client certificates\n"
    "        --tlscacert <file>           Client certificate CA for verification\n"
    "\n"
    "Cluster Options:\n"
    "        --routes <rurl-1, rurl-2>    Routes to solicit and connect\n"
    "        --cluster <cluster-url>      Cluster URL for solicited routes\n"
    "        --cluster_name <string>      Cluster Name, if not set one will be dynamically generated\n"
    "        --no_advertise <bool>        Do not advertise known cluster information to clients\n"
    "        --cluster_advertise <string> Cluster URL to advertise to other servers\n"
    "        --connect_retries <number>   For implicit routes, number of connect retries\n"
    "        --cluster_listen <url>       Cluster url from which members can solicit routes\n"
    "\n"
    "Profiling Options:\n"
    "        --profile <port>             Profiling HTTP port\n"
    "\n"
    "Common Options:\n"
    "    -h, --help                       Show this message\n"
    "    -v, --version                    Show version\n"
    "        --help_tls                   TLS help\n"
    "\n";

static const char tls_example[] =
    "\n"
    "TLS is configured in the tls section of the configuration file, for example:\n"
    "\n"
    "    tls {\n"
    "        cert_file: \"./certs/server.pem\"\n"
    "        key_file:  \"./certs/server-key.pem\"\n"
    "        ca_file:   \"./certs/ca.pem\"\n"
    "        verify:    true\n"
    "\n"
    "        cipher_suites: [ \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\" ]\n"
    "        curve_preferences: [ \"X25519\", \"CurveP256\" ]\n"
    "    }\n"
    "\n";

static slice add_names(struct arena *arena, slice text, const char *title, const struct tls_name *names,
                       size_t count)
{
    text = arena_printf(arena, "%.*sAvailable %s include:\n", (int)text.len, (const char *)text.ptr, title);
    for (size_t i = 0; i < count; i++)
        text = arena_printf(arena, "%.*s    %s\n", (int)text.len, (const char *)text.ptr, names[i].go);
    return text;
}

slice flags_tls_help(struct arena *arena)
{
    slice text = add_names(arena, slice_str(tls_example), "cipher suites", tls_suites, tls_suite_count);
    text = arena_printf(arena, "%.*s\n", (int)text.len, (const char *)text.ptr);
    return add_names(arena, text, "curve preferences", tls_curves, tls_curve_count);
}
