#include <homeward/tunnel.h>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

using stats::Event;
using tables::Binding;
using tables::UplinkWord;

/// What the general stages alone deal with: SYNs, what may be a tunnel of ours that comes round, sources nobody has,
/// and the last hop of a TTL.
bool ordinary(const Ipv4Header& ip, std::uint32_t home_agent) {
    const auto* transport = reinterpret_cast<const std::uint8_t*>(&ip + 1);
    const unsigned length = ip.total_length.host();
    if (ip.ttl <= 1 || !ip.from().is_unicast() || ip.source.host() == home_agent) {
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

}  // namespace

/// The first uplink of the rule, or of the node's order, that is up. Each word is read once. The order is walked from
/// its end, so that which uplink it is does not decide a branch.
bool Pipeline::choose(Express& packet) const {
    const Binding& binding = *packet.binding;
    const std::uint32_t order = binding.order.load(std::memory_order_acquire);
    const unsigned count = Binding::count(order);
    const auto first_up = [&](auto fits) {
        std::uint64_t found = 0;
        unsigned found_slot = 0;
        for (unsigned position = count; position-- != 0;) {
            const unsigned slot = Binding::slot(order, position);
            const UplinkWord word = binding.uplink(slot);
            const std::uint64_t take = -static_cast<std::uint64_t>(word.up() & fits(word));  // all ones or none
            found = (word.bits() & take) | (found & ~take);
            found_slot = static_cast<unsigned>((slot & take) | (found_slot & ~take));
        }
        packet.uplink = UplinkWord{found};
        packet.tunnel_mtu = binding.mtu[found_slot].load(std::memory_order_relaxed);
        return found != 0;
    };
    if (packet.policy == nullptr) {
        return first_up([](UplinkWord) { return true; });
    }
    for (const policy::Label name : packet.policy->table.decide(packet.cursor, key_of(*packet.ip)).uplinks) {
        if (first_up([name](UplinkWord word) { return word.name() == name; })) {
            return true;
        }
    }
    return false;
}

/// Everything that does not depend on the way out.
bool Pipeline::may_encap(Express& packet) const {
    const Ipv4Header& ip = *packet.ip;
    return ordinary(ip, shared_->settings.home_agent) && routes_.lookup(ip.from()).kind() != tables::RouteKind::local &&
           choose(packet) && ip.total_length.host() <= packet.tunnel_mtu &&
           rte_pktmbuf_headroom(packet.mbuf) >= sizeof(TunnelHeaders);
}

/// A packet to a node from frame to frame. False: nothing was changed.
bool Pipeline::express_encap(Express& packet) {
    const unsigned length = packet.ip->total_length.host();
    if (!resolve(wire::Ipv4Address{packet.uplink.care_of()}) || length + sizeof(TunnelHeaders) > egress_.mtu) {
        return false;
    }
    decrement_ttl(*packet.ip);
    forget_offloads(*packet.mbuf);
    auto* headers = reinterpret_cast<TunnelHeaders*>(packet.ip) - 1;
    write_tunnel(*headers, *packet.ip, packet.uplink);
    counters_.count(Event::downlink_packets);
    counters_.count(Event::downlink_bytes, length);
    leave(packet.mbuf, &headers->ip, static_cast<unsigned>(length + sizeof(TunnelHeaders)));
    finish_checksums(*packet.mbuf, *headers, egress_.checksum_offload);
    return true;
}

}  // namespace homeward::pipeline
