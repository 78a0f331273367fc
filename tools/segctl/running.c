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
#include "base/instant.h"

/* Adds one override of the reply. Returns 0, -EPROTO or -ENOMEM. */
static int add_override(struct overrides *overrides, const json_t *json)
{
    const json_t *keep = json_object_get(json, "keep");
    cleanup_(freep) char **names = calloc(json_array_size(keep) + 1, sizeof(*names));
    struct override override = {
        .name = (char *)reply_text(json, "name"),
        .reason = (char *)reply_text(json, "reason"),
        .uid = reply_number(json, "uid"),
        .who = (char *)reply_text(json, "who"),
        .until = USEC_NEVER,
        .n_keep = json_array_size(keep),
        .text = (char *)json_string_value(json_object_get(json, "text")),
    };
    int r;

    if (!names)
        return -ENOMEM;
    override.keep = names;
    for (size_t i = 0; i < override.n_keep; i++) {
        names[i] = (char *)json_string_value(json_array_get(keep, i));
        if (!names[i])
            return -EPROTO;
    }

    if (!override_kind_from_string(reply_text(json, "kind"), &override.kind) ||
        instant_parse(reply_text(json, "since"), &override.since) < 0 ||
        (reply_has(json, "until") && instant_parse(reply_text(json, "until"), &override.until) < 0))
        return -EPROTO;
    r = overrides_add(overrides, &override);
    return r == -EEXIST ? -EPROTO : r;
}

static int read_overrides(const json_t *reply, struct overrides *overrides)
{
    json_t *item;
    size_t i;
    int r = 0;

    json_array_foreach(json_object_get(reply, "overrides"), i, item)
    {
        if (r == 0)
            r = add_override(overrides, item);
    }
    return r;
}

/* The texts borrow the reply; the caller frees the array. */
static int read_texts(const json_t *reply, struct policy_text **ret_texts, size_t *ret_n)
{
    const json_t *list = json_object_get(reply, "texts");
    cleanup_(freep) struct policy_text *texts = calloc(json_array_size(list) + 1, sizeof(*texts));
    json_t *item;
    size_t i;

    if (!texts)
        return -ENOMEM;
    json_array_foreach(list, i, item)
    {
        const json_t *text = json_object_get(item, "text");

        if (!json_is_string(text))
            return -EPROTO;
        texts[i] = (struct policy_text){
            .name = reply_text(item, "name"),
            .text = json_string_value(text),
            .size = json_string_length(text),
        };
    }
    *ret_texts = TAKE_PTR(texts);
    *ret_n = json_array_size(list);
    return 0;
}

static int load(struct loaded *loaded, const json_t *reply)
{
    cleanup_(freep) struct policy_text *texts = NULL;
    struct compiled_input input = {.overrides = &loaded->overrides, .last = COMPILED_DIAGRAM};
    int r = read_overrides(reply, &loaded->overrides);

    if (r == 0)
        r = read_texts(reply, &texts, &input.n_texts);
    if (r == 0)
        r = diagnostics_new(&loaded->diagnostics);
    input.texts = texts;
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
