/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A scrape: the calls of segd and the page that is made of them. A failure is a metric and not an
 * error, since a scraper that gets no page cannot tell a dead segd from a dead exporter; in the
 * journal it stands once, when it begins and when it ends.
 */

#include "scrape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "control/client.h"

/* Notes how a call ended; logs it where that is new. */
static void note(struct scraper *scraper, const char *method, int error, const char *name)
{
    if (error < 0)
        scraper->exporter.errors++;
    if (error < 0 && error != scraper->failed)
        fprintf(stderr, "segd-exporter: %s at %s: %s\n", method, scraper->socket,
                name ? name : strerror(-error));
    if (error == 0 && scraper->failed < 0)
        fprintf(stderr, "segd-exporter: segd answers again at %s\n", scraper->socket);
    scraper->failed = error;
}

/* Returns 0, -ENOMEM, or -errno of a connection that is of no more use. */
static int call(struct client *client, struct metrics *metrics, enum metrics_method method,
                int *ret_result, char **ret_error)
{
    cleanup_(json_decrefp) json_t *reply = NULL;
    int r = client_call(client, metrics_methods[method], NULL, &reply, ret_error);

    if (r == 0)
        r = metrics_add(metrics, method, reply);
    *ret_result = r;
    return r == -EREMOTEIO ? 0 : r;
}

/* Asks what can be asked. */
static void collect(struct scraper *scraper, struct metrics *metrics)
{
    const usec_t start = calendar_clock(CLOCK_MONOTONIC);
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(freep) char *error = NULL;
    const char *failed = "connecting";
    int result = client_connect_within(scraper->socket, SCRAPE_LIMIT, &client);
    int first = result, r = result;

    for (enum metrics_method method = 0; r == 0 && method < METRICS_METHODS; method++) {
        cleanup_(freep) char *name = NULL;

        r = call(client, metrics, method, &result, &name);
        if (result < 0 && first == 0) {
            first = result;
            failed = metrics_methods[method];
            error = TAKE_PTR(name);
        }
    }
    note(scraper, failed, first, error);
    metrics->duration = calendar_clock(CLOCK_MONOTONIC) - start;
}

int scrape(struct scraper *scraper, enum exposition_form form, char **ret_text, size_t *ret_size)
{
    cleanup_(metrics_clear) struct metrics metrics = {0};

    scraper->exporter.scrapes++;
    collect(scraper, &metrics);
    return metrics_write(&metrics, &scraper->exporter, form, ret_text, ret_size);
}

bool scrape_verify(struct scraper *scraper)
{
    cleanup_(client_closep) struct client *client = NULL;
    cleanup_(json_decrefp) json_t *reply = NULL;
    cleanup_(freep) char *error = NULL;
    int r = client_connect_within(scraper->socket, SCRAPE_LIMIT, &client);

    if (r == 0)
        r = client_call(client, "Verify", NULL, &reply, &error);
    note(scraper, "Verify", r, error);
    if (r < 0)
        return false;
    scraper->exporter.verified = calendar_now();
    scraper->exporter.verified_ok = json_is_true(json_object_get(reply, "ok"));
    return true;
}
