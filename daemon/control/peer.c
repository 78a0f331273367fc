/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Who calls, by SO_PEERCRED and SO_PEERGROUPS of the kernel, which the client cannot forge. Names
 * come from /etc/passwd and /etc/group only, not from a directory service: at boot there is no
 * network yet, and a slow directory service would delay every client. Groups are read when the
 * server starts; names of users are only shown and decide nothing.
 */

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/string_table.h"
#include "daemon/control/server_private.h"

static const char *const group_names[] = {
    [ROLE_VIEWER] = "segd-view",
    [ROLE_OPERATOR] = "segd-operate",
    [ROLE_ADMIN] = "segd-admin",
};

static const char *const role_words[] = {
    [ROLE_NONE] = "none",
    [ROLE_VIEWER] = "viewer",
    [ROLE_OPERATOR] = "operator",
    [ROLE_ADMIN] = "admin",
};
DEFINE_TO_STRING(role, enum role)

static inline void fclosep(FILE **file)
{
    if (*file)
        fclose(*file);
}

static gid_t find_group(FILE *groups, const char *name)
{
    const struct group *group;

    rewind(groups);
    while ((group = fgetgrent(groups))) {
        if (strcmp(group->gr_name, name) == 0)
            return group->gr_gid;
    }
    return (gid_t)-1;
}

void roles_resolve(struct roles *roles)
{
    cleanup_(fclosep) FILE *groups = fopen("/etc/group", "re");

    roles->groups[ROLE_NONE] = (gid_t)-1;
    for (enum role role = ROLE_VIEWER; role <= ROLE_ADMIN; role++)
        roles->groups[role] = groups ? find_group(groups, group_names[role]) : (gid_t)-1;
}

/* The highest role that the group gives. */
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
        /* With ERANGE the kernel has set `size` to what it needs. */
        if (errno != ERANGE)
            return -errno;
    }
}

static void name_actor(struct actor *actor, uid_t uid)
{
    cleanup_(fclosep) FILE *users = fopen("/etc/passwd", "re");
    const struct passwd *user = NULL;

    while (users && (user = fgetpwent(users)) && user->pw_uid != uid)
        ;
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
