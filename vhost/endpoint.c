/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the socket of a vhost-user port and the one connection it has: who may come, when, and how it ends. */
#include "endpoint.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "log.h"
#include "unix_path.h"

#define BACKLOG 16
#define MESSAGES_PER_TURN 16 /* then other clients of the event loop get theirs */
#define PAUSE_SERVER_MS 10u
#define PAUSE_CLIENT_MS 100u
#define PAUSE_MAX_MS 1000u
#define NS_PER_MS UINT64_C(1000000)

struct hd_endpoint {
	struct hd_endpoint_args args;
	char name[HD_NAME_MAX + 1];
	char path[HD_PATH_MAX + 1];
	int listener;          /* -1: client */
	bool bound;            /* the path is ours */
	struct event *accept;  /* server: pending unless it pauses */
	struct event *pause;   /* the next may come, or is to be tried */
	unsigned int pause_ms; /* of the next pause */

	/* Of the connection. */
	struct hd_channel channel; /* fd -1: none */
	struct event *read, *write, *deadline;
	uint64_t since;   /* monotonic ns */
	bool turned_away; /* a second front-end, already told */
	bool busy;        /* in a callback: ends when that returns */
	bool ending;

	bool failed;               /* to accept or connect, already told */
	char state[HD_REASON_MAX]; /* why there is no connection */
};

static uint64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static unsigned int first_pause(const struct hd_endpoint *endpoint)
{
	return endpoint->args.client ? PAUSE_CLIENT_MS : PAUSE_SERVER_MS;
}

/* Neither accept nor connect for a while; the while after that is longer. */
static void pause_next(struct hd_endpoint *endpoint)
{
	const struct timeval time = {.tv_sec = endpoint->pause_ms / 1000, .tv_usec = endpoint->pause_ms % 1000 * 1000};

	if (endpoint->accept != NULL)
		event_del(endpoint->accept);
	event_add(endpoint->pause, &time);
	endpoint->pause_ms = endpoint->pause_ms * 2 < PAUSE_MAX_MS ? endpoint->pause_ms * 2 : PAUSE_MAX_MS;
}

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

bool hd_endpoint_connected(const struct hd_endpoint *endpoint)
{
	return endpoint->channel.fd >= 0 && !endpoint->ending;
}

/* The connection's end. Whatever was before, the next front-end waits at least a little: it may be a storm. */
static void end(struct hd_endpoint *endpoint)
{
	uint64_t lasted = monotonic() - endpoint->since;

	free_event(&endpoint->read);
	free_event(&endpoint->write);
	free_event(&endpoint->deadline);
	hd_channel_close(&endpoint->channel);
	endpoint->ending = false;
	endpoint->args.disconnected(endpoint->args.arg);
	if (lasted > PAUSE_MAX_MS * NS_PER_MS)
		endpoint->pause_ms = first_pause(endpoint);
	pause_next(endpoint);
}

/* Ends it now, or when the callback that we are in returns. */
static void finish(struct hd_endpoint *endpoint)
{
	endpoint->ending = true;
	if (!endpoint->busy)
		end(endpoint);
}

/* The front-end has closed it: so it goes. */
static void gone(struct hd_endpoint *endpoint)
{
	hd_info(endpoint->name, "front-end disconnected");
	snprintf(endpoint->state, sizeof(endpoint->state), "the front-end has disconnected; %s",
		 endpoint->args.client ? "its socket is tried again and again"
				       : "the socket waits for it to come back");
	finish(endpoint);
}

static void send_away(struct hd_endpoint *endpoint, const char *why)
{
	hd_warning(endpoint->name, "front-end sent away: %s", why);
	snprintf(endpoint->state, sizeof(endpoint->state), "the front-end was sent away: %s", why);
	finish(endpoint);
}

void hd_endpoint_disconnect(struct hd_endpoint *endpoint, const char *why)
{
	if (hd_endpoint_connected(endpoint))
		send_away(endpoint, why);
}

const char *hd_endpoint_state(const struct hd_endpoint *endpoint)
{
	return hd_endpoint_connected(endpoint) ? "connected" : endpoint->state;
}

/* Messages of the connection. */

/* Watch what there is to wait for: the peer to read its reply, or to send; and in either case how long. */
static void watch(struct hd_endpoint *endpoint)
{
	int64_t left = hd_channel_deadline(&endpoint->channel, monotonic());
	const struct timeval time = {.tv_sec = left / 1000000000, .tv_usec = left % 1000000000 / 1000 + 1};

	if (hd_channel_pending(&endpoint->channel)) {
		event_del(endpoint->read);
		event_add(endpoint->write, NULL);
	} else {
		event_del(endpoint->write);
		event_add(endpoint->read, NULL);
	}
	if (left < 0)
		evtimer_del(endpoint->deadline);
	else
		evtimer_add(endpoint->deadline, &time);
}

static void broken_off(struct hd_endpoint *endpoint, int rc)
{
	if (rc == -ECONNRESET || rc == -EPIPE)
		gone(endpoint);
	else
		send_away(endpoint, endpoint->channel.reason);
}

/* The message that has come. */
static void take(struct hd_endpoint *endpoint)
{
	struct hd_message reply;
	int rc;

	endpoint->busy = true;
	rc = endpoint->args.message(endpoint->args.arg, &endpoint->channel.in, &reply);
	endpoint->busy = false;
	if (endpoint->ending)
		end(endpoint); /* somebody asked for it meanwhile, and has said why */
	else if (rc < 0)
		send_away(endpoint, endpoint->args.reason(endpoint->args.arg));
	else if (rc > 0) {
		rc = hd_channel_send(&endpoint->channel, &reply);
		if (rc < 0)
			broken_off(endpoint, rc);
	}
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
	struct hd_endpoint *endpoint = arg;
	int rc = 1;

	/* What is left after that makes the descriptor readable in the next turn. */
	for (unsigned int n = 0; n < MESSAGES_PER_TURN && rc > 0 && hd_endpoint_connected(endpoint); n++) {
		rc = hd_channel_receive(&endpoint->channel);
		if (rc > 0)
			take(endpoint);
		else if (rc < 0)
			broken_off(endpoint, rc);
	}
	if (hd_endpoint_connected(endpoint))
		watch(endpoint);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
	struct hd_endpoint *endpoint = arg;
	int rc = hd_channel_flush(&endpoint->channel);

	if (rc < 0)
		broken_off(endpoint, rc);
	else
		watch(endpoint);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct hd_endpoint *endpoint = arg;

	if (hd_channel_deadline(&endpoint->channel, monotonic()) != 0)
		watch(endpoint);
	else if (hd_channel_pending(&endpoint->channel))
		send_away(endpoint, "it does not read its replies");
	else
		send_away(endpoint, "it has sent half a message, and not the rest in time");
}

/* Takes fd. */
static void begin(struct hd_endpoint *endpoint, int fd)
{
	struct event_base *base = endpoint->args.base;

	hd_channel_open(&endpoint->channel, fd);
	endpoint->since = monotonic();
	endpoint->turned_away = false;
	endpoint->failed = false;
	endpoint->read = event_new(base, fd, EV_READ | EV_PERSIST, on_read, endpoint);
	endpoint->write = event_new(base, fd, EV_WRITE | EV_PERSIST, on_write, endpoint);
	endpoint->deadline = evtimer_new(base, on_deadline, endpoint);
	endpoint->busy = true;
	endpoint->args.connected(endpoint->args.arg);
	endpoint->busy = false;
	if (endpoint->ending)
		end(endpoint);
	else if (endpoint->read == NULL || endpoint->write == NULL || endpoint->deadline == NULL)
		send_away(endpoint, "out of memory");
	else
		watch(endpoint);
}

/* How connections come about. */

/* Not possible now: told once until it is possible again. */
static void try_later(struct hd_endpoint *endpoint, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void try_later(struct hd_endpoint *endpoint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(endpoint->state, sizeof(endpoint->state), format, args);
	va_end(args);
	if (!endpoint->failed)
		hd_info(endpoint->name, "%s", endpoint->state);
	endpoint->failed = true;
	pause_next(endpoint);
}

static bool hung_up(int fd)
{
	struct pollfd watched = {.fd = fd, .events = POLLRDHUP};

	return poll(&watched, 1, 0) > 0 && (watched.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

static void turn_away(struct hd_endpoint *endpoint, int fd)
{
	close(fd);
	if (!endpoint->turned_away)
		hd_warning(endpoint->name, "a second front-end is turned away");
	endpoint->turned_away = true;
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
	struct hd_endpoint *endpoint = arg;
	int fd;

	/* A front-end that was restarted: its former connection's end may not have been looked at. It's next. */
	if (endpoint->channel.fd >= 0 && hung_up(endpoint->channel.fd)) {
		gone(endpoint);
		return;
	}
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0 && hung_up(fd))
		close(fd); /* it did not wait its turn */
	else if (fd >= 0 && endpoint->channel.fd >= 0)
		turn_away(endpoint, fd);
	else if (fd >= 0)
		begin(endpoint, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
		try_later(endpoint, "can't take connections now: %s", strerror(errno));
}

static void address_of(const struct hd_endpoint *endpoint, struct sockaddr_un *address)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, endpoint->path, strlen(endpoint->path) + 1);
}

/* A UNIX socket's connect is done at once, or fails: there is nothing to wait for. */
static void try_connect(struct hd_endpoint *endpoint)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	address_of(endpoint, &address);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		begin(endpoint, fd);
		return;
	}
	try_later(endpoint, "can't connect to the socket: %s; the front-end has to listen there (QEMU: server=on)",
		  strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void on_pause(evutil_socket_t fd, short what, void *arg)
{
	struct hd_endpoint *endpoint = arg;

	if (endpoint->args.client)
		try_connect(endpoint);
	else
		event_add(endpoint->accept, NULL);
}

/* Nobody can connect before it listens, and it has its owner and mode before. */
static int bind_path(struct hd_endpoint *endpoint, int fd, char reason[HD_REASON_MAX])
{
	const struct hd_endpoint_args *args = &endpoint->args;
	struct sockaddr_un address;
	int rc = hd_unix_path_claim(endpoint->path, reason, HD_REASON_MAX);

	if (rc < 0)
		return rc;
	address_of(endpoint, &address);
	/* The file is born with the unbound socket's mode, and never wider. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		rc = -errno;
		snprintf(reason, HD_REASON_MAX, "%s: can't bind: %s", endpoint->path, strerror(-rc));
		return rc;
	}
	endpoint->bound = true;
	rc = hd_unix_path_own(endpoint->path, args->owner, args->group, args->socket_mode, reason, HD_REASON_MAX);
	if (rc == 0 && listen(fd, BACKLOG) < 0) {
		rc = -errno;
		snprintf(reason, HD_REASON_MAX, "%s: can't listen: %s", endpoint->path, strerror(-rc));
	}
	return rc;
}

/* Connects, or takes connections, from the next turn of the event loop on. */
static int start(struct hd_endpoint *endpoint, char reason[HD_REASON_MAX])
{
	const struct timeval now = {.tv_sec = 0};
	struct event_base *base = endpoint->args.base;
	int rc;

	snprintf(reason, HD_REASON_MAX, "out of memory");
	endpoint->pause = evtimer_new(base, on_pause, endpoint);
	if (endpoint->pause == NULL)
		return -ENOMEM;
	if (endpoint->args.client) {
		snprintf(endpoint->state, sizeof(endpoint->state), "not connected yet");
		return evtimer_add(endpoint->pause, &now) < 0 ? -ENOMEM : 0;
	}
	endpoint->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (endpoint->listener < 0)
		return -errno;
	rc = bind_path(endpoint, endpoint->listener, reason);
	if (rc < 0)
		return rc;
	snprintf(endpoint->state, sizeof(endpoint->state), "no front-end has connected to the socket yet");
	endpoint->accept = event_new(base, endpoint->listener, EV_READ | EV_PERSIST, on_accept, endpoint);
	return endpoint->accept == NULL || event_add(endpoint->accept, NULL) < 0 ? -ENOMEM : 0;
}

int hd_endpoint_create(const struct hd_endpoint_args *args, struct hd_endpoint **out, char reason[HD_REASON_MAX])
{
	struct hd_endpoint *endpoint;
	int rc;

	if (strlen(args->path) > HD_PATH_MAX) {
		snprintf(reason, HD_REASON_MAX, "%s: longer than %d bytes", args->path, HD_PATH_MAX);
		return -ENAMETOOLONG;
	}
	endpoint = calloc(1, sizeof(*endpoint));
	if (endpoint == NULL) {
		snprintf(reason, HD_REASON_MAX, "out of memory");
		return -ENOMEM;
	}
	endpoint->args = *args;
	endpoint->listener = -1;
	endpoint->channel.fd = -1;
	endpoint->pause_ms = first_pause(endpoint);
	snprintf(endpoint->name, sizeof(endpoint->name), "%s", args->name);
	snprintf(endpoint->path, sizeof(endpoint->path), "%s", args->path);
	rc = start(endpoint, reason);
	if (rc < 0) {
		hd_endpoint_destroy(endpoint);
		return rc;
	}
	*out = endpoint;
	return 0;
}

void hd_endpoint_destroy(struct hd_endpoint *endpoint)
{
	if (endpoint == NULL)
		return;
	if (endpoint->channel.fd >= 0)
		end(endpoint);
	free_event(&endpoint->pause);
	free_event(&endpoint->accept);
	if (endpoint->listener >= 0)
		close(endpoint->listener);
	if (endpoint->bound)
		unlink(endpoint->path);
	free(endpoint);
}
