/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transactions: random configurations, some of which fail halfway, against a naive twin.
 *
 * The twin knows the document that should be in force and derives from it what should be open and what the published
 * snapshot should say. Every snapshot that is published on the way is looked at as well (hd_dataplane_publish is
 * wrapped by the linker): who left it, and whether a queue went from one PMD to another without a rest.
 */
#include "runtime_twin.h"

#define STEPS 600
#define ROUNDS 4

/* --- Documents. --- */

/* CPUs that have PMDs, mostly, and FDBs of handy sizes. */
static void make_applicable(json_t *document)
{
	const char *bridge_name, *port_name;
	json_t *bridge, *port;

	json_object_foreach (json_object_get(document, "bridges"), bridge_name, bridge) {
		size_t n = json_array_size(json_object_get(bridge, "fdb"));

		if (below(3) == 0)
			json_object_set_new(bridge, "fdb-limit", json_integer(n > 16 ? (json_int_t)n : 16));
		else if (json_object_get(bridge, "fdb-limit") == NULL ||
			 json_integer_value(json_object_get(bridge, "fdb-limit")) > 1000)
			json_object_set_new(bridge, "fdb-limit", json_integer(128 + below(800)));
		json_object_foreach (json_object_get(bridge, "ports"), port_name, port) {
			int cpu = twin.dataplane->pmds[below(2)]->cpu;
			json_t *pmd = json_object_get(port, "pmd");

			if (pmd == NULL)
				continue;
			if (below(100) == 0)
				cpu = 1000;
			if (json_is_array(pmd) && json_array_size(pmd) > 0)
				for (size_t i = 0; i < json_array_size(pmd); i++)
					json_array_set_new(pmd, i,
							   json_integer(below(2) ? cpu : twin.dataplane->pmds[0]->cpu));
			else
				json_object_set_new(port, "pmd", json_integer(cpu));
		}
	}
}

/* Some port of a document; *ports is where it stands. NULL: there is none where we looked. */
static json_t *some_port(json_t *document, json_t **ports, const char **name)
{
	const char *bridge_name;
	json_t *bridge, *port;
	uint32_t chosen = below(3);

	json_object_foreach (json_object_get(document, "bridges"), bridge_name, bridge) {
		uint32_t n = (uint32_t)json_object_size(json_object_get(bridge, "ports"));

		if (n == 0 || chosen-- > 0)
			continue;
		*ports = json_object_get(bridge, "ports");
		n = below(n);
		json_object_foreach (*ports, *name, port) {
			if (n-- == 0)
				return port;
		}
	}
	return NULL;
}

static void swap_sockets(json_t *a, json_t *b)
{
	json_t *socket = json_incref(json_object_get(a, "vhost")), *other = json_object_get(b, "vhost");

	if (socket != NULL && other != NULL) {
		json_object_set(a, "vhost", other);
		json_object_set_new(b, "vhost", socket);
	} else {
		json_decref(socket);
	}
}

static void change_something(json_t *document)
{
	json_t *ports, *others, *port, *other, *bridge;
	const char *name, *other_name;

	port = some_port(document, &ports, &name);
	other = some_port(document, &others, &other_name);
	if (port == NULL || other == NULL)
		return;
	switch (below(10)) {
	case 0:
		json_object_update_new(port, arbitrary_port((int)below(8)));
		break;
	case 1:
		json_object_del(port, "vlan");
		json_object_del(port, "trunk");
		json_object_del(port, "native");
		arbitrary_vlans(port);
		break;
	case 2:
	case 3:
		json_object_set_new(port, "mtu", json_integer(68 + below(9000)));
		json_object_set_new(other, "mtu", json_integer(1500));
		break;
	case 4:
		json_object_set_new(port, "isolated", json_boolean(below(2)));
		json_object_set_new(port, "storm-unknown", json_integer(below(1000)));
		break;
	case 5:
		json_object_set_new(port, "pmd", json_integer(0)); /* made applicable later */
		break;
	case 6:
		json_incref(other);
		json_object_set(ports, other_name, other);
		if (others != ports)
			json_object_del(others, other_name);
		json_decref(other);
		break;
	case 7:
		json_object_del(ports, name);
		break;
	case 8:
		swap_sockets(port, other);
		break;
	default:
		bridge = json_object_get(json_object_get(document, "bridges"), "br1");
		if (bridge != NULL)
			json_object_set_new(bridge, "fdb", arbitrary_fdb(json_object_get(bridge, "ports")));
	}
}

static json_t *next_document(void)
{
	json_t *document;

	if (below(8) == 0) {
		document = arbitrary_config();
	} else {
		document = json_deep_copy(twin.document);
		for (uint32_t n = 1 + below(3); n > 0; n--)
			change_something(document);
	}
	make_applicable(document);
	return document;
}

/* --- Steps. --- */

/* After a success: who stays the same port was never closed, and kept forwarding unless it had to rest. */
static void check_untouched(void)
{
	for (unsigned int i = 0; i < twin.n_before; i++) {
		const struct before *old = &twin.before[i];
		const struct hd_port_conf *is = hd_config_port(twin.config, old->conf.name, NULL);
		const struct hd_snapshot_port *port;

		if (is == NULL || !same_port(&old->conf, is))
			continue;
		port = published(is->name);
		ck_assert_ptr_nonnull(port);
		ck_assert_ptr_eq(fake_of(port->port), old->port);
		ck_assert_uint_eq(old->port->serial, old->serial);
		for (uint16_t queue = 0; queue < is->queues; queue++)
			if (is->pmd[queue] < 0)
				ck_assert_int_eq(poller(in_force(), port->port, queue), old->pmd[queue]);
		if (changed_pmd(old))
			twin.moved++;
		else if (!(is->kind == HD_PORT_ETHDEV && is->mtu != old->conf.mtu))
			ck_assert_msg(!old->left, "%s left the snapshot for no reason", is->name);
	}
}

/* After a failure on the way to `to`: only who stood in the way may have been closed. */
static void check_taken_back(const struct hd_config *to)
{
	for (unsigned int i = 0; i < twin.n_before; i++) {
		const struct before *old = &twin.before[i];
		const struct hd_port_conf *wanted = hd_config_port(to, old->conf.name, NULL);
		const struct hd_snapshot_port *port = published(old->conf.name);

		if (stands_in_the_way(old, to)) {
			/* The change failed by one failure; another one met it on its way back. */
			if (port == NULL && (fake.fail_on || fake.failed > 1))
				json_object_set_new(twin.lost, old->conf.name, json_true());
			continue;
		}
		ck_assert_ptr_nonnull(port);
		ck_assert_ptr_eq(fake_of(port->port), old->port);
		ck_assert_uint_eq(old->port->serial, old->serial);
		ck_assert(!changed_pmd(old));
		if (!(wanted != NULL && wanted->kind == HD_PORT_ETHDEV && wanted->mtu != old->conf.mtu))
			ck_assert_msg(!old->left, "%s left the snapshot for no reason", old->conf.name);
	}
}

/* Ports that were lost may have been opened again while going back. */
static void find_again(void)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(twin.lost, next, name, value)
	{
		if (published(name) != NULL)
			json_object_del(twin.lost, name);
	}
}

static bool has_wrong_cpu(const struct hd_config *config)
{
	for (unsigned int b = 0; b < config->n_bridges; b++)
		for (unsigned int p = 0; p < config->bridges[b].n_ports; p++)
			for (int queue = 0; queue < config->bridges[b].ports[p].queues; queue++)
				if (config->bridges[b].ports[p].pmd[queue] == 1000)
					return true;
	return false;
}

static void choose_failures(void)
{
	fake.failed = 0;
	fake.fail_open = below(2) ? 1 + below(3) : 0;
	fake.fail_on = below(3) == 0;
	fake.fail_mtu = below(3) == 0 ? 1 + below(2) : 0;
}

/* What a successful change to a canonical document does to the twin. Takes both references. */
static void accept_change(json_t *document, struct hd_config *config)
{
	struct hd_config *old = twin.config;

	if (json_equal(document, twin.document)) {
		json_decref(document);
		hd_config_free(config);
		return;
	}
	json_object_clear(twin.lost);
	json_decref(twin.former);
	twin.former = twin.document;
	twin.document = document;
	twin.config = config;
	check_untouched();
	check_learnt(old);
	hd_config_free(old);
	twin.applied++;
}

/* After a change to a valid document was tried. */
static void compare(int rc, json_t *document, struct hd_config *config)
{
	/* Without a difference nothing is tried. */
	bool differs = !json_equal(document, twin.document);
	bool must_fail = differs && (fake.failed > 0 || has_wrong_cpu(config));

	ck_assert_int_eq(rc < 0, must_fail);
	if (rc == 0) {
		accept_change(document, config);
	} else {
		check_taken_back(config);
		find_again();
		hd_runtime_learn(hd_control_runtime(twin.control),
				 HD_LEARN_RING); /* what the change left in the ring */
		check_learnt(twin.config);
		json_decref(document);
		hd_config_free(config);
		twin.failed++;
	}
	check_all();
}

static void try_change(const json_t *document, bool dry_run)
{
	const struct hd_snapshot *snapshot = in_force();
	uint64_t opened = fake.opened, closed = fake.closed, mtus = fake.mtus_set;
	struct hd_config *config;
	struct hd_error error = {""};
	json_t *changes = NULL;
	int valid = hd_config_parse(document, NULL, &config, &error);
	int rc = hd_control_change(twin.control, document, NULL, dry_run, &changes, &error);

	if (valid == 0 && !dry_run) {
		json_decref(changes);
		compare(rc, hd_config_document(config), config);
		return;
	}
	/* Of what may fail a dry run knows the CPUs. */
	ck_assert_int_eq(rc, valid == 0 && has_wrong_cpu(config) ? -EINVAL : valid);
	ck_assert_int_eq(changes != NULL, rc == 0);
	json_decref(changes);
	if (valid == 0)
		hd_config_free(config);
	ck_assert_ptr_eq(in_force(), snapshot);
	ck_assert(fake.opened == opened && fake.closed == closed && fake.mtus_set == mtus);
	check_all();
}

static void try_rollback(void)
{
	json_t *target = json_incref(twin.armed != NULL ? twin.armed : twin.former);
	struct hd_config *config;
	struct hd_error error;
	int rc = hd_control_rollback(twin.control, NULL, &error);

	if (target == NULL) {
		ck_assert_int_lt(rc, 0);
		return;
	}
	ck_assert_int_eq(hd_config_parse(target, NULL, &config, &error), 0);
	compare(rc, target, config);
	if (rc == 0) {
		json_decref(twin.armed);
		twin.armed = NULL;
	}
	ck_assert_int_eq(hd_control_pending(twin.control) >= 0, twin.armed != NULL);
}

static void step(void)
{
	struct hd_error error;
	json_t *document;

	remember_before();
	while (twin.n_before > 0 && below(3) != 0)
		learn_something();
	if (below(2))
		while (hd_runtime_learn(hd_control_runtime(twin.control), 1000))
			; /* else the change finds it in the ring */
	choose_failures();
	switch (below(12)) {
	case 0:
		try_rollback();
		break;
	case 1:
		ck_assert_int_eq(hd_control_arm(twin.control, 1000, &error), 0);
		if (twin.armed == NULL)
			twin.armed = json_incref(twin.document);
		ck_assert_int_ge(hd_control_pending(twin.control), 990);
		break;
	case 2:
		ck_assert_int_eq(hd_control_confirm(twin.control, &error), twin.armed != NULL ? 0 : -ENOENT);
		json_decref(twin.armed);
		twin.armed = NULL;
		break;
	default:
		document = next_document();
		try_change(document, below(6) == 0);
		json_decref(document);
	}
}

static void start(const char *test)
{
	struct hd_error error;

	random_start(&arbitrary_random, test);
	fake_reset();
	memset(&twin, 0, sizeof(twin));
	twin.heap = fake_heap_used();
	twin.base = event_base_new();
	ck_assert_int_eq(hd_dataplane_create(&twin.dataplane), 0);
	ck_assert_uint_eq(twin.dataplane->n_pmds, 2);
	/* Whatever CPUs the machine has: PMD 0 and 1 are to be told apart. */
	twin.dataplane->pmds[0]->cpu = 3;
	twin.dataplane->pmds[1]->cpu = 5;
	ck_assert_int_eq(hd_control_create(twin.base, twin.dataplane, fake_open, twin.dataplane, &twin.control), 0);
	twin.document = json_object();
	twin.lost = json_object();
	ck_assert_int_eq(hd_config_parse(twin.document, NULL, &twin.config, &error), 0);
	json_decref(twin.document);
	twin.document = hd_config_document(twin.config);
}

static void stop(void)
{
	twin.n_before = 0;
	fake.fail_open = fake.fail_mtu = 0;
	hd_control_destroy(twin.control);
	ck_assert_uint_eq(fake.n, 0);
	ck_assert_uint_eq(fake.opened, fake.closed);
	hd_dataplane_destroy(twin.dataplane);
	event_base_free(twin.base);
	ck_assert_uint_eq(fake_heap_used(), twin.heap);
	hd_config_free(twin.config);
	json_decref(twin.document);
	json_decref(twin.former);
	json_decref(twin.armed);
	json_decref(twin.lost);
}

START_TEST(random_changes)
{
	start("random_changes");
	for (int i = 0; i < STEPS; i++)
		step();
	printf("%u applied, %u failed, %u ports' queues moved, %u snapshots\n", twin.applied, twin.failed, twin.moved,
	       twin.published);
	ck_assert_uint_gt(twin.applied, STEPS / 10);
	ck_assert_uint_gt(twin.failed, STEPS / 50);
	stop();
}
END_TEST

/* --- Single cases. --- */

static json_t *port_with(const char *key, json_t *value)
{
	json_t *port = json_object();

	json_object_set_new(port, key, value);
	return port;
}

static json_t *bridge_of(json_t *ports)
{
	return json_pack("{s:{s:{s:o}}}", "bridges", "br0", "ports", ports);
}

/* n vhost ports p0, p1, ... with sockets from `first` on. */
static json_t *n_ports(int n, int first)
{
	json_t *ports = json_object();

	for (int i = 0; i < n; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		json_object_set_new(ports, name, port_with("vhost", json_sprintf("/run/%d.sock", first + i)));
	}
	return bridge_of(ports);
}

static int change_to(json_t *document)
{
	struct hd_error error = {""};
	int rc = hd_control_change(twin.control, document, NULL, false, NULL, &error);

	json_decref(document);
	return rc;
}

START_TEST(new_queues_spread_evenly)
{
	start("new_queues_spread_evenly");
	ck_assert_int_eq(change_to(n_ports(6, 0)), 0);
	ck_assert_uint_eq(in_force()->pmds[0].n_rxqs, 3);
	ck_assert_uint_eq(in_force()->pmds[1].n_rxqs, 3);
	ck_assert_int_eq(change_to(n_ports(8, 0)), 0);
	ck_assert_uint_eq(in_force()->pmds[0].n_rxqs, 4);
	ck_assert_uint_eq(in_force()->pmds[1].n_rxqs, 4);
	/* All replaced: those that go must not count. */
	ck_assert_int_eq(change_to(n_ports(4, 100)), 0);
	ck_assert_uint_eq(in_force()->pmds[0].n_rxqs, 2);
	ck_assert_uint_eq(in_force()->pmds[1].n_rxqs, 2);
	stop();
}
END_TEST

/* The device of a port is wanted by another, which can't be opened, and then neither can the first. */
START_TEST(lost_port_comes_back)
{
	start("lost_port_comes_back");
	ck_assert_int_eq(change_to(n_ports(2, 0)), 0);
	fake.fail_open = 1;
	fake.fail_on = true;
	ck_assert_int_lt(change_to(n_ports(2, 1)), 0); /* p0 takes p1's socket */
	ck_assert_uint_eq(fake.n, 1);
	fake.fail_on = false;
	fake.fail_open = 1;
	ck_assert_int_lt(change_to(n_ports(3, 0)), 0); /* fails again, and going back opens p1 */
	ck_assert_uint_eq(fake.n, 2);
	ck_assert_ptr_nonnull(published("p0"));
	ck_assert_ptr_nonnull(published("p1"));
	stop();
}
END_TEST

START_TEST(smaller_fdb_keeps_wanted_statics)
{
	json_t *document;

	start("smaller_fdb_keeps_wanted_statics");
	for (int n = 40; n >= 2; n -= 38) {
		json_t *bridge, *fdb = json_array();

		document = n_ports(1, 0);
		bridge = json_object_get(json_object_get(document, "bridges"), "br0");
		for (int i = 0; i < n; i++)
			json_array_append_new(fdb, json_pack("{s:o, s:s}", "mac",
							     json_sprintf("02:00:00:00:00:%02x", 100 - i - n), "port",
							     "p0"));
		json_object_set_new(bridge, "fdb", fdb);
		json_object_set_new(bridge, "fdb-limit", json_integer(n > 16 ? n : 16));
		ck_assert_int_eq(change_to(document), 0);
		check_statics(&hd_control_config(twin.control)->bridges[0],
			      hd_runtime_bridge(hd_control_runtime(twin.control), "br0")->fdb);
	}
	stop();
}
END_TEST

/* Runs events until `done` says so or five seconds have passed. */
static bool run_events(bool (*done)(void))
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do {
		event_base_loop(twin.base, EVLOOP_ONCE);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!done() && now.tv_sec - begin.tv_sec < 5);
	return done();
}

static bool went_back(void)
{
	return fake.n == 2;
}

static bool not_pending(void)
{
	return hd_control_pending(twin.control) < 0;
}

START_TEST(unconfirmed_change_goes_back)
{
	struct hd_error error;

	start("unconfirmed_change_goes_back");
	ck_assert_int_eq(change_to(n_ports(2, 0)), 0);
	ck_assert_int_eq(hd_control_arm(twin.control, 1, &error), 0);
	ck_assert_int_eq(change_to(n_ports(3, 0)), 0);
	ck_assert_int_eq(change_to(n_ports(4, 0)), 0);
	ck_assert_int_ge(hd_control_pending(twin.control), 0);
	ck_assert(run_events(went_back));
	ck_assert(not_pending());
	ck_assert_uint_eq(json_object_size(json_object_get(
				  json_object_get(json_object_get(hd_control_document(twin.control), "bridges"), "br0"),
				  "ports")),
			  2);
	/* Confirmed: the deadline passes and nothing happens. */
	ck_assert_int_eq(hd_control_arm(twin.control, 1, &error), 0);
	ck_assert_int_eq(change_to(n_ports(3, 0)), 0);
	ck_assert_int_eq(hd_control_confirm(twin.control, &error), 0);
	ck_assert_int_eq(hd_control_confirm(twin.control, &error), -ENOENT);
	for (int i = 0; i < 8; i++) /* ticks of 0.2 s */
		event_base_loop(twin.base, EVLOOP_ONCE);
	ck_assert_uint_eq(fake.n, 3);
	/* Can't go back: stays armed, so that it can be tried again. */
	ck_assert_int_eq(hd_control_arm(twin.control, 1000, &error), 0);
	ck_assert_int_eq(change_to(n_ports(1, 0)), 0);
	fake.fail_open = 1;
	ck_assert_int_lt(hd_control_rollback(twin.control, NULL, &error), 0);
	ck_assert(!not_pending());
	ck_assert_int_eq(hd_control_rollback(twin.control, NULL, &error), 0);
	ck_assert(not_pending());
	ck_assert_uint_eq(fake.n, 3);
	stop();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("runtime");
	TCase *cases = tcase_create("transactions");
	SRunner *runner = srunner_create(suite);
	int failed;

	eal_start_workers(2);
	tcase_set_timeout(cases, 60);
	tcase_add_loop_test(cases, random_changes, 0, ROUNDS);
	tcase_add_test(cases, new_queues_spread_evenly);
	tcase_add_test(cases, lost_port_comes_back);
	tcase_add_test(cases, smaller_fdb_keeps_wanted_statics);
	tcase_add_test(cases, unconfirmed_change_goes_back);
	suite_add_tcase(suite, cases);
	srunner_set_fork_status(runner, CK_NOFORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
