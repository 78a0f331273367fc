/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl suspend, resume, grant and revoke: what an operator takes away from the policy, or adds to
 * it, for a while. */

#include <stdio.h>

#include "base/instant.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

/* How to end it before its time. */
static void print_end(const char *command, const json_t *override)
{
    printf("`segctl %s ", command);
    words_text(stdout, reply_text(override, "name"));
    puts("` ends it");
}

static int print_suspended(const json_t *reply, bool colour)
{
    const json_t *override = json_object_get(reply, "override");

    reply_print_override(override, colour);
    print_end("resume", override);
    return 0;
}

int run_suspend(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Suspend", print_suspended);
}

static int print_resumed(const json_t *reply, bool colour)
{
    (void)reply;
    (void)colour;
    puts("resumed: the flow passes as the policy says");
    return 0;
}

int run_resume(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Resume", print_resumed);
}

static int print_granted(const json_t *reply, bool colour)
{
    const json_t *override = json_object_get(reply, "override");

    reply_print_override(override, colour);
    print_end("revoke", override);
    return 0;
}

int run_grant(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.option = "from", .parameter = "from", .kind = FIELD_TEXTS, .required = true},
        {.option = "to", .parameter = "to", .kind = FIELD_TEXTS, .required = true},
        {.option = "service", .parameter = "services", .kind = FIELD_TEXTS, .required = true},
        {.option = "for", .parameter = "seconds", .kind = FIELD_SPAN, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Grant", print_granted);
}

static int print_revoked(const json_t *reply, bool colour)
{
    (void)reply;
    (void)colour;
    puts("revoked: its connections are cut at the next packet, unless another flow has them");
    return 0;
}

int run_revoke(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "GRANT", .parameter = "grant", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Revoke", print_revoked);
}
