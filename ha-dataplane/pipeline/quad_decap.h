#pragma once

#include "express_decap.h"
#include "pipeline/quad.h"
#include "quad_frames.h"
#include "quad_header.h"

/// The express lane's way up for four packets side by side. The checks are those of `sort_tunnelled` and
/// express_decap.h; packets of which one fails go that way, one by one.
namespace homeward::pipeline {

/// Not zero where `may_leave_tunnel_plainly` is false. `ports` and `fourth`: words of the transport headers.
[[gnu::always_inline]] inline Quad may_not_leave_tunnel(const QuadHeader& inner, Quad length, Quad ports, Quad fourth,
                                                        be16 tunnel_port) {
    const Quad protocol = inner.protocol();
    const QuadProtocol is{protocol};
    const Quad least =
        every(sizeof(Ipv4Header)) + (is.udp & every(sizeof(UdpHeader))) + (is.tcp & every(sizeof(TcpHeader)));
    return less(length, least) | inner.is_last_hop() | inner.is_fragment() |
           ((inner.beginning ^ every(0x45)) & every(0xff)) | equal(protocol, every(kProtocolIpip)) |
           equal(protocol, every(kProtocolIcmp)) | (is.udp & equal(ports >> 16, every(tunnel_port.raw()))) |
           (is.tcp & fourth & every(TcpHeader::kSyn << 8));
}

/// Not zero where `plain_header_holds` is false.
[[gnu::always_inline]] inline Quad header_does_not_hold(const QuadHeader& ip, Quad source, Quad destination) {
    const Quad sum =
        halves(ip.beginning) + halves(ip.fragment) + halves(ip.hops) + halves(source) + halves(destination);
    return halves(sum) ^ every(0xffff);
}

/// The headers of a tunnel and of the packet in it.
struct Tunnelled {
    explicit Tunnelled(const Express& packet) noexcept
        : outer(*reinterpret_cast<TunnelHeaders*>(packet.ip)), inner(*reinterpret_cast<Ipv4Header*>(&outer + 1)) {}

    TunnelHeaders& outer;
    Ipv4Header& inner;
};

/// Whether the packet's binding has this care-of address and port, and the datagram is right.
[[gnu::always_inline]] inline bool Pipeline::comes_from_its_node(const rte_mbuf& frame, const Express& packet,
                                                                 const TunnelHeaders& outer) const {
    return tables::Directory::Reader::has_page(packet.binding) &&
           packet.binding->has_tuple(outer.ip.source, outer.udp.source_port) &&
           (usual_.transport_holds() || udp_checksum_holds(frame, outer));
}

/// Whether all come from their nodes and leave to the outside the same way, which `egress_` becomes.
[[gnu::always_inline]] inline bool Pipeline::lead_through(rte_mbuf** frames, const Express* packets) {
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        const auto [outer, inner] = Tunnelled{packets[i]};
        if (!comes_from_its_node(*frames[i], packets[i], outer) || !leads_outside(inner)) [[unlikely]] {
            return false;
        }
        if (i == 0) {
            find_egress(inner.destination, packets[0]);
        } else if (!leads_to_egress(inner.destination) && !egress_leads_to(inner.to())) [[unlikely]] {
            return leave_one_by_one();
        }
    }
    return true;
}

/// Tunnel data of four packets from frame to frame. False: they are as they came, or `egress_` is the first one's.
[[gnu::always_inline]] inline bool Pipeline::quad_decap(rte_mbuf** frames, const Express* packets, Quad& bytes) {
    const QuadFrames quad = look_at(frames, packets);
    const auto [outer_beginning, outer_fragment, outer_hops, care_of] = words_at(quad.headers, 0);
    const QuadHeader outer{outer_beginning, outer_fragment, outer_hops};
    const Quad outer_length = outer.length();
    // In parts, so that all fit in the registers.
    if (any(quad.unusual | outer.is_fragment() | less(quad.length, outer_length + every(sizeof(EthernetHeader))) |
            (outer.protocol() ^ every(kProtocolUdp)) | (outer.beginning & every(0x300)))) [[unlikely]] {
        return false;
    }
    const auto [ports, udp, tunnel, beginning] = words_at(quad.headers, sizeof(Ipv4Header));
    const Quad udp_length = lower_number(udp);
    const Quad length = upper_number(beginning);
    if (any(less(outer_length, udp_length + every(sizeof(Ipv4Header))) |
            less(udp_length, length + every(sizeof(UdpHeader) + sizeof(TunnelHeader))) |
            ((ports >> 16) ^ every(tunnel_port_.raw())) | (tunnel ^ every(kPlainTunnelData)))) [[unlikely]] {
        return false;
    }
    const auto [fragment, hops, source, destination] = words_at(quad.headers, sizeof(TunnelHeaders) + 4);
    const QuadHeader inner{beginning, fragment, hops};
    const auto [inner_ports, fourth] = two_words_at<0, 3>(quad.headers, sizeof(TunnelHeaders) + sizeof(Ipv4Header));
    if (any(may_not_leave_tunnel(inner, length, inner_ports, fourth, tunnel_port_) |
            header_does_not_hold(inner, source, destination))) [[unlikely]] {
        return false;
    }
    if (!lead_through(frames, packets)) [[unlikely]] {
        return false;
    }
    if (any(less(every(egress_.mtu), length))) [[unlikely]] {
        return false;
    }
    leave_tunnels(frames, packets, hops, length);
    bytes += length;
    return true;
}

[[gnu::always_inline]] inline void Pipeline::leave_tunnels(rte_mbuf** frames, const Express* packets, Quad hops,
                                                           Quad length) {
    const Quad hop_less = one_hop_less(hops);
    const EthernetHeader ethernet = egress_.header;
    const QuadLengths lengths{length + every(sizeof(EthernetHeader))};
    const Quad descriptor = usual_.moved(static_cast<int>(sizeof(TunnelHeaders)), 0);
#pragma GCC unroll 4
    for (unsigned i = 0; i < kQuad; ++i) {
        Ipv4Header& inner = Tunnelled{packets[i]}.inner;
        store_word(&inner.ttl, hop_less, i);
        std::memcpy(reinterpret_cast<std::uint8_t*>(&inner) - sizeof ethernet, &ethernet, sizeof ethernet);
        rte_mbuf& frame = *frames[i];
        UsualDescriptor::put(frame, descriptor);
        lengths.put(frame, i);
    }
}

}  // namespace homeward::pipeline
