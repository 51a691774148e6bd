/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the control socket's file, its directory too if only that one is missing. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"
#include "unix_path.h"

#define SOCKET_MODE 0660
#define DIRECTORY_MODE 0755

static_assert(HD_PATH_MAX < sizeof(((struct sockaddr_un *)0)->sun_path), "a path fits into sun_path");

static int fail(struct hd_error *error, const char *path, const char *what)
{
	int code = errno;

	hd_error_set(error, "%s: %s: %s", path, what, strerror(code));
	return -code;
}

/* Make the directory of `path`, if only that one is missing. */
static int make_directory(const char *path, struct hd_error *error)
{
	char directory[HD_PATH_MAX + 1];
	char *slash;

	snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash == NULL || slash == directory)
		return 0;
	*slash = '\0';
	if (mkdir(directory, DIRECTORY_MODE) == 0 || errno == EEXIST)
		return 0;
	return fail(error, path, "can't make its directory");
}

static int bind_mode(int fd, const struct sockaddr_un *address, const char *group, struct hd_error *error)
{
	const char *path = address->sun_path;
	int rc;

	/* On the unbound socket: the file is born with it, less the umask, and never wider. */
	if (fchmod(fd, SOCKET_MODE) < 0)
		return fail(error, path, "can't set its mode");
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return fail(error, path, "can't bind");
	rc = hd_unix_path_own(path, NULL, group, SOCKET_MODE, error->text, sizeof(error->text));
	if (rc < 0)
		unlink(path);
	return rc;
}

int hd_listener_bind(const char *path, const char *group, struct hd_error *error)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, rc;

	if (path[0] == '\0' || strlen(path) > HD_PATH_MAX) {
		hd_error_set(error, "%s: a socket's path has 1..%d bytes, this has %zu", path, HD_PATH_MAX,
			     strlen(path));
		return -ENAMETOOLONG;
	}
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	rc = make_directory(path, error);
	if (rc == 0)
		rc = hd_unix_path_claim(path, error->text, sizeof(error->text));
	if (rc < 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, path, "socket");
	rc = bind_mode(fd, &address, group, error);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}
