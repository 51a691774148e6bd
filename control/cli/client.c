/* SPDX-License-Identifier: BSD-3-Clause */
/* The CLI's end of the control socket. */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <heddle/limits.h>
#include <heddle/protocol.h>

#include "client.h"

#define PATIENCE 60 /* seconds for an answer: a change waits for devices to open */

static int complain(const struct hd_cli *cli, int code, const char *format, const char *what)
{
	if (!cli->quiet) {
		fputs("heddle: ", stderr);
		fprintf(stderr, format, cli->socket, what);
		fputc('\n', stderr);
	}
	return code;
}

static int explain_denied(const struct hd_cli *cli)
{
	const struct group *group;
	struct stat st;

	if (stat(cli->socket, &st) < 0)
		return complain(cli, HD_EXIT_NO_DAEMON, "%s: permission denied on its directory; use sudo%s", "");
	group = getgrgid(st.st_gid);
	if (group == NULL || st.st_gid == 0)
		return complain(cli, HD_EXIT_NO_DAEMON, "%s: permission denied, it is root's%s", "; use sudo");
	return complain(cli, HD_EXIT_NO_DAEMON, "%s: permission denied, it is for members of group %s", group->gr_name);
}

static int explain(const struct hd_cli *cli, int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return complain(cli, HD_EXIT_NO_DAEMON,
				"no daemon at %s; start it with: systemctl start heddle, or: heddle-vswitchd -s %s",
				cli->socket);
	case EACCES:
		return explain_denied(cli);
	default:
		return complain(cli, HD_EXIT_NO_DAEMON, "%s: %s", strerror(error));
	}
}

static int open_connection(struct hd_cli *cli)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {PATIENCE, 0};

	if (strlen(cli->socket) > HD_PATH_MAX)
		return hd_cli_usage("-s %s: a socket's path has at most %d bytes", cli->socket, HD_PATH_MAX);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", cli->socket);
	cli->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (cli->fd < 0)
		return explain(cli, errno);
	if (connect(cli->fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return explain(cli, errno);
	setsockopt(cli->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(cli->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	cli->in = fdopen(cli->fd, "r");
	return cli->in != NULL ? HD_EXIT_OK : explain(cli, errno);
}

static int send_line(struct hd_cli *cli, const char *line)
{
	size_t left = strlen(line);
	ssize_t n;

	while (left > 0) {
		n = send(cli->fd, line, left, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		line += n;
		left -= (size_t)n;
	}
	return 0;
}

/* The request as a line; NULL if it holds what JSON can't. */
static char *encode(const char *method, json_t *params)
{
	json_t *request =
		json_pack("{s:s, s:i, s:s, s:o*}", "jsonrpc", "2.0", "id", 1, "method", method, "params", params);
	char *text = json_dumps(request, JSON_COMPACT), *line = NULL;

	json_decref(request);
	if (text != NULL && asprintf(&line, "%s\n", text) < 0)
		line = NULL;
	free(text);
	return line;
}

static int read_answer(struct hd_cli *cli, json_t **result)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t length;
	json_t *answer, *error;
	int code = HD_EXIT_OK;

	errno = 0;
	length = getline(&line, &size, cli->in);
	if (length <= 0) {
		free(line);
		return complain(cli, HD_EXIT_NO_DAEMON, "%s: %s",
				errno == EAGAIN ? "the daemon does not answer" : "the daemon closed the connection");
	}
	answer = json_loadb(line, (size_t)length, 0, NULL);
	free(line);
	error = json_object_get(answer, "error");
	*result = json_incref(json_object_get(answer, "result"));
	snprintf(cli->refusal, sizeof(cli->refusal), "%s",
		 error != NULL ? json_string_value(json_object_get(error, "message")) : "");
	if (error != NULL && !cli->quiet)
		fprintf(stderr, "heddle: %s\n", json_string_value(json_object_get(error, "message")));
	if (error != NULL)
		code = HD_EXIT_REFUSED;
	else if (*result == NULL)
		code = complain(cli, HD_EXIT_NO_DAEMON, "%s: %s", "not heddle's answer");
	json_decref(answer);
	return code;
}

int hd_client_call(struct hd_cli *cli, const char *method, json_t *params, json_t **result)
{
	char *line = encode(method, params);
	int code, rc;

	*result = NULL;
	if (line == NULL)
		return complain(cli, HD_EXIT_USAGE, "not valid UTF-8 (for %s)%s", "");
	if (strlen(line) > HD_REQUEST_MAX) {
		free(line);
		return complain(cli, HD_EXIT_REFUSED, "request to %s too long%s", "");
	}
	code = cli->fd < 0 ? open_connection(cli) : HD_EXIT_OK;
	rc = code == HD_EXIT_OK ? send_line(cli, line) : 0;
	free(line);
	if (code != HD_EXIT_OK)
		return code;
	if (rc < 0 && rc != -EPIPE && rc != -ECONNRESET)
		return explain(cli, -rc);
	return read_answer(cli, result); /* a daemon that hung up may have said why */
}

void hd_client_close(struct hd_cli *cli)
{
	if (cli->in != NULL)
		fclose(cli->in);
	else if (cli->fd >= 0)
		close(cli->fd);
	cli->in = NULL;
	cli->fd = -1;
}
