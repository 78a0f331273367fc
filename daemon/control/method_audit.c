/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Methods that read and verify the audit log. */

#include <errno.h>
#include <stdlib.h>

#include "daemon/control/method.h"
#include "daemon/step.h"

static int fail(struct call *call)
{
    return call_error(call, "StorageFailed",
                      json_pack("{s:s}", "message", "cannot read the audit log"));
}

int method_show_audit(struct call *call, const void *parameters, void *userdata)
{
    const struct audit_parameters *asked = parameters;
    struct control *control = userdata;
    uint64_t first = asked->after > 0 ? (uint64_t)asked->after : 0;
    int64_t limit = asked->limit;
    json_t *reply;

    if (call_wants_more(call))
        return followers_add(&control->followers, control->gateway, call, first);
    if (limit < 1 || limit > FOLLOWERS_ENTRIES_MAX)
        limit = FOLLOWERS_ENTRIES_MAX;
    reply = followers_read(control->gateway, &first, (size_t)limit);
    return reply ? call_reply_json(call, reply) : fail(call);
}

/*
 * A worker knows the log as it was when segd made it. If segd wrote an entry since, another one
 * verifies it again; what somebody else wrote is still there then.
 */
int method_verify_audit(struct call *call, const void *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    const struct audit *audit = gateway->audit;
    cleanup_(freep) char *problem = NULL;
    struct verify_audit_reply reply = {0};
    int r = audit ? audit_verify(gateway->audit, &reply.entries, &problem) : -ENOENT;

    (void)parameters;
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return fail(call);
    step_reached("audit-verified");
    if (!audit_is_as_left(audit) && call_may_run_again(call))
        return -ESTALE;
    reply.ok = !problem;
    reply.problem = problem;
    reply.head = (char *)audit_head(gateway->audit);
    return call_reply(call, &reply);
}
