/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl rehearse: does the kernel do what the policy says? A child process enters a network
 * namespace that ends with it, so that no packet of the rehearsal can reach the machine's own
 * network; the parent only waits. Root is not needed if user namespaces are allowed.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "lab/lab.h"
#include "lab/rehearsal.h"
#include "loaded.h"
#include "matrix.h"
#include "rehearse.h"
#include "screen.h"

/* Prints why there is no rehearsal, for people or programs. Returns the exit code. */
static int refuse(bool json, int exit_code, const char *why)
{
    if (json)
        return print_json(
            json_pack("{s:b, s:i, s:[], s:s}", "ok", false, "probes", 0, "failures", "error", why),
            exit_code);
    fprintf(stderr, "segctl rehearse: %s\n", why);
    return exit_code;
}

static int refuse_namespace(bool json)
{
    return refuse(json, EXIT_NOT_PERMITTED,
                  "this user may not make a network of its own to rehearse in; either run "
                  "`sudo segctl rehearse`, or allow user namespaces: "
                  "`sysctl kernel.unprivileged_userns_clone=1` on older Debian, "
                  "`sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu, "
                  "and `sysctl user.max_user_namespaces` must not be 0");
}

static int refuse_ruleset(const struct loaded *loaded, const struct nftables_refusal *refusal,
                          bool json)
{
    char text[512];

    if (refusal->location.line > 0)
        snprintf(text, sizeof(text), "%s:%u:%u: the kernel refused this line: %s: %s",
                 sources_name(loaded->compiled->sources, refusal->location.source),
                 refusal->location.line, refusal->location.column, refusal->what,
                 strerror(-refusal->error));
    else
        snprintf(text, sizeof(text), "the kernel refused the ruleset: %s: %s", refusal->what,
                 strerror(-refusal->error));
    return refuse(json, EXIT_FAILED, text);
}

static int print_matrix(const struct policy *policy, usec_t now)
{
    cleanup_(matrix_freep) struct matrix *matrix = NULL;
    struct matrix_view view = {0};
    int r = matrix_new(policy, NULL, now, &matrix);

    if (r < 0)
        return r;
    view.matrix = matrix;
    view.from_end = view.to_end = matrix->n_zones;
    return matrix_print(&view, screen_width(MATRIX_WIDTH), wants_colour(stdout));
}

static int show(const struct loaded *loaded, const struct rehearsal *rehearsal, bool json)
{
    int exit_code = rehearsal->n_failures == 0 ? EXIT_YES : EXIT_NO;

    if (json)
        return print_json(rehearsal_to_json(rehearsal, loaded->compiled->sources), exit_code);
    if (print_matrix(loaded->compiled->policy, rehearsal->plan->now) < 0)
        return command_no_memory();
    putchar('\n');
    if (rehearsal_print(rehearsal, loaded->compiled->sources, wants_colour(stdout)) < 0)
        return command_no_memory();
    return exit_code;
}

/* In the child. */
static int rehearse(const struct loaded *loaded, bool json)
{
    cleanup_(rehearsal_freep) struct rehearsal *rehearsal = NULL;
    const struct compiled *compiled = loaded->compiled;
    char text[256];
    int r = lab_enter();

    if (r == 0)
        r = rehearsal_run(compiled->diagram, compiled->ruleset, compiled->now, &rehearsal);
    switch (r) {
    case 0:
        return show(loaded, rehearsal, json);
    case -ENOMEM:
        return command_no_memory();
    case -EPERM:
        return refuse_namespace(json);
    case -EREMOTEIO:
        if (rehearsal)
            return refuse_ruleset(loaded, &rehearsal->refusal, json);
        break;
    case -EOPNOTSUPP:
        if (rehearsal && rehearsal->missing)
            return refuse(json, EXIT_FAILED, rehearsal->missing);
        break;
    default:
        break;
    }
    snprintf(text, sizeof(text), "the rehearsal stopped: %s", strerror(-r));
    return refuse(json, EXIT_FAILED, text);
}

static int rehearse_in_child(const struct loaded *loaded, bool json)
{
    pid_t child;
    int status;

    fflush(stdout);
    child = fork();
    if (child < 0) {
        perror("segctl rehearse");
        return EXIT_FAILED;
    }
    if (child == 0) {
        status = rehearse(loaded, json);
        fflush(stdout);
        _exit(status);
    }

    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            perror("segctl rehearse");
            return EXIT_FAILED;
        }
    }
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "segctl rehearse: %s\n", strsignal(WTERMSIG(status)));
    return EXIT_FAILED;
}

static int load_and_rehearse(const struct command *command, const char *path, const char *at,
                             bool json)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    struct compiled_input input = {.rehearsal = true};
    struct wall_instant instant;
    int exit_code = instant_read(command, at, &instant, &input);

    if (exit_code == EXIT_YES)
        exit_code = loaded_require(&loaded, path, &input, json);
    return exit_code == EXIT_YES ? rehearse_in_child(&loaded, json) : exit_code;
}

int run_rehearse(const struct command *command, int argc, char **argv)
{
    const char *at = NULL;
    bool json = false;
    const struct command_option options[] = {{"at", .text = &at}, {"json", .flag = &json}};
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (argc - optind > 1)
        return command_usage(command, "more than one PATH");
    return load_and_rehearse(command, optind < argc ? argv[optind] : POLICY_PATH_DEFAULT, at, json);
}
