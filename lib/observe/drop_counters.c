/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * Refused packets. The kernel counts them in named counters, whose names hold the reason and, as
 * far as the reason knows them, where from and where to, or of which flow.
 */

#include "observe/drop_counters.h"

#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "ruleset/compile.h"

struct reading {
    drop_counter_handler handler;
    void *userdata;
};

static int hand_out(const char *name, struct nftables_count count, void *userdata)
{
    const struct reading *reading = userdata;
    char buffer[NFT_NAME_MAXLEN], *parts;
    struct drop_counter counter = {.name = name, .count = count};
    const char *rest;

    counter.reason = reason_of_counter(name, &rest);
    if (counter.reason == REASON_NONE)
        return 0;

    snprintf(buffer, sizeof(buffer), "%s", rest);
    parts = *rest ? buffer : NULL;
    switch (reason_detail(counter.reason)) {
    case REASON_DETAIL_NONE:
        break;
    case REASON_DETAIL_ZONE:
    case REASON_DETAIL_PAIR:
        counter.from = strsep(&parts, "/");
        counter.to = strsep(&parts, "/");
        break;
    case REASON_DETAIL_FLOW:
        counter.flow = strsep(&parts, "/");
        break;
    }
    return reading->handler(&counter, reading->userdata);
}

int drop_counters_read(struct nftables *nftables, drop_counter_handler handler, void *userdata)
{
    return nftables_read_counters(nftables, RULESET_TABLE, hand_out,
                                  &(struct reading){handler, userdata});
}
