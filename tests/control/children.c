/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Children are found by walking /proc, since no kernel must list those of a process. */

#include "children.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"

/* Calls of the daemon until what is waited for must have happened: each gives the others a turn. */
#define TURNS_MAX 5000

void children_status(pid_t pid, const char *field, char value[64])
{
    char path[64], line[256];
    FILE *file;

    *value = '\0';
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, field, strlen(field)) == 0 && line[strlen(field)] == ':')
            sscanf(line + strlen(field) + 1, "%63s", value);
    }
    if (file)
        fclose(file);
}

/* Counts the children in the state, without `but`; `*ret_last` is one of them. */
static unsigned count(const struct segd *segd, char state, pid_t but, pid_t *ret_last)
{
    DIR *folder = opendir("/proc");
    const struct dirent *entry;
    char value[64], wanted[64];
    unsigned n = 0;

    ck_assert_ptr_nonnull(folder);
    snprintf(wanted, sizeof(wanted), "%d", (int)segd_process(segd));
    while ((entry = readdir(folder))) {
        pid_t pid = atoi(entry->d_name);

        if (pid <= 0 || pid == but)
            continue;
        children_status(pid, "PPid", value);
        if (strcmp(value, wanted) != 0)
            continue;
        children_status(pid, "State", value);
        if (state != 0 && *value != state)
            continue;
        n++;
        *ret_last = pid;
    }
    closedir(folder);
    return n;
}

pid_t children_find(const struct segd *segd)
{
    pid_t found = 0;

    count(segd, 0, 0, &found);
    return found;
}

pid_t children_wait(const struct segd *segd, char state, pid_t but)
{
    pid_t found = 0;

    for (int i = 0; count(segd, state, but, &found) == 0; i++) {
        ck_assert_msg(i < TURNS_MAX, "segd got no such child");
        calls_generation(segd);
    }
    return found;
}

void children_wait_count(const struct segd *segd, unsigned n)
{
    pid_t last;

    for (int i = 0; count(segd, 0, 0, &last) != n; i++) {
        ck_assert_msg(i < TURNS_MAX, "segd has not %u children", n);
        calls_generation(segd);
    }
}
