// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The fast path up: tc egress on homeward0. Classifies as the steering program does, encapsulates and hands the packet
 * to the uplink; large segments stay whole, and the uplink or the kernel behind it cuts them.
 *
 * What is not ordinary is left to the device, and so to the steering program and user space: no uplink, an uplink that
 * is not on the fast path, a packet larger than the path, a SYN whose MSS may have to be clamped.
 *
 * The outer UDP checksum is zero: it cannot be had over a large segment.
 *
 * Needs Linux 5.10 (bpf_redirect_neigh), no BTF in the kernel, no relocation against kernel types.
 */
#include "policy_lookup.h"
#include "tunnel_headers.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, HOMEWARD_MAX_UPLINKS);
    __type(key, __u32);
    __type(value, struct homeward_path);
} paths SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, HOMEWARD_LABELS);
    __type(key, __u32);
    __type(value, struct homeward_traffic);
} sent SEC(".maps");

#define LARGEST_PACKET 0xffff

static const __u64 plain_encapsulation = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
static const __u64 encapsulation =
    plain_encapsulation | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_ENCAP_L2(sizeof(struct homeward_tunnel_header));

/* `length`: of everything. */
static __always_inline void write_ip(struct iphdr* outer, const struct homeward_path* path, const struct iphdr* inner,
                                     __u32 length, __u8 protocol) {
    *outer = (struct iphdr){.version = 4,
                            .ihl = 5,
                            .tos = path->copy_ecn ? inner->tos : inner->tos & ~ECN_MASK,
                            .tot_len = bpf_htons(length),
                            .frag_off = bpf_htons(DONT_FRAGMENT),
                            .ttl = 64,
                            .protocol = protocol,
                            .saddr = path->care_of,
                            .daddr = path->home_agent};
    outer->check = header_checksum(outer);
}

static __always_inline int put_in_front(struct __sk_buff* skb, const void* outer, __u32 size, __u64 flags) {
    if (bpf_skb_adjust_room(skb, size, BPF_ADJ_ROOM_MAC, flags))
        return TC_ACT_UNSPEC;
    return bpf_skb_store_bytes(skb, 0, outer, size, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

static __always_inline int encapsulate(struct __sk_buff* skb, const struct homeward_path* path,
                                       const struct iphdr* inner) {
    const __u32 length = skb->len + sizeof(struct outer);
    struct outer outer = {.udp = {.source = path->port,
                                  .dest = bpf_htons(HOMEWARD_MIP_PORT),
                                  .len = bpf_htons(length - sizeof(outer.ip))},
                          .tunnel = {.type = HOMEWARD_TUNNEL_TYPE_DATA, .next_header = HOMEWARD_NEXT_HEADER_IPV4}};

    write_ip(&outer.ip, path, inner, length, IPPROTO_UDP);
    return put_in_front(skb, &outer, sizeof(outer), encapsulation);
}

static __always_inline int encapsulate_plainly(struct __sk_buff* skb, const struct homeward_path* path,
                                               const struct iphdr* inner) {
    struct iphdr outer;

    write_ip(&outer, path, inner, skb->len + sizeof(outer), IPPROTO_IPIP);
    return put_in_front(skb, &outer, sizeof(outer), plain_encapsulation);
}

/* bpf_redirect_neigh takes a link header off before it puts its own in front: without room for one it drops. */
static __always_inline int hand_over(struct __sk_buff* skb, const struct homeward_path* path) {
    struct bpf_redir_neigh hop = {.nh_family = 2 /* AF_INET */, .ipv4_nh = path->next_hop};

    if (bpf_skb_change_head(skb, ETH_HLEN, 0))
        return TC_ACT_SHOT;
    return path->next_hop ? bpf_redirect_neigh(path->interface, &hop, sizeof(hop), 0)
                          : bpf_redirect_neigh(path->interface, 0, 0, 0);
}

static __always_inline void count_sent(__u32 label, __u32 rule, const struct wire_size* size) {
    struct homeward_traffic* traffic = bpf_map_lookup_elem(&sent, &label);

    if (traffic)
        add_traffic(traffic, size);
    count(HOMEWARD_STEERING_PACKETS);
    count_rule(rule, size->packets, size->bytes);
}

SEC("tc")
int homeward_up(struct __sk_buff* skb) {
    const struct homeward_path* path;
    struct choice choice = {};
    struct wire_size size;
    struct iphdr ip;
    int verdict;

    if (skb->protocol != bpf_htons(ETH_P_IP) || bpf_skb_load_bytes(skb, 0, &ip, sizeof(ip)))
        return TC_ACT_UNSPEC;
    classify(skb, &ip, &choice);
    path = bpf_map_lookup_elem(&paths, &choice.label);
    if (!path || choice.mode == HOMEWARD_MODE_REDUNDANT || (path->clamp_mss && is_syn(skb, &ip, 0)))
        return TC_ACT_UNSPEC;
    size = wire_size(skb, &ip, 0);
    if (!size.packets || size.largest > path->mtu || skb->len > LARGEST_PACKET - sizeof(struct outer))
        return TC_ACT_UNSPEC;
    verdict = path->plain ? encapsulate_plainly(skb, path, &ip) : encapsulate(skb, path, &ip);
    if (verdict != TC_ACT_OK)
        return verdict;
    count_sent(choice.label, choice.rule, &size);
    return hand_over(skb, path);
}
