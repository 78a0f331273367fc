/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "metrics/metrics.h"

/* Prometheus waits for 10 s as a rule. */
#define SCRAPE_LIMIT (8 * USEC_PER_SEC)

/* Who asks segd, and what is known of it. */
struct scraper {
    const char *socket; /* of segd; borrowed */
    struct metrics_exporter exporter;
    int failed; /* the last error, which has been logged; 0: none */
};

/*
 * Asks segd for everything, for SCRAPE_LIMIT at most, and writes it. Where segd does not answer the
 * page says that it does not. The caller frees the text. Returns 0 or -ENOMEM.
 */
int scrape(struct scraper *scraper, enum exposition_form form, char **ret_text, size_t *ret_size);
/* Has segd compare the kernel with what was applied. Returns whether it told. */
bool scrape_verify(struct scraper *scraper);
