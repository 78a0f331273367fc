/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segctl matrix and graph: which zone may open connections to which, in the policy that is
 * enforced; with --policy in files, which needs neither the daemon nor root.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "control/client.h"
#include "graph.h"
#include "loaded.h"
#include "matrix.h"
#include "policy/spelling.h"
#include "screen.h"

/* Narrows rows or columns to the zone that is named. Returns an exit code. */
static int choose(const struct command *command, const struct matrix *matrix, const char *name,
                  size_t *first, size_t *end)
{
    struct spelling_search search = {.text = name};

    for (size_t i = 0; i < matrix->n_zones; i++) {
        const char *zone = policy_zone_name(matrix->policy, matrix_zone(matrix, i));

        if (strcmp(zone, name) == 0) {
            *first = i;
            *end = i + 1;
            return EXIT_YES;
        }
        spelling_try(&search, zone);
    }
    if (search.nearest)
        return command_usage(command, "the policy has no zone `%s`; did you mean `%s`?", name,
                             search.nearest);
    return command_usage(command, "the policy has no zone `%s`", name);
}

static int show(const struct matrix_view *view, bool list, bool json)
{
    int r;

    if (json)
        return print_json(matrix_to_json(view), EXIT_YES);

    r = list ? matrix_print_list(view, wants_colour(stdout))
             : matrix_print(view, screen_width(MATRIX_WIDTH), wants_colour(stdout));
    return r < 0 ? command_no_memory() : EXIT_YES;
}

/* The whole matrix of the policy that is judged; `loaded` and `*ret_matrix` are the caller's also
 * after an error. Returns an exit code. */
static int read_matrix(const struct command *command, const struct judged *judged,
                       struct loaded *loaded, struct matrix **ret_matrix,
                       struct matrix_view *ret_view)
{
    int r = running_or_files(command, judged, loaded);

    if (r != EXIT_YES)
        return r;
    r = matrix_new(loaded->compiled->policy, &loaded->overrides, loaded->compiled->now, ret_matrix);
    if (r < 0)
        return instant_failed(r);

    *ret_view = (struct matrix_view){.matrix = *ret_matrix,
                                     .from_end = (*ret_matrix)->n_zones,
                                     .to_end = (*ret_matrix)->n_zones};
    return EXIT_YES;
}

static int matrix(const struct command *command, const struct judged *judged, bool list,
                  char *const *zones, int n_zones)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    cleanup_(matrix_freep) struct matrix *matrix = NULL;
    struct matrix_view view = {0};
    int r = read_matrix(command, judged, &loaded, &matrix, &view);

    if (r == EXIT_YES && n_zones > 0)
        r = choose(command, matrix, zones[0], &view.from_first, &view.from_end);
    if (r == EXIT_YES && n_zones > 1)
        r = choose(command, matrix, zones[1], &view.to_first, &view.to_end);
    return r == EXIT_YES ? show(&view, list, judged->json) : r;
}

int run_matrix(const struct command *command, int argc, char **argv)
{
    struct judged given = {.socket = CONTROL_SOCKET_DEFAULT};
    bool list = false;
    const struct command_option options[] = {
        {"policy", .text = &given.path}, {"socket", .text = &given.socket},
        {"at", .text = &given.at},       {"list", .flag = &list, .letter = 'l'},
        {"json", .flag = &given.json},
    };
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (argc - optind > 2)
        return command_usage(command, "more than FROM and TO");
    /* Who asks for one zone or one pair wants to see the flows. */
    list = list || optind < argc;
    return matrix(command, &given, list, argv + optind, argc - optind);
}

static int graph(const struct command *command, const struct judged *judged, bool svg)
{
    cleanup_(loaded_clear) struct loaded loaded = {0};
    cleanup_(matrix_freep) struct matrix *matrix = NULL;
    struct matrix_view view = {0};
    int r = read_matrix(command, judged, &loaded, &matrix, &view);

    if (r != EXIT_YES)
        return r;
    if (judged->json)
        return print_json(matrix_to_json(&view), EXIT_YES);
    if (svg)
        graph_write_svg(matrix, &loaded.overrides, stdout);
    else
        graph_write_text(matrix, &loaded.overrides, stdout);
    return EXIT_YES;
}

int run_graph(const struct command *command, int argc, char **argv)
{
    struct judged given = {.socket = CONTROL_SOCKET_DEFAULT};
    bool svg = false;
    const struct command_option options[] = {
        {"policy", .text = &given.path}, {"socket", .text = &given.socket},
        {"at", .text = &given.at},       {"svg", .flag = &svg},
        {"json", .flag = &given.json},
    };
    int exit_code;

    if (!command_begin(command, argc, argv, options, ELEMENTS_OF(options), &exit_code))
        return exit_code;
    if (optind < argc)
        return command_usage(command, "unexpected argument `%s`", argv[optind]);
    return graph(command, &given, svg);
}
