/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/object.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>

#include "base/cleanup.h"

/* Cleanup of libnftnl's objects. */
DEFINE_CLEANUP(struct nftnl_chain, nftnl_chain_free)
DEFINE_CLEANUP(struct nftnl_expr, nftnl_expr_free)
DEFINE_CLEANUP(struct nftnl_expr_iter, nftnl_expr_iter_destroy)
DEFINE_CLEANUP(struct nftnl_obj, nftnl_obj_free)
DEFINE_CLEANUP(struct nftnl_rule, nftnl_rule_free)
DEFINE_CLEANUP(struct nftnl_set, nftnl_set_free)
DEFINE_CLEANUP(struct nftnl_table, nftnl_table_free)
DEFINE_CLEANUP(struct nftnl_udata_buf, nftnl_udata_buf_free)
