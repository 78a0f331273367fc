/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Refused packets, as the kernel has counted them. */

#include <errno.h>
#include <string.h>

#include "daemon/control/method.h"
#include "observe/drop_counters.h"

static int add_drop(const struct drop_counter *counter, void *userdata)
{
    if (counter->count.packets == 0)
        return 0;
    return json_array_append_new(userdata,
                                 json_pack("{s:s, s:s?, s:s?, s:s?, s:I, s:I}", "reason",
                                           reason_to_string(counter->reason), "from", counter->from,
                                           "to", counter->to, "flow", counter->flow, "packets",
                                           (json_int_t)counter->count.packets, "bytes",
                                           (json_int_t)counter->count.bytes)) < 0
               ? -ENOMEM
               : 0;
}

int method_get_drops(struct call *call, const json_t *parameters, void *userdata)
{
    struct gateway *gateway = method_gateway(userdata);
    cleanup_(json_decrefp) json_t *array = json_array();
    int r = -ENOMEM;

    (void)parameters;
    if (array)
        r = drop_counters_read(enforcement_nftables(gateway->enforcement), add_drop, array);
    if (r == -ENOMEM)
        return r;
    if (r < 0)
        return call_error(call, "KernelRefused",
                          json_pack("{s:s, s:n, s:i}", "message", strerror(-r), "file", "line", 0));
    return call_reply(call, json_pack("{s:O}", "drops", array));
}
