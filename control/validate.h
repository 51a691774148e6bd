/* SPDX-License-Identifier: BSD-3-Clause */
/* The validator's parts: each reads one member of a document into the model. */
#ifndef HD_VALIDATE_H
#define HD_VALIDATE_H

#include "checker.h"

/* Once the bridge's ports and static addresses were read. */
int hd_validate_mirrors(struct hd_check *check, const json_t *mirrors, struct hd_bridge_conf *bridge);

/* Before bridges are, whose ports name the lists. */
int hd_validate_acls(struct hd_check *check, const json_t *acls, struct hd_config *config);
/* A port's security, and the lists that it names: of those that were read. */
int hd_validate_guard(struct hd_check *check, const struct hd_port_conf *port);

#endif
