// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Picks the TUN queue of every packet that leaves by homeward0 (TUNSETSTEERINGEBPF, a socket filter), and with it the
 * uplink: the longest prefix of the destination gives a short list of candidates, the first that fits protocol and
 * port gives labels in order of preference, the first usable label gives the queue.
 *
 * A packet of an L3 TUN starts at its IPv4 header. Later fragments carry no port: the first fragment leaves it behind
 * for them under (source, destination, protocol, identification), so that all take the same way.
 *
 * Needs Linux 5.10, no BTF in the kernel, no relocation against kernel types.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "homeward/steering.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct policy_trie {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(struct homeward_lpm_key));
    __uint(value_size, sizeof(struct homeward_entry));
};

/* One slot; the agent swaps a filled trie in. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, 1);
    __type(key, __u32);
    __array(values, struct policy_trie);
} policy SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, HOMEWARD_LABELS);
    __type(key, __u32);
    __type(value, struct homeward_uplink_state);
} uplinks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, 1024);
    __type(key, struct homeward_fragment_key);
    __type(value, __u16);
} fragments SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, HOMEWARD_STEERING_COUNTERS);
    __type(key, __u32);
    __type(value, __u64);
} counters SEC(".maps");

struct flow {
    __be32 correspondent;
    __u8 protocol;
    __u8 has_port;
    __u16 port; /* host order */
};

static __always_inline void count(__u32 which) {
    __u64* value = bpf_map_lookup_elem(&counters, &which);

    if (value)
        *value += 1;
}

static __always_inline __u32 queue_none(void) {
    __u32 nobody = HOMEWARD_LABEL_NONE;
    const struct homeward_uplink_state* state = bpf_map_lookup_elem(&uplinks, &nobody);

    return state ? state->queue : 0;
}

static __always_inline int has_ports(__u8 protocol) {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
           protocol == IPPROTO_UDPLITE;
}

/* The correspondent's port is the destination port: two bytes into each of these protocols' headers. */
static __always_inline void read_port(struct __sk_buff* skb, const struct iphdr* ip, struct flow* flow) {
    const __u16 fragment = bpf_ntohs(ip->frag_off);
    const struct homeward_fragment_key key = {
        .source = ip->saddr, .destination = ip->daddr, .protocol = ip->protocol, .identification = ip->id};
    __be16 port;

    if (!has_ports(ip->protocol))
        return;
    if (fragment & HOMEWARD_FRAGMENT_OFFSET) {
        const __u16* first = bpf_map_lookup_elem(&fragments, &key);

        if (first) {
            flow->has_port = 1;
            flow->port = *first;
        }
        return;
    }
    if (bpf_skb_load_bytes(skb, ip->ihl * 4 + 2, &port, sizeof(port)))
        return;
    flow->has_port = 1;
    flow->port = bpf_ntohs(port);
    if (fragment & HOMEWARD_MORE_FRAGMENTS)
        bpf_map_update_elem(&fragments, &key, &flow->port, BPF_ANY);
}

static __always_inline int fits(const struct homeward_candidate* candidate, const struct flow* flow) {
    if (candidate->protocol && candidate->protocol != flow->protocol)
        return 0;
    return candidate->any_port ||
           (flow->has_port && flow->port >= candidate->port_first && flow->port <= candidate->port_last);
}

static __always_inline __u32 first_usable(const struct homeward_candidate* candidate) {
    for (__u32 i = 0; i < HOMEWARD_MAX_UPLINKS; i++) {
        if (i >= candidate->label_count)
            break;
        __u32 label = candidate->labels[i];
        const struct homeward_uplink_state* state = bpf_map_lookup_elem(&uplinks, &label);

        if (state && state->usable)
            return state->queue;
    }
    count(HOMEWARD_STEERING_NO_UPLINK);
    return queue_none();
}

static __always_inline __u32 steer_flow(const struct flow* flow) {
    const struct homeward_lpm_key key = {.prefix_length = 32, .address = flow->correspondent};
    __u32 slot = 0;
    void* trie = bpf_map_lookup_elem(&policy, &slot);
    const struct homeward_entry* entry = trie ? bpf_map_lookup_elem(trie, &key) : (void*)0;

    for (__u32 i = 0; entry && i < HOMEWARD_MAX_CANDIDATES; i++) {
        if (i >= entry->candidate_count)
            break;
        if (fits(&entry->candidates[i], flow))
            return first_usable(&entry->candidates[i]);
    }
    count(HOMEWARD_STEERING_NO_ENTRY);
    return queue_none();
}

SEC("socket")
int homeward_steer(struct __sk_buff* skb) {
    struct flow flow = {};
    struct iphdr ip;

    if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip))) {
        count(HOMEWARD_STEERING_NOT_IPV4);
        return (int)queue_none();
    }
    count(HOMEWARD_STEERING_PACKETS);
    flow.correspondent = ip.daddr;
    flow.protocol = ip.protocol;
    read_port(skb, &ip, &flow);
    return (int)steer_flow(&flow);
}
