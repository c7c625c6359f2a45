#pragma once

#include <homeward/tunnel.h>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "uplink_choice.h"
#include "way_out.h"

/// The express lane's way down: of express.cpp's one loop, and inlined there.
namespace homeward::pipeline {

/// What the general stages alone deal with: SYNs, what may be a tunnel of ours that comes round, and the last hop of a
/// TTL.
[[gnu::always_inline]] inline bool may_enter_tunnel_plainly(const Ipv4Header& ip, unsigned length) {
    const auto* transport = reinterpret_cast<const std::uint8_t*>(&ip + 1);
    if (ip.ttl <= 1) [[unlikely]] {
        return false;
    }
    if (ip.protocol == kProtocolUdp) [[likely]] {
        const unsigned framing = sizeof(UdpHeader) + sizeof(TunnelHeader);
        return length >= sizeof ip + framing && (transport[sizeof(UdpHeader)] != HOMEWARD_TUNNEL_TYPE_DATA ||
                                                 transport[sizeof(UdpHeader) + 1] != HOMEWARD_NEXT_HEADER_IPV4);
    }
    if (ip.protocol == kProtocolTcp) {
        return length >= sizeof ip + sizeof(TcpHeader) &&
               (reinterpret_cast<const TcpHeader*>(transport)->flags & TcpHeader::kSyn) == 0;
    }
    return length >= sizeof ip && ip.protocol != kProtocolIpip;
}

/// A source that somebody outside has.
[[gnu::always_inline]] inline bool Pipeline::may_come_from(be32 source) const {
    return routes_.foreign(source) || may_be_foreign(wire::Ipv4Address{source});
}

[[gnu::cold, gnu::noinline]] inline bool Pipeline::may_be_foreign(wire::Ipv4Address source) const {
    return source.is_unicast() && source != wire::Ipv4Address{home_agent_} &&
           routes_.lookup(source).kind() != tables::RouteKind::local;
}

[[gnu::always_inline]] inline policy::Lead Pipeline::lead_now(wire::Ipv4Address source, const policy::Table& table) {
    if (!table.flat()) [[unlikely]] {
        large_seen_ = true;
    }
    return table.first(source);
}

/// To the first choice for the packet's source, looked up in advance or now.
template <bool kIndexed>
[[gnu::always_inline]] inline policy::Lead Pipeline::lead_of(const Express& packet, wire::Ipv4Address source,
                                                             const policy::Table& table) {
    if (kIndexed) {
        const auto number = static_cast<std::size_t>(&packet - express_.data());
        const Prospect& prospect = prospects_[number / kQuad];
        if (prospect.table_of(number % kQuad) == &table) {
            return prospect.found(number % kQuad);
        }
    }
    return lead_now(source, table);
}

/// In `order` of a binding whose way down is not the lane's.
constexpr std::uint32_t kNotHere = tables::Binding::kSecondLine | tables::Binding::kNumbered | tables::Binding::kPlain;

/// The uplink that the rule names, or the first of the node's order that is up.
template <bool kIndexed>
[[gnu::always_inline]] inline Chosen Pipeline::choose(const Express& packet, wire::Ipv4Address source) {
    const tables::Binding& binding = *packet.binding;
    if ((binding.order.load(std::memory_order_acquire) & kNotHere) != 0) [[unlikely]] {
        return {};
    }
    const tables::Policy* policy = binding.policy.load(std::memory_order_acquire);
    if (policy == nullptr) [[unlikely]] {
        return any_uplink(binding, tables::UplinkWord::kUp, tables::UplinkWord::kUp);
    }
    const policy::Lead lead = lead_of<kIndexed>(packet, source, policy->table);
    const Chosen likely = likely_uplink(binding, lead.preferred());
    if (is_preferred_and_up(likely.uplink, lead)) [[likely]] {
        return likely;
    }
    return uplink_by_list(binding, policy->table.choice(lead), *packet.ip);
}

[[gnu::always_inline]] inline OuterFrame::Packet Pipeline::outer_of(const Ipv4Header& ip, unsigned length,
                                                                    tables::UplinkWord uplink) {
    return {.tos = ip.tos, .length = static_cast<std::uint16_t>(length + sizeof(TunnelHeaders)), .uplink = uplink};
}

/// Puts the tunnel's headers and the Ethernet header in front; the packet leaves by `egress_`. `kSummed`: the device
/// computes both checksums.
template <bool kSummed>
[[gnu::always_inline]] inline void Pipeline::enter_tunnel(rte_mbuf& mbuf, Ipv4Header& ip, unsigned length,
                                                          tables::UplinkWord uplink) {
    decrement_ttl(ip);
    auto* begin = reinterpret_cast<std::uint8_t*>(&ip) - OuterFrame::kSize;
    egress_.outer.write<kSummed>(begin, outer_of(ip, length, uplink));
    mbuf.ol_flags = egress_.tunnel_flags | usual_.lent();
    if (kSummed || egress_.checksum_offload) {
        mbuf.tx_offload = kTunnelOffload;
    }
    leave(mbuf, -static_cast<int>(sizeof(TunnelHeaders)), OuterFrame::kSize + length);
    if (!kSummed && !egress_.checksum_offload) {
        finish_checksums(mbuf, *reinterpret_cast<TunnelHeaders*>(begin + sizeof(EthernetHeader)), false,
                         egress_.udp_offload);
    }
}

/// False: it is too long. Not inlined, so that the loop's registers go to what nearly every packet needs.
[[gnu::noinline]] inline bool Pipeline::enter_tunnel_unsummed(rte_mbuf& mbuf, Ipv4Header& ip, unsigned length,
                                                              tables::UplinkWord uplink) {
    if (length > egress_.tunnel_mtu) {
        return false;
    }
    enter_tunnel<false>(mbuf, ip, length, uplink);
    return true;
}

/// A packet to a node from frame to frame. False: the packet is as it came.
template <bool kIndexed>
[[gnu::always_inline]] inline bool Pipeline::express_encap(const Express& packet, std::uint32_t& bytes) {
    rte_mbuf& mbuf = *packet.mbuf;
    Ipv4Header& ip = *packet.ip;
    const unsigned length = packet.length;
    if (!may_enter_tunnel_plainly(ip, length) || !may_come_from(ip.source)) [[unlikely]] {
        return false;
    }
    const Chosen chosen = choose<kIndexed>(packet, ip.from());
    if (length > chosen.mtu) [[unlikely]] {
        return false;
    }
    find_egress(chosen.uplink.wire_care_of(), packet);
    if (length <= egress_.summed_mtu) [[likely]] {
        enter_tunnel<true>(mbuf, ip, length, chosen.uplink);
    } else if (!enter_tunnel_unsummed(mbuf, ip, length, chosen.uplink)) {
        return false;
    }
    bytes += length;
    return true;
}

}  // namespace homeward::pipeline
