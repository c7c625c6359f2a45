/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* RFC 3519 tunnel data, shared by the BPF programs, the agent and the data plane. */
#ifndef HOMEWARD_TUNNEL_H
#define HOMEWARD_TUNNEL_H

#include <linux/types.h>

#define HOMEWARD_MIP_PORT 434
#define HOMEWARD_TUNNEL_TYPE_DATA 4
#define HOMEWARD_NEXT_HEADER_IPV4 4
/* Outer IPv4, UDP and tunnel header. */
#define HOMEWARD_TUNNEL_OVERHEAD (20 + 8 + 4)

/* MIP Tunnel Data Message, RFC 3519 section 3.3; follows the UDP header. */
struct homeward_tunnel_header {
    __u8 type;        /* HOMEWARD_TUNNEL_TYPE_DATA */
    __u8 next_header; /* as negotiated; HOMEWARD_NEXT_HEADER_IPV4 */
    __be16 number; /* RFC 3519's reserved bytes: sent as zero and ignored, unless both ends agreed to number packets */
};

#endif
