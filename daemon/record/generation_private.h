/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "daemon/record/generation.h"

/* What the halves of generation*.c share: the names and version of the files. */
struct generations {
    int directory; /* borrowed */
};

#define GENERATION_VERSION 1
#define GENERATION_NAME_MAX 48

enum generation_file {
    GENERATION_RECORD,
    GENERATION_TEXTS,
};

/* The name of one of a generation's files; returns `buffer`. */
static inline const char *generation_file_name(uint64_t number, enum generation_file file,
                                               char buffer[GENERATION_NAME_MAX])
{
    snprintf(buffer, GENERATION_NAME_MAX, "%llu%s", (unsigned long long)number,
             file == GENERATION_RECORD ? ".json" : ".policy.json");
    return buffer;
}

/* A record that was read, of the generation that its file is named for. As generations_read(). */
int generation_from_json(const json_t *json, uint64_t number, struct generation *ret_generation,
                         char **ret_problem);

/* Removes the oldest beyond GENERATIONS_KEPT, but neither the newest nor any of `keep`. Returns 0,
 * -ENOMEM or -errno. */
int generations_forget(struct generations *generations, uint64_t newest, const uint64_t *keep,
                       size_t n_keep);
