/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl verify: does the kernel hold exactly what was applied, and does nothing go around it? */

#include <inttypes.h>
#include <stdio.h>

#include "remote.h"
#include "reply.h"
#include "status.h"
#include "words.h"

static int print_verified(const void *record, bool colour)
{
    const struct verify_reply *reply = record;

    if (reply->n_differences == 0)
        words_coloured(stdout, colour, "1;32", "the kernel holds exactly what was applied");
    else
        words_coloured(stdout, colour, "1;31", "THE KERNEL DOES NOT HOLD WHAT WAS APPLIED");
    if (reply->generation > 0)
        printf(": generation %" PRIu64, reply->generation);
    putchar('\n');

    for (size_t i = 0; i < reply->n_differences; i++) {
        words_print(stdout, "  %s: %s\n", reply->differences[i].object,
                    reply->differences[i].message);
    }
    status_print_findings(reply->findings, reply->n_findings, colour);
    return 0;
}

static int judge(const void *record)
{
    const struct verify_reply *reply = record;

    return reply->ok && !status_is_critical(reply->findings, reply->n_findings) ? EXIT_YES
                                                                                : EXIT_NO;
}

int run_verify(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {"Verify", &verify_reply_type, print_verified,
                                                .judge = judge};

    return remote_show(command, argc, argv, &method);
}
