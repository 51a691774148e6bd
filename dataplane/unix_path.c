/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the rules for taking over a socket's path and for who may connect to it. */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unix_path.h"

static int refuse(int rc, char *reason, size_t size, const char *format, ...) __attribute__((format(printf, 4, 5)));

static int refuse(int rc, char *reason, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, size, format, args);
	va_end(args);
	return rc;
}

static int check_directory(const char *path, char *reason, size_t size)
{
	char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *slash = strrchr(path, '/');
	struct stat st;

	snprintf(directory, sizeof(directory), "%.*s", slash == NULL ? 1 : (int)(slash - path),
		 slash == NULL ? "." : path);
	if (directory[0] == '\0')
		return 0; /* the root */
	if (stat(directory, &st) < 0)
		return refuse(-errno, reason, size, "%s: directory %s: %s", path, directory, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return refuse(-ENOTDIR, reason, size, "%s: %s is not a directory", path, directory);
	return 0;
}

/* Does somebody listen there? Never waits: a full backlog counts as somebody. */
static int probe(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

int hd_unix_path_claim(const char *path, char *reason, size_t size)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct stat st;
	int rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return refuse(-ENAMETOOLONG, reason, size, "%s: longer than %zu bytes", path,
			      sizeof(address.sun_path) - 1);
	rc = check_directory(path, reason, size);
	if (rc < 0)
		return rc;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : refuse(-errno, reason, size, "%s: %s", path, strerror(errno));
	if (!S_ISSOCK(st.st_mode))
		return refuse(-EEXIST, reason, size, "%s: exists and is not a socket", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	rc = probe(&address);
	if (rc != -ECONNREFUSED)
		return refuse(-EADDRINUSE, reason, size, "%s: in use by a running process", path);
	if (unlink(path) < 0)
		return refuse(-errno, reason, size, "%s: left over, and can't be removed: %s", path, strerror(errno));
	return 0;
}

/* A name that the system does not know may be a number. */
static int parse_id(const char *name, unsigned int *id)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (name[0] < '0' || name[0] > '9' || *end != '\0' || number >= UINT_MAX)
		return -EINVAL;
	*id = (unsigned int)number;
	return 0;
}

static int find_user(const char *name, uid_t *uid)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		return parse_id(name, uid);
	*uid = user->pw_uid;
	return 0;
}

static int find_group(const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);

	if (group == NULL)
		return parse_id(name, gid);
	*gid = group->gr_gid;
	return 0;
}

int hd_unix_path_own(const char *path, const char *owner, const char *group, unsigned int mode, char *reason,
		     size_t size)
{
	uid_t uid = (uid_t)-1;
	gid_t gid = (gid_t)-1;

	if (owner != NULL && owner[0] != '\0' && find_user(owner, &uid) < 0)
		return refuse(-ENOENT, reason, size, "%s: no such user; make it with: useradd --system %s", owner,
			      owner);
	if (group != NULL && group[0] != '\0' && find_group(group, &gid) < 0)
		return refuse(-ENOENT, reason, size, "%s: no such group; make it with: groupadd --system %s", group,
			      group);
	if (chown(path, uid, gid) < 0 || chmod(path, mode) < 0)
		return refuse(-errno, reason, size, "%s: %s", path, strerror(errno));
	return 0;
}

/* A connection accepted at the path has its name, one made to it has it as its peer's. */
static bool connected_at(int fd, const char *path)
{
	struct sockaddr_un own = {.sun_family = AF_UNSPEC}, peer = {.sun_family = AF_UNSPEC};
	socklen_t own_size = sizeof(own) - 1, peer_size = sizeof(peer) - 1;

	if (getsockname(fd, (struct sockaddr *)&own, &own_size) < 0 || own.sun_family != AF_UNIX ||
	    getpeername(fd, (struct sockaddr *)&peer, &peer_size) < 0)
		return false;
	return strcmp(own.sun_path, path) == 0 || strcmp(peer.sun_path, path) == 0;
}

void hd_unix_path_set_deadline(const char *path, unsigned int seconds)
{
	const struct timeval deadline = {.tv_sec = (time_t)seconds};
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (directory == NULL)
		return;
	for (entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
		int fd = atoi(entry->d_name); /* "." and ".." give 0, which is no such connection */

		if (!connected_at(fd, path))
			continue;
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	}
	closedir(directory);
}
