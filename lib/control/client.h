/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>

#include "base/calendar.h"
#include "control/varlink.h"

/*
 * A client of the control socket that waits for its answers: what segctl and the exporter are built
 * on. One call at a time.
 */
#define CONTROL_SOCKET_DEFAULT "/run/segd/control"

struct client;

/* Returns 0, -ENOENT or -ECONNREFUSED where no daemon answers there, -EACCES, or -errno. */
int client_connect(const char *path, struct client **ret_client);
/* The same for who cannot wait: connecting and all calls together take at most `limit`, then they
 * return -ETIMEDOUT. */
int client_connect_within(const char *path, usec_t limit, struct client **ret_client);
struct client *client_close(struct client *client);
DEFINE_CLEANUP(struct client, client_close)

/*
 * Calls a method of io.segd.Control. `parameters` is stolen; NULL for none. Waits without limit:
 * the daemon answers, or the connection ends. Returns 0 and the reply's parameters in `*ret_reply`
 * (a new reference); -EREMOTEIO where the reply is an error, with its full name in `*ret_error`
 * (owned by the caller) and its parameters in
 * `*ret_reply`; -EPROTO where the message is no reply; -ECONNRESET where the daemon closed the
 * connection; -ENOMEM; or -errno.
 */
int client_call(struct client *client, const char *method, json_t *parameters, json_t **ret_reply,
                char **ret_error);

/*
 * The same in steps. client_peek() waits for the reply and returns 0 with the text of what can only
 * be its parameters, if that is JSON, borrowed until the next step; 1 if the reply may be an error;
 * or -errno. client_take() waits too, and returns as client_call().
 */
int client_send(struct client *client, const char *method, json_t *parameters);
int client_peek(struct client *client, const char **ret_text, size_t *ret_size);
int client_take(struct client *client, json_t **ret_reply, char **ret_error);

/* The same with `more`: each reply goes to the handler, the last one too, whose negative return
 * ends it and is returned. `*ret_reply` is written with -EREMOTEIO only. */
typedef int (*client_handler)(json_t *parameters, void *userdata);
int client_follow(struct client *client, const char *method, json_t *parameters,
                  client_handler handler, void *userdata, json_t **ret_reply, char **ret_error);
