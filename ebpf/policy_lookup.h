/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Policy lookup in the kernel: the longest prefix of the destination gives a short list of candidates, the first that
 * fits protocol and port gives labels in order of preference. The first usable label is the uplink, or where the rule
 * spreads the usable label that has the flow (homeward/spread.h).
 *
 * Every program that includes this has the maps below and those of flow.h; the agent makes them one.
 */
#ifndef HOMEWARD_POLICY_LOOKUP_H
#define HOMEWARD_POLICY_LOOKUP_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flow.h"
#include "homeward/spread.h"
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

static __always_inline void count(__u32 which) {
    __u64* value = bpf_map_lookup_elem(&counters, &which);

    if (value)
        *value += 1;
}

/* The way of one packet. */
struct choice {
    __u32 label; /* HOMEWARD_LABEL_NONE: `why` says why */
    __u32 queue;
    __u32 mode;
    __u32 rule;
    __u32 why; /* HOMEWARD_STEERING_NO_UPLINK or HOMEWARD_STEERING_NO_ENTRY */
};

static __always_inline int fits(const struct homeward_candidate* candidate, const struct flow* flow) {
    const __u16 port = (__u16)flow->ports;

    if (candidate->protocol && candidate->protocol != flow->protocol)
        return 0;
    return candidate->any_port || (flow->has_ports && port >= candidate->port_first && port <= candidate->port_last);
}

/* What the candidate that decides says. A copy: wherever it stood, the verifier goes once through what follows. */
struct decision {
    __u64 labels; /* the first one's lowest, as in a little-endian machine's memory */
    __u32 weights;
    __u32 rule;
    __u32 label_count;
    __u32 mode;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "labels are read as one number");

static __always_inline const struct homeward_uplink_state* usable(__u32 label) {
    const struct homeward_uplink_state* state = bpf_map_lookup_elem(&uplinks, &label);

    return state && state->usable ? state : (void*)0;
}

static __always_inline void first_usable(const struct decision* decision, struct choice* choice) {
    __u64 labels = decision->labels;

    for (__u32 i = 0; i < HOMEWARD_MAX_UPLINKS; i++, labels >>= 8) {
        if (i >= decision->label_count)
            break;
        const struct homeward_uplink_state* state = usable(labels & 0xff);

        if (state) {
            choice->label = labels & 0xff;
            choice->queue = state->queue;
            return;
        }
    }
}

/* As policy::spread in user space. */
static __always_inline void spread(const struct decision* decision, const struct flow* flow, struct choice* choice) {
    const __u64 hash = homeward_flow_hash(bpf_ntohl(flow->node), bpf_ntohl(flow->correspondent),
                                          flow->has_ports ? flow->ports : 0, flow->protocol);
    __u64 labels = decision->labels;
    __u32 weights = decision->weights;
    __u32 best = 0;
    __u32 best_weight = 0; /* 0: the choice is a reserve, or there is none */

    for (__u32 i = 0; i < HOMEWARD_MAX_UPLINKS; i++, labels >>= 8, weights >>= 4) {
        if (i >= decision->label_count)
            break;
        const struct homeward_uplink_state* state = usable(labels & 0xff);
        __u32 weight = weights & 15;
        __u32 distance;

        if (!state || (!weight && choice->label != HOMEWARD_LABEL_NONE))
            continue;
        if (weight && decision->mode == HOMEWARD_MODE_SPREAD_BY_RATE)
            weight = state->rate;
        distance = homeward_distance(hash, labels & 0xff);
        if (!best_weight || homeward_nearer(distance, weight, best, best_weight)) {
            best = distance;
            best_weight = weight;
            choice->label = labels & 0xff;
            choice->queue = state->queue;
        }
    }
}

static __always_inline int decide(const struct flow* flow, struct decision* decision) {
    const struct homeward_lpm_key key = {.prefix_length = 32, .address = flow->correspondent};
    __u32 slot = 0;
    void* trie = bpf_map_lookup_elem(&policy, &slot);
    const struct homeward_entry* entry = trie ? bpf_map_lookup_elem(trie, &key) : (void*)0;

    for (__u32 i = 0; entry && i < HOMEWARD_MAX_CANDIDATES; i++) {
        const struct homeward_candidate* candidate = &entry->candidates[i];

        if (i >= entry->candidate_count)
            break;
        if (fits(candidate, flow)) {
            __builtin_memcpy(&decision->labels, candidate->labels, sizeof(decision->labels));
            decision->weights = candidate->weights;
            decision->rule = candidate->rule;
            decision->label_count = candidate->label_count;
            decision->mode = candidate->mode;
            return 1;
        }
    }
    return 0;
}

static __always_inline void choose(const struct flow* flow, struct choice* choice) {
    struct decision decision = {};

    choice->label = HOMEWARD_LABEL_NONE;
    choice->why = HOMEWARD_STEERING_NO_ENTRY;
    if (!decide(flow, &decision))
        return;
    choice->rule = decision.rule;
    choice->why = HOMEWARD_STEERING_NO_UPLINK;
    choice->mode = decision.mode;
    if (decision.mode == HOMEWARD_MODE_PREFER || decision.mode == HOMEWARD_MODE_REDUNDANT)
        first_usable(&decision, choice);
    else
        spread(&decision, flow, choice);
}

/* The way of the packet whose IPv4 header starts the buffer and was read into `ip`. */
static __always_inline void classify(struct __sk_buff* skb, const struct iphdr* ip, struct choice* choice) {
    struct flow flow = {.node = ip->saddr, .correspondent = ip->daddr, .protocol = ip->protocol};

    read_ports(skb, ip, &flow);
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
