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

/// What the packets' nodes have. False: the lane sends to one of them nothing at all, or nothing from this source.
[[gnu::always_inline]] inline bool Pipeline::read_bindings(const Express* packets, Quad sources,
                                                           std::array<const tables::Policy*, kQuad>& policies) const {
    const tables::Routes::Reader routes = routes_;  // at hand
    std::uint32_t orders = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        const tables::Binding* binding = packets[i].binding;
        const be32 source = be32::from_raw(sources[i]);
        if (!tables::Directory::Reader::has_page(binding) ||
            !(routes.foreign(source) || may_be_foreign(wire::Ipv4Address{source}))) [[unlikely]] {
            return false;
        }
        orders |= binding->order.load(std::memory_order_acquire);
        policies[i] = binding->policy.load(std::memory_order_acquire);
    }
    return (orders & kNotHere) == 0;
}

/// `choose` for four. Step by step: what one packet's step waits for is the one before, not another packet's.
template <bool kIndexed>
[[gnu::always_inline]] inline std::array<Chosen, kQuad> Pipeline::choose_quad(
    const Express* packets, Quad sources, const std::array<const tables::Policy*, kQuad>& policies) {
    std::array<policy::Lead, kQuad> lead;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        const wire::Ipv4Address source{be32::from_raw(sources[i])};
        lead[i] =
            policies[i] == nullptr ? policy::Lead{0, 0} : lead_of<kIndexed>(packets[i], source, policies[i]->table);
    }
    std::array<Chosen, kQuad> chosen;
    std::uint32_t off = 0;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        chosen[i] = likely_uplink(*packets[i].binding, lead[i].preferred());
        off |= static_cast<std::uint32_t>(chosen[i].uplink.bits()) ^ lead[i].bits();
    }
    if ((off & policy::Lead::kUplink) != 0) [[unlikely]] {  // one is not as likely
#pragma GCC unroll 4
        for (unsigned i = 0; i < kQuad; ++i) {
            chosen[i] = choose_again<kIndexed>(packets[i]);
        }
    }
    return chosen;
}

template <bool kIndexed>
[[gnu::cold, gnu::noinline]] Chosen Pipeline::choose_again(const Express& packet) {
    return choose<kIndexed>(packet, packet.ip->from());
}

/// Whether all leave the same way, which `egress_` becomes.
[[gnu::always_inline]] inline bool Pipeline::find_one_egress(const Express* packets,
                                                             const std::array<Chosen, kQuad>& chosen) {
    find_egress(chosen[0].uplink.wire_care_of(), packets[0]);
    const tables::Routes::Reader routes = routes_;  // at hand
    const std::uint64_t way = egress_.gateway_route;
#pragma GCC unroll 4
    for (unsigned i = 1; i < kQuad; ++i) {
        const be32 care_of = chosen[i].uplink.wire_care_of();
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
    const Quad sources = by_itself(source);
    const QuadHeader ip{beginning, fragment, hops};
    const Quad length = ip.length();
    // In two parts, so that all fit in the registers.
    if (any(quad.unusual | ip.is_fragment() | less(quad.length, length + every(sizeof(EthernetHeader))))) [[unlikely]] {
        return false;
    }
    const auto [third, fourth] = two_words_at<2, 3>(quad.headers, sizeof(Ipv4Header));
    if (any(may_not_enter_tunnel(ip, length, third, fourth))) [[unlikely]] {
        return false;
    }
    std::array<const tables::Policy*, kQuad> policies;
    if (!read_bindings(packets, sources, policies)) [[unlikely]] {
        return false;
    }
    const std::array<Chosen, kQuad> chosen = choose_quad<kIndexed>(packets, sources, policies);
    const Quad mtu = {chosen[0].mtu, chosen[1].mtu, chosen[2].mtu, chosen[3].mtu};
    if (any(less(mtu, length)) || !find_one_egress(packets, chosen)) [[unlikely]] {
        return false;
    }
    if (any(less(every(egress_.summed_mtu), length))) [[unlikely]] {
        return leave_one_by_one();
    }
    enter_tunnels(frames, packets, ip, chosen);
    bytes += length;
    return true;
}

/// `enter_tunnel` of four, for a device that computes both checksums.
[[gnu::always_inline]] inline void Pipeline::enter_tunnels(rte_mbuf** frames, const Express* packets,
                                                           const QuadHeader& ip,
                                                           const std::array<Chosen, kQuad>& chosen) {
    const auto low = reinterpret_cast<Quad>(QuadPair{chosen[0].uplink.bits(), chosen[1].uplink.bits()});
    const auto high = reinterpret_cast<Quad>(QuadPair{chosen[2].uplink.bits(), chosen[3].uplink.bits()});
    const Quad hops = one_hop_less(ip.hops);
    std::array<Ipv4Header*, kQuad> inner;
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        inner[i] = packets[i].ip;
        store_word(&inner[i]->ttl, hops, i);
    }
    const Quad length = ip.length();
    egress_.outer.write(inner, {.beginning = ip.beginning & every(std::uint32_t{tos_mask_} << 8 | 0xff),
                                .length = length + every(sizeof(TunnelHeaders)),
                                .care_of = __builtin_shufflevector(low, high, 1, 3, 5, 7),
                                .port = __builtin_shufflevector(low, high, 0, 2, 4, 6) & every(0xffff0000)});
    const QuadLengths lengths{length + every(OuterFrame::kSize)};
    const Quad descriptor = usual_.moved(-static_cast<int>(sizeof(TunnelHeaders)), egress_.tunnel_flags);
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        UsualDescriptor::put(*frames[i], descriptor);
        frames[i]->tx_offload = kTunnelOffload;
        lengths.put(*frames[i], i);
    }
}

}  // namespace homeward::pipeline
