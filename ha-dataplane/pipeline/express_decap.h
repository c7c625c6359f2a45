#pragma once

#include <homeward/tunnel.h>

#include <bit>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "way_out.h"

/// The express lane's way up: of express.cpp's one loop, and inlined there.
namespace homeward::pipeline {

/// A tunnel header with IPv4 behind it and no number, as it lies in memory.
constexpr std::uint32_t kPlainTunnelData =
    std::bit_cast<std::uint32_t>(TunnelHeader{HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, {}});

/// What the general stages alone deal with: options, fragments, ICMP (echoes), nesting, SYNs, our own tunnel port.
[[gnu::always_inline]] inline bool may_leave_tunnel_plainly(const Ipv4Header& inner, unsigned length,
                                                            be16 tunnel_port) {
    constexpr std::uint16_t kFragment = be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw();
    const auto* transport = reinterpret_cast<const std::uint8_t*>(&inner + 1);
    if (inner.version_ihl != 0x45 || (inner.fragment.raw() & kFragment) != 0 || inner.ttl <= 1) [[unlikely]] {
        return false;
    }
    if (inner.protocol == kProtocolUdp) [[likely]] {
        return length >= sizeof inner + sizeof(UdpHeader) &&
               reinterpret_cast<const UdpHeader*>(transport)->destination_port != tunnel_port;
    }
    if (inner.protocol == kProtocolTcp) {
        return length >= sizeof inner + sizeof(TcpHeader) &&
               (reinterpret_cast<const TcpHeader*>(transport)->flags & TcpHeader::kSyn) == 0;
    }
    return length >= sizeof inner && inner.protocol != kProtocolIcmp && inner.protocol != kProtocolIpip;
}

/// The device's word that it is right, no checksum at all, or a look at every byte.
[[gnu::always_inline]] inline bool udp_checksum_holds(const rte_mbuf& mbuf, const TunnelHeaders& headers) {
    if ((mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD) [[likely]] {
        return true;
    }
    std::uint16_t sum = 0;
    return headers.udp.checksum == be16{0} ||
           (udp_sum(&mbuf, sizeof(EthernetHeader) + sizeof(Ipv4Header), headers.ip, headers.udp.length, sum) &&
            sum == 0xffff);
}

/// To a correspondent that is no node, and so not to its source either.
[[gnu::always_inline]] inline bool Pipeline::leads_outside(const Ipv4Header& inner) const {
    return directory_.elsewhere(inner.destination) ||
           (inner.to().is_unicast() && directory_.slot(inner.to()) == nullptr);
}

/// Everything that does not depend on the way out.
[[gnu::always_inline]] inline bool Pipeline::may_decap(const Express& packet, const TunnelHeaders& headers,
                                                       const Ipv4Header& inner, unsigned length) const {
    const unsigned udp_length = headers.udp.length.host();
    return udp_length + sizeof(Ipv4Header) <= packet.length &&
           sizeof(UdpHeader) + sizeof(TunnelHeader) + length <= udp_length && headers.ip.ecn() == 0 &&
           may_leave_tunnel_plainly(inner, length, tunnel_port_) && plain_header_holds(inner) &&
           packet.binding->has_tuple(headers.ip.source, headers.udp.source_port) && leads_outside(inner) &&
           udp_checksum_holds(*packet.mbuf, headers);
}

/// Tunnel data from frame to frame. False: the packet is as it came.
[[gnu::always_inline]] inline bool Pipeline::express_decap(const Express& packet, std::uint32_t& bytes) {
    rte_mbuf& mbuf = *packet.mbuf;
    auto& headers = *reinterpret_cast<TunnelHeaders*>(packet.ip);
    auto& inner = *reinterpret_cast<Ipv4Header*>(&headers + 1);
    const unsigned length = inner.total_length.host();
    if (!may_decap(packet, headers, inner, length)) [[unlikely]] {
        return false;
    }
    find_egress(inner.destination, packet);
    if (length > egress_.mtu) [[unlikely]] {
        return false;
    }
    decrement_ttl(inner);
    mbuf.ol_flags = usual_.lent();
    bytes += length;
    std::memcpy(reinterpret_cast<std::uint8_t*>(&inner) - sizeof(EthernetHeader), &egress_.header,
                sizeof egress_.header);
    leave(mbuf, sizeof headers, static_cast<unsigned>(sizeof(EthernetHeader)) + length);
    return true;
}

}  // namespace homeward::pipeline
