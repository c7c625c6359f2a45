#pragma once

#include <homeward/tunnel.h>

#include <array>

#include "express_encap.h"
#include "pipeline/quad.h"
#include "quad_frames.h"
#include "quad_header.h"

/// The express lane's way down for four packets side by side. The checks are those of express_encap.h; packets of which
/// one fails go that way, one by one.
namespace homeward::pipeline {

/// Not zero where `may_enter_tunnel_plainly` is false. `third` and `fourth`: words of the transport headers.
[[gnu::always_inline]] inline Quad may_not_enter_tunnel(const QuadHeader& ip, Quad length, Quad third, Quad fourth) {
    constexpr std::uint32_t kTunnelData = HOMEWARD_TUNNEL_TYPE_DATA | HOMEWARD_NEXT_HEADER_IPV4 << 8;
    const Quad protocol = ip.protocol();
    const QuadProtocol is{protocol};
    const Quad least = every(sizeof(Ipv4Header)) + (is.udp & every(sizeof(UdpHeader) + sizeof(TunnelHeader))) +
                       (is.tcp & every(sizeof(TcpHeader)));
    return less(length, least) | ip.is_last_hop() | equal(protocol, every(kProtocolIpip)) |
           (is.udp & equal(third & every(0xffff), every(kTunnelData))) |
           (is.tcp & fourth & every(TcpHeader::kSyn << 8));
}

/// Where four packets go.
struct QuadChosen {
    QuadChosen(Chosen a, Chosen b, Chosen c, Chosen d) noexcept : mtu{a.mtu, b.mtu, c.mtu, d.mtu} {
        const auto first = reinterpret_cast<Quad>(QuadPair{a.uplink.bits(), b.uplink.bits()});
        const auto second = reinterpret_cast<Quad>(QuadPair{c.uplink.bits(), d.uplink.bits()});
        care_of = __builtin_shufflevector(first, second, 1, 3, 5, 7);
        rest = __builtin_shufflevector(first, second, 0, 2, 4, 6);
    }

    Quad port() const noexcept { return rest & every(0xffff0000); }
    /// Not zero where it is not the uplink that a rule names first, or not up.
    Quad is_not(const policy::Leads& leads) const noexcept {
        const Quad named = {leads[0].bits(), leads[1].bits(), leads[2].bits(), leads[3].bits()};
        return (rest ^ named) & every(policy::Lead::kUplink);
    }

    Quad care_of;
    Quad rest;  ///< the lower halves of UplinkWords
    Quad mtu;
};

/// What the packets' nodes have.
struct QuadNodes {
    const tables::Policy* policy;  ///< the first one's
    std::uintptr_t differ;         ///< not 0: `leads_apart`
    std::uint32_t orders;          ///< all bits that are set in one of them
};

/// False: an address is nobody's.
[[gnu::always_inline]] inline bool Pipeline::read_bindings(const Express* packets, QuadNodes& nodes) {
    nodes = {};
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        const tables::Binding* binding = packets[i].binding;
        if (!tables::Directory::Reader::has_page(binding)) [[unlikely]] {
            return false;
        }
        nodes.orders |= binding->order.load(std::memory_order_acquire);
        const tables::Policy* policy = binding->policy.load(std::memory_order_acquire);
        nodes.policy = i == 0 ? policy : nodes.policy;
        nodes.differ |= reinterpret_cast<std::uintptr_t>(policy) ^ reinterpret_cast<std::uintptr_t>(nodes.policy);
    }
    nodes.differ |= nodes.policy == nullptr ? 1 : 0;
    return true;
}

/// `may_come_from` for four.
[[gnu::always_inline]] inline bool Pipeline::may_come_from(const Express* packets) const {
    const tables::Routes::Reader routes = routes_;  // at hand
    const auto foreign = [&](unsigned i) { return routes.foreign_octet(packets[i].ip->source); };
    return (foreign(0) & foreign(1) & foreign(2) & foreign(3)) != 0 || may_be_foreign(packets);
}

[[gnu::cold, gnu::noinline]] inline bool Pipeline::may_be_foreign(const Express* packets) const {
    const auto may = [&](unsigned i) { return may_come_from(packets[i].ip->source); };
    return may(0) && may(1) && may(2) && may(3);
}

/// Of the quad that begins with these.
[[gnu::always_inline]] inline const Prospect& Pipeline::prospect_of(const Express* packets) const {
    return prospects_[static_cast<std::size_t>(packets - express_.data()) / kQuad];
}

/// `lead_of` for four, whose nodes mostly have one policy: those of an operator, of a fleet.
template <bool kIndexed>
[[gnu::always_inline]] inline policy::Leads Pipeline::leads_of(const Express* packets, Quad sources,
                                                               const QuadNodes& nodes) {
    if (nodes.differ != 0) [[unlikely]] {
        return leads_apart<kIndexed>(packets);
    }
    const policy::Table& table = nodes.policy->table;
    if (kIndexed) {
        if (const Prospect& prospect = prospect_of(packets); prospect.table == &table) [[likely]] {
            return prospect.found();
        }
    }
    return table.flat() ? table.firsts(swapped(sources)) : leads_of_large(sources, table);
}

/// Nobody has looked them up in advance.
[[gnu::noinline]] inline policy::Leads Pipeline::leads_of_large(Quad sources, const policy::Table& table) {
    large_seen_ = true;
    return table.firsts(swapped(sources));
}

/// The nodes have several policies, or some have none.
template <bool kIndexed>
[[gnu::noinline]] policy::Leads Pipeline::leads_apart(const Express* packets) {
    const auto policy_of = [&](std::size_t i) { return packets[i].binding->policy.load(std::memory_order_acquire); };
    if (kIndexed) {
        const Prospect& prospect = prospect_of(packets);
        const auto has = [&](std::size_t i) {
            const tables::Policy* policy = policy_of(i);
            return policy != nullptr && &policy->table == prospect.apart[i];
        };
        if (prospect.is_apart && has(0) && has(1) && has(2) && has(3)) [[likely]] {
            return prospect.found();
        }
    }
    policy::Leads leads;
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kQuad; ++i) {
        const tables::Policy* policy = policy_of(i);
        leads[i] = policy == nullptr ? policy::Lead{0, 0}
                                     : lead_of<kIndexed>(packets[i], packets[i].ip->from(), policy->table);
    }
    return leads;
}

/// `choose` for four. Step by step: what one packet's step waits for is the one before, not another packet's.
template <bool kIndexed>
[[gnu::always_inline]] inline QuadChosen Pipeline::choose_quad(const Express* packets, const policy::Leads& leads) {
    const auto first = [&](unsigned i) { return likely_uplink(*packets[i].binding, leads[i].preferred()); };
    QuadChosen chosen{first(0), first(1), first(2), first(3)};
    if (any(chosen.is_not(leads))) [[unlikely]] {
        chosen = choose_again<kIndexed>(packets);
    }
    chosen.care_of = in_memory(chosen.care_of);
    return chosen;
}

template <bool kIndexed>
[[gnu::cold, gnu::noinline]] QuadChosen Pipeline::choose_again(const Express* packets) {
    const auto one = [&](unsigned i) { return choose<kIndexed>(packets[i], packets[i].ip->from()); };
    return QuadChosen{one(0), one(1), one(2), one(3)};
}

/// Whether all leave the same way, which `egress_` becomes.
[[gnu::always_inline]] inline bool Pipeline::find_one_egress(const Express* packets, Quad to) {
    find_egress(be32::from_raw(to[0]), packets[0]);
    const tables::Routes::Reader routes = routes_;  // at hand
    const std::uint64_t way = egress_.gateway_route;
#pragma GCC unroll 4
    for (unsigned i = 1; i < kQuad; ++i) {
        const be32 care_of = be32::from_raw(to[i]);
        if (routes.octet_cell(care_of) != way && routes.first_cell(care_of) != way &&
            !egress_leads_to(wire::Ipv4Address{care_of})) [[unlikely]] {
            return leave_one_by_one();
        }
    }
    return true;
}

/// Four packets to nodes from frame to frame. False: they are as they came.
template <bool kIndexed>
[[gnu::always_inline]] inline bool Pipeline::quad_encap(rte_mbuf** frames, const Express* packets, Quad& bytes) {
    const QuadFrames quad = look_at(frames, packets);
    const auto [beginning, fragment, hops, source] = words_at(quad.headers, 0);
    const QuadHeader ip{beginning, fragment, hops};
    const Quad length = ip.length();
    // In two parts, so that all fit in the registers.
    if (any(quad.unusual | ip.is_fragment() | less(quad.length, length + every(sizeof(EthernetHeader))))) [[unlikely]] {
        return false;
    }
    const auto [third, fourth] = two_words_at<2, 3>(quad.headers, sizeof(Ipv4Header));
    if (any(may_not_enter_tunnel(ip, length, third, fourth)) || !may_come_from(packets)) [[unlikely]] {
        return false;
    }
    QuadNodes nodes;
    if (!read_bindings(packets, nodes) || (nodes.orders & kNotHere) != 0) [[unlikely]] {
        return false;
    }
    const QuadChosen chosen = choose_quad<kIndexed>(packets, leads_of<kIndexed>(packets, source, nodes));
    if (any(less(chosen.mtu, length)) || !find_one_egress(packets, chosen.care_of)) [[unlikely]] {
        return false;
    }
    if (any(less(egress_.summed_mtus, length))) [[unlikely]] {
        return leave_one_by_one();
    }
    enter_tunnels(frames, packets, ip, chosen);
    bytes += length;
    return true;
}

/// `enter_tunnel` of four, for a device that computes both checksums.
[[gnu::always_inline]] inline void Pipeline::enter_tunnels(rte_mbuf** frames, const Express* packets,
                                                           const QuadHeader& ip, const QuadChosen& chosen) {
    const Quad hops = one_hop_less(ip.hops);
    std::array<Ipv4Header*, kQuad> inner;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        inner[i] = packets[i].ip;
        store_word(&inner[i]->ttl, hops, i);
    }
    const Quad length = ip.length();
    egress_.outer.write(inner, {.beginning = ip.beginning,
                                .length = length + every(sizeof(TunnelHeaders)),
                                .care_of = chosen.care_of,
                                .port = chosen.port()});
    const QuadLengths lengths{length + every(OuterFrame::kSize)};
    const Quad descriptor = usual_.moved(-static_cast<int>(sizeof(TunnelHeaders)), egress_.tunnel_flags);
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        rte_mbuf& frame = *frames[i];
        UsualDescriptor::put(frame, descriptor);
        frame.tx_offload = kTunnelOffload;
        lengths.put(frame, i);
    }
}

}  // namespace homeward::pipeline
