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
#define HELP_JSON "  --json           print the result as JSON\n"
#define HELP_SOCKET "  --socket PATH    where segd answers (default " CONTROL_SOCKET_DEFAULT ")\n"
#define HELP_REMOTE HELP_SOCKET HELP_JSON
#define HELP_REASON "  --reason TEXT    why, for the audit log\n"

const struct command commands[] = {
    {
        .group = GROUP_OFFLINE,
        .name = "check",
        .arguments = "[--json] [PATH]",
        .summary = "is the policy valid, and does it do what it expects?",
        .options = HELP_PATH HELP_JSON,
        .run = run_check,
    },
    {
        .group = GROUP_OFFLINE,
        .name = "show",
        .arguments = "[--nftables] [--json] [--policy PATH]",
        .summary = "print the policy in its canonical form",
        .options =
            HELP_FILES "  --nftables       print the table that segd gives the kernel for it\n"
                       "  --json           print the text within a JSON object\n",
        .run = run_show,
    },
    {
        .group = GROUP_OFFLINE,
        .name = "rehearse",
        .arguments = "[--json] [PATH]",
        .summary = "does the kernel do what the policy says? with real packets in a sandbox",
        .options = HELP_PATH HELP_JSON,
        .run = run_rehearse,
    },
    {
        .group = GROUP_READ,
        .name = "status",
        .arguments = "[--socket PATH] [--json]",
        .summary = "what is enforced since when and by whom, and what needs a person?",
        .options = HELP_REMOTE "\nExit code 1 means lockdown, or a critical finding.\n",
        .run = run_status,
    },
    {
        .group = GROUP_READ,
        .name = "zones",
        .arguments = "[--socket PATH] [--json]",
        .summary = "which zones are up, with their interfaces and networks?",
        .options = HELP_REMOTE,
        .run = run_zones,
    },
    {
        .group = GROUP_READ,
        .name = "flows",
        .arguments = "[--socket PATH] [--json] [FLOW...]",
        .summary = "which flows pass, why not, and what did they carry?",
        .options = "  FLOW             these flows only\n" HELP_REMOTE,
        .run = run_flows,
    },
    {
        .group = GROUP_READ,
        .name = "matrix",
        .arguments = "[--json] [--socket PATH | --policy PATH] [--at DATE] [-l] [FROM [TO]]",
        .summary = "which zone may open connections to which?",
        .options =
            "  FROM, TO         the flows from this zone, to this zone; `gateway` is the\n"
            "                   machine itself, where the policy protects it\n"
            "  -l, --list       the flows of all pairs of zones, a line for each\n" HELP_RUNNING
            "  --at DATE        as on that day, for flows that expire\n" HELP_REMOTE,
        .run = run_matrix,
    },
    {
        .group = GROUP_READ,
        .name = "explain",
        .arguments =
            "[--json] [--socket PATH | --policy PATH] [--at DATE] [-4 | -6] FROM TO SERVICE",
        .summary = "would this pass, by which line of the policy, and if not, why not?",
        .options =
            "  FROM, TO         an address, or the name of a host, a group or a zone,\n"
            "                   or `gateway`\n"
            "  SERVICE          the name of a service, or a literal such as tcp/443\n" HELP_RUNNING
            "  --at DATE        as on that day, for flows that expire\n"
            "  -4, --ipv4       over IPv4 (the first choice where both are possible)\n"
            "  -6, --ipv6       over IPv6\n" HELP_REMOTE,
        .run = run_explain,
    },
    {
        .group = GROUP_READ,
        .name = "drops",
        .arguments = "[--socket PATH] [--json]",
        .summary = "what was refused, between which zones and why?",
        .options = HELP_REMOTE,
        .run = run_drops,
    },
    {
        .group = GROUP_READ,
        .name = "expiring",
        .arguments = "[--socket PATH] [--json]",
        .summary = "which flows end within 60 days?",
        .options = HELP_REMOTE,
        .run = run_expiring,
    },
    {
        .group = GROUP_CHANGE,
        .name = "plan",
        .arguments = "[--socket PATH] [--json] [PATH]",
        .summary = "what would change with these files, and which connections be cut?",
        .options = HELP_SENT_PATH HELP_REMOTE,
        .run = run_plan,
    },
    {
        .group = GROUP_CHANGE,
        .name = "apply",
        .arguments = "[--confirm TIME] [--reason TEXT] [--socket PATH] [--json] [PATH]",
        .summary = "enforce these files as a new generation",
        .options = HELP_SENT_PATH
        "  --confirm TIME   go back after this time (2m, 1h30m), unless somebody runs\n"
        "                   segctl confirm\n" HELP_REASON HELP_REMOTE,
        .run = run_apply,
    },
    {
        .group = GROUP_CHANGE,
        .name = "confirm",
        .arguments = "[--socket PATH] [--json]",
        .summary = "keep the generation that waits to be confirmed",
        .options = HELP_REMOTE,
        .run = run_confirm,
    },
    {
        .group = GROUP_CHANGE,
        .name = "rollback",
        .arguments = "[--reason TEXT] [--socket PATH] [--json] [N]",
        .summary = "enforce the policy of an earlier generation again",
        .options =
            "  N                its number (default: the one before)\n" HELP_REASON HELP_REMOTE,
        .run = run_rollback,
    },
    {
        .group = GROUP_CHANGE,
        .name = "isolate",
        .arguments = "--reason TEXT [--for TIME] [--keep FLOW]... [--socket PATH] [--json] ZONE",
        .summary = "cut a zone off from all others at the next packet",
        .options = HELP_REASON
        "  --for TIME       release it by itself after this time (2h, 1d)\n"
        "  --keep FLOW      a flow that goes on; may stand there several times\n" HELP_REMOTE,
        .run = run_isolate,
    },
    {
        .group = GROUP_CHANGE,
        .name = "release",
        .arguments = "[--reason TEXT] [--alone] [--socket PATH] [--json] ZONE",
        .summary = "end an isolation, by another person than who began it",
        .options = HELP_REASON
        "  --alone          by the same person, for root with a reason\n" HELP_REMOTE,
        .run = run_release,
    },
    {
        .group = GROUP_CHANGE,
        .name = "suspend",
        .arguments = "--reason TEXT [--socket PATH] [--json] FLOW",
        .summary = "let a flow pass no more, until it is resumed",
        .options = HELP_REASON HELP_REMOTE,
        .run = run_suspend,
    },
    {
        .group = GROUP_CHANGE,
        .name = "resume",
        .arguments = "[--reason TEXT] [--socket PATH] [--json] FLOW",
        .summary = "end a suspension",
        .options = HELP_REASON HELP_REMOTE,
        .run = run_resume,
    },
    {
        .group = GROUP_CHANGE,
        .name = "grant",
        .arguments =
            "--from X --to Y --service S --for TIME --reason TEXT [--socket PATH] [--json]",
        .summary = "let something pass for a while that the policy does not have",
        .options = "  --from, --to     an address, or the name of a host, a group or a zone;\n"
                   "                   may stand there several times\n"
                   "  --service S      a name or a literal such as tcp/443; also several times\n"
                   "  --for TIME       how long (30m, 8h)\n" HELP_REASON HELP_REMOTE,
        .run = run_grant,
    },
    {
        .group = GROUP_CHANGE,
        .name = "revoke",
        .arguments = "[--reason TEXT] [--socket PATH] [--json] GRANT",
        .summary = "end a grant before its time",
        .options =
            "  GRANT            its name, as status shows it (grant-3)\n" HELP_REASON HELP_REMOTE,
        .run = run_revoke,
    },
    {
        .group = GROUP_EVIDENCE,
        .name = "history",
        .arguments = "[--socket PATH] [--json]",
        .summary = "which generations are kept: who applied them, when and why?",
        .options = HELP_REMOTE,
        .run = run_history,
    },
    {
        .group = GROUP_EVIDENCE,
        .name = "diff",
        .arguments = "[--socket PATH] [--json] N M",
        .summary = "what changed from one generation to another?",
        .options = "  N, M             their numbers, as history shows them\n" HELP_REMOTE,
        .run = run_diff,
    },
    {
        .group = GROUP_EVIDENCE,
        .name = "verify",
        .arguments = "[--socket PATH] [--json]",
        .summary = "does the kernel hold exactly what was applied?",
        .options = HELP_REMOTE "\nExit code 1 means differences, or a critical finding.\n",
        .run = run_verify,
    },
    {
        .group = GROUP_EVIDENCE,
        .name = "audit",
        .arguments = "show [--follow] [--after N] [--socket PATH] [--json]\n"
                     "       segctl audit verify [--socket PATH] [--json]",
        .summary = "who did what, and is the log whole?",
        .options = "  --follow         go on with each new entry\n"
                   "  --after N        only entries behind that number\n" HELP_SOCKET
                   "  --json           print JSON: a line for each entry\n"
                   "\nExit code 1 of verify means that the log is not whole.\n",
        .run = run_audit,
    },
};

const size_t n_commands = ELEMENTS_OF(commands);
