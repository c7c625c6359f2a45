/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which flow a packet of homeward0 belongs to.
 *
 * A packet of an L3 TUN starts at its IPv4 header. Later fragments carry no ports: the first fragment leaves them
 * behind for them under (source, destination, protocol, identification), so that all take the same way.
 */
#ifndef HOMEWARD_FLOW_H
#define HOMEWARD_FLOW_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "homeward/steering.h"

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, struct homeward_fragment_key);
    __type(value, __u32);
} fragments SEC(".maps");

struct flow {
    __be32 node;
    __be32 correspondent;
    __u32 ports; /* host order: the source's in the upper half, which on the way up is the node's */
    __u8 protocol;
    __u8 has_ports;
};

static __always_inline int has_ports(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
           protocol == IPPROTO_UDPLITE;
}

/* Each of these protocols' headers begins with both. */
static __always_inline void read_ports(struct __sk_buff* skb, const struct iphdr* ip, struct flow* flow) {
    const __u16 fragment = bpf_ntohs(ip->frag_off);
    const struct homeward_fragment_key key = {
        .source = ip->saddr, .destination = ip->daddr, .protocol = ip->protocol, .identification = ip->id};
    __be32 ports;

    if (!has_ports(ip->protocol))
        return;
    if (fragment & HOMEWARD_FRAGMENT_OFFSET) {
        const __u32* first = bpf_map_lookup_elem(&fragments, &key);

        if (first) {
            flow->has_ports = 1;
            flow->ports = *first;
        }
        return;
    }
    if (bpf_skb_load_bytes(skb, ip->ihl * 4, &ports, sizeof(ports)))
        return;
    flow->has_ports = 1;
    flow->ports = bpf_ntohl(ports);
    if (fragment & HOMEWARD_MORE_FRAGMENTS)
        bpf_map_update_elem(&fragments, &key, &flow->ports, BPF_ANY);
}

#endif
