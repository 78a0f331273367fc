/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl isolate, release, suspend, resume, grant and revoke: what an operator takes away from the
 * policy, or adds to it, for a while. A second person lets an isolated zone back in. */

#include <inttypes.h>
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

static int print_suspended(const void *record, const struct screen *screen)
{
    const struct override_reply *reply = record;

    if (reply->n_approved > 0) {
        fputs("part of what it approves still passes by ", stdout);
        reply_write_list(stdout, reply->approved, reply->n_approved);
        if (reply->left_out > 0)
            printf(" and %" PRIu64 " more", reply->left_out);
        putchar('\n');
    }
    return print_begun(reply, "resume", screen->colour);
}

const struct remote_method suspend_method = {
    "Suspend", &suspend_reply_type, print_suspended,
    .fields = {{.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true}}};

const struct remote_method resume_method = {
    "Resume", .done = "resumed: the flow passes as the policy says",
    .fields = {{.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT}}};

static int print_granted(const void *reply, const struct screen *screen)
{
    return print_begun(reply, "revoke", screen->colour);
}

const struct remote_method grant_method = {
    "Grant", &override_reply_type, print_granted,
    .fields = {
        {.option = "from", .parameter = "from", .kind = FIELD_TEXTS, .required = true},
        {.option = "to", .parameter = "to", .kind = FIELD_TEXTS, .required = true},
        {.option = "service", .parameter = "services", .kind = FIELD_TEXTS, .required = true},
        {.option = "for", .parameter = "seconds", .kind = FIELD_SPAN, .required = true},
        {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true}}};

const struct remote_method revoke_method = {
    "Revoke",
    .done = "revoked: its connections are cut at the next packet, unless another flow has them",
    .fields = {{.title = "GRANT", .parameter = "grant", .kind = FIELD_TEXT, .required = true},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT}}};

static int print_isolated(const void *record, const struct screen *screen)
{
    const struct override_reply *reply = record;

    reply_print_override(&reply->override, screen->colour);
    words_print(stdout, "evidence: %s\nanother person ends it: `segctl release %s`\n",
                reply->evidence ? reply->evidence : "none; see `segctl status`",
                reply->override.name);
    return 0;
}

const struct remote_method isolate_method = {
    "Isolate", &isolate_reply_type, print_isolated,
    .fields = {{.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true},
               {.option = "for", .parameter = "seconds", .kind = FIELD_SPAN},
               {.option = "keep", .parameter = "keep", .kind = FIELD_TEXTS}}};

const struct remote_method release_method = {
    "Release", .done = "released: the flows of the zone pass again",
    .fields = {{.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
               {.option = "alone", .parameter = "alone", .kind = FIELD_FLAG}}};
