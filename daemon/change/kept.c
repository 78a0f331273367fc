/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Reads generations from the state folder for a change. */

#include "daemon/change/kept.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/storage.h"

/* A copy was read, since the file itself is damaged or missing. */
static void report_damage(const struct gateway *gateway, uint64_t number, const char *problem)
{
    char object[24];

    snprintf(object, sizeof(object), "%" PRIu64, number);
    storage_report_damage(gateway, "generation-damaged", object, problem);
}

int kept_read_record(const struct gateway *gateway, uint64_t number, struct generation *generation,
                     struct outcome *outcome)
{
    cleanup_(freep) char *problem = NULL;
    int r;

    if (!gateway->generations)
        return outcome_set(outcome, OUTCOME_STORAGE, "there is no state folder");
    r = generations_read(gateway->generations, number, generation, &problem);
    if (r == -ENOENT)
        return outcome_set(outcome, OUTCOME_NOT_FOUND,
                           "there is no generation %" PRIu64 "; `segctl history` lists them",
                           number);
    if (r < 0 && r != -ENOMEM)
        return outcome_set(outcome, OUTCOME_STORAGE, "generation %" PRIu64 ": %s", number,
                           problem ? problem : strerror(-r));
    if (r == 0 && problem)
        report_damage(gateway, number, problem);
    return r;
}

int kept_read(const struct gateway *gateway, uint64_t number, struct generation *generation,
              struct outcome *outcome, struct policy_texts *texts, struct policy **ret_policy)
{
    int r = kept_read_record(gateway, number, generation, outcome);

    return r == 0 ? kept_read_policy(gateway, generation, outcome, texts, ret_policy) : r;
}

int kept_parse(const struct policy_texts *texts, struct policy **ret_policy)
{
    cleanup_(sources_freep) struct sources *sources = NULL;
    cleanup_(diagnostics_freep) struct diagnostics *diagnostics = NULL;
    int r = sources_new(&sources);

    if (r == 0)
        r = diagnostics_new(&diagnostics);
    return r < 0
               ? r
               : policy_parse_texts(texts->texts, texts->n_texts, sources, diagnostics, ret_policy);
}

int kept_read_policy(const struct gateway *gateway, const struct generation *generation,
                     struct outcome *outcome, struct policy_texts *texts,
                     struct policy **ret_policy)
{
    cleanup_(freep) char *problem = NULL;
    int r;

    if (!gateway->generations)
        return outcome_set(outcome, OUTCOME_STORAGE, "there is no state folder");
    r = generations_read_texts(gateway->generations, generation, texts, &problem);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return outcome_set(outcome, OUTCOME_STORAGE, "generation %" PRIu64 " cannot be read: %s",
                           generation->number, problem ? problem : strerror(-r));
    if (problem)
        report_damage(gateway, generation->number, problem);
    r = ret_policy ? kept_parse(texts, ret_policy) : 0;
    if (r == -EBADMSG)
        return outcome_set(outcome, OUTCOME_STORAGE,
                           "this version of segd finds errors in generation %" PRIu64,
                           generation->number);
    return r;
}

const struct policy *kept_image(const struct gateway *gateway)
{
    const struct policy_image *image = &gateway->image;
    bool is_current = gateway->current.number > 0 &&
                      strcmp(image->fingerprint, gateway->current.fingerprint) == 0;

    return is_current ? image->policy : NULL;
}

int kept_read_enforced(const struct gateway *gateway, struct outcome *outcome,
                       struct policy **ret_policy)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    const struct policy *image = kept_image(gateway);

    if (!image)
        return kept_read_policy(gateway, &gateway->current, outcome, &texts, ret_policy);
    *ret_policy = (struct policy *)image;
    return 0;
}
