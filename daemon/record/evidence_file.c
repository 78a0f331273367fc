/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The files of one incident. Their sums are those of the bytes as they are handed to the kernel,
 * not of what a later reading finds, so that nothing can come in between. All are written before
 * the first is waited for: the disk is waited for while a zone is still to be cut off.
 */

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "daemon/record/evidence_private.h"

/* A file while it is written. */
struct output {
    int fd;
    int error;
    crypto_hash_sha256_state hash;
};

/* As fopencookie(3) wants it: 0 is an error. */
static ssize_t output_write(void *cookie, const char *bytes, size_t size)
{
    struct output *output = cookie;
    int r = file_write_all(output->fd, bytes, size);

    if (r < 0) {
        output->error = r;
        return 0;
    }
    crypto_hash_sha256_update(&output->hash, (const unsigned char *)bytes, size);
    return (ssize_t)size;
}

/* Returns 0, or the first thing that went wrong. */
static int fill(struct evidence *evidence, struct evidence_file *file, evidence_writer writer,
                const void *userdata)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct output output = {.fd = file->fd};
    FILE *stream;
    int r;

    crypto_hash_sha256_init(&output.hash);
    stream = fopencookie(&output, "w", (cookie_io_functions_t){.write = output_write});
    if (!stream)
        return -ENOMEM;

    r = writer(stream, evidence, userdata);
    if (fclose(stream) != 0 && r == 0)
        r = -EIO;
    if (output.error < 0)
        r = output.error;
    if (r < 0)
        return r;

    crypto_hash_sha256_final(&output.hash, digest);
    sodium_bin2hex(file->sum, sizeof(file->sum), digest, sizeof(digest));
    return 0;
}

int evidence_write(struct evidence *evidence, const char *name, evidence_writer writer,
                   const void *userdata)
{
    struct evidence_file *file = &evidence->files[evidence->n_files];

    if (evidence->n_files == EVIDENCE_FILES_MAX)
        return -ENOBUFS;
    *file = (struct evidence_file){.name = name};
    file->fd =
        openat(evidence->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file->fd < 0)
        return -errno;

    evidence->n_files++;
    return fill(evidence, file, writer, userdata);
}

int evidence_sync(struct evidence *evidence)
{
    for (size_t i = 0; i < evidence->n_files; i++) {
        struct evidence_file *file = &evidence->files[i];

        if (file->fd < 0)
            continue;
        if (fsync(file->fd) < 0)
            return -errno;
        close(file->fd);
        file->fd = -1;
    }
    return fsync(evidence->folder) < 0 ? -errno : 0;
}

void evidence_remove(struct evidence *evidence)
{
    const char *name = evidence->path ? strrchr(evidence->path, '/') + 1 : NULL;

    for (size_t i = 0; i < evidence->n_files; i++)
        unlinkat(evidence->folder, evidence->files[i].name, 0);
    if (name && unlinkat(evidence->incidents, name, AT_REMOVEDIR) == 0)
        fsync(evidence->incidents);
}
