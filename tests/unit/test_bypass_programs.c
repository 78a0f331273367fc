/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * BPF programs on a zone's interface, attached in each of the ways there are, with the least
 * program that the kernel takes: lib/observe/bypass.h.
 */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bypass_sample.h"
#include "checks.h"

static int bpf(int command, union bpf_attr *attributes)
{
    long r = syscall(SYS_bpf, command, attributes, sizeof(*attributes));

    return r < 0 ? -errno : (int)r;
}

/* The shortest program there is: return `value`. A descriptor or -errno. */
static int load_program(uint32_t type, int value)
{
    const struct bpf_insn program[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = value},
        {.code = BPF_JMP | BPF_EXIT},
    };
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof(attributes));
    attributes.prog_type = type;
    attributes.insns = (uintptr_t)program;
    attributes.insn_cnt = ELEMENTS_OF(program);
    attributes.license = (uintptr_t) "GPL";
    return bpf(BPF_PROG_LOAD, &attributes);
}

/* Attached as long as the descriptor is open. Returns it, or -errno. */
static int link_program(int program, int index, uint32_t attach_type)
{
    union bpf_attr attributes;

    memset(&attributes, 0, sizeof(attributes));
    attributes.link_create.prog_fd = (uint32_t)program;
    attributes.link_create.target_ifindex = (uint32_t)index;
    attributes.link_create.attach_type = attach_type;
    return bpf(BPF_LINK_CREATE, &attributes);
}

struct program_case {
    const char *code;
    uint32_t type;
    int value;
    uint32_t attach_type;
};

/* XDP, and tcx (since Linux 6.6) on either side. */
static const struct program_case program_cases[] = {
    {"xdp-program", BPF_PROG_TYPE_XDP, XDP_PASS, BPF_XDP},
    {"tc-program", BPF_PROG_TYPE_SCHED_CLS, 0, 46},
    {"tc-program", BPF_PROG_TYPE_SCHED_CLS, 0, 47},
};

START_TEST(a_program_held_by_a_link_is_found)
{
    const struct program_case *program = &program_cases[_i];
    cleanup_(look_clear) struct look look = {0};
    cleanup_(closep) int fd = -1;
    int attached;

    sandbox_enter();
    run(GATEWAY);
    assert_found(&look, ZONES FLOW, NULL, NULL);
    fd = load_program(program->type, program->value);
    if (fd == -EPERM || fd == -ENOSYS) {
        printf("SKIP: this user may load no BPF program (%s)\n", strerror(-fd));
        return;
    }
    ck_assert_int_ge(fd, 0);
    attached = link_program(fd, links_find(look.links, "eth3")->index, program->attach_type);
    if (attached == -EINVAL && program->attach_type != BPF_XDP) {
        printf("SKIP: this kernel has no tcx (%s)\n", strerror(-attached));
        return;
    }
    ck_assert_int_ge(attached, 0);
    assert_found(&look, ZONES FLOW, program->code, "eth3");
    close(attached);
    assert_found(&look, ZONES FLOW, NULL, NULL);
}
END_TEST

/* Sets or, with -1, removes the XDP program of an interface by rtnetlink. */
static void set_xdp(int index, int program)
{
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    char buffer[512];
    struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
    struct ifinfomsg *info;
    struct nlattr *nest;
    ssize_t n;

    ck_assert_ptr_nonnull(socket);
    ck_assert_int_eq(mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID), 0);
    request->nlmsg_type = RTM_SETLINK;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    info = mnl_nlmsg_put_extra_header(request, sizeof(*info));
    info->ifi_index = index;
    nest = mnl_attr_nest_start(request, IFLA_XDP);
    mnl_attr_put_u32(request, IFLA_XDP_FD, (uint32_t)program);
    mnl_attr_nest_end(request, nest);
    ck_assert_int_gt(mnl_socket_sendto(socket, request, request->nlmsg_len), 0);
    n = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
    ck_assert_int_gt(n, 0);
    ck_assert_int_eq(mnl_cb_run(buffer, (size_t)n, 0, 0, NULL, NULL), MNL_CB_STOP);
    mnl_socket_close(socket);
}

START_TEST(an_xdp_program_is_told_and_found)
{
    cleanup_(look_clear) struct look look = {0};
    cleanup_(links_closep) struct links *links = NULL;
    cleanup_(closep) int fd = -1;
    int index;

    sandbox_enter();
    run(GATEWAY);
    fd = load_program(BPF_PROG_TYPE_XDP, XDP_PASS);
    if (fd == -EPERM || fd == -ENOSYS) {
        printf("SKIP: this user may load no BPF program (%s)\n", strerror(-fd));
        return;
    }
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(links_open(&links), 0);
    index = links_find(links, "eth1")->index;
    set_xdp(index, fd);
    ck_assert_int_ge(links_read(links), 0);
    ck_assert(links_find(links, "eth1")->xdp);
    ck_assert(!links_find(links, "eth2")->xdp);
    assert_found(&look, ZONES FLOW, "xdp-program", "eth1");
    set_xdp(index, -1);
    ck_assert_int_ge(links_read(links), 0);
    ck_assert(!links_find(links, "eth1")->xdp);
    assert_found(&look, ZONES FLOW, NULL, NULL);
}
END_TEST

/* Without privilege the programs of tcx cannot be asked for. */
START_TEST(what_a_user_may_not_see_is_told)
{
    cleanup_(look_clear) struct look look = {0};
    union bpf_attr attributes;

    sandbox_become_user();
    sandbox_enter();
    run(GATEWAY);
    memset(&attributes, 0, sizeof(attributes));
    attributes.query.target_fd = 1;
    attributes.query.attach_type = 46;
    if (bpf(BPF_PROG_QUERY, &attributes) != -EPERM) {
        printf("SKIP: nothing is hidden from this user\n");
        return;
    }
    assert_found(&look, ZONES FLOW, "unknown", "BPF programs on interfaces");
}
END_TEST

void checks_add(TCase *tests)
{
    sandbox_require();
    tcase_add_loop_test(tests, a_program_held_by_a_link_is_found, 0,
                        (int)ELEMENTS_OF(program_cases));
    tcase_add_test(tests, an_xdp_program_is_told_and_found);
    tcase_add_test(tests, what_a_user_may_not_see_is_told);
}
