/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The policy that is enforced, as a command has it that could read it offline too. The daemon
 * answers with texts, so that what is asked about them is answered by one code, and asking much
 * costs the daemon nothing.
 */

#include "running.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/instant.h"
#include "policy/texts.h"

/* Texts that borrow the reply and the overrides. */
struct texts {
    struct policy_text *texts;
    size_t n_texts;
};

static void texts_clear(struct texts *texts)
{
    free(texts->texts);
}

/* One override as the socket tells it. Returns 0, -EPROTO or -ENOMEM. */
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

    if (!override_kind_parse(reply_text(json, "kind"), &override.kind) ||
        instant_parse(reply_text(json, "since"), &override.since) < 0 ||
        (reply_has(json, "until") && instant_parse(reply_text(json, "until"), &override.until) < 0))
        return -EPROTO;
    r = overrides_add(overrides, &override);
    return r == -EEXIST ? -EPROTO : r;
}

static int take_overrides(const json_t *reply, struct overrides *overrides)
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

static int take_texts(const json_t *reply, size_t n_more, struct texts *ret_texts)
{
    const json_t *list = json_object_get(reply, "texts");
    json_t *item;
    size_t i;

    ret_texts->texts = calloc(json_array_size(list) + n_more + 1, sizeof(*ret_texts->texts));
    if (!ret_texts->texts)
        return -ENOMEM;
    json_array_foreach(list, i, item)
    {
        const json_t *text = json_object_get(item, "text");

        if (!json_is_string(text))
            return -EPROTO;
        ret_texts->texts[ret_texts->n_texts++] = (struct policy_text){
            .name = reply_text(item, "name"),
            .text = json_string_value(text),
            .size = json_string_length(text),
        };
    }
    return 0;
}

static void clear_read(struct loaded *loaded)
{
    loaded->diagram = diagram_free(loaded->diagram);
    loaded->policy = policy_free(loaded->policy);
    loaded->diagnostics = diagnostics_free(loaded->diagnostics);
    loaded->sources = sources_free(loaded->sources);
}

/* Parses and compiles. Returns 0, -EBADMSG or -ENOMEM. */
static int read_texts(struct loaded *loaded, const struct texts *texts)
{
    int r;

    clear_read(loaded);
    r = sources_new(&loaded->sources);
    if (r == 0)
        r = diagnostics_new(&loaded->diagnostics);
    if (r == 0)
        r = policy_parse_texts(texts->texts, texts->n_texts, loaded->sources, loaded->diagnostics,
                               &loaded->policy);
    if (r == 0)
        r = diagram_new(loaded->policy, loaded->diagnostics, &loaded->diagram);
    return r == -E2BIG ? -EBADMSG : r;
}

static struct policy_text grant_text(const struct override *override)
{
    return (struct policy_text){
        .name = override->name,
        .text = override->text,
        .size = strlen(override->text),
        .expires = override->until,
    };
}

static bool has_text(const struct override *override)
{
    return override->kind == OVERRIDE_GRANT && override->text;
}

/*
 * Reads the policy with all grants; where that is not valid, with one more after the other, since
 * a grant that does not fit the policy is left out, as the daemon leaves it out.
 */
static int read_with_grants(struct loaded *loaded, struct texts *texts)
{
    const struct overrides *overrides = &loaded->overrides;
    size_t n_policy = texts->n_texts;
    int r;

    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (has_text(&overrides->overrides[i]))
            texts->texts[texts->n_texts++] = grant_text(&overrides->overrides[i]);
    }
    r = read_texts(loaded, texts);
    if (r != -EBADMSG || texts->n_texts == n_policy)
        return r;

    texts->n_texts = n_policy;
    for (size_t i = 0; i < overrides->n_overrides; i++) {
        if (!has_text(&overrides->overrides[i]))
            continue;
        texts->texts[texts->n_texts++] = grant_text(&overrides->overrides[i]);
        r = read_texts(loaded, texts);
        if (r == -ENOMEM)
            return r;
        if (r < 0)
            texts->n_texts--;
    }
    return read_texts(loaded, texts);
}

static int load(struct loaded *loaded, const json_t *reply)
{
    cleanup_(texts_clear) struct texts texts = {0};
    int r = take_overrides(reply, &loaded->overrides);

    if (r < 0)
        return r;
    r = take_texts(reply, loaded->overrides.n_overrides, &texts);
    return r < 0 ? r : read_with_grants(loaded, &texts);
}

/* Says why there is no policy. */
static int fail(const struct remote *remote, const struct loaded *loaded, int error)
{
    if (error == -ENOMEM)
        return command_no_memory();
    if (error != -EBADMSG)
        return remote_fail(remote, EXIT_FAILED, "failed", NULL, "segd told no policy");
    if (!remote->json)
        loaded_print(loaded);
    return remote_fail(remote, EXIT_FAILED, "invalid-policy",
                       "segd and segctl are of different versions: restart segd",
                       "the policy that is enforced is none for this segctl");
}

int running_or_files(const struct command *command, const char *path, const char *socket, bool json,
                     struct loaded *loaded)
{
    struct remote remote = {.command = command, .socket = socket, .json = json};
    cleanup_(json_decrefp) json_t *reply = NULL;
    int exit_code, r;

    if (path)
        return loaded_require(loaded, path, json);

    exit_code = remote_call(&remote, "GetPolicy", &reply);
    if (exit_code == EXIT_UNREACHABLE && !json)
        fputs("  without it, of files: --policy PATH\n", stderr);
    if (exit_code != EXIT_YES)
        return exit_code;

    r = load(loaded, reply);
    return r < 0 ? fail(&remote, loaded, r) : EXIT_YES;
}
