/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "daemon/control/server.h"

/*
 * A server with methods of the test's own under names of the interface, in a process of its own;
 * and its clients. What the handlers do:
 *
 *   GetStatus()          {handled, gone, refused, memory, connections} of the server
 *   Diff(from, to)       {from, to}; handled counts these calls
 *   GetPolicy(n)         a text of n bytes
 *   GetFlows()           kept; with `more` GetDrops gives it replies
 *   GetDrops()           sends to kept calls until one does not read or had 100 of 64 KiB
 *   GetHistory()         three replies and the last
 *   GetZones()           answers the kept calls
 *   Verify()             fails with EIO
 *   VerifyAudit()        does not answer
 *   Confirm()            for admins
 *   Revoke()             refuses, by its handler
 *   Plan(n)              in a worker, as enum service_work says
 */
struct service {
    char folder[64];
    char path[80];
    pid_t process;
    int release; /* each byte lets one SERVICE_WAIT go on */
};

enum service_work {
    SERVICE_ANSWER,   /* {n} */
    SERVICE_WAIT,     /* the same, when it is let go on */
    SERVICE_ALLOCATE, /* as long as there is memory */
    SERVICE_COMPUTE,  /* for ever */
    SERVICE_LARGE,    /* a text of SERVICE_LARGE_SIZE */
    SERVICE_DIE,      /* by SIGABRT */
    SERVICE_FAIL,     /* with EIO */
};
#define SERVICE_LARGE_SIZE ((size_t)8 * 1024 * 1024)
#define SERVICE_MEMORY ((size_t)64 * 1024 * 1024)

/* For the server these numbers are the groups segd-view and segd-operate. */
#define SERVICE_VIEWERS 60101
#define SERVICE_OPERATORS 60102

/* `descriptors`: how many the server may have; 0: enough. */
struct service *service_start(unsigned descriptors);
struct service *service_stop(struct service *service);
DEFINE_CLEANUP(struct service, service_stop)

/* Stops the process of the server, so that what clients do meanwhile comes to it all at once. */
void service_pause(const struct service *service, bool pause);
/* Processor time that the server took, in milliseconds. */
long service_cpu(const struct service *service);
/* A number of GetStatus, asked over a new connection of root. */
json_int_t service_number(const struct service *service, const char *name);

/* Connects as a user, in the group of the same number; -1: as who runs the test. A server that
 * closes at once is seen by reading. */
int service_connect(const struct service *service, int uid);
int service_connect_in(const struct service *service, int uid, int gid);

/* Sends bytes, all of them. */
void client_send(int fd, const void *bytes, size_t size);
/* Sends a text with its NUL. */
void client_say(int fd, const char *text);
/* The next message; NULL at the end of the stream. A new reference. */
json_t *client_hear(int fd);
/* Asserts that the server closes the connection and says nothing before. */
void client_is_closed(int fd);
/* Says and hears. */
json_t *client_ask(int fd, const char *text);
/* Asks GetStatus over the connection and asserts that it is answered. */
void client_is_served(int fd);
/* Asserts that the reply is this error, and frees it. */
void client_is_error(json_t *reply, const char *error);

#define CALL(method) "{\"method\":\"io.segd.Control." method "\"}"
#define CALL_WITH(method, parameters)                                                              \
    "{\"method\":\"io.segd.Control." method "\",\"parameters\":" parameters "}"
