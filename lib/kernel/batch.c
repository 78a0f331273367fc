/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Messages are written where they are sent from: into large pages that one sendmsg() hands to the
 * kernel as one datagram. Nothing is copied or moved, so a batch costs little more memory than the
 * kernel is sent. The batch's first and last message are its brackets; what stands between is
 * applied as a whole or not at all.
 */

#include "kernel/batch.h"

#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "base/array.h"

#define PAGE_SIZE ((size_t)256 * 1024)
/* The kernel takes this many pieces in one sendmsg(), UIO_MAXIOV. */
#define PAGES_MAX ((size_t)1024)

struct message {
    struct nlmsghdr *header;
    struct batch_origin origin;
};

struct batch {
    struct netlink *netlink;
    uint32_t first_sequence;
    size_t bytes;
    struct iovec *pages;
    size_t n_pages;
    size_t pages_capacity;
    struct message *messages;
    size_t n_messages;
    size_t messages_capacity;
};

/* Room for `room` bytes at the end of the last page, or of a new one. NULL: no memory. */
static char *batch_room(struct batch *batch, size_t room)
{
    struct iovec *page = batch->n_pages > 0 ? &batch->pages[batch->n_pages - 1] : NULL;
    cleanup_(freep) char *bytes = NULL;

    if (page && PAGE_SIZE - page->iov_len >= room)
        return (char *)page->iov_base + page->iov_len;

    /* Zeroed, because libmnl leaves the padding after texts as it is. */
    bytes = calloc(1, PAGE_SIZE);
    if (!bytes || array_append(&batch->pages, &batch->n_pages, &batch->pages_capacity,
                               &(struct iovec){.iov_base = bytes}, sizeof(*page)) < 0)
        return NULL;
    return TAKE_PTR(bytes);
}

int batch_add(struct batch *batch, struct nlmsghdr *message, struct batch_origin origin)
{
    int r = array_append(&batch->messages, &batch->n_messages, &batch->messages_capacity,
                         &(struct message){.header = message, .origin = origin},
                         sizeof(*batch->messages));

    if (r < 0)
        return r;
    batch->pages[batch->n_pages - 1].iov_len += message->nlmsg_len;
    batch->bytes += message->nlmsg_len;
    return 0;
}

static uint32_t batch_sequence(const struct batch *batch)
{
    return batch->first_sequence + (uint32_t)batch->n_messages;
}

/* The first message of the batch, or the last. */
static int add_bracket(struct batch *batch, struct nlmsghdr *(*make)(char *room, uint32_t sequence))
{
    char *room = batch_room(batch, BATCH_MESSAGE_MAX);

    if (!room)
        return -ENOMEM;
    return batch_add(batch, make(room, batch_sequence(batch)), (struct batch_origin){0});
}

int batch_new(struct netlink *netlink, struct batch **ret_batch)
{
    cleanup_(batch_freep) struct batch *batch = calloc(1, sizeof(*batch));
    int r;

    if (!batch)
        return -ENOMEM;
    batch->netlink = netlink;
    batch->first_sequence = netlink->sequence;

    /* A later version can name here (NFNL_BATCH_GENID) the generation id it was computed from, so
     * that the kernel refuses it where somebody else was quicker. */
    r = add_bracket(batch, nftnl_batch_begin);
    if (r < 0)
        return r;

    *ret_batch = TAKE_PTR(batch);
    return 0;
}

struct batch *batch_free(struct batch *batch)
{
    if (!batch)
        return NULL;

    for (size_t i = 0; i < batch->n_pages; i++)
        free(batch->pages[i].iov_base);
    free(batch->pages);
    free(batch->messages);
    free(batch);
    return NULL;
}

int batch_start(struct batch *batch, uint16_t type, uint16_t flags, size_t room,
                struct nlmsghdr **ret_message)
{
    char *bytes;

    if (room > BATCH_MESSAGE_MAX)
        return -EMSGSIZE;

    bytes = batch_room(batch, room);
    if (!bytes)
        return -ENOMEM;

    *ret_message = nftnl_nlmsg_build_hdr(bytes, type, NFPROTO_INET, flags, batch_sequence(batch));
    return 0;
}

size_t batch_messages(const struct batch *batch)
{
    return batch->n_messages;
}

size_t batch_index(const struct batch *batch, uint32_t sequence)
{
    return sequence - batch->first_sequence;
}

size_t batch_bytes(const struct batch *batch)
{
    return batch->bytes;
}

static int batch_close(struct batch *batch)
{
    int r = add_bracket(batch, nftnl_batch_end);

    if (r < 0)
        return r;

    batch->netlink->sequence = batch_sequence(batch);
    return 0;
}

int batch_commit(struct batch *batch, struct netlink_errors *errors)
{
    int r = batch_close(batch);

    if (r < 0)
        return r;
    if (batch->n_pages > PAGES_MAX)
        return -ENOBUFS;
    return netlink_transact(batch->netlink, batch->pages, batch->n_pages, batch->bytes, errors);
}

static void append_vector(struct iovec *vectors, size_t *n, struct nlmsghdr *message)
{
    vectors[(*n)++] = (struct iovec){message, message->nlmsg_len};
}

/* Sends the messages from `*next` up to `end`, as many as fit `limit` bytes, between the batch's
 * brackets. */
static int batch_send_part(struct batch *batch, size_t *next, size_t end, size_t limit,
                           struct netlink_errors *errors)
{
    struct nlmsghdr *open = batch->messages[0].header;
    struct nlmsghdr *close = batch->messages[batch->n_messages - 1].header;
    size_t bytes = open->nlmsg_len + close->nlmsg_len, n = 0;
    struct iovec vectors[PAGES_MAX];

    append_vector(vectors, &n, open);
    for (; *next < end && n + 1 < PAGES_MAX; (*next)++) {
        struct nlmsghdr *message = batch->messages[*next].header;

        if (n > 1 && bytes + message->nlmsg_len > limit)
            break;
        bytes += message->nlmsg_len;
        append_vector(vectors, &n, message);
    }
    append_vector(vectors, &n, close);
    return netlink_transact(batch->netlink, vectors, n, bytes, errors);
}

int batch_commit_parts(struct batch *batch, size_t n, struct netlink_errors *errors)
{
    size_t next = 1, limit, end;
    int r = batch_close(batch);

    if (r < 0)
        return r;

    limit = netlink_send_limit(batch->netlink, batch->bytes);
    end = batch->n_messages - 1;
    while (next < n && r == 0 && errors->n_errors == 0 && !errors->overrun)
        r = batch_send_part(batch, &next, n, limit, errors);
    if (r < 0 || errors->n_errors > 0 || errors->overrun)
        return r;

    r = batch_send_part(batch, &next, end, SIZE_MAX, errors);
    return r == 0 && next < end ? -ENOBUFS : r;
}

const struct nlmsghdr *batch_find(const struct batch *batch, uint32_t sequence,
                                  struct batch_origin *ret_origin)
{
    size_t index = batch_index(batch, sequence);

    if (index >= batch->n_messages || !batch->messages[index].origin.change)
        return NULL;

    *ret_origin = batch->messages[index].origin;
    return batch->messages[index].header;
}
