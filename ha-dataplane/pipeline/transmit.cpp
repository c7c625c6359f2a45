#include "checksum.h"
#include "pipeline/pipeline.h"
#include "way_out.h"

namespace homeward::pipeline {

using stats::Drop;
using tables::NeighbourState;
using tables::NeighbourWord;
using tables::Route;
using tables::RouteKind;

/// An IP packet without a frame, complete but for the tunnel's checksums, to wherever its destination is routed.
void Pipeline::transmit(Packet& packet) {
    const Route route = routes_.lookup(packet.ip->to());
    if (route.kind() == RouteKind::unicast) {
        return transmit_unicast(packet, route);
    }
    if (route.kind() == RouteKind::local && !packet.wrapped) {
        return inject(packet, route.port() != tables::kNoPort ? route.port() : packet.port);
    }
    no_way(packet, route.kind());
}

void Pipeline::no_way(Packet& packet, RouteKind kind) {
    switch (kind) {
        case RouteKind::broadcast:
            return drop(packet, Drop::forward_broadcast);
        case RouteKind::blackhole:
            return drop(packet, Drop::forward_blackhole);
        case RouteKind::unreachable:
            icmp_error(packet, IcmpHeader::kUnreachable, IcmpHeader::kHostUnreachable);
            return drop(packet, Drop::forward_unreachable);
        case RouteKind::prohibit:
            icmp_error(packet, IcmpHeader::kUnreachable, IcmpHeader::kProhibited);
            return drop(packet, Drop::forward_unreachable);
        default:
            icmp_error(packet, IcmpHeader::kUnreachable, IcmpHeader::kNetUnreachable);
            return drop(packet, Drop::forward_no_route);
    }
}

void Pipeline::transmit_unicast(Packet& packet, Route route) {
    if (route.port() >= tables::kMaxPorts || !shared_->ports[route.port()].present ||
        !shared_->ports[route.port()].up) {
        return drop(packet, Drop::forward_port_down);
    }
    const tables::Port& port = shared_->ports[route.port()];
    if (packet.length() > port.mtu) {
        return too_big_for_port(packet, port.mtu);
    }
    const wire::Ipv4Address next = route.gateway().is_zero() ? packet.ip->to() : route.gateway();
    if (packet.wrapped && packet.ip->protocol == kProtocolUdp) {
        finish_checksums(*packet.mbuf, *reinterpret_cast<TunnelHeaders*>(packet.ip), port.tx_checksum_offload,
                         port.tx_udp_offload);
    }
    if (rte_pktmbuf_prepend(packet.mbuf, sizeof(EthernetHeader)) == nullptr) {
        return drop(packet, Drop::forward_no_headroom);
    }
    const NeighbourWord neighbour = neighbours_.lookup(route.port(), next);
    if (!neighbour.usable()) {
        return hold(route.port(), next, packet.mbuf);
    }
    if (neighbour.state() == NeighbourState::stale &&
        request_limit_.allow(std::uint64_t{route.port()} << 32 | next.host(), now_, tsc_hz_, 1)) {
        request({.kind = Request::Kind::neighbour_in_use, .port = route.port(), .address = next.host()});
    }
    send(route.port(), neighbour, packet.mbuf);
}

/// RFC 1191 and 791. A tunnel packet that its own port cannot carry lowers its tunnel's MTU as if a router had said so.
void Pipeline::too_big_for_port(Packet& packet, std::uint16_t mtu) {
    if (packet.wrapped) {
        request({.kind = Request::Kind::path_mtu,
                 .port = packet.uplink.port(),
                 .address = packet.uplink.care_of(),
                 .mtu = static_cast<std::uint16_t>(mtu - sizeof(TunnelHeaders))});
        return drop(packet, Drop::encap_path_too_big);
    }
    if (packet.ip->dont_fragment()) {
        icmp_error(packet, IcmpHeader::kUnreachable, IcmpHeader::kFragmentationNeeded, mtu);
        return drop(packet, Drop::forward_too_big);
    }
    fragment(packet, mtu, &Pipeline::transmit);
}

/// Outer IP and, unless zero was configured, UDP: by the port what it can, the rest here. `offload`: both;
/// `udp_offload`: UDP. `mbuf` reaches to the packet's end and begins somewhere before `headers`.
void Pipeline::finish_checksums(rte_mbuf& mbuf, TunnelHeaders& headers, bool offload, bool udp_offload) const {
    const bool compute = shared_->settings.udp_checksum == ipc::Checksum::compute;
    udp_offload = (offload || udp_offload) && compute;
    if (offload || udp_offload) {
        request_offloads(mbuf, offload, udp_offload);
    }
    if (!offload) {
        headers.ip.checksum = plain_checksum(headers.ip);
    }
    if (udp_offload) {
        headers.udp.checksum = pseudo_sum(headers.ip, headers.udp.length);
        return;
    }
    std::uint16_t sum = 0;
    const auto offset = static_cast<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(&headers.udp) -
                                                   rte_pktmbuf_mtod(&mbuf, const std::uint8_t*));
    if (compute && udp_sum(&mbuf, offset, headers.ip, headers.udp.length, sum)) {
        // Zero would say that there is no checksum (RFC 768).
        headers.udp.checksum = be16::from_raw(sum == 0xffff ? sum : static_cast<std::uint16_t>(~sum));
    }
}

void Pipeline::send(std::uint16_t port, NeighbourWord neighbour, rte_mbuf* mbuf) {
    *rte_pktmbuf_mtod(mbuf, EthernetHeader*) = {neighbour.mac(), shared_->ports[port].mac, be16{kEtherTypeIpv4}};
    push_tx(port, mbuf);
}

}  // namespace homeward::pipeline
