/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What is told of the interfaces is what the kernel has, whatever was lost: lib/observe/links.h. */

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checks.h"
#include "observe/link_table.h"
#include "observe/links.h"
#include "tests/sandbox.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
/* Of the sanitizer's library, whose header is not everywhere. */
size_t __sanitizer_get_current_allocated_bytes(void);
#endif

#define FLAPS 1000
/* What an allocator keeps of freed memory comes and goes by so many bytes. */
#define HEAP_NOISE 1024
#define ROUNDS 80
#define ROUNDS_WARM 10

static void ip(const char *commands)
{
    static const char *const arguments[] = {"ip", "-batch", "-", NULL};
    cleanup_(freep) char *output = NULL;
    int status = sandbox_run(arguments, commands, &output);

    ck_assert_msg(status == 0, "ip: exit status %d\n%s", status, output);
}

static struct links *follow(void)
{
    struct links *links = NULL;

    ck_assert_int_eq(links_open(&links), 0);
    return links;
}

/* Waits for the next notification and takes it in. */
static int next(struct links *links)
{
    struct pollfd wait = {.fd = links_fd(links), .events = POLLIN};
    int r;

    ck_assert_int_eq(poll(&wait, 1, -1), 1);
    r = links_read(links);
    ck_assert_int_ge(r, 0);
    return r;
}

#define WAIT_UNTIL(links, condition)                                                               \
    do {                                                                                           \
        while (!(condition))                                                                       \
            next(links);                                                                           \
    } while (0)

/* The interface as it is known now, which must be there. */
static const struct link *known(const struct links *links, const char *name)
{
    const struct link *link = links_find(links, name);

    ck_assert_msg(link != NULL, "no interface %s", name);
    return link;
}

static bool is_up(const struct links *links, const char *name)
{
    return known(links, name)->up;
}

static bool has_address(const struct links *links, const char *name, const char *text,
                        unsigned length)
{
    const struct link *link = known(links, name);
    enum family family;
    ip_number address;

    ck_assert_int_eq(address_parse(text, &family, &address), 0);
    for (size_t i = 0; i < link->n_addresses; i++)
        if (link->addresses[i].family == family && link->addresses[i].address == address &&
            link->addresses[i].length == length)
            return true;
    return false;
}

static bool same_link(const struct link *a, const struct link *b)
{
    if (a->index != b->index || strcmp(a->name, b->name) != 0 || strcmp(a->kind, b->kind) != 0 ||
        a->up != b->up || a->master != b->master || a->lower != b->lower ||
        memcmp(a->mac, b->mac, sizeof(a->mac)) != 0 || a->xdp != b->xdp ||
        a->n_addresses != b->n_addresses)
        return false;
    for (size_t i = 0; i < a->n_addresses; i++)
        if (a->addresses[i].family != b->addresses[i].family ||
            a->addresses[i].address != b->addresses[i].address ||
            a->addresses[i].length != b->addresses[i].length)
            return false;
    return true;
}

/* True where it knows what somebody learns who only asks now. */
static bool is_current(const struct links *links)
{
    cleanup_(links_closep) struct links *fresh = follow();

    if (links_count(links) != links_count(fresh))
        return false;
    for (size_t i = 0; i < links_count(links); i++)
        if (!same_link(links_at(links, i), links_at(fresh, i)))
            return false;
    return true;
}

START_TEST(what_is_there_is_known_at_once)
{
    cleanup_(links_closep) struct links *links = NULL;
    const struct link *link;

    sandbox_enter();
    ip("link add name va type veth peer name vb\n"
       "link set va address 02:00:00:00:00:0a\n"
       "link add name br0 type bridge\n"
       "link set vb master br0\n"
       "link add name mac link va type macvlan\n"
       "address add 192.0.2.1/24 dev va\n");
    links = follow();
    ck_assert_uint_eq(links_count(links), 5);
    for (size_t i = 1; i < links_count(links); i++)
        ck_assert_int_lt(links_at(links, i - 1)->index, links_at(links, i)->index);

    link = known(links, "va");
    ck_assert_str_eq(link->kind, "veth");
    ck_assert(!link->up && !link->xdp);
    ck_assert_mem_eq(link->mac, "\x02\0\0\0\0\x0a", 6);
    ck_assert_int_eq(link->lower, known(links, "vb")->index);
    ck_assert_uint_eq(link->n_addresses, 1);
    ck_assert(has_address(links, "va", "192.0.2.1", 24));
    ck_assert_int_eq(known(links, "vb")->master, known(links, "br0")->index);
    ck_assert_int_eq(known(links, "mac")->lower, link->index);
    ck_assert_str_eq(known(links, "br0")->kind, "bridge");
    ck_assert_str_eq(known(links, "lo")->kind, "");
    ck_assert(is_up(links, "lo"));
    ck_assert_ptr_null(links_find(links, "vc"));
}
END_TEST

START_TEST(an_interface_is_known_while_it_is_there)
{
    cleanup_(links_closep) struct links *links = NULL;

    sandbox_enter();
    links = follow();
    ck_assert_uint_eq(links_count(links), 1);
    ip("link add name va type veth peer name vb\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_uint_eq(links_count(links), 3);
    ck_assert_str_eq(known(links, "vb")->kind, "veth");

    ip("link del va\n");
    WAIT_UNTIL(links, links_count(links) == 1);
    ck_assert_str_eq(links_at(links, 0)->name, "lo");
}
END_TEST

START_TEST(a_renamed_interface_is_the_same_interface)
{
    cleanup_(links_closep) struct links *links = NULL;
    int index;

    sandbox_enter();
    ip("link add name va type veth peer name vb\naddress add 192.0.2.1/24 dev va\n");
    links = follow();
    index = known(links, "va")->index;
    ip("link set va name outside\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_ptr_null(links_find(links, "va"));
    ck_assert_int_eq(known(links, "outside")->index, index);
    ck_assert(has_address(links, "outside", "192.0.2.1", 24));
}
END_TEST

START_TEST(addresses_are_known_while_they_are_there)
{
    cleanup_(links_closep) struct links *links = NULL;

    sandbox_enter();
    ip("link add name va type veth peer name vb\n");
    links = follow();
    ip("address add 192.0.2.1/24 dev va\n"
       "address add 192.0.2.1/32 dev va\n"
       "address add 198.51.100.1 peer 198.51.100.2/32 dev va\n"
       "address add 2001:db8::1/64 dev va\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_uint_eq(known(links, "va")->n_addresses, 4);
    ck_assert(has_address(links, "va", "192.0.2.1", 24));
    ck_assert(has_address(links, "va", "192.0.2.1", 32));
    ck_assert(has_address(links, "va", "198.51.100.1", 32));
    ck_assert(has_address(links, "va", "2001:db8::1", 64));

    ip("address del 192.0.2.1/24 dev va\naddress del 2001:db8::1/64 dev va\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_uint_eq(known(links, "va")->n_addresses, 2);
    ck_assert(has_address(links, "va", "192.0.2.1", 32));
    ck_assert(has_address(links, "va", "198.51.100.1", 32));
    ip("address flush dev va\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_uint_eq(known(links, "va")->n_addresses, 0);
}
END_TEST

START_TEST(up_needs_a_carrier)
{
    cleanup_(links_closep) struct links *links = NULL;

    sandbox_enter();
    ip("link add name va type veth peer name vb\n");
    links = follow();
    ip("link set va up\n");
    ck_assert_int_eq(links_read(links), 0);
    ck_assert(!is_up(links, "va"));
    ip("link set vb up\n");
    WAIT_UNTIL(links, is_up(links, "va") && is_up(links, "vb"));
    ip("link set vb down\n");
    WAIT_UNTIL(links, !is_up(links, "va") && !is_up(links, "vb"));
    ip("link set vb up\n");
    WAIT_UNTIL(links, is_up(links, "va"));
    ip("link set va down\n");
    WAIT_UNTIL(links, !is_up(links, "va"));
}
END_TEST

START_TEST(a_port_that_leaves_its_bridge_stays)
{
    cleanup_(links_closep) struct links *links = NULL;

    sandbox_enter();
    ip("link add name va type veth peer name vb\nlink add name br0 type bridge\n");
    links = follow();
    ip("link set va master br0\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_int_eq(known(links, "va")->master, known(links, "br0")->index);
    ip("link set va nomaster\n");
    ck_assert_int_eq(links_read(links), 1);
    ck_assert_int_eq(known(links, "va")->master, 0);
    ip("link set va master br0\nlink del br0\n");
    WAIT_UNTIL(links, !links_find(links, "br0"));
    ck_assert_int_eq(known(links, "va")->master, 0);
}
END_TEST

/* A process in a network namespace of its own, until it is told to end. */
static pid_t elsewhere(int *ret_pipe)
{
    int ready[2], end[2];
    pid_t child;
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    ck_assert_int_eq(pipe(end), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(end[1]);
        if (unshare(CLONE_NEWNET) == 0 && write(ready[1], "r", 1) == 1 && read(end[0], &byte, 1))
            _exit(1);
        _exit(0);
    }
    close(ready[1]);
    close(end[0]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_pipe = end[1];
    return child;
}

START_TEST(an_interface_moved_elsewhere_is_gone)
{
    cleanup_(links_closep) struct links *links = NULL;
    char command[64];
    int end, status;
    pid_t child;

    sandbox_enter();
    ip("link add name va type veth peer name vb\n");
    links = follow();
    child = elsewhere(&end);
    snprintf(command, sizeof(command), "link set vb netns %d\n", (int)child);
    ip(command);
    WAIT_UNTIL(links, !links_find(links, "vb"));
    WAIT_UNTIL(links, is_current(links));
    close(end);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
}
END_TEST

START_TEST(what_is_not_kept_is_no_change)
{
    cleanup_(links_closep) struct links *links = NULL;

    sandbox_enter();
    ip("link add name va type veth peer name vb\n");
    links = follow();
    ck_assert_int_eq(links_read(links), 0);
    ip("link set va mtu 1400\n");
    ck_assert_int_eq(next(links), 0);
    ip("link set va address 02:00:00:00:00:0b\n");
    ck_assert_int_eq(next(links), 1);
    ck_assert_mem_eq(known(links, "va")->mac, "\x02\0\0\0\0\x0b", 6);
}
END_TEST

/* Bytes that the program has from the heap. */
static size_t heap_used(void)
{
#ifdef __SANITIZE_ADDRESS__
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

/* Down and up, an address added and taken away, a name changed and changed back. */
static char *flapping(unsigned n)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    ck_assert_ptr_nonnull(stream);
    for (unsigned i = 0; i < n; i++)
        fprintf(stream,
                "link set va down\n"
                "address add 192.0.2.%u/32 dev va\n"
                "link set va name other%u\n"
                "link set other%u name va\n"
                "address del 192.0.2.%u/32 dev va\n"
                "link set va up\n",
                1 + i % 200, i, i, 1 + i % 200);
    ck_assert_int_eq(fclose(stream), 0);
    return text;
}

static const char *const switches[] = {
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/net/ipv6/conf/all/forwarding",
};

START_TEST(forwarding_that_is_switched_is_a_change)
{
    cleanup_(links_closep) struct links *links = NULL;
    cleanup_(closep) int fd = -1;
    char now = '0';

    sandbox_enter();
    fd = open(switches[_i], O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        printf("SKIP: %s cannot be written\n", switches[_i]);
        return;
    }
    links = follow();
    ck_assert_int_eq(pread(fd, &now, 1, 0), 1);
    ck_assert_int_eq(pwrite(fd, now == '0' ? "1\n" : "0\n", 2, 0), 2);
    ck_assert_int_eq(next(links), 1);
}
END_TEST

START_TEST(a_thousand_flaps_leave_nothing_behind)
{
    cleanup_(links_closep) struct links *links = NULL;
    cleanup_(freep) char *commands = NULL;
    size_t before, after;

    sandbox_enter();
    ip("link add name va type veth peer name vb\n"
       "link set vb up\nlink set va up\naddress add 198.51.100.1/24 dev va\n");
    links = follow();
    commands = flapping(FLAPS / 10);
    ip(commands);
    WAIT_UNTIL(links, is_current(links));
    before = heap_used();
    for (unsigned i = 1; i < 10; i++) {
        ip(commands);
        ck_assert_int_ge(links_read(links), 0);
    }
    WAIT_UNTIL(links, is_up(links, "va") && is_current(links));
    after = heap_used();

    ck_assert_uint_eq(links_count(links), 3);
    ck_assert(has_address(links, "va", "198.51.100.1", 24));
    ck_assert_msg(after <= before + 8 * HEAP_NOISE, "%zu bytes, then %zu", before, after);
}
END_TEST

START_TEST(interfaces_that_come_and_go_leave_nothing_behind)
{
    cleanup_(links_closep) struct links *links = NULL;
    size_t before = 0;

    sandbox_enter();
    links = follow();
    for (unsigned i = 0; i < ROUNDS; i++) {
        ip("link add name va type veth peer name vb\naddress add 192.0.2.1/24 dev va\n"
           "link set va up\nlink set vb up\nlink add name br0 type bridge\nlink set va master br0\n"
           "link del va\nlink del br0\n");
        next(links);
        WAIT_UNTIL(links, links_count(links) == 1);
        if (i == ROUNDS_WARM)
            before = heap_used();
    }
    ck_assert(is_current(links));
    ck_assert_uint_le(heap_used(), before + HEAP_NOISE);
}
END_TEST

/* Notifications that the kernel dropped because the socket's buffer was full. */
static unsigned long dropped(const struct links *links)
{
    cleanup_(freep) char *line = NULL;
    struct sockaddr_nl address = {0};
    socklen_t length = sizeof(address);
    unsigned long drops = 0;
    FILE *file = fopen("/proc/net/netlink", "re");
    size_t size = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(getsockname(links_fd(links), (struct sockaddr *)&address, &length), 0);
    while (getline(&line, &size, file) > 0) {
        unsigned long protocol, port, count;

        if (sscanf(line, "%*s %lu %lu %*s %*s %*s %*s %*s %lu", &protocol, &port, &count) == 3 &&
            protocol == NETLINK_ROUTE && port == address.nl_pid)
            drops = count;
    }
    fclose(file);
    return drops;
}

START_TEST(lost_notifications_lead_to_the_right_state)
{
    cleanup_(links_closep) struct links *links = NULL;
    cleanup_(freep) char *commands = flapping(50);
    int size = 1;

    sandbox_enter();
    ip("link add name va type veth peer name vb\nlink add name vc type veth peer name vd\n");
    links = follow();
    ck_assert_int_eq(setsockopt(links_fd(links), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
    for (unsigned i = 0; i < 5; i++) {
        unsigned long before = dropped(links);

        ip(commands);
        ip(i % 2 == 0 ? "address add 203.0.113.1/24 dev va\nlink set vc name ve\n"
                      : "address del 203.0.113.1/24 dev va\nlink set ve name vc\n");
        ck_assert_uint_gt(dropped(links), before);
        ck_assert_int_eq(links_read(links), 1);
        ck_assert(has_address(links, "va", "203.0.113.1", 24) == (i % 2 == 0));
        known(links, i % 2 == 0 ? "ve" : "vc");
        WAIT_UNTIL(links, is_current(links));
    }
    ip("link del va\nlink del ve\n");
    WAIT_UNTIL(links, links_count(links) == 1);
}
END_TEST

/* A message of rtnetlink with one attribute. */
struct crafted {
    struct nlmsghdr header;
    union {
        struct ifinfomsg link;
        struct ifaddrmsg address;
        char bytes[64];
    } body;
};

static int take(struct link_table *table, uint16_t type, const void *body, size_t body_size,
                uint16_t attribute, const char *value, size_t size)
{
    struct nlattr head = {.nla_len = (uint16_t)(sizeof(head) + size), .nla_type = attribute};
    struct crafted message = {.header = {.nlmsg_type = type}};

    memcpy(message.body.bytes, body, body_size);
    memcpy(message.body.bytes + body_size, &head, sizeof(head));
    memcpy(message.body.bytes + body_size + sizeof(head), value, size);
    message.header.nlmsg_len =
        (uint32_t)(sizeof(message.header) + body_size + sizeof(head) + NLMSG_ALIGN(size));
    return link_table_take(table, &message.header);
}

START_TEST(messages_that_make_no_sense_change_nothing)
{
    static const uint16_t types[] = {RTM_NEWLINK, RTM_DELLINK};
    cleanup_(link_table_clear) struct link_table table = {0};
    struct crafted shorter = {.header = {.nlmsg_len = sizeof(struct nlmsghdr) + 4}};
    struct ifinfomsg link = {.ifi_index = 7};
    struct ifinfomsg port = {.ifi_index = 7, .ifi_family = AF_BRIDGE};
    struct ifaddrmsg ipv4 = {.ifa_index = 7, .ifa_family = AF_INET, .ifa_prefixlen = 24};
    struct ifaddrmsg long_prefix = {.ifa_index = 7, .ifa_family = AF_INET, .ifa_prefixlen = 33};
    struct ifaddrmsg foreign = {.ifa_index = 7, .ifa_family = AF_PACKET};

    ck_assert_int_eq(take(&table, RTM_NEWLINK, &link, sizeof(link), IFLA_IFNAME, "x", 2), 1);
    for (size_t i = 0; i < ELEMENTS_OF(types); i++) {
        shorter.header.nlmsg_type = types[i];
        ck_assert_int_eq(link_table_take(&table, &shorter.header), -EBADMSG);
        ck_assert_int_eq(take(&table, types[i], &port, sizeof(port), IFLA_IFNAME, "y", 2), 0);
    }
    shorter.header.nlmsg_type = RTM_NEWADDR;
    ck_assert_int_eq(link_table_take(&table, &shorter.header), -EBADMSG);
    ck_assert_int_eq(take(&table, RTM_NEWLINK, &link, sizeof(link), IFLA_QDISC, "x", 2), -EBADMSG);
    ck_assert_int_eq(take(&table, RTM_NEWADDR, &ipv4, sizeof(ipv4), IFA_LOCAL, "abc", 3), -EBADMSG);
    ck_assert_int_eq(
        take(&table, RTM_NEWADDR, &long_prefix, sizeof(long_prefix), IFA_LOCAL, "abcd", 4),
        -EBADMSG);
    ck_assert_int_eq(take(&table, RTM_NEWADDR, &foreign, sizeof(foreign), IFA_LOCAL, "abcd", 4), 0);
    ck_assert_int_eq(take(&table, RTM_NEWROUTE, &link, sizeof(link), IFLA_IFNAME, "y", 2), 0);
    ck_assert_uint_eq(table.n_entries, 1);
    ck_assert_str_eq(link_table_at(&table, 0)->name, "x");
    ck_assert_uint_eq(link_table_at(&table, 0)->n_addresses, 0);

    ck_assert_int_eq(take(&table, RTM_NEWADDR, &ipv4, sizeof(ipv4), IFA_LOCAL, "abcd", 4), 1);
    ck_assert_int_eq(take(&table, RTM_NEWADDR, &ipv4, sizeof(ipv4), IFA_LOCAL, "abcd", 4), 0);
    ck_assert_int_eq(take(&table, RTM_DELLINK, &link, sizeof(link), IFLA_IFNAME, "x", 2), 1);
    ck_assert_int_eq(take(&table, RTM_NEWADDR, &ipv4, sizeof(ipv4), IFA_LOCAL, "abcd", 4), 0);
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_test(tests, what_is_there_is_known_at_once);
    tcase_add_test(tests, an_interface_is_known_while_it_is_there);
    tcase_add_test(tests, a_renamed_interface_is_the_same_interface);
    tcase_add_test(tests, addresses_are_known_while_they_are_there);
    tcase_add_test(tests, up_needs_a_carrier);
    tcase_add_test(tests, a_port_that_leaves_its_bridge_stays);
    tcase_add_test(tests, an_interface_moved_elsewhere_is_gone);
    tcase_add_test(tests, what_is_not_kept_is_no_change);
    tcase_add_test(tests, a_thousand_flaps_leave_nothing_behind);
    tcase_add_loop_test(tests, forwarding_that_is_switched_is_a_change, 0, 2);
    tcase_add_test(tests, interfaces_that_come_and_go_leave_nothing_behind);
    tcase_add_test(tests, lost_notifications_lead_to_the_right_state);
    tcase_add_test(tests, messages_that_make_no_sense_change_nothing);
}
