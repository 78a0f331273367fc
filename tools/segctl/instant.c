/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Answers depend on the day, since approvals expire; `--at` asks for another day than today.
 */

#include "instant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int instant_read(const struct command *command, const struct policy *policy, const char *text,
                 usec_t *ret_instant)
{
    struct date date;
    usec_t end;

    if (!text) {
        *ret_instant = calendar_now();
        return EXIT_YES;
    }
    if (date_parse(text, &date) < 0 || date_end(date, policy->timezone, &end) < 0)
        return command_usage(command, "`%s` is not a date such as 2027-03-31", text);

    *ret_instant = end - 1;
    return EXIT_YES;
}

int instant_failed(int error)
{
    if (error == -ENOMEM)
        return command_no_memory();

    fprintf(stderr, "segctl: the time zone of the policy cannot be read: %s\n", strerror(-error));
    return EXIT_FAILED;
}
