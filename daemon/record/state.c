/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's own memory in one small file. It decides what is enforced after a restart, so it is
 * believed only where its digest, its version, every field and what must hold between the fields
 * are right; the daemon then knows of no state rather than of a wrong one. What would not be
 * believed is not written either.
 */

#include "daemon/record/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/record/document.h"
#include "daemon/record/fields.h"

#define STATE_FILE "state.json"
#define DAMAGED_FILE STATE_FILE ".damaged"

void state_boot_id(char buffer[40])
{
    sd_id128_t id;

    if (sd_id128_get_boot(&id) < 0)
        id = SD_ID128_NULL;
    snprintf(buffer, 40, SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
}

void state_clear(struct state *state)
{
    overrides_clear(&state->overrides);
    *state = (struct state){0};
}

int state_copy(const struct state *state, struct state *ret_copy)
{
    struct state copy = *state;
    int r;

    r = overrides_copy(&state->overrides, &copy.overrides);
    if (r < 0)
        return r;

    *ret_copy = copy;
    return 0;
}

static void check_number(struct fields *fields, uint64_t number, uint64_t next, const char *what)
{
    if (number >= next)
        fields_fail(fields, "%s was never given a number", what);
}

/* What must hold between the fields. */
static void check_state(struct fields *fields, const struct state *state)
{
    const struct confirmation *confirmation = &state->confirmation;

    if (state->next_generation == 0)
        fields_fail(fields, "the next generation has no number");
    check_number(fields, state->generation, state->next_generation, "the generation in force");
    if (!confirmation->pending)
        return;

    if (confirmation->generation == 0 || confirmation->generation == confirmation->previous)
        fields_fail(fields, "there is nothing to confirm");
    if (!*confirmation->boot_id)
        fields_fail(fields, "the boot of the deadline is not known");
    check_number(fields, confirmation->generation, state->next_generation,
                 "the generation that waits to be confirmed");
    check_number(fields, confirmation->previous, state->next_generation,
                 "the generation before the one that waits to be confirmed");
}

static int confirmation_from_json(const json_t *json, struct confirmation *ret_confirmation,
                                  char **ret_problem)
{
    struct fields fields = fields_begin(json, "the confirmation");
    struct confirmation confirmation = {.pending = true};
    const json_t *actor;
    const char *boot_id;
    char *problem = NULL;
    int r;

    confirmation.generation = (uint64_t)fields_number(&fields, "generation", 1, INT64_MAX);
    confirmation.previous = (uint64_t)fields_number(&fields, "previous", 0, INT64_MAX);
    confirmation.deadline = fields_number(&fields, "deadline", 0, INT64_MAX);
    confirmation.deadline_wall = fields_instant(&fields, "deadline_wall");
    boot_id = fields_text(&fields, "boot_id");
    if (strlen(boot_id) >= sizeof(confirmation.boot_id))
        fields_fail(&fields, "\"boot_id\" of the confirmation is too long");

    actor = fields_value(&fields, "actor", JSON_OBJECT);
    if (actor) {
        r = actor_from_json(actor, &confirmation.actor, &problem);
        fields_join(&fields, r, problem);
    }

    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    strcpy(confirmation.boot_id, boot_id);
    *ret_confirmation = confirmation;
    return 0;
}

static void take_parts(struct fields *fields, struct state *state)
{
    const json_t *overrides, *confirmation;
    char *problem = NULL;
    int r;

    overrides = fields_value(fields, "overrides", JSON_OBJECT);
    if (overrides) {
        r = overrides_parse_json(overrides, &state->overrides, &problem);
        fields_join(fields, r, problem);
    }

    problem = NULL;
    confirmation = fields_value_or_null(fields, "confirmation", JSON_OBJECT);
    if (confirmation) {
        r = confirmation_from_json(confirmation, &state->confirmation, &problem);
        fields_join(fields, r, problem);
    }
}

static int state_from_json(const json_t *json, struct state *ret_state, char **ret_problem)
{
    cleanup_(state_clear) struct state state = {0};
    struct fields fields = fields_begin(json, STATE_FILE);
    int r;

    /* First of all, since a later version may have other fields. */
    if (fields_number(&fields, "version", 1, INT64_MAX) > STATE_VERSION)
        fields_fail(&fields, STATE_FILE " is of a later version of segd");
    state.generation = (uint64_t)fields_number(&fields, "generation", 0, INT64_MAX);
    state.next_generation = (uint64_t)fields_number(&fields, "next_generation", 1, INT64_MAX);
    strcpy(state.files, fields_sha256(&fields, "files", true));
    take_parts(&fields, &state);

    if (fields.result == 0)
        check_state(&fields, &state);
    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    *ret_state = state;
    state = (struct state){0};
    return 0;
}

static json_t *confirmation_to_json(const struct confirmation *confirmation)
{
    cleanup_(json_decrefp) json_t *json = json_object();

    if (!confirmation->pending)
        return json_null();

    if (fields_put_number(json, "generation", confirmation->generation) < 0 ||
        fields_put_number(json, "previous", confirmation->previous) < 0 ||
        json_object_set_new(json, "deadline", json_integer(confirmation->deadline)) < 0 ||
        fields_put_instant(json, "deadline_wall", confirmation->deadline_wall) < 0 ||
        fields_put_text(json, "boot_id", confirmation->boot_id) < 0 ||
        json_object_set_new(json, "actor", actor_to_json(&confirmation->actor)) < 0)
        return NULL;
    return TAKE_PTR(json);
}

static json_t *state_to_json(const struct state *state)
{
    cleanup_(json_decrefp) json_t *json = json_object();

    if (fields_put_number(json, "version", STATE_VERSION) < 0 ||
        fields_put_number(json, "generation", state->generation) < 0 ||
        fields_put_number(json, "next_generation", state->next_generation) < 0 ||
        fields_put_text(json, "files", state->files) < 0 ||
        json_object_set_new(json, "overrides", overrides_to_json(&state->overrides)) < 0 ||
        json_object_set_new(json, "confirmation", confirmation_to_json(&state->confirmation)) < 0)
        return NULL;
    return TAKE_PTR(json);
}

int state_read(int directory, struct state *ret_state, char **ret_problem)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(freep) char *problem = NULL;
    int r;

    r = document_read(directory, STATE_FILE, STATE_SIZE_MAX, false, &json, ret_problem);
    if (r < 0)
        return r;

    r = state_from_json(json, ret_state, &problem);
    if (r == -EBADMSG)
        return problem_tell(ret_problem, STATE_FILE " is not consistent: %s", problem);
    return r;
}

usec_t state_instant(int directory)
{
    struct stat status;

    if (fstatat(directory, STATE_FILE, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    return (usec_t)status.st_mtim.tv_sec * USEC_PER_SEC;
}

int state_set_instant(int directory, usec_t instant)
{
    const struct timespec times[] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = instant / USEC_PER_SEC},
    };

    return utimensat(directory, STATE_FILE, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int state_set_aside(int directory)
{
    if (renameat(directory, STATE_FILE, directory, DAMAGED_FILE) < 0)
        return -errno;
    return fsync(directory) < 0 ? -errno : 0;
}

int state_write(int directory, const struct state *state)
{
    cleanup_(json_decrefp) json_t *json = NULL;
    cleanup_(state_clear) struct state again = {0};
    int r;

    json = state_to_json(state);
    if (!json)
        return -ENOMEM;

    r = state_from_json(json, &again, NULL);
    if (r < 0)
        return r == -EBADMSG ? -EINVAL : r;
    r = document_write(directory, STATE_FILE, STATE_SIZE_MAX, json);
    if (r < 0)
        return r;
    /* What a wrong clock shows does not take the place of what is known. */
    return state_set_instant(directory,
                             state->overrides.over > 0 ? state->overrides.over : calendar_now());
}
