/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors of this process for tests: that none is left behind, what one is, and sending them. */
#ifndef TEST_DESCRIPTORS_H
#define TEST_DESCRIPTORS_H

#include <check.h>
#include <dirent.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

static inline unsigned int descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Whether both are of one open file. Anonymous ones (eventfds) share an inode: use files. */
static inline bool descriptors_same(int a, int b)
{
	struct stat x, y;

	ck_assert_int_eq(fstat(a, &x), 0);
	ck_assert_int_eq(fstat(b, &y), 0);
	return x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* In one sendmsg, all or nothing. */
static inline void descriptors_send(int socket, const void *bytes, size_t size, const int *fds, unsigned int n)
{
	alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * 64)] = {0};
	struct iovec piece = {.iov_base = (void *)bytes, .iov_len = size};
	struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1};

	ck_assert_uint_le(n, 64);
	if (n > 0) {
		struct cmsghdr *part = (struct cmsghdr *)control;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(part), fds, sizeof(int) * n);
	}
	ck_assert_int_eq(sendmsg(socket, &msg, MSG_NOSIGNAL), (ssize_t)size);
}

#endif
