#pragma once

#include <homeward/tunnel.h>

#include <algorithm>
#include <bit>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "policy/spread.h"
#include "unicast.h"
#include "way_out.h"

/// The express lane's way down: of express.cpp's one loop, and inlined there.
namespace homeward::pipeline {
namespace {

using tables::Binding;
using tables::UplinkWord;

/// What the general stages alone deal with: SYNs, what may be a tunnel of ours that comes round, sources nobody has,
/// and the last hop of a TTL.
[[gnu::always_inline]] inline bool may_enter_tunnel_plainly(const Ipv4Header& ip, unsigned length, be32 home_agent) {
    const auto* transport = reinterpret_cast<const std::uint8_t*>(&ip + 1);
    if (ip.ttl <= 1 || !is_unicast(ip.source) || ip.source == home_agent) [[unlikely]] {
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

/// The first uplink, in the node's order, whose word fits. A slot that is not in the order has an empty word, or for a
/// moment that of an uplink just going or coming.
[[gnu::noinline]] Chosen any_uplink(const Binding& binding, std::uint64_t mask, std::uint64_t wanted) {
    const unsigned slots = fitting(binding, mask, wanted);
    if (slots == 0) {
        return {};
    }
    const unsigned slot = first_in_order(binding.order.load(std::memory_order_acquire), slots);
    const UplinkWord uplink = binding.uplink(slot);  // the writer may have changed it: it must fit still
    return {uplink, (uplink.bits() & mask) == wanted ? binding.mtu[slot].load(std::memory_order_relaxed) : 0U};
}

/// The uplink that the binding's hint for this name leads to, whatever it is.
[[gnu::always_inline]] inline Chosen likely_uplink(const Binding& binding, policy::Label name) {
    const unsigned slot = binding.likely_slot(name);
    return {binding.uplink(slot), binding.mtu[slot].load(std::memory_order_relaxed)};
}

[[gnu::always_inline]] inline bool is_up_as(UplinkWord uplink, policy::Label name) {
    return (uplink.bits() & kNamedAndUp) == up_as(name);
}

/// By the hint, else by a search. A binding prefers what is up in its hints: an uplink of a name that is down has no
/// other beside it.
Chosen named_uplink(const Binding& binding, policy::Label name) {
    const Chosen likely = likely_uplink(binding, name);
    if (is_up_as(likely.uplink, name)) {
        return likely;
    }
    return likely.uplink.name() == name ? Chosen{} : any_uplink(binding, kNamedAndUp, up_as(name));
}

/// When the policy was replaced since the choice was found, this packet goes by the old rule and the new rates.
Chosen uplink_by_flow(const Binding& binding, const policy::Choice& choice, const policy::FlowKey& flow) {
    const auto usable = [&](policy::Label name) { return fitting(binding, kNamedAndUp, up_as(name)) != 0; };
    const tables::Policy* policy = binding.policy.load(std::memory_order_acquire);
    if (policy == nullptr) {
        return {};
    }
    const policy::Label name = policy::spread(choice, policy->table.rates(), policy::hash_of(flow), usable);
    return name == 0 ? Chosen{} : any_uplink(binding, kNamedAndUp, up_as(name));
}

/// Nothing is preferred by all packets, or the hint does not lead there.
[[gnu::noinline]] Chosen uplink_by_list(const Binding& binding, const policy::Choice& first, const Ipv4Header& ip) {
    const policy::FlowKey flow = key_of(ip);
    const policy::Choice& choice = policy::Table::decide(first, flow);
    if (policy::spreads(choice.mode)) {
        return uplink_by_flow(binding, choice, flow);
    }
    for (const policy::Label name : choice.uplinks) {
        if (const Chosen chosen = named_uplink(binding, name); chosen.mtu != 0) {
            return chosen;
        }
    }
    return {};
}

}  // namespace

/// The source is an address of ours, which no packet from outside has. Nearly always the first step's cell says no.
[[gnu::always_inline]] inline bool Pipeline::comes_from_us(wire::Ipv4Address source) const {
    return !tables::Route::is_unicast(routes_.first_cell(source)) &&
           routes_.lookup(source).kind() == tables::RouteKind::local;
}

/// The first choice for the packet's source, looked up from where its cursor stands or now.
[[gnu::always_inline]] inline const policy::Choice& Pipeline::choice_of(const Express& packet,
                                                                        const policy::Table& table) {
    if (table.small()) [[likely]] {
        return table.first(packet.ip->from());
    }
    large_seen_ = true;
    return indexed_ && packet.table == &table ? table.settle(packet.cursor) : table.first(packet.ip->from());
}

/// The uplink that the rule names, or the first of the node's order that is up.
[[gnu::always_inline]] inline Chosen Pipeline::choose(const Express& packet) {
    const Binding& binding = *packet.binding;
    const bool general =
        (binding.order.load(std::memory_order_acquire) & (Binding::kSecondLine | Binding::kNumbered)) != 0;
    const tables::Policy* policy = binding.policy.load(std::memory_order_acquire);
    if (general || policy == nullptr) [[unlikely]] {
        return general ? Chosen{} : any_uplink(binding, UplinkWord::kUp, UplinkWord::kUp);
    }
    const policy::Choice& choice = choice_of(packet, policy->table);
    const policy::Label preferred = choice.preferred;
    const Chosen likely = likely_uplink(binding, preferred);
    if (preferred != 0 && is_up_as(likely.uplink, preferred)) [[likely]] {
        return likely;
    }
    return uplink_by_list(binding, choice, *packet.ip);
}

[[gnu::noinline]] inline void Pipeline::finish_in_software(rte_mbuf& mbuf, TunnelHeaders& headers) {
    finish_checksums(mbuf, headers, false, egress_.udp_offload);
}

/// Puts the tunnel's headers and the Ethernet header in front and sends the packet by `egress_`.
[[gnu::always_inline]] inline void Pipeline::enter_tunnel(rte_mbuf& mbuf, const Ipv4Header& ip, unsigned length,
                                                          UplinkWord uplink) {
    const unsigned outer_length = length + static_cast<unsigned>(sizeof(TunnelHeaders));
    auto* begin = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(&ip)) - OuterFrame::kSize;
    egress_.outer.write(begin,
                        {.tos = std::uint64_t{ip.tos} & tos_mask_,
                         .length = static_cast<std::uint16_t>(outer_length),
                         .id = outer_id_++,
                         .uplink = uplink},
                        egress_.pseudo_sum);
    forget_offloads(mbuf, egress_.tunnel_flags);
    leave(&mbuf, -static_cast<int>(sizeof(TunnelHeaders)),
          static_cast<unsigned>(sizeof(EthernetHeader)) + outer_length);
    if (egress_.checksum_offload) [[likely]] {
        mbuf.tx_offload = kTunnelOffload;
    } else {
        finish_in_software(mbuf, *reinterpret_cast<TunnelHeaders*>(begin + sizeof(EthernetHeader)));
    }
}

/// A packet to a node from frame to frame. False: the packet is as it came.
[[gnu::always_inline]] inline bool Pipeline::express_encap(const Express& packet) {
    rte_mbuf& mbuf = *packet.mbuf;
    Ipv4Header& ip = *packet.ip;
    const unsigned length = packet.length;
    if (!may_enter_tunnel_plainly(ip, length, home_agent_) || comes_from_us(ip.from()) ||
        mbuf.data_off < sizeof(TunnelHeaders)) {
        return false;
    }
    const Chosen chosen = choose(packet);
    if (length > chosen.mtu) [[unlikely]] {
        return false;
    }
    find_egress(wire::Ipv4Address{chosen.uplink.care_of()});
    if (length > egress_.tunnel_mtu) [[unlikely]] {
        return false;
    }
    decrement_ttl(ip);
    carried_.down.add(length);
    enter_tunnel(mbuf, ip, length, chosen.uplink);
    return true;
}

}  // namespace homeward::pipeline
