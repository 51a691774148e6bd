/* SPDX-License-Identifier: BSD-3-Clause */
/* Serves the control socket's clients, each within its limits. */
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <heddle/protocol.h>

#include "listener.h"
#include "log.h"
#include "rpc.h"
#include "server.h"

#define LISTEN_BACKLOG 128
#define TURN_LINES 8      /* requests of one client that are answered in a row */
#define TURN_BYTES 262144 /* and bytes of answers */
#define SPARE_FILES 256   /* descriptors for everything that is not a client */
#define ACCEPT_PAUSE 1    /* seconds without accepting, when out of descriptors */

struct client {
	LIST_ENTRY(client) link;
	struct hd_server *server;
	struct bufferevent *bev;
	struct event *turn;     /* more lines wait for the next turn of the loop */
	struct event *deadline; /* for the rest of a line */
	size_t scanned;         /* bytes of the input known to hold no newline */
	bool is_long;           /* its line is longer than HD_REQUEST_LONG */
	bool closing;           /* reads no more; goes when its answers are out */
	char name[64];          /* in the log */
};

struct hd_server {
	struct event_base *base;
	struct hd_control *control;
	struct evconnlistener *listener;
	struct event *resume; /* accepting */
	LIST_HEAD(, client) clients;
	unsigned int n_clients, n_long, serial;
	bool full; /* said so in the log */
	char path[HD_PATH_MAX + 1];
	dev_t dev; /* the socket's file, so that only our own is unlinked */
	ino_t ino;
};

static const struct timeval now = {0, 0};
static const struct timeval patience = {HD_CLIENT_DEADLINE, 0};

static void client_free(struct client *client)
{
	struct hd_server *server = client->server;

	LIST_REMOVE(client, link);
	server->n_clients--;
	server->n_long -= client->is_long;
	hd_rpc_gone(server->control, client->name);
	if (client->turn != NULL)
		event_free(client->turn);
	if (client->deadline != NULL)
		event_free(client->deadline);
	bufferevent_free(client->bev); /* closes the socket */
	free(client);
}

static void client_drop(struct client *client, const char *why)
{
	hd_warning("control", "%s: disconnected: %s", client->name, why);
	client_free(client);
}

/* Read no more; go now, or when the answers are out. The client is gone if this returns true. */
static bool client_close(struct client *client)
{
	client->closing = true;
	event_del(client->deadline);
	bufferevent_disable(client->bev, EV_READ);
	if (evbuffer_get_length(bufferevent_get_output(client->bev)) > 0)
		return false;
	hd_debug("control", "%s: disconnected", client->name);
	client_free(client);
	return true;
}

static void client_answer(struct client *client, char *answer)
{
	struct evbuffer *output = bufferevent_get_output(client->bev);

	if (answer == NULL)
		return;
	evbuffer_add(output, answer, strlen(answer));
	evbuffer_add(output, "\n", 1);
	free(answer);
}

/* Takes the next line off the input; NULL if it has no whole one. */
static char *take_line(struct client *client, size_t *length)
{
	struct evbuffer *input = bufferevent_get_input(client->bev);
	struct evbuffer_ptr start, end;
	char *line;

	if (evbuffer_ptr_set(input, &start, client->scanned, EVBUFFER_PTR_SET) < 0)
		return NULL; /* nothing new */
	end = evbuffer_search(input, "\n", 1, &start);
	if (end.pos < 0) {
		client->scanned = evbuffer_get_length(input);
		return NULL;
	}
	client->scanned = 0;
	*length = (size_t)end.pos;
	line = malloc(*length + 1);
	if (line == NULL) {
		evbuffer_drain(input, *length + 1);
		client_answer(client, hd_rpc_error_line(HD_RPC_INTERNAL, "out of memory"));
		return NULL;
	}
	evbuffer_remove(input, line, *length + 1);
	line[*length] = '\0';
	return line;
}

static bool is_blank(const char *line, size_t length)
{
	return strspn(line, " \t\r") == length;
}

/* Answer up to a turn's worth of lines. Returns whether more may be waiting. */
static bool answer_lines(struct client *client)
{
	struct evbuffer *output = bufferevent_get_output(client->bev);
	size_t before = evbuffer_get_length(output), length;
	char *line;

	for (unsigned int n = 0; n < TURN_LINES && evbuffer_get_length(output) < before + TURN_BYTES; n++) {
		line = take_line(client, &length);
		if (line == NULL)
			return false;
		if (!is_blank(line, length))
			client_answer(client, hd_rpc_handle(client->server->control, client->name, line, length));
		free(line);
	}
	return true;
}

/* The rest of a line must come in time, however slowly it trickles. */
static void watch_deadline(struct client *client)
{
	if (evbuffer_get_length(bufferevent_get_input(client->bev)) == 0)
		event_del(client->deadline);
	else if (!event_pending(client->deadline, EV_TIMEOUT, NULL))
		event_add(client->deadline, &patience);
}

static void count_long(struct client *client, bool is_long)
{
	client->server->n_long += is_long;
	client->server->n_long -= client->is_long;
	client->is_long = is_long;
}

static void refuse_line(struct client *client, const char *why)
{
	struct evbuffer *input = bufferevent_get_input(client->bev);

	hd_warning("control", "%s: disconnected: %s: %zu bytes and more", client->name, why,
		   evbuffer_get_length(input));
	client_answer(client, hd_rpc_error_line(HD_RPC_INVALID_REQUEST, why));
	evbuffer_drain(input, evbuffer_get_length(input));
	client_close(client);
}

static void client_turn(struct client *client)
{
	size_t backlog = evbuffer_get_length(bufferevent_get_output(client->bev));
	size_t before = evbuffer_get_length(bufferevent_get_input(client->bev)), left;
	bool more;

	if (before > 0 && backlog > HD_BACKLOG_MAX) {
		client_drop(client, "does not read its answers");
		return;
	}
	more = answer_lines(client);
	left = evbuffer_get_length(bufferevent_get_input(client->bev));
	if (left < before)
		event_del(client->deadline); /* what is left began later */
	if (more) {
		event_add(client->turn, &now); /* a timer: other clients' sockets are looked at before it */
		return;
	}
	if (client->closing) {
		client_close(client);
		return;
	}
	count_long(client, left > HD_REQUEST_LONG);
	if (left > HD_REQUEST_MAX) {
		refuse_line(client, "request too long");
		return;
	}
	if (client->server->n_long > HD_LONG_MAX && client->is_long) {
		refuse_line(client, "too many long requests at a time");
		return;
	}
	watch_deadline(client);
}

static void on_turn(evutil_socket_t fd, short what, void *arg)
{
	client_turn(arg);
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct client *client = arg;

	if (!event_pending(client->turn, EV_TIMEOUT, NULL))
		client_turn(client);
}

static void on_drained(struct bufferevent *bev, void *arg)
{
	struct client *client = arg;

	if (client->closing && !event_pending(client->turn, EV_TIMEOUT, NULL))
		client_close(client);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	client_drop(arg, "sent half a request and no more");
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct client *client = arg;

	if (what & BEV_EVENT_TIMEOUT) {
		client_drop(client, "does not read its answers");
	} else if (what & BEV_EVENT_EOF) { /* it may have more lines here, and wait for their answers */
		client->closing = true;
		on_read(bev, client);
	} else {
		hd_debug("control", "%s: disconnected: %s", client->name, strerror(errno));
		client_free(client);
	}
}

static void name_client(struct client *client, evutil_socket_t fd)
{
	struct ucred peer = {.pid = -1, .uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t size = sizeof(peer);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
	snprintf(client->name, sizeof(client->name), "client %u (pid %d, uid %d, gid %d)", ++client->server->serial,
		 (int)peer.pid, (int)peer.uid, (int)peer.gid);
}

static int client_new(struct hd_server *server, evutil_socket_t fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return -ENOMEM;
	client->bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client->bev == NULL) {
		free(client);
		return -ENOMEM;
	}
	client->server = server;
	server->n_clients++;
	LIST_INSERT_HEAD(&server->clients, client, link);
	name_client(client, fd);
	client->turn = evtimer_new(server->base, on_turn, client);
	client->deadline = evtimer_new(server->base, on_deadline, client);
	if (client->turn == NULL || client->deadline == NULL) {
		client_drop(client, "out of memory");
		return 0;
	}
	bufferevent_setcb(client->bev, on_read, on_drained, on_event, client);
	bufferevent_setwatermark(client->bev, EV_READ, 0, HD_REQUEST_MAX + 1);
	bufferevent_set_timeouts(client->bev, NULL, &patience);
	bufferevent_enable(client->bev, EV_READ | EV_WRITE);
	hd_debug("control", "%s: connected", client->name);
	return 0;
}

/* One line that says why, as far as it goes out at once. */
static void refuse(struct hd_server *server, evutil_socket_t fd, const char *why)
{
	char *line = hd_rpc_error_line(HD_RPC_REFUSED, why);
	struct iovec parts[] = {{line, line != NULL ? strlen(line) : 0}, {"\n", 1}};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	if (sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		hd_debug("control", "refused client: %s", strerror(errno));
	free(line);
	close(fd);
	if (!server->full)
		hd_warning("control", "client refused: %s", why);
	server->full = true;
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int length,
		      void *arg)
{
	struct hd_server *server = arg;

	if (server->n_clients >= HD_CLIENTS_MAX) {
		refuse(server, fd, "too many clients");
		return;
	}
	server->full = false;
	if (client_new(server, fd) < 0)
		refuse(server, fd, "out of memory");
}

/* Out of descriptors, most likely: the listener would report it again at once, for ever. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct hd_server *server = arg;
	struct timeval pause = {ACCEPT_PAUSE, 0};

	hd_warning("control", "can't accept clients for %d s: %s", ACCEPT_PAUSE, strerror(errno));
	evconnlistener_disable(listener);
	event_add(server->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct hd_server *server = arg;

	evconnlistener_enable(server->listener);
}

static void raise_file_limit(void)
{
	rlim_t wanted = HD_CLIENTS_MAX + SPARE_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < wanted)
		hd_warning("control", "%lu open files allowed, %lu are wanted for %d clients",
			   (unsigned long)limit.rlim_cur, (unsigned long)wanted, HD_CLIENTS_MAX);
}

static int listen_on(struct hd_server *server, const char *path, const char *group, struct hd_error *error)
{
	struct stat st;
	int fd = hd_listener_bind(path, group, error);

	if (fd < 0)
		return fd;
	snprintf(server->path, sizeof(server->path), "%s", path);
	if (lstat(server->path, &st) == 0) {
		server->dev = st.st_dev;
		server->ino = st.st_ino;
	}
	server->listener = evconnlistener_new(server->base, on_accept, server,
					      LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, LISTEN_BACKLOG, fd);
	if (server->listener == NULL) {
		hd_error_set(error, "%s: can't listen: %s", server->path, strerror(errno));
		close(fd);
		return -EIO;
	}
	evconnlistener_set_error_cb(server->listener, on_accept_error);
	return 0;
}

int hd_server_create(struct event_base *base, struct hd_control *control, const char *path, const char *group,
		     struct hd_server **created, struct hd_error *error)
{
	struct hd_server *server = calloc(1, sizeof(*server));
	int rc = -ENOMEM;

	if (server == NULL)
		goto err_memory;
	server->base = base;
	server->control = control;
	LIST_INIT(&server->clients);
	server->resume = evtimer_new(base, on_resume, server);
	if (server->resume == NULL)
		goto err_memory;
	signal(SIGPIPE, SIG_IGN); /* bufferevents write without MSG_NOSIGNAL */
	raise_file_limit();
	rc = listen_on(server, path, group, error);
	if (rc < 0) {
		hd_server_destroy(server);
		return rc;
	}
	*created = server;
	return 0;
err_memory:
	hd_error_set(error, "%s: out of memory", path);
	hd_server_destroy(server);
	return rc;
}

static void unlink_own(const struct hd_server *server)
{
	struct stat st;

	if (server->ino != 0 && lstat(server->path, &st) == 0 && st.st_dev == server->dev && st.st_ino == server->ino)
		unlink(server->path);
}

void hd_server_destroy(struct hd_server *server)
{
	struct client *client, *next;

	if (server == NULL)
		return;
	unlink_own(server);
	if (server->listener != NULL)
		evconnlistener_free(server->listener);
	for (client = LIST_FIRST(&server->clients); client != NULL; client = next) {
		next = LIST_NEXT(client, link);
		client_free(client);
	}
	if (server->resume != NULL)
		event_free(server->resume);
	free(server);
}
