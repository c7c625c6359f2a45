/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy lookup in the kernel: the longest prefix of the destination gives a short list of candidates, the first that
 * fits protocol and port gives labels in order of preference, the first usable label is the uplink.
 *
 * A packet of an L3 TUN starts at its IPv4 header. Later fragments carry no port: the first fragment leaves it behind
 * for them under (source, destination, protocol, identification), so that all take the same way.
 *
 * Every program that includes this has the maps below; the agent makes them one.
 */
#ifndef HOMEWARD_POLICY_LOOKUP_H
#define HOMEWARD_POLICY_LOOKUP_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "homeward/steering.h"

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

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, HOMEWARD_RULE_SLOTS);
    __type(key, __u32);
    __type(value, struct homeward_traffic);
} rules SEC(".maps");

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

/* The way of one packet. */
struct choice {
    __u32 label; /* HOMEWARD_LABEL_NONE: `why` says why */
    __u32 queue;
    __u32 rule;
    __u32 why; /* HOMEWARD_STEERING_NO_UPLINK or HOMEWARD_STEERING_NO_ENTRY */
};

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

static __always_inline void first_usable(const struct homeward_candidate* candidate, struct choice* choice) {
    choice->rule = candidate->rule;
    choice->why = HOMEWARD_STEERING_NO_UPLINK;
    for (__u32 i = 0; i < HOMEWARD_MAX_UPLINKS; i++) {
        if (i >= candidate->label_count)
            break;
        __u32 label = candidate->labels[i];
        const struct homeward_uplink_state* state = bpf_map_lookup_elem(&uplinks, &label);

        if (state && state->usable) {
            choice->label = label;
            choice->queue = state->queue;
            return;
        }
    }
}

static __always_inline void choose(const struct flow* flow, struct choice* choice) {
    const struct homeward_lpm_key key = {.prefix_length = 32, .address = flow->correspondent};
    __u32 slot = 0;
    void* trie = bpf_map_lookup_elem(&policy, &slot);
    const struct homeward_entry* entry = trie ? bpf_map_lookup_elem(trie, &key) : (void*)0;

    choice->label = HOMEWARD_LABEL_NONE;
    choice->why = HOMEWARD_STEERING_NO_ENTRY;
    for (__u32 i = 0; entry && i < HOMEWARD_MAX_CANDIDATES; i++) {
        if (i >= entry->candidate_count)
            break;
        if (fits(&entry->candidates[i], flow)) {
            first_usable(&entry->candidates[i], choice);
            return;
        }
    }
}

/* The way of the packet whose IPv4 header starts the buffer and was read into `ip`. */
static __always_inline void classify(struct __sk_buff* skb, const struct iphdr* ip, struct choice* choice) {
    struct flow flow = {.correspondent = ip->daddr, .protocol = ip->protocol};

    read_port(skb, ip, &flow);
    choose(&flow, choice);
}

static __always_inline void count_rule(__u32 rule, __u64 packets, __u64 bytes) {
    __u32 slot = rule == 0xffffffff              ? HOMEWARD_DEFAULT_RULE
                 : rule < HOMEWARD_RULES_COUNTED ? rule
                                                 : HOMEWARD_LATER_RULES;
    struct homeward_traffic* traffic = bpf_map_lookup_elem(&rules, &slot);

    if (traffic) {
        traffic->packets += packets;
        traffic->bytes += bytes;
    }
}

#endif
