/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The audit log for its readers. */

#include <errno.h>
#include <stdlib.h>

#include "daemon/control/method.h"

int method_show_audit(struct call *call, const json_t *parameters, void *userdata)
{
    struct control *control = userdata;
    json_int_t after = method_get_number(parameters, "after", 0);
    json_int_t limit = method_get_number(parameters, "limit", FOLLOWERS_ENTRIES_MAX);
    uint64_t first = after > 0 ? (uint64_t)after : 0;
    json_t *reply;

    if (call_wants_more(call))
        return followers_add(&control->followers, control->gateway, call, first);
    if (limit < 1 || limit > FOLLOWERS_ENTRIES_MAX)
        limit = FOLLOWERS_ENTRIES_MAX;
    reply = followers_read(control->gateway, &first, (size_t)limit);
    if (!reply)
        return call_error(call, "StorageFailed",
                          json_pack("{s:s}", "message", "the audit log cannot be read"));
    return call_reply(call, reply);
}

int method_verify_audit(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(freep) char *problem = NULL;
    uint64_t entries = 0;
    int r = gateway->audit ? audit_verify(gateway->audit, &entries, &problem) : -ENOENT;

    (void)parameters;
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return call_error(call, "StorageFailed",
                          json_pack("{s:s}", "message", "the audit log cannot be read"));
    return call_reply(call, json_pack("{s:b, s:I, s:s, s:o}", "ok", problem == NULL, "entries",
                                      (json_int_t)entries, "head", audit_head(gateway->audit),
                                      "problem", method_text(problem)));
}
