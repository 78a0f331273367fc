/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The protocol as clients see it: calls and their answers, in order, one by one or streaming, and
 * what is answered to a call that cannot be. Limits are in test_server_limits.c.
 */

#include <stdio.h>
#include <sys/socket.h>

#include "checks.h"
#include "service.h"

static json_int_t number(const json_t *reply, const char *name)
{
    const json_t *value = json_object_get(json_object_get(reply, "parameters"), name);

    ck_assert_msg(json_is_integer(value), "no %s", name);
    return json_integer_value(value);
}

static bool continues(const json_t *reply)
{
    return json_is_true(json_object_get(reply, "continues"));
}

START_TEST(calls_sent_in_one_go_are_answered_in_order)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(freep) char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    for (int i = 0; i < 500; i++)
        fprintf(stream, CALL_WITH("Diff", "{\"from\":%d,\"to\":0}") "%c", i, 0);
    ck_assert_int_eq(fclose(stream), 0);
    client_send(fd, text, size);
    for (int i = 0; i < 500; i++) {
        cleanup_(json_decrefp) json_t *reply = client_hear(fd);

        ck_assert_int_eq(number(reply, "from"), i);
    }
}
END_TEST

START_TEST(message_in_single_bytes_is_answered)
{
    static const char text[] = CALL_WITH("Diff", "{\"from\":7,\"to\":8}");
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(json_decrefp) json_t *reply = NULL;

    for (size_t i = 0; i < sizeof(text); i++)
        client_send(fd, text + i, 1);
    reply = client_hear(fd);
    ck_assert_int_eq(number(reply, "to"), 8);
}
END_TEST

START_TEST(oneway_call_is_done_and_not_answered)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(json_decrefp) json_t *reply = NULL;

    client_say(fd, "{\"method\":\"io.segd.Control.Diff\",\"oneway\":true,"
                   "\"parameters\":{\"from\":1,\"to\":1}}");
    /* Nor is the error of one. */
    client_say(fd, "{\"method\":\"io.segd.Control.Nothing\",\"oneway\":true}");
    client_say(fd, CALL_WITH("Diff", "{\"from\":2,\"to\":2}"));
    reply = client_hear(fd);
    ck_assert_int_eq(number(reply, "from"), 2);
    ck_assert_int_eq(number(reply, "handled"), 2);
}
END_TEST

START_TEST(oneway_call_before_the_end_is_done)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int other = service_connect(service, -1);
    int fd = service_connect(service, -1);

    client_is_served(fd);
    service_pause(service, true);
    for (int i = 0; i < 3; i++)
        client_say(fd, "{\"method\":\"io.segd.Control.Diff\",\"oneway\":true,"
                       "\"parameters\":{\"from\":1,\"to\":1}}");
    close(fd);
    service_pause(service, false);
    /* Each call of the other gives the first a turn. */
    for (int i = 0; i < 5; i++)
        client_is_served(other);
    ck_assert_int_eq(service_number(service, "handled"), 3);
}
END_TEST

START_TEST(more_gives_replies_that_continue_and_a_last)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    json_t *reply;

    client_say(fd, "{\"method\":\"io.segd.Control.GetHistory\",\"more\":true}");
    for (int i = 0; i <= 3; i++) {
        reply = client_hear(fd);
        ck_assert_int_eq(number(reply, "n"), i);
        ck_assert(continues(reply) == (i < 3));
        json_decref(reply);
    }
    reply = client_ask(fd, CALL("GetHistory"));
    ck_assert_int_eq(number(reply, "n"), 3);
    ck_assert(!continues(reply));
    json_decref(reply);
}
END_TEST

START_TEST(kept_call_is_answered_before_the_next_one)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(closep) int other = service_connect(service, -1);

    client_say(fd, CALL("GetFlows"));
    client_say(fd, CALL_WITH("Diff", "{\"from\":5,\"to\":5}"));
    /* Two turns of the other, and a call of it that answers the first. */
    client_is_served(other);
    client_is_served(other);
    ck_assert_int_eq(service_number(service, "handled"), 0);
    json_decref(client_ask(other, CALL("GetZones")));
    for (int i = 0; i < 2; i++) {
        cleanup_(json_decrefp) json_t *reply = client_hear(fd);

        ck_assert(i == 0 ? json_object_get(json_object_get(reply, "parameters"), "text") != NULL
                         : number(reply, "from") == 5);
    }
}
END_TEST

START_TEST(kept_oneway_call_lets_the_connection_go_on)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(closep) int other = service_connect(service, -1);

    client_say(fd, "{\"method\":\"io.segd.Control.GetFlows\",\"oneway\":true}");
    client_say(fd, CALL("GetStatus"));
    client_is_served(other);
    client_is_served(other);
    json_decref(client_ask(other, CALL("GetZones")));
    json_decref(client_hear(fd));
}
END_TEST

START_TEST(client_that_goes_ends_its_kept_call)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    int fd = service_connect(service, -1);

    client_say(fd, "{\"method\":\"io.segd.Control.GetFlows\",\"more\":true}");
    json_decref(client_hear(fd));
    if (_i == 0)
        close(fd);
    else
        ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    while (service_number(service, "gone") == 0)
        ;
    if (_i == 1)
        client_is_closed(fd);
    /* Nobody is left to be told. */
    fd = service_connect(service, -1);
    json_decref(client_ask(fd, CALL("GetZones")));
    close(fd);
}
END_TEST

START_TEST(stream_that_is_not_read_is_cut_off)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    cleanup_(closep) int other = service_connect(service, -1);
    json_t *reply;
    bool more = true;

    client_say(fd, "{\"method\":\"io.segd.Control.GetFlows\",\"more\":true}");
    json_decref(client_hear(fd));
    reply = client_ask(other, CALL("GetDrops"));
    ck_assert_int_eq(number(reply, "slow"), 1);
    ck_assert_int_le(number(reply, "sent"), 66);
    json_decref(reply);

    /* It is told so after what it did not read, and may go on. */
    while (more) {
        reply = client_hear(fd);
        ck_assert_ptr_nonnull(reply);
        more = continues(reply);
        if (more)
            json_decref(reply);
    }
    client_is_error(reply, "io.segd.Control.Refused");
    client_is_served(fd);
}
END_TEST

static const struct {
    const char *call, *error, *field, *value;
} errors[] = {
    {CALL("Nothing"), "org.varlink.service.MethodNotFound", "method", "Nothing"},
    {"{\"method\":\"org.varlink.service.Nothing\"}", "org.varlink.service.MethodNotFound", "method",
     "Nothing"},
    {"{\"method\":\"io.other.GetStatus\"}", "org.varlink.service.InterfaceNotFound", "interface",
     "io.other"},
    {"{\"method\":\"io.segd.Control\"}", "org.varlink.service.InterfaceNotFound", "interface",
     "io.segd"},
    {"{\"method\":\"GetStatus\"}", "org.varlink.service.InterfaceNotFound", "interface", ""},
    {"{\"method\":\"\"}", "org.varlink.service.InterfaceNotFound", "interface", ""},
    {CALL("Diff"), "org.varlink.service.InvalidParameter", "parameter", "from"},
    {CALL_WITH("Diff", "{\"from\":1,\"to\":\"2\"}"), "org.varlink.service.InvalidParameter",
     "parameter", "to"},
    {CALL_WITH("Diff", "{\"from\":1,\"to\":2,\"too\":3}"), "org.varlink.service.InvalidParameter",
     "parameter", "too"},
    {CALL_WITH("Diff", "[1,2]"), "org.varlink.service.InvalidParameter", "parameter", "parameters"},
    {CALL_WITH("Diff", "7"), "org.varlink.service.InvalidParameter", "parameter", "parameters"},
    {"{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
     "org.varlink.service.InvalidParameter", "parameter", "interface"},
    {"{\"method\":\"org.varlink.service.GetInterfaceDescription\","
     "\"parameters\":{\"interface\":\"io.other\"}}",
     "org.varlink.service.InterfaceNotFound", "interface", "io.other"},
    {"{\"method\":\"io.segd.Control.GetStatus\",\"upgrade\":true}",
     "org.varlink.service.MethodNotImplemented", "method", "io.segd.Control.GetStatus"},
    {CALL("Verify"), "io.segd.Control.Failed", "message", "Input/output error"},
    {CALL("VerifyAudit"), "io.segd.Control.Failed", "message", "Protocol error"},
};

START_TEST(call_that_cannot_be_answered_is_told_why)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, -1);
    json_t *reply = client_ask(fd, errors[_i].call);
    const char *value =
        json_string_value(json_object_get(json_object_get(reply, "parameters"), errors[_i].field));

    ck_assert_ptr_nonnull(value);
    ck_assert_str_eq(value, errors[_i].value);
    client_is_error(reply, errors[_i].error);
    client_is_served(fd);
}
END_TEST

static const char *const nonsense[] = {
    "",
    "{",
    "[]",
    "7",
    "GET / HTTP/1.1\r\n\r\n",
    "{}",
    "{\"method\":7}",
    "{\"method\":null}",
    "{\"method\":\"io.segd.Control.GetStatus\",\"method\":\"io.segd.Control.GetStatus\"}",
    "{\"method\":\"io.segd.Control.GetStatus\"} {}",
    "{\"method\":\"io.segd.Control.Get\\u0000Status\"}",
    "{\"method\":\"\xff\"}",
};

START_TEST(what_is_no_call_ends_the_connection)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int other = service_connect(service, -1);
    int fd = service_connect(service, -1);

    client_is_served(other);
    client_say(fd, nonsense[_i]);
    client_is_closed(fd);
    client_is_served(other);
    ck_assert_int_eq(service_number(service, "refused"), 1);
}
END_TEST

START_TEST(service_describes_itself)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, 65534);
    cleanup_(json_decrefp) json_t *info =
        client_ask(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
    const json_t *interfaces = json_object_get(json_object_get(info, "parameters"), "interfaces");

    ck_assert_uint_eq(json_array_size(interfaces), 2);
    for (size_t i = 0; i < 2; i++) {
        cleanup_(json_decrefp) json_t *reply = NULL;
        const char *name = json_string_value(json_array_get(interfaces, i)), *text;
        char call[256];

        snprintf(call, sizeof(call),
                 "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                 "\"parameters\":{\"interface\":\"%s\"}}",
                 name);
        reply = client_ask(fd, call);
        text =
            json_string_value(json_object_get(json_object_get(reply, "parameters"), "description"));
        ck_assert_str_eq(text, strcmp(name, VARLINK_INTERFACE) == 0 ? varlink_control_description
                                                                    : varlink_service_description);
    }
}
END_TEST

START_TEST(role_below_that_of_the_method_is_refused)
{
    cleanup_(service_stopp) struct service *service = service_start(0);
    cleanup_(closep) int fd = service_connect(service, 65534);
    cleanup_(closep) int root = service_connect(service, -1);
    json_t *reply = client_ask(fd, CALL("Confirm"));

    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(reply, "parameters"), "needs")), "admin");
    client_is_error(reply, "io.segd.Control.NotPermitted");
    /* Before anybody looks at what else it says. */
    client_is_error(client_ask(fd, CALL_WITH("Confirm", "{\"nothing\":1}")),
                    "io.segd.Control.NotPermitted");
    ck_assert_int_eq(service_number(service, "refused"), 2);
    reply = client_ask(root, CALL("Confirm"));
    ck_assert_ptr_null(json_object_get(reply, "error"));
    json_decref(reply);
}
END_TEST

void checks_add(TCase *tests)
{
    if (geteuid() != 0)
        checks_skip("only root can connect as other users");
    tcase_add_test(tests, calls_sent_in_one_go_are_answered_in_order);
    tcase_add_test(tests, message_in_single_bytes_is_answered);
    tcase_add_test(tests, oneway_call_is_done_and_not_answered);
    tcase_add_test(tests, oneway_call_before_the_end_is_done);
    tcase_add_test(tests, more_gives_replies_that_continue_and_a_last);
    tcase_add_test(tests, kept_call_is_answered_before_the_next_one);
    tcase_add_test(tests, kept_oneway_call_lets_the_connection_go_on);
    tcase_add_loop_test(tests, client_that_goes_ends_its_kept_call, 0, 2);
    tcase_add_test(tests, stream_that_is_not_read_is_cut_off);
    tcase_add_loop_test(tests, call_that_cannot_be_answered_is_told_why, 0,
                        (int)ELEMENTS_OF(errors));
    tcase_add_loop_test(tests, what_is_no_call_ends_the_connection, 0, (int)ELEMENTS_OF(nonsense));
    tcase_add_test(tests, service_describes_itself);
    tcase_add_test(tests, role_below_that_of_the_method_is_refused);
}
