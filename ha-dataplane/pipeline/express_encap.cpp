#include <homeward/tunnel.h>

#include <algorithm>
#include <bit>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "way_out.h"

namespace homeward::pipeline {
namespace {

using stats::Event;
using tables::Binding;
using tables::UplinkWord;

/// What the general stages alone deal with: SYNs, what may be a tunnel of ours that comes round, sources nobody has,
/// and the last hop of a TTL.
bool ordinary(const Ipv4Header& ip, be32 home_agent) {
    const auto* transport = reinterpret_cast<const std::uint8_t*>(&ip + 1);
    const unsigned length = ip.total_length.host();
    if (ip.ttl <= 1 || !ip.from().is_unicast() || ip.source == home_agent) {
        return false;
    }
    switch (ip.protocol) {
        case kProtocolTcp:
            return length >= sizeof ip + sizeof(TcpHeader) &&
                   (reinterpret_cast<const TcpHeader*>(transport)->flags & TcpHeader::kSyn) == 0;
        case kProtocolUdp: {
            const unsigned framing = sizeof(UdpHeader) + sizeof(TunnelHeader);
            return length >= sizeof ip + framing && (transport[sizeof(UdpHeader)] != HOMEWARD_TUNNEL_TYPE_DATA ||
                                                     transport[sizeof(UdpHeader) + 1] != HOMEWARD_NEXT_HEADER_IPV4);
        }
        case kProtocolIpip:
            return false;
        default:
            return true;
    }
}

policy::FlowKey key_of(const Ipv4Header& ip) {
    policy::FlowKey key{.correspondent = ip.from(), .protocol = ip.protocol};
    if (has_ports(ip.protocol) && ip.total_length.host() >= sizeof ip + 2) {
        key.has_port = true;
        key.port = reinterpret_cast<const be16*>(&ip + 1)->host();
    }
    return key;
}

/// The slots of the binding's first line whose word fits, as bits: which of them it is decides no branch.
inline unsigned fitting(const Binding& binding, std::uint64_t mask, std::uint64_t wanted) {
    const auto fits = [&](unsigned slot) {
        return static_cast<unsigned>((binding.uplink(slot).bits() & mask) == wanted) << slot;
    };
    static_assert(Binding::kFirstLine == 4);
    return fits(0) | fits(1) | fits(2) | fits(3);
}

/// Of several slots, the one that the node prefers. Rare with a policy: uplinks of the same label.
[[gnu::cold, gnu::noinline]] unsigned first_in_order(std::uint32_t order, unsigned slots) {
    for (unsigned position = 0; position < Binding::count(order); ++position) {
        if ((slots >> Binding::slot(order, position) & 1) != 0) {
            return Binding::slot(order, position);
        }
    }
    return static_cast<unsigned>(std::countr_zero(slots));
}

}  // namespace

/// The first uplink of the rule, or of the node's order, that is up. A slot that is not in the order has an empty word,
/// or for a moment that of an uplink just going or coming.
inline bool Pipeline::choose(Express& packet) const {
    const Binding& binding = *packet.binding;
    const std::uint32_t order = binding.order.load(std::memory_order_acquire);
    const auto first_up = [&](std::uint64_t mask, std::uint64_t wanted) {
        const unsigned slots = fitting(binding, mask, wanted);
        if (slots == 0) {
            return false;
        }
        const unsigned slot =
            (slots & (slots - 1)) == 0 ? static_cast<unsigned>(std::countr_zero(slots)) : first_in_order(order, slots);
        packet.uplink = binding.uplink(slot);  // the writer may have changed it: it must fit still
        packet.tunnel_mtu = binding.mtu[slot].load(std::memory_order_relaxed);
        return (packet.uplink.bits() & mask) == wanted;
    };
    if ((order & Binding::kSecondLine) != 0) {
        return false;
    }
    if (packet.candidate == nullptr) {
        return first_up(UplinkWord::kUp, UplinkWord::kUp);
    }
    const policy::Candidate* candidate = packet.candidate;
    if (!candidate->unconditional()) {
        candidate = &policy::Table::decide(*candidate, key_of(*packet.ip));
    }
    return std::any_of(candidate->uplinks.begin(), candidate->uplinks.end(), [&](policy::Label name) {
        return first_up(UplinkWord::kUp | UplinkWord::kName,
                        UplinkWord::kUp | std::uint64_t{name} << UplinkWord::kNameShift);
    });
}

/// Everything that does not depend on the way out.
inline bool Pipeline::may_encap(Express& packet) const {
    const Ipv4Header& ip = *packet.ip;
    return ordinary(ip, home_agent_) && routes_.lookup(ip.from()).kind() != tables::RouteKind::local &&
           choose(packet) && ip.total_length.host() <= packet.tunnel_mtu &&
           rte_pktmbuf_headroom(packet.mbuf) >= sizeof(TunnelHeaders);
}

/// Puts the tunnel's headers and the Ethernet header in front and sends the packet by `egress`.
[[gnu::always_inline]] inline void Pipeline::enter_tunnel(const Express& packet, unsigned length,
                                                          const Egress& egress) {
    rte_mbuf& mbuf = *packet.mbuf;
    const auto outer_length = length + static_cast<unsigned>(sizeof(TunnelHeaders));
    auto* begin = reinterpret_cast<std::uint8_t*>(packet.ip) - OuterFrame::kSize;
    egress.outer.write(begin,
                       {.tos = std::uint64_t{packet.ip->tos} & tos_mask_,
                        .length = static_cast<std::uint16_t>(outer_length),
                        .id = outer_id_++,
                        .care_of = packet.uplink.wire_care_of(),
                        .port = packet.uplink.wire_port()},
                       egress.pseudo_sum);
    forget_offloads(mbuf, egress.tunnel_flags);
    if (egress.checksum_offload) {
        mbuf.tx_offload = kTunnelOffload;
    }
    leave(&mbuf, begin, static_cast<unsigned>(sizeof(EthernetHeader)) + outer_length);
    if (!egress.checksum_offload) {
        finish_checksums(mbuf, *reinterpret_cast<TunnelHeaders*>(begin + sizeof(EthernetHeader)), false,
                         egress.udp_offload);
    }
}

/// Packets to nodes from frame to frame: express_[first, end), or those before the one whose index is returned; that
/// one is as it came.
unsigned Pipeline::express_encap(unsigned first, unsigned end) {
    Tally tally;
    unsigned i = first;
    for (; i < end; ++i) {
        Express& packet = express_[i];
        const unsigned length = packet.ip->total_length.host();
        if (!may_encap(packet) || !leads(wire::Ipv4Address{packet.uplink.care_of()}) ||
            length + sizeof(TunnelHeaders) > egress_.mtu) {
            break;
        }
        decrement_ttl(*packet.ip);
        tally.add(length);
        enter_tunnel(packet, length, egress_);
    }
    counters_.count(Event::downlink_packets, tally.packets);
    counters_.count(Event::downlink_bytes, tally.bytes);
    return i;
}

}  // namespace homeward::pipeline
