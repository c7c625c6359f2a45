/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What both directions of the fast path know of tunnelled packets. */
#ifndef HOMEWARD_TUNNEL_HEADERS_H
#define HOMEWARD_TUNNEL_HEADERS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "homeward/fast_path.h"
#include "homeward/tunnel.h"

#define DONT_FRAGMENT 0x4000
#define ECN_MASK 3

struct outer {
    struct iphdr ip;
    struct udphdr udp;
    struct homeward_tunnel_header tunnel;
};

_Static_assert(sizeof(struct outer) == HOMEWARD_TUNNEL_OVERHEAD, "as on the wire");

/* Of a header without options; 0 over one whose checksum holds. */
static __always_inline __be16 header_checksum(const struct iphdr* ip) {
    const __be32* words = (const __be32*)ip;
    __u64 sum = 0;

    for (__u32 i = 0; i < sizeof(*ip) / sizeof(*words); i++)
        sum += words[i];
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__be16)~sum;
}

static __always_inline int is_syn(struct __sk_buff* skb, const struct iphdr* ip, __u32 at) {
    const __u32 flags = 13, syn = 2;
    __u8 bits;

    if (ip->protocol != IPPROTO_TCP || (ip->frag_off & bpf_htons(HOMEWARD_FRAGMENT_OFFSET)))
        return 0;
    return bpf_skb_load_bytes(skb, at + ip->ihl * 4 + flags, &bits, sizeof(bits)) || (bits & syn);
}

/* What the packet at `at` is on the wire. A large segment is many packets, and each has its headers; 0 packets if these
 * cannot be read. */
struct wire_size {
    __u32 packets;
    __u32 largest; /* bytes */
    __u32 bytes;
};

static __always_inline struct wire_size wire_size(struct __sk_buff* skb, const struct iphdr* ip, __u32 at) {
    const __u32 length = skb->len - at;
    struct wire_size size = {1, length, length};
    __u32 headers = ip->ihl * 4 + sizeof(struct udphdr);
    __u8 offset;

    if (!skb->gso_size)
        return size;
    if (ip->protocol == IPPROTO_TCP) {
        if (bpf_skb_load_bytes(skb, at + ip->ihl * 4 + 12, &offset, sizeof(offset)))
            return (struct wire_size){};
        headers = ip->ihl * 4 + (offset >> 4) * 4;
    }
    if (length < headers)
        return (struct wire_size){};
    /* gso_segs is not there for what another machine's kernel handed over whole. */
    size.packets = (length - headers + skb->gso_size - 1) / skb->gso_size;
    size.largest = headers + skb->gso_size;
    size.bytes = length + (size.packets - 1) * headers;
    return size;
}

static __always_inline void add_traffic(struct homeward_traffic* traffic, const struct wire_size* size) {
    traffic->packets += size->packets;
    traffic->bytes += size->bytes;
}

#endif
