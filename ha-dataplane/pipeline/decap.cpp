#include <homeward/tunnel.h>
#include <rte_ip.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <optional>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

using stats::Drop;
using stats::Event;

enum Ecn : std::uint8_t { kNotEct = 0, kEct1 = 1, kEct0 = 2, kCe = 3 };

constexpr std::uint8_t kEcnDrop = 0xff;

/// RFC 6040 §4.2, figure 4: [inner][outer].
constexpr std::uint8_t kMergedEcn[4][4] = {
    /* Not-ECT */ {kNotEct, kNotEct, kNotEct, kEcnDrop},
    /* ECT(1)  */ {kEct1, kEct1, kEct1, kCe},
    /* ECT(0)  */ {kEct0, kEct1, kEct0, kCe},
    /* CE      */ {kCe, kCe, kCe, kCe},
};

constexpr unsigned kFraming = sizeof(UdpHeader) + sizeof(TunnelHeader);

UdpHeader& udp_of(const Packet& packet) {
    return *reinterpret_cast<UdpHeader*>(packet.ip->payload());
}

const TunnelHeader& tunnel_of(const Packet& packet) {
    return *reinterpret_cast<const TunnelHeader*>(&udp_of(packet) + 1);
}

Ipv4Header& inner_of(const Packet& packet) {
    return *reinterpret_cast<Ipv4Header*>(packet.ip->payload() + tunnel_framing(*packet.ip));
}

}  // namespace

/// Checks everything before anything is changed; what fails is dropped in silence, under a name of its own.
void Pipeline::decap(Packet& packet) {
    const bool udp = packet.ip->protocol == kProtocolUdp;
    if ((udp && !udp_valid(packet)) || !inner_header_valid(packet) || !tuple_matches(packet)) {
        return;
    }
    const std::uint8_t outer_ecn = packet.ip->ecn();
    const std::uint16_t number = udp ? tunnel_of(packet).number.host() : std::uint16_t{0};
    Ipv4Header& inner = inner_of(packet);
    const auto front = reinterpret_cast<std::uint8_t*>(&inner) - rte_pktmbuf_mtod(packet.mbuf, std::uint8_t*);
    const unsigned behind = rte_pktmbuf_pkt_len(packet.mbuf) - static_cast<unsigned>(front) - inner.total_length.host();
    if (rte_pktmbuf_trim(packet.mbuf, static_cast<std::uint16_t>(behind)) != 0) {
        return drop(packet, Drop::decap_inner_header);
    }
    rte_pktmbuf_adj(packet.mbuf, static_cast<std::uint16_t>(front));
    forget_offloads(*packet.mbuf);
    packet.framed = false;
    packet.ip = &inner;
    packet.source = Source::tunnel;
    if (!inner_acceptable(packet, outer_ecn)) {
        return;
    }
    if (number != 0 && is_copy(packet, number)) {
        return drop(packet, Drop::decap_duplicate);
    }
    counters_.count(Event::uplink_packets);
    counters_.count(Event::uplink_bytes, packet.length());
    is_echo(packet) ? echo(packet) : expect_destination(packet);
}

/// Length and checksum; a zero checksum is accepted (RFC 8085 §3.4, IPv4).
bool Pipeline::udp_valid(Packet& packet) {
    const UdpHeader& udp = udp_of(packet);
    const unsigned available = packet.length() - packet.ip->header_length();
    if (udp.length.host() < kFraming + sizeof(Ipv4Header) || udp.length.host() > available) {
        drop(packet, Drop::decap_udp_length);
        return false;
    }
    const std::uint64_t checked = packet.mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
    if (udp.checksum == be16{0} || checked == RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
        return true;
    }
    std::uint16_t sum = 0;
    const auto offset = static_cast<std::uint32_t>(reinterpret_cast<const std::uint8_t*>(&udp) -
                                                   rte_pktmbuf_mtod(packet.mbuf, const std::uint8_t*));
    if (!udp_sum(packet.mbuf, offset, *packet.ip, udp.length, sum) || sum != 0xffff) {
        drop(packet, Drop::decap_udp_checksum);
        return false;
    }
    return true;
}

bool Pipeline::inner_header_valid(Packet& packet) {
    const unsigned framing = tunnel_framing(*packet.ip);
    if (framing != 0 && tunnel_of(packet).next_header != HOMEWARD_NEXT_HEADER_IPV4) {
        drop(packet, Drop::decap_next_header);
        return false;
    }
    const Ipv4Header& inner = inner_of(packet);
    const unsigned outer = packet.ip->header_length();
    const unsigned carried = framing != 0 ? udp_of(packet).length.host() : packet.length() - outer;
    const unsigned contiguous = packet.contiguous() - outer;
    const unsigned header = contiguous >= framing + sizeof inner ? inner.header_length() : 0;
    if (header < sizeof inner || inner.version_ihl >> 4 != 4 || framing + header > contiguous ||
        inner.total_length.host() < header || framing + inner.total_length.host() > carried) {
        drop(packet, Drop::decap_inner_header);
        return false;
    }
    if (checksum_of(&inner, header) != be16{0}) {
        drop(packet, Drop::decap_inner_checksum);
        return false;
    }
    return true;
}

/// The inner source must be a home address, and the outer tuple exactly one of its uplinks. An uplink that is down or
/// draining is valid here: what it still carries is the node's. An endpoint is never learnt from data.
bool Pipeline::tuple_matches(Packet& packet) {
    const tables::Binding* binding = packet.through;
    const std::uint32_t order = binding == nullptr ? 0 : binding->order.load(std::memory_order_acquire);
    if (tables::Binding::count(order) == 0) {
        drop(packet, Drop::decap_unknown_home_address);
        return false;
    }
    const be32 care_of = packet.ip->source;
    const be16 port = packet.ip->protocol == kProtocolUdp ? udp_of(packet).source_port : be16{0};
    for (unsigned position = 0; position < tables::Binding::count(order); ++position) {
        const unsigned slot = tables::Binding::slot(order, position);
        const tables::UplinkWord uplink = binding->uplink(slot);
        if (uplink.has_tuple(care_of, port)) {
            packet.uplink = uplink;
            packet.tunnel_mtu = binding->mtu(slot);
            return true;
        }
    }
    drop(packet, Drop::decap_wrong_tuple);
    return false;
}

bool Pipeline::inner_acceptable(Packet& packet, std::uint8_t outer_ecn) {
    const Ipv4Header& inner = *packet.ip;
    std::optional<Drop> reason;
    if (inner.ttl == 0) {
        reason = Drop::decap_ttl_zero;
    } else if (!merge_ecn(packet, outer_ecn)) {
        reason = Drop::decap_ecn;
    } else if (inner.protocol == kProtocolIpip) {
        reason = Drop::decap_nested;
    } else if (!inner.to().is_unicast() || inner.destination == inner.source) {
        reason = Drop::decap_bad_destination;
    } else if (is_registration(packet) && (inner.destination.host() == shared_->settings.home_agent ||
                                           routes_.lookup(inner.to()).kind() == tables::RouteKind::local)) {
        reason = Drop::decap_registration_inside;
    }
    if (reason) {
        drop(packet, *reason);
    }
    return !reason;
}

/// Of what a node sends over several uplinks the first to come counts. Only what is acceptable was noted as come.
bool Pipeline::is_copy(const Packet& packet, std::uint16_t number) const {
    const std::uint32_t numbered = packet.through->rest->numbered.load(std::memory_order_acquire);
    return numbered != 0 && !tables_.numberings().at(numbered).up.first(number, now_ / (tsc_hz_ / 1000));
}

/// RFC 6040: congestion marked outside is carried inside. False: the mark cannot be carried, the packet must go.
bool Pipeline::merge_ecn(Packet& packet, std::uint8_t outer_ecn) {
    Ipv4Header& inner = *packet.ip;
    const std::uint8_t merged = kMergedEcn[inner.ecn()][outer_ecn];
    if (merged == kEcnDrop) {
        return false;
    }
    if (merged != inner.ecn()) {
        const auto before = static_cast<std::uint16_t>(inner.version_ihl << 8 | inner.tos);
        inner.tos = static_cast<std::uint8_t>((inner.tos & 0xfc) | merged);
        inner.checksum =
            updated(inner.checksum, before, static_cast<std::uint16_t>(inner.version_ihl << 8 | inner.tos));
    }
    return true;
}

}  // namespace homeward::pipeline
