/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A vhost-user port's socket with real front-ends: who gets in, how a connection ends, and when the next may come.
 *
 * The event loop runs in the test's own thread, a turn at a time, until what is waited for has come or time is up. What
 * a message means is the test's: requests say what their handling is to be.
 */
#include "endpoint.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define DEADLINE 20 /* seconds that anything may take */

enum { ANSWER = 1, COUNT, FAIL, LEAVE, LEAVE_AND_ANSWER };

static struct event_base *base;
static char directory[32], path[64], reason[HD_REASON_MAX];
static unsigned int fds_before;

/* A port with its endpoint. */
static struct port {
	struct hd_endpoint *endpoint;
	unsigned int came, went, messages;
	unsigned int others; /* of the messages, when the last one of ours came */
	uint64_t last;       /* of the messages */
	bool there;
} ports[2];

static void connected(void *arg)
{
	struct port *port = arg;

	ck_assert(!port->there);
	port->there = true;
	port->came++;
}

static void disconnected(void *arg)
{
	struct port *port = arg;

	ck_assert(port->there);
	port->there = false;
	port->went++;
	ck_assert(port->endpoint == NULL || !hd_endpoint_connected(port->endpoint));
}

static const char *why(void *arg)
{
	return "it was told to";
}

static int message(void *arg, struct hd_message *message, struct hd_message *reply)
{
	struct port *port = arg;

	ck_assert(port->there);
	port->messages++;
	port->others = ports[port == &ports[0]].messages;
	ck_assert_uint_eq(message->u64, ++port->last);
	*reply = (struct hd_message){
		.request = message->request, .flags = HD_MESSAGE_VERSION | HD_MESSAGE_REPLY, .size = 8};
	reply->u64 = message->u64 * 2;
	if (message->request >= LEAVE) {
		hd_endpoint_disconnect(port->endpoint, "left in the middle");
		ck_assert(port->there); /* not under our feet */
		ck_assert(!hd_endpoint_connected(port->endpoint));
	}
	if (message->request == FAIL)
		return -EPROTO;
	return message->request == ANSWER || message->request == LEAVE_AND_ANSWER;
}

static unsigned int open_fds(void)
{
	DIR *fds = opendir("/proc/self/fd");
	unsigned int n = 0;

	ck_assert_ptr_nonnull(fds);
	while (readdir(fds) != NULL)
		n++;
	closedir(fds);
	return n;
}

static int create(struct port *port, const char *at, bool client)
{
	const struct hd_endpoint_args args = {
		.base = base,
		.name = "vm1",
		.path = at,
		.client = client,
		.owner = "",
		.group = "",
		.socket_mode = 0640,
		.arg = port,
		.connected = connected,
		.message = message,
		.reason = why,
		.disconnected = disconnected,
	};

	*port = (struct port){.endpoint = NULL};
	return hd_endpoint_create(&args, &port->endpoint, reason);
}

static void destroy(struct port *port)
{
	struct hd_endpoint *endpoint = port->endpoint;

	port->endpoint = NULL;
	hd_endpoint_destroy(endpoint);
	ck_assert(!port->there);
	ck_assert_uint_eq(port->came, port->went);
}

static void setup(void)
{
	hd_log_set_level(HD_LOG_ERROR);
	fds_before = open_fds();
	strcpy(directory, "/tmp/heddle-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/vm1.sock", directory);
	base = event_base_new();
	memset(ports, 0, sizeof(ports));
}

static void setup_server(void)
{
	setup();
	ck_assert_msg(create(&ports[0], path, false) == 0, "%s", reason);
}

static void teardown(void)
{
	destroy(&ports[0]);
	destroy(&ports[1]);
	event_base_free(base);
	ck_assert_int_eq(access(path, F_OK), -1);
	ck_assert_int_eq(rmdir(directory), 0);
	ck_assert_uint_eq(open_fds(), fds_before);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void turn(void)
{
	ck_assert_int_ge(event_base_loop(base, EVLOOP_NONBLOCK), 0);
}

#define wait_until(condition)                                                                                          \
	do {                                                                                                           \
		double end_ = seconds() + DEADLINE;                                                                    \
		while (!(condition)) {                                                                                 \
			turn();                                                                                        \
			poll(NULL, 0, 1); /* leave others the CPU */                                                   \
			ck_assert_msg(seconds() < end_, "not in time: %s", #condition);                                \
		}                                                                                                      \
	} while (0)

static int dial(const char *at)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strcpy(address.sun_path, at);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* A message on the wire, its payload a u64. */
struct wire {
	uint32_t request, flags, size;
	uint64_t u64;
} __attribute__((packed));

static int try_send(int fd, uint32_t request, uint64_t number)
{
	struct wire out = {.request = request, .flags = HD_MESSAGE_VERSION, .size = 8, .u64 = number};

	return send(fd, &out, sizeof(out), MSG_NOSIGNAL) == sizeof(out) ? 0 : -1;
}

static void put(int fd, uint32_t request, uint64_t number)
{
	ck_assert_int_eq(try_send(fd, request, number), 0);
}

static bool readable(int fd)
{
	struct pollfd watched = {.fd = fd, .events = POLLIN};

	return poll(&watched, 1, 0) == 1;
}

static void check_answer(int fd, uint64_t wanted)
{
	struct wire in;

	wait_until(readable(fd));
	ck_assert_int_eq(recv(fd, &in, sizeof(in), 0), sizeof(in));
	ck_assert_uint_eq(in.u64, wanted);
}

/* Closed by the switch, without a further word. */
static void check_closed(int fd)
{
	char byte;

	wait_until(readable(fd));
	/* A peer that leaves what we sent unread resets the connection. */
	ck_assert(recv(fd, &byte, 1, 0) == 0 || errno == ECONNRESET);
	close(fd);
}

START_TEST(test_socket_file)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_uint_eq(st.st_mode & 07777, 0640);
	ck_assert_int_eq(create(&ports[1], path, false), -EADDRINUSE);
	ck_assert_ptr_nonnull(strstr(reason, path));
	ck_assert_int_eq(access(path, F_OK), 0); /* still the first one's */
	ck_assert_ptr_nonnull(strstr(hd_endpoint_state(ports[0].endpoint), "no front-end has connected"));
}
END_TEST

START_TEST(test_messages)
{
	int fd = dial(path);

	for (uint64_t i = 1; i <= 200; i++)
		put(fd, COUNT, i);
	put(fd, ANSWER, 201);
	check_answer(fd, 402);
	ck_assert_uint_eq(ports[0].messages, 201);
	ck_assert(hd_endpoint_connected(ports[0].endpoint));
	close(fd);
	wait_until(ports[0].went == 1);
	ck_assert_ptr_nonnull(strstr(hd_endpoint_state(ports[0].endpoint), "disconnected"));
}
END_TEST

/* Who has much to say does not keep others waiting. */
START_TEST(test_fair)
{
	char other[64];
	int loud, quiet;

	snprintf(other, sizeof(other), "%s/vm2.sock", directory);
	ck_assert_int_eq(create(&ports[1], other, false), 0);
	loud = dial(path);
	quiet = dial(other);
	wait_until(ports[0].there && ports[1].there);
	for (uint64_t i = 1; i <= 200; i++)
		put(loud, COUNT, i);
	put(quiet, COUNT, 1);
	wait_until(ports[1].messages == 1);
	ck_assert_uint_lt(ports[1].others, 100);
	wait_until(ports[0].messages == 200);
	close(loud);
	close(quiet);
}
END_TEST

START_TEST(test_second_front_end)
{
	int first = dial(path), second;

	wait_until(ports[0].there);
	for (int i = 0; i < 3; i++) {
		second = dial(path);
		check_closed(second);
	}
	ck_assert_uint_eq(ports[0].came, 1);
	put(first, ANSWER, 1);
	check_answer(first, 2);
	close(first);
}
END_TEST

/* A front-end that was restarted connects before the loop has seen the former one go. */
START_TEST(test_restarted_front_end)
{
	int first = dial(path), second;

	wait_until(ports[0].there);
	close(first);
	second = dial(path);
	wait_until(ports[0].came == 2);
	ck_assert_uint_eq(ports[0].went, 1);
	ports[0].last = 0;
	put(second, ANSWER, 1);
	check_answer(second, 2);
	close(second);
}
END_TEST

START_TEST(test_sent_away)
{
	int fd = dial(path);

	put(fd, FAIL, 1);
	put(fd, COUNT, 2);
	check_closed(fd);
	ck_assert_uint_eq(ports[0].messages, 1);
	ck_assert_uint_eq(ports[0].went, 1);
	ck_assert_ptr_nonnull(strstr(hd_endpoint_state(ports[0].endpoint), "sent away: it was told to"));
}
END_TEST

START_TEST(test_leave_within_message)
{
	int fd = dial(path);

	put(fd, _i, 1);
	put(fd, COUNT, 2);
	check_closed(fd);
	ck_assert_uint_eq(ports[0].messages, 1);
	ck_assert_uint_eq(ports[0].went, 1);
	ck_assert_ptr_nonnull(strstr(hd_endpoint_state(ports[0].endpoint), "left in the middle"));
}
END_TEST

START_TEST(test_disconnect)
{
	int fd = dial(path);

	hd_endpoint_disconnect(ports[0].endpoint, "nobody there");
	wait_until(ports[0].there);
	hd_endpoint_disconnect(ports[0].endpoint, "enough");
	ck_assert(!ports[0].there && !hd_endpoint_connected(ports[0].endpoint));
	hd_endpoint_disconnect(ports[0].endpoint, "enough of that");
	ck_assert_str_eq(hd_endpoint_state(ports[0].endpoint), "the front-end was sent away: enough");
	check_closed(fd);
}
END_TEST

/* Each bad connection in a row makes the next wait longer: 10, 20, 40, 80, 160 ms. */
START_TEST(test_back_off)
{
	double begin = seconds();

	for (unsigned int i = 1; i <= 6; i++) {
		int fd = dial(path);

		ports[0].last = 0;
		put(fd, FAIL, 1);
		check_closed(fd);
		ck_assert_uint_eq(ports[0].went, i);
	}
	ck_assert_double_ge(seconds() - begin, 0.3);
	/* A good one that lasts puts an end to it. */
	int fd = dial(path);
	wait_until(ports[0].there);
	begin = seconds();
	wait_until(seconds() - begin > 1.1);
	close(fd);
	wait_until(!ports[0].there);
	begin = seconds();
	fd = dial(path);
	wait_until(ports[0].there);
	ck_assert_double_lt(seconds() - begin, 0.3);
	close(fd);
}
END_TEST

START_TEST(test_half_a_message)
{
	struct wire half = {.request = COUNT, .flags = HD_MESSAGE_VERSION, .size = 8};
	int fd = dial(path);
	double begin;

	put(fd, COUNT, 1);
	wait_until(ports[0].messages == 1);
	begin = seconds();
	wait_until(seconds() - begin > 1.2);
	ck_assert(ports[0].there); /* silence between messages may last */
	ck_assert_int_eq(send(fd, &half, _i, MSG_NOSIGNAL), _i);
	begin = seconds();
	check_closed(fd);
	ck_assert_double_ge(seconds() - begin, 0.9);
	ck_assert_double_lt(seconds() - begin, 5);
	ck_assert_ptr_nonnull(strstr(hd_endpoint_state(ports[0].endpoint), "half a message"));
}
END_TEST

START_TEST(test_never_reads)
{
	int fd = dial(path);
	double begin = seconds();
	uint64_t i = 1;

	while (ports[0].went == 0) {
		if (try_send(fd, ANSWER, i) == 0)
			i++;
		turn();
		ck_assert_double_lt(seconds() - begin, DEADLINE);
	}
	ck_assert_uint_gt(ports[0].messages, 10);
	ck_assert_ptr_nonnull(strstr(hd_endpoint_state(ports[0].endpoint), "does not read its replies"));
	close(fd);
}
END_TEST

static int listen_at(const char *at)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	strcpy(address.sun_path, at);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

START_TEST(test_client)
{
	int listener, fd;

	ck_assert_int_eq(create(&ports[0], path, true), 0);
	wait_until(strstr(hd_endpoint_state(ports[0].endpoint), "No such file") != NULL);
	listener = listen_at(path);
	for (uint64_t i = 1; i <= 3; i++) {
		wait_until(ports[0].there);
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		put(fd, ANSWER, i);
		check_answer(fd, i * 2);
		close(fd);
		wait_until(ports[0].went == i);
	}
	close(listener);
	wait_until(strstr(hd_endpoint_state(ports[0].endpoint), "Connection refused") != NULL);
	ck_assert_int_eq(unlink(path), 0);
}
END_TEST

static void check_refused(const char *at, int rc)
{
	ck_assert_int_eq(create(&ports[0], at, false), rc);
	ck_assert_ptr_null(ports[0].endpoint);
	ck_assert_msg(strstr(reason, "/") != NULL, "%s", reason);
}

START_TEST(test_bad_paths)
{
	char at[HD_PATH_MAX + 16];

	memset(at, 'x', sizeof(at));
	at[0] = '/';
	at[HD_PATH_MAX + 1] = '\0';
	check_refused(at, -ENAMETOOLONG);
	snprintf(at, sizeof(at), "%s/missing/s", directory);
	check_refused(at, -ENOENT);
	check_refused(directory, -EEXIST);
}
END_TEST

static void add_server_tests(TCase *tcase)
{
	tcase_add_checked_fixture(tcase, setup_server, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_socket_file);
	tcase_add_test(tcase, test_messages);
	tcase_add_test(tcase, test_fair);
	tcase_add_test(tcase, test_second_front_end);
	tcase_add_test(tcase, test_restarted_front_end);
	tcase_add_test(tcase, test_sent_away);
	tcase_add_loop_test(tcase, test_leave_within_message, LEAVE, LEAVE_AND_ANSWER + 1);
	tcase_add_test(tcase, test_disconnect);
	tcase_add_test(tcase, test_back_off);
	/* A byte, and a header without what it announces. */
	tcase_add_loop_test(tcase, test_half_a_message, 1, 2);
	tcase_add_loop_test(tcase, test_half_a_message, HD_MESSAGE_HEADER, HD_MESSAGE_HEADER + 1);
	tcase_add_test(tcase, test_never_reads);
}

int main(void)
{
	Suite *suite = suite_create("endpoint");
	TCase *server = tcase_create("server"), *other = tcase_create("other");
	SRunner *runner;
	int failed;

	add_server_tests(server);
	tcase_add_checked_fixture(other, setup, teardown);
	tcase_set_timeout(other, 60);
	tcase_add_test(other, test_client);
	tcase_add_test(other, test_bad_paths);
	suite_add_tcase(suite, server);
	suite_add_tcase(suite, other);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
