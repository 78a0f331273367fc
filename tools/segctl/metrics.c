/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl metrics: what segd-exporter serves, as text, where no exporter runs: for a look, for an
 * agent that runs commands, and for the textfile collector of node_exporter, which reads a file
 * that must be there whole or not at all.
 */

#include "metrics/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "loaded.h"
#include "remote.h"

/* What remote_begin() reads; nothing of it goes to segd. */
static const struct remote_method options = {
    .fields = {{"textfile", "textfile", NULL, FIELD_TEXT, false},
               {"openmetrics", "openmetrics", NULL, FIELD_FLAG, false}},
};

/* Returns an exit code; what answered is in `metrics` in any case. */
static int collect(struct remote *remote, struct metrics *metrics)
{
    const usec_t start = calendar_clock(CLOCK_MONOTONIC);
    int exit_code = EXIT_YES;

    for (enum metrics_method method = 0; exit_code == EXIT_YES && method < METRICS_METHODS;
         method++) {
        cleanup_(json_decrefp) json_t *reply = NULL;

        exit_code = remote_call(remote, metrics_methods[method], &reply);
        if (exit_code == EXIT_YES && metrics_add(metrics, method, reply) < 0)
            exit_code = command_no_memory();
    }
    metrics->duration = calendar_clock(CLOCK_MONOTONIC) - start;
    return exit_code;
}

static int show(const struct remote *remote, const struct metrics *metrics, const char *path,
                enum exposition_form form)
{
    cleanup_(freep) char *text = NULL;
    size_t size = 0;
    int r = metrics_write(metrics, NULL, form, &text, &size);

    if (r < 0)
        return command_no_memory();
    if (path) {
        r = file_write(AT_FDCWD, path, text, size, 0644);
        return r < 0 ? remote_fail(remote, EXIT_FAILED, "not-written", NULL, "cannot write %s: %s",
                                   path, strerror(-r))
                     : EXIT_YES;
    }
    if (remote->json)
        return print_json(json_pack("{s:s%}", "text", text, size), EXIT_YES);
    fwrite(text, 1, size, stdout);
    return EXIT_YES;
}

int run_metrics(const struct command *command, int argc, char **argv)
{
    cleanup_(remote_clear) struct remote remote = {0};
    cleanup_(metrics_clear) struct metrics metrics = {0};
    cleanup_(json_decrefp) json_t *textfile = NULL;
    enum exposition_form form = EXPOSITION_PROMETHEUS;
    int exit_code, shown;

    if (!remote_begin(&remote, command, argc, argv, &options, &exit_code))
        return exit_code;
    if (remote_take_flag(&remote, "openmetrics"))
        form = EXPOSITION_OPENMETRICS;
    textfile = json_incref(json_object_get(remote.parameters, "textfile"));
    json_object_clear(remote.parameters);

    exit_code = collect(&remote, &metrics);
    /* A file that stays as it was would hide that segd does not answer. */
    if (exit_code != EXIT_YES && !textfile)
        return exit_code;
    shown = show(&remote, &metrics, json_string_value(textfile), form);
    return exit_code == EXIT_YES ? shown : exit_code;
}
