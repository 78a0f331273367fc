/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "metrics/exposition.h"

/*
 * The form that a client wants most, by its `Accept:` (RFC 9110, 12.5.1); NULL: it has none. Who
 * does not name OpenMetrics, of version 1.0.0 or none, gets the text of Prometheus, also where it
 * accepts neither: a scraper that says nonsense is better answered than not.
 */
enum exposition_form accept_form(const char *header);
