/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control socket with real clients: framing, limits, and that no client stands in another's way.
 *
 * The event loop runs in the test's own thread, a turn at a time, until what is waited for has come or time is up.
 */
#include "server.h"

#include <check.h>
#include <event2/event.h>
#include <fcntl.h>
#include <heddle/protocol.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fake_control.h"
#include "log.h"

#define DEADLINE 20 /* seconds that anything may take */
#define LEVEL "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"log.level\"}\n"
#define LEVEL_ANSWER "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"level\":\"error\"}}\n"

static struct hd_control control;
static struct event_base *base;
static struct hd_server *server;
static struct hd_error error;
static char directory[32], path[64];

static void setup(void)
{
	fake_control_init(&control);
	hd_log_set_level(HD_LOG_ERROR);
	strcpy(directory, "/tmp/heddle-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/run/s.sock", directory);
	base = event_base_new();
	ck_assert_msg(hd_server_create(base, &control, path, NULL, &server, &error) == 0, "%s", error.text);
}

static void teardown(void)
{
	char run[48];

	hd_server_destroy(server);
	event_base_free(base);
	fake_control_clear(&control);
	ck_assert_int_eq(access(path, F_OK), -1);
	snprintf(run, sizeof(run), "%s/run", directory);
	ck_assert_int_eq(rmdir(run), 0);
	ck_assert_int_eq(rmdir(directory), 0);
}

static int try_connect(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

static int dial(void)
{
	int fd = try_connect();

	while (fd < 0) { /* the backlog is full: let it accept */
		turn();
		fd = try_connect();
	}
	return fd;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Send all, while the loop turns. False if the server hung up. */
static bool put(int fd, const char *text, size_t length)
{
	double end = seconds() + DEADLINE;
	ssize_t n;

	while (length > 0) {
		n = send(fd, text, length, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN)
			return false;
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
		turn();
		ck_assert_msg(seconds() < end, "not taken in time");
	}
	return true;
}

/* Read up to and with the n-th newline, or to the end of the connection (*closed). */
static char *get(int fd, unsigned int lines, bool *closed)
{
	double end = seconds() + DEADLINE;
	size_t used = 0, room = 1 << 16;
	char *text = malloc(room);
	ssize_t n;

	*closed = false;
	while (lines > 0 && !*closed) {
		turn();
		ck_assert_msg(seconds() < end, "no answer in time");
		if (used + 1 == room)
			text = realloc(text, room *= 2);
		n = recv(fd, text + used, lines == 1 ? 1 : room - used - 1, 0);
		if (n < 0 && errno == EAGAIN)
			continue;
		*closed = n <= 0;
		for (ssize_t i = 0; i < n; i++)
			lines -= text[used + (size_t)i] == '\n' && lines > 0;
		used += n > 0 ? (size_t)n : 0;
	}
	text[used] = '\0';
	return text;
}

static void check_answer(int fd, const char *wanted)
{
	bool closed;
	char *text = get(fd, 1, &closed);

	ck_assert_str_eq(text, wanted);
	free(text);
}

static void check_closed(int fd, const char *said)
{
	bool closed;
	char *text = get(fd, 1000, &closed);

	ck_assert(closed);
	ck_assert_msg(strstr(text, said) != NULL, "%s", text);
	free(text);
	close(fd);
}

START_TEST(test_lines)
{
	int fd = dial();

	ck_assert(put(fd, "\n  \r\n" LEVEL, 5 + sizeof(LEVEL) - 1));
	check_answer(fd, LEVEL_ANSWER);
	for (size_t i = 0; i < sizeof(LEVEL) - 1; i++) /* a byte at a time */
		ck_assert(put(fd, &LEVEL[i], 1));
	check_answer(fd, LEVEL_ANSWER);
	close(fd);
}
END_TEST

/* Who shuts down its sending side gets the answers to what it has sent. */
START_TEST(test_half_close)
{
	int fd = dial();
	bool closed;
	char *text;

	for (int i = 0; i < 100; i++)
		ck_assert(put(fd, LEVEL, sizeof(LEVEL) - 1));
	ck_assert(put(fd, "{\"jsonrpc\"", 10)); /* half sent: no answer */
	ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
	text = get(fd, 1000, &closed);
	ck_assert(closed);
	ck_assert_uint_eq(strlen(text), 100 * (sizeof(LEVEL_ANSWER) - 1));
	free(text);
	close(fd);
}
END_TEST

/* Answers come in order; another client is answered long before the pipeline is through. */
START_TEST(test_pipeline)
{
	char request[96], *all = malloc(3000 * sizeof(request)), *text;
	int fd = dial(), other = dial();
	size_t length = 0, at = 0;
	unsigned int turns = 0;
	bool closed;
	char byte;

	for (int i = 0; i < 3000; i++)
		length +=
			(size_t)sprintf(all + length, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":\"log.level\"}\n", i);
	while (at < length) { /* as much as goes in without the loop turning */
		ssize_t n = send(fd, all + at, length - at, 0);

		if (n < 0)
			break;
		at += (size_t)n;
	}
	ck_assert_uint_gt(at, 50000);
	ck_assert_int_gt(send(other, LEVEL, sizeof(LEVEL) - 1, 0), 0);
	while (recv(other, &byte, 1, MSG_PEEK) < 0 && turns < 20) {
		turn();
		turns++;
	}
	ck_assert_uint_lt(turns, 20);
	check_answer(other, LEVEL_ANSWER);
	ck_assert(put(fd, all + at, length - at));
	text = get(fd, 3000, &closed);
	ck_assert(!closed);
	at = 0;
	for (int i = 0; i < 3000; i++) {
		snprintf(request, sizeof(request), "{\"jsonrpc\":\"2.0\",\"id\":%d,\"result\":{\"level\":\"error\"}}\n",
			 i);
		ck_assert(strncmp(text + at, request, strlen(request)) == 0);
		at += strlen(request);
	}
	free(text);
	free(all);
	close(fd);
	close(other);
}
END_TEST

/* The longest line passes, one byte more does not. */
START_TEST(test_long_line)
{
	char *line = malloc(HD_REQUEST_MAX + 2);
	int fd = dial();

	memset(line, ' ', HD_REQUEST_MAX);
	memcpy(line, LEVEL, sizeof(LEVEL) - 2);
	line[HD_REQUEST_MAX] = '\n';
	ck_assert(put(fd, line, HD_REQUEST_MAX + 1));
	check_answer(fd, LEVEL_ANSWER);
	line[HD_REQUEST_MAX] = ' ';
	line[HD_REQUEST_MAX + 1] = '\n';
	put(fd, line, HD_REQUEST_MAX + 2);
	check_closed(fd, "request too long");
	free(line);
}
END_TEST

/* A client that never reads goes when HD_BACKLOG_MAX of answers wait for it; the others notice nothing. */
START_TEST(test_never_reads)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"help\"}\n";
	int fd = dial(), other = dial();
	double end = seconds() + DEADLINE;
	size_t sent = 0;
	ssize_t n = 0;

	while (n >= 0 || errno == EAGAIN) {
		n = send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
		sent += n > 0;
		turn();
		ck_assert_msg(seconds() < end, "still connected after %zu requests", sent);
	}
	ck_assert_int_eq(errno, EPIPE);
	ck_assert(put(other, LEVEL, sizeof(LEVEL) - 1));
	check_answer(other, LEVEL_ANSWER);
	close(fd);
	close(other);
}
END_TEST

/* One more than HD_CLIENTS_MAX is told so; when one goes, another may come. All are answered. */
START_TEST(test_many_clients)
{
	static int fds[HD_CLIENTS_MAX];
	struct rlimit limit;
	int fd;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 3 * HD_CLIENTS_MAX;
	if (limit.rlim_cur > limit.rlim_max)
		return; /* both ends of every connection are ours */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int i = 0; i < HD_CLIENTS_MAX; i++) {
		fds[i] = dial();
		turn();
	}
	for (int i = 0; i < HD_CLIENTS_MAX; i++)
		ck_assert(put(fds[i], LEVEL, sizeof(LEVEL) - 1));
	for (int i = 0; i < HD_CLIENTS_MAX; i++)
		check_answer(fds[i], LEVEL_ANSWER);
	check_closed(dial(), "too many clients");
	close(fds[0]);
	turn();
	turn();
	fd = dial();
	ck_assert(put(fd, LEVEL, sizeof(LEVEL) - 1));
	check_answer(fd, LEVEL_ANSWER);
	close(fd);
	for (int i = 1; i < HD_CLIENTS_MAX; i++)
		close(fds[i]);
}
END_TEST

/* Without descriptors left nobody is accepted, and the loop does not spin; afterwards it goes on. */
START_TEST(test_no_descriptors)
{
	struct rlimit limit, few;
	int fd = dial(), late;

	ck_assert(put(fd, LEVEL, sizeof(LEVEL) - 1));
	check_answer(fd, LEVEL_ANSWER);
	late = dial();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)late + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	turn();
	ck_assert(put(fd, LEVEL, sizeof(LEVEL) - 1));
	check_answer(fd, LEVEL_ANSWER);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert(put(late, LEVEL, sizeof(LEVEL) - 1));
	check_answer(late, LEVEL_ANSWER);
	close(fd);
	close(late);
}
END_TEST

START_TEST(test_socket_file)
{
	struct hd_server *second = NULL;
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(st.st_mode & 07777, 0660);
	ck_assert_int_eq(hd_server_create(base, &control, path, NULL, &second, &error), -EADDRINUSE);
	ck_assert_msg(strstr(error.text, "in use by a running process") != NULL, "%s", error.text);
	ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

/* A socket file that nobody listens on is replaced; a file that is no socket stays. */
START_TEST(test_stale)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct hd_server *second = NULL;
	char other[64];
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(other, sizeof(other), "%s/run/other", directory);
	strcpy(address.sun_path, other);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	ck_assert_int_eq(hd_server_create(base, &control, other, NULL, &second, &error), 0);
	hd_server_destroy(second);
	ck_assert_int_eq(access(other, F_OK), -1);
	fd = open(other, O_CREAT | O_WRONLY, 0600);
	close(fd);
	ck_assert_int_eq(hd_server_create(base, &control, other, NULL, &second, &error), -EEXIST);
	ck_assert_msg(strstr(error.text, "is not a socket") != NULL, "%s", error.text);
	ck_assert_int_eq(unlink(other), 0);
}
END_TEST

START_TEST(test_bad_paths)
{
	struct hd_server *second = NULL;
	char longer[HD_PATH_MAX + 2];

	memset(longer, 'a', sizeof(longer) - 1);
	longer[0] = '/';
	longer[HD_PATH_MAX + 1] = '\0';
	ck_assert_int_eq(hd_server_create(base, &control, longer, NULL, &second, &error), -ENAMETOOLONG);
	ck_assert_int_eq(hd_server_create(base, &control, "/nonexistent/run/s", NULL, &second, &error), -ENOENT);
	ck_assert_msg(strstr(error.text, "/nonexistent/run/s: can't make its directory") != NULL, "%s", error.text);
	ck_assert_int_eq(hd_server_create(base, &control, "/tmp/heddle-test-s", "no-such-group", &second, &error),
			 -ENOENT);
	ck_assert_msg(strstr(error.text, "no-such-group: no such group") != NULL, "%s", error.text);
	ck_assert_int_eq(access("/tmp/heddle-test-s", F_OK), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("server");
	TCase *tcase = tcase_create("server");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_lines);
	tcase_add_test(tcase, test_half_close);
	tcase_add_test(tcase, test_pipeline);
	tcase_add_test(tcase, test_long_line);
	tcase_add_test(tcase, test_never_reads);
	tcase_add_test(tcase, test_many_clients);
	tcase_add_test(tcase, test_no_descriptors);
	tcase_add_test(tcase, test_socket_file);
	tcase_add_test(tcase, test_stale);
	tcase_add_test(tcase, test_bad_paths);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
