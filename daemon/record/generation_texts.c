/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The texts of a policy, and the digest that names them. It covers the names of files, since their
 * order is that of their names and counts, but not the folders they lie in: the same files
 * elsewhere are the same policy.
 */

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "daemon/record/generation.h"

void policy_texts_clear(struct policy_texts *texts)
{
    for (size_t i = 0; i < texts->n_texts; i++) {
        free((char *)texts->texts[i].name);
        free((char *)texts->texts[i].text);
    }
    free(texts->texts);
    *texts = (struct policy_texts){0};
}

static int copy_source(const struct sources *sources, uint32_t source, struct policy_text *ret_text)
{
    cleanup_(freep) char *name = NULL, *copy = NULL;
    const char *text;
    size_t size;

    text = sources_text(sources, source, &size);
    name = strdup(sources_name(sources, source));
    copy = malloc(size + 1);
    if (!name || !copy)
        return -ENOMEM;

    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    *ret_text = (struct policy_text){.name = TAKE_PTR(name), .text = TAKE_PTR(copy), .size = size};
    return 0;
}

int policy_texts_from_sources(const struct sources *sources, struct policy_texts *ret_texts)
{
    cleanup_(policy_texts_clear) struct policy_texts texts = {0};
    size_t n = sources_count(sources);
    int r;

    texts.texts = calloc(n + 1, sizeof(*texts.texts));
    if (!texts.texts)
        return -ENOMEM;

    for (; texts.n_texts < n; texts.n_texts++) {
        r = copy_source(sources, (uint32_t)texts.n_texts, &texts.texts[texts.n_texts]);
        if (r < 0)
            return r;
    }

    *ret_texts = texts;
    texts = (struct policy_texts){0};
    return 0;
}

/* With its length in front, so that no two lists of texts are the same bytes. */
static void digest_text(crypto_hash_sha256_state *digest, const char *text, size_t size)
{
    unsigned char length[8];

    for (size_t i = 0; i < sizeof(length); i++)
        length[i] = (unsigned char)((uint64_t)size >> (8 * i));
    crypto_hash_sha256_update(digest, length, sizeof(length));
    crypto_hash_sha256_update(digest, (const unsigned char *)text, size);
}

const char *policy_texts_fingerprint(const struct policy_text *texts, size_t n_texts,
                                     char buffer[SHA256_TEXT_MAX])
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state digest;

    crypto_hash_sha256_init(&digest);
    for (size_t i = 0; i < n_texts; i++) {
        const char *slash = strrchr(texts[i].name, '/');
        const char *name = slash ? slash + 1 : texts[i].name;

        digest_text(&digest, name, strlen(name));
        digest_text(&digest, texts[i].text, texts[i].size);
    }
    crypto_hash_sha256_final(&digest, bytes);
    return sodium_bin2hex(buffer, SHA256_TEXT_MAX, bytes, sizeof(bytes));
}
