/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdio.h>

#include "base/sha256.h"
#include "daemon/record/evidence.h"

/* What the files of evidence share. */
#define EVIDENCE_FILES_MAX 8

struct evidence_file {
    const char *name; /* a static string */
    char sum[SHA256_TEXT_MAX];
    int fd; /* until it is on the disk; then -1 */
};

struct evidence {
    int incidents; /* the folder of all */
    int folder;
    char *path; /* `incidents/…` */
    struct nftables *nftables;
    const struct ruleset *ruleset;
    struct evidence_file files[EVIDENCE_FILES_MAX];
    size_t n_files;
    /* The first thing that the kernel would not tell, as a negative errno: its file says so, and
     * the rest is there. */
    int problem;
};

/* Writes what goes into a file. Returns 0, -ENOMEM, or -EIO where the stream failed. */
typedef int (*evidence_writer)(FILE *stream, struct evidence *evidence, const void *userdata);

/* evidence_file.c: a new file of the folder, with its sum. Returns 0, -ENOSPC, or -errno. */
int evidence_write(struct evidence *evidence, const char *name, evidence_writer writer,
                   const void *userdata);
/* Waits until all files and the folder are on the disk. Returns 0 or -errno. */
int evidence_sync(struct evidence *evidence);
/* Takes away all of it. */
void evidence_remove(struct evidence *evidence);

/* evidence_write.c */
int evidence_write_connections(FILE *stream, struct evidence *evidence, const void *subject);
int evidence_write_links(FILE *stream, struct evidence *evidence, const void *subject);
int evidence_write_state(FILE *stream, struct evidence *evidence, const void *subject);
int evidence_write_clock(FILE *stream, struct evidence *evidence, const void *subject);
int evidence_write_counters(FILE *stream, struct evidence *evidence, const void *userdata);
int evidence_write_ruleset(FILE *stream, struct evidence *evidence, const void *userdata);
