/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <sys/types.h>

#include "daemon/control/methods.h"
#include "tests/lab/segd.h"

/*
 * Users and groups of an /etc of the test's own. A call is made by a process of its user, so that
 * nothing but the kernel tells the daemon who it is. Only root can do this.
 */
struct person {
    uid_t uid;
    gid_t gid;
    gid_t groups[3]; /* the one that gives the role is the last, one in between, or `gid` */
    size_t n_groups;
    const char *name;
    enum role role;
};
enum { NOBODY, VIEWER, OPERATOR, ADMIN, OTHER_ADMIN, ROOT, N_PEOPLE };
extern const struct person people[N_PEOPLE];

/* How a call of another process ends. */
enum answer {
    DONE,
    REFUSED_BY_ROLE,
    REFUSED,
    INVALID_PARAMETER,
    OTHER_ERROR,
    NO_ANSWER,
};

/* Gives the calling process the users, before the daemon is started. */
void people_enter(void);
/* Lets everybody reach the daemon's socket. */
void people_let_in(const struct segd *segd);
/* `parameters` is stolen; `ret_pid`, of the process that called, may be NULL. */
enum answer people_call(const struct segd *segd, const struct person *person, const char *method,
                        json_t *parameters, pid_t *ret_pid);
