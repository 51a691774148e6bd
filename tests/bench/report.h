/* SPDX-License-Identifier: BSD-3-Clause */
/* The report of a run, as text or JSON. */
#ifndef HD_BENCH_REPORT_H
#define HD_BENCH_REPORT_H

#include "phase.h"

struct hd_report {
	const struct hd_options *opts;
	const struct hd_run *run;
	const struct hd_phase_result *result;
	bool learned;
	bool primed;
};

/* Prints to stdout. -ENOMEM or 0. */
int hd_report_print(const struct hd_report *report);

#endif
