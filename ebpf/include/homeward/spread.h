/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which uplink a flow takes where a rule spreads flows over several: one definition for the BPF programs, the agent and
 * the data plane, so that both directions of a flow take the same one.
 *
 * Weighted rendezvous hashing. Flow and label give every uplink a distance with an exponential distribution; the uplink
 * with the least distance for its weight has the flow. No state, and an uplink that goes or comes, or whose weight
 * changes, moves the flows that it had, has from now on, or whose share changed, and no others.
 *
 * The ends of a flow are named by their part in it, the node's and the correspondent's, not by source and destination:
 * that makes the hash the same in both directions.
 */
#ifndef HOMEWARD_SPREAD_H
#define HOMEWARD_SPREAD_H

#include <linux/types.h>

/* The finisher of SplitMix64: every bit of the value changes half of the result's. */
static inline __attribute__((always_inline)) __u64 homeward_mix(__u64 value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
    return value ^ value >> 31;
}

/* Host byte order throughout. `ports`: the node's in the upper half, the correspondent's in the lower; 0 for protocols
 * without ports and for later fragments whose first one is not known. */
static inline __attribute__((always_inline)) __u64 homeward_flow_hash(__u32 node, __u32 correspondent, __u32 ports,
                                                                      __u8 protocol) {
    return homeward_mix(homeward_mix((__u64)node << 32 | correspondent) ^ ((__u64)ports << 8 | protocol));
}

/* Zeros in front of a number that is not 0. */
static inline __attribute__((always_inline)) __u32 homeward_leading_zeros(__u32 number) {
    __u32 zeros = 0;

    for (__u32 step = 16; step; step >>= 1) {
        /* NOLINTNEXTLINE(modernize-use-auto): this is C, too */
        const __u32 none = (__u32)(((__u64)(number >> (32 - step)) - 1) >> 63); /* in the upper `step` bits */

        number <<= none * step;
        zeros += none * step;
    }
    return zeros;
}

/* -log2 of a number from 0 to 1 that flow and label draw, in 1/65536, at least 1. The part behind the point is a
 * polynomial that meets the logarithm's value and slope at both ends; it is nowhere off by more than 1/2000. */
static inline __attribute__((always_inline)) __u32 homeward_distance(__u64 flow, __u8 label) {
    const __u32 drawn = (__u32)(homeward_mix(flow + label * 0x9e3779b97f4a7c15ULL) >> 32) | 1;
    const __u32 zeros = homeward_leading_zeros(drawn);
    const __u64 part = (drawn << zeros & 0x7fffffff) >> 15;
    const __u64 bend = 29013 - (16210 * part >> 16) + (5459 * part * part >> 32);

    return ((zeros + 1) << 16) - (__u32)(part + (part * (0x10000 - part) * bend >> 32));
}

/* Whether a distance is less for its weight than another for its own; weights from 1 to 255. */
static inline __attribute__((always_inline)) int homeward_nearer(__u32 distance, __u32 weight, __u32 than,
                                                                 __u32 than_weight) {
    return distance * than_weight < than * weight;
}

#endif
