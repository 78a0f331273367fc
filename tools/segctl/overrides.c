/* SPDX-License-Identifier: GPL-2.0-or-later */

/* segctl isolate, release, suspend, resume, grant and revoke: what an operator takes away from the
 * policy, or adds to it, for a while. A second person lets an isolated zone back in. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/instant.h"
#include "connections.h"
#include "loaded.h"
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

/* What a closing has cut: the connections that do not pass any more. They are asked for when it is
 * done, so that it waits for nothing; the instant is that of the commit. `cut_json` NULL: segd did
 * not tell. Returns 0 or -ENOMEM. */
static int print_receipt(const json_t *reply, const json_t *cut_json, bool colour)
{
    struct connections_reply cut = {0};
    const char *closed = reply_text(reply, "closed");
    uint64_t n;

    if (!cut_json || !closed[0])
        return 0;
    if (record_decode_reply(&connections_reply_type, cut_json, &cut) < 0)
        return -ENOMEM;
    n = cut.n_connections + cut.left_out;
    if (n == 0)
        puts("no open connection was cut");
    else
        words_print(stdout, "cut %" PRIu64 " open %s; after %s nothing passed\n", n,
                    n == 1 ? "connection" : "connections", closed);
    connections_print_some(cut.connections, cut.n_connections, n, colour);
    record_clear(&connections_reply_type, &cut);
    return 0;
}

/* Closes, and says what that cut. Returns an exit code. */
static int run_closing(const struct command *command, int argc, char **argv,
                       const struct remote_method *method, const char *key)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(json_decrefp) json_t *reply = NULL, *parameters = NULL, *cut = NULL;
    int exit_code;

    if (!remote_begin(&remote, command, argc, argv, method, &exit_code))
        return exit_code;
    parameters = json_pack("{s:O, s:b}", key, json_object_get(remote.parameters, key), "cut", 1);
    if (!parameters)
        return command_no_memory();
    exit_code = remote_call(&remote, method->name, &reply);
    if (exit_code != EXIT_YES)
        return exit_code;
    if (!remote.json)
        remote_print(&remote, reply, method);
    fflush(stdout);

    /* An earlier segd says neither. */
    if (reply_has(reply, "closed"))
        remote_try(&remote, "GetConnections", TAKE_PTR(parameters), &cut);
    if (!remote.json)
        return print_receipt(reply, cut, wants_colour(stdout)) < 0 ? command_no_memory() : EXIT_YES;
    if (json_object_set(reply, "cut", cut ? cut : json_null()) < 0)
        return command_no_memory();
    return remote_print(&remote, reply, method);
}

int run_suspend(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {
        "Suspend", &suspend_reply_type, print_suspended,
        .fields = {
            {.title = "FLOW", .parameter = "flow", .kind = FIELD_TEXT, .required = true},
            {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true}}};

    return run_closing(command, argc, argv, &method, "flow");
}

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

int run_isolate(const struct command *command, int argc, char **argv)
{
    static const struct remote_method method = {
        "Isolate", &isolate_reply_type, print_isolated,
        .fields = {
            {.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
            {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT, .required = true},
            {.option = "for", .parameter = "seconds", .kind = FIELD_SPAN},
            {.option = "keep", .parameter = "keep", .kind = FIELD_TEXTS}}};

    return run_closing(command, argc, argv, &method, "zone");
}

const struct remote_method release_method = {
    "Release", .done = "released: the flows of the zone pass again",
    .fields = {{.title = "ZONE", .parameter = "zone", .kind = FIELD_TEXT, .required = true},
               {.option = "reason", .parameter = "reason", .kind = FIELD_TEXT},
               {.option = "alone", .parameter = "alone", .kind = FIELD_FLAG}}};
