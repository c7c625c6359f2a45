#include <homeward/tunnel.h>
#include <rte_prefetch.h>

#include <algorithm>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "policy/spread.h"

namespace homeward::pipeline {

using stats::Drop;
using stats::Event;
using tables::Binding;
using tables::UplinkWord;

namespace {

constexpr std::uint64_t kFragmentLifetimeS = 30;

}  // namespace

/// Two passes over what goes to nodes: the uplink, the headers. ICMP errors that come up on the
/// way join the list's end and get their own round.
void Pipeline::encap_all() {
    for (unsigned done = 0; done < downlink_.count;) {
        const unsigned end = downlink_.count;
        for (unsigned i = done; i < end; ++i) {
            if (choose_uplink(*downlink_.items[i])) {
                routes_.prefetch(downlink_.items[i]->uplink.wire_care_of());
            }
        }
        for (unsigned i = done; i < end; ++i) {
            if (downlink_.items[i]->mbuf != nullptr) {
                encap(*downlink_.items[i]);
            }
        }
        done = end;
    }
}

/// Sets the packet's uplink: the first one of the rule that is up. Drops the packet when there is none, and keeps it
/// when it has to wait for its first fragment.
bool Pipeline::choose_uplink(Packet& packet) {
    const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
    if (policy == nullptr) {
        if (take_uplink(packet, nullptr)) {
            return true;
        }
        drop(packet, Drop::encap_no_uplink);
        return false;
    }
    const policy::FlowKey key = flow_key(packet);
    if (hold_early(packet, policy->table, key)) {
        return false;
    }
    const policy::Candidate& candidate = policy->table.lookup(key);
    const Wanted wanted{candidate, policy->table.rates(), key};
    if (take_uplink(packet, &wanted)) {
        if (candidate.mode == policy::Mode::redundant) {
            take_second_up(packet, candidate.uplinks);
        }
        return true;
    }
    drop(packet, candidate.uplinks.empty() ? Drop::encap_policy : Drop::encap_no_uplink);
    return false;
}

/// As the rule says, or without one the first that is up. Each word is read once, so that what is chosen is what is
/// used.
bool Pipeline::take_uplink(Packet& packet, const Wanted* wanted) {
    const Binding& binding = *packet.binding;
    const std::uint32_t order = binding.order.load(std::memory_order_acquire);
    std::array<UplinkWord, ipc::kMaxUplinks> words;
    const unsigned count = std::min(Binding::count(order), static_cast<unsigned>(words.size()));
    for (unsigned position = 0; position < count; ++position) {
        words[position] = binding.uplink(Binding::slot(order, position));
    }
    const auto first = [&](auto fits) {
        const UplinkWord* const begin = words.data();
        return static_cast<unsigned>(std::find_if(begin, begin + count, fits) - begin);
    };
    const auto named = [&](policy::Label name) {
        return first([name](UplinkWord word) { return word.up() && word.name() == name; });
    };
    const auto wished = [&] {
        const auto usable = [&](policy::Label name) { return named(name) != count; };
        const policy::Label name = policy::choose(wanted->choice, wanted->rates, wanted->flow, usable);
        return name == 0 ? count : named(name);
    };
    const unsigned position = wanted == nullptr ? first([](UplinkWord word) { return word.up(); }) : wished();
    if (position == count) {
        return false;
    }
    packet.uplink = words[position];
    packet.tunnel_mtu = binding.mtu(Binding::slot(order, position));
    return true;
}

/// What the policy looks at. Later fragments follow their first one when its ports are remembered.
policy::FlowKey Pipeline::flow_key(const Packet& packet) {
    const Ipv4Header& ip = *packet.ip;
    policy::FlowKey key{.correspondent = ip.from(), .protocol = ip.protocol, .node = ip.to()};
    const auto take = [&key](FragmentCache::Ports ports) {
        key.has_port = true;
        key.port = ports.correspondent;
        key.node_port = ports.node;
    };
    if (!has_ports(ip.protocol)) {
        return key;
    }
    if (ip.is_later_fragment()) {
        if (const auto ports = fragments_.recall(ip, now_, kFragmentLifetimeS * tsc_hz_)) {
            take(*ports);
        }
        return key;
    }
    if (const auto* ports = reinterpret_cast<const be16*>(packet.transport(4)); ports != nullptr) {
        const FragmentCache::Ports shown{ports[0].host(), ports[1].host()};
        take(shown);
        if (ip.is_fragment()) {
            fragments_.remember(ip, shown, now_);
            release_early(ip);
        }
    }
    return key;
}

/// The packet has its uplink; what can still be wrong with it, and the changes a hop makes.
void Pipeline::encap(Packet& packet) {
    const bool forwarded = packet.source == Source::wire || packet.source == Source::tunnel;
    if (forwarded && (!may_enter_tunnel(packet) || !ttl_suffices(packet))) {
        return;
    }
    const bool too_big = packet.length() > packet.tunnel_mtu;
    if (too_big && packet.ip->dont_fragment()) {
        icmp_error(packet, IcmpHeader::kUnreachable, IcmpHeader::kFragmentationNeeded, packet.tunnel_mtu);
        return drop(packet, Drop::encap_too_big);
    }
    if (forwarded) {
        decrement_ttl(*packet.ip);
    }
    unsigned clamp = packet.binding->clamp_mtu.load(std::memory_order_relaxed);
    if (packet.through != nullptr) {
        clamp = std::min<unsigned>(clamp, packet.through->clamp_mtu.load(std::memory_order_relaxed));
    }
    clamp_mss(packet, clamp);
    too_big ? fragment(packet, packet.tunnel_mtu, &Pipeline::wrap) : wrap(packet);
}

/// RFC 2003 §3.2 and §5.1, RFC 5944 §4.2.3: what must not be tunnelled lest it goes round.
bool Pipeline::may_enter_tunnel(Packet& packet) {
    if (packet.source == Source::tunnel) {
        return true;  // its source is a home address, checked on the way out of the tunnel
    }
    if (!packet.ip->from().is_unicast()) {
        drop(packet, Drop::encap_bad_source);
    } else if (packet.ip->source.host() == shared_->settings.home_agent ||
               routes_.lookup(packet.ip->from()).kind() == tables::RouteKind::local) {
        drop(packet, Drop::encap_own_source);
    } else if (loops(packet)) {
        drop(packet, Drop::encap_loop);
    }
    return packet.mbuf != nullptr;
}

/// Already encapsulated for this node, by one of its care-of addresses: the node sent our tunnel packet back.
bool Pipeline::loops(const Packet& packet) const {
    const Ipv4Header& ip = *packet.ip;
    const Ipv4Header* nested = nullptr;
    if (ip.protocol == kProtocolIpip && !ip.is_later_fragment()) {
        nested = reinterpret_cast<const Ipv4Header*>(packet.transport(sizeof(Ipv4Header)));
    } else if (ip.protocol == kProtocolUdp && !ip.is_later_fragment()) {
        constexpr unsigned kFraming = sizeof(UdpHeader) + sizeof(TunnelHeader);
        const std::uint8_t* transport = packet.transport(kFraming + sizeof(Ipv4Header));
        if (transport != nullptr && transport[sizeof(UdpHeader)] == HOMEWARD_TUNNEL_TYPE_DATA &&
            transport[sizeof(UdpHeader) + 1] == HOMEWARD_NEXT_HEADER_IPV4) {
            nested = reinterpret_cast<const Ipv4Header*>(transport + kFraming);
        }
    }
    if (nested == nullptr || nested->destination != ip.destination) {
        return false;
    }
    const std::uint32_t order = packet.binding->order.load(std::memory_order_acquire);
    for (unsigned position = 0; position < Binding::count(order); ++position) {
        if (packet.binding->uplink(Binding::slot(order, position)).care_of() == ip.source.host()) {
            return true;
        }
    }
    return false;
}

/// Puts the tunnel's headers in front and sends the packet to the uplink's care-of address.
void Pipeline::wrap(Packet& packet) {
    if (packet.uplink.plain()) {
        return wrap_plainly(packet);
    }
    const Ipv4Header inner = *packet.ip;
    auto* headers = reinterpret_cast<TunnelHeaders*>(rte_pktmbuf_prepend(packet.mbuf, sizeof(TunnelHeaders)));
    if (headers == nullptr) {
        return drop(packet, Drop::encap_no_headroom);
    }
    const std::uint16_t number = number_of(packet);
    write_tunnel(*headers, inner, packet.uplink, number);
    packet.ip = &headers->ip;
    packet.wrapped = true;
    if (number != 0) {
        make_copies(packet, inner, number);
    }
    counters_.count(Event::downlink_packets);
    counters_.count(Event::downlink_bytes, inner.total_length.host());
    transmit(packet);
}

/// The same without UDP (RFC 2003).
void Pipeline::wrap_plainly(Packet& packet) {
    const Ipv4Header inner = *packet.ip;
    auto* outer = reinterpret_cast<Ipv4Header*>(rte_pktmbuf_prepend(packet.mbuf, sizeof(Ipv4Header)));
    if (outer == nullptr) {
        return drop(packet, Drop::encap_no_headroom);
    }
    *outer = outer_header(inner, packet.uplink, sizeof(Ipv4Header));
    outer->protocol = kProtocolIpip;
    set_checksum(*outer);
    packet.ip = outer;
    packet.wrapped = true;
    counters_.count(Event::downlink_packets);
    counters_.count(Event::downlink_bytes, inner.total_length.host());
    transmit(packet);
}

/// 0: none. What answers a node in its own tunnel has no `binding`, and no number.
std::uint16_t Pipeline::number_of(const Packet& packet) const {
    const std::uint32_t index =
        packet.binding == nullptr ? 0 : packet.binding->rest->numbered.load(std::memory_order_acquire);
    if (index == 0) {
        return 0;
    }
    tables::Numbered& numbered = tables_.numberings().at(index);
    return numbered.everything || packet.second.present() ? numbered.down.next() : std::uint16_t{0};
}

/// The outer packet is atomic (DF set), so that its id may be any (RFC 6864 §4.1). `overhead`: of the tunnel.
/// Without checksum.
Ipv4Header Pipeline::outer_header(const Ipv4Header& inner, UplinkWord uplink, std::size_t overhead) {
    return {.version_ihl = 0x45,
            .tos = static_cast<std::uint8_t>(inner.tos & tos_mask_),
            .total_length = be16{static_cast<std::uint16_t>(inner.total_length.host() + overhead)},
            .id = be16{0},
            .fragment = be16{Ipv4Header::kDontFragment},
            .ttl = kTunnelTtl,
            .protocol = kProtocolUdp,
            .checksum = be16{0},
            .source = be32{shared_->settings.home_agent},
            .destination = uplink.wire_care_of()};
}

/// Everything but the checksums.
void Pipeline::write_tunnel(TunnelHeaders& headers, const Ipv4Header& inner, UplinkWord uplink, std::uint16_t number) {
    headers.ip = outer_header(inner, uplink, sizeof(TunnelHeaders));
    const auto length = static_cast<std::uint16_t>(headers.ip.total_length.host() - sizeof(Ipv4Header));
    headers.udp = {be16{shared_->settings.tunnel_port}, uplink.wire_port(), be16{length}, be16{0}};
    headers.tunnel = {HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, be16{number}};
}

}  // namespace homeward::pipeline
