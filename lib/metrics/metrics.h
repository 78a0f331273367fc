/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "metrics/exposition.h"
#include "record/wire.h"

/*
 * What segd tells a viewer, as metrics. Names and labels are those of docs/monitoring.md.
 */

/* The methods of io.segd.Control that are called for it, in this order. */
enum metrics_method {
    METRICS_STATUS,
    METRICS_COUNTERS,
    METRICS_DROPS,
};
#define METRICS_METHODS 3
extern const char *const metrics_methods[METRICS_METHODS];

/* What is shown at most; what is left out is counted by a metric of its own. A flow has four
 * samples. */
#define METRICS_FLOWS_MAX 50000
#define METRICS_ZONES_MAX 1024
#define METRICS_FINDINGS_MAX 200
#define METRICS_EXPIRING_MAX 1000
/* Days for which a flow that ended is shown. */
#define METRICS_ENDED_DAYS 7
#define METRICS_REFUSED_MAX 20000
/* Pairs of zones for which nothing was refused yet are shown as 0 for at most so many zones. */
#define METRICS_ZERO_ZONES_MAX 64

/* What an exporter knows of itself. */
struct metrics_exporter {
    uint64_t scrapes;
    uint64_t errors;   /* calls of segd that failed */
    usec_t verified;   /* when segd last compared the kernel with what was applied; 0: never */
    bool verified_ok;  /* and found no difference */
    usec_t start_time; /* of the process */
};

/* The replies. A zeroed structure has none. */
struct metrics {
    bool has[METRICS_METHODS];
    struct status_reply status;
    struct counters_reply counters;
    struct drops_reply drops;
    /* The kernel's table of connections; `connections_max` is 0 where segd does not tell. */
    uint64_t connections, connections_max;
    usec_t duration; /* of the calls */
};
void metrics_clear(struct metrics *metrics);
/* Takes the reply of a method, which stays the caller's. Returns 0 or -ENOMEM. */
int metrics_add(struct metrics *metrics, enum metrics_method method, const json_t *reply);

/* Writes all metrics. Of a method that did not answer there are none, and `segd_method_up` is 0.
 * `exporter` may be NULL. The caller frees the text, which has a NUL after its `*ret_size` bytes.
 * Returns 0 or -ENOMEM. */
int metrics_write(const struct metrics *metrics, const struct metrics_exporter *exporter,
                  enum exposition_form form, char **ret_text, size_t *ret_size);

/* The replies of List and of Describe of io.systemd.Metrics: what GetStatus told, but nothing of
 * single flows, and of so many zones, since systemd-report takes 1,024 metrics of a machine in all.
 * The caller frees the text. Return 0 or -ENOMEM. */
#define METRICS_REPORT_ZONES_MAX 64
int metrics_report(const struct metrics *metrics, char **ret_text, size_t *ret_size);
int metrics_report_families(char **ret_text, size_t *ret_size);

/* One row of refused packets; the texts are borrowed, and "" where the reason tells none. */
struct refused {
    const char *reason, *from, *to, *flow;
    uint64_t packets, bytes;
};
/* The refused packets, sorted, each key once, and zeros where nothing was refused so far. The
 * caller frees the array. Returns 0 or -ENOMEM. */
int metrics_list_refused(const struct metrics *metrics, struct refused **ret_list, size_t *ret_n);
