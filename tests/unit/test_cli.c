/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `heddle`, run against a server with a made-up data path: what it prints and how it exits. */
#include <check.h>
#include <event2/event.h>
#include <heddle/protocol.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_control.h"
#include "log.h"
#include "server.h"

/* Exit codes. */
enum { OK, REFUSED, USAGE, NO_DAEMON };

static char directory[32], output[1 << 20];
static pid_t daemon_pid;

static void serve(int ready)
{
	struct event_base *base = event_base_new();
	struct hd_control control;
	struct hd_server *server;
	struct hd_error error;
	char path[64];

	fake_control_init(&control);
	control.learnt = 3000;
	hd_log_set_level(HD_LOG_ERROR);
	snprintf(path, sizeof(path), "%s/s.sock", directory);
	if (hd_server_create(base, &control, path, NULL, &server, &error) < 0)
		_exit(1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	event_base_dispatch(base);
	_exit(0);
}

static void setup(void)
{
	int ready[2];
	char byte;

	strcpy(directory, "/tmp/heddle-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(pipe(ready), 0);
	daemon_pid = fork();
	ck_assert_int_ge(daemon_pid, 0);
	if (daemon_pid == 0)
		serve(ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

static void stop_daemon(void)
{
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGKILL);
		waitpid(daemon_pid, NULL, 0);
	}
	daemon_pid = 0;
}

static void teardown(void)
{
	char command[64];

	stop_daemon();
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

/* Run `heddle` in the test's directory; its output, both streams, is in `output`. Returns the exit code. */
static int heddle(const char *arguments)
{
	char command[1024];
	size_t length;
	FILE *pipe;

	snprintf(command, sizeof(command), "cd %s && '%s' -s s.sock %s 2>&1", directory, getenv("HEDDLE"), arguments);
	pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	length = fread(output, 1, sizeof(output) - 1, pipe);
	output[length] = '\0';
	return WEXITSTATUS(pclose(pipe));
}

static void check(const char *arguments, int code, const char *said)
{
	int exited = heddle(arguments);

	ck_assert_msg(exited == code, "heddle %s: exit %d: %s", arguments, exited, output);
	ck_assert_msg(strstr(output, said) != NULL, "heddle %s: not \"%s\" but: %s", arguments, said, output);
}

static void silent(const char *arguments)
{
	check(arguments, OK, "");
	ck_assert_msg(output[0] == '\0', "heddle %s: %s", arguments, output);
}

static void write_file(const char *name, const char *text)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	ck_assert_int_eq(fclose(file), 0);
}

static void ports(void)
{
	silent("bridge add br0");
	silent("port add vm1 bridge br0 vhost /run/heddle/vm1.sock vlan 10");
	silent("port add up0 bridge br0 device 0000:01:00.0 trunk 10,20 native 1");
	silent("port add vm2 bridge br0 vhost /run/q/vm2.sock mode client queues 2 engine dpdk");
}

START_TEST(test_examples)
{
	ports();
	check("config show", OK,
	      "bridges:\n"
	      "  br0:\n"
	      "    ports:\n"
	      "      up0:\n"
	      "        device: \"0000:01:00.0\"\n");
	check("port show", OK, "trunk 10,20 native 1");
	silent("port set vm1 vlan 20");
	silent("port set vm1 vlan none trunk 10,20");
	check("port show vm1", OK, "trunk            10,20");
	ck_assert_ptr_null(strstr(output, "vlan "));
	silent("port set vm1 trunk none");
	silent("port del vm1");
	check("port show vm1", REFUSED, "heddle: ports.vm1: no such port");
	check("bridge del br0", REFUSED, "has 2 ports");
	silent("bridge del br0 force");
	check("log level", OK, "error\n");
	check("log level debug", OK, "debug\n");
	check("version", OK, "DPDK 22.11.5");
}
END_TEST

static const struct {
	const char *arguments;
	int code;
	const char *said;
} answers[] = {
	{"", USAGE, "no command given"},
	{"prot show", USAGE, "did you mean port?"},
	{"quux", USAGE, "no such command, there are: bridge, port, fdb"},
	{"p show", USAGE, "ambiguous: port, pmd"},
	{"port", USAGE, "the verb is missing: add, set, del, show, stats"},
	{"port ad", USAGE, "NAME is missing"},
	{"port shwo", USAGE, "did you mean show?"},
	{"port s", USAGE, "ambiguous: set, show, stats"},
	{"po sho", OK, "NAME"},
	{"br sh", OK, "br0"},
	{"port add", USAGE, "NAME is missing"},
	{"port add vm9", USAGE, "bridge is missing: the bridge it joins\nusage: heddle port add NAME bridge BRIDGE"},
	{"port add vm9 bridge br0 vhsot /x", USAGE, "vhsot: unknown, did you mean vhost?"},
	{"port add vm9 bridge br0 vhost /x vlan", USAGE, "vlan: its value is missing"},
	{"port add vm9 bridge br0 vhost /x vlan ten", USAGE, "vlan: "},
	{"port add vm9 bridge br0 vhost /x vlan 1 vlan 2", USAGE, "vlan: given twice"},
	{"port add vm9 bridge br0 vhost /x vlan 5000", REFUSED, "bridges.br0.ports.vm9.vlan: 5000"},
	{"port add vm9 bridge br9 vhost /x", REFUSED, "bridges.br9: no such bridge"},
	{"port add vm9 bridge br0 vhost /x isolated maybe", USAGE, "isolated: "},
	{"port show vm1 vm2", USAGE, "vm2: not expected here"},
	{"pmd show x", USAGE, "x: not expected here"},
	{"bridge add br9 bogus-key 1", USAGE, "there may be: fdb-limit, ageing"},
	{"--bogus", USAGE, "--bogus: unknown option"},
	{"config apply --bogus", USAGE, "--bogus"},
	{"-w 1 bridge show", USAGE, "-w is for"},
	{"-w soon port show", USAGE, "-w soon: not a number of seconds"},
	{"-n 0 -w 1 port show", USAGE, "-n 0"},
	{"flow add br0", USAGE, "FLOW is missing"},
	{"flow add br9 actions=drop 'priority=1,tcp actions=drop'", REFUSED, "bridges.br9: no such bridge"},
	{"flow add br9 actions=drop --strict", USAGE, "--strict"},
	{"flow del br9 --strict tcp", REFUSED, "bridges.br9: no such bridge"},
	{"flow add-file br9 nowhere.txt", REFUSED, "nowhere.txt: No such file"},
	{"-w 1 flow replace br9 x", USAGE, "-w is for"},
	{"-n 1 -w 1 flow show br9 tcp --ofctl", REFUSED, "bridges.br9: no such bridge"},
	{"group del br9 x", USAGE, "ID: x is not a whole number"},
	{"trace br9", USAGE, "FLOW is missing"},
	{"trace br9 in_port=x ct-next trk ct-next trk,est", REFUSED, "bridges.br9: no such bridge"},
	{"ct limit 1000", USAGE, "zone is missing"},
	{"ct limit zone 5 1000", REFUSED, "connections are not tracked"},
	{"ct set tcp-established 3600", REFUSED, "connections are not tracked"},
	{"cache show", OK, "CPU  LOOKUPS"},
	{"port show -w", USAGE, "-w: its value is missing"},
	{"fdb add br0 52:54:00:00:00:01 port vm1", OK, ""},
	{"fdb add br0 53:54:00:00:00:01 port vm1", REFUSED, "53:54:00:00:00:01"},
	{"fdb del br0 52:54:00:00:00:77", REFUSED, "52:54:00:00:00:77 in VLAN 0: no such entry"},
	{"fdb show br0 vlan 3", OK, "BRIDGE"},
	{"fdb flush br0", OK, "3000 flushed"},
	{"config confirm", REFUSED, "nothing to confirm"},
	{"config save", REFUSED, "config save FILE"},
	{"config save /nonexistent/x", REFUSED, "/nonexistent/x: can't save"},
	{"config apply missing.yaml", REFUSED, "missing.yaml: No such file"},
	{"config apply x --confirm soon", USAGE, "--confirm: soon is not a time"},
	{"log level loud", REFUSED, "level: loud"},
	{"completion fish", USAGE, "only bash"},
	{"completion bash", OK, "-o bashdefault"},
	{"help", OK, "heddle port add NAME bridge BRIDGE [KEY VALUE]..."},
	{"help port", OK, "heddle port stats [NAME] [bridge BRIDGE]"},
	{"help port add", OK, "heddle port add vm1 bridge br0 vhost /run/heddle/vm1.sock vlan 10"},
	{"help port add", OK, "storm-broadcast"},
	{"help prot", USAGE, "did you mean port?"},
	{"port add --help", OK, "examples:"},
	{"--help", OK, "usage: heddle"},
	{"-V", OK, "heddle "},
	{"drop show", OK, "rx 100 + copies 3 + segments 2 = tx 92 + drops 13\n"},
	{"mirror add m0 bridge br0", REFUSED, "bridges.br0.mirrors.m0: to is missing"},
	{"mirror add m0 bridge br0 to", USAGE, "to: its value is missing"},
	{"mirror add m0 bridge br0 to vm1 ports vm2,up0 direction rx snap 128", OK, ""},
	{"mirror add m0 bridge br0 to vm9", REFUSED, "bridges.br0.mirrors.m0.to: no port vm9 in bridge br0"},
	{"mirror del m0", REFUSED, "mirrors.m0: no such mirror"},
	{"mirror show", OK, "NAME  BRIDGE  TO  DIRECTION  SNAP  VLAN  PACKETS  BYTES  DROPPED  PORTS\n"},
	{"port set vm1 secure", USAGE, "secure: its keys are missing: mac, ip, with values; or none"},
	{"port set vm1 secure on", USAGE, "secure: on is none of its keys: mac, ip"},
	{"port set vm1 secure mac", USAGE, "mac: its value is missing"},
	{"port set vm1 secure mac 52:54:00:00:00:01 mac x", USAGE, "mac: given twice"},
	{"port set vm1 secure mac x", REFUSED, "bridges.br0.ports.vm1.secure: mac: \"x\" is not a MAC address"},
	{"port set vm1 secure mac 52:54:00:00:00:01 ip 10.0.0.5,fd00::5 mtu 9000", OK, ""},
	{"port set vm1 mtu 9000 secure ip 10.0.0.5", REFUSED, "secure: ip needs mac"},
	{"port set vm1 secure none secure mac x", USAGE, "secure: given twice"},
	{"port set vm1 secure none vlan 10", OK, ""},
	{"acl add", USAGE, "NAME is missing"},
	{"acl add web", USAGE, "RULE is missing"},
	{"acl add web allow tcp port 80,443 deny any 'allow udp'", OK, ""},
	{"acl add web line x allow any", USAGE, "line: x is not a whole number"},
	{"acl add web line 1 allow any", REFUSED, "line: the list has no rules"},
	{"acl add web 'allow tpc'", REFUSED, "acls.web.rules[0]: column 7: tpc is not a protocol"},
	{"acl set web stateless on", REFUSED, "acls.web: no such access list"},
	{"acl set web rules x", USAGE, "rules: not expected here, there may be: stateless"},
	{"acl show web", REFUSED, "acls.web: no such access list"},
	{"acl show", OK, "NAME  RULES  STATELESS  IN  OUT\n"},
	{"drop frames", OK,
	 "   AGE  PORT  REASON       LENGTH  FRAME\n"
	 "3.250s  vm1   vlan-tagged      60  02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, VLAN 10, type 0x88b5, "
	 "rule 0x1f in table 3\n"
	 " 1m15s  old   tx-full        1514  02:00:00:00:00:01 > 02:00:00:00:00:02, type 0x88b5\n"},
	{"drop frames vm2 reason tx-full", OK, "AGE  PORT  REASON  LENGTH  FRAME\n"},
	{"drop frames vm7", REFUSED, "ports.vm7: no such port"},
	{"drop frames reason tx-ful", REFUSED, "reason: tx-ful: no such reason"},
	{"drop save", USAGE, "FILE is missing"},
	{"drop save d.pcapng", OK, "2 frames saved to d.pcapng\n"},
	{"drop save d.pcapng vm1", OK, "1 frame saved to d.pcapng\n"},
	{"drop save -j d.pcapng old", OK, "{\"frames\": 1}"},
	{"drop save /nonexistent/d", REFUSED, "/nonexistent/d: can't save: No such file or directory"},
	{"drop save /dev/full", REFUSED, "/dev/full: can't save: No space left on device"},
	{"drop save - old | od -A n -t x4", OK, "0a0d0d0a 00000030 1a2b3c4d 00000001\n"},
	{"pmd show", OK, "91.5"},
	{"port stats vm1", OK, "tx-full       12  transmit ring full"},
	{"port show up0", OK, "state            down: guest not connected"},
	{"bridge show br0", OK, "ports: up0 vm1 vm2"},
};

START_TEST(test_answers)
{
	ports();
	check(answers[_i].arguments, answers[_i].code, answers[_i].said);
}
END_TEST

START_TEST(test_json)
{
	static const char *const commands[] = {
		"-j bridge show",
		"port show -j",
		"-j port stats",
		"-j fdb show",
		"-j pmd show",
		"-j drop show",
		"-j mirror add m bridge br0 to vm1",
		"-j mirror show",
		"-j mirror del m",
		"-j drop frames",
		"-j drop save a.pcapng",
		"-j version",
		"-j log level",
		"-j config show",
		"-j fdb flush br0",
		"-j config apply a.yaml",
		"-j config save b.yaml",
		"-j bridge add br7",
		"-j config rollback",
	};
	json_t *value;

	ports();
	write_file("a.yaml", "bridges: {br0: {}}\n");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		check(commands[i], OK, "");
		value = json_loads(output, JSON_REJECT_DUPLICATES, NULL);
		ck_assert_msg(value != NULL, "heddle %s: %s", commands[i], output);
		json_decref(value);
	}
}
END_TEST

START_TEST(test_fdb_pages)
{
	json_t *list;

	ports();
	check("-j fdb show", OK, "");
	list = json_loads(output, 0, NULL);
	ck_assert_uint_eq(json_array_size(list), 3000);
	json_decref(list);
	check("fdb show br0 mac 02:00:00:00:00:05", OK, "02:00:00:00:00:05     7  up0   learnt");
}
END_TEST

/* The made-up counters grow by 3,000 a round: one call for each of three ports. */
START_TEST(test_rounds)
{
	int lines = 0;

	ports();
	check("-w 0.2 -n 3 port show", OK, "RX-PPS");
	for (const char *at = strstr(output, "vm1"); at != NULL; at = strstr(at + 1, "vm1"))
		lines++;
	ck_assert_int_eq(lines, 3);
	ck_assert_ptr_nonnull(strstr(output, "k  ")); /* some 15k a second */
	check("-w0.1 --rounds=2 -j drop show", OK, "{\"balance\":{\"rx\":100");
	check("-w 0.1 -n 2 pmd show", OK, "PPS");
	check("-w 0.1 -n 2 port stats vm1", OK, "BIT/S");
}
END_TEST

START_TEST(test_mirrors)
{
	ports();
	silent("mirror add m0 bridge br0 to vm1 snap 128");
	check("mirror show", OK,
	      "NAME  BRIDGE  TO   DIRECTION  SNAP  VLAN  PACKETS  BYTES  DROPPED  PORTS\n"
	      "m0    br0     vm1  both        128   all        7    420        1  up0,vm2\n");
	silent("mirror set m0 snap none ports vm2");
	check("-w 0.1 -n 2 mirror show", OK, "PPS");
	check("config rollback", OK, "mirror set    br0 m0  ports vm2 -> none  snap 0 -> 128\n");
	silent("mirror del m0");
}
END_TEST

START_TEST(test_config)
{
	ports();
	check("config save a.yaml", OK, "saved to a.yaml");
	check("config apply a.yaml", OK, "nothing changes\n");
	silent("port set vm1 vlan 20 mtu 9000");
	check("config apply a.yaml --dry-run", OK, "port set      br0 vm1  vlan 20 -> 10  mtu 9000 -> 1500\n");
	check("config apply - --confirm 30s < a.yaml", OK, "rolled back in 30 s unless confirmed");
	check("config show", OK, "unless confirmed: heddle config confirm");
	silent("config confirm");
	check("config rollback", OK, "vlan 10 -> 20");
	write_file("bad.yaml", "bridges:\n  br0:\n    ageing: -3\n");
	check("config apply bad.yaml", REFUSED, "heddle: bad.yaml:3: bridges.br0.ageing: -3");
	write_file("utf.yaml", "bridges:\n  br0: {}\n  \xff: {}\n");
	check("config apply utf.yaml", REFUSED, "utf.yaml: byte 21: ");
	check("config apply s.sock", REFUSED, "s.sock: ");
	ck_assert_int_eq(heddle("log level; dd if=/dev/zero of=big.yaml bs=1M count=100 status=none"), OK);
	check("config apply big.yaml", REFUSED, "big.yaml: 104857600 bytes, a configuration has at most 33554432");
}
END_TEST

START_TEST(test_no_daemon)
{
	check("-s nowhere.sock port show", NO_DAEMON, "no daemon at nowhere.sock; start it with:");
	stop_daemon();
	check("port show", NO_DAEMON, "no daemon at s.sock; start it with: systemctl start heddle");
	check("help", OK, "usage: heddle");
	silent("-V > /dev/null; $HEDDLE complete -s s.sock port show vm");
}
END_TEST

static const struct {
	const char *words, *offered;
} completions[] = {
	{"po", "port\n"},
	{"port s", "set\nshow\nstats\n"},
	{"port set v", "vm1\nvm2\n"},
	{"port set vm1 secure ''", "mac\nip\nnone\n"},
	{"port set vm1 secure mac x i", "ip\nisolated\n"},
	{"port show ''", "up0\nvm1\nvm2\nbridge\n"},
	{"port add x br", "bridge\n"},
	{"port add x bridge ''", "br0\n"},
	{"port add x bridge br0 vh", "vhost\n"},
	{"port add x bridge br0 vhost /x mode ''", "server\nclient\n"},
	{"port add x bridge br0 vhost /x vla", "vlan\n"},
	{"port add x bridge br0 vhost /x vlan 1 vl", ""},
	{"-j port set vm1 isolated ''", "on\noff\n"},
	{"log level d", "debug\n"},
	{"fdb show br0 port vm2 v", "vlan\n"},
	{"mirror add m bridge br0 to vm1 di", "direction\n"},
	{"mirror add m bridge br0 to vm1 direction r", "rx\n"},
	{"drop f", "frames\n"},
	{"drop frames v", "vm1\nvm2\n"},
	{"drop frames reason st", "storm-broadcast\nstorm-multicast\nstorm-unknown\n"},
	{"help po", "port\n"},
	{"help port a", "add\n"},
	{"config apply x --", "--dry-run\n--confirm\n"},
};

/* The socket's option comes behind `complete`, as it does in the script. */
static int complete(const char *words)
{
	char arguments[256];

	snprintf(arguments, sizeof(arguments), "--version >/dev/null; '%s' complete -s s.sock %s", getenv("HEDDLE"),
		 words + strlen(""));
	return heddle(arguments);
}

START_TEST(test_completion)
{
	ports();
	for (size_t i = 0; i < sizeof(completions) / sizeof(completions[0]); i++) {
		ck_assert_int_eq(complete(completions[i].words), OK);
		ck_assert_msg(strcmp(output, completions[i].offered) == 0, "%s: %s", completions[i].words, output);
	}
}
END_TEST

/* The script itself, in bash: words with colons stay whole. */
START_TEST(test_script)
{
	ports();
	ck_assert_int_eq(heddle("completion bash > c.bash"), OK);
	write_file("t.bash", "source ./c.bash\n"
			     "COMP_LINE=\"$HEDDLE -s s.sock fdb show br0 mac 02:00:00:00:00:05 port vm\"\n"
			     "COMP_POINT=${#COMP_LINE}\n"
			     "_heddle\n"
			     "echo \"${COMPREPLY[*]}\"\n");
	check("-V >/dev/null; bash ./t.bash", OK, "vm1 vm2\n");
}
END_TEST

/* docs/cli.md holds, between its markers, what `heddle help --markdown` prints. */
START_TEST(test_manual)
{
	static const char begin[] = "<!-- generated: begin -->\n", end[] = "<!-- generated: end -->\n";
	static char manual[sizeof(output)];
	FILE *file = fopen(HD_SOURCE_ROOT "/docs/cli.md", "r");
	char *from, *to;

	ck_assert_ptr_nonnull(file);
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = '\0';
	fclose(file);
	from = strstr(manual, begin);
	to = strstr(manual, end);
	ck_assert(from != NULL && to != NULL);
	*to = '\0';
	check("help --markdown", OK, "");
	ck_assert_msg(strcmp(from + strlen(begin), output) == 0,
		      "docs/cli.md differs from `heddle help --markdown`: put that between its markers");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli");
	TCase *tcase = tcase_create("cli");
	SRunner *runner;
	int failed;

	if (getenv("HEDDLE") == NULL) {
		fputs("HEDDLE is not set: the command to test\n", stderr);
		return 1;
	}
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, test_examples);
	tcase_add_loop_test(tcase, test_answers, 0, (int)(sizeof(answers) / sizeof(answers[0])));
	tcase_add_test(tcase, test_json);
	tcase_add_test(tcase, test_fdb_pages);
	tcase_add_test(tcase, test_rounds);
	tcase_add_test(tcase, test_mirrors);
	tcase_add_test(tcase, test_config);
	tcase_add_test(tcase, test_no_daemon);
	tcase_add_test(tcase, test_completion);
	tcase_add_test(tcase, test_script);
	tcase_add_test(tcase, test_manual);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
