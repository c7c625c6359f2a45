// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The far ends of the tunnel in this bench: RFC 3519 tunnel data in the kernel, by tc on a veth, for one binding whose
 * addresses are compiled in (bench/veth/meson.build, path.py). It does for real frames what a kernel tunnel would
 * do, and nothing else: no registration, no checks beyond the tuple, an outer UDP checksum of zero.
 *
 *     node                                                            far
 *     HOME --- out: +32 bytes --- CARE_OF ========= AGENT --- in: -32 bytes --- a host
 *
 * node_out is the mobile node's way up and far_out the home agent's way down, for contestants that carry the tunnel
 * and do not end it. `in` serves both.
 *
 * far_tunnel and in_tunnel are such an end with a device of its own, as other tunnels have (bench/mn/wire.py): TCP
 * hands it large segments, which are cut behind the tunnel's headers, and what comes goes through GRO without them.
 *
 *     HOST --- tunnel ==far_tunnel==> eth0          eth0 --in_tunnel--> joiner ═══ GRO ═══ tunnel --- HOST (TCP data)
 *
 * far_plain and in_plain are the same without UDP (RFC 2003), where GRO on the cable joins what is inside.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "homeward/tunnel.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct outer {
    struct iphdr ip;
    struct udphdr udp;
    struct homeward_tunnel_header tunnel;
};

_Static_assert(sizeof(struct outer) == HOMEWARD_TUNNEL_OVERHEAD, "as on the wire");

struct tuple {
    __u32 source, destination;
    __u16 source_port, destination_port;
};

static const struct tuple up = {BENCH_CARE_OF, BENCH_AGENT, BENCH_NODE_PORT, HOMEWARD_MIP_PORT};
static const struct tuple down = {BENCH_AGENT, BENCH_CARE_OF, HOMEWARD_MIP_PORT, BENCH_NODE_PORT};

/* TCP hands over large segments; the kernel cuts them behind this hook, into packets that already leave room. */
static const __u64 encapsulation = BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP |
                                   BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET;

static __always_inline __be16 header_checksum(const struct iphdr* ip) {
    __u32 sum = bpf_csum_diff(0, 0, (__be32*)ip, sizeof(*ip), 0);

    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (__be16)~sum;
}

static __always_inline int encapsulate_plainly(struct __sk_buff* skb, const struct tuple* tuple) {
    struct iphdr outer = {.version = 4,
                          .ihl = 5,
                          .tot_len = bpf_htons(skb->len - ETH_HLEN + sizeof(outer)),
                          .frag_off = bpf_htons(0x4000),
                          .ttl = 64,
                          .protocol = IPPROTO_IPIP,
                          .saddr = bpf_htonl(tuple->source),
                          .daddr = bpf_htonl(tuple->destination)};

    outer.check = header_checksum(&outer);
    if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC, encapsulation & ~BPF_F_ADJ_ROOM_ENCAP_L4_UDP) ||
        bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), 0))
        return TC_ACT_SHOT;
    return TC_ACT_OK;
}

static __always_inline int encapsulate(struct __sk_buff* skb, const struct tuple* tuple) {
    const __u16 length = skb->len - ETH_HLEN + sizeof(struct outer);
    struct outer outer = {.ip = {.version = 4,
                                 .ihl = 5,
                                 .tot_len = bpf_htons(length),
                                 .frag_off = bpf_htons(0x4000),
                                 .ttl = 64,
                                 .protocol = IPPROTO_UDP,
                                 .saddr = bpf_htonl(tuple->source),
                                 .daddr = bpf_htonl(tuple->destination)},
                          .udp = {.source = bpf_htons(tuple->source_port),
                                  .dest = bpf_htons(tuple->destination_port),
                                  .len = bpf_htons(length - sizeof(struct iphdr))},
                          .tunnel = {.type = HOMEWARD_TUNNEL_TYPE_DATA, .next_header = HOMEWARD_NEXT_HEADER_IPV4}};

    outer.ip.check = header_checksum(&outer.ip);
    if (bpf_skb_adjust_room(skb, sizeof(outer), BPF_ADJ_ROOM_MAC, encapsulation) ||
        bpf_skb_store_bytes(skb, ETH_HLEN, &outer, sizeof(outer), 0))
        return TC_ACT_SHOT;
    return TC_ACT_OK;
}

static __always_inline const struct iphdr* headers(const struct __sk_buff* skb, __u32 size) {
    const void* at = (const void*)(long)skb->data + ETH_HLEN;

    return at + size <= (const void*)(long)skb->data_end ? at : (void*)0;
}

/* The first `size` bytes of an IPv4 packet, or null. Of a datagram that the kernel cut from a train, only the headers
 * that the kernel made lie at the beginning; the rest is fetched. */
static __always_inline const struct iphdr* ipv4(struct __sk_buff* skb, __u32 size) {
    const struct iphdr* ip = headers(skb, size);

    if (skb->protocol != bpf_htons(ETH_P_IP))
        return (void*)0;
    return ip || bpf_skb_pull_data(skb, ETH_HLEN + size) ? ip : headers(skb, size);
}

SEC("tc/node_out")
int node_out(struct __sk_buff* skb) {
    const struct iphdr* ip = ipv4(skb, sizeof(*ip));

    return ip && ip->saddr == bpf_htonl(BENCH_HOME) ? encapsulate(skb, &up) : TC_ACT_OK;
}

SEC("tc/far_out")
int far_out(struct __sk_buff* skb) {
    const struct iphdr* ip = ipv4(skb, sizeof(*ip));

    return ip && ip->daddr == bpf_htonl(BENCH_HOME) ? encapsulate(skb, &down) : TC_ACT_OK;
}

SEC("tc/far_tunnel")
int far_tunnel(struct __sk_buff* skb) {
    const struct iphdr* ip = ipv4(skb, sizeof(*ip));

    if (!ip || ip->daddr != bpf_htonl(BENCH_HOME) || encapsulate(skb, &down) != TC_ACT_OK)
        return TC_ACT_SHOT;
    return bpf_redirect_neigh(BENCH_CABLE, 0, 0, 0);
}

SEC("tc/far_plain")
int far_plain(struct __sk_buff* skb) {
    const struct iphdr* ip = ipv4(skb, sizeof(*ip));

    if (!ip || ip->daddr != bpf_htonl(BENCH_HOME) || encapsulate_plainly(skb, &down) != TC_ACT_OK)
        return TC_ACT_SHOT;
    return bpf_redirect_neigh(BENCH_CABLE, 0, 0, 0);
}

static __always_inline int is_ours(const struct outer* outer, const struct tuple* tuple) {
    return outer->ip.saddr == bpf_htonl(tuple->source) && outer->ip.daddr == bpf_htonl(tuple->destination) &&
           outer->ip.protocol == IPPROTO_UDP && outer->udp.source == bpf_htons(tuple->source_port) &&
           outer->udp.dest == bpf_htons(tuple->destination_port) && outer->tunnel.type == HOMEWARD_TUNNEL_TYPE_DATA;
}

/* Of TCP's packets, data goes to GRO; of a bare ACK there is nothing to join. */
SEC("tc/in_tunnel")
int in_tunnel(struct __sk_buff* skb) {
    const __u32 largest_ack = ETH_HLEN + sizeof(struct outer) + 20 + 60;
    const struct outer* outer = (const struct outer*)ipv4(skb, sizeof(*outer) + sizeof(struct iphdr));
    int data;

    if (!outer || !is_ours(outer, &up))
        return TC_ACT_UNSPEC;
    data = ((const struct iphdr*)(outer + 1))->protocol == IPPROTO_TCP && skb->len > largest_ack;
    if (bpf_skb_adjust_room(skb, -(__s32)sizeof(*outer), BPF_ADJ_ROOM_MAC, 0))
        return TC_ACT_SHOT;
    return data ? bpf_redirect(BENCH_JOINER, 0) : TC_ACT_UNSPEC;
}

SEC("tc/in_plain")
int in_plain(struct __sk_buff* skb) {
    const struct iphdr* outer = ipv4(skb, sizeof(*outer));

    if (!outer || outer->saddr != bpf_htonl(up.source) || outer->daddr != bpf_htonl(up.destination) ||
        outer->protocol != IPPROTO_IPIP)
        return TC_ACT_UNSPEC;
    return bpf_skb_adjust_room(skb, -(__s32)sizeof(*outer), BPF_ADJ_ROOM_MAC,
                               BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET)
               ? TC_ACT_SHOT
               : TC_ACT_UNSPEC;
}

SEC("tc/in")
int in(struct __sk_buff* skb) {
    const struct outer* outer = (const struct outer*)ipv4(skb, sizeof(*outer));

    if (!outer || !(is_ours(outer, &up) || is_ours(outer, &down)))
        return TC_ACT_OK;
    return bpf_skb_adjust_room(skb, -(__s32)sizeof(*outer), BPF_ADJ_ROOM_MAC, 0) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}
