/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/*
 * Who does something: a client of the control socket as the kernel told it (SO_PEERCRED), or the
 * daemon itself with pid 0 and the occasion as its name (`boot`, `signal`, `clock`, `confirm`).
 */
#define ACTOR_NAME_MAX 64

struct actor {
    int64_t uid; /* -1: the daemon itself */
    pid_t pid;
    char name[ACTOR_NAME_MAX]; /* login name, or the number as text where there is none */
    /* The connection it came over, counted from 1 since the daemon began; 0: none. */
    uint64_t connection;
};

/* As JSON. A new reference, NULL without memory. The inverse returns 0, -EBADMSG (`*ret_problem`,
 * if not NULL, is a sentence that the caller frees) or -ENOMEM. */
struct json_t;
struct json_t *actor_to_json(const struct actor *actor);
int actor_from_json(const struct json_t *json, struct actor *ret_actor, char **ret_problem);
