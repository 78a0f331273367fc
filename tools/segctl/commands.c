/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of commands: what each is called, what it takes and what it answers. */

#include "base/cleanup.h"
#include "command.h"
#include "control/client.h"

#define HELP_PATH                                                                                  \
    "  PATH             a policy file, or a directory of *.yaml files\n"                           \
    "                   (default " POLICY_PATH_DEFAULT ")\n"
#define HELP_SENT_PATH                                                                             \
    "  PATH             a policy file, or a directory of *.yaml files\n"                           \
    "                   (default: what segd itself reads)\n"
#define HELP_FILES                                                                                 \
    "  --policy PATH    a policy file, or a directory of *.yaml files\n"                           \
    "                   (default " POLICY_PATH_DEFAULT ")\n"
#define HELP_RUNNING                                                                               \
    "  --policy PATH    of a policy file, or a directory of *.yaml files, without\n"               \
    "                   segd (default: of the policy that segd enforces now)\n"
#define HELP_AT                                                                                    \
    "  --at TIME        as at that time, in the time zone of the policy: 2027-03-31\n"             \
    "                   (as that day ends) or 2027-03-31T08:30\n"
#define HELP_JSON "  --json           print the result as JSON\n"
#define HELP_SOCKET "  --socket PATH    where segd answers (default " CONTROL_SOCKET_DEFAULT ")\n"
#define HELP_REMOTE HELP_SOCKET HELP_JSON
/* Of what is shown as a table or a screen. */
#define HELP_SHOWN                                                                                 \
    "  --wide           show all columns and lines, also those that the terminal has no\n"         \
    "                   room for\n" HELP_REMOTE
#define HELP_REASON "  --reason TEXT    why, for the audit log\n"

const struct command commands[] = {
    {GROUP_OFFLINE, "check", "[--json] [PATH]",
     "is the policy valid, and does it do what it expects?", HELP_PATH HELP_JSON, .run = run_check},
    {GROUP_OFFLINE, "show",
     "[--nftables] [--json] [--policy PATH | --generation N [--socket PATH]]",
     "print the policy in its canonical form",
     HELP_FILES "  --generation N   one that segd keeps, as history shows it, without what was\n"
                "                   granted; or `current`\n" HELP_SOCKET
                "  --nftables       print the table that segd gives the kernel for it\n"
                "  --json           print the text within a JSON object\n",
     .run = run_show},
    {GROUP_OFFLINE, "rehearse", "[--at TIME] [--json] [PATH]",
     "does the kernel do what the policy says? with real packets in a sandbox",
     HELP_PATH HELP_AT HELP_JSON, .run = run_rehearse},
    {GROUP_READ, "status", "[--wide] [--socket PATH] [--json]",
     "what is enforced since when and by whom, and what needs a person?",
     HELP_SHOWN "\nExit code 1 means lockdown, or a critical finding.\n", .run = run_status},
    {GROUP_READ, "zones", "[--wide] [--socket PATH] [--json]",
     "which zones are up, with their interfaces and networks?", HELP_SHOWN,
     .method = &zones_method},
    {GROUP_READ, "flows", "[--wide] [--socket PATH] [--json] [FLOW...]",
     "which flows pass, why not, and what did they carry?",
     "  FLOW             these flows only\n" HELP_SHOWN, .method = &flows_method},
    {GROUP_READ, "matrix", "[--json] [--socket PATH | --policy PATH] [--at TIME] [-l] [FROM [TO]]",
     "which zone may open connections to which?",
     "  FROM, TO         the flows from this zone, to this zone; `gateway` is the\n"
     "                   machine itself, where the policy protects it\n"
     "  -l, --list       the flows of all pairs of zones, a line for each\n" HELP_RUNNING HELP_AT
         HELP_REMOTE,
     .run = run_matrix},
    {GROUP_READ, "graph", "[--svg] [--policy PATH] [--at TIME] [--socket PATH] [--json]",
     "the zones and what may pass between them, as text or as a picture",
     "  --svg            print a picture: segctl graph --svg >city.svg\n" HELP_RUNNING HELP_AT
         HELP_REMOTE,
     .run = run_graph},
    {GROUP_READ, "explain",
     "[--json] [--socket PATH | --policy PATH] [--at TIME] [-4 | -6] FROM TO SERVICE",
     "would this pass, by which line of the policy, and if not, why not?",
     "  FROM, TO         an address, or the name of a host, a group or a zone,\n"
     "                   or `gateway`\n"
     "  SERVICE          the name of a service, or a literal such as tcp/443\n" HELP_RUNNING HELP_AT
     "  -4, --ipv4       over IPv4 (the first choice where both are possible)\n"
     "  -6, --ipv6       over IPv6\n" HELP_REMOTE,
     .run = run_explain},
    {GROUP_READ, "connections",
     "[--zone Z] [--flow F] [--host H] [--cut] [--follow] [--socket PATH] [--json]",
     "which connections are open, through which flow, between whom?",
     "  --zone Z         with an end in this zone; `gateway` is the machine itself\n"
     "  --flow F         of this flow\n"
     "  --host H         with an end at this host or group, or in this address or prefix\n"
     "  --cut            only those that do not pass any more\n"
     "  --follow         go on with each new connection, seen every two seconds\n" HELP_SOCKET
     "  --json           print the result as JSON; with --follow a line for each connection\n",
     .run = run_connections},
    {GROUP_READ, "drops", "[--wide] [--socket PATH] [--json]",
     "what was refused, between which zones and why?", HELP_SHOWN, .method = &drops_method},
    {GROUP_READ, "top", "[--socket PATH]", "which flows carry most, now? on a terminal",
     HELP_SOCKET "\nKeys: q quit; b, p, t, n order by bytes, packets, total, name; + - interval;\n"
                 "j k scroll; space pause.\n",
     .run = run_top},
    {GROUP_READ, "denials",
     "[--zone Z] [--since TIME] [--reason R] [--limit N] [--follow] [--wide]\n"
     "       [--socket PATH] [--json]",
     "who is refused what, and what would have to be approved?",
     "  --zone Z         from or to this zone, or `gateway`\n"
     "  --since TIME     within the last time (10m, 2h)\n"
     "  --reason R       for this reason, such as no-flow\n"
     "  --limit N        the latest N (default 20, with --json 1000, the most)\n"
     "  --follow         go on with what is refused, at most once a second; what is\n"
     "                   needed is told by the policy that was enforced at first\n" HELP_SOCKET
     "  --json           print JSON; with --follow a line for each\n",
     .run = run_denials},
    {GROUP_READ, "expiring", "[--wide] [--socket PATH] [--json]", "which flows end within 60 days?",
     HELP_SHOWN, .method = &expiring_method},
    {GROUP_READ, "health", "[--days N] [--live PERCENT] [--socket PATH] [--json]",
     "is anything wrong? in one line, for Nagios and its like",
     "  --days N         a flow that ends within N days is a warning (default 30, at\n"
     "                   most 60)\n"
     "  --live PERCENT   so are fewer flows live than that (default 50)\n" HELP_REMOTE
     "\nExit codes: 0 all is well, 1 degraded, 2 critical, 3 segd does not tell. Nothing is\n"
     "written to stderr.\n",
     .run = run_health},
    {GROUP_READ, "metrics", "[--openmetrics] [--textfile PATH] [--socket PATH] [--json]",
     "counters and states as text for Prometheus",
     "  --openmetrics    in the format of OpenMetrics 1.0\n"
     "  --textfile PATH  into this file (*.prom), for node_exporter\n" HELP_SOCKET
     "  --json           print the text within a JSON object\n",
     .run = run_metrics},
    {GROUP_CHANGE, "plan", "[--socket PATH] [--json] [PATH]",
     "what would change with these files, and which connections be cut?",
     HELP_SENT_PATH HELP_REMOTE, .method = &plan_method},
    {GROUP_CHANGE, "apply", "[--confirm TIME] [--reason TEXT] [--socket PATH] [--json] [PATH]",
     "enforce these files as a new generation",
     HELP_SENT_PATH "  --confirm TIME   go back after this time (2m, 1h30m), unless somebody runs\n"
                    "                   segctl confirm\n" HELP_REASON HELP_REMOTE,
     .method = &apply_method},
    {GROUP_CHANGE, "confirm", "[--socket PATH] [--json]",
     "keep the generation that waits to be confirmed", HELP_REMOTE, .method = &confirm_method},
    {GROUP_CHANGE, "rollback", "[--reason TEXT] [--socket PATH] [--json] [N]",
     "enforce the policy of an earlier generation again",
     "  N                its number (default: the one before)\n" HELP_REASON HELP_REMOTE,
     .method = &rollback_method},
    {GROUP_CHANGE, "isolate",
     "--reason TEXT [--for TIME] [--keep FLOW]... [--socket PATH] [--json] ZONE",
     "cut a zone off from all others at the next packet, or more strictly than it is",
     HELP_REASON "  --for TIME       release it by itself after this time (2h, 1d)\n"
                 "  --keep FLOW      a flow that goes on, and those that it covers; several "
                 "times\n" HELP_REMOTE,
     .run = run_isolate},
    {GROUP_CHANGE, "release", "[--reason TEXT] [--alone] [--socket PATH] [--json] ZONE",
     "end an isolation, by somebody who did not isolate the zone",
     HELP_REASON "  --alone          by one who isolated it, for root with a reason\n" HELP_REMOTE,
     .method = &release_method},
    {GROUP_CHANGE, "suspend", "--reason TEXT [--socket PATH] [--json] FLOW",
     "let a flow pass no more, until it is resumed", HELP_REASON HELP_REMOTE, .run = run_suspend},
    {GROUP_CHANGE, "resume", "[--reason TEXT] [--socket PATH] [--json] FLOW", "end a suspension",
     HELP_REASON HELP_REMOTE, .method = &resume_method},
    {GROUP_CHANGE, "grant",
     "--from X --to Y --service S --for TIME --reason TEXT [--socket PATH] [--json]",
     "let something pass for a while that the policy does not have",
     "  --from, --to     an address, or the name of a host, a group or a zone;\n"
     "                   may be given several times\n"
     "  --service S      a name or a literal such as tcp/443; may be given several times\n"
     "  --for TIME       how long (30m, 8h)\n" HELP_REASON HELP_REMOTE,
     .method = &grant_method},
    {GROUP_CHANGE, "revoke", "[--reason TEXT] [--socket PATH] [--json] GRANT",
     "end a grant before its time",
     "  GRANT            its name, as status shows it (grant-3)\n" HELP_REASON HELP_REMOTE,
     .method = &revoke_method},
    {GROUP_EVIDENCE, "history", "[--wide] [--socket PATH] [--json]",
     "which generations are kept: who applied them, when and why?", HELP_SHOWN,
     .method = &history_method},
    {GROUP_EVIDENCE, "diff", "[--socket PATH] [--json] N M",
     "what changed from one generation to another?",
     "  N, M             their numbers, as history shows them\n" HELP_REMOTE,
     .method = &diff_method},
    {GROUP_EVIDENCE, "verify", "[--socket PATH] [--json]",
     "does the kernel hold exactly what was applied?",
     HELP_REMOTE "\nExit code 1 means differences, or a critical finding.\n",
     .method = &verify_method},
    {GROUP_EVIDENCE, "log", "[--since TIME] [--wide] [--socket PATH] [--json]",
     "what happened, in order: changes, what time did, what others did, findings",
     "  --since TIME     a span (2h, 7d; default 1d), or a time on the clock of the\n"
     "                   terminal: 2026-11-23T08:30, or the beginning of a day\n" HELP_SHOWN,
     .run = run_log},
    {GROUP_EVIDENCE, "incident",
     "list [--wide] [--socket PATH] [--json]\n"
     "       segctl incident show [--socket PATH] [--json] INCIDENT\n"
     "       segctl incident export [--output DIR] [--socket PATH] [--json] INCIDENT",
     "what was the case when a zone was isolated?",
     "  INCIDENT         its name, as list shows it and isolate tells it\n"
     "  --output DIR     where its folder is made (default: here)\n" HELP_SHOWN
     "\nExit code 1 of show and export means that the evidence is incomplete or damaged.\n",
     .run = run_incident},
    {GROUP_EVIDENCE, "audit",
     "show [--follow] [--after N] [--socket PATH] [--json]\n"
     "       segctl audit verify [--socket PATH] [--json]",
     "who did what, and is the log whole?",
     "  --follow         go on with each new entry\n"
     "  --after N        only entries after that number\n" HELP_SOCKET
     "  --json           print JSON: a line for each entry\n"
     "\nExit code 1 of verify means that the log is not whole.\n",
     .run = run_audit},
};

const size_t n_commands = ELEMENTS_OF(commands);
