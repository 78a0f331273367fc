/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl isolate and release: a zone is cut off from all others, and let back in by a second
 * person. */

#include <stdio.h>

#include "base/instant.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

static int print_isolated(const void *record, bool colour)
{
    const struct override_reply *reply = record;

    reply_print_override(&reply->override, colour);
    words_print(stdout, "evidence: %s\na second person ends it: `segctl release %s`\n",
                reply->evidence ? reply->evidence : "none; see `segctl status`",
                reply->override.name);
    return 0;
}

int run_isolate(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true},
        {.option = "for", .parameter = "seconds", .kind = FIELD_SPAN},
        {.option = "keep", .parameter = "keep", .kind = FIELD_TEXTS},
    };
    static const struct remote_method method = {"Isolate", &isolate_reply_type, print_isolated,
                                                .fields = fields, .n_fields = ELEMENTS_OF(fields)};

    return remote_show(command, argc, argv, &method);
}

int run_release(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
        {.option = "alone", .parameter = "alone", .kind = FIELD_FLAG},
    };
    static const struct remote_method method = {
        "Release", .done = "released: the flows of the zone pass again", .fields = fields,
        .n_fields = ELEMENTS_OF(fields)};

    return remote_show(command, argc, argv, &method);
}
