/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The methods GetIncidents and ReadIncident: the evidence of isolations. The state folder is closed
 * to all but segd; these methods are open to those who may isolate. */

#include <errno.h>

#include "daemon/control/method.h"
#include "daemon/record/incidents.h"

static int fail(struct call *call, int error, const char *what)
{
    if (error == -ENOMEM)
        return error;
    return error == -ENOENT
               ? call_error(call, "NotFound",
                            json_pack("{s:o}", "message", json_sprintf("there is no %s", what)))
               : call_error(call, "StorageFailed",
                            json_pack("{s:s}", "message", "cannot read the evidence"));
}

int method_get_incidents(struct call *call, const void *parameters, void *userdata)
{
    cleanup_(arena_freep) struct arena *arena = NULL;
    const struct gateway *gateway = method_gateway(userdata);
    struct incidents_reply reply = {0};
    int r = arena_new(&arena);

    (void)parameters;
    if (r == 0 && gateway->state_directory >= 0)
        r = incidents_list(gateway->state_directory, arena, &reply.incidents, &reply.n_incidents,
                           &reply.left_out);
    return r < 0 ? fail(call, r, "incident") : call_reply(call, &reply);
}

int method_read_incident(struct call *call, const void *parameters, void *userdata)
{
    const struct incident_parameters *asked = parameters;
    const struct gateway *gateway = method_gateway(userdata);
    cleanup_(arena_freep) struct arena *arena = NULL;
    struct incident_part part = {0};
    struct incident_reply reply;
    int r = arena_new(&arena);

    if (r == 0 && (gateway->state_directory < 0 || asked->offset < 0))
        r = -ENOENT;
    if (r == 0)
        r = incidents_read(gateway->state_directory, asked->incident, asked->file,
                           (uint64_t)asked->offset, arena, &part);
    if (r < 0)
        return fail(call, r, "such incident or file");
    reply = (struct incident_reply){.text = part.text,
                                    .text_size = part.size,
                                    .next = (uint64_t)asked->offset + part.size,
                                    .size = part.total};
    return call_reply(call, &reply);
}
