/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets. The kernel counts them in named counters, whose names tell the reason and, as
 * far as the reason knows them, where from and where to, or of which flow.
 */

#include <errno.h>
#include <string.h>

#include "daemon/control/method.h"
#include "ruleset/compile.h"

#define LIMITED "limited"

/* What a counter of refused packets may be called by; others are no refusals. */
static const char *const reasons[] = {
    "no-flow",           "suspended", "invalid", "spoofed",  "mac-mismatch",
    "unknown-interface", "isolated",  "limited", "lockdown",
};

static const char *find_reason(const char *name)
{
    size_t length = strcspn(name, "/");

    for (size_t i = 0; i < ELEMENTS_OF(reasons); i++) {
        if (strlen(reasons[i]) == length && strncmp(reasons[i], name, length) == 0)
            return reasons[i];
    }
    return NULL;
}

/* The part of the name behind the next slash, up to the one after it; null where there is none. */
static json_t *next_part(const char **name)
{
    size_t length;

    *name += strcspn(*name, "/");
    if (!**name)
        return json_null();
    (*name)++;
    length = strcspn(*name, "/");
    return json_stringn(*name, length);
}

/* A counter is named `REASON/FROM/TO`, `REASON/ZONE`, `limited/FLOW` or `REASON`. */
static int add_drop(const char *name, struct nftables_count count, void *userdata)
{
    const char *reason = find_reason(name);
    json_t *array = userdata, *first, *second;
    bool of_flow;

    if (!reason || count.packets == 0)
        return 0;

    of_flow = strcmp(reason, LIMITED) == 0;
    first = next_part(&name);
    second = next_part(&name);
    if (json_array_append_new(array, json_pack("{s:s, s:o, s:o, s:o, s:I, s:I}", "reason", reason,
                                               "from", of_flow ? json_null() : first, "to", second,
                                               "flow", of_flow ? first : json_null(), "packets",
                                               (json_int_t)count.packets, "bytes",
                                               (json_int_t)count.bytes)) < 0)
        return -ENOMEM;
    return 0;
}

int method_get_drops(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(json_decrefp) json_t *array = json_array();
    int r = -ENOMEM;

    (void)parameters;
    if (array)
        r = nftables_read_counters(enforcement_nftables(gateway->enforcement), RULESET_TABLE,
                                   add_drop, array);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return call_error(call, "KernelRefused",
                          json_pack("{s:s, s:n, s:i}", "message", strerror(-r), "file", "line", 0));
    return call_reply(call, json_pack("{s:O}", "drops", array));
}
