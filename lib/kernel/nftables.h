/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "ruleset/difference.h"
#include "ruleset/ruleset.h"

struct flow;
struct policy;

/*
 * The kernel's nftables of the network namespace in which nftables_open() was called, over one
 * netlink socket. No call here touches any table but the one that the ruleset names.
 */
struct nftables;

/* Returns 0, -EPERM where the caller lacks CAP_NET_ADMIN in the namespace, or -errno. */
int nftables_open(struct nftables **ret_nftables);
struct nftables *nftables_close(struct nftables *nftables);
DEFINE_CLEANUP(struct nftables, nftables_close)

/*
 * Whether tables that are made or taken over from now on belong to this handle's socket and outlive
 * it (flags owner and persist), where the kernel has both; a kernel without `persist` makes plain
 * tables. The kernel then refuses all other sockets, also those of the same process, and a `flush
 * ruleset` of theirs leaves the table alone. When the last descriptor of the socket is closed the
 * table stays and is an orphan. Rulesets that are dumped tell how their table stands, and
 * difference_new() yields what makes it ours. Returns 0 or as nftables_probe().
 */
int nftables_own(struct nftables *nftables, bool own);
/* True where tables are made to be owned: it was asked for, and the kernel can. */
bool nftables_owns(const struct nftables *nftables);

/*
 * The socket, which owns the tables: borrowed. Another process that holds a copy of the descriptor
 * goes on as the owner by adopting it, while this one no longer uses its handle.
 *
 * nftables_adopt_fd() takes the descriptor over on success. Whether to own must be asked for again.
 * Returns 0, -EINVAL where the descriptor is none of nfnetlink's, -EXDEV where its network
 * namespace is not that of the process, or as nftables_open().
 */
int nftables_fd(const struct nftables *nftables);
int nftables_adopt_fd(int fd, struct nftables **ret_nftables);
/* In a child of the process: closes its copy of the socket, which the child must not use, and if
 * `reads` opens one to read by, which sees who owns tables as the other did. Returns 0 or -errno.
 */
int nftables_enter_child(struct nftables *nftables, bool reads);

/* What the running kernel can do, each tried in a transaction that is never committed, or on a
 * table of its own that is gone afterwards. */
struct nftables_features {
    bool inet;             /* nf_tables with family inet */
    bool concatenations;   /* concatenated interval maps (pipapo), 5.6 */
    bool element_counters; /* a counter in each element of a set, 5.7 */
    bool owner_persist;    /* table flags owner and persist together, 6.9 */
    bool destroy;          /* DESTROYSETELEM, 6.3 */
    bool update_timeout;   /* adding an element again changes its timeout, 6.12 */
    bool conntrack;        /* ct expressions, ct mark and ct zone */
    bool ipsec;            /* meta ipsec and rt ipsec */
    bool reject;           /* reject in the family inet */
    bool sctp;             /* connection tracking of SCTP by port, which can be left out */
};
int nftables_probe(struct nftables *nftables, struct nftables_features *ret_features);
/* The first feature that segd cannot do without and this kernel lacks, as a sentence for people, or
 * NULL where nothing is missing. */
const char *nftables_features_missing(const struct nftables_features *features);
/* The same for what only a policy with ports of SCTP needs (policy_flow_with_ports()). */
const char *nftables_features_missing_sctp(const struct nftables_features *features);
/* The same for what only a policy with a zone that requires IPsec needs (policy_zone_with_ipsec()).
 */
const char *nftables_features_missing_ipsec(const struct nftables_features *features);
/* The same for what only a policy with `reject` needs (policy_first_reject()). */
const char *nftables_features_missing_reject(const struct nftables_features *features);

/* Packets and bytes of one element or named counter. */
struct nftables_count {
    uint64_t packets;
    uint64_t bytes;
};

/* Why the kernel refused a batch. */
struct nftables_refusal {
    int error;                /* negative errno of the first message refused */
    struct location location; /* the policy line the message came from; line 0: none */
    char what[160];           /* the object: `element of live`, `chain mynumber/lgwan/ip` */
};

struct nftables_cost {
    size_t bytes;    /* of netlink sent */
    size_t messages; /* in the batches */
    size_t transactions;
    uint64_t build_usec;
    uint64_t commit_usec; /* sending and waiting for the kernel */
};

/*
 * Applies a difference, phase by phase: each is one transaction, all of it or nothing. An empty
 * difference sends nothing. `now` turns expiries into timeouts; an element whose expiry has passed
 * is left out. `ret_refusal` and `ret_cost` may be NULL.
 *
 * Returns 0, or
 * -EREMOTEIO  the kernel refused; `*ret_refusal` says what. Nothing has changed, or only the phases
 *             before: what shall go may still be there. Its error is -EBUSY where another socket
 *             owns the table
 * -ENOBUFS    the batch is larger than the system lets this process send (net.core.wmem_max, where
 *             it has no CAP_NET_ADMIN in the first user namespace) and changes a table that is
 *             there; a new table is then sent in parts, its base chains last
 * -ENOMEM, -errno of the socket
 */
int nftables_apply(struct nftables *nftables, const struct ruleset *target,
                   const struct difference *difference, usec_t now,
                   struct nftables_refusal *ret_refusal, struct nftables_cost *ret_cost);

/*
 * From now on nftables_apply() hands out what each counter had counted that it deleted, once the
 * transaction is committed: of an element of the set `set` with the key `key`, as the kernel has
 * it, or where `key` is NULL, the counter with the name `set`. Of an element the kernel tells it as
 * it takes it away: only a packet that another processor judges in that very instant may be
 * missing. A named counter is read just before the transaction.
 * Elements that are renewed begin at 0. Of what leaves in numbers for which the socket has no room
 * (beyond 16,000 elements without CAP_NET_ADMIN in the first user namespace), nothing is handed
 * out.
 */
typedef void (*nftables_gone_handler)(const char *set, const uint8_t *key,
                                      struct nftables_count count, void *userdata);
void nftables_follow_gone(struct nftables *nftables, nftables_gone_handler handler, void *userdata);

/*
 * The generation id of the namespace's rulesets: each transaction of anybody, in any table, counts
 * it up by one. 0 or -errno.
 */
int nftables_generation(struct nftables *nftables, uint32_t *ret_generation);

/*
 * Reads the table as it is. Rules that equal those of the same chain in `expected` (which may be
 * NULL) come back as them; all others are `foreign` with their text. The dump is repeated until the
 * generation id was the same at its beginning and at its end.
 *
 * Returns 0 and a ruleset the caller owns, -ENOENT where there is no such table, -EAGAIN where the
 * generation changed each time (16 tries), -ENOMEM, or -errno.
 */
int nftables_dump(struct nftables *nftables, const char *table, const struct ruleset *expected,
                  struct ruleset **ret_ruleset);

/* Called for each element of a set that counts. `mark` and `direction` for the map `live`. */
typedef int (*nftables_element_handler)(const uint8_t *key, size_t key_length,
                                        struct nftables_count count, void *userdata);
typedef int (*nftables_counter_handler)(const char *name, struct nftables_count count,
                                        void *userdata);
/* Read counters. A handler sees each once; a negative return of it ends the walk and is returned.
 * 0, -EAGAIN where what is read changed each time (16 tries), -ENOENT without such a set, or
 * -errno. */
int nftables_read_elements(struct nftables *nftables, const char *table, const char *set,
                           nftables_element_handler handler, void *userdata);
/*
 * The same for those elements alone that `set` has, in their order: a set without intervals of a
 * ruleset that was applied. Each is asked for by its key and is of its own moment; what is gone is
 * left out. This is the way to read a large map: the kernel looks for the place of each piece of a
 * dump from the beginning, so a dump takes time in the square of the elements, and this does not.
 */
typedef int (*nftables_known_handler)(const struct element *element, struct nftables_count count,
                                      void *userdata);
int nftables_read_known(struct nftables *nftables, const char *table, const struct set *set,
                        nftables_known_handler handler, void *userdata);
int nftables_read_counters(struct nftables *nftables, const char *table,
                           nftables_counter_handler handler, void *userdata);
