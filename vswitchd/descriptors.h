/* SPDX-License-Identifier: BSD-3-Clause */
/* How many file descriptors the process may have. */
#ifndef HD_DESCRIPTORS_H
#define HD_DESCRIPTORS_H

/* As many descriptors as we may have: guests bring memory regions and eventfds, clients come in hundreds. */
void hd_descriptors_raise(void);

#endif
