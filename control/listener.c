/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the control socket's file: directory, stale socket, mode and group. */
#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listener.h"

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

/* A socket that nobody listens on is left over from a daemon that was killed. */
static int remove_stale(const struct sockaddr_un *address, struct hd_error *error)
{
	const char *path = address->sun_path;
	struct stat st;
	int fd, code;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : fail(error, path, "can't look at it");
	if (!S_ISSOCK(st.st_mode)) {
		hd_error_set(error, "%s: exists and is not a socket", path);
		return -EEXIST;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(error, path, "socket");
	code = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
	close(fd);
	if (code == ECONNREFUSED)
		return unlink(path) == 0 ? 0 : fail(error, path, "can't remove the stale socket");
	if (code == 0 || code == EAGAIN) {
		hd_error_set(error, "%s: in use by a running daemon; give each its own socket with -s", path);
		return -EADDRINUSE;
	}
	errno = code;
	return fail(error, path, "can't tell whether it is in use");
}

static int find_group(const char *name, gid_t *gid, struct hd_error *error)
{
	const struct group *group = getgrnam(name);
	char *end;

	if (group != NULL) {
		*gid = group->gr_gid;
		return 0;
	}
	*gid = (gid_t)strtoul(name, &end, 10);
	if (*name >= '0' && *name <= '9' && *end == '\0')
		return 0;
	hd_error_set(error, "%s: no such group; make it with: groupadd --system %s", name, name);
	return -ENOENT;
}

static int bind_mode(int fd, const struct sockaddr_un *address, const char *group, struct hd_error *error)
{
	const char *path = address->sun_path;
	gid_t gid = (gid_t)-1;
	int rc;

	rc = group != NULL ? find_group(group, &gid, error) : 0;
	if (rc < 0)
		return rc;
	/* On the unbound socket: the file is born with it, less the umask, and never wider. */
	if (fchmod(fd, SOCKET_MODE) < 0)
		return fail(error, path, "can't set its mode");
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return fail(error, path, "can't bind");
	if (group != NULL && lchown(path, (uid_t)-1, gid) < 0)
		rc = fail(error, path, "can't give it to its group");
	else if (chmod(path, SOCKET_MODE) < 0)
		rc = fail(error, path, "can't set its mode");
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
		rc = remove_stale(&address, error);
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
