/* SPDX-License-Identifier: GPL-2.0-or-later */

/* A client that others wrote, systemd's varlinkctl, understands the daemon and its description. */

#include <stdio.h>
#include <stdlib.h>

#include "calls.h"
#include "checks.h"
#include "sandbox.h"

#define PROGRAM "/usr/bin/varlinkctl"

static const char policy[] = "segd: 1\n"
                             "timezone: Asia/Tokyo\n"
                             "zones:\n"
                             "  a: { class: other, interfaces: [a0], networks: [10.1.0.0/24] }\n"
                             "  b: { class: other, interfaces: [b0], networks: [10.2.0.0/24] }\n"
                             "flows:\n"
                             "  main: { from: a, to: b, services: [tcp/7001] }\n";

/* Where `address` stands, the socket. */
static const struct {
    const char *arguments[8];
    const char *shows;
} runs[] = {
    {{PROGRAM, "info", "address"}, "Product: segd"},
    {{PROGRAM, "list-interfaces", "address"}, "io.segd.Control"},
    {{PROGRAM, "introspect", "address", "io.segd.Control"}, "error NotPermitted"},
    {{PROGRAM, "introspect", "address", "org.varlink.service"}, "method GetInfo"},
    {{PROGRAM, "-j", "call", "address", "io.segd.Control.GetStatus", "{}"},
     "\"mode\":\"enforcing\""},
    {{PROGRAM, "-j", "--more", "call", "address", "io.segd.Control.GetFlows", "{}"},
     "\"name\":\"main\""},
    {{PROGRAM, "-j", "call", "address", "io.segd.Control.Confirm", "{}"},
     "io.segd.Control.NotFound"},
};

START_TEST(varlinkctl_is_a_client)
{
    cleanup_(segd_freep) struct segd *segd = segd_enter(policy);
    cleanup_(freep) char *output = NULL;
    const char *arguments[8];
    char address[256];

    snprintf(address, sizeof(address), "unix:%s", segd_socket_path(segd));
    for (size_t i = 0; i < ELEMENTS_OF(arguments); i++) {
        const char *argument = runs[_i].arguments[i];

        arguments[i] = argument && strcmp(argument, "address") == 0 ? address : argument;
    }
    sandbox_run(arguments, NULL, &output);
    ck_assert_msg(strstr(output, runs[_i].shows), "%s", output);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    if (access(PROGRAM, X_OK) < 0)
        checks_skip("varlinkctl is not installed (" PROGRAM ")");
    tcase_add_loop_test(tests, varlinkctl_is_a_client, 0, (int)ELEMENTS_OF(runs));
}
