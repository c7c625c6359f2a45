/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Map keys and values of policy lookup, which the steering program and the fast path share: one definition for the
 * kernel's side and the agent's.
 *
 * The agent compiles its policy into `policy`: a map of maps with one slot that holds an LPM trie. A reload fills a
 * new trie and replaces the slot, so a packet sees the old table or the new one, never a mixture. `uplinks` says
 * which labels are usable: a handover is one store there, whatever the size of the table.
 */
#ifndef HOMEWARD_STEERING_H
#define HOMEWARD_STEERING_H

#include <linux/types.h>

#define HOMEWARD_MAX_UPLINKS 8
#define HOMEWARD_MAX_CANDIDATES 8
#define HOMEWARD_LABELS 256
/* Nobody's label: its queue takes what no single uplink may carry or is to carry. */
#define HOMEWARD_LABEL_NONE 0
#define HOMEWARD_FRAGMENT_OFFSET 0x1fff
#define HOMEWARD_MORE_FRAGMENTS 0x2000

/* How a candidate's labels are used. */
enum homeward_mode {
    HOMEWARD_MODE_PREFER = 0,         /* the first usable one */
    HOMEWARD_MODE_SPREAD = 1,         /* flow by flow in proportion to their weights, see homeward/spread.h */
    HOMEWARD_MODE_SPREAD_BY_RATE = 2, /* in proportion to their uplinks' rates; a weight of 1: not a reserve */
    HOMEWARD_MODE_REDUNDANT = 3       /* the first two: user space makes the copy */
};

struct homeward_lpm_key {
    __u32 prefix_length; /* 0-32 */
    __be32 address;
};

/* The first candidate whose protocol and ports fit decides; the last one always fits. */
struct homeward_candidate {
    __u16 port_first; /* host order, inclusive */
    __u16 port_last;
    __u8 protocol; /* 0: any */
    __u8 any_port; /* 1: fits without a look at ports */
    __u8 label_count;
    __u8 mode; /* enum homeward_mode */
    __u8 labels[HOMEWARD_MAX_UPLINKS];
    __u32 weights; /* where the mode spreads: four bits per label, the first one's lowest; 0: a reserve */
    __u32 rule;    /* index, for counters; 0xffffffff: the default */
};

struct homeward_entry {
    __u32 candidate_count;
    struct homeward_candidate candidates[HOMEWARD_MAX_CANDIDATES];
};

/* Array indexed by label. */
struct homeward_uplink_state {
    __u8 usable; /* writer: the agent; 1: flows may use it */
    __u8 queue;  /* TUN queue of this uplink */
    __u8 rate;   /* relative to the fastest uplink's, which has 255; never 0 */
    __u8 reserved;
};

/* The datagram a fragment belongs to; the value is its ports: the node's in the upper half, the
 * correspondent's in the lower, host order. */
struct homeward_fragment_key {
    __be32 source;
    __be32 destination;
    __be16 identification;
    __u8 protocol;
    __u8 reserved;
};

/* What a policy's rules carried: per-CPU array indexed by the rule; rules from HOMEWARD_RULES_COUNTED on share a slot,
 * the default has the last. Writer: whichever program decided the packet's way. The agent clears it with a new policy.
 */
#define HOMEWARD_RULES_COUNTED 4096
#define HOMEWARD_LATER_RULES HOMEWARD_RULES_COUNTED
#define HOMEWARD_DEFAULT_RULE (HOMEWARD_RULES_COUNTED + 1)
#define HOMEWARD_RULE_SLOTS (HOMEWARD_RULES_COUNTED + 2)

struct homeward_traffic {
    __u64 packets; /* as they cross the link: a large segment counts as what it will be cut into */
    __u64 bytes;   /* of inner packets */
};

/* Per-CPU array indexed by HOMEWARD_STEERING_*. */
enum homeward_steering_counter {
    HOMEWARD_STEERING_PACKETS,   /* packets classified, by either program; a large segment is one */
    HOMEWARD_STEERING_NO_UPLINK, /* no named uplink is usable */
    HOMEWARD_STEERING_NOT_IPV4,
    HOMEWARD_STEERING_NO_ENTRY, /* the policy map has no answer: a fault of the agent */
    HOMEWARD_STEERING_COUNTERS
};

#endif
