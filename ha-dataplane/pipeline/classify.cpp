#include <homeward/tunnel.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {

using stats::Drop;

namespace {

/// Sums `length` bytes from `transport` on, and the pseudo header (RFC 768, RFC 9293).
std::uint16_t transport_checksum(const Packet& packet, const std::uint8_t* transport, unsigned length) {
    const Ipv4Header& ip = *packet.ip;
    const auto offset = static_cast<std::uint32_t>(transport - rte_pktmbuf_mtod(packet.mbuf, const std::uint8_t*));
    std::uint16_t sum = 0;
    rte_raw_cksum_mbuf(packet.mbuf, offset, length, &sum);
    return static_cast<std::uint16_t>(~fold(std::uint64_t{sum} + ip.source.raw() + ip.destination.raw() +
                                            be16{ip.protocol}.raw() + be16{static_cast<std::uint16_t>(length)}.raw()));
}

void complete_udp(Packet& packet) {
    std::uint8_t* transport = packet.transport(sizeof(UdpHeader));
    auto* udp = reinterpret_cast<UdpHeader*>(transport);
    if (udp == nullptr || udp->checksum == be16{0} ||
        udp->length.host() > packet.length() - packet.ip->header_length()) {
        return;  // zero: not used
    }
    udp->checksum = be16{0};
    const std::uint16_t sum = transport_checksum(packet, transport, udp->length.host());
    udp->checksum = be16::from_raw(sum == 0 ? 0xffff : sum);
}

void complete_tcp(Packet& packet) {
    std::uint8_t* transport = packet.transport(sizeof(TcpHeader));
    if (auto* tcp = reinterpret_cast<TcpHeader*>(transport); tcp != nullptr) {
        tcp->checksum = be16{0};
        tcp->checksum =
            be16::from_raw(transport_checksum(packet, transport, packet.length() - packet.ip->header_length()));
    }
}

}  // namespace

/// Decides by the headers alone, and asks for the table lines the next stages will touch.
void Pipeline::classify(Packet& packet) {
    if (rte_pktmbuf_data_len(packet.mbuf) < sizeof(EthernetHeader)) {
        return drop(packet, Drop::classify_short_frame);
    }
    const auto& ethernet = *rte_pktmbuf_mtod(packet.mbuf, const EthernetHeader*);
    const bool from_wire = packet.source == Source::wire;
    if (from_wire && !for_us(packet, ethernet)) {
        return drop(packet, Drop::classify_foreign_mac);
    }
    if (ethernet.type.host() == kEtherTypeArp) {
        return arp(packet);
    }
    if (ethernet.type.host() != kEtherTypeIpv4) {
        return from_wire ? to_kernel(packet, KernelClass::other) : leave_by_port(packet);
    }
    packet.ip = rte_pktmbuf_mtod_offset(packet.mbuf, Ipv4Header*, sizeof(EthernetHeader));
    if (!from_wire) {
        // What the kernel sends is its own responsibility; only a header that can be read is looked at.
        if (rte_pktmbuf_data_len(packet.mbuf) < sizeof(EthernetHeader) + sizeof(Ipv4Header)) {
            return leave_by_port(packet);
        }
        return expect_destination(packet);
    }
    if (!header_valid(packet)) {
        return;
    }
    complete_checksums(packet);
    if (is_outer_fragment(packet)) {
        return reassemble(packet);
    }
    is_tunnel_data(packet) ? expect_inner(packet) : expect_destination(packet);
}

bool Pipeline::for_us(Packet& packet, const EthernetHeader& ethernet) const {
    packet.link_group = (ethernet.destination[0] & 1) != 0;
    return packet.link_group || ethernet.destination == shared_->ports[packet.port].mac;
}

/// RFC 1812 §5.2.2. Drops the packet when false.
bool Pipeline::header_valid(Packet& packet) {
    const unsigned available = rte_pktmbuf_pkt_len(packet.mbuf) - static_cast<unsigned>(sizeof(EthernetHeader));
    const unsigned contiguous = rte_pktmbuf_data_len(packet.mbuf) - static_cast<unsigned>(sizeof(EthernetHeader));
    if (contiguous < sizeof(Ipv4Header)) {
        drop(packet, Drop::classify_short_frame);
        return false;
    }
    const Ipv4Header& ip = *packet.ip;
    const unsigned header = ip.header_length();
    if (ip.version_ihl >> 4 != 4 || header < sizeof(Ipv4Header) || header > contiguous ||
        ip.total_length.host() < header || ip.total_length.host() > available) {
        drop(packet, Drop::classify_bad_header);
        return false;
    }
    const std::uint64_t checked = packet.mbuf->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    if (checked == RTE_MBUF_F_RX_IP_CKSUM_BAD ||
        (checked == RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN && checksum_of(&ip, header) != be16{0})) {
        drop(packet, Drop::classify_bad_checksum);
        return false;
    }
    return true;
}

/// A neighbour on the same machine may leave checksums open, and the device then says that what came is right without
/// them (virtio). Whoever gets the packet from us expects them.
void Pipeline::complete_checksums(Packet& packet) {
    std::uint64_t& flags = packet.mbuf->ol_flags;
    if ((flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_NONE) {
        set_checksum(*packet.ip);
        flags = (flags & ~RTE_MBUF_F_RX_IP_CKSUM_MASK) | RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    }
    if ((flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        if (packet.ip->protocol == kProtocolUdp && !packet.ip->is_fragment()) {
            complete_udp(packet);
        } else if (packet.ip->protocol == kProtocolTcp && !packet.ip->is_fragment()) {
            complete_tcp(packet);
        }
        flags = (flags & ~RTE_MBUF_F_RX_L4_CKSUM_MASK) | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
    }
}

/// UDP to the end of our tunnels whose payload begins with type 4; of IP in IP what carries a node's packet: others may
/// have tunnels here too.
bool Pipeline::is_tunnel_data(const Packet& packet) const {
    const Ipv4Header& ip = *packet.ip;
    if (!shared_->settled || ip.destination.host() != shared_->settings.home_agent || ip.is_fragment()) {
        return false;
    }
    if (ip.protocol == kProtocolIpip) {
        const auto* inner = reinterpret_cast<const Ipv4Header*>(packet.transport(sizeof(Ipv4Header)));
        const tables::Binding* binding = inner == nullptr ? nullptr : directory_.slot(inner->from());
        return binding != nullptr && binding->bound();
    }
    if (ip.protocol != kProtocolUdp) {
        return false;
    }
    const std::uint8_t* transport = packet.transport(sizeof(UdpHeader) + 1);
    return transport != nullptr &&
           reinterpret_cast<const UdpHeader*>(transport)->destination_port.host() == shared_->settings.tunnel_port &&
           transport[sizeof(UdpHeader)] == HOMEWARD_TUNNEL_TYPE_DATA;
}

/// Tunnel data: the binding will be the one of the inner source, which so far nobody has checked.
void Pipeline::expect_inner(Packet& packet) {
    const unsigned framing = tunnel_framing(*packet.ip);
    const std::uint8_t* transport = packet.transport(framing + sizeof(Ipv4Header));
    if (transport != nullptr) {
        const auto& inner = *reinterpret_cast<const Ipv4Header*>(transport + framing);
        packet.through = directory_.slot(inner.from());
        rte_prefetch0(packet.through);
    }
    tunnelled_.push(&packet);
}

void Pipeline::expect_destination(Packet& packet) {
    packet.binding = directory_.slot(packet.ip->to());
    rte_prefetch0(packet.binding);
    routes_.prefetch(packet.ip->destination);
    arrived_.push(&packet);
}

}  // namespace homeward::pipeline
