/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The number of a generation, within the transaction that commits it: a daemon that was killed
 * between the kernel's answer and its own note learns from the table which of two it is.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ruleset/compile.h"
#include "ruleset/compiler.h"

void compile_generation(struct compiler *compiler, uint64_t generation)
{
    if (generation != 0)
        compiler_chain(compiler, RULESET_GENERATION "%" PRIu64, generation);
}

uint64_t ruleset_generation(const struct ruleset *ruleset)
{
    uint64_t newest = 0;

    for (size_t i = 0; i < ruleset->n_chains; i++) {
        const char *name = ruleset->chains[i].name;
        unsigned long long number;
        char *end;

        if (strncmp(name, RULESET_GENERATION, strlen(RULESET_GENERATION)) != 0)
            continue;
        errno = 0;
        number = strtoull(name + strlen(RULESET_GENERATION), &end, 10);
        if (errno == 0 && *end == '\0' && number > newest)
            newest = number;
    }
    return newest;
}
