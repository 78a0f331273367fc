/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What is said over HTTP. libmicrohttpd speaks it, one request after the other and without threads:
 * a second scraper waits for the first one's page, which segd has to make for each of them.
 */

#include "http.h"

#include <string.h>

#include "accept.h"

#define CONNECTIONS_MAX 32
/* Longer than scrapers wait between two scrapes as a rule, since they keep their connection. */
#define IDLE_SECONDS_MAX 130

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              void *text, size_t size, enum MHD_ResponseMemoryMode mode)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(size, text, mode);
    enum MHD_Result result;

    if (!response)
        return MHD_NO;
    result = MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    if (result == MHD_YES && status == MHD_HTTP_METHOD_NOT_ALLOWED)
        result = MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result say(struct MHD_Connection *connection, unsigned status, const char *text)
{
    return answer(connection, status, "text/plain; charset=utf-8", (void *)text, strlen(text),
                  MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection, struct scraper *scraper)
{
    const char *accept =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    enum exposition_form form = accept_form(accept);
    char *text = NULL;
    size_t size = 0;

    if (scrape(scraper, form, &text, &size) < 0)
        return say(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "no memory\n");
    return answer(connection, MHD_HTTP_OK, exposition_content_type(form), text, size,
                  MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **request)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)request;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return say(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET /metrics\n");
    if (strcmp(url, "/metrics") == 0)
        return answer_metrics(connection, userdata);
    if (strcmp(url, "/") == 0)
        return say(connection, MHD_HTTP_OK, "segd-exporter: the metrics are at /metrics\n");
    return say(connection, MHD_HTTP_NOT_FOUND, "GET /metrics\n");
}

struct MHD_Daemon *http_start(int fd, struct scraper *scraper)
{
    return MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, scraper,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS_MAX,
                            MHD_OPTION_END);
}

int http_fd(struct MHD_Daemon *http)
{
    return MHD_get_daemon_info(http, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}
