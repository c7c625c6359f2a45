#include "checksum.h"
#include "pipeline/pipeline.h"
#include "way_out.h"

namespace homeward::pipeline {
namespace {

using tables::Binding;

/// What the general stages alone deal with: options, fragments, ICMP (echoes), nesting, SYNs, our own tunnel port.
bool ordinary(const Ipv4Header& inner, std::uint16_t tunnel_port) {
    if (inner.version_ihl != 0x45 || inner.is_fragment() || inner.ttl <= 1) {
        return false;
    }
    const auto* transport = reinterpret_cast<const std::uint8_t*>(&inner + 1);
    const unsigned length = inner.total_length.host();
    switch (inner.protocol) {
        case kProtocolTcp:
            return length >= sizeof inner + sizeof(TcpHeader) &&
                   (reinterpret_cast<const TcpHeader*>(transport)->flags & TcpHeader::kSyn) == 0;
        case kProtocolUdp:
            return length >= sizeof inner + sizeof(UdpHeader) &&
                   reinterpret_cast<const UdpHeader*>(transport)->destination_port.host() != tunnel_port;
        case kProtocolIcmp:
        case kProtocolIpip:
            return false;
        default:
            return true;
    }
}

Ipv4Header& inner_of(const Express& packet) {
    return *reinterpret_cast<Ipv4Header*>(reinterpret_cast<TunnelHeaders*>(packet.ip) + 1);
}

}  // namespace

/// One of the binding's uplinks, up or not, is where the packet came from.
inline bool Pipeline::tuple_holds(const Express& packet, const UdpHeader& udp) const {
    bool holds = false;
    for (unsigned slot = 0; slot < Binding::kFirstLine; ++slot) {
        holds |= packet.binding->uplink(slot).has_tuple(packet.ip->source, udp.source_port);
    }
    return holds;
}

/// Everything that does not depend on the way out.
inline bool Pipeline::may_decap(const Express& packet) const {
    const auto& headers = *reinterpret_cast<const TunnelHeaders*>(packet.ip);
    const Ipv4Header& inner = inner_of(packet);
    const unsigned udp_length = headers.udp.length.host();
    const unsigned length = inner.total_length.host();
    const unsigned framing = sizeof(UdpHeader) + sizeof(TunnelHeader);
    if (udp_length > packet.ip->total_length.host() - sizeof(Ipv4Header) || length < sizeof(Ipv4Header) ||
        framing + length > udp_length || packet.ip->ecn() != 0 || !ordinary(inner, shared_->settings.tunnel_port) ||
        !plain_header_holds(inner) || !tuple_holds(packet, headers.udp) || !inner.to().is_unicast() ||
        inner.destination == inner.source || directory_.slot(inner.to()) != nullptr) {
        return false;
    }
    if (headers.udp.checksum == be16{0} ||
        (packet.mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
        return true;
    }
    std::uint16_t sum = 0;
    return udp_sum(packet.mbuf, sizeof(EthernetHeader) + sizeof(Ipv4Header), headers.ip, headers.udp.length, sum) &&
           sum == 0xffff;
}

/// Tunnel data from frame to frame. False: the packet is as it came.
bool Pipeline::express_decap(Express& packet) {
    Ipv4Header* inner = &inner_of(packet);
    const unsigned length = inner->total_length.host();
    if (!may_decap(packet) || !leads(inner->to()) || length > egress_.mtu) {
        return false;
    }
    decrement_ttl(*inner);
    forget_offloads(*packet.mbuf);
    carried_.up.add(length);
    auto* begin = reinterpret_cast<std::uint8_t*>(inner) - sizeof(EthernetHeader);
    std::memcpy(begin, &egress_.header, sizeof egress_.header);
    leave(packet.mbuf, begin, static_cast<unsigned>(sizeof(EthernetHeader)) + length);
    return true;
}

}  // namespace homeward::pipeline
