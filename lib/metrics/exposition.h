/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"
#include "record/record.h"

/*
 * Samples as text: the format of Prometheus 0.0.4, or OpenMetrics 1.0, which names counters and
 * information without their suffixes and ends with a line that says so. Neither has any comment
 * but HELP and TYPE: Prometheus refuses a page of OpenMetrics for one.
 */
enum exposition_form {
    EXPOSITION_PROMETHEUS,
    EXPOSITION_OPENMETRICS,
    /* Replies of List and of Describe of io.systemd.Metrics, each with its NUL. In a reply of List
     * the value of the first label is the object; Describe has no samples. */
    EXPOSITION_REPORT,
    EXPOSITION_REPORT_FAMILIES,
};
/* For `Content-Type:` of the first two. */
const char *exposition_content_type(enum exposition_form form);

enum metric_kind {
    METRIC_GAUGE,
    METRIC_COUNTER, /* the samples end with `_total` */
    METRIC_INFO,    /* the samples end with `_info`, and are 1 */
};

#define METRIC_LABELS_MAX 4
#define METRIC_PART_MAX 128

struct metric_family {
    const char *name; /* without the suffix of its kind */
    enum metric_kind kind;
    const char *labels[METRIC_LABELS_MAX]; /* up to the first NULL */
    const char *help;                      /* one line without quotes and backslashes */
};

/* A page that is written. */
struct exposition {
    struct record_text text; /* to be cleared; with one NUL after it at the end */
    int error;               /* -ENOMEM: it is not whole */
    enum exposition_form form;
    const struct metric_family *family; /* that samples belong to */
    bool has_reply;                     /* the last one is without its end */
    /* What stands before the value of each label, and after the last one. */
    char parts[METRIC_LABELS_MAX + 1][METRIC_PART_MAX];
    size_t sizes[METRIC_LABELS_MAX + 1];
};

void exposition_family(struct exposition *exposition, const struct metric_family *family);
/* The values of the family's labels, in their order: UTF-8. What could steer a terminal becomes
 * U+FFFD. No two samples of a family may have the same labels. */
void exposition_sample(struct exposition *exposition, const char *const *labels, uint64_t value);
/* A span of time or an instant, in seconds. */
void exposition_seconds(struct exposition *exposition, const char *const *labels, usec_t value);
/* Ends the page. Returns 0 or -ENOMEM. */
int exposition_end(struct exposition *exposition);
