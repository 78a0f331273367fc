/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who did something, as it is written down. Users are the numbers that the kernel told; names are
 * kept beside them, since a number may belong to somebody else by the time it is read.
 */

#include "daemon/record/actor.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "daemon/record/fields.h"

struct json_t *actor_to_json(const struct actor *actor)
{
    cleanup_(json_decrefp) json_t *json = json_object();

    if (json_object_set_new(json, "uid", json_integer(actor->uid)) < 0 ||
        json_object_set_new(json, "pid", json_integer(actor->pid)) < 0 ||
        fields_put_text(json, "name", actor->name) < 0 ||
        fields_put_number(json, "connection", actor->connection) < 0)
        return NULL;
    return TAKE_PTR(json);
}

int actor_from_json(const struct json_t *json, struct actor *ret_actor, char **ret_problem)
{
    struct fields fields = fields_begin(json, "the actor");
    struct actor actor = {0};
    const char *name;
    int r;

    actor.uid = fields_number(&fields, "uid", -1, UINT32_MAX);
    actor.pid = (pid_t)fields_number(&fields, "pid", 0, INT32_MAX);
    name = fields_text(&fields, "name");
    if (strlen(name) >= sizeof(actor.name))
        fields_fail(&fields, "\"name\" of the actor is too long");
    actor.connection = (uint64_t)fields_number(&fields, "connection", 0, INT64_MAX);

    r = fields_end(&fields, ret_problem);
    if (r < 0)
        return r;

    strcpy(actor.name, name);
    *ret_actor = actor;
    return 0;
}
