/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Files for a daemon that is measured. Its state folder is emptied before each start, so that each
 * is the first.
 */

#include "files.h"

#include <errno.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int files_make(struct files *files)
{
    strcpy(files->folder, "/tmp/segd-bench-XXXXXX");
    if (!mkdtemp(files->folder)) {
        files->folder[0] = '\0';
        return -errno;
    }
    snprintf(files->policy, sizeof(files->policy), "%s/policy.yaml", files->folder);
    snprintf(files->other, sizeof(files->other), "%s/other.yaml", files->folder);
    snprintf(files->text, sizeof(files->text), "%s/ruleset.nft", files->folder);
    snprintf(files->state, sizeof(files->state), "%s/state", files->folder);
    snprintf(files->socket, sizeof(files->socket), "%s/control", files->folder);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

static void remove_tree(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void files_clear(struct files *files)
{
    if (files->folder[0])
        remove_tree(files->folder);
}

int files_write(const char *path, const char *text, size_t size)
{
    FILE *stream = fopen(path, "we");
    bool whole;

    if (!stream)
        return -errno;
    whole = fwrite(text, 1, size, stream) == size;
    return fclose(stream) == 0 && whole ? 0 : -EIO;
}

int files_session(const struct files *files, const char *segd, const char *policy,
                  struct process_cost *ret_cost, struct process_command *commands,
                  size_t n_commands, struct process_cost *ret_again)
{
    const char *const daemon[] = {segd,         "--policy", policy,        "--state-dir",
                                  files->state, "--socket", files->socket, NULL};

    remove_tree(files->state);
    return process_session(daemon, ret_cost, commands, n_commands, ret_again);
}
