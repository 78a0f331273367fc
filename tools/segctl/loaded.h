/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/calendar.h"
#include "base/cleanup.h"
#include "command.h"
#include "compiled/compiled.h"
#include "record/wire.h"

/* A policy in a command that judges it itself, and what is wrong with it. A zeroed structure is
 * empty. */
struct loaded {
    struct diagnostics *diagnostics;
    struct compiled *compiled;
    struct overrides overrides; /* empty unless the policy is the one that is enforced */
};

/* Returns as compiled_read(). */
int loaded_read(struct loaded *loaded, const char *path, const struct compiled_input *input);
void loaded_clear(struct loaded *loaded);

/*
 * The same for a command that needs a valid policy: prints errors to stderr, or with `json` the
 * object of `check` to stdout; warnings are left to `check`. Returns an exit code, EXIT_YES if the
 * policy is valid.
 */
int loaded_require(struct loaded *loaded, const char *path, const struct compiled_input *input,
                   bool json);

/* Which policy is judged, and when. */
struct judged {
    const char *path; /* of policy files; NULL: the policy that is enforced */
    const char *socket;
    const char *at;      /* a time, or NULL for now */
    uint64_t generation; /* of those that segd keeps; 0: the one that is enforced */
    bool policy_only;    /* without the grants and other overrides of now */
    bool ruleset;        /* compiled to the end */
    bool json;
};

static inline void status_clear(struct status_reply *status)
{
    record_clear(&status_reply_type, status);
}
/* What segd says of itself, its findings among it; to be cleared with status_clear(). Returns an
 * exit code; unless it is EXIT_YES the error has been printed. */
int running_status(const struct command *command, const struct judged *judged,
                   struct status_reply *ret_status);

/*
 * Compiles the policy files of the path, or the policy that the daemon at the socket enforces, with
 * its grants and overrides; as they are at the time, which `compiled->now` then is. Returns an exit
 * code, EXIT_YES if there is a policy; otherwise the error has been printed.
 */
int running_or_files(const struct command *command, const struct judged *judged,
                     struct loaded *loaded);
/*
 * The instant that `--at TIME` means, for compiled_input, whose `at` becomes `instant`; NULL is
 * now. Returns an exit code; the error of a wrong time has been printed to stderr.
 */
int instant_read(const struct command *command, const char *text, struct wall_instant *instant,
                 struct compiled_input *input);
/* Prints why the policy cannot be judged at an instant: no memory, or its time zone cannot be
 * read. Returns an exit code. */
int instant_failed(int error);

/* Prints the diagnostics to stderr for people. */
void loaded_print(const struct loaded *loaded);
/* { "ok": …, "diagnostics": […] }, a new reference; NULL without memory. */
json_t *loaded_to_json(const struct loaded *loaded);
/* Appends to an array; both are stolen. Returns the array, or NULL without memory. */
static inline json_t *append_json(json_t *array, json_t *item)
{
    if (json_array_append_new(array, item) == 0)
        return array;
    json_decref(array);
    return NULL;
}
/* Prints a JSON object to stdout, which is stolen; NULL: there was no memory for it. Returns
 * `exit_code`, or the exit code for no memory. */
int print_json(json_t *object, int exit_code);
