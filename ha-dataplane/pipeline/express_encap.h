#include <homeward/tunnel.h>

#include <algorithm>
#include <bit>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "policy/spread.h"
#include "way_out.h"

namespace homeward::pipeline {
namespace {

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

constexpr std::uint64_t kNamedAndUp = UplinkWord::kUp | UplinkWord::kName;

constexpr std::uint64_t up_as(policy::Label name) {
    return UplinkWord::kUp | std::uint64_t{name} << UplinkWord::kNameShift;
}

policy::FlowKey key_of(const Ipv4Header& ip) {
    policy::FlowKey key{.correspondent = ip.from(), .protocol = ip.protocol, .node = ip.to()};
    if (has_ports(ip.protocol) && ip.total_length.host() >= sizeof ip + 2 * sizeof(be16)) {
        const auto* ports = reinterpret_cast<const be16*>(&ip + 1);
        key.has_port = true;
        key.port = ports[0].host();
        key.node_port = ports[1].host();
    }
    return key;
}

/// The slots of the binding's first line whose word fits, as bits.
unsigned fitting(const Binding& binding, std::uint64_t mask, std::uint64_t wanted) {
    unsigned slots = 0;
    for (unsigned slot = 0; slot < Binding::kFirstLine; ++slot) {
        slots |= static_cast<unsigned>((binding.uplink(slot).bits() & mask) == wanted) << slot;
    }
    return slots;
}

/// Of several slots, the one that the node prefers.
unsigned first_in_order(std::uint32_t order, unsigned slots) {
    for (unsigned position = 0; position < Binding::count(order); ++position) {
        if ((slots >> Binding::slot(order, position) & 1) != 0) {
            return Binding::slot(order, position);
        }
    }
    return static_cast<unsigned>(std::countr_zero(slots));
}

}  // namespace

/// The first choice for the packet's source, looked up in advance or now; null: the node has no policy.
inline const policy::Choice* Pipeline::choice_of(const Express& packet) {
    const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
    if (policy == nullptr) {
        return nullptr;
    }
    const policy::Table& table = policy->table;
    if (table.small()) [[likely]] {
        return &table.first(packet.ip->from());
    }
    large_seen_ = true;
    return packet.choice != nullptr && packet.table == &table ? packet.choice : &table.first(packet.ip->from());
}

/// The uplink that the rule names, or the first of the node's order that is up.
inline bool Pipeline::choose(Express& packet) {
    const Binding& binding = *packet.binding;
    if ((binding.order.load(std::memory_order_acquire) & (Binding::kSecondLine | Binding::kNumbered)) != 0) {
        return false;
    }
    const policy::Choice* choice = choice_of(packet);
    if (choice == nullptr) {
        return choose_any(packet, UplinkWord::kUp, UplinkWord::kUp);
    }
    if (!choice->unconditional()) {
        choice = &policy::Table::decide(*choice, key_of(*packet.ip));
    }
    const policy::Label preferred = choice->preferred;
    return (preferred != 0 && choose_likely(packet, preferred)) || choose_otherwise(packet, *choice);
}

/// The uplink of this name that the binding's hint leads to, if it is up.
[[gnu::always_inline]] inline bool Pipeline::choose_likely(Express& packet, policy::Label name) {
    const Binding& binding = *packet.binding;
    const unsigned slot = binding.likely_slot(name);
    packet.uplink = binding.uplink(slot);
    packet.tunnel_mtu = binding.mtu[slot].load(std::memory_order_relaxed);
    return (packet.uplink.bits() & kNamedAndUp) == up_as(name);
}

/// Nothing is preferred, or the hint does not lead there. It prefers what is up: an uplink of a name that is down has
/// no other beside it.
[[gnu::noinline]] bool Pipeline::choose_otherwise(Express& packet, const policy::Choice& choice) {
    if (policy::spreads(choice.mode)) {
        return choose_by_flow(packet, choice);
    }
    return std::any_of(choice.uplinks.begin(), choice.uplinks.end(), [&](policy::Label name) {
        return choose_likely(packet, name) ||
               (packet.uplink.name() != name && choose_any(packet, kNamedAndUp, up_as(name)));
    });
}

bool Pipeline::choose_by_flow(Express& packet, const policy::Choice& choice) {
    const Binding& binding = *packet.binding;
    const auto usable = [&](policy::Label name) { return fitting(binding, kNamedAndUp, up_as(name)) != 0; };
    // When the policy was replaced since the choice was found, this packet goes by the old rule and the new rates.
    const tables::Policy* policy = binding.policy.load(std::memory_order_acquire);
    if (policy == nullptr) {
        return false;
    }
    const policy::Label name =
        policy::spread(choice, policy->table.rates(), policy::hash_of(key_of(*packet.ip)), usable);
    return name != 0 && choose_any(packet, kNamedAndUp, up_as(name));
}

/// The first uplink, in the node's order, whose word fits. A slot that is not in the order has an empty word, or for a
/// moment that of an uplink just going or coming.
[[gnu::noinline]] bool Pipeline::choose_any(Express& packet, std::uint64_t mask, std::uint64_t wanted) {
    const Binding& binding = *packet.binding;
    const unsigned slots = fitting(binding, mask, wanted);
    if (slots == 0) {
        return false;
    }
    const unsigned slot = first_in_order(binding.order.load(std::memory_order_acquire), slots);
    packet.uplink = binding.uplink(slot);  // the writer may have changed it: it must fit still
    packet.tunnel_mtu = binding.mtu[slot].load(std::memory_order_relaxed);
    return (packet.uplink.bits() & mask) == wanted;
}

/// Everything that does not depend on the way out.
inline bool Pipeline::may_encap(Express& packet) {
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

/// A packet to a node from frame to frame. False: the packet is as it came.
bool Pipeline::express_encap(Express& packet) {
    const unsigned length = packet.ip->total_length.host();
    if (!may_encap(packet) || !leads(wire::Ipv4Address{packet.uplink.care_of()}) ||
        length + sizeof(TunnelHeaders) > egress_.mtu) {
        return false;
    }
    decrement_ttl(*packet.ip);
    carried_.down.add(length);
    enter_tunnel(packet, length, egress_);
    return true;
}

}  // namespace homeward::pipeline
