/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as a policy: read, compiled to a diagram and a ruleset, printed, and what was printed
 * read again. After a byte 0x1e stands a list of addresses. A policy that is accepted must print to
 * an equal one; nothing may crash or leak.
 *
 *   meson setup build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false
 * (CC=clang) build-fuzz/tests/fuzz/fuzz_policy -max_total_time=60 CORPUS tests/fuzz/corpus/policy
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "diagram/diagram.h"
#include "policy/policy.h"
#include "policy/texts.h"
#include "ruleset/compile.h"

#define SEPARATOR 0x1e

struct reading {
    struct sources *sources;
    struct diagnostics *diagnostics;
    struct policy *policy;
};

static void reading_clear(struct reading *reading)
{
    policy_free(reading->policy);
    diagnostics_free(reading->diagnostics);
    sources_free(reading->sources);
}

/* False where the text is no policy. */
static bool reading_make(struct reading *reading, const char *text, size_t size)
{
    const char *list = memchr(text, SEPARATOR, size);
    struct policy_text texts[] = {
        {.name = "fuzz.yaml", .text = text, .size = list ? (size_t)(list - text) : size},
        {.name = "lists/fuzz.txt"},
    };

    if (list) {
        texts[1].text = list + 1;
        texts[1].size = size - texts[0].size - 1;
    }
    if (sources_new(&reading->sources) < 0 || diagnostics_new(&reading->diagnostics) < 0)
        abort();
    return policy_parse_texts(texts, list ? 2 : 1, reading->sources, reading->diagnostics,
                              &reading->policy) == 0;
}

/* Takes out the comments that name lists, which are lines of their own. */
static void cut_comments(char *text, size_t *size)
{
    char *line;

    while ((line = strstr(text, "\n  # "))) {
        size_t length = strcspn(line + 1, "\n") + 1;

        memmove(line, line + length, strlen(line + length) + 1);
        *size -= length;
    }
}

static char *print(const struct policy *policy, size_t *ret_size)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, ret_size);

    if (!stream || policy_print(policy, stream) < 0 || fclose(stream) != 0)
        abort();
    return text;
}

static void compile(const struct reading *reading)
{
    cleanup_(diagram_freep) struct diagram *diagram = NULL;
    cleanup_(ruleset_freep) struct ruleset *ruleset = NULL;

    if (diagram_new(reading->policy, NULL, reading->diagnostics, &diagram) < 0)
        return;
    if (ruleset_compile(diagram, &(struct ruleset_options){.now = calendar_now()}, &ruleset) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cleanup_(reading_clear) struct reading first = {0}, second = {0};
    cleanup_(freep) char *printed = NULL, *again = NULL;
    size_t printed_size, again_size;

    if (!reading_make(&first, (const char *)bytes, size)) {
        if (diagnostics_count(first.diagnostics, SEVERITY_ERROR) == 0)
            abort();
        return 0;
    }

    printed = print(first.policy, &printed_size);
    cut_comments(printed, &printed_size);
    if (!reading_make(&second, printed, printed_size))
        abort();

    again = print(second.policy, &again_size);
    if (again_size != printed_size || memcmp(again, printed, printed_size) != 0)
        abort();

    compile(&first);
    return 0;
}
