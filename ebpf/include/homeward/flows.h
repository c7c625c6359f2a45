/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What flows carry, counted at homeward0 while a selection engine asks for it. One definition for the kernel's side,
 * the only one that adds, and the agent's, which reads and removes.
 */
#ifndef HOMEWARD_FLOWS_H
#define HOMEWARD_FLOWS_H

#include <linux/types.h>

/* Those that carried nothing for the longest time make room. */
#define HOMEWARD_FLOWS 2048

/* A flow as far as a policy's rule can tell it from others: the correspondent's end. Connections to one port of one
 * server are one flow. */
struct homeward_flow_key {
    __be32 correspondent;
    __u16 port; /* the correspondent's, host order; 0 in protocols without ports */
    __u8 protocol;
    __u8 reserved; /* 0 */
};

/* Per-CPU LRU hash. Bytes of inner packets as they cross the link: each packet of a large segment has its headers. */
struct homeward_flow_bytes {
    __u64 up;
    __u64 down;
};

#endif
