/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl plan, apply, confirm and rollback: from one policy to the next. What is sent are the texts
 * of the files that this caller may read; without a path the daemon reads its own.
 */

#include <inttypes.h>
#include <stdio.h>

#include "base/instant.h"
#include "connections.h"
#include "loaded.h"
#include "remote.h"
#include "reply.h"
#include "words.h"

static void print_cut(const struct change_reply *reply, const char *verb)
{
    if (reply->cut > 0)
        printf("%zu open %s %s cut\n", reply->cut, reply->cut == 1 ? "connection" : "connections",
               verb);
    else
        printf("no open connection %s cut\n", verb);
}

static int print_plan(const void *record, const struct screen *screen)
{
    const struct change_reply *reply = record;
    int r = reply_print_diagnostics(reply->diagnostics, reply->n_diagnostics);

    if (r < 0)
        return r;
    if (!reply->changed) {
        puts("nothing changes: this is what is enforced");
        return 0;
    }
    reply_print_changes(reply, screen->colour);
    reply_print_closings(reply);
    print_cut(reply, "would be");
    connections_print_some(reply->connections, reply->n_connections, reply->cut, screen->colour);
    puts("nothing has changed; `segctl apply` does it");
    return 0;
}

const struct remote_method plan_method = {
    "Plan", &plan_reply_type, print_plan,
    .fields = {{.title = "PATH", .parameter = "texts", .kind = FIELD_POLICY}}};

/* What is to be done now. */
static void print_confirmation(const struct confirmation *waits, bool colour)
{
    char left[SPAN_TEXT_MAX], when[WHEN_MAX];

    if (!waits->pending)
        return;
    putchar('\n');
    words_coloured(stdout, colour, "1;33", "Not confirmed yet.");
    printf(" Within %s, until %s, from a new connection:\n\n  segctl confirm\n\n",
           reply_span(waits->seconds, left), reply_when(waits->deadline_wall, when));
    if (waits->previous > 0)
        printf("Else generation %" PRIu64 " comes back.\n", waits->previous);
    else
        puts("Else nothing passes between zones, as before.");
}

static int print_applied(const void *record, const struct screen *screen)
{
    const struct change_reply *reply = record;
    const struct generation *generation = &reply->generation;
    int r;

    words_coloured(stdout, screen->colour, "1;32", reply->made ? "enforced" : "enforced already");
    printf(": generation %" PRIu64 " (", generation->number);
    reply_write_digest(stdout, generation->fingerprint);
    putchar(')');
    if (generation->source > 0)
        printf(", the policy of generation %" PRIu64, generation->source);
    putchar('\n');

    r = reply_print_diagnostics(reply->diagnostics, reply->n_diagnostics);
    if (r < 0)
        return r;
    reply_print_changes(reply, screen->colour);
    reply_print_closings(reply);
    if (!reply->made)
        puts("nothing changes: no generation is made, and nothing waits to be confirmed");
    else if (!reply->changed)
        puts("nothing changes but the text of the policy");
    else
        print_cut(reply, "was");
    print_confirmation(&reply->confirmation, screen->colour);
    return 0;
}

const struct remote_method apply_method = {
    "Apply", &apply_reply_type, print_applied,
    .fields = {{.option = "confirm", .parameter = "confirm", .kind = FIELD_SPAN},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
               {.title = "PATH", .parameter = "texts", .kind = FIELD_POLICY}}};

static int print_confirmed(const void *record, const struct screen *screen)
{
    const struct confirm_reply *reply = record;

    words_coloured(stdout, screen->colour, "1;32", "confirmed");
    printf(": generation %" PRIu64 " stays\n", reply->generation);
    return 0;
}

const struct remote_method confirm_method = {"Confirm", &confirm_reply_type, print_confirmed};

const struct remote_method rollback_method = {
    "Rollback", &rollback_reply_type, print_applied,
    .fields = {{.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
               {.title = "N", .parameter = "generation", .kind = FIELD_NUMBER}}};
