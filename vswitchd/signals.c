/* SPDX-License-Identifier: BSD-3-Clause */
/* Owns the daemon's signal handling. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include <event2/event.h>

#include "log.h"
#include "signals.h"

static const int handled[] = {SIGTERM, SIGINT};
#define HANDLED (sizeof(handled) / sizeof(handled[0]))

struct hd_signals {
	struct event *events[HANDLED];
};

static void stop(evutil_socket_t signal, short what, void *base)
{
	event_base_loopbreak(base);
}

int hd_signals_create(struct event_base *base, struct hd_signals **out)
{
	struct hd_signals *signals = calloc(1, sizeof(*signals));

	if (signals == NULL)
		return -ENOMEM;
	signal(SIGPIPE, SIG_IGN); /* a client that has gone shows as EPIPE */
	for (unsigned int i = 0; i < HANDLED; i++) {
		signals->events[i] = evsignal_new(base, handled[i], stop, base);
		if (signals->events[i] == NULL || event_add(signals->events[i], NULL) < 0) {
			hd_signals_destroy(signals);
			return -ENOMEM;
		}
	}
	*out = signals;
	return 0;
}

void hd_signals_destroy(struct hd_signals *signals)
{
	if (signals == NULL)
		return;
	for (unsigned int i = 0; i < HANDLED; i++) {
		if (signals->events[i] != NULL)
			event_free(signals->events[i]);
	}
	free(signals);
}
