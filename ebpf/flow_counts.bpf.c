// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Counts what flows carry: tc egress and ingress on homeward0, in front of the fast path's program there. Every packet
 * passes here, whether the fast path or user space carries it, and goes on as if nobody had looked.
 *
 * Attached only while an engine asks for flows: nobody else pays for it.
 *
 * Needs Linux 5.6 (reading the map in batches), no BTF in the kernel, no relocation against kernel types.
 */
#include "flow.h"
#include "homeward/flows.h"
#include "tunnel_headers.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
    __uint(max_entries, HOMEWARD_FLOWS);
    __type(key, struct homeward_flow_key);
    __type(value, struct homeward_flow_bytes);
} flows SEC(".maps");

/* 0: a fragment of which nothing tells the ports. Its bytes are missed rather than given to another flow. */
static __always_inline int key_of(struct __sk_buff* skb, const struct iphdr* ip, int up,
                                  struct homeward_flow_key* key) {
    struct flow flow = {};

    read_ports(skb, ip, &flow);
    if (!flow.has_ports && has_ports(ip->protocol))
        return 0;
    *key = (struct homeward_flow_key){.correspondent = up ? ip->daddr : ip->saddr,
                                      .port = (__u16)(up ? flow.ports : flow.ports >> 16),
                                      .protocol = ip->protocol};
    return 1;
}

static __always_inline int count_flow(struct __sk_buff* skb, int up) {
    const struct homeward_flow_bytes none = {};
    struct homeward_flow_bytes* bytes;
    struct homeward_flow_key key;
    struct wire_size size;
    struct iphdr ip;

    if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)) ||
        !key_of(skb, &ip, up, &key))
        return TC_ACT_UNSPEC;
    bytes = bpf_map_lookup_elem(&flows, &key);
    if (!bytes) {
        bpf_map_update_elem(&flows, &key, &none, BPF_NOEXIST);
        bytes = bpf_map_lookup_elem(&flows, &key);
    }
    size = wire_size(skb, &ip, 0);
    if (bytes && up)
        bytes->up += size.bytes;
    else if (bytes)
        bytes->down += size.bytes;
    return TC_ACT_UNSPEC;
}

SEC("tc")
int homeward_count_up(struct __sk_buff* skb) {
    return count_flow(skb, 1);
}

SEC("tc")
int homeward_count_down(struct __sk_buff* skb) {
    return count_flow(skb, 0);
}
