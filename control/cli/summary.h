/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A frame's headers in one line: "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, VLAN 10, ARP who-has 10.0.0.2 tell 10.0.0.1",
 * "... IPv4 10.0.0.1:1234 > 10.0.0.2:80 TCP [S]".
 */
#ifndef HD_SUMMARY_H
#define HD_SUMMARY_H

#include <stddef.h>
#include <stdint.h>

#define HD_SUMMARY_MAX 256

/* Any bytes. What is not there or not known is told as far as it goes. */
void hd_summary_frame(const uint8_t *frame, size_t n, char text[HD_SUMMARY_MAX]);

#endif
