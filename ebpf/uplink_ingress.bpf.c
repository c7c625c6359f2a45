// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* The fast path down: tc ingress on each uplink. Tunnel data from the home agent to this uplink's binding is checked,
 * stripped, and received again as homeward0's.
 *
 *     uplink ──homeward_down──► homeward0                               large segments, UDP, bare ACKs, …
 *                   └─► joiner ═══ GRO ──homeward_joined──► homeward0   TCP data that came packet by packet
 *
 * GRO does not know RFC 3519's tunnel, so the uplink's gives its packets one by one, each of which TCP would have to
 * take and answer. What is inside goes through GRO again behind a pair of veths that nobody else uses.
 *
 * What is not ordinary is left to the stack, and so to the uplink's socket and user space, which judges and counts it:
 * registration, answers to keepalives, outer fragments, options, lengths that disagree, a wrong inner header,
 * congestion that the inner packet cannot say, a SYN whose MSS may have to be clamped.
 *
 * A non-zero outer UDP checksum is not looked at: addresses, ports and tunnel header were compared one by one, the
 * inner header has a checksum of its own, and what lies in it is its transport's to check.
 *
 * Needs Linux 5.8 (bpf_csum_level), no BTF in the kernel, no relocation against kernel types.
 */
#include "tunnel_headers.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, HOMEWARD_MAX_UPLINKS);
    __type(key, __u32);
    __type(value, struct homeward_tunnel_end);
} tunnel_ends SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, HOMEWARD_LABELS);
    __type(key, __u32);
    __type(value, struct homeward_traffic);
} received SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, HOMEWARD_LABELS);
    __type(key, __u32);
    __type(value, struct homeward_joining);
} joining SEC(".maps");

/* homeward0's index, for homeward_joined. */
const volatile __u32 home_interface = 0;

/* RFC 6040 section 4.2, for what the inner packet can say; other rows of its table are user space's. */
enum { NOT_ECT = 0, ECT_1 = 1, CE = 3 };
#define KEEPALIVE_SIZE 36

/* The tunnel's two formats, as sizes of what is in front of the inner header: RFC 3519, and RFC 2003's IP in IP, which
 * has an IP header and nothing else. Constants wherever they are used. */
#define UDP_TUNNEL sizeof(struct outer)
#define PLAIN_TUNNEL sizeof(struct iphdr)

/* What homeward_down looks at. Valid until the packet is changed. */
struct headers {
    const struct outer* outer; /* null: it is shorter; of a plain tunnel, `ip` alone is there */
    const struct iphdr* inner;
    const struct tcphdr* tcp; /* what follows the inner header, if that is what it is; null: it is shorter */
};

static __always_inline int from_home_agent(const struct outer* outer, const struct homeward_tunnel_end* end,
                                           __u32 tunnel) {
    const __be16 fragmented = bpf_htons(HOMEWARD_MORE_FRAGMENTS | HOMEWARD_FRAGMENT_OFFSET);

    if (outer->ip.version != 4 || outer->ip.ihl != 5 || (outer->ip.frag_off & fragmented) ||
        outer->ip.saddr != end->home_agent || outer->ip.daddr != end->care_of)
        return 0;
    if (tunnel == PLAIN_TUNNEL)
        return outer->ip.protocol == IPPROTO_IPIP;
    return outer->ip.protocol == IPPROTO_UDP && outer->udp.source == bpf_htons(HOMEWARD_MIP_PORT) &&
           outer->udp.dest == end->port;
}

static __always_inline int is_whole(const struct headers* headers, __u32 length, __u32 tunnel) {
    return bpf_ntohs(headers->outer->ip.tot_len) == length &&
           (tunnel == PLAIN_TUNNEL || bpf_ntohs(headers->outer->udp.len) == length - sizeof(struct iphdr)) &&
           bpf_ntohs(headers->inner->tot_len) == length - tunnel;
}

static __always_inline const void* packet_at(const struct __sk_buff* skb, __u32 at, __u32 size) {
    const void* packet = (const void*)(long)skb->data + at;

    return packet + size <= (const void*)(long)skb->data_end ? packet : (const void*)0;
}

static __always_inline __u8 tcp_flags(const struct tcphdr* tcp) {
    return ((const __u8*)tcp)[13];
}

/* Read where they lie: a copy of so few bytes costs as much as all that is looked at in them. Where a driver left them
 * outside the linear part they are fetched; the stack would do it next. */
static __always_inline struct headers read_headers(struct __sk_buff* skb, __u32 at, __u32 tunnel) {
    const __u32 least = tunnel + sizeof(struct iphdr), most = least + sizeof(struct tcphdr);
    struct headers headers = {packet_at(skb, at, most), 0, 0};

    if (!headers.outer) {
        bpf_skb_pull_data(skb, skb->len < at + most ? skb->len : at + most);
        headers.outer = packet_at(skb, at, most);
    }
    if (headers.outer)
        headers.tcp = (const void*)headers.outer + least;
    else
        headers.outer = packet_at(skb, at, least);
    headers.inner = (const void*)headers.outer + tunnel; /* of use where `outer` is */
    return headers;
}

static __always_inline int is_ordinary(const struct headers* headers, const struct homeward_tunnel_end* end,
                                       __u32 tunnel) {
    const struct homeward_tunnel_header* header = &headers->outer->tunnel;
    const struct iphdr* inner = headers->inner;

    /* Copies of a numbered packet come by any uplink, hence on any CPU: one thread in user space compares them. */
    if (tunnel == UDP_TUNNEL && (header->type != HOMEWARD_TUNNEL_TYPE_DATA ||
                                 header->next_header != HOMEWARD_NEXT_HEADER_IPV4 || header->number))
        return 0;
    if (inner->version != 4 || inner->ihl != 5 || inner->daddr != end->home_address || header_checksum(inner))
        return 0;
    /* Answers to our keepalives are ICMP of one size; the agent knows its own. */
    return inner->protocol != IPPROTO_ICMP || bpf_ntohs(inner->tot_len) != KEEPALIVE_SIZE;
}

/* The inner header's ECN field after what the tunnel met; negative: not ours to say. */
static __always_inline int combined_ecn(__u8 inner, __u8 outer) {
    inner &= ECN_MASK;
    outer &= ECN_MASK;
    if (outer == CE)
        return inner == NOT_ECT ? -1 : CE;
    return outer == ECT_1 && inner != NOT_ECT && inner != CE ? ECT_1 : inner;
}

static __always_inline int write_tos(struct __sk_buff* skb, __u8 old, __u8 tos, __u32 at) {
    const __be16 before = bpf_htons(0x4500 | old);
    const __be16 after = bpf_htons(0x4500 | tos);

    return bpf_l3_csum_replace(skb, at + __builtin_offsetof(struct iphdr, check), before, after, sizeof(after)) ||
           bpf_skb_store_bytes(skb, at + __builtin_offsetof(struct iphdr, tos), &tos, sizeof(tos), 0);
}

/* The checksum that the device verified was the outer one; a second one it may have verified stays. A plain tunnel has
 * none: the first one is the inner packet's. */
static __always_inline int strip(struct __sk_buff* skb, __u32 tunnel) {
    if (bpf_skb_adjust_room(skb, -(__s32)tunnel, BPF_ADJ_ROOM_MAC,
                            BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_NO_CSUM_RESET))
        return -1;
    if (tunnel == UDP_TUNNEL)
        bpf_csum_level(skb, BPF_CSUM_LEVEL_DEC);
    return 0;
}

/* After a large segment, which takes the shorter way, as many packets follow it there: none of them overtakes it. */
#define FOLLOWERS 64

/* A bare ACK joins nothing, and tells its sender the less the later it comes. */
static __always_inline int is_bare_ack(const struct headers* headers) {
    const __u8 ack = 16, push = 8;
    const struct iphdr* ip = headers->inner;

    return (tcp_flags(headers->tcp) & ~push) == ack && bpf_ntohs(ip->tot_len) == sizeof(*ip) + headers->tcp->doff * 4;
}

static __always_inline int joins(const struct __sk_buff* skb, const struct homeward_tunnel_end* end,
                                 const struct headers* headers) {
    const struct iphdr* ip = headers->inner;
    __u32 label = end->label;
    struct homeward_joining* state;

    if (!end->joiner || ip->protocol != IPPROTO_TCP ||
        (ip->frag_off & bpf_htons(HOMEWARD_MORE_FRAGMENTS | HOMEWARD_FRAGMENT_OFFSET)))
        return 0;
    state = bpf_map_lookup_elem(&joining, &label);
    if (!state)
        return 0;
    if (skb->gso_size) {
        state->stay_apart = FOLLOWERS;
        return 0;
    }
    if (state->stay_apart) {
        state->stay_apart--;
        return 0;
    }
    if (!headers->tcp || is_bare_ack(headers))
        return 0;
    state->packets++;
    return 1;
}

/* The joiner is an Ethernet device; what comes without a link header is given one. */
static __always_inline int hand_to_joiner(struct __sk_buff* skb, const struct homeward_tunnel_end* end) {
    const struct ethhdr header = {.h_proto = bpf_htons(ETH_P_IP)};

    if (!end->link_header &&
        (bpf_skb_change_head(skb, sizeof(header), 0) || bpf_skb_store_bytes(skb, 0, &header, sizeof(header), 0)))
        return TC_ACT_SHOT;
    return bpf_redirect(end->joiner, 0);
}

/* MSS options are user space's; so is a segment too short to tell. */
static __always_inline int may_be_syn(const struct headers* headers) {
    const struct iphdr* ip = headers->inner;
    const __u8 syn = 2;

    if (ip->protocol != IPPROTO_TCP || (ip->frag_off & bpf_htons(HOMEWARD_FRAGMENT_OFFSET)))
        return 0;
    return !headers->tcp || (tcp_flags(headers->tcp) & syn);
}

static __always_inline int carry(struct __sk_buff* skb, const struct homeward_tunnel_end* end, __u32 tunnel) {
    const __u32 at = end->link_header;
    struct headers headers = read_headers(skb, at, tunnel);
    struct homeward_traffic* traffic;
    struct wire_size size;
    int ecn, join;
    __u32 label;
    __u8 tos;

    if (!headers.outer || !from_home_agent(headers.outer, end, tunnel) || !is_whole(&headers, skb->len - at, tunnel) ||
        !is_ordinary(&headers, end, tunnel))
        return TC_ACT_UNSPEC;
    size = wire_size(skb, headers.inner, at + tunnel);
    tos = headers.inner->tos;
    ecn = combined_ecn(tos, headers.outer->ip.tos);
    if (ecn < 0 || !size.packets || size.largest > end->mtu || (end->clamp_mss && may_be_syn(&headers)))
        return TC_ACT_UNSPEC;
    join = joins(skb, end, &headers);
    if (strip(skb, tunnel))
        return TC_ACT_UNSPEC;
    if (ecn != (tos & ECN_MASK) && write_tos(skb, tos, (tos & ~ECN_MASK) | ecn, at))
        return TC_ACT_SHOT;
    label = end->label;
    traffic = bpf_map_lookup_elem(&received, &label);
    if (traffic)
        add_traffic(traffic, &size);
    return join ? hand_to_joiner(skb, end) : bpf_redirect(end->interface, BPF_F_INGRESS);
}

/* Where the first header is not to be read yet, UDP's turn fetches it, and the stack gets the packet. */
static __always_inline int is_plain(const struct __sk_buff* skb, const struct homeward_tunnel_end* end) {
    const struct iphdr* ip = packet_at(skb, end->link_header, sizeof(*ip));

    return end->plain && ip && ip->protocol == IPPROTO_IPIP;
}

SEC("tc")
int homeward_down(struct __sk_buff* skb) {
    const __u32 key = skb->ifindex;
    const struct homeward_tunnel_end* end = bpf_map_lookup_elem(&tunnel_ends, &key);

    if (!end || skb->protocol != bpf_htons(ETH_P_IP))
        return TC_ACT_UNSPEC;
    return is_plain(skb, end) ? carry(skb, end, PLAIN_TUNNEL) : carry(skb, end, UDP_TUNNEL);
}

/* The joiner's far end, on which only homeward_down's packets arrive. */
SEC("tc")
int homeward_joined(struct __sk_buff* skb) {
    return skb->protocol == bpf_htons(ETH_P_IP) ? bpf_redirect(home_interface, BPF_F_INGRESS) : TC_ACT_SHOT;
}
