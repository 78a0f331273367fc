/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who calls, as the kernel tells: SO_PEERCRED and SO_PEERGROUPS, which the other side cannot forge.
 * Groups are looked up by name when the server begins, so that a slow or broken directory service
 * holds up nobody later; names of users are looked up for people only and decide nothing.
 */

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server_private.h"

static const char *const group_names[] = {
    [ROLE_VIEWER] = "segd-view",
    [ROLE_OPERATOR] = "segd-operate",
    [ROLE_ADMIN] = "segd-admin",
};

const char *role_to_string(enum role role)
{
    static const char *const words[] = {
        [ROLE_NONE] = "none",
        [ROLE_VIEWER] = "viewer",
        [ROLE_OPERATOR] = "operator",
        [ROLE_ADMIN] = "admin",
    };

    return words[role];
}

void roles_resolve(struct roles *roles)
{
    roles->groups[ROLE_NONE] = (gid_t)-1;
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        const struct group *group = getgrnam(group_names[role]);

        roles->groups[role] = group ? group->gr_gid : (gid_t)-1;
    }
}

/* The highest role that one of the groups gives. */
static enum role role_of_group(const struct roles *roles, gid_t group)
{
    for (enum role role = ROLE_ADMIN; role > ROLE_NONE; role--) {
        if (roles->groups[role] != (gid_t)-1 && roles->groups[role] == group)
            return role;
    }
    return ROLE_NONE;
}

static int read_groups(int fd, gid_t **ret_groups, size_t *ret_n)
{
    socklen_t size = 64 * sizeof(gid_t);

    for (;;) {
        cleanup_(freep) gid_t *groups = malloc(size + 1);

        if (!groups)
            return -ENOMEM;
        if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &size) == 0) {
            *ret_n = size / sizeof(gid_t);
            *ret_groups = TAKE_PTR(groups);
            return 0;
        }
        /* It tells the size that it needs. */
        if (errno != ERANGE)
            return -errno;
    }
}

static void name_actor(struct actor *actor, uid_t uid)
{
    const struct passwd *user = getpwuid(uid);

    if (user && strlen(user->pw_name) < sizeof(actor->name))
        snprintf(actor->name, sizeof(actor->name), "%s", user->pw_name);
    else
        snprintf(actor->name, sizeof(actor->name), "%" PRIu32, (uint32_t)uid);
}

int peer_identify(const struct roles *roles, int fd, struct actor *ret_actor, enum role *ret_role)
{
    cleanup_(freep) gid_t *groups = NULL;
    struct ucred credentials;
    socklen_t size = sizeof(credentials);
    enum role role;
    size_t n = 0;
    int r;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
        return -errno;
    r = read_groups(fd, &groups, &n);
    if (r < 0)
        return r;

    role = credentials.uid == 0 ? ROLE_ADMIN : role_of_group(roles, credentials.gid);
    for (size_t i = 0; i < n; i++) {
        enum role other = role_of_group(roles, groups[i]);

        if (other > role)
            role = other;
    }

    *ret_actor = (struct actor){.uid = credentials.uid, .pid = credentials.pid};
    name_actor(ret_actor, credentials.uid);
    *ret_role = role;
    return 0;
}
