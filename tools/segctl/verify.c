/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl verify: does the kernel hold exactly what was applied, and does nothing go around it? */

#include <stdio.h>

#include "remote.h"
#include "reply.h"
#include "status.h"
#include "words.h"

static int print_verified(const json_t *reply, bool colour)
{
    const json_t *differences = json_object_get(reply, "differences");
    const json_t *findings = json_object_get(reply, "findings");
    json_t *difference;
    size_t i, n = json_array_size(differences);

    if (n == 0)
        words_coloured(stdout, colour, "1;32", "the kernel holds exactly what was applied");
    else
        words_coloured(stdout, colour, "1;31", "THE KERNEL DOES NOT HOLD WHAT WAS APPLIED");
    if (reply_has(reply, "generation"))
        printf(": generation %" JSON_INTEGER_FORMAT, reply_number(reply, "generation"));
    putchar('\n');

    json_array_foreach(differences, i, difference)
    {
        fputs("  ", stdout);
        words_text(stdout, reply_text(difference, "object"));
        fputs(": ", stdout);
        words_text(stdout, reply_text(difference, "message"));
        putchar('\n');
    }
    status_print_findings(findings, colour);
    return 0;
}

int run_verify(const struct command *command, int argc, char **argv)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, NULL, 0, 0, &exit_code))
        return exit_code;
    exit_code = remote_call(&remote, "Verify", &reply);
    if (exit_code != EXIT_YES)
        return exit_code;

    if (!reply_true(reply, "ok") || status_is_critical(json_object_get(reply, "findings")))
        exit_code = EXIT_NO;
    return remote_print(&remote, reply, print_verified, exit_code);
}
