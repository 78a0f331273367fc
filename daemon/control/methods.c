/* SPDX-License-Identifier: GPL-2.0-or-later */

/* The table of methods: the one place that says who may do what. */

#include "daemon/control/methods.h"

#include "daemon/control/method.h"

const struct method control_methods[] = {
    {"GetStatus", ROLE_VIEWER, method_get_status},
    {"GetPolicy", ROLE_VIEWER, method_get_policy},
    {"GetZones", ROLE_VIEWER, method_get_zones},
    {"GetFlows", ROLE_VIEWER, method_get_flows},
    {"GetDrops", ROLE_VIEWER, method_get_drops},
    {"GetHistory", ROLE_VIEWER, method_get_history},
    {"Verify", ROLE_VIEWER, method_verify},
    {"ShowAudit", ROLE_VIEWER, method_show_audit},
    {"VerifyAudit", ROLE_VIEWER, method_verify_audit},
    {"Plan", ROLE_OPERATOR, method_plan},
    {"Diff", ROLE_VIEWER, method_diff},
    {"Isolate", ROLE_OPERATOR, method_isolate},
    {"Suspend", ROLE_OPERATOR, method_suspend},
    {"Resume", ROLE_OPERATOR, method_resume},
    {"Grant", ROLE_OPERATOR, method_grant},
    {"Revoke", ROLE_OPERATOR, method_revoke},
    {"Release", ROLE_ADMIN, method_release},
    {"Apply", ROLE_ADMIN, method_apply},
    {"Confirm", ROLE_ADMIN, method_confirm},
    {"Rollback", ROLE_ADMIN, method_rollback},
};

const size_t control_n_methods = ELEMENTS_OF(control_methods);
