/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Any bytes as a file of the state folder: as they are, and as content whose digest is right, which
 * no fuzzer would find. What is accepted must be written to an equal file; nothing may crash or
 * leak.
 *
 *   meson setup build-fuzz -Dfuzzing=true -Db_sanitize=address,undefined -Db_lundef=false
 * (CC=clang) build-fuzz/tests/fuzz/fuzz_state -max_total_time=60 CORPUS tests/fuzz/corpus/state
 */

#include <errno.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/sha256.h"
#include "daemon/record/generation.h"
#include "daemon/record/state.h"
#include "fuzz_folder.h"

/* Content with the digest of it. */
static char *wrap(const uint8_t *bytes, size_t size, size_t *ret_size)
{
    char digest[SHA256_TEXT_MAX], *text = NULL;
    FILE *stream = open_memstream(&text, ret_size);

    sha256_text(bytes, size, digest);
    if (!stream || fprintf(stream, "{\"sha256\": \"%s\", \"content\": ", digest) < 0 ||
        fwrite(bytes, 1, size, stream) != size || fputs("}\n", stream) < 0 || fclose(stream) != 0)
        abort();
    return text;
}

/* Whether a result is one of those that reading may have, and good. */
static bool is_good(int result, char *problem)
{
    if (result != 0 && (result != -EBADMSG || !problem))
        abort();
    free(problem);
    return result == 0;
}

static char *content_of(const struct fuzz_folder *folder, const char *name, size_t *ret_size)
{
    char *text = NULL;

    if (file_read(folder->directory, name, STATE_SIZE_MAX, &text, ret_size) < 0)
        abort();
    return text;
}

/* Writes what was read, reads and writes it again: that must be the same file. */
static void try_state(const struct fuzz_folder *folder)
{
    cleanup_(state_clear) struct state state = {0}, again = {0};
    cleanup_(freep) char *first = NULL, *second = NULL;
    char *problem = NULL;
    size_t first_size, second_size;
    int r;

    r = state_read(folder->directory, &state, &problem);
    if (!is_good(r, problem))
        return;

    if (state_write(folder->directory, &state) < 0)
        abort();
    first = content_of(folder, "state.json", &first_size);
    if (state_read(folder->directory, &again, NULL) < 0 ||
        state_write(folder->directory, &again) < 0)
        abort();
    second = content_of(folder, "state.json", &second_size);
    if (first_size != second_size || memcmp(first, second, first_size) != 0)
        abort();
}

static void try_generation(const struct fuzz_folder *folder)
{
    cleanup_(generations_closep) struct generations *generations = NULL;
    cleanup_(generation_clear) struct generation generation = {0}, again = {0};
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    char *problem = NULL;
    int r;

    if (generations_open(folder->directory, &generations) < 0)
        abort();
    r = generations_read(generations, 7, &generation, &problem);
    if (is_good(r, problem) && (generations_update(generations, &generation) < 0 ||
                                generations_read(generations, 7, &again, NULL) < 0))
        abort();

    problem = NULL;
    generation.number = 7;
    r = generations_read_texts(generations, &generation, &texts, &problem);
    is_good(r, problem);
}

static void try(const void *bytes, size_t size)
{
    cleanup_(fuzz_folder_remove) struct fuzz_folder folder = fuzz_folder_make();

    fuzz_folder_put(&folder, "state.json", bytes, size);
    fuzz_folder_put(&folder, "7.json", bytes, size);
    fuzz_folder_put(&folder, "7.policy.json", bytes, size);
    try_state(&folder);
    try_generation(&folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    cleanup_(freep) char *wrapped = NULL;
    size_t wrapped_size;

    try(bytes, size);
    wrapped = wrap(bytes, size, &wrapped_size);
    try(wrapped, wrapped_size);
    return 0;
}
