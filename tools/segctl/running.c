/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The policy that is enforced, for a command that can also read policy files. The daemon replies
 * with texts and overrides, which are compiled here: so the same code answers for both, and
 * questions cost the daemon no time.
 */

#include "running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static void reply_clear(struct policy_reply *reply)
{
    record_clear(&policy_reply_type, reply);
}

/* Returns 0, -EPROTO or -ENOMEM. */
static int take_overrides(const struct policy_reply *reply, struct overrides *overrides)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < reply->n_overrides; i++) {
        const struct override *override = &reply->overrides[i];

        if (override->kind > OVERRIDE_GRANT || override->since == 0)
            return -EPROTO;
        r = overrides_add(overrides, override);
    }
    return r == -EEXIST ? -EPROTO : r;
}

static int load(struct loaded *loaded, const json_t *json)
{
    cleanup_(reply_clear) struct policy_reply reply = {0};
    struct compiled_input input = {.overrides = &loaded->overrides, .last = COMPILED_DIAGRAM};
    int r = record_decode_reply(&policy_reply_type, json, &reply);

    if (r == 0)
        r = take_overrides(&reply, &loaded->overrides);
    if (r == 0)
        r = diagnostics_new(&loaded->diagnostics);
    input.texts = reply.texts;
    input.n_texts = reply.n_texts;
    return r < 0 ? r : compiled_new(&input, loaded->diagnostics, &loaded->compiled);
}

/* Says why there is no policy. Returns an exit code. */
static int fail(const struct remote *remote, const struct loaded *loaded, int error)
{
    if (error == -ENOMEM)
        return command_no_memory();
    if (error != -EBADMSG)
        return remote_fail(remote, EXIT_FAILED, "failed", NULL, "the reply of segd has no policy");
    if (!remote->json)
        loaded_print(loaded);
    return remote_fail(remote, EXIT_FAILED, "invalid-policy",
                       "segd and segctl are of different versions: restart segd",
                       "the policy that is enforced is not valid for this segctl");
}

int running_or_files(const struct command *command, const char *path, const char *socket, bool json,
                     struct loaded *loaded)
{
    struct remote remote = {.command = command, .socket = socket, .json = json};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code, r;

    if (path)
        return loaded_require(loaded, path, &(struct compiled_input){.last = COMPILED_DIAGRAM},
                              json);

    exit_code = remote_call(&remote, "GetPolicy", &reply);
    if (exit_code == EXIT_UNREACHABLE && !json)
        fputs("  without segd, with policy files: --policy PATH\n", stderr);
    if (exit_code != EXIT_YES)
        return exit_code;

    r = load(loaded, reply);
    return r < 0 ? fail(&remote, loaded, r) : EXIT_YES;
}
