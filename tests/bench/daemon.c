/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The daemon as people use it: how its start grows with zones and flows, and what commands cost
 * beside it. Where there is another version to compare with, both are run in turns.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "sections.h"

/* Budgets. Times in ms, memory in MiB. */
#define ZONES_BOUND 256
#define ZONES_FLOWS 2000
#define ZONES_START_MOST 400
#define ZONES_PEAK_MOST 20
#define ZONES_DROPS_MOST 50
#define GROWTH_BOUND 200000
#define GROWTH_MOST 4000
#define GROWTH_END 1000000
#define GROWTH_END_MOST 25000
#define GROWTH_END_PEAK_MOST 1024
#define COMMAND_FLOWS 50000
#define ISOLATE_MOST 50 /* the whole command; the last packet comes earlier */
/* What takes longer than a few seconds is measured once. */
#define ONCE_FROM 100000
/* The other version is not asked for more: it takes minutes. */
#define BASELINE_ZONES_MOST 256
#define BASELINE_FLOWS_MOST 200000

#define ROUNDS_MAX 64

enum version {
    VERSION_OURS,
    VERSION_BASELINE,
    VERSIONS,
};

/* What one session is measured by. */
struct session {
    double start[ROUNDS_MAX];
    double cpu[ROUNDS_MAX];
    double peak[ROUNDS_MAX];
    double restart[ROUNDS_MAX];
    double restart_cpu[ROUNDS_MAX];
    struct {
        double msec[ROUNDS_MAX];
        double cpu[ROUNDS_MAX];
        double peak[ROUNDS_MAX];
    } commands[PROCESS_COMMANDS_MAX];
};

struct command {
    const char *name;      /* NULL: it is not reported */
    const char *words[6];  /* of segctl, and NULL */
    const char *beside[6]; /* of one that the daemon works on meanwhile; empty: none */
    double msec_most;      /* 0: no budget */
    double peak_most;
};

struct series {
    const char *section;
    const char *shape;
    size_t n; /* zones or flows */
    const struct command *commands;
    size_t n_commands;
    double start_most; /* 0: no budget */
    double peak_most;
    size_t rounds;
    bool restarts; /* it is started once more at the end */
    bool baseline;
};

/* The most words of a command with its program, options and end. */
#define WORDS_MAX 10

/* The whole command of these words. */
static const char *const *complete(const char *const *words, const char *segctl,
                                   const struct files *files, const char *command[WORDS_MAX])
{
    size_t n = 0;

    if (!*words)
        return NULL;
    command[n++] = segctl;
    for (; *words; words++)
        command[n++] = *words;
    command[n++] = "--socket";
    command[n] = files->socket;
    return command;
}

static int run_session(const struct settings *settings, const struct files *files,
                       const struct series *series, enum version version, size_t round,
                       struct session *session)
{
    bool ours = version == VERSION_OURS;
    const char *segctl = ours ? settings->segctl : settings->baseline;
    const char *words[PROCESS_COMMANDS_MAX][WORDS_MAX] = {0};
    const char *beside[PROCESS_COMMANDS_MAX][WORDS_MAX] = {0};
    struct process_command commands[PROCESS_COMMANDS_MAX] = {0};
    struct process_cost cost = {0}, again = {0};
    int r;

    for (size_t i = 0; i < series->n_commands; i++) {
        commands[i].arguments = complete(series->commands[i].words, segctl, files, words[i]);
        commands[i].beside = complete(series->commands[i].beside, segctl, files, beside[i]);
    }

    r = files_session(files, ours ? settings->segd : settings->baseline_segd, files->policy, &cost,
                      commands, series->n_commands, series->restarts ? &again : NULL);
    if (r < 0)
        return r;
    session->start[round] = cost.msec;
    session->cpu[round] = cost.cpu_msec;
    session->peak[round] = cost.peak_kib / 1024;
    session->restart[round] = again.msec;
    session->restart_cpu[round] = again.cpu_msec;
    for (size_t i = 0; i < series->n_commands; i++) {
        session->commands[i].msec[round] = commands[i].cost.msec;
        session->commands[i].cpu[round] = commands[i].cost.cpu_msec;
        session->commands[i].peak[round] = commands[i].cost.peak_kib / 1024;
    }
    return 0;
}

static int add_figure(const struct series *series, enum version version, const char *what,
                      const char *unit, double most, const double *samples, struct figures *figures)
{
    char shape[64];

    snprintf(shape, sizeof(shape), "%s%s", series->shape,
             version == VERSION_BASELINE ? " (baseline)" : "");
    return figures_add(
        figures,
        &(struct figure){
            .section = series->section,
            .shape = shape,
            .n_flows = series->n,
            .what = what,
            .unit = unit,
            .budget = most > 0 && version == VERSION_OURS ? BUDGET_AT_MOST : BUDGET_NONE,
            .limit = most,
        },
        samples, series->rounds);
}

static int report(const struct series *series, enum version version, const struct session *session,
                  struct figures *figures)
{
    int r = add_figure(series, version, "start", "ms", series->start_most, session->start, figures);

    if (r == 0)
        r = add_figure(series, version, "start, time of processors", "ms", 0, session->cpu,
                       figures);
    if (r == 0)
        r = add_figure(series, version, "peak of the start", "MiB", series->peak_most,
                       session->peak, figures);
    if (r == 0 && series->restarts)
        r = add_figure(series, version, "restart", "ms", 0, session->restart, figures);
    if (r == 0 && series->restarts)
        r = add_figure(series, version, "restart, time of processors", "ms", 0,
                       session->restart_cpu, figures);
    for (size_t i = 0; r == 0 && i < series->n_commands; i++) {
        const struct command *command = &series->commands[i];
        char what[64];

        if (!command->name)
            continue;
        r = add_figure(series, version, command->name, "ms", command->msec_most,
                       session->commands[i].msec, figures);
        snprintf(what, sizeof(what), "%s, time of processors", command->name);
        if (r == 0 && !*command->beside)
            r = add_figure(series, version, what, "ms", 0, session->commands[i].cpu, figures);
        snprintf(what, sizeof(what), "peak of segd in %s", command->name);
        if (r == 0)
            r = add_figure(series, version, what, "MiB", command->peak_most,
                           session->commands[i].peak, figures);
    }
    return r;
}

static int measure_series(const struct settings *settings, const struct files *files,
                          struct series *series, struct figures *figures)
{
    cleanup_(freep) struct session *sessions = calloc(VERSIONS, sizeof(*sessions));
    size_t versions = settings->baseline && series->baseline ? VERSIONS : 1;
    int r = 0;

    if (!sessions)
        return -ENOMEM;
    series->rounds = settings->n_loads < ROUNDS_MAX ? settings->n_loads : ROUNDS_MAX;
    if (series->n >= ONCE_FROM)
        series->rounds = 1;

    for (size_t round = 0; r == 0 && round < series->rounds; round++) {
        fprintf(stderr, "%s: %zu, round %zu of %zu\n", series->section, series->n, round + 1,
                series->rounds);
        for (enum version version = 0; r == 0 && version < versions; version++)
            r = run_session(settings, files, series, version, round, &sessions[version]);
    }
    for (enum version version = 0; r == 0 && version < versions; version++)
        r = report(series, version, &sessions[version], figures);
    return r;
}

/* NULL is a file that did not open. */
static int close_policy(FILE *stream)
{
    bool failed;

    if (!stream)
        return -errno;
    failed = ferror(stream);
    return fclose(stream) == 0 && !failed ? 0 : -EIO;
}

int measure_zones(const struct settings *settings, struct figures *figures)
{
    static const size_t zones[] = {14, 64, ZONES_BOUND, SHAPE_ZONES_MAX};
    static const struct command drops = {
        .name = "drops", .words = {"drops"}, .msec_most = ZONES_DROPS_MOST};
    cleanup_(files_clear) struct files files = {0};
    size_t n = settings->smoke ? 1 : ELEMENTS_OF(zones);
    int r = files_make(&files);

    for (size_t i = 0; r == 0 && i < n; i++) {
        bool bound = zones[i] == ZONES_BOUND;
        struct command command = drops;
        struct series series = {
            .section = "zones",
            .shape = "2,000 flows",
            .n = zones[i],
            .commands = &command,
            .n_commands = 1,
            .start_most = bound ? ZONES_START_MOST : 0,
            .peak_most = bound ? ZONES_PEAK_MOST : 0,
            .baseline = zones[i] <= BASELINE_ZONES_MOST,
        };
        FILE *stream = fopen(files.policy, "we");

        if (!bound)
            command.msec_most = 0;
        if (stream)
            shape_write_zones(zones[i], ZONES_FLOWS, stream);
        r = close_policy(stream);
        if (r == 0)
            r = measure_series(settings, &files, &series, figures);
    }
    return r;
}

int measure_growth(const struct settings *settings, struct figures *figures)
{
    static const size_t flows[] = {1000, 10000, 50000, GROWTH_BOUND, GROWTH_END};
    cleanup_(files_clear) struct files files = {0};
    size_t n = settings->smoke ? 1 : ELEMENTS_OF(flows);
    int r = files_make(&files);

    for (size_t i = 0; r == 0 && i < n; i++) {
        struct series series = {
            .section = "growth",
            .shape = "grid",
            .n = flows[i],
            .start_most = flows[i] == GROWTH_BOUND ? GROWTH_MOST
                          : flows[i] == GROWTH_END ? GROWTH_END_MOST
                                                   : 0,
            .peak_most = flows[i] == GROWTH_END ? GROWTH_END_PEAK_MOST : 0,
            .baseline = flows[i] <= BASELINE_FLOWS_MOST,
        };
        FILE *stream = fopen(files.policy, "we");

        if (stream)
            shape_write_grid(flows[i], stream);
        r = close_policy(stream);
        if (r == 0)
            r = measure_series(settings, &files, &series, figures);
    }
    return r;
}

#define ISOLATE                                                                                    \
    {                                                                                              \
        "isolate", "a", "--reason", "bench"                                                        \
    }

int measure_commands(const struct settings *settings, struct figures *figures)
{
    cleanup_(files_clear) struct files files = {0};
    size_t n_flows = settings->smoke ? 10 : COMMAND_FLOWS;
    const struct command release = {.words = {"release", "a", "--alone", "--reason", "bench"}};
    const struct command commands[] = {
        {.name = "status", .words = {"status"}, .msec_most = 200},
        {.name = "flows --json", .words = {"flows", "--json"}, .msec_most = 400, .peak_most = 40},
        {.name = "flows", .words = {"flows"}},
        {.name = "drops", .words = {"drops"}},
        {.name = "plan of one more flow", .words = {"plan", "--json", files.other}},
        {.name = "apply of one more flow",
         .words = {"apply", files.other},
         .msec_most = 300,
         .peak_most = 64},
        {.name = "isolate", .words = ISOLATE, .msec_most = ISOLATE_MOST},
        release,
        {.name = "isolate beside flows",
         .words = ISOLATE,
         .beside = {"flows", "--json"},
         .msec_most = ISOLATE_MOST},
        release,
        {.name = "isolate beside plan",
         .words = ISOLATE,
         .beside = {"plan", "--json", files.policy},
         .msec_most = ISOLATE_MOST},
        release,
        {.name = "isolate beside apply",
         .words = ISOLATE,
         .beside = {"apply", files.policy},
         .msec_most = ISOLATE_MOST},
        {.name = "status beside apply",
         .words = {"status"},
         .beside = {"apply", files.other},
         .msec_most = 200},
    };
    struct series series = {
        .section = "commands",
        .shape = shape_name(SHAPE_DISTINCT),
        .n = n_flows,
        .commands = commands,
        .n_commands = ELEMENTS_OF(commands),
        .peak_most = 64,
        .restarts = true,
        .baseline = true,
    };
    FILE *stream;
    int r = files_make(&files);

    if (r < 0)
        return r;
    stream = fopen(files.policy, "we");
    if (stream)
        shape_write(SHAPE_DISTINCT, n_flows, stream);
    r = close_policy(stream);
    if (r < 0)
        return r;
    stream = fopen(files.other, "we");
    if (stream)
        shape_write(SHAPE_DISTINCT, n_flows + 1, stream);
    r = close_policy(stream);
    return r < 0 ? r : measure_series(settings, &files, &series, figures);
}
