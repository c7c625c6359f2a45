/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Map values of the fast path: what its programs need to know of an uplink. One definition for the kernel's side and
 * the agent's, who is the only writer.
 *
 * Both maps are hashes without preallocation: an update puts a new value beside the old one, so that one packet reads
 * what was written at once.
 */
#ifndef HOMEWARD_FAST_PATH_H
#define HOMEWARD_FAST_PATH_H

#include <linux/types.h>

#include "homeward/steering.h"

/* The way up: hash by label. No entry: packets for this uplink go to user space. */
struct homeward_path {
    __u32 interface; /* index of the uplink's */
    __be32 care_of;
    __be32 home_agent;
    __be32 next_hop; /* neighbour on the uplink's link; 0: the kernel's routes say */
    __be16 port;     /* the node's */
    __u16 mtu;       /* largest inner packet */
    __u8 copy_ecn;   /* 1: RFC 6040 normal mode; 0: the outer header is Not-ECT */
    __u8 clamp_mss;  /* 1: SYNs go to user space, which clamps */
    __u8 plain;      /* 1: IP in IP without UDP (RFC 2003) */
    __u8 reserved;
};

/* The way down: hash by the index of the uplink's interface. */
struct homeward_tunnel_end {
    __be32 care_of;
    __be32 home_agent;
    __be32 home_address;
    __u32 interface; /* index of homeward0's */
    __u32 joiner;    /* index of the device behind which GRO joins TCP packets again; 0: there is none */
    __be16 port;     /* the node's */
    __u16 mtu;       /* of homeward0, which takes no more from a program */
    __u8 label;
    __u8 link_header; /* bytes in front of the IPv4 header: 14 Ethernet, 0 none */
    __u8 clamp_mss;   /* as above */
    __u8 plain;       /* 1: IP in IP is taken, too */
};

/* What came of the way down's TCP on one CPU: per-CPU array indexed by label. Writer: the program. */
struct homeward_joining {
    __u64 packets;    /* handed to the joiner */
    __u32 stay_apart; /* so many more go past it: the link itself hands over large segments */
    __u32 reserved;
};

#endif
