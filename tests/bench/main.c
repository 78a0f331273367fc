/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * segd-bench: what enforcing a policy costs, as ratios to other ways of doing it, taken in turns in
 * one run. Absolute numbers are true of one machine at one hour; they stand in the output only
 * where a budget is one.
 */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sections.h"

#define EXIT_USAGE 2
#define EXIT_SKIPPED 77
#define TEXTS_MAX 32

static const size_t sizes[] = {10, 1000, 10000, 50000};
static const size_t smoke_sizes[] = {10};

struct section {
    const char *name;
    int (*measure)(const struct settings *settings, struct figures *figures);
};

static const struct section sections[] = {
    {"packets", measure_packets}, {"changes", measure_changes}, {"loads", measure_loads},
    {"zones", measure_zones},     {"growth", measure_growth},   {"commands", measure_commands},
};

struct options {
    bool json;
    bool chosen[ELEMENTS_OF(sections)];
    bool print; /* the ruleset of `shape`, and nothing is measured */
    const char *texts[TEXTS_MAX];
    char baseline[PATH_MAX];
    char baseline_segd[PATH_MAX];
    struct settings settings;
};

static void print_help(void)
{
    puts("Usage: segd-bench [OPTION]...\n"
         "\n"
         "Measures what enforcing a policy costs, in throw-away network namespaces.\n"
         "Needs root, or a machine that allows user namespaces.\n"
         "\n"
         "  --json               one JSON object instead of tables\n"
         "  --only SECTION       packets, changes, loads, zones, growth or commands; may be\n"
         "                       repeated\n"
         "  --baseline FOLDER    measure another version too, in turns with this one: the\n"
         "                       folder that it was built in\n"
         "  --rounds N           rounds of packets (default 41)\n"
         "  --packets N          packets of one round (default 4096)\n"
         "  --connections N      how many open connections are many (default 1024)\n"
         "  --cpu N              the processor that forwards (default: the last)\n"
         "  --shape NAME:FLOWS   of --print and --ruleset (default distinct:1000); without\n"
         "                       both, measure packets of this shape alone\n"
         "  --print              print the ruleset of that shape as nft reads it\n"
         "  --ruleset FILE       measure packets by this nft text instead of policies;\n"
         "                       may be repeated\n"
         "  --smoke              the least that goes through everything; figures mean nothing\n"
         "  --help               show this help\n"
         "\n"
         "Progress goes to standard error. Exit code 1: a budget was missed.");
}

static int parse_number(const char *text, size_t least, size_t most, size_t *ret_number)
{
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end || number < least || number > most)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

static int parse_shape(const char *text, struct settings *settings)
{
    const char *colon = strchr(text, ':');

    for (enum shape shape = 0; colon && shape < SHAPES; shape++) {
        const char *name = shape_name(shape);

        if (strlen(name) == (size_t)(colon - text) && strncmp(name, text, strlen(name)) == 0) {
            settings->texts_shape = settings->only_shape = shape;
            return parse_number(colon + 1, 1, shape_flows_max(shape), &settings->texts_flows);
        }
    }
    return -EINVAL;
}

static int choose_section(const char *name, struct options *options)
{
    for (size_t i = 0; i < ELEMENTS_OF(sections); i++) {
        if (strcmp(name, sections[i].name) == 0) {
            options->chosen[i] = true;
            return 0;
        }
    }
    return -EINVAL;
}

static void set_smoke(struct settings *settings)
{
    settings->sizes = smoke_sizes;
    settings->n_sizes = ELEMENTS_OF(smoke_sizes);
    settings->n_rounds = settings->n_loads = 1;
    settings->smoke = true;
    settings->round = (struct round_size){.n_packets = 64, .n_warm = 64, .n_few = 16, .n_many = 64};
}

static int set_baseline(const char *folder, struct options *options)
{
    snprintf(options->baseline, sizeof(options->baseline), "%s/tools/segctl/segctl", folder);
    snprintf(options->baseline_segd, sizeof(options->baseline_segd), "%s/daemon/segd", folder);
    options->settings.baseline = options->baseline;
    options->settings.baseline_segd = options->baseline_segd;
    if (access(options->baseline, X_OK) < 0 || access(options->baseline_segd, X_OK) < 0)
        return -errno;
    return 0;
}

static int add_text(const char *path, struct options *options)
{
    if (options->settings.n_texts == TEXTS_MAX)
        return -E2BIG;
    options->texts[options->settings.n_texts++] = path;
    return 0;
}

static int parse_option(int option, struct options *options)
{
    struct settings *settings = &options->settings;
    size_t number = 0;
    int r = 0;

    switch (option) {
    case 'j':
        options->json = true;
        break;
    case 'o':
        r = choose_section(optarg, options);
        break;
    case 'n':
        r = parse_number(optarg, 1, 10000, &settings->n_rounds);
        break;
    case 'p':
        r = parse_number(optarg, 64, 32768, &settings->round.n_packets);
        break;
    case 'C':
        r = parse_number(optarg, 16, 32768, &settings->round.n_many);
        break;
    case 'c':
        r = parse_number(optarg, 0, CPU_SETSIZE - 1, &number);
        settings->cpu = (int)number;
        break;
    case 's':
        r = parse_shape(optarg, settings);
        break;
    case 'b':
        r = set_baseline(optarg, options);
        break;
    case 'P':
        options->print = true;
        break;
    case 'r':
        r = add_text(optarg, options);
        break;
    case 'S':
        set_smoke(settings);
        break;
    default:
        return -EINVAL;
    }
    if (r < 0)
        fprintf(stderr, "segd-bench: `%s` is not what this option takes; try --help\n", optarg);
    return r;
}

static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"json", no_argument, NULL, 'j'},
        {"only", required_argument, NULL, 'o'},
        {"rounds", required_argument, NULL, 'n'},
        {"packets", required_argument, NULL, 'p'},
        {"connections", required_argument, NULL, 'C'},
        {"cpu", required_argument, NULL, 'c'},
        {"shape", required_argument, NULL, 's'},
        {"baseline", required_argument, NULL, 'b'},
        {"print", no_argument, NULL, 'P'},
        {"ruleset", required_argument, NULL, 'r'},
        {"smoke", no_argument, NULL, 'S'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    bool any = false;
    int option;

    while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0) {
        if (option == 'h') {
            print_help();
            exit(EXIT_SUCCESS);
        }
        if (parse_option(option, options) < 0)
            return -EINVAL;
    }
    if (optind < argc)
        return -EINVAL;

    for (size_t i = 0; i < ELEMENTS_OF(sections); i++)
        any = any || options->chosen[i];
    for (size_t i = 0; !any && i < ELEMENTS_OF(sections); i++)
        options->chosen[i] =
            options->settings.n_texts == 0 || sections[i].measure == measure_packets;
    return 0;
}

static int last_cpu(void)
{
    cpu_set_t allowed;
    int last = 0;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET((size_t)cpu, &allowed))
            last = cpu;
    }
    return last;
}

static int print_ruleset(const struct settings *settings)
{
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;
    cleanup_(freep) char *text = NULL;
    struct line_cost cost = {0};
    size_t size;
    int r = line_text(settings->texts_shape, settings->texts_flows, false, &text, &size);

    if (r == 0)
        r = line_compile(text, size, &ruleset, &cost);
    return r < 0 ? r : ruleset_print(ruleset, calendar_now(), stdout);
}

static int measure(const struct options *options, struct figures *figures)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < ELEMENTS_OF(sections); i++) {
        if (options->chosen[i])
            r = sections[i].measure(&options->settings, figures);
    }
    if (r < 0)
        return r;
    return options->json ? figures_print_json(figures, stdout) : figures_print(figures, stdout);
}

int main(int argc, char **argv)
{
    struct options options = {
        .settings = {.sizes = sizes,
                     .n_sizes = ELEMENTS_OF(sizes),
                     .n_rounds = 41,
                     .round = {.n_packets = 4096, .n_warm = 2048, .n_few = 16, .n_many = 1024},
                     .n_loads = 5,
                     .cpu = last_cpu(),
                     .segd = SEGD,
                     .segctl = SEGCTL,
                     .only_shape = SHAPES,
                     .sample = SAMPLE,
                     .texts_shape = SHAPE_DISTINCT,
                     .texts_flows = 1000},
    };
    cleanup_(figures_freep) struct figures *figures = NULL;
    int r;

    options.settings.texts = options.texts;
    if (parse_options(argc, argv, &options) < 0)
        return EXIT_USAGE;

    /* Helps against what else the machine does; nothing depends on it. */
    setpriority(PRIO_PROCESS, 0, -20);
    r = figures_new(&figures);
    if (r == 0)
        r = options.print ? print_ruleset(&options.settings) : measure(&options, figures);
    if (r == -EPERM) {
        puts("SKIP: this machine allows this user no network namespace "
             "(neither CAP_SYS_ADMIN nor user namespaces)");
        return EXIT_SKIPPED;
    }
    if (r < 0) {
        fprintf(stderr, "segd-bench: %s\n", strerror(-r));
        return EXIT_FAILURE;
    }
    return figures_missed(figures) > 0 && options.settings.sizes == sizes ? EXIT_FAILURE
                                                                          : EXIT_SUCCESS;
}
