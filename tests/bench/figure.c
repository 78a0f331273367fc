/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Figures and how they are shown. One number is never enough on a machine that does other things
 * too: each has the median of its samples, the quartiles that half of them lie between, and the
 * range of all.
 */

#include "figure.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/text.h"

struct entry {
    struct figure figure;
    double *samples; /* sorted */
    size_t n_samples;
};

struct figures {
    struct arena *arena;
    struct entry *entries;
    size_t n_entries;
    size_t capacity;
};

int figures_new(struct figures **ret_figures)
{
    cleanup_(figures_freep) struct figures *figures = calloc(1, sizeof(*figures));
    int r;

    if (!figures)
        return -ENOMEM;
    r = arena_new(&figures->arena);
    if (r < 0)
        return r;
    *ret_figures = TAKE_PTR(figures);
    return 0;
}

struct figures *figures_free(struct figures *figures)
{
    if (!figures)
        return NULL;

    arena_free(figures->arena);
    free(figures->entries);
    free(figures);
    return NULL;
}

static int compare_samples(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The sample that `part` of the sorted samples lie below. */
static double quantile(const double *samples, size_t n_samples, double part)
{
    double at = part * (double)(n_samples - 1);
    size_t below = (size_t)at;
    size_t above = below + 1 < n_samples ? below + 1 : below;

    return samples[below] + (samples[above] - samples[below]) * (at - (double)below);
}

double samples_median(double *samples, size_t n_samples)
{
    qsort(samples, n_samples, sizeof(*samples), compare_samples);
    return quantile(samples, n_samples, 0.5);
}

int figures_add(struct figures *figures, const struct figure *figure, const double *samples,
                size_t n_samples)
{
    struct entry entry = {.figure = *figure, .n_samples = n_samples};
    int r = array_reserve(&figures->entries, &figures->capacity, figures->n_entries + 1,
                          sizeof(*figures->entries));

    if (r < 0)
        return r;

    entry.figure.section = arena_string(figures->arena, figure->section);
    entry.figure.shape = arena_string(figures->arena, figure->shape);
    entry.figure.what = arena_string(figures->arena, figure->what);
    entry.figure.unit = arena_string(figures->arena, figure->unit);
    entry.samples = arena_copy(figures->arena, samples, n_samples * sizeof(*samples));
    if (!entry.figure.section || !entry.figure.shape || !entry.figure.what || !entry.figure.unit ||
        !entry.samples)
        return -ENOMEM;

    qsort(entry.samples, n_samples, sizeof(*entry.samples), compare_samples);
    figures->entries[figures->n_entries++] = entry;
    return 0;
}

static bool entry_ok(const struct entry *entry)
{
    double median = quantile(entry->samples, entry->n_samples, 0.5);

    switch (entry->figure.budget) {
    case BUDGET_NONE:
        return true;
    case BUDGET_AT_LEAST:
        return median >= entry->figure.limit;
    case BUDGET_AT_MOST:
        return median <= entry->figure.limit;
    }
    return false;
}

size_t figures_missed(const struct figures *figures)
{
    size_t n = 0;

    for (size_t i = 0; i < figures->n_entries; i++)
        n += !entry_ok(&figures->entries[i]);
    return n;
}

#define NUMBER_TEXT_MAX 48

static const char *format_number(double number, const char *unit, char buffer[NUMBER_TEXT_MAX])
{
    int places = number < 10 ? 3 : number < 100 ? 1 : 0;

    snprintf(buffer, NUMBER_TEXT_MAX, "%.*f%s%s", places, number, *unit ? " " : "", unit);
    return buffer;
}

static int add_row(struct table *table, const struct entry *entry)
{
    const struct figure *figure = &entry->figure;
    char flows[24] = "", median[NUMBER_TEXT_MAX], half[2 * NUMBER_TEXT_MAX + 8];
    char all[2 * NUMBER_TEXT_MAX + 8], low[NUMBER_TEXT_MAX], high[NUMBER_TEXT_MAX];
    char limit[NUMBER_TEXT_MAX], budget[NUMBER_TEXT_MAX + 8] = "";

    if (figure->n_flows > 0)
        snprintf(flows, sizeof(flows), "%zu", figure->n_flows);
    format_number(quantile(entry->samples, entry->n_samples, 0.5), figure->unit, median);
    snprintf(half, sizeof(half), "%s to %s",
             format_number(quantile(entry->samples, entry->n_samples, 0.25), "", low),
             format_number(quantile(entry->samples, entry->n_samples, 0.75), "", high));
    snprintf(all, sizeof(all), "%s to %s", format_number(entry->samples[0], "", low),
             format_number(entry->samples[entry->n_samples - 1], "", high));
    if (figure->budget != BUDGET_NONE)
        snprintf(budget, sizeof(budget), "%s %s", figure->budget == BUDGET_AT_LEAST ? "≥" : "≤",
                 format_number(figure->limit, figure->unit, limit));

    return table_add(table, (const char *const[]){figure->section, figure->shape, flows,
                                                  figure->what, median, half, all, budget,
                                                  figure->budget == BUDGET_NONE ? ""
                                                  : entry_ok(entry)             ? "ok"
                                                                                : "MISS"});
}

enum group {
    GROUP_MISSED,
    GROUP_KEPT,
    GROUP_OTHERS,
    GROUPS,
};

static enum group entry_group(const struct entry *entry)
{
    if (entry->figure.budget == BUDGET_NONE)
        return GROUP_OTHERS;
    return entry_ok(entry) ? GROUP_KEPT : GROUP_MISSED;
}

static int print_group(const struct figures *figures, enum group group, FILE *stream)
{
    static const char *const titles[] = {"measured",    "shape",      "flows",  "what", "median",
                                         "half lie in", "all lie in", "budget", ""};
    static const enum table_align aligns[] = {
        TABLE_LEFT,  TABLE_LEFT,  TABLE_RIGHT, TABLE_LEFT, TABLE_RIGHT,
        TABLE_RIGHT, TABLE_RIGHT, TABLE_RIGHT, TABLE_LEFT,
    };
    static const char *const headings[] = {
        "Budgets missed",
        "Budgets kept",
        "Without a budget",
    };
    cleanup_(table_freep) struct table *table = NULL;
    size_t n = 0;
    int r = table_new(ELEMENTS_OF(titles), titles, aligns, &table);

    for (size_t i = 0; r == 0 && i < figures->n_entries; i++) {
        if (entry_group(&figures->entries[i]) != group)
            continue;
        r = add_row(table, &figures->entries[i]);
        n++;
    }
    if (r < 0)
        return r;

    fprintf(stream, "\n%s: %zu\n\n", headings[group], n);
    return n > 0 ? table_print(table, stream, false) : 0;
}

int figures_print(const struct figures *figures, FILE *stream)
{
    int r = 0;

    for (enum group group = 0; r == 0 && group < GROUPS; group++)
        r = print_group(figures, group, stream);
    return r;
}

static json_t *entry_json(const struct entry *entry)
{
    const struct figure *figure = &entry->figure;
    const double *samples = entry->samples;
    size_t n = entry->n_samples;
    json_t *object = json_pack(
        "{s:s, s:s, s:I, s:s, s:s, s:f, s:[ff], s:[ff], s:I}", "section", figure->section, "shape",
        figure->shape, "flows", (json_int_t)figure->n_flows, "what", figure->what, "unit",
        figure->unit, "median", quantile(samples, n, 0.5), "quartiles", quantile(samples, n, 0.25),
        quantile(samples, n, 0.75), "range", samples[0], samples[n - 1], "samples", (json_int_t)n);

    if (object && figure->budget != BUDGET_NONE &&
        (json_object_set_new(object, "budget",
                             json_pack("{s:f}",
                                       figure->budget == BUDGET_AT_LEAST ? "at_least" : "at_most",
                                       figure->limit)) < 0 ||
         json_object_set_new(object, "ok", json_boolean(entry_ok(entry))) < 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

int figures_print_json(const struct figures *figures, FILE *stream)
{
    struct utsname system;
    json_t *list = json_array(), *object;
    int r = 0;

    for (size_t i = 0; list && r == 0 && i < figures->n_entries; i++)
        r = json_array_append_new(list, entry_json(&figures->entries[i]));
    if (uname(&system) < 0) {
        json_decref(list);
        return -errno;
    }
    /* The reference to the list is handed over, whatever comes of it. */
    object = json_pack("{s:{s:s, s:s, s:I}, s:o}", "machine", "kernel", system.release,
                       "architecture", system.machine, "processors",
                       (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "figures", list);
    if (!object || r < 0) {
        json_decref(object);
        return -ENOMEM;
    }

    r = json_dumpf(object, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) < 0 ? -EIO : 0;
    json_decref(object);
    fputc('\n', stream);
    return r == 0 && fflush(stream) == 0 ? 0 : -EIO;
}
