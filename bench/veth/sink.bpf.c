// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Where small packets end: counts and drops those that bench-veth-packets made, where they would enter IP (tc ingress
 * of the device that they come out of). A socket would cost more than some of what is measured. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "small_packet.h"

char _license[] SEC("license") = "Dual BSD/GPL";

__u64 received, highest;

/* Relative to a header only bytes of the linear part can be had. Of what the kernel cut from a train, most is not
 * there. */
static __always_inline int read(struct __sk_buff* skb, struct small_packet* packet) {
    if (!bpf_skb_load_bytes_relative(skb, 0, packet, sizeof(*packet), BPF_HDR_START_NET))
        return 0;
    return bpf_skb_pull_data(skb, skb->len) ||
           bpf_skb_load_bytes_relative(skb, 0, packet, sizeof(*packet), BPF_HDR_START_NET);
}

SEC("tc")
int count_and_drop(struct __sk_buff* skb) {
    struct small_packet packet;

    if (skb->protocol != bpf_htons(ETH_P_IP) || read(skb, &packet) || packet.ip.protocol != IPPROTO_UDP ||
        packet.udp.dest != bpf_htons(SMALL_PACKET_PORT))
        return TC_ACT_UNSPEC;
    __sync_fetch_and_add(&received, 1);
    if (packet.number > highest)
        highest = packet.number;
    return TC_ACT_SHOT;
}
