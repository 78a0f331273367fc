/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/attributes.h"
#include "kernel/batch.h"
#include "kernel/nftables.h"

/* DESTROYSETELEM, since Linux 6.3: to delete what may be gone. Older headers do not know it. */
#define MESSAGE_DESTROY_ELEMENTS 30

/* The kernel's numbers of verdicts, by `enum verdict`. */
extern const int elements_verdict_codes[];

/* What to do with the elements of a change. */
struct elements_command {
    const char *table;
    uint16_t type;  /* NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM or MESSAGE_DESTROY_ELEMENTS */
    uint16_t flags; /* NLM_F_* */
    usec_t now;     /* of a NEWSETELEM: elements that have expired are left out */
    /* Counters to begin with, one for each element of the change, or NULL. */
    const struct nftables_count *counts;
};

/* Adds the messages for all elements of `change`, as few as possible. Returns 0 or -ENOMEM. */
int elements_add(struct batch *batch, const struct elements_command *command,
                 const struct change *change);

/* The element of the change that the attribute at `offset` of the message belongs to, or NULL. */
const struct element *elements_find(const struct nlmsghdr *message,
                                    const struct batch_origin *origin, uint32_t offset);

/* Puts the key or keys of an element as its attributes. */
void elements_put_keys(struct nlmsghdr *message, const struct set *set,
                       const struct element *element);

/* The bytes of a key of the set as the kernel counts them: one field alone is not padded. */
size_t elements_key_length(const struct set *set);
/* How much of a comment the kernel is given: nft reads up to 128 bytes. Never splits a character of
 * UTF-8. */
size_t elements_comment_length(const char *comment);

/* An element as the kernel dumps it. Pointers are borrowed from the message. */
struct element_view {
    const uint8_t *key;
    size_t key_length;
    const uint8_t *key_end; /* as long as the key, or NULL */
    bool interval_end;      /* the first key after an interval */
    enum verdict verdict;
    const char *chain;
    uint32_t mark;
    const char *object;
    const char *comment;
    bool expires;
    uint64_t expires_msec; /* from now */
    bool counts;
    struct nftables_count count;
};

/* Sees one element; a negative return ends the walk and is returned. */
struct element_walk {
    int (*handler)(const struct element_view *view, void *userdata);
    void *userdata;
};
/* A netlink_handler: hands on each element of a dumped message, for which `walk` is the userdata.
 * -EBADMSG for an element without a key. */
int elements_each(const struct nlmsghdr *message, void *walk);
/* What a counter says, as attributes; false where they say nothing. */
bool elements_count(struct attributes counter, struct nftables_count *ret_count);
