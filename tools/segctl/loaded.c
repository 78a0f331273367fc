/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What every command begins with that judges a policy itself: the compiled policy, of files or the
 * enforced one, and the mistakes found in it, for people or for programs. The daemon sends texts
 * and overrides, which are compiled here: the same code answers for both, and questions cost the
 * daemon no time.
 */

#include "json_text.h"
#include "loaded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"
#include "remote.h"
#include "screen.h"

int loaded_read(struct loaded *loaded, const char *path, const struct compiled_input *input)
{
    int r = diagnostics_new(&loaded->diagnostics);

    return r < 0 ? r : compiled_read(path, input, loaded->diagnostics, &loaded->compiled);
}

void loaded_clear(struct loaded *loaded)
{
    compiled_free(loaded->compiled);
    diagnostics_free(loaded->diagnostics);
    overrides_clear(&loaded->overrides);
    *loaded = (struct loaded){0};
}

int loaded_require(struct loaded *loaded, const char *path, const struct compiled_input *input,
                   bool json)
{
    int r = loaded_read(loaded, path, input);

    if (r == 0)
        return EXIT_YES;
    if (r != -EBADMSG)
        return instant_failed(r);

    if (json)
        return print_json(loaded_to_json(loaded), EXIT_POLICY_INVALID);
    loaded_print(loaded);
    return EXIT_POLICY_INVALID;
}

void loaded_print(const struct loaded *loaded)
{
    diagnostics_print(loaded->diagnostics, loaded->compiled->sources, stderr, wants_colour(stderr));
}

/* Without a place its keys are null, so that every key is always there. */
static json_t *place_to_json(const struct loaded *loaded, struct location location,
                             const char *message)
{
    if (location.line == 0)
        return json_pack("{s:n, s:n, s:n, s:s?}", "file", "line", "column", "message", message);
    return json_pack("{s:s, s:i, s:i, s:s?}", "file",
                     sources_name(loaded->compiled->sources, location.source), "line",
                     (int)location.line, "column", (int)location.column, "message", message);
}

/* Adds the keys of `part`, which is consumed. */
static int add_keys(json_t *object, json_t *part)
{
    int r = part ? json_object_update(object, part) : -1;

    json_decref(part);
    return r;
}

static json_t *diagnostic_to_json(const struct loaded *loaded, const struct diagnostic *diagnostic)
{
    const char *severity = diagnostic->severity == SEVERITY_ERROR ? "error" : "warning";
    json_t *object, *related = json_null();

    if (diagnostic->related.line > 0)
        related = place_to_json(loaded, diagnostic->related, diagnostic->related_message);

    object = json_pack("{s:s, s:s}", "severity", severity, "code", diagnostic->code);
    if (add_keys(object, place_to_json(loaded, diagnostic->location, diagnostic->message)) < 0 ||
        add_keys(object,
                 json_pack("{s:s?, s:O?}", "remedy", diagnostic->remedy, "related", related)) < 0) {
        json_decref(object);
        object = NULL;
    }
    json_decref(related);
    return object;
}

json_t *loaded_to_json(const struct loaded *loaded)
{
    const struct diagnostic *list;
    size_t n = diagnostics_list(loaded->diagnostics, &list);
    json_t *array = json_array();

    for (size_t i = 0; i < n; i++)
        array = append_json(array, diagnostic_to_json(loaded, &list[i]));
    return json_pack("{s:b, s:o}", "ok",
                     diagnostics_count(loaded->diagnostics, SEVERITY_ERROR) == 0, "diagnostics",
                     array);
}

int print_json(json_t *object, int exit_code)
{
    int r;

    if (!object)
        return command_no_memory();

    r = write_json(stdout, object, JSON_INDENT(2));
    json_decref(object);
    if (r < 0)
        return command_no_memory();

    putchar('\n');
    return exit_code;
}

int instant_read(const struct command *command, const char *text, struct wall_instant *instant,
                 struct compiled_input *input)
{
    input->now = calendar_now();
    if (!text)
        return EXIT_YES;
    if (wall_instant_parse(text, instant) < 0)
        return command_usage(command, "`%s` is not a time such as 2027-03-31 or 2027-03-31T08:30",
                             text);

    input->at = instant;
    return EXIT_YES;
}

int instant_failed(int error)
{
    if (error == -ENOMEM)
        return command_no_memory();

    fprintf(stderr, "segctl: the time zone of the policy cannot be read: %s\n", strerror(-error));
    return EXIT_FAILED;
}

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

static int load(struct loaded *loaded, const json_t *json, bool policy_only,
                struct compiled_input input)
{
    cleanup_(reply_clear) struct policy_reply reply = {0};
    int r = record_decode_reply(&policy_reply_type, json, &reply);

    if (r == 0 && !policy_only)
        r = take_overrides(&reply, &loaded->overrides);
    if (r == 0)
        r = diagnostics_new(&loaded->diagnostics);
    input.overrides = &loaded->overrides;
    input.texts = reply.texts;
    input.n_texts = reply.n_texts;
    return r < 0 ? r : compiled_new(&input, loaded->diagnostics, &loaded->compiled);
}

/* Prints why there is no policy. Returns an exit code. */
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

static int read_running(const struct command *command, const struct judged *judged,
                        const struct compiled_input *input, struct loaded *loaded)
{
    struct remote remote = {.command = command, .socket = judged->socket, .json = judged->json};
    const json_int_t generation = (json_int_t)judged->generation;
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code, r;

    if (generation > 0)
        remote.parameters = json_pack("{s:I}", "generation", generation);
    exit_code = remote_call(&remote, "GetPolicy", &reply);
    if (exit_code == EXIT_UNREACHABLE && !judged->json)
        fputs("  to read policy files without segd: --policy PATH\n", stderr);
    if (exit_code != EXIT_YES)
        return exit_code;

    r = load(loaded, reply, judged->policy_only, *input);
    return r < 0 ? fail(&remote, loaded, r) : EXIT_YES;
}

int running_or_files(const struct command *command, const struct judged *judged,
                     struct loaded *loaded)
{
    struct compiled_input input = {.last = judged->ruleset ? COMPILED_RULESET : COMPILED_DIAGRAM};
    struct wall_instant instant;
    int r = instant_read(command, judged->at, &instant, &input);

    if (r != EXIT_YES)
        return r;
    return judged->path ? loaded_require(loaded, judged->path, &input, judged->json)
                        : read_running(command, judged, &input, loaded);
}

int running_status(const struct command *command, const struct judged *judged,
                   struct status_reply *ret_status)
{
    struct remote remote = {.command = command, .socket = judged->socket, .json = judged->json};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code = remote_call(&remote, "GetStatus", &reply);
    int r;

    if (exit_code != EXIT_YES)
        return exit_code;
    r = record_decode_reply(&status_reply_type, reply, ret_status);
    if (r == -ENOMEM)
        return command_no_memory();
    return r < 0 ? remote_fail(&remote, EXIT_FAILED, "failed", NULL,
                               "the reply of segd has no status")
                 : EXIT_YES;
}
