/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl isolate and release: a zone is cut off from all others, and let back in by a second
 * person. */

#include <stdio.h>

#include "base/instant.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

static int print_isolated(const json_t *reply, bool colour)
{
    const json_t *override = json_object_get(reply, "override");
    const char *zone = reply_text(override, "name");

    reply_print_override(override, colour);
    fputs("evidence: ", stdout);
    words_text(stdout, reply_text(reply, "evidence"));
    fputs("\na second person ends it: `segctl release ", stdout);
    words_text(stdout, zone);
    puts("`");
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

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Isolate", print_isolated);
}

static int print_released(const json_t *reply, bool colour)
{
    (void)reply;
    (void)colour;
    puts("released: the flows of the zone pass again");
    return 0;
}

int run_release(const struct command *command, int argc, char **argv)
{
    static const struct field fields[] = {
        {.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
        {.option = "alone", .parameter = "alone", .kind = FIELD_FLAG},
    };

    return remote_run(command, argc, argv, fields, ELEMENTS_OF(fields), "Release", print_released);
}
