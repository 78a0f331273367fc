/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* Writes JSON without control characters that a terminal obeys. Returns 0, or -1 without memory or
 * if the stream failed. */
int write_json(FILE *stream, const json_t *json, size_t flags);

/*
 * Prints compact JSON as write_json() does with JSON_INDENT(2), without making values of it; with
 * NULL for a stream it is only checked. Returns 0, or -EBADMSG with part of it printed: it is not
 * JSON, or has what jansson would write in another way.
 */
int json_text_print(const char *text, size_t size, FILE *stream);
