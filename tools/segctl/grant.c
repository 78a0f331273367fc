/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl suspend, resume, grant and revoke: what an operator takes away from the policy, or adds to
 * it, for a while. */

#include <stdio.h>

#include "base/instant.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

/* And how to end it before its time. */
static int print_begun(const struct override_reply *reply, const char *command, bool colour)
{
    reply_print_override(&reply->override, colour);
    words_print(stdout, "`segctl %s %s` ends it\n", command, reply->override.name);
    return 0;
}

static int print_suspended(const void *reply, bool colour)
{
    return print_begun(reply, "resume", colour);
}

int run_suspend(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true},
    };
    static const struct remote_method method = {"Suspend", &override_reply_type, print_suspended,
                                                .fields = fields, .n_fields = ELEMENTS_OF(fields)};

    return remote_show(command, argc, argv, &method);
}

int run_resume(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
    };
    static const struct remote_method method = {
        "Resume", .done = "resumed: the flow passes as the policy says", .fields = fields,
        .n_fields = ELEMENTS_OF(fields)};

    return remote_show(command, argc, argv, &method);
}

static int print_granted(const void *reply, bool colour)
{
    return print_begun(reply, "revoke", colour);
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
    static const struct remote_method method = {"Grant", &override_reply_type, print_granted,
                                                .fields = fields, .n_fields = ELEMENTS_OF(fields)};

    return remote_show(command, argc, argv, &method);
}

int run_revoke(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "GRANT", .parameter = "grant", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
    };
    static const struct remote_method method = {
        "Revoke",
        .done = "revoked: its connections are cut at the next packet, unless another flow has them",
        .fields = fields, .n_fields = ELEMENTS_OF(fields)};

    return remote_show(command, argc, argv, &method);
}
