/* SPDX-License-Identifier: BSD-3-Clause */
/* Replaces a file atomically. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "save.h"

#define NEW_MODE 0644

static int write_all(int fd, const char *text)
{
	size_t left = strlen(text);
	ssize_t n;

	while (left > 0) {
		n = write(fd, text, left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

/* What is at the path now: its mode and owner for the new file. */
static int inherit(int fd, const char *path)
{
	struct stat old;

	if (stat(path, &old) < 0) {
		if (errno != ENOENT || fchmod(fd, NEW_MODE) < 0)
			return -errno;
		return 0;
	}
	if (!S_ISREG(old.st_mode))
		return S_ISDIR(old.st_mode) ? -EISDIR : -EEXIST;
	/* Owner first: chown clears bits of the mode. Who is not root keeps what he may. */
	if (fchown(fd, old.st_uid, old.st_gid) < 0 && fchown(fd, (uid_t)-1, old.st_gid) < 0 && errno != EPERM)
		return -errno;
	return fchmod(fd, old.st_mode & 07777) < 0 ? -errno : 0;
}

/* The rename itself is to survive a crash too. */
static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, rc;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

static int replace(const char *path, const char *text)
{
	char temporary[PATH_MAX + 16];
	int fd, rc;

	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = inherit(fd, path);
	if (rc == 0)
		rc = write_all(fd, text);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(temporary);
	return rc < 0 ? rc : sync_directory(path);
}

int hd_save(const char *path, const char *text, struct hd_error *error)
{
	char real[PATH_MAX];
	int rc;

	if (realpath(path, real) != NULL)
		rc = replace(real, text);
	else if (errno == ENOENT && strlen(path) < sizeof(real))
		rc = replace(path, text);
	else
		rc = -errno;
	if (rc < 0)
		hd_error_set(error, "%s: can't save: %s", path, strerror(-rc));
	return rc;
}
