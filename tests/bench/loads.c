/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * From file to kernel, by the programs that people run: segd from its start until it says that it
 * is ready, and nft with the text of the very ruleset that segd makes of the file. In turns, each
 * time in a namespace of its own.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "files.h"
#include "sections.h"

#define TIME_MOST (1.0 / 3)
#define MEMORY_MOST (1.0 / 5)
#define SIZE 50000
#define DAEMON_MOST 64.0       /* MiB */
#define DAEMON_SAMPLE_MOST 8.0 /* MiB */
#define START_SAMPLE_MOST 20.0 /* ms */

static int write_text(const char *path, const struct ruleset *ruleset)
{
    FILE *stream = fopen(path, "we");
    int r;

    if (!stream)
        return -errno;
    r = ruleset_print(ruleset, calendar_now(), stream);
    return fclose(stream) == 0 ? r : -EIO;
}

static int write_files(const struct files *files, enum shape shape, size_t n_flows)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    cleanup_(freep) char *text = NULL;
    struct line_cost cost = {0};
    size_t size;
    int r = line_text(shape, n_flows, false, &text, &size);

    if (r == 0)
        r = files_write(files->policy, text, size);
    if (r == 0)
        r = line_compile(text, size, &ruleset, &cost);
    if (r == 0)
        r = write_text(files->text, ruleset);
    return r;
}

/* In a process of its own, so that this one stays small. */
static int prepare(const struct files *files, enum shape shape, size_t n_flows)
{
    pid_t child = fork();
    int status;

    if (child < 0)
        return -errno;
    if (child == 0)
        _exit(-write_files(files, shape, n_flows));
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECHILD;
}

struct load_samples {
    double *time;   /* segd to nft */
    double *memory; /* segd to nft */
    double *msec;
    double *peak;
    double *resident;
};

static int samples_new(size_t n, double **ret_block, struct load_samples *ret_samples)
{
    double *block = calloc(n * 5, sizeof(*block));

    if (!block)
        return -ENOMEM;
    *ret_samples =
        (struct load_samples){block, block + n, block + 2 * n, block + 3 * n, block + 4 * n};
    *ret_block = block;
    return 0;
}

static int report_load(const struct load_samples *samples, size_t n, enum shape shape,
                       size_t n_flows, struct figures *figures)
{
    bool bound = n_flows == SIZE;
    enum budget most = bound ? BUDGET_AT_MOST : BUDGET_NONE;
    const char *name = shape_name(shape);
    int r;

    r = figures_add(
        figures,
        &(struct figure){"cold apply", name, n_flows, "time of nft -f", "", most, TIME_MOST},
        samples->time, n);
    if (r == 0)
        r = figures_add(figures,
                        &(struct figure){"cold apply", name, n_flows, "peak memory of nft -f", "",
                                         most, MEMORY_MOST},
                        samples->memory, n);
    if (r == 0)
        r = figures_add(
            figures,
            &(struct figure){"memory of segd", name, n_flows, "peak", "MiB", most, DAEMON_MOST},
            samples->peak, n);
    if (r == 0)
        r = figures_add(
            figures,
            &(struct figure){"memory of segd", name, n_flows, "when ready", "MiB", BUDGET_NONE, 0},
            samples->resident, n);
    return r;
}

static int measure_shape(const struct settings *settings, const struct files *files,
                         enum shape shape, size_t n_flows, struct figures *figures)
{
    const char *const nft[] = {"nft", "-f", files->text, NULL};
    cleanup_(freep) double *block = NULL;
    struct load_samples samples;
    int r = samples_new(settings->n_loads, &block, &samples);

    if (r == 0)
        r = prepare(files, shape, n_flows);

    for (size_t i = 0; r == 0 && i < settings->n_loads; i++) {
        struct process_cost ours = {0}, theirs = {0};

        fprintf(stderr, "loads: %zu flows, %s, round %zu of %zu\n", n_flows, shape_name(shape),
                i + 1, settings->n_loads);
        r = files_session(files, settings->segd, files->policy, &ours, NULL, 0, NULL);
        if (r == 0)
            r = process_run(nft, &theirs);
        if (r < 0)
            return r;
        samples.time[i] = ours.msec / theirs.msec;
        samples.memory[i] = ours.peak_kib / theirs.peak_kib;
        samples.peak[i] = ours.peak_kib / 1024;
        samples.resident[i] = ours.resident_kib / 1024;
    }
    return r < 0 ? r : report_load(&samples, settings->n_loads, shape, n_flows, figures);
}

static int measure_sample(const struct settings *settings, const struct files *files,
                          struct figures *figures)
{
    cleanup_(freep) double *block = NULL;
    struct load_samples samples;
    size_t n = settings->n_loads;
    int r = samples_new(n, &block, &samples);

    for (size_t i = 0; r == 0 && i < n; i++) {
        struct process_cost cost = {0};

        r = files_session(files, settings->segd, settings->sample, &cost, NULL, 0, NULL);
        samples.msec[i] = cost.cpu_msec;
        samples.peak[i] = cost.peak_kib / 1024;
        samples.resident[i] = cost.resident_kib / 1024;
    }
    if (r == 0)
        r = figures_add(figures,
                        &(struct figure){"start to enforced", "sample city", 0,
                                         "time of processors", "ms", BUDGET_AT_MOST,
                                         START_SAMPLE_MOST},
                        samples.msec, n);
    if (r == 0)
        r = figures_add(figures,
                        &(struct figure){"memory of segd", "sample city", 0, "peak", "MiB",
                                         BUDGET_AT_MOST, DAEMON_SAMPLE_MOST},
                        samples.peak, n);
    if (r == 0)
        r = figures_add(figures,
                        &(struct figure){"memory of segd", "sample city", 0, "when ready", "MiB",
                                         BUDGET_NONE, 0},
                        samples.resident, n);
    return r;
}

int measure_loads(const struct settings *settings, struct figures *figures)
{
    static const enum shape shapes[] = {SHAPE_DISTINCT, SHAPE_WIDE, SHAPE_RANGES};
    cleanup_(files_clear) struct files files = {0};
    size_t n_flows = settings->sizes[settings->n_sizes - 1];
    int r = files_make(&files);

    if (r == 0)
        r = measure_sample(settings, &files, figures);
    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(shapes); i++)
        r = measure_shape(settings, &files, shapes[i], n_flows, figures);
    return r;
}
