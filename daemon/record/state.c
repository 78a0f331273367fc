/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon's state in one small file. It decides what is enforced after a restart, so its digest,
 * its version, every field and the relations between fields are checked; no state is better than a
 * wrong one. A state that would be refused when it is read is not written.
 */

#include "daemon/record/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/record/document.h"

#define STATE_FILE "state.json"
#define DAMAGED_FILE STATE_FILE ".damaged"

static const struct record_field state_fields[] = {
    {.name = "version", .kind = RECORD_VERSION, .most = STATE_VERSION},
    RECORD_FIELD(NUMBER, struct state, generation),
    RECORD_FIELD(NUMBER, struct state, next_generation, .least = 1),
    RECORD_FIELD(DIGEST, struct state, files),
    RECORD_FIELD(DIGEST, struct state, fingerprint, .optional = true),
    RECORD_FIELD(NUMBER, struct state, audit_sequence, .optional = true,
                 .most = AUDIT_SEQUENCE_MAX),
    RECORD_FIELD(DIGEST, struct state, audit_head, .optional = true),
    RECORD_FIELD(ONE, struct state, overrides, .type = &overrides_type),
    RECORD_FIELD(ONE, struct state, confirmation, .null = RECORD_DISK, .type = &confirmation_type),
};

/* All generations have numbers below the next one. */
static const char *check_state(const void *record)
{
    const struct state *state = record;

    if (state->generation >= state->next_generation ||
        state->confirmation.generation >= state->next_generation ||
        state->confirmation.previous >= state->next_generation)
        return "names a generation that does not exist yet";
    return NULL;
}

RECORD_TYPE(state, struct state, NULL, .check = check_state);

void state_boot_id(char buffer[40])
{
    sd_id128_t id;

    if (sd_id128_get_boot(&id) < 0)
        id = SD_ID128_NULL;
    snprintf(buffer, 40, SD_ID128_FORMAT_STR, SD_ID128_FORMAT_VAL(id));
}

void state_clear(struct state *state)
{
    record_clear(&state_type, state);
}

int state_copy(const struct state *state, struct state *ret_copy)
{
    int r = record_copy(&state_type, state, ret_copy);

    if (r == 0)
        ret_copy->overrides.capacity = ret_copy->overrides.n_overrides;
    return r;
}

int state_read(int directory, struct state *ret_state, char **ret_problem)
{
    struct state state = {0};
    int r = document_read(directory, STATE_FILE, STATE_SIZE_MAX, &state_type, &state, ret_problem);

    if (r == 0)
        *ret_state = state;
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
    int r = document_write(directory, STATE_FILE, STATE_SIZE_MAX, &state_type, state);

    if (r < 0)
        return r;
    /* A wrong clock does not replace the instant that is known. */
    return state_set_instant(directory, state->overrides.clock_floor > 0
                                            ? state->overrides.clock_floor
                                            : calendar_now());
}
