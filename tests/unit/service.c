/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The server in a process of its own, so that a test can stop it, count its processor time and its
 * memory, and limit its descriptors, and so that a client that waits does not hold it up.
 */

#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

/* With AddressSanitizer malloc has no books of its own. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

#define KEPT_MAX 16

struct books {
    json_int_t handled, gone, refused, learned;
    int hold;
    struct call *kept[KEPT_MAX];
    size_t n_kept;
};

static size_t memory_now(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static int get_status(struct call *call, const void *parameters, void *userdata)
{
    struct books *books = userdata;

    (void)parameters;
    return call_reply_json(call,
                           json_pack("{s:I, s:I, s:I, s:I, s:I}", "handled", books->handled, "gone",
                                     books->gone, "refused", books->refused, "learned",
                                     books->learned, "memory", (json_int_t)memory_now()));
}

struct numbers {
    int64_t from, to, generation;
};

static const struct record_field diff_fields[] = {
    RECORD_FIELD(NUMBER, struct numbers, from),
    RECORD_FIELD(NUMBER, struct numbers, to),
};
static RECORD_TYPE(diff, struct numbers, NULL);

static const struct record_field get_policy_fields[] = {
    RECORD_FIELD(NUMBER, struct numbers, generation, .null = RECORD_WIRE),
};
static RECORD_TYPE(get_policy, struct numbers, NULL);

static int diff(struct call *call, const void *parameters, void *userdata)
{
    const struct numbers *asked = parameters;
    struct books *books = userdata;

    books->handled++;
    return call_reply_json(call, json_pack("{s:I, s:I, s:I}", "from", (json_int_t)asked->from, "to",
                                           (json_int_t)asked->to, "handled", books->handled));
}

static json_t *text_of(size_t size)
{
    char *text = malloc(size + 1);
    json_t *json;

    if (!text)
        return NULL;
    memset(text, 'x', size);
    text[size] = '\0';
    json = json_pack("{s:s}", "text", text);
    free(text);
    return json;
}

static int get_policy(struct call *call, const void *parameters, void *userdata)
{
    const struct numbers *asked = parameters;

    (void)userdata;
    return call_reply_json(call, text_of((size_t)asked->generation));
}

static void forget(struct books *books, const struct call *call)
{
    for (size_t i = 0; i < books->n_kept; i++) {
        if (books->kept[i] == call)
            books->kept[i] = books->kept[--books->n_kept];
    }
}

static void on_gone(struct call *call, void *userdata)
{
    struct books *books = userdata;

    books->gone++;
    forget(books, call);
}

static int get_flows(struct call *call, const void *parameters, void *userdata)
{
    struct books *books = userdata;

    (void)parameters;
    if (books->n_kept == KEPT_MAX)
        return -ENOSPC;
    if (call_wants_more(call) && call_continue(call, text_of(1)) < 0)
        return -ENOMEM;
    books->kept[books->n_kept++] = call;
    call_keep(call, on_gone, books);
    return 0;
}

static int get_drops(struct call *call, const void *parameters, void *userdata)
{
    struct books *books = userdata;
    json_int_t sent = 0, slow = 0;

    (void)parameters;
    for (size_t i = books->n_kept; i-- > 0;) {
        struct call *kept = books->kept[i];
        int r = 0;

        for (int n = 0; r == 0 && n < 100; n++) {
            r = call_continue(kept, text_of(64 * 1024));
            sent += r == 0;
        }
        if (r == -ENOBUFS) {
            slow++;
            forget(books, kept);
            call_error(kept, "Refused", text_of(1));
        }
    }
    return call_reply_json(call, json_pack("{s:I, s:I}", "sent", sent, "slow", slow));
}

static int get_history(struct call *call, const void *parameters, void *userdata)
{
    (void)parameters;
    (void)userdata;
    for (int i = 0; call_wants_more(call) && i < 3; i++) {
        if (call_continue(call, json_pack("{s:i}", "n", i)) < 0)
            return -ENOMEM;
    }
    return call_reply_json(call, json_pack("{s:i}", "n", 3));
}

static int get_zones(struct call *call, const void *parameters, void *userdata)
{
    struct books *books = userdata;

    (void)parameters;
    while (books->n_kept > 0)
        call_reply_json(books->kept[--books->n_kept], text_of(2));
    return call_reply_json(call, json_object());
}

static int break_down(struct call *call, const void *parameters, void *userdata)
{
    (void)call;
    (void)parameters;
    (void)userdata;
    return -EIO;
}

static int say_nothing(struct call *call, const void *parameters, void *userdata)
{
    (void)call;
    (void)parameters;
    (void)userdata;
    return 0;
}

static int refuse(struct call *call, const void *parameters, void *userdata)
{
    (void)parameters;
    (void)userdata;
    call_tell_refused(call, "not now", "refused");
    return call_error(call, "Refused", json_object());
}

/* Keeps all of it, so that the memory counts. */
static int allocate(void)
{
    void **last = NULL;

    for (;;) {
        void **more = malloc(1024 * 1024);

        if (!more)
            return -ENOMEM;
        *more = last;
        last = more;
    }
}

static int plan(struct call *call, const void *parameters, void *userdata)
{
    const struct numbers *asked = parameters;
    const struct books *books = userdata;
    char byte;

    switch ((enum service_work)asked->generation) {
    case SERVICE_WAIT:
        if (read(books->hold, &byte, 1) != 1)
            return -EIO;
        break;
    case SERVICE_ALLOCATE:
        return allocate();
    case SERVICE_COMPUTE:
        for (;;)
            __asm__ volatile("");
    case SERVICE_LARGE:
        return call_reply_json(call, text_of(SERVICE_LARGE_SIZE));
    case SERVICE_DIE:
        signal(SIGABRT, SIG_DFL);
        raise(SIGABRT);
        break;
    case SERVICE_FAIL:
        return -EIO;
    case SERVICE_ANSWER:
        break;
    }
    return call_reply_json(call, json_pack("{s:I}", "n", (json_int_t)asked->generation));
}

static json_t *learn(void *userdata)
{
    (void)userdata;
    return json_pack("{s:i}", "n", 1);
}

static void learned(const json_t *json, void *userdata)
{
    struct books *books = userdata;

    books->learned += json_integer_value(json_object_get(json, "n"));
}

static void on_refused(const struct actor *actor, const char *method, const char *why,
                       const char *outcome, uint64_t omitted, void *userdata)
{
    struct books *books = userdata;

    (void)actor;
    (void)method;
    (void)why;
    (void)outcome;
    (void)omitted;
    books->refused++;
}

static const struct method methods[] = {
    {"GetStatus", ROLE_NONE, get_status, NULL, NULL},
    {"Diff", ROLE_NONE, diff, &diff_type, NULL},
    {"GetPolicy", ROLE_NONE, get_policy, &get_policy_type, NULL},
    {"GetFlows", ROLE_NONE, get_flows, NULL, NULL},
    {"GetDrops", ROLE_NONE, get_drops, NULL, NULL},
    {"GetHistory", ROLE_NONE, get_history, NULL, NULL},
    {"GetZones", ROLE_NONE, get_zones, NULL, NULL},
    {"Verify", ROLE_NONE, break_down, NULL, NULL},
    {"VerifyAudit", ROLE_NONE, say_nothing, NULL, NULL},
    {"Confirm", ROLE_ADMIN, get_zones, NULL, NULL},
    {"Revoke", ROLE_NONE, refuse, NULL, NULL},
    {"Plan", ROLE_NONE, plan, &get_policy_type, NULL, IN_WORKER},
};

static void limit_descriptors(rlim_t n)
{
    const struct rlimit limit = {n, n};

    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        perror("service: RLIMIT_NOFILE");
        _exit(1);
    }
}

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *info,
                        void *userdata)
{
    (void)info;
    (void)userdata;
    return sd_event_exit(sd_event_source_get_event(source), 0);
}

/* Groups of the server's own. Who is not root has no other user to connect as. */
static void make_groups(void)
{
    char path[] = "/tmp/segd-test-XXXXXX";
    int fd;

    if (geteuid() != 0)
        return;
    fd = mkstemp(path);
    if (fd < 0 ||
        dprintf(fd, "segd-view:x:%d:\nsegd-operate:x:%d:\n", SERVICE_VIEWERS, SERVICE_OPERATORS) <
            0 ||
        unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(path, "/etc/group", NULL, MS_BIND, NULL) < 0 || unlink(path) < 0) {
        perror("service: groups");
        _exit(1);
    }
    close(fd);
}

/* What is left at the end is freed, and the sanitizer sees what is not. */
static int serve(int fd, unsigned descriptors, int hold)
{
    cleanup_(server_freep) struct server *server = NULL;
    struct books books = {.hold = hold};
    struct server_options options = {
        .fd = fd,
        .methods = methods,
        .n_methods = ELEMENTS_OF(methods),
        .refused = on_refused,
        .limits = {.memory = SERVICE_MEMORY, .cpu = 1, .reading = 1},
        .learn = learn,
        .learned = learned,
        .userdata = &books,
    };
    int r;

    make_groups();
    if (descriptors > 0)
        limit_descriptors(descriptors);
    if (sd_event_new(&options.event) < 0 ||
        sd_event_add_signal(options.event, NULL, SIGTERM, on_terminate, NULL) < 0 ||
        server_new(&options, &server) < 0)
        return 1;
    r = sd_event_loop(options.event);
    server = server_free(server);
    sd_event_unref(options.event);
    return r < 0;
}

struct service *service_start(unsigned descriptors)
{
    struct service *service = calloc(1, sizeof(*service));
    sigset_t signals;
    int fd, hold[2];

    ck_assert_ptr_nonnull(service);
    ck_assert_int_eq(pipe2(hold, O_CLOEXEC), 0);
    service->release = hold[1];
    strcpy(service->folder, "/tmp/segd-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(service->folder));
    ck_assert_int_eq(chmod(service->folder, 0755), 0);
    snprintf(service->path, sizeof(service->path), "%s/control", service->folder);
    fd = server_listen(service->path);
    ck_assert_int_ge(fd, 0);

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &signals, NULL), 0);
    service->process = fork();
    ck_assert_int_ge(service->process, 0);
    if (service->process == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        free(service);
        close(hold[1]);
        exit(serve(fd, descriptors, hold[0]));
    }
    close(hold[0]);
    close(fd);
    return service;
}

struct service *service_stop(struct service *service)
{
    int status;

    ck_assert_int_eq(kill(service->process, SIGTERM), 0);
    ck_assert_int_eq(waitpid(service->process, &status, 0), service->process);
    close(service->release);
    unlink(service->path);
    rmdir(service->folder);
    free(service);
    ck_assert_int_eq(status, 0);
    return NULL;
}

void service_pause(const struct service *service, bool pause)
{
    int status;

    ck_assert_int_eq(kill(service->process, pause ? SIGSTOP : SIGCONT), 0);
    if (pause)
        ck_assert_int_eq(waitpid(service->process, &status, WUNTRACED), service->process);
}

long service_cpu(const struct service *service)
{
    struct timespec time;
    clockid_t clock;

    ck_assert_int_eq(clock_getcpuclockid(service->process, &clock), 0);
    ck_assert_int_eq(clock_gettime(clock, &time), 0);
    return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

json_int_t service_number(const struct service *service, const char *name)
{
    int fd = service_connect(service, -1);
    cleanup_(json_decrefp) json_t *reply = client_ask(fd, CALL("GetStatus"));
    const json_t *number = json_object_get(json_object_get(reply, "parameters"), name);

    ck_assert(json_is_integer(number));
    close(fd);
    return json_integer_value(number);
}

/* The kernel tells the other side who it was that connected. */
int service_connect(const struct service *service, int uid)
{
    return service_connect_in(service, uid, uid);
}

int service_connect_in(const struct service *service, int uid, int gid)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    strcpy(address.sun_path, service->path);
    if (uid > 0) {
        ck_assert_int_eq(setgroups(0, NULL), 0);
        ck_assert_int_eq(setegid((gid_t)gid), 0);
        ck_assert_int_eq(seteuid((uid_t)uid), 0);
    }
    ck_assert_int_eq(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    if (uid > 0) {
        ck_assert_int_eq(seteuid(0), 0);
        ck_assert_int_eq(setegid(0), 0);
    }
    return fd;
}

void client_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);

        ck_assert_msg(n > 0, "send: %s", strerror(errno));
        at += n;
        size -= (size_t)n;
    }
}

void client_say(int fd, const char *text)
{
    client_send(fd, text, strlen(text) + 1);
}

/* Looks before it takes, so that nothing is taken of what comes after the message. */
json_t *client_hear(int fd)
{
    static char bytes[65536];
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    const char *end = NULL;
    json_t *json;
    ssize_t n = 1;

    ck_assert_ptr_nonnull(stream);
    while (!end && (n = recv(fd, bytes, sizeof(bytes), MSG_PEEK)) > 0) {
        end = memchr(bytes, '\0', (size_t)n);
        n = recv(fd, bytes, end ? (size_t)(end - bytes) + 1 : (size_t)n, 0);
        fwrite(bytes, 1, (size_t)n, stream);
    }
    ck_assert_int_eq(fclose(stream), 0);
    if (n <= 0) {
        ck_assert_msg(n == 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
        free(text);
        return NULL;
    }
    json = json_loads(text, 0, NULL);
    ck_assert_msg(json, "not JSON: %s", text);
    free(text);
    return json;
}

void client_is_closed(int fd)
{
    json_t *reply = client_hear(fd);

    ck_assert_ptr_null(reply);
    close(fd);
}

json_t *client_ask(int fd, const char *text)
{
    json_t *reply;

    client_say(fd, text);
    reply = client_hear(fd);
    ck_assert_ptr_nonnull(reply);
    return reply;
}

void client_is_served(int fd)
{
    json_t *reply = client_ask(fd, CALL("GetStatus"));

    ck_assert(json_is_object(json_object_get(reply, "parameters")));
    ck_assert_ptr_null(json_object_get(reply, "error"));
    json_decref(reply);
}

void client_is_error(json_t *reply, const char *error)
{
    ck_assert_ptr_nonnull(reply);
    ck_assert_str_eq(json_string_value(json_object_get(reply, "error")), error);
    json_decref(reply);
}
