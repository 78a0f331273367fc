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

static int copy_text(const struct policy_text *text, struct policy_text *ret_copy)
{
    cleanup_(freep) char *name = strdup(text->name), *copy = malloc(text->size + 1);

    if (!name || !copy)
        return -ENOMEM;

    if (text->size > 0)
        memcpy(copy, text->text, text->size);
    copy[text->size] = '\0';
    *ret_copy = (struct policy_text){TAKE_PTR(name), TAKE_PTR(copy), text->size, text->expires};
    return 0;
}

int policy_texts_copy(const struct policy_texts *texts, struct policy_texts *ret_copy)
{
    cleanup_(policy_texts_clear) struct policy_texts copy = {0};

    copy.texts = calloc(texts->n_texts + 1, sizeof(*copy.texts));
    if (!copy.texts)
        return -ENOMEM;

    for (; copy.n_texts < texts->n_texts; copy.n_texts++) {
        int r = copy_text(&texts->texts[copy.n_texts], &copy.texts[copy.n_texts]);

        if (r < 0)
            return r;
    }

    *ret_copy = copy;
    copy = (struct policy_texts){0};
    return 0;
}

int policy_texts_from_sources(const struct sources *sources, struct policy_texts *ret_texts)
{
    size_t n = sources_count(sources);
    cleanup_(freep) struct policy_text *borrowed = calloc(n + 1, sizeof(*borrowed));

    if (!borrowed)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        borrowed[i].name = sources_name(sources, (uint32_t)i);
        borrowed[i].text = sources_text(sources, (uint32_t)i, &borrowed[i].size);
    }
    return policy_texts_copy(&(struct policy_texts){borrowed, n}, ret_texts);
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
