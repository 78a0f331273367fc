/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl plan, apply, confirm and rollback: from one policy to the next. What is sent are the texts
 * of the files that this caller may read; without a path the daemon reads its own.
 */

#include <stdio.h>

#include "base/instant.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

static void print_cut(const json_t *reply, const char *verb)
{
    json_int_t cut = reply_number(reply, "cut");

    if (cut > 0)
        printf("%" JSON_INTEGER_FORMAT " open %s %s cut\n", cut,
               cut == 1 ? "connection" : "connections", verb);
    else
        printf("no open connection %s cut\n", verb);
}

static int print_plan(const json_t *reply, bool colour)
{
    int r = reply_print_diagnostics(json_object_get(reply, "diagnostics"));

    if (r < 0)
        return r;
    if (!reply_true(reply, "changed")) {
        puts("nothing changes: this is what is enforced");
        return 0;
    }
    reply_print_changes(reply, colour);
    print_cut(reply, "would be");
    puts("nothing has changed; `segctl apply` does it");
    return 0;
}

int run_plan(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "PATH", .parameter = "texts", .kind = FIELD_POLICY},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Plan", print_plan);
}

/* What is to be done now. */
static void print_confirmation(const json_t *confirmation, bool colour)
{
    char left[SPAN_TEXT_MAX], when[WHEN_MAX];

    if (!json_is_object(confirmation))
        return;
    putchar('\n');
    words_coloured(stdout, colour, "1;33", "Not confirmed yet.");
    printf(" Within %s, until %s, from a new connection:\n\n  segctl confirm\n\n",
           reply_span(reply_number(confirmation, "seconds"), left),
           reply_when(reply_text(confirmation, "deadline"), when));
    if (reply_number(confirmation, "previous") > 0)
        printf("Else generation %" JSON_INTEGER_FORMAT " comes back.\n",
               reply_number(confirmation, "previous"));
    else
        puts("Else nothing passes between zones, as before.");
}

static int print_applied(const json_t *reply, bool colour)
{
    const json_t *generation = json_object_get(reply, "generation");
    int r;

    words_coloured(stdout, colour, "1;32",
                   reply_true(reply, "made") ? "enforced" : "enforced already");
    printf(": generation %" JSON_INTEGER_FORMAT " (", reply_number(generation, "number"));
    reply_write_digest(stdout, generation, "fingerprint");
    putchar(')');
    if (reply_number(generation, "source") > 0)
        printf(", the policy of generation %" JSON_INTEGER_FORMAT,
               reply_number(generation, "source"));
    putchar('\n');

    r = reply_print_diagnostics(json_object_get(reply, "diagnostics"));
    if (r < 0)
        return r;
    reply_print_changes(reply, colour);
    if (!reply_true(reply, "made"))
        puts("nothing changes: no generation is made, and nothing waits to be confirmed");
    else if (!reply_true(reply, "changed"))
        puts("nothing changes but the text of the policy");
    else
        print_cut(reply, "was");
    print_confirmation(json_object_get(reply, "confirmation"), colour);
    return 0;
}

int run_apply(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.option = "confirm", .parameter = "confirm", .kind = FIELD_SPAN},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
        {.title = "PATH", .parameter = "texts", .kind = FIELD_POLICY},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Apply", print_applied);
}

static int print_confirmed(const json_t *reply, bool colour)
{
    words_coloured(stdout, colour, "1;32", "confirmed");
    printf(": generation %" JSON_INTEGER_FORMAT " stays\n", reply_number(reply, "generation"));
    return 0;
}

int run_confirm(const struct command *command, int argc, char **argv)
{
    return remote_run(command, argc, argv, NULL, 0, "Confirm", print_confirmed);
}

int run_rollback(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
        {.title = "N", .parameter = "generation", .kind = FIELD_NUMBER},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Rollback", print_applied);
}
