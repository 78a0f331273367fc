/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Which form of a page a scraper gets for what it says that it accepts. */

#include "accept.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "checks.h"

#define OPENMETRICS "application/openmetrics-text"

static const struct {
    const char *header;
    enum exposition_form form;
} headers[] = {
    {NULL, EXPOSITION_PROMETHEUS},
    {"", EXPOSITION_PROMETHEUS},
    {"*/*", EXPOSITION_PROMETHEUS},
    {"text/html, image/png", EXPOSITION_PROMETHEUS},
    {OPENMETRICS, EXPOSITION_OPENMETRICS},
    {"Application/OpenMetrics-Text ; Version=1.0.0", EXPOSITION_OPENMETRICS},
    {OPENMETRICS "; version=1.0.0; charset=utf-8", EXPOSITION_OPENMETRICS},
    {OPENMETRICS "; version=0.0.1", EXPOSITION_PROMETHEUS},
    {OPENMETRICS "; version=2.0.0", EXPOSITION_PROMETHEUS},
    {OPENMETRICS ";version=1.0.0;q=0", EXPOSITION_PROMETHEUS},
    {OPENMETRICS "x", EXPOSITION_PROMETHEUS},
    {"text/plain;q=0.5," OPENMETRICS ";q=0.4", EXPOSITION_PROMETHEUS},
    {"text/plain;q=0.5 , " OPENMETRICS " ; q=0.6", EXPOSITION_OPENMETRICS},
    {"text/*;q=0.7," OPENMETRICS ";q=0.6", EXPOSITION_PROMETHEUS},
    {OPENMETRICS ",*/*", EXPOSITION_OPENMETRICS},
    /* Prometheus 2.42 and 3.5. */
    {OPENMETRICS ";version=1.0.0," OPENMETRICS ";version=0.0.1;q=0.75,text/plain;version=0.0.4;"
                 "q=0.5,*/*;q=0.1",
     EXPOSITION_OPENMETRICS},
    {OPENMETRICS ";version=1.0.0;escaping=allow-utf-8;q=0.6," OPENMETRICS ";version=0.0.1;q=0.5,"
                 "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;"
                 "q=0.3,*/*;q=0.2",
     EXPOSITION_OPENMETRICS},
    {",,;;, ;q=,q=1;" OPENMETRICS, EXPOSITION_PROMETHEUS},
    {OPENMETRICS ";", EXPOSITION_OPENMETRICS},
};

START_TEST(form_is_what_is_preferred)
{
    cleanup_(freep) char *copy = headers[_i].header ? strdup(headers[_i].header) : NULL;

    ck_assert_msg(accept_form(copy) == headers[_i].form, "%s", copy ? copy : "no header");
}
END_TEST

void checks_add(TCase *tests)
{
    tcase_add_loop_test(tests, form_is_what_is_preferred, 0, ELEMENTS_OF(headers));
}
