/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is being built: the evidence of an isolation, and the counters of flows and refusals. */

#include <errno.h>
#include <stdlib.h>

#include "evidence.h"
#include "method.h"

struct evidence {
    const char *path;
};

int evidence_begin(const struct evidence_subject *subject, struct evidence **ret_evidence)
{
    (void)subject;
    *ret_evidence = calloc(1, sizeof(**ret_evidence));
    if (!*ret_evidence)
        return -ENOMEM;
    (*ret_evidence)->path = "none: not written yet";
    return 0;
}

int evidence_finish(struct evidence *evidence)
{
    (void)evidence;
    return 0;
}

struct evidence *evidence_free(struct evidence *evidence)
{
    free(evidence);
    return NULL;
}

const char *evidence_path(const struct evidence *evidence)
{
    return evidence->path;
}

int method_get_flows(struct call *call, const json_t *parameters, void *userdata)
{
    (void)parameters;
    (void)userdata;
    return call_error(call, "Refused", json_pack("{s:s}", "message", "not supported yet"));
}

int method_get_drops(struct call *call, const json_t *parameters, void *userdata)
{
    return method_get_flows(call, parameters, userdata);
}
