// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Picks the TUN queue of every packet that leaves by homeward0 (TUNSETSTEERINGEBPF, a socket filter), and with it the
 * uplink, by policy_lookup.h. Packets that the fast path took at the same device's egress never get here.
 *
 * What leaves by two uplinks gets nobody's queue: the agent does not read an uplink's queue while that one is full, and
 * these packets are not to wait for one of theirs.
 *
 * Needs Linux 5.10, no BTF in the kernel, no relocation against kernel types.
 */
#include "policy_lookup.h"

char _license[] SEC("license") = "Dual BSD/GPL";

static __always_inline __u32 queue_none(void) {
    __u32 nobody = HOMEWARD_LABEL_NONE;
    const struct homeward_uplink_state* state = bpf_map_lookup_elem(&uplinks, &nobody);

    return state ? state->queue : 0;
}

SEC("socket")
int homeward_steer(struct __sk_buff* skb) {
    struct choice choice = {};
    struct iphdr ip;

    if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip))) {
        count(HOMEWARD_STEERING_NOT_IPV4);
        return (int)queue_none();
    }
    count(HOMEWARD_STEERING_PACKETS);
    classify(skb, &ip, &choice);
    if (choice.label == HOMEWARD_LABEL_NONE) {
        count(choice.why);
        return (int)queue_none();
    }
    count_rule(choice.rule, skb->gso_segs ? skb->gso_segs : 1, skb->len);
    if (choice.mode == HOMEWARD_MODE_REDUNDANT)
        return (int)queue_none();
    return (int)choice.queue;
}
